/* The parts of an object: which bytes they are of, and where their blocks go. */
#include "transfer/engine.h"

#include <stdlib.h>

enum { PARTS_AHEAD = 6 /* of an object whose blocks come in order, the head included */ };

static struct hdx_part *add_part(struct hdx_fetch *fetch, uint64_t from, uint64_t to) {
  struct hdx_part *part = calloc(1, sizeof *part), **at = &fetch->parts;
  if (!part)
    return NULL;
  part->fetch = fetch;
  part->from = from;
  part->to = to;
  part->ready_last = &part->ready;
  hdx_buffer_init(&part->answer, SIZE_MAX);
  hdx_headers_init(&part->headers);
  while (*at)
    at = &(*at)->sibling;
  *at = part;
  return part;
}

void hdx_fetch_enqueue(struct hdx_part *part) {
  struct hdx_host *host = part->fetch->host;
  part->state = HDX_PART_QUEUED;
  hdx_part_list_push(part->fetch->begun ? &host->begun : &host->fresh, part);
  hdx_engine_kick(part->fetch->engine);
}

/* What it spoke for is kept for it no longer. */
static void unreserve(struct hdx_part *part) {
  hdx_block_unreserve(&part->fetch->engine->pool, part->ahead, part->reserved);
  part->ahead = part->reserved = 0;
}

static void free_part(struct hdx_part *part) {
  struct hdx_block_pool *pool = &part->fetch->engine->pool;
  hdx_attempt_end(part);
  hdx_part_list_remove(part);
  while (part->ready) {
    struct hdx_block *next = part->ready->next;
    hdx_block_put(pool, part->ready);
    part->ready = next;
  }
  if (part->block)
    hdx_block_put(pool, part->block);
  unreserve(part);
  hdx_buffer_deinit(&part->answer);
  hdx_headers_deinit(&part->headers);
  free(part);
}

void hdx_fetch_free_parts(struct hdx_fetch *fetch) {
  while (fetch->parts) {
    struct hdx_part *next = fetch->parts->sibling;
    free_part(fetch->parts);
    fetch->parts = next;
  }
}

void hdx_fetch_hand_out(struct hdx_fetch *fetch, struct hdx_block *block) {
  if (fetch->aborted) {
    hdx_block_put(&fetch->engine->pool, block);
    return;
  }
  fetch->bytes += block->size;
  fetch->engine->lent += block->size;
  block->next = NULL;
  fetch->request.block(fetch->request.user, block);
}

bool hdx_part_leads(const struct hdx_part *part) {
  return part->fetch->request.scattered || part == part->fetch->parts;
}

void hdx_fetch_block(struct hdx_part *part) {
  struct hdx_block *block = part->block;
  part->block = NULL;
  if (hdx_part_leads(part)) {
    hdx_fetch_hand_out(part->fetch, block);
  } else {
    *part->ready_last = block;
    part->ready_last = &block->next;
  }
}

void hdx_part_spare(struct hdx_part *part) {
  if (!part->fetch->request.scattered || !part->block)
    return;
  if (part->block->size)
    hdx_fetch_block(part);
  else
    hdx_block_put(&part->fetch->engine->pool, part->block);
  part->block = NULL;
}

/* A part has become the head: hands out what it kept and gives back what it need not reserve any more. */
static void lead(struct hdx_part *part) {
  while (part->ready) {
    struct hdx_block *block = part->ready;
    part->ready = block->next;
    hdx_fetch_hand_out(part->fetch, block);
  }
  part->ready_last = &part->ready;
  unreserve(part);
}

void hdx_part_done(struct hdx_part *part) {
  struct hdx_fetch *fetch = part->fetch;
  if (part->block && part->block->size)
    hdx_fetch_block(part);
  if (fetch->planned < part->to)
    fetch->planned = part->to;
  part->state = HDX_PART_DONE;
  if (fetch->request.scattered) {
    struct hdx_part **at = &fetch->parts;
    while (*at != part)
      at = &(*at)->sibling;
    *at = part->sibling;
    free_part(part);
    return;
  }
  /* Parts behind the head may have finished before it. */
  while (fetch->parts && fetch->parts->state == HDX_PART_DONE) {
    struct hdx_part *next = fetch->parts->sibling;
    free_part(fetch->parts);
    fetch->parts = next;
    if (next)
      lead(next);
  }
}

bool hdx_fetch_in_ranges(const struct hdx_fetch *fetch) {
  return fetch->request.range_count && !fetch->anew;
}

bool hdx_fetch_unranged(const struct hdx_fetch *fetch) {
  const struct hdx_fetch_request *request = &fetch->request;
  return request->size && request->size <= fetch->engine->options.part_bytes && !hdx_fetch_in_ranges(fetch) &&
         (!request->first_bytes || request->first_bytes >= request->size);
}

uint64_t hdx_fetch_end(const struct hdx_fetch *fetch, uint64_t size) {
  uint64_t first = fetch->request.first_bytes;
  if (fetch->request.head)
    return 0;
  return first && first < size ? first : size;
}

bool hdx_fetch_next(struct hdx_fetch *fetch, uint64_t bytes_max, struct hdx_byte_range *next) {
  const struct hdx_byte_range all = {0, hdx_fetch_end(fetch, fetch->size)};
  bool in_ranges = hdx_fetch_in_ranges(fetch);
  const struct hdx_byte_range *ranges = in_ranges ? fetch->request.ranges : &all;
  size_t count = in_ranges ? fetch->request.range_count : 1;
  while (fetch->range < count && fetch->planned >= ranges[fetch->range].to)
    fetch->range++;
  if (fetch->range == count)
    return false;
  const struct hdx_byte_range *range = &ranges[fetch->range];
  next->from = fetch->planned > range->from ? fetch->planned : range->from;
  next->to = range->to - next->from < bytes_max ? range->to : next->from + bytes_max;
  return true;
}

struct hdx_part *hdx_fetch_first_part(struct hdx_fetch *fetch) {
  uint64_t bytes = fetch->engine->options.part_bytes;
  struct hdx_byte_range first = {0, fetch->whole ? UINT64_MAX : hdx_fetch_end(fetch, bytes)};
  if (hdx_fetch_in_ranges(fetch))
    hdx_fetch_next(fetch, bytes, &first);
  return add_part(fetch, first.from, first.to);
}

/* Whether one more part is of use, of an object that has `count`. In order, only so many are worth their memory.
 * Otherwise as many as the host may be asked for at once wait in its queue, of all objects together; but each object
 * has one that carries it on. */
static bool more(const struct hdx_fetch *fetch, unsigned count) {
  if (!fetch->request.scattered)
    return count < PARTS_AHEAD;
  return count == 0 || fetch->host->begun.count < fetch->host->limit;
}

bool hdx_fetch_plan(struct hdx_fetch *fetch) {
  unsigned count = 0;
  struct hdx_byte_range next;
  for (struct hdx_part *part = fetch->parts; part; part = part->sibling)
    count++;
  for (; more(fetch, count) && hdx_fetch_next(fetch, fetch->engine->options.part_bytes, &next); count++) {
    struct hdx_part *part = add_part(fetch, next.from, next.to);
    if (!part)
      return false;
    fetch->planned = part->to;
    hdx_fetch_enqueue(part);
  }
  return true;
}
