/* A clock: the digits of a time, as file names have them, renewed only as far as they change from one time to the next.
 */
#ifndef HDX_CODEC_CLOCK_H
#define HDX_CODEC_CLOCK_H

#include "base/time.h"

/* Places of the digits: numbers that are written by one store, so that they can be read at once. */
enum {
  HDX_CLOCK_YEAR = 0,
  HDX_CLOCK_MONTH = 4,
  HDX_CLOCK_DAY = 6,
  HDX_CLOCK_DAY_OF_YEAR = 8,
  HDX_CLOCK_HOUR = 16,
  HDX_CLOCK_MINUTE = 18,
  HDX_CLOCK_SECOND = 20,
  HDX_CLOCK_NS = 24
};

/* Zeroed at first, or with `known` false. */
struct hdx_clock {
  int64_t second_at, day_at; /* first instants of the second and the day */
  uint16_t day_of_month, day_of_year;
  uint32_t nanosecond;
  bool known; /* the digits are of that second and day */
  char digits[40];
};

/* Where the digits of a letter (codec/template.h) are: place and number; false: no letter. */
bool hdx_clock_letter(char letter, uint8_t *place, uint8_t *size);

/* Sets the digits of a time that is in another second than the one before. */
void hdx_clock_set_second(struct hdx_clock *clock, int64_t time_ns);

/* The multiple of a unit that is not greater (modulo 2^64). */
static inline int64_t hdx_floor_to(int64_t value, int64_t unit) {
  int64_t rest = value % unit;
  return (int64_t)((uint64_t)value - (uint64_t)(rest < 0 ? rest + unit : rest));
}

/* The first day that is whole. The one before begins earlier than any time can say: modulo 2^64 that is within the last
 * day there is, so nothing is kept of it from time to time. */
#define HDX_CLOCK_FIRST_DAY (INT64_MIN / HDX_DAY_NS * HDX_DAY_NS)

static inline void hdx_clock_set(struct hdx_clock *clock, int64_t time_ns) {
  uint64_t in_second = (uint64_t)time_ns - (uint64_t)clock->second_at;
  clock->known &= time_ns >= HDX_CLOCK_FIRST_DAY;
  if (!clock->known || in_second >= (uint64_t)HDX_SECOND_NS) {
    hdx_clock_set_second(clock, time_ns);
    in_second = (uint64_t)time_ns - (uint64_t)clock->second_at;
  }
  if (!clock->known || in_second != clock->nanosecond) {
    uint64_t rest = in_second;
    for (int i = 8; i >= 0; i--, rest /= 10)
      clock->digits[HDX_CLOCK_NS + i] = (char)('0' + rest % 10);
    clock->nanosecond = (uint32_t)in_second;
  }
  clock->known = time_ns >= HDX_CLOCK_FIRST_DAY;
}

#endif
