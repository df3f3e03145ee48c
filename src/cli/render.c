#include "cli/render.h"

#include "cli/bytes.h"
#include "cli/table.h"
#include "cli/values.h"

#include <assert.h>
#include <stdlib.h>

#define NUMBER_BYTES_MAX 20
#define DAY_NS (INT64_C(86400) * 1000000000)

static const char pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445"
    "46474849505152535455565758596061626364656667686970717273747576777879808182838485868788899091"
    "9293949596979899";

static char *put_pair(unsigned value, char *p) {
  memcpy(p, pairs + 2 * (size_t)value, 2);
  return p + 2;
}

static char *put_number(uint64_t value, char *p) {
  char digits[NUMBER_BYTES_MAX], *at = digits + sizeof digits;
  for (; value >= 100; value /= 100)
    put_pair((unsigned)(value % 100), at -= 2);
  if (value >= 10)
    put_pair((unsigned)value, at -= 2);
  else
    *--at = (char)('0' + value);
  size_t size = (size_t)(digits + sizeof digits - at);
  memcpy(p, at, size);
  return p + size;
}

static char *put_decimals(uint32_t nanoseconds, int digits, char *p) {
  *p++ = '.';
  for (int i = digits - 1; i >= 0; i--) {
    static const uint32_t powers[] = {100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1};
    p[digits - 1 - i] = (char)('0' + nanoseconds / powers[digits - 1 - i] % 10);
  }
  return p + digits;
}

char *cli_render_time(struct cli_day *day, int64_t time_ns, int digits, char *p) {
  if (!day->date[0] || time_ns < day->start || (uint64_t)time_ns - (uint64_t)day->start >= (uint64_t)DAY_NS) {
    if (time_ns == HDX_TIME_STATIC) {
      memcpy(p, "static", 6);
      return p + 6;
    }
    if (time_ns < INT64_MIN + DAY_NS)
      return p + hdx_time_format(time_ns, digits, p); /* its day begins before the first instant */
    char whole[HDX_TIME_TEXT_MAX];
    hdx_time_format(time_ns, 0, whole);
    memcpy(day->date, whole, 11);
    day->start = time_ns - ((time_ns % DAY_NS) + DAY_NS) % DAY_NS;
  }
  uint64_t within = (uint64_t)time_ns - (uint64_t)day->start;
  uint32_t second = (uint32_t)(within / 1000000000), rest = (uint32_t)(within % 1000000000);
  memcpy(p, day->date, 11);
  p = put_pair(second / 3600, p + 11);
  *p++ = ':';
  p = put_pair(second / 60 % 60, p);
  *p++ = ':';
  p = put_pair(second % 60, p);
  if (digits > 0)
    p = put_decimals(rest, digits, p);
  *p++ = 'Z';
  return p;
}

static bool is_text(const struct cli_column *column) {
  return column->kind == CLI_KIND_TEXT || column->kind == CLI_KIND_JSON || column->kind == CLI_KIND_VALUE;
}

static bool missing(const struct cli_column *column, const struct cli_cell *cell) {
  switch (column->kind) {
  case CLI_KIND_TEXT:
  case CLI_KIND_JSON:
  case CLI_KIND_VALUE:
    return cell->text.size == 0;
  case CLI_KIND_TIME:
    return cell->number == HDX_TIME_NONE;
  case CLI_KIND_NUMBER:
  case CLI_KIND_BYTES:
    break;
  }
  return cell->number < 0;
}

/* Text of any kind but those of text, without quotes; at most HDX_TIME_TEXT_MAX bytes. */
static char *put_plain(struct cli_render *render, const struct cli_column *column, const struct cli_cell *cell,
                       char *p) {
  if (column->kind == CLI_KIND_TIME)
    return cli_render_time(&render->day, cell->number, render->style.time_digits, p);
  return put_number((uint64_t)cell->number, p); /* negative ones are missing */
}

static bool needs_quotes(struct hdx_text text) {
  size_t from = cli_bytes_without(text, ',', '"', '\n', '\r');
  for (size_t i = from; i < text.size; i++)
    if (text.data[i] == ',' || text.data[i] == '"' || text.data[i] == '\n' || text.data[i] == '\r')
      return true;
  return false;
}

static void put_csv(struct cli_writer *out, struct hdx_text text) {
  if (!needs_quotes(text)) {
    cli_writer_put(out, text);
    return;
  }
  char *begin = cli_writer_reserve(out, text.size * 2 + 2), *p = begin;
  if (!p)
    return;
  *p++ = '"';
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] == '"')
      *p++ = '"';
    *p++ = text.data[i];
  }
  *p++ = '"';
  cli_writer_advance(out, (size_t)(p - begin));
}

static void put_tsv(struct cli_writer *out, struct hdx_text text) {
  char *begin = cli_writer_reserve(out, text.size * 2), *p = begin;
  if (!p)
    return;
  size_t plain = cli_bytes_without(text, '\t', '\n', '\r', '\\');
  memcpy(p, text.data, plain);
  p += plain;
  for (size_t i = plain; i < text.size; i++) {
    static const char special[] = "\t\n\r\\", letters[] = "tnr\\";
    char byte = text.data[i];
    const char *at = byte ? strchr(special, byte) : NULL;
    if (at)
      *p++ = '\\';
    *p++ = at ? letters[at - special] : byte;
  }
  cli_writer_advance(out, (size_t)(p - begin));
}

static size_t digits(struct hdx_text text, size_t from) {
  size_t to = from;
  while (to < text.size && text.data[to] >= '0' && text.data[to] <= '9')
    to++;
  return to - from;
}

/* RFC 8259: no plus, no leading zero, digits on both sides of a dot. */
static bool is_json_number(struct hdx_text text) {
  size_t at = text.size && text.data[0] == '-', count = digits(text, at);
  if (count == 0 || (count > 1 && text.data[at] == '0'))
    return false;
  at += count;
  if (at < text.size && text.data[at] == '.') {
    count = digits(text, ++at);
    at = count ? at + count : SIZE_MAX;
  }
  if (at < text.size && (text.data[at] | 0x20) == 'e') {
    at++;
    at += at < text.size && (text.data[at] == '+' || text.data[at] == '-');
    count = digits(text, at);
    at = count ? at + count : SIZE_MAX;
  }
  return at == text.size;
}

static void put_json(struct cli_render *render, const struct cli_column *column, const struct cli_cell *cell) {
  struct cli_writer *out = render->out;
  if (missing(column, cell)) {
    cli_writer_put(out, (struct hdx_text){"null", 4});
  } else if (column->kind == CLI_KIND_VALUE && is_json_number(cell->text)) {
    cli_writer_put(out, cell->text);
  } else if (column->kind == CLI_KIND_TEXT || column->kind == CLI_KIND_VALUE) {
    cli_writer_json(out, cell->text);
  } else if (column->kind == CLI_KIND_JSON) {
    cli_writer_json_raw(out, cell->text);
  } else {
    char *begin = cli_writer_reserve(out, HDX_TIME_TEXT_MAX + 2), *p = begin;
    bool quotes = column->kind == CLI_KIND_TIME;
    if (!p)
      return;
    if (quotes)
      *p++ = '"';
    p = put_plain(render, column, cell, p);
    if (quotes)
      *p++ = '"';
    cli_writer_advance(out, (size_t)(p - begin));
  }
}

static void put_delimited(struct cli_render *render, const struct cli_column *column, const struct cli_cell *cell) {
  if (missing(column, cell))
    return;
  if (is_text(column)) {
    if (render->style.format == CLI_FORMAT_CSV)
      put_csv(render->out, cell->text);
    else
      put_tsv(render->out, cell->text);
    return;
  }
  char *p = cli_writer_reserve(render->out, HDX_TIME_TEXT_MAX);
  if (p)
    cli_writer_advance(render->out, (size_t)(put_plain(render, column, cell, p) - p));
}

static void row_delimited(struct cli_render *render, const struct cli_cell *cells) {
  char between = render->style.format == CLI_FORMAT_CSV ? ',' : '\t';
  for (size_t i = 0; i < render->count; i++) {
    if (i > 0)
      cli_writer_byte(render->out, between);
    put_delimited(render, &render->columns[i], &cells[i]);
  }
  cli_writer_byte(render->out, '\n');
}

static void row_json(struct cli_render *render, const struct cli_cell *cells) {
  if (render->style.format == CLI_FORMAT_JSON)
    cli_writer_string(render->out, render->rows == 0 ? "[\n" : ",\n");
  for (size_t i = 0; i < render->count; i++) {
    cli_writer_string(render->out, render->prefixes[i]);
    put_json(render, &render->columns[i], &cells[i]);
  }
  cli_writer_byte(render->out, '}');
  if (render->style.format == CLI_FORMAT_NDJSON)
    cli_writer_byte(render->out, '\n');
}

static void row_key(struct cli_render *render, const struct cli_cell *cells) {
  const struct cli_column *column = &render->columns[render->style.key];
  const struct cli_cell *cell = &cells[render->style.key];
  char end = render->style.null ? 0 : '\n';
  assert(is_text(column));
  render->broken_keys += cell->text.size && memchr(cell->text.data, end, cell->text.size) != NULL;
  cli_writer_put(render->out, cell->text);
  cli_writer_byte(render->out, end);
}

static void row_table(struct cli_render *render, const struct cli_cell *cells) {
  for (size_t i = 0; i < render->count; i++) {
    const struct cli_column *column = &render->columns[i];
    char text[HDX_TIME_TEXT_MAX + CLI_HUMAN_MAX];
    struct hdx_text shown = cells[i].text;
    if (missing(column, &cells[i]))
      shown = cli_text("");
    else if (column->kind == CLI_KIND_BYTES)
      shown = cli_text(cli_human_bytes((uint64_t)cells[i].number, text));
    else if (!is_text(column))
      shown = (struct hdx_text){text, (size_t)(put_plain(render, column, &cells[i], text) - text)};
    render->failed |= !cli_table_cell(render->table, shown);
  }
}

void cli_render_row(struct cli_render *render, const struct cli_cell *cells) {
  switch (render->style.format) {
  case CLI_FORMAT_TABLE:
    row_table(render, cells);
    break;
  case CLI_FORMAT_NDJSON:
  case CLI_FORMAT_JSON:
    row_json(render, cells);
    break;
  case CLI_FORMAT_KEYS:
    row_key(render, cells);
    break;
  case CLI_FORMAT_AUTO:
  case CLI_FORMAT_CSV:
  case CLI_FORMAT_TSV:
  default: /* lists for other tools are no table: cli/manifest.h */
    row_delimited(render, cells);
    break;
  }
  render->rows++;
}

static enum hdx_status make_prefixes(struct cli_render *render, struct hdx_error *error) {
  render->prefixes = calloc(render->count, sizeof *render->prefixes);
  if (!render->prefixes)
    return cli_fail(error, HDX_MEMORY, "out of memory");
  for (size_t i = 0; i < render->count; i++) {
    struct hdx_text name = render->columns[i].name;
    /* A writer of its own does the escaping; with room for all it never writes. */
    struct cli_writer scratch = {.fd = -1};
    if (!cli_writer_reserve(&scratch, name.size * 6 + 8))
      return cli_fail(error, HDX_MEMORY, "out of memory");
    cli_writer_byte(&scratch, i == 0 ? '{' : ',');
    cli_writer_json(&scratch, name);
    cli_writer_put(&scratch, (struct hdx_text){":", 2}); /* with its NUL */
    render->prefixes[i] = scratch.data;
  }
  return HDX_OK;
}

static void put_header(struct cli_render *render) {
  bool csv = render->style.format == CLI_FORMAT_CSV;
  for (size_t i = 0; i < render->count; i++) {
    if (i > 0)
      cli_writer_byte(render->out, csv ? ',' : '\t');
    if (csv)
      put_csv(render->out, render->columns[i].name);
    else
      put_tsv(render->out, render->columns[i].name);
  }
  cli_writer_byte(render->out, '\n');
}

static enum hdx_status open_table(struct cli_render *render, struct hdx_error *error) {
  render->table = cli_table_open(render->out, render->count, render->style.width, render->style.bold);
  if (!render->table)
    return cli_fail(error, HDX_MEMORY, "out of memory");
  for (size_t i = 0; i < render->count; i++) {
    const struct cli_column *column = &render->columns[i];
    cli_table_column(render->table, i, column->kind == CLI_KIND_NUMBER || column->kind == CLI_KIND_BYTES,
                     column->shrinks);
    if (!cli_table_cell(render->table, column->name))
      return cli_fail(error, HDX_MEMORY, "out of memory");
  }
  return HDX_OK;
}

enum hdx_status cli_render_open(struct cli_render *render, const struct cli_render_style *style,
                                const struct cli_column *columns, size_t count, struct cli_writer *out,
                                struct hdx_error *error) {
  *render = (struct cli_render){.out = out, .style = *style, .columns = columns, .count = count};
  switch (style->format) {
  case CLI_FORMAT_TABLE:
    return open_table(render, error);
  case CLI_FORMAT_NDJSON:
  case CLI_FORMAT_JSON:
    return make_prefixes(render, error);
  case CLI_FORMAT_KEYS:
    break;
  case CLI_FORMAT_AUTO:
  case CLI_FORMAT_CSV:
  case CLI_FORMAT_TSV:
  default: /* lists for other tools are no table: cli/manifest.h */
    put_header(render);
    break;
  }
  return HDX_OK;
}

enum hdx_status cli_render_close(struct cli_render *render, struct hdx_error *error) {
  if (!render->out)
    return HDX_OK;
  if (render->style.format == CLI_FORMAT_JSON && render->prefixes)
    cli_writer_string(render->out, render->rows == 0 ? "[]\n" : "\n]\n");
  cli_table_close(render->table);
  for (size_t i = 0; render->prefixes && i < render->count; i++)
    free(render->prefixes[i]);
  free(render->prefixes);
  struct cli_writer *out = render->out;
  bool failed = render->failed;
  *render = (struct cli_render){.rows = render->rows, .broken_keys = render->broken_keys};
  if (failed)
    return cli_fail(error, HDX_MEMORY, "out of memory");
  return cli_writer_status(out, error);
}
