#include "base/file.h"

#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_STEP = 64 * 1024 };

/* ".<name>.<pid>-<n>.tmp": the name is cut so that the whole stays a legal file name. */
enum { TEMP_EXTRA_MAX = 1 + 1 + 10 + 1 + 8 + 4 };
static const char temp_ending[] = ".tmp";

enum hdx_status hdx_file_read_fd(int fd, const char *path, uint64_t bytes_max, struct hdx_buffer *out,
                                 struct hdx_error *error) {
  struct stat stat;
  if (fstat(fd, &stat) != 0)
    return hdx_error_errno(error, path, "cannot be looked at", errno);
  if (!S_ISREG(stat.st_mode))
    return hdx_error_set(error, HDX_IO, "%s: not a regular file", path);
  uint64_t total = 0;
  /* One byte more than the size says finds the end without a second read. */
  size_t step = stat.st_size > 0 && (uint64_t)stat.st_size < bytes_max ? (size_t)stat.st_size + 1 : READ_STEP;
  for (;;) {
    char *to = hdx_buffer_reserve(out, step);
    if (!to)
      return hdx_buffer_status(out, path, error);
    ssize_t n = read(fd, to, step);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return hdx_error_errno(error, path, "cannot be read", errno);
    if (n == 0)
      return HDX_OK;
    total += (uint64_t)n;
    if (total > bytes_max)
      return hdx_error_set(error, HDX_LIMIT, "%s: larger than the limit of %llu bytes", path,
                           (unsigned long long)bytes_max);
    out->size += (size_t)n;
    step = (size_t)n < step ? step - (size_t)n : READ_STEP;
  }
}

enum hdx_status hdx_file_read(const char *path, uint64_t bytes_max, struct hdx_buffer *out, struct hdx_error *error) {
  /* O_NONBLOCK: a pipe of that name is refused, not waited for. */
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 && errno == ENOENT)
    return hdx_error_set(error, HDX_NOT_FOUND, "%s: no such file", path);
  if (fd < 0)
    return hdx_error_errno(error, path, "cannot be opened", errno);
  enum hdx_status status = hdx_file_read_fd(fd, path, bytes_max, out, error);
  close(fd);
  return status;
}

enum hdx_status hdx_file_write_at(int fd, const char *path, const void *data, size_t size, uint64_t offset,
                                  struct hdx_error *error) {
  const char *at = data;
  while (size > 0) {
    ssize_t n = pwrite(fd, at, size, (off_t)offset);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return hdx_error_errno(error, path, "cannot be written", n < 0 ? errno : ENOSPC);
    at += n;
    offset += (uint64_t)n;
    size -= (size_t)n;
  }
  return HDX_OK;
}

enum hdx_status hdx_file_read_at(int fd, const char *path, void *data, size_t size, uint64_t offset,
                                 struct hdx_error *error) {
  char *at = data;
  while (size > 0) {
    ssize_t n = pread(fd, at, size, (off_t)offset);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return hdx_error_errno(error, path, "cannot be read", errno);
    if (n == 0)
      return hdx_error_set(error, HDX_IO, "%s: ends at byte %llu, %zu more were expected", path,
                           (unsigned long long)offset, size);
    at += n;
    offset += (uint64_t)n;
    size -= (size_t)n;
  }
  return HDX_OK;
}

enum hdx_status hdx_file_make_folders(const char *path, bool is_private, struct hdx_error *error) {
  char *copy = hdx_text_dup(hdx_text_of(path));
  if (!copy)
    return hdx_error_memory(error, strlen(path) + 1);
  enum hdx_status status = HDX_OK;
  for (char *at = copy; status == HDX_OK && *at;) {
    at += strspn(at, "/");
    at += strcspn(at, "/");
    char cut = *at;
    bool last = !cut || !at[strspn(at, "/")];
    *at = 0;
    struct stat stat_;
    if (*copy && mkdir(copy, is_private && last ? 0700 : 0755) != 0) {
      int code = errno;
      /* A read-only or forbidden parent is no fault as long as the folder is there. */
      if (stat(copy, &stat_) != 0)
        status = hdx_error_errno(error, copy, "cannot be made", code);
      else if (!S_ISDIR(stat_.st_mode))
        status = hdx_error_set(error, HDX_IO, "%s: a folder was expected, it is a file", copy);
    }
    *at = cut;
  }
  free(copy);
  return status;
}

/* The path up to its last slash, cut where it lies, or ".": once a file has its name, nothing may fail any more that
 * could have been done before. */
static const char *folder_of(char *path) {
  char *slash = strrchr(path, '/');
  if (!slash)
    return ".";
  slash[slash == path] = 0;
  return path;
}

static enum hdx_status sync_folder(const char *folder, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  /* Some file systems cannot sync a folder and say EINVAL: there is nothing more to do there. */
  if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
    status = hdx_error_errno(error, folder, "the folder cannot be synced", errno);
  if (fd >= 0)
    close(fd);
  return status;
}

static char *temp_path(const char *target) {
  static atomic_uint counter;
  const char *slash = strrchr(target, '/');
  const char *name = slash ? slash + 1 : target;
  size_t folder = (size_t)(name - target), size = strlen(name);
  if (size > NAME_MAX - TEMP_EXTRA_MAX)
    size = NAME_MAX - TEMP_EXTRA_MAX;
  size_t room = folder + size + TEMP_EXTRA_MAX + 1;
  char *path = malloc(room);
  if (path)
    snprintf(path, room, "%.*s.%.*s.%ld-%x%s", (int)folder, target, (int)size, name, (long)getpid(),
             atomic_fetch_add(&counter, 1), temp_ending);
  return path;
}

enum hdx_status hdx_temp_create(const char *target, struct hdx_temp *temp, struct hdx_error *error) {
  *temp = (struct hdx_temp){.fd = -1, .target = hdx_text_dup(hdx_text_of(target))};
  if (!temp->target)
    return hdx_error_memory(error, strlen(target) + 1);
  /* A name may be taken by what a process with the same id left behind: the next number is as good. */
  for (int tries = 0; temp->fd < 0; tries++) {
    free(temp->path);
    temp->path = temp_path(target);
    if (!temp->path) {
      hdx_temp_abandon(temp);
      return hdx_error_memory(error, strlen(target) + TEMP_EXTRA_MAX);
    }
    temp->fd = open(temp->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (temp->fd < 0 && (errno != EEXIST || tries == 100)) {
      enum hdx_status status = hdx_error_errno(error, temp->path, "cannot be made", errno);
      free(temp->path);
      temp->path = NULL;
      hdx_temp_abandon(temp);
      return status;
    }
  }
  /* Only for hdx_temp_sweep; a file system without locks does without. */
  (void)flock(temp->fd, LOCK_EX | LOCK_NB);
  return HDX_OK;
}

static enum hdx_status sync_and_close(struct hdx_temp *temp, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  /* A failed fsync may have dropped the dirty pages: trying again would lie, so the file is given up. */
  if (fsync(temp->fd) != 0)
    status = hdx_error_errno(error, temp->target, "cannot be synced", errno);
  int closed = close(temp->fd);
  temp->fd = -1;
  if (status == HDX_OK && closed != 0 && errno != EINTR)
    status = hdx_error_errno(error, temp->target, "cannot be closed", errno);
  return status;
}

static enum hdx_status replace_target(struct hdx_temp *temp, struct hdx_error *error) {
  if (rename(temp->path, temp->target) != 0)
    return hdx_error_errno(error, temp->target, "cannot be replaced", errno);
  free(temp->path);
  temp->path = NULL;
  return HDX_OK;
}

void hdx_temp_commit_all(struct hdx_temp *temps, size_t count, enum hdx_status *statuses, struct hdx_error *errors) {
  /* Only a hint: the syncs that follow find most of the work done, and the journal committed once for all. A rename
   * between two syncs would make the next one commit it again. */
  for (size_t i = 0; count > 1 && i < count; i++)
    (void)sync_file_range(temps[i].fd, 0, 0, SYNC_FILE_RANGE_WRITE);
  for (size_t i = 0; i < count; i++)
    statuses[i] = sync_and_close(&temps[i], &errors[i]);
  for (size_t i = 0; i < count; i++)
    if (statuses[i] == HDX_OK)
      statuses[i] = replace_target(&temps[i], &errors[i]);
  const char *synced = NULL;
  struct hdx_error error;
  enum hdx_status status = HDX_OK;
  for (size_t i = 0; i < count; i++) {
    if (statuses[i] != HDX_OK)
      continue;
    const char *folder = folder_of(temps[i].target);
    /* Files of one folder mostly come one after the other. */
    if (!synced || strcmp(synced, folder) != 0)
      status = sync_folder(folder, &error);
    statuses[i] = status;
    if (status != HDX_OK)
      errors[i] = error;
    synced = folder;
  }
  for (size_t i = 0; i < count; i++)
    hdx_temp_abandon(&temps[i]);
}

enum hdx_status hdx_temp_commit(struct hdx_temp *temp, struct hdx_error *error) {
  enum hdx_status status;
  struct hdx_error own;
  hdx_temp_commit_all(temp, 1, &status, error ? error : &own);
  return status;
}

void hdx_temp_abandon(struct hdx_temp *temp) {
  if (temp->path)
    unlink(temp->path);
  if (temp->fd >= 0)
    close(temp->fd);
  free(temp->path);
  free(temp->target);
  *temp = (struct hdx_temp){.fd = -1};
}

/* The process id in a temporary file's name; 0: not such a name. */
static long temp_pid(const char *name) {
  struct hdx_text text = hdx_text_of(name);
  if (text.size < 2 || text.data[0] != '.' || !hdx_text_ends_with(text, hdx_text_of(temp_ending)))
    return 0;
  text.size -= sizeof temp_ending - 1;
  const char *dash = memrchr(text.data, '-', text.size);
  const char *dot = dash ? memrchr(text.data, '.', (size_t)(dash - text.data)) : NULL;
  uint64_t pid;
  if (!dot || dot == text.data || dash + 1 == text.data + text.size ||
      !hdx_text_to_u64((struct hdx_text){dot + 1, (size_t)(dash - dot - 1)}, INT32_MAX, &pid))
    return 0;
  for (const char *at = dash + 1; at < text.data + text.size; at++)
    if (!((*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'f')))
      return 0;
  return (long)pid;
}

bool hdx_temp_name(const char *name) {
  return temp_pid(name) > 0;
}

DIR *hdx_list_open(int folder_fd) {
  int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
  if (!list && fd >= 0) {
    int code = errno;
    close(fd);
    errno = code;
  }
  return list;
}

struct dirent *hdx_list_next(DIR *list, const char *path, enum hdx_status *status, struct hdx_error *error) {
  errno = 0;
  struct dirent *entry = readdir(list);
  if (!entry && errno)
    *status = hdx_error_errno(error, path, "cannot be listed", errno);
  return entry;
}

size_t hdx_temp_sweep(int folder_fd) {
  DIR *folder = hdx_list_open(folder_fd);
  if (!folder)
    return 0;
  size_t removed = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    long pid = temp_pid(entry->d_name);
    if (pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
      continue;
    /* The writer may live in another process namespace or on another machine: then it holds the lock. */
    int fd = openat(folder_fd, entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
      continue;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && unlinkat(folder_fd, entry->d_name, 0) == 0)
      removed++;
    close(fd);
  }
  closedir(folder);
  return removed;
}

enum hdx_status hdx_file_replace(const char *path, struct hdx_text bytes, struct hdx_error *error) {
  struct hdx_temp temp;
  enum hdx_status status = hdx_temp_create(path, &temp, error);
  if (status == HDX_OK)
    status = hdx_file_write_at(temp.fd, path, bytes.data, bytes.size, 0, error);
  if (status == HDX_OK)
    return hdx_temp_commit(&temp, error);
  hdx_temp_abandon(&temp);
  return status;
}
