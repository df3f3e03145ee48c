/* Sums of rows by the unit of time that they start in, or of all of them. */
#ifndef HDX_SNAPSHOT_COUNTS_H
#define HDX_SNAPSHOT_COUNTS_H

#include "heliodex.h"

/* The rows that start in [from, last], both included. */
struct hdx_count {
  int64_t from, last;
  struct hdx_summary sum;
};

struct hdx_counts {
  bool all; /* one sum of all rows, whatever the unit */
  enum hdx_unit unit;
  struct hdx_count *list; /* those in which there are rows, ascending */
  size_t count, capacity;
  size_t at; /* the one that was looked for last: rows of a unit stand together */
};

/* Nothing is counted yet; `unit` NULL: all rows together. */
void hdx_counts_init(struct hdx_counts *counts, const enum hdx_unit *unit);
void hdx_counts_deinit(struct hdx_counts *counts);

/* The sum of the unit in which rows with this start are, without rows if it is new. Lives until the next call. NULL:
 * out of memory. */
struct hdx_count *hdx_counts_find(struct hdx_counts *counts, int64_t start);

/* Adds rows. MEMORY. */
enum hdx_status hdx_counts_add(struct hdx_counts *counts, const struct hdx_batch *batch, struct hdx_error *error);
/* Adds a sum of rows that are all in the unit. */
void hdx_count_add(struct hdx_count *count, const struct hdx_summary *sum);
/* All rows together. */
struct hdx_summary hdx_counts_total(const struct hdx_counts *counts);

#endif
