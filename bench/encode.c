/* hdx-encode: how fast rows of real index files become snapshots and come back, on one core.
 *
 *   hdx-encode [--rounds N] [--folder DIR] TREE [PATTERN]
 *
 * TREE is a bucket as hdx-generate makes it; datasets whose ids match PATTERN count. Each dataset's snapshot is written
 * to --folder (/dev/shm), read back and every row compared. Then, --rounds times (5), all datasets are written anew and
 * their blocks decoded: times only, also sizes, also the text of keys. The CSV is scanned just before the rows are
 * encoded, as in an index job, so that they lie in the same caches; its time is counted apart. Prints a line of JSON
 * with rows a second (medians). */
#include "encode/encode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROUNDS_MAX = 1000 };

struct run {
  struct bench_files files;
  char folder[4096];
  size_t rounds;
  uint64_t key_bytes;
  struct written written; /* in the last round */
  double encode[ROUNDS_MAX], all[ROUNDS_MAX], decode[DEPTHS][ROUNDS_MAX];
};

static const char *path_of(const struct run *run, size_t from) {
  static char path[8192];
  snprintf(path, sizeof path, "%s/%s.hdx", run->folder, run->files.list[from].id);
  return path;
}

static void check(struct run *run) {
  struct written unused = {0};
  for (size_t from = 0, to; from < run->files.count; from = to) {
    to = bench_files_end(&run->files, from);
    encode_write(&run->files, from, to, path_of(run, from), &unused);
    run->key_bytes += encode_compare(&run->files, from, to, path_of(run, from));
  }
}

static void measure(struct run *run, size_t round) {
  struct hdx_error error;
  struct hdx_reader *reader;
  run->written = (struct written){0};
  for (size_t from = 0, to; from < run->files.count; from = to) {
    to = bench_files_end(&run->files, from);
    const char *path = path_of(run, from);
    encode_write(&run->files, from, to, path, &run->written);
    bench_check(hdx_reader_open(path, HDX_TEXT(""), &reader, &error), path, &error);
    for (enum depth depth = TIMES; depth < DEPTHS; depth++)
      run->decode[depth][round] += encode_read(reader, depth);
    hdx_reader_close(reader);
  }
  run->encode[round] = run->written.encode;
  run->all[round] = run->written.all;
}

static void print(struct run *run) {
  double n = (double)run->written.rows;
  printf("{\"rows\":%.0f,\"file_bytes\":%llu,\"key_bytes\":%llu,\"encode\":%.0f,\"scan_encode\":%.0f,\"times\":%.0f,"
         "\"sizes\":%.0f,\"keys\":%.0f}\n",
         n, (unsigned long long)run->written.file_bytes, (unsigned long long)run->key_bytes,
         n / bench_median(run->encode, run->rounds), n / bench_median(run->all, run->rounds),
         n / bench_median(run->decode[TIMES], run->rounds), n / bench_median(run->decode[SIZES], run->rounds),
         n / bench_median(run->decode[KEYS], run->rounds));
}

static void discard(struct run *run) {
  for (size_t from = 0; from < run->files.count; from = bench_files_end(&run->files, from))
    unlink(path_of(run, from));
  rmdir(run->folder);
  bench_files_free(&run->files);
}

int main(int argc, char **argv) {
  static struct run run = {.rounds = 5};
  const char *folder = "/dev/shm";
  int i = 1;
  for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
    uint64_t number = 0;
    if (strcmp(argv[i], "--folder") == 0)
      folder = argv[i + 1];
    else if (strcmp(argv[i], "--rounds") == 0 && hdx_text_to_u64(hdx_text_of(argv[i + 1]), ROUNDS_MAX, &number) &&
             number)
      run.rounds = (size_t)number;
    else
      bench_fail(argv[i], "expected --rounds N or --folder DIR");
  }
  if (i != argc - 1 && i != argc - 2) {
    fprintf(stderr, "usage: hdx-encode [--rounds N] [--folder DIR] TREE [PATTERN]\n");
    return 2;
  }
  bench_files_find(&run.files, argv[i], i + 1 < argc ? argv[i + 1] : "*");
  snprintf(run.folder, sizeof run.folder, "%s/hdx-encode-%ld", folder, (long)getpid());
  if (mkdir(run.folder, 0777) != 0)
    bench_fail(run.folder, strerror(errno));
  check(&run);
  for (size_t round = 0; round < run.rounds; round++)
    measure(&run, round);
  print(&run);
  discard(&run);
  return 0;
}
