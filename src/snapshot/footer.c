#include "snapshot/footer.h"

#include "base/error.h"
#include "codec/bytes.h"
#include "codec/hash.h"

#include <stdlib.h>

enum { ZSTD_LEVEL = 1, RAW_MAX = 512 /* a smaller footer gains nothing from a frame */ };
enum { ZONE_BYTES = 6 * 8 + 4 * 4 + 1, YEAR_BYTES_MIN = 4 + 1 + 8 + 3 + 4 * 2, COLUMN_BYTES_MIN = 3 };
enum { TRAILER_HASHED = 32 };

/* ---- writing ---- */

static void put_version(struct hdx_buffer *out) {
  hdx_put_u32(out, HDX_FORMAT_MAJOR | (uint32_t)HDX_FORMAT_MINOR << 16);
  hdx_put_u32(out, 0);
}

void hdx_footer_header(char out[HDX_HEADER_BYTES]) {
  memcpy(out, HDX_HEADER_MAGIC, HDX_MAGIC_BYTES);
  hdx_store_u32(out + 8, HDX_FORMAT_MAJOR | (uint32_t)HDX_FORMAT_MINOR << 16);
  hdx_store_u32(out + 12, 0);
}

static void put_text(struct hdx_buffer *out, struct hdx_text text) {
  hdx_put_varint(out, text.size);
  hdx_buffer_append_text(out, text);
  hdx_buffer_append_byte(out, 0);
}

static void put_section(struct hdx_buffer *out, enum hdx_section tag, struct hdx_buffer *content) {
  hdx_buffer_append_byte(out, (char)tag);
  hdx_put_varint(out, content->size);
  hdx_buffer_append_text(out, hdx_buffer_text(content));
  if (out->status == HDX_OK)
    out->status = content->status;
  hdx_buffer_clear(content);
}

static void put_subject(struct hdx_buffer *out, const struct hdx_footer *footer) {
  const struct hdx_subject *subject = &footer->subject;
  put_text(out, subject->source);
  put_text(out, subject->id);
  put_text(out, subject->index);
  put_text(out, subject->indextype);
  hdx_put_u64(out, (uint64_t)subject->catalog_start);
  hdx_put_u64(out, (uint64_t)subject->catalog_stop);
  hdx_buffer_append_byte(out, subject->multiyear);
  hdx_buffer_append_byte(out, (char)footer->time_digits);
}

static void put_years(struct hdx_buffer *out, const struct hdx_footer *footer) {
  hdx_put_varint(out, footer->year_count);
  for (size_t i = 0; i < footer->year_count; i++) {
    const struct hdx_year *year = &footer->years[i];
    hdx_put_u32(out, (uint32_t)year->year);
    hdx_buffer_append_byte(out, (char)year->state);
    hdx_put_u64(out, (uint64_t)year->checked_at);
    hdx_put_varint(out, year->rows);
    hdx_put_varint(out, year->bad_rows);
    hdx_put_varint(out, year->bytes);
    put_text(out, hdx_text_of(year->url));
    put_text(out, hdx_text_of(year->etag));
    put_text(out, hdx_text_of(year->last_modified));
    put_text(out, hdx_text_of(year->reason));
  }
}

static void put_zones(struct hdx_buffer *out, const struct hdx_zone *zones, size_t count) {
  hdx_put_u32(out, (uint32_t)count);
  char *at = hdx_buffer_reserve(out, count * ZONE_BYTES);
  if (!at)
    return;
  for (size_t i = 0; i < count; i++) {
    const struct hdx_zone *z = &zones[i];
    char *wide = at + 8 * i, *narrow = at + 48 * count + 4 * i;
    hdx_store_u64(wide, z->offset);
    hdx_store_u64(wide + 8 * count, (uint64_t)z->min_start);
    hdx_store_u64(wide + 16 * count, (uint64_t)z->max_start);
    hdx_store_u64(wide + 24 * count, (uint64_t)z->max_stop);
    hdx_store_u64(wide + 32 * count, z->size_sum);
    hdx_store_u64(wide + 40 * count, z->hash);
    hdx_store_u32(narrow, z->length);
    hdx_store_u32(narrow + 4 * count, z->rows);
    hdx_store_u32(narrow + 8 * count, z->size_missing);
    hdx_store_u32(narrow + 12 * count, (uint32_t)z->year);
    at[64 * count + i] = (char)z->flags;
  }
  out->size += count * ZONE_BYTES;
}

static enum hdx_status put_raw(const struct hdx_footer *footer, struct hdx_buffer *raw, struct hdx_error *error) {
  struct hdx_buffer content;
  hdx_buffer_init(&content, HDX_FOOTER_BYTES_MAX);
  put_subject(&content, footer);
  put_section(raw, HDX_SECTION_SUBJECT, &content);
  hdx_put_varint(&content, footer->column_count);
  for (size_t c = 0; c < footer->column_count; c++) {
    hdx_put_varint(&content, footer->column_ids[c]);
    put_text(&content, footer->column_names[c]);
  }
  put_section(raw, HDX_SECTION_COLUMNS, &content);
  put_years(&content, footer);
  put_section(raw, HDX_SECTION_YEARS, &content);
  put_zones(&content, footer->zones, footer->zone_count);
  put_section(raw, HDX_SECTION_BLOCKS, &content);
  hdx_put_varint(&content, footer->template_count);
  for (size_t t = 0; t < footer->template_count; t++) {
    hdx_put_varint(&content, footer->templates[t].size);
    hdx_buffer_append_text(&content, footer->templates[t]);
  }
  put_section(raw, HDX_SECTION_TEMPLATES, &content);
  hdx_buffer_deinit(&content);
  return hdx_buffer_status(raw, "footer", error);
}

enum hdx_status hdx_footer_encode(const struct hdx_footer *footer, uint64_t offset, struct hdx_zstd *zstd,
                                  struct hdx_buffer *out, struct hdx_error *error) {
  struct hdx_buffer raw;
  hdx_buffer_init(&raw, HDX_FOOTER_BYTES_MAX);
  enum hdx_status status = put_raw(footer, &raw, error);
  size_t begin = out->size;
  if (status == HDX_OK && raw.size > RAW_MAX)
    status = hdx_zstd_compress(zstd, hdx_buffer_text(&raw), ZSTD_LEVEL, out, error);
  if (status == HDX_OK && (raw.size <= RAW_MAX || out->size - begin >= raw.size)) {
    out->size = begin;
    hdx_buffer_append_text(out, hdx_buffer_text(&raw));
  }
  size_t stored = out->size - begin, raw_size = raw.size;
  hdx_buffer_deinit(&raw);
  if (status != HDX_OK)
    return status;
  hdx_put_u64(out, offset);
  hdx_put_u32(out, (uint32_t)stored);
  hdx_put_u32(out, (uint32_t)raw_size);
  hdx_put_u64(out, offset + stored + HDX_TRAILER_BYTES);
  put_version(out);
  if (out->status != HDX_OK)
    return hdx_buffer_status(out, "footer", error);
  char header[HDX_HEADER_BYTES];
  hdx_footer_header(header);
  struct hdx_text parts[] = {{header, sizeof header}, {out->data + begin, out->size - begin}};
  hdx_put_u64(out, hdx_hash_parts(parts, 2));
  hdx_buffer_append(out, HDX_TRAILER_MAGIC, HDX_MAGIC_BYTES);
  return hdx_buffer_status(out, "footer", error);
}

/* ---- reading ---- */

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
  footer->zones = get_list(in, count, ZONE_BYTES, sizeof *footer->zones, memory);
  if (!footer->zones)
    return false;
  footer->zone_count = count;
  const uint8_t *at = hdx_get_bytes(in, count * ZONE_BYTES);
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

static enum hdx_status get_sections(struct hdx_footer *footer, size_t raw_size, uint64_t blocks_end,
                                    struct hdx_error *error) {
  struct hdx_bytes in = hdx_bytes_of(footer->raw, raw_size);
  unsigned seen = 0;
  while (!in.bad && hdx_bytes_left(&in)) {
    uint8_t tag = hdx_get_u8(&in);
    uint64_t size = hdx_get_varint(&in);
    const uint8_t *at = size <= hdx_bytes_left(&in) ? hdx_get_bytes(&in, (size_t)size) : NULL;
    if (in.bad || !at)
      return broken(error, "its footer's sections are longer than it");
    struct hdx_bytes section = hdx_bytes_of(at, (size_t)size);
    bool ok = true, memory = true;
    if (tag >= HDX_SECTION_SUBJECT && tag <= HDX_SECTION_TEMPLATES) {
      if (seen & 1u << tag)
        return broken(error, "its footer has a section twice");
      seen |= 1u << tag;
    }
    if (tag == HDX_SECTION_SUBJECT)
      ok = get_subject(footer, &section);
    else if (tag == HDX_SECTION_COLUMNS)
      ok = get_columns(footer, &section, &memory);
    else if (tag == HDX_SECTION_YEARS)
      ok = get_years(footer, &section, &memory);
    else if (tag == HDX_SECTION_BLOCKS)
      ok = get_zones(footer, &section, blocks_end, &memory);
    else if (tag == HDX_SECTION_TEMPLATES)
      ok = get_templates(footer, &section, &memory);
    if (!memory)
      return hdx_error_memory(error, (size_t)size);
    if (!ok)
      return hdx_error_set(error, HDX_INTEGRITY, "its footer's section %u is malformed", tag);
  }
  if (in.bad || seen != (1u << (HDX_SECTION_TEMPLATES + 1)) - 2)
    return broken(error, "its footer lacks a section");
  return HDX_OK;
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
  footer->raw = malloc(raw_size ? raw_size : 1);
  if (!footer->raw)
    return hdx_error_memory(error, raw_size);
  status = unpack_raw(footer->raw, stored, raw_size, error);
  if (status == HDX_OK)
    status = get_sections(footer, raw_size, (uint64_t)(stored.data - (const char *)file), error);
  if (status != HDX_OK)
    hdx_footer_deinit(footer);
  return status;
}

void hdx_footer_deinit(struct hdx_footer *footer) {
  free(footer->zones);
  free(footer->years);
  free(footer->column_names);
  free(footer->column_ids);
  free(footer->templates);
  free(footer->raw);
  *footer = (struct hdx_footer){0};
}
