/* The catalog of a bucket: its datasets, read leniently in keys and types, and found by id. */
#include "catalog/catalog.h"

#include "base/error.h"
#include "base/time.h"
#include "base/url.h"
#include "catalog/dataset.h"
#include "catalog/near.h"
#include "catalog/warnings.h"

#include <stdio.h>
#include <stdlib.h>

enum { STATUS_OK = 1200, STATUS_UNAVAILABLE = 1400, DATASETS_FIRST = 64 };

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

/* Members of the document that have had several names. */
static const char *const top_spellings[][4] = {
    {"version", "CloudCatalog", "Cloudy", NULL},
    {"modification", "modificationDate", NULL},
};

struct reader {
  struct hdx_catalog_doc *doc;
  struct hdx_warnings warnings;
  struct hdx_error *error;
  size_t capacity;
};

static const char *type_name(const struct hdx_json_value *value) {
  static const char *const names[] = {"null", "false", "true", "a number", "a string", "a list", "an object"};
  return names[value->type];
}

/* The content of a string, anything else as written; empty for null and what is absent. */
static struct hdx_text text_of(const struct hdx_json_value *value) {
  return value && value->type != HDX_JSON_NULL ? value->text : HDX_TEXT("");
}

/* Finds the known members of an entry. An exact name goes before one in other letter case, then the preferred one of
 * several goes, then the first; null counts as absent. */
static void find_members(const struct hdx_json *json, const struct hdx_json_value *entry,
                         const struct hdx_json_value *members[FIELD_COUNT]) {
  unsigned ranks[FIELD_COUNT];
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

/* The arena's text with `last` behind it. */
static struct hdx_text join(struct hdx_arena *arena, const char *first, struct hdx_text text, const char *last) {
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
static bool read_list(struct reader *reader, const struct hdx_json_value *value, struct hdx_text *list) {
  if (!value || value->type == HDX_JSON_LIST)
    *list = value ? value->raw : HDX_TEXT("");
  else
    *list = join(&reader->doc->arena, "[", value->raw, "]");
  return list->data != NULL;
}

/* A comma list; a JSON list of strings becomes one. */
static bool read_comma_list(struct reader *reader, const struct hdx_json_value *value, struct hdx_text *list) {
  *list = text_of(value);
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

static bool read_multiyear(struct reader *reader, const struct hdx_json_value *value) {
  static const char *const yes[] = {"true", "1", "yes"}, *const no[] = {"false", "0", "no", ""};
  struct hdx_text text = hdx_text_trim(text_of(value));
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
  bool read = hdx_time_read(hdx_text_trim(text_of(value)), true, &time, &digits, &at) < HDX_TIME_OFFSET;
  return read ? time : HDX_TIME_NONE;
}

/* The same with a warning where there is another text (but for "static", which means that there is none). */
static int64_t read_time(struct reader *reader, struct hdx_text id, const struct hdx_json_value *value) {
  struct hdx_text text = hdx_text_trim(text_of(value));
  int64_t time = time_of(value);
  if (time == HDX_TIME_NONE && text.size && !hdx_text_equal_nocase(text, HDX_TEXT("static")))
    hdx_warnings_add(&reader->warnings, value->raw, "%.*s: \"%.*s\" is no time in UTC: '%.*s'", HDX_TEXT_ARG(id),
                     HDX_TEXT_ARG(value->name), text.size < 60 ? (int)text.size : 60, text.data);
  return time;
}

/* Checks id and index; false with a warning where one of them is none, or (`error` set) out of memory. */
static bool read_place(struct reader *reader, const struct hdx_json_value *const members[FIELD_COUNT],
                       struct hdx_dataset *dataset) {
  struct hdx_text id = hdx_text_trim(text_of(members[ID])), index = hdx_text_trim(text_of(members[INDEX]));
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
    index = join(&reader->doc->arena, "", index, "/");
  }
  dataset->id = id;
  dataset->index = index;
  return index.data || hdx_error_memory(reader->error, index.size) == HDX_OK;
}

static bool has_required(struct reader *reader, const struct hdx_json_value *entry,
                         const struct hdx_json_value *const members[FIELD_COUNT]) {
  static const struct {
    enum field field;
    const char *name;
  } required[] = {{ID, "id"}, {INDEX, "index"}, {TITLE, "title"}, {START, "start"}, {STOP, "stop"}};
  struct hdx_text id = text_of(members[ID]);
  for (size_t i = 0; i < sizeof required / sizeof *required; i++)
    if (!members[required[i].field]) {
      hdx_warnings_add(&reader->warnings, entry->raw, "the dataset %.*s%sis skipped: it has no \"%s\"",
                       id.size < 100 ? (int)id.size : 100, id.data, id.size ? " " : "", required[i].name);
      return false;
    }
  return true;
}

/* Reads one entry; false where it is skipped, or (the reader's error set to MEMORY) where memory is out. */
static bool read_dataset(struct reader *reader, const struct hdx_json_value *entry, struct hdx_dataset *dataset) {
  const struct hdx_json_value *members[FIELD_COUNT];
  if (entry->type != HDX_JSON_OBJECT) {
    hdx_warnings_add(&reader->warnings, entry->raw, "the dataset is skipped: expected an object, found %s",
                     type_name(entry));
    return false;
  }
  find_members(&reader->doc->json, entry, members);
  if (!has_required(reader, entry, members) || !read_place(reader, members, dataset))
    return false;
  dataset->json = entry->raw;
  dataset->title = text_of(members[TITLE]);
  dataset->start_text = text_of(members[START]);
  dataset->stop_text = text_of(members[STOP]);
  dataset->start = read_time(reader, dataset->id, members[START]);
  dataset->stop = read_time(reader, dataset->id, members[STOP]);
  dataset->indextype = hdx_text_trim(text_of(members[INDEXTYPE]));
  if (dataset->indextype.size == 0)
    dataset->indextype = HDX_TEXT("csv");
  dataset->modification = text_of(members[MODIFICATION]);
  dataset->modified = time_of(members[MODIFICATION]);
  dataset->description = text_of(members[DESCRIPTION]);
  dataset->resource = text_of(members[RESOURCE]);
  dataset->creation = text_of(members[CREATION]);
  dataset->expiration = text_of(members[EXPIRATION]);
  dataset->verified = text_of(members[VERIFIED]);
  dataset->citation = text_of(members[CITATION]);
  dataset->contact = text_of(members[CONTACT]);
  dataset->about = text_of(members[ABOUT]);
  dataset->multiyear = read_multiyear(reader, members[MULTIYEAR]);
  return (read_list(reader, members[COLLECTIONS], &dataset->collections) &&
          read_list(reader, members[TAGS], &dataset->tags) &&
          read_comma_list(reader, members[FILETYPE], &dataset->filetype)) ||
         hdx_error_memory(reader->error, entry->raw.size) == HDX_OK;
}

static bool add_dataset(struct reader *reader, const struct hdx_dataset *dataset) {
  struct hdx_catalog_doc *doc = reader->doc;
  if (doc->count == reader->capacity) {
    size_t capacity = reader->capacity ? reader->capacity * 2 : DATASETS_FIRST;
    void *datasets = realloc(doc->datasets, capacity * sizeof *doc->datasets);
    if (!datasets)
      return hdx_error_memory(reader->error, capacity * sizeof *doc->datasets) == HDX_OK;
    doc->datasets = datasets;
    reader->capacity = capacity;
  }
  doc->datasets[doc->count++] = *dataset;
  return true;
}

static enum hdx_status read_datasets(struct reader *reader, const struct hdx_json_value *list) {
  const struct hdx_json *json = &reader->doc->json;
  reader->error->status = HDX_OK;
  for (const struct hdx_json_value *v = hdx_json_first(json, list); v; v = hdx_json_next(json, list, v)) {
    struct hdx_dataset dataset = {.multiyear = false};
    if (read_dataset(reader, v, &dataset))
      add_dataset(reader, &dataset);
    else
      reader->doc->skipped++;
    if (reader->error->status != HDX_OK)
      return reader->error->status;
  }
  return HDX_OK;
}

struct place {
  struct hdx_text id;
  size_t at; /* in the list of datasets */
};

static int compare_ids(const void *a, const void *b) {
  const struct place *one = a, *other = b;
  int order = hdx_text_compare(one->id, other->id);
  return order ? order : (one->at > other->at) - (one->at < other->at);
}

/* Equal ids would share their index files and their snapshot. */
static enum hdx_status warn_of_duplicates(struct reader *reader) {
  const struct hdx_catalog_doc *doc = reader->doc;
  struct place *places = malloc((doc->count + 1) * sizeof *places);
  if (!places)
    return hdx_error_memory(reader->error, doc->count * sizeof *places);
  for (size_t i = 0; i < doc->count; i++)
    places[i] = (struct place){doc->datasets[i].id, i};
  qsort(places, doc->count, sizeof *places, compare_ids);
  for (size_t i = 1; i < doc->count; i++)
    if (hdx_text_equal(places[i - 1].id, places[i].id))
      hdx_warnings_add(&reader->warnings, doc->datasets[places[i].at].json,
                       "another dataset before it has the id %.*s, too", HDX_TEXT_ARG(places[i].id));
  free(places);
  return HDX_OK;
}

static int compare_texts(const void *a, const void *b) {
  return hdx_text_compare(*(const struct hdx_text *)a, *(const struct hdx_text *)b);
}

/* The bucket that most index values name; of several the least name. */
static enum hdx_status most_named_bucket(struct reader *reader, struct hdx_text *bucket) {
  const struct hdx_catalog_doc *doc = reader->doc;
  struct hdx_text *buckets = malloc((doc->count + 1) * sizeof *buckets);
  size_t count = 0, most = 0;
  if (!buckets)
    return hdx_error_memory(reader->error, doc->count * sizeof *buckets);
  for (size_t i = 0; i < doc->count; i++) {
    struct hdx_url url;
    if (hdx_url_parse(doc->datasets[i].index, &url, NULL) == HDX_OK && url.scheme == HDX_SCHEME_S3)
      buckets[count++] = url.host;
  }
  qsort(buckets, count, sizeof *buckets, compare_texts);
  for (size_t from = 0, to = 0; from < count; from = to) {
    while (to < count && hdx_text_equal(buckets[from], buckets[to]))
      to++;
    if (to - from > most) {
      most = to - from;
      *bucket = buckets[from];
    }
  }
  free(buckets);
  return HDX_OK;
}

static enum hdx_status read_endpoint(struct reader *reader) {
  struct hdx_catalog_doc *doc = reader->doc;
  struct hdx_url url;
  doc->endpoint = hdx_text_trim(text_of(hdx_json_member(&doc->json, doc->json.values, "endpoint")));
  doc->own_bucket = HDX_TEXT("");
  if (hdx_url_parse(doc->endpoint, &url, NULL) == HDX_OK && url.scheme == HDX_SCHEME_S3)
    doc->own_bucket = url.host;
  else if (hdx_url_bucket_name(doc->endpoint))
    doc->own_bucket = doc->endpoint;
  else
    return most_named_bucket(reader, &doc->own_bucket);
  return HDX_OK;
}

/* Takes a code and a message from {"code": 1200, "message": "OK"}, "1200/OK", "1200" or 1200; the code is 0 where there
 * is none. */
static uint64_t read_status(const struct hdx_json *json, const struct hdx_json_value *value, struct hdx_text *message) {
  uint64_t code = 0;
  struct hdx_text text = hdx_text_trim(text_of(value));
  *message = HDX_TEXT("");
  if (value->type == HDX_JSON_OBJECT) {
    text = hdx_text_trim(text_of(hdx_json_member(json, value, "code")));
    *message = hdx_text_trim(text_of(hdx_json_member(json, value, "message")));
  }
  size_t digits = 0;
  while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9')
    digits++;
  hdx_text_to_u64(hdx_text_sub(text, 0, digits), 99999, &code);
  if (value->type == HDX_JSON_STRING) {
    while (digits < text.size && strchr("/ :-", text.data[digits]))
      digits++;
    *message = hdx_text_sub(text, digits, text.size);
  }
  return code;
}

static enum hdx_status check_status(struct reader *reader, const struct hdx_json_value *value) {
  struct hdx_catalog_doc *doc = reader->doc;
  struct hdx_text message;
  uint64_t code = read_status(&doc->json, value, &message);
  int shown = message.size < 300 ? (int)message.size : 300;
  char digits[24] = "";
  if (code)
    snprintf(digits, sizeof digits, "%llu%s", (unsigned long long)code, message.size ? " " : "");
  doc->status = join(&doc->arena, digits, message, "");
  if (!doc->status.data)
    return hdx_error_memory(reader->error, message.size);
  if (code == STATUS_UNAVAILABLE)
    return hdx_error_set(reader->error, HDX_TEMPORARY,
                         "%s: the catalog says that it is unavailable (status 1400%s%.*s)", reader->warnings.source,
                         shown ? ": " : "", shown, message.data);
  if (code != STATUS_OK)
    hdx_warnings_add(&reader->warnings, value->raw, "expected a status of 1200, found '%.*s'",
                     doc->status.size < 100 ? (int)doc->status.size : 100, doc->status.data);
  return HDX_OK;
}

static enum hdx_status lacks(const struct reader *reader, const struct hdx_json_value *at, const char *expected,
                             const char *found) {
  size_t line, column;
  hdx_json_place(&reader->doc->json, at->raw, &line, &column);
  return hdx_error_set(reader->error, HDX_INTEGRITY, "%s: line %zu column %zu: expected %s, found %s",
                       reader->warnings.source, line, column, expected, found);
}

static enum hdx_status read_document(struct reader *reader) {
  const struct hdx_json *json = &reader->doc->json;
  const struct hdx_json_value *root = json->values;
  if (root->type != HDX_JSON_OBJECT)
    return lacks(reader, root, "an object with a list \"catalog\"", type_name(root));
  const struct hdx_json_value *list = hdx_json_member(json, root, "catalog");
  const struct hdx_json_value *state = hdx_json_member(json, root, "status");
  enum hdx_status status = HDX_OK;
  if (state && state->type != HDX_JSON_NULL)
    status = check_status(reader, state);
  if (status != HDX_OK)
    return status;
  if (!list || list->type != HDX_JSON_LIST)
    return lacks(reader, list ? list : root, "a list \"catalog\"", list ? type_name(list) : "no such member");
  if (!reader->doc->status.data)
    return lacks(reader, root, "a member \"status\"", state ? "null" : "no such member");
  status = read_datasets(reader, list);
  if (status == HDX_OK)
    status = warn_of_duplicates(reader);
  return status == HDX_OK ? read_endpoint(reader) : status;
}

enum hdx_status hdx_catalog_doc_parse(struct hdx_text text, const char *source, const struct hdx_log *log,
                                      struct hdx_catalog_doc *doc, struct hdx_error *error) {
  struct hdx_error unread;
  *doc = (struct hdx_catalog_doc){.count = 0};
  struct reader reader = {.doc = doc, .error = error ? error : &unread};
  enum hdx_status status = hdx_json_parse(text, source, &doc->json, reader.error);
  if (status != HDX_OK)
    return status;
  reader.warnings = (struct hdx_warnings){.log = log, .source = source, .json = &doc->json};
  /* What is copied are parts of the document, none of them more than twice. */
  hdx_arena_init(&doc->arena, doc->json.text.size * 3 + (4 << 20));
  status = read_document(&reader);
  if (status == HDX_OK)
    hdx_warnings_end(&reader.warnings);
  else
    hdx_catalog_doc_deinit(doc);
  return status;
}

void hdx_catalog_doc_deinit(struct hdx_catalog_doc *doc) {
  hdx_json_deinit(&doc->json);
  hdx_arena_deinit(&doc->arena);
  free(doc->datasets);
  *doc = (struct hdx_catalog_doc){.count = 0};
}

static enum hdx_status not_found(const struct hdx_catalog_doc *doc, struct hdx_text id, struct hdx_error *error) {
  struct hdx_near near;
  char suggestion[HDX_NEAR_TEXT_MAX];
  hdx_near_init(&near, id);
  for (size_t i = 0; i < doc->count; i++)
    hdx_near_add(&near, doc->datasets[i].id);
  return hdx_error_set(error, HDX_NOT_FOUND, "%.*s: the catalog has no such dataset%s",
                       id.size < 200 ? (int)id.size : 200, id.data, hdx_near_text(&near, suggestion));
}

enum hdx_status hdx_catalog_doc_find(const struct hdx_catalog_doc *doc, struct hdx_text id,
                                     const struct hdx_dataset **dataset, struct hdx_error *error) {
  const struct hdx_dataset *exact = NULL, *similar = NULL;
  size_t exact_count = 0, similar_count = 0;
  for (size_t i = 0; i < doc->count; i++) {
    const struct hdx_dataset *candidate = &doc->datasets[i];
    if (candidate->id.size != id.size || !hdx_text_equal_nocase(candidate->id, id))
      continue;
    similar = similar_count++ ? similar : candidate;
    if (hdx_text_equal(candidate->id, id))
      exact = exact_count++ ? exact : candidate;
  }
  if (exact_count > 1)
    return hdx_error_set(error, HDX_INTEGRITY, "%.*s: the catalog has %zu datasets of that id", HDX_TEXT_ARG(id),
                         exact_count);
  if (!exact && similar_count > 1)
    return hdx_error_set(error, HDX_INTEGRITY, "%.*s: the catalog has %zu datasets that differ from it in letter case",
                         HDX_TEXT_ARG(id), similar_count);
  if (!similar)
    return not_found(doc, id, error);
  *dataset = exact ? exact : similar;
  return HDX_OK;
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

struct hdx_text hdx_catalog_doc_member(const struct hdx_catalog_doc *doc, const char *name) {
  const struct hdx_json *json = &doc->json;
  if (strcmp(name, "status") == 0)
    return doc->status;
  const struct hdx_json_value *value = hdx_json_member(json, json->values, name);
  for (size_t i = 0; !value && i < sizeof top_spellings / sizeof *top_spellings; i++)
    if (strcmp(name, top_spellings[i][0]) == 0)
      for (size_t j = 1; !value && top_spellings[i][j]; j++)
        value = hdx_json_member(json, json->values, top_spellings[i][j]);
  return text_of(value);
}
