/* A naive model of a dataset: an array of rows, sorted and filtered the slow way, and compared with what a cursor hands
 * out. Written for the tests alone; shares no code with the library but the public types. */
#ifndef HDX_TEST_SNAPSHOT_MODEL_H
#define HDX_TEST_SNAPSHOT_MODEL_H

#include "base/error.h"
#include "snapshot/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MODEL_EXTRAS = 3 };

struct model_row {
  int64_t start, stop, size;
  int year;
  struct hdx_text key;
  struct hdx_text extra[MODEL_EXTRAS];
};

struct model {
  struct model_row *rows;
  size_t count, capacity;
  size_t extra_count; /* of MODEL_EXTRAS */
  struct hdx_arena text;
};

/* splitmix64 */
static inline uint64_t model_random(uint64_t *seed) {
  uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static inline uint64_t model_below(uint64_t *seed, uint64_t n) {
  return model_random(seed) % n;
}

static inline void model_init(struct model *model) {
  *model = (struct model){0};
  hdx_arena_init(&model->text, SIZE_MAX);
}

static inline void model_deinit(struct model *model) {
  free(model->rows);
  hdx_arena_deinit(&model->text);
}

/* A further row with empty texts. */
static inline struct model_row *model_add(struct model *model, int year, int64_t start, int64_t stop, int64_t size) {
  if (model->count == model->capacity) {
    model->capacity = model->capacity ? 2 * model->capacity : 256;
    model->rows = realloc(model->rows, model->capacity * sizeof *model->rows);
    assert_non_null(model->rows);
  }
  struct model_row *row = &model->rows[model->count++];
  *row = (struct model_row){.start = start, .stop = stop, .size = size, .year = year, .key = HDX_TEXT("")};
  for (int c = 0; c < MODEL_EXTRAS; c++)
    row->extra[c] = HDX_TEXT("");
  return row;
}

static inline struct hdx_text model_text(struct model *model, const char *format, ...) {
  char text[4096];
  va_list args;
  va_start(args, format);
  int size = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return hdx_arena_copy(&model->text, (struct hdx_text){text, (size_t)size});
}

/* ---- order ---- */

static inline int model_order(const struct model_row *a, const struct model_row *b) {
  int64_t a_stop = a->stop == HDX_TIME_NONE ? a->start : a->stop,
          b_stop = b->stop == HDX_TIME_NONE ? b->start : b->stop;
  if (a->start != b->start)
    return a->start < b->start ? -1 : 1;
  if (a_stop != b_stop)
    return a_stop < b_stop ? -1 : 1;
  return hdx_text_compare(a->key, b->key);
}

/* Rows that the library may hand out in any order among themselves are told apart by everything else. */
static inline int model_total_order(const void *a_, const void *b_) {
  const struct model_row *a = a_, *b = b_;
  int order = model_order(a, b);
  if (order)
    return order;
  if (a->size != b->size)
    return a->size < b->size ? -1 : 1;
  for (int c = 0; c < MODEL_EXTRAS; c++)
    if ((order = hdx_text_compare(a->extra[c], b->extra[c])))
      return order;
  return (a->year > b->year) - (a->year < b->year);
}

/* ---- the naive answer ---- */

static inline bool model_matches(const struct model_row *row, const struct hdx_range *range) {
  int64_t a = range->start, b = range->stop;
  bool open_a = a == HDX_TIME_NONE, open_b = b == HDX_TIME_NONE;
  if (row->year < range->years.first || row->year > range->years.last)
    return false;
  switch (range->match) {
  case HDX_MATCH_OVERLAP:
    return (open_a || row->stop >= a) && (open_b || row->start < b);
  case HDX_MATCH_START:
    return (open_a || row->start >= a) && (open_b || row->start < b);
  default:
    return (open_a || row->start >= a) && (open_b || row->stop <= b);
  }
}

/* Sorts the model and makes up its stops: what a snapshot of it holds. */
static inline void model_finish(struct model *model) {
  if (model->count)
    qsort(model->rows, model->count, sizeof *model->rows, model_total_order);
  for (size_t i = 0; i < model->count; i++)
    if (model->rows[i].stop == HDX_TIME_NONE)
      model->rows[i].stop = i + 1 < model->count ? model->rows[i + 1].start : model->rows[i].start;
}

/* ---- writing ---- */

static inline void model_fill(const struct model *model, struct hdx_writer *writer, struct hdx_rows *rows, size_t from,
                              size_t to) {
  struct hdx_error error;
  size_t columns[MODEL_EXTRAS] = {0};
  static const char *const names[MODEL_EXTRAS] = {"zeta", "alpha", "mid"};
  for (size_t c = 0; c < model->extra_count; c++) {
    uint32_t id;
    assert_int_equal(hdx_writer_column(writer, hdx_text_of(names[c]), &id, &error), HDX_OK);
    assert_int_equal(hdx_rows_column(rows, id, &columns[c], &error), HDX_OK);
  }
  for (size_t i = from; i < to; i++) {
    const struct model_row *row = &model->rows[i];
    const struct hdx_text *extra[MODEL_EXTRAS] = {&row->extra[0], &row->extra[1], &row->extra[2]};
    struct hdx_csv_batch batch = {
        .count = 1, .start = &row->start, .stop = &row->stop, .size = &row->size, .key = &row->key, .extra = extra};
    assert_int_equal(hdx_rows_append(rows, &batch, 0, 1, columns, model->extra_count, row->year, &error), HDX_OK);
  }
}

/* Adds all rows of a year, in portions of at most `portion`. */
static inline void model_write_year(const struct model *model, struct hdx_writer *writer, int year, size_t portion) {
  struct hdx_rows rows;
  struct hdx_error error;
  hdx_rows_init(&rows, SIZE_MAX);
  for (size_t i = 0; i < model->count; i++) {
    if (model->rows[i].year == year)
      model_fill(model, writer, &rows, i, i + 1);
    if (rows.count == portion)
      assert_int_equal(hdx_writer_add(writer, year, &rows, true, &error), HDX_OK);
  }
  assert_int_equal(hdx_writer_add(writer, year, &rows, false, &error), HDX_OK);
  assert_int_equal(rows.count, 0);
  hdx_rows_deinit(&rows);
}

static inline struct hdx_subject model_subject(void) {
  return (struct hdx_subject){.source = HDX_TEXT("s3://bucket/"),
                              .id = HDX_TEXT("set"),
                              .index = HDX_TEXT("s3://bucket/set/"),
                              .indextype = HDX_TEXT("csv"),
                              .catalog_start = 5,
                              .catalog_stop = HDX_TIME_NONE,
                              .multiyear = true};
}

static inline void model_commit(struct hdx_writer *writer, const int *years, size_t year_count) {
  struct hdx_error error = {0};
  struct hdx_subject subject = model_subject();
  struct hdx_year list[64];
  for (size_t i = 0; i < year_count; i++)
    list[i] = (struct hdx_year){.year = years[i],
                                .state = HDX_YEAR_PRESENT,
                                .url = "s3://bucket/set/set_Y.csv",
                                .etag = "\"e\"",
                                .last_modified = "",
                                .reason = "",
                                .checked_at = 77,
                                .rows = 3};
  if (hdx_writer_commit(writer, &subject, list, year_count, 3, NULL, &error) != HDX_OK)
    fail_msg("%s", error.message);
}

/* ---- comparing ---- */

static inline void model_take_batch(struct model *got, const struct hdx_batch *batch,
                                    const struct hdx_snapshot_info *info) {
  static const char *const names[MODEL_EXTRAS] = {"zeta", "alpha", "mid"};
  assert_int_equal(batch->extra_count, info->extra_count);
  for (size_t i = 0; i < batch->count; i++) {
    struct model_row *row = model_add(got, 0, batch->start[i], batch->stop[i], batch->size[i]);
    row->key = hdx_arena_copy(&got->text, batch->key[i]);
    for (size_t c = 0; c < batch->extra_count; c++)
      for (int n = 0; n < MODEL_EXTRAS; n++)
        if (hdx_text_is(info->extra_names[c], names[n]))
          row->extra[n] = hdx_arena_copy(&got->text, batch->extra[c][i]);
  }
}

static inline bool model_same(const struct model_row *a, const struct model_row *b) {
  bool same = a->start == b->start && a->stop == b->stop && a->size == b->size && hdx_text_equal(a->key, b->key);
  for (int c = 0; c < MODEL_EXTRAS; c++)
    same = same && hdx_text_equal(a->extra[c], b->extra[c]);
  return same;
}

/* Asks the cursor for the range and compares with the finished model. */
static inline void model_check(const struct model *model, const struct hdx_reader *reader, struct hdx_cursor *cursor,
                               const struct hdx_range *range) {
  struct hdx_error error = {0};
  struct model want, got;
  model_init(&want);
  model_init(&got);
  hdx_cursor_range(cursor, range);
  for (;;) {
    struct hdx_batch batch;
    if (hdx_cursor_next(cursor, &batch, &error) != HDX_OK)
      fail_msg("%s", error.message);
    if (batch.count == 0)
      break;
    model_take_batch(&got, &batch, hdx_reader_info(reader));
  }
  for (size_t i = 0; i < model->count; i++)
    if (model_matches(&model->rows[i], range))
      *model_add(&want, 0, 0, 0, 0) = model->rows[i];
  assert_int_equal(got.count, want.count);
  for (size_t i = 1; i < got.count; i++)
    assert_true(model_order(&got.rows[i - 1], &got.rows[i]) <= 0);
  for (size_t i = 0; i < want.count; i++)
    want.rows[i].year = 0;
  if (got.count) {
    qsort(got.rows, got.count, sizeof *got.rows, model_total_order);
    qsort(want.rows, want.count, sizeof *want.rows, model_total_order);
  }
  for (size_t i = 0; i < got.count; i++)
    if (!model_same(&got.rows[i], &want.rows[i]))
      fail_msg("row %zu of %zu differs: start %lld, want %lld; stop %lld, want %lld; size %lld, want %lld; %s, want %s",
               i, got.count, (long long)got.rows[i].start, (long long)want.rows[i].start, (long long)got.rows[i].stop,
               (long long)want.rows[i].stop, (long long)got.rows[i].size, (long long)want.rows[i].size,
               got.rows[i].key.data, want.rows[i].key.data);
  model_deinit(&want);
  model_deinit(&got);
}

#endif
