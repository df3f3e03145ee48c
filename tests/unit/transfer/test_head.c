/* Response heads: what a download reads of them, and what it does not believe. */
#include "transfer/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct hdx_head parse(const char *lines) {
  struct hdx_head head;
  hdx_head_init(&head);
  while (*lines) {
    const char *end = strchr(lines, '\n') + 1;
    hdx_head_line(&head, (struct hdx_text){lines, (size_t)(end - lines)});
    lines = end;
  }
  return head;
}

static void fields_of_a_partial_answer(void **state) {
  (void)state;
  struct hdx_head head = parse("HTTP/1.1 206 Partial Content\r\nETAG:  \"abc\" \r\nContent-Length: 10\r\n"
                               "content-range: bytes 5-14/100\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\n");
  assert_int_equal(head.status, 206);
  assert_string_equal(head.etag, "\"abc\"");
  assert_string_equal(head.last_modified, "Wed, 21 Oct 2015 07:28:00 GMT");
  assert_int_equal(head.length, 10);
  assert_true(head.has_range && !head.bad_range);
  assert_int_equal(head.range_first, 5);
  assert_int_equal(head.range_last, 14);
  assert_int_equal(head.range_total, 100);
}

static void a_further_head_begins_anew(void **state) {
  (void)state;
  struct hdx_head head =
      parse("HTTP/1.1 100 Continue\r\nETag: \"old\"\r\n\r\nHTTP/2 200 \r\nContent-Length: 3\r\n\r\n");
  assert_int_equal(head.status, 200);
  assert_string_equal(head.etag, "");
  assert_int_equal(head.length, 3);
}

static void test_02_a_head_ends_with_an_empty_line(void **state) {
  (void)state;
  assert_true(parse("HTTP/1.1 200 OK\r\n\r\n").ended);
  assert_true(parse("HTTP/1.1 200 OK\n\n").ended);
  assert_false(parse("HTTP/1.1 200 OK\r\n").ended);
  assert_false(parse("HTTP/1.1 200 OK\r\nETag: \"x\"\r\n").ended);
  assert_false(parse("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nETag: \"x\"\r\n").ended);
}

static void ranges_that_make_no_sense_are_marked(void **state) {
  (void)state;
  const char *bad[] = {"bytes 9-5/10",   "bytes 0-10/10",
                       "bytes -1-5/10",  "bytes 0-/10",
                       "bytes 0-5",      "octets 0-5/10",
                       "bytes 0-5/x",    "bytes 0-99999999999999999999/*",
                       "bytes 0 - 5/10", "",
                       "bytes "};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char line[100];
    snprintf(line, sizeof line, "Content-Range: %s\r\n", bad[i]);
    struct hdx_head head = parse(line);
    assert_true(head.bad_range && !head.has_range);
  }
  struct hdx_head unknown = parse("Content-Range: bytes 0-5/*\r\n");
  assert_true(unknown.has_range && unknown.range_total == HDX_SIZE_UNKNOWN);
  struct hdx_head none = parse("Content-Range: bytes */10\r\n");
  assert_true(!none.has_range && !none.bad_range && none.range_total == 10);
}

static void tags_that_cannot_be_sent_back_are_left_out(void **state) {
  (void)state;
  char line[HDX_ETAG_BYTES_MAX + 50] = "ETag: \"";
  memset(line + 7, 'x', HDX_ETAG_BYTES_MAX);
  strcpy(line + 7 + HDX_ETAG_BYTES_MAX, "\"\r\n");
  assert_string_equal(parse(line).etag, "");
  assert_string_equal(parse("ETag: \"a\001b\"\r\n").etag, "");
  assert_int_equal(parse("Content-Length: -5\r\n").length == HDX_SIZE_UNKNOWN, 1);
  assert_int_equal(parse("Content-Length: 5, 5\r\n").length == HDX_SIZE_UNKNOWN, 1);
  assert_true(hdx_head_strong("\"a\""));
  assert_false(hdx_head_strong("W/\"a\""));
  assert_false(hdx_head_strong(""));
}

static void checksums_are_kept_as_sent(void **state) {
  (void)state;
  struct hdx_head head = parse("HTTP/1.1 200 OK\r\nx-amz-checksum-crc32c: yZRlqg==\r\nX-AMZ-CHECKSUM-CRC64NVME: "
                               "rosUhgyXdgE=\r\nx-amz-checksum-sha1: Kq5sNclPz7QV2+lfQIuc6R7oRu0=-2\r\n\r\n");
  assert_string_equal(head.checksums[HDX_CHECK_CRC32C], "yZRlqg==");
  assert_string_equal(head.checksums[HDX_CHECK_CRC64NVME], "rosUhgyXdgE=");
  assert_string_equal(head.checksums[HDX_CHECK_SHA1], "Kq5sNclPz7QV2+lfQIuc6R7oRu0=-2");
  assert_string_equal(head.checksums[HDX_CHECK_SHA256], "");
  assert_false(head.checksums_of_parts || head.encrypted);
  hdx_head_line(&head, HDX_TEXT("x-amz-checksum-type: something else"));
  hdx_head_line(&head, HDX_TEXT("x-amz-server-side-encryption: AWS:KMS"));
  assert_true(head.checksums_of_parts && head.encrypted);
  hdx_head_line(&head, HDX_TEXT("HTTP/1.1 200 OK"));
  assert_true(head.checksums[HDX_CHECK_CRC32C][0] == 0 && !head.checksums_of_parts && !head.encrypted);
  hdx_head_line(&head, HDX_TEXT("x-amz-server-side-encryption: aws:km"));
  hdx_head_line(&head, HDX_TEXT("x-amz-server-side-encryption:"));
  assert_false(head.encrypted);
}

static void any_bytes_are_taken(void **state) {
  (void)state;
  struct hdx_head head;
  hdx_head_init(&head);
  const char *lines[] = {"",         "\r\n",      ":",          ":\r\n",           "HTTP/",
                         "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 2", "HTTP/1.1 20x OK", "x"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    hdx_head_line(&head, hdx_text_of(lines[i]));
    assert_int_equal(head.status, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fields_of_a_partial_answer),
      cmocka_unit_test(a_further_head_begins_anew),
      cmocka_unit_test(test_02_a_head_ends_with_an_empty_line),
      cmocka_unit_test(ranges_that_make_no_sense_are_marked),
      cmocka_unit_test(tags_that_cannot_be_sent_back_are_left_out),
      cmocka_unit_test(checksums_are_kept_as_sent),
      cmocka_unit_test(any_bytes_are_taken),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
