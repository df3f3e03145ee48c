#include "text.h"

#include <stdio.h>
#include <stdlib.h>

enum part_kind { PART_LITERAL, PART_START, PART_STOP, PART_VERSION };

enum { DIGITS_TIME = 8, DIGITS_DAY_OF_YEAR = 14, DIGITS_MILLI = 17 };

static const struct {
  char letter;
  uint8_t from, size;
} fields[] = {
    {'Y', 0, 4},
    {'y', 2, 2},
    {'m', 4, 2},
    {'d', 6, 2},
    {'D', 0, 8},
    {'T', DIGITS_TIME, 6},
    {'H', DIGITS_TIME, 2},
    {'M', DIGITS_TIME + 2, 2},
    {'S', DIGITS_TIME + 4, 2},
    {'j', DIGITS_DAY_OF_YEAR, 3},
};

bool gen_leap(int year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int64_t gen_day_of_year(int year) {
  int64_t y = year - 1;
  return y * 365 + y / 4 - y / 100 + y / 400 - (1969 * 365 + 1969 / 4 - 1969 / 100 + 1969 / 400);
}

int gen_year_of_day(int64_t day) {
  int year = 1970 + (int)(day / 366) - (day < 0);
  while (gen_day_of_year(year + 1) <= day)
    year++;
  return year;
}

static char *put_digits(char *to, unsigned value, int count) {
  for (int i = count - 1; i >= 0; i--) {
    to[i] = (char)('0' + value % 10);
    value /= 10;
  }
  return to + count;
}

static void set_day(struct gen_moment *moment, int64_t day) {
  static const uint16_t before[2][13] = {{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365},
                                         {0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366}};
  int year = gen_year_of_day(day);
  unsigned at = (unsigned)(day - gen_day_of_year(year)), month = 1;
  const uint16_t *first = before[gen_leap(year)];
  while (first[month] <= at)
    month++;
  moment->day = day;
  char *p = put_digits(moment->digits, (unsigned)year, 4);
  p = put_digits(p, month, 2);
  put_digits(p, at - first[month - 1] + 1, 2);
  put_digits(moment->digits + DIGITS_DAY_OF_YEAR, at + 1, 3);
}

void gen_moment_set(struct gen_moment *moment, int64_t time_ms) {
  int64_t day = time_ms / GEN_DAY_MS - (time_ms % GEN_DAY_MS < 0);
  if (day != moment->day)
    set_day(moment, day);
  unsigned ms = (unsigned)(time_ms - day * GEN_DAY_MS);
  unsigned second = ms / 1000, minute = second / 60;
  char *p = put_digits(moment->digits + DIGITS_TIME, minute / 60, 2);
  p = put_digits(p, minute % 60, 2);
  put_digits(p, second % 60, 2);
  put_digits(moment->digits + DIGITS_MILLI, ms % 1000, 3);
}

static void broken(const char *format, const char *what) {
  fprintf(stderr, "hdx-generate: template %s: %s\n", format, what);
  abort();
}

static void add_part(struct gen_template *template, const char *format, enum part_kind kind, unsigned from,
                     unsigned size) {
  if (template->count == GEN_TEMPLATE_PARTS)
    broken(format, "too many parts");
  template->parts[template->count].kind = (uint8_t)kind;
  template->parts[template->count].from = (uint8_t)from;
  template->parts[template->count].size = (uint8_t)size;
  template->count++;
}

static void add_literal(struct gen_template *template, const char *format, const char *text, size_t size) {
  if (size > GEN_TEMPLATE_BYTES - template->size)
    broken(format, "too long");
  if (template->count == 0 || template->parts[template->count - 1].kind != PART_LITERAL) {
    add_part(template, format, PART_LITERAL, 0, 0);
    template->parts[template->count - 1].literal = (uint16_t) template->size;
    template->parts[template->count - 1].literal_size = 0;
  }
  memcpy(template->text + template->size, text, size);
  template->size += size;
  template->parts[template->count - 1].literal_size =
      (uint16_t)(template->parts[template->count - 1].literal_size + size);
}

void gen_template_compile(struct gen_template *template, const char *format, const char *const texts[8]) {
  template->count = template->size = 0;
  for (const char *p = format; *p; p++) {
    if (*p != '%') {
      add_literal(template, format, p, 1);
      continue;
    }
    p++;
    enum part_kind kind = PART_START;
    if (*p == 'E') {
      kind = PART_STOP;
      p++;
    }
    size_t i = 0;
    while (i < sizeof fields / sizeof *fields && fields[i].letter != *p)
      i++;
    if (i < sizeof fields / sizeof *fields)
      add_part(template, format, kind, fields[i].from, fields[i].size);
    else if (*p == 'v')
      add_part(template, format, PART_VERSION, 0, 0);
    else if (*p == '%')
      add_literal(template, format, "%", 1);
    else if (*p >= '1' && *p <= '8' && texts && texts[*p - '1'])
      add_literal(template, format, texts[*p - '1'], strlen(texts[*p - '1']));
    else
      broken(format, "unknown field");
  }
}

char *gen_put_key(char *to, const struct gen_template *template, const struct gen_moment *start,
                  const struct gen_moment *stop, const char *version) {
  for (size_t i = 0; i < template->count; i++) {
    switch (template->parts[i].kind) {
    case PART_LITERAL:
      memcpy(to, template->text + template->parts[i].literal, template->parts[i].literal_size);
      to += template->parts[i].literal_size;
      break;
    case PART_VERSION:
      to = gen_put_text(to, version);
      break;
    default: {
      const struct gen_moment *moment = template->parts[i].kind == PART_START ? start : stop;
      /* a fixed size is one instruction; what comes next overwrites the excess */
      memcpy(to, moment->digits + template->parts[i].from, 8);
      to += template->parts[i].size;
    }
    }
  }
  return to;
}

char *gen_put_time(char *to, const struct gen_moment *moment, enum gen_form form) {
  const char *digits = moment->digits, *time = digits + DIGITS_TIME;
  memcpy(to, digits, 4);
  to[4] = '-';
  memcpy(to + 5, digits + 4, 2);
  to[7] = '-';
  memcpy(to + 8, digits + 6, 2);
  to += 10;
  if (form >= GEN_FORM_MINUTE) {
    to[0] = 'T';
    memcpy(to + 1, time, 2);
    to[3] = ':';
    memcpy(to + 4, time + 2, 2);
    to += 6;
  }
  if (form >= GEN_FORM_SECOND) {
    to[0] = ':';
    memcpy(to + 1, time + 4, 2);
    to += 3;
  }
  if (form == GEN_FORM_MILLI) {
    to[0] = '.';
    memcpy(to + 1, digits + DIGITS_MILLI, 3);
    to += 4;
  }
  *to = 'Z';
  return to + 1;
}

char *gen_put_u64(char *to, uint64_t value) {
  char digits[20];
  size_t n = sizeof digits;
  do {
    digits[--n] = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  memcpy(to, digits + n, sizeof digits - n);
  return to + sizeof digits - n;
}
