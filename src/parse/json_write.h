/* Writing values of JSON. Pure. */
#ifndef HDX_PARSE_JSON_WRITE_H
#define HDX_PARSE_JSON_WRITE_H

#include "base/buffer.h"

/* Whether the text is UTF-8 (RFC 3629: shortest forms, no surrogates). Of anything else JSON has no string. */
bool hdx_json_writable(struct hdx_text text);

/* Appends a text that is UTF-8 as a string, with its quotes, on one line. */
void hdx_json_write_string(struct hdx_buffer *out, struct hdx_text text);

#endif
