/* Rows to the bytes of a block. (The way back: unblock.c.) */
#include "snapshot/block.h"

#include "base/error.h"
#include "codec/bytes.h"
#include "codec/hash.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

enum { COLUMNS_MAX = HDX_PLAIN_COLUMNS + HDX_CSV_EXTRA_MAX };
enum { KEPT_BYTES_MAX = 16 << 20 /* of memory that a thread's encoder keeps */ };

struct hdx_block_encoder {
  struct hdx_zstd *zstd;
  struct hdx_ints_encoder ints;
  struct hdx_times_encoder times;
  struct hdx_column_encoder texts;
  struct hdx_buffer columns; /* of the block in the making, one behind the other */
  struct hdx_buffer stream;  /* whose size stands before it */
  struct hdx_buffer out;
  int64_t *scratch; /* capacity numbers */
  size_t capacity;
};

/* ---- encoders ---- */

static void free_encoder(void *user) {
  struct hdx_block_encoder *encoder = user;
  if (!encoder)
    return;
  hdx_column_encoder_deinit(&encoder->texts);
  hdx_times_encoder_deinit(&encoder->times);
  hdx_ints_encoder_deinit(&encoder->ints);
  hdx_buffer_deinit(&encoder->columns);
  hdx_buffer_deinit(&encoder->stream);
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
  hdx_ints_encoder_init(&encoder->ints, encoder->zstd);
  hdx_times_encoder_init(&encoder->times, &encoder->ints);
  hdx_column_encoder_init(&encoder->texts, &encoder->ints);
  hdx_buffer_init(&encoder->columns, HDX_BLOCK_BYTES_MAX);
  hdx_buffer_init(&encoder->stream, HDX_BLOCK_BYTES_MAX);
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
  size_t bytes = encoder->columns.capacity + encoder->out.capacity + hdx_column_encoder_bytes(&encoder->texts);
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
  int64_t *scratch = realloc(encoder->scratch, count * sizeof *scratch);
  if (!scratch)
    return hdx_error_memory(error, count * sizeof *scratch);
  encoder->scratch = scratch;
  encoder->capacity = count;
  return HDX_OK;
}

void hdx_block_habit_deinit(struct hdx_block_habit *habit) {
  free(habit->extra);
  *habit = (struct hdx_block_habit){.next = habit->next};
}

/* What is known of an extra column. NULL: out of memory. */
static struct hdx_column_habit *habit_of(struct hdx_block_habit *habit, uint32_t id) {
  if (id >= habit->extra_count) {
    size_t count = id + 1;
    struct hdx_column_habit *extra = realloc(habit->extra, count * sizeof *extra);
    if (!extra)
      return NULL;
    memset(extra + habit->extra_count, 0, (count - habit->extra_count) * sizeof *extra);
    habit->extra = extra;
    habit->extra_count = count;
  }
  return &habit->extra[id];
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

static enum hdx_status encode_years(struct hdx_block_encoder *encoder, struct hdx_ints_habit *habit,
                                    const int16_t *year, size_t count, struct hdx_error *error) {
  for (size_t i = 0; i < count; i++)
    encoder->scratch[i] = year[i];
  return hdx_ints_encode(&encoder->ints, encoder->scratch, count, habit, &encoder->columns, error);
}

/* The rows of a block. */
struct part {
  const struct hdx_rows *rows;
  size_t from, count;
  const struct hdx_zone *zone;
};

static enum hdx_status encode_texts(struct hdx_block_encoder *encoder, struct hdx_book *book,
                                    struct hdx_column_habit *habit, const struct part *part,
                                    const struct hdx_text *texts, struct hdx_block_column *column,
                                    struct hdx_error *error) {
  bool no_stop = part->zone->flags & HDX_BLOCK_NO_STOP;
  if (!habit)
    return hdx_error_memory(error, sizeof *habit);
  return hdx_column_encode(&encoder->texts, book, habit, texts + part->from, part->rows->start + part->from,
                           no_stop ? NULL : part->rows->stop + part->from, part->count, column->templates,
                           &column->template_count, &encoder->columns, error);
}

/* Fills encoder->columns, and notes what the heads say. */
static enum hdx_status encode_columns(struct hdx_block_encoder *encoder, struct hdx_book *book,
                                      struct hdx_block_habit *habit, const struct part *part,
                                      struct hdx_block_column *columns, struct hdx_error *error) {
  const struct hdx_rows *rows = part->rows;
  struct hdx_buffer *out = &encoder->columns;
  size_t from = part->from, count = part->count, end = 0;
  bool all_stops = !(part->zone->flags & (HDX_BLOCK_NO_STOP | HDX_BLOCK_SOME_STOPS));
  enum hdx_status status = HDX_OK;
  hdx_buffer_clear(out);
  for (size_t c = 0; status == HDX_OK && c < HDX_PLAIN_COLUMNS + rows->extra_count; c++) {
    columns[c] = (struct hdx_block_column){.size = 0};
    size_t extra = c - HDX_EXTRAS;
    if (c == HDX_TIMES)
      status = hdx_times_encode(&encoder->times, &habit->times, rows->start + from, rows->stop + from, count,
                                part->zone->flags, out, error);
    else if (c == HDX_SIZES)
      status = hdx_sizes_encode(&encoder->ints, &habit->size, rows->size + from, rows->start + from,
                                all_stops ? rows->stop + from : NULL, count, part->zone->size_missing, encoder->scratch,
                                &encoder->stream, out, error);
    else if (c == HDX_YEARS && part->zone->flags & HDX_BLOCK_MIXED)
      status = encode_years(encoder, &habit->year, rows->year + from, count, error);
    else if (c == HDX_KEYS)
      status = encode_texts(encoder, book, &habit->key, part, rows->key, &columns[c], error);
    else if (c >= HDX_EXTRAS) {
      columns[c].id = rows->extra_id[extra];
      status = encode_texts(encoder, book, habit_of(habit, rows->extra_id[extra]), part, rows->extra[extra],
                            &columns[c], error);
    }
    columns[c].size = out->size - end;
    end = out->size;
  }
  return status == HDX_OK ? hdx_buffer_status(out, "block", error) : status;
}

static void put_head(const struct hdx_block_column *columns, size_t extra_count, uint8_t flags,
                     struct hdx_buffer *out) {
  hdx_buffer_append_byte(out, (char)flags);
  hdx_buffer_append_byte(out, (char)extra_count);
  for (size_t c = 0; c < HDX_PLAIN_COLUMNS + extra_count; c++) {
    if (c == HDX_YEARS && !(flags & HDX_BLOCK_MIXED))
      continue;
    if (c >= HDX_EXTRAS)
      hdx_put_varint(out, columns[c].id);
    if (c >= HDX_KEYS) {
      hdx_buffer_append_byte(out, (char)columns[c].template_count);
      for (size_t t = 0; t < columns[c].template_count; t++)
        hdx_put_varint(out, columns[c].templates[t]);
    }
    hdx_put_varint(out, columns[c].size);
  }
}

void hdx_block_put_head(const struct hdx_block *block, uint8_t flags, const uint32_t *templates,
                        const uint32_t *columns, struct hdx_buffer *out) {
  struct hdx_block_column renamed[COLUMNS_MAX];
  for (size_t c = 0; c < HDX_PLAIN_COLUMNS + block->extra_count; c++) {
    renamed[c] = block->columns[c];
    for (size_t t = 0; t < renamed[c].template_count; t++)
      renamed[c].templates[t] = templates[renamed[c].templates[t]];
    if (columns && c >= HDX_EXTRAS)
      renamed[c].id = columns[c - HDX_EXTRAS];
  }
  put_head(renamed, block->extra_count, flags, out);
}

enum hdx_status hdx_block_encode(struct hdx_block_encoder *encoder, struct hdx_book *book,
                                 struct hdx_block_habit *habit, const struct hdx_rows *rows, size_t from, size_t to,
                                 bool mixed, struct hdx_buffer *out, struct hdx_zone *zone, struct hdx_error *error) {
  assert(from < to && to <= rows->count && to - from <= HDX_BLOCK_ROWS_MAX);
  struct hdx_block_column columns[COLUMNS_MAX];
  struct part part = {rows, from, to - from, zone};
  enum hdx_status status = grow(encoder, to - from, error);
  if (status != HDX_OK)
    return status;
  encoder->ints.thorough = !mixed; /* small datasets are one block or a few */
  survey(rows, from, to, zone);
  zone->year = mixed ? HDX_YEAR_MIXED : rows->year[from];
  zone->flags |= mixed ? HDX_BLOCK_MIXED : 0;
  status = encode_columns(encoder, book, habit, &part, columns, error);
  if (status != HDX_OK)
    return status;
  size_t begin = out->size;
  put_head(columns, rows->extra_count, zone->flags, out);
  hdx_buffer_append_buffer(out, &encoder->columns);
  if (out->status != HDX_OK)
    return hdx_buffer_status(out, "block", error);
  assert(out->size - begin <= HDX_BLOCK_BYTES_MAX); /* texts that fit come to half of that at the most */
  zone->length = (uint32_t)(out->size - begin);
  zone->hash = hdx_hash(out->data + begin, zone->length);
  return HDX_OK;
}
