/* Where text stops being JSON. The parser itself only says that it does; this says at which byte, and what was expected
 * there, by a plain walk over the bytes. Slow, and only run on documents that were refused. Pure.
 *
 * Source: RFC 8259 (grammar), RFC 3629 (UTF-8). */
#ifndef HDX_PARSE_JSON_FAULT_H
#define HDX_PARSE_JSON_FAULT_H

#include "parse/json.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hdx_json_fault {
  size_t at;            /* byte */
  const char *expected; /* static text */
};

/* The first fault of a document; false if it has none. */
bool hdx_json_find_fault(struct hdx_text text, struct hdx_json_fault *fault);

/* The type of a whole token that is a number, true, false or null; false if it is none of them. */
bool hdx_json_scalar(struct hdx_text token, enum hdx_json_type *type);

#ifdef __cplusplus
}
#endif
#endif
