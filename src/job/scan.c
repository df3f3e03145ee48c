/* One index file on a worker: its bytes are unpacked and scanned, its rows handed to the dataset's writer or to the
 * run's inspector. */
#include "job/parameters.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROWS_SHARE = 4 /* of the memory, for rows */ };

static enum hdx_status map_columns(struct hdx_year_job *year, struct hdx_error *error) {
  const struct hdx_csv_dialect *dialect = hdx_csv_dialect(year->scanner->csv);
  if (!year->columns)
    year->columns = calloc(HDX_CSV_EXTRA_MAX, sizeof *year->columns);
  if (!year->columns)
    return hdx_error_memory(error, HDX_CSV_EXTRA_MAX * sizeof *year->columns);
  enum hdx_status status = HDX_OK;
  for (size_t i = 0; i < dialect->extra_count && status == HDX_OK; i++) {
    uint32_t id;
    status = hdx_writer_column(year->dataset->writer, dialect->extra_names[i], &id, error);
    if (status == HDX_OK)
      status = hdx_rows_column(&year->rows, id, &year->columns[i], error);
  }
  return status;
}

static void on_bad_row(void *user, const struct hdx_csv_bad_row *bad_row) {
  struct hdx_year_job *year = ((struct hdx_scanner *)user)->year;
  if (year->dataset->run->inspector)
    year->dataset->run->inspector->bad(year, bad_row);
  else
    hdx_year_bad_row(year, bad_row);
}

/* Counts what the year's rows take. */
static void count_rows(struct hdx_year_job *year) {
  size_t bytes = hdx_rows_bytes(&year->rows);
  atomic_fetch_add(&year->dataset->run->rows_bytes, (uint64_t)bytes - year->rows_bytes);
  year->rows_bytes = bytes;
}

void hdx_year_drop_rows(struct hdx_year_job *year) {
  hdx_rows_deinit(&year->rows);
  count_rows(year);
}

/* Whether the rows of all years that are being read, and of datasets that are not complete, take more memory than they
 * should: those that can be are written then, in smaller blocks than they would be. */
static bool crowded(const struct hdx_index_run *run) {
  return atomic_load(&run->rows_bytes) > hdx_session_memory(run->session) / ROWS_SHARE;
}

/* Rows go to the writer before there is a block of them. */
static enum hdx_status write_early(struct hdx_year_job *year, struct hdx_error *error) {
  enum hdx_status status = hdx_writer_add(year->dataset->writer, year->year, &year->rows, true, error);
  hdx_year_drop_rows(year);
  return status;
}

/* A batch of the scanner goes to the rows, and rows that make a block to the writer. */
static enum hdx_status on_rows(void *user, const struct hdx_csv_batch *batch, struct hdx_error *error) {
  struct hdx_year_job *year = ((struct hdx_scanner *)user)->year;
  if (year->dataset->run->inspector)
    return year->dataset->run->inspector->rows(year, batch, error);
  struct hdx_rows *rows = &year->rows;
  size_t columns = hdx_csv_dialect(year->scanner->csv)->extra_count;
  enum hdx_status status = year->scan_status;
  for (size_t from = 0, to; from < batch->count && status == HDX_OK; from = to) {
    size_t room = HDX_BLOCK_ROWS - rows->count;
    to = batch->count - from < room ? batch->count : from + room;
    if (columns && !rows->extra_count)
      status = map_columns(year, error);
    if (status == HDX_OK)
      status = hdx_rows_append(rows, batch, from, to, year->columns, columns, year->year, error);
    if (status == HDX_OK && (rows->count == HDX_BLOCK_ROWS || rows->text.total > HDX_ROWS_TEXT_BYTES))
      status = hdx_writer_add(year->dataset->writer, year->year, rows, true, error);
  }
  count_rows(year);
  return status == HDX_OK && rows->count && crowded(year->dataset->run) ? write_early(year, error) : status;
}

/* What the file holds goes to the scanner, unless a bad row has ended that. */
static enum hdx_status on_unpacked(void *user, const char *data, size_t size, struct hdx_error *error) {
  const struct hdx_scanner *scanner = user;
  enum hdx_status ended = scanner->year->scan_status;
  return ended == HDX_OK ? hdx_csv_feed(scanner->csv, data, size, error) : ended;
}

/* What a bad row made of the scan stands. */
static void note(struct hdx_year_job *year, enum hdx_status status) {
  year->scan_status = year->scan_status == HDX_OK ? status : year->scan_status;
}

static void scan_begin(struct hdx_year_job *year) {
  const struct hdx_inspector *inspector = year->dataset->run->inspector;
  hdx_year_forget_bad_rows(year);
  hdx_unpack_reset(year->scanner->unpack);
  hdx_csv_reset(year->scanner->csv);
  if (inspector) {
    note(year, inspector->begin(year, &year->scan_error));
    return;
  }
  if (year->named) {
    size_t count;
    const struct hdx_text *names = hdx_parameters_names(year->dataset, &count);
    note(year, hdx_csv_name_extras(year->scanner->csv, names, count, &year->scan_error));
  }
  hdx_rows_clear(&year->rows);
  hdx_writer_drop_year(year->dataset->writer, year->year);
  year->keep_bytes = 0;
  if (year->scan_status == HDX_OK && year->keep.path && ftruncate(year->keep.fd, 0) != 0)
    year->scan_status = hdx_error_errno(&year->scan_error, year->keep.path, "truncate", errno);
}

static void scan_block(struct hdx_year_job *year, const struct hdx_block *block) {
  if (year->keep.path && year->scan_status == HDX_OK) {
    year->scan_status = hdx_file_write_at(year->keep.fd, year->keep.path, block->data, block->size, year->keep_bytes,
                                          &year->scan_error);
    year->keep_bytes += block->size;
  }
  if (year->scan_status == HDX_OK)
    note(year, hdx_unpack_feed(year->scanner->unpack, block->data, block->size, &year->scan_error));
}

/* Counts the rows that the file has already. The scanner knows of those that follow each other, which are all of a file
 * in order; those of one out of order do so once its rows are sorted, if they are all here. */
static enum hdx_status count_duplicates(struct hdx_year_job *year, struct hdx_error *error) {
  const struct hdx_csv_result *result = hdx_csv_result(year->scanner->csv);
  year->duplicates = result->duplicates;
  if (year->rows.sorted || year->rows.count != result->rows)
    return HDX_OK;
  enum hdx_status status = hdx_rows_sort(&year->rows, error);
  year->duplicates = hdx_rows_duplicates(&year->rows);
  return status;
}

static void scan_end(struct hdx_year_job *year) {
  struct hdx_error *error = &year->scan_error;
  if (year->scan_status == HDX_OK)
    note(year, hdx_unpack_finish(year->scanner->unpack, error));
  if (year->scan_status == HDX_OK)
    note(year, hdx_csv_finish(year->scanner->csv, error));
  if (year->dataset->run->inspector) {
    if (year->scan_status == HDX_OK)
      year->dataset->run->inspector->end(year);
    return;
  }
  const struct hdx_csv_result *result = hdx_csv_result(year->scanner->csv);
  if (year->scan_status == HDX_OK && result->bad_rows && !result->rows) {
    const struct hdx_csv_bad_row *bad = &result->samples[0];
    year->scan_status =
        hdx_error_set(error, HDX_INTEGRITY, "none of its %llu rows can be read; the first in line %llu: %s",
                      (unsigned long long)result->bad_rows, (unsigned long long)bad->line, bad->reason);
  }
  if (year->scan_status == HDX_OK)
    year->scan_status = count_duplicates(year, error);
  if (year->scan_status == HDX_OK)
    year->scan_status = hdx_writer_add(year->dataset->writer, year->year, &year->rows, false, error);
  hdx_year_drop_rows(year);
  if (year->scan_status == HDX_OK && crowded(year->dataset->run))
    year->scan_status = hdx_writer_spill(year->dataset->writer, error);
  if (year->scan_status == HDX_OK && year->keep.path)
    year->scan_status = hdx_temp_commit(&year->keep, error);
  if (year->scan_status != HDX_OK)
    hdx_writer_drop_year(year->dataset->writer, year->year);
}

void hdx_year_scan(struct hdx_work *work) {
  struct hdx_year_job *year = (struct hdx_year_job *)work;
  if (year->restart)
    scan_begin(year);
  for (struct hdx_block *block = year->taken; block; block = block->next)
    scan_block(year, block);
  if (year->last)
    scan_end(year);
}

struct hdx_scanner *hdx_scanner_new(const struct hdx_index_run *run, struct hdx_error *error) {
  struct hdx_scanner *scanner = calloc(1, sizeof *scanner);
  struct hdx_csv_options options = {.kernel = hdx_csv_kernel(hdx_cpu_level()),
                                    .rows = on_rows,
                                    .bad = on_bad_row,
                                    .lines = run->inspector != NULL,
                                    .user = scanner};
  if (!scanner) {
    hdx_error_memory(error, sizeof *scanner);
    return NULL;
  }
  if (hdx_csv_open(&options, &scanner->csv, error) == HDX_OK &&
      hdx_unpack_open(on_unpacked, scanner, &scanner->unpack, error) == HDX_OK)
    return scanner;
  hdx_scanner_free(scanner);
  return NULL;
}

void hdx_scanner_free(struct hdx_scanner *scanner) {
  hdx_csv_close(scanner->csv);
  hdx_unpack_close(scanner->unpack);
  free(scanner);
}
