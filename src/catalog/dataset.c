/* The years of a dataset and the names of its index files. */
#include "catalog/dataset.h"

#include "base/error.h"
#include "base/time.h"

enum { FIRST_YEAR = 1957 /* Sputnik 1 */, ID_BYTES_MAX = 200 };

static int later(int a, int b) {
  return a > b ? a : b;
}

static int earlier(int a, int b) {
  return a < b ? a : b;
}

struct hdx_years hdx_dataset_years(int64_t catalog_start, int64_t catalog_stop, int64_t now, int64_t start,
                                   int64_t stop) {
  struct hdx_years years = {FIRST_YEAR, hdx_time_year(now) + 1}, none = {1, 0};
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
  /* An empty range asks too: a row that reaches over its instant overlaps it. */
  if (start != HDX_TIME_NONE && !multiyear)
    years.first = later(years.first, hdx_time_year(start) - 1);
  if (stop != HDX_TIME_NONE)
    years.last = earlier(years.last, hdx_time_year(stop - 1));
  return years.first <= years.last ? years : none;
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
    hdx_buffer_append_format(url, "_%04d.%s", year, types[i].ending);
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
