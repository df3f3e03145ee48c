#include "unit/cli/fake_heliodex.h"

#include <fnmatch.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define T(literal)                                                                                                     \
  { literal, sizeof(literal) - 1 }
#define FIRST_NS INT64_C(1577836800000000000) /* 2020-01-01 */
#define STEP_NS INT64_C(240000000000)

struct fake fake;

struct hdx_session {
  struct hdx_config config;
  atomic_bool cancelled;
};

struct hdx_registry {
  int unused;
};

struct hdx_catalog {
  int unused;
};

struct hdx_query {
  struct hdx_query_info info;
  struct hdx_session *session;
  uint64_t next, rows;
};

void fake_reset(void) {
  fake = (struct fake){.message = "it was arranged to fail", .rows = 3, .snapshots = 3, .hits = 2};
}

static enum hdx_status fail(struct hdx_error *error, enum hdx_status status) {
  if (error) {
    error->status = status;
    snprintf(error->message, sizeof error->message, "%s", fake.message);
  }
  return status;
}

void hdx_config_init(struct hdx_config *config) {
  *config = (struct hdx_config){.jobs = 256,
                                .connections_per_host = 256,
                                .retries = 8,
                                .part_bytes = 8 << 20,
                                .memory_bytes = 256 << 20,
                                .catalog_bytes_max = 64 << 20,
                                .retry_ms_max = 300000,
                                .stall_ms_max = 30000,
                                .connect_ms_max = 15000,
                                .progress_ms = 100};
}

enum hdx_status hdx_session_open(const struct hdx_config *config, struct hdx_session **session,
                                 struct hdx_error *error) {
  fake.config = *config;
  if (fake.open_status != HDX_OK)
    return fail(error, fake.open_status);
  if (fake.raises)
    raise(SIGTERM);
  *session = calloc(1, sizeof **session);
  (*session)->config = *config;
  return HDX_OK;
}

void hdx_session_close(struct hdx_session *session) {
  free(session);
}

void hdx_session_cancel(struct hdx_session *session) {
  atomic_store(&session->cancelled, true);
}

const char *hdx_session_store(const struct hdx_session *session) {
  (void)session;
  return "/the/store";
}

void hdx_session_stats(struct hdx_session *session, struct hdx_stats *stats) {
  static const struct hdx_host_stats host = {"http://127.0.0.1:8000", 12, 2, 3456, 1, {1.5, 2.5, 3.5}, {10, 20, 30.25}};
  (void)session;
  *stats = (struct hdx_stats){12, 2, 10, 3456, 1, 0, &host, 1};
}

static const struct hdx_registry_entry entries[] = {
    {T("s3://one/"), T("One"), T("us-east-1"), T("aws")},
    {T("s3://two/"), T("Two, \"too\""), T("us-west-2"), T("aws")},
    {T("s3://two-b/"), T("Two, \"too\""), T("eu-west-1"), T("gcs")},
};

enum hdx_status hdx_registry_load(struct hdx_session *session, struct hdx_registry **registry,
                                  struct hdx_error *error) {
  static struct hdx_registry one;
  (void)session;
  (void)error;
  *registry = &one;
  return HDX_OK;
}

void hdx_registry_close(struct hdx_registry *registry) {
  (void)registry;
}

size_t hdx_registry_count(const struct hdx_registry *registry) {
  (void)registry;
  return sizeof entries / sizeof *entries;
}

const struct hdx_registry_entry *hdx_registry_at(const struct hdx_registry *registry, size_t i) {
  (void)registry;
  return &entries[i];
}

const char *hdx_registry_url(const struct hdx_registry *registry) {
  (void)registry;
  return "http://registry.example/r.json";
}

enum hdx_status hdx_registry_allowed(const struct hdx_registry *registry, size_t i, struct hdx_error *error) {
  (void)registry;
  (void)i;
  (void)error;
  return HDX_OK;
}

enum hdx_status hdx_registry_endpoint(const struct hdx_registry *registry, const char *name, const char *region_prefix,
                                      bool first, struct hdx_text *endpoint, struct hdx_error *error) {
  (void)registry;
  size_t found = 0;
  for (size_t i = 0; i < 3; i++)
    if (strncmp(entries[i].name.data, name, strlen(name) + 1) == 0 &&
        strncmp(entries[i].region.data, region_prefix, strlen(region_prefix)) == 0 && (found++ == 0 || !first))
      *endpoint = entries[i].endpoint;
  if (found == 0)
    return fail(error, HDX_NOT_FOUND);
  return found == 1 || first ? HDX_OK : fail(error, HDX_USAGE);
}

void hdx_list_options_init(struct hdx_list_options *options) {
  *options = (struct hdx_list_options){.recursive = false};
}

enum hdx_status hdx_list(struct hdx_session *session, const char *location, const struct hdx_list_options *options,
                         uint64_t *count, struct hdx_error *error) {
  static const struct hdx_object objects[] = {
      {.key = T("p/a b.csv"), .size = 1234, .modified = 1484438400000000000, .etag = T("\"0123\"")},
      {.key = T("p/sub/"), .folder = true, .size = -1, .modified = HDX_TIME_NONE},
  };
  (void)session;
  (void)location;
  if (options->start_after && strcmp(options->start_after, "p/z") == 0)
    return fail(error, HDX_EMPTY);
  for (size_t i = 0; i < 2 && (!options->limit || i < options->limit) && !(options->recursive && i); i++)
    options->object(options->user, &objects[i]);
  if (count)
    *count = 2;
  return HDX_OK;
}

static const struct hdx_dataset datasets[] = {
    {.id = T("aia_0094"),
     .start = FIRST_NS,
     .stop = FIRST_NS + STEP_NS,
     .modification = T("2020-01-01T00:00Z"),
     .modified = FIRST_NS,
     .tags = T("[\"euv\"]"),
     .title = T("AIA, 94 \xc3\x85"),
     .index = T("s3://one/aia/"),
     .start_text = T("2010-05-13T00:00Z"),
     .stop_text = T("2022-12-31T23:59Z"),
     .indextype = T("csv"),
     .collections = T("[\"SDO\", \"solar\"]"),
     .json = T("{\n  \"id\": \"aia_0094\",\n  \"say\": \"a \\\" b\"\n}")},
    {.id = T("aia_0131"),
     .start = FIRST_NS - STEP_NS,
     .stop = FIRST_NS,
     .modified = FIRST_NS - 1,
     .index = T("https://two/AIA/"),
     .title = T("AIA \x1b[31mred"),
     .start_text = T("2010-05-13T00:00Z"),
     .stop_text = T("2022-12-31T23:59Z"),
     .indextype = T("csv"),
     .json = T("{}")},
    {.id = T("MMS1_FEEPS"),
     .start = HDX_TIME_NONE,
     .stop = HDX_TIME_NONE,
     .modified = HDX_TIME_NONE,
     .index = T("s3://one/mms/"),
     .title = T("MMS"),
     .start_text = T("2015"),
     .stop_text = T("2021"),
     .json = T("{}")},
};

enum hdx_status hdx_catalog_load(struct hdx_session *session, const char *bucket, struct hdx_catalog **catalog,
                                 struct hdx_error *error) {
  static struct hdx_catalog one;
  (void)session;
  snprintf(fake.bucket, sizeof fake.bucket, "%s", bucket);
  if (fake.catalog_status != HDX_OK)
    return fail(error, fake.catalog_status);
  *catalog = &one;
  return HDX_OK;
}

void hdx_catalog_close(struct hdx_catalog *catalog) {
  (void)catalog;
}

size_t hdx_catalog_count(const struct hdx_catalog *catalog) {
  (void)catalog;
  return sizeof datasets / sizeof *datasets;
}

const struct hdx_dataset *hdx_catalog_at(const struct hdx_catalog *catalog, size_t i) {
  (void)catalog;
  return &datasets[i];
}

const char *hdx_catalog_url(const struct hdx_catalog *catalog) {
  (void)catalog;
  return "s3://one/catalog.json";
}

int64_t hdx_catalog_checked_at(const struct hdx_catalog *catalog) {
  (void)catalog;
  return FIRST_NS;
}

struct hdx_text hdx_catalog_member(const struct hdx_catalog *catalog, const char *name) {
  (void)catalog;
  if (strcmp(name, "version") == 0)
    return (struct hdx_text)T("0.5");
  return strcmp(name, "status") == 0 ? (struct hdx_text)T("1200 OK") : (struct hdx_text)T("");
}

enum hdx_status hdx_dataset_in_collection(const struct hdx_dataset *dataset, const char *glob, bool *found,
                                          struct hdx_error *error) {
  (void)error;
  *found = dataset->collections.size && fnmatch(glob, "SDO", 0) == 0;
  return HDX_OK;
}

void hdx_catalog_members(const struct hdx_catalog *catalog, const struct hdx_dataset *dataset,
                         void (*visit)(void *user, const struct hdx_member *member), void *user) {
  static const struct hdx_member members[] = {
      {.name = T("id"), .value = T("aia_0094"), .text = true, .known = true},
      {.name = T("say"), .value = T("a \" b"), .text = true},
      {.name = T("\x1b[2J"), .value = T("{\"deep\": [1, 2]}")},
  };
  (void)catalog;
  (void)dataset;
  for (size_t i = 0; i < sizeof members / sizeof *members; i++)
    visit(user, &members[i]);
}

struct hdx_search {
  int unused;
};

enum hdx_status hdx_search(struct hdx_session *session, const struct hdx_search_options *options,
                           struct hdx_search **search, struct hdx_error *error) {
  static struct hdx_search one;
  (void)session;
  snprintf(fake.search, sizeof fake.search, "%s|%s|", options->id ? options->id : "",
           options->title ? options->title : "");
  for (size_t i = 0; i < options->word_count; i++)
    snprintf(fake.search + strlen(fake.search), sizeof fake.search - strlen(fake.search), "%s ", options->words[i]);
  *search = fake.search_status == HDX_TEMPORARY ? NULL : &one;
  if (fake.search_status == HDX_OK && !fake.hits)
    return fail(error, HDX_EMPTY);
  return fake.search_status == HDX_OK ? HDX_OK : fail(error, fake.search_status);
}

void hdx_search_close(struct hdx_search *search) {
  (void)search;
}

size_t hdx_search_count(const struct hdx_search *search) {
  (void)search;
  return fake.hits;
}

const struct hdx_search_hit *hdx_search_at(const struct hdx_search *search, size_t i) {
  static const struct hdx_search_hit hits[] = {{&entries[1], &datasets[1], 3}, {&entries[0], &datasets[0], 1}};
  (void)search;
  return &hits[i];
}

size_t hdx_search_failure_count(const struct hdx_search *search) {
  (void)search;
  return fake.search_status == HDX_PARTIAL;
}

const struct hdx_search_failure *hdx_search_failure(const struct hdx_search *search, size_t i) {
  static const struct hdx_search_failure failure = {&entries[2], HDX_DENIED, "403\nForbidden"};
  (void)search;
  (void)i;
  return &failure;
}

enum hdx_status hdx_probe(struct hdx_session *session, const char *bucket, const char *id, struct hdx_probe **probe,
                          struct hdx_error *error) {
  static struct hdx_probed_file files[] = {
      {2019, HDX_YEAR_PRESENT, "s3://one/aia/aia_0131_2019.csv", 5000, "\"e1\"", "Wed, 01 Jan 2020", ""},
      {2020, HDX_YEAR_GAP, "s3://one/aia/aia_0131_2020.csv", UINT64_MAX, "", "", ""},
      {2021, HDX_YEAR_PRESENT, "s3://one/aia/aia_0131_2021.csv", 5001, "", "", ""},
  };
  static struct hdx_probe found;
  (void)session;
  (void)bucket;
  fake.probe_calls++;
  snprintf(fake.id, sizeof fake.id, "%s", id);
  if (fake.probe_status != HDX_OK)
    return fail(error, fake.probe_status);
  if (fake.unasked) {
    files[2].state = HDX_YEAR_FAILED;
    files[2].message = "503 Slow Down";
  }
  found = (struct hdx_probe){.count = 3,
                             .files = files,
                             .has_row = true,
                             .start = FIRST_NS,
                             .stop = FIRST_NS + 500000000,
                             .size = 17,
                             .key = T("s3://one/a.fits"),
                             .form = "csv, header",
                             .message = ""};
  *probe = &found;
  return HDX_OK;
}

void hdx_probe_free(struct hdx_probe *probe) {
  (void)probe;
}

enum hdx_status hdx_catalog_find(const struct hdx_catalog *catalog, const char *id, const struct hdx_dataset **dataset,
                                 struct hdx_error *error) {
  (void)catalog;
  for (size_t i = 0; i < 3; i++)
    if (strcmp(datasets[i].id.data, id) == 0) {
      *dataset = &datasets[i];
      return HDX_OK;
    }
  return fail(error, HDX_NOT_FOUND);
}

const char *hdx_year_state_name(enum hdx_year_state state) {
  static const char *const names[] = {"present", "gap", "stale", "vanished", "failed"};
  return names[state];
}

const char *hdx_parameter_type_name(enum hdx_parameter_type type) {
  static const char *const names[] = {"", "string", "int", "double"};
  return names[type];
}

void hdx_index_options_init(struct hdx_index_options *options) {
  *options = (struct hdx_index_options){.start = HDX_TIME_NONE, .stop = HDX_TIME_NONE, .bad_rows_max = 777};
}

enum hdx_status hdx_index(struct hdx_session *session, const char *bucket, const char *const *globs, size_t glob_count,
                          const struct hdx_index_options *options, struct hdx_index_summary *summary,
                          struct hdx_error *error) {
  static const struct hdx_text aia = T("aia_0131"), mms = T("MMS1_FEEPS"); /* years of datasets come mixed */
  fake.index_options = *options;
  fake.index_calls++;
  snprintf(fake.bucket, sizeof fake.bucket, "%s", bucket);
  fake.globs[0] = 0;
  for (size_t i = 0; i < glob_count; i++)
    snprintf(fake.globs + strlen(fake.globs), sizeof fake.globs - strlen(fake.globs), "%s ", globs[i]);
  *summary = (struct hdx_index_summary){.datasets = 2,
                                        .files = 1 + fake.failing_items,
                                        .files_fetched = 1,
                                        .files_failed = fake.failing_items,
                                        .rows_bad = fake.bad_rows,
                                        .repairs = 3 * fake.bad_rows,
                                        .duplicates = 4 * fake.bad_rows,
                                        .files_unsorted = fake.bad_rows ? 1 : 0,
                                        .stale = fake.failing_items / 2,
                                        .rows = 1496151,
                                        .rows_fetched = 1496151,
                                        .bytes = 1 << 30,
                                        .snapshot_bytes = 1 << 20,
                                        .elapsed_ns = 2000000000};
  struct hdx_index_item item = {.bucket = "s3://one/",
                                .id = T("aia_0094"),
                                .year = 2020,
                                .state = HDX_YEAR_PRESENT,
                                .url = "s3://one/aia/aia_0094_2020.csv",
                                .message = "",
                                .rows = 131040,
                                .bytes = 1000};
  options->item(options->user, &item);
  for (uint64_t i = 0; i < fake.failing_items; i++) {
    item = (struct hdx_index_item){.bucket = "s3://one/",
                                   .id = i % 3 == 2 ? mms : aia,
                                   .year = (int)(1990 + i),
                                   .state = i % 2 ? HDX_YEAR_STALE : HDX_YEAR_FAILED,
                                   .status = HDX_TEMPORARY,
                                   .url = "s3://one/aia/x.csv",
                                   .message = "503\nSlow \x1b[2J Down"};
    options->item(options->user, &item);
  }
  const struct hdx_bad_row bad = {.bucket = "s3://one/",
                                  .id = aia,
                                  .year = 2020,
                                  .url = "s3://one/aia/x.csv",
                                  .line = 7,
                                  .byte = 1234,
                                  .column = 26,
                                  .reason = "stop: expected a time, found '\"x\"'"};
  for (size_t i = 0; options->bad_row && i < fake.bad_rows; i++)
    options->bad_row(options->user, &bad);
  for (uint64_t tick = 1; fake.waits && !atomic_load(&session->cancelled); tick++) {
    struct hdx_progress now = {
        .files_done = tick, .files_total = 1000, .bytes = tick << 20, .elapsed_ns = tick * 1000000000};
    if (session->config.progress)
      session->config.progress(session->config.progress_user, &now);
    usleep(2000);
  }
  if (atomic_load(&session->cancelled))
    return fail(error, HDX_INTERRUPTED);
  return fake.index_status == HDX_OK ? HDX_OK : fail(error, fake.index_status);
}

void hdx_query_options_init(struct hdx_query_options *options) {
  *options = (struct hdx_query_options){.start = HDX_TIME_NONE, .stop = HDX_TIME_NONE, .min_size = -1, .max_size = -1};
}

enum hdx_status hdx_query_open(struct hdx_session *session, const char *bucket, const char *id,
                               const struct hdx_query_options *options, struct hdx_query **query,
                               struct hdx_error *error) {
  static const struct hdx_text names[] = {T("checksum"), T("say, what"), T("id"), T("id_2"), T("start")};
  static const struct hdx_parameter parameters[5] = {{.type = HDX_PARAMETER_STRING}};
  fake.query_options = *options;
  fake.where[0] = 0;
  for (size_t i = 0; i < options->where_count; i++)
    snprintf(fake.where + strlen(fake.where), sizeof fake.where - strlen(fake.where), "%s %d %s; ",
             options->wheres[i].column, (int)options->wheres[i].operation, options->wheres[i].value);
  fake.keys[0] = 0;
  for (size_t i = 0; i < options->key_count; i++)
    snprintf(fake.keys + strlen(fake.keys), sizeof fake.keys - strlen(fake.keys), "%s ", options->keys[i]);
  for (size_t i = 0; i < options->key_exclude_count; i++)
    snprintf(fake.keys + strlen(fake.keys), sizeof fake.keys - strlen(fake.keys), "!%s ", options->key_excludes[i]);
  snprintf(fake.bucket, sizeof fake.bucket, "%s", bucket);
  snprintf(fake.id, sizeof fake.id, "%s", id);
  if (fake.query_status != HDX_OK)
    return fail(error, fake.query_status);
  *query = calloc(1, sizeof **query);
  (*query)->session = session;
  (*query)->rows = options->limit && options->limit < fake.rows ? options->limit : fake.rows;
  (*query)->info = (struct hdx_query_info){.id = T("aia_0094"),
                                           .source = "s3://one/",
                                           .time_digits = 3,
                                           .checked_at = FIRST_NS,
                                           .extra_count = fake.extra_count,
                                           .extra_names = names,
                                           .extras = parameters,
                                           .incomplete_years = fake.incomplete_years,
                                           .dataset_count = 1};
  return HDX_OK;
}

enum hdx_status hdx_query_open_many(struct hdx_session *session, const char *bucket, const char *const *ids,
                                    size_t id_count, const struct hdx_query_options *options, struct hdx_query **query,
                                    struct hdx_error *error) {
  enum hdx_status status = hdx_query_open(session, bucket, ids[0], options, query, error);
  fake.globs[0] = 0;
  for (size_t i = 0; i < id_count; i++)
    snprintf(fake.globs + strlen(fake.globs), sizeof fake.globs - strlen(fake.globs), "%s ", ids[i]);
  if (status == HDX_OK)
    (*query)->info.failure_count = fake.failing_datasets;
  return status;
}

const struct hdx_query_info *hdx_query_dataset(const struct hdx_query *query, size_t i) {
  (void)i;
  return &query->info;
}

const struct hdx_query_failure *hdx_query_failure(const struct hdx_query *query, size_t i) {
  static const struct hdx_query_failure failure = {T("aia_0131"), HDX_TEMPORARY, "503 Slow Down"};
  (void)query;
  (void)i;
  return &failure;
}

enum hdx_status hdx_query_summary(struct hdx_query *query, size_t dataset, struct hdx_summary *summary,
                                  struct hdx_error *error) {
  (void)dataset;
  if (fake.next_status != HDX_OK)
    return fail(error, fake.next_status);
  *summary = (struct hdx_summary){query->rows, 5000, 1, query->rows ? FIRST_NS : HDX_TIME_NONE,
                                  query->rows ? FIRST_NS + STEP_NS : HDX_TIME_NONE};
  return HDX_OK;
}

enum hdx_status hdx_query_counts(struct hdx_query *query, size_t dataset, enum hdx_unit unit,
                                 void (*visit)(void *user, int64_t from, const struct hdx_summary *summary), void *user,
                                 struct hdx_error *error) {
  const struct hdx_summary some = {.rows = 2, .bytes = 5000, .size_missing = 1};
  (void)dataset;
  if (fake.next_status != HDX_OK)
    return fail(error, fake.next_status);
  if (query->rows) {
    visit(user, HDX_TIME_STATIC, &some);
    visit(user, HDX_TIME_STATIC + 1, &some); /* in 1677 */
    visit(user, FIRST_NS + (unit == HDX_UNIT_DAY ? 86400 * INT64_C(1000000000) : 0), &some);
  }
  return HDX_OK;
}

/* Published keys and those of https as they are; fetched, bucket and key behind a host, with blanks encoded. */
enum hdx_status hdx_query_location(struct hdx_query *query, size_t dataset, struct hdx_text key, enum hdx_location kind,
                                   struct hdx_text *location, struct hdx_error *error) {
  static char text[4096];
  (void)query;
  (void)dataset;
  int n = 0;
  if (fake.location_status != HDX_OK)
    return fail(error, fake.location_status);
  if (kind == HDX_LOCATION_PUBLISHED || key.data[0] == 'h') {
    *location = key;
    return HDX_OK;
  }
  n = snprintf(text, sizeof text, "https://host/");
  for (size_t i = strlen("s3://"); i < key.size; i++)
    n += snprintf(text + n, sizeof text - (size_t)n, key.data[i] == ' ' ? "%%20" : "%c", key.data[i]);
  *location = (struct hdx_text){text, (size_t)n};
  return HDX_OK;
}

void hdx_query_close(struct hdx_query *query) {
  free(query);
}

const struct hdx_query_info *hdx_query_info(const struct hdx_query *query) {
  return &query->info;
}

enum hdx_status hdx_query_next(struct hdx_query *query, struct hdx_batch *batch, struct hdx_error *error) {
  enum { BATCH = 1024 };
  static int64_t start[BATCH], stop[BATCH], size[BATCH];
  static struct hdx_text key[BATCH], sums[BATCH], says[BATCH];
  static const struct hdx_text *const extra[] = {sums, says, sums, says, sums};
  static char keys[BATCH][160];
  size_t count = 0;
  if (fake.next_status != HDX_OK && query->next > 0)
    return fail(error, fake.next_status);
  if (atomic_load(&query->session->cancelled))
    return fail(error, HDX_INTERRUPTED);
  for (; count < BATCH && query->next < query->rows; count++, query->next++) {
    int64_t from = FIRST_NS + (int64_t)query->next * STEP_NS;
    start[count] = from;
    stop[count] = from + 2500000000;
    size[count] = query->next % 3 == 2 ? -1 : 1742991;
    int n = snprintf(keys[count], sizeof keys[count],
                     "s3://gov-nasa-hdrl-data1/sdo/aia/20221231/0094/sdo_aia_h2_20221231T235600_0094_v%llu.fits",
                     (unsigned long long)query->next);
    key[count] = fake.key.size ? fake.key : (struct hdx_text){keys[count], (size_t)n};
    sums[count] = (struct hdx_text)T("abc");
    says[count] = query->next % 2 ? (struct hdx_text)T("") : (struct hdx_text)T("a,\"b\"");
  }
  *batch = (struct hdx_batch){count, start, stop, size, key, fake.extra_count, extra, NULL};
  return HDX_OK;
}

static const struct hdx_year years[] = {
    {.year = 2019,
     .state = HDX_YEAR_PRESENT,
     .url = "s3://one/aia/aia_0094_2019.csv",
     .etag = "\"e1\"",
     .last_modified = "Mon, 01 Jan 2020",
     .reason = "",
     .checked_at = FIRST_NS,
     .rows = 1000,
     .bad_rows = 2,
     .bytes = 5000,
     .form = "csv, header"},
    {.year = 2020,
     .state = HDX_YEAR_GAP,
     .url = "s3://one/aia/aia_0094_2020.csv",
     .etag = "",
     .last_modified = "",
     .reason = "",
     .checked_at = FIRST_NS,
     .form = ""},
};

static const struct hdx_snapshot_info snapshot = {.path = "/the/store/aws/one/aia_0094.hdx",
                                                  .source = "s3://one/",
                                                  .id = T("aia_0094"),
                                                  .rows = 1000,
                                                  .blocks = 1,
                                                  .file_bytes = 2048,
                                                  .size_sum = 1 << 30,
                                                  .first = FIRST_NS - 1000000000,
                                                  .last = FIRST_NS,
                                                  .time_digits = 3,
                                                  .year_count = 2,
                                                  .years = years};

enum hdx_status hdx_snapshot_info(struct hdx_session *session, const char *bucket, const char *id,
                                  struct hdx_snapshot_info **info, struct hdx_error *error) {
  (void)session;
  (void)bucket;
  if (strcmp(id, "aia_0094") != 0)
    return fail(error, HDX_NOT_FOUND);
  *info = malloc(sizeof **info);
  **info = snapshot;
  return HDX_OK;
}

void hdx_snapshot_info_free(struct hdx_snapshot_info *info) {
  free(info);
}

enum hdx_status
hdx_store_visit(struct hdx_session *session, const char *bucket, const char *const *ids, size_t id_count, bool deep,
                void (*visit)(void *user, const struct hdx_snapshot_info *info, const struct hdx_error *error),
                void *user, struct hdx_error *error) {
  (void)session;
  (void)deep;
  snprintf(fake.bucket, sizeof fake.bucket, "%s", bucket ? bucket : "(all)");
  snprintf(fake.id, sizeof fake.id, "%s", id_count ? ids[0] : "(all)");
  for (size_t i = 0; i < fake.snapshots; i++) {
    struct hdx_error broken = {HDX_INTEGRITY, "/the/store/aws/one/aia_0131.hdx: block 7: wrong checksum"};
    struct hdx_snapshot_info path_only = {.path = "/the/store/aws/one/aia_0131.hdx"};
    bool bad = fake.corrupt && i == 1;
    visit(user, bad ? &path_only : &snapshot, bad ? &broken : NULL);
  }
  if (fake.corrupt)
    return fail(error, HDX_INTEGRITY);
  return fake.visit_status == HDX_OK ? HDX_OK : fail(error, fake.visit_status);
}

enum hdx_status hdx_snapshot_columns(const struct hdx_snapshot_info *info, struct hdx_column_info **columns,
                                     size_t *count, struct hdx_error *error) {
  (void)info;
  (void)error;
  *columns = malloc(sizeof **columns);
  **columns = (struct hdx_column_info){"datakey", 250, "s3://one/{start:%Y}.fits (1)"};
  *count = 1;
  return HDX_OK;
}

void hdx_column_info_free(struct hdx_column_info *columns) {
  free(columns);
}

static const struct hdx_rule rules[] = {
    {"dataset-id", HDX_SEVERITY_ERROR, "an id with other characters than letters"},
    {"row-overlap", HDX_SEVERITY_NOTE, "a row that starts early"},
};

size_t hdx_rule_count(void) {
  return sizeof rules / sizeof *rules;
}

const struct hdx_rule *hdx_rule_at(size_t i) {
  return &rules[i];
}

const char *hdx_severity_name(enum hdx_severity severity) {
  static const char *const names[] = {"note", "warning", "error"};
  return names[severity];
}

void hdx_validate_options_init(struct hdx_validate_options *options) {
  *options = (struct hdx_validate_options){.findings_max = 20};
}

enum hdx_status hdx_validate(struct hdx_session *session, const char *target,
                             const struct hdx_validate_options *options, struct hdx_validate_summary *summary,
                             struct hdx_error *error) {
  (void)session;
  snprintf(fake.bucket, sizeof fake.bucket, "%s", target ? target : "(registry)");
  if (target && strcmp(target, "unreadable") == 0) {
    summary->unread = 1;
    return fail(error, HDX_DENIED);
  }
  const struct hdx_finding findings[] = {
      {HDX_SEVERITY_ERROR, "dataset-id", "s3://one/catalog.json", "$.catalog[3].id", 12, 5, T("a b"), T("a b"),
       "expected letters", 1},
      {HDX_SEVERITY_NOTE, "row-overlap", "s3://one/i/a_2020.csv", "", 7, 1, T("a"), T(""), "the row above", 1},
      {HDX_SEVERITY_NOTE, "row-overlap", "s3://one/i/a_2020.csv", "", 0, 0, T("a"), T(""), "41 more", 41},
  };
  for (size_t i = 0; i < sizeof findings / sizeof *findings; i++)
    options->finding(options->user, &findings[i]);
  *summary = (struct hdx_validate_summary){.errors = 1, .notes = 42, .documents = 1, .datasets = 4};
  summary->files = options->deep ? 9 : 0;
  return fail(error, HDX_PARTIAL);
}

enum hdx_status hdx_store_compare(struct hdx_session *session, const char *bucket, const char *const *ids,
                                  size_t id_count, void (*visit)(void *user, const struct hdx_comparison *comparison),
                                  void *user, struct hdx_error *error) {
  (void)session;
  snprintf(fake.bucket, sizeof fake.bucket, "%s", bucket);
  snprintf(fake.id, sizeof fake.id, "%s", id_count ? ids[0] : "(all)");
  struct hdx_comparison comparison = {
      .bucket = "s3://one/", .id = T("aia_0094"), .years = 2, .rows = 1000, .message = ""};
  visit(user, &comparison);
  if (fake.compare_status == HDX_OK)
    return HDX_OK;
  comparison.id = (struct hdx_text)T("aia_0131");
  comparison.status = fake.compare_status;
  comparison.differs = fake.compare_status == HDX_INTEGRITY;
  comparison.message = "2019: row 7 differs in stop (s3://one/a.fits)";
  visit(user, &comparison);
  return fail(error, fake.compare_status);
}

enum hdx_status hdx_store_remove(struct hdx_session *session, const char *bucket, const char *const *ids,
                                 size_t id_count, uint64_t *removed, struct hdx_error *error) {
  (void)session;
  snprintf(fake.bucket, sizeof fake.bucket, "%s", bucket ? bucket : "(all)");
  snprintf(fake.id, sizeof fake.id, "%s", id_count ? ids[0] : "(all)");
  *removed = 1;
  return fake.remove_status == HDX_OK ? HDX_OK : fail(error, fake.remove_status);
}

void hdx_version(struct hdx_version *version) {
  *version = (struct hdx_version){"0.1.0", "7.88.1", "1.44.2", "1.5.4", "3.1.1", "0.8.1", "avx2", "1.1"};
}
