#include "base/arena.h"

#include <stdlib.h>

enum { CHUNK_BYTES_MIN = 4096, CHUNK_BYTES_MAX = 1 << 20 };

struct hdx_arena_chunk {
  struct hdx_arena_chunk *older;
  size_t size;
  max_align_t bytes[];
};

void hdx_arena_deinit(struct hdx_arena *arena) {
  while (arena->chunk) {
    struct hdx_arena_chunk *older = arena->chunk->older;
    free(arena->chunk);
    arena->chunk = older;
  }
  arena->used = arena->total = 0;
}

void hdx_arena_wipe(struct hdx_arena *arena) {
  for (struct hdx_arena_chunk *chunk = arena->chunk; chunk; chunk = chunk->older)
    explicit_bzero(chunk->bytes, chunk->size);
}

void hdx_arena_clear(struct hdx_arena *arena) {
  struct hdx_arena_chunk *newest = arena->chunk;
  if (newest) {
    arena->chunk = newest->older;
    hdx_arena_deinit(arena);
    newest->older = NULL;
    arena->chunk = newest;
    arena->total = newest->size;
  }
  arena->used = 0;
}

static char *take(struct hdx_arena *arena, size_t size, size_t align) {
  size_t from = (arena->used + align - 1) & ~(align - 1);
  if (!arena->chunk || from > arena->chunk->size || size > arena->chunk->size - from) {
    /* Chunks double, so that small arenas stay small and large ones make few calls. */
    size_t room = arena->chunk ? arena->chunk->size * 2 : CHUNK_BYTES_MIN;
    room = room > CHUNK_BYTES_MAX ? CHUNK_BYTES_MAX : room;
    room = room < size ? size : room;
    /* The last one takes what is left. */
    size_t left = arena->max - arena->total;
    room = room > left ? left : room;
    if (room < size)
      return NULL;
    struct hdx_arena_chunk *chunk = malloc(sizeof *chunk + room);
    if (!chunk)
      return NULL;
    chunk->older = arena->chunk;
    chunk->size = room;
    arena->chunk = chunk;
    arena->total += room;
    from = 0;
  }
  arena->used = from + size;
  return (char *)arena->chunk->bytes + from;
}

void *hdx_arena_alloc(struct hdx_arena *arena, size_t size) {
  return take(arena, size, _Alignof(max_align_t));
}

char *hdx_arena_bytes(struct hdx_arena *arena, size_t size) {
  return take(arena, size, 1);
}

struct hdx_text hdx_arena_copy(struct hdx_arena *arena, struct hdx_text text) {
  char *copy = text.size < SIZE_MAX ? take(arena, text.size + 1, 1) : NULL;
  if (!copy)
    return (struct hdx_text){NULL, 0};
  if (text.size)
    memcpy(copy, text.data, text.size);
  copy[text.size] = 0;
  return (struct hdx_text){copy, text.size};
}
