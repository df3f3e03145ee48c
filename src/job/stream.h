/* A stream: the bytes of a list's files one after the other, many files fetched ahead (heliodex.h, "stream").
 *
 *   stream.c       the window of files that are under way, what may begin, what is handed out
 *   stream_file.c  one file of it: its request, its bytes, its verification
 *
 *   list ──→ │ ended │ ended │ front │ active │ waiting │ ──→ not yet looked at
 *              ↑ handed out     ↑ the first that has not ended
 *
 * Bytes that are fetched ahead are copied out of the engine's blocks into pieces of just their size, and counted: all
 * together are no more than a budget, and a file that does not fit waits. Not so the front: nothing before it is still
 * to come, so it is begun whatever the budget is, and if it is large its blocks are kept as they are; of those the
 * engine lends only so many (HDX_LENT_BYTES_MAX) and then waits. So what the consumer needs next never waits for what
 * comes behind it, and a consumer that is slow stops all of it.
 *
 * Everything runs in the caller's thread, and only while it is in hdx_stream_next. */
#ifndef HDX_JOB_STREAM_H
#define HDX_JOB_STREAM_H

#include "base/error.h"
#include "job/files.h"
#include "job/place.h"
#include "job/progress.h"
#include "job/verify.h"

/* Some bytes of a file, behind one another. */
struct hdx_piece {
  struct hdx_piece *next;
  struct hdx_block *block; /* that they lie in; NULL: in `copy` */
  const char *data;
  size_t size;
  char copy[];
};

enum hdx_stream_state { HDX_STREAM_WAITING, HDX_STREAM_ACTIVE, HDX_STREAM_ENDED };

struct hdx_stream_file {
  struct hdx_stream *stream;
  struct hdx_stream_file *next;    /* in the list */
  struct hdx_stream_file *waiting; /* the next one that waits */
  uint64_t number;                 /* in the list */
  struct hdx_file file;            /* texts lie in `texts` */
  char *texts, *path;
  enum hdx_stream_state state;
  struct hdx_target target; /* all zero until it is first asked for */
  struct hdx_verify verify;
  uint64_t expected; /* bytes that it is thought to have, before its server has told */
  uint64_t size;     /* that its server has told; UINT64_MAX: it has not */
  int64_t modified;
  uint64_t charge;                /* its part of the budget */
  uint64_t came;                  /* bytes since the last begin */
  uint64_t handed;                /* bytes that were handed out */
  uint32_t handed_crc, again_crc; /* CRC-32C of these; of as many bytes as came anew of them */
  struct hdx_piece *pieces, **last_piece;
  uint64_t held; /* bytes of pieces that are copies */
  bool told;     /* its first chunk was handed out */
  bool fetched_anew;
  bool heading, headed;   /* HEAD is asked; it was, and is not asked again */
  bool put_back;          /* it does not fit after all: once its request has ended, it waits */
  bool doomed;            /* we have ended its request */
  enum hdx_status status; /* what became of it */
  char *message;          /* NULL: none, or no memory for it */
  uint32_t checks;
};

struct hdx_stream {
  struct hdx_session *session;
  struct hdx_files *files;
  struct hdx_stream_options options;
  struct hdx_layout *layout; /* NULL: no paths */
  struct hdx_claims *claims; /* which files have them */
  bool restarts;             /* a file of which bytes were handed out may begin anew: `first` tells so */
  uint64_t budget, used;
  size_t file_count, active;
  struct hdx_stream_file *head, *front, *last;
  uint64_t seen;                   /* files of the list that were taken into the window */
  struct hdx_stream_file *waiting; /* in the list's order */
  const struct hdx_file *portion;  /* of the list, from the next one on */
  size_t portion_count;
  bool list_ended;
  bool interrupted;            /* for good: what was under way is lost */
  enum hdx_status list_status; /* what the list ended with, told behind its last file */
  struct hdx_error list_error;
  uint64_t mean_bytes; /* of files so far, for those whose size is not stated */
  struct hdx_chunk chunk;
  struct hdx_piece *borrowed;   /* what the chunk shows */
  bool popped;                  /* the chunk was the head's last */
  struct hdx_buffer path, text; /* to work in */
  struct hdx_progress_timer progress;
  void (*count)(void *user, struct hdx_progress *progress); /* tells otherwise which files are done; or NULL */
  void *count_user;
  struct hdx_files_totals totals;
  uint64_t files_done, files_failed, bytes_come;
};

/* As hdx_stream_open; `restarts` as above. */
enum hdx_status hdx_stream_begin(struct hdx_session *session, struct hdx_files *files,
                                 const struct hdx_stream_options *options, bool restarts, struct hdx_stream **stream,
                                 struct hdx_error *error);

/* A copy of a file, whose texts lie in *texts, which the caller frees. False: out of memory. */
bool hdx_file_keep(const struct hdx_file *file, struct hdx_file *own, char **texts);

/* stream_file.c */

/* A file of the window, which waits, or has ended if it cannot be fetched. NULL: out of memory. */
struct hdx_stream_file *hdx_stream_file_new(struct hdx_stream *stream, const struct hdx_file *file);
/* Has its request ended soon, as it is not wanted any more. */
void hdx_stream_file_drop(struct hdx_stream_file *file);
/* Nothing of it may be under way. */
void hdx_stream_file_free(struct hdx_stream_file *file);
/* Asks for it; if that fails, it has ended. */
void hdx_stream_file_start(struct hdx_stream_file *file);
/* Whether bytes that have come may be handed out now. */
bool hdx_stream_file_open(const struct hdx_stream_file *file);
/* The next bytes, the caller's, to be freed by hdx_stream_piece_free; NULL: none. */
struct hdx_piece *hdx_stream_file_take(struct hdx_stream_file *file);
void hdx_stream_piece_free(struct hdx_stream *stream, struct hdx_piece *piece);

/* stream.c, for stream_file.c */

/* Sets a file's part of the budget. */
void hdx_stream_charge(struct hdx_stream_file *file, uint64_t bytes);
/* Has it wait for its turn to begin. */
void hdx_stream_wait(struct hdx_stream_file *file);
/* It has ended: status, message and checks are set. */
void hdx_stream_ended(struct hdx_stream_file *file);

#endif
