/* layer: cli */
/* Rows of any texts: each format gives them back to a plain reader of it, and a table steers no terminal. And members
 * of archives of any name: blocks whose sums fit, with the name in them.
 *
 * The input's first eight bytes are a time and a size; its lines are a key, a text and a value. */
#include "base/time.h"
#include "cli/render.h"
#include "cli/tar.h"
#include "parse/json.h"

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TIME, KEY, NUMBER, OTHER, VALUE, COLUMNS, INPUT_BYTES_MAX = 4096 };

static const struct cli_column columns[COLUMNS] = {
    [TIME] = {.name = {"time", 4}, .kind = CLI_KIND_TIME},      [KEY] = {.name = {"key", 3}, .shrinks = true},
    [NUMBER] = {.name = {"number", 6}, .kind = CLI_KIND_BYTES}, [OTHER] = {.name = {"o,\"\t", 4}},
    [VALUE] = {.name = {"value", 5}, .kind = CLI_KIND_VALUE},
};

static struct cli_writer out;

static struct hdx_text render(enum cli_format format, const struct cli_cell *cells) {
  struct cli_render render;
  const struct cli_render_style style = {.format = format, .time_digits = 9, .width = 40, .key = KEY};
  out.size = 0;
  CHECK(cli_render_open(&render, &style, columns, COLUMNS, &out, NULL) == HDX_OK);
  cli_render_row(&render, cells);
  cli_render_row(&render, cells);
  CHECK(cli_render_close(&render, NULL) == HDX_OK && out.state == CLI_WRITER_GOOD && out.written == 0);
  return (struct hdx_text){out.data, out.size};
}

static struct hdx_text take(struct hdx_text *text, char end) {
  const char *at = text->size ? memchr(text->data, end, text->size) : NULL;
  struct hdx_text part = {text->data, at ? (size_t)(at - text->data) : text->size};
  *text = hdx_text_sub(*text, part.size + (at != NULL), text->size);
  return part;
}

/* The next field of RFC 4180; `end` is what stood behind it. */
static size_t take_csv(struct hdx_text *text, char *field, char *end) {
  size_t size = 0, at = 0;
  bool quoted = text->size && text->data[0] == '"';
  for (at = quoted; at < text->size; at++) {
    char c = text->data[at];
    if (quoted && c == '"') {
      if (at + 1 == text->size || text->data[at + 1] != '"') {
        at++;
        break;
      }
      at++;
    } else if (!quoted && (c == ',' || c == '\n')) {
      break;
    }
    field[size++] = c;
  }
  CHECK(at < text->size && (text->data[at] == ',' || text->data[at] == '\n'));
  *end = text->data[at];
  *text = hdx_text_sub(*text, at + 1, text->size);
  return size;
}

static void check_csv(const struct cli_cell *cells) {
  struct hdx_text text = render(CLI_FORMAT_CSV, cells);
  char *field = malloc(text.size + 1), end;
  for (int row = 0; row < 3; row++)
    for (int c = 0; c < COLUMNS; c++) {
      struct hdx_text want = row ? cells[c].text : columns[c].name, got = {field, take_csv(&text, field, &end)};
      CHECK(end == (c + 1 < COLUMNS ? ',' : '\n'));
      if (!row || (c != TIME && c != NUMBER))
        CHECK(hdx_text_equal(got, want));
    }
  CHECK(text.size == 0);
  free(field);
}

static size_t unescape_tsv(struct hdx_text text, char *field) {
  static const char escapes[] = "t\tn\nr\r\\\\";
  size_t size = 0;
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    if (c == '\\') {
      CHECK(++i < text.size);
      const char *escape = escapes;
      while (*escape && *escape != text.data[i])
        escape += 2;
      CHECK(*escape);
      c = escape[1];
    }
    field[size++] = c;
  }
  return size;
}

static void check_tsv(const struct cli_cell *cells) {
  struct hdx_text text = render(CLI_FORMAT_TSV, cells);
  char *field = malloc(text.size + 1);
  for (int row = 0; row < 3; row++) {
    struct hdx_text line = take(&text, '\n');
    for (int c = 0; c < COLUMNS; c++) {
      struct hdx_text got = take(&line, '\t');
      if (row && c != TIME && c != NUMBER)
        CHECK(hdx_text_equal((struct hdx_text){field, unescape_tsv(got, field)}, cells[c].text));
    }
    CHECK(line.size == 0);
  }
  CHECK(text.size == 0);
  free(field);
}

static bool utf8(struct hdx_text text) {
  size_t size;
  for (size_t i = 0; i < text.size; i += size)
    if ((size = hdx_text_utf8(text, i)) == 0)
      return false;
  return true;
}

static void check_object(const struct hdx_json *json, const struct hdx_json_value *object,
                         const struct cli_cell *cells) {
  static const int texts[] = {KEY, OTHER};
  CHECK(object->type == HDX_JSON_OBJECT && object->count == COLUMNS);
  for (size_t i = 0; i < 2; i++) {
    struct hdx_text want = cells[texts[i]].text;
    const struct hdx_json_value *got = hdx_json_member(json, object, columns[texts[i]].name.data);
    CHECK(got && got->type == (want.size ? HDX_JSON_STRING : HDX_JSON_NULL));
    if (want.size && utf8(want))
      CHECK(hdx_text_equal(got->text, want));
  }
  const struct hdx_json_value *value = hdx_json_member(json, object, "value");
  CHECK(value && (value->type == HDX_JSON_NULL) == (cells[VALUE].text.size == 0));
  if (value->type == HDX_JSON_NUMBER || (value->type == HDX_JSON_STRING && utf8(cells[VALUE].text)))
    CHECK(hdx_text_equal(value->text, cells[VALUE].text));
}

static void check_json(const struct cli_cell *cells) {
  struct hdx_json json;
  struct hdx_text text = render(CLI_FORMAT_NDJSON, cells);
  for (int row = 0; row < 2; row++) {
    CHECK(hdx_json_parse(take(&text, '\n'), "row", &json, NULL) == HDX_OK);
    check_object(&json, json.values, cells);
    hdx_json_deinit(&json);
  }
  CHECK(text.size == 0);
  CHECK(hdx_json_parse(render(CLI_FORMAT_JSON, cells), "rows", &json, NULL) == HDX_OK);
  CHECK(json.values->type == HDX_JSON_LIST && json.values->count == 2);
  check_object(&json, hdx_json_first(&json, json.values), cells);
  hdx_json_deinit(&json);
}

static void check_table(const struct cli_cell *cells) {
  struct hdx_text text = render(CLI_FORMAT_TABLE, cells);
  uint32_t point;
  size_t length;
  for (size_t i = 0; i < text.size; i += length) {
    CHECK((length = cli_utf8_decode(text.data + i, text.size - i, &point)) > 0);
    CHECK(point == '\n' || (point >= 0x20 && (point < 0x7f || point >= 0xa0) && (point < 0x202a || point > 0x202e)));
  }
}

/* ---- archives ---- */

static uint64_t octal(const char *field, size_t size) {
  uint64_t number = 0;
  for (size_t i = 0; i < size && field[i] >= '0' && field[i] <= '7'; i++)
    number = number * 8 + (uint64_t)(field[i] - '0');
  return number;
}

static void check_sum(const char *block) {
  unsigned sum = 8 * ' ';
  for (size_t i = 0; i < CLI_TAR_BLOCK; i++)
    sum += i < 148 || i >= 156 ? (unsigned char)block[i] : 0;
  CHECK(octal(block + 148, 8) == sum && memcmp(block + 257, "ustar\00000", 8) == 0);
}

/* The name that the records of an extended header state. */
static struct hdx_text path_of(struct hdx_text records) {
  struct hdx_text path = {"", 0}, keyword = HDX_TEXT("path=");
  while (records.size) {
    char *end;
    size_t size = strtoul(records.data, &end, 10);
    CHECK(*end == ' ' && size <= records.size && records.data[size - 1] == '\n');
    struct hdx_text record = hdx_text_sub(records, (size_t)(end + 1 - records.data), size - 1);
    if (hdx_text_starts_with(record, keyword))
      path = hdx_text_sub(record, keyword.size, record.size);
    records = hdx_text_sub(records, size, records.size);
  }
  return path;
}

static void check_tar(struct hdx_text name, uint64_t size, int64_t modified) {
  char joined[260];
  if (!name.size || memchr(name.data, 0, name.size))
    return;
  out.size = 0;
  cli_tar_head(&out, &(struct cli_tar_member){name, size, modified});
  CHECK(out.size >= CLI_TAR_BLOCK && out.size % CLI_TAR_BLOCK == 0);
  const char *head = out.data + out.size - CLI_TAR_BLOCK;
  struct hdx_text told = {"", 0};
  check_sum(head);
  if (out.size > CLI_TAR_BLOCK) {
    check_sum(out.data);
    uint64_t records = octal(out.data + 124, 12);
    CHECK(out.data[156] == 'x' && CLI_TAR_BLOCK + records <= out.size - CLI_TAR_BLOCK);
    told = path_of((struct hdx_text){out.data + CLI_TAR_BLOCK, records});
  }
  if (!told.size) {
    size_t prefix = strnlen(head + 345, 155);
    told = (struct hdx_text){joined, (size_t)snprintf(joined, sizeof joined, "%.*s%s%.100s", (int)prefix, head + 345,
                                                      prefix ? "/" : "", head)};
  }
  CHECK(hdx_text_equal(told, name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int64_t number = 0;
  struct hdx_text text = {(const char *)data, size};
  if (size < sizeof number || size > INPUT_BYTES_MAX)
    return 0;
  if (!out.data)
    CHECK(cli_writer_open(&out, "/dev/null", NULL) == HDX_OK);
  memcpy(&number, data, sizeof number);
  text = hdx_text_sub(text, sizeof number, text.size);
  int64_t time = number < HDX_TIME_MIN ? HDX_TIME_NONE : number;
  struct cli_cell cells[COLUMNS] = {[TIME] = cli_cell_number(time), [NUMBER] = cli_cell_number(number)};
  cells[KEY] = cli_cell_text(take(&text, '\n'));
  cells[OTHER] = cli_cell_text(take(&text, 0));
  cells[VALUE] = cli_cell_text(text);
  check_csv(cells);
  check_tsv(cells);
  check_json(cells);
  check_table(cells);
  check_tar(cells[KEY].text, (uint64_t)number, time);
  return 0;
}
