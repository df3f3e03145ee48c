/* The rows of one index file, copied, with what was told of it. */
#ifndef HDX_TESTS_CSV_FILE_H
#define HDX_TESTS_CSV_FILE_H

#include "base/buffer.h"
#include "base/error.h"
#include "parse/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

enum { ROWS_MAX = 5000, TEXT_MAX = 200 };

struct row {
  int64_t start, stop, size;
  uint64_t line;
  char key[TEXT_MAX], extra[3][TEXT_MAX];
};

/* The rows of a file, copied, and the scanner for its dialect and counts. */
struct scan {
  struct hdx_csv *csv;
  struct row *rows;
  size_t count, batches, stop_after, told; /* bad rows told of */
  enum hdx_status status;
  struct hdx_error error;
};

static inline void copy(char to[TEXT_MAX], struct hdx_text text) {
  assert_true(text.size < TEXT_MAX);
  memcpy(to, text.data, text.size);
  to[text.size] = 0;
}

static inline enum hdx_status take(void *user, const struct hdx_csv_batch *batch, struct hdx_error *error) {
  struct scan *scan = user;
  assert_in_range(batch->count, 1, HDX_CSV_BATCH_ROWS);
  assert_true(scan->count + batch->count <= ROWS_MAX);
  for (size_t i = 0; i < batch->count; i++) {
    struct row *row = &scan->rows[scan->count++];
    row->start = batch->start[i];
    row->stop = batch->stop[i];
    row->size = batch->size[i];
    row->line = batch->line[i];
    copy(row->key, batch->key[i]);
    for (size_t j = 0; j < 3 && j < hdx_csv_dialect(scan->csv)->extra_count; j++)
      copy(row->extra[j], batch->extra[j][i]);
  }
  scan->batches++;
  if (scan->stop_after && scan->batches == scan->stop_after)
    return hdx_error_set(error, HDX_INTERRUPTED, "the consumer had enough");
  return HDX_OK;
}

static inline void tell(void *user, const struct hdx_csv_bad_row *bad) {
  struct scan *scan = user;
  if (scan->told < HDX_CSV_SAMPLE_MAX)
    assert_memory_equal(bad, &hdx_csv_result(scan->csv)->samples[scan->told], sizeof *bad);
  scan->told++;
}

static inline void scan_open_by(struct scan *scan, enum hdx_cpu_level kernel) {
  *scan = (struct scan){.rows = calloc(ROWS_MAX, sizeof(struct row))};
  assert_non_null(scan->rows);
  struct hdx_csv_options options = {.kernel = kernel, .rows = take, .bad = tell, .user = scan, .lines = true};
  assert_int_equal(hdx_csv_open(&options, &scan->csv, &scan->error), HDX_OK);
}

static inline void scan_open(struct scan *scan) {
  scan_open_by(scan, hdx_cpu_level());
}

static inline void scan_feed(struct scan *scan, struct hdx_text text) {
  scan->status = hdx_csv_feed(scan->csv, text.data, text.size, &scan->error);
  if (scan->status == HDX_OK)
    scan->status = hdx_csv_finish(scan->csv, &scan->error);
}

static inline void scan_all(struct scan *scan, const char *file) {
  scan_open(scan);
  scan_feed(scan, hdx_text_of(file));
  assert_int_equal(scan->status, HDX_OK);
}

static inline void scan_close(struct scan *scan) {
  hdx_csv_close(scan->csv);
  free(scan->rows);
}

/* Independent of the calendar under test. */
static inline int64_t utc(const char *text) {
  struct tm tm = {0};
  assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
  return (int64_t)timegm(&tm) * 1000000000;
}

static inline void expect_row(const struct scan *scan, size_t i, const char *start, const char *stop, const char *key,
                              int64_t size) {
  assert_true(i < scan->count);
  assert_int_equal(scan->rows[i].start, utc(start));
  assert_int_equal(scan->rows[i].stop, stop ? utc(stop) : HDX_TIME_NONE);
  assert_string_equal(scan->rows[i].key, key);
  assert_int_equal(scan->rows[i].size, size);
}

static inline void expect_counts(const struct scan *scan, uint64_t rows, uint64_t bad_rows, uint64_t lines) {
  const struct hdx_csv_result *result = hdx_csv_result(scan->csv);
  assert_int_equal(result->rows, rows);
  assert_int_equal(scan->count, rows);
  assert_int_equal(result->bad_rows, bad_rows);
  assert_int_equal(scan->told, bad_rows);
  assert_int_equal(result->lines, lines);
}

/* Only the repair of this kind (NULL: none at all), so many times. */
static inline void expect_repairs(const struct scan *scan, const enum hdx_csv_repair *kind, uint64_t count) {
  for (int i = 0; i < HDX_CSV_REPAIR_COUNT; i++)
    assert_int_equal(hdx_csv_result(scan->csv)->repairs[i], kind && i == (int)*kind ? count : 0);
}

static inline const struct hdx_csv_bad_row *sample(const struct scan *scan, size_t i) {
  assert_true(i < hdx_csv_result(scan->csv)->sample_count);
  return &hdx_csv_result(scan->csv)->samples[i];
}

#define A "2010-05-13T00:00:00.000Z,2010-05-13T00:04:00.000Z,s3://b/a.fits,100\n"
#define B "2010-05-13T00:04:00.000Z,2010-05-13T00:08:00.000Z,s3://b/b.fits,200\n"

#endif
