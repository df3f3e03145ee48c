/* layer: transfer */
/* Requests of any bytes: signing never crashes and gives a signature or a clean status, and the canonical request does
 * not depend on the order of parameters and of headers of different names.
 *
 * The input's first line is the path, the second the query, each of the others a header ("name:value"). */
#include "transfer/sigv4.h"

#include <stdlib.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS_MAX = HDX_SIGV4_FIELDS_MAX + 4 };

static struct hdx_signer *signer;
static const struct hdx_sigv4_scope scope = {INT64_C(1369353600000000000), {"us-east-1", 9}, {"s3", 2}};

/* The next line of the input, or what is before `end` in it. */
static struct hdx_text take(struct hdx_text *rest, char end) {
  const char *at = rest->size ? memchr(rest->data, end, rest->size) : NULL;
  struct hdx_text taken = {rest->data, at ? (size_t)(at - rest->data) : rest->size};
  size_t next = taken.size + (at != NULL);
  *rest = (struct hdx_text){rest->size ? rest->data + next : rest->data, rest->size - next};
  return taken;
}

static size_t read_fields(struct hdx_text rest, struct hdx_sigv4_field *fields) {
  size_t count = 0;
  while (rest.size && count < FIELDS_MAX) {
    struct hdx_text line = take(&rest, '\n');
    fields[count].name = take(&line, ':');
    fields[count++].value = line;
  }
  return count;
}

/* Names in reverse; the values of each name in their own order. */
static void reverse_fields(const struct hdx_sigv4_field *fields, size_t count, struct hdx_sigv4_field *reversed) {
  bool used[FIELDS_MAX] = {false};
  for (size_t i = 0; i < count; i++) {
    size_t from = 0;
    reversed[i].name = fields[count - 1 - i].name;
    while (used[from] || !hdx_text_equal_nocase(fields[from].name, reversed[i].name))
      from++;
    used[from] = true;
    reversed[i].value = fields[from].value;
  }
}

static void reverse_query(struct hdx_text query, struct hdx_buffer *reversed) {
  for (size_t end = query.size; query.size; end = query.size) {
    while (end && query.data[end - 1] != '&')
      end--;
    hdx_buffer_append_text(reversed, hdx_text_sub(query, end, query.size));
    hdx_buffer_append_byte(reversed, '&');
    query.size = end ? end - 1 : 0;
  }
}

static void check_order(const struct hdx_sigv4_request *request) {
  struct hdx_sigv4_field fields[FIELDS_MAX];
  struct hdx_sigv4_request other = *request;
  struct hdx_buffer canonical[2], names[2], query;
  hdx_buffer_init(&query, SIZE_MAX);
  for (int i = 0; i < 2; i++) {
    hdx_buffer_init(&canonical[i], SIZE_MAX);
    hdx_buffer_init(&names[i], SIZE_MAX);
  }
  reverse_fields(request->fields, request->field_count, fields);
  reverse_query(request->query, &query);
  other.fields = fields;
  other.query = hdx_buffer_text(&query);
  hdx_sigv4_canonical(request, &canonical[0], &names[0]);
  hdx_sigv4_canonical(&other, &canonical[1], &names[1]);
  CHECK(canonical[0].status == canonical[1].status && names[0].status == names[1].status);
  CHECK(canonical[0].status == HDX_OK || canonical[0].status == HDX_LIMIT);
  if (canonical[0].status == HDX_OK) {
    CHECK(hdx_text_equal(hdx_buffer_text(&canonical[0]), hdx_buffer_text(&canonical[1])));
    CHECK(hdx_text_equal(hdx_buffer_text(&names[0]), hdx_buffer_text(&names[1])));
  }
  for (int i = 0; i < 2; i++) {
    hdx_buffer_deinit(&canonical[i]);
    hdx_buffer_deinit(&names[i]);
  }
  hdx_buffer_deinit(&query);
}

/* Whether the text ends with 64 hexadecimal digits. */
static bool signed_text(struct hdx_text text) {
  if (text.size < HDX_SIGV4_SIGNATURE_SIZE)
    return false;
  for (size_t i = text.size - 64; i < text.size; i++)
    if (!text.data[i] || !strchr("0123456789abcdef", text.data[i]))
      return false;
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hdx_text rest = {(const char *)data, size};
  struct hdx_sigv4_field fields[FIELDS_MAX];
  struct hdx_sigv4_headers headers;
  struct hdx_error error;
  struct hdx_buffer query;
  if (!signer)
    CHECK(hdx_signer_new(HDX_TEXT("AKIDEXAMPLE"), HDX_TEXT("secret"), HDX_TEXT("to+k/en="), &signer, &error) == HDX_OK);
  struct hdx_sigv4_request request = {.method = HDX_TEXT("GET"), .payload_hash = HDX_TEXT(HDX_SIGV4_UNSIGNED_PAYLOAD)};
  request.path = take(&rest, '\n');
  request.query = take(&rest, '\n');
  request.fields = fields;
  request.field_count = read_fields(rest, fields);
  check_order(&request);
  hdx_sigv4_headers_init(&headers);
  enum hdx_status status = hdx_sigv4_sign_headers(signer, &scope, &request, &headers, &error);
  CHECK(status == HDX_LIMIT || (status == HDX_OK && signed_text(hdx_buffer_text(&headers.authorization))));
  hdx_sigv4_headers_deinit(&headers);
  hdx_buffer_init(&query, 1 << 20);
  status = hdx_sigv4_sign_query(signer, &scope, &request, 60, &query, &error);
  CHECK(status == HDX_OK ? signed_text(hdx_buffer_text(&query)) : status == HDX_LIMIT && query.size == 0);
  hdx_buffer_deinit(&query);
  return 0;
}
