/* The rows of a query.
 *
 * Forwards, a dataset's rows come from its cursor as they are. Backwards, time is cut into windows at the starts of
 * blocks, which are walked from the last to the first; the rows of a window are collected by the same cursor and turned
 * around. A window with more rows than WINDOW_ROWS is cut where so many have been seen, and its later part comes first.
 *
 *     blocks   |--a--|  |---b---|              windows, in this order
 *                         |--c--|  |--d--|     [d …)  [c, d)  [b, c)  [a, b)
 *
 * Several datasets are merged by a heap of their next rows. A batch ends where the rows that it points to would go. A
 * dataset with few rows in the range is copied and its cursor closed, so that many datasets do not need as many blocks
 * in memory; where even so the session's memory has no room for a block of each, all are copied in portions, and their
 * cursors opened anew for each portion. */
#include "job/query.h"

#include <stdlib.h>

enum {
  WINDOW_ROWS = 65536,     /* that are turned around at once, but for those of one instant */
  OPEN_BYTES = 512 << 10,  /* of an open cursor, about */
  PORTION_ROW_BYTES = 256, /* of a row that is copied, about */
  PORTION_ROWS_MIN = 64,
  KEPT_ROWS = 1024,       /* of a dataset that are copied when there are several */
  MERGED_ROWS = 4096,     /* of a batch of several datasets */
  WINDOW_BYTES = 64 << 20 /* of text in a window */
};

/* ---- rows that are kept ---- */

void hdx_kept_rows_deinit(struct hdx_kept_rows *rows) {
  free(rows->start);
  free(rows->stop);
  free(rows->size);
  free(rows->key);
  for (size_t c = 0; rows->extra && c < rows->extra_count; c++)
    free(rows->extra[c]);
  free(rows->extra);
  hdx_arena_deinit(&rows->text);
  *rows = (struct hdx_kept_rows){0};
}

static bool resize(void *array, size_t count, size_t width) {
  void **at = array;
  void *grown = realloc(*at, count * width);
  *at = grown ? grown : *at;
  return grown != NULL;
}

/* Room for rows with so many extra columns, which must be the same each time. */
static enum hdx_status reserve(struct hdx_kept_rows *rows, size_t count, size_t extra_count, struct hdx_error *error) {
  if (count <= rows->capacity)
    return HDX_OK;
  size_t capacity = count < 2 * rows->capacity ? 2 * rows->capacity : count;
  if (!rows->extra) {
    rows->extra = calloc(extra_count + 1, sizeof *rows->extra);
    rows->extra_count = rows->extra ? extra_count : 0;
  }
  bool ok = rows->extra && resize(&rows->start, capacity, sizeof *rows->start) &&
            resize(&rows->stop, capacity, sizeof *rows->stop) && resize(&rows->size, capacity, sizeof *rows->size) &&
            resize(&rows->key, capacity, sizeof *rows->key);
  for (size_t c = 0; ok && c < rows->extra_count; c++)
    ok = resize(&rows->extra[c], capacity, sizeof *rows->extra[c]);
  if (!ok)
    return hdx_error_memory(error, capacity * (3 * sizeof(int64_t) + (1 + extra_count) * sizeof(struct hdx_text)));
  rows->capacity = capacity;
  return HDX_OK;
}

static void clear(struct hdx_kept_rows *rows) {
  rows->count = 0;
  hdx_arena_clear(&rows->text);
  rows->text.max = SIZE_MAX;
}

static bool keep_text(struct hdx_kept_rows *rows, struct hdx_text text, struct hdx_text *out) {
  char *copy = text.size ? hdx_arena_bytes(&rows->text, text.size) : NULL;
  if (text.size && !copy)
    return false;
  if (text.size)
    memcpy(copy, text.data, text.size);
  *out = text.size ? (struct hdx_text){copy, text.size} : HDX_TEXT("");
  return true;
}

/* Copies a batch. */
static enum hdx_status keep(struct hdx_query_part *part, const struct hdx_batch *batch, struct hdx_error *error) {
  struct hdx_kept_rows *rows = &part->kept;
  enum hdx_status status = reserve(rows, rows->count + batch->count, part->info.extra_count, error);
  if (status != HDX_OK || batch->count == 0)
    return status;
  size_t at = rows->count, bytes = batch->count * sizeof(int64_t);
  memcpy(rows->start + at, batch->start, bytes);
  memcpy(rows->stop + at, batch->stop, bytes);
  if (batch->size)
    memcpy(rows->size + at, batch->size, bytes);
  bool ok = true;
  for (size_t i = 0; ok && batch->key && i < batch->count; i++)
    ok = keep_text(rows, batch->key[i], &rows->key[at + i]);
  for (size_t c = 0; c < batch->extra_count; c++)
    for (size_t i = 0; ok && i < batch->count; i++)
      ok = keep_text(rows, batch->extra[c][i], &rows->extra[c][at + i]);
  if (!ok)
    return hdx_error_memory(error, rows->text.total);
  rows->count += batch->count;
  return HDX_OK;
}

static size_t kept_bytes(const struct hdx_kept_rows *rows) {
  return rows->text.total + rows->capacity * (3 * sizeof(int64_t) + (1 + rows->extra_count) * sizeof(struct hdx_text));
}

static void turn_numbers(int64_t *values, size_t count) {
  for (size_t i = 0, k = count - 1; i < k; i++, k--) {
    int64_t value = values[i];
    values[i] = values[k];
    values[k] = value;
  }
}

static void turn_texts(struct hdx_text *texts, size_t count) {
  for (size_t i = 0, k = count - 1; i < k; i++, k--) {
    struct hdx_text text = texts[i];
    texts[i] = texts[k];
    texts[k] = text;
  }
}

static void turn_around(struct hdx_kept_rows *rows, unsigned wanted) {
  if (rows->count == 0)
    return;
  turn_numbers(rows->start, rows->count);
  turn_numbers(rows->stop, rows->count);
  if (wanted & HDX_COLUMN_SIZE)
    turn_numbers(rows->size, rows->count);
  if (wanted & HDX_COLUMN_KEY)
    turn_texts(rows->key, rows->count);
  for (size_t c = 0; wanted & HDX_COLUMN_EXTRA && c < rows->extra_count; c++)
    turn_texts(rows->extra[c], rows->count);
}

static struct hdx_batch batch_of(const struct hdx_kept_rows *rows, unsigned wanted) {
  return (struct hdx_batch){.count = rows->count,
                            .start = rows->start,
                            .stop = rows->stop,
                            .size = wanted & HDX_COLUMN_SIZE ? rows->size : NULL,
                            .key = wanted & HDX_COLUMN_KEY ? rows->key : NULL,
                            .extra_count = wanted & HDX_COLUMN_EXTRA ? rows->extra_count : 0,
                            .extra = (const struct hdx_text *const *)rows->extra};
}

/* ---- one dataset ---- */

enum hdx_status hdx_query_ask(struct hdx_query_part *part, unsigned wanted, struct hdx_error *error) {
  const struct hdx_query *query = part->query;
  const struct hdx_range range = {query->options.start, query->options.stop, query->options.match, part->years};
  struct hdx_filter filter = query->filter;
  if (query->latest) {
    filter.keep = hdx_latest_keep;
    filter.user = query->latest;
  }
  enum hdx_status status = part->cursor ? HDX_OK : hdx_cursor_open(part->reader, &range, &part->cursor, error);
  if (status != HDX_OK)
    return status;
  hdx_cursor_range(part->cursor, &range);
  return hdx_cursor_filter(part->cursor, &filter, wanted, error);
}

/* A snapshot that was tampered with must not keep a walk from its end. */
static enum hdx_status out_of_order(const struct hdx_query_part *part, struct hdx_error *error) {
  return hdx_error_set(error, HDX_INTEGRITY, "%s: its rows are out of order", part->path);
}

/* Collects the rows that start in [first, last]; *first is set later if these are too many. */
static enum hdx_status collect(struct hdx_query_part *part, int64_t *first, int64_t last, struct hdx_error *error) {
  struct hdx_kept_rows *rows = &part->kept;
  uint64_t bytes_max = part->query->session->config.memory_bytes;
  struct hdx_batch batch;
  enum hdx_status status;
  clear(rows);
  hdx_cursor_window(part->cursor, *first, last);
  while ((status = hdx_cursor_next(part->cursor, &batch, error)) == HDX_OK && batch.count) {
    if (atomic_load(&part->query->session->cancelled))
      return hdx_error_set(error, HDX_INTERRUPTED, "interrupted");
    status = keep(part, &batch, error);
    if (status != HDX_OK)
      return status;
    if (rows->count < WINDOW_ROWS && rows->text.total < WINDOW_BYTES)
      continue;
    int64_t reached = rows->start[rows->count - 1];
    if (reached > last)
      return out_of_order(part, error);
    if (reached > *first) {
      *first = reached;
      clear(rows);
      hdx_cursor_window(part->cursor, *first, last);
    } else if (kept_bytes(rows) > bytes_max) {
      return hdx_error_set(error, HDX_LIMIT,
                           "%.*s: more rows start at the same instant than can be turned around in the %llu MiB of "
                           "--memory",
                           HDX_TEXT_ARG(part->id), (unsigned long long)(bytes_max >> 20));
    }
  }
  return status;
}

static enum hdx_status next_window(struct hdx_query_part *part, unsigned wanted, struct hdx_error *error) {
  part->kept.count = 0;
  while (!part->ended && part->kept.count == 0) {
    int64_t first, last = part->before;
    if (!hdx_cursor_last_zone(part->cursor, last, &first)) {
      part->ended = true;
      break;
    }
    enum hdx_status status = collect(part, &first, last, error);
    if (status != HDX_OK)
      return status;
    part->ended = first == INT64_MIN;
    part->before = part->ended ? first : first - 1;
  }
  turn_around(&part->kept, wanted);
  part->batch = batch_of(&part->kept, wanted);
  return HDX_OK;
}

/* The next batch of a dataset; of several, what is small is copied. */
static enum hdx_status next_forward(struct hdx_query_part *part, unsigned wanted, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  part->batch.count = 0;
  if (part->ended)
    return HDX_OK;
  status = hdx_cursor_next(part->cursor, &part->batch, error);
  if (status != HDX_OK || part->query->part_count == 1 || part->batch.count >= KEPT_ROWS)
    return status;
  clear(&part->kept);
  while (status == HDX_OK && part->batch.count && part->kept.count < KEPT_ROWS) {
    status = keep(part, &part->batch, error);
    if (status == HDX_OK)
      status = hdx_cursor_next(part->cursor, &part->batch, error);
  }
  if (status != HDX_OK)
    return status;
  if (part->batch.count)
    status = keep(part, &part->batch, error);
  else
    part->ended = true;
  if (part->ended) {
    hdx_cursor_close(part->cursor);
    part->cursor = NULL;
  }
  part->batch = batch_of(&part->kept, wanted);
  return status;
}

/* How many rows of a dataset are copied at once where not all can have a cursor; 0: they can. */
static size_t portion_rows(const struct hdx_query *query) {
  uint64_t share = query->session->config.memory_bytes / query->part_count;
  if (query->part_count == 1 || share >= OPEN_BYTES)
    return 0;
  return share / PORTION_ROW_BYTES > PORTION_ROWS_MIN ? (size_t)(share / PORTION_ROW_BYTES) : PORTION_ROWS_MIN;
}

/* The rows of a batch up to where a portion is full, all rows of one instant included. */
static size_t take_until(const struct hdx_kept_rows *rows, const struct hdx_batch *batch, size_t full) {
  size_t count = rows->count < full ? full - rows->count : 0;
  for (; count < batch->count; count++) {
    bool any = count > 0 || rows->count > 0;
    int64_t last = count > 0 ? batch->start[count - 1] : any ? rows->start[rows->count - 1] : 0;
    if (any && batch->start[count] != last)
      return count;
  }
  return batch->count;
}

/* The next portion of a dataset, whose cursor is open only meanwhile. */
static enum hdx_status next_portion(struct hdx_query_part *part, unsigned wanted, size_t full,
                                    struct hdx_error *error) {
  struct hdx_kept_rows *rows = &part->kept;
  struct hdx_batch batch;
  part->batch.count = 0;
  clear(rows);
  if (part->ended)
    return HDX_OK;
  enum hdx_status status = hdx_query_ask(part, wanted, error);
  if (status == HDX_OK)
    hdx_cursor_window(part->cursor, part->after, INT64_MAX);
  for (bool more = true; status == HDX_OK && more;) {
    status = hdx_cursor_next(part->cursor, &batch, error);
    if (status != HDX_OK)
      break;
    size_t count = take_until(rows, &batch, full);
    part->ended = batch.count == 0;
    more = count == batch.count && !part->ended;
    if (count < batch.count && batch.start[count] <= part->after)
      status = out_of_order(part, error);
    else if (count < batch.count)
      part->after = batch.start[count];
    if (status != HDX_OK)
      break;
    batch.count = count;
    status = keep(part, &batch, error);
  }
  hdx_cursor_close(part->cursor);
  part->cursor = NULL;
  part->batch = batch_of(rows, wanted);
  return status;
}

static enum hdx_status next_of(struct hdx_query_part *part, unsigned wanted, struct hdx_error *error) {
  size_t portion = portion_rows(part->query);
  part->at = 0;
  if (part->query->options.reverse)
    return next_window(part, wanted, error);
  return portion ? next_portion(part, wanted, portion, error) : next_forward(part, wanted, error);
}

/* ---- several datasets ---- */

static bool before(const struct hdx_query *query, size_t a, size_t b) {
  const struct hdx_query_part *x = &query->parts[a], *y = &query->parts[b];
  int order = hdx_row_compare(x->batch.start[x->at], x->batch.stop[x->at], x->batch.key[x->at], y->batch.start[y->at],
                              y->batch.stop[y->at], y->batch.key[y->at]);
  order = order ? order : a < b ? -1 : 1;
  return query->options.reverse ? order > 0 : order < 0;
}

static void sift_down(struct hdx_query *query, size_t at) {
  size_t *heap = query->heap, part = heap[at];
  for (size_t child; (child = 2 * at + 1) < query->heap_count; at = child) {
    if (child + 1 < query->heap_count && before(query, heap[child + 1], heap[child]))
      child++;
    if (!before(query, heap[child], part))
      break;
    heap[at] = heap[child];
  }
  heap[at] = part;
}

static void push(struct hdx_query *query, size_t part) {
  size_t *heap = query->heap, at = query->heap_count++;
  for (; at > 0 && before(query, part, heap[(at - 1) / 2]); at = (at - 1) / 2)
    heap[at] = heap[(at - 1) / 2];
  heap[at] = part;
}

static enum hdx_status refill(struct hdx_query *query, size_t part, struct hdx_error *error) {
  enum hdx_status status = next_of(&query->parts[part], query->wanted | HDX_COLUMN_KEY, error);
  if (status == HDX_OK && query->parts[part].batch.count)
    push(query, part);
  return status;
}

static enum hdx_status begin_merging(struct hdx_query *query, struct hdx_error *error) {
  size_t extra_count = query->info.extra_count;
  enum hdx_status status = reserve(&query->merged, MERGED_ROWS, extra_count, error);
  if (status == HDX_OK && !query->heap) {
    query->heap = calloc(query->part_count, sizeof *query->heap);
    query->merged_dataset = calloc(MERGED_ROWS, sizeof *query->merged_dataset);
    if (!query->heap || !query->merged_dataset)
      status = hdx_error_memory(error, query->part_count * sizeof *query->heap);
  }
  query->heap_count = 0;
  query->drained = SIZE_MAX;
  for (size_t i = 0; status == HDX_OK && i < query->part_count; i++)
    status = refill(query, i, error);
  return status;
}

static void copy_row(struct hdx_query *query, const struct hdx_query_part *part, size_t i) {
  struct hdx_kept_rows *merged = &query->merged;
  const struct hdx_batch *batch = &part->batch;
  size_t row = part->at;
  merged->start[i] = batch->start[row];
  merged->stop[i] = batch->stop[row];
  if (query->wanted & HDX_COLUMN_SIZE)
    merged->size[i] = batch->size[row];
  merged->key[i] = batch->key[row];
  query->merged_dataset[i] = (uint32_t)(part - query->parts);
  for (size_t c = 0; query->wanted & HDX_COLUMN_EXTRA && c < merged->extra_count; c++)
    merged->extra[c][i] = part->columns[c] == SIZE_MAX ? HDX_TEXT("") : batch->extra[part->columns[c]][row];
}

static enum hdx_status next_merged(struct hdx_query *query, struct hdx_batch *batch, struct hdx_error *error) {
  size_t count = 0;
  if (query->drained != SIZE_MAX) {
    enum hdx_status status = refill(query, query->drained, error);
    query->drained = SIZE_MAX;
    if (status != HDX_OK)
      return status;
  }
  while (count < MERGED_ROWS && query->heap_count && query->drained == SIZE_MAX) {
    struct hdx_query_part *part = &query->parts[query->heap[0]];
    copy_row(query, part, count++);
    if (++part->at == part->batch.count) {
      query->drained = query->heap[0];
      query->heap[0] = query->heap[--query->heap_count];
    }
    if (query->heap_count)
      sift_down(query, 0);
  }
  query->merged.count = count;
  *batch = batch_of(&query->merged, query->wanted);
  batch->dataset = query->merged_dataset;
  return HDX_OK;
}

/* ---- all of it ---- */

void hdx_query_begin(struct hdx_query *query, unsigned wanted) {
  query->wanted = wanted;
  query->handed_out = 0;
  query->begun = false;
}

static enum hdx_status begin(struct hdx_query *query, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  bool several = query->part_count > 1;
  if (query->options.latest_version && !query->latest)
    status = hdx_latest_find(query, error);
  for (size_t i = 0; status == HDX_OK && i < query->part_count; i++) {
    struct hdx_query_part *part = &query->parts[i];
    part->ended = false;
    part->before = INT64_MAX;
    part->after = INT64_MIN;
    part->batch = (struct hdx_batch){0};
    part->at = 0;
    if (query->options.reverse || !portion_rows(query))
      status = hdx_query_ask(part, query->wanted | (several ? HDX_COLUMN_KEY : 0u), error);
  }
  if (status == HDX_OK && several)
    status = begin_merging(query, error);
  query->begun = status == HDX_OK;
  return status;
}

enum hdx_status hdx_query_rows(struct hdx_query *query, struct hdx_batch *batch, struct hdx_error *error) {
  enum hdx_status status = query->begun ? HDX_OK : begin(query, error);
  if (status != HDX_OK)
    return status;
  if (query->part_count > 1)
    return next_merged(query, batch, error);
  status = next_of(&query->parts[0], query->wanted, error);
  if (status == HDX_OK)
    *batch = query->parts[0].batch;
  return status;
}
