/* Request signing: published vectors step by step (tests/vectors/sigv4/README.md says whose), and what they leave out.
 */
#include "base/error.h"
#include "base/time.h"
#include "transfer/sha256.h"
#include "transfer/sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEY_ID HDX_TEXT("AKIAIOSFODNN7EXAMPLE")
#define SECRET HDX_TEXT("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")

static void assert_text(struct hdx_text got, struct hdx_text want, const char *what) {
  if (!hdx_text_equal(got, want))
    fail_msg("%s:\n%.*s\nexpected:\n%.*s", what, HDX_TEXT_ARG(got), HDX_TEXT_ARG(want));
}

static struct hdx_signer *new_signer(struct hdx_text key_id, struct hdx_text secret, struct hdx_text token) {
  struct hdx_signer *signer = NULL;
  struct hdx_error error;
  assert_int_equal(hdx_signer_new(key_id, secret, token, &signer, &error), HDX_OK);
  return signer;
}

/* ---- SHA-256 and HMAC ---- */

static void assert_digest(const unsigned char digest[HDX_SHA256_SIZE], const char *want) {
  char hex[2 * HDX_SHA256_SIZE + 1];
  for (size_t i = 0; i < HDX_SHA256_SIZE; i++)
    snprintf(hex + 2 * i, 3, "%02x", digest[i]);
  assert_string_equal(hex, want);
}

static void digests_are_those_of_fips_180_4(void **state) {
  static const struct {
    const char *text, *digest;
  } cases[] = {
      {"", HDX_SIGV4_EMPTY_PAYLOAD},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrst"
       "u",
       "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
  };
  unsigned char digest[HDX_SHA256_SIZE];
  (void)state;
  assert_int_equal(hdx_sha256_load(NULL), HDX_OK);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    hdx_sha256(hdx_text_of(cases[i].text), digest);
    assert_digest(digest, cases[i].digest);
  }
  char *million = malloc(1000000);
  assert_non_null(million);
  memset(million, 'a', 1000000);
  hdx_sha256((struct hdx_text){million, 1000000}, digest);
  assert_digest(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  free(million);
}

static struct hdx_text repeat(char *room, char byte, size_t size) {
  memset(room, byte, size);
  return (struct hdx_text){room, size};
}

static void codes_are_those_of_rfc_4231(void **state) {
  char counted[25], rooms[5][131];
  (void)state;
  for (int i = 0; i < 25; i++)
    counted[i] = (char)(i + 1);
  const struct {
    struct hdx_text key, text;
    const char *code;
  } cases[] = {
      {repeat(rooms[0], 0x0b, 20), HDX_TEXT("Hi There"),
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {HDX_TEXT("Jefe"), HDX_TEXT("what do ya want for nothing?"),
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {repeat(rooms[1], (char)0xaa, 20), repeat(rooms[2], (char)0xdd, 50),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {{counted, 25},
       repeat(rooms[3], (char)0xcd, 50),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {repeat(rooms[4], (char)0xaa, 131), HDX_TEXT("Test Using Larger Than Block-Size Key - Hash Key First"),
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {{rooms[4], 131},
       HDX_TEXT("This is a test using a larger than block-size key and a larger than block-size data. The key needs to "
                "be hashed before being used by the HMAC algorithm."),
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
      /* The longest key that is no hash and the shortest that is; Python's hmac. */
      {{rooms[4], 64}, HDX_TEXT("Hi There"), "ebef34e13d0a0fe04593d043bc7a865106db0604211d404c18206d862e5d7852"},
      {{rooms[4], 65}, HDX_TEXT("Hi There"), "00af6c42340b99e2e1d9a1cdf1547be431fe2e9bab3215c68d013ba858891927"},
  };
  assert_int_equal(hdx_sha256_load(NULL), HDX_OK);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    unsigned char code[HDX_SHA256_SIZE];
    struct hdx_hmac hmac;
    hdx_hmac_key(&hmac, cases[i].key);
    for (int twice = 0; twice < 2; twice++) { /* the key stays as it is */
      hdx_hmac(&hmac, cases[i].text, code);
      assert_digest(code, cases[i].code);
    }
  }
}

/* ---- vectors ---- */

enum { VECTOR_FIELDS_MAX = 16, VALUES = 15 };

static const char *const value_names[VALUES] = {"case",  "form",    "key-id",  "secret",    "token",
                                                "time",  "region",  "service", "method",    "path",
                                                "query", "payload", "expires", "canonical", "to-sign"};

enum {
  CASE,
  FORM,
  KEY,
  SECRET_KEY,
  TOKEN,
  TIME,
  REGION,
  SERVICE,
  METHOD,
  PATH,
  QUERY,
  PAYLOAD,
  EXPIRES,
  CANONICAL,
  TO_SIGN
};

struct vector {
  struct hdx_text values[VALUES], signature;
  struct hdx_sigv4_field fields[VECTOR_FIELDS_MAX];
  struct hdx_sigv4_scope scope;
  struct hdx_sigv4_request request;
};

static char *read_all(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file)
    fail_msg("%s: cannot be read", path);
  assert_int_equal(fseek(file, 0, SEEK_END), 0);
  *size = (size_t)ftell(file);
  rewind(file);
  char *text = malloc(*size + 1);
  assert_non_null(text);
  assert_int_equal(fread(text, 1, *size, file), *size);
  fclose(file);
  text[*size] = 0;
  return text;
}

/* Undoes the escapes of a value where it stands. */
static struct hdx_text unescape(char *text) {
  size_t size = 0;
  for (const char *from = text; *from; from++) {
    char c = *from;
    if (c == '\\') {
      c = *++from;
      c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c == 's' ? ' ' : c;
    }
    text[size++] = c;
  }
  return (struct hdx_text){text, size};
}

static void take_line(struct vector *vector, char *line) {
  char *blank = strchr(line, ' ');
  struct hdx_text name = {line, blank ? (size_t)(blank - line) : strlen(line)};
  struct hdx_text value = blank ? unescape(blank + 1) : HDX_TEXT("");
  if (hdx_text_is(name, "signature")) {
    vector->signature = value;
  } else if (hdx_text_is(name, "field")) {
    size_t colon = (size_t)((char *)memchr(value.data, ':', value.size) - value.data);
    assert_true(vector->request.field_count < VECTOR_FIELDS_MAX);
    vector->fields[vector->request.field_count++] =
        (struct hdx_sigv4_field){hdx_text_sub(value, 0, colon), hdx_text_sub(value, colon + 1, value.size)};
  } else {
    size_t i = 0;
    while (i < VALUES && !hdx_text_is(name, value_names[i]))
      i++;
    if (i == VALUES)
      fail_msg("no value is called %.*s", HDX_TEXT_ARG(name));
    vector->values[i] = value;
  }
}

static void complete(struct vector *vector) {
  const struct hdx_text *values = vector->values;
  int digits;
  size_t at;
  assert_int_equal(hdx_time_read(values[TIME], false, &vector->scope.time_ns, &digits, &at), 0);
  vector->scope.region = values[REGION];
  vector->scope.service = values[SERVICE];
  vector->request.method = values[METHOD];
  vector->request.path = values[PATH];
  vector->request.query = values[QUERY];
  vector->request.payload_hash = values[PAYLOAD];
  vector->request.fields = vector->fields;
}

/* The first two steps of a request that has all that is signed. */
static void check_steps(const struct vector *vector, const struct hdx_sigv4_request *request, const char *name) {
  struct hdx_buffer canonical, names, to_sign;
  hdx_buffer_init(&canonical, SIZE_MAX);
  hdx_buffer_init(&names, SIZE_MAX);
  hdx_buffer_init(&to_sign, SIZE_MAX);
  hdx_sigv4_canonical(request, &canonical, &names);
  assert_text(hdx_buffer_text(&canonical), vector->values[CANONICAL], name);
  hdx_sigv4_string_to_sign(&vector->scope, vector->values[CANONICAL], &to_sign);
  assert_text(hdx_buffer_text(&to_sign), vector->values[TO_SIGN], name);
  hdx_buffer_deinit(&canonical);
  hdx_buffer_deinit(&names);
  hdx_buffer_deinit(&to_sign);
}

static struct hdx_sigv4_field field_of(struct hdx_buffer *line) {
  struct hdx_text text = hdx_text_of(hdx_buffer_string(line));
  const char *colon = strstr(text.data, ": ");
  assert_non_null(colon);
  size_t at = (size_t)(colon - text.data);
  return (struct hdx_sigv4_field){hdx_text_sub(text, 0, at), hdx_text_sub(text, at + 2, text.size)};
}

static void check_headers(struct vector *vector, struct hdx_signer *signer, const char *name) {
  struct hdx_sigv4_request whole = vector->request;
  struct hdx_sigv4_headers headers;
  struct hdx_error error;
  struct hdx_buffer want;
  hdx_sigv4_headers_init(&headers);
  hdx_buffer_init(&want, SIZE_MAX);
  for (int twice = 0; twice < 2; twice++) /* into the same buffers */
    assert_int_equal(hdx_sigv4_sign_headers(signer, &vector->scope, &vector->request, &headers, &error), HDX_OK);
  vector->fields[whole.field_count++] = field_of(&headers.date);
  vector->fields[whole.field_count++] = field_of(&headers.content);
  if (vector->values[TOKEN].size)
    vector->fields[whole.field_count++] = field_of(&headers.security);
  else
    assert_int_equal(headers.security.size, 0);
  check_steps(vector, &whole, name);
  /* The scope and the signed headers are lines of what was checked just now. */
  const char *scope = memchr(vector->values[TO_SIGN].data + sizeof "AWS4-HMAC-SHA256\n", '\n', 64);
  const char *last = memrchr(vector->values[CANONICAL].data, '\n', vector->values[CANONICAL].size);
  const char *names = memrchr(vector->values[CANONICAL].data, '\n', (size_t)(last - vector->values[CANONICAL].data));
  hdx_buffer_append_format(&want,
                           "Authorization: AWS4-HMAC-SHA256 Credential=%.*s/%.*s, SignedHeaders=%.*s, Signature=%.*s",
                           HDX_TEXT_ARG(vector->values[KEY]), (int)strcspn(scope + 1, "\n"), scope + 1,
                           (int)(last - names - 1), names + 1, HDX_TEXT_ARG(vector->signature));
  assert_text(hdx_buffer_text(&headers.authorization), hdx_buffer_text(&want), name);
  hdx_sigv4_headers_deinit(&headers);
  hdx_buffer_deinit(&want);
}

static void check_query(const struct vector *vector, struct hdx_signer *signer, const char *name) {
  struct hdx_sigv4_request whole = vector->request;
  struct hdx_error error;
  struct hdx_buffer query;
  uint64_t expires = 0;
  static const char mark[] = "&X-Amz-Signature=";
  hdx_buffer_init(&query, SIZE_MAX);
  hdx_buffer_append_text(&query, HDX_TEXT("?")); /* what is there stays */
  assert_true(hdx_text_to_u64(vector->values[EXPIRES], UINT32_MAX, &expires));
  assert_int_equal(hdx_sigv4_sign_query(signer, &vector->scope, &vector->request, (uint32_t)expires, &query, &error),
                   HDX_OK);
  assert_int_equal(hdx_buffer_string(&query)[0], '?');
  struct hdx_text text = hdx_text_sub(hdx_buffer_text(&query), 1, query.size);
  assert_true(hdx_text_starts_with(text, vector->request.query));
  const char *signature = strstr(text.data, mark);
  assert_non_null(signature);
  assert_text(hdx_text_of(signature + sizeof mark - 1), vector->signature, name);
  whole.query = hdx_text_sub(text, 0, (size_t)(signature - text.data));
  check_steps(vector, &whole, name);
  hdx_buffer_deinit(&query);
}

static void check_vector(struct vector *vector) {
  const struct hdx_text *values = vector->values;
  char name[200], signature[HDX_SIGV4_SIGNATURE_SIZE];
  complete(vector);
  snprintf(name, sizeof name, "%.*s", HDX_TEXT_ARG(values[CASE]));
  struct hdx_signer *signer = new_signer(values[KEY], values[SECRET_KEY], values[TOKEN]);
  assert_text(hdx_signer_key_id(signer), values[KEY], name);
  assert_text(hdx_signer_token(signer), values[TOKEN], name);
  hdx_signer_sign(signer, &vector->scope, values[TO_SIGN], signature);
  assert_text(hdx_text_of(signature), vector->signature, name);
  if (hdx_text_is(values[FORM], "steps"))
    check_steps(vector, &vector->request, name);
  else if (hdx_text_is(values[FORM], "headers"))
    check_headers(vector, signer, name);
  else
    check_query(vector, signer, name);
  hdx_signer_free(signer);
}

static void check_file(const char *path, size_t expected) {
  size_t size, count = 0;
  char *text = read_all(path, &size);
  struct vector vector = {0};
  for (char *line = text, *next; line < text + size; line = next) {
    char *end = strchr(line, '\n');
    assert_non_null(end);
    *end = 0;
    next = end + 1;
    if (*line && *line != '#')
      take_line(&vector, line);
    if (vector.signature.size) { /* the last line of a case */
      check_vector(&vector);
      count++;
      vector = (struct vector){0};
    }
  }
  free(text);
  assert_int_equal(count, expected);
}

static void signatures_are_those_of_the_signing_test_suite(void **state) {
  (void)state;
  check_file("vectors/sigv4/suite.txt", 63);
}

static void signatures_are_those_of_the_s3_reference(void **state) {
  (void)state;
  check_file("vectors/sigv4/s3.txt", 4);
}

static void signatures_are_those_of_botocore(void **state) {
  (void)state;
  check_file("vectors/sigv4/botocore.txt", 64);
}

/* ---- what the vectors leave out ---- */

static void assert_canonical(struct hdx_text query, const struct hdx_sigv4_field *fields, size_t count,
                             const char *want, const char *want_names) {
  const struct hdx_sigv4_request request = {HDX_TEXT("GET"), {NULL, 0}, query, fields, count, HDX_TEXT("hash")};
  struct hdx_buffer canonical, names;
  hdx_buffer_init(&canonical, SIZE_MAX);
  hdx_buffer_init(&names, SIZE_MAX);
  hdx_sigv4_canonical(&request, &canonical, &names);
  assert_string_equal(hdx_buffer_string(&canonical), want);
  assert_string_equal(hdx_buffer_string(&names), want_names);
  hdx_buffer_deinit(&canonical);
  hdx_buffer_deinit(&names);
}

static void queries_are_sorted_and_completed(void **state) {
  (void)state;
  assert_canonical(HDX_TEXT(""), NULL, 0, "GET\n/\n\n\n\nhash", "");
  assert_canonical(HDX_TEXT("b&a=2&a=10&a&a-b=1&=x&&b=="), NULL, 0, "GET\n/\n=x&a=&a=10&a=2&a-b=1&b=&b==\n\n\nhash",
                   "");
}

static void headers_are_sorted_joined_and_tidied(void **state) {
  (void)state;
  const struct hdx_sigv4_field fields[] = {
      {HDX_TEXT("X-B"), HDX_TEXT(" \t z\r\n  y ")},
      {HDX_TEXT("host"), HDX_TEXT("h")},
      {HDX_TEXT("x-b"), HDX_TEXT("a")},
      {HDX_TEXT("X-"), HDX_TEXT("  ")},
      {HDX_TEXT("x-a"), {NULL, 0}},
      {HDX_TEXT("X-b"), HDX_TEXT("a")},
  };
  assert_canonical(HDX_TEXT(""), fields, 6, "GET\n/\n\nhost:h\nx-:\nx-a:\nx-b:z y,a,a\n\nhost;x-;x-a;x-b\nhash",
                   "host;x-;x-a;x-b");
}

/* A signer that has signed for another day, region or service signs as a new one does. */
static void a_kept_key_is_used_for_its_own_scope_alone(void **state) {
  char longest[200];
  (void)state;
  memset(longest, 'r', sizeof longest);
  const struct hdx_sigv4_scope scopes[] = {
      {0, HDX_TEXT("us-east-1"), HDX_TEXT("s3")},
      {HDX_DAY_NS, HDX_TEXT("us-east-1"), HDX_TEXT("s3")},
      {HDX_DAY_NS, HDX_TEXT("us-east-2"), HDX_TEXT("s3")},
      {HDX_DAY_NS, HDX_TEXT("us-east-2"), HDX_TEXT("sts")},
      {HDX_DAY_NS, HDX_TEXT("us-east-2s"), HDX_TEXT("ts")}, /* the same, put together */
      {HDX_DAY_NS, {longest, sizeof longest}, HDX_TEXT("s3")},
      {HDX_DAY_NS, {longest, sizeof longest - 1}, HDX_TEXT("s3")},
      {2 * HDX_DAY_NS - 1, {longest, 126}, HDX_TEXT("s3")},
      {HDX_DAY_NS, {longest, 127}, HDX_TEXT("s3")},
      {HDX_DAY_NS, {longest, 100}, {longest, sizeof longest}},
      {-1, {NULL, 0}, {NULL, 0}},
  };
  enum { COUNT = sizeof scopes / sizeof *scopes };
  char alone[COUNT][HDX_SIGV4_SIGNATURE_SIZE], signature[HDX_SIGV4_SIGNATURE_SIZE];
  for (size_t i = 0; i < COUNT; i++) {
    struct hdx_signer *fresh = new_signer(KEY_ID, SECRET, HDX_TEXT(""));
    hdx_signer_sign(fresh, &scopes[i], HDX_TEXT("text"), alone[i]);
    hdx_signer_free(fresh);
    for (size_t j = 0; j < i; j++)
      assert_string_not_equal(alone[i], alone[j]);
  }
  struct hdx_signer *signer = new_signer(KEY_ID, SECRET, HDX_TEXT(""));
  for (size_t i = 0; i < COUNT; i++)
    for (size_t j = 0; j < COUNT; j++) {
      hdx_signer_sign(signer, &scopes[i], HDX_TEXT("text"), signature);
      hdx_signer_sign(signer, &scopes[j], HDX_TEXT("text"), signature);
      assert_string_equal(signature, alone[j]);
    }
  hdx_signer_free(signer);
}

static void dates_are_right_at_the_edges_of_the_calendar(void **state) {
  static const struct {
    int64_t time_ns;
    const char *want;
  } cases[] = {
      {0, "19700101T000000Z\n19700101/r/s"},
      {-1, "19691231T235959Z\n19691231/r/s"},
      {INT64_C(951868799999999999), "20000229T235959Z\n20000229/r/s"},
      {INT64_MAX, "22620411T234716Z\n22620411/r/s"},
      {INT64_MIN, "16770921T001243Z\n16770921/r/s"},
  };
  (void)state;
  assert_int_equal(hdx_sha256_load(NULL), HDX_OK);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct hdx_sigv4_scope scope = {cases[i].time_ns, HDX_TEXT("r"), HDX_TEXT("s")};
    struct hdx_buffer out;
    char want[200];
    hdx_buffer_init(&out, SIZE_MAX);
    hdx_sigv4_string_to_sign(&scope, HDX_TEXT(""), &out);
    snprintf(want, sizeof want, "AWS4-HMAC-SHA256\n%s/aws4_request\n%s", cases[i].want, HDX_SIGV4_EMPTY_PAYLOAD);
    assert_string_equal(hdx_buffer_string(&out), want);
    hdx_buffer_deinit(&out);
  }
}

static void too_many_headers_and_parameters_are_refused(void **state) {
  struct hdx_sigv4_field fields[HDX_SIGV4_FIELDS_MAX + 1];
  struct hdx_sigv4_request request = {HDX_TEXT("GET"), HDX_TEXT("/"), HDX_TEXT(""), fields, 0, HDX_TEXT("hash")};
  const struct hdx_sigv4_scope scope = {0, HDX_TEXT("r"), HDX_TEXT("s3")};
  char parameters[4 * (HDX_SIGV4_PARAMETERS_MAX + 1)];
  struct hdx_sigv4_headers headers;
  struct hdx_buffer query, names;
  struct hdx_error error;
  (void)state;
  struct hdx_signer *signer = new_signer(KEY_ID, SECRET, HDX_TEXT("token"));
  hdx_sigv4_headers_init(&headers);
  hdx_buffer_init(&query, SIZE_MAX);
  hdx_buffer_init(&names, SIZE_MAX);
  for (size_t i = 0; i < HDX_SIGV4_FIELDS_MAX + 1; i++)
    fields[i] = (struct hdx_sigv4_field){HDX_TEXT("host"), HDX_TEXT("h")};
  for (size_t i = 0; i < sizeof parameters; i += 4)
    memcpy(parameters + i, "a=b&", 4);
  request.field_count = HDX_SIGV4_FIELDS_MAX - 3;
  assert_int_equal(hdx_sigv4_sign_headers(signer, &scope, &request, &headers, &error), HDX_OK);
  request.field_count++;
  assert_int_equal(hdx_sigv4_sign_headers(signer, &scope, &request, &headers, &error), HDX_LIMIT);
  assert_int_equal(headers.authorization.size, 0);
  request.field_count = HDX_SIGV4_FIELDS_MAX;
  request.query = (struct hdx_text){parameters, 4 * (HDX_SIGV4_PARAMETERS_MAX - 6) - 1};
  assert_int_equal(hdx_sigv4_sign_query(signer, &scope, &request, 1, &query, &error), HDX_OK);
  hdx_buffer_clear(&query);
  request.query.size += 4; /* the signature is no part of what is signed, all else is */
  assert_int_equal(hdx_sigv4_sign_query(signer, &scope, &request, 1, &query, &error), HDX_LIMIT);
  assert_int_equal(query.size, 0);
  request.field_count++;
  hdx_sigv4_canonical(&request, &query, &names);
  assert_int_equal(query.status, HDX_LIMIT);
  assert_int_equal(names.status, HDX_LIMIT);
  hdx_sigv4_headers_deinit(&headers);
  hdx_buffer_deinit(&query);
  hdx_buffer_deinit(&names);
  hdx_signer_free(signer);
}

static void a_presigned_url_holds_for_a_second_to_a_week(void **state) {
  const struct hdx_sigv4_field host = {HDX_TEXT("host"), HDX_TEXT("h")};
  const struct hdx_sigv4_request request = {
      HDX_TEXT("GET"), HDX_TEXT("/"), HDX_TEXT(""), &host, 1, HDX_TEXT(HDX_SIGV4_UNSIGNED_PAYLOAD)};
  const struct hdx_sigv4_scope scope = {0, HDX_TEXT("r"), HDX_TEXT("s3")};
  const uint32_t good[] = {1, HDX_SIGV4_EXPIRES_S_MAX}, bad[] = {0, HDX_SIGV4_EXPIRES_S_MAX + 1, UINT32_MAX};
  struct hdx_buffer query;
  struct hdx_error error;
  (void)state;
  struct hdx_signer *signer = new_signer(KEY_ID, SECRET, HDX_TEXT(""));
  hdx_buffer_init(&query, 1000);
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(hdx_sigv4_sign_query(signer, &scope, &request, bad[i], &query, &error), HDX_USAGE);
    assert_int_equal(query.size, 0);
  }
  for (size_t i = 0; i < 2; i++)
    assert_int_equal(hdx_sigv4_sign_query(signer, &scope, &request, good[i], &query, &error), HDX_OK);
  query.max = query.size + 100; /* it ends within */
  size_t before = query.size;
  assert_int_equal(hdx_sigv4_sign_query(signer, &scope, &request, 1, &query, &error), HDX_LIMIT);
  assert_int_equal(query.size, before);
  hdx_buffer_deinit(&query);
  hdx_signer_free(signer);
}

static void texts_that_are_too_long_are_refused(void **state) {
  const struct hdx_sigv4_request request = {HDX_TEXT("GET"), HDX_TEXT("/"), HDX_TEXT(""), NULL, 0, HDX_TEXT("hash")};
  const struct hdx_sigv4_scope scope = {0, HDX_TEXT("r"), HDX_TEXT("s3")};
  struct hdx_sigv4_headers headers;
  struct hdx_error error;
  (void)state;
  char *longest = calloc(2, 1 << 20);
  assert_non_null(longest);
  struct hdx_text text = {longest, 2 << 20};
  memset(longest, 't', text.size);
  hdx_sigv4_headers_init(&headers);
  const struct hdx_text tokens[] = {text, HDX_TEXT("t")}, keys[] = {KEY_ID, text};
  for (size_t i = 0; i < 2; i++) {
    struct hdx_signer *signer = new_signer(keys[i], text, tokens[i]);
    assert_int_equal(hdx_sigv4_sign_headers(signer, &scope, &request, &headers, &error), HDX_LIMIT);
    hdx_signer_free(signer);
  }
  hdx_signer_free(NULL);
  hdx_sigv4_headers_deinit(&headers);
  free(longest);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(digests_are_those_of_fips_180_4),
      cmocka_unit_test(codes_are_those_of_rfc_4231),
      cmocka_unit_test(signatures_are_those_of_the_signing_test_suite),
      cmocka_unit_test(signatures_are_those_of_the_s3_reference),
      cmocka_unit_test(signatures_are_those_of_botocore),
      cmocka_unit_test(queries_are_sorted_and_completed),
      cmocka_unit_test(headers_are_sorted_joined_and_tidied),
      cmocka_unit_test(a_kept_key_is_used_for_its_own_scope_alone),
      cmocka_unit_test(dates_are_right_at_the_edges_of_the_calendar),
      cmocka_unit_test(too_many_headers_and_parameters_are_refused),
      cmocka_unit_test(a_presigned_url_holds_for_a_second_to_a_week),
      cmocka_unit_test(texts_that_are_too_long_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
