/* The registry: which buckets there are. */
#include "catalog/catalog.h"

#include "base/error.h"
#include "base/url.h"
#include "catalog/near.h"
#include "catalog/warnings.h"

#include <stdio.h>
#include <stdlib.h>

enum { REGIONS_SHOWN = 6 };

static const char *type_name(const struct hdx_json_value *value) {
  static const char *const names[] = {"null", "a boolean", "a boolean", "a number", "a string", "a list", "an object"};
  return value ? names[value->type] : "nothing";
}

/* A member that is a string (or a number or the like, as written); empty where it is absent or null. */
static struct hdx_text text_member(const struct hdx_json *json, const struct hdx_json_value *entry, const char *name) {
  const struct hdx_json_value *value = hdx_json_member(json, entry, name);
  return value && value->type != HDX_JSON_NULL ? hdx_text_trim(value->text) : HDX_TEXT("");
}

/* What makes two endpoints the same. */
static struct hdx_text endpoint_key(struct hdx_text endpoint) {
  while (endpoint.size && endpoint.data[endpoint.size - 1] == '/')
    endpoint.size--;
  return endpoint;
}

struct place {
  struct hdx_text endpoint;
  size_t at; /* in the list of entries */
};

static int compare_endpoints(const void *a, const void *b) {
  const struct place *one = a, *other = b;
  int order = hdx_text_compare(one->endpoint, other->endpoint);
  return order ? order : (one->at > other->at) - (one->at < other->at);
}

/* Takes the entries out whose endpoint an earlier one has; `raws` are the entries as published. */
static bool drop_duplicates(struct hdx_registry_doc *doc, const struct hdx_text *raws, struct hdx_warnings *warnings) {
  struct place *places = malloc((doc->count + 1) * sizeof *places);
  if (!places)
    return false;
  for (size_t i = 0; i < doc->count; i++)
    places[i] = (struct place){endpoint_key(doc->entries[i].endpoint), i};
  qsort(places, doc->count, sizeof *places, compare_endpoints);
  /* Names are never empty: an empty one marks what goes. */
  for (size_t i = 1; i < doc->count; i++)
    if (hdx_text_equal(places[i - 1].endpoint, places[i].endpoint))
      doc->entries[places[i].at].name.size = 0;
  free(places);
  size_t kept = 0;
  for (size_t i = 0; i < doc->count; i++) {
    if (doc->entries[i].name.size)
      doc->entries[kept++] = doc->entries[i];
    else
      hdx_warnings_add(warnings, raws[i], "the entry is skipped: an earlier one has the endpoint %.*s, too",
                       HDX_TEXT_ARG(doc->entries[i].endpoint));
  }
  doc->count = kept;
  return true;
}

static bool read_entry(const struct hdx_json *json, const struct hdx_json_value *value,
                       struct hdx_registry_entry *entry, struct hdx_warnings *warnings) {
  if (value->type != HDX_JSON_OBJECT) {
    hdx_warnings_add(warnings, value->raw, "the entry is skipped: expected an object, found %s", type_name(value));
    return false;
  }
  *entry = (struct hdx_registry_entry){.endpoint = text_member(json, value, "endpoint"),
                                       .name = text_member(json, value, "name"),
                                       .region = text_member(json, value, "region"),
                                       .provider = text_member(json, value, "provider")};
  const char *lacks = !entry->endpoint.size ? "endpoint" : !entry->name.size ? "name" : NULL;
  lacks = !lacks && !entry->region.size ? "region" : lacks;
  if (lacks) {
    hdx_warnings_add(warnings, value->raw, "the entry is skipped: it has no \"%s\"", lacks);
    return false;
  }
  if (hdx_url_has_user(entry->endpoint)) {
    hdx_warnings_add(warnings, value->raw, "the entry is skipped: its endpoint has a user or password");
    return false;
  }
  if (!entry->provider.size)
    entry->provider = HDX_TEXT("aws");
  return true;
}

static enum hdx_status read_entries(struct hdx_registry_doc *doc, const char *source, struct hdx_warnings *warnings,
                                    struct hdx_error *error) {
  const struct hdx_json *json = &doc->json;
  const struct hdx_json_value *list = hdx_json_member(json, json->values, "registry");
  const struct hdx_json_value *found = list ? list : json->values;
  if (!list || list->type != HDX_JSON_LIST) {
    size_t line, column;
    hdx_json_place(json, found->raw, &line, &column);
    return hdx_error_set(error, HDX_INTEGRITY, "%s: line %zu column %zu: expected %s, found %s", source, line, column,
                         list ? "a list behind \"registry\"" : "an object with a list \"registry\"",
                         list || found->type != HDX_JSON_OBJECT ? type_name(found) : "no such member");
  }
  size_t usable = 0;
  for (const struct hdx_json_value *v = hdx_json_first(json, list); v; v = hdx_json_next(json, list, v))
    usable += v->count >= 3;
  doc->entries = hdx_arena_alloc(&doc->arena, (usable + 1) * sizeof *doc->entries);
  struct hdx_text *raws = hdx_arena_alloc(&doc->arena, (usable + 1) * sizeof *raws);
  if (!doc->entries || !raws)
    return hdx_error_memory(error, usable * sizeof *doc->entries);
  for (const struct hdx_json_value *v = hdx_json_first(json, list); v; v = hdx_json_next(json, list, v)) {
    struct hdx_registry_entry entry;
    if (read_entry(json, v, &entry, warnings)) {
      raws[doc->count] = v->raw;
      doc->entries[doc->count++] = entry;
    }
  }
  return drop_duplicates(doc, raws, warnings) ? HDX_OK : hdx_error_memory(error, doc->count * sizeof(struct place));
}

enum hdx_status hdx_registry_doc_parse(struct hdx_text text, const char *source, const struct hdx_log *log,
                                       struct hdx_registry_doc *doc, struct hdx_error *error) {
  *doc = (struct hdx_registry_doc){.count = 0};
  enum hdx_status status = hdx_json_parse(text, source, &doc->json, error);
  if (status != HDX_OK)
    return status;
  struct hdx_warnings warnings = {.log = log, .source = source, .json = &doc->json};
  hdx_arena_init(&doc->arena, doc->json.count * (sizeof *doc->entries + sizeof(struct hdx_text)) + (1 << 20));
  status = read_entries(doc, source, &warnings, error);
  if (status == HDX_OK)
    hdx_warnings_end(&warnings);
  else
    hdx_registry_doc_deinit(doc);
  return status;
}

void hdx_registry_doc_deinit(struct hdx_registry_doc *doc) {
  hdx_json_deinit(&doc->json);
  hdx_arena_deinit(&doc->arena);
  doc->entries = NULL;
  doc->count = 0;
}

/* The entries called `name` in a region that begins with `prefix`. */
struct match {
  const struct hdx_registry_entry *entry; /* the first */
  size_t count;
  bool regions_differ;
  char regions[200];
};

static struct match find(const struct hdx_registry_doc *doc, struct hdx_text name, struct hdx_text prefix,
                         bool any_case) {
  struct match match = {.entry = NULL};
  size_t shown = 0;
  for (size_t i = 0; i < doc->count; i++) {
    const struct hdx_registry_entry *entry = &doc->entries[i];
    bool same = any_case ? hdx_text_equal_nocase(entry->name, name) : hdx_text_equal(entry->name, name);
    if (!same || !hdx_text_starts_with(entry->region, prefix))
      continue;
    if (match.count++ == 0)
      match.entry = entry;
    else if (!hdx_text_equal(entry->region, match.entry->region))
      match.regions_differ = true;
    if (match.count <= REGIONS_SHOWN && entry->region.size < 30)
      shown += (size_t)snprintf(match.regions + shown, sizeof match.regions - shown, "%s%.*s", shown ? ", " : "",
                                HDX_TEXT_ARG(entry->region));
  }
  return match;
}

static enum hdx_status not_found(const struct hdx_registry_doc *doc, struct hdx_text name, struct hdx_text prefix,
                                 struct hdx_error *error) {
  struct hdx_near near;
  char suggestion[HDX_NEAR_TEXT_MAX];
  int shown = name.size < 200 ? (int)name.size : 200;
  if (prefix.size) {
    struct match elsewhere = find(doc, name, HDX_TEXT(""), true);
    if (elsewhere.count)
      return hdx_error_set(error, HDX_NOT_FOUND, "%.*s: the registry has it in other regions only: %s", shown,
                           name.data, elsewhere.regions);
  }
  hdx_near_init(&near, name);
  for (size_t i = 0; i < doc->count; i++)
    hdx_near_add(&near, doc->entries[i].name);
  return hdx_error_set(error, HDX_NOT_FOUND, "%.*s: the registry has no such name%s", shown, name.data,
                       hdx_near_text(&near, suggestion));
}

enum hdx_status hdx_registry_doc_endpoint(const struct hdx_registry_doc *doc, struct hdx_text name,
                                          struct hdx_text region_prefix, bool first,
                                          const struct hdx_registry_entry **entry, struct hdx_error *error) {
  struct match match = find(doc, name, region_prefix, false);
  if (match.count == 0)
    match = find(doc, name, region_prefix, true);
  if (match.count == 0)
    return not_found(doc, name, region_prefix, error);
  if (match.count > 1 && !first)
    return hdx_error_set(error, HDX_USAGE, "%.*s: the registry has %zu entries of that name, %s: %s; %s",
                         HDX_TEXT_ARG(match.entry->name), match.count,
                         match.regions_differ ? "in different regions" : "all in one region", match.regions,
                         match.regions_differ ? "a region prefix would tell them apart"
                                              : "a region prefix would not tell them apart; take the first or name "
                                                "the endpoint");
  *entry = match.entry;
  return HDX_OK;
}
