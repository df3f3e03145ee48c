/* One line read with care: fields, header, layout, values. Every dialect is handled here and nowhere else; the kernels
 * only take a short cut for rows whose fields need no thought. */
#include "parse/csv_scan.h"

#include "base/time.h"

#include <stdio.h>
#include <stdlib.h>

struct fields {
  size_t count;  /* may be one more than there is room for: too many */
  size_t quotes; /* that were mended */
  struct hdx_text at[HDX_CSV_COLUMNS_MAX + 1];
  size_t place[HDX_CSV_COLUMNS_MAX + 1]; /* in the text that was split */
};

/* What reading a line brought so far. */
struct row {
  int64_t start, stop, size;
  struct hdx_text key;
  unsigned start_notes, stop_notes;
  bool decimals;
  int digits;
};

static bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

/* The length of a typographic quote (U+2018, U+2019, U+201C, U+201D) at p, or 0. */
static size_t typographic(const char *p, size_t size) {
  return size >= 3 && p[0] == '\xe2' && p[1] == '\x80' &&
                 (p[2] == '\x98' || p[2] == '\x99' || p[2] == '\x9c' || p[2] == '\x9d')
             ? 3
             : 0;
}

const char *hdx_csv_repair_text(enum hdx_csv_repair repair) {
  static const char *const texts[] = {
      [HDX_CSV_REPAIR_DOT] = "dots for colons in times",
      [HDX_CSV_REPAIR_SEPARATOR] = "wrong separators or small letters in times",
      [HDX_CSV_REPAIR_DATE] = "dates without a time of day",
      [HDX_CSV_REPAIR_HOUR] = "hours 24",
      [HDX_CSV_REPAIR_LEAP] = "leap seconds",
      [HDX_CSV_REPAIR_LATE] = "stops outside of 1678 to 2261",
      [HDX_CSV_REPAIR_QUOTE] = "unpaired or typographic quotes",
      [HDX_CSV_REPAIR_DECIMALS] = "sizes with decimals",
  };
  return (size_t)repair < HDX_CSV_REPAIR_COUNT ? texts[repair] : "unknown";
}

void hdx_csv_count_repairs(struct hdx_csv *csv, unsigned notes) {
  static const unsigned kinds[HDX_CSV_REPAIR_COUNT] = {
      [HDX_CSV_REPAIR_DOT] = HDX_TIME_DOT,
      [HDX_CSV_REPAIR_SEPARATOR] = HDX_TIME_SEPARATOR,
      [HDX_CSV_REPAIR_DATE] = HDX_TIME_DATE,
      [HDX_CSV_REPAIR_HOUR] = HDX_TIME_HOUR_24,
      [HDX_CSV_REPAIR_LEAP] = HDX_TIME_LEAP_SECOND,
      [HDX_CSV_REPAIR_LATE] = HDX_TIME_SATURATED_LATE | HDX_TIME_SATURATED_EARLY,
  };
  for (size_t i = 0; notes && i < HDX_CSV_REPAIR_COUNT; i++)
    csv->result.repairs[i] += (notes & kinds[i]) != 0;
}

void hdx_csv_bad(struct hdx_csv *csv, uint64_t at, size_t column, const char *reason, struct hdx_text found) {
  struct hdx_csv_result *result = &csv->result;
  struct hdx_csv_bad_row bad = {.line = result->lines, .byte = at, .column = (uint32_t)column};
  result->bad_rows++;
  if (result->sample_count == HDX_CSV_SAMPLE_MAX && !csv->options.bad)
    return;
  char shown[40];
  size_t size = found.size < sizeof shown ? found.size : sizeof shown;
  while (size < found.size && size > 0 && ((unsigned char)found.data[size] & 0xc0) == 0x80)
    size--; /* not within a character */
  for (size_t i = 0; i < size; i++)
    shown[i] = (unsigned char)found.data[i] < ' ' || found.data[i] == 0x7f ? '?' : found.data[i];
  if (found.data)
    snprintf(bad.reason, sizeof bad.reason, "%s '%.*s%s'", reason, (int)size, shown, size < found.size ? "…" : "");
  else
    snprintf(bad.reason, sizeof bad.reason, "%s", reason);
  if (result->sample_count < HDX_CSV_SAMPLE_MAX)
    result->samples[result->sample_count++] = bad;
  if (csv->options.bad)
    csv->options.bad(csv->options.user, &bad);
}

/* Copies a quoted field without its doubled quotes; the line limit bounds what is needed. */
static bool unescape(struct hdx_csv *csv, struct hdx_text *field, char quote) {
  if (!csv->scratch && !(csv->scratch = malloc(HDX_CSV_LINE_BYTES_MAX)))
    return false;
  char *to = csv->scratch + csv->scratch_used;
  size_t size = 0;
  for (size_t i = 0; i < field->size; i++) {
    to[size++] = field->data[i];
    i += field->data[i] == quote;
  }
  csv->scratch_used += size;
  *field = (struct hdx_text){to, size};
  return true;
}

/* Reads a field that begins with a quote at p. Returns where the field ends (at a comma or `end`), or NULL if no quote
 * closes it there; *doubled says that there are quotes to be undoubled. */
static const char *quoted(const char *p, const char *end, struct hdx_text *field, bool *doubled) {
  const char *close = p + 1;
  while ((close = memchr(close, *p, (size_t)(end - close)))) {
    if (close + 1 == end || close[1] != *p)
      break;
    *doubled = true;
    close += 2;
  }
  if (!close)
    return NULL;
  *field = (struct hdx_text){p + 1, (size_t)(close - p - 1)};
  const char *next = close + 1;
  while (next < end && blank(*next))
    next++;
  return next == end || *next == ',' ? next : NULL;
}

static struct hdx_text without_last_quote(struct hdx_text field, char quote, size_t *quotes) {
  if (quote && field.size && field.data[field.size - 1] == quote) {
    field.size--;
    *quotes += 1;
  }
  return field;
}

/* The text up to the next comma. `opened`: the quote before it, which nothing closes. */
static const char *plain(struct hdx_csv *csv, const char *p, const char *end, char opened, struct hdx_text *field,
                         size_t *quotes) {
  const char *comma = memchr(p, ',', (size_t)(end - p));
  const char *next = comma ? comma : end;
  struct hdx_text text = hdx_text_trim((struct hdx_text){p, (size_t)(next - p)});
  if (opened) {
    size_t ignored = 0;
    *quotes += 1;
    *field = without_last_quote(text, opened, &ignored);
    return next;
  }
  size_t open = typographic(text.data, text.size);
  if (open && text.size >= 2 * open && typographic(text.data + text.size - open, open)) {
    *quotes += 1;
    *field = hdx_text_sub(text, open, text.size - open);
    return next;
  }
  *field = without_last_quote(text, csv->dialect.quote, quotes);
  return next;
}

/* False if out of memory. */
static bool split(struct hdx_csv *csv, struct hdx_text line, struct fields *fields) {
  const char *p = line.data, *end = line.data + line.size;
  fields->count = fields->quotes = 0;
  for (;;) {
    size_t i = fields->count++;
    struct hdx_text *field = &fields->at[i];
    while (p < end && blank(*p))
      p++;
    fields->place[i] = (size_t)(p - line.data);
    const char *next = NULL;
    char quote = 0;
    if (p < end && (*p == '"' || *p == '\'')) {
      bool doubled = false;
      quote = *p;
      csv->dialect.quote = csv->dialect.quote ? csv->dialect.quote : quote;
      next = quoted(p, end, field, &doubled);
      if (next && doubled && !unescape(csv, field, quote))
        return false;
      p++;
    }
    if (!next)
      next = plain(csv, p, end, quote, field, &fields->quotes);
    if (next == end || fields->count == sizeof fields->at / sizeof *fields->at)
      return true;
    p = next + 1;
  }
}

/* Digits, perhaps with decimals that are cut (the writer's arithmetic, not half a byte); empty is -1. */
static bool read_size(struct hdx_text text, int64_t *size, bool *decimals) {
  text = hdx_text_trim(text);
  const char *point = text.size ? memchr(text.data, '.', text.size) : NULL;
  uint64_t value, ignored;
  *size = -1;
  if (text.size == 0)
    return true;
  size_t whole = point ? (size_t)(point - text.data) : text.size;
  if (!hdx_text_to_u64(hdx_text_sub(text, 0, whole), INT64_MAX, &value))
    return false;
  for (size_t i = whole + 1; i < text.size; i++)
    if (!hdx_text_to_u64(hdx_text_sub(text, i, i + 1), 9, &ignored))
      return false;
  *decimals = point != NULL;
  *size = (int64_t)value;
  return true;
}

static unsigned read_time(struct hdx_text text, int64_t *time_ns, int *most_digits) {
  int digits = 0;
  size_t at;
  unsigned notes = hdx_time_read(hdx_text_trim(text), true, time_ns, &digits, &at);
  *most_digits = digits > *most_digits ? digits : *most_digits;
  return notes;
}

static bool is_static(struct hdx_text text) {
  return hdx_text_equal_nocase(hdx_text_trim(text), HDX_TEXT("static"));
}

static bool is_time(struct hdx_text text) {
  int64_t time_ns;
  int digits = 0;
  return is_static(text) || read_time(text, &time_ns, &digits) < HDX_TIME_OFFSET;
}

/* The times of a row, as read_row. */
static const char *read_times(const struct hdx_text *times, bool no_stop, struct row *row, size_t *field) {
  *field = 0;
  if (is_static(times[0])) {
    row->start = HDX_TIME_STATIC;
    row->stop = HDX_TIME_MAX;
    *field = !no_stop;
    return no_stop || times[1].size == 0 || is_static(times[1]) ? NULL
                                                                : "stop: expected static, as the start is, found";
  }
  row->start_notes = read_time(times[0], &row->start, &row->digits);
  if (row->start_notes & HDX_TIME_MALFORMED)
    return "start: expected a time, found";
  if (row->start_notes & HDX_TIME_OFFSET)
    return "start: expected a time in UTC, found";
  /* Its first instant stands for no time. */
  if (row->start_notes >= HDX_TIME_SATURATED_LATE || row->start == HDX_TIME_STATIC)
    return "start: expected a time of 1678 to 2261, found";
  if (no_stop)
    return NULL;
  row->stop_notes = read_time(times[++*field], &row->stop, &row->digits);
  return row->stop_notes & HDX_TIME_MALFORMED ? "stop: expected a time, found"
         : row->stop_notes & HDX_TIME_OFFSET  ? "stop: expected a time in UTC, found"
                                              : NULL;
}

/* The reason if the values of a row cannot be read, with the number of the field that it is about; else NULL. */
static const char *read_row(const struct fields *fields, bool no_stop, struct row *row, size_t *field) {
  *row = (struct row){.stop = HDX_TIME_NONE};
  const char *wrong = read_times(fields->at, no_stop, row, field);
  if (wrong)
    return wrong;
  row->key = fields->at[++*field];
  if (row->key.size == 0)
    return "datakey: expected a location, found";
  if (!read_size(fields->at[++*field], &row->size, &row->decimals))
    return "filesize: expected an integer, found";
  return NULL;
}

static bool is_one_of(struct hdx_text text, const char *const *words, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (hdx_text_equal_nocase(text, hdx_text_of(words[i])))
      return true;
  return false;
}

/* A header has words where a row has times, a location and a size. */
static bool is_header(const struct fields *fields) {
  if (fields->count < 3 || is_static(fields->at[0]))
    return false;
  for (size_t i = 0; i < fields->count && i < 4; i++) {
    struct hdx_text field = fields->at[i];
    if ((i < 3 && field.size == 0) || (field.size && field.data[0] >= '0' && field.data[0] <= '9') ||
        (field.size && memmem(field.data, field.size, "://", 3)))
      return false;
  }
  return true;
}

static bool header_lacks_stop(const struct fields *fields) {
  static const char *const stops[] = {"stop", "stopdate", "stop_date", "end", "enddate", "end_date"};
  static const char *const keys[] = {"key", "datakey", "file", "filename", "url", "uri"};
  struct hdx_text second = fields->at[1];
  return fields->count == 3 ? !is_one_of(second, stops, sizeof stops / sizeof *stops)
                            : is_one_of(second, keys, sizeof keys / sizeof *keys);
}

/* Keeps a header with the names of its extra columns. There may be many before the last one counts. */
static enum hdx_status take_header(struct hdx_csv *csv, struct hdx_text line, bool hash, const struct fields *fields,
                                   struct hdx_error *error) {
  csv->header_no_stop = header_lacks_stop(fields);
  csv->header_plain |= !hash;
  size_t others = csv->header_no_stop ? 3 : 4;
  csv->header_extras = fields->count > others ? fields->count - others : 0;
  if (csv->header_extras > HDX_CSV_EXTRA_MAX)
    return hdx_error_set(error, HDX_LIMIT, "line %llu: expected a header of at most %d columns, found more",
                         (unsigned long long)csv->result.lines, HDX_CSV_COLUMNS_MAX);
  hdx_arena_clear(&csv->names);
  csv->header = hdx_arena_copy(&csv->names, line);
  bool copied = csv->header.data;
  for (size_t i = 0; copied && i < csv->header_extras; i++) {
    csv->header_names[i] = hdx_arena_copy(&csv->names, fields->at[others + i]);
    copied = csv->header_names[i].data;
  }
  if (!copied)
    return hdx_error_memory(error, line.size);
  csv->dialect.header = true;
  return HDX_OK;
}

/* The first row that can be read decides where the columns are. A second field that is no time while the third is a
 * size is a key; a header that lacks a stop column is believed for keys that look like times. */
static bool lacks_stop(const struct hdx_csv *csv, const struct fields *fields) {
  int64_t size;
  bool ignored;
  if (fields->count < 3 || fields->at[1].size == 0 || !read_size(fields->at[2], &size, &ignored))
    return false;
  return (size >= 0 || fields->count == 3) && (csv->header_no_stop || !is_time(fields->at[1]));
}

static enum hdx_status settle(struct hdx_csv *csv, const struct fields *fields, bool no_stop, struct hdx_error *error) {
  size_t others = no_stop ? 3 : 4, most = others + HDX_CSV_EXTRA_MAX;
  size_t count = fields->count < most ? fields->count : most; /* what is beyond them is empty */
  while (csv->dialect.header && count > others + csv->header_extras && fields->at[count - 1].size == 0)
    count--;
  size_t extras = count - others > csv->header_extras ? count - others : csv->header_extras;
  for (size_t i = 0; i < extras; i++) {
    size_t bytes = sizeof(struct hdx_text[HDX_CSV_BATCH_ROWS]);
    if (!csv->extra[i] && !(csv->extra[i] = malloc(bytes)))
      return hdx_error_memory(error, bytes);
  }
  csv->dialect.no_stop = no_stop;
  csv->columns = others + extras;
  csv->settled = true;
  return hdx_csv_name_columns(csv, extras, error);
}

/* The reason if a row has not as many fields as it should, with the first that is too many (0: too few); else NULL. */
static const char *check_columns(const struct hdx_csv *csv, const struct fields *fields, bool no_stop, char reason[80],
                                 size_t *field) {
  size_t least = no_stop ? 3 : 4, most = csv->settled ? csv->columns : least + HDX_CSV_EXTRA_MAX;
  size_t count = fields->count;
  *field = count > most ? most : 0;
  if (count > HDX_CSV_COLUMNS_MAX) {
    snprintf(reason, 80, "expected at most %zu columns, found more than %d", most, HDX_CSV_COLUMNS_MAX);
    return reason;
  }
  while (count > most && fields->at[count - 1].size == 0)
    count--;
  if (count >= least && count <= most)
    return NULL;
  snprintf(reason, 80, "expected %s%zu columns, found %zu", count < least ? "" : "at most ",
           count < least ? least : most, fields->count);
  return reason;
}

static enum hdx_status add_row(struct hdx_csv *csv, const struct fields *fields, const struct row *row,
                               struct hdx_error *error) {
  size_t i = csv->count++, others = csv->dialect.no_stop ? 3 : 4;
  csv->start[i] = row->start;
  csv->stop[i] = row->stop;
  csv->size[i] = row->size;
  csv->key[i] = row->key;
  for (size_t j = 0; j < csv->dialect.extra_count; j++)
    csv->extra[j][i] = others + j < fields->count ? fields->at[others + j] : HDX_TEXT("");
  int digits = (row->digits + 2) / 3 * 3;
  csv->result.time_digits = digits > csv->result.time_digits ? digits : csv->result.time_digits;
  if (csv->line)
    csv->line[i] = csv->result.lines;
  hdx_csv_count_repairs(csv, row->start_notes);
  hdx_csv_count_repairs(csv, row->stop_notes);
  csv->result.repairs[HDX_CSV_REPAIR_QUOTE] += fields->quotes;
  csv->result.repairs[HDX_CSV_REPAIR_DECIMALS] += row->decimals;
  return csv->count == HDX_CSV_BATCH_ROWS ? hdx_csv_flush(csv, error) : HDX_OK;
}

/* `from` is where the split text begins in its line, which is at byte `at` of the file. */
static enum hdx_status read_fields(struct hdx_csv *csv, const struct fields *fields, uint64_t at, size_t from,
                                   struct hdx_error *error) {
  char reason[80];
  bool no_stop = csv->settled ? csv->dialect.no_stop : lacks_stop(csv, fields);
  struct hdx_text found = {NULL, 0};
  struct row row;
  size_t field;
  const char *wrong = check_columns(csv, fields, no_stop, reason, &field);
  if (!wrong && (wrong = read_row(fields, no_stop, &row, &field))) {
    if (hdx_text_equal_nocase(fields->at[0], HDX_TEXT("start")))
      return HDX_OK; /* another header line */
    found = fields->at[field];
  }
  if (wrong) {
    hdx_csv_bad(csv, at, (wrong == reason && field == 0 ? 0 : from + fields->place[field]) + 1, wrong, found);
    return HDX_OK;
  }
  if (!csv->settled) {
    enum hdx_status status = settle(csv, fields, no_stop, error);
    if (status != HDX_OK)
      return status;
  }
  return add_row(csv, fields, &row, error);
}

enum hdx_status hdx_csv_line(struct hdx_csv *csv, const char *line, size_t size, uint64_t at, struct hdx_error *error) {
  struct hdx_text text = {line, size}, none = {NULL, 0};
  struct fields fields;
  csv->result.lines++;
  if (size > HDX_CSV_LINE_BYTES_MAX) {
    hdx_csv_bad(csv, at, 1, "expected a line of at most 1048576 bytes, found a longer one", none);
    return HDX_OK;
  }
  if (at == 0 && hdx_text_starts_with(text, HDX_TEXT("\xef\xbb\xbf"))) {
    csv->dialect.bom = true;
    text = hdx_text_sub(text, 3, text.size);
  }
  csv->dialect.crlf |= text.size && text.data[text.size - 1] == '\r';
  text = hdx_text_trim(text);
  if (text.size == 0)
    return HDX_OK;
  const char *nul = memchr(text.data, 0, text.size);
  if (nul) {
    hdx_csv_bad(csv, at, (size_t)(nul - line) + 1, "expected text, found a NUL byte", none);
    return HDX_OK;
  }
  bool hash = text.data[0] == '#';
  if (hash)
    text = hdx_text_trim(hdx_text_sub(text, 1, text.size));
  if ((hash && csv->settled) || (csv->header.data && hdx_text_equal(text, csv->header)))
    return HDX_OK;
  enum hdx_status status = HDX_OK;
  if (text.size > HDX_CSV_LINE_BYTES_MAX - csv->scratch_used && (status = hdx_csv_flush(csv, error)) != HDX_OK)
    return status;
  if (!split(csv, text, &fields))
    return hdx_error_memory(error, HDX_CSV_LINE_BYTES_MAX);
  bool header =
      hash ? fields.count >= 3 && !is_time(fields.at[0]) : !csv->settled && !csv->header_plain && is_header(&fields);
  const char *cr = hash || header ? memchr(text.data, '\r', text.size) : NULL;
  if (cr) { /* all of a file that ends its lines so would be a comment */
    hdx_csv_bad(csv, at, (size_t)(cr - line) + 1, "expected a newline, found a carriage return alone", none);
    return HDX_OK;
  }
  if (header)
    return take_header(csv, text, hash, &fields, error);
  return hash ? HDX_OK : read_fields(csv, &fields, at, (size_t)(text.data - line), error);
}
