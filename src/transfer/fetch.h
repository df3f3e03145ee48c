/* The engine: fetches many objects at once over HTTP(S), or from files, and hands out their bytes, in order or as
 * they come.
 *
 * One libuv loop, on the thread that runs it; libcurl's multi interface on its sockets. An object is asked for in
 * ranges: the first request asks for the first part (or for all of what is known to be small) and learns size and
 * entity tag; what is larger goes on with concurrent ranges, each guarded by If-Match. Bytes arrive in blocks of a pool
 * of fixed size. Attempts that fail in a way that may pass are repeated from the byte where they broke off.
 *
 * Promises
 *   1. Each accepted request is completed exactly once, on the loop thread, never from inside hdx_fetch.
 *   2. The bytes of all blocks since the last `begin` are the object, or the ranges of it that were asked for:
 *      each byte once, of one version. Blocks come in order and without gaps, but for those of a scattered object.
 *   3. Never more than the stated requests in flight, over all and for one host; a host that answers 429 or 503 gets
 *      half as many, spaced out if that is not enough, and none before its Retry-After.
 *   4. No redirect to a file, to a link-local address, or from https to http; at most five. A signed request follows
 *      none, but to the region that a bucket is in.
 *   5. A bucket of S3 is asked anonymously, and signed once that is refused while nothing of it could be read; what was
 *      chosen holds for the bucket (bucket.h). Signatures go to the bucket's own server alone.
 *
 * Sources: RFC 9110 (ranges, conditions, Retry-After), libcurl's multi_socket and libuv's poll documentation. */
#ifndef HDX_TRANSFER_FETCH_H
#define HDX_TRANSFER_FETCH_H

#include "base/log.h"
#include "base/s3.h"
#include "transfer/block.h"
#include "transfer/credentials.h"

#include <uv.h>

#define HDX_REDIRECTS_MAX 5

struct hdx_engine;

struct hdx_engine_options {
  uint32_t jobs, connections_per_host, retries;
  uint64_t part_bytes, memory_bytes, rate_bytes;
  uint64_t retry_ms_max, stall_ms_max, connect_ms_max;
  const char *ca_file;      /* or NULL */
  char *const *environment; /* names proxies; a copy, which outlives the engine; NULL: empty */
  enum hdx_sign sign;
  bool request_payer;
  struct hdx_credentials_options credentials;
  const struct hdx_log *log;
};

enum hdx_status hdx_engine_open(const struct hdx_engine_options *options, struct hdx_engine **engine,
                                struct hdx_error *error);
/* Nothing may be under way. NULL is allowed. */
void hdx_engine_close(struct hdx_engine *engine);

/* The loop, which the caller runs. */
uv_loop_t *hdx_engine_loop(struct hdx_engine *engine);

struct hdx_bucket;

/* The bucket of a place (copied), as the engine knows it from then on; owned by the engine. MEMORY. */
enum hdx_status hdx_engine_bucket(struct hdx_engine *engine, const struct hdx_s3_place *place,
                                  struct hdx_bucket **bucket, struct hdx_error *error);

/* What is known of an object when its bytes begin to come. Texts live during the call. */
struct hdx_fetch_head {
  uint64_t size;                    /* UINT64_MAX: not stated */
  const char *etag, *last_modified; /* "" if not stated */
  int64_t modified;                 /* what last_modified says, or a file's own time, ns; HDX_TIME_NONE: nothing */
  bool anew; /* of a request for ranges: it is another version than the ranges are of, or ranges do not work; all of it
                comes */
  bool etag_is_no_md5; /* the server says that it keeps the object in a way (encrypted by a key of its own service or
                          of the user) that makes the entity tag no MD5 */
  /* Of the whole object, in base64, as x-amz-checksum-… has them (those of single parts are left out); "" if not
   * stated. */
  const char *checksums[HDX_CHECK_COUNT];
};

struct hdx_byte_range {
  uint64_t from, to; /* bytes of an object, half-open */
};

struct hdx_fetch_result {
  enum hdx_status status; /* OK also where not modified */
  bool not_modified;
  long http_status;  /* of the answer that settled it; 0 if there was none (files, no connection) */
  uint64_t bytes;    /* handed out since the last begin */
  unsigned attempts; /* requests made */
  const char *etag, *last_modified;
  bool not_of_object;  /* the answer is about the bucket or the user, and tells nothing of the object */
  bool too_large;      /* LIMIT: it has more than bytes_max */
  const char *message; /* "" if all is well; names the URL */
};

struct hdx_fetch_request {
  const char *url;           /* http, https or file; copied. Of a bucket's object: what messages call it */
  struct hdx_bucket *bucket; /* NULL: url is fetched as it is */
  struct hdx_text key;       /* in the bucket, as it is; copied */
  const char *query;         /* of a request to a bucket: percent-encoded, sorted by name; NULL: none; copied */
  bool whole;                /* not in ranges */
  bool optional;             /* a refusal is taken as it is, and does not make the bucket be asked signed */
  const char *etag;          /* If-None-Match; NULL or "": none; copied */
  const char *last_modified; /* If-Modified-Since, where there is no etag; copied */
  uint64_t bytes_max;        /* a larger object fails with LIMIT */
  uint64_t first_bytes;      /* only so many bytes from the beginning are asked for and handed out; 0: all */
  bool head; /* HEAD: no byte comes, but begin is called (size, tags and checksums are told) and then done */
  /* Ask for the checksums that S3 keeps (x-amz-checksum-mode). They come with whole objects only: in answer to HEAD, or
   * where size is not larger than a part. */
  bool checksums;
  uint64_t size; /* that the object is expected to have; 0 or UINT64_MAX: not known. One that is not larger than a part
                    is first asked for without a range. What the object really has, begin tells. */
  /* Blocks come in any order, each with its offset, as parts of the object arrive at once; each byte of the object (or
   * of the ranges) once since the last begin. For whoever writes them to their place: none is kept back, so that one
   * large object is fetched with as many requests as its host is given. */
  bool scattered;
  /* Only these bytes are wanted (scattered only): ascending, not touching, none empty; copied. They are of the version
   * that if_match (an entity tag, or a date if it begins with neither " nor W/; a weak tag and "" name none) names, or,
   * where it is NULL, of whatever version there is; if the object is another one by now, all of it is fetched. A count
   * of 0: all bytes. */
  const struct hdx_byte_range *ranges;
  size_t range_count;
  const char *if_match;
  /* The bytes begin, or begin anew (what was handed out before is void). May be NULL. Called from within libcurl: it
   * may note things and hand blocks on, but must not call the engine. The same for block. */
  void (*begin)(void *user, const struct hdx_fetch_head *head);
  /* Owns the block from then on; gives it back with hdx_engine_release. */
  void (*block)(void *user, struct hdx_block *block);
  void (*done)(void *user, const struct hdx_fetch_result *result);
  void *user;
};

/* Queues a request. MEMORY; USAGE: the URL is none, or the ranges are not as they must be. */
enum hdx_status hdx_fetch(struct hdx_engine *engine, const struct hdx_fetch_request *request, struct hdx_error *error);

/* Ends the request that was made with this `user`, from the loop's next turn on: its done is called with `status` and
 * the message; begin and block are not called any more, except that a scattered request that is ended with LIMIT hands
 * out what has come (as one does that ends with INTERRUPTED). May be called from within begin and block. Nothing
 * happens if there is none. */
void hdx_fetch_abort(struct hdx_engine *engine, const void *user, enum hdx_status status, const char *message);

/* Puts a block back into the pool. */
void hdx_engine_release(struct hdx_engine *engine, struct hdx_block *block);

/* From now on the engine has so many bytes of memory in place of its options' memory_bytes. */
void hdx_engine_share_memory(struct hdx_engine *engine, uint64_t memory_bytes);

/* Lets hosts that were given up a while ago be asked again. To be called before something new begins: a network that
 * was away may be back. */
void hdx_engine_forgive(struct hdx_engine *engine);

/* Ends all that is under way with INTERRUPTED, from the loop's next turn on; later requests end so too. */
void hdx_engine_cancel(struct hdx_engine *engine);
/* Lets requests be made again; ends those that a cancellation has left. Not from within the loop. */
void hdx_engine_resume(struct hdx_engine *engine);

struct hdx_engine_totals {
  uint64_t requests, connections, bytes, retries, throttled;
  uint64_t active, finished; /* requests, files that are read included; requests alone */
  uint64_t wanted;           /* requests that it would have in flight if there were enough */
};
void hdx_engine_totals(const struct hdx_engine *engine, struct hdx_engine_totals *totals);

/* Statistics by host; *hosts (an array that the caller frees) points into the engine. MEMORY. */
enum hdx_status hdx_engine_hosts(const struct hdx_engine *engine, struct hdx_host_stats **hosts, size_t *count,
                                 struct hdx_error *error);

#endif
