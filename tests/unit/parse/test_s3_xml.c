/* S3's XML: errors and lists as AWS and Ceph's RGW send them, keys of all kinds, and what hostile documents get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "parse/s3_xml.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define DECLARATION "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define NAMESPACE " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""
#define LAUGHS                                                                                                         \
  "<!DOCTYPE lolz [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">"                                  \
  "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\">"                       \
  "<!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;\"><!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;\">]>"
#define LIST(inside) "<ListBucketResult>" inside "<IsTruncated>false</IsTruncated></ListBucketResult>"
#define URL "<EncodingType>url</EncodingType>"

/* ----------------------------------------------------------------------------------------------------------- errors */

/* An exact heap copy, so that a read beyond it is seen. */
static struct hdx_text copy_of(struct hdx_text text) {
  char *copy = malloc(text.size ? text.size : 1);
  memcpy(copy, text.data, text.size);
  return (struct hdx_text){copy, text.size};
}

static bool read_error(struct hdx_text text, struct hdx_s3_error *error) {
  struct hdx_text copy = copy_of(text);
  memset(error, 'x', sizeof *error);
  bool is = hdx_s3_error_read(copy, error);
  free((char *)copy.data);
  return is;
}

static void test_errors(void **state) {
  (void)state;
  static const struct {
    const char *text, *code, *message, *key, *region, *request_id;
  } rows[] = {
      /* AWS */
      {DECLARATION "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>"
                   "<Key>a/b &amp; c.csv</Key><RequestId>4442587FB7D0A2F9</RequestId><HostId>x+/==</HostId></Error>",
       "NoSuchKey", "The specified key does not exist.", "a/b & c.csv", "", "4442587FB7D0A2F9"},
      {DECLARATION
       "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed; the "
       "region &apos;us-east-1&apos; is wrong; expecting 'eu-west-1'</Message><Region>eu-west-1</Region>"
       "<RequestId>AB</RequestId><HostId>y</HostId></Error>",
       "AuthorizationHeaderMalformed",
       "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'", "", "eu-west-1",
       "AB"},
      /* Ceph's RGW */
      {DECLARATION "<Error><Code>NoSuchBucket</Code><Message></Message><BucketName>none</BucketName>"
                   "<RequestId>tx00000-0065-10-default</RequestId><HostId>10-default-default</HostId></Error>",
       "NoSuchBucket", "", "", "", "tx00000-0065-10-default"},
      {"<Error" NAMESPACE ">\n  <Code>A</Code>\n  <Message/>\n</Error>\n", "A", "", "", "", ""},
      {"\xef\xbb\xbf<Error><Code>A</Code></Error>", "A", "", "", "", ""},
      {"<Error/>", "", "", "", "", ""},
      /* only at their place, only the first, only what was whole */
      {"<Error><Detail><Code>B</Code></Detail><Code>A</Code></Error>", "A", "", "", "", ""},
      {"<Error><Code>A</Code><Code>B</Code></Error>", "A", "", "", "", ""},
      {"<Error><Code>A<i>x<Message>y</Message></i>B</Code></Error>", "AB", "", "", "", ""},
      {"<Error><Error><Code>A</Code></Error></Error>", "", "", "", "", ""},
      {"<Error><Code>A</Code><Message>not wh", "A", "", "", "", ""},
      {"<Error><Code>A</Code></Message>", "A", "", "", "", ""},
      {"<Error><Code>A</Code></Error>&nbsp;", "A", "", "", "", ""},
      {"<Error><Code>A</Code><Message>&nbsp;</Message>", "A", "", "", "", ""},
      /* texts */
      {"<Error><Code>a&#10;b&#9;c\r\nd&#x7f;e</Code></Error>", "abcde", "", "", "", ""},
      {"<Error><Message>a<![CDATA[<&]]>b<!-- c -->d&lt;&#233;</Message></Error>", "", "a<&bd<\xc3\xa9", "", "", ""},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct hdx_s3_error error;
    assert_true(read_error(hdx_text_of(rows[i].text), &error));
    assert_string_equal(error.code, rows[i].code);
    assert_string_equal(error.message, rows[i].message);
    assert_string_equal(error.key, rows[i].key);
    assert_string_equal(error.region, rows[i].region);
    assert_string_equal(error.request_id, rows[i].request_id);
  }
}

static void test_other_texts_are_no_errors(void **state) {
  (void)state;
  static const struct hdx_text rows[] = {
      HDX_TEXT(""),
      HDX_TEXT(" \n"),
      HDX_TEXT("<"),
      HDX_TEXT("<Error"),
      HDX_TEXT("not found"),
      HDX_TEXT("{\"Error\": {\"Code\": \"A\"}}"),
      HDX_TEXT("<html><head><title>502</title></head><body><hr><Error></Error></body></html>"),
      HDX_TEXT("<!DOCTYPE html><html><Error/></html>"),
      HDX_TEXT("<!DOCTYPE Error SYSTEM \"file:///etc/passwd\"><Error><Code>A</Code></Error>"),
      HDX_TEXT(LAUGHS "<Error><Code>&f;</Code></Error>"),
      HDX_TEXT("<ErrorResponse><Error><Code>A</Code></Error></ErrorResponse>"),
      HDX_TEXT("<error><Code>A</Code></error>"),
      HDX_TEXT(LIST("")),
      HDX_TEXT("\0<Error><Code>A</Code></Error>"),
      HDX_TEXT("\x1f\x8b\x08\0\0\0\0\0\0\x03\xff\xfe\x80"),
      HDX_TEXT("<Error\xff><Code>A</Code></Error>"),
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct hdx_s3_error error;
    assert_false(read_error(rows[i], &error));
    assert_string_equal(error.code, "");
    assert_string_equal(error.message, "");
  }
}

static void test_long_texts_of_errors_are_cut(void **state) {
  (void)state;
  for (size_t size = 60; size < 6000; size += size < 70 ? 1 : 2500) {
    struct hdx_buffer text;
    struct hdx_s3_error error;
    hdx_buffer_init(&text, 1 << 20);
    hdx_buffer_append_text(&text, HDX_TEXT("<Error><Code>"));
    for (size_t i = 0; i < size; i++)
      hdx_buffer_append_byte(&text, 'c');
    hdx_buffer_append_text(&text, HDX_TEXT("\xe2\x82\xac</Code><Message>m</Message></Error>"));
    assert_true(read_error(hdx_buffer_text(&text), &error));
    size_t whole = size < 63 ? size : 63;
    assert_int_equal(strspn(error.code, "c"), whole);
    assert_string_equal(error.code + whole, size == 60 ? "\xe2\x82\xac" : "");
    assert_string_equal(error.message, "m");
    hdx_buffer_deinit(&text);
  }
}

/* No server has so much to say: of a document of any size the first megabyte is read. */
static void test_23_an_error_without_end(void **state) {
  (void)state;
  struct hdx_buffer text;
  struct hdx_s3_error error;
  hdx_buffer_init(&text, 4 << 20);
  hdx_buffer_append_text(&text, HDX_TEXT("<Error><Code>SlowDown</Code>"));
  while (text.size < 1 << 20)
    hdx_buffer_append_text(&text, HDX_TEXT("<More>x</More>"));
  hdx_buffer_append_text(&text, HDX_TEXT("<Message>beyond</Message></Error>"));
  assert_true(read_error(hdx_buffer_text(&text), &error));
  assert_string_equal(error.code, "SlowDown");
  assert_string_equal(error.message, "");
  hdx_buffer_deinit(&text);
}

static void test_every_cut_of_an_error(void **state) {
  (void)state;
  static const char text[] =
      DECLARATION "<Error><Code>NoSuchKey</Code><Message>caf\xc3\xa9 &amp; &#x263a;</Message></Error>";
  size_t root = (size_t)(strstr(text, "<Code>") - text), code = (size_t)(strstr(text, "<Message>") - text);
  for (size_t size = 0; size < sizeof text; size++) {
    struct hdx_s3_error error;
    bool is = read_error((struct hdx_text){text, size}, &error);
    assert_int_equal(is, size >= root);
    assert_string_equal(error.code, size >= code ? "NoSuchKey" : "");
    assert_string_equal(error.message,
                        size >= sizeof text - 1 - strlen("</Error>") ? "caf\xc3\xa9 & \xe2\x98\xba" : "");
  }
}

/* ------------------------------------------------------------------------------------------------------------ pages */

/* "key|size|etag|modified;", or "key (prefix);", with bytes that are not plain as \xHH. */
static void note(void *user, const struct hdx_s3_object *object) {
  struct hdx_buffer *out = user;
  for (size_t i = 0; i < object->key.size; i++) {
    unsigned char c = (unsigned char)object->key.data[i];
    hdx_buffer_append_format(out, c < 0x20 || c > 0x7e ? "\\x%02x" : "%c", c);
  }
  if (object->prefix) {
    assert_int_equal(object->etag.size, 0);
    assert_true(object->modified == HDX_TIME_NONE);
    hdx_buffer_append_text(out, HDX_TEXT(" (prefix);"));
    return;
  }
  char time[HDX_TIME_TEXT_MAX] = "never";
  if (object->modified != HDX_TIME_NONE)
    hdx_time_format(object->modified, 3, time);
  hdx_buffer_append_format(out, "|%llu|%.*s|%s;", (unsigned long long)object->size, HDX_TEXT_ARG(object->etag), time);
}

static enum hdx_status read_page(struct hdx_text text, struct hdx_buffer *out, struct hdx_s3_page *page,
                                 struct hdx_error *error) {
  struct hdx_text copy = copy_of(text);
  hdx_buffer_init(out, 1 << 20);
  enum hdx_status status = hdx_s3_page_read(copy, "page", note, out, page, error);
  free((char *)copy.data);
  return status;
}

static void check(const char *text, const char *objects, struct hdx_s3_page *page) {
  struct hdx_buffer out;
  struct hdx_error error = {.message = ""};
  memset(page, 'x', sizeof *page);
  enum hdx_status status = read_page(hdx_text_of(text), &out, page, &error);
  assert_string_equal(error.message, "");
  assert_int_equal(status, HDX_OK);
  assert_string_equal(hdx_buffer_string(&out), objects);
  hdx_buffer_deinit(&out);
}

static const char aws[] = DECLARATION
    "<ListBucketResult" NAMESPACE "><Name>bucket</Name><Prefix>a/</Prefix>"
    "<NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4v+OwEv%2F==</NextContinuationToken>"
    "<KeyCount>3</KeyCount><MaxKeys>3</MaxKeys><Delimiter>/</Delimiter>" URL "<IsTruncated>true</IsTruncated>"
    "<Contents><Key>a/my+image%2B1.jpg</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified>"
    "<ETag>&quot;fba9dede5f27731c9771645a39863328&quot;</ETag><ChecksumAlgorithm>CRC32</ChecksumAlgorithm>"
    "<ChecksumAlgorithm>SHA1</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType><Size>434234</Size>"
    "<Owner><ID>8a6925ce</ID><DisplayName>Key</DisplayName></Owner><StorageClass>STANDARD</StorageClass>"
    "</Contents><Contents><Key>a/z.csv</Key><LastModified>2024-02-29T23:59:59.123Z</LastModified>"
    "<ETag>&quot;a-12&quot;</ETag><Size>0</Size><StorageClass>GLACIER</StorageClass>"
    "<RestoreStatus><Size>7</Size><Key>no</Key></RestoreStatus></Contents>"
    "<CommonPrefixes><Prefix>a/2024%2F+x/</Prefix></CommonPrefixes></ListBucketResult>";

static void test_a_page_of_aws(void **state) {
  (void)state;
  struct hdx_s3_page page;
  check(aws,
        "a/my image+1.jpg|434234|\"fba9dede5f27731c9771645a39863328\"|2009-10-12T17:50:30.000Z;"
        "a/z.csv|0|\"a-12\"|2024-02-29T23:59:59.123Z;a/2024/ x/ (prefix);",
        &page);
  assert_int_equal(page.objects, 2);
  assert_int_equal(page.prefixes, 1);
  assert_true(page.truncated);
  assert_string_equal(page.token, "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4v+OwEv%2F==");
}

/* RGW's order: prefixes before objects, the token is a key; keys are encoded slashes and all. */
static void test_a_page_of_ceph(void **state) {
  (void)state;
  struct hdx_s3_page page;
  check(DECLARATION "<ListBucketResult" NAMESPACE "><EncodingType>url</EncodingType><NextContinuationToken>a/b c+d"
                    "</NextContinuationToken><KeyCount>2</KeyCount><Name>bucket</Name><Prefix></Prefix><MaxKeys>2"
                    "</MaxKeys><Delimiter>/</Delimiter><IsTruncated>true</IsTruncated><CommonPrefixes><Prefix>p%20q/"
                    "</Prefix></CommonPrefixes><Contents><Key>a%2Fb%20c%2Bd</Key><LastModified>2023-05-04T03:02:01.987Z"
                    "</LastModified><ETag>&quot;00&quot;</ETag><Size>18446744</Size><StorageClass>STANDARD"
                    "</StorageClass><Owner><ID>u</ID><DisplayName>u</DisplayName></Owner><Type>Normal</Type></Contents>"
                    "</ListBucketResult>",
        "p q/ (prefix);a/b c+d|18446744|\"00\"|2023-05-04T03:02:01.987Z;", &page);
  assert_true(page.truncated);
  assert_string_equal(page.token, "a/b c+d");
  check("<ListBucketResult" NAMESPACE "><Name>b</Name><Prefix/><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated>"
        "</ListBucketResult>",
        "", &page);
  assert_int_equal(page.objects + page.prefixes, 0);
  assert_false(page.truncated);
  assert_string_equal(page.token, "");
}

static void test_lists(void **state) {
  (void)state;
  static const struct {
    const char *text, *objects;
  } rows[] = {
      /* what keys are, with and without encoding, wherever the encoding stands */
      {LIST("<Contents><Key>a+b%20c</Key><Size>1</Size></Contents>"), "a+b%20c|1||never;"},
      {LIST(URL "<Contents><Key>a+b%20c</Key><Size>1</Size></Contents>"), "a b c|1||never;"},
      {LIST("<Contents><Key>a+b%20c</Key><Size>1</Size></Contents>" URL), "a b c|1||never;"},
      {LIST("<Contents><Key>a+b</Key><Size>1</Size></Contents><EncodingType/>"), "a+b|1||never;"},
      {LIST("<CommonPrefixes><Prefix>a+b/</Prefix></CommonPrefixes>" URL), "a b/ (prefix);"},
      {LIST("<Contents><EncodingType>url</EncodingType><Key>%41</Key><Size>1</Size></Contents>"), "%41|1||never;"},
      {LIST("<Contents><Key>100% ?a=b&amp;c#d//e/../f\\&lt;g&gt;</Key><Size>1</Size></Contents>"),
       "100% ?a=b&c#d//e/../f\\<g>|1||never;"},
      {LIST(URL "<Contents><Key>100%25%20%3Fa%3Db%26c%23d//e/../f%5c%3cg%3E</Key><Size>1</Size></Contents>"),
       "100% ?a=b&c#d//e/../f\\<g>|1||never;"},
      {LIST("<Contents><Key> /\xc3\xa9\xf0\x9f\x9a\x80&#x1F680; </Key><Size>1</Size></Contents>"),
       " /\\xc3\\xa9\\xf0\\x9f\\x9a\\x80\\xf0\\x9f\\x9a\\x80 |1||never;"},
      {LIST(URL "<Contents><Key>%c3%A9%00%01%0A%1f%7F%ff</Key><Size>1</Size></Contents>"),
       "\\xc3\\xa9\\x00\\x01\\x0a\\x1f\\x7f\\xff|1||never;"},
      {LIST(URL "<Contents><Key>%2525+%2B</Key><Size>1</Size></Contents>"), "%25 +|1||never;"},
      {LIST("<Contents><Key>a<!-- b -->c<![CDATA[&amp;]]><?d e?></Key><Size>1</Size></Contents>"), "ac&amp;|1||never;"},
      /* sizes, tags and times */
      {LIST("<Contents><Size>9223372036854775807</Size><Key>k</Key></Contents>"), "k|9223372036854775807||never;"},
      {LIST("<Contents><Size>007</Size><Key>k</Key><LastModified>yesterday</LastModified></Contents>"), "k|7||never;"},
      {LIST("<Contents><Size>7</Size><Key>k</Key><LastModified>2024-01-01T00:00:00+01:00</LastModified></Contents>"),
       "k|7||never;"},
      {LIST("<Contents><Size>7</Size><Key>k</Key><ETag>\"a&#10;b\"</ETag></Contents>"), "k|7||never;"},
      {LIST("<Contents><Size>7</Size><Key>k</Key><ETag>\"a\"</ETag></Contents>"
            "<Contents><Size>8</Size><Key>l</Key></Contents>"),
       "k|7|\"a\"|never;l|8||never;"},
      /* only what stands at its place */
      {LIST("<x><Contents/><CommonPrefixes/><EncodingType>zip</EncodingType></x>"), ""},
      {LIST("<Key>k</Key><Size>x</Size><Prefix>p</Prefix>"), ""},
      {LIST("<y:Contents xmlns:y='y'><Key/></y:Contents>"), ""},
      {LIST("<Contents><Prefix>p</Prefix><Key>k</Key><Size>1</Size><x><Key>l</Key></x></Contents>"), "k|1||never;"},
      {"\xef\xbb\xbf<?xml version='1.0' encoding='ISO-8859-1'?>" LIST(
           "\n<Contents>\n<Key>\xc3\xa9</Key>\n<Size>1</Size>\n</Contents>\n") "\n<!-- end -->\n",
       "\\xc3\\xa9|1||never;"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct hdx_s3_page page;
    check(rows[i].text, rows[i].objects, &page);
  }
}

static void test_what_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } rows[] = {
      {"", "line 1: expected well-formed XML: no element found"},
      {"\n\nnothing", "line 3: expected well-formed XML: syntax error"},
      {"<html><body>", "line 1: expected <ListBucketResult>, found <html>"},
      {"<html/>", "line 1: expected <ListBucketResult>, found <html>"},
      {"\n<Error><Code>A</Code></Error>", "line 2: expected <ListBucketResult>, found <Error>"},
      {"<ListBucketResult>\n<Contents>\n</List", "line 3: expected well-formed XML: unclosed token"},
      {"<ListBucketResult></ListBucketResults>", "line 1: expected well-formed XML: mismatched tag"},
      {LIST("") "<ListBucketResult/>", "line 1: expected well-formed XML: junk after document element"},
      {LIST("&nbsp;"), "line 1: expected well-formed XML: undefined entity"},
      {LIST("<Contents><Key>\x01</Key></Contents>"),
       "line 1: expected well-formed XML: not well-formed (invalid token)"},
      {LIST("<Contents><Key>&#1;</Key></Contents>"),
       "line 1: expected well-formed XML: reference to invalid character number"},
      {LIST("<Contents><Key>\xe9</Key></Contents>"),
       "line 1: expected well-formed XML: not well-formed (invalid token)"},
      {LAUGHS LIST("<Contents><Key>&f;</Key><Size>1</Size></Contents>"),
       "line 1: expected no document type declaration"},
      {"<!DOCTYPE a SYSTEM 'file:///etc/passwd'>" LIST(""), "line 1: expected no document type declaration"},
      {"<!DOCTYPE html>\n<html>", "line 1: expected no document type declaration"},
      {"<ListBucketResult/>", "line 1: expected <IsTruncated> in <ListBucketResult>"},
      {"<ListBucketResult><IsTruncated>yes</IsTruncated></ListBucketResult>",
       "line 1: expected true or false in <IsTruncated>"},
      {"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
       "line 1: expected <NextContinuationToken> in a list that is truncated"},
      {"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken/></ListBucketResult>",
       "line 1: expected <NextContinuationToken> in a list that is truncated"},
      {LIST("<IsTruncated>true</IsTruncated>"), "line 1: expected no second <IsTruncated>"},
      {LIST(URL URL), "line 1: expected no second <EncodingType>"},
      {LIST("<EncodingType>base64</EncodingType>"), "line 1: expected url in <EncodingType>"},
      {LIST("<Contents><Size>1</Size></Contents>"), "line 1: expected a <Key> in <Contents>"},
      {LIST("<Contents><Key></Key><Size>1</Size></Contents>"), "line 1: expected something in <Key>"},
      {LIST("<Contents><Key>a</Key><Key>b</Key><Size>1</Size></Contents>"), "line 1: expected no second <Key>"},
      {LIST("<Contents><Key>a<Key>b</Key></Key><Size>1</Size></Contents>"),
       "line 1: expected nothing but text in <Key>"},
      {LIST("<Contents><Key>a</Key></Contents>"), "line 1: expected a <Size> in <Contents>"},
      {LIST("\n<Contents><Key>a</Key>\n<Size></Size></Contents>"),
       "line 3: expected a number of bytes below 2^63 in <Size>"},
      {LIST("<Contents><Key>a</Key><Size>-1</Size></Contents>"),
       "line 1: expected a number of bytes below 2^63 in <Size>"},
      {LIST("<Contents><Key>a</Key><Size>1.5</Size></Contents>"),
       "line 1: expected a number of bytes below 2^63 in <Size>"},
      {LIST("<Contents><Key>a</Key><Size>9223372036854775808</Size></Contents>"),
       "line 1: expected a number of bytes below 2^63 in <Size>"},
      {LIST("<Contents><Key>a</Key><Size>18446744073709551617</Size></Contents>"),
       "line 1: expected a number of bytes below 2^63 in <Size>"},
      {LIST("<CommonPrefixes></CommonPrefixes>"), "line 1: expected a <Prefix> in <CommonPrefixes>"},
      {LIST("<CommonPrefixes><Prefix/></CommonPrefixes>"), "line 1: expected something in <Prefix>"},
      {LIST(URL "<Contents><Key>a%2</Key><Size>1</Size></Contents>"),
       "line 1: expected two hexadecimal digits behind each % in <Key>"},
      {LIST(URL "<Contents><Key>%%25</Key><Size>1</Size></Contents>"),
       "line 1: expected two hexadecimal digits behind each % in <Key>"},
      {LIST(URL "<CommonPrefixes><Prefix>%x0</Prefix></CommonPrefixes>"),
       "line 1: expected two hexadecimal digits behind each % in <Prefix>"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct hdx_buffer out;
    struct hdx_s3_page page = {.objects = 77};
    struct hdx_error error = {.message = ""};
    assert_int_equal(read_page(hdx_text_of(rows[i].text), &out, &page, &error), HDX_INTEGRITY);
    assert_true(hdx_text_starts_with(hdx_text_of(error.message), HDX_TEXT("page: ")));
    assert_string_equal(error.message + strlen("page: "), rows[i].message);
    assert_int_equal(page.objects, 77);
    hdx_buffer_deinit(&out);
    assert_int_equal(hdx_s3_page_read(hdx_text_of(rows[i].text), "page", note, &out, &page, NULL), HDX_INTEGRITY);
    hdx_buffer_deinit(&out);
  }
}

/* head, then `count` times `unit`, then tail. */
static struct hdx_buffer repeated(const char *head, const char *unit, size_t count, const char *tail) {
  struct hdx_buffer text;
  hdx_buffer_init(&text, (size_t)100 << 20);
  hdx_buffer_append_text(&text, hdx_text_of(head));
  for (size_t i = 0; i < count; i++)
    hdx_buffer_append_text(&text, hdx_text_of(unit));
  hdx_buffer_append_text(&text, hdx_text_of(tail));
  assert_int_equal(text.status, HDX_OK);
  return text;
}

#define KEY_HEAD "<IsTruncated>false</IsTruncated><Contents><Size>1</Size><Key>"
#define KEY_TAIL "</Key></Contents></ListBucketResult>"
#define TOKEN_HEAD "<IsTruncated>true</IsTruncated><NextContinuationToken>"
#define TOKEN_TAIL "</NextContinuationToken></ListBucketResult>"

static void test_bounds(void **state) {
  (void)state;
  static const char key_long[] = "page: line 1: expected at most 1024 bytes in <Key>";
  static const char token_long[] = "page: line 1: expected at most 4095 bytes in <NextContinuationToken>";
  static const struct {
    const char *head, *unit, *tail;
    size_t most;
    const char *message;
  } rows[] = {
      {"<ListBucketResult>" KEY_HEAD, "k", KEY_TAIL, 1024, key_long},
      {"<ListBucketResult>" KEY_HEAD, "\xf0\x9f\x9a\x80", KEY_TAIL, 256, key_long},
      {"<ListBucketResult>" KEY_HEAD, "%20", KEY_TAIL, 341, key_long},
      {"<ListBucketResult>" URL KEY_HEAD, "%20", KEY_TAIL, 1024, key_long},
      {"<ListBucketResult>" URL KEY_HEAD, "k", KEY_TAIL, 1024, key_long},
      {"<ListBucketResult>" TOKEN_HEAD, "t", TOKEN_TAIL, 4095, token_long},
      {"<ListBucketResult>" TOKEN_HEAD, "\xc3\xa9", TOKEN_TAIL, 2047, token_long},
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    for (size_t more = 0; more < 5; more++) {
      size_t count = rows[i].most - 1 + (more < 3 ? more : more * 10000);
      struct hdx_buffer text = repeated(rows[i].head, rows[i].unit, count, rows[i].tail), out;
      struct hdx_s3_page page;
      struct hdx_error error = {.message = ""};
      enum hdx_status status = read_page(hdx_buffer_text(&text), &out, &page, &error);
      assert_int_equal(status, count <= rows[i].most ? HDX_OK : HDX_INTEGRITY);
      if (status == HDX_OK)
        assert_string_equal(error.message, "");
      else if (more < 3)
        assert_string_equal(error.message, rows[i].message);
      else
        assert_non_null(strstr(error.message, "page: line 1: expected at most "));
      hdx_buffer_deinit(&out);
      hdx_buffer_deinit(&text);
    }
}

/* Where a character does not fit, one behind it is not taken in its stead. */
static void test_nothing_is_left_out_of_a_text(void **state) {
  (void)state;
  struct hdx_buffer text = repeated("<ListBucketResult>" TOKEN_HEAD, "t", 4093, "&#x20ac;t" TOKEN_TAIL), out;
  struct hdx_s3_page page;
  struct hdx_s3_error stated;
  assert_int_equal(read_page(hdx_buffer_text(&text), &out, &page, NULL), HDX_INTEGRITY);
  hdx_buffer_deinit(&text);
  hdx_buffer_deinit(&out);
  text = repeated("<Error><Message>a", "\t", 4092, "&#x20ac;b</Message></Error>");
  assert_true(read_error(hdx_buffer_text(&text), &stated));
  assert_string_equal(stated.message, "a");
  hdx_buffer_deinit(&text);
}

static void test_depth_is_bounded(void **state) {
  (void)state;
  for (size_t depth = 30; depth <= 100000; depth += depth < 33 ? 1 : 99967) {
    struct hdx_buffer text = repeated("<ListBucketResult><IsTruncated>false</IsTruncated>", "<x>", depth, ""), out;
    for (size_t i = 0; i < depth; i++)
      hdx_buffer_append_text(&text, HDX_TEXT("</x>"));
    hdx_buffer_append_text(&text, HDX_TEXT("</ListBucketResult>"));
    struct hdx_s3_page page;
    struct hdx_s3_error stated;
    struct hdx_error error = {.message = ""};
    enum hdx_status status = read_page(hdx_buffer_text(&text), &out, &page, &error);
    assert_int_equal(status, depth < 32 ? HDX_OK : HDX_INTEGRITY);
    if (status != HDX_OK)
      assert_string_equal(error.message, "page: line 1: expected no deeper nesting than 32 elements");
    assert_false(read_error(hdx_buffer_text(&text), &stated));
    hdx_buffer_deinit(&text);
    hdx_buffer_deinit(&out);
    text = repeated("<Error><Code>A</Code>", "<Error>", depth, "<Code>B</Code>");
    assert_true(read_error(hdx_buffer_text(&text), &stated));
    assert_string_equal(stated.code, "A");
    hdx_buffer_deinit(&text);
  }
}

static void test_large_pages(void **state) {
  (void)state;
  struct hdx_s3_page page;
  struct hdx_error error = {.message = ""};
  struct hdx_buffer out;
  struct hdx_buffer text = repeated("<ListBucketResult>", "<Contents><Key>k</Key><Size>1</Size></Contents>", 1000,
                                    "<IsTruncated>false</IsTruncated></ListBucketResult>");
  assert_int_equal(read_page(hdx_buffer_text(&text), &out, &page, &error), HDX_OK);
  assert_int_equal(page.objects, 1000);
  hdx_buffer_deinit(&out);
  hdx_buffer_deinit(&text);
  text = repeated("<ListBucketResult>", "        ", (8 << 20) + 1, "");
  assert_int_equal(read_page(hdx_buffer_text(&text), &out, &page, &error), HDX_LIMIT);
  assert_non_null(strstr(error.message, "page: a list of 67108890 bytes is too large"));
  hdx_buffer_deinit(&out);
  hdx_buffer_deinit(&text);
}

static void test_every_cut_of_a_page(void **state) {
  (void)state;
  for (size_t size = 0; size < sizeof aws - 1; size++) {
    struct hdx_buffer out;
    struct hdx_s3_page page;
    struct hdx_s3_error stated;
    struct hdx_error error = {.message = ""};
    assert_int_equal(read_page((struct hdx_text){aws, size}, &out, &page, &error), HDX_INTEGRITY);
    assert_non_null(strstr(error.message, "page: line "));
    assert_non_null(strstr(error.message, ": expected well-formed XML: "));
    assert_int_equal(out.size, 0); /* the first reading has found it */
    assert_false(read_error((struct hdx_text){aws, size}, &stated));
    hdx_buffer_deinit(&out);
  }
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_errors),
      cmocka_unit_test(test_other_texts_are_no_errors),
      cmocka_unit_test(test_long_texts_of_errors_are_cut),
      cmocka_unit_test(test_23_an_error_without_end),
      cmocka_unit_test(test_every_cut_of_an_error),
      cmocka_unit_test(test_a_page_of_aws),
      cmocka_unit_test(test_a_page_of_ceph),
      cmocka_unit_test(test_lists),
      cmocka_unit_test(test_what_is_refused),
      cmocka_unit_test(test_bounds),
      cmocka_unit_test(test_nothing_is_left_out_of_a_text),
      cmocka_unit_test(test_depth_is_bounded),
      cmocka_unit_test(test_large_pages),
      cmocka_unit_test(test_every_cut_of_a_page),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
