/* Counts of durations in buckets a sixteenth of a power of two wide, so that quantiles are right within 7 %. Pure. */
#ifndef HDX_TRANSFER_HISTOGRAM_H
#define HDX_TRANSFER_HISTOGRAM_H

#include <stdint.h>

enum { HDX_HISTOGRAM_STEPS = 16, HDX_HISTOGRAM_BUCKETS = 40 * HDX_HISTOGRAM_STEPS };

struct hdx_histogram {
  uint64_t count;
  uint32_t buckets[HDX_HISTOGRAM_BUCKETS];
};

/* Durations are in microseconds. */
void hdx_histogram_add(struct hdx_histogram *histogram, uint64_t us);
/* The duration that a share of `quantile` (0 to 1) does not exceed, in milliseconds; 0 without counts. */
double hdx_histogram_ms(const struct hdx_histogram *histogram, double quantile);

#endif
