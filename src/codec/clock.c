#include "codec/clock.h"

#include "codec/bytes.h"

static const struct {
  char letter;
  uint8_t place, size;
} letters[] = {{'Y', HDX_CLOCK_YEAR, 4},   {'y', HDX_CLOCK_YEAR + 2, 2},    {'m', HDX_CLOCK_MONTH, 2},
               {'d', HDX_CLOCK_DAY, 2},    {'j', HDX_CLOCK_DAY_OF_YEAR, 3}, {'H', HDX_CLOCK_HOUR, 2},
               {'M', HDX_CLOCK_MINUTE, 2}, {'S', HDX_CLOCK_SECOND, 2},      {'L', HDX_CLOCK_NS, 3},
               {'U', HDX_CLOCK_NS, 6},     {'N', HDX_CLOCK_NS, 9}};

bool hdx_clock_letter(char letter, uint8_t *place, uint8_t *size) {
  for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
    if (letters[i].letter == letter) {
      *place = letters[i].place;
      *size = letters[i].size;
      return true;
    }
  return false;
}

/* Two digits, the first in the lower byte. */
static inline uint64_t two(unsigned number) {
  static const char pairs[] =
      "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445"
      "46474849505152535455565758596061626364656667686970717273747576777879808182838485868788899091"
      "9293949596979899";
  uint16_t pair;
  memcpy(&pair, pairs + 2 * number, sizeof pair);
  return le16toh(pair);
}

/* The day that began at `day`, so many days from 1970. */
static void set_day(struct hdx_clock *clock, int64_t day, int64_t days) {
  uint64_t later = ((uint64_t)day - (uint64_t)clock->day_at) / (uint64_t)HDX_DAY_NS;
  if (clock->known && day >= clock->day_at && later < 28 && clock->day_of_month + later <= 28) { /* the same month */
    clock->day_of_month = (uint16_t)(clock->day_of_month + later);
    clock->day_of_year = (uint16_t)(clock->day_of_year + later);
    uint64_t date = hdx_load_u64(clock->digits + HDX_CLOCK_YEAR) & UINT64_C(0x0000ffffffffffff);
    hdx_store_u64(clock->digits + HDX_CLOCK_YEAR, date | two(clock->day_of_month) << 48);
  } else {
    unsigned month, of_month;
    int year = hdx_time_date(days, &month, &of_month);
    unsigned y = (unsigned)year % 10000;
    clock->day_of_month = (uint16_t)of_month;
    clock->day_of_year = (uint16_t)(days - hdx_time_day(year, 1, 1) + 1);
    hdx_store_u64(clock->digits + HDX_CLOCK_YEAR,
                  two(y / 100) | two(y % 100) << 16 | two(month) << 32 | two(of_month) << 48);
  }
  hdx_store_u32(clock->digits + HDX_CLOCK_DAY_OF_YEAR,
                ('0' + clock->day_of_year / 100u) | (uint32_t)two(clock->day_of_year % 100u) << 8);
  clock->day_at = day;
}

void hdx_clock_set_second(struct hdx_clock *clock, int64_t time_ns) {
  uint64_t in_day = (uint64_t)time_ns - (uint64_t)clock->day_at;
  if (!clock->known || in_day >= (uint64_t)HDX_DAY_NS) {
    set_day(clock, hdx_floor_to(time_ns, HDX_DAY_NS), time_ns / HDX_DAY_NS - (time_ns % HDX_DAY_NS < 0));
    in_day = (uint64_t)time_ns - (uint64_t)clock->day_at;
  }
  unsigned second = (unsigned)(in_day / (uint64_t)HDX_SECOND_NS), minute = second / 60, hour = minute / 60;
  hdx_store_u64(clock->digits + HDX_CLOCK_HOUR,
                two(hour) | two(minute - 60 * hour) << 16 | two(second - 60 * minute) << 32);
  clock->second_at = (int64_t)((uint64_t)clock->day_at + second * (uint64_t)HDX_SECOND_NS);
}
