/* Files of lines: opening and mapping them, and reading all of them in the order of their runs. */
#include "mirror/journal_state.h"

#include "base/file.h"
#include "mirror/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WARNINGS_MAX = 10, TAIL_BYTES = 64 * 1024 };

static const char journal_name[] = "journal", header[] = HDX_LINE_HEADER;

const char *hdx_journal_path(const struct hdx_journal *journal, const char *name, char path[HDX_JOURNAL_PATH_MAX]) {
  snprintf(path, HDX_JOURNAL_PATH_MAX, "%s/%s%s%s", journal->dest, HDX_STATE_FOLDER, name ? "/" : "", name ? name : "");
  return path;
}

/* ---- mapping ---- */

void hdx_journal_lines_deinit(struct hdx_journal_lines *lines) {
  if (lines->mapped)
    munmap((void *)lines->data, lines->size);
  else
    free((void *)lines->data);
  free(lines->name);
  *lines = (struct hdx_journal_lines){0};
}

enum hdx_status hdx_journal_lines_map(const struct hdx_journal *journal, struct hdx_journal_lines *lines, int fd,
                                      uint64_t size, struct hdx_error *error) {
  char path[HDX_JOURNAL_PATH_MAX];
  hdx_journal_path(journal, lines->name, path);
  if (size > HDX_LINE_OFFSET_MAX)
    return hdx_error_set(error, HDX_LIMIT, "%s: too large", path);
  void *data = size ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) : NULL;
  bool mapped = size && data != MAP_FAILED;
  if (size && !mapped) {
    /* Not every file system can map files. */
    data = malloc(size);
    enum hdx_status status = data ? hdx_file_read_at(fd, path, data, size, 0, error) : hdx_error_memory(error, size);
    if (status != HDX_OK) {
      free(data);
      return status;
    }
  }
  if (lines->mapped)
    munmap((void *)lines->data, lines->size);
  else
    free((void *)lines->data);
  lines->data = data;
  lines->size = size;
  lines->mapped = mapped;
  return HDX_OK;
}

/* How many of the file's first bytes are whole lines. */
static enum hdx_status find_end(int fd, const char *path, uint64_t size, uint64_t *end, struct hdx_error *error) {
  char tail[TAIL_BYTES];
  while (size > 0) {
    size_t step = size < sizeof tail ? (size_t)size : sizeof tail;
    enum hdx_status status = hdx_file_read_at(fd, path, tail, step, size - step, error);
    if (status != HDX_OK)
      return status;
    const char *newline = memrchr(tail, '\n', step);
    if (newline) {
      *end = size - step + (size_t)(newline - tail) + 1;
      return HDX_OK;
    }
    size -= step;
  }
  *end = 0;
  return HDX_OK;
}

static enum hdx_status check_header(int fd, const char *path, uint64_t size, struct hdx_error *error) {
  char found[sizeof header - 1];
  const size_t name = sizeof header - 3; /* up to the version */
  size_t step = size < sizeof found ? (size_t)size : sizeof found;
  enum hdx_status status = hdx_file_read_at(fd, path, found, step, 0, error);
  /* A header that was cut off is as good as none. */
  if (status != HDX_OK || memcmp(found, header, step) == 0)
    return status;
  if (step > name && memcmp(found, header, name) == 0 && found[name] >= '0' && found[name] <= '9')
    return hdx_error_set(error, HDX_INTEGRITY, "%s: of a later version of this program", path);
  return hdx_error_set(error, HDX_INTEGRITY, "%s: not a journal (its first line is another one)", path);
}

static enum hdx_status open_lines(const struct hdx_journal *journal, const char *name, bool own, int *fd,
                                  uint64_t *size, struct hdx_error *error) {
  char path[HDX_JOURNAL_PATH_MAX];
  struct stat info;
  int flags = (own ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  while ((*fd = openat(journal->folder, name, flags, 0666)) < 0 && errno == EINTR) {
  }
  hdx_journal_path(journal, name, path);
  if (*fd < 0 && errno == ENOENT)
    return hdx_error_set(error, HDX_NOT_FOUND, "%s: no such file", path);
  if (*fd < 0)
    return hdx_error_errno(error, path, "cannot be opened", errno);
  if (fstat(*fd, &info) != 0)
    return hdx_error_errno(error, path, "cannot be looked at", errno);
  if (!S_ISREG(info.st_mode))
    return hdx_error_set(error, HDX_IO, "%s: a regular file was expected", path);
  *size = (uint64_t)info.st_size;
  return check_header(*fd, path, *size, error);
}

/* Opens a file of lines and maps those that are whole. In the file that is appended to, the rest is cut off. */
static enum hdx_status map_file(struct hdx_journal *journal, struct hdx_journal_lines *lines, bool own,
                                struct hdx_error *error) {
  char path[HDX_JOURNAL_PATH_MAX];
  int fd = -1;
  uint64_t size = 0, end = 0;
  hdx_journal_path(journal, lines->name, path);
  enum hdx_status status = open_lines(journal, lines->name, own, &fd, &size, error);
  if (status == HDX_OK)
    status = find_end(fd, path, size, &end, error);
  if (status == HDX_OK && own && end < size) {
    hdx_log_write(journal->log, HDX_LOG_INFO, "%s: the last line was cut off at byte %llu and is removed", path,
                  (unsigned long long)size);
    if (ftruncate(fd, (off_t)end) != 0)
      status = hdx_error_errno(error, path, "cannot be cut", errno);
  }
  if (status == HDX_OK)
    status = hdx_journal_lines_map(journal, lines, fd, end, error);
  if (status == HDX_OK && own)
    journal->fd = fd;
  else if (fd >= 0)
    close(fd);
  return status;
}

/* ---- the folder ---- */

static bool is_journal(const char *name) {
  size_t size = sizeof journal_name - 1;
  if (strncmp(name, journal_name, size) != 0 || (name[size] && name[size] != '-'))
    return false;
  return !name[size + strspn(name + size, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")];
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct hdx_journal_lines *)a)->name, ((const struct hdx_journal_lines *)b)->name);
}

static enum hdx_status add_name(struct hdx_journal *journal, const char *name, struct hdx_error *error) {
  char path[HDX_JOURNAL_PATH_MAX];
  for (size_t i = 0; i < journal->file_count; i++)
    if (strcmp(journal->files[i].name, name) == 0)
      return HDX_OK;
  if (journal->file_count == HDX_LINE_FILES_MAX)
    return hdx_error_set(error, HDX_LIMIT, "%s: more than %d journals", hdx_journal_path(journal, NULL, path),
                         HDX_LINE_FILES_MAX);
  struct hdx_journal_lines *files = realloc(journal->files, (journal->file_count + 1) * sizeof *files);
  if (!files)
    return hdx_error_memory(error, (journal->file_count + 1) * sizeof *files);
  journal->files = files;
  files[journal->file_count] = (struct hdx_journal_lines){.name = hdx_text_dup(hdx_text_of(name))};
  if (!files[journal->file_count].name)
    return hdx_error_memory(error, strlen(name) + 1);
  journal->file_count++;
  return HDX_OK;
}

static enum hdx_status list_files(struct hdx_journal *journal, struct hdx_error *error) {
  char path[HDX_JOURNAL_PATH_MAX];
  hdx_journal_path(journal, NULL, path);
  DIR *list = hdx_list_open(journal->folder);
  if (!list)
    return hdx_error_errno(error, path, "cannot be listed", errno);
  enum hdx_status status = HDX_OK;
  for (struct dirent *entry; status == HDX_OK && (entry = hdx_list_next(list, path, &status, error));)
    if (is_journal(entry->d_name))
      status = add_name(journal, entry->d_name, error);
  closedir(list);
  return status;
}

enum hdx_status hdx_journal_map(struct hdx_journal *journal, const char *name, struct hdx_error *error) {
  if (name && !is_journal(name))
    return hdx_error_set(error, HDX_USAGE, "not the name of a journal (expected %s or %s-NAME)", journal_name,
                         journal_name);
  enum hdx_status status = list_files(journal, error);
  if (status == HDX_OK && name)
    status = add_name(journal, name, error);
  if (status != HDX_OK)
    return status;
  if (journal->file_count)
    qsort(journal->files, journal->file_count, sizeof *journal->files, by_name);
  for (size_t i = 0; i < journal->file_count; i++) {
    bool own = name && strcmp(journal->files[i].name, name) == 0;
    if (own)
      journal->own = i;
    status = map_file(journal, &journal->files[i], own, error);
    /* Another shard's may have been removed meanwhile. */
    if (status != HDX_OK && (own || status != HDX_NOT_FOUND))
      return status;
  }
  return HDX_OK;
}

/* ---- reading ---- */

/* Where reading a file is. */
struct reading {
  uint64_t at, next; /* bytes where its line begins and where the one behind it does */
  uint64_t number;   /* of the line, as editors count */
  struct hdx_line line;
  bool ended;
};

static void warn(struct hdx_journal *journal, const char *name, uint64_t number) {
  char path[HDX_JOURNAL_PATH_MAX];
  if (++journal->warnings <= WARNINGS_MAX)
    hdx_log_write(journal->log, HDX_LOG_WARNING, "%s, line %llu: damaged, left out",
                  hdx_journal_path(journal, name, path), (unsigned long long)number);
}

/* Moves to the next line that is whole. */
static void advance(struct hdx_journal *journal, struct hdx_journal_lines *file, struct reading *reading) {
  while (reading->next < file->size) {
    const char *begin = file->data + reading->next;
    const char *end = memchr(begin, '\n', file->size - reading->next);
    if (!end) /* somebody changes the file at this moment, without a lock */
      break;
    size_t size = (size_t)(end - begin);
    reading->at = reading->next;
    reading->next += size + 1;
    reading->number++;
    /* Journals that were put one behind the other are one. */
    if (size == sizeof header - 2 && memcmp(begin, header, size) == 0)
      continue;
    file->count++;
    if (hdx_line_read((struct hdx_text){begin, size}, &reading->line))
      return;
    warn(journal, file->name, reading->number);
  }
  reading->ended = true;
}

/* Has a file's lines count up to those of runs after `run`. */
static enum hdx_status read_run(struct hdx_journal *journal, size_t file, struct reading *reading, uint64_t run,
                                struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  while (status == HDX_OK && !reading->ended && reading->line.run <= run) {
    status = hdx_journal_apply(journal, &reading->line, hdx_line_place(file, reading->at), error);
    advance(journal, &journal->files[file], reading);
  }
  return status;
}

static enum hdx_status read_runs(struct hdx_journal *journal, struct reading *readings, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  for (bool more = true; status == HDX_OK && more;) {
    uint64_t run = UINT64_MAX;
    more = false;
    for (size_t i = 0; i < journal->file_count; i++)
      if (!readings[i].ended) {
        more = true;
        run = readings[i].line.run < run ? readings[i].line.run : run;
      }
    for (size_t i = 0; more && status == HDX_OK && i < journal->file_count; i++)
      status = read_run(journal, i, &readings[i], run, error);
    if (more && journal->run <= run)
      journal->run = run < HDX_LINE_RUN_MAX ? run + 1 : run;
  }
  return status;
}

enum hdx_status hdx_journal_read(struct hdx_journal *journal, struct hdx_error *error) {
  char path[HDX_JOURNAL_PATH_MAX];
  struct reading *readings = calloc(journal->file_count + 1, sizeof *readings);
  if (!readings)
    return hdx_error_memory(error, (journal->file_count + 1) * sizeof *readings);
  for (size_t i = 0; i < journal->file_count; i++)
    advance(journal, &journal->files[i], &readings[i]);
  enum hdx_status status = read_runs(journal, readings, error);
  free(readings);
  if (journal->warnings > WARNINGS_MAX)
    hdx_log_write(journal->log, HDX_LOG_WARNING, "%s: %u damaged lines of journals in all were left out",
                  hdx_journal_path(journal, NULL, path), journal->warnings);
  /* Pages that were read once need not stay in memory: few lines are asked for at a time. */
  for (size_t i = 0; i < journal->file_count; i++)
    if (journal->files[i].mapped)
      (void)madvise((void *)journal->files[i].data, journal->files[i].size, MADV_DONTNEED);
  return status;
}
