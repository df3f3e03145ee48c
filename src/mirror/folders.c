/* Folders below a destination, and what is in them. */
#include "mirror/folders.h"

#include "mirror/layout.h"
#include "mirror/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FOLDER_FLAGS = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW };

/* ---- opening ---- */

int hdx_folder_beneath(int folder, const char *path) {
  struct open_how how = {.flags = FOLDER_FLAGS,
                         .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
  long fd;
  while ((fd = syscall(SYS_openat2, folder, path, &how, sizeof how)) < 0 && errno == EINTR) {
  }
  return (int)fd;
}

int hdx_folder_child(int folder, const char *name) {
  int fd;
  while ((fd = openat(folder, name, FOLDER_FLAGS)) < 0 && errno == EINTR) {
  }
  return fd;
}

bool hdx_folder_has(int folder, const char *name, int fd) {
  struct stat own, there;
  return fstat(fd, &own) == 0 && fstatat(folder, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
         own.st_ino == there.st_ino && own.st_dev == there.st_dev;
}

enum hdx_status hdx_folder_refuse(const struct hdx_destination *destination, int folder, const char *name,
                                  const char *path, int code, struct hdx_error *error) {
  struct stat info;
  if (code == ENOENT)
    return hdx_destination_fault(destination, HDX_NOT_FOUND, path, "no such folder", 0, error);
  if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(info.st_mode))
    return hdx_destination_fault(destination, HDX_IO, path,
                                 S_ISLNK(info.st_mode) ? "a folder was expected, it is a link (links are not followed)"
                                                       : "a folder was expected, it is a file",
                                 0, error);
  return hdx_destination_fault(destination, HDX_IO, path, "the folder cannot be opened", code, error);
}

/* Opens the folder called `name` in `above`, making it if it is not there. Others may make it at the same time. */
static enum hdx_status enter(const struct hdx_destination *destination, int above, const char *name, const char *path,
                             bool make, int *fd, struct hdx_error *error) {
  *fd = hdx_folder_child(above, name);
  if (*fd < 0 && errno == ENOENT && make) {
    if (mkdirat(above, name, 0777) != 0 && errno != EEXIST)
      return hdx_destination_fault(destination, HDX_IO, path, "the folder cannot be made", errno, error);
    *fd = hdx_folder_child(above, name);
  }
  return *fd >= 0 ? HDX_OK : hdx_folder_refuse(destination, above, name, path, errno, error);
}

enum hdx_status hdx_folder_walk(const struct hdx_destination *destination, const char *path, bool make, int *fd,
                                struct hdx_error *error) {
  char so_far[HDX_PATH_BYTES_MAX + 1];
  size_t size = strlen(path);
  if (size >= sizeof so_far)
    return hdx_destination_fault(destination, HDX_IO, path, "the path is too long", 0, error);
  memcpy(so_far, path, size + 1);
  enum hdx_status status = HDX_OK;
  int at = destination->folder;
  for (size_t from = 0, to; status == HDX_OK && from < size; from = to + 1) {
    int next = -1;
    to = from + strcspn(so_far + from, "/");
    so_far[to] = 0;
    status = enter(destination, at, so_far + from, so_far, make, &next, error);
    if (to < size)
      so_far[to] = '/';
    if (at != destination->folder)
      close(at);
    at = next;
  }
  if (status == HDX_OK)
    *fd = at;
  return status;
}

/* ---- paths ---- */

/* The layout makes no other paths; those of a journal may have been written by anybody. */
static enum hdx_status check_path(const struct hdx_destination *destination, const char *path,
                                  struct hdx_error *error) {
  for (const char *at = path;; at++) {
    struct hdx_text name = {at, strcspn(at, "/")};
    if (name.size == 0 || hdx_path_reserved(name, at == path))
      return hdx_destination_fault(
          destination, HDX_IO, path,
          "not a path of a mirrored file (a component is empty, ., .. or " HDX_STATE_FOLDER ")", 0, error);
    at += name.size;
    if (!*at)
      return HDX_OK;
  }
}

/* ---- folders that are kept open ---- */

void hdx_folders_init(struct hdx_folders *folders, const struct hdx_destination *destination) {
  *folders = (struct hdx_folders){.destination = destination};
}

static void forget(struct hdx_folders *folders, size_t i) {
  if (!folders->kept[i].path)
    return;
  close(folders->kept[i].fd);
  free(folders->kept[i].path);
  folders->kept[i].path = NULL;
}

void hdx_folders_deinit(struct hdx_folders *folders) {
  for (size_t i = 0; i < HDX_FOLDERS_KEPT; i++)
    forget(folders, i);
}

/* Forgets what is kept of a folder that may not be there any more. */
static void forget_path(struct hdx_folders *folders, struct hdx_text path) {
  for (size_t i = 0; i < HDX_FOLDERS_KEPT; i++)
    if (folders->kept[i].path && hdx_text_is(path, folders->kept[i].path))
      forget(folders, i);
}

static int find_kept(struct hdx_folders *folders, struct hdx_text path) {
  for (size_t i = 0; i < HDX_FOLDERS_KEPT; i++) {
    const char *kept = folders->kept[i].path;
    if (kept && strncmp(kept, path.data, path.size) == 0 && kept[path.size] == 0) {
      folders->kept[i].used = ++folders->clock;
      return folders->kept[i].fd;
    }
  }
  return -1;
}

/* Keeps an open folder in place of the one that was used longest ago; `path` is owned then. */
static void keep(struct hdx_folders *folders, char *path, int fd) {
  size_t oldest = 0;
  for (size_t i = 0; i < HDX_FOLDERS_KEPT; i++) {
    if (!folders->kept[i].path) {
      oldest = i;
      break;
    }
    if (folders->kept[i].used < folders->kept[oldest].used)
      oldest = i;
  }
  forget(folders, oldest);
  folders->kept[oldest].path = path;
  folders->kept[oldest].fd = fd;
  folders->kept[oldest].used = ++folders->clock;
}

static enum hdx_status open_folder(const struct hdx_destination *destination, const char *path, bool make, int *fd,
                                   struct hdx_error *error) {
  if (!destination->no_openat2) {
    *fd = hdx_folder_beneath(destination->folder, path);
    if (*fd >= 0)
      return HDX_OK;
    if (errno == ENOENT && !make)
      return hdx_destination_fault(destination, HDX_NOT_FOUND, path, "no such folder", 0, error);
  }
  return hdx_folder_walk(destination, path, make, fd, error);
}

enum hdx_status hdx_folders_at(struct hdx_folders *folders, const char *path, bool make, int *fd, const char **name,
                               struct hdx_error *error) {
  enum hdx_status status = check_path(folders->destination, path, error);
  if (status != HDX_OK)
    return status;
  const char *slash = strrchr(path, '/');
  *name = slash ? slash + 1 : path;
  if (!slash) {
    *fd = folders->destination->folder;
    return HDX_OK;
  }
  struct hdx_text folder = {path, (size_t)(slash - path)};
  *fd = find_kept(folders, folder);
  if (*fd >= 0)
    return HDX_OK;
  char *copy = hdx_text_dup(folder);
  if (!copy)
    return hdx_error_memory(error, folder.size + 1);
  status = open_folder(folders->destination, copy, make, fd, error);
  if (status == HDX_IO) {
    /* It may have been for want of descriptors. */
    hdx_folders_deinit(folders);
    status = open_folder(folders->destination, copy, make, fd, error);
  }
  if (status == HDX_OK)
    keep(folders, copy, *fd);
  else
    free(copy);
  return status;
}

/* ---- files ---- */

static enum hdx_status not_regular(const struct hdx_folders *folders, const char *path, struct hdx_error *error) {
  return hdx_destination_fault(folders->destination, HDX_NOT_FOUND, path, "not a regular file", 0, error);
}

/* What a call on a file failed with. */
static enum hdx_status refuse_file(const struct hdx_folders *folders, const char *path, const char *what, int code,
                                   struct hdx_error *error) {
  if (code == ENOENT)
    return hdx_destination_fault(folders->destination, HDX_NOT_FOUND, path, "no such file", 0, error);
  if (code == ELOOP || code == EISDIR || code == ENXIO)
    return not_regular(folders, path, error);
  return hdx_destination_fault(folders->destination, HDX_IO, path, what, code, error);
}

enum hdx_status hdx_destination_stat(struct hdx_folders *folders, const char *path, struct stat *info,
                                     struct hdx_error *error) {
  int fd;
  const char *name;
  struct stat found;
  enum hdx_status status = hdx_folders_at(folders, path, false, &fd, &name, error);
  if (status != HDX_OK)
    return status;
  if (fstatat(fd, name, &found, AT_SYMLINK_NOFOLLOW) != 0)
    return refuse_file(folders, path, "cannot be looked at", errno, error);
  if (!S_ISREG(found.st_mode))
    return not_regular(folders, path, error);
  *info = found;
  return HDX_OK;
}

enum hdx_status hdx_destination_read(struct hdx_folders *folders, const char *path, int *fd, struct hdx_error *error) {
  int folder, opened;
  const char *name;
  struct stat info;
  enum hdx_status status = hdx_folders_at(folders, path, false, &folder, &name, error);
  if (status != HDX_OK)
    return status;
  /* Without waiting for who writes to a pipe. */
  while ((opened = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) < 0 && errno == EINTR) {
  }
  if (opened < 0)
    return refuse_file(folders, path, "cannot be opened", errno, error);
  if (fstat(opened, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(opened);
    return not_regular(folders, path, error);
  }
  *fd = opened;
  return HDX_OK;
}

/* Removes the folders above what was removed, as long as they are empty. */
static void remove_empty(struct hdx_folders *folders, const char *path) {
  char *folder = hdx_text_dup(hdx_text_of(path));
  for (char *slash; folder && (slash = strrchr(folder, '/'));) {
    int fd;
    const char *name;
    *slash = 0;
    if (hdx_folders_at(folders, folder, false, &fd, &name, NULL) != HDX_OK || unlinkat(fd, name, AT_REMOVEDIR) != 0)
      break;
    forget_path(folders, hdx_text_of(folder));
  }
  free(folder);
}

enum hdx_status hdx_destination_remove(struct hdx_folders *folders, const char *path, struct hdx_error *error) {
  int fd;
  const char *name;
  struct stat info;
  enum hdx_status status = hdx_destination_stat(folders, path, &info, error);
  if (status == HDX_OK)
    status = hdx_folders_at(folders, path, false, &fd, &name, error);
  if (status != HDX_OK)
    return status;
  if (unlinkat(fd, name, 0) != 0)
    return refuse_file(folders, path, "cannot be removed", errno, error);
  remove_empty(folders, path);
  return HDX_OK;
}
