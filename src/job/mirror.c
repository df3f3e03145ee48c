/* A run of the mirror job: its beginning, its course, its end. */
#include "job/mirror.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
  WATCH_MS = 100,
  WAITING_MAX = 512, /* files */
  READY_MAX = 2048,  /* files that wait for a slow disk to have taken those before */
  CHECKING_MAX = 16, /* chunks */
  SPARE_FILES = 64,  /* asked for beyond what the engine has in flight, so that it never waits for the list */
  KEEP_FREE_BYTES = 64 << 20
};
#define ENOUGH_BYTES "as many bytes have come as the run may fetch"
#define SPACE_EVERY_NS UINT64_C(1000000000)

void hdx_mirror_options_init(struct hdx_mirror_options *options) {
  *options = (struct hdx_mirror_options){.keep_free_bytes = KEEP_FREE_BYTES};
}

const char *hdx_mirror_outcome_name(enum hdx_mirror_outcome outcome) {
  static const char *const names[] = {"unchanged", "fetched", "resumed", "failed", "left", "deleted"};
  return (size_t)outcome < sizeof names / sizeof *names ? names[outcome] : "unknown";
}

/* ---- what becomes of files ---- */

void hdx_mirror_fail(struct hdx_mirror_file *file, enum hdx_status status, const char *message) {
  if (file->status != HDX_OK)
    return;
  file->status = status;
  file->message = strdup(message);
}

void hdx_mirror_give_up(struct hdx_mirror_file *file, enum hdx_status status, const char *message) {
  hdx_mirror_fail(file, status, message);
  hdx_mirror_settle(file, HDX_MIRROR_FAILED);
}

static void count_failure(struct hdx_mirror_run *run, const struct hdx_mirror_file *file, const char *message) {
  if (!run->summary->failed++)
    hdx_error_set(&run->first_error, file->status, "%s", message);
  run->gravest = hdx_status_graver(run->gravest, file->status);
}

static void count(struct hdx_mirror_run *run, const struct hdx_mirror_file *file, enum hdx_mirror_outcome outcome,
                  const char *message) {
  struct hdx_mirror_summary *summary = run->summary;
  bool came = outcome == HDX_MIRROR_FETCHED || outcome == HDX_MIRROR_RESUMED;
  summary->unchanged += outcome == HDX_MIRROR_UNCHANGED;
  summary->fetched += outcome == HDX_MIRROR_FETCHED;
  summary->resumed += outcome == HDX_MIRROR_RESUMED;
  summary->left += outcome == HDX_MIRROR_LEFT;
  summary->bytes_fetched += file->bytes;
  summary->bytes_kept += came ? file->kept : 0;
  for (unsigned check = 0; came && check < HDX_CHECK_COUNT; check++)
    summary->checked[check] += file->verified >> check & 1;
  if (outcome == HDX_MIRROR_FAILED)
    count_failure(run, file, message);
  else
    run->succeeded += outcome != HDX_MIRROR_LEFT;
  run->files_done += outcome != HDX_MIRROR_LEFT;
}

void hdx_mirror_settle(struct hdx_mirror_file *file, enum hdx_mirror_outcome outcome) {
  struct hdx_mirror_chunk *chunk = file->chunk;
  struct hdx_mirror_run *run = chunk->run;
  const char *text = file->message ? file->message : hdx_status_text(file->status);
  const char *message = outcome == HDX_MIRROR_FAILED || outcome == HDX_MIRROR_LEFT ? text : "";
  bool unchanged = outcome == HDX_MIRROR_UNCHANGED, good = unchanged || file->status == HDX_OK;
  const struct hdx_mirror_item item = {.file = &file->file,
                                       .path = file->path,
                                       .outcome = outcome,
                                       .status = file->status,
                                       .message = message,
                                       .size = unchanged ? file->known_size
                                               : good    ? file->size
                                                         : 0,
                                       .bytes = file->bytes,
                                       .checks = unchanged ? file->known_checks : file->verified};
  count(run, file, outcome, message);
  if (run->options->item)
    run->options->item(run->options->user, &item);
  hdx_mirror_file_deinit(file);
  if (--chunk->left == 0)
    hdx_mirror_chunk_put(chunk);
}

/* ---- the course ---- */

struct hdx_mirror_folders *hdx_mirror_folders_take(struct hdx_mirror_run *run, struct hdx_error *error) {
  struct hdx_mirror_folders *folders = run->folders;
  if (folders) {
    run->folders = folders->next;
    return folders;
  }
  folders = malloc(sizeof *folders);
  if (!folders) {
    hdx_error_memory(error, sizeof *folders);
    return NULL;
  }
  hdx_folders_init(&folders->folders, &run->destination);
  return folders;
}

void hdx_mirror_folders_put(struct hdx_mirror_run *run, struct hdx_mirror_folders *folders) {
  folders->next = run->folders;
  run->folders = folders;
}

void hdx_mirror_stop(struct hdx_mirror_run *run, enum hdx_status status, const char *message) {
  if (run->stop != HDX_OK)
    return;
  run->stop = status;
  atomic_store(&run->stopping, true);
  hdx_error_set(&run->stop_error, status, "%s", message);
  for (struct hdx_mirror_file *file = run->active; file; file = file->active)
    if (file->open) {
      hdx_mirror_fail(file, status, message);
      hdx_mirror_abort(file);
    }
}

/* Enough requests to keep the engine busy, as long as the disk follows; what is open at once is bounded by that, too. A
 * file that was begun is opened before it is asked for: beside the connections there are half as many of those at the
 * most. */
static bool room(const struct hdx_mirror_run *run, const struct hdx_mirror_file *file) {
  struct hdx_engine_totals totals;
  if (run->ready_count >= READY_MAX)
    return false;
  hdx_engine_totals(run->session->engine, &totals);
  return !run->weight || run->weight < (file->extents.count ? totals.wanted / 2 : totals.wanted + SPARE_FILES);
}

/* Whether a file would pass the bytes that the run may fetch. The first one is begun in any case: a rerun goes on with
 * it. */
static bool is_too_much(const struct hdx_mirror_run *run, const struct hdx_mirror_file *file) {
  uint64_t max = run->options->bytes_max, size = file->file.size > 0 ? (uint64_t)file->file.size : 0;
  return max && run->bytes_begun && (run->bytes_begun >= max || size > max - run->bytes_begun);
}

/* Nothing more is begun, but what is under way goes on. */
static void end_beginning(struct hdx_mirror_run *run, enum hdx_status status, const char *message) {
  run->stop = status;
  run->ending = true;
  hdx_error_set(&run->stop_error, status, "%s", message);
}

static void begin_waiting(struct hdx_mirror_run *run) {
  while (run->waiting && (run->stop != HDX_OK || room(run, run->waiting))) {
    struct hdx_mirror_file *file = run->waiting;
    run->waiting = file->next;
    if (!run->waiting)
      run->waiting_last = &run->waiting;
    run->waiting_count--;
    if (run->stop == HDX_OK && is_too_much(run, file))
      end_beginning(run, HDX_LIMIT, ENOUGH_BYTES);
    if (run->stop == HDX_OK) {
      run->bytes_begun += file->file.size > 0 ? (uint64_t)file->file.size : 0;
      hdx_mirror_start(file);
    } else {
      hdx_mirror_fail(file, run->stop, run->stop_error.message);
      hdx_mirror_settle(file, HDX_MIRROR_LEFT);
    }
  }
}

/* The list is looked at ahead of what is asked for, but not far: what waits is held in memory. */
static void pull(struct hdx_mirror_run *run) {
  struct hdx_error error;
  while (!run->list_ended && run->waiting_count < WAITING_MAX && run->checking < CHECKING_MAX) {
    if (hdx_mirror_pull(run, &error) != HDX_OK)
      hdx_mirror_stop(run, error.status, error.message);
  }
}

void hdx_mirror_advance(struct hdx_mirror_run *run) {
  if (run->advancing)
    return; /* a file that fails at once comes back here: the loop below goes on */
  run->advancing = true;
  if (hdx_session_cancelled(run->session))
    hdx_mirror_stop(run, HDX_INTERRUPTED, "interrupted");
  begin_waiting(run);
  pull(run);
  hdx_mirror_commit(run);
  run->advancing = false;
  run->done = run->list_ended && !run->checking && !run->waiting && !run->active && !run->ready && !run->committing;
}

static void fill_progress(void *user, struct hdx_progress *progress) {
  const struct hdx_mirror_run *run = user;
  struct hdx_engine_totals totals;
  hdx_engine_totals(run->session->engine, &totals);
  progress->files_done = run->files_done;
  progress->files_total = run->summary->files;
  progress->bytes = totals.bytes - run->bytes_before;
  progress->bytes_total = run->summary->bytes_to_fetch;
  progress->failures = run->summary->failed;
}

/* ---- limits ---- */

enum { BYTES_TEXT_MAX = 24 };

static const char *bytes_text(uint64_t bytes, char out[BYTES_TEXT_MAX]) {
  static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = (double)bytes / 1024;
  size_t unit = 0;
  for (; value >= 1023.95 && unit + 1 < sizeof units / sizeof *units; unit++)
    value /= 1024;
  if (bytes < 1024)
    snprintf(out, BYTES_TEXT_MAX, "%" PRIu64 " bytes", bytes);
  else
    snprintf(out, BYTES_TEXT_MAX, "%.1f %s", value, units[unit]);
  return out;
}

static void watch_space(struct hdx_mirror_run *run, uint64_t now) {
  uint64_t left;
  struct hdx_error error;
  char message[256], a[BYTES_TEXT_MAX], b[BYTES_TEXT_MAX];
  if (now - run->space_seen_ns < SPACE_EVERY_NS)
    return;
  run->space_seen_ns = now;
  if (hdx_destination_free(&run->destination, &left, &error) != HDX_OK || left >= run->options->keep_free_bytes)
    return;
  snprintf(message, sizeof message, "%.150s: %s are free, %s are to be kept free", run->destination.path,
           bytes_text(left, a), bytes_text(run->options->keep_free_bytes, b));
  hdx_mirror_stop(run, HDX_IO, message);
}

/* Whether all that is left is to give files their names: no limit is worth to leave them. */
static bool is_ending(const struct hdx_mirror_run *run) {
  return run->list_ended && !run->checking && !run->waiting && !run->active;
}

static void on_watch(uv_timer_t *timer) {
  struct hdx_mirror_run *run = timer->data;
  const struct hdx_mirror_options *options = run->options;
  struct hdx_engine_totals totals;
  uint64_t now = uv_hrtime();
  hdx_engine_totals(run->session->engine, &totals);
  bool limited = !is_ending(run);
  if (limited && options->duration_ms_max && (now - run->started_ns) / 1000000 >= options->duration_ms_max)
    hdx_mirror_stop(run, HDX_LIMIT, "the time that the run may take is over");
  if (limited && options->bytes_max && totals.bytes - run->bytes_before >= options->bytes_max)
    hdx_mirror_stop(run, HDX_LIMIT, ENOUGH_BYTES);
  watch_space(run, now);
  hdx_mirror_advance(run);
}

static void on_watch_closed(uv_handle_t *handle) {
  ((struct hdx_mirror_run *)handle->data)->watch_open = false;
}

static void run_all(struct hdx_mirror_run *run) {
  struct hdx_progress_timer progress;
  struct hdx_engine_totals totals;
  uv_loop_t *loop = hdx_engine_loop(run->session->engine);
  hdx_engine_totals(run->session->engine, &totals);
  run->bytes_before = totals.bytes;
  hdx_engine_forgive(run->session->engine);
  uv_timer_init(loop, &run->watch);
  run->watch.data = run;
  run->watch_open = true;
  uv_timer_start(&run->watch, on_watch, WATCH_MS, WATCH_MS);
  hdx_progress_start(&progress, run->session, run->started_ns, fill_progress, run);
  hdx_mirror_advance(run);
  hdx_session_run(run->session, &run->done);
  hdx_progress_stop(&progress);
  uv_close((uv_handle_t *)&run->watch, on_watch_closed);
  while (run->watch_open)
    uv_run(loop, UV_RUN_ONCE);
}

/* ---- beginning and end ---- */

static enum hdx_status open_destination(struct hdx_mirror_run *run, const char *path, struct hdx_error *error) {
  struct hdx_session *session = run->session;
  bool told = false;
  for (;;) {
    enum hdx_status status =
        hdx_destination_open(path, run->options->shard, !run->options->dry_run, &run->destination, error);
    if (status != HDX_TEMPORARY)
      return status;
    if (!told)
      hdx_log_write(&session->log, HDX_LOG_WARNING, "waiting: %s", error->message);
    told = true;
    status = hdx_session_pause(session, error);
    if (status != HDX_OK)
      return status;
  }
}

static bool claim_known(void *user, const struct hdx_journal_file *file) {
  struct hdx_mirror_run *run = user;
  enum hdx_claim claim;
  hdx_buffer_clear(&run->path);
  hdx_buffer_append_text(&run->path, file->path);
  run->stop = hdx_claims_take(run->claims, file->location, &run->path, &claim, &run->stop_error);
  return run->stop == HDX_OK;
}

/* What earlier runs have put there has its place. */
static enum hdx_status open_journal(struct hdx_mirror_run *run, struct hdx_error *error) {
  struct hdx_session *session = run->session;
  char name[160];
  const char *shard = run->options->shard;
  snprintf(name, sizeof name, "journal%s%.128s", shard ? "-" : "", shard ? shard : "");
  enum hdx_status status = hdx_claims_new(run->destination.fold, &run->claims, error);
  if (status != HDX_OK || run->destination.state < 0) /* a dry run to a folder that is not there */
    return status;
  status = hdx_journal_open(run->destination.state, run->destination.path, run->options->dry_run ? NULL : name,
                            session->config.memory_bytes, &session->log, &run->journal, error);
  if (status == HDX_OK)
    status = hdx_journal_files(run->journal, claim_known, run, error);
  if (status != HDX_OK)
    return status;
  if (run->stop != HDX_OK)
    return hdx_error_set(error, run->stop, "%s", run->stop_error.message);
  hdx_claims_renew(run->claims);
  return HDX_OK;
}

static bool gather_begun(void *user, const struct hdx_journal_part *part) {
  struct hdx_buffer *names = user;
  hdx_buffer_append_text(names, part->partial);
  hdx_buffer_append_byte(names, 0);
  return names->status == HDX_OK;
}

static bool is_begun(void *user, const char *name) {
  const struct hdx_buffer *names = user;
  for (size_t at = 0; at < names->size; at += strlen(names->data + at) + 1)
    if (strcmp(names->data + at, name) == 0)
      return true;
  return names->status != HDX_OK;
}

/* What runs that were killed left, unless it can be gone on with. Shards leave it alone: it may be another's. */
static void sweep(struct hdx_mirror_run *run) {
  struct hdx_buffer names;
  if (run->options->shard || run->options->dry_run)
    return;
  hdx_buffer_init(&names, 16 << 20);
  if (hdx_journal_parts(run->journal, gather_begun, &names, NULL) == HDX_OK)
    hdx_partial_sweep(&run->destination, is_begun, &names);
  hdx_buffer_deinit(&names);
}

/* Stops the run before anything is begun where all of it would not find room: every file is told as left. */
static void check_space(struct hdx_mirror_run *run) {
  struct hdx_mirror_summary *summary = run->summary;
  uint64_t needed = summary->bytes_to_fetch, keep = run->options->keep_free_bytes;
  char a[BYTES_TEXT_MAX], b[BYTES_TEXT_MAX], c[BYTES_TEXT_MAX], message[HDX_ERROR_TEXT_MAX];
  summary->bytes_free = UINT64_MAX;
  if (run->destination.folder < 0 || hdx_destination_free(&run->destination, &summary->bytes_free, NULL) != HDX_OK)
    return;
  if (run->options->dry_run || !needed || run->options->bytes_max ||
      (needed <= summary->bytes_free && keep <= summary->bytes_free - needed))
    return;
  snprintf(message, sizeof message,
           "%.300s: %s are to come and %s are to be kept free, but only %s are free: nothing was begun",
           run->destination.path, bytes_text(needed, a), bytes_text(keep, b), bytes_text(summary->bytes_free, c));
  hdx_mirror_stop(run, HDX_IO, message);
}

static enum hdx_status outcome(struct hdx_mirror_run *run, struct hdx_error *error) {
  const struct hdx_mirror_summary *summary = run->summary;
  if (run->stop == HDX_INTERRUPTED)
    return hdx_error_set(error, run->stop, "interrupted: a rerun goes on where this one ended");
  if (run->stop != HDX_OK)
    return hdx_error_set(error, run->stop, "%s (%" PRIu64 " files are left: a rerun goes on)", run->stop_error.message,
                         summary->left);
  if (!summary->failed)
    return HDX_OK;
  if (run->succeeded)
    return hdx_error_set(error, HDX_PARTIAL, "%" PRIu64 " of %" PRIu64 " files failed; the first: %s", summary->failed,
                         summary->files, run->first_error.message);
  return hdx_error_set(error, run->gravest, "%s", run->first_error.message);
}

static enum hdx_status mirror(struct hdx_mirror_run *run, struct hdx_error *error) {
  enum hdx_status status = open_journal(run, error);
  if (status == HDX_OK)
    status = hdx_mirror_survey(run, error);
  if (status == HDX_OK)
    check_space(run);
  if (status == HDX_OK)
    status = hdx_mirror_gather_extra(run, error);
  if (status != HDX_OK)
    return status;
  run->files->refused = NULL; /* the second time it is no news */
  if (!run->options->dry_run) {
    hdx_claims_renew(run->claims);
    sweep(run);
    run_all(run);
    status = outcome(run, error);
  }
  if (status == HDX_OK)
    status = hdx_mirror_delete_extra(run, error);
  struct hdx_error flushed;
  if (!run->options->dry_run &&
      hdx_journal_flush(run->journal, run->options->fsync == HDX_FSYNC_BATCH, &flushed) != HDX_OK && status == HDX_OK)
    status = hdx_error_set(error, flushed.status, "%s", flushed.message);
  return status;
}

static void deinit(struct hdx_mirror_run *run) {
  while (run->folders) {
    struct hdx_mirror_folders *next = run->folders->next;
    hdx_folders_deinit(&run->folders->folders);
    free(run->folders);
    run->folders = next;
  }
  hdx_mirror_chunks_free(run);
  hdx_claims_free(run->claims);
  hdx_journal_close(run->journal);
  hdx_destination_close(&run->destination);
  hdx_layout_free(run->layout);
  hdx_buffer_deinit(&run->path);
  hdx_buffer_deinit(&run->text);
  hdx_buffer_deinit(&run->extra);
}

enum hdx_status hdx_mirror(struct hdx_session *session, struct hdx_files *files, const char *dest,
                           const struct hdx_mirror_options *options, struct hdx_mirror_summary *summary,
                           struct hdx_error *error) {
  struct hdx_mirror_options defaults;
  struct hdx_mirror_summary ignored;
  hdx_mirror_options_init(&defaults);
  options = options ? options : &defaults;
  summary = summary ? summary : &ignored;
  *summary = (struct hdx_mirror_summary){0};
  struct hdx_mirror_run run = {.session = session,
                               .files = files,
                               .options = options,
                               .summary = summary,
                               .started_ns = uv_hrtime(),
                               .destination = HDX_DESTINATION_NONE};
  run.waiting_last = &run.waiting;
  run.ready_last = &run.ready;
  hdx_buffer_init(&run.path, HDX_URL_BYTES_MAX);
  hdx_buffer_init(&run.text, 1 << 20);
  hdx_buffer_init(&run.extra, session->config.memory_bytes);
  if (options->delete_extra && (options->shard || files->shard_count))
    return hdx_error_set(error, HDX_USAGE, "a shard cannot tell what is not wanted: nothing can be deleted by it");
  enum hdx_status status = hdx_layout_parse(options->layout ? options->layout : HDX_LAYOUT_KEY, &run.layout, error);
  if (status == HDX_OK && !options->dry_run)
    status = hdx_session_online(session, error);
  if (status == HDX_OK)
    status = open_destination(&run, dest, error);
  if (status == HDX_NOT_FOUND && options->dry_run) /* all of it would come */
    status = HDX_OK;
  run.started_ns = uv_hrtime(); /* who was waited for is not a part of it */
  if (status == HDX_OK)
    status = mirror(&run, error);
  summary->elapsed_ns = uv_hrtime() - run.started_ns;
  deinit(&run);
  return status;
}
