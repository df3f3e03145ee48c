/* A home of its own for a test of AWS's files, an environment without AWS's variables, and a search for credentials
 * whose message is looked at for secrets: all secret values of these tests have "hush" in them. */
#ifndef HDX_TEST_AWS_HOME_H
#define HDX_TEST_AWS_HOME_H

#include "transfer/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char home[64];
static struct hdx_credentials found;
static struct hdx_error error;
static atomic_bool cancelled;

static inline char *path_of(const char *name) {
  static char path[256];
  snprintf(path, sizeof path, "%s/%s", home, name);
  return path;
}

static inline void write_file(const char *name, const char *content) {
  FILE *file = fopen(path_of(name), "w");
  assert_non_null(file);
  fputs(content, file);
  assert_int_equal(fclose(file), 0);
}

static inline int home_setup(void **state) {
  (void)state;
  for (char **variable = environ; variable && *variable;) {
    char name[256];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(*variable, "="), *variable);
    bool clear = strncmp(name, "AWS_", 4) == 0 || strstr(name, "_proxy") || strstr(name, "_PROXY");
    if (clear && unsetenv(name) == 0)
      variable = environ;
    else
      variable++;
  }
  snprintf(home, sizeof home, "/tmp/hdx-aws-XXXXXX");
  if (!mkdtemp(home))
    return 1;
  setenv("HOME", home, 1);
  setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
  atomic_store(&cancelled, false);
  return mkdir(path_of(".aws"), 0700);
}

static inline int home_teardown(void **state) {
  static const char *const names[] = {".aws/credentials", ".aws/config", "other", "script", "token", "pid"};
  (void)state;
  hdx_credentials_deinit(&found);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    unlink(path_of(names[i]));
  return rmdir(path_of(".aws")) || rmdir(home);
}

static inline void assert_quiet(void) {
  if (strstr(error.message, "hush"))
    fail_msg("a secret is in the message: %s", error.message);
}

/* Whether the last message has the text. */
static inline void assert_said(const char *text) {
  if (!strstr(error.message, text))
    fail_msg("\"%s\" is not in the message: %s", text, error.message);
}

/* What a search with these options comes to; `found` and `error` hold the outcome. */
static inline enum hdx_status find_with(struct hdx_credentials_options options) {
  struct hdx_credentials_request *request;
  hdx_credentials_deinit(&found);
  error = (struct hdx_error){0};
  enum hdx_status status = hdx_credentials_request_new(&options, &request, &error);
  if (status == HDX_OK) {
    status = hdx_credentials_find(request, &cancelled, &found, &error);
    hdx_credentials_request_free(request);
  }
  assert_quiet();
  if (status != HDX_OK)
    assert_int_equal(error.status, status);
  return status;
}

static inline enum hdx_status find(void) {
  return find_with((struct hdx_credentials_options){0});
}

static inline void assert_found(const char *key_id, const char *secret, const char *token) {
  assert_string_equal(found.key_id, key_id);
  assert_string_equal(found.secret, secret);
  assert_string_equal(found.token, token);
}

#endif
