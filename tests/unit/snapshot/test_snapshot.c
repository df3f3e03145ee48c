/* Whole snapshots: what is written by a writer and asked for through a cursor equals a naive model, for every kind of
 * data, way of writing, match rule and range; and a footer that says what was said to it. */
#include "folder.h"
#include "model.h"
#include "snapshot/reader.h"

#include <sys/stat.h>
#include <unistd.h>

static const struct hdx_years all_years = {-30000, 30000};

/* ---- data ---- */

#define MINUTE INT64_C(60000000000)

static void make_regular(struct model *model, uint64_t *seed, size_t count) {
  int64_t time = INT64_C(1262304000000000000);
  for (size_t i = 0; i < count; i++) {
    time += 4 * MINUTE * (int64_t)(model_below(seed, 50) ? 1 : 1 + model_below(seed, 400));
    int year = 2010 + (int)((time - INT64_C(1262304000000000000)) / (INT64_C(365) * 1440 * MINUTE));
    struct model_row *row = model_add(model, year, time, time + MINUTE, 2880 * (int64_t)(100 + model_below(seed, 9)));
    row->key = model_text(model, "s3://bucket/sdo/%d/%05zu/sdo_aia_%012zu_0094_v1.fits", year, i / 360, i);
  }
  model->extra_count = 0;
}

/* Everything that is odd: ties, duplicates, rows out of order and in a wrong year, extreme times, all kinds of sizes.
 */
static void make_odd(struct model *model, uint64_t *seed, size_t count) {
  model->extra_count = MODEL_EXTRAS;
  for (size_t i = 0; i < count; i++) {
    if (i && model_below(seed, 20) == 0) {
      struct model_row again = model->rows[model_below(seed, i)];
      *model_add(model, 0, 0, 0, 0) = again;
      continue;
    }
    int64_t start = (int64_t)model_below(seed, 5000) * MINUTE, stop = start + (int64_t)model_below(seed, 90) * MINUTE;
    switch (model_below(seed, 60)) {
    case 0:
      stop = HDX_TIME_MAX;
      break;
    case 1:
      start = HDX_TIME_MIN + (int64_t)model_below(seed, 3);
      break;
    case 2:
      start = stop = HDX_TIME_MAX - (int64_t)model_below(seed, 3);
      break;
    case 3:
      stop = start - (int64_t)model_below(seed, 900) * MINUTE;
      break;
    case 4:
      start = stop = (int64_t)(model_random(seed) | 2);
      break;
    default:
      break;
    }
    static const int64_t sizes[] = {-1, 0, -5, INT64_MAX, INT64_MIN, 2880, 5760};
    uint64_t kind = model_below(seed, 14);
    struct model_row *row = model_add(model, (int)model_below(seed, 5) ? 2000 + (int)model_below(seed, 4) : 0, start,
                                      stop, kind < 7 ? sizes[kind] : (int64_t)model_below(seed, 1 << 20));
    row->key = model_below(seed, 9)
                   ? model_text(model, "k/%0*d\xc3\xa4%d", (int)model_below(seed, 300), 7, (int)model_below(seed, 99))
                   : HDX_TEXT("");
    if (model_below(seed, 3) == 0)
      row->extra[0] = model_text(model, "%016llx", (unsigned long long)model_random(seed));
    row->extra[1] = HDX_TEXT("MD5");
    if (model_below(seed, 100) == 0)
      row->extra[2] = model_text(model, "%0*d", (int)model_below(seed, 4000), 1);
  }
}

/* Keys become unique: which of two rows with the same time and key is the next one would be anyone's choice. */
static void drop_stops(struct model *model, uint64_t *seed, unsigned one_in) {
  for (size_t i = 0; i < model->count; i++) {
    model->rows[i].key = model_text(model, "%llu-%zu", (unsigned long long)model_below(seed, 100), i);
    if (one_in == 1 || model_below(seed, one_in) == 0)
      model->rows[i].stop = HDX_TIME_NONE;
  }
}

/* ---- asking ---- */

static int64_t random_time(const struct model *model, uint64_t *seed) {
  if (model->count == 0 || model_below(seed, 12) == 0)
    return HDX_TIME_NONE;
  const struct model_row *row = &model->rows[model_below(seed, model->count)];
  int64_t time = model_below(seed, 2) ? row->start : row->stop;
  int64_t off = (int64_t)model_below(seed, 3) - 1;
  return time > HDX_TIME_MIN && time < HDX_TIME_MAX ? time + off : time;
}

static void check_ranges(const struct model *model, const struct hdx_reader *reader, uint64_t *seed, int count) {
  struct hdx_error error = {0};
  struct hdx_cursor *cursor = NULL;
  struct hdx_range range = {HDX_TIME_NONE, HDX_TIME_NONE, HDX_MATCH_OVERLAP, all_years};
  assert_int_equal(hdx_cursor_open(reader, &range, &cursor, &error), HDX_OK);
  for (int match = 0; match < 3; match++) {
    range.match = (enum hdx_match)match;
    model_check(model, reader, cursor, &range);
  }
  for (int i = 0; i < count; i++) {
    range.match = (enum hdx_match)model_below(seed, 3);
    range.start = random_time(model, seed);
    range.stop = random_time(model, seed);
    range.years = all_years;
    if (model_below(seed, 3) == 0)
      range.years.first = 2000 + (int)model_below(seed, 14),
      range.years.last = range.years.first + (int)model_below(seed, 3);
    model_check(model, reader, cursor, &range);
  }
  hdx_cursor_close(cursor);
}

static struct hdx_reader *open_reader(void) {
  struct hdx_reader *reader = NULL;
  struct hdx_error error = {0};
  if (hdx_reader_open(path, HDX_TEXT("s3://bucket/"), &reader, &error) != HDX_OK)
    fail_msg("%s", error.message);
  if (hdx_reader_verify(reader, &error) != HDX_OK)
    fail_msg("%s", error.message);
  return reader;
}

/* Distinct years of the model. */
static size_t list_years(const struct model *model, int *years) {
  size_t count = 0;
  for (size_t i = 0; i < model->count; i++) {
    size_t y = 0;
    while (y < count && years[y] != model->rows[i].year)
      y++;
    if (y == count)
      years[count++] = model->rows[i].year;
    assert_true(count < 64);
  }
  return count;
}

static struct hdx_writer *new_writer(void) {
  struct hdx_writer *writer = NULL;
  struct hdx_error error;
  assert_int_equal(hdx_writer_create(path, &writer, &error), HDX_OK);
  return writer;
}

/* Writes the model in portions, checks everything, and leaves it finished. */
static void roundtrip(struct model *model, uint64_t *seed, size_t portion, int ranges) {
  int years[64];
  size_t year_count = list_years(model, years);
  struct hdx_writer *writer = new_writer();
  for (size_t y = 0; y < year_count; y++)
    model_write_year(model, writer, years[y], portion);
  assert_int_equal(hdx_writer_rows(writer), model->count);
  model_commit(writer, years, year_count);
  model_finish(model);
  struct hdx_reader *reader = open_reader();
  check_ranges(model, reader, seed, ranges);
  const struct hdx_snapshot_info *info = hdx_reader_info(reader);
  assert_int_equal(info->rows, model->count);
  int64_t first = HDX_TIME_NONE, last = HDX_TIME_NONE;
  uint64_t missing = 0;
  for (size_t i = 0; i < model->count; i++) {
    first = i == 0 || model->rows[i].start < first ? model->rows[i].start : first;
    last = i == 0 || model->rows[i].stop > last ? model->rows[i].stop : last;
    missing += model->rows[i].size == -1;
  }
  assert_int_equal(info->first, first);
  assert_int_equal(info->last, last);
  assert_int_equal(info->size_missing, missing);
  hdx_reader_close(reader);
}

/* ---- tests ---- */

static void regular_rows_come_back(void **state) {
  (void)state;
  static const size_t counts[] = {0, 1, 2, 255, 256, 257, 8191, 8192, 8193, 20000};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    uint64_t seed = 100 + i;
    struct model model;
    model_init(&model);
    make_regular(&model, &seed, counts[i]);
    roundtrip(&model, &seed, SIZE_MAX, 30);
    model_deinit(&model);
  }
}

static void large_datasets_have_blocks_of_a_year(void **state) {
  (void)state;
  uint64_t seed = 7;
  struct model model;
  model_init(&model);
  make_regular(&model, &seed, 100000);
  roundtrip(&model, &seed, 20000, 30);
  struct hdx_reader *reader = open_reader();
  assert_true(hdx_reader_info(reader)->blocks >= 13);
  assert_true(hdx_reader_info(reader)->file_bytes < 100000 * 4);
  hdx_reader_close(reader);
  model_deinit(&model);
}

static void odd_rows_come_back(void **state) {
  (void)state;
  static const size_t counts[] = {3, 40, 700, 9000, 30000};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    uint64_t seed = 200 + i;
    struct model model;
    model_init(&model);
    make_odd(&model, &seed, counts[i]);
    roundtrip(&model, &seed, i % 2 ? 1000 : SIZE_MAX, 25);
    model_deinit(&model);
  }
}

/* 70,000 rows with all years overlapping, written in portions that overlap too: everything has to be merged. */
static void overlapping_blocks_are_merged(void **state) {
  (void)state;
  uint64_t seed = 300;
  struct model model;
  model_init(&model);
  make_odd(&model, &seed, 70000);
  roundtrip(&model, &seed, 5000, 8);
  model_deinit(&model);
}

static void stops_are_made_up(void **state) {
  (void)state;
  for (unsigned i = 0; i < 8; i++) {
    uint64_t seed = 400 + i;
    struct model model;
    model_init(&model);
    if (i < 4)
      make_regular(&model, &seed, i % 2 ? 70000 : 9000);
    else
      make_odd(&model, &seed, i % 2 ? 66000 : 5000);
    drop_stops(&model, &seed, i / 2 % 2 ? 1 : 3);
    roundtrip(&model, &seed, 3000, 8);
    struct hdx_reader *reader = open_reader();
    assert_true(hdx_reader_info(reader)->stop_made_up);
    hdx_reader_close(reader);
    model_deinit(&model);
  }
}

/* Blocks of three years that reach into each other like the bricks of a wall: the next row of a block's last one is
 * in another block. Asked for are the instants just behind each block's last start, and around each first one. */
static void made_up_stops_reach_into_the_next_block(void **state) {
  (void)state;
  for (int years = 1; years <= 3; years += 2)
    for (unsigned one_in = 1; one_in <= 2; one_in++) {
      uint64_t seed = 450;
      struct model model;
      model_init(&model);
      make_regular(&model, &seed, 70000);
      for (size_t i = 0; i < model.count; i++)
        model.rows[i].year = 2000 + (int)model_below(&seed, (uint64_t)years);
      drop_stops(&model, &seed, one_in);
      roundtrip(&model, &seed, 3000, 2);
      struct hdx_reader *reader = open_reader();
      struct hdx_error error;
      struct hdx_cursor *cursor;
      struct hdx_range range = {0, 0, HDX_MATCH_OVERLAP, all_years};
      assert_int_equal(hdx_cursor_open(reader, &range, &cursor, &error), HDX_OK);
      for (size_t n = 0; n < reader->footer.zone_count; n++) {
        const struct hdx_zone *zone = &reader->footer.zones[n];
        range.start = zone->max_start + 1;
        range.stop = zone->max_start + 2;
        model_check(&model, reader, cursor, &range);
        range.start = zone->min_start - 1;
        range.stop = zone->min_start;
        model_check(&model, reader, cursor, &range);
      }
      hdx_cursor_close(cursor);
      hdx_reader_close(reader);
      model_deinit(&model);
    }
}

static void the_footer_says_what_was_said(void **state) {
  (void)state;
  struct hdx_error error = {0};
  struct hdx_subject subject = model_subject();
  struct hdx_year years[] = {
      {.year = 2012,
       .state = HDX_YEAR_STALE,
       .url = "u12",
       .etag = "e",
       .last_modified = "m",
       .reason = "r",
       .checked_at = -5,
       .rows = 10,
       .bad_rows = 2,
       .bytes = 99,
       .form = "csv, CRLF",
       .repairs = 4,
       .duplicates = 1,
       .unsorted = true},
      {.year = 0, .state = HDX_YEAR_GAP},
  };
  struct hdx_writer *writer = new_writer();
  uint64_t bytes = 0;
  assert_int_equal(hdx_writer_commit(writer, &subject, years, 2, 6, &bytes, &error), HDX_OK);
  struct stat stat_;
  assert_int_equal(stat(path, &stat_), 0);
  assert_int_equal(stat_.st_size, bytes);
  struct hdx_reader *reader = open_reader();
  const struct hdx_subject *got = hdx_reader_subject(reader);
  assert_true(hdx_text_is(got->id, "set") && hdx_text_is(got->index, "s3://bucket/set/"));
  assert_true(hdx_text_is(got->indextype, "csv") && got->multiyear && got->catalog_start == 5);
  assert_int_equal(got->catalog_stop, HDX_TIME_NONE);
  const struct hdx_snapshot_info *info = hdx_reader_info(reader);
  assert_int_equal(info->year_count, 2);
  assert_int_equal(info->years[0].year, 0);
  assert_string_equal(info->years[0].url, "");
  assert_int_equal(info->rows, 0);
  assert_int_equal(info->first, HDX_TIME_NONE);
  assert_int_equal(info->time_digits, 6);
  assert_string_equal(info->source, "s3://bucket/");
  assert_string_equal(info->path, path);
  const struct hdx_year *year = hdx_reader_year(reader, 2012);
  assert_non_null(year);
  assert_null(hdx_reader_year(reader, 2013));
  assert_string_equal(year->url, "u12");
  assert_string_equal(year->reason, "r");
  assert_int_equal(year->state, HDX_YEAR_STALE);
  assert_string_equal(year->form, "csv, CRLF");
  assert_true(year->repairs == 4 && year->duplicates == 1 && year->unsorted);
  assert_string_equal(info->years[0].form, "");
  assert_true(year->checked_at == -5 && year->rows == 10 && year->bad_rows == 2 && year->bytes == 99);
  hdx_reader_close(reader);
  assert_int_equal(hdx_reader_open(path, HDX_TEXT("s3://other/"), &reader, &error), HDX_INTEGRITY);
  assert_non_null(strstr(error.message, "s3://other/"));
  assert_int_equal(hdx_reader_open("/nowhere/x.hdx", HDX_TEXT(""), &reader, &error), HDX_NOT_FOUND);
}

/* Years are dropped, kept from the file before, and replaced, so that the dataset grows and shrinks across the limit of
 * mixed blocks. */
static void years_are_kept_and_dropped(void **state) {
  (void)state;
  uint64_t seed = 500;
  static const size_t counts[] = {3000, 40000, 80000, 1000, 90000, 66000, 200};
  struct model before;
  model_init(&before);
  for (size_t round = 0; round < sizeof counts / sizeof *counts; round++) {
    struct hdx_reader *reader = round ? open_reader() : NULL;
    struct model next;
    model_init(&next);
    next.extra_count = MODEL_EXTRAS;
    struct hdx_writer *writer = new_writer();
    int years[64];
    size_t year_count = list_years(&before, years);
    /* A year that is kept, one that is added twice, one that is added and given up. */
    int kept = year_count ? years[model_below(&seed, year_count)] : -1;
    struct model fresh;
    model_init(&fresh);
    make_odd(&fresh, &seed, counts[round]);
    for (size_t i = 0; i < fresh.count; i++)
      fresh.rows[i].year = 3000 + (int)round * 10 + (int)model_below(&seed, 3);
    int base = 3000 + (int)round * 10;
    model_write_year(&fresh, writer, base, 7000);
    model_write_year(&fresh, writer, base + 1, SIZE_MAX);
    hdx_writer_drop_year(writer, base);
    if (kept >= 0) {
      struct hdx_error error = {0};
      if (hdx_writer_keep_year(writer, reader, kept, &error) != HDX_OK)
        fail_msg("%s", error.message);
    }
    model_write_year(&fresh, writer, base, 9000);
    model_write_year(&fresh, writer, base + 2, 6000);
    hdx_writer_drop_year(writer, base + 2);
    for (size_t i = 0; i < before.count; i++)
      if (before.rows[i].year == kept)
        *model_add(&next, 0, 0, 0, 0) = before.rows[i];
    for (size_t i = 0; i < fresh.count; i++)
      if (fresh.rows[i].year != base + 2)
        *model_add(&next, 0, 0, 0, 0) = fresh.rows[i];
    assert_int_equal(hdx_writer_rows(writer), next.count);
    int list[4] = {base, base + 1, kept};
    model_commit(writer, list, kept >= 0 ? 3 : 2);
    hdx_reader_close(reader);
    /* Texts of rows that go on living move to the next model. */
    for (size_t i = 0; i < next.count; i++) {
      next.rows[i].key = hdx_arena_copy(&next.text, next.rows[i].key);
      for (int c = 0; c < MODEL_EXTRAS; c++)
        next.rows[i].extra[c] = hdx_arena_copy(&next.text, next.rows[i].extra[c]);
    }
    model_deinit(&before);
    model_deinit(&fresh);
    before = next;
    model_finish(&before);
    reader = open_reader();
    check_ranges(&before, reader, &seed, 3);
    hdx_reader_close(reader);
  }
  model_deinit(&before);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(regular_rows_come_back),
      cmocka_unit_test(large_datasets_have_blocks_of_a_year),
      cmocka_unit_test(odd_rows_come_back),
      cmocka_unit_test(overlapping_blocks_are_merged),
      cmocka_unit_test(stops_are_made_up),
      cmocka_unit_test(made_up_stops_reach_into_the_next_block),
      cmocka_unit_test(the_footer_says_what_was_said),
      cmocka_unit_test(years_are_kept_and_dropped),
  };
  return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
