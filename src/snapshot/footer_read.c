/* Header, trailer and footer checked, and the footer taken apart. */
#include "snapshot/footer.h"

#include "base/error.h"
#include "codec/bytes.h"
#include "codec/hash.h"

#include <stdlib.h>

enum { YEAR_BYTES_MIN = 4 + 1 + 8 + 3 + 4 * 2, COLUMN_BYTES_MIN = 3 };
enum { TRAILER_HASHED = 32 };

static enum hdx_status broken(struct hdx_error *error, const char *what) {
  return hdx_error_set(error, HDX_INTEGRITY, "%s", what);
}

static enum hdx_status check_version(const uint8_t *at, struct hdx_error *error) {
  uint32_t version = hdx_load_u32(at), major = version & 0xffff;
  if (major != HDX_FORMAT_MAJOR)
    return hdx_error_set(error, HDX_INTEGRITY, "a snapshot of format version %u, this program reads version %u", major,
                         HDX_FORMAT_MAJOR);
  return HDX_OK;
}

/* Finds the stored footer and its raw size. */
static enum hdx_status check_ends(const uint8_t *file, size_t size, struct hdx_text *stored, size_t *raw_size,
                                  struct hdx_error *error) {
  if (size < HDX_MAGIC_BYTES || memcmp(file, HDX_HEADER_MAGIC, HDX_MAGIC_BYTES) != 0)
    return broken(error, "not a snapshot (its first bytes are others)");
  if (size < HDX_HEADER_BYTES + HDX_TRAILER_BYTES)
    return broken(error, "a snapshot that was cut short");
  enum hdx_status status = check_version(file + HDX_MAGIC_BYTES, error);
  if (status != HDX_OK)
    return status;
  const uint8_t *trailer = file + size - HDX_TRAILER_BYTES;
  if (memcmp(trailer + 40, HDX_TRAILER_MAGIC, HDX_MAGIC_BYTES) != 0)
    return broken(error, "a snapshot that was cut short, or has bytes behind its end");
  status = check_version(trailer + 24, error);
  if (status != HDX_OK)
    return status;
  uint64_t offset = hdx_load_u64(trailer), file_size = hdx_load_u64(trailer + 16);
  uint32_t stored_size = hdx_load_u32(trailer + 8), raw = hdx_load_u32(trailer + 12);
  if (file_size != size)
    return hdx_error_set(error, HDX_INTEGRITY, "a snapshot of %llu bytes, the file has %zu",
                         (unsigned long long)file_size, size);
  if (offset < HDX_HEADER_BYTES || offset > size - HDX_TRAILER_BYTES ||
      stored_size != size - HDX_TRAILER_BYTES - offset || raw > HDX_FOOTER_BYTES_MAX)
    return broken(error, "its trailer names a footer that cannot be");
  *stored = (struct hdx_text){(const char *)file + offset, stored_size};
  *raw_size = raw;
  struct hdx_text parts[] = {{(const char *)file, HDX_HEADER_BYTES}, {stored->data, stored->size + TRAILER_HASHED}};
  if (hdx_hash_parts(parts, 2) != hdx_load_u64(trailer + TRAILER_HASHED))
    return broken(error, "its footer does not have its checksum");
  return HDX_OK;
}

/* A text, whose view ends with a NUL. */
static struct hdx_text get_text(struct hdx_bytes *in) {
  uint64_t size = hdx_get_varint(in);
  const uint8_t *at = size < hdx_bytes_left(in) ? hdx_get_bytes(in, (size_t)size + 1) : NULL;
  if (!at || at[size] != 0) {
    in->bad = true;
    return HDX_TEXT("");
  }
  return (struct hdx_text){(const char *)at, (size_t)size};
}

static bool get_subject(struct hdx_footer *footer, struct hdx_bytes *in) {
  struct hdx_subject *subject = &footer->subject;
  subject->source = get_text(in);
  subject->id = get_text(in);
  subject->index = get_text(in);
  subject->indextype = get_text(in);
  subject->catalog_start = (int64_t)hdx_get_u64(in);
  subject->catalog_stop = (int64_t)hdx_get_u64(in);
  uint8_t flags = hdx_get_u8(in);
  subject->multiyear = flags & 1;
  footer->time_digits = hdx_get_u8(in);
  return !in->bad && footer->time_digits <= 9 && footer->time_digits % 3 == 0;
}

/* A count of things that take at least `bytes` each, and memory for them. */
static void *get_list(struct hdx_bytes *in, uint64_t count, size_t bytes, size_t size, bool *memory) {
  if (in->bad || count > hdx_bytes_left(in) / bytes) {
    in->bad = true;
    return NULL;
  }
  void *list = calloc(count ? (size_t)count : 1, size);
  *memory = list != NULL;
  return list;
}

static bool get_columns(struct hdx_footer *footer, struct hdx_bytes *in, bool *memory) {
  uint64_t count = hdx_get_varint(in);
  if (count > HDX_COLUMNS_MAX)
    return false;
  footer->column_names = get_list(in, count, COLUMN_BYTES_MIN, sizeof *footer->column_names, memory);
  if (!footer->column_names)
    return false;
  footer->column_ids = get_list(in, count, 1, sizeof *footer->column_ids, memory);
  if (!footer->column_ids)
    return false;
  footer->parameters = get_list(in, count, 1, sizeof *footer->parameters, memory);
  if (!footer->parameters)
    return false;
  footer->column_count = (size_t)count;
  for (size_t c = 0; c < count && !in->bad; c++) {
    uint64_t id = hdx_get_varint(in);
    in->bad |= id > UINT32_MAX;
    footer->column_ids[c] = (uint32_t)id;
    footer->column_names[c] = get_text(in);
    if (c > 0 && hdx_text_compare(footer->column_names[c - 1], footer->column_names[c]) >= 0)
      return false;
  }
  return !in->bad;
}

static bool get_years(struct hdx_footer *footer, struct hdx_bytes *in, bool *memory) {
  uint64_t count = hdx_get_varint(in);
  footer->years = get_list(in, count, YEAR_BYTES_MIN, sizeof *footer->years, memory);
  if (!footer->years)
    return false;
  footer->year_count = (size_t)count;
  for (size_t i = 0; i < count && !in->bad; i++) {
    struct hdx_year *year = &footer->years[i];
    year->year = (int32_t)hdx_get_u32(in);
    uint8_t state = hdx_get_u8(in);
    in->bad |= state > HDX_YEAR_FAILED;
    year->state = state;
    year->checked_at = (int64_t)hdx_get_u64(in);
    year->rows = hdx_get_varint(in);
    year->bad_rows = hdx_get_varint(in);
    year->bytes = hdx_get_varint(in);
    year->url = get_text(in).data;
    year->etag = get_text(in).data;
    year->last_modified = get_text(in).data;
    year->reason = get_text(in).data;
    year->form = "";
    if (i > 0 && footer->years[i - 1].year >= year->year)
      return false;
  }
  return !in->bad;
}

static bool zone_sound(const struct hdx_zone *z, const struct hdx_zone *before, uint64_t blocks_end) {
  if (before &&
      (z->min_start < before->min_start || (z->min_start == before->min_start && z->max_start < before->max_start)))
    return false;
  return z->rows > 0 && z->rows <= HDX_BLOCK_ROWS_MAX && z->length <= HDX_BLOCK_BYTES_MAX &&
         z->offset >= HDX_HEADER_BYTES && z->offset <= blocks_end && z->length <= blocks_end - z->offset &&
         z->min_start <= z->max_start && z->size_missing <= z->rows && z->flags <= HDX_BLOCK_FLAGS &&
         !(z->flags & HDX_BLOCK_MIXED) == (z->year != HDX_YEAR_MIXED);
}

static bool get_zones(struct hdx_footer *footer, struct hdx_bytes *in, uint64_t blocks_end, bool *memory) {
  size_t count = hdx_get_u32(in);
  footer->zones = get_list(in, count, HDX_ZONE_BYTES, sizeof *footer->zones, memory);
  if (!footer->zones)
    return false;
  footer->zone_count = count;
  const uint8_t *at = hdx_get_bytes(in, count * HDX_ZONE_BYTES);
  uint64_t total = HDX_HEADER_BYTES;
  for (size_t i = 0; i < count; i++) {
    struct hdx_zone *z = &footer->zones[i];
    const uint8_t *wide = at + 8 * i, *narrow = at + 48 * count + 4 * i;
    z->offset = hdx_load_u64(wide);
    z->min_start = (int64_t)hdx_load_u64(wide + 8 * count);
    z->max_start = (int64_t)hdx_load_u64(wide + 16 * count);
    z->max_stop = (int64_t)hdx_load_u64(wide + 24 * count);
    z->size_sum = hdx_load_u64(wide + 32 * count);
    z->hash = hdx_load_u64(wide + 40 * count);
    z->length = hdx_load_u32(narrow);
    z->rows = hdx_load_u32(narrow + 4 * count);
    z->size_missing = hdx_load_u32(narrow + 8 * count);
    z->year = (int32_t)hdx_load_u32(narrow + 12 * count);
    z->flags = at[64 * count + i];
    if (!zone_sound(z, i ? z - 1 : NULL, blocks_end))
      return false;
    total += z->length;
  }
  return total == blocks_end;
}

static bool get_templates(struct hdx_footer *footer, struct hdx_bytes *in, bool *memory) {
  uint64_t count = hdx_get_varint(in);
  if (count > HDX_BOOK_MAX)
    return false;
  footer->templates = get_list(in, count, 1, sizeof *footer->templates, memory);
  if (!footer->templates)
    return false;
  footer->template_count = (size_t)count;
  for (size_t t = 0; t < count && !in->bad; t++) {
    uint64_t size = hdx_get_varint(in);
    const uint8_t *at = size <= HDX_TEMPLATE_BYTES_MAX ? hdx_get_bytes(in, (size_t)size) : NULL;
    if (!at)
      return false;
    footer->templates[t] = (struct hdx_text){(const char *)at, (size_t)size};
  }
  return !in->bad;
}

static bool get_forms(struct hdx_footer *footer, struct hdx_bytes *in) {
  for (size_t i = 0; i < footer->year_count && !in->bad; i++) {
    struct hdx_year *year = &footer->years[i];
    year->form = get_text(in).data;
    year->repairs = hdx_get_varint(in);
    year->duplicates = hdx_get_varint(in);
    uint8_t flags = hdx_get_u8(in);
    year->unsorted = flags & HDX_FORM_UNSORTED;
    in->bad |= flags > HDX_FORM_UNSORTED;
  }
  return !in->bad && hdx_bytes_left(in) == 0;
}

static bool get_parameters(struct hdx_footer *footer, struct hdx_bytes *in) {
  footer->subject.parameters = hdx_get_u64(in);
  for (size_t c = 0; c < footer->column_count && !in->bad; c++) {
    struct hdx_parameter *parameter = &footer->parameters[c];
    uint8_t type = hdx_get_u8(in);
    in->bad |= type > HDX_PARAMETER_DOUBLE;
    parameter->type = type;
    parameter->units = get_text(in);
    parameter->description = get_text(in);
  }
  return !in->bad && hdx_bytes_left(in) == 0;
}

/* Finds the sections that are known; the data of those that are not there stay NULL. */
static enum hdx_status find_sections(const struct hdx_footer *footer, size_t raw_size,
                                     struct hdx_text found[HDX_SECTION_COUNT], struct hdx_error *error) {
  struct hdx_bytes in = hdx_bytes_of(footer->raw, raw_size);
  while (!in.bad && hdx_bytes_left(&in)) {
    uint8_t tag = hdx_get_u8(&in);
    uint64_t size = hdx_get_varint(&in);
    const uint8_t *at = size <= hdx_bytes_left(&in) ? hdx_get_bytes(&in, (size_t)size) : NULL;
    if (in.bad || !at)
      return broken(error, "its footer's sections are longer than it");
    if (tag < HDX_SECTION_SUBJECT || tag >= HDX_SECTION_COUNT)
      continue;
    if (found[tag].data)
      return broken(error, "its footer has a section twice");
    found[tag] = (struct hdx_text){(const char *)at, (size_t)size};
  }
  for (int tag = HDX_SECTION_SUBJECT; tag <= HDX_SECTION_TEMPLATES; tag++)
    if (in.bad || !found[tag].data)
      return broken(error, "its footer lacks a section");
  return HDX_OK;
}

static bool get_section(struct hdx_footer *footer, enum hdx_section tag, struct hdx_bytes *in, uint64_t blocks_end,
                        bool *memory) {
  switch (tag) {
  case HDX_SECTION_SUBJECT:
    return get_subject(footer, in);
  case HDX_SECTION_COLUMNS:
    return get_columns(footer, in, memory);
  case HDX_SECTION_YEARS:
    return get_years(footer, in, memory);
  case HDX_SECTION_BLOCKS:
    return get_zones(footer, in, blocks_end, memory);
  case HDX_SECTION_TEMPLATES:
    return get_templates(footer, in, memory);
  case HDX_SECTION_FORMS:
    return get_forms(footer, in);
  case HDX_SECTION_PARAMETERS:
    break;
  }
  return get_parameters(footer, in);
}

/* In the order of their tags, whatever their order in the file: the later ones tell more of what the others name. */
static enum hdx_status get_sections(struct hdx_footer *footer, size_t raw_size, uint64_t blocks_end, bool forms_known,
                                    struct hdx_error *error) {
  struct hdx_text found[HDX_SECTION_COUNT] = {0};
  enum hdx_status status = find_sections(footer, raw_size, found, error);
  for (enum hdx_section tag = HDX_SECTION_SUBJECT; status == HDX_OK && tag <= HDX_SECTION_PARAMETERS; tag++) {
    if (!found[tag].data)
      continue;
    struct hdx_bytes section = hdx_bytes_of(found[tag].data, found[tag].size);
    bool memory = true;
    if (get_section(footer, tag, &section, blocks_end, &memory))
      continue;
    if (!memory)
      return hdx_error_memory(error, found[tag].size);
    return hdx_error_set(error, HDX_INTEGRITY, "its footer's section %u is malformed", tag);
  }
  for (size_t i = 0; forms_known && !found[HDX_SECTION_FORMS].data && i < footer->year_count; i++)
    footer->years[i].form = hdx_footer_form(&footer->years[i]);
  return status;
}

static enum hdx_status unpack_raw(char *raw, struct hdx_text stored, size_t raw_size, struct hdx_error *error) {
  if (stored.size == raw_size) {
    if (raw_size)
      memcpy(raw, stored.data, raw_size);
    return HDX_OK;
  }
  struct hdx_zstd *zstd = hdx_zstd_create();
  if (!zstd)
    return hdx_error_memory(error, 0);
  enum hdx_status status = hdx_zstd_decompress(zstd, stored, raw, raw_size, error);
  hdx_zstd_free(zstd);
  return status == HDX_OK ? status : hdx_error_context(error, status, "footer");
}

enum hdx_status hdx_footer_decode(struct hdx_footer *footer, const void *file, size_t size, struct hdx_error *error) {
  *footer = (struct hdx_footer){0};
  struct hdx_text stored = {NULL, 0};
  size_t raw_size = 0;
  enum hdx_status status = check_ends(file, size, &stored, &raw_size, error);
  if (status != HDX_OK)
    return status;
  uint32_t minor = hdx_load_u32((const char *)file + HDX_MAGIC_BYTES) >> 16;
  footer->raw = malloc(raw_size ? raw_size : 1);
  if (!footer->raw)
    return hdx_error_memory(error, raw_size);
  status = unpack_raw(footer->raw, stored, raw_size, error);
  if (status == HDX_OK)
    status = get_sections(footer, raw_size, (uint64_t)(stored.data - (const char *)file), minor >= 1, error);
  if (status != HDX_OK)
    hdx_footer_deinit(footer);
  return status;
}

void hdx_footer_deinit(struct hdx_footer *footer) {
  free(footer->zones);
  free(footer->years);
  free(footer->column_names);
  free(footer->column_ids);
  free(footer->parameters);
  free(footer->templates);
  free(footer->raw);
  *footer = (struct hdx_footer){0};
}
