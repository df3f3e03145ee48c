/* layer: job */
/* Index files of any catalog: what they are called, where they are fetched from and kept. A name is made of index, id
 * and year alone; what the network says leads to no file of this machine, and of a copy to nothing beside it; what is
 * kept lies in the folder of its dataset; the other name of a file is found and left again.
 *
 * The names are put together here once more. The input's first byte: where the catalog is from (bits 0-1), whether
 * files are zipped (2), which of the kept files there are (3-4), whether only unknown years are asked for (5). Then two
 * bytes of the year, the id, a byte 0xff and the index. */
#include "scripted_curl.h"

#include "job/index.h"

#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_BYTES_MAX = 3000, NAME_BYTES = 8192, ENGINE_RUNS = 500 };

static char folder[] = "/tmp/hdx-fuzz-year-name-XXXXXX";
/* A bucket of AWS, one of another server, a copy that a web server has, and one on a disk. */
static const char *const sources[] = {"s3://bucket/p/", "s3://bucket/", "http://copy.example/d/", "file:///copy/d/"};
enum { AWS, OTHER, COPY, DISK, SOURCE_COUNT };

static struct hdx_session *session;
static struct hdx_catalog catalogs[SOURCE_COUNT];

static void check_request(const struct easy *easy) {
  (void)easy;
  abort(); /* nothing is asked for */
}

/* ---- beforehand ---- */

static void clean_up(void) {
  char command[100];
  if (session->engine)
    hdx_engine_close(session->engine);
  session->engine = NULL;
  hdx_session_close(session);
  snprintf(command, sizeof command, "rm -rf %s", folder);
  CHECK(system(command) == 0);
}

static void put_file(const char *path, bool is_folder) {
  char whole[200];
  snprintf(whole, sizeof whole, "%s/%s", folder, path);
  if (is_folder) {
    CHECK(mkdir(whole, 0700) == 0);
    return;
  }
  FILE *file = fopen(whole, "w");
  CHECK(file && fclose(file) == 0);
}

static void set_up(void) {
  struct hdx_config config;
  CHECK(mkdtemp(folder));
  put_file("kept", true);
  put_file("kept/kept_2000.csv", false);
  put_file("kept/kept_2001.csv.gz", false);
  put_file("kept/kept_2002.csv.zip", false);
  put_file("kept/kept_2003.csv", true);
  put_file("outside", false);
  clearenv();
  hdx_config_init(&config);
  config.store = folder;
  config.registry_url = "file:///nonexistent.json";
  config.sign = HDX_SIGN_NEVER;
  CHECK(hdx_session_open(&config, &session, NULL) == HDX_OK && atexit(clean_up) == 0);
  for (size_t i = 0; i < SOURCE_COUNT; i++) {
    const struct hdx_source_options options = {.region = HDX_TEXT("us-east-1"),
                                               .endpoint_url = i == OTHER ? "https://s3.example" : NULL};
    struct hdx_arena *arena = &catalogs[i].arena;
    hdx_arena_init(arena, SIZE_MAX);
    CHECK(hdx_source_init(&catalogs[i].source, hdx_text_of(sources[i]), &options, arena, NULL) == HDX_OK);
    CHECK(hdx_source_adopt(&catalogs[i].source, HDX_TEXT("s3://bucket/p/"), HDX_TEXT("bucket"), arena, NULL) == HDX_OK);
  }
}

/* An engine remembers each bucket that it has seen: now and then there is a new one. */
static void renew_engine(void) {
  static unsigned runs;
  struct hdx_engine_options options = {
      .jobs = 1, .connections_per_host = 1, .part_bytes = 1 << 20, .memory_bytes = 16 << 20, .sign = HDX_SIGN_NEVER};
  if (session->engine && runs++ % ENGINE_RUNS)
    return;
  if (session->engine)
    hdx_engine_close(session->engine);
  CHECK(hdx_engine_open(&options, &session->engine, NULL) == HDX_OK);
}

/* ---- what is right ---- */

static struct hdx_text file_name(const struct hdx_year_job *year, const char *ending, char name[NAME_BYTES]) {
  struct hdx_text id = year->dataset->dataset->id;
  char number[16];
  snprintf(number, sizeof number, "%04d", year->year);
  int size = snprintf(name, NAME_BYTES, "%.*s_%s.%s%s", (int)id.size, id.data, year->year ? number : "static", ending,
                      year->gzipped ? ".gz" : "");
  return (struct hdx_text){name, (size_t)size};
}

/* Components "..", percent-encoded or not: whoever resolves the URL would leave where it leads. */
static bool climbs(struct hdx_text path) {
  char plain[NAME_BYTES] = "";
  size_t size = 0;
  CHECK(path.size < sizeof plain);
  for (size_t i = 0; i < path.size; i++)
    if (path.size - i >= 3 && path.data[i] == '%' && path.data[i + 1] == '2' && (path.data[i + 2] | 32) == 'e') {
      plain[size++] = '.';
      i += 2;
    } else {
      plain[size++] = path.data[i];
    }
  for (size_t from = 0, to; from <= size; from = to + 1) {
    for (to = from; to < size && plain[to] != '/'; to++)
      continue;
    if (to - from == 2 && plain[from] == '.' && plain[from + 1] == '.')
      return true;
  }
  return false;
}

static void check_target(const struct hdx_year_job *year, size_t source) {
  struct hdx_text index = year->dataset->dataset->index, url = hdx_text_of(year->target.url);
  struct hdx_text location = hdx_text_of(year->location);
  struct hdx_url parsed;
  bool s3 = strncasecmp(index.data, "s3://", 5) == 0;
  bool of_bucket = s3 && strncmp(index.data + 5, "bucket/", 7) == 0;
  CHECK(strncasecmp(year->target.url, "http", 4) == 0 || source == DISK);
  CHECK(hdx_url_parse_location(url, &parsed, NULL) == HDX_OK);
  CHECK(!hdx_url_link_local(parsed.host) || source == DISK);
  if (year->target.bucket) { /* the key is what follows the bucket, byte for byte */
    CHECK(s3);
    const char *slash = memchr(location.data + 5, '/', location.size - 5);
    CHECK(slash &&
          hdx_text_equal(year->target.key, hdx_text_sub(location, (size_t)(slash + 1 - location.data), location.size)));
    return;
  }
  if ((source == COPY || source == DISK) && of_bucket) {
    struct hdx_text base = hdx_text_of(sources[source]);
    CHECK(hdx_text_starts_with(url, base) && !climbs(hdx_text_sub(url, base.size, url.size)));
  }
}

static void check_name(const struct hdx_year_job *year, size_t source, const char *ending) {
  const struct hdx_dataset *dataset = year->dataset->dataset;
  char name[NAME_BYTES], path[NAME_BYTES + 200];
  struct hdx_text text = file_name(year, ending, name), location = hdx_text_of(year->location);
  CHECK(hdx_text_starts_with(location, dataset->index) &&
        hdx_text_equal(hdx_text_sub(location, dataset->index.size, location.size), text));
  CHECK(!memchr(name, '/', text.size));
  snprintf(path, sizeof path, "%s/%.*s/%s", folder, (int)dataset->id.size, dataset->id.data, name);
  CHECK(year->keep_path && strcmp(year->keep_path, path) == 0);
  check_target(year, source);
}

/* The other name, and back. */
static void check_change(struct hdx_year_job *year, size_t source, const char *ending) {
  char *location = strdup(year->location), *url = strdup(year->target.url);
  bool gzipped = year->gzipped;
  CHECK(location && url);
  if (hdx_year_has_other_name(year)) {
    CHECK(strcmp(ending, "csv") == 0);
    for (int turn = 0; turn < 2; turn++)
      if (hdx_year_change_name(year, NULL) == HDX_OK)
        check_name(year, source, ending);
  }
  CHECK(year->gzipped == gzipped && strcmp(year->location, location) == 0 && strcmp(year->target.url, url) == 0);
  free(location);
  free(url);
}

static bool is_kept(const struct hdx_year_job *year, const char *ending, bool gzipped) {
  static const char *const kept[] = {"kept_2000.csv", "kept_2001.csv.gz", "kept_2002.csv.zip"};
  struct hdx_year_job other = *year;
  char name[NAME_BYTES];
  other.gzipped = gzipped;
  file_name(&other, ending, name);
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
    if (hdx_text_is(year->dataset->dataset->id, "kept") && strcmp(name, kept[i]) == 0)
      return true;
  return false;
}

static void check_kept(struct hdx_year_job *year, const char *ending, bool unknown_only) {
  char expected[NAME_BYTES + 200], name[NAME_BYTES];
  bool own = is_kept(year, ending, year->gzipped), csv = strcmp(ending, "csv") == 0;
  bool other = csv && is_kept(year, ending, !year->gzipped), gzipped = year->gzipped;
  if (hdx_year_find_kept(year, NULL) != HDX_OK)
    return;
  CHECK(year->cached == (unknown_only && (own || other)));
  CHECK(year->gzipped == (year->cached && !own ? !gzipped : gzipped));
  if (!year->cached)
    return;
  file_name(year, ending, name);
  snprintf(expected, sizeof expected, "file://%s/kept/%s", folder, name);
  CHECK(strcmp(year->target.url, expected) == 0 && !year->target.bucket);
  CHECK(hdx_year_forget_kept(year, NULL) == HDX_OK && !year->cached);
}

/* ---- the input ---- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hdx_error error = {.message = ""};
  struct hdx_url parsed;
  if (size < 4 || size > INPUT_BYTES_MAX)
    return 0;
  if (!session)
    set_up();
  memset(&net, 0, sizeof net);
  renew_engine();
  struct hdx_text text = {(const char *)data + 3, size - 3};
  const char *end = memchr(text.data, 0xff, text.size);
  if (!end)
    return 0;
  size_t source = data[0] & 3;
  const char *ending = data[0] & 4 ? "csv.zip" : "csv";
  struct hdx_dataset dataset = {.id = {text.data, (size_t)(end - text.data)},
                                .index = hdx_text_sub(text, (size_t)(end + 1 - text.data), text.size),
                                .indextype = data[0] & 4 ? HDX_TEXT("csv-zip") : HDX_TEXT("csv")};
  /* What a catalog lets pass. */
  if (!hdx_dataset_id(dataset.id) || hdx_url_parse(dataset.index, &parsed, NULL) != HDX_OK || parsed.query.size ||
      dataset.index.data[dataset.index.size - 1] != '/')
    return 0;
  struct hdx_index_run run = {.session = session, .catalog = &catalogs[source], .keep_folder = folder};
  struct hdx_dataset_job job = {.run = &run, .dataset = &dataset};
  struct hdx_year_job year = {.dataset = &job, .year = (data[1] | data[2] << 8) % 10000, .gzipped = data[0] & 8};
  if (data[0] & 4)
    year.gzipped = false;
  run.unknown_only = data[0] & 32;
  if (hdx_year_locate(&year, &error) == HDX_OK) {
    check_name(&year, source, ending);
    check_change(&year, source, ending);
    check_kept(&year, ending, run.unknown_only);
  } else {
    CHECK(error.message[0] && !year.location && !year.keep_path && !year.target.url);
  }
  hdx_year_forget_name(&year);
  return 0;
}
