/* Text columns: every kind comes back, whole and from any group on; damage is refused or bounded. */
#include "codec/texts.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROWS_MAX = 9000 };

static uint64_t seed = 5;
static struct hdx_zstd *zstd;
static struct hdx_text texts[ROWS_MAX];
static char *memory[ROWS_MAX];

static uint64_t random_below(uint64_t n) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed % n;
}

/* Each text in memory of its own, so that a sanitizer sees every byte too many. */
static void set_text(size_t i, const char *data, size_t size) {
  free(memory[i]);
  memory[i] = malloc(size ? size : 1);
  memcpy(memory[i], data, size);
  texts[i] = (struct hdx_text){memory[i], size};
}

enum kind { EMPTY, SAME, KEYS, SHORT, RANDOM, LENGTHS, LONG, NESTED, SPARSE, KINDS };

static void fill(size_t count, enum kind kind) {
  static char text[70000];
  for (size_t i = 0; i < count; i++) {
    size_t size = 0;
    switch (kind) {
    case EMPTY:
      break;
    case SAME:
      size = (size_t)sprintf(text, "always the same text");
      break;
    case KEYS:
      size = (size_t)sprintf(text, "s3://bucket/sdo/aia/%05zu/0094/sdo_aia_h2_%09zu_0094_v1.fits", i / 360, i * 240);
      break;
    case SHORT:
      size = (size_t)sprintf(text, "%llu", (unsigned long long)random_below(30));
      break;
    case RANDOM:
      size = random_below(40);
      for (size_t b = 0; b < size; b++)
        text[b] = (char)random_below(256);
      break;
    case LENGTHS:
      size = random_below(700);
      memset(text, "ab"[random_below(2)], size);
      break;
    case LONG:
      size = i % 97 ? 5 : 60000 + random_below(9000);
      memset(text, (int)('a' + i % 3), size);
      break;
    case NESTED:
      size = (size_t)sprintf(text, "%.*s", (int)(i % 20), "abababababababababab");
      break;
    default:
      size = random_below(10) ? 0 : (size_t)sprintf(text, "%016llx", (unsigned long long)random_below(UINT64_MAX));
    }
    set_text(i, text, size);
  }
}

/* Reads all texts, group by group, and compares. */
static void check(struct hdx_texts *column, size_t count) {
  struct hdx_error error;
  static struct hdx_text got[HDX_TEXTS_GROUP];
  for (size_t from = 0; from < count; from += HDX_TEXTS_GROUP) {
    size_t to = from + 1 + random_below(count - from < HDX_TEXTS_GROUP ? count - from : HDX_TEXTS_GROUP), bytes;
    assert_int_equal(hdx_texts_size(column, from, to, &bytes, &error), HDX_OK);
    char *room = malloc(bytes + HDX_TEXTS_SLACK);
    assert_int_equal(hdx_texts_read(column, from, to, got, room, &error), HDX_OK);
    for (size_t i = from; i < to; i++)
      assert_true(hdx_text_equal(got[i - from], texts[i]));
    free(room);
  }
}

static size_t roundtrip(struct hdx_texts_encoder *encoder, struct hdx_texts *column, size_t count) {
  struct hdx_buffer out;
  struct hdx_error error;
  hdx_buffer_init(&out, 1 << 28);
  assert_int_equal(hdx_texts_encode(encoder, texts, count, &out, &error), HDX_OK);
  char *exact = malloc(out.size);
  memcpy(exact, out.data, out.size);
  assert_int_equal(hdx_texts_open(column, zstd, exact, out.size, count, &error), HDX_OK);
  check(column, count);
  size_t size = out.size;
  free(exact);
  hdx_buffer_deinit(&out);
  return size;
}

static void every_kind_comes_back(void **state) {
  (void)state;
  static const size_t counts[] = {1, 2, 255, 256, 257, 600, ROWS_MAX};
  struct hdx_texts_encoder encoder;
  struct hdx_texts column;
  hdx_texts_encoder_init(&encoder, zstd);
  hdx_texts_init(&column);
  for (int kind = 0; kind < KINDS; kind++)
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
      fill(counts[c], (enum kind)kind);
      size_t size = roundtrip(&encoder, &column, counts[c]);
      if (kind == EMPTY)
        assert_int_equal(size, 1);
      if (kind == SAME)
        assert_true(size <= 21);
      if (kind == KEYS && counts[c] == ROWS_MAX)
        assert_true(size < ROWS_MAX * 2);
    }
  hdx_texts_encoder_deinit(&encoder);
  hdx_texts_deinit(&column);
}

static void what_is_too_long_is_refused(void **state) {
  (void)state;
  struct hdx_texts_encoder encoder;
  struct hdx_buffer out;
  struct hdx_error error;
  hdx_texts_encoder_init(&encoder, zstd);
  hdx_buffer_init(&out, 1 << 24);
  char *large = calloc(1, HDX_TEXT_BYTES_MAX + 1);
  struct hdx_text two[2] = {HDX_TEXT("a"), {large, HDX_TEXT_BYTES_MAX + 1}};
  assert_int_equal(hdx_texts_encode(&encoder, two, 2, &out, &error), HDX_LIMIT);
  two[1].size--;
  assert_int_equal(hdx_texts_encode(&encoder, two, 2, &out, &error), HDX_OK);
  static struct hdx_text many[HDX_TEXTS_BYTES_MAX / HDX_TEXT_BYTES_MAX + 1];
  for (size_t i = 0; i < sizeof many / sizeof *many; i++)
    many[i] = two[1];
  assert_int_equal(hdx_texts_encode(&encoder, many, sizeof many / sizeof *many, &out, &error), HDX_LIMIT);
  assert_string_equal(error.message, "269484032 bytes of text in one block, at most 268435456 are possible");
  free(large);
  hdx_buffer_deinit(&out);
  hdx_texts_encoder_deinit(&encoder);
}

static void damage_is_bounded(void **state) {
  (void)state;
  enum { COUNT = 600 };
  struct hdx_texts_encoder encoder;
  struct hdx_texts column;
  static struct hdx_text got[HDX_TEXTS_GROUP];
  hdx_texts_encoder_init(&encoder, zstd);
  hdx_texts_init(&column);
  for (int kind = 0; kind < KINDS; kind++) {
    struct hdx_buffer out;
    struct hdx_error error;
    if (kind == LONG)
      continue;
    fill(COUNT, (enum kind)kind);
    hdx_buffer_init(&out, 1 << 24);
    assert_int_equal(hdx_texts_encode(&encoder, texts, COUNT, &out, &error), HDX_OK);
    for (size_t round = 0; round < 400; round++) {
      size_t i = round < 100 ? round % out.size : random_below(out.size);
      size_t size = round % 8 == 7 ? i : out.size;
      char *bytes = malloc(size ? size : 1);
      memcpy(bytes, out.data, size);
      if (size == out.size)
        bytes[i] = (char)(bytes[i] ^ 1 << random_below(8));
      enum hdx_status status = hdx_texts_open(&column, zstd, bytes, size, COUNT, &error);
      for (size_t from = 0; status == HDX_OK && from < COUNT; from += HDX_TEXTS_GROUP) {
        size_t to = COUNT - from < HDX_TEXTS_GROUP ? COUNT : from + HDX_TEXTS_GROUP, total;
        status = hdx_texts_size(&column, from, to, &total, &error);
        char *room = status == HDX_OK ? malloc(total + HDX_TEXTS_SLACK) : NULL;
        if (room)
          status = hdx_texts_read(&column, from, to, got, room, &error);
        free(room);
      }
      if (status != HDX_OK)
        assert_int_equal(error.status, HDX_INTEGRITY);
      free(bytes);
    }
    hdx_buffer_deinit(&out);
  }
  hdx_texts_encoder_deinit(&encoder);
  hdx_texts_deinit(&column);
}

static int setup(void **state) {
  (void)state;
  zstd = hdx_zstd_create();
  return zstd ? 0 : 1;
}

static int teardown(void **state) {
  (void)state;
  hdx_zstd_free(zstd);
  for (size_t i = 0; i < ROWS_MAX; i++)
    free(memory[i]);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_comes_back),
      cmocka_unit_test(what_is_too_long_is_refused),
      cmocka_unit_test(damage_is_bounded),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
