/* Files of a mirror that are complete but for their names: their lines go to the journal, their bytes to the disk, then
 * they are renamed, many at a time.
 *
 * The journal's lines come first: one counts only where the file that has the name is the one it speaks of, so a run
 * that ends in between has lost nothing but the work on a batch. */
#include "job/mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
  BATCH_FILES_MAX = 512,
  SYNC_EACH_MAX = 8 /* so many files are synced one by one, more all at once with what else their file system has */
};

/* ---- on a worker ---- */

static enum hdx_status sync_one(const struct hdx_mirror_file *file, struct hdx_error *error) {
  const struct hdx_destination *destination = &file->chunk->run->destination;
  int fd = openat(destination->partial, file->partial, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  int code = fd < 0 || fdatasync(fd) != 0 ? errno : 0;
  if (fd >= 0)
    close(fd);
  return code ? hdx_error_set(error, HDX_IO, "%s/%s: syncing: %s", destination->path, file->path, strerror(code))
              : HDX_OK;
}

/* What cannot be synced does not get its name: later attempts might succeed although the bytes are lost. */
static void sync_batch(struct hdx_mirror_batch *batch) {
  bool all = batch->count > SYNC_EACH_MAX;
  struct hdx_error error;
  enum hdx_status status = all ? hdx_destination_sync(&batch->run->destination, &error) : HDX_OK;
  for (struct hdx_mirror_file *file = batch->files; file; file = file->next) {
    if (!all)
      status = sync_one(file, &error);
    file->write_status = status;
    if (status == HDX_OK)
      continue;
    file->write_error = error;
    batch->broken = file;
  }
}

static void commit_batch(struct hdx_work *work) {
  struct hdx_mirror_batch *batch = (struct hdx_mirror_batch *)work;
  if (batch->run->options->fsync == HDX_FSYNC_BATCH)
    sync_batch(batch);
  for (struct hdx_mirror_file *file = batch->files; file; file = file->next) {
    if (file->write_status != HDX_OK)
      continue;
    file->write_status = hdx_partial_place(&batch->folders->folders, file->partial, file->path, &file->write_error);
    if (file->write_status == HDX_IO && hdx_destination_broken(errno))
      batch->broken = file;
  }
}

/* ---- on the loop ---- */

static void on_committed(struct hdx_work *work) {
  struct hdx_mirror_batch *batch = (struct hdx_mirror_batch *)work;
  struct hdx_mirror_run *run = batch->run;
  struct hdx_mirror_file *next;
  hdx_mirror_folders_put(run, batch->folders);
  if (batch->broken)
    hdx_mirror_stop(run, batch->broken->write_status, batch->broken->write_error.message);
  for (struct hdx_mirror_file *file = batch->files; file; file = next) {
    next = file->next;
    if (file->write_status == HDX_OK) {
      hdx_mirror_settle(file, file->kept ? HDX_MIRROR_RESUMED : HDX_MIRROR_FETCHED);
      continue;
    }
    hdx_partial_remove(&run->destination, file->partial);
    hdx_error_context(&file->write_error, file->write_status, "%.*s", HDX_TEXT_ARG(hdx_url_shown(file->file.location)));
    hdx_mirror_give_up(file, file->write_status, file->write_error.message);
  }
  run->committing = false;
  hdx_mirror_advance(run);
}

static enum hdx_status note(struct hdx_mirror_run *run, const struct hdx_mirror_file *file, struct hdx_error *error) {
  const struct hdx_journal_file entry = {.location = file->file.location,
                                         .path = hdx_text_of(file->path),
                                         .etag = hdx_text_of(file->etag ? file->etag : ""),
                                         .size = file->size,
                                         .modified = file->modified,
                                         .crc32c = file->crc32c,
                                         .checks = file->verified};
  return hdx_journal_add_file(run->journal, &entry, error);
}

void hdx_mirror_ready(struct hdx_mirror_file *file) {
  struct hdx_mirror_run *run = file->chunk->run;
  file->next = NULL;
  *run->ready_last = file;
  run->ready_last = &file->next;
  run->ready_count++;
}

/* The file that was there before must not pass for the one that the journal is about to speak of, should the run end
 * before the new one has the name: what tells them apart are size and time, and those may be the same. */
static enum hdx_status clear_place(struct hdx_mirror_batch *batch, const struct hdx_mirror_file *file,
                                   struct hdx_error *error) {
  if (!file->there || file->there_size != file->size || file->there_modified != file->modified)
    return HDX_OK;
  enum hdx_status status = hdx_destination_remove(&batch->folders->folders, file->path, error);
  return status == HDX_NOT_FOUND ? HDX_OK : status;
}

static void clear_places(struct hdx_mirror_batch *batch) {
  struct hdx_error error;
  for (struct hdx_mirror_file **at = &batch->files, *file; (file = *at);) {
    enum hdx_status status = clear_place(batch, file, &error);
    if (status == HDX_OK) {
      at = &file->next;
      continue;
    }
    *at = file->next;
    batch->count--;
    hdx_partial_remove(&batch->run->destination, file->partial);
    hdx_mirror_give_up(file, status, error.message);
  }
}

/* Takes files that are ready into the batch. */
static void gather(struct hdx_mirror_run *run) {
  struct hdx_mirror_batch *batch = &run->batch;
  struct hdx_mirror_file **last = &run->ready;
  batch->count = 0;
  while (*last && batch->count < BATCH_FILES_MAX) {
    last = &(*last)->next;
    batch->count++;
  }
  batch->files = run->ready;
  run->ready = *last;
  *last = NULL;
  run->ready_count -= batch->count;
  if (!run->ready)
    run->ready_last = &run->ready;
}

void hdx_mirror_commit(struct hdx_mirror_run *run) {
  struct hdx_mirror_batch *batch = &run->batch;
  struct hdx_error error;
  struct hdx_mirror_file *next;
  if (run->committing || !run->ready)
    return;
  gather(run);
  batch->run = run;
  batch->broken = NULL;
  batch->folders = hdx_mirror_folders_take(run, &error);
  enum hdx_status status = batch->folders ? HDX_OK : HDX_MEMORY;
  if (status == HDX_OK)
    clear_places(batch);
  for (struct hdx_mirror_file *file = batch->files; status == HDX_OK && file; file = file->next)
    status = note(run, file, &error);
  if (status == HDX_OK)
    status = hdx_journal_flush(run->journal, false, &error);
  if (status == HDX_OK) {
    run->committing = true;
    batch->work = (struct hdx_work){.run = commit_batch, .done = on_committed};
    hdx_workers_submit(run->session->workers, &batch->work);
    return;
  }
  /* Without a journal, nobody would know of them. */
  if (batch->folders)
    hdx_mirror_folders_put(run, batch->folders);
  hdx_mirror_stop(run, status, error.message);
  for (struct hdx_mirror_file *file = batch->files; file; file = next) {
    next = file->next;
    hdx_partial_remove(&run->destination, file->partial);
    hdx_mirror_give_up(file, status, error.message);
  }
}
