/* The catalog of a bucket: its datasets, read leniently in keys and types, and found by id. */
#include "catalog/entry.h"

#include "base/error.h"
#include "base/url.h"
#include "catalog/near.h"

#include <stdio.h>
#include <stdlib.h>

enum { STATUS_OK = 1200, STATUS_UNAVAILABLE = 1400, DATASETS_FIRST = 64 };

/* Members of the document that have had several names. */
static const char *const top_spellings[][4] = {
    {"version", "CloudCatalog", "Cloudy", NULL},
    {"modification", "modificationDate", NULL},
};

static bool add_dataset(struct hdx_catalog_reader *reader, const struct hdx_dataset *dataset) {
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

static enum hdx_status read_datasets(struct hdx_catalog_reader *reader, const struct hdx_json_value *list) {
  const struct hdx_json *json = &reader->doc->json;
  reader->error->status = HDX_OK;
  for (const struct hdx_json_value *v = hdx_json_first(json, list); v; v = hdx_json_next(json, list, v)) {
    struct hdx_dataset dataset = {.multiyear = false};
    if (hdx_catalog_read_entry(reader, v, &dataset))
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
static enum hdx_status warn_of_duplicates(struct hdx_catalog_reader *reader) {
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
static enum hdx_status most_named_bucket(struct hdx_catalog_reader *reader, struct hdx_text *bucket) {
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

static enum hdx_status read_endpoint(struct hdx_catalog_reader *reader) {
  struct hdx_catalog_doc *doc = reader->doc;
  struct hdx_url url;
  doc->endpoint = hdx_text_trim(hdx_catalog_text(hdx_json_member(&doc->json, doc->json.values, "endpoint")));
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
  struct hdx_text text = hdx_text_trim(hdx_catalog_text(value));
  *message = HDX_TEXT("");
  if (value->type == HDX_JSON_OBJECT) {
    text = hdx_text_trim(hdx_catalog_text(hdx_json_member(json, value, "code")));
    *message = hdx_text_trim(hdx_catalog_text(hdx_json_member(json, value, "message")));
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

static enum hdx_status check_status(struct hdx_catalog_reader *reader, const struct hdx_json_value *value) {
  struct hdx_catalog_doc *doc = reader->doc;
  struct hdx_text message;
  uint64_t code = read_status(&doc->json, value, &message);
  int shown = message.size < 300 ? (int)message.size : 300;
  char digits[24] = "";
  if (code)
    snprintf(digits, sizeof digits, "%llu%s", (unsigned long long)code, message.size ? " " : "");
  doc->status = hdx_catalog_join(&doc->arena, digits, message, "");
  if (!doc->status.data)
    return hdx_error_memory(reader->error, message.size);
  if (code == STATUS_UNAVAILABLE)
    return hdx_error_set(reader->error, HDX_UNAVAILABLE,
                         "%s: the catalog says that it is unavailable (status 1400%s%.*s)", reader->warnings.source,
                         shown ? ": " : "", shown, message.data);
  if (code != STATUS_OK)
    hdx_warnings_add(&reader->warnings, value->raw, "expected a status of 1200, found '%.*s'",
                     doc->status.size < 100 ? (int)doc->status.size : 100, doc->status.data);
  return HDX_OK;
}

static enum hdx_status lacks(const struct hdx_catalog_reader *reader, const struct hdx_json_value *at,
                             const char *expected, const char *found) {
  size_t line, column;
  hdx_json_place(&reader->doc->json, at->raw, &line, &column);
  return hdx_error_set(reader->error, HDX_INTEGRITY, "%s: line %zu column %zu: expected %s, found %s",
                       reader->warnings.source, line, column, expected, found);
}

static enum hdx_status read_document(struct hdx_catalog_reader *reader) {
  const struct hdx_json *json = &reader->doc->json;
  const struct hdx_json_value *root = json->values;
  if (root->type != HDX_JSON_OBJECT)
    return lacks(reader, root, "an object with a list \"catalog\"", hdx_catalog_type_name(root));
  const struct hdx_json_value *list = hdx_json_member(json, root, "catalog");
  const struct hdx_json_value *state = hdx_json_member(json, root, "status");
  enum hdx_status status = HDX_OK;
  if (state && state->type != HDX_JSON_NULL)
    status = check_status(reader, state);
  if (status != HDX_OK)
    return status;
  if (!list || list->type != HDX_JSON_LIST)
    return lacks(reader, list ? list : root, "a list \"catalog\"",
                 list ? hdx_catalog_type_name(list) : "no such member");
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
  struct hdx_catalog_reader reader = {.doc = doc, .error = error ? error : &unread};
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

struct hdx_text hdx_catalog_doc_member(const struct hdx_catalog_doc *doc, const char *name) {
  const struct hdx_json *json = &doc->json;
  if (strcmp(name, "status") == 0)
    return doc->status;
  const struct hdx_json_value *value = hdx_json_member(json, json->values, name);
  for (size_t i = 0; !value && i < sizeof top_spellings / sizeof *top_spellings; i++)
    if (strcmp(name, top_spellings[i][0]) == 0)
      for (size_t j = 1; !value && top_spellings[i][j]; j++)
        value = hdx_json_member(json, json->values, top_spellings[i][j]);
  return hdx_catalog_text(value);
}
