/* Finding index files and scanning them. */
#include "shared/files.h"

#include "base/file.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FILE_BYTES_MAX ((uint64_t)1 << 32)

void bench_fail(const char *what, const char *why) {
  fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, why);
  exit(6);
}

void bench_check(enum hdx_status status, const char *what, const struct hdx_error *error) {
  if (status != HDX_OK)
    bench_fail(what, error->message);
}

double bench_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int compare_numbers(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double bench_median(double *values, size_t count) {
  qsort(values, count, sizeof *values, compare_numbers);
  return count ? values[count / 2] : 0;
}

/* ---- finding ---- */

/* What nftw's callback adds to: it takes no argument of ours. */
static struct bench_files *found;
static const char *wanted;

static int on_entry(const char *path, const struct stat *info, int type, struct FTW *place) {
  enum { TAIL = sizeof "_YYYY.csv" - 1 };
  const char *name = path + place->base;
  size_t size = strlen(name);
  (void)info;
  if (type != FTW_F || size <= TAIL || strcmp(name + size - 4, ".csv") != 0 || name[size - TAIL] != '_' ||
      !hdx_text_glob(hdx_text_of(wanted), (struct hdx_text){name, size - TAIL}))
    return 0;
  if (found->count == found->capacity) {
    found->capacity = found->capacity ? 2 * found->capacity : 64;
    found->list = realloc(found->list, found->capacity * sizeof *found->list);
  }
  struct bench_file file = {strdup(path), hdx_text_dup((struct hdx_text){name, size - TAIL}),
                            atoi(name + size - TAIL + 1)};
  if (!found->list || !file.path || !file.id)
    bench_fail(path, "out of memory");
  found->list[found->count++] = file;
  return 0;
}

static int compare_files(const void *a, const void *b) {
  const struct bench_file *x = a, *y = b;
  int order = strcmp(x->id, y->id);
  return order ? order : x->year - y->year;
}

void bench_files_find(struct bench_files *files, const char *folder, const char *pattern) {
  *files = (struct bench_files){0};
  found = files;
  wanted = pattern;
  if (nftw(folder, on_entry, 32, FTW_PHYS) != 0)
    bench_fail(folder, strerror(errno));
  if (!files->count)
    bench_fail(folder, "no index files");
  qsort(files->list, files->count, sizeof *files->list, compare_files);
}

void bench_files_free(struct bench_files *files) {
  for (size_t i = 0; i < files->count; i++) {
    free(files->list[i].path);
    free(files->list[i].id);
  }
  free(files->list);
}

size_t bench_files_end(const struct bench_files *files, size_t from) {
  size_t to = from;
  while (to < files->count && strcmp(files->list[to].id, files->list[from].id) == 0)
    to++;
  return to;
}

/* ---- scanning ---- */

static enum hdx_status on_batch(void *user, const struct hdx_csv_batch *batch, struct hdx_error *error) {
  struct bench_scan *scan = user;
  return scan->take(scan, batch, error);
}

void bench_scan_init(struct bench_scan *scan) {
  struct hdx_csv_options options = {.kernel = hdx_csv_kernel(hdx_cpu_level()), .rows = on_batch, .user = scan};
  struct hdx_error error;
  *scan = (struct bench_scan){0};
  hdx_buffer_init(&scan->bytes, FILE_BYTES_MAX);
  bench_check(hdx_csv_open(&options, &scan->csv, &error), "scanner", &error);
}

void bench_scan_deinit(struct bench_scan *scan) {
  hdx_csv_close(scan->csv);
  hdx_buffer_deinit(&scan->bytes);
}

void bench_scan_file(struct bench_scan *scan, const struct bench_file *file) {
  struct hdx_error error;
  scan->file = file;
  hdx_buffer_clear(&scan->bytes);
  hdx_csv_reset(scan->csv);
  bench_check(hdx_file_read(file->path, FILE_BYTES_MAX, &scan->bytes, &error), file->path, &error);
  double begun = bench_seconds();
  for (size_t at = 0, size; at < scan->bytes.size; at += size) {
    size = scan->bytes.size - at < BENCH_CHUNK_BYTES ? scan->bytes.size - at : BENCH_CHUNK_BYTES;
    bench_check(hdx_csv_feed(scan->csv, scan->bytes.data + at, size, &error), file->path, &error);
  }
  bench_check(hdx_csv_finish(scan->csv, &error), file->path, &error);
  scan->seconds += bench_seconds() - begun;
  if (hdx_csv_result(scan->csv)->bad_rows)
    bench_fail(file->path, hdx_csv_result(scan->csv)->samples[0].reason);
}
