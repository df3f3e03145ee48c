/* What a cursor does beyond ranges equals the naive model: windows from the end to the beginning, filters, columns that
 * are not wanted, and sums. */
#include "folder.h"
#include "model.h"
#include "snapshot/counts.h"
#include "snapshot/filter.h"
#include "snapshot/reader.h"

#include <unistd.h>

#define MINUTE INT64_C(60000000000)

enum kind { REGULAR, OVERLAPPING, NO_STOPS, OVERLAPPING_NO_STOPS, SOME_STOPS, OVERLAPPING_SOME_STOPS, UNSORTED, KINDS };

/* Of a block that is open, with what it takes to decode it. */
#define BLOCK_BYTES (3u << 20)

static void make(struct model *model, uint64_t *seed, size_t count, enum kind kind) {
  bool overlapping = kind == OVERLAPPING || kind == OVERLAPPING_NO_STOPS || kind == OVERLAPPING_SOME_STOPS;
  int64_t time = INT64_C(1262304000000000000);
  model->extra_count = MODEL_EXTRAS;
  for (size_t i = 0; i < count; i++) {
    time += (1 + (int64_t)model_below(seed, 3)) * MINUTE;
    int64_t start = overlapping ? time - (int64_t)model_below(seed, 9000) * MINUTE : time;
    start = kind == UNSORTED ? INT64_C(1262304000000000000) + (int64_t)model_below(seed, count) * MINUTE : start;
    int64_t stop =
        start + ((int64_t)model_below(seed, kind == SOME_STOPS ? 2 : 40) - (kind == SOME_STOPS ? 0 : 20)) * MINUTE;
    bool none = kind == NO_STOPS || kind == OVERLAPPING_NO_STOPS ||
                ((kind == SOME_STOPS || kind == OVERLAPPING_SOME_STOPS) && model_below(seed, 2));
    int64_t size = model_below(seed, 5) ? (int64_t)model_below(seed, 100) : -1;
    struct model_row *row = model_add(model, 2010 + (int)(i * 4 / count), start, none ? HDX_TIME_NONE : stop, size);
    row->key = model_text(model, "k/%llu/%zu.cdf", (unsigned long long)model_below(seed, 20), i);
    if (model_below(seed, 2))
      row->extra[0] = model_text(model, "%llu", (unsigned long long)model_below(seed, 30));
  }
}

static struct hdx_reader *write_model(struct model *model, size_t portion) {
  struct hdx_error error;
  struct hdx_writer *writer;
  struct hdx_reader *reader;
  static const int years[] = {2010, 2011, 2012, 2013};
  assert_int_equal(hdx_writer_create(path, &writer, &error), HDX_OK);
  for (size_t y = 0; y < 4; y++)
    model_write_year(model, writer, years[y], portion);
  model_commit(writer, years, 4);
  model_finish(model);
  assert_int_equal(hdx_reader_open(path, HDX_TEXT("s3://bucket/"), &reader, &error), HDX_OK);
  return reader;
}

/* Where zone maps begin or cease to suffice. */
static int64_t edge(const struct hdx_reader *reader, uint64_t *seed) {
  const struct hdx_zone *zone = &reader->footer.zones[model_below(seed, reader->footer.zone_count)];
  const int64_t times[] = {zone->min_start, zone->max_start, zone->max_stop};
  return times[model_below(seed, 3)] + (int64_t)model_below(seed, 3) - 1;
}

static struct hdx_range random_range(const struct model *model, const struct hdx_reader *reader, uint64_t *seed) {
  struct hdx_range range = {HDX_TIME_NONE, HDX_TIME_NONE, (enum hdx_match)model_below(seed, 3), {2000, 2100}};
  if (model_below(seed, 4))
    range.start = model->rows[model_below(seed, model->count)].start + (int64_t)model_below(seed, 3) - 1;
  if (model_below(seed, 4))
    range.stop = model->rows[model_below(seed, model->count)].stop + (int64_t)model_below(seed, 3) - 1;
  if (model_below(seed, 3) == 0)
    range.start = edge(reader, seed);
  if (model_below(seed, 3) == 0)
    range.stop = edge(reader, seed);
  if (model_below(seed, 4) == 0)
    range.years.first = range.years.last = 2010 + (int)model_below(seed, 4);
  return range;
}

struct question {
  struct hdx_range range;
  struct hdx_filter filter;
  struct hdx_text pattern;
  struct hdx_condition condition;
};

static void random_filter(struct question *question, uint64_t *seed) {
  static const struct hdx_text patterns[] = {{"*7*", 3}, {"k/1*/*", 6}, {"nothing", 7}};
  static const struct hdx_text values[] = {{"7", 1}, {"", 0}, {"29", 2}};
  hdx_filter_init(&question->filter);
  if (model_below(seed, 3) == 0)
    question->filter.min_size = (int64_t)model_below(seed, 60);
  if (model_below(seed, 3) == 0)
    question->filter.max_size = 40 + (int64_t)model_below(seed, 60);
  question->pattern = patterns[model_below(seed, 3)];
  if (model_below(seed, 3) == 0) {
    question->filter.keys = &question->pattern;
    question->filter.key_count = 1;
  }
  question->condition = (struct hdx_condition){model_below(seed, 5) ? HDX_TEXT("zeta") : HDX_TEXT("unknown"),
                                               (enum hdx_operator)model_below(seed, 6), values[model_below(seed, 3)]};
  if (model_below(seed, 3) == 0) {
    question->filter.conditions = &question->condition;
    question->filter.condition_count = 1;
  }
}

static bool wanted(const struct model_row *row, const struct question *question) {
  const struct hdx_filter *filter = &question->filter;
  bool zeta = hdx_text_is(question->condition.column, "zeta");
  return model_matches(row, &question->range) &&
         (!hdx_filter_has_sizes(filter) || hdx_filter_size(filter, row->size)) && hdx_filter_key(filter, row->key) &&
         (!filter->condition_count || hdx_condition_holds(&question->condition, zeta ? row->extra[0] : HDX_TEXT("")));
}

/* Walks the answer window by window, from the last; within a window as it comes. Gives the rows in the answer's order.
 */
static void walk_back(struct hdx_cursor *cursor, size_t memory, struct model *got, unsigned columns) {
  struct hdx_error error;
  int64_t first, last = INT64_MAX;
  struct model windows[256];
  size_t count = 0;
  while (hdx_cursor_last_zone(cursor, last, &first)) {
    assert_true(first <= last && count < 256);
    struct model *window = &windows[count++];
    model_init(window);
    hdx_cursor_window(cursor, first, last);
    for (struct hdx_batch batch;;) {
      assert_int_equal(hdx_cursor_next(cursor, &batch, &error), HDX_OK);
      assert_true(hdx_cursor_bytes(cursor) <= memory + BLOCK_BYTES);
      if (batch.count == 0)
        break;
      assert_true(!batch.size == !(columns & HDX_COLUMN_SIZE) && !batch.key == !(columns & HDX_COLUMN_KEY));
      assert_int_equal(batch.extra_count, columns & HDX_COLUMN_EXTRA ? MODEL_EXTRAS : 0);
      for (size_t i = 0; i < batch.count; i++) {
        struct model_row *row = model_add(window, 0, batch.start[i], batch.stop[i], batch.size ? batch.size[i] : 0);
        assert_true(row->start >= first && row->start <= last);
        if (batch.key)
          row->key = hdx_arena_copy(&got->text, batch.key[i]);
        if (batch.extra_count) /* sorted: alpha, mid, zeta */
          row->extra[0] = hdx_arena_copy(&got->text, batch.extra[2][i]);
      }
    }
    if (first == INT64_MIN)
      break;
    last = first - 1;
  }
  while (count > 0) {
    struct model *window = &windows[--count];
    for (size_t i = 0; i < window->count; i++)
      *model_add(got, 0, 0, 0, 0) = window->rows[i];
    model_deinit(window);
  }
}

static void check(const struct model *model, struct hdx_cursor *cursor, size_t memory, const struct question *question,
                  unsigned columns) {
  struct hdx_error error;
  struct hdx_summary want = {.first = HDX_TIME_NONE, .last = HDX_TIME_NONE}, sum;
  struct hdx_counts counts;
  struct model got;
  size_t n = 0;
  model_init(&got);
  hdx_cursor_range(cursor, &question->range);
  assert_int_equal(hdx_cursor_filter(cursor, &question->filter, columns, &error), HDX_OK);
  walk_back(cursor, memory, &got, columns);
  for (size_t i = 0; i < model->count; i++) {
    const struct model_row *row = &model->rows[i];
    if (!wanted(row, question))
      continue;
    assert_true(n < got.count);
    const struct model_row *found = &got.rows[n++];
    assert_true(found->start == row->start && found->stop == row->stop);
    assert_true(!(columns & HDX_COLUMN_SIZE) || found->size == row->size);
    assert_true(!(columns & HDX_COLUMN_KEY) || hdx_text_equal(found->key, row->key));
    assert_true(!(columns & HDX_COLUMN_EXTRA) || hdx_text_equal(found->extra[0], row->extra[0]));
    want.rows++;
    want.size_missing += row->size < 0;
    want.bytes += row->size > 0 ? (uint64_t)row->size : 0;
    want.first = want.first == HDX_TIME_NONE || row->start < want.first ? row->start : want.first;
    want.last = want.last == HDX_TIME_NONE || row->stop > want.last ? row->stop : want.last;
  }
  assert_int_equal(got.count, n);
  hdx_cursor_range(cursor, &question->range);
  hdx_counts_init(&counts, NULL);
  assert_int_equal(hdx_cursor_count(cursor, &counts, &error), HDX_OK);
  sum = hdx_counts_total(&counts);
  assert_memory_equal(&sum, &want, sizeof sum);
  hdx_counts_deinit(&counts);
  model_deinit(&got);
}

/* Rows with equal times have unequal keys, so the order is one; that of rows without keys is then the same. */
static void run_kind(enum kind kind, size_t count, size_t portion, int questions, size_t memory) {
  struct hdx_error error;
  struct model model;
  struct hdx_cursor *cursor;
  uint64_t seed = 1000 + (uint64_t)kind;
  model_init(&model);
  make(&model, &seed, count, kind);
  struct hdx_reader *reader = write_model(&model, portion);
  struct question question = {.range = {HDX_TIME_NONE, HDX_TIME_NONE, HDX_MATCH_OVERLAP, {2000, 2100}}};
  assert_int_equal(hdx_cursor_open(reader, &question.range, &cursor, &error), HDX_OK);
  hdx_cursor_memory(cursor, memory);
  for (int i = 0; i < questions; i++) {
    hdx_filter_init(&question.filter);
    if (i > 0)
      question.range = random_range(&model, reader, &seed);
    if (i % 2)
      random_filter(&question, &seed);
    check(&model, cursor, memory, &question, i % 3 ? HDX_COLUMN_ALL : (unsigned)model_below(&seed, 8));
  }
  hdx_cursor_close(cursor);
  hdx_reader_close(reader);
  model_deinit(&model);
}

static void small(void **state) {
  (void)state;
  for (int kind = 0; kind < KINDS; kind++)
    run_kind((enum kind)kind, 20000, SIZE_MAX, 300, 64u << 20);
}

/* Blocks of one year, written in portions. */
static void large(void **state) {
  (void)state;
  for (int kind = 0; kind < KINDS; kind++)
    run_kind((enum kind)kind, 90000, 7000, 24, 64u << 20);
}

/* Where all blocks of an unsorted file would have to be open at once, it is read in pieces. */
static void p4_blocks_that_do_not_fit(void **state) {
  (void)state;
  run_kind(UNSORTED, 90000, 7000, 24, 2u << 20);
  run_kind(OVERLAPPING, 90000, 7000, 8, 2u << 20);
}

/* The whole answer with so much memory. */
static enum hdx_status walk(const struct hdx_reader *reader, size_t memory, uint64_t *rows, struct hdx_error *error) {
  const struct hdx_range range = {HDX_TIME_NONE, HDX_TIME_NONE, HDX_MATCH_OVERLAP, {2000, 2100}};
  struct hdx_cursor *cursor;
  struct hdx_batch batch;
  assert_int_equal(hdx_cursor_open(reader, &range, &cursor, error), HDX_OK);
  hdx_cursor_memory(cursor, memory);
  enum hdx_status status;
  *rows = 0;
  while ((status = hdx_cursor_next(cursor, &batch, error)) == HDX_OK && batch.count)
    *rows += batch.count;
  hdx_cursor_close(cursor);
  return status;
}

/* What cannot be read in pieces is refused, and nothing else. */
static void check_limit(struct model *model, const char *expected) {
  struct hdx_error error;
  uint64_t rows;
  struct hdx_reader *reader = write_model(model, 7000);
  assert_int_equal(walk(reader, 2u << 20, &rows, &error), HDX_LIMIT);
  assert_non_null(strstr(error.message, expected));
  assert_non_null(strstr(error.message, "the 2 MiB"));
  assert_int_equal(walk(reader, 64u << 20, &rows, &error), HDX_OK);
  assert_int_equal(rows, model->count);
  hdx_reader_close(reader);
  model_deinit(model);
}

static void p4_blocks_that_cannot_be_divided(void **state) {
  (void)state;
  struct model model;
  uint64_t seed = 7;
  model_init(&model);
  make(&model, &seed, 90000, OVERLAPPING_NO_STOPS);
  for (size_t i = 0; i < model.count; i++) /* each year's file has rows of all times */
    model.rows[i].start = INT64_C(1262304000000000000) + (int64_t)model_below(&seed, 90000) * MINUTE;
  check_limit(&model, "the blocks that overlap in time, of an index without stops,");
  model_init(&model);
  make(&model, &seed, 90000, REGULAR);
  for (size_t i = 0; i < model.count; i++)
    model.rows[i].start = INT64_C(1262304000000000000) + MINUTE * (i % 10 ? 5000 : (int64_t)i % 9000);
  check_limit(&model, "the rows that start at the same instant");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(small),
      cmocka_unit_test(large),
      cmocka_unit_test(p4_blocks_that_do_not_fit),
      cmocka_unit_test(p4_blocks_that_cannot_be_divided),
  };
  return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
