/* The AVX-512 kernel: 64 bytes at once, compared straight into masks; both times of a row at once. */
#include "parse/csv_values.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define KERNEL hdx_csv_scan_avx512
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,avx2,bmi,bmi2,popcnt")))
#define lowest(mask) _tzcnt_u64(mask)
#define without_lowest(mask) _blsr_u64(mask)
#define bits(mask) _mm_popcnt_u64(mask)

TARGET static inline struct hdx_csv_masks block_masks(const char *p) {
  __m512i v = _mm512_loadu_si512(p);
  return (struct hdx_csv_masks){
      .newline = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\n')),
      .comma = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(',')),
      .nul = _mm512_testn_epi8_mask(v, v),
  };
}

/* The first 64 bytes of a line hold both its times:
 *
 *   2010-05-13T00:00:00.000Z,2010-05-13T00:04:00.000Z,s3://…
 *
 * Exclusive-or with `zero` leaves digits as 0 to 9 and separators as 0, and no byte may then be above its `most`. The
 * bytes at `digits` are gathered to two times h h m m s s 0 f f f f f f f f f (f: decimals; none: 0), and summed to
 * pairs, to minutes, tenths of seconds and fours of decimals, to tenths of seconds of the day and the decimals behind
 * them, and to nanoseconds. Dates equal to those in `dates` have their nanoseconds in `days`. */
#define DATE_ZERO "0000-00-00T00:00:00"
#define DATE_MOST "\x09\x09\x09\x09\x00\x09\x09\x00\x09\x09\x00\x02\x09\x00\x05\x09\x00\x05\x09"
#define FREE4 "\xff\xff\xff\xff"
#define FREE14 FREE4 FREE4 FREE4 "\xff\xff"
#define FREE22 FREE14 FREE4 FREE4
static const struct shape {
  char zero[65], most[65];
  uint64_t date_bytes, digit_bytes; /* of the line; of the gathered digits */
  char digits[65];
} seconds =
    {
        .zero = DATE_ZERO "Z," DATE_ZERO "Z,",
        .most = DATE_MOST "\x00\x00" DATE_MOST "\x00\x00" FREE22,
        .date_bytes = UINT64_C(0x3ff) | UINT64_C(0x3ff) << 21,
        .digit_bytes = 0x003f003f,
        .digits = "\x0b\x0c\x0e\x0f\x11\x12\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                  "\x20\x21\x23\x24\x26\x27\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
},
  milliseconds = {
      .zero = DATE_ZERO ".000Z," DATE_ZERO ".000Z,",
      .most = DATE_MOST "\x00\x09\x09\x09\x00\x00" DATE_MOST "\x00\x09\x09\x09\x00\x00" FREE14,
      .date_bytes = UINT64_C(0x3ff) | UINT64_C(0x3ff) << 25,
      .digit_bytes = 0x03bf03bf,
      .digits = "\x0b\x0c\x0e\x0f\x11\x12\x00\x14\x15\x16\x00\x00\x00\x00\x00\x00"
                "\x24\x25\x27\x28\x2a\x2b\x00\x2d\x2e\x2f\x00\x00\x00\x00\x00\x00",
};

struct times {
  __m512i dates;
  __m256i days;               /* start's in the low half, stop's in the high half */
  __m256i row_digits, digits; /* of this row and of all rows kept, or-ed */
  int64_t row_fraction, fraction;
};

/* The dates of a row, where they are others than the ones before; false if one is none. */
TARGET __attribute__((noinline)) static bool new_days(struct hdx_csv *csv, const char *line, size_t first_end,
                                                      __m256i *days) {
  if (!hdx_csv_new_day(line, &csv->start_day) || !hdx_csv_new_day(line + first_end + 1, &csv->stop_day))
    return false;
  *days = _mm256_set_epi64x(0, csv->stop_day.ns, 0, csv->start_day.ns);
  return true;
}

/* As csv_times.h has it. */
TARGET static inline bool read_times(struct hdx_csv *csv, struct times *times, const char *line, size_t readable,
                                     size_t first_end, size_t second_end, int64_t *start, int64_t *stop) {
  const struct shape *shape = first_end == 24 ? &milliseconds : &seconds;
  if ((first_end != 24 && first_end != 20) || second_end != 2 * first_end + 1 || readable < 64) {
    times->row_digits = _mm256_setzero_si256();
    return hdx_csv_two_times(csv, line, first_end, second_end, start, stop, &times->row_fraction);
  }
  __m512i text = _mm512_loadu_si512(line);
  __m512i digits = _mm512_xor_si512(text, _mm512_loadu_si512(shape->zero));
  uint64_t same = _mm512_cmpeq_epi8_mask(text, times->dates);
  if (_mm512_cmpgt_epu8_mask(digits, _mm512_loadu_si512(shape->most)))
    return false;
  if ((same & shape->date_bytes) != shape->date_bytes) {
    if (!new_days(csv, line, first_end, &times->days))
      return false;
    times->dates = text;
  }
  __m256i gathered = _mm512_castsi512_si256(
      _mm512_maskz_permutexvar_epi8(shape->digit_bytes, _mm512_loadu_si512(shape->digits), digits));
  __m256i pairs = _mm256_maddubs_epi16(gathered, _mm256_set1_epi16(0x010a));
  __m256i parts =
      _mm256_madd_epi16(pairs, _mm256_set_epi16(1, 100, 1, 100, 1, 10, 1, 60, 1, 100, 1, 100, 1, 10, 1, 60));
  if (_mm256_mask_cmpgt_epi32_mask(0x11, parts, _mm256_set1_epi32(24 * 60 - 1)))
    return false;
  __m256i sums = _mm256_add_epi64(_mm256_mul_epu32(parts, _mm256_set_epi64x(10000, 600, 10000, 600)),
                                  _mm256_srli_epi64(parts, 32));
  __m256i scaled = _mm256_mul_epu32(sums, _mm256_set_epi64x(1, 100000000, 1, 100000000));
  __m256i of_day = _mm256_add_epi64(scaled, _mm256_shuffle_epi32(scaled, _MM_PERM_BADC));
  __m256i at = _mm256_add_epi64(of_day, times->days);
  _mm_storel_epi64((__m128i *)(void *)start, _mm256_castsi256_si128(at));
  _mm_storel_epi64((__m128i *)(void *)stop, _mm256_extracti128_si256(at, 1));
  times->row_digits = gathered;
  times->row_fraction = 0;
  return true;
}

TARGET static inline void keep_digits(struct times *times) {
  times->digits = _mm256_or_si256(times->digits, times->row_digits);
  times->fraction |= times->row_fraction;
}

TARGET static inline int most_digits(const struct times *times) {
  unsigned decimals = _mm256_test_epi8_mask(times->digits, times->digits) & 0xff80ff80;
  return decimals || times->fraction ? 3 : 0;
}

#include "parse/csv_loop.h"
#endif
