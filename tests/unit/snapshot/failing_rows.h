/* Rows for snapshots that are written and read while calls fail: made beforehand, in order, with all that rows may
 * have; and what has to come of them, looked at while nothing fails. */
#ifndef HDX_TEST_SNAPSHOT_FAILING_ROWS_H
#define HDX_TEST_SNAPSHOT_FAILING_ROWS_H

#include "base/file.h"
#include "codec/hash.h"
#include "snapshot/snapshot.h"
#include "unit/failing.h"

#include <stdlib.h>
#include <unistd.h>

enum { FAILING_ROWS = 600, FAILING_YEARS = 3, FAILING_FIRST = 2000 };
#define FAILING_SECOND INT64_C(1000000000)

static struct {
  int64_t start[FAILING_ROWS], stop[FAILING_ROWS], size[FAILING_ROWS];
  struct hdx_text key[FAILING_ROWS], extra[FAILING_ROWS];
  char texts[FAILING_ROWS][2][48];
} failing_rows;

static const struct hdx_range failing_everything = {HDX_TIME_NONE, HDX_TIME_NONE, HDX_MATCH_OVERLAP, {-30000, 30000}};

static inline int failing_year_of(size_t i) {
  return FAILING_FIRST + (int)(i * FAILING_YEARS / FAILING_ROWS);
}

/* `some`: some rows have no stop. */
static inline void failing_rows_make(bool some) {
  for (size_t i = 0; i < FAILING_ROWS; i++) {
    char(*texts)[48] = failing_rows.texts[i];
    int64_t start = (int64_t)i * 60 * FAILING_SECOND;
    failing_rows.start[i] = start;
    failing_rows.stop[i] = some && i % 5 == 0 ? HDX_TIME_NONE : start + (int64_t)(20 + i % 3) * FAILING_SECOND;
    failing_rows.size[i] = i % 7 ? (int64_t)(i * 2880 % 9973) : -1;
    size_t key = (size_t)snprintf(texts[0], sizeof texts[0], i % 11 ? "b/f_%05zu_v%zu.cdf" : "%zu odd %zx", i,
                                  i % 11 ? i / 400 : i * UINT64_C(0x9e3779b97f4a7c15));
    size_t extra = (size_t)snprintf(texts[1], sizeof texts[1], "%zu", i * 7919 % 1000);
    failing_rows.key[i] = (struct hdx_text){texts[0], key};
    failing_rows.extra[i] = (struct hdx_text){texts[1], i % 4 ? extra : 0};
  }
}

/* Appends rows [from, to) to `rows`, with their extra column. */
static inline enum hdx_status failing_fill(struct hdx_writer *writer, struct hdx_rows *rows, size_t from, size_t to,
                                           struct hdx_error *error) {
  const struct hdx_text *extra[] = {failing_rows.extra};
  const struct hdx_csv_batch batch = {.count = FAILING_ROWS,
                                      .start = failing_rows.start,
                                      .stop = failing_rows.stop,
                                      .size = failing_rows.size,
                                      .key = failing_rows.key,
                                      .extra = extra};
  uint32_t id;
  size_t column;
  enum hdx_status status = hdx_writer_column(writer, HDX_TEXT("extra"), &id, error);
  if (status == HDX_OK)
    status = hdx_rows_column(rows, id, &column, error);
  return status == HDX_OK ? hdx_rows_append(rows, &batch, from, to, &column, 1, failing_year_of(from), error) : status;
}

/* Adds the rows of a year. */
static inline enum hdx_status failing_add(struct hdx_writer *writer, int year, struct hdx_error *error) {
  size_t from = (size_t)(year - FAILING_FIRST) * FAILING_ROWS / FAILING_YEARS, to = from + FAILING_ROWS / FAILING_YEARS;
  struct hdx_rows rows;
  hdx_rows_init(&rows, SIZE_MAX);
  /* With room for more than twice as many they are copied, not taken over. */
  enum hdx_status status = year % 2 ? HDX_OK : hdx_rows_reserve(&rows, FAILING_ROWS, error);
  if (status == HDX_OK)
    status = failing_fill(writer, &rows, from, to, error);
  if (status == HDX_OK)
    status = hdx_writer_add(writer, year, &rows, false, error);
  hdx_rows_deinit(&rows);
  return status;
}

static inline enum hdx_status failing_commit(struct hdx_writer *writer, struct hdx_error *error) {
  struct hdx_subject subject = {.source = HDX_TEXT("s3://bucket/"),
                                .id = HDX_TEXT("set"),
                                .index = HDX_TEXT("s3://bucket/set/"),
                                .indextype = HDX_TEXT("csv")};
  struct hdx_year years[FAILING_YEARS];
  for (int i = 0; i < FAILING_YEARS; i++)
    years[i] = (struct hdx_year){.year = FAILING_FIRST + i, .url = "s3://bucket/set/set_Y.csv", .etag = "\"e\""};
  return hdx_writer_commit(writer, &subject, years, FAILING_YEARS, 0, NULL, error);
}

/* Adds to the digest all that the cursor still has to say. */
static inline enum hdx_status failing_digest(struct hdx_cursor *cursor, const struct hdx_reader *reader,
                                             uint64_t *digest, struct hdx_error *error) {
  const struct hdx_snapshot_info *info = hdx_reader_info(reader);
  struct hdx_batch batch;
  enum hdx_status status;
  while ((status = hdx_cursor_next(cursor, &batch, error)) == HDX_OK && batch.count)
    for (size_t i = 0; i < batch.count; i++) {
      int64_t numbers[] = {batch.start[i], batch.stop[i], batch.size[i], (int64_t)*digest};
      *digest = hdx_hash_seeded(batch.key[i].data, batch.key[i].size, hdx_hash(numbers, sizeof numbers));
      for (size_t c = 0; c < batch.extra_count; c++)
        if (batch.extra[c][i].size)
          *digest = hdx_hash_seeded(batch.extra[c][i].data, batch.extra[c][i].size,
                                    *digest ^ hdx_hash(info->extra_names[c].data, info->extra_names[c].size));
    }
  return status;
}

/* Of a whole file. */
static inline uint64_t failing_digest_of(const char *file) {
  struct hdx_reader *reader;
  struct hdx_cursor *cursor;
  uint64_t digest = 0;
  assert_int_equal(hdx_reader_open(file, HDX_TEXT(""), &reader, NULL), HDX_OK);
  assert_int_equal(hdx_cursor_open(reader, &failing_everything, &cursor, NULL), HDX_OK);
  assert_int_equal(failing_digest(cursor, reader, &digest, NULL), HDX_OK);
  hdx_cursor_close(cursor);
  hdx_reader_close(reader);
  return digest;
}

/* Whether the next row of a batch is row i as it should be; the last one's stop is its start where it has none. */
static inline void failing_check_row(const struct hdx_batch *batch, size_t n, size_t i) {
  int64_t stop = failing_rows.stop[i];
  if (stop == HDX_TIME_NONE)
    stop = failing_rows.start[i + 1 < FAILING_ROWS ? i + 1 : i];
  assert_true(batch->start[n] == failing_rows.start[i] && batch->stop[n] == stop);
  assert_true(batch->size[n] == failing_rows.size[i] && hdx_text_equal(batch->key[n], failing_rows.key[i]));
  assert_int_equal(batch->extra_count, 1);
  assert_true(hdx_text_equal(batch->extra[0][n], failing_rows.extra[i]));
}

/* Asserts that the file has all rows, and that every part of it is sound. */
static inline void failing_check_file(const char *path) {
  struct hdx_reader *reader;
  struct hdx_cursor *cursor;
  struct hdx_batch batch;
  size_t i = 0;
  faults_pause();
  assert_int_equal(hdx_reader_open(path, HDX_TEXT("s3://bucket/"), &reader, NULL), HDX_OK);
  assert_int_equal(hdx_reader_verify(reader, NULL), HDX_OK);
  assert_int_equal(hdx_cursor_open(reader, &failing_everything, &cursor, NULL), HDX_OK);
  do {
    assert_int_equal(hdx_cursor_next(cursor, &batch, NULL), HDX_OK);
    for (size_t n = 0; n < batch.count; n++)
      failing_check_row(&batch, n, i++);
  } while (batch.count);
  assert_int_equal(i, FAILING_ROWS);
  hdx_cursor_close(cursor);
  hdx_reader_close(reader);
  faults_resume();
}

#endif
