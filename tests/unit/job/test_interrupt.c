/* Who is asked whether a call is to end, when, and what a cancellation stops. */
#include "job/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/hdx-test-XXXXXX";
static struct hdx_session *session;
static struct hdx_error error;
static unsigned asked;
static bool yes;

static bool on_question(void *user) {
  assert_ptr_equal(user, &asked);
  asked++;
  return yes;
}

static void open_session(bool (*interrupted)(void *user)) {
  struct hdx_config config;
  hdx_config_init(&config);
  config.store = folder;
  config.interrupted = interrupted;
  config.interrupted_user = &asked;
  if (hdx_session_open(&config, &session, &error) != HDX_OK)
    fail_msg("%s", error.message);
  asked = 0;
  yes = false;
}

static void a_caller_is_asked_when_it_is_due(void **state) {
  (void)state;
  open_session(on_question);
  assert_false(hdx_session_cancelled(session)); /* never asked before */
  assert_int_equal(asked, 1);
  session->asked_ns = 0;
  yes = true;
  assert_true(hdx_session_cancelled(session));
  assert_int_equal(asked, 2);
  session->asked_ns = 0;
  assert_true(hdx_session_cancelled(session)); /* it is known */
  assert_int_equal(hdx_session_pause(session, &error), HDX_INTERRUPTED);
  assert_int_equal(asked, 2);
  hdx_session_resume(session);
  yes = false;
  assert_int_equal(hdx_session_pause(session, &error), HDX_OK);
  assert_false(hdx_session_cancelled(session));
  hdx_session_close(session);
}

static void nobody_is_asked(void **state) {
  uv_loop_t loop;
  uv_timer_t timer;
  (void)state;
  open_session(NULL);
  assert_false(hdx_session_cancelled(session));
  assert_int_equal(hdx_session_pause(session, &error), HDX_OK);
  uv_loop_init(&loop);
  hdx_session_watch(session, &loop, &timer);
  assert_false(uv_is_active((uv_handle_t *)&timer));
  hdx_session_cancel(session);
  assert_true(hdx_session_cancelled(session));
  uv_close((uv_handle_t *)&timer, NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
  hdx_session_close(session);
}

static void a_loop_asks_and_is_not_kept_alive(void **state) {
  uv_loop_t loop;
  uv_timer_t timer;
  uv_async_t other;
  (void)state;
  open_session(on_question);
  uv_loop_init(&loop);
  hdx_session_watch(session, &loop, &timer);
  assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
  assert_int_equal(asked, 0);
  uv_async_init(&loop, &other, NULL); /* what the loop is there for */
  while (asked < 3)
    uv_run(&loop, UV_RUN_ONCE);
  yes = true;
  while (!atomic_load(&session->cancelled))
    uv_run(&loop, UV_RUN_ONCE);
  assert_int_equal(asked, 4);
  uv_close((uv_handle_t *)&timer, NULL);
  uv_close((uv_handle_t *)&other, NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
  hdx_session_close(session);
}

/* Also where the network is used for the first time: nothing is asked. */
static void a_cancellation_comes_before_the_network(void **state) {
  struct hdx_catalog *catalog;
  (void)state;
  open_session(NULL);
  hdx_session_cancel(session);
  assert_int_equal(hdx_session_online(session, &error), HDX_OK);
  assert_int_equal(hdx_catalog_open(session, "http://127.0.0.1:9/", false, &catalog, &error), HDX_INTERRUPTED);
  hdx_session_close(session);
}

static void count(void *user, const struct hdx_file *file, uint64_t number) {
  unsigned *told = user;
  (void)file;
  assert_int_equal(number, ++*told + 1);
}

/* What is left of a list is told also to a caller who goes on to say that it is interrupted. */
static void what_is_left_is_told(void **state) {
  struct hdx_files *files;
  const struct hdx_file *list;
  size_t some;
  char path[64];
  unsigned told = 0;
  (void)state;
  open_session(on_question);
  snprintf(path, sizeof path, "%s/list", folder);
  FILE *file = fopen(path, "w");
  for (int i = 0; i < 5000; i++)
    fprintf(file, "s3://b/%d\n", i);
  fclose(file);
  if (hdx_files_read(session, path, NULL, false, &files, &error) != HDX_OK)
    fail_msg("%s", error.message);
  yes = true;
  session->asked_ns = 0;
  assert_int_equal(hdx_files_next(files, &list, &some, &error), HDX_INTERRUPTED);
  hdx_files_left(files, 1, count, &told);
  assert_int_equal(told, 4999);
  assert_int_equal(hdx_files_next(files, &list, &some, &error), HDX_INTERRUPTED);
  hdx_session_resume(session);
  yes = false;
  assert_int_equal(hdx_files_next(files, &list, &some, &error), HDX_OK);
  assert_true(some > 0);
  hdx_files_close(files);
  unlink(path);
  hdx_session_close(session);
}

static int setup(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_caller_is_asked_when_it_is_due),
      cmocka_unit_test(nobody_is_asked),
      cmocka_unit_test(a_cancellation_comes_before_the_network),
      cmocka_unit_test(a_loop_asks_and_is_not_kept_alive),
      cmocka_unit_test(what_is_left_is_told),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
