/* One index file: fetched by the loop, scanned by workers, its rows handed to the dataset's writer.
 *
 *   loop:    blocks arrive → queue ─┐              ┌→ blocks given back, more? ─┐
 *   worker:                         └→ scan, write ┘                            └→ … → finish → settled
 */
#include "job/form.h"
#include "job/parameters.h"
#include "transfer/head.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROWS_TEXT_BYTES_MAX (256u << 20) /* of one scanner's batch and what is held already: far beyond real rows */

static void give_back(struct hdx_year_job *year, struct hdx_block *block) {
  while (block) {
    struct hdx_block *next = block->next;
    hdx_engine_release(year->dataset->run->session->engine, block);
    block = next;
  }
}

static void queue_clear(struct hdx_year_job *year) {
  give_back(year, year->queue);
  year->queue = NULL;
  year->queue_last = &year->queue;
}

/* Lets the scanner read for another year. */
static void release_scanner(struct hdx_year_job *year) {
  if (!year->scanner)
    return;
  const struct hdx_csv_result *result = hdx_csv_result(year->scanner->csv);
  year->scanned = (struct hdx_year_scanned){.rows = result->rows,
                                            .bad_rows = result->bad_rows,
                                            .bytes = result->bytes,
                                            .repairs = hdx_form_repairs(result),
                                            .time_digits = result->time_digits,
                                            .unsorted = result->unsorted};
  year->scanner->next = year->dataset->run->scanners;
  year->dataset->run->scanners = year->scanner;
  year->scanner = NULL;
}

void hdx_year_free(struct hdx_year_job *year) {
  struct hdx_index_run *run = year->dataset->run;
  queue_clear(year);
  release_scanner(year);
  hdx_bad_rows_deinit(&year->bad_rows);
  if (year->inspected)
    run->inspector->free(year->inspected);
  hdx_year_drop_rows(year);
  hdx_temp_abandon(&year->keep);
  free(year->columns);
  hdx_year_forget_name(year);
  free(year->etag);
  free(year->last_modified);
  free(year->form);
  free(year);
}

/* ---- on the loop thread ---- */

static void schedule(struct hdx_year_job *year);

/* The outcome is known: told to the dataset as soon as no worker has the year. */
static void settle(struct hdx_year_job *year, enum hdx_year_outcome outcome, enum hdx_status status,
                   const char *message) {
  year->outcome = outcome;
  year->status = status;
  snprintf(year->message, sizeof year->message, "%s", message);
  queue_clear(year);
  year->settling = year->busy;
  if (!year->busy) {
    hdx_year_tell_bad_rows(year);
    if (outcome != HDX_OUTCOME_NEW && year->dataset->writer)
      hdx_writer_drop_year(year->dataset->writer, year->year);
    release_scanner(year);
    hdx_year_drop_rows(year);
    hdx_dataset_year_settled(year);
  }
}

static void fetch(struct hdx_year_job *year);
static enum hdx_status open_keep(struct hdx_year_job *year, struct hdx_error *error);

/* Reads the file once more, now that the names of its columns are known. That is dearer than to hold its blocks until
 * they are, but safe: blocks that wait for an answer of the network would take the memory that the answer needs. */
static void read_again(struct hdx_year_job *year) {
  year->ended = false;
  year->restarted = true;
  year->ready = open_keep(year, &year->scan_error);
  fetch(year);
}

static enum hdx_status put_form(struct hdx_year_job *year, struct hdx_error *error) {
  struct hdx_buffer form;
  hdx_buffer_init(&form, 1024);
  if (year->bytes)
    hdx_form_put(hdx_csv_dialect(year->scanner->csv), hdx_packing_name(hdx_unpack_packing(year->scanner->unpack)),
                 &form);
  free(year->form);
  enum hdx_status status = hdx_buffer_status(&form, "the form of an index file", error);
  year->form = status == HDX_OK ? hdx_text_dup(hdx_buffer_text(&form)) : NULL;
  hdx_buffer_deinit(&form);
  return status == HDX_OK && !year->form ? hdx_error_memory(error, form.size) : status;
}

/* Rows whose columns have no names, or that lack what is known of them, would stay so until the file changes: so a
 * failure to learn of that is one of the file. */
static void fail_unnamed(struct hdx_year_job *year, enum hdx_status status, const char *why) {
  char message[HDX_ERROR_TEXT_MAX];
  snprintf(message, sizeof message, "%s: what its extra columns are cannot be read: %.800s", year->target.url, why);
  settle(year, status == HDX_INTERRUPTED ? HDX_OUTCOME_INTERRUPTED : HDX_OUTCOME_FAILED, status, message);
}

/* Whether it matters what its extra columns are. */
static bool has_extras(const struct hdx_year_job *year) {
  return !year->dataset->run->inspector && hdx_csv_dialect(year->scanner->csv)->extra_count &&
         hdx_csv_result(year->scanner->csv)->rows;
}

void hdx_year_go_on(struct hdx_year_job *year) {
  const char *why = "";
  size_t names = 0;
  enum hdx_status status = has_extras(year) ? hdx_parameters_status(year->dataset, &why) : HDX_OK;
  if (status != HDX_OK) {
    fail_unnamed(year, status, why);
    return;
  }
  hdx_parameters_names(year->dataset, &names);
  if (names && !year->named && hdx_csv_dialect(year->scanner->csv)->names_made_up) {
    read_again(year);
    return;
  }
  status = put_form(year, &year->scan_error);
  hdx_year_log(year);
  settle(year, status == HDX_OK ? HDX_OUTCOME_NEW : HDX_OUTCOME_FAILED, status,
         status == HDX_OK ? "" : year->scan_error.message);
}

static void scanned(struct hdx_work *work) {
  struct hdx_year_job *year = (struct hdx_year_job *)work;
  char message[HDX_ERROR_TEXT_MAX];
  give_back(year, year->taken);
  year->taken = NULL;
  year->busy = false;
  year->dataset->run->stop |= atomic_load(&year->dataset->run->bad_ended);
  if (year->settling) {
    memcpy(message, year->message, sizeof message);
    settle(year, year->outcome, year->status, message);
  } else if (!year->last) {
    schedule(year);
  } else if (year->scan_status == HDX_OK && has_extras(year) && !hdx_parameters_answered(year->dataset)) {
    hdx_parameters_wait(year);
  } else if (year->scan_status == HDX_OK) {
    hdx_year_go_on(year);
  } else if (year->scan_status == HDX_INTERRUPTED) {
    settle(year, HDX_OUTCOME_INTERRUPTED, HDX_INTERRUPTED, year->scan_error.message);
  } else {
    hdx_year_log(year);
    snprintf(message, sizeof message, "%s: %.900s", year->target.url, year->scan_error.message);
    settle(year, HDX_OUTCOME_FAILED, year->scan_status, message);
  }
}

/* Gives the worker what there is, unless it is busy. */
static void schedule(struct hdx_year_job *year) {
  if (year->busy || (!year->queue && !year->ended))
    return;
  year->taken = year->queue;
  year->queue = NULL;
  year->queue_last = &year->queue;
  year->restart = year->restarted;
  year->restarted = false;
  if (year->restart) {
    size_t names;
    year->named = hdx_parameters_names(year->dataset, &names) != NULL;
  }
  year->last = year->ended;
  year->busy = true;
  year->work = (struct hdx_work){.run = hdx_year_scan, .done = scanned};
  hdx_workers_submit(year->dataset->run->session->workers, &year->work);
}

/* Where the file is to be kept, if it is. */
static enum hdx_status open_keep(struct hdx_year_job *year, struct hdx_error *error) {
  if (!year->keep_path || year->cached)
    return HDX_OK;
  char *folder = strdup(year->keep_path);
  if (!folder)
    return hdx_error_memory(error, strlen(year->keep_path));
  *strrchr(folder, '/') = 0;
  enum hdx_status status = hdx_file_make_folders(folder, false, error);
  free(folder);
  return status == HDX_OK ? hdx_temp_create(year->keep_path, &year->keep, error) : status;
}

/* What it takes to scan: got when the first bytes come, not for the thousands of files that wait. */
static enum hdx_status prepare(struct hdx_year_job *year) {
  struct hdx_index_run *run = year->dataset->run;
  struct hdx_error *error = &year->scan_error;
  if (year->scanner || year->ready != HDX_OK)
    return year->ready;
  if (run->scanners) {
    year->scanner = run->scanners;
    run->scanners = year->scanner->next;
  } else {
    year->scanner = hdx_scanner_new(run, error);
  }
  if (!year->scanner)
    return year->ready = error->status;
  year->scanner->year = year;
  year->restarted = true;
  year->ready = open_keep(year, error);
  return year->ready;
}

static void on_begin(void *user, const struct hdx_fetch_head *head) {
  struct hdx_year_job *year = user;
  queue_clear(year);
  year->size = head->size;
  year->bytes = 0;
  year->kept_at = head->modified;
  year->restarted = true;
}

static void on_block(void *user, struct hdx_block *block) {
  struct hdx_year_job *year = user;
  if (prepare(year) != HDX_OK) {
    give_back(year, block);
    return; /* told when the file has ended */
  }
  year->bytes += block->size;
  year->dataset->run->summary->bytes += block->size;
  *year->queue_last = block;
  year->queue_last = &block->next;
  /* The last block comes with the end of the file: both are one piece of work. */
  if (year->bytes != year->size)
    schedule(year);
}

/* The file is not there by the name that was asked for, or may not be read (`denied`). */
static void not_there(struct hdx_year_job *year, bool denied, const char *why) {
  struct hdx_error error;
  char message[HDX_ERROR_TEXT_MAX];
  bool first = hdx_year_has_other_name(year) && hdx_year_worth_asking(year);
  bool second = year->name_changed && !year->scanner;
  snprintf(message, sizeof message, "%s", second && year->name_denied ? year->message : why);
  /* What is nowhere is told by the name that comes first. */
  if ((first || second) && hdx_year_change_name(year, &error) != HDX_OK) {
    settle(year, HDX_OUTCOME_FAILED, error.status, error.message);
  } else if (first) {
    year->name_known = year->name_changed = true;
    year->name_denied = denied;
    memcpy(year->message, message, sizeof message);
    fetch(year);
  } else {
    denied |= year->name_denied;
    settle(year, denied ? HDX_OUTCOME_DENIED : HDX_OUTCOME_ABSENT, denied ? HDX_DENIED : HDX_NOT_FOUND, message);
  }
}

/* What is read of the cache says nothing of the server's. */
static void note_answer(struct hdx_year_job *year, const struct hdx_fetch_result *result) {
  year->dataset->prefix->readable |= !year->cached;
  free(year->etag);
  free(year->last_modified);
  year->etag = strdup(year->cached ? "" : result->etag);
  year->last_modified = strdup(year->cached ? "" : result->last_modified);
}

/* Between the look at the cache and the reading of it, it was removed. */
static void ask_after_all(struct hdx_year_job *year) {
  struct hdx_error error;
  enum hdx_status status = hdx_year_forget_kept(year, &error);
  if (status == HDX_OK)
    fetch(year);
  else
    settle(year, HDX_OUTCOME_FAILED, status, error.message);
}

static void on_done(void *user, const struct hdx_fetch_result *result) {
  struct hdx_year_job *year = user;
  if (year->cached && result->status == HDX_NOT_FOUND) {
    ask_after_all(year);
    return;
  }
  /* Bytes of it have come: what refuses it now says nothing of whether it is there. */
  bool begun = year->scanner || year->ready != HDX_OK, held = year->old && year->old->rows > 0;
  bool missing = result->status == HDX_NOT_FOUND && !result->not_of_object;
  bool denied =
      result->status == HDX_DENIED && result->http_status == 403 && !result->not_of_object && !year->listed && !begun;
  year->dataset->prefix->tells_missing |= missing;
  if (result->status == HDX_OK)
    note_answer(year, result);
  if (result->status == HDX_OK && result->not_modified) {
    settle(year, HDX_OUTCOME_UNCHANGED, HDX_OK, "");
  } else if (result->status == HDX_OK) {
    enum hdx_status status = prepare(year);
    year->ended = true;
    if (status != HDX_OK)
      settle(year, HDX_OUTCOME_FAILED, status, year->scan_error.message);
    else if (!year->etag || !year->last_modified)
      settle(year, HDX_OUTCOME_FAILED, HDX_MEMORY, "out of memory");
    else
      schedule(year);
  } else if ((missing || denied) && (held || begun) && !year->asked_again) {
    /* Rows are not dropped because one answer of many servers behind a name says so. */
    year->asked_again = true;
    fetch(year);
  } else if (missing || denied) {
    not_there(year, denied, result->message);
  } else if (result->status == HDX_INTERRUPTED) {
    settle(year, HDX_OUTCOME_INTERRUPTED, result->status, result->message);
  } else {
    settle(year, HDX_OUTCOME_FAILED, result->status, result->message);
  }
}

/* Whether what is held is enough if the file has not changed. */
static bool is_conditional(const struct hdx_year_job *year) {
  if (hdx_parameters_changed(year->dataset))
    return false;
  if (year->keep_path && access(year->keep_path, F_OK) != 0)
    return false;
  return year->old && year->gzipped == hdx_year_held_gzipped(year->old) &&
         (year->old->state == HDX_YEAR_PRESENT || year->old->state == HDX_YEAR_STALE);
}

/* What a list of the folder says; where it has the file by its other name, that one is taken. */
static enum hdx_listed look_up(struct hdx_year_job *year, struct hdx_text *etag, struct hdx_error *error) {
  const struct hdx_prefix *prefix = year->dataset->prefix;
  enum hdx_listed listed = hdx_discover_find(prefix, &year->target, etag);
  if (listed == HDX_LISTED_ABSENT && hdx_year_has_other_name(year) && hdx_year_change_name(year, error) == HDX_OK) {
    listed = hdx_discover_find(prefix, &year->target, etag);
    if (listed != HDX_LISTED_PRESENT)
      hdx_year_change_name(year, error);
  }
  year->name_known |= listed != HDX_LISTED_UNKNOWN;
  return listed;
}

/* Settles the year without a request, if a list of its folder allows that. A file of which rows are held and which is
 * missing in the list is asked for all the same: rows are dropped only if the server itself says so. */
static bool settle_by_list(struct hdx_year_job *year) {
  struct hdx_error error = {.status = HDX_OK};
  struct hdx_text etag = HDX_TEXT("");
  enum hdx_listed listed = look_up(year, &etag, &error);
  bool held = year->old && year->old->rows > 0;
  year->listed = listed == HDX_LISTED_PRESENT;
  if (error.status != HDX_OK) {
    settle(year, HDX_OUTCOME_FAILED, error.status, error.message);
  } else if (listed == HDX_LISTED_ABSENT && !held) {
    year->dataset->prefix->discovery->absences++;
    settle(year, HDX_OUTCOME_ABSENT, HDX_NOT_FOUND, "");
  } else if (year->listed && is_conditional(year) && hdx_head_strong(year->old->etag) &&
             hdx_text_is(etag, year->old->etag)) {
    settle(year, HDX_OUTCOME_UNCHANGED, HDX_OK, "");
  } else {
    return false;
  }
  return true;
}

/* Settles a year whose rows are held under names that may be others now: which, could not be learnt. */
static bool settle_unnamed(struct hdx_year_job *year) {
  const struct hdx_dataset_job *job = year->dataset;
  const char *why;
  enum hdx_status status = HDX_OK;
  if (year->old && year->old->rows && hdx_parameters_come_first(job))
    status = hdx_parameters_status(job, &why);
  if (status != HDX_OK)
    fail_unnamed(year, status, why);
  return status != HDX_OK;
}

static void fetch(struct hdx_year_job *year) {
  const struct hdx_index_run *run = year->dataset->run;
  bool conditional = is_conditional(year);
  struct hdx_fetch_request request = {.url = year->target.url,
                                      .bucket = year->target.bucket,
                                      .key = year->target.key,
                                      .etag = conditional ? year->old->etag : NULL,
                                      .last_modified = conditional ? year->old->last_modified : NULL,
                                      .bytes_max = INT64_MAX,
                                      .begin = on_begin,
                                      .block = on_block,
                                      .done = on_done,
                                      .user = year};
  struct hdx_error error;
  enum hdx_status status = hdx_fetch(run->session->engine, &request, &error);
  if (status != HDX_OK)
    settle(year, HDX_OUTCOME_FAILED, status, error.message);
}

enum hdx_status hdx_year_start(struct hdx_dataset_job *dataset, int number, const struct hdx_year *old,
                               struct hdx_error *error) {
  struct hdx_year_job *year = calloc(1, sizeof *year);
  if (!year)
    return hdx_error_memory(error, sizeof *year);
  year->dataset = dataset;
  year->year = number;
  year->old = old;
  year->queue_last = &year->queue;
  year->keep.fd = -1;
  hdx_bad_rows_init(&year->bad_rows);
  year->gzipped = hdx_year_held_gzipped(old);
  hdx_rows_init(&year->rows, ROWS_TEXT_BYTES_MAX);
  enum hdx_status status = hdx_year_locate(year, error);
  if (status == HDX_OK)
    status = hdx_year_find_kept(year, error);
  bool out_of_reach = dataset->run->session->config.offline && !year->cached;
  if (status != HDX_OK || out_of_reach) {
    hdx_year_free(year);
    return status;
  }
  year->next = dataset->years;
  dataset->years = year;
  dataset->years_left++;
  dataset->run->years_pending++;
  if (year->cached || (!settle_unnamed(year) && !settle_by_list(year)))
    fetch(year);
  return HDX_OK;
}
