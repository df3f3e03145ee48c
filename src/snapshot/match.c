/* Which zones and rows a cursor is asked for. Times are looked at first, then one column after the other, each decoded
 * only for the rows that those before it left. */
#include "snapshot/cursor.h"

#include "base/error.h"

#include <stdlib.h>

/* ---- which zones ---- */

static bool year_wanted(const struct hdx_range *range, int64_t year) {
  return year >= range->years.first && year <= range->years.last;
}

bool hdx_cursor_zone_wanted(const struct hdx_cursor *cursor, const struct hdx_zone *zone) {
  const struct hdx_range *range = &cursor->range;
  if (zone->max_start < cursor->first_start || zone->min_start > cursor->last_start)
    return false;
  if (zone->year != HDX_YEAR_MIXED && !year_wanted(range, zone->year))
    return false;
  if (range->start != HDX_TIME_NONE &&
      (range->match == HDX_MATCH_OVERLAP ? zone->max_stop : zone->max_start) < range->start)
    return false;
  if (range->stop == HDX_TIME_NONE)
    return true;
  if (range->match == HDX_MATCH_CONTAINED)
    return zone->min_start <= range->stop || zone->flags & HDX_BLOCK_BACKWARD;
  return zone->min_start < range->stop;
}

bool hdx_cursor_zone_whole(const struct hdx_cursor *cursor, const struct hdx_zone *zone) {
  const struct hdx_range *range = &cursor->range;
  if (zone->year == HDX_YEAR_MIXED ? !cursor->all_years : !year_wanted(range, zone->year))
    return false;
  if (zone->min_start < cursor->first_start || zone->max_start > cursor->last_start)
    return false;
  /* A row that starts in the range ends behind its start, but for the odd ones. */
  if (range->start != HDX_TIME_NONE &&
      (zone->min_start < range->start || (range->match == HDX_MATCH_OVERLAP && zone->flags & HDX_BLOCK_BACKWARD)))
    return false;
  if (range->stop == HDX_TIME_NONE)
    return true;
  return range->match == HDX_MATCH_CONTAINED ? zone->max_stop <= range->stop : zone->max_start < range->stop;
}

/* ---- which rows ---- */

/* The first row that starts at `time` or later. */
static size_t lower_bound(const int64_t *start, size_t count, int64_t time) {
  size_t from = 0;
  while (count > 0) {
    size_t half = count / 2;
    bool before = start[from + half] < time;
    from += before ? half + 1 : 0;
    count = before ? count - half - 1 : half;
  }
  return from;
}

/* What the stop of a row that matches must be, both included. */
struct stops {
  int64_t least, most;
};

static struct stops stops_of(const struct hdx_range *range) {
  struct stops stops = {INT64_MIN, INT64_MAX};
  if (range->match == HDX_MATCH_OVERLAP && range->start != HDX_TIME_NONE)
    stops.least = range->start;
  if (range->match == HDX_MATCH_CONTAINED && range->stop != HDX_TIME_NONE)
    stops.most = range->stop;
  return stops;
}

static bool start_matches(const struct hdx_range *range, int64_t start) {
  if (range->match != HDX_MATCH_OVERLAP && range->start != HDX_TIME_NONE && start < range->start)
    return false;
  return range->match == HDX_MATCH_CONTAINED || range->stop == HDX_TIME_NONE || start < range->stop;
}

enum hdx_status hdx_cursor_reserve(struct hdx_cursor *cursor, size_t count, struct hdx_error *error) {
  if (count <= cursor->rows_capacity)
    return HDX_OK;
  uint32_t *rows = realloc(cursor->rows, count * sizeof *rows);
  if (!rows)
    return hdx_error_memory(error, count * sizeof *rows);
  cursor->rows = rows;
  cursor->rows_capacity = count;
  return HDX_OK;
}

/* The rows of a block outside of which none can match. Rows that reach into a range from before it do not begin
 * earlier than the longest of them is long. */
static void bounds(const struct hdx_cursor *cursor, const struct hdx_block *block, size_t *from, size_t *to) {
  const struct hdx_range *range = &cursor->range;
  int64_t first = cursor->first_start, start = range->start;
  if (start != HDX_TIME_NONE && range->match == HDX_MATCH_OVERLAP) {
    int64_t longest = hdx_block_longest(block);
    if (longest == INT64_MAX || __builtin_sub_overflow(start, longest, &start))
      start = INT64_MIN;
  }
  first = start > first ? start : first; /* NONE is the least number */
  *from = lower_bound(block->start, block->count, first);
  *to =
      cursor->last_start == INT64_MAX ? block->count : lower_bound(block->start, block->count, cursor->last_start + 1);
  if (range->match != HDX_MATCH_CONTAINED && range->stop != HDX_TIME_NONE) {
    size_t end = lower_bound(block->start, block->count, range->stop);
    *to = end < *to ? end : *to;
  }
}

enum hdx_status hdx_cursor_match(struct hdx_cursor *cursor, const struct hdx_block *block, size_t *result,
                                 struct hdx_error *error) {
  const struct hdx_range *range = &cursor->range;
  struct stops stops = stops_of(range);
  size_t from, to, count = 0, kept = 0;
  enum hdx_status status = hdx_cursor_reserve(cursor, block->count, error);
  if (status != HDX_OK)
    return status;
  bounds(cursor, block, &from, &to);
  for (size_t i = from; i < to; i++) {
    cursor->rows[count] = (uint32_t)i;
    count += (block->stop[i] >= stops.least) & (block->stop[i] <= stops.most);
  }
  for (size_t i = 0; block->year && i < count; i++) {
    cursor->rows[kept] = cursor->rows[i];
    kept += year_wanted(range, block->year[cursor->rows[i]]);
  }
  *result = block->year ? kept : count;
  return HDX_OK;
}

/* ---- filtering ---- */

unsigned hdx_cursor_filtered(const struct hdx_cursor *cursor) {
  return (hdx_filter_has_sizes(&cursor->filter) ? HDX_WANT_SIZE : 0u) |
         (hdx_filter_has_keys(&cursor->filter) ? HDX_WANT_KEY : 0u) |
         (cursor->filter.condition_count ? HDX_WANT_EXTRA : 0u);
}

static void map_columns(const struct hdx_footer *footer, struct hdx_slot *slot) {
  for (size_t c = 0; c < footer->column_count; c++) {
    slot->columns[c] = SIZE_MAX;
    for (size_t i = 0; i < slot->block.extra_count; i++)
      if (slot->block.extra_id[i] == footer->column_ids[c])
        slot->columns[c] = i;
  }
}

static bool conditions_hold(const struct hdx_cursor *cursor, const struct hdx_slot *slot, size_t row) {
  for (size_t n = 0; n < cursor->filter.condition_count; n++) {
    size_t c = cursor->condition_columns[n];
    size_t column = c == SIZE_MAX ? SIZE_MAX : slot->columns[c];
    struct hdx_text value = column == SIZE_MAX ? HDX_TEXT("") : slot->block.extra[column][row];
    if (!hdx_condition_holds(&cursor->filter.conditions[n], value))
      return false;
  }
  return true;
}

/* Whether row i of those selected passes the part of the filter that looks at `column`. */
static bool passes(const struct hdx_cursor *cursor, const struct hdx_slot *slot, unsigned column, size_t i) {
  if (column == HDX_WANT_SIZE)
    return hdx_filter_size(&cursor->filter, slot->block.size[i]);
  if (column == HDX_WANT_KEY)
    return hdx_filter_key(&cursor->filter, slot->block.key[i]);
  return conditions_hold(cursor, slot, i);
}

/* Moves what was decoded of row `from` to place `to`. */
static void move_row(struct hdx_cursor *cursor, struct hdx_block *block, unsigned have, size_t from, size_t to) {
  cursor->rows[to] = cursor->rows[from];
  if (have & HDX_WANT_SIZE)
    block->size[to] = block->size[from];
  if (have & HDX_WANT_KEY)
    block->key[to] = block->key[from];
  for (size_t c = 0; have & HDX_WANT_EXTRA && c < block->extra_count; c++)
    block->extra[c][to] = block->extra[c][from];
}

/* Keeps times and years of the selected rows only. */
static void compact_times(struct hdx_block *block, const uint32_t *rows, size_t count) {
  if (count == block->count)
    return;
  for (size_t i = 0; i < count; i++) {
    block->start[i] = block->start[rows[i]];
    block->stop[i] = block->stop[rows[i]];
  }
  for (size_t i = 0; block->year && i < count; i++)
    block->year[i] = block->year[rows[i]];
}

enum hdx_status hdx_cursor_select(struct hdx_cursor *cursor, struct hdx_slot *slot, size_t count, unsigned wanted,
                                  struct hdx_error *error) {
  static const unsigned columns[] = {HDX_WANT_SIZE, HDX_WANT_KEY, HDX_WANT_EXTRA}; /* the cheap ones first */
  struct hdx_block *block = &slot->block;
  unsigned filtered = hdx_cursor_filtered(cursor), have = 0;
  enum hdx_status status = HDX_OK;
  map_columns(&cursor->reader->footer, slot);
  for (size_t n = 0; count && status == HDX_OK && n < sizeof columns / sizeof *columns; n++) {
    size_t kept = 0;
    if (!(filtered & columns[n]))
      continue;
    status = hdx_reader_select(cursor->reader, slot->zone, block, cursor->zstd, cursor->rows, count, columns[n], error);
    have |= columns[n];
    for (size_t i = 0; status == HDX_OK && i < count; i++)
      if (passes(cursor, slot, columns[n], i)) {
        if (kept < i)
          move_row(cursor, block, have, i, kept);
        kept++;
      }
    count = kept;
  }
  if (status == HDX_OK && count && wanted & ~have)
    status =
        hdx_reader_select(cursor->reader, slot->zone, block, cursor->zstd, cursor->rows, count, wanted & ~have, error);
  if (status != HDX_OK)
    return status;
  block->selected = count;
  compact_times(block, cursor->rows, count);
  return HDX_OK;
}

bool hdx_cursor_row_wanted(const struct hdx_cursor *cursor, const struct hdx_slot *slot, size_t row, int64_t stop) {
  struct stops stops = stops_of(&cursor->range);
  const struct hdx_block *block = &slot->block;
  if (!slot->wanted || block->start[row] < cursor->first_start || block->start[row] > cursor->last_start ||
      !start_matches(&cursor->range, block->start[row]) || stop < stops.least || stop > stops.most ||
      (block->year && !year_wanted(&cursor->range, block->year[row])))
    return false;
  unsigned filtered = hdx_cursor_filtered(cursor);
  for (unsigned column = HDX_WANT_SIZE; column <= HDX_WANT_EXTRA; column <<= 1)
    if (filtered & column && !passes(cursor, slot, column, row))
      return false;
  return true;
}
