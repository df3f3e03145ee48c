/* The years of a dataset and the names of its index files. */
#include "catalog/dataset.h"

#include "base/error.h"
#include "base/time.h"

#include <stdio.h>

enum { FIRST_YEAR = 1957 /* Sputnik 1 */, ID_BYTES_MAX = 200 };

static int later(int a, int b) {
  return a > b ? a : b;
}

static int earlier(int a, int b) {
  return a < b ? a : b;
}

int64_t hdx_dataset_clock(int64_t now) {
  const int64_t written = INT64_C(1767225600) * HDX_SECOND_NS; /* 2026-01-01 */
  return now > written ? now : written;
}

struct hdx_years hdx_dataset_years(int64_t catalog_start, int64_t catalog_stop, int64_t now, int64_t start,
                                   int64_t stop) {
  struct hdx_years years = {FIRST_YEAR, hdx_time_year(now) + 1}, none = {1, 0}, without_year = {0, 0};
  if (catalog_start == HDX_TIME_STATIC)
    return without_year;
  if (catalog_start != HDX_TIME_NONE)
    years.first = hdx_time_year(catalog_start);
  if (catalog_stop != HDX_TIME_NONE)
    years.last = earlier(years.last, hdx_time_year(catalog_stop));
  if (start != HDX_TIME_NONE && stop != HDX_TIME_NONE && start >= stop)
    return none;
  if (start != HDX_TIME_NONE)
    years.first = later(years.first, hdx_time_year(start));
  if (stop != HDX_TIME_NONE)
    years.last = earlier(years.last, hdx_time_year(stop - 1));
  return years.first <= years.last ? years : none;
}

struct hdx_years hdx_dataset_query_years(int64_t catalog_start, int64_t catalog_stop, bool multiyear, int64_t now,
                                         int64_t start, int64_t stop) {
  struct hdx_years years = hdx_dataset_years(catalog_start, catalog_stop, now, HDX_TIME_NONE, HDX_TIME_NONE);
  struct hdx_years none = {1, 0};
  if (catalog_start == HDX_TIME_STATIC)
    return years;
  /* An empty range asks too: a row that reaches over its instant overlaps it. */
  if (start != HDX_TIME_NONE && !multiyear)
    years.first = later(years.first, hdx_time_year(start) - 1);
  if (stop != HDX_TIME_NONE)
    years.last = earlier(years.last, hdx_time_year(stop - 1));
  return years.first <= years.last ? years : none;
}

static bool is_static(struct hdx_text time) {
  return hdx_text_equal_nocase(hdx_text_trim(time), HDX_TEXT("static"));
}

int64_t hdx_dataset_catalog_start(const struct hdx_dataset *dataset) {
  if (is_static(dataset->start_text) || is_static(dataset->stop_text))
    return HDX_TIME_STATIC;
  return dataset->start == HDX_TIME_STATIC ? HDX_TIME_STATIC + 1 : dataset->start;
}

const char *hdx_dataset_year_name(int year, char out[HDX_YEAR_NAME_MAX]) {
  if (year)
    snprintf(out, HDX_YEAR_NAME_MAX, "%d", year);
  else
    snprintf(out, HDX_YEAR_NAME_MAX, "the file without a year");
  return out;
}

void hdx_dataset_append_year(struct hdx_buffer *name, int year) {
  if (year)
    hdx_buffer_append_format(name, "_%04d", year);
  else
    hdx_buffer_append_text(name, HDX_TEXT("_static"));
}

enum hdx_status hdx_dataset_year_url(struct hdx_text index, struct hdx_text id, struct hdx_text indextype, int year,
                                     struct hdx_buffer *url, struct hdx_error *error) {
  static const struct {
    struct hdx_text type;
    const char *ending;
  } types[] = {{{"", 0}, "csv"}, {{"csv", 3}, "csv"}, {{"csv-zip", 7}, "csv.zip"}, {{"parquet", 7}, "parquet"}};
  struct hdx_text type = hdx_text_trim(indextype);
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (!hdx_text_equal_nocase(type, types[i].type))
      continue;
    hdx_buffer_append_text(url, index);
    hdx_buffer_append_text(url, id);
    hdx_dataset_append_year(url, year);
    hdx_buffer_append_format(url, ".%s", types[i].ending);
    return hdx_buffer_status(url, "URL of an index file", error);
  }
  return hdx_error_set(error, HDX_USAGE, "%.*s: expected the index type csv, csv-zip or parquet, found '%.*s'",
                       HDX_TEXT_ARG(id), type.size < 100 ? (int)type.size : 100, type.data);
}

bool hdx_dataset_id(struct hdx_text id) {
  for (size_t i = 0; i < id.size; i++) {
    char c = id.data[i], lower = (char)(c | 0x20);
    if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
      return false;
  }
  return id.size >= 1 && id.size <= ID_BYTES_MAX;
}
