/* hdx-entropy: the least that sizes and durations of a bucket's datasets take if each value is coded by how often it is
 * among 8192 rows, and nothing else is known: the floor for the snapshot's bytes a row.
 *
 *   hdx-entropy TREE [PATTERN]
 *
 * Rows of each dataset (whose ids match the shell PATTERN) are sorted and cut into blocks of 8192, the last one may be
 * shorter; the order-0 entropies of the column of sizes and of that of stop - start are summed over the blocks. Tables
 * of frequencies, starts and keys count nothing. Prints a line of JSON: rows, bytes a row for each and for both. */
#include "shared/files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK = 8192 };

static int compare(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* Bits of all values together; sorts them. */
static double entropy(int64_t *values, size_t count) {
  double bits = 0;
  qsort(values, count, sizeof *values, compare);
  for (size_t i = 0, end; i < count; i = end) {
    for (end = i + 1; end < count && values[end] == values[i]; end++)
      ;
    bits += (double)(end - i) * log2((double)count / (double)(end - i));
  }
  return bits;
}

int main(int argc, char **argv) {
  struct bench_files files;
  struct hdx_rows rows;
  struct bench_columns columns = {0};
  static int64_t values[BLOCK];
  double size_bits = 0, duration_bits = 0, total = 0;
  if (argc < 2 || argc > 3) {
    fprintf(stderr, "usage: hdx-entropy TREE [PATTERN]\n");
    return 2;
  }
  bench_files_find(&files, argv[1], argc > 2 ? argv[2] : "*");
  hdx_rows_init(&rows, SIZE_MAX);
  for (size_t from = 0, to; from < files.count; from = to) {
    to = bench_files_end(&files, from);
    hdx_rows_clear(&rows);
    bench_load(&files, from, to, &columns, &rows);
    for (size_t at = 0, count; at < rows.count; at += count) {
      count = rows.count - at < BLOCK ? rows.count - at : BLOCK;
      memcpy(values, rows.size + at, count * sizeof *values);
      size_bits += entropy(values, count);
      for (size_t i = 0; i < count; i++)
        values[i] = (int64_t)((uint64_t)rows.stop[at + i] - (uint64_t)rows.start[at + i]);
      duration_bits += entropy(values, count);
    }
    total += (double)rows.count;
  }
  printf("{\"rows\":%.0f,\"size\":%.4f,\"duration\":%.4f,\"both\":%.4f}\n", total, size_bits / 8 / total,
         duration_bits / 8 / total, (size_bits + duration_bits) / 8 / total);
  hdx_rows_deinit(&rows);
  bench_columns_free(&columns);
  bench_files_free(&files);
  return 0;
}
