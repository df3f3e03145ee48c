/* What tests of the engine let it deliver to: keeps the bytes, counts how often each came, notes what was told. */
#ifndef HDX_TEST_SINK_H
#define HDX_TEST_SINK_H

#include "transfer/fetch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SINK_BYTES_MAX = 32 << 20 };

struct sink {
  struct hdx_engine *engine;
  char *bytes;
  uint8_t *times; /* that each byte has come since the last begin */
  size_t size;    /* the end of the last of them */
  uint64_t next;  /* behind the last block: where the next begins, of those in order */
  unsigned begun, done, blocks;
  bool out_of_order, begun_late; /* a block came before begin */
  struct hdx_fetch_head head;    /* of the last begin; its texts are the next three */
  char etag[256], last_modified[64], checksums[HDX_CHECK_COUNT][64];
  enum hdx_status status;
  long http_status;
  uint64_t told_bytes;
  unsigned attempts;
  char message[HDX_ERROR_TEXT_MAX];
  void (*on_block)(struct sink *sink, const struct hdx_block *block); /* or NULL */
};

static inline struct sink *sink_new(struct hdx_engine *engine, size_t room) {
  struct sink *sink = calloc(1, sizeof *sink);
  assert_non_null(sink);
  sink->engine = engine;
  sink->bytes = calloc(1, room ? room : 1);
  sink->times = calloc(1, room ? room : 1);
  sink->size = room;
  assert_true(sink->bytes && sink->times);
  return sink;
}

static inline void sink_free(struct sink *sink) {
  free(sink->bytes);
  free(sink->times);
  free(sink);
}

static inline void sink_begin(void *user, const struct hdx_fetch_head *head) {
  struct sink *sink = user;
  sink->begun++;
  sink->head = *head;
  snprintf(sink->etag, sizeof sink->etag, "%s", head->etag);
  snprintf(sink->last_modified, sizeof sink->last_modified, "%s", head->last_modified);
  for (size_t i = 0; i < HDX_CHECK_COUNT; i++)
    snprintf(sink->checksums[i], sizeof sink->checksums[i], "%s", head->checksums[i]);
  sink->next = 0;
  memset(sink->times, 0, sink->size);
}

static inline void sink_block(void *user, struct hdx_block *block) {
  struct sink *sink = user;
  sink->begun_late |= !sink->begun;
  sink->out_of_order |= block->offset != sink->next;
  sink->next = block->offset + block->size;
  assert_true(block->size > 0 && sink->next <= sink->size);
  memcpy(sink->bytes + block->offset, block->data, block->size);
  for (size_t i = 0; i < block->size; i++)
    sink->times[block->offset + i]++;
  sink->blocks++;
  if (sink->on_block)
    sink->on_block(sink, block);
  hdx_engine_release(sink->engine, block);
}

static inline void sink_done(void *user, const struct hdx_fetch_result *result) {
  struct sink *sink = user;
  sink->done++;
  sink->status = result->status;
  sink->http_status = result->http_status;
  sink->told_bytes = result->bytes;
  sink->attempts = result->attempts;
  snprintf(sink->message, sizeof sink->message, "%s", result->message);
}

/* Asserts that [from, to) came, each byte once, as it is in `body`. */
static inline void sink_has(const struct sink *sink, const char *body, size_t from, size_t to) {
  for (size_t i = from; i < to; i++)
    if (sink->times[i] != 1)
      fail_msg("byte %zu came %u times", i, sink->times[i]);
  assert_memory_equal(sink->bytes + from, body + from, to - from);
}

/* Asserts that nothing of [from, to) came. */
static inline void sink_lacks(const struct sink *sink, size_t from, size_t to) {
  for (size_t i = from; i < to; i++)
    if (sink->times[i] != 0)
      fail_msg("byte %zu came, and was not asked for", i);
}

#endif
