/* Names and types of members. */
#include "catalog/members.h"

#include "base/time.h"

#include <assert.h>

enum {
  NEAR_NAME_MAX = 24,       /* longer names are no misspelt ones */
  NEAR_CHECKS_MAX = 100000, /* unknown names of a document that are held against the known ones */
  SHOWN_MAX = 60
};

static int shown(struct hdx_text text) {
  return text.size < SHOWN_MAX ? (int)text.size : SHOWN_MAX;
}

const char *hdx_members_type(const struct hdx_json_value *value) {
  static const char *const names[] = {"null", "false", "true", "a number", "a string", "a list", "an object"};
  return names[value->type];
}

/* ---- names ---- */

/* The place of a name in the table, exactly or else in any letter case; `count`: it is unknown. */
static size_t find(const struct hdx_known_member *known, size_t count, struct hdx_text name, bool *exact) {
  size_t similar = count;
  for (size_t i = 0; i < count; i++) {
    *exact = hdx_text_equal(known[i].name, name);
    if (*exact)
      return i;
    if (similar == count && known[i].name.size == name.size && hdx_text_equal_nocase(known[i].name, name))
      similar = i;
  }
  return similar;
}

/* An unknown name that is one edit (in longer names two) from a known one is rather a mistake. */
static void check_near(struct hdx_findings *findings, const struct hdx_known_member *known, size_t count,
                       const struct hdx_json_value *member) {
  struct hdx_text name = member->name;
  if (name.size < 4 || name.size > NEAR_NAME_MAX || findings->near_checks++ >= NEAR_CHECKS_MAX)
    return;
  unsigned limit = name.size < 7 ? 1 : 2;
  for (size_t i = 0; i < count; i++) {
    size_t a = known[i].name.size, apart = a > name.size ? a - name.size : name.size - a;
    if (known[i].modern || a < 4 || apart > limit || hdx_text_distance(known[i].name, name) > limit)
      continue;
    hdx_findings_json(findings, HDX_RULE_MEMBER_NEAR, member, "\"%.*s\" is unknown: is it meant to be \"%s\"?",
                      shown(name), name.data, known[i].name.data);
    return;
  }
}

static void check_name(struct hdx_findings *findings, const struct hdx_known_member *known,
                       const struct hdx_json_value *member, bool exact) {
  if (!exact)
    hdx_findings_json(findings, HDX_RULE_MEMBER_CASE, member, "expected \"%s\", found \"%.*s\"", known->name.data,
                      shown(member->name), member->name.data);
  if (known->modern)
    hdx_findings_json(findings, HDX_RULE_MEMBER_LEGACY, member, "\"%s\" is a legacy name: expected \"%s\"",
                      known->name.data, known->modern);
}

static void check_missing(struct hdx_findings *findings, const struct hdx_json_value *object,
                          const struct hdx_known_member *known, size_t count,
                          const struct hdx_json_value *const *found) {
  static const enum hdx_rule_id rules[] = {[HDX_MEMBER_OPTIONAL] = HDX_RULE_MEMBER_OPTIONAL,
                                           [HDX_MEMBER_USUAL] = HDX_RULE_MEMBER_USUAL,
                                           [HDX_MEMBER_REQUIRED] = HDX_RULE_MEMBER_REQUIRED};
  for (size_t i = 0; i < count; i++) {
    if (known[i].need == HDX_MEMBER_ALLOWED || found[known[i].slot])
      continue;
    size_t before = hdx_findings_enter(findings, known[i].name);
    hdx_findings_json(findings, rules[known[i].need], object, "\"%s\" is missing", known[i].name.data);
    hdx_findings_leave(findings, before);
  }
}

void hdx_members_find(struct hdx_findings *findings, const struct hdx_json_value *object,
                      const struct hdx_known_member *known, size_t count, bool any_case,
                      const struct hdx_json_value **found) {
  const struct hdx_json *json = findings->json;
  size_t ranks[HDX_MEMBER_SLOTS_MAX];
  uint64_t nulls = 0; /* by place in the table: what has been null */
  assert(count <= 64);
  for (size_t i = 0; i < count; i++) {
    assert(known[i].slot < HDX_MEMBER_SLOTS_MAX);
    found[known[i].slot] = NULL;
  }
  for (const struct hdx_json_value *v = hdx_json_first(json, object); v; v = hdx_json_next(json, object, v)) {
    bool exact;
    size_t at = find(known, count, v->name, &exact), before = hdx_members_enter(findings, v);
    if (at == count) {
      check_near(findings, known, count, v);
    } else {
      unsigned slot = known[at].slot;
      size_t rank = at + (exact ? 0 : count);
      check_name(findings, &known[at], v, exact);
      bool none = !any_case && nulls >> at & 1; /* readers took the first one */
      bool counts = v->type != HDX_JSON_NULL && (exact || any_case);
      nulls |= (uint64_t)(exact && v->type == HDX_JSON_NULL) << at;
      if (counts && (none || (found[slot] && ranks[slot] == rank)))
        hdx_findings_json(findings, HDX_RULE_MEMBER_TWICE, v, "\"%s\" stands twice", known[at].name.data);
      if (counts && !none && (!found[slot] || rank < ranks[slot])) {
        found[slot] = v;
        ranks[slot] = rank;
      }
    }
    hdx_findings_leave(findings, before);
  }
  check_missing(findings, object, known, count, found);
}

/* ---- values ---- */

bool hdx_members_text(struct hdx_findings *findings, const struct hdx_json_value *value, bool required,
                      struct hdx_text *text) {
  *text = HDX_TEXT("");
  if (!value)
    return false;
  size_t before = hdx_members_enter(findings, value);
  if (value->type != HDX_JSON_STRING)
    hdx_findings_json(findings, HDX_RULE_MEMBER_TYPE, value, "expected a string, found %s", hdx_members_type(value));
  if (value->type == HDX_JSON_STRING || value->type == HDX_JSON_NUMBER)
    *text = hdx_text_trim(value->text);
  if (required && !text->size)
    hdx_findings_json(findings, HDX_RULE_MEMBER_REQUIRED, value, "\"%.*s\" is %s", shown(value->name), value->name.data,
                      value->type == HDX_JSON_STRING ? "empty" : "no text");
  hdx_findings_leave(findings, before);
  return text->size > 0;
}

static void check_time(struct hdx_findings *findings, const struct hdx_json_value *value, struct hdx_text text,
                       unsigned notes, size_t at) {
  bool zone = text.size && (text.data[text.size - 1] | 0x20) == 'z';
  if (notes & HDX_TIME_OFFSET) {
    hdx_findings_json(findings, HDX_RULE_TIME, value, "expected UTC, which ends with Z, found an offset at byte %zu",
                      at + 1);
    return;
  }
  if (notes & HDX_TIME_MALFORMED) {
    hdx_findings_json(findings, HDX_RULE_TIME, value,
                      "expected a time in UTC as YYYY-MM-DDThh:mm:ssZ or a beginning of one, up to byte %zu it is one",
                      at);
    return;
  }
  if (notes & HDX_TIME_DOT)
    hdx_findings_json(findings, HDX_RULE_TIME_FORM, value,
                      "expected a colon between hours, minutes and seconds, "
                      "found a dot");
  if (notes & HDX_TIME_SEPARATOR)
    hdx_findings_json(findings, HDX_RULE_TIME_FORM, value,
                      "expected a T between date and time and a Z at the end, "
                      "found a colon, blank or small letter");
  if (notes & (HDX_TIME_SATURATED_LATE | HDX_TIME_SATURATED_EARLY))
    hdx_findings_json(findings, HDX_RULE_TIME_FORM, value, "expected a time between 1678 and 2261");
  if (value->type == HDX_JSON_STRING && text.size != value->text.size)
    hdx_findings_json(findings, HDX_RULE_TIME_FORM, value, "expected no blanks around the time");
  if (!zone)
    hdx_findings_json(findings, HDX_RULE_TIME_ZONE, value, "expected a Z at the end");
}

bool hdx_members_time(struct hdx_findings *findings, const struct hdx_json_value *value, int static_allowed,
                      int64_t *time) {
  struct hdx_text text;
  int digits;
  size_t at = 0;
  *time = HDX_TIME_NONE;
  if (!hdx_members_text(findings, value, static_allowed >= 0, &text))
    return false;
  size_t before = hdx_members_enter(findings, value);
  if (static_allowed >= 0 && hdx_text_equal_nocase(text, HDX_TEXT("static"))) {
    if (!static_allowed)
      hdx_findings_json(findings, HDX_RULE_STATIC, value, "expected a time: specification 1.0 dropped \"static\"");
  } else {
    unsigned notes = hdx_time_read(text, true, time, &digits, &at);
    check_time(findings, value, text, notes, at);
    if (notes >= HDX_TIME_OFFSET)
      *time = HDX_TIME_NONE;
  }
  hdx_findings_leave(findings, before);
  return *time != HDX_TIME_NONE;
}
