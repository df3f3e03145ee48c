/* Times: ISO 8601 text to nanoseconds since 1970 (UTC) and back, and the calendar between them.
 *
 * Reads what published index files and users write: calendar dates and days of year, any truncation, a missing Z. The
 * range is what int64 holds: 1677-09-21T00:12:43.145224194Z to 2262-04-11T23:47:16.854775807Z. Source: ISO 8601:2004 as
 * HAPI 3 restricts it; days from civil dates by the proleptic Gregorian calendar. */
#ifndef HDX_BASE_TIME_H
#define HDX_BASE_TIME_H

#include "base/text.h"

#define HDX_SECOND_NS INT64_C(1000000000)
#define HDX_DAY_NS (86400 * HDX_SECOND_NS)

/* What was wrong, or mended, in a time that was read; of several the gravest, which is the last in this list. */
enum hdx_time_note {
  HDX_TIME_EXACT,
  HDX_TIME_SEPARATOR,   /* a dot where a colon belongs, a colon or blank where the T belongs, small letters: mended */
  HDX_TIME_LEAP_SECOND, /* second 60: became 59.999999999 of its minute */
  HDX_TIME_SATURATED_LATE,  /* beyond 2262: HDX_TIME_MAX */
  HDX_TIME_SATURATED_EARLY, /* before 1677: HDX_TIME_MIN */
  HDX_TIME_OFFSET,          /* an offset other than Z: refused */
  HDX_TIME_MALFORMED        /* refused */
};

/* Reads a whole text as a time. `lenient` mends what published index files have wrong (HDX_TIME_SEPARATOR); without it
 * that is malformed. *digits is the number of decimals of the second that are needed to tell the time exactly, 0 to 9
 * (trailing zeros do not count; of a saturated time, those of the text). Outputs are set unless OFFSET or MALFORMED is
 * returned; *at is then the byte where it stopped being a time. hour 24:00:00 is the next day's 00:00. More than nine
 * decimals are refused. */
enum hdx_time_note hdx_time_read(struct hdx_text text, bool lenient, int64_t *time_ns, int *digits, size_t *at);

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar; month from 1, day from 1 (a day of the year if
 * the month is 1). */
int64_t hdx_time_day(int year, unsigned month, unsigned day);

/* The way back: the year, month and day of month of a day since 1970. */
int hdx_time_date(int64_t days, unsigned *month, unsigned *day);

/* How many days a month has, month from 1 to 12. */
unsigned hdx_time_month_days(int year, unsigned month);

/* The calendar year of an instant. */
int hdx_time_year(int64_t time_ns);

/* The first instant of a calendar year, saturated to HDX_TIME_MIN and HDX_TIME_MAX. */
int64_t hdx_time_of_year(int year);

/* Nanoseconds since 1970, of the system's clock. */
int64_t hdx_time_now(void);

#endif
