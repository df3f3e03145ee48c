#include "cli/text.h"

#include "cli/bytes.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#define DISTANCE_BYTES_MAX 64

size_t cli_utf8_decode(const char *data, size_t size, uint32_t *point) {
  const unsigned char *s = (const unsigned char *)data;
  if (s[0] < 0x80) {
    *point = s[0];
    return 1;
  }
  size_t length = s[0] >= 0xc2 && s[0] < 0xe0   ? 2
                  : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
                  : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                                : 0;
  if (length == 0 || length > size)
    return 0;
  uint32_t value = s[0] & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; i++) {
    if ((s[i] & 0xc0) != 0x80)
      return 0;
    value = value << 6 | (s[i] & 0x3f);
  }
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
    return 0;
  *point = value;
  return length;
}

struct hdx_text cli_location(struct hdx_text location) {
  bool web = location.size > 4 && strncasecmp(location.data, "http", 4) == 0;
  const char *query = web ? memchr(location.data, '?', location.size) : NULL;
  if (query)
    location.size = (size_t)(query - location.data) + 1;
  return location;
}

/* Line and paragraph separators and what reverses or hides text are as good as control characters on a terminal. The
 * joiners U+200C and U+200D stay: scripts need them. */
bool cli_steers(uint32_t point) {
  static const struct {
    uint32_t first, last;
  } ranges[] = {{0, 0x1f},        {0x7f, 0x9f},       {0xad, 0xad},      {0x61c, 0x61c},   {0x180e, 0x180e},
                {0x200b, 0x200b}, {0x200e, 0x200f},   {0x2028, 0x202e},  {0x2060, 0x206f}, {0xfeff, 0xfeff},
                {0xfff9, 0xfffb}, {0x1d173, 0x1d17a}, {0xe0000, 0xe007f}};
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges && point >= ranges[i].first; i++)
    if (point <= ranges[i].last)
      return true;
  return false;
}

size_t cli_visible(struct hdx_text text, char *out, size_t capacity, size_t *columns) {
  size_t size = 0, width = 0;
  for (size_t i = 0; i < text.size;) {
    size_t plain = cli_bytes_plain_json(text, i);
    if (plain > 0 && plain <= capacity - size) {
      memcpy(out + size, text.data + i, plain);
      size += plain;
      width += plain;
      i += plain;
      continue;
    }
    uint32_t point = 0;
    size_t length = cli_utf8_decode(text.data + i, text.size - i, &point);
    char shown[5 * 4];
    size_t shown_size = 0, shown_width = 1;
    if (length != 0 && !cli_steers(point)) {
      memcpy(shown, text.data + i, length);
      shown_size = length;
    } else if (point == '\n' || point == '\t' || point == '\r') {
      shown[0] = '\\';
      shown[1] = point == '\n' ? 'n' : point == '\t' ? 't' : 'r';
      shown_size = shown_width = 2;
    } else {
      for (size_t k = 0; k < (length ? length : 1); k++)
        shown_size += (size_t)snprintf(shown + shown_size, sizeof shown - shown_size, "\\x%02x",
                                       (unsigned)(unsigned char)text.data[i + k]);
      shown_width = shown_size;
    }
    if (shown_size > capacity - size)
      break;
    memcpy(out + size, shown, shown_size);
    size += shown_size;
    width += shown_width;
    i += length ? length : 1;
  }
  if (columns)
    *columns = width;
  return size;
}

const char *cli_human_count(uint64_t count, char out[CLI_HUMAN_MAX]) {
  char digits[24];
  int n = snprintf(digits, sizeof digits, "%" PRIu64, count);
  char *p = out;
  for (int i = 0; i < n; i++) {
    if (i > 0 && (n - i) % 3 == 0)
      *p++ = ',';
    *p++ = digits[i];
  }
  *p = 0;
  return out;
}

const char *cli_human_bytes(uint64_t bytes, char out[CLI_HUMAN_MAX]) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = (double)bytes;
  size_t unit = 0;
  /* 1023.95 and more would be printed as 1024.0 */
  while (value >= (unit == 0 ? 1024 : 1023.95) && unit + 1 < sizeof units / sizeof *units) {
    value /= 1024;
    unit++;
  }
  snprintf(out, CLI_HUMAN_MAX, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return out;
}

const char *cli_human_span(uint64_t ns, char out[CLI_HUMAN_MAX]) {
  uint64_t ms = ns / 1000000, s = ms / 1000;
  if (ms < 1000)
    snprintf(out, CLI_HUMAN_MAX, "%" PRIu64 " ms", ms);
  else if (s < 60)
    snprintf(out, CLI_HUMAN_MAX, "%" PRIu64 ".%" PRIu64 " s", s, ms % 1000 / 100);
  else if (s < 3600)
    snprintf(out, CLI_HUMAN_MAX, "%" PRIu64 ":%02" PRIu64, s / 60, s % 60);
  else
    snprintf(out, CLI_HUMAN_MAX, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 3600, s / 60 % 60, s % 60);
  return out;
}

static unsigned least(unsigned a, unsigned b) {
  return a < b ? a : b;
}

unsigned cli_distance(const char *a, const char *b) {
  size_t n = strlen(a), m = strlen(b);
  if (n > DISTANCE_BYTES_MAX || m > DISTANCE_BYTES_MAX)
    return UINT32_MAX;
  unsigned rows[3][DISTANCE_BYTES_MAX + 1];
  for (size_t j = 0; j <= m; j++)
    rows[0][j] = (unsigned)j;
  for (size_t i = 1; i <= n; i++) {
    unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
    now[0] = (unsigned)i;
    for (size_t j = 1; j <= m; j++) {
      int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
      now[j] = least(least(before[j], now[j - 1]) + 1, before[j - 1] + (x != y));
      if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) && y == tolower((unsigned char)a[i - 2]))
        now[j] = least(now[j], earlier[j - 2] + 1);
    }
  }
  return rows[n % 3][m];
}

bool cli_similar(const char *typed, const char *candidate, unsigned *distance) {
  size_t size = strlen(typed);
  *distance = cli_distance(typed, candidate);
  /* What was cut short is meant by its beginning, whatever is missing behind it. */
  if (size >= 2 && strncmp(typed, candidate, size) == 0)
    *distance = 1;
  return *distance <= (size < 3 ? 1 : size < 6 ? 2 : 3) && *distance < size;
}

void cli_add_count(char *text, size_t capacity, uint64_t count, const char *what) {
  char human[CLI_HUMAN_MAX];
  size_t size = strlen(text);
  if (count > 0)
    snprintf(text + size, capacity - size, "%s%s %s", size ? ", " : "", cli_human_count(count, human), what);
}
