/* Connections that are given up before they stand: their descriptors' numbers go to whoever opens something next. */
#include "unit/transfer/engine_test.h"

#include <fcntl.h>
#include <sys/syscall.h>

enum { WAITING = 2, REQUESTS = 8, ROUNDS = 4 };

/* ---- another thread that opens something in the very moment in which a number becomes free ---- */

static bool thieving;
static int stolen[REQUESTS * ROUNDS];
static size_t stolen_count;

/* In the place of the C library's, for libcurl too. What is opened cannot be polled: to mistake it for a socket, and to
 * have the loop wait for it, ends the program. */
__attribute__((visibility("default"))) int close(int fd) {
  int result = (int)syscall(SYS_close, fd);
  if (thieving && result == 0 && stolen_count < sizeof stolen / sizeof *stolen)
    stolen[stolen_count++] = open("/dev/null", O_RDWR | O_CLOEXEC);
  return result;
}

/* ---- a port at which nothing is accepted, nor refused ---- */

static int listener, waiting[WAITING];

static unsigned deaf_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
  assert_int_equal(listen(listener, 0), 0);
  assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
  for (int i = 0; i < WAITING; i++) {
    waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)connect(waiting[i], (struct sockaddr *)&address, size);
  }
  return ntohs(address.sin_port);
}

static void close_port(void) {
  close(listener);
  for (int i = 0; i < WAITING; i++)
    close(waiting[i]);
}

/* ---- */

static struct sink *ask(const char *url) {
  struct hdx_error error;
  struct sink *sink = sink_new(engine, PART);
  struct hdx_fetch_request wanted = {
      .url = url, .bytes_max = UINT64_MAX, .begin = sink_begin, .block = sink_block, .done = sink_done, .user = sink};
  assert_int_equal(hdx_fetch(engine, &wanted, &error), HDX_OK);
  return sink;
}

/* Dropped so that libcurl begins to connect and lets go in one turn of the loop (turns of 1), or later. */
static void drop_while_connecting(const char *url, int turns) {
  struct sink *sinks[REQUESTS];
  for (int i = 0; i < REQUESTS; i++)
    sinks[i] = ask(url);
  for (int turn = 0; turn < turns; turn++)
    uv_run(hdx_engine_loop(engine), UV_RUN_NOWAIT);
  thieving = true;
  for (int i = 0; i < REQUESTS; i++)
    hdx_fetch_abort(engine, sinks[i], HDX_INTERRUPTED, "dropped");
  for (int i = 0; i < REQUESTS; i++) {
    finish(sinks[i]);
    assert_int_equal(sinks[i]->status, HDX_INTERRUPTED);
    sink_free(sinks[i]);
  }
  thieving = false;
}

static void a_number_that_went_to_another_thread_is_not_taken_for_the_socket(void **state) {
  struct hdx_engine_options options = engine_options();
  char url[64];
  (void)state;
  snprintf(url, sizeof url, "http://127.0.0.1:%u/object", deaf_port());
  open_engine(&options);
  for (int turns = 1; turns <= ROUNDS; turns++)
    drop_while_connecting(url, turns);
  assert_true(stolen_count > 0);
  uv_run(hdx_engine_loop(engine), UV_RUN_NOWAIT);
  hdx_engine_close(engine);
  for (size_t i = 0; i < stolen_count; i++)
    assert_int_equal(close(stolen[i]), 0); /* nobody else has closed it */
  close_port();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_number_that_went_to_another_thread_is_not_taken_for_the_socket),
  };
  return cmocka_run_group_tests(tests, make_content, free_content);
}
