#include "catalog/rules_entry.h"

#include "base/time.h"
#include "base/url.h"
#include "catalog/dataset.h"

enum { FAR_PAST_YEAR = 1900, FAR_FUTURE_YEARS = 10, VERSION_WITHOUT_STATIC = 1000, SHOWN_MAX = 60 };

enum {
  ID,
  INDEX,
  TITLE,
  START,
  STOP,
  MODIFICATION,
  INDEXTYPE,
  FILETYPE,
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
  MEMBER_COUNT
};

static const struct hdx_known_member members[] = {
    HDX_MEMBER("id", ID, REQUIRED),
    HDX_MEMBER("index", INDEX, REQUIRED),
    HDX_MEMBER_OLD("loc", "index", INDEX),
    HDX_MEMBER("title", TITLE, REQUIRED),
    HDX_MEMBER("start", START, REQUIRED),
    HDX_MEMBER_OLD("startdate", "start", START),
    HDX_MEMBER_OLD("start_date", "start", START),
    HDX_MEMBER("stop", STOP, REQUIRED),
    HDX_MEMBER_OLD("stopdate", "stop", STOP),
    HDX_MEMBER_OLD("stop_date", "stop", STOP),
    HDX_MEMBER_OLD("enddate", "stop", STOP),
    HDX_MEMBER_OLD("end_date", "stop", STOP),
    HDX_MEMBER("modification", MODIFICATION, USUAL),
    HDX_MEMBER_OLD("modificationdate", "modification", MODIFICATION),
    HDX_MEMBER("indextype", INDEXTYPE, OPTIONAL),
    HDX_MEMBER_OLD("ndxformat", "indextype", INDEXTYPE),
    HDX_MEMBER("filetype", FILETYPE, OPTIONAL),
    HDX_MEMBER("description", DESCRIPTION, ALLOWED),
    HDX_MEMBER("resource", RESOURCE, ALLOWED),
    HDX_MEMBER("creation", CREATION, ALLOWED),
    HDX_MEMBER("expiration", EXPIRATION, ALLOWED),
    HDX_MEMBER("verified", VERIFIED, ALLOWED),
    HDX_MEMBER("citation", CITATION, ALLOWED),
    HDX_MEMBER("contact", CONTACT, ALLOWED),
    HDX_MEMBER("about", ABOUT, ALLOWED),
    HDX_MEMBER("collections", COLLECTIONS, ALLOWED),
    HDX_MEMBER("tags", TAGS, ALLOWED),
    HDX_MEMBER("multiyear", MULTIYEAR, ALLOWED),
};

/* ---- words ---- */

static const char *word_among(struct hdx_text word, const char *const *words) {
  for (; *words; words++)
    if (hdx_text_equal_nocase(word, hdx_text_of(*words)))
      return *words;
  return NULL;
}

void hdx_entry_words(struct hdx_findings *findings, enum hdx_rule_id rule, const struct hdx_json_value *value,
                     struct hdx_text text, const char *const *words) {
  while (text.size) {
    const char *comma = memchr(text.data, ',', text.size);
    size_t size = comma ? (size_t)(comma - text.data) : text.size;
    struct hdx_text word = hdx_text_trim(hdx_text_sub(text, 0, size));
    const char *known = word_among(word, words);
    int shown = word.size < SHOWN_MAX ? (int)word.size : SHOWN_MAX;
    if (!known)
      hdx_findings_json(findings, rule, value, "'%.*s' is no word of the specification", shown, word.data);
    else if (!hdx_text_is(word, known))
      hdx_findings_json(findings, HDX_RULE_WORD_CASE, value, "expected '%s', found '%.*s'", known, shown, word.data);
    text = hdx_text_sub(text, size + (comma != NULL), text.size);
  }
}

static void check_filetype(struct hdx_findings *findings, const struct hdx_json_value *value) {
  static const char *const words[] = {"fits",    "csv", "cdf",    "netcdf3", "netcdf4", "hdf5",
                                      "datamap", "txt", "binary", "other",   NULL};
  struct hdx_text text;
  if (!hdx_members_text(findings, value, false, &text))
    return;
  size_t before = hdx_members_enter(findings, value);
  hdx_entry_words(findings, HDX_RULE_FILETYPE, value, text, words);
  hdx_findings_leave(findings, before);
}

static void check_indextype(struct hdx_findings *findings, const struct hdx_json_value *value) {
  static const char *const words[] = {"csv", "csv-zip", "parquet", NULL};
  struct hdx_text text;
  if (!hdx_members_text(findings, value, false, &text))
    return;
  size_t before = hdx_members_enter(findings, value);
  const char *known = word_among(text, words);
  if (!known)
    hdx_findings_json(findings, HDX_RULE_INDEXTYPE, value, "expected csv, csv-zip or parquet");
  else if (!hdx_text_is(text, known))
    hdx_findings_json(findings, HDX_RULE_WORD_CASE, value, "expected '%s'", known);
  if (known == words[2])
    hdx_findings_json(findings, HDX_RULE_INDEXTYPE_PARQUET, value, "index files in parquet are not looked at");
  hdx_findings_leave(findings, before);
}

/* ---- id and index ---- */

const struct hdx_json_value *hdx_entry_id(const struct hdx_json *json, const struct hdx_json_value *entry) {
  const struct hdx_json_value *similar = NULL;
  for (const struct hdx_json_value *v = hdx_json_first(json, entry); v; v = hdx_json_next(json, entry, v)) {
    if (v->type == HDX_JSON_NULL || !hdx_text_equal_nocase(v->name, HDX_TEXT("id")))
      continue;
    if (hdx_text_is(v->name, "id"))
      return v;
    similar = similar ? similar : v;
  }
  return similar;
}

struct hdx_text hdx_entry_id_text(const struct hdx_json_value *id) {
  bool text = id && (id->type == HDX_JSON_STRING || id->type == HDX_JSON_NUMBER);
  return text ? hdx_text_trim(id->text) : HDX_TEXT("");
}

static void check_id(struct hdx_findings *findings, const struct hdx_json_value *value) {
  struct hdx_text text;
  if (!hdx_members_text(findings, value, true, &text))
    return;
  size_t before = hdx_members_enter(findings, value);
  findings->id = text;
  if (!hdx_dataset_id(text) || (value->type == HDX_JSON_STRING && text.size != value->text.size))
    hdx_findings_json(findings, HDX_RULE_DATASET_ID, value,
                      "expected 1 to 200 letters, digits, dashes and underscores");
  hdx_findings_leave(findings, before);
}

static void check_location(struct hdx_findings *findings, const struct hdx_json_value *value, struct hdx_text text,
                           const struct hdx_entry_context *context) {
  struct hdx_error reason = {.message = ""};
  struct hdx_url url;
  if (hdx_url_parse(text, &url, &reason) != HDX_OK) {
    hdx_findings_json(findings, HDX_RULE_INDEX_URL, value, "expected s3://BUCKET/FOLDER/ or an http(s):// URL: %s",
                      reason.message);
    return;
  }
  bool s3 = url.scheme == HDX_SCHEME_S3, web = url.scheme == HDX_SCHEME_HTTP || url.scheme == HDX_SCHEME_HTTPS;
  if (url.scheme == HDX_SCHEME_FILE || (web && hdx_url_link_local(url.host)))
    hdx_findings_json(findings, HDX_RULE_INDEX_LOCAL, value, "expected an address that readers elsewhere can reach");
  if (memchr(text.data, '?', text.size) || memchr(text.data, '#', text.size))
    hdx_findings_json(findings, HDX_RULE_INDEX_QUERY, value, "expected a folder without ? and #");
  else if (text.data[text.size - 1] != '/')
    hdx_findings_json(findings, HDX_RULE_INDEX_SLASH, value, "expected a slash at the end");
  if (s3 && context->bucket.size && !hdx_text_equal(url.host, context->bucket))
    hdx_findings_json(findings, HDX_RULE_INDEX_ELSEWHERE, value, "the catalog's endpoint is the bucket %.*s",
                      HDX_TEXT_ARG(context->bucket));
}

static void check_index(struct hdx_findings *findings, const struct hdx_json_value *value,
                        const struct hdx_entry_context *context) {
  struct hdx_text text;
  if (!hdx_members_text(findings, value, true, &text))
    return;
  size_t before = hdx_members_enter(findings, value);
  check_location(findings, value, text, context);
  hdx_findings_leave(findings, before);
}

/* ---- range ---- */

static void check_range(struct hdx_findings *findings, const struct hdx_json_value *const *found,
                        const struct hdx_entry_context *context) {
  int statics = context->version < VERSION_WITHOUT_STATIC;
  int64_t start, stop;
  hdx_members_time(findings, found[START], statics, &start);
  hdx_members_time(findings, found[STOP], statics, &stop);
  bool both = start != HDX_TIME_NONE && stop != HDX_TIME_NONE;
  if (start != HDX_TIME_NONE) {
    size_t before = hdx_members_enter(findings, found[START]);
    if (both && start > stop)
      hdx_findings_json(findings, HDX_RULE_RANGE_ORDER, found[START], "the stop is before it: '%.*s'",
                        found[STOP]->text.size < SHOWN_MAX ? (int)found[STOP]->text.size : SHOWN_MAX,
                        found[STOP]->text.data);
    if (hdx_time_year(start) < FAR_PAST_YEAR || start > context->now)
      hdx_findings_json(findings, HDX_RULE_RANGE_FAR, found[START], "the dataset starts %s",
                        start > context->now ? "in the future" : "before 1900");
    hdx_findings_leave(findings, before);
  }
  if (stop != HDX_TIME_NONE && hdx_time_year(stop) >= hdx_time_year(context->now) + FAR_FUTURE_YEARS) {
    size_t before = hdx_members_enter(findings, found[STOP]);
    hdx_findings_json(findings, HDX_RULE_RANGE_FAR, found[STOP], "the dataset stops in ten years or later");
    hdx_findings_leave(findings, before);
  }
}

/* ---- others ---- */

static void check_multiyear(struct hdx_findings *findings, const struct hdx_json_value *value) {
  if (!value || value->type == HDX_JSON_TRUE || value->type == HDX_JSON_FALSE)
    return;
  size_t before = hdx_members_enter(findings, value);
  hdx_findings_json(findings, HDX_RULE_MULTIYEAR, value, "expected true or false, found %s", hdx_members_type(value));
  hdx_findings_leave(findings, before);
}

static void check_list(struct hdx_findings *findings, const struct hdx_json_value *value) {
  const struct hdx_json *json = findings->json;
  size_t i = 0;
  if (!value)
    return;
  size_t before = hdx_members_enter(findings, value);
  if (value->type != HDX_JSON_LIST)
    hdx_findings_json(findings, HDX_RULE_LIST, value, "expected a list of strings, found %s", hdx_members_type(value));
  for (const struct hdx_json_value *v = value->type == HDX_JSON_LIST ? hdx_json_first(json, value) : NULL; v;
       v = hdx_json_next(json, value, v), i++) {
    size_t inner = hdx_findings_enter_element(findings, i);
    if (v->type != HDX_JSON_STRING)
      hdx_findings_json(findings, HDX_RULE_LIST, v, "expected a string, found %s", hdx_members_type(v));
    hdx_findings_leave(findings, inner);
  }
  hdx_findings_leave(findings, before);
}

void hdx_entry_check(struct hdx_findings *findings, const struct hdx_json_value *entry,
                     const struct hdx_entry_context *context) {
  static const unsigned times[] = {MODIFICATION, CREATION, EXPIRATION};
  const struct hdx_json_value *found[MEMBER_COUNT];
  struct hdx_text text;
  int64_t time;
  if (entry->type != HDX_JSON_OBJECT) {
    hdx_findings_json(findings, HDX_RULE_DOCUMENT, entry, "expected an object, found %s", hdx_members_type(entry));
    return;
  }
  /* Of what is found about its members' names, too. */
  findings->id = hdx_entry_id_text(hdx_entry_id(findings->json, entry));
  hdx_members_find(findings, entry, members, sizeof members / sizeof *members, true, found);
  check_id(findings, found[ID]);
  check_index(findings, found[INDEX], context);
  hdx_members_text(findings, found[TITLE], true, &text);
  check_range(findings, found, context);
  for (size_t i = 0; i < sizeof times / sizeof *times; i++)
    hdx_members_time(findings, found[times[i]], -1, &time);
  check_indextype(findings, found[INDEXTYPE]);
  check_filetype(findings, found[FILETYPE]);
  check_multiyear(findings, found[MULTIYEAR]);
  check_list(findings, found[COLLECTIONS]);
  check_list(findings, found[TAGS]);
}

/* ---- what an entry says of its index files ---- */

/* Years without a file between those that have one, as "2003, 2005-2007". */
static void check_gaps(struct hdx_findings *findings, const struct hdx_json_value *entry,
                       const struct hdx_dataset_facts *facts) {
  struct hdx_buffer list;
  size_t missing = 0;
  hdx_buffer_init(&list, 512);
  for (size_t i = 1; i < facts->year_count; i++) {
    int from = facts->years[i - 1] + 1, to = facts->years[i] - 1;
    if (from > to)
      continue;
    missing += (size_t)(to - from) + 1;
    hdx_buffer_append_format(&list, "%s%d", list.size ? ", " : "", from);
    if (from < to)
      hdx_buffer_append_format(&list, "-%d", to);
  }
  if (missing)
    hdx_findings_json(findings, HDX_RULE_YEAR_GAP, entry, "%zu year%s no index file: %s", missing,
                      missing == 1 ? " has" : "s have",
                      list.status == HDX_OK ? hdx_buffer_string(&list) : "too many to be listed");
  hdx_buffer_deinit(&list);
}

static uint64_t apart(int64_t a, int64_t b) {
  return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

/* `real` is what rows have; `bound`: what is declared may lie behind it as well. */
static void check_declared(struct hdx_findings *findings, const struct hdx_json_value *entry, const char *const *names,
                           int64_t declared, int64_t real, bool bound, enum hdx_rule_id rule, const char *what) {
  char text[HDX_TIME_TEXT_MAX];
  const struct hdx_json_value *value = NULL;
  for (; !value && *names; names++)
    value = hdx_json_member(findings->json, entry, *names);
  bool times = declared != HDX_TIME_NONE && real != HDX_TIME_NONE;
  if (!value || !times || apart(declared, real) < HDX_SECOND_NS || (bound && declared > real))
    return; /* a catalog need not have the rows' decimals */
  hdx_time_format(real, real % HDX_SECOND_NS ? real % 1000000 ? 9 : 3 : 0, text);
  size_t before = hdx_members_enter(findings, value);
  hdx_findings_json(findings, rule, value, "the %s at %s", what, text);
  hdx_findings_leave(findings, before);
}

void hdx_rules_dataset(struct hdx_findings *findings, const struct hdx_json_value *entry,
                       const struct hdx_dataset *dataset, const struct hdx_dataset_facts *facts) {
  static const char *const starts[] = {"start", "startdate", "start_date", NULL};
  static const char *const stops[] = {"stop", "stopdate", "stop_date", "enddate", "end_date", NULL};
  findings->id = dataset->id;
  if (!facts->year_count) {
    hdx_findings_json(findings, HDX_RULE_DATASET_EMPTY, entry, "none of its index files exists below %.*s",
                      dataset->index.size < 200 ? (int)dataset->index.size : 200, dataset->index.data);
  } else if (!facts->unread) { /* otherwise it is not known */
    check_gaps(findings, entry, facts);
    check_declared(findings, entry, starts, dataset->start, facts->start, false, HDX_RULE_RANGE_START,
                   "first row starts");
    /* Rows without stops do not tell when the last one's data end. */
    check_declared(findings, entry, stops, dataset->stop, facts->stop, !facts->stops, HDX_RULE_RANGE_STOP,
                   facts->stops ? "last row stops" : "last row starts");
  }
  findings->id = HDX_TEXT("");
}
