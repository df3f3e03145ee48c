/* Answering a range of time from a snapshot.
 *
 * The zones are walked in the order of their least start. A block that reaches into none of those behind it is handed
 * out as it is; blocks whose starts overlap are merged (merge.c).
 *
 * Where stops are made up, a row's stop needs the next row of the whole dataset, whether that matches or not. Then
 * every zone from the first wanted one on is opened, those too that reach into it from before, and rows are matched
 * when they leave; only rows of wanted zones do (the zone map bounds made-up stops from above). */
#include "snapshot/cursor.h"

#include "base/error.h"

#include <assert.h>
#include <stdlib.h>

static_assert((int)HDX_COLUMN_SIZE == HDX_WANT_SIZE && (int)HDX_COLUMN_KEY == HDX_WANT_KEY &&
                  (int)HDX_COLUMN_EXTRA == HDX_WANT_EXTRA,
              "columns of batches are those of blocks");

enum {
  SLOTS_MAX = 8192,
  MEMORY_MAX = 256 << 20, /* if nothing else is said */
  ZSTD_BYTES = 160 << 10  /* of a context, about */
};

/* ---- which zones ---- */

size_t hdx_cursor_next_zone(const struct hdx_cursor *cursor, size_t n) {
  const struct hdx_footer *footer = &cursor->reader->footer;
  for (; n < footer->zone_count; n++) {
    const struct hdx_zone *zone = &footer->zones[n];
    if (cursor->made_up && cursor->first < footer->zone_count
            ? n >= cursor->first || zone->max_start >= footer->zones[cursor->first].min_start
            : hdx_cursor_zone_wanted(cursor, zone))
      break;
  }
  return n;
}

void hdx_cursor_walk(struct hdx_cursor *cursor, int64_t first, int64_t last) {
  const struct hdx_footer *footer = &cursor->reader->footer;
  cursor->first_start = first;
  cursor->last_start = last;
  cursor->rows_peak = 0;
  cursor->heap_count = 0;
  for (size_t s = 0; s < cursor->slot_count; s++)
    cursor->slots[s]->used = false;
  cursor->first = 0;
  while (cursor->made_up && cursor->first < footer->zone_count &&
         !hdx_cursor_zone_wanted(cursor, &footer->zones[cursor->first]))
    cursor->first++;
  cursor->next = hdx_cursor_next_zone(cursor, 0);
}

static void begin(struct hdx_cursor *cursor) {
  hdx_cursor_walk(cursor, cursor->window_first, cursor->window_last);
}

void hdx_cursor_range(struct hdx_cursor *cursor, const struct hdx_range *range) {
  const struct hdx_footer *footer = &cursor->reader->footer;
  cursor->range = *range;
  cursor->window_first = INT64_MIN;
  cursor->window_last = INT64_MAX;
  cursor->all_years = true;
  for (size_t i = 0; i < footer->year_count; i++) {
    int year = footer->years[i].year;
    cursor->all_years &= year >= range->years.first && year <= range->years.last;
  }
  begin(cursor);
}

void hdx_cursor_window(struct hdx_cursor *cursor, int64_t first, int64_t last) {
  cursor->window_first = first;
  cursor->window_last = last;
  begin(cursor);
}

bool hdx_cursor_last_zone(struct hdx_cursor *cursor, int64_t last, int64_t *first) {
  const struct hdx_footer *footer = &cursor->reader->footer;
  size_t n = 0, count = footer->zone_count;
  while (count > 0) {
    size_t half = count / 2;
    bool before = footer->zones[n + half].min_start <= last;
    n += before ? half + 1 : 0;
    count = before ? count - half - 1 : half;
  }
  cursor->first_start = INT64_MIN; /* the zones before it are looked at, whatever window was asked for */
  cursor->last_start = last;
  while (n > 0 && !hdx_cursor_zone_wanted(cursor, &footer->zones[n - 1]))
    n--;
  if (n > 0)
    *first = footer->zones[n - 1].min_start;
  return n > 0;
}

enum hdx_status hdx_cursor_filter(struct hdx_cursor *cursor, const struct hdx_filter *filter, unsigned wanted,
                                  struct hdx_error *error) {
  const struct hdx_footer *footer = &cursor->reader->footer;
  size_t *columns = calloc(filter->condition_count + 1, sizeof *columns);
  if (!columns)
    return hdx_error_memory(error, filter->condition_count * sizeof *columns);
  for (size_t n = 0; n < filter->condition_count; n++) {
    columns[n] = SIZE_MAX;
    for (size_t c = 0; c < footer->column_count; c++)
      if (hdx_text_equal(footer->column_names[c], filter->conditions[n].column))
        columns[n] = c;
  }
  free(cursor->condition_columns);
  cursor->condition_columns = columns;
  cursor->filter = *filter;
  cursor->wanted = wanted;
  begin(cursor);
  return HDX_OK;
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
  made->wanted = HDX_WANT_ALL;
  made->memory_max = MEMORY_MAX;
  hdx_filter_init(&made->filter);
  hdx_cursor_range(made, range);
  *cursor = made;
  return HDX_OK;
}

void hdx_cursor_memory(struct hdx_cursor *cursor, size_t bytes) {
  cursor->memory_max = bytes;
}

size_t hdx_cursor_block_bytes(const struct hdx_cursor *cursor) {
  size_t bytes = 0;
  for (size_t s = 0; s < cursor->slot_count; s++)
    bytes += sizeof *cursor->slots[s] + hdx_block_bytes(&cursor->slots[s]->block);
  return bytes;
}

size_t hdx_cursor_bytes(const struct hdx_cursor *cursor) {
  size_t bytes = sizeof *cursor + ZSTD_BYTES + cursor->rows_capacity * sizeof *cursor->rows;
  bytes += hdx_cursor_block_bytes(cursor);
  if (cursor->extra)
    bytes += cursor->batch_rows * hdx_cursor_row_bytes(cursor);
  return bytes;
}

void hdx_cursor_as_filed(struct hdx_cursor *cursor) {
  cursor->made_up = false;
  begin(cursor);
}

void hdx_cursor_close(struct hdx_cursor *cursor) {
  if (!cursor)
    return;
  for (size_t s = 0; s < cursor->slot_count; s++) {
    hdx_block_deinit(&cursor->slots[s]->block);
    free(cursor->slots[s]);
  }
  free(cursor->condition_columns);
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

enum hdx_status hdx_cursor_take_slot(struct hdx_cursor *cursor, size_t *slot, struct hdx_error *error) {
  for (size_t s = 0; s < cursor->slot_count; s++)
    if (!cursor->slots[s]->used) {
      *slot = s;
      return HDX_OK;
    }
  size_t n = cursor->slot_count;
  if (n == SLOTS_MAX)
    return hdx_error_set(error, HDX_LIMIT, "%s: more than %d blocks overlap in time", cursor->reader->path, SLOTS_MAX);
  struct hdx_slot **slots = realloc(cursor->slots, (n + 1) * sizeof(struct hdx_slot *));
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

void hdx_cursor_make_up_stops(struct hdx_block *block, int64_t next) {
  size_t last = block->count - 1;
  for (size_t i = 0; i < last; i++)
    if (block->stop[i] == HDX_TIME_NONE)
      block->stop[i] = block->start[i + 1];
  if (block->stop[last] == HDX_TIME_NONE)
    block->stop[last] = next == HDX_TIME_NONE ? block->start[last] : next;
}

/* Decodes all rows of a block, whose stops are not yet known: they are matched when they leave the heap. Those of a
 * block that is not wanted only take part in the order. */
static enum hdx_status select_all(struct hdx_cursor *cursor, struct hdx_slot *slot, struct hdx_error *error) {
  struct hdx_filter filter = cursor->filter;
  enum hdx_status status = hdx_cursor_reserve(cursor, slot->block.count, error);
  for (size_t i = 0; status == HDX_OK && i < slot->block.count; i++)
    cursor->rows[i] = (uint32_t)i;
  unsigned wanted = HDX_WANT_KEY | (slot->wanted ? cursor->wanted | hdx_cursor_filtered(cursor) : 0u);
  hdx_filter_init(&cursor->filter);
  if (status == HDX_OK)
    status = hdx_cursor_select(cursor, slot, slot->block.count, wanted, error);
  cursor->filter = filter;
  return status;
}

/* Opens the next zone in a slot. *alone: it overlaps nothing, its rows are matched and stops made up; otherwise, where
 * stops are made up, all its rows are there. */
static enum hdx_status open_zone(struct hdx_cursor *cursor, size_t *slot_out, bool *alone, struct hdx_error *error) {
  const struct hdx_footer *footer = &cursor->reader->footer;
  const struct hdx_zone *zone = &footer->zones[cursor->next];
  size_t after = hdx_cursor_next_zone(cursor, cursor->next + 1);
  enum hdx_status status = hdx_cursor_take_slot(cursor, slot_out, error);
  if (status != HDX_OK)
    return status;
  struct hdx_slot *slot = cursor->slots[*slot_out];
  struct hdx_block *block = &slot->block;
  slot->wanted = hdx_cursor_zone_wanted(cursor, zone);
  slot->zone = cursor->next;
  *alone = cursor->heap_count == 0 && (after == footer->zone_count || zone->max_start < footer->zones[after].min_start);
  if (*alone && !slot->wanted) {
    cursor->next = after;
    return HDX_OK;
  }
  status = hdx_reader_block(cursor->reader, cursor->next, block, cursor->zstd, error);
  if (status != HDX_OK)
    return status;
  if (cursor->made_up && !*alone) {
    status = select_all(cursor, slot, error);
  } else {
    size_t count = 0;
    if (cursor->made_up)
      hdx_cursor_make_up_stops(block, after < footer->zone_count ? footer->zones[after].min_start : HDX_TIME_NONE);
    if (slot->wanted)
      status = hdx_cursor_match(cursor, block, &count, error);
    if (status == HDX_OK)
      status = hdx_cursor_select(cursor, slot, count, cursor->wanted | (*alone ? 0u : HDX_WANT_KEY), error);
  }
  if (status != HDX_OK)
    return status;
  slot->at = 0;
  slot->used = block->selected > 0;
  if (!slot->used)
    hdx_reader_forget(cursor->reader, slot->zone);
  cursor->next = after;
  return HDX_OK;
}

/* ---- handing out ---- */

/* A batch has the columns that are wanted. */
static struct hdx_batch batch_of(const struct hdx_cursor *cursor, size_t count, const int64_t *start,
                                 const int64_t *stop, const int64_t *size, const struct hdx_text *key) {
  bool extra = cursor->wanted & HDX_WANT_EXTRA;
  return (struct hdx_batch){.count = count,
                            .start = start,
                            .stop = stop,
                            .size = cursor->wanted & HDX_WANT_SIZE ? size : NULL,
                            .key = cursor->wanted & HDX_WANT_KEY ? key : NULL,
                            .extra_count = extra ? cursor->reader->footer.column_count : 0,
                            .extra = cursor->extra_out};
}

static enum hdx_status hand_out_block(struct hdx_cursor *cursor, struct hdx_slot *slot, struct hdx_batch *batch,
                                      struct hdx_error *error) {
  const struct hdx_block *block = &slot->block;
  size_t extra_count = cursor->wanted & HDX_WANT_EXTRA ? cursor->reader->footer.column_count : 0;
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
  *batch = batch_of(cursor, block->selected, block->start, block->stop, block->size, block->key);
  return HDX_OK;
}

static void hand_out_merged(struct hdx_cursor *cursor, size_t count, struct hdx_batch *batch) {
  size_t extra_count = cursor->reader->footer.column_count;
  for (size_t c = 0; c < extra_count; c++)
    cursor->extra_out[c] = cursor->extra + c * cursor->batch_rows;
  *batch = batch_of(cursor, count, cursor->start, cursor->stop, cursor->size, cursor->key);
}

/* Whether nothing that is still to come can match. */
static bool finished(const struct hdx_cursor *cursor) {
  const struct hdx_footer *footer = &cursor->reader->footer;
  if (cursor->heap_count)
    return false;
  if (!cursor->made_up)
    return cursor->next >= footer->zone_count;
  for (size_t n = cursor->next; n < footer->zone_count; n++)
    if (hdx_cursor_zone_wanted(cursor, &footer->zones[n]))
      return false;
  return true;
}

/* Frees the slots that are used up: what the last batch pointed to may go now. */
static void leave_slots(struct hdx_cursor *cursor) {
  for (size_t s = 0; s < cursor->slot_count; s++) {
    struct hdx_slot *slot = cursor->slots[s];
    if (slot->used && slot->at == slot->block.selected) {
      slot->used = false;
      hdx_reader_forget(cursor->reader, slot->zone);
    }
  }
}

enum hdx_status hdx_cursor_next(struct hdx_cursor *cursor, struct hdx_batch *batch, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  do {
    size_t count = 0, slot = 0;
    bool alone = false;
    leave_slots(cursor);
    if (finished(cursor))
      continue;
    if (cursor->heap_count)
      status = hdx_cursor_merge(cursor, &count, error);
    if (status == HDX_OK && count) {
      hand_out_merged(cursor, count, batch);
      return HDX_OK;
    }
    if (status != HDX_OK || cursor->next >= cursor->reader->footer.zone_count)
      continue;
    if (hdx_cursor_is_full(cursor)) {
      status = hdx_cursor_narrow(cursor, error);
      continue;
    }
    status = open_zone(cursor, &slot, &alone, error);
    if (status != HDX_OK || !cursor->slots[slot]->used)
      continue;
    if (alone)
      return hand_out_block(cursor, cursor->slots[slot], batch, error);
    hdx_cursor_push(cursor, slot);
  } while (status == HDX_OK && (!finished(cursor) || hdx_cursor_next_pane(cursor)));
  *batch = batch_of(cursor, 0, NULL, NULL, NULL, NULL);
  return status;
}
