/* Registry documents: what is read, skipped and refused, and the choice of an endpoint by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "catalog/catalog.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct hdx_buffer logged;

static void write_log(void *user, enum hdx_log_level level, const char *message) {
  (void)user;
  (void)level;
  hdx_buffer_append_format(&logged, "%s\n", message);
}

static const struct hdx_log log_here = {HDX_LOG_WARNING, write_log, NULL};

static int setup(void **state) {
  (void)state;
  hdx_buffer_init(&logged, 1 << 16);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  hdx_buffer_deinit(&logged);
  return 0;
}

static void open_doc(const char *text, struct hdx_registry_doc *doc) {
  struct hdx_error error = {.message = ""};
  hdx_buffer_clear(&logged);
  hdx_registry_doc_parse(hdx_text_of(text), "reg", &log_here, doc, &error);
  assert_string_equal(error.message, "");
}

static void test_entries(void **state) {
  (void)state;
  struct hdx_registry_doc doc;
  open_doc("{\"Cloudy\": 0.2, \"registry\": [\n"
           "{\"endpoint\": \"s3://gov-nasa-hdrl-data1/\", \"name\": \"HelioCloud, including SDO\", \"region\": "
           "\"us-east-1\"},\n"
           "{\"endpoint\": \" https://host/x/ \", \"name\": \"Caf\\u00e9\", \"region\": \"eu\", \"provider\": \"gcs\", "
           "\"more\": {}}\n]}",
           &doc);
  assert_string_equal(hdx_buffer_string(&logged), "");
  assert_int_equal(doc.count, 2);
  assert_true(hdx_text_is(doc.entries[0].endpoint, "s3://gov-nasa-hdrl-data1/"));
  assert_true(hdx_text_is(doc.entries[0].name, "HelioCloud, including SDO"));
  assert_true(hdx_text_is(doc.entries[0].region, "us-east-1"));
  assert_true(hdx_text_is(doc.entries[0].provider, "aws"));
  assert_true(hdx_text_is(doc.entries[1].endpoint, "https://host/x/"));
  assert_true(hdx_text_is(doc.entries[1].name, "Caf\xc3\xa9"));
  assert_true(hdx_text_is(doc.entries[1].provider, "gcs"));
  hdx_registry_doc_deinit(&doc);
}

static void test_skipped(void **state) {
  (void)state;
  struct hdx_registry_doc doc;
  open_doc("{\"registry\":[\n"
           "{\"endpoint\":\"s3://a/\",\"name\":\"one\",\"region\":\"r\"},\n"
           "\"s3://b/\",\n"
           "{\"name\":\"x\",\"region\":\"r\",\"n\":1},\n"
           "{\"endpoint\":\"s3://c/\",\"region\":\"r\",\"name\":null},\n"
           "{\"endpoint\":\"s3://c/\",\"region\":\"\",\"name\":\"x\"},\n"
           "{\"endpoint\":\"s3:\\/\\/a\",\"name\":\"two\",\"region\":\"r\"},\n"
           "{\"endpoint\":\"s3://d/\",\"name\":\"one\",\"region\":\"r\"}]}",
           &doc);
  assert_string_equal(hdx_buffer_string(&logged),
                      "reg: line 3: the entry is skipped: expected an object, found a string\n"
                      "reg: line 4: the entry is skipped: it has no \"endpoint\"\n"
                      "reg: line 5: the entry is skipped: it has no \"name\"\n"
                      "reg: line 6: the entry is skipped: it has no \"region\"\n"
                      "reg: line 7: the entry is skipped: an earlier one has the endpoint s3://a, too\n");
  assert_int_equal(doc.count, 2);
  assert_true(hdx_text_is(doc.entries[0].endpoint, "s3://a/"));
  assert_true(hdx_text_is(doc.entries[1].endpoint, "s3://d/"));
  hdx_registry_doc_deinit(&doc);
}

static void test_refused(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } rows[] = {
      {"", "reg: line 1 column 1: expected a value, found the end of the document"},
      {"<html>", "reg: line 1 column 1: expected a value, found '<'"},
      {"[]", "reg: line 1 column 1: expected an object with a list \"registry\", found a list"},
      {"{}", "reg: line 1 column 1: expected an object with a list \"registry\", found no such member"},
      {"{\n\"registry\":\"x\"}", "reg: line 2 column 12: expected a list behind \"registry\", found a string"},
      {"{\"registry\":[{\"endpoint\":\"s3://a/\"\n\"name\":1}]}",
       "reg: line 2 column 1: expected a comma or a }, found '\"'"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct hdx_registry_doc doc;
    struct hdx_error error = {.message = ""};
    assert_int_equal(hdx_registry_doc_parse(hdx_text_of(rows[i].text), "reg", NULL, &doc, &error), HDX_INTEGRITY);
    assert_string_equal(error.message, rows[i].message);
    assert_int_equal(hdx_registry_doc_parse(hdx_text_of(rows[i].text), "reg", NULL, &doc, NULL), HDX_INTEGRITY);
  }
  struct hdx_registry_doc doc;
  open_doc("{\"registry\":[]}", &doc);
  assert_int_equal(doc.count, 0);
  hdx_registry_doc_deinit(&doc);
}

static void test_endpoint(void **state) {
  (void)state;
  static const char text[] = "{\"registry\":["
                             "{\"endpoint\":\"s3://a/\",\"name\":\"GSFC\",\"region\":\"us-east-1\"},"
                             "{\"endpoint\":\"s3://b/\",\"name\":\"GSFC\",\"region\":\"us-west-2\"},"
                             "{\"endpoint\":\"s3://c/\",\"name\":\"APL\",\"region\":\"us-east-1\"},"
                             "{\"endpoint\":\"s3://d/\",\"name\":\"APL\",\"region\":\"us-east-1\"},"
                             "{\"endpoint\":\"s3://e/\",\"name\":\"apl\",\"region\":\"eu-west-1\"},"
                             "{\"endpoint\":\"s3://f/\",\"name\":\"Solar One\",\"region\":\"eu-west-1\"}]}";
  static const struct {
    const char *name, *prefix;
    bool first;
    enum hdx_status status;
    const char *result;
  } rows[] = {
      {"GSFC", "us-w", false, HDX_OK, "s3://b/"},
      {"GSFC", "", true, HDX_OK, "s3://a/"},
      {"GSFC", "", false, HDX_USAGE,
       "GSFC: the registry has 2 entries of that name, in different regions: us-east-1, us-west-2; a region prefix "
       "would "
       "tell them apart"},
      {"APL", "us", false, HDX_USAGE,
       "APL: the registry has 2 entries of that name, all in one region: us-east-1, us-east-1; a region prefix would "
       "not "
       "tell them apart; take the first or name the endpoint"},
      {"apl", "", false, HDX_OK, "s3://e/"},
      {"solar one", "", false, HDX_OK, "s3://f/"},
      {"GSFC", "eu", false, HDX_NOT_FOUND, "GSFC: the registry has it in other regions only: us-east-1, us-west-2"},
      {"GSFCC", "", false, HDX_NOT_FOUND, "GSFCC: the registry has no such name; did you mean GSFC?"},
      {"solar", "", false, HDX_NOT_FOUND, "solar: the registry has no such name; did you mean Solar One?"},
      {"Nothing like it", "", false, HDX_NOT_FOUND, "Nothing like it: the registry has no such name"},
  };
  struct hdx_registry_doc doc;
  open_doc(text, &doc);
  for (size_t i = 0; i < COUNT(rows); i++) {
    const struct hdx_registry_entry *entry = NULL;
    struct hdx_error error = {.message = ""};
    assert_int_equal(hdx_registry_doc_endpoint(&doc, hdx_text_of(rows[i].name), hdx_text_of(rows[i].prefix),
                                               rows[i].first, &entry, &error),
                     rows[i].status);
    if (rows[i].status == HDX_OK)
      assert_true(hdx_text_is(entry->endpoint, rows[i].result));
    else
      assert_string_equal(error.message, rows[i].result);
  }
  hdx_registry_doc_deinit(&doc);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_entries),
      cmocka_unit_test(test_skipped),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_endpoint),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
