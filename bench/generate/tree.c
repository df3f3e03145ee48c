#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum hdx_status fail(struct gen_tree *tree, const char *path, const char *verb) {
  return tree->status = hdx_error_errno(&tree->error, path, verb, errno);
}

/* Makes the directory `path` and its parents; `path` is edited on the way and left as it was. */
static enum hdx_status make_folders(struct gen_tree *tree, char *path) {
  for (char *p = path + 1; *path;) {
    char *slash = strchr(p, '/');
    if (slash)
      *slash = 0;
    bool made = mkdir(path, 0777) == 0 || errno == EEXIST;
    if (!made)
      return fail(tree, path, "mkdir");
    if (!slash)
      break;
    *slash = '/';
    p = slash + 1;
  }
  return HDX_OK;
}

static enum hdx_status require_empty(struct gen_tree *tree, const char *path) {
  DIR *folder = opendir(path);
  if (!folder)
    return fail(tree, path, "opendir");
  const struct dirent *entry;
  errno = 0;
  while ((entry = readdir(folder)) && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0))
    errno = 0;
  enum hdx_status status = HDX_OK;
  if (entry)
    status = tree->status = hdx_error_set(
        &tree->error, HDX_IO, "%s: expected an absent or empty directory, found %s in it", path, entry->d_name);
  else if (errno)
    status = fail(tree, path, "readdir");
  closedir(folder);
  return status;
}

enum hdx_status gen_tree_open(struct gen_tree *tree, const char *root) {
  *tree = (struct gen_tree){.fd = -1};
  size_t size = strlen(root);
  while (size > 1 && root[size - 1] == '/')
    size--;
  if (size == 0 || size >= PATH_MAX / 2)
    return tree->status = hdx_error_set(&tree->error, HDX_USAGE, "%s: expected a directory name of 1 to %d bytes", root,
                                        PATH_MAX / 2);
  tree->buffer = malloc(GEN_BUFFER_BYTES);
  if (!tree->buffer)
    return tree->status = hdx_error_memory(&tree->error, GEN_BUFFER_BYTES);
  memcpy(tree->path, root, size);
  tree->path[size] = 0;
  tree->root_size = size;
  if (make_folders(tree, tree->path) == HDX_OK)
    require_empty(tree, tree->path);
  return tree->status;
}

void gen_tree_close(struct gen_tree *tree) {
  if (tree->fd >= 0)
    close(tree->fd);
  free(tree->buffer);
  tree->buffer = NULL;
  tree->fd = -1;
}

void gen_tree_begin(struct gen_tree *tree, const char *path) {
  tree->used = 0;
  tree->bytes = 0;
  if (tree->status != HDX_OK)
    return;
  size_t size = strlen(path);
  if (tree->root_size + 1 + size >= PATH_MAX) {
    tree->status = hdx_error_set(&tree->error, HDX_IO, "%s: path too long", path);
    return;
  }
  tree->path[tree->root_size] = '/';
  memcpy(tree->path + tree->root_size + 1, path, size + 1);
  char *slash = strrchr(tree->path, '/');
  *slash = 0;
  if (strcmp(tree->path, tree->folder) != 0) {
    if (make_folders(tree, tree->path) != HDX_OK)
      return;
    memcpy(tree->folder, tree->path, strlen(tree->path) + 1);
  }
  *slash = '/';
  tree->fd = open(tree->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (tree->fd < 0)
    fail(tree, tree->path, "open");
}

void gen_tree_flush(struct gen_tree *tree) {
  size_t done = 0;
  while (tree->status == HDX_OK && done < tree->used) {
    ssize_t n = write(tree->fd, tree->buffer + done, tree->used - done);
    if (n > 0)
      done += (size_t)n;
    else if (n == 0 || errno != EINTR)
      fail(tree, tree->path, "write");
  }
  tree->bytes += done;
  tree->used = 0;
}

enum hdx_status gen_tree_end(struct gen_tree *tree) {
  gen_tree_flush(tree);
  if (tree->fd >= 0 && close(tree->fd) != 0 && tree->status == HDX_OK)
    fail(tree, tree->path, "close");
  tree->fd = -1;
  return tree->status;
}

void gen_tree_write(struct gen_tree *tree, const void *data, size_t size) {
  const char *from = data;
  while (size > 0) {
    size_t part = size < GEN_ROOM_MAX ? size : GEN_ROOM_MAX;
    char *to = gen_tree_room(tree);
    memcpy(to, from, part);
    gen_tree_wrote(tree, to + part);
    from += part;
    size -= part;
  }
}
