/* hdx-generate: writes a bucket of index files as a published archive has them: registry, catalog, nine AIA-like, some
 * MMS-burst-like and thousands of daily datasets. For tests, the demonstration and benchmarks. The data files that the
 * rows name are not made. The tree is the same, byte for byte, for the same seed and amounts, on every machine.
 *
 *   DIR/registry.json
 *   DIR/gov-nasa-hdrl-data1/catalog.json
 *   DIR/gov-nasa-hdrl-data1/sdo/aia/registries/aia_0094_2010.csv …
 *   DIR/gov-nasa-hdrl-data1/spdf/cdaweb/data/mms/indices/MMS1_FEEPS_BRST_L2_ELECTRON_2015.csv …
 *   DIR/gov-nasa-hdrl-data1/spdf/cdaweb/data/ace/indices/AC_H2_CRIS_1997.csv …
 *   DIR/gov-nasa-hdrl-data1/odd/indices/odd_crlf_2018.csv …          with --odd
 *
 * Key shapes are those of published catalogs. The noise below stands for what such archives show and was fixed before
 * any encoding was tuned on it; change it and figures measured before no longer compare.
 *
 * Random numbers: random.h. One stream per (seed, dataset, year), so a dataset does not depend on what else is made.
 * "Bell" is the sum of four uniforms (Irwin–Hall), within 3.46 standard deviations; "log-uniform a … b" makes every
 * octave between them equally likely. Chances are per row unless stated.
 *
 * AIA-like (aia.c), 2010-05-13 to 2022-12-31, a row every 240 s, stop = start + 240 s, about 8 % missing:
 *   gaps    4 to 8 outages a year of log-uniform 4 h … 14 d and two eclipse seasons of 22 days with up to 72 minutes
 *           a day, the same for all channels; per channel single images (1.2 %) and runs of log-uniform 2 … 64 images
 *           (begun with 0.1 %)
 *   times   0.1 % are retaken 1 to 20 s late
 *   sizes   2880 bytes times a sum of: the channel's typical count (1480 to 4400); triangles of 6 % over 11 years and
 *           0.15 % over 27 days; 1 % less a year; a first-order autoregression (step 0.44 bell, pull 1/256); white
 *           noise of 8 bell; flares (0.05 %) of 20 to 120 that lose an eighth an image; 0.02 % cut to 30 … 95 %
 *
 * MMS-burst-like (mms.c), 2015-09-01 to 2024-11-29, about 7,500 rows a full year:
 *   bursts  12 % of the days none; else, in a region of 5 to 9 h a day, bursts of log-uniform 3 … 260 buffers of 10 s,
 *           log-uniform 4 min … 6 h apart, starting on a 10 s clock whose phase is anew each day; outages begin on
 *           0.7 % of the days and last log-uniform 2 … 25 days
 *   rows    a burst of n buffers is ceil(n / 14) nearly equal files; stop = start + 10 s × buffers - 1 s
 *   sizes   base + record × round(rate × seconds); half of the products: 24 % one record off, 6 % two; the others,
 *           which are compressed: bell noise of 1 to 4 % in bytes
 *   version one of four, drawn anew with 0.8 %, the newest most often
 *
 * Daily (daily.c), 1 to 29 years between 1973 and 2024, on the average 10.9 files of 335 rows:
 *   years   a fifth of the datasets lack 1 to 3 years; most begin and end within a year
 *   gaps    62 % of the datasets: days missing 0.2 %, outages begin 0.04 % a day, log-uniform 2 … 20 days;
 *           28 %: 2.5 %, 0.4 %, 2 … 30; 10 %: 6 %, 2.2 %, 2 … 90
 *   times   36 %: midnight to midnight; 21 %: to 23:59:59; 22 %: first and last record, each uniform over a cadence
 *           of 3 to 92 s; 10 %: the same in milliseconds; 11 %: records of 3.0 to 4.2 s that go on over midnight,
 *           ±1 ms. Of the last three kinds 2 % of the days lose log-uniform 1 min … 12 h at one end
 *   sizes   base + record × count; 27 %: the count is the same, 15 % of the days up to 4 off; 37 %: bell of 0.2 to
 *           4 %; 36 %: compressed, in octaves a first-order autoregression (step 1/40 bell, pull 1/32) and
 *           0.02 … 0.2 bell, plus uniform bytes. All in proportion to the day's length
 *   version of 1 to 4, drawn anew with 0.5 % (15 % of the datasets: 5 %)
 *   header  every seventh dataset has one; numbers 7, 407, 807 … have checksum, checksum_algorithm and records too
 *
 * Odd datasets: the table in odd.c.
 *
 * Exit codes: 0 done, 2 an argument is wrong, 6 writing failed. */
#include "generate/bucket.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CATALOG_BYTES_MAX ((size_t)1 << 31)
#define ROWS_SCALE_MAX 20 /* AIA's 240 s cadence over the instrument's 12 s */

static const char usage[] =
    "Usage: hdx-generate [OPTIONS] --out DIR\n"
    "Writes a made-up CloudCatalog bucket below DIR, which must be absent or empty.\n"
    "\n"
    "  --out DIR         where to\n"
    "  --seed N          another seed makes other data (1)\n"
    "  --scale NAME      small   1 AIA-like dataset of 2 years, 1 MMS-like, 20 daily: about 50,000 rows\n"
    "                    demo    2 AIA-like of 2 years, 2 MMS-like, 250 daily: about 400,000 rows\n"
    "                    full    9 AIA-like, 8 MMS-like, 2,000 daily: 22,035 files, 21.5 million rows, 3.2 GB\n"
    "  --aia N --mms N --daily N\n"
    "                    how many datasets of each kind; alone they say all that is made, with --scale they change it\n"
    "  --rows-scale F    share of each year's days that has rows, at both ends of the year; above 1 (to 20) AIA-like\n"
    "                    images are that much more frequent\n"
    "  --odd             also a dataset odd_... for each oddity that published index files have\n"
    "  --help            this text\n"
    "\n"
    "Ends with a line of JSON: datasets, index files, their rows and bytes.\n";

struct scale {
  const char *name;
  struct gen_amount amount[GEN_KINDS];
};

static const struct scale scales[] = {
    {"full", {{9, 0, GEN_ONE}, {8, 0, GEN_ONE}, {2000, 0, GEN_ONE}}},
    {"demo", {{2, 2, GEN_ONE / 2}, {2, 0, GEN_ONE / 5}, {250, 0, GEN_ONE * 3 / 20}}},
    {"small", {{1, 2, GEN_ONE * 3 / 20}, {1, 0, GEN_ONE * 3 / 20}, {20, 0, GEN_ONE * 3 / 20}}},
};

static const struct kind {
  const char *name;
  enum hdx_status (*make)(struct gen_bucket *bucket, uint32_t ordinal);
  uint32_t (*max)(void);
} kinds[GEN_KINDS] = {
    {"aia", gen_aia, gen_aia_max}, {"mms", gen_mms, gen_mms_max}, {"daily", gen_daily, gen_daily_max}};

struct request {
  const char *out;
  uint64_t seed;
  const struct scale *scale;
  uint32_t count[GEN_KINDS];
  bool counted[GEN_KINDS];
  uint32_t rows_scale; /* 0: not given */
  bool odd;
};

enum option_key {
  OPTION_AIA,
  OPTION_MMS,
  OPTION_DAILY,
  OPTION_OUT,
  OPTION_SEED,
  OPTION_SCALE,
  OPTION_ROWS,
  OPTION_ODD,
  OPTION_HELP
};

static const struct option options[] = {
    {"aia", required_argument, NULL, OPTION_AIA},
    {"mms", required_argument, NULL, OPTION_MMS},
    {"daily", required_argument, NULL, OPTION_DAILY},
    {"out", required_argument, NULL, OPTION_OUT},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"scale", required_argument, NULL, OPTION_SCALE},
    {"rows-scale", required_argument, NULL, OPTION_ROWS},
    {"odd", no_argument, NULL, OPTION_ODD},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static bool wrong(const char *option, const char *expected, const char *found) {
  fprintf(stderr, "hdx-generate: --%s: expected %s, found '%s'\n", option, expected, found);
  return false;
}

static bool read_count(const char *option, const char *text, uint64_t max, uint64_t *value) {
  char expected[64];
  snprintf(expected, sizeof expected, "a whole number up to %" PRIu64, max);
  return hdx_text_to_u64(hdx_text_of(text), max, value) || wrong(option, expected, text);
}

static bool read_rows_scale(const char *text, uint32_t *scale) {
  char *end;
  errno = 0;
  double value = strtod(text, &end);
  if (end == text || *end || errno || !(value >= 0.001 && value <= ROWS_SCALE_MAX))
    return wrong("rows-scale", "a number from 0.001 to 20", text);
  *scale = (uint32_t)(value * GEN_ONE);
  return true;
}

static bool read_scale(const char *text, const struct scale **scale) {
  for (size_t i = 0; i < sizeof scales / sizeof *scales; i++)
    if (strcmp(text, scales[i].name) == 0) {
      *scale = &scales[i];
      return true;
    }
  return wrong("scale", "small, demo or full", text);
}

/* Reads the arguments; on false *code is how the program ends. */
static bool read_request(int argc, char **argv, struct request *request, int *code) {
  int key;
  *code = 2;
  while ((key = getopt_long(argc, argv, "", options, NULL)) != -1) {
    uint64_t number = 0;
    bool good = true;
    switch (key) {
    case OPTION_AIA:
    case OPTION_MMS:
    case OPTION_DAILY:
      good = read_count(kinds[key].name, optarg, kinds[key].max(), &number);
      request->count[key] = (uint32_t)number;
      request->counted[key] = true;
      break;
    case OPTION_OUT:
      request->out = optarg;
      break;
    case OPTION_SEED:
      good = read_count("seed", optarg, UINT64_MAX, &request->seed);
      break;
    case OPTION_SCALE:
      good = read_scale(optarg, &request->scale);
      break;
    case OPTION_ROWS:
      good = read_rows_scale(optarg, &request->rows_scale);
      break;
    case OPTION_ODD:
      request->odd = true;
      break;
    case OPTION_HELP:
      *code = fputs(usage, stdout) >= 0 && fflush(stdout) == 0 ? 0 : 6;
      return false;
    default:
      fputs("Try hdx-generate --help.\n", stderr);
      return false;
    }
    if (!good)
      return false;
  }
  if (optind < argc)
    return wrong("out", "no further arguments", argv[optind]);
  if (!request->out)
    return wrong("out", "a directory", "");
  return true;
}

static void plan(const struct request *request, struct gen_bucket *bucket) {
  bool counted = false;
  for (int kind = 0; kind < GEN_KINDS; kind++)
    counted |= request->counted[kind];
  const struct scale *scale = request->scale ? request->scale : &scales[0];
  for (int kind = 0; kind < GEN_KINDS; kind++) {
    bucket->amount[kind] = scale->amount[kind];
    if (counted && !request->scale)
      bucket->amount[kind].datasets = 0;
    if (request->counted[kind])
      bucket->amount[kind].datasets = request->count[kind];
    if (request->rows_scale)
      bucket->amount[kind].rows_scale = request->rows_scale;
  }
}

static enum hdx_status make(const struct request *request, struct gen_bucket *bucket) {
  for (int kind = 0; kind < GEN_KINDS; kind++)
    for (uint32_t i = 0; i < bucket->amount[kind].datasets; i++)
      if (kinds[kind].make(bucket, i) != HDX_OK)
        return bucket->tree.status;
  if (request->odd && gen_odd(bucket) != HDX_OK)
    return bucket->tree.status;
  return gen_bucket_finish(bucket);
}

int main(int argc, char **argv) {
  static struct gen_bucket bucket;
  struct request request = {.seed = 1};
  int code;
  if (!read_request(argc, argv, &request, &code))
    return code;
  bucket.seed = request.seed;
  hdx_buffer_init(&bucket.catalog, CATALOG_BYTES_MAX);
  plan(&request, &bucket);
  if (gen_tree_open(&bucket.tree, request.out) == HDX_OK)
    make(&request, &bucket);
  enum hdx_status status = bucket.tree.status;
  if (status != HDX_OK)
    fprintf(stderr, "hdx-generate: %s\n", bucket.tree.error.message);
  gen_tree_close(&bucket.tree);
  hdx_buffer_deinit(&bucket.catalog);
  if (status != HDX_OK)
    return hdx_status_exit_code(status);
  printf("{\"seed\": %" PRIu64 ", \"datasets\": %" PRIu64 ", \"files\": %" PRIu64 ", \"rows\": %" PRIu64
         ", \"bytes\": %" PRIu64 "}\n",
         bucket.seed, bucket.datasets, bucket.files, bucket.rows, bucket.bytes);
  return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 6;
}
