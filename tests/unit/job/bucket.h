/* A bucket in a folder of its own, and a session that reads it from there: what tests of queries begin with. */
#ifndef HDX_TEST_JOB_BUCKET_H
#define HDX_TEST_JOB_BUCKET_H

#include "heliodex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/hdx-test-XXXXXX", bucket[160], store[160];
static struct hdx_session *session;
static struct hdx_error error;

/* Opens a file of the bucket to write it. */
static inline FILE *bucket_create(const char *name) {
  char path[160];
  snprintf(path, sizeof path, "%s/b/%s", folder, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  return file;
}

static inline void bucket_write(const char *name, const char *content) {
  FILE *file = bucket_create(name);
  fputs(content, file);
  assert_int_equal(fclose(file), 0);
}

/* The catalog's entry of a dataset of 2019 whose index files are in i/. */
#define BUCKET_DATASET(id) BUCKET_DATASET_OF(id, "2019-01-01T00:00:00Z", "2019-12-31T00:00:00Z")
#define BUCKET_DATASET_OF(id, start, stop)                                                                             \
  "{\"id\":\"" id "\",\"index\":\"s3://b/i/\",\"title\":\"T\",\"start\":\"" start "\",\"stop\":\"" stop "\"}"

/* Makes the bucket with these entries, without index files, and opens the session. */
static inline int bucket_setup(const char *entries) {
  struct hdx_config config;
  char path[160];
  if (!mkdtemp(folder))
    return -1;
  snprintf(path, sizeof path, "%s/b", folder);
  mkdir(path, 0755);
  snprintf(path, sizeof path, "%s/b/i", folder);
  mkdir(path, 0755);
  FILE *catalog = bucket_create("catalog.json");
  fprintf(catalog,
          "{\"Cloudy\":\"1.0\",\"endpoint\":\"s3://b/\",\"name\":\"B\",\"status\":{\"code\":1200,\"message\":\"OK\"},"
          "\"catalog\":[%s]}",
          entries);
  fclose(catalog);
  snprintf(bucket, sizeof bucket, "file://%s/b/", folder);
  snprintf(store, sizeof store, "%s/store", folder);
  hdx_config_init(&config);
  config.store = store;
  return hdx_session_open(&config, &session, &error) == HDX_OK ? 0 : -1;
}

static inline int bucket_teardown(void **state) {
  char command[200];
  (void)state;
  hdx_session_close(session);
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}

#endif
