/* What the benchmarks share: the index files of a bucket on disk, scanned as the index job scans them, and the clock.
 *
 * Whatever goes wrong ends the program with a message: a figure of a benchmark that half worked is worth nothing. */
#ifndef BENCH_FILES_H
#define BENCH_FILES_H

#include "base/buffer.h"
#include "base/error.h"
#include "catalog/rows.h"

#define BENCH_CHUNK_BYTES (256u << 10) /* a scanner is fed in such pieces, as the engine hands them out */

/* Prints "PROGRAM: what: why" and exits with 6. */
_Noreturn void bench_fail(const char *what, const char *why);
/* The same unless the status is OK. */
void bench_check(enum hdx_status status, const char *what, const struct hdx_error *error);

double bench_seconds(void);
/* Sorts the values; 0 if there are none. */
double bench_median(double *values, size_t count);

struct bench_file {
  char *path;
  char *id; /* of the dataset */
  int year;
};

/* In the order of ids and years. */
struct bench_files {
  struct bench_file *list;
  size_t count, capacity;
};

/* Finds <id>_YYYY.csv anywhere below the folder, of ids that match the shell pattern. */
void bench_files_find(struct bench_files *files, const char *folder, const char *pattern);
void bench_files_free(struct bench_files *files);
/* Where the dataset ends whose first file is `from`. */
size_t bench_files_end(const struct bench_files *files, size_t from);

/* A file being scanned. Its batches go to `take`, which may use everything here. */
struct bench_scan {
  const struct bench_file *file;
  struct hdx_csv *csv;
  struct hdx_buffer bytes; /* of the file */
  enum hdx_status (*take)(struct bench_scan *scan, const struct hdx_csv_batch *batch, struct hdx_error *error);
  void *user;
  double seconds; /* that scanning took, with what `take` did, over all files; reading them is not counted */
};

void bench_scan_init(struct bench_scan *scan);
void bench_scan_deinit(struct bench_scan *scan);
/* INTEGRITY of a single row ends the program too: the generator makes no bad ones. */
void bench_scan_file(struct bench_scan *scan, const struct bench_file *file);

/* The names of extra columns in the order in which they were met: their places are their numbers. */
struct bench_columns {
  char *names[HDX_CSV_EXTRA_MAX];
  size_t count;
};

uint32_t bench_column(struct bench_columns *columns, struct hdx_text name);
void bench_columns_free(struct bench_columns *columns);

/* Appends all rows of files [from, to), sorted. */
void bench_load(const struct bench_files *files, size_t from, size_t to, struct bench_columns *columns,
                struct hdx_rows *rows);

#endif
