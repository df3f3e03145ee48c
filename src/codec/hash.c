/* XXH3 behind the project's names, compiled in from its header. Source: libxxhash, whose 64-bit XXH3 is stable since
 * 0.8.0. */
#define XXH_INLINE_ALL
#include "codec/hash.h"

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

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

const char *hdx_hash_version(void) {
  return TEXT(XXH_VERSION_MAJOR) "." TEXT(XXH_VERSION_MINOR) "." TEXT(XXH_VERSION_RELEASE);
}
