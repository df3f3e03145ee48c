/* layer: mirror */
/* Arbitrary bytes as journals: no crash, no answer but OK, INTEGRITY, LIMIT or MEMORY; what is known stays known after
 * reopening, and after more was said.
 *
 * The first byte's lowest bit says what the rest is, as checksums would keep a fuzzer out:
 *   0  a file as it is
 *   1  lines, to which hashes that fit are put; a line that is one byte 0xff: what follows is of another journal */
#include "mirror/journal.h"

#include "../unit/mirror/journal_dump.h"
#include "codec/hash.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"journal", "journal-a"};
static int folder = -1;
static char path[] = "/dev/shm/hdx-fuzz-journal-XXXXXX";

static void require(bool ok) {
  if (!ok)
    abort();
}

static void clean_up(void) {
  unlinkat(folder, names[0], 0);
  unlinkat(folder, names[1], 0);
  rmdir(path);
}

static void write_file(const char *name, const struct hdx_buffer *bytes) {
  int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  require(fd >= 0 && (bytes->size == 0 || write(fd, bytes->data, bytes->size) == (ssize_t)bytes->size));
  close(fd);
}

/* The lines with their hashes, up to the journal's end; gives where the next one begins. */
static size_t hash_lines(const char *data, size_t size, struct hdx_buffer *out) {
  hdx_buffer_append_text(out, HDX_TEXT("heliodex-journal\t1\n"));
  for (size_t from = 0, to; from < size; from = to + 1) {
    const char *newline = memchr(data + from, '\n', size - from);
    to = newline ? (size_t)(newline - data) : size;
    if (to - from == 1 && (unsigned char)data[from] == 0xff)
      return to + 1 < size ? to + 1 : size;
    hdx_buffer_append(out, data + from, to - from);
    hdx_buffer_append_format(out, "\t%08x\n", (uint32_t)hdx_hash(data + from, to - from));
  }
  return size;
}

static void write_journals(const char *data, size_t size, bool lines) {
  struct hdx_buffer out;
  hdx_buffer_init(&out, SIZE_MAX);
  for (size_t i = 0; i < 2; i++) {
    hdx_buffer_clear(&out);
    size_t taken = size;
    if (lines)
      taken = hash_lines(data, size, &out);
    else
      hdx_buffer_append(&out, data, size);
    write_file(names[i], &out);
    data += taken;
    size -= taken;
  }
  hdx_buffer_deinit(&out);
}

static bool check_part(void *user, const struct hdx_journal_part *part) {
  uint64_t behind = 0;
  (void)user;
  require(part->partial.size > 0 && !memchr(part->partial.data, 0, part->partial.size));
  for (size_t i = 0; i < part->extents->count; i++) {
    const struct hdx_extent *extent = &part->extents->list[i];
    require(extent->from < extent->to && extent->to <= part->size && (i == 0 || extent->from > behind));
    behind = extent->to;
  }
  return true;
}

static bool check_file(void *user, const struct hdx_journal_file *file) {
  (void)user;
  require(file->location.size > 0 && file->path.size > 0 && !memchr(file->path.data, 0, file->path.size));
  return true;
}

/* Opens it and compares what it knows with `known`, or puts it there. False: it cannot be opened. */
static bool open_and_compare(const char *name, struct hdx_buffer *known, struct hdx_journal **journal) {
  struct hdx_error error;
  struct hdx_buffer now;
  enum hdx_status status = hdx_journal_open(folder, "DEST", name, 16u << 20, NULL, journal, &error);
  require(status == HDX_OK || status == HDX_INTEGRITY || status == HDX_LIMIT || status == HDX_MEMORY);
  if (status != HDX_OK)
    return false;
  require(hdx_journal_files(*journal, check_file, NULL, &error) == HDX_OK);
  require(hdx_journal_parts(*journal, check_part, NULL, &error) == HDX_OK);
  hdx_buffer_init(&now, SIZE_MAX);
  dump(*journal, &now);
  if (known->size)
    require(hdx_text_equal(hdx_buffer_text(known), hdx_buffer_text(&now)));
  else
    hdx_buffer_append_text(known, hdx_buffer_text(&now));
  hdx_buffer_deinit(&now);
  return true;
}

/* Says something about what the input says something about. */
static void say(struct hdx_journal *journal, struct hdx_text location) {
  const struct hdx_journal_file file = {.location = location, .path = HDX_TEXT("p%\t"), .size = 5};
  const struct hdx_journal_part part = {.location = location, .partial = HDX_TEXT("p"), .etag = location, .size = 9};
  const struct hdx_extent extent = {location.size % 3, 5, 1};
  /* Any of them may be too long for a line. */
  (void)hdx_journal_add_part(journal, &part, &extent, NULL);
  (void)hdx_journal_add_file(journal, &file, NULL);
  (void)hdx_journal_add_part(journal, &part, &extent, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hdx_buffer known;
  struct hdx_journal *journal;
  if (folder < 0) {
    require(mkdtemp(path) != NULL);
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    require(folder >= 0 && atexit(clean_up) == 0);
  }
  if (size < 1)
    return 0;
  write_journals((const char *)data + 1, size - 1, *data & 1);
  hdx_buffer_init(&known, SIZE_MAX);
  if (open_and_compare(NULL, &known, &journal)) {
    hdx_journal_close(journal);
    require(open_and_compare(names[*data >> 1 & 1], &known, &journal));
    say(journal, (struct hdx_text){(const char *)data, size < 40 ? size : 40});
    say(journal, (struct hdx_text){"l", size % 2});
    hdx_buffer_clear(&known);
    dump(journal, &known);
    require(hdx_journal_flush(journal, false, NULL) == HDX_OK);
    hdx_journal_close(journal);
    /* No run comes after the last that there can be. */
    static const char last_run[] = "4294967295";
    if (memmem(data, size, last_run, sizeof last_run - 1))
      hdx_buffer_clear(&known);
    require(open_and_compare(NULL, &known, &journal));
    hdx_journal_close(journal);
  }
  hdx_buffer_deinit(&known);
  return 0;
}
