/* The SSE2 kernel: four times 16 bytes; every x86-64 processor has it. */
#include "parse/csv_values.h"

#if defined(__x86_64__)
#include <emmintrin.h>

#define KERNEL hdx_csv_scan_sse2
#define TARGET __attribute__((target("sse2")))
#define lowest(mask) ((unsigned)__builtin_ctzll((mask) | UINT64_C(1) << 63))
#define without_lowest(mask) ((mask) & ((mask)-1))
#define bits(mask) __builtin_popcountll(mask)

TARGET static inline uint64_t equal(const __m128i *v, char byte) {
  __m128i wanted = _mm_set1_epi8(byte);
  uint64_t mask = 0;
  for (int i = 0; i < 4; i++)
    mask |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v[i], wanted)) << (16 * i);
  return mask;
}

TARGET static inline struct hdx_csv_masks block_masks(const char *p) {
  const __m128i_u *at = (const void *)p;
  const __m128i v[] = {_mm_loadu_si128(at), _mm_loadu_si128(at + 1), _mm_loadu_si128(at + 2), _mm_loadu_si128(at + 3)};
  __m128i least = _mm_min_epu8(_mm_min_epu8(v[0], v[1]), _mm_min_epu8(v[2], v[3]));
  return (struct hdx_csv_masks){
      .newline = equal(v, '\n'),
      .comma = equal(v, ','),
      .nul = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(least, _mm_setzero_si128())),
  };
}
#include "parse/csv_times.h"

#include "parse/csv_loop.h"
#endif
