/* What BUCKET means: canonical names, the store's folders, where locations are fetched from, and what never is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catalog/source.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct hdx_arena arena;

static int setup(void **state) {
  (void)state;
  hdx_arena_init(&arena, 1 << 20);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  hdx_arena_deinit(&arena);
  return 0;
}

static struct hdx_source open_source(const char *bucket, const char *region, const char *endpoint) {
  struct hdx_source source;
  struct hdx_error error = {.message = ""};
  const struct hdx_source_options options = {.region = hdx_text_of(region), .endpoint_url = endpoint};
  hdx_source_init(&source, hdx_text_of(bucket), &options, &arena, &error);
  assert_string_equal(error.message, "");
  return source;
}

static void adopt(struct hdx_source *source, const char *endpoint, const char *own) {
  assert_int_equal(hdx_source_adopt(source, hdx_text_of(endpoint), hdx_text_of(own), &arena, NULL), HDX_OK);
}

static void assert_resolves(const struct hdx_source *source, const char *location, const char *base,
                            const char *expected) {
  struct hdx_address address;
  struct hdx_error error = {.message = ""};
  hdx_address_init(&address);
  hdx_source_locate(source, hdx_text_of(location), hdx_text_of(base), false, &address, &error);
  assert_string_equal(error.message, "");
  assert_string_equal(hdx_buffer_string(&address.url), expected);
  hdx_address_deinit(&address);
}

static void assert_refused(const struct hdx_source *source, const char *location, enum hdx_status status,
                           const char *message) {
  struct hdx_address address;
  struct hdx_error error = {.message = ""};
  hdx_address_init(&address);
  assert_int_equal(hdx_source_locate(source, hdx_text_of(location), HDX_TEXT(""), false, &address, &error), status);
  assert_string_equal(error.message, message);
  assert_int_equal(address.url.size, 0);
  hdx_address_deinit(&address);
}

/* Whose object a location is, by "bucket|key|endpoint|trust"; "" where it is none. */
static void assert_object(const struct hdx_source *source, const char *location, const char *expected) {
  static const char *const trusts[] = {
      [HDX_S3_TRUST_NONE] = "none", [HDX_S3_TRUST_ASKED] = "asked", [HDX_S3_TRUST_FULL] = "full"};
  struct hdx_address address;
  char text[256] = "";
  hdx_address_init(&address);
  assert_int_equal(hdx_source_locate(source, hdx_text_of(location), HDX_TEXT("s3://bkt/"), false, &address, NULL),
                   HDX_OK);
  if (address.object.size) {
    struct hdx_text key = hdx_address_key(&address);
    snprintf(text, sizeof text, "%.*s|%.*s|%.*s|%s", HDX_TEXT_ARG(address.place.bucket), HDX_TEXT_ARG(key),
             HDX_TEXT_ARG(address.place.endpoint), trusts[address.place.trust]);
  }
  assert_string_equal(text, expected);
  hdx_address_deinit(&address);
}

static void test_objects(void **state) {
  (void)state;
  struct hdx_source aws = open_source("bkt", "", NULL), own = open_source("s3://bkt/p/", "", "http://ep:1");
  struct hdx_source copy = open_source("https://h/d/", "", NULL), google;
  const struct hdx_source_options options = {.region = HDX_TEXT(""), .google = true};
  assert_int_equal(hdx_source_init(&google, HDX_TEXT("bkt"), &options, &arena, NULL), HDX_OK);
  adopt(&own, "s3://also/", "also");
  adopt(&copy, "s3://bkt/", "bkt");
  assert_object(&aws, "s3://bkt/a//b/../c d", "bkt|a//b/../c d||full");
  assert_object(&aws, "/x", "bkt|x||full");
  assert_object(&aws, "s3://bkt//x", "bkt|/x||full");
  assert_object(&aws, "s3://other/k", "other|k||full");
  assert_object(&aws, "https://h/k", "");
  /* Credentials go to the endpoint that was named, and nowhere else. */
  assert_object(&own, "s3://bkt/k", "bkt|k|http://ep:1|full");
  assert_object(&own, "s3://also/k", "also|k|http://ep:1|full");
  assert_object(&own, "s3://other/k", "other|k||none");
  /* A copy has no credentials; a bucket beside it is AWS's. */
  assert_object(&copy, "s3://bkt/k", "");
  assert_object(&copy, "s3://other/k", "other|k||full");
  assert_object(&google, "s3://bkt/k", "bkt|k|https://storage.googleapis.com|asked");
  assert_object(&google, "s3://other/k", "other|k||full");
}

static void test_kinds(void **state) {
  (void)state;
  static const struct {
    const char *bucket;
    enum hdx_bucket_kind kind;
  } rows[] = {
      {"s3://b/p/", HDX_BUCKET_URL},   {"https://host/dir/", HDX_BUCKET_URL},
      {"file:///dir", HDX_BUCKET_URL}, {"gov-nasa-hdrl-data1", HDX_BUCKET_NAME},
      {"a.b.c", HDX_BUCKET_NAME},      {"HelioCloud, including SDO", HDX_BUCKET_REGISTRY},
      {"GSFC", HDX_BUCKET_REGISTRY},   {"ab", HDX_BUCKET_REGISTRY},
      {"", HDX_BUCKET_REGISTRY},       {"1.2.3.4", HDX_BUCKET_REGISTRY},
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    assert_int_equal(hdx_bucket_kind(hdx_text_of(rows[i].bucket)), rows[i].kind);
}

static void test_names(void **state) {
  (void)state;
  static const struct {
    const char *bucket, *endpoint, *url, *authority, *folder;
  } rows[] = {
      {"gov-nasa-hdrl-data1", NULL, "s3://gov-nasa-hdrl-data1/", "aws", "aws/gov-nasa-hdrl-data1"},
      {"S3://gov-nasa-hdrl-data1", "", "s3://gov-nasa-hdrl-data1/", "aws", "aws/gov-nasa-hdrl-data1"},
      {"s3://bkt/catalog.json", NULL, "s3://bkt/", "aws", "aws/bkt"},
      {"s3://bkt/p//catalog.json", NULL, "s3://bkt/p/", "aws", "aws/bkt%2Fp"},
      {"s3://bkt/catalog.json/catalog.json", NULL, "s3://bkt/catalog.json/", "aws", "aws/bkt%2Fcatalog.json"},
      {"http://h/a/catalog.json/./", NULL, "http://h/a/catalog.json/", "http://h",
       "http%3A%2F%2Fh/%2Fa%2Fcatalog.json"},
      {"s3://bkt/mycatalog.json", NULL, "s3://bkt/mycatalog.json/", "aws", "aws/bkt%2Fmycatalog.json"},
      {"s3://bkt/p/q//", NULL, "s3://bkt/p/q/", "aws", "aws/bkt%2Fp%2Fq"},
      {"s3://bkt/a b%", NULL, "s3://bkt/a b%/", "aws", "aws/bkt%2Fa%20b%25"},
      {"s3://bkt/", "HTTP://127.0.0.1:8080/", "s3://bkt/", "http://127.0.0.1:8080",
       "http%3A%2F%2F127.0.0.1%3A8080/bkt"},
      {"bkt", "https://S3.Example:443/gate/way//", "s3://bkt/", "https://s3.example/gate/way",
       "https%3A%2F%2Fs3.example%2Fgate%2Fway/bkt"},
      {"http://127.0.0.1:8080/bkt", NULL, "http://127.0.0.1:8080/bkt/", "http://127.0.0.1:8080",
       "http%3A%2F%2F127.0.0.1%3A8080/%2Fbkt"},
      {"HTTP://Host:080/A/./b/../C d/catalog.json", NULL, "http://host/A/C%20d/", "http://host",
       "http%3A%2F%2Fhost/%2FA%2FC%2520d"},
      {"https://host", NULL, "https://host/", "https://host", "https%3A%2F%2Fhost/%2F"},
      {"https://host/../..", NULL, "https://host/", "https://host", "https%3A%2F%2Fhost/%2F"},
      {"https://host:80/", NULL, "https://host:80/", "https://host:80", "https%3A%2F%2Fhost%3A80/%2F"},
      {"http://[::1]:9000/x/", NULL, "http://[::1]:9000/x/", "http://[::1]:9000",
       "http%3A%2F%2F%5B%3A%3A1%5D%3A9000/%2Fx"},
      {"http://h/a//.", NULL, "http://h/a/", "http://h", "http%3A%2F%2Fh/%2Fa"},
      {"file:///data/copy", NULL, "file:///data/copy/", "file://", "file%3A%2F%2F/%2Fdata%2Fcopy"},
      {"file:///data/a b#c?d%20e%", NULL, "file:///data/a%20b%23c%3Fd%20e%25/", "file://",
       "file%3A%2F%2F/%2Fdata%2Fa%2520b%2523c%253Fd%2520e%2525"},
      {"file:///", NULL, "file:///", "file://", "file%3A%2F%2F/%2F"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct hdx_source source = open_source(rows[i].bucket, "", rows[i].endpoint);
    assert_string_equal(source.url.data, rows[i].url);
    assert_true(hdx_text_is(source.authority, rows[i].authority));
    assert_string_equal(source.folder.data, rows[i].folder);
    /* A canonical name is its own. */
    struct hdx_source again = open_source(source.url.data, "", rows[i].endpoint);
    assert_string_equal(again.url.data, rows[i].url);
    assert_string_equal(again.folder.data, rows[i].folder);
  }
}

static void test_refused_names(void **state) {
  (void)state;
  static const struct {
    const char *bucket, *region, *endpoint, *from, *to, *message;
  } rows[] = {
      {"GSFC", "", NULL, NULL, NULL, "GSFC: expected a URL or the name of an S3 bucket"},
      {"gs://b/", "", NULL, NULL, NULL, "gs://b/: expected a URL that begins with s3://, http://, https:// or file://"},
      {"s3://b/a/../c", "", NULL, NULL, NULL, "s3://b/a/../c: expected a prefix without components . and .."},
      {"http://h/?token=secret", "", NULL, NULL, NULL, "http://h/…: expected a URL without a query"},
      {"bkt", "us-east-1.evil.example/", NULL, NULL, NULL,
       "us-east-1.evil.example/: expected a region of letters, digits and dashes (us-east-1)"},
      {"bkt", "", "localhost:9000", NULL, NULL,
       "endpoint: localhost:9000: expected a URL that begins with s3://, http://, https:// or file://"},
      {"bkt", "", "s3://x/", NULL, NULL,
       "endpoint: s3://x/: expected an endpoint that begins with http:// or https://"},
      {"bkt", "", NULL, "a", "s3://b/", "map: a: expected a URL that begins with s3://, http://, https:// or file://"},
      {"bkt", "", NULL, "s3://a/", "b", "map: b: expected a URL that begins with s3://, http://, https:// or file://"},
      {"bkt", "", NULL, "s3://a/", "file:///x/../y", "map: file:///x/../y: expected a URL without components . and .."},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct hdx_source source;
    struct hdx_error error = {.message = ""};
    struct hdx_map map = {rows[i].from, rows[i].to};
    const struct hdx_source_options options = {.region = hdx_text_of(rows[i].region),
                                               .endpoint_url = rows[i].endpoint,
                                               .maps = &map,
                                               .map_count = rows[i].from != NULL};
    assert_int_equal(hdx_source_init(&source, hdx_text_of(rows[i].bucket), &options, &arena, &error), HDX_USAGE);
    assert_string_equal(error.message, rows[i].message);
  }
}

static void test_long_folders(void **state) {
  (void)state;
  /* Two names that differ only behind what fits, with a percent code across the cut. */
  for (size_t shift = 0; shift < 3; shift++) {
    char a[600] = "s3://bkt/", b[600];
    size_t n = strlen(a);
    for (size_t i = 0; i < shift; i++)
      a[n++] = 'x';
    for (; n < 500; n++)
      a[n] = n % 2 ? '+' : 'k';
    a[n] = 0;
    memcpy(b, a, sizeof b);
    b[n - 1] = 'z';
    struct hdx_source one = open_source(a, "", NULL), other = open_source(b, "", NULL);
    assert_string_not_equal(one.folder.data, other.folder.data);
    const char *name = one.folder.data + strlen("aws/"), *mark = strchr(name, '=');
    assert_non_null(mark);
    assert_int_equal(strlen(mark), 17);
    assert_in_range(strlen(name), 250, 255);
    assert_int_equal(strncmp(name, other.folder.data + strlen("aws/"), (size_t)(mark - name)), 0);
    assert_true(mark[-1] != '%' && mark[-2] != '%');
    struct hdx_buffer decoded;
    hdx_buffer_init(&decoded, 4096);
    assert_true(hdx_url_decode(&decoded, (struct hdx_text){name, (size_t)(mark - name)}));
    hdx_buffer_deinit(&decoded);
  }
  /* FNV-1a of "bkt/" and 252 times "k", computed apart. */
  char text[300] = "s3://bkt/";
  memset(text + 9, 'k', 252);
  struct hdx_source source = open_source(text, "", NULL);
  assert_int_equal(source.folder.size, 4 + 255);
  assert_string_equal(source.folder.data + source.folder.size - 17, "=daa6b2e0074f4d1b");
}

static void test_aws(void **state) {
  (void)state;
  struct hdx_source source = open_source("bkt", "us-west-2", NULL);
  assert_resolves(&source, "s3://bkt/catalog.json", "", "https://bkt.s3.us-west-2.amazonaws.com/catalog.json");
  adopt(&source, "s3://bkt/", "bkt");
  static const struct {
    const char *location, *base, *url;
  } rows[] = {
      {"s3://bkt/idx/aia_0094_2010.csv", "", "https://bkt.s3.us-west-2.amazonaws.com/idx/aia_0094_2010.csv"},
      {"s3://other/idx/x.csv", "", "https://other.s3.amazonaws.com/idx/x.csv"},
      {"s3://dot.ted/k", "", "https://s3.amazonaws.com/dot.ted/k"},
      {"s3://Old_Name/k", "", "https://s3.amazonaws.com/Old_Name/k"},
      {"s3://bkt/", "", "https://bkt.s3.us-west-2.amazonaws.com/"},
      {"s3://bkt/a b+c%20d?e#f&g=\xc3\xa9~.fits", "",
       "https://bkt.s3.us-west-2.amazonaws.com/a%20b%2Bc%2520d%3Fe%23f%26g%3D%C3%A9~.fits"},
      {"s3://bkt//x//y", "", "https://bkt.s3.us-west-2.amazonaws.com//x//y"},
      {"s3://bkt/%2e%2e/x", "", "https://bkt.s3.us-west-2.amazonaws.com/%252e%252e/x"},
      {"s3://bkt/a../..b/...", "", "https://bkt.s3.us-west-2.amazonaws.com/a../..b/..."},
      {"sdo/x y.fits", "s3://bkt/", "https://bkt.s3.us-west-2.amazonaws.com/sdo/x%20y.fits"},
      {"/sdo/x.fits", "s3://bkt/", "https://bkt.s3.us-west-2.amazonaws.com/sdo/x.fits"},
      {"sdo/x.fits", "s3://bkt", "https://bkt.s3.us-west-2.amazonaws.com/sdo/x.fits"},
      {"x.fits", "https://h/d/", "https://h/d/x.fits"},
      {"https://h/a%20b/c d?e=f", "", "https://h/a%20b/c%20d?e=f"},
      {"HTTP://H:80/../x", "", "HTTP://H:80/../x"},
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    assert_resolves(&source, rows[i].location, rows[i].base, rows[i].url);
  struct hdx_source dotted = open_source("s3://a.b.c/p/", "eu-west-1", NULL);
  assert_resolves(&dotted, "s3://a.b.c/p/catalog.json", "", "https://s3.eu-west-1.amazonaws.com/a.b.c/p/catalog.json");
  struct hdx_source china = open_source("bkt", "cn-north-1", NULL);
  assert_resolves(&china, "s3://bkt/k", "", "https://bkt.s3.cn-north-1.amazonaws.com.cn/k");
}

static void test_endpoint(void **state) {
  (void)state;
  struct hdx_source source = open_source("s3://named/p/", "us-west-2", "http://127.0.0.1:9000/s3/");
  assert_resolves(&source, "s3://named/p/catalog.json", "", "http://127.0.0.1:9000/s3/named/p/catalog.json");
  adopt(&source, "s3://own/q/", "own");
  assert_resolves(&source, "s3://own/q/x y", "", "http://127.0.0.1:9000/s3/own/q/x%20y");
  assert_resolves(&source, "s3://named/k", "", "http://127.0.0.1:9000/s3/named/k");
  assert_resolves(&source, "s3://other/k", "", "https://other.s3.amazonaws.com/k");
  assert_resolves(&source, "k", "s3://own/", "http://127.0.0.1:9000/s3/own/k");
}

static void test_copies(void **state) {
  (void)state;
  struct hdx_source http = open_source("http://127.0.0.1:8080/copy", "us-east-1", NULL);
  assert_resolves(&http, "http://127.0.0.1:8080/copy/catalog.json", "", "http://127.0.0.1:8080/copy/catalog.json");
  adopt(&http, "s3://own/", "own");
  assert_resolves(&http, "s3://own/idx/a_2010.csv", "", "http://127.0.0.1:8080/copy/idx/a_2010.csv");
  assert_resolves(&http, "s3://own/a b%", "", "http://127.0.0.1:8080/copy/a%20b%25");
  assert_resolves(&http, "s3://other/k", "", "https://other.s3.amazonaws.com/k");
  assert_resolves(&http, "https://else.where/k", "", "https://else.where/k");

  struct hdx_source prefixed = open_source("file:///srv/copy", "", NULL);
  adopt(&prefixed, "s3://own/pre/fix", "own");
  assert_true(hdx_text_is(prefixed.own_prefix, "pre/fix/"));
  assert_resolves(&prefixed, "s3://own/pre/fix/idx/a.csv", "", "file:///srv/copy/idx/a.csv");
  assert_resolves(&prefixed, "s3://own/pre/fixed/a.csv", "", "file:///srv/copy/pre/fixed/a.csv");
  assert_resolves(&prefixed, "s3://own/data/a.fits", "", "file:///srv/copy/data/a.fits");
  assert_resolves(&prefixed, "data/a?.fits", "s3://own/", "file:///srv/copy/data/a%3F.fits");
  assert_resolves(&prefixed, "http://h/x", "", "http://h/x");
  assert_resolves(&prefixed, "file:///other/a b", "", "file:///other/a%20b");

  /* Without an endpoint, the bucket that most indexes name; an endpoint that is no s3:// URL says nothing. */
  struct hdx_source guessed = open_source("file:///srv/copy", "", NULL);
  adopt(&guessed, "", "most");
  assert_resolves(&guessed, "s3://most/k", "", "file:///srv/copy/k");
  adopt(&guessed, "https://x/", "most");
  assert_resolves(&guessed, "s3://most/k", "", "file:///srv/copy/k");
  adopt(&guessed, "s3://from-endpoint/", "");
  assert_resolves(&guessed, "s3://from-endpoint/k", "", "file:///srv/copy/k");
}

static void test_maps(void **state) {
  (void)state;
  static const struct hdx_map maps[] = {
      {"s3://a/", "http://mirror/a"},   {"s3://a/deep/", "file:///srv/deep/"}, {"s3://b", "s3://own/from-b/"},
      {"s3://c/x", "s3://c2"},          {"https://h/d/", "s3://d/"},           {"http://meta/", "http://169.254.1.1/"},
      {"https://k/", "https://l/p?no"},
  };
  struct hdx_source_options options = {
      .region = HDX_TEXT("us-east-1"), .endpoint_url = "http://ep:1/", .maps = maps, .map_count = 7};
  struct hdx_source source;
  struct hdx_error error = {.message = ""};
  assert_int_equal(hdx_source_init(&source, HDX_TEXT("own"), &options, &arena, &error),
                   HDX_USAGE); /* a query in a target */
  options.map_count = 6;
  assert_int_equal(hdx_source_init(&source, HDX_TEXT("own"), &options, &arena, &error), HDX_OK);
  adopt(&source, "s3://own/", "own");
  assert_resolves(&source, "s3://a/x y", "", "http://mirror/a/x%20y");
  assert_resolves(&source, "s3://a/deep/x?", "", "file:///srv/deep/x%3F");
  assert_resolves(&source, "s3://a/deeper/x", "", "http://mirror/a/deeper/x");
  assert_resolves(&source, "s3://ab/x", "", "https://s3.amazonaws.com/ab/x");
  assert_resolves(&source, "s3://b/x", "", "http://ep:1/own/from-b/x");
  assert_resolves(&source, "s3://b", "", "http://ep:1/own/from-b/");
  assert_resolves(&source, "s3://bb/x", "", "https://s3.amazonaws.com/bb/x");
  assert_resolves(&source, "s3://c/x/y", "", "https://s3.amazonaws.com/c2/y");
  assert_resolves(&source, "s3://c/xy", "", "https://s3.amazonaws.com/c/xy");
  assert_resolves(&source, "https://h/d/a%20b?q=1", "", "https://s3.amazonaws.com/d/a%20b");
  assert_resolves(&source, "https://h/d//a", "", "https://s3.amazonaws.com/d/a");
  assert_refused(&source, "https://h/d/a%zz", HDX_USAGE, "https://h/d/a%zz: a % without two hexadecimal digits");
  assert_resolves(&source, "http://meta/x", "", "http://169.254.1.1/x"); /* the user says so */
  assert_refused(&source, "s3://a/deep/../x", HDX_DENIED,
                 "s3://a/deep/../x: a component . or .. could lead outside of what was named");
  assert_refused(&source, "https://h/d/%2e%2E/x", HDX_DENIED,
                 "https://h/d/%2e%2E/x: a component . or .. could lead outside of what was named");
}

static void test_location_that_is_too_long_as_a_url(void **state) {
  (void)state;
  struct hdx_source source = open_source("http://h.example/d/", "", NULL);
  char key[4001] = "";
  struct hdx_address address;
  struct hdx_error error = {.message = ""};
  memset(key, '%', sizeof key - 1); /* each becomes three bytes */
  hdx_address_init(&address);
  assert_int_equal(
      hdx_source_locate(&source, hdx_text_of(key), HDX_TEXT("http://h.example/d/"), false, &address, &error),
      HDX_USAGE);
  assert_non_null(strstr(error.message, "as a URL, with its escapes, it would be too long"));
  hdx_address_deinit(&address);
}

static void test_denied(void **state) {
  (void)state;
  struct hdx_source remote[] = {open_source("bkt", "", NULL), open_source("https://h/d/", "", NULL),
                                open_source("bkt", "", "http://127.0.0.1:1")};
  for (size_t i = 0; i < COUNT(remote); i++) {
    adopt(&remote[i], "s3://bkt/", "bkt");
    assert_refused(&remote[i], "file:///etc/passwd", HDX_DENIED,
                   "file:///etc/passwd: a remote document may not name a file:// address");
    assert_refused(&remote[i], "FILE://localhost/etc/passwd", HDX_DENIED,
                   "FILE://localhost/etc/passwd: a remote document may not name a file:// address");
    assert_refused(&remote[i], "http://169.254.169.254/latest/meta-data", HDX_DENIED,
                   "http://169.254.169.254/latest/meta-data: a remote document may not name a link-local address");
    assert_refused(&remote[i], "https://0xa9fea9fe:443/", HDX_DENIED,
                   "https://0xa9fea9fe:443/: a remote document may not name a link-local address");
    assert_refused(&remote[i], "http://[::ffff:a9fe:a9fe]/", HDX_DENIED,
                   "http://[::ffff:a9fe:a9fe]/: a remote document may not name a link-local address");
    assert_refused(&remote[i], "http://x@169.254.169.254/", HDX_USAGE,
                   "http://…@169.254.169.254/: a URL with a user or password in it is not taken; give credentials by "
                   "their options");
    if (i == 1)
      assert_refused(&remote[i], "s3://bkt/../x", HDX_DENIED,
                     "s3://bkt/../x: a component . or .. could lead outside of what was named");
    /* At an S3 server that is a key like any other. */
    assert_resolves(&remote[i], "s3://other/a/./../x", "", "https://other.s3.amazonaws.com/a/./../x");
    assert_refused(&remote[i], "key", HDX_USAGE,
                   "key: expected a URL, or a key where the bucket of the index is known");
    /* A key of S3 is any bytes; a URL is not. */
    static const char *const keys[] = {"https://bkt.s3.amazonaws.com/a%0Ab%01", "https://h/d/a%0Ab%01",
                                       "http://127.0.0.1:1/bkt/a%0Ab%01"};
    assert_resolves(&remote[i], "s3://bkt/a\nb\x01", "", keys[i]);
    assert_refused(&remote[i], "s3://b\nkt/a", HDX_USAGE, "s3://b?kt/: control byte 0x0a at byte 6");
    assert_refused(&remote[i], "https://h/a\nb", HDX_USAGE, "https://h/a?b: control byte 0x0a at byte 11");
  }
  struct hdx_source local = open_source("file:///srv/copy/", "", NULL);
  adopt(&local, "s3://own/", "own");
  assert_resolves(&local, "http://169.254.1.1/x", "", "http://169.254.1.1/x");
  assert_refused(&local, "s3://own/a/../../x", HDX_DENIED,
                 "s3://own/a/../../x: a component . or .. could lead outside of what was named");
  assert_refused(&local, "file:///srv/copy/%2e%2e/x", HDX_DENIED,
                 "file:///srv/copy/%2e%2e/x: a component . or .. could lead outside of what was named");
  assert_refused(&local, "file:///srv/copy/..%2Fx", HDX_DENIED,
                 "file:///srv/copy/..%2Fx: an encoded slash could lead outside of what was named");
  assert_refused(&local, "file:///srv/copy/x%00y", HDX_DENIED,
                 "file:///srv/copy/x%00y: a control byte could lead outside of what was named");
  struct hdx_address address;
  hdx_address_init(&address);
  assert_int_equal(hdx_source_locate(&local, HDX_TEXT("../x"), HDX_TEXT("s3://own/"), false, &address, NULL),
                   HDX_DENIED);
  assert_int_equal(hdx_source_locate(&remote[0], HDX_TEXT("http://169.254.1.1/"), HDX_TEXT(""), true, &address, NULL),
                   HDX_OK);
  hdx_address_deinit(&address);
}

static bool has_dots(struct hdx_text path) {
  for (size_t i = 0, from = 0; i <= path.size; i++)
    if (i == path.size || path.data[i] == '/') {
      struct hdx_text part = hdx_text_sub(path, from, i);
      if (hdx_text_is(part, ".") || hdx_text_is(part, ".."))
        return true;
      from = i + 1;
    }
  return false;
}

static void test_random_locations_stay_inside(void **state) {
  (void)state;
  static const char *const pieces[] = {"s3://",      "own",       "other",        "/",          "..",
                                       ".",          "%2e",       "%2F",          "%00",        "a",
                                       "?",          "#",         "http://",      "https://",   "file://",
                                       "@",          ":80",       "[::1]",        "\\",         " ",
                                       "\xc3\xa9",   "//",        "localhost",    "etc/passwd", "169.254.169.254",
                                       "0xa9fea9fe", "[fe80::1]", "catalog.json", "s3://own/",  "%"};
  struct hdx_source sources[] = {open_source("file:///srv/copy/", "", NULL),
                                 open_source("http://h.example/d/", "", NULL),
                                 open_source("own", "us-east-1", "http://ep.example:9/")};
  static const char *const below[] = {"file:///srv/copy/", "http://h.example/d/", "http://ep.example:9/own/"};
  uint64_t seed = 42;
  struct hdx_buffer text, path;
  struct hdx_address address;
  hdx_buffer_init(&text, 4096);
  hdx_address_init(&address);
  hdx_buffer_init(&path, 65536);
  unsigned resolved = 0;
  for (size_t i = 0; i < COUNT(sources); i++)
    adopt(&sources[i], "s3://own/", "own");
  for (unsigned round = 0; round < 200000; round++) {
    hdx_buffer_clear(&text);
    for (unsigned n = 0; n < 1 + round % 7; n++) {
      seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
      hdx_buffer_append_text(&text, hdx_text_of(pieces[(seed >> 33) % COUNT(pieces)]));
    }
    size_t which = round % COUNT(sources);
    struct hdx_text location = hdx_buffer_text(&text);
    if (hdx_source_locate(&sources[which], location, HDX_TEXT("s3://own/"), false, &address, NULL) != HDX_OK)
      continue;
    resolved++;
    struct hdx_url parsed;
    struct hdx_text result = hdx_buffer_text(&address.url);
    assert_int_equal(hdx_url_parse(result, &parsed, NULL), HDX_OK);
    bool own = !hdx_url_like(location) || hdx_text_starts_with(location, HDX_TEXT("s3://own/"));
    if (own)
      assert_true(hdx_text_starts_with(result, hdx_text_of(below[which])));
    if (which > 0) {
      assert_true(parsed.scheme == HDX_SCHEME_HTTP || parsed.scheme == HDX_SCHEME_HTTPS);
      assert_false(hdx_url_link_local(parsed.host));
    }
    if (parsed.scheme == HDX_SCHEME_FILE || hdx_text_starts_with(location, HDX_TEXT("s3://"))) {
      hdx_buffer_clear(&path);
      assert_true(hdx_url_decode(&path, parsed.path));
      assert_null(path.size ? memchr(path.data, 0, path.size) : NULL);
      if (parsed.scheme == HDX_SCHEME_FILE)
        assert_false(has_dots(hdx_buffer_text(&path)));
      /* Whatever resolves them is not asked; an S3 server takes its keys as they are. */
      assert_true(address.object.size || !has_dots(parsed.path));
    }
  }
  assert_in_range(resolved, 10000, 200000);
  hdx_buffer_deinit(&text);
  hdx_address_deinit(&address);
  hdx_buffer_deinit(&path);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_kinds, setup, teardown),
      cmocka_unit_test_setup_teardown(test_objects, setup, teardown),
      cmocka_unit_test_setup_teardown(test_names, setup, teardown),
      cmocka_unit_test_setup_teardown(test_refused_names, setup, teardown),
      cmocka_unit_test_setup_teardown(test_long_folders, setup, teardown),
      cmocka_unit_test_setup_teardown(test_aws, setup, teardown),
      cmocka_unit_test_setup_teardown(test_endpoint, setup, teardown),
      cmocka_unit_test_setup_teardown(test_copies, setup, teardown),
      cmocka_unit_test_setup_teardown(test_maps, setup, teardown),
      cmocka_unit_test_setup_teardown(test_location_that_is_too_long_as_a_url, setup, teardown),
      cmocka_unit_test_setup_teardown(test_denied, setup, teardown),
      cmocka_unit_test_setup_teardown(test_random_locations_stay_inside, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
