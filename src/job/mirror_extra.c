/* Files of earlier runs that the list does not have any more. What heliodex did not put there is none of its business.
 *
 * They are gathered before anything is fetched, as the journal forgets where a file was that gets another place. */
#include "job/mirror.h"

#include <string.h>

/* In the buffer before location, NUL, path and NUL. */
struct extra {
  size_t location_size, path_size;
  uint64_t size;
  int64_t modified;
};

static bool gather(void *user, const struct hdx_journal_file *file) {
  struct hdx_mirror_run *run = user;
  const struct extra extra = {file->location.size, file->path.size, file->size, file->modified};
  if (hdx_claims_asked(run->claims, file->path))
    return true;
  hdx_buffer_append(&run->extra, &extra, sizeof extra);
  hdx_buffer_append_text(&run->extra, file->location);
  hdx_buffer_append_byte(&run->extra, 0);
  hdx_buffer_append_text(&run->extra, file->path);
  hdx_buffer_append_byte(&run->extra, 0);
  run->extra_count++;
  return run->extra.status == HDX_OK;
}

enum hdx_status hdx_mirror_gather_extra(struct hdx_mirror_run *run, struct hdx_error *error) {
  if (!run->options->delete_extra || !run->journal)
    return HDX_OK;
  enum hdx_status status = hdx_journal_files(run->journal, gather, run, error);
  if (status != HDX_OK)
    return status;
  return hdx_buffer_status(&run->extra, "the names of files that are not wanted any more", error);
}

/* Whether the file that is there is still the one that was mirrored; if nothing is there, there is nothing to lose. */
static bool is_ours(struct hdx_folders *folders, const struct extra *extra, const char *path) {
  struct stat info;
  return hdx_destination_stat(folders, path, &info, NULL) != HDX_OK ||
         ((uint64_t)info.st_size == extra->size && hdx_time_of_timespec(&info.st_mtim) == extra->modified);
}

/* The journal may have the file in another place by now. */
static enum hdx_status note_gone(struct hdx_mirror_run *run, struct hdx_text location, const char *path,
                                 struct hdx_error *error) {
  struct hdx_journal_file known;
  if (!hdx_journal_file(run->journal, location, &run->text, &known) || !hdx_text_is(known.path, path))
    return HDX_OK;
  return hdx_journal_add_gone(run->journal, location, error);
}

static enum hdx_status delete_one(struct hdx_mirror_run *run, struct hdx_folders *folders, const struct extra *extra,
                                  struct hdx_text location, const char *path, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  if (!is_ours(folders, extra, path)) {
    hdx_log_write(&run->session->log, HDX_LOG_WARNING, "%s: not deleted, as it was changed since it was mirrored",
                  path);
    return HDX_OK;
  }
  if (!run->options->dry_run) {
    status = hdx_destination_remove(folders, path, error);
    if (status == HDX_NOT_FOUND)
      status = HDX_OK; /* somebody did it before */
    if (status == HDX_OK)
      status = note_gone(run, location, path, error);
  }
  const struct hdx_file file = {.location = location, .start = HDX_TIME_NONE, .stop = HDX_TIME_NONE, .size = -1};
  const struct hdx_mirror_item item = {.file = &file,
                                       .path = path,
                                       .outcome = status == HDX_OK ? HDX_MIRROR_DELETED : HDX_MIRROR_FAILED,
                                       .status = status,
                                       .message = status == HDX_OK ? "" : error->message};
  run->summary->deleted += status == HDX_OK;
  run->summary->failed += status != HDX_OK;
  if (run->options->item)
    run->options->item(run->options->user, &item);
  return status;
}

static bool is_certain(const struct hdx_mirror_run *run) {
  const struct hdx_mirror_summary *summary = run->summary;
  return summary->files && !summary->failed && !summary->left && !summary->refused && !run->files->incomplete;
}

static void tell_deletions(const struct hdx_mirror_run *run, uint64_t *told_ns) {
  const struct hdx_progress progress = {
      .files_done = run->summary->deleted, .files_total = run->extra_count, .failures = run->summary->failed};
  hdx_progress_tell(run->session, run->started_ns, told_ns, &progress);
}

enum hdx_status hdx_mirror_delete_extra(struct hdx_mirror_run *run, struct hdx_error *error) {
  struct hdx_folders folders;
  struct hdx_error first;
  struct extra extra;
  enum hdx_status status = HDX_OK;
  uint64_t told_ns = 0;
  if (!run->extra.size)
    return HDX_OK;
  if (!is_certain(run)) {
    hdx_log_write(&run->session->log, HDX_LOG_WARNING, "nothing is deleted, as it is not certain what is wanted: %s",
                  run->summary->files ? "something failed or could not be read" : "the list has no file");
    return HDX_OK;
  }
  if (run->options->delete_max && run->extra_count > run->options->delete_max)
    return hdx_error_set(error, HDX_LIMIT,
                         "nothing is deleted: %llu files are not wanted any more, at most %llu may be deleted",
                         (unsigned long long)run->extra_count, (unsigned long long)run->options->delete_max);
  hdx_folders_init(&folders, &run->destination);
  for (size_t at = 0; at < run->extra.size;) {
    memcpy(&extra, run->extra.data + at, sizeof extra);
    struct hdx_text location = {run->extra.data + at + sizeof extra, extra.location_size};
    const char *path = location.data + location.size + 1;
    at += sizeof extra + extra.location_size + extra.path_size + 2;
    if (delete_one(run, &folders, &extra, location, path, &first) != HDX_OK && status == HDX_OK)
      status = hdx_error_set(error, first.status, "%s", first.message);
    if (hdx_session_cancelled(run->session)) {
      status = hdx_error_set(error, HDX_INTERRUPTED, "interrupted: a rerun goes on where this one ended");
      break;
    }
    tell_deletions(run, &told_ns);
  }
  hdx_folders_deinit(&folders);
  return status;
}
