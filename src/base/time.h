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

/* What is to be said of a time that was read: a set of these. Those from HDX_TIME_OFFSET on refuse it, so that a set
 * is a time if it is less; a set that is less than HDX_TIME_SATURATED_LATE is a time within the range. */
enum hdx_time_note {
  HDX_TIME_DOT = 1 << 0,             /* a dot where a colon belongs: mended */
  HDX_TIME_SEPARATOR = 1 << 1,       /* a colon or blank where the T belongs, small letters: mended */
  HDX_TIME_DATE = 1 << 2,            /* a date (or month, or year) alone: its first instant */
  HDX_TIME_HOUR_24 = 1 << 3,         /* 24:00:00: the next day's 00:00 */
  HDX_TIME_LEAP_SECOND = 1 << 4,     /* second 60: became 59.999999999 of its minute */
  HDX_TIME_SATURATED_LATE = 1 << 5,  /* beyond 2262: HDX_TIME_MAX */
  HDX_TIME_SATURATED_EARLY = 1 << 6, /* before 1677: HDX_TIME_MIN */
  HDX_TIME_OFFSET = 1 << 7,          /* an offset other than Z: refused */
  HDX_TIME_MALFORMED = 1 << 8        /* refused */
};

/* Reads a whole text as a time; returns its notes (enum hdx_time_note), 0 if there is nothing to be said. `lenient`
 * mends what published index files have wrong (DOT, SEPARATOR); without it that is malformed. *digits is the number of
 * decimals of the second that are needed to tell the time exactly, 0 to 9 (trailing zeros do not count; of a saturated
 * time, those of the text). Outputs are set unless the time is refused; *at is then the byte where it stopped being a
 * time. More than nine decimals are refused. */
unsigned hdx_time_read(struct hdx_text text, bool lenient, int64_t *time_ns, int *digits, size_t *at);

/* The least of 0, 3, 6 and 9 decimals of the second that tell the time exactly. */
int hdx_time_digits(int64_t time_ns);

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

/* Nanoseconds since 1970 of a system's time; HDX_TIME_NONE: beyond the range. */
struct timespec;
int64_t hdx_time_of_timespec(const struct timespec *time);

/* Nanoseconds since 1970, of the system's clock. */
int64_t hdx_time_now(void);

#endif
