/* From ids to open snapshots. What is held answers without the catalog and the network; otherwise the catalog is asked
 * for all datasets, and one run fetches the years that are missing of all of them. */
#include "job/query.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
  PART_BYTES = 8 << 10,       /* of memory that a dataset takes, at the most, whether its rows are read or not */
  MAPPED_BYTES_MAX = 32 << 20 /* of all snapshots, that stay in memory when they were read */
};

void hdx_query_part_deinit(struct hdx_query_part *part) {
  hdx_cursor_close(part->cursor);
  hdx_kept_rows_deinit(&part->kept);
  hdx_reader_close(part->reader);
  free(part->path);
  free(part->columns);
  free(part->cuts);
}

/* ---- what is held ---- */

void hdx_query_want(struct hdx_query_part *part) {
  part->years =
      hdx_dataset_query_years(part->catalog_start, part->catalog_stop, part->multiyear,
                              hdx_dataset_clock(hdx_time_now()), part->query->options.start, part->query->options.stop);
}

static bool known(const struct hdx_reader *reader, int year) {
  const struct hdx_year *state = reader ? hdx_reader_year(reader, year) : NULL;
  return state && state->state != HDX_YEAR_FAILED;
}

/* The last year that has to be known. Where stops are made up it may lie behind those that are wanted: the stop of the
 * last row is the start of the next one, in whatever year's file that is. */
static int last_needed(const struct hdx_query_part *part) {
  int last = part->years.last;
  if (!part->reader || !hdx_reader_info(part->reader)->stop_made_up || part->years.first > last)
    return last;
  struct hdx_years all = hdx_dataset_years(part->catalog_start, part->catalog_stop, hdx_dataset_clock(hdx_time_now()),
                                           HDX_TIME_NONE, HDX_TIME_NONE);
  for (int year = last + 1; year <= all.last; year++) {
    last = year;
    if (!known(part->reader, year) || hdx_reader_year(part->reader, year)->rows)
      break;
  }
  return last;
}

bool hdx_query_all_known(const struct hdx_query_part *part) {
  int last = last_needed(part);
  for (int year = part->years.first; year <= last; year++)
    if (!known(part->reader, year))
      return false;
  return true;
}

static enum hdx_status set_path(struct hdx_query_part *part, struct hdx_error *error) {
  struct hdx_buffer path;
  size_t size;
  hdx_buffer_init(&path, HDX_URL_BYTES_MAX);
  hdx_store_snapshot_path(&part->query->session->store, part->query->source.folder, part->id, &path);
  hdx_buffer_append_byte(&path, 0);
  enum hdx_status status = hdx_buffer_status(&path, "the path of the snapshot", error);
  free(part->path);
  part->path = hdx_buffer_take(&path, &size);
  return status;
}

/* Opens the snapshot, if there is one, and takes what it says of the catalog. */
static enum hdx_status open_reader(struct hdx_query_part *part, struct hdx_error *error) {
  hdx_reader_close(part->reader);
  part->reader = NULL;
  enum hdx_status status = hdx_dataset_open(part->path, &part->query->source, part->id, &part->reader, error);
  if (status == HDX_NOT_FOUND)
    return HDX_OK;
  if (status != HDX_OK)
    return status;
  hdx_reader_keep(part->reader, MAPPED_BYTES_MAX / part->query->part_count);
  hdx_reader_rest(part->reader);
  const struct hdx_subject *subject = hdx_reader_subject(part->reader);
  part->catalog_start = subject->catalog_start;
  part->catalog_stop = subject->catalog_stop;
  part->multiyear = subject->multiyear;
  return HDX_OK;
}

/* Whether the kept catalog is newer than the snapshot: it may name further years. */
static bool catalog_is_newer(const struct hdx_query_part *part) {
  struct hdx_buffer path;
  struct stat catalog, snapshot;
  hdx_buffer_init(&path, HDX_URL_BYTES_MAX);
  hdx_store_path(&part->query->session->store, part->query->source.folder,
                 hdx_text_of(part->query->session->config.catalog_name), &path);
  bool newer = stat(hdx_buffer_string(&path), &catalog) == 0 && stat(part->path, &snapshot) == 0 &&
               (catalog.st_mtim.tv_sec != snapshot.st_mtim.tv_sec ? catalog.st_mtim.tv_sec > snapshot.st_mtim.tv_sec
                                                                  : catalog.st_mtim.tv_nsec > snapshot.st_mtim.tv_nsec);
  hdx_buffer_deinit(&path);
  return newer;
}

/* ---- which datasets ---- */

enum hdx_status hdx_query_fits(const struct hdx_query *query, size_t count, uint64_t bytes, struct hdx_error *error) {
  if (count <= query->session->config.memory_bytes / bytes)
    return HDX_OK;
  return hdx_error_set(error, HDX_LIMIT,
                       "%zu datasets at once take more memory than there is: ask for fewer, or give --memory %lluM",
                       count, (unsigned long long)(count * bytes >> 20) + 1);
}

static enum hdx_status make_parts(struct hdx_query *query, size_t count, struct hdx_error *error) {
  enum hdx_status status = hdx_query_fits(query, count, PART_BYTES, error);
  if (status != HDX_OK)
    return status;
  query->parts = calloc(count + 1, sizeof *query->parts);
  if (!query->parts)
    return hdx_error_memory(error, count * sizeof *query->parts);
  return HDX_OK;
}

static enum hdx_status add_part(struct hdx_query *query, struct hdx_text id, const struct hdx_dataset *dataset,
                                struct hdx_error *error) {
  struct hdx_query_part *part = &query->parts[query->part_count];
  *part = (struct hdx_query_part){.query = query,
                                  .id = hdx_arena_copy(&query->arena, id),
                                  .dataset = dataset,
                                  .catalog_start = HDX_TIME_NONE,
                                  .catalog_stop = HDX_TIME_NONE};
  if (!part->id.data)
    return hdx_error_memory(error, id.size);
  query->part_count++;
  return HDX_OK;
}

static enum hdx_status open_catalog(struct hdx_query *query, struct hdx_error *error) {
  return query->catalog
             ? HDX_OK
             : hdx_catalog_open(query->session, query->bucket, query->session->config.refresh, &query->catalog, error);
}

/* Patterns need the catalog; ids are looked for in the store first. */
static enum hdx_status name_parts(struct hdx_query *query, const char *const *ids, size_t count,
                                  struct hdx_error *error) {
  const struct hdx_dataset **list;
  size_t patterns = 0, found = 0;
  for (size_t i = 0; i < count; i++)
    patterns += !hdx_index_literal(ids[i]);
  enum hdx_status status = HDX_OK;
  if (!patterns) {
    status = make_parts(query, count, error);
    for (size_t i = 0; status == HDX_OK && i < count; i++)
      status = add_part(query, hdx_text_of(ids[i]), NULL, error);
    return status;
  }
  status = open_catalog(query, error);
  if (status == HDX_OK)
    status = hdx_index_choose(query->session, query->catalog, ids, count, &list, &found, error);
  if (status != HDX_OK)
    return status;
  status = make_parts(query, found, error);
  for (size_t i = 0; status == HDX_OK && i < found; i++)
    status = add_part(query, list[i]->id, list[i], error);
  free(list);
  return status;
}

/* ---- what is missing ---- */

/* Notes what became of a part. */
static void settle(struct hdx_query_part *part, enum hdx_status status, const struct hdx_error *error) {
  part->status = status;
  part->message = hdx_arena_copy(&part->query->arena, hdx_text_of(error->message)).data;
  part->message = part->message ? part->message : hdx_status_text(status);
}

static void look(struct hdx_query_part *part) {
  const struct hdx_query *query = part->query;
  struct hdx_error error = {0};
  enum hdx_status status = HDX_OK;
  bool proper = hdx_dataset_id(part->id);
  assert(query);
  if (proper)
    status = set_path(part, &error);
  if (status == HDX_OK && proper)
    status = open_reader(part, &error);
  if (status != HDX_OK) {
    settle(part, status, &error);
    return;
  }
  hdx_query_want(part);
  part->missing =
      !(part->reader && !query->session->config.refresh && hdx_query_all_known(part) && !catalog_is_newer(part));
}

/* What the catalog says of a part counts, whatever it was when the snapshot was made. */
static void adopt(struct hdx_query_part *part) {
  part->catalog_start = hdx_dataset_catalog_start(part->dataset);
  part->catalog_stop = part->dataset->stop;
  part->multiyear = part->dataset->multiyear;
  hdx_query_want(part);
}

/* Finds a part in the catalog. NOT_FOUND: it is not there. */
static enum hdx_status find(struct hdx_query_part *part, struct hdx_error *error) {
  enum hdx_status status =
      part->dataset ? HDX_OK : hdx_catalog_find(part->query->catalog, part->id.data, &part->dataset, error);
  if (status != HDX_OK)
    return status;
  if (!hdx_text_equal(part->dataset->id, part->id)) { /* it was asked for in another letter case */
    part->id = hdx_arena_copy(&part->query->arena, part->dataset->id);
    if (!part->id.data)
      return hdx_error_memory(error, part->dataset->id.size);
    status = set_path(part, error);
    if (status == HDX_OK)
      status = open_reader(part, error);
  }
  if (status == HDX_OK)
    adopt(part);
  return status;
}

static struct hdx_query_part *part_of(struct hdx_query *query, struct hdx_text id) {
  for (size_t i = 0; i < query->part_count; i++)
    if (hdx_text_equal(query->parts[i].id, id))
      return &query->parts[i];
  return NULL;
}

static void on_item(void *user, const struct hdx_index_item *item) {
  struct hdx_query *query = user;
  struct hdx_query_part *part = item->status != HDX_OK ? part_of(query, item->id) : NULL;
  query->dropped |= item->dropped;
  if (!part)
    return;
  struct hdx_text message = hdx_arena_copy(&query->arena, hdx_text_of(item->message));
  struct hdx_year_failure *failure = hdx_arena_alloc(&query->arena, sizeof *failure);
  message = message.data ? message : HDX_TEXT("out of memory");
  if (failure) {
    *failure = (struct hdx_year_failure){part->failures, item->year, message};
    part->failures = failure;
  }
  if (hdx_status_graver(part->run_status, item->status) == part->run_status)
    return;
  part->run_status = item->status;
  part->run_message = message;
}

/* Fetches the years that a range wants and that are not known (all of them, if `anew`) of the datasets in the list. */
static enum hdx_status fetch(struct hdx_query *query, const struct hdx_dataset *const *datasets, size_t count,
                             int64_t start, int64_t stop, bool anew, struct hdx_error *error) {
  struct hdx_index_options options;
  struct hdx_index_summary summary = {0};
  struct hdx_error failed = {0};
  hdx_index_options_init(&options);
  options.start = start;
  options.stop = stop;
  options.item = on_item;
  options.user = query;
  struct hdx_index_run run = {.session = query->session,
                              .catalog = query->catalog,
                              .datasets = datasets,
                              .dataset_count = count,
                              .options = &options,
                              .for_query = true,
                              .unknown_only = !anew,
                              .summary = &summary};
  enum hdx_status status = hdx_index_run(&run, &failed);
  bool told = false;
  for (size_t i = 0; i < query->part_count; i++)
    told |= query->parts[i].run_status != HDX_OK;
  if (status == HDX_OK)
    return HDX_OK;
  /* A year that failed is told by the years that are wanted; here it ends the query only if nothing can be said. */
  if (status == HDX_INTERRUPTED || !told) {
    if (error)
      *error = failed;
    return status;
  }
  if (run.datasets_done < count)
    hdx_log_write(&query->session->log, HDX_LOG_WARNING, "%zu of %zu datasets were not asked for any more: %s",
                  count - run.datasets_done, count, failed.message);
  return HDX_OK;
}

/* Opens what a run has made of a dataset. */
static void reopen(struct hdx_query_part *part) {
  struct hdx_error error = {0};
  enum hdx_status status = open_reader(part, &error);
  if (status == HDX_OK)
    adopt(part);
  else
    settle(part, status, &error);
}

/* Goes on year by year to the one whose first row ends the last row of those that are wanted, where stops are made up:
 * that they are is known only now. */
static enum hdx_status fetch_followers(struct hdx_query_part *part, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  for (int last; status == HDX_OK && part->status == HDX_OK && (last = last_needed(part)) > part->years.last;) {
    if (known(part->reader, last))
      break;
    status = fetch(part->query, &part->dataset, 1, hdx_time_of_year(last), hdx_time_of_year(last + 1), false, error);
    if (status == HDX_OK)
      reopen(part);
    if (part->status == HDX_OK && !known(part->reader, last))
      break;
  }
  return status;
}

static enum hdx_status fetch_missing(struct hdx_query *query, struct hdx_error *error) {
  const struct hdx_config *config = &query->session->config;
  bool may_fetch = !config->offline || config->index_cache, anew = config->refresh && !config->offline;
  const struct hdx_dataset **datasets = calloc(query->part_count + 1, sizeof *datasets);
  size_t count = 0;
  if (!datasets)
    return hdx_error_memory(error, query->part_count * sizeof *datasets);
  for (size_t i = 0; i < query->part_count; i++) {
    struct hdx_query_part *part = &query->parts[i];
    part->missing &= part->status == HDX_OK && part->dataset && (anew || !part->reader || !hdx_query_all_known(part));
    bool twice = false;
    for (size_t k = 0; part->missing && k < count; k++)
      twice |= datasets[k] == part->dataset;
    if (part->missing && !twice)
      datasets[count++] = part->dataset;
  }
  enum hdx_status status = count && may_fetch
                               ? fetch(query, datasets, count, query->options.start, query->options.stop, anew, error)
                               : HDX_OK;
  free(datasets);
  for (size_t i = 0; status == HDX_OK && count && may_fetch && i < query->part_count; i++) {
    struct hdx_query_part *part = &query->parts[i];
    if (!part->missing)
      continue;
    reopen(part);
    status = fetch_followers(part, error);
  }
  return status;
}

/* Asks the catalog for the datasets, and the network for what is missing. */
static enum hdx_status complete(struct hdx_query *query, struct hdx_error *error) {
  struct hdx_error inner = {0};
  bool offline_session = query->session->config.offline;
  enum hdx_status asked = open_catalog(query, &inner);
  if (asked == HDX_INTERRUPTED || asked == HDX_USAGE) {
    if (error)
      *error = inner;
    return asked;
  }
  for (size_t i = 0; i < query->part_count; i++) {
    struct hdx_query_part *part = &query->parts[i];
    if (!part->missing)
      continue;
    enum hdx_status status = asked == HDX_OK ? find(part, &inner) : asked;
    /* Offline, a snapshot without its catalog still answers for the years that it knows. */
    if (status == HDX_OK || (status == HDX_NOT_FOUND && offline_session && part->reader))
      continue;
    if (status == HDX_NOT_FOUND && asked == HDX_OK)
      return hdx_error_set(error, status, "%s", inner.message);
    settle(part, status, &inner);
  }
  return asked == HDX_OK ? fetch_missing(query, error) : HDX_OK;
}

/* ---- whether that suffices ---- */

static enum hdx_status offline(struct hdx_query_part *part, struct hdx_error *error) {
  if (!part->reader)
    return hdx_error_set(error, HDX_NOT_FOUND, "%s%s: nothing is held of it, and offline", part->query->source.url.data,
                         part->id.data);
  int first = 0, last = last_needed(part);
  for (int year = last; year >= part->years.first; year--)
    if (!known(part->reader, year))
      first = year;
  if (first == 0)
    return hdx_error_set(error, HDX_NOT_FOUND, "%s%s: the file without a year is not held, and offline",
                         part->query->source.url.data, part->id.data);
  bool before = part->query->options.start != HDX_TIME_NONE && first < hdx_time_year(part->query->options.start);
  return hdx_error_set(error, HDX_NOT_FOUND, "%s%s: the year %d is not held%s, and offline",
                       part->query->source.url.data, part->id.data, first,
                       before                     ? " (its last files may reach into the range)"
                       : first > part->years.last ? " (its first file tells when the last one of the range ends)"
                                                  : "");
}

static const char *reason_of(const struct hdx_query_part *part, int year) {
  for (const struct hdx_year_failure *failure = part->failures; failure; failure = failure->next)
    if (failure->year == year && failure->message.data)
      return failure->message.data;
  return "the year is not held";
}

/* Whether there are rows of any wanted year. */
static bool has_rows(const struct hdx_query_part *part) {
  bool found = false;
  for (int year = part->years.first; year <= part->years.last && part->reader; year++) {
    const struct hdx_year *state = hdx_reader_year(part->reader, year);
    found |= state && state->rows;
  }
  return found;
}

/* Years that were wanted and that nothing, or something old, is known of. */
static enum hdx_status check_years(struct hdx_query_part *part, struct hdx_error *error) {
  int last = last_needed(part);
  char name[HDX_YEAR_NAME_MAX];
  for (int year = part->years.first; year <= last; year++) {
    const struct hdx_year *state = part->reader ? hdx_reader_year(part->reader, year) : NULL;
    bool readable = known(part->reader, year);
    if (readable && state->state == HDX_YEAR_STALE)
      hdx_log_write(&part->query->session->log, HDX_LOG_WARNING,
                    state->rows ? "%s: the rows of %s are those of an earlier version: %s"
                                : "%s: %s was a gap when it was last read, and cannot be read now: %s",
                    part->id.data, hdx_dataset_year_name(year, name), state->reason);
    if (!readable && part->query->options.allow_partial)
      hdx_log_write(&part->query->session->log, HDX_LOG_WARNING, "%s: the rows of %s are missing: %s", part->id.data,
                    hdx_dataset_year_name(year, name), state ? state->reason : reason_of(part, year));
    if (readable || part->query->options.allow_partial)
      continue;
    if (part->run_status == HDX_OK)
      return offline(part, error);
    return hdx_error_set(error, part->run_status, "%s%s", part->run_message.data,
                         has_rows(part) ? "; --allow-partial gives the rows of the other years" : "");
  }
  return HDX_OK;
}

/* The next failure of the run with the dataset as a whole. A file without a year that failed is stale. */
static const struct hdx_year_failure *whole_failure(const struct hdx_query_part *part,
                                                    const struct hdx_year_failure *failure) {
  const struct hdx_year *state = hdx_reader_year(part->reader, 0);
  if (state && state->state == HDX_YEAR_STALE)
    return NULL;
  while (failure && failure->year)
    failure = failure->next;
  return failure;
}

void hdx_query_fill_years(struct hdx_query_part *part) {
  bool old = whole_failure(part, part->failures) != NULL;
  part->info.checked_at = HDX_TIME_MAX;
  part->info.incomplete_years = 0;
  for (int year = part->years.first; year <= part->years.last; year++) {
    const struct hdx_year *state = hdx_reader_year(part->reader, year);
    int64_t at = state && state->checked_at > part->confirmed ? state->checked_at : part->confirmed;
    part->info.checked_at = at < part->info.checked_at ? at : part->info.checked_at;
    part->info.incomplete_years += old || !state || state->state == HDX_YEAR_FAILED || state->state == HDX_YEAR_STALE;
  }
  if (part->info.checked_at == HDX_TIME_MAX)
    part->info.checked_at = part->confirmed;
}

static void fill_info(struct hdx_query_part *part) {
  const struct hdx_snapshot_info *info = hdx_reader_info(part->reader);
  part->info.id = hdx_reader_subject(part->reader)->id;
  part->info.source = part->query->source.url.data;
  part->info.time_digits = info->time_digits;
  part->info.stop_made_up = info->stop_made_up;
  part->info.extra_count = info->extra_count;
  part->info.extra_names = info->extra_names;
  part->info.extras = info->extras;
  part->confirmed = hdx_dataset_confirmed(part->path);
  hdx_query_fill_years(part);
}

/* Tells why what is held answers. */
static void tell_not_renewed(const struct hdx_query_part *part) {
  for (const struct hdx_year_failure *failure = whole_failure(part, part->failures); failure;
       failure = whole_failure(part, failure->next))
    hdx_log_write(&part->query->session->log, HDX_LOG_WARNING, "%s: what is held could not be renewed: %s",
                  part->id.data, failure->message.data);
}

static void check_part(struct hdx_query_part *part) {
  struct hdx_error error = {0};
  enum hdx_status status = check_years(part, &error);
  if (status == HDX_OK && !part->reader)
    status = part->run_status != HDX_OK ? hdx_error_set(&error, part->run_status, "%s", part->run_message.data)
                                        : offline(part, &error);
  if (status != HDX_OK) {
    settle(part, status, &error);
    return;
  }
  tell_not_renewed(part);
  fill_info(part);
}

static int by_id(const void *a, const void *b) {
  const struct hdx_query_part *x = a, *y = b;
  return hdx_text_compare(x->id, y->id);
}

/* Leaves the parts that can answer, each dataset once, and lists the failures of the others. */
static enum hdx_status sift(struct hdx_query *query, struct hdx_error *error) {
  size_t kept = 0, count = query->part_count;
  qsort(query->parts, count, sizeof *query->parts, by_id);
  query->failures = calloc(count + 1, sizeof *query->failures);
  if (!query->failures)
    return hdx_error_memory(error, count * sizeof *query->failures);
  struct hdx_text last = {NULL, 0};
  for (size_t i = 0; i < count; i++) {
    struct hdx_query_part part = query->parts[i];
    bool twice = last.data && hdx_text_equal(last, part.id);
    last = part.id;
    query->parts[i] = (struct hdx_query_part){0};
    if (!twice && part.status == HDX_OK) {
      query->parts[kept++] = part;
      continue;
    }
    if (!twice)
      query->failures[query->info.failure_count++] = (struct hdx_query_failure){part.id, part.status, part.message};
    hdx_query_part_deinit(&part);
  }
  query->part_count = kept;
  if (kept)
    return HDX_OK;
  assert(query->info.failure_count && query->failures[0].message);
  const struct hdx_query_failure *worst = &query->failures[0];
  for (size_t i = 1; i < query->info.failure_count; i++)
    if (hdx_status_graver(worst->status, query->failures[i].status) != worst->status)
      worst = &query->failures[i];
  for (size_t i = 0; i < query->info.failure_count; i++)
    if (strcmp(query->failures[i].message, worst->message) != 0)
      hdx_log_write(&query->session->log, HDX_LOG_WARNING, "%.*s: %s", HDX_TEXT_ARG(query->failures[i].id),
                    query->failures[i].message);
  return hdx_error_set(error, worst->status, "%s", worst->message);
}

enum hdx_status hdx_query_find(struct hdx_query *query, const char *const *ids, size_t count, struct hdx_error *error) {
  enum hdx_status status = hdx_session_source(query->session, query->bucket, &query->arena, &query->source, error);
  if (status == HDX_OK)
    status = name_parts(query, ids, count, error);
  bool missing = false;
  for (size_t i = 0; status == HDX_OK && i < query->part_count; i++) {
    look(&query->parts[i]);
    missing |= query->parts[i].missing;
  }
  if (status == HDX_OK && missing)
    status = complete(query, error);
  for (size_t i = 0; status == HDX_OK && i < query->part_count; i++)
    if (query->parts[i].status == HDX_OK)
      check_part(&query->parts[i]);
  return status == HDX_OK ? sift(query, error) : status;
}
