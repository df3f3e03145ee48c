/* Values of the usual shape, eight digits at a time within a 64-bit word; whatever else is left to hdx_csv_line. Bytes
 * are loaded as little endian, so the first character is the lowest byte.
 *
 * A byte z is at most m (m < 128) if z < 128 and z + (127 - m) < 128: one addition checks eight bytes, each against its
 * own maximum. A byte beyond it cannot make another pass by its carry, as it has failed the check itself. */
#ifndef HDX_PARSE_CSV_VALUES_H
#define HDX_PARSE_CSV_VALUES_H

#include "base/time.h"
#include "parse/csv_scan.h"

#define HDX_CSV_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Of 64 bytes: bit i stands for byte i. */
struct hdx_csv_masks {
  uint64_t newline, comma, nul;
};

static inline uint64_t hdx_csv_load64(const char *p) {
  uint64_t word;
  memcpy(&word, p, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

static inline bool hdx_csv_beyond(uint64_t word, uint64_t slack) {
  return ((word | (word + slack)) & HDX_CSV_EACH(0x80)) != 0;
}

/* Eight digits, the first in the lowest byte, as values 0 to 9: pairs, then fours, then all. */
static inline uint64_t hdx_csv_eight(uint64_t word) {
  word = word * 10 + (word >> 8);
  uint64_t low = (word & UINT64_C(0x000000ff000000ff)) * ((UINT64_C(1000000) << 32) + 100);
  uint64_t high = ((word >> 16) & UINT64_C(0x000000ff000000ff)) * ((UINT64_C(10000) << 32) + 1);
  return (low + high) >> 32;
}

/* Up to eight digits that end before `end`, where eight bytes can be read before it. */
static inline bool hdx_csv_up_to_eight(const char *end, size_t size, uint64_t *value) {
  uint64_t word = (hdx_csv_load64(end - 8) ^ HDX_CSV_EACH('0')) & (UINT64_MAX << (64 - 8 * size));
  *value = hdx_csv_eight(word);
  return !hdx_csv_beyond(word, HDX_CSV_EACH(127 - 9));
}

/* A whole field of 1 to 16 digits that ends before `end`, where 16 bytes can be read before it. */
static inline bool hdx_csv_digits(const char *end, size_t size, int64_t *value) {
  uint64_t low, high = 0;
  if (size - 1 >= 16)
    return false;
  bool good = hdx_csv_up_to_eight(end, size < 8 ? size : 8, &low);
  if (size > 8)
    good &= hdx_csv_up_to_eight(end - 8, size - 8, &high);
  *value = (int64_t)(high * 100000000 + low);
  return good;
}

/* Neither end of the field, which is not empty, is a blank, a quote, a control byte or beyond ASCII. */
extern const bool hdx_csv_end_bytes[256];
static inline bool hdx_csv_plain(struct hdx_text field) {
  return hdx_csv_end_bytes[(unsigned char)field.data[0]] & hdx_csv_end_bytes[(unsigned char)field.data[field.size - 1]];
}

/* Reads the line [from, newline) of a window, which `line` points to, if it is tidy (csv_tidy.c); `commas` are the
 * window's from this line on. There must be no NUL in it. */
bool hdx_csv_tidy_row(struct hdx_csv *csv, const char *line, const uint16_t *commas, size_t from, size_t newline);

/* Converts "YYYY-MM-DD" and keeps it; false if it is no date, or near the ends of what int64 holds. */
bool hdx_csv_new_day(const char *p, struct hdx_csv_day *day);

/* A time of the form YYYY-MM-DDThh:mm:ssZ or YYYY-MM-DDThh:mm:ss.sssZ; *fraction is its milliseconds. */
static inline bool hdx_csv_time(const char *p, size_t size, struct hdx_csv_day *day, int64_t *time_ns,
                                int64_t *fraction) {
  if (size != 20 && size != 24)
    return false;
  uint16_t tail;
  memcpy(&tail, p + 8, sizeof tail);
  if ((hdx_csv_load64(p) != day->head || tail != day->tail) && !hdx_csv_new_day(p, day))
    return false;
  /* "Thh:mm:s", each byte made 0 to its maximum: T 0, h 2, h 9, : 0, m 5, m 9, : 0, s 5. */
  uint64_t clock = hdx_csv_load64(p + 10) ^ UINT64_C(0x303a30303a303054);
  uint64_t slack = UINT64_C(0x7a7f767a7f767d7f);
  uint64_t rest, rest_slack;
  if (size == 24) { /* ":ss.sssZ" */
    rest = hdx_csv_load64(p + 16) ^ UINT64_C(0x5a3030302e30303a);
    rest_slack = UINT64_C(0x7f7676767f767a7f);
  } else { /* ":mm:ssZ" behind an h, which is passed over */
    rest = (hdx_csv_load64(p + 12) >> 32 ^ UINT64_C(0x5a30303a)) & 0xffffffff;
    rest_slack = UINT64_C(0x7f7f7f7f7f767a7f);
  }
  if (hdx_csv_beyond(clock, slack) || hdx_csv_beyond(rest, rest_slack))
    return false;
  clock = clock * 10 + (clock >> 8);
  uint64_t hour = clock >> 8 & 0xff, minute = clock >> 32 & 0xff;
  if (hour > 23)
    return false;
  uint64_t pairs = rest * 10 + (rest >> 8);
  uint64_t second = pairs >> 8 & 0xff;
  *fraction = size == 24 ? (int64_t)((pairs >> 32 & 0xff) * 10 + (rest >> 48 & 0xff)) : 0;
  *time_ns = day->ns + (int64_t)(((hour * 60 + minute) * 60 + second) * 1000 + (uint64_t)*fraction) * 1000000;
  return true;
}

/* The times in a line's fields [0, first_end) and [first_end + 1, second_end). */
static inline bool hdx_csv_two_times(struct hdx_csv *csv, const char *line, size_t first_end, size_t second_end,
                                     int64_t *start, int64_t *stop, int64_t *fraction) {
  int64_t start_fraction, stop_fraction;
  if (!hdx_csv_time(line, first_end, &csv->start_day, start, &start_fraction) ||
      !hdx_csv_time(line + first_end + 1, second_end - first_end - 1, &csv->stop_day, stop, &stop_fraction))
    return false;
  *fraction = start_fraction | stop_fraction;
  return true;
}

#endif
