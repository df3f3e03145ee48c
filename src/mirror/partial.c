/* Files that are not complete: DEST/.heliodex/partial, and how they get their place. */
#include "mirror/folders.h"

#include "base/file.h"
#include "mirror/layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define PARTIAL HDX_STATE_FOLDER "/partial"
/* "PARTIAL/NAME" for messages. */
#define PATH_SIZE (sizeof PARTIAL + HDX_NAME_BYTES_MAX + 1)

static void path_of(const char *name, char *path) {
  snprintf(path, PATH_SIZE, "%s/%s", PARTIAL, name);
}

/* Names come from a journal, too, which anybody may have written. */
static enum hdx_status check_name(const struct hdx_destination *destination, const char *name,
                                  struct hdx_error *error) {
  size_t size = strlen(name);
  char path[PATH_SIZE];
  if (size > 0 && size <= HDX_NAME_BYTES_MAX && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
    return HDX_OK;
  path_of(name, path);
  return hdx_destination_fault(destination, HDX_IO, path, "not the name of a partial file", 0, error);
}

/* ---- opening ---- */

/* A lock may be held for a moment by who sweeps the folder, and is gone with its file then. */
enum { LOCK_TRIES = 20, LOCK_PAUSE_NS = 1000000 };

static enum hdx_status lock_partial(const struct hdx_destination *destination, const char *path, int fd,
                                    struct hdx_error *error) {
  const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
  for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) != 0;) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      return hdx_destination_fault(destination, HDX_IO, path, "cannot be locked (flock)", errno, error);
    if (errno == EWOULDBLOCK && ++tries == LOCK_TRIES)
      return hdx_destination_fault(destination, HDX_TEMPORARY, path, "another process writes it", 0, error);
    nanosleep(&pause, NULL);
  }
  return HDX_OK;
}

/* Opens and locks what is there at the moment: *again, if it was taken away meanwhile or is to be made anew. */
static enum hdx_status try_open(const struct hdx_destination *destination, const char *name, const char *path, int *fd,
                                bool *again, struct hdx_error *error) {
  struct stat info;
  *again = false;
  *fd = openat(destination->partial, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
  if (*fd < 0 && errno == EINTR) {
    *again = true;
    return HDX_OK;
  }
  if (*fd < 0)
    return hdx_destination_fault(destination, HDX_IO, path,
                                 errno == ELOOP ? "a file was expected, it is a link" : "cannot be made or opened",
                                 errno == ELOOP ? 0 : errno, error);
  enum hdx_status status = lock_partial(destination, path, *fd, error);
  if (status == HDX_OK && fstat(*fd, &info) != 0)
    status = hdx_destination_fault(destination, HDX_IO, path, "cannot be looked at", errno, error);
  if (status == HDX_OK && !S_ISREG(info.st_mode))
    status = hdx_destination_fault(destination, HDX_IO, path, "a regular file was expected", 0, error);
  if (status == HDX_OK) {
    /* A file with other names is not this program's alone: nothing is written to it. */
    if (info.st_nlink > 1 && unlinkat(destination->partial, name, 0) != 0 && errno != ENOENT)
      status = hdx_destination_fault(destination, HDX_IO, path, "has another name and cannot be removed", errno, error);
    *again = !hdx_folder_has(destination->partial, name, *fd);
  }
  return status;
}

/* One that nobody has made before: there is nothing to be looked at. Nearly all are. */
static bool make(const struct hdx_destination *destination, const char *name, const char *path, int *fd) {
  struct hdx_error ignored;
  struct stat info;
  *fd = openat(destination->partial, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (*fd < 0)
    return false;
  /* Who sweeps the folder may have come between. */
  if (lock_partial(destination, path, *fd, &ignored) == HDX_OK && fstat(*fd, &info) == 0 && info.st_nlink == 1)
    return true;
  close(*fd);
  return false;
}

enum hdx_status hdx_partial_open(const struct hdx_destination *destination, const char *name, int *fd, bool *made,
                                 struct hdx_error *error) {
  char path[PATH_SIZE];
  bool again;
  enum hdx_status status = check_name(destination, name, error);
  if (status != HDX_OK)
    return status;
  path_of(name, path);
  bool fresh = make(destination, name, path, fd);
  if (made)
    *made = fresh;
  if (fresh)
    return HDX_OK;
  for (;;) {
    int opened;
    status = try_open(destination, name, path, &opened, &again, error);
    if (status == HDX_OK && !again) {
      *fd = opened;
      return HDX_OK;
    }
    if (opened >= 0)
      close(opened);
    if (status != HDX_OK)
      return status;
  }
}

int hdx_partial_close(int fd) {
  flock(fd, LOCK_UN);
  return close(fd);
}

/* ---- placing ---- */

static enum hdx_status refuse_place(const struct hdx_folders *folders, const char *name, const char *path, int code,
                                    struct hdx_error *error) {
  const struct hdx_destination *destination = folders->destination;
  char partial[PATH_SIZE];
  struct stat info;
  if (code == EISDIR || code == ENOTEMPTY || code == EEXIST)
    return hdx_destination_fault(destination, HDX_IO, path, "a file was expected, it is a folder", 0, error);
  if (code == EXDEV)
    return hdx_destination_fault(destination, HDX_IO, path, "is on another file system than " PARTIAL, 0, error);
  path_of(name, partial);
  if (code == ENOENT && fstatat(destination->partial, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
    return hdx_destination_fault(destination, HDX_IO, partial, "cannot be renamed", errno, error);
  return hdx_destination_fault(destination, HDX_IO, path, "a file cannot be renamed to this", code, error);
}

enum hdx_status hdx_partial_place(struct hdx_folders *folders, const char *name, const char *path,
                                  struct hdx_error *error) {
  int fd, result, tries = 0;
  const char *last;
  enum hdx_status status = check_name(folders->destination, name, error);
  if (status != HDX_OK)
    return status;
  do {
    status = hdx_folders_at(folders, path, true, &fd, &last, error);
    if (status != HDX_OK)
      return status;
    result = renameat(folders->destination->partial, name, fd, last);
    if (result != 0 && errno == ENOENT && tries == 0) {
      /* A folder that is kept open may have been removed by somebody else. */
      hdx_folders_deinit(folders);
      errno = ENOENT;
    }
  } while (result != 0 && (errno == EINTR || (errno == ENOENT && tries++ == 0)));
  return result == 0 ? HDX_OK : refuse_place(folders, name, path, errno, error);
}

/* ---- removing ---- */

void hdx_partial_remove(const struct hdx_destination *destination, const char *name) {
  if (check_name(destination, name, NULL) == HDX_OK)
    unlinkat(destination->partial, name, 0);
}

/* Removes a partial file that no process writes. */
static bool sweep_one(const struct hdx_destination *destination, const char *name) {
  struct stat info;
  int fd = openat(destination->partial, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0)
    return false;
  bool removed = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
                 hdx_folder_has(destination->partial, name, fd) && unlinkat(destination->partial, name, 0) == 0;
  close(fd);
  return removed;
}

size_t hdx_partial_sweep(const struct hdx_destination *destination, bool (*wanted)(void *user, const char *name),
                         void *user) {
  int fd = hdx_folder_child(destination->partial, ".");
  DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
  if (!list) {
    if (fd >= 0)
      close(fd);
    return 0;
  }
  size_t removed = 0;
  for (struct dirent *entry; (entry = readdir(list));)
    if (check_name(destination, entry->d_name, NULL) == HDX_OK && !wanted(user, entry->d_name))
      removed += sweep_one(destination, entry->d_name);
  closedir(list);
  return removed;
}
