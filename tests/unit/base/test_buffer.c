#include "base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_appends(void **state) {
  (void)state;
  struct hdx_buffer buffer;
  hdx_buffer_init(&buffer, 1000);
  hdx_buffer_append(&buffer, NULL, 0);
  hdx_buffer_append(&buffer, "abc", 3);
  hdx_buffer_append_byte(&buffer, '-');
  hdx_buffer_append_text(&buffer, HDX_TEXT("d\0e"));
  hdx_buffer_append_format(&buffer, "%03d", 7);
  assert_true(hdx_text_equal(hdx_buffer_text(&buffer), HDX_TEXT("abc-d\0e007")));
  assert_string_equal(hdx_buffer_string(&buffer), "abc-d");
  assert_int_equal(buffer.size, 10);
  hdx_buffer_clear(&buffer);
  assert_string_equal(hdx_buffer_string(&buffer), "");
  hdx_buffer_deinit(&buffer);
  assert_int_equal(buffer.max, 1000);
}

static void test_it_grows_and_keeps_its_bytes(void **state) {
  (void)state;
  struct hdx_buffer buffer;
  hdx_buffer_init(&buffer, 1 << 20);
  for (int i = 0; i < 100000; i++)
    hdx_buffer_append_byte(&buffer, (char)(i % 251));
  assert_int_equal(buffer.status, HDX_OK);
  assert_int_equal(buffer.size, 100000);
  for (int i = 0; i < 100000; i++)
    if (buffer.data[i] != (char)(i % 251))
      fail_msg("byte %d changed", i);
  hdx_buffer_deinit(&buffer);
}

/* The maximum is exact; what does not fit is left out as a whole and the error stays until the buffer is cleared. */
static void test_the_maximum_is_hard_and_the_error_sticks(void **state) {
  (void)state;
  struct hdx_buffer buffer;
  struct hdx_error error;
  hdx_buffer_init(&buffer, 300);
  char bytes[301] = {0};
  hdx_buffer_append(&buffer, bytes, 300);
  assert_int_equal(buffer.status, HDX_OK);
  assert_true(buffer.capacity >= 300);
  hdx_buffer_append(&buffer, bytes, 1);
  assert_int_equal(buffer.status, HDX_LIMIT);
  assert_int_equal(buffer.size, 300);
  assert_null(hdx_buffer_reserve(&buffer, 0));
  assert_string_equal(hdx_buffer_string(&buffer), "");
  assert_int_equal(hdx_buffer_status(&buffer, "the catalog", &error), HDX_LIMIT);
  assert_string_equal(error.message, "the catalog: larger than the limit of 300 bytes");
  hdx_buffer_clear(&buffer);
  hdx_buffer_append(&buffer, bytes, 301);
  assert_int_equal(buffer.status, HDX_LIMIT);
  assert_int_equal(buffer.size, 0);
  hdx_buffer_clear(&buffer);
  assert_null(hdx_buffer_reserve(&buffer, SIZE_MAX));
  assert_int_equal(buffer.status, HDX_LIMIT);
  hdx_buffer_deinit(&buffer);
}

static void test_what_is_made_of_a_part_that_failed_has_failed(void **state) {
  (void)state;
  struct hdx_buffer part, whole;
  hdx_buffer_init(&part, 4);
  hdx_buffer_init(&whole, 100);
  hdx_buffer_append_text(&part, HDX_TEXT("abc"));
  hdx_buffer_append_buffer(&whole, &part);
  assert_int_equal(hdx_buffer_status(&whole, "whole", NULL), HDX_OK);
  hdx_buffer_append_text(&part, HDX_TEXT("de"));
  hdx_buffer_append_buffer(&whole, &part);
  assert_int_equal(hdx_buffer_status(&whole, "whole", NULL), HDX_LIMIT);
  hdx_buffer_clear(&whole);
  hdx_buffer_clear(&part);
  part.status = HDX_MEMORY; /* nothing of it was written */
  hdx_buffer_append_buffer(&whole, &part);
  assert_int_equal(hdx_buffer_status(&whole, "whole", NULL), HDX_MEMORY);
  hdx_buffer_deinit(&part);
  hdx_buffer_deinit(&whole);
}

static void test_take_hands_the_bytes_over(void **state) {
  (void)state;
  struct hdx_buffer buffer;
  size_t size;
  hdx_buffer_init(&buffer, 100);
  assert_null(hdx_buffer_take(&buffer, &size));
  assert_int_equal(size, 0);
  hdx_buffer_append(&buffer, "abc", 3);
  char *bytes = hdx_buffer_take(&buffer, &size);
  assert_int_equal(size, 3);
  assert_memory_equal(bytes, "abc", 3);
  assert_int_equal(buffer.size, 0);
  assert_null(buffer.data);
  hdx_buffer_append(&buffer, "d", 1);
  assert_memory_equal(bytes, "abc", 3);
  free(bytes);
  hdx_buffer_deinit(&buffer);
}

static void test_wipe_overwrites_also_what_was_taken_back(void **state) {
  (void)state;
  static const char zeros[100];
  struct hdx_buffer buffer;
  hdx_buffer_init(&buffer, 100);
  hdx_buffer_wipe(&buffer);
  hdx_buffer_append(&buffer, "secret", 6);
  hdx_buffer_clear(&buffer);
  hdx_buffer_append(&buffer, "S", 1);
  hdx_buffer_wipe(&buffer);
  assert_memory_equal(buffer.data, zeros, 6);
  hdx_buffer_deinit(&buffer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_appends),
      cmocka_unit_test(test_it_grows_and_keeps_its_bytes),
      cmocka_unit_test(test_the_maximum_is_hard_and_the_error_sticks),
      cmocka_unit_test(test_what_is_made_of_a_part_that_failed_has_failed),
      cmocka_unit_test(test_take_hands_the_bytes_over),
      cmocka_unit_test(test_wipe_overwrites_also_what_was_taken_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
