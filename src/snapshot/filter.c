#include "snapshot/filter.h"

static struct hdx_text base_name(struct hdx_text key) {
  size_t from = key.size;
  while (from > 0 && key.data[from - 1] != '/')
    from--;
  return hdx_text_sub(key, from, key.size);
}

static bool any_matches(const struct hdx_text *patterns, size_t count, struct hdx_text key) {
  for (size_t i = 0; i < count; i++) {
    bool whole = patterns[i].size && memchr(patterns[i].data, '/', patterns[i].size);
    if (hdx_text_glob(patterns[i], whole ? key : base_name(key)))
      return true;
  }
  return false;
}

bool hdx_filter_key(const struct hdx_filter *filter, struct hdx_text key) {
  if (filter->key_count && !any_matches(filter->keys, filter->key_count, key))
    return false;
  return !any_matches(filter->key_excludes, filter->key_exclude_count, key);
}

/* ---- numbers ---- */

/* A decimal number as its digits, without zeros that say nothing: exact whatever its length. */
struct decimal {
  bool negative;
  struct hdx_text whole, fraction;
};

static size_t digits(struct hdx_text text, size_t from) {
  size_t to = from;
  while (to < text.size && text.data[to] >= '0' && text.data[to] <= '9')
    to++;
  return to;
}

/* [+-] digits [. digits] or [+-] . digits, and nothing else. */
static bool read_decimal(struct hdx_text text, struct decimal *number) {
  size_t from = text.size && (text.data[0] == '-' || text.data[0] == '+');
  size_t point = digits(text, from), end = point;
  if (point < text.size && text.data[point] == '.')
    end = digits(text, point + 1);
  size_t fraction = point < end ? point + 1 : end, last = end;
  if (end != text.size || (point == from && fraction == end))
    return false;
  bool negative = text.data[0] == '-';
  while (from < point && text.data[from] == '0')
    from++;
  while (last > fraction && text.data[last - 1] == '0')
    last--;
  number->whole = hdx_text_sub(text, from, point);
  number->fraction = hdx_text_sub(text, fraction, last);
  number->negative = negative && (number->whole.size || number->fraction.size); /* no zero is less than another */
  return true;
}

static int compare_decimals(const struct decimal *a, const struct decimal *b) {
  if (a->negative != b->negative)
    return a->negative ? -1 : 1;
  int order = (a->whole.size > b->whole.size) - (a->whole.size < b->whole.size);
  order = order ? order : hdx_text_compare(a->whole, b->whole);
  order = order ? order : hdx_text_compare(a->fraction, b->fraction);
  return a->negative ? -order : order;
}

static int compare(struct hdx_text a, struct hdx_text b) {
  struct decimal x, y;
  return read_decimal(a, &x) && read_decimal(b, &y) ? compare_decimals(&x, &y) : hdx_text_compare(a, b);
}

bool hdx_condition_holds(const struct hdx_condition *condition, struct hdx_text value) {
  bool stated = value.size > 0;
  switch (condition->operation) {
  case HDX_EQUAL:
    return compare(value, condition->value) == 0;
  case HDX_NOT_EQUAL:
    return compare(value, condition->value) != 0;
  case HDX_LESS:
    return stated && compare(value, condition->value) < 0;
  case HDX_LESS_OR_EQUAL:
    return stated && compare(value, condition->value) <= 0;
  case HDX_GREATER:
    return stated && compare(value, condition->value) > 0;
  case HDX_GREATER_OR_EQUAL:
    break;
  }
  return stated && compare(value, condition->value) >= 0;
}
