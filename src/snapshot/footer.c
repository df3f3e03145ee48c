#include "snapshot/footer.h"

#include "base/error.h"
#include "codec/bytes.h"
#include "codec/hash.h"

enum { ZSTD_LEVEL = 1, RAW_MAX = 512 /* a smaller footer gains nothing from a frame */ };

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
  hdx_buffer_append_buffer(out, content);
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
  char *at = hdx_buffer_reserve(out, count * HDX_ZONE_BYTES);
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
  out->size += count * HDX_ZONE_BYTES;
}

static bool is_plain(const struct hdx_year *year) {
  return hdx_text_equal(hdx_text_of(year->form), hdx_text_of(hdx_footer_form(year))) && !year->repairs &&
         !year->duplicates && !year->unsorted;
}

static void put_forms(struct hdx_buffer *out, const struct hdx_footer *footer) {
  size_t plain = 0;
  while (plain < footer->year_count && is_plain(&footer->years[plain]))
    plain++;
  for (size_t i = 0; plain < footer->year_count && i < footer->year_count; i++) {
    const struct hdx_year *year = &footer->years[i];
    put_text(out, hdx_text_of(year->form));
    hdx_put_varint(out, year->repairs);
    hdx_put_varint(out, year->duplicates);
    hdx_buffer_append_byte(out, year->unsorted ? HDX_FORM_UNSORTED : 0);
  }
}

static bool is_unknown(const struct hdx_parameter *parameter) {
  return parameter->type == HDX_PARAMETER_UNKNOWN && !parameter->units.size && !parameter->description.size;
}

static void put_parameter(struct hdx_buffer *out, const struct hdx_parameter *parameter) {
  hdx_buffer_append_byte(out, (char)parameter->type);
  put_text(out, parameter->units);
  put_text(out, parameter->description);
}

static void put_parameters(struct hdx_buffer *out, const struct hdx_footer *footer) {
  static const struct hdx_parameter nothing = {.units = {"", 0}, .description = {"", 0}};
  size_t unknown = footer->parameters ? 0 : footer->column_count;
  while (unknown < footer->column_count && is_unknown(&footer->parameters[unknown]))
    unknown++;
  if (unknown == footer->column_count && !footer->subject.parameters)
    return;
  hdx_put_u64(out, footer->subject.parameters);
  for (size_t c = 0; c < footer->column_count; c++)
    put_parameter(out, footer->parameters ? &footer->parameters[c] : &nothing);
}

enum hdx_status hdx_snapshot_fingerprint(const struct hdx_text *names, const struct hdx_parameter *parameters,
                                         size_t count, uint64_t *fingerprint, struct hdx_error *error) {
  struct hdx_buffer said;
  hdx_buffer_init(&said, HDX_FOOTER_BYTES_MAX);
  for (size_t i = 0; i < count; i++) {
    put_text(&said, names[i]);
    put_parameter(&said, &parameters[i]);
  }
  enum hdx_status status = hdx_buffer_status(&said, "what is known of extra columns", error);
  uint64_t hash = count && status == HDX_OK ? hdx_hash(said.data, said.size) : 0;
  *fingerprint = !count || hash > HDX_FINGERPRINT_SEVERAL ? hash : HDX_FINGERPRINT_SEVERAL + 1;
  hdx_buffer_deinit(&said);
  return status;
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
  put_forms(&content, footer);
  if (content.size)
    put_section(raw, HDX_SECTION_FORMS, &content);
  put_parameters(&content, footer);
  if (content.size)
    put_section(raw, HDX_SECTION_PARAMETERS, &content);
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
    hdx_buffer_append_buffer(out, &raw);
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
