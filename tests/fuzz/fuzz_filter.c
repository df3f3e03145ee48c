/* layer: snapshot */
/* Patterns of keys and conditions on columns, against plain forms of the same: a pattern matches what a search over all
 * that its stars may take finds, and of two values exactly one of less, equal and greater holds.
 *
 * The input is a pattern or value, a newline, and the key or other value. */
#include "snapshot/filter.h"

#include <stdlib.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEARCHED_BYTES_MAX = 64, DIGITS_MAX = 15 /* that a double holds exactly */ };

/* Whether the pattern, which has stars and plain bytes alone, matches. */
static bool search(struct hdx_text pattern, struct hdx_text text) {
  bool reached[SEARCHED_BYTES_MAX + 1] = {true}, next[SEARCHED_BYTES_MAX + 1];
  for (size_t p = 0; p < pattern.size; p++) {
    bool star = pattern.data[p] == '*', before = false;
    for (size_t t = 0; t <= text.size; t++) {
      before |= reached[t];
      next[t] = star ? before : t > 0 && reached[t - 1] && text.data[t - 1] == pattern.data[p];
    }
    memcpy(reached, next, sizeof reached);
  }
  return reached[text.size];
}

static bool has_special(struct hdx_text pattern) {
  for (size_t i = 0; i < pattern.size; i++)
    if (pattern.data[i] == '?' || pattern.data[i] == '[' || pattern.data[i] == '\\')
      return true;
  return false;
}

static void check_pattern(struct hdx_text pattern, struct hdx_text key) {
  bool matches = hdx_text_glob(pattern, key);
  if (!has_special(pattern) && pattern.size <= SEARCHED_BYTES_MAX && key.size <= SEARCHED_BYTES_MAX)
    CHECK(matches == search(pattern, key));
  struct hdx_filter filter;
  hdx_filter_init(&filter);
  CHECK(hdx_filter_key(&filter, key));
  filter.keys = &pattern;
  filter.key_count = 1;
  bool kept = hdx_filter_key(&filter, key);
  if (pattern.size && memchr(pattern.data, '/', pattern.size))
    CHECK(kept == matches);
  filter.key_count = 0;
  filter.key_excludes = &pattern;
  filter.key_exclude_count = 1;
  CHECK(hdx_filter_key(&filter, key) == !kept);
  /* With every byte made plain, a pattern matches itself alone. */
  char quoted[2 * SEARCHED_BYTES_MAX];
  size_t size = 0;
  for (size_t i = 0; i < key.size && i < SEARCHED_BYTES_MAX; i++) {
    quoted[size++] = '\\';
    quoted[size++] = key.data[i];
  }
  if (key.size <= SEARCHED_BYTES_MAX)
    CHECK(hdx_text_glob((struct hdx_text){quoted, size}, key) &&
          hdx_text_glob((struct hdx_text){quoted, size}, pattern) == hdx_text_equal(pattern, key));
}

static bool holds(struct hdx_text value, enum hdx_operator operation, struct hdx_text other) {
  const struct hdx_condition condition = {HDX_TEXT("column"), operation, other};
  return hdx_condition_holds(&condition, value);
}

/* A number that a double holds exactly. */
static bool plain_number(struct hdx_text text, double *number) {
  char copy[DIGITS_MAX + 1], *end;
  if (!text.size || text.size > DIGITS_MAX)
    return false;
  for (size_t i = 0; i < text.size; i++)
    if (text.data[i] < '0' || text.data[i] > '9')
      return false;
  memcpy(copy, text.data, text.size);
  copy[text.size] = 0;
  *number = strtod(copy, &end);
  return true;
}

static void check_condition(struct hdx_text value, struct hdx_text other) {
  bool less = holds(value, HDX_LESS, other), equal = holds(value, HDX_EQUAL, other);
  bool greater = holds(value, HDX_GREATER, other);
  double a, b;
  CHECK(holds(value, HDX_NOT_EQUAL, other) == !equal && less + equal + greater == (value.size || equal));
  CHECK(holds(value, HDX_LESS_OR_EQUAL, other) == (value.size && !greater));
  CHECK(holds(value, HDX_GREATER_OR_EQUAL, other) == (value.size && !less));
  if (value.size && other.size)
    CHECK(less == holds(other, HDX_GREATER, value) && equal == holds(other, HDX_EQUAL, value));
  if (plain_number(value, &a) && plain_number(other, &b))
    CHECK(less == (a < b) && greater == (a > b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
  if (!newline)
    return 0;
  struct hdx_text first = {(const char *)data, (size_t)(newline - data)};
  struct hdx_text second = {(const char *)newline + 1, size - first.size - 1};
  check_pattern(first, second);
  check_condition(first, second);
  check_condition(second, first);
  return 0;
}
