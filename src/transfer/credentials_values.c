/* What sources answer: values are checked before they are used, and no message repeats one. */
#include "transfer/credentials_source.h"

#include "base/error.h"
#include "base/time.h"
#include "parse/json.h"

#include <stdlib.h>

enum { KEY_ID_MAX = 128, SECRET_MAX = 256 };

bool hdx_credentials_plain(struct hdx_text text) {
  for (size_t i = 0; i < text.size; i++)
    if ((unsigned char)text.data[i] < 0x20 || (unsigned char)text.data[i] >= 0x7f)
      return false;
  return true;
}

static enum hdx_status check(struct hdx_text value, const char *what, size_t max, const char *source,
                             enum hdx_status refusal, struct hdx_error *error) {
  if (value.size > max)
    return hdx_error_set(error, refusal, "%s: the %s has %zu bytes, more than %zu", source, what, value.size, max);
  if (!hdx_credentials_plain(value))
    return hdx_error_set(error, refusal, "%s: the %s has control bytes or bytes beyond ASCII", source, what);
  return HDX_OK;
}

enum hdx_status hdx_credentials_take(const struct hdx_credentials_values *values, const char *source,
                                     enum hdx_status refusal, struct hdx_credentials *credentials,
                                     struct hdx_error *error) {
  if (!values->key_id.size || !values->secret.size)
    return hdx_error_set(error, refusal, "%s: there is %s", source,
                         values->key_id.size   ? "an access key id, but no secret access key"
                         : values->secret.size ? "a secret access key, but no access key id"
                                               : "neither an access key id nor a secret access key");
  enum hdx_status status = check(values->key_id, "access key id", KEY_ID_MAX, source, refusal, error);
  if (status == HDX_OK)
    status = check(values->secret, "secret access key", SECRET_MAX, source, refusal, error);
  if (status == HDX_OK)
    status = check(values->token, "session token", HDX_CREDENTIALS_TOKEN_MAX, source, refusal, error);
  if (status != HDX_OK)
    return status;
  struct hdx_credentials taken = {.key_id = hdx_text_dup(values->key_id),
                                  .secret = hdx_text_dup(values->secret),
                                  .token = hdx_text_dup(values->token),
                                  .expires = values->expires,
                                  .origin = hdx_text_dup(hdx_text_of(source)),
                                  .renewable = values->renewable};
  if (!taken.key_id || !taken.secret || !taken.token || !taken.origin) {
    hdx_credentials_deinit(&taken);
    return hdx_error_memory(error, values->token.size);
  }
  *credentials = taken;
  return HDX_OK;
}

/* The minutes of an offset "+hh:mm" at the end of a time, which is cut off. AWS's command line writes "+00:00". */
static int cut_offset(struct hdx_text *time) {
  uint64_t hours, minutes;
  if (time->size < 6 || time->data[time->size - 3] != ':')
    return 0;
  struct hdx_text offset = hdx_text_sub(*time, time->size - 6, time->size);
  if ((offset.data[0] != '+' && offset.data[0] != '-') || !hdx_text_to_u64(hdx_text_sub(offset, 1, 3), 23, &hours) ||
      !hdx_text_to_u64(hdx_text_sub(offset, 4, 6), 59, &minutes))
    return 0;
  time->size -= 6;
  return (offset.data[0] == '-' ? -1 : 1) * (int)(hours * 60 + minutes);
}

static enum hdx_status read_expiry(struct hdx_text text, const char *source, int64_t *expires,
                                   struct hdx_error *error) {
  int digits;
  size_t at;
  int64_t offset_ns = cut_offset(&text) * 60 * HDX_SECOND_NS;
  unsigned notes = hdx_time_read(text, false, expires, &digits, &at);
  if (notes >= HDX_TIME_OFFSET)
    return hdx_error_set(error, HDX_DENIED, "%s: the time in Expiration is malformed", source);
  if (notes < HDX_TIME_SATURATED_LATE && __builtin_sub_overflow(*expires, offset_ns, expires))
    *expires = offset_ns < 0 ? HDX_TIME_MAX : HDX_TIME_MIN;
  if (*expires > hdx_time_now())
    return HDX_OK;
  char when[HDX_TIME_TEXT_MAX];
  hdx_time_format(*expires, 0, when);
  return hdx_error_set(error, HDX_DENIED, "%s: the credentials that it gave expired at %s", source, when);
}

/* The text of a member, "" if it is missing or null; false if it is something else. */
static bool text_of(const struct hdx_json *json, const char *name, struct hdx_text *text) {
  const struct hdx_json_value *value = hdx_json_member(json, json->values, name);
  *text = (struct hdx_text){"", 0};
  if (!value || value->type == HDX_JSON_NULL)
    return true;
  *text = value->text;
  return value->type == HDX_JSON_STRING;
}

static enum hdx_status take_parsed(const struct hdx_json *json, enum hdx_credentials_form form, const char *source,
                                   struct hdx_credentials *credentials, struct hdx_error *error) {
  bool service = form == HDX_CREDENTIALS_SERVICE;
  struct hdx_credentials_values values = {.expires = HDX_TIME_NONE, .renewable = true};
  struct hdx_text code, expiry;
  const struct hdx_json_value *version = hdx_json_member(json, json->values, "Version");
  if (!service && (!version || version->type != HDX_JSON_NUMBER || !hdx_text_is(version->text, "1")))
    return hdx_error_set(error, HDX_DENIED, "%s: expected JSON with \"Version\": 1", source);
  if (!text_of(json, "AccessKeyId", &values.key_id) || !text_of(json, "SecretAccessKey", &values.secret) ||
      !text_of(json, service ? "Token" : "SessionToken", &values.token) || !text_of(json, "Expiration", &expiry) ||
      !text_of(json, "Code", &code))
    return hdx_error_set(error, HDX_DENIED, "%s: expected texts as members of its JSON", source);
  if (service && code.size && !hdx_text_is(code, "Success"))
    return hdx_error_set(error, HDX_DENIED, "%s: it refused (the Code of its answer is not Success)", source);
  if (service && (!values.token.size || !expiry.size))
    return hdx_error_set(error, HDX_DENIED, "%s: its answer has no %s", source,
                         values.token.size ? "Expiration" : "Token");
  enum hdx_status status = expiry.size ? read_expiry(expiry, source, &values.expires, error) : HDX_OK;
  return status == HDX_OK ? hdx_credentials_take(&values, source, HDX_DENIED, credentials, error) : status;
}

/* The document and the texts that were unescaped belong to the caller alone. Not reached: the parser's own copy of
 * unescaped texts, and the whole copy of a document that is refused. */
static void wipe(struct hdx_json *json) {
  for (uint32_t i = 0; i < json->count; i++)
    explicit_bzero((char *)json->values[i].text.data, json->values[i].text.size);
  explicit_bzero((char *)json->text.data, json->text.size);
}

enum hdx_status hdx_credentials_take_json(struct hdx_text json, enum hdx_credentials_form form, const char *source,
                                          struct hdx_credentials *credentials, struct hdx_error *error) {
  struct hdx_json parsed;
  /* The parser's message repeats what it found: here that may be a part of a secret. */
  enum hdx_status status = hdx_json_parse(json, source, &parsed, NULL);
  if (status == HDX_MEMORY)
    return hdx_error_memory(error, json.size);
  if (status != HDX_OK)
    return hdx_error_set(error, HDX_DENIED, "%s: expected JSON, found something else", source);
  status = take_parsed(&parsed, form, source, credentials, error);
  wipe(&parsed);
  hdx_json_deinit(&parsed);
  return status;
}
