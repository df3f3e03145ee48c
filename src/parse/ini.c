#include "parse/ini.h"

#include "base/error.h"

struct reader {
  const char *source;
  void (*setting)(void *user, const struct hdx_ini_setting *setting);
  void *user;
  struct hdx_error *error;
  size_t line;
  bool in_section;
  struct hdx_text before; /* key of the setting that deeper lines belong to, empty behind a section's line */
  bool before_has_value;
  size_t indent; /* of that setting */
  size_t name_size;
  char name[HDX_INI_SECTION_BYTES_MAX]; /* of the section */
};

static enum hdx_status malformed(const struct reader *reader, const char *expected) {
  return hdx_error_set(reader->error, HDX_INTEGRITY, "%s: line %zu: expected %s", reader->source, reader->line,
                       expected);
}

static bool blank(char c) {
  return c == ' ' || c == '\t';
}

static bool comment(struct hdx_text text) {
  return text.size > 0 && (text.data[0] == '#' || text.data[0] == ';');
}

static void give_out(const struct reader *reader, struct hdx_text parent, struct hdx_text key, struct hdx_text value) {
  const struct hdx_ini_setting setting = {
      .section = {reader->name, reader->name_size}, .parent = parent, .key = key, .value = value, .line = reader->line};
  reader->setting(reader->user, &setting);
}

/* [NAME], then nothing or a comment; `line` begins with the bracket. */
static enum hdx_status read_section(struct reader *reader, struct hdx_text line) {
  const char *end = memchr(line.data, ']', line.size);
  if (!end)
    return malformed(reader, "a ] behind the section's name");
  size_t at = (size_t)(end - line.data);
  struct hdx_text name = hdx_text_trim(hdx_text_sub(line, 1, at));
  struct hdx_text rest = hdx_text_trim(hdx_text_sub(line, at + 1, line.size));
  if (rest.size > 0 && !comment(rest))
    return malformed(reader, "nothing but a comment behind the section's ]");
  if (name.size == 0)
    return malformed(reader, "a name between [ and ]");
  reader->name_size = 0;
  for (size_t i = 0; i < name.size; i++) {
    if (blank(name.data[i]) && blank(name.data[i - 1])) /* the first is none */
      continue;
    if (reader->name_size == sizeof reader->name)
      return malformed(reader, "a section's name that is shorter");
    reader->name[reader->name_size++] = blank(name.data[i]) ? ' ' : name.data[i];
  }
  reader->in_section = true;
  reader->before = (struct hdx_text){0};
  give_out(reader, HDX_TEXT(""), HDX_TEXT(""), HDX_TEXT(""));
  return HDX_OK;
}

struct hdx_text hdx_ini_without_comment(struct hdx_text value) {
  for (size_t i = 1; i < value.size; i++)
    if (comment(hdx_text_sub(value, i, value.size)) && blank(value.data[i - 1]))
      return hdx_text_trim(hdx_text_sub(value, 0, i));
  return value;
}

/* KEY = VALUE; `line` begins with no blank. */
static enum hdx_status read_setting(struct reader *reader, struct hdx_text line, bool nested) {
  const char *equals = memchr(line.data, '=', line.size);
  if (!equals)
    return malformed(reader, "KEY = VALUE");
  size_t at = (size_t)(equals - line.data);
  struct hdx_text key = hdx_text_trim(hdx_text_sub(line, 0, at));
  struct hdx_text value = hdx_text_trim(hdx_text_sub(line, at + 1, line.size));
  if (comment(value) && blank(value.data[-1]))
    value.size = 0;
  if (key.size == 0)
    return malformed(reader, "a key before the =");
  give_out(reader, nested ? reader->before : HDX_TEXT(""), key, value);
  if (!nested) {
    reader->before = key;
    reader->before_has_value = value.size > 0;
  }
  return HDX_OK;
}

static enum hdx_status read_line(struct reader *reader, struct hdx_text line) {
  struct hdx_text text = hdx_text_trim(line);
  if (text.size == 0 || comment(text))
    return HDX_OK;
  size_t indent = (size_t)(text.data - line.data);
  if (reader->before.size > 0 && indent > reader->indent) {
    /* botocore has such a line go on with the value. No setting of AWS's has such a value, and half of one would be
     * worse than none. */
    if (reader->before_has_value)
      return malformed(reader, "a line that begins no further in than the setting above it, which has its value");
    return read_setting(reader, text, true);
  }
  reader->indent = indent;
  if (text.data[0] == '[')
    return read_section(reader, text);
  if (!reader->in_section)
    return malformed(reader, "a section, [NAME], before the first setting");
  return read_setting(reader, text, false);
}

enum hdx_status hdx_ini_read(struct hdx_text text, const char *source,
                             void (*setting)(void *user, const struct hdx_ini_setting *setting), void *user,
                             struct hdx_error *error) {
  struct reader reader = {.source = source, .setting = setting, .user = user, .error = error};
  enum hdx_status status = HDX_OK;
  size_t at = hdx_text_starts_with(text, HDX_TEXT("\xef\xbb\xbf")) ? 3 : 0;
  while (status == HDX_OK && at < text.size) {
    const char *end = memchr(text.data + at, '\n', text.size - at);
    size_t next = end ? (size_t)(end - text.data) + 1 : text.size;
    reader.line++;
    status = read_line(&reader, hdx_text_sub(text, at, next));
    at = next;
  }
  return status;
}
