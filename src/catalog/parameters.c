#include "catalog/parameters.h"

#include "base/error.h"
#include "catalog/warnings.h"
#include "parse/csv.h"

static const char *type_name(const struct hdx_json_value *value) {
  static const char *const names[] = {"null", "a boolean", "a boolean", "a number", "a string", "a list", "an object"};
  return names[value->type];
}

/* ---- one entry ---- */

/* A member as text; empty where it is absent, null, a list or an object. */
static struct hdx_text text_member(const struct hdx_json *json, const struct hdx_json_value *entry, const char *name) {
  const struct hdx_json_value *value = hdx_json_member(json, entry, name);
  bool plain = value && value->type != HDX_JSON_NULL && value->type != HDX_JSON_LIST && value->type != HDX_JSON_OBJECT;
  return plain ? hdx_text_trim(value->text) : HDX_TEXT("");
}

static enum hdx_parameter_type read_type(const struct hdx_json *json, const struct hdx_json_value *entry,
                                         struct hdx_warnings *warnings) {
  static const struct {
    const char *word;
    enum hdx_parameter_type type;
  } words[] = {{"string", HDX_PARAMETER_STRING}, {"str", HDX_PARAMETER_STRING},      {"isotime", HDX_PARAMETER_STRING},
               {"int", HDX_PARAMETER_INTEGER},   {"integer", HDX_PARAMETER_INTEGER}, {"double", HDX_PARAMETER_DOUBLE},
               {"float", HDX_PARAMETER_DOUBLE}};
  struct hdx_text type = text_member(json, entry, "type");
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (hdx_text_equal_nocase(type, hdx_text_of(words[i].word)))
      return words[i].type;
  if (hdx_json_member(json, entry, "type"))
    hdx_warnings_add(warnings, entry->raw, "expected the type string, int, integer or double, found '%.*s'",
                     type.size < 100 ? (int)type.size : 100, type.data);
  return HDX_PARAMETER_UNKNOWN;
}

/* The name of a column; empty, with a warning, where it has none that a column can have. */
static struct hdx_text read_name(const struct hdx_json *json, const struct hdx_json_value *entry,
                                 struct hdx_warnings *warnings) {
  const struct hdx_json_value *value = hdx_json_member(json, entry, "name");
  struct hdx_text name = value && value->type == HDX_JSON_STRING ? hdx_text_trim(value->text) : HDX_TEXT("");
  if (entry->type != HDX_JSON_OBJECT)
    hdx_warnings_add(warnings, entry->raw, "the column has no name: expected an object, found %s", type_name(entry));
  else if (!name.size)
    hdx_warnings_add(warnings, entry->raw, "the column has no name: expected a string \"name\", found %s",
                     value ? type_name(value) : "nothing");
  else if (memchr(name.data, 0, name.size))
    hdx_warnings_add(warnings, entry->raw, "the column has no name: expected text, found a NUL byte");
  else
    return name;
  return HDX_TEXT("");
}

static bool is_known(const struct hdx_parameters_doc *doc, struct hdx_text name) {
  for (size_t i = 0; i < doc->count; i++)
    if (hdx_text_equal(doc->names[i], name))
      return true;
  return false;
}

static bool add_entry(struct hdx_parameters_doc *doc, const struct hdx_json *json, const struct hdx_json_value *entry,
                      struct hdx_warnings *warnings) {
  struct hdx_text name = read_name(json, entry, warnings);
  if (name.size && is_known(doc, name)) {
    hdx_warnings_add(warnings, entry->raw, "the column has no name: an earlier one is called %.*s, too",
                     name.size < 100 ? (int)name.size : 100, name.data);
    name = HDX_TEXT("");
  }
  struct hdx_text description = text_member(json, entry, "desc");
  if (!description.size)
    description = text_member(json, entry, "description");
  struct hdx_parameter *parameter = &doc->parameters[doc->count];
  doc->names[doc->count] = hdx_arena_copy(&doc->arena, name);
  *parameter = (struct hdx_parameter){.type = read_type(json, entry, warnings),
                                      .units = hdx_arena_copy(&doc->arena, text_member(json, entry, "units")),
                                      .description = hdx_arena_copy(&doc->arena, description)};
  return doc->names[doc->count++].data && parameter->units.data && parameter->description.data;
}

/* ---- the list ---- */

/* Whether an entry tells of a column that every index file has: 0 start, 1 stop, 2 key, 3 size. */
static bool is_fixed(const struct hdx_json *json, const struct hdx_json_value *entry, int place) {
  static const char *const words[4][8] = {
      {"start", "startdate", "start_date", "starttime", "start_time"},
      {"stop", "stopdate", "stop_date", "stoptime", "stop_time", "end", "enddate", "end_date"},
      {"datakey", "data_key", "key", "file", "filename", "url", "uri"},
      {"filesize", "file_size", "size", "bytes"}};
  struct hdx_text name = text_member(json, entry, "name");
  for (size_t i = 0; i < sizeof words[0] / sizeof *words[0] && words[place][i]; i++)
    if (hdx_text_equal_nocase(name, hdx_text_of(words[place][i])))
      return true;
  return false;
}

/* The first entry of an extra column: behind those of the columns that every index file has, if they are there, which
 * their start and key tell; a stop need not be. */
static const struct hdx_json_value *skip_fixed(const struct hdx_json *json, const struct hdx_json_value *list) {
  const struct hdx_json_value *first = hdx_json_first(json, list), *at = first;
  unsigned seen = 0;
  for (int place = 0; at && place < 4; place++) {
    if (!is_fixed(json, at, place))
      continue;
    seen |= 1u << place;
    at = hdx_json_next(json, list, at);
  }
  return (seen & 5) == 5 ? at : first;
}

static enum hdx_status read_list(struct hdx_parameters_doc *doc, const struct hdx_json *json,
                                 const struct hdx_json_value *list, struct hdx_warnings *warnings,
                                 struct hdx_error *error) {
  size_t most = list->count < HDX_CSV_EXTRA_MAX ? list->count : HDX_CSV_EXTRA_MAX;
  doc->names = hdx_arena_alloc(&doc->arena, (most + 1) * sizeof *doc->names);
  doc->parameters = hdx_arena_alloc(&doc->arena, (most + 1) * sizeof *doc->parameters);
  if (!doc->names || !doc->parameters)
    return hdx_error_memory(error, most * sizeof *doc->parameters);
  for (const struct hdx_json_value *v = skip_fixed(json, list); v; v = hdx_json_next(json, list, v)) {
    if (doc->count == HDX_CSV_EXTRA_MAX) {
      hdx_warnings_add(warnings, v->raw, "expected at most %d extra columns, found more: they are left out",
                       HDX_CSV_EXTRA_MAX);
      break;
    }
    if (!add_entry(doc, json, v, warnings))
      return hdx_error_memory(error, v->raw.size);
  }
  return HDX_OK;
}

enum hdx_status hdx_parameters_doc_parse(struct hdx_text text, const char *source, const struct hdx_log *log,
                                         struct hdx_parameters_doc *doc, struct hdx_error *error) {
  struct hdx_json json;
  *doc = (struct hdx_parameters_doc){.count = 0};
  enum hdx_status status = hdx_json_parse(text, source, &json, error);
  if (status != HDX_OK)
    return status;
  struct hdx_warnings warnings = {.log = log, .source = source, .json = &json};
  const struct hdx_json_value *list = hdx_json_member(&json, json.values, "parameters");
  hdx_arena_init(&doc->arena, 4 * HDX_PARAMETERS_BYTES_MAX);
  if (list && list->type == HDX_JSON_LIST) {
    status = read_list(doc, &json, list, &warnings, error);
  } else {
    const struct hdx_json_value *found = list ? list : json.values;
    size_t line, column;
    hdx_json_place(&json, found->raw, &line, &column);
    status = hdx_error_set(error, HDX_INTEGRITY, "%s: line %zu column %zu: expected %s, found %s", source, line, column,
                           list ? "a list behind \"parameters\"" : "an object with a list \"parameters\"",
                           list || found->type != HDX_JSON_OBJECT ? type_name(found) : "no such member");
  }
  if (status == HDX_OK)
    hdx_warnings_end(&warnings);
  else
    hdx_parameters_doc_deinit(doc);
  hdx_json_deinit(&json);
  return status;
}

void hdx_parameters_doc_deinit(struct hdx_parameters_doc *doc) {
  hdx_arena_deinit(&doc->arena);
  *doc = (struct hdx_parameters_doc){.count = 0};
}

enum hdx_status hdx_parameters_url(struct hdx_text index, struct hdx_text id, bool json, struct hdx_buffer *url,
                                   struct hdx_error *error) {
  hdx_buffer_append_text(url, index);
  hdx_buffer_append_text(url, id);
  hdx_buffer_append_text(url, json ? HDX_TEXT(".json") : HDX_TEXT(".info"));
  return hdx_buffer_status(url, "URL of a file of parameters", error);
}
