/* What is counted and told beside the rows: bad ones with their places, repairs, duplicates, lines. */
#include "unit/parse/csv_file.h"

static void test_bad_rows_are_told_and_lose_nothing_else(void **state) {
  (void)state;
  static const struct {
    const char *line;
    uint32_t column;
    const char *reason;
  } cases[] = {
      {"static,2010-05-13T00:00:00Z,s3://b/k,1", 8,
       "stop: expected static, as the start is, found '2010-05-13T00:00:00Z'"},
      {"2010-05-13T00:00:00Z,static,s3://b/k,1", 22, "stop: expected a time, found 'static'"},
      {"static,static,,1", 15, "datakey: expected a location, found ''"},
      {"statics,static,k,1", 1, "start: expected a time, found 'statics'"},
      {"1677-09-21T00:12:43.145224194Z,2010-05-13T00:04:00.000Z,k,1", 1,
       "start: expected a time of 1678 to 2261, found '1677-09-21T00:12:43.145224194Z'"},
      {"'1677-09-21T00:12:43.145224194Z','2010-05-13T00:04:00.000Z','k','1'", 1,
       "start: expected a time of 1678 to 2261, found '1677-09-21T00:12:43.145224194Z'"},
      {"2010-05-13T00:00:00+01:00,2010-05-13T00:04:00Z,k,1", 1,
       "start: expected a time in UTC, found '2010-05-13T00:00:00+01:00'"},
      {"2010-13-13T00:00:00.000Z,2010-05-13T00:04:00.000Z,k,1", 1,
       "start: expected a time, found '2010-13-13T00:00:00.000Z'"},
      {"1600-01-01T00:00:00.000Z,2010-05-13T00:04:00.000Z,k,1", 1,
       "start: expected a time of 1678 to 2261, found '1600-01-01T00:00:00.000Z'"},
      {"2010-05-13T00:00:00.000Z,2010-02-30T00:04:00.000Z,s3://b/kkkkkkkkkkkkkkkkk,1", 26,
       "stop: expected a time, found '2010-02-30T00:04:00.000Z'"},
      {"2010-05-13T00:00:00.000Z,,k,1", 26, "stop: expected a time, found ''"},
      {"2010-05-13T00:00:00.000Z,2010-05-13T00:04:00.000Z,,1", 51, "datakey: expected a location, found ''"},
      {"2010-05-13T00:00:00.000Z,2010-05-13T00:04:00.000Z,k,1a", 53, "filesize: expected an integer, found '1a'"},
      {"2010-05-13T00:00:00.000Z,2010-05-13T00:04:00.000Z,k,-1", 53, "filesize: expected an integer, found '-1'"},
      {"2010-05-13T00:00:00.000Z,2010-05-13T00:04:00.000Z,k,9223372036854775808", 53,
       "filesize: expected an integer, found '9223372036854775808'"},
      {"2010-05-13T00:00:00.000Z,2010-05-13T00:04:00.000Z,k", 1, "expected 4 columns, found 3"},
      {"x", 1, "expected 4 columns, found 1"},
      {"2010-05-13T00:00:00.000Z,2010-05-13T00:04:00.000Z,k,1,x", 55, "expected at most 4 columns, found 5"},
      {"\x01\x7f\xc3\xa9,x,y,z", 1, "start: expected a time, found '\?\?\xc3\xa9'"},
      {" '2010-05-13T00:00:00Z' , 'x''y' ,k,1", 27, "stop: expected a time, found 'x'y'"},
      {"'2010-05-13T00:00:00Z','2010-05-13T00:04:00Z','','1'", 47, "datakey: expected a location, found ''"},
      {"\t2010-05-13T00:00:00.000Z,2010-05-13T00:04:00.000Z,k,1, ,x", 57, "expected at most 4 columns, found 6"},
      {"a text is cut in front of a character \xe2\x82\xac\xe2\x82\xac,x,y,z", 1,
       "start: expected a time, found 'a text is cut in front of a character …'"},
      {"a very long text in the place of the start is cut,x,y,z", 1,
       "start: expected a time, found 'a very long text in the place of the sta…'"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct scan scan;
    char file[512];
    snprintf(file, sizeof file, A "%s\n" B, cases[i].line);
    scan_all(&scan, file);
    expect_counts(&scan, 2, 1, 3);
    assert_string_equal(scan.rows[1].key, "s3://b/b.fits");
    assert_string_equal(sample(&scan, 0)->reason, cases[i].reason);
    assert_int_equal(sample(&scan, 0)->line, 2);
    assert_int_equal(sample(&scan, 0)->byte, sizeof A - 1);
    assert_int_equal(sample(&scan, 0)->column, cases[i].column);
    assert_int_equal(scan.rows[0].line, 1);
    assert_int_equal(scan.rows[1].line, 3);
    scan_close(&scan);
  }
}

static void test_nul_is_a_bad_row(void **state) {
  (void)state;
  struct scan scan;
  scan_open(&scan);
  scan_feed(&scan, HDX_TEXT(A "2010-05-13T00:00:00.000Z,2010-05-13T00:04:00.000Z,s3://b/\0.fits,1\n" B));
  assert_int_equal(scan.status, HDX_OK);
  expect_counts(&scan, 2, 1, 3);
  assert_string_equal(sample(&scan, 0)->reason, "expected text, found a NUL byte");
  assert_int_equal(sample(&scan, 0)->column, 58);
  scan_close(&scan);
}

static void test_only_some_bad_rows_are_kept(void **state) {
  (void)state;
  struct scan scan;
  scan_all(&scan, A "x\nx\nx\nx\nx\nx\nx\nx\nx\nx\n" B);
  expect_counts(&scan, 2, 10, 12);
  assert_int_equal(hdx_csv_result(scan.csv)->sample_count, HDX_CSV_SAMPLE_MAX);
  assert_int_equal(sample(&scan, 7)->line, 9);
  scan_close(&scan);
  /* Also where nobody is told of them. */
  struct hdx_csv_options options = {.kernel = hdx_cpu_level()};
  static const char file[] = "x\nx\nx\nx\nx\nx\nx\nx\nx\nx\n";
  assert_int_equal(hdx_csv_open(&options, &scan.csv, NULL), HDX_OK);
  assert_int_equal(hdx_csv_feed(scan.csv, file, sizeof file - 1, NULL), HDX_OK);
  assert_int_equal(hdx_csv_finish(scan.csv, NULL), HDX_OK);
  assert_int_equal(hdx_csv_result(scan.csv)->bad_rows, 10);
  assert_int_equal(hdx_csv_result(scan.csv)->sample_count, HDX_CSV_SAMPLE_MAX);
  assert_int_equal(sample(&scan, 7)->line, 8);
  hdx_csv_close(scan.csv);
}

static void test_reversed_rows_are_kept_and_counted(void **state) {
  (void)state;
  struct scan scan;
  scan_all(&scan, A "2010-05-13T00:04:00.000Z,2010-05-13T00:03:59.000Z,s3://b/b.fits,200\n");
  expect_counts(&scan, 2, 0, 2);
  assert_int_equal(hdx_csv_result(scan.csv)->reversed, 1);
  assert_false(hdx_csv_result(scan.csv)->unsorted);
  scan_close(&scan);
}

/* A line beyond the limit is one bad row, whether it comes at once or in pieces, and what follows it is read. */
static void test_long_lines(void **state) {
  (void)state;
  static const size_t pieces[] = {SIZE_MAX, 100000, 4096};
  static const size_t over[] = {0, 1, 3000000};
  for (size_t i = 0; i < sizeof over / sizeof *over; i++)
    for (size_t j = 0; j < sizeof pieces / sizeof *pieces; j++) {
      struct hdx_buffer file;
      struct scan scan;
      hdx_buffer_init(&file, 8 << 20);
      hdx_buffer_append_format(&file, A);
      size_t line = HDX_CSV_LINE_BYTES_MAX + over[i];
      memset(hdx_buffer_reserve(&file, line), 'x', line);
      file.size += line;
      hdx_buffer_append_format(&file, "\n" B "%s", i == 2 ? "x" : "");
      scan_open(&scan);
      for (size_t at = 0; at < file.size && scan.status == HDX_OK;
           at += pieces[j] < file.size ? pieces[j] : file.size) {
        size_t left = file.size - at;
        scan.status = hdx_csv_feed(scan.csv, file.data + at, left < pieces[j] ? left : pieces[j], &scan.error);
      }
      assert_int_equal(scan.status, HDX_OK);
      assert_int_equal(hdx_csv_finish(scan.csv, &scan.error), HDX_OK);
      expect_counts(&scan, 2, 1 + (i == 2), 3 + (i == 2));
      assert_int_equal(sample(&scan, 0)->line, 2);
      assert_int_equal(sample(&scan, 0)->byte, sizeof A - 1);
      assert_string_equal(sample(&scan, 0)->reason, over[i]
                                                        ? "expected a line of at most 1048576 bytes, found a longer one"
                                                        : "expected 4 columns, found 1");
      scan_close(&scan);
      hdx_buffer_deinit(&file);
    }
}

/* The same where the file ends within it. */
static void test_a_long_line_at_the_end(void **state) {
  (void)state;
  struct scan scan;
  static char line[HDX_CSV_LINE_BYTES_MAX];
  memset(line, 'x', sizeof line);
  scan_open(&scan);
  assert_int_equal(hdx_csv_feed(scan.csv, A, sizeof A - 1, &scan.error), HDX_OK);
  assert_int_equal(hdx_csv_feed(scan.csv, line, sizeof line, &scan.error), HDX_OK);
  assert_int_equal(hdx_csv_feed(scan.csv, line, 1, &scan.error), HDX_OK);
  assert_int_equal(hdx_csv_finish(scan.csv, &scan.error), HDX_OK);
  expect_counts(&scan, 1, 1, 2);
  assert_int_equal(sample(&scan, 0)->line, 2);
  assert_int_equal(sample(&scan, 0)->byte, sizeof A - 1);
  assert_string_equal(sample(&scan, 0)->reason, "expected a line of at most 1048576 bytes, found a longer one");
  scan_close(&scan);
}

/* Copies of the row above are counted over quick, tidy and mended rows, batches, lines between them and chunks. */
static void test_duplicates(void **state) {
  static const struct {
    const char *row;
    uint64_t duplicates;
  } pairs[] = {
      {A, 1},
      {"'2010-05-13T00:00:00.000Z',2010-05-13T00:04:00.000Z, s3://b/a.fits ,7\n", 1},
      {"2010-05-13T00.00.00.000Z,2010-05-13T00:04Z,\"s3://b/a.fits\",\n", 1},
      {"no row\n\n# remark\n" A, 1},
      {"2010-05-13T00:00:00.000Z,2010-05-13T00:04:00.001Z,s3://b/a.fits,100\n", 0},
      {"2010-05-13T00:00:00.000Z,2010-05-13T00:04:00.000Z,s3://b/a.fit,100\n", 0},
      {"2010-05-13T00:00:00.000Z,2010-05-13T00:04:00.000Z,s3://b/b.fits,100\n", 0},
      {B A, 0},
  };
  (void)state;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    for (int cut = 0; cut < 2; cut++) {
      struct scan scan;
      scan_open(&scan);
      assert_int_equal(hdx_csv_feed(scan.csv, A, cut ? sizeof A - 1 : 0, &scan.error), HDX_OK);
      char file[512];
      snprintf(file, sizeof file, "%s%s", cut ? "" : A, pairs[i].row);
      scan_feed(&scan, hdx_text_of(file));
      assert_int_equal(hdx_csv_result(scan.csv)->duplicates, pairs[i].duplicates);
      assert_int_equal(hdx_csv_result(scan.csv)->unsorted, i == 7);
      scan_close(&scan);
    }
  struct hdx_buffer file;
  struct scan scan;
  hdx_buffer_init(&file, 1 << 20);
  for (int i = 0; i < 4000; i++)
    hdx_buffer_append_format(&file, A);
  scan_open(&scan);
  for (int round = 0; round < 2; round++) {
    scan.count = 0;
    scan_feed(&scan, hdx_buffer_text(&file));
    assert_int_equal(hdx_csv_result(scan.csv)->duplicates, 3999);
    hdx_csv_reset(scan.csv);
  }
  scan_close(&scan);
  hdx_buffer_deinit(&file);
}

/* Rows have the lines that a text editor shows, however they were read. */
static void test_lines_of_rows(void **state) {
  struct scan scan;
  struct hdx_buffer file;
  (void)state;
  hdx_buffer_init(&file, 1 << 20);
  hdx_buffer_append_format(&file, "# start, stop, datakey, filesize\r\n\n");
  uint64_t expected[3000];
  size_t rows = 0;
  for (uint64_t line = 3; line < 3000; line++) {
    static const char *const lines[] = {
        B,    B, B, B, B, "'2010-05-13','2010-05-14','k','1'\n", "\n", "bad\n", "2010-05-13,2010-05-14,\"k\"\"\",1\n",
        "#\n"};
    size_t which = line * 7919 % 31 % 10;
    hdx_buffer_append_format(&file, "%s", lines[which]);
    if (which <= 5 || which == 8)
      expected[rows++] = line;
  }
  scan_open(&scan);
  for (size_t at = 0, size; at < file.size; at += size) {
    size = file.size - at < 997 ? file.size - at : 997;
    assert_int_equal(hdx_csv_feed(scan.csv, file.data + at, size, &scan.error), HDX_OK);
  }
  assert_int_equal(hdx_csv_finish(scan.csv, &scan.error), HDX_OK);
  assert_int_equal(scan.count, rows);
  for (size_t i = 0; i < rows; i++)
    assert_int_equal(scan.rows[i].line, expected[i]);
  scan_close(&scan);
  hdx_buffer_deinit(&file);
}

/* Every repair that a row needs, counted by kind, once for each time that needs it. */
static void test_repairs_by_kind(void **state) {
  static const struct {
    const char *row;
    uint64_t repairs[HDX_CSV_REPAIR_COUNT]; /* as the enumeration has them */
  } cases[] = {
      {"1996-01-01T00:00.00Z,1996-01-01T00.00.01Z,k,1", {2}},
      {"2023-05-04:00:00:00Z,2023-05-04 00:00:00z,k,1", {0, 2}},
      {"2023-05-04:00:00.00Z,2023-05-04t00.00.00Z,k,1", {2, 2}},
      {"1980-01-01,1980-001Z,k,1", {0, 0, 2}},
      {"'1980-01','1980','k','1'", {0, 0, 2}},
      {"1980-01-01T00:00:00Z,1980-01-01T24:00:00Z,k,1", {0, 0, 0, 1}},
      {"1980-01-01T24:00Z,1980-01-01 24:00Z,k,1", {0, 1, 0, 2}},
      {"2016-12-31T23:59:60Z,2016-12-31T23.59.60Z,k,1", {1, 0, 0, 0, 2}},
      {"2016-12-31T23:59:59Z,9999-12-31,k,1", {0, 0, 1, 0, 0, 1}},
      {"2016-12-31T23:59:59Z,1600-01-01T00:00:00.000Z,k,1", {0, 0, 0, 0, 0, 1}},
      {"'2016-12-31T23:59:59Z,2017-01-01T00:00:00Z,k,1", {0, 0, 0, 0, 0, 0, 1}},
      {"2016-12-31T23:59:59Z,2017-01-01T00:00:00Z,\xe2\x80\x9ck\xe2\x80\x9d,1.5", {0, 0, 0, 0, 0, 0, 1, 1}},
      /* Of a row that is bad nothing is counted. */
      {"'1980-01-01,1980-01-01 24.00.00Z,k,x", {0}},
      {"2016-12-31T23:59:59.000Z,2017-01-01T00:00:00.000Z,s3://b/k,1", {0}},
  };
  (void)state;
  /* As the first row of a file, and where the kernel's short cuts are open to it. */
  for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) {
    struct scan scan;
    char file[512];
    const char *row = cases[i / 2].row;
    snprintf(file, sizeof file, "%s%s\n", i % 2 ? A : "", row);
    scan_all(&scan, file);
    for (int kind = 0; kind < HDX_CSV_REPAIR_COUNT; kind++)
      if (hdx_csv_result(scan.csv)->repairs[kind] != cases[i / 2].repairs[kind])
        fail_msg("%s: %d %s", row, (int)hdx_csv_result(scan.csv)->repairs[kind],
                 hdx_csv_repair_text((enum hdx_csv_repair)kind));
    scan_close(&scan);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bad_rows_are_told_and_lose_nothing_else),
      cmocka_unit_test(test_nul_is_a_bad_row),
      cmocka_unit_test(test_only_some_bad_rows_are_kept),
      cmocka_unit_test(test_reversed_rows_are_kept_and_counted),
      cmocka_unit_test(test_long_lines),
      cmocka_unit_test(test_a_long_line_at_the_end),
      cmocka_unit_test(test_duplicates),
      cmocka_unit_test(test_lines_of_rows),
      cmocka_unit_test(test_repairs_by_kind),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
