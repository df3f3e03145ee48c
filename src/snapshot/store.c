/* Folders, locks and names of the store. (Its documents: document.c.) */
#include "snapshot/store.h"

#include "base/error.h"
#include "base/file.h"
#include "base/url.h"
#include "codec/hash.h"
#include "snapshot/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 8, NAME_BYTES_MAX = 200 /* leaves room for endings and for temporary names */, LOCK_TEXT_MAX = 400 };

static const char lock_name[] = ".lock", snapshot_ending[] = ".hdx", meta_ending[] = ".meta";

/* ---- the root ---- */

enum hdx_status hdx_store_init(struct hdx_store *store, const char *root, struct hdx_error *error) {
  struct hdx_buffer path;
  hdx_buffer_init(&path, PATH_MAX);
  const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  if (root && *root && *root != '/') {
    char *here = getcwd(NULL, 0);
    if (!here) {
      int code = errno;
      return hdx_error_set(error, code == ENOMEM ? HDX_MEMORY : HDX_USAGE, "%s: the current folder cannot be told: %s",
                           root, strerror(code));
    }
    hdx_buffer_append_format(&path, "%s/%s", here, root);
    free(here);
  } else if (root && *root) {
    hdx_buffer_append_text(&path, hdx_text_of(root));
  } else if (root) {
    return hdx_error_set(error, HDX_USAGE, "the store's directory is an empty name");
  } else if (cache && *cache == '/') {
    hdx_buffer_append_format(&path, "%s/heliodex", cache);
  } else if (home && *home == '/') {
    hdx_buffer_append_format(&path, "%s/.cache/heliodex", home);
  } else {
    return hdx_error_set(error, HDX_USAGE,
                         "no place for the store: name a directory (--store), or set "
                         "XDG_CACHE_HOME or HOME to an absolute path");
  }
  while (path.size > 1 && path.data[path.size - 1] == '/')
    path.size--;
  if (path.size == 1) /* the root of the file system: a path still has to end without a slash */
    hdx_buffer_append_byte(&path, '.');
  enum hdx_status status = hdx_buffer_status(&path, "path of the store", error);
  store->root = status == HDX_OK ? hdx_text_dup(hdx_buffer_text(&path)) : NULL;
  hdx_buffer_deinit(&path);
  if (status == HDX_OK && !store->root)
    return hdx_error_memory(error, PATH_MAX);
  return status;
}

void hdx_store_deinit(struct hdx_store *store) {
  free(store->root);
  store->root = NULL;
}

const char *hdx_store_exposure(const struct hdx_store *store) {
  struct stat info;
  if (stat(store->root, &info) != 0)
    return NULL;
  if (info.st_uid != geteuid() && info.st_uid != 0)
    return "belongs to another user";
  return info.st_mode & S_IWOTH ? "may be written to by anybody" : NULL;
}

/* ---- names ---- */

void hdx_folder_name(struct hdx_buffer *out, struct hdx_text name, bool encode, struct hdx_text ending) {
  size_t begin = out->size;
  if (encode) {
    hdx_url_encode(out, name, false);
  } else {
    for (size_t i = 0; i < name.size; i++)
      if (name.data[i] == '/')
        hdx_buffer_append_text(out, HDX_TEXT("%2F"));
      else if (name.data[i] == 0)
        hdx_buffer_append_text(out, HDX_TEXT("%00"));
      else
        hdx_buffer_append_byte(out, name.data[i]);
  }
  if (out->status == HDX_OK && out->size > begin && out->data[begin] == '.') {
    hdx_buffer_append_text(out, HDX_TEXT("%2"));
    if (out->status == HDX_OK) {
      memmove(out->data + begin + 3, out->data + begin + 1, out->size - begin - 3);
      memcpy(out->data + begin, "%2E", 3);
    }
  }
  if (out->size - begin + ending.size > NAME_BYTES_MAX) {
    out->size = begin + NAME_BYTES_MAX - 17 - ending.size;
    hdx_buffer_append_format(out, "=%016llx", (unsigned long long)hdx_hash(name.data, name.size));
  }
  hdx_buffer_append_text(out, ending);
}

void hdx_store_path(const struct hdx_store *store, struct hdx_text folder, struct hdx_text name,
                    struct hdx_buffer *path) {
  hdx_buffer_append_format(path, "%s/%.*s/", store->root, HDX_TEXT_ARG(folder));
  hdx_folder_name(path, name, false, HDX_TEXT(""));
}

void hdx_store_snapshot_path(const struct hdx_store *store, struct hdx_text folder, struct hdx_text id,
                             struct hdx_buffer *path) {
  hdx_buffer_append_format(path, "%s/%.*s/", store->root, HDX_TEXT_ARG(folder));
  hdx_folder_name(path, id, true, hdx_text_of(snapshot_ending));
}

/* ---- folders ---- */

static bool is_dots(const char *name) {
  return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* "ROOT/FOLDER" for messages. */
static enum hdx_status folder_error(const struct hdx_store *store, struct hdx_text folder, const char *verb, int code,
                                    struct hdx_error *error) {
  if (code == ENOENT)
    return hdx_error_set(error, HDX_NOT_FOUND, "%s/%.*s: nothing is held there", store->root, HDX_TEXT_ARG(folder));
  return hdx_error_set(error, HDX_IO, "%s/%.*s: %s: %s", store->root, HDX_TEXT_ARG(folder), verb,
                       code == ELOOP || code == ENOTDIR ? "a folder was expected, not a link or file" : strerror(code));
}

enum hdx_status hdx_folder_open(const struct hdx_store *store, struct hdx_text folder, bool make, int *fd,
                                struct hdx_error *error) {
  if (make) {
    enum hdx_status status = hdx_file_make_folders(store->root, true, error);
    if (status != HDX_OK)
      return status;
  }
  int at = open(store->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (at < 0)
    return folder_error(store, HDX_TEXT(""), "cannot be opened", errno, error);
  for (size_t from = 0, to; from < folder.size; from = to + 1) {
    char name[NAME_MAX + 1];
    for (to = from; to < folder.size && folder.data[to] != '/'; to++) {
    }
    size_t size = to - from;
    snprintf(name, sizeof name, "%.*s", (int)(size < NAME_MAX ? size : NAME_MAX), folder.data + from);
    if (strlen(name) != size || size == 0 || is_dots(name)) {
      close(at);
      return hdx_error_set(error, HDX_USAGE, "%.*s: not a folder of the store", HDX_TEXT_ARG(folder));
    }
    int code = make && mkdirat(at, name, 0755) != 0 && errno != EEXIST ? errno : 0;
    int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0) {
      code = code ? code : errno;
      close(at);
      return folder_error(store, folder, code == ENOENT || !make ? "cannot be opened" : "cannot be made", code, error);
    }
    close(at);
    at = next;
  }
  *fd = at;
  return HDX_OK;
}

enum hdx_status hdx_store_make(const struct hdx_store *store, struct hdx_text folder, struct hdx_error *error) {
  int fd;
  enum hdx_status status = hdx_folder_open(store, folder, true, &fd, error);
  if (status == HDX_OK)
    close(fd);
  return status;
}

size_t hdx_store_sweep(const struct hdx_store *store, struct hdx_text folder) {
  int fd;
  if (hdx_folder_open(store, folder, false, &fd, NULL) != HDX_OK)
    return 0;
  size_t removed = hdx_temp_sweep(fd);
  close(fd);
  return removed;
}

/* ---- locks ---- */

/* Takes the lock of an open folder; `what` names it. */
static enum hdx_status lock_folder(int folder, const char *what, struct hdx_store_lock *lock, struct hdx_error *error) {
  for (;;) {
    int fd = openat(folder, lock_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
      return hdx_error_set(error, HDX_IO, "%s: the lock cannot be opened: %s", what, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      int code = errno;
      char holder[LOCK_TEXT_MAX];
      ssize_t n = pread(fd, holder, sizeof holder, 0);
      close(fd);
      if (code != EWOULDBLOCK)
        return hdx_error_set(error, HDX_IO, "%s: cannot be locked: %s", what, strerror(code));
      struct hdx_text text = hdx_text_trim((struct hdx_text){holder, n > 0 ? (size_t)n : 0});
      return hdx_error_set(error, HDX_TEMPORARY, "%s: another process is writing there (%.*s)", what,
                           text.size ? (int)text.size : 7, text.size ? text.data : "unknown");
    }
    /* Whoever removed the folder's files may have removed the lock that was opened: then it locks nothing. */
    struct stat mine, there;
    if (fstat(fd, &mine) == 0 && fstatat(folder, lock_name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
        mine.st_ino == there.st_ino && mine.st_dev == there.st_dev) {
      char host[256] = "", text[LOCK_TEXT_MAX];
      gethostname(host, sizeof host - 1);
      int size = snprintf(text, sizeof text, "pid %ld on %s\n", (long)getpid(), host);
      /* The text only serves messages: a full disk is no reason to fail here. A file with another name may be
       * somebody's, put here to be overwritten. */
      if (S_ISREG(mine.st_mode) && mine.st_nlink == 1 && ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)size, 0) < 0)
        errno = 0;
      lock->fd = fd;
      return HDX_OK;
    }
    close(fd);
  }
}

enum hdx_status hdx_store_lock(const struct hdx_store *store, struct hdx_text folder, struct hdx_store_lock *lock,
                               struct hdx_error *error) {
  int fd;
  char what[PATH_MAX];
  lock->fd = -1;
  enum hdx_status status = hdx_folder_open(store, folder, false, &fd, error);
  if (status != HDX_OK)
    return status;
  snprintf(what, sizeof what, "%s/%.*s", store->root, HDX_TEXT_ARG(folder));
  status = lock_folder(fd, what, lock, error);
  close(fd);
  return status;
}

void hdx_store_unlock(struct hdx_store_lock *lock) {
  if (lock->fd < 0)
    return;
  flock(lock->fd, LOCK_UN); /* a process that was forked meanwhile has the file open too */
  close(lock->fd);
  lock->fd = -1;
}

/* ---- walking ---- */

static bool is_snapshot(const char *name) {
  return name[0] != '.' && hdx_text_ends_with(hdx_text_of(name), hdx_text_of(snapshot_ending));
}

/* Appends the NUL-terminated paths of the snapshots below an open folder, whose own path ends `path`. */
static enum hdx_status collect(int folder, struct hdx_buffer *path, int depth, struct hdx_buffer *paths, size_t *count,
                               struct hdx_error *error) {
  DIR *list = hdx_list_open(folder);
  if (!list)
    return hdx_error_errno(error, hdx_buffer_string(path), "cannot be listed", errno);
  enum hdx_status status = HDX_OK;
  for (struct dirent *entry;
       status == HDX_OK && (entry = hdx_list_next(list, hdx_buffer_string(path), &status, error));) {
    struct stat stat;
    size_t size = path->size;
    /* Names that begin with a dot are no folders of snapshots (which have %2E there), but of work under way. */
    if (entry->d_name[0] == '.')
      continue;
    bool there = fstatat(folder, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0;
    int code = errno;
    if (!there && code == ENOENT)
      continue;
    hdx_buffer_append_format(path, "/%s", entry->d_name);
    if (!there)
      status = hdx_error_errno(error, hdx_buffer_string(path), "cannot be looked at", code);
    /* A folder in a snapshot's place is told as a snapshot that cannot be read. */
    else if ((S_ISREG(stat.st_mode) || S_ISDIR(stat.st_mode)) && is_snapshot(entry->d_name)) {
      hdx_buffer_append_text(paths, hdx_text_of(hdx_buffer_string(path)));
      hdx_buffer_append_byte(paths, 0);
      ++*count;
    } else if (S_ISDIR(stat.st_mode) && depth < DEPTH_MAX) {
      int fd = openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (fd >= 0) {
        status = collect(fd, path, depth + 1, paths, count, error);
        close(fd);
      } else if (errno != ENOENT) {
        status = hdx_error_errno(error, hdx_buffer_string(path), "cannot be opened", errno);
      }
    }
    if (status == HDX_OK)
      status = hdx_buffer_status(path, "path in the store", error);
    if (status == HDX_OK)
      status = hdx_buffer_status(paths, "paths in the store", error);
    path->size = size;
  }
  closedir(list);
  return status;
}

static int by_path(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum hdx_status visit_sorted(const struct hdx_buffer *paths, size_t count,
                                    void (*visit)(void *user, const char *path), void *user, struct hdx_error *error) {
  const char **list = calloc(count + 1, sizeof *list);
  if (!list)
    return hdx_error_memory(error, count * sizeof *list);
  const char *at = paths->data;
  for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
    list[i] = at;
  qsort(list, count, sizeof *list, by_path);
  for (size_t i = 0; i < count; i++)
    visit(user, list[i]);
  free(list);
  return HDX_OK;
}

enum hdx_status hdx_store_walk(const struct hdx_store *store, struct hdx_text folder,
                               void (*visit)(void *user, const char *path), void *user, struct hdx_error *error) {
  struct hdx_buffer path, paths;
  size_t count = 0;
  int fd;
  enum hdx_status status = hdx_folder_open(store, folder, false, &fd, error);
  if (status != HDX_OK)
    return status == HDX_NOT_FOUND ? HDX_OK : status;
  hdx_buffer_init(&path, PATH_MAX);
  hdx_buffer_init(&paths, SIZE_MAX);
  hdx_buffer_append_format(&path, "%s%s%.*s", store->root, folder.size ? "/" : "", HDX_TEXT_ARG(folder));
  status = collect(fd, &path, 0, &paths, &count, error);
  close(fd);
  if (status == HDX_OK)
    status = visit_sorted(&paths, count, visit, user, error);
  hdx_buffer_deinit(&path);
  hdx_buffer_deinit(&paths);
  return status;
}

/* ---- removing ---- */

/* Whether the store wrote a file of this name: a snapshot, a temporary file, a document or what is known of it. *code
 * is why that cannot be told, or 0. */
static bool is_own(int folder, const char *name, int *code) {
  struct hdx_text text = hdx_text_of(name);
  char meta[NAME_MAX + sizeof meta_ending];
  *code = 0;
  if (is_snapshot(name) || hdx_temp_name(name) || strcmp(name, lock_name) == 0 ||
      (name[0] != '.' && hdx_text_ends_with(text, hdx_text_of(meta_ending))))
    return true;
  struct stat stat;
  snprintf(meta, sizeof meta, "%s%s", name, meta_ending);
  bool own = name[0] != '.' && fstatat(folder, meta, &stat, AT_SYMLINK_NOFOLLOW) == 0;
  if (!own && name[0] != '.' && errno != ENOENT && errno != ENAMETOOLONG)
    *code = errno;
  return own;
}

struct removal {
  uint64_t snapshots, files;
};

static enum hdx_status remove_below(int folder, struct hdx_buffer *path, int depth, struct removal *removal,
                                    struct hdx_error *error);

static enum hdx_status remove_entry(int folder, const char *name, struct hdx_buffer *path, int depth, bool metas,
                                    struct removal *removal, struct hdx_error *error) {
  struct stat stat;
  bool there = fstatat(folder, name, &stat, AT_SYMLINK_NOFOLLOW) == 0;
  int code = errno;
  if (!there && code == ENOENT)
    return HDX_OK;
  enum hdx_status status = HDX_OK;
  size_t size = path->size;
  hdx_buffer_append_format(path, "/%s", name);
  if (!there)
    status = hdx_error_errno(error, hdx_buffer_string(path), "cannot be looked at", code);
  else if (S_ISDIR(stat.st_mode) && depth < DEPTH_MAX && !metas) {
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    status = fd < 0 ? hdx_error_errno(error, hdx_buffer_string(path), "cannot be opened", errno)
                    : remove_below(fd, path, depth + 1, removal, error);
    if (fd >= 0)
      close(fd);
    /* Folders with files that are not the store's stay. */
    if (status == HDX_OK)
      unlinkat(folder, name, AT_REMOVEDIR);
  } else if (S_ISREG(stat.st_mode) && metas == hdx_text_ends_with(hdx_text_of(name), hdx_text_of(meta_ending))) {
    bool own = is_own(folder, name, &code);
    if (code)
      status = hdx_error_errno(error, hdx_buffer_string(path), "cannot be looked at", code);
    else if (own && unlinkat(folder, name, 0) != 0 && errno != ENOENT)
      status = hdx_error_errno(error, hdx_buffer_string(path), "cannot be removed", errno);
    else if (own && strcmp(name, lock_name) != 0)
      removal->files++;
    removal->snapshots += own && status == HDX_OK && is_snapshot(name);
  }
  path->size = size;
  return status;
}

/* Removes what the store wrote in an open folder and below, under the folder's lock. */
static enum hdx_status remove_below(int folder, struct hdx_buffer *path, int depth, struct removal *removal,
                                    struct hdx_error *error) {
  struct hdx_store_lock lock = {-1};
  struct stat stat;
  enum hdx_status status = HDX_OK;
  if (fstatat(folder, lock_name, &stat, AT_SYMLINK_NOFOLLOW) == 0)
    status = lock_folder(folder, hdx_buffer_string(path), &lock, error);
  else if (errno != ENOENT)
    status = hdx_error_errno(error, hdx_buffer_string(path), "cannot be looked at", errno);
  /* Documents go before what tells that they are ours. */
  for (int metas = 0; status == HDX_OK && metas < 2; metas++) {
    DIR *list = hdx_list_open(folder);
    if (!list)
      status = hdx_error_errno(error, hdx_buffer_string(path), "cannot be listed", errno);
    for (struct dirent *entry;
         list && status == HDX_OK && (entry = hdx_list_next(list, hdx_buffer_string(path), &status, error));)
      if (!is_dots(entry->d_name))
        status = remove_entry(folder, entry->d_name, path, depth, metas != 0, removal, error);
    if (list)
      closedir(list);
  }
  hdx_store_unlock(&lock);
  return status;
}

static enum hdx_status remove_snapshot(int folder, const struct hdx_store *store, struct hdx_text where,
                                       struct hdx_text id, uint64_t *removed, struct hdx_error *error) {
  struct hdx_buffer name;
  hdx_buffer_init(&name, NAME_MAX);
  hdx_folder_name(&name, id, true, hdx_text_of(snapshot_ending));
  enum hdx_status status = hdx_buffer_status(&name, "name of a snapshot", error);
  if (status == HDX_OK && unlinkat(folder, hdx_buffer_string(&name), 0) == 0)
    *removed = 1;
  else if (status == HDX_OK && errno == ENOENT)
    status = hdx_error_set(error, HDX_NOT_FOUND, "%.*s: nothing is held of it in %s/%.*s", HDX_TEXT_ARG(id),
                           store->root, HDX_TEXT_ARG(where));
  else if (status == HDX_OK)
    status = hdx_error_errno(error, hdx_buffer_string(&name), "cannot be removed", errno);
  hdx_buffer_deinit(&name);
  return status;
}

/* Removes the folder itself and those above it that are empty then. */
static void remove_empty(const struct hdx_store *store, struct hdx_text folder) {
  while (folder.size) {
    size_t size = folder.size;
    while (size && folder.data[size - 1] != '/')
      size--;
    struct hdx_text above = {folder.data, size ? size - 1 : 0};
    char name[NAME_MAX + 1];
    int fd;
    snprintf(name, sizeof name, "%.*s", (int)(folder.size - size), folder.data + size);
    if (hdx_folder_open(store, above, false, &fd, NULL) != HDX_OK)
      return;
    int gone = unlinkat(fd, name, AT_REMOVEDIR);
    close(fd);
    if (gone != 0)
      return;
    folder = above;
  }
}

enum hdx_status hdx_store_remove_files(const struct hdx_store *store, struct hdx_text folder, struct hdx_text id,
                                       uint64_t *removed, struct hdx_error *error) {
  int fd;
  *removed = 0;
  enum hdx_status status = hdx_folder_open(store, folder, false, &fd, error);
  if (status != HDX_OK)
    return status;
  if (folder.size && id.size) {
    status = remove_snapshot(fd, store, folder, id, removed, error);
    close(fd);
    return status;
  }
  struct hdx_buffer path;
  struct removal removal = {0};
  hdx_buffer_init(&path, PATH_MAX);
  hdx_buffer_append_format(&path, "%s%s%.*s", store->root, folder.size ? "/" : "", HDX_TEXT_ARG(folder));
  status = remove_below(fd, &path, 0, &removal, error);
  close(fd);
  hdx_buffer_deinit(&path);
  if (status == HDX_OK)
    remove_empty(store, folder);
  *removed = removal.snapshots;
  if (status == HDX_OK && removal.files == 0)
    return hdx_error_set(error, HDX_NOT_FOUND, "%s%s%.*s: nothing is held there", store->root, folder.size ? "/" : "",
                         HDX_TEXT_ARG(folder));
  return status;
}
