#include "mirror/layout.h"

#include "base/error.h"
#include "base/time.h"
#include "base/url.h"
#include "mirror/path.h"

#include <stdio.h>
#include <stdlib.h>

enum field { LITERAL, KEY, NAME, FOLDER, BUCKET, ID, START, STOP, FIELD_COUNT };

static const char *const field_names[FIELD_COUNT] = {"", "key", "name", "folder", "bucket", "id", "start", "stop"};

struct item {
  enum field field;
  struct hdx_text text; /* of LITERAL: itself; of START and STOP: FORMAT */
};

struct hdx_layout {
  char *template;
  struct item *items;
  size_t count;
};

/* ------------------------------------------------------------------------------------------------- writing fields */

enum part { YEAR, YEAR_OF_CENTURY, MONTH, DAY, DAY_OF_YEAR, HOUR, MINUTE, SECOND, PARTS };

static const struct {
  char letter;
  enum part part;
  int digits;
} conversions[] = {{'Y', YEAR, 4}, {'y', YEAR_OF_CENTURY, 2}, {'m', MONTH, 2}, {'d', DAY, 2}, {'j', DAY_OF_YEAR, 3},
                   {'H', HOUR, 2}, {'M', MINUTE, 2},          {'S', SECOND, 2}};
enum { CONVERSIONS = sizeof conversions / sizeof *conversions };

static void take_apart(int64_t time_ns, unsigned parts[PARTS]) {
  const int64_t of_day = (time_ns % HDX_DAY_NS + HDX_DAY_NS) % HDX_DAY_NS;
  const int64_t days = time_ns / HDX_DAY_NS - (time_ns % HDX_DAY_NS < 0);
  const unsigned seconds = (unsigned)(of_day / HDX_SECOND_NS);
  const int year = hdx_time_date(days, &parts[MONTH], &parts[DAY]);
  parts[YEAR] = (unsigned)year;
  parts[YEAR_OF_CENTURY] = (unsigned)year % 100;
  parts[DAY_OF_YEAR] = (unsigned)(days - hdx_time_day(year, 1, 1)) + 1;
  parts[HOUR] = seconds / 3600;
  parts[MINUTE] = seconds / 60 % 60;
  parts[SECOND] = seconds % 60;
}

/* Text of the template: its slashes divide. */
static void append_literal(struct hdx_buffer *out, struct hdx_text text) {
  for (size_t i = 0, from = 0; i <= text.size; i++)
    if (i == text.size || text.data[i] == '/') {
      hdx_path_escape(out, hdx_text_sub(text, from, i), false);
      if (i < text.size)
        hdx_buffer_append_byte(out, '/');
      from = i + 1;
    }
}

static void append_conversion(struct hdx_buffer *out, char letter, const unsigned parts[PARTS]) {
  for (size_t i = 0; i < CONVERSIONS; i++)
    if (conversions[i].letter == letter)
      hdx_buffer_append_format(out, "%0*u", conversions[i].digits, parts[conversions[i].part]);
  if (letter == '%')
    append_literal(out, HDX_TEXT("%"));
}

static void append_conversions(struct hdx_buffer *out, const char *letters, char between, const unsigned parts[PARTS]) {
  for (; *letters; letters++) {
    append_conversion(out, *letters, parts);
    if (letters[1])
      hdx_buffer_append_byte(out, between);
  }
}

/* The format was checked by check_format. */
static void append_time(struct hdx_buffer *out, int64_t time_ns, struct hdx_text format) {
  unsigned parts[PARTS];
  take_apart(time_ns, parts);
  for (size_t i = 0; i < format.size; i++) {
    if (format.data[i] != '%')
      append_literal(out, hdx_text_sub(format, i, i + 1));
    else if (format.data[++i] == 'F')
      append_conversions(out, "Ymd", '-', parts);
    else if (format.data[i] == 'T')
      append_conversions(out, "HMS", ':', parts);
    else
      append_conversion(out, format.data[i], parts);
  }
}

/* What follows the last slash begins there; 0: there is none. */
static size_t name_of(struct hdx_text key) {
  size_t at = key.size;
  while (at > 0 && key.data[at - 1] != '/')
    at--;
  return at;
}

static struct hdx_text text_of(enum field field, const struct hdx_layout_subject *subject) {
  const struct hdx_text key = subject->key;
  const size_t name = name_of(key);
  switch (field) {
  case KEY:
    return key;
  case NAME:
    return hdx_text_sub(key, name, key.size);
  case FOLDER:
    return hdx_text_sub(key, 0, name ? name - 1 : 0);
  case BUCKET:
    return subject->bucket;
  default:
    return subject->id;
  }
}

/* Appends what an item stands for; false: it is not known of this file. */
static bool append_item(struct hdx_buffer *out, const struct item *item, const struct hdx_layout_subject *subject) {
  if (item->field == LITERAL) {
    append_literal(out, item->text);
    return true;
  }
  if (item->field == START || item->field == STOP) {
    const int64_t time_ns = item->field == START ? subject->start : subject->stop;
    if (subject->start == HDX_TIME_STATIC)
      hdx_buffer_append_text(out, HDX_TEXT("static"));
    else if (time_ns != HDX_TIME_NONE)
      append_time(out, time_ns, item->text);
    return subject->start == HDX_TIME_STATIC || time_ns != HDX_TIME_NONE;
  }
  const struct hdx_text text = text_of(item->field, subject);
  hdx_path_escape(out, text, item->field == KEY || item->field == FOLDER);
  return text.size || item->field == FOLDER;
}

/* Appends all items; the first one that is not known of the file, or NULL. */
static const struct item *append_items(const struct hdx_layout *layout, const struct hdx_layout_subject *subject,
                                       struct hdx_buffer *out) {
  for (size_t i = 0; i < layout->count; i++)
    if (!append_item(out, &layout->items[i], subject))
      return &layout->items[i];
  return NULL;
}

/* Says why a file has no path: nothing is known of the item `unknown`, or (NULL) what the status says. */
static enum hdx_status refuse_file(const struct hdx_layout_subject *subject, const struct item *unknown,
                                   enum hdx_status status, struct hdx_error *error) {
  char key[160];
  hdx_url_quote(subject->key, key, sizeof key);
  if (unknown)
    return hdx_error_set(error, HDX_USAGE, "'%s': the layout has {%s}, which is not known of this file", key,
                         field_names[unknown->field]);
  if (status == HDX_LIMIT)
    return hdx_error_set(error, status, "'%s': its path would be longer than %d bytes", key, HDX_PATH_BYTES_MAX);
  return hdx_error_memory(error, HDX_PATH_BYTES_MAX);
}

enum hdx_status hdx_layout_path(const struct hdx_layout *layout, const struct hdx_layout_subject *subject,
                                struct hdx_buffer *path, struct hdx_error *error) {
  struct hdx_buffer escaped, made;
  hdx_buffer_init(&escaped, HDX_PATH_BYTES_MAX);
  hdx_buffer_init(&made, HDX_PATH_BYTES_MAX);
  const struct item *unknown = append_items(layout, subject, &escaped);
  hdx_path_append(&made, &escaped);
  enum hdx_status status = escaped.status != HDX_OK ? escaped.status : made.status;
  if (unknown || status != HDX_OK) {
    status = refuse_file(subject, unknown, status, error);
  } else {
    hdx_buffer_append_buffer(path, &made);
    status = hdx_buffer_status(path, "path", error);
  }
  hdx_buffer_deinit(&escaped);
  hdx_buffer_deinit(&made);
  return status;
}

/* ------------------------------------------------------------------------------------------------ reading templates */

__attribute__((format(printf, 4, 5))) static enum hdx_status refuse(const struct hdx_layout *layout, const char *at,
                                                                    struct hdx_error *error, const char *format, ...) {
  char what[200];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  return hdx_error_set(error, HDX_USAGE, "layout '%.200s', byte %zu: %s", layout->template,
                       (size_t)(at - layout->template) + 1, what);
}

static enum hdx_status check_format(const struct hdx_layout *layout, struct hdx_text format, struct hdx_error *error) {
  for (size_t i = 0; i < format.size; i++) {
    if (format.data[i] != '%')
      continue;
    const char letter = ++i < format.size ? format.data[i] : 0;
    if (!letter || !strchr("YymdjHMSFT%", letter))
      return refuse(layout, format.data + i - 1, error,
                    "expected one of %%Y %%y %%m %%d %%j %%H %%M %%S %%F %%T %%%%, found '%%%.1s'",
                    letter ? &letter : "");
  }
  return HDX_OK;
}

/* Reads the field between the braces. */
static enum hdx_status read_field(const struct hdx_layout *layout, struct hdx_text inner, struct item *item,
                                  struct hdx_error *error) {
  const char *colon = memchr(inner.data, ':', inner.size);
  const struct hdx_text name = hdx_text_sub(inner, 0, colon ? (size_t)(colon - inner.data) : inner.size);
  enum field field = LITERAL + 1;
  while (field < FIELD_COUNT && !hdx_text_is(name, field_names[field]))
    field++;
  if (field == FIELD_COUNT)
    return refuse(layout, inner.data, error,
                  "expected key, name, folder, bucket, id, start:FORMAT or stop:FORMAT, found '%.*s'",
                  HDX_TEXT_ARG(inner));
  const bool time = field == START || field == STOP;
  item->field = field;
  item->text = colon ? hdx_text_sub(inner, name.size + 1, inner.size) : (struct hdx_text){"", 0};
  if (time && item->text.size == 0)
    return refuse(layout, inner.data + name.size, error, "expected a format as in {%s:%%Y/%%m}, found none",
                  field_names[field]);
  if (!time && colon)
    return refuse(layout, colon, error, "expected }, as only start and stop have a format");
  return check_format(layout, item->text, error);
}

/* Reads the item that begins at `at`; *end is where it ends. */
static enum hdx_status read_item(const struct hdx_layout *layout, const char *at, struct item *item, const char **end,
                                 struct hdx_error *error) {
  if (*at != '{' && *at != '}') {
    *end = at + strcspn(at, "{}");
    *item = (struct item){LITERAL, {at, (size_t)(*end - at)}};
    return HDX_OK;
  }
  if (at[1] == at[0]) {
    *end = at + 2;
    *item = (struct item){LITERAL, {at, 1}};
    return HDX_OK;
  }
  if (*at == '}')
    return refuse(layout, at, error, "expected }} for a brace, found } alone");
  const char *brace = strchr(at, '}');
  if (!brace)
    return refuse(layout, at, error, "expected a field that ends with }, or {{ for a brace");
  *end = brace + 1;
  return read_field(layout, (struct hdx_text){at + 1, (size_t)(brace - at) - 1}, item, error);
}

/* What is wrong with the template whatever the file shows with any file. */
static enum hdx_status check_components(const struct hdx_layout *layout, struct hdx_error *error) {
  static const struct hdx_layout_subject any = {{"id", 2}, {"bucket", 6}, {"folder/name", 11}, 0, 0};
  struct hdx_buffer escaped;
  hdx_buffer_init(&escaped, SIZE_MAX);
  append_items(layout, &any, &escaped);
  enum hdx_status status = hdx_buffer_status(&escaped, "layout", error);
  for (size_t from = 0, number = 1; status == HDX_OK && from <= escaped.size; number++) {
    const struct hdx_text component = hdx_path_component(&escaped, from);
    if (component.size == 0 || hdx_path_reserved(component, number == 1))
      status = hdx_error_set(error, HDX_USAGE, "layout '%.200s': component %zu: expected a name, found '%.*s'",
                             layout->template, number, HDX_TEXT_ARG(component));
    from += component.size + 1;
  }
  hdx_buffer_deinit(&escaped);
  return status;
}

static bool tells_files_apart(const struct hdx_layout *layout) {
  for (size_t i = 0; i < layout->count; i++) {
    const enum field field = layout->items[i].field;
    if (field == KEY || field == NAME || field == START)
      return true;
  }
  return false;
}

static enum hdx_status parse(struct hdx_layout *layout, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  for (const char *at = layout->template; status == HDX_OK && *at; layout->count++)
    status = read_item(layout, at, &layout->items[layout->count], &at, error);
  if (status != HDX_OK)
    return status;
  if (!tells_files_apart(layout))
    return hdx_error_set(error, HDX_USAGE,
                         "layout '%.200s': expected {key}, {name} or {start:FORMAT} in it: all files would "
                         "be called alike",
                         layout->template);
  return check_components(layout, error);
}

enum hdx_status hdx_layout_parse(const char *template, struct hdx_layout **layout, struct hdx_error *error) {
  const size_t size = strlen(template);
  if (size > HDX_LAYOUT_BYTES_MAX)
    return hdx_error_set(error, HDX_USAGE, "layout '%.40s…': expected at most %d bytes, found %zu", template,
                         HDX_LAYOUT_BYTES_MAX, size);
  struct hdx_layout *made = calloc(1, sizeof *made);
  if (!made)
    return hdx_error_memory(error, sizeof *made);
  made->template = strdup(template);
  made->items = calloc(size + 1, sizeof *made->items); /* each is a byte of the template at least */
  enum hdx_status status =
      made->template && made->items ? parse(made, error) : hdx_error_memory(error, size * sizeof *made->items);
  if (status == HDX_OK)
    *layout = made;
  else
    hdx_layout_free(made);
  return status;
}

void hdx_layout_free(struct hdx_layout *layout) {
  if (!layout)
    return;
  free(layout->template);
  free(layout->items);
  free(layout);
}
