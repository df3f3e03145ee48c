/* Finishing a snapshot: small datasets are written anew as a whole, holes are closed, the footer is made, and the file
 * is renamed into place. One thread. */
#include "base/error.h"
#include "snapshot/writer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 20 };

/* Forgets blocks that were dropped. */
static void forget_dropped(struct hdx_writer *writer) {
  size_t kept = 0;
  for (size_t i = 0; i < writer->block_count; i++)
    if (!writer->blocks[i].dropped)
      writer->blocks[kept++] = writer->blocks[i];
  writer->block_count = kept;
}

static int by_first_start(const void *a, const void *b) {
  const struct hdx_held *const *x = a, *const *y = b;
  int64_t x_start = (*x)->rows.start[0], y_start = (*y)->rows.start[0];
  return (x_start > y_start) - (x_start < y_start);
}

/* Whether the texts of a dataset are few enough to be in memory all at once: those of `rows` and those held back. */
static bool fits(const struct hdx_writer *writer, const struct hdx_rows *rows) {
  size_t bytes = rows->text.total;
  for (size_t i = 0; i < writer->held_count; i++)
    bytes += writer->held[i]->rows.text.total;
  return bytes <= HDX_MIXED_TEXT_BYTES_MAX;
}

/* Collects every row: what is held back, whose texts stay there, and what is in the file. Ends early where they do not
 * fit. */
static enum hdx_status gather(struct hdx_writer *writer, struct hdx_rows *rows, struct hdx_error *error) {
  if (!fits(writer, rows))
    return HDX_OK;
  enum hdx_status status = hdx_rows_reserve(rows, (size_t)writer->rows, error);
  /* Years one after the other need no sorting. */
  if (writer->held_count)
    qsort(writer->held, writer->held_count, sizeof(struct hdx_held *), by_first_start);
  for (size_t i = 0; status == HDX_OK && i < writer->held_count; i++)
    status = hdx_rows_append_views(rows, &writer->held[i]->rows, error);
  if (status != HDX_OK || writer->block_count == 0)
    return status;
  struct hdx_block block;
  struct hdx_buffer bytes;
  struct hdx_zstd *zstd = hdx_zstd_create();
  if (!zstd)
    return hdx_error_memory(error, 0);
  hdx_block_init(&block);
  hdx_buffer_init(&bytes, HDX_BLOCK_BYTES_MAX);
  for (size_t i = 0; status == HDX_OK && i < writer->block_count && fits(writer, rows); i++) {
    const struct hdx_zone *zone = &writer->blocks[i].zone;
    hdx_buffer_clear(&bytes);
    if (!hdx_buffer_reserve(&bytes, zone->length))
      status = hdx_buffer_status(&bytes, writer->target, error);
    if (status == HDX_OK)
      status = hdx_file_read_at(writer->temp.fd, writer->target, bytes.data, zone->length, zone->offset, error);
    if (status == HDX_OK)
      status = hdx_block_open(&block, &writer->book, zstd, bytes.data, zone, error);
    if (status == HDX_OK)
      status = hdx_writer_decode(rows, &block, zstd, NULL, NULL, error);
  }
  hdx_buffer_deinit(&bytes);
  hdx_block_deinit(&block);
  hdx_zstd_free(zstd);
  return status;
}

/* Writes a small dataset as a whole, or, where its texts are too long for that, what is held back. */
static enum hdx_status write_mixed(struct hdx_writer *writer, struct hdx_error *error) {
  struct hdx_rows rows;
  hdx_rows_init(&rows, SIZE_MAX);
  enum hdx_status status = gather(writer, &rows, error);
  if (status == HDX_OK && !fits(writer, &rows)) {
    hdx_rows_deinit(&rows);
    return hdx_writer_flush(writer, error);
  }
  if (status == HDX_OK)
    status = hdx_rows_sort(&rows, error);
  if (status == HDX_OK) {
    writer->block_count = 0;
    writer->rows = 0;
    writer->end = HDX_HEADER_BYTES;
    status = hdx_writer_put_rows(writer, &rows, true, NULL, error);
  }
  hdx_rows_deinit(&rows);
  return status;
}

/* Writes what has not been written. */
static enum hdx_status write_rest(struct hdx_writer *writer, struct hdx_error *error) {
  if (writer->lost.status != HDX_OK)
    return hdx_error_set(error, writer->lost.status, "%s", writer->lost.message);
  forget_dropped(writer);
  return writer->rows < HDX_MIXED_ROWS_MAX ? write_mixed(writer, error) : hdx_writer_flush(writer, error);
}

static int by_offset(const void *a, const void *b) {
  const struct hdx_written *x = a, *y = b;
  return (x->zone.offset > y->zone.offset) - (x->zone.offset < y->zone.offset);
}

/* Moves the blocks together where others were dropped, or failed to be written. */
static enum hdx_status close_holes(struct hdx_writer *writer, struct hdx_error *error) {
  uint64_t end = HDX_HEADER_BYTES;
  for (size_t i = 0; i < writer->block_count; i++)
    end += writer->blocks[i].zone.length;
  if (end == writer->end)
    return HDX_OK;
  char *bytes = malloc(COPY_BYTES);
  if (!bytes)
    return hdx_error_memory(error, COPY_BYTES);
  enum hdx_status status = HDX_OK;
  qsort(writer->blocks, writer->block_count, sizeof *writer->blocks, by_offset);
  uint64_t to = HDX_HEADER_BYTES;
  for (size_t i = 0; status == HDX_OK && i < writer->block_count; i++) {
    struct hdx_zone *zone = &writer->blocks[i].zone;
    for (size_t at = 0, step; status == HDX_OK && to != zone->offset && at < zone->length; at += step) {
      step = zone->length - at < COPY_BYTES ? zone->length - at : COPY_BYTES;
      status = hdx_file_read_at(writer->temp.fd, writer->target, bytes, step, zone->offset + at, error);
      if (status == HDX_OK)
        status = hdx_file_write_at(writer->temp.fd, writer->target, bytes, step, to + at, error);
    }
    zone->offset = to;
    to += zone->length;
  }
  free(bytes);
  writer->end = end;
  return status;
}

static int by_start(const void *a, const void *b) {
  const struct hdx_zone *x = a, *y = b;
  if (x->min_start != y->min_start)
    return x->min_start < y->min_start ? -1 : 1;
  if (x->max_start != y->max_start)
    return x->max_start < y->max_start ? -1 : 1;
  return (x->offset > y->offset) - (x->offset < y->offset);
}

/* The upper bounds of made-up stops, of sorted zones. */
static void bound_stops(struct hdx_zone *zones, size_t count) {
  int64_t greatest = INT64_MIN;
  for (size_t i = 0; i < count; i++)
    greatest = zones[i].max_start > greatest ? zones[i].max_start : greatest;
  for (size_t i = 0; i < count; i++) {
    if (!(zones[i].flags & (HDX_BLOCK_NO_STOP | HDX_BLOCK_SOME_STOPS)))
      continue;
    size_t from = i + 1, to = count;
    while (from < to) {
      size_t middle = from + (to - from) / 2;
      if (zones[middle].min_start > zones[i].max_start)
        to = middle;
      else
        from = middle + 1;
    }
    int64_t bound = from < count ? zones[from].min_start : greatest;
    zones[i].max_stop = bound > zones[i].max_stop ? bound : zones[i].max_stop;
  }
}

static int by_year(const void *a, const void *b) {
  const struct hdx_year *x = a, *y = b;
  return (x->year > y->year) - (x->year < y->year);
}

/* The columns that blocks have, by name. */
static void name_columns(const struct hdx_writer *writer, struct hdx_footer *footer) {
  footer->column_count = 0;
  for (size_t id = 0; id < writer->column_count; id++) {
    bool used = false;
    for (size_t i = 0; i < writer->block_count; i++)
      used |= writer->blocks[i].columns[id / 8] >> (id % 8) & 1;
    if (!used)
      continue;
    size_t c = footer->column_count++;
    for (; c > 0 && hdx_text_compare(footer->column_names[c - 1], writer->columns[id]) > 0; c--) {
      footer->column_names[c] = footer->column_names[c - 1];
      footer->column_ids[c] = footer->column_ids[c - 1];
      footer->parameters[c] = footer->parameters[c - 1];
    }
    footer->column_names[c] = writer->columns[id];
    footer->parameters[c] = writer->parameters[id];
    footer->column_ids[c] = (uint32_t)id;
  }
}

/* Makes the lists of the footer, which the caller frees by hdx_footer_deinit. */
static enum hdx_status make_footer(const struct hdx_writer *writer, struct hdx_footer *footer,
                                   const struct hdx_year *years, size_t year_count, struct hdx_error *error) {
  footer->zones = calloc(writer->block_count + 1, sizeof *footer->zones);
  footer->years = calloc(year_count + 1, sizeof *footer->years);
  footer->column_names = calloc(HDX_COLUMNS_MAX, sizeof *footer->column_names);
  footer->column_ids = calloc(HDX_COLUMNS_MAX, sizeof *footer->column_ids);
  footer->parameters = calloc(HDX_COLUMNS_MAX, sizeof *footer->parameters);
  if (!footer->zones || !footer->years || !footer->column_names || !footer->column_ids || !footer->parameters)
    return hdx_error_memory(error, writer->block_count * sizeof *footer->zones);
  footer->zone_count = writer->block_count;
  footer->year_count = year_count;
  for (size_t i = 0; i < writer->block_count; i++)
    footer->zones[i] = writer->blocks[i].zone;
  qsort(footer->zones, footer->zone_count, sizeof *footer->zones, by_start);
  bound_stops(footer->zones, footer->zone_count);
  for (size_t i = 0; i < year_count; i++)
    footer->years[i] = years[i];
  qsort(footer->years, year_count, sizeof *footer->years, by_year);
  for (size_t i = 1; i < year_count; i++)
    if (footer->years[i].year == footer->years[i - 1].year)
      return hdx_error_set(error, HDX_INTERNAL, "%s: year %d is described twice", writer->target,
                           footer->years[i].year);
  name_columns(writer, footer);
  footer->templates = calloc(writer->book.count + 1, sizeof *footer->templates);
  if (!footer->templates)
    return hdx_error_memory(error, writer->book.count * sizeof *footer->templates);
  footer->template_count = writer->book.count;
  for (size_t t = 0; t < footer->template_count; t++)
    footer->templates[t] = writer->book.templates[t]->bytes;
  return HDX_OK;
}

/* Writes header, footer and trailer. */
static enum hdx_status write_ends(struct hdx_writer *writer, const struct hdx_footer *footer, uint64_t *file_bytes,
                                  struct hdx_error *error) {
  uint64_t offset = 0;
  char header[HDX_HEADER_BYTES];
  struct hdx_block_encoder *encoder = hdx_block_encoder_take();
  if (!encoder)
    return hdx_error_set(error, HDX_MEMORY, "out of memory: no room to encode");
  struct hdx_buffer *bytes = hdx_block_encoder_out(encoder);
  hdx_footer_header(header);
  enum hdx_status status = hdx_footer_encode(footer, writer->end, hdx_block_encoder_zstd(encoder), bytes, error);
  if (status == HDX_OK)
    status = hdx_writer_promise(writer, bytes->size, &offset, error);
  if (status == HDX_OK)
    status = hdx_file_write_at(writer->temp.fd, writer->target, header, sizeof header, 0, error);
  if (status == HDX_OK)
    status = hdx_file_write_at(writer->temp.fd, writer->target, bytes->data, bytes->size, offset, error);
  /* Blocks that were moved together leave bytes behind the end. */
  if (status == HDX_OK && ftruncate(writer->temp.fd, (off_t)writer->end) != 0)
    status = hdx_error_errno(error, writer->target, "cannot be cut", errno);
  *file_bytes = writer->end;
  hdx_block_encoder_give(encoder);
  return status;
}

enum hdx_status hdx_writer_finish(struct hdx_writer *writer, const struct hdx_subject *subject,
                                  const struct hdx_year *years, size_t year_count, int digits, uint64_t *file_bytes,
                                  struct hdx_temp *file, struct hdx_error *error) {
  struct hdx_footer footer = {.subject = *subject, .time_digits = digits};
  uint64_t bytes = 0;
  assert(!writer->flying);
  *file = (struct hdx_temp){.fd = -1};
  enum hdx_status status = write_rest(writer, error);
  if (status == HDX_OK)
    status = close_holes(writer, error);
  if (status == HDX_OK)
    status = make_footer(writer, &footer, years, year_count, error);
  if (status == HDX_OK)
    status = write_ends(writer, &footer, &bytes, error);
  if (status == HDX_OK) {
    *file = writer->temp;
    writer->temp = (struct hdx_temp){.fd = -1};
    if (file_bytes)
      *file_bytes = bytes;
  }
  hdx_footer_deinit(&footer);
  hdx_writer_abandon(writer);
  return status;
}

enum hdx_status hdx_writer_commit(struct hdx_writer *writer, const struct hdx_subject *subject,
                                  const struct hdx_year *years, size_t year_count, int digits, uint64_t *file_bytes,
                                  struct hdx_error *error) {
  struct hdx_temp file;
  uint64_t bytes;
  enum hdx_status status = hdx_writer_finish(writer, subject, years, year_count, digits, &bytes, &file, error);
  if (status == HDX_OK)
    status = hdx_temp_commit(&file, error);
  if (status == HDX_OK && file_bytes)
    *file_bytes = bytes;
  return status;
}
