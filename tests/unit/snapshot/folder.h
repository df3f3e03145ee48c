/* A folder of its own for a test of snapshots, with a place for one in it. */
#ifndef HDX_TEST_SNAPSHOT_FOLDER_H
#define HDX_TEST_SNAPSHOT_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64], path[128];

static inline int folder_setup(void **state) {
  (void)state;
  /* In memory, if there is such a place: syncing a disk thousands of times shows nothing. */
  snprintf(folder, sizeof folder, "%s/hdx-snapshot-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
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
