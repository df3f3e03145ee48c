/* Fast text: dates, times and keys into a buffer that is known to be large enough.
 *
 * A key template is what strftime takes, with %D %T for the compact date and time, %j the day of year, E before the
 * letter for the row's stop instead of its start (%ED), %v for the version and %1 … %8 for texts of the dataset that
 * are put in when it is compiled. */
#ifndef GEN_TEXT_H
#define GEN_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define GEN_DAY_MS INT64_C(86400000)
#define GEN_TEMPLATE_BYTES 480
#define GEN_TEMPLATE_PARTS 48
#define GEN_VERSION_BYTES 16

/* How an index file writes its times. */
enum gen_form { GEN_FORM_DAY, GEN_FORM_MINUTE, GEN_FORM_SECOND, GEN_FORM_MILLI };

/* An instant taken apart. The calendar is only asked when the day changes. */
struct gen_moment {
  int64_t day;     /* since 1970 */
  char digits[24]; /* YYYYMMDDhhmmssjjjnnn: date, time, day of year, milliseconds; 8 bytes may be read from any field of
                      a key */
};

struct gen_template {
  struct {
    uint8_t kind; /* of enum part_kind */
    uint8_t from, size;
    uint16_t literal; /* where it begins in text */
    uint16_t literal_size;
  } parts[GEN_TEMPLATE_PARTS];
  size_t count, size;
  char text[GEN_TEMPLATE_BYTES];
};

/* Days from 1970-01-01 to January 1 of the year. */
int64_t gen_day_of_year(int year);
int gen_year_of_day(int64_t day);
bool gen_leap(int year);

#define GEN_MOMENT_INIT                                                                                                \
  { .day = INT64_MIN }
void gen_moment_set(struct gen_moment *moment, int64_t time_ms);

/* Compiles a template; `texts` are those of %1, %2 …, any may be NULL if not used. Aborts on what is no template or too
 * long: templates are part of the program. */
void gen_template_compile(struct gen_template *template, const char *format, const char *const texts[8]);

/* All return the end of what they wrote. */
char *gen_put_key(char *to, const struct gen_template *template, const struct gen_moment *start,
                  const struct gen_moment *stop, const char *version);
char *gen_put_time(char *to, const struct gen_moment *moment, enum gen_form form);
char *gen_put_u64(char *to, uint64_t value);

static inline char *gen_put_text(char *to, const char *text) {
  size_t size = strlen(text);
  memcpy(to, text, size);
  return to + size;
}

#endif
