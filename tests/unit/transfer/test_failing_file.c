/* A local file that is read where memory is lacking, for a while or for good: it ends. */
#include "unit/failing.h"
#include "unit/transfer/engine_test.h"

#include <unistd.h>

enum { BYTES = 1 << 20 };

static char path[] = "/tmp/hdx-test-XXXXXX";

static int write_file(void **state) {
  int fd = mkstemp(path);
  if (fd < 0 || make_content(state) != 0)
    return -1;
  assert_int_equal(write(fd, content, BYTES), BYTES);
  return close(fd);
}

static int remove_file(void **state) {
  return unlink(path) | free_content(state);
}

static enum hdx_status ask(const char *url, struct sink *sink, struct hdx_error *error) {
  const struct hdx_fetch_request wanted = {
      .url = url, .bytes_max = UINT64_MAX, .begin = sink_begin, .block = sink_block, .done = sink_done, .user = sink};
  enum hdx_status status = hdx_fetch(engine, &wanted, error);
  if (status != HDX_OK)
    return status;
  finish(sink);
  return sink->status == HDX_OK ? HDX_OK : hdx_error_set(error, sink->status, "%s", sink->message);
}

static enum hdx_status read_file(void *user, struct hdx_error *error) {
  char url[64];
  (void)user;
  faults_pause(); /* libuv aborts where it finds no memory as it begins */
  struct hdx_engine_options options = engine_options();
  open_engine(&options);
  struct sink *sink = sink_new(engine, BYTES);
  snprintf(url, sizeof url, "file://%s", path);
  faults_resume();
  enum hdx_status status = ask(url, sink, error);
  if (status == HDX_OK)
    sink_has(sink, content, 0, BYTES);
  assert_true(engine->pool.used == 0 && engine->lent == 0);
  sink_free(sink);
  hdx_engine_close(engine);
  return status;
}

static void test_33_memory_for_the_bytes_of_a_file(void **state) {
  (void)state;
  failing_memory(read_file, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_33_memory_for_the_bytes_of_a_file)};
  return cmocka_run_group_tests(tests, write_file, remove_file);
}
