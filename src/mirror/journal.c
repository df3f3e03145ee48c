/* What a journal knows, and asking it. */
#include "mirror/journal.h"

#include "codec/hash.h"
#include "mirror/journal_state.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- memory ---- */

enum hdx_status hdx_journal_charge(struct hdx_journal *journal, uint64_t bytes, struct hdx_error *error) {
  if (bytes > journal->bytes_max || journal->bytes > journal->bytes_max - bytes)
    return hdx_error_set(error, HDX_LIMIT, "the journal needs more than the limit of %llu bytes of memory",
                         (unsigned long long)journal->bytes_max);
  journal->bytes += bytes;
  return HDX_OK;
}

/* Makes room in a list for one more element. */
static enum hdx_status grow(struct hdx_journal *journal, void **list, size_t count, size_t *capacity, size_t size,
                            struct hdx_error *error) {
  if (count < *capacity)
    return HDX_OK;
  size_t wanted = *capacity ? *capacity + *capacity / 2 + 1 : 8;
  enum hdx_status status = hdx_journal_charge(journal, (wanted - *capacity) * size, error);
  if (status != HDX_OK)
    return status;
  void *grown = realloc(*list, wanted * size);
  if (!grown)
    return hdx_error_memory(error, wanted * size);
  *list = grown;
  *capacity = wanted;
  return HDX_OK;
}

/* ---- the table ---- */

bool hdx_journal_line(const struct hdx_journal *journal, uint64_t at, struct hdx_line *line) {
  if (at == HDX_LINE_NOWHERE)
    return false;
  const struct hdx_journal_lines *file = &journal->files[at >> HDX_LINE_OFFSET_BITS];
  uint64_t offset = at & HDX_LINE_OFFSET_MAX;
  struct hdx_text text = {file->data, file->size};
  if (offset >= file->size) {
    text = hdx_buffer_text(&journal->added);
    offset -= file->size;
  }
  assert(offset < text.size);
  text = hdx_text_sub(text, offset, text.size);
  const char *end = memchr(text.data, '\n', text.size < HDX_LINE_BYTES_MAX ? text.size : HDX_LINE_BYTES_MAX);
  return end && hdx_line_read((struct hdx_text){text.data, (size_t)(end - text.data)}, line);
}

static bool is_about(const struct hdx_journal *journal, const struct hdx_record *record, struct hdx_text location) {
  struct hdx_line line;
  uint64_t at = record->part ? journal->parts[record->part - 1].line : record->line;
  return hdx_journal_line(journal, at, &line) && hdx_field_is(line.location, location);
}

static uint64_t hash_of(const struct hdx_journal *journal, struct hdx_text location) {
  return hdx_hash_seeded(location.data, location.size, journal->seed);
}

static struct hdx_record *find(const struct hdx_journal *journal, uint64_t hash, struct hdx_text location) {
  if (!journal->table_size)
    return NULL;
  for (size_t at = hash & (journal->table_size - 1);; at = (at + 1) & (journal->table_size - 1)) {
    if (!journal->table[at])
      return NULL;
    struct hdx_record *record = &journal->records[journal->table[at] - 1];
    if (record->hash == hash && is_about(journal, record, location))
      return record;
  }
}

static void enter(struct hdx_journal *journal, size_t record) {
  size_t at = journal->records[record].hash & (journal->table_size - 1);
  while (journal->table[at])
    at = (at + 1) & (journal->table_size - 1);
  journal->table[at] = (uint32_t)record + 1;
}

static enum hdx_status grow_table(struct hdx_journal *journal, struct hdx_error *error) {
  if (journal->record_count < journal->table_size / 4 * 3)
    return HDX_OK;
  size_t size = journal->table_size ? journal->table_size * 2 : 1024;
  if (size > UINT32_MAX)
    return hdx_error_set(error, HDX_LIMIT, "the journal knows more than %zu files", journal->record_count);
  enum hdx_status status = hdx_journal_charge(journal, (size - journal->table_size) * sizeof *journal->table, error);
  if (status != HDX_OK)
    return status;
  uint32_t *table = calloc(size, sizeof *table);
  if (!table)
    return hdx_error_memory(error, size * sizeof *table);
  free(journal->table);
  journal->table = table;
  journal->table_size = size;
  for (size_t i = 0; i < journal->record_count; i++)
    enter(journal, i);
  return HDX_OK;
}

static enum hdx_status find_or_add(struct hdx_journal *journal, struct hdx_text location, struct hdx_record **record,
                                   struct hdx_error *error) {
  uint64_t hash = hash_of(journal, location);
  *record = find(journal, hash, location);
  if (*record)
    return HDX_OK;
  enum hdx_status status = grow_table(journal, error);
  if (status == HDX_OK)
    status = grow(journal, (void **)&journal->records, journal->record_count, &journal->record_capacity,
                  sizeof *journal->records, error);
  if (status != HDX_OK)
    return status;
  *record = &journal->records[journal->record_count];
  **record = (struct hdx_record){.hash = hash, .line = HDX_LINE_NOWHERE};
  enter(journal, journal->record_count++);
  return HDX_OK;
}

/* ---- parts ---- */

static void end_part(struct hdx_journal *journal, struct hdx_record *record) {
  if (!record->part)
    return;
  struct hdx_begun *part = &journal->parts[record->part - 1];
  journal->bytes -= part->extents.capacity * sizeof *part->extents.list + part->own_capacity * sizeof *part->own;
  hdx_extents_deinit(&part->extents);
  free(part->own);
  *part = (struct hdx_begun){.line = HDX_LINE_NOWHERE, .next_free = journal->free_part};
  journal->free_part = record->part;
  record->part = 0;
}

static enum hdx_status begin_part(struct hdx_journal *journal, struct hdx_record *record, struct hdx_error *error) {
  if (!journal->free_part) {
    enum hdx_status status = grow(journal, (void **)&journal->parts, journal->part_count, &journal->part_capacity,
                                  sizeof *journal->parts, error);
    if (status != HDX_OK)
      return status;
    journal->parts[journal->part_count++] = (struct hdx_begun){0};
    journal->free_part = (uint32_t)journal->part_count;
  }
  record->part = journal->free_part;
  struct hdx_begun *part = &journal->parts[record->part - 1];
  journal->free_part = part->next_free;
  *part = (struct hdx_begun){.line = HDX_LINE_NOWHERE};
  return HDX_OK;
}

/* Whether a line is about the file that the part before it is of. */
static bool goes_on(const struct hdx_journal *journal, const struct hdx_begun *part, const struct hdx_line *line) {
  struct hdx_line last;
  return line->from < line->to && hdx_journal_line(journal, part->line, &last) && last.size == line->size &&
         hdx_text_equal(last.etag, line->etag) && hdx_text_equal(last.path, line->path);
}

static enum hdx_status add_extent(struct hdx_journal *journal, struct hdx_begun *part, const struct hdx_line *line,
                                  struct hdx_error *error) {
  size_t capacity = part->extents.capacity;
  struct hdx_extent extent = {line->from, line->to, line->crc32c};
  enum hdx_status status = hdx_extents_add(&part->extents, &extent, error);
  size_t grown = (part->extents.capacity - capacity) * sizeof extent;
  return status == HDX_OK && grown ? hdx_journal_charge(journal, grown, error) : status;
}

/* The bytes of a line come to the record's part. INTEGRITY: they have come before. */
static enum hdx_status extend_part(struct hdx_journal *journal, struct hdx_record *record, const struct hdx_line *line,
                                   uint64_t at, struct hdx_error *error) {
  enum hdx_status status = record->part ? HDX_OK : begin_part(journal, record, error);
  if (status != HDX_OK)
    return status;
  struct hdx_begun *part = &journal->parts[record->part - 1];
  status = add_extent(journal, part, line, error);
  if (status != HDX_OK)
    return status;
  part->line = at;
  if (at >> HDX_LINE_OFFSET_BITS != journal->own)
    return HDX_OK;
  status = grow(journal, (void **)&part->own, part->own_count, &part->own_capacity, sizeof *part->own, error);
  if (status == HDX_OK)
    part->own[part->own_count++] = at & HDX_LINE_OFFSET_MAX;
  return status;
}

static enum hdx_status apply_part(struct hdx_journal *journal, struct hdx_record *record, const struct hdx_line *line,
                                  uint64_t at, struct hdx_error *error) {
  if (record->part && !goes_on(journal, &journal->parts[record->part - 1], line))
    end_part(journal, record);
  enum hdx_status status = extend_part(journal, record, line, at, error);
  if (status != HDX_INTEGRITY)
    return status;
  /* The bytes were written again: what was there of the file is not to be relied on. */
  end_part(journal, record);
  return extend_part(journal, record, line, at, error);
}

enum hdx_status hdx_journal_apply(struct hdx_journal *journal, const struct hdx_line *line, uint64_t at,
                                  struct hdx_error *error) {
  struct hdx_record *record;
  struct hdx_text location = line->location;
  hdx_buffer_clear(&journal->scratch);
  if (hdx_buffer_reserve(&journal->scratch, location.size))
    location = hdx_field_decode(location, &journal->scratch);
  enum hdx_status status = hdx_buffer_status(&journal->scratch, "location", error);
  if (status == HDX_OK)
    status = find_or_add(journal, location, &record, error);
  if (status != HDX_OK)
    return status;
  if (line->kind == HDX_LINE_PART)
    return apply_part(journal, record, line, at, error);
  journal->known_files -= record->file;
  record->file = line->kind == HDX_LINE_FILE;
  journal->known_files += record->file;
  record->line = at;
  end_part(journal, record);
  return HDX_OK;
}

/* ---- open, close ---- */

static void deinit(struct hdx_journal *journal) {
  for (size_t i = 0; i < journal->file_count; i++)
    hdx_journal_lines_deinit(&journal->files[i]);
  for (size_t i = 0; i < journal->part_count; i++) {
    hdx_extents_deinit(&journal->parts[i].extents);
    free(journal->parts[i].own);
  }
  free(journal->files);
  free(journal->parts);
  free(journal->records);
  free(journal->table);
  hdx_buffer_deinit(&journal->added);
  hdx_buffer_deinit(&journal->scratch);
  if (journal->fd >= 0)
    close(journal->fd);
}

static enum hdx_status open_all(struct hdx_journal *journal, int folder_fd, const char *dest, const char *name,
                                uint64_t bytes_max, const struct hdx_log *log, struct hdx_error *error) {
  *journal = (struct hdx_journal){
      .log = log, .folder = folder_fd, .dest = dest, .fd = -1, .own = SIZE_MAX, .bytes_max = bytes_max};
  journal->seed = hdx_hash_seed();
  hdx_buffer_init(&journal->added, bytes_max < SIZE_MAX ? (size_t)bytes_max : SIZE_MAX);
  hdx_buffer_init(&journal->scratch, HDX_LINE_BYTES_MAX);
  enum hdx_status status = hdx_journal_map(journal, name, error);
  return status == HDX_OK ? hdx_journal_read(journal, error) : status;
}

enum hdx_status hdx_journal_open(int folder_fd, const char *dest, const char *name, uint64_t bytes_max,
                                 const struct hdx_log *log, struct hdx_journal **journal, struct hdx_error *error) {
  struct hdx_journal *opened = malloc(sizeof *opened);
  struct hdx_error waste;
  if (!opened)
    return hdx_error_memory(error, sizeof *opened);
  enum hdx_status status = open_all(opened, folder_fd, dest, name, bytes_max, log, error);
  if (status == HDX_OK && hdx_journal_is_wasteful(opened)) {
    if (hdx_journal_compact(opened, &waste) == HDX_OK) {
      deinit(opened);
      status = open_all(opened, folder_fd, dest, name, bytes_max, log, error);
    } else {
      hdx_log_write(log, HDX_LOG_INFO, "%s; it stays as it is", waste.message);
    }
  }
  if (status == HDX_OK) {
    *journal = opened;
  } else {
    deinit(opened);
    free(opened);
  }
  return status;
}

void hdx_journal_close(struct hdx_journal *journal) {
  if (!journal)
    return;
  deinit(journal);
  free(journal);
}

/* ---- asking ---- */

/* Decodes the texts of a line. False: memory. */
static bool decode(struct hdx_line *line, struct hdx_buffer *text) {
  hdx_buffer_clear(text);
  /* At once, so that views stay where they are. */
  if (!hdx_buffer_reserve(text, line->location.size + line->path.size + line->etag.size))
    return false;
  line->location = hdx_field_decode(line->location, text);
  line->path = hdx_field_decode(line->path, text);
  line->etag = hdx_field_decode(line->etag, text);
  return true;
}

static bool get_file(const struct hdx_journal *journal, const struct hdx_record *record, struct hdx_buffer *text,
                     struct hdx_journal_file *file) {
  struct hdx_line line;
  if (!record->file || !hdx_journal_line(journal, record->line, &line) || !decode(&line, text))
    return false;
  *file = (struct hdx_journal_file){.location = line.location,
                                    .path = line.path,
                                    .etag = line.etag,
                                    .size = line.size,
                                    .modified = line.modified,
                                    .crc32c = line.crc32c,
                                    .checks = line.checks};
  return true;
}

static bool get_part(const struct hdx_journal *journal, const struct hdx_record *record, struct hdx_buffer *text,
                     struct hdx_journal_part *part) {
  struct hdx_line line;
  if (!record->part || !hdx_journal_line(journal, journal->parts[record->part - 1].line, &line) || !decode(&line, text))
    return false;
  *part = (struct hdx_journal_part){.location = line.location,
                                    .partial = line.path,
                                    .etag = line.etag,
                                    .size = line.size,
                                    .extents = &journal->parts[record->part - 1].extents};
  return true;
}

bool hdx_journal_file(const struct hdx_journal *journal, struct hdx_text location, struct hdx_buffer *text,
                      struct hdx_journal_file *file) {
  const struct hdx_record *record = find(journal, hash_of(journal, location), location);
  return record && get_file(journal, record, text, file);
}

bool hdx_journal_part(const struct hdx_journal *journal, struct hdx_text location, struct hdx_buffer *text,
                      struct hdx_journal_part *part) {
  const struct hdx_record *record = find(journal, hash_of(journal, location), location);
  return record && get_part(journal, record, text, part);
}

/* Room for the texts of any line, so that none is passed over for lack of it. */
static enum hdx_status make_room(struct hdx_buffer *text, struct hdx_error *error) {
  hdx_buffer_init(text, HDX_LINE_BYTES_MAX);
  return hdx_buffer_reserve(text, HDX_LINE_BYTES_MAX) ? HDX_OK : hdx_error_memory(error, HDX_LINE_BYTES_MAX);
}

enum hdx_status hdx_journal_files(const struct hdx_journal *journal,
                                  bool (*visit)(void *user, const struct hdx_journal_file *file), void *user,
                                  struct hdx_error *error) {
  struct hdx_buffer text;
  struct hdx_journal_file file;
  enum hdx_status status = make_room(&text, error);
  for (size_t i = 0, count = journal->record_count; status == HDX_OK && i < count; i++)
    if (get_file(journal, &journal->records[i], &text, &file) && !visit(user, &file))
      break;
  hdx_buffer_deinit(&text);
  return status;
}

enum hdx_status hdx_journal_parts(const struct hdx_journal *journal,
                                  bool (*visit)(void *user, const struct hdx_journal_part *part), void *user,
                                  struct hdx_error *error) {
  struct hdx_buffer text;
  struct hdx_journal_part part;
  enum hdx_status status = make_room(&text, error);
  for (size_t i = 0, count = journal->record_count; status == HDX_OK && i < count; i++)
    if (get_part(journal, &journal->records[i], &text, &part) && !visit(user, &part))
      break;
  hdx_buffer_deinit(&text);
  return status;
}

size_t hdx_journal_file_count(const struct hdx_journal *journal) {
  return journal->known_files;
}
