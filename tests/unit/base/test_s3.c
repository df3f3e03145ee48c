/* Where a bucket is: every form of address, as the S3 user guide has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/s3.h"

static void assert_base(const char *bucket, const char *region, const char *endpoint, enum hdx_addressing addressing,
                        bool dualstack, const char *expected) {
  const struct hdx_s3_place place = {.bucket = hdx_text_of(bucket),
                                     .region = hdx_text_of(region),
                                     .endpoint = hdx_text_of(endpoint),
                                     .addressing = addressing,
                                     .dualstack = dualstack};
  struct hdx_buffer url;
  hdx_buffer_init(&url, 1000);
  hdx_s3_append_base(&place, &url);
  assert_string_equal(hdx_buffer_string(&url), expected);
  hdx_buffer_deinit(&url);
}

static const enum hdx_addressing AUTO = HDX_ADDRESSING_AUTO, VIRTUAL = HDX_ADDRESSING_VIRTUAL,
                                 PATH = HDX_ADDRESSING_PATH;

static void test_aws(void **state) {
  (void)state;
  assert_base("bkt", "", "", AUTO, false, "https://bkt.s3.amazonaws.com/");
  assert_base("bkt", "eu-west-1", "", AUTO, false, "https://bkt.s3.eu-west-1.amazonaws.com/");
  assert_base("bkt", "eu-west-1", "", VIRTUAL, false, "https://bkt.s3.eu-west-1.amazonaws.com/");
  assert_base("bkt", "eu-west-1", "", PATH, false, "https://s3.eu-west-1.amazonaws.com/bkt/");
  assert_base("bkt", "", "", PATH, false, "https://s3.amazonaws.com/bkt/");
  assert_base("bkt", "cn-north-1", "", AUTO, false, "https://bkt.s3.cn-north-1.amazonaws.com.cn/");
  assert_base("bkt", "us-gov-west-1", "", AUTO, false, "https://bkt.s3.us-gov-west-1.amazonaws.com/");
  assert_base("bkt", "eu-west-1", "", AUTO, true, "https://bkt.s3.dualstack.eu-west-1.amazonaws.com/");
  assert_base("bkt", "", "", AUTO, true, "https://bkt.s3.dualstack.us-east-1.amazonaws.com/");
  assert_base("bkt", "eu-west-1", "", PATH, true, "https://s3.dualstack.eu-west-1.amazonaws.com/bkt/");
}

/* The certificate covers one label: a bucket with dots, or whose name is none of a host, goes into the path. */
static void test_dots_and_old_names(void **state) {
  (void)state;
  assert_base("a.b.c", "us-west-2", "", AUTO, false, "https://s3.us-west-2.amazonaws.com/a.b.c/");
  assert_base("a.b.c", "us-west-2", "", VIRTUAL, false, "https://s3.us-west-2.amazonaws.com/a.b.c/");
  assert_base("Old_Name", "", "", VIRTUAL, false, "https://s3.amazonaws.com/Old_Name/");
  assert_base("Old_Name", "", "http://h:1", VIRTUAL, false, "http://h:1/Old_Name/");
}

static void test_endpoint(void **state) {
  (void)state;
  assert_base("bkt", "", "http://127.0.0.1:9000", AUTO, false, "http://127.0.0.1:9000/bkt/");
  assert_base("bkt", "eu-west-1", "https://s3.example/gate", AUTO, false, "https://s3.example/gate/bkt/");
  assert_base("bkt", "", "https://s3.example:8443/gate", VIRTUAL, false, "https://bkt.s3.example:8443/gate/");
  assert_base("a.b", "", "http://s3.example", VIRTUAL, false, "http://a.b.s3.example/"); /* the user says so */
  assert_base("bkt", "", HDX_S3_GOOGLE_ENDPOINT, AUTO, true, "https://storage.googleapis.com/bkt/");
}

static void test_regions(void **state) {
  (void)state;
  assert_true(hdx_s3_region(HDX_TEXT("")));
  assert_true(hdx_s3_region(HDX_TEXT("us-east-1")));
  assert_false(hdx_s3_region(HDX_TEXT("us-east-1.evil.example/")));
  assert_false(hdx_s3_region(HDX_TEXT("a b")));
  assert_false(hdx_s3_region(HDX_TEXT("a23456789-a23456789-a23456789-a23456789-x")));
}

int main(void) {
  static const struct CMUnitTest tests[] = {cmocka_unit_test(test_aws), cmocka_unit_test(test_dots_and_old_names),
                                            cmocka_unit_test(test_endpoint), cmocka_unit_test(test_regions)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
