/* A bucket in a folder of its own, made for a test, and a session with a store beside it. */
#ifndef HDX_TEST_ARCHIVE_H
#define HDX_TEST_ARCHIVE_H

#include "heliodex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ARCHIVE_DATASET_SPAN(id, start, stop)                                                                          \
  "{\"id\":\"" id "\",\"index\":\"s3://b/i/\",\"title\":\"T\",\"start\":\"" start "\",\"stop\":\"" stop "\"}"

/* An entry of the catalog for a dataset whose index files are i/<id>_2019.csv. */
#define ARCHIVE_DATASET(id) ARCHIVE_DATASET_SPAN(id, "2019-01-01T00:00:00Z", "2019-12-31T00:00:00Z")

static char folder[] = "/tmp/hdx-test-XXXXXX";
static char bucket[64], store[64]; /* file://folder/b/, folder/store */
static struct hdx_session *session;

/* A file of the bucket, open to be written. */
static inline FILE *archive_create(const char *name) {
  char path[160];
  snprintf(path, sizeof path, "%s/b/%s", folder, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  return file;
}

static inline void archive_write(const char *name, const char *content) {
  FILE *file = archive_create(name);
  fputs(content, file);
  assert_int_equal(fclose(file), 0);
}

/* Makes the bucket with a catalog of these entries, and opens the session. */
static inline void archive_open(const char *entries, uint64_t memory_bytes) {
  struct hdx_config config;
  char path[64];
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/b", folder);
  assert_int_equal(mkdir(path, 0755), 0);
  snprintf(path, sizeof path, "%s/b/i", folder);
  assert_int_equal(mkdir(path, 0755), 0);
  FILE *catalog = archive_create("catalog.json");
  fprintf(catalog,
          "{\"Cloudy\":\"1.0\",\"endpoint\":\"s3://b/\",\"name\":\"B\",\"status\":{\"code\":1200,\"message\":\"OK\"},"
          "\"catalog\":[%s]}",
          entries);
  assert_int_equal(fclose(catalog), 0);
  snprintf(bucket, sizeof bucket, "file://%s/b/", folder);
  snprintf(store, sizeof store, "%s/store", folder);
  hdx_config_init(&config);
  config.store = store;
  config.memory_bytes = memory_bytes ? memory_bytes : config.memory_bytes;
  assert_int_equal(hdx_session_open(&config, &session, NULL), HDX_OK);
}

/* Closes and removes it all. */
static inline int archive_close(void **state) {
  char command[64];
  (void)state;
  hdx_session_close(session);
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}

#endif
