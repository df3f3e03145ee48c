/* Files of earlier runs that the list does not have any more. What heliodex did not put there is none of its business.
 */
#include "job/mirror.h"

#include <stdlib.h>

struct extra {
  struct hdx_mirror_run *run;
  struct hdx_buffer names; /* location NUL path NUL, of each */
};

static bool gather(void *user, const struct hdx_journal_file *file) {
  struct extra *extra = user;
  if (hdx_claims_asked(extra->run->claims, file->path))
    return true;
  hdx_buffer_append_text(&extra->names, file->location);
  hdx_buffer_append_byte(&extra->names, 0);
  hdx_buffer_append_text(&extra->names, file->path);
  hdx_buffer_append_byte(&extra->names, 0);
  return extra->names.status == HDX_OK;
}

static enum hdx_status delete_one(struct hdx_mirror_run *run, struct hdx_folders *folders, struct hdx_text location,
                                  const char *path, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  if (!run->options->dry_run) {
    status = hdx_destination_remove(folders, path, error);
    if (status == HDX_NOT_FOUND)
      status = HDX_OK; /* somebody did it before */
    if (status == HDX_OK)
      status = hdx_journal_add_gone(run->journal, location, error);
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

enum hdx_status hdx_mirror_delete_extra(struct hdx_mirror_run *run, struct hdx_error *error) {
  struct extra extra = {.run = run};
  struct hdx_folders folders;
  struct hdx_error first;
  enum hdx_status status = HDX_OK;
  if (run->summary->failed || run->summary->left || run->summary->refused || run->files->incomplete) {
    hdx_log_write(&run->session->log, HDX_LOG_WARNING,
                  "nothing is deleted, as it is not certain what is wanted: something failed or could not be read");
    return HDX_OK;
  }
  hdx_buffer_init(&extra.names, run->session->config.memory_bytes);
  hdx_journal_files(run->journal, gather, &extra);
  status = hdx_buffer_status(&extra.names, "the names of files that are not wanted any more", error);
  hdx_folders_init(&folders, &run->destination);
  for (size_t at = 0; status != HDX_LIMIT && status != HDX_MEMORY && at < extra.names.size;) {
    struct hdx_text location = hdx_text_of(extra.names.data + at);
    const char *path = extra.names.data + at + location.size + 1;
    at += location.size + strlen(path) + 2;
    if (delete_one(run, &folders, location, path, &first) != HDX_OK && status == HDX_OK)
      status = hdx_error_set(error, first.status, "%s", first.message);
  }
  hdx_folders_deinit(&folders);
  hdx_buffer_deinit(&extra.names);
  return status;
}
