/* What the readers of outside bytes do where memory, or a library that they load, is not to be had. */
#include "base/file.h"
#include "parse/csv.h"
#include "parse/file_list.h"
#include "parse/ini.h"
#include "parse/json.h"
#include "parse/s3_xml.h"
#include "parse/unpack.h"
#include "unit/failing.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { NOTE_BYTES = 64 << 10 };

/* What came out so far, in memory of its own that nothing takes away. */
static struct {
  size_t size;
  char text[NOTE_BYTES];
} noted;

static void note(struct hdx_text text) {
  assert_true(text.size < sizeof noted.text - noted.size);
  memcpy(noted.text + noted.size, text.data, text.size);
  noted.size += text.size;
  noted.text[noted.size++] = '|';
}

static void expect_noted(const char *text) {
  assert_int_equal(noted.size, strlen(text));
  assert_memory_equal(noted.text, text, noted.size);
}

/* ---- index files ---- */

/* Extra columns, of which a header names some, doubled quotes, several batches, a line of three pieces. */
enum { ROWS = 1500 };
static struct hdx_buffer index_file;
static size_t cuts[4];

struct csv_case {
  enum hdx_cpu_level kernel;
  bool header;
};

static void make_index_file(bool header) {
  hdx_buffer_clear(&index_file);
  if (header)
    hdx_buffer_append_text(&index_file, HDX_TEXT("# start,stop,datakey,filesize,a,a\n"));
  cuts[0] = index_file.size + 20;
  for (size_t i = 0; i < ROWS; i++) {
    hdx_buffer_append_format(&index_file, "2010-05-13T00:00:00Z,2010-05-14T00:00:00Z,'it''s %zu',1,x,y,%zu", i, i % 7);
    cuts[2] = index_file.size;
    hdx_buffer_append_format(&index_file, "%*s\n", i ? 0 : 500, "");
    cuts[1] = i ? cuts[1] : cuts[2] + 400;
  }
  cuts[2] = index_file.size / 2, cuts[3] = index_file.size - 20;
}

static enum hdx_status count_rows(void *user, const struct hdx_csv_batch *batch, struct hdx_error *error) {
  size_t *count = user;
  (void)error;
  for (size_t i = 0; i < batch->count; i++, (*count)++) {
    char key[32], number[32];
    snprintf(key, sizeof key, "it's %zu", *count);
    snprintf(number, sizeof number, "%zu", *count % 7);
    assert_true(hdx_text_is(batch->key[i], key) && hdx_text_is(batch->extra[2][i], number));
  }
  return HDX_OK;
}

static enum hdx_status use_csv(void *user, struct hdx_error *error) {
  const struct csv_case *csv_case = user;
  size_t count = 0, from = 0;
  const struct hdx_csv_options options = {
      .kernel = csv_case->kernel, .rows = count_rows, .user = &count, .lines = true};
  static const struct hdx_text given[] = {HDX_TEXT("given"), HDX_TEXT("second")};
  struct hdx_csv *csv = NULL;
  enum hdx_status status = hdx_csv_open(&options, &csv, error);
  if (status == HDX_OK && csv_case->header)
    status = hdx_csv_name_extras(csv, given, COUNT(given), error);
  for (size_t i = 0; status == HDX_OK && i <= COUNT(cuts); i++) {
    size_t to = i < COUNT(cuts) ? cuts[i] : index_file.size;
    status = hdx_csv_feed(csv, index_file.data + from, to - from, error);
    from = to;
  }
  struct hdx_error again;
  if (status == HDX_OK)
    status = hdx_csv_finish(csv, error);
  else if (csv && from) /* a file whose scan has failed stays failed */
    assert_int_equal(hdx_csv_finish(csv, &again), status);
  if (status == HDX_OK) {
    const struct hdx_csv_dialect *dialect = hdx_csv_dialect(csv);
    assert_int_equal(count, ROWS);
    assert_int_equal(dialect->extra_count, 3);
    assert_true(hdx_text_is(dialect->extra_names[0], csv_case->header ? "a" : "checksum"));
    assert_true(hdx_text_is(dialect->extra_names[1], csv_case->header ? "a_2" : "checksum_algorithm"));
    assert_true(hdx_text_is(dialect->extra_names[2], "column7"));
  }
  hdx_csv_close(csv);
  return status;
}

static void test_33_memory_for_index_files(void **state) {
  (void)state;
  hdx_buffer_init(&index_file, 1 << 20);
  for (int i = 0; i < 4; i++) {
    struct csv_case csv_case = {i % 2 ? hdx_cpu_level() : HDX_CPU_SCALAR, i / 2};
    make_index_file(csv_case.header);
    failing_memory(use_csv, &csv_case);
  }
  hdx_buffer_deinit(&index_file);
}

/* ---- packed files ---- */

static enum hdx_status count_bytes(void *user, const char *data, size_t size, struct hdx_error *error) {
  size_t *count = user;
  (void)data, (void)error;
  *count += size;
  return HDX_OK;
}

static enum hdx_status use_unpack(void *user, struct hdx_error *error) {
  const struct hdx_buffer *file = user;
  size_t count = 0;
  struct hdx_unpack *unpack = NULL;
  enum hdx_status status = hdx_unpack_open(count_bytes, &count, &unpack, error);
  for (size_t at = 0; status == HDX_OK && at < file->size; at += 50)
    status = hdx_unpack_feed(unpack, file->data + at, file->size - at < 50 ? file->size - at : 50, error);
  if (status == HDX_OK)
    status = hdx_unpack_finish(unpack, error);
  assert_true(status != HDX_OK || count > 0);
  hdx_unpack_close(unpack);
  return status;
}

static void test_33_packed_files(void **state) {
  (void)state;
  static const char *const paths[] = {"vectors/packed/deflated.zip", "vectors/packed/stored.zip",
                                      "vectors/packed/one.gz"};
  for (size_t i = 0; i < COUNT(paths); i++) {
    struct hdx_buffer file;
    hdx_buffer_init(&file, 1 << 20);
    assert_int_equal(hdx_file_read(paths[i], 1 << 20, &file, NULL), HDX_OK);
    if (i == 0) /* later it is there */
      assert_int_equal(failing_calls("dlopen", "", use_unpack, &file, HDX_IO), 1);
    failing_memory(use_unpack, &file);
    hdx_buffer_deinit(&file);
  }
}

/* ---- JSON and lists of files ---- */

static enum hdx_status use_json(void *user, struct hdx_error *error) {
  const struct hdx_text *text = user;
  struct hdx_json json;
  enum hdx_status status = hdx_json_parse(*text, "doc", &json, error);
  if (status != HDX_OK)
    return status;
  const struct hdx_json_value *last = NULL;
  for (const struct hdx_json_value *v = hdx_json_first(&json, json.values); v; v = hdx_json_next(&json, json.values, v))
    last = v;
  assert_true(last && hdx_text_is(last->text, "the \"last\"") && hdx_text_is(last->name, "n\nme"));
  hdx_json_deinit(&json);
  return status;
}

static void test_33_memory_for_json(void **state) {
  (void)state;
  struct hdx_buffer large;
  struct hdx_text small = HDX_TEXT("{\"a\":[1,{}],\"n\\nme\":\"the \\\"last\\\"\"}");
  failing_memory(use_json, &small);
  hdx_buffer_init(&large, 1 << 20);
  hdx_buffer_append_text(&large, HDX_TEXT("{\"many\":["));
  for (int i = 0; i < 5000; i++)
    hdx_buffer_append_text(&large, HDX_TEXT("0,\"\\t\","));
  hdx_buffer_append_text(&large, HDX_TEXT("[]],\"n\\nme\":\"the \\\"last\\\"\"}"));
  struct hdx_text text = hdx_buffer_text(&large);
  failing_memory(use_json, &text);
  hdx_buffer_deinit(&large);
}

static enum hdx_status use_file_list(void *user, struct hdx_error *error) {
  struct hdx_text text = *(struct hdx_text *)user;
  struct hdx_file_list list;
  enum hdx_status status = HDX_OK;
  bool found = true;
  noted.size = 0;
  hdx_file_list_init(&list, "list", false);
  while (status == HDX_OK && found) {
    struct hdx_list_row row;
    size_t used;
    status = hdx_file_list_next(&list, text, true, &used, &row, &found, error);
    if (status == HDX_OK && found) {
      note(row.key);
      note(row.id);
    }
    if (status == HDX_OK)
      text = hdx_text_sub(text, used, text.size);
  }
  hdx_file_list_deinit(&list);
  if (status == HDX_OK)
    expect_noted("a\"b\"|A|c|B|");
  return status;
}

static void test_33_memory_for_lists(void **state) {
  (void)state;
  struct hdx_text lists[] = {
      HDX_TEXT("datakey,id\n\"a\"\"b\"\"\",A\nc,B\n"),
      HDX_TEXT("{\"datakey\":\"a\\\"b\\\"\",\"id\":\"A\"}\n{\"datakey\":\"c\",\"id\":\"B\"}\n"),
  };
  for (size_t i = 0; i < COUNT(lists); i++)
    failing_memory(use_file_list, &lists[i]);
}

/* ---- XML ---- */

static void take_object(void *user, const struct hdx_s3_object *object) {
  (void)user;
  note(object->key);
}

static enum hdx_status use_page(void *user, struct hdx_error *error) {
  (void)user;
  static const struct hdx_text body =
      HDX_TEXT("<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"
               "<Contents><Key>a%20b</Key><Size>1</Size></Contents><Contents><Key>c</Key><Size>2</Size></Contents>"
               "</ListBucketResult>");
  struct hdx_s3_page page;
  noted.size = 0;
  enum hdx_status status = hdx_s3_page_read(body, "page", take_object, NULL, &page, error);
  if (status == HDX_OK) {
    assert_int_equal(page.objects, 2);
    expect_noted("a b|c|");
  }
  return status;
}

static void test_33_xml(void **state) {
  (void)state;
  static const struct hdx_text body = HDX_TEXT("<Error><Code>SlowDown</Code><Message>m</Message></Error>");
  struct hdx_s3_error error;
  faults_begin("dlopen:1");
  assert_false(hdx_s3_error_read(body, &error)); /* without expat it is any text */
  assert_int_equal(faults_end(), 1);
  assert_int_equal(failing_calls("dlopen", "", use_page, NULL, HDX_IO), 1);
  failing_memory(use_page, NULL);
  for (unsigned n = 1, failed = 1; failed; n++) { /* an error is never one of memory: what is whole counts */
    char what[32];
    snprintf(what, sizeof what, "alloc:%u", n);
    faults_begin(what);
    bool is = hdx_s3_error_read(body, &error);
    failed = faults_end() > 0;
    assert_true(failed || is);
    assert_true(strcmp(error.code, "SlowDown") == 0 || (failed && !*error.code));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_33_memory_for_index_files),
      cmocka_unit_test(test_33_packed_files),
      cmocka_unit_test(test_33_memory_for_json),
      cmocka_unit_test(test_33_memory_for_lists),
      cmocka_unit_test(test_33_xml),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
