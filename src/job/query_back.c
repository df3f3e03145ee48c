/* The rows of a query, backwards.
 *
 * Time is cut into windows, which are walked from the last to the first; the rows of a window are collected by the same
 * cursor as forwards and turned around. Where the cuts are follows from a first look at nothing but the times of what
 * the last block that is left spans: so few rows are in a window as may be kept of a dataset, but those of one instant
 * stay together.
 *
 *     blocks   |--a--|  |---b---|              looked at, in this order
 *                         |--c--|  |--d--|     [d ...)  [c, d)  [b, c)  [a, b), each cut into windows
 *
 * Of several datasets each has a cursor only while its next window is collected. */
#include "job/query.h"

#include <stdlib.h>

enum {
  WINDOW_ROWS = 65536,    /* that are turned around at once, but for those of one instant */
  WINDOW_ROW_BYTES = 256, /* of a row of these, about */
  ROWS_MIN = 64,
  UNDIVIDED_ROWS = 16 /* so few rows are kept, whatever they take */
};

static enum hdx_status keep(struct hdx_query_part *part, const struct hdx_batch *batch, size_t count,
                            struct hdx_error *error) {
  return hdx_kept_rows_add(&part->kept, batch, 0, count, part->info.extra_count, error);
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

/* How many rows of a dataset may be kept to be turned around. */
static size_t window_rows(const struct hdx_query *query) {
  uint64_t rows = hdx_query_share(query) / WINDOW_ROW_BYTES;
  uint64_t limit = query->options.limit;
  rows = query->part_count == 1 || rows > WINDOW_ROWS ? WINDOW_ROWS : rows;
  rows = limit && limit < rows ? limit : rows;
  return rows > ROWS_MIN ? (size_t)rows : ROWS_MIN;
}

static enum hdx_status add_cut(struct hdx_query_part *part, int64_t start, struct hdx_error *error) {
  if (part->cut_count == part->cut_capacity) {
    size_t capacity = part->cut_capacity ? 2 * part->cut_capacity : 8;
    int64_t *cuts = realloc(part->cuts, capacity * sizeof *cuts);
    if (!cuts)
      return hdx_error_memory(error, capacity * sizeof *cuts);
    part->cuts = cuts;
    part->cut_capacity = capacity;
  }
  part->cuts[part->cut_count++] = start;
  return HDX_OK;
}

/* Cuts [first, before] into windows: the starts of these, ascending. No cut: there are no rows. */
static enum hdx_status cut(struct hdx_query_part *part, int64_t first, struct hdx_error *error) {
  size_t full = window_rows(part->query), count = 0;
  int64_t last = first;
  struct hdx_batch batch;
  enum hdx_status status;
  hdx_cursor_window(part->cursor, first, part->before);
  while ((status = hdx_cursor_next(part->cursor, &batch, error)) == HDX_OK && batch.count) {
    if (hdx_session_cancelled(part->query->session))
      return hdx_error_set(error, HDX_INTERRUPTED, "interrupted");
    for (size_t i = 0; status == HDX_OK && i < batch.count; i++, count++) {
      if (batch.start[i] < last || batch.start[i] > part->before)
        return hdx_query_out_of_order(part, error);
      if (part->cut_count == 0)
        status = add_cut(part, first, error);
      else if (count >= full && batch.start[i] > last) {
        status = add_cut(part, batch.start[i], error);
        count = 0;
      }
      last = batch.start[i];
    }
    if (status != HDX_OK)
      return status;
  }
  return status;
}

/* Cuts a window whose rows take too much memory in two, of which the later one stays: *first. False: all that were seen
 * of it start at the same instant. */
static bool halve(struct hdx_query_part *part, int64_t *first, enum hdx_status *status, struct hdx_error *error) {
  const struct hdx_kept_rows *rows = &part->kept;
  int64_t middle = rows->start[rows->count / 2], last = rows->start[rows->count - 1];
  middle = middle > *first ? middle : last;
  if (middle <= *first)
    return false;
  *status = add_cut(part, *first, error);
  *first = middle;
  return true;
}

static uint64_t all_kept_bytes(const struct hdx_query *query) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < query->part_count; i++)
    bytes += hdx_kept_rows_bytes(&query->parts[i].kept);
  return bytes;
}

/* Collects the rows that start in [*first, before]; *first is set later if these are too many. */
static enum hdx_status collect(struct hdx_query_part *part, int64_t *first, unsigned wanted, struct hdx_error *error) {
  const struct hdx_query *query = part->query;
  uint64_t share = hdx_query_share(query);
  struct hdx_batch batch;
  enum hdx_status status = hdx_query_ask(part, wanted, error);
  if (status != HDX_OK)
    return status;
  if (hdx_kept_rows_bytes(&part->kept) > share) /* of a window before */
    hdx_kept_rows_deinit(&part->kept);
  hdx_kept_rows_clear(&part->kept);
  hdx_cursor_window(part->cursor, *first, part->before);
  while ((status = hdx_cursor_next(part->cursor, &batch, error)) == HDX_OK && batch.count) {
    if (hdx_session_cancelled(query->session))
      return hdx_error_set(error, HDX_INTERRUPTED, "interrupted");
    status = keep(part, &batch, batch.count, error);
    uint64_t bytes = status == HDX_OK ? hdx_kept_rows_bytes(&part->kept) : 0;
    bool large = bytes > share && part->kept.count > UNDIVIDED_ROWS;
    if (large && halve(part, first, &status, error)) {
      hdx_kept_rows_deinit(&part->kept);
      hdx_kept_rows_clear(&part->kept);
      hdx_cursor_window(part->cursor, *first, part->before);
    } else if (large && all_kept_bytes(query) > hdx_session_memory(query->session) / 2) {
      status = hdx_error_set(error, HDX_LIMIT,
                             "%.*s: more rows start at the same instant than can be turned around in the %llu MiB of "
                             "--memory",
                             HDX_TEXT_ARG(part->id), (unsigned long long)(query->session->config.memory_bytes >> 20));
    }
    if (status != HDX_OK)
      return status;
  }
  return status;
}

static enum hdx_status find_cuts(struct hdx_query_part *part, struct hdx_error *error) {
  while (!part->ended && part->cut_count == 0) {
    int64_t first;
    enum hdx_status status = hdx_query_ask(part, 0, error);
    if (status == HDX_OK && !hdx_cursor_last_zone(part->cursor, part->before, &first))
      part->ended = true;
    else if (status == HDX_OK)
      status = cut(part, first, error);
    if (status != HDX_OK)
      return status;
    if (part->ended || part->cut_count)
      break;
    part->ended = first == INT64_MIN;
    part->before = part->ended ? first : first - 1;
  }
  return HDX_OK;
}

enum hdx_status hdx_query_next_window(struct hdx_query_part *part, unsigned wanted, struct hdx_error *error) {
  hdx_kept_rows_clear(&part->kept);
  enum hdx_status status = find_cuts(part, error);
  if (status == HDX_OK && !part->ended) {
    int64_t first = part->cuts[--part->cut_count];
    status = collect(part, &first, wanted, error);
    part->ended = first == INT64_MIN;
    part->before = part->ended ? first : first - 1;
    turn_around(&part->kept, wanted);
  }
  if (part->query->part_count > 1)
    hdx_query_close_cursor(part);
  part->batch = hdx_kept_rows_batch(&part->kept, wanted);
  return status;
}
