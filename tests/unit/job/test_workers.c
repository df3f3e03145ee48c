/* The workers: every item is run once on a worker and then told once on the loop's thread, also one that is submitted
 * again from there; closing waits for the threads. */
#include "job/workers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ITEMS = 5000, ROUNDS = 3 };

struct item {
  struct hdx_work work;
  unsigned runs, told;
};

static struct {
  struct hdx_workers *workers;
  uv_thread_t loop_thread;
  atomic_uint on_loop; /* runs that were on the loop's thread */
  unsigned told, off_loop;
} seen;

static void run(struct hdx_work *work) {
  uv_thread_t self = uv_thread_self();
  ((struct item *)work)->runs++;
  seen.on_loop += uv_thread_equal(&self, &seen.loop_thread) != 0;
}

static void done(struct hdx_work *work) {
  struct item *item = (struct item *)work;
  uv_thread_t self = uv_thread_self();
  seen.off_loop += uv_thread_equal(&self, &seen.loop_thread) == 0;
  seen.told++;
  if (++item->told < ROUNDS)
    hdx_workers_submit(seen.workers, work);
}

static void every_item_is_run_and_told_once_a_round(void **state) {
  (void)state;
  uv_loop_t loop;
  struct hdx_error error;
  struct item *items = calloc(ITEMS, sizeof *items);
  assert_non_null(items);
  seen.loop_thread = uv_thread_self();
  assert_int_equal(uv_loop_init(&loop), 0);
  assert_int_equal(hdx_workers_open(&loop, 4, &seen.workers, &error), HDX_OK);
  for (size_t i = 0; i < ITEMS; i++) {
    items[i].work = (struct hdx_work){.run = run, .done = done};
    hdx_workers_submit(seen.workers, &items[i].work);
  }
  while (seen.told < ITEMS * ROUNDS)
    uv_run(&loop, UV_RUN_ONCE);
  for (size_t i = 0; i < ITEMS; i++) {
    assert_int_equal(items[i].runs, ROUNDS);
    assert_int_equal(items[i].told, ROUNDS);
  }
  assert_int_equal(seen.on_loop, 0);
  assert_int_equal(seen.off_loop, 0);
  hdx_workers_close(seen.workers);
  assert_int_equal(uv_loop_close(&loop), 0);
  free(items);
}

static void workers_without_work_close(void **state) {
  (void)state;
  uv_loop_t loop;
  struct hdx_workers *workers;
  struct hdx_error error;
  assert_int_equal(uv_loop_init(&loop), 0);
  assert_int_equal(hdx_workers_open(&loop, 8, &workers, &error), HDX_OK);
  hdx_workers_close(workers);
  hdx_workers_close(NULL);
  assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_item_is_run_and_told_once_a_round),
      cmocka_unit_test(workers_without_work_close),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
