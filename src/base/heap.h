/* A binary heap of indices, the least of them (as `before` has it) first. The caller owns the array, which has room for
 * all that is pushed. A `before` that is known where it is called is compiled into the loops.
 *
 * Source: J. W. J. Williams, Algorithm 232, Heapsort, Communications of the ACM 7 (6), 1964. */
#ifndef HDX_BASE_HEAP_H
#define HDX_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a's element comes before b's. Never true both ways round. */
typedef bool hdx_heap_before(const void *context, size_t a, size_t b);

static inline void hdx_heap_push(size_t *heap, size_t *count, size_t index, hdx_heap_before *before,
                                 const void *context) {
  size_t at = (*count)++;
  for (; at > 0 && before(context, index, heap[(at - 1) / 2]); at = (at - 1) / 2)
    heap[at] = heap[(at - 1) / 2];
  heap[at] = index;
}

/* Puts the first one where it belongs after its element has changed. Nothing to do in an empty heap. */
static inline void hdx_heap_settle(size_t *heap, size_t count, hdx_heap_before *before, const void *context) {
  size_t at = 0, index = count ? heap[0] : 0;
  for (size_t child; (child = 2 * at + 1) < count; at = child) {
    if (child + 1 < count && before(context, heap[child + 1], heap[child]))
      child++;
    if (!before(context, heap[child], index))
      break;
    heap[at] = heap[child];
  }
  if (count)
    heap[at] = index;
}

/* Takes the first one out. */
static inline size_t hdx_heap_pop(size_t *heap, size_t *count, hdx_heap_before *before, const void *context) {
  size_t first = heap[0];
  heap[0] = heap[--*count];
  hdx_heap_settle(heap, *count, before, context);
  return first;
}

#endif
