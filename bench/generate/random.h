/* Random numbers that are the same on every machine: xoshiro256++ streams seeded through splitmix64, and integer-only
 * distributions over them (no libm, whose last bits differ between systems).
 *
 * One stream per (seed, name, year): what a dataset holds depends on nothing else. Fractions are Q16: 65536 is one.
 * Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators" (2018), xoshiro256++ 1.0; Steele, Lea
 * and Flood, "Fast splittable pseudorandom number generators" (2014), splitmix64. */
#ifndef GEN_RANDOM_H
#define GEN_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#define GEN_ONE 65536 /* one in Q16 */

struct gen_random {
  uint64_t state[4];
};

void gen_random_init(struct gen_random *random, uint64_t seed, const char *name, uint64_t year);

static inline uint64_t gen_random_next(struct gen_random *random) {
  uint64_t *s = random->state;
  uint64_t sum = s[0] + s[3];
  uint64_t result = (sum << 23 | sum >> 41) + s[0];
  uint64_t shifted = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= shifted;
  s[3] = s[3] << 45 | s[3] >> 19;
  return result;
}

/* Uniform over 0 … n-1. The upper half of a 32 x 32 bit product: n below 2^32, the bias below n / 2^32. */
static inline uint32_t gen_random_below(struct gen_random *random, uint32_t n) {
  return (uint32_t)((gen_random_next(random) >> 32) * n >> 32);
}

/* Uniform over low … high, both included. */
static inline int32_t gen_random_between(struct gen_random *random, int32_t low, int32_t high) {
  return low + (int32_t)gen_random_below(random, (uint32_t)(high - low) + 1);
}

/* True with a chance of ppm in a million. */
static inline bool gen_random_chance(struct gen_random *random, uint32_t ppm) {
  return gen_random_below(random, 1000000) < ppm;
}

/* Bell-shaped, mean 0, standard deviation 1, in Q16, within ±3.46: the sum of four uniform 16-bit numbers (Irwin–Hall),
 * less its mean 131070, scaled by 65536 / 37837 (its standard deviation). */
static inline int32_t gen_random_bell(struct gen_random *random) {
  uint64_t x = gen_random_next(random);
  int32_t sum = (int32_t)((x & 0xffff) + (x >> 16 & 0xffff) + (x >> 32 & 0xffff) + (x >> 48));
  return (int32_t)((int64_t)(sum - 131070) * 113511 / GEN_ONE);
}

/* value * 2^(octaves / 65536), rounded down; value below 2^40, the result below 2^63. */
int64_t gen_scale(int64_t value, int32_t octaves);

/* Log-uniform over low … high (both above 0): every octave is equally likely. */
int64_t gen_random_octaves(struct gen_random *random, int64_t low, int64_t high);

#endif
