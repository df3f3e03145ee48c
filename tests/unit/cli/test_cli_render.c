/* Rows in every format: read back by a reader of its own, and as users see them. */
#include "unit/cli/cli_cmocka.h"

#include "cli/render.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct cli_column columns[] = {
    {.name = {"start", 5}, .kind = CLI_KIND_TIME},
    {.name = {"key", 3}, .kind = CLI_KIND_TEXT},
    {.name = {"size", 4}, .kind = CLI_KIND_NUMBER},
    {.name = {"say, \"what\"", 11}, .kind = CLI_KIND_TEXT},
};

#define COLUMNS COUNT(columns)

/* What rows become; the caller frees it. */
static char *rendered(enum cli_format format, bool null, const struct cli_cell (*rows)[COLUMNS], size_t count,
                      size_t *size) {
  char path[] = "/tmp/hdx-render-XXXXXX";
  close(mkstemp(path));
  struct cli_writer writer;
  struct cli_render render;
  struct cli_render_style style = {.format = format, .null = null, .time_digits = 3, .key = 1};
  assert_int_equal(cli_writer_open(&writer, path, NULL), HDX_OK);
  assert_int_equal(cli_render_open(&render, &style, columns, COLUMNS, &writer, NULL), HDX_OK);
  for (size_t i = 0; i < count; i++)
    cli_render_row(&render, rows[i]);
  assert_int_equal(cli_render_close(&render, NULL), HDX_OK);
  assert_int_equal(cli_writer_close(&writer, true, NULL), HDX_OK);
  FILE *file = fopen(path, "r");
  char *text = malloc(1 << 20);
  *size = fread(text, 1, (1 << 20) - 1, file);
  text[*size] = 0;
  fclose(file);
  unlink(path);
  return text;
}

static void assert_rendered(enum cli_format format, bool null, const struct cli_cell (*rows)[COLUMNS], size_t count,
                            const char *expected, size_t expected_size) {
  size_t size;
  char *text = rendered(format, null, rows, count, &size);
  if (size != expected_size || memcmp(text, expected, size) != 0)
    fail_msg("format %d:\n%s\nexpected:\n%s", format, text, expected);
  free(text);
}

#define ASSERT_RENDERED(format, rows, literal)                                                                         \
  assert_rendered(format, false, rows, COUNT(rows), literal, sizeof(literal) - 1)
#define TEXT(literal)                                                                                                  \
  {                                                                                                                    \
    .text = { literal, sizeof(literal) - 1 }                                                                           \
  }
#define NUMBER(value)                                                                                                  \
  { .number = (value) }

static const struct cli_cell plain[][COLUMNS] = {
    {NUMBER(INT64_C(1580515200123456789)), TEXT("s3://b/a.cdf"), NUMBER(1742991), TEXT("x")},
    {NUMBER(HDX_TIME_NONE), TEXT("s3://b/b.cdf"), NUMBER(-1), TEXT("")},
    {NUMBER(-1), TEXT("k"), NUMBER(0), TEXT("a,b")},
};

static void formats(void **state) {
  (void)state;
  ASSERT_RENDERED(CLI_FORMAT_CSV, plain,
                  "start,key,size,\"say, \"\"what\"\"\"\n2020-02-01T00:00:00.123Z,s3://b/a.cdf,1742991,x\n"
                  ",s3://b/b.cdf,,\n1969-12-31T23:59:59.999Z,k,0,\"a,b\"\n");
  ASSERT_RENDERED(CLI_FORMAT_TSV, plain,
                  "start\tkey\tsize\tsay, \"what\"\n2020-02-01T00:00:00.123Z\ts3://b/a.cdf\t1742991\tx\n"
                  "\ts3://b/b.cdf\t\t\n1969-12-31T23:59:59.999Z\tk\t0\ta,b\n");
  ASSERT_RENDERED(CLI_FORMAT_NDJSON, plain,
                  "{\"start\":\"2020-02-01T00:00:00.123Z\",\"key\":\"s3://b/a.cdf\",\"size\":1742991,"
                  "\"say, \\\"what\\\"\":\"x\"}\n"
                  "{\"start\":null,\"key\":\"s3://b/b.cdf\",\"size\":null,\"say, \\\"what\\\"\":null}\n"
                  "{\"start\":\"1969-12-31T23:59:59.999Z\",\"key\":\"k\",\"size\":0,\"say, \\\"what\\\"\":\"a,b\"}\n");
  ASSERT_RENDERED(CLI_FORMAT_KEYS, plain, "s3://b/a.cdf\ns3://b/b.cdf\nk\n");
  ASSERT_RENDERED(CLI_FORMAT_TABLE, plain,
                  "start                     key              size  say, \"what\"\n"
                  "2020-02-01T00:00:00.123Z  s3://b/a.cdf  1742991  x\n"
                  "                          s3://b/b.cdf\n"
                  "1969-12-31T23:59:59.999Z  k                   0  a,b\n");
  assert_rendered(CLI_FORMAT_KEYS, true, plain, COUNT(plain), "s3://b/a.cdf\0s3://b/b.cdf\0k\0", 28);
}

static void no_rows(void **state) {
  (void)state;
  static const char header[] = "start,key,size,\"say, \"\"what\"\"\"\n";
  assert_rendered(CLI_FORMAT_CSV, false, plain, 0, header, sizeof header - 1);
  assert_rendered(CLI_FORMAT_NDJSON, false, plain, 0, "", 0);
  assert_rendered(CLI_FORMAT_JSON, false, plain, 0, "[]\n", 3);
  assert_rendered(CLI_FORMAT_KEYS, false, plain, 0, "", 0);
}

static void json_is_an_array(void **state) {
  (void)state;
  static const struct cli_cell rows[][COLUMNS] = {{NUMBER(HDX_TIME_NONE), TEXT("a"), NUMBER(1), TEXT("")},
                                                  {NUMBER(HDX_TIME_NONE), TEXT("b"), NUMBER(2), TEXT("")}};
  ASSERT_RENDERED(CLI_FORMAT_JSON, rows,
                  "[\n{\"start\":null,\"key\":\"a\",\"size\":1,\"say, \\\"what\\\"\":null},\n"
                  "{\"start\":null,\"key\":\"b\",\"size\":2,\"say, \\\"what\\\"\":null}\n]\n");
}

static void hostile_text(void **state) {
  (void)state;
  static const struct cli_cell rows[][COLUMNS] = {
      {NUMBER(HDX_TIME_NONE), TEXT("a\"b\nc\rd\te\\f"), NUMBER(INT64_MAX), TEXT("\x1b[31m\0\x7f\xff\xc3\x85")}};
  ASSERT_RENDERED(CLI_FORMAT_CSV, rows,
                  "start,key,size,\"say, \"\"what\"\"\"\n,\"a\"\"b\nc\rd\te\\f\",9223372036854775807,"
                  "\x1b[31m\0\x7f\xff\xc3\x85\n");
  ASSERT_RENDERED(CLI_FORMAT_TSV, rows,
                  "start\tkey\tsize\tsay, \"what\"\n\ta\"b\\nc\\rd\\te\\\\f\t9223372036854775807\t"
                  "\x1b[31m\0\x7f\xff\xc3\x85\n");
  ASSERT_RENDERED(CLI_FORMAT_NDJSON, rows,
                  "{\"start\":null,\"key\":\"a\\\"b\\nc\\rd\\te\\\\f\",\"size\":9223372036854775807,"
                  "\"say, \\\"what\\\"\":\"\\u001b[31m\\u0000\\u007f\xef\xbf\xbd\xc3\x85\"}\n");
  size_t size;
  char *table = rendered(CLI_FORMAT_TABLE, false, rows, 1, &size);
  assert_null(memchr(table, 0x1b, size));
  assert_null(memchr(table, 0, size));
  assert_non_null(strstr(table, "\\x1b[31m\\x00\\x7f\\xff\xc3\x85"));
  free(table);
}

/* RFC 4180 read by the letter: cells of one record, from `text` on; returns behind its newline. */
static const char *read_record(const char *text, char cells[][64], size_t sizes[], size_t *count) {
  for (*count = 0;; text++) {
    size_t size = 0;
    bool quoted = *text == '"';
    text += quoted;
    while (quoted ? *text != '"' || text[1] == '"' : *text != ',' && *text != '\n') {
      text += quoted && *text == '"';
      cells[*count][size++] = *text++;
    }
    text += quoted;
    sizes[(*count)++] = size;
    if (*text == '\n')
      return text + 1;
    assert_int_equal(*text, ',');
  }
}

/* Random texts of the bytes that matter, at every length around a vector's. */
static void csv_is_read_back(void **state) {
  (void)state;
  enum { ROWS = 3000, BYTES = 40 };
  static const char alphabet[] = "ab,\"\n\r \\";
  static char texts[ROWS][2][BYTES];
  static struct cli_cell rows[ROWS][COLUMNS];
  srand(1);
  for (size_t i = 0; i < ROWS; i++) {
    for (size_t k = 0; k < 2; k++) {
      for (size_t j = 0; j < BYTES; j++)
        texts[i][k][j] = rand() % 8 ? 'k' : alphabet[rand() % 8];
      rows[i][1 + 2 * k].text = (struct hdx_text){texts[i][k], (size_t)rand() % BYTES + (k == 0)};
    }
    rows[i][0].number = HDX_TIME_NONE;
    rows[i][2].number = (int64_t)i;
  }
  size_t size, sizes[8], count;
  char cells[8][64];
  char *text = rendered(CLI_FORMAT_CSV, false, (const struct cli_cell(*)[COLUMNS])rows, ROWS, &size);
  const char *at = read_record(text, cells, sizes, &count);
  for (size_t i = 0; i < ROWS; i++) {
    at = read_record(at, cells, sizes, &count);
    assert_int_equal(count, COLUMNS);
    for (size_t k = 1; k < COLUMNS; k += 2) {
      assert_int_equal(sizes[k], rows[i][k].text.size);
      assert_memory_equal(cells[k], rows[i][k].text.data, sizes[k]);
    }
  }
  assert_ptr_equal(at, text + size);
  free(text);
}

/* A carriage return or newline alone is reason enough for quotes: readers that mend line ends would eat it. */
static void each_special_byte_is_quoted(void **state) {
  (void)state;
  static const char special[] = {',', '"', '\n', '\r'};
  for (size_t i = 0; i < sizeof special; i++)
    for (size_t at = 0; at < 35; at += 17) {
      char key[36], expected[48];
      memset(key, 'k', sizeof key);
      key[at] = special[i];
      const struct cli_cell rows[][COLUMNS] = {
          {NUMBER(HDX_TIME_NONE), {.text = {key, sizeof key}}, NUMBER(-1), TEXT("")}};
      size_t size;
      char *text = rendered(CLI_FORMAT_CSV, false, rows, 1, &size);
      snprintf(expected, sizeof expected, "\n,\"%.*s%s%.*s\",,\n", (int)at + 1, key, special[i] == '"' ? "\"" : "",
               (int)(sizeof key - at - 1), key + at + 1);
      assert_non_null(strstr(text, expected));
      free(text);
    }
}

/* The quick way to write times gives what the library's gives, days changing or not. */
static void times(void **state) {
  (void)state;
  static const int digits[] = {0, 3, 6, 9};
  static const int64_t edges[] = {HDX_TIME_MIN,
                                  HDX_TIME_MIN + 1,
                                  HDX_TIME_MAX,
                                  HDX_TIME_MAX - 1,
                                  0,
                                  -1,
                                  1,
                                  INT64_C(86399999999999),
                                  INT64_C(86400000000000),
                                  INT64_C(-86400000000000),
                                  INT64_C(-86400000000001),
                                  INT64_MIN + INT64_C(86400000000000),
                                  INT64_MIN + INT64_C(86400000000000) - 1};
  struct cli_day day = {0};
  uint64_t seed = 88172645463325252u;
  for (size_t i = 0; i < 200000; i++) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    int64_t time = i < COUNT(edges) ? edges[i] : i % 2 ? (int64_t)seed : (int64_t)(seed % 200000000000000);
    if (time < HDX_TIME_MIN)
      continue;
    char expected[HDX_TIME_TEXT_MAX] = "static", found[HDX_TIME_TEXT_MAX];
    if (time != HDX_TIME_STATIC)
      hdx_time_format(time, digits[i % 4], expected);
    *cli_render_time(&day, time, digits[i % 4], found) = 0;
    assert_string_equal(found, expected);
  }
}

static void numbers(void **state) {
  (void)state;
  static struct cli_cell rows[128][COLUMNS];
  static char expected[8192];
  size_t count = 0, size, used = (size_t)snprintf(expected, sizeof expected, "start\tkey\tsize\tsay, \"what\"\n");
  for (int64_t number = 1; number < INT64_MAX / 11; number = number * 11 - 3)
    for (int64_t near = number - 1; near <= number + 1; near++, count++) {
      rows[count][0].number = HDX_TIME_NONE;
      rows[count][2].number = near;
      used += (size_t)snprintf(expected + used, sizeof expected - used, "\t\t%lld\t\n", (long long)near);
    }
  char *text = rendered(CLI_FORMAT_TSV, false, (const struct cli_cell(*)[COLUMNS])rows, count, &size);
  assert_string_equal(text, expected);
  free(text);
}

/* More rows than a table holds back, and one that is wider than all before. */
static void long_table(void **state) {
  (void)state;
  enum { ROWS = 1000 };
  struct cli_cell(*rows)[COLUMNS] = calloc(ROWS, sizeof *rows);
  for (size_t i = 0; i < ROWS; i++) {
    rows[i][0].number = HDX_TIME_NONE;
    rows[i][1].text = i == 900 ? cli_text("much wider than all the others") : cli_text("k");
    rows[i][2].number = (int64_t)i;
  }
  size_t size, lines = 0;
  char *text = rendered(CLI_FORMAT_TABLE, false, (const struct cli_cell(*)[COLUMNS])rows, ROWS, &size);
  for (size_t i = 0; i < size; i++)
    lines += text[i] == '\n';
  assert_int_equal(lines, ROWS + 1);
  assert_non_null(strstr(text, "much wider than all the others"));
  assert_non_null(strstr(text, "k     999"));
  free(text);
  free(rows);
}

/* A column that shrinks is cut at the terminal's width, between characters. */
static void narrow_terminal(void **state) {
  (void)state;
  static const struct cli_column two[] = {{.name = {"id", 2}}, {.name = {"title", 5}, .shrinks = true}};
  char path[] = "/tmp/hdx-render-XXXXXX", line[256];
  close(mkstemp(path));
  struct cli_writer writer;
  struct cli_render render;
  struct cli_render_style style = {.format = CLI_FORMAT_TABLE, .width = 30};
  const struct cli_cell row[] = {TEXT("aia_0094"), TEXT("\xc3\x85\xc3\x85\xc3\x85\xc3\x85 the Atmospheric Imaging")};
  assert_int_equal(cli_writer_open(&writer, path, NULL), HDX_OK);
  assert_int_equal(cli_render_open(&render, &style, two, 2, &writer, NULL), HDX_OK);
  cli_render_row(&render, row);
  assert_int_equal(cli_render_close(&render, NULL), HDX_OK);
  assert_int_equal(cli_writer_close(&writer, true, NULL), HDX_OK);
  FILE *file = fopen(path, "r");
  assert_non_null(fgets(line, sizeof line, file));
  assert_non_null(fgets(line, sizeof line, file));
  assert_string_equal(line, "aia_0094  \xc3\x85\xc3\x85\xc3\x85\xc3\x85 the Atmospheri\xe2\x80\xa6\n");
  fclose(file);
  unlink(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(formats),
                                     cmocka_unit_test(no_rows),
                                     cmocka_unit_test(json_is_an_array),
                                     cmocka_unit_test(hostile_text),
                                     cmocka_unit_test(csv_is_read_back),
                                     cmocka_unit_test(each_special_byte_is_quoted),
                                     cmocka_unit_test(times),
                                     cmocka_unit_test(numbers),
                                     cmocka_unit_test(long_table),
                                     cmocka_unit_test(narrow_terminal)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
