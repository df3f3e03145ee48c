/* Which body and predictor take the fewest bytes. Costs are estimates by counts (order-0 entropy), as trying zstd on
 * everything would take longer than all the rest. */
#include "codec/ints_plan.h"

#include "codec/bytes.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum {
  SAMPLES = 63,
  VARIED = 40,       /* different values in a sample: too many to have names */
  RARE = 8,          /* exceptions are one of so many: they take less than anything else */
  OFTEN = 3,         /* one of so many: they may */
  LEVELS_MIN = 4096, /* residuals for which levels are worth a try */
  FRAME_BYTES = 14   /* what a zstd frame and its tables take at the least */
};

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
  struct hdx_divisor d = {0};
  for (size_t from = 0; from < count; from += STEP) {
    size_t to = count - from < STEP ? count : from + STEP;
    bool bad = g == 0;
    if (g != 0)
      for (size_t i = from; i < to; i++)
        bad |= hdx_quotient((uint64_t)residuals[i] - (uint64_t)least, d) > d.quotient_max;
    if (!bad)
      continue;
    for (size_t i = from; i < to && g != 1; i++)
      g = gcd_of((uint64_t)residuals[i] - (uint64_t)least, g);
    if (g == 1)
      return 1;
    if (g != 0)
      d = hdx_divisor_of(g);
  }
  return g ? g : 1;
}

/* ---- planning ---- */

/* The extremes, of each group for PACKED. */
void hdx_ints_plan_packed(struct hdx_ints_plan *plan) {
  int64_t group_max[HDX_INTS_GROUPS_MAX];
  const int64_t *values = plan->residuals;
  size_t count = plan->count, groups = hdx_ints_group_count(count);
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
    plan->widths[g] = (uint8_t)hdx_bit_width(((uint64_t)group_max[g] - (uint64_t)plan->least) / plan->unit);
    plan->bytes += (double)hdx_ints_group_bytes(size, plan->widths[g]);
    same &= plan->widths[g] == plan->widths[0];
  }
  plan->bytes += same ? 4 : 4 + (double)groups;
}

static int by_value(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* A sorted sample; gives how many values it has. */
static size_t take_sample(const struct hdx_ints_plan *plan, int64_t some[SAMPLES]) {
  size_t n = plan->count < SAMPLES ? plan->count : SAMPLES;
  for (size_t i = 0; i < n; i++) {
    int64_t value = plan->residuals[i * plan->count / n];
    size_t at = i;
    for (; at > 0 && some[at - 1] > value; at--)
      some[at] = some[at - 1];
    some[at] = value;
  }
  return n;
}

/* Finds what a sample tells, unless that is known. */
static void sample(struct hdx_ints_plan *plan) {
  int64_t some[SAMPLES];
  size_t best = 0, run = 0;
  if (plan->sampled)
    return;
  size_t n = take_sample(plan, some);
  plan->distinct = 0;
  for (size_t i = 0; i < n; i++) {
    run = i && some[i] == some[i - 1] ? run + 1 : 1;
    plan->distinct += run == 1;
    if (run > best) {
      best = run;
      plan->mode = some[i];
    }
  }
  plan->mode_in_sample = best;
  plan->centre = some[n / 2];
  plan->sampled = true;
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
static void find_levels(struct hdx_ints_encoder *encoder, const struct hdx_ints_plan *plan, const int64_t *numbers,
                        size_t *plain, size_t *levelled) {
  int64_t group[HDX_INTS_LEVEL_GROUP], before = 0;
  *plain = 0;
  *levelled = plan->count / 64;
  for (size_t from = 0; from < plan->count; from += HDX_INTS_LEVEL_GROUP) {
    size_t size = plan->count - from < HDX_INTS_LEVEL_GROUP ? plan->count - from : HDX_INTS_LEVEL_GROUP;
    memcpy(group, numbers + from, size * sizeof *group);
    int64_t level = median(group, size);
    encoder->levels[from / HDX_INTS_LEVEL_GROUP] = level;
    *levelled += 2 + hdx_bit_width(hdx_fold(level - before));
    before = level;
    for (size_t i = from; i < from + size; i++) {
      *plain += hdx_bit_width(hdx_fold(numbers[i]));
      *levelled += hdx_bit_width(hdx_fold(numbers[i] - level));
    }
  }
}

/* Fills the symbols and what they stand for, and says what they would take. `from` has the extremes and the unit.
 * `fold`: numbers are told from the centre, not from the least; `levels`: they may be tried. */
static void plan_symbols(struct hdx_ints_encoder *encoder, const struct hdx_ints_plan *from, bool fold, bool levels,
                         struct hdx_ints_plan *plan) {
  uint32_t counts[4][256] = {{0}};
  struct hdx_divisor d = hdx_divisor_of(from->unit);
  uint64_t span = (uint64_t)from->most - (uint64_t)from->least, all = 0;
  int64_t *numbers = encoder->numbers + 3 * encoder->capacity;
  uint64_t *u = (uint64_t *)numbers;
  levels = fold && levels && span <= INT64_MAX / 4;
  bool folded = fold && (levels || (span / from->unit > 255 && span <= INT64_MAX));
  plan->body = HDX_INTS_SYMBOLS;
  plan->unit = from->unit;
  plan->base = folded ? from->centre : from->least;
  for (size_t i = 0; i < plan->count; i++) {
    uint64_t away = (uint64_t)plan->residuals[i] - (uint64_t)plan->base;
    numbers[i] = folded ? hdx_signed_quotient((int64_t)away, d) : (int64_t)hdx_quotient(away, d);
  }
  size_t plain = 0, levelled = 0;
  if (levels)
    find_levels(encoder, plan, numbers, &plain, &levelled);
  levels = levelled < plain;
  for (size_t i = 0; i < plan->count; i++) {
    int64_t level = levels ? encoder->levels[i / HDX_INTS_LEVEL_GROUP] : 0;
    u[i] = folded ? hdx_fold(numbers[i] - level) : u[i];
    all |= u[i];
  }
  unsigned k = mantissa_of(hdx_bit_width(all));
  plan->form = (uint8_t)(k | (folded ? HDX_INTS_FOLDED : 0) | (levels ? HDX_INTS_LEVELS : 0));
  for (size_t i = 0; i < plan->count; i++) {
    unsigned e = hdx_ints_extra_bits(u[i], k);
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
static bool plan_named(struct hdx_ints_encoder *encoder, struct hdx_ints_plan *plan) {
  enum { SLOTS = 1024 };
  int64_t keys[SLOTS];
  int16_t slots[SLOTS];
  uint32_t counts[HDX_INTS_NAMES_MAX] = {0};
  uint8_t rank[HDX_INTS_NAMES_MAX], *symbols = encoder->symbols + encoder->capacity;
  memset(slots, 0xff, sizeof slots);
  plan->body = HDX_INTS_NAMED;
  plan->name_count = 0;
  for (size_t i = 0; i < plan->count; i++) {
    int64_t value = plan->residuals[i];
    size_t slot = (uint64_t)value * UINT64_C(0x9e3779b97f4a7c15) >> 54;
    while (slots[slot] >= 0 && keys[slot] != value)
      slot = (slot + 1) % SLOTS;
    if (slots[slot] < 0) {
      if (plan->name_count == HDX_INTS_NAMES_MAX)
        return false;
      keys[slot] = value;
      slots[slot] = (int16_t)plan->name_count;
      encoder->names[plan->name_count++] = value;
    }
    symbols[i] = (uint8_t)slots[slot];
    counts[symbols[i]]++;
  }
  plan->bytes = 4 + coded_bytes(counts, plan->count);
  int64_t sorted[HDX_INTS_NAMES_MAX];
  memcpy(sorted, encoder->names, plan->name_count * sizeof *sorted);
  qsort(sorted, plan->name_count, sizeof *sorted, by_value);
  for (size_t n = 0; n < plan->name_count; n++) {
    const int64_t *at = bsearch(&encoder->names[n], sorted, plan->name_count, sizeof *sorted, by_value);
    rank[n] = (uint8_t)(at - sorted);
    plan->bytes += n ? 1 + hdx_bit_width((uint64_t)sorted[n] - (uint64_t)sorted[n - 1]) / 7 : 5;
  }
  memcpy(encoder->names, sorted, plan->name_count * sizeof *sorted);
  for (size_t i = 0; i < plan->count; i++)
    symbols[i] = rank[symbols[i]];
  return true;
}

/* Whether most residuals are the same, all but one of `share`. */
static bool plan_sparse(struct hdx_ints_plan *plan, size_t share) {
  size_t same = 0;
  sample(plan);
  if (plan->mode_in_sample * 2 < (plan->count < SAMPLES ? plan->count : SAMPLES)) /* far from it */
    return false;
  for (size_t i = 0; i < plan->count; i++)
    same += plan->residuals[i] == plan->mode;
  plan->body = HDX_INTS_SPARSE;
  plan->base = plan->mode;
  plan->exceptions = plan->count - same;
  plan->bytes = 16;
  return plan->exceptions > 0 && plan->exceptions * share <= plan->count;
}

/* Exceptions into the encoder's places and values. */
void hdx_ints_split_exceptions(struct hdx_ints_encoder *encoder, const struct hdx_ints_plan *plan) {
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
static int64_t common_unit(const struct hdx_ints_plan *plan) {
  int64_t some[SAMPLES], best = 0;
  double gain = 1;
  uint64_t span = (uint64_t)plan->most - (uint64_t)plan->least;
  if (plan->count < SAMPLES || span > INT64_MAX / 2 || span / plan->unit < 1024)
    return 0;
  size_t n = take_sample(plan, some);
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

void hdx_ints_split_units(struct hdx_ints_encoder *encoder, const struct hdx_ints_plan *plan) {
  int64_t *quotients = encoder->numbers + 4 * encoder->capacity, *remainders = quotients + encoder->capacity;
  int64_t unit = (int64_t)plan->unit;
  for (size_t i = 0; i < plan->count; i++) {
    quotients[i] = floor_by(plan->residuals[i], unit);
    remainders[i] = (int64_t)((uint64_t)plan->residuals[i] - (uint64_t)quotients[i] * (uint64_t)unit);
  }
}

static void cost_split(struct hdx_ints_encoder *encoder, int64_t unit, struct hdx_ints_plan *plan) {
  struct hdx_ints_plan part;
  plan->body = HDX_INTS_SPLIT;
  plan->unit = (uint64_t)unit;
  plan->bytes = 8;
  hdx_ints_split_units(encoder, plan);
  for (size_t run = 4; run <= 5; run++) {
    hdx_ints_plan_part(encoder, encoder->numbers + run * encoder->capacity, plan->count, HDX_INTS_PART, &part);
    plan->bytes += part.bytes;
  }
}

/* ---- exceptions ---- */

/* What exceptions would take, where they are not so few that there is no question. */
static void cost_sparse(struct hdx_ints_encoder *encoder, struct hdx_ints_plan *plan) {
  struct hdx_ints_plan part;
  hdx_ints_split_exceptions(encoder, plan);
  for (size_t run = 1; run <= 2; run++) {
    hdx_ints_plan_part(encoder, encoder->numbers + run * encoder->capacity, plan->exceptions, HDX_INTS_OF_STREAM,
                       &part);
    plan->bytes += part.bytes;
  }
}

static bool few_numbers(const struct hdx_ints_plan *plan) {
  return ((uint64_t)plan->most - (uint64_t)plan->least) / plan->unit <= 255;
}

static bool levels_possible(const struct hdx_ints_encoder *encoder, const struct hdx_ints_plan *plan) {
  return encoder->thorough && plan->count >= LEVELS_MIN &&
         (uint64_t)plan->most - (uint64_t)plan->least <= INT64_MAX / 4;
}

/* Symbols as the habit has them; or else of a bell, or of numbers that are the rarer the larger they are. */
static void plan_any_symbols(struct hdx_ints_encoder *encoder, const struct hdx_ints_plan *packed, bool whole,
                             const struct hdx_ints_habit *habit, struct hdx_ints_plan *plan) {
  bool known = habit && (habit->tag & HDX_INTS_BODY) == HDX_INTS_SYMBOLS;
  bool levels = whole && levels_possible(encoder, packed) && (!known || habit->form & HDX_INTS_LEVELS);
  bool fold = !known || habit->form & HDX_INTS_FOLDED;
  uint64_t below = (uint64_t)packed->centre - (uint64_t)packed->least;
  bool skew = ((uint64_t)packed->most - (uint64_t)packed->centre) / 4 > below;
  plan_symbols(encoder, packed, fold, levels, plan);
  if (known || !skew || few_numbers(packed))
    return;
  struct hdx_ints_plan bell = *plan;
  plan_symbols(encoder, packed, false, false, plan);
  if (bell.bytes <= plan->bytes)
    plan_symbols(encoder, packed, true, levels, plan);
}

void hdx_ints_plan_body(struct hdx_ints_encoder *encoder, enum hdx_ints_depth depth, const struct hdx_ints_habit *habit,
                        struct hdx_ints_plan *best) {
  if (best->body == HDX_INTS_CONSTANT || best->count < 4)
    return;
  sample(best);
  bool whole = depth == HDX_INTS_WHOLE;
  struct hdx_ints_plan packed = *best, plan = *best, sparse = *best, divided = *best;
  if (whole && plan_sparse(&sparse, RARE)) {
    *best = sparse;
    return;
  }
  bool often = whole && plan_sparse(&sparse, OFTEN);
  if (often)
    cost_sparse(encoder, &sparse);
  int64_t unit = depth == HDX_INTS_PART ? 0 : habit ? (int64_t)habit->unit : common_unit(best);
  if (unit)
    cost_split(encoder, unit, &divided);
  if (habit && (habit->tag & HDX_INTS_BODY) == HDX_INTS_PACKED)
    return;
  plan_any_symbols(encoder, &packed, whole, habit, &plan);
  if (plan.bytes < best->bytes)
    *best = plan;
  if (!few_numbers(&packed) && packed.distinct <= VARIED && plan_named(encoder, &plan) && plan.bytes < best->bytes)
    *best = plan;
  if (often && sparse.bytes < best->bytes)
    *best = sparse;
  if (unit && divided.bytes < best->bytes)
    *best = divided;
}

void hdx_ints_plan_part(struct hdx_ints_encoder *encoder, const int64_t *values, size_t count,
                        enum hdx_ints_depth depth, struct hdx_ints_plan *plan) {
  *plan = (struct hdx_ints_plan){.residuals = values, .count = count};
  hdx_ints_plan_packed(plan);
  hdx_ints_plan_body(encoder, depth, NULL, plan);
}

/* ---- choosing ---- */

/* Whether most of a sample's values are the same. */
static bool steady(struct hdx_ints_plan *plan) {
  sample(plan);
  struct hdx_ints_plan trial = *plan;
  return plan->body == HDX_INTS_CONSTANT || plan_sparse(&trial, RARE);
}

void hdx_ints_plan_with(struct hdx_ints_encoder *encoder, const int64_t *values, size_t count, bool delta,
                        struct hdx_ints_plan *plan) {
  int64_t *residuals = encoder->numbers;
  *plan = (struct hdx_ints_plan){.residuals = delta ? residuals : values, .count = delta ? count - 1 : count};
  for (size_t i = 1; delta && i < count; i++)
    residuals[i - 1] = hdx_less(values[i], values[i - 1]);
  hdx_ints_plan_packed(plan);
}

/* What residuals would take: by their counts where these are few numbers; else the bits that they have when they are
 * told from their centre, all together, a measure that few outliers do not spoil. */
static size_t spread(struct hdx_ints_encoder *encoder, const struct hdx_ints_plan *plan, bool few) {
  if (few) {
    struct hdx_ints_plan symbols = *plan;
    plan_symbols(encoder, plan, false, false, &symbols);
    return (size_t)(symbols.bytes * 8);
  }
  int64_t *away = encoder->numbers + 3 * encoder->capacity;
  size_t bits = 0, levelled = SIZE_MAX;
  uint64_t centre = (uint64_t)plan->centre;
  for (size_t i = 0; i < plan->count; i++) {
    away[i] = (int64_t)((uint64_t)plan->residuals[i] - centre);
    bits += hdx_bit_width(hdx_fold(away[i]));
  }
  if (levels_possible(encoder, plan))
    find_levels(encoder, plan, away, &bits, &levelled);
  return bits < levelled ? bits : levelled;
}

/* The predictor is the one whose residuals are steady, or else clearly closer together. */
bool hdx_ints_plan_any(struct hdx_ints_encoder *encoder, const int64_t *values, size_t count,
                       struct hdx_ints_plan *plan) {
  struct hdx_ints_plan plain;
  hdx_ints_plan_with(encoder, values, count, false, &plain);
  *plan = plain;
  if (count < 3 || steady(&plain))
    return false;
  hdx_ints_plan_with(encoder, values, count, true, plan);
  if (steady(plan))
    return true;
  bool few = few_numbers(&plain) && few_numbers(plan);
  if (spread(encoder, plan, few) + count / 8 < spread(encoder, &plain, few))
    return true;
  *plan = plain;
  return false;
}
