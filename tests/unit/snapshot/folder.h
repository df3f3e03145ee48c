/* A folder of its own for a test of snapshots, with a place for one in it. */
#ifndef HDX_TEST_SNAPSHOT_FOLDER_H
#define HDX_TEST_SNAPSHOT_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64], path[128];

static inline int folder_setup(void **state) {
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/hdx-snapshot-XXXXXX");
  if (!mkdtemp(folder))
    return 1;
  snprintf(path, sizeof path, "%s/set.hdx", folder);
  return 0;
}

static inline int folder_teardown(void **state) {
  (void)state;
  unlink(path);
  return rmdir(folder); /* fails if a temporary file was left behind */
}

#endif
