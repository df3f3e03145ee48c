#include "catalog/kept.h"

#include <stdlib.h>

struct hdx_kept_finding {
  struct hdx_kept_finding *before;
  size_t number; /* in the order in which they came */
  struct hdx_finding finding;
};

void hdx_kept_init(struct hdx_kept *kept, size_t bytes_max) {
  *kept = (struct hdx_kept){.count = 0};
  hdx_arena_init(&kept->arena, bytes_max);
}

void hdx_kept_deinit(struct hdx_kept *kept) {
  hdx_arena_deinit(&kept->arena);
  kept->newest = NULL;
  kept->count = 0;
}

void hdx_kept_clear(struct hdx_kept *kept) {
  hdx_arena_clear(&kept->arena);
  kept->newest = NULL;
  kept->count = 0;
}

bool hdx_kept_take(void *user, const struct hdx_finding *finding) {
  struct hdx_kept *kept = user;
  struct hdx_arena *arena = &kept->arena;
  struct hdx_kept_finding *copy = hdx_arena_alloc(arena, sizeof *copy);
  const char *message = copy ? hdx_arena_copy(arena, hdx_text_of(finding->message)).data : NULL;
  struct hdx_text value = message ? hdx_arena_copy(arena, finding->value) : (struct hdx_text){NULL, 0};
  if (!value.data)
    return false;
  *copy = (struct hdx_kept_finding){kept->newest, kept->count++, *finding};
  copy->finding.message = message;
  copy->finding.value = value;
  kept->newest = copy;
  return true;
}

static int by_line(const void *a, const void *b) {
  const struct hdx_kept_finding *x = *(const struct hdx_kept_finding *const *)a;
  const struct hdx_kept_finding *y = *(const struct hdx_kept_finding *const *)b;
  uint64_t line_x = x->finding.line ? x->finding.line : UINT64_MAX;
  uint64_t line_y = y->finding.line ? y->finding.line : UINT64_MAX;
  if (line_x != line_y)
    return line_x < line_y ? -1 : 1;
  return (x->number > y->number) - (x->number < y->number);
}

void hdx_kept_tell(const struct hdx_kept *kept, bool (*take)(void *user, const struct hdx_finding *finding),
                   void *user) {
  const struct hdx_kept_finding **list = calloc(kept->count + 1, sizeof *list);
  size_t i = kept->count;
  for (const struct hdx_kept_finding *k = kept->newest; k; k = k->before)
    if (list)
      list[--i] = k;
    else
      take(user, &k->finding); /* out of memory: the order is the least that is lost */
  if (list)
    qsort(list, kept->count, sizeof *list, by_line);
  for (i = 0; list && i < kept->count; i++)
    take(user, &list[i]->finding);
  free(list);
}
