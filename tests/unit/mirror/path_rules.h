/* What every path below a destination has to be, and its key as layout.h's words say it; for the tests of layouts and
 * the fuzzer. Written apart from the code. */
#ifndef TESTS_UNIT_MIRROR_PATH_RULES_H
#define TESTS_UNIT_MIRROR_PATH_RULES_H

#include "mirror/layout.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>

/* Whether the component, of which only ASCII characters count, is `name` or (if `begins`) begins with it. */
static inline bool reads_as(struct hdx_text component, const char *name, bool begins) {
  for (size_t i = 0; i < component.size; i++) {
    const unsigned char c = (unsigned char)component.data[i];
    if (c >= 0x80)
      continue;
    if (!*name)
      return begins;
    if (tolower(c) != *name++)
      return false;
  }
  return !*name;
}

/* What is wrong with a component, or NULL. */
static inline const char *component_fault(struct hdx_text component, bool first) {
  if (component.size == 0 || component.size > 255)
    return "its size";
  if (reads_as(component, ".", false) || reads_as(component, "..", false))
    return "it is a dot name";
  if (first && reads_as(component, ".heliodex", true))
    return "it is the folder of the state";
  for (size_t i = 0; i < component.size; i++) {
    const unsigned char c = (unsigned char)component.data[i];
    if (c < 0x20 || c == 0x7f)
      return "a control byte";
    if (c != '%')
      continue;
    const size_t left = component.size - i - 1;
    const char *next = component.data + i + 1;
    const bool escape = left >= 2 && isxdigit((unsigned char)next[0]) && isxdigit((unsigned char)next[1]) &&
                        !islower((unsigned char)next[0]) && !islower((unsigned char)next[1]);
    if (!escape && !(left == 1 && *next == '+'))
      return "a percent sign that is no escape";
  }
  return NULL;
}

static inline const char *path_fault(struct hdx_text path) {
  if (path.size > HDX_PATH_BYTES_MAX)
    return "its size";
  for (size_t from = 0; from <= path.size;) {
    size_t to = from;
    while (to < path.size && path.data[to] != '/')
      to++;
    const char *fault = component_fault(hdx_text_sub(path, from, to), from == 0);
    if (fault)
      return fault;
    if (to == path.size && to - from >= 2 && memcmp(path.data + to - 2, "%+", 2) == 0)
      return "it ends with a piece that goes on";
    from = to + 1;
  }
  return NULL;
}

static inline unsigned digit_of(char c) {
  return (unsigned)(isdigit((unsigned char)c) ? c - '0' : c - 'A' + 10);
}

/* Leaves out "%+/", then decodes: for a path without faults and without "%=". */
static inline void key_of_path(struct hdx_text path, struct hdx_buffer *key) {
  for (size_t i = 0; i < path.size; i++)
    if (path.size - i >= 3 && memcmp(path.data + i, "%+/", 3) == 0) {
      i += 2;
    } else if (path.data[i] == '%') {
      hdx_buffer_append_byte(key, (char)(digit_of(path.data[i + 1]) * 16 + digit_of(path.data[i + 2])));
      i += 2;
    } else {
      hdx_buffer_append_byte(key, path.data[i]);
    }
}

#endif
