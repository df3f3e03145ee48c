/* Comparing snapshots with the index files that they were made from: those are indexed anew into a store of their own,
 * and the rows of each year are held side by side. */
#include "job/index.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

enum { CURSOR_SHARE = 8 /* of the memory each of the two snapshots may take this part */ };

/* The datasets that are compared. */
struct comparing {
  struct hdx_session *session;
  struct hdx_arena arena;
  struct failure *failures;  /* of indexing anew */
  int first_year, last_year; /* that are held of any */
  const struct hdx_catalog *catalog;
  const struct hdx_store *fresh;
  const struct hdx_dataset **datasets;
  size_t count, capacity;
  void (*visit)(void *user, const struct hdx_comparison *comparison);
  void *user;
  enum hdx_status status;
  struct hdx_error first;
};

/* An index file, or with year 0 a dataset, that could not be read. */
struct failure {
  struct failure *next;
  struct hdx_text id, message;
  int year;
  enum hdx_status status;
};

static const struct failure *failure_of(const struct comparing *comparing, struct hdx_text id, int year) {
  const struct failure *any = NULL;
  for (const struct failure *f = comparing->failures; f; f = f->next)
    if (hdx_text_equal(f->id, id)) {
      if (f->year == year)
        return f;
      any = f;
    }
  return any;
}

/* ---- rows ---- */

/* The rows of one year, one after the other. */
struct rows {
  struct hdx_cursor *cursor;
  struct hdx_batch batch;
  size_t at;
};

static enum hdx_status next_row(struct rows *rows, bool *end, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  if (++rows->at >= rows->batch.count) {
    status = hdx_cursor_next(rows->cursor, &rows->batch, error);
    rows->at = 0;
  }
  *end = status == HDX_OK && rows->batch.count == 0;
  return status;
}

static struct hdx_text extra_of(const struct hdx_snapshot_info *info, const struct rows *rows, struct hdx_text name) {
  for (size_t c = 0; c < info->extra_count; c++)
    if (hdx_text_equal(info->extra_names[c], name))
      return rows->batch.extra[c][rows->at];
  return HDX_TEXT("");
}

/* Whether each value that row a states is one of row b's, as often. */
static bool covered(const struct rows *a, const struct rows *b) {
  bool used[HDX_COLUMNS_MAX] = {false};
  for (size_t c = 0; c < a->batch.extra_count; c++) {
    struct hdx_text value = a->batch.extra[c][a->at];
    size_t match = 0;
    while (value.size && match < b->batch.extra_count &&
           (used[match] || !hdx_text_equal(b->batch.extra[match][b->at], value)))
      match++;
    if (value.size && match == b->batch.extra_count)
      return false;
    if (value.size)
      used[match] = true;
  }
  return true;
}

/* The column in which two rows differ; NULL: in none. *renamed is set to an extra column, if the rows have the same
 * values and some of them in columns that are called otherwise: the file of parameters says so now. */
static const char *difference(const struct hdx_snapshot_info *held, const struct rows *a,
                              const struct hdx_snapshot_info *fresh, const struct rows *b, const char **renamed) {
  if (a->batch.start[a->at] != b->batch.start[b->at])
    return "start";
  if (a->batch.stop[a->at] != b->batch.stop[b->at])
    return "stop";
  if (!hdx_text_equal(a->batch.key[a->at], b->batch.key[b->at]))
    return "datakey";
  if (a->batch.size[a->at] != b->batch.size[b->at])
    return "filesize";
  for (const struct hdx_snapshot_info *info = held; info; info = info == held ? fresh : NULL)
    for (size_t c = 0; c < info->extra_count; c++) {
      struct hdx_text name = info->extra_names[c];
      if (hdx_text_equal(extra_of(held, a, name), extra_of(fresh, b, name)))
        continue;
      if (!covered(a, b) || !covered(b, a))
        return name.data;
      *renamed = name.data;
      return NULL;
    }
  return NULL;
}

/* Compares the rows of one year, as its index file has them. *what tells what differs, "" if nothing does but perhaps
 * what a column is called (*renamed). */
static enum hdx_status compare_rows(const struct hdx_reader *held, const struct hdx_reader *fresh, int year,
                                    size_t memory, uint64_t *count, char *what, size_t size, const char **renamed,
                                    struct hdx_error *error) {
  const struct hdx_range range = {HDX_TIME_NONE, HDX_TIME_NONE, HDX_MATCH_OVERLAP, {year, year}};
  struct rows a = {.cursor = NULL}, b = {.cursor = NULL};
  char name[HDX_YEAR_NAME_MAX];
  what[0] = 0;
  enum hdx_status status = hdx_cursor_open(held, &range, &a.cursor, error);
  if (status == HDX_OK)
    status = hdx_cursor_open(fresh, &range, &b.cursor, error);
  if (status == HDX_OK) {
    hdx_cursor_memory(a.cursor, memory);
    hdx_cursor_memory(b.cursor, memory);
    hdx_cursor_as_filed(a.cursor);
    hdx_cursor_as_filed(b.cursor);
  }
  for (uint64_t row = 1; status == HDX_OK && !what[0]; row++) {
    bool a_end = false, b_end = false;
    status = next_row(&a, &a_end, error);
    if (status == HDX_OK)
      status = next_row(&b, &b_end, error);
    if (status != HDX_OK || (a_end && b_end))
      break;
    const char *column =
        a_end || b_end ? NULL : difference(hdx_reader_info(held), &a, hdx_reader_info(fresh), &b, renamed);
    if (a_end != b_end)
      snprintf(what, size, "%s: %s row %llu", hdx_dataset_year_name(year, name),
               a_end ? "nothing is held of" : "the index file ends before", (unsigned long long)row);
    else if (column)
      snprintf(what, size, "%s: row %llu differs in %s (%.*s)", hdx_dataset_year_name(year, name),
               (unsigned long long)row, column, (int)(b.batch.key[b.at].size < 200 ? b.batch.key[b.at].size : 200),
               b.batch.key[b.at].data);
    else
      ++*count;
  }
  hdx_cursor_close(a.cursor);
  hdx_cursor_close(b.cursor);
  return status;
}

/* ---- datasets ---- */

/* Whether the server says that an index file is the one that was fetched before. */
static bool same_file(const struct hdx_year *a, const struct hdx_year *b) {
  if (a->etag[0] || b->etag[0])
    return strcmp(a->etag, b->etag) == 0;
  return a->last_modified[0] && strcmp(a->last_modified, b->last_modified) == 0 && a->bytes == b->bytes;
}

static bool has_rows(const struct hdx_year *year) {
  return year && (year->state == HDX_YEAR_PRESENT || year->state == HDX_YEAR_STALE || year->state == HDX_YEAR_VANISHED);
}

/* What comparing a year comes to, in `comparison` and `message`. */
static enum hdx_status compare_year(const struct comparing *comparing, const struct hdx_reader *held,
                                    const struct hdx_reader *fresh, const struct hdx_year *year,
                                    struct hdx_comparison *comparison, char *message, size_t size,
                                    struct hdx_error *error) {
  char what[HDX_ERROR_TEXT_MAX], name[HDX_YEAR_NAME_MAX];
  const char *renamed = NULL;
  const struct hdx_year *now = hdx_reader_year(fresh, year->year);
  if (now && now->state == HDX_YEAR_FAILED) {
    const struct failure *failure = failure_of(comparing, comparison->id, year->year);
    snprintf(message, size, "%s: %s", hdx_dataset_year_name(year->year, name), now->reason);
    comparison->status =
        hdx_status_graver(comparison->status, failure && failure->year == year->year ? failure->status : HDX_TEMPORARY);
    return HDX_OK;
  }
  if (!has_rows(year) && !has_rows(now))
    return HDX_OK;
  comparison->years++;
  size_t memory = (size_t)(hdx_session_memory(comparing->session) / CURSOR_SHARE);
  enum hdx_status status =
      compare_rows(held, fresh, year->year, memory, &comparison->rows, what, sizeof what, &renamed, error);
  if (status == HDX_OK && !what[0] && renamed && comparison->years_changed++ == 0 && comparison->status == HDX_OK)
    snprintf(message, size, "%s: extra columns are called otherwise now (%s), with the same values",
             hdx_dataset_year_name(year->year, name), renamed);
  if (status != HDX_OK || !what[0])
    return status;
  if (now && year->state == HDX_YEAR_PRESENT && same_file(year, now)) {
    snprintf(message, size, "%s", what);
    comparison->status = HDX_INTEGRITY;
    comparison->differs = true;
    return HDX_OK;
  }
  if (comparison->years_changed++ == 0 && comparison->status == HDX_OK)
    snprintf(message, size, "the index file changed since it was fetched: %s", what);
  return HDX_OK;
}

static enum hdx_status open_both(struct comparing *comparing, const struct hdx_dataset *dataset,
                                 struct hdx_reader **held, struct hdx_reader **fresh, struct hdx_error *error) {
  const struct hdx_source *source = &comparing->catalog->source;
  const struct hdx_store *stores[] = {&comparing->session->store, comparing->fresh};
  struct hdx_reader **readers[] = {held, fresh};
  enum hdx_status status = HDX_OK;
  for (size_t i = 0; status == HDX_OK && i < 2; i++) {
    struct hdx_buffer path;
    hdx_buffer_init(&path, HDX_URL_BYTES_MAX);
    hdx_store_snapshot_path(stores[i], source->folder, dataset->id, &path);
    status = hdx_buffer_status(&path, "the path of the snapshot", error);
    if (status == HDX_OK)
      status = hdx_dataset_open(hdx_buffer_string(&path), source, dataset->id, readers[i], error);
    hdx_buffer_deinit(&path);
  }
  return status;
}

static void tell(struct comparing *comparing, const struct hdx_comparison *comparison) {
  comparing->visit(comparing->user, comparison);
  if (comparison->status != HDX_OK && comparing->status == HDX_OK)
    hdx_error_set(&comparing->first, comparison->status, "%.*s: %s", HDX_TEXT_ARG(comparison->id), comparison->message);
  comparing->status = hdx_status_graver(comparing->status, comparison->status);
}

static void compare_dataset(struct comparing *comparing, const struct hdx_dataset *dataset) {
  struct hdx_reader *held = NULL, *fresh = NULL;
  struct hdx_error error = {.message = ""};
  struct hdx_comparison comparison = {.bucket = comparing->catalog->source.url.data, .id = dataset->id};
  char message[HDX_ERROR_TEXT_MAX + 64] = "";
  const struct failure *failure = failure_of(comparing, dataset->id, 0);
  enum hdx_status status = open_both(comparing, dataset, &held, &fresh, &error);
  if (status == HDX_NOT_FOUND && held && failure) /* nothing could be read: why is told where it was tried */
    status = hdx_error_set(&error, failure->status, "%.*s", HDX_TEXT_ARG(failure->message));
  const struct hdx_snapshot_info *info = status == HDX_OK ? hdx_reader_info(held) : NULL;
  for (size_t i = 0; status == HDX_OK && i < info->year_count && !comparison.differs; i++)
    status = compare_year(comparing, held, fresh, &info->years[i], &comparison, message, sizeof message, &error);
  if (status != HDX_OK) {
    comparison.status = status;
    snprintf(message, sizeof message, "%s", error.message);
  } else if (comparison.status == HDX_OK && comparison.years_changed) {
    comparison.status = HDX_PARTIAL;
  }
  comparison.message = message;
  tell(comparing, &comparison);
  hdx_reader_close(held);
  hdx_reader_close(fresh);
}

/* ---- what is held ---- */

static enum hdx_status add(struct comparing *comparing, const char *id, struct hdx_error *error) {
  const struct hdx_dataset *dataset;
  enum hdx_status status = hdx_catalog_find(comparing->catalog, id, &dataset, error);
  if (status != HDX_OK)
    return status;
  for (size_t i = 0; i < comparing->count; i++)
    if (comparing->datasets[i] == dataset)
      return HDX_OK;
  if (comparing->count == comparing->capacity) {
    size_t capacity = comparing->capacity ? 2 * comparing->capacity : 64;
    const struct hdx_dataset **datasets = realloc(comparing->datasets, capacity * sizeof *datasets);
    if (!datasets)
      return hdx_error_memory(error, capacity * sizeof *datasets);
    comparing->datasets = datasets;
    comparing->capacity = capacity;
  }
  comparing->datasets[comparing->count++] = dataset;
  return HDX_OK;
}

/* The dataset of a snapshot that cannot be read: its file's name without the ending. */
static struct hdx_text id_of_path(const char *path) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
  return (struct hdx_text){name, dot ? (size_t)(dot - name) : strlen(name)};
}

/* Takes a snapshot into the list. One that cannot be read is told at once; one that the catalog no longer names has no
 * source to compare with. */
static void on_held(void *user, const struct hdx_snapshot_info *info, const struct hdx_error *error) {
  struct comparing *comparing = user;
  struct hdx_error reason;
  char *id = error ? NULL : hdx_text_dup(info->id);
  enum hdx_status status = id ? add(comparing, id, &reason) : error ? error->status : HDX_MEMORY;
  if (status == HDX_NOT_FOUND && id)
    hdx_log_write(&comparing->session->log, HDX_LOG_WARNING, "%s: not compared: %s", id, reason.message);
  else if (status != HDX_OK)
    tell(comparing, &(struct hdx_comparison){.bucket = comparing->catalog->source.url.data,
                                             .id = id_of_path(info->path),
                                             .status = status,
                                             .message = error ? error->message
                                                        : id  ? reason.message
                                                              : "out of memory"});
  free(id);
}

/* Notes which years are held, so that no others are fetched. */
static void note_years(struct comparing *comparing) {
  comparing->first_year = INT16_MAX;
  comparing->last_year = INT16_MIN;
  for (size_t i = 0; i < comparing->count; i++) {
    struct hdx_buffer path;
    struct hdx_reader *reader;
    hdx_buffer_init(&path, HDX_URL_BYTES_MAX);
    hdx_store_snapshot_path(&comparing->session->store, comparing->catalog->source.folder, comparing->datasets[i]->id,
                            &path);
    if (hdx_reader_open(hdx_buffer_string(&path), HDX_TEXT(""), &reader, NULL) == HDX_OK) {
      const struct hdx_snapshot_info *info = hdx_reader_info(reader);
      for (size_t y = 0; y < info->year_count; y++) {
        int year = info->years[y].year;
        comparing->first_year = year && year < comparing->first_year ? year : comparing->first_year;
        comparing->last_year = year > comparing->last_year ? year : comparing->last_year;
      }
      hdx_reader_close(reader);
    }
    hdx_buffer_deinit(&path);
  }
}

static enum hdx_status choose(struct comparing *comparing, const char *bucket, const char *const *ids, size_t id_count,
                              struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  for (size_t i = 0; status == HDX_OK && i < id_count; i++)
    status = add(comparing, ids[i], error);
  if (status == HDX_OK && id_count == 0) {
    status = hdx_store_visit(comparing->session, bucket, NULL, 0, false, on_held, comparing, error);
    if (comparing->status != HDX_OK) /* that was told of one after the other */
      status = HDX_OK;
    else if (status == HDX_OK && comparing->count == 0)
      status = hdx_error_set(error, HDX_NOT_FOUND, "%s: nothing of it is held in %s", bucket,
                             comparing->session->store.root);
  }
  return status;
}

static void on_item(void *user, const struct hdx_index_item *item) {
  struct comparing *comparing = user;
  struct failure *failure = item->status != HDX_OK ? hdx_arena_alloc(&comparing->arena, sizeof *failure) : NULL;
  if (!failure)
    return;
  *failure = (struct failure){comparing->failures, hdx_arena_copy(&comparing->arena, item->id),
                              hdx_arena_copy(&comparing->arena, hdx_text_of(item->message)), item->year, item->status};
  comparing->failures = failure;
}

/* Indexes the datasets anew. What fails of them is told year by year, when they are compared. */
static enum hdx_status index_anew(struct comparing *comparing, struct hdx_error *error) {
  struct hdx_index_options options;
  struct hdx_index_summary summary = {0};
  hdx_index_options_init(&options);
  options.bad_rows_max = UINT64_MAX;
  options.item = on_item;
  options.user = comparing;
  if (comparing->first_year > 0 && comparing->first_year <= comparing->last_year) {
    options.start = hdx_time_of_year(comparing->first_year);
    options.stop = hdx_time_of_year(comparing->last_year + 1);
  }
  struct hdx_index_run run = {.session = comparing->session,
                              .catalog = comparing->catalog,
                              .datasets = comparing->datasets,
                              .dataset_count = comparing->count,
                              .options = &options,
                              .summary = &summary,
                              .store = comparing->fresh};
  enum hdx_status status = hdx_index_run(&run, error);
  bool told_later = run.failed > 0 && status != HDX_INTERRUPTED && status != HDX_IO && status != HDX_MEMORY;
  return told_later ? HDX_OK : status;
}

enum hdx_status hdx_store_compare(struct hdx_session *session, const char *bucket, const char *const *ids,
                                  size_t id_count, void (*visit)(void *user, const struct hdx_comparison *comparison),
                                  void *user, struct hdx_error *error) {
  struct comparing comparing = {.session = session, .visit = visit, .user = user};
  struct hdx_catalog *catalog;
  struct hdx_scratch scratch;
  if (session->config.offline)
    return hdx_error_set(error, HDX_USAGE, "index files cannot be fetched anew: the session is offline");
  enum hdx_status status = hdx_catalog_open(session, bucket, false, &catalog, error);
  if (status != HDX_OK)
    return status;
  comparing.catalog = catalog;
  hdx_arena_init(&comparing.arena, SIZE_MAX);
  status = choose(&comparing, bucket, ids, id_count, error);
  note_years(&comparing);
  if (status == HDX_OK)
    status = hdx_store_scratch_init(&scratch, &session->store, error);
  if (status == HDX_OK) {
    comparing.fresh = &scratch.store;
    status = index_anew(&comparing, error);
    malloc_trim(0); /* of threads that indexed, whose memory nobody takes again */
    for (size_t i = 0; status == HDX_OK && i < comparing.count; i++)
      compare_dataset(&comparing, comparing.datasets[i]);
    hdx_store_scratch_deinit(&scratch);
  }
  free(comparing.datasets);
  hdx_arena_deinit(&comparing.arena);
  hdx_catalog_close(catalog);
  if (status == HDX_OK && comparing.status != HDX_OK)
    return hdx_error_set(error, comparing.status, "%s", comparing.first.message);
  return status;
}
