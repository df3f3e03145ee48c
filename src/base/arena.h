/* Memory that is given out piece by piece and freed all at once. Pieces never move. */
#ifndef HDX_BASE_ARENA_H
#define HDX_BASE_ARENA_H

#include "base/text.h"

struct hdx_arena_chunk;

struct hdx_arena {
  struct hdx_arena_chunk *chunk; /* the newest; older ones behind it */
  size_t used;                   /* of the newest */
  size_t total;                  /* bytes of all chunks */
  size_t max;                    /* hard maximum of total */
};

static inline void hdx_arena_init(struct hdx_arena *arena, size_t max) {
  *arena = (struct hdx_arena){.max = max};
}

void hdx_arena_deinit(struct hdx_arena *arena);

/* Overwrites all that was given out, for pieces that held secrets; it stays given out. */
void hdx_arena_wipe(struct hdx_arena *arena);

/* Frees all pieces, keeps the newest chunk for what comes. */
void hdx_arena_clear(struct hdx_arena *arena);

/* Bytes aligned for any type, not zeroed; NULL if out of memory or over the maximum. */
void *hdx_arena_alloc(struct hdx_arena *arena, size_t size);

/* Bytes without alignment: texts lie back to back. */
char *hdx_arena_bytes(struct hdx_arena *arena, size_t size);

/* A copy that ends with a NUL behind its size; data is NULL on failure. */
struct hdx_text hdx_arena_copy(struct hdx_arena *arena, struct hdx_text text);

#endif
