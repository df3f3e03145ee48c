/* One entry of a catalog, as a dataset: read leniently in keys and types. */
#include "catalog/entry.h"

#include "base/error.h"
#include "base/time.h"
#include "base/url.h"
#include "catalog/dataset.h"

#include <stdio.h>

/* The members of an entry that are known. */
enum field {
  ID,
  INDEX,
  TITLE,
  START,
  STOP,
  INDEXTYPE,
  FILETYPE,
  MODIFICATION,
  DESCRIPTION,
  RESOURCE,
  CREATION,
  EXPIRATION,
  VERIFIED,
  CITATION,
  CONTACT,
  ABOUT,
  COLLECTIONS,
  TAGS,
  MULTIYEAR,
  FIELD_COUNT
};

/* The names of each, the preferred one first: loc, startdate, enddate and ndxformat are of the seed era. */
static const struct {
  struct hdx_text name;
  enum field field;
} spellings[] = {
#define NAME(text, field)                                                                                              \
  { {text, sizeof(text) - 1}, field }
    NAME("id", ID),
    NAME("index", INDEX),
    NAME("loc", INDEX),
    NAME("title", TITLE),
    NAME("start", START),
    NAME("startdate", START),
    NAME("start_date", START),
    NAME("stop", STOP),
    NAME("stopdate", STOP),
    NAME("stop_date", STOP),
    NAME("enddate", STOP),
    NAME("end_date", STOP),
    NAME("indextype", INDEXTYPE),
    NAME("ndxformat", INDEXTYPE),
    NAME("filetype", FILETYPE),
    NAME("modification", MODIFICATION),
    NAME("modificationdate", MODIFICATION),
    NAME("description", DESCRIPTION),
    NAME("resource", RESOURCE),
    NAME("creation", CREATION),
    NAME("expiration", EXPIRATION),
    NAME("verified", VERIFIED),
    NAME("citation", CITATION),
    NAME("contact", CONTACT),
    NAME("about", ABOUT),
    NAME("collections", COLLECTIONS),
    NAME("tags", TAGS),
    NAME("multiyear", MULTIYEAR),
#undef NAME
};

enum { SPELLING_COUNT = sizeof spellings / sizeof *spellings };

const char *hdx_catalog_type_name(const struct hdx_json_value *value) {
  static const char *const names[] = {"null", "false", "true", "a number", "a string", "a list", "an object"};
  return names[value->type];
}

/* Finds the known members of an entry. An exact name goes before one in other letter case, then the preferred one of
 * several goes, then the first; null counts as absent. */
static void find_members(const struct hdx_json *json, const struct hdx_json_value *entry,
                         const struct hdx_json_value *members[FIELD_COUNT]) {
  unsigned ranks[FIELD_COUNT] = {0};
  for (unsigned i = 0; i < FIELD_COUNT; i++)
    members[i] = NULL;
  for (const struct hdx_json_value *v = hdx_json_first(json, entry); v; v = hdx_json_next(json, entry, v)) {
    if (v->type == HDX_JSON_NULL)
      continue;
    for (unsigned i = 0; i < SPELLING_COUNT; i++) {
      if (v->name.size != spellings[i].name.size || !hdx_text_equal_nocase(v->name, spellings[i].name))
        continue;
      enum field field = spellings[i].field;
      unsigned rank = i + (hdx_text_equal(v->name, spellings[i].name) ? 0 : SPELLING_COUNT);
      if (!members[field] || rank < ranks[field]) {
        members[field] = v;
        ranks[field] = rank;
      }
      break;
    }
  }
}

struct hdx_text hdx_catalog_join(struct hdx_arena *arena, const char *first, struct hdx_text text, const char *last) {
  size_t before = strlen(first), behind = strlen(last);
  char *copy = hdx_arena_bytes(arena, before + text.size + behind + 1);
  if (!copy)
    return (struct hdx_text){NULL, 0};
  snprintf(copy, before + 1, "%s", first);
  if (text.size)
    memcpy(copy + before, text.data, text.size);
  snprintf(copy + before + text.size, behind + 1, "%s", last);
  return (struct hdx_text){copy, before + text.size + behind};
}

/* The JSON list as published; anything else in brackets, as a list of one. */
static bool read_list(struct hdx_catalog_reader *reader, const struct hdx_json_value *value, struct hdx_text *list) {
  if (!value || value->type == HDX_JSON_LIST)
    *list = value ? value->raw : HDX_TEXT("");
  else
    *list = hdx_catalog_join(&reader->doc->arena, "[", value->raw, "]");
  return list->data != NULL;
}

/* A comma list; a JSON list of strings becomes one. */
static bool read_comma_list(struct hdx_catalog_reader *reader, const struct hdx_json_value *value,
                            struct hdx_text *list) {
  *list = hdx_catalog_text(value);
  if (!value || value->type != HDX_JSON_LIST)
    return true;
  const struct hdx_json *json = &reader->doc->json;
  char *copy = hdx_arena_bytes(&reader->doc->arena, value->raw.size), *end = copy;
  if (!copy)
    return false;
  for (const struct hdx_json_value *v = hdx_json_first(json, value); v; v = hdx_json_next(json, value, v)) {
    if (end > copy)
      *end++ = ',';
    memcpy(end, v->text.data, v->text.size);
    end += v->text.size;
  }
  *list = (struct hdx_text){copy, (size_t)(end - copy)};
  return true;
}

static bool read_multiyear(struct hdx_catalog_reader *reader, const struct hdx_json_value *value) {
  static const char *const yes[] = {"true", "1", "yes"}, *const no[] = {"false", "0", "no", ""};
  struct hdx_text text = hdx_text_trim(hdx_catalog_text(value));
  for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
    if (hdx_text_equal_nocase(text, hdx_text_of(yes[i])))
      return true;
  for (size_t i = 0; i < sizeof no / sizeof *no; i++)
    if (hdx_text_equal_nocase(text, hdx_text_of(no[i])))
      return false;
  hdx_warnings_add(&reader->warnings, value->raw, "\"multiyear\" is neither true nor false and taken as false");
  return false;
}

/* A time, or HDX_TIME_NONE. */
static int64_t time_of(const struct hdx_json_value *value) {
  int64_t time;
  int digits;
  size_t at;
  bool read = hdx_time_read(hdx_text_trim(hdx_catalog_text(value)), true, &time, &digits, &at) < HDX_TIME_OFFSET;
  return read ? time : HDX_TIME_NONE;
}

/* The same with a warning where there is another text (but for "static", which means that there is none). */
static int64_t read_time(struct hdx_catalog_reader *reader, struct hdx_text id, const struct hdx_json_value *value) {
  struct hdx_text text = hdx_text_trim(hdx_catalog_text(value));
  int64_t time = time_of(value);
  if (time == HDX_TIME_NONE && text.size && !hdx_text_equal_nocase(text, HDX_TEXT("static")))
    hdx_warnings_add(&reader->warnings, value->raw, "%.*s: \"%.*s\" is no time in UTC: '%.*s'", HDX_TEXT_ARG(id),
                     HDX_TEXT_ARG(value->name), text.size < 60 ? (int)text.size : 60, text.data);
  return time;
}

/* Checks id and index; false with a warning where one of them is none, or (`error` set) out of memory. */
static bool read_place(struct hdx_catalog_reader *reader, const struct hdx_json_value *const members[FIELD_COUNT],
                       struct hdx_dataset *dataset) {
  struct hdx_text id = hdx_text_trim(hdx_catalog_text(members[ID])),
                  index = hdx_text_trim(hdx_catalog_text(members[INDEX]));
  struct hdx_error reason;
  struct hdx_url url;
  if (members[ID]->type != HDX_JSON_STRING && members[ID]->type != HDX_JSON_NUMBER)
    id.size = 0;
  if (!hdx_dataset_id(id)) {
    hdx_warnings_add(&reader->warnings, members[ID]->raw,
                     "the dataset is skipped: its id '%.*s' is not of letters, digits, dashes and underscores",
                     id.size < 100 ? (int)id.size : 100, id.data);
    return false;
  }
  enum hdx_status status = hdx_url_parse(index, &url, &reason);
  if (status == HDX_OK && url.query.size)
    status = hdx_error_set(&reason, HDX_USAGE, "the index has a query");
  if (status != HDX_OK) {
    hdx_warnings_add(&reader->warnings, members[INDEX]->raw, "%.*s: the dataset is skipped for its index: %s",
                     HDX_TEXT_ARG(id), reason.message);
    return false;
  }
  if (index.data[index.size - 1] != '/') {
    hdx_warnings_add(&reader->warnings, members[INDEX]->raw, "%.*s: the index lacks its final slash", HDX_TEXT_ARG(id));
    index = hdx_catalog_join(&reader->doc->arena, "", index, "/");
  }
  dataset->id = id;
  dataset->index = index;
  return index.data || hdx_error_memory(reader->error, index.size) == HDX_OK;
}

static bool has_required(struct hdx_catalog_reader *reader, const struct hdx_json_value *entry,
                         const struct hdx_json_value *const members[FIELD_COUNT]) {
  static const struct {
    enum field field;
    const char *name;
  } required[] = {{ID, "id"}, {INDEX, "index"}, {TITLE, "title"}, {START, "start"}, {STOP, "stop"}};
  struct hdx_text id = hdx_catalog_text(members[ID]);
  for (size_t i = 0; i < sizeof required / sizeof *required; i++)
    if (!members[required[i].field]) {
      hdx_warnings_add(&reader->warnings, entry->raw, "the dataset %.*s%sis skipped: it has no \"%s\"",
                       id.size < 100 ? (int)id.size : 100, id.data, id.size ? " " : "", required[i].name);
      return false;
    }
  return true;
}

bool hdx_catalog_read_entry(struct hdx_catalog_reader *reader, const struct hdx_json_value *entry,
                            struct hdx_dataset *dataset) {
  const struct hdx_json_value *members[FIELD_COUNT];
  if (entry->type != HDX_JSON_OBJECT) {
    hdx_warnings_add(&reader->warnings, entry->raw, "the dataset is skipped: expected an object, found %s",
                     hdx_catalog_type_name(entry));
    return false;
  }
  find_members(&reader->doc->json, entry, members);
  if (!has_required(reader, entry, members) || !read_place(reader, members, dataset))
    return false;
  dataset->json = entry->raw;
  dataset->title = hdx_catalog_text(members[TITLE]);
  dataset->start_text = hdx_catalog_text(members[START]);
  dataset->stop_text = hdx_catalog_text(members[STOP]);
  dataset->start = read_time(reader, dataset->id, members[START]);
  dataset->stop = read_time(reader, dataset->id, members[STOP]);
  if (dataset->start != HDX_TIME_NONE && dataset->stop != HDX_TIME_NONE && dataset->start > dataset->stop)
    hdx_warnings_add(&reader->warnings, entry->raw, "%.*s: its start is after its stop: no index file is looked for",
                     HDX_TEXT_ARG(dataset->id));
  dataset->indextype = hdx_text_trim(hdx_catalog_text(members[INDEXTYPE]));
  if (dataset->indextype.size == 0)
    dataset->indextype = HDX_TEXT("csv");
  dataset->modification = hdx_catalog_text(members[MODIFICATION]);
  dataset->modified = time_of(members[MODIFICATION]);
  dataset->description = hdx_catalog_text(members[DESCRIPTION]);
  dataset->resource = hdx_catalog_text(members[RESOURCE]);
  dataset->creation = hdx_catalog_text(members[CREATION]);
  dataset->expiration = hdx_catalog_text(members[EXPIRATION]);
  dataset->verified = hdx_catalog_text(members[VERIFIED]);
  dataset->citation = hdx_catalog_text(members[CITATION]);
  dataset->contact = hdx_catalog_text(members[CONTACT]);
  dataset->about = hdx_catalog_text(members[ABOUT]);
  dataset->multiyear = read_multiyear(reader, members[MULTIYEAR]);
  return (read_list(reader, members[COLLECTIONS], &dataset->collections) &&
          read_list(reader, members[TAGS], &dataset->tags) &&
          read_comma_list(reader, members[FILETYPE], &dataset->filetype)) ||
         hdx_error_memory(reader->error, entry->raw.size) == HDX_OK;
}

void hdx_catalog_doc_members(const struct hdx_catalog_doc *doc, const struct hdx_dataset *dataset,
                             void (*visit)(void *user, const struct hdx_member *member), void *user) {
  const struct hdx_json *json = &doc->json;
  const struct hdx_json_value *list = hdx_json_member(json, json->values, "catalog"), *known[FIELD_COUNT];
  const struct hdx_json_value *entry = hdx_json_first(json, list);
  while (entry && entry->raw.data != dataset->json.data)
    entry = hdx_json_next(json, list, entry);
  if (!entry)
    return;
  find_members(json, entry, known);
  for (const struct hdx_json_value *v = hdx_json_first(json, entry); v; v = hdx_json_next(json, entry, v)) {
    struct hdx_member member = {.name = v->name, .value = v->text, .text = v->type == HDX_JSON_STRING};
    for (size_t i = 0; i < FIELD_COUNT; i++)
      member.known |= known[i] == v;
    visit(user, &member);
  }
}

enum hdx_status hdx_dataset_in_collection(const struct hdx_dataset *dataset, const char *glob, bool *found,
                                          struct hdx_error *error) {
  struct hdx_json json;
  *found = false;
  if (!dataset->collections.size)
    return HDX_OK;
  enum hdx_status status = hdx_json_parse(dataset->collections, "collections", &json, error);
  if (status != HDX_OK)
    return status;
  for (const struct hdx_json_value *v = hdx_json_first(&json, json.values); v; v = hdx_json_next(&json, json.values, v))
    *found |= hdx_text_glob(hdx_text_of(glob), v->text);
  hdx_json_deinit(&json);
  return HDX_OK;
}
