#include "parse/csv_values.h"

/* '!' to '~' but for the quotes. */
#define EIGHT 1, 1, 1, 1, 1, 1, 1, 1
const bool hdx_csv_end_bytes[256] = {
    [' '] = 0,
    1,
    0,
    1,
    1,
    1,
    1,
    0,
    [0x28] = EIGHT,
    [0x30] = EIGHT,
    [0x38] = EIGHT,
    [0x40] = EIGHT,
    [0x48] = EIGHT,
    [0x50] = EIGHT,
    [0x58] = EIGHT,
    [0x60] = EIGHT,
    [0x68] = EIGHT,
    [0x70] = EIGHT,
    [0x78] = 1,
    1,
    1,
    1,
    1,
    1,
    1,
    0,
};

static bool number(const char *p, size_t size, unsigned *value) {
  *value = 0;
  for (size_t i = 0; i < size; i++) {
    unsigned digit = (unsigned)(p[i] - '0');
    if (digit > 9)
      return false;
    *value = *value * 10 + digit;
  }
  return true;
}

bool hdx_csv_new_day(const char *p, struct hdx_csv_day *day) {
  unsigned year, month, of_month;
  if (!number(p, 4, &year) || p[4] != '-' || !number(p + 5, 2, &month) || p[7] != '-' || !number(p + 8, 2, &of_month))
    return false;
  if (year < 1678 || year > 2261 || month < 1 || month > 12 || of_month < 1 ||
      of_month > hdx_time_month_days((int)year, month))
    return false;
  day->head = hdx_csv_load64(p);
  memcpy(&day->tail, p + 8, sizeof day->tail);
  day->ns = hdx_time_day((int)year, month, of_month) * HDX_DAY_NS;
  return true;
}
