/* Catalog documents: every published form of status, keys and types; what is skipped, warned of and refused; finding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "catalog/catalog.h"
#include "catalog/near.h"
#include "catalog/warnings.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define DATASET(id, index)                                                                                             \
  "{\"id\":\"" id "\",\"index\":\"" index "\",\"title\":\"t\",\"start\":\"2010Z\",\"stop\":\"2011Z\"}"
#define CATALOG(list) "{\"status\":{\"code\":1200,\"message\":\"OK\"},\"catalog\":[" list "]}"

static struct hdx_buffer logged;

static void write_log(void *user, enum hdx_log_level level, const char *message) {
  (void)user;
  assert_int_equal(level, HDX_LOG_WARNING);
  hdx_buffer_append_format(&logged, "%s\n", message);
}

static const struct hdx_log log_here = {HDX_LOG_WARNING, write_log, NULL};

static int setup(void **state) {
  (void)state;
  hdx_buffer_init(&logged, 1 << 20);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  hdx_buffer_deinit(&logged);
  return 0;
}

static void open_doc(const char *text, struct hdx_catalog_doc *doc) {
  struct hdx_error error = {.message = ""};
  hdx_buffer_clear(&logged);
  hdx_catalog_doc_parse(hdx_text_of(text), "cat", &log_here, doc, &error);
  assert_string_equal(error.message, "");
}

static void assert_text(struct hdx_text text, const char *expected) {
  assert_non_null(text.data);
  char *copy = hdx_text_dup(text);
  assert_string_equal(copy, expected);
  free(copy);
}

static void test_modern(void **state) {
  (void)state;
  static const char text[] =
      "{\"version\": \"1.1\", \"endpoint\": \"s3://gov-nasa-hdrl-data1/\", \"name\": \"GSFC \\u0041\",\n"
      " \"egress\": \"user-pays,public\", \"status\": {\"code\": 1200, \"message\": \"OK\"}, \"contact\": null,\n"
      " \"catalog\": [\n"
      "  {\"id\": \"aia_0094\", \"index\": \"s3://gov-nasa-hdrl-data1/sdo/aia/registries/\", \"title\": \"AIA "
      "\\\"94\\\"\",\n"
      "   \"start\": \"2010-05-13T00:00:00Z\", \"stop\": \"2022-12-31T23:56:00Z\", \"modification\": \"2023-01-01Z\",\n"
      "   \"indextype\": \"CSV\", \"filetype\": \"fits,CSV\", \"collections\": [\"sdo\", \"aia\"], \"tags\": [],\n"
      "   \"multiyear\": true, \"verified\": true, \"citation\": {\"doi\": 1}, \"weird key\": [1, {\"x\": null}]}\n"
      " ]}";
  struct hdx_catalog_doc doc;
  open_doc(text, &doc);
  assert_string_equal(hdx_buffer_string(&logged), "");
  assert_int_equal(doc.count, 1);
  assert_int_equal(doc.skipped, 0);
  assert_text(doc.endpoint, "s3://gov-nasa-hdrl-data1/");
  assert_text(doc.own_bucket, "gov-nasa-hdrl-data1");
  assert_text(hdx_catalog_doc_member(&doc, "name"), "GSFC A");
  assert_text(hdx_catalog_doc_member(&doc, "version"), "1.1");
  assert_text(hdx_catalog_doc_member(&doc, "status"), "1200 OK");
  assert_text(hdx_catalog_doc_member(&doc, "contact"), "");
  assert_text(hdx_catalog_doc_member(&doc, "absent"), "");
  const struct hdx_dataset *d = &doc.datasets[0];
  assert_text(d->id, "aia_0094");
  assert_text(d->index, "s3://gov-nasa-hdrl-data1/sdo/aia/registries/");
  assert_text(d->title, "AIA \"94\"");
  assert_text(d->start_text, "2010-05-13T00:00:00Z");
  assert_true(d->start == INT64_C(1273708800000000000));
  assert_true(d->stop == INT64_C(1672530960000000000));
  assert_text(d->indextype, "CSV");
  assert_text(d->filetype, "fits,CSV");
  assert_text(d->collections, "[\"sdo\", \"aia\"]");
  assert_text(d->tags, "[]");
  assert_text(d->verified, "true");
  assert_text(d->citation, "{\"doi\": 1}");
  assert_text(d->about, "");
  assert_true(d->multiyear);
  assert_text(hdx_text_sub(d->json, 0, 17), "{\"id\": \"aia_0094\"");
  assert_true(hdx_text_ends_with(d->json, HDX_TEXT("\"weird key\": [1, {\"x\": null}]}")));
  hdx_catalog_doc_deinit(&doc);
}

static void test_legacy(void **state) {
  (void)state;
  static const char text[] =
      "{\"Cloudy\":\"0.2\",\"status\":\"1200/OK\",\"catalog\":[\n"
      "{\"id\":\"a\",\"loc\":\"s3://most/x/\",\"title\":\"\",\"startdate\":\"1980-01-01\",\"enddate\":\"static\","
      "\"ndxformat\":\"csv-zip\",\"multiyear\":\"True\",\"tags\":\"one\",\"filetype\":[\"fits\",\"cdf\"]},\n"
      "{\"ID\":\"b\",\"Index\":\"s3://other/x/\",\"title\":7,\"start\":\"\",\"Stop\":\"1996-01-01T00:00.00Z\"},\n"
      "{\"id\":\"c\",\"loc\":\"s3://wrong/\",\"index\":\"s3://most/y/"
      "\",\"TITLE\":\"T\",\"title\":\"t\",\"title\":\"u\",\"startdate\":\"2000Z\","
      "\"start\":null,\"stop\":\"9999-12-31Z\",\"multiyear\":false}]}";
  struct hdx_catalog_doc doc;
  open_doc(text, &doc);
  assert_string_equal(hdx_buffer_string(&logged), "");
  assert_int_equal(doc.count, 3);
  assert_text(doc.own_bucket, "most");
  assert_text(doc.endpoint, "");
  assert_text(hdx_catalog_doc_member(&doc, "version"), "0.2");
  assert_text(hdx_catalog_doc_member(&doc, "status"), "1200 OK");
  assert_text(doc.datasets[0].index, "s3://most/x/");
  assert_true(doc.datasets[0].start == INT64_C(315532800000000000));
  assert_true(doc.datasets[0].stop == HDX_TIME_NONE);
  assert_text(doc.datasets[0].stop_text, "static");
  assert_text(doc.datasets[0].indextype, "csv-zip");
  assert_text(doc.datasets[0].tags, "[\"one\"]");
  assert_text(doc.datasets[0].filetype, "fits,cdf");
  assert_true(doc.datasets[0].multiyear);
  assert_text(doc.datasets[1].id, "b");
  assert_text(doc.datasets[1].title, "7");
  assert_text(doc.datasets[1].indextype, "csv");
  assert_true(doc.datasets[1].start == HDX_TIME_NONE);
  assert_true(doc.datasets[1].stop == INT64_C(820454400000000000));
  assert_text(doc.datasets[2].title, "t");
  assert_text(doc.datasets[2].index, "s3://most/y/");
  assert_true(doc.datasets[2].start == INT64_C(946684800000000000));
  assert_true(doc.datasets[2].stop == HDX_TIME_MAX);
  assert_false(doc.datasets[2].multiyear);
  hdx_catalog_doc_deinit(&doc);
}

static void test_status(void **state) {
  (void)state;
  static const struct {
    const char *status, *shown, *warning;
  } rows[] = {
      {"1200", "1200", ""},
      {"\"1200\"", "1200", ""},
      {"\"1200/OK\"", "1200 OK", ""},
      {"\"1200 all well\"", "1200 all well", ""},
      {"{\"code\":\"1200\"}", "1200", ""},
      {"{\"code\":1200,\"message\":\"fine\"}", "1200 fine", ""},
      {"{\"code\":1201,\"message\":\"OK - no data\"}", "1201 OK - no data",
       "cat: line 1: expected a status of 1200, found '1201 OK - no data'\n"},
      {"\"OK\"", "OK", "cat: line 1: expected a status of 1200, found 'OK'\n"},
      {"{}", "", "cat: line 1: expected a status of 1200, found ''\n"},
      {"99999999999999999999", "", "cat: line 1: expected a status of 1200, found ''\n"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct hdx_catalog_doc doc;
    char text[200];
    snprintf(text, sizeof text, "{\"catalog\":[],\"status\":%s}", rows[i].status);
    open_doc(text, &doc);
    assert_text(hdx_catalog_doc_member(&doc, "status"), rows[i].shown);
    assert_string_equal(hdx_buffer_string(&logged), rows[i].warning);
    hdx_catalog_doc_deinit(&doc);
  }
}

static void test_refused(void **state) {
  (void)state;
  static const struct {
    const char *text;
    enum hdx_status status;
    const char *message;
  } rows[] = {
      {"{\"status\":{\"code\":1400,\"message\":\"back at noon\"},\"catalog\":[]}", HDX_UNAVAILABLE,
       "cat: the catalog says that it is unavailable (status 1400: back at noon)"},
      {"{\"status\":\"1400/temporarily unavailable\"}", HDX_UNAVAILABLE,
       "cat: the catalog says that it is unavailable (status 1400: temporarily unavailable)"},
      {"{\"status\":1400}", HDX_UNAVAILABLE, "cat: the catalog says that it is unavailable (status 1400)"},
      {"[]", HDX_INTEGRITY, "cat: line 1 column 1: expected an object with a list \"catalog\", found a list"},
      {"\n {}", HDX_INTEGRITY, "cat: line 2 column 2: expected a list \"catalog\", found no such member"},
      {"{\"status\":1200,\n\"catalog\":{}}", HDX_INTEGRITY,
       "cat: line 2 column 11: expected a list \"catalog\", found an object"},
      {"{\"catalog\":[]}", HDX_INTEGRITY, "cat: line 1 column 1: expected a member \"status\", found no such member"},
      {"{\"catalog\":[],\"status\":null}", HDX_INTEGRITY,
       "cat: line 1 column 1: expected a member \"status\", found null"},
      /* the specification's own sample lacks commas */
      {"{\n  \"Cloudy\": \"0.2\",\n  \"endpoint\": \"s3://b/\"\n  \"name\": \"n\"\n}", HDX_INTEGRITY,
       "cat: line 4 column 3: expected a comma or a }, found '\"'"},
      {"", HDX_INTEGRITY, "cat: line 1 column 1: expected a value, found the end of the document"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct hdx_catalog_doc doc;
    struct hdx_error error = {.message = ""};
    assert_int_equal(hdx_catalog_doc_parse(hdx_text_of(rows[i].text), "cat", NULL, &doc, &error), rows[i].status);
    assert_string_equal(error.message, rows[i].message);
    assert_int_equal(hdx_catalog_doc_parse(hdx_text_of(rows[i].text), "cat", NULL, &doc, NULL), rows[i].status);
  }
}

static void test_skipped(void **state) {
  (void)state;
  static const struct {
    const char *entry, *warning;
  } rows[] = {
      {"7", "the dataset is skipped: expected an object, found a number"},
      {"{}", "the dataset is skipped: it has no \"id\""},
      {"{\"id\":\"a\",\"title\":\"t\",\"start\":\"\",\"stop\":\"\"}", "the dataset a is skipped: it has no \"index\""},
      {"{\"id\":\"a\",\"index\":\"s3://b/\",\"start\":\"\",\"stop\":\"\"}",
       "the dataset a is skipped: it has no \"title\""},
      {"{\"id\":\"a\",\"index\":\"s3://b/\",\"title\":\"t\",\"start\":null,\"stop\":\"\"}",
       "the dataset a is skipped: it has no \"start\""},
      {"{\"id\":\"a\",\"index\":\"s3://b/\",\"title\":\"t\",\"start\":\"\"}",
       "the dataset a is skipped: it has no \"stop\""},
      {DATASET("../a", "s3://b/"),
       "the dataset is skipped: its id '../a' is not of letters, digits, dashes and underscores"},
      {DATASET("", "s3://b/"), "the dataset is skipped: its id '' is not of letters, digits, dashes and underscores"},
      {DATASET("a", "x/y/"),
       "a: the dataset is skipped for its index: x/y/: expected a URL that begins with s3://, http://, https:// or "
       "file://"},
      {DATASET("a", "https://u:p@h/"),
       "a: the dataset is skipped for its index: https://…@h/: a URL with a user or password in it is not taken; give "
       "credentials by their options"},
      {DATASET("a", "https://h/?x=/"), "a: the dataset is skipped for its index: the index has a query"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct hdx_catalog_doc doc;
    char text[600], expected[400];
    snprintf(text, sizeof text, "{\"status\":1200,\"catalog\":[\n%s,\n%s]}", rows[i].entry, DATASET("ok", "s3://b/"));
    snprintf(expected, sizeof expected, "cat: line 2: %s\n", rows[i].warning);
    open_doc(text, &doc);
    assert_string_equal(hdx_buffer_string(&logged), expected);
    assert_int_equal(doc.count, 1);
    assert_int_equal(doc.skipped, 1);
    assert_text(doc.datasets[0].id, "ok");
    hdx_catalog_doc_deinit(&doc);
  }
}

static void test_mended(void **state) {
  (void)state;
  struct hdx_catalog_doc doc;
  open_doc("{\"status\":1200,\"catalog\":[" DATASET("a", " s3://b/x ") ",\n" DATASET(
               "a", "file:///d/") ",\n"
                                  "{\"id\":\" c "
                                  "\",\"index\":\"http://h/\",\"title\":\"\",\"start\":\"soon\",\"stop\":\"2010Z+01\","
                                  "\"multiyear\":\"maybe\"}]}",
           &doc);
  assert_string_equal(hdx_buffer_string(&logged), "cat: line 1: a: the index lacks its final slash\n"
                                                  "cat: line 3: c: \"start\" is no time in UTC: 'soon'\n"
                                                  "cat: line 3: c: \"stop\" is no time in UTC: '2010Z+01'\n"
                                                  "cat: line 3: \"multiyear\" is neither true nor false and taken as "
                                                  "false\n"
                                                  "cat: line 2: another dataset before it has the id a, too\n");
  assert_int_equal(doc.count, 3);
  assert_text(doc.datasets[0].index, "s3://b/x/");
  assert_text(doc.datasets[1].index, "file:///d/");
  assert_text(doc.datasets[2].id, "c");
  assert_true(doc.datasets[2].start == HDX_TIME_NONE);
  hdx_catalog_doc_deinit(&doc);
}

static void test_warnings_are_bounded(void **state) {
  (void)state;
  struct hdx_buffer text;
  struct hdx_catalog_doc doc;
  hdx_buffer_init(&text, 1 << 20);
  hdx_buffer_append_text(&text, HDX_TEXT("{\"status\":1200,\"catalog\":[0"));
  for (int i = 1; i < 1000; i++)
    hdx_buffer_append_text(&text, HDX_TEXT(",\n0"));
  hdx_buffer_append_text(&text, HDX_TEXT("]}"));
  open_doc(hdx_buffer_string(&text), &doc);
  size_t lines = 0;
  for (size_t i = 0; i < logged.size; i++)
    lines += logged.data[i] == '\n';
  assert_int_equal(lines, HDX_WARNINGS_MAX + 1);
  assert_true(hdx_text_ends_with(hdx_buffer_text(&logged), HDX_TEXT("\ncat: 980 more warnings\n")));
  assert_int_equal(doc.skipped, 1000);
  hdx_catalog_doc_deinit(&doc);
  hdx_buffer_deinit(&text);
}

static void note_member(void *user, const struct hdx_member *member) {
  hdx_buffer_append_format(user, "%.*s%s%.*s%s;", HDX_TEXT_ARG(member->name), member->text ? "=" : ":",
                           HDX_TEXT_ARG(member->value), member->known ? "" : " (unknown)");
}

/* Each entry gives its own members, in their order, none of them twice or left out. */
static void test_members(void **state) {
  (void)state;
  static const char text[] =
      CATALOG(DATASET("first", "s3://b/i/") ",{\"x\":1,\"id\":\"set\",\"loc\":\"s3://b/i/\",\"title\":\"\\u0041\","
                                            "\"START\":\"2010Z\",\"startdate\":\"2011Z\",\"enddate\":\"2012Z\","
                                            "\"x\":[1, {\"id\":2}],\"tags\":null}");
  struct hdx_catalog_doc doc;
  struct hdx_buffer seen;
  hdx_buffer_init(&seen, 4096);
  open_doc(text, &doc);
  assert_int_equal(doc.count, 2);
  hdx_catalog_doc_members(&doc, &doc.datasets[1], note_member, &seen);
  assert_string_equal(hdx_buffer_string(&seen),
                      "x:1 (unknown);id=set;loc=s3://b/i/;title=A;START=2010Z (unknown);startdate=2011Z;"
                      "enddate=2012Z;x:[1, {\"id\":2}] (unknown);tags:null (unknown);");
  /* A dataset that is not of this catalog has none here. */
  const struct hdx_dataset other = {.json = HDX_TEXT("{}")};
  hdx_buffer_clear(&seen);
  hdx_catalog_doc_members(&doc, &other, note_member, &seen);
  assert_string_equal(hdx_buffer_string(&seen), "");
  hdx_buffer_deinit(&seen);
  hdx_catalog_doc_deinit(&doc);
}

/* Whatever the order of what there is, the nearest come first, and no more than three. */
static void test_nearest_first(void **state) {
  (void)state;
  struct hdx_near near;
  char text[HDX_NEAR_TEXT_MAX];
  hdx_near_init(&near, HDX_TEXT("sdo_aia_0094"));
  hdx_near_add(&near, HDX_TEXT("sdo_aia_0171"));        /* three edits */
  hdx_near_add(&near, HDX_TEXT("x/sdo_aia_0094/rest")); /* which contains it */
  hdx_near_add(&near, HDX_TEXT("sdo_aia_0095"));        /* one */
  hdx_near_add(&near, HDX_TEXT("nothing like it"));
  hdx_near_add(&near, HDX_TEXT("sdo_aia_0011")); /* two */
  hdx_near_add(&near, HDX_TEXT("sdo_aia_0335")); /* three: too late */
  hdx_near_add(&near, HDX_TEXT("sdo_aia_0095"));
  assert_string_equal(hdx_near_text(&near, text), "; did you mean sdo_aia_0095, sdo_aia_0011 or sdo_aia_0171?");
}

static void test_modified(void **state) {
  (void)state;
  static const struct {
    const char *member;
    int64_t modified;
  } cases[] = {
      {"\"modification\":\"2021-05-01T00:00:00Z\"", 1619827200000000000},
      {"\"modification\":\" 2021-05-01\"", 1619827200000000000},
      {"\"modificationdate\":\"2021-05-01:00:00:00Z\"", 1619827200000000000},
      {"\"modification\":\"yesterday\"", HDX_TIME_NONE},
      {"\"modification\":\"\"", HDX_TIME_NONE},
      {"\"modification\":null", HDX_TIME_NONE},
      {"\"modification\":[1]", HDX_TIME_NONE},
      {"\"other\":1", HDX_TIME_NONE},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char text[512];
    struct hdx_catalog_doc doc;
    snprintf(text, sizeof text,
             CATALOG("{\"id\":\"a\",\"index\":\"s3://b/\",\"title\":\"t\",\"start\":\"2010Z\",\"stop\":\"2011Z\",%s}"),
             cases[i].member);
    open_doc(text, &doc);
    assert_int_equal(doc.count, 1);
    assert_true(doc.datasets[0].modified == cases[i].modified);
    hdx_catalog_doc_deinit(&doc);
  }
}

static void test_own_bucket(void **state) {
  (void)state;
  static const struct {
    const char *endpoint, *own;
  } rows[] = {
      {"\"s3://Named/p/\"", "Named"},
      {"\"named-bucket\"", "named-bucket"},
      {"\"https://h/\"", "two"},
      {"\"\"", "two"},
      {"null", "two"},
      {"7", "two"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct hdx_catalog_doc doc;
    char text[800];
    snprintf(text, sizeof text, "{\"status\":1200,\"endpoint\":%s,\"catalog\":[%s,%s,%s,%s]}", rows[i].endpoint,
             DATASET("a", "s3://one/"), DATASET("b", "s3://two/x/"), DATASET("c", "http://h/"),
             DATASET("d", "s3://two/y/"));
    open_doc(text, &doc);
    assert_text(doc.own_bucket, rows[i].own);
    hdx_catalog_doc_deinit(&doc);
  }
  struct hdx_catalog_doc doc;
  open_doc(CATALOG(DATASET("a", "s3://two/") "," DATASET("b", "s3://one/")), &doc);
  assert_text(doc.own_bucket, "one");
  hdx_catalog_doc_deinit(&doc);
  open_doc(CATALOG(""), &doc);
  assert_text(doc.own_bucket, "");
  hdx_catalog_doc_deinit(&doc);
}

static void test_find(void **state) {
  (void)state;
  static const char text[] = CATALOG(
      DATASET("aia_0094", "s3://b/") "," DATASET("aia_0131", "s3://b/") "," DATASET("AIA_0131", "s3://b/") "," DATASET(
          "ac_h2_cris",
          "s3://b/") "," DATASET("twice", "s3://b/") "," DATASET("twice",
                                                                 "s3://c/") "," DATASET("MMS1_FEEPS_BRST_L2_ELECTRON",
                                                                                        "s3://b/"));
  static const struct {
    const char *id;
    enum hdx_status status;
    const char *result;
  } rows[] = {
      {"aia_0094", HDX_OK, "aia_0094"},
      {"AIA_0094", HDX_OK, "aia_0094"},
      {"aia_0131", HDX_OK, "aia_0131"},
      {"AIA_0131", HDX_OK, "AIA_0131"},
      {"mms1_feeps_brst_l2_electron", HDX_OK, "MMS1_FEEPS_BRST_L2_ELECTRON"},
      {"Aia_0131", HDX_INTEGRITY, "Aia_0131: the catalog has 2 datasets that differ from it in letter case"},
      {"twice", HDX_INTEGRITY, "twice: the catalog has 2 datasets of that id"},
      {"TWICE", HDX_INTEGRITY, "TWICE: the catalog has 2 datasets that differ from it in letter case"},
      {"aia_0049", HDX_NOT_FOUND, "aia_0049: the catalog has no such dataset; did you mean aia_0094?"},
      {"aia_0", HDX_NOT_FOUND, "aia_0: the catalog has no such dataset; did you mean aia_0094, aia_0131 or AIA_0131?"},
      {"aia_013", HDX_NOT_FOUND, "aia_013: the catalog has no such dataset; did you mean aia_0131 or AIA_0131?"},
      {"cris", HDX_NOT_FOUND, "cris: the catalog has no such dataset; did you mean ac_h2_cris?"},
      {"twicce", HDX_NOT_FOUND, "twicce: the catalog has no such dataset; did you mean twice?"},
      {"feeps_brst", HDX_NOT_FOUND,
       "feeps_brst: the catalog has no such dataset; did you mean MMS1_FEEPS_BRST_L2_ELECTRON?"},
      {"zzz", HDX_NOT_FOUND, "zzz: the catalog has no such dataset"},
      {"", HDX_NOT_FOUND, ": the catalog has no such dataset"},
  };
  struct hdx_catalog_doc doc;
  open_doc(text, &doc);
  for (size_t i = 0; i < COUNT(rows); i++) {
    const struct hdx_dataset *found = NULL;
    struct hdx_error error = {.message = ""};
    assert_int_equal(hdx_catalog_doc_find(&doc, hdx_text_of(rows[i].id), &found, &error), rows[i].status);
    if (rows[i].status == HDX_OK)
      assert_text(found->id, rows[i].result);
    else
      assert_string_equal(error.message, rows[i].result);
  }
  hdx_catalog_doc_deinit(&doc);
}

static void test_truncations_and_flips(void **state) {
  (void)state;
  static const char whole[] = "\xef\xbb\xbf" CATALOG(DATASET("a", "s3://b/x") "," DATASET("b", "http://h/"));
  size_t size = sizeof whole - 1;
  struct hdx_catalog_doc doc;
  for (size_t cut = 0; cut < size; cut++) {
    struct hdx_error error = {.message = ""};
    char *copy = malloc(cut + 1);
    memcpy(copy, whole, cut);
    assert_int_equal(hdx_catalog_doc_parse((struct hdx_text){copy, cut}, "cat", NULL, &doc, &error), HDX_INTEGRITY);
    assert_non_null(strstr(error.message, "cat: line 1 column "));
    free(copy);
  }
  for (size_t at = 0; at < size; at++)
    for (int bit = 0; bit < 8; bit++) {
      char copy[sizeof whole];
      memcpy(copy, whole, sizeof whole);
      copy[at] = (char)(copy[at] ^ 1 << bit);
      struct hdx_error error = {.message = ""};
      if (hdx_catalog_doc_parse((struct hdx_text){copy, size}, "cat", NULL, &doc, &error) == HDX_OK) {
        assert_true(doc.count + doc.skipped == 2 || doc.count + doc.skipped == 1);
        hdx_catalog_doc_deinit(&doc);
      } else {
        assert_non_null(strstr(error.message, "cat: "));
      }
    }
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_modern),
      cmocka_unit_test(test_legacy),
      cmocka_unit_test(test_status),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_skipped),
      cmocka_unit_test(test_mended),
      cmocka_unit_test(test_members),
      cmocka_unit_test(test_warnings_are_bounded),
      cmocka_unit_test(test_nearest_first),
      cmocka_unit_test(test_modified),
      cmocka_unit_test(test_warnings_are_bounded),
      cmocka_unit_test(test_own_bucket),
      cmocka_unit_test(test_warnings_are_bounded),
      cmocka_unit_test(test_find),
      cmocka_unit_test(test_truncations_and_flips),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
