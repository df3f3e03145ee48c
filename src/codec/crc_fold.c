/* Any reflected CRC of up to 64 bits. One of 32 bits is that of 64 bits over its polynomial times x^32, whose register
 * keeps its upper half zero: so one set of code serves all.
 *
 * Tables: slicing, sixteen bytes at a time (Kounavis and Berry, "Novel Table Lookup-Based Algorithms for
 * High-Performance CRC Generation", 2008): tables[i][b] is the register after the byte b and i bytes of zero.
 *
 * Carry-less multiplication (Gopal and others, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ", Intel
 * 2009): sixteen bytes of message are a polynomial of 128 bits; moved on by D bits and reduced to what has the same
 * remainder, they are added to the sixteen bytes that lie D bits behind. Eight of them go side by side, as one product
 * waits for the one before in its lane; where the processor multiplies four pairs at once, eight times four. What is
 * left at the end is some bytes that stand for all of the message before: they go through the tables as any others. */
#include "codec/bytes.h"
#include "codec/crc.h"

#include <pthread.h>

#if defined(__x86_64__)
#include "base/cpu.h"

#include <immintrin.h>
#endif

enum { SLICES = 16, LANES = 8, LANE_BYTES = 16, WIDE_BYTES = 64 };

/* How far a lane is moved on: by one lane or by all of them, narrow or wide. */
enum move { NEAR, WIDE_NEAR, FAR, WIDE_FAR, MOVES };
static const unsigned move_bytes[MOVES] = {LANE_BYTES, WIDE_BYTES, LANES *LANE_BYTES, LANES *WIDE_BYTES};

/* Reflected: the lowest bit is that of the highest power below x^64. */
static const uint64_t polynomials[HDX_CRC_COUNT] = {
    [HDX_CRC_32] = 0xedb88320, [HDX_CRC_32C] = 0x82f63b78, [HDX_CRC_64NVME] = 0x9a6c9329ac4bc9b5};

static struct {
  uint64_t slices[SLICES][256];
  uint64_t moves[MOVES][2]; /* what a lane's lower and upper half are multiplied by */
} tables[HDX_CRC_COUNT];

static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint64_t step(uint64_t value, uint64_t polynomial) {
  return value >> 1 ^ (value & 1 ? polynomial : 0);
}

/* x^n modulo the polynomial. */
static uint64_t power(unsigned n, uint64_t polynomial) {
  uint64_t value = UINT64_C(1) << 63;
  while (n--)
    value = step(value, polynomial);
  return value;
}

static void make_tables(void) {
  for (size_t kind = 0; kind < HDX_CRC_COUNT; kind++) {
    /* In 64 bits x^0 is the highest bit, so the register of a short CRC lies at the lower end as it is. */
    uint64_t polynomial = polynomials[kind];
    uint64_t(*slices)[256] = tables[kind].slices;
    for (unsigned b = 0; b < 256; b++) {
      uint64_t value = b;
      for (int bit = 0; bit < 8; bit++)
        value = step(value, polynomial);
      slices[0][b] = value;
    }
    for (size_t i = 1; i < SLICES; i++)
      for (unsigned b = 0; b < 256; b++)
        slices[i][b] = slices[i - 1][b] >> 8 ^ slices[0][slices[i - 1][b] & 0xff];
    /* The lower half of a lane comes first and so stands 64 bits higher. The product of two reflected halves lies one
     * bit lower than the reflected product: one power less makes up for it. */
    for (size_t i = 0; i < MOVES; i++) {
      tables[kind].moves[i][0] = power(8 * move_bytes[i] + 64 - 1, polynomial);
      tables[kind].moves[i][1] = power(8 * move_bytes[i] - 1, polynomial);
    }
  }
}

static uint64_t by_slices(enum hdx_crc kind, uint64_t state, const uint8_t *at, size_t size) {
  const uint64_t(*slices)[256] = (const uint64_t(*)[256])tables[kind].slices;
  for (; size >= 16; at += 16, size -= 16) {
    uint64_t low = hdx_load_u64(at) ^ state, high = hdx_load_u64(at + 8);
    state = 0;
    for (unsigned i = 0; i < 8; i++)
      state ^= slices[15 - i][low >> 8 * i & 0xff] ^ slices[7 - i][high >> 8 * i & 0xff];
  }
  for (; size; at++, size--)
    state = state >> 8 ^ slices[0][(state ^ *at) & 0xff];
  return state;
}

#if defined(__x86_64__)

#define NARROW __attribute__((target("sse2,pclmul")))
#define WIDE __attribute__((target("avx512f,vpclmulqdq")))

NARROW static inline __m128i move_of(enum hdx_crc kind, enum move move) {
  return _mm_loadu_si128((const void *)tables[kind].moves[move]);
}

/* A lane moved on, and what lies there. */
NARROW static inline __m128i fold(__m128i lane, __m128i move, __m128i there) {
  return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(lane, move, 0x00), _mm_clmulepi64_si128(lane, move, 0x11)),
                       there);
}

NARROW static uint64_t by_products(enum hdx_crc kind, uint64_t state, const uint8_t *at, size_t size) {
  if (size < move_bytes[FAR])
    return by_slices(kind, state, at, size);
  const __m128i far = move_of(kind, FAR), near = move_of(kind, NEAR);
  const __m128i *in = (const void *)at;
  __m128i lanes[LANES];
  uint8_t rest[LANE_BYTES];
  for (size_t i = 0; i < LANES; i++)
    lanes[i] = _mm_loadu_si128(in + i);
  lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi64_si128((long long)state));
  for (in += LANES, size -= sizeof lanes; size >= sizeof lanes; in += LANES, size -= sizeof lanes)
    for (size_t i = 0; i < LANES; i++)
      lanes[i] = fold(lanes[i], far, _mm_loadu_si128(in + i));
  for (size_t i = 1; i < LANES; i++)
    lanes[0] = fold(lanes[0], near, lanes[i]);
  for (; size >= LANE_BYTES; in++, size -= LANE_BYTES)
    lanes[0] = fold(lanes[0], near, _mm_loadu_si128(in));
  _mm_storeu_si128((void *)rest, lanes[0]);
  return by_slices(kind, by_slices(kind, 0, rest, sizeof rest), (const uint8_t *)in, size);
}

WIDE static inline __m512i fold_wide(__m512i lanes, __m512i move, __m512i there) {
  const __m512i lower = _mm512_clmulepi64_epi128(lanes, move, 0x00);
  return _mm512_xor_si512(_mm512_xor_si512(lower, _mm512_clmulepi64_epi128(lanes, move, 0x11)), there);
}

WIDE static uint64_t by_wide_products(enum hdx_crc kind, uint64_t state, const uint8_t *at, size_t size) {
  if (size < move_bytes[WIDE_FAR])
    return by_products(kind, state, at, size);
  const __m512i far = _mm512_broadcast_i32x4(move_of(kind, WIDE_FAR));
  const __m512i near = _mm512_broadcast_i32x4(move_of(kind, WIDE_NEAR));
  __m512i lanes[LANES];
  uint8_t rest[WIDE_BYTES];
  for (size_t i = 0; i < LANES; i++)
    lanes[i] = _mm512_loadu_si512(at + i * WIDE_BYTES);
  lanes[0] = _mm512_xor_si512(lanes[0], _mm512_zextsi128_si512(_mm_cvtsi64_si128((long long)state)));
  for (at += sizeof lanes, size -= sizeof lanes; size >= sizeof lanes; at += sizeof lanes, size -= sizeof lanes)
    for (size_t i = 0; i < LANES; i++)
      lanes[i] = fold_wide(lanes[i], far, _mm512_loadu_si512(at + i * WIDE_BYTES));
  for (size_t i = 1; i < LANES; i++)
    lanes[0] = fold_wide(lanes[0], near, lanes[i]);
  _mm512_storeu_si512(rest, lanes[0]);
  return by_products(kind, by_slices(kind, 0, rest, sizeof rest), at, size);
}

enum hdx_crc_way hdx_crc_way(void) {
  if (hdx_cpu_level() == HDX_CPU_SCALAR || !__builtin_cpu_supports("pclmul"))
    return HDX_CRC_BY_TABLES;
  const bool wide = hdx_cpu_level() == HDX_CPU_AVX512 && __builtin_cpu_supports("vpclmulqdq");
  return wide ? HDX_CRC_BY_WIDE_PRODUCTS : HDX_CRC_BY_PRODUCTS;
}

#else

enum hdx_crc_way hdx_crc_way(void) {
  return HDX_CRC_BY_TABLES;
}
#endif

uint64_t hdx_crc_fold(enum hdx_crc kind, enum hdx_crc_way way, uint64_t crc, const void *data, size_t size) {
  const uint64_t ones = kind == HDX_CRC_64NVME ? UINT64_MAX : UINT32_MAX;
  pthread_once(&once, make_tables);
#if defined(__x86_64__)
  if (way == HDX_CRC_BY_WIDE_PRODUCTS)
    return by_wide_products(kind, crc ^ ones, data, size) ^ ones;
  if (way == HDX_CRC_BY_PRODUCTS)
    return by_products(kind, crc ^ ones, data, size) ^ ones;
#else
  (void)way;
#endif
  return by_slices(kind, crc ^ ones, data, size) ^ ones;
}
