/* file:// objects: read block by block in order, a block of each open file a turn of the loop.
 *
 * They are read on the loop's thread: a local copy is read at the speed of the page cache or of the disk's read-ahead,
 * and its reader has no connections to keep alive meanwhile. The entity tag of a file is made of what a change shows
 * in: inode, size and time of the last modification. */
#include "base/time.h"
#include "transfer/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_OPEN_MAX = 8 };

struct hdx_local {
  struct hdx_fetch *fetch;
  struct hdx_local *next;
  char *path;
  int fd;
};

void hdx_local_free(struct hdx_local *file) {
  struct hdx_engine *engine = file->fetch->engine;
  struct hdx_local *last = NULL;
  for (struct hdx_local **at = &engine->files_first; *at;) {
    if (*at == file)
      *at = file->next;
    else
      last = *at, at = &last->next;
  }
  engine->files_last = last;
  if (file->fd >= 0) {
    close(file->fd);
    engine->files_active--;
  }
  free(file->path);
  free(file);
}

enum hdx_status hdx_local_queue(struct hdx_fetch *fetch, struct hdx_error *error) {
  struct hdx_engine *engine = fetch->engine;
  struct hdx_url url;
  struct hdx_buffer path;
  hdx_buffer_init(&path, HDX_URL_BYTES_MAX);
  enum hdx_status status = hdx_url_parse(hdx_text_of(fetch->url), &url, error);
  bool legal = status == HDX_OK && hdx_url_decode(&path, url.path);
  const char *decoded = hdx_buffer_string(&path);
  if (status == HDX_OK)
    status = hdx_buffer_status(&path, "the path of a file", error);
  if (status == HDX_OK && (!legal || memchr(decoded, 0, path.size)))
    status = hdx_error_set(error, HDX_USAGE, "%s: not the URL of a file", fetch->url);
  struct hdx_local *file = status == HDX_OK ? calloc(1, sizeof *file) : NULL;
  if (file)
    file->path = strdup(decoded);
  hdx_buffer_deinit(&path);
  if (status != HDX_OK)
    return status;
  if (!file || !file->path) {
    free(file);
    return hdx_error_memory(error, sizeof *file);
  }
  file->fetch = fetch;
  file->fd = -1;
  fetch->file = file;
  *(engine->files_last ? &engine->files_last->next : &engine->files_first) = file;
  engine->files_last = file;
  return HDX_OK;
}

static void fail(struct hdx_local *file, const char *verb, int code) {
  char text[HDX_ERROR_TEXT_MAX];
  enum hdx_status status = code == ENOENT || code == ENOTDIR ? HDX_NOT_FOUND
                           : code == EACCES || code == EPERM ? HDX_DENIED
                                                             : HDX_IO;
  snprintf(text, sizeof text, "%s: %s: %s", file->fetch->name, verb, strerror(code));
  hdx_fetch_complete(file->fetch, status, false, 0, text);
}

static void write_etag(const struct stat *info, char etag[HDX_ETAG_BYTES_MAX]) {
  snprintf(etag, HDX_ETAG_BYTES_MAX, "\"%llx-%llx-%llx.%09ld\"", (unsigned long long)info->st_ino,
           (unsigned long long)info->st_size, (unsigned long long)info->st_mtim.tv_sec, info->st_mtim.tv_nsec);
}

static void begin(struct hdx_fetch *fetch, const struct stat *info) {
  struct hdx_fetch_head head = {.size = fetch->size, .etag = fetch->etag, .last_modified = "", .anew = fetch->anew};
  head.modified = hdx_time_of_timespec(&info->st_mtim);
  for (size_t i = 0; i < HDX_CHECK_COUNT; i++)
    head.checksums[i] = "";
  if (fetch->request.begin && !fetch->aborted)
    fetch->request.begin(fetch->request.user, &head);
}

/* False if the fetch has ended. */
static bool open_file(struct hdx_local *file) {
  struct hdx_fetch *fetch = file->fetch;
  struct stat info;
  /* O_NONBLOCK: a pipe of that name must not hold the loop. */
  file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file->fd < 0) {
    fail(file, "open", errno);
    return false;
  }
  fetch->engine->files_active++;
  if (fstat(file->fd, &info) != 0) {
    fail(file, "stat", errno);
    return false;
  }
  if (!S_ISREG(info.st_mode)) {
    fail(file, "not a regular file", S_ISDIR(info.st_mode) ? EISDIR : EINVAL);
    return false;
  }
  fetch->size = (uint64_t)info.st_size;
  fetch->attempts = 1;
  write_etag(&info, fetch->etag);
  if (fetch->request.etag && strcmp(fetch->request.etag, fetch->etag) == 0) {
    hdx_fetch_complete(fetch, HDX_OK, true, 0, "");
    return false;
  }
  if (fetch->size > fetch->request.bytes_max) {
    char text[HDX_ERROR_TEXT_MAX];
    snprintf(text, sizeof text, "%s: %llu bytes, more than the limit of %llu", fetch->name,
             (unsigned long long)fetch->size, (unsigned long long)fetch->request.bytes_max);
    fetch->too_large = true;
    hdx_fetch_complete(fetch, HDX_LIMIT, false, 0, text);
    return false;
  }
  posix_fadvise(file->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  const char *version = fetch->request.if_match;
  fetch->anew |= hdx_fetch_in_ranges(fetch) && ((version && strcmp(version, fetch->etag) != 0) ||
                                                fetch->request.ranges[fetch->request.range_count - 1].to > fetch->size);
  begin(fetch, &info);
  return true;
}

/* All that is wanted has been read, or it was `cut`: of one version? */
static void finish(struct hdx_local *file, bool cut) {
  struct hdx_fetch *fetch = file->fetch;
  struct stat info;
  char etag[HDX_ETAG_BYTES_MAX], text[HDX_ERROR_TEXT_MAX];
  if (fstat(file->fd, &info) != 0) {
    fail(file, "stat", errno);
    return;
  }
  write_etag(&info, etag);
  bool changed = cut || strcmp(etag, fetch->etag) != 0;
  snprintf(text, sizeof text, "%s: the file changed while it was read", fetch->name);
  hdx_fetch_complete(fetch, changed ? HDX_INTEGRITY : HDX_OK, false, 0, changed ? text : "");
}

/* There is no block to read into. One that is put back wakes the pump. False if it has to wait for that. */
static bool lack_block(struct hdx_local *file) {
  struct hdx_fetch *fetch = file->fetch;
  char text[HDX_ERROR_TEXT_MAX];
  if (fetch->engine->pool.used > 0)
    return false;
  snprintf(text, sizeof text, "%s: out of memory at %zu bytes", fetch->name, sizeof(struct hdx_block));
  hdx_fetch_complete(fetch, HDX_MEMORY, false, 0, text);
  return true;
}

/* False if it has to wait. */
static bool read_block(struct hdx_local *file) {
  struct hdx_fetch *fetch = file->fetch;
  struct hdx_engine *engine = fetch->engine;
  struct hdx_byte_range next;
  if (!hdx_fetch_next(fetch, HDX_BLOCK_BYTES, &next)) {
    finish(file, false);
    return true;
  }
  struct hdx_block *block = engine->lent < HDX_LENT_BYTES_MAX ? hdx_block_take(&engine->pool, false) : NULL;
  if (!block)
    return lack_block(file);
  ssize_t size = pread(file->fd, block->data, (size_t)(next.to - next.from), (off_t)next.from);
  if (size <= 0) {
    int code = errno;
    hdx_block_put(&engine->pool, block);
    if (size < 0)
      fail(file, "read", code);
    else
      finish(file, true);
    return true;
  }
  block->size = (size_t)size;
  block->offset = next.from;
  fetch->planned = next.from + (uint64_t)size;
  engine->bytes += (uint64_t)size;
  hdx_fetch_hand_out(fetch, block);
  return true;
}

void hdx_locals_pump(struct hdx_engine *engine) {
  unsigned turn = 0;
  bool progress = false;
  for (struct hdx_local *file = engine->files_first, *next; file && turn < FILES_OPEN_MAX; file = next, turn++) {
    next = file->next;
    if (file->fd < 0 && !open_file(file))
      progress = true;
    else
      progress |= read_block(file);
  }
  if (progress)
    hdx_engine_kick(engine);
}
