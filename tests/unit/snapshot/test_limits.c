/* What is bounded however sound a snapshot is: blocks that are open at once, text that is in memory, and what a footer
 * may list. */
#include "folder.h"
#include "small.h"

/* AddressSanitizer would keep hundreds of megabytes of what was freed. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) {
  return "quarantine_size_mb=1";
}

static struct hdx_zstd *zstd;

static int setup(void **state) {
  zstd = hdx_zstd_create();
  return zstd ? folder_setup(state) : 1;
}

static int teardown(void **state) {
  hdx_zstd_free(zstd);
  return folder_teardown(state);
}

/* ---- blocks ---- */

/* One row so many times, each in a block of its own: all of them overlap. */
static void test_p4_blocks_that_overlap(void **state) {
  (void)state;
  enum { BLOCKS = 8193 };
  static struct hdx_zone zones[BLOCKS];
  static const struct hdx_range everything = {HDX_TIME_NONE, HDX_TIME_NONE, HDX_MATCH_OVERLAP, {-30000, 30000}};
  struct small small;
  struct hdx_error error;
  small_make(&small, SMALL_ONE, 1, 1, 1);
  size_t from = small.zones[0].offset, length = small.zones[0].length;
  for (size_t n = 0; n < BLOCKS; n++) {
    zones[n] = small.zones[0];
    zones[n].offset = from + n * length;
    if (n == 0)
      continue;
    char *to = hdx_buffer_reserve(&small.blocks, length);
    memcpy(to, small.blocks.data + from, length);
    small.blocks.size += length;
  }
  small.footer.zones = zones;
  small.footer.zone_count = BLOCKS;
  small_finish(&small, zstd);
  struct hdx_reader *reader;
  struct hdx_cursor *cursor;
  struct hdx_batch batch;
  assert_int_equal(hdx_reader_open_bytes(small.file.data, small.file.size, "x.hdx", HDX_TEXT(""), &reader, &error),
                   HDX_OK);
  assert_int_equal(hdx_cursor_open(reader, &everything, &cursor, &error), HDX_OK);
  assert_int_equal(hdx_cursor_next(cursor, &batch, &error), HDX_LIMIT);
  assert_string_equal(error.message, "x.hdx: more than 8192 blocks overlap in time");
  hdx_cursor_close(cursor);
  hdx_reader_close(reader);
  small_free(&small);
}

/* ---- text ---- */

/* The most rows that a block may have, and the longest text that a template is found for: what takes few bytes in the
 * file, and half of the text that a block may have. */
enum { LONG_ROWS = HDX_BLOCK_ROWS_MAX, LONG_BYTES = HDX_TEMPLATE_BYTES_MAX / 2 };

static char long_text[LONG_BYTES];

/* A block whose key, or extra column, or both, are long. */
static void make_long(struct hdx_book *book, bool key, bool extra, struct hdx_buffer *bytes, struct hdx_zone *zone) {
  static struct hdx_text keys[LONG_ROWS], extras[LONG_ROWS], *columns[] = {extras};
  static int64_t start[LONG_ROWS], size[LONG_ROWS];
  static int16_t year[LONG_ROWS];
  static uint32_t ids[] = {0};
  struct hdx_error error = {0};
  struct hdx_block_habit habit = {.next = NULL};
  memset(long_text, 't', sizeof long_text);
  for (size_t i = 0; i < LONG_ROWS; i++) {
    start[i] = (int64_t)i;
    keys[i] = (struct hdx_text){long_text, key ? LONG_BYTES : 1};
    extras[i] = (struct hdx_text){long_text, extra ? LONG_BYTES : 1};
  }
  const struct hdx_rows rows = {.count = LONG_ROWS,
                                .start = start,
                                .stop = start,
                                .size = size,
                                .key = keys,
                                .year = year,
                                .extra_count = 1,
                                .extra = columns,
                                .extra_id = ids};
  struct hdx_block_encoder *encoder = hdx_block_encoder_take();
  hdx_buffer_init(bytes, SIZE_MAX);
  if (hdx_block_encode(encoder, book, &habit, &rows, 0, LONG_ROWS, false, bytes, zone, &error) != HDX_OK)
    fail_msg("%s", error.message);
  hdx_block_encoder_give(encoder);
  hdx_block_habit_deinit(&habit);
}

/* Opens the block and decodes all of it. */
static enum hdx_status read_long(struct hdx_block *block, struct hdx_book *book, const struct hdx_buffer *bytes,
                                 const struct hdx_zone *zone, struct hdx_error *error) {
  static uint32_t rows[LONG_ROWS];
  for (uint32_t i = 0; i < LONG_ROWS; i++)
    rows[i] = i;
  enum hdx_status status = hdx_block_open(block, book, zstd, bytes->data, zone, error);
  if (status == HDX_OK)
    status = hdx_block_select(block, zstd, rows, LONG_ROWS, HDX_WANT_ALL, error);
  return status;
}

static bool is_long(struct hdx_text text) {
  return hdx_text_equal(text, (struct hdx_text){long_text, LONG_BYTES});
}

/* Memory is kept from block to block, but no more than one of them may need. */
static void test_p4_long_texts_of_block_after_block(void **state) {
  (void)state;
  struct hdx_book book;
  struct hdx_block block;
  struct hdx_error error;
  struct hdx_buffer bytes[2], both;
  struct hdx_zone zones[2], zone;
  hdx_book_init(&book);
  hdx_block_init(&block);
  for (int i = 0; i < 2; i++)
    make_long(&book, i == 0, i == 1, &bytes[i], &zones[i]);
  for (int round = 0; round < 3; round++) {
    assert_int_equal(read_long(&block, &book, &bytes[round % 2], &zones[round % 2], &error), HDX_OK);
    assert_true(is_long(round % 2 ? block.extra[0][LONG_ROWS - 1] : block.key[LONG_ROWS - 1]));
    assert_true(block.memory_bytes < 2 * (size_t)HDX_BLOCK_TEXT_BYTES_MAX);
    assert_int_equal(hdx_block_open(&block, &book, zstd, bytes[0].data, &zones[0], &error), HDX_OK);
    assert_true(block.memory_bytes <= HDX_BLOCK_TEXT_BYTES_MAX);
  }
  /* A single block that has more is none. */
  make_long(&book, true, true, &both, &zone);
  assert_int_equal(read_long(&block, &book, &both, &zone, &error), HDX_INTEGRITY);
  assert_string_equal(error.message, "extra column 0: more text than a block may have");
  for (int i = 0; i < 2; i++)
    hdx_buffer_deinit(&bytes[i]);
  hdx_buffer_deinit(&both);
  hdx_block_deinit(&block);
  hdx_book_deinit(&book);
}

/* ---- footers ---- */

static void expect_malformed(struct small *small, const char *message) {
  struct hdx_footer footer;
  struct hdx_error error = {.message = ""};
  small_finish(small, zstd);
  assert_int_equal(hdx_footer_decode(&footer, small->file.data, small->file.size, &error), HDX_INTEGRITY);
  assert_string_equal(error.message, message);
}

static void test_37_more_than_a_footer_may_list(void **state) {
  (void)state;
  static char names[HDX_COLUMNS_MAX + 1][8];
  static struct hdx_text columns[HDX_COLUMNS_MAX + 1], templates[HDX_BOOK_MAX + 1];
  static uint32_t ids[HDX_COLUMNS_MAX + 1];
  struct small small;
  struct hdx_footer footer;
  small_make(&small, SMALL_ONE, 1, 1, 1);
  for (uint32_t c = 0; c <= HDX_COLUMNS_MAX; c++) {
    ids[c] = c;
    columns[c] = (struct hdx_text){names[c], (size_t)snprintf(names[c], sizeof names[c], "%03u", c)};
  }
  small.footer.column_names = columns;
  small.footer.column_ids = ids;
  small.footer.column_count = HDX_COLUMNS_MAX;
  small_finish(&small, zstd);
  assert_int_equal(hdx_footer_decode(&footer, small.file.data, small.file.size, NULL), HDX_OK);
  assert_int_equal(footer.column_count, HDX_COLUMNS_MAX);
  hdx_footer_deinit(&footer);
  small.footer.column_count++;
  expect_malformed(&small, "its footer's section 2 is malformed");
  small.footer.column_count = 0;
  for (size_t t = 0; t <= HDX_BOOK_MAX; t++)
    templates[t] = HDX_TEXT("\0\0");
  small.footer.templates = templates;
  small.footer.template_count = HDX_BOOK_MAX + 1;
  expect_malformed(&small, "its footer's section 5 is malformed");
  small_free(&small);
}

/* ---- writers ---- */

static void test_years_are_described_once(void **state) {
  (void)state;
  struct hdx_writer *writer;
  struct hdx_error error;
  struct hdx_subject subject = model_subject();
  const struct hdx_year years[] = {{.year = 2001, .url = "u"}, {.year = 2000, .url = "u"}, {.year = 2001, .url = "u"}};
  assert_int_equal(hdx_writer_create(path, &writer, &error), HDX_OK);
  assert_int_equal(hdx_writer_commit(writer, &subject, years, 3, 0, NULL, &error), HDX_INTERNAL);
  assert_non_null(strstr(error.message, "year 2001 is described twice"));
  assert_int_equal(access(path, F_OK), -1);
}

int main(void) {
#ifdef __SANITIZE_THREAD__
  return 0; /* there is one thread alone, which takes a minute so */
#endif
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_p4_blocks_that_overlap),
      cmocka_unit_test(test_p4_long_texts_of_block_after_block),
      cmocka_unit_test(test_37_more_than_a_footer_may_list),
      cmocka_unit_test(test_years_are_described_once),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
