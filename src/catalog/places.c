#include "catalog/places.h"

#include <assert.h>
#include <stdlib.h>

bool hdx_places_init(struct hdx_places *places, size_t capacity) {
  places->count = 0;
  places->capacity = capacity;
  places->sorted = calloc(capacity + 1, sizeof *places->sorted);
  places->earlier = calloc(capacity + 1, sizeof *places->earlier);
  return places->sorted && places->earlier;
}

void hdx_places_deinit(struct hdx_places *places) {
  free(places->sorted);
  free(places->earlier);
  places->sorted = NULL;
  places->earlier = NULL;
}

void hdx_places_add(struct hdx_places *places, struct hdx_text text) {
  assert(places->count < places->capacity);
  places->earlier[places->count] = places->count;
  places->sorted[places->count] = (struct hdx_place){text, places->count};
  places->count++;
}

static int in_order(const struct hdx_place *a, const struct hdx_place *b) {
  return (a->at > b->at) - (a->at < b->at);
}

static int by_text(const void *a, const void *b) {
  int order = hdx_text_compare(((const struct hdx_place *)a)->text, ((const struct hdx_place *)b)->text);
  return order ? order : in_order(a, b);
}

static char lower(char c) {
  return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static int compare_any_case(struct hdx_text a, struct hdx_text b) {
  if (a.size != b.size)
    return a.size < b.size ? -1 : 1;
  for (size_t i = 0; i < a.size; i++) {
    char x = lower(a.data[i]), y = lower(b.data[i]);
    if (x != y)
      return x < y ? -1 : 1;
  }
  return 0;
}

static int by_text_any_case(const void *a, const void *b) {
  int order = compare_any_case(((const struct hdx_place *)a)->text, ((const struct hdx_place *)b)->text);
  return order ? order : in_order(a, b);
}

void hdx_places_sort(struct hdx_places *places) {
  struct hdx_place *sorted = places->sorted;
  qsort(sorted, places->count, sizeof *sorted, places->any_case ? by_text_any_case : by_text);
  for (size_t i = 1; i < places->count; i++) {
    struct hdx_text a = sorted[i - 1].text, b = sorted[i].text;
    bool same = places->any_case ? compare_any_case(a, b) == 0 : hdx_text_equal(a, b);
    if (b.size && same)
      places->earlier[sorted[i].at] = places->earlier[sorted[i - 1].at];
  }
}

bool hdx_places_earlier(const struct hdx_places *places, size_t i, size_t *earlier) {
  if (i >= places->count || places->earlier[i] == i)
    return false;
  *earlier = places->earlier[i];
  return true;
}
