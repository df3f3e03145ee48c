/* layer: snapshot */
/* Index files of any bytes on their whole way: what a scan hands out as rows is what a snapshot of them holds and
 * answers, in its order, against an array that is sorted and looked through the plain way.
 *
 * The first byte's lowest bits say how a range is matched, and whether the second file comes with a later snapshot,
 * which keeps what the first one has; then the two files, a byte 0xff between them. */
#include "snapshot/snapshot.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS_MAX = 2000, EXTRAS_MAX = 12, YEAR = 2019 };

struct row {
  int64_t start, stop, size;
  int year;
  struct hdx_text key, extra[EXTRAS_MAX];
};

static struct row rows[ROWS_MAX], got[ROWS_MAX];
static size_t row_count;
static struct hdx_text names[EXTRAS_MAX];
static size_t name_count;
static struct hdx_arena texts;
static char path[] = "/dev/shm/hdx-fuzz-index-XXXXXX";

static void clean_up(void) {
  unlink(path);
}

/* ---- the plain way ---- */

static int64_t stop_of(const struct row *row) {
  return row->stop == HDX_TIME_NONE ? row->start : row->stop;
}

static int order(const void *a_, const void *b_) {
  const struct row *a = a_, *b = b_;
  if (a->start != b->start)
    return a->start < b->start ? -1 : 1;
  if (stop_of(a) != stop_of(b))
    return stop_of(a) < stop_of(b) ? -1 : 1;
  return hdx_text_compare(a->key, b->key);
}

/* Rows that are the same to the order are told apart by all that they have. */
static int total_order(const void *a_, const void *b_) {
  const struct row *a = a_, *b = b_;
  int by = order(a, b);
  if (by)
    return by;
  if (a->stop != b->stop)
    return a->stop < b->stop ? -1 : 1;
  if (a->size != b->size)
    return a->size < b->size ? -1 : 1;
  for (size_t c = 0; c < name_count; c++)
    if ((by = hdx_text_compare(a->extra[c], b->extra[c])))
      return by;
  return 0;
}

static bool matches(const struct row *row, const struct hdx_range *range) {
  if (range->match == HDX_MATCH_OVERLAP)
    return row->stop >= range->start && row->start < range->stop;
  return row->start >= range->start &&
         (range->match == HDX_MATCH_CONTAINED ? row->stop <= range->stop : row->start < range->stop);
}

/* ---- writing ---- */

struct scan {
  struct hdx_csv *csv;
  struct hdx_writer *writer;
  struct hdx_rows rows;
  size_t columns[HDX_CSV_EXTRA_MAX], name_of[HDX_CSV_EXTRA_MAX];
  int year;
  bool mapped, beyond; /* more than the arrays here take */
};

static size_t find_name(struct hdx_text name) {
  size_t i = 0;
  while (i < name_count && !hdx_text_equal(names[i], name))
    i++;
  if (i == name_count && name_count < EXTRAS_MAX)
    names[name_count++] = hdx_arena_copy(&texts, name);
  return i;
}

static void map_columns(struct scan *scan, const struct hdx_csv_dialect *dialect) {
  uint32_t id;
  for (size_t c = 0; c < dialect->extra_count && !scan->beyond; c++) {
    scan->name_of[c] = find_name(dialect->extra_names[c]);
    scan->beyond = scan->name_of[c] == EXTRAS_MAX;
    CHECK(hdx_writer_column(scan->writer, dialect->extra_names[c], &id, NULL) == HDX_OK);
    CHECK(hdx_rows_column(&scan->rows, id, &scan->columns[c], NULL) == HDX_OK);
  }
  scan->mapped = true;
}

static enum hdx_status on_rows(void *user, const struct hdx_csv_batch *batch, struct hdx_error *error) {
  struct scan *scan = user;
  const struct hdx_csv_dialect *dialect = hdx_csv_dialect(scan->csv);
  (void)error;
  if (!scan->mapped)
    map_columns(scan, dialect);
  scan->beyond |= row_count + batch->count > ROWS_MAX;
  for (size_t i = 0; i < batch->count && !scan->beyond; i++) {
    struct row *row = &rows[row_count++];
    *row = (struct row){batch->start[i], batch->stop[i], batch->size[i], scan->year, .key = HDX_TEXT("")};
    row->key = hdx_arena_copy(&texts, batch->key[i]);
    for (size_t c = 0; c < EXTRAS_MAX; c++)
      row->extra[c] = HDX_TEXT("");
    for (size_t c = 0; c < dialect->extra_count; c++)
      row->extra[scan->name_of[c]] = hdx_arena_copy(&texts, batch->extra[c][i]);
  }
  return hdx_rows_append(&scan->rows, batch, 0, batch->count, scan->columns, dialect->extra_count, scan->year, NULL);
}

/* False: it is no index file, or too large a one for the arrays here. */
static bool write_file(struct hdx_writer *writer, struct hdx_text file, int year) {
  struct scan scan = {.writer = writer, .year = year};
  const struct hdx_csv_options options = {.kernel = hdx_csv_kernel(hdx_cpu_level()), .rows = on_rows, .user = &scan};
  size_t before = row_count;
  hdx_rows_init(&scan.rows, SIZE_MAX);
  CHECK(hdx_csv_open(&options, &scan.csv, NULL) == HDX_OK);
  enum hdx_status status = hdx_csv_feed(scan.csv, file.data, file.size, NULL);
  if (status == HDX_OK)
    status = hdx_csv_finish(scan.csv, NULL);
  CHECK(status == HDX_OK || status == HDX_INTEGRITY || status == HDX_LIMIT);
  bool good = status == HDX_OK && !scan.beyond;
  if (good)
    CHECK(row_count - before == hdx_csv_result(scan.csv)->rows);
  else
    row_count = before;
  if (good)
    CHECK(hdx_writer_add(writer, year, &scan.rows, false, NULL) == HDX_OK);
  hdx_csv_close(scan.csv);
  hdx_rows_deinit(&scan.rows);
  return good;
}

static void commit(struct hdx_writer *writer, int years) {
  const struct hdx_subject subject = {.source = HDX_TEXT("s3://bucket/"),
                                      .id = HDX_TEXT("set"),
                                      .index = HDX_TEXT("s3://bucket/set/"),
                                      .indextype = HDX_TEXT("csv"),
                                      .catalog_start = 5,
                                      .catalog_stop = HDX_TIME_NONE,
                                      .multiyear = true};
  struct hdx_year list[2];
  for (int i = 0; i < 2; i++)
    list[i] = (struct hdx_year){.year = YEAR + i,
                                .state = HDX_YEAR_PRESENT,
                                .url = "",
                                .etag = "",
                                .last_modified = "",
                                .reason = "",
                                .form = ""};
  CHECK(hdx_writer_commit(writer, &subject, list, (size_t)years, 9, NULL, NULL) == HDX_OK);
}

/* ---- reading ---- */

static void take_batch(const struct hdx_batch *batch, const struct hdx_snapshot_info *info, size_t *count) {
  for (size_t i = 0; i < batch->count; i++) {
    CHECK(*count < row_count);
    struct row *row = &got[(*count)++];
    *row = (struct row){batch->start[i], batch->stop[i], batch->size[i], .key = batch->key[i]};
    row->key = hdx_arena_copy(&texts, batch->key[i]);
    for (size_t c = 0; c < EXTRAS_MAX; c++)
      row->extra[c] = HDX_TEXT("");
    for (size_t c = 0; c < info->extra_count; c++) {
      size_t name = find_name(info->extra_names[c]);
      CHECK(name < name_count);
      row->extra[name] = hdx_arena_copy(&texts, batch->extra[c][i]);
    }
    CHECK(*count == 1 || order(row - 1, row) <= 0);
  }
}

/* The rows that a cursor gives, into `got`. */
static size_t read_rows(struct hdx_cursor *cursor, const struct hdx_snapshot_info *info) {
  struct hdx_batch batch;
  size_t count = 0;
  do {
    CHECK(hdx_cursor_next(cursor, &batch, NULL) == HDX_OK);
    take_batch(&batch, info, &count);
  } while (batch.count);
  return count;
}

static void check_rows(size_t count, const struct hdx_range *range) {
  size_t at = 0;
  qsort(got, count, sizeof *got, total_order);
  for (size_t i = 0; i < row_count; i++)
    if (!range || matches(&rows[i], range))
      CHECK(at < count && total_order(&rows[i], &got[at++]) == 0);
  CHECK(at == count);
}

static void check_snapshot(enum hdx_match match) {
  struct hdx_reader *reader;
  struct hdx_cursor *cursor;
  struct hdx_range range = {HDX_TIME_NONE, HDX_TIME_NONE, HDX_MATCH_OVERLAP, {-32768, 32767}};
  CHECK(hdx_reader_open(path, HDX_TEXT("s3://bucket/"), &reader, NULL) == HDX_OK);
  const struct hdx_snapshot_info *info = hdx_reader_info(reader);
  CHECK(info->rows == row_count && hdx_reader_verify(reader, NULL) == HDX_OK);
  CHECK(hdx_cursor_open(reader, &range, &cursor, NULL) == HDX_OK);
  hdx_cursor_as_filed(cursor);
  qsort(rows, row_count, sizeof *rows, total_order);
  check_rows(read_rows(cursor, info), NULL);
  bool all_stop = row_count > 0;
  for (size_t i = 0; i < row_count; i++)
    all_stop &= rows[i].stop != HDX_TIME_NONE;
  if (all_stop) { /* what is made up depends on the order of rows that are the same to it */
    range = (struct hdx_range){rows[row_count / 3].start, rows[row_count * 2 / 3].stop, match, {-32768, 32767}};
    hdx_cursor_range(cursor, &range);
    check_rows(read_rows(cursor, info), &range);
  }
  hdx_cursor_close(cursor);
  hdx_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hdx_writer *writer;
  struct hdx_reader *reader;
  static bool made;
  if (!made) {
    close(mkstemp(path));
    CHECK(atexit(clean_up) == 0);
    made = true;
  }
  if (size < 1)
    return 0;
  const uint8_t *end = memchr(data + 1, 0xff, size - 1);
  struct hdx_text text = {(const char *)data + 1, size - 1};
  struct hdx_text first = hdx_text_sub(text, 0, end ? (size_t)(end - data) - 1 : text.size);
  struct hdx_text second = hdx_text_sub(text, end ? first.size + 1 : text.size, text.size);
  bool later = data[0] & 4;
  row_count = name_count = 0;
  hdx_arena_init(&texts, SIZE_MAX);
  CHECK(hdx_writer_create(path, &writer, NULL) == HDX_OK);
  if (!write_file(writer, first, YEAR)) {
    hdx_writer_abandon(writer);
  } else if (!later) {
    if (!write_file(writer, second, YEAR + 1))
      hdx_writer_drop_year(writer, YEAR + 1);
    commit(writer, 2);
    check_snapshot(data[0] % 3);
  } else {
    commit(writer, 1);
    CHECK(hdx_writer_create(path, &writer, NULL) == HDX_OK);
    CHECK(hdx_reader_open(path, HDX_TEXT(""), &reader, NULL) == HDX_OK);
    CHECK(hdx_writer_keep_year(writer, reader, YEAR, NULL) == HDX_OK);
    if (!write_file(writer, second, YEAR + 1))
      hdx_writer_drop_year(writer, YEAR + 1);
    commit(writer, 2);
    hdx_reader_close(reader);
    check_snapshot(data[0] % 3);
  }
  hdx_arena_deinit(&texts);
  return 0;
}
