/* Lists of data files (heliodex.h, "files"): where they come from, and where each of them is fetched from.
 *
 *   files.c        the public functions over the kinds of lists; shards by hash
 *   files_query.c  the rows of a query
 *   files_list.c   a list that was written to a file: lines, CSV, NDJSON
 *   plan.c         plans: written, opened, a shard as a list; plan_merge.c: reports beside a plan
 *
 * Caller's thread, which also is the loop's. */
#ifndef HDX_JOB_FILES_H
#define HDX_JOB_FILES_H

#include "job/session.h"

/* One kind of list. */
struct hdx_files_kind {
  /* The next portion; *count 0 at the end. */
  enum hdx_status (*next)(struct hdx_files *files, const struct hdx_file **list, size_t *count,
                          struct hdx_error *error);
  void (*rewind)(struct hdx_files *files);
  void (*close)(struct hdx_files *files);
};

/* What all kinds begin with. */
struct hdx_files {
  const struct hdx_files_kind *kind;
  struct hdx_session *session;
  uint32_t shard, shard_count; /* 0: all files */
  uint64_t refused_count;
  bool incomplete; /* rows are missing that should be there: a dataset failed, or years could not be read */
  void (*refused)(void *user, const char *message); /* NULL: nobody wants to know */
  void *refused_user;
  /* Through what locations are read. */
  struct hdx_arena arena;          /* of the source that is made for a bucket that no source is known of */
  const struct hdx_source *source; /* of the list's bucket; NULL: none was named */
  struct hdx_catalog *catalog;     /* that `source` is of, owned; or NULL */
  struct hdx_file *kept;           /* of a portion, those that are in the shard */
  size_t kept_capacity;
};

/* Where a file is fetched from; the session is online. As hdx_source_locate and hdx_session_target; `target` is to be
 * freed in any case. Sources of buckets that are named by locations alone are kept in the list. */
enum hdx_status hdx_files_target(struct hdx_files *files, const struct hdx_file *file, struct hdx_target *target,
                                 struct hdx_error *error);

/* What a location is called: the bucket (of http(s):// host and port, of file:// empty) and the key as it is (of other
 * URLs than s3:// and gs:// the path, decoded, without its first slash). The views point into the location or into
 * `text`, which is cleared first. USAGE: not a location, or of no file. */
enum hdx_status hdx_file_names(struct hdx_text location, struct hdx_buffer *text, struct hdx_text *bucket,
                               struct hdx_text *key, struct hdx_error *error);

/* The digest that the index states for a file; check HDX_CHECK_SIZE: none, or none that can be checked. */
struct hdx_digest;
void hdx_file_digest(const struct hdx_file *file, struct hdx_digest *digest);

#endif
