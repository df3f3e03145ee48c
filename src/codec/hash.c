/* XXH3 behind the project's names, compiled in from its header. Source: libxxhash, whose XXH3 (of 64 bits and of 128)
 * is stable since 0.8.0. */
#define XXH_INLINE_ALL
#include "codec/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <xxhash.h>

uint64_t hdx_hash(const void *data, size_t size) {
  return XXH3_64bits(data, size);
}

uint64_t hdx_hash_parts(const struct hdx_text *parts, size_t count) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  for (size_t i = 0; i < count; i++)
    XXH3_64bits_update(&state, parts[i].data, parts[i].size);
  return XXH3_64bits_digest(&state);
}

uint64_t hdx_hash_seeded(const void *data, size_t size, uint64_t seed) {
  return XXH3_64bits_withSeed(data, size, seed);
}

struct hdx_hash128 hdx_hash128_seeded(const void *data, size_t size, uint64_t seed) {
  XXH128_hash_t hash = XXH3_128bits_withSeed(data, size, seed);
  return (struct hdx_hash128){hash.low64, hash.high64};
}

uint64_t hdx_hash_seed(void) {
  struct {
    struct timespec now; /* where the system has no random numbers for us, it is all there is */
    uint64_t random;
  } from = {.random = 0};
  clock_gettime(CLOCK_MONOTONIC, &from.now);
  ssize_t got = getrandom(&from.random, sizeof from.random, 0);
  (void)got;
  return XXH3_64bits(&from, sizeof from);
}

struct hdx_hash128 hdx_hash128(const void *data, size_t size) {
  return hdx_hash128_seeded(data, size, 0);
}

struct hdx_hash_stream {
  XXH3_state_t *state;
};

struct hdx_hash_stream *hdx_hash_stream_new(void) {
  struct hdx_hash_stream *stream = malloc(sizeof *stream);
  if (!stream)
    return NULL;
  stream->state = XXH3_createState();
  if (!stream->state) {
    free(stream);
    return NULL;
  }
  hdx_hash_stream_reset(stream);
  return stream;
}

void hdx_hash_stream_reset(struct hdx_hash_stream *stream) {
  XXH3_128bits_reset(stream->state);
}

void hdx_hash_stream_add(struct hdx_hash_stream *stream, const void *data, size_t size) {
  XXH3_128bits_update(stream->state, data, size);
}

void hdx_hash_stream_write(const struct hdx_hash_stream *stream, char out[HDX_HASH128_TEXT_MAX]) {
  XXH128_hash_t hash = XXH3_128bits_digest(stream->state);
  snprintf(out, HDX_HASH128_TEXT_MAX, "%016" PRIx64 "%016" PRIx64, hash.high64, hash.low64);
}

void hdx_hash_stream_free(struct hdx_hash_stream *stream) {
  if (!stream)
    return;
  XXH3_freeState(stream->state);
  free(stream);
}

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

const char *hdx_hash_version(void) {
  return TEXT(XXH_VERSION_MAJOR) "." TEXT(XXH_VERSION_MINOR) "." TEXT(XXH_VERSION_RELEASE);
}
