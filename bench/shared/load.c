/* Loading whole datasets into memory. */
#include "shared/files.h"

#include <stdlib.h>

struct load {
  struct hdx_rows *rows;
  struct bench_columns *columns;
};

uint32_t bench_column(struct bench_columns *columns, struct hdx_text name) {
  for (size_t i = 0; i < columns->count; i++)
    if (hdx_text_is(name, columns->names[i]))
      return (uint32_t)i;
  if (columns->count == HDX_CSV_EXTRA_MAX || !(columns->names[columns->count] = hdx_text_dup(name)))
    bench_fail("extra columns", "too many");
  return (uint32_t)columns->count++;
}

void bench_columns_free(struct bench_columns *columns) {
  for (size_t i = 0; i < columns->count; i++)
    free(columns->names[i]);
}

static enum hdx_status take(struct bench_scan *scan, const struct hdx_csv_batch *batch, struct hdx_error *error) {
  const struct load *load = scan->user;
  const struct hdx_csv_dialect *dialect = hdx_csv_dialect(scan->csv);
  size_t places[HDX_CSV_EXTRA_MAX];
  for (size_t i = 0; i < dialect->extra_count; i++)
    bench_check(hdx_rows_column(load->rows, bench_column(load->columns, dialect->extra_names[i]), &places[i], error),
                scan->file->path, error);
  return hdx_rows_append(load->rows, batch, 0, batch->count, places, dialect->extra_count, scan->file->year, error);
}

void bench_load(const struct bench_files *files, size_t from, size_t to, struct bench_columns *columns,
                struct hdx_rows *rows) {
  struct load load = {rows, columns};
  struct bench_scan scan;
  struct hdx_error error;
  bench_scan_init(&scan);
  scan.take = take;
  scan.user = &load;
  for (size_t i = from; i < to; i++)
    bench_scan_file(&scan, &files->list[i]);
  bench_scan_deinit(&scan);
  bench_check(hdx_rows_sort(rows, &error), files->list[from].path, &error);
}
