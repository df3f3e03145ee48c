#include "mirror/journal_line.h"

#include "codec/hash.h"

enum { FIELDS_MAX = 10, HASH_DIGITS = 8 };

static const char *const kind_names[] = {"file", "part", "gone"};
static const size_t kind_fields[] = {9, 9, 3}; /* without the hash */

static const char *const check_names[] = {
#define X(name, text, bytes) text,
    HDX_CHECK_MAP(X)
#undef X
};

/* ---- fields ---- */

static bool is_escaped(unsigned char c) {
  return c < 0x20 || c == 0x7f || c == '%';
}

static int digit_of(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that an escape stands for; -1: not an escape. */
static int byte_of(const char *at, size_t size) {
  int high = size >= 3 ? digit_of(at[1]) : -1, low = size >= 3 ? digit_of(at[2]) : -1;
  return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Whether all escapes of the field are such, none of them NUL if it is to be a name. */
static bool is_field(struct hdx_text field, bool name) {
  const char *at = field.data, *end = field.data + field.size;
  while (at < end && (at = memchr(at, '%', (size_t)(end - at)))) {
    int byte = byte_of(at, (size_t)(end - at));
    if (byte < 0 || (name && byte == 0))
      return false;
    at += 3;
  }
  return !name || (field.size > 0 && !memchr(field.data, 0, field.size));
}

static void write_field(struct hdx_text text, struct hdx_buffer *out) {
  static const char digits[] = "0123456789ABCDEF";
  size_t from = 0;
  hdx_buffer_append_byte(out, '\t');
  for (size_t i = 0; i < text.size; i++) {
    unsigned char c = (unsigned char)text.data[i];
    if (!is_escaped(c))
      continue;
    char escape[] = {'%', digits[c >> 4], digits[c & 15]};
    hdx_buffer_append(out, text.data + from, i - from);
    hdx_buffer_append(out, escape, sizeof escape);
    from = i + 1;
  }
  if (from < text.size)
    hdx_buffer_append(out, text.data + from, text.size - from);
}

struct hdx_text hdx_field_decode(struct hdx_text field, struct hdx_buffer *out) {
  if (!field.size || !memchr(field.data, '%', field.size))
    return field;
  size_t begin = out->size;
  for (size_t i = 0; i < field.size; i++) {
    int byte = field.data[i] == '%' ? byte_of(field.data + i, field.size - i) : -1;
    hdx_buffer_append_byte(out, byte < 0 ? field.data[i] : (char)byte);
    i += byte < 0 ? 0 : 2;
  }
  return (struct hdx_text){out->data + begin, out->size - begin};
}

bool hdx_field_is(struct hdx_text field, struct hdx_text text) {
  size_t at = 0;
  if (!field.size || !memchr(field.data, '%', field.size))
    return hdx_text_equal(field, text);
  for (size_t i = 0; i < field.size; i++, at++) {
    int byte = field.data[i] == '%' ? byte_of(field.data + i, field.size - i) : -1;
    if (at == text.size || text.data[at] != (byte < 0 ? field.data[i] : (char)byte))
      return false;
    i += byte < 0 ? 0 : 2;
  }
  return at == text.size;
}

/* ---- numbers ---- */

static bool read_hexadecimal(struct hdx_text text, uint32_t *value) {
  *value = 0;
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    uint32_t digit;
    if (c >= '0' && c <= '9')
      digit = (uint32_t)(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = (uint32_t)(c - 'a' + 10);
    else
      return false;
    *value = *value << 4 | digit;
  }
  return text.size == HASH_DIGITS;
}

static bool read_signed(struct hdx_text text, int64_t *value) {
  bool negative = text.size && *text.data == '-';
  uint64_t magnitude;
  if (negative)
    text = hdx_text_sub(text, 1, text.size);
  if (!hdx_text_to_u64(text, (uint64_t)INT64_MAX + negative, &magnitude))
    return false;
  *value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
  return true;
}

/* Names that are not known are those of a later program. */
static uint32_t read_checks(struct hdx_text text) {
  uint32_t checks = 0;
  for (size_t from = 0, to; from < text.size; from = to + 1) {
    const char *comma = memchr(text.data + from, ',', text.size - from);
    to = comma ? (size_t)(comma - text.data) : text.size;
    for (size_t i = 0; i < HDX_CHECK_COUNT; i++)
      if (hdx_text_is(hdx_text_sub(text, from, to), check_names[i]))
        checks |= 1u << i;
  }
  return checks;
}

static uint32_t hash_of(struct hdx_text text) {
  return (uint32_t)hdx_hash(text.data, text.size);
}

/* ---- lines ---- */

static size_t split(struct hdx_text text, struct hdx_text *fields) {
  size_t count = 0;
  const char *at = text.data, *end = text.data + text.size, *tab;
  do {
    if (count == FIELDS_MAX)
      return 0;
    tab = memchr(at, '\t', (size_t)(end - at));
    fields[count++] = (struct hdx_text){at, (size_t)((tab ? tab : end) - at)};
    at = tab ? tab + 1 : end;
  } while (tab);
  return count;
}

static bool read_file(const struct hdx_text *fields, struct hdx_line *line) {
  line->etag = fields[6];
  line->checks = read_checks(fields[8]);
  return hdx_text_to_u64(fields[4], INT64_MAX, &line->size) && read_signed(fields[5], &line->modified) &&
         read_hexadecimal(fields[7], &line->crc32c);
}

static bool read_part(const struct hdx_text *fields, struct hdx_line *line) {
  line->etag = fields[5];
  return hdx_text_to_u64(fields[4], INT64_MAX, &line->size) && hdx_text_to_u64(fields[7], line->size, &line->to) &&
         hdx_text_to_u64(fields[6], line->to, &line->from) && read_hexadecimal(fields[8], &line->crc32c);
}

bool hdx_line_read(struct hdx_text text, struct hdx_line *line) {
  struct hdx_text fields[FIELDS_MAX];
  uint32_t hash;
  if (text.size > HDX_LINE_BYTES_MAX || text.size <= HASH_DIGITS || text.data[text.size - HASH_DIGITS - 1] != '\t' ||
      !read_hexadecimal(hdx_text_sub(text, text.size - HASH_DIGITS, text.size), &hash))
    return false;
  text.size -= HASH_DIGITS + 1;
  if (hash_of(text) != hash)
    return false;
  size_t count = split(text, fields), kind = 0;
  while (kind < sizeof kind_names / sizeof *kind_names && !(count && hdx_text_is(fields[0], kind_names[kind])))
    kind++;
  if (kind == sizeof kind_names / sizeof *kind_names || count != kind_fields[kind])
    return false;
  *line = (struct hdx_line){.kind = (enum hdx_line_kind)kind, .location = fields[2]};
  if (!hdx_text_to_u64(fields[1], HDX_LINE_RUN_MAX, &line->run) || !fields[2].size || !is_field(fields[2], false))
    return false;
  if (line->kind == HDX_LINE_GONE)
    return true;
  line->path = fields[3];
  bool read = line->kind == HDX_LINE_FILE ? read_file(fields, line) : read_part(fields, line);
  return read && is_field(line->path, true) && is_field(line->etag, false);
}

static void write_checks(uint32_t checks, struct hdx_buffer *out) {
  hdx_buffer_append_byte(out, '\t');
  for (size_t i = 0, written = 0; i < HDX_CHECK_COUNT; i++)
    if (checks & 1u << i)
      hdx_buffer_append_format(out, "%s%s", written++ ? "," : "", check_names[i]);
}

void hdx_line_write(const struct hdx_line *line, struct hdx_buffer *out) {
  size_t begin = out->size;
  hdx_buffer_append_format(out, "%s\t%llu", kind_names[line->kind], (unsigned long long)line->run);
  write_field(line->location, out);
  if (line->kind != HDX_LINE_GONE) {
    write_field(line->path, out);
    hdx_buffer_append_format(out, "\t%llu", (unsigned long long)line->size);
  }
  if (line->kind == HDX_LINE_FILE) {
    hdx_buffer_append_format(out, "\t%lld", (long long)line->modified);
    write_field(line->etag, out);
    hdx_buffer_append_format(out, "\t%08x", line->crc32c);
    write_checks(line->checks, out);
  } else if (line->kind == HDX_LINE_PART) {
    write_field(line->etag, out);
    hdx_buffer_append_format(out, "\t%llu\t%llu\t%08x", (unsigned long long)line->from, (unsigned long long)line->to,
                             line->crc32c);
  }
  if (out->status == HDX_OK)
    hdx_buffer_append_format(out, "\t%08x\n", hash_of(hdx_text_sub(hdx_buffer_text(out), begin, out->size)));
}
