#include "job/workers.h"

#include "transfer/loop.h"

#include <stdlib.h>

struct work_list {
  struct hdx_work *first, *last;
};

struct hdx_workers {
  uv_mutex_t mutex; /* guards the lists and `stopping` */
  uv_cond_t more;
  struct work_list todo, finished;
  bool stopping;
  uv_async_t wake; /* the loop: something is finished */
  bool wake_open;
  unsigned count;
  uv_thread_t threads[];
};

static void push(struct work_list *list, struct hdx_work *work) {
  work->next = NULL;
  *(list->last ? &list->last->next : &list->first) = work;
  list->last = work;
}

static struct hdx_work *pop(struct work_list *list) {
  struct hdx_work *work = list->first;
  list->first = work->next;
  if (!list->first)
    list->last = NULL;
  return work;
}

static void worker(void *argument) {
  struct hdx_workers *workers = argument;
  uv_mutex_lock(&workers->mutex);
  for (;;) {
    while (!workers->todo.first && !workers->stopping)
      uv_cond_wait(&workers->more, &workers->mutex);
    if (!workers->todo.first)
      break;
    struct hdx_work *work = pop(&workers->todo);
    uv_mutex_unlock(&workers->mutex);
    work->run(work);
    uv_mutex_lock(&workers->mutex);
    bool first = !workers->finished.first;
    push(&workers->finished, work);
    if (first)
      uv_async_send(&workers->wake);
  }
  uv_mutex_unlock(&workers->mutex);
}

static void on_wake(uv_async_t *async) {
  struct hdx_workers *workers = async->data;
  uv_mutex_lock(&workers->mutex);
  struct hdx_work *work = workers->finished.first;
  workers->finished = (struct work_list){NULL, NULL};
  uv_mutex_unlock(&workers->mutex);
  while (work) {
    struct hdx_work *next = work->next;
    work->done(work);
    work = next;
  }
}

void hdx_workers_submit(struct hdx_workers *workers, struct hdx_work *work) {
  uv_mutex_lock(&workers->mutex);
  push(&workers->todo, work);
  uv_cond_signal(&workers->more);
  uv_mutex_unlock(&workers->mutex);
}

enum hdx_status hdx_workers_open(uv_loop_t *loop, unsigned threads, struct hdx_workers **result,
                                 struct hdx_error *error) {
  size_t size = sizeof(struct hdx_workers) + threads * sizeof(uv_thread_t);
  struct hdx_workers *workers = calloc(1, size);
  if (!workers)
    return hdx_error_memory(error, size);
  uv_mutex_init(&workers->mutex);
  uv_cond_init(&workers->more);
  int code = uv_async_init(loop, &workers->wake, on_wake);
  workers->wake_open = code == 0;
  workers->wake.data = workers;
  while (code == 0 && workers->count < threads) {
    code = hdx_thread_start(&workers->threads[workers->count], worker, workers);
    workers->count += code == 0;
  }
  /* A process that may have no more threads works with those it got. */
  if (workers->count == 0) {
    hdx_workers_close(workers);
    return hdx_error_set(error, HDX_LIMIT, "no thread can be started: %s", uv_strerror(code));
  }
  *result = workers;
  return HDX_OK;
}

static void on_wake_closed(uv_handle_t *handle) {
  ((struct hdx_workers *)handle->data)->wake_open = false;
}

void hdx_workers_close(struct hdx_workers *workers) {
  if (!workers)
    return;
  uv_mutex_lock(&workers->mutex);
  workers->stopping = true;
  uv_cond_broadcast(&workers->more);
  uv_mutex_unlock(&workers->mutex);
  for (unsigned i = 0; i < workers->count; i++)
    uv_thread_join(&workers->threads[i]);
  if (workers->wake_open) {
    uv_loop_t *loop = workers->wake.loop;
    uv_close((uv_handle_t *)&workers->wake, on_wake_closed);
    while (workers->wake_open)
      uv_run(loop, UV_RUN_ONCE);
  }
  uv_cond_destroy(&workers->more);
  uv_mutex_destroy(&workers->mutex);
  free(workers);
}
