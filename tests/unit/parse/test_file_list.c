/* Lists of files: lines, CSV and NDJSON, whole and in pieces, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "parse/file_list.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define LIST(text) text, sizeof text - 1

/* "line|key|id|start|stop|size|checksum|algorithm", times as nanoseconds or -, and a newline. */
static void note(const struct hdx_list_row *row, struct hdx_buffer *out) {
  hdx_buffer_append_format(out, "%llu|%.*s|%.*s|", (unsigned long long)row->line, HDX_TEXT_ARG(row->key),
                           HDX_TEXT_ARG(row->id));
  const int64_t times[] = {row->start, row->stop};
  for (size_t i = 0; i < 2; i++) {
    if (times[i] == HDX_TIME_NONE)
      hdx_buffer_append_format(out, "-|");
    else if (times[i] == (i ? HDX_TIME_MAX : HDX_TIME_STATIC))
      hdx_buffer_append_format(out, "static|");
    else
      hdx_buffer_append_format(out, "%lld|", (long long)times[i]);
  }
  hdx_buffer_append_format(out, "%lld|%.*s|%.*s\n", (long long)row->size, HDX_TEXT_ARG(row->checksum),
                           HDX_TEXT_ARG(row->checksum_algorithm));
}

/* Reads the list as if it came in two pieces, of which the first has `cut` bytes. Pieces are exact heap copies, so that
 * a read beyond them is seen. */
static enum hdx_status read_cut(const char *text, size_t size, bool nul, size_t cut, struct hdx_buffer *out,
                                struct hdx_error *error) {
  struct hdx_file_list list;
  enum hdx_status status = HDX_OK;
  size_t at = 0, ends[] = {cut, size};
  hdx_file_list_init(&list, "list", nul);
  hdx_buffer_clear(out);
  for (size_t piece = 0; piece < 2 && status == HDX_OK; piece++) {
    size_t have = ends[piece] - at;
    char *copy = malloc(have ? have : 1);
    memcpy(copy, text + at, have);
    bool found = true;
    for (size_t from = 0, used; status == HDX_OK && found; from += used) {
      struct hdx_list_row row;
      used = 0;
      status = hdx_file_list_next(&list, (struct hdx_text){copy + from, have - from}, piece == 1, &used, &row, &found,
                                  error);
      if (status == HDX_OK && found)
        note(&row, out);
      at += used;
    }
    free(copy);
    hdx_file_list_forget(&list);
  }
  hdx_file_list_deinit(&list);
  return status;
}

static const struct {
  const char *text;
  size_t size;
  bool nul;
  const char *rows;
} good[] = {
    {LIST(""), false, ""},
    {LIST("\n\r\n\n"), false, ""},
    {LIST("a/b.cdf\n\nc d \r\n s3://b/e"), false, "1|a/b.cdf||-|-|-1||\n3|c d ||-|-|-1||\n4| s3://b/e||-|-|-1||\n"},
    {LIST("\xef\xbb\xbf"
          "a\nb"),
     false, "1|a||-|-|-1||\n2|b||-|-|-1||\n"},
    {LIST("a\rb\n"), false, "1|a\rb||-|-|-1||\n"},
    {LIST("\"a\"\nb,c\n"), false, "1|\"a\"||-|-|-1||\n2|b,c||-|-|-1||\n"},
    {LIST("a\n{b\0\0c\r\n\0{"), true, "1|a\n{b||-|-|-1||\n3|c\r\n||-|-|-1||\n4|{||-|-|-1||\n"},
    {LIST("\xef\xbb\xbf"
          "a\0"),
     true,
     "1|\xef\xbb\xbf"
     "a||-|-|-1||\n"},
    /* CSV */
    {LIST("datakey\na\n\nb\n"), false, "2|a||-|-|-1||\n4|b||-|-|-1||\n"},
    {LIST("start,stop,datakey,filesize\n1970-01-01T00:00:00Z,1970-01-01T00:00:01.5Z,s3://b/k,12\n"), false,
     "2|s3://b/k||0|1500000000|12||\n"},
    {LIST("id,start,stop,datakey,filesize,checksum,checksum_algorithm,x\r\nA,static,static,k,,,,1\r\n"
          "B,1970,,l,0,ab,md5,\r\n"),
     false, "2|k|A|static|static|-1||\n3|l|B|0|-|0|ab|md5\n"},
    {LIST("\"datakey\",\"id\"\n\"a,\"\"b\"\"\nc\",\"\"\nd,e\n"), false, "2|a,\"b\"\nc||-|-|-1||\n4|d|e|-|-|-1||\n"},
    {LIST("id,datakey\r\nA,\"a\r\n\"\"b\"\r\nB,\"c\n\"\r\n"), false, "2|a\r\n\"b|A|-|-|-1||\n4|c\n|B|-|-|-1||\n"},
    {LIST("x,datakey,id_2,datakey\n1,a,2,b\n"), false, "2|a||-|-|-1||\n"},
    {LIST("\n\ndatakey,filesize\na,1"), false, "4|a||-|-|1||\n"},
    {LIST("datakey,filesize\r\na,\r"), false, "2|a||-|-|-1||\n"},
    /* NDJSON */
    {LIST("{\"datakey\":\"a\"}\n\n{\"datakey\":\"b\\n\\u00e9\\\"\",\"filesize\":7,\"id\":null,\"start\":\"static\","
          "\"stop\":"
          "\"static\"}\r\n"),
     false, "1|a||-|-|-1||\n3|b\n\xc3\xa9\"||static|static|7||\n"},
    {LIST("{\"x\":{\"datakey\":1},\"location\":\"z\",\"datakey\":\"a\",\"datakey\":\"b\",\"checksum\":12,"
          "\"checksum_algorithm\":\"crc32\",\"filesize\":\"3\",\"stop\":null}"),
     false, "1|a||-|-|3|12|crc32\n"},
    {LIST("{\"kind\":\"file\",\"location\":\"s3://b/k\",\"size\":1}\n"), false, "1|s3://b/k||-|-|-1||\n"},
};

static void lists_are_read_however_they_are_cut(void **state) {
  struct hdx_buffer out;
  (void)state;
  hdx_buffer_init(&out, 1 << 20);
  for (size_t i = 0; i < COUNT(good); i++)
    for (size_t cut = 0; cut <= good[i].size; cut++) {
      struct hdx_error error = {.message = ""};
      if (read_cut(good[i].text, good[i].size, good[i].nul, cut, &out, &error) != HDX_OK)
        fail_msg("list %zu, cut at %zu: %s", i, cut, error.message);
      if (strcmp(hdx_buffer_string(&out), good[i].rows) != 0)
        fail_msg("list %zu, cut at %zu: %s", i, cut, hdx_buffer_string(&out));
    }
  hdx_buffer_deinit(&out);
}

static void what_is_malformed_is_refused_with_its_line(void **state) {
  static const struct {
    const char *text;
    size_t size;
    const char *message;
  } bad[] = {
      {LIST("a\nb\0c\n"), "list: line 2: a NUL byte"},
      {LIST("datakey,id\n\na\n"), "list: line 3: expected 2 fields, as the header has, found 1"},
      {LIST("datakey,id\na,b,c\n"), "list: line 2: expected 2 fields, as the header has, found 3"},
      {LIST("datakey\na\"b\n"), "list: line 2: field 1: a quote"},
      {LIST("datakey,id\n\"a\"b,c\n"), "list: line 2: field 1: a quote"},
      {LIST("datakey,id\n\"a\nb"), "list: line 2: field 1: a quote"},
      {LIST("id,datakey\na,\n"), "list: line 2: expected a datakey, found none"},
      {LIST("datakey,filesize\na,-1\n"), "list: line 2: filesize: expected a number of bytes, found '-1'"},
      {LIST("datakey,filesize\na,9223372036854775808\n"), "list: line 2: filesize: expected"},
      {LIST("datakey,filesize\na,1.5\n"), "list: line 2: filesize: expected"},
      {LIST("datakey,start\na,noon\n"), "list: line 2: start: "},
      {LIST("datakey,start\na,2020-01-01T00:00:00+01:00\n"), "list: line 2: start: "},
      {LIST("{\"datakey\":\"a\"}\n{\"datakey\":\"a\"\n"), "list: line 2: JSON: line 1 column "},
      {LIST("{\"datakey\":\"a\"}\nb\n"), "list: line 2: JSON: "},
      {LIST("{\"datakey\":\"a\"}\n[]\n"), "list: line 2: expected an object of JSON"},
      {LIST("{\"datakey\":\"a\"}{\"datakey\":\"b\"}\n"), "list: line 1: JSON: "},
      {LIST("{}\n"), "list: line 1: expected a datakey, found none"},
      {LIST("{\"datakey\":null}\n"), "list: line 1: expected a datakey, found none"},
      {LIST("{\"datakey\":1}\n"), "list: line 1: datakey: expected a string, found 1"},
      {LIST("{\"datakey\":\"a\",\"start\":true}\n"), "list: line 1: start: expected a string, found true"},
      {LIST("{\"datakey\":\"a\",\"filesize\":1e3}\n"), "list: line 1: filesize: expected a number of bytes"},
      {LIST("[\n{\"datakey\":\"a\"}]\n"), "list: line 1: an array of JSON"},
      {LIST("[{\"datakey\":\"a\"}]\n"), "list: line 1: an array of JSON"},
      {LIST("start\tstop\tdatakey\tfilesize\n"), "list: line 1: columns divided by tabs"},
      {LIST("2020-01-01T00:00:00Z,2020-01-01T00:05:00Z,s3://b/k,7\n"),
       "list: line 1: a row of CSV; expected its header"},
      {LIST("cp s3://b/k k\n"), "list: line 1: a command for s5cmd"},
  };
  struct hdx_buffer out;
  (void)state;
  hdx_buffer_init(&out, 1 << 20);
  for (size_t i = 0; i < COUNT(bad); i++) {
    struct hdx_error error = {.message = ""};
    assert_int_equal(read_cut(bad[i].text, bad[i].size, false, 0, &out, &error), HDX_INTEGRITY);
    if (strncmp(error.message, bad[i].message, strlen(bad[i].message)) != 0)
      fail_msg("list %zu: %s", i, error.message);
  }
  hdx_buffer_deinit(&out);
}

/* Neither a line nor a quoted field makes a reader hold more than so much. */
static void records_are_bounded(void **state) {
  static const char *const beginnings[] = {"", "datakey\n\"", "{\"datakey\":\""};
  struct hdx_buffer out;
  size_t size = HDX_LIST_RECORD_BYTES_MAX + 100;
  char *text = malloc(size);
  (void)state;
  hdx_buffer_init(&out, 8 << 20);
  for (size_t i = 0; i < COUNT(beginnings); i++)
    for (int last = 0; last < 2; last++) {
      struct hdx_file_list list;
      struct hdx_list_row row;
      struct hdx_error error = {.message = ""};
      size_t used = 0;
      bool found;
      memset(text, 'a', size);
      memcpy(text, beginnings[i], strlen(beginnings[i]));
      hdx_file_list_init(&list, "list", false);
      assert_int_equal(hdx_file_list_next(&list, (struct hdx_text){text, size}, last, &used, &row, &found, &error),
                       HDX_INTEGRITY);
      assert_true(i || strstr(error.message, "more than 1048576 bytes"));
      hdx_file_list_deinit(&list);
    }
  free(text);
  hdx_buffer_deinit(&out);
}

static void columns_are_bounded(void **state) {
  struct hdx_buffer text, out;
  (void)state;
  hdx_buffer_init(&text, 1 << 20);
  hdx_buffer_init(&out, 1 << 20);
  for (size_t columns = HDX_LIST_COLUMNS_MAX; columns <= HDX_LIST_COLUMNS_MAX + 1; columns++) {
    struct hdx_error error = {.message = ""};
    hdx_buffer_clear(&text);
    hdx_buffer_append_text(&text, HDX_TEXT("datakey"));
    for (size_t i = 1; i < HDX_LIST_COLUMNS_MAX; i++)
      hdx_buffer_append_byte(&text, ',');
    hdx_buffer_append_text(&text, HDX_TEXT("\na"));
    for (size_t i = 1; i < columns; i++)
      hdx_buffer_append_byte(&text, ',');
    hdx_buffer_append_byte(&text, '\n');
    bool fits = columns == HDX_LIST_COLUMNS_MAX;
    assert_int_equal(read_cut(text.data, text.size, false, 0, &out, &error), fits ? HDX_OK : HDX_INTEGRITY);
    assert_string_equal(error.message, fits ? "" : "list: line 2: more than 4096 fields");
    assert_string_equal(hdx_buffer_string(&out), fits ? "2|a||-|-|-1||\n" : "");
  }
  hdx_buffer_deinit(&text);
  hdx_buffer_deinit(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lists_are_read_however_they_are_cut),
      cmocka_unit_test(what_is_malformed_is_refused_with_its_line),
      cmocka_unit_test(records_are_bounded),
      cmocka_unit_test(columns_are_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
