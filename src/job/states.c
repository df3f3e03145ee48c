/* The states that a dataset's years have from now on, by what came of those that were asked for and by what the older
 * snapshot has of the others; counted in the run and told to its caller. */
#include "job/form.h"
#include "job/index.h"

#include <stdio.h>
#include <stdlib.h>

/* What the older snapshot says of a year, as recent as it was confirmed. */
static struct hdx_year old_state(const struct hdx_dataset_job *job, const struct hdx_year *old) {
  struct hdx_year state = *old;
  bool sound = state.state != HDX_YEAR_STALE && state.state != HDX_YEAR_FAILED;
  if (sound && state.checked_at < job->confirmed)
    state.checked_at = job->confirmed;
  return state;
}

/* Whether there are rows of it; a stale year without any may be a gap whose refresh failed. */
static bool held(const struct hdx_year *old) {
  return old && old->rows &&
         (old->state == HDX_YEAR_PRESENT || old->state == HDX_YEAR_STALE || old->state == HDX_YEAR_VANISHED);
}

/* When its server last spoke of it: of what is in the cache, as long ago as it was kept there. */
static int64_t checked_at(const struct hdx_year_job *year) {
  int64_t now = year->dataset->run->now;
  return year->cached && year->kept_at < now ? year->kept_at : now;
}

/* The state that a year has from now on; false: it stays unknown. */
static bool state_of(struct hdx_year_job *year, struct hdx_year *state, bool *keep) {
  const struct hdx_year_scanned *scanned = &year->scanned;
  const struct hdx_year *old = year->old;
  *state = (struct hdx_year){.year = year->year,
                             .url = year->location,
                             .etag = "",
                             .last_modified = "",
                             .reason = "",
                             .form = "",
                             .checked_at = checked_at(year)};
  *keep = held(old) && year->outcome != HDX_OUTCOME_NEW;
  switch (year->outcome) {
  case HDX_OUTCOME_NEW:
    state->state = HDX_YEAR_PRESENT;
    state->etag = year->etag;
    state->last_modified = year->last_modified;
    state->rows = scanned->rows;
    state->bad_rows = scanned->bad_rows;
    state->bytes = year->bytes;
    state->form = year->form;
    state->duplicates = year->duplicates;
    state->unsorted = scanned->unsorted;
    state->repairs = scanned->repairs;
    return true;
  case HDX_OUTCOME_UNCHANGED:
    *state = *old;
    state->state = HDX_YEAR_PRESENT;
    state->reason = "";
    state->checked_at = year->dataset->run->now;
    return true;
  case HDX_OUTCOME_ABSENT:
    state->state = HDX_YEAR_GAP;
    *keep &= year->dataset->run->options->keep_vanished;
    if (*keep) {
      *state = old_state(year->dataset, old);
      state->state = HDX_YEAR_VANISHED;
      state->reason = year->message;
    }
    return true;
  case HDX_OUTCOME_INTERRUPTED:
    if (old)
      *state = old_state(year->dataset, old);
    return old != NULL;
  default:
    state->state = HDX_YEAR_FAILED;
    if (hdx_year_known(old)) {
      *state = old_state(year->dataset, old);
      state->state = HDX_YEAR_STALE;
    }
    state->reason = year->message;
    return true;
  }
}

/* A file that was emptied is as good as gone, and perhaps being written at this moment. */
static void warn_of_emptied(const struct hdx_year_job *year, const struct hdx_year *state) {
  if (held(year->old) && year->old->rows && !state->rows)
    hdx_log_write(&year->dataset->run->session->log, HDX_LOG_WARNING,
                  "%s: has no row any more; its %llu rows are dropped", year->target.url,
                  (unsigned long long)year->old->rows);
}

/* Counts what became of a year, and tells the caller. */
static void report(struct hdx_year_job *year, const struct hdx_year *state, bool kept) {
  struct hdx_index_run *run = year->dataset->run;
  struct hdx_index_summary *summary = run->summary;
  bool gap = year->outcome == HDX_OUTCOME_ABSENT, lost = gap && held(year->old);
  struct hdx_index_item item = {.bucket = run->catalog->source.url.data,
                                .id = year->dataset->dataset->id,
                                .year = year->year,
                                .state = state->state,
                                .unchanged = year->outcome == HDX_OUTCOME_UNCHANGED,
                                .dropped = lost && !kept,
                                .url = year->target.url,
                                .message = "",
                                .rows = state->rows,
                                .bad_rows = state->bad_rows,
                                .bytes = year->bytes};
  char message[HDX_ERROR_TEXT_MAX + 128];
  summary->files++;
  summary->rows_bad += year->bad_count;
  if (year->outcome == HDX_OUTCOME_NEW) {
    summary->files_fetched++;
    summary->rows_fetched += state->rows;
    summary->repairs += state->repairs;
    summary->duplicates += state->duplicates;
    summary->files_unsorted += state->unsorted;
    warn_of_emptied(year, state);
  } else if (year->outcome == HDX_OUTCOME_UNCHANGED) {
    summary->files_unchanged++;
  } else if (gap) {
    summary->gaps += !lost;
    summary->vanished += lost;
    if (lost) {
      snprintf(message, sizeof message, "%s: gone (asked twice); its %llu rows are %s", year->target.url,
               (unsigned long long)year->old->rows, kept ? "kept" : "dropped");
      item.message = message;
      hdx_log_write(&run->session->log, HDX_LOG_WARNING, "%s", message);
    } else if (run->options->strict) {
      snprintf(message, sizeof message, "%s: a gap", year->target.url);
      item.message = message;
      item.status = HDX_NOT_FOUND;
    }
  } else {
    item.status = year->status;
    item.message = year->message;
  }
  year->dataset->succeeded += item.status == HDX_OK && !gap;
  if (item.status != HDX_OK && year->outcome != HDX_OUTCOME_INTERRUPTED) {
    summary->files_failed++;
    hdx_index_failed(run, item.status, item.message);
    year->dataset->failed = true;
  }
  if (run->options->item)
    run->options->item(run->options->user, &item);
}

static bool same_subject(const struct hdx_dataset_job *job) {
  const struct hdx_subject *old = hdx_reader_subject(job->old);
  return old->catalog_start == hdx_dataset_catalog_start(job->dataset) && old->catalog_stop == job->dataset->stop &&
         old->multiyear == job->dataset->multiyear && hdx_text_equal(old->index, job->dataset->index);
}

bool hdx_dataset_unchanged(const struct hdx_dataset_job *job) {
  if (!job->old || !same_subject(job))
    return false;
  for (const struct hdx_year_job *year = job->years; year; year = year->next) {
    bool same = year->outcome == HDX_OUTCOME_INTERRUPTED ||
                (year->outcome == HDX_OUTCOME_UNCHANGED && year->old->state == HDX_YEAR_PRESENT) ||
                (year->outcome == HDX_OUTCOME_ABSENT && year->old && year->old->state == HDX_YEAR_GAP);
    if (!same)
      return false;
  }
  return true;
}

bool hdx_dataset_asked(const struct hdx_dataset_job *job, int number) {
  const struct hdx_year_job *year = job->years;
  while (year && year->year != number)
    year = year->next;
  return year != NULL;
}

enum hdx_status hdx_dataset_collect(struct hdx_dataset_job *job) {
  const struct hdx_snapshot_info *info = job->old ? hdx_reader_info(job->old) : NULL;
  size_t most = info ? info->year_count : 0;
  for (const struct hdx_year_job *year = job->years; year; year = year->next)
    most++;
  job->concluded = !job->years && !job->run->stop;
  job->states = calloc(most + 1, sizeof *job->states);
  job->kept = calloc(most + 1, sizeof *job->kept);
  if (!job->states || !job->kept)
    return hdx_error_memory(&job->error, most * sizeof *job->states);
  for (struct hdx_year_job *year = job->years; year; year = year->next) {
    struct hdx_year *state = &job->states[job->state_count];
    bool keep = false;
    if (state_of(year, state, &keep))
      job->state_count++;
    if (keep)
      job->kept[job->kept_count++] = year->year;
    if (year->outcome == HDX_OUTCOME_NEW && year->scanned.time_digits > job->digits)
      job->digits = year->scanned.time_digits;
    job->concluded |= year->outcome != HDX_OUTCOME_INTERRUPTED;
    report(year, state, keep);
  }
  for (size_t i = 0; info && i < info->year_count; i++)
    if (!hdx_dataset_asked(job, info->years[i].year)) {
      job->states[job->state_count++] = old_state(job, &info->years[i]);
      if (held(&info->years[i]))
        job->kept[job->kept_count++] = info->years[i].year;
    }
  for (size_t i = 0; i < job->state_count; i++)
    job->run->summary->stale += job->states[i].state == HDX_YEAR_STALE;
  if (info && job->kept_count && info->time_digits > job->digits)
    job->digits = info->time_digits;
  return HDX_OK;
}
