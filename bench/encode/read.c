/* Reading back: whether every row is the one that was written, and how long blocks take to decode. */
#include "encode/encode.h"

#include "snapshot/block.h"
#include "snapshot/reader.h"

#include <stdlib.h>

static const struct hdx_range everything = {HDX_TIME_NONE, HDX_TIME_NONE, HDX_MATCH_OVERLAP, {0, 9999}};

/* A row of the batch and one that was loaded; extra columns are the snapshot's, by name. */
static bool same(const struct hdx_batch *batch, size_t i, const size_t *places, const struct hdx_rows *rows,
                 size_t row) {
  bool equal = batch->start[i] == rows->start[row] && batch->stop[i] == rows->stop[row] &&
               batch->size[i] == rows->size[row] && hdx_text_equal(batch->key[i], rows->key[row]);
  for (size_t c = 0; equal && c < batch->extra_count; c++)
    equal = hdx_text_equal(batch->extra[c][i], rows->extra[places[c]][row]);
  return equal;
}

static void compare(const struct hdx_reader *reader, const struct bench_columns *columns, const struct hdx_rows *rows) {
  const struct hdx_snapshot_info *info = hdx_reader_info(reader);
  struct hdx_error error;
  struct hdx_cursor *cursor;
  struct hdx_batch batch;
  size_t row = 0, places[HDX_COLUMNS_MAX] = {0};
  if (info->extra_count != rows->extra_count)
    bench_fail(info->path, "other extra columns");
  for (size_t c = 0; c < info->extra_count; c++)
    for (size_t i = 0; i < rows->extra_count; i++)
      if (hdx_text_is(info->extra_names[c], columns->names[rows->extra_id[i]]))
        places[c] = i;
  bench_check(hdx_cursor_open(reader, &everything, &cursor, &error), info->path, &error);
  for (;;) {
    bench_check(hdx_cursor_next(cursor, &batch, &error), info->path, &error);
    for (size_t i = 0; i < batch.count; i++, row++)
      if (row >= rows->count || !same(&batch, i, places, rows, row))
        bench_fail(info->path, "a row came back as another one");
    if (!batch.count)
      break;
  }
  if (row != rows->count)
    bench_fail(info->path, "rows are missing");
  hdx_cursor_close(cursor);
}

uint64_t encode_compare(const struct bench_files *files, size_t from, size_t to, const char *path) {
  struct hdx_error error;
  struct hdx_reader *reader;
  struct hdx_rows rows;
  struct bench_columns columns = {0};
  uint64_t key_bytes = 0;
  hdx_rows_init(&rows, SIZE_MAX);
  bench_load(files, from, to, &columns, &rows);
  bench_check(hdx_reader_open(path, HDX_TEXT(""), &reader, &error), path, &error);
  bench_check(hdx_reader_verify(reader, &error), path, &error);
  compare(reader, &columns, &rows);
  for (size_t i = 0; i < rows.count; i++)
    key_bytes += rows.key[i].size;
  hdx_reader_close(reader);
  hdx_rows_deinit(&rows);
  bench_columns_free(&columns);
  return key_bytes;
}

/* The only place that asks a block for columns. They cannot be asked for one by one yet: sizes come with the keys. */
static enum hdx_status select_columns(const struct hdx_reader *reader, size_t n, struct hdx_block *block,
                                      struct hdx_zstd *zstd, const uint32_t *rows, enum depth depth,
                                      struct hdx_error *error) {
  if (depth == TIMES)
    return HDX_OK;
  unsigned wanted = depth == SIZES ? HDX_WANT_SIZE : HDX_WANT_SIZE | HDX_WANT_KEY;
  return hdx_reader_select(reader, n, block, zstd, rows, block->count, wanted, error);
}

double encode_read(const struct hdx_reader *reader, enum depth depth) {
  static uint32_t rows[HDX_BLOCK_ROWS_MAX];
  /* Kept from file to file, as a query keeps them from block to block. */
  static struct hdx_block block;
  static struct hdx_zstd *zstd;
  const struct hdx_snapshot_info *info = hdx_reader_info(reader);
  struct hdx_error error;
  if (!zstd) {
    hdx_block_init(&block);
    zstd = hdx_zstd_create();
    for (uint32_t i = 0; i < HDX_BLOCK_ROWS_MAX; i++)
      rows[i] = i;
  }
  if (!zstd)
    bench_fail(info->path, "out of memory");
  double begun = bench_seconds();
  for (size_t n = 0; n < info->blocks; n++) {
    bench_check(hdx_reader_block(reader, n, &block, zstd, &error), info->path, &error);
    bench_check(select_columns(reader, n, &block, zstd, rows, depth, &error), info->path, &error);
  }
  return bench_seconds() - begun;
}
