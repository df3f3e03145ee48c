/* The answer to a range of one dataset: from its snapshot, after the years that it lacks were fetched. */
#include "job/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct hdx_query {
  struct hdx_session *session;
  struct hdx_arena arena;
  struct hdx_source source;
  struct hdx_query_options options;
  char *path;
  struct hdx_reader *reader;
  struct hdx_cursor *cursor;
  struct hdx_years years;              /* wanted */
  int64_t confirmed;                   /* when all years of the snapshot were */
  int64_t catalog_start, catalog_stop; /* as known last */
  bool multiyear;
  uint64_t handed_out;
  struct hdx_query_info info;
  /* of the run that fetched what was missing */
  enum hdx_status failure;
  char failure_message[HDX_ERROR_TEXT_MAX];
  struct year_failure *failures; /* in the arena */
};

/* Why a year could not be read just now. */
struct year_failure {
  struct year_failure *next;
  int year;
  struct hdx_text message;
};

void hdx_query_options_init(struct hdx_query_options *options) {
  *options = (struct hdx_query_options){.start = HDX_TIME_NONE, .stop = HDX_TIME_NONE, .match = HDX_MATCH_OVERLAP};
}

void hdx_query_close(struct hdx_query *query) {
  if (!query)
    return;
  hdx_cursor_close(query->cursor);
  hdx_reader_close(query->reader);
  hdx_arena_deinit(&query->arena);
  free(query->path);
  free(query);
}

static void want(struct hdx_query *query) {
  query->years = hdx_dataset_query_years(query->catalog_start, query->catalog_stop, query->multiyear, hdx_time_now(),
                                         query->options.start, query->options.stop);
}

static bool known(const struct hdx_reader *reader, int year) {
  const struct hdx_year *state = reader ? hdx_reader_year(reader, year) : NULL;
  return state && state->state != HDX_YEAR_FAILED;
}

static bool all_known(const struct hdx_query *query) {
  for (int year = query->years.first; year <= query->years.last; year++)
    if (!known(query->reader, year))
      return false;
  return true;
}

static enum hdx_status set_path(struct hdx_query *query, struct hdx_text id, struct hdx_error *error) {
  struct hdx_buffer path;
  size_t size;
  hdx_buffer_init(&path, HDX_URL_BYTES_MAX);
  hdx_store_snapshot_path(&query->session->store, query->source.folder, id, &path);
  hdx_buffer_append_byte(&path, 0);
  enum hdx_status status = hdx_buffer_status(&path, "the path of the snapshot", error);
  free(query->path);
  query->path = hdx_buffer_take(&path, &size);
  return status;
}

/* Opens the snapshot, if there is one, and takes what it says of the catalog. */
static enum hdx_status open_reader(struct hdx_query *query, struct hdx_text id, struct hdx_error *error) {
  hdx_reader_close(query->reader);
  query->reader = NULL;
  enum hdx_status status = hdx_dataset_open(query->path, &query->source, id, &query->reader, error);
  if (status == HDX_NOT_FOUND)
    return HDX_OK;
  if (status != HDX_OK)
    return status;
  const struct hdx_subject *subject = hdx_reader_subject(query->reader);
  query->catalog_start = subject->catalog_start;
  query->catalog_stop = subject->catalog_stop;
  query->multiyear = subject->multiyear;
  return HDX_OK;
}

/* Whether the kept catalog is newer than the snapshot: it may name further years. */
static bool catalog_is_newer(const struct hdx_query *query) {
  struct hdx_buffer path;
  struct stat catalog, snapshot;
  hdx_buffer_init(&path, HDX_URL_BYTES_MAX);
  hdx_store_path(&query->session->store, query->source.folder, hdx_text_of(query->session->config.catalog_name), &path);
  bool newer = stat(hdx_buffer_string(&path), &catalog) == 0 && stat(query->path, &snapshot) == 0 &&
               catalog.st_mtim.tv_sec > snapshot.st_mtim.tv_sec;
  hdx_buffer_deinit(&path);
  return newer;
}

static void on_item(void *user, const struct hdx_index_item *item) {
  struct hdx_query *query = user;
  struct year_failure *failure = item->status != HDX_OK ? hdx_arena_alloc(&query->arena, sizeof *failure) : NULL;
  if (failure) {
    *failure =
        (struct year_failure){query->failures, item->year, hdx_arena_copy(&query->arena, hdx_text_of(item->message))};
    query->failures = failure;
  }
  if (item->status == HDX_OK || hdx_status_graver(query->failure, item->status) != item->status)
    return;
  query->failure = item->status;
  snprintf(query->failure_message, sizeof query->failure_message, "%s", item->message);
}

/* Fetches the wanted years that are not known (all of them, if the session refreshes). */
static enum hdx_status fetch(struct hdx_query *query, const struct hdx_catalog *catalog,
                             const struct hdx_dataset *dataset, struct hdx_error *error) {
  struct hdx_index_options options;
  struct hdx_index_summary summary = {0};
  hdx_index_options_init(&options);
  options.item = on_item;
  options.user = query;
  struct hdx_index_run run = {.session = query->session,
                              .catalog = catalog,
                              .datasets = &dataset,
                              .dataset_count = 1,
                              .options = &options,
                              .query_years = &query->years,
                              .unknown_only = !query->session->config.refresh,
                              .summary = &summary};
  struct hdx_error failed = {0};
  enum hdx_status status = hdx_index_run(&run, &failed);
  /* A year that failed is told by the years that are wanted; here it ends the query only if nothing can be said. */
  if (status == HDX_INTERRUPTED || (status != HDX_OK && query->failure == HDX_OK)) {
    if (error)
      *error = failed;
    return status;
  }
  return open_reader(query, dataset->id, error);
}

static enum hdx_status offline(struct hdx_query *query, const char *id, struct hdx_error *error) {
  if (!query->reader)
    return hdx_error_set(error, HDX_NOT_FOUND, "%s%s: nothing is held of it, and offline", query->source.url.data, id);
  int first = 0;
  for (int year = query->years.last; year >= query->years.first; year--)
    if (!known(query->reader, year))
      first = year;
  bool before = query->options.start != HDX_TIME_NONE && first < hdx_time_year(query->options.start);
  return hdx_error_set(error, HDX_NOT_FOUND, "%s%s: the year %d is not held%s, and offline", query->source.url.data, id,
                       first, before ? " (its last files may reach into the range)" : "");
}

/* Asks the catalog for the dataset, and the network for what is missing. */
static enum hdx_status complete(struct hdx_query *query, const char *bucket, const char *id, struct hdx_error *error) {
  struct hdx_catalog *catalog;
  const struct hdx_dataset *dataset;
  bool refresh = query->session->config.refresh;
  enum hdx_status status = hdx_catalog_open(query->session, bucket, refresh, &catalog, error);
  if (status != HDX_OK)
    return status;
  status = hdx_catalog_find(catalog, id, &dataset, error);
  if (status == HDX_OK && !hdx_text_is(dataset->id, id)) {
    status = set_path(query, dataset->id, error); /* it was asked for in another letter case */
    if (status == HDX_OK)
      status = open_reader(query, dataset->id, error);
  }
  if (status == HDX_OK) {
    query->catalog_start = dataset->start;
    query->catalog_stop = dataset->stop;
    query->multiyear = dataset->multiyear;
    want(query);
    bool missing = refresh || !query->reader || !all_known(query);
    if (missing && !query->session->config.offline)
      status = fetch(query, catalog, dataset, error);
    /* The snapshot may be of an older catalog: the newer one counts. */
    query->catalog_start = dataset->start;
    query->catalog_stop = dataset->stop;
    query->multiyear = dataset->multiyear;
    want(query);
  }
  hdx_catalog_close(catalog);
  return status;
}

static const char *reason_of(const struct hdx_query *query, int year) {
  for (const struct year_failure *failure = query->failures; failure; failure = failure->next)
    if (failure->year == year && failure->message.data)
      return failure->message.data;
  return "the year is not held";
}

/* Years that were wanted and that nothing, or something old, is known of. */
static enum hdx_status check_years(struct hdx_query *query, const char *id, struct hdx_error *error) {
  for (int year = query->years.first; year <= query->years.last; year++) {
    const struct hdx_year *state = query->reader ? hdx_reader_year(query->reader, year) : NULL;
    bool readable = known(query->reader, year);
    if (readable && state->state == HDX_YEAR_STALE)
      hdx_log_write(&query->session->log, HDX_LOG_WARNING, "%s: the rows of %d are those of an earlier version: %s", id,
                    year, state->reason);
    if (!readable && query->options.allow_partial)
      hdx_log_write(&query->session->log, HDX_LOG_WARNING, "%s: the rows of %d are missing: %s", id, year,
                    state ? state->reason : reason_of(query, year));
    if (readable || query->options.allow_partial)
      continue;
    if (query->failure != HDX_OK)
      return hdx_error_set(error, query->failure, "%s", query->failure_message);
    return offline(query, id, error);
  }
  return HDX_OK;
}

/* What the info says of the years that are wanted now. */
static void fill_years(struct hdx_query *query) {
  query->info.checked_at = HDX_TIME_MAX;
  query->info.incomplete_years = 0;
  for (int year = query->years.first; year <= query->years.last; year++) {
    const struct hdx_year *state = hdx_reader_year(query->reader, year);
    int64_t at = state && state->checked_at > query->confirmed ? state->checked_at : query->confirmed;
    query->info.checked_at = at < query->info.checked_at ? at : query->info.checked_at;
    query->info.incomplete_years += !state || state->state == HDX_YEAR_FAILED || state->state == HDX_YEAR_STALE;
  }
  if (query->info.checked_at == HDX_TIME_MAX)
    query->info.checked_at = query->confirmed;
}

static void fill_info(struct hdx_query *query) {
  const struct hdx_snapshot_info *info = hdx_reader_info(query->reader);
  query->info.id = hdx_reader_subject(query->reader)->id;
  query->info.source = query->source.url.data;
  query->info.time_digits = info->time_digits;
  query->info.stop_made_up = info->stop_made_up;
  query->info.extra_count = info->extra_count;
  query->info.extra_names = info->extra_names;
  query->confirmed = hdx_dataset_confirmed(query->path);
  fill_years(query);
}

static struct hdx_range range_of(const struct hdx_query *query) {
  return (struct hdx_range){query->options.start, query->options.stop, query->options.match, query->years};
}

static enum hdx_status open_query(struct hdx_query *query, const char *bucket, const char *id,
                                  struct hdx_error *error) {
  struct hdx_session *session = query->session;
  enum hdx_status status = hdx_session_source(session, bucket, &query->arena, &query->source, error);
  bool proper = hdx_dataset_id(hdx_text_of(id));
  if (status == HDX_OK && proper)
    status = set_path(query, hdx_text_of(id), error);
  if (status == HDX_OK && proper)
    status = open_reader(query, hdx_text_of(id), error);
  if (status != HDX_OK)
    return status;
  want(query);
  bool held = query->reader && !session->config.refresh && all_known(query) && !catalog_is_newer(query);
  if (!held) {
    status = complete(query, bucket, id, error);
    /* Offline, a snapshot without its catalog still answers for the years that it knows. */
    if (status == HDX_NOT_FOUND && session->config.offline && query->reader)
      status = HDX_OK;
  }
  if (status == HDX_OK)
    status = check_years(query, id, error);
  if (status == HDX_OK && !query->reader)
    status = query->failure != HDX_OK ? hdx_error_set(error, query->failure, "%s", query->failure_message)
                                      : offline(query, id, error);
  if (status != HDX_OK)
    return status;
  fill_info(query);
  const struct hdx_range range = range_of(query);
  return hdx_cursor_open(query->reader, &range, &query->cursor, error);
}

enum hdx_status hdx_query_open(struct hdx_session *session, const char *bucket, const char *id,
                               const struct hdx_query_options *options, struct hdx_query **result,
                               struct hdx_error *error) {
  struct hdx_query *query = calloc(1, sizeof *query);
  if (!query)
    return hdx_error_memory(error, sizeof *query);
  query->session = session;
  hdx_query_options_init(&query->options);
  if (options)
    query->options = *options;
  query->catalog_start = query->catalog_stop = HDX_TIME_NONE;
  hdx_arena_init(&query->arena, 1 << 20);
  enum hdx_status status = open_query(query, bucket, id, error);
  if (status == HDX_OK)
    *result = query;
  else
    hdx_query_close(query);
  return status;
}

const struct hdx_query_info *hdx_query_info(const struct hdx_query *query) {
  return &query->info;
}

enum hdx_status hdx_query_next(struct hdx_query *query, struct hdx_batch *batch, struct hdx_error *error) {
  enum hdx_status status = hdx_cursor_next(query->cursor, batch, error);
  if (status != HDX_OK || !query->options.limit)
    return status;
  uint64_t left = query->options.limit - query->handed_out;
  if (batch->count > left)
    batch->count = (size_t)left;
  query->handed_out += batch->count;
  return HDX_OK;
}

static void rewind_query(struct hdx_query *query) {
  const struct hdx_range range = range_of(query);
  query->handed_out = 0;
  hdx_cursor_range(query->cursor, &range);
}

enum hdx_status hdx_query_range(struct hdx_query *query, int64_t start, int64_t stop, struct hdx_error *error) {
  const struct hdx_query_options before = query->options;
  const struct hdx_years years = query->years;
  query->options.start = start;
  query->options.stop = stop;
  want(query);
  if (!query->options.allow_partial && !all_known(query)) {
    query->options = before;
    query->years = years;
    return hdx_error_set(error, HDX_NOT_FOUND, "%.*s: the range needs years that are not held",
                         HDX_TEXT_ARG(query->info.id));
  }
  fill_years(query);
  rewind_query(query);
  return HDX_OK;
}

enum hdx_status hdx_query_count(struct hdx_query *query, uint64_t *rows, uint64_t *key_bytes, struct hdx_error *error) {
  struct hdx_batch batch;
  enum hdx_status status;
  uint64_t count = 0, bytes = 0;
  rewind_query(query);
  while ((status = hdx_query_next(query, &batch, error)) == HDX_OK && batch.count) {
    count += batch.count;
    for (size_t i = 0; i < batch.count; i++)
      bytes += batch.key[i].size;
  }
  rewind_query(query);
  if (status == HDX_OK) {
    *rows = count;
    *key_bytes = bytes;
  }
  return status;
}

static enum hdx_status fill_batch(const struct hdx_arrays *arrays, const struct hdx_batch *batch, uint64_t *rows,
                                  uint64_t *key_bytes, struct hdx_error *error) {
  for (size_t i = 0; i < batch->count; i++) {
    struct hdx_text key = batch->key[i];
    if (*rows == arrays->capacity)
      return hdx_error_set(error, HDX_LIMIT, "the arrays have room for %zu rows", arrays->capacity);
    if (arrays->keys && key.size > arrays->key_bytes_capacity - *key_bytes)
      return hdx_error_set(error, HDX_LIMIT, "the array of keys has room for %zu bytes", arrays->key_bytes_capacity);
    if (arrays->start)
      arrays->start[*rows] = batch->start[i];
    if (arrays->stop)
      arrays->stop[*rows] = batch->stop[i];
    if (arrays->size)
      arrays->size[*rows] = batch->size[i];
    if (arrays->keys && key.size)
      memcpy(arrays->keys + *key_bytes, key.data, key.size);
    *key_bytes += key.size;
    if (arrays->key_end)
      arrays->key_end[*rows] = *key_bytes;
    *rows += 1;
  }
  return HDX_OK;
}

enum hdx_status hdx_query_fill(struct hdx_query *query, const struct hdx_arrays *arrays, uint64_t *rows,
                               struct hdx_error *error) {
  struct hdx_batch batch;
  enum hdx_status status;
  uint64_t key_bytes = 0;
  *rows = 0;
  rewind_query(query);
  while ((status = hdx_query_next(query, &batch, error)) == HDX_OK && batch.count) {
    status = fill_batch(arrays, &batch, rows, &key_bytes, error);
    if (status != HDX_OK)
      break;
  }
  return status;
}
