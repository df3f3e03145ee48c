/* MMS-burst-like datasets: bursts at irregular times, each cut into files of at most 14 buffers of ten seconds. The
 * noise model is in generate.c. */
#include "bucket.h"

#include <stdio.h>

enum {
  FIRST_YEAR = 2015,
  LAST_YEAR = 2024,
  FIRST_DAY = 243, /* of 2015: September 1 */
  LAST_DAY = 334,  /* of 2024: before November 30 */
  BUFFER_S = 10,
  PIECE_BUFFERS = 14,
  VERSIONS = 4,
  SPACECRAFT = 4
};

/* A file is `base` bytes and, for each second, `rate` (Q16) records of `record` bytes, a few records more or less;
 * compressed ones have byte noise of `noise` (Q16, a share of the size) instead. */
static const struct product {
  const char *instrument, *kind; /* "feeps", "electron" */
  const char *file_kind;         /* in file names and ids */
  uint32_t base, record, rate, noise;
  int major;
  enum gen_form form;
} products[] = {
    {"feeps", "electron", "electron", 342197, 7258, 214401, 0, 7, GEN_FORM_SECOND},
    {"feeps", "ion", "ion", 311846, 6982, 214401, 0, 7, GEN_FORM_SECOND},
    {"fgm", "", "", 118244, 52, 8388608, 1311, 5, GEN_FORM_MILLI},
    {"fpi", "des-moms", "des-moms", 402118, 2214, 2184533, 0, 3, GEN_FORM_SECOND},
    {"edp", "dce", "dce", 204800, 14, 536870912, 1966, 2, GEN_FORM_MILLI},
    {"scm", "scb", "scb", 188416, 11, 536870912, 2621, 2, GEN_FORM_SECOND},
    {"fpi", "dis-moms", "dis-moms", 398022, 2230, 436907, 0, 3, GEN_FORM_SECOND},
    {"epd-eis", "phxtof", "phxtof", 276480, 5120, 98304, 655, 4, GEN_FORM_SECOND},
};

enum { PRODUCTS = sizeof products / sizeof *products };

struct mms {
  const struct product *product;
  struct gen_random random;
  char versions[VERSIONS][GEN_VERSION_BYTES];
  uint32_t version;
};

uint32_t gen_mms_max(void) {
  return PRODUCTS * SPACECRAFT;
}

static void write_piece(struct gen_bucket *bucket, struct gen_dataset *dataset, struct mms *mms, int64_t start,
                        uint32_t buffers) {
  struct gen_random *random = &mms->random;
  const struct product *product = mms->product;
  int64_t seconds = (int64_t)buffers * BUFFER_S - 1;
  int64_t records = (seconds * product->rate + GEN_ONE / 2) / GEN_ONE;
  uint32_t dice = gen_random_below(random, 100);
  if (product->noise == 0 && dice < 30)
    records += dice < 12 ? 1 : dice < 24 ? -1 : dice < 27 ? -2 : 2;
  int64_t size = product->base + records * product->record;
  if (product->noise)
    size += size * product->noise / GEN_ONE * gen_random_bell(random) / GEN_ONE;
  if (gen_random_chance(random, 8000)) /* a new run of the processing; early versions are the most frequent */
    mms->version = gen_random_below(random, gen_random_below(random, VERSIONS) + 1);
  struct gen_row row = {
      .start = start, .stop = start + seconds * 1000, .size = (uint64_t)size, .version = mms->versions[mms->version]};
  gen_year_row(bucket, dataset, &row);
}

/* One burst from `start` on; returns its end. What would start in the next year is left out, as it is another file's.
 */
static int64_t write_burst(struct gen_bucket *bucket, struct gen_dataset *dataset, struct mms *mms, int64_t start) {
  int64_t year_end = gen_day_of_year(dataset->year + 1) * GEN_DAY_MS;
  uint32_t buffers = (uint32_t)gen_random_octaves(&mms->random, 3, 260);
  uint32_t pieces = (buffers + PIECE_BUFFERS - 1) / PIECE_BUFFERS;
  uint32_t done = 0;
  for (uint32_t i = 1; i <= pieces; i++) {
    uint32_t until = buffers * i / pieces;
    int64_t piece = start + (int64_t)done * BUFFER_S * 1000;
    if (piece < year_end)
      write_piece(bucket, dataset, mms, piece, until - done);
    done = until;
  }
  return start + (int64_t)buffers * BUFFER_S * 1000;
}

/* The bursts of a day lie in one region of interest of 5 to 9 hours; the last may reach into the next day. `busy` is
 * when the day before ended. */
static int64_t write_day(struct gen_bucket *bucket, struct gen_dataset *dataset, struct mms *mms, int64_t day,
                         int64_t busy) {
  struct gen_random *random = &mms->random;
  int64_t phase = gen_random_below(random, BUFFER_S); /* of the clock that starts buffers */
  int64_t from = gen_random_below(random, 20 * 3600), until = from + gen_random_between(random, 5 * 3600, 9 * 3600);
  if (gen_random_chance(random, 120000))
    return busy;
  int64_t second = from;
  while (second < until) {
    int64_t start = (day * 86400 + second / BUFFER_S * BUFFER_S + phase) * 1000;
    if (start < busy)
      start += (busy - start + BUFFER_S * 1000 - 1) / (BUFFER_S * 1000) * BUFFER_S * 1000;
    if (start >= (day + 1) * GEN_DAY_MS)
      break;
    busy = write_burst(bucket, dataset, mms, start);
    second = busy / 1000 - day * 86400 + gen_random_octaves(random, 240, 6 * 3600);
  }
  return busy;
}

static enum hdx_status write_year(struct gen_bucket *bucket, struct gen_dataset *dataset, struct mms *mms, int year) {
  uint32_t first = year == FIRST_YEAR ? FIRST_DAY : 0;
  uint32_t days = year == LAST_YEAR ? LAST_DAY : 365u + gen_leap(year);
  struct gen_window window = gen_window_of(days - first, bucket->amount[GEN_MMS].rows_scale);
  gen_random_init(&mms->random, bucket->seed, dataset->id, (uint64_t)year);
  gen_year_begin(bucket, dataset, year);
  mms->version = 0;
  int64_t busy = INT64_MIN;
  uint32_t safe = 0; /* the spacecraft takes no bursts before this day */
  for (uint32_t day = first; day < days; day++) {
    if (gen_random_chance(&mms->random, 7000))
      safe = day + (uint32_t)gen_random_octaves(&mms->random, 2, 25);
    if (gen_window_has(window, day - first) && day >= safe)
      busy = write_day(bucket, dataset, mms, gen_day_of_year(year) + day, busy);
  }
  if (dataset->year_rows == 0)
    write_piece(bucket, dataset, mms, (gen_day_of_year(year) + first) * GEN_DAY_MS, PIECE_BUFFERS);
  return gen_year_end(bucket, dataset);
}

/* Versions as they are found side by side: of the last run, of one before, and rare ones. */
static void name_versions(struct mms *mms, uint64_t seed, const char *id) {
  struct gen_random random;
  gen_random_init(&random, seed, id, 0);
  int major = mms->product->major, minor = gen_random_between(&random, 1, 3), patch = gen_random_between(&random, 1, 2);
  snprintf(mms->versions[0], GEN_VERSION_BYTES, "v%d.%d.%d", major % 10, minor % 10, patch % 10);
  snprintf(mms->versions[1], GEN_VERSION_BYTES, "v%d.%d.%d", major % 10, minor % 10, patch % 10 - 1);
  snprintf(mms->versions[2], GEN_VERSION_BYTES, "v%d.%d.1", major % 10, minor % 10 - 1);
  snprintf(mms->versions[3], GEN_VERSION_BYTES, "v%d.%d.0", major % 10 - 1, minor % 10);
}

enum hdx_status gen_mms(struct gen_bucket *bucket, uint32_t ordinal) {
  struct mms mms = {.product = &products[ordinal % PRODUCTS]};
  const struct product *product = mms.product;
  uint32_t craft = (ordinal / 2 + ordinal / PRODUCTS) % SPACECRAFT + 1;
  struct gen_dataset dataset;
  gen_dataset_init(&dataset);
  char lower[64], craft_text[8], folder[64];
  snprintf(craft_text, sizeof craft_text, "mms%u", craft % 10);
  snprintf(lower, sizeof lower, "mms%u_%s_brst_l2%s%s", craft % 10, product->instrument, *product->kind ? "_" : "",
           product->file_kind);
  snprintf(folder, sizeof folder, "%s/brst/l2%s%s", product->instrument, *product->kind ? "/" : "", product->kind);
  size_t size = strlen(lower);
  for (size_t i = 0; i <= size; i++)
    dataset.id[i] = (char)(lower[i] >= 'a' && lower[i] <= 'z' ? lower[i] - 32 : lower[i]);
  snprintf(dataset.index, sizeof dataset.index, GEN_CDAWEB "mms/indices/");
  snprintf(dataset.title, sizeof dataset.title, "MMS%u %s burst, level 2%s%s", craft % 10, product->instrument,
           *product->kind ? ", " : "", product->kind);
  dataset.extra_json = "      \"resource\": \"https://cdaweb.gsfc.nasa.gov/misc/NotesM.html\",\n"
                       "      \"tags\": [\"MMS\", \"burst\"],\n"
                       "      \"collections\": [\"MMS\"],\n";
  dataset.form = product->form;
  dataset.header = ordinal % 4 == 2 ? "# start, stop, datakey, filesize" : NULL;
  dataset.modified = gen_day_of_year(2025) + ordinal % 20;
  const char *texts[8] = {craft_text, folder, lower};
  gen_template_compile(&dataset.key, GEN_CDAWEB "mms/%1/%2/%Y/%m/%3_%D%T_%v.cdf", texts);
  name_versions(&mms, bucket->seed, dataset.id);

  uint32_t years = bucket->amount[GEN_MMS].years;
  int from = years && years < LAST_YEAR - FIRST_YEAR + 1 ? LAST_YEAR + 1 - (int)years : FIRST_YEAR;
  for (int year = from; year <= LAST_YEAR; year++)
    if (write_year(bucket, &dataset, &mms, year) != HDX_OK)
      return bucket->tree.status;
  return gen_dataset_end(bucket, &dataset);
}
