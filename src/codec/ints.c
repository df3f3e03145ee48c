#include "codec/ints.h"

#include "base/error.h"
#include "codec/bytes.h"

#include <assert.h>

enum { WIDTHS_VARY = 255 };

/* ---- division by multiplication ---- */

/* x is a multiple of g = odd * 2^shift exactly if x * odd^-1 (modulo 2^64), turned right by shift, is at most
 * (2^64 - 1) / g, and then that is the quotient. Source: Hacker's Delight, 10-17. */
struct divisor {
  uint64_t inverse, quotient_max;
  unsigned shift;
};

static struct divisor divisor_of(uint64_t g) {
  unsigned shift = (unsigned)__builtin_ctzll(g);
  uint64_t odd = g >> shift, inverse = odd; /* right to 3 bits; each step doubles them */
  for (int i = 0; i < 5; i++)
    inverse *= 2 - odd * inverse;
  return (struct divisor){inverse, UINT64_MAX / g, shift};
}

static inline uint64_t quotient(uint64_t x, struct divisor d) {
  uint64_t y = x * d.inverse;
  return (y >> d.shift) | (y << (-d.shift & 63));
}

static uint64_t gcd_of(uint64_t a, uint64_t b) {
  while (b) {
    uint64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/* Of all residuals less min. */
static uint64_t column_gcd(const int64_t *residuals, size_t count, int64_t min) {
  enum { STEP = 64 };
  uint64_t g = 0;
  struct divisor d = {0};
  for (size_t from = 0; from < count; from += STEP) {
    size_t to = count - from < STEP ? count : from + STEP;
    bool bad = g == 0;
    if (g != 0)
      for (size_t i = from; i < to; i++)
        bad |= quotient((uint64_t)residuals[i] - (uint64_t)min, d) > d.quotient_max;
    if (!bad)
      continue;
    for (size_t i = from; i < to && g != 1; i++)
      g = gcd_of((uint64_t)residuals[i] - (uint64_t)min, g);
    if (g == 1)
      return 1;
    if (g != 0)
      d = divisor_of(g);
  }
  return g ? g : 1;
}

/* ---- writing ---- */

static unsigned bit_width(uint64_t x) {
  return x ? 64 - (unsigned)__builtin_clzll(x) : 0;
}

static size_t group_bytes(size_t count, unsigned width) {
  return (count * width + 7) / 8;
}

static size_t group_count(size_t count) {
  return (count + HDX_INTS_GROUP - 1) / HDX_INTS_GROUP;
}

void hdx_ints_plan(const int64_t *values, size_t count, struct hdx_ints_plan *plan) {
  assert(count > 0 && count <= HDX_INTS_MAX);
  int64_t group_max[HDX_INTS_GROUPS_MAX], min = values[0], max = values[0];
  size_t groups = group_count(count);
  for (size_t g = 0; g < groups; g++) {
    size_t from = g * HDX_INTS_GROUP, to = count - from < HDX_INTS_GROUP ? count : from + HDX_INTS_GROUP;
    int64_t least = values[from], most = values[from];
    for (size_t i = from + 1; i < to; i++) {
      least = values[i] < least ? values[i] : least;
      most = values[i] > most ? values[i] : most;
    }
    group_max[g] = most;
    min = least < min ? least : min;
    max = most > max ? most : max;
  }
  plan->residuals = values;
  plan->count = count;
  plan->min = min;
  plan->bytes = 1 + HDX_VARINT_BYTES_MAX;
  if (min == max) {
    plan->tag = HDX_INTS_CONSTANT;
    return;
  }
  plan->tag = HDX_INTS_PACKED;
  plan->gcd = column_gcd(values, count, min);
  plan->bytes += HDX_VARINT_BYTES_MAX + 1 + groups;
  for (size_t g = 0; g < groups; g++) {
    size_t from = g * HDX_INTS_GROUP, size = count - from < HDX_INTS_GROUP ? count - from : HDX_INTS_GROUP;
    plan->widths[g] = (uint8_t)bit_width(((uint64_t)group_max[g] - (uint64_t)min) / plan->gcd);
    plan->bytes += group_bytes(size, plan->widths[g]);
  }
}

void hdx_ints_plan_delta(const int64_t *values, size_t count, int64_t *scratch, struct hdx_ints_plan *plan) {
  for (size_t i = 1; i < count; i++)
    scratch[i - 1] = (int64_t)((uint64_t)values[i] - (uint64_t)values[i - 1]);
  if (count < 2) {
    hdx_ints_plan(values, count, plan);
    return;
  }
  hdx_ints_plan(scratch, count - 1, plan);
  /* Equal deltas need no body, but they are not a constant column, unless they are 0. */
  if (plan->tag == HDX_INTS_CONSTANT && plan->min == 0) {
    plan->min = values[0];
    return;
  }
  if (plan->tag == HDX_INTS_CONSTANT) {
    plan->gcd = 1;
    memset(plan->widths, 0, group_count(count - 1));
  }
  plan->tag = HDX_INTS_DELTA;
  plan->first = values[0];
  plan->bytes += 2 * HDX_VARINT_BYTES_MAX;
}

/* Packs one group and gives where the next one begins; up to 8 bytes behind that may be written to. */
static char *pack(const int64_t *residuals, size_t count, uint64_t min, struct divisor d, unsigned width, char *out) {
  uint64_t bits = 0;
  unsigned have = 0;
  for (size_t i = 0; i < count; i++) {
    uint64_t q = quotient((uint64_t)residuals[i] - min, d);
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

static void write_widths(const struct hdx_ints_plan *plan, size_t groups, struct hdx_buffer *out) {
  bool same = true;
  for (size_t g = 1; g < groups; g++)
    same &= plan->widths[g] == plan->widths[0];
  if (!same)
    hdx_buffer_append_byte(out, (char)WIDTHS_VARY);
  hdx_buffer_append(out, plan->widths, same ? 1 : groups);
}

void hdx_ints_write(const struct hdx_ints_plan *plan, struct hdx_buffer *out) {
  hdx_buffer_append_byte(out, (char)plan->tag);
  if (plan->tag == HDX_INTS_DELTA)
    hdx_put_signed(out, plan->first);
  hdx_put_signed(out, plan->min);
  if (plan->tag == HDX_INTS_CONSTANT)
    return;
  hdx_put_varint(out, plan->gcd);
  size_t groups = group_count(plan->count);
  write_widths(plan, groups, out);
  char *begin = hdx_buffer_reserve(out, plan->bytes + 8), *to = begin;
  if (!begin)
    return;
  struct divisor d = divisor_of(plan->gcd);
  for (size_t g = 0; g < groups; g++) {
    size_t from = g * HDX_INTS_GROUP;
    size_t size = plan->count - from < HDX_INTS_GROUP ? plan->count - from : HDX_INTS_GROUP;
    if (plan->widths[g])
      to = pack(plan->residuals + from, size, (uint64_t)plan->min, d, plan->widths[g], to);
  }
  out->size += (size_t)(to - begin);
}

/* ---- reading ---- */

static enum hdx_status broken(struct hdx_error *error, const char *what) {
  return hdx_error_set(error, HDX_INTEGRITY, "numbers: %s", what);
}

static enum hdx_status open_body(struct hdx_ints *ints, struct hdx_bytes *in, size_t count, struct hdx_error *error) {
  size_t groups = group_count(count), size = 0;
  ints->width = hdx_get_u8(in);
  if (ints->width == WIDTHS_VARY)
    ints->widths = hdx_get_bytes(in, groups);
  if (in->bad)
    return broken(error, "the column ends too early");
  for (size_t g = 0; g < groups; g++) {
    unsigned width = ints->widths ? ints->widths[g] : ints->width;
    if (width > 64)
      return broken(error, "a width of more than 64 bits");
    size_t from = g * HDX_INTS_GROUP;
    size += group_bytes(count - from < HDX_INTS_GROUP ? count - from : HDX_INTS_GROUP, width);
  }
  ints->body_size = hdx_bytes_left(in);
  ints->body = hdx_get_bytes(in, ints->body_size);
  if (size != ints->body_size)
    return hdx_error_set(error, HDX_INTEGRITY, "numbers: a body of %zu bytes was expected, it has %zu", size,
                         ints->body_size);
  return HDX_OK;
}

enum hdx_status hdx_ints_open(struct hdx_ints *ints, const void *data, size_t size, size_t count,
                              struct hdx_error *error) {
  struct hdx_bytes in = hdx_bytes_of(data, size);
  uint8_t tag = hdx_get_u8(&in);
  *ints = (struct hdx_ints){.tag = tag, .count = count, .gcd = 1};
  if (in.bad || tag > HDX_INTS_DELTA)
    return broken(error, "an unknown encoding");
  if (count == 0 || count > HDX_INTS_MAX || (tag == HDX_INTS_DELTA && count < 2))
    return broken(error, "a number of rows that the encoding cannot have");
  if (tag == HDX_INTS_DELTA)
    ints->first = hdx_get_signed(&in);
  ints->min = hdx_get_signed(&in);
  if (tag == HDX_INTS_CONSTANT)
    return in.bad || hdx_bytes_left(&in) ? broken(error, "a constant of the wrong length") : HDX_OK;
  ints->gcd = hdx_get_varint(&in);
  if (ints->gcd == 0)
    return broken(error, "a divisor of 0");
  return open_body(ints, &in, tag == HDX_INTS_DELTA ? count - 1 : count, error);
}

/* 8 bytes at `at`, zeros for those behind the end. */
static uint64_t load_end(const uint8_t *at, const uint8_t *end) {
  uint8_t bytes[8] = {0};
  if (at < end)
    memcpy(bytes, at, end - at < 8 ? (size_t)(end - at) : 8);
  return hdx_load_u64(bytes);
}

/* A residual of any width, reading nothing behind the end. */
static uint64_t unpack_one(const uint8_t *body, const uint8_t *end, size_t bit, unsigned width) {
  const uint8_t *at = body + bit / 8;
  unsigned skip = bit % 8;
  uint64_t bits = load_end(at, end) >> skip;
  if (skip && skip + width > 64)
    bits |= load_end(at + 8, end) << (64 - skip);
  return width < 64 ? bits & ((UINT64_C(1) << width) - 1) : bits;
}

static void unpack(const uint8_t *body, const uint8_t *end, size_t count, unsigned width, uint64_t gcd, uint64_t min,
                   int64_t *out) {
  size_t i = 0, left = (size_t)(end - body);
  if (width == 0) {
    for (; i < count; i++)
      out[i] = (int64_t)min;
    return;
  }
  /* An 8-byte load holds any residual of up to 57 bits, whatever bit of its first byte it begins at. */
  if (width <= 57 && left >= 8) {
    uint64_t mask = (UINT64_C(1) << width) - 1;
    size_t fast = ((left - 8) * 8 + 7) / width + 1;
    fast = fast < count ? fast : count;
    for (size_t bit = 0; i < fast; i++, bit += width)
      out[i] = (int64_t)(((hdx_load_u64(body + bit / 8) >> (bit % 8)) & mask) * gcd + min);
  }
  for (; i < count; i++)
    out[i] = (int64_t)(unpack_one(body, end, i * width, width) * gcd + min);
}

/* Residuals [from, to); from begins a group. */
static void read_residuals(const struct hdx_ints *ints, size_t from, size_t to, size_t count, int64_t *out) {
  const uint8_t *at = ints->body, *end = ints->body + ints->body_size;
  for (size_t g = 0, begin = 0; begin < to; g++, begin += HDX_INTS_GROUP) {
    size_t size = count - begin < HDX_INTS_GROUP ? count - begin : HDX_INTS_GROUP;
    unsigned width = ints->widths ? ints->widths[g] : ints->width;
    if (begin >= from)
      unpack(at, end, to - begin < size ? to - begin : size, width, ints->gcd, (uint64_t)ints->min, out + begin - from);
    at += group_bytes(size, width);
  }
}

void hdx_ints_read(const struct hdx_ints *ints, size_t from, size_t to, int64_t *out) {
  assert(from % HDX_INTS_GROUP == 0 && from <= to && to <= ints->count);
  if (from == to)
    return;
  if (ints->tag == HDX_INTS_CONSTANT) {
    for (size_t i = from; i < to; i++)
      out[i - from] = ints->min;
    return;
  }
  if (ints->tag == HDX_INTS_PACKED) {
    read_residuals(ints, from, to, ints->count, out);
    return;
  }
  read_residuals(ints, 0, to - 1, ints->count - 1, out + 1);
  uint64_t value = (uint64_t)ints->first;
  out[0] = ints->first;
  for (size_t i = 1; i < to; i++) {
    value += (uint64_t)out[i];
    out[i] = (int64_t)value;
  }
  if (from)
    memmove(out, out + from, (to - from) * sizeof *out);
}
