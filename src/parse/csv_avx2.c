/* The AVX2 kernel: twice 32 bytes, and BMI for the bits. */
#include "parse/csv_values.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define KERNEL hdx_csv_scan_avx2
#define TARGET __attribute__((target("avx2,bmi,bmi2,popcnt")))
#define lowest(mask) _tzcnt_u64(mask)
#define without_lowest(mask) _blsr_u64(mask)
#define bits(mask) _mm_popcnt_u64(mask)

TARGET static inline uint64_t equal(__m256i low, __m256i high, char byte) {
  __m256i wanted = _mm256_set1_epi8(byte);
  uint64_t mask = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted));
  return mask | (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted)) << 32;
}

TARGET static inline struct hdx_csv_masks block_masks(const char *p) {
  __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)p);
  __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
  __m256i nul = _mm256_cmpeq_epi8(_mm256_min_epu8(low, high), _mm256_setzero_si256());
  return (struct hdx_csv_masks){
      .newline = equal(low, high, '\n'),
      .comma = equal(low, high, ','),
      .nul = (uint32_t)_mm256_movemask_epi8(nul),
  };
}
#include "parse/csv_times.h"

#include "parse/csv_loop.h"
#endif
