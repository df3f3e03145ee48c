/* A folder of its own for a test of destinations. */
#ifndef TESTS_UNIT_MIRROR_FOLDER_H
#define TESTS_UNIT_MIRROR_FOLDER_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

/* "ROOT/BELOW", until the fourth call from now. */
static inline const char *at(const char *below) {
  static char paths[4][8192];
  static unsigned turn;
  char *path = paths[turn++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", root, below);
  return path;
}

static inline int root_setup(void **state) {
  (void)state;
  snprintf(root, sizeof root, "/tmp/hdx-mirror-XXXXXX");
  return mkdtemp(root) ? 0 : 1;
}

static inline int root_teardown(void **state) {
  (void)state;
  char command[256];
  snprintf(command, sizeof command, "chmod -R u+rwx '%s' && rm -rf '%s'", root, root);
  return system(command);
}

static inline bool put_file(const char *below, const char *bytes, size_t size) {
  FILE *file = fopen(at(below), "wb");
  if (!file)
    return false;
  bool written = fwrite(bytes, 1, size, file) == size;
  return fclose(file) == 0 && written;
}

/* What a file holds (with a NUL behind it), until the next call; NULL: it cannot be read. */
static inline const char *file_text(const char *below) {
  static char text[1 << 16];
  FILE *file = fopen(at(below), "rb");
  if (!file)
    return NULL;
  size_t size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[size] = 0;
  return text;
}

static inline bool is_there(const char *below) {
  struct stat info;
  return lstat(at(below), &info) == 0;
}

#endif
