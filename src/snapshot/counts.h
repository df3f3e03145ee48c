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
  /* As their rows came, which mostly is ascending, and rows of a unit together; hdx_counts_settle sees to both. Some
   * may have no rows. */
  struct hdx_count *list;
  size_t count, capacity;
};

/* Nothing is counted yet; `unit` NULL: all rows together. */
void hdx_counts_init(struct hdx_counts *counts, const enum hdx_unit *unit);
void hdx_counts_deinit(struct hdx_counts *counts);

/* A sum of the unit in which rows with this start are. Lives until the next call. NULL: out of memory. */
struct hdx_count *hdx_counts_find(struct hdx_counts *counts, int64_t start);
/* Leaves one sum for each unit, ascending. */
void hdx_counts_settle(struct hdx_counts *counts);

/* Adds rows. MEMORY. */
enum hdx_status hdx_counts_add(struct hdx_counts *counts, const struct hdx_batch *batch, struct hdx_error *error);
/* Adds a sum of rows that are all in the unit. */
void hdx_count_add(struct hdx_count *count, const struct hdx_summary *sum);
/* All rows together. */
struct hdx_summary hdx_counts_total(const struct hdx_counts *counts);

#endif
