#include "mirror/extents.h"

#include "codec/checksum.h"

#include <stdlib.h>
#include <string.h>

void hdx_extents_deinit(struct hdx_extents *extents) {
  free(extents->list);
  *extents = (struct hdx_extents){0};
}

/* The place of the first extent that ends at `from` or behind it. */
static size_t place_of(const struct hdx_extents *extents, uint64_t from) {
  size_t low = 0, high = extents->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (extents->list[middle].to < from)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static void join(struct hdx_extent *first, const struct hdx_extent *second) {
  first->crc32c = hdx_crc32c_join(first->crc32c, second->crc32c, second->to - second->from);
  first->to = second->to;
}

static enum hdx_status insert(struct hdx_extents *extents, size_t at, const struct hdx_extent *extent,
                              struct hdx_error *error) {
  if (extents->count == HDX_EXTENTS_MAX)
    return hdx_error_set(error, HDX_INTEGRITY, "more than %d runs of bytes with gaps between them", HDX_EXTENTS_MAX);
  if (extents->count == extents->capacity) {
    size_t capacity = extents->capacity * 2 + 8;
    struct hdx_extent *list = realloc(extents->list, capacity * sizeof *list);
    if (!list)
      return hdx_error_memory(error, capacity * sizeof *list);
    extents->list = list;
    extents->capacity = capacity;
  }
  memmove(extents->list + at + 1, extents->list + at, (extents->count - at) * sizeof *extents->list);
  extents->list[at] = *extent;
  extents->count++;
  return HDX_OK;
}

enum hdx_status hdx_extents_add(struct hdx_extents *extents, const struct hdx_extent *extent, struct hdx_error *error) {
  size_t at = place_of(extents, extent->from), next = at;
  struct hdx_extent *list = extents->list;
  if (extent->from >= extent->to)
    return HDX_OK;
  bool behind = at < extents->count && list[at].to == extent->from;
  next += behind;
  if (next < extents->count && list[next].from < extent->to)
    return hdx_error_set(error, HDX_INTEGRITY, "bytes %llu to %llu came twice", (unsigned long long)extent->from,
                         (unsigned long long)extent->to);
  bool before = next < extents->count && list[next].from == extent->to;
  if (!behind && !before)
    return insert(extents, at, extent, error);
  if (behind)
    join(&list[at], extent);
  if (behind && before) {
    join(&list[at], &list[next]);
    memmove(list + next, list + next + 1, (extents->count - next - 1) * sizeof *list);
    extents->count--;
  } else if (before) {
    struct hdx_extent first = *extent;
    join(&first, &list[next]);
    list[next] = first;
  }
  return HDX_OK;
}

uint64_t hdx_extents_bytes(const struct hdx_extents *extents) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < extents->count; i++)
    bytes += extents->list[i].to - extents->list[i].from;
  return bytes;
}

bool hdx_extents_complete(const struct hdx_extents *extents, uint64_t size, uint32_t *crc32c) {
  bool complete = size == 0 ? extents->count == 0
                            : extents->count == 1 && extents->list[0].from == 0 && extents->list[0].to == size;
  *crc32c = complete && size ? extents->list[0].crc32c : 0;
  return complete;
}
