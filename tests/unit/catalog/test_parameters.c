/* Files of parameters: what extra columns are, as published, with the oddities that publishers may have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catalog/parameters.h"

#include <stdlib.h>

static struct hdx_buffer logged;
static struct hdx_parameters_doc doc;

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
  hdx_parameters_doc_deinit(&doc);
  hdx_buffer_deinit(&logged);
  return 0;
}

/* Reads a document of which all can be understood but what `warning` tells. */
static void read_doc(const char *text, const char *warning) {
  struct hdx_error error = {.message = ""};
  hdx_buffer_clear(&logged);
  hdx_parameters_doc_deinit(&doc);
  hdx_parameters_doc_parse(hdx_text_of(text), "x.info", &log_here, &doc, &error);
  assert_string_equal(error.message, "");
  assert_string_equal(hdx_buffer_string(&logged), warning);
}

static void check(size_t i, const char *name, enum hdx_parameter_type type, const char *units,
                  const char *description) {
  assert_true(i < doc.count);
  assert_true(hdx_text_is(doc.names[i], name));
  assert_int_equal(doc.parameters[i].type, type);
  assert_true(hdx_text_is(doc.parameters[i].units, units));
  assert_true(hdx_text_is(doc.parameters[i].description, description));
}

static void as_the_specification_has_it(void **state) {
  (void)state;
  read_doc("{\"parameters\": [{\"name\": \"quality\", \"type\": \"int\", \"units\": \"1\", \"desc\": \"0 is best\"},\n"
           "{\"name\": \"camera\", \"type\": \"string\"}, {\"name\": \"\\u00e6ther\", \"type\": \"double\"},\n"
           "{\"name\": \"n\", \"type\": \"integer\"}], \"more\": {\"parameters\": 1}}",
           "");
  assert_int_equal(doc.count, 4);
  check(0, "quality", HDX_PARAMETER_INTEGER, "1", "0 is best");
  check(1, "camera", HDX_PARAMETER_STRING, "", "");
  check(2, "\xc3\xa6ther", HDX_PARAMETER_DOUBLE, "", "");
  check(3, "n", HDX_PARAMETER_INTEGER, "", "");
  read_doc("\xef\xbb\xbf{\"parameters\": []}", "");
  assert_int_equal(doc.count, 0);
}

static void columns_that_every_file_has_are_passed_over(void **state) {
  (void)state;
  read_doc("{\"parameters\": [{\"name\": \"start\"}, {\"name\": \"stop\"}, {\"name\": \"datakey\"},"
           "{\"name\": \"filesize\"}, {\"name\": \"a\"}]}",
           "");
  assert_int_equal(doc.count, 1);
  check(0, "a", HDX_PARAMETER_UNKNOWN, "", "");
  read_doc("{\"parameters\": [{\"name\": \"Start_Date\"}, {\"name\": \"key\"}, {\"name\": \"size\"}, {\"name\": \"a\"},"
           "{\"name\": \"stop\"}]}",
           ""); /* no stop column */
  assert_int_equal(doc.count, 2);
  check(1, "stop", HDX_PARAMETER_UNKNOWN, "", "");
  read_doc("{\"parameters\": [{\"name\": \"start\"}, {\"name\": \"stop\"}]}", ""); /* extra columns may be called so */
  assert_int_equal(doc.count, 2);
  read_doc("{\"parameters\": [{\"name\": \"start\"}, {\"name\": \"datakey\"}]}", "");
  assert_int_equal(doc.count, 0);
}

static void oddities_are_told_and_keep_their_position(void **state) {
  (void)state;
  read_doc("{\"parameters\": [7,\n{\"type\": \"int\"},\n{\"name\": 5},\n{\"name\": \" a \", \"type\": \"complex\"},\n"
           "{\"name\": \"a\", \"type\": \"Float\"},\n{\"name\": \"b\\u0000c\"},\n"
           "{\"name\": \"d\", \"units\": null, \"desc\": \"\", \"description\": \"said\", \"type\": 3},\n"
           "{\"name\": \"e\", \"units\": 5, \"desc\": [1]}]}",
           "x.info: line 1: the column has no name: expected an object, found a number\n"
           "x.info: line 2: the column has no name: expected a string \"name\", found nothing\n"
           "x.info: line 3: the column has no name: expected a string \"name\", found a number\n"
           "x.info: line 4: expected the type string, int, integer or double, found 'complex'\n"
           "x.info: line 5: the column has no name: an earlier one is called a, too\n"
           "x.info: line 6: the column has no name: expected text, found a NUL byte\n"
           "x.info: line 7: expected the type string, int, integer or double, found '3'\n");
  assert_int_equal(doc.count, 8);
  for (size_t i = 0; i < 3; i++)
    check(i, "", i == 1 ? HDX_PARAMETER_INTEGER : HDX_PARAMETER_UNKNOWN, "", "");
  check(3, "a", HDX_PARAMETER_UNKNOWN, "", "");
  check(4, "", HDX_PARAMETER_DOUBLE, "", "");
  check(5, "", HDX_PARAMETER_UNKNOWN, "", "");
  check(6, "d", HDX_PARAMETER_UNKNOWN, "", "said");
  check(7, "e", HDX_PARAMETER_UNKNOWN, "5", "");
}

static void more_columns_than_there_can_be(void **state) {
  (void)state;
  struct hdx_buffer text;
  hdx_buffer_init(&text, 1 << 20);
  hdx_buffer_append_format(&text, "{\"parameters\": [{\"name\": \"x0\"}");
  for (int i = 1; i < 300; i++)
    hdx_buffer_append_format(&text, ",\n{\"name\": \"x%d\"}", i);
  hdx_buffer_append_format(&text, "]}");
  read_doc(hdx_buffer_string(&text), "x.info: line 251: expected at most 250 extra columns, found more: they are left "
                                     "out\n");
  assert_int_equal(doc.count, 250);
  check(249, "x249", HDX_PARAMETER_UNKNOWN, "", "");
  hdx_buffer_deinit(&text);
}

static void what_is_no_such_document_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"", "x.info: "},
      {"<html>", "x.info: line 1 column 1"},
      {"{\"parameters\": [\n{\"name\": \"a\",}]}", "x.info: line 2 column "},
      {"[]", "x.info: line 1 column 1: expected an object with a list \"parameters\", found a list"},
      {"{\n\"parameter\": []}",
       "x.info: line 1 column 1: expected an object with a list \"parameters\", found no such member"},
      {"{\n \"parameters\": {}}", "x.info: line 2 column 16: expected a list behind \"parameters\", found an object"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct hdx_error error = {.message = ""};
    assert_int_equal(hdx_parameters_doc_parse(hdx_text_of(cases[i].text), "x.info", &log_here, &doc, &error),
                     HDX_INTEGRITY);
    if (!strstr(error.message, cases[i].message))
      fail_msg("\"%s\" says nothing of \"%s\"", error.message, cases[i].message);
    assert_int_equal(doc.count, 0);
  }
}

static void where_they_are(void **state) {
  (void)state;
  struct hdx_buffer url;
  hdx_buffer_init(&url, 1000);
  assert_int_equal(hdx_parameters_url(HDX_TEXT("s3://b/i/"), HDX_TEXT("aia"), false, &url, NULL), HDX_OK);
  assert_string_equal(hdx_buffer_string(&url), "s3://b/i/aia.info");
  hdx_buffer_clear(&url);
  assert_int_equal(hdx_parameters_url(HDX_TEXT("s3://b/i/"), HDX_TEXT("aia"), true, &url, NULL), HDX_OK);
  assert_string_equal(hdx_buffer_string(&url), "s3://b/i/aia.json");
  hdx_buffer_deinit(&url);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
  const struct CMUnitTest tests[] = {
      T(as_the_specification_has_it),
      T(columns_that_every_file_has_are_passed_over),
      T(oddities_are_told_and_keep_their_position),
      T(more_columns_than_there_can_be),
      T(what_is_no_such_document_is_refused),
      T(where_they_are),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
