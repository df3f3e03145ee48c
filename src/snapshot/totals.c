/* Sums over a cursor's answer, of all of it or by a unit of time. The zone map answers for blocks that lie wholly in
 * the range and in one unit; others are decoded, one at a time: for sums the order of rows does not matter, so blocks
 * that overlap need not be merged.
 *
 * Stops that are made up need the next row of the whole dataset: there, blocks that overlap do have to be merged. */
#include "snapshot/cursor.h"

#include "base/error.h"
#include "snapshot/counts.h"

/* Adds the rows of a zone that lie in one unit; false: they do not. */
static bool add_zone(struct hdx_counts *counts, const struct hdx_zone *zone, enum hdx_status *status,
                     struct hdx_error *error) {
  struct hdx_count *count = hdx_counts_find(counts, zone->min_start);
  if (!count)
    *status = hdx_error_memory(error, 2 * counts->capacity * sizeof *counts->list);
  if (!count || zone->max_start > count->last)
    return !count;
  hdx_count_add(count, &(struct hdx_summary){.rows = zone->rows,
                                             .bytes = zone->size_sum,
                                             .size_missing = zone->size_missing,
                                             .first = zone->min_start,
                                             .last = zone->max_stop});
  return true;
}

/* Whether a zone that is to be opened reaches into the next one. */
static bool overlap(const struct hdx_cursor *cursor) {
  const struct hdx_footer *footer = &cursor->reader->footer;
  int64_t last = INT64_MIN;
  for (size_t n = hdx_cursor_next_zone(cursor, 0); n < footer->zone_count; n = hdx_cursor_next_zone(cursor, n + 1)) {
    if (n > 0 && last >= footer->zones[n].min_start)
      return true;
    last = footer->zones[n].max_start > last ? footer->zones[n].max_start : last;
  }
  return false;
}

static enum hdx_status walk(struct hdx_cursor *cursor, struct hdx_counts *counts, struct hdx_error *error) {
  struct hdx_batch batch;
  enum hdx_status status;
  while ((status = hdx_cursor_next(cursor, &batch, error)) == HDX_OK && batch.count) {
    status = hdx_counts_add(counts, &batch, error);
    if (status != HDX_OK)
      return status;
  }
  return status;
}

static enum hdx_status add_block(struct hdx_cursor *cursor, size_t n, int64_t next, struct hdx_counts *counts,
                                 struct hdx_error *error) {
  size_t place, count = 0;
  enum hdx_status status = hdx_cursor_take_slot(cursor, &place, error);
  if (status != HDX_OK)
    return status;
  struct hdx_slot *slot = cursor->slots[place];
  struct hdx_block *block = &slot->block;
  slot->zone = n;
  status = hdx_reader_block(cursor->reader, n, block, cursor->zstd, error);
  if (status == HDX_OK && cursor->made_up)
    hdx_cursor_make_up_stops(block, next);
  if (status == HDX_OK)
    status = hdx_cursor_match(cursor, block, &count, error);
  if (status == HDX_OK)
    status = hdx_cursor_select(cursor, slot, count, HDX_WANT_SIZE, error);
  if (status != HDX_OK)
    return status;
  hdx_reader_forget(cursor->reader, n); /* times and sizes are copies */
  const struct hdx_batch batch = {
      .count = block->selected, .start = block->start, .stop = block->stop, .size = block->size};
  return hdx_counts_add(counts, &batch, error);
}

static enum hdx_status add_zones(struct hdx_cursor *cursor, struct hdx_counts *counts, struct hdx_error *error) {
  const struct hdx_footer *footer = &cursor->reader->footer;
  bool filtered = hdx_cursor_filtered(cursor) != 0;
  enum hdx_status status = HDX_OK;
  for (size_t n = cursor->next, after; status == HDX_OK && n < footer->zone_count; n = after) {
    const struct hdx_zone *zone = &footer->zones[n];
    after = hdx_cursor_next_zone(cursor, n + 1);
    /* Where some stops are made up the zone's last one is but a bound. */
    bool whole = !filtered && !(zone->flags & HDX_BLOCK_SOME_STOPS) && hdx_cursor_zone_whole(cursor, zone);
    if (whole && add_zone(counts, zone, &status, error))
      continue;
    if (hdx_cursor_zone_wanted(cursor, zone))
      status = add_block(cursor, n, after < footer->zone_count ? footer->zones[after].min_start : HDX_TIME_NONE, counts,
                         error);
  }
  return status;
}

enum hdx_status hdx_cursor_count(struct hdx_cursor *cursor, struct hdx_counts *counts, struct hdx_error *error) {
  unsigned wanted = cursor->wanted;
  hdx_cursor_window(cursor, cursor->window_first, cursor->window_last);
  cursor->wanted = HDX_WANT_SIZE;
  enum hdx_status status =
      cursor->made_up && overlap(cursor) ? walk(cursor, counts, error) : add_zones(cursor, counts, error);
  cursor->wanted = wanted;
  hdx_cursor_window(cursor, cursor->window_first, cursor->window_last);
  return status;
}
