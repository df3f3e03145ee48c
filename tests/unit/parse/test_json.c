/* The JSON tree: structure, unescaping, raw extents, and the place and wording of faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "parse/json.h"
#include "parse/json_fault.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static enum hdx_status parse(const char *text, size_t size, struct hdx_json *json, struct hdx_error *error) {
  /* An exact heap copy, so that a read beyond it is seen. */
  char *copy = malloc(size ? size : 1);
  memcpy(copy, text, size);
  enum hdx_status status = hdx_json_parse((struct hdx_text){copy, size}, "doc", json, error);
  free(copy);
  return status;
}

static void show(const struct hdx_json *json, const struct hdx_json_value *value, struct hdx_buffer *out) {
  if (value->name.data)
    hdx_buffer_append_format(out, "%.*s=", HDX_TEXT_ARG(value->name));
  if (value->type == HDX_JSON_STRING)
    hdx_buffer_append_format(out, "<%.*s>", HDX_TEXT_ARG(value->text));
  else if (value->type < HDX_JSON_STRING)
    hdx_buffer_append_format(out, "%d:%.*s", value->type, HDX_TEXT_ARG(value->text));
  else {
    hdx_buffer_append_format(out, "%c%u", value->type == HDX_JSON_LIST ? '[' : '{', value->count);
    const struct hdx_json_value *child = hdx_json_first(json, value);
    for (; child; child = hdx_json_next(json, value, child)) {
      hdx_buffer_append_byte(out, ' ');
      show(json, child, out);
    }
    hdx_buffer_append_byte(out, value->type == HDX_JSON_LIST ? ']' : '}');
  }
}

static void test_trees(void **state) {
  (void)state;
  static const struct {
    const char *text, *tree;
  } rows[] = {
      {"{}", "{0}"},
      {"[]", "[0]"},
      {" [ ] \n", "[0]"},
      {"\xef\xbb\xbf[1]", "[1 3:1]"},
      {"{\"a\":1,\"b\":[true,false,null,\"x\"]}", "{2 a=3:1 b=[4 2:true 1:false 0:null <x>]}"},
      {"{\"a\":{\"b\":{\"c\":[]}},\"d\":{}}", "{2 a={1 b={1 c=[0]}} d={0}}"},
      {"[[],[[]],[[],[]]]", "[3 [0] [1 [0]] [2 [0] [0]]]"},
      {"[\"a\\\"b\\\\c\\/\\n\"]", "[1 <a\"b\\c/\n>]"},
      {"{\"\\u0061\":\"\\u00e9\\ud83d\\ude00\"}", "{1 a=<\xc3\xa9\xf0\x9f\x98\x80>}"},
      {"[\"\\\\\"]", "[1 <\\>]"},
      {"[\"\", \" a \", \"{}[],:\"]", "[3 <> < a > <{}[],:>]"},
      {"[0, -0, 12.50, 1e5, -1E-05, 123456789012345678901234567890]",
       "[6 3:0 3:-0 3:12.50 3:1e5 3:-1E-05 3:123456789012345678901234567890]"},
      {"7", "3:7"},
      {" null\n", "0:null"},
      {"\"a\\tb\"", "<a\tb>"},
      {"{\"a\":1,\"a\":2}", "{2 a=3:1 a=3:2}"},
      {"{\"\":1}", "{1 =3:1}"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct hdx_json json;
    struct hdx_buffer out;
    struct hdx_error error = {.message = ""};
    hdx_buffer_init(&out, 4096);
    assert_int_equal(parse(rows[i].text, strlen(rows[i].text), &json, &error), HDX_OK);
    show(&json, json.values, &out);
    assert_string_equal(hdx_buffer_string(&out), rows[i].tree);
    assert_int_equal(json.values->next, json.count);
    /* What looks for the place of a fault agrees that there is none. */
    struct hdx_json_fault fault;
    assert_false(hdx_json_find_fault(json.text, &fault));
    hdx_buffer_deinit(&out);
    hdx_json_deinit(&json);
  }
}

static void test_faults(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } rows[] = {
      {"", "doc: line 1 column 1: expected a value, found the end of the document"},
      {" \n ", "doc: line 2 column 2: expected a value, found the end of the document"},
      {"{\n  \"a\": 1\n  \"b\": 2\n}", "doc: line 3 column 3: expected a comma or a }, found '\"'"},
      {"[1 2]", "doc: line 1 column 4: expected a comma or a ], found '2'"},
      {"[1,]", "doc: line 1 column 4: expected a value, found ']'"},
      {"[,1]", "doc: line 1 column 2: expected a value, found ','"},
      {"{\"a\":1,}", "doc: line 1 column 8: expected a name in double quotes, found '}'"},
      {"{a:1}", "doc: line 1 column 2: expected a name in double quotes or a }, found 'a'"},
      {"{'a':1}", "doc: line 1 column 2: expected a name in double quotes or a }, found '''"},
      {"{\"a\" 1}", "doc: line 1 column 6: expected a colon behind the name, found '1'"},
      {"{\"a\":\"b\":1}", "doc: line 1 column 9: expected a comma or a }, found ':'"},
      {"{\"a\":\"b\":1}}", "doc: line 1 column 9: expected a comma or a }, found ':'"},
      {"[\"b\":1]", "doc: line 1 column 5: expected a comma or a ], found ':'"},
      {"{\"a\":}", "doc: line 1 column 6: expected a value, found '}'"},
      {"{\"a\":1]", "doc: line 1 column 7: expected a comma or a }, found ']'"},
      {"[1}", "doc: line 1 column 3: expected a comma or a ], found '}'"},
      {"[{\"a\":]", "doc: line 1 column 7: expected a value, found ']'"},
      {"[[1]", "doc: line 1 column 5: expected a comma or a ], found the end of the document"},
      {"{\"a\":{\"b\":1}", "doc: line 1 column 13: expected a comma or a }, found the end of the document"},
      {"{} {}", "doc: line 1 column 4: expected the end of the document, found '{'"},
      {"[]]", "doc: line 1 column 3: expected the end of the document, found ']'"},
      {"[] garbage", "doc: line 1 column 4: expected the end of the document, found 'garbage'"},
      {"1 2", "doc: line 1 column 3: expected the end of the document, found '2'"},
      {"\"a\" \"b\"", "doc: line 1 column 5: expected the end of the document, found '\"'"},
      {"[NaN]", "doc: line 1 column 2: expected a value, found 'NaN'"},
      {"[nul]", "doc: line 1 column 2: expected a value, found 'nul'"},
      {"[True]", "doc: line 1 column 2: expected a value, found 'True'"},
      {"[truefalse]", "doc: line 1 column 2: expected a value, found 'truefalse'"},
      {"[01]", "doc: line 1 column 3: expected a comma or a ], found '1'"},
      {"[1.]", "doc: line 1 column 4: expected a digit, found ']'"},
      {"[.5]", "doc: line 1 column 2: expected a value, found '.'"},
      {"[1e]", "doc: line 1 column 4: expected a digit, found ']'"},
      {"[-]", "doc: line 1 column 3: expected a digit, found ']'"},
      {"[+1]", "doc: line 1 column 2: expected a value, found '+'"},
      {"[\"a]", "doc: line 1 column 2: expected a string with a closing quote, found '\"'"},
      {"[\"a\nb\"]",
       "doc: line 1 column 4: expected a closing quote, or an escape in place of a control byte, found byte 0x0a"},
      {"[\"\\x\"]",
       "doc: line 1 column 3: expected an escape (\\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\uXXXX), found '\\'"},
      {"[\"\\u12g4\"]", "doc: line 1 column 3: expected four hexadecimal digits behind \\u, found '\\'"},
      {"[\"\\ud800\"]",
       "doc: line 1 column 3: expected a pair of surrogates (\\uD800 to \\uDBFF, then \\uDC00 to \\uDFFF), found '\\'"},
      {"{\"\\ud800\":1}",
       "doc: line 1 column 3: expected a pair of surrogates (\\uD800 to \\uDBFF, then \\uDC00 to \\uDFFF), found '\\'"},
      {"[\"\\ud83d\\ude00\\u00e9\" x]", "doc: line 1 column 23: expected a comma or a ], found 'x'"},
      {"[\n\"caf\xe9\"]", "doc: line 2 column 5: expected UTF-8, found byte 0xe9"},
      {"[\"\xed\xa0\x80\"]", "doc: line 1 column 3: expected UTF-8, found byte 0xed"},
      {"[\"\xc0\xaf\"]", "doc: line 1 column 3: expected UTF-8, found byte 0xc0"},
      {"[\"\xf4\x90\x80\x80\"]", "doc: line 1 column 3: expected UTF-8, found byte 0xf4"},
      {"<html>", "doc: line 1 column 1: expected a value, found '<'"},
      {"[1]\xef\xbb\xbf", "doc: line 1 column 4: expected the end of the document, found byte 0xef"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct hdx_json json;
    struct hdx_error error = {.message = ""};
    assert_int_equal(parse(rows[i].text, strlen(rows[i].text), &json, &error), HDX_INTEGRITY);
    assert_string_equal(error.message, rows[i].message);
  }
  struct hdx_json json;
  struct hdx_error error;
  assert_int_equal(parse("[1,\0]", 5, &json, &error), HDX_INTEGRITY);
  assert_string_equal(error.message, "doc: line 1 column 4: expected a value, found byte 0x00");
  assert_int_equal(parse("[1,", 3, &json, NULL), HDX_INTEGRITY);
  /* Nothing behind the first bytes is looked at. */
  assert_int_equal(hdx_json_parse((struct hdx_text){"[1]", UINT32_MAX}, "doc", &json, &error), HDX_LIMIT);
  assert_string_equal(error.message, "doc: a JSON document of 4294967295 bytes is too large");
}

static void test_depth(void **state) {
  (void)state;
  for (unsigned object = 0; object < 2; object++) {
    for (unsigned depth = 63; depth <= 66; depth++) {
      struct hdx_buffer text;
      hdx_buffer_init(&text, 4096);
      for (unsigned i = 0; i < depth; i++)
        hdx_buffer_append_text(&text, object && i + 1 < depth ? HDX_TEXT("{\"a\":") : HDX_TEXT("["));
      hdx_buffer_append_byte(&text, ']');
      for (unsigned i = 1; i < depth; i++)
        hdx_buffer_append_byte(&text, object ? '}' : ']');
      struct hdx_json json = {0};
      struct hdx_error error;
      enum hdx_status status = parse(text.data, text.size, &json, &error);
      assert_int_equal(status, depth <= 64 ? HDX_OK : HDX_INTEGRITY);
      if (status != HDX_OK)
        assert_non_null(strstr(error.message, "expected no deeper nesting than 64 levels"));
      hdx_json_deinit(&json);
      hdx_buffer_deinit(&text);
    }
  }
}

enum { LARGE = 1000000 };

/* `beginning`, a part very often, `end`. */
static struct hdx_text repeated(struct hdx_buffer *text, const char *beginning, const char *part, const char *end) {
  hdx_buffer_clear(text);
  hdx_buffer_append_text(text, hdx_text_of(beginning));
  for (unsigned i = 0; i < LARGE; i++)
    hdx_buffer_append_text(text, hdx_text_of(part));
  hdx_buffer_append_text(text, hdx_text_of(end));
  return hdx_buffer_text(text);
}

/* Numbers, names and texts of any size are kept; what never ends is refused where it ends. */
static void test_23_24_hostile_sizes(void **state) {
  static const struct {
    const char *beginning, *part, *end;
    enum hdx_json_type type; /* of the first element, if the whole is JSON */
    size_t size;             /* of its text */
    const char *fault;       /* or NULL */
  } cases[] = {
      {"[", "7", "]", HDX_JSON_NUMBER, LARGE, NULL},
      {"[0.", "3", "e5]", HDX_JSON_NUMBER, LARGE + 4, NULL},
      {"[1e", "9", "]", HDX_JSON_NUMBER, LARGE + 2, NULL},
      {"[\"", "\\u00e9", "\"]", HDX_JSON_STRING, 2 * LARGE, NULL},
      {"{\"", "k", "\":1}", HDX_JSON_NUMBER, 1, NULL},
      {"[{", "\"a\":1,", "\"a\":1}]", HDX_JSON_OBJECT, 6 * LARGE + 7, NULL},
      {"[", "[", "", HDX_JSON_NULL, 0, "line 1 column 65: expected no deeper nesting than 64 levels"},
      {"[", "1,", "", HDX_JSON_NULL, 0, "line 1 column 2000002: expected "},
      {"[", "\n", "x", HDX_JSON_NULL, 0, "line 1000001 column 1: expected "},
      {"\"", "a", "", HDX_JSON_NULL, 0, "line 1 column 1: expected a string with a closing quote"},
      {"", "]", "", HDX_JSON_NULL, 0, "line 1 column 1: expected "},
  };
  struct hdx_buffer text;
  struct hdx_json json;
  struct hdx_error error;
  (void)state;
  hdx_buffer_init(&text, 8 * LARGE + 64);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct hdx_text whole = repeated(&text, cases[i].beginning, cases[i].part, cases[i].end);
    enum hdx_status status = parse(whole.data, whole.size, &json, &error);
    assert_int_equal(status, cases[i].fault ? HDX_INTEGRITY : HDX_OK);
    if (cases[i].fault) {
      if (!strstr(error.message, cases[i].fault))
        fail_msg("%zu: %s", i, error.message);
      continue;
    }
    const struct hdx_json_value *first = hdx_json_first(&json, json.values);
    assert_int_equal(first->type, cases[i].type);
    assert_int_equal(first->text.size, cases[i].size);
    hdx_json_deinit(&json);
  }
  hdx_buffer_deinit(&text);
}

static void test_truncations(void **state) {
  (void)state;
  static const char text[] = "{\"a\": [1, -2.5e3, true, null], \"b\\n\": {\"c\": \"\\u00e9 \xc3\xa9\"}, \"d\": []}";
  for (size_t size = 0; size < sizeof text - 1; size++) {
    struct hdx_json json;
    struct hdx_error error = {.message = ""};
    assert_int_equal(parse(text, size, &json, &error), HDX_INTEGRITY);
    assert_non_null(strstr(error.message, "doc: line 1 column "));
    assert_non_null(strstr(error.message, "expected "));
  }
}

static void test_views(void **state) {
  (void)state;
  static const char text[] =
      "\xef\xbb\xbf{ \"one\" : [ 1 , 2 ] ,\n \"two\":\"t\\u0077o\" , \"one\": 3,\n\n  \"three\": { \"x\" : 1 }\n}\n";
  struct hdx_json json;
  size_t line, column;
  assert_int_equal(parse(text, sizeof text - 1, &json, NULL), HDX_OK);
  const struct hdx_json_value *one = hdx_json_member(&json, json.values, "one");
  const struct hdx_json_value *two = hdx_json_member(&json, json.values, "two");
  const struct hdx_json_value *three = hdx_json_member(&json, json.values, "three");
  assert_true(hdx_text_is(json.text, text + 3));
  assert_true(hdx_text_is(one->raw, "[ 1 , 2 ]")); /* the first of two */
  assert_true(hdx_text_is(two->raw, "\"t\\u0077o\""));
  assert_true(hdx_text_is(two->text, "two"));
  assert_true(hdx_text_is(three->raw, "{ \"x\" : 1 }"));
  assert_true(hdx_text_is(three->text, "{ \"x\" : 1 }"));
  assert_int_equal(three->count, 1);
  hdx_json_place(&json, three->raw, &line, &column);
  assert_int_equal(line, 4);
  assert_int_equal(column, 12);
  hdx_json_place(&json, json.values->raw, &line, &column);
  assert_int_equal(line, 1);
  assert_int_equal(column, 1);
  hdx_json_place(&json, two->text, &line, &column); /* unescaped: elsewhere */
  assert_int_equal(line, 0);
  assert_int_equal(column, 0);
  assert_null(hdx_json_member(&json, json.values, "four"));
  assert_null(hdx_json_member(&json, one, "one"));
  assert_null(hdx_json_member(&json, NULL, "one"));
  assert_null(hdx_json_first(&json, NULL));
  hdx_json_deinit(&json);
}

static void test_many_values_are_bounded(void **state) {
  (void)state;
  size_t size = (size_t)6 << 20;
  char *text = malloc(size);
  for (size_t i = 0; i < size; i++)
    text[i] = i == 0 ? '[' : i == size - 1 ? ']' : i % 2 ? '1' : ',';
  struct hdx_json json;
  struct hdx_error error;
  text[size - 2] = ' ';
  text[size - 3] = '1';
  assert_int_equal(hdx_json_parse((struct hdx_text){text, size}, "doc", &json, &error), HDX_LIMIT);
  assert_non_null(strstr(error.message, "doc: more than 1835008 values"));
  free(text);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_trees),
      cmocka_unit_test(test_faults),
      cmocka_unit_test(test_depth),
      cmocka_unit_test(test_23_24_hostile_sizes),
      cmocka_unit_test(test_truncations),
      cmocka_unit_test(test_views),
      cmocka_unit_test(test_many_values_are_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
