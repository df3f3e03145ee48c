#include "parse/json_write.h"

bool hdx_json_writable(struct hdx_text text) {
  for (size_t i = 0, size; i < text.size; i += size) {
    size = hdx_text_utf8(text, i);
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
