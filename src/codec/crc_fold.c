/* Any reflected CRC of up to 64 bits. One of 32 bits is that of 64 bits over its polynomial times x^32, whose register
 * keeps its upper half zero: so one set of code serves all.
 *
 * Tables: slicing, sixteen bytes at a time (Kounavis and Berry, "Novel Table Lookup-Based Algorithms for
 * High-Performance CRC Generation", 2008): tables[i][b] is the register after the byte b and i bytes of zero.
 *
 * Carry-less multiplication (Gopal and others, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ", Intel
 * 2009): sixteen bytes of message are a polynomial of 128 bits; moved on by D bits and reduced to what has the same
 * remainder, they are added to the sixteen bytes that lie D bits behind. Eight such lanes go side by side, as one
 * product waits for the one before in its lane. What is left at the end is sixteen bytes that stand for all of the
 * message: they go through the tables as any other bytes. */
#include "codec/bytes.h"
#include "codec/crc.h"

#include <pthread.h>

#if defined(__x86_64__)
#include "base/cpu.h"

#include <immintrin.h>
#endif

enum { SLICES = 16, LANES = 8, LANE_BYTES = 16, LANES_BYTES = LANES * LANE_BYTES };

/* Reflected: the lowest bit is that of the highest power below x^64. */
static const uint64_t polynomials[HDX_CRC_COUNT] = {
    [HDX_CRC_32] = 0xedb88320, [HDX_CRC_32C] = 0x82f63b78, [HDX_CRC_64NVME] = 0x9a6c9329ac4bc9b5};

static struct {
  uint64_t slices[SLICES][256];
  uint64_t near[2], far[2]; /* what moves a lane on by one lane, by LANES: for its lower and its upper half */
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
    tables[kind].near[0] = power(8 * LANE_BYTES + 64 - 1, polynomial);
    tables[kind].near[1] = power(8 * LANE_BYTES - 1, polynomial);
    tables[kind].far[0] = power(8 * LANES_BYTES + 64 - 1, polynomial);
    tables[kind].far[1] = power(8 * LANES_BYTES - 1, polynomial);
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

#define CLMUL __attribute__((target("sse2,pclmul")))

/* A lane moved on by what `move` says, and what lies there. */
CLMUL static inline __m128i fold(__m128i lane, __m128i move, __m128i there) {
  return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(lane, move, 0x00), _mm_clmulepi64_si128(lane, move, 0x11)),
                       there);
}

/* At least LANES_BYTES; what it leaves is less than a lane. */
CLMUL static uint64_t by_products(enum hdx_crc kind, uint64_t state, const uint8_t *at, size_t size) {
  const __m128i far = _mm_loadu_si128((const void *)tables[kind].far);
  const __m128i near = _mm_loadu_si128((const void *)tables[kind].near);
  const __m128i *in = (const void *)at;
  __m128i lanes[LANES];
  for (size_t i = 0; i < LANES; i++)
    lanes[i] = _mm_loadu_si128(in + i);
  lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi64_si128((long long)state));
  in += LANES;
  size -= LANES_BYTES;
  for (; size >= LANES_BYTES; in += LANES, size -= LANES_BYTES)
    for (size_t i = 0; i < LANES; i++)
      lanes[i] = fold(lanes[i], far, _mm_loadu_si128(in + i));
  __m128i all = lanes[0];
  for (size_t i = 1; i < LANES; i++)
    all = fold(all, near, lanes[i]);
  for (; size >= LANE_BYTES; in++, size -= LANE_BYTES)
    all = fold(all, near, _mm_loadu_si128(in));
  uint8_t bytes[LANE_BYTES];
  _mm_storeu_si128((void *)bytes, all);
  return by_slices(kind, by_slices(kind, 0, bytes, sizeof bytes), (const uint8_t *)in, size);
}

static bool has_products(void) {
  return hdx_cpu_level() != HDX_CPU_SCALAR && __builtin_cpu_supports("pclmul");
}
#endif

uint64_t hdx_crc_fold(enum hdx_crc kind, bool by_tables, uint64_t crc, const void *data, size_t size) {
  const uint64_t ones = kind == HDX_CRC_64NVME ? UINT64_MAX : UINT32_MAX;
  pthread_once(&once, make_tables);
#if defined(__x86_64__)
  if (!by_tables && size >= LANES_BYTES && has_products())
    return by_products(kind, crc ^ ones, data, size) ^ ones;
#else
  (void)by_tables;
#endif
  return by_slices(kind, crc ^ ones, data, size) ^ ones;
}
