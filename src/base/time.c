#include "base/time.h"

#include "base/error.h"

#include <time.h>

static bool leap_year(int year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

unsigned hdx_time_month_days(int year, unsigned month) {
  static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return days[month - 1] + (month == 2 && leap_year(year) ? 1u : 0u);
}

/* Years are counted from March, so that the leap day is the last of its year and months have a closed form; 146097 days
 * are 400 years, 719468 the days from 0000-03-01 to 1970-01-01. */
int64_t hdx_time_day(int year, unsigned month, unsigned day) {
  int64_t y = month <= 2 ? (int64_t)year - 1 : year;
  int64_t era = (y >= 0 ? y : y - 399) / 400;
  int64_t of_era = y - era * 400;
  int64_t of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + (int64_t)day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int hdx_time_date(int64_t days, unsigned *month, unsigned *day) {
  days += 719468;
  int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  int64_t of_era = days - era * 146097;
  int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  int64_t march = (5 * of_year + 2) / 153;
  *day = (unsigned)(of_year - (153 * march + 2) / 5 + 1);
  *month = (unsigned)(march < 10 ? march + 3 : march - 9);
  return (int)(year + era * 400 + (*month <= 2));
}

static int64_t split_day(int64_t time_ns, int64_t *of_day) {
  int64_t days = time_ns / HDX_DAY_NS;
  *of_day = time_ns % HDX_DAY_NS;
  if (*of_day < 0) {
    *of_day += HDX_DAY_NS;
    days--;
  }
  return days;
}

/* ISO 8601 text is read left to right; `pos` stays where it stopped being a time. */
struct cursor {
  struct hdx_text text;
  size_t pos;
  bool lenient;
  unsigned notes;
};

static int peek(const struct cursor *c) {
  return c->pos < c->text.size ? (unsigned char)c->text.data[c->pos] : -1;
}

static bool is_digit(int c) {
  return c >= '0' && c <= '9';
}

static bool number(struct cursor *c, unsigned width, unsigned low, unsigned high, unsigned *value) {
  size_t from = c->pos;
  *value = 0;
  for (unsigned i = 0; i < width; i++, c->pos++) {
    if (!is_digit(peek(c)))
      return false;
    *value = *value * 10 + (unsigned)(peek(c) - '0');
  }
  if (*value < low || *value > high) {
    c->pos = from;
    return false;
  }
  return true;
}

/* At the end of the text, but for a Z? */
static bool ended(struct cursor *c) {
  int next = peek(c);
  if (next < 0)
    return true;
  if ((next != 'Z' && !(next == 'z' && c->lenient)) || c->pos + 1 != c->text.size)
    return false;
  if (next == 'z')
    c->notes |= HDX_TIME_SEPARATOR;
  return true;
}

/* `mended` is noted where one of the `wrong` ones is read as the right one. */
static bool separator(struct cursor *c, char right, const char *wrong, unsigned mended) {
  int next = peek(c);
  if (next != right) {
    if (!c->lenient || next <= 0 || !strchr(wrong, next))
      return false;
    c->notes |= mended;
  }
  c->pos++;
  return true;
}

struct clock {
  unsigned hour, minute, second, nanos;
  int digits;
};

/* YYYY, YYYY-MM, YYYY-MM-DD or YYYY-DDD. */
static bool read_date(struct cursor *c, int64_t *days, bool *whole) {
  unsigned year, month = 1, day = 1;
  *whole = false;
  if (!number(c, 4, 0, 9999, &year))
    return false;
  if (!ended(c)) {
    if (!separator(c, '-', "", 0))
      return false;
    size_t from = c->pos, width = 0;
    while (from + width < c->text.size && is_digit((unsigned char)c->text.data[from + width]))
      width++;
    if (width == 3) {
      *whole = true;
      if (!number(c, 3, 1, leap_year((int)year) ? 366 : 365, &day))
        return false;
    } else if (!number(c, 2, 1, 12, &month)) {
      return false;
    } else if (!ended(c)) {
      *whole = true;
      if (!separator(c, '-', "", 0) || !number(c, 2, 1, hdx_time_month_days((int)year, month), &day))
        return false;
    }
  }
  *days = hdx_time_day((int)year, month, day);
  return true;
}

/* From its point on. */
static bool read_fraction(struct cursor *c, struct clock *clock) {
  unsigned scale = 100000000;
  c->pos++;
  for (int i = 1; is_digit(peek(c)); i++, c->pos++, scale /= 10) {
    if (i > 9)
      return false;
    unsigned digit = (unsigned)(peek(c) - '0');
    clock->nanos += digit * scale;
    if (digit)
      clock->digits = i;
  }
  return true;
}

/* hh, hh:mm, hh:mm:ss or hh:mm:ss.f; hour 24 only as the end of the day. */
static bool read_clock(struct cursor *c, struct clock *clock) {
  size_t from = c->pos;
  if (!number(c, 2, 0, 24, &clock->hour))
    return false;
  bool more = is_digit(peek(c)) || peek(c) == ':' || peek(c) == '.';
  if (more && (!separator(c, ':', ".", HDX_TIME_DOT) || !number(c, 2, 0, 59, &clock->minute)))
    return false;
  more = more && (is_digit(peek(c)) || peek(c) == ':' || peek(c) == '.');
  if (more && (!separator(c, ':', ".", HDX_TIME_DOT) || !number(c, 2, 0, 60, &clock->second)))
    return false;
  if (more && !ended(c) && peek(c) == '.' && !read_fraction(c, clock))
    return false;
  if (clock->hour == 24 && (clock->minute || clock->second || clock->nanos)) {
    c->pos = from;
    return false;
  }
  return true;
}

/* The negative half is counted from the second above, so that the product never leaves int64 before the sum does. */
static bool to_nanoseconds(int64_t seconds, int64_t nanos, int64_t *time_ns) {
  if (seconds < 0) {
    seconds += 1;
    nanos -= HDX_SECOND_NS;
  }
  int64_t product;
  return !__builtin_mul_overflow(seconds, HDX_SECOND_NS, &product) &&
         !__builtin_add_overflow(product, nanos, time_ns) && *time_ns >= HDX_TIME_MIN;
}

unsigned hdx_time_read(struct hdx_text text, bool lenient, int64_t *time_ns, int *digits, size_t *at) {
  struct cursor c = {.text = text, .lenient = lenient};
  struct clock clock = {0};
  int64_t days;
  bool whole;
  bool good = read_date(&c, &days, &whole);
  if (good && ended(&c)) {
    c.notes |= HDX_TIME_DATE;
  } else if (good) {
    if (whole && peek(&c) == '+') {
      *at = c.pos;
      return HDX_TIME_OFFSET;
    }
    good = whole && separator(&c, 'T', ": t", HDX_TIME_SEPARATOR) && read_clock(&c, &clock);
    if (good && (peek(&c) == '+' || peek(&c) == '-')) {
      *at = c.pos;
      return HDX_TIME_OFFSET;
    }
    good = good && ended(&c);
  }
  if (!good) {
    *at = c.pos;
    return HDX_TIME_MALFORMED;
  }
  if (clock.hour == 24)
    c.notes |= HDX_TIME_HOUR_24;
  if (clock.second == 60) {
    c.notes |= HDX_TIME_LEAP_SECOND;
    clock.second = 59;
    clock.nanos = 999999999;
    clock.digits = 9;
  }
  int64_t seconds = days * 86400 + clock.hour * 3600 + clock.minute * 60 + clock.second;
  if (!to_nanoseconds(seconds, clock.nanos, time_ns)) {
    c.notes |= seconds < 0 ? HDX_TIME_SATURATED_EARLY : HDX_TIME_SATURATED_LATE;
    *time_ns = seconds < 0 ? HDX_TIME_MIN : HDX_TIME_MAX;
  }
  *digits = clock.digits;
  return c.notes;
}

enum hdx_status hdx_time_parse(struct hdx_text text, int64_t *time_ns, struct hdx_error *error) {
  static const char form[] = "a time in UTC as YYYY-MM-DDThh:mm:ss.sssZ or YYYY-DDDThh:mm:ssZ, or a beginning of one";
  struct hdx_text shown = text.size > 48 ? hdx_text_sub(text, 0, 48) : text;
  const char *cut = text.size > 48 ? "…" : "";
  int64_t value;
  int digits;
  size_t at = 0;
  unsigned notes = hdx_time_read(text, false, &value, &digits, &at);
  if (notes < HDX_TIME_SATURATED_LATE) {
    *time_ns = value;
    return HDX_OK;
  }
  if (notes < HDX_TIME_OFFSET)
    return hdx_error_set(error, HDX_USAGE, "'%.*s%s': outside of the years 1678 to 2261", HDX_TEXT_ARG(shown), cut);
  if (notes & HDX_TIME_OFFSET)
    return hdx_error_set(error, HDX_USAGE, "'%.*s%s': expected UTC (Z or nothing), found an offset at character %zu",
                         HDX_TEXT_ARG(shown), cut, at + 1);
  return hdx_error_set(error, HDX_USAGE, "'%.*s%s': expected %s; it is none from character %zu on", HDX_TEXT_ARG(shown),
                       cut, form, at + 1);
}

static char *put(char *out, unsigned width, uint64_t value) {
  for (unsigned i = width; i-- > 0; value /= 10)
    out[i] = (char)('0' + value % 10);
  return out + width;
}

size_t hdx_time_format(int64_t time_ns, int digits, char *out) {
  int64_t of_day;
  unsigned month, day;
  int year = hdx_time_date(split_day(time_ns, &of_day), &month, &day);
  uint64_t seconds = (uint64_t)(of_day / HDX_SECOND_NS), nanos = (uint64_t)(of_day % HDX_SECOND_NS);
  char *p = put(out, 4, (uint64_t)year);
  *p++ = '-';
  p = put(p, 2, month);
  *p++ = '-';
  p = put(p, 2, day);
  *p++ = 'T';
  p = put(p, 2, seconds / 3600);
  *p++ = ':';
  p = put(p, 2, seconds / 60 % 60);
  *p++ = ':';
  p = put(p, 2, seconds % 60);
  if (digits > 0) {
    unsigned width = digits > 9 ? 9 : (unsigned)digits;
    *p++ = '.';
    for (unsigned i = width; i < 9; i++)
      nanos /= 10;
    p = put(p, width, nanos);
  }
  *p++ = 'Z';
  *p = 0;
  return (size_t)(p - out);
}

int hdx_time_year(int64_t time_ns) {
  int64_t of_day;
  unsigned month, day;
  return hdx_time_date(split_day(time_ns, &of_day), &month, &day);
}

int64_t hdx_time_of_year(int year) {
  if (year <= 1677)
    return HDX_TIME_MIN;
  if (year >= 2263)
    return HDX_TIME_MAX;
  return hdx_time_day(year, 1, 1) * HDX_DAY_NS;
}

int hdx_time_digits(int64_t time_ns) {
  return time_ns % HDX_SECOND_NS == 0 ? 0 : time_ns % 1000000 == 0 ? 3 : time_ns % 1000 == 0 ? 6 : 9;
}

int64_t hdx_time_of_timespec(const struct timespec *time) {
  int64_t ns;
  bool fits = !__builtin_mul_overflow((int64_t)time->tv_sec, HDX_SECOND_NS, &ns) &&
              !__builtin_add_overflow(ns, (int64_t)time->tv_nsec, &ns);
  return fits && ns >= HDX_TIME_MIN ? ns : HDX_TIME_NONE;
}

int64_t hdx_time_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * HDX_SECOND_NS + now.tv_nsec;
}
