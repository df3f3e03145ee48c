#include "transfer/engine.h"

void hdx_part_list_remove(struct hdx_part *part) {
  struct hdx_part_list *list = part->list;
  if (!list)
    return;
  *(part->prev ? &part->prev->next : &list->first) = part->next;
  *(part->next ? &part->next->prev : &list->last) = part->prev;
  list->count--;
  part->list = NULL;
  part->next = part->prev = NULL;
}

void hdx_part_list_push(struct hdx_part_list *list, struct hdx_part *part) {
  hdx_part_list_remove(part);
  part->list = list;
  part->prev = list->last;
  *(list->last ? &list->last->next : &list->first) = part;
  list->last = part;
  list->count++;
}
