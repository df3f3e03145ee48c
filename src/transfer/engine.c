/* The engine's queue and clock: which request begins when. */
#include "transfer/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
  SWEEP_MS = 20,
  AWAY_MS = 200,             /* a loop that stood still for so long was not run: its owner had other things to do */
  FORGIVE_MS = 60000,        /* a host that was given up may be tried again after that */
  RATE_BURST_MS = 250,       /* how much of the rate limit may be saved up */
  REQUEST_BYTES = 512 << 10, /* libcurl's buffer, TLS, what is known of the object */
  OWN_DESCRIPTORS = 18,      /* standard streams, the loop, the store, a destination and its journal, a report */
};

uint64_t hdx_engine_now(void) {
  return uv_hrtime();
}

struct hdx_host *hdx_engine_host(struct hdx_engine *engine, const struct hdx_url *url) {
  char name[HDX_URL_BYTES_MAX + 64];
  int size = snprintf(name, sizeof name, "%s://%.*s%s%.*s", url->scheme == HDX_SCHEME_HTTPS ? "https" : "http",
                      HDX_TEXT_ARG(url->host), url->port.size ? ":" : "", HDX_TEXT_ARG(url->port));
  struct hdx_text text = {name, (size_t)size};
  for (struct hdx_host *host = engine->hosts; host; host = host->next)
    if (hdx_text_is(text, host->name))
      return host;
  unsigned limit = engine->options.connections_per_host;
  struct hdx_host *host = hdx_host_new(text, limit < engine->options.jobs ? limit : engine->options.jobs);
  if (host) {
    host->next = engine->hosts;
    engine->hosts = host;
  }
  return host;
}

bool hdx_engine_rate(struct hdx_engine *engine, size_t size) {
  if (!engine->options.rate_bytes)
    return true;
  if (engine->rate_tokens <= 0)
    return false;
  engine->rate_tokens -= (double)size;
  return true;
}

static void refill_rate(struct hdx_engine *engine, uint64_t now) {
  double rate = (double)engine->options.rate_bytes, burst = rate * RATE_BURST_MS / 1000;
  engine->rate_tokens += rate * (double)(now - engine->rate_ns) / 1e9;
  engine->rate_ns = now;
  if (engine->rate_tokens > burst)
    engine->rate_tokens = burst;
}

/* Parts that run ahead must be sure of their memory before they begin. */
static bool reserve(struct hdx_part *part) {
  if (part == part->fetch->parts)
    return true;
  size_t blocks = (size_t)((part->to - part->from - part->received + HDX_BLOCK_BYTES - 1) / HDX_BLOCK_BYTES);
  if (part->block)
    blocks--;
  size_t count = part->reserved < blocks ? blocks - part->reserved : 0;
  if (count && !hdx_block_reserve(&part->fetch->engine->pool, count))
    return false;
  part->reserved += count;
  part->ahead += count;
  return true;
}

/* The next part of a host that may begin. First those that their objects wait for, and those of scattered objects, so
 * that what has begun is soon finished; then new objects; and only where there is none, parts that run ahead: what they
 * bring lies in memory until its turn comes. */
static struct hdx_part *next_part(struct hdx_engine *engine, struct hdx_host *host) {
  bool room = engine->pool.used + engine->pool.reserved < engine->pool.max - engine->pool.max / 4;
  for (struct hdx_part *part = host->begun.first; part; part = part->next)
    if (part->fetch->request.scattered ? room : part == part->fetch->parts)
      return part;
  if (host->fresh.first)
    return room ? host->fresh.first : NULL;
  for (struct hdx_part *part = host->begun.first; part; part = part->next)
    if (reserve(part))
      return part;
  return NULL;
}

static void fail_dead(struct hdx_host *host) {
  struct hdx_part *part;
  while ((part = host->begun.first) || (part = host->fresh.first)) {
    char text[HDX_ERROR_TEXT_MAX];
    snprintf(text, sizeof text, "%s: not asked, as its host fails: %s", part->fetch->name, host->dead_reason);
    hdx_fetch_complete(part->fetch, host->dead_status, false, 0, text);
  }
}

static void pump_host(struct hdx_engine *engine, struct hdx_host *host, uint64_t now) {
  if (host->dead) {
    fail_dead(host);
    return;
  }
  while (engine->lent <= HDX_LENT_BYTES_MAX / 2 && host->active < host->limit &&
         engine->active.count < engine->options.jobs) {
    struct hdx_part *part = next_part(engine, host);
    struct hdx_error error;
    if (!part || !hdx_host_take(host, now))
      return;
    hdx_part_list_remove(part);
    if (!hdx_bucket_ready(part))
      continue;
    enum hdx_status status = hdx_attempt_start(part, &error);
    if (status != HDX_OK)
      hdx_fetch_complete(part->fetch, status, false, 0, error.message);
  }
}

static void sweep(uv_timer_t *timer);

/* Lets paused transfers go on: no more than there are blocks and bytes for, as each that pauses again costs a copy. One
 * that has a block may have room in it, or hands it out. */
static void resume_paused(struct hdx_engine *engine) {
  const struct hdx_block_pool *pool = &engine->pool;
  size_t taken = pool->used + pool->reserved, room = pool->max > taken ? pool->max - taken : 0;
  if (engine->lent > HDX_LENT_BYTES_MAX / 2)
    return;
  for (struct hdx_part *part = engine->active.first, *next; part && engine->paused_count; part = next) {
    next = part->next;
    if (engine->options.rate_bytes && engine->rate_tokens <= 0)
      return;
    bool provided = part->reserved > 0 || part->block;
    if (!part->paused || (!room && !provided))
      continue;
    room -= !provided;
    hdx_attempt_resume(part);
  }
}

static void cancel_all(struct hdx_engine *engine) {
  while (engine->fetches)
    hdx_fetch_complete(engine->fetches, HDX_INTERRUPTED, false, 0, "interrupted");
}

static void end_aborted(struct hdx_engine *engine) {
  engine->aborted = false;
  for (struct hdx_fetch *fetch = engine->fetches, *next; fetch; fetch = next) {
    next = fetch->next;
    if (fetch->aborted)
      hdx_fetch_complete(fetch, fetch->abort_status, false, 0, "");
  }
}

/* What was under way ends; what follows gets a new handle. */
static void replace_multi(struct hdx_engine *engine) {
  enum hdx_status status = engine->multi_code == CURLM_OUT_OF_MEMORY ? HDX_MEMORY : HDX_INTERNAL;
  struct hdx_part *part;
  while ((part = engine->active.first)) {
    char text[HDX_ERROR_TEXT_MAX];
    snprintf(text, sizeof text, "%s: libcurl: %s", part->fetch->name, engine->curl->multi_strerror(engine->multi_code));
    hdx_fetch_complete(part->fetch, status, false, 0, text);
  }
  hdx_sockets_renew(engine);
}

static void pump(struct hdx_engine *engine) {
  uint64_t now = hdx_engine_now();
  if (engine->multi_code != CURLM_OK)
    replace_multi(engine);
  if (engine->cancelled)
    cancel_all(engine);
  if (engine->aborted)
    end_aborted(engine);
  if (engine->paused_count)
    resume_paused(engine);
  hdx_buckets_pump(engine);
  for (struct hdx_host *host = engine->hosts; host; host = host->next)
    pump_host(engine, host, now);
  hdx_locals_pump(engine);
  if (!engine->fetch_count) {
    uv_timer_stop(&engine->sweep_timer);
  } else if (!uv_is_active((uv_handle_t *)&engine->sweep_timer)) {
    engine->swept_ns = now;
    uv_timer_start(&engine->sweep_timer, sweep, SWEEP_MS, SWEEP_MS);
  }
}

static void on_turn(uv_idle_t *turn) {
  struct hdx_engine *engine = turn->data;
  uv_idle_stop(turn);
  if (engine->curl_due) {
    engine->curl_due = false;
    hdx_sockets_timeout(engine);
  }
  pump(engine);
}

static void on_identity(void *user) {
  hdx_engine_kick(user);
}

/* No server is to be blamed for time in which nobody looked whether bytes had come, or in which they were not wanted as
 * their consumer was slow. */
static void forget_own_delay(struct hdx_engine *engine, uint64_t now) {
  uint64_t elapsed = now - engine->swept_ns, away = elapsed >= AWAY_MS * UINT64_C(1000000) ? elapsed : 0;
  engine->swept_ns = now;
  for (struct hdx_part *part = engine->active.first; part && engine->paused_count; part = part->next)
    if (part->paused && !away && now - part->first_attempt_ns > elapsed)
      part->first_attempt_ns += elapsed;
  for (struct hdx_fetch *fetch = engine->fetches; fetch && away; fetch = fetch->next)
    for (struct hdx_part *part = fetch->parts; part; part = part->sibling)
      if (part->first_attempt_ns) {
        part->first_attempt_ns = now - part->first_attempt_ns > away ? part->first_attempt_ns + away : now;
        part->progress_ns = now - part->progress_ns > away ? part->progress_ns + away : now;
      }
}

static void sweep(uv_timer_t *timer) {
  struct hdx_engine *engine = timer->data;
  uint64_t now = hdx_engine_now();
  forget_own_delay(engine, now);
  if (engine->options.rate_bytes)
    refill_rate(engine, now);
  for (struct hdx_part *part = engine->waiting.first, *next; part; part = next) {
    next = part->next;
    if (part->due_ns <= now) {
      part->state = HDX_PART_QUEUED;
      hdx_part_list_push(&part->fetch->host->begun, part);
    }
  }
  uint64_t stall_ns = engine->options.stall_ms_max * 1000000;
  for (struct hdx_part *part = engine->active.first, *next; part; part = next) {
    next = part->next;
    if (!part->paused && now - part->progress_ns > stall_ns) {
      hdx_fetch_stalled(part);
      next = engine->active.first; /* the fetch may have ended with all its parts */
    }
  }
  pump(engine);
}

void hdx_engine_kick(struct hdx_engine *engine) {
  uv_idle_start(&engine->turn, on_turn);
}

/* Half of the budget holds bytes on their way; the rest is for rows, encoders and libcurl's buffers. */
static size_t blocks_of(uint64_t memory_bytes) {
  return (size_t)(memory_bytes / 2 / HDX_BLOCK_BYTES);
}

void hdx_engine_share_memory(struct hdx_engine *engine, uint64_t memory_bytes) {
  engine->options.memory_bytes = memory_bytes;
  hdx_block_pool_resize(&engine->pool, blocks_of(memory_bytes));
}

void hdx_engine_forgive(struct hdx_engine *engine) {
  uint64_t now = hdx_engine_now();
  for (struct hdx_host *host = engine->hosts; host; host = host->next)
    host->dead = host->dead && now - host->dead_ns < FORGIVE_MS * UINT64_C(1000000);
}

void hdx_engine_cancel(struct hdx_engine *engine) {
  engine->cancelled = true;
  hdx_engine_kick(engine);
}

void hdx_engine_resume(struct hdx_engine *engine) {
  if (engine->cancelled)
    cancel_all(engine);
  engine->cancelled = false;
}

void hdx_engine_release(struct hdx_engine *engine, struct hdx_block *block) {
  engine->lent -= block->size;
  hdx_block_put(&engine->pool, block);
  hdx_engine_kick(engine);
}

uv_loop_t *hdx_engine_loop(struct hdx_engine *engine) {
  return &engine->loop;
}

/* A request under way takes some memory, whatever it fetches. */
static void bound_jobs_by_memory(struct hdx_engine_options *options) {
  uint64_t most = options->memory_bytes > REQUEST_BYTES ? options->memory_bytes / REQUEST_BYTES : 1;
  if (options->jobs <= most)
    return;
  hdx_log_write(options->log, HDX_LOG_INFO, "%llu requests at once in place of %u: more memory would be needed",
                (unsigned long long)most, options->jobs);
  options->jobs = (uint32_t)most;
}

/* Connections may take half of the file descriptors, less what any run has open: the other half is for the files that
 * are written meanwhile, one for each at the most. */
static void bound_jobs(struct hdx_engine_options *options) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return;
  rlim_t most = limit.rlim_cur > OWN_DESCRIPTORS + 2 ? (limit.rlim_cur - OWN_DESCRIPTORS) / 2 : 1;
  if (options->jobs <= most)
    return;
  hdx_log_write(options->log, HDX_LOG_WARNING, "%llu requests at once in place of %u: only %llu files may be open",
                (unsigned long long)most, options->jobs, (unsigned long long)limit.rlim_cur);
  options->jobs = (uint32_t)most;
}

enum hdx_status hdx_engine_open(const struct hdx_engine_options *options, struct hdx_engine **result,
                                struct hdx_error *error) {
  const struct hdx_curl_api *curl;
  enum hdx_status status = hdx_curl_api(&curl, error);
  if (status != HDX_OK)
    return status;
  struct hdx_engine *engine = calloc(1, sizeof *engine);
  if (!engine)
    return hdx_error_memory(error, sizeof *engine);
  engine->curl = curl;
  engine->options = *options;
  bound_jobs_by_memory(&engine->options);
  bound_jobs(&engine->options);
  engine->random_state = uv_hrtime() ^ ((uint64_t)uv_os_getpid() << 32);
  engine->rate_ns = hdx_engine_now();
  status = hdx_loop_open(&engine->loop, error);
  if (status != HDX_OK) {
    free(engine);
    return status;
  }
  uv_timer_init(&engine->loop, &engine->curl_timer);
  uv_timer_init(&engine->loop, &engine->sweep_timer);
  uv_idle_init(&engine->loop, &engine->turn);
  engine->curl_timer.data = engine->sweep_timer.data = engine->turn.data = engine;
  hdx_identity_init(&engine->identity, &engine->loop, &engine->options.credentials, options->log, on_identity, engine);
  hdx_block_pool_init(&engine->pool, blocks_of(options->memory_bytes));
  status = hdx_sockets_open(engine, error);
  if (status != HDX_OK) {
    hdx_engine_close(engine);
    return status;
  }
  *result = engine;
  return HDX_OK;
}

void hdx_engine_close(struct hdx_engine *engine) {
  if (!engine)
    return;
  engine->cancelled = true;
  cancel_all(engine);
  hdx_identity_deinit(&engine->identity);
  for (unsigned i = 0; i < engine->idle_count; i++)
    engine->curl->easy_cleanup(engine->idle[i]);
  hdx_sockets_close(engine);
  uv_close((uv_handle_t *)&engine->curl_timer, NULL);
  uv_close((uv_handle_t *)&engine->turn, NULL);
  uv_close((uv_handle_t *)&engine->sweep_timer, NULL);
  uv_run(&engine->loop, UV_RUN_DEFAULT);
  uv_loop_close(&engine->loop);
  hdx_buckets_free(engine);
  while (engine->hosts) {
    struct hdx_host *next = engine->hosts->next;
    hdx_host_free(engine->hosts);
    engine->hosts = next;
  }
  hdx_block_pool_deinit(&engine->pool);
  free(engine);
}

void hdx_engine_totals(const struct hdx_engine *engine, struct hdx_engine_totals *totals) {
  *totals = (struct hdx_engine_totals){.requests = engine->requests,
                                       .connections = engine->connections,
                                       .bytes = engine->bytes,
                                       .retries = engine->retries,
                                       .active = engine->active.count + engine->files_active,
                                       .finished = engine->requests - engine->active.count};
  for (const struct hdx_host *host = engine->hosts; host; host = host->next) {
    totals->throttled += host->throttles;
    totals->wanted += host->limit;
  }
  if (totals->wanted > engine->options.jobs || !engine->hosts)
    totals->wanted = engine->options.jobs;
}

static struct hdx_latency latency(const struct hdx_histogram *histogram) {
  return (struct hdx_latency){hdx_histogram_ms(histogram, 0.5), hdx_histogram_ms(histogram, 0.9),
                              hdx_histogram_ms(histogram, 0.99)};
}

enum hdx_status hdx_engine_hosts(const struct hdx_engine *engine, struct hdx_host_stats **hosts, size_t *count,
                                 struct hdx_error *error) {
  size_t n = 0;
  for (const struct hdx_host *host = engine->hosts; host; host = host->next)
    n++;
  struct hdx_host_stats *list = calloc(n ? n : 1, sizeof *list);
  if (!list)
    return hdx_error_memory(error, n * sizeof *list);
  n = 0;
  for (const struct hdx_host *host = engine->hosts; host; host = host->next)
    list[n++] = (struct hdx_host_stats){.host = host->name,
                                        .requests = host->requests,
                                        .connections = host->connections,
                                        .bytes = host->bytes,
                                        .retries = host->retries,
                                        .first_byte = latency(&host->first_byte),
                                        .total = latency(&host->total)};
  *hosts = list;
  *count = n;
  return HDX_OK;
}
