#include "mirror/path.h"

#include "mirror/layout.h"

/* Bytes that stand for themselves wherever they are. */
static bool plain(char c) {
  return (unsigned char)c >= 0x20 && c != 0x7f && c != '%' && c != '/';
}

static void append_escape(struct hdx_buffer *escaped, char c) {
  static const char digits[] = "0123456789ABCDEF";
  const unsigned char byte = (unsigned char)c;
  const char escape[3] = {'%', digits[byte >> 4], digits[byte & 15]};
  hdx_buffer_append(escaped, escape, sizeof escape);
}

void hdx_path_escape(struct hdx_buffer *escaped, struct hdx_text text, bool divide) {
  for (size_t i = 0, from; i < text.size; i++) {
    for (from = i; i < text.size && plain(text.data[i]);)
      i++;
    hdx_buffer_append(escaped, text.data + from, i - from);
    if (i == text.size)
      return;
    bool divides = divide && text.data[i] == '/' && i > 0 && i + 1 < text.size && text.data[i - 1] != '/';
    if (divides)
      hdx_buffer_append_byte(escaped, '/');
    else
      append_escape(escaped, text.data[i]);
  }
}

bool hdx_path_reserved(struct hdx_text component, bool first) {
  static const struct hdx_text state = {HDX_STATE_FOLDER, sizeof HDX_STATE_FOLDER - 1};
  char start[sizeof HDX_STATE_FOLDER - 1];
  size_t size = 0;
  for (size_t i = 0; i < component.size && size < sizeof start; i++)
    if (!((unsigned char)component.data[i] & 0x80))
      start[size++] = component.data[i];
  struct hdx_text text = {start, size};
  return hdx_text_is(text, ".") || hdx_text_is(text, "..") || (first && hdx_text_equal_nocase(text, state));
}

size_t hdx_path_piece(struct hdx_text component) {
  size_t cut = HDX_NAME_BYTES_MAX - 2, back = 0;
  if (component.data[cut - 1] == '%' || component.data[cut - 2] == '%')
    return component.data[cut - 1] == '%' ? cut - 1 : cut - 2;
  while (back < 3 && ((unsigned char)component.data[cut - back] & 0xc0) == 0x80)
    back++;
  bool character = ((unsigned char)component.data[cut - back] & 0xc0) == 0xc0;
  return character ? cut - back : cut;
}

/* Escapes the first dot of the component that begins at `from`. */
static void escape_dot(struct hdx_buffer *escaped, size_t from) {
  if (!hdx_buffer_reserve(escaped, 2))
    return;
  char *dot = memchr(escaped->data + from, '.', escaped->size - from);
  memmove(dot + 3, dot + 1, (size_t)(escaped->data + escaped->size - dot) - 1);
  memcpy(dot, "%2E", 3);
  escaped->size += 2;
}

struct hdx_text hdx_path_component(const struct hdx_buffer *escaped, size_t from) {
  const struct hdx_text text = hdx_buffer_text(escaped);
  const char *slash = from < text.size ? memchr(text.data + from, '/', text.size - from) : NULL;
  return hdx_text_sub(text, from, slash ? (size_t)(slash - text.data) : text.size);
}

/* Appends the component that begins at `from`; returns where it ends. What is left of it counts as a component of its
 * own: of bytes that do not count, a piece may have so many that it is reserved. */
static size_t append_component(struct hdx_buffer *path, struct hdx_buffer *escaped, size_t from, bool first) {
  for (;; first = false) {
    struct hdx_text component = hdx_path_component(escaped, from);
    if (hdx_path_reserved(component, first)) {
      escape_dot(escaped, from);
      component = hdx_path_component(escaped, from);
    }
    if (component.size <= HDX_NAME_BYTES_MAX) {
      hdx_buffer_append_text(path, component);
      return from + component.size;
    }
    const size_t size = hdx_path_piece(component);
    hdx_buffer_append(path, component.data, size);
    hdx_buffer_append(path, "%+/", 3);
    from += size;
  }
}

void hdx_path_append(struct hdx_buffer *path, struct hdx_buffer *escaped) {
  const size_t begun = path->size;
  for (size_t from = 0; from < escaped->size; from++) {
    const bool first = path->size == begun;
    if (!first && hdx_path_component(escaped, from).size)
      hdx_buffer_append_byte(path, '/');
    from = append_component(path, escaped, from, first);
  }
}

static int upper_hex(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void hdx_path_unescape(struct hdx_text path, struct hdx_buffer *key) {
  bool divided = false; /* the next slash is between two pieces of a component */
  for (size_t i = 0; i < path.size; i++) {
    const char c = path.data[i], next = i + 1 < path.size ? path.data[i + 1] : 0;
    const int high = upper_hex(next), low = i + 2 < path.size ? upper_hex(path.data[i + 2]) : -1;
    if (c == '%' && (next == '+' || next == '=')) {
      divided |= next == '+';
      i++;
    } else if (c == '%' && high >= 0 && low >= 0) {
      hdx_buffer_append_byte(key, (char)(high << 4 | low));
      i += 2;
    } else if (c == '/' && divided) {
      divided = false;
    } else {
      hdx_buffer_append_byte(key, c);
    }
  }
}
