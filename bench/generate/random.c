#include "random.h"

static uint64_t splitmix(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

void gen_random_init(struct gen_random *random, uint64_t seed, const char *name, uint64_t year) {
  /* FNV-1a of the name; each part goes through splitmix64 before the next, so that near inputs give far streams. */
  uint64_t hash = 0xcbf29ce484222325u;
  for (; *name; name++)
    hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
  uint64_t state = seed;
  state = splitmix(&state) ^ hash;
  state = splitmix(&state) ^ year;
  for (int i = 0; i < 4; i++)
    random->state[i] = splitmix(&state);
}

int64_t gen_scale(int64_t value, int32_t octaves) {
  int32_t whole = octaves >> 16; /* rounds down; gcc and clang shift signed numbers arithmetically */
  int64_t f = octaves & (GEN_ONE - 1);
  /* 2^f by a cubic, error below 2e-4, exact at both ends: 1 + f (0.695 + f (0.2276 + f 0.0774)) */
  int64_t power = GEN_ONE + (f * (45548 + (f * (14916 + (f * 5072 >> 16)) >> 16)) >> 16);
  int64_t scaled = value * power >> 16;
  return whole >= 0 ? scaled << whole : scaled >> (-whole < 62 ? -whole : 62);
}

/* log2 in Q16 by squaring: each squaring yields one more bit. */
static int32_t log2_q16(uint64_t value) {
  int32_t result = 0;
  while (value >= (uint64_t)1 << 31) {
    value >>= 1;
    result += GEN_ONE;
  }
  while (value < (uint64_t)1 << 30) {
    value <<= 1;
    result -= GEN_ONE;
  }
  result += 30 * GEN_ONE;
  for (int32_t bit = GEN_ONE / 2; bit > 0; bit /= 2) {
    value = value * value >> 30;
    if (value >= (uint64_t)1 << 31) {
      value >>= 1;
      result += bit;
    }
  }
  return result;
}

int64_t gen_random_octaves(struct gen_random *random, int64_t low, int64_t high) {
  uint32_t span = (uint32_t)(log2_q16((uint64_t)high) - log2_q16((uint64_t)low));
  /* 8 more bits than asked, so that small lows do not only give whole octaves */
  int64_t value = gen_scale(low << 8, (int32_t)gen_random_below(random, span + 1)) >> 8;
  return value < low ? low : value > high ? high : value;
}
