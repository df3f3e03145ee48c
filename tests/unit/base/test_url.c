/* URLs: their parts, what is refused and how that is said, percent-encoding, bucket names, link-local hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/url.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void assert_text(struct hdx_text text, const char *expected) {
  char *copy = hdx_text_dup(text);
  assert_string_equal(copy, expected);
  free(copy);
}

static void test_parts(void **state) {
  (void)state;
  static const struct {
    const char *url;
    enum hdx_scheme scheme;
    const char *host, *port, *path, *query;
  } rows[] = {
      {"s3://b/", HDX_SCHEME_S3, "b", "", "", ""},
      {"s3://b", HDX_SCHEME_S3, "b", "", "", ""},
      {"S3://gov-nasa-hdrl-data1/sdo/aia/x y+%20?#é.fits", HDX_SCHEME_S3, "gov-nasa-hdrl-data1", "",
       "sdo/aia/x y+%20?#é.fits", ""},
      {"s3://Old_Bucket.1//k", HDX_SCHEME_S3, "Old_Bucket.1", "", "/k", ""},
      {"http://h", HDX_SCHEME_HTTP, "h", "", "", ""},
      {"HTTPS://Host.Example:8443/a/b?c=/d?e#f", HDX_SCHEME_HTTPS, "Host.Example", "8443", "/a/b", "c=/d?e"},
      {"http://h?q", HDX_SCHEME_HTTP, "h", "", "", "q"},
      {"http://h#f?q", HDX_SCHEME_HTTP, "h", "", "", ""},
      {"http://h:/p", HDX_SCHEME_HTTP, "h", "", "/p", ""},
      {"http://h:65535", HDX_SCHEME_HTTP, "h", "65535", "", ""},
      {"http://h/a@b:c", HDX_SCHEME_HTTP, "h", "", "/a@b:c", ""},
      {"http://127.0.0.1:80/", HDX_SCHEME_HTTP, "127.0.0.1", "80", "/", ""},
      {"http://[::1]:80/x", HDX_SCHEME_HTTP, "[::1]", "80", "/x", ""},
      {"http://[fe80::1%25eth0]", HDX_SCHEME_HTTP, "[fe80::1%25eth0]", "", "", ""},
      {"file:///data/a b?#c", HDX_SCHEME_FILE, "", "", "/data/a b?#c", ""},
      {"FILE://localhost/d", HDX_SCHEME_FILE, "", "", "/d", ""},
      {"file:///", HDX_SCHEME_FILE, "", "", "/", ""},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct hdx_url url;
    struct hdx_error error = {.message = ""};
    enum hdx_status status = hdx_url_parse(hdx_text_of(rows[i].url), &url, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(status, HDX_OK);
    assert_int_equal(url.scheme, rows[i].scheme);
    assert_text(url.host, rows[i].host);
    assert_text(url.port, rows[i].port);
    assert_text(url.path, rows[i].path);
    assert_text(url.query, rows[i].query);
  }
}

static void test_refused(void **state) {
  (void)state;
  static const struct {
    const char *url, *message;
  } rows[] = {
      {"", ": expected a URL that begins with s3://, http://, https:// or file://"},
      {"bucket", "bucket: expected a URL that begins with s3://, http://, https:// or file://"},
      {"ftp://h/", "ftp://h/: expected a URL that begins with s3://, http://, https:// or file://"},
      {"://h/", "://h/: expected a URL that begins with s3://, http://, https:// or file://"},
      {"s3:/b/", "s3:/b/: expected a URL that begins with s3://, http://, https:// or file://"},
      {" s3://b/", " s3://b/: expected a URL that begins with s3://, http://, https:// or file://"},
      {"s3:///key", "s3:///key: expected a bucket at byte 5, found none"},
      {"s3://", "s3://: expected a bucket at byte 5, found none"},
      {"s3://../x", "s3://../x: byte 5 cannot be part of a bucket name"},
      {"s3://b:80/", "s3://b:80/: byte 6 cannot be part of a bucket name"},
      {"s3://b#c/", "s3://b#c/: byte 6 cannot be part of a bucket name"},
      {"s3://key:secret@b/x",
       "s3://…@b/x: a URL with a user or password in it is not taken; give credentials by their options"},
      {"http:///path", "http:///path: expected a host at byte 7, found none"},
      {"http://:80/", "http://:80/: expected a host at byte 7, found none"},
      {"http://h:0/", "http://h:0/: expected a port from 1 to 65535 at byte 9"},
      {"http://h:65536/", "http://h:65536/: expected a port from 1 to 65535 at byte 9"},
      {"http://h:8a/", "http://h:8a/: expected a port from 1 to 65535 at byte 9"},
      {"http://::1/", "http://::1/: expected a host at byte 7, found none"},
      {"http://a:b:1/", "http://a:b:1/: expected a port from 1 to 65535 at byte 9"},
      {"http://[::1/", "http://[::1/: expected an IPv6 address in brackets at byte 7"},
      {"http://[::1]80/", "http://[::1]80/: expected a port from 1 to 65535 at byte 13"},
      {"http://[v1.x]/", "http://[v1.x]/: expected an IPv6 address in brackets at byte 7"},
      {"http://a%2eb/", "http://a%2eb/: byte 8 cannot be part of a host name"},
      {"http://a b/", "http://a b/: byte 8 cannot be part of a host name"},
      {"http://a\\b/", "http://a\\b/: byte 8 cannot be part of a host name"},
      {"http://\xef\xbc\x91/", "http://\xef\xbc\x91/: byte 7 cannot be part of a host name"},
      {"http://user:secret@h/x?token=1",
       "http://…@h/x…: a URL with a user or password in it is not taken; give credentials by their options"},
      {"http://h/a\nb", "http://h/a?b: control byte 0x0a at byte 10"},
      {"http://h/\x7f", "http://h/?: control byte 0x7f at byte 9"},
      {"file://host/x", "file://host/x: expected a path behind file:// (file:///directory/), found a host"},
      {"file://", "file://: expected a path at byte 7, found none"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct hdx_url url;
    struct hdx_error error = {.message = ""};
    assert_int_equal(hdx_url_parse(hdx_text_of(rows[i].url), &url, &error), HDX_USAGE);
    assert_string_equal(error.message, rows[i].message);
    assert_int_equal(hdx_url_parse(hdx_text_of(rows[i].url), &url, NULL), HDX_USAGE);
  }
}

static void test_longest(void **state) {
  (void)state;
  static char text[HDX_URL_BYTES_MAX + 2] = "s3://bucket/";
  struct hdx_url url;
  struct hdx_error error;
  memset(text + 12, 'k', sizeof text - 13);
  assert_int_equal(hdx_url_parse((struct hdx_text){text, HDX_URL_BYTES_MAX}, &url, &error), HDX_OK);
  assert_int_equal(hdx_url_parse((struct hdx_text){text, HDX_URL_BYTES_MAX + 1}, &url, &error), HDX_USAGE);
  assert_non_null(strstr(error.message, "the URL has 8193 bytes, more than 8192"));
  assert_true(strlen(error.message) < 300);
}

/* Hosts and buckets of any length are told, and none is cut. */
static void test_23_longest_hosts(void **state) {
  (void)state;
  static const struct {
    const char *begin, *end, *message; /* the host has 256 bytes between, or 300 in brackets */
  } cases[] = {{"http://", "/", "the host has 256 bytes, more than 255"},
               {"s3://", "/", "the bucket name has 256 bytes, more than 255"},
               {"http://[", "]/", "the host has 258 bytes, more than 255"}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    char text[300];
    struct hdx_url url;
    struct hdx_error error;
    size_t begin = strlen(cases[i].begin);
    memcpy(text, cases[i].begin, begin);
    memset(text + begin, '1', 256);
    strcpy(text + begin + 256, cases[i].end);
    assert_int_equal(hdx_url_parse(hdx_text_of(text), &url, &error), HDX_USAGE);
    assert_non_null(strstr(error.message, cases[i].message));
    assert_false(hdx_url_link_local((struct hdx_text){text + begin, 256}));
  }
  assert_false(hdx_url_link_local(HDX_TEXT("[fe80::1111111111111111111111111111111111111111111111]")));
}

static void test_like(void **state) {
  (void)state;
  static const char *const yes[] = {"s3://", "http://x", "a+b.c-1://"}, *const no[] = {"", "s3:/b", "://", "1a://",
                                                                                       "a b://x"};
  for (size_t i = 0; i < COUNT(yes); i++)
    assert_true(hdx_url_like(hdx_text_of(yes[i])));
  for (size_t i = 0; i < COUNT(no); i++)
    assert_false(hdx_url_like(hdx_text_of(no[i])));
}

static void test_encode(void **state) {
  (void)state;
  struct hdx_buffer out;
  hdx_buffer_init(&out, 4096);
  hdx_url_encode(&out, HDX_TEXT("aZ09-._~/ +%?#&=:@\"\xc3\xa9\n"), true);
  assert_string_equal(hdx_buffer_string(&out), "aZ09-._~/%20%2B%25%3F%23%26%3D%3A%40%22%C3%A9%0A");
  hdx_buffer_clear(&out);
  hdx_url_encode(&out, HDX_TEXT("http://127.0.0.1:8080"), false);
  assert_string_equal(hdx_buffer_string(&out), "http%3A%2F%2F127.0.0.1%3A8080");
  hdx_buffer_clear(&out);
  assert_true(hdx_url_decode(&out, HDX_TEXT("a%20b%2Bc%2fd%C3%A9+")));
  assert_string_equal(hdx_buffer_string(&out), "a b+c/d\xc3\xa9+");
  assert_false(hdx_url_decode(&out, HDX_TEXT("%")));
  assert_false(hdx_url_decode(&out, HDX_TEXT("a%2")));
  assert_false(hdx_url_decode(&out, HDX_TEXT("a%g0")));
  hdx_buffer_clear(&out);
  hdx_url_mend(&out, HDX_TEXT("/a b%20c%zz\xc3\xa9{1}?q=\"#"), "#");
  assert_string_equal(hdx_buffer_string(&out), "/a%20b%20c%25zz%C3%A9%7B1%7D?q=%22%23");
  hdx_buffer_deinit(&out);
}

static void test_bucket_names(void **state) {
  (void)state;
  static const char
      *const yes[] = {"abc",
                      "gov-nasa-hdrl-data1",
                      "a.b.c",
                      "1.2.3",
                      "1.2.3.x",
                      "0--0",
                      "a23456789012345678901234567890123456789012345678901234567890123"},
             *const no[] = {"",        "ab",       "Abc",
                            "a_b",     "-abc",     "abc-",
                            ".abc",    "abc.",     "a..b",
                            "a/b",     "a b",      "1.2.3.4",
                            "abc\xc3", "s3://abc", "a234567890123456789012345678901234567890123456789012345678901234"};
  for (size_t i = 0; i < COUNT(yes); i++)
    assert_true(hdx_url_bucket_name(hdx_text_of(yes[i])));
  for (size_t i = 0; i < COUNT(no); i++)
    assert_false(hdx_url_bucket_name(hdx_text_of(no[i])));
}

static void test_link_local(void **state) {
  (void)state;
  static const char *const yes[] = {"169.254.169.254",     "169.254.0.1",      "169.254.255.255",
                                    "2852039166",          "0xa9fea9fe",       "0xA9.0xFE.0xA9.0xFE",
                                    "0251.0376.0251.0376", "0251.254.0xa9fe",  "169.16689662",
                                    "025177524776",        "169.254.169.254.", "[fe80::1]",
                                    "[FE80::1%25eth0]",    "[febf::]",         "[::ffff:169.254.169.254]",
                                    "[::ffff:a9fe:a9fe]",  "[::169.254.1.1]",  "[64:ff9b::a9fe:a9fe]",
                                    "[2002:a9fe:a9fe::1]", "[fd00:ec2::254]"};
  static const char *const no[] = {"169.253.255.255",
                                   "169.255.0.0",
                                   "127.0.0.1",
                                   "host.example",
                                   "169.254.169.254.x",
                                   "",
                                   ".",
                                   "[::1]",
                                   "[fec0::1]",
                                   "[2001:db8::a9fe:a9fe]",
                                   "a9fea9fe",
                                   "10.0.0.1",
                                   "[::ffff:10.0.0.1]",
                                   "[fd00::254]"};
  for (size_t i = 0; i < COUNT(yes); i++)
    if (!hdx_url_link_local(hdx_text_of(yes[i])))
      fail_msg("%s is link-local", yes[i]);
  for (size_t i = 0; i < COUNT(no); i++)
    if (hdx_url_link_local(hdx_text_of(no[i])))
      fail_msg("%s is not link-local", no[i]);
}

static void test_quote(void **state) {
  (void)state;
  char out[80], tiny[8];
  assert_string_equal(hdx_url_quote(HDX_TEXT("s3://b/k"), out, sizeof out), "s3://b/k");
  assert_string_equal(hdx_url_quote(HDX_TEXT("http://a:b@c@h/p?X-Amz-Signature=1"), out, sizeof out), "http://…@h/p…");
  assert_int_equal(strlen(hdx_url_quote(HDX_TEXT("http://user:pw@host/"), tiny, sizeof tiny)), 7);
  assert_true(hdx_url_has_user(HDX_TEXT("ftp://a@h")) && hdx_url_has_user(HDX_TEXT("s3://a:b@c@h?x")));
  assert_false(hdx_url_has_user(HDX_TEXT("s3://b/k@x")) || hdx_url_has_user(HDX_TEXT("http://h?a@b")));
  assert_false(hdx_url_has_user(HDX_TEXT("")) || hdx_url_has_user(HDX_TEXT("a@b")));
}

static void test_shown(void **state) {
  (void)state;
  static const char *const texts[][2] = {{"http://h/p?X-Amz-Signature=1", "http://h/p?"},
                                         {"HTTPS://h?a#b", "HTTPS://h?"},
                                         {"https://h/p#f", "https://h/p#f"},
                                         {"s3://b/k?x", "s3://b/k?x"},
                                         {"file:///a?b", "file:///a?b"},
                                         {"k?x", "k?x"},
                                         {"", ""}};
  for (size_t i = 0; i < COUNT(texts); i++)
    assert_true(hdx_text_is(hdx_url_shown(hdx_text_of(texts[i][0])), texts[i][1]));
}

static void test_of_path(void **state) {
  (void)state;
  struct hdx_buffer url, path;
  struct hdx_url parsed;
  hdx_buffer_init(&url, 256);
  hdx_buffer_init(&path, 256);
  hdx_url_of_path(&url, "/a b/%41?#\xc3\xbc");
  assert_string_equal(hdx_buffer_string(&url), "file:///a%20b/%2541%3F%23%C3%BC");
  assert_int_equal(hdx_url_parse(hdx_buffer_text(&url), &parsed, NULL), HDX_OK);
  assert_true(hdx_url_decode(&path, parsed.path));
  assert_string_equal(hdx_buffer_string(&path), "/a b/%41?#\xc3\xbc");
  hdx_buffer_deinit(&url);
  hdx_buffer_deinit(&path);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parts),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_longest),
      cmocka_unit_test(test_like),
      cmocka_unit_test(test_encode),
      cmocka_unit_test(test_bucket_names),
      cmocka_unit_test(test_23_longest_hosts),
      cmocka_unit_test(test_link_local),
      cmocka_unit_test(test_quote),
      cmocka_unit_test(test_shown),
      cmocka_unit_test(test_of_path),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
