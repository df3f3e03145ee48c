/* Integer columns: every kind of column comes back, from any group on; every cut or changed byte is refused or gives
 * some numbers, never more. */
#include "codec/ints.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t seed = 1;

static uint64_t random_u64(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}

enum kind { CONSTANT, LINEAR, MULTIPLES, NOISE, WIDE, OUTLIERS, EXTREMES, SORTED, KINDS };

static void fill(int64_t *values, size_t count, enum kind kind, unsigned bits) {
  int64_t base = (int64_t)(random_u64() >> 2), last = base;
  for (size_t i = 0; i < count; i++) {
    uint64_t noise = bits ? random_u64() >> (64 - bits) : 0;
    switch (kind) {
    case CONSTANT:
      values[i] = base;
      break;
    case LINEAR:
      values[i] = (int64_t)((uint64_t)base - i * 7);
      break;
    case MULTIPLES:
      values[i] = (int64_t)((noise & 0xffff) * 2880 + 17);
      break;
    case NOISE:
      values[i] = (int64_t)(noise >> 1) - 1000;
      break;
    case WIDE:
      values[i] = (int64_t)random_u64();
      break;
    case OUTLIERS:
      values[i] = i % 300 == 299 ? (int64_t)random_u64() : (int64_t)(noise & 7);
      break;
    case EXTREMES:
      values[i] = random_u64() & 1 ? INT64_MIN : INT64_MAX;
      break;
    default:
      last = (int64_t)((uint64_t)last + (noise >> 8) * 1000000);
      values[i] = last;
    }
  }
}

/* Writes and reads back, whole and from every group on. Gives the size. */
static size_t roundtrip(const int64_t *values, size_t count, bool delta) {
  static int64_t scratch[HDX_INTS_MAX], got[HDX_INTS_MAX];
  struct hdx_ints_plan plan;
  struct hdx_buffer out;
  struct hdx_ints ints;
  struct hdx_error error;
  hdx_buffer_init(&out, 1 << 24);
  if (delta)
    hdx_ints_plan_delta(values, count, scratch, &plan);
  else
    hdx_ints_plan(values, count, &plan);
  hdx_ints_write(&plan, &out);
  assert_int_equal(out.status, HDX_OK);
  assert_true(out.size <= plan.bytes);
  /* Behind the column there is nothing that may be read. */
  char *exact = malloc(out.size);
  memcpy(exact, out.data, out.size);
  assert_int_equal(hdx_ints_open(&ints, exact, out.size, count, &error), HDX_OK);
  hdx_ints_read(&ints, 0, count, got);
  assert_memory_equal(got, values, count * sizeof *values);
  for (size_t from = 0; from < count; from += HDX_INTS_GROUP) {
    size_t to = from + random_u64() % (count - from + 1);
    memset(got, 0, sizeof got);
    hdx_ints_read(&ints, from, to, got);
    if (to > from)
      assert_memory_equal(got, values + from, (to - from) * sizeof *values);
  }
  size_t size = out.size;
  free(exact);
  hdx_buffer_deinit(&out);
  return size;
}

static void every_kind_comes_back(void **state) {
  (void)state;
  static int64_t values[2000];
  static const size_t counts[] = {1, 2, 3, 255, 256, 257, 511, 512, 513, 1999};
  for (int kind = 0; kind < KINDS; kind++)
    for (unsigned bits = 0; bits <= 64; bits++)
      for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        fill(values, counts[c], (enum kind)kind, bits);
        roundtrip(values, counts[c], false);
        roundtrip(values, counts[c], true);
      }
}

static void a_full_block_comes_back(void **state) {
  (void)state;
  static int64_t values[HDX_INTS_MAX];
  fill(values, HDX_INTS_MAX, OUTLIERS, 9);
  roundtrip(values, HDX_INTS_MAX, false);
  fill(values, HDX_INTS_MAX, SORTED, 30);
  roundtrip(values, HDX_INTS_MAX, true);
}

static void regular_columns_are_tiny(void **state) {
  (void)state;
  static int64_t values[8192];
  fill(values, 8192, CONSTANT, 0);
  assert_true(roundtrip(values, 8192, false) <= 11);
  fill(values, 8192, LINEAR, 0);
  assert_true(roundtrip(values, 8192, true) <= 25);
  /* 12 bits of noise in units of 2880 take 12 bits, and a lone outlier widens one group only. */
  for (int i = 0; i < 8192; i++)
    values[i] = (int64_t)(random_u64() % 4096) * 2880;
  assert_true(roundtrip(values, 8192, false) <= 8192 * 12 / 8 + 30);
  values[5000] = INT64_C(2880) << 40;
  assert_true(roundtrip(values, 8192, false) <= 8192 * 12 / 8 + 256 * 5 + 80);
}

/* Numbers that a damaged column gives are looked at, so that a sanitizer sees where they come from. */
static void damage_is_bounded(void **state) {
  (void)state;
  static int64_t values[600], scratch[600], got[600];
  for (int kind = 0; kind < KINDS; kind++) {
    struct hdx_ints_plan plan;
    struct hdx_buffer out;
    struct hdx_error error;
    fill(values, 600, (enum kind)kind, 11);
    hdx_buffer_init(&out, 1 << 20);
    if (kind % 2)
      hdx_ints_plan_delta(values, 600, scratch, &plan);
    else
      hdx_ints_plan(values, 600, &plan);
    hdx_ints_write(&plan, &out);
    for (size_t i = 0; i < out.size && i < 200; i++)
      for (int bit = 0; bit < 9; bit++) {
        size_t size = bit == 8 ? i : out.size;
        char *bytes = malloc(size + 1);
        memcpy(bytes, out.data, size);
        if (bit < 8)
          bytes[i] = (char)(bytes[i] ^ 1 << bit);
        char *exact = realloc(bytes, size ? size : 1);
        struct hdx_ints ints;
        if (hdx_ints_open(&ints, exact, size, 600, &error) == HDX_OK) {
          assert_int_not_equal(bit, 8);
          hdx_ints_read(&ints, 0, 600, got);
        } else {
          assert_int_equal(error.status, HDX_INTEGRITY);
        }
        free(exact);
      }
    hdx_buffer_deinit(&out);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_comes_back),
      cmocka_unit_test(a_full_block_comes_back),
      cmocka_unit_test(regular_columns_are_tiny),
      cmocka_unit_test(damage_is_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
