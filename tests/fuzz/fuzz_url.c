/* layer: base */
/* Any bytes: the parts of a URL lie in it and put together give it again; decoding undoes encoding; what is quoted
 * holds no password and no query. */
#include "base/url.h"

#include <stdlib.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_codec(struct hdx_text text) {
  struct hdx_buffer encoded, decoded;
  hdx_buffer_init(&encoded, 1 << 20);
  hdx_buffer_init(&decoded, 1 << 20);
  hdx_url_encode(&encoded, text, text.size % 2);
  CHECK(hdx_url_decode(&decoded, hdx_buffer_text(&encoded)));
  CHECK(hdx_text_equal(hdx_buffer_text(&decoded), text));
  hdx_buffer_clear(&encoded);
  hdx_url_mend(&encoded, text, "?#");
  for (size_t i = 0; i < encoded.size; i++)
    CHECK(encoded.data[i] > ' ' && encoded.data[i] < 0x7f && encoded.data[i] != '?' && encoded.data[i] != '#');
  hdx_buffer_clear(&decoded);
  CHECK(hdx_url_decode(&decoded, hdx_buffer_text(&encoded)));
  hdx_buffer_clear(&decoded);
  hdx_url_decode(&decoded, text);
  hdx_buffer_deinit(&encoded);
  hdx_buffer_deinit(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hdx_text text = {(const char *)data, size};
  struct hdx_url url;
  struct hdx_error error;
  char quoted[200];
  check_codec(text);
  hdx_url_link_local(text);
  if (hdx_url_bucket_name(text))
    CHECK(size >= 3 && size <= 63 && !hdx_url_like(text));
  hdx_url_quote(text, quoted, sizeof quoted);
  CHECK(!strchr(quoted, '\n'));
  /* A location of a data file is any URL, and s3:// with any bytes behind the bucket. */
  enum hdx_status status = hdx_url_parse(text, &url, &error);
  CHECK(status != HDX_OK || hdx_url_parse_location(text, &url, &error) == HDX_OK);
  if (hdx_url_parse_location(text, &url, &error) != HDX_OK) {
    CHECK(error.status == HDX_USAGE && error.message[0]);
    return 0;
  }
  const struct hdx_text parts[] = {url.host, url.port, url.path, url.query};
  for (size_t i = 0; i < 4; i++)
    CHECK(parts[i].data >= text.data && parts[i].data + parts[i].size <= text.data + text.size);
  CHECK(url.scheme == HDX_SCHEME_FILE ? url.host.size == 0 && url.path.data[0] == '/' : url.host.size > 0);
  CHECK(!memchr(url.host.data, '@', url.host.size) && !memchr(url.host.data, '/', url.host.size));
  if (url.scheme == HDX_SCHEME_HTTP || url.scheme == HDX_SCHEME_HTTPS)
    CHECK(url.path.size == 0 || url.path.data[0] == '/');
  return 0;
}
