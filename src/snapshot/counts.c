/* Sums by calendar year, month or day. Of rows without time there is a unit of their own; the first and the last year
 * that can be told are cut where time ends. */
#include "snapshot/counts.h"

#include "base/error.h"
#include "base/time.h"

#include <assert.h>
#include <stdlib.h>

void hdx_counts_init(struct hdx_counts *counts, const enum hdx_unit *unit) {
  *counts = (struct hdx_counts){.all = !unit, .unit = unit ? *unit : HDX_UNIT_YEAR};
}

void hdx_counts_deinit(struct hdx_counts *counts) {
  free(counts->list);
  *counts = (struct hdx_counts){0};
}

/* ---- the calendar ---- */

/* The first instant of a day since 1970, within what can be told of rows with a time. */
static int64_t day_start(int64_t day) {
  int64_t start;
  if (__builtin_mul_overflow(day, HDX_DAY_NS, &start))
    return day < 0 ? HDX_TIME_STATIC + 1 : HDX_TIME_MAX;
  return start > HDX_TIME_STATIC ? start : HDX_TIME_STATIC + 1;
}

/* The days [*first, *next) of the unit that `day` is in. */
static void days_of(enum hdx_unit unit, int64_t day, int64_t *first, int64_t *next) {
  unsigned month, of_month;
  int year = hdx_time_date(day, &month, &of_month);
  if (unit == HDX_UNIT_YEAR) {
    *first = hdx_time_day(year, 1, 1);
    *next = hdx_time_day(year + 1, 1, 1);
  } else if (unit == HDX_UNIT_MONTH) {
    *first = hdx_time_day(year, month, 1);
    *next = *first + hdx_time_month_days(year, month);
  } else {
    *first = day;
    *next = day + 1;
  }
}

static struct hdx_count unit_of(const struct hdx_counts *counts, int64_t start) {
  struct hdx_count count = {
      .from = INT64_MIN, .last = INT64_MAX, .sum = {.first = HDX_TIME_NONE, .last = HDX_TIME_NONE}};
  int64_t first, next;
  if (counts->all)
    return count;
  if (start == HDX_TIME_STATIC) {
    count.from = count.last = start;
    return count;
  }
  days_of(counts->unit, start / HDX_DAY_NS - (start % HDX_DAY_NS < 0), &first, &next);
  count.from = day_start(first);
  count.last = day_start(next);
  count.last -= count.last < HDX_TIME_MAX;
  return count;
}

/* ---- finding and adding ---- */

static int by_start(const void *a, const void *b) {
  const struct hdx_count *x = a, *y = b;
  return (x->from > y->from) - (x->from < y->from);
}

void hdx_counts_settle(struct hdx_counts *counts) {
  size_t kept = 0;
  bool ordered = true;
  assert(counts->list || !counts->count);
  for (size_t i = 1; ordered && i < counts->count; i++)
    ordered = counts->list[i - 1].from < counts->list[i].from;
  if (ordered)
    return;
  qsort(counts->list, counts->count, sizeof *counts->list, by_start);
  for (size_t i = 1; i < counts->count; i++)
    if (counts->list[i].from == counts->list[kept].from)
      hdx_count_add(&counts->list[kept], &counts->list[i].sum);
    else
      counts->list[++kept] = counts->list[i];
  counts->count = kept + 1;
}

/* Units that came again and again leave room when they are put together. */
static bool make_room(struct hdx_counts *counts) {
  hdx_counts_settle(counts);
  if (counts->count < counts->capacity / 2)
    return true;
  size_t capacity = counts->capacity ? 2 * counts->capacity : counts->all ? 1 : 16;
  struct hdx_count *list = realloc(counts->list, capacity * sizeof *list);
  if (!list)
    return false;
  counts->list = list;
  counts->capacity = capacity;
  return true;
}

struct hdx_count *hdx_counts_find(struct hdx_counts *counts, int64_t start) {
  start = start < HDX_TIME_STATIC ? HDX_TIME_STATIC : start; /* none is in a sound file */
  struct hdx_count *last = counts->count ? &counts->list[counts->count - 1] : NULL;
  if (last && start >= last->from && start <= last->last)
    return last;
  if (counts->count == counts->capacity && !make_room(counts))
    return NULL;
  assert(counts->list);
  counts->list[counts->count] = unit_of(counts, start);
  return &counts->list[counts->count++];
}

static void add_bytes(struct hdx_summary *sum, uint64_t bytes) {
  if (__builtin_add_overflow(sum->bytes, bytes, &sum->bytes))
    sum->bytes = UINT64_MAX;
}

static void add_times(struct hdx_summary *sum, int64_t first, int64_t last) {
  if (sum->first == HDX_TIME_NONE || first < sum->first)
    sum->first = first;
  if (sum->last == HDX_TIME_NONE || last > sum->last)
    sum->last = last;
}

enum hdx_status hdx_counts_add(struct hdx_counts *counts, const struct hdx_batch *batch, struct hdx_error *error) {
  for (size_t i = 0; i < batch->count; i++) {
    struct hdx_count *count = hdx_counts_find(counts, batch->start[i]);
    if (!count)
      return hdx_error_memory(error, 2 * counts->capacity * sizeof *counts->list);
    struct hdx_summary *sum = &count->sum;
    int64_t size = batch->size[i];
    sum->rows++;
    sum->size_missing += size == -1;
    add_bytes(sum, size > 0 ? (uint64_t)size : 0);
    add_times(sum, batch->start[i], batch->stop[i]);
  }
  return HDX_OK;
}

void hdx_count_add(struct hdx_count *count, const struct hdx_summary *sum) {
  if (sum->rows == 0)
    return;
  count->sum.rows += sum->rows;
  count->sum.size_missing += sum->size_missing;
  add_bytes(&count->sum, sum->bytes);
  add_times(&count->sum, sum->first, sum->last);
}

struct hdx_summary hdx_counts_total(const struct hdx_counts *counts) {
  struct hdx_count total = {.sum = {.first = HDX_TIME_NONE, .last = HDX_TIME_NONE}};
  for (size_t i = 0; i < counts->count; i++)
    hdx_count_add(&total, &counts->list[i].sum);
  return total.sum;
}
