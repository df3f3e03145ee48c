/* Lists of parts: a part is in one list at most. */
#ifndef HDX_TRANSFER_PART_LIST_H
#define HDX_TRANSFER_PART_LIST_H

struct hdx_part;

struct hdx_part_list {
  struct hdx_part *first, *last;
  unsigned count;
};

/* Takes the part out of the list that it is in, if any, and puts it at the end of this one. */
void hdx_part_list_push(struct hdx_part_list *list, struct hdx_part *part);
void hdx_part_list_remove(struct hdx_part *part);

#endif
