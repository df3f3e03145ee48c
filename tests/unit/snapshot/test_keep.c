/* Years that are kept from an older snapshot: rows stay exactly what they are though their blocks are copied with other
 * numbers of templates and columns, again and again, whatever years come and go beside them. */
#include "folder.h"
#include "model.h"
#include "snapshot/reader.h"

#include <unistd.h>

static const struct hdx_range everything = {HDX_TIME_NONE, HDX_TIME_NONE, HDX_MATCH_OVERLAP, {-30000, 30000}};

#define SECOND INT64_C(1000000000)

enum { YEARS = 5, YEAR_ROWS = 15000 /* five years are more than may be mixed */ };

/* Rows of one year; `round` makes names of other templates, `extras` says which columns they have (a bit each). */
static void add_year(struct model *model, int year, int round, unsigned extras, size_t count) {
  uint64_t seed = (uint64_t)year * 100 + (uint64_t)round;
  int64_t time = (year - 1970) * INT64_C(31557600) * SECOND;
  for (size_t i = 0; i < count; i++) {
    time += (int64_t)(1 + model_below(&seed, 3)) * 600 * SECOND;
    struct model_row *row = model_add(model, year, time, time + 60 * SECOND, 2880 * (int64_t)model_below(&seed, 99));
    row->key = model_text(model, "%s/%d/r%d_%05zu%s", i % 500 > 450 ? "odd" : "even", year, round, i,
                          model_below(&seed, 90) ? ".fits" : "_");
    if (extras & 1)
      row->extra[0] = model_text(model, "%c-%d", 'a' + round, (int)model_below(&seed, 5000));
    if (extras & 2)
      row->extra[1] = model_below(&seed, 2) ? HDX_TEXT("MD5") : model_text(model, "r%d", round);
    if (extras & 4)
      row->extra[2] = model_text(model, "%llx", (unsigned long long)model_random(&seed));
  }
}

/* Adds a year's rows with just these extra columns, named in the order of their bits turned by `turn`. */
static void write_year(const struct model *model, struct hdx_writer *writer, int year, unsigned extras, int turn) {
  static const char *const names[MODEL_EXTRAS] = {"zeta", "alpha", "mid"};
  struct hdx_error error;
  struct hdx_rows rows;
  size_t columns[MODEL_EXTRAS], count = 0, at[MODEL_EXTRAS];
  hdx_rows_init(&rows, SIZE_MAX);
  for (int i = 0; i < MODEL_EXTRAS; i++) {
    int c = (i + turn) % MODEL_EXTRAS;
    uint32_t id;
    if (!(extras >> c & 1))
      continue;
    assert_int_equal(hdx_writer_column(writer, hdx_text_of(names[c]), &id, &error), HDX_OK);
    assert_int_equal(hdx_rows_column(&rows, id, &columns[count], &error), HDX_OK);
    at[count++] = (size_t)c;
  }
  for (size_t i = 0; i < model->count; i++) {
    const struct model_row *row = &model->rows[i];
    const struct hdx_text *extra[MODEL_EXTRAS];
    if (row->year != year)
      continue;
    for (size_t c = 0; c < count; c++)
      extra[c] = &row->extra[at[c]];
    struct hdx_csv_batch batch = {
        .count = 1, .start = &row->start, .stop = &row->stop, .size = &row->size, .key = &row->key, .extra = extra};
    assert_int_equal(hdx_rows_append(&rows, &batch, 0, 1, columns, count, year, &error), HDX_OK);
  }
  assert_int_equal(hdx_writer_add(writer, year, &rows, false, &error), HDX_OK);
  hdx_rows_deinit(&rows);
}

static struct hdx_reader *open_reader(void) {
  struct hdx_reader *reader = NULL;
  struct hdx_error error = {0};
  if (hdx_reader_open(path, HDX_TEXT(""), &reader, &error) != HDX_OK || hdx_reader_verify(reader, &error) != HDX_OK)
    fail_msg("%s", error.message);
  return reader;
}

static void expect(const struct model *model, const struct hdx_reader *reader) {
  struct hdx_error error;
  struct hdx_cursor *cursor;
  struct model sorted;
  model_init(&sorted);
  for (size_t i = 0; i < model->count; i++)
    *model_add(&sorted, 0, 0, 0, 0) = model->rows[i];
  model_finish(&sorted);
  assert_int_equal(hdx_cursor_open(reader, &everything, &cursor, &error), HDX_OK);
  model_check(&sorted, reader, cursor, &everything);
  struct hdx_range part = {
      sorted.rows[sorted.count / 3].start, sorted.rows[sorted.count / 2].stop, HDX_MATCH_CONTAINED, {2001, 2003}};
  model_check(&sorted, reader, cursor, &part);
  hdx_cursor_close(cursor);
  model_deinit(&sorted);
}

/* Whether the two files have a block of the year with the same bytes. */
static bool same_block(const struct hdx_reader *a, const struct hdx_reader *b, int year, bool *any) {
  bool same = false;
  *any = false;
  for (size_t i = 0; i < a->footer.zone_count; i++)
    for (size_t j = 0; j < b->footer.zone_count; j++) {
      const struct hdx_zone *x = &a->footer.zones[i], *y = &b->footer.zones[j];
      if (x->year != year || y->year != year || x->min_start != y->min_start)
        continue;
      *any = true;
      same |= x->length == y->length && memcmp(a->bytes + x->offset, b->bytes + y->offset, x->length) == 0;
    }
  return same;
}

/* Each round replaces some years, which brings new templates before those of the years that are kept, and names the
 * extra columns in another order. */
static void kept_years_are_renamed(void **state) {
  (void)state;
  struct model model;
  unsigned extras[YEARS];
  size_t renamed = 0, copied = 0;
  model_init(&model);
  model.extra_count = MODEL_EXTRAS;
  struct hdx_reader *before = NULL;
  for (int round = 0; round < 7; round++) {
    struct hdx_writer *writer;
    struct hdx_error error = {0};
    int years[YEARS];
    unsigned kept = round == 0 ? 0 : round >= 5 ? 31 : (unsigned)(0x16 >> (round - 1) | 1u << round) & 31;
    for (int y = 0; y < YEARS; y++) {
      years[y] = 2000 + y;
      if (kept >> y & 1)
        continue;
      size_t left = 0;
      for (size_t i = 0; i < model.count; i++)
        if (model.rows[i].year != years[y])
          model.rows[left++] = model.rows[i];
      model.count = left;
      extras[y] = (unsigned)(y * 3 + round * 5) % 8;
      add_year(&model, years[y], round, extras[y], YEAR_ROWS);
    }
    assert_int_equal(hdx_writer_create(path, &writer, &error), HDX_OK);
    if (round == 6) /* all is as before, but for a column that has taken the first number */
      assert_int_equal(hdx_writer_column(writer, HDX_TEXT("another"), &(uint32_t){0}, &error), HDX_OK);
    for (int pass = 0; pass < 2; pass++) /* new ones first, so that theirs are the lowest numbers; or last */
      for (int y = 0; y < YEARS; y++) {
        bool keep = kept >> y & 1;
        if (keep == (pass == round % 2))
          continue;
        if (!keep)
          write_year(&model, writer, years[y], extras[y], round);
        else if (hdx_writer_keep_year(writer, before, years[y], &error) != HDX_OK)
          fail_msg("%s", error.message);
      }
    assert_int_equal(hdx_writer_rows(writer), model.count);
    model_commit(writer, years, YEARS);
    struct hdx_reader *after = open_reader();
    expect(&model, after);
    for (int y = 0; y < YEARS; y++) {
      bool any = false, same = kept >> y & 1 ? same_block(before, after, years[y], &any) : false;
      copied += same;
      renamed += kept >> y & 1 && !same && any;
    }
    hdx_reader_close(before);
    before = after;
  }
  hdx_reader_close(before);
  model_deinit(&model);
  assert_true(copied > 0 && renamed > 0); /* both have been */
}

/* A dataset that has shrunk below the limit is mixed anew, and one that grows is not mixed any more. */
static void kept_years_are_mixed_and_parted(void **state) {
  (void)state;
  static const size_t counts[] = {200, 22000, 22000, 100, 22000, 50};
  struct model model;
  struct hdx_reader *before = NULL;
  model_init(&model);
  model.extra_count = MODEL_EXTRAS;
  for (int round = 0; round < 6; round++) {
    struct hdx_writer *writer;
    struct hdx_error error = {0};
    int years[3], count = 0;
    /* The last two years stay; a new one comes. */
    size_t left = 0;
    for (size_t i = 0; i < model.count; i++)
      if (model.rows[i].year >= 2000 + round - 2)
        model.rows[left++] = model.rows[i];
    model.count = left;
    assert_int_equal(hdx_writer_create(path, &writer, &error), HDX_OK);
    for (int year = 2000 + round - 2; year < 2000 + round; year++) {
      if (year < 2000)
        continue;
      years[count++] = year;
      if (hdx_writer_keep_year(writer, before, year, &error) != HDX_OK)
        fail_msg("%s", error.message);
    }
    years[count++] = 2000 + round;
    add_year(&model, 2000 + round, round, 7, counts[round] + (round == 2 ? 30000 : 0));
    write_year(&model, writer, 2000 + round, 7, round);
    model_commit(writer, years, (size_t)count);
    struct hdx_reader *after = open_reader();
    assert_int_equal((after->footer.zones[0].flags & HDX_BLOCK_MIXED) != 0, model.count < HDX_MIXED_ROWS_MAX);
    expect(&model, after);
    hdx_reader_close(before);
    before = after;
  }
  hdx_reader_close(before);
  model_deinit(&model);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)
  const struct CMUnitTest tests[] = {T(kept_years_are_renamed), T(kept_years_are_mixed_and_parted)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
