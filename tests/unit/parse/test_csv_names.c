/* What extra columns are called: by the header, else as the caller says, else by their position. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/error.h"
#include "parse/csv.h"

#include <stdlib.h>

#define ROW "2019-01-01T00:00Z,2019-01-02T00:00Z,s3://b/k,5"

static struct hdx_csv *csv;

/* Scans a file for which the names were given; they need not live longer than the call. */
static const struct hdx_csv_dialect *scan(const char *text, size_t count, const char *const *names) {
  struct hdx_error error = {.message = ""};
  struct hdx_text list[4];
  char copies[4][32];
  hdx_csv_reset(csv);
  for (size_t i = 0; i < count; i++) {
    strcpy(copies[i], names[i]);
    list[i] = hdx_text_of(copies[i]);
  }
  if (count)
    assert_int_equal(hdx_csv_name_extras(csv, list, count, &error), HDX_OK);
  memset(copies, '!', sizeof copies);
  assert_int_equal(hdx_csv_feed(csv, text, strlen(text), &error), HDX_OK);
  assert_int_equal(hdx_csv_finish(csv, &error), HDX_OK);
  assert_int_equal(hdx_csv_result(csv)->rows, 1);
  return hdx_csv_dialect(csv);
}

static void check(const struct hdx_csv_dialect *dialect, bool made_up, size_t count, const char *const *names) {
  assert_int_equal(dialect->extra_count, count);
  assert_int_equal(dialect->names_made_up, made_up);
  for (size_t i = 0; i < count; i++)
    if (!hdx_text_is(dialect->extra_names[i], names[i]))
      fail_msg("column %zu is called %.*s, expected %s", i, HDX_TEXT_ARG(dialect->extra_names[i]), names[i]);
}

#define LIST(...)                                                                                                      \
  (const char *const[]) {                                                                                              \
    __VA_ARGS__                                                                                                        \
  }

static void names_are_given(void **state) {
  (void)state;
  check(scan(ROW ",1,2,3\n", 0, NULL), true, 3, LIST("checksum", "checksum_algorithm", "column7"));
  check(scan(ROW ",1,2,3\n", 3, LIST("a", "b", "c")), false, 3, LIST("a", "b", "c"));
  check(scan(ROW ",1,2\n", 3, LIST("a", "b", "c")), false, 2, LIST("a", "b")); /* more than there are columns */
  check(scan(ROW ",1,2,3\n", 2, LIST("a", "b")), true, 3, LIST("a", "b", "column7"));
  check(scan(ROW ",1,2,3\n", 3, LIST("a", "", "c")), true, 3, LIST("a", "checksum_algorithm", "c"));
  check(scan(ROW "\n", 1, LIST("a")), false, 0, NULL);
  check(scan("2019-01-01T00:00Z,s3://b/k,5,1,2\n", 2, LIST("a", "b")), false, 2, LIST("a", "b"));
}

static void they_hold_for_one_file(void **state) {
  (void)state;
  check(scan(ROW ",1\n", 1, LIST("a")), false, 1, LIST("a"));
  check(scan(ROW ",1\n", 0, NULL), true, 1, LIST("checksum"));
}

static void the_header_comes_first(void **state) {
  (void)state;
  static const char header[] = "# start, stop, datakey, filesize, own, , third\n" ROW ",1,2,3,4\n";
  check(scan(header, 0, NULL), true, 4, LIST("own", "checksum_algorithm", "third", "column8"));
  check(scan(header, 4, LIST("a", "b", "c", "d")), false, 4, LIST("own", "b", "third", "d"));
  check(scan("start,stop,key,size,x,y\n" ROW ",1,2\n", 0, NULL), false, 2, LIST("x", "y"));
  /* A name that the header has given to another column is not given twice: a value would be lost. */
  check(scan("start,stop,key,size,b\n" ROW ",1,2\n", 2, LIST("a", "b")), true, 2, LIST("b", "checksum_algorithm"));
  /* The last header before the rows counts. */
  check(scan("# a, b, c, d, e, \n# start, stop, key, size, x\n" ROW ",1\n", 0, NULL), false, 1, LIST("x"));
}

/* Two columns of one name would be one, and the values of the first lost. */
static void no_name_is_given_twice(void **state) {
  (void)state;
#define HEADER "# start, stop, datakey, filesize, "
  check(scan(HEADER ", b\n" ROW ",1,2\n", 1, LIST("b")), true, 2, LIST("checksum", "b"));
  check(scan(HEADER ", checksum\n" ROW ",1,2\n", 0, NULL), true, 2, LIST("column5", "checksum"));
  check(scan(HEADER "checksum_algorithm\n" ROW ",1,2\n", 0, NULL), true, 2, LIST("checksum_algorithm", "column6"));
  check(scan(ROW ",1,2\n", 1, LIST("checksum_algorithm")), true, 2, LIST("checksum_algorithm", "column6"));
  check(scan(HEADER "a, a, a\n" ROW ",1,2,3\n", 2, LIST("x", "y")), true, 3, LIST("a", "y", "column7"));
  check(scan(HEADER ", checksum, column5\n" ROW ",1,2,3\n", 0, NULL), true, 3,
        LIST("column5_2", "checksum", "column5"));
#undef HEADER
}

static int setup(void **state) {
  (void)state;
  struct hdx_csv_options options = {.kernel = hdx_csv_kernel(hdx_cpu_level())};
  return hdx_csv_open(&options, &csv, NULL) != HDX_OK;
}

static int teardown(void **state) {
  (void)state;
  hdx_csv_close(csv);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_given),
      cmocka_unit_test(they_hold_for_one_file),
      cmocka_unit_test(the_header_comes_first),
      cmocka_unit_test(no_name_is_given_twice),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
