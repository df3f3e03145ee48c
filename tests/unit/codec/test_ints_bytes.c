/* Streams of integers as bytes made by hand from the table in codec/ints.h, so that a mistake made both in writing and
 * in reading would be seen; and bytes that are no stream: each is refused with a message, and nothing is read or
 * written out of bounds. */
#include "codec/ints.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct hdx_zstd *zstd;
static uint64_t seed = 3;

static uint64_t below(uint64_t n) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed % n;
}

/* Decodes a stream that lies in memory of its own. */
static enum hdx_status decode(const void *data, size_t size, size_t count, int64_t *out, struct hdx_error *error) {
  struct hdx_ints ints;
  uint8_t *exact = malloc(size ? size : 1);
  if (size)
    memcpy(exact, data, size);
  hdx_ints_init(&ints);
  enum hdx_status status = hdx_ints_decode(&ints, zstd, exact, size, count, out, error);
  hdx_ints_deinit(&ints);
  free(exact);
  return status;
}

/* ---- good ones ---- */

struct example {
  const char *bytes;
  size_t size, count;
  int64_t values[6];
};
#define BYTES(text) text, sizeof text - 1

static const struct example examples[] = {
    /* CONSTANT: -3 folded is 5. */
    {BYTES("\x00\x05"), 3, {-3, -3, -3}},
    {BYTES("\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 1, {INT64_MIN}},
    /* With DELTA: 10, then steps of 7; two values are the fewest. */
    {BYTES("\x10\x14\x0e"), 4, {10, 17, 24, 31}},
    {BYTES("\x10\x14\x0d"), 2, {10, 3}},
    /* Differences wrap: the greatest value, and one more. */
    {BYTES("\x10\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02"), 2, {INT64_MAX, INT64_MIN}},
    /* PACKED: least 1, unit 10, three bits each: 0, 5, 7 are 1 1110 1000. */
    {BYTES("\x01\x02\x0a\x03\xe8\x01"), 3, {1, 51, 71}},
    {BYTES("\x01\x02\x0a\x00"), 3, {1, 1, 1}},
    {BYTES("\x01\x00\x01\x40\x01\x02\x03\x04\x05\x06\x07\x88"), 1, {(int64_t)UINT64_C(0x8807060504030201)}},
    {BYTES("\x01\x01\x01\x3f\x05\x00\x00\x00\x00\x00\x00\x80\x01\x00\x00\x00\x00\x00\x00\x00"), 2, {4, 2}},
    /* Its own width for the one group, of nine bits: 256 and 1. */
    {BYTES("\x01\x00\x01\xff\x09\x00\x03\x00"), 2, {256, 1}},
    /* DELTA PACKED: 100, then -1 + q for q = 0, 1, 3. */
    {BYTES("\x11\xc8\x01\x01\x01\x02\x34"), 4, {100, 99, 99, 101}},
    /* SYMBOLS, k = 2, 5 + 2 u: 7 is a symbol itself; 13 is 1101: symbol (1 << 2) + 6 and a bit of 1; 100 is 1100100:
     * symbol (4 << 2) + 6 and the bits 0100, behind the one. */
    {BYTES("\x02\x0a\x02\x02\x03\x07\x0a\x16\x09"), 3, {19, 31, 205}},
    /* Folded, k = 7: 0, -1, 1, -2. */
    {BYTES("\x02\x00\x03\x87\x04\x00\x01\x02\x03"), 4, {0, -3, 3, -6}},
    /* Levels: one for 128, here 4 units of 10. Folded q of -1 and 1. */
    {BYTES("\x02\x02\x0a\xc7\x02\x00\x08\x02\x01\x02"), 2, {31, 51}},
    /* As above, q as it is. */
    {BYTES("\x02\x02\x0a\x47\x02\x00\x08\x02\x01\x02"), 2, {51, 61}},
    /* NAMED: -7, 94, 1000. */
    {BYTES("\x03\x02\x0d\x65\x8a\x07\x04\x01\x00\x02\x01"), 4, {94, -7, 1000, 94}},
    /* SPARSE: 9, but for the first and the fourth of six. Places 0 and 2 (PACKED), values 1 and -1 (PACKED). */
    {BYTES("\x04\x12\x02\x05\x01\x00\x02\x01\x02\x01\x01\x02\x01\x01"), 6, {1, 9, 9, -1, 9, 9}},
    /* A clock that misses: 0, steps of 2, the second one of 5. One place and one value, both constant. */
    {BYTES("\x14\x00\x04\x01\x02\x00\x02\x00\x0a"), 5, {0, 2, 7, 9, 11}},
    /* SPLIT by 10: quotients are all 3, remainders 0, 1, 2. And by 2: twice -1, and 1, is -1. */
    {BYTES("\x05\x0a\x02\x00\x06\x01\x00\x01\x02\x24"), 3, {30, 31, 32}},
    {BYTES("\x05\x02\x02\x00\x01\x00\x02"), 2, {-1, -1}},
    {BYTES("\x15\x00\x02\x02\x00\x06\x00\x02"), 3, {0, 7, 14}},
    /* A split's parts may have a predictor; and exceptions may be split. */
    {BYTES("\x05\x0a\x03\x10\x02\x02\x00\x00"), 3, {10, 20, 30}},
    {BYTES("\x04\x12\x01\x02\x00\x02\x05\x0a\x02\x00\x02\x00\x02"), 4, {9, 11, 9, 9}},
};

static void bytes_by_the_book_are_read(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
    const struct example *e = &examples[i];
    struct hdx_error error = {0};
    int64_t *got = malloc(e->count * sizeof *got);
    if (decode(e->bytes, e->size, e->count, got, &error) != HDX_OK)
      fail_msg("example %zu: %s", i, error.message);
    for (size_t v = 0; v < e->count; v++)
      if (got[v] != e->values[v])
        fail_msg("example %zu: value %zu is %lld, not %lld", i, v, (long long)got[v], (long long)e->values[v]);
    /* Neither a byte more nor one less is the stream. */
    char longer[64] = {0};
    memcpy(longer, e->bytes, e->size);
    assert_int_equal(decode(longer, e->size + 1, e->count, got, &error), HDX_INTEGRITY);
    assert_int_equal(decode(longer, e->size - 1, e->count, got, &error), HDX_INTEGRITY);
    free(got);
  }
}

/* Groups of 256 with widths of their own, each from a byte on; and 300 symbols in a zstd frame of one repeated byte. */
static void long_bytes_by_the_book_are_read(void **state) {
  (void)state;
  static int64_t got[300];
  struct hdx_error error = {0};
  char packed[6 + 32 + 44 * 2] = "\x01\x00\x01\xff\x01\x10";
  for (size_t i = 0; i < 256; i++)
    packed[6 + i / 8] = (char)(packed[6 + i / 8] | (i % 3 == 0) << i % 8);
  for (size_t i = 0; i < 44; i++) {
    packed[38 + 2 * i] = (char)i;
    packed[39 + 2 * i] = (char)0xab;
  }
  assert_int_equal(decode(packed, sizeof packed, 300, got, &error), HDX_OK);
  for (int i = 0; i < 300; i++)
    assert_int_equal(got[i], i < 256 ? i % 3 == 0 : 0xab00 + i - 256);
  /* Frame: magic, one segment of 300 = 44 + 256 bytes, a last block that repeats its byte 300 times. */
  static const char repeated[] = "\x02\x02\x03\x02\x0b\x28\xb5\x2f\xfd\x60\x2c\x00\x63\x09\x00\x06";
  char frame[sizeof repeated + 1];
  memcpy(frame, repeated, sizeof repeated);
  if (decode(frame, sizeof repeated - 1, 300, got, &error) != HDX_OK)
    fail_msg("%s", error.message);
  for (int i = 0; i < 300; i++)
    assert_int_equal(got[i], 1 + 3 * 6);
  assert_int_equal(decode(frame, sizeof repeated - 1, 299, got, &error), HDX_INTEGRITY);
  assert_int_equal(decode(frame, sizeof repeated - 1, 256, got, &error), HDX_INTEGRITY);
}

/* ---- bad ones ---- */

static const struct {
  const char *bytes;
  size_t size, count;
  const char *wrong;
} broken[] = {
    {BYTES(""), 1, "no tag"},
    {BYTES("\x06\x00"), 1, "no such body"},
    {BYTES("\x20\x00"), 1, "an unknown bit of the tag"},
    {BYTES("\x00\x00"), 0, "no rows"},
    {BYTES("\x00\x00"), HDX_INTS_MAX + 1, "too many rows"},
    {BYTES("\x10\x00\x00"), 1, "one row with a predictor"},
    {BYTES("\x00"), 1, "no constant"},
    {BYTES("\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x03"), 1, "a varint of more than 64 bits"},
    {BYTES("\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 1, "a varint that does not end"},
    {BYTES("\x01\x00\x00\x01\x00"), 3, "a unit of 0"},
    {BYTES("\x01\x00\x01\x41\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 1, "a width of 65"},
    {BYTES("\x01\x00\x01\xff\x41\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 1, "a group's width of 65"},
    {BYTES("\x01\x00\x01\xff\xff\x00"), 1, "a group's width of 255"},
    {BYTES("\x01\x00\x01\xff"), 1, "no widths"},
    {BYTES("\x01\x00\x01"), 1, "no width"},
    {BYTES("\x02\x00\x00\x02\x01\x00"), 1, "a unit of 0 for symbols"},
    {BYTES("\x02\x00\x01\x01\x01\x00"), 1, "k of 1"},
    {BYTES("\x02\x00\x01\x08\x01\x00"), 1, "k of 8"},
    {BYTES("\x02\x00\x01\x12\x01\x00"), 1, "an unknown bit of the form"},
    {BYTES("\x02\x00\x01\x02\x02\x00\x00"), 1, "more symbols than rows"},
    {BYTES("\x02\x00\x01\x02\x01"), 1, "no symbols"},
    {BYTES("\x02\x00\x01\x02\x01\x08"), 1, "a symbol without its bit"},
    {BYTES("\x02\x00\x01\x02\x00"), 1, "an empty frame"},
    {BYTES("\x02\x00\x01\x02\x03\x28\xb5\x2f"), 9, "a frame cut short"},
    {BYTES("\x02\x00\x01\x42\x01\x00\x01\x00"), 1, "levels cut short"},
    {BYTES("\x02\x00\x01\x42\x7f\x00\x00\x01\x00"), 1, "levels longer than the stream"},
    {BYTES("\x03\x01\x00\x02\x01\x02"), 1, "a name that is not there"},
    {BYTES("\x03\xff\x00\x01\x00"), 1, "256 names that are not there"},
    {BYTES("\x03\x00\x00\x01\x00\x00"), 1, "a byte behind the names"},
    {BYTES("\x04\x00\x00\x02\x00\x00\x00\x02"), 6, "no exceptions"},
    {BYTES("\x04\x00\x06\x02\x00\x00\x00\x02"), 6, "exceptions only"},
    {BYTES("\x04\x00\x01\x02\x00\x0c\x00\x02"), 6, "an exception behind the end"},
    {BYTES("\x04\x00\x02\x02\x00\x06\x00\x02"), 6, "the second exception behind the end"},
    {BYTES("\x04\x00\x01\x02\x00\x01\x00\x02"), 6, "an exception before the beginning"},
    {BYTES("\x04\x00\x01\x7f\x00\x00\x00\x02"), 6, "places longer than the stream"},
    {BYTES("\x04\x00\x01\x02\x00\x00"), 6, "no values"},
    {BYTES("\x04\x00\x02\x08\x04\x00\x01\x02\x00\x00\x00\x02\x00\x02"), 6, "exceptions of exceptions"},
    {BYTES("\x04\x00\x01\x02\x00\x00\x06\x02"), 6, "values of no body"},
    {BYTES("\x05\x01\x02\x00\x06\x00\x02"), 3, "a split by 1"},
    {BYTES("\x05\x00\x02\x00\x06\x00\x02"), 3, "a split by 0"},
    {BYTES("\x05\x0a"), 3, "a split of nothing"},
    {BYTES("\x05\x0a\x7f\x00\x06\x00\x02"), 3, "quotients longer than the stream"},
    {BYTES("\x05\x0a\x02\x00\x06"), 3, "no remainders"},
    {BYTES("\x05\x0a\x07\x05\x0a\x02\x00\x06\x00\x02\x00\x02"), 3, "a split of splits"},
    {BYTES("\x05\x0a\x08\x04\x00\x01\x02\x00\x02\x00\x06\x00\x02"), 6, "exceptions of a split"},
    {BYTES("\x05\x0a\x08\x02\x00\x01\x47\x02\x00\x08\x00\x00\x02"), 1, "levels of a split"},
};

static void bytes_that_are_none_are_refused(void **state) {
  (void)state;
  static int64_t got[HDX_INTS_MAX + 1];
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
    struct hdx_error error = {0};
    if (decode(broken[i].bytes, broken[i].size, broken[i].count, got, &error) != HDX_INTEGRITY)
      fail_msg("%s: was read", broken[i].wrong);
    if (error.status != HDX_INTEGRITY || (!strstr(error.message, "numbers: ") && !strstr(error.message, "compressed")))
      fail_msg("%s: \"%s\"", broken[i].wrong, error.message);
  }
}

/* A stream of one value is a level of itself: without a limit, levels of levels go as deep as there are bytes. */
static void levels_have_no_levels(void **state) {
  (void)state;
  enum { DEPTH = 100000, HEAD = 4 + 4, TAIL = 2 };
  size_t size = 2 + (size_t)DEPTH * (HEAD + TAIL), at = 0, left = size;
  uint8_t *bytes = malloc(size);
  struct hdx_error error = {0};
  int64_t value;
  for (int i = 0; i < DEPTH; i++) {
    left -= HEAD + TAIL;
    const uint8_t head[HEAD] = {
        2, 0, 1, 0x42, 0x80 | (left & 127), 0x80 | (left >> 7 & 127), 0x80 | (left >> 14 & 127), (uint8_t)(left >> 21)};
    memcpy(bytes + at, head, HEAD);
    at += HEAD;
  }
  memcpy(bytes + at, "\x00\x02", 2);
  for (at += 2; at < size; at += 2)
    memcpy(bytes + at, "\x01\x01", 2);
  assert_int_equal(decode(bytes, size, 1, &value, &error), HDX_INTEGRITY);
  free(bytes);
}

/* Bytes of good streams are changed: what is refused is refused as INTEGRITY, what is not gives so many numbers. */
static void damage_is_bounded(void **state) {
  (void)state;
  static int64_t values[700], got[700];
  struct hdx_ints_encoder encoder;
  hdx_ints_encoder_init(&encoder, zstd);
  for (int round = 0; round < 400; round++) {
    struct hdx_buffer out;
    struct hdx_error error;
    size_t count = 2 + (size_t)below(698);
    int64_t last = 0;
    for (size_t i = 0; i < count; i++) {
      int64_t noise = (int64_t)(below(9) + below(9) + below(9)), rare = below(30) ? 0 : (int64_t)below(1u << 30);
      last = values[i] = (round & 1 ? last : 0) + (round & 2 ? noise * 100 : 7) + (round & 4 ? rare : 0) +
                         (round & 8 ? (int64_t)(below(2) << 50) : 0);
    }
    hdx_buffer_init(&out, 1 << 20);
    assert_int_equal(hdx_ints_encode(&encoder, values, count, NULL, &out, &error), HDX_OK);
    for (int change = 0; change < 200; change++) {
      size_t size = change % 20 ? out.size : (size_t)below(out.size);
      char *bytes = malloc(out.size);
      memcpy(bytes, out.data, out.size);
      for (size_t n = 1 + below(3); n > 0; n--)
        bytes[below(change % 3 && out.size > 12 ? 12 : out.size)] = (char)below(256);
      enum hdx_status status = decode(bytes, size, change % 7 ? count : 1 + (size_t)below(700), got, &error);
      assert_true(status == HDX_OK || (status == HDX_INTEGRITY && error.status == HDX_INTEGRITY));
      free(bytes);
    }
    hdx_buffer_deinit(&out);
  }
  hdx_ints_encoder_deinit(&encoder);
}

static void bodies_have_names(void **state) {
  (void)state;
  assert_string_equal(hdx_ints_body_name(HDX_INTS_SPARSE | HDX_INTS_DELTA), "delta sparse");
  assert_string_equal(hdx_ints_body_name(HDX_INTS_NAMED), "named");
  assert_string_equal(hdx_ints_body_name(HDX_INTS_BODIES), "unknown");
}

static int setup(void **state) {
  (void)state;
  return (zstd = hdx_zstd_create()) ? 0 : 1;
}

static int teardown(void **state) {
  (void)state;
  hdx_zstd_free(zstd);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_by_the_book_are_read),
      cmocka_unit_test(long_bytes_by_the_book_are_read),
      cmocka_unit_test(bytes_that_are_none_are_refused),
      cmocka_unit_test(levels_have_no_levels),
      cmocka_unit_test(damage_is_bounded),
      cmocka_unit_test(bodies_have_names),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
