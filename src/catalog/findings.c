/* The table of rules, and what collects findings: each with its place, no more of a rule than were asked for. */
#include "catalog/rules.h"

#include "base/error.h"
#include "parse/json_fault.h"

#include <stdarg.h>
#include <stdio.h>

static const struct hdx_rule rules[HDX_RULE_COUNT] = {
#define X(id, name, severity, text) {name, HDX_SEVERITY_##severity, text},
    HDX_RULE_MAP(X)
#undef X
};

size_t hdx_rule_count(void) {
  return HDX_RULE_COUNT;
}

const struct hdx_rule *hdx_rule_at(size_t i) {
  return &rules[i];
}

const char *hdx_severity_name(enum hdx_severity severity) {
  static const char *const names[] = {"note", "warning", "error"};
  return (size_t)severity < sizeof names / sizeof *names ? names[severity] : "unknown";
}

void hdx_findings_init(struct hdx_findings *findings, const char *document, uint64_t max,
                       bool (*take)(void *user, const struct hdx_finding *finding), void *user) {
  *findings = (struct hdx_findings){.document = document,
                                    .id = HDX_TEXT(""),
                                    .max = max,
                                    .take = take,
                                    .user = user,
                                    .path = "$",
                                    .path_size = 1,
                                    .spot = {.line = 1}};
}

/* ---- paths ---- */

static bool is_plain(struct hdx_text name) {
  for (size_t i = 0; i < name.size; i++) {
    char c = name.data[i], lower = (char)(c | 0x20);
    if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9' && i) && c != '_')
      return false;
  }
  return name.size > 0;
}

/* A path that does not fit stays as it is: the place tells the rest. */
static size_t append_path(struct hdx_findings *findings, int size, const char *part) {
  size_t before = findings->path_size, room = sizeof findings->path - before;
  if (size >= 0 && (size_t)size < room) {
    memcpy(findings->path + before, part, (size_t)size + 1);
    findings->path_size += (size_t)size;
  }
  return before;
}

size_t hdx_findings_enter(struct hdx_findings *findings, struct hdx_text name) {
  char part[HDX_FINDING_PATH_MAX];
  size_t size = 0;
  if (is_plain(name)) {
    int shown = name.size < HDX_FINDING_PATH_MAX ? (int)name.size : HDX_FINDING_PATH_MAX;
    return append_path(findings, snprintf(part, sizeof part, ".%.*s", shown, name.data), part);
  }
  /* In brackets, escaped as in the document: no name can look like another path. */
  size += (size_t)snprintf(part, sizeof part, "[\"");
  for (size_t i = 0; i < name.size && size < sizeof part; i++) {
    unsigned char c = (unsigned char)name.data[i];
    bool control = c < 0x20 || c == 0x7f, quoted = c == '"' || c == '\\';
    if (control)
      size += (size_t)snprintf(part + size, sizeof part - size, "\\u%04x", c);
    else
      size += (size_t)snprintf(part + size, sizeof part - size, "%s%c", quoted ? "\\" : "", c);
  }
  if (size < sizeof part)
    size += (size_t)snprintf(part + size, sizeof part - size, "\"]");
  return append_path(findings, (int)size, part);
}

size_t hdx_findings_enter_element(struct hdx_findings *findings, size_t i) {
  char part[32];
  int size = snprintf(part, sizeof part, "[%zu]", i);
  return append_path(findings, size, part);
}

void hdx_findings_leave(struct hdx_findings *findings, size_t size) {
  findings->path_size = size;
  findings->path[size] = 0;
}

/* ---- places ---- */

/* Moves to a byte of the document, forwards or backwards, counting the lines between. */
static void go_to(struct hdx_findings *findings, size_t to) {
  const char *text = findings->json->text.data, *newline;
  size_t at = findings->spot.at;
  while (at < to && (newline = memchr(text + at, '\n', to - at)) != NULL) {
    at = (size_t)(newline - text) + 1;
    findings->spot.line++;
    findings->spot.line_begin = at;
  }
  while (findings->spot.line_begin > to) {
    findings->spot.line--;
    newline = findings->spot.line_begin > 1 ? memrchr(text, '\n', findings->spot.line_begin - 1) : NULL;
    findings->spot.line_begin = newline ? (size_t)(newline - text) + 1 : 0;
  }
  findings->spot.at = to;
}

struct hdx_spot hdx_findings_spot(struct hdx_findings *findings, const struct hdx_json_value *value) {
  go_to(findings, (size_t)(value->raw.data - findings->json->text.data));
  return findings->spot;
}

static struct hdx_text cut(struct hdx_text value) {
  if (value.size <= HDX_FINDING_VALUE_MAX)
    return value;
  value.size = HDX_FINDING_VALUE_MAX;
  while (value.size && ((unsigned char)value.data[value.size] & 0xc0) == 0x80) /* within a character of UTF-8 */
    value.size--;
  return value;
}

/* ---- findings ---- */

static bool wanted(struct hdx_findings *findings, enum hdx_rule_id rule) {
  findings->found[rule]++;
  return findings->take && (!findings->max || findings->told[rule] < findings->max);
}

__attribute__((format(printf, 4, 0))) static void tell(struct hdx_findings *findings, enum hdx_rule_id rule,
                                                       struct hdx_finding *finding, const char *format, va_list args) {
  char message[HDX_ERROR_TEXT_MAX];
  vsnprintf(message, sizeof message, format, args);
  finding->severity = rules[rule].severity;
  finding->rule = rules[rule].name;
  finding->document = findings->document;
  finding->id = findings->id;
  finding->value = cut(finding->value);
  finding->message = message;
  finding->count = 1;
  findings->told[rule] += findings->take(findings->user, finding);
}

void hdx_findings_json(struct hdx_findings *findings, enum hdx_rule_id rule, const struct hdx_json_value *value,
                       const char *format, ...) {
  va_list args;
  if (!wanted(findings, rule))
    return;
  struct hdx_spot spot = hdx_findings_spot(findings, value);
  struct hdx_finding finding = {.path = findings->path,
                                .line = spot.line,
                                .column = spot.at - spot.line_begin + 1,
                                .value = value->type < HDX_JSON_LIST ? value->text : HDX_TEXT("")};
  va_start(args, format);
  tell(findings, rule, &finding, format, args);
  va_end(args);
}

void hdx_findings_line(struct hdx_findings *findings, enum hdx_rule_id rule, uint64_t line, uint64_t column,
                       struct hdx_text value, const char *format, ...) {
  va_list args;
  if (!wanted(findings, rule))
    return;
  struct hdx_finding finding = {.path = "", .line = line, .column = column, .value = value};
  va_start(args, format);
  tell(findings, rule, &finding, format, args);
  va_end(args);
}

void hdx_findings_end(struct hdx_findings *findings) {
  char message[80];
  for (size_t i = 0; i < HDX_RULE_COUNT && findings->take; i++) {
    uint64_t rest = findings->found[i] - findings->told[i];
    if (!rest)
      continue;
    snprintf(message, sizeof message, "%llu more findings of this rule in this document", (unsigned long long)rest);
    const struct hdx_finding finding = {.severity = rules[i].severity,
                                        .rule = rules[i].name,
                                        .document = findings->document,
                                        .path = "",
                                        .id = findings->json ? HDX_TEXT("") : findings->id,
                                        .value = HDX_TEXT(""),
                                        .message = message,
                                        .count = rest};
    findings->take(findings->user, &finding);
  }
}

/* ---- documents of JSON ---- */

enum hdx_status hdx_rules_json(struct hdx_findings *findings, struct hdx_text text, struct hdx_json *json,
                               struct hdx_error *error) {
  struct hdx_error reason = {.message = ""};
  struct hdx_json_fault fault;
  enum hdx_status status = hdx_json_parse(text, findings->document, json, &reason);
  if (status == HDX_OK) {
    findings->json = json;
    return HDX_OK;
  }
  if (status != HDX_INTEGRITY)
    return hdx_error_set(error, status, "%s", reason.message);
  if (hdx_text_starts_with(text, HDX_TEXT("\xef\xbb\xbf")))
    text = hdx_text_sub(text, 3, text.size);
  if (!hdx_json_find_fault(text, &fault)) {
    hdx_findings_line(findings, HDX_RULE_JSON, 0, 0, HDX_TEXT(""), "%s", reason.message);
    return status;
  }
  const struct hdx_json refused = {.text = text};
  findings->json = &refused;
  go_to(findings, fault.at < text.size ? fault.at : text.size);
  findings->json = NULL;
  struct hdx_text rest = hdx_text_sub(text, findings->spot.at, text.size);
  rest.size = rest.size < 20 ? rest.size : 20;
  hdx_findings_line(findings, HDX_RULE_JSON, findings->spot.line, findings->spot.at - findings->spot.line_begin + 1,
                    rest, "expected %s%s", fault.expected, rest.size ? "" : ", found the end of the document");
  return status;
}
