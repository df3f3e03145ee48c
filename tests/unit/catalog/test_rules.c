/* Rules: each document with exactly what is to be found in it, as "rule path line:column value". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/time.h"
#include "catalog/catalog.h"
#include "catalog/rules.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOW_YEAR 2026

static struct hdx_buffer told;
static uint64_t told_count;

static bool take(void *user, const struct hdx_finding *finding) {
  (void)user;
  told_count += finding->count;
  hdx_buffer_append_format(&told, "%s %s %llu:%llu %.*s\n", finding->rule, finding->path,
                           (unsigned long long)finding->line, (unsigned long long)finding->column,
                           (int)finding->value.size, finding->value.data);
  return true;
}

static int setup(void **state) {
  (void)state;
  hdx_buffer_init(&told, 64 << 20);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  hdx_buffer_deinit(&told);
  return 0;
}

/* What is found in a document is left in `told`. */
static void check(const char *text, uint64_t max) {
  struct hdx_findings findings;
  struct hdx_json json;
  struct hdx_error error = {.message = ""};
  size_t count;
  hdx_buffer_clear(&told);
  told_count = 0;
  hdx_findings_init(&findings, "doc", max, take, NULL);
  enum hdx_status status = hdx_rules_json(&findings, hdx_text_of(text), &json, &error);
  if (status == HDX_OK) {
    if (hdx_rules_is_registry(&json))
      status = hdx_rules_registry(&findings, &count, &error);
    else
      status = hdx_rules_catalog(&findings, hdx_time_of_year(NOW_YEAR), &count, &error);
    assert_int_equal(status, HDX_OK);
    hdx_findings_end(&findings);
    hdx_json_deinit(&json);
  }
  assert_string_equal(error.message, "");
}

static void assert_found(const char *text, const char *expected) {
  check(text, 0);
  if (strcmp(hdx_buffer_string(&told), expected) != 0)
    fail_msg("%s\nfound:\n%sexpected:\n%s", text, hdx_buffer_string(&told), expected);
}

/* ---- registries ---- */

#define REGISTRY(list) "{\"version\":\"1.0\",\"modificationDate\":\"2024-01-01Z\",\"registry\":[" list "]}"
#define BUCKET(members) "{\"endpoint\":\"s3://one/\",\"name\":\"One\",\"region\":\"us-east-1\"" members "}"

static void test_registry(void **state) {
  (void)state;
  static const struct {
    const char *text, *expected;
  } cases[] = {
      {REGISTRY(BUCKET("")), ""},
      {REGISTRY(BUCKET(",\"provider\":\"gcs\",\"more\":[1]")), ""},
      {"{\"CloudCatalog\":\"0.5\",\"modification\":\"2024-01-01Z\",\"registry\":[]}", ""},
      {"{\"Cloudy\":\"0.2\",\"registry\":[]}", "member-legacy $.Cloudy 1:11 0.2\n"
                                               "member-usual $.modificationDate 1:1 \n"},
      {"{\"version\":\"1\",\"modification\":\"yesterday\",\"registry\":{}}", "time $.modification 1:31 yesterday\n"
                                                                             "document $ 1:54 \n"},
      /* Readers look for these names alone. */
      {REGISTRY("\n{\"Endpoint\":\"s3://one/\",\"name\":\"n\",\"region\":\"us-east-1\"}"),
       "member-case $.registry[0].Endpoint 2:13 s3://one/\n"
       "member-required $.registry[0].endpoint 2:1 \n"},
      {REGISTRY("\n3"), "document $.registry[0] 2:1 3\n"},
      {REGISTRY("\n{\"endpoint\":\"\",\"name\":null}"), "member-required $.registry[0].name 2:1 \n"
                                                        "member-required $.registry[0].region 2:1 \n"
                                                        "member-required $.registry[0].endpoint 2:13 \n"},
      {REGISTRY("\n{\"endpoint\":\"one\",\"name\":\"n\",\"region\":\"US East\"}"),
       "registry-endpoint $.registry[0].endpoint 2:13 one\n"
       "registry-region $.registry[0].region 2:39 US East\n"},
      {REGISTRY("\n{\"endpoint\":\"s3://one\",\"name\":\"n\",\"region\":\"us-west-2\",\"provider\":\"acme\"}"),
       "registry-slash $.registry[0].endpoint 2:13 s3://one\n"
       "registry-provider $.registry[0].provider 2:67 acme\n"},
      {REGISTRY(BUCKET("") ",\n" BUCKET("")), "registry-twice $.registry[1].endpoint 2:13 s3://one/\n"
                                              "registry-name $.registry[1].name 2:32 One\n"},
      {REGISTRY("\n{\"endpoint\":[\"s3://a/\"],\"name\":true,\"region\":7}"),
       "member-type $.registry[0].endpoint 2:13 \n"
       "member-required $.registry[0].endpoint 2:13 \n"
       "member-type $.registry[0].name 2:32 true\n"
       "member-required $.registry[0].name 2:32 true\n"
       "member-type $.registry[0].region 2:46 7\n"
       "registry-region $.registry[0].region 2:46 7\n"},
      {REGISTRY("{\"endpoint\":\"file:///x/\",\"name\":\"n\",\"region\":\"us-west-2\"}"),
       "registry-endpoint $.registry[0].endpoint 1:75 file:///x/\n"},
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    assert_found(cases[i].text, cases[i].expected);
}

/* What is to be a registry may be anything. */
static void test_no_registry(void **state) {
  (void)state;
  struct hdx_findings findings;
  struct hdx_json json;
  size_t count = 7;
  hdx_buffer_clear(&told);
  hdx_findings_init(&findings, "doc", 0, take, NULL);
  assert_int_equal(hdx_rules_json(&findings, HDX_TEXT("\n[1]"), &json, NULL), HDX_OK);
  assert_int_equal(hdx_rules_registry(&findings, &count, NULL), HDX_OK);
  assert_string_equal(hdx_buffer_string(&told), "document $ 2:1 \n");
  assert_int_equal(count, 0);
  hdx_json_deinit(&json);
}

/* ---- catalogs ---- */

#define TOP                                                                                                            \
  "\"endpoint\":\"s3://b/\",\"name\":\"B\",\"egress\":\"free,public\",\"contact\":\"x\",\"description\":\"y\","
#define CATALOG(list)                                                                                                  \
  "{\"version\":\"1.1\"," TOP "\"status\":{\"code\":1200,\"message\":\"OK\"},\"catalog\":[\n" list "\n]}"
#define ENTRY(id, rest)                                                                                                \
  "{\"id\":\"" id "\",\"index\":\"s3://b/i/\",\"title\":\"t\",\"start\":\"2010-01-01Z\",\"stop\":\"2011Z\","           \
  "\"modification\":\"2012-01-01T00:00:00Z\",\"indextype\":\"csv\",\"filetype\":\"fits,cdf\"" rest "}"
/* An entry without index, start and stop, which follow in `rest`. */
#define PLACED(rest)                                                                                                   \
  "{\"id\":\"a\",\"title\":\"t\",\"modification\":\"2012Z\",\"indextype\":\"csv\",\"filetype\":\"fits\"" rest "}"
#define INDEXED(index) CATALOG(PLACED(",\"start\":\"2010Z\",\"stop\":\"2011Z\",\n\"index\":\"" index "\""))
#define RANGED(start, stop)                                                                                            \
  CATALOG(PLACED(",\"index\":\"s3://b/i/\",\n\"start\":\"" start "\",\n\"stop\":\"" stop "\""))

static void test_top_level(void **state) {
  (void)state;
  static const struct {
    const char *text, *expected;
  } cases[] = {
      {CATALOG(ENTRY("a", "")), ""},
      {"\xef\xbb\xbf" CATALOG(ENTRY("a", "")), ""},
      {"[1]", "document $ 1:1 \n"},
      {"{\"catalog\":[,]}", "json  1:13 ,]}\n"},
      {"{\n \"catalog\":[\n", "json  3:1 \n"},
      {"{}", "member-usual $.version 1:1 \n"
             "member-usual $.endpoint 1:1 \n"
             "member-usual $.name 1:1 \n"
             "member-required $.status 1:1 \n"
             "member-optional $.egress 1:1 \n"
             "member-optional $.contact 1:1 \n"
             "member-optional $.description 1:1 \n"
             "document $ 1:1 \n"},
      {"{\"version\":\"1.1\"," TOP "\"Status\":{\"code\":1200},\n\"Catalog\":[]}", "member-case $.Status 1:114 \n"
                                                                                   "member-case $.Catalog 2:11 \n"
                                                                                   "member-required $.status 1:1 \n"
                                                                                   "document $ 1:1 \n"},
      /* Readers take the first, which is none. */
      {"{\"version\":\"1.1\"," TOP "\"status\":{\"code\":1200},\"catalog\":null,\n\"catalog\":[]}",
       "member-twice $.catalog 2:11 \n"
       "document $ 1:1 \n"},
      {"{\"Cloudy\":\"0.4\"," TOP "\n\"status\":\"1200/OK\",\"catalog\":[]}", "member-legacy $.Cloudy 1:11 0.4\n"
                                                                              "status-form $.status 2:10 1200/OK\n"},
      {"{\"version\":1.1," TOP "\n\"status\":{\"code\":\"1400\",\"message\":\"\"},\"catalog\":[]}",
       "member-type $.version 1:12 1.1\n"
       "status-form $.status.code 2:18 1400\n"
       "status-unavailable $.status.code 2:18 1400\n"},
      {"{\"version\":\"new\"," TOP "\n\"status\":{\"code\":1500},\"catalog\":{}}",
       "member-type $.version 1:12 new\n"
       "status-code $.status.code 2:18 1500\n"
       "document $ 2:34 \n"},
      {"{\"version\":\"1\",\"endpoint\":\"b\",\"name\":\"\",\"egress\":\"Free, paid\",\"contact\":\"\","
       "\"description\":\"\",\"status\":{},\"catalog\":[]}",
       "catalog-endpoint $.endpoint 1:27 b\n"
       "member-required $.status.code 1:102 \n"
       "word-case $.egress 1:50 Free, paid\n"
       "egress $.egress 1:50 Free, paid\n"},
      {"{\"version\":\"1.9999\",\"endpoint\":\"file:///x/\",\"name\":\"\",\"egress\":\"free\",\"contact\":\"\","
       "\"description\":\"\",\n\"status\":{\"code\":123456},\"catalog\":[]}",
       "member-type $.version 1:12 1.9999\n"
       "catalog-endpoint $.endpoint 1:32 file:///x/\n"
       "status-code $.status.code 2:18 123456\n"},
      {"{\"version\":\"1.1\",\n\"endpoint\":\"s3://b\",\"name\":\"\",\"egress\":\"free\",\"contact\":\"\","
       "\"description\":\"\",\"status\":{\"code\":1200},\"catalog\":[]}",
       "catalog-endpoint $.endpoint 2:12 s3://b\n"},
      {"\xef\xbb\xbf{\n]", "json  2:1 ]\n"},
      {CATALOG("7,{}"), "document $.catalog[0] 2:1 7\n"
                        "member-required $.catalog[1].id 2:3 \n"
                        "member-required $.catalog[1].index 2:3 \n"
                        "member-required $.catalog[1].title 2:3 \n"
                        "member-required $.catalog[1].start 2:3 \n"
                        "member-required $.catalog[1].stop 2:3 \n"
                        "member-usual $.catalog[1].modification 2:3 \n"
                        "member-optional $.catalog[1].indextype 2:3 \n"
                        "member-optional $.catalog[1].filetype 2:3 \n"},
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    assert_found(cases[i].text, cases[i].expected);
}

/* What an entry of nothing but an id lacks. */
#define LACKS(entry, place)                                                                                            \
  "member-required $.catalog" entry ".index " place " \n"                                                              \
  "member-required $.catalog" entry ".title " place " \n"                                                              \
  "member-required $.catalog" entry ".start " place " \n"                                                              \
  "member-required $.catalog" entry ".stop " place " \n"                                                               \
  "member-usual $.catalog" entry ".modification " place " \n"                                                          \
  "member-optional $.catalog" entry ".indextype " place " \n"                                                          \
  "member-optional $.catalog" entry ".filetype " place " \n"

static void test_entries(void **state) {
  (void)state;
  static const struct {
    const char *text, *expected;
  } cases[] = {
      {CATALOG(ENTRY("a", ",\n\"filtype\":1,\"odd\":2,\"weird key\":3")), "member-near $.catalog[0].filtype 3:11 1\n"},
      {CATALOG(ENTRY("a", ",\n\"fil\\\"etype\":1,\"fil\\u001betype\":2,\"titl\\u0000\":3")),
       "member-near $.catalog[0][\"fil\\\"etype\"] 3:14 1\n"
       "member-near $.catalog[0][\"fil\\u001betype\"] 3:33 2\n"
       "member-near $.catalog[0][\"titl\\u0000\"] 3:48 3\n"},
      {CATALOG(ENTRY("a", ",\n\"Title\":\"u\"")), "member-case $.catalog[0].Title 3:9 u\n"},
      {CATALOG(ENTRY("a", ",\n\"title\":\"u\"")), "member-twice $.catalog[0].title 3:9 u\n"},
      {CATALOG(ENTRY("a b", "")), "dataset-id $.catalog[0].id 2:7 a b\n"},
      {"{\n\n\"version\":\n\"x\",\n\"catalg\":[],\"catalog\":[],\"endpoint\":\"s3://b/"
       "\",\"name\":\"B\",\"egress\":\"free\","
       "\"contact\":\"x\",\"description\":\"y\",\"status\":{\"code\":1200}}",
       "member-near $.catalg 5:10 \n" /* what is found later may stand on an earlier line */
       "member-type $.version 4:1 x\n"},
      {CATALOG(ENTRY("", "")), "member-required $.catalog[0].id 2:7 \n"},
      {CATALOG(ENTRY("a", "") ",\n" ENTRY("b", "") ",\n" ENTRY("a", "") ",\n" ENTRY("B", "")),
       "dataset-twice $.catalog[2].id 4:7 a\n"
       "dataset-case $.catalog[3].id 5:7 B\n"},
      /* What readers take for one and the same id: a number, a name in other letter case. */
      {CATALOG(ENTRY("5", "") ",\n{\"ID\":5}"),
       "member-case $.catalog[1].ID 3:7 5\n" LACKS("[1]", "3:1") "member-type $.catalog[1].ID 3:7 5\n"
                                                                 "dataset-twice $.catalog[1].ID 3:7 5\n"},
      {CATALOG("{\"id\":null,\"ID\":\"a\"},\n" ENTRY("A", "")),
       "member-case $.catalog[0].ID 2:17 a\n" LACKS("[0]", "2:1") "dataset-case $.catalog[1].id 3:7 A\n"},
      {CATALOG("{\"id\":\"a\",\"loc\":\"s3://b/i/\",\"title\":\"t\",\"startdate\":\"2010Z\",\"enddate\":\"2011Z\",\n"
               "\"modification\":\"2012Z\",\"ndxformat\":\"csv\",\"filetype\":\"fits\"}"),
       "member-legacy $.catalog[0].loc 2:17 s3://b/i/\n"
       "member-legacy $.catalog[0].startdate 2:53 2010Z\n"
       "member-legacy $.catalog[0].enddate 2:71 2011Z\n"
       "member-legacy $.catalog[0].ndxformat 3:36 csv\n"},
      {INDEXED("s3://b/i"), "index-slash $.catalog[0].index 3:9 s3://b/i\n"},
      {INDEXED("b/i/"), "index-url $.catalog[0].index 3:9 b/i/\n"},
      {INDEXED("ftp://b/i/"), "index-url $.catalog[0].index 3:9 ftp://b/i/\n"},
      {INDEXED("https://h/i/?x=1"), "index-query $.catalog[0].index 3:9 https://h/i/?x=1\n"},
      {INDEXED("https://h/i/"), ""},
      {INDEXED("file:///etc/"), "index-local $.catalog[0].index 3:9 file:///etc/\n"},
      {INDEXED("http://169.254.169.254/x/"), "index-local $.catalog[0].index 3:9 http://169.254.169.254/x/\n"},
      {INDEXED("s3://other/i/"), "index-elsewhere $.catalog[0].index 3:9 s3://other/i/\n"},
      {RANGED("1996-01-01T00:00.00Z", "2023-05-04:00:00:00Z"),
       "time-form $.catalog[0].start 3:9 1996-01-01T00:00.00Z\n"
       "time-form $.catalog[0].stop 4:8 2023-05-04:00:00:00Z\n"},
      {RANGED("1600Z", "9999-12-31T00:00:00Z"), "time-form $.catalog[0].start 3:9 1600Z\n"
                                                "time-form $.catalog[0].stop 4:8 9999-12-31T00:00:00Z\n"
                                                "range-far $.catalog[0].start 3:9 1600Z\n"
                                                "range-far $.catalog[0].stop 4:8 9999-12-31T00:00:00Z\n"},
      {RANGED(" 2010Z", "2011Z "), "time-form $.catalog[0].start 3:9  2010Z\n"
                                   "time-form $.catalog[0].stop 4:8 2011Z \n"},
      {RANGED("1980-01-01", "2001-02-30Z"), "time-zone $.catalog[0].start 3:9 1980-01-01\n"
                                            "time $.catalog[0].stop 4:8 2001-02-30Z\n"},
      {RANGED("2012-01-01Z", "2011-01-01T00:00:00+01:00"), "time $.catalog[0].stop 4:8 2011-01-01T00:00:00+01:00\n"},
      {RANGED("2012Z", "2011Z"), "range-order $.catalog[0].start 3:9 2012Z\n"},
      {RANGED("1899Z", "2036Z"), "range-far $.catalog[0].start 3:9 1899Z\n"
                                 "range-far $.catalog[0].stop 4:8 2036Z\n"},
      {RANGED("2026-01-02Z", "2027Z"), "range-far $.catalog[0].start 3:9 2026-01-02Z\n"},
      {RANGED("static", "static"), "static $.catalog[0].start 3:9 static\n"
                                   "static $.catalog[0].stop 4:8 static\n"},
      {CATALOG(PLACED(",\"index\":\"s3://b/i/\",\n\"start\":2010,\n\"stop\":[]")),
       "member-type $.catalog[0].start 3:9 2010\n"
       "time-zone $.catalog[0].start 3:9 2010\n"
       "member-type $.catalog[0].stop 4:8 \n"
       "member-required $.catalog[0].stop 4:8 \n"},
      {CATALOG(PLACED(",\"start\":\"2010Z\",\"stop\":\"2011Z\",\n\"index\":[\"s3://b/i/\"]")),
       "member-type $.catalog[0].index 3:9 \n"
       "member-required $.catalog[0].index 3:9 \n"},
      {CATALOG(ENTRY("a", ",\n\"multiyear\":\"True\"")), "multiyear $.catalog[0].multiyear 3:13 True\n"},
      {CATALOG(ENTRY("a", ",\n\"multiyear\":true,\"tags\":[],\"collections\":[\"x\"]")), ""},
      {CATALOG(ENTRY("a", ",\n\"tags\":\"x\",\"collections\":[\"x\",3]")), "list $.catalog[0].collections[1] 3:31 3\n"
                                                                           "list $.catalog[0].tags 3:8 x\n"},
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    assert_found(cases[i].text, cases[i].expected);
}

static void test_words(void **state) {
  (void)state;
#define TYPED(index, file)                                                                                             \
  CATALOG("{\"id\":\"a\",\"index\":\"s3://b/i/\",\"title\":\"t\",\"start\":\"2010Z\",\"stop\":\"2011Z\","              \
          "\"modification\":\"2012Z\",\n\"indextype\":\"" index "\",\n\"filetype\":\"" file "\"}")
  assert_found(TYPED("csv-zip", "netcdf4,other"), "");
  assert_found(TYPED("CSV", "FITS,cdf"), "word-case $.catalog[0].indextype 3:13 CSV\n"
                                         "word-case $.catalog[0].filetype 4:12 FITS,cdf\n");
  assert_found(TYPED("xml", "fits, jpeg"), "indextype $.catalog[0].indextype 3:13 xml\n"
                                           "filetype $.catalog[0].filetype 4:12 fits, jpeg\n");
  assert_found(TYPED("parquet", "hdf5"), "indextype-parquet $.catalog[0].indextype 3:13 parquet\n");
}

/* Before version 1.0 datasets may be static. */
static void test_static_by_version(void **state) {
  (void)state;
  static const char before[] = "{\"version\":\"0.5\"," TOP "\"status\":{\"code\":1200},\"catalog\":["
                               "{\"id\":\"a\",\"index\":\"s3://b/i/\",\"title\":\"t\",\"start\":\"static\",\"stop\":"
                               "\"static\",\"modification\":\"2012Z\",\"indextype\":\"csv\",\"filetype\":\"fits\"}]}";
  assert_found(before, "");
}

/* ---- bounds ---- */

static void test_cap(void **state) {
  (void)state;
  struct hdx_buffer text;
  hdx_buffer_init(&text, 64 << 20);
  hdx_buffer_append_format(&text, "{\"version\":\"1.1\"," TOP "\"status\":{\"code\":1200},\"catalog\":[");
  for (int i = 0; i < 100000; i++)
    hdx_buffer_append_format(&text, "%s\n%d", i ? "," : "", i);
  hdx_buffer_append_format(&text, "]}");
  check(hdx_buffer_string(&text), 2);
  assert_string_equal(hdx_buffer_string(&told), "document $.catalog[0] 2:1 0\n"
                                                "document $.catalog[1] 3:1 1\n"
                                                "document  0:0 \n");
  assert_int_equal(told_count, 100000);
  check(hdx_buffer_string(&text), 0);
  assert_int_equal(told_count, 100000);
  assert_non_null(strstr(hdx_buffer_string(&told), "document $.catalog[99999] 100001:1 99999\n"));
  hdx_buffer_deinit(&text);
}

/* A long name, a long value and a path that does not fit are cut, not overrun. */
static void test_long_texts(void **state) {
  (void)state;
  struct hdx_buffer text;
  hdx_buffer_init(&text, 1 << 20);
  for (size_t before = 0; before < 2; before++) { /* no character is cut in two */
    hdx_buffer_clear(&text);
    hdx_buffer_append_format(&text, "{\"version\":\"1.1\"," TOP "\"status\":{\"code\":1200},\"catalog\":[{\"id\":\"%s",
                             before ? "x" : "");
    for (int i = 0; i < 3000; i++)
      hdx_buffer_append_format(&text, "\xc3\xa9");
    hdx_buffer_append_format(&text, "\"}]}");
    check(hdx_buffer_string(&text), 0);
    const char *value = strstr(hdx_buffer_string(&told), "dataset-id $.catalog[0].id ");
    assert_non_null(value);
    value = strstr(value, "\xc3\xa9");
    assert_int_equal(strcspn(value, "\n") + before, 200 - before);
  }
  hdx_buffer_deinit(&text);
}

/* ---- index files ---- */

struct scan {
  struct hdx_csv *csv;
  struct hdx_index_check check;
};

static enum hdx_status on_rows(void *user, const struct hdx_csv_batch *batch, struct hdx_error *error) {
  struct scan *scan = user;
  return hdx_index_check_rows(&scan->check, batch, hdx_csv_dialect(scan->csv), error);
}

static void on_bad(void *user, const struct hdx_csv_bad_row *bad) {
  hdx_index_check_bad(&((struct scan *)user)->check, bad);
}

/* Checks rows of 2020, fed in pieces of `cut` bytes. */
static void check_index(const char *text, bool multiyear, bool stops, size_t cut) {
  struct scan scan;
  struct hdx_findings findings;
  const struct hdx_csv_options options = {
      .kernel = hdx_csv_kernel(hdx_cpu_level()), .rows = on_rows, .bad = on_bad, .user = &scan, .lines = true};
  struct hdx_error error = {.message = ""};
  hdx_buffer_clear(&told);
  hdx_findings_init(&findings, "f", 0, take, NULL);
  hdx_index_check_init(&scan.check, &findings, 2020, multiyear, stops, HDX_TEXT("s3://b/"), HDX_TEXT("s3://own/"));
  assert_int_equal(hdx_csv_open(&options, &scan.csv, &error), HDX_OK);
  for (size_t at = 0, size = strlen(text); at < size; at += cut)
    assert_int_equal(hdx_csv_feed(scan.csv, text + at, size - at < cut ? size - at : cut, &error), HDX_OK);
  assert_int_equal(hdx_csv_finish(scan.csv, &error), HDX_OK);
  hdx_index_check_end(&scan.check, hdx_csv_result(scan.csv), hdx_csv_dialect(scan.csv));
  hdx_csv_close(scan.csv);
  hdx_index_check_deinit(&scan.check);
}

static void assert_rows(const char *text, const char *expected) {
  for (size_t cut = 1; cut < 200; cut = cut * 3 + 1) {
    check_index(text, false, true, cut);
    if (strcmp(hdx_buffer_string(&told), expected) != 0)
      fail_msg("%s\n(cut every %zu) found:\n%sexpected:\n%s", text, cut, hdx_buffer_string(&told), expected);
  }
}

#define JAN(day) "2020-01-" day "T00:00:00Z"
#define ROW(from, to, key) JAN(from) "," JAN(to) "," key ",5\n"

static void test_rows(void **state) {
  (void)state;
  static const struct {
    const char *text, *expected;
  } cases[] = {
      {"# start, stop, datakey, filesize\n" ROW("01", "02", "s3://b/k") ROW("02", "03", "s3://own/k"), ""},
      {"", "file-empty  0:0 \n"},
      {"\xef\xbb\xbf" ROW("01", "02", "s3://b/k"), "file-mark  1:1 \n"},
      {ROW("01", "02", "s3://b/k") "\n" ROW("01", "02", "s3://b/k"), "row-twice  3:1 s3://b/k\n"},
      {ROW("03", "04", "s3://b/k") ROW("01", "02", "s3://b/l"), "row-order  2:1 2020-01-01T00:00:00Z\n"},
      {ROW("01", "03", "s3://b/k") ROW("02", "03", "s3://b/l"), "row-overlap  2:1 2020-01-02T00:00:00Z\n"},
      {ROW("02", "01", "s3://b/k"), "row-reversed  1:1 2020-01-01T00:00:00Z\n"},
      {"2019-12-31T23:59:59Z,2020-01-01T00:00:00Z,s3://b/k,5\n2021-01-01T00:00:00Z,2021-01-02T00:00:00Z,s3://b/k,5\n",
       "row-year  1:1 2019-12-31T23:59:59Z\n"
       "row-year  2:1 2021-01-01T00:00:00Z\n"},
      {"static,static,s3://b/k,5\n", "row-year  1:1 static\n"},
      {JAN("01") "," JAN("02") ",s3://b/k,0\n" JAN("02") "," JAN("03") ",s3://b/l,\n", "size-zero  1:1 s3://b/k\n"
                                                                                       "size-missing  2:1 s3://b/l\n"},
      {ROW("01", "02", "k/l"), "key-url  1:1 k/l\n"},
      {ROW("01", "02", "file:///etc/passwd"), "key-url  1:1 file:///etc/passwd\n"},
      {ROW("01", "02", "gopher://x/y"), "key-url  1:1 gopher://x/y\n"},
      {ROW("01", "02", "s3:///k"), "key-url  1:1 s3:///k\n"},
      {ROW("01", "02", "s3://elsewhere/k"), "key-elsewhere  1:1 s3://elsewhere/k\n"},
      {ROW("01", "02", "https://h/k"), "key-elsewhere  1:1 https://h/k\n"},
      {ROW("01", "02", "s3://b/a\x01z"), "key-control  1:1 s3://b/a\x01z\n"},
      {ROW("01", "02", "s3://b/0123456789\x7fz"), "key-control  1:1 s3://b/0123456789\x7fz\n"},
      {ROW("01", "02", "s3://b/\xc3\x9c\xff\x80"), ""},
      {"2020-01-01T00:00.00Z," JAN("02") ",s3://b/k,5\n", "row-mended  0:0 \n"},
      {"2020-01-01Z," JAN("02") ",s3://b/k,5\n", "row-date  0:0 \n"},
      {JAN("01") "," JAN("02") ",s3://b/k,5\n" JAN("02") "," JAN("03") ",s3://b/k,x5\n", "row  2:52 \n"},
      {JAN("01") ",s3://b/k,5\n" JAN("02") ",s3://b/l,5\n", "stop-missing  0:0 \n"},
      {"start,stop,datakey,filesize,checksum\n" JAN("01") "," JAN("02") ",s3://b/k,5,ab\n", "checksum  0:0 \n"},
      {"start,stop,datakey,filesize,checksum,checksum_algorithm\n" JAN("01") "," JAN("02") ",s3://b/k,5,ab,\n",
       "checksum  2:1 ab\n"},
      {"start,stop,datakey,filesize,checksum,checksum_algorithm\n" JAN("01") "," JAN("02") ",s3://b/k,5,ab,MD5\n", ""},
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    assert_rows(cases[i].text, cases[i].expected);
}

static void test_rows_that_may(void **state) {
  (void)state;
  check_index(ROW("01", "03", "s3://b/k") ROW("02", "04", "s3://b/l"), true, true, 1000);
  assert_string_equal(hdx_buffer_string(&told), ""); /* of multiyear datasets they may overlap */
  check_index(JAN("01") ",s3://b/k,5\n", false, false, 1000);
  assert_string_equal(hdx_buffer_string(&told), ""); /* before 0.5 there are no stops */
}

static void test_homes(void **state) {
  (void)state;
  static const char *const cases[][2] = {{"s3://b/i/", "s3://b/"},
                                         {"https://h:1/i", "https://h:1/"},
                                         {"s3://b", ""},
                                         {"file:///i/", ""},
                                         {"i/", ""},
                                         {"", ""}};
  for (size_t i = 0; i < COUNT(cases); i++)
    assert_true(hdx_text_is(hdx_index_home(hdx_text_of(cases[i][0])), cases[i][1]));
}

static void test_file_names(void **state) {
  (void)state;
  struct hdx_text id;
  int year;
  assert_true(hdx_index_file_name(HDX_TEXT("s3://b/i/a_b_2020.csv"), &id, &year));
  assert_int_equal(year, 2020);
  assert_true(hdx_text_is(id, "a_b"));
  assert_true(hdx_index_file_name(HDX_TEXT("a_1999.csv.gz"), &id, &year));
  assert_true(hdx_index_file_name(HDX_TEXT("x/a_1999.csv.zip"), &id, &year));
  assert_true(hdx_index_file_name(HDX_TEXT("x/a_b_static.csv.gz"), &id, &year));
  assert_int_equal(year, 0);
  assert_true(hdx_text_is(id, "a_b"));
  static const char *const others[] = {"",           "a.csv",       "_2020.csv", "a_202.csv", "_static.csv",
                                       "a_20x0.csv", "a_2020.json", "a/2020.csv"};
  for (size_t i = 0; i < COUNT(others); i++)
    assert_false(hdx_index_file_name(hdx_text_of(others[i]), &id, &year));
}

/* ---- datasets ---- */

static void check_dataset(const struct hdx_dataset_facts *facts) {
  static const char text[] = RANGED("2010-01-01T00:00:00Z", "2012-01-01T00:00:00Z");
  struct hdx_findings findings;
  struct hdx_json json;
  const struct hdx_dataset dataset = {.id = HDX_TEXT("a"),
                                      .index = HDX_TEXT("s3://b/i/"),
                                      .start = hdx_time_of_year(2010),
                                      .stop = hdx_time_of_year(2012)};
  hdx_buffer_clear(&told);
  hdx_findings_init(&findings, "doc", 0, take, NULL);
  assert_int_equal(hdx_rules_json(&findings, hdx_text_of(text), &json, NULL), HDX_OK);
  const struct hdx_json_value *list = hdx_json_member(&json, json.values, "catalog");
  hdx_rules_dataset(&findings, hdx_json_first(&json, list), &dataset, facts);
  hdx_json_deinit(&json);
}

static void test_datasets(void **state) {
  (void)state;
  const int years[] = {2003, 2005, 2009, 2010};
  struct hdx_dataset_facts facts = {.start = HDX_TIME_NONE, .stop = HDX_TIME_NONE};
  check_dataset(&facts);
  assert_string_equal(hdx_buffer_string(&told), "dataset-empty $ 2:1 \n");
  facts = (struct hdx_dataset_facts){.start = hdx_time_of_year(2010) + HDX_SECOND_NS,
                                     .stop = hdx_time_of_year(2012) - HDX_SECOND_NS,
                                     .stops = true,
                                     .years = years,
                                     .year_count = 4};
  check_dataset(&facts);
  assert_string_equal(hdx_buffer_string(&told), "year-gap $ 2:1 \n"
                                                "range-start $.start 3:9 2010-01-01T00:00:00Z\n"
                                                "range-stop $.stop 4:8 2012-01-01T00:00:00Z\n");
  facts.stops = true;
  facts.stop = hdx_time_of_year(2012) + HDX_SECOND_NS;
  check_dataset(&facts);
  assert_non_null(strstr(hdx_buffer_string(&told), "range-stop $.stop 4:8 2012-01-01T00:00:00Z\n"));
  facts.stops = false;
  check_dataset(&facts); /* rows without stops may not start after it */
  assert_non_null(strstr(hdx_buffer_string(&told), "range-stop $.stop 4:8 2012-01-01T00:00:00Z\n"));
  facts.stop = hdx_time_of_year(2012) - HDX_DAY_NS;
  check_dataset(&facts); /* nobody knows when the last one stops */
  assert_null(strstr(hdx_buffer_string(&told), "range-stop"));
  facts.unread = 1; /* so nothing is known of the range */
  check_dataset(&facts);
  assert_string_equal(hdx_buffer_string(&told), "");
  facts = (struct hdx_dataset_facts){.start = hdx_time_of_year(2010) + HDX_SECOND_NS - 1,
                                     .stop = hdx_time_of_year(2012),
                                     .years = years + 2,
                                     .year_count = 2};
  check_dataset(&facts);
  assert_string_equal(hdx_buffer_string(&told), "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_registry, setup, teardown),
      cmocka_unit_test_setup_teardown(test_no_registry, setup, teardown),
      cmocka_unit_test_setup_teardown(test_homes, setup, teardown),
      cmocka_unit_test_setup_teardown(test_top_level, setup, teardown),
      cmocka_unit_test_setup_teardown(test_entries, setup, teardown),
      cmocka_unit_test_setup_teardown(test_words, setup, teardown),
      cmocka_unit_test_setup_teardown(test_static_by_version, setup, teardown),
      cmocka_unit_test_setup_teardown(test_cap, setup, teardown),
      cmocka_unit_test_setup_teardown(test_long_texts, setup, teardown),
      cmocka_unit_test_setup_teardown(test_rows, setup, teardown),
      cmocka_unit_test_setup_teardown(test_rows_that_may, setup, teardown),
      cmocka_unit_test_setup_teardown(test_file_names, setup, teardown),
      cmocka_unit_test_setup_teardown(test_datasets, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
