#include "catalog/near.h"

#include <stdio.h>

enum { NAME_BYTES_MAX = 100, CONTAINED_MIN = 2 };

static bool contains(struct hdx_text text, struct hdx_text part) {
  for (size_t i = 0; i + part.size <= text.size; i++)
    if (hdx_text_equal_nocase(hdx_text_sub(text, i, i + part.size), part))
      return true;
  return false;
}

/* The edits, for a name within a third of the length; one more than the most of them for a name that contains what is
 * wanted, so that these come behind; 0: not near. Equal names are not near: they were found. */
static unsigned score(struct hdx_text wanted, struct hdx_text name) {
  size_t limit = wanted.size / 3, apart = name.size > wanted.size ? name.size - wanted.size : wanted.size - name.size;
  if (apart <= limit) {
    unsigned edits = hdx_text_distance(wanted, name);
    if (edits <= limit)
      return edits + 1;
  }
  return wanted.size >= CONTAINED_MIN && contains(name, wanted) ? (unsigned)limit + 2 : 0;
}

void hdx_near_add(struct hdx_near *near, struct hdx_text name) {
  unsigned points = score(near->wanted, name);
  size_t at = near->count;
  if (points == 0)
    return;
  for (size_t i = 0; i < near->count; i++)
    if (hdx_text_equal(near->names[i], name))
      return;
  while (at > 0 && near->scores[at - 1] > points)
    at--;
  if (at == HDX_NEAR_MAX)
    return;
  near->count += near->count < HDX_NEAR_MAX;
  for (size_t i = near->count - 1; i > at; i--) {
    near->names[i] = near->names[i - 1];
    near->scores[i] = near->scores[i - 1];
  }
  near->names[at] = name;
  near->scores[at] = points;
}

const char *hdx_near_text(const struct hdx_near *near, char *out) {
  size_t size = 0;
  out[0] = 0;
  for (size_t i = 0; i < near->count; i++) {
    const char *before = i == 0 ? "; did you mean " : i + 1 < near->count ? ", " : " or ";
    struct hdx_text name = near->names[i];
    int shown = name.size < NAME_BYTES_MAX ? (int)name.size : NAME_BYTES_MAX;
    size += (size_t)snprintf(out + size, HDX_NEAR_TEXT_MAX - size, "%s%.*s%s", before, shown, name.data,
                             i + 1 == near->count ? "?" : "");
  }
  return out;
}
