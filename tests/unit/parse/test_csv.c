/* What a user relies on: every published form of index file gives its rows. What is counted and told beside them is
 * tested in test_csv_counts.c. */
#include "unit/parse/csv_file.h"

static void expect_a_and_b(const char *file, uint64_t lines) {
  struct scan scan;
  scan_all(&scan, file);
  expect_counts(&scan, 2, 0, lines);
  expect_row(&scan, 0, "2010-05-13 00:00:00", "2010-05-13 00:04:00", "s3://b/a.fits", 100);
  expect_row(&scan, 1, "2010-05-13 00:04:00", "2010-05-13 00:08:00", "s3://b/b.fits", 200);
  assert_int_equal(hdx_csv_result(scan.csv)->bytes, strlen(file));
  scan_close(&scan);
}

static void test_headers_in_every_form(void **state) {
  (void)state;
  expect_a_and_b(A B, 2);
  expect_a_and_b("# start, stop, datakey, filesize\n" A B, 3);
  expect_a_and_b("#start,stop,datakey,filesize\r\n" A B, 3);
  expect_a_and_b("start,stop,datakey,filesize\n" A B, 3);
  expect_a_and_b("\"start\",'stop',datakey,filesize\n" A B, 3);
  expect_a_and_b("# created, (ignore), model key, resolution\n" A B, 3);
  expect_a_and_b("begin,end,url,bytes\n" A B, 3);
  expect_a_and_b("\xef\xbb\xbf# start, stop, datakey, filesize\n" A B, 3);
  expect_a_and_b("\xef\xbb\xbf" A B, 2);
  expect_a_and_b("\n\n# made by a tool\n# start, stop, datakey, filesize\n" A B, 6);
  expect_a_and_b("# start, stop, datakey, filesize\n" A "# start, stop, datakey, filesize\n" B, 4);
  expect_a_and_b("start,stop,datakey,filesize\n" A "start,stop,datakey,filesize\n" B "start,stop,datakey,filesize", 5);
  expect_a_and_b(A "start,stop,datakey,filesize\n# a remark\n" B, 4);
  expect_a_and_b(A "\n\r\n  \t\n" B, 5);
}

static void test_dialect_is_told(void **state) {
  (void)state;
  struct scan scan;
  scan_all(&scan, "\xef\xbb\xbf# start, stop, datakey, filesize\r\n'2010-05-13','2010-05-14','k','1'\r\n");
  const struct hdx_csv_dialect *dialect = hdx_csv_dialect(scan.csv);
  assert_true(dialect->header && dialect->bom && dialect->crlf && !dialect->no_stop);
  assert_int_equal(dialect->quote, '\'');
  assert_int_equal(dialect->extra_count, 0);
  scan_close(&scan);
  scan_all(&scan, A);
  dialect = hdx_csv_dialect(scan.csv);
  assert_false(dialect->header || dialect->bom || dialect->crlf || dialect->no_stop);
  assert_int_equal(dialect->quote, 0);
  scan_close(&scan);
}

static void test_quotes(void **state) {
  (void)state;
  struct scan scan;
  scan_all(&scan, "'2010-05-08T12:05:30.000Z','2010-05-08T12:06:14.000Z','s3://b/a.fts','246000'\n"
                  "\"2010-05-08T12:05:30Z\",\"2010-05-08T12:06:14Z\",\"s3://b/a, \"\"b\"\".fts\",\"246000\"\n"
                  "'2010-05-08T12:05:30Z' ,\t'2010-05-08T12:06:14Z', 'it''s, so.fts' , '246000' \n"
                  "2010-05-08T12:05:30Z,2010-05-08T12:06:14Z,s3://b/it's \"so\".fts,246000\n"
                  "2010-05-08T12:05:30Z, 2010-05-08T12:06:14Z, s3://b/%20+\xc3\xa9 k.fts , 246000 \n");
  expect_counts(&scan, 5, 0, 5);
  expect_row(&scan, 0, "2010-05-08 12:05:30", "2010-05-08 12:06:14", "s3://b/a.fts", 246000);
  expect_row(&scan, 1, "2010-05-08 12:05:30", "2010-05-08 12:06:14", "s3://b/a, \"b\".fts", 246000);
  expect_row(&scan, 2, "2010-05-08 12:05:30", "2010-05-08 12:06:14", "it's, so.fts", 246000);
  expect_row(&scan, 3, "2010-05-08 12:05:30", "2010-05-08 12:06:14", "s3://b/it's \"so\".fts", 246000);
  expect_row(&scan, 4, "2010-05-08 12:05:30", "2010-05-08 12:06:14", "s3://b/%20+\xc3\xa9 k.fts", 246000);
  expect_repairs(&scan, NULL, 0);
  scan_close(&scan);
}

/* The two faulty rows that the specification itself prints, and what their kind may do at the worst. */
static void test_quotes_are_mended_within_their_line(void **state) {
  (void)state;
  struct scan scan;
  scan_all(&scan, "# start, stop, datakey, filesize, spacecraft, WAVELNTH, RSUN\n"
                  "'2010-05-08T12:05:30.000Z','2010-05-08T12:06:14.000Z','s3://b/a.fts','246000','A','195,45.0\n"
                  "\xe2\x80\x98"
                  "2024-09-10T09:00:00Z\xe2\x80\x99,\xe2\x80\x99"
                  "2024-09-10T09:00:00Z\xe2\x80\x99,\xe2\x80\x99s3://b/c.cdf\xe2\x80\x99,\xe2\x80\x99"
                  "246000\xe2\x80\x99, 512\n"
                  "'2010-05-08T12:05:30Z,'2010-05-08T12:06:14Z','s3://b/d.fts,'1'\n"
                  "2010-05-08T12:05:30Z','2010-05-08T12:06:14Z','s3://b/e.fts','2'\n"
                  "2010-05-08T12:05:30Z,2010-05-08T12:06:14Z,\"s3://b/f.fts,3\n" A);
  expect_counts(&scan, 6, 0, 7);
  expect_row(&scan, 0, "2010-05-08 12:05:30", "2010-05-08 12:06:14", "s3://b/a.fts", 246000);
  assert_string_equal(scan.rows[0].extra[1], "195");
  assert_string_equal(scan.rows[0].extra[2], "45.0");
  expect_row(&scan, 1, "2024-09-10 09:00:00", "2024-09-10 09:00:00", "s3://b/c.cdf", 246000);
  assert_string_equal(scan.rows[1].extra[0], "512");
  expect_row(&scan, 2, "2010-05-08 12:05:30", "2010-05-08 12:06:14", "s3://b/d.fts", 1);
  expect_row(&scan, 3, "2010-05-08 12:05:30", "2010-05-08 12:06:14", "s3://b/e.fts", 2);
  expect_row(&scan, 4, "2010-05-08 12:05:30", "2010-05-08 12:06:14", "s3://b/f.fts", 3);
  expect_row(&scan, 5, "2010-05-13 00:00:00", "2010-05-13 00:04:00", "s3://b/a.fits", 100);
  expect_repairs(&scan, (const enum hdx_csv_repair[]){HDX_CSV_REPAIR_QUOTE}, 1 + 4 + 2 + 1 + 1);
  scan_close(&scan);
}

static void test_times_of_every_form(void **state) {
  (void)state;
  struct scan scan;
  scan_all(&scan, "1996-01-01T00:00.00Z,2023-05-04:00:00:00Z,k,1\n"
                  "1980-01-01,1980-02,k,1\n"
                  "2017-01-15Z,2017-032T23:00Z,k,1\n"
                  "2010-05-13T00:00:00Z,2010-05-13T24:00:00.000Z,k,1\n"
                  "2016-12-31T23:59:59Z,9999-12-31T00:00:00Z,k,1\n");
  expect_counts(&scan, 5, 0, 5);
  expect_row(&scan, 0, "1996-01-01 00:00:00", "2023-05-04 00:00:00", "k", 1);
  expect_row(&scan, 1, "1980-01-01 00:00:00", "1980-02-01 00:00:00", "k", 1);
  expect_row(&scan, 2, "2017-01-15 00:00:00", "2017-02-01 23:00:00", "k", 1);
  expect_row(&scan, 3, "2010-05-13 00:00:00", "2010-05-14 00:00:00", "k", 1);
  assert_int_equal(scan.rows[4].stop, HDX_TIME_MAX);
  const struct hdx_csv_result *result = hdx_csv_result(scan.csv);
  assert_int_equal(result->repairs[HDX_CSV_REPAIR_DOT], 1);
  assert_int_equal(result->repairs[HDX_CSV_REPAIR_SEPARATOR], 1);
  assert_int_equal(result->repairs[HDX_CSV_REPAIR_DATE], 3);
  assert_int_equal(result->repairs[HDX_CSV_REPAIR_HOUR], 1);
  assert_int_equal(result->repairs[HDX_CSV_REPAIR_LATE], 1);
  assert_int_equal(result->time_digits, 0);
  assert_true(result->unsorted);
  assert_int_equal(result->first, utc("1980-01-01 00:00:00"));
  assert_int_equal(result->last, utc("2017-01-15 00:00:00"));
  scan_close(&scan);
}

static void test_decimals_of_times(void **state) {
  (void)state;
  static const struct {
    const char *file;
    int digits;
  } cases[] = {
      {A B, 0},
      {"2010-05-13T00:00:00.000000000Z,2010-05-13T00:00:01.000Z,k,1\n", 0},
      {A "2010-05-13T00:04:00.000Z,2010-05-13T00:08:00.010Z,s3://b/b.fits,200\n", 3},
      {A "2010-05-13T00:04:00.5Z,2010-05-13T00:08:00Z,s3://b/b.fits,200\n", 3},
      {A "2010-05-13T00:04:00.000Z,2010-05-13T00:08:00.0001Z,s3://b/b.fits,200\n", 6},
      {A "2010-05-13T00:04:00.123456789Z,2010-05-13T00:08:00.010Z,s3://b/b.fits,200\n", 9},
      {A "2010-05-13T00:04:00.123456789Z,static,s3://b/b.fits,200\n", 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct scan scan;
    scan_all(&scan, cases[i].file);
    assert_int_equal(hdx_csv_result(scan.csv)->time_digits, cases[i].digits);
    scan_close(&scan);
  }
}

static void test_sizes_of_every_form(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t size;
    uint64_t decimals;
  } cases[] = {
      {"0", 0, 0},
      {"00012", 12, 0},
      {"'77'", 77, 0},
      {"12.75", 12, 1},
      {"12.", 12, 1},
      {"", -1, 0},
      {"\"\"", -1, 0},
      {"9223372036854775807", INT64_MAX, 0},
      {"1234567890123456", 1234567890123456, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct scan scan;
    char file[256];
    snprintf(file, sizeof file, A "2010-05-13T00:04:00.000Z,2010-05-13T00:08:00.000Z,s3://b/b,%s\n" B, cases[i].text);
    scan_all(&scan, file);
    expect_counts(&scan, 3, 0, 3);
    assert_int_equal(scan.rows[1].size, cases[i].size);
    assert_int_equal(hdx_csv_result(scan.csv)->repairs[HDX_CSV_REPAIR_DECIMALS], cases[i].decimals);
    scan_close(&scan);
  }
}

static void test_files_without_stop(void **state) {
  (void)state;
  static const char *const files[] = {
      "2010-05-13T00:00:00Z,s3://b/a.fits,1\n2010-05-13T00:04:00Z,s3://b/b.fits,\n",
      "# start, key, filesize\n2010-05-13T00:00:00Z,s3://b/a.fits,1\n2010-05-13T00:04:00Z,s3://b/b.fits,\n",
      "start,datakey,filesize\n2010-05-13T00:00:00Z,\"s3://b/a.fits\",1\n2010-05-13T00:04:00Z,s3://b/b.fits,''\n",
  };
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    struct scan scan;
    scan_all(&scan, files[i]);
    assert_true(hdx_csv_dialect(scan.csv)->no_stop);
    assert_int_equal(scan.count, 2);
    expect_row(&scan, 0, "2010-05-13 00:00:00", NULL, "s3://b/a.fits", 1);
    expect_row(&scan, 1, "2010-05-13 00:04:00", NULL, "s3://b/b.fits", -1);
    assert_int_equal(hdx_csv_result(scan.csv)->reversed, 0);
    scan_close(&scan);
  }
  struct scan scan;
  /* A header that lacks the stop settles what the key 2020 is; extra columns follow. */
  scan_all(&scan, "# start, key, filesize, checksum\n2010-05-13,2020,5,abc\n2010-05-14,2021,6,\n");
  expect_row(&scan, 0, "2010-05-13 00:00:00", NULL, "2020", 5);
  assert_int_equal(hdx_csv_dialect(scan.csv)->extra_count, 1);
  assert_string_equal(scan.rows[0].extra[0], "abc");
  scan_close(&scan);
}

/* A short first row must not turn stops into keys. */
static void test_a_bad_first_row_settles_nothing(void **state) {
  (void)state;
  struct scan scan;
  scan_all(&scan, "2010-05-13T00:00:00Z,2010-05-13T00:04:00Z,s3://b/k\n2010-05-13T00:00:00Z,static,s3://b/k,1\n" A B);
  expect_counts(&scan, 2, 2, 4);
  assert_false(hdx_csv_dialect(scan.csv)->no_stop);
  scan_close(&scan);
  /* Prose is neither header nor rows, but for its first line. */
  scan_all(&scan, "Dear Sir, the archive, so they say, is closed\nsincerely, as ever, yours\nbest, again, yours\n");
  expect_counts(&scan, 0, 2, 3);
  scan_close(&scan);
}

static void test_rows_without_time(void **state) {
  (void)state;
  static const struct {
    const char *file;
    size_t rows;
    bool no_stop;
  } cases[] = {
      {"static,static,s3://b/k,7\n", 1, false},
      {"# start, stop, datakey, filesize\n'Static','STATIC','s3://b/k','7'\n", 1, false},
      {"start,stop,datakey,filesize\nstatic,,s3://b/k,7\nstatic,\"\",s3://b/l,\n", 2, false},
      {"static,s3://b/k,7\nstatic,s3://b/l,8\n", 2, true},
      {"# start, key, filesize\nstatic,s3://b/k,7\n", 1, true},
      {"#static,static,s3://b/remark,7\n static , static ,s3://b/k,7\n" A B, 3, false},
      {"1677-09-21T00:12:43.145224195Z,2010-05-13T00:04:00.000Z,k,1\n", 1, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct scan scan;
    bool first = i == sizeof cases / sizeof *cases - 1;
    scan_all(&scan, cases[i].file);
    assert_int_equal(scan.count, cases[i].rows);
    assert_int_equal(hdx_csv_result(scan.csv)->bad_rows, 0);
    assert_int_equal(hdx_csv_dialect(scan.csv)->no_stop, cases[i].no_stop);
    assert_true(scan.rows[0].start == HDX_TIME_STATIC + first);
    assert_true(first || scan.rows[0].stop == HDX_TIME_MAX);
    assert_string_equal(scan.rows[0].key, first ? "k" : "s3://b/k");
    assert_int_equal(scan.rows[0].size, first ? 1 : 7);
    assert_int_equal(hdx_csv_result(scan.csv)->time_digits, first ? 9 : 0);
    scan_close(&scan);
  }
}

static void test_extra_columns(void **state) {
  (void)state;
  struct scan scan;
  scan_all(&scan, "# start, stop, datakey, filesize, 'wave length', , crln\n"
                  "2010-05-13T00:00:00Z,2010-05-13T00:04:00Z,s3://b/a.fits,1,195, x ,'30,5'\n"
                  "2010-05-13T00:00:00Z,2010-05-13T00:04:00Z,s3://b/a.fits,1,195\n"
                  "2010-05-13T00:00:00Z,2010-05-13T00:04:00Z,s3://b/a.fits,1,a,b,c\r\n"
                  "2010-05-13T00:00:00Z,2010-05-13T00:04:00Z,s3://b/a.fits,1,a,b,c,d\n"
                  "2010-05-13T00:00:00Z,2010-05-13T00:04:00Z,s3://b/a.fits,1,a,b,c,,\n");
  const struct hdx_csv_dialect *dialect = hdx_csv_dialect(scan.csv);
  assert_int_equal(dialect->extra_count, 3);
  assert_true(hdx_text_is(dialect->extra_names[0], "wave length"));
  assert_true(hdx_text_is(dialect->extra_names[1], "checksum_algorithm"));
  assert_true(hdx_text_is(dialect->extra_names[2], "crln"));
  expect_counts(&scan, 4, 1, 6);
  assert_string_equal(scan.rows[0].extra[0], "195");
  assert_string_equal(scan.rows[0].extra[1], "x");
  assert_string_equal(scan.rows[0].extra[2], "30,5");
  assert_string_equal(scan.rows[1].extra[2], "");
  assert_string_equal(scan.rows[2].extra[2], "c");
  assert_string_equal(sample(&scan, 0)->reason, "expected at most 7 columns, found 8");
  scan_close(&scan);

  scan_all(&scan, "2010-05-13T00:00:00Z,2010-05-13T00:04:00Z,s3://b/a.fits,1,abc,SHA1,z\n");
  dialect = hdx_csv_dialect(scan.csv);
  assert_int_equal(dialect->extra_count, 3);
  assert_true(hdx_text_is(dialect->extra_names[0], "checksum"));
  assert_true(hdx_text_is(dialect->extra_names[1], "checksum_algorithm"));
  assert_true(hdx_text_is(dialect->extra_names[2], "column7"));
  scan_close(&scan);

  /* Rows wider than their header, as the specification's example for modellers has it. */
  scan_all(&scan, "# created, (ignore), model key, resolution\n'2024-09-01','2024-09-28','s3://b/k','246000', 512\n");
  expect_counts(&scan, 1, 0, 2);
  assert_int_equal(hdx_csv_dialect(scan.csv)->extra_count, 1);
  assert_string_equal(scan.rows[0].extra[0], "512");
  scan_close(&scan);

  /* But not by what is empty. */
  scan_all(&scan, "# start,stop,datakey,filesize,x\n2010-05-13T00:00:00Z,2010-05-13T00:04:00Z,s3://b/a.fits,1,y,,\n");
  expect_counts(&scan, 1, 0, 2);
  assert_int_equal(hdx_csv_dialect(scan.csv)->extra_count, 1);
  assert_string_equal(scan.rows[0].extra[0], "y");
  scan_close(&scan);
}

static void test_too_many_columns_are_refused(void **state) {
  (void)state;
  for (size_t extras = HDX_CSV_EXTRA_MAX; extras <= HDX_CSV_EXTRA_MAX + 40; extras += 40) {
    struct hdx_buffer file;
    hdx_buffer_init(&file, 1 << 20);
    hdx_buffer_append_format(&file, "# start,stop,datakey,filesize");
    for (size_t i = 0; i < extras; i++)
      hdx_buffer_append_format(&file, ",c%zu", i);
    hdx_buffer_append_format(&file, "\n" A);
    struct scan scan;
    scan_open(&scan);
    scan_feed(&scan, hdx_buffer_text(&file));
    assert_int_equal(scan.status, extras <= HDX_CSV_EXTRA_MAX ? HDX_OK : HDX_LIMIT);
    if (scan.status != HDX_OK)
      assert_string_equal(scan.error.message, "line 1: expected a header of at most 254 columns, found more");
    scan_close(&scan);
    hdx_buffer_deinit(&file);
  }
}

/* Without a stop column a row with as many fields has one extra column more. */
static void test_too_many_columns_without_stop(void **state) {
  (void)state;
  for (size_t extras = HDX_CSV_EXTRA_MAX; extras <= HDX_CSV_EXTRA_MAX + 2; extras++)
    for (int empty = 0; empty < 2; empty++) {
      struct hdx_buffer file;
      struct scan scan;
      hdx_buffer_init(&file, 1 << 20);
      hdx_buffer_append_format(&file, "2010-05-13T00:00:00Z,s3://b/k,1");
      for (size_t i = 0; i < extras; i++)
        hdx_buffer_append_format(&file, empty && i >= HDX_CSV_EXTRA_MAX ? "," : ",x");
      hdx_buffer_append_format(&file, "\n2010-05-13T00:00:00Z,s3://b/l,2,y\n");
      scan_open(&scan);
      scan_feed(&scan, hdx_buffer_text(&file));
      assert_int_equal(scan.status, HDX_OK);
      /* Surplus fields make a bad row unless they are empty, the first row as any; beyond 254 fields none is read. */
      bool good = extras == HDX_CSV_EXTRA_MAX || (empty && extras == HDX_CSV_EXTRA_MAX + 1);
      expect_counts(&scan, good ? 2 : 1, good ? 0 : 1, 2);
      assert_int_equal(hdx_csv_dialect(scan.csv)->extra_count, good ? HDX_CSV_EXTRA_MAX : 1);
      if (extras == HDX_CSV_EXTRA_MAX + 1 && !good)
        assert_string_equal(sample(&scan, 0)->reason, "expected at most 253 columns, found 254");
      scan_close(&scan);
      hdx_buffer_deinit(&file);
    }
}

static void test_foreign_files_are_named(void **state) {
  (void)state;
  static const struct {
    struct hdx_text begin;
    const char *name;
  } cases[] = {
      {HDX_TEXT("PK\x03\x04rest"), "a zip file"},
      {HDX_TEXT("PAR1\x15\x04"),
       "a parquet file, which cannot be read: ask its publisher for csv or csv-zip, or convert it in a copy"},
      {HDX_TEXT("\x1f\x8b\x08"), "a gzip file"},
      {HDX_TEXT("\x28\xb5\x2f\xfd"), "a zstd file"},
      {HDX_TEXT("\n <!DOCTYPE html><p>"), "an HTML page"},
      {HDX_TEXT("\xef\xbb\xbf<HTML>"), "an HTML page"},
      {HDX_TEXT("<?xml version='1.0'?><Error/>"), "an XML document"},
      {HDX_TEXT("<Error>"), "an XML or HTML document"},
      {HDX_TEXT("{\"message\": \"Forbidden\"}"), "a JSON document"},
      {HDX_TEXT("\x7f"
                "ELF\x02\x01\x01\0\0\0\0\0\0\0\0\0"),
       "binary bytes"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int tail = 0; tail < 2; tail++) {
      struct hdx_buffer file;
      char message[256];
      struct scan scan;
      hdx_buffer_init(&file, 4096);
      hdx_buffer_append_text(&file, cases[i].begin);
      if (tail)
        hdx_buffer_append_format(&file, "\n" A B);
      scan_open(&scan);
      /* Byte by byte: what it is may not depend on the cut. */
      for (size_t at = 0; at < file.size && scan.status == HDX_OK; at++)
        scan.status = hdx_csv_feed(scan.csv, file.data + at, 1, &scan.error);
      if (scan.status == HDX_OK)
        scan.status = hdx_csv_finish(scan.csv, &scan.error);
      snprintf(message, sizeof message, "expected an index file (CSV), found %s", cases[i].name);
      assert_int_equal(scan.status, HDX_INTEGRITY);
      assert_string_equal(scan.error.message, message);
      assert_int_equal(scan.count, 0);
      assert_int_equal(hdx_csv_feed(scan.csv, A, 1, &scan.error), HDX_INTEGRITY);
      scan_close(&scan);
      hdx_buffer_deinit(&file);
    }
}

static void test_empty_files(void **state) {
  (void)state;
  static const char *const files[] = {"", "\n", "\r\n\r\n", "# start, stop, datakey, filesize\n", "\xef\xbb\xbf"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    struct scan scan;
    scan_all(&scan, files[i]);
    assert_int_equal(scan.count, 0);
    assert_int_equal(hdx_csv_result(scan.csv)->bad_rows, 0);
    assert_int_equal(hdx_csv_result(scan.csv)->first, HDX_TIME_NONE);
    assert_int_equal(hdx_csv_result(scan.csv)->last, HDX_TIME_NONE);
    scan_close(&scan);
  }
}

static void add_rows(struct hdx_buffer *file, size_t count) {
  for (size_t i = 0; i < count; i++)
    hdx_buffer_append_format(file, "2010-05-13T%02zu:%02zu:00Z,2010-05-14T00:00:00Z,'s3://b/''%zu''.fits',%zu\n",
                             i / 60 % 24, i % 60, i, i);
}

/* Undoubled quotes lie in the scanner: they stay whole over batches, and files beyond the scratch's size. */
static void test_batches_and_reset(void **state) {
  (void)state;
  struct hdx_buffer file;
  struct scan scan;
  hdx_buffer_init(&file, 1 << 20);
  add_rows(&file, 2500);
  scan_open(&scan);
  for (int round = 0; round < 2; round++) {
    scan.count = scan.batches = 0;
    scan_feed(&scan, hdx_buffer_text(&file));
    assert_int_equal(scan.status, HDX_OK);
    assert_int_equal(scan.batches, 3);
    expect_counts(&scan, 2500, 0, 2500);
    for (size_t i = 0; i < 2500; i++) {
      char key[64];
      snprintf(key, sizeof key, "s3://b/'%zu'.fits", i);
      assert_string_equal(scan.rows[i].key, key);
      assert_int_equal(scan.rows[i].size, i);
    }
    hdx_csv_reset(scan.csv);
  }
  hdx_buffer_deinit(&file);
  scan_close(&scan);
}

/* What the specification below 0.5 has, in every dress. */
static void test_files_without_stop_in_every_dress(void **state) {
  static const struct {
    const char *file;
    size_t extras;
  } cases[] = {
      {"2010-05-13T00:00:00Z,s3://b/a.fits,1,\n", 1},
      {"2010-05-13T00:00:00Z,s3://b/a.fits,1,abc,SHA1\n", 2},
      {"# start, key, filesize\n2010-05-13T00:00:00Z,s3://b/a.fits,1\n", 0},
      {"start,file,bytes,note\r\n\"2010-05-13T00:00:00Z\",\"s3://b/a.fits\",\"1\",\"x\"\r\n", 1},
      {"\xef\xbb\xbf#start,datakey,filesize,a,b\n'2010-05-13T00:00:00Z','s3://b/a.fits','1','x','y'", 2},
      {"2010-05-13T00:00:00.000Z, 's3://b/a.fits', 1.0", 0},
      {"'2010-05-13:00:00:00Z,'s3://b/a.fits','1'\n", 0},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct scan scan;
    scan_all(&scan, cases[i].file);
    assert_true(hdx_csv_dialect(scan.csv)->no_stop);
    assert_int_equal(hdx_csv_dialect(scan.csv)->extra_count, cases[i].extras);
    assert_int_equal(scan.count, 1);
    expect_row(&scan, 0, "2010-05-13 00:00:00", NULL, "s3://b/a.fits", 1);
    scan_close(&scan);
  }
}

/* Bytes of keys mean nothing but themselves, quoted or not. */
static void test_keys_of_any_bytes(void **state) {
  static const char *const keys[] = {"s3://b/100%25.cdf",
                                     "s3://b/a+b c.cdf",
                                     "s3://b/\xc3\xa9t\xc3\xa9/\xe2\x98\x80.cdf",
                                     "s3://b/%20 %2B+",
                                     "s3://b/#=?&;:@!$()*~|\\",
                                     "s3://b/\xff\xfe.cdf",
                                     "k"};
  static const char *const quotes[] = {"", "\"", "'"};
  (void)state;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    for (size_t j = 0; j < 3; j++) {
      struct scan scan;
      char file[512];
      const char *q = quotes[j];
      snprintf(file, sizeof file, A "2010-05-13T00:04:00.000Z,2010-05-13T00:08:00.000Z,%s%s%s,1\n" B, q, keys[i], q);
      scan_all(&scan, file);
      expect_counts(&scan, 3, 0, 3);
      assert_string_equal(scan.rows[1].key, keys[i]);
      expect_repairs(&scan, NULL, 0);
      scan_close(&scan);
    }
}

struct long_keys {
  size_t count;
  bool refuses; /* more */
};

/* Key i is an apostrophe and 3000 times the i-th letter. */
static enum hdx_status check_long_keys(void *user, const struct hdx_csv_batch *batch, struct hdx_error *error) {
  struct long_keys *keys = user;
  (void)error;
  for (size_t i = 0; i < batch->count; i++, keys->count++) {
    assert_int_equal(batch->key[i].size, 3001);
    assert_int_equal(batch->key[i].data[0], '\'');
    for (size_t j = 1; j < batch->key[i].size; j++)
      if (batch->key[i].data[j] != (char)('a' + keys->count % 26))
        fail_msg("key %zu is damaged at byte %zu", keys->count, j);
  }
  return keys->refuses ? HDX_INTERRUPTED : HDX_OK;
}

static void add_long_keys(struct hdx_buffer *file, int count) {
  for (int i = 0; i < count; i++) {
    hdx_buffer_append_format(file, "2010-05-13T00:00:00Z,2010-05-14T00:00:00Z,'''");
    memset(hdx_buffer_reserve(file, 3000), 'a' + i % 26, 3000);
    file->size += 3000;
    hdx_buffer_append_format(file, "',1\n");
  }
}

/* A batch of undoubled keys that is larger than the room for them is handed out in parts. */
static void test_many_long_undoubled_keys(void **state) {
  (void)state;
  enum { COUNT = 1000 };
  struct long_keys keys = {0};
  struct hdx_csv_options options = {.kernel = hdx_cpu_level(), .rows = check_long_keys, .user = &keys};
  struct hdx_buffer file;
  struct hdx_csv *csv;
  hdx_buffer_init(&file, 8 << 20);
  add_long_keys(&file, COUNT);
  assert_int_equal(hdx_csv_open(&options, &csv, NULL), HDX_OK);
  assert_int_equal(hdx_csv_feed(csv, file.data, file.size, NULL), HDX_OK);
  assert_int_equal(hdx_csv_finish(csv, NULL), HDX_OK);
  assert_int_equal(keys.count, COUNT);
  hdx_csv_close(csv);
  hdx_buffer_deinit(&file);
}

static void test_the_consumer_ends_the_scan(void **state) {
  (void)state;
  struct hdx_buffer file;
  struct scan scan;
  hdx_buffer_init(&file, 1 << 20);
  add_rows(&file, 2500);
  const enum hdx_cpu_level kernels[] = {HDX_CPU_SCALAR, hdx_cpu_level()};
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
    scan_open_by(&scan, kernels[i]);
    scan.stop_after = 1;
    scan_feed(&scan, hdx_buffer_text(&file));
    assert_int_equal(scan.status, HDX_INTERRUPTED);
    assert_string_equal(scan.error.message, "the consumer had enough");
    assert_int_equal(scan.batches, 1);
    assert_int_equal(hdx_csv_finish(scan.csv, &scan.error), HDX_INTERRUPTED);
    assert_int_equal(scan.batches, 1);
    scan_close(&scan);
  }
  hdx_buffer_deinit(&file);
}

/* Where a batch is handed out early, for its undoubled keys find no more room. */
static void test_the_consumer_ends_a_scan_of_long_keys(void **state) {
  (void)state;
  struct long_keys keys = {.refuses = true};
  struct hdx_csv_options options = {.kernel = hdx_cpu_level(), .rows = check_long_keys, .user = &keys};
  struct hdx_buffer file;
  struct hdx_csv *csv;
  hdx_buffer_init(&file, 8 << 20);
  add_long_keys(&file, 1000);
  assert_int_equal(hdx_csv_open(&options, &csv, NULL), HDX_OK);
  assert_int_equal(hdx_csv_feed(csv, file.data, file.size, NULL), HDX_INTERRUPTED);
  assert_in_range(keys.count, 1, 999);
  hdx_csv_close(csv);
  hdx_buffer_deinit(&file);
}

static void test_rows_are_counted_without_a_consumer(void **state) {
  (void)state;
  struct hdx_csv_options options = {.kernel = hdx_cpu_level()};
  struct hdx_csv *csv;
  assert_int_equal(hdx_csv_open(&options, &csv, NULL), HDX_OK);
  assert_int_equal(hdx_csv_feed(csv, A B, sizeof(A B) - 1, NULL), HDX_OK);
  assert_int_equal(hdx_csv_finish(csv, NULL), HDX_OK);
  assert_int_equal(hdx_csv_result(csv)->rows, 2);
  hdx_csv_close(csv);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_headers_in_every_form),
      cmocka_unit_test(test_dialect_is_told),
      cmocka_unit_test(test_files_without_stop_in_every_dress),
      cmocka_unit_test(test_keys_of_any_bytes),
      cmocka_unit_test(test_quotes),
      cmocka_unit_test(test_quotes_are_mended_within_their_line),
      cmocka_unit_test(test_times_of_every_form),
      cmocka_unit_test(test_decimals_of_times),
      cmocka_unit_test(test_sizes_of_every_form),
      cmocka_unit_test(test_files_without_stop),
      cmocka_unit_test(test_a_bad_first_row_settles_nothing),
      cmocka_unit_test(test_rows_without_time),
      cmocka_unit_test(test_extra_columns),
      cmocka_unit_test(test_too_many_columns_are_refused),
      cmocka_unit_test(test_too_many_columns_without_stop),
      cmocka_unit_test(test_foreign_files_are_named),
      cmocka_unit_test(test_empty_files),
      cmocka_unit_test(test_batches_and_reset),
      cmocka_unit_test(test_many_long_undoubled_keys),
      cmocka_unit_test(test_the_consumer_ends_the_scan),
      cmocka_unit_test(test_the_consumer_ends_a_scan_of_long_keys),
      cmocka_unit_test(test_rows_are_counted_without_a_consumer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
