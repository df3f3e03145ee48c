/* "Did you mean …?": the names that are nearest to one that was not found. */
#ifndef HDX_CATALOG_NEAR_H
#define HDX_CATALOG_NEAR_H

#include "base/text.h"

#define HDX_NEAR_MAX 3
#define HDX_NEAR_TEXT_MAX 400

struct hdx_near {
  struct hdx_text wanted;
  struct hdx_text names[HDX_NEAR_MAX]; /* nearest first */
  unsigned scores[HDX_NEAR_MAX];
  size_t count;
};

static inline void hdx_near_init(struct hdx_near *near, struct hdx_text wanted) {
  *near = (struct hdx_near){.wanted = wanted};
}

/* Offers a name: near is what differs by at most a third of the wanted name's length, or contains it. */
void hdx_near_add(struct hdx_near *near, struct hdx_text name);

/* Writes "; did you mean a, b or c?" to `out` (HDX_NEAR_TEXT_MAX bytes), or nothing where no name is near; returns
 * `out`. */
const char *hdx_near_text(const struct hdx_near *near, char *out);

#endif
