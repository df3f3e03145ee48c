/* The rules of a registry. */
#include "catalog/members.h"

#include "base/error.h"
#include "base/url.h"
#include "catalog/places.h"

#include <stdlib.h>

enum { VERSION, MODIFICATION, REGISTRY, TOP_COUNT };
enum { ENDPOINT, NAME, REGION, PROVIDER, ENTRY_COUNT };

static const struct hdx_known_member top[] = {
    HDX_MEMBER("version", VERSION, USUAL),
    HDX_MEMBER("CloudCatalog", VERSION, ALLOWED),
    HDX_MEMBER_OLD("Cloudy", "version", VERSION),
    HDX_MEMBER("modificationDate", MODIFICATION, USUAL),
    HDX_MEMBER("modification", MODIFICATION, ALLOWED),
    HDX_MEMBER("registry", REGISTRY, ALLOWED),
};

static const struct hdx_known_member members[] = {
    HDX_MEMBER("endpoint", ENDPOINT, REQUIRED),
    HDX_MEMBER("name", NAME, REQUIRED),
    HDX_MEMBER("region", REGION, REQUIRED),
    HDX_MEMBER("provider", PROVIDER, ALLOWED),
};

bool hdx_rules_is_registry(const struct hdx_json *json) {
  return hdx_json_member(json, json->values, "registry") != NULL;
}

static void check_endpoint(struct hdx_findings *findings, const struct hdx_json_value *value, struct hdx_text text) {
  struct hdx_error reason;
  struct hdx_url url;
  struct hdx_text google = HDX_TEXT("gs://");
  bool known = hdx_text_starts_with(text, google) || hdx_url_parse(text, &url, &reason) == HDX_OK;
  size_t before = hdx_members_enter(findings, value);
  if (!known)
    hdx_findings_json(findings, HDX_RULE_REGISTRY_ENDPOINT, value, "expected s3://BUCKET/: %s", reason.message);
  else if (!hdx_text_starts_with(text, google) && url.scheme == HDX_SCHEME_FILE)
    hdx_findings_json(findings, HDX_RULE_REGISTRY_ENDPOINT, value, "expected s3://BUCKET/, found a file:// URL");
  else if (text.data[text.size - 1] != '/')
    hdx_findings_json(findings, HDX_RULE_REGISTRY_SLASH, value, "expected a slash at the end");
  hdx_findings_leave(findings, before);
}

/* "us-east-1", "eu-central-1", "europe-west4", "us-gov-west-1", "us". */
static bool is_region(struct hdx_text region) {
  for (size_t i = 0; i < region.size; i++) {
    char c = region.data[i];
    bool inner = i > 0 && i + 1 < region.size;
    if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9' && i > 0) && !(c == '-' && inner))
      return false;
  }
  return region.size >= 2 && region.size <= 40;
}

static void check_region(struct hdx_findings *findings, const struct hdx_json_value *value, struct hdx_text text) {
  size_t before = hdx_members_enter(findings, value);
  if (!is_region(text))
    hdx_findings_json(findings, HDX_RULE_REGISTRY_REGION, value,
                      "expected a region of small letters, digits and dashes (us-east-1)");
  hdx_findings_leave(findings, before);
}

static void check_provider(struct hdx_findings *findings, const struct hdx_json_value *value, struct hdx_text text) {
  static const char *const known[] = {"aws", "gcs", "gcp", "google", "azure"};
  size_t before = hdx_members_enter(findings, value);
  bool found = false;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    found |= hdx_text_equal_nocase(text, hdx_text_of(known[i]));
  if (!found)
    hdx_findings_json(findings, HDX_RULE_REGISTRY_PROVIDER, value, "expected aws, gcs or azure");
  hdx_findings_leave(findings, before);
}

/* What two entries may not have in common. */
struct shared {
  struct hdx_places endpoints, names;
};

static void check_shared(struct hdx_findings *findings, const struct hdx_places *places, size_t i,
                         enum hdx_rule_id rule, const struct hdx_json_value *value) {
  size_t earlier;
  if (!value || !hdx_places_earlier(places, i, &earlier))
    return;
  size_t before = hdx_members_enter(findings, value);
  hdx_findings_json(findings, rule, value, "$.registry[%zu] has it, too", earlier);
  hdx_findings_leave(findings, before);
}

static void check_entry(struct hdx_findings *findings, const struct hdx_json_value *entry, size_t i,
                        const struct shared *shared) {
  const struct hdx_json_value *found[ENTRY_COUNT];
  struct hdx_text text;
  if (entry->type != HDX_JSON_OBJECT) {
    hdx_findings_json(findings, HDX_RULE_DOCUMENT, entry, "expected an object, found %s", hdx_members_type(entry));
    return;
  }
  hdx_members_find(findings, entry, members, sizeof members / sizeof *members, false, found);
  if (hdx_members_text(findings, found[ENDPOINT], true, &text))
    check_endpoint(findings, found[ENDPOINT], text);
  hdx_members_text(findings, found[NAME], true, &text);
  if (hdx_members_text(findings, found[REGION], true, &text))
    check_region(findings, found[REGION], text);
  if (hdx_members_text(findings, found[PROVIDER], false, &text))
    check_provider(findings, found[PROVIDER], text);
  check_shared(findings, &shared->endpoints, i, HDX_RULE_REGISTRY_TWICE, found[ENDPOINT]);
  check_shared(findings, &shared->names, i, HDX_RULE_REGISTRY_NAME, found[NAME]);
}

static struct hdx_text without_slash(struct hdx_text text) {
  text = hdx_text_trim(text);
  while (text.size && text.data[text.size - 1] == '/')
    text.size--;
  return text;
}

static bool note_shared(const struct hdx_json *json, const struct hdx_json_value *list, struct shared *shared) {
  bool room = hdx_places_init(&shared->endpoints, list->count) && hdx_places_init(&shared->names, list->count);
  for (const struct hdx_json_value *v = hdx_json_first(json, list); room && v; v = hdx_json_next(json, list, v)) {
    const struct hdx_json_value *endpoint = hdx_json_member(json, v, "endpoint");
    const struct hdx_json_value *name = hdx_json_member(json, v, "name");
    bool texts[] = {endpoint && endpoint->type == HDX_JSON_STRING, name && name->type == HDX_JSON_STRING};
    hdx_places_add(&shared->endpoints, texts[0] ? without_slash(endpoint->text) : HDX_TEXT(""));
    hdx_places_add(&shared->names, texts[1] ? name->text : HDX_TEXT(""));
  }
  if (room) {
    hdx_places_sort(&shared->endpoints);
    hdx_places_sort(&shared->names);
  }
  return room;
}

enum hdx_status hdx_rules_registry(struct hdx_findings *findings, size_t *entries, struct hdx_error *error) {
  const struct hdx_json *json = findings->json;
  const struct hdx_json_value *found[TOP_COUNT];
  struct shared shared = {.names = {.count = 0}};
  size_t i = 0;
  *entries = 0;
  if (json->values->type != HDX_JSON_OBJECT) {
    hdx_findings_json(findings, HDX_RULE_DOCUMENT, json->values,
                      "expected an object with a list \"registry\", found %s", hdx_members_type(json->values));
    return HDX_OK;
  }
  hdx_members_find(findings, json->values, top, sizeof top / sizeof *top, false, found);
  int64_t time;
  hdx_members_time(findings, found[MODIFICATION], -1, &time);
  const struct hdx_json_value *list = found[REGISTRY];
  if (!list || list->type != HDX_JSON_LIST) {
    hdx_findings_json(findings, HDX_RULE_DOCUMENT, list ? list : json->values, "expected a list \"registry\", found %s",
                      list ? hdx_members_type(list) : "no such member");
    return HDX_OK;
  }
  enum hdx_status status = note_shared(json, list, &shared) ? HDX_OK : hdx_error_memory(error, list->count * 32);
  size_t before = hdx_members_enter(findings, list);
  for (const struct hdx_json_value *v = hdx_json_first(json, list); status == HDX_OK && v;
       v = hdx_json_next(json, list, v), i++) {
    size_t inner = hdx_findings_enter_element(findings, i);
    check_entry(findings, v, i, &shared);
    hdx_findings_leave(findings, inner);
  }
  hdx_findings_leave(findings, before);
  *entries = i;
  hdx_places_deinit(&shared.endpoints);
  hdx_places_deinit(&shared.names);
  return status;
}
