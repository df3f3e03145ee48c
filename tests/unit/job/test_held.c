/* What the store tells of snapshots, through the public functions. */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

static size_t visits;

/* Of a snapshot that cannot be read nothing more can be asked. */
static void on_damaged(void *user, const struct hdx_snapshot_info *info, const struct hdx_error *error) {
  struct hdx_column_info *columns = NULL;
  struct hdx_error columns_error = {HDX_OK, ""};
  size_t count;
  (void)user;
  visits++;
  assert_int_equal(error->status, HDX_INTEGRITY);
  assert_int_equal(hdx_snapshot_columns(info, &columns, &count, &columns_error), HDX_INTEGRITY);
  assert_non_null(strstr(columns_error.message, "x.hdx"));
  assert_null(columns);
}

static void damaged_snapshots_have_no_columns(void **state) {
  char folder[] = "/tmp/hdx-test-XXXXXX", path[160];
  struct hdx_config config;
  struct hdx_session *session;
  struct hdx_error error;
  (void)state;
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/aws", folder);
  assert_int_equal(mkdir(path, 0755), 0);
  snprintf(path, sizeof path, "%s/aws/x.hdx", folder);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs("not a snapshot", file);
  fclose(file);
  hdx_config_init(&config);
  config.store = folder;
  assert_int_equal(hdx_session_open(&config, &session, &error), HDX_OK);
  assert_int_equal(hdx_store_visit(session, NULL, NULL, 0, true, on_damaged, NULL, &error), HDX_INTEGRITY);
  assert_int_equal(visits, 1);
  hdx_session_close(session);
  snprintf(path, sizeof path, "rm -r %s", folder);
  assert_int_equal(system(path), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(damaged_snapshots_have_no_columns)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
