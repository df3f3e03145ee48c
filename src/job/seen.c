#include "job/seen.h"

#include "base/error.h"

#include <stdlib.h>

enum { CAPACITY_MIN = 1024 };

static bool is_free(const struct hdx_hash128 *place) {
  return place->low == 0 && place->high == 0;
}

/* The place that has the hash, or else the free one where it belongs. */
static struct hdx_hash128 *find(struct hdx_hash128 *places, size_t capacity, struct hdx_hash128 hash) {
  for (size_t i = hash.low & (capacity - 1);; i = (i + 1) & (capacity - 1))
    if (is_free(&places[i]) || (places[i].low == hash.low && places[i].high == hash.high))
      return &places[i];
}

static enum hdx_status grow(struct hdx_seen *seen, struct hdx_error *error) {
  size_t capacity = seen->capacity ? 2 * seen->capacity : CAPACITY_MIN;
  struct hdx_hash128 *places = calloc(capacity, sizeof *places);
  if (!places)
    return hdx_error_memory(error, capacity * sizeof *places);
  if (!seen->capacity)
    seen->seed = hdx_hash_seed();
  for (size_t i = 0; i < seen->capacity; i++)
    if (!is_free(&seen->places[i]))
      *find(places, capacity, seen->places[i]) = seen->places[i];
  free(seen->places);
  seen->places = places;
  seen->capacity = capacity;
  return HDX_OK;
}

enum hdx_status hdx_seen_add(struct hdx_seen *seen, struct hdx_text location, bool *again, struct hdx_error *error) {
  if (seen->count >= seen->capacity / 4 * 3) {
    enum hdx_status status = grow(seen, error);
    if (status != HDX_OK)
      return status;
  }
  struct hdx_hash128 hash = hdx_hash128_seeded(location.data, location.size, seen->seed);
  hash.high |= hash.low == 0 && hash.high == 0; /* no hash is like a free place */
  struct hdx_hash128 *place = find(seen->places, seen->capacity, hash);
  *again = !is_free(place);
  seen->count += !*again;
  *place = hash;
  return HDX_OK;
}

void hdx_seen_clear(struct hdx_seen *seen) {
  if (seen->capacity)
    memset(seen->places, 0, seen->capacity * sizeof *seen->places);
  seen->count = 0;
}

void hdx_seen_deinit(struct hdx_seen *seen) {
  free(seen->places);
  *seen = (struct hdx_seen){NULL, 0, 0, 0};
}
