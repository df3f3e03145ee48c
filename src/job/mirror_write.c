/* One file on a worker: its blocks written to their places, then verified. */
#include "job/mirror.h"

#include "base/file.h"
#include "base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 20 };

enum hdx_status hdx_mirror_read_through(int fd, const char *path, uint64_t from, uint64_t to, struct hdx_verify *verify,
                                        uint32_t *crc32c, const atomic_bool *ended, struct hdx_error *error) {
  size_t room = to - from < READ_BYTES ? (size_t)(to - from) : READ_BYTES;
  char *bytes = malloc(room + !room);
  enum hdx_status status = bytes ? HDX_OK : hdx_error_memory(error, room);
  while (status == HDX_OK && from < to) {
    size_t size = to - from < room ? (size_t)(to - from) : room;
    if (atomic_load(ended)) {
      status = hdx_error_set(error, HDX_INTERRUPTED, "interrupted");
      break;
    }
    status = hdx_file_read_at(fd, path, bytes, size, from, error);
    if (status != HDX_OK)
      break;
    *crc32c = hdx_crc32c(*crc32c, bytes, size);
    if (verify)
      hdx_verify_add(verify, bytes, size);
    from += size;
  }
  free(bytes);
  return status;
}

/* ---- what an earlier run left ---- */

void hdx_mirror_check_begun(struct hdx_work *work) {
  struct hdx_mirror_file *file = (struct hdx_mirror_file *)work;
  const atomic_bool *stopping = &file->chunk->run->stopping;
  struct hdx_extents sound = {0};
  struct hdx_error error;
  struct stat info;
  bool made;
  enum hdx_status status = hdx_partial_open(&file->chunk->run->destination, file->partial, &file->fd, &made, &error);
  if (status != HDX_OK) {
    file->fd = -1;
    hdx_mirror_fail(file, status, error.message);
    return;
  }
  file->owned = true;
  /* Not what the journal promised, as after a power cut, or as somebody else writes it: it is fetched anew. */
  bool longer = fstat(file->fd, &info) != 0 || (uint64_t)info.st_size > file->begun_size;
  for (size_t i = 0; !longer && i < file->extents.count; i++) {
    const struct hdx_extent *extent = &file->extents.list[i];
    uint32_t crc32c = 0;
    if (extent->to <= file->begun_size &&
        hdx_mirror_read_through(file->fd, file->partial, extent->from, extent->to, NULL, &crc32c, stopping, &error) ==
            HDX_OK &&
        crc32c == extent->crc32c)
      status = hdx_extents_add(&sound, extent, &error);
    if (status != HDX_OK)
      break;
  }
  if (atomic_load(stopping)) { /* it is as sound as before, for all that is known */
    hdx_extents_deinit(&sound);
    return;
  }
  hdx_extents_deinit(&file->extents);
  file->extents = sound;
}

/* ---- writing ---- */

static enum hdx_status io(const struct hdx_mirror_file *file, const char *what, struct hdx_error *error) {
  return hdx_error_set(error, HDX_IO, "%s/%s: %s: %s", file->chunk->run->destination.path, file->path, what,
                       strerror(errno));
}

/* What the server said when the bytes began: all that was written before is void, unless they go on with it. */
static enum hdx_status begin(struct hdx_mirror_file *file, struct hdx_error *error) {
  struct hdx_mirror_head *head = file->head;
  bool goes_on = file->extents.count && file->begun_etag && !head->head.anew;
  file->head = NULL;
  file->hashed = 0;
  file->size_written = head->head.size;
  file->modified = head->head.modified;
  if (!goes_on) {
    file->begun_etag = NULL; /* of another version, if of any */
    hdx_extents_deinit(&file->extents);
    if (file->fd >= 0 && ftruncate(file->fd, 0) != 0) {
      hdx_mirror_head_free(head);
      return io(file, "truncating", error);
    }
  }
  /* A wrong size or checksum is known before the bytes have come; then they are not wanted. */
  enum hdx_status status = hdx_verify_begin(&file->verify, &head->head, error);
  hdx_mirror_head_free(head);
  return status;
}

/* So that a full disk is known now, and the file lies in few pieces. A file system that cannot is none the worse. */
static enum hdx_status make_room(struct hdx_mirror_file *file, struct hdx_error *error) {
  const struct hdx_mirror_run *run = file->chunk->run;
  uint64_t size = file->size_written, room, keep = run->options->keep_free_bytes;
  if (size == UINT64_MAX || size <= HDX_BLOCK_BYTES)
    return HDX_OK;
  if (hdx_destination_free(&run->destination, &room, NULL) == HDX_OK && (size > room || keep > room - size)) {
    /* A server may state any size: one that could not have come into an empty list is no reason to leave the others. */
    file->alone = size > run->summary->bytes_free;
    return hdx_error_set(error, HDX_IO,
                         "%s/%s: no space for its %llu bytes: %llu are free, of which %llu are kept free",
                         run->destination.path, file->path, (unsigned long long)size, (unsigned long long)room,
                         (unsigned long long)keep);
  }
  /* What comes in one piece is written from its beginning to its end, which file systems lay out well by themselves. */
  if (size <= run->session->config.part_bytes)
    return HDX_OK;
  if (fallocate(file->fd, 0, 0, (off_t)size) != 0 && errno != EOPNOTSUPP && errno != ENOSYS && errno != EINTR)
    return io(file, "making room", error);
  return HDX_OK;
}

static enum hdx_status open_partial(struct hdx_mirror_file *file, struct hdx_error *error) {
  if (file->fd >= 0)
    return HDX_OK;
  bool made;
  enum hdx_status status = hdx_partial_open(&file->chunk->run->destination, file->partial, &file->fd, &made, error);
  if (status != HDX_OK) {
    file->alone = !hdx_destination_broken(errno);
    file->fd = -1;
    return status;
  }
  file->owned = true;
  if (!made && ftruncate(file->fd, 0) != 0)
    return io(file, "truncating", error);
  return make_room(file, error);
}

static enum hdx_status write_block(struct hdx_mirror_file *file, const struct hdx_block *block,
                                   struct hdx_error *error) {
  const struct hdx_extent extent = {block->offset, block->offset + block->size,
                                    hdx_crc32c(0, block->data, block->size)};
  enum hdx_status status = hdx_extents_add(&file->extents, &extent, error);
  if (status != HDX_OK)
    return hdx_error_context(error, status, "%.*s", HDX_TEXT_ARG(hdx_url_shown(file->file.location)));
  status = hdx_file_write_at(file->fd, file->path, block->data, block->size, block->offset, error);
  if (status == HDX_OK && block->offset == file->hashed) {
    hdx_verify_add(&file->verify, block->data, block->size);
    file->hashed += block->size;
  }
  return status;
}

/* Its size and time are as they must be. */
static enum hdx_status seal(struct hdx_mirror_file *file, uint64_t size, struct hdx_error *error) {
  struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};
  struct stat info;
  if (file->modified != HDX_TIME_NONE) {
    int64_t part = ((file->modified % 1000000000) + 1000000000) % 1000000000;
    times[1] = (struct timespec){.tv_sec = (file->modified - part) / 1000000000, .tv_nsec = part};
  }
  if (futimens(file->fd, times) != 0)
    return io(file, "setting its time", error);
  if (fstat(file->fd, &info) != 0)
    return io(file, "looking at it", error);
  if ((uint64_t)info.st_size != size)
    return hdx_error_set(
        error, HDX_IO, "%s/%s: has %llu bytes, of which %llu were written: is another program writing it?",
        file->chunk->run->destination.path, file->path, (unsigned long long)info.st_size, (unsigned long long)size);
  file->modified = hdx_time_of_timespec(&info.st_mtim); /* the file system may know less of it */
  return HDX_OK;
}

/* All bytes have come: whether they are what they must be. */
static enum hdx_status finish(struct hdx_mirror_file *file, struct hdx_error *error) {
  uint64_t size = file->size_written != UINT64_MAX ? file->size_written : hdx_extents_bytes(&file->extents);
  uint32_t ignored = 0;
  if (!hdx_extents_complete(&file->extents, size, &file->crc32c))
    return hdx_error_set(error, HDX_INTEGRITY, "%.*s: %llu bytes came, expected %llu",
                         HDX_TEXT_ARG(hdx_url_shown(file->file.location)),
                         (unsigned long long)hdx_extents_bytes(&file->extents), (unsigned long long)size);
  enum hdx_status status = open_partial(file, error); /* an empty file has had no block */
  if (status == HDX_OK && hdx_verify_hashes(&file->verify) && file->hashed < size)
    status = hdx_mirror_read_through(file->fd, file->path, file->hashed, size, &file->verify, &ignored,
                                     &file->chunk->run->session->cancelled, error);
  if (status == HDX_OK)
    status = hdx_verify_finish(&file->verify, size, &file->verified, error);
  if (status == HDX_OK)
    status = seal(file, size, error);
  file->size_written = size;
  return status;
}

void hdx_mirror_write(struct hdx_work *work) {
  struct hdx_mirror_file *file = (struct hdx_mirror_file *)work;
  struct hdx_error *error = &file->write_error;
  enum hdx_status status = file->head ? begin(file, error) : file->write_status;
  if (status == HDX_OK && file->taken)
    status = open_partial(file, error);
  for (const struct hdx_block *block = file->taken; status == HDX_OK && block; block = block->next)
    status = write_block(file, block, error);
  if (status == HDX_OK && file->last && file->status == HDX_OK)
    status = finish(file, error);
  if (file->last && file->fd >= 0 && hdx_partial_close(file->fd) != 0 && status == HDX_OK)
    status = io(file, "closing", error);
  if (file->last)
    file->fd = -1;
  file->write_status = status;
}
