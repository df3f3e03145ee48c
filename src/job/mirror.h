/* A mirror: the files of a list downloaded to a folder.
 *
 *   mirror.c         the public functions, a run: its beginning, its course, its end
 *   mirror_list.c    the list in chunks: where each file goes, whether it is complete or begun already
 *   mirror_file.c    one file: asked for, its bytes as they come, what follows from the outcome
 *   mirror_write.c   the same on a worker: written, verified
 *   mirror_commit.c  files that are complete but for their names: synced and renamed, many at a time
 *   mirror_extra.c   files that are not wanted any more
 *   mirror_verify.c  checking what was mirrored
 *
 *   list ─chunk→ CHECKED (worker) ─┬─ complete → told
 *                                  └─ WAITING → FETCHING ⇄ written (worker) → READY → committed (worker) → told
 *
 * All decisions are made on the loop thread; a worker owns a chunk, a file or a batch only while it runs its work. A
 * file has its place below the destination (claims.h) before anything is asked for, in the order of the list, so that
 * the tree does not depend on what comes first. */
#ifndef HDX_JOB_MIRROR_H
#define HDX_JOB_MIRROR_H

#include "base/time.h"
#include "job/files.h"
#include "job/place.h"
#include "job/progress.h"
#include "job/verify.h"
#include "mirror/destination.h"
#include "mirror/journal.h"

#define HDX_PARTIAL_NAME_MAX 33 /* 32 hexadecimal digits of a hash, and NUL */

struct hdx_mirror_run;
struct hdx_mirror_chunk;

/* What a server said of an object; texts are its own. */
struct hdx_mirror_head {
  struct hdx_fetch_head head;
  char *texts; /* all of them, back to back */
};

/* One file of the list. Texts are the chunk's, but for those of the fetch. */
struct hdx_mirror_file {
  struct hdx_work work;
  struct hdx_mirror_chunk *chunk;
  struct hdx_mirror_file *next;          /* among those that wait, are ready or are in a batch */
  struct hdx_mirror_file *active, *back; /* its neighbours among those that are fetched */
  struct hdx_file file;
  const char *path; /* below the destination; NULL: it has none */
  char partial[HDX_PARTIAL_NAME_MAX];
  enum hdx_status status; /* of a failure, with its message (malloc'ed; NULL: the status alone) */
  char *message;

  /* what the journal says of it */
  bool known; /* complete once, as the members below say; */
  bool held;  /* and it is still there, or another file that is adopted */
  bool adopted;
  bool there; /* some file is in its place, */
  uint64_t there_size;
  int64_t there_modified;
  uint64_t known_size;
  int64_t known_modified;
  uint32_t known_crc32c, known_checks;
  const char *known_etag;
  const char *begun_etag; /* extents have come of this version, which has begun_size bytes; NULL: not begun */
  uint64_t begun_size;

  /* of the fetch */
  struct hdx_target target;
  bool verifying; /* `verify` is initialised */
  struct hdx_verify verify;
  unsigned weight;              /* requests that it is taken to have in flight; 0: it is not fetched */
  unsigned tries;               /* that ended with a wrong checksum */
  bool open;                    /* a request is under way, */
  bool head_only;               /* of its head alone */
  struct hdx_mirror_head *told; /* by HEAD; NULL: not asked */
  struct hdx_mirror_head *came; /* by the request for the bytes; not yet told to the worker */
  char *etag;                   /* of the bytes; or the date, where there is no tag */
  uint64_t size;                /* that they have, as the server says; UINT64_MAX: it does not */
  uint64_t bytes;               /* that came from the network */
  uint64_t kept;                /* of an earlier run */
  bool alone;                   /* the worker says: the failure is the file's own, and tells nothing of the disk */

  /* writing: blocks that wait, and those that the worker has */
  struct hdx_block *queue, **queue_last, *taken;
  size_t queued; /* bytes */
  bool busy, ended;
  bool last;                    /* told to the worker: no more comes; `head` too, if what was written is void */
  struct hdx_mirror_head *head; /* the worker's while busy */
  int fd;                       /* of the partial file; -1: not open */
  bool owned;                   /* the partial file was opened here, so that no other process writes it */
  struct hdx_extents extents;
  uint64_t hashed;    /* bytes from the beginning that went into `verify` */
  uint64_t journaled; /* bytes of extents that the journal has */
  enum hdx_status write_status;
  struct hdx_error write_error;
  uint64_t size_written;     /* what the server said when the bytes began; once complete: what the file has */
  int64_t modified;          /* that the server says; once complete: that the file has */
  uint32_t crc32c, verified; /* once complete; checks as bits */
};

/* A chunk is held as long as one of its files is under way, so that in a rerun that has few files to fetch, each of
 * them may hold one: 64 files take 116 KB. */
#define HDX_CHUNK_FILES 64

/* Some of the list's files, one behind the other. */
struct hdx_mirror_chunk {
  struct hdx_work work;
  struct hdx_mirror_run *run;
  struct hdx_mirror_chunk *next;
  struct hdx_arena arena; /* of texts */
  struct hdx_mirror_folders *folders;
  size_t count, left; /* files; those that are not settled */
  struct hdx_mirror_file files[HDX_CHUNK_FILES];
};

/* Open folders of the destination, lent to one work at a time. */
struct hdx_mirror_folders {
  struct hdx_mirror_folders *next;
  struct hdx_folders folders;
};

/* Files that get their names together. */
struct hdx_mirror_batch {
  struct hdx_work work;
  struct hdx_mirror_run *run;
  struct hdx_mirror_file *files;
  struct hdx_mirror_folders *folders;
  size_t count;
  const struct hdx_mirror_file *broken; /* the disk is: what became of this file says so */
};

struct hdx_mirror_run {
  struct hdx_session *session;
  struct hdx_files *files;
  const struct hdx_mirror_options *options;
  struct hdx_mirror_summary *summary;
  struct hdx_layout *layout;
  struct hdx_destination destination;
  struct hdx_journal *journal;
  struct hdx_claims *claims;
  struct hdx_mirror_folders *folders; /* that no work has */
  struct hdx_buffer path, text;       /* for the moment */
  struct hdx_buffer extra;            /* what is not wanted any more: mirror_extra.c */
  uint64_t extra_count;

  /* the list */
  const struct hdx_file *portion;
  size_t portion_count, portion_at;
  bool list_ended;
  struct hdx_mirror_chunk *spare; /* to be used again */
  size_t checking;                /* chunks that workers look at */
  struct hdx_mirror_file *waiting, **waiting_last;
  size_t waiting_count;

  /* under way */
  uint64_t weight; /* requests that the files which are fetched are taken to have */
  struct hdx_mirror_file *active;
  struct hdx_mirror_file *ready, **ready_last;
  size_t ready_count;
  struct hdx_mirror_batch batch; /* one at a time, so that the next one gathers meanwhile */
  bool committing;

  uv_timer_t watch;
  bool watch_open;
  uint64_t started_ns, space_seen_ns;
  uint64_t bytes_before; /* that the engine had received when the run began */
  uint64_t files_done;
  uint64_t anew_count;  /* fetched anew, as they were not what they must be */
  uint64_t bytes_begun; /* sizes of the files that were begun, as far as they are known */
  uint64_t succeeded;
  enum hdx_status stop; /* not OK: begin nothing more, and why */
  bool ending;          /* but what is under way goes on */
  atomic_bool stopping; /* the same for workers: read no more of what is there */
  struct hdx_error stop_error;
  enum hdx_status gravest;
  struct hdx_error first_error;
  bool done, advancing;
};

/* mirror.c */
/* Something was settled: goes on with the list, begins what there is room for, sees whether all is done. */
void hdx_mirror_advance(struct hdx_mirror_run *run);
/* Nothing more is begun; what is under way is ended, and stays where it is. */
void hdx_mirror_stop(struct hdx_mirror_run *run, enum hdx_status status, const char *message);
/* Tells and counts what became of a file. Its chunk is let go with the last one. */
void hdx_mirror_settle(struct hdx_mirror_file *file, enum hdx_mirror_outcome outcome);
/* Notes a failure; the first one of a file counts. */
void hdx_mirror_fail(struct hdx_mirror_file *file, enum hdx_status status, const char *message);
/* The same, and settles it. */
void hdx_mirror_give_up(struct hdx_mirror_file *file, enum hdx_status status, const char *message);
struct hdx_mirror_folders *hdx_mirror_folders_take(struct hdx_mirror_run *run, struct hdx_error *error);
void hdx_mirror_folders_put(struct hdx_mirror_run *run, struct hdx_mirror_folders *folders);

/* mirror_list.c */
void hdx_mirror_chunk_put(struct hdx_mirror_chunk *chunk);
void hdx_mirror_chunks_free(struct hdx_mirror_run *run);
/* Goes through the whole list: claims places, counts what is to be done (in the summary). */
enum hdx_status hdx_mirror_survey(struct hdx_mirror_run *run, struct hdx_error *error);
/* Takes the next chunk from the list and has it looked at, if there is one. Errors of hdx_files_next. */
enum hdx_status hdx_mirror_pull(struct hdx_mirror_run *run, struct hdx_error *error);

/* mirror_file.c */
void hdx_mirror_start(struct hdx_mirror_file *file);
/* How many requests it is taken to need at once. */
unsigned hdx_mirror_weight(const struct hdx_mirror_file *file);
/* Ends the request of a file, as hdx_mirror_fail said why. */
void hdx_mirror_abort(struct hdx_mirror_file *file);
void hdx_mirror_head_free(struct hdx_mirror_head *head); /* NULL is allowed */
/* Frees what a settled file has. */
void hdx_mirror_file_deinit(struct hdx_mirror_file *file);

/* mirror_write.c */
/* The work of a file: writes what was taken, and with `last` verifies and finishes. */
void hdx_mirror_write(struct hdx_work *work);
/* The work of a file that an earlier run began: whether its bytes are those that the journal says; drops extents that
 * are not. */
void hdx_mirror_check_begun(struct hdx_work *work);
/* Reads `from` to `to` of an open file; *crc32c goes on with them, and so does `verify` (NULL: not needed). IO, also
 * where the file is shorter; INTERRUPTED: *ended became true. */
enum hdx_status hdx_mirror_read_through(int fd, const char *path, uint64_t from, uint64_t to, struct hdx_verify *verify,
                                        uint32_t *crc32c, const atomic_bool *ended, struct hdx_error *error);

/* mirror_commit.c */
void hdx_mirror_ready(struct hdx_mirror_file *file);
/* Begins a batch unless one is under way. */
void hdx_mirror_commit(struct hdx_mirror_run *run);

/* mirror_extra.c */
/* Gathers what is not wanted any more, as the survey has asked for all that is. LIMIT, MEMORY. */
enum hdx_status hdx_mirror_gather_extra(struct hdx_mirror_run *run, struct hdx_error *error);
/* Deletes what was gathered, or tells it. */
enum hdx_status hdx_mirror_delete_extra(struct hdx_mirror_run *run, struct hdx_error *error);

#endif
