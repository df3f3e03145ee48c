/* Errands: work that blocks is done aside, the loop waits for its end, and nothing ends the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transfer/errand.h"
#include "transfer/loop.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct job {
  struct hdx_errand errand;
  uv_loop_t *loop;
  uv_barrier_t *together;
  uv_thread_t thread;
  unsigned runs, ends;
};

static void run(struct hdx_errand *errand) {
  struct job *job = errand->user;
  job->thread = uv_thread_self();
  job->runs++;
  if (job->together)
    uv_barrier_wait(job->together);
}

static void done(struct hdx_errand *errand) {
  struct job *job = errand->user;
  uv_thread_t own = uv_thread_self();
  assert_false(uv_thread_equal(&own, &job->thread));
  assert_int_equal(errand->failure, 0);
  if (++job->ends < 3 && !job->together)
    assert_true(hdx_errand_start(&job->errand, job->loop, run, done, job));
}

static void test_done_begins_it_anew(void **state) {
  (void)state;
  uv_loop_t loop;
  struct job job = {.loop = &loop};
  assert_int_equal(hdx_loop_open(&loop, NULL), HDX_OK);
  assert_true(hdx_errand_start(&job.errand, &loop, run, done, &job));
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(job.runs, 3);
  assert_int_equal(job.ends, 3);
  assert_int_equal(uv_loop_close(&loop), 0);
}

/* They would wait for one another for ever if they were done one after the other, or by few threads. */
static void test_many_at_once(void **state) {
  (void)state;
  enum { COUNT = 16 };
  uv_loop_t loop;
  uv_barrier_t together;
  struct job jobs[COUNT];
  memset(jobs, 0, sizeof jobs);
  assert_int_equal(uv_barrier_init(&together, COUNT), 0);
  assert_int_equal(hdx_loop_open(&loop, NULL), HDX_OK);
  for (size_t i = 0; i < COUNT; i++) {
    jobs[i].together = &together;
    assert_true(hdx_errand_start(&jobs[i].errand, &loop, run, done, &jobs[i]));
  }
  uv_run(&loop, UV_RUN_DEFAULT);
  for (size_t i = 0; i < COUNT; i++)
    assert_int_equal(jobs[i].ends, 1);
  assert_int_equal(uv_loop_close(&loop), 0);
  uv_barrier_destroy(&together);
}

/* Without descriptors libuv aborts. */
static void test_32_a_loop_without_descriptors(void **state) {
  (void)state;
  struct rlimit limit, few;
  struct hdx_error error;
  uv_loop_t loop;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
  few = limit;
  int next = open("/dev/null", O_RDONLY);
  close(next);
  few.rlim_cur = (rlim_t)next + 3;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
  enum hdx_status status = hdx_loop_open(&loop, &error);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
  assert_int_equal(status, HDX_LIMIT);
  assert_non_null(strstr(error.message, "the event loop needs 8 descriptors"));
  int after = open("/dev/null", O_RDONLY);
  close(after);
  assert_int_equal(after, next); /* none was kept */
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_done_begins_it_anew),
      cmocka_unit_test(test_many_at_once),
      cmocka_unit_test(test_32_a_loop_without_descriptors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
