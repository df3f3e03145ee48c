/* Which index files a dataset has: its years, and where they lie. Pure. */
#ifndef HDX_CATALOG_DATASET_H
#define HDX_CATALOG_DATASET_H

#include "base/arena.h"
#include "base/buffer.h"

/* Years first … last, both included; none if first > last. {0, 0}: the one file without a year. */
struct hdx_years {
  int first, last;
};

/* The time by which years are counted: `now`, or when this was written, if a machine's clock is behind that (as those
 * are that have lost it). Else nothing of an archive would have been made yet, and every answer would be empty. */
int64_t hdx_dataset_clock(int64_t now);

/* The years that `index` wants: from the catalog's start to min(its stop, this year + 1), narrowed to those that
 * [start, stop) names (HDX_TIME_NONE: not narrowed). A catalog start that is not a time means from 1957 (the first
 * space mission), a stop that is not one means this year + 1. A catalog start of HDX_TIME_STATIC: the file without a
 * year, whatever else is given. */
struct hdx_years hdx_dataset_years(int64_t catalog_start, int64_t catalog_stop, int64_t now, int64_t start,
                                   int64_t stop);

/* The years that a query of [start, stop) wants: year(start) - 1 … year(stop - 1 ns) within hdx_dataset_years; from the
 * catalog's first for a multiyear dataset. */
struct hdx_years hdx_dataset_query_years(int64_t catalog_start, int64_t catalog_stop, bool multiyear, int64_t now,
                                         int64_t start, int64_t stop);

/* The catalog's start of a dataset as the functions above take it: HDX_TIME_STATIC if it says "static" for start or
 * stop (of models without time; specification before 1.0), and never that for a time. */
int64_t hdx_dataset_catalog_start(const struct hdx_dataset *dataset);

#define HDX_YEAR_NAME_MAX 32
/* A year in a sentence: "2020", or "the file without a year" for 0. Returns `out`. */
const char *hdx_dataset_year_name(int year, char out[HDX_YEAR_NAME_MAX]);

/* Appends what a year's index file is called by behind the dataset's id: "_YYYY", or "_static" for year 0. */
void hdx_dataset_append_year(struct hdx_buffer *name, int year);

/* Appends the location of a year's index file, "<index><id>_YYYY.csv", or "<index><id>_static.csv" for year 0 (the
 * ending by index type: csv, csv-zip → .csv.zip, parquet → .parquet; in any letter case). USAGE: another index type. */
enum hdx_status hdx_dataset_year_url(struct hdx_text index, struct hdx_text id, struct hdx_text indextype, int year,
                                     struct hdx_buffer *url, struct hdx_error *error);

/* Whether the text may be a dataset's id: letters, digits, dash, underscore (1 to 200 of them). */
bool hdx_dataset_id(struct hdx_text id);

#endif
