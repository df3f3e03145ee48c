#undef HDX_ANALYZE /* cli_fail itself, not what stands for it in an analysis */
#include "cli/values.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Six decimals: a fraction times the largest unit (1024^4) stays within 64 bits. */
#define DECIMALS_MAX 6

struct unit {
  const char *name;
  uint64_t factor;
};

#define KIBI UINT64_C(1024)
#define KILO UINT64_C(1000)

static const struct unit size_units[] = {
    {"T", KIBI *KIBI *KIBI *KIBI},
    {"G", KIBI *KIBI *KIBI},
    {"M", KIBI *KIBI},
    {"K", KIBI},
    {"TiB", KIBI *KIBI *KIBI *KIBI},
    {"GiB", KIBI *KIBI *KIBI},
    {"MiB", KIBI *KIBI},
    {"KiB", KIBI},
    {"TB", KILO *KILO *KILO *KILO},
    {"GB", KILO *KILO *KILO},
    {"MB", KILO *KILO},
    {"KB", KILO},
    {"B", 1},
    {"", 1},
};

static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum hdx_status cli_fail(struct hdx_error *error, enum hdx_status status, const char *format, ...) {
  if (error) {
    va_list args;
    va_start(args, format);
    error->status = status;
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
  }
  return status;
}

static bool add(uint64_t *sum, uint64_t value) {
  return !__builtin_add_overflow(*sum, value, sum);
}

/* Digits at *text to *value; false if there is none or it overflows. */
static bool read_digits(const char **text, uint64_t *value) {
  const char *p = *text;
  uint64_t sum = 0;
  for (; *p >= '0' && *p <= '9'; p++)
    if (__builtin_mul_overflow(sum, UINT64_C(10), &sum) || !add(&sum, (uint64_t)(*p - '0')))
      return false;
  bool any = p > *text;
  *text = p;
  *value = sum;
  return any;
}

/* "12", "1.5": the whole part and the fraction in units of 10^-DECIMALS_MAX. */
static bool read_decimal(const char **text, uint64_t *whole, uint64_t *fraction) {
  *fraction = 0;
  if (!read_digits(text, whole))
    return false;
  if (**text != '.')
    return true;
  const char *p = *text + 1;
  int digits = 0;
  for (; *p >= '0' && *p <= '9' && digits < DECIMALS_MAX; p++, digits++)
    *fraction = *fraction * 10 + (uint64_t)(*p - '0');
  for (int i = digits; i < DECIMALS_MAX; i++)
    *fraction *= 10;
  *text = p;
  return digits > 0;
}

/* whole.fraction times the factor, the rest cut; false if it overflows. */
static bool scale(uint64_t whole, uint64_t fraction, uint64_t factor, uint64_t *value) {
  return !__builtin_mul_overflow(whole, factor, value) && add(value, fraction * factor / 1000000);
}

/* Whether something was said and nothing is left of it: 0 often means no limit, which is not what was meant. */
static bool rounded_away(const char *text, uint64_t value) {
  return value == 0 && strpbrk(text, "123456789");
}

enum hdx_status cli_value_number(const char *text, uint64_t min, uint64_t max, uint64_t *value,
                                 struct hdx_error *error) {
  const char *p = text;
  uint64_t number;
  if (read_digits(&p, &number) && *p == 0 && number >= min && number <= max) {
    *value = number;
    return HDX_OK;
  }
  if (max == UINT64_MAX)
    return cli_fail(error, HDX_USAGE, "expected a whole number, %" PRIu64 " or more, found '%s'", min, text);
  return cli_fail(error, HDX_USAGE, "expected a whole number from %" PRIu64 " to %" PRIu64 ", found '%s'", min, max,
                  text);
}

static bool read_size(const char *text, uint64_t *bytes) {
  uint64_t whole, fraction;
  if (!read_decimal(&text, &whole, &fraction))
    return false;
  for (size_t i = 0; i < COUNT(size_units); i++)
    if (strcasecmp(text, size_units[i].name) == 0)
      return scale(whole, fraction, size_units[i].factor, bytes);
  return false;
}

enum hdx_status cli_value_size(const char *text, uint64_t min, uint64_t max, uint64_t *bytes, struct hdx_error *error) {
  uint64_t value;
  char low[CLI_VALUE_TEXT_MAX], high[CLI_VALUE_TEXT_MAX];
  if (!read_size(text, &value))
    return cli_fail(error, HDX_USAGE, "expected a size such as 8M, 512KiB or 100MB, found '%s'", text);
  if (rounded_away(text, value))
    return cli_fail(error, HDX_USAGE, "expected a size of a byte at the least, or 0, found '%s'", text);
  if (value < min || value > max)
    return cli_fail(error, HDX_USAGE, "expected a size from %s to %s, found '%s'", cli_value_size_text(min, low),
                    cli_value_size_text(max, high), text);
  *bytes = value;
  return HDX_OK;
}

static const struct unit *duration_unit(const char *text, size_t size) {
  for (size_t i = 0; i < COUNT(duration_units); i++)
    if (strlen(duration_units[i].name) == size && strncasecmp(text, duration_units[i].name, size) == 0)
      return &duration_units[i];
  return NULL;
}

static bool read_duration(const char *text, uint64_t *ms) {
  uint64_t sum = 0, factor = UINT64_MAX;
  do {
    uint64_t whole, fraction, part;
    if (!read_decimal(&text, &whole, &fraction))
      return false;
    size_t size = strcspn(text, "0123456789.");
    /* A number alone is seconds, as other transfer tools have it. */
    const struct unit *unit = size == 0 && factor == UINT64_MAX ? &duration_units[3] : duration_unit(text, size);
    if (!unit || unit->factor >= factor || !scale(whole, fraction, unit->factor, &part) || !add(&sum, part))
      return false;
    factor = unit->factor;
    text += size;
  } while (*text);
  *ms = sum;
  return true;
}

enum hdx_status cli_value_duration(const char *text, uint64_t min_ms, uint64_t max_ms, uint64_t *ms,
                                   struct hdx_error *error) {
  uint64_t value;
  char low[CLI_VALUE_TEXT_MAX], high[CLI_VALUE_TEXT_MAX];
  if (!read_duration(text, &value))
    return cli_fail(error, HDX_USAGE, "expected a duration such as 500ms, 30s, 5m or 2h, found '%s'", text);
  if (rounded_away(text, value))
    return cli_fail(error, HDX_USAGE, "expected a duration of a millisecond at the least, or 0, found '%s'", text);
  if (value < min_ms || value > max_ms)
    return cli_fail(error, HDX_USAGE, "expected a duration from %s to %s, found '%s'",
                    cli_value_duration_text(min_ms, low), cli_value_duration_text(max_ms, high), text);
  *ms = value;
  return HDX_OK;
}

static bool blank(char c) {
  return c == ' ' || c == '\t';
}

enum hdx_status cli_value_where(const char *text, size_t *column, enum hdx_operator *operation, const char **value,
                                struct hdx_error *error) {
  static const struct {
    const char *text;
    enum hdx_operator operation;
  } operators[] = {{"!=", HDX_NOT_EQUAL}, {"<=", HDX_LESS_OR_EQUAL}, {">=", HDX_GREATER_OR_EQUAL},
                   {"=", HDX_EQUAL},      {"<", HDX_LESS},           {">", HDX_GREATER}};
  size_t at = strcspn(text, "=!<>"), size = strspn(text + at, "=!<>"), name = at;
  const char *right = text + at;
  while (name > 0 && blank(text[name - 1]))
    name--;
  for (size_t i = 0; name > 0 && i < COUNT(operators); i++) {
    size_t length = strlen(operators[i].text);
    if (strncmp(right, operators[i].text, length) != 0)
      continue;
    if (size > length)
      break;
    for (right += length; blank(*right);)
      right++;
    *column = name;
    *operation = operators[i].operation;
    *value = right;
    return HDX_OK;
  }
  if (name > 0 && size > 0)
    return cli_fail(error, HDX_USAGE, "there is no operator %.*s: there are =, !=, <, <=, > and >=; found '%s'",
                    (int)size, text + at, text);
  return cli_fail(error, HDX_USAGE, "expected COLUMN=VALUE (or with !=, <, <=, > or >=), found '%s'", text);
}

enum hdx_status cli_value_bool(const char *text, bool *value, struct hdx_error *error) {
  static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
  for (size_t i = 0; i < COUNT(words); i++)
    if (strcasecmp(text, words[i]) == 0) {
      *value = i % 2;
      return HDX_OK;
    }
  return cli_fail(error, HDX_USAGE, "expected yes or no, found '%s'", text);
}

static const char *exact(uint64_t value, const struct unit *units, size_t count, char out[CLI_VALUE_TEXT_MAX]) {
  for (size_t i = 0; i < count; i++)
    if (value != 0 && value % units[i].factor == 0) {
      snprintf(out, CLI_VALUE_TEXT_MAX, "%" PRIu64 "%s", value / units[i].factor, units[i].name);
      return out;
    }
  snprintf(out, CLI_VALUE_TEXT_MAX, "%" PRIu64, value);
  return out;
}

const char *cli_value_size_text(uint64_t bytes, char out[CLI_VALUE_TEXT_MAX]) {
  return exact(bytes, size_units, 4, out);
}

const char *cli_value_duration_text(uint64_t ms, char out[CLI_VALUE_TEXT_MAX]) {
  return exact(ms, duration_units, COUNT(duration_units), out);
}
