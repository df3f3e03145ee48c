/* Integers to a stream. (The way back: ints_read.c.)
 *
 * A plan says how a body would be written and about how many bytes that takes; the cheapest plan is written. Costs are
 * estimates by counts (order-0 entropy), as trying zstd on everything would take longer than all the rest. */
#include "codec/ints.h"

#include "base/error.h"
#include "codec/bytes.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum {
  WIDTHS_VARY = 255,
  NAMES_MAX = 256,
  SAMPLES = 63,
  RARE = 8,  /* exceptions are one of so many: they take less than anything else */
  OFTEN = 3, /* one of so many: they may */
  LEVEL_LOW = 1,
  LEVEL_HIGH = 13,
  LEVEL_TRIED_MIN = 1000, /* bytes */
  LEVELS_MIN = 4096,      /* residuals for which levels are worth a try */
  VARIED = 40,            /* different values in a sample: too many to have names */
  FRAME_BYTES = 14        /* what a zstd frame and its tables take at the least */
};

/* A whole stream, one of the two that SPARSE has, or one of those that SPLIT has. */
enum depth { WHOLE, OF_SPARSE, PART };

struct plan {
  enum hdx_ints_body body;
  const int64_t *residuals;
  size_t count;
  double bytes; /* about */
  int64_t least, most, base;
  uint64_t unit;
  uint8_t form;
  uint8_t widths[HDX_INTS_GROUPS_MAX];
  int64_t names[NAMES_MAX];
  size_t name_count, exceptions;
  int64_t levels[HDX_INTS_MAX / HDX_INTS_LEVEL_GROUP];
};

void hdx_ints_encoder_init(struct hdx_ints_encoder *encoder, struct hdx_zstd *zstd) {
  *encoder = (struct hdx_ints_encoder){.zstd = zstd};
}

void hdx_ints_encoder_deinit(struct hdx_ints_encoder *encoder) {
  free(encoder->numbers);
  free(encoder->symbols);
  *encoder = (struct hdx_ints_encoder){.zstd = encoder->zstd};
}

static enum hdx_status grow(struct hdx_ints_encoder *encoder, size_t count, struct hdx_error *error) {
  if (count <= encoder->capacity)
    return HDX_OK;
  int64_t *numbers = realloc(encoder->numbers, 6 * count * sizeof *numbers);
  encoder->numbers = numbers ? numbers : encoder->numbers;
  uint8_t *symbols = realloc(encoder->symbols, 2 * count);
  encoder->symbols = symbols ? symbols : encoder->symbols;
  if (!numbers || !symbols)
    return hdx_error_memory(error, 6 * count * sizeof *numbers);
  encoder->capacity = count;
  return HDX_OK;
}

/* ---- the unit ---- */

/* x, a multiple of g = odd * 2^shift, divided by g exactly: turned right by shift, times the inverse of odd modulo
 * 2^64. Source: Hacker's Delight, 10-17. */
struct divisor {
  uint64_t inverse, quotient_max;
  unsigned shift;
};

static struct divisor divisor_of(uint64_t g) {
  unsigned shift = (unsigned)__builtin_ctzll(g);
  uint64_t odd = g >> shift, inverse = odd; /* right to 3 bits; each step doubles them */
  for (int i = 0; i < 5; i++)
    inverse *= 2 - odd * inverse;
  return (struct divisor){inverse, UINT64_MAX / g, shift};
}

/* Of any x: more than quotient_max if x is no multiple. */
static inline uint64_t quotient(uint64_t x, struct divisor d) {
  uint64_t y = x * d.inverse;
  return (y >> d.shift) | (y << (-d.shift & 63));
}

static inline int64_t signed_quotient(int64_t x, struct divisor d) {
  return (int64_t)((uint64_t)(x >> d.shift) * d.inverse);
}

static uint64_t gcd_of(uint64_t a, uint64_t b) {
  while (b) {
    uint64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/* Of all residuals less the least. */
static uint64_t unit_of(const int64_t *residuals, size_t count, int64_t least) {
  enum { STEP = 64 };
  uint64_t g = 0;
  struct divisor d = {0};
  for (size_t from = 0; from < count; from += STEP) {
    size_t to = count - from < STEP ? count : from + STEP;
    bool bad = g == 0;
    if (g != 0)
      for (size_t i = from; i < to; i++)
        bad |= quotient((uint64_t)residuals[i] - (uint64_t)least, d) > d.quotient_max;
    if (!bad)
      continue;
    for (size_t i = from; i < to && g != 1; i++)
      g = gcd_of((uint64_t)residuals[i] - (uint64_t)least, g);
    if (g == 1)
      return 1;
    if (g != 0)
      d = divisor_of(g);
  }
  return g ? g : 1;
}

/* ---- planning ---- */

static unsigned bit_width(uint64_t x) {
  return x ? 64 - (unsigned)__builtin_clzll(x) : 0;
}

static size_t group_bytes(size_t count, unsigned width) {
  return (count * width + 7) / 8;
}

static size_t group_count(size_t count) {
  return (count + HDX_INTS_GROUP - 1) / HDX_INTS_GROUP;
}

/* The extremes, of each group for PACKED. */
static void plan_packed(struct plan *plan) {
  int64_t group_max[HDX_INTS_GROUPS_MAX];
  const int64_t *values = plan->residuals;
  size_t count = plan->count, groups = group_count(count);
  plan->least = plan->most = values[0];
  for (size_t g = 0; g < groups; g++) {
    size_t from = g * HDX_INTS_GROUP, to = count - from < HDX_INTS_GROUP ? count : from + HDX_INTS_GROUP;
    int64_t least = values[from], most = values[from];
    for (size_t i = from + 1; i < to; i++) {
      least = values[i] < least ? values[i] : least;
      most = values[i] > most ? values[i] : most;
    }
    group_max[g] = most;
    plan->least = least < plan->least ? least : plan->least;
    plan->most = most > plan->most ? most : plan->most;
  }
  plan->base = plan->least;
  plan->bytes = 4;
  plan->body = HDX_INTS_CONSTANT;
  if (plan->least == plan->most)
    return;
  plan->body = HDX_INTS_PACKED;
  plan->unit = unit_of(values, count, plan->least);
  bool same = true;
  for (size_t g = 0; g < groups; g++) {
    size_t from = g * HDX_INTS_GROUP, size = count - from < HDX_INTS_GROUP ? count - from : HDX_INTS_GROUP;
    plan->widths[g] = (uint8_t)bit_width(((uint64_t)group_max[g] - (uint64_t)plan->least) / plan->unit);
    plan->bytes += (double)group_bytes(size, plan->widths[g]);
    same &= plan->widths[g] == plan->widths[0];
  }
  plan->bytes += same ? 4 : 4 + (double)groups;
}

static int by_value(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* The median of a sample, which stands for the centre, the most frequent value in it, and how many there are. */
static int64_t sample(const struct plan *plan, int64_t some[SAMPLES], size_t *sampled, int64_t *mode,
                      size_t *distinct) {
  size_t n = plan->count < SAMPLES ? plan->count : SAMPLES, best = 0, run = 0;
  *distinct = 0;
  for (size_t i = 0; i < n; i++)
    some[i] = plan->residuals[i * plan->count / n];
  *sampled = n;
  qsort(some, n, sizeof *some, by_value);
  for (size_t i = 0; i < n; i++) {
    run = i && some[i] == some[i - 1] ? run + 1 : 1;
    *distinct += run == 1;
    if (run > best) {
      best = run;
      *mode = some[i];
    }
  }
  return some[n / 2];
}

/* Bytes that an entropy coder takes for symbols so often, tables included. */
static double coded_bytes(const uint32_t *counts, size_t total) {
  double bits = 0;
  size_t distinct = 0;
  for (size_t s = 0; s < 256; s++) {
    if (!counts[s])
      continue;
    distinct++;
    bits += counts[s] * (double)log2f((float)total / (float)counts[s]);
  }
  /* A table takes some bits for each symbol; without one a symbol takes a byte. */
  double coded = FRAME_BYTES + (double)distinct / 2 + bits / 8;
  return coded < (double)total + 2 ? coded : (double)total + 2;
}

/* The greatest k that keeps symbols of so many bits below 256. */
static unsigned mantissa_of(unsigned width) {
  unsigned k = 7;
  while (k > 2 && (width + 1 - k) << k > 256)
    k--;
  return k;
}

static inline unsigned extra_bits(uint64_t u, unsigned k) {
  unsigned width = 64 - (unsigned)__builtin_clzll(u | 1);
  return width > k + 1 ? width - k - 1 : 0;
}

/* The median, found by turning the order of `values` (Hoare's selection). */
static int64_t median(int64_t *values, size_t count) {
  size_t low = 0, high = count - 1, wanted = count / 2;
  while (low < high) {
    int64_t pivot = values[low + (high - low) / 2];
    size_t i = low, j = high;
    for (;;) {
      while (values[i] < pivot)
        i++;
      while (values[j] > pivot)
        j--;
      if (i >= j)
        break;
      int64_t was = values[i];
      values[i++] = values[j];
      values[j--] = was;
    }
    if (wanted <= j)
      high = j;
    else
      low = j + 1;
  }
  return values[wanted];
}

/* Levels pay where numbers lie closer to their group's median than to the centre: counts the bits that they have. */
static void find_levels(struct plan *plan, const int64_t *numbers, size_t *plain, size_t *levelled) {
  int64_t group[HDX_INTS_LEVEL_GROUP], before = 0;
  *plain = 0;
  *levelled = plan->count / 64;
  for (size_t from = 0; from < plan->count; from += HDX_INTS_LEVEL_GROUP) {
    size_t size = plan->count - from < HDX_INTS_LEVEL_GROUP ? plan->count - from : HDX_INTS_LEVEL_GROUP;
    memcpy(group, numbers + from, size * sizeof *group);
    int64_t level = median(group, size);
    plan->levels[from / HDX_INTS_LEVEL_GROUP] = level;
    *levelled += 2 + bit_width(hdx_fold(level - before));
    before = level;
    for (size_t i = from; i < from + size; i++) {
      *plain += bit_width(hdx_fold(numbers[i]));
      *levelled += bit_width(hdx_fold(numbers[i] - level));
    }
  }
}

/* Fills the symbols and what they stand for, and says what they would take. `from` has the extremes and the unit.
 * `fold`: numbers are told from the centre, not from the least; `levels`: they may be tried. */
static void plan_symbols(struct hdx_ints_encoder *encoder, const struct plan *from, int64_t centre, bool fold,
                         bool levels, struct plan *plan) {
  uint32_t counts[4][256] = {{0}};
  struct divisor d = divisor_of(from->unit);
  uint64_t span = (uint64_t)from->most - (uint64_t)from->least, all = 0;
  int64_t *numbers = encoder->numbers + 3 * encoder->capacity;
  uint64_t *u = (uint64_t *)numbers;
  levels = fold && levels && span <= INT64_MAX / 4;
  bool folded = fold && (levels || (span / from->unit > 255 && span <= INT64_MAX));
  plan->body = HDX_INTS_SYMBOLS;
  plan->unit = from->unit;
  plan->base = folded ? centre : from->least;
  for (size_t i = 0; i < plan->count; i++) {
    uint64_t away = (uint64_t)plan->residuals[i] - (uint64_t)plan->base;
    numbers[i] = folded ? signed_quotient((int64_t)away, d) : (int64_t)quotient(away, d);
  }
  size_t plain = 0, levelled = 0;
  if (levels)
    find_levels(plan, numbers, &plain, &levelled);
  levels = levelled < plain;
  for (size_t i = 0; i < plan->count; i++) {
    int64_t level = levels ? plan->levels[i / HDX_INTS_LEVEL_GROUP] : 0;
    u[i] = folded ? hdx_fold(numbers[i] - level) : u[i];
    all |= u[i];
  }
  unsigned k = mantissa_of(bit_width(all));
  plan->form = (uint8_t)(k | (folded ? HDX_INTS_FOLDED : 0) | (levels ? HDX_INTS_LEVELS : 0));
  for (size_t i = 0; i < plan->count; i++) {
    unsigned e = extra_bits(u[i], k);
    uint8_t symbol = (uint8_t)((e << k) + (u[i] >> e));
    encoder->symbols[i] = symbol;
    counts[i % 4][symbol]++;
  }
  double bits = 0;
  for (size_t s = 0; s < 256; s++) {
    counts[0][s] += counts[1][s] + counts[2][s] + counts[3][s];
    bits += s >> (k + 1) ? counts[0][s] * ((double)(s >> k) - 1) : 0;
  }
  plan->bytes = 8 + coded_bytes(counts[0], plan->count) + bits / 8 + (levels ? (double)plan->count / 128 : 0);
}

/* Few values far apart: fills the second run of symbols. False: too many. */
static bool plan_named(struct hdx_ints_encoder *encoder, struct plan *plan) {
  enum { SLOTS = 1024 };
  int64_t keys[SLOTS];
  int16_t slots[SLOTS];
  uint32_t counts[NAMES_MAX] = {0};
  uint8_t rank[NAMES_MAX], *symbols = encoder->symbols + encoder->capacity;
  memset(slots, 0xff, sizeof slots);
  plan->body = HDX_INTS_NAMED;
  plan->name_count = 0;
  for (size_t i = 0; i < plan->count; i++) {
    int64_t value = plan->residuals[i];
    size_t slot = (uint64_t)value * UINT64_C(0x9e3779b97f4a7c15) >> 54;
    while (slots[slot] >= 0 && keys[slot] != value)
      slot = (slot + 1) % SLOTS;
    if (slots[slot] < 0) {
      if (plan->name_count == NAMES_MAX)
        return false;
      keys[slot] = value;
      slots[slot] = (int16_t)plan->name_count;
      plan->names[plan->name_count++] = value;
    }
    symbols[i] = (uint8_t)slots[slot];
    counts[symbols[i]]++;
  }
  plan->bytes = 4 + coded_bytes(counts, plan->count);
  int64_t sorted[NAMES_MAX];
  memcpy(sorted, plan->names, plan->name_count * sizeof *sorted);
  qsort(sorted, plan->name_count, sizeof *sorted, by_value);
  for (size_t n = 0; n < plan->name_count; n++) {
    const int64_t *at = bsearch(&plan->names[n], sorted, plan->name_count, sizeof *sorted, by_value);
    rank[n] = (uint8_t)(at - sorted);
    plan->bytes += n ? 1 + bit_width((uint64_t)sorted[n] - (uint64_t)sorted[n - 1]) / 7 : 5;
  }
  memcpy(plan->names, sorted, plan->name_count * sizeof *sorted);
  for (size_t i = 0; i < plan->count; i++)
    symbols[i] = rank[symbols[i]];
  return true;
}

/* Whether most residuals are `mode`, all but one of `share`. */
static bool plan_sparse(struct plan *plan, int64_t mode, size_t share) {
  size_t same = 0;
  for (size_t i = 0; i < plan->count; i++)
    same += plan->residuals[i] == mode;
  plan->body = HDX_INTS_SPARSE;
  plan->base = mode;
  plan->exceptions = plan->count - same;
  plan->bytes = 16;
  return plan->exceptions > 0 && plan->exceptions * share <= plan->count;
}

/* Exceptions into the encoder's places and values. */
static void split_sparse(struct hdx_ints_encoder *encoder, const struct plan *plan) {
  int64_t *places = encoder->numbers + encoder->capacity, *values = places + encoder->capacity;
  size_t n = 0, next = 0;
  for (size_t i = 0; i < plan->count; i++) {
    if (plan->residuals[i] == plan->base)
      continue;
    places[n] = (int64_t)(i - next);
    values[n++] = plan->residuals[i];
    next = i + 1;
  }
  assert(n == plan->exceptions);
}

static void plan_part(struct hdx_ints_encoder *encoder, const int64_t *values, size_t count, enum depth depth,
                      struct plan *plan);

/* ---- a unit that most keep ---- */

static int64_t floor_by(int64_t value, int64_t unit) {
  int64_t quotient = value / unit;
  return quotient - (value % unit < 0);
}

/* How many of a sorted sample leave the most frequent remainder. */
static size_t keepers(const int64_t *some, size_t n, int64_t unit) {
  size_t best = 0;
  for (size_t i = 0; i < n && best < n - i; i++) {
    size_t same = 0;
    for (size_t j = i; j < n; j++)
      same += (uint64_t)(some[j] - some[i]) % (uint64_t)unit == 0;
    best = same > best ? same : best;
  }
  return best;
}

/* A unit larger than that of all which most values of a sample keep; 0: there is none. Two of three values that keep it
 * are enough to tell it: it divides what lies between them. */
static int64_t common_unit(const struct plan *plan, const int64_t *some, size_t n) {
  int64_t best = 0;
  double gain = 1;
  uint64_t span = (uint64_t)plan->most - (uint64_t)plan->least;
  if (n < SAMPLES || span > INT64_MAX / 2 || span / plan->unit < 1024)
    return 0;
  for (size_t i = 0; i + 2 < n; i += 4) {
    uint64_t g = gcd_of((uint64_t)some[i + 1] - (uint64_t)some[i], (uint64_t)some[i + 2] - (uint64_t)some[i + 1]);
    if (g < 4 * plan->unit || g > span / 4 || (int64_t)g == best)
      continue;
    size_t kept = keepers(some, n, (int64_t)g);
    double bits = (double)log2f((float)g / (float)plan->unit) * (double)kept / (double)n;
    if (kept * 3 >= n * 2 && bits > gain) {
      gain = bits;
      best = (int64_t)g;
    }
  }
  return best;
}

static void split(struct hdx_ints_encoder *encoder, const struct plan *plan) {
  int64_t *quotients = encoder->numbers + 4 * encoder->capacity, *remainders = quotients + encoder->capacity;
  int64_t unit = (int64_t)plan->unit;
  for (size_t i = 0; i < plan->count; i++) {
    quotients[i] = floor_by(plan->residuals[i], unit);
    remainders[i] = (int64_t)((uint64_t)plan->residuals[i] - (uint64_t)quotients[i] * (uint64_t)unit);
  }
}

static void cost_split(struct hdx_ints_encoder *encoder, int64_t unit, struct plan *plan) {
  struct plan part;
  plan->body = HDX_INTS_SPLIT;
  plan->unit = (uint64_t)unit;
  plan->bytes = 8;
  split(encoder, plan);
  for (size_t run = 4; run <= 5; run++) {
    plan_part(encoder, encoder->numbers + run * encoder->capacity, plan->count, PART, &part);
    plan->bytes += part.bytes;
  }
}

/* ---- exceptions ---- */

/* What exceptions would take, where they are not so few that there is no question. */
static void cost_sparse(struct hdx_ints_encoder *encoder, struct plan *plan) {
  struct plan part;
  split_sparse(encoder, plan);
  for (size_t run = 1; run <= 2; run++) {
    plan_part(encoder, encoder->numbers + run * encoder->capacity, plan->exceptions, OF_SPARSE, &part);
    plan->bytes += part.bytes;
  }
}

static bool few_numbers(const struct plan *plan) {
  return ((uint64_t)plan->most - (uint64_t)plan->least) / plan->unit <= 255;
}

/* Goes on from the extremes: finds the cheapest body, or goes by the habit. Symbols of it are in the encoder. */
static void plan_body(struct hdx_ints_encoder *encoder, enum depth depth, const struct hdx_ints_habit *habit,
                      struct plan *best) {
  struct plan plan = {.residuals = best->residuals, .count = best->count};
  int64_t mode = 0;
  if (best->body == HDX_INTS_CONSTANT || best->count < 4)
    return;
  size_t distinct, sampled;
  int64_t some[SAMPLES], centre = sample(best, some, &sampled, &mode, &distinct);
  bool whole = depth == WHOLE;
  struct plan sparse = plan, divided = plan;
  if (whole && plan_sparse(&sparse, mode, RARE)) {
    *best = sparse;
    return;
  }
  bool often = whole && plan_sparse(&sparse, mode, OFTEN);
  if (often)
    cost_sparse(encoder, &sparse);
  int64_t unit = depth == PART ? 0 : habit ? (int64_t)habit->unit : common_unit(best, some, sampled);
  if (unit)
    cost_split(encoder, unit, &divided);
  if (habit && (habit->tag & HDX_INTS_BODY) == HDX_INTS_PACKED)
    return;
  struct plan packed = *best;
  bool levels = whole && plan.count >= LEVELS_MIN &&
                (!habit || (habit->tag & HDX_INTS_BODY) != HDX_INTS_SYMBOLS || habit->form & HDX_INTS_LEVELS);
  bool far = !few_numbers(&packed);
  bool symbols = habit && (habit->tag & HDX_INTS_BODY) == HDX_INTS_SYMBOLS;
  bool fold = !symbols || habit->form & HDX_INTS_FOLDED;
  plan_symbols(encoder, &packed, centre, fold, levels, &plan);
  if (far && !symbols) { /* a bell, or what is the rarer the larger it is */
    struct plan bell = plan;
    plan_symbols(encoder, &packed, centre, false, false, &plan);
    if (bell.bytes <= plan.bytes)
      plan_symbols(encoder, &packed, centre, true, levels, &plan);
  }
  if (plan.bytes < best->bytes)
    *best = plan;
  if (far && distinct <= VARIED && plan_named(encoder, &plan) && plan.bytes < best->bytes)
    *best = plan;
  if (often && sparse.bytes < best->bytes)
    *best = sparse;
  if (unit && divided.bytes < best->bytes)
    *best = divided;
}

/* A part of a stream, without a predictor. */
static void plan_part(struct hdx_ints_encoder *encoder, const int64_t *values, size_t count, enum depth depth,
                      struct plan *plan) {
  *plan = (struct plan){.residuals = values, .count = count};
  plan_packed(plan);
  plan_body(encoder, depth, NULL, plan);
}

/* ---- writing ---- */

/* Packs one group and gives where the next one begins; up to 8 bytes behind that may be written to. */
static char *pack(const int64_t *residuals, size_t count, uint64_t least, struct divisor d, unsigned width, char *out) {
  uint64_t bits = 0;
  unsigned have = 0;
  for (size_t i = 0; i < count; i++) {
    uint64_t q = quotient((uint64_t)residuals[i] - least, d);
    bits |= q << have;
    have += width;
    if (have >= 64) {
      hdx_store_u64(out, bits);
      out += 8;
      have -= 64;
      bits = have ? q >> (width - have) : 0;
    }
  }
  if (have)
    hdx_store_u64(out, bits);
  return out + (have + 7) / 8;
}

static void write_packed(const struct plan *plan, struct hdx_buffer *out) {
  size_t groups = group_count(plan->count), size = 8;
  bool same = true;
  for (size_t g = 1; g < groups; g++)
    same &= plan->widths[g] == plan->widths[0];
  hdx_put_signed(out, plan->least);
  hdx_put_varint(out, plan->unit);
  if (!same)
    hdx_buffer_append_byte(out, (char)WIDTHS_VARY);
  hdx_buffer_append(out, plan->widths, same ? 1 : groups);
  for (size_t g = 0; g < groups; g++)
    size += group_bytes(HDX_INTS_GROUP, plan->widths[g]);
  char *begin = hdx_buffer_reserve(out, size), *to = begin;
  if (!begin)
    return;
  struct divisor d = divisor_of(plan->unit);
  for (size_t g = 0; g < groups; g++) {
    size_t from = g * HDX_INTS_GROUP;
    size_t in_group = plan->count - from < HDX_INTS_GROUP ? plan->count - from : HDX_INTS_GROUP;
    if (plan->widths[g])
      to = pack(plan->residuals + from, in_group, (uint64_t)plan->least, d, plan->widths[g], to);
  }
  out->size += (size_t)(to - begin);
}

/* Appends a frame: of the level that is told, or, where it is not yet and there is enough to be gained, of the better
 * one, which is noted. What repeats itself in longer patterns (pieces of bursts) is seen by the higher level alone. */
static enum hdx_status write_frame(struct hdx_ints_encoder *encoder, struct hdx_text raw, struct hdx_buffer *out,
                                   struct hdx_error *error) {
  size_t at = out->size;
  bool try_both = encoder->level == 0 && encoder->thorough && raw.size >= LEVEL_TRIED_MIN;
  enum hdx_status status =
      hdx_zstd_compress(encoder->zstd, raw, encoder->level == 0 ? LEVEL_LOW : encoder->level, out, error);
  if (status != HDX_OK || !try_both)
    return status;
  size_t middle = out->size, low = middle - at;
  status = hdx_zstd_compress(encoder->zstd, raw, LEVEL_HIGH, out, error);
  size_t high = out->size - middle;
  bool pays = high + low / 16 < low;
  if (pays)
    memmove(out->data + at, out->data + middle, high);
  out->size = at + (pays ? high : low);
  encoder->level = pays ? LEVEL_HIGH : LEVEL_LOW;
  return status;
}

/* One frame of the bytes or, where that is not smaller, the bytes; the size before them. */
static enum hdx_status write_bytes(struct hdx_ints_encoder *encoder, const uint8_t *bytes, size_t count,
                                   struct hdx_buffer *out, struct hdx_error *error) {
  struct hdx_text raw = {(const char *)bytes, count};
  enum { SIZE_BYTES = 3 };
  size_t at = out->size;
  if (!hdx_buffer_reserve(out, SIZE_BYTES))
    return hdx_buffer_status(out, "numbers", error);
  out->size += SIZE_BYTES;
  enum hdx_status status = write_frame(encoder, raw, out, error);
  if (status != HDX_OK)
    return status;
  size_t size = out->size - at - SIZE_BYTES;
  if (size >= count) {
    out->size = at;
    hdx_put_varint(out, count);
    hdx_buffer_append_text(out, raw);
    return hdx_buffer_status(out, "numbers", error);
  }
  /* The varint takes as few bytes as it can: what it was given room for beyond that is closed. */
  size_t length = size < 0x80 ? 1 : size < 0x4000 ? 2 : 3;
  memmove(out->data + at + length, out->data + at + SIZE_BYTES, size);
  out->size = at;
  hdx_put_varint(out, size);
  out->size += size;
  return HDX_OK;
}

/* The low bits of numbers whose symbol does not say them all. */
static void write_extra(const struct hdx_ints_encoder *encoder, const struct plan *plan, struct hdx_buffer *out) {
  const int64_t *numbers = encoder->numbers + 3 * encoder->capacity;
  unsigned k = plan->form & HDX_INTS_MANTISSA, have = 0;
  uint64_t bits = 0;
  char *begin = hdx_buffer_reserve(out, plan->count * 8 + 16), *to = begin;
  if (!begin)
    return;
  for (size_t i = 0; i < plan->count; i++) {
    uint64_t u = (uint64_t)numbers[i];
    unsigned e = extra_bits(u, k);
    uint64_t low = u & ((UINT64_C(1) << e) - 1);
    bits |= low << have;
    have += e;
    if (have >= 64) {
      hdx_store_u64(to, bits);
      to += 8;
      have -= 64;
      bits = have ? low >> (e - have) : 0;
    }
  }
  if (have)
    hdx_store_u64(to, bits);
  out->size += (size_t)(to - begin) + (have + 7) / 8;
}

static enum hdx_status write_levels(struct hdx_ints_encoder *encoder, const struct plan *plan, struct hdx_buffer *out,
                                    struct hdx_error *error);

static enum hdx_status write_symbols(struct hdx_ints_encoder *encoder, const struct plan *plan, struct hdx_buffer *out,
                                     struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  hdx_put_signed(out, plan->base);
  hdx_put_varint(out, plan->unit);
  hdx_buffer_append_byte(out, (char)plan->form);
  if (plan->form & HDX_INTS_LEVELS)
    status = write_levels(encoder, plan, out, error);
  if (status == HDX_OK)
    status = write_bytes(encoder, encoder->symbols, plan->count, out, error);
  if (status == HDX_OK)
    write_extra(encoder, plan, out);
  return status;
}

static enum hdx_status write_body(struct hdx_ints_encoder *encoder, const struct plan *plan, struct hdx_buffer *out,
                                  struct hdx_error *error);

/* Two streams one behind the other, the size of the first before it. */
static enum hdx_status write_pair(struct hdx_ints_encoder *encoder, const int64_t *first, const int64_t *second,
                                  size_t count, enum depth depth, struct hdx_buffer *out, struct hdx_error *error) {
  struct plan part;
  struct hdx_buffer stream;
  hdx_buffer_init(&stream, SIZE_MAX / 2);
  plan_part(encoder, first, count, depth, &part);
  hdx_buffer_append_byte(&stream, (char)part.body);
  enum hdx_status status = write_body(encoder, &part, &stream, error);
  hdx_put_varint(out, stream.size);
  hdx_buffer_append_text(out, hdx_buffer_text(&stream));
  hdx_buffer_deinit(&stream);
  if (status != HDX_OK)
    return status;
  plan_part(encoder, second, count, depth, &part);
  hdx_buffer_append_byte(out, (char)part.body);
  return write_body(encoder, &part, out, error);
}

static enum hdx_status write_sparse(struct hdx_ints_encoder *encoder, const struct plan *plan, struct hdx_buffer *out,
                                    struct hdx_error *error) {
  const int64_t *places = encoder->numbers + encoder->capacity;
  split_sparse(encoder, plan);
  hdx_put_signed(out, plan->base);
  hdx_put_varint(out, plan->exceptions);
  return write_pair(encoder, places, places + encoder->capacity, plan->exceptions, OF_SPARSE, out, error);
}

static enum hdx_status write_split(struct hdx_ints_encoder *encoder, const struct plan *plan, struct hdx_buffer *out,
                                   struct hdx_error *error) {
  const int64_t *quotients = encoder->numbers + 4 * encoder->capacity;
  split(encoder, plan);
  hdx_put_varint(out, plan->unit);
  return write_pair(encoder, quotients, quotients + encoder->capacity, plan->count, PART, out, error);
}

/* Levels drift: their steps are small. They are few, so that packing them is all there is to do. */
static enum hdx_status write_levels(struct hdx_ints_encoder *encoder, const struct plan *plan, struct hdx_buffer *out,
                                    struct hdx_error *error) {
  struct plan steps = {.count = (plan->count - 1) / HDX_INTS_LEVEL_GROUP};
  int64_t residuals[HDX_INTS_MAX / HDX_INTS_LEVEL_GROUP];
  for (size_t i = 0; i < steps.count; i++)
    residuals[i] = (int64_t)((uint64_t)plan->levels[i + 1] - (uint64_t)plan->levels[i]);
  steps.residuals = residuals;
  plan_packed(&steps);
  struct hdx_buffer stream;
  hdx_buffer_init(&stream, SIZE_MAX / 2);
  hdx_buffer_append_byte(&stream, (char)(steps.body | HDX_INTS_DELTA));
  hdx_put_signed(&stream, plan->levels[0]);
  enum hdx_status status = write_body(encoder, &steps, &stream, error);
  hdx_put_varint(out, stream.size);
  hdx_buffer_append_text(out, hdx_buffer_text(&stream));
  hdx_buffer_deinit(&stream);
  return status;
}

static enum hdx_status write_body(struct hdx_ints_encoder *encoder, const struct plan *plan, struct hdx_buffer *out,
                                  struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  switch (plan->body) {
  case HDX_INTS_CONSTANT:
    hdx_put_signed(out, plan->least);
    break;
  case HDX_INTS_PACKED:
    write_packed(plan, out);
    break;
  case HDX_INTS_SYMBOLS:
    status = write_symbols(encoder, plan, out, error);
    break;
  case HDX_INTS_NAMED:
    hdx_buffer_append_byte(out, (char)(plan->name_count - 1));
    hdx_put_signed(out, plan->names[0]);
    for (size_t n = 1; n < plan->name_count; n++)
      hdx_put_varint(out, (uint64_t)plan->names[n] - (uint64_t)plan->names[n - 1]);
    status = write_bytes(encoder, encoder->symbols + encoder->capacity, plan->count, out, error);
    break;
  case HDX_INTS_SPARSE:
    return write_sparse(encoder, plan, out, error);
  case HDX_INTS_SPLIT:
    return write_split(encoder, plan, out, error);
  case HDX_INTS_BODIES:
    abort();
  }
  return status == HDX_OK ? hdx_buffer_status(out, "numbers", error) : status;
}

/* ---- choosing ---- */

/* Whether most of a sample's values are the same. */
static bool steady(const struct plan *plan) {
  int64_t mode = 0;
  struct plan trial = *plan;
  int64_t some[SAMPLES];
  size_t distinct, sampled;
  sample(plan, some, &sampled, &mode, &distinct);
  return plan->body == HDX_INTS_CONSTANT || plan_sparse(&trial, mode, RARE);
}

/* Plans by one predictor. */
static void plan_with(struct hdx_ints_encoder *encoder, const int64_t *values, size_t count, bool delta,
                      struct plan *plan) {
  int64_t *residuals = encoder->numbers;
  *plan = (struct plan){.residuals = delta ? residuals : values, .count = delta ? count - 1 : count};
  for (size_t i = 1; delta && i < count; i++)
    residuals[i - 1] = (int64_t)((uint64_t)values[i] - (uint64_t)values[i - 1]);
  plan_packed(plan);
}

static bool levels_possible(const struct plan *plan) {
  return plan->count >= LEVELS_MIN && (uint64_t)plan->most - (uint64_t)plan->least <= INT64_MAX / 4;
}

/* What residuals would take: by their counts where these are few numbers; else the bits that they have when they are
 * told from their centre, all together, a measure that few outliers do not spoil. */
static size_t spread(struct hdx_ints_encoder *encoder, const struct plan *plan, bool few) {
  struct plan symbols = {.residuals = plan->residuals, .count = plan->count};
  if (few) {
    plan_symbols(encoder, plan, plan->least, false, false, &symbols);
    return (size_t)(symbols.bytes * 8);
  }
  int64_t some[SAMPLES], mode = 0, *away = encoder->numbers + 3 * encoder->capacity;
  size_t distinct, sampled, bits = 0, levelled = SIZE_MAX;
  uint64_t centre = (uint64_t)sample(plan, some, &sampled, &mode, &distinct);
  for (size_t i = 0; i < plan->count; i++) {
    away[i] = (int64_t)((uint64_t)plan->residuals[i] - centre);
    bits += bit_width(hdx_fold(away[i]));
  }
  if (levels_possible(plan))
    find_levels(&symbols, away, &bits, &levelled);
  return bits < levelled ? bits : levelled;
}

/* The predictor is the one whose residuals are steady, or else clearly closer together. */
static bool choose_delta(struct hdx_ints_encoder *encoder, const int64_t *values, size_t count, struct plan *plan) {
  struct plan plain;
  plan_with(encoder, values, count, false, &plain);
  *plan = plain;
  if (count < 3 || steady(&plain))
    return false;
  plan_with(encoder, values, count, true, plan);
  if (steady(plan))
    return true;
  bool few = few_numbers(&plain) && few_numbers(plan);
  if (spread(encoder, plan, few) + count / 8 < spread(encoder, &plain, few))
    return true;
  *plan = plain;
  return false;
}

enum hdx_status hdx_ints_encode(struct hdx_ints_encoder *encoder, const int64_t *values, size_t count,
                                struct hdx_ints_habit *habit, struct hdx_buffer *out, struct hdx_error *error) {
  assert(count > 0 && count <= HDX_INTS_MAX);
  enum { SLACK = 64 * 1024 }; /* bytes times 1,024: what a stream takes whatever its length */
  struct plan plan;
  size_t at = out->size;
  enum hdx_status status = grow(encoder, count, error);
  if (status != HDX_OK)
    return status;
  bool known = habit && habit->known && count > 2 && count <= habit->values + (size_t)habit->values / 4;
  for (;;) {
    bool delta = known && habit->tag & HDX_INTS_DELTA;
    if (known)
      plan_with(encoder, values, count, delta, &plan);
    else
      delta = choose_delta(encoder, values, count, &plan);
    plan_body(encoder, WHOLE, known ? habit : NULL, &plan);
    encoder->level = known ? habit->level : 0;
    uint8_t tag = (uint8_t)(plan.body | (delta ? HDX_INTS_DELTA : 0));
    hdx_buffer_append_byte(out, (char)tag);
    if (delta)
      hdx_put_signed(out, values[0]);
    status = write_body(encoder, &plan, out, error);
    uint32_t cost = (uint32_t)((out->size - at) * 1024 / count);
    if (status != HDX_OK || !habit || (!known && plan.body == HDX_INTS_CONSTANT))
      return status;
    if (!known) {
      *habit = (struct hdx_ints_habit){.tag = tag,
                                       .form = plan.form,
                                       .level = (uint8_t)encoder->level,
                                       .known = true,
                                       .cost = cost,
                                       .unit = plan.body == HDX_INTS_SPLIT ? plan.unit : 0,
                                       .values = (uint32_t)count};
      return HDX_OK;
    }
    if (cost <= habit->cost + habit->cost / 4 + SLACK / count)
      return HDX_OK;
    known = false; /* what worked before pays no more: anew, without prejudice */
    out->size = at;
  }
}
