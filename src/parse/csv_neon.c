/* The NEON kernel: four times 16 bytes. NEON has no move of a mask to a register: the four comparisons are reduced by
 * pairwise additions of bit weights. */
#include "parse/csv_values.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#define KERNEL hdx_csv_scan_neon
#define TARGET
#define lowest(mask) ((unsigned)__builtin_ctzll((mask) | UINT64_C(1) << 63))
#define without_lowest(mask) ((mask) & ((mask)-1))
#define bits(mask) __builtin_popcountll(mask)

TARGET static inline uint64_t equal(uint8x16x4_t v, char byte) {
  static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const uint8x16_t weight = vld1q_u8(weights), wanted = vdupq_n_u8((uint8_t)byte);
  uint8x16_t low =
      vpaddq_u8(vandq_u8(vceqq_u8(v.val[0], wanted), weight), vandq_u8(vceqq_u8(v.val[1], wanted), weight));
  uint8x16_t high =
      vpaddq_u8(vandq_u8(vceqq_u8(v.val[2], wanted), weight), vandq_u8(vceqq_u8(v.val[3], wanted), weight));
  uint8x16_t sum = vpaddq_u8(low, high);
  return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)), 0);
}

TARGET static inline struct hdx_csv_masks block_masks(const char *p) {
  uint8x16x4_t v;
  for (int i = 0; i < 4; i++)
    v.val[i] = vld1q_u8((const uint8_t *)p + 16 * i);
  uint8x16_t least = vminq_u8(vminq_u8(v.val[0], v.val[1]), vminq_u8(v.val[2], v.val[3]));
  return (struct hdx_csv_masks){
      .newline = equal(v, '\n'),
      .comma = equal(v, ','),
      .nul = vminvq_u8(least) == 0,
  };
}
#include "parse/csv_times.h"

#include "parse/csv_loop.h"
#endif
