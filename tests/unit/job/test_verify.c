/* What a file must be, and whether what came is that. Digests are what md5sum, sha256sum and others say. */
#include "base/text.h"
#include "job/verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HELLO_MD5 "5d41402abc4b2a76b9719d911017c592"
#define HELLO_SHA256 "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define HELLO_SHA256_BASE64 "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
#define HELLO_CRC32C_BASE64 "mnG7TA==" /* 9a71bb4c */
#define ETAG "\"" HELLO_MD5 "\""

enum { SIZE = 1 << HDX_CHECK_SIZE, MD5 = 1 << HDX_CHECK_MD5, SHA256 = 1 << HDX_CHECK_SHA256 };
enum { CRC32C = 1 << HDX_CHECK_CRC32C };

static struct hdx_error error;
static uint32_t checks;

static struct hdx_file file_of(int64_t size, const char *algorithm, const char *checksum) {
  return (struct hdx_file){.location = HDX_TEXT("s3://b/k"),
                           .start = HDX_TIME_NONE,
                           .stop = HDX_TIME_NONE,
                           .size = size,
                           .checksum = hdx_text_of(checksum),
                           .checksum_algorithm = hdx_text_of(algorithm)};
}

static struct hdx_fetch_head head_of(uint64_t size, const char *etag) {
  struct hdx_fetch_head head = {.size = size, .etag = etag, .last_modified = ""};
  for (size_t i = 0; i < HDX_CHECK_COUNT; i++)
    head.checksums[i] = "";
  return head;
}

/* The whole course with bytes that come in two portions. */
static enum hdx_status come(struct hdx_verify *verify, const struct hdx_fetch_head *head, const char *bytes) {
  size_t size = strlen(bytes), half = size / 2;
  enum hdx_status status = hdx_verify_begin(verify, head, &error);
  if (status != HDX_OK)
    return status;
  hdx_verify_add(verify, bytes, half);
  hdx_verify_add(verify, bytes + half, size - half);
  return hdx_verify_finish(verify, size, &checks, &error);
}

static void open_for(struct hdx_verify *verify, const struct hdx_file *file, bool of_bucket) {
  hdx_verify_init(verify, file, of_bucket, false, false);
}

static void sizes(void **state) {
  struct hdx_verify verify;
  struct hdx_fetch_head head = head_of(5, "");
  struct hdx_file file = file_of(5, "", "");
  (void)state;
  open_for(&verify, &file, true);
  assert_int_equal(come(&verify, &head, "hello"), HDX_OK);
  assert_int_equal(checks, SIZE);
  assert_false(hdx_verify_hashes(&verify));
  assert_int_equal(come(&verify, &head, "hell"), HDX_INTEGRITY);
  assert_string_equal(error.message, "s3://b/k: 4 bytes, expected 5 as the server states");
  head.size = UINT64_MAX;
  assert_int_equal(come(&verify, &head, "hello!"), HDX_INTEGRITY);
  assert_string_equal(error.message, "s3://b/k: 6 bytes, expected 5 as the index states");
  head.size = 7; /* said before a byte comes */
  assert_int_equal(hdx_verify_begin(&verify, &head, &error), HDX_INTEGRITY);
  assert_string_equal(error.message, "s3://b/k: 7 bytes, expected 5 as the index states");
  hdx_verify_deinit(&verify);

  hdx_verify_init(&verify, &file, true, true, false);
  assert_int_equal(come(&verify, &head, "hello!!"), HDX_OK);
  hdx_verify_deinit(&verify);

  file.size = -1;
  head.size = UINT64_MAX;
  open_for(&verify, &file, true);
  assert_int_equal(come(&verify, &head, "hello"), HDX_OK);
  assert_int_equal(checks, 0); /* nobody states it */
  hdx_verify_deinit(&verify);
}

static void entity_tags(void **state) {
  struct hdx_verify verify;
  struct hdx_file file = file_of(5, "", "");
  struct hdx_fetch_head head = head_of(5, ETAG);
  (void)state;
  open_for(&verify, &file, true);
  assert_int_equal(come(&verify, &head, "hello"), HDX_OK);
  assert_int_equal(checks, SIZE | MD5);
  assert_int_equal(come(&verify, &head, "hallo"), HDX_INTEGRITY);
  assert_string_equal(error.message, "s3://b/k: md5 598d4c200461b81522a3328565c25f7c, expected " HELLO_MD5
                                     " as the server's entity tag states");
  assert_false(verify.settled);
  /* Begun anew, nothing of what came before counts. */
  assert_int_equal(come(&verify, &head, "hello"), HDX_OK);
  head.etag_is_no_md5 = true;
  assert_int_equal(come(&verify, &head, "hallo"), HDX_OK);
  assert_int_equal(checks, SIZE);
  head.etag_is_no_md5 = false;
  head.etag = "\"" HELLO_MD5 "-2\"";
  assert_int_equal(come(&verify, &head, "hallo"), HDX_OK);
  hdx_verify_deinit(&verify);

  head.etag = ETAG;
  open_for(&verify, &file, false); /* of another server than S3 a tag means nothing */
  assert_int_equal(come(&verify, &head, "hallo"), HDX_OK);
  assert_int_equal(checks, SIZE);
  hdx_verify_deinit(&verify);

  hdx_verify_init(&verify, &file, true, false, true);
  assert_int_equal(come(&verify, &head, "hallo"), HDX_OK);
  assert_int_equal(checks, SIZE);
  hdx_verify_deinit(&verify);
}

static void the_cheapest_of_the_server_is_taken(void **state) {
  struct hdx_verify verify;
  struct hdx_file file = file_of(5, "", "");
  struct hdx_fetch_head head = head_of(5, ETAG);
  (void)state;
  open_for(&verify, &file, true);
  head.checksums[HDX_CHECK_SHA256] = HELLO_SHA256_BASE64;
  assert_int_equal(come(&verify, &head, "hello"), HDX_OK);
  assert_int_equal(checks, SIZE | SHA256);
  head.checksums[HDX_CHECK_CRC32C] = HELLO_CRC32C_BASE64;
  assert_int_equal(come(&verify, &head, "hello"), HDX_OK);
  assert_int_equal(checks, SIZE | CRC32C);
  assert_int_equal(come(&verify, &head, "hallo"), HDX_INTEGRITY);
  assert_non_null(strstr(error.message, "crc32c"));
  assert_non_null(strstr(error.message, "9a71bb4c"));
  head.checksums[HDX_CHECK_CRC32C] = "!"; /* what cannot be read is none */
  assert_int_equal(come(&verify, &head, "hello"), HDX_OK);
  assert_int_equal(checks, SIZE | SHA256);
  hdx_verify_deinit(&verify);
}

static void index_and_server(void **state) {
  struct hdx_verify verify;
  struct hdx_file file = file_of(5, "SHA-256", HELLO_SHA256);
  struct hdx_fetch_head head = head_of(5, ETAG);
  (void)state;
  open_for(&verify, &file, true);
  assert_int_equal(come(&verify, &head, "hello"), HDX_OK);
  assert_int_equal(checks, SIZE | MD5 | SHA256);
  head.checksums[HDX_CHECK_SHA256] = HELLO_SHA256_BASE64; /* of one kind: one pass over the bytes */
  head.checksums[HDX_CHECK_CRC32C] = HELLO_CRC32C_BASE64;
  assert_int_equal(come(&verify, &head, "hello"), HDX_OK);
  assert_int_equal(checks, SIZE | SHA256);
  hdx_verify_deinit(&verify);

  /* What comes is what the server keeps: it is the index that knows better, and asking again is of no use. */
  file = file_of(5, "md5", "598d4c200461b81522a3328565c25f7c");
  head = head_of(5, "\"x-2\"");
  head.checksums[HDX_CHECK_SHA256] = HELLO_SHA256_BASE64;
  open_for(&verify, &file, true);
  assert_int_equal(come(&verify, &head, "hello"), HDX_INTEGRITY);
  assert_non_null(strstr(error.message, "as the index states"));
  assert_true(verify.settled);
  assert_int_equal(come(&verify, &head, "hallo"), HDX_INTEGRITY);
  assert_non_null(strstr(error.message, "as the server states"));
  assert_false(verify.settled);
  /* A contradiction of one kind shows before a byte comes. */
  head = head_of(5, ETAG);
  assert_int_equal(hdx_verify_begin(&verify, &head, &error), HDX_INTEGRITY);
  assert_non_null(strstr(error.message, HELLO_MD5));
  hdx_verify_deinit(&verify);
}

static void what_head_tells_counts_for_its_version(void **state) {
  struct hdx_verify verify;
  struct hdx_file file = file_of(5, "", "");
  struct hdx_fetch_head told = head_of(5, "\"x-2\""), head = told, other = head_of(5, "\"y-2\"");
  (void)state;
  told.checksums[HDX_CHECK_SHA256] = HELLO_SHA256_BASE64;
  open_for(&verify, &file, true);
  hdx_verify_hear(&verify, &told);
  assert_int_equal(come(&verify, &head, "hello"), HDX_OK);
  assert_int_equal(checks, SIZE | SHA256);
  assert_int_equal(come(&verify, &head, "hallo"), HDX_INTEGRITY);
  assert_int_equal(come(&verify, &other, "hallo"), HDX_OK); /* another version by now */
  assert_int_equal(checks, SIZE);
  told.etag = head.etag = ETAG;
  hdx_verify_hear(&verify, &told);
  assert_int_equal(come(&verify, &head, "hello"), HDX_OK);
  assert_int_equal(checks, SIZE | SHA256); /* cheaper than the MD5 that the tag is */
  head.checksums[HDX_CHECK_CRC32C] = HELLO_CRC32C_BASE64;
  assert_int_equal(come(&verify, &head, "hello"), HDX_OK);
  assert_int_equal(checks, SIZE | CRC32C); /* what comes with the object itself is as good */
  hdx_verify_deinit(&verify);
}

static void checksums_that_cannot_be_read_are_none(void **state) {
  struct hdx_verify verify;
  struct hdx_file file = file_of(5, "whirlpool", "abc");
  struct hdx_fetch_head head = head_of(5, "");
  (void)state;
  open_for(&verify, &file, true);
  assert_int_equal(come(&verify, &head, "hello"), HDX_OK);
  assert_int_equal(checks, SIZE);
  hdx_verify_deinit(&verify);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sizes),
      cmocka_unit_test(entity_tags),
      cmocka_unit_test(the_cheapest_of_the_server_is_taken),
      cmocka_unit_test(index_and_server),
      cmocka_unit_test(what_head_tells_counts_for_its_version),
      cmocka_unit_test(checksums_that_cannot_be_read_are_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
