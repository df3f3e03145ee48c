/* Checksums that find accidents (not attacks): XXH3. The only file that knows xxhash is hash.c. */
#ifndef HDX_CODEC_HASH_H
#define HDX_CODEC_HASH_H

#include "base/text.h"

uint64_t hdx_hash(const void *data, size_t size);

/* Of the parts one behind the other. */
uint64_t hdx_hash_parts(const struct hdx_text *parts, size_t count);

/* For tables of names that come from outside: with a seed that nobody can foresee, nobody can find names that collide
 * (hdx_hash_seed). */
uint64_t hdx_hash_seeded(const void *data, size_t size, uint64_t seed);

struct hdx_hash128 {
  uint64_t low, high;
};
/* Of so many bits that different names have different hashes; the first one is that of seed 0. */
struct hdx_hash128 hdx_hash128(const void *data, size_t size);
struct hdx_hash128 hdx_hash128_seeded(const void *data, size_t size, uint64_t seed);

/* A random seed. */
uint64_t hdx_hash_seed(void);

#define HDX_HASH128_TEXT_MAX 33

/* The same of bytes that come piece by piece. */
struct hdx_hash_stream;
struct hdx_hash_stream *hdx_hash_stream_new(void);          /* NULL: out of memory */
void hdx_hash_stream_reset(struct hdx_hash_stream *stream); /* begins anew */
void hdx_hash_stream_add(struct hdx_hash_stream *stream, const void *data, size_t size);
/* Of all that was added, as 32 hexadecimal digits (the high half first, as xxhsum has them) and a NUL. */
void hdx_hash_stream_write(const struct hdx_hash_stream *stream, char out[HDX_HASH128_TEXT_MAX]);
void hdx_hash_stream_free(struct hdx_hash_stream *stream); /* NULL is allowed */

/* Of the library that it was built with, "0.8.1"; static. */
const char *hdx_hash_version(void);

#endif
