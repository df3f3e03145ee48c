/* AIA-like datasets: one image every four minutes in each wavelength, 2010-05-13 to 2022-12-31, all index files in one
 * folder. The noise model is in generate.c. */
#include "bucket.h"

#include <stdio.h>

enum {
  FIRST_YEAR = 2010,
  LAST_YEAR = 2022,
  FIRST_DAY = 132, /* of 2010: May 13 */
  CADENCE_S = 240,
  CADENCE_MIN_S = 12, /* that of the instrument */
  FITS_BLOCK = 2880,
  DAY_MINUTES = 1440,
  YEAR_MINUTES = 366 * DAY_MINUTES
};

/* Typical size in FITS blocks: brighter channels compress less. */
static const struct {
  const char *name;
  uint32_t blocks;
} channels[] = {
    {"0094", 1480}, {"0131", 1650}, {"0171", 3850}, {"0193", 4120}, {"0211", 3680},
    {"0304", 2540}, {"0335", 1720}, {"1600", 3910}, {"1700", 4260}, {"4500", 4400},
};

enum { CHANNELS = sizeof channels / sizeof *channels };

/* Beyond the real ones, made-up channels; the number has four digits. */
uint32_t gen_aia_max(void) {
  return CHANNELS + 4000;
}

static void mark(bool *down, int64_t from, int64_t count) {
  for (int64_t i = from < 0 ? 0 : from; i < from + count && i < YEAR_MINUTES; i++)
    down[i] = true;
}

/* Minutes of the year when no channel has images: long outages and the eclipses of two seasons. */
static void plan_outages(uint64_t seed, int year, bool *down) {
  struct gen_random random;
  gen_random_init(&random, seed, "aia/outages", (uint64_t)year);
  memset(down, 0, YEAR_MINUTES);
  int32_t outages = gen_random_between(&random, 4, 8);
  for (int32_t i = 0; i < outages; i++) {
    int64_t from = gen_random_below(&random, YEAR_MINUTES);
    mark(down, from, gen_random_octaves(&random, 240, 14 * DAY_MINUTES));
  }
  static const int32_t seasons[] = {68, 250};
  for (size_t i = 0; i < sizeof seasons / sizeof *seasons; i++) {
    int32_t first = seasons[i] + gen_random_between(&random, -3, 3);
    for (int32_t day = 0; day < 22; day++) {
      int32_t length = 72 - (day - 11) * (day - 11) / 2;
      mark(down, (int64_t)(first + day) * DAY_MINUTES + 370 + gen_random_below(&random, 30), length);
    }
  }
}

/* What one channel's images do to its sizes and times; lives through a year. */
struct camera {
  struct gen_random random;
  int64_t trend;     /* blocks, Q16 */
  int64_t wander;    /* blocks, Q16 */
  int64_t flare;     /* blocks */
  uint32_t dropping; /* images still to be left out */
};

/* The smooth part: an eleven-year cycle of 6 %, 27-day rotation of 0.15 %, 1 % a year less by wear. All triangles. */
static int64_t trend_of(uint32_t blocks, int64_t day) {
  int64_t base = (int64_t)blocks * GEN_ONE;
  int64_t cycle = (day - 14244) % 4018;
  cycle = cycle < 2009 ? cycle : 4018 - cycle;
  int64_t turn = day % 27;
  turn = turn < 14 ? turn : 27 - turn;
  return base - base * 6 / 100 + base * 12 / 100 * cycle / 2009 + base * 3 / 1000 * (turn - 7) / 14 -
         base / 100 * (day - 14742) / 365;
}

static bool dropped(struct camera *camera) {
  if (camera->dropping > 0) {
    camera->dropping--;
    return true;
  }
  uint32_t dice = gen_random_below(&camera->random, 1000000);
  if (dice >= 13000)
    return false;
  if (dice < 1000)
    camera->dropping = (uint32_t)gen_random_octaves(&camera->random, 2, 64) - 1;
  return true;
}

static uint64_t image_bytes(struct camera *camera) {
  struct gen_random *random = &camera->random;
  camera->wander += (int64_t)gen_random_bell(random) * 44 / 100 - camera->wander / 256;
  if (camera->flare > 0)
    camera->flare = camera->flare * 7 / 8;
  int64_t blocks = (camera->trend + camera->wander + (int64_t)gen_random_bell(random) * 8) / GEN_ONE + camera->flare;
  uint32_t rare = gen_random_below(random, 1000000);
  if (rare < 500)
    camera->flare = gen_random_between(random, 20, 120);
  else if (rare < 700)
    blocks = blocks * gen_random_between(random, 30, 95) / 100;
  return (uint64_t)(blocks > 10 ? blocks : 10) * FITS_BLOCK;
}

static void write_image(struct gen_bucket *bucket, struct gen_dataset *dataset, struct camera *camera, int64_t start,
                        uint32_t cadence_s) {
  struct gen_row row = {.start = start, .size = image_bytes(camera), .version = ""};
  if (gen_random_chance(&camera->random, 1000))
    row.start += gen_random_between(&camera->random, 1, (int32_t)cadence_s / 12) * 1000;
  row.stop = row.start + (int64_t)cadence_s * 1000;
  gen_year_row(bucket, dataset, &row);
}

static enum hdx_status write_year(struct gen_bucket *bucket, struct gen_dataset *dataset, uint32_t blocks, int year) {
  static bool down[YEAR_MINUTES];
  uint32_t scale = bucket->amount[GEN_AIA].rows_scale;
  uint32_t cadence_s = CADENCE_S;
  if (scale > GEN_ONE)
    cadence_s = (uint32_t)((uint64_t)CADENCE_S * GEN_ONE / scale);
  if (cadence_s < CADENCE_MIN_S)
    cadence_s = CADENCE_MIN_S;
  uint32_t first = year == FIRST_YEAR ? FIRST_DAY : 0;
  uint32_t days = 365u + gen_leap(year);
  struct gen_window window = gen_window_of(days - first, scale);
  struct camera camera = {.trend = 0};
  gen_random_init(&camera.random, bucket->seed, dataset->id, (uint64_t)year);
  plan_outages(bucket->seed, year, down);
  gen_year_begin(bucket, dataset, year);
  for (uint32_t day = first; day < days; day++) {
    if (!gen_window_has(window, day - first))
      continue;
    int64_t date = gen_day_of_year(year) + day;
    camera.trend = trend_of(blocks, date);
    for (uint32_t second = 0; second < 86400; second += cadence_s)
      if (!down[day * DAY_MINUTES + second / 60] && !dropped(&camera))
        write_image(bucket, dataset, &camera, date * GEN_DAY_MS + (int64_t)second * 1000, cadence_s);
  }
  if (dataset->year_rows == 0)
    write_image(bucket, dataset, &camera, (gen_day_of_year(year) + first) * GEN_DAY_MS, cadence_s);
  return gen_year_end(bucket, dataset);
}

enum hdx_status gen_aia(struct gen_bucket *bucket, uint32_t ordinal) {
  char number[8];
  uint32_t blocks;
  if (ordinal < CHANNELS) {
    snprintf(number, sizeof number, "%s", channels[ordinal].name);
    blocks = channels[ordinal].blocks;
  } else {
    snprintf(number, sizeof number, "%04u", (5000 + ordinal - CHANNELS) % 10000);
    blocks = 1500 + ordinal * 37 % 2500;
  }
  struct gen_dataset dataset;
  gen_dataset_init(&dataset);
  snprintf(dataset.id, sizeof dataset.id, "aia_%s", number);
  snprintf(dataset.index, sizeof dataset.index, GEN_ENDPOINT "sdo/aia/registries/");
  snprintf(dataset.title, sizeof dataset.title, "SDO AIA %s Angstrom, synoptic images every 4 minutes", number);
  dataset.filetype = "fits";
  dataset.extra_json = "      \"description\": \"Atmospheric Imaging Assembly, full-disk images, level h2\",\n"
                       "      \"tags\": [\"SDO\", \"AIA\", \"EUV\", \"images\"],\n";
  dataset.modified = gen_day_of_year(2023) + 40 + ordinal % 8;
  const char *texts[8] = {number};
  gen_template_compile(&dataset.key, GEN_ENDPOINT "sdo/aia/%D/%1/sdo_aia_h2_%DT%T_%1_v1.fits", texts);

  uint32_t years = bucket->amount[GEN_AIA].years;
  int from = years && years < LAST_YEAR - FIRST_YEAR + 1 ? LAST_YEAR + 1 - (int)years : FIRST_YEAR;
  for (int year = from; year <= LAST_YEAR; year++)
    if (write_year(bucket, &dataset, blocks, year) != HDX_OK)
      return bucket->tree.status;
  return gen_dataset_end(bucket, &dataset);
}
