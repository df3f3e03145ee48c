/* Taking over rows of an older snapshot: blocks of a year are copied as they are, mixed ones are decoded. */
#include "base/error.h"
#include "codec/hash.h"
#include "snapshot/writer.h"

#include <stdlib.h>

enum hdx_status hdx_writer_decode(struct hdx_rows *rows, struct hdx_block *block, struct hdx_zstd *zstd,
                                  const struct hdx_footer *footer, const uint32_t *ids, struct hdx_error *error) {
  size_t columns[HDX_CSV_EXTRA_MAX], at = rows->count;
  uint32_t *all = malloc(block->count * sizeof *all);
  if (!all)
    return hdx_error_memory(error, block->count * sizeof *all);
  for (size_t i = 0; i < block->count; i++)
    all[i] = (uint32_t)i;
  enum hdx_status status = hdx_block_select(block, zstd, all, block->count, HDX_WANT_ALL, error);
  free(all);
  for (size_t c = 0; status == HDX_OK && c < block->extra_count; c++) {
    uint32_t id = block->extra_id[c];
    size_t known = 0;
    while (ids && known < footer->column_count && footer->column_ids[known] != id)
      known++;
    if (ids && known == footer->column_count)
      return hdx_error_set(error, HDX_INTEGRITY, "an extra column that the footer does not name");
    status = hdx_rows_column(rows, ids ? ids[known] : id, &columns[c], error);
  }
  if (status != HDX_OK)
    return status;
  struct hdx_csv_batch batch = {.count = block->count,
                                .start = block->start,
                                .stop = block->stop,
                                .size = block->size,
                                .key = block->key,
                                .extra = (const struct hdx_text *const *)block->extra};
  status = hdx_rows_append(rows, &batch, 0, block->count, columns, block->extra_count, block->year_of_all, error);
  for (size_t i = 0; status == HDX_OK && block->year && i < block->count; i++)
    rows->year[at + i] = (int16_t)block->year[i];
  return status;
}

/* Gives the writer the reader's columns: ids[c] is the number here of its column c. They are made in the order of their
 * old numbers, so that these mostly stay the same. */
static enum hdx_status take_columns(struct hdx_writer *writer, const struct hdx_footer *footer, uint32_t *ids,
                                    struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  bool done[HDX_COLUMNS_MAX] = {false};
  for (size_t n = 0; status == HDX_OK && n < footer->column_count; n++) {
    size_t least = SIZE_MAX;
    for (size_t c = 0; c < footer->column_count; c++)
      if (!done[c] && (least == SIZE_MAX || footer->column_ids[c] < footer->column_ids[least]))
        least = c;
    done[least] = true;
    status = hdx_writer_column(writer, footer->column_names[least], &ids[least], error);
  }
  return status;
}

/* The numbers here of the block's templates and extra columns; *same: all are the old ones. */
static enum hdx_status rename_parts(struct hdx_writer *writer, const struct hdx_footer *footer,
                                    const struct hdx_block *block, const uint32_t *ids, uint32_t *templates,
                                    uint32_t *columns, bool *same, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  *same = true;
  for (size_t c = HDX_KEYS; c < HDX_PLAIN_COLUMNS + block->extra_count; c++) {
    const struct hdx_block_column *column = &block->columns[c];
    for (size_t t = 0; status == HDX_OK && t < column->template_count; t++) {
      uint32_t old = column->templates[t];
      if (old >= footer->template_count)
        return hdx_error_set(error, HDX_INTEGRITY, "a template that the footer does not have");
      status = hdx_book_add(&writer->book, footer->templates[old], &templates[old], error);
      *same &= templates[old] == old;
    }
  }
  for (size_t i = 0; status == HDX_OK && i < block->extra_count; i++) {
    size_t known = 0;
    while (known < footer->column_count && footer->column_ids[known] != block->extra_id[i])
      known++;
    if (known == footer->column_count)
      return hdx_error_set(error, HDX_INTEGRITY, "an extra column that the footer does not name");
    columns[i] = ids[known];
    *same &= columns[i] == block->extra_id[i];
  }
  return status;
}

/* Copies a peeked block: as it is, or, where its templates or columns have other numbers here, with a new head. */
static enum hdx_status copy_bytes(struct hdx_writer *writer, const struct hdx_reader *reader,
                                  const struct hdx_block *block, const uint32_t *ids, struct hdx_written *written,
                                  struct hdx_error *error) {
  const uint8_t *bytes = reader->bytes + written->zone.offset;
  uint32_t columns[HDX_CSV_EXTRA_MAX], *templates = calloc(reader->footer.template_count + 1, sizeof *templates);
  struct hdx_buffer renamed;
  bool same = false;
  if (!templates)
    return hdx_error_memory(error, reader->footer.template_count * sizeof *templates);
  hdx_buffer_init(&renamed, HDX_BLOCK_BYTES_MAX);
  enum hdx_status status = rename_parts(writer, &reader->footer, block, ids, templates, columns, &same, error);
  if (status == HDX_OK && !same) {
    const uint8_t *body = block->columns[HDX_TIMES].data;
    hdx_block_put_head(block, written->zone.flags, templates, columns, &renamed);
    hdx_buffer_append(&renamed, body, written->zone.length - (size_t)(body - bytes));
    status = hdx_buffer_status(&renamed, "block", error);
    bytes = (const uint8_t *)renamed.data;
    written->zone.length = (uint32_t)renamed.size;
    written->zone.hash = hdx_hash(renamed.data, renamed.size);
  }
  if (status == HDX_OK) {
    hdx_written_mark(written, columns, block->extra_count);
    status = hdx_writer_put_block(writer, written, bytes, NULL, error);
  }
  hdx_buffer_deinit(&renamed);
  free(templates);
  return status;
}

/* Copies block n. */
static enum hdx_status copy_block(struct hdx_writer *writer, const struct hdx_reader *reader, size_t n,
                                  const uint32_t *ids, struct hdx_block *block, struct hdx_zstd *zstd,
                                  struct hdx_error *error) {
  struct hdx_written written = {.zone = reader->footer.zones[n]};
  enum hdx_status status = hdx_block_peek(block, reader->bytes + written.zone.offset, &written.zone, error);
  if (status != HDX_OK)
    return hdx_error_context(error, status, "%s: block %zu", reader->path, n);
  /* What made-up stops may be is found anew when the file is committed; where only some are, the known ones have to be
   * looked at for that. */
  if (!(written.zone.flags & HDX_BLOCK_SOME_STOPS)) {
    if (written.zone.flags & HDX_BLOCK_NO_STOP)
      written.zone.max_stop = HDX_TIME_NONE;
    status = copy_bytes(writer, reader, block, ids, &written, error);
    return status == HDX_INTEGRITY ? hdx_error_context(error, status, "%s: block %zu", reader->path, n) : status;
  }
  struct hdx_rows rows;
  hdx_rows_init(&rows, SIZE_MAX);
  status = hdx_reader_block(reader, n, block, zstd, error);
  if (status == HDX_OK)
    status = hdx_writer_decode(&rows, block, zstd, &reader->footer, ids, error);
  if (status == HDX_OK)
    status = hdx_writer_put_rows(writer, &rows, false, NULL, error);
  hdx_rows_deinit(&rows);
  return status;
}

/* Decodes the mixed blocks once, for all years that are kept. */
static enum hdx_status load_kept(struct hdx_writer *writer, const struct hdx_reader *reader, const uint32_t *ids,
                                 struct hdx_block *block, struct hdx_zstd *zstd, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  hdx_rows_clear(&writer->kept);
  writer->kept_reader = NULL;
  for (size_t n = 0; status == HDX_OK && n < reader->footer.zone_count; n++) {
    if (!(reader->footer.zones[n].flags & HDX_BLOCK_MIXED))
      continue;
    status = hdx_reader_block(reader, n, block, zstd, error);
    if (status == HDX_OK)
      status = hdx_writer_decode(&writer->kept, block, zstd, &reader->footer, ids, error);
  }
  if (status == HDX_OK)
    writer->kept_reader = reader;
  return status;
}

/* Adds what the mixed blocks have of a year. */
static enum hdx_status keep_mixed(struct hdx_writer *writer, const struct hdx_reader *reader, int year,
                                  const uint32_t *ids, struct hdx_block *block, struct hdx_zstd *zstd,
                                  struct hdx_error *error) {
  struct hdx_rows rows;
  hdx_rows_init(&rows, SIZE_MAX);
  hdx_writer_lock(writer);
  enum hdx_status status = writer->kept_reader == reader ? HDX_OK : load_kept(writer, reader, ids, block, zstd, error);
  const struct hdx_rows *kept = &writer->kept;
  for (size_t from = 0, to; status == HDX_OK && from < kept->count; from = to) {
    to = from + 1;
    while (to < kept->count && kept->year[to] == kept->year[from])
      to++;
    if (kept->year[from] == year)
      status = hdx_rows_append_rows(&rows, kept, from, to, error);
  }
  hdx_writer_unlock(writer);
  if (status == HDX_OK)
    status = hdx_writer_add(writer, year, &rows, false, error);
  hdx_rows_deinit(&rows);
  return status;
}

enum hdx_status hdx_writer_keep_year(struct hdx_writer *writer, const struct hdx_reader *reader, int year,
                                     struct hdx_error *error) {
  uint32_t ids[HDX_COLUMNS_MAX];
  bool mixed = false;
  struct hdx_block block;
  struct hdx_zstd *zstd = hdx_zstd_create();
  if (!zstd)
    return hdx_error_memory(error, 0);
  hdx_block_init(&block);
  enum hdx_status status = take_columns(writer, &reader->footer, ids, error);
  for (size_t n = 0; status == HDX_OK && n < reader->footer.zone_count; n++) {
    mixed |= (reader->footer.zones[n].flags & HDX_BLOCK_MIXED) != 0;
    if (reader->footer.zones[n].year == year)
      status = copy_block(writer, reader, n, ids, &block, zstd, error);
  }
  if (status == HDX_OK && mixed)
    status = keep_mixed(writer, reader, year, ids, &block, zstd, error);
  hdx_block_deinit(&block);
  hdx_zstd_free(zstd);
  return status;
}
