/* One dataset of an index run: which years to ask for, what their answers mean together, its new snapshot. */
#include "job/parameters.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
  GROUP_MAX = 64,
  OLD_SHARE = 16 /* of the memory a snapshot that is looked through may take this part */
};

static void open_old(struct hdx_work *work);
static void opened(struct hdx_work *work);

struct hdx_years hdx_index_wanted(const struct hdx_index_run *run, const struct hdx_dataset *dataset) {
  if (run->for_query)
    return hdx_dataset_query_years(hdx_dataset_catalog_start(dataset), dataset->stop, dataset->multiyear,
                                   hdx_dataset_clock(run->now), run->options->start, run->options->stop);
  return hdx_dataset_years(hdx_dataset_catalog_start(dataset), dataset->stop, hdx_dataset_clock(run->now),
                           run->options->start, run->options->stop);
}

static void close_job(struct hdx_dataset_job *job) {
  while (job->years) {
    struct hdx_year_job *next = job->years->next;
    hdx_year_free(job->years);
    job->years = next;
  }
  hdx_parameters_free(job->parameters);
  hdx_writer_abandon(job->writer);
  hdx_temp_abandon(&job->file);
  hdx_reader_close(job->old);
  free(job->states);
  free(job->kept);
  job->parameters = NULL;
  job->writer = NULL;
  job->old = NULL;
  job->states = NULL;
  job->kept = NULL;
  job->state_count = job->kept_count = 0;
  job->run->held_bytes -= job->held_bytes;
  job->held_bytes = 0;
}

/* The job is over: counted and freed. */
static void finish(struct hdx_dataset_job *job) {
  struct hdx_index_run *run = job->run;
  struct hdx_index_summary *summary = run->summary;
  summary->datasets += job->concluded || job->failed;
  summary->datasets_failed += job->failed;
  run->succeeded += job->succeeded;
  summary->rows += job->rows;
  summary->snapshot_bytes += job->file_bytes;
  close_job(job);
  free(job->path);
  free(job);
  run->datasets_open--;
  run->datasets_done++;
  hdx_index_advance(run);
}

/* Tells of a failure of the dataset as a whole. `message` does not name it: the item does so itself. */
static void tell(struct hdx_dataset_job *job, enum hdx_status status, const char *message) {
  struct hdx_index_run *run = job->run;
  char text[HDX_ERROR_TEXT_MAX];
  const struct hdx_index_item item = {.bucket = run->catalog->source.url.data,
                                      .id = job->dataset->id,
                                      .state = HDX_YEAR_FAILED,
                                      .status = status,
                                      .url = job->path ? job->path : "",
                                      .message = message};
  job->failed = true;
  snprintf(text, sizeof text, "%.*s: %s", HDX_TEXT_ARG(job->dataset->id), message);
  hdx_index_failed(run, status, text);
  if (run->options->item)
    run->options->item(run->options->user, &item);
}

/* It ends with that. */
static void fail(struct hdx_dataset_job *job, enum hdx_status status, const char *message) {
  struct hdx_index_run *run = job->run;
  job->succeeded = 0;
  tell(job, status, message);
  if (run->inspector)
    run->inspector->dataset(run->inspector->user, job, status, message);
  finish(job);
}

void hdx_dataset_start(struct hdx_index_run *run, const struct hdx_dataset *dataset, struct hdx_prefix *prefix) {
  struct hdx_dataset_job *job = calloc(1, sizeof *job);
  char message[HDX_ERROR_TEXT_MAX];
  struct hdx_buffer path;
  size_t size;
  if (!job) {
    prefix->datasets_left--;
    snprintf(message, sizeof message, "%.*s: out of memory", HDX_TEXT_ARG(dataset->id));
    hdx_index_failed(run, HDX_MEMORY, message);
    run->untold = true;
    return;
  }
  run->datasets_open++;
  run->datasets_opening++;
  job->run = run;
  job->file.fd = -1;
  job->dataset = dataset;
  job->prefix = prefix;
  hdx_buffer_init(&path, HDX_URL_BYTES_MAX);
  hdx_store_snapshot_path(run->store, run->catalog->source.folder, dataset->id, &path);
  hdx_buffer_append_byte(&path, 0);
  enum hdx_status status = path.status;
  job->path = hdx_buffer_take(&path, &size);
  job->work = (struct hdx_work){.run = open_old, .done = opened};
  if (status == HDX_OK) {
    hdx_workers_submit(run->session->workers, &job->work);
  } else {
    run->datasets_opening--;
    prefix->datasets_left--;
    fail(job, status, status == HDX_MEMORY ? "out of memory" : "the path of its snapshot is too long");
  }
}

int64_t hdx_dataset_confirmed(const char *path) {
  struct stat file;
  if (stat(path, &file) != 0)
    return HDX_TIME_MIN;
  return (int64_t)file.st_mtim.tv_sec * HDX_SECOND_NS + file.st_mtim.tv_nsec;
}

enum hdx_status hdx_dataset_open(const char *path, const struct hdx_source *source, struct hdx_text id,
                                 struct hdx_reader **reader, struct hdx_error *error) {
  struct hdx_reader *opened;
  enum hdx_status status = hdx_reader_open(path, source->identity, &opened, error);
  if (status != HDX_OK)
    return status;
  struct hdx_text found = hdx_reader_subject(opened)->id;
  if (!hdx_text_equal(found, id)) {
    status = hdx_error_set(error, HDX_INTEGRITY, "%s: expected the snapshot of %.*s, found that of %.*s", path,
                           HDX_TEXT_ARG(id), HDX_TEXT_ARG(found));
    hdx_reader_close(opened);
    return status;
  }
  *reader = opened;
  return HDX_OK;
}

/* On a worker. A snapshot that is damaged is of no use: what is said to be unchanged could not be read from it. */
static void open_old(struct hdx_work *work) {
  struct hdx_dataset_job *job = (struct hdx_dataset_job *)work;
  struct hdx_reader *other;
  job->status = HDX_OK;
  if (job->run->inspector)
    return;
  job->confirmed = hdx_dataset_confirmed(job->path);
  job->status = hdx_dataset_open(job->path, &job->run->catalog->source, job->dataset->id, &job->old, &job->error);
  if (job->status == HDX_INTEGRITY && hdx_reader_open(job->path, HDX_TEXT(""), &other, NULL) != HDX_OK) {
    /* Corrupt rather than another bucket's: it is made anew. */
    job->corrupt = true;
    job->status = HDX_NOT_FOUND;
  } else if (job->status == HDX_INTEGRITY) {
    hdx_reader_close(other);
  }
  if (job->status == HDX_OK)
    hdx_reader_keep(job->old, (size_t)(hdx_session_memory(job->run->session) / OLD_SHARE));
  if (job->status == HDX_OK && hdx_reader_check(job->old, &job->error) != HDX_OK) {
    hdx_reader_close(job->old);
    job->old = NULL;
    job->corrupt = true;
  }
  if (job->status == HDX_NOT_FOUND)
    job->status = HDX_OK;
}

/* Whether we can read the dataset's index files. */
static enum hdx_status check_type(const struct hdx_dataset *dataset, struct hdx_error *error) {
  struct hdx_text type = hdx_text_trim(dataset->indextype);
  if (!type.size || hdx_text_equal_nocase(type, HDX_TEXT("csv")) || hdx_text_equal_nocase(type, HDX_TEXT("csv-zip")))
    return HDX_OK;
  bool parquet = hdx_text_equal_nocase(type, HDX_TEXT("parquet"));
  return hdx_error_set(
      error, HDX_INTEGRITY, "index type \"%.*s\" cannot be read, only csv and csv-zip can%s",
      type.size < 100 ? (int)type.size : 100, type.data,
      parquet ? ": ask its publisher for one of them, or convert the files to csv in a copy of your own" : "");
}

static void settled(struct hdx_dataset_job *job);

/* Begins the other years too whose rows are held: all are named by one document. */
static enum hdx_status begin_held(struct hdx_dataset_job *job, struct hdx_error *error) {
  const struct hdx_snapshot_info *info = hdx_reader_info(job->old);
  enum hdx_status status = HDX_OK;
  for (size_t i = 0; i < info->year_count && status == HDX_OK && !job->run->stop; i++) {
    const struct hdx_year *old = &info->years[i];
    bool held = old->rows && (old->state == HDX_YEAR_PRESENT || old->state == HDX_YEAR_STALE);
    if (!held || hdx_dataset_asked(job, old->year))
      continue;
    job->run->files_total++;
    status = hdx_year_start(job, old->year, old, error);
  }
  return status;
}

static enum hdx_status begin_wanted(struct hdx_dataset_job *job, struct hdx_error *error) {
  const struct hdx_index_run *run = job->run;
  struct hdx_years wanted = hdx_index_wanted(run, job->dataset);
  enum hdx_status status = HDX_OK;
  for (int number = wanted.first; status == HDX_OK && number <= wanted.last && !run->stop; number++) {
    const struct hdx_year *old = job->old ? hdx_reader_year(job->old, number) : NULL;
    if (!(run->unknown_only && hdx_year_known(old)))
      status = hdx_year_start(job, number, old, error);
  }
  return status;
}

/* It could not be begun at all. */
static void fail_opening(struct hdx_dataset_job *job, enum hdx_status status) {
  char message[HDX_ERROR_TEXT_MAX];
  snprintf(message, sizeof message, "%s", job->error.message);
  job->prefix->datasets_left--;
  fail(job, status, message);
}

void hdx_dataset_begin_years(struct hdx_dataset_job *job) {
  struct hdx_index_run *run = job->run;
  run->datasets_opening--;
  job->years_left = 1; /* until all have been begun */
  enum hdx_status status = begin_wanted(job, &job->error);
  if (status == HDX_OK && hdx_parameters_changed(job))
    status = begin_held(job, &job->error);
  job->years_left--;
  if (status != HDX_OK && !job->years) {
    fail_opening(job, status);
    return;
  }
  if (status != HDX_OK) {
    job->begun = status;
    tell(job, status, job->error.message);
  }
  if (!job->years_left)
    settled(job);
}

static void opened(struct hdx_work *work) {
  struct hdx_dataset_job *job = (struct hdx_dataset_job *)work;
  struct hdx_index_run *run = job->run;
  enum hdx_status status = job->status;
  if (job->corrupt)
    hdx_log_write(&run->session->log, HDX_LOG_WARNING, "%s: fetched anew", job->error.message);
  if (status == HDX_OK)
    status = check_type(job->dataset, &job->error);
  if (status == HDX_OK && job->prefix->discovery_state == HDX_DISCOVERY_FAILED) {
    job->error = job->prefix->discovery->error;
    status = job->error.status;
  }
  if (status == HDX_OK && !run->inspector)
    status = hdx_writer_create(job->path, &job->writer, &job->error);
  if (job->writer)
    hdx_writer_count_held(job->writer, &run->rows_bytes);
  if (status != HDX_OK) {
    run->datasets_opening--;
    fail_opening(job, status);
  } else if (hdx_parameters_come_first(job)) {
    hdx_parameters_ask(job);
  } else {
    hdx_dataset_begin_years(job);
  }
}

/* ---- what the years' answers mean ---- */

void hdx_dataset_year_settled(struct hdx_year_job *year) {
  struct hdx_dataset_job *job = year->dataset;
  struct hdx_index_run *run = job->run;
  job->years_left--;
  run->years_pending--;
  run->files_done++;
  /* What the scanner was given, not what came: rows are not held packed. */
  job->held_bytes += year->scanned.bytes;
  run->held_bytes += year->scanned.bytes;
  if (year->ready == HDX_IO || year->scan_status == HDX_IO) /* here, not where the index file comes from */
    run->stop = true;
  if (!job->years_left)
    settled(job);
  hdx_index_advance(run);
}

static size_t count(const struct hdx_dataset_job *job, enum hdx_year_outcome outcome) {
  size_t n = 0;
  for (const struct hdx_year_job *year = job->years; year; year = year->next)
    n += year->outcome == outcome;
  return n;
}

static void turn_denied(struct hdx_dataset_job *job, enum hdx_year_outcome outcome) {
  for (struct hdx_year_job *year = job->years; year; year = year->next)
    if (year->outcome == HDX_OUTCOME_DENIED)
      year->outcome = outcome;
}

/* Begins to revalidate a year that was held and not asked for: if it can be read, a 403 of its neighbours means that
 * they are absent. False if there is none. */
static bool probe(struct hdx_dataset_job *job) {
  const struct hdx_snapshot_info *info = job->old ? hdx_reader_info(job->old) : NULL;
  for (size_t i = 0; info && i < info->year_count; i++) {
    const struct hdx_year *old = &info->years[i];
    if (!hdx_dataset_asked(job, old->year) && old->state == HDX_YEAR_PRESENT)
      return hdx_year_start(job, old->year, old, &job->error) == HDX_OK;
  }
  return false;
}

static void conclude(struct hdx_dataset_job *job);

/* All years have answered. */
static void settled(struct hdx_dataset_job *job) {
  struct hdx_index_run *run = job->run;
  size_t denied = count(job, HDX_OUTCOME_DENIED), asked = 0;
  for (const struct hdx_year_job *year = job->years; year; year = year->next)
    asked += !year->cached;
  if (denied && denied == asked && probe(job))
    return;
  job->prefix->datasets_left--;
  if (denied == asked) {
    turn_denied(job, HDX_OUTCOME_FAILED);
  } else if (denied && !job->prefix->readable && job->prefix->datasets_left) {
    job->next = run->parked;
    run->parked = job;
    run->datasets_parked++;
    return;
  }
  hdx_dataset_unpark(job);
}

static void on_witness_block(void *user, struct hdx_block *block) {
  struct hdx_dataset_job *job = user;
  hdx_engine_release(job->run->session->engine, block);
}

static void on_witness(void *user, const struct hdx_fetch_result *result) {
  struct hdx_dataset_job *job = user;
  enum hdx_year_outcome failed = result->status == HDX_INTERRUPTED ? HDX_OUTCOME_INTERRUPTED : HDX_OUTCOME_FAILED;
  turn_denied(job, result->status == HDX_OK ? HDX_OUTCOME_ABSENT : failed);
  conclude(job);
}

/* A year that was read, if there are rows to be dropped because of a 403. */
static const struct hdx_year_job *find_witness(const struct hdx_dataset_job *job) {
  const struct hdx_year_job *witness = NULL;
  bool rows = false;
  for (const struct hdx_year_job *year = job->years; year; year = year->next) {
    rows |= year->outcome == HDX_OUTCOME_DENIED && year->old && year->old->rows;
    if (!year->cached && (year->outcome == HDX_OUTCOME_NEW || year->outcome == HDX_OUTCOME_UNCHANGED))
      witness = year;
  }
  return rows ? witness : NULL;
}

/* Asks anew for it: whoever was let in a moment ago may not be now. False: it cannot be asked for. */
static bool ask_witness(struct hdx_dataset_job *job, const struct hdx_year_job *witness) {
  /* What was settled by a list has no tags of its own. */
  const struct hdx_year *old = witness->old;
  const struct hdx_fetch_request request = {.url = witness->target.url,
                                            .bucket = witness->target.bucket,
                                            .key = witness->target.key,
                                            .etag = witness->etag ? witness->etag : old->etag,
                                            .bytes_max = INT64_MAX,
                                            .block = on_witness_block,
                                            .done = on_witness,
                                            .user = job};
  return hdx_fetch(job->run->session->engine, &request, &job->error) == HDX_OK;
}

/* A server that says 404 of what is missing means what it says by 403. */
void hdx_dataset_unpark(struct hdx_dataset_job *job) {
  bool absent = job->prefix->readable && !job->prefix->tells_missing;
  const struct hdx_year_job *witness = absent ? find_witness(job) : NULL;
  if (witness && ask_witness(job, witness))
    return;
  turn_denied(job, absent && !witness ? HDX_OUTCOME_ABSENT : HDX_OUTCOME_FAILED);
  conclude(job);
}

/* ---- writing ---- */

/* A snapshot's time of last change is when all of its years were last confirmed: so a run that finds nothing new need
 * not write it again. */
static void stamp(const struct hdx_dataset_job *job) {
  int64_t oldest = job->run->now;
  for (size_t i = 0; i < job->state_count; i++)
    oldest = job->states[i].checked_at < oldest ? job->states[i].checked_at : oldest;
  const struct timespec at = {oldest / HDX_SECOND_NS, oldest % HDX_SECOND_NS};
  utimensat(AT_FDCWD, job->path, (struct timespec[]){at, at}, 0);
}

/* On a worker. */
static void write_snapshot(struct hdx_work *work) {
  struct hdx_dataset_job *job = (struct hdx_dataset_job *)work;
  const struct hdx_dataset *dataset = job->dataset;
  struct hdx_subject subject = {.source = job->run->catalog->source.identity,
                                .id = dataset->id,
                                .index = dataset->index,
                                .indextype = dataset->indextype,
                                .catalog_start = hdx_dataset_catalog_start(dataset),
                                .catalog_stop = dataset->stop,
                                .multiyear = dataset->multiyear,
                                .parameters = hdx_parameters_fingerprint(job)};
  job->status = HDX_OK;
  for (size_t i = 0; i < job->kept_count && job->status == HDX_OK; i++)
    job->status = hdx_writer_keep_year(job->writer, job->old, job->kept[i], &job->error);
  if (job->status != HDX_OK)
    return;
  job->status = hdx_parameters_describe(job, &job->error);
  if (job->status != HDX_OK)
    return;
  struct hdx_writer *writer = job->writer;
  job->writer = NULL;
  job->rows = hdx_writer_rows(writer);
  job->status = hdx_writer_finish(writer, &subject, job->states, job->state_count, job->digits, &job->file_bytes,
                                  &job->file, &job->error);
}

static void failed_to_write(struct hdx_dataset_job *job) {
  char message[HDX_ERROR_TEXT_MAX];
  job->rows = 0;
  snprintf(message, sizeof message, "%s", job->error.message);
  if (job->status == HDX_IO)
    job->run->stop = true;
  fail(job, job->status, message);
}

static void written(struct hdx_work *work) {
  struct hdx_dataset_job *job = (struct hdx_dataset_job *)work;
  struct hdx_index_run *run = job->run;
  if (job->status != HDX_OK) {
    failed_to_write(job);
    return;
  }
  run->held_bytes -= job->held_bytes;
  job->held_bytes = 0;
  job->next = run->written;
  run->written = job;
  hdx_dataset_sync(run);
}

/* Snapshots that are synced and named together: on a disk that takes a small part of the time. */
struct hdx_group {
  struct hdx_work work;
  struct hdx_index_run *run;
  struct hdx_dataset_job *jobs[GROUP_MAX];
  struct hdx_temp files[GROUP_MAX];
  enum hdx_status statuses[GROUP_MAX];
  struct hdx_error errors[GROUP_MAX];
  size_t count;
};

/* On a worker. */
static void sync_group(struct hdx_work *work) {
  struct hdx_group *group = (struct hdx_group *)work;
  hdx_temp_commit_all(group->files, group->count, group->statuses, group->errors);
  for (size_t i = 0; i < group->count; i++)
    if (group->statuses[i] == HDX_OK)
      stamp(group->jobs[i]);
}

static void synced(struct hdx_work *work) {
  struct hdx_group *group = (struct hdx_group *)work;
  struct hdx_index_run *run = group->run;
  run->group = NULL;
  hdx_dataset_sync(run);
  for (size_t i = 0; i < group->count; i++) {
    struct hdx_dataset_job *job = group->jobs[i];
    job->status = group->statuses[i];
    job->error = group->errors[i];
    if (job->status == HDX_OK)
      finish(job);
    else
      failed_to_write(job);
  }
  free(group);
}

void hdx_dataset_sync(struct hdx_index_run *run) {
  if (run->group || !run->written)
    return;
  struct hdx_group *group = calloc(1, sizeof *group);
  while (!group && run->written) {
    struct hdx_dataset_job *job = run->written;
    run->written = job->next;
    job->status = hdx_error_memory(&job->error, sizeof *group);
    failed_to_write(job);
  }
  if (!group)
    return;
  group->run = run;
  while (run->written && group->count < GROUP_MAX) {
    struct hdx_dataset_job *job = run->written;
    run->written = job->next;
    group->files[group->count] = job->file;
    job->file = (struct hdx_temp){.fd = -1};
    group->jobs[group->count++] = job;
  }
  group->work = (struct hdx_work){.run = sync_group, .done = synced};
  run->group = group;
  hdx_workers_submit(run->session->workers, &group->work);
}

static void conclude(struct hdx_dataset_job *job) {
  bool offline = job->run->session->config.offline; /* without a year, nothing was learnt then */
  bool same = hdx_dataset_unchanged(job), any = job->old || !(job->years || job->run->stop || offline);
  enum hdx_status status = hdx_dataset_collect(job);
  for (size_t i = 0; i < job->state_count; i++)
    any |= job->states[i].state != HDX_YEAR_FAILED;
  bool interrupted = count(job, HDX_OUTCOME_INTERRUPTED) > 0, inspected = job->run->inspector != NULL;
  const struct hdx_index_options *options = job->run->options;
  bool all_asked = !job->run->for_query && options->start == HDX_TIME_NONE && options->stop == HDX_TIME_NONE;
  if (job->years && all_asked && !interrupted && !inspected && count(job, HDX_OUTCOME_ABSENT) == job->state_count)
    hdx_log_write(&job->run->session->log, HDX_LOG_WARNING, "%.*s: none of its %zu index files exists below %.*s",
                  HDX_TEXT_ARG(job->dataset->id), job->state_count, HDX_TEXT_ARG(job->dataset->index));
  if (status != HDX_OK) {
    fail(job, status, job->error.message);
  } else if (inspected) {
    job->run->inspector->dataset(job->run->inspector->user, job, job->begun, job->begun ? job->error.message : "");
    finish(job);
  } else if (same || !any) {
    if (same)
      stamp(job);
    job->rows = job->old ? hdx_reader_info(job->old)->rows : 0;
    finish(job);
  } else {
    job->work = (struct hdx_work){.run = write_snapshot, .done = written};
    hdx_workers_submit(job->run->session->workers, &job->work);
  }
}
