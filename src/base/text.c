#include "base/text.h"

#include <assert.h>
#include <stdlib.h>

static unsigned char lower(char c) {
  return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool hdx_text_equal_nocase(struct hdx_text a, struct hdx_text b) {
  if (a.size != b.size)
    return false;
  for (size_t i = 0; i < a.size; i++)
    if (lower(a.data[i]) != lower(b.data[i]))
      return false;
  return true;
}

size_t hdx_text_count_nocase(struct hdx_text text, struct hdx_text part) {
  size_t count = 0;
  for (size_t at = 0; part.size && at + part.size <= text.size;) {
    bool here = hdx_text_equal_nocase(hdx_text_sub(text, at, at + part.size), part);
    count += here;
    at += here ? part.size : 1;
  }
  return count;
}

static bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct hdx_text hdx_text_trim(struct hdx_text text) {
  while (text.size && blank(text.data[0]))
    text = hdx_text_sub(text, 1, text.size);
  while (text.size && blank(text.data[text.size - 1]))
    text.size--;
  return text;
}

bool hdx_text_to_u64(struct hdx_text text, uint64_t max, uint64_t *value) {
  uint64_t sum = 0;
  if (text.size == 0)
    return false;
  for (size_t i = 0; i < text.size; i++) {
    unsigned digit = (unsigned)(text.data[i] - '0');
    if (digit > 9 || sum > (max - digit) / 10 || digit > max)
      return false;
    sum = sum * 10 + digit;
  }
  *value = sum;
  return true;
}

const char *hdx_text_show(struct hdx_text text, char *out, size_t size) {
  static const char digits[] = "0123456789ABCDEF";
  size_t n = 0;
  assert(size > 0);
  for (size_t i = 0; i < text.size; i++) {
    unsigned char c = (unsigned char)text.data[i];
    bool control = c < 0x20 || c == 0x7f;
    if (size - n <= (control ? 3 : 1))
      break;
    out[n++] = control ? '%' : (char)c;
    if (control) {
      out[n++] = digits[c >> 4];
      out[n++] = digits[c & 15];
    }
  }
  out[n] = 0;
  return out;
}

size_t hdx_text_utf8(struct hdx_text text, size_t at) {
  const unsigned char *s = (const unsigned char *)text.data + at;
  if (at >= text.size)
    return 0;
  size_t size = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
  if (size > text.size - at)
    return 0;
  /* Overlong forms, surrogates and what is beyond U+10FFFF differ in the second byte. */
  unsigned char low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
  unsigned char high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
  for (size_t i = 1; i < size; i++, low = 0x80, high = 0xbf)
    if (s[i] < low || s[i] > high)
      return 0;
  return size;
}

char *hdx_text_dup(struct hdx_text text) {
  char *copy = malloc(text.size + 1);
  if (copy) {
    if (text.size)
      memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
  }
  return copy;
}

/* The character at *at, which moves behind it: UTF-8, or a byte that is none, which equals no character. */
static uint32_t next_character(struct hdx_text text, size_t *at) {
  enum { NO_CHARACTER = 0x110000 };
  unsigned char lead = (unsigned char)text.data[*at];
  size_t size = lead >= 0xf0 && lead < 0xf5 ? 4 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xc2 && lead < 0xe0 ? 2 : 1;
  uint32_t character = size == 1 ? lead : lead & (0x7fu >> size);
  bool whole = size <= text.size - *at && (lead < 0x80 || size > 1);
  for (size_t i = 1; whole && i < size; i++) {
    whole = ((unsigned char)text.data[*at + i] & 0xc0) == 0x80;
    character = character << 6 | ((unsigned char)text.data[*at + i] & 0x3fu);
  }
  *at += whole ? size : 1;
  return whole ? character : (uint32_t)NO_CHARACTER + lead;
}

/* Matches one character class at pattern[*p] == '['; moves *p behind it. A class without its ] is a literal [. */
static bool glob_class(struct hdx_text pattern, size_t *p, uint32_t c) {
  size_t i = *p + 1;
  bool negate = i < pattern.size && (pattern.data[i] == '!' || pattern.data[i] == '^');
  bool match = false;
  i += negate;
  bool closed = i + 1 < pattern.size && memchr(pattern.data + i + 1, ']', pattern.size - i - 1);
  for (size_t first = i; closed && i < pattern.size;) {
    if (pattern.data[i] == ']' && i > first) {
      *p = i + 1;
      return match != negate;
    }
    uint32_t low = next_character(pattern, &i), high = low;
    if (i + 1 < pattern.size && pattern.data[i] == '-' && pattern.data[i + 1] != ']') {
      i++;
      high = next_character(pattern, &i);
    }
    match |= low <= c && c <= high;
  }
  *p += 1;
  return c == '[';
}

static bool glob_one(struct hdx_text pattern, size_t *p, struct hdx_text text, size_t *t) {
  char want = pattern.data[*p];
  if (want == '?') {
    *p += 1;
    next_character(text, t);
    return true;
  }
  if (want == '[')
    return glob_class(pattern, p, next_character(text, t));
  if (want == '\\' && *p + 1 < pattern.size)
    want = pattern.data[++*p];
  *p += 1;
  *t += 1;
  return want == text.data[*t - 1];
}

bool hdx_text_glob(struct hdx_text pattern, struct hdx_text text) {
  /* On a mismatch it is enough to go back to the last star: an earlier one need not take more than it did. */
  size_t p = 0, t = 0, star = SIZE_MAX, star_text = 0;
  while (t < text.size) {
    if (p < pattern.size && pattern.data[p] == '*') {
      star = ++p;
      star_text = t;
      continue;
    }
    size_t next = p, behind = t;
    if (p < pattern.size && glob_one(pattern, &next, text, &behind)) {
      p = next;
      t = behind;
    } else if (star != SIZE_MAX) {
      p = star;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size && pattern.data[p] == '*')
    p++;
  return p == pattern.size;
}

unsigned hdx_text_distance(struct hdx_text a, struct hdx_text b) {
  enum { LENGTH_MAX = 64 };
  unsigned rows[3][LENGTH_MAX + 1];
  if (a.size > LENGTH_MAX || b.size > LENGTH_MAX)
    return LENGTH_MAX;
  unsigned *before = rows[0], *above = rows[1], *row = rows[2];
  for (size_t j = 0; j <= b.size; j++)
    above[j] = (unsigned)j;
  for (size_t i = 1; i <= a.size; i++) {
    row[0] = (unsigned)i;
    for (size_t j = 1; j <= b.size; j++) {
      bool same = lower(a.data[i - 1]) == lower(b.data[j - 1]);
      unsigned best = above[j - 1] + !same;
      best = above[j] + 1 < best ? above[j] + 1 : best;
      best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
      if (i > 1 && j > 1 && lower(a.data[i - 1]) == lower(b.data[j - 2]) &&
          lower(a.data[i - 2]) == lower(b.data[j - 1]))
        best = before[j - 2] + 1 < best ? before[j - 2] + 1 : best;
      row[j] = best;
    }
    unsigned *oldest = before;
    before = above;
    above = row;
    row = oldest;
  }
  return above[b.size];
}
