#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define T(string) hdx_text_of(string)

static void test_views(void **state) {
  (void)state;
  assert_int_equal(hdx_text_of(NULL).size, 0);
  assert_true(hdx_text_is(hdx_text_sub(HDX_TEXT("heliodex"), 2, 5), "lio"));
  assert_true(hdx_text_equal(T(""), (struct hdx_text){NULL, 0}));
  assert_false(hdx_text_equal(T("a"), T("b")));
  assert_false(hdx_text_equal(T("a"), T("ab")));
  assert_int_equal(HDX_TEXT("a\0b").size, 3);
  char text[16];
  snprintf(text, sizeof text, "%.*s|", HDX_TEXT_ARG(hdx_text_sub(T("abcdef"), 1, 3)));
  assert_string_equal(text, "bc|");
}

static void test_order_is_of_unsigned_bytes(void **state) {
  (void)state;
  static const char *const sorted[] = {"", "A", "a", "a/", "a0", "aa", "b", "\x7f", "\x80", "\xff"};
  for (int i = 0; i < 10; i++)
    for (int j = 0; j < 10; j++) {
      int order = hdx_text_compare(T(sorted[i]), T(sorted[j]));
      assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
    }
}

static void test_beginnings_and_ends(void **state) {
  (void)state;
  assert_true(hdx_text_starts_with(T("s3://b"), T("s3://")));
  assert_true(hdx_text_starts_with(T("s3"), T("")));
  assert_false(hdx_text_starts_with(T("s3"), T("s3:")));
  assert_true(hdx_text_ends_with(T("a.csv"), T(".csv")));
  assert_false(hdx_text_ends_with(T("csv"), T(".csv")));
  assert_true(hdx_text_ends_with(T(""), T("")));
}

static void test_case_is_of_ascii_letters(void **state) {
  (void)state;
  assert_true(hdx_text_equal_nocase(T("AIA_0094 [z]"), T("aia_0094 [Z]")));
  assert_false(hdx_text_equal_nocase(T("a@"), T("a`")));
  assert_false(hdx_text_equal_nocase(T("\xc3\x89"), T("\xc3\xa9")));
  assert_false(hdx_text_equal_nocase(T("a"), T("ab")));
}

static void test_occurrences(void **state) {
  (void)state;
  assert_int_equal(hdx_text_count_nocase(T("Sun, the SUN; sunsun"), T("sUn")), 4);
  assert_int_equal(hdx_text_count_nocase(T("aaaa"), T("aa")), 2); /* they do not overlap */
  assert_int_equal(hdx_text_count_nocase(T("aab"), T("AB")), 1);
  assert_int_equal(hdx_text_count_nocase(T("ab"), T("abc")), 0);
  assert_int_equal(hdx_text_count_nocase(T("abc"), T("")), 0);
  assert_int_equal(hdx_text_count_nocase(T(""), T("a")), 0);
}

static void test_trim(void **state) {
  (void)state;
  assert_true(hdx_text_is(hdx_text_trim(T(" \t\r\na b\n ")), "a b"));
  assert_int_equal(hdx_text_trim(T(" \t ")).size, 0);
  assert_int_equal(hdx_text_trim(T("")).size, 0);
}

static void test_numbers(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint64_t max;
    bool good;
    uint64_t value;
  } cases[] = {
      {"0", 0, true, 0},
      {"007", 7, true, 7},
      {"8", 7, false, 0},
      {"255", 255, true, 255},
      {"256", 255, false, 0},
      {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
      {"18446744073709551616", UINT64_MAX, false, 0},
      {"99999999999999999999", UINT64_MAX, false, 0},
      {"9223372036854775808", INT64_MAX, false, 0},
      {"", 9, false, 0},
      {"-1", 9, false, 0},
      {"+1", 9, false, 0},
      {"1 ", 9, false, 0},
      {"1a", 999, false, 0},
      {"5", 3, false, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint64_t value = 42;
    assert_int_equal(hdx_text_to_u64(T(cases[i].text), cases[i].max, &value), cases[i].good);
    assert_int_equal(value, cases[i].good ? cases[i].value : 42);
  }
}

static void test_dup(void **state) {
  (void)state;
  char *copy = hdx_text_dup(hdx_text_sub(T("abcdef"), 1, 4));
  assert_string_equal(copy, "bcd");
  free(copy);
  copy = hdx_text_dup((struct hdx_text){NULL, 0});
  assert_string_equal(copy, "");
  free(copy);
}

static void test_globs(void **state) {
  (void)state;
  static const struct {
    const char *pattern, *text;
    bool match;
  } cases[] = {
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"*", "a/b", true},
      {"a*c", "abbc", true},
      {"a*c", "abbd", false},
      {"a*b*c", "a1b2b3c", true},
      {"*.fits", "s3://b/a.fits", true},
      {"*.fits", "s3://b/a.fits.gz", false},
      {"a?c", "abc", true},
      {"a?c", "ac", false},
      {"aia_0[0-9]9[!5]", "aia_0094", true},
      {"aia_0[0-9]9[!5]", "aia_0095", false},
      {"[]x]", "]", true},
      {"[^a]", "a", false},
      {"[a-", "[a-", true},
      {"[", "[", true},
      {"\\*", "*", true},
      {"\\*", "a", false},
      {"\\", "\\", true},
      {"AIA*", "aia_0094", false},
      {"**a", "ba", true},
      {"[b-d]", "e", false},
      {"[a-]", "-", true},
      {"?.cdf", "\xc3\xa4.cdf", true}, /* characters, not bytes */
      {"??.cdf", "\xc3\xa4.cdf", false},
      {"?", "\xe2\x82\xac", true},
      {"?", "\xf0\x9f\x8c\x9e", true},
      {"[\xc3\xa4\xc3\xb6]x", "\xc3\xb6x", true},
      {"[!\xc3\xa4]x", "\xc3\xb6x", true},
      {"[!\xc3\xa4]x", "\xc3\xa4x", false},
      {"[\xce\xb1-\xcf\x89]", "\xce\xb2", true},
      {"[a-z]", "\xc3\xa4", false},
      {"*?", "\xc3\xa4", true},
      {"\\\xc3\xa4", "\xc3\xa4", true},
      {"?", "\xc3", true}, /* no UTF-8: a byte */
      {"??", "\xa4\xff", true},
      {"[\xc3]", "\xc3", true},
      {"[\xc3]", "\xc3\xa4", false},
      {"?", "\xc3(", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (hdx_text_glob(T(cases[i].pattern), T(cases[i].text)) != cases[i].match)
      fail_msg("'%s' against '%s' should be %d", cases[i].pattern, cases[i].text, cases[i].match);
}

/* What takes other matchers exponential time takes this one a moment. */
static void test_hostile_globs_end(void **state) {
  (void)state;
  char pattern[201], text[5001];
  for (int i = 0; i < 200; i++)
    pattern[i] = i % 2 ? 'a' : '*';
  pattern[200] = 0;
  memset(text, 'a', 5000);
  text[4999] = 'b';
  text[5000] = 0;
  assert_false(hdx_text_glob(T(pattern), T(text)));
}

static void test_distances(void **state) {
  (void)state;
  assert_int_equal(hdx_text_distance(T("aia_0094"), T("AIA_0094")), 0);
  assert_int_equal(hdx_text_distance(T("aia_0094"), T("aia_094")), 1);
  assert_int_equal(hdx_text_distance(T("aia_0094"), T("aai_0094")), 1);
  assert_int_equal(hdx_text_distance(T("kitten"), T("sitting")), 3);
  assert_int_equal(hdx_text_distance(T(""), T("abc")), 3);
  assert_int_equal(hdx_text_distance(T("abc"), T("")), 3);
  assert_int_equal(hdx_text_distance(T("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklm"), T("a")),
                   64);
}

/* As RFC 3629, 3 has it, in `size` bytes, be that the shortest form or not. */
static struct hdx_text encode(uint32_t point, size_t size, char out[4]) {
  static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t i = size; i-- > 1; point >>= 6)
    out[i] = (char)(0x80 | (point & 0x3f));
  out[0] = (char)(leads[size] | point);
  return (struct hdx_text){out, size};
}

static void test_characters_of_utf8(void **state) {
  char out[4];
  (void)state;
  for (uint32_t point = 0; point < 0x140000; point++) {
    size_t least = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    bool exists = point < 0x110000 && (point < 0xd800 || point > 0xdfff);
    for (size_t size = least; size <= 4; size++) {
      struct hdx_text text = encode(point, size, out);
      assert_int_equal(hdx_text_utf8(text, 0), exists && size == least ? size : 0);
      text.size--;
      assert_int_equal(hdx_text_utf8(text, 0), 0);
    }
  }
  assert_int_equal(hdx_text_utf8(T("a\xc3\xa9"), 1), 2);
  assert_int_equal(hdx_text_utf8(T("a\xc3\xa9"), 2), 0);
  assert_int_equal(hdx_text_utf8(T("\xc3("), 0), 0);
  assert_int_equal(hdx_text_utf8(T("\xff"), 0), 0);
  assert_int_equal(hdx_text_utf8(T("a"), 1), 0);
}

static void test_shown(void **state) {
  (void)state;
  char out[12];
  assert_string_equal(hdx_text_show(HDX_TEXT("a\n\x7f b"), out, sizeof out), "a%0A%7F b");
  assert_string_equal(hdx_text_show(HDX_TEXT("twelve bytes"), out, sizeof out), "twelve byte");
  assert_string_equal(hdx_text_show(HDX_TEXT("12345678\x1b\n"), out, sizeof out), "12345678%1B");
  assert_string_equal(hdx_text_show(HDX_TEXT("123456789\x1b"), out, sizeof out),
                      "123456789"); /* nothing is cut in two */
  assert_string_equal(hdx_text_show(HDX_TEXT("\x1b"), out, 1), "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_views),
      cmocka_unit_test(test_order_is_of_unsigned_bytes),
      cmocka_unit_test(test_beginnings_and_ends),
      cmocka_unit_test(test_case_is_of_ascii_letters),
      cmocka_unit_test(test_occurrences),
      cmocka_unit_test(test_trim),
      cmocka_unit_test(test_numbers),
      cmocka_unit_test(test_dup),
      cmocka_unit_test(test_globs),
      cmocka_unit_test(test_hostile_globs_end),
      cmocka_unit_test(test_distances),
      cmocka_unit_test(test_shown),
      cmocka_unit_test(test_characters_of_utf8),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
