/* The AVX-512 kernel: 64 bytes at once, compared straight into masks. */
#include "parse/csv_values.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define KERNEL hdx_csv_scan_avx512
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,avx2,bmi,bmi2,popcnt")))
#define lowest(mask) _tzcnt_u64(mask)
#define without_lowest(mask) _blsr_u64(mask)
#define bits(mask) _mm_popcnt_u64(mask)

#include "parse/csv_loop.h"

TARGET static inline struct hdx_csv_masks block_masks(const char *p) {
  __m512i v = _mm512_loadu_si512(p);
  return (struct hdx_csv_masks){
      .newline = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\n')),
      .comma = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(',')),
      .nul = _mm512_testn_epi8_mask(v, v),
  };
}
#endif
