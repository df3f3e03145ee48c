/* Text for people: views, UTF-8, making hostile bytes visible, numbers with units, and how far two words are apart. */
#ifndef HDX_CLI_TEXT_H
#define HDX_CLI_TEXT_H

#include "heliodex.h"

#include <string.h>

/* For printf's "%.*s". */
#define CLI_TEXT_ARG(text) (int)((text).size < INT32_MAX ? (text).size : INT32_MAX), (text).data

#define CLI_HUMAN_MAX 32 /* bytes that the cli_human functions write at the most, NUL included */

/* The view of a string; NULL is the empty text. */
static inline struct hdx_text cli_text(const char *string) {
  return (struct hdx_text){string ? string : "", string ? strlen(string) : 0};
}

static inline bool cli_text_is(struct hdx_text text, const char *string) {
  return text.size == strlen(string) && (text.size == 0 || memcmp(text.data, string, text.size) == 0);
}

/* The length of the valid UTF-8 sequence (RFC 3629: shortest form, no surrogates) that `data` begins with and the code
 * point it stands for; 0 if there is none. `size` is at least 1. */
size_t cli_utf8_decode(const char *data, size_t size, uint32_t *point);

/* Whether a character has a terminal do something else than show it, or hides or reverses what stands beside it. */
bool cli_steers(uint32_t point);

/* What messages may show of a location: of http and https, the query, which may be a signature, is left out behind its
 * question mark. */
struct hdx_text cli_location(struct hdx_text location);

/* Copies text so that it cannot steer a terminal or break a line: what steers (control characters, bidirectional
 * overrides, characters without width) and bytes that are no UTF-8 become \n, \t, \r or \xNN. Writes at most `capacity`
 * bytes (cut between characters), no NUL; returns how many. *columns, if not NULL, is the width on a terminal, counting
 * a character as one. 4 * text.size bytes always suffice. */
size_t cli_visible(struct hdx_text text, char *out, size_t capacity, size_t *columns);

/* "1,234,567" */
const char *cli_human_count(uint64_t count, char out[CLI_HUMAN_MAX]);
/* "1.6 MiB" */
const char *cli_human_bytes(uint64_t bytes, char out[CLI_HUMAN_MAX]);
/* "850 ms", "4.2 s", "3:05", "1:02:03" */
const char *cli_human_span(uint64_t ns, char out[CLI_HUMAN_MAX]);

/* Appends "1,234 what" to a text of `capacity` bytes, behind ", " unless it is empty; nothing where the count is 0. */
void cli_add_count(char *text, size_t capacity, uint64_t count, const char *what);

/* Edits (insert, delete, change, swap neighbours) that make b of a, without regard to case; UINT32_MAX for texts beyond
 * 64 bytes. */
unsigned cli_distance(const char *a, const char *b);

/* Whether `candidate` is near enough to what was typed to be suggested, and how near: smaller is nearer. */
bool cli_similar(const char *typed, const char *candidate, unsigned *distance);

#endif
