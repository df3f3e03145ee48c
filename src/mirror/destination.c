/* Opening and locking a destination. (Files below it: folders.c; files that are not complete: partial.c.) */
#include "mirror/destination.h"

#include "base/file.h"
#include "mirror/folders.h"
#include "mirror/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { SHARD_BYTES_MAX = 200, LOCK_TEXT_MAX = 400 };

static const char state_name[] = HDX_STATE_FOLDER, partial_name[] = HDX_STATE_FOLDER "/partial", lock_name[] = "lock";

enum hdx_status hdx_destination_fault(const struct hdx_destination *destination, enum hdx_status status,
                                      const char *path, const char *what, int code, struct hdx_error *error) {
  char shown[HDX_ERROR_TEXT_MAX], shown_path[HDX_ERROR_TEXT_MAX];
  errno = code;
  if (!error) /* as of most files that are not there yet */
    return status;
  hdx_error_set(error, status, "%s%s%s: %s%s%s", hdx_text_show(hdx_text_of(destination->path), shown, sizeof shown),
                path ? "/" : "", hdx_text_show(hdx_text_of(path), shown_path, sizeof shown_path), what,
                code ? ": " : "", code ? strerror(code) : "");
  errno = code;
  return status;
}

bool hdx_destination_broken(int code) {
  return code == ENOSPC || code == EDQUOT || code == EROFS || code == EIO;
}

/* ---- the folders ---- */

/* DEST itself may be reached through links: it is what the user named. */
static enum hdx_status open_root(struct hdx_destination *destination, bool make, struct hdx_error *error) {
  const char *path = destination->path;
  destination->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (destination->folder < 0 && errno == ENOENT && make) {
    enum hdx_status status = hdx_file_make_folders(path, false, error);
    if (status != HDX_OK)
      return status;
    destination->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }
  if (destination->folder >= 0)
    return HDX_OK;
  int code = errno;
  if (code == ENOENT)
    return hdx_destination_fault(destination, HDX_NOT_FOUND, NULL, "nothing was mirrored there (no such folder)", 0,
                                 error);
  if (code == ENOTDIR)
    return hdx_destination_fault(destination, HDX_USAGE, NULL,
                                 "a folder was expected, it or something above it is a file", 0, error);
  return hdx_destination_fault(destination, HDX_IO, NULL, "the folder cannot be opened", code, error);
}

/* Opens one of the destination's own folders, the last component of `path`. */
static enum hdx_status open_own(const struct hdx_destination *destination, int above, const char *path, bool make,
                                int *fd, struct hdx_error *error) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  if (make && mkdirat(above, name, 0777) != 0 && errno != EEXIST)
    return hdx_destination_fault(destination, HDX_IO, path, "the folder cannot be made", errno, error);
  *fd = hdx_folder_child(above, name);
  if (*fd >= 0)
    return HDX_OK;
  int code = errno;
  if (code == ENOENT)
    return hdx_destination_fault(destination, HDX_NOT_FOUND, NULL,
                                 "nothing was mirrored there (no " HDX_STATE_FOLDER ")", 0, error);
  return hdx_folder_refuse(destination, above, name, path, code, error);
}

/* What the file system does and what the kernel has; writes nothing. */
static void look_around(struct hdx_destination *destination) {
  static const char other_case[] = ".HELIODEX";
  struct stat own, other;
  /* Letter cases are told apart folder by folder (ext4): what counts is how DEST finds names. */
  destination->fold = fstat(destination->state, &own) == 0 &&
                      fstatat(destination->folder, other_case, &other, AT_SYMLINK_NOFOLLOW) == 0 &&
                      own.st_ino == other.st_ino && own.st_dev == other.st_dev;
  int fd = hdx_folder_beneath(destination->folder, state_name);
  /* Containers forbid calls that they do not know with EPERM. */
  destination->no_openat2 = fd < 0 && (errno == ENOSYS || errno == EPERM);
  if (fd >= 0)
    close(fd);
}

static enum hdx_status open_folders(struct hdx_destination *destination, bool make, struct hdx_error *error) {
  enum hdx_status status = open_root(destination, make, error);
  if (status == HDX_OK)
    status = open_own(destination, destination->folder, state_name, make, &destination->state, error);
  if (status != HDX_OK)
    return status;
  look_around(destination);
  if (!make)
    return HDX_OK;
  if (faccessat(destination->folder, ".", W_OK | X_OK, AT_EACCESS) != 0)
    return hdx_destination_fault(destination, HDX_IO, NULL, "the folder cannot be written to", errno, error);
  return open_own(destination, destination->state, partial_name, make, &destination->partial, error);
}

/* ---- locks ---- */

static enum hdx_status tell_holder(const struct hdx_destination *destination, int fd, struct hdx_error *error) {
  char holder[LOCK_TEXT_MAX], shown[LOCK_TEXT_MAX], shown_path[HDX_ERROR_TEXT_MAX];
  ssize_t n = pread(fd, holder, sizeof holder, 0);
  struct hdx_text text = {holder, n > 0 ? (size_t)n : 0};
  const char *end = text.size ? memchr(text.data, '\n', text.size) : NULL;
  text.size = end ? (size_t)(end - text.data) : 0;
  return hdx_error_set(error, HDX_TEMPORARY, "%s: %s is mirroring to it",
                       hdx_text_show(hdx_text_of(destination->path), shown_path, sizeof shown_path),
                       text.size ? hdx_text_show(text, shown, sizeof shown) : "another process");
}

/* The text only serves messages: a full disk is no reason to fail here. A file with another name may be somebody's, put
 * here to be overwritten. Those who share a lock write over one another;
 * it is one write, so that what is read is one of their texts. */
static void sign(int fd, const char *shard) {
  char host[256] = "", text[LOCK_TEXT_MAX];
  struct stat info;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_nlink != 1)
    return;
  gethostname(host, sizeof host - 1);
  int size = snprintf(text, sizeof text, "process %ld on host %s%s%s\n", (long)getpid(), host, shard ? ", shard " : "",
                      shard ? shard : "");
  if (size < 0 || (size_t)size >= sizeof text)
    return;
  if (pwrite(fd, text, (size_t)size, 0) == size && ftruncate(fd, size) != 0)
    errno = 0;
}

static int lock_file(int fd, int operation) {
  int result;
  while ((result = flock(fd, operation | LOCK_NB)) != 0 && errno == EINTR) {
  }
  return result;
}

/* Takes the lock called `name`, in DEST/.heliodex. */
static enum hdx_status take_lock(const struct hdx_destination *destination, const char *name, int operation,
                                 const char *shard, int *lock, struct hdx_error *error) {
  char path[sizeof HDX_STATE_FOLDER + sizeof lock_name + SHARD_BYTES_MAX + 2];
  snprintf(path, sizeof path, "%s/%s", HDX_STATE_FOLDER, name);
  for (;;) {
    int fd = openat(destination->state, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (fd < 0 && errno == EINTR)
      continue;
    if (fd < 0)
      return hdx_destination_fault(destination, HDX_IO, path, "the lock cannot be opened", errno, error);
    if (lock_file(fd, operation) != 0) {
      int code = errno;
      enum hdx_status status = code == EWOULDBLOCK ? tell_holder(destination, fd, error)
                                                   : hdx_destination_fault(destination, HDX_IO, path,
                                                                           "cannot be locked (flock)", code, error);
      close(fd);
      return status;
    }
    /* Whoever removed the lock's file locks another one now. */
    if (hdx_folder_has(destination->state, name, fd)) {
      sign(fd, shard);
      *lock = fd;
      return HDX_OK;
    }
    close(fd);
  }
}

static enum hdx_status take_locks(struct hdx_destination *destination, const char *shard, struct hdx_error *error) {
  char name[sizeof lock_name + SHARD_BYTES_MAX + 2];
  enum hdx_status status =
      take_lock(destination, lock_name, shard ? LOCK_SH : LOCK_EX, shard, &destination->lock, error);
  if (status != HDX_OK || !shard)
    return status;
  snprintf(name, sizeof name, "%s-%s", lock_name, shard);
  return take_lock(destination, name, LOCK_EX, shard, &destination->shard_lock, error);
}

static bool is_shard(const char *name) {
  size_t size = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
  return size > 0 && size <= SHARD_BYTES_MAX && name[size] == 0;
}

/* ---- open, close ---- */

enum hdx_status hdx_destination_open(const char *path, const char *shard, bool make,
                                     struct hdx_destination *destination, struct hdx_error *error) {
  char shown[HDX_ERROR_TEXT_MAX];
  struct hdx_destination opened = {.folder = -1, .state = -1, .partial = -1, .lock = -1, .shard_lock = -1};
  if (!*path)
    return hdx_error_set(error, HDX_USAGE, "the folder to mirror to is an empty name");
  if (shard && !is_shard(shard))
    return hdx_error_set(error, HDX_USAGE, "%s: not the name of a shard (expected 1 to %d letters, digits, - and _)",
                         hdx_text_show(hdx_text_of(shard), shown, sizeof shown), SHARD_BYTES_MAX);
  opened.path = hdx_text_dup(hdx_text_of(path));
  if (!opened.path)
    return hdx_error_memory(error, strlen(path) + 1);
  /* Messages put a slash behind it. */
  for (size_t size = strlen(path); size > 1 && opened.path[size - 1] == '/'; size--)
    opened.path[size - 1] = 0;
  enum hdx_status status = open_folders(&opened, make, error);
  if (status == HDX_OK && make)
    status = take_locks(&opened, shard, error);
  if (status == HDX_OK)
    *destination = opened;
  else
    hdx_destination_close(&opened);
  return status;
}

void hdx_destination_close(struct hdx_destination *destination) {
  const int locks[] = {destination->shard_lock, destination->lock};
  for (size_t i = 0; i < 2; i++)
    if (locks[i] >= 0)
      flock(locks[i], LOCK_UN); /* a process that was forked meanwhile has the file open too */
  int *const fds[] = {&destination->partial, &destination->shard_lock, &destination->lock, &destination->state,
                      &destination->folder};
  for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
    if (*fds[i] >= 0)
      close(*fds[i]);
    *fds[i] = -1;
  }
  free(destination->path);
  destination->path = NULL;
}

/* ---- the file system ---- */

enum hdx_status hdx_destination_free(const struct hdx_destination *destination, uint64_t *bytes,
                                     struct hdx_error *error) {
  struct statvfs info;
  int result;
  while ((result = fstatvfs(destination->folder, &info)) != 0 && errno == EINTR) {
  }
  if (result != 0)
    return hdx_destination_fault(destination, HDX_IO, NULL, "how much room there is cannot be told", errno, error);
  uint64_t unit = info.f_frsize ? info.f_frsize : info.f_bsize;
  if (__builtin_mul_overflow((uint64_t)info.f_bavail, unit, bytes))
    *bytes = UINT64_MAX;
  return HDX_OK;
}

enum hdx_status hdx_destination_sync(const struct hdx_destination *destination, struct hdx_error *error) {
  int result;
  while ((result = syncfs(destination->folder)) != 0 && errno == EINTR) {
  }
  return result == 0
             ? HDX_OK
             : hdx_destination_fault(destination, HDX_IO, NULL, "what was written cannot be synced", errno, error);
}
