/* layer: parse */
/* Any bytes: what is believed of errors and pages is within bounds and clean, and what is refused says why. And any
 * bytes as a key come back from a page that holds them percent-encoded. */
#include "base/url.h"
#include "parse/s3_xml.h"

#include <stdlib.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
  uint64_t objects, prefixes;
  struct hdx_text only; /* the key of the only object, or NULL: any */
};

static void look(void *user, const struct hdx_s3_object *object) {
  struct seen *seen = user;
  CHECK(object->key.size >= 1 && object->key.size <= HDX_S3_KEY_BYTES_MAX);
  CHECK(!seen->only.data || hdx_text_equal(object->key, seen->only));
  CHECK(object->size <= INT64_MAX && !memchr(object->etag.data, '\n', object->etag.size));
  CHECK(!object->prefix || (object->etag.size == 0 && object->modified == HDX_TIME_NONE));
  if (object->prefix)
    seen->prefixes++;
  else
    seen->objects++;
}

static void check_clean(const char *text, size_t capacity) {
  size_t size = strnlen(text, capacity);
  CHECK(size < capacity);
  for (size_t i = 0; i < size; i++)
    CHECK((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
}

static void check_error(struct hdx_text text) {
  struct hdx_s3_error error;
  bool is = hdx_s3_error_read(text, &error);
  check_clean(error.code, sizeof error.code);
  check_clean(error.message, sizeof error.message);
  check_clean(error.key, sizeof error.key);
  check_clean(error.region, sizeof error.region);
  check_clean(error.request_id, sizeof error.request_id);
  CHECK(is || (!error.code[0] && !error.message[0] && !error.key[0] && !error.region[0] && !error.request_id[0]));
}

static void check_page(struct hdx_text text) {
  struct seen seen = {0};
  struct hdx_s3_page page;
  struct hdx_error error = {.status = HDX_OK};
  if (hdx_s3_page_read(text, "fuzz", look, &seen, &page, &error) != HDX_OK) {
    CHECK(error.status == HDX_INTEGRITY && strstr(error.message, ": expected "));
    return;
  }
  CHECK(page.objects == seen.objects && page.prefixes == seen.prefixes);
  CHECK(strnlen(page.token, sizeof page.token) < sizeof page.token && (!page.truncated || page.token[0]));
}

static void check_key(struct hdx_text key) {
  struct seen seen = {.only = key};
  struct hdx_s3_page page;
  struct hdx_buffer text;
  if (key.size == 0 || key.size > HDX_S3_KEY_BYTES_MAX)
    return;
  hdx_buffer_init(&text, 1 << 16);
  hdx_buffer_append_text(&text, HDX_TEXT("<ListBucketResult><Contents><Key>"));
  hdx_url_encode(&text, key, key.size % 2);
  hdx_buffer_append_text(&text, HDX_TEXT("</Key><Size>1</Size></Contents><IsTruncated>false</IsTruncated>"
                                         "<EncodingType>url</EncodingType></ListBucketResult>"));
  CHECK(hdx_s3_page_read(hdx_buffer_text(&text), "key", look, &seen, &page, NULL) == HDX_OK && seen.objects == 1);
  hdx_buffer_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hdx_text text = {(const char *)data, size};
  check_error(text);
  check_page(text);
  check_key(text);
  return 0;
}
