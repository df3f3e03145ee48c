/* Archives of tar, byte by byte: what stands where in a head, and when an extended header comes before it. */
#include "unit/cli/cli_cmocka.h"

#include "cli/tar.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What a writer holds, which is never flushed: its buffer is large enough. */
static struct cli_writer out;

static int open_writer(void **state) {
  struct hdx_error error;
  (void)state;
  return cli_writer_open(&out, "/dev/null", &error) == HDX_OK ? 0 : -1;
}

static int close_writer(void **state) {
  struct hdx_error error;
  (void)state;
  return cli_writer_close(&out, true, &error) == HDX_OK ? 0 : -1;
}

static const char *head_of(const char *name, size_t size, uint64_t bytes, int64_t modified) {
  out.size = 0;
  cli_tar_head(&out, &(struct cli_tar_member){{name, size}, bytes, modified});
  assert_int_equal(out.size % CLI_TAR_BLOCK, 0);
  return out.data;
}

static const char *head(const char *name, uint64_t bytes, int64_t modified) {
  return head_of(name, strlen(name), bytes, modified);
}

static void assert_field(const char *block, size_t at, const char *expected, size_t size) {
  assert_memory_equal(block + at, expected, size);
}

/* The sum of a head's bytes, its own field as blanks, as POSIX has it. */
static void assert_sum(const char *block) {
  unsigned sum = 8 * ' ';
  char text[8];
  for (size_t i = 0; i < CLI_TAR_BLOCK; i++)
    if (i < 148 || i >= 156)
      sum += (unsigned char)block[i];
  snprintf(text, sizeof text, "%06o", sum);
  assert_field(block, 148, text, 7);
  assert_int_equal(block[155], ' ');
}

static void a_plain_head(void **state) {
  (void)state;
  const char *block = head("data/a.cdf", 1000, INT64_C(1583020801) * 1000000000);
  assert_int_equal(out.size, CLI_TAR_BLOCK);
  assert_field(block, 0, "data/a.cdf\0", 11);
  assert_field(block, 100, "0000644\0000000000\0000000000\000", 24);
  assert_field(block, 124, "00000001750\0", 12); /* 1000 */
  assert_field(block, 136, "13626575401\0", 12); /* 1583020801 */
  assert_field(block, 156, "0", 1);
  assert_field(block, 257, "ustar\00000", 8);
  assert_sum(block);
}

static void names_are_divided_at_a_slash(void **state) {
  char name[300];
  (void)state;
  memset(name, 'p', sizeof name);
  name[155] = '/';
  const char *block = head_of(name, 256, 0, 0); /* the longest that fits: 155, slash, 100 */
  assert_int_equal(out.size, CLI_TAR_BLOCK);
  assert_int_equal(block[0], 'p');
  assert_int_equal(block[99], 'p');
  assert_int_equal(block[345 + 154], 'p');
  assert_int_equal(block[345 + 155], 0);
  head_of(name, 257, 0, 0);
  assert_int_equal(out.size, 3 * CLI_TAR_BLOCK);
  name[155] = 'p';
  name[156] = '/';
  head_of(name, 257, 0, 0);
  assert_int_equal(out.size, 3 * CLI_TAR_BLOCK);
  name[0] = '/'; /* an empty prefix would lose it */
  head_of(name, 101, 0, 0);
  assert_int_equal(out.size, 3 * CLI_TAR_BLOCK);
}

/* The records of an extended header, whose length they tell themselves. */
static void assert_records(const char *block, const char *expected) {
  size_t size = strlen(expected);
  char text[24];
  assert_field(block, 156, "x", 1);
  assert_sum(block);
  snprintf(text, sizeof text, "%011zo", size);
  assert_field(block, 124, text, 12);
  assert_memory_equal(block + CLI_TAR_BLOCK, expected, size);
  for (size_t i = size; i % CLI_TAR_BLOCK; i++)
    assert_int_equal(block[CLI_TAR_BLOCK + i], 0);
  assert_sum(block + 2 * CLI_TAR_BLOCK);
}

static void what_does_not_fit_goes_into_records(void **state) {
  (void)state;
  assert_records(head("\xc3\xa9", 1, 0), "11 path=\xc3\xa9\n");
  assert_records(head("\xe9", 1, 0), "21 hdrcharset=BINARY\n9 path=\xe9\n");
  head("a", UINT64_C(8589934591), 0);
  assert_int_equal(out.size, CLI_TAR_BLOCK);
  assert_records(head("a", UINT64_C(8589934592), 0), "19 size=8589934592\n");
  assert_records(head("a", 1, INT64_C(1500000000)), "21 mtime=1.500000000\n");
  assert_records(head("a", 1, INT64_C(-1500000000)), "22 mtime=-1.500000000\n");
  assert_records(head("a", 1, INT64_C(-1000000000)), "12 mtime=-1\n");
}

/* Where a length gets a digit more, that digit counts, too. */
static void lengths_count_their_own_digits(void **state) {
  char name[1200], expected[1300];
  (void)state;
  for (size_t size = 101; size < sizeof name; size++) {
    memset(name, 'n', size);
    const char *block = head_of(name, size, 0, 0);
    size_t length = strtoul(block + CLI_TAR_BLOCK, NULL, 10);
    int written = snprintf(expected, sizeof expected, "%zu path=%.*s\n", length, (int)size, name);
    assert_int_equal(written, (int)length);
    assert_memory_equal(block + CLI_TAR_BLOCK, expected, length);
  }
}

static void no_time_is_1970(void **state) {
  (void)state;
  assert_field(head("a", 1, HDX_TIME_NONE), 136, "00000000000\0", 12);
}

static void bytes_are_padded_and_archives_end(void **state) {
  static const uint64_t sizes[] = {0, 1, 511, 512, 513, 10240, UINT64_C(8589934593)};
  (void)state;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    out.size = 0;
    cli_tar_pad(&out, sizes[i]);
    assert_true(out.size < CLI_TAR_BLOCK);
    assert_int_equal((sizes[i] + out.size) % CLI_TAR_BLOCK, 0);
  }
  for (uint64_t size = 0; size <= 3 * 10240; size += CLI_TAR_BLOCK) {
    out.size = 0;
    cli_tar_end(&out, size);
    assert_true(out.size >= 1024 && out.size < 1024 + 10240);
    assert_int_equal((size + out.size) % 10240, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_plain_head),
      cmocka_unit_test(names_are_divided_at_a_slash),
      cmocka_unit_test(what_does_not_fit_goes_into_records),
      cmocka_unit_test(lengths_count_their_own_digits),
      cmocka_unit_test(no_time_is_1970),
      cmocka_unit_test(bytes_are_padded_and_archives_end),
  };
  return cmocka_run_group_tests(tests, open_writer, close_writer);
}
