/* The list of a mirror, in chunks: where each file goes, whether it is complete or begun already. */
#include "job/mirror.h"

#include "base/time.h"
#include "codec/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- where a file goes ---- */

/* Leaves the file's path in run->path. */
static enum hdx_status place(struct hdx_mirror_run *run, const struct hdx_file *file, enum hdx_claim *claim,
                             struct hdx_error *error) {
  return hdx_place(run->layout, run->claims, file, &run->path, &run->text, claim, error);
}

/* Whether the size that the index states is the one that was mirrored. */
static bool size_fits(const struct hdx_mirror_run *run, const struct hdx_file *file, uint64_t size) {
  return file->size < 0 || run->options->ignore_size || (uint64_t)file->size == size;
}

/* Whether the journal says that the file is complete in its place (in run->path). */
static bool find_known(struct hdx_mirror_run *run, const struct hdx_file *file, struct hdx_journal_file *known) {
  return run->journal && hdx_journal_file(run->journal, file->location, &run->text, known) &&
         hdx_text_equal(known->path, hdx_buffer_text(&run->path)) && size_fits(run, file, known->size);
}

/* ---- the survey ---- */

/* Of an object in parts, HEAD tells the checksums. */
static void count_to_fetch(struct hdx_mirror_run *run, const struct hdx_file *file, uint64_t size) {
  struct hdx_mirror_summary *summary = run->summary;
  uint64_t part = run->session->config.part_bytes;
  summary->files_to_fetch++;
  summary->bytes_to_fetch += size;
  summary->unsized_to_fetch += file->size < 0;
  summary->requests_to_make += size > part ? size / part + (size % part > 0) + 1 : 1;
}

static enum hdx_status survey_file(struct hdx_mirror_run *run, const struct hdx_file *file, struct hdx_error *error) {
  struct hdx_mirror_summary *summary = run->summary;
  struct hdx_journal_file known;
  struct hdx_journal_part begun;
  enum hdx_claim claim = HDX_CLAIM_NEW;
  struct hdx_error why;
  enum hdx_status status = place(run, file, &claim, &why);
  if (status == HDX_MEMORY)
    return hdx_error_set(error, status, "%s", why.message);
  if (!hdx_files_in_shard(run->files, file->location))
    return HDX_OK;
  if (status == HDX_OK && claim == HDX_CLAIM_TWICE) {
    summary->twice++;
    return HDX_OK;
  }
  uint64_t size = file->size > 0 ? (uint64_t)file->size : 0;
  summary->files++;
  summary->bytes += size;
  if (status != HDX_OK || find_known(run, file, &known))
    return HDX_OK;
  if (run->journal && hdx_journal_part(run->journal, file->location, &run->text, &begun)) {
    uint64_t bytes = hdx_extents_bytes(begun.extents);
    size = begun.size > bytes ? begun.size - bytes : 0;
  }
  count_to_fetch(run, file, size);
  return HDX_OK;
}

/* A long list takes its time, too. */
static void tell_survey(struct hdx_mirror_run *run, uint64_t *told_ns) {
  const struct hdx_progress progress = {.files_total = run->summary->files,
                                        .bytes_total = run->summary->bytes_to_fetch};
  hdx_progress_tell(run->session, run->started_ns, told_ns, &progress);
}

enum hdx_status hdx_mirror_survey(struct hdx_mirror_run *run, struct hdx_error *error) {
  const struct hdx_file *list;
  size_t count;
  enum hdx_status status;
  uint64_t told_ns = run->started_ns;
  run->files->other_shards = true; /* their files have places as well, whichever shard is the first */
  hdx_files_rewind(run->files);
  while ((status = hdx_files_next(run->files, &list, &count, error)) == HDX_OK && count) {
    for (size_t i = 0; status == HDX_OK && i < count; i++)
      status = survey_file(run, &list[i], error);
    if (status == HDX_OK && hdx_session_cancelled(run->session))
      status = hdx_error_set(error, HDX_INTERRUPTED, "interrupted");
    if (status != HDX_OK)
      break;
    tell_survey(run, &told_ns);
  }
  run->summary->refused = run->files->refused_count;
  run->files->other_shards = false;
  hdx_files_rewind(run->files);
  return status;
}

/* ---- chunks ---- */

static struct hdx_mirror_chunk *chunk_new(struct hdx_mirror_run *run) {
  struct hdx_mirror_chunk *chunk = run->spare;
  if (chunk) {
    run->spare = chunk->next;
    hdx_arena_clear(&chunk->arena);
    chunk->count = chunk->left = 0;
    return chunk;
  }
  chunk = calloc(1, sizeof *chunk);
  if (!chunk)
    return NULL;
  chunk->run = run;
  hdx_arena_init(&chunk->arena, SIZE_MAX);
  return chunk;
}

void hdx_mirror_chunk_put(struct hdx_mirror_chunk *chunk) {
  struct hdx_mirror_run *run = chunk->run;
  chunk->next = run->spare;
  run->spare = chunk;
}

void hdx_mirror_chunks_free(struct hdx_mirror_run *run) {
  while (run->spare) {
    struct hdx_mirror_chunk *next = run->spare->next;
    hdx_arena_deinit(&run->spare->arena);
    free(run->spare);
    run->spare = next;
  }
}

static bool copy_texts(struct hdx_mirror_file *to, const struct hdx_file *from, struct hdx_text path,
                       struct hdx_arena *arena) {
  to->file = *from;
  to->file.id = hdx_arena_copy(arena, from->id);
  to->file.location = hdx_arena_copy(arena, from->location);
  to->file.checksum = hdx_arena_copy(arena, from->checksum);
  to->file.checksum_algorithm = hdx_arena_copy(arena, from->checksum_algorithm);
  to->path = hdx_arena_copy(arena, path).data;
  return to->file.id.data && to->file.location.data && to->file.checksum.data && to->file.checksum_algorithm.data &&
         to->path;
}

/* What the journal says of the file. */
static enum hdx_status recall(struct hdx_mirror_run *run, struct hdx_mirror_file *file, struct hdx_error *error) {
  struct hdx_arena *arena = &file->chunk->arena;
  struct hdx_journal_file known;
  struct hdx_journal_part begun;
  if (find_known(run, &file->file, &known)) {
    file->known = true;
    file->known_size = known.size;
    file->known_modified = known.modified;
    file->known_crc32c = known.crc32c;
    file->known_checks = known.checks;
    file->known_etag = hdx_arena_copy(arena, known.etag).data;
    return file->known_etag ? HDX_OK : hdx_error_memory(error, known.etag.size);
  }
  if (!hdx_journal_part(run->journal, file->file.location, &run->text, &begun) || !begun.etag.size ||
      !size_fits(run, &file->file, begun.size))
    return HDX_OK;
  file->begun_size = begun.size;
  file->begun_etag = hdx_arena_copy(arena, begun.etag).data;
  if (!file->begun_etag)
    return hdx_error_memory(error, begun.etag.size);
  for (size_t i = 0; i < begun.extents->count; i++) {
    enum hdx_status status = hdx_extents_add(&file->extents, &begun.extents->list[i], error);
    if (status != HDX_OK)
      return status;
  }
  return HDX_OK;
}

/* The partial file is called by the location's hash: a rerun finds it, and no name is too long or cannot exist. */
static void name_partial(struct hdx_mirror_file *file) {
  struct hdx_hash128 hash = hdx_hash128(file->file.location.data, file->file.location.size);
  snprintf(file->partial, sizeof file->partial, "%016llx%016llx", (unsigned long long)hash.high,
           (unsigned long long)hash.low);
}

/* Adds a file to the chunk, unless the list has had it. */
static enum hdx_status add(struct hdx_mirror_chunk *chunk, const struct hdx_file *from, struct hdx_error *error) {
  struct hdx_mirror_run *run = chunk->run;
  struct hdx_mirror_file *file = &chunk->files[chunk->count];
  struct hdx_error why;
  enum hdx_claim claim = HDX_CLAIM_NEW;
  enum hdx_status placed = place(run, from, &claim, &why);
  if (placed == HDX_MEMORY)
    return hdx_error_set(error, placed, "%s", why.message);
  if (placed == HDX_OK && claim == HDX_CLAIM_TWICE)
    return HDX_OK;
  *file = (struct hdx_mirror_file){.chunk = chunk, .fd = -1, .size = UINT64_MAX, .modified = HDX_TIME_NONE};
  file->queue_last = &file->queue;
  if (!copy_texts(file, from, placed == HDX_OK ? hdx_buffer_text(&run->path) : HDX_TEXT(""), &chunk->arena))
    return hdx_error_memory(error, from->location.size);
  chunk->count++;
  chunk->left++;
  name_partial(file);
  if (placed != HDX_OK)
    hdx_mirror_fail(file, placed, why.message);
  return placed == HDX_OK ? recall(run, file, error) : HDX_OK;
}

/* ---- on a worker: what is there ---- */

static void adopt(struct hdx_mirror_file *file, struct hdx_folders *folders) {
  struct hdx_verify verify;
  struct hdx_error ignored;
  struct stat info;
  int fd;
  const struct hdx_mirror_options *options = file->chunk->run->options;
  const struct hdx_fetch_head nothing = {.size = UINT64_MAX, .etag = "", .last_modified = ""};
  if (file->file.size < 0 || hdx_destination_stat(folders, file->path, &info, &ignored) != HDX_OK ||
      info.st_size != file->file.size || hdx_destination_read(folders, file->path, &fd, &ignored) != HDX_OK)
    return;
  uint64_t size = (uint64_t)info.st_size;
  uint32_t crc32c = 0;
  hdx_verify_init(&verify, &file->file, false, false, options->ignore_checksums);
  if (hdx_verify_begin(&verify, &nothing, &ignored) == HDX_OK &&
      hdx_mirror_read_through(fd, file->path, 0, size, &verify, &crc32c, &file->chunk->run->stopping, &ignored) ==
          HDX_OK &&
      hdx_verify_finish(&verify, size, &file->known_checks, &ignored) == HDX_OK) {
    file->held = file->adopted = true;
    file->known_size = size;
    file->known_crc32c = crc32c;
    file->known_modified = hdx_time_of_timespec(&info.st_mtim);
    file->known_etag = "";
  }
  hdx_verify_deinit(&verify);
  close(fd);
}

/* Whether the bytes are those that were mirrored. */
static bool recheck(const struct hdx_mirror_file *file, struct hdx_folders *folders) {
  struct hdx_error ignored;
  uint32_t crc32c = 0;
  int fd;
  if (hdx_destination_read(folders, file->path, &fd, &ignored) != HDX_OK)
    return false;
  bool read = hdx_mirror_read_through(fd, file->path, 0, file->known_size, NULL, &crc32c, &file->chunk->run->stopping,
                                      &ignored) == HDX_OK;
  close(fd);
  return read && crc32c == file->known_crc32c;
}

static void look(struct hdx_mirror_file *file, struct hdx_folders *folders) {
  struct stat info;
  if (hdx_destination_stat(folders, file->path, &info, NULL) == HDX_OK) {
    file->there = true;
    file->there_size = (uint64_t)info.st_size;
    file->there_modified = hdx_time_of_timespec(&info.st_mtim);
  }
  file->held = file->known && file->there && file->there_size == file->known_size &&
               file->there_modified == file->known_modified;
  if (file->held && file->chunk->run->options->recheck)
    file->held = recheck(file, folders);
  if (!file->held && file->chunk->run->options->adopt)
    adopt(file, folders);
}

static void look_at_chunk(struct hdx_work *work) {
  struct hdx_mirror_chunk *chunk = (struct hdx_mirror_chunk *)work;
  for (size_t i = 0; i < chunk->count; i++)
    if (chunk->files[i].status == HDX_OK && !atomic_load(&chunk->run->session->cancelled))
      look(&chunk->files[i], &chunk->folders->folders);
}

/* ---- and back on the loop ---- */

static enum hdx_status note_adopted(struct hdx_mirror_file *file, struct hdx_error *error) {
  const struct hdx_journal_file entry = {.location = file->file.location,
                                         .path = hdx_text_of(file->path),
                                         .etag = HDX_TEXT(""),
                                         .size = file->known_size,
                                         .modified = file->known_modified,
                                         .crc32c = file->known_crc32c,
                                         .checks = file->known_checks};
  return hdx_journal_add_file(file->chunk->run->journal, &entry, error);
}

static void sort_out(struct hdx_mirror_file *file) {
  struct hdx_mirror_run *run = file->chunk->run;
  struct hdx_error error;
  if (file->adopted && note_adopted(file, &error) != HDX_OK)
    hdx_mirror_fail(file, error.status, error.message);
  if (file->status != HDX_OK) {
    hdx_mirror_settle(file, HDX_MIRROR_FAILED);
  } else if (file->held && !(run->session->config.refresh && file->known_etag[0])) {
    hdx_mirror_settle(file, HDX_MIRROR_UNCHANGED);
  } else {
    file->next = NULL;
    *run->waiting_last = file;
    run->waiting_last = &file->next;
    run->waiting_count++;
  }
}

static void on_looked(struct hdx_work *work) {
  struct hdx_mirror_chunk *chunk = (struct hdx_mirror_chunk *)work;
  struct hdx_mirror_run *run = chunk->run;
  hdx_mirror_folders_put(run, chunk->folders);
  run->checking--;
  chunk->left++; /* it must not be let go while it is gone through */
  for (size_t i = 0; i < chunk->count; i++)
    sort_out(&chunk->files[i]);
  if (--chunk->left == 0)
    hdx_mirror_chunk_put(chunk);
  hdx_mirror_advance(run);
}

/* An interruption is seen elsewhere: then all that is left of the list is to be told. */
static enum hdx_status next_portion(struct hdx_mirror_run *run, struct hdx_error *error) {
  run->session->heedless = true;
  run->portion_at = 0;
  enum hdx_status status = hdx_files_next(run->files, &run->portion, &run->portion_count, error);
  run->session->heedless = false;
  return status;
}

enum hdx_status hdx_mirror_pull(struct hdx_mirror_run *run, struct hdx_error *error) {
  struct hdx_mirror_chunk *chunk = chunk_new(run);
  enum hdx_status status = chunk ? HDX_OK : hdx_error_memory(error, sizeof *chunk);
  while (status == HDX_OK && !run->list_ended && chunk->count < HDX_CHUNK_FILES) {
    if (run->portion_at < run->portion_count) {
      status = add(chunk, &run->portion[run->portion_at++], error);
      continue;
    }
    status = next_portion(run, error);
    run->list_ended = status != HDX_OK || !run->portion_count;
  }
  if (status != HDX_OK)
    run->list_ended = true;
  if (!chunk || !chunk->count) {
    if (chunk)
      hdx_mirror_chunk_put(chunk);
    return status;
  }
  chunk->folders = hdx_mirror_folders_take(run, error);
  if (!chunk->folders) { /* what is in the chunk is lost to the run: it cannot be all right any more */
    run->list_ended = true;
    hdx_mirror_chunk_put(chunk);
    return HDX_MEMORY;
  }
  chunk->work = (struct hdx_work){.run = look_at_chunk, .done = on_looked};
  run->checking++;
  hdx_workers_submit(run->session->workers, &chunk->work);
  return status;
}
