#include "catalog/rows.h"

#include "base/error.h"

#include <assert.h>
#include <stdlib.h>

enum { RUN_BYTES_MIN = 4096, RUN_BYTES_MAX = 2 << 20 };

void hdx_rows_init(struct hdx_rows *rows, size_t text_bytes_max) {
  *rows = (struct hdx_rows){.sorted = true};
  hdx_arena_init(&rows->text, text_bytes_max);
}

void hdx_rows_deinit(struct hdx_rows *rows) {
  free(rows->start);
  free(rows->stop);
  free(rows->size);
  free(rows->key);
  free(rows->year);
  for (size_t c = 0; c < rows->extra_made; c++)
    free(rows->extra[c]);
  free(rows->extra);
  free(rows->extra_id);
  free(rows->order);
  hdx_arena_deinit(&rows->text);
  hdx_rows_init(rows, rows->text.max);
}

void hdx_rows_clear(struct hdx_rows *rows) {
  rows->count = 0;
  rows->extra_count = 0;
  rows->sorted = true;
  hdx_arena_clear(&rows->text);
  /* The arena keeps its newest chunk, in which the last run lay: it is taken again as a whole. */
  rows->text_at = rows->text_run ? hdx_arena_bytes(&rows->text, rows->text_run) : NULL;
  if (!rows->text_at)
    rows->text_run = 0;
  rows->text_end = rows->text_at ? rows->text_at + rows->text_run : NULL;
}

size_t hdx_rows_bytes(const struct hdx_rows *rows) {
  size_t row = 3 * sizeof(int64_t) + sizeof(struct hdx_text) * (1 + rows->extra_made) + sizeof(int16_t);
  return rows->capacity * row + rows->text.total + rows->order_capacity * 2 * sizeof(int64_t);
}

/* ---- growing ---- */

static bool resize(void *array, size_t count, size_t size) {
  void *old, *grown;
  memcpy(&old, array, sizeof old);
  grown = realloc(old, count * size);
  if (grown)
    memcpy(array, &grown, sizeof grown);
  return grown != NULL;
}

enum hdx_status hdx_rows_reserve(struct hdx_rows *rows, size_t count, struct hdx_error *error) {
  if (count <= rows->capacity - rows->count)
    return HDX_OK;
  size_t need = rows->count + count, capacity = rows->capacity * 2;
  /* The first rows get just what they need: most index files are small, and are held like that. */
  capacity = capacity < need ? need : capacity;
  bool ok = resize(&rows->start, capacity, sizeof *rows->start) && resize(&rows->stop, capacity, sizeof *rows->stop) &&
            resize(&rows->size, capacity, sizeof *rows->size) && resize(&rows->key, capacity, sizeof *rows->key) &&
            resize(&rows->year, capacity, sizeof *rows->year);
  for (size_t c = 0; ok && c < rows->extra_made; c++)
    ok = resize(&rows->extra[c], capacity, sizeof *rows->extra[c]);
  if (!ok)
    return hdx_error_memory(error, capacity * sizeof *rows->key);
  rows->capacity = capacity;
  return HDX_OK;
}

/* Room for texts that will lie back to back. Runs double, so that few rows take little and many make few calls. */
static enum hdx_status reserve_text(struct hdx_rows *rows, size_t size, struct hdx_error *error) {
  if (size <= (size_t)(rows->text_end - rows->text_at))
    return HDX_OK;
  size_t run = rows->text_run < RUN_BYTES_MIN ? RUN_BYTES_MIN : rows->text_run * 2;
  run = run > RUN_BYTES_MAX ? RUN_BYTES_MAX : run;
  run = run < size ? size : run;
  char *at = hdx_arena_bytes(&rows->text, run);
  if (!at && run > size) {
    run = size;
    at = hdx_arena_bytes(&rows->text, run);
  }
  if (!at && rows->text.total + size > rows->text.max)
    return hdx_error_set(error, HDX_LIMIT, "rows: more than %zu bytes of text", rows->text.max);
  if (!at)
    return hdx_error_memory(error, size);
  rows->text_at = at;
  rows->text_end = at + run;
  rows->text_run = run;
  return HDX_OK;
}

enum hdx_status hdx_rows_column(struct hdx_rows *rows, uint32_t id, size_t *column, struct hdx_error *error) {
  size_t c = 0;
  while (c < rows->extra_count && rows->extra_id[c] != id)
    c++;
  *column = c;
  if (c < rows->extra_count)
    return HDX_OK;
  if (c == HDX_CSV_EXTRA_MAX)
    return hdx_error_set(error, HDX_LIMIT, "more than %d extra columns", HDX_CSV_EXTRA_MAX);
  if (c == rows->extra_made) {
    if (!resize(&rows->extra, c + 1, sizeof *rows->extra) || !resize(&rows->extra_id, c + 1, sizeof *rows->extra_id))
      return hdx_error_memory(error, (c + 1) * sizeof *rows->extra);
    size_t capacity = rows->capacity ? rows->capacity : 1;
    rows->extra[c] = malloc(capacity * sizeof *rows->extra[c]);
    if (!rows->extra[c])
      return hdx_error_memory(error, capacity * sizeof *rows->extra[c]);
    rows->extra_made++;
  }
  rows->extra_id[c] = id;
  for (size_t i = 0; i < rows->count; i++)
    rows->extra[c][i] = HDX_TEXT("");
  rows->extra_count++;
  return HDX_OK;
}

/* ---- appending ---- */

/* Keys are tens of bytes: a few copies of fixed size, the last one overlapping, beat a call. */
static inline void copy_text(char *to, const char *from, size_t size) {
  if (size < 16 || size > 256) {
    memcpy(to, from, size);
    return;
  }
  for (size_t i = 0; i + 16 <= size; i += 16)
    memcpy(to + i, from + i, 16);
  memcpy(to + size - 16, from + size - 16, 16);
}

static size_t texts_size(const struct hdx_text *texts, size_t count) {
  size_t size = 0;
  for (size_t i = 0; i < count; i++)
    size += texts[i].size;
  return size;
}

/* Copies texts to the run that was reserved, or only their views. */
static void take_texts(struct hdx_rows *rows, const struct hdx_text *texts, size_t count, bool copy,
                       struct hdx_text *out) {
  if (!copy) {
    memcpy(out, texts, count * sizeof *out);
    return;
  }
  char *at = rows->text_at;
  for (size_t i = 0; i < count; i++) {
    size_t size = texts[i].size;
    if (size)
      copy_text(at, texts[i].data, size);
    out[i] = (struct hdx_text){at, size};
    at += size;
  }
  rows->text_at = at;
}

static int compare_rows(const struct hdx_rows *rows, size_t a, size_t b) {
  int order = hdx_row_compare(rows->start[a], rows->stop[a], rows->key[a], rows->start[b], rows->stop[b], rows->key[b]);
  return order ? order : (rows->year[a] > rows->year[b]) - (rows->year[a] < rows->year[b]);
}

/* Whether rows [from, count) follow those before them. */
static bool still_sorted(const struct hdx_rows *rows, size_t from) {
  const int64_t *start = rows->start;
  size_t first = from ? from : 1;
  bool back = false, tie = false;
  for (size_t i = first; i < rows->count; i++) {
    back |= start[i] < start[i - 1];
    tie |= start[i] == start[i - 1];
  }
  if (back)
    return false;
  for (size_t i = first; tie && i < rows->count; i++)
    if (start[i] == start[i - 1] && compare_rows(rows, i - 1, i) > 0)
      return false;
  return true;
}

/* Years are those of `years`, or all `year` where it is NULL. */
static enum hdx_status append(struct hdx_rows *rows, const struct hdx_csv_batch *batch, size_t from, size_t to,
                              const size_t *columns, size_t column_count, const int16_t *years, int year, bool copy,
                              struct hdx_error *error) {
  if (from >= to)
    return HDX_OK;
  size_t count = to - from, at = rows->count, text = copy ? texts_size(batch->key + from, count) : 0;
  for (size_t c = 0; copy && c < column_count; c++)
    text += texts_size(batch->extra[c] + from, count);
  enum hdx_status status = hdx_rows_reserve(rows, count, error);
  if (status == HDX_OK)
    status = reserve_text(rows, text, error);
  if (status != HDX_OK)
    return status;
  memcpy(rows->start + at, batch->start + from, count * sizeof *rows->start);
  memcpy(rows->stop + at, batch->stop + from, count * sizeof *rows->stop);
  memcpy(rows->size + at, batch->size + from, count * sizeof *rows->size);
  take_texts(rows, batch->key + from, count, copy, rows->key + at);
  if (column_count < rows->extra_count)
    for (size_t c = 0; c < rows->extra_count; c++)
      for (size_t i = 0; i < count; i++)
        rows->extra[c][at + i] = HDX_TEXT("");
  for (size_t c = 0; c < column_count; c++) {
    assert(columns[c] < rows->extra_count);
    take_texts(rows, batch->extra[c] + from, count, copy, rows->extra[columns[c]] + at);
  }
  for (size_t i = 0; i < count; i++)
    rows->year[at + i] = years ? years[from + i] : (int16_t)year;
  rows->count += count;
  rows->sorted = rows->sorted && still_sorted(rows, at);
  return HDX_OK;
}

enum hdx_status hdx_rows_append(struct hdx_rows *rows, const struct hdx_csv_batch *batch, size_t from, size_t to,
                                const size_t *columns, size_t column_count, int year, struct hdx_error *error) {
  return append(rows, batch, from, to, columns, column_count, NULL, year, true, error);
}

static enum hdx_status append_rows(struct hdx_rows *rows, const struct hdx_rows *other, size_t from, size_t to,
                                   bool copy, struct hdx_error *error) {
  size_t columns[HDX_CSV_EXTRA_MAX];
  enum hdx_status status = HDX_OK;
  for (size_t c = 0; status == HDX_OK && c < other->extra_count; c++)
    status = hdx_rows_column(rows, other->extra_id[c], &columns[c], error);
  struct hdx_csv_batch batch = {.count = other->count,
                                .start = other->start,
                                .stop = other->stop,
                                .size = other->size,
                                .key = other->key,
                                .extra = (const struct hdx_text *const *)other->extra};
  if (status == HDX_OK)
    status = append(rows, &batch, from, to, columns, other->extra_count, other->year, 0, copy, error);
  return status;
}

enum hdx_status hdx_rows_append_rows(struct hdx_rows *rows, const struct hdx_rows *other, size_t from, size_t to,
                                     struct hdx_error *error) {
  return append_rows(rows, other, from, to, true, error);
}

enum hdx_status hdx_rows_append_views(struct hdx_rows *rows, const struct hdx_rows *other, struct hdx_error *error) {
  return append_rows(rows, other, 0, other->count, false, error);
}

/* ---- sorting ---- */

struct hdx_rows_order {
  int64_t start;
  uint64_t row;
};

static bool in_order(const struct hdx_rows *rows, const struct hdx_rows_order *a, const struct hdx_rows_order *b) {
  return a->start != b->start ? a->start < b->start : compare_rows(rows, a->row, b->row) <= 0;
}

/* Where the run that begins at `from` ends. */
static size_t run_end(const struct hdx_rows *rows, const struct hdx_rows_order *order, size_t from) {
  size_t i = from + 1;
  while (i < rows->count && in_order(rows, &order[i - 1], &order[i]))
    i++;
  return i;
}

static void merge(const struct hdx_rows *rows, const struct hdx_rows_order *a, size_t a_count,
                  const struct hdx_rows_order *b, size_t b_count, struct hdx_rows_order *out) {
  while (a_count && b_count) {
    bool first = in_order(rows, a, b);
    *out++ = first ? *a++ : *b++;
    a_count -= first;
    b_count -= !first;
  }
  memcpy(out, a, a_count * sizeof *a);
  memcpy(out + a_count, b, b_count * sizeof *b);
}

/* Index files that are out of order mostly are a few ordered runs: a natural merge sort. `order` and `spare` have room
 * for all rows; gives the one that holds the result. */
static struct hdx_rows_order *merge_sort(const struct hdx_rows *rows, struct hdx_rows_order *order,
                                         struct hdx_rows_order *spare) {
  for (;;) {
    size_t from = 0, runs = 0;
    while (from < rows->count) {
      size_t middle = run_end(rows, order, from);
      size_t to = middle < rows->count ? run_end(rows, order, middle) : middle;
      merge(rows, order + from, middle - from, order + middle, to - middle, spare + from);
      from = to;
      runs++;
    }
    struct hdx_rows_order *done = spare;
    spare = order;
    order = done;
    if (runs <= 1)
      return order;
  }
}

/* Moves every column into the order; `spare` has room for a column of texts. */
static void permute(struct hdx_rows *rows, const struct hdx_rows_order *order, void *spare) {
  size_t count = rows->count;
  int64_t *numbers[] = {rows->start, rows->stop, rows->size};
  for (size_t c = 0; c < sizeof numbers / sizeof *numbers; c++) {
    int64_t *to = spare;
    for (size_t i = 0; i < count; i++)
      to[i] = numbers[c][order[i].row];
    memcpy(numbers[c], to, count * sizeof *to);
  }
  int16_t *years = spare;
  for (size_t i = 0; i < count; i++)
    years[i] = rows->year[order[i].row];
  memcpy(rows->year, years, count * sizeof *years);
  for (size_t c = 0; c <= rows->extra_count; c++) {
    struct hdx_text *texts = c ? rows->extra[c - 1] : rows->key, *to = spare;
    for (size_t i = 0; i < count; i++)
      to[i] = texts[order[i].row];
    memcpy(texts, to, count * sizeof *to);
  }
}

enum hdx_status hdx_rows_sort(struct hdx_rows *rows, struct hdx_error *error) {
  if (rows->sorted)
    return HDX_OK;
  _Static_assert(sizeof(struct hdx_rows_order) >= sizeof(struct hdx_text), "the spare half holds a column of texts");
  if (rows->order_capacity < 2 * rows->count) {
    if (!resize(&rows->order, 2 * rows->count, sizeof *rows->order))
      return hdx_error_memory(error, 2 * rows->count * sizeof *rows->order);
    rows->order_capacity = 2 * rows->count;
  }
  struct hdx_rows_order *first = rows->order, *second = first + rows->count;
  for (size_t i = 0; i < rows->count; i++)
    first[i] = (struct hdx_rows_order){rows->start[i], i};
  struct hdx_rows_order *order = merge_sort(rows, first, second);
  permute(rows, order, order == first ? second : first);
  rows->sorted = true;
  return HDX_OK;
}

uint64_t hdx_rows_duplicates(const struct hdx_rows *rows) {
  uint64_t count = 0;
  for (size_t i = 1; i < rows->count; i++)
    count += rows->start[i] == rows->start[i - 1] && rows->stop[i] == rows->stop[i - 1] &&
             hdx_text_equal(rows->key[i], rows->key[i - 1]);
  return count;
}
