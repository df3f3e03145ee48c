/* Texts of the entries of a list, and which of them an earlier entry has, too. */
#ifndef HDX_CATALOG_PLACES_H
#define HDX_CATALOG_PLACES_H

#include "base/text.h"

struct hdx_place {
  struct hdx_text text; /* empty: none, which equals no other */
  size_t at;            /* in the list */
};

struct hdx_places {
  struct hdx_place *sorted;
  size_t *earlier; /* of each entry: the first one with the same text, or itself */
  size_t count, capacity;
  bool any_case;
};

/* false: out of memory; deinit in any case. */
bool hdx_places_init(struct hdx_places *places, size_t capacity);
void hdx_places_deinit(struct hdx_places *places);
/* The next entry's; the view must live as long. */
void hdx_places_add(struct hdx_places *places, struct hdx_text text);
/* To be called once, when all are there. */
void hdx_places_sort(struct hdx_places *places);
/* Whether an earlier entry has the text of entry `i`, too, and the first that does. */
bool hdx_places_earlier(const struct hdx_places *places, size_t i, size_t *earlier);

#endif
