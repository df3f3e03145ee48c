/* A registry through the public functions: what is in it, when it was confirmed, and that it is held. */
#include "base/text.h"
#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define ENTRY(name, region)                                                                                            \
  "{\"endpoint\":\"s3://" name "-" region "/\",\"name\":\"" name "\",\"region\":\"" region "\"}"

static const char published[] =
    "{\"registry\":[" ENTRY("one", "us-east-1") "," ENTRY("two", "us-west-2") "," ENTRY("two", "eu-west-1") "]}";
static char folder[] = "/tmp/hdx-test-XXXXXX";
static char path[160], url[200], store[160];

static void publish(const char *text) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
}

static int setup(void **state) {
  (void)state;
  if (!mkdtemp(folder))
    return -1;
  snprintf(path, sizeof path, "%s/registry.json", folder);
  snprintf(url, sizeof url, "file://%s", path);
  snprintf(store, sizeof store, "%s/store", folder);
  return 0;
}

static int teardown(void **state) {
  char command[200];
  (void)state;
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}

static struct hdx_session *open_session(bool offline) {
  struct hdx_config config;
  struct hdx_session *session;
  struct hdx_error error;
  hdx_config_init(&config);
  config.store = store;
  config.registry_url = url;
  config.offline = offline;
  if (hdx_session_open(&config, &session, &error) != HDX_OK)
    fail_msg("%s", error.message);
  return session;
}

static struct hdx_registry *load(struct hdx_session *session) {
  struct hdx_registry *registry;
  struct hdx_error error;
  if (hdx_registry_load(session, &registry, &error) != HDX_OK)
    fail_msg("%s", error.message);
  return registry;
}

static void assert_published(const struct hdx_registry *registry) {
  assert_int_equal(hdx_registry_count(registry), 3);
  assert_true(hdx_text_is(hdx_registry_at(registry, 2)->endpoint, "s3://two-eu-west-1/"));
  assert_true(hdx_text_is(hdx_registry_at(registry, 2)->provider, "aws"));
  assert_true(hdx_text_is(hdx_registry_json(registry), published));
  assert_string_equal(hdx_registry_url(registry), url);
}

static void what_is_published(void **state) {
  (void)state;
  publish(published);
  struct hdx_session *session = open_session(false);
  int64_t before = hdx_time_now();
  struct hdx_registry *registry = load(session);
  assert_published(registry);
  assert_true(hdx_registry_checked_at(registry) >= before - 1000000000); /* whole seconds are kept */
  assert_true(hdx_registry_checked_at(registry) <= hdx_time_now());
  hdx_registry_close(registry);
  hdx_session_close(session);
}

static void endpoints(void **state) {
  (void)state;
  struct hdx_text endpoint;
  struct hdx_error error;
  struct hdx_session *session = open_session(false);
  struct hdx_registry *registry = load(session);
  assert_int_equal(hdx_registry_endpoint(registry, "one", "", false, &endpoint, &error), HDX_OK);
  assert_true(hdx_text_is(endpoint, "s3://one-us-east-1/"));
  assert_int_equal(hdx_registry_endpoint(registry, "two", "", false, &endpoint, &error), HDX_USAGE);
  assert_int_equal(hdx_registry_endpoint(registry, "two", "eu", false, &endpoint, &error), HDX_OK);
  assert_true(hdx_text_is(endpoint, "s3://two-eu-west-1/"));
  assert_int_equal(hdx_registry_endpoint(registry, "two", "", true, &endpoint, &error), HDX_OK);
  assert_true(hdx_text_is(endpoint, "s3://two-us-west-2/"));
  assert_int_equal(hdx_registry_endpoint(registry, "three", "", true, &endpoint, &error), HDX_NOT_FOUND);
  hdx_registry_close(registry);
  hdx_session_close(session);
}

/* Behind the two above: what was loaded is held, also where it is gone by now. */
static void what_is_held(void **state) {
  (void)state;
  struct hdx_error error;
  struct hdx_session *session = open_session(false);
  hdx_registry_close(load(session));
  hdx_session_close(session);
  assert_int_equal(unlink(path), 0);
  session = open_session(true);
  struct hdx_registry *registry = load(session);
  assert_published(registry);
  assert_true(hdx_registry_checked_at(registry) > 0);
  hdx_registry_close(registry);
  hdx_session_close(session);
  snprintf(url, sizeof url, "file://%s/none.json", folder);
  session = open_session(true);
  assert_int_not_equal(hdx_registry_load(session, &registry, &error), HDX_OK);
  hdx_session_close(session);
  session = open_session(false);
  assert_int_equal(hdx_registry_load(session, &registry, &error), HDX_NOT_FOUND);
  hdx_session_close(session);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_published),
      cmocka_unit_test(endpoints),
      cmocka_unit_test(what_is_held),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
