/* Rows copied to arrays of the caller (heliodex.h, hdx_query_take).
 *
 * What is left of a batch waits in the query for the next call, and so does an error behind rows that were copied: they
 * are handed out first. Numbers are copied in spans. How many rows fit is what each array of texts finds out while it
 * is filled; what was written behind the last row that fits all of them is overwritten by the next call. */
#include "job/query.h"

/* ---- texts ---- */

/* Copies texts one behind the other from `at` on, as many as fit; gives how many. */
static size_t copy_texts(const struct hdx_text_array *array, bool lines, size_t at, const struct hdx_text *texts,
                         size_t count) {
  int64_t *end = array->end + at;
  size_t used = at ? (size_t)end[-1] : 0, i = 0;
  char *out = array->bytes;
  for (; i < count; i++) {
    struct hdx_text text = texts[i];
    if (text.size + lines > array->capacity - used)
      break;
    if (text.size)
      memcpy(out + used, text.data, text.size);
    used += text.size;
    if (lines)
      out[used++] = '\n';
    end[i] = (int64_t)used;
  }
  return i;
}

static bool extras_wanted(const struct hdx_arrays *arrays) {
  for (size_t c = 0; c < arrays->extra_count; c++)
    if (arrays->extra[c].end)
      return true;
  return false;
}

/* What the largest text of a row needs. */
static size_t row_needs(const struct hdx_arrays *arrays, const struct hdx_batch *batch, size_t row) {
  size_t most = arrays->key.end ? batch->key[row].size : 0;
  for (size_t c = 0; c < arrays->extra_count; c++)
    if (arrays->extra[c].end && batch->extra[c][row].size > most)
      most = batch->extra[c][row].size;
  return most + arrays->lines;
}

/* ---- rows ---- */

/* Copies rows of a batch, from `row` on, to the arrays from `at` on, as many as fit; gives how many. */
static size_t copy_rows(const struct hdx_arrays *arrays, size_t at, const struct hdx_batch *batch, size_t row) {
  size_t count = batch->count - row, room = arrays->capacity - at;
  count = count < room ? count : room;
  if (arrays->key.end)
    count = copy_texts(&arrays->key, arrays->lines, at, batch->key + row, count);
  for (size_t c = 0; c < arrays->extra_count; c++)
    if (arrays->extra[c].end)
      count = copy_texts(&arrays->extra[c], arrays->lines, at, batch->extra[c] + row, count);
  size_t bytes = count * sizeof(int64_t);
  if (arrays->start)
    memcpy(arrays->start + at, batch->start + row, bytes);
  if (arrays->stop)
    memcpy(arrays->stop + at, batch->stop + row, bytes);
  if (arrays->size)
    memcpy(arrays->size + at, batch->size + row, bytes);
  if (arrays->dataset && batch->dataset)
    memcpy(arrays->dataset + at, batch->dataset + row, count * sizeof *arrays->dataset);
  else if (arrays->dataset)
    memset(arrays->dataset + at, 0, count * sizeof *arrays->dataset);
  return count;
}

/* The columns that the arrays want are decoded from the first call on. */
static enum hdx_status begin(struct hdx_query *query, const struct hdx_arrays *arrays, struct hdx_error *error) {
  unsigned wanted = (arrays->size ? HDX_COLUMN_SIZE : 0u) | (arrays->key.end ? HDX_COLUMN_KEY : 0u) |
                    (extras_wanted(arrays) ? HDX_COLUMN_EXTRA : 0u);
  if (arrays->capacity == 0)
    return hdx_error_set(error, HDX_USAGE, "arrays without room for a row");
  if (arrays->extra_count && arrays->extra_count != query->info.extra_count)
    return hdx_error_set(error, HDX_USAGE, "arrays for %zu extra columns, of which the query has %zu",
                         arrays->extra_count, query->info.extra_count);
  if (!query->begun)
    hdx_query_begin(query, wanted);
  else if (wanted & ~query->wanted)
    return hdx_error_set(error, HDX_USAGE, "arrays of other columns than those that the first rows were copied to");
  return HDX_OK;
}

/* The next batch in place of the one that was copied; no rows at the end, and where it fails. */
static enum hdx_status next_batch(struct hdx_query *query, struct hdx_error *error) {
  query->taken_rows = query->taken.count = 0;
  enum hdx_status status = hdx_query_next(query, &query->taken, error);
  if (status != HDX_OK)
    query->taken.count = 0;
  return status;
}

static enum hdx_status no_room(const struct hdx_query *query, const struct hdx_arrays *arrays, size_t *text_bytes,
                               struct hdx_error *error) {
  size_t needs = row_needs(arrays, &query->taken, query->taken_rows);
  if (text_bytes)
    *text_bytes = needs;
  return hdx_error_set(error, HDX_LIMIT, "a row has a text of %zu bytes, for which the arrays have no room", needs);
}

enum hdx_status hdx_query_take(struct hdx_query *query, const struct hdx_arrays *arrays, size_t *rows,
                               size_t *text_bytes, struct hdx_error *error) {
  enum hdx_status status = begin(query, arrays, error);
  size_t count = 0, copied = 1;
  while (status == HDX_OK && copied && count < arrays->capacity) {
    if (query->taken_rows == query->taken.count) {
      enum hdx_status failed = next_batch(query, count ? NULL : error); /* or it is told next time */
      if (failed != HDX_OK && count == 0)
        return failed;
      if (query->taken.count == 0)
        break;
    }
    copied = copy_rows(arrays, count, &query->taken, query->taken_rows);
    query->taken_rows += copied;
    count += copied;
  }
  if (status == HDX_OK && !copied && !count)
    status = no_room(query, arrays, text_bytes, error);
  if (status == HDX_OK)
    *rows = count;
  return status;
}

void hdx_query_rewind(struct hdx_query *query) {
  hdx_query_begin(query, HDX_COLUMN_ALL);
}
