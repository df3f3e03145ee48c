/* What extra columns are called: by the header, else as the caller says, else by their position. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
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

static const struct hdx_csv_dialect *check(const struct hdx_csv_dialect *dialect, bool made_up, size_t count,
                                           const char *const *names) {
  assert_int_equal(dialect->extra_count, count);
  assert_int_equal(dialect->names_made_up, made_up);
  for (size_t i = 0; i < count; i++)
    if (!hdx_text_is(dialect->extra_names[i], names[i]))
      fail_msg("column %zu is called %.*s, expected %s", i, HDX_TEXT_ARG(dialect->extra_names[i]), names[i]);
  return dialect;
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

/* Two columns more than names: checksum and its algorithm come first, by the convention. */
static void checksums_come_before_named_columns(void **state) {
  (void)state;
  static const char *const named[] = {"checksum", "checksum_algorithm", "a", "b"};
  assert_false(check(scan(ROW ",1,2,3,4\n", 2, LIST("a", "b")), false, 4, named)->names_misfit);
  check(scan("2019-01-01T00:00Z,s3://b/k,5,1,2,3,4\n", 2, LIST("a", "b")), false, 4, named);
  check(scan("# start, stop, datakey, filesize\n" ROW ",1,2,3,4\n", 2, LIST("a", "b")), false, 4, named);
  check(scan(ROW ",1,2,3,4\n", 2, LIST("", "b")), true, 4, LIST("checksum", "checksum_algorithm", "column7", "b"));
  /* A header that tells of a column tells where all of them are. */
  check(scan("start,stop,key,size,,,\n" ROW ",1,2,3\n", 1, LIST("a")), true, 3,
        LIST("a", "checksum_algorithm", "column7"));
}

static void names_that_do_not_fit_are_told(void **state) {
  (void)state;
  assert_true(scan(ROW ",1\n", 2, LIST("a", "b"))->names_misfit);
  assert_true(scan(ROW ",1,2,3\n", 2, LIST("a", "b"))->names_misfit);
  assert_true(scan(ROW ",1,2,3,4\n", 1, LIST("a"))->names_misfit);
  assert_false(scan(ROW ",1,2\n", 2, LIST("a", "b"))->names_misfit);
  assert_false(scan(ROW ",1,2\n", 0, NULL)->names_misfit);
  assert_false(scan(ROW "\n", 1, LIST("a"))->names_misfit);
  assert_false(scan("start,stop,key,size,x\n" ROW ",1\n", 2, LIST("a", "b"))->names_misfit);
}

static void names_are_unique(void **state) {
  (void)state;
  check(scan("start,stop,key,size,id,id\n" ROW ",1,2\n", 0, NULL), false, 2, LIST("id", "id_2"));
  check(scan("start,stop,key,size,id,id,x,id\n" ROW ",1,2,3,4\n", 0, NULL), false, 4, LIST("id", "id_2", "x", "id_3"));
  /* What another column is called by the header is left to it. */
  check(scan("start,stop,key,size,id,id,id_2,id\n" ROW ",1,2,3,4\n", 0, NULL), false, 4,
        LIST("id", "id_3", "id_2", "id_4"));
  check(scan("start,stop,key,size,checksum_algorithm,,column7\n" ROW ",1,2,3\n", 0, NULL), true, 3,
        LIST("checksum_algorithm", "checksum_algorithm_2", "column7"));
  check(scan("start,stop,key,size,column7,x,\n" ROW ",1,2,3\n", 0, NULL), true, 3, LIST("column7", "x", "column7_2"));
  check(scan(ROW ",1,2\n", 2, LIST("", "checksum")), true, 2, LIST("checksum_2", "checksum"));
  /* A header of no row, too. */
  hdx_csv_reset(csv);
  assert_int_equal(hdx_csv_feed(csv, "start,stop,key,size,id,id\n", 26, NULL), HDX_OK);
  assert_int_equal(hdx_csv_finish(csv, NULL), HDX_OK);
  check(hdx_csv_dialect(csv), false, 2, LIST("id", "id_2"));
}

/* As many columns as there may be, all of one name, and half of them of the names that the others would get. */
static void many_columns_of_one_name(void **state) {
  (void)state;
  struct hdx_buffer file;
  hdx_buffer_init(&file, 1u << 20);
  hdx_buffer_append_text(&file, HDX_TEXT("start,stop,key,size"));
  for (size_t i = 0; i < HDX_CSV_EXTRA_MAX; i++)
    if (i % 2)
      hdx_buffer_append_format(&file, ",n_%zu", i / 2 + 2);
    else
      hdx_buffer_append_text(&file, HDX_TEXT(",n"));
  hdx_buffer_append_text(&file, HDX_TEXT("\n" ROW "\n"));
  const struct hdx_csv_dialect *dialect = scan(hdx_buffer_string(&file), 0, NULL);
  assert_int_equal(dialect->extra_count, HDX_CSV_EXTRA_MAX);
  assert_true(hdx_text_is(dialect->extra_names[1], "n_2") && hdx_text_is(dialect->extra_names[2], "n_127"));
  for (size_t i = 0; i < HDX_CSV_EXTRA_MAX; i++)
    for (size_t j = 0; j < i; j++)
      assert_false(hdx_text_equal(dialect->extra_names[i], dialect->extra_names[j]));
  hdx_buffer_deinit(&file);
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
      cmocka_unit_test(checksums_come_before_named_columns),
      cmocka_unit_test(names_that_do_not_fit_are_told),
      cmocka_unit_test(names_are_unique),
      cmocka_unit_test(many_columns_of_one_name),
      cmocka_unit_test(they_hold_for_one_file),
      cmocka_unit_test(the_header_comes_first),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
