/* The header fields of a request, as libcurl wants them: a list of lines. The lines lie in one buffer, in place of a
 * copy of each in libcurl's memory, so that those that hold a token or signature can be wiped. */
#ifndef HDX_TRANSFER_HEADERS_H
#define HDX_TRANSFER_HEADERS_H

#include "base/buffer.h"

#include <curl/curl.h>

#define HDX_HEADERS_MAX 8
#define HDX_HEADERS_BYTES_MAX (64u << 10)

struct hdx_headers {
  struct hdx_buffer text; /* the lines, each ended by a NUL; its status tells whether all could be added */
  size_t at[HDX_HEADERS_MAX];
  unsigned count;
  struct curl_slist nodes[HDX_HEADERS_MAX];
};

void hdx_headers_init(struct hdx_headers *headers);
/* Both wipe what there was. */
void hdx_headers_clear(struct hdx_headers *headers);
void hdx_headers_deinit(struct hdx_headers *headers);

/* Adds "name: value". */
void hdx_headers_add(struct hdx_headers *headers, const char *name, struct hdx_text value);
/* Adds a line as it is. */
void hdx_headers_add_line(struct hdx_headers *headers, struct hdx_text line);

/* The list, NULL if it is empty; borrowed until the next change. */
struct curl_slist *hdx_headers_list(struct hdx_headers *headers);

#endif
