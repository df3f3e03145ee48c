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

bool hdx_csv_new_day(const char *p, struct hdx_csv_day *day) {
  /* "YYYY-MM-", each byte made 0 to its maximum: Y 9, - 0, M 1, M 9, - 0. */
  uint64_t head = hdx_csv_load64(p), word = head ^ UINT64_C(0x2d30302d30303030);
  unsigned tens = (unsigned char)(p[8] - '0'), ones = (unsigned char)(p[9] - '0');
  if (hdx_csv_beyond(word, UINT64_C(0x7f767e7f76767676)) || tens > 3 || ones > 9)
    return false;
  uint64_t pairs = word * 10 + (word >> 8);
  int year = (int)((pairs & 0xff) * 100 + (pairs >> 16 & 0xff));
  unsigned month = pairs >> 40 & 0xff, of_month = tens * 10 + ones;
  if (year < 1678 || year > 2261 || month < 1 || month > 12 || of_month < 1 ||
      of_month > hdx_time_month_days(year, month))
    return false;
  day->head = head;
  memcpy(&day->tail, p + 8, sizeof day->tail);
  day->ns = hdx_time_day(year, month, of_month) * HDX_DAY_NS;
  return true;
}
