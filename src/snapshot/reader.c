#include "snapshot/reader.h"

#include "base/error.h"
#include "codec/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  KEPT_BYTES = 32 << 20, /* if nothing else is said */
  AROUND_BYTES = 1 << 20
};

/* ---- opening ---- */

static void fill_info(struct hdx_reader *reader) {
  const struct hdx_footer *footer = &reader->footer;
  struct hdx_snapshot_info *info = &reader->info;
  *info = (struct hdx_snapshot_info){.path = reader->path,
                                     .source = footer->subject.source.data,
                                     .id = footer->subject.id,
                                     .blocks = footer->zone_count,
                                     .file_bytes = reader->size,
                                     .first = HDX_TIME_NONE,
                                     .last = HDX_TIME_NONE,
                                     .time_digits = footer->time_digits,
                                     .year_count = footer->year_count,
                                     .years = footer->years,
                                     .extra_count = footer->column_count,
                                     .extra_names = footer->column_names,
                                     .extras = footer->parameters};
  for (size_t i = 0; i < footer->zone_count; i++) {
    const struct hdx_zone *zone = &footer->zones[i];
    info->rows += zone->rows;
    info->size_missing += zone->size_missing;
    if (__builtin_add_overflow(info->size_sum, zone->size_sum, &info->size_sum))
      info->size_sum = UINT64_MAX;
    info->last = zone->max_stop > info->last ? zone->max_stop : info->last;
    info->stop_made_up |= (zone->flags & (HDX_BLOCK_NO_STOP | HDX_BLOCK_SOME_STOPS)) != 0;
  }
  if (footer->zone_count)
    info->first = footer->zones[0].min_start;
}

static enum hdx_status make_book(struct hdx_reader *reader, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  reader->book = malloc(sizeof *reader->book);
  if (!reader->book)
    return hdx_error_memory(error, sizeof *reader->book);
  hdx_book_init(reader->book);
  for (size_t t = 0; status == HDX_OK && t < reader->footer.template_count; t++)
    status = hdx_book_append(reader->book, reader->footer.templates[t], error);
  return status;
}

enum hdx_status hdx_reader_open_bytes(const void *bytes, size_t size, const char *path, struct hdx_text source,
                                      struct hdx_reader **reader, struct hdx_error *error) {
  struct hdx_reader *made = calloc(1, sizeof *made);
  if (!made || !(made->path = hdx_text_dup(hdx_text_of(path)))) {
    free(made);
    return hdx_error_memory(error, sizeof *made);
  }
  made->bytes = bytes;
  made->size = size;
  made->kept_bytes = KEPT_BYTES;
  enum hdx_status status = hdx_footer_decode(&made->footer, bytes, size, error);
  if (status == HDX_OK)
    status = make_book(made, error);
  if (status != HDX_OK)
    status = hdx_error_context(error, status, "%s", path);
  else if (source.size && !hdx_text_equal(source, made->footer.subject.source))
    status = hdx_error_set(error, HDX_INTEGRITY, "%s: a snapshot of %.*s, one of %.*s was expected", path,
                           HDX_TEXT_ARG(made->footer.subject.source), HDX_TEXT_ARG(source));
  if (status != HDX_OK) {
    hdx_reader_close(made);
    return status;
  }
  fill_info(made);
  *reader = made;
  return HDX_OK;
}

enum hdx_status hdx_reader_open(const char *path, struct hdx_text source, struct hdx_reader **reader,
                                struct hdx_error *error) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0 && errno == ENOENT)
    return hdx_error_set(error, HDX_NOT_FOUND, "%s: no such snapshot", path);
  struct stat stat;
  if (fd < 0 || fstat(fd, &stat) != 0) {
    enum hdx_status status = hdx_error_errno(error, path, "cannot be opened", errno);
    if (fd >= 0)
      close(fd);
    return status;
  }
  if (!S_ISREG(stat.st_mode) || stat.st_size < HDX_HEADER_BYTES + HDX_TRAILER_BYTES ||
      (uint64_t)stat.st_size > SIZE_MAX) {
    close(fd);
    return hdx_error_set(error, HDX_INTEGRITY, "%s: not a snapshot (%s)", path,
                         S_ISREG(stat.st_mode) ? "too short for one" : "not a regular file");
  }
  size_t size = (size_t)stat.st_size;
  void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
  int code = errno;
  close(fd);
  if (bytes == MAP_FAILED)
    return hdx_error_errno(error, path, "cannot be mapped", code);
  enum hdx_status status = hdx_reader_open_bytes(bytes, size, path, source, reader, error);
  if (status != HDX_OK)
    munmap(bytes, size);
  else
    (*reader)->mapped = true;
  return status;
}

void hdx_reader_close(struct hdx_reader *reader) {
  if (!reader)
    return;
  hdx_footer_deinit(&reader->footer);
  if (reader->book)
    hdx_book_deinit(reader->book);
  free(reader->book);
  if (reader->mapped) {
    union {
      const void *constant;
      void *plain;
    } bytes = {reader->bytes};
    munmap(bytes.plain, reader->size);
  }
  free(reader->path);
  free(reader);
}

uint64_t hdx_reader_digest(const struct hdx_reader *reader) {
  uint64_t digest = 0;
  const uint8_t *at = reader->bytes + reader->size - HDX_MAGIC_BYTES - sizeof digest; /* checked when it was opened */
  for (size_t i = 0; i < sizeof digest; i++)
    digest |= (uint64_t)at[i] << 8 * i;
  return digest;
}

const struct hdx_subject *hdx_reader_subject(const struct hdx_reader *reader) {
  return &reader->footer.subject;
}

const struct hdx_snapshot_info *hdx_reader_info(const struct hdx_reader *reader) {
  return &reader->info;
}

const struct hdx_year *hdx_reader_year(const struct hdx_reader *reader, int year) {
  for (size_t i = 0; i < reader->footer.year_count; i++)
    if (reader->footer.years[i].year == year)
      return &reader->footer.years[i];
  return NULL;
}

/* ---- blocks ---- */

/* Says which block it is that something is wrong with. */
static enum hdx_status name_block(const struct hdx_reader *reader, size_t n, enum hdx_status status,
                                  struct hdx_error *error) {
  unsigned long long before = 0;
  for (size_t i = 0; i < n; i++)
    before += reader->footer.zones[i].rows;
  return hdx_error_context(error, status, "%s: block %zu (rows %llu to %llu)", reader->path, n, before + 1,
                           before + reader->footer.zones[n].rows);
}

enum hdx_status hdx_reader_block(const struct hdx_reader *reader, size_t n, struct hdx_block *block,
                                 struct hdx_zstd *zstd, struct hdx_error *error) {
  const struct hdx_zone *zone = &reader->footer.zones[n];
  enum hdx_status status = hdx_block_open(block, reader->book, zstd, reader->bytes + zone->offset, zone, error);
  return status == HDX_OK ? status : name_block(reader, n, status, error);
}

enum hdx_status hdx_reader_select(const struct hdx_reader *reader, size_t n, struct hdx_block *block,
                                  struct hdx_zstd *zstd, const uint32_t *rows, size_t count, unsigned wanted,
                                  struct hdx_error *error) {
  enum hdx_status status = hdx_block_select(block, zstd, rows, count, wanted, error);
  return status == HDX_OK ? status : name_block(reader, n, status, error);
}

void hdx_reader_keep(struct hdx_reader *reader, size_t bytes) {
  reader->kept_bytes = bytes;
}

/* Lets go of the pages of bytes [begin, end) of the file. */
static void forget(const struct hdx_reader *reader, uint64_t begin, uint64_t end) {
  if (!reader->mapped || reader->size <= reader->kept_bytes)
    return;
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), base = (uintptr_t)reader->bytes;
  uintptr_t from = (base + begin) / page * page, to = base + end;
  union {
    uintptr_t number;
    void *pointer;
  } at = {from};
  madvise(at.pointer, to - from, MADV_DONTNEED); /* best effort */
}

void hdx_reader_forget(const struct hdx_reader *reader, size_t n) {
  const struct hdx_zone *zone = &reader->footer.zones[n];
  /* The kernel maps pages around the one that is asked for: those before, which were let go, come with it. */
  forget(reader, zone->offset > AROUND_BYTES ? zone->offset - AROUND_BYTES : 0, zone->offset + zone->length);
}

void hdx_reader_rest(const struct hdx_reader *reader) {
  forget(reader, 0, reader->size);
}

/* ---- verifying ---- */

/* What the footer says of a block whose rows are all decoded, and their order. NULL: all is as it should be. */
static const char *check_rows(const struct hdx_block *block, const struct hdx_zone *zone) {
  uint64_t sum = 0, missing = 0;
  int64_t max_stop = HDX_TIME_NONE;
  for (size_t i = 0; i < block->count; i++) {
    int order = i ? hdx_row_compare(block->start[i - 1], block->stop[i - 1], block->key[i - 1], block->start[i],
                                    block->stop[i], block->key[i])
                  : -1;
    if (order > 0 || (order == 0 && block->year && block->year[i - 1] > block->year[i]))
      return "its rows are out of order";
    missing += block->size[i] == -1;
    if (__builtin_add_overflow(sum, block->size[i] > 0 ? (uint64_t)block->size[i] : 0, &sum))
      sum = UINT64_MAX;
    max_stop = block->stop[i] > max_stop ? block->stop[i] : max_stop;
  }
  if (sum != zone->size_sum || missing != zone->size_missing)
    return "its sizes are not those that the footer says";
  bool made_up = zone->flags & (HDX_BLOCK_NO_STOP | HDX_BLOCK_SOME_STOPS);
  if (made_up ? max_stop > zone->max_stop : max_stop != zone->max_stop)
    return "its stops are not those that the footer says";
  return NULL;
}

static const char *check_columns(const struct hdx_reader *reader, const struct hdx_block *block) {
  for (size_t c = 0; c < block->extra_count; c++) {
    bool known = false;
    for (size_t i = 0; i < reader->footer.column_count; i++)
      known |= reader->footer.column_ids[i] == block->extra_id[c];
    for (size_t i = 0; i < c; i++)
      known &= block->extra_id[i] != block->extra_id[c];
    if (!known)
      return "it has an extra column that the footer does not name, or one twice";
  }
  return NULL;
}

enum hdx_status hdx_reader_check(const struct hdx_reader *reader, struct hdx_error *error) {
  for (size_t n = 0; n < reader->footer.zone_count; n++) {
    const struct hdx_zone *zone = &reader->footer.zones[n];
    if (hdx_hash(reader->bytes + zone->offset, zone->length) != zone->hash)
      return hdx_error_set(error, HDX_INTEGRITY, "%s: block %zu does not have its checksum", reader->path, n + 1);
    hdx_reader_forget(reader, n);
  }
  return HDX_OK;
}

enum hdx_status hdx_reader_verify(const struct hdx_reader *reader, struct hdx_error *error) {
  struct hdx_block block;
  hdx_block_init(&block);
  struct hdx_zstd *zstd = hdx_zstd_create();
  uint32_t *all = malloc(HDX_BLOCK_ROWS_MAX * sizeof *all);
  enum hdx_status status = all && zstd ? HDX_OK : hdx_error_memory(error, HDX_BLOCK_ROWS_MAX * sizeof *all);
  for (uint32_t i = 0; status == HDX_OK && i < HDX_BLOCK_ROWS_MAX; i++)
    all[i] = i;
  for (size_t n = 0; status == HDX_OK && n < reader->footer.zone_count; n++) {
    status = hdx_reader_block(reader, n, &block, zstd, error);
    if (status == HDX_OK)
      status = hdx_reader_select(reader, n, &block, zstd, all, block.count, HDX_WANT_ALL, error);
    if (status != HDX_OK)
      break;
    const char *wrong = check_rows(&block, &reader->footer.zones[n]);
    wrong = wrong ? wrong : check_columns(reader, &block);
    if (wrong) {
      hdx_error_set(error, HDX_INTEGRITY, "%s", wrong);
      status = name_block(reader, n, HDX_INTEGRITY, error);
    }
    hdx_reader_forget(reader, n);
  }
  free(all);
  hdx_zstd_free(zstd);
  hdx_block_deinit(&block);
  return status;
}
