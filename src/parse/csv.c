/* The scanner's life, its chunks and the lines that they cut, and the batches. */
#include "parse/csv_scan.h"

#include <stdlib.h>

static const struct {
  enum hdx_cpu_level level;
  enum hdx_status (*scan)(struct hdx_csv *csv, const char *data, const char *end, const char **rest,
                          struct hdx_error *error);
} kernels[] = {
#if defined(__x86_64__)
    {HDX_CPU_AVX512, hdx_csv_scan_avx512},
    {HDX_CPU_AVX2, hdx_csv_scan_avx2},
    {HDX_CPU_SSE2, hdx_csv_scan_sse2},
#elif defined(__aarch64__)
    {HDX_CPU_NEON, hdx_csv_scan_neon},
#endif
    {HDX_CPU_SCALAR, hdx_csv_scan_scalar},
};

static size_t find_kernel(enum hdx_cpu_level most) {
  enum hdx_cpu_level level = hdx_cpu_level() < most ? hdx_cpu_level() : most;
  size_t i = 0;
  while (kernels[i].level > level)
    i++;
  return i;
}

enum hdx_cpu_level hdx_csv_kernel(enum hdx_cpu_level most) {
  return kernels[find_kernel(most)].level;
}

enum hdx_status hdx_csv_open(const struct hdx_csv_options *options, struct hdx_csv **csv, struct hdx_error *error) {
  size_t numbers = sizeof(int64_t[HDX_CSV_BATCH_ROWS]), texts = sizeof(struct hdx_text[HDX_CSV_BATCH_ROWS]);
  struct hdx_csv *made = calloc(1, sizeof *made);
  if (!made)
    return hdx_error_memory(error, sizeof *made);
  made->options = *options;
  made->scan = kernels[find_kernel(options->kernel)].scan;
  hdx_buffer_init(&made->carry, HDX_CSV_LINE_BYTES_MAX);
  hdx_buffer_init(&made->last_key, HDX_CSV_LINE_BYTES_MAX);
  hdx_arena_init(&made->names, HDX_CSV_NAMES_BYTES_MAX);
  hdx_arena_init(&made->given_names, HDX_CSV_NAMES_BYTES_MAX);
  made->start = malloc(numbers);
  made->stop = malloc(numbers);
  made->size = malloc(numbers);
  made->key = malloc(texts);
  made->line = options->lines ? malloc(sizeof(uint64_t[HDX_CSV_BATCH_ROWS])) : NULL;
  if (!made->start || !made->stop || !made->size || !made->key || (options->lines && !made->line)) {
    hdx_csv_close(made);
    return hdx_error_memory(error, 4 * numbers + texts);
  }
  hdx_csv_reset(made);
  *csv = made;
  return HDX_OK;
}

void hdx_csv_close(struct hdx_csv *csv) {
  if (!csv)
    return;
  hdx_buffer_deinit(&csv->carry);
  hdx_buffer_deinit(&csv->last_key);
  hdx_arena_deinit(&csv->names);
  hdx_arena_deinit(&csv->given_names);
  free(csv->scratch);
  free(csv->start);
  free(csv->stop);
  free(csv->size);
  free(csv->key);
  free(csv->line);
  for (size_t i = 0; i < HDX_CSV_EXTRA_MAX; i++)
    free(csv->extra[i]);
  free(csv);
}

void hdx_csv_reset(struct hdx_csv *csv) {
  csv->dialect = (struct hdx_csv_dialect){0};
  csv->result = (struct hdx_csv_result){.first = HDX_TIME_NONE, .last = HDX_TIME_NONE};
  csv->failed = HDX_OK;
  csv->sniffed = csv->settled = csv->skipping = csv->header_plain = csv->header_no_stop = false;
  csv->head_size = csv->scratch_used = csv->header_extras = csv->columns = csv->count = 0;
  csv->chunk = NULL;
  csv->chunk_at = csv->line_at = 0;
  hdx_buffer_clear(&csv->carry);
  hdx_arena_clear(&csv->names);
  hdx_arena_clear(&csv->given_names);
  csv->given_count = 0;
  csv->header = (struct hdx_text){NULL, 0};
  csv->last_start = csv->last_stop = HDX_TIME_NONE;
  hdx_buffer_clear(&csv->last_key);
  csv->start_day = csv->stop_day = (struct hdx_csv_day){0};
}

/* Rows that do not start after the row above: out of order, or a copy of it. */
static void compare_neighbours(struct hdx_csv *csv, size_t count) {
  int64_t start = csv->last_start, stop = csv->last_stop;
  struct hdx_text key = hdx_buffer_text(&csv->last_key);
  for (size_t i = 0; i < count; i++) {
    csv->result.unsorted |= csv->start[i] < start;
    if (csv->start[i] == start && csv->stop[i] == stop)
      csv->result.duplicates += hdx_text_equal(csv->key[i], key);
    start = csv->start[i];
    stop = csv->stop[i];
    key = csv->key[i];
  }
}

static enum hdx_status keep_last_row(struct hdx_csv *csv, size_t last, struct hdx_error *error) {
  csv->last_start = csv->start[last];
  csv->last_stop = csv->stop[last];
  hdx_buffer_clear(&csv->last_key);
  hdx_buffer_append_text(&csv->last_key, csv->key[last]);
  return hdx_buffer_status(&csv->last_key, "the key of a row", error);
}

/* Counts are taken here, over whole columns, so that every way to read a row counts alike. */
static enum hdx_status count_batch(struct hdx_csv *csv, size_t count, struct hdx_error *error) {
  struct hdx_csv_result *result = &csv->result;
  int64_t least = csv->start[0], greatest = csv->start[0], above = csv->last_start;
  uint64_t reversed = 0;
  bool rises = true;
  for (size_t i = 0; i < count; i++) {
    int64_t start = csv->start[i];
    least = start < least ? start : least;
    greatest = start > greatest ? start : greatest;
    rises &= start > above;
    reversed += (csv->stop[i] < start) & (csv->stop[i] != HDX_TIME_NONE);
    above = start;
  }
  result->first = result->rows == 0 || least < result->first ? least : result->first;
  result->last = greatest > result->last ? greatest : result->last;
  result->reversed += reversed;
  result->rows += count;
  if (!rises)
    compare_neighbours(csv, count);
  return keep_last_row(csv, count - 1, error);
}

enum hdx_status hdx_csv_flush(struct hdx_csv *csv, struct hdx_error *error) {
  size_t count = csv->count;
  csv->count = csv->scratch_used = 0;
  if (count == 0)
    return HDX_OK;
  enum hdx_status status = count_batch(csv, count, error);
  if (status != HDX_OK || !csv->options.rows)
    return status;
  struct hdx_csv_batch batch = {
      .count = count,
      .start = csv->start,
      .stop = csv->stop,
      .size = csv->size,
      .key = csv->key,
      .extra = (const struct hdx_text *const *)csv->extra,
      .line = csv->line,
  };
  return csv->options.rows(csv->options.user, &batch, error);
}

static void drop_long_line(struct hdx_csv *csv) {
  csv->skipping = false;
  csv->result.lines++;
  hdx_csv_bad(csv, csv->line_at, 1, "expected a line of at most 1048576 bytes, found a longer one",
              (struct hdx_text){0});
}

/* Takes the bytes up to the first newline as the rest of a line that the chunk before began; *data is behind them. */
static enum hdx_status finish_line(struct hdx_csv *csv, const char **data, const char *end, struct hdx_error *error) {
  const char *newline = memchr(*data, '\n', (size_t)(end - *data));
  const char *stop = newline ? newline : end;
  size_t size = (size_t)(stop - *data);
  if (!csv->skipping && size > HDX_CSV_LINE_BYTES_MAX - csv->carry.size) {
    csv->skipping = true;
    hdx_buffer_clear(&csv->carry);
  }
  if (!csv->skipping)
    hdx_buffer_append(&csv->carry, *data, size);
  if (csv->carry.status != HDX_OK)
    return hdx_buffer_status(&csv->carry, "a line that was cut", error);
  *data = newline ? newline + 1 : end;
  if (!newline)
    return HDX_OK;
  if (csv->skipping) {
    drop_long_line(csv);
    return HDX_OK;
  }
  /* The line is read where it lies: its row's views live until the batch is flushed, before the next carry. */
  size = csv->carry.size;
  csv->carry.size = 0;
  return hdx_csv_line(csv, csv->carry.data ? csv->carry.data : "", size, csv->line_at, error);
}

static enum hdx_status keep_rest(struct hdx_csv *csv, const char *rest, const char *end, struct hdx_error *error) {
  if (rest == end)
    return HDX_OK;
  csv->line_at = csv->chunk_at + (uint64_t)(rest - csv->chunk);
  csv->skipping = (size_t)(end - rest) > HDX_CSV_LINE_BYTES_MAX;
  if (!csv->skipping)
    hdx_buffer_append(&csv->carry, rest, (size_t)(end - rest));
  return hdx_buffer_status(&csv->carry, "a line that was cut", error);
}

static enum hdx_status scan_chunk(struct hdx_csv *csv, const char *data, size_t size, struct hdx_error *error) {
  const char *end = data + size, *rest = data;
  enum hdx_status status = HDX_OK;
  csv->chunk = data;
  csv->chunk_at = csv->result.bytes;
  csv->result.bytes += size;
  bool whole = true;
  if (csv->skipping || csv->carry.size > 0) {
    status = finish_line(csv, &rest, end, error);
    whole = !csv->skipping && csv->carry.size == 0;
  }
  if (status == HDX_OK && whole)
    status = csv->scan(csv, rest, end, &rest, error);
  if (status == HDX_OK)
    status = hdx_csv_flush(csv, error);
  if (status == HDX_OK && whole)
    status = keep_rest(csv, rest, end, error);
  return status;
}

/* The head is collected until it can be told what the file is; how it was cut makes no difference. */
static enum hdx_status feed(struct hdx_csv *csv, const char *data, size_t size, bool last, struct hdx_error *error) {
  enum hdx_status status;
  if (csv->sniffed)
    return size ? scan_chunk(csv, data, size, error) : HDX_OK;
  if (csv->head_size == 0 && size >= HDX_CSV_HEAD_BYTES) {
    csv->sniffed = true;
    status = hdx_csv_sniff(data, HDX_CSV_HEAD_BYTES, error);
    return status == HDX_OK ? scan_chunk(csv, data, size, error) : status;
  }
  size_t room = HDX_CSV_HEAD_BYTES - csv->head_size, taken = size < room ? size : room;
  if (taken)
    memcpy(csv->head + csv->head_size, data, taken);
  csv->head_size += taken;
  if (csv->head_size < HDX_CSV_HEAD_BYTES && !last)
    return HDX_OK;
  csv->sniffed = true;
  status = hdx_csv_sniff(csv->head, csv->head_size, error);
  if (status == HDX_OK && csv->head_size)
    status = scan_chunk(csv, csv->head, csv->head_size, error);
  if (status == HDX_OK && size > taken)
    status = scan_chunk(csv, data + taken, size - taken, error);
  return status;
}

enum hdx_status hdx_csv_feed(struct hdx_csv *csv, const char *data, size_t size, struct hdx_error *error) {
  if (csv->failed != HDX_OK)
    return hdx_error_set(error, csv->failed, "the scan of this file has failed before");
  return csv->failed = feed(csv, data, size, false, error);
}

enum hdx_status hdx_csv_finish(struct hdx_csv *csv, struct hdx_error *error) {
  if (csv->failed != HDX_OK)
    return hdx_error_set(error, csv->failed, "the scan of this file has failed before");
  enum hdx_status status = feed(csv, "", 0, true, error);
  if (status == HDX_OK && csv->skipping)
    drop_long_line(csv);
  if (status == HDX_OK && csv->carry.size > 0) {
    size_t size = csv->carry.size;
    csv->carry.size = 0;
    status = hdx_csv_line(csv, csv->carry.data, size, csv->line_at, error);
  }
  if (status == HDX_OK && !csv->settled)
    status = hdx_csv_name_columns(csv, csv->header_extras, error);
  if (status == HDX_OK)
    status = hdx_csv_flush(csv, error);
  return csv->failed = status;
}

const struct hdx_csv_dialect *hdx_csv_dialect(const struct hdx_csv *csv) {
  return &csv->dialect;
}

const struct hdx_csv_result *hdx_csv_result(const struct hdx_csv *csv) {
  return &csv->result;
}
