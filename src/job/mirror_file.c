/* One file of a mirror on the loop thread: asked for, its bytes as they come, what follows from the outcome.
 *
 *   start ─(large, of a bucket)→ HEAD → bytes ─blocks→ queue ⇄ worker writes … ended → worker verifies ─→ ready
 *                                         ↑──────────── a wrong checksum, once ────────────────────────┘   or given up
 */
#include "job/mirror.h"

#include "transfer/http_date.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
  WEIGHT_MAX = 16, /* requests that one file is taken to have in flight */
  ANEW_TOLD = 10,
  TRIES_MAX = 2,                 /* a file that is not what it must be is fetched anew once */
  NOTE_BYTES = 32 << 20,         /* of a file that have come before the journal has a word of it, and again */
  PARTIAL_BYTES_LEAST = 64 << 10 /* less of it is not worth keeping */
};

/* ---- what the server said ---- */

void hdx_mirror_head_free(struct hdx_mirror_head *head) {
  if (head)
    free(head->texts);
  free(head);
}

static const char *put(char **to, const char *text) {
  const char *at = *to;
  size_t size = strlen(text ? text : "") + 1;
  memcpy(*to, text ? text : "", size);
  *to += size;
  return at;
}

static struct hdx_mirror_head *copy_head(const struct hdx_fetch_head *from) {
  struct hdx_mirror_head *head = calloc(1, sizeof *head);
  size_t size = strlen(from->etag) + strlen(from->last_modified) + 2;
  for (size_t i = 0; i < HDX_CHECK_COUNT; i++)
    size += strlen(from->checksums[i] ? from->checksums[i] : "") + 1;
  char *to = head ? malloc(size) : NULL;
  if (!to) {
    free(head);
    return NULL;
  }
  head->texts = to;
  head->head = *from;
  head->head.etag = put(&to, from->etag);
  head->head.last_modified = put(&to, from->last_modified);
  for (size_t i = 0; i < HDX_CHECK_COUNT; i++)
    head->head.checksums[i] = put(&to, from->checksums[i]);
  return head;
}

/* What tells one version of an object from another. */
static const char *version(const struct hdx_fetch_head *head) {
  return head->etag[0] ? head->etag : head->last_modified;
}

/* ---- its bytes ---- */

static void release(struct hdx_mirror_file *file, struct hdx_block *block) {
  while (block) {
    struct hdx_block *next = block->next;
    hdx_engine_release(file->chunk->run->session->engine, block);
    block = next;
  }
}

static void clear_queue(struct hdx_mirror_file *file) {
  release(file, file->queue);
  file->queue = NULL;
  file->queue_last = &file->queue;
  file->queued = 0;
}

static void on_written(struct hdx_work *work);

/* Has a worker write what has come: a whole block at least, or the last of it. Small files are opened, written,
 * verified and closed in one go. */
static void schedule(struct hdx_mirror_file *file) {
  if (file->busy || (!file->ended && file->queued < HDX_BLOCK_BYTES))
    return;
  file->taken = file->queue;
  file->queue = NULL;
  file->queue_last = &file->queue;
  file->queued = 0;
  file->last = file->ended;
  if (file->came) {
    file->head = file->came;
    file->came = NULL;
  }
  file->busy = true;
  file->work = (struct hdx_work){.run = hdx_mirror_write, .done = on_written};
  hdx_workers_submit(file->chunk->run->session->workers, &file->work);
}

static void note_memory(struct hdx_mirror_file *file) {
  hdx_mirror_fail(file, HDX_MEMORY, "out of memory");
  hdx_mirror_abort(file);
}

/* The index is wrong, or the server sends something else (as a page that explains): nothing of it is wanted. */
static void check_size(struct hdx_mirror_file *file, uint64_t size) {
  char message[HDX_ERROR_TEXT_MAX];
  if (file->file.size < 0 || file->chunk->run->options->ignore_size || size == UINT64_MAX ||
      size == (uint64_t)file->file.size)
    return;
  snprintf(message, sizeof message, "%.*s: the server has %llu bytes, expected %lld as the index states",
           (int)(file->file.location.size < 700 ? file->file.location.size : 700), file->file.location.data,
           (unsigned long long)size, (long long)file->file.size);
  hdx_mirror_fail(file, HDX_INTEGRITY, message);
  hdx_mirror_abort(file);
}

/* The bytes begin, or begin anew. */
static void take_head(struct hdx_mirror_file *file, const struct hdx_fetch_head *from) {
  clear_queue(file);
  hdx_mirror_head_free(file->came);
  free(file->etag);
  file->came = copy_head(from);
  file->etag = strdup(version(from));
  file->size = from->size;
  if (from->anew)
    file->journaled = file->kept = 0;
  if (!file->came || !file->etag)
    note_memory(file);
}

static void on_begin(void *user, const struct hdx_fetch_head *from) {
  struct hdx_mirror_file *file = user;
  check_size(file, from->size);
  if (!file->head_only) {
    take_head(file, from);
    return;
  }
  hdx_verify_hear(&file->verify, from);
  hdx_mirror_head_free(file->told);
  file->told = copy_head(from);
}

/* A rerun goes on with it: the run was ended, not the file. */
static bool left(const struct hdx_mirror_file *file) {
  const struct hdx_mirror_run *run = file->chunk->run;
  return file->status == HDX_INTERRUPTED || (run->stop != HDX_OK && file->status == run->stop);
}

static void on_block(void *user, struct hdx_block *block) {
  struct hdx_mirror_file *file = user;
  file->bytes += block->size;
  if (file->size == UINT64_MAX && block->offset + block->size > (uint64_t)file->file.size) /* it might never end */
    check_size(file, block->offset + block->size);
  if (file->status != HDX_OK && !left(file)) {
    hdx_engine_release(file->chunk->run->session->engine, block);
    return;
  }
  *file->queue_last = block;
  file->queue_last = &block->next;
  file->queued += block->size;
  schedule(file);
}

/* ---- asking ---- */

/* The bytes that have not come in an earlier run. */
static size_t missing(const struct hdx_mirror_file *file, struct hdx_byte_range *ranges) {
  const struct hdx_extents *extents = &file->extents;
  size_t count = 0;
  uint64_t at = 0;
  for (size_t i = 0; i < extents->count; i++) {
    if (extents->list[i].from > at)
      ranges[count++] = (struct hdx_byte_range){at, extents->list[i].from};
    at = extents->list[i].to;
  }
  if (at < file->begun_size)
    ranges[count++] = (struct hdx_byte_range){at, file->begun_size};
  return count;
}

static void on_done(void *user, const struct hdx_fetch_result *result);

static uint64_t expected(const struct hdx_mirror_file *file) {
  if (file->told)
    return file->told->head.size;
  return file->file.size >= 0 && !file->chunk->run->options->ignore_size ? (uint64_t)file->file.size : UINT64_MAX;
}

static enum hdx_status ask(struct hdx_mirror_file *file, struct hdx_error *error) {
  struct hdx_mirror_run *run = file->chunk->run;
  struct hdx_byte_range *ranges = NULL;
  bool date = file->held && hdx_http_date_read(file->known_etag) != HDX_TIME_NONE;
  /* Messages call an object of a bucket as the list does. */
  const char *name = file->target.bucket ? file->file.location.data : file->target.url;
  struct hdx_fetch_request request = {.url = name,
                                      .bucket = file->target.bucket,
                                      .key = file->target.key,
                                      .head = file->head_only,
                                      .scattered = !file->head_only,
                                      .checksums = !run->options->ignore_checksums,
                                      .etag = file->held && !date ? file->known_etag : NULL,
                                      .last_modified = date ? file->known_etag : NULL,
                                      .bytes_max = UINT64_MAX,
                                      .size = expected(file),
                                      .begin = on_begin,
                                      .block = on_block,
                                      .done = on_done,
                                      .user = file};
  if (!file->head_only && file->extents.count) {
    ranges = malloc((file->extents.count + 1) * sizeof *ranges);
    if (!ranges)
      return hdx_error_memory(error, (file->extents.count + 1) * sizeof *ranges);
    request.ranges = ranges;
    request.range_count = missing(file, ranges);
    request.if_match = file->begun_etag;
  }
  enum hdx_status status = hdx_fetch(run->session->engine, &request, error);
  free(ranges);
  file->open = status == HDX_OK;
  file->ended = false;
  return status;
}

/* Whether all of it came in an earlier run, which ended before it could tell. */
static bool all_here(const struct hdx_mirror_file *file) {
  return file->extents.count == 1 && hdx_extents_bytes(&file->extents) == file->begun_size;
}

/* An object of S3 that comes in ranges has its checksums told by HEAD alone; and of one that is here, HEAD tells
 * whether it is still the same. For an object whose size nobody knows it would be one request more for what mostly is
 * small. */
static bool wants_head(const struct hdx_mirror_file *file) {
  const struct hdx_mirror_run *run = file->chunk->run;
  uint64_t size = expected(file);
  if (all_here(file))
    return true;
  return file->target.bucket && !run->options->ignore_checksums && size != UINT64_MAX &&
         size > run->session->config.part_bytes;
}

unsigned hdx_mirror_weight(const struct hdx_mirror_file *file) {
  uint64_t part = file->chunk->run->session->config.part_bytes;
  uint64_t size = file->file.size > 0 ? (uint64_t)file->file.size : 0, parts = size / part + (size % part > 0);
  return parts > WEIGHT_MAX ? WEIGHT_MAX : parts ? (unsigned)parts : 1;
}

static void begin_active(struct hdx_mirror_file *file) {
  struct hdx_mirror_run *run = file->chunk->run;
  file->weight = hdx_mirror_weight(file);
  run->weight += file->weight;
  file->back = NULL;
  file->active = run->active;
  if (run->active)
    run->active->back = file;
  run->active = file;
}

static void end_active(struct hdx_mirror_file *file) {
  struct hdx_mirror_run *run = file->chunk->run;
  run->weight -= file->weight;
  file->weight = 0;
  *(file->back ? &file->back->active : &run->active) = file->active;
  if (file->active)
    file->active->back = file->back;
}

static void request(struct hdx_mirror_file *file) {
  struct hdx_mirror_run *run = file->chunk->run;
  struct hdx_error error;
  enum hdx_status status = hdx_files_target(run->files, &file->file, &file->target, &error);
  if (status == HDX_OK) {
    if (!run->options->ignore_checksums)
      hdx_files_tell_unread(run->files, &file->file);
    hdx_verify_init(&file->verify, &file->file, file->target.bucket != NULL, run->options->ignore_size,
                    run->options->ignore_checksums);
    file->verifying = true;
    file->head_only = wants_head(file);
    status = ask(file, &error);
  }
  if (status != HDX_OK) {
    end_active(file);
    hdx_mirror_give_up(file, status, error.message);
  }
}

static void conclude_failure(struct hdx_mirror_file *file);

static void on_begun_checked(struct hdx_work *work) {
  struct hdx_mirror_file *file = (struct hdx_mirror_file *)work;
  struct hdx_mirror_run *run = file->chunk->run;
  file->kept = file->journaled = hdx_extents_bytes(&file->extents);
  if (run->stop != HDX_OK)
    hdx_mirror_fail(file, run->stop, run->stop_error.message);
  if (file->status == HDX_OK) {
    request(file);
  } else {
    end_active(file);
    conclude_failure(file);
  }
  hdx_mirror_advance(run);
}

void hdx_mirror_start(struct hdx_mirror_file *file) {
  begin_active(file);
  if (!file->extents.count) {
    request(file);
    return;
  }
  file->work = (struct hdx_work){.run = hdx_mirror_check_begun, .done = on_begun_checked};
  hdx_workers_submit(file->chunk->run->session->workers, &file->work);
}

void hdx_mirror_abort(struct hdx_mirror_file *file) {
  if (file->open)
    hdx_fetch_abort(file->chunk->run->session->engine, file, file->status, file->message ? file->message : "");
}

/* ---- what follows ---- */

static void note_parts(struct hdx_mirror_file *file) {
  struct hdx_mirror_run *run = file->chunk->run;
  const struct hdx_journal_part part = {.location = file->file.location,
                                        .partial = hdx_text_of(file->partial),
                                        .etag = hdx_text_of(file->etag),
                                        .size = file->size,
                                        .extents = &file->extents};
  struct hdx_error error;
  enum hdx_status status = HDX_OK;
  if (!file->etag || !file->etag[0] || file->size == UINT64_MAX)
    return; /* no other run could tell that it goes on with the same bytes */
  /* An empty extent takes back what was said before: these are all. */
  const struct hdx_extent nothing = {0};
  status = hdx_journal_add_part(run->journal, &part, &nothing, &error);
  for (size_t i = 0; status == HDX_OK && i < file->extents.count; i++)
    status = hdx_journal_add_part(run->journal, &part, &file->extents.list[i], &error);
  if (status == HDX_OK)
    status = hdx_journal_flush(run->journal, false, &error);
  file->journaled = hdx_extents_bytes(&file->extents);
  if (status != HDX_OK)
    hdx_mirror_stop(run, status, error.message);
}

/* Whether what has come of a file that failed is of use to a later run. */
static bool worth_keeping(const struct hdx_mirror_file *file) {
  return file->status != HDX_INTEGRITY && file->status != HDX_NOT_FOUND && file->etag && file->etag[0] &&
         hdx_extents_bytes(&file->extents) >= PARTIAL_BYTES_LEAST;
}

static void conclude_failure(struct hdx_mirror_file *file) {
  struct hdx_mirror_run *run = file->chunk->run;
  if (worth_keeping(file))
    note_parts(file);
  else if (file->owned && (!file->kept || file->status == HDX_INTEGRITY || file->status == HDX_NOT_FOUND))
    hdx_partial_remove(&run->destination, file->partial);
  hdx_mirror_settle(file, left(file) ? HDX_MIRROR_LEFT : HDX_MIRROR_FAILED);
}

/* Not what it must be: perhaps it was the way here that changed it. */
static bool try_again(struct hdx_mirror_file *file) {
  struct hdx_mirror_run *run = file->chunk->run;
  struct hdx_error error;
  bool again = file->write_status == HDX_INTEGRITY && !file->verify.settled && ++file->tries < TRIES_MAX &&
               run->stop == HDX_OK && file->status == HDX_OK;
  if (!again)
    return false;
  /* Where an index has all checksums wrong, one warning for each file would say no more than some do. */
  hdx_log_write(&run->session->log, run->anew_count++ < ANEW_TOLD ? HDX_LOG_WARNING : HDX_LOG_INFO, "%s: fetched anew",
                file->write_error.message);
  hdx_extents_deinit(&file->extents);
  file->begun_etag = NULL;
  file->write_status = HDX_OK;
  file->kept = 0;
  if (ask(file, &error) == HDX_OK)
    return true;
  hdx_mirror_fail(file, error.status, error.message);
  return false;
}

static void conclude(struct hdx_mirror_file *file) {
  if (file->status == HDX_OK && file->write_status != HDX_OK && try_again(file))
    return;
  if (file->write_status != HDX_OK)
    hdx_mirror_fail(file, file->write_status, file->write_error.message);
  end_active(file);
  if (file->status == HDX_OK) {
    file->size = file->size_written;
    hdx_mirror_ready(file);
  } else {
    conclude_failure(file);
  }
}

static void on_written(struct hdx_work *work) {
  struct hdx_mirror_file *file = (struct hdx_mirror_file *)work;
  struct hdx_mirror_run *run = file->chunk->run;
  file->busy = false;
  release(file, file->taken);
  file->taken = NULL;
  if (file->write_status == HDX_IO && !file->alone && !file->came) /* the others would fare no better: the disk is full,
                                                                      or broken */
    hdx_mirror_stop(run, HDX_IO, file->write_error.message);
  if (file->last) {
    conclude(file);
    hdx_mirror_advance(run);
    return;
  }
  if (file->write_status != HDX_OK && !file->came) {
    hdx_mirror_fail(file, file->write_status, file->write_error.message);
    hdx_mirror_abort(file);
  } else if (!file->came && hdx_extents_bytes(&file->extents) >= file->journaled + NOTE_BYTES) {
    note_parts(file);
  }
  schedule(file);
}

static void on_head(struct hdx_mirror_file *file, const struct hdx_fetch_result *result) {
  struct hdx_error error;
  file->head_only = false;
  if (result->status == HDX_INTERRUPTED || result->status == HDX_NOT_FOUND)
    hdx_mirror_fail(file, result->status, result->message);
  if (file->status == HDX_OK && all_here(file)) {
    if (file->told && file->told->head.size == file->begun_size &&
        strcmp(version(&file->told->head), file->begun_etag) == 0) {
      take_head(file, &file->told->head);
      file->ended = true;
      schedule(file);
      return;
    }
    hdx_extents_deinit(&file->extents);
    file->kept = file->journaled = 0;
  }
  /* A server that refuses HEAD may still send the file. */
  if (file->status == HDX_OK && ask(file, &error) != HDX_OK)
    hdx_mirror_fail(file, error.status, error.message);
  if (file->status != HDX_OK) {
    end_active(file);
    conclude_failure(file);
  }
}

static void on_done(void *user, const struct hdx_fetch_result *result) {
  struct hdx_mirror_file *file = user;
  struct hdx_mirror_run *run = file->chunk->run;
  file->open = false;
  if (result->not_modified && file->status == HDX_OK) {
    end_active(file);
    hdx_mirror_settle(file, HDX_MIRROR_UNCHANGED);
    hdx_mirror_advance(run);
    return;
  }
  if (file->head_only) {
    on_head(file, result);
    hdx_mirror_advance(run);
    return;
  }
  if (result->status != HDX_OK)
    hdx_mirror_fail(file, result->status, result->message);
  file->ended = true;
  schedule(file);
}

void hdx_mirror_file_deinit(struct hdx_mirror_file *file) {
  clear_queue(file);
  if (file->fd >= 0)
    hdx_partial_close(file->fd);
  file->fd = -1;
  hdx_extents_deinit(&file->extents);
  if (file->verifying)
    hdx_verify_deinit(&file->verify);
  hdx_mirror_head_free(file->told);
  hdx_mirror_head_free(file->came);
  hdx_mirror_head_free(file->head);
  hdx_target_deinit(&file->target);
  free(file->etag);
  free(file->message);
}
