/* Which index files a dataset has: its years, and where they lie. Pure. */
#ifndef HDX_CATALOG_DATASET_H
#define HDX_CATALOG_DATASET_H

#include "base/arena.h"
#include "base/buffer.h"

/* Years first … last, both included; none if first > last. */
struct hdx_years {
  int first, last;
};

/* The years that `index` wants: from the catalog's start to min(its stop, this year + 1), narrowed to those that
 * [start, stop) names (HDX_TIME_NONE: not narrowed). A catalog start that is not a time means from 1957 (the first
 * space mission), a stop that is not one means this year + 1. */
struct hdx_years hdx_dataset_years(int64_t catalog_start, int64_t catalog_stop, int64_t now, int64_t start,
                                   int64_t stop);

/* The years that a query of [start, stop) wants: year(start) - 1 … year(stop - 1 ns) within hdx_dataset_years; from the
 * catalog's first for a multiyear dataset. */
struct hdx_years hdx_dataset_query_years(int64_t catalog_start, int64_t catalog_stop, bool multiyear, int64_t now,
                                         int64_t start, int64_t stop);

/* Appends the location of a year's index file, "<index><id>_YYYY.csv" (the ending by index type: csv, csv-zip →
 * .csv.zip, parquet → .parquet; in any letter case). USAGE: another index type. */
enum hdx_status hdx_dataset_year_url(struct hdx_text index, struct hdx_text id, struct hdx_text indextype, int year,
                                     struct hdx_buffer *url, struct hdx_error *error);

/* Whether the text may be a dataset's id: letters, digits, dash, underscore (1 to 200 of them). */
bool hdx_dataset_id(struct hdx_text id);

#endif
