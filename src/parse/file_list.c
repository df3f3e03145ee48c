#include "parse/file_list.h"

#include "base/error.h"
#include "base/time.h"
#include "parse/json.h"

#include <stdio.h>

enum { ARENA_BYTES_MAX = 64 << 20, SHOWN_BYTES_MAX = 60 };

static const struct hdx_text member_names[HDX_LIST_MEMBER_COUNT] = {
    [HDX_LIST_KEY] = {"datakey", 7},
    [HDX_LIST_ID] = {"id", 2},
    [HDX_LIST_START] = {"start", 5},
    [HDX_LIST_STOP] = {"stop", 4},
    [HDX_LIST_SIZE] = {"filesize", 8},
    [HDX_LIST_CHECKSUM] = {"checksum", 8},
    [HDX_LIST_ALGORITHM] = {"checksum_algorithm", 18},
};

void hdx_file_list_init(struct hdx_file_list *list, const char *name, bool nul) {
  *list = (struct hdx_file_list){.name = name, .nul = nul};
  hdx_arena_init(&list->arena, ARENA_BYTES_MAX);
  hdx_file_list_rewind(list);
}

void hdx_file_list_deinit(struct hdx_file_list *list) {
  hdx_arena_deinit(&list->arena);
}

void hdx_file_list_rewind(struct hdx_file_list *list) {
  list->begun = false;
  list->form = list->nul ? HDX_LIST_LINES : HDX_LIST_UNKNOWN;
  list->line = 1;
  hdx_arena_clear(&list->arena);
}

void hdx_file_list_forget(struct hdx_file_list *list) {
  hdx_arena_clear(&list->arena);
}

/* ---- messages ---- */

__attribute__((format(printf, 3, 4))) static enum hdx_status fail(const struct hdx_file_list *list,
                                                                  struct hdx_error *error, const char *format, ...) {
  char reason[HDX_ERROR_TEXT_MAX / 2];
  va_list args;
  va_start(args, format);
  vsnprintf(reason, sizeof reason, format, args);
  va_end(args);
  return hdx_error_set(error, HDX_INTEGRITY, "%s: line %llu: %s", list->name, (unsigned long long)list->line, reason);
}

/* ---- values ---- */

static enum hdx_status read_time(const struct hdx_file_list *list, enum hdx_list_member member, struct hdx_text text,
                                 int64_t *time, struct hdx_error *error) {
  struct hdx_error why;
  if (text.size == 0)
    *time = HDX_TIME_NONE;
  else if (hdx_text_equal_nocase(text, HDX_TEXT("static")))
    *time = member == HDX_LIST_START ? HDX_TIME_STATIC : HDX_TIME_MAX;
  else if (hdx_time_parse(text, time, &why) != HDX_OK)
    return fail(list, error, "%s: %s", member_names[member].data, why.message);
  return HDX_OK;
}

static enum hdx_status fill_row(const struct hdx_file_list *list, const struct hdx_text *members,
                                struct hdx_list_row *row, struct hdx_error *error) {
  char shown[SHOWN_BYTES_MAX];
  uint64_t size = 0;
  if (members[HDX_LIST_KEY].size == 0)
    return fail(list, error, "expected a datakey, found none");
  if (members[HDX_LIST_SIZE].size && !hdx_text_to_u64(members[HDX_LIST_SIZE], INT64_MAX, &size))
    return fail(list, error, "filesize: expected a number of bytes, found '%s'",
                hdx_text_show(members[HDX_LIST_SIZE], shown, sizeof shown));
  *row = (struct hdx_list_row){.line = list->line,
                               .key = members[HDX_LIST_KEY],
                               .id = members[HDX_LIST_ID],
                               .checksum = members[HDX_LIST_CHECKSUM],
                               .checksum_algorithm = members[HDX_LIST_ALGORITHM],
                               .size = members[HDX_LIST_SIZE].size ? (int64_t)size : -1};
  enum hdx_status status = read_time(list, HDX_LIST_START, members[HDX_LIST_START], &row->start, error);
  return status == HDX_OK ? read_time(list, HDX_LIST_STOP, members[HDX_LIST_STOP], &row->stop, error) : status;
}

/* ---- NDJSON ---- */

/* The value of a member that is a text, or as good as one. */
static enum hdx_status take_value(struct hdx_file_list *list, const struct hdx_json_value *value,
                                  enum hdx_list_member member, struct hdx_text *text, struct hdx_error *error) {
  char shown[SHOWN_BYTES_MAX];
  bool number = value->type == HDX_JSON_NUMBER && member != HDX_LIST_KEY && member != HDX_LIST_ID;
  if (value->type == HDX_JSON_NULL)
    return HDX_OK;
  if (value->type != HDX_JSON_STRING && !number)
    return fail(list, error, "%s: expected a string, found %s", member_names[member].data,
                hdx_text_show(value->raw, shown, sizeof shown));
  *text = hdx_arena_copy(&list->arena, value->text);
  return text->data ? HDX_OK : hdx_error_memory(error, value->text.size);
}

enum hdx_status hdx_file_list_object(struct hdx_file_list *list, const struct hdx_json *json, struct hdx_list_row *row,
                                     struct hdx_error *error) {
  const struct hdx_json_value *root = &json->values[0], *found[HDX_LIST_MEMBER_COUNT] = {NULL};
  struct hdx_text members[HDX_LIST_MEMBER_COUNT];
  enum hdx_status status = HDX_OK;
  if (root->type != HDX_JSON_OBJECT)
    return fail(list, error, "expected an object of JSON");
  for (const struct hdx_json_value *value = hdx_json_first(json, root); value; value = hdx_json_next(json, root, value))
    for (size_t i = 0; i < HDX_LIST_MEMBER_COUNT; i++)
      if (!found[i] && hdx_text_equal(value->name, member_names[i]))
        found[i] = value;
  if (!found[HDX_LIST_KEY])
    found[HDX_LIST_KEY] = hdx_json_member(json, root, "location");
  for (size_t i = 0; status == HDX_OK && i < HDX_LIST_MEMBER_COUNT; i++) {
    members[i] = HDX_TEXT("");
    if (found[i])
      status = take_value(list, found[i], (enum hdx_list_member)i, &members[i], error);
  }
  return status == HDX_OK ? fill_row(list, members, row, error) : status;
}

static enum hdx_status read_object(struct hdx_file_list *list, struct hdx_text line, struct hdx_list_row *row,
                                   struct hdx_error *error) {
  struct hdx_json json;
  struct hdx_error why;
  enum hdx_status status = hdx_json_parse(line, "JSON", &json, &why);
  if (status == HDX_INTEGRITY)
    return fail(list, error, "%s", why.message);
  if (status != HDX_OK)
    return hdx_error_set(error, status, "%s", why.message);
  status = hdx_file_list_object(list, &json, row, error);
  hdx_json_deinit(&json);
  return status;
}

/* ---- CSV ---- */

enum field_end { FIELD_COMMA, FIELD_RECORD, FIELD_MORE, FIELD_MALFORMED };

/* A field that was read. */
struct field {
  struct hdx_text text;
  bool doubled; /* quotes in it are doubled */
  const char *next;
};

/* What follows a field at p. */
static enum field_end behind(const char *p, const char *end, bool last, struct field *field) {
  field->next = p < end ? p + 1 : p;
  if (p == end)
    return last ? FIELD_RECORD : FIELD_MORE;
  if (*p == ',')
    return FIELD_COMMA;
  if (*p == '\n')
    return FIELD_RECORD;
  if (*p != '\r')
    return FIELD_MALFORMED;
  if (p + 1 == end)
    return last ? FIELD_RECORD : FIELD_MORE;
  field->next = p + 2;
  return p[1] == '\n' ? FIELD_RECORD : FIELD_MALFORMED;
}

static enum field_end read_quoted(const char *p, const char *end, bool last, struct field *field) {
  const char *from = p + 1, *at = from;
  field->doubled = false;
  while ((at = memchr(at, '"', (size_t)(end - at)))) {
    if (at + 1 == end || at[1] != '"')
      break;
    field->doubled = true;
    at += 2;
  }
  if (!at)
    return last ? FIELD_MALFORMED : FIELD_MORE;
  field->text = (struct hdx_text){from, (size_t)(at - from)};
  return behind(at + 1, end, last, field);
}

static enum field_end read_field(const char *p, const char *end, bool last, struct field *field) {
  if (p < end && *p == '"')
    return read_quoted(p, end, last, field);
  const char *at = p;
  while (at < end && *at != ',' && *at != '\n' && *at != '"' && !(*at == '\r' && at + 1 < end && at[1] == '\n'))
    at++;
  if (at < end && *at == '"')
    return FIELD_MALFORMED;
  bool cut = at == end && at > p && at[-1] == '\r' && last; /* a last line without its LF */
  field->text = (struct hdx_text){p, (size_t)(at - p) - cut};
  field->doubled = false;
  return behind(at, end, last, field);
}

static enum hdx_status take_field(struct hdx_file_list *list, const struct field *field, struct hdx_text *text,
                                  struct hdx_error *error) {
  *text = field->text;
  if (!field->doubled)
    return HDX_OK;
  char *to = hdx_arena_bytes(&list->arena, field->text.size);
  if (!to)
    return hdx_error_memory(error, field->text.size);
  size_t size = 0;
  for (size_t i = 0; i < field->text.size; i++) {
    to[size++] = field->text.data[i];
    i += field->text.data[i] == '"';
  }
  *text = (struct hdx_text){to, size};
  return HDX_OK;
}

/* Reads a record: its fields that are members, or of the header (`members` NULL) which columns those are. *used 0: it
 * goes on behind `text`. */
static enum hdx_status read_record(struct hdx_file_list *list, struct hdx_text text, bool last, size_t *used,
                                   struct hdx_text *members, struct hdx_error *error) {
  const char *p = text.data, *end = text.data + text.size;
  size_t column = 0;
  for (;; column++) {
    struct field field;
    struct hdx_text value;
    enum field_end ended = read_field(p, end, last, &field);
    *used = 0;
    if (ended == FIELD_MORE)
      return HDX_OK;
    if (ended == FIELD_MALFORMED)
      return fail(list, error, "field %zu: a quote that does not enclose the field, or is not closed", column + 1);
    if (column == HDX_LIST_COLUMNS_MAX)
      return fail(list, error, "more than %d fields", HDX_LIST_COLUMNS_MAX);
    enum hdx_status status = take_field(list, &field, &value, error);
    for (size_t i = 0; status == HDX_OK && i < HDX_LIST_MEMBER_COUNT; i++) {
      if (members && list->place[i] == column)
        members[i] = value;
      else if (!members && list->place[i] == SIZE_MAX && hdx_text_equal(value, member_names[i]))
        list->place[i] = column;
    }
    if (status != HDX_OK)
      return status;
    p = field.next;
    if (ended == FIELD_RECORD)
      break;
  }
  *used = (size_t)(p - text.data);
  if (!members)
    list->columns = column + 1;
  else if (column + 1 != list->columns)
    return fail(list, error, "expected %zu fields, as the header has, found %zu", list->columns, column + 1);
  return HDX_OK;
}

/* Whether the line is a header with a column datakey. */
static bool read_header(struct hdx_file_list *list, struct hdx_text line) {
  size_t used;
  for (size_t i = 0; i < HDX_LIST_MEMBER_COUNT; i++)
    list->place[i] = SIZE_MAX;
  return read_record(list, line, true, &used, NULL, NULL) == HDX_OK && list->place[HDX_LIST_KEY] != SIZE_MAX;
}

/* ---- records of all forms ---- */

/* The line at the beginning of the text, without its end; *used is 0 if it goes on behind the text. */
static struct hdx_text line_of(const struct hdx_file_list *list, struct hdx_text text, bool last, size_t *used) {
  const char *end = memchr(text.data, list->nul ? 0 : '\n', text.size);
  size_t size = end ? (size_t)(end - text.data) : text.size;
  *used = end ? size + 1 : last ? size : 0;
  if (!list->nul && size && text.data[size - 1] == '\r')
    size--;
  return hdx_text_sub(text, 0, size);
}

/* Whether a line begins as a row without id does: with a time and a comma. No key is so called, or it can be given with
 * a scheme in front. */
static bool is_headless_row(struct hdx_text line) {
  const char *comma = memchr(line.data, ',', line.size);
  int64_t time;
  int digits;
  size_t at;
  struct hdx_text first = comma ? hdx_text_sub(line, 0, (size_t)(comma - line.data)) : HDX_TEXT("");
  return first.size > strlen("2020") && hdx_time_read(first, false, &time, &digits, &at) < HDX_TIME_SATURATED_LATE;
}

/* What the first line that is not empty says. */
static enum hdx_status find_form(struct hdx_file_list *list, struct hdx_text line, struct hdx_error *error) {
  if (line.data[0] == '{')
    list->form = HDX_LIST_NDJSON;
  else if (read_header(list, line))
    list->form = HDX_LIST_CSV;
  else if (hdx_text_is(line, "[") || hdx_text_starts_with(line, HDX_TEXT("[{")))
    return fail(list, error, "an array of JSON; a list is lines, CSV or NDJSON (an object a line)");
  else if (!list->nul && is_headless_row(line))
    return fail(list, error, "a row of CSV; expected its header first (with a column datakey), or a key a line");
  else if (!list->nul && hdx_text_starts_with(line, HDX_TEXT("cp ")) && memmem(line.data, line.size, "://", 3))
    return fail(list, error, "a command for s5cmd; a list is lines (a key or location each), CSV or NDJSON");
  else if (memmem(line.data, line.size, "\tdatakey", 8))
    return fail(list, error, "columns divided by tabs; a list is lines, CSV or NDJSON");
  else
    list->form = HDX_LIST_LINES;
  return HDX_OK;
}

static enum hdx_status read_row(struct hdx_file_list *list, struct hdx_text text, struct hdx_text line, bool last,
                                size_t *used, struct hdx_list_row *row, bool *found, struct hdx_error *error) {
  struct hdx_text members[HDX_LIST_MEMBER_COUNT];
  enum hdx_status status = HDX_OK;
  for (size_t i = 0; i < HDX_LIST_MEMBER_COUNT; i++)
    members[i] = HDX_TEXT("");
  *found = true;
  if (list->form == HDX_LIST_NDJSON)
    return read_object(list, line, row, error);
  if (list->form == HDX_LIST_LINES) {
    if (!list->nul && memchr(line.data, 0, line.size))
      return fail(list, error, "a NUL byte; a list whose keys end with NULs has to be read as one");
    members[HDX_LIST_KEY] = line;
    return fill_row(list, members, row, error);
  }
  status = read_record(list, text, last, used, members, error);
  *found = *used > 0;
  return status == HDX_OK && *found ? fill_row(list, members, row, error) : status;
}

static void count_lines(struct hdx_file_list *list, struct hdx_text text) {
  char end = list->nul ? 0 : '\n';
  for (const char *p = text.data, *stop = p + text.size; p < stop && (p = memchr(p, end, (size_t)(stop - p))); p++)
    list->line++;
}

/* One record: a row, or what is none. *used 0: it goes on behind `text`. */
static enum hdx_status read_one(struct hdx_file_list *list, struct hdx_text text, bool last, size_t *used,
                                struct hdx_list_row *row, bool *found, struct hdx_error *error) {
  struct hdx_text line = line_of(list, text, last, used);
  enum hdx_status status = HDX_OK;
  if (*used == 0 || line.size == 0)
    return HDX_OK;
  if (list->form == HDX_LIST_UNKNOWN) {
    status = find_form(list, line, error);
    if (status != HDX_OK || list->form == HDX_LIST_CSV)
      return status;
  }
  return read_row(list, text, line, last, used, row, found, error);
}

enum hdx_status hdx_file_list_next(struct hdx_file_list *list, struct hdx_text text, bool last, size_t *used,
                                   struct hdx_list_row *row, bool *found, struct hdx_error *error) {
  static const struct hdx_text mark = {"\xef\xbb\xbf", 3};
  size_t done = 0, one;
  *found = false;
  *used = 0;
  if (!list->begun && text.size < mark.size && !last)
    return HDX_OK;
  if (!list->begun && !list->nul && hdx_text_starts_with(text, mark))
    done = mark.size;
  list->begun = true;
  while (done < text.size && !*found) {
    struct hdx_text rest = hdx_text_sub(text, done, text.size);
    enum hdx_status status = read_one(list, rest, last, &one, row, found, error);
    if (status != HDX_OK)
      return status;
    if ((one ? one : rest.size) > HDX_LIST_RECORD_BYTES_MAX)
      return fail(list, error, "it has more than %u bytes", HDX_LIST_RECORD_BYTES_MAX);
    if (one == 0)
      break;
    count_lines(list, hdx_text_sub(rest, 0, one));
    done += one;
  }
  *used = done;
  return HDX_OK;
}
