/* Extents against a naive map of bytes, with checksums of real bytes. */
#include "mirror/extents.h"

#include "codec/checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE = 500 };

static struct hdx_error error;
static unsigned char bytes[SIZE];
static uint32_t random_state = 3;

static uint32_t random_below(uint32_t n) {
  random_state = random_state * 1664525u + 1013904223u;
  return (uint32_t)(((uint64_t)random_state * n) >> 32);
}

/* CRC-32C bit by bit (RFC 3720, B.4). */
static uint32_t crc_of(const unsigned char *data, size_t size) {
  uint32_t crc = UINT32_MAX;
  for (size_t i = 0; i < size; i++) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; bit++)
      crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
  }
  return ~crc;
}

static enum hdx_status come(struct hdx_extents *extents, size_t from, size_t to) {
  const struct hdx_extent extent = {from, to, crc_of(bytes + from, to - from)};
  return hdx_extents_add(extents, &extent, &error);
}

/* They are the runs of the map, ascending, none touching another, each with the checksum of its bytes. */
static void check(const struct hdx_extents *extents, const bool *map, size_t size) {
  size_t at = 0, sum = 0;
  uint32_t crc = 1;
  for (size_t from = 0; from < size;) {
    size_t to = from;
    while (to < size && map[to] == map[from])
      to++;
    if (map[from]) {
      assert_true(at < extents->count);
      assert_int_equal(extents->list[at].from, from);
      assert_int_equal(extents->list[at].to, to);
      assert_int_equal(extents->list[at].crc32c, crc_of(bytes + from, to - from));
      at++;
      sum += to - from;
    }
    from = to;
  }
  assert_int_equal(at, extents->count);
  assert_int_equal(hdx_extents_bytes(extents), sum);
  assert_int_equal(hdx_extents_complete(extents, size, &crc), sum == size);
  assert_int_equal(crc, sum == size ? crc_of(bytes, size) : 0);
  /* Of another size they are not all. */
  if (size > 0 && sum == size) {
    assert_false(hdx_extents_complete(extents, size + 1, &crc));
    assert_false(hdx_extents_complete(extents, size - 1, &crc));
  }
}

static void in_any_order(void **state) {
  (void)state;
  for (int round = 0; round < 400; round++) {
    struct hdx_extents extents = {0};
    bool map[SIZE] = {false};
    size_t size = 1 + random_below(round % 2 ? SIZE : 12);
    size_t longest = 1 + random_below(40);
    for (size_t i = 0; i < size; i++)
      bytes[i] = (unsigned char)random_below(256);
    for (int i = 0; i < 4000; i++) {
      size_t from = random_below((uint32_t)size), to = from + random_below((uint32_t)longest + 1);
      to = to > size ? size : to;
      bool twice = memchr(map + from, true, to - from) != NULL;
      assert_int_equal(come(&extents, from, to), twice ? HDX_INTEGRITY : HDX_OK);
      if (!twice)
        memset(map + from, true, to - from);
      if (i % 50 == 0 || size < 13)
        check(&extents, map, size);
    }
    /* What is missing yet, backwards. */
    for (size_t to = size; to > 0;) {
      size_t from = to - 1;
      while (from > 0 && map[from - 1] == map[to - 1])
        from--;
      if (!map[to - 1]) {
        assert_int_equal(come(&extents, from, to), HDX_OK);
        memset(map + from, true, to - from);
      } else {
        to = from;
      }
    }
    check(&extents, map, size);
    assert_int_equal(extents.count, 1);
    hdx_extents_deinit(&extents);
    assert_null(extents.list);
    assert_int_equal(extents.count, 0);
  }
}

static void a_file_of_no_bytes_is_complete(void **state) {
  (void)state;
  struct hdx_extents extents = {0};
  uint32_t crc = 1;
  assert_true(hdx_extents_complete(&extents, 0, &crc));
  assert_int_equal(crc, 0);
  assert_int_equal(come(&extents, 0, 0), HDX_OK);
  assert_int_equal(come(&extents, 7, 7), HDX_OK);
  assert_int_equal(extents.count, 0);
  assert_false(hdx_extents_complete(&extents, 1, &crc));
  assert_int_equal(come(&extents, 0, 1), HDX_OK);
  assert_false(hdx_extents_complete(&extents, 0, &crc));
  hdx_extents_deinit(&extents);
}

static void at_the_end_of_numbers(void **state) {
  (void)state;
  struct hdx_extents extents = {0};
  const struct hdx_extent last = {UINT64_MAX - 1, UINT64_MAX, 1}, before = {UINT64_MAX - 3, UINT64_MAX - 2, 2},
                          over = {UINT64_MAX - 3, UINT64_MAX, 3}, backwards = {5, 4, 0};
  assert_int_equal(hdx_extents_add(&extents, &last, &error), HDX_OK);
  assert_int_equal(hdx_extents_add(&extents, &before, &error), HDX_OK);
  assert_int_equal(hdx_extents_add(&extents, &over, &error), HDX_INTEGRITY);
  assert_non_null(strstr(error.message, "18446744073709551612 to 18446744073709551615 came twice"));
  assert_int_equal(hdx_extents_add(&extents, &backwards, &error), HDX_OK);
  assert_int_equal(extents.count, 2);
  assert_int_equal(extents.list[0].crc32c, 2);
  hdx_extents_deinit(&extents);
}

/* What would take the square of its length is not taken. */
static void no_more_runs_than_there_can_be(void **state) {
  (void)state;
  struct hdx_extents extents = {0};
  struct hdx_extent extent = {0};
  for (uint64_t i = HDX_EXTENTS_MAX; i > 0; i--) {
    extent = (struct hdx_extent){i * 20, i * 20 + 10, 0};
    assert_int_equal(hdx_extents_add(&extents, &extent, &error), HDX_OK);
  }
  extent = (struct hdx_extent){0, 10, 0};
  assert_int_equal(hdx_extents_add(&extents, &extent, &error), HDX_INTEGRITY);
  assert_non_null(strstr(error.message, "more than 16384 runs"));
  extent = (struct hdx_extent){10, 20, 0}; /* it touches one */
  assert_int_equal(hdx_extents_add(&extents, &extent, &error), HDX_OK);
  assert_int_equal(extents.count, HDX_EXTENTS_MAX);
  assert_int_equal(extents.list[0].from, 10);
  assert_int_equal(extents.list[0].to, 30);
  hdx_extents_deinit(&extents);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(in_any_order),
      cmocka_unit_test(a_file_of_no_bytes_is_complete),
      cmocka_unit_test(at_the_end_of_numbers),
      cmocka_unit_test(no_more_runs_than_there_can_be),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
