/* Which years a dataset has and a query wants, and the names of index files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catalog/dataset.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NONE HDX_TIME_NONE

/* Seconds since 1970, from date(1): New Year of each, and moments around it. */
#define Y(seconds) (INT64_C(seconds) * 1000000000)
#define Y1970 Y(0)
#define Y1995 Y(788918400)
#define Y2009 Y(1230768000)
#define Y2010 Y(1262304000)
#define Y2011 Y(1293840000)
#define Y2012 Y(1325376000)
#define Y2023 Y(1672531200)
#define Y2024 Y(1704067200)
#define MID2024 Y(1719792000)
#define Y2030 Y(1893456000)

static void assert_years(struct hdx_years years, int first, int last) {
  assert_int_equal(years.first > years.last, first > last);
  if (first <= last) {
    assert_int_equal(years.first, first);
    assert_int_equal(years.last, last);
  }
}

static void test_index_years(void **state) {
  (void)state;
  static const struct {
    int64_t catalog_start, catalog_stop, start, stop;
    int first, last;
  } rows[] = {
      {Y2010, Y2012, NONE, NONE, 2010, 2012}, /* the stop's own year is one of them */
      {Y2010, Y2012 - 1, NONE, NONE, 2010, 2011},
      {Y2010, Y2030, NONE, NONE, 2010, 2025},        /* this year + 1 */
      {Y2010, HDX_TIME_MAX, NONE, NONE, 2010, 2025}, /* 9999, saturated */
      {Y2010, NONE, NONE, NONE, 2010, 2025},         /* static */
      {NONE, Y1970, NONE, NONE, 1957, 1970},
      {NONE, NONE, NONE, NONE, 1957, 2025},
      {HDX_TIME_MIN + 1, Y1970, NONE, NONE, 1677, 1970},
      {HDX_TIME_STATIC, NONE, NONE, NONE, 0, 0}, /* one file without a year, whatever is asked */
      {HDX_TIME_STATIC, Y2010, Y2011, Y2012, 0, 0},
      {HDX_TIME_STATIC, NONE, Y2012, Y2011, 0, 0},
      {Y2012, Y2010, NONE, NONE, 1, 0},
      {Y2030, NONE, NONE, NONE, 1, 0},
      {Y2010, Y2024, Y2011, Y2012, 2011, 2011}, /* half-open */
      {Y2010, Y2024, Y2011, Y2012 + 1, 2011, 2012},
      {Y2010, Y2024, Y2011 - 1, NONE, 2010, 2024},
      {Y2010, Y2024, Y2023, NONE, 2023, 2024},
      {Y2010, Y2024, NONE, Y2011, 2010, 2010},
      {Y2010, Y2024, Y1995, Y2009, 1, 0},
      {Y2010, Y2024, Y2012, Y2012, 1, 0},
      {Y2010, Y2024, Y2012 + 5, Y2012 + 5, 1, 0},
      {Y2010, Y2024, Y2012, Y2011, 1, 0},
      {Y2010, Y2024, HDX_TIME_MIN, HDX_TIME_MAX, 2010, 2024},
      {Y2010, Y2024, NONE, HDX_TIME_MIN, 1, 0},
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    assert_years(hdx_dataset_years(rows[i].catalog_start, rows[i].catalog_stop, MID2024, rows[i].start, rows[i].stop),
                 rows[i].first, rows[i].last);
}

static void test_query_years(void **state) {
  (void)state;
  static const struct {
    int64_t catalog_start, catalog_stop;
    bool multiyear;
    int64_t start, stop;
    int first, last;
  } rows[] = {
      {Y1995, NONE, false, Y2011, Y2012, 2010, 2011},
      {HDX_TIME_STATIC, NONE, false, Y2011, Y2012, 0, 0},
      {HDX_TIME_STATIC, Y1995, true, Y2011, Y1995, 0, 0},
      {Y1995, NONE, false, Y2011, Y2011 + 1, 2010, 2011},
      {Y1995, NONE, false, Y2011 - 1, Y2012 + 1, 2009, 2012},
      {Y1995, NONE, false, Y2011, Y2011, 2010, 2010}, /* what reaches over New Year's instant */
      {Y1995, NONE, true, Y2011, Y2012, 1995, 2011},
      {Y1995, NONE, true, NONE, NONE, 1995, 2025},
      {Y1995, NONE, false, NONE, NONE, 1995, 2025},
      {Y1995, NONE, false, Y2011, NONE, 2010, 2025},
      {Y1995, NONE, false, NONE, Y2011, 1995, 2010},
      {Y2011, Y2023, false, Y2011, Y2024, 2011, 2023},
      {Y2011, Y2023, false, Y1995, Y2009, 1, 0},
      {Y2011, Y2023, false, Y2024, Y2030, 2023, 2023},
      {Y2011, Y2023, false, Y2030, NONE, 1, 0},
      {Y2011, Y2023, false, HDX_TIME_MIN, HDX_TIME_MAX, 2011, 2023},
      {Y2011, Y2023, true, NONE, HDX_TIME_MIN, 1, 0},
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    assert_years(hdx_dataset_query_years(rows[i].catalog_start, rows[i].catalog_stop, rows[i].multiyear, MID2024,
                                         rows[i].start, rows[i].stop),
                 rows[i].first, rows[i].last);
}

static void test_static(void **state) {
  (void)state;
  static const struct {
    const char *start_text, *stop_text;
    int64_t start, catalog_start;
  } rows[] = {
      {"2010-01-01Z", "2012-01-01Z", Y2010, Y2010},
      {"static", "static", NONE, HDX_TIME_STATIC},
      {" Static", "", NONE, HDX_TIME_STATIC},
      {"2010-01-01Z", "STATIC ", Y2010, HDX_TIME_STATIC},
      {"", "2012-01-01Z", NONE, NONE},
      {"statics", "2012-01-01Z", NONE, NONE},
      {"1600-01-01Z", "2012-01-01Z", HDX_TIME_MIN, HDX_TIME_MIN + 1}, /* a time, if one that is out of range */
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    const struct hdx_dataset dataset = {.start_text = hdx_text_of(rows[i].start_text),
                                        .stop_text = hdx_text_of(rows[i].stop_text),
                                        .start = rows[i].start};
    assert_true(hdx_dataset_catalog_start(&dataset) == rows[i].catalog_start);
  }
  char name[HDX_YEAR_NAME_MAX];
  assert_string_equal(hdx_dataset_year_name(2010, name), "2010");
  assert_string_equal(hdx_dataset_year_name(0, name), "the file without a year");
}

static void test_urls(void **state) {
  (void)state;
  static const struct {
    const char *index, *id, *type;
    int year;
    const char *url;
  } rows[] = {
      {"s3://b/x/", "aia_0094", "csv", 2010, "s3://b/x/aia_0094_2010.csv"},
      {"s3://b/x/", "a", "CSV", 987, "s3://b/x/a_0987.csv"},
      {"https://h/", "a-B", " csv-ZIP ", 2010, "https://h/a-B_2010.csv.zip"},
      {"s3://b/", "a", "Parquet", 2010, "s3://b/a_2010.parquet"},
      {"s3://b/", "a", "", 2010, "s3://b/a_2010.csv"},
      {"s3://b/", "a", "csv", 0, "s3://b/a_static.csv"},
      {"s3://b/", "a", "csv-zip", 0, "s3://b/a_static.csv.zip"},
  };
  struct hdx_buffer url;
  hdx_buffer_init(&url, 4096);
  for (size_t i = 0; i < COUNT(rows); i++) {
    hdx_buffer_clear(&url);
    assert_int_equal(hdx_dataset_year_url(hdx_text_of(rows[i].index), hdx_text_of(rows[i].id),
                                          hdx_text_of(rows[i].type), rows[i].year, &url, NULL),
                     HDX_OK);
    assert_string_equal(hdx_buffer_string(&url), rows[i].url);
  }
  struct hdx_error error;
  hdx_buffer_clear(&url);
  assert_int_equal(hdx_dataset_year_url(HDX_TEXT("s3://b/"), HDX_TEXT("a"), HDX_TEXT("xml"), 2010, &url, &error),
                   HDX_USAGE);
  assert_string_equal(error.message, "a: expected the index type csv, csv-zip or parquet, found 'xml'");
  assert_int_equal(url.size, 0);
  hdx_buffer_deinit(&url);
}

static void test_ids(void **state) {
  (void)state;
  char longest[202];
  memset(longest, 'a', sizeof longest);
  assert_true(hdx_dataset_id(HDX_TEXT("MMS1_FEEPS-BRST_09")));
  assert_true(hdx_dataset_id((struct hdx_text){longest, 200}));
  assert_false(hdx_dataset_id((struct hdx_text){longest, 201}));
  static const char *const no[] = {"",         ".",   "..", "a b", "a/b", "a.b", "a+",
                                   "\xc3\xa9", "a\n", "@",  "[",   "`",   "{",   "\xe1"};
  for (size_t i = 0; i < COUNT(no); i++)
    assert_false(hdx_dataset_id(hdx_text_of(no[i])));
  assert_false(hdx_dataset_id((struct hdx_text){"a\0b", 3}));
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_index_years), cmocka_unit_test(test_query_years), cmocka_unit_test(test_static),
      cmocka_unit_test(test_urls),        cmocka_unit_test(test_ids),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
