/* hdx-objects: makes a bucket of objects for what mirrors it, and checks copies of it without looking at the original.
 *
 *   hdx-objects make DIR COUNT BYTES DISTINCT    makes DIR/data/0000/object_000000.cdf … of so many bytes each
 *   hdx-objects check DIR COUNT BYTES DISTINCT   all of them are in DIR, byte for byte, and nothing but DIR/.heliodex
 *
 * A thousand to a folder, all of 2020-01-01T00:00:00Z. The bytes are those of the stream of random.h that the object's
 * number gives, so that an object in another's place, a part of one at a wrong offset and a hole are all found. To save
 * memory, object n is made as a hard link to object n - DISTINCT and has its bytes. Prints a line of JSON: files,
 * bytes.
 *
 * Exit codes: 0 done, 2 an argument is wrong, 6 reading or writing failed, 7 a copy is not what was made (the first
 * difference is named). */
#include "base/file.h"
#include "generate/random.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEED = 6, FOLDER_FILES = 1000, COUNT_MAX = 10000000, MADE = 1577836800 };
#define PIECE_BYTES ((size_t)256 << 10) /* two of them fit the second-level cache */

struct tree {
  const char *root;
  uint32_t count;
  uint64_t bytes; /* of each object */
  uint32_t distinct;
};

static uint64_t piece[PIECE_BYTES / 8], found[PIECE_BYTES / 8];

_Noreturn static void fail(const char *path, const char *why) {
  fprintf(stderr, "hdx-objects: %s: %s\n", path, why);
  exit(hdx_status_exit_code(HDX_IO));
}

_Noreturn static void wrong(const char *path, const char *why, uint64_t at) {
  fprintf(stderr, "hdx-objects: %s: %s %" PRIu64 "\n", path, why, at);
  exit(hdx_status_exit_code(HDX_INTEGRITY));
}

static void object_path(const struct tree *tree, uint32_t number, char path[static PATH_MAX]) {
  if (snprintf(path, PATH_MAX, "%s/data/%04u/object_%06u.cdf", tree->root, number / FOLDER_FILES, number) >= PATH_MAX)
    fail(tree->root, "the path is too long");
}

/* The next bytes of an object, in `piece`; returns how many. All but the last piece of an object are whole. */
static size_t next_piece(struct gen_random *random, uint64_t left) {
  size_t size = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
  for (size_t i = 0; i < (size + 7) / 8; i++)
    piece[i] = gen_random_next(random);
  return size;
}

static void link_object(const struct tree *tree, uint32_t number, const char *path) {
  char first[PATH_MAX];
  object_path(tree, number - tree->distinct, first);
  if (link(first, path) != 0)
    fail(path, strerror(errno));
}

static void make_object(const struct tree *tree, uint32_t number, struct gen_random *random) {
  struct hdx_error error;
  char path[PATH_MAX];
  object_path(tree, number, path);
  if (number % FOLDER_FILES == 0) {
    char *slash = strrchr(path, '/');
    *slash = 0;
    if (hdx_file_make_folders(path, false, &error) != HDX_OK)
      fail(path, error.message);
    *slash = '/';
  }
  if (number >= tree->distinct) {
    link_object(tree, number, path);
    return;
  }
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0)
    fail(path, strerror(errno));
  for (uint64_t at = 0; at < tree->bytes;) {
    size_t size = next_piece(random, tree->bytes - at);
    if (hdx_file_write_at(fd, path, piece, size, at, &error) != HDX_OK)
      fail(path, error.message);
    at += size;
  }
  if (futimens(fd, (struct timespec[2]){{MADE, 0}, {MADE, 0}}) != 0 || close(fd) != 0)
    fail(path, strerror(errno));
}

static void check_object(const struct tree *tree, uint32_t number, struct gen_random *random) {
  struct hdx_error error;
  struct stat info;
  char path[PATH_MAX];
  object_path(tree, number, path);
  int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT)
    wrong(path, "is missing: object", number);
  if (fd < 0 || fstat(fd, &info) != 0)
    fail(path, strerror(errno));
  if ((uint64_t)info.st_size != tree->bytes)
    wrong(path, "its size is", (uint64_t)info.st_size);
  for (uint64_t at = 0; at < tree->bytes;) {
    size_t size = next_piece(random, tree->bytes - at);
    if (hdx_file_read_at(fd, path, found, size, at, &error) != HDX_OK)
      fail(path, error.message);
    if (memcmp(piece, found, size) != 0)
      wrong(path, "differs in the piece that begins at byte", at);
    at += size;
  }
  close(fd);
}

/* Everything but folders and what belongs to heliodex. */
static uint64_t count_files(const char *root) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s", root);
  FTS *walk = fts_open((char *[]){path, NULL}, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
  if (!walk)
    fail(root, strerror(errno));
  uint64_t count = 0;
  errno = 0;
  for (FTSENT *entry; (entry = fts_read(walk));) {
    if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS)
      fail(entry->fts_path, strerror(entry->fts_errno));
    if (entry->fts_info == FTS_D && entry->fts_level == 1 && strcmp(entry->fts_name, ".heliodex") == 0)
      fts_set(walk, entry, FTS_SKIP);
    else
      count += entry->fts_info != FTS_D && entry->fts_info != FTS_DP;
    errno = 0;
  }
  if (errno)
    fail(root, strerror(errno));
  fts_close(walk);
  return count;
}

static bool number_of(const char *text, uint64_t max, uint64_t *value) {
  char *end;
  errno = 0;
  *value = strtoull(text, &end, 10);
  return *text >= '0' && *text <= '9' && *end == 0 && errno == 0 && *value <= max;
}

int main(int argc, char **argv) {
  uint64_t count, bytes, distinct;
  bool make = argc > 1 && strcmp(argv[1], "make") == 0;
  if (argc != 6 || (!make && strcmp(argv[1], "check") != 0) || !number_of(argv[3], COUNT_MAX, &count) ||
      !number_of(argv[4], INT64_MAX / COUNT_MAX, &bytes) || !number_of(argv[5], COUNT_MAX, &distinct) ||
      distinct == 0) {
    fprintf(stderr, "usage: hdx-objects make|check DIR COUNT BYTES DISTINCT\n");
    return HDX_USAGE;
  }
  struct tree tree = {.root = argv[2], .count = (uint32_t)count, .bytes = bytes, .distinct = (uint32_t)distinct};
  for (uint32_t number = 0; number < tree.count; number++) {
    struct gen_random random;
    gen_random_init(&random, SEED, "object", number % tree.distinct);
    (make ? make_object : check_object)(&tree, number, &random);
  }
  if (!make) {
    uint64_t files = count_files(tree.root);
    if (files != tree.count)
      wrong(tree.root, "files in it, other than expected:", files);
  }
  printf("{\"files\":%" PRIu32 ",\"bytes\":%" PRIu64 "}\n", tree.count, tree.count * tree.bytes);
  return 0;
}
