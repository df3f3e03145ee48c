/* Blocks on their own: as many rows as there may be, selections of them, years mixed, many columns, and encoders and
 * blocks that are used for one after the other. */
#include "model.h"
#include "snapshot/block.h"

enum { ROWS = HDX_BLOCK_ROWS_MAX, COLUMNS_MAX = HDX_COLUMNS_MAX };

#define SECOND INT64_C(1000000000)

static uint64_t seed = 41;
static struct hdx_zstd *zstd;
static struct hdx_block_encoder *encoder;

/* Rows whose arrays are made by hand: columns may share theirs, as no writer would have them. */
static struct hdx_rows rows;
static int64_t start[ROWS], stop[ROWS], size[ROWS];
static int16_t year[ROWS];
static struct hdx_text key[ROWS], short_texts[ROWS], *extra[COLUMNS_MAX];
static uint32_t extra_id[COLUMNS_MAX];
static struct hdx_arena arena;

static struct hdx_text text(const char *format, ...) __attribute__((format(printf, 1, 2)));

static struct hdx_text text(const char *format, ...) {
  char out[256];
  va_list args;
  va_start(args, format);
  int length = vsnprintf(out, sizeof out, format, args);
  va_end(args);
  return hdx_arena_copy(&arena, (struct hdx_text){out, (size_t)length});
}

static void fill(size_t count, bool stops) {
  int64_t time = INT64_C(1262304000) * SECOND;
  hdx_arena_clear(&arena);
  for (size_t i = 0; i < count; i++) {
    time += (int64_t)model_below(&seed, 3) * 4 * SECOND;
    start[i] = time;
    stop[i] = !stops || model_below(&seed, 50) == 0 ? HDX_TIME_NONE : time + (int64_t)model_below(&seed, 9) * SECOND;
    size[i] = model_below(&seed, 99) ? 2880 * (int64_t)model_below(&seed, 50) : -1;
    year[i] = (int16_t)(2010 + model_below(&seed, 3));
    key[i] =
        text("s3://b/f%s_%06zu_%llu.fits", i % 900 > 800 ? "x" : "", i, (unsigned long long)model_below(&seed, 50));
    short_texts[i] = text("%d", (int)model_below(&seed, 1000));
  }
  rows = (struct hdx_rows){.count = count,
                           .capacity = count,
                           .start = start,
                           .stop = stop,
                           .size = size,
                           .year = year,
                           .key = key,
                           .extra = extra,
                           .extra_id = extra_id};
}

static void add_column(struct hdx_text *texts, uint32_t id) {
  extra[rows.extra_count] = texts;
  extra_id[rows.extra_count++] = id;
}

/* ---- comparing ---- */

static void expect_rows(struct hdx_block *block, size_t from, const uint32_t *wanted, size_t count) {
  struct hdx_error error = {0};
  if (hdx_block_select(block, zstd, wanted, count, HDX_WANT_ALL, &error) != HDX_OK)
    fail_msg("%s", error.message);
  assert_int_equal(block->selected, count);
  assert_int_equal(block->extra_count, rows.extra_count);
  for (size_t i = 0; i < count; i++) {
    size_t row = from + wanted[i];
    assert_int_equal(block->size[i], size[row]);
    assert_true(hdx_text_equal(block->key[i], key[row]));
    for (size_t c = 0; c < rows.extra_count; c++)
      assert_true(hdx_text_equal(block->extra[c][i], extra[c][row]));
  }
}

/* Encodes rows [from, to), opens them from memory of their own, and compares all, and selections. */
static void roundtrip(struct hdx_block *block, struct hdx_book *book, struct hdx_block_habit *habit, size_t from,
                      size_t to, bool mixed) {
  static uint32_t wanted[ROWS];
  struct hdx_error error = {0};
  struct hdx_zone zone;
  struct hdx_buffer *out = hdx_block_encoder_out(encoder);
  if (hdx_block_encode(encoder, book, habit, &rows, from, to, mixed, out, &zone, &error) != HDX_OK)
    fail_msg("%s", error.message);
  char *exact = malloc(zone.length);
  memcpy(exact, out->data, zone.length);
  if (hdx_block_open(block, book, zstd, exact, &zone, &error) != HDX_OK)
    fail_msg("%s", error.message);
  size_t count = to - from;
  assert_int_equal(block->count, count);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(block->start[i], start[from + i]);
    assert_int_equal(block->stop[i], stop[from + i]);
    assert_int_equal(mixed ? block->year[i] : zone.year, mixed ? year[from + i] : year[from]);
  }
  for (int round = 0; round < 5; round++) {
    size_t n = 0, first = round < 2 ? 0 : model_below(&seed, count);
    for (size_t i = first; i < count; i++)
      if (round == 0 || model_below(&seed, round == 1 ? 2 : 500) == 0 || i == first)
        wanted[n++] = (uint32_t)i;
    expect_rows(block, from, wanted, n);
  }
  expect_rows(block, from, wanted, 0);
  free(exact);
}

/* ---- tests ---- */

static void the_largest_blocks_come_back(void **state) {
  (void)state;
  for (int stops = 0; stops < 2; stops++) {
    struct hdx_book book;
    struct hdx_block_habit habit = {.next = NULL};
    struct hdx_block block;
    hdx_book_init(&book);
    hdx_block_init(&block);
    fill(ROWS, stops);
    add_column(short_texts, 249);
    assert_int_equal(hdx_block_fit(&rows, 0, rows.count), ROWS);
    roundtrip(&block, &book, &habit, 0, ROWS, stops);
    hdx_block_deinit(&block);
    hdx_block_habit_deinit(&habit);
    hdx_book_deinit(&book);
  }
}

/* One encoder, habit, book and block for blocks of any number of rows and columns. */
static void blocks_follow_on_one_another(void **state) {
  (void)state;
  struct hdx_book book;
  struct hdx_block_habit habit = {.next = NULL};
  struct hdx_block block;
  hdx_book_init(&book);
  hdx_block_init(&block);
  fill(12000, true);
  for (int round = 0; round < 120; round++) {
    size_t from = model_below(&seed, 12000), left = 12000 - from;
    size_t count = 1 + model_below(&seed, left < 3000 ? left : round % 4 ? 300 : 3000);
    rows.extra_count = 0;
    for (size_t c = model_below(&seed, 4); c > 0; c--)
      add_column(c % 2 ? short_texts : key, (uint32_t)(c * 60));
    roundtrip(&block, &book, &habit, from, from + count, round % 2);
  }
  hdx_block_deinit(&block);
  hdx_block_habit_deinit(&habit);
  hdx_book_deinit(&book);
}

/* Numbers that may be of any length, though they are short: what they could take at the most is far more than a block
 * may have, what they do take is not. */
static void short_numbers_take_no_room(void **state) {
  (void)state;
  enum { COLUMNS = 16 };
  struct hdx_book book;
  struct hdx_block_habit habit = {.next = NULL};
  struct hdx_block block;
  hdx_book_init(&book);
  hdx_block_init(&block);
  fill(ROWS, false);
  for (size_t i = 0; i < ROWS; i++)
    short_texts[i] = text("%zu-%zu-%zu-%zu-%zu-%zu-%zu-%zu-%zu-%zu-%zu-%zu-%zu-%zu-%zu", i % 10, i % 11, i % 12, i % 13,
                          i % 14, i % 15, i % 16, i % 17, i % 18, i % 19, i % 21, i % 22, i % 23, i % 24, i % 25);
  for (uint32_t c = 0; c < COLUMNS; c++)
    add_column(short_texts, c);
  assert_int_equal(hdx_block_fit(&rows, 0, rows.count), ROWS);
  roundtrip(&block, &book, &habit, 0, ROWS, false);
  hdx_block_deinit(&block);
  hdx_block_habit_deinit(&habit);
  hdx_book_deinit(&book);
}

/* Each column by itself may be taken for more than it is; beside long texts, and with as many columns as there may be,
 * all that is written has to be read all the same. */
static void many_columns_beside_long_texts(void **state) {
  (void)state;
  enum { COUNT = 8192, KEY_BYTES = 2000 };
  struct hdx_book book;
  struct hdx_block_habit habit = {.next = NULL};
  struct hdx_block block;
  hdx_book_init(&book);
  hdx_block_init(&block);
  fill(COUNT, false);
  for (size_t i = 0; i < COUNT; i++) {
    char *letters = hdx_arena_alloc(&arena, KEY_BYTES);
    assert_non_null(letters);
    for (size_t k = 0; k < KEY_BYTES; k++)
      letters[k] = (char)('a' + model_below(&seed, 26));
    key[i] = (struct hdx_text){letters, KEY_BYTES};
    short_texts[i] = text("%zu.%zu.%zu.%zu.%zu.%zu", i % 11, i % 19, i % 12, i % 13, i % 23, i % 17);
    start[i] = (int64_t)i * SECOND;
  }
  for (uint32_t c = 0; c < COLUMNS_MAX; c++)
    add_column(short_texts, c);
  assert_int_equal(hdx_block_fit(&rows, 0, rows.count), COUNT);
  roundtrip(&block, &book, &habit, 0, COUNT, false);
  hdx_block_deinit(&block);
  hdx_block_habit_deinit(&habit);
  hdx_book_deinit(&book);
}

static int setup(void **state) {
  (void)state;
  zstd = hdx_zstd_create();
  encoder = hdx_block_encoder_take();
  hdx_arena_init(&arena, SIZE_MAX);
  return zstd && encoder ? 0 : 1;
}

static int teardown(void **state) {
  (void)state;
  hdx_block_encoder_give(encoder);
  hdx_zstd_free(zstd);
  hdx_arena_deinit(&arena);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_largest_blocks_come_back),
      cmocka_unit_test(blocks_follow_on_one_another),
      cmocka_unit_test(short_numbers_take_no_room),
      cmocka_unit_test(many_columns_beside_long_texts),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
