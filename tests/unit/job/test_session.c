/* What a session takes from its caller and from the environment, and when. */
#include "base/cpu.h"
#include "job/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
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

/* As if the caller had not named it. */
static void an_empty_profile_is_none(void **state) {
  struct hdx_session *session;
  struct hdx_config config;
  struct hdx_error error;
  (void)state;
  hdx_config_init(&config);
  config.store = "/nowhere";
  config.profile = "";
  assert_int_equal(hdx_session_open(&config, &session, &error), HDX_OK);
  assert_null(session->config.profile);
  hdx_session_close(session);
}

static void endpoints_are_servers(void **state) {
  struct hdx_session *session;
  struct hdx_config config;
  struct hdx_error error;
  (void)state;
  hdx_config_init(&config);
  config.store = "/nowhere";
  for (size_t i = 0; i < 2; i++) {
    config.endpoint_url = i ? "file:///a/folder" : "s3://a-bucket/";
    assert_int_equal(hdx_session_open(&config, &session, &error), HDX_USAGE);
    assert_non_null(strstr(error.message, "expected http:// or https://"));
    assert_non_null(strstr(error.message, config.endpoint_url));
  }
}

/* What asks servers says so before anything else. */
static void offline_nothing_is_asked(void **state) {
  struct hdx_session *session;
  struct hdx_config config;
  struct hdx_probe *probe;
  struct hdx_error error;
  (void)state;
  hdx_config_init(&config);
  config.store = "/nowhere";
  config.offline = true;
  assert_int_equal(hdx_session_open(&config, &session, &error), HDX_OK);
  assert_int_equal(hdx_probe(session, "s3://a-bucket/", "x", &probe, &error), HDX_USAGE);
  assert_non_null(strstr(error.message, "offline"));
  hdx_session_close(session);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(variables_are_read_when_it_is_opened), /* the kernel's is read once */
      cmocka_unit_test(an_empty_profile_is_none),
      cmocka_unit_test(endpoints_are_servers),
      cmocka_unit_test(offline_nothing_is_asked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
