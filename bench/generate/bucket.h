/* The bucket that is made: its datasets, their index files, catalog and registry.
 *
 * A kind of dataset (aia.c, mms.c, daily.c, odd.c) opens a dataset, writes its years through gen_year_* and closes it,
 * which adds its entry, with the start and stop of what was written, to the catalog. */
#ifndef GEN_BUCKET_H
#define GEN_BUCKET_H

#include "base/buffer.h"
#include "random.h"
#include "text.h"
#include "tree.h"

#define GEN_BUCKET "gov-nasa-hdrl-data1"
#define GEN_ENDPOINT "s3://" GEN_BUCKET "/"
#define GEN_CDAWEB GEN_ENDPOINT "spdf/cdaweb/data/"

enum gen_kind { GEN_AIA, GEN_MMS, GEN_DAILY, GEN_KINDS };

/* How much of a kind to make. */
struct gen_amount {
  uint32_t datasets;
  uint32_t years;      /* only the last so many of each dataset; 0: all */
  uint32_t rows_scale; /* Q16: the share of each year's days; above one: more rows a day where the kind allows it */
};

struct gen_bucket {
  struct gen_tree tree;
  uint64_t seed;
  struct gen_amount amount[GEN_KINDS];
  struct hdx_buffer catalog; /* the entries so far */
  uint64_t datasets, files, rows, bytes;
};

/* Time is milliseconds since 1970. */
struct gen_dataset {
  char id[96], index[160], title[200];
  const char *filetype, *indextype;
  const char *extra_json; /* more members of the catalog entry, each with a comma and newline behind it; "" for none */
  const char *header;     /* the header line of every file, or NULL */
  enum gen_form form, catalog_form;
  bool checksums;   /* rows have checksum, checksum_algorithm and a count of records */
  int64_t modified; /* day */
  struct gen_template key;

  int64_t start, stop; /* what was written: the least start, the greatest stop */
  bool any;
  /* of the year being written */
  int year;
  uint64_t year_rows;
  struct gen_moment start_moment, stop_moment;
  struct gen_random check;
};

struct gen_row {
  int64_t start, stop;
  uint64_t size;
  const char *version;
  uint64_t records; /* where the dataset has checksums */
};

void gen_dataset_init(struct gen_dataset *dataset);

/* A year's file exists from its first row on. */
void gen_year_begin(struct gen_bucket *bucket, struct gen_dataset *dataset, int year);
/* Creates the file, for those who write its bytes themselves. */
void gen_year_create(struct gen_bucket *bucket, struct gen_dataset *dataset);
void gen_year_row(struct gen_bucket *bucket, struct gen_dataset *dataset, const struct gen_row *row);
enum hdx_status gen_year_end(struct gen_bucket *bucket, struct gen_dataset *dataset);

/* Makes [start, stop) count for what the catalog says of the dataset. */
void gen_dataset_cover(struct gen_dataset *dataset, int64_t start, int64_t stop);
/* Adds the catalog entry. */
enum hdx_status gen_dataset_end(struct gen_bucket *bucket, const struct gen_dataset *dataset);

/* The days of a year that a share (Q16) of it keeps, of `days` in all: the first `head` and those from `tail` on, so
 * that both ends of a year, where mistakes are, are there at any scale. At least one day is kept. */
struct gen_window {
  uint32_t head, tail;
};
struct gen_window gen_window_of(uint32_t days, uint32_t rows_scale);

static inline bool gen_window_has(struct gen_window window, uint32_t day) {
  return day < window.head || day >= window.tail;
}

/* Each makes dataset number `ordinal` of its kind, always the same one whatever else is made. */
enum hdx_status gen_aia(struct gen_bucket *bucket, uint32_t ordinal);
enum hdx_status gen_mms(struct gen_bucket *bucket, uint32_t ordinal);
enum hdx_status gen_daily(struct gen_bucket *bucket, uint32_t ordinal);
/* All the odd ones. */
enum hdx_status gen_odd(struct gen_bucket *bucket);

/* How many of the kind there can be. */
uint32_t gen_aia_max(void);
uint32_t gen_mms_max(void);
uint32_t gen_daily_max(void);

/* catalog.json and, last of all files, registry.json. */
enum hdx_status gen_bucket_finish(struct gen_bucket *bucket);

#endif
