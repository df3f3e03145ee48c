/* XXH3 behind the project's names, compiled in from its header. Source: libxxhash, whose 64-bit XXH3 is stable since
 * 0.8.0. */
#define XXH_INLINE_ALL
#include "codec/hash.h"

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
  uint64_t seed;
  if (getrandom(&seed, sizeof seed, 0) == sizeof seed)
    return seed;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return XXH3_64bits(&now, sizeof now);
}

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

const char *hdx_hash_version(void) {
  return TEXT(XXH_VERSION_MAJOR) "." TEXT(XXH_VERSION_MINOR) "." TEXT(XXH_VERSION_RELEASE);
}
