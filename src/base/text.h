/* Text views: a pointer and a length that never own; and what one does with them. */
#ifndef HDX_BASE_TEXT_H
#define HDX_BASE_TEXT_H

#include "heliodex.h"

#include <string.h>

#define HDX_TEXT(literal) ((struct hdx_text){(literal), sizeof(literal) - 1})
/* For printf's "%.*s". */
#define HDX_TEXT_ARG(text) (int)((text).size < INT32_MAX ? (text).size : INT32_MAX), (text).data

/* The view of a NUL-terminated string; NULL is the empty text. */
static inline struct hdx_text hdx_text_of(const char *string) {
  return (struct hdx_text){string ? string : "", string ? strlen(string) : 0};
}

static inline struct hdx_text hdx_text_sub(struct hdx_text text, size_t from, size_t to) {
  return (struct hdx_text){text.data + from, to - from};
}

static inline bool hdx_text_equal(struct hdx_text a, struct hdx_text b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool hdx_text_is(struct hdx_text text, const char *string) {
  return hdx_text_equal(text, hdx_text_of(string));
}

/* Bytes as unsigned, a prefix before what it begins: the order of keys. */
static inline int hdx_text_compare(struct hdx_text a, struct hdx_text b) {
  size_t n = a.size < b.size ? a.size : b.size;
  int order = n ? memcmp(a.data, b.data, n) : 0;
  return order ? order : (a.size > b.size) - (a.size < b.size);
}

static inline bool hdx_text_starts_with(struct hdx_text text, struct hdx_text prefix) {
  return text.size >= prefix.size && (prefix.size == 0 || memcmp(text.data, prefix.data, prefix.size) == 0);
}

static inline bool hdx_text_ends_with(struct hdx_text text, struct hdx_text suffix) {
  return text.size >= suffix.size &&
         (suffix.size == 0 || memcmp(text.data + text.size - suffix.size, suffix.data, suffix.size) == 0);
}

/* ASCII letters only. */
bool hdx_text_equal_nocase(struct hdx_text a, struct hdx_text b);

/* How often `part` occurs in the text, in any case of ASCII letters; occurrences that overlap count as one. An empty
 * part never does. */
size_t hdx_text_count_nocase(struct hdx_text text, struct hdx_text part);

/* Without ASCII blanks (space, tab, CR, LF) at both ends. */
struct hdx_text hdx_text_trim(struct hdx_text text);

/* Digits only, no sign, whole text; false if not so or beyond `max`. */
bool hdx_text_to_u64(struct hdx_text text, uint64_t max, uint64_t *value);

/* The text as messages may show it: control bytes as %XX, cut to fit. Returns `out`, which ends with a NUL. */
const char *hdx_text_show(struct hdx_text text, char *out, size_t size);

/* Bytes of the character of UTF-8 (RFC 3629: shortest forms, no surrogates) at `at`; 0: there is none. */
size_t hdx_text_utf8(struct hdx_text text, size_t at);

/* A copy with a NUL at the end; the caller frees it. NULL if out of memory. */
char *hdx_text_dup(struct hdx_text text);

/* Shell pattern (* ? [a-z] [!a-z] and backslash) over the whole text, case matters; ? and [] are of characters of
 * UTF-8, of which a byte that is none counts as one. Linear time but for one level of backtracking per *, so no pattern
 * takes long. */
bool hdx_text_glob(struct hdx_text pattern, struct hdx_text text);

/* Edits (insert, delete, change, swap neighbours) that make b of a, without regard to case; texts beyond 64 bytes count
 * as 64 edits apart. For "did you mean". */
unsigned hdx_text_distance(struct hdx_text a, struct hdx_text b);

#endif
