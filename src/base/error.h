/* Errors: a status and one line of text, filled by the deepest function that can name the object. */
#ifndef HDX_BASE_ERROR_H
#define HDX_BASE_ERROR_H

#include "heliodex.h"

#include <stdarg.h>

/* Sets status and message (cut to fit) where `error` is not NULL, and returns status, so that a function can end with
 * `return hdx_error_set(error, HDX_IO, "%s: %s", path, strerror(errno));`. */
__attribute__((format(printf, 3, 4))) enum hdx_status hdx_error_set(struct hdx_error *error, enum hdx_status status,
                                                                    const char *format, ...);

/* Puts "context: " before the message of `error`, once per layer that knows more; returns error's status. */
__attribute__((format(printf, 3, 4))) enum hdx_status hdx_error_context(struct hdx_error *error, enum hdx_status status,
                                                                        const char *format, ...);

/* MEMORY, with how much could not be had. */
enum hdx_status hdx_error_memory(struct hdx_error *error, size_t bytes);

/* IO, or MEMORY if that is what errno says, "PATH: VERB: strerror". */
enum hdx_status hdx_error_errno(struct hdx_error *error, const char *path, const char *verb, int code);

#ifdef HDX_ANALYZE
/* What analysers of one file after the other cannot see: a status that is set is the one that is returned. */
static inline enum hdx_status hdx_analyze_status(enum hdx_status returned, enum hdx_status set) {
  (void)returned;
  return set;
}
#define hdx_error_set(error, set, ...) hdx_analyze_status(hdx_error_set(error, set, __VA_ARGS__), set)
#define hdx_error_context(error, set, ...) hdx_analyze_status(hdx_error_context(error, set, __VA_ARGS__), set)
#define hdx_error_memory(error, bytes) hdx_analyze_status(hdx_error_memory(error, bytes), HDX_MEMORY)
#define hdx_error_errno(error, path, verb, code) hdx_analyze_status(hdx_error_errno(error, path, verb, code), HDX_IO)
#endif

/* The graver of two statuses by the rule for a run in which nothing succeeded:
 * IO, DENIED, INTEGRITY, TEMPORARY, UNAVAILABLE, NOT_FOUND, then all others, then OK. */
enum hdx_status hdx_status_graver(enum hdx_status a, enum hdx_status b);

#endif
