/* A run of the index job: which datasets are under way, what came of them all. */
#include "job/index.h"
#include "job/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
  SPARE_REQUESTS = 64, /* queued beyond those in flight, so that the engine never waits for a dataset to be opened */
  OPENING_YEARS = 8,   /* what a dataset that is being opened is taken to ask for */
};

void hdx_index_options_init(struct hdx_index_options *options) {
  *options = (struct hdx_index_options){.start = HDX_TIME_NONE, .stop = HDX_TIME_NONE, .bad_rows_max = UINT64_MAX};
}

const char *hdx_year_state_name(enum hdx_year_state state) {
  static const char *const names[] = {"present", "gap", "stale", "vanished", "failed"};
  return (size_t)state < sizeof names / sizeof *names ? names[state] : "unknown";
}

void hdx_index_failed(struct hdx_index_run *run, enum hdx_status status, const char *message) {
  if (!run->failed)
    hdx_error_set(&run->first_error, status, "%s", message);
  run->failed++;
  run->gravest = hdx_status_graver(run->gravest, status);
}

static int by_index(const void *a, const void *b) {
  return hdx_text_compare(((const struct hdx_prefix *)a)->index, ((const struct hdx_prefix *)b)->index);
}

static uint64_t wanted_count(const struct hdx_index_run *run, const struct hdx_dataset *dataset) {
  struct hdx_years years = hdx_index_wanted(run, dataset);
  return years.first <= years.last ? (uint64_t)(years.last - years.first) + 1 : 0;
}

/* The prefixes of all datasets, with how many have each. */
static enum hdx_status make_prefixes(struct hdx_index_run *run, struct hdx_error *error) {
  struct hdx_prefix *list = hdx_arena_alloc(&run->arena, (run->dataset_count + 1) * sizeof *list);
  size_t count = 0;
  if (!list)
    return hdx_error_memory(error, run->dataset_count * sizeof *list);
  for (size_t i = 0; i < run->dataset_count; i++)
    list[i] = (struct hdx_prefix){.index = run->datasets[i]->index,
                                  .datasets_left = 1,
                                  .datasets_waiting = 1,
                                  .wanted = wanted_count(run, run->datasets[i])};
  qsort(list, run->dataset_count, sizeof *list, by_index);
  for (size_t i = 0; i < run->dataset_count; i++) {
    struct hdx_prefix *last = count ? &list[count - 1] : NULL;
    if (last && hdx_text_equal(last->index, list[i].index)) {
      last->datasets_left++;
      last->datasets_waiting++;
      last->wanted += list[i].wanted;
    } else {
      list[count++] = list[i];
    }
  }
  run->prefixes = list;
  run->prefix_count = count;
  return HDX_OK;
}

struct hdx_prefix *hdx_index_prefix(const struct hdx_index_run *run, struct hdx_text index) {
  const struct hdx_prefix key = {.index = index};
  return bsearch(&key, run->prefixes, run->prefix_count, sizeof key, by_index);
}

/* Whether another dataset may begin: enough requests to keep the engine busy, and memory for the rows that small
 * datasets hold back until they are complete. Parked ones do not count: they wait for those that are still to begin. */
static bool room(const struct hdx_index_run *run) {
  size_t pending = run->years_pending + (run->datasets_opening + 1) * OPENING_YEARS;
  size_t open = run->datasets_open - run->datasets_parked;
  struct hdx_engine_totals totals;
  if (!open)
    return true;
  hdx_engine_totals(run->session->engine, &totals);
  return pending < 2 * totals.wanted + SPARE_REQUESTS && run->held_bytes < hdx_session_memory(run->session) / 4 &&
         open < run->datasets_max;
}

/* Each dataset under way may have its snapshot open, old and new: no more of them than may be asked for at once, be it
 * that they wait for the disk. */
static size_t datasets_max(const struct hdx_config *config) {
  struct rlimit limit;
  size_t most = 2 * (size_t)config->jobs + SPARE_REQUESTS;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur / 8 >= most)
    return most;
  return limit.rlim_cur / 8 > 1 ? (size_t)(limit.rlim_cur / 8) : 1;
}

static void wake_parked(struct hdx_index_run *run) {
  for (struct hdx_dataset_job **at = &run->parked; *at;) {
    struct hdx_dataset_job *job = *at;
    if (job->prefix->readable || !job->prefix->datasets_left) {
      *at = job->next;
      run->datasets_parked--;
      hdx_dataset_unpark(job);
      at = &run->parked; /* the list may have changed meanwhile */
    } else {
      at = &job->next;
    }
  }
}

void hdx_index_advance(struct hdx_index_run *run) {
  if (run->advancing)
    return; /* a dataset that fails at once comes back here: the loop below goes on */
  run->advancing = true;
  run->stop |= hdx_session_cancelled(run->session);
  wake_parked(run);
  while (run->next_dataset < run->dataset_count && !run->stop && room(run)) {
    const struct hdx_dataset *dataset = run->datasets[run->next_dataset];
    struct hdx_prefix *prefix = hdx_index_prefix(run, dataset->index);
    hdx_discover_ahead(run);
    if (!hdx_discover_ready(prefix, dataset->id))
      break;
    run->next_dataset++;
    prefix->datasets_waiting--;
    hdx_dataset_start(run, dataset, prefix);
  }
  while (run->stop && run->next_dataset < run->dataset_count) {
    struct hdx_prefix *prefix = hdx_index_prefix(run, run->datasets[run->next_dataset++]->index);
    prefix->datasets_left--;
    prefix->datasets_waiting--;
  }
  wake_parked(run); /* those that cannot begin leave their prefix too */
  run->advancing = false;
  run->done = !run->datasets_open && run->next_dataset == run->dataset_count && !run->lists_open;
}

static void fill_progress(void *user, struct hdx_progress *progress) {
  const struct hdx_index_run *run = user;
  const struct hdx_index_summary *summary = run->summary;
  progress->datasets_done = run->datasets_done;
  progress->datasets_total = run->dataset_count;
  progress->files_done = run->files_done;
  progress->files_total = run->files_total;
  progress->rows = summary->rows_fetched;
  progress->bytes = summary->bytes;
  progress->gaps = summary->gaps;
  progress->failures = run->failed;
}

static void count_files(struct hdx_index_run *run) {
  for (size_t i = 0; i < run->dataset_count; i++)
    run->files_total += wanted_count(run, run->datasets[i]);
}

static void run_all(struct hdx_index_run *run) {
  struct hdx_progress_timer progress;
  hdx_progress_start(&progress, run->session, run->started_ns, fill_progress, run);
  hdx_index_advance(run);
  hdx_session_run(run->session, &run->done);
  hdx_progress_stop(&progress);
}

static enum hdx_status lock(struct hdx_index_run *run, struct hdx_store_lock *lock, struct hdx_error *error) {
  struct hdx_session *session = run->session;
  struct hdx_text folder = run->catalog->source.folder;
  bool told = false;
  enum hdx_status status = hdx_store_make(run->store, folder, error);
  while (status == HDX_OK) {
    status = hdx_store_lock(run->store, folder, lock, error);
    if (status != HDX_TEMPORARY)
      break;
    if (!told && error)
      hdx_log_write(&session->log, HDX_LOG_WARNING, "waiting: %s", error->message);
    told = true;
    status = hdx_session_pause(session, error);
  }
  return status;
}

static enum hdx_status outcome(const struct hdx_index_run *run, struct hdx_error *error) {
  if (atomic_load(&run->session->cancelled))
    return hdx_error_set(error, HDX_INTERRUPTED, "interrupted: a rerun goes on where this one ended");
  if (run->untold)
    return hdx_error_set(error, HDX_MEMORY, "out of memory: not every dataset could be begun");
  if (!run->failed)
    return HDX_OK;
  if (run->succeeded)
    return hdx_error_set(error, HDX_PARTIAL, "%s%llu failed; the first: %s",
                         atomic_load(&run->bad_ended) ? "the run ended early, as too many rows are bad; " : "",
                         (unsigned long long)run->failed, run->first_error.message);
  return hdx_error_set(error, run->gravest, "%s", run->first_error.message);
}

static void dry_run(struct hdx_index_run *run) {
  run->summary->datasets = run->dataset_count;
  run->summary->files = run->files_total;
}

static void free_scanners(struct hdx_index_run *run) {
  while (run->scanners) {
    struct hdx_scanner *next = run->scanners->next;
    hdx_scanner_free(run->scanners);
    run->scanners = next;
  }
}

static enum hdx_status open_spool(struct hdx_index_run *run, struct hdx_error *error) {
  struct hdx_buffer path;
  if (!run->options->bad_row)
    return HDX_OK;
  hdx_buffer_init(&path, HDX_URL_BYTES_MAX);
  hdx_store_path(run->store, run->catalog->source.folder, HDX_TEXT("bad-rows"), &path);
  hdx_buffer_append_byte(&path, 0);
  enum hdx_status status = hdx_buffer_status(&path, "the path of a temporary file in the store", error);
  if (status == HDX_OK)
    status = hdx_spool_open(&run->spool, path.data, error);
  hdx_buffer_deinit(&path);
  return status;
}

/* The store is locked, if it is to be written to. */
static enum hdx_status run_ready(struct hdx_index_run *run, struct hdx_error *error) {
  if (!run->inspector)
    hdx_store_sweep(run->store, run->catalog->source.folder);
  hdx_engine_forgive(run->session->engine);
  enum hdx_status status = open_spool(run, error);
  if (status == HDX_OK) {
    run_all(run);
    status = outcome(run, error);
  }
  hdx_spool_close(&run->spool);
  return status;
}

enum hdx_status hdx_index_run(struct hdx_index_run *run, struct hdx_error *error) {
  struct hdx_store_lock held;
  run->started_ns = uv_hrtime();
  run->now = hdx_time_now();
  bool scratch = run->store != NULL;
  run->store = scratch ? run->store : &run->session->store;
  run->keep_folder = run->options->keep_index;
  if (!run->keep_folder && !run->inspector && !scratch)
    run->keep_folder = run->session->config.index_cache;
  run->datasets_max = datasets_max(&run->session->config);
  run->spool.file.fd = -1;
  count_files(run);
  if (run->options->dry_run) {
    dry_run(run);
    return HDX_OK;
  }
  hdx_arena_init(&run->arena, SIZE_MAX);
  /* A query may find in the cache all that it needs. */
  enum hdx_status status = run->unknown_only && run->keep_folder ? hdx_session_start(run->session, error)
                                                                 : hdx_session_online(run->session, error);
  if (status == HDX_OK)
    status = make_prefixes(run, error);
  bool writes = !run->inspector;
  if (status == HDX_OK && writes)
    status = lock(run, &held, error);
  if (status == HDX_OK) {
    status = run_ready(run, error);
    if (writes)
      hdx_store_unlock(&held);
  }
  run->summary->elapsed_ns = uv_hrtime() - run->started_ns;
  free_scanners(run);
  for (size_t i = 0; i < run->prefix_count; i++)
    hdx_discover_free(run->prefixes[i].discovery);
  hdx_arena_deinit(&run->arena);
  return status;
}

/* ---- which datasets ---- */

bool hdx_index_literal(const char *glob) {
  return !strpbrk(glob, "*?[");
}

static int by_id(const void *a, const void *b) {
  const struct hdx_dataset *const *x = a, *const *y = b;
  int order = hdx_text_compare((*x)->id, (*y)->id);
  return order ? order : (*x > *y) - (*x < *y);
}

static bool chosen(const struct hdx_dataset *dataset, const char *const *globs, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!hdx_index_literal(globs[i]) && hdx_text_glob(hdx_text_of(globs[i]), dataset->id))
      return true;
  return count == 0;
}

enum hdx_status hdx_index_choose(struct hdx_session *session, const struct hdx_catalog *catalog,
                                 const char *const *globs, size_t glob_count, const struct hdx_dataset ***result,
                                 size_t *result_count, struct hdx_error *error) {
  size_t count = 0, unique = 0, most = catalog->doc.count + glob_count;
  const struct hdx_dataset **list = calloc(most + 1, sizeof *list);
  enum hdx_status status = HDX_OK;
  if (!list)
    return hdx_error_memory(error, most * sizeof *list);
  for (size_t i = 0; i < glob_count && status == HDX_OK; i++)
    if (hdx_index_literal(globs[i]))
      status = hdx_catalog_find(catalog, globs[i], &list[count++], error);
  for (size_t i = 0; i < catalog->doc.count; i++)
    if (chosen(&catalog->doc.datasets[i], globs, glob_count))
      list[count++] = &catalog->doc.datasets[i];
  if (status == HDX_OK && !count)
    status = hdx_error_set(error, HDX_EMPTY, "%s: no dataset matches %s%s", catalog->source.url.data,
                           glob_count ? globs[0] : "(there is none)", glob_count > 1 ? " or the others" : "");
  if (status != HDX_OK) {
    free(list);
    return status;
  }
  qsort(list, count, sizeof *list, by_id);
  for (size_t i = 0; i < count; i++) {
    if (unique && hdx_text_equal(list[unique - 1]->id, list[i]->id)) {
      if (list[unique - 1] != list[i])
        hdx_log_write(&session->log, HDX_LOG_WARNING, "%s: the id %.*s stands twice in the catalog: the first is taken",
                      catalog->source.url.data, HDX_TEXT_ARG(list[i]->id));
    } else {
      list[unique++] = list[i];
    }
  }
  *result = list;
  *result_count = unique;
  return HDX_OK;
}

enum hdx_status hdx_index(struct hdx_session *session, const char *bucket, const char *const *globs, size_t glob_count,
                          const struct hdx_index_options *options, struct hdx_index_summary *summary,
                          struct hdx_error *error) {
  struct hdx_index_options defaults;
  struct hdx_index_summary ignored;
  struct hdx_catalog *catalog;
  const struct hdx_dataset **datasets = NULL;
  hdx_index_options_init(&defaults);
  options = options ? options : &defaults;
  summary = summary ? summary : &ignored;
  *summary = (struct hdx_index_summary){0};
  enum hdx_status status = hdx_session_online(session, error);
  if (status == HDX_OK)
    status = hdx_catalog_open(session, bucket, true, &catalog, error);
  if (status != HDX_OK)
    return status;
  struct hdx_index_run run = {.session = session, .catalog = catalog, .options = options, .summary = summary};
  status = hdx_index_choose(session, catalog, globs, glob_count, &datasets, &run.dataset_count, error);
  if (status == HDX_OK) {
    run.datasets = datasets;
    status = hdx_index_run(&run, error);
    free(datasets);
  }
  hdx_catalog_close(catalog);
  return status;
}
