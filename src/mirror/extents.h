/* Which bytes of a file have come, with the CRC-32C of each run of them. Pure but for memory.
 *
 * Runs that touch are joined, so a file that is complete is one extent, [0, size). */
#ifndef HDX_MIRROR_EXTENTS_H
#define HDX_MIRROR_EXTENTS_H

#include "base/error.h"

struct hdx_extent {
  uint64_t from, to; /* half-open */
  uint32_t crc32c;
};

/* As many runs as hundreds of requests at once leave many times over. A journal that anybody may have written could
 * state millions, and each in front of the others would have all of them moved. */
#define HDX_EXTENTS_MAX 16384

struct hdx_extents {
  struct hdx_extent *list; /* ascending, not touching */
  size_t count, capacity;
};

void hdx_extents_deinit(struct hdx_extents *extents); /* and all zero again */
/* INTEGRITY: some of the bytes have come before, or there are too many runs (nothing is changed); MEMORY. */
enum hdx_status hdx_extents_add(struct hdx_extents *extents, const struct hdx_extent *extent, struct hdx_error *error);
uint64_t hdx_extents_bytes(const struct hdx_extents *extents);
/* Whether they are all of [0, size), of which *crc32c is then the checksum. */
bool hdx_extents_complete(const struct hdx_extents *extents, uint64_t size, uint32_t *crc32c);

#endif
