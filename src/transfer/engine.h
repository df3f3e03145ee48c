/* The inside of the engine, for the files of this folder only.
 *
 *   engine.c    queue, pump, timers, opening and closing
 *   socket.c    libcurl's sockets on libuv's loop
 *   attempt.c   one HTTP request: from options to outcome
 *   fetch.c     one object: its request, what follows from an attempt's outcome
 *   parts.c     its parts: which bytes, in which order, where their blocks go
 *   accept.c    what the head of an answer means
 *   answer.c    what an answer that is no object means; redirect.c: where it leads
 *   bucket.c    buckets of S3: their address, region and access; what their refusals mean
 *   file.c      file:// objects
 *
 *   fetch ──has── parts, in order of offset: the first that is not finished is the head
 *   part:  QUEUED ─pump→ ACTIVE ─outcome→ DONE (in no list)
 *            ↑─────── WAITING ←─┘   in the engine's list until a retry is due, in the bucket's for the credentials
 *
 * The head hands its blocks out at once; parts behind it run ahead and keep theirs, which they have reserved, until
 * they become the head. So the head never waits for memory that only its own progress could free.
 *
 * Of a scattered object every part hands its blocks out at once. None holds one while it waits, for a block or for its
 * next attempt: so those that have none wait only for those that fill theirs, and for the consumer. */
#ifndef HDX_TRANSFER_ENGINE_H
#define HDX_TRANSFER_ENGINE_H

#include "base/error.h"
#include "base/url.h"
#include "transfer/bucket.h"
#include "transfer/curl_api.h"
#include "transfer/fetch.h"
#include "transfer/head.h"
#include "transfer/headers.h"
#include "transfer/host.h"
#include "transfer/identity.h"
#include "transfer/loop.h"
#include "transfer/part_list.h"
#include "transfer/retry.h"

struct hdx_socket;

enum hdx_part_state {
  HDX_PART_QUEUED,
  HDX_PART_ACTIVE,
  HDX_PART_WAITING, /* to be tried again, or for the credentials */
  HDX_PART_DONE     /* has all its bytes, behind the head */
};

/* Why a callback ended an attempt. */
enum hdx_refusal {
  HDX_REFUSAL_NONE,
  HDX_REFUSAL_RETRY,   /* a wrong answer that may pass */
  HDX_REFUSAL_CHANGED, /* the object is another now */
  HDX_REFUSAL_WHOLE,   /* ranges do not work: fetch it whole */
  HDX_REFUSAL_FINAL
};

struct hdx_part {
  struct hdx_fetch *fetch;
  struct hdx_part *sibling;   /* the part behind this one in the object */
  struct hdx_part_list *list; /* the one list that it is in */
  struct hdx_part *next, *prev;
  enum hdx_part_state state;
  uint64_t from, to; /* bytes of the object; to is UINT64_MAX where the size is not known */
  uint64_t received; /* of them, all attempts together */
  unsigned attempts; /* since the last progress worth the name */
  uint64_t first_attempt_ns, due_ns;
  struct hdx_block *block;               /* being filled */
  struct hdx_block *ready, **ready_last; /* full, kept until this part is the head */
  size_t reserved, ahead;                /* blocks spoken for, now and in all */

  /* of the attempt under way */
  CURL *easy;
  struct hdx_host *host; /* that is asked: a redirect may have sent the fetch to another one meanwhile */
  struct hdx_headers headers;
  struct hdx_head head;
  bool ranged;              /* the request has a range */
  unsigned redirects;       /* of the fetch so far, when the attempt began */
  struct hdx_buffer answer; /* the body of one that is no object: an error document */
  unsigned generation;      /* of the credentials that signed it; 0: anonymous */
  int64_t skew_ns;          /* with which it was signed */
  bool accepted;            /* the head was looked at */
  bool enough;              /* the attempt was ended, as all bytes that are wanted have come */
  bool paused;
  bool resuming;           /* libcurl hands over what it kept, and goes on to wait whatever is made of that */
  uint64_t sent_ns;        /* when it began */
  bool heard;              /* its answer has begun */
  uint64_t progress_ns;    /* when the answer began, or more than a drip of it had come */
  uint32_t drip_bytes;     /* what came since then */
  uint64_t attempt_bytes;  /* of the body that is wanted */
  uint64_t unwanted_bytes; /* of an answer that is none */
  uint64_t wait_us;        /* from the request's end to the answer's first byte */
  enum hdx_refusal refusal;
  struct hdx_error refused;
  bool refused_for_other; /* refused anonymously, for a reason that is not the object's */
  bool unsigned_too;      /* it was refused to a user who may read nothing of the bucket so far */
  char curl_error[CURL_ERROR_SIZE];
};

struct hdx_fetch {
  struct hdx_engine *engine;
  struct hdx_fetch *next, *prev;
  struct hdx_fetch_request request; /* texts are its own copies */
  char *url;                        /* where it is now, after redirects */
  struct hdx_url place;             /* the same, taken apart: of a bucket's object alone */
  struct hdx_bucket *bucket;        /* request.bucket; NULL once a redirect has led away from it */
  unsigned moves;                   /* of the bucket, that url takes into account */
  const char *name;                 /* what messages call it; request.url, or its own copy after a redirect */
  struct hdx_host *host;
  struct hdx_part *parts; /* those that are not finished, by offset */
  uint64_t size, planned; /* of the object; up to where parts were made */
  size_t range;           /* of the request's, that parts are made of */
  uint64_t bytes;         /* handed out since the last begin */
  unsigned redirects, restarts, attempts;
  bool begun, whole; /* whole: not in parts */
  bool announced;    /* begin was called: it is modified, whatever is said later */
  bool anew;         /* the ranges that were wanted are of another version: all is */
  bool asking_why;   /* HEAD was refused, which does not say why: asked by GET */
  bool aborted;      /* ends on the loop's next turn, as the next two say */
  enum hdx_status abort_status;
  char *abort_message;
  bool ending; /* what it has is being handed out: there is nothing left to abort */
  bool not_of_object, too_large;
  char etag[HDX_ETAG_BYTES_MAX], last_modified[HDX_DATE_BYTES_MAX];
  struct hdx_local *file; /* of a file:// object */
};

struct hdx_engine {
  const struct hdx_curl_api *curl;
  struct hdx_engine_options options;
  uv_loop_t loop;
  uv_timer_t curl_timer;       /* libcurl's time-outs */
  bool curl_due;               /* libcurl wants to be called on the next turn */
  uv_idle_t turn;              /* runs the pump on the loop's next turn: something may begin */
  uint64_t swept_ns;           /* when the loop last came by there */
  uv_timer_t sweep_timer;      /* stalls, waits that are over, the rate limit; runs while anything is under way */
  CURLM *multi;                /* NULL: there was no memory for a new one, or the engine is being closed */
  CURLMcode multi_code;        /* what it failed with: it is to be replaced */
  struct hdx_socket **sockets; /* by file descriptor */
  size_t socket_count;
  int sockets_open; /* until libuv has let go of them */
  struct hdx_block_pool pool;
  size_t lent; /* bytes of blocks that were handed out and not yet given back */
  struct hdx_host *hosts;
  struct hdx_bucket *buckets;
  struct hdx_identity identity;
  struct hdx_fetch *fetches;
  size_t fetch_count;
  struct hdx_part_list active, waiting;
  unsigned paused_count;
  struct hdx_local *files_first, *files_last; /* not yet begun */
  unsigned files_active;
  CURL *idle[64]; /* easy handles to be used again */
  unsigned idle_count;
  double rate_tokens; /* bytes that may come now */
  uint64_t rate_ns, random_state;
  uint64_t requests, connections, bytes, retries;
  bool cancelled;
  bool aborted; /* some fetches were */
};

/* When its consumer has so much to do, the engine waits for it rather than fill more memory: what is in the processor's
 * cache is scanned at twice the speed. */
#define HDX_LENT_BYTES_MAX ((size_t)16 << 20)

/* engine.c */
uint64_t hdx_engine_now(void);
/* Has the pump run on the loop's next turn. */
void hdx_engine_kick(struct hdx_engine *engine);
/* The host of a URL, new or known; NULL if out of memory. */
struct hdx_host *hdx_engine_host(struct hdx_engine *engine, const struct hdx_url *url);
/* Whether `size` more bytes may come now; counts them if so. */
bool hdx_engine_rate(struct hdx_engine *engine, size_t size);

/* socket.c */
enum hdx_status hdx_sockets_open(struct hdx_engine *engine, struct hdx_error *error);
void hdx_sockets_close(struct hdx_engine *engine);
/* Replaces libcurl's multi handle, which has failed, by a new one. No transfer may be under way. */
void hdx_sockets_renew(struct hdx_engine *engine);
/* Calls libcurl for a time-out that is over. */
void hdx_sockets_timeout(struct hdx_engine *engine);
/* Has the connections of a part's transfer opened and closed by this engine. */
void hdx_sockets_adopt(struct hdx_part *part);

/* attempt.c */
#define HDX_RANGE_TEXT_MAX 64
/* The value of the Range header ("bytes=0-99"); false if the whole object is asked for. */
bool hdx_attempt_range(const struct hdx_part *part, char range[HDX_RANGE_TEXT_MAX]);
#define HDX_CHECKSUM_MODE "x-amz-checksum-mode"
/* Whether the header of that name asks for checksums: they come with whole objects of buckets alone. */
bool hdx_attempt_wants_checksums(const struct hdx_part *part);
bool hdx_attempt_is_head(const struct hdx_part *part);
enum hdx_status hdx_attempt_start(struct hdx_part *part, struct hdx_error *error);
/* Takes the transfer out of libcurl and counts it; what was received stays. */
void hdx_attempt_end(struct hdx_part *part);
/* Lets a paused transfer go on. */
void hdx_attempt_resume(struct hdx_part *part);

/* fetch.c */
/* An attempt has ended, or could not begin: what follows. */
void hdx_fetch_outcome(struct hdx_part *part, CURLcode code);
/* No byte came for too long. */
void hdx_fetch_stalled(struct hdx_part *part);
/* Ends a fetch: frees what it has and calls done. */
void hdx_fetch_complete(struct hdx_fetch *fetch, enum hdx_status status, bool not_modified, long http_status,
                        const char *message);

/* parts.c */
/* Whether only the ranges of the request are wanted. */
bool hdx_fetch_in_ranges(const struct hdx_fetch *fetch);
/* Whether the object is small enough to be asked for without a range. */
bool hdx_fetch_unranged(const struct hdx_fetch *fetch);
/* Up to which byte of `size` the object is wanted. */
uint64_t hdx_fetch_end(const struct hdx_fetch *fetch, uint64_t size);
/* The bytes, `bytes_max` at the most, from `planned` on that are wanted; false if there are none left. */
bool hdx_fetch_next(struct hdx_fetch *fetch, uint64_t bytes_max, struct hdx_byte_range *next);
/* Makes the part that an object begins with, whose size is not known. NULL: out of memory. */
struct hdx_part *hdx_fetch_first_part(struct hdx_fetch *fetch);
/* Makes the parts that may be under way now. False: out of memory. */
bool hdx_fetch_plan(struct hdx_fetch *fetch);
/* Puts a part into its host's queue. */
void hdx_fetch_enqueue(struct hdx_part *part);
/* Whether the part's blocks are handed out at once. */
bool hdx_part_leads(const struct hdx_part *part);
/* A block is full: hands it out or keeps it. */
void hdx_fetch_block(struct hdx_part *part);
/* Hands a block to the request's owner. */
void hdx_fetch_hand_out(struct hdx_fetch *fetch, struct hdx_block *block);
/* An attempt has ended: of a scattered object, hands out what has come, so that no block is held while it waits. */
void hdx_part_spare(struct hdx_part *part);
/* The part has all its bytes: frees it, unless others before it in the object have not. */
void hdx_part_done(struct hdx_part *part);
void hdx_fetch_free_parts(struct hdx_fetch *fetch);

/* accept.c */
/* Looks at the head of the response: sets refusal if the answer is not what was asked for. */
void hdx_fetch_accept(struct hdx_part *part);
/* Whether all bytes that are wanted have come, of an answer that goes on. */
bool hdx_fetch_enough(const struct hdx_part *part);

/* answer.c */
/* Says what the answer is: with the words of S3, unless they hold what must not be shown. */
void hdx_answer_describe(const struct hdx_part *part, const struct hdx_s3_error *answer, char text[HDX_ERROR_TEXT_MAX]);
enum hdx_status hdx_answer_status(long http_status);
/* How long the server asks to wait; 0: it does not say. */
uint64_t hdx_answer_retry_ms(const struct hdx_part *part);

/* redirect.c */
/* Sends the part's fetch to another place, or ends it: `to` is NULL or not allowed. `said` describes the answer. */
void hdx_fetch_redirect(struct hdx_part *part, const char *to, const char *said);

/* file.c */
enum hdx_status hdx_local_queue(struct hdx_fetch *fetch, struct hdx_error *error);
void hdx_locals_pump(struct hdx_engine *engine);
void hdx_local_free(struct hdx_local *file);

#endif
