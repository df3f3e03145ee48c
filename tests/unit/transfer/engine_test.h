/* What the tests of the engine share: an engine with few blocks, a server with one object, one request and its sink. */
#ifndef HDX_TEST_ENGINE_TEST_H
#define HDX_TEST_ENGINE_TEST_H

#include "transfer/engine.h"
#include "unit/transfer/object_server.h"
#include "unit/transfer/sink.h"

enum { PART = 64 << 10, SECONDS_MAX = 60 };

static struct hdx_engine *engine;
static char *content; /* SINK_BYTES_MAX bytes that look like none of each other */

static struct hdx_engine_options engine_options(void) {
  return (struct hdx_engine_options){.jobs = 64,
                                     .connections_per_host = 64,
                                     .retries = 5,
                                     .part_bytes = PART,
                                     .memory_bytes = 64 << 20,
                                     .retry_ms_max = 60000,
                                     .stall_ms_max = 20000,
                                     .connect_ms_max = 5000,
                                     .sign = HDX_SIGN_NEVER};
}

static void open_engine(const struct hdx_engine_options *options) {
  struct hdx_error error;
  if (hdx_engine_open(options, &engine, &error) != HDX_OK)
    fail_msg("%s", error.message);
}

/* Serves `size` bytes to a new engine. */
static inline void serve(size_t size) {
  struct hdx_engine_options options = engine_options();
  assert_true(server_start(content, size));
  open_engine(&options);
}

static inline void unserve(void) {
  assert_int_equal(engine->pool.used, 0);
  assert_int_equal(engine->pool.reserved, 0);
  assert_int_equal(engine->lent, 0);
  hdx_engine_close(engine);
  server_stop();
}

/* Requests `path` of the server; what `wanted` has besides is kept. */
static inline struct sink *request(const char *path, struct hdx_fetch_request wanted) {
  char url[300];
  struct hdx_error error;
  struct sink *sink = sink_new(engine, server.object.size + PART);
  snprintf(url, sizeof url, "http://127.0.0.1:%u%s", server.port, path);
  wanted.url = url;
  wanted.bytes_max = wanted.bytes_max ? wanted.bytes_max : UINT64_MAX;
  wanted.begin = sink_begin;
  wanted.block = sink_block;
  wanted.done = sink_done;
  wanted.user = sink;
  server_ready();
  if (hdx_fetch(engine, &wanted, &error) != HDX_OK)
    fail_msg("%s", error.message);
  return sink;
}

static inline void finish(const struct sink *sink) {
  while (!sink->done)
    uv_run(hdx_engine_loop(engine), UV_RUN_ONCE);
  assert_int_equal(sink->done, 1);
  assert_false(sink->begun_late);
}

static inline struct sink *fetch(struct hdx_fetch_request wanted) {
  struct sink *sink = request("/object", wanted);
  finish(sink);
  return sink;
}

static inline void assert_ok(const struct sink *sink) {
  if (sink->status != HDX_OK)
    fail_msg("%s", sink->message);
}

/* The lengths of the runs vary, so that bytes at the wrong place are seen. */
static int make_content(void **state) {
  uint64_t random = 88172645463325252;
  (void)state;
  content = malloc(SINK_BYTES_MAX);
  if (!content)
    return -1;
  for (size_t i = 0; i < SINK_BYTES_MAX; i += sizeof random) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    memcpy(content + i, &random, sizeof random);
  }
  alarm(SECONDS_MAX);
  return 0;
}

static int free_content(void **state) {
  (void)state;
  free(content);
  return 0;
}

#endif
