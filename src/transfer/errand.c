#include "transfer/errand.h"

#include "transfer/loop.h"

static void on_thread(void *argument) {
  struct hdx_errand *errand = argument;
  errand->run(errand);
  uv_async_send(&errand->wake);
}

static void on_closed(uv_handle_t *handle) {
  struct hdx_errand *errand = handle->data;
  errand->done(errand);
}

static void on_wake(uv_async_t *wake) {
  struct hdx_errand *errand = wake->data;
  if (!errand->failure)
    uv_thread_join(&errand->thread);
  uv_close((uv_handle_t *)wake, on_closed);
}

bool hdx_errand_start(struct hdx_errand *errand, uv_loop_t *loop, void (*run)(struct hdx_errand *errand),
                      void (*done)(struct hdx_errand *errand), void *user) {
  errand->run = run;
  errand->done = done;
  errand->user = user;
  if (uv_async_init(loop, &errand->wake, on_wake) != 0)
    return false;
  errand->wake.data = errand;
  errand->failure = hdx_thread_start(&errand->thread, on_thread, errand);
  if (errand->failure)
    uv_async_send(&errand->wake);
  return true;
}
