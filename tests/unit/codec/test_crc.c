/* CRCs in every way that there is of computing them, against the definition bit by bit: all lengths and alignments, the
 * input ending where no more memory is; and what joins them, against matrices and against the bytes themselves. */
#include "codec/crc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { LENGTHS = 1300, ALIGNMENTS = 17, ROUNDS = 300, BYTES = 50000 };
#define ZEROS (UINT64_C(1) << 32) /* more than an int counts */

static const struct {
  uint64_t ones, reflected;
} definitions[HDX_CRC_COUNT] = {
    [HDX_CRC_32] = {UINT32_MAX, 0xedb88320},
    [HDX_CRC_32C] = {UINT32_MAX, 0x82f63b78},
    [HDX_CRC_64NVME] = {UINT64_MAX, 0x9a6c9329ac4bc9b5},
};

static uint64_t step(uint64_t value, enum hdx_crc kind) {
  return value >> 1 ^ (value & 1 ? definitions[kind].reflected : 0);
}

static uint64_t by_definition(enum hdx_crc kind, uint64_t crc, const uint8_t *data, size_t size) {
  uint64_t value = crc ^ definitions[kind].ones;
  for (size_t i = 0; i < size; i++) {
    value ^= data[i];
    for (int bit = 0; bit < 8; bit++)
      value = step(value, kind);
  }
  return value ^ definitions[kind].ones;
}

static uint64_t by_library(enum hdx_crc kind, uint64_t crc, const void *data, size_t size) {
  if (kind == HDX_CRC_64NVME)
    return hdx_crc64nvme(crc, data, size);
  return kind == HDX_CRC_32 ? hdx_crc32((uint32_t)crc, data, size) : hdx_crc32c((uint32_t)crc, data, size);
}

static void check(enum hdx_crc kind, uint64_t crc, const uint8_t *data, size_t size, uint64_t expected) {
  assert_int_equal(by_library(kind, crc, data, size), expected);
  for (int way = 0; way <= (int)hdx_crc_way(); way++)
    assert_int_equal(hdx_crc_fold(kind, (enum hdx_crc_way)way, crc, data, size), expected);
}

static uint64_t random_number(void) {
  static uint64_t state = 20;
  state = state * 6364136223846793005u + 1442695040888963407u;
  uint64_t upper = state >> 32;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return upper << 32 | state >> 32;
}

/* Memory behind whose end there is none. */
static uint8_t *fenced(size_t size, uint8_t **end) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (size + page - 1) / page * page;
  uint8_t *memory = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(memory != MAP_FAILED && mprotect(memory + room, page, PROT_NONE) == 0);
  *end = memory + room;
  for (uint8_t *at = memory; at < *end; at++)
    *at = (uint8_t)random_number();
  return memory;
}

static void test_every_length_and_alignment(void **state) {
  (void)state;
  uint8_t *end, *memory = fenced(LENGTHS + ALIGNMENTS, &end);
  for (int kind = 0; kind < HDX_CRC_COUNT; kind++)
    for (size_t behind = 0; behind < ALIGNMENTS; behind++)
      for (size_t size = 0; size <= LENGTHS; size += behind ? 37 : 1) {
        const uint8_t *data = end - behind - size;
        const uint64_t before = size % 3 ? random_number() & definitions[kind].ones : 0;
        check((enum hdx_crc)kind, before, data, size, by_definition((enum hdx_crc)kind, before, data, size));
      }
  munmap(memory, (size_t)(end - memory) + (size_t)sysconf(_SC_PAGESIZE));
}

/* HELIODEX_KERNEL=scalar is for everything; what was found first is kept, so another process asks. */
static void test_tables_alone(void **state) {
  (void)state;
  fflush(NULL);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    setenv("HELIODEX_KERNEL", "scalar", 1);
    exit(hdx_crc_way() == HDX_CRC_BY_TABLES ? 0 : 1);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
}

static void test_long_runs(void **state) {
  (void)state;
  uint8_t *end, *memory = fenced(BYTES, &end);
  for (int kind = 0; kind < HDX_CRC_COUNT; kind++)
    check((enum hdx_crc)kind, 0, memory + 1, BYTES - 1, by_definition((enum hdx_crc)kind, 0, memory + 1, BYTES - 1));
  munmap(memory, (size_t)(end - memory) + (size_t)sysconf(_SC_PAGESIZE));
}

static void test_parts_are_joined(void **state) {
  (void)state;
  uint8_t *end, *memory = fenced(BYTES, &end);
  for (int i = 0; i < ROUNDS; i++) {
    size_t size = random_number() % BYTES, cut = size ? random_number() % (size + 1) : 0;
    if (i % 10 == 0)
      cut = i % 20 ? 0 : size;
    uint32_t first = hdx_crc32c(0, memory, cut), second = hdx_crc32c(0, memory + cut, size - cut);
    assert_int_equal(hdx_crc32c_join(first, second, size - cut), hdx_crc32c(0, memory, size));
  }
  munmap(memory, (size_t)(end - memory) + (size_t)sysconf(_SC_PAGESIZE));
}

/* What zeros do to the register is linear, so it is a matrix of bits: one column for each bit of the register. */
struct matrix {
  uint32_t columns[32];
};

static uint32_t apply(const struct matrix *matrix, uint32_t value) {
  uint32_t result = 0;
  for (int bit = 0; bit < 32; bit++)
    if (value >> bit & 1)
      result ^= matrix->columns[bit];
  return result;
}

/* The register after `count` bytes of zero. */
static uint32_t after_zeros(uint32_t value, uint64_t count) {
  struct matrix power, square;
  for (int bit = 0; bit < 32; bit++) {
    uint64_t column = UINT64_C(1) << bit;
    for (int i = 0; i < 8; i++)
      column = step(column, HDX_CRC_32C);
    power.columns[bit] = (uint32_t)column;
  }
  for (; count; count >>= 1, power = square) {
    if (count & 1)
      value = apply(&power, value);
    for (int bit = 0; bit < 32; bit++)
      square.columns[bit] = apply(&power, power.columns[bit]);
  }
  return value;
}

static void test_what_is_joined_may_have_any_size(void **state) {
  (void)state;
  static const uint64_t sizes[] = {
      0, 1, UINT32_MAX, UINT64_C(1) << 32, (UINT64_C(1) << 32) + 1, UINT64_C(5) << 40, UINT64_C(1) << 63, UINT64_MAX};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes + ROUNDS; i++) {
    uint64_t size = i < sizeof sizes / sizeof *sizes ? sizes[i] : random_number() >> i % 64;
    uint32_t first = (uint32_t)random_number(), zeros = ~after_zeros(UINT32_MAX, size);
    assert_int_equal(hdx_crc32c_join(first, zeros, size), ~after_zeros(~first, size));
    assert_int_equal(hdx_crc32c_join(0, zeros, size), zeros);
  }
  assert_int_equal(hdx_crc32c_join(0xe3069283, 0, 0), 0xe3069283);
}

/* Zeros that take no memory, and some bytes behind them. */
static void test_more_bytes_than_an_int_counts(void **state) {
  (void)state;
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), size = ZEROS + page;
  uint8_t *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), *last = data + ZEROS;
  assert_true(data != MAP_FAILED && mprotect(last, page, PROT_READ | PROT_WRITE) == 0);
  madvise(data, ZEROS, MADV_HUGEPAGE);
  memset(last, 0x5a, page);
  const uint32_t zeros = ~after_zeros(UINT32_MAX, ZEROS);
  assert_int_equal(hdx_crc32c(0, data, ZEROS), zeros);
  assert_int_equal(hdx_crc32c(0, data, size), by_definition(HDX_CRC_32C, zeros, last, page));
  munmap(data, size);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_tables_alone),
      cmocka_unit_test(test_every_length_and_alignment),
      cmocka_unit_test(test_long_runs),
      cmocka_unit_test(test_parts_are_joined),
      cmocka_unit_test(test_what_is_joined_may_have_any_size),
      cmocka_unit_test(test_more_bytes_than_an_int_counts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
