/* Appending to a journal, and writing it anew without what is superseded. */
#include "mirror/journal_state.h"

#include "base/file.h"
#include "mirror/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
  REMAP_BYTES = 1024 * 1024, /* of added lines that are in the file are mapped in place of a copy */
  WRITE_BYTES = 1024 * 1024, /* at a time, as a journal is written anew */
  WASTEFUL_LINES = 4096,     /* a journal of fewer lines is small enough */
};

static const char *own_path(const struct hdx_journal *journal, char path[HDX_JOURNAL_PATH_MAX]) {
  return hdx_journal_path(journal, journal->files[journal->own].name, path);
}

/* ---- adding ---- */

static enum hdx_status add(struct hdx_journal *journal, struct hdx_line *line, struct hdx_error *error) {
  struct hdx_line read;
  char path[HDX_JOURNAL_PATH_MAX];
  if (journal->failure != HDX_OK)
    return hdx_error_set(error, journal->failure, "%s: nothing can be added to the journal after a failure",
                         hdx_journal_path(journal, NULL, path));
  if (journal->fd < 0)
    return hdx_error_set(error, HDX_IO, "%s: nothing can be added to the journal, which was only opened to read",
                         hdx_journal_path(journal, NULL, path));
  struct hdx_journal_lines *own = &journal->files[journal->own];
  if (own->size + journal->added.size == 0)
    hdx_buffer_append_text(&journal->added, HDX_TEXT(HDX_LINE_HEADER));
  size_t begin = journal->added.size, capacity = journal->added.capacity;
  line->run = journal->run;
  hdx_line_write(line, &journal->added);
  enum hdx_status status = hdx_buffer_status(&journal->added, "what is to be added to the journal", error);
  if (status == HDX_OK)
    status = hdx_journal_charge(journal, journal->added.capacity - capacity, error);
  if (status == HDX_OK &&
      !hdx_line_read(hdx_text_sub(hdx_buffer_text(&journal->added), begin, journal->added.size - 1), &read)) {
    journal->added.size = begin;
    return hdx_error_set(error, HDX_LIMIT,
                         "%s: a line of the journal would be longer than %d bytes or states what cannot be",
                         hdx_journal_path(journal, NULL, path), HDX_LINE_BYTES_MAX);
  }
  if (status == HDX_OK)
    status = hdx_journal_apply(journal, &read, hdx_line_place(journal->own, own->size + begin), error);
  if (status != HDX_OK)
    journal->failure = status;
  return status;
}

enum hdx_status hdx_journal_add_file(struct hdx_journal *journal, const struct hdx_journal_file *file,
                                     struct hdx_error *error) {
  struct hdx_line line = {.kind = HDX_LINE_FILE,
                          .location = file->location,
                          .path = file->path,
                          .etag = file->etag,
                          .size = file->size,
                          .modified = file->modified,
                          .crc32c = file->crc32c,
                          .checks = file->checks};
  return add(journal, &line, error);
}

/* Whether a part begins in place of another one of the same location. */
static bool is_other(const struct hdx_journal *journal, const struct hdx_journal_part *part) {
  struct hdx_buffer text;
  struct hdx_journal_part known;
  hdx_buffer_init(&text, SIZE_MAX);
  bool other = hdx_journal_part(journal, part->location, &text, &known) &&
               !(known.size == part->size && hdx_text_equal(known.etag, part->etag) &&
                 hdx_text_equal(known.partial, part->partial));
  hdx_buffer_deinit(&text);
  return other;
}

enum hdx_status hdx_journal_add_part(struct hdx_journal *journal, const struct hdx_journal_part *part,
                                     const struct hdx_extent *extent, struct hdx_error *error) {
  struct hdx_line line = {
      .kind = HDX_LINE_PART, .location = part->location, .path = part->partial, .etag = part->etag, .size = part->size};
  /* Said by a line of its own: it stands in place of the other one even where that is not there any more. */
  if (is_other(journal, part) && extent->from < extent->to) {
    enum hdx_status status = add(journal, &line, error);
    if (status != HDX_OK)
      return status;
  }
  line.from = extent->from;
  line.to = extent->to;
  line.crc32c = extent->crc32c;
  return add(journal, &line, error);
}

enum hdx_status hdx_journal_add_gone(struct hdx_journal *journal, struct hdx_text location, struct hdx_error *error) {
  struct hdx_line line = {.kind = HDX_LINE_GONE, .location = location};
  return add(journal, &line, error);
}

/* ---- flushing ---- */

static enum hdx_status write_added(struct hdx_journal *journal, const char *path, struct hdx_error *error) {
  struct hdx_journal_lines *own = &journal->files[journal->own];
  uint64_t end = own->size + journal->written;
  size_t size = journal->added.size - journal->written;
  enum hdx_status status =
      hdx_file_write_at(journal->fd, path, journal->added.data + journal->written, size, end, error);
  if (status != HDX_OK) {
    /* Half a line would be cut off by the next run, too. */
    if (ftruncate(journal->fd, (off_t)end) != 0)
      errno = 0;
    return status;
  }
  journal->written += size;
  return HDX_OK;
}

/* Lets go of the copy of lines that are in the file. */
static void remap(struct hdx_journal *journal) {
  struct hdx_journal_lines *own = &journal->files[journal->own];
  if (journal->written < REMAP_BYTES || (own->size && !own->mapped) ||
      hdx_journal_lines_map(journal, own, journal->fd, own->size + journal->written, NULL) != HDX_OK)
    return;
  hdx_buffer_clear(&journal->added);
  journal->written = 0;
}

enum hdx_status hdx_journal_flush(struct hdx_journal *journal, bool sync, struct hdx_error *error) {
  char path[HDX_JOURNAL_PATH_MAX];
  if (journal->fd < 0)
    return HDX_OK;
  own_path(journal, path);
  if (journal->failure != HDX_OK)
    return hdx_error_set(error, journal->failure, "%s: cannot be written after a failure", path);
  enum hdx_status status = HDX_OK;
  if (journal->added.size > journal->written)
    status = write_added(journal, path, error);
  if (status == HDX_OK && sync && fdatasync(journal->fd) != 0)
    status = hdx_error_errno(error, path, "cannot be synced", errno);
  if (status == HDX_OK)
    remap(journal);
  else
    journal->failure = status;
  return status;
}

/* ---- writing anew ---- */

/* A line that says that a file is gone serves only where another journal may say that it is there. */
static bool is_live(const struct hdx_journal *journal, const struct hdx_record *record) {
  return record->line != HDX_LINE_NOWHERE && record->line >> HDX_LINE_OFFSET_BITS == journal->own &&
         (record->file || journal->file_count > 1);
}

static size_t count_live(const struct hdx_journal *journal) {
  size_t count = 0;
  for (size_t i = 0; i < journal->record_count; i++) {
    const struct hdx_record *record = &journal->records[i];
    count += is_live(journal, record) + (record->part ? journal->parts[record->part - 1].own_count : 0);
  }
  return count;
}

bool hdx_journal_is_wasteful(const struct hdx_journal *journal) {
  if (journal->own == SIZE_MAX || journal->files[journal->own].count < WASTEFUL_LINES)
    return false;
  return count_live(journal) < journal->files[journal->own].count / 2;
}

static int by_offset(const void *a, const void *b) {
  uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
  return (first > second) - (first < second);
}

/* The offsets of the lines that count, ascending; the caller frees them. */
static uint64_t *list_live(const struct hdx_journal *journal, size_t count) {
  uint64_t *list = malloc((count + 1) * sizeof *list);
  size_t listed = 0;
  for (size_t i = 0; list && i < journal->record_count; i++) {
    const struct hdx_record *record = &journal->records[i];
    if (is_live(journal, record))
      list[listed++] = record->line & HDX_LINE_OFFSET_MAX;
    if (record->part) {
      const struct hdx_begun *part = &journal->parts[record->part - 1];
      if (part->own_count)
        memcpy(list + listed, part->own, part->own_count * sizeof *list);
      listed += part->own_count;
    }
  }
  if (list)
    qsort(list, count, sizeof *list, by_offset);
  return list;
}

static enum hdx_status write_live(const struct hdx_journal *journal, const uint64_t *list, size_t count, int fd,
                                  const char *path, struct hdx_error *error) {
  const struct hdx_journal_lines *own = &journal->files[journal->own];
  enum hdx_status status = HDX_OK;
  struct hdx_buffer out;
  uint64_t written = 0;
  hdx_buffer_init(&out, SIZE_MAX);
  hdx_buffer_append_text(&out, HDX_TEXT(HDX_LINE_HEADER));
  for (size_t i = 0; status == HDX_OK && i <= count; i++) {
    if (i < count) {
      const char *begin = own->data + list[i];
      const char *end = memchr(begin, '\n', own->size - list[i]);
      if (!end) /* somebody changes the file at this moment, without a lock */
        status = hdx_error_set(error, HDX_IO, "%s: was changed by another process", path);
      else
        hdx_buffer_append(&out, begin, (size_t)(end - begin) + 1);
    }
    if (status == HDX_OK && (i == count || out.size >= WRITE_BYTES)) {
      status = hdx_buffer_status(&out, path, error);
      if (status == HDX_OK)
        status = hdx_file_write_at(fd, path, out.data, out.size, written, error);
      written += out.size;
      hdx_buffer_clear(&out);
    }
  }
  hdx_buffer_deinit(&out);
  return status;
}

/* Writes the lines to `temporary` and gives it the journal's name. */
static enum hdx_status replace(const struct hdx_journal *journal, const uint64_t *list, size_t count,
                               const char *temporary, struct hdx_error *error) {
  char path[HDX_JOURNAL_PATH_MAX];
  own_path(journal, path);
  /* What a run left that did not come to its end. The destination's lock is held. */
  unlinkat(journal->folder, temporary, 0);
  int fd = openat(journal->folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (fd < 0)
    return hdx_error_errno(error, path, "cannot be written anew", errno);
  enum hdx_status status = write_live(journal, list, count, fd, path, error);
  if (status == HDX_OK && fsync(fd) != 0)
    status = hdx_error_errno(error, path, "cannot be synced", errno);
  close(fd);
  if (status == HDX_OK && renameat(journal->folder, temporary, journal->folder, journal->files[journal->own].name) != 0)
    status = hdx_error_errno(error, path, "cannot be replaced", errno);
  if (status != HDX_OK)
    unlinkat(journal->folder, temporary, 0);
  /* If the new name does not reach the disk, the old journal does. */
  else if (fsync(journal->folder) != 0)
    errno = 0;
  return status;
}

enum hdx_status hdx_journal_compact(const struct hdx_journal *journal, struct hdx_error *error) {
  char temporary[HDX_JOURNAL_PATH_MAX];
  size_t count = count_live(journal);
  uint64_t *list = list_live(journal, count);
  if (!list)
    return hdx_error_memory(error, count * sizeof *list);
  snprintf(temporary, sizeof temporary, "%s.new", journal->files[journal->own].name);
  enum hdx_status status = replace(journal, list, count, temporary, error);
  free(list);
  return status;
}
