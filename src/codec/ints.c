/* Integers to a stream: what was planned (ints_plan.c) is written. (The way back: ints_read.c.) */
#include "codec/ints.h"

#include "base/error.h"
#include "codec/bytes.h"
#include "codec/ints_plan.h"

#include <assert.h>
#include <stdlib.h>

enum {
  WIDTHS_VARY = 255,
  LEVEL_LOW = 1,
  LEVEL_HIGH = 13,       /* the least above which bursts gain next to nothing */
  LEVEL_TRIED_MIN = 1000 /* bytes */
};

void hdx_ints_encoder_init(struct hdx_ints_encoder *encoder, struct hdx_zstd *zstd) {
  *encoder = (struct hdx_ints_encoder){.zstd = zstd};
}

void hdx_ints_encoder_deinit(struct hdx_ints_encoder *encoder) {
  free(encoder->numbers);
  free(encoder->symbols);
  *encoder = (struct hdx_ints_encoder){.zstd = encoder->zstd};
}

static enum hdx_status grow(struct hdx_ints_encoder *encoder, size_t count, struct hdx_error *error) {
  if (count <= encoder->capacity)
    return HDX_OK;
  int64_t *numbers = realloc(encoder->numbers, 6 * count * sizeof *numbers);
  encoder->numbers = numbers ? numbers : encoder->numbers;
  uint8_t *symbols = realloc(encoder->symbols, 2 * count);
  encoder->symbols = symbols ? symbols : encoder->symbols;
  if (!numbers || !symbols)
    return hdx_error_memory(error, 6 * count * sizeof *numbers);
  encoder->capacity = count;
  return HDX_OK;
}

/* ---- writing ---- */

/* Packs one group and gives where the next one begins; up to 8 bytes behind that may be written to. */
static char *pack(const int64_t *residuals, size_t count, uint64_t least, struct hdx_divisor d, unsigned width,
                  char *out) {
  uint64_t bits = 0;
  unsigned have = 0;
  for (size_t i = 0; i < count; i++) {
    uint64_t q = hdx_quotient((uint64_t)residuals[i] - least, d);
    bits |= q << have;
    have += width;
    if (have >= 64) {
      hdx_store_u64(out, bits);
      out += 8;
      have -= 64;
      bits = have ? q >> (width - have) : 0;
    }
  }
  if (have)
    hdx_store_u64(out, bits);
  return out + (have + 7) / 8;
}

static void write_packed(const struct hdx_ints_plan *plan, struct hdx_buffer *out) {
  size_t groups = hdx_ints_group_count(plan->count), size = 8;
  bool same = true;
  for (size_t g = 1; g < groups; g++)
    same &= plan->widths[g] == plan->widths[0];
  hdx_put_signed(out, plan->least);
  hdx_put_varint(out, plan->unit);
  if (!same)
    hdx_buffer_append_byte(out, (char)WIDTHS_VARY);
  hdx_buffer_append(out, plan->widths, same ? 1 : groups);
  for (size_t g = 0; g < groups; g++)
    size += hdx_ints_group_bytes(HDX_INTS_GROUP, plan->widths[g]);
  char *begin = hdx_buffer_reserve(out, size), *to = begin;
  if (!begin)
    return;
  struct hdx_divisor d = hdx_divisor_of(plan->unit);
  for (size_t g = 0; g < groups; g++) {
    size_t from = g * HDX_INTS_GROUP;
    size_t in_group = plan->count - from < HDX_INTS_GROUP ? plan->count - from : HDX_INTS_GROUP;
    if (plan->widths[g])
      to = pack(plan->residuals + from, in_group, (uint64_t)plan->least, d, plan->widths[g], to);
  }
  out->size += (size_t)(to - begin);
}

/* Appends a frame: of the level that is told, or, where it is not yet and there is enough to be gained, of the better
 * one, which is noted. What repeats itself in longer patterns (pieces of bursts) is seen by the higher level alone. */
static enum hdx_status write_frame(struct hdx_ints_encoder *encoder, struct hdx_text raw, struct hdx_buffer *out,
                                   struct hdx_error *error) {
  size_t at = out->size;
  bool try_both = encoder->level == 0 && encoder->thorough && raw.size >= LEVEL_TRIED_MIN;
  enum hdx_status status =
      hdx_zstd_compress(encoder->zstd, raw, encoder->level == 0 ? LEVEL_LOW : encoder->level, out, error);
  if (status != HDX_OK || !try_both)
    return status;
  size_t middle = out->size, low = middle - at;
  status = hdx_zstd_compress(encoder->zstd, raw, LEVEL_HIGH, out, error);
  size_t high = out->size - middle;
  bool pays = high + low / 16 < low;
  if (pays)
    memmove(out->data + at, out->data + middle, high);
  out->size = at + (pays ? high : low);
  encoder->level = pays ? LEVEL_HIGH : LEVEL_LOW;
  return status;
}

/* One frame of the bytes or, where that is not smaller, the bytes; the size before them. */
static enum hdx_status write_bytes(struct hdx_ints_encoder *encoder, const uint8_t *bytes, size_t count,
                                   struct hdx_buffer *out, struct hdx_error *error) {
  struct hdx_text raw = {(const char *)bytes, count};
  enum { SIZE_BYTES = 3 };
  size_t at = out->size;
  if (!hdx_buffer_reserve(out, SIZE_BYTES))
    return hdx_buffer_status(out, "numbers", error);
  out->size += SIZE_BYTES;
  enum hdx_status status = write_frame(encoder, raw, out, error);
  if (status != HDX_OK)
    return status;
  size_t size = out->size - at - SIZE_BYTES;
  if (size >= count) {
    out->size = at;
    hdx_put_varint(out, count);
    hdx_buffer_append_text(out, raw);
    return hdx_buffer_status(out, "numbers", error);
  }
  /* The varint takes as few bytes as it can: what it was given room for beyond that is closed. */
  size_t length = size < 0x80 ? 1 : size < 0x4000 ? 2 : 3;
  memmove(out->data + at + length, out->data + at + SIZE_BYTES, size);
  out->size = at;
  hdx_put_varint(out, size);
  out->size += size;
  return HDX_OK;
}

/* The low bits of numbers whose symbol does not say them all. */
static void write_extra(const struct hdx_ints_encoder *encoder, const struct hdx_ints_plan *plan,
                        struct hdx_buffer *out) {
  const int64_t *numbers = encoder->numbers + 3 * encoder->capacity;
  unsigned k = plan->form & HDX_INTS_MANTISSA, have = 0;
  uint64_t bits = 0;
  char *begin = hdx_buffer_reserve(out, plan->count * 8 + 16), *to = begin;
  if (!begin)
    return;
  for (size_t i = 0; i < plan->count; i++) {
    uint64_t u = (uint64_t)numbers[i];
    unsigned e = hdx_ints_extra_bits(u, k);
    uint64_t low = u & ((UINT64_C(1) << e) - 1);
    bits |= low << have;
    have += e;
    if (have >= 64) {
      hdx_store_u64(to, bits);
      to += 8;
      have -= 64;
      bits = have ? low >> (e - have) : 0;
    }
  }
  if (have)
    hdx_store_u64(to, bits);
  out->size += (size_t)(to - begin) + (have + 7) / 8;
}

static enum hdx_status write_levels(struct hdx_ints_encoder *encoder, const struct hdx_ints_plan *plan,
                                    struct hdx_buffer *out, struct hdx_error *error);

static enum hdx_status write_symbols(struct hdx_ints_encoder *encoder, const struct hdx_ints_plan *plan,
                                     struct hdx_buffer *out, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  hdx_put_signed(out, plan->base);
  hdx_put_varint(out, plan->unit);
  hdx_buffer_append_byte(out, (char)plan->form);
  if (plan->form & HDX_INTS_LEVELS)
    status = write_levels(encoder, plan, out, error);
  if (status == HDX_OK)
    status = write_bytes(encoder, encoder->symbols, plan->count, out, error);
  if (status == HDX_OK)
    write_extra(encoder, plan, out);
  return status;
}

static enum hdx_status write_body(struct hdx_ints_encoder *encoder, const struct hdx_ints_plan *plan,
                                  struct hdx_buffer *out, struct hdx_error *error);

/* Two streams one behind the other, the size of the first before it. */
static enum hdx_status write_pair(struct hdx_ints_encoder *encoder, const int64_t *first, const int64_t *second,
                                  size_t count, enum hdx_ints_depth depth, struct hdx_buffer *out,
                                  struct hdx_error *error) {
  struct hdx_ints_plan part;
  struct hdx_buffer stream;
  hdx_buffer_init(&stream, SIZE_MAX / 2);
  hdx_ints_plan_part(encoder, first, count, depth, &part);
  hdx_buffer_append_byte(&stream, (char)part.body);
  enum hdx_status status = write_body(encoder, &part, &stream, error);
  hdx_put_varint(out, stream.size);
  hdx_buffer_append_buffer(out, &stream);
  hdx_buffer_deinit(&stream);
  if (status != HDX_OK)
    return status;
  hdx_ints_plan_part(encoder, second, count, depth, &part);
  hdx_buffer_append_byte(out, (char)part.body);
  return write_body(encoder, &part, out, error);
}

static enum hdx_status write_sparse(struct hdx_ints_encoder *encoder, const struct hdx_ints_plan *plan,
                                    struct hdx_buffer *out, struct hdx_error *error) {
  const int64_t *places = encoder->numbers + encoder->capacity;
  hdx_ints_split_exceptions(encoder, plan);
  hdx_put_signed(out, plan->base);
  hdx_put_varint(out, plan->exceptions);
  return write_pair(encoder, places, places + encoder->capacity, plan->exceptions, HDX_INTS_OF_STREAM, out, error);
}

static enum hdx_status write_split(struct hdx_ints_encoder *encoder, const struct hdx_ints_plan *plan,
                                   struct hdx_buffer *out, struct hdx_error *error) {
  const int64_t *quotients = encoder->numbers + 4 * encoder->capacity;
  hdx_ints_split_units(encoder, plan);
  hdx_put_varint(out, plan->unit);
  return write_pair(encoder, quotients, quotients + encoder->capacity, plan->count, HDX_INTS_PART, out, error);
}

/* Levels drift: their steps are small. They are few, so that packing them is all there is to do. */
static enum hdx_status write_levels(struct hdx_ints_encoder *encoder, const struct hdx_ints_plan *plan,
                                    struct hdx_buffer *out, struct hdx_error *error) {
  struct hdx_ints_plan steps = {.count = (plan->count - 1) / HDX_INTS_LEVEL_GROUP};
  int64_t residuals[HDX_INTS_LEVELS_MAX];
  for (size_t i = 0; i < steps.count; i++)
    residuals[i] = hdx_less(encoder->levels[i + 1], encoder->levels[i]);
  steps.residuals = residuals;
  hdx_ints_plan_packed(&steps);
  struct hdx_buffer stream;
  hdx_buffer_init(&stream, SIZE_MAX / 2);
  hdx_buffer_append_byte(&stream, (char)(steps.body | HDX_INTS_DELTA));
  hdx_put_signed(&stream, encoder->levels[0]);
  enum hdx_status status = write_body(encoder, &steps, &stream, error);
  hdx_put_varint(out, stream.size);
  hdx_buffer_append_buffer(out, &stream);
  hdx_buffer_deinit(&stream);
  return status;
}

static enum hdx_status write_body(struct hdx_ints_encoder *encoder, const struct hdx_ints_plan *plan,
                                  struct hdx_buffer *out, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  switch (plan->body) {
  case HDX_INTS_CONSTANT:
    hdx_put_signed(out, plan->least);
    break;
  case HDX_INTS_PACKED:
    write_packed(plan, out);
    break;
  case HDX_INTS_SYMBOLS:
    status = write_symbols(encoder, plan, out, error);
    break;
  case HDX_INTS_NAMED:
    hdx_buffer_append_byte(out, (char)(plan->name_count - 1));
    hdx_put_signed(out, encoder->names[0]);
    for (size_t n = 1; n < plan->name_count; n++)
      hdx_put_varint(out, (uint64_t)encoder->names[n] - (uint64_t)encoder->names[n - 1]);
    status = write_bytes(encoder, encoder->symbols + encoder->capacity, plan->count, out, error);
    break;
  case HDX_INTS_SPARSE:
    return write_sparse(encoder, plan, out, error);
  case HDX_INTS_SPLIT:
    return write_split(encoder, plan, out, error);
  }
  return status == HDX_OK ? hdx_buffer_status(out, "numbers", error) : status;
}

enum hdx_status hdx_ints_encode(struct hdx_ints_encoder *encoder, const int64_t *values, size_t count,
                                struct hdx_ints_habit *habit, struct hdx_buffer *out, struct hdx_error *error) {
  assert(count > 0 && count <= HDX_INTS_MAX);
  enum { SLACK = 64 * 1024 }; /* bytes times 1,024: what a stream takes whatever its length */
  struct hdx_ints_plan plan;
  size_t at = out->size;
  enum hdx_status status = grow(encoder, count, error);
  if (status != HDX_OK)
    return status;
  bool known = habit && habit->known && count > 2 && count <= habit->values + (size_t)habit->values / 4;
  for (;;) {
    bool delta = known && habit->tag & HDX_INTS_DELTA;
    if (known)
      hdx_ints_plan_with(encoder, values, count, delta, &plan);
    else
      delta = hdx_ints_plan_any(encoder, values, count, &plan);
    hdx_ints_plan_body(encoder, HDX_INTS_WHOLE, known ? habit : NULL, &plan);
    encoder->level = known ? habit->level : 0;
    uint8_t tag = (uint8_t)(plan.body | (delta ? HDX_INTS_DELTA : 0));
    hdx_buffer_append_byte(out, (char)tag);
    if (delta)
      hdx_put_signed(out, values[0]);
    status = write_body(encoder, &plan, out, error);
    uint32_t cost = (uint32_t)((out->size - at) * 1024 / count);
    if (status != HDX_OK || !habit || (!known && plan.body == HDX_INTS_CONSTANT))
      return status;
    if (!known) {
      *habit = (struct hdx_ints_habit){.tag = tag,
                                       .form = plan.form,
                                       .level = (uint8_t)encoder->level,
                                       .known = true,
                                       .cost = cost,
                                       .unit = plan.body == HDX_INTS_SPLIT ? plan.unit : 0,
                                       .values = (uint32_t)count};
      return HDX_OK;
    }
    if (cost <= habit->cost + habit->cost / 4 + SLACK / count) {
      habit->level = (uint8_t)encoder->level; /* it may not have been known yet */
      return HDX_OK;
    }
    known = false; /* what worked before pays no more: anew, without prejudice */
    out->size = at;
  }
}
