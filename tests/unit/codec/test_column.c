/* Columns of texts: whatever the texts are and whatever was written before, all of them come back, and any selection of
 * them the same; what is no column is refused. */
#include "codec/column.h"

#include "base/error.h"
#include "calendar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROWS_MAX = 20000 };

static uint64_t seed = 23;
static struct hdx_zstd *zstd;
static struct hdx_ints_encoder ints;
static struct hdx_column_encoder encoder;
static struct hdx_text texts[ROWS_MAX];
static char *memory[ROWS_MAX];
static int64_t start[ROWS_MAX], stop[ROWS_MAX];

static uint64_t below(uint64_t n) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return (seed >> 8) % n;
}

/* Each text in memory of its own, so that a sanitizer sees every byte too many. */
static void set_text(size_t i, const char *data, size_t size) {
  free(memory[i]);
  memory[i] = malloc(size ? size : 1);
  memcpy(memory[i], data, size);
  texts[i] = (struct hdx_text){memory[i], size};
}

/* ---- kinds of texts ---- */

enum kind {
  NAMES,    /* one template */
  VERSIONS, /* several, and runs of them */
  FAMILIES, /* by turns, with numbers of their own */
  STOPS,    /* names that say the stop, of rows that may have none */
  COUNTERS, /* digits of varying width */
  ODD_ONES, /* names, and now and then another text */
  CONSTANT,
  EMPTY,
  RANDOM, /* any bytes, zeros too */
  UNICODE,
  DIGITS, /* digits only, of any length */
  LONG,
  MANY, /* more families than there may be templates */
  KINDS
};

static size_t text_of(enum kind kind, size_t i, char *out) {
  static const char *const heads[] = {"ac_h0_mfi", "wi_h1", "x", "\xc3\xa4\xe2\x82\xac"};
  char date[32] = "", end[32] = "";
  calendar_letters(date, "YmdHMS", 6, start[i]);
  if (stop[i] != HDX_TIME_NONE)
    calendar_letters(end, "YmdHMS", 6, stop[i]);
  switch (kind) {
  case NAMES:
    return (size_t)sprintf(out, "s3://b/sdo/%.4s/%.8s/aia_%.8sT%.6s_0094.fits", date, date, date, date + 8);
  case VERSIONS:
    return (size_t)sprintf(out, "ac_h0_%.8s_v%02d.cdf", date, (int)(i / 300 % 7 + (below(30) == 0)));
  case FAMILIES:
    return (size_t)sprintf(out, "%s_%.8s_%d.cdf", heads[i % 4], date, (int)below(900));
  case STOPS:
    return (size_t)sprintf(out, "r_%s_%s.nc", date, end);
  case COUNTERS:
    return (size_t)sprintf(out, "%d/%03d/%llu", (int)i, (int)below(2000), (unsigned long long)below(UINT64_MAX >> 9));
  case ODD_ONES:
    return below(40) ? (size_t)sprintf(out, "f_%.14s.txt", date) : (size_t)sprintf(out, "odd %d", (int)below(99));
  case CONSTANT:
    return (size_t)sprintf(out, "MD5 of nothing 42");
  case EMPTY:
    return 0;
  case RANDOM: {
    size_t size = below(50);
    for (size_t b = 0; b < size; b++)
      out[b] = (char)below(256);
    return size;
  }
  case UNICODE:
    return (size_t)sprintf(out, "%s\xf0\x9f\x8c\x9e%s%d", heads[below(4)], heads[3], (int)below(5));
  case DIGITS: {
    size_t size = below(26);
    for (size_t b = 0; b < size; b++)
      out[b] = (char)('0' + below(10));
    return size;
  }
  case LONG: {
    size_t size = 1500 + below(2000);
    memset(out, 'l', size);
    memcpy(out, date, 14);
    return size;
  }
  default:
    return (size_t)sprintf(out, "%c%c_%.8s", (int)('a' + i % 20), (int)('a' + i / 20 % 9), date);
  }
}

static void fill(size_t count, enum kind kind) {
  static char text[8192];
  int64_t time = calendar_day(1958 + (int)below(80), 1, 1), step = (int64_t)(1 + below(9000)) * SECOND;
  for (size_t i = 0; i < count; i++) {
    start[i] = time;
    stop[i] = kind == STOPS && below(3) == 0 ? HDX_TIME_NONE : time + (int64_t)below(1000) * SECOND;
    time += below(9) ? step : step * 20;
    set_text(i, text, text_of(kind, i, text));
  }
}

/* ---- there and back ---- */

struct written {
  uint32_t ids[HDX_COLUMN_TEMPLATES_MAX];
  size_t id_count, size;
  uint8_t *bytes; /* of their own */
};

static struct written encode(struct hdx_book *book, struct hdx_column_habit *habit, size_t count, bool stops) {
  struct written written = {.size = 0};
  struct hdx_buffer out;
  struct hdx_error error = {0};
  hdx_buffer_init(&out, SIZE_MAX);
  if (hdx_column_encode(&encoder, book, habit, texts, start, stops ? stop : NULL, count, written.ids, &written.id_count,
                        &out, &error) != HDX_OK)
    fail_msg("%s", error.message);
  written.size = out.size;
  written.bytes = malloc(out.size);
  memcpy(written.bytes, out.data, out.size);
  hdx_buffer_deinit(&out);
  return written;
}

/* Reads the rows in memory that is just as large as hdx_column_size says. */
static void expect_rows(struct hdx_column *column, const uint32_t *rows, size_t count) {
  struct hdx_error error = {0};
  struct hdx_text *got = malloc((count + 1) * sizeof *got);
  size_t bytes;
  if (hdx_column_size(column, rows, count, &bytes, &error) != HDX_OK)
    fail_msg("%s", error.message);
  char *out = malloc(bytes);
  if (hdx_column_read(column, start, stop, rows, count, got, out, &error) != HDX_OK)
    fail_msg("%s", error.message);
  for (size_t i = 0; i < count; i++)
    if (!hdx_text_equal(got[i], texts[rows[i]]))
      fail_msg("row %u: \"%.*s\", not \"%.*s\"", rows[i], HDX_TEXT_ARG(got[i]), HDX_TEXT_ARG(texts[rows[i]]));
  free(out);
  free(got);
}

/* Opens what was written and compares all rows, and selections of them: runs, thin ones, single rows, none. */
static void expect(struct hdx_column *column, struct hdx_book *book, const struct written *written, size_t count) {
  struct hdx_error error = {0};
  uint32_t *rows = malloc(count * sizeof *rows);
  if (hdx_column_open(column, zstd, book, written->ids, written->id_count, written->bytes, written->size, count,
                      &error) != HDX_OK)
    fail_msg("%s", error.message);
  for (int round = 0; round < 8; round++) {
    size_t n = 0, from = round == 0 ? 0 : below(count), to = round < 3 ? count : from + below(count - from) + 1;
    for (size_t i = from; i < to; i++)
      if (round < 2 || below(round % 2 ? 3 : 300) == 0)
        rows[n++] = (uint32_t)i;
    expect_rows(column, rows, n);
  }
  free(rows);
}

static void every_kind_comes_back(void **state) {
  (void)state;
  static const size_t counts[] = {1, 2, 3, 255, 256, 257, 2000, 8192, ROWS_MAX};
  struct hdx_column column;
  hdx_column_init(&column);
  for (int kind = 0; kind < KINDS; kind++)
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
      struct hdx_book book;
      struct hdx_column_habit habit = {.count = 0};
      if (kind == LONG && counts[c] > 2000)
        continue;
      hdx_book_init(&book);
      for (int round = 0; round < 2; round++) { /* the second time by habit */
        fill(counts[c], (enum kind)kind);
        struct written written = encode(&book, &habit, counts[c], kind == STOPS || round);
        expect(&column, &book, &written, counts[c]);
        free(written.bytes);
      }
      hdx_book_deinit(&book);
    }
  hdx_column_deinit(&column);
}

/* One book and one habit for columns of all kinds, in any order; all of them are read at the end. */
static void books_are_shared(void **state) {
  (void)state;
  enum { COLUMNS = 60 };
  struct hdx_book book;
  struct hdx_column_habit habits[3] = {{.count = 0}};
  struct hdx_column column;
  hdx_book_init(&book);
  hdx_column_init(&column);
  uint64_t before[COLUMNS];
  struct written written[COLUMNS];
  size_t counts[COLUMNS];
  enum kind kinds[COLUMNS];
  for (int c = 0; c < COLUMNS; c++) {
    before[c] = seed;
    kinds[c] = (enum kind)below(LONG);
    counts[c] = 1 + below(c % 5 ? 400 : 3000);
    fill(counts[c], kinds[c]);
    written[c] = encode(&book, &habits[below(3)], counts[c], true);
  }
  for (int c = COLUMNS - 1; c >= 0; c--) {
    uint64_t now = seed;
    seed = before[c];
    below(LONG), below(c % 5 ? 400 : 3000);
    fill(counts[c], kinds[c]);
    seed = now;
    expect(&column, &book, &written[c], counts[c]);
    free(written[c].bytes);
  }
  hdx_column_deinit(&column);
  hdx_book_deinit(&book);
}

static void the_longest_texts_come_back(void **state) {
  (void)state;
  struct hdx_book book;
  struct hdx_column_habit habit = {.count = 0};
  struct hdx_column column;
  struct hdx_buffer out;
  struct hdx_error error;
  static char large[HDX_TEXT_BYTES_MAX + 1];
  hdx_book_init(&book);
  hdx_column_init(&column);
  hdx_buffer_init(&out, SIZE_MAX);
  fill(5, NAMES);
  memset(large, '7', sizeof large);
  set_text(1, large, HDX_TEXT_BYTES_MAX);
  set_text(3, large, HDX_TEXT_BYTES_MAX - 1);
  texts[4] = (struct hdx_text){NULL, 0}; /* nothing, at no address */
  struct written written = encode(&book, &habit, 5, true);
  expect(&column, &book, &written, 5);
  set_text(2, large, HDX_TEXT_BYTES_MAX + 1);
  assert_int_equal(
      hdx_column_encode(&encoder, &book, &habit, texts, start, stop, 5, written.ids, &written.id_count, &out, &error),
      HDX_LIMIT);
  for (size_t i = 0; i < 300; i++)
    texts[i] = (struct hdx_text){large, HDX_TEXT_BYTES_MAX};
  assert_int_equal(
      hdx_column_encode(&encoder, &book, &habit, texts, start, stop, 300, written.ids, &written.id_count, &out, &error),
      HDX_LIMIT);
  free(written.bytes);
  hdx_buffer_deinit(&out);
  hdx_column_deinit(&column);
  hdx_book_deinit(&book);
}

static void templated_names_are_tiny(void **state) {
  (void)state;
  static const struct {
    enum kind kind;
    size_t bytes;
  } sizes[] = {{NAMES, 1}, {CONSTANT, 1}, {EMPTY, 1}, {VERSIONS, 1500}, {FAMILIES, 8192 * 10 / 8 + 1000}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    struct hdx_book book;
    struct hdx_column_habit habit = {.count = 0};
    hdx_book_init(&book);
    fill(8192, sizes[i].kind);
    struct written written = encode(&book, &habit, 8192, true);
    if (written.size > sizes[i].bytes)
      fail_msg("kind %d: %zu bytes", sizes[i].kind, written.size);
    free(written.bytes);
    hdx_book_deinit(&book);
  }
}

/* A book that is full takes no more templates: what has none goes to the heap. */
static void a_full_book_is_no_failure(void **state) {
  (void)state;
  struct hdx_book book;
  struct hdx_error error = {0};
  struct hdx_column_habit habit = {.count = 0};
  struct hdx_column column;
  uint32_t id;
  hdx_book_init(&book);
  hdx_column_init(&column);
  for (int i = 0; i < HDX_BOOK_MAX; i++)
    assert_int_equal(hdx_book_append(&book, HDX_TEXT("\x00\x01\x03"), &error), HDX_OK);
  assert_int_equal(hdx_book_add(&book, HDX_TEXT("\x00\x01\x04"), &id, &error), HDX_LIMIT);
  assert_int_equal(hdx_book_add(&book, (struct hdx_text){"\x00\x01\x03", 3}, &id, &error), HDX_OK);
  assert_null(hdx_book_at(&book, HDX_BOOK_MAX));
  fill(600, FAMILIES);
  struct written written = encode(&book, &habit, 600, true);
  assert_int_equal(written.id_count, 0);
  expect(&column, &book, &written, 600);
  free(written.bytes);
  hdx_column_deinit(&column);
  hdx_book_deinit(&book);
}

/* A block's column has so many templates at the most: the texts of other families go to the heap. */
static void families_beyond_the_limit_go_to_the_heap(void **state) {
  (void)state;
  enum { FAMILIES_MADE = 60, WRITTEN = 48, COUNT = 6000 };
  struct hdx_book book;
  struct hdx_column_habit habit = {.count = 0};
  struct hdx_column column;
  char text[64];
  hdx_book_init(&book);
  hdx_column_init(&column);
  fill(COUNT, EMPTY);
  for (size_t i = 0; i < COUNT; i++) { /* runs of each, so that they are found */
    size_t family = i / 10 % FAMILIES_MADE;
    char date[32] = "";
    calendar_letters(date, "Ymd", 3, start[i]);
    set_text(i, text, (size_t)sprintf(text, "%c%c_%s.cdf", (int)('a' + family % 20), (int)('a' + family / 20), date));
  }
  struct written written = encode(&book, &habit, COUNT, true);
  assert_int_equal(written.id_count, WRITTEN);
  expect(&column, &book, &written, COUNT);
  assert_true(column.has_heap);
  free(written.bytes);
  hdx_column_deinit(&column);
  hdx_book_deinit(&book);
}

/* More numbers than are written keep no other text from its template. */
static void wide_texts_do_not_stop_the_search(void **state) {
  (void)state;
  enum { COUNT = 800 };
  struct hdx_book book;
  struct hdx_column_habit habit = {.count = 0};
  struct hdx_column column;
  static char made[COUNT][128];
  hdx_book_init(&book);
  hdx_column_init(&column);
  fill(COUNT, FAMILIES);
  for (size_t i = 0; i < COUNT; i++) {
    size_t size = 0;
    for (int n = 0; i % 16 == 0 && n < 18; n++)
      size += (size_t)snprintf(made[i] + size, sizeof made[i] - size, "%zu-", (i * 7919 + (size_t)n * 104729) % 99991);
    if (i % 16)
      size = (size_t)snprintf(made[i], sizeof made[i], "plain/%zu.cdf", i * 31 % 1009);
    texts[i] = (struct hdx_text){made[i], size};
  }
  struct written written = encode(&book, &habit, COUNT, true);
  assert_int_equal(written.id_count, 1);
  expect(&column, &book, &written, COUNT);
  free(written.bytes);
  hdx_column_deinit(&column);
  hdx_book_deinit(&book);
}

/* ---- no columns ---- */

static enum hdx_status open_bytes(struct hdx_book *book, const char *bytes, size_t size, const uint32_t *ids,
                                  size_t id_count, size_t count) {
  struct hdx_column column;
  struct hdx_error error = {0};
  char *exact = malloc(size ? size : 1);
  memcpy(exact, bytes, size);
  hdx_column_init(&column);
  enum hdx_status status = hdx_column_open(&column, zstd, book, ids, id_count, exact, size, count, &error);
  if (status != HDX_OK && strlen(error.message) < 8)
    fail_msg("\"%s\" says too little", error.message);
  hdx_column_deinit(&column);
  free(exact);
  return status;
}

static void malformed_columns_are_refused(void **state) {
  (void)state;
  struct hdx_book book;
  struct hdx_error error;
  uint32_t one[HDX_COLUMN_TEMPLATES_MAX + 1] = {0}, two[] = {0, 1}, wrong[] = {0, 2};
  hdx_book_init(&book);
  assert_int_equal(hdx_book_append(&book, (struct hdx_text){"\x00\x01\x00\x01x", 5}, &error), HDX_OK);
  assert_int_equal(hdx_book_append(&book, (struct hdx_text){"\x00\x01\x03", 3}, &error), HDX_OK);
#define OPEN(bytes, ids, id_count, count) open_bytes(&book, bytes, sizeof bytes - 1, ids, id_count, count)
  assert_int_equal(OPEN("\x00", one, 1, 3), HDX_OK);
  /* Rows of x, 5, x: kinds 0 1 0 as two bits … and the stream of the one number. */
  assert_int_equal(OPEN("\x00\x05\x02\x01\x00\x01\x01\x02\x00\x0a", two, 2, 3), HDX_OK);
  assert_int_equal(OPEN("", one, 1, 3), HDX_INTEGRITY);                                           /* nothing */
  assert_int_equal(OPEN("\x02", one, 1, 3), HDX_INTEGRITY);                                       /* heap of 2 */
  assert_int_equal(OPEN("\x00", one, 0, 3), HDX_INTEGRITY);                                       /* of nothing */
  assert_int_equal(OPEN("\x00\x00", one, 1, 3), HDX_INTEGRITY);                                   /* a byte more */
  assert_int_equal(OPEN("\x00", one, 1, 0), HDX_INTEGRITY);                                       /* no rows */
  assert_int_equal(OPEN("\x00", one, 1, HDX_INTS_MAX + 1), HDX_INTEGRITY);                        /* too many */
  assert_int_equal(OPEN("\x00", one, HDX_COLUMN_TEMPLATES_MAX + 1, 3), HDX_INTEGRITY);            /* templates */
  assert_int_equal(OPEN("\x00\x05\x02\x01\x00\x01\x01\x02\x00\x0a", wrong, 2, 3), HDX_INTEGRITY); /* not there */
  assert_int_equal(OPEN("\x00\x05\x02\x01\x00\x01\x02\x18\x00\x0a", two, 2, 3), HDX_INTEGRITY);   /* kind of 2 */
  assert_int_equal(OPEN("\x00\x02\x02\x00\x01\x00\x0a", two, 2, 3), HDX_INTEGRITY);               /* kind of -1 */
  assert_int_equal(OPEN("\x00\x02\x02\x00\x00\x00\x0a", two, 2, 3), HDX_INTEGRITY);               /* the 2nd unused */
  assert_int_equal(OPEN("\x00\x02\x00\x00", one, 2, 3), HDX_INTEGRITY);                           /* the same */
  assert_int_equal(OPEN("\x00\x7f\x02\x01\x00\x01\x01\x02\x00\x0a", two, 2, 3), HDX_INTEGRITY);   /* kinds too long */
  assert_int_equal(OPEN("\x00\x05\x03\x01\x00\x01\x01\x02\x00\x0a", two, 2, 3), HDX_INTEGRITY);   /* stream too long */
  assert_int_equal(OPEN("\x00\x05", two, 2, 3), HDX_INTEGRITY);                                   /* no sizes */
  assert_int_equal(OPEN("\x01", one, 0, 3), HDX_INTEGRITY);                                       /* no heap */
  assert_int_equal(OPEN("\x01\x00", one, 0, 3), HDX_OK); /* a heap of empty texts */
  hdx_book_deinit(&book);
}

/* Lengths of a heap are looked at when it is known which texts are wanted. */
static void a_text_beyond_the_limit_is_refused(void **state) {
  (void)state;
  static const char bytes[] = "\x01"             /* a heap */
                              "\x01\x30\x01\x00" /* lengths of four bytes, one byte of texts, as it is */
                              "\x01\x00\x00\x00"
                              "\x01\x00\x10\x00"
                              "x"; /* 1, and 1 MiB and one */
  static const uint32_t rows[] = {0, 1};
  struct hdx_book book;
  struct hdx_column column;
  struct hdx_error error;
  size_t size;
  hdx_book_init(&book);
  hdx_column_init(&column);
  assert_int_equal(hdx_column_open(&column, zstd, &book, NULL, 0, bytes, sizeof bytes - 1, 2, &error), HDX_OK);
  assert_int_equal(hdx_column_size(&column, rows, 2, &size, &error), HDX_INTEGRITY);
  assert_string_equal(error.message, "texts: a text beyond the limit");
  hdx_column_deinit(&column);
  hdx_book_deinit(&book);
}

/* Bytes of columns of all kinds changed or cut, and templates put in the place of others: a refusal, or some texts. */
static void damage_is_bounded(void **state) {
  (void)state;
  enum { COUNT = 350 };
  struct hdx_column column;
  static uint32_t rows[COUNT];
  static struct hdx_text got[COUNT];
  hdx_column_init(&column);
  for (uint32_t i = 0; i < COUNT; i++)
    rows[i] = i;
  for (int round = 0; round < 5000; round++) {
    struct hdx_book book;
    struct hdx_error error;
    struct hdx_column_habit habit = {.count = 0};
    size_t bytes;
    hdx_book_init(&book);
    fill(COUNT, (enum kind)(round % LONG));
    struct written w = encode(&book, &habit, COUNT, true);
    for (int change = 0; change < 10; change++) {
      size_t at = below(change % 2 || w.size < 16 ? w.size : 16), size = change % 5 ? w.size : at;
      uint8_t was = w.bytes[at];
      w.bytes[at] = (uint8_t)below(change % 3 ? 256 : 20);
      uint32_t id = change % 4 == 0 && w.id_count ? (uint32_t)below(book.count + 1) : w.id_count ? w.ids[0] : 0;
      w.ids[0] = id;
      size_t count = change % 6 ? COUNT : 1 + below(COUNT);
      enum hdx_status status = hdx_column_open(&column, zstd, &book, w.ids, w.id_count, w.bytes, size, count, &error);
      if (status == HDX_OK)
        status = hdx_column_size(&column, rows, count, &bytes, &error);
      char *out = status == HDX_OK ? malloc(bytes) : NULL;
      if (out)
        status = hdx_column_read(&column, start, stop, rows, count, got, out, &error);
      assert_true(status == HDX_OK || (status == HDX_INTEGRITY && error.status == HDX_INTEGRITY));
      free(out);
      w.bytes[at] = was;
    }
    free(w.bytes);
    hdx_book_deinit(&book);
  }
  hdx_column_deinit(&column);
}

static int setup(void **state) {
  (void)state;
  zstd = hdx_zstd_create();
  hdx_ints_encoder_init(&ints, zstd);
  hdx_column_encoder_init(&encoder, &ints);
  return zstd ? 0 : 1;
}

static int teardown(void **state) {
  (void)state;
  hdx_column_encoder_deinit(&encoder);
  hdx_ints_encoder_deinit(&ints);
  hdx_zstd_free(zstd);
  for (size_t i = 0; i < ROWS_MAX; i++)
    free(memory[i]);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_comes_back),
      cmocka_unit_test(books_are_shared),
      cmocka_unit_test(the_longest_texts_come_back),
      cmocka_unit_test(templated_names_are_tiny),
      cmocka_unit_test(a_full_book_is_no_failure),
      cmocka_unit_test(wide_texts_do_not_stop_the_search),
      cmocka_unit_test(families_beyond_the_limit_go_to_the_heap),
      cmocka_unit_test(a_text_beyond_the_limit_is_refused),
      cmocka_unit_test(malformed_columns_are_refused),
      cmocka_unit_test(damage_is_bounded),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
