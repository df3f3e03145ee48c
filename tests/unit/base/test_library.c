/* Libraries are loaded by name; one that is not there and a symbol that is missing are told. */
#include "base/library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_functions_can_be_called(void **state) {
  (void)state;
  double (*cosine)(double) = NULL, (*power)(double, double) = NULL;
  static const char *const symbols[] = {"cos", "pow"};
  void *const functions[] = {&cosine, &power};
  struct hdx_error error = {.message = ""};
  assert_int_equal(hdx_library_load("libm.so.6", symbols, functions, 2, &error), HDX_OK);
  assert_true(cosine(0) == 1);
  assert_true(power(2, 10) == 1024);
  assert_string_equal(error.message, "");
}

static void test_no_such_library(void **state) {
  (void)state;
  double (*cosine)(double) = NULL;
  static const char *const symbols[] = {"cos"};
  void *const functions[] = {&cosine};
  struct hdx_error error;
  assert_int_equal(hdx_library_load("libnotthere.so.7", symbols, functions, 1, &error), HDX_IO);
  assert_int_equal(error.status, HDX_IO);
  assert_non_null(strstr(error.message, "libnotthere.so.7 cannot be loaded: "));
  assert_null(cosine);
  assert_int_equal(hdx_library_load("libnotthere.so.7", symbols, functions, 1, NULL), HDX_IO);
}

static void test_no_such_symbol(void **state) {
  (void)state;
  double (*cosine)(double) = NULL, (*other)(double) = NULL;
  static const char *const symbols[] = {"cos", "cosine_of_tomorrow"};
  void *const functions[] = {&cosine, &other};
  struct hdx_error error;
  assert_int_equal(hdx_library_load("libm.so.6", symbols, functions, 2, &error), HDX_INTERNAL);
  assert_string_equal(error.message, "libm.so.6 has no cosine_of_tomorrow: a newer one is needed");
  assert_null(other);
}

/* What was missing may be there later. */
static void test_a_failure_is_not_for_good(void **state) {
  (void)state;
  static double (*cosine)(double);
  static const char *const symbols[] = {"cos"};
  static void *const functions[] = {&cosine};
  struct hdx_library library = HDX_LIBRARY("libnotthere.so.7", symbols, functions);
  struct hdx_error error;
  assert_int_equal(hdx_library_need(&library, &error), HDX_IO);
  library.file = "libm.so.6";
  assert_int_equal(hdx_library_need(&library, &error), HDX_OK);
  assert_float_equal(cosine(0), 1, 0);
  library.file = "libnotthere.so.7";
  assert_int_equal(hdx_library_need(&library, &error), HDX_OK);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_functions_can_be_called),
      cmocka_unit_test(test_no_such_library),
      cmocka_unit_test(test_no_such_symbol),
      cmocka_unit_test(test_a_failure_is_not_for_good),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
