/* The letters of a template by the C library's calendar: what tests compare with. */
#ifndef HDX_TEST_CODEC_CALENDAR_H
#define HDX_TEST_CODEC_CALENDAR_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECOND INT64_C(1000000000)
#define DAY (86400 * SECOND)

/* Writes the digits of a time as the letters of codec/template.h ask; gives how many. */
static inline size_t calendar_letters(char *out, const char *letters, size_t count, int64_t time_ns) {
  int64_t rest = time_ns % SECOND;
  time_t seconds = (time_t)(time_ns / SECOND - (rest < 0));
  rest += rest < 0 ? SECOND : 0;
  struct tm tm;
  gmtime_r(&seconds, &tm);
  char *at = out;
  for (size_t i = 0; i < count; i++) {
    if (letters[i] == 'L')
      at += sprintf(at, "%03d", (int)(rest / 1000000));
    else if (letters[i] == 'U')
      at += sprintf(at, "%06d", (int)(rest / 1000));
    else if (letters[i] == 'N')
      at += sprintf(at, "%09d", (int)rest);
    else if (letters[i] == 'Y')
      at += sprintf(at, "%04d", tm.tm_year + 1900);
    else if (letters[i] == 'j')
      at += sprintf(at, "%03d", tm.tm_yday + 1);
    else
      at += sprintf(at, "%02d",
                    letters[i] == 'y'   ? (tm.tm_year + 1900) % 100
                    : letters[i] == 'm' ? tm.tm_mon + 1
                    : letters[i] == 'd' ? tm.tm_mday
                    : letters[i] == 'H' ? tm.tm_hour
                    : letters[i] == 'M' ? tm.tm_min
                                        : tm.tm_sec);
  }
  return (size_t)(at - out);
}

/* The first instant of a day. */
static inline int64_t calendar_day(int year, int month, int day) {
  struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
  return (int64_t)timegm(&tm) * SECOND;
}

#endif
