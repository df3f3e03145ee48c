/* What variables of the environment say counts as it was when a session was opened. */
#include "base/cpu.h"
#include "job/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void variables_are_read_when_it_is_opened(void **state) {
  struct hdx_session *session;
  struct hdx_config config;
  struct hdx_error error;
  (void)state;
  hdx_config_init(&config);
  config.store = "/nowhere";
  setenv("HELIODEX_KERNEL", "scalar", 1);
  setenv("AWS_REGION", "here-1", 1);
  setenv("AWS_ACCESS_KEY_ID", "FIRST", 1);
  assert_int_equal(hdx_session_open(&config, &session, &error), HDX_OK);
  setenv("AWS_REGION", "there-1", 1);
  setenv("AWS_ACCESS_KEY_ID", "SECOND", 1);
  unsetenv("HELIODEX_KERNEL");
  assert_int_equal(hdx_cpu_level(), HDX_CPU_SCALAR);
  assert_string_equal(session->region, "here-1");
  assert_string_equal(hdx_environment_get(hdx_session_credentials(session).environment, "AWS_ACCESS_KEY_ID"), "FIRST");
  assert_int_equal(hdx_session_start(session, &error), HDX_OK);
  hdx_session_close(session);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(variables_are_read_when_it_is_opened),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
