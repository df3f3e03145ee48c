/* Numbers, sizes and durations as users write them. */
#include "unit/cli/cli_cmocka.h"

#include "cli/values.h"

#include <string.h>

typedef enum hdx_status reader(const char *text, uint64_t min, uint64_t max, uint64_t *value, struct hdx_error *error);

struct sample {
  const char *text;
  uint64_t value;
};

static void assert_reads(reader *read, const struct sample *samples, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct hdx_error error;
    uint64_t value = 0;
    if (read(samples[i].text, 0, UINT64_MAX, &value, &error) != HDX_OK)
      fail_msg("'%s' is refused: %s", samples[i].text, error.message);
    if (value != samples[i].value)
      fail_msg("'%s' is read as %llu", samples[i].text, (unsigned long long)value);
  }
}

/* Refused, with what was typed in the message, the value untouched. */
static void assert_refuses(reader *read, const char *const *texts, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct hdx_error error = {0};
    uint64_t value = 4711;
    if (read(texts[i], 0, UINT64_MAX, &value, &error) != HDX_USAGE)
      fail_msg("'%s' is taken for %llu", texts[i], (unsigned long long)value);
    assert_int_equal(value, 4711);
    assert_non_null(strstr(error.message, texts[i]));
    assert_non_null(strstr(error.message, "expected"));
  }
}

static void numbers(void **state) {
  (void)state;
  static const struct sample good[] = {{"0", 0}, {"7", 7}, {"007", 7}, {"18446744073709551615", UINT64_MAX}};
  static const char *const bad[] = {
      "", " 1", "1 ", "+1", "-1", "0x10", "1.5", "1e3", "18446744073709551616", "99999999999999999999", "1K", "٣"};
  assert_reads(cli_value_number, good, COUNT(good));
  assert_refuses(cli_value_number, bad, COUNT(bad));
  struct hdx_error error;
  uint64_t value;
  assert_int_equal(cli_value_number("4096", 1, 4096, &value, &error), HDX_OK);
  assert_int_equal(cli_value_number("4097", 1, 4096, &value, &error), HDX_USAGE);
  assert_string_equal(error.message, "expected a whole number from 1 to 4096, found '4097'");
  assert_int_equal(cli_value_number("0", 1, 4096, &value, &error), HDX_USAGE);
}

static void sizes(void **state) {
  (void)state;
  static const struct sample good[] = {
      {"0", 0},
      {"0.0", 0},
      {"0K", 0},
      {"512", 512},
      {"512B", 512},
      {"1K", 1024},
      {"1k", 1024},
      {"1KiB", 1024},
      {"1KB", 1000},
      {"1kb", 1000},
      {"8M", 8388608},
      {"8MiB", 8388608},
      {"8MB", 8000000},
      {"1G", 1073741824},
      {"1GB", 1000000000},
      {"1T", 1099511627776},
      {"1TB", 1000000000000},
      {"1.5K", 1536},
      {"0.5K", 512},
      {"1.000001MB", 1000001},
      {"0.3K", 307},
      {"2TiB", 2199023255552},
      {"16777215T", UINT64_C(16777215) << 40},
  };
  static const char *const bad[] = {"",           "K",   "8 M",  "8MM", "8Mi",       "M8",        "-1K",
                                    "1.K",        ".5K", "1..5", "1,5", "16777216T", "1.0000001", "8M\n",
                                    "0.1234567K", "8X",  "inf",  "0.5", "0.999999B", "0.000001K"};
  assert_reads(cli_value_size, good, COUNT(good));
  assert_refuses(cli_value_size, bad, COUNT(bad));
  struct hdx_error error;
  uint64_t value;
  assert_int_equal(cli_value_size("1M", 16 << 20, UINT64_C(1) << 40, &value, &error), HDX_USAGE);
  assert_string_equal(error.message, "expected a size from 16M to 1T, found '1M'");
  assert_int_equal(cli_value_size("0.5", 0, UINT64_MAX, &value, &error), HDX_USAGE);
  assert_string_equal(error.message, "expected a size of a byte at the least, or 0, found '0.5'");
}

static void durations(void **state) {
  (void)state;
  static const struct sample good[] = {
      {"0", 0},        {"30", 30000},    {"30s", 30000},           {"500ms", 500}, {"5m", 300000},
      {"2h", 7200000}, {"1d", 86400000}, {"1h30m", 5400000},       {"1.5s", 1500}, {"1m500ms", 60500},
      {"0s", 0},       {"2.5", 2500},    {"1d2h3m4s5ms", 93784005}};
  static const char *const bad[] = {"",      "s",     "30x", "30m1h", "1h1h",
                                    "1h30",  "5 m",   "-5s", "1.s",   "1e3s",
                                    "5mm",   "1ms1s", "30 ", "h30",   "99999999999999999d",
                                    "0.5ms", "0.0001"};
  assert_reads(cli_value_duration, good, COUNT(good));
  assert_refuses(cli_value_duration, bad, COUNT(bad));
  struct hdx_error error;
  uint64_t value;
  assert_int_equal(cli_value_duration("2d", 1, 86400000, &value, &error), HDX_USAGE);
  assert_string_equal(error.message, "expected a duration from 1ms to 1d, found '2d'");
  assert_int_equal(cli_value_duration("0.5ms", 0, UINT64_MAX, &value, &error), HDX_USAGE);
  assert_string_equal(error.message, "expected a duration of a millisecond at the least, or 0, found '0.5ms'");
}

/* What messages and help say can be typed. */
static void texts_are_read_back(void **state) {
  (void)state;
  static const uint64_t values[] = {0, 1, 999, 1000, 1024, 1536, 60000, 90000, 3600000, 86400000, 8 << 20, 12345678};
  for (size_t i = 0; i < COUNT(values); i++) {
    char text[CLI_VALUE_TEXT_MAX];
    uint64_t value;
    assert_int_equal(cli_value_size(cli_value_size_text(values[i], text), 0, UINT64_MAX, &value, NULL), HDX_OK);
    assert_int_equal(value, values[i]);
    assert_int_equal(cli_value_duration(cli_value_duration_text(values[i], text), 0, UINT64_MAX, &value, NULL), HDX_OK);
    assert_int_equal(value, values[i]);
  }
}

static void bools(void **state) {
  (void)state;
  static const char *const yes[] = {"yes", "TRUE", "on", "1"}, *const no[] = {"no", "False", "off", "0"};
  static const char *const bad[] = {"", "y", "2", "yes ", "maybe"};
  for (size_t i = 0; i < 4; i++) {
    bool value = false;
    assert_int_equal(cli_value_bool(yes[i], &value, NULL), HDX_OK);
    assert_true(value);
    assert_int_equal(cli_value_bool(no[i], &value, NULL), HDX_OK);
    assert_false(value);
  }
  for (size_t i = 0; i < COUNT(bad); i++) {
    bool value = true;
    assert_int_equal(cli_value_bool(bad[i], &value, NULL), HDX_USAGE);
    assert_true(value);
  }
}

static void wheres(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t column;
    enum hdx_operator operation;
    const char *value;
  } samples[] = {
      {"n=94", 1, HDX_EQUAL, "94"},        {"n = 94", 1, HDX_EQUAL, "94"}, {"n  >=\t-1", 1, HDX_GREATER_OR_EQUAL, "-1"},
      {"a b < c d ", 3, HDX_LESS, "c d "}, {"n= =x", 1, HDX_EQUAL, "=x"},  {"n!= ", 1, HDX_NOT_EQUAL, ""},
      {"n=a>b", 1, HDX_EQUAL, "a>b"},
  };
  for (size_t i = 0; i < COUNT(samples); i++) {
    size_t column;
    enum hdx_operator operation;
    const char *value;
    assert_int_equal(cli_value_where(samples[i].text, &column, &operation, &value, NULL), HDX_OK);
    assert_int_equal(column, samples[i].column);
    assert_int_equal(operation, samples[i].operation);
    assert_string_equal(value, samples[i].value);
  }
  assert_int_equal(cli_value_where(" =1", &(size_t){0}, &(enum hdx_operator){0}, &(const char *){0}, NULL), HDX_USAGE);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(numbers),   cmocka_unit_test(sizes),
                                     cmocka_unit_test(durations), cmocka_unit_test(texts_are_read_back),
                                     cmocka_unit_test(bools),     cmocka_unit_test(wheres)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
