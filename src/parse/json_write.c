#include "parse/json_write.h"

/* The length of the sequence of UTF-8 that the text begins with; 0: none. */
static size_t sequence(struct hdx_text text) {
  const unsigned char *s = (const unsigned char *)text.data;
  static const struct {
    unsigned char first, last, second_min, second_max;
    size_t size;
  } forms[] = {
      /* table 3-7 of the Unicode standard */
      {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
      {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
      {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
  };
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    if (s[0] < forms[i].first || s[0] > forms[i].last)
      continue;
    if (text.size < forms[i].size)
      return 0;
    if (forms[i].size > 1 && (s[1] < forms[i].second_min || s[1] > forms[i].second_max))
      return 0;
    for (size_t k = 2; k < forms[i].size; k++)
      if ((s[k] & 0xc0) != 0x80)
        return 0;
    return forms[i].size;
  }
  return 0;
}

bool hdx_json_writable(struct hdx_text text) {
  for (size_t i = 0, size; i < text.size; i += size) {
    size = sequence(hdx_text_sub(text, i, text.size));
    if (size == 0)
      return false;
  }
  return true;
}

void hdx_json_write_string(struct hdx_buffer *out, struct hdx_text text) {
  size_t from = 0;
  hdx_buffer_append_byte(out, '"');
  for (size_t i = 0; i < text.size; i++) {
    unsigned char c = (unsigned char)text.data[i];
    if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
      continue;
    hdx_buffer_append(out, text.data + from, i - from);
    if (c == '"' || c == '\\')
      hdx_buffer_append(out, (char[]){'\\', (char)c}, 2);
    else
      hdx_buffer_append_format(out, "\\u%04x", c);
    from = i + 1;
  }
  hdx_buffer_append(out, text.data + from, text.size - from);
  hdx_buffer_append_byte(out, '"');
}
