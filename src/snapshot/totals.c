/* Sums over a cursor's answer. The zone map answers for blocks that lie wholly in the range; others are decoded, one at
 * a time: for sums the order of rows does not matter, so blocks that overlap need not be merged.
 *
 * Stops that are made up need the next row of the whole dataset: there, blocks that overlap do have to be merged. */
#include "snapshot/cursor.h"

static void add_bytes(struct hdx_summary *summary, uint64_t bytes) {
  if (__builtin_add_overflow(summary->bytes, bytes, &summary->bytes))
    summary->bytes = UINT64_MAX;
}

static void add_times(struct hdx_summary *summary, int64_t first, int64_t last) {
  if (summary->first == HDX_TIME_NONE || first < summary->first)
    summary->first = first;
  if (summary->last == HDX_TIME_NONE || last > summary->last)
    summary->last = last;
}

static void add_rows(struct hdx_summary *summary, size_t count, const int64_t *start, const int64_t *stop,
                     const int64_t *size) {
  summary->rows += count;
  for (size_t i = 0; i < count; i++) {
    add_times(summary, start[i], stop[i]);
    add_bytes(summary, size[i] > 0 ? (uint64_t)size[i] : 0);
    summary->size_missing += size[i] == -1;
  }
}

static void add_zone(struct hdx_summary *summary, const struct hdx_zone *zone) {
  summary->rows += zone->rows;
  summary->size_missing += zone->size_missing;
  add_bytes(summary, zone->size_sum);
  add_times(summary, zone->min_start, zone->max_stop);
}

void hdx_summary_add(struct hdx_summary *summary, const struct hdx_summary *other) {
  if (other->rows == 0)
    return;
  summary->rows += other->rows;
  summary->size_missing += other->size_missing;
  add_bytes(summary, other->bytes);
  add_times(summary, other->first, other->last);
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

static enum hdx_status walk(struct hdx_cursor *cursor, struct hdx_summary *summary, struct hdx_error *error) {
  struct hdx_batch batch;
  enum hdx_status status;
  while ((status = hdx_cursor_next(cursor, &batch, error)) == HDX_OK && batch.count)
    add_rows(summary, batch.count, batch.start, batch.stop, batch.size);
  return status;
}

static enum hdx_status add_block(struct hdx_cursor *cursor, size_t n, int64_t next, struct hdx_summary *summary,
                                 struct hdx_error *error) {
  size_t place, count = 0;
  enum hdx_status status = hdx_cursor_take_slot(cursor, &place, error);
  if (status != HDX_OK)
    return status;
  struct hdx_slot *slot = cursor->slots[place];
  slot->zone = n;
  status = hdx_reader_block(cursor->reader, n, &slot->block, cursor->zstd, error);
  if (status == HDX_OK && cursor->made_up)
    hdx_cursor_make_up_stops(&slot->block, next);
  if (status == HDX_OK)
    status = hdx_cursor_match(cursor, &slot->block, &count, error);
  if (status == HDX_OK)
    status = hdx_cursor_select(cursor, slot, count, HDX_WANT_SIZE, error);
  if (status == HDX_OK)
    add_rows(summary, slot->block.selected, slot->block.start, slot->block.stop, slot->block.size);
  return status;
}

enum hdx_status hdx_cursor_summarize(struct hdx_cursor *cursor, struct hdx_summary *result, struct hdx_error *error) {
  const struct hdx_footer *footer = &cursor->reader->footer;
  struct hdx_summary summary = {.first = HDX_TIME_NONE, .last = HDX_TIME_NONE};
  unsigned wanted = cursor->wanted;
  bool filtered = hdx_cursor_filtered(cursor) != 0;
  enum hdx_status status = HDX_OK;
  hdx_cursor_window(cursor, cursor->first_start, cursor->last_start);
  cursor->wanted = HDX_WANT_SIZE;
  if (cursor->made_up && overlap(cursor)) {
    status = walk(cursor, &summary, error);
  } else {
    for (size_t n = cursor->next, after; status == HDX_OK && n < footer->zone_count; n = after) {
      const struct hdx_zone *zone = &footer->zones[n];
      after = hdx_cursor_next_zone(cursor, n + 1);
      /* Where some stops are made up the zone's last one is but a bound. */
      if (!filtered && !(zone->flags & HDX_BLOCK_SOME_STOPS) && hdx_cursor_zone_whole(cursor, zone))
        add_zone(&summary, zone);
      else if (hdx_cursor_zone_wanted(cursor, zone))
        status = add_block(cursor, n, after < footer->zone_count ? footer->zones[after].min_start : HDX_TIME_NONE,
                           &summary, error);
    }
  }
  cursor->wanted = wanted;
  hdx_cursor_window(cursor, cursor->first_start, cursor->last_start);
  if (status == HDX_OK)
    *result = summary;
  return status;
}
