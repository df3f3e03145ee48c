#include "transfer/headers.h"

#include <assert.h>

void hdx_headers_init(struct hdx_headers *headers) {
  headers->count = 0;
  hdx_buffer_init(&headers->text, HDX_HEADERS_BYTES_MAX);
}

/* Nothing is ever behind its size, as it is wiped whenever it is cleared. */
static void wipe(struct hdx_headers *headers) {
  if (headers->text.size)
    explicit_bzero(headers->text.data, headers->text.size);
}

void hdx_headers_clear(struct hdx_headers *headers) {
  wipe(headers);
  hdx_buffer_clear(&headers->text);
  headers->count = 0;
}

void hdx_headers_deinit(struct hdx_headers *headers) {
  wipe(headers);
  hdx_buffer_deinit(&headers->text);
}

static void begin(struct hdx_headers *headers) {
  assert(headers->count < HDX_HEADERS_MAX);
  headers->at[headers->count++] = headers->text.size;
}

void hdx_headers_add(struct hdx_headers *headers, const char *name, struct hdx_text value) {
  begin(headers);
  hdx_buffer_append_text(&headers->text, hdx_text_of(name));
  hdx_buffer_append_text(&headers->text, HDX_TEXT(": "));
  hdx_buffer_append_text(&headers->text, value);
  hdx_buffer_append_byte(&headers->text, 0);
}

void hdx_headers_add_line(struct hdx_headers *headers, struct hdx_text line) {
  begin(headers);
  hdx_buffer_append_text(&headers->text, line);
  hdx_buffer_append_byte(&headers->text, 0);
}

struct curl_slist *hdx_headers_list(struct hdx_headers *headers) {
  for (unsigned i = 0; i < headers->count; i++)
    headers->nodes[i] = (struct curl_slist){headers->text.data + headers->at[i],
                                            i + 1 < headers->count ? &headers->nodes[i + 1] : NULL};
  return headers->count ? headers->nodes : NULL;
}
