/* Signing is done for every request of thousands, so it needs no memory once its buffers have grown: headers and
 * parameters are sorted as views on the stack, and a signer keeps its buffers and the day's signing key. */
#include "transfer/sigv4.h"

#include "base/error.h"
#include "base/time.h"
#include "base/url.h"
#include "transfer/sha256.h"

#include <inttypes.h>
#include <stdlib.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"

enum {
  ADDED_FIELDS_MAX = 3,       /* date, content, security */
  PLACE_BYTES_MAX = 128,      /* region and service of a signing key that is kept */
  LINE_BYTES_MAX = 64 << 10,  /* of a header, the longest of which is the token's */
  BUFFER_BYTES_MAX = 1 << 20, /* of a canonical request */
};

/* ---- Buffers with secrets in them ---- */

static void wipe(struct hdx_buffer *buffer) {
  hdx_buffer_wipe(buffer);
  hdx_buffer_deinit(buffer);
}

/* Clears it and makes room for `size` bytes: growing as it is filled would leave copies of its bytes behind. */
static void make_room(struct hdx_buffer *buffer, size_t size) {
  if (buffer->capacity < size)
    wipe(buffer);
  hdx_buffer_clear(buffer);
  hdx_buffer_reserve(buffer, size);
}

/* ---- Canonical request ---- */

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int compare_names(struct hdx_text a, struct hdx_text b) {
  for (size_t i = 0; i < a.size && i < b.size; i++) {
    int order = (unsigned char)lower(a.data[i]) - (unsigned char)lower(b.data[i]);
    if (order)
      return order;
  }
  return (a.size > b.size) - (a.size < b.size);
}

/* Those of the same name stay in their order. There are few: insertion is the fastest way. */
static void sort_fields(const struct hdx_sigv4_request *request, const struct hdx_sigv4_field **sorted) {
  for (size_t i = 0; i < request->field_count; i++) {
    const struct hdx_sigv4_field *field = &request->fields[i];
    size_t at = i;
    for (; at && compare_names(sorted[at - 1]->name, field->name) > 0; at--)
      sorted[at] = sorted[at - 1];
    sorted[at] = field;
  }
}

/* Whether the field has the name of the one before it. */
static bool repeated(const struct hdx_sigv4_field **sorted, size_t i) {
  return i && hdx_text_equal_nocase(sorted[i - 1]->name, sorted[i]->name);
}

static void append_lower(struct hdx_buffer *out, struct hdx_text text) {
  char *to = hdx_buffer_reserve(out, text.size);
  if (!to)
    return;
  for (size_t i = 0; i < text.size; i++)
    to[i] = lower(text.data[i]);
  out->size += text.size;
}

static bool has(struct hdx_text text, char c) {
  return text.size && memchr(text.data, c, text.size);
}

static void append_value(struct hdx_buffer *out, struct hdx_text value) {
  value = hdx_text_trim(value);
  if (!has(value, ' ') && !has(value, '\t') && !has(value, '\r') && !has(value, '\n')) {
    hdx_buffer_append_text(out, value); /* as tokens are, which are long */
    return;
  }
  if (!hdx_buffer_reserve(out, value.size))
    return;
  for (size_t i = 0; i < value.size; i++)
    if (!blank(value.data[i]))
      out->data[out->size++] = value.data[i];
    else if (!blank(value.data[i - 1])) /* there is one: the first is no blank */
      out->data[out->size++] = ' ';
}

static void append_fields(struct hdx_buffer *out, const struct hdx_sigv4_field **sorted, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (repeated(sorted, i)) {
      hdx_buffer_append_byte(out, ',');
    } else {
      if (i)
        hdx_buffer_append_byte(out, '\n');
      append_lower(out, sorted[i]->name);
      hdx_buffer_append_byte(out, ':');
    }
    append_value(out, sorted[i]->value);
  }
  if (count)
    hdx_buffer_append_byte(out, '\n');
}

static void append_names(struct hdx_buffer *out, const struct hdx_sigv4_field **sorted, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (repeated(sorted, i))
      continue;
    if (i)
      hdx_buffer_append_byte(out, ';');
    append_lower(out, sorted[i]->name);
  }
}

struct parameter {
  struct hdx_text name, value;
};

static struct parameter parameter_of(struct hdx_text text) {
  const char *equals = memchr(text.data, '=', text.size);
  size_t at = equals ? (size_t)(equals - text.data) : text.size;
  return (struct parameter){hdx_text_sub(text, 0, at), hdx_text_sub(text, at + (equals != NULL), text.size)};
}

static int compare_parameters(const struct parameter *a, const struct parameter *b) {
  int order = hdx_text_compare(a->name, b->name);
  return order ? order : hdx_text_compare(a->value, b->value);
}

static void append_query(struct hdx_buffer *out, struct hdx_text query) {
  struct parameter sorted[HDX_SIGV4_PARAMETERS_MAX];
  size_t count = 0;
  for (size_t from = 0, to; from < query.size; from = to + 1) {
    const char *end = memchr(query.data + from, '&', query.size - from);
    to = end ? (size_t)(end - query.data) : query.size;
    if (to == from)
      continue;
    if (count == HDX_SIGV4_PARAMETERS_MAX) {
      out->status = HDX_LIMIT;
      return;
    }
    struct parameter parameter = parameter_of(hdx_text_sub(query, from, to));
    size_t at = count++;
    for (; at && compare_parameters(&sorted[at - 1], &parameter) > 0; at--)
      sorted[at] = sorted[at - 1];
    sorted[at] = parameter;
  }
  for (size_t i = 0; i < count; i++) {
    if (i)
      hdx_buffer_append_byte(out, '&');
    hdx_buffer_append_text(out, sorted[i].name);
    hdx_buffer_append_byte(out, '=');
    hdx_buffer_append_text(out, sorted[i].value);
  }
}

void hdx_sigv4_canonical(const struct hdx_sigv4_request *request, struct hdx_buffer *canonical,
                         struct hdx_buffer *names) {
  const struct hdx_sigv4_field *sorted[HDX_SIGV4_FIELDS_MAX];
  size_t from = names->size;
  if (request->field_count > HDX_SIGV4_FIELDS_MAX) {
    canonical->status = names->status = HDX_LIMIT;
    return;
  }
  sort_fields(request, sorted);
  append_names(names, sorted, request->field_count);
  hdx_buffer_append_text(canonical, request->method);
  hdx_buffer_append_byte(canonical, '\n');
  hdx_buffer_append_text(canonical, request->path.size ? request->path : HDX_TEXT("/"));
  hdx_buffer_append_byte(canonical, '\n');
  append_query(canonical, request->query);
  hdx_buffer_append_byte(canonical, '\n');
  append_fields(canonical, sorted, request->field_count);
  hdx_buffer_append_byte(canonical, '\n');
  if (names->size > from)
    hdx_buffer_append(canonical, names->data + from, names->size - from);
  if (names->status != HDX_OK && canonical->status == HDX_OK)
    canonical->status = names->status;
  hdx_buffer_append_byte(canonical, '\n');
  hdx_buffer_append_text(canonical, request->payload_hash);
}

/* What the canonical request takes at most. */
static size_t canonical_size(const struct hdx_sigv4_request *request) {
  size_t size = request->method.size + request->path.size + request->query.size + request->payload_hash.size + 8 +
                HDX_SIGV4_PARAMETERS_MAX;
  for (size_t i = 0; i < request->field_count; i++)
    size += 2 * request->fields[i].name.size + request->fields[i].value.size + 3;
  return size;
}

/* ---- String to sign ---- */

struct stamp {
  char text[16]; /* 20130524T000000Z */
  int64_t day;
};

static char *put_digits(char *to, unsigned value, int count) {
  for (int i = count; i--; value /= 10)
    to[i] = (char)('0' + value % 10);
  return to + count;
}

static struct stamp stamp_of(int64_t time_ns) {
  struct stamp stamp;
  unsigned month, day;
  int64_t seconds = time_ns / HDX_SECOND_NS - (time_ns % HDX_SECOND_NS < 0);
  stamp.day = seconds / 86400 - (seconds % 86400 < 0);
  unsigned second = (unsigned)(seconds - stamp.day * 86400);
  int year = hdx_time_date(stamp.day, &month, &day);
  char *to = put_digits(stamp.text, (unsigned)year, 4);
  to = put_digits(put_digits(to, month, 2), day, 2);
  *to++ = 'T';
  to = put_digits(put_digits(put_digits(to, second / 3600, 2), second / 60 % 60, 2), second % 60, 2);
  *to = 'Z';
  return stamp;
}

static struct hdx_text stamp_text(const struct stamp *stamp) {
  return (struct hdx_text){stamp->text, sizeof stamp->text};
}

static struct hdx_text stamp_day(const struct stamp *stamp) {
  return (struct hdx_text){stamp->text, 8};
}

/* "20130524/us-east-1/s3/aws4_request" */
static void append_scope(struct hdx_buffer *out, const struct hdx_sigv4_scope *scope, const struct stamp *stamp) {
  hdx_buffer_append_text(out, stamp_day(stamp));
  hdx_buffer_append_byte(out, '/');
  hdx_buffer_append_text(out, scope->region);
  hdx_buffer_append_byte(out, '/');
  hdx_buffer_append_text(out, scope->service);
  hdx_buffer_append_text(out, HDX_TEXT("/" TERMINATOR));
}

static void put_hex(char *to, const unsigned char digest[HDX_SHA256_SIZE]) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < HDX_SHA256_SIZE; i++) {
    to[2 * i] = digits[digest[i] >> 4];
    to[2 * i + 1] = digits[digest[i] & 15];
  }
}

void hdx_sigv4_string_to_sign(const struct hdx_sigv4_scope *scope, struct hdx_text canonical, struct hdx_buffer *out) {
  struct stamp stamp = stamp_of(scope->time_ns);
  unsigned char digest[HDX_SHA256_SIZE];
  char hex[2 * HDX_SHA256_SIZE];
  hdx_sha256(canonical, digest);
  put_hex(hex, digest);
  hdx_buffer_append_text(out, HDX_TEXT(ALGORITHM "\n"));
  hdx_buffer_append_text(out, stamp_text(&stamp));
  hdx_buffer_append_byte(out, '\n');
  append_scope(out, scope, &stamp);
  hdx_buffer_append_byte(out, '\n');
  hdx_buffer_append(out, hex, sizeof hex);
}

/* ---- Signature ---- */

struct hdx_signer {
  struct hdx_hmac secret; /* of "AWS4" and the secret */
  struct hdx_hmac key;    /* of the signing key of the day and place */
  bool has_key;
  int64_t day;
  char place[PLACE_BYTES_MAX]; /* region and service */
  size_t region_size, place_size;
  struct hdx_buffer canonical, names, part;
  struct hdx_text key_id, token;
  char texts[]; /* what these view */
};

/* The key of the signer's first HMAC. */
static enum hdx_status take_secret(struct hdx_signer *signer, struct hdx_text secret, struct hdx_error *error) {
  struct hdx_buffer key;
  hdx_buffer_init(&key, SIZE_MAX);
  make_room(&key, 4 + secret.size);
  hdx_buffer_append_text(&key, HDX_TEXT("AWS4"));
  hdx_buffer_append_text(&key, secret);
  hdx_hmac_key(&signer->secret, hdx_buffer_text(&key));
  enum hdx_status status = hdx_buffer_status(&key, "signer", error);
  wipe(&key);
  return status;
}

enum hdx_status hdx_signer_new(struct hdx_text key_id, struct hdx_text secret, struct hdx_text token,
                               struct hdx_signer **signer, struct hdx_error *error) {
  enum hdx_status status = hdx_sha256_load(error);
  if (status != HDX_OK)
    return status;
  size_t size = sizeof **signer + key_id.size + token.size;
  struct hdx_signer *made = calloc(1, size);
  if (!made)
    return hdx_error_memory(error, size);
  made->key_id = (struct hdx_text){made->texts, key_id.size};
  made->token = (struct hdx_text){made->texts + key_id.size, token.size};
  if (key_id.size)
    memcpy(made->texts, key_id.data, key_id.size);
  if (token.size)
    memcpy(made->texts + key_id.size, token.data, token.size);
  hdx_buffer_init(&made->canonical, BUFFER_BYTES_MAX);
  hdx_buffer_init(&made->names, BUFFER_BYTES_MAX);
  hdx_buffer_init(&made->part, BUFFER_BYTES_MAX);
  status = take_secret(made, secret, error);
  if (status == HDX_OK)
    *signer = made;
  else
    hdx_signer_free(made);
  return status;
}

void hdx_signer_free(struct hdx_signer *signer) {
  if (!signer)
    return;
  wipe(&signer->canonical);
  wipe(&signer->names);
  wipe(&signer->part);
  explicit_bzero(signer, sizeof *signer + signer->key_id.size + signer->token.size);
  free(signer);
}

struct hdx_text hdx_signer_key_id(const struct hdx_signer *signer) {
  return signer->key_id;
}

struct hdx_text hdx_signer_token(const struct hdx_signer *signer) {
  return signer->token;
}

/* Makes the signing key: HMACs of the day, the region, the service and a constant, each the next one's key. */
static void derive_key(struct hdx_signer *signer, const struct hdx_sigv4_scope *scope, const struct stamp *stamp) {
  const struct hdx_text steps[] = {scope->region, scope->service, HDX_TEXT(TERMINATOR)};
  unsigned char key[HDX_SHA256_SIZE];
  hdx_hmac(&signer->secret, stamp_day(stamp), key);
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    hdx_hmac_key(&signer->key, (struct hdx_text){(const char *)key, sizeof key});
    hdx_hmac(&signer->key, steps[i], key);
  }
  hdx_hmac_key(&signer->key, (struct hdx_text){(const char *)key, sizeof key});
  explicit_bzero(key, sizeof key);
}

static bool has_key(const struct hdx_signer *signer, const struct hdx_sigv4_scope *scope, int64_t day) {
  struct hdx_text place = {signer->place, signer->place_size};
  return signer->has_key && signer->day == day &&
         hdx_text_equal(hdx_text_sub(place, 0, signer->region_size), scope->region) &&
         hdx_text_equal(hdx_text_sub(place, signer->region_size, place.size), scope->service);
}

/* Keeps the key unless its place is longer than any that there is. */
static void remember_key(struct hdx_signer *signer, const struct hdx_sigv4_scope *scope, int64_t day) {
  struct hdx_text region = scope->region, service = scope->service;
  signer->has_key = region.size <= PLACE_BYTES_MAX && service.size <= PLACE_BYTES_MAX - region.size;
  if (!signer->has_key)
    return;
  signer->day = day;
  signer->region_size = region.size;
  signer->place_size = region.size + service.size;
  if (region.size)
    memcpy(signer->place, region.data, region.size);
  if (service.size)
    memcpy(signer->place + region.size, service.data, service.size);
}

void hdx_signer_sign(struct hdx_signer *signer, const struct hdx_sigv4_scope *scope, struct hdx_text string_to_sign,
                     char signature[HDX_SIGV4_SIGNATURE_SIZE]) {
  struct stamp stamp = stamp_of(scope->time_ns);
  unsigned char code[HDX_SHA256_SIZE];
  if (!has_key(signer, scope, stamp.day)) {
    derive_key(signer, scope, &stamp);
    remember_key(signer, scope, stamp.day);
  }
  hdx_hmac(&signer->key, string_to_sign, code);
  put_hex(signature, code);
  signature[HDX_SIGV4_SIGNATURE_SIZE - 1] = 0;
}

/* ---- Signed requests ---- */

/* All three steps; the signer's `names` are then the request's. */
static enum hdx_status sign_request(struct hdx_signer *signer, const struct hdx_sigv4_scope *scope,
                                    const struct hdx_sigv4_request *request, char signature[HDX_SIGV4_SIGNATURE_SIZE],
                                    struct hdx_error *error) {
  make_room(&signer->canonical, canonical_size(request));
  hdx_buffer_clear(&signer->names);
  hdx_buffer_clear(&signer->part);
  hdx_sigv4_canonical(request, &signer->canonical, &signer->names);
  hdx_sigv4_string_to_sign(scope, hdx_buffer_text(&signer->canonical), &signer->part);
  enum hdx_status status = hdx_buffer_status(&signer->canonical, "request to sign", error);
  if (status == HDX_OK)
    status = hdx_buffer_status(&signer->part, "string to sign", error);
  if (status == HDX_OK)
    hdx_signer_sign(signer, scope, hdx_buffer_text(&signer->part), signature);
  return status;
}

static enum hdx_status check_count(size_t count, size_t added, struct hdx_error *error) {
  if (count <= HDX_SIGV4_FIELDS_MAX - added)
    return HDX_OK;
  return hdx_error_set(error, HDX_LIMIT, "request to sign: %zu headers, more than %zu", count,
                       HDX_SIGV4_FIELDS_MAX - added);
}

void hdx_sigv4_headers_init(struct hdx_sigv4_headers *headers) {
  hdx_buffer_init(&headers->date, LINE_BYTES_MAX);
  hdx_buffer_init(&headers->content, LINE_BYTES_MAX);
  hdx_buffer_init(&headers->security, LINE_BYTES_MAX);
  hdx_buffer_init(&headers->authorization, LINE_BYTES_MAX);
}

void hdx_sigv4_headers_deinit(struct hdx_sigv4_headers *headers) {
  wipe(&headers->date);
  wipe(&headers->content);
  wipe(&headers->security);
  wipe(&headers->authorization);
}

/* Makes the line of a header and returns the header as a view of it. */
static struct hdx_sigv4_field make_line(struct hdx_buffer *line, struct hdx_text name, struct hdx_text value) {
  make_room(line, name.size + 2 + value.size + 1); /* and a NUL, for hdx_buffer_string */
  hdx_buffer_append_text(line, name);
  hdx_buffer_append_text(line, HDX_TEXT(": "));
  hdx_buffer_append_text(line, value);
  return (struct hdx_sigv4_field){name, value};
}

static void append_authorization(struct hdx_buffer *out, const struct hdx_signer *signer,
                                 const struct hdx_sigv4_scope *scope, const struct stamp *stamp,
                                 const char *signature) {
  hdx_buffer_append_text(out, HDX_TEXT("Authorization: " ALGORITHM " Credential="));
  hdx_buffer_append_text(out, signer->key_id);
  hdx_buffer_append_byte(out, '/');
  append_scope(out, scope, stamp);
  hdx_buffer_append_text(out, HDX_TEXT(", SignedHeaders="));
  hdx_buffer_append_buffer(out, &signer->names);
  hdx_buffer_append_text(out, HDX_TEXT(", Signature="));
  hdx_buffer_append_text(out, hdx_text_of(signature));
}

enum hdx_status hdx_sigv4_sign_headers(struct hdx_signer *signer, const struct hdx_sigv4_scope *scope,
                                       const struct hdx_sigv4_request *request, struct hdx_sigv4_headers *headers,
                                       struct hdx_error *error) {
  struct hdx_sigv4_field fields[HDX_SIGV4_FIELDS_MAX];
  struct hdx_sigv4_request whole = *request;
  struct stamp stamp = stamp_of(scope->time_ns);
  char signature[HDX_SIGV4_SIGNATURE_SIZE];
  hdx_buffer_clear(&headers->authorization);
  enum hdx_status status = check_count(request->field_count, ADDED_FIELDS_MAX, error);
  if (status != HDX_OK)
    return status;
  if (request->field_count)
    memcpy(fields, request->fields, request->field_count * sizeof *fields);
  whole.fields = fields;
  fields[whole.field_count++] = make_line(&headers->date, HDX_TEXT("x-amz-date"), stamp_text(&stamp));
  fields[whole.field_count++] = make_line(&headers->content, HDX_TEXT("x-amz-content-sha256"), request->payload_hash);
  hdx_buffer_clear(&headers->security);
  if (signer->token.size)
    fields[whole.field_count++] = make_line(&headers->security, HDX_TEXT("x-amz-security-token"), signer->token);
  status = sign_request(signer, scope, &whole, signature, error);
  if (status != HDX_OK)
    return status;
  append_authorization(&headers->authorization, signer, scope, &stamp, signature);
  const struct hdx_buffer *lines[4] = {&headers->date, &headers->content, &headers->security, &headers->authorization};
  for (size_t i = 0; status == HDX_OK && i < 4; i++)
    status = hdx_buffer_status(lines[i], "header of a signed request", error);
  return status;
}

/* The parameters of a presigned URL but for its signature, in the order of AWS's examples. */
static void append_parameters(struct hdx_buffer *query, struct hdx_signer *signer, const struct hdx_sigv4_scope *scope,
                              uint32_t expires_s) {
  struct stamp stamp = stamp_of(scope->time_ns);
  struct hdx_buffer *credential = &signer->part;
  hdx_buffer_clear(credential);
  hdx_buffer_append_text(credential, signer->key_id);
  hdx_buffer_append_byte(credential, '/');
  append_scope(credential, scope, &stamp);
  if (credential->status != HDX_OK && query->status == HDX_OK)
    query->status = credential->status;
  hdx_buffer_append_text(query, HDX_TEXT("X-Amz-Algorithm=" ALGORITHM "&X-Amz-Credential="));
  hdx_url_encode(query, hdx_buffer_text(credential), false);
  hdx_buffer_append_text(query, HDX_TEXT("&X-Amz-Date="));
  hdx_buffer_append_text(query, stamp_text(&stamp));
  hdx_buffer_append_format(query, "&X-Amz-Expires=%" PRIu32, expires_s);
  if (signer->token.size) {
    hdx_buffer_append_text(query, HDX_TEXT("&X-Amz-Security-Token="));
    hdx_url_encode(query, signer->token, false);
  }
  hdx_buffer_append_text(query, HDX_TEXT("&X-Amz-SignedHeaders="));
  hdx_url_encode(query, hdx_buffer_text(&signer->names), false);
}

enum hdx_status hdx_sigv4_sign_query(struct hdx_signer *signer, const struct hdx_sigv4_scope *scope,
                                     const struct hdx_sigv4_request *request, uint32_t expires_s,
                                     struct hdx_buffer *query, struct hdx_error *error) {
  const struct hdx_sigv4_field *sorted[HDX_SIGV4_FIELDS_MAX];
  struct hdx_sigv4_request whole = *request;
  char signature[HDX_SIGV4_SIGNATURE_SIZE];
  size_t from = query->size;
  if (expires_s == 0 || expires_s > HDX_SIGV4_EXPIRES_S_MAX)
    return hdx_error_set(error, HDX_USAGE, "a presigned URL holds for 1 to %d seconds, not for %" PRIu32,
                         HDX_SIGV4_EXPIRES_S_MAX, expires_s);
  enum hdx_status status = check_count(request->field_count, 0, error);
  if (status != HDX_OK)
    return status;
  /* The names are part of the query, and so of what is signed: they are needed before. */
  sort_fields(request, sorted);
  hdx_buffer_clear(&signer->names);
  append_names(&signer->names, sorted, request->field_count);
  status = hdx_buffer_status(&signer->names, "presigned URL", error);
  if (status != HDX_OK)
    return status;
  hdx_buffer_append_text(query, request->query);
  if (request->query.size)
    hdx_buffer_append_byte(query, '&');
  append_parameters(query, signer, scope, expires_s);
  status = hdx_buffer_status(query, "presigned URL", error);
  if (status == HDX_OK) {
    whole.query = hdx_text_sub(hdx_buffer_text(query), from, query->size);
    status = sign_request(signer, scope, &whole, signature, error);
  }
  if (status == HDX_OK) {
    hdx_buffer_append_text(query, HDX_TEXT("&X-Amz-Signature="));
    hdx_buffer_append_text(query, hdx_text_of(signature));
    status = hdx_buffer_status(query, "presigned URL", error);
  }
  if (status != HDX_OK)
    query->size = from;
  return status;
}
