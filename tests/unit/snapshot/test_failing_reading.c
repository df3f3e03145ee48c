/* What reading a snapshot does where memory or a call of the system fails: an error, never other rows, and what was
 * opened goes on as soon as there is memory. */
#include "failing_rows.h"
#include "folder.h"
#include "small.h"
#include "snapshot/counts.h"
#include "snapshot/filter.h"

/* What a file has to say, found before anything fails. */
struct expected {
  uint64_t all, filtered;
  struct hdx_summary sum;
  size_t units, columns;
};

/* Every third row or so, by a column that not all datasets have. */
static const struct hdx_condition condition = {HDX_TEXT("mid"), HDX_GREATER, HDX_TEXT("2500000")};
static const struct hdx_filter filter = {
    .min_size = -1, .max_size = -1, .conditions = &condition, .condition_count = 1};

/* Once more after an error: as it should be, or without memory. */
static void ask_again(struct hdx_cursor *cursor, const struct hdx_reader *reader, uint64_t expected) {
  struct hdx_error error = {.status = HDX_OK};
  uint64_t digest = 0;
  hdx_cursor_range(cursor, &failing_everything);
  enum hdx_status status = failing_digest(cursor, reader, &digest, &error);
  assert_true(status == HDX_MEMORY || (status == HDX_OK && digest == expected));
}

static enum hdx_status use_cursor(const struct hdx_reader *reader, const struct expected *expected,
                                  struct hdx_error *error) {
  struct hdx_cursor *cursor = NULL;
  uint64_t digest = 0;
  enum hdx_status status = hdx_cursor_open(reader, &failing_everything, &cursor, error);
  if (status != HDX_OK)
    return status;
  status = failing_digest(cursor, reader, &digest, error);
  if (status == HDX_OK)
    assert_true(digest == expected->all);
  else
    ask_again(cursor, reader, expected->all);
  digest = 0;
  if (status == HDX_OK)
    status = hdx_cursor_filter(cursor, &filter, HDX_COLUMN_ALL, error);
  if (status == HDX_OK) {
    status = failing_digest(cursor, reader, &digest, error);
    if (status == HDX_OK)
      assert_true(digest == expected->filtered);
    else
      ask_again(cursor, reader, expected->filtered);
  }
  hdx_cursor_close(cursor);
  return status;
}

/* By years all of it, of which zones tell, and all but the first rows, which have to be looked at. */
static enum hdx_status count(const struct hdx_reader *reader, struct hdx_counts *counts, struct hdx_error *error) {
  const struct hdx_snapshot_info *info = hdx_reader_info(reader);
  const enum hdx_unit unit = HDX_UNIT_YEAR;
  struct hdx_cursor *cursor = NULL;
  hdx_counts_init(counts, &unit);
  enum hdx_status status = hdx_cursor_open(reader, &failing_everything, &cursor, error);
  if (status == HDX_OK)
    status = hdx_cursor_count(cursor, counts, error);
  if (status == HDX_OK) {
    hdx_cursor_window(cursor, info->first + 1, INT64_MAX);
    status = hdx_cursor_count(cursor, counts, error);
  }
  hdx_cursor_close(cursor);
  hdx_counts_settle(counts);
  return status;
}

static enum hdx_status use_counts(const struct hdx_reader *reader, const struct expected *expected,
                                  struct hdx_error *error) {
  struct hdx_counts counts;
  enum hdx_status status = count(reader, &counts, error);
  if (status == HDX_OK) {
    struct hdx_summary sum = hdx_counts_total(&counts);
    assert_int_equal(counts.count, expected->units);
    assert_true(sum.rows == expected->sum.rows && sum.bytes == expected->sum.bytes &&
                sum.first == expected->sum.first && sum.last == expected->sum.last &&
                sum.size_missing == expected->sum.size_missing);
  }
  hdx_counts_deinit(&counts);
  return status;
}

static enum hdx_status use_columns(const struct hdx_reader *reader, const struct expected *expected,
                                   struct hdx_error *error) {
  struct hdx_column_info *columns = NULL;
  size_t found;
  enum hdx_status status = hdx_reader_columns(reader, &columns, &found, error);
  if (status == HDX_OK)
    assert_int_equal(found, expected->columns);
  hdx_column_info_free(columns);
  return status;
}

static enum hdx_status use_reader(void *user, struct hdx_error *error) {
  const struct expected *expected = user;
  struct hdx_reader *reader = NULL;
  enum hdx_status status = hdx_reader_open(path, HDX_TEXT(""), &reader, error);
  if (status == HDX_OK) {
    hdx_reader_keep(reader, 0); /* no more pages of a large file than are needed */
    status = hdx_reader_check(reader, error);
  }
  if (status == HDX_OK)
    status = hdx_reader_verify(reader, error);
  if (status == HDX_OK)
    status = use_cursor(reader, expected, error);
  if (status == HDX_OK)
    status = use_counts(reader, expected, error);
  if (status == HDX_OK)
    status = use_columns(reader, expected, error);
  hdx_reader_close(reader);
  return status;
}

/* The same block twice: what overlaps is merged. */
static void repeat_block(struct small *small) {
  struct hdx_zone *zone = &small->zones[small->footer.zone_count++];
  *zone = small->zones[0];
  zone->offset = small->blocks.size;
  char *to = hdx_buffer_reserve(&small->blocks, zone->length);
  memcpy(to, small->blocks.data + small->zones[0].offset, zone->length);
  small->blocks.size += zone->length;
}

/* Writes a small snapshot, of several blocks or of one that is there twice, and finds out what it says. */
static void make(enum small_kind kind, size_t blocks, struct expected *expected) {
  struct small small;
  static char reason[2000]; /* makes a footer that is compressed */
  struct hdx_reader *reader;
  struct hdx_cursor *cursor;
  struct hdx_counts counts;
  struct hdx_column_info *columns;
  small_make(&small, kind, 60, blocks, 7);
  memset(reason, 'r', sizeof reason - 1);
  small.years[1].reason = reason;
  if (blocks == 1)
    repeat_block(&small);
  struct hdx_zstd *zstd = hdx_zstd_create();
  small_finish(&small, zstd);
  hdx_zstd_free(zstd);
  assert_int_equal(hdx_file_replace(path, hdx_buffer_text(&small.file), NULL), HDX_OK);
  small_free(&small);
  *expected = (struct expected){.all = failing_digest_of(path)};
  assert_int_equal(hdx_reader_open(path, HDX_TEXT(""), &reader, NULL), HDX_OK);
  assert_int_equal(hdx_cursor_open(reader, &failing_everything, &cursor, NULL), HDX_OK);
  assert_int_equal(hdx_cursor_filter(cursor, &filter, HDX_COLUMN_ALL, NULL), HDX_OK);
  assert_int_equal(failing_digest(cursor, reader, &expected->filtered, NULL), HDX_OK);
  hdx_cursor_close(cursor);
  assert_int_equal(count(reader, &counts, NULL), HDX_OK);
  expected->sum = hdx_counts_total(&counts);
  expected->units = counts.count;
  hdx_counts_deinit(&counts);
  assert_int_equal(hdx_reader_columns(reader, &columns, &expected->columns, NULL), HDX_OK);
  hdx_column_info_free(columns);
  hdx_reader_close(reader);
}

static void test_33_p7_memory_while_a_snapshot_is_read(void **state) {
  (void)state;
  struct expected expected;
  for (int kind = 0; kind < SMALL_KINDS; kind++)
    for (size_t blocks = 1; blocks <= 3; blocks += 2) {
      make((enum small_kind)kind, blocks, &expected);
      failing_memory(use_reader, &expected);
    }
}

static void test_33_a_snapshot_that_cannot_be_opened(void **state) {
  (void)state;
  struct expected expected;
  make(SMALL_REGULAR, 1, &expected);
  assert_int_equal(failing_calls("open", "", use_reader, &expected, HDX_IO), 1);
  assert_int_equal(failing_calls("stat", "", use_reader, &expected, HDX_IO), 1);
  assert_int_equal(failing_calls("mmap", ":EACCES", use_reader, &expected, HDX_IO), 1);
  assert_int_equal(failing_calls("mmap", "", use_reader, &expected, HDX_MEMORY), 1);
}

static enum hdx_status use_fingerprint(void *user, struct hdx_error *error) {
  (void)user;
  static const struct hdx_text names[] = {HDX_TEXT("a"), HDX_TEXT("b")};
  static const struct hdx_parameter parameters[] = {{HDX_PARAMETER_INTEGER, HDX_TEXT("km"), HDX_TEXT("")},
                                                    {HDX_PARAMETER_STRING, HDX_TEXT(""), HDX_TEXT("said")}};
  uint64_t one = 0, same = 0;
  enum hdx_status status = hdx_snapshot_fingerprint(names, parameters, 2, &one, error);
  if (status == HDX_OK)
    status = hdx_snapshot_fingerprint(names, parameters, 2, &same, error);
  assert_true(status != HDX_OK || (one == same && one > 1));
  return status;
}

static void test_33_memory_for_a_fingerprint(void **state) {
  (void)state;
  failing_memory(use_fingerprint, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_33_p7_memory_while_a_snapshot_is_read),
      cmocka_unit_test(test_33_a_snapshot_that_cannot_be_opened),
      cmocka_unit_test(test_33_memory_for_a_fingerprint),
  };
  return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
