/* The answer to a range of datasets: from their snapshots, after the years that they lack were fetched. */
#include "job/query.h"

#include "job/presign.h"
#include "snapshot/counts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  ARENA_BYTES_MAX = 64 << 20, /* what is asked, and what failed of some thousand datasets */
  COLUMNS_MAX = 1000          /* extra columns of all datasets: each has a place in every row that is merged */
};

/* ---- the question ---- */

void hdx_query_options_init(struct hdx_query_options *options) {
  *options = (struct hdx_query_options){
      .start = HDX_TIME_NONE, .stop = HDX_TIME_NONE, .match = HDX_MATCH_OVERLAP, .min_size = -1, .max_size = -1};
}

static bool copy_patterns(struct hdx_query *query, const char *const *patterns, size_t count,
                          const struct hdx_text **result, size_t *result_count) {
  struct hdx_text *list = hdx_arena_alloc(&query->arena, (count + 1) * sizeof *list);
  bool ok = list != NULL;
  for (size_t i = 0; ok && i < count; i++) {
    list[i] = hdx_arena_copy(&query->arena, hdx_text_of(patterns[i]));
    ok = list[i].data != NULL;
  }
  *result = list;
  *result_count = count;
  return ok;
}

static bool copy_conditions(struct hdx_query *query, const struct hdx_where *wheres, size_t count) {
  struct hdx_condition *list = hdx_arena_alloc(&query->arena, (count + 1) * sizeof *list);
  bool ok = list != NULL;
  for (size_t i = 0; ok && i < count; i++) {
    list[i] = (struct hdx_condition){.column = hdx_arena_copy(&query->arena, hdx_text_of(wheres[i].column)),
                                     .operation = wheres[i].operation,
                                     .value = hdx_arena_copy(&query->arena, hdx_text_of(wheres[i].value))};
    ok = list[i].column.data && list[i].value.data;
  }
  query->filter.conditions = list;
  query->filter.condition_count = count;
  return ok;
}

/* Takes what is asked over: the caller's strings may go. */
static enum hdx_status take_options(struct hdx_query *query, const struct hdx_query_options *options,
                                    struct hdx_error *error) {
  struct hdx_filter *filter = &query->filter;
  hdx_filter_init(filter);
  query->options = *options;
  filter->min_size = options->min_size < 0 ? -1 : options->min_size;
  filter->max_size = options->max_size < 0 ? -1 : options->max_size;
  if (!copy_patterns(query, options->keys, options->key_count, &filter->keys, &filter->key_count) ||
      !copy_patterns(query, options->key_excludes, options->key_exclude_count, &filter->key_excludes,
                     &filter->key_exclude_count) ||
      !copy_conditions(query, options->wheres, options->where_count))
    return hdx_error_set(error, HDX_LIMIT, "what is asked takes more than %d MiB", ARENA_BYTES_MAX >> 20);
  query->options.keys = query->options.key_excludes = NULL;
  query->options.wheres = NULL;
  return HDX_OK;
}

/* ---- what is known of the answer ---- */

static int by_name(const void *a, const void *b) {
  return hdx_text_compare(*(const struct hdx_text *)a, *(const struct hdx_text *)b);
}

/* The names of all extra columns, each once. */
static enum hdx_status unite_columns(struct hdx_query *query, struct hdx_error *error) {
  size_t most = 0, count = 0;
  for (size_t i = 0; i < query->part_count; i++)
    most += query->parts[i].info.extra_count;
  struct hdx_text *names = query->extra_names = calloc(most + 1, sizeof *names);
  if (!names)
    return hdx_error_memory(error, most * sizeof *names);
  for (size_t i = 0, n = 0; i < query->part_count; i++)
    for (size_t c = 0; c < query->parts[i].info.extra_count; c++)
      names[n++] = query->parts[i].info.extra_names[c];
  qsort(names, most, sizeof *names, by_name);
  for (size_t i = 0; i < most; i++)
    if (!count || !hdx_text_equal(names[count - 1], names[i]))
      names[count++] = names[i];
  query->extra_name_count = count;
  if (query->options.no_extras)
    return HDX_OK;
  if (count > COLUMNS_MAX)
    return hdx_error_set(error, HDX_LIMIT, "the datasets have more than %d different extra columns: ask for fewer",
                         COLUMNS_MAX);
  query->info.extra_count = count;
  query->info.extra_names = names;
  for (size_t i = 0; i < query->part_count; i++) {
    struct hdx_query_part *part = &query->parts[i];
    if (!part->info.extra_count)
      continue;
    part->columns = calloc(count + 1, sizeof *part->columns);
    if (!part->columns)
      return hdx_error_memory(error, count * sizeof *part->columns);
    for (size_t c = 0; c < count; c++) {
      part->columns[c] = SIZE_MAX;
      for (size_t k = 0; k < part->info.extra_count; k++)
        if (hdx_text_equal(part->info.extra_names[k], names[c]))
          part->columns[c] = k;
    }
  }
  return HDX_OK;
}

/* Takes what another dataset says over where nothing was said; what two of them disagree on is emptied, and `disputed`
 * has the text that keeps it so. */
static void agree_on_text(struct hdx_text *text, struct hdx_text other, bool *disputed) {
  if (!other.size || *disputed)
    return;
  *disputed = text->size && !hdx_text_equal(*text, other);
  *text = *disputed ? HDX_TEXT("") : other;
}

/* What the datasets that have a column, and say what it is, agree on. */
static struct hdx_parameter agree(const struct hdx_query *query, size_t column) {
  struct hdx_parameter agreed = {.units = HDX_TEXT(""), .description = HDX_TEXT("")};
  bool types = false, units = false, descriptions = false;
  for (size_t i = 0; i < query->part_count; i++) {
    const struct hdx_query_part *part = &query->parts[i];
    size_t place = hdx_query_column(part, column);
    if (place == SIZE_MAX)
      continue;
    const struct hdx_parameter *own = &part->info.extras[place];
    types |= own->type && agreed.type && own->type != agreed.type;
    agreed.type = own->type ? own->type : agreed.type;
    agree_on_text(&agreed.units, own->units, &units);
    agree_on_text(&agreed.description, own->description, &descriptions);
  }
  agreed.type = types ? HDX_PARAMETER_UNKNOWN : agreed.type;
  return agreed;
}

static enum hdx_status unite_extras(struct hdx_query *query, struct hdx_error *error) {
  query->extras = calloc(query->info.extra_count + 1, sizeof *query->extras);
  if (!query->extras)
    return hdx_error_memory(error, query->info.extra_count * sizeof *query->extras);
  for (size_t c = 0; c < query->info.extra_count; c++)
    query->extras[c] = agree(query, c);
  query->info.extras = query->extras;
  return HDX_OK;
}

/* The info of all datasets together, as far as the years that are wanted have to do with it. */
static void unite_years(struct hdx_query *query) {
  assert(query->parts && query->part_count);
  query->info.checked_at = query->parts[0].info.checked_at;
  query->info.incomplete_years = 0;
  for (size_t i = 0; i < query->part_count; i++) {
    const struct hdx_query_info *info = &query->parts[i].info;
    query->info.checked_at = info->checked_at < query->info.checked_at ? info->checked_at : query->info.checked_at;
    query->info.incomplete_years += info->incomplete_years;
  }
}

static enum hdx_status unite(struct hdx_query *query, struct hdx_error *error) {
  query->info.id = query->parts[0].id;
  query->info.source = query->source.url.data;
  query->info.dataset_count = query->part_count;
  for (size_t i = 0; i < query->part_count; i++) {
    struct hdx_query_info *info = &query->parts[i].info;
    info->dataset_count = 1;
    query->parts[i].query = query;
    query->info.time_digits = info->time_digits > query->info.time_digits ? info->time_digits : query->info.time_digits;
    query->info.stop_made_up |= info->stop_made_up;
  }
  unite_years(query);
  enum hdx_status status = unite_columns(query, error);
  return status == HDX_OK ? unite_extras(query, error) : status;
}

/* Conditions are on columns that there are. A dataset that cannot be read may have had the one that is missing. */
static enum hdx_status check_conditions(const struct hdx_query *query, struct hdx_error *error) {
  for (size_t n = 0; n < query->filter.condition_count; n++) {
    struct hdx_text column = query->filter.conditions[n].column;
    char list[HDX_ERROR_TEXT_MAX / 2] = "";
    bool known = false;
    for (size_t c = 0, size = 0; c < query->extra_name_count; c++) {
      known |= hdx_text_equal(column, query->extra_names[c]);
      if (size < sizeof list)
        size += (size_t)snprintf(list + size, sizeof list - size, "%s%.*s", c ? ", " : "",
                                 HDX_TEXT_ARG(query->extra_names[c]));
    }
    if (!known && query->info.failure_count)
      return hdx_error_set(error, query->failures[0].status, "%.*s: %s", HDX_TEXT_ARG(query->failures[0].id),
                           query->failures[0].message);
    if (!known)
      return hdx_error_set(error, HDX_USAGE, "there is no extra column %.*s; %s%s", HDX_TEXT_ARG(column),
                           query->extra_name_count ? "there are: " : "there is none at all", list);
  }
  return HDX_OK;
}

const struct hdx_query_info *hdx_query_info(const struct hdx_query *query) {
  return &query->info;
}

const struct hdx_query_info *hdx_query_dataset(const struct hdx_query *query, size_t i) {
  return &query->parts[i].info;
}

const struct hdx_query_failure *hdx_query_failure(const struct hdx_query *query, size_t i) {
  return &query->failures[i];
}

/* ---- opening and closing ---- */

static enum hdx_status open_query(struct hdx_session *session, const char *bucket, const char *const *ids,
                                  size_t id_count, const struct hdx_query_options *options, struct hdx_query **result,
                                  struct hdx_error *error) {
  struct hdx_query_options defaults;
  struct hdx_query *query = calloc(1, sizeof *query);
  if (!query)
    return hdx_error_memory(error, sizeof *query);
  hdx_query_options_init(&defaults);
  query->session = session;
  hdx_arena_init(&query->arena, ARENA_BYTES_MAX);
  hdx_buffer_init(&query->location, 4 * HDX_URL_BYTES_MAX); /* a token may make a presigned one long */
  query->bucket = hdx_arena_copy(&query->arena, hdx_text_of(bucket)).data;
  enum hdx_status status = query->bucket ? HDX_OK : hdx_error_memory(error, strlen(bucket));
  if (status == HDX_OK)
    status = take_options(query, options ? options : &defaults, error);
  if (status == HDX_OK)
    status = hdx_query_find(query, ids, id_count, error);
  if (status == HDX_OK)
    status = unite(query, error);
  if (status == HDX_OK)
    status = check_conditions(query, error);
  if (status != HDX_OK) {
    hdx_query_close(query);
    return status;
  }
  hdx_query_begin(query, HDX_COLUMN_ALL);
  *result = query;
  return HDX_OK;
}

enum hdx_status hdx_query_open(struct hdx_session *session, const char *bucket, const char *id,
                               const struct hdx_query_options *options, struct hdx_query **query,
                               struct hdx_error *error) {
  if (!hdx_index_literal(id))
    return hdx_error_set(error, HDX_NOT_FOUND, "%s: no id has such letters", id);
  return open_query(session, bucket, &id, 1, options, query, error);
}

enum hdx_status hdx_query_open_many(struct hdx_session *session, const char *bucket, const char *const *ids,
                                    size_t id_count, const struct hdx_query_options *options, struct hdx_query **query,
                                    struct hdx_error *error) {
  if (id_count == 0)
    return hdx_error_set(error, HDX_USAGE, "no dataset is asked for");
  return open_query(session, bucket, ids, id_count, options, query, error);
}

void hdx_query_close(struct hdx_query *query) {
  if (!query)
    return;
  for (size_t i = 0; i < query->part_count; i++)
    hdx_query_part_deinit(&query->parts[i]);
  hdx_latest_free(query->latest);
  hdx_kept_rows_deinit(&query->merged);
  hdx_catalog_close(query->catalog);
  hdx_buffer_wipe(&query->location); /* a presigned URL may hold a token */
  hdx_buffer_deinit(&query->location);
  hdx_arena_deinit(&query->arena);
  free(query->parts);
  free(query->failures);
  free(query->extra_names);
  free(query->extras);
  free(query->heap);
  free(query);
}

/* ---- rows ---- */

enum hdx_status hdx_query_next(struct hdx_query *query, struct hdx_batch *batch, struct hdx_error *error) {
  uint64_t limit = query->options.limit, left = limit - query->handed_out;
  if (limit && !left) {
    *batch = (struct hdx_batch){.extra_count = query->info.extra_count};
    return HDX_OK;
  }
  enum hdx_status status = hdx_query_rows(query, batch, error);
  if (status != HDX_OK || !limit)
    return status;
  if (batch->count > left)
    batch->count = (size_t)left;
  query->handed_out += batch->count;
  return HDX_OK;
}

enum hdx_status hdx_query_range(struct hdx_query *query, int64_t start, int64_t stop, struct hdx_error *error) {
  const struct hdx_query_options before = query->options;
  const struct hdx_query_part *lacking = NULL;
  query->options.start = start;
  query->options.stop = stop;
  for (size_t i = 0; i < query->part_count; i++) {
    hdx_query_want(&query->parts[i]);
    if (!query->options.allow_partial && !hdx_query_all_known(&query->parts[i]))
      lacking = &query->parts[i];
  }
  if (lacking) {
    query->options = before;
    for (size_t i = 0; i < query->part_count; i++)
      hdx_query_want(&query->parts[i]);
    return hdx_error_set(error, HDX_NOT_FOUND, "%.*s: the range needs years that are not held",
                         HDX_TEXT_ARG(lacking->id));
  }
  for (size_t i = 0; i < query->part_count; i++)
    hdx_query_fill_years(&query->parts[i]);
  unite_years(query);
  hdx_query_begin(query, HDX_COLUMN_ALL);
  return HDX_OK;
}

static enum hdx_status next_of_part(void *user, struct hdx_batch *batch, struct hdx_error *error) {
  struct hdx_query_part *part = user;
  if (hdx_session_cancelled(part->query->session))
    return hdx_error_set(error, HDX_INTERRUPTED, "interrupted");
  return hdx_cursor_next(part->cursor, batch, error);
}

/* Counts a dataset's rows without their older versions, which no zone map knows of. */
static enum hdx_status count_latest(struct hdx_query_part *part, struct hdx_counts *counts, struct hdx_error *error) {
  struct hdx_batch batch;
  uint64_t older = part->query->info.older_versions;
  enum hdx_status status = hdx_latest_begin(part->query, error);
  part->query->info.older_versions = older;
  while (status == HDX_OK) {
    status = hdx_latest_next(part->query, next_of_part, part, &batch, error);
    if (status != HDX_OK || batch.count == 0)
      break;
    status = hdx_counts_add(counts, &batch, error);
  }
  return status;
}

static enum hdx_status count_part(struct hdx_query_part *part, struct hdx_counts *counts, struct hdx_error *error) {
  enum hdx_status status = hdx_query_ask(part, part->query->wanted, error);
  if (status == HDX_OK)
    status = part->query->options.latest_version ? count_latest(part, counts, error)
                                                 : hdx_cursor_count(part->cursor, counts, error);
  if (part->query->part_count > 1) { /* many datasets need not all have one */
    hdx_query_close_cursor(part);
  }
  return status;
}

static enum hdx_status count_rows(struct hdx_query *query, size_t dataset, struct hdx_counts *counts,
                                  struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  if (dataset != HDX_QUERY_ALL && dataset >= query->part_count)
    return hdx_error_set(error, HDX_USAGE, "the query has %zu datasets, number %zu was asked for", query->part_count,
                         dataset);
  hdx_query_begin(query, HDX_COLUMN_SIZE);
  query->info.older_versions = 0;
  for (size_t i = 0; status == HDX_OK && i < query->part_count; i++)
    if (dataset == HDX_QUERY_ALL || i == dataset)
      status = count_part(&query->parts[i], counts, error);
  hdx_query_begin(query, HDX_COLUMN_ALL);
  return status;
}

enum hdx_status hdx_query_summary(struct hdx_query *query, size_t dataset, struct hdx_summary *summary,
                                  struct hdx_error *error) {
  struct hdx_counts counts;
  hdx_counts_init(&counts, NULL);
  enum hdx_status status = count_rows(query, dataset, &counts, error);
  if (status == HDX_OK)
    *summary = hdx_counts_total(&counts);
  hdx_counts_deinit(&counts);
  return status;
}

enum hdx_status hdx_query_counts(struct hdx_query *query, size_t dataset, enum hdx_unit unit,
                                 void (*visit)(void *user, int64_t from, const struct hdx_summary *summary), void *user,
                                 struct hdx_error *error) {
  struct hdx_counts counts;
  hdx_counts_init(&counts, &unit);
  enum hdx_status status = count_rows(query, dataset, &counts, error);
  hdx_counts_settle(&counts);
  for (size_t i = 0; status == HDX_OK && i < counts.count; i++)
    if (counts.list[i].sum.rows)
      visit(user, counts.list[i].from, &counts.list[i].sum);
  hdx_counts_deinit(&counts);
  return status;
}

/* ---- where files are ---- */

/* The bucket of an index location: up to the slash behind its host, or the whole of a folder. */
static struct hdx_text bucket_of(struct hdx_text index) {
  size_t slashes = 0;
  for (size_t i = 0; i < index.size; i++)
    if (index.data[i] == '/' && ++slashes == 3)
      return hdx_text_starts_with(index, HDX_TEXT("file://")) ? index : hdx_text_sub(index, 0, i + 1);
  return index;
}

struct hdx_text hdx_query_base(const struct hdx_query *query, size_t dataset) {
  return bucket_of(hdx_reader_subject(query->parts[dataset].reader)->index);
}

/* Which bucket is the catalog's own matters only where it is read from another place. */
enum hdx_status hdx_query_source(struct hdx_query *query, const struct hdx_source **source, struct hdx_error *error) {
  const struct hdx_config *config = &query->session->config;
  bool elsewhere = query->source.scheme != HDX_SCHEME_S3 || config->endpoint_url || config->map_count;
  enum hdx_status status = HDX_OK;
  if (elsewhere && !query->catalog)
    status = hdx_catalog_open(query->session, query->bucket, false, &query->catalog, error);
  *source = query->catalog ? &query->catalog->source : &query->source;
  return status;
}

/* Of one key, which is no reason to end a list of others. */
static enum hdx_status too_long(struct hdx_text key, struct hdx_error *error) {
  return hdx_error_set(error, HDX_USAGE, "a key of %zu bytes is too long for a URL", key.size);
}

static enum hdx_status fetched(struct hdx_query *query, struct hdx_text base, struct hdx_text key, bool presigned,
                               struct hdx_error *error) {
  struct hdx_buffer *out = &query->location;
  struct hdx_address address;
  const struct hdx_source *source;
  enum hdx_status status = hdx_query_source(query, &source, error);
  hdx_address_init(&address);
  if (status == HDX_OK && (status = hdx_source_locate(source, key, base, false, &address, error)) == HDX_LIMIT)
    status = too_long(key, error);
  /* Whoever gets the URL would resolve them: it would be another key's. */
  if (status == HDX_OK && hdx_address_climbs(&address))
    status = hdx_error_set(error, HDX_DENIED, "%.*s: a component . or .. could lead outside of what was named",
                           HDX_TEXT_ARG(key));
  if (status == HDX_DENIED && presigned) /* DENIED is for credentials then */
    status = hdx_error_context(error, HDX_USAGE, "cannot be presigned");
  else if (status == HDX_OK && presigned)
    status = hdx_session_presign(query->session, &address, out, error);
  else if (status == HDX_OK)
    hdx_buffer_append_buffer(out, &address.url);
  hdx_address_deinit(&address);
  return status;
}

enum hdx_status hdx_query_location(struct hdx_query *query, size_t dataset, struct hdx_text key, enum hdx_location kind,
                                   struct hdx_text *location, struct hdx_error *error) {
  struct hdx_buffer *out = &query->location;
  if (dataset >= query->part_count)
    return hdx_error_set(error, HDX_USAGE, "the query has %zu datasets, number %zu was asked for", query->part_count,
                         dataset);
  struct hdx_text base = hdx_query_base(query, dataset);
  enum hdx_status status = HDX_OK;
  hdx_buffer_clear(out);
  if (kind == HDX_LOCATION_PUBLISHED)
    hdx_source_join(base, key, out);
  else
    status = fetched(query, base, key, kind == HDX_LOCATION_PRESIGNED, error);
  if (status == HDX_OK && hdx_buffer_status(out, "location", error) == HDX_LIMIT)
    return too_long(key, error);
  if (status == HDX_OK)
    status = hdx_buffer_status(out, "location", error);
  if (status == HDX_OK)
    *location = hdx_buffer_text(out);
  return status;
}
