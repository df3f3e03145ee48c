/* Small arithmetic that the integer codec's files share. */
#ifndef HDX_CODEC_INTS_UNIT_H
#define HDX_CODEC_INTS_UNIT_H

#include "codec/ints.h"

/* x, a multiple of g = odd * 2^shift, divided by g exactly: turned right by shift, times the inverse of odd modulo
 * 2^64. Source: Hacker's Delight, 10-17. */
struct hdx_divisor {
  uint64_t inverse, quotient_max;
  unsigned shift;
};

static inline struct hdx_divisor hdx_divisor_of(uint64_t g) {
  unsigned shift = (unsigned)__builtin_ctzll(g);
  uint64_t odd = g >> shift, inverse = odd; /* right to 3 bits; each step doubles them */
  for (int i = 0; i < 5; i++)
    inverse *= 2 - odd * inverse;
  return (struct hdx_divisor){inverse, UINT64_MAX / g, shift};
}

/* Of any x: more than quotient_max if x is no multiple. */
static inline uint64_t hdx_quotient(uint64_t x, struct hdx_divisor d) {
  uint64_t y = x * d.inverse;
  return (y >> d.shift) | (y << (-d.shift & 63));
}

static inline int64_t hdx_signed_quotient(int64_t x, struct hdx_divisor d) {
  return (int64_t)((uint64_t)(x >> d.shift) * d.inverse);
}

static inline unsigned hdx_bit_width(uint64_t x) {
  return x ? 64 - (unsigned)__builtin_clzll(x) : 0;
}

/* Of a group of packed numbers. */
static inline size_t hdx_ints_group_bytes(size_t count, unsigned width) {
  return (count * width + 7) / 8;
}

static inline size_t hdx_ints_group_count(size_t count) {
  return (count + HDX_INTS_GROUP - 1) / HDX_INTS_GROUP;
}

/* How many bits of u go behind its symbol. */
static inline unsigned hdx_ints_extra_bits(uint64_t u, unsigned k) {
  unsigned width = 64 - (unsigned)__builtin_clzll(u | 1);
  return width > k + 1 ? width - k - 1 : 0;
}

#endif
