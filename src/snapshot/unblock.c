/* The bytes of a block to rows. (The way there: block.c.) Everything is checked: a block whose hash was made to fit may
 * still be anything. */
#include "snapshot/block.h"

#include "base/error.h"
#include "codec/bytes.h"
#include "codec/hash.h"

#include <assert.h>
#include <stdlib.h>

enum { START, STOP, SIZE, YEAR, SCRATCH, NUMBER_COLUMNS };

void hdx_block_init(struct hdx_block *block) {
  *block = (struct hdx_block){0};
  hdx_column_init(&block->column);
  hdx_ints_init(&block->ints);
}

void hdx_block_deinit(struct hdx_block *block) {
  hdx_column_deinit(&block->column);
  hdx_ints_deinit(&block->ints);
  for (size_t c = 0; c < block->memory_made; c++)
    free(block->memory[c]);
  for (size_t c = 0; c < block->extra_made; c++)
    free(block->extra[c]);
  free(block->memory);
  free(block->memory_size);
  free(block->columns);
  free(block->extra);
  free(block->extra_id);
  free(block->numbers);
  free(block->key);
  hdx_block_init(block);
}

static enum hdx_status broken(struct hdx_error *error, const char *what) {
  return hdx_error_set(error, HDX_INTEGRITY, "%s", what);
}

/* ---- memory ---- */

/* A larger run of memory in place of `old`, or `old` itself with *ok turned false. */
static void *resized(void *old, size_t size, bool *ok) {
  void *grown = realloc(old, size);
  *ok &= grown != NULL;
  return grown ? grown : old;
}

/* Room for the tables of `count` extra columns; each column's own arrays come later. */
static enum hdx_status grow_columns(struct hdx_block *block, size_t count, struct hdx_error *error) {
  if (block->memory_made && count <= block->extra_made)
    return HDX_OK;
  size_t made = block->memory_made;
  bool ok = true;
  block->columns = resized(block->columns, (HDX_PLAIN_COLUMNS + count) * sizeof *block->columns, &ok);
  block->memory = resized(block->memory, (1 + count) * sizeof *block->memory, &ok);
  block->memory_size = resized(block->memory_size, (1 + count) * sizeof *block->memory_size, &ok);
  block->extra_id = resized(block->extra_id, (1 + count) * sizeof *block->extra_id, &ok);
  block->extra = resized(block->extra, (1 + count) * sizeof *block->extra, &ok);
  if (!ok)
    return hdx_error_memory(error, (1 + count) * sizeof *block->columns);
  for (size_t c = made; c < 1 + count; c++) {
    block->memory[c] = NULL;
    block->memory_size[c] = 0;
  }
  block->memory_made = 1 + count;
  for (; block->extra_made < count; block->extra_made++)
    block->extra[block->extra_made] = NULL;
  return HDX_OK;
}

/* Room for all numbers and keys of a block; extras are as long as the greatest block that had them. */
static enum hdx_status grow_rows(struct hdx_block *block, size_t count, struct hdx_error *error) {
  if (count <= block->capacity)
    return HDX_OK;
  bool ok = true;
  block->numbers = resized(block->numbers, NUMBER_COLUMNS * count * sizeof *block->numbers, &ok);
  block->key = resized(block->key, count * sizeof *block->key, &ok);
  if (!ok)
    return hdx_error_memory(error, NUMBER_COLUMNS * count * sizeof *block->numbers);
  for (size_t c = 0; c < block->extra_made; c++) {
    free(block->extra[c]);
    block->extra[c] = NULL;
  }
  block->capacity = count;
  return HDX_OK;
}

static int64_t *number_column(struct hdx_block *block, int column) {
  return block->numbers + (size_t)column * block->capacity;
}

static void point_at_numbers(struct hdx_block *block, bool years) {
  block->start = number_column(block, START);
  block->stop = number_column(block, STOP);
  block->size = number_column(block, SIZE);
  block->year = years ? number_column(block, YEAR) : NULL;
}

/* Memory is kept from block to block, but not what one column after the other once needed. */
static void forget_texts(struct hdx_block *block) {
  for (size_t c = 0; c < block->memory_made; c++) {
    free(block->memory[c]);
    block->memory[c] = NULL;
    block->memory_size[c] = 0;
  }
  block->memory_bytes = 0;
}

/* ---- opening ---- */

/* What the head says of one column. */
static const char *open_head(struct hdx_block_column *column, size_t c, struct hdx_bytes *in) {
  uint64_t id = c >= HDX_EXTRAS ? hdx_get_varint(in) : 0;
  if (id > UINT32_MAX)
    return "an extra column with an impossible number";
  column->id = (uint32_t)id;
  column->template_count = c >= HDX_KEYS ? hdx_get_u8(in) : 0;
  if (column->template_count > HDX_COLUMN_TEMPLATES_MAX)
    return "a column of too many templates";
  for (size_t t = 0; t < column->template_count; t++) {
    uint64_t number = hdx_get_varint(in);
    if (number >= HDX_BOOK_MAX)
      return "a template with an impossible number";
    column->templates[t] = (uint32_t)number;
  }
  uint64_t size = hdx_get_varint(in);
  if (size > HDX_BLOCK_BYTES_MAX)
    return "a column that is too long";
  column->size = (size_t)size;
  return NULL;
}

/* Takes the heads apart and notes where the columns lie. */
static enum hdx_status open_columns(struct hdx_block *block, struct hdx_bytes *in, const struct hdx_zone *zone,
                                    struct hdx_error *error) {
  uint8_t flags = hdx_get_u8(in), extra_count = hdx_get_u8(in);
  if (in->bad || flags != zone->flags || extra_count > HDX_CSV_EXTRA_MAX)
    return broken(error, "the block's head is not what the footer says");
  block->extra_count = 0;
  enum hdx_status status = grow_columns(block, extra_count, error);
  if (status != HDX_OK)
    return status;
  size_t count = HDX_PLAIN_COLUMNS + (size_t)extra_count;
  for (size_t c = 0; c < count; c++) {
    block->columns[c] = (struct hdx_block_column){.size = 0};
    const char *wrong = c == HDX_YEARS && !(flags & HDX_BLOCK_MIXED) ? NULL : open_head(&block->columns[c], c, in);
    if (wrong)
      return broken(error, wrong);
    if (c >= HDX_EXTRAS)
      block->extra_id[c - HDX_EXTRAS] = block->columns[c].id;
  }
  for (size_t c = 0; c < count; c++) {
    block->columns[c].data = hdx_get_bytes(in, block->columns[c].size);
    if (!block->columns[c].data)
      return broken(error, "the columns are longer than the block");
  }
  if (in->bad || hdx_bytes_left(in))
    return broken(error, "the columns do not fill the block");
  block->extra_count = extra_count;
  return HDX_OK;
}

enum hdx_status hdx_block_peek(struct hdx_block *block, const void *bytes, const struct hdx_zone *zone,
                               struct hdx_error *error) {
  if (hdx_hash(bytes, zone->length) != zone->hash)
    return broken(error, "its bytes do not have the checksum that the footer says");
  assert(zone->rows > 0 && zone->rows <= HDX_BLOCK_ROWS_MAX); /* as every footer has it that was read */
  struct hdx_bytes in = hdx_bytes_of(bytes, zone->length);
  return open_columns(block, &in, zone, error);
}

int64_t hdx_block_longest(const struct hdx_block *block) {
  int64_t longest = INT64_MIN, last = INT64_MIN, first = INT64_MAX, span;
  for (size_t i = 0; i < block->count; i++) {
    int64_t stop = block->stop[i], duration = hdx_less(stop, block->start[i]);
    longest = duration > longest ? duration : longest;
    last = stop > last ? stop : last;
    first = stop < first ? stop : first;
  }
  /* Durations between these do not overflow. A stop that is missing is the least number there is. */
  bool sound = first != HDX_TIME_NONE && !__builtin_sub_overflow(last, block->start[0], &span) &&
               !__builtin_sub_overflow(first, block->start[block->count - 1], &span);
  return sound ? longest : INT64_MAX;
}

static enum hdx_status open_years(struct hdx_block *block, struct hdx_zstd *zstd, struct hdx_error *error) {
  const struct hdx_block_column *column = &block->columns[HDX_YEARS];
  enum hdx_status status =
      hdx_ints_decode(&block->ints, zstd, column->data, column->size, block->count, block->year, error);
  for (size_t i = 0; status == HDX_OK && i < block->count; i++)
    if (block->year[i] < INT16_MIN || block->year[i] > INT16_MAX)
      status = broken(error, "an impossible year");
  return status == HDX_OK ? status : hdx_error_context(error, status, "column of years");
}

enum hdx_status hdx_block_open(struct hdx_block *block, struct hdx_book *book, struct hdx_zstd *zstd, const void *bytes,
                               const struct hdx_zone *zone, struct hdx_error *error) {
  enum hdx_status status = hdx_block_peek(block, bytes, zone, error);
  if (status == HDX_OK)
    status = grow_rows(block, zone->rows, error);
  if (status != HDX_OK)
    return status;
  if (block->memory_bytes > HDX_BLOCK_TEXT_BYTES_MAX)
    forget_texts(block);
  block->book = book;
  block->count = zone->rows;
  block->selected = 0;
  block->text_bytes = 0;
  point_at_numbers(block, zone->flags & HDX_BLOCK_MIXED);
  block->year_of_all = zone->year;
  const struct hdx_block_column *times = &block->columns[HDX_TIMES];
  status = hdx_times_decode(&block->ints, zstd, times->data, times->size, block->count, zone->flags, block->start,
                            block->stop, number_column(block, SCRATCH), error);
  if (status != HDX_OK)
    return hdx_error_context(error, status, "column of times");
  if (block->start[0] != zone->min_start || block->start[block->count - 1] != zone->max_start)
    return broken(error, "its times are not those that the footer says");
  return block->year ? open_years(block, zstd, error) : HDX_OK;
}

/* ---- selecting ---- */

/* Decodes the texts of a column; n is the place of its memory. */
static enum hdx_status select_texts(struct hdx_block *block, struct hdx_zstd *zstd, size_t n, const uint32_t *rows,
                                    size_t count, struct hdx_text *out, struct hdx_error *error) {
  const struct hdx_block_column *column = &block->columns[HDX_KEYS + n];
  size_t bytes;
  enum hdx_status status = hdx_column_open(&block->column, zstd, block->book, column->templates, column->template_count,
                                           column->data, column->size, block->count, error);
  if (status == HDX_OK)
    status = hdx_column_size(&block->column, rows, count, &bytes, error);
  if (status != HDX_OK)
    return status;
  if (bytes > HDX_BLOCK_TEXT_BYTES_MAX - block->text_bytes)
    return broken(error, "more text than a block may have");
  block->text_bytes += bytes;
  if (bytes > block->memory_size[n]) {
    free(block->memory[n]);
    block->memory_bytes -= block->memory_size[n];
    block->memory[n] = malloc(bytes);
    block->memory_size[n] = block->memory[n] ? bytes : 0;
    if (!block->memory[n])
      return hdx_error_memory(error, bytes);
    block->memory_bytes += bytes;
  }
  return hdx_column_read(&block->column, block->start, block->stop, rows, count, out, block->memory[n], error);
}

enum hdx_status hdx_block_select(struct hdx_block *block, struct hdx_zstd *zstd, const uint32_t *rows, size_t count,
                                 unsigned wanted, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  block->selected = count;
  block->text_bytes = 0;
  if (count == 0)
    return HDX_OK;
  if (wanted & HDX_WANT_SIZE)
    status = hdx_sizes_decode(&block->ints, zstd, block->columns[HDX_SIZES].data, block->columns[HDX_SIZES].size,
                              block->start, block->stop, block->count, rows, count, block->size,
                              number_column(block, SCRATCH), error);
  if (status != HDX_OK)
    return hdx_error_context(error, status, "column of sizes");
  if (wanted & HDX_WANT_KEY)
    status = select_texts(block, zstd, 0, rows, count, block->key, error);
  if (status != HDX_OK)
    return hdx_error_context(error, status, "column of keys");
  for (size_t c = 0; wanted & HDX_WANT_EXTRA && c < block->extra_count; c++) {
    if (!block->extra[c] && !(block->extra[c] = malloc(block->capacity * sizeof(struct hdx_text))))
      return hdx_error_memory(error, block->capacity * sizeof(struct hdx_text));
    status = select_texts(block, zstd, 1 + c, rows, count, block->extra[c], error);
    if (status != HDX_OK)
      return hdx_error_context(error, status, "extra column %zu", c);
  }
  return HDX_OK;
}

/* ---- keeping what was selected ---- */

/* Has an array of texts end with the selected ones. */
static struct hdx_text *fitted(struct hdx_text *texts, size_t count) {
  struct hdx_text *fit = realloc(texts, count * sizeof *texts);
  return fit ? fit : texts;
}

void hdx_block_pack(struct hdx_block *block) {
  size_t count = block->selected;
  int64_t *numbers = count && count < block->capacity ? malloc(NUMBER_COLUMNS * count * sizeof *numbers) : NULL;
  hdx_column_deinit(&block->column);
  hdx_ints_deinit(&block->ints);
  if (!numbers)
    return;
  for (size_t column = START; column < SCRATCH; column++)
    memcpy(numbers + column * count, number_column(block, (int)column), count * sizeof *numbers);
  free(block->numbers);
  block->numbers = numbers;
  block->capacity = count;
  point_at_numbers(block, block->year != NULL);
  block->key = fitted(block->key, count);
  for (size_t c = 0; c < block->extra_made; c++)
    if (block->extra[c])
      block->extra[c] = fitted(block->extra[c], count);
}

size_t hdx_block_bytes(const struct hdx_block *block) {
  size_t arrays = 1;
  for (size_t c = 0; c < block->extra_made; c++)
    arrays += block->extra[c] != NULL;
  return block->capacity * (NUMBER_COLUMNS * sizeof *block->numbers + arrays * sizeof *block->key) +
         block->memory_bytes + hdx_column_bytes(&block->column) + block->ints.capacity;
}
