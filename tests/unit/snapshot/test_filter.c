/* Patterns of keys, bounds of sizes, conditions on values. */
#include "snapshot/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool key(struct hdx_text pattern, struct hdx_text text) {
  struct hdx_filter filter;
  hdx_filter_init(&filter);
  filter.keys = &pattern;
  filter.key_count = 1;
  struct hdx_filter opposite;
  hdx_filter_init(&opposite);
  opposite.key_excludes = &pattern;
  opposite.key_exclude_count = 1;
  bool matches = hdx_filter_key(&filter, text);
  assert_true(hdx_filter_key(&opposite, text) == !matches);
  return matches;
}

static void keys(void **state) {
  (void)state;
  assert_true(key(HDX_TEXT("*.cdf"), HDX_TEXT("s3://b/a/x.cdf")));
  assert_true(key(HDX_TEXT("x.cdf"), HDX_TEXT("s3://b/a/x.cdf")));
  assert_true(key(HDX_TEXT("x.cdf"), HDX_TEXT("x.cdf")));
  assert_true(key(HDX_TEXT("*"), HDX_TEXT("s3://b/a/")));
  assert_true(key(HDX_TEXT("*/a/*"), HDX_TEXT("s3://b/a/x.cdf")));
  assert_true(key(HDX_TEXT("s3://b/a/x.cdf"), HDX_TEXT("s3://b/a/x.cdf")));
  assert_false(key(HDX_TEXT("a/x.cdf"), HDX_TEXT("s3://b/a/x.cdf")));
  assert_false(key(HDX_TEXT("a"), HDX_TEXT("s3://b/a/x.cdf")));
  assert_false(key(HDX_TEXT("*.CDF"), HDX_TEXT("s3://b/a/x.cdf")));
  assert_false(key(HDX_TEXT(""), HDX_TEXT("x")));
  assert_true(key(HDX_TEXT(""), HDX_TEXT("s3://b/folder/")));
}

static void several_keys(void **state) {
  (void)state;
  static const struct hdx_text some[] = {{"a*", 2}, {"*z", 2}}, none[] = {{"*q*", 3}};
  struct hdx_filter filter;
  hdx_filter_init(&filter);
  assert_false(hdx_filter_has_keys(&filter));
  filter.keys = some;
  filter.key_count = 2;
  filter.key_excludes = none;
  filter.key_exclude_count = 1;
  assert_true(hdx_filter_key(&filter, HDX_TEXT("abc")));
  assert_true(hdx_filter_key(&filter, HDX_TEXT("xyz")));
  assert_false(hdx_filter_key(&filter, HDX_TEXT("b")));
  assert_false(hdx_filter_key(&filter, HDX_TEXT("aqua")));
}

static void sizes(void **state) {
  (void)state;
  struct hdx_filter filter;
  hdx_filter_init(&filter);
  assert_false(hdx_filter_has_sizes(&filter));
  filter.max_size = 10;
  assert_true(hdx_filter_has_sizes(&filter));
  assert_true(hdx_filter_size(&filter, 0));
  assert_true(hdx_filter_size(&filter, 10));
  assert_false(hdx_filter_size(&filter, 11));
  assert_false(hdx_filter_size(&filter, -1));
  filter.min_size = 10;
  assert_true(hdx_filter_size(&filter, 10));
  assert_false(hdx_filter_size(&filter, 9));
  filter.max_size = -1;
  assert_true(hdx_filter_size(&filter, INT64_MAX));
  filter.min_size = 0;
  assert_true(hdx_filter_size(&filter, 0));
  assert_false(hdx_filter_size(&filter, -1));
}

/* -1, 0, 1, or 2: not to be ordered (not stated) */
static int order(struct hdx_text value, struct hdx_text wanted) {
  bool holds[6];
  for (int operation = HDX_EQUAL; operation <= HDX_GREATER_OR_EQUAL; operation++) {
    struct hdx_condition condition = {HDX_TEXT("c"), (enum hdx_operator)operation, wanted};
    holds[operation] = hdx_condition_holds(&condition, value);
  }
  assert_true(holds[HDX_EQUAL] != holds[HDX_NOT_EQUAL]);
  if (value.size == 0) {
    assert_false(holds[HDX_LESS] || holds[HDX_LESS_OR_EQUAL] || holds[HDX_GREATER] || holds[HDX_GREATER_OR_EQUAL]);
    return holds[HDX_EQUAL] ? 0 : 2;
  }
  assert_true(holds[HDX_LESS_OR_EQUAL] == (holds[HDX_LESS] || holds[HDX_EQUAL]));
  assert_true(holds[HDX_GREATER_OR_EQUAL] == (holds[HDX_GREATER] || holds[HDX_EQUAL]));
  assert_int_equal(holds[HDX_LESS] + holds[HDX_EQUAL] + holds[HDX_GREATER], 1);
  return holds[HDX_LESS] ? -1 : holds[HDX_GREATER];
}

static void values(void **state) {
  (void)state;
  static const struct {
    const char *value, *wanted;
    int order;
  } samples[] = {
      {"94", "0094", 0},
      {"94", "94.0", 0},
      {"94.", "+94.00", 0},
      {"-0", "0", 0},
      {".5", "0.50", 0},
      {"9", "10", -1},
      {"-9", "-10", 1},
      {"-1", "1", -1},
      {"0.09", "0.1", -1},
      {"1.25", "1.3", -1},
      {"-1.25", "-1.3", 1},
      {"123456789012345678901234567890", "123456789012345678901234567891", -1},
      {"18446744073709551617", "1", 1},
      {"9", "10x", 1},    /* text */
      {"1e3", "999", -1}, /* text: no decimal number */
      {"abc", "abd", -1},
      {"abc", "ab", 1},
      {"Z", "a", -1},
      {"\xff", "a", 1},
      {".", "0", -1},
      {"-", "-0", -1},
      {"+", "0", -1},
      {"", "", 0},
      {"", "0", 2},
      {"0", "", 1},
      {"MD5", "MD5", 0},
  };
  for (size_t i = 0; i < COUNT(samples); i++) {
    struct hdx_text value = hdx_text_of(samples[i].value), wanted = hdx_text_of(samples[i].wanted);
    if (order(value, wanted) != samples[i].order)
      fail_msg("'%s' and '%s' are found in the order %d", samples[i].value, samples[i].wanted, order(value, wanted));
    if (value.size && wanted.size && order(wanted, value) != -samples[i].order)
      fail_msg("'%s' and '%s' are found in the order %d", samples[i].wanted, samples[i].value, order(wanted, value));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keys),
      cmocka_unit_test(several_keys),
      cmocka_unit_test(sizes),
      cmocka_unit_test(values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
