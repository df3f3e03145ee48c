#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_statuses_have_names_and_codes(void **state) {
  (void)state;
  static const struct {
    enum hdx_status status;
    const char *name;
    int code;
  } cases[] = {
      {HDX_OK, "OK", 0},
      {HDX_PARTIAL, "PARTIAL", 1},
      {HDX_USAGE, "USAGE", 2},
      {HDX_NOT_FOUND, "NOT_FOUND", 3},
      {HDX_DENIED, "DENIED", 4},
      {HDX_TEMPORARY, "TEMPORARY", 5},
      {HDX_UNAVAILABLE, "UNAVAILABLE", 5},
      {HDX_IO, "IO", 6},
      {HDX_INTEGRITY, "INTEGRITY", 7},
      {HDX_LIMIT, "LIMIT", 8},
      {HDX_MEMORY, "MEMORY", 8},
      {HDX_EMPTY, "EMPTY", 9},
      {HDX_INTERNAL, "INTERNAL", 70},
      {HDX_INTERRUPTED, "INTERRUPTED", 130},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_string_equal(hdx_status_name(cases[i].status), cases[i].name);
    assert_int_equal(hdx_status_exit_code(cases[i].status), cases[i].code);
    assert_true(strlen(hdx_status_text(cases[i].status)) > 3);
  }
  assert_string_equal(hdx_status_name((enum hdx_status)77), "UNKNOWN");
  assert_int_equal(hdx_status_exit_code((enum hdx_status)77), 70);
  assert_non_null(hdx_status_text((enum hdx_status)77));
}

static void test_set_and_context(void **state) {
  (void)state;
  struct hdx_error error;
  assert_int_equal(hdx_error_set(&error, HDX_IO, "%s: %d", "a", 5), HDX_IO);
  assert_int_equal(error.status, HDX_IO);
  assert_string_equal(error.message, "a: 5");
  assert_int_equal(hdx_error_context(&error, HDX_IO, "dataset %s", "aia"), HDX_IO);
  assert_string_equal(error.message, "dataset aia: a: 5");
  assert_int_equal(hdx_error_set(NULL, HDX_LIMIT, "x"), HDX_LIMIT);
  assert_int_equal(hdx_error_context(NULL, HDX_LIMIT, "x"), HDX_LIMIT);
  assert_int_equal(hdx_error_memory(&error, 123), HDX_MEMORY);
  assert_non_null(strstr(error.message, "123 bytes"));
  assert_int_equal(hdx_error_errno(&error, "/store/a.hdx", "open", ENOSPC), HDX_IO);
  assert_string_equal(error.message, "/store/a.hdx: open: No space left on device");
}

/* However long message and context are, the text ends within its room. */
static void test_long_texts_are_cut(void **state) {
  (void)state;
  char text[3 * HDX_ERROR_TEXT_MAX];
  memset(text, 'x', sizeof text);
  for (size_t message = 0; message < sizeof text; message += 97)
    for (size_t context = 0; context < sizeof text; context += 101) {
      struct hdx_error error;
      hdx_error_set(&error, HDX_IO, "%.*s", (int)message, text);
      hdx_error_context(&error, HDX_IO, "%.*s", (int)context, text);
      size_t size = strnlen(error.message, sizeof error.message);
      assert_true(size < sizeof error.message);
      assert_true(size >= (context < sizeof error.message ? context : sizeof error.message - 1));
    }
}

static void test_the_graver_status(void **state) {
  (void)state;
  static const enum hdx_status order[] = {HDX_IO,          HDX_DENIED,    HDX_INTEGRITY, HDX_TEMPORARY,
                                          HDX_UNAVAILABLE, HDX_NOT_FOUND, HDX_LIMIT,     HDX_OK};
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < 8; j++)
      assert_int_equal(hdx_status_graver(order[i], order[j]), order[i < j ? i : j]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_statuses_have_names_and_codes),
      cmocka_unit_test(test_set_and_context),
      cmocka_unit_test(test_long_texts_are_cut),
      cmocka_unit_test(test_the_graver_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
