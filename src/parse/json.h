/* JSON behind a C interface: simdjson's on-demand parser, turned into a flat tree of values that is walked by index.
 *
 * A document is parsed once, wholly (every byte is validated), into an array of values in document order in the
 * document's own memory. No repair: what does not parse is INTEGRITY with line and column. Depth is bounded to
 * HDX_JSON_DEPTH_MAX. A byte order mark is skipped. Pure. */
#ifndef HDX_PARSE_JSON_H
#define HDX_PARSE_JSON_H

#include "base/text.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HDX_JSON_DEPTH_MAX 64

enum hdx_json_type {
  HDX_JSON_NULL,
  HDX_JSON_FALSE,
  HDX_JSON_TRUE,
  HDX_JSON_NUMBER,
  HDX_JSON_STRING,
  HDX_JSON_LIST,
  HDX_JSON_OBJECT
};

struct hdx_json_value {
  enum hdx_json_type type;
  uint32_t next;        /* index of the value behind this one and all that it holds */
  uint32_t count;       /* of members or elements */
  struct hdx_text name; /* of a member, unescaped; empty for elements */
  struct hdx_text text; /* of a string: unescaped; of all others: as written */
  struct hdx_text raw;  /* as written, whole (a string with its quotes; a list or object with all that it holds) */
};

struct hdx_json {
  const struct hdx_json_value *values; /* values[0] is the root; a list's or object's first child follows it */
  uint32_t count;
  struct hdx_text text; /* the document, without a byte order mark; owned by the document */
  void *memory;
};

/* Parses a copy of `text`. INTEGRITY: not JSON ("SOURCE: line L column C: expected …"); MEMORY. */
enum hdx_status hdx_json_parse(struct hdx_text text, const char *source, struct hdx_json *json,
                               struct hdx_error *error);
void hdx_json_deinit(struct hdx_json *json);

/* The member called `name` of an object (the first, exactly), or NULL; also where `value` is NULL or no object. */
const struct hdx_json_value *hdx_json_member(const struct hdx_json *json, const struct hdx_json_value *value,
                                             const char *name);

/* The first child of a list or object, or NULL; the sibling behind a child, or NULL at the end of `parent`. */
const struct hdx_json_value *hdx_json_first(const struct hdx_json *json, const struct hdx_json_value *parent);
const struct hdx_json_value *hdx_json_next(const struct hdx_json *json, const struct hdx_json_value *parent,
                                           const struct hdx_json_value *child);

/* Line and column (both from 1, columns in bytes) of a view into the document: of a value's `raw`, for a `text` or
 * `name` that was unescaped is a copy (0 and 0). */
void hdx_json_place(const struct hdx_json *json, struct hdx_text view, size_t *line, size_t *column);

/* simdjson's version. */
const char *hdx_json_version(void);

#ifdef __cplusplus
}
#endif
#endif
