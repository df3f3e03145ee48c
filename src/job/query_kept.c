/* Rows that outlive the batch that they came in: arrays for numbers and views, an arena for texts. */
#include "job/query.h"

#include <stdlib.h>

void hdx_kept_rows_deinit(struct hdx_kept_rows *rows) {
  free(rows->start);
  free(rows->stop);
  free(rows->size);
  free(rows->key);
  free(rows->dataset);
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

static size_t row_bytes(size_t extra_count) {
  return 3 * sizeof(int64_t) + sizeof(uint32_t) + (1 + extra_count) * sizeof(struct hdx_text);
}

enum hdx_status hdx_kept_rows_reserve(struct hdx_kept_rows *rows, size_t count, size_t extra_count,
                                      struct hdx_error *error) {
  if (count <= rows->capacity)
    return HDX_OK;
  size_t capacity = count < 2 * rows->capacity ? 2 * rows->capacity : count;
  if (!rows->extra) {
    rows->extra = calloc(extra_count + 1, sizeof *rows->extra);
    rows->extra_count = rows->extra ? extra_count : 0;
  }
  bool ok = rows->extra && resize(&rows->start, capacity, sizeof *rows->start) &&
            resize(&rows->stop, capacity, sizeof *rows->stop) && resize(&rows->size, capacity, sizeof *rows->size) &&
            resize(&rows->key, capacity, sizeof *rows->key) && resize(&rows->dataset, capacity, sizeof *rows->dataset);
  for (size_t c = 0; ok && c < extra_count; c++)
    ok = resize(&rows->extra[c], capacity, sizeof **rows->extra);
  if (!ok)
    return hdx_error_memory(error, capacity * row_bytes(extra_count));
  rows->capacity = capacity;
  return HDX_OK;
}

void hdx_kept_rows_clear(struct hdx_kept_rows *rows) {
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

enum hdx_status hdx_kept_rows_add(struct hdx_kept_rows *rows, const struct hdx_batch *batch, size_t from, size_t to,
                                  size_t extra_count, struct hdx_error *error) {
  size_t at = rows->count, count = to - from, bytes = count * sizeof(int64_t);
  enum hdx_status status = hdx_kept_rows_reserve(rows, at + count, extra_count, error);
  if (status != HDX_OK || count == 0)
    return status;
  memcpy(rows->start + at, batch->start + from, bytes);
  memcpy(rows->stop + at, batch->stop + from, bytes);
  if (batch->size)
    memcpy(rows->size + at, batch->size + from, bytes);
  if (batch->dataset)
    memcpy(rows->dataset + at, batch->dataset + from, count * sizeof *rows->dataset);
  else
    memset(rows->dataset + at, 0, count * sizeof *rows->dataset);
  bool ok = true;
  for (size_t i = 0; ok && batch->key && i < count; i++)
    ok = keep_text(rows, batch->key[from + i], &rows->key[at + i]);
  for (size_t c = 0; c < batch->extra_count; c++)
    for (size_t i = 0; ok && i < count; i++)
      ok = keep_text(rows, batch->extra[c][from + i], &rows->extra[c][at + i]);
  if (!ok)
    return hdx_error_memory(error, rows->text.total);
  rows->count += count;
  return HDX_OK;
}

size_t hdx_kept_rows_used_bytes(const struct hdx_kept_rows *rows) {
  return rows->count ? rows->text.total + rows->count * row_bytes(rows->extra_count) : 0;
}

size_t hdx_kept_rows_bytes(const struct hdx_kept_rows *rows) {
  return rows->text.total + rows->capacity * row_bytes(rows->extra_count);
}

struct hdx_batch hdx_kept_rows_batch(const struct hdx_kept_rows *rows, unsigned wanted) {
  return (struct hdx_batch){.count = rows->count,
                            .start = rows->start,
                            .stop = rows->stop,
                            .size = wanted & HDX_COLUMN_SIZE ? rows->size : NULL,
                            .key = wanted & HDX_COLUMN_KEY ? rows->key : NULL,
                            .extra_count = wanted & HDX_COLUMN_EXTRA ? rows->extra_count : 0,
                            .extra = (const struct hdx_text *const *)rows->extra};
}
