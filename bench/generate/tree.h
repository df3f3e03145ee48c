/* The directory tree that is written: one file at a time through one large buffer, every write checked.
 *
 * Errors stick: after the first, writes do nothing, so a generator may write a whole file and look once. */
#ifndef GEN_TREE_H
#define GEN_TREE_H

#include "base/error.h"

#include <limits.h>

#define GEN_BUFFER_BYTES (1u << 20) /* fits the second-level cache; larger writes gain nothing */
#define GEN_ROOM_MAX 4096           /* the most that one call may ask for */

struct gen_tree {
  size_t root_size;      /* bytes of path that name the directory */
  char path[PATH_MAX];   /* of the open file */
  char folder[PATH_MAX]; /* the last directory that was made or found */
  char *buffer;
  size_t used;
  int fd;         /* -1: no file is open */
  uint64_t bytes; /* of the open file, or of the last one */
  enum hdx_status status;
  struct hdx_error error;
};

/* Makes the directory (its parents too), which must be absent or empty: files of an older tree among the new ones would
 * make a bucket that no catalog describes. */
enum hdx_status gen_tree_open(struct gen_tree *tree, const char *root);
void gen_tree_close(struct gen_tree *tree);

/* Creates a file, by its path below the root. */
void gen_tree_begin(struct gen_tree *tree, const char *path);
/* Writes what is left and closes the file. */
enum hdx_status gen_tree_end(struct gen_tree *tree);

void gen_tree_flush(struct gen_tree *tree);

/* At least GEN_ROOM_MAX bytes to write to; the writer then says with gen_tree_wrote where it stopped. */
static inline char *gen_tree_room(struct gen_tree *tree) {
  if (tree->used > GEN_BUFFER_BYTES - GEN_ROOM_MAX)
    gen_tree_flush(tree);
  return tree->buffer + tree->used;
}

static inline void gen_tree_wrote(struct gen_tree *tree, const char *end) {
  tree->used = (size_t)(end - tree->buffer);
}

void gen_tree_write(struct gen_tree *tree, const void *data, size_t size);

#endif
