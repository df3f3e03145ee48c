/* A snapshot whose block has rows in no order, with checksums that fit: a query of several datasets, which goes on
 * where it was, says so, and ends. */
#include "archive.h"
#include "base/buffer.h"
#include "snapshot/block.h"
#include "snapshot/reader.h"

enum { ROWS = 2000 };

static struct hdx_error error;

static void write_index(const char *name) {
  char path[64];
  snprintf(path, sizeof path, "i/%s_2019.csv", name);
  FILE *file = archive_create(path);
  for (unsigned i = 0; i < ROWS; i++)
    fprintf(file, "2019-01-01T%02u:%02u:%02uZ,2019-01-02,s3://b/%s/%u,1\n", i / 3600, i / 60 % 60, i % 60, name, i);
  assert_int_equal(fclose(file), 0);
}

static int set_up(void **state) {
  (void)state;
  archive_open(ARCHIVE_DATASET("one") "," ARCHIVE_DATASET("two"), 0);
  write_index("one");
  write_index("two");
  return 0;
}

/* Walks the answer of both; *rows of it came. */
static enum hdx_status walk(uint64_t *rows) {
  static const char *const ids[] = {"one", "two"};
  struct hdx_query *query;
  struct hdx_batch batch;
  enum hdx_status status = hdx_query_open_many(session, bucket, ids, 2, NULL, &query, &error);
  assert_int_equal(status, HDX_OK);
  for (*rows = 0; (status = hdx_query_next(query, &batch, &error)) == HDX_OK && batch.count; *rows += batch.count)
    assert_true(*rows <= 2 * ROWS);
  if (status != HDX_OK) /* nobody goes on behind it */
    assert_int_equal(hdx_query_next(query, &batch, &error), status);
  hdx_query_close(query);
  return status;
}

/* The rows of the only block, `a` and `b` of them in each other's place. */
static void read_swapped(const struct hdx_reader *reader, size_t a, size_t b, struct hdx_rows *rows) {
  const struct hdx_range all = {HDX_TIME_NONE, HDX_TIME_NONE, HDX_MATCH_OVERLAP, {0, 9999}};
  struct hdx_cursor *cursor;
  struct hdx_batch batch;
  assert_int_equal(hdx_cursor_open(reader, &all, &cursor, &error), HDX_OK);
  assert_int_equal(hdx_cursor_next(cursor, &batch, &error), HDX_OK);
  assert_int_equal(batch.count, ROWS);
  for (size_t i = 0; i < ROWS; i++) {
    size_t from = i == a ? b : i == b ? a : i;
    const struct hdx_csv_batch row = {.count = 1,
                                      .start = batch.start + from,
                                      .stop = batch.stop + from,
                                      .size = batch.size + from,
                                      .key = batch.key + from};
    assert_int_equal(hdx_rows_append(rows, &row, 0, 1, NULL, 0, 2019, &error), HDX_OK);
  }
  hdx_cursor_close(cursor);
}

/* Writes a snapshot anew with two of its rows in each other's place. */
static void swap_rows(const char *path, size_t a, size_t b) {
  struct hdx_block_encoder *encoder = hdx_block_encoder_take();
  struct hdx_block_habit habit = {.next = NULL};
  struct hdx_reader *reader;
  struct hdx_rows rows;
  struct hdx_book book;
  struct hdx_buffer out;
  struct hdx_zone zone;
  struct hdx_text templates[64];
  char header[HDX_HEADER_BYTES];
  hdx_rows_init(&rows, SIZE_MAX);
  hdx_book_init(&book);
  hdx_buffer_init(&out, SIZE_MAX);
  hdx_footer_header(header);
  hdx_buffer_append(&out, header, sizeof header);
  assert_int_equal(hdx_reader_open(path, HDX_TEXT(""), &reader, &error), HDX_OK);
  read_swapped(reader, a, b, &rows);
  assert_int_equal(hdx_block_encode(encoder, &book, &habit, &rows, 0, ROWS, true, &out, &zone, &error), HDX_OK);
  zone.offset = sizeof header;
  struct hdx_footer footer = reader->footer;
  assert_true(footer.zone_count == 1 && book.count <= 64);
  for (size_t t = 0; t < book.count; t++)
    templates[t] = book.templates[t]->bytes;
  footer.zones = &zone;
  footer.templates = templates;
  footer.template_count = book.count;
  assert_int_equal(hdx_footer_encode(&footer, out.size, hdx_block_encoder_zstd(encoder), &out, &error), HDX_OK);
  hdx_reader_close(reader);
  FILE *file = fopen(path, "w");
  assert_int_equal(fwrite(out.data, 1, out.size, file), out.size);
  assert_int_equal(fclose(file), 0);
  hdx_block_habit_deinit(&habit);
  hdx_block_encoder_give(encoder);
  hdx_buffer_deinit(&out);
  hdx_book_deinit(&book);
  hdx_rows_deinit(&rows);
}

static void test_37_rows_in_no_order(void **state) {
  (void)state;
  char path[600], line[400] = "";
  uint64_t rows;
  assert_int_equal(walk(&rows), HDX_OK);
  assert_int_equal(rows, 2 * ROWS);
  snprintf(path, sizeof path, "find %s -name one.hdx", store);
  FILE *found = popen(path, "r");
  assert_non_null(fgets(line, sizeof line, found));
  pclose(found);
  line[strcspn(line, "\n")] = 0;
  swap_rows(line, 1500, 300);
  assert_int_equal(walk(&rows), HDX_INTEGRITY);
  assert_non_null(strstr(error.message, "one.hdx: its rows are out of order"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_37_rows_in_no_order)};
  return cmocka_run_group_tests(tests, set_up, archive_close);
}
