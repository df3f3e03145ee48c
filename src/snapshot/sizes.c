#include "snapshot/sizes.h"

#include "base/error.h"
#include "codec/bytes.h"

#include <stdlib.h>

/* More durations than these, or rows too few for a table, are not worth a try. */
enum { DURATIONS_WRITTEN = 64, ROWS_MIN = 256, SIZES_SEEN = 101 };

/* Durations in ascending order, and the size that stands for each. */
struct table {
  size_t count;
  int64_t durations[HDX_DURATIONS_MAX], sizes[HDX_DURATIONS_MAX];
};

/* The first that is not less; rows mostly have the duration of the one before (`last`). */
static size_t find(const struct table *table, int64_t duration, size_t last) {
  if (last < table->count && table->durations[last] == duration)
    return last;
  size_t low = 0, high = table->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (table->durations[middle] < duration)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* ---- writing ---- */

/* The first sizes of a duration, sorted. */
struct sizes {
  uint8_t count;
  int64_t sizes[SIZES_SEEN];
};

static void see(struct sizes *seen, int64_t size) {
  if (seen->count == SIZES_SEEN)
    return;
  size_t at = seen->count++;
  for (; at > 0 && seen->sizes[at - 1] > size; at--)
    seen->sizes[at] = seen->sizes[at - 1];
  seen->sizes[at] = size;
}

/* Of each duration the median of its first sizes. False: there are too many durations, or one alone. */
static bool make_table(struct table *table, const int64_t *size, const int64_t *start, const int64_t *stop,
                       size_t count) {
  struct sizes seen[DURATIONS_WRITTEN];
  size_t at = 0;
  table->count = 0;
  for (size_t i = 0; i < count; i++) {
    int64_t duration = hdx_less(stop[i], start[i]);
    at = find(table, duration, at);
    if (at == table->count || table->durations[at] != duration) {
      if (table->count == DURATIONS_WRITTEN)
        return false;
      memmove(table->durations + at + 1, table->durations + at, (table->count - at) * sizeof *table->durations);
      memmove(seen + at + 1, seen + at, (table->count - at) * sizeof *seen);
      table->durations[at] = duration;
      seen[at].count = 0;
      table->count++;
    }
    see(&seen[at], size[i]);
  }
  for (size_t d = 0; d < table->count; d++)
    table->sizes[d] = seen[d].sizes[seen[d].count / 2];
  return table->count > 1;
}

static enum hdx_status put_by_duration(struct hdx_ints_encoder *ints, struct hdx_ints_habit *habit,
                                       const struct table *table, const int64_t *size, const int64_t *start,
                                       const int64_t *stop, size_t count, int64_t *scratch, struct hdx_buffer *out,
                                       struct hdx_error *error) {
  hdx_buffer_append_byte(out, HDX_SIZES_BY_DURATION);
  hdx_buffer_append_byte(out, (char)(table->count - 1));
  for (size_t d = 0; d < table->count; d++) {
    if (d == 0)
      hdx_put_signed(out, table->durations[0]);
    else
      hdx_put_varint(out, (uint64_t)table->durations[d] - (uint64_t)table->durations[d - 1]);
    hdx_put_signed(out, d ? hdx_less(table->sizes[d], table->sizes[d - 1]) : table->sizes[0]);
  }
  size_t at = 0;
  for (size_t i = 0; i < count; i++) {
    at = find(table, hdx_less(stop[i], start[i]), at);
    scratch[i] = hdx_less(size[i], table->sizes[at]);
  }
  return hdx_ints_encode(ints, scratch, count, habit, out, error);
}

static enum hdx_status put_all(struct hdx_ints_encoder *ints, struct hdx_ints_habit *habit, const int64_t *size,
                               size_t count, struct hdx_buffer *out, struct hdx_error *error) {
  hdx_buffer_append_byte(out, HDX_SIZES_ALL);
  return hdx_ints_encode(ints, size, count, habit, out, error);
}

/* Sizes not stated would spoil the common unit: they are told apart, and repeat the one before. */
static enum hdx_status put_some(struct hdx_ints_encoder *ints, struct hdx_ints_habit *habit, const int64_t *size,
                                size_t count, int64_t *scratch, struct hdx_buffer *trial, struct hdx_buffer *out,
                                struct hdx_error *error) {
  int64_t last = 0;
  hdx_buffer_append_byte(out, HDX_SIZES_SOME);
  for (size_t i = 0; i < count; i++)
    scratch[i] = size[i] != -1;
  hdx_buffer_clear(trial);
  enum hdx_status status = hdx_ints_encode(ints, scratch, count, NULL, trial, error);
  hdx_put_varint(out, trial->size);
  hdx_buffer_append_buffer(out, trial);
  for (size_t i = 0; i < count && last == 0; i++)
    last = size[i] == -1 ? 0 : size[i];
  for (size_t i = 0; i < count; i++)
    scratch[i] = last = size[i] == -1 ? last : size[i];
  return status == HDX_OK ? hdx_ints_encode(ints, scratch, count, habit, out, error) : status;
}

static uint32_t cost_of(size_t bytes, size_t count) {
  return (uint32_t)(bytes * 1024 / count);
}

enum hdx_status hdx_sizes_encode(struct hdx_ints_encoder *ints, struct hdx_sizes_habit *habit, const int64_t *size,
                                 const int64_t *start, const int64_t *stop, size_t count, size_t missing,
                                 int64_t *scratch, struct hdx_buffer *trial, struct hdx_buffer *out,
                                 struct hdx_error *error) {
  enum { SLACK = 64 * 1024 };
  if (missing == count) {
    hdx_buffer_append_byte(out, HDX_SIZES_NONE);
    return hdx_buffer_status(out, "block", error);
  }
  if (missing)
    return put_some(ints, &habit->plain, size, count, scratch, trial, out, error);
  struct table table = {.count = 0};
  size_t at = out->size;
  bool known = habit->known && count <= habit->rows + (size_t)habit->rows / 4;
  bool possible = stop && count >= ROWS_MIN, wanted = known && habit->kind == HDX_SIZES_BY_DURATION;
  bool first = possible && wanted && make_table(&table, size, start, stop, count);
  enum hdx_status status =
      first ? put_by_duration(ints, &habit->by_duration, &table, size, start, stop, count, scratch, out, error)
            : put_all(ints, &habit->plain, size, count, out, error);
  uint32_t cost = cost_of(out->size - at, count);
  if (status != HDX_OK || (known && cost <= habit->cost + habit->cost / 4 + SLACK / count))
    return status;
  uint8_t kind = first ? HDX_SIZES_BY_DURATION : HDX_SIZES_ALL;
  hdx_buffer_clear(trial);
  if (first)
    status = put_all(ints, &habit->plain, size, count, trial, error);
  else if (possible && !wanted && make_table(&table, size, start, stop, count))
    status = put_by_duration(ints, &habit->by_duration, &table, size, start, stop, count, scratch, trial, error);
  if (status == HDX_OK && trial->size && trial->size < out->size - at) {
    out->size = at;
    hdx_buffer_append_buffer(out, trial);
    kind = first ? HDX_SIZES_ALL : HDX_SIZES_BY_DURATION;
  }
  habit->known = true;
  habit->kind = kind;
  habit->rows = (uint32_t)count;
  habit->cost = cost_of(out->size - at, count);
  return status == HDX_OK ? hdx_buffer_status(out, "block", error) : status;
}

/* ---- reading ---- */

static enum hdx_status broken(struct hdx_error *error, const char *what) {
  return hdx_error_set(error, HDX_INTEGRITY, "%s", what);
}

static enum hdx_status get_table(struct table *table, struct hdx_bytes *in, struct hdx_error *error) {
  table->count = (size_t)hdx_get_u8(in) + 1;
  for (size_t d = 0; d < table->count; d++) {
    table->durations[d] = d ? (int64_t)((uint64_t)table->durations[d - 1] + hdx_get_varint(in)) : hdx_get_signed(in);
    int64_t size = hdx_get_signed(in);
    table->sizes[d] = d ? hdx_plus(table->sizes[d - 1], size) : size;
    if (in->bad || (d && table->durations[d] <= table->durations[d - 1]))
      return broken(error, "durations that end too early or do not ascend");
  }
  return HDX_OK;
}

/* Reads the stream's numbers of the selected rows, which mostly lie close together: those between are passed over. */
static enum hdx_status get_numbers(struct hdx_ints *ints, struct hdx_zstd *zstd, struct hdx_bytes *in, size_t count,
                                   const uint32_t *rows, size_t selected, int64_t *out, int64_t *scratch,
                                   struct hdx_error *error) {
  enum hdx_status status = hdx_ints_open(ints, zstd, in->at, hdx_bytes_left(in), count, error);
  if (status != HDX_OK)
    return status;
  size_t from = ints->tag & HDX_INTS_DELTA ? 0 : rows[0], to = (size_t)rows[selected - 1] + 1;
  bool all = to - from == selected;
  hdx_ints_read(ints, from, to, all ? out : scratch);
  for (size_t i = 0; !all && i < selected; i++)
    out[i] = scratch[rows[i] - from];
  return HDX_OK;
}

static enum hdx_status add_by_duration(const struct table *table, const int64_t *start, const int64_t *stop,
                                       const uint32_t *rows, size_t selected, int64_t *out, struct hdx_error *error) {
  size_t at = 0;
  for (size_t i = 0; i < selected; i++) {
    int64_t duration = hdx_less(stop[rows[i]], start[rows[i]]);
    at = find(table, duration, at);
    if (at == table->count || table->durations[at] != duration)
      return broken(error, "a duration that the sizes do not know");
    out[i] = hdx_plus(out[i], table->sizes[at]);
  }
  return HDX_OK;
}

enum hdx_status hdx_sizes_decode(struct hdx_ints *ints, struct hdx_zstd *zstd, const void *data, size_t size,
                                 const int64_t *start, const int64_t *stop, size_t count, const uint32_t *rows,
                                 size_t selected, int64_t *out, int64_t *scratch, struct hdx_error *error) {
  struct hdx_bytes in = hdx_bytes_of(data, size);
  struct table table;
  uint8_t kind = hdx_get_u8(&in);
  const uint8_t *which = NULL;
  uint64_t stated = 0;
  enum hdx_status status = HDX_OK;
  if (in.bad || kind > HDX_SIZES_BY_DURATION || (kind == HDX_SIZES_NONE && hdx_bytes_left(&in)))
    return broken(error, "sizes of an unknown kind");
  if (kind == HDX_SIZES_NONE) {
    for (size_t i = 0; i < selected; i++)
      out[i] = -1;
    return HDX_OK;
  }
  if (kind == HDX_SIZES_SOME) {
    stated = hdx_get_varint(&in);
    which = stated <= hdx_bytes_left(&in) ? hdx_get_bytes(&in, (size_t)stated) : NULL;
    status = which ? HDX_OK : broken(error, "sizes that end too early");
  } else if (kind == HDX_SIZES_BY_DURATION) {
    status = get_table(&table, &in, error);
  }
  if (status == HDX_OK)
    status = get_numbers(ints, zstd, &in, count, rows, selected, out, scratch, error);
  if (status == HDX_OK && kind == HDX_SIZES_BY_DURATION)
    return add_by_duration(&table, start, stop, rows, selected, out, error);
  if (status != HDX_OK || kind != HDX_SIZES_SOME)
    return status;
  status = hdx_ints_decode(ints, zstd, which, (size_t)stated, count, scratch, error);
  for (size_t i = 0; status == HDX_OK && i < selected; i++)
    out[i] = scratch[rows[i]] ? out[i] : -1;
  return status;
}

void hdx_sizes_describe(const void *data, size_t size, struct hdx_buffer *out) {
  struct hdx_bytes in = hdx_bytes_of(data, size);
  struct table table;
  uint8_t kind = hdx_get_u8(&in);
  if (kind == HDX_SIZES_NONE) {
    hdx_buffer_append_text(out, HDX_TEXT("none stated"));
    return;
  }
  if (kind == HDX_SIZES_SOME) {
    hdx_buffer_append_text(out, HDX_TEXT("some stated, "));
    hdx_get_bytes(&in, (size_t)hdx_get_varint(&in));
  } else if (kind == HDX_SIZES_BY_DURATION) {
    hdx_buffer_append_text(out, HDX_TEXT("by duration, "));
    get_table(&table, &in, NULL);
  }
  hdx_buffer_append_format(out, "%s", hdx_ints_body_name(hdx_get_u8(&in)));
}
