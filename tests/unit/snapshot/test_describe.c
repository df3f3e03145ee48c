/* How columns are written is told for every kind of block. Blocks that name what their footer does not are passed over
 * or refused, by all who read them, though every checksum fits. */
#include "folder.h"
#include "small.h"

static struct hdx_reader *open_small(const struct small *small) {
  struct hdx_error error = {0};
  struct hdx_reader *reader;
  if (hdx_reader_open_bytes(small->file.data, small->file.size, "x.hdx", HDX_TEXT(""), &reader, &error) != HDX_OK)
    fail_msg("%s", error.message);
  return reader;
}

/* ---- what is told ---- */

static const char *encoding_of(const struct hdx_column_info *columns, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(columns[i].name, name) == 0)
      return columns[i].encoding;
  return "no such column";
}

static void test_columns_of_every_kind(void **state) {
  (void)state;
  static const struct {
    enum small_kind kind;
    const char *column, *encoding;
  } cases[] = {
      {SMALL_REGULAR, "times", "starts delta constant, stops duration named (3)"},
      {SMALL_REGULAR, "filesize", "by duration, constant (3)"},
      {SMALL_REGULAR, "year", "sparse (1)"},
      {SMALL_REGULAR, "alpha", "no such column"},
      {SMALL_CHAIN, "times", "starts from the stop before constant, stops duration named (3)"},
      {SMALL_NO_STOP, "times", "starts delta constant (3)"},
      {SMALL_NO_STOP, "filesize", "none stated (3)"},
      {SMALL_NO_STOP, "mid", "MD5 (2)"},
      {SMALL_NO_STOP, "zeta", "{7 digits} (2)"},
      {SMALL_SOME_STOPS, "filesize", "some stated, delta symbols (3)"},
      {SMALL_NOISE, "datakey", "front-coded (3)"},
      {SMALL_ONE, "datakey", "b/{start:%Y%m%d}/f_000003_v0.fits (1)"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct small small;
    struct hdx_column_info *columns;
    size_t count;
    small_make(&small, cases[i].kind, 900, 3, 3);
    struct hdx_reader *reader = open_small(&small);
    assert_int_equal(hdx_reader_columns(reader, &columns, &count, NULL), HDX_OK);
    assert_string_equal(encoding_of(columns, count, cases[i].column), cases[i].encoding);
    hdx_column_info_free(columns);
    hdx_reader_close(reader);
    small_free(&small);
  }
}

/* Of many ways to write a column the first ones are told apart. */
static void test_more_ways_than_are_told(void **state) {
  (void)state;
  struct small small;
  struct hdx_column_info *columns;
  size_t count;
  small_make(&small, SMALL_REGULAR, 900, 8, 3);
  struct hdx_reader *reader = open_small(&small);
  assert_int_equal(hdx_reader_columns(reader, &columns, &count, NULL), HDX_OK);
  assert_non_null(strstr(encoding_of(columns, count, "datakey"), "; others ("));
  hdx_column_info_free(columns);
  hdx_reader_close(reader);
  small_free(&small);
}

/* ---- footers that lack something ---- */

/* Keeps a year of the snapshot. */
static void expect_not_kept(const struct hdx_reader *reader, int year, const char *message) {
  struct hdx_writer *writer;
  struct hdx_error error = {0};
  assert_int_equal(hdx_writer_create(path, &writer, &error), HDX_OK);
  assert_int_equal(hdx_writer_keep_year(writer, reader, year, &error), HDX_INTEGRITY);
  if (!strstr(error.message, message))
    fail_msg("\"%s\" says nothing of \"%s\"", error.message, message);
  hdx_writer_abandon(writer);
}

static enum hdx_status walk(const struct hdx_reader *reader, struct hdx_error *error) {
  static const struct hdx_range everything = {HDX_TIME_NONE, HDX_TIME_NONE, HDX_MATCH_OVERLAP, {-30000, 30000}};
  struct hdx_cursor *cursor;
  struct hdx_batch batch;
  enum hdx_status status;
  assert_int_equal(hdx_cursor_open(reader, &everything, &cursor, error), HDX_OK);
  while ((status = hdx_cursor_next(cursor, &batch, error)) == HDX_OK && batch.count)
    continue;
  hdx_cursor_close(cursor);
  return status;
}

/* Blocks have a column that their footer does not name: nobody can ask for it. */
static void test_37_a_column_without_a_name(void **state) {
  (void)state;
  struct small small;
  struct hdx_error error;
  struct hdx_column_info *columns;
  size_t count;
  struct hdx_zstd *zstd = hdx_zstd_create();
  for (size_t blocks = 1; blocks <= 3; blocks += 2) {
    small_make(&small, SMALL_NOISE, 60, blocks, 3);
    small.footer.column_count--;
    small_finish(&small, zstd);
    struct hdx_reader *reader = open_small(&small);
    assert_int_equal(hdx_reader_columns(reader, &columns, &count, &error), HDX_OK);
    assert_string_equal(encoding_of(columns, count, "zeta"), "no such column");
    assert_string_equal(encoding_of(columns, count, "mid"), blocks == 1 ? "MD5 (1)" : "MD5 (2)");
    hdx_column_info_free(columns);
    assert_int_equal(hdx_reader_verify(reader, &error), HDX_INTEGRITY);
    assert_non_null(strstr(error.message, "x.hdx: block 0 (rows 1 to "));
    expect_not_kept(reader, 2000, "an extra column that the footer does not name");
    expect_not_kept(reader, 2001, "an extra column that the footer does not name");
    hdx_reader_close(reader);
    small_free(&small);
  }
  hdx_zstd_free(zstd);
}

static void test_37_a_template_that_is_not_there(void **state) {
  (void)state;
  struct small small;
  struct hdx_error error;
  struct hdx_column_info *columns;
  size_t count;
  struct hdx_zstd *zstd = hdx_zstd_create();
  small_make(&small, SMALL_REGULAR, 60, 3, 3);
  small.footer.template_count = 0;
  small_finish(&small, zstd);
  struct hdx_reader *reader = open_small(&small);
  assert_int_equal(hdx_reader_columns(reader, &columns, &count, &error), HDX_INTEGRITY);
  assert_string_equal(error.message, "x.hdx: block 0: a template that the footer does not have");
  assert_int_equal(walk(reader, &error), HDX_INTEGRITY);
  assert_int_equal(hdx_reader_verify(reader, &error), HDX_INTEGRITY);
  expect_not_kept(reader, 2000, "x.hdx: block 1: a template that the footer does not have");
  hdx_reader_close(reader);
  small_free(&small);
  hdx_zstd_free(zstd);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_columns_of_every_kind),
      cmocka_unit_test(test_more_ways_than_are_told),
      cmocka_unit_test(test_37_a_column_without_a_name),
      cmocka_unit_test(test_37_a_template_that_is_not_there),
  };
  return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
