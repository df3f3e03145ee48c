/* Rows counted by calendar unit equal a naive count by the C library's calendar: with and without filters, where zone
 * maps suffice and where blocks have to be decoded, with rows without time, and at both ends of time. */
#include "folder.h"
#include "model.h"
#include "snapshot/counts.h"
#include "snapshot/filter.h"
#include "snapshot/reader.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define DAY (86400 * SECOND)

static const enum hdx_unit units[] = {HDX_UNIT_YEAR, HDX_UNIT_MONTH, HDX_UNIT_DAY};

/* "2020", "2020-02", "2020-02-01", by the C library. */
static void name_of(int64_t start, enum hdx_unit unit, char name[16]) {
  static const size_t sizes[] = {4, 7, 10};
  time_t second = (time_t)(start / SECOND - (start % SECOND < 0));
  struct tm date;
  assert_non_null(gmtime_r(&second, &date));
  assert_int_equal(strftime(name, 16, "%Y-%m-%d", &date), 10);
  name[sizes[unit]] = 0;
  if (start == HDX_TIME_STATIC)
    memcpy(name, "static", sizeof "static");
}

static bool wanted(const struct model_row *row, const struct hdx_range *range, int64_t min_size) {
  return model_matches(row, range) && row->size >= min_size;
}

/* The model's rows are sorted, so those of a unit stand together. */
static void check(const struct model *model, struct hdx_cursor *cursor, const struct hdx_range *range, int64_t min_size,
                  enum hdx_unit unit) {
  struct hdx_error error = {0};
  struct hdx_filter filter;
  struct hdx_counts counts;
  size_t n = 0;
  hdx_filter_init(&filter);
  filter.min_size = min_size;
  hdx_cursor_range(cursor, range);
  assert_int_equal(hdx_cursor_filter(cursor, &filter, HDX_COLUMN_ALL, &error), HDX_OK);
  hdx_counts_init(&counts, &unit);
  if (hdx_cursor_count(cursor, &counts, &error) != HDX_OK)
    fail_msg("%s", error.message);
  hdx_counts_settle(&counts);
  for (size_t i = 0, next; i < model->count; i = next) {
    struct hdx_summary want = {.first = HDX_TIME_NONE, .last = HDX_TIME_NONE};
    char name[16], other[16];
    name_of(model->rows[i].start, unit, name);
    for (next = i; next < model->count; next++) {
      const struct model_row *row = &model->rows[next];
      name_of(row->start, unit, other);
      if (strcmp(name, other) != 0)
        break;
      if (!wanted(row, range, min_size))
        continue;
      want.rows++;
      want.bytes += row->size > 0 ? (uint64_t)row->size : 0;
      want.size_missing += row->size < 0;
      want.first = want.first == HDX_TIME_NONE ? row->start : want.first;
      want.last = want.last == HDX_TIME_NONE || row->stop > want.last ? row->stop : want.last;
    }
    if (want.rows == 0)
      continue;
    while (n < counts.count && counts.list[n].sum.rows == 0)
      n++;
    assert_true(n < counts.count);
    name_of(counts.list[n].from, unit, other);
    assert_string_equal(other, name);
    assert_memory_equal(&counts.list[n].sum, &want, sizeof want);
    n++;
  }
  for (; n < counts.count; n++)
    assert_int_equal(counts.list[n].sum.rows, 0);
  hdx_counts_deinit(&counts);
}

/* ---- datasets ---- */

struct kind {
  int64_t step;      /* ns between rows, about */
  int64_t late;      /* rows start up to so much earlier: blocks overlap */
  unsigned no_stop;  /* one of so many rows has no stop; 0: all have one */
  size_t statics;    /* rows without time */
  int64_t beginning; /* of the first row */
};

static struct hdx_reader *make(struct model *model, const struct kind *kind, size_t count, size_t portion,
                               uint64_t *seed) {
  static const int years[] = {0, 2018, 2019, 2020};
  struct hdx_error error = {0};
  struct hdx_writer *writer;
  struct hdx_reader *reader;
  int64_t time = kind->beginning;
  for (size_t i = 0; i < kind->statics; i++) {
    struct model_row *row = model_add(model, i % 2 ? 0 : 2018, HDX_TIME_STATIC, HDX_TIME_MAX, (int64_t)i - 1);
    row->key = model_text(model, "model/%zu.txt", i);
  }
  for (size_t i = 0; i < count; i++) {
    int64_t start = time - (kind->late ? (int64_t)model_below(seed, (uint64_t)kind->late) : 0);
    bool none = kind->no_stop && model_below(seed, kind->no_stop) == 0;
    int64_t stop = i == 0 && kind->beginning > INT64_MAX - DAY ? HDX_TIME_MAX : start + (int64_t)model_below(seed, DAY);
    struct model_row *row = model_add(model, 2018 + (int)(i * 3 / count), start, none ? HDX_TIME_NONE : stop,
                                      model_below(seed, 9) ? (int64_t)model_below(seed, 1000) : -1);
    row->key = model_text(model, "k/%zu.cdf", i);
    if (__builtin_add_overflow(time, kind->step / 2 + (int64_t)model_below(seed, (uint64_t)kind->step), &time))
      break;
  }
  assert_int_equal(hdx_writer_create(path, &writer, &error), HDX_OK);
  for (size_t y = 0; y < 4; y++)
    model_write_year(model, writer, years[y], portion);
  model_commit(writer, years, 4);
  model_finish(model);
  if (hdx_reader_open(path, HDX_TEXT("s3://bucket/"), &reader, &error) != HDX_OK)
    fail_msg("%s", error.message);
  if (hdx_reader_verify(reader, &error) != HDX_OK)
    fail_msg("%s", error.message);
  return reader;
}

static void run_kind(const struct kind *kind, size_t count, size_t portion, int questions) {
  struct hdx_error error;
  struct model model;
  struct hdx_cursor *cursor;
  struct hdx_filter filter;
  uint64_t seed = 4711 + count;
  model_init(&model);
  struct hdx_reader *reader = make(&model, kind, count, portion, &seed);
  struct hdx_range range = {HDX_TIME_NONE, HDX_TIME_NONE, HDX_MATCH_OVERLAP, {0, 2100}};
  assert_int_equal(hdx_cursor_open(reader, &range, &cursor, &error), HDX_OK);
  for (int i = 0; i < questions; i++) {
    const struct model_row *a = &model.rows[model_below(&seed, model.count)];
    const struct model_row *b = &model.rows[model_below(&seed, model.count)];
    if (i > 2) {
      range.start = model_below(&seed, 3) ? a->start : HDX_TIME_NONE;
      range.stop = model_below(&seed, 3) ? b->stop : HDX_TIME_NONE;
      range.match = (enum hdx_match)model_below(&seed, 3);
      range.years.first = (int)model_below(&seed, 4) ? 0 : 2019;
    }
    check(&model, cursor, &range, i > 2 && model_below(&seed, 3) == 0 ? 500 : -1, units[i % 3]);
    hdx_filter_init(&filter);
    assert_int_equal(hdx_cursor_filter(cursor, &filter, HDX_COLUMN_ALL, &error), HDX_OK);
    model_check(&model, reader, cursor, &range);
  }
  hdx_cursor_close(cursor);
  hdx_reader_close(reader);
  model_deinit(&model);
}

/* Years' blocks that lie in one year, one month or one day, and those that do not. */
static void calendar(void **state) {
  (void)state;
  const int64_t from = INT64_C(1514764800) * SECOND; /* 2018-01-01 */
  const struct kind kinds[] = {
      {.step = DAY / 20, .beginning = from},
      {.step = DAY / 3, .beginning = from, .late = 90 * DAY},
      {.step = DAY / 20, .beginning = from, .no_stop = 1},
      {.step = DAY / 20, .beginning = from, .no_stop = 1, .late = 90 * DAY},
      {.step = DAY / 20, .beginning = from, .no_stop = 2, .statics = 3},
      {.step = DAY / 900, .beginning = INT64_C(-86400) * 400 * SECOND, .statics = 40}, /* around 1970 */
  };
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    run_kind(&kinds[i], 12000, SIZE_MAX, 40);
  run_kind(&kinds[0], 70000, 7000, 9);
  run_kind(&kinds[5], 70000, 7000, 9);
}

/* Blocks that lie in one unit are not looked at: a damaged one is not noticed then, and is where it is. */
static void zone_maps_suffice(void **state) {
  (void)state;
  struct hdx_error error;
  struct model model;
  struct hdx_cursor *cursor;
  struct hdx_counts counts;
  uint64_t seed = 1;
  const struct kind kind = {.step = 2 * SECOND, .beginning = INT64_C(1514764800) * SECOND};
  model_init(&model);
  struct hdx_reader *reader = make(&model, &kind, 70000, 7000, &seed);
  const struct hdx_range range = {HDX_TIME_NONE, HDX_TIME_NONE, HDX_MATCH_OVERLAP, {0, 2100}};
  for (size_t n = 0; n < reader->footer.zone_count; n++)
    reader->footer.zones[n].hash++;
  assert_int_equal(hdx_cursor_open(reader, &range, &cursor, &error), HDX_OK);
  hdx_counts_init(&counts, &units[0]);
  assert_int_equal(hdx_cursor_count(cursor, &counts, &error), HDX_OK);
  assert_int_equal(counts.count, 1);
  assert_int_equal(counts.list[0].sum.rows, 70000);
  hdx_counts_deinit(&counts);
  hdx_counts_init(&counts, &units[2]);
  assert_int_equal(hdx_cursor_count(cursor, &counts, &error), HDX_INTEGRITY);
  hdx_counts_deinit(&counts);
  hdx_cursor_close(cursor);
  hdx_reader_close(reader);
  model_deinit(&model);
}

/* The first and the last instants that can be told, with rows without time beside them. */
static void ends_of_time(void **state) {
  (void)state;
  const struct kind first = {.step = 40 * DAY, .beginning = HDX_TIME_STATIC + 1, .statics = 5};
  const struct kind last = {.step = 1, .beginning = INT64_MAX - 3, .statics = 5};
  run_kind(&first, 300, SIZE_MAX, 200);
  run_kind(&last, 1, SIZE_MAX, 60);
  const struct kind statics = {.step = 1, .statics = 9000};
  run_kind(&statics, 0, 5000, 60);
}

/* Units that come again and again take no more room than there are of them. */
static void again(void **state) {
  (void)state;
  struct hdx_error error;
  struct hdx_counts counts;
  enum { DAYS = 1000, TIMES = 300 };
  hdx_counts_init(&counts, &units[2]);
  for (int64_t i = 0; i < DAYS * TIMES; i++) {
    const int64_t start = i * 7919 % DAYS * DAY, stop = start + i, size = 1;
    const struct hdx_batch batch = {.count = 1, .start = &start, .stop = &stop, .size = &size};
    assert_int_equal(hdx_counts_add(&counts, &batch, &error), HDX_OK);
  }
  assert_true(counts.capacity <= 4 * DAYS);
  hdx_counts_settle(&counts);
  assert_int_equal(counts.count, DAYS);
  for (int64_t i = 0; i < DAYS; i++)
    assert_true(counts.list[i].from == i * DAY && counts.list[i].sum.rows == TIMES &&
                counts.list[i].sum.bytes == TIMES);
  assert_int_equal(hdx_counts_total(&counts).rows, DAYS * TIMES);
  hdx_counts_deinit(&counts);
}

/* What was looked for and has no rows says nothing. */
static void test_a_unit_without_rows(void **state) {
  (void)state;
  struct hdx_counts counts;
  hdx_counts_init(&counts, &units[0]);
  assert_non_null(hdx_counts_find(&counts, 5 * DAY));
  struct hdx_summary sum = hdx_counts_total(&counts);
  assert_true(sum.rows == 0 && sum.bytes == 0 && sum.first == HDX_TIME_NONE && sum.last == HDX_TIME_NONE);
  hdx_counts_deinit(&counts);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_unit_without_rows),
      cmocka_unit_test(calendar),
      cmocka_unit_test(zone_maps_suffice),
      cmocka_unit_test(ends_of_time),
      cmocka_unit_test(again),
  };
  return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
