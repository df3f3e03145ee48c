#include "transfer/block.h"

#include <stdlib.h>

enum { BLOCKS_MIN = 8 };

void hdx_block_pool_init(struct hdx_block_pool *pool, size_t max) {
  *pool = (struct hdx_block_pool){0};
  hdx_block_pool_resize(pool, max);
}

/* Lowers max to what is wanted, as far as that leaves a quarter to those that must not wait, and frees blocks that are
 * not in use, as long as there are more than there should be. */
static void shrink(struct hdx_block_pool *pool) {
  size_t least = pool->ahead + (pool->ahead + 2) / 3;
  least = least > pool->wanted ? least : pool->wanted;
  pool->max = least < pool->max ? least : pool->max;
  while (pool->free && pool->made > pool->max) {
    struct hdx_block *next = pool->free->next;
    free(pool->free);
    pool->free = next;
    pool->made--;
  }
}

void hdx_block_pool_resize(struct hdx_block_pool *pool, size_t max) {
  pool->wanted = max < BLOCKS_MIN ? BLOCKS_MIN : max;
  pool->max = pool->wanted > pool->max ? pool->wanted : pool->max;
  shrink(pool);
}

void hdx_block_pool_deinit(struct hdx_block_pool *pool) {
  while (pool->free) {
    struct hdx_block *next = pool->free->next;
    free(pool->free);
    pool->free = next;
  }
}

bool hdx_block_reserve(struct hdx_block_pool *pool, size_t count) {
  size_t spoken_for = pool->used + pool->reserved;
  if (count > pool->max || spoken_for + count > pool->max - pool->max / 4)
    return false;
  pool->reserved += count;
  pool->ahead += count;
  return true;
}

void hdx_block_unreserve(struct hdx_block_pool *pool, size_t ahead, size_t reserved) {
  pool->reserved -= reserved;
  pool->ahead -= ahead;
  shrink(pool);
}

struct hdx_block *hdx_block_take(struct hdx_block_pool *pool, bool reserved) {
  if (reserved)
    pool->reserved--;
  else if (pool->used + pool->reserved >= pool->max)
    return NULL;
  struct hdx_block *block = pool->free;
  if (block) {
    pool->free = block->next;
  } else {
    block = malloc(sizeof *block);
    if (!block) {
      pool->reserved += reserved;
      return NULL;
    }
    pool->made++;
  }
  pool->used++;
  block->next = NULL;
  block->size = 0;
  return block;
}

void hdx_block_put(struct hdx_block_pool *pool, struct hdx_block *block) {
  block->next = pool->free;
  pool->free = block;
  pool->used--;
  shrink(pool);
}
