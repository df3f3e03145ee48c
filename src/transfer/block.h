/* The blocks that downloaded bytes lie in: a pool of equal pieces within a fixed budget.
 *
 * A block is filled once, by the transfer that took it, and handed from owner to owner until it is put back. Freed
 * blocks are used again first, while they are warm. Loop thread only. */
#ifndef HDX_TRANSFER_BLOCK_H
#define HDX_TRANSFER_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HDX_BLOCK_BYTES (256u << 10)

struct hdx_block {
  struct hdx_block *next; /* for whoever owns it */
  size_t size;            /* bytes in use */
  uint64_t offset;        /* of the first one in the object */
  char data[HDX_BLOCK_BYTES];
};

struct hdx_block_pool {
  struct hdx_block *free;
  size_t made, used, max;
  size_t wanted;   /* what max is to be: it is more as long as parts that run ahead have too much for that */
  size_t reserved; /* of the unused ones, spoken for by parts that run ahead */
  size_t ahead;    /* those, and what of them has been taken: by parts that wait for others */
};

void hdx_block_pool_init(struct hdx_block_pool *pool, size_t max);
void hdx_block_pool_deinit(struct hdx_block_pool *pool);
/* From now on there are `max` blocks, eight at the least; those in use beyond that are freed when they are put back. As
 * long as parts that run ahead have more than three quarters of so few, there are as many as leave a quarter to those
 * that they wait for. */
void hdx_block_pool_resize(struct hdx_block_pool *pool, size_t max);

/* Speaks for `count` blocks so that a part that runs ahead never waits while it holds some; leaves a quarter of the
 * pool to those that must not wait. False if there are not so many. */
bool hdx_block_reserve(struct hdx_block_pool *pool, size_t count);
/* A part does not run ahead any more, or has ended: of the `ahead` blocks that it spoke for in all, `reserved` have not
 * been taken, and nobody speaks for them now. */
void hdx_block_unreserve(struct hdx_block_pool *pool, size_t ahead, size_t reserved);

/* An empty block, out of the reservation if `reserved` (and then one less is reserved); NULL if none is left, or there
 * is no memory for one: who waits for one to be put back would wait for ever, if none is in use. */
struct hdx_block *hdx_block_take(struct hdx_block_pool *pool, bool reserved);
void hdx_block_put(struct hdx_block_pool *pool, struct hdx_block *block);

#endif
