/* What a data file must be, as its index and its server say, and whether what has come is that.
 *
 *   size     what the index states, unless it is to be ignored; what the server states
 *   digests  what the index's checksum column states, and one of those that the server states: its additional
 *            checksums, or the MD5 that the entity tag of an object of S3 is. Of several that of the index's kind,
 *            which costs no second pass over the bytes; else the one that is computed fastest.
 *
 * So a file is hashed twice at the most. Nothing is fetched here. One thread at a time, which need not be the loop's.
 */
#ifndef HDX_JOB_VERIFY_H
#define HDX_JOB_VERIFY_H

#include "codec/checksum.h"
#include "transfer/fetch.h"

struct hdx_verify {
  struct hdx_text location; /* what messages call the file */
  bool of_bucket;           /* the entity tag may be an MD5 */
  bool ignore_checksums;
  uint64_t size_stated;     /* by the index; UINT64_MAX: it does not, or is to be ignored */
  uint64_t size_served;     /* by the server; UINT64_MAX: it does not */
  struct hdx_digest stated; /* by the index; check HDX_CHECK_SIZE: none */
  struct hdx_digest served; /* by the server; the same */
  bool by_etag;             /* `served` is the entity tag */
  struct hdx_digest heard;  /* by the server in answer to HEAD, of the version that has this tag; the same */
  char *heard_etag;
  struct hdx_hasher *of_stated, *of_served; /* NULL: not needed; of_served also where one is enough for both */
  bool settled; /* it would be the same if it were fetched anew: what came is what the server keeps, or index and server
                   contradict one another */
};

/* Takes over what the index states. The file's location is borrowed until deinit, its other texts are not. `of_bucket`:
 * it is an object of S3 (hdx_target.bucket). */
void hdx_verify_init(struct hdx_verify *verify, const struct hdx_file *file, bool of_bucket, bool ignore_size,
                     bool ignore_checksums);
void hdx_verify_deinit(struct hdx_verify *verify);

/* What the server says in answer to HEAD, in front of all: its additional checksums, which it does not tell of an
 * object that comes in ranges. They count for the version that they are of. */
void hdx_verify_hear(struct hdx_verify *verify, const struct hdx_fetch_head *head);

/* The object's head has come, for the first time or anew: what was added before is forgotten. INTEGRITY: the server
 * states another size or digest than the index, so that nothing needs to be fetched; INTERNAL, MEMORY: a digest cannot
 * be computed. May be called from within hdx_fetch_request.begin. */
enum hdx_status hdx_verify_begin(struct hdx_verify *verify, const struct hdx_fetch_head *head, struct hdx_error *error);

/* Whether there is a digest to compare, so that the bytes must be added. */
bool hdx_verify_hashes(const struct hdx_verify *verify);

/* The next bytes, in the object's order. */
void hdx_verify_add(struct hdx_verify *verify, const void *data, size_t size);

/* All bytes have come, `size` of them. *checks is what they were verified by (bits 1 << enum hdx_check; the size counts
 * where index or server state it). INTEGRITY: they are not what they should be; the message names the location, what
 * was expected, who said so, and what was found. Unless `settled`, fetching it anew may help. */
enum hdx_status hdx_verify_finish(struct hdx_verify *verify, uint64_t size, uint32_t *checks, struct hdx_error *error);

#endif
