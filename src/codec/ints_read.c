/* A stream of integers back to its values. (The way there: ints.c.) Everything is checked when it is opened; reading
 * cannot fail. */
#include "codec/ints.h"

#include "base/error.h"
#include "codec/bytes.h"
#include "codec/ints_unit.h"

#include <assert.h>
#include <stdlib.h>

enum { WIDTHS_VARY = 255, SYMBOLS_SLACK = 8 };

void hdx_ints_init(struct hdx_ints *ints) {
  ints->memory = NULL;
  ints->capacity = 0;
}

void hdx_ints_deinit(struct hdx_ints *ints) {
  free(ints->memory);
  hdx_ints_init(ints);
}

const char *hdx_ints_body_name(uint8_t tag) {
  static const char *const names[HDX_INTS_BODIES][2] = {
      [HDX_INTS_CONSTANT] = {"constant", "delta constant"}, [HDX_INTS_PACKED] = {"packed", "delta packed"},
      [HDX_INTS_SYMBOLS] = {"symbols", "delta symbols"},    [HDX_INTS_NAMED] = {"named", "delta named"},
      [HDX_INTS_SPARSE] = {"sparse", "delta sparse"},       [HDX_INTS_SPLIT] = {"split", "delta split"}};
  unsigned body = tag & HDX_INTS_BODY;
  return body < HDX_INTS_BODIES ? names[body][(tag & HDX_INTS_DELTA) != 0] : "unknown";
}

static enum hdx_status broken(struct hdx_error *error, const char *what) {
  return hdx_error_set(error, HDX_INTEGRITY, "numbers: %s", what);
}

/* ---- opening ---- */

static enum hdx_status make_room(struct hdx_ints *ints, size_t size, struct hdx_error *error) {
  if (size <= ints->capacity)
    return HDX_OK;
  void *memory = realloc(ints->memory, size);
  if (!memory)
    return hdx_error_memory(error, size);
  ints->memory = memory;
  ints->capacity = size;
  return HDX_OK;
}

static enum hdx_status open_packed(struct hdx_ints *ints, struct hdx_bytes *in, struct hdx_error *error) {
  size_t count = ints->residuals, groups = hdx_ints_group_count(count), size = 0;
  ints->base = hdx_get_signed(in);
  ints->unit = hdx_get_varint(in);
  ints->width = hdx_get_u8(in);
  if (ints->width == WIDTHS_VARY)
    ints->widths = hdx_get_bytes(in, groups);
  if (in->bad || ints->unit == 0)
    return broken(error, "packed ones that end too early, or a unit of 0");
  for (size_t g = 0; g < groups; g++) {
    unsigned width = ints->widths ? ints->widths[g] : ints->width;
    if (width > 64)
      return broken(error, "a width of more than 64 bits");
    size_t from = g * HDX_INTS_GROUP;
    size += hdx_ints_group_bytes(count - from < HDX_INTS_GROUP ? count - from : HDX_INTS_GROUP, width);
  }
  ints->bits_size = hdx_bytes_left(in);
  ints->bits = hdx_get_bytes(in, ints->bits_size);
  if (size != ints->bits_size)
    return hdx_error_set(error, HDX_INTEGRITY, "numbers: bits of %zu bytes were expected, there are %zu", size,
                         ints->bits_size);
  return HDX_OK;
}

/* The symbols, decompressed if need be. */
static enum hdx_status open_bytes(struct hdx_ints *ints, struct hdx_zstd *zstd, struct hdx_bytes *in,
                                  struct hdx_error *error) {
  uint64_t size = hdx_get_varint(in);
  if (in->bad || size > ints->residuals)
    return broken(error, "symbols of an impossible size");
  struct hdx_text stored = {(const char *)hdx_get_bytes(in, (size_t)size), (size_t)size};
  if (in->bad)
    return broken(error, "symbols that end too early");
  ints->symbols = (const uint8_t *)stored.data;
  if (size == ints->residuals)
    return HDX_OK;
  enum hdx_status status = make_room(ints, ints->residuals + SYMBOLS_SLACK, error);
  if (status == HDX_OK)
    status = hdx_zstd_decompress(zstd, stored, ints->memory, ints->residuals, error);
  ints->symbols = ints->memory;
  return status;
}

static unsigned extra_of(unsigned symbol, unsigned k) {
  return symbol >> (k + 1) ? (symbol >> k) - 1 : 0;
}

/* How many bits stand behind the symbols [from, to). In bytes, so that many are counted at once: 62 bits at the most
 * are behind each of a step's 1,024. */
static size_t extra_sum(const struct hdx_ints *ints, size_t from, size_t to) {
  enum { STEP = 1024 };
  unsigned k = ints->form & HDX_INTS_MANTISSA;
  const uint8_t *symbols = ints->symbols;
  size_t sum = 0;
  for (size_t at = from; at < to; at += STEP) {
    size_t end = to - at < STEP ? to : at + STEP;
    uint32_t step = 0;
    for (size_t i = at; i < end; i++) {
      uint8_t e = (uint8_t)(symbols[i] >> k);
      step += (uint8_t)(e > 1 ? e - 1 : 0);
    }
    sum += step;
  }
  return sum;
}

/* A whole stream, one of the two that SPARSE has or the levels, or one of those that SPLIT has. */
enum depth { WHOLE, OF_STREAM, PART };

static enum hdx_status open_stream(struct hdx_ints *ints, struct hdx_zstd *zstd, const void *data, size_t size,
                                   size_t count, enum depth depth, struct hdx_error *error);

/* Decodes a stream that is part of another. */
static enum hdx_status read_nested(struct hdx_zstd *zstd, const uint8_t *data, size_t size, size_t count,
                                   enum depth depth, int64_t *out, struct hdx_error *error) {
  struct hdx_ints *part = malloc(sizeof *part);
  if (!part)
    return hdx_error_memory(error, sizeof *part);
  hdx_ints_init(part);
  enum hdx_status status = open_stream(part, zstd, data, size, count, depth, error);
  if (status == HDX_OK)
    hdx_ints_read(part, 0, count, out);
  hdx_ints_deinit(part);
  free(part);
  return status;
}

static enum hdx_status open_levels(struct hdx_ints *ints, struct hdx_zstd *zstd, struct hdx_bytes *in,
                                   struct hdx_error *error) {
  uint64_t size = hdx_get_varint(in);
  const uint8_t *data = size <= hdx_bytes_left(in) ? hdx_get_bytes(in, (size_t)size) : NULL;
  if (!data)
    return broken(error, "levels that end too early");
  size_t count = (ints->residuals + HDX_INTS_LEVEL_GROUP - 1) / HDX_INTS_LEVEL_GROUP;
  return read_nested(zstd, data, (size_t)size, count, PART, ints->levels, error);
}

static enum hdx_status open_symbols(struct hdx_ints *ints, struct hdx_zstd *zstd, struct hdx_bytes *in,
                                    enum depth depth, struct hdx_error *error) {
  ints->base = hdx_get_signed(in);
  ints->unit = hdx_get_varint(in);
  ints->form = hdx_get_u8(in);
  unsigned k = ints->form & HDX_INTS_MANTISSA;
  if (in->bad || ints->unit == 0 || k < 2 || k > 7 || ints->form & 0x30)
    return broken(error, "symbols of an unknown form, or a unit of 0");
  if (depth != WHOLE && ints->form & HDX_INTS_LEVELS) /* of one value they could have levels without end */
    return broken(error, "levels within a stream of a stream");
  enum hdx_status status = ints->form & HDX_INTS_LEVELS ? open_levels(ints, zstd, in, error) : HDX_OK;
  if (status == HDX_OK)
    status = open_bytes(ints, zstd, in, error);
  if (status != HDX_OK)
    return status;
  ints->bits_size = hdx_bytes_left(in);
  ints->bits = hdx_get_bytes(in, ints->bits_size);
  /* No symbol has more than 64 - k - 1 bits behind it: k of 2 gives 62 at the most. */
  size_t bits = extra_sum(ints, 0, ints->residuals);
  return (bits + 7) / 8 == ints->bits_size ? HDX_OK : broken(error, "bits behind symbols that are too few or too many");
}

static enum hdx_status open_named(struct hdx_ints *ints, struct hdx_zstd *zstd, struct hdx_bytes *in,
                                  struct hdx_error *error) {
  size_t count = (size_t)hdx_get_u8(in) + 1;
  ints->names[0] = hdx_get_signed(in);
  for (size_t n = 1; n < count; n++)
    ints->names[n] = (int64_t)((uint64_t)ints->names[n - 1] + hdx_get_varint(in));
  for (size_t n = count; n < 256; n++)
    ints->names[n] = 0;
  enum hdx_status status = open_bytes(ints, zstd, in, error);
  if (status != HDX_OK)
    return status;
  unsigned greatest = 0;
  for (size_t i = 0; i < ints->residuals; i++)
    greatest = ints->symbols[i] > greatest ? ints->symbols[i] : greatest;
  return greatest < count && !hdx_bytes_left(in) ? HDX_OK : broken(error, "a name that is not there");
}

/* Decodes two streams of `count` numbers into places and values. */
static enum hdx_status open_pair(struct hdx_ints *ints, struct hdx_zstd *zstd, struct hdx_bytes *in, size_t count,
                                 enum depth depth, struct hdx_error *error) {
  uint64_t size = hdx_get_varint(in);
  const uint8_t *first = size <= hdx_bytes_left(in) ? hdx_get_bytes(in, (size_t)size) : NULL;
  if (!first)
    return broken(error, "a pair of streams that ends too early");
  enum hdx_status status = make_room(ints, 2 * count * sizeof(int64_t), error);
  if (status != HDX_OK)
    return status;
  ints->places = ints->memory;
  ints->values = ints->places + count;
  status = read_nested(zstd, first, (size_t)size, count, depth, ints->places, error);
  if (status == HDX_OK)
    status = read_nested(zstd, in->at, hdx_bytes_left(in), count, depth, ints->values, error);
  return status;
}

static enum hdx_status open_split(struct hdx_ints *ints, struct hdx_zstd *zstd, struct hdx_bytes *in,
                                  struct hdx_error *error) {
  ints->unit = hdx_get_varint(in);
  return in->bad || ints->unit < 2 ? broken(error, "a unit of less than 2")
                                   : open_pair(ints, zstd, in, ints->residuals, PART, error);
}

static enum hdx_status open_sparse(struct hdx_ints *ints, struct hdx_zstd *zstd, struct hdx_bytes *in,
                                   struct hdx_error *error) {
  ints->base = hdx_get_signed(in);
  uint64_t exceptions = hdx_get_varint(in);
  if (in->bad || exceptions == 0 || exceptions >= ints->residuals)
    return broken(error, "exceptions of an impossible number");
  size_t count = ints->exceptions = (size_t)exceptions;
  enum hdx_status status = open_pair(ints, zstd, in, count, OF_STREAM, error);
  uint64_t next = 0;
  for (size_t i = 0; status == HDX_OK && i < count; i++) {
    uint64_t gap = (uint64_t)ints->places[i];
    if (gap >= ints->residuals - next)
      return broken(error, "an exception behind the end");
    ints->places[i] = (int64_t)(next + gap);
    next += gap + 1;
    if (next == ints->residuals && i + 1 < count)
      return broken(error, "an exception behind the end");
  }
  return status;
}

static enum hdx_status open_body(struct hdx_ints *ints, struct hdx_zstd *zstd, struct hdx_bytes *in, enum depth depth,
                                 struct hdx_error *error) {
  ints->widths = NULL;
  switch (ints->tag & HDX_INTS_BODY) {
  case HDX_INTS_CONSTANT:
    ints->base = hdx_get_signed(in);
    return in->bad || hdx_bytes_left(in) ? broken(error, "a constant of the wrong length") : HDX_OK;
  case HDX_INTS_PACKED:
    return open_packed(ints, in, error);
  case HDX_INTS_SYMBOLS:
    return open_symbols(ints, zstd, in, depth, error);
  case HDX_INTS_NAMED:
    return open_named(ints, zstd, in, error);
  case HDX_INTS_SPARSE:
    return depth != WHOLE ? broken(error, "exceptions within a stream of a stream")
                          : open_sparse(ints, zstd, in, error);
  case HDX_INTS_SPLIT:
    return depth == PART ? broken(error, "a split within a part of one") : open_split(ints, zstd, in, error);
  default:
    return broken(error, "an unknown encoding");
  }
}

static enum hdx_status open_stream(struct hdx_ints *ints, struct hdx_zstd *zstd, const void *data, size_t size,
                                   size_t count, enum depth depth, struct hdx_error *error) {
  struct hdx_bytes in = hdx_bytes_of(data, size);
  ints->tag = hdx_get_u8(&in);
  bool delta = ints->tag & HDX_INTS_DELTA;
  if (in.bad || ints->tag & ~(HDX_INTS_BODY | HDX_INTS_DELTA))
    return broken(error, "an unknown encoding");
  if (count == 0 || count > HDX_INTS_MAX || (delta && count < 2))
    return broken(error, "a number of rows that the encoding cannot have");
  ints->count = count;
  ints->residuals = count - delta;
  ints->first = delta ? hdx_get_signed(&in) : 0;
  return open_body(ints, zstd, &in, depth, error);
}

enum hdx_status hdx_ints_open(struct hdx_ints *ints, struct hdx_zstd *zstd, const void *data, size_t size, size_t count,
                              struct hdx_error *error) {
  return open_stream(ints, zstd, data, size, count, WHOLE, error);
}

/* ---- reading ---- */

/* 8 bytes at `at`, zeros for those behind the end. */
static uint64_t load_end(const uint8_t *at, const uint8_t *end) {
  uint8_t bytes[8] = {0};
  if (at < end)
    memcpy(bytes, at, end - at < 8 ? (size_t)(end - at) : 8);
  return hdx_load_u64(bytes);
}

/* A number of any width, reading nothing behind the end. */
static uint64_t unpack_one(const uint8_t *body, const uint8_t *end, size_t bit, unsigned width) {
  const uint8_t *at = body + bit / 8;
  unsigned skip = bit % 8;
  uint64_t bits = load_end(at, end) >> skip;
  if (skip && skip + width > 64)
    bits |= load_end(at + 8, end) << (64 - skip);
  return width < 64 ? bits & ((UINT64_C(1) << width) - 1) : bits;
}

static void unpack(const uint8_t *body, const uint8_t *end, size_t count, unsigned width, uint64_t unit, uint64_t least,
                   int64_t *out) {
  size_t i = 0, left = (size_t)(end - body);
  if (width == 0) {
    for (; i < count; i++)
      out[i] = (int64_t)least;
    return;
  }
  /* An 8-byte load holds any number of up to 57 bits, whatever bit of its first byte it begins at. */
  if (width <= 57 && left >= 8) {
    uint64_t mask = (UINT64_C(1) << width) - 1;
    size_t fast = ((left - 8) * 8 + 7) / width + 1;
    fast = fast < count ? fast : count;
    for (size_t bit = 0; i < fast; i++, bit += width)
      out[i] = (int64_t)(((hdx_load_u64(body + bit / 8) >> (bit % 8)) & mask) * unit + least);
  }
  for (; i < count; i++)
    out[i] = (int64_t)(unpack_one(body, end, i * width, width) * unit + least);
}

static void read_packed(const struct hdx_ints *ints, size_t from, size_t to, int64_t *out) {
  const uint8_t *at = ints->bits, *end = ints->bits + ints->bits_size;
  for (size_t g = 0, begin = 0; begin < to; g++, begin += HDX_INTS_GROUP) {
    size_t size = ints->residuals - begin < HDX_INTS_GROUP ? ints->residuals - begin : HDX_INTS_GROUP;
    unsigned width = ints->widths ? ints->widths[g] : ints->width;
    size_t skip = from > begin ? from - begin : 0;
    if (skip < size) {
      int64_t group[HDX_INTS_GROUP];
      size_t stop = to - begin < size ? to - begin : size;
      bool whole = skip == 0;
      unpack(at, end, stop, width, ints->unit, (uint64_t)ints->base, whole ? out + begin - from : group);
      if (!whole)
        memcpy(out, group + skip, (stop - skip) * sizeof *out);
    }
    at += hdx_ints_group_bytes(size, width);
  }
}

/* What each symbol says: the number's high bits, and how many follow. */
struct meaning {
  uint64_t high[256];
  uint8_t bits[256];
};

/* Of symbols of one group: without bits behind them. */
static void read_plain(const int64_t *residual, const uint8_t *symbols, size_t count, uint64_t base, int64_t *out) {
  for (size_t i = 0; i < count; i++)
    out[i] = (int64_t)((uint64_t)residual[symbols[i]] + base);
}

/* With bits, from `bit` on; gives where the next ones are. An 8-byte load holds any of up to 57 bits. */
static size_t read_with_bits(const struct hdx_ints *ints, const struct meaning *meaning, size_t from, size_t to,
                             uint64_t base, size_t bit, int64_t *out) {
  const uint8_t *end = ints->bits + ints->bits_size;
  size_t safe = ints->bits_size >= 8 ? (ints->bits_size - 8) * 8 : 0, i = from;
  uint64_t unit = ints->unit, fold = ints->form & HDX_INTS_FOLDED ? 1 : 0;
  for (; i < to && bit < safe; i++) {
    unsigned s = ints->symbols[i], e = meaning->bits[s];
    if (e > 57)
      break;
    uint64_t low = (hdx_load_u64(ints->bits + bit / 8) >> (bit % 8)) & ((UINT64_C(1) << e) - 1);
    uint64_t u = meaning->high[s] + low, sign = fold & u;
    out[i - from] = (int64_t)(((u >> fold) ^ (0 - sign)) * unit + base);
    bit += e;
  }
  for (; i < to; i++) {
    unsigned s = ints->symbols[i], e = meaning->bits[s];
    uint64_t u = meaning->high[s] + (e ? unpack_one(ints->bits, end, bit, e) : 0), sign = fold & u;
    out[i - from] = (int64_t)(((u >> fold) ^ (0 - sign)) * unit + base);
    bit += e;
  }
  return bit;
}

static void read_symbols(const struct hdx_ints *ints, size_t from, size_t to, int64_t *out) {
  struct meaning meaning;
  int64_t residual[256];
  unsigned k = ints->form & HDX_INTS_MANTISSA;
  for (unsigned s = 0; s < 256; s++) {
    unsigned e = extra_of(s, k);
    meaning.bits[s] = (uint8_t)e;
    meaning.high[s] = e ? ((s & ((1u << k) - 1)) | UINT64_C(1) << k) << e : s;
    uint64_t q = ints->form & HDX_INTS_FOLDED ? (uint64_t)hdx_unfold(meaning.high[s]) : meaning.high[s];
    residual[s] = (int64_t)(q * ints->unit);
  }
  size_t bit = ints->bits_size ? extra_sum(ints, 0, from) : 0;
  bool levels = ints->form & HDX_INTS_LEVELS;
  for (size_t at = from, end; at < to; at = end) {
    size_t group = at / HDX_INTS_LEVEL_GROUP;
    end = levels && (group + 1) * HDX_INTS_LEVEL_GROUP < to ? (group + 1) * HDX_INTS_LEVEL_GROUP : to;
    uint64_t base = (uint64_t)ints->base + (levels ? (uint64_t)ints->levels[group] * ints->unit : 0);
    if (ints->bits_size == 0)
      read_plain(residual, ints->symbols + at, end - at, base, out + at - from);
    else
      bit = read_with_bits(ints, &meaning, at, end, base, bit, out + at - from);
  }
}

/* The first exception at `at` or behind it. */
static size_t exception_from(const struct hdx_ints *ints, size_t at) {
  size_t low = 0, high = ints->exceptions;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if ((uint64_t)ints->places[middle] < at)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static void read_residuals(const struct hdx_ints *ints, size_t from, size_t to, int64_t *out) {
  switch (ints->tag & HDX_INTS_BODY) {
  case HDX_INTS_PACKED:
    read_packed(ints, from, to, out);
    break;
  case HDX_INTS_SYMBOLS:
    read_symbols(ints, from, to, out);
    break;
  case HDX_INTS_NAMED:
    for (size_t i = from; i < to; i++)
      out[i - from] = ints->names[ints->symbols[i]];
    break;
  case HDX_INTS_SPLIT:
    for (size_t i = from; i < to; i++)
      out[i - from] = (int64_t)((uint64_t)ints->places[i] * ints->unit + (uint64_t)ints->values[i]);
    break;
  default:
    for (size_t i = from; i < to; i++)
      out[i - from] = ints->base;
  }
  if ((ints->tag & HDX_INTS_BODY) != HDX_INTS_SPARSE)
    return;
  for (size_t n = exception_from(ints, from); n < ints->exceptions && (size_t)ints->places[n] < to; n++)
    out[(size_t)ints->places[n] - from] = ints->values[n];
}

/* A clock: runs of one step, each a straight line. Value i + 1 follows residual i. */
static void read_steps(const struct hdx_ints *ints, size_t from, size_t to, int64_t *out) {
  uint64_t step = (uint64_t)ints->base, value = (uint64_t)ints->first;
  size_t exceptions = (ints->tag & HDX_INTS_BODY) == HDX_INTS_SPARSE ? ints->exceptions : 0, at = 0;
  for (size_t n = 0; n <= exceptions && at < to; n++) {
    size_t last = n < exceptions ? (size_t)ints->places[n] : ints->count - 1; /* value of the run */
    size_t begin = from > at ? from : at, end = last < to ? last + 1 : to;
    uint64_t next = value + (begin - at) * step;
    for (size_t i = begin; i < end; i++, next += step)
      out[i - from] = (int64_t)next;
    value += (last - at) * step + (n < exceptions ? (uint64_t)ints->values[n] : 0);
    at = last + 1;
  }
}

void hdx_ints_read(const struct hdx_ints *ints, size_t from, size_t to, int64_t *out) {
  assert(from <= to && to <= ints->count);
  unsigned body = ints->tag & HDX_INTS_BODY;
  if (from == to)
    return;
  if (!(ints->tag & HDX_INTS_DELTA)) {
    read_residuals(ints, from, to, out);
    return;
  }
  if (body == HDX_INTS_SPARSE || body == HDX_INTS_CONSTANT) {
    read_steps(ints, from, to, out);
    return;
  }
  read_residuals(ints, 0, to - 1, out + 1);
  uint64_t value = (uint64_t)ints->first;
  out[0] = ints->first;
  for (size_t i = 1; i < to; i++) {
    value += (uint64_t)out[i];
    out[i] = (int64_t)value;
  }
  if (from)
    memmove(out, out + from, (to - from) * sizeof *out);
}

enum hdx_status hdx_ints_decode(struct hdx_ints *ints, struct hdx_zstd *zstd, const void *data, size_t size,
                                size_t count, int64_t *out, struct hdx_error *error) {
  enum hdx_status status = hdx_ints_open(ints, zstd, data, size, count, error);
  if (status == HDX_OK)
    hdx_ints_read(ints, 0, count, out);
  return status;
}
