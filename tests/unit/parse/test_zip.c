/* Zip files that are refused, each with its reason: good ones (tests/vectors/packed) with a field changed, bytes added,
 * or parts put together anew. */
#include "base/file.h"
#include "parse/zip.h"
#include "unit/parse/unpacked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define FILE_BYTES_MAX (2u << 20)

#define LOCAL "PK\x03\x04"
#define CENTRAL "PK\x01\x02"
#define DESCRIPTOR "PK\x07\x08"
#define ZIP64_END "PK\x06\x06"
#define LOCATOR "PK\x06\x07"
#define END "PK\x05\x06"

static void load(const char *name, struct hdx_buffer *content) {
  char path[128];
  struct hdx_error error;
  snprintf(path, sizeof path, "vectors/packed/%s", name);
  hdx_buffer_init(content, FILE_BYTES_MAX);
  if (hdx_file_read(path, FILE_BYTES_MAX, content, &error) != HDX_OK)
    fail_msg("%s", error.message);
}

static size_t find(const struct hdx_buffer *file, const char *signature) {
  const char *at = memmem(file->data, file->size, signature, 4);
  assert_non_null(at);
  return (size_t)(at - file->data);
}

/* Whole, and in two pieces with each cut of the last 200 bytes: how it comes makes no difference. */
static void expect_refused(const struct hdx_buffer *file, const char *what, const char *reason) {
  struct unpacked unpacked;
  unpacked_open(&unpacked);
  for (size_t cut = file->size > 200 ? file->size - 200 : 0; cut <= file->size; cut++) {
    unpacked_run(&unpacked, file->data, file->size, &cut, 1);
    if (unpacked.status != HDX_INTEGRITY)
      fail_msg("%s: expected '%s', found status %d", what, reason, unpacked.status);
    if (!strstr(unpacked.error.message, reason))
      fail_msg("%s: expected '%s', found '%s'", what, reason, unpacked.error.message);
  }
  unpacked_close(&unpacked);
}

static void test_fields(void **state) {
  (void)state;
  static const struct {
    const char *file, *part; /* the part of the file, by its signature */
    size_t at;               /* of the field in it */
    struct hdx_text bytes;   /* that are put there */
    const char *reason;
  } cases[] = {
      {"deflated.zip", LOCAL, 6, HDX_TEXT("\1"), "its member 'set_2020.csv' is encrypted (with a password)"},
      {"deflated.zip", LOCAL, 6, HDX_TEXT("\x41"), "is encrypted (strong encryption)"},
      {"deflated.zip", LOCAL, 7, HDX_TEXT("\x20"), "is encrypted (strong encryption)"},
      {"deflated.zip", LOCAL, 8, HDX_TEXT("\x63"), "is encrypted (AES)"},
      {"deflated.zip", LOCAL, 6, HDX_TEXT("\x20"), "is a patch of another file"},
      {"deflated.zip", LOCAL, 8, HDX_TEXT("\x09"), "stored or deflated, found method 9 (deflate64)"},
      {"deflated.zip", LOCAL, 8, HDX_TEXT("\x0c"), "found method 12 (bzip2)"},
      {"deflated.zip", LOCAL, 8, HDX_TEXT("\x0e"), "found method 14 (LZMA)"},
      {"deflated.zip", LOCAL, 8, HDX_TEXT("\x5d"), "found method 93 (zstd)"},
      {"deflated.zip", LOCAL, 8, HDX_TEXT("\x4d"), "found method 77 (unknown to us)"},
      {"deflated.zip", LOCAL, 41, HDX_TEXT("/"), "expected one file, found the folder 'set_2020.cs/'"},
      {"deflated.zip", LOCAL, 14, HDX_TEXT("\1\2\3\4"), "local header: expected the CRC-32"},
      {"deflated.zip", LOCAL, 18, HDX_TEXT("\1"), "local header: expected the member's compressed size 172, found 1"},
      {"deflated.zip", LOCAL, 22, HDX_TEXT("\1"), "local header: expected the member's size 594, found 513"},
      {"deflated.zip", LOCAL, 22, HDX_TEXT("\xff\xff\xff\xff"), "expected the sizes of its member in a zip64 field"},
      {"deflated.zip", LOCAL, 42, HDX_TEXT("\xff"), "expected a DEFLATE stream, found a block that is none"},
      {"stored.zip", LOCAL, 6, HDX_TEXT("\x08"), "is stored and its size is not told in front of it"},
      {"stored.zip", LOCAL, 22, HDX_TEXT("\1"), "is stored: expected one size, found 594 and 513"},
      {"stored.zip", LOCAL, 50, HDX_TEXT("x"), "local header: expected the CRC-32"},
      {"streamed.zip", LOCAL, 14, HDX_TEXT("\1"), "local header: expected the CRC-32"},
      {"streamed.zip", DESCRIPTOR, 4, HDX_TEXT("\1\1"), "data descriptor: expected the CRC-32"},
      {"streamed.zip", DESCRIPTOR, 8, HDX_TEXT("\1"), "data descriptor: expected the member's compressed size 172"},
      {"streamed.zip", DESCRIPTOR, 12, HDX_TEXT("\1"), "data descriptor: expected the member's size 594, found 513"},
      {"streamed_zip64.zip", DESCRIPTOR, 11, HDX_TEXT("\1"), "data descriptor: expected the member's compressed size"},
      {"streamed.zip", DESCRIPTOR, 0, HDX_TEXT("x"), "data descriptor: expected the CRC-32"},
      {"deflated.zip", CENTRAL, 0, HDX_TEXT("x"), "expected the central directory at byte 214, found other bytes"},
      {"deflated.zip", CENTRAL, 8, HDX_TEXT("\1"), "central directory: says that the member is encrypted"},
      {"deflated.zip", CENTRAL, 10, HDX_TEXT("\0"), "central directory: expected the method 8, found 0"},
      {"deflated.zip", CENTRAL, 16, HDX_TEXT("\1\1"), "central directory: expected the CRC-32"},
      {"deflated.zip", CENTRAL, 20, HDX_TEXT("\1"), "central directory: expected the member's compressed size 172"},
      {"deflated.zip", CENTRAL, 24, HDX_TEXT("\1"), "central directory: expected the member's size 594"},
      {"deflated.zip", CENTRAL, 42, HDX_TEXT("\7"), "central directory: expected the member at byte 0, found 7"},
      {"deflated.zip", CENTRAL, 42, HDX_TEXT("\xff\xff\xff\xff"), "central directory: expected a zip64 field"},
      {"deflated.zip", CENTRAL, 46, HDX_TEXT("S"), "central directory: expected the name"},
      {"zip64_end.zip", ZIP64_END, 4, HDX_TEXT("\1"), "zip64 end record: expected a size of some bytes, found 1"},
      {"zip64_end.zip", ZIP64_END, 32, HDX_TEXT("\2"), "zip64 end record: expected members 1, found 2"},
      {"zip64_end.zip", ZIP64_END, 48, HDX_TEXT("\1"), "zip64 end record: expected the directory at byte 234, found 1"},
      {"zip64_end.zip", LOCATOR, 0, HDX_TEXT("x"), "expected the locator of the zip64 end record"},
      {"zip64_end.zip", LOCATOR, 8, HDX_TEXT("\1"), "zip64 locator: expected the zip64 end record at byte"},
      {"deflated.zip", END, 0, HDX_TEXT("x"), "expected the end record at byte 272, found other bytes"},
      {"deflated.zip", END, 4, HDX_TEXT("\1"), "end record: expected disk 0, found 1"},
      {"deflated.zip", END, 8, HDX_TEXT("\2"), "end record: expected members on this disk 1, found 2"},
      {"deflated.zip", END, 10, HDX_TEXT("\0"), "end record: expected members 1, found 0"},
      {"deflated.zip", END, 10, HDX_TEXT("\xff\xff"), "end record: expected members 1, found 65535"},
      {"deflated.zip", END, 12, HDX_TEXT("\1"), "end record: expected the directory's size 58, found 1"},
      {"deflated.zip", END, 16, HDX_TEXT("\1"), "end record: expected the directory at byte 214, found 1"},
      {"deflated.zip", END, 20, HDX_TEXT("\1"), "it breaks off in its comment"},
      {"comment.zip", END, 20, HDX_TEXT("\1"), "expected the file's end at byte 295, found more bytes"},
      {"deflated.zip", LOCAL, 2, HDX_TEXT("\7\x08"), "found the first part of one that was split"},
      {"deflated.zip", LOCAL, 2, HDX_TEXT("\5\6"), "expected one member, found none"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct hdx_buffer file;
    load(cases[i].file, &file);
    size_t at = find(&file, cases[i].part) + cases[i].at;
    memcpy(file.data + at, cases[i].bytes.data, cases[i].bytes.size);
    char what[64];
    snprintf(what, sizeof what, "case %zu (%s)", i, cases[i].file);
    expect_refused(&file, what, cases[i].reason);
    hdx_buffer_deinit(&file);
  }
}

static void test_empty_archive(void **state) {
  (void)state;
  struct hdx_buffer file;
  hdx_buffer_init(&file, 64);
  hdx_buffer_append(&file, END "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);
  expect_refused(&file, "an archive of nothing", "expected one member, found none");
  hdx_buffer_deinit(&file);
}

/* A second member is named, however long it is, by its own header or by that in the central directory. */
static void test_several_members(void **state) {
  (void)state;
  struct hdx_buffer one, two;
  load("deflated.zip", &one);
  hdx_buffer_init(&two, FILE_BYTES_MAX);
  size_t central = find(&one, CENTRAL), end = find(&one, END);
  for (size_t between = 0; between <= 1 << 20; between += 1 << 20) {
    hdx_buffer_clear(&two);
    hdx_buffer_append(&two, one.data, central);
    size_t second = two.size;
    hdx_buffer_append(&two, one.data, central);
    memcpy(two.data + second + 30, "another.csv", 11);
    memset(hdx_buffer_reserve(&two, between + 1), 'x', between);
    two.size += between;
    hdx_buffer_append(&two, one.data + central, one.size - central);
    expect_refused(&two, "two members", "expected one member, found 'set_2020.csv' and 'another.csvv'");
  }
  hdx_buffer_clear(&two);
  hdx_buffer_append(&two, one.data, end);
  hdx_buffer_append(&two, one.data + central, one.size - central);
  expect_refused(&two, "one member listed twice", "expected one member, found 'set_2020.csv' and 'set_2020.csv'");
  hdx_buffer_deinit(&one);
  hdx_buffer_deinit(&two);
}

/* A second name that does not fit into what there is. */
static void test_names_beyond_the_end(void **state) {
  (void)state;
  struct hdx_buffer file;
  load("deflated.zip", &file);
  size_t central = find(&file, CENTRAL);
  file.size = central;
  hdx_buffer_append(&file,
                    LOCAL "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff"
                          "abc",
                    33);
  expect_refused(&file, "a name that is cut", "found 'set_2020.csv' and 'abc'");
  hdx_buffer_deinit(&file);
}

static void test_too_much_behind(void **state) {
  (void)state;
  struct hdx_buffer file;
  load("deflated.zip", &file);
  for (int i = 0; i < 1 << 20; i++)
    hdx_buffer_append_byte(&file, ' ');
  expect_refused(&file, "a megabyte behind", "expected the file's end at byte 294, found more bytes");
  hdx_buffer_deinit(&file);
}

/* Whoever begins to read a zip file need not have looked at its first bytes. */
static void test_other_files(void **state) {
  (void)state;
  struct hdx_zip zip;
  struct hdx_inflate *inflate;
  struct hdx_error error;
  assert_int_equal(hdx_inflate_open(unpacked_take, NULL, &inflate, &error), HDX_OK);
  hdx_zip_init(&zip);
  hdx_zip_begin(&zip, inflate);
  assert_int_equal(hdx_zip_feed(&zip, "start,stop,datakey", 18, &error), HDX_INTEGRITY);
  assert_string_equal(error.message, "zip file: expected a member's header, found other bytes");
  hdx_zip_deinit(&zip);
  hdx_inflate_close(inflate);
}

/* A name that could do harm to a terminal is shown without its bytes. */
static void test_names_are_shown_safely(void **state) {
  (void)state;
  struct hdx_buffer file;
  load("deflated.zip", &file);
  memcpy(file.data + 30, "\x1b[2J\n\xe9", 6);
  file.data[6] = 1;
  expect_refused(&file, "a hostile name", "its member '?[2J??20.csv' is encrypted");
  hdx_buffer_deinit(&file);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_fields),          cmocka_unit_test(test_empty_archive),
      cmocka_unit_test(test_several_members), cmocka_unit_test(test_names_beyond_the_end),
      cmocka_unit_test(test_too_much_behind), cmocka_unit_test(test_names_are_shown_safely),
      cmocka_unit_test(test_other_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
