#include "job/progress.h"

#include <stdlib.h>

/* Of several hosts that answer, the one that takes longest to begin. */
static void find_slowest(const struct hdx_session *session, struct hdx_progress *progress) {
  struct hdx_host_stats *hosts;
  size_t count, answering = 0;
  if (hdx_engine_hosts(session->engine, &hosts, &count, NULL) != HDX_OK)
    return;
  for (size_t i = 0; i < count; i++) {
    double ms = hosts[i].first_byte.p50;
    answering += hosts[i].requests > 0;
    if (!hosts[i].requests || (progress->slowest_host && ms <= progress->slowest_host_ms))
      continue;
    progress->slowest_host = hosts[i].host;
    progress->slowest_host_ms = ms;
  }
  free(hosts);
  if (answering < 2)
    progress->slowest_host = NULL;
}

static void tell(const struct hdx_progress_timer *timer) {
  const struct hdx_config *config = &timer->session->config;
  struct hdx_engine_totals totals;
  if (!config->progress)
    return;
  hdx_engine_totals(timer->session->engine, &totals);
  struct hdx_progress progress = {.requests_active = totals.active,
                                  .requests_done = totals.finished,
                                  .retries = totals.retries,
                                  .elapsed_ns = uv_hrtime() - timer->started_ns};
  find_slowest(timer->session, &progress);
  timer->fill(timer->user, &progress);
  config->progress(config->progress_user, &progress);
}

static uint32_t every_ms(const struct hdx_session *session) {
  return session->config.progress_ms ? session->config.progress_ms : 100;
}

static void on_time(uv_timer_t *handle) {
  tell(handle->data);
}

static void on_closed(uv_handle_t *handle) {
  ((struct hdx_progress_timer *)handle->data)->open = false;
}

void hdx_progress_start(struct hdx_progress_timer *timer, const struct hdx_session *session, uint64_t started_ns,
                        void (*fill)(void *user, struct hdx_progress *progress), void *user) {
  uint32_t every = every_ms(session);
  *timer = (struct hdx_progress_timer){
      .open = true, .session = session, .started_ns = started_ns, .fill = fill, .user = user};
  uv_timer_init(hdx_engine_loop(session->engine), &timer->timer);
  timer->timer.data = timer;
  if (session->config.progress)
    uv_timer_start(&timer->timer, on_time, every, every);
}

void hdx_progress_stop(struct hdx_progress_timer *timer) {
  if (!timer->open)
    return;
  tell(timer);
  uv_close((uv_handle_t *)&timer->timer, on_closed);
  while (timer->open)
    uv_run(hdx_engine_loop(timer->session->engine), UV_RUN_ONCE);
}

void hdx_progress_tell(const struct hdx_session *session, uint64_t started_ns, uint64_t *told_ns,
                       const struct hdx_progress *progress) {
  const struct hdx_config *config = &session->config;
  uint64_t now = uv_hrtime();
  if (!config->progress || now - *told_ns < every_ms(session) * UINT64_C(1000000))
    return;
  *told_ns = now;
  struct hdx_progress told = *progress;
  told.elapsed_ns = now - started_ns;
  config->progress(config->progress_user, &told);
}
