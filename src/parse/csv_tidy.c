/* A row that is tidy but not of the usual shape: quoted all over, blanks around its fields, another truncation of
 * times, no stop column. Its commas are known from the kernel's index, and each field, blanks aside, is either plain or
 * a pair of quotes without such a quote between; then every comma ends a field, for the careful reader too. Whatever
 * needs mending, undoubling or a reason is left to csv_line.c. */
#include "parse/csv_values.h"

static bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

/* The field without blanks and quotes; false if it is not tidy. *quote is the one that is around it, or 0: whoever
 * takes a text that may hold one looks for it (`whole`). */
static inline bool tidy_field(const char *p, const char *end, char *quote, struct hdx_text *field) {
  while (p < end && blank(*p))
    p++;
  while (end > p && blank(end[-1]))
    end--;
  *field = (struct hdx_text){p, (size_t)(end - p)};
  if (p == end)
    return true;
  if (*p != '"' && *p != '\'')
    return hdx_csv_plain(*field);
  if (end - p < 2 || end[-1] != *p)
    return false;
  *quote = *p;
  *field = (struct hdx_text){p + 1, (size_t)(end - p - 2)};
  return true;
}

/* Whether a text has none of the quotes that are around it. */
static inline bool whole(struct hdx_text field, char quote) {
  return !quote || field.size == 0 || !memchr(field.data, quote, field.size);
}

static bool tidy_time(struct hdx_text text, struct hdx_csv_day *day, int64_t *time_ns, int *most_digits,
                      unsigned *notes) {
  /* A time beyond the range is a matter for the careful reader. */
  static const unsigned allowed = HDX_TIME_DATE | HDX_TIME_HOUR_24 | HDX_TIME_LEAP_SECOND;
  int64_t fraction;
  int digits;
  size_t at;
  if (hdx_csv_time(text.data, text.size, day, time_ns, &fraction))
    digits = fraction ? 3 : 0;
  else if ((*notes = hdx_time_read(text, false, time_ns, &digits, &at)) & ~allowed)
    return false;
  digits = (digits + 2) / 3 * 3;
  *most_digits = digits > *most_digits ? digits : *most_digits;
  return true;
}

bool hdx_csv_tidy_row(struct hdx_csv *csv, const char *line, const uint16_t *commas, size_t from, size_t newline) {
  size_t columns = csv->columns, i = csv->count;
  const char *end = line + (newline - from), *p = line;
  if (commas[columns - 2] > newline || commas[columns - 1] < newline)
    return false;
  char first_quote = csv->dialect.quote;
  int digits = csv->result.time_digits;
  unsigned start_notes = 0, stop_notes = 0;
  struct hdx_text field;
  csv->stop[i] = HDX_TIME_NONE;
  for (size_t column = 0; column < columns; column++) {
    const char *field_end = column + 1 == columns ? end : line + (commas[column] - from);
    char quote = 0;
    bool good = tidy_field(p, field_end, &quote, &field);
    first_quote = first_quote ? first_quote : quote;
    size_t what = column > 0 && csv->dialect.no_stop ? column + 1 : column;
    if (what == 0)
      good = good && tidy_time(field, &csv->start_day, &csv->start[i], &digits, &start_notes) &&
             csv->start[i] != HDX_TIME_STATIC;
    else if (what == 1)
      good = good && tidy_time(field, &csv->stop_day, &csv->stop[i], &digits, &stop_notes);
    else if (what == 2)
      good = good && (csv->key[i] = field).size > 0 && whole(field, quote);
    else if (what == 3 && field.size == 0)
      csv->size[i] = -1;
    else if (what == 3) /* at least "YYYY,k," is before the digits: enough to read 8 or 16 bytes back */
      good = good && hdx_csv_digits(field.data + field.size, field.size, &csv->size[i]);
    else
      good = good && whole(csv->extra[what - 4][i] = field, quote);
    if (!good)
      return false;
    p = field_end + 1;
  }
  csv->count = i + 1;
  csv->result.lines++;
  if (csv->line)
    csv->line[i] = csv->result.lines;
  if (start_notes | stop_notes) {
    hdx_csv_count_repairs(csv, start_notes);
    hdx_csv_count_repairs(csv, stop_notes);
  }
  csv->result.time_digits = digits;
  csv->dialect.quote = first_quote;
  csv->dialect.crlf |= end[-1] == '\r';
  return true;
}
