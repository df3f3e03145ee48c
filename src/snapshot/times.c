#include "snapshot/times.h"

#include "base/error.h"
#include "base/time.h"
#include "codec/bytes.h"

#include <assert.h>
#include <stdlib.h>

enum {
  ROWS_A_DAY_MAX = 4, /* above, days are not worth a try */
  PART_ROWS = 512     /* that stand for a block */
};

void hdx_times_encoder_init(struct hdx_times_encoder *encoder, struct hdx_ints_encoder *ints) {
  *encoder = (struct hdx_times_encoder){.ints = ints};
  hdx_buffer_init(&encoder->starts, HDX_BLOCK_BYTES_MAX);
  hdx_buffer_init(&encoder->stops, HDX_BLOCK_BYTES_MAX);
  hdx_buffer_init(&encoder->trial, HDX_BLOCK_BYTES_MAX);
  hdx_buffer_init(&encoder->stream, HDX_BLOCK_BYTES_MAX);
}

void hdx_times_encoder_deinit(struct hdx_times_encoder *encoder) {
  hdx_buffer_deinit(&encoder->starts);
  hdx_buffer_deinit(&encoder->stops);
  hdx_buffer_deinit(&encoder->trial);
  hdx_buffer_deinit(&encoder->stream);
  free(encoder->numbers);
}

/* Days are counted from 1970, down for times before. */
static inline int64_t day_of(int64_t time) {
  return time / HDX_DAY_NS - (time % HDX_DAY_NS < 0);
}

static inline int64_t day_start(int64_t day) {
  return (int64_t)((uint64_t)day * (uint64_t)HDX_DAY_NS);
}

/* ---- writing ---- */

static enum hdx_status grow(struct hdx_times_encoder *encoder, size_t count, struct hdx_error *error) {
  if (count <= encoder->capacity)
    return HDX_OK;
  int64_t *numbers = realloc(encoder->numbers, 2 * count * sizeof *numbers);
  if (!numbers)
    return hdx_error_memory(error, 2 * count * sizeof *numbers);
  encoder->numbers = numbers;
  encoder->capacity = count;
  return HDX_OK;
}

/* Appends the size of a stream, and the stream. */
static enum hdx_status put_sized(struct hdx_times_encoder *encoder, const int64_t *values, size_t count,
                                 struct hdx_ints_habit *habit, struct hdx_buffer *out, struct hdx_error *error) {
  struct hdx_buffer *stream = &encoder->stream;
  hdx_buffer_clear(stream);
  enum hdx_status status = hdx_ints_encode(encoder->ints, values, count, habit, stream, error);
  hdx_put_varint(out, stream->size);
  hdx_buffer_append_buffer(out, stream);
  return status;
}

/* The starts in one way, to `out`. */
static enum hdx_status put_starts(struct hdx_times_encoder *encoder, struct hdx_times_habit *habit, unsigned kind,
                                  const int64_t *start, const int64_t *stop, size_t count, struct hdx_buffer *out,
                                  struct hdx_error *error) {
  int64_t *a = encoder->numbers, *b = a + encoder->capacity;
  if (kind == HDX_START_PLAIN)
    return put_sized(encoder, start, count, &habit->start, out, error);
  if (kind == HDX_START_CHAIN) {
    for (size_t i = 0; i + 1 < count; i++)
      a[i] = hdx_less(start[i + 1], stop[i]);
    hdx_put_signed(out, start[0]);
    return put_sized(encoder, a, count - 1, &habit->gap, out, error);
  }
  for (size_t i = 0; i < count; i++) {
    a[i] = day_of(start[i]);
    b[i] = hdx_less(start[i], day_start(a[i]));
  }
  enum hdx_status status = put_sized(encoder, a, count, &habit->day, out, error);
  return status == HDX_OK ? put_sized(encoder, b, count, &habit->of_day, out, error) : status;
}

static enum hdx_status put_stops(struct hdx_times_encoder *encoder, struct hdx_times_habit *habit, unsigned kind,
                                 const int64_t *start, const int64_t *stop, size_t count, uint8_t flags,
                                 struct hdx_buffer *out, struct hdx_error *error) {
  int64_t *a = encoder->numbers, last = 0;
  enum hdx_status status = HDX_OK;
  if (flags & HDX_BLOCK_SOME_STOPS) {
    for (size_t i = 0; i < count; i++)
      a[i] = stop[i] != HDX_TIME_NONE;
    status = put_sized(encoder, a, count, NULL, out, error);
  }
  for (size_t i = 0; i < count; i++) {
    int64_t from = kind == HDX_STOP_DURATION ? start[i] : day_start(day_of(start[i]));
    last = stop[i] == HDX_TIME_NONE ? last : hdx_less(stop[i], from); /* a missing one repeats what was before */
    a[i] = last;
  }
  struct hdx_ints_habit *known = kind == HDX_STOP_DURATION ? &habit->stop : &habit->stop_of_day;
  return status == HDX_OK ? hdx_ints_encode(encoder->ints, a, count, known, out, error) : status;
}

static void swap(struct hdx_buffer *a, struct hdx_buffer *b) {
  struct hdx_buffer was = *a;
  *a = *b;
  *b = was;
}

/* Tries the ways there are, as long as there is more than a little to be gained, and keeps the cheapest, in
 * encoder->starts and encoder->stops. */
static enum hdx_status choose(struct hdx_times_encoder *encoder, struct hdx_times_habit *habit, const int64_t *start,
                              const int64_t *stop, size_t count, uint8_t flags, uint8_t *kind,
                              struct hdx_error *error) {
  bool stops = !(flags & HDX_BLOCK_NO_STOP);
  bool days = (int64_t)count / ROWS_A_DAY_MAX <= hdx_less(day_of(start[count - 1]), day_of(start[0])) + 1;
  unsigned best = HDX_START_PLAIN, stop_kind = HDX_STOP_DURATION;
  hdx_buffer_clear(&encoder->starts);
  hdx_buffer_clear(&encoder->stops);
  enum hdx_status status = put_starts(encoder, habit, best, start, stop, count, &encoder->starts, error);
  if (status == HDX_OK && stops)
    status = put_stops(encoder, habit, stop_kind, start, stop, count, flags, &encoder->stops, error);
  size_t by_duration = encoder->stops.size, little = 16 + count / 32;
  if (status == HDX_OK && days && encoder->starts.size > little) {
    hdx_buffer_clear(&encoder->trial);
    status = put_starts(encoder, habit, HDX_START_DAY, start, stop, count, &encoder->trial, error);
    if (status == HDX_OK && encoder->trial.size < encoder->starts.size) {
      swap(&encoder->trial, &encoder->starts);
      best = HDX_START_DAY;
    }
  }
  if (status == HDX_OK && days && stops && by_duration > little) {
    hdx_buffer_clear(&encoder->trial);
    status = put_stops(encoder, habit, HDX_STOP_OF_DAY, start, stop, count, flags, &encoder->trial, error);
    if (status == HDX_OK && encoder->trial.size < encoder->stops.size) {
      swap(&encoder->trial, &encoder->stops);
      stop_kind = HDX_STOP_OF_DAY;
    }
  }
  if (status == HDX_OK && stops && count > 1 && !(flags & HDX_BLOCK_SOME_STOPS) && encoder->starts.size > little) {
    hdx_buffer_clear(&encoder->trial);
    status = put_starts(encoder, habit, HDX_START_CHAIN, start, stop, count, &encoder->trial, error);
    /* A chain is slower to read: it has to pay. */
    size_t chained = encoder->trial.size + by_duration;
    if (status == HDX_OK && chained + chained / 16 < encoder->starts.size + encoder->stops.size) {
      swap(&encoder->trial, &encoder->starts);
      best = HDX_START_CHAIN;
      if (stop_kind != HDX_STOP_DURATION) { /* the other one was dropped on the way */
        hdx_buffer_clear(&encoder->stops);
        stop_kind = HDX_STOP_DURATION;
        status = put_stops(encoder, habit, stop_kind, start, stop, count, flags, &encoder->stops, error);
      }
    }
  }
  *kind = (uint8_t)(best | stop_kind << 2);
  return status;
}

static enum hdx_status put_known(struct hdx_times_encoder *encoder, struct hdx_times_habit *habit, const int64_t *start,
                                 const int64_t *stop, size_t count, uint8_t flags, struct hdx_error *error) {
  hdx_buffer_clear(&encoder->starts);
  hdx_buffer_clear(&encoder->stops);
  enum hdx_status status = put_starts(encoder, habit, habit->kind & 3, start, stop, count, &encoder->starts, error);
  if (status == HDX_OK && !(flags & HDX_BLOCK_NO_STOP))
    status = put_stops(encoder, habit, habit->kind >> 2, start, stop, count, flags, &encoder->stops, error);
  return status;
}

/* Chooses by a part of the rows, for a block whose like will not come again, and writes all of them so. */
static enum hdx_status choose_by_part(struct hdx_times_encoder *encoder, struct hdx_times_habit *habit,
                                      const int64_t *start, const int64_t *stop, size_t count, uint8_t flags,
                                      uint8_t *kind, struct hdx_error *error) {
  struct hdx_times_habit trial = {.known = false};
  size_t from = count / 2 - PART_ROWS / 2;
  enum hdx_status status = choose(encoder, &trial, start + from, stop + from, PART_ROWS, flags, &habit->kind, error);
  *kind = habit->kind;
  return status == HDX_OK ? put_known(encoder, habit, start, stop, count, flags, error) : status;
}

enum hdx_status hdx_times_encode(struct hdx_times_encoder *encoder, struct hdx_times_habit *habit, const int64_t *start,
                                 const int64_t *stop, size_t count, uint8_t flags, struct hdx_buffer *out,
                                 struct hdx_error *error) {
  enum { SLACK = 64 * 1024 };
  enum hdx_status status = grow(encoder, count, error);
  bool known =
      habit->known && count <= habit->rows + (size_t)habit->rows / 4 &&
      ((habit->kind & 3) != HDX_START_CHAIN || (count > 1 && !(flags & (HDX_BLOCK_NO_STOP | HDX_BLOCK_SOME_STOPS))));
  uint8_t kind = habit->kind;
  if (status == HDX_OK && known)
    status = put_known(encoder, habit, start, stop, count, flags, error);
  uint32_t cost = (uint32_t)((encoder->starts.size + encoder->stops.size) * 1024 / count);
  if (status == HDX_OK && (!known || cost > habit->cost + habit->cost / 4 + SLACK / count)) {
    bool by_part = !encoder->ints->thorough && count >= 4 * PART_ROWS;
    status = by_part ? choose_by_part(encoder, habit, start, stop, count, flags, &kind, error)
                     : choose(encoder, habit, start, stop, count, flags, &kind, error);
    cost = (uint32_t)((encoder->starts.size + encoder->stops.size) * 1024 / count);
    habit->known = true;
    habit->kind = kind;
    habit->rows = (uint32_t)count;
    habit->cost = cost;
  }
  if (status != HDX_OK)
    return status;
  hdx_buffer_append_byte(out, (char)kind);
  hdx_buffer_append_buffer(out, &encoder->starts);
  hdx_buffer_append_buffer(out, &encoder->stops);
  return hdx_buffer_status(out, "block", error);
}

/* ---- reading ---- */

static enum hdx_status broken(struct hdx_error *error, const char *what) {
  return hdx_error_set(error, HDX_INTEGRITY, "%s", what);
}

static enum hdx_status get_sized(struct hdx_ints *ints, struct hdx_zstd *zstd, struct hdx_bytes *in, size_t count,
                                 int64_t *out, struct hdx_error *error) {
  uint64_t size = hdx_get_varint(in);
  const uint8_t *data = size <= hdx_bytes_left(in) ? hdx_get_bytes(in, (size_t)size) : NULL;
  if (!data)
    return broken(error, "times that end too early");
  return hdx_ints_decode(ints, zstd, data, (size_t)size, count, out, error);
}

/* Opens the stream of stops, behind what tells which rows have one (present, where some lack it). */
static enum hdx_status open_stops(struct hdx_ints *ints, struct hdx_zstd *zstd, struct hdx_bytes *in, size_t count,
                                  uint8_t flags, int64_t *present, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  if (flags & HDX_BLOCK_SOME_STOPS)
    status = get_sized(ints, zstd, in, count, present, error);
  if (status == HDX_OK)
    status = hdx_ints_open(ints, zstd, in->at, hdx_bytes_left(in), count, error);
  return status;
}

/* Stops of the opened stream. One duration of all rows is what most have: it needs no reading. */
static void add_stops(const struct hdx_ints *ints, unsigned kind, size_t count, const int64_t *start, int64_t *stop) {
  int64_t all;
  if (kind == HDX_STOP_DURATION && hdx_ints_constant(ints, &all)) {
    for (size_t i = 0; i < count; i++)
      stop[i] = hdx_plus(start[i], all);
    return;
  }
  hdx_ints_read(ints, 0, count, stop);
  if (kind == HDX_STOP_DURATION)
    for (size_t i = 0; i < count; i++)
      stop[i] = hdx_plus(start[i], stop[i]);
  else
    for (size_t i = 0; i < count; i++)
      stop[i] = hdx_plus(day_start(day_of(start[i])), stop[i]);
}

/* Starts of CHAIN: `gap` behind the stop before. */
static void chain(int64_t first, const int64_t *gap, size_t count, int64_t *start, int64_t *stop) {
  int64_t at = first;
  for (size_t i = 0; i < count; i++) {
    start[i] = at;
    stop[i] = hdx_plus(at, stop[i]);
    at = i + 1 < count ? hdx_plus(stop[i], gap[i]) : at;
  }
}

enum hdx_status hdx_times_decode(struct hdx_ints *ints, struct hdx_zstd *zstd, const void *data, size_t size,
                                 size_t count, uint8_t flags, int64_t *start, int64_t *stop, int64_t *scratch,
                                 struct hdx_error *error) {
  struct hdx_bytes in = hdx_bytes_of(data, size);
  unsigned kind = hdx_get_u8(&in), start_kind = kind & 3, stop_kind = kind >> 2;
  bool stops = !(flags & HDX_BLOCK_NO_STOP), some = flags & HDX_BLOCK_SOME_STOPS;
  if (start_kind > HDX_START_DAY || stop_kind > HDX_STOP_OF_DAY ||
      (start_kind == HDX_START_CHAIN && (!stops || some || stop_kind != HDX_STOP_DURATION || count < 2)))
    return broken(error, "times of an unknown kind");
  int64_t first = start_kind == HDX_START_CHAIN ? hdx_get_signed(&in) : 0;
  size_t streams = start_kind == HDX_START_CHAIN ? count - 1 : count;
  enum hdx_status status = get_sized(ints, zstd, &in, streams, start_kind == HDX_START_CHAIN ? scratch : start, error);
  if (status == HDX_OK && start_kind == HDX_START_DAY) {
    status = get_sized(ints, zstd, &in, count, scratch, error);
    for (size_t i = 0; status == HDX_OK && i < count; i++)
      start[i] = hdx_plus(day_start(start[i]), scratch[i]);
  }
  if (status != HDX_OK)
    return status;
  if (!stops) {
    for (size_t i = 0; i < count; i++)
      stop[i] = HDX_TIME_NONE;
    return hdx_bytes_left(&in) ? broken(error, "bytes behind the times") : HDX_OK;
  }
  status = open_stops(ints, zstd, &in, count, flags, scratch, error);
  if (status != HDX_OK)
    return status;
  if (start_kind == HDX_START_CHAIN) { /* all stops are there: scratch still has the gaps */
    hdx_ints_read(ints, 0, count, stop);
    chain(first, scratch, count, start, stop);
    return HDX_OK;
  }
  add_stops(ints, stop_kind, count, start, stop);
  for (size_t i = 0; some && i < count; i++)
    stop[i] = scratch[i] ? stop[i] : HDX_TIME_NONE;
  return HDX_OK;
}

/* The name of the body of the sized stream that comes next, which is passed over. */
static const char *next_body(struct hdx_bytes *in) {
  uint64_t size = hdx_get_varint(in);
  const uint8_t *data = size <= hdx_bytes_left(in) ? hdx_get_bytes(in, (size_t)size) : NULL;
  return data && size ? hdx_ints_body_name(data[0]) : "unknown";
}

void hdx_times_describe(const void *data, size_t size, uint8_t flags, struct hdx_buffer *out) {
  struct hdx_bytes in = hdx_bytes_of(data, size);
  unsigned kind = hdx_get_u8(&in);
  hdx_buffer_append_text(out, HDX_TEXT("starts "));
  if ((kind & 3) == HDX_START_CHAIN) {
    hdx_get_signed(&in);
    hdx_buffer_append_format(out, "from the stop before %s", next_body(&in));
  } else if ((kind & 3) == HDX_START_DAY) {
    const char *days = next_body(&in);
    hdx_buffer_append_format(out, "day %s, of day %s", days, next_body(&in));
  } else {
    hdx_buffer_append_format(out, "%s", next_body(&in));
  }
  if (flags & HDX_BLOCK_NO_STOP)
    return;
  if (flags & HDX_BLOCK_SOME_STOPS)
    next_body(&in);
  hdx_buffer_append_format(out, ", stops %s %s", kind >> 2 == HDX_STOP_OF_DAY ? "of day" : "duration",
                           hdx_ints_body_name(hdx_get_u8(&in)));
}
