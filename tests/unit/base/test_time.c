/* Times against tables and against the C library's calendar. */
#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

static int64_t utc(int year, int month, int day, int hour, int minute, int second) {
  struct tm tm = {
      .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute, .tm_sec = second};
  return (int64_t)timegm(&tm);
}

static unsigned read(const char *text, bool lenient, int64_t *time_ns, int *digits, size_t *at) {
  *time_ns = 1;
  *digits = -1;
  *at = 99;
  return hdx_time_read(hdx_text_of(text), lenient, time_ns, digits, at);
}

static void test_forms(void **state) {
  (void)state;
  static const struct {
    const char *text, *same; /* as YYYY-MM-DDThh:mm:ss.nnnnnnnnnZ */
    int digits;
  } cases[] = {
      {"2017", "2017-01-01T00:00:00.000000000Z", 0},
      {"2017Z", "2017-01-01T00:00:00.000000000Z", 0},
      {"2017-02", "2017-02-01T00:00:00.000000000Z", 0},
      {"2017-02Z", "2017-02-01T00:00:00.000000000Z", 0},
      {"2017-01-15", "2017-01-15T00:00:00.000000000Z", 0},
      {"2017-01-15Z", "2017-01-15T00:00:00.000000000Z", 0},
      {"2017-01-15T23", "2017-01-15T23:00:00.000000000Z", 0},
      {"2017-01-15T23Z", "2017-01-15T23:00:00.000000000Z", 0},
      {"2017-01-15T23:59", "2017-01-15T23:59:00.000000000Z", 0},
      {"2017-01-15T23:59Z", "2017-01-15T23:59:00.000000000Z", 0},
      {"2017-01-15T23:59:58", "2017-01-15T23:59:58.000000000Z", 0},
      {"2017-01-15T23:59:58Z", "2017-01-15T23:59:58.000000000Z", 0},
      {"2017-01-15T23:59:58.7Z", "2017-01-15T23:59:58.700000000Z", 1},
      {"2017-01-15T23:59:58.000Z", "2017-01-15T23:59:58.000000000Z", 0},
      {"2017-01-15T23:59:58.120Z", "2017-01-15T23:59:58.120000000Z", 2},
      {"2017-01-15T23:59:58.000001", "2017-01-15T23:59:58.000001000Z", 6},
      {"2017-01-15T23:59:58.123456789Z", "2017-01-15T23:59:58.123456789Z", 9},
      {"2017-001", "2017-01-01T00:00:00.000000000Z", 0},
      {"2017-032T12:00Z", "2017-02-01T12:00:00.000000000Z", 0},
      {"2016-366Z", "2016-12-31T00:00:00.000000000Z", 0},
      {"2017-365T23:59:59Z", "2017-12-31T23:59:59.000000000Z", 0},
      {"2016-12-31T24:00Z", "2017-01-01T00:00:00.000000000Z", 0},
      {"2016-12-31T24", "2017-01-01T00:00:00.000000000Z", 0},
      {"2016-12-31T24:00:00.000Z", "2017-01-01T00:00:00.000000000Z", 0},
      {"2000-02-29", "2000-02-29T00:00:00.000000000Z", 0},
      {"1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000000Z", 1},
      {"1677-09-21T00:12:43.145224194Z", "1677-09-21T00:12:43.145224194Z", 9},
      {"1678-01-01", "1678-01-01T00:00:00.000000000Z", 0},
      {"2261-12-31T23:59:59.999999999Z", "2261-12-31T23:59:59.999999999Z", 9},
      {"2261-12-31T24:00Z", "2262-01-01T00:00:00.000000000Z", 0},
      {"2262-04-11T23:47:16.854775807Z", "2262-04-11T23:47:16.854775807Z", 9},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int lenient = 0; lenient < 2; lenient++) {
      int64_t time_ns;
      int digits;
      size_t at;
      char text[HDX_TIME_TEXT_MAX];
      unsigned notes = read(cases[i].text, lenient, &time_ns, &digits, &at);
      assert_int_equal(notes & ~(unsigned)(HDX_TIME_DATE | HDX_TIME_HOUR_24), 0);
      assert_int_equal(digits, cases[i].digits);
      hdx_time_format(time_ns, 9, text);
      assert_string_equal(text, cases[i].same);
    }
}

static void test_what_is_mended(void **state) {
  (void)state;
  static const struct {
    const char *text;
    unsigned strict, lenient;
    const char *same;
    int digits;
  } cases[] = {
      {"1996-01-01T00:00.00Z", HDX_TIME_MALFORMED, HDX_TIME_DOT, "1996-01-01T00:00:00.000000000Z", 0},
      {"1996-01-01T01.02.03.5Z", HDX_TIME_MALFORMED, HDX_TIME_DOT, "1996-01-01T01:02:03.500000000Z", 1},
      {"2023-05-04:00:00:07Z", HDX_TIME_MALFORMED, HDX_TIME_SEPARATOR, "2023-05-04T00:00:07.000000000Z", 0},
      {"2023-05-04:00:00.07Z", HDX_TIME_MALFORMED, HDX_TIME_SEPARATOR | HDX_TIME_DOT, "2023-05-04T00:00:07.000000000Z",
       0},
      {"2023-05-04 01:02", HDX_TIME_MALFORMED, HDX_TIME_SEPARATOR, "2023-05-04T01:02:00.000000000Z", 0},
      {"2023-05-04t01:02z", HDX_TIME_MALFORMED, HDX_TIME_SEPARATOR, "2023-05-04T01:02:00.000000000Z", 0},
      {"2023-05-04T01:02:03z", HDX_TIME_MALFORMED, HDX_TIME_SEPARATOR, "2023-05-04T01:02:03.000000000Z", 0},
      {"2017", HDX_TIME_DATE, HDX_TIME_DATE, "2017-01-01T00:00:00.000000000Z", 0},
      {"1980-01-01", HDX_TIME_DATE, HDX_TIME_DATE, "1980-01-01T00:00:00.000000000Z", 0},
      {"1980-032Z", HDX_TIME_DATE, HDX_TIME_DATE, "1980-02-01T00:00:00.000000000Z", 0},
      {"1980-01-01z", HDX_TIME_MALFORMED, HDX_TIME_DATE | HDX_TIME_SEPARATOR, "1980-01-01T00:00:00.000000000Z", 0},
      {"1980-01-01T00Z", 0, 0, "1980-01-01T00:00:00.000000000Z", 0},
      {"1980-01-01T24Z", HDX_TIME_HOUR_24, HDX_TIME_HOUR_24, "1980-01-02T00:00:00.000000000Z", 0},
      {"1980-01-01 24.00:00Z", HDX_TIME_MALFORMED, HDX_TIME_HOUR_24 | HDX_TIME_SEPARATOR | HDX_TIME_DOT,
       "1980-01-02T00:00:00.000000000Z", 0},
      {"2016-12-31T23:59:60Z", HDX_TIME_LEAP_SECOND, HDX_TIME_LEAP_SECOND, "2016-12-31T23:59:59.999999999Z", 9},
      {"2016-12-31T23:59:60.25Z", HDX_TIME_LEAP_SECOND, HDX_TIME_LEAP_SECOND, "2016-12-31T23:59:59.999999999Z", 9},
      {"2016-12-31:23:59:60Z", HDX_TIME_MALFORMED, HDX_TIME_LEAP_SECOND | HDX_TIME_SEPARATOR,
       "2016-12-31T23:59:59.999999999Z", 9},
      {"9999-12-31T23:59:59Z", HDX_TIME_SATURATED_LATE, HDX_TIME_SATURATED_LATE, "2262-04-11T23:47:16.854775807Z", 0},
      {"2262-04-11T23:47:16.854775808Z", HDX_TIME_SATURATED_LATE, HDX_TIME_SATURATED_LATE,
       "2262-04-11T23:47:16.854775807Z", 9},
      {"0000", HDX_TIME_SATURATED_EARLY | HDX_TIME_DATE, HDX_TIME_SATURATED_EARLY | HDX_TIME_DATE,
       "1677-09-21T00:12:43.145224194Z", 0},
      {"1677-09-21T00:12:43.145224193Z", HDX_TIME_SATURATED_EARLY, HDX_TIME_SATURATED_EARLY,
       "1677-09-21T00:12:43.145224194Z", 9},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int64_t time_ns;
    int digits;
    size_t at;
    char text[HDX_TIME_TEXT_MAX];
    assert_int_equal(read(cases[i].text, false, &time_ns, &digits, &at), cases[i].strict);
    assert_int_equal(read(cases[i].text, true, &time_ns, &digits, &at), cases[i].lenient);
    hdx_time_format(time_ns, 9, text);
    assert_string_equal(text, cases[i].same);
    assert_int_equal(digits, cases[i].digits);
  }
  int64_t latest;
  int digits;
  size_t at;
  read("9999", true, &latest, &digits, &at);
  assert_int_equal(latest, HDX_TIME_MAX);
  read("0001", true, &latest, &digits, &at);
  assert_int_equal(latest, HDX_TIME_MIN);
}

static void test_what_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t at;
    unsigned note;
  } cases[] = {
      {"", 0, HDX_TIME_MALFORMED},
      {"static", 0, HDX_TIME_MALFORMED},
      {"201", 3, HDX_TIME_MALFORMED},
      {"20170", 4, HDX_TIME_MALFORMED},
      {"20170115", 4, HDX_TIME_MALFORMED},
      {"2017-", 5, HDX_TIME_MALFORMED},
      {"2017-1", 6, HDX_TIME_MALFORMED},
      {"2017-13-01", 5, HDX_TIME_MALFORMED},
      {"2017-00-01", 5, HDX_TIME_MALFORMED},
      {"2017-02-29", 8, HDX_TIME_MALFORMED},
      {"2100-02-29", 8, HDX_TIME_MALFORMED},
      {"2017-04-31", 8, HDX_TIME_MALFORMED},
      {"2017-04-00", 8, HDX_TIME_MALFORMED},
      {"2017-000", 5, HDX_TIME_MALFORMED},
      {"2017-366", 5, HDX_TIME_MALFORMED},
      {"2017-0011", 5, HDX_TIME_MALFORMED},
      {"2017T00:00Z", 4, HDX_TIME_MALFORMED},
      {"2017-01T00:00Z", 7, HDX_TIME_MALFORMED},
      {"2017-01-15T", 11, HDX_TIME_MALFORMED},
      {"2017-01-15T25:00Z", 11, HDX_TIME_MALFORMED},
      {"2017-01-15T24:00:01Z", 11, HDX_TIME_MALFORMED},
      {"2017-01-15T23:60Z", 14, HDX_TIME_MALFORMED},
      {"2017-01-15T23:5", 15, HDX_TIME_MALFORMED},
      {"2017-01-15T23:59:61Z", 17, HDX_TIME_MALFORMED},
      {"2017-01-15T23:59:58,5Z", 19, HDX_TIME_MALFORMED},
      {"2017-01-15T23:59:58.1234567890Z", 29, HDX_TIME_MALFORMED},
      {"2017-01-15ZZ", 10, HDX_TIME_MALFORMED},
      {"2017-01-15 ", 11, HDX_TIME_MALFORMED},
      {" 2017-01-15", 0, HDX_TIME_MALFORMED},
      {"2017-01-15+01:00", 10, HDX_TIME_OFFSET},
      {"2017-01-15T23+01", 13, HDX_TIME_OFFSET},
      {"2017-01-15T23:59:58+00:00", 19, HDX_TIME_OFFSET},
      {"2017-01-15T23:59:58.5-0100", 21, HDX_TIME_OFFSET},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int64_t time_ns;
    int digits;
    size_t at;
    assert_int_equal(read(cases[i].text, true, &time_ns, &digits, &at), cases[i].note);
    assert_int_equal(at, cases[i].at);
    assert_int_equal(time_ns, 1);
    assert_int_equal(digits, -1);
    assert_int_equal(hdx_time_parse(hdx_text_of(cases[i].text), &time_ns, NULL), HDX_USAGE);
    assert_int_equal(time_ns, 1);
  }
}

static void test_parse_says_what_is_wrong(void **state) {
  (void)state;
  struct hdx_error error;
  int64_t time_ns = 1;
  assert_int_equal(hdx_time_parse(HDX_TEXT("2017-01-15T23:00Z"), &time_ns, &error), HDX_OK);
  assert_int_equal(time_ns, utc(2017, 1, 15, 23, 0, 0) * HDX_SECOND_NS);
  assert_int_equal(hdx_time_parse(HDX_TEXT("2017-01-32"), &time_ns, &error), HDX_USAGE);
  assert_non_null(strstr(error.message, "'2017-01-32': expected a time in UTC as YYYY-MM-DDThh:mm:ss.sssZ"));
  assert_non_null(strstr(error.message, "from character 9 on"));
  assert_int_equal(hdx_time_parse(HDX_TEXT("2017-01-15T00:00+02:00"), &time_ns, &error), HDX_USAGE);
  assert_non_null(strstr(error.message, "found an offset at character 17"));
  assert_int_equal(hdx_time_parse(HDX_TEXT("2300"), &time_ns, &error), HDX_USAGE);
  assert_non_null(strstr(error.message, "1678 to 2261"));
  assert_int_equal(time_ns, utc(2017, 1, 15, 23, 0, 0) * HDX_SECOND_NS);
}

static uint64_t next(uint64_t *seed) {
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  return *seed >> 11 ^ *seed << 40;
}

static void test_format_against_the_c_library(void **state) {
  (void)state;
  uint64_t seed = 3;
  for (int i = 0; i < 20000; i++) {
    int64_t time_ns = (int64_t)next(&seed), seconds = time_ns / HDX_SECOND_NS, nanos = time_ns % HDX_SECOND_NS, again;
    if (time_ns < HDX_TIME_MIN + HDX_SECOND_NS)
      continue; /* its whole second is out of range */
    if (nanos < 0) {
      nanos += HDX_SECOND_NS;
      seconds--;
    }
    time_t when = (time_t)seconds;
    struct tm tm;
    assert_non_null(gmtime_r(&when, &tm));
    for (int digits = 0; digits <= 9; digits += 3) {
      static const int64_t cuts[] = {1000000000, 1000000, 1000, 1};
      char expected[96], text[HDX_TIME_TEXT_MAX], decimals[16];
      int64_t cut = cuts[digits / 3];
      snprintf(decimals, sizeof decimals, ".%09lld", (long long)nanos);
      size_t n = strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S", &tm);
      snprintf(expected + n, sizeof expected - n, "%.*sZ", digits ? digits + 1 : 0, decimals);
      assert_int_equal(hdx_time_format(time_ns, digits, text), strlen(expected));
      assert_string_equal(text, expected);
      assert_int_equal(hdx_time_parse(hdx_text_of(text), &again, NULL), HDX_OK);
      assert_int_equal(again, time_ns - (time_ns % cut + cut) % cut);
    }
    assert_int_equal(hdx_time_year(time_ns), tm.tm_year + 1900);
  }
}

/* Every day that int64 holds, and the days of the year beside their dates. */
static void test_every_day_against_the_c_library(void **state) {
  (void)state;
  for (int year = 1678; year <= 2262; year++)
    for (unsigned month = 1; month <= 12; month++) {
      unsigned days = hdx_time_month_days(year, month);
      assert_int_equal(utc(year, (int)month, (int)days, 0, 0, 0) + 86400, utc(year, (int)month + 1, 1, 0, 0, 0));
      for (unsigned day = 1; day <= days && (year < 2262 || month < 4); day++) {
        char text[HDX_TIME_TEXT_MAX], expected[64];
        assert_int_equal(hdx_time_day(year, month, day) * 86400, utc(year, (int)month, (int)day, 0, 0, 0));
        hdx_time_format(hdx_time_day(year, month, day) * HDX_DAY_NS, 0, text);
        snprintf(expected, sizeof expected, "%d-%02u-%02uT00:00:00Z", year, month, day);
        assert_string_equal(text, expected);
      }
    }
  for (int year = 1999; year <= 2001; year++)
    for (int day = 1; day <= (year == 2000 ? 366 : 365); day++) {
      char text[32];
      int64_t time_ns;
      snprintf(text, sizeof text, "%04d-%03d", year, day);
      assert_int_equal(hdx_time_parse(hdx_text_of(text), &time_ns, NULL), HDX_OK);
      assert_int_equal(time_ns, utc(year, 1, day, 0, 0, 0) * HDX_SECOND_NS);
    }
}

static void test_years(void **state) {
  (void)state;
  for (int year = 1678; year <= 2262; year++) {
    int64_t first = hdx_time_of_year(year);
    assert_int_equal(first, utc(year, 1, 1, 0, 0, 0) * HDX_SECOND_NS);
    assert_int_equal(hdx_time_year(first), year);
    assert_int_equal(hdx_time_year(first - 1), year - 1);
  }
  assert_int_equal(hdx_time_of_year(1677), HDX_TIME_MIN);
  assert_int_equal(hdx_time_of_year(INT32_MIN), HDX_TIME_MIN);
  assert_int_equal(hdx_time_of_year(2263), HDX_TIME_MAX);
  assert_int_equal(hdx_time_of_year(INT32_MAX), HDX_TIME_MAX);
  assert_int_equal(hdx_time_year(HDX_TIME_MIN), 1677);
  assert_int_equal(hdx_time_year(HDX_TIME_MAX), 2262);
}

static void test_now(void **state) {
  (void)state;
  int64_t before = (int64_t)time(NULL), now = hdx_time_now(), after = (int64_t)time(NULL);
  assert_in_range((uint64_t)(now / HDX_SECOND_NS), (uint64_t)before - 1, (uint64_t)after + 1);
}

static void test_times_of_the_system(void **state) {
  (void)state;
  assert_int_equal(hdx_time_of_timespec(&(struct timespec){1583020801, 5}), INT64_C(1583020801000000005));
  assert_int_equal(hdx_time_of_timespec(&(struct timespec){-1, 999999999}), -1);
  assert_int_equal(hdx_time_of_timespec(&(struct timespec){INT64_MAX / HDX_SECOND_NS, 854775807}), INT64_MAX);
  assert_int_equal(hdx_time_of_timespec(&(struct timespec){INT64_MAX / HDX_SECOND_NS, 854775808}), HDX_TIME_NONE);
  assert_int_equal(hdx_time_of_timespec(&(struct timespec){INT64_MIN / HDX_SECOND_NS - 1, 0}), HDX_TIME_NONE);
  assert_int_equal(hdx_time_of_timespec(&(struct timespec){INT64_MAX, 0}), HDX_TIME_NONE);
}

static void test_digits(void **state) {
  (void)state;
  assert_int_equal(hdx_time_digits(0), 0);
  assert_int_equal(hdx_time_digits(-5 * HDX_SECOND_NS), 0);
  assert_int_equal(hdx_time_digits(120000000), 3);
  assert_int_equal(hdx_time_digits(-1000), 6);
  assert_int_equal(hdx_time_digits(1000000001), 9);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_forms),
      cmocka_unit_test(test_what_is_mended),
      cmocka_unit_test(test_what_is_refused),
      cmocka_unit_test(test_parse_says_what_is_wrong),
      cmocka_unit_test(test_format_against_the_c_library),
      cmocka_unit_test(test_every_day_against_the_c_library),
      cmocka_unit_test(test_years),
      cmocka_unit_test(test_now),
      cmocka_unit_test(test_times_of_the_system),
      cmocka_unit_test(test_digits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
