/* Writing: batches of the scanner become blocks of the writer, as src/job/year.c does it, and the writer is timed. */
#include "encode/encode.h"

struct writing {
  struct hdx_writer *writer;
  struct hdx_rows rows;
  size_t columns[HDX_CSV_EXTRA_MAX];
  double seconds; /* in the writer */
  uint64_t count;
};

static enum hdx_status add(struct writing *writing, int year, bool more, struct hdx_error *error) {
  double begun = bench_seconds();
  enum hdx_status status = hdx_writer_add(writing->writer, year, &writing->rows, more, error);
  writing->seconds += bench_seconds() - begun;
  return status;
}

static void map_columns(struct writing *writing, const struct hdx_csv_dialect *dialect) {
  struct hdx_error error;
  for (size_t i = 0; i < dialect->extra_count; i++) {
    uint32_t id;
    bench_check(hdx_writer_column(writing->writer, dialect->extra_names[i], &id, &error), "column", &error);
    bench_check(hdx_rows_column(&writing->rows, id, &writing->columns[i], &error), "column", &error);
  }
}

static enum hdx_status take(struct bench_scan *scan, const struct hdx_csv_batch *batch, struct hdx_error *error) {
  struct writing *writing = scan->user;
  struct hdx_rows *rows = &writing->rows;
  const struct hdx_csv_dialect *dialect = hdx_csv_dialect(scan->csv);
  enum hdx_status status = HDX_OK;
  for (size_t from = 0, to; from < batch->count && status == HDX_OK; from = to) {
    size_t room = HDX_BLOCK_ROWS - rows->count;
    to = batch->count - from < room ? batch->count : from + room;
    if (dialect->extra_count && !rows->extra_count)
      map_columns(writing, dialect);
    status = hdx_rows_append(rows, batch, from, to, writing->columns, dialect->extra_count, scan->file->year, error);
    if (status == HDX_OK && rows->count == HDX_BLOCK_ROWS)
      status = add(writing, scan->file->year, true, error);
  }
  writing->count += batch->count;
  return status;
}

/* The footer wants to know the years; where they came from is as long as in a real one. */
static void commit(struct writing *writing, const struct bench_files *files, size_t from, size_t to,
                   uint64_t *file_bytes) {
  enum { YEARS_MAX = 400 };
  struct hdx_error error;
  struct hdx_year years[YEARS_MAX];
  struct hdx_subject subject = {.source = HDX_TEXT("s3://gov-nasa-hdrl-data1/"),
                                .id = hdx_text_of(files->list[from].id),
                                .index = HDX_TEXT("s3://gov-nasa-hdrl-data1/"),
                                .indextype = HDX_TEXT("csv")};
  if (to - from > YEARS_MAX)
    bench_fail(files->list[from].id, "too many years");
  for (size_t i = from; i < to; i++)
    years[i - from] = (struct hdx_year){.year = files->list[i].year,
                                        .url = files->list[i].path,
                                        .etag = "\"0123456789abcdef0123456789abcdef\"",
                                        .last_modified = "Thu, 01 Jan 2026 00:00:00 GMT",
                                        .reason = ""};
  double begun = bench_seconds();
  enum hdx_status status = hdx_writer_commit(writing->writer, &subject, years, to - from, 3, file_bytes, &error);
  writing->seconds += bench_seconds() - begun;
  bench_check(status, files->list[from].id, &error);
}

void encode_write(const struct bench_files *files, size_t from, size_t to, const char *path, struct written *written) {
  struct hdx_error error;
  struct bench_scan scan;
  struct writing writing = {0};
  uint64_t file_bytes;
  bench_scan_init(&scan);
  scan.take = take;
  scan.user = &writing;
  hdx_rows_init(&writing.rows, SIZE_MAX);
  bench_check(hdx_writer_create(path, &writing.writer, &error), path, &error);
  for (size_t i = from; i < to; i++) {
    double before = writing.seconds;
    bench_scan_file(&scan, &files->list[i]);
    double within = writing.seconds - before; /* the scan's own clock has counted it already */
    bench_check(add(&writing, files->list[i].year, false, &error), path, &error);
    scan.seconds += writing.seconds - before - within;
    hdx_rows_clear(&writing.rows);
  }
  double before = writing.seconds;
  commit(&writing, files, from, to, &file_bytes);
  written->rows += writing.count;
  written->file_bytes += file_bytes;
  written->encode += writing.seconds;
  written->all += scan.seconds + writing.seconds - before;
  hdx_rows_deinit(&writing.rows);
  bench_scan_deinit(&scan);
}
