/* Answering a range of time from a snapshot.
 *
 * The zones are walked in the order of their least start. A block that reaches into none of those behind it is handed
 * out as it is; blocks whose starts overlap are merged: a heap holds the open ones by their next row, and a row may
 * leave as long as it starts before the next zone does. So no more blocks are open than overlap at one instant.
 *
 * Where stops are made up, a row's stop needs the next row of the whole dataset, whether that matches or not. Then
 * every zone from the first wanted one on is opened, those too that reach into it from before, and rows are matched
 * when they leave; only rows of wanted zones do (the zone map bounds made-up stops from above). */
#include "snapshot/reader.h"

#include "base/error.h"

#include <stdlib.h>

enum { BATCH_ROWS = HDX_BLOCK_ROWS, SLOTS_MAX = 8192 };

/* An open block and how far its rows have been handed out. */
struct slot {
  struct hdx_block block;
  size_t zone, at;
  bool wanted;
  bool used;
  size_t columns[HDX_COLUMNS_MAX]; /* place of each of the dataset's extra columns in the block, SIZE_MAX: none */
};

struct hdx_cursor {
  const struct hdx_reader *reader;
  struct hdx_range range;
  struct hdx_zstd *zstd;
  bool made_up;
  size_t first; /* wanted zone, where stops are made up */
  size_t next;  /* zone to be opened */

  struct slot **slots;
  size_t slot_count;
  size_t *heap; /* slots by their next row */
  size_t heap_count;

  uint32_t *rows; /* scratch: numbers of the rows of a block that match */
  size_t rows_capacity;

  int64_t *start, *stop, *size; /* a merged batch of BATCH_ROWS; NULL until there is one */
  struct hdx_text *key, *extra; /* extra: one column behind the other */
  const struct hdx_text **extra_out;
  struct hdx_text *empty; /* a column that a block lacks */
  size_t empty_count;
};

/* ---- which zones ---- */

static bool year_wanted(const struct hdx_range *range, int64_t year) {
  return year == 0 || (year >= range->years.first && year <= range->years.last);
}

/* Whether the zone may have rows that match. */
static bool zone_wanted(const struct hdx_range *range, const struct hdx_zone *zone) {
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

/* The next zone to be opened, from `n` on. */
static size_t next_zone(const struct hdx_cursor *cursor, size_t n) {
  const struct hdx_footer *footer = &cursor->reader->footer;
  for (; n < footer->zone_count; n++) {
    const struct hdx_zone *zone = &footer->zones[n];
    if (cursor->made_up && cursor->first < footer->zone_count
            ? n >= cursor->first || zone->max_start >= footer->zones[cursor->first].min_start
            : zone_wanted(&cursor->range, zone))
      break;
  }
  return n;
}

void hdx_cursor_range(struct hdx_cursor *cursor, const struct hdx_range *range) {
  const struct hdx_footer *footer = &cursor->reader->footer;
  cursor->range = *range;
  cursor->heap_count = 0;
  for (size_t s = 0; s < cursor->slot_count; s++)
    cursor->slots[s]->used = false;
  cursor->first = 0;
  while (cursor->made_up && cursor->first < footer->zone_count && !zone_wanted(range, &footer->zones[cursor->first]))
    cursor->first++;
  cursor->next = next_zone(cursor, 0);
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

/* Notes the rows of a block that match, in cursor->rows. */
static size_t match_rows(struct hdx_cursor *cursor, const struct hdx_block *block) {
  const struct hdx_range *range = &cursor->range;
  struct stops stops = stops_of(range);
  size_t from = 0, to = block->count, count = 0;
  if (range->match != HDX_MATCH_OVERLAP && range->start != HDX_TIME_NONE)
    from = lower_bound(block->start, block->count, range->start);
  if (range->match != HDX_MATCH_CONTAINED && range->stop != HDX_TIME_NONE)
    to = lower_bound(block->start, block->count, range->stop);
  for (size_t i = from; i < to; i++) {
    cursor->rows[count] = (uint32_t)i;
    count += (block->stop[i] >= stops.least) & (block->stop[i] <= stops.most);
  }
  if (!block->year)
    return count;
  size_t kept = 0;
  for (size_t i = 0; i < count; i++) {
    cursor->rows[kept] = cursor->rows[i];
    kept += year_wanted(range, block->year[cursor->rows[i]]);
  }
  return kept;
}

/* ---- opening and closing ---- */

enum hdx_status hdx_cursor_open(const struct hdx_reader *reader, const struct hdx_range *range,
                                struct hdx_cursor **cursor, struct hdx_error *error) {
  struct hdx_cursor *made = calloc(1, sizeof *made);
  if (!made)
    return hdx_error_memory(error, sizeof *made);
  made->reader = reader;
  made->made_up = reader->info.stop_made_up;
  made->zstd = hdx_zstd_create();
  size_t extra_count = reader->footer.column_count;
  made->extra_out = calloc(extra_count + 1, sizeof *made->extra_out);
  if (!made->zstd || !made->extra_out) {
    hdx_cursor_close(made);
    return hdx_error_memory(error, sizeof *made);
  }
  hdx_cursor_range(made, range);
  *cursor = made;
  return HDX_OK;
}

void hdx_cursor_close(struct hdx_cursor *cursor) {
  if (!cursor)
    return;
  for (size_t s = 0; s < cursor->slot_count; s++) {
    hdx_block_deinit(&cursor->slots[s]->block);
    free(cursor->slots[s]);
  }
  free(cursor->slots);
  free(cursor->heap);
  free(cursor->rows);
  free(cursor->start);
  free(cursor->stop);
  free(cursor->size);
  free(cursor->key);
  free(cursor->extra);
  free(cursor->extra_out);
  free(cursor->empty);
  hdx_zstd_free(cursor->zstd);
  free(cursor);
}

/* A slot that is not in use. */
static enum hdx_status take_slot(struct hdx_cursor *cursor, size_t *slot, struct hdx_error *error) {
  for (size_t s = 0; s < cursor->slot_count; s++)
    if (!cursor->slots[s]->used) {
      *slot = s;
      return HDX_OK;
    }
  size_t n = cursor->slot_count;
  if (n == SLOTS_MAX)
    return hdx_error_set(error, HDX_LIMIT, "%s: more than %d blocks overlap in time", cursor->reader->path, SLOTS_MAX);
  struct slot **slots = realloc(cursor->slots, (n + 1) * sizeof(struct slot *));
  cursor->slots = slots ? slots : cursor->slots;
  size_t *heap = realloc(cursor->heap, (n + 1) * sizeof *heap);
  cursor->heap = heap ? heap : cursor->heap;
  if (!slots || !heap || !(slots[n] = calloc(1, sizeof **slots)))
    return hdx_error_memory(error, sizeof **slots);
  hdx_block_init(&slots[n]->block);
  cursor->slot_count++;
  *slot = n;
  return HDX_OK;
}

static void map_columns(const struct hdx_footer *footer, struct slot *slot) {
  for (size_t c = 0; c < footer->column_count; c++) {
    slot->columns[c] = SIZE_MAX;
    for (size_t i = 0; i < slot->block.extra_count; i++)
      if (slot->block.extra_id[i] == footer->column_ids[c])
        slot->columns[c] = i;
  }
}

/* Keeps times and years of the selected rows only. */
static void compact(struct hdx_block *block, const uint32_t *rows, size_t count) {
  if (count == block->count)
    return;
  for (size_t i = 0; i < count; i++) {
    block->start[i] = block->start[rows[i]];
    block->stop[i] = block->stop[rows[i]];
  }
  for (size_t i = 0; block->year && i < count; i++)
    block->year[i] = block->year[rows[i]];
}

/* Stops of rows that have none: the next row's start, which for the last row is `next` (NONE: its own). */
static void make_up_stops(struct hdx_block *block, int64_t next) {
  size_t last = block->count - 1;
  for (size_t i = 0; i < last; i++)
    if (block->stop[i] == HDX_TIME_NONE)
      block->stop[i] = block->start[i + 1];
  if (block->stop[last] == HDX_TIME_NONE)
    block->stop[last] = next == HDX_TIME_NONE ? block->start[last] : next;
}

/* Opens the next zone in a slot. *alone: it overlaps nothing, its rows are matched and stops made up; otherwise, where
 * stops are made up, all its rows are there. */
static enum hdx_status open_zone(struct hdx_cursor *cursor, size_t *slot_out, bool *alone, struct hdx_error *error) {
  const struct hdx_footer *footer = &cursor->reader->footer;
  const struct hdx_zone *zone = &footer->zones[cursor->next];
  size_t after = next_zone(cursor, cursor->next + 1);
  enum hdx_status status = take_slot(cursor, slot_out, error);
  if (status != HDX_OK)
    return status;
  struct slot *slot = cursor->slots[*slot_out];
  struct hdx_block *block = &slot->block;
  slot->wanted = zone_wanted(&cursor->range, zone);
  *alone = cursor->heap_count == 0 && (after == footer->zone_count || zone->max_start < footer->zones[after].min_start);
  if (*alone && !slot->wanted) {
    cursor->next = after;
    return HDX_OK;
  }
  status = hdx_reader_block(cursor->reader, cursor->next, block, cursor->zstd, error);
  if (status != HDX_OK)
    return status;
  if (block->count > cursor->rows_capacity) {
    uint32_t *rows = realloc(cursor->rows, block->count * sizeof *rows);
    if (!rows)
      return hdx_error_memory(error, block->count * sizeof *rows);
    cursor->rows = rows;
    cursor->rows_capacity = block->count;
  }
  size_t count = 0;
  if (cursor->made_up && !*alone) {
    for (; count < block->count; count++)
      cursor->rows[count] = (uint32_t)count;
  } else {
    if (cursor->made_up)
      make_up_stops(block, after < footer->zone_count ? footer->zones[after].min_start : HDX_TIME_NONE);
    count = slot->wanted ? match_rows(cursor, block) : 0;
  }
  status =
      hdx_reader_select(cursor->reader, cursor->next, block, cursor->zstd, cursor->rows, count, HDX_WANT_ALL, error);
  if (status != HDX_OK)
    return status;
  compact(block, cursor->rows, count);
  map_columns(footer, slot);
  slot->zone = cursor->next;
  slot->at = 0;
  slot->used = count > 0;
  cursor->next = after;
  return HDX_OK;
}

/* ---- merging ---- */

static bool slot_before(const struct hdx_cursor *cursor, size_t a, size_t b) {
  const struct slot *x = cursor->slots[a], *y = cursor->slots[b];
  int order = hdx_row_compare(x->block.start[x->at], x->block.stop[x->at], x->block.key[x->at], y->block.start[y->at],
                              y->block.stop[y->at], y->block.key[y->at]);
  return order ? order < 0 : x->zone < y->zone;
}

static void sift_down(struct hdx_cursor *cursor, size_t at) {
  size_t *heap = cursor->heap, slot = heap[at];
  for (size_t child; (child = 2 * at + 1) < cursor->heap_count; at = child) {
    if (child + 1 < cursor->heap_count && slot_before(cursor, heap[child + 1], heap[child]))
      child++;
    if (!slot_before(cursor, heap[child], slot))
      break;
    heap[at] = heap[child];
  }
  heap[at] = slot;
}

static void push(struct hdx_cursor *cursor, size_t slot) {
  size_t *heap = cursor->heap, at = cursor->heap_count++;
  for (; at > 0 && slot_before(cursor, slot, heap[(at - 1) / 2]); at = (at - 1) / 2)
    heap[at] = heap[(at - 1) / 2];
  heap[at] = slot;
}

static enum hdx_status make_batch(struct hdx_cursor *cursor, struct hdx_error *error) {
  size_t extra_count = cursor->reader->footer.column_count;
  if (cursor->extra)
    return HDX_OK;
  cursor->start = cursor->start ? cursor->start : malloc(BATCH_ROWS * sizeof *cursor->start);
  cursor->stop = cursor->stop ? cursor->stop : malloc(BATCH_ROWS * sizeof *cursor->stop);
  cursor->size = cursor->size ? cursor->size : malloc(BATCH_ROWS * sizeof *cursor->size);
  cursor->key = cursor->key ? cursor->key : malloc(BATCH_ROWS * sizeof *cursor->key);
  cursor->extra = malloc((extra_count * BATCH_ROWS + 1) * sizeof *cursor->extra);
  if (cursor->start && cursor->stop && cursor->size && cursor->key && cursor->extra)
    return HDX_OK;
  free(cursor->extra);
  cursor->extra = NULL;
  return hdx_error_memory(error, extra_count * BATCH_ROWS * sizeof *cursor->extra);
}

/* Copies a row of a slot to place i of the batch. */
static void copy_row(struct hdx_cursor *cursor, const struct slot *slot, size_t row, int64_t stop, size_t i) {
  const struct hdx_block *block = &slot->block;
  cursor->start[i] = block->start[row];
  cursor->stop[i] = stop;
  cursor->size[i] = block->size[row];
  cursor->key[i] = block->key[row];
  for (size_t c = 0; c < cursor->reader->footer.column_count; c++)
    cursor->extra[c * BATCH_ROWS + i] =
        slot->columns[c] == SIZE_MAX ? HDX_TEXT("") : block->extra[slot->columns[c]][row];
}

/* Whether a row of a slot that was not matched when it was opened is asked for. */
static bool row_wanted(const struct hdx_cursor *cursor, const struct slot *slot, size_t row, int64_t stop) {
  struct stops stops = stops_of(&cursor->range);
  const struct hdx_block *block = &slot->block;
  return slot->wanted && start_matches(&cursor->range, block->start[row]) && stop >= stops.least &&
         stop <= stops.most && (!block->year || year_wanted(&cursor->range, block->year[row]));
}

/* Takes rows from the heap as long as no zone still to be opened can come before them. Gives how many match. */
static size_t merge_rows(struct hdx_cursor *cursor) {
  const struct hdx_footer *footer = &cursor->reader->footer;
  bool more = cursor->next < footer->zone_count;
  int64_t limit = more ? footer->zones[cursor->next].min_start : INT64_MAX;
  size_t count = 0;
  while (count < BATCH_ROWS && cursor->heap_count) {
    struct slot *slot = cursor->slots[cursor->heap[0]];
    size_t row = slot->at;
    int64_t start = slot->block.start[row], stop = slot->block.stop[row];
    if (more && start >= limit)
      break;
    if (++slot->at == slot->block.selected)
      cursor->heap[0] = cursor->heap[--cursor->heap_count];
    if (cursor->heap_count)
      sift_down(cursor, 0);
    if (stop == HDX_TIME_NONE && cursor->made_up) {
      const struct slot *top = cursor->heap_count ? cursor->slots[cursor->heap[0]] : NULL;
      stop = top ? top->block.start[top->at] : more ? limit : start;
      stop = more && stop > limit ? limit : stop;
    }
    if (!cursor->made_up || row_wanted(cursor, slot, row, stop))
      copy_row(cursor, slot, row, stop, count++);
  }
  return count;
}

/* ---- handing out ---- */

static enum hdx_status hand_out_block(struct hdx_cursor *cursor, struct slot *slot, struct hdx_batch *batch,
                                      struct hdx_error *error) {
  const struct hdx_block *block = &slot->block;
  size_t extra_count = cursor->reader->footer.column_count;
  for (size_t c = 0; c < extra_count; c++) {
    if (slot->columns[c] != SIZE_MAX) {
      cursor->extra_out[c] = block->extra[slot->columns[c]];
      continue;
    }
    if (cursor->empty_count < block->selected) {
      struct hdx_text *empty = realloc(cursor->empty, block->selected * sizeof *empty);
      if (!empty)
        return hdx_error_memory(error, block->selected * sizeof *empty);
      cursor->empty = empty;
      while (cursor->empty_count < block->selected)
        empty[cursor->empty_count++] = HDX_TEXT("");
    }
    cursor->extra_out[c] = NULL;
  }
  for (size_t c = 0; c < extra_count; c++)
    cursor->extra_out[c] = cursor->extra_out[c] ? cursor->extra_out[c] : cursor->empty;
  slot->at = block->selected;
  *batch = (struct hdx_batch){block->selected, block->start, block->stop,      block->size,
                              block->key,      extra_count,  cursor->extra_out};
  return HDX_OK;
}

static void hand_out_merged(struct hdx_cursor *cursor, size_t count, struct hdx_batch *batch) {
  size_t extra_count = cursor->reader->footer.column_count;
  for (size_t c = 0; c < extra_count; c++)
    cursor->extra_out[c] = cursor->extra + c * BATCH_ROWS;
  *batch =
      (struct hdx_batch){count, cursor->start, cursor->stop, cursor->size, cursor->key, extra_count, cursor->extra_out};
}

/* Whether nothing that is still to come can match. */
static bool finished(const struct hdx_cursor *cursor) {
  const struct hdx_footer *footer = &cursor->reader->footer;
  if (cursor->heap_count)
    return false;
  if (!cursor->made_up)
    return cursor->next >= footer->zone_count;
  for (size_t n = cursor->next; n < footer->zone_count; n++)
    if (zone_wanted(&cursor->range, &footer->zones[n]))
      return false;
  return true;
}

enum hdx_status hdx_cursor_next(struct hdx_cursor *cursor, struct hdx_batch *batch, struct hdx_error *error) {
  while (!finished(cursor)) {
    size_t count = 0;
    /* Slots that are used up: what the last batch pointed to may go now. */
    for (size_t s = 0; s < cursor->slot_count; s++)
      if (cursor->slots[s]->at == cursor->slots[s]->block.selected)
        cursor->slots[s]->used = false;
    if (cursor->heap_count) {
      enum hdx_status status = make_batch(cursor, error);
      if (status != HDX_OK)
        return status;
      count = merge_rows(cursor);
    }
    if (count) {
      hand_out_merged(cursor, count, batch);
      return HDX_OK;
    }
    if (cursor->next >= cursor->reader->footer.zone_count)
      continue;
    size_t slot = 0;
    bool alone = false;
    enum hdx_status status = open_zone(cursor, &slot, &alone, error);
    if (status != HDX_OK)
      return status;
    if (!cursor->slots[slot]->used)
      continue;
    if (alone)
      return hand_out_block(cursor, cursor->slots[slot], batch, error);
    push(cursor, slot);
  }
  *batch = (struct hdx_batch){.extra_count = cursor->reader->footer.column_count, .extra = cursor->extra_out};
  return HDX_OK;
}
