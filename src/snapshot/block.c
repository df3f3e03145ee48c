/* Rows to the bytes of a block. (The way back: unblock.c.) */
#include "snapshot/block.h"

#include "base/error.h"
#include "codec/bytes.h"
#include "codec/hash.h"
#include "codec/ints.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

enum { SCRATCH_COLUMNS = 4, COLUMNS_MAX = 5 + HDX_CSV_EXTRA_MAX };
enum { KEPT_BYTES_MAX = 8 << 20 /* of memory that a thread's encoder keeps */ };

struct hdx_block_encoder {
  struct hdx_zstd *zstd;
  struct hdx_texts_encoder texts;
  struct hdx_buffer columns; /* of the block in the making, one behind the other */
  struct hdx_buffer out;
  int64_t *scratch; /* SCRATCH_COLUMNS of capacity numbers */
  size_t capacity;
};

/* ---- encoders ---- */

static void free_encoder(void *user) {
  struct hdx_block_encoder *encoder = user;
  if (!encoder)
    return;
  hdx_texts_encoder_deinit(&encoder->texts);
  hdx_buffer_deinit(&encoder->columns);
  hdx_buffer_deinit(&encoder->out);
  hdx_zstd_free(encoder->zstd);
  free(encoder->scratch);
  free(encoder);
}

static struct hdx_block_encoder *make_encoder(void) {
  struct hdx_block_encoder *encoder = calloc(1, sizeof *encoder);
  if (!encoder)
    return NULL;
  encoder->zstd = hdx_zstd_create();
  hdx_texts_encoder_init(&encoder->texts, encoder->zstd);
  hdx_buffer_init(&encoder->columns, HDX_BLOCK_BYTES_MAX);
  hdx_buffer_init(&encoder->out, 2 * (size_t)HDX_BLOCK_BYTES_MAX);
  if (encoder->zstd)
    return encoder;
  free_encoder(encoder);
  return NULL;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool keyed; /* threads can keep encoders */

static void make_key(void) {
  keyed = pthread_key_create(&key, free_encoder) == 0;
}

/* The main thread's encoder is not freed when its thread ends, as that is the end of the process. */
__attribute__((destructor)) static void free_last(void) {
  if (!keyed)
    return;
  free_encoder(pthread_getspecific(key));
  pthread_key_delete(key);
  keyed = false;
}

struct hdx_block_encoder *hdx_block_encoder_take(void) {
  pthread_once(&once, make_key);
  struct hdx_block_encoder *encoder = keyed ? pthread_getspecific(key) : NULL;
  if (!encoder)
    return make_encoder();
  pthread_setspecific(key, NULL);
  return encoder;
}

void hdx_block_encoder_give(struct hdx_block_encoder *encoder) {
  if (!encoder)
    return;
  size_t bytes = encoder->columns.capacity + encoder->out.capacity + encoder->texts.raw.capacity;
  if (!keyed || bytes > KEPT_BYTES_MAX || pthread_getspecific(key) || pthread_setspecific(key, encoder) != 0)
    free_encoder(encoder);
}

struct hdx_zstd *hdx_block_encoder_zstd(struct hdx_block_encoder *encoder) {
  return encoder->zstd;
}

struct hdx_buffer *hdx_block_encoder_out(struct hdx_block_encoder *encoder) {
  hdx_buffer_clear(&encoder->out);
  return &encoder->out;
}

/* ---- encoding ---- */

size_t hdx_block_fit(const struct hdx_rows *rows, size_t from, size_t to) {
  size_t text = 0, i = from;
  to = to - from > HDX_BLOCK_ROWS_MAX ? from + HDX_BLOCK_ROWS_MAX : to;
  for (; i < to; i++) {
    text += rows->key[i].size;
    for (size_t c = 0; c < rows->extra_count; c++)
      text += rows->extra[c][i].size;
    if (text > HDX_BLOCK_TEXT_BYTES_WRITTEN && i > from)
      break;
  }
  return i - from;
}

static enum hdx_status grow(struct hdx_block_encoder *encoder, size_t count, struct hdx_error *error) {
  if (count <= encoder->capacity)
    return HDX_OK;
  int64_t *scratch = realloc(encoder->scratch, SCRATCH_COLUMNS * count * sizeof *scratch);
  if (!scratch)
    return hdx_error_memory(error, SCRATCH_COLUMNS * count * sizeof *scratch);
  encoder->scratch = scratch;
  encoder->capacity = count;
  return HDX_OK;
}

/* What rows the block has, for its zone. */
static void survey(const struct hdx_rows *rows, size_t from, size_t to, struct hdx_zone *zone) {
  *zone = (struct hdx_zone){.rows = (uint32_t)(to - from),
                            .min_start = rows->start[from],
                            .max_start = rows->start[to - 1],
                            .max_stop = HDX_TIME_NONE};
  bool missing = false, known = false, backward = false;
  for (size_t i = from; i < to; i++) {
    int64_t start = rows->start[i], stop = rows->stop[i];
    bool none = stop == HDX_TIME_NONE;
    missing |= none;
    known |= !none;
    backward |= !none & (stop < start);
    zone->max_stop = stop > zone->max_stop ? stop : zone->max_stop;
  }
  for (size_t i = from; i < to; i++) {
    zone->size_missing += rows->size[i] == -1;
    uint64_t size = rows->size[i] > 0 ? (uint64_t)rows->size[i] : 0;
    if (__builtin_add_overflow(zone->size_sum, size, &zone->size_sum))
      zone->size_sum = UINT64_MAX;
  }
  zone->flags =
      (uint8_t)((missing ? known ? HDX_BLOCK_SOME_STOPS : HDX_BLOCK_NO_STOP : 0) | (backward ? HDX_BLOCK_BACKWARD : 0));
}

static void encode_starts(struct hdx_block_encoder *encoder, const int64_t *start, size_t count) {
  struct hdx_ints_plan plan;
  hdx_ints_plan_delta(start, count, encoder->scratch, &plan);
  hdx_ints_write(&plan, &encoder->columns);
}

/* Durations, or the gaps to the next row's start, whichever take fewer bytes. */
static void encode_stops(struct hdx_block_encoder *encoder, const int64_t *start, const int64_t *stop, size_t count) {
  int64_t *duration = encoder->scratch, *gap = encoder->scratch + encoder->capacity;
  struct hdx_ints_plan by_duration, by_gap;
  for (size_t i = 0; i < count; i++)
    duration[i] = (int64_t)((uint64_t)stop[i] - (uint64_t)start[i]);
  hdx_ints_plan(duration, count, &by_duration);
  if (by_duration.tag != HDX_INTS_CONSTANT) {
    for (size_t i = 0; i + 1 < count; i++)
      gap[i] = (int64_t)((uint64_t)start[i + 1] - (uint64_t)stop[i]);
    gap[count - 1] = (int64_t)((uint64_t)start[count - 1] - (uint64_t)stop[count - 1]);
    hdx_ints_plan(gap, count, &by_gap);
    if (by_gap.bytes < by_duration.bytes) {
      hdx_buffer_append_byte(&encoder->columns, HDX_STOP_GAP);
      hdx_ints_write(&by_gap, &encoder->columns);
      return;
    }
  }
  hdx_buffer_append_byte(&encoder->columns, HDX_STOP_DURATION);
  hdx_ints_write(&by_duration, &encoder->columns);
}

/* Sizes not stated would spoil the common divisor: a bit tells them, and they repeat a neighbour's. */
static void encode_some_sizes(struct hdx_block_encoder *encoder, const int64_t *size, size_t count) {
  int64_t *filled = encoder->scratch, last = 0;
  size_t bytes = (count + 7) / 8;
  uint8_t *bits = hdx_buffer_reserve(&encoder->columns, bytes);
  if (!bits)
    return;
  memset(bits, 0, bytes);
  for (size_t i = 0; i < count && last == 0; i++)
    last = size[i] == -1 ? 0 : size[i];
  for (size_t i = 0; i < count; i++) {
    bool stated = size[i] != -1;
    last = stated ? size[i] : last;
    filled[i] = last;
    bits[i / 8] |= (uint8_t)(stated << (i % 8));
  }
  encoder->columns.size += bytes;
  struct hdx_ints_plan plan;
  hdx_ints_plan(filled, count, &plan);
  hdx_ints_write(&plan, &encoder->columns);
}

static void encode_sizes(struct hdx_block_encoder *encoder, const int64_t *size, size_t count, size_t missing) {
  hdx_buffer_append_byte(&encoder->columns, missing == 0       ? HDX_SIZES_ALL
                                            : missing == count ? HDX_SIZES_NONE
                                                               : HDX_SIZES_SOME);
  if (missing == count)
    return;
  if (missing) {
    encode_some_sizes(encoder, size, count);
    return;
  }
  struct hdx_ints_plan plan;
  hdx_ints_plan(size, count, &plan);
  hdx_ints_write(&plan, &encoder->columns);
}

static void encode_years(struct hdx_block_encoder *encoder, const int16_t *year, size_t count) {
  int64_t *wide = encoder->scratch;
  for (size_t i = 0; i < count; i++)
    wide[i] = year[i];
  struct hdx_ints_plan plan;
  hdx_ints_plan(wide, count, &plan);
  hdx_ints_write(&plan, &encoder->columns);
}

/* Fills encoder->columns, and notes where each column ends. */
static enum hdx_status encode_columns(struct hdx_block_encoder *encoder, const struct hdx_rows *rows, size_t from,
                                      size_t count, const struct hdx_zone *zone, size_t *ends,
                                      struct hdx_error *error) {
  struct hdx_buffer *columns = &encoder->columns;
  size_t n = 0;
  hdx_buffer_clear(columns);
  encode_starts(encoder, rows->start + from, count);
  ends[n++] = columns->size;
  if (!(zone->flags & HDX_BLOCK_NO_STOP)) {
    encode_stops(encoder, rows->start + from, rows->stop + from, count);
    ends[n++] = columns->size;
  }
  encode_sizes(encoder, rows->size + from, count, zone->size_missing);
  ends[n++] = columns->size;
  if (zone->flags & HDX_BLOCK_MIXED) {
    encode_years(encoder, rows->year + from, count);
    ends[n++] = columns->size;
  }
  enum hdx_status status = hdx_texts_encode(&encoder->texts, rows->key + from, count, columns, error);
  ends[n++] = columns->size;
  for (size_t c = 0; status == HDX_OK && c < rows->extra_count; c++) {
    status = hdx_texts_encode(&encoder->texts, rows->extra[c] + from, count, columns, error);
    ends[n++] = columns->size;
  }
  return status == HDX_OK ? hdx_buffer_status(columns, "block", error) : status;
}

enum hdx_status hdx_block_encode(struct hdx_block_encoder *encoder, const struct hdx_rows *rows, size_t from, size_t to,
                                 bool mixed, struct hdx_buffer *out, struct hdx_zone *zone, struct hdx_error *error) {
  assert(from < to && to <= rows->count && to - from <= HDX_BLOCK_ROWS_MAX);
  size_t ends[COLUMNS_MAX], n = 0, at = 0;
  enum hdx_status status = grow(encoder, to - from, error);
  if (status != HDX_OK)
    return status;
  survey(rows, from, to, zone);
  zone->year = mixed ? HDX_YEAR_MIXED : rows->year[from];
  zone->flags |= mixed ? HDX_BLOCK_MIXED : 0;
  status = encode_columns(encoder, rows, from, to - from, zone, ends, error);
  if (status != HDX_OK)
    return status;

  size_t begin = out->size;
  size_t plain = 3 + !(zone->flags & HDX_BLOCK_NO_STOP) + mixed;
  hdx_buffer_append_byte(out, (char)zone->flags);
  hdx_buffer_append_byte(out, (char)rows->extra_count);
  for (; n < plain + rows->extra_count; n++) {
    if (n >= plain)
      hdx_put_varint(out, rows->extra_id[n - plain]);
    hdx_put_varint(out, ends[n] - at);
    at = ends[n];
  }
  hdx_buffer_append_text(out, hdx_buffer_text(&encoder->columns));
  if (out->status != HDX_OK)
    return hdx_buffer_status(out, "block", error);
  if (out->size - begin > HDX_BLOCK_BYTES_MAX)
    return hdx_error_set(error, HDX_LIMIT, "a block of %zu bytes, at most %u are possible", out->size - begin,
                         HDX_BLOCK_BYTES_MAX);
  zone->length = (uint32_t)(out->size - begin);
  zone->hash = hdx_hash(out->data + begin, zone->length);
  return HDX_OK;
}
