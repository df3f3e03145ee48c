/* Lists of data files (heliodex.h, "files"): where they come from, and where each of them is fetched from.
 *
 *   files.c          the public functions over the kinds of lists; shards by hash
 *   files_bucket.c   the bucket that a list is read through, and that its keys are in
 *   files_target.c   where files are fetched from, what they are called, what they are checked by
 *   files_query.c    the rows of a query
 *   files_list.c     a list that was written to a file: lines, CSV, NDJSON
 *   files_array.c    an array of the caller
 *   plan.c           plans: opened, a shard as a list; plan_write.c: written; plan_merge.c: reports beside a plan
 *
 * Whose word counts: rows of a query are a catalog's, and so are lists for which a bucket of the network is named (they
 * mostly were rows of its catalog): they may name neither files of this machine nor link-local addresses. A list for
 * which none, or a copy on this machine, is named is its user's own.
 *
 * Caller's thread, which also is the loop's; but nothing here runs the loop, except that hdx_files_of_query,
 * hdx_files_read, hdx_files_of_array and hdx_plan_files may ask for a catalog: lists may be read, and targets found, in
 * what the loop calls. */
#ifndef HDX_JOB_FILES_H
#define HDX_JOB_FILES_H

#include "job/input.h"
#include "job/session.h"

enum { HDX_FILES_PORTION = 1024 /* files that are handed out at once, at the most */ };

/* One kind of list. */
struct hdx_files_kind {
  /* The next portion; *count 0 at the end. */
  enum hdx_status (*next)(struct hdx_files *files, const struct hdx_file **list, size_t *count,
                          struct hdx_error *error);
  void (*rewind)(struct hdx_files *files);
  void (*close)(struct hdx_files *files);
};

/* A bucket that locations alone name. */
struct hdx_files_bucket {
  struct hdx_text url; /* "s3://bucket/" */
  struct hdx_source source;
};

enum { HDX_FILES_BUCKETS_MAX = 64 };

/* What all kinds begin with. */
struct hdx_files {
  const struct hdx_files_kind *kind;
  struct hdx_session *session;
  bool planned;                /* it is of a plan, which was cut before */
  uint32_t shard, shard_count; /* 0: all files */
  bool other_shards;           /* their files are handed out as well, from the next rewind on */
  bool foreign;                /* of a plan: those that were handed out last are of another shard */
  uint64_t refused_count;
  uint64_t unread_count; /* files that are fetched, and whose stated checksum cannot be read */
  uint64_t refused_told; /* so many are no news */
  bool incomplete; /* rows may be missing that should be there: a dataset failed, years could not be read, or an index
                      file is gone since it was asked last */
  void (*refused)(void *user, const struct hdx_file *file, const char *message); /* NULL: nobody wants to know */
  void *refused_user;
  struct hdx_text base;       /* of keys without a scheme, in the bucket that was named; empty: none was */
  struct hdx_arena locations; /* of a portion: those that had to be made of keys */
  struct hdx_buffer work;     /* one of them */
  /* Through what locations are read. */
  struct hdx_arena arena;          /* of the source that was made for the bucket that was named */
  const struct hdx_source *source; /* of the list's bucket; NULL: none was named */
  struct hdx_catalog *catalog;     /* that `source` is of, owned; or NULL */
  bool remote;                     /* its locations are what a document of the network says */
  struct hdx_arena bucket_arena;
  struct hdx_files_bucket *buckets; /* that no source is known of; forgotten when they become too many */
  size_t bucket_count;
  char checked[HDX_URL_BYTES_MAX]; /* "s3://bucket/" that the last location had */
  size_t checked_size;
  struct hdx_file kept[HDX_FILES_PORTION]; /* of a portion, those that are in the shard */
};

/* Fills what all kinds begin with. */
void hdx_files_init(struct hdx_files *files, struct hdx_session *session, const struct hdx_files_kind *kind);
void hdx_files_deinit(struct hdx_files *files);

/* Names the bucket that keys without a scheme are in and that the list is read through. Errors of hdx_catalog_load. */
enum hdx_status hdx_files_name_bucket(struct hdx_files *files, const char *bucket, struct hdx_error *error);

/* Makes the key that file->location is a location: itself, or, if it has no scheme, below `base`, until the locations
 * are cleared. USAGE, DENIED: as hdx_files_check, or it is too long, or empty; MEMORY. It then is what may be told of
 * it (hdx_files_on_refused), until the next call. */
enum hdx_status hdx_files_locate(struct hdx_files *files, struct hdx_text base, struct hdx_file *file,
                                 struct hdx_error *error);

/* Whether a location may be one of a file of this list. USAGE: it is none, or of no file; DENIED: it may not be named.
 */
enum hdx_status hdx_files_check(struct hdx_files *files, struct hdx_text location, struct hdx_error *error);

/* Whether a file of the latest portion is in the shard that the list is of. */
bool hdx_files_in_shard(const struct hdx_files *files, struct hdx_text location);

/* The file that a line of a list or report is of; its texts are the line's. */
struct hdx_list_row;
struct hdx_file hdx_file_of_row(const struct hdx_list_row *row);

/* Counts and tells something that names no file. */
void hdx_files_refuse(struct hdx_files *files, const struct hdx_file *file, const char *message);

/* Where a file is fetched from; the session is online. As hdx_source_locate and hdx_session_target; `target` is to be
 * freed in any case. Sources of buckets that are named by locations alone are kept in the list. */
enum hdx_status hdx_files_target(struct hdx_files *files, const struct hdx_file *file, struct hdx_target *target,
                                 struct hdx_error *error);

/* Warns of a file whose index states a checksum that cannot be read: other things alone tell whether it is sound. */
void hdx_files_tell_unread(struct hdx_files *files, const struct hdx_file *file);

/* What a location is called: the bucket (of http(s):// host and port, of file:// empty) and the key as it is (of other
 * URLs than s3:// and gs:// the path, decoded, without its first slash). The views point into the location or into
 * `text`, which is cleared first. USAGE: not a location, or of no file. */
enum hdx_status hdx_file_names(struct hdx_text location, struct hdx_buffer *text, struct hdx_text *bucket,
                               struct hdx_text *key, struct hdx_error *error);

/* The query that a list is of; NULL: of none. */
const struct hdx_query *hdx_files_query(const struct hdx_files *files);

/* The digest that the index states for a file; check HDX_CHECK_SIZE: none, or none that can be checked. */
struct hdx_digest;
void hdx_file_digest(const struct hdx_file *file, struct hdx_digest *digest);

/* Rows of a file that was opened before, of which bytes [from, to) are a list; the input must outlive it. `line` is the
 * number of its first line. Errors of hdx_files_read for the bucket. */
struct hdx_files_part {
  const struct hdx_input *input;
  uint64_t from, to, line;
  uint64_t all_from, all_to, all_line; /* the same of the shards before and behind it, and it */
};
enum hdx_status hdx_files_of_part(struct hdx_session *session, const struct hdx_files_part *part, const char *bucket,
                                  struct hdx_files **files, struct hdx_error *error);

#endif
