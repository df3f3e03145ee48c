/* Merging blocks whose starts overlap.
 *
 * A heap holds the open ones by their next row, and a row may leave as long as it starts before the next zone does. So
 * no more blocks are open than overlap at one instant; where an index file is in no order, these may be all of them.
 * What is open keeps no more than the rows that are asked for. Where even these take more memory than there is, the
 * window of starts is walked in panes, one after the other, for each of which the blocks are opened anew:
 *
 *     |-------------- block --------------|
 *     |------------- block -------------|
 *     |-------------- block ----------------|
 *     [   pane   ][   pane   ][   pane   ]...
 *
 * Where stops are made up, a row's stop is the start of the next one, which may lie in another pane: there, all blocks
 * that overlap have to be open at once. */
#include "snapshot/cursor.h"

#include "base/error.h"
#include "base/heap.h"

#include <stdlib.h>

enum {
  FEW_BLOCKS = 4,  /* that keep their room for what comes */
  BATCH_SHARE = 8, /* of the memory a merged batch takes this part, but not less than */
  BATCH_ROWS_MIN = 256
};

/* ---- the order ---- */

static bool slot_before(const void *context, size_t a, size_t b) {
  const struct hdx_cursor *cursor = context;
  const struct hdx_slot *x = cursor->slots[a], *y = cursor->slots[b];
  int order = hdx_row_compare(x->block.start[x->at], x->block.stop[x->at], x->block.key[x->at], y->block.start[y->at],
                              y->block.stop[y->at], y->block.key[y->at]);
  int64_t x_year = x->block.year ? x->block.year[x->at] : x->block.year_of_all;
  int64_t y_year = y->block.year ? y->block.year[y->at] : y->block.year_of_all;
  if (order == 0 && x_year != y_year)
    return x_year < y_year;
  return order ? order < 0 : x->zone < y->zone;
}

static enum hdx_status make_batch(struct hdx_cursor *cursor, struct hdx_error *error) {
  size_t extra_count = cursor->reader->footer.column_count;
  if (cursor->extra)
    return HDX_OK;
  size_t rows = cursor->memory_max / BATCH_SHARE / hdx_cursor_row_bytes(cursor);
  rows = rows > BATCH_ROWS_MIN ? rows : BATCH_ROWS_MIN;
  rows = rows < HDX_BLOCK_ROWS ? rows : HDX_BLOCK_ROWS;
  cursor->batch_rows = cursor->batch_rows ? cursor->batch_rows : rows;
  rows = cursor->batch_rows;
  cursor->start = cursor->start ? cursor->start : malloc(rows * sizeof *cursor->start);
  cursor->stop = cursor->stop ? cursor->stop : malloc(rows * sizeof *cursor->stop);
  cursor->size = cursor->size ? cursor->size : malloc(rows * sizeof *cursor->size);
  cursor->key = cursor->key ? cursor->key : malloc(rows * sizeof *cursor->key);
  cursor->extra = malloc((extra_count * rows + 1) * sizeof *cursor->extra);
  if (cursor->start && cursor->stop && cursor->size && cursor->key && cursor->extra)
    return HDX_OK;
  free(cursor->extra);
  cursor->extra = NULL;
  return hdx_error_memory(error, extra_count * rows * sizeof *cursor->extra);
}

/* Copies a row of a slot to place i of the batch. */
static void copy_row(struct hdx_cursor *cursor, const struct hdx_slot *slot, size_t row, int64_t stop, size_t i) {
  const struct hdx_block *block = &slot->block;
  cursor->start[i] = block->start[row];
  cursor->stop[i] = stop;
  if (cursor->wanted & HDX_WANT_SIZE)
    cursor->size[i] = block->size[row];
  cursor->key[i] = block->key[row];
  for (size_t c = 0; cursor->wanted & HDX_WANT_EXTRA && c < cursor->reader->footer.column_count; c++)
    cursor->extra[c * cursor->batch_rows + i] =
        slot->columns[c] == SIZE_MAX ? HDX_TEXT("") : block->extra[slot->columns[c]][row];
}

static size_t merge_rows(struct hdx_cursor *cursor) {
  const struct hdx_footer *footer = &cursor->reader->footer;
  bool more = cursor->next < footer->zone_count;
  int64_t limit = more ? footer->zones[cursor->next].min_start : INT64_MAX;
  size_t count = 0;
  while (count < cursor->batch_rows && cursor->heap_count) {
    struct hdx_slot *slot = cursor->slots[cursor->heap[0]];
    size_t row = slot->at;
    int64_t start = slot->block.start[row], stop = slot->block.stop[row];
    if (more && start >= limit)
      break;
    if (++slot->at == slot->block.selected)
      hdx_heap_pop(cursor->heap, &cursor->heap_count, slot_before, cursor);
    else
      hdx_heap_settle(cursor->heap, cursor->heap_count, slot_before, cursor);
    if (stop == HDX_TIME_NONE && cursor->made_up) {
      const struct hdx_slot *top = cursor->heap_count ? cursor->slots[cursor->heap[0]] : NULL;
      stop = top ? top->block.start[top->at] : more ? limit : start;
      stop = more && stop > limit ? limit : stop;
    }
    if (!cursor->made_up || hdx_cursor_row_wanted(cursor, slot, row, stop))
      copy_row(cursor, slot, row, stop, count++);
  }
  return count;
}

enum hdx_status hdx_cursor_merge(struct hdx_cursor *cursor, size_t *count, struct hdx_error *error) {
  enum hdx_status status = make_batch(cursor, error);
  *count = status == HDX_OK ? merge_rows(cursor) : 0;
  return status;
}

void hdx_cursor_push(struct hdx_cursor *cursor, size_t slot) {
  if (cursor->heap_count >= FEW_BLOCKS)
    hdx_block_pack(&cursor->slots[slot]->block);
  hdx_heap_push(cursor->heap, &cursor->heap_count, slot, slot_before, cursor);
}

/* ---- memory ---- */

/* Closes blocks that are not in use, or all of them. */
static void close_blocks(struct hdx_cursor *cursor, bool all) {
  for (size_t s = 0; s < cursor->slot_count; s++) {
    struct hdx_slot *slot = cursor->slots[s];
    if (all && slot->used)
      hdx_reader_forget(cursor->reader, slot->zone);
    if (all || !slot->used)
      hdx_block_deinit(&slot->block);
  }
}

/* Lets go of all memory that can be done without. */
static void save(struct hdx_cursor *cursor) {
  close_blocks(cursor, false);
  for (size_t s = 0; s < cursor->slot_count; s++)
    if (cursor->slots[s]->used)
      hdx_block_pack(&cursor->slots[s]->block);
}

static size_t open_rows(const struct hdx_cursor *cursor) {
  size_t rows = 0;
  for (size_t s = 0; s < cursor->slot_count; s++)
    rows += cursor->slots[s]->used ? cursor->slots[s]->block.selected : 0;
  return rows;
}

/* What the cursor takes beside its blocks no pane makes less: half of the memory is for blocks in any case. */
static size_t blocks_max(const struct hdx_cursor *cursor, size_t block_bytes) {
  size_t base = hdx_cursor_bytes(cursor) - block_bytes, half = cursor->memory_max / 2;
  return base < half ? cursor->memory_max - base : half;
}

bool hdx_cursor_is_full(struct hdx_cursor *cursor) {
  if (cursor->heap_count < 2)
    return false;
  size_t bytes = hdx_cursor_block_bytes(cursor), most = blocks_max(cursor, bytes), rows = open_rows(cursor);
  if (bytes > most) {
    save(cursor);
    bytes = hdx_cursor_block_bytes(cursor);
  }
  cursor->rows_peak = rows > cursor->rows_peak ? rows : cursor->rows_peak;
  return bytes > most;
}

/* ---- panes ---- */

static double between(int64_t first, int64_t last) {
  return (double)((uint64_t)last - (uint64_t)first);
}

/* How many of a zone's rows start in [first, last], if they are spread evenly. */
static double rows_between(const struct hdx_zone *zone, int64_t first, int64_t last) {
  int64_t from = zone->min_start > first ? zone->min_start : first;
  int64_t to = zone->max_start < last ? zone->max_start : last;
  if (from > to)
    return 0;
  return zone->rows * (between(from, to) + 1) / (between(zone->min_start, zone->max_start) + 1);
}

/* Which part of [first, last] has so few rows that they fit into half of the memory: half of it at the most. */
static double fitting_part(const struct hdx_cursor *cursor, int64_t first, int64_t last) {
  const struct hdx_footer *footer = &cursor->reader->footer;
  double rows = 0;
  for (size_t n = 0; n < footer->zone_count && footer->zones[n].min_start <= last; n++)
    if (hdx_cursor_zone_wanted(cursor, &footer->zones[n]))
      rows += rows_between(&footer->zones[n], first, last);
  double bytes = rows * (double)hdx_cursor_block_bytes(cursor) / (double)(open_rows(cursor) + 1);
  double part = bytes > 0 ? (double)cursor->memory_max / 2 / bytes : 1;
  return part < 0.5 ? part : 0.5;
}

/* How many of a block's rows start at `time` or earlier. */
static size_t rows_until(const struct hdx_block *block, int64_t time) {
  size_t from = 0, count = block->selected;
  while (count > 0) {
    size_t half = count / 2;
    bool before = block->start[from + half] <= time;
    from += before ? half + 1 : 0;
    count = before ? count - half - 1 : half;
  }
  return from;
}

/* The width of what begins at `first`, ends by `last`, and has no more than half of the open rows (but for those of one
 * instant): where rows lie close together, time alone would be halved many times. */
static uint64_t half_of_rows(const struct hdx_cursor *cursor, int64_t first, int64_t last) {
  size_t most = open_rows(cursor) / 2;
  uint64_t from = 0, to = (uint64_t)last - (uint64_t)first;
  while (from < to) {
    uint64_t at = to - (to - from) / 2;
    size_t rows = 0;
    for (size_t s = 0; s < cursor->slot_count; s++)
      if (cursor->slots[s]->used)
        rows += rows_until(&cursor->slots[s]->block, (int64_t)((uint64_t)first + at));
    from = rows <= most ? at : from;
    to = rows <= most ? to : at - 1;
  }
  return from;
}

enum hdx_status hdx_cursor_narrow(struct hdx_cursor *cursor, struct hdx_error *error) {
  const struct hdx_footer *footer = &cursor->reader->footer;
  /* What starts earlier was handed out before the next zone had to be opened. */
  int64_t first = footer->zones[cursor->next].min_start, last = first;
  first = first > cursor->first_start ? first : cursor->first_start;
  for (size_t s = 0; s < cursor->slot_count; s++) {
    int64_t end = footer->zones[cursor->slots[s]->zone].max_start;
    last = cursor->slots[s]->used && end > last ? end : last;
  }
  last = last < cursor->last_start ? last : cursor->last_start;
  last = last > first ? last : first;
  if (cursor->made_up || (cursor->first_start == first && cursor->last_start == first))
    return hdx_error_set(error, HDX_LIMIT,
                         "%s: %s take more than the %zu MiB of memory that there are for them; a larger --memory helps",
                         cursor->reader->path,
                         cursor->made_up ? "the blocks that overlap in time, of an index without stops,"
                                         : "the rows that start at the same instant",
                         cursor->memory_max >> 20);
  uint64_t width = (uint64_t)(between(first, last) * fitting_part(cursor, first, last));
  uint64_t half = half_of_rows(cursor, first, last);
  cursor->pane_width = width < half ? width : half;
  cursor->rows_full = open_rows(cursor);
  close_blocks(cursor, true);
  hdx_cursor_walk(cursor, first, (int64_t)((uint64_t)first + cursor->pane_width));
  return HDX_OK;
}

bool hdx_cursor_next_pane(struct hdx_cursor *cursor) {
  const struct hdx_footer *footer = &cursor->reader->footer;
  if (cursor->last_start == cursor->window_last)
    return false;
  bool small = cursor->rows_peak < cursor->rows_full / 4;
  close_blocks(cursor, true);
  hdx_cursor_walk(cursor, cursor->last_start + 1, cursor->window_last);
  if (cursor->next == footer->zone_count)
    return false;
  const struct hdx_zone *zone = &footer->zones[cursor->next];
  int64_t first = zone->min_start > cursor->first_start ? zone->min_start : cursor->first_start, last;
  if (small) {
    uint64_t of_zone = ((uint64_t)zone->max_start - (uint64_t)first) / 16;
    cursor->pane_width = cursor->pane_width < UINT64_MAX / 4 ? 4 * cursor->pane_width : UINT64_MAX;
    cursor->pane_width = cursor->pane_width > of_zone ? cursor->pane_width : of_zone;
  }
  if (__builtin_add_overflow(first, cursor->pane_width, &last) || last > cursor->window_last)
    last = cursor->window_last;
  hdx_cursor_walk(cursor, first, last);
  return true;
}
