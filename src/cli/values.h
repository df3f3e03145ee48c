/* Values of options as text: whole numbers, sizes and durations, read strictly. Each function reads the whole text and
 * returns USAGE with what was expected and what was found. */
#ifndef HDX_CLI_VALUES_H
#define HDX_CLI_VALUES_H

#include "heliodex.h"

/* A whole number in [min, max]. */
enum hdx_status cli_value_number(const char *text, uint64_t min, uint64_t max, uint64_t *value,
                                 struct hdx_error *error);

/* Bytes in [min, max]: a number, perhaps with decimals, and a unit in any letter case: none or B, K M G T and KiB MiB
 * GiB TiB (powers of 1024), KB MB GB TB (powers of 1000). Fractions of a byte are cut. */
enum hdx_status cli_value_size(const char *text, uint64_t min, uint64_t max, uint64_t *bytes, struct hdx_error *error);

/* Milliseconds in [min, max]: numbers, perhaps with decimals, with units ms s m h d, largest first, as "1h30m"; one
 * number alone is seconds. */
enum hdx_status cli_value_duration(const char *text, uint64_t min_ms, uint64_t max_ms, uint64_t *ms,
                                   struct hdx_error *error);

/* A condition COLUMN=VALUE, or with !=, <, <=, > or >=: the first of these in the text divides it. *column is the
 * length of the name, *value what follows. */
enum hdx_status cli_value_where(const char *text, size_t *column, enum hdx_operator *operation, const char **value,
                                struct hdx_error *error);

/* yes, true, on, 1 or no, false, off, 0 in any letter case. */
enum hdx_status cli_value_bool(const char *text, bool *value, struct hdx_error *error);

/* Fills error with a line as printf has it, returns status. `error` may be NULL. */
__attribute__((format(printf, 3, 4))) enum hdx_status cli_fail(struct hdx_error *error, enum hdx_status status,
                                                               const char *format, ...);

#ifdef HDX_ANALYZE
/* What analysers of one file after the other cannot see: the status that is set is the one that is returned. */
static inline enum hdx_status cli_analyze_status(enum hdx_status returned, enum hdx_status set) {
  (void)returned;
  return set;
}
#define cli_fail(error, set, ...) cli_analyze_status(cli_fail(error, set, __VA_ARGS__), set)
#endif

#define CLI_VALUE_TEXT_MAX 32

/* The shortest exact way to write a size ("8M") or a duration ("5m") that the functions above read. */
const char *cli_value_size_text(uint64_t bytes, char out[CLI_VALUE_TEXT_MAX]);
const char *cli_value_duration_text(uint64_t ms, char out[CLI_VALUE_TEXT_MAX]);

#endif
