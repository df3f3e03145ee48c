/* CDAWeb-like datasets with one file a day: many missions, instruments, path shapes, spans, gaps, and ways to tell a
 * day's start and stop. What a dataset is follows from its number and the seed; the noise model is in generate.c. */
#include "bucket.h"

#include <stdio.h>

enum { LAST_YEAR = 2024, VERSIONS = 6, GAPS_MAX = 3 };

struct mission {
  const char *prefix, *folder, *name;
  int first_year;
};

static const struct mission missions[] = {
    {"ac", "ace", "ACE", 1997},
    {"wi", "wind", "Wind", 1994},
    {"po", "polar", "Polar", 1996},
    {"ge", "geotail", "Geotail", 1992},
    {"tha", "themis/tha", "THEMIS-A", 2007},
    {"thb", "themis/thb", "THEMIS-B", 2007},
    {"thc", "themis/thc", "THEMIS-C", 2007},
    {"thd", "themis/thd", "THEMIS-D", 2007},
    {"the", "themis/the", "THEMIS-E", 2007},
    {"rbspa", "rbsp/rbspa", "Van Allen Probe A", 2012},
    {"rbspb", "rbsp/rbspb", "Van Allen Probe B", 2012},
    {"sta", "stereo/ahead", "STEREO Ahead", 2006},
    {"stb", "stereo/behind", "STEREO Behind", 2006},
    {"c1", "cluster/c1", "Cluster 1", 2000},
    {"c2", "cluster/c2", "Cluster 2", 2000},
    {"c3", "cluster/c3", "Cluster 3", 2000},
    {"c4", "cluster/c4", "Cluster 4", 2000},
    {"fa", "fast", "FAST", 1996},
    {"im", "image", "IMAGE", 2000},
    {"g10", "goes/goes10", "GOES-10", 1998},
    {"g13", "goes/goes13", "GOES-13", 2006},
    {"g15", "goes/goes15", "GOES-15", 2010},
    {"g16", "goes/goes16", "GOES-16", 2017},
    {"i8", "imp8", "IMP 8", 1973},
    {"ul", "ulysses", "Ulysses", 1990},
    {"voyager1", "voyager/voyager1", "Voyager 1", 1977},
    {"voyager2", "voyager/voyager2", "Voyager 2", 1977},
    {"psp", "psp", "Parker Solar Probe", 2018},
    {"solo", "solar-orbiter", "Solar Orbiter", 2020},
    {"dscovr", "dscovr", "DSCOVR", 2015},
    {"soho", "soho", "SOHO", 1995},
    {"sx", "sampex", "SAMPEX", 1992},
    {"noaa15", "noaa/noaa15", "NOAA-15", 1998},
    {"noaa19", "noaa/noaa19", "NOAA-19", 2009},
    {"ibex", "ibex", "IBEX", 2008},
    {"de1", "de/de1", "Dynamics Explorer 1", 1981},
    {"isee1", "isee/isee1", "ISEE 1", 1977},
    {"isee2", "isee/isee2", "ISEE 2", 1977},
    {"omni", "omni", "OMNI", 1981},
    {"mms1", "mms/mms1", "MMS 1", 2015},
    {"mms2", "mms/mms2", "MMS 2", 2015},
    {"icon", "icon", "ICON", 2019},
    {"timed", "timed", "TIMED", 2001},
    {"cnofs", "cnofs", "C/NOFS", 2008},
};

static const char *const instruments[] = {
    "cris", "mfi",    "swe",  "epm",     "sis",    "mag",    "fgm",   "esa",    "sst",   "efi",    "scm",     "emfisis",
    "hope", "mageis", "rept", "plastic", "impact", "swaves", "cis",   "peace",  "rapid", "staff",  "whisper", "euv",
    "lena", "pwi",    "cpi",  "epic",    "hydra",  "uvi",    "isois", "fields", "spc",   "costep", "erne",    "pet",
};

static const struct {
  const char *name, *folder;
} levels[] = {
    {"h0", "level_2_cdaweb"}, {"h1", "level_2_cdaweb"}, {"h2", "level_2_cdaweb"}, {"k0", "key_parameters"},
    {"k1", "key_parameters"}, {"l2", "level_2"},        {"l3", "level_3"},        {"or", "orbit"},
};

enum {
  MISSIONS = sizeof missions / sizeof *missions,
  INSTRUMENTS = sizeof instruments / sizeof *instruments,
  LEVELS = sizeof levels / sizeof *levels,
  COMBINATIONS = MISSIONS * INSTRUMENTS * LEVELS,
  STRIDE = 5333 /* a prime that divides none of them: neighbours in number are unlike */
};

/* %1 mission folder, %2 instrument, %3 level folder, %4 id in small letters, %5 extension, %6 level, %7 mission */
static const char *const shapes[] = {
    "%1/%2/%3/%2_%6/%Y/%4_%D_%v%5",
    "%1/%2/%2_%6/%Y/%4_%D_%v%5",
    "%1/%6/%2/%Y/%4_%D_%v%5",
    "%1/%6/%2/%Y/%m/%4_%D_%v%5",
    "%1/%2/%6/%Y/%j/%4_%Y%j_%v%5",
    "%1/%2/%Y/%4__%D_%T_%ED_%ET_%v%5",
    "%1/%2_%6/%4_%D%5",
    "%1/%2/%6/%y%m/%4_%y%m%d_%v%5",
    "%1/%2/%6/%D/%4_%DT%H%M_%v%5",
    "%1/%2/%6/%Y/%m/%d/%4_s%D%T_e%ED%ET_%v%5",
};
static const uint32_t shape_weights[] = {26, 24, 14, 12, 5, 7, 3, 3, 3, 3};

static const struct {
  const char *extension, *filetype;
} types[] = {{".cdf", "cdf"}, {".nc", "netcdf4"}, {".fits", "fits"}, {".txt", "txt"}, {".h5", "hdf5"}};
static const uint32_t type_weights[] = {82, 9, 4, 3, 2};

/* How a day's file tells its start and stop. */
enum span {
  SPAN_DAY,         /* midnight to midnight */
  SPAN_LAST_SECOND, /* midnight to 23:59:59 */
  SPAN_RECORDS,     /* first and last record, whole seconds */
  SPAN_MILLIS,      /* the same in milliseconds */
  SPAN_SPIN         /* the same, and the first record follows the last one of the day before by one spin */
};

/* How the size follows from the day. */
enum sizing { SIZING_FIXED, SIZING_RECORDS, SIZING_PACKED };

struct daily {
  struct gen_random random; /* of the dataset, then of each year */
  enum span span;
  uint32_t cadence_ms;
  enum sizing sizing;
  uint32_t base, unit, records;
  int32_t spread;       /* SIZING_RECORDS: of the records, Q16 share; SIZING_PACKED: octaves, Q16 */
  uint32_t missing_ppm; /* single days */
  uint32_t outage_ppm;  /* longer gaps begin, a day */
  uint32_t outage_max;  /* days */
  char versions[VERSIONS][GEN_VERSION_BYTES];
  uint32_t version_count, version_ppm, version;
  int first_year, last_year;
  int gaps[GAPS_MAX];
  int gap_count;
  uint32_t first_day, end_day; /* of the first year; of the last one, behind its last day */
  int64_t wander;              /* SIZING_PACKED: octaves, Q16 */
  int64_t spin_stop;           /* SPAN_SPIN: last record of the day before */
};

_Static_assert(COMBINATIONS % STRIDE != 0, "a prime stride visits every combination");
_Static_assert(sizeof shapes / sizeof *shapes == sizeof shape_weights / sizeof *shape_weights, "a weight a shape");
_Static_assert(sizeof types / sizeof *types == sizeof type_weights / sizeof *type_weights, "a weight a type");

uint32_t gen_daily_max(void) {
  return COMBINATIONS * 26;
}

/* How many index files dataset `ordinal` has: 1 to 29, and 21,838 for the first 2,000 whatever the seed. The mean is
 * exact over each four neighbours, one of which may have very many. */
static int count_files(uint64_t seed, uint32_t ordinal) {
  struct gen_random random;
  gen_random_init(&random, seed, "daily/files", ordinal / 4);
  int many = gen_random_between(&random, 0, 6), few = gen_random_between(&random, 0, 9 - many);
  int turn = gen_random_between(&random, 0, 3);
  const int extra[4] = {3 * many, few - many, -few - many, -many};
  int mean = (int)(((uint64_t)ordinal + 1) * 21838 / 2000 - (uint64_t)ordinal * 21838 / 2000);
  return mean + extra[(ordinal + (uint32_t)turn) % 4];
}

static uint32_t pick(struct gen_random *random, const uint32_t *weights, size_t count) {
  uint32_t sum = 0;
  for (size_t i = 0; i < count; i++)
    sum += weights[i];
  uint32_t dice = gen_random_below(random, sum), i = 0;
  while (dice >= weights[i])
    dice -= weights[i++];
  return i;
}

/* Years, and which of them are missing: a fifth of the datasets lack one to three in the middle. */
static void plan_years(struct daily *daily, const struct mission *mission, int files) {
  struct gen_random *random = &daily->random;
  daily->gap_count = files >= 3 && gen_random_chance(random, 200000) ? gen_random_between(random, 1, GAPS_MAX) : 0;
  int span = files + daily->gap_count;
  daily->first_year = mission->first_year + gen_random_between(random, 0, 3);
  if (daily->first_year + span - 1 > LAST_YEAR)
    daily->first_year = LAST_YEAR + 1 - span;
  daily->last_year = daily->first_year + span - 1;
  /* the gap of one year or several in a row */
  int at = daily->gap_count ? daily->first_year + gen_random_between(random, 1, files - 1) : 0;
  for (int i = 0; i < daily->gap_count; i++)
    daily->gaps[i] = at + i;
  daily->first_day = gen_random_chance(random, 300000) ? 0 : gen_random_below(random, 200);
  daily->end_day =
      daily->last_year == LAST_YEAR || gen_random_chance(random, 300000) ? 400 : 205 + gen_random_below(random, 160);
}

static void plan_gaps(struct daily *daily) {
  struct gen_random *random = &daily->random;
  uint32_t dice = gen_random_below(random, 100);
  if (dice < 62) {
    daily->missing_ppm = 2000;
    daily->outage_ppm = 400;
    daily->outage_max = 20;
  } else if (dice < 90) {
    daily->missing_ppm = 25000;
    daily->outage_ppm = 4000;
    daily->outage_max = 30;
  } else {
    daily->missing_ppm = 60000;
    daily->outage_ppm = 22000;
    daily->outage_max = 90;
  }
}

static void plan_sizes(struct daily *daily) {
  static const uint32_t weights[] = {27, 37, 36}, units[] = {24, 72, 168, 464, 1208, 2880, 7258};
  struct gen_random *random = &daily->random;
  daily->sizing = (enum sizing)pick(random, weights, 3);
  daily->base = 8000 + gen_random_below(random, 150000);
  daily->unit = units[gen_random_below(random, sizeof units / sizeof *units)];
  daily->records = (uint32_t)gen_random_octaves(random, 90, 6000);
  daily->spread = daily->sizing == SIZING_RECORDS ? gen_random_between(random, GEN_ONE / 500, GEN_ONE / 25)
                                                  : gen_random_between(random, GEN_ONE / 50, GEN_ONE / 5);
}

static void plan_times(struct daily *daily, struct gen_dataset *dataset) {
  static const uint32_t weights[] = {36, 21, 22, 10, 11}, cadences[] = {3000, 4000, 12000, 16000, 60000, 64000, 92000};
  struct gen_random *random = &daily->random;
  daily->span = (enum span)pick(random, weights, 5);
  daily->cadence_ms = cadences[gen_random_below(random, sizeof cadences / sizeof *cadences)];
  if (daily->span == SPAN_SPIN)
    daily->cadence_ms = 3000 + gen_random_below(random, 1200);
  static const enum gen_form day_forms[] = {GEN_FORM_MINUTE, GEN_FORM_SECOND, GEN_FORM_MILLI, GEN_FORM_MILLI};
  uint32_t choice = gen_random_below(random, 4);
  if (daily->span == SPAN_DAY)
    dataset->form = day_forms[choice];
  else if (daily->span == SPAN_LAST_SECOND || daily->span == SPAN_RECORDS)
    dataset->form = choice < 2 ? GEN_FORM_SECOND : GEN_FORM_MILLI;
  else
    dataset->form = GEN_FORM_MILLI;
  dataset->catalog_form = dataset->form;
}

static void plan_versions(struct daily *daily) {
  struct gen_random *random = &daily->random;
  uint32_t style = gen_random_below(random, 10);
  daily->version_count = gen_random_below(random, 4) + 1;
  daily->version_ppm = gen_random_chance(random, 150000) ? 50000 : 5000;
  int number = gen_random_between(random, 1, 5);
  for (int i = 0; i < VERSIONS; i++) {
    char *to = daily->versions[i];
    if (style < 6)
      snprintf(to, GEN_VERSION_BYTES, "v%02d", (number + i) % 100);
    else if (style < 8)
      snprintf(to, GEN_VERSION_BYTES, "v%d.%d.%d", number % 10, i / 2 % 10, i % 2);
    else if (style < 9)
      snprintf(to, GEN_VERSION_BYTES, "V%02d", (number + i) % 100);
    else
      snprintf(to, GEN_VERSION_BYTES, "v%d-%d", number % 10, i % 10);
  }
}

/* The day's first and last instant; a fiftieth of the days begins late or ends early. */
static void day_span(struct daily *daily, int64_t day, struct gen_row *row) {
  struct gen_random *random = &daily->random;
  int64_t midnight = day * GEN_DAY_MS, cadence = daily->cadence_ms;
  int64_t late = 0, early = 0;
  switch (daily->span) {
  case SPAN_DAY:
    row->start = midnight;
    row->stop = midnight + GEN_DAY_MS;
    return;
  case SPAN_LAST_SECOND:
    row->start = midnight;
    row->stop = midnight + GEN_DAY_MS - 1000;
    return;
  case SPAN_RECORDS:
    late = gen_random_below(random, (uint32_t)cadence / 1000) * 1000;
    early = gen_random_below(random, (uint32_t)cadence / 1000) * 1000 + 1000;
    break;
  case SPAN_MILLIS:
    late = gen_random_below(random, (uint32_t)cadence);
    early = gen_random_below(random, (uint32_t)cadence) + 1;
    break;
  case SPAN_SPIN: {
    /* the spin period is known to a millisecond or two */
    int64_t next = daily->spin_stop + cadence + gen_random_between(random, -1, 1);
    late = next >= midnight && next < midnight + 2 * cadence ? next - midnight
                                                             : gen_random_below(random, (uint32_t)cadence);
    early = (GEN_DAY_MS - late) % cadence + gen_random_between(random, 1, 3);
  }
  }
  if (gen_random_chance(random, 20000)) {
    int64_t cut = gen_random_octaves(random, 60, 43200) * 1000;
    if (gen_random_chance(random, 500000))
      late += cut;
    else
      early += cut;
  }
  row->start = midnight + late;
  row->stop = midnight + GEN_DAY_MS - early;
  daily->spin_stop = row->stop;
}

static void day_size(struct daily *daily, struct gen_row *row) {
  struct gen_random *random = &daily->random;
  int64_t records = daily->records;
  switch (daily->sizing) {
  case SIZING_FIXED:
    if (gen_random_chance(random, 150000))
      records += gen_random_between(random, -4, 4);
    break;
  case SIZING_RECORDS:
    records += records * daily->spread / GEN_ONE * gen_random_bell(random) / GEN_ONE;
    break;
  case SIZING_PACKED:
    daily->wander += gen_random_bell(random) / 40 - daily->wander / 32;
    records = gen_scale(records, (int32_t)(daily->wander + (int64_t)daily->spread * gen_random_bell(random) / GEN_ONE));
    break;
  }
  records = records * ((row->stop - row->start) / 1000 + 1) / 86400;
  if (records < 1)
    records = 1;
  row->records = (uint64_t)records;
  row->size = daily->base + (uint64_t)records * daily->unit;
  if (daily->sizing == SIZING_PACKED)
    row->size += gen_random_below(random, daily->unit) + (uint64_t)gen_random_below(random, 4096);
}

static void write_day(struct gen_bucket *bucket, struct gen_dataset *dataset, struct daily *daily, int64_t day) {
  struct gen_row row;
  day_span(daily, day, &row);
  day_size(daily, &row);
  if (gen_random_chance(&daily->random, daily->version_ppm))
    daily->version = gen_random_below(&daily->random, daily->version_count);
  row.version = daily->versions[daily->version];
  gen_year_row(bucket, dataset, &row);
}

static enum hdx_status write_year(struct gen_bucket *bucket, struct gen_dataset *dataset, struct daily *daily,
                                  int year) {
  uint32_t days = 365u + gen_leap(year);
  uint32_t first = year == daily->first_year ? daily->first_day : 0;
  if (year == daily->last_year && daily->end_day < days)
    days = daily->end_day;
  struct gen_window window = gen_window_of(days - first, bucket->amount[GEN_DAILY].rows_scale);
  gen_random_init(&daily->random, bucket->seed, dataset->id, (uint64_t)year);
  daily->version = gen_random_below(&daily->random, daily->version_count);
  daily->wander = 0;
  daily->spin_stop = 0;
  gen_year_begin(bucket, dataset, year);
  uint32_t safe = 0; /* no files before this day */
  for (uint32_t day = first; day < days; day++) {
    if (gen_random_chance(&daily->random, daily->outage_ppm))
      safe = day + (uint32_t)gen_random_octaves(&daily->random, 2, daily->outage_max);
    bool missing = gen_random_chance(&daily->random, daily->missing_ppm);
    if (gen_window_has(window, day - first) && day >= safe && !missing)
      write_day(bucket, dataset, daily, gen_day_of_year(year) + day);
  }
  if (dataset->year_rows == 0)
    write_day(bucket, dataset, daily, gen_day_of_year(year) + first);
  return gen_year_end(bucket, dataset);
}

/* Id, title, places and key template from the number alone, the rest from the seed too. */
static const struct mission *plan_names(struct daily *daily, struct gen_dataset *dataset, uint32_t ordinal) {
  uint32_t combination = (uint32_t)((uint64_t)ordinal % COMBINATIONS * STRIDE % COMBINATIONS);
  uint32_t round = ordinal / COMBINATIONS;
  const struct mission *mission = &missions[combination % MISSIONS];
  const char *instrument = instruments[combination / MISSIONS % INSTRUMENTS];
  uint32_t level = combination / (MISSIONS * INSTRUMENTS);
  char lower[80], variant[8] = "", home[32];
  if (round > 0)
    snprintf(variant, sizeof variant, "_%c", (char)('a' + round - 1));
  bool dashes = ordinal % 11 == 4; /* as some ids are written */
  snprintf(lower, sizeof lower, "%s%c%s%c%s%s", mission->prefix, dashes ? '-' : '_', levels[level].name,
           dashes ? '-' : '_', instrument, variant);
  bool small = ordinal % 5 == 3;
  for (size_t i = 0; i <= strlen(lower); i++)
    dataset->id[i] = (char)(!small && lower[i] >= 'a' && lower[i] <= 'z' ? lower[i] - 32 : lower[i]);
  snprintf(home, sizeof home, "%.*s", (int)strcspn(mission->folder, "/"), mission->folder);
  snprintf(dataset->index, sizeof dataset->index, GEN_CDAWEB "%s/indices/", home);
  snprintf(dataset->title, sizeof dataset->title, "%s %s, %s data, daily", mission->name, instrument,
           levels[level].name);

  uint32_t type = pick(&daily->random, type_weights, sizeof types / sizeof *types);
  dataset->filetype = types[type].filetype;
  uint32_t shape = pick(&daily->random, shape_weights, sizeof shapes / sizeof *shapes);
  const char *texts[8] = {mission->folder,       instrument,         levels[level].folder, lower,
                          types[type].extension, levels[level].name, mission->prefix};
  char format[GEN_TEMPLATE_BYTES];
  snprintf(format, sizeof format, "%s%s", GEN_CDAWEB, shapes[shape]);
  gen_template_compile(&dataset->key, format, texts);
  return mission;
}

enum hdx_status gen_daily(struct gen_bucket *bucket, uint32_t ordinal) {
  struct gen_dataset dataset;
  struct daily daily = {.version = 0};
  char extra[200];
  gen_dataset_init(&dataset);
  gen_random_init(&daily.random, bucket->seed, "daily", ordinal);
  const struct mission *mission = plan_names(&daily, &dataset, ordinal);
  plan_years(&daily, mission, count_files(bucket->seed, ordinal));
  plan_gaps(&daily);
  plan_sizes(&daily);
  plan_times(&daily, &dataset);
  plan_versions(&daily);
  dataset.checksums = ordinal % 400 == 7;
  if (dataset.checksums)
    dataset.header = "# start, stop, datakey, filesize, checksum, checksum_algorithm, records";
  else if (ordinal % 7 == 3)
    dataset.header = "# start, stop, datakey, filesize";
  dataset.modified = gen_day_of_year(daily.last_year + 1) + 5 + ordinal % 50;
  if (ordinal % 3 == 0) {
    snprintf(extra, sizeof extra,
             "      \"resource\": \"https://cdaweb.gsfc.nasa.gov/misc/Notes.html#%s\",\n      \"tags\": [\"%s\"],\n",
             dataset.id, mission->name);
    dataset.extra_json = extra;
  }
  uint32_t years = bucket->amount[GEN_DAILY].years;
  for (int year = daily.first_year; year <= daily.last_year; year++) {
    bool gap = false;
    for (int i = 0; i < daily.gap_count; i++)
      gap |= daily.gaps[i] == year;
    if (!gap && (years == 0 || year > daily.last_year - (int)years) &&
        write_year(bucket, &dataset, &daily, year) != HDX_OK)
      return bucket->tree.status;
  }
  return gen_dataset_end(bucket, &dataset);
}
