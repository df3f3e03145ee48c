#include "transfer/histogram.h"

/* Below 16 µs a bucket a microsecond; above, the highest bit and the four bits behind it. */
static unsigned bucket_of(uint64_t us) {
  if (us < HDX_HISTOGRAM_STEPS)
    return (unsigned)us;
  unsigned top = 63u - (unsigned)__builtin_clzll(us);
  unsigned bucket = (top - 3) * HDX_HISTOGRAM_STEPS + (unsigned)((us >> (top - 4)) & (HDX_HISTOGRAM_STEPS - 1));
  return bucket < HDX_HISTOGRAM_BUCKETS ? bucket : HDX_HISTOGRAM_BUCKETS - 1;
}

static double value_of(unsigned bucket) {
  if (bucket < HDX_HISTOGRAM_STEPS)
    return bucket;
  unsigned top = bucket / HDX_HISTOGRAM_STEPS + 3;
  double low = (double)((uint64_t)(HDX_HISTOGRAM_STEPS + bucket % HDX_HISTOGRAM_STEPS) << (top - 4));
  return low + (double)((uint64_t)1 << (top - 4)) / 2;
}

void hdx_histogram_add(struct hdx_histogram *histogram, uint64_t us) {
  histogram->count++;
  histogram->buckets[bucket_of(us)]++;
}

double hdx_histogram_ms(const struct hdx_histogram *histogram, double quantile) {
  uint64_t want = (uint64_t)((double)histogram->count * quantile), seen = 0;
  for (unsigned i = 0; i < HDX_HISTOGRAM_BUCKETS && histogram->count; i++) {
    seen += histogram->buckets[i];
    if (seen > want || seen == histogram->count)
      return value_of(i) / 1000;
  }
  return 0;
}
