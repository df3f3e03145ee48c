/* The rules of a catalog's top level, and what its entries may not have in common. */
#include "catalog/rules_entry.h"

#include "base/error.h"
#include "base/url.h"
#include "catalog/places.h"

#include <stdio.h>
#include <stdlib.h>

enum { VERSION, ENDPOINT, NAME, STATUS, CATALOG, EGRESS, CONTACT, DESCRIPTION, CITATION, COMMENT, TOP_COUNT };

static const struct hdx_known_member top[] = {
    HDX_MEMBER("version", VERSION, USUAL),
    HDX_MEMBER("CloudCatalog", VERSION, ALLOWED),
    HDX_MEMBER_OLD("Cloudy", "version", VERSION),
    HDX_MEMBER("endpoint", ENDPOINT, USUAL),
    HDX_MEMBER("name", NAME, USUAL),
    HDX_MEMBER("status", STATUS, REQUIRED),
    HDX_MEMBER("catalog", CATALOG, ALLOWED), /* its lack is found below */
    HDX_MEMBER("egress", EGRESS, OPTIONAL),
    HDX_MEMBER("contact", CONTACT, OPTIONAL),
    HDX_MEMBER("description", DESCRIPTION, OPTIONAL),
    HDX_MEMBER("citation", CITATION, ALLOWED),
    HDX_MEMBER("comment", COMMENT, ALLOWED),
};

/* ---- version ---- */

static int version_of(const struct hdx_json_value *value) {
  struct hdx_text text = value ? hdx_text_trim(value->text) : HDX_TEXT("");
  const char *dot = text.size ? memchr(text.data, '.', text.size) : NULL;
  size_t size = dot ? (size_t)(dot - text.data) : text.size, minor_size = 0;
  uint64_t major, minor = 0;
  if (!size || !hdx_text_to_u64(hdx_text_sub(text, 0, size), 999, &major))
    return -1;
  struct hdx_text rest = hdx_text_sub(text, size + (dot != NULL), text.size);
  while (minor_size < rest.size && rest.data[minor_size] >= '0' && rest.data[minor_size] <= '9')
    minor_size++;
  if (minor_size && !hdx_text_to_u64(hdx_text_sub(rest, 0, minor_size), 999, &minor))
    return -1;
  return (int)(major * 1000 + minor);
}

int hdx_rules_version(const struct hdx_json *json) {
  static const char *const names[] = {"version", "CloudCatalog", "Cloudy"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const struct hdx_json_value *value = hdx_json_member(json, json->values, names[i]);
    if (value && value->type != HDX_JSON_NULL)
      return version_of(value);
  }
  return -1;
}

static void check_version(struct hdx_findings *findings, const struct hdx_json_value *value) {
  struct hdx_text text;
  hdx_members_text(findings, value, false, &text);
  if (!value || (value->type != HDX_JSON_STRING && value->type != HDX_JSON_NUMBER) || version_of(value) >= 0)
    return;
  size_t before = hdx_members_enter(findings, value);
  hdx_findings_json(findings, HDX_RULE_MEMBER_TYPE, value, "expected a version as 1.1");
  hdx_findings_leave(findings, before);
}

/* ---- status ---- */

static void check_code(struct hdx_findings *findings, const struct hdx_json_value *value, struct hdx_text text) {
  size_t digits = 0;
  uint64_t code = 0;
  while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9')
    digits++;
  if (!digits || !hdx_text_to_u64(hdx_text_sub(text, 0, digits), 99999, &code))
    code = 0;
  if (code == 1400)
    hdx_findings_json(findings, HDX_RULE_STATUS_UNAVAILABLE, value,
                      "the catalog says that it is unavailable; index files are not looked at");
  else if (code != 1200)
    hdx_findings_json(findings, HDX_RULE_STATUS_CODE, value, "expected 1200 (OK) or 1400 (unavailable)");
}

static void check_status(struct hdx_findings *findings, const struct hdx_json_value *value) {
  size_t before = hdx_members_enter(findings, value);
  if (value->type != HDX_JSON_OBJECT) {
    hdx_findings_json(findings, HDX_RULE_STATUS_FORM, value, "expected {\"code\": 1200, \"message\": \"OK\"}, found %s",
                      hdx_members_type(value));
    if (value->type == HDX_JSON_STRING || value->type == HDX_JSON_NUMBER)
      check_code(findings, value, hdx_text_trim(value->text));
    hdx_findings_leave(findings, before);
    return;
  }
  const struct hdx_json_value *code = hdx_json_member(findings->json, value, "code");
  size_t inner = hdx_findings_enter(findings, HDX_TEXT("code"));
  if (!code || code->type == HDX_JSON_NULL)
    hdx_findings_json(findings, HDX_RULE_MEMBER_REQUIRED, value, "\"code\" is missing");
  else if (code->type != HDX_JSON_NUMBER)
    hdx_findings_json(findings, HDX_RULE_STATUS_FORM, code, "expected a number, found %s", hdx_members_type(code));
  if (code && code->type != HDX_JSON_NULL)
    check_code(findings, code, hdx_text_trim(code->text));
  hdx_findings_leave(findings, inner);
  hdx_findings_leave(findings, before);
}

/* ---- others ---- */

static void check_endpoint(struct hdx_findings *findings, const struct hdx_json_value *value) {
  struct hdx_error reason = {.message = ""};
  struct hdx_text text;
  struct hdx_url url;
  if (!hdx_members_text(findings, value, false, &text))
    return;
  size_t before = hdx_members_enter(findings, value);
  if (hdx_url_parse(text, &url, &reason) != HDX_OK)
    hdx_findings_json(findings, HDX_RULE_CATALOG_ENDPOINT, value, "expected s3://BUCKET/: %s", reason.message);
  else if (url.scheme == HDX_SCHEME_FILE)
    hdx_findings_json(findings, HDX_RULE_CATALOG_ENDPOINT, value, "expected s3://BUCKET/, found a file:// URL");
  else if (text.data[text.size - 1] != '/')
    hdx_findings_json(findings, HDX_RULE_CATALOG_ENDPOINT, value, "expected a slash at the end");
  hdx_findings_leave(findings, before);
}

static void check_egress(struct hdx_findings *findings, const struct hdx_json_value *value) {
  static const char *const words[] = {"free",           "user-pays", "public", "private",
                                      "egress-allowed", "no-egress", "other",  NULL};
  struct hdx_text text;
  if (!hdx_members_text(findings, value, false, &text))
    return;
  size_t before = hdx_members_enter(findings, value);
  hdx_entry_words(findings, HDX_RULE_EGRESS, value, text, words);
  hdx_findings_leave(findings, before);
}

/* The bucket that the endpoint names; empty: none. */
static struct hdx_text bucket_of(const struct hdx_json_value *value) {
  struct hdx_text text = value && value->type == HDX_JSON_STRING ? hdx_text_trim(value->text) : HDX_TEXT("");
  struct hdx_url url;
  return hdx_url_parse(text, &url, NULL) == HDX_OK && url.scheme == HDX_SCHEME_S3 ? url.host : HDX_TEXT("");
}

/* ---- entries ---- */

struct ids {
  struct hdx_places exact, any_case;
};

static bool note_ids(const struct hdx_json *json, const struct hdx_json_value *list, struct ids *ids) {
  ids->any_case.any_case = true;
  bool room = hdx_places_init(&ids->exact, list->count) && hdx_places_init(&ids->any_case, list->count);
  for (const struct hdx_json_value *v = hdx_json_first(json, list); room && v; v = hdx_json_next(json, list, v)) {
    struct hdx_text text = hdx_entry_id_text(hdx_entry_id(json, v));
    hdx_places_add(&ids->exact, text);
    hdx_places_add(&ids->any_case, text);
  }
  if (room) {
    hdx_places_sort(&ids->exact);
    hdx_places_sort(&ids->any_case);
  }
  return room;
}

static void check_ids(struct hdx_findings *findings, const struct ids *ids, const struct hdx_json_value *entry,
                      size_t i) {
  size_t earlier;
  bool twice = hdx_places_earlier(&ids->exact, i, &earlier);
  if (!twice && !hdx_places_earlier(&ids->any_case, i, &earlier))
    return;
  const struct hdx_json_value *id = hdx_entry_id(findings->json, entry);
  size_t before = hdx_members_enter(findings, id);
  hdx_findings_json(findings, twice ? HDX_RULE_DATASET_TWICE : HDX_RULE_DATASET_CASE, id, "$.catalog[%zu] has it%s",
                    earlier, twice ? ", too" : " in other letter case");
  hdx_findings_leave(findings, before);
}

static enum hdx_status check_entries(struct hdx_findings *findings, const struct hdx_json_value *list,
                                     const struct hdx_entry_context *context, size_t *count, struct hdx_error *error) {
  const struct hdx_json *json = findings->json;
  struct ids ids = {.any_case = {.count = 0}};
  size_t i = 0;
  enum hdx_status status = note_ids(json, list, &ids) ? HDX_OK : hdx_error_memory(error, list->count * 32);
  size_t before = hdx_members_enter(findings, list);
  for (const struct hdx_json_value *v = hdx_json_first(json, list); status == HDX_OK && v;
       v = hdx_json_next(json, list, v), i++) {
    size_t inner = hdx_findings_enter_element(findings, i);
    hdx_entry_check(findings, v, context);
    check_ids(findings, &ids, v, i);
    findings->id = HDX_TEXT("");
    hdx_findings_leave(findings, inner);
  }
  hdx_findings_leave(findings, before);
  hdx_places_deinit(&ids.exact);
  hdx_places_deinit(&ids.any_case);
  *count = i;
  return status;
}

enum hdx_status hdx_rules_catalog(struct hdx_findings *findings, int64_t now, size_t *datasets,
                                  struct hdx_error *error) {
  const struct hdx_json_value *root = findings->json->values, *found[TOP_COUNT];
  struct hdx_text text;
  *datasets = 0;
  if (root->type != HDX_JSON_OBJECT) {
    hdx_findings_json(findings, HDX_RULE_DOCUMENT, root, "expected an object with a list \"catalog\", found %s",
                      hdx_members_type(root));
    return HDX_OK;
  }
  hdx_members_find(findings, root, top, sizeof top / sizeof *top, false, found);
  check_version(findings, found[VERSION]);
  check_endpoint(findings, found[ENDPOINT]);
  hdx_members_text(findings, found[NAME], false, &text);
  if (found[STATUS])
    check_status(findings, found[STATUS]);
  check_egress(findings, found[EGRESS]);
  const struct hdx_json_value *list = found[CATALOG];
  if (!list || list->type != HDX_JSON_LIST) {
    hdx_findings_json(findings, HDX_RULE_DOCUMENT, list ? list : root, "expected a list \"catalog\", found %s",
                      list ? hdx_members_type(list) : "no such member");
    return HDX_OK;
  }
  const struct hdx_entry_context context = {hdx_rules_version(findings->json), bucket_of(found[ENDPOINT]), now};
  return check_entries(findings, list, &context, datasets, error);
}
