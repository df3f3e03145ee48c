/* The bytes of a block to rows. (The way there: block.c.) Everything is checked: a block whose hash was made to fit may
 * still be anything. */
#include "snapshot/block.h"

#include "base/error.h"
#include "codec/bytes.h"
#include "codec/hash.h"
#include "codec/ints.h"

#include <stdlib.h>

enum { START, STOP, SIZE, YEAR, KEY, PLAIN_COLUMNS };
enum { NUMBER_COLUMNS = 5 };

/* A column as it lies in the block, and what its texts are decoded to. */
struct hdx_block_column {
  const uint8_t *data;
  size_t size;
  char *memory;
  size_t capacity;
};

void hdx_block_init(struct hdx_block *block) {
  *block = (struct hdx_block){0};
  hdx_texts_init(&block->texts);
}

void hdx_block_deinit(struct hdx_block *block) {
  hdx_texts_deinit(&block->texts);
  for (size_t c = 0; block->columns && c < PLAIN_COLUMNS + block->extra_made; c++)
    free(block->columns[c].memory);
  for (size_t c = 0; c < block->extra_made; c++)
    free(block->extra[c]);
  free(block->columns);
  free(block->extra);
  free(block->extra_id);
  free(block->numbers);
  free(block->key);
  free(block->scratch);
  hdx_block_init(block);
}

static enum hdx_status broken(struct hdx_error *error, const char *what) {
  return hdx_error_set(error, HDX_INTEGRITY, "%s", what);
}

/* ---- memory ---- */

/* Room for `count` more extra columns' tables; each column's own arrays come later. */
static enum hdx_status grow_columns(struct hdx_block *block, size_t count, struct hdx_error *error) {
  if (block->columns && count <= block->extra_made)
    return HDX_OK;
  size_t columns = PLAIN_COLUMNS + count;
  struct hdx_block_column *grown = realloc(block->columns, columns * sizeof *grown);
  if (!grown)
    return hdx_error_memory(error, columns * sizeof *grown);
  for (size_t c = block->columns ? PLAIN_COLUMNS + block->extra_made : 0; c < columns; c++)
    grown[c] = (struct hdx_block_column){0};
  block->columns = grown;
  if (count == 0)
    return HDX_OK;
  uint32_t *ids = realloc(block->extra_id, count * sizeof *ids);
  block->extra_id = ids ? ids : block->extra_id;
  struct hdx_text **extra = realloc(block->extra, count * sizeof *extra);
  block->extra = extra ? extra : block->extra;
  if (!ids || !extra)
    return hdx_error_memory(error, count * sizeof *extra);
  for (; block->extra_made < count; block->extra_made++)
    block->extra[block->extra_made] = NULL;
  return HDX_OK;
}

static bool resize_texts(struct hdx_text **texts, size_t count) {
  struct hdx_text *grown = realloc(*texts, count * sizeof *grown);
  *texts = grown ? grown : *texts;
  return grown != NULL;
}

/* Room for all numbers and keys of a block; extras are as long as the greatest block that had them. */
static enum hdx_status grow_rows(struct hdx_block *block, size_t count, struct hdx_error *error) {
  if (count <= block->capacity)
    return HDX_OK;
  int64_t *numbers = realloc(block->numbers, NUMBER_COLUMNS * count * sizeof *numbers);
  block->numbers = numbers ? numbers : block->numbers;
  bool ok = numbers && resize_texts(&block->key, count) && resize_texts(&block->scratch, HDX_TEXTS_GROUP);
  for (size_t c = 0; ok && c < block->extra_made; c++) {
    free(block->extra[c]);
    block->extra[c] = NULL;
  }
  if (!ok)
    return hdx_error_memory(error, NUMBER_COLUMNS * count * sizeof *numbers);
  block->capacity = count;
  return HDX_OK;
}

static int64_t *number_column(struct hdx_block *block, int column) {
  return block->numbers + (size_t)column * block->capacity;
}

/* Memory is kept from block to block, but not what one column after the other once needed. */
static void forget_texts(struct hdx_block *block) {
  for (size_t c = 0; c < PLAIN_COLUMNS + block->extra_made; c++) {
    free(block->columns[c].memory);
    block->columns[c].memory = NULL;
    block->columns[c].capacity = 0;
  }
  block->memory_bytes = 0;
}

/* ---- opening ---- */

/* Takes the header apart and notes where the columns lie. */
static enum hdx_status open_columns(struct hdx_block *block, struct hdx_bytes *in, const struct hdx_zone *zone,
                                    struct hdx_error *error) {
  uint8_t flags = hdx_get_u8(in), extra_count = hdx_get_u8(in);
  if (in->bad || flags != zone->flags || extra_count > HDX_CSV_EXTRA_MAX)
    return broken(error, "the block's header is not what the footer says");
  block->extra_count = 0;
  enum hdx_status status = grow_columns(block, extra_count, error);
  if (status != HDX_OK)
    return status;
  uint64_t sizes[PLAIN_COLUMNS + HDX_CSV_EXTRA_MAX] = {0};
  for (size_t c = 0; c < PLAIN_COLUMNS + (size_t)extra_count; c++) {
    if ((c == STOP && flags & HDX_BLOCK_NO_STOP) || (c == YEAR && !(flags & HDX_BLOCK_MIXED)))
      continue;
    uint64_t id = c < PLAIN_COLUMNS ? 0 : hdx_get_varint(in);
    if (id > UINT32_MAX)
      return broken(error, "an extra column with an impossible number");
    if (c >= PLAIN_COLUMNS)
      block->extra_id[c - PLAIN_COLUMNS] = (uint32_t)id;
    sizes[c] = hdx_get_varint(in);
  }
  for (size_t c = 0; c < PLAIN_COLUMNS + (size_t)extra_count; c++) {
    block->columns[c].data = sizes[c] <= hdx_bytes_left(in) ? hdx_get_bytes(in, (size_t)sizes[c]) : NULL;
    block->columns[c].size = (size_t)sizes[c];
    if (!block->columns[c].data)
      return broken(error, "the columns are longer than the block");
  }
  if (in->bad || hdx_bytes_left(in))
    return broken(error, "the columns do not fill the block");
  block->extra_count = extra_count;
  return HDX_OK;
}

static enum hdx_status read_numbers(const struct hdx_block *block, const uint8_t *data, size_t size, int64_t *out,
                                    struct hdx_error *error) {
  struct hdx_ints ints;
  enum hdx_status status = hdx_ints_open(&ints, data, size, block->count, error);
  if (status == HDX_OK)
    hdx_ints_read(&ints, 0, block->count, out);
  return status;
}

static enum hdx_status read_stops(struct hdx_block *block, uint8_t flags, struct hdx_error *error) {
  const struct hdx_block_column *column = &block->columns[STOP];
  size_t count = block->count;
  const int64_t *start = block->start;
  int64_t *stop = block->stop;
  if (flags & HDX_BLOCK_NO_STOP) {
    for (size_t i = 0; i < count; i++)
      stop[i] = HDX_TIME_NONE;
    return HDX_OK;
  }
  if (column->size == 0 || column->data[0] > HDX_STOP_GAP)
    return broken(error, "stops of an unknown kind");
  enum hdx_status status = read_numbers(block, column->data + 1, column->size - 1, stop, error);
  if (status != HDX_OK)
    return status;
  if (column->data[0] == HDX_STOP_DURATION) {
    for (size_t i = 0; i < count; i++)
      stop[i] = (int64_t)((uint64_t)start[i] + (uint64_t)stop[i]);
    return HDX_OK;
  }
  for (size_t i = 0; i + 1 < count; i++)
    stop[i] = (int64_t)((uint64_t)start[i + 1] - (uint64_t)stop[i]);
  stop[count - 1] = (int64_t)((uint64_t)start[count - 1] - (uint64_t)stop[count - 1]);
  return HDX_OK;
}

/* The greatest duration, by which a search for what reaches into a range may begin late. Without branches: it is
 * computed of every block that is opened. */
static int64_t longest_of(const struct hdx_block *block) {
  int64_t longest = 0, overflow = 0;
  bool none = false;
  for (size_t i = 0; i < block->count; i++) {
    int64_t start = block->start[i], stop = block->stop[i];
    int64_t duration = (int64_t)((uint64_t)stop - (uint64_t)start);
    overflow |= (stop ^ start) & (stop ^ duration);
    none |= stop == HDX_TIME_NONE;
    longest = duration > longest ? duration : longest;
  }
  return none || overflow < 0 ? INT64_MAX : longest;
}

enum hdx_status hdx_block_peek(struct hdx_block *block, const void *bytes, const struct hdx_zone *zone,
                               struct hdx_error *error) {
  if (hdx_hash(bytes, zone->length) != zone->hash)
    return broken(error, "its bytes do not have the checksum that the footer says");
  if (zone->rows == 0 || zone->rows > HDX_BLOCK_ROWS_MAX)
    return broken(error, "a number of rows that no block has");
  struct hdx_bytes in = hdx_bytes_of(bytes, zone->length);
  return open_columns(block, &in, zone, error);
}

enum hdx_status hdx_block_open(struct hdx_block *block, const void *bytes, const struct hdx_zone *zone,
                               struct hdx_error *error) {
  enum hdx_status status = hdx_block_peek(block, bytes, zone, error);
  if (status == HDX_OK)
    status = grow_rows(block, zone->rows, error);
  if (status != HDX_OK)
    return status;
  if (block->memory_bytes > HDX_BLOCK_TEXT_BYTES_MAX)
    forget_texts(block);
  block->count = zone->rows;
  block->selected = 0;
  block->text_bytes = 0;
  block->start = number_column(block, START);
  block->stop = number_column(block, STOP);
  block->size = number_column(block, SIZE);
  block->year = zone->flags & HDX_BLOCK_MIXED ? number_column(block, YEAR) : NULL;
  block->year_of_all = zone->year;
  status = read_numbers(block, block->columns[START].data, block->columns[START].size, block->start, error);
  if (status != HDX_OK)
    return hdx_error_context(error, status, "column of starts");
  status = read_stops(block, zone->flags, error);
  if (status != HDX_OK)
    return hdx_error_context(error, status, "column of stops");
  block->longest = longest_of(block);
  if (block->start[0] != zone->min_start || block->start[block->count - 1] != zone->max_start)
    return broken(error, "its times are not those that the footer says");
  if (!block->year)
    return HDX_OK;
  status = read_numbers(block, block->columns[YEAR].data, block->columns[YEAR].size, block->year, error);
  for (size_t i = 0; status == HDX_OK && i < block->count; i++)
    if (block->year[i] < INT16_MIN || block->year[i] > INT16_MAX)
      status = broken(error, "an impossible year");
  return status == HDX_OK ? status : hdx_error_context(error, status, "column of years");
}

/* ---- selecting ---- */

/* The end of the run of selected rows, beginning at rows[i], that lie in one group. */
static size_t group_end(const uint32_t *rows, size_t i, size_t count, size_t group) {
  size_t end = (rows[i] / group + 1) * group, j = i;
  while (j < count && rows[j] < end)
    j++;
  return j;
}

static enum hdx_status select_sizes(struct hdx_block *block, const uint32_t *rows, size_t count,
                                    struct hdx_error *error) {
  const struct hdx_block_column *column = &block->columns[SIZE];
  struct hdx_bytes in = hdx_bytes_of(column->data, column->size);
  uint8_t kind = hdx_get_u8(&in);
  const uint8_t *bits = kind == HDX_SIZES_SOME ? hdx_get_bytes(&in, (block->count + 7) / 8) : NULL;
  if (in.bad || kind > HDX_SIZES_NONE || (kind == HDX_SIZES_NONE && hdx_bytes_left(&in)))
    return broken(error, "sizes of an unknown kind");
  if (kind == HDX_SIZES_NONE) {
    for (size_t i = 0; i < count; i++)
      block->size[i] = -1;
    return HDX_OK;
  }
  struct hdx_ints ints;
  enum hdx_status status = hdx_ints_open(&ints, in.at, hdx_bytes_left(&in), block->count, error);
  if (status != HDX_OK)
    return status;
  int64_t *scratch = number_column(block, NUMBER_COLUMNS - 1);
  /* Groups of a column with a predictor cannot be read by themselves. */
  size_t group = ints.tag == HDX_INTS_DELTA ? HDX_INTS_MAX : HDX_INTS_GROUP;
  for (size_t i = 0; i < count;) {
    size_t end = group_end(rows, i, count, group), from = rows[i] / group * group;
    hdx_ints_read(&ints, from, rows[end - 1] + 1, scratch);
    for (; i < end; i++)
      block->size[i] = scratch[rows[i] - from];
  }
  for (size_t i = 0; bits && i < count; i++)
    if (!(bits[rows[i] / 8] >> (rows[i] % 8) & 1))
      block->size[i] = -1;
  return HDX_OK;
}

/* Makes room for the texts of the groups that have selected rows. */
static enum hdx_status reserve_texts(struct hdx_block *block, struct hdx_block_column *column, const uint32_t *rows,
                                     size_t count, struct hdx_error *error) {
  size_t total = 0;
  for (size_t i = 0, end; i < count; i = end) {
    size_t bytes;
    end = group_end(rows, i, count, HDX_TEXTS_GROUP);
    enum hdx_status status =
        hdx_texts_size(&block->texts, rows[i] / HDX_TEXTS_GROUP * HDX_TEXTS_GROUP, rows[end - 1] + 1, &bytes, error);
    if (status != HDX_OK)
      return status;
    total += bytes;
    if (total > HDX_BLOCK_TEXT_BYTES_MAX - block->text_bytes)
      return broken(error, "more text than a block may have");
  }
  block->text_bytes += total;
  if (total + HDX_TEXTS_SLACK <= column->capacity)
    return HDX_OK;
  free(column->memory);
  block->memory_bytes -= column->capacity;
  column->capacity = total + HDX_TEXTS_SLACK;
  column->memory = malloc(column->capacity);
  if (!column->memory) {
    column->capacity = 0;
    return hdx_error_memory(error, total + HDX_TEXTS_SLACK);
  }
  block->memory_bytes += column->capacity;
  return HDX_OK;
}

static enum hdx_status select_texts(struct hdx_block *block, struct hdx_zstd *zstd, struct hdx_block_column *column,
                                    const uint32_t *rows, size_t count, struct hdx_text *out, struct hdx_error *error) {
  enum hdx_status status = hdx_texts_open(&block->texts, zstd, column->data, column->size, block->count, error);
  if (status == HDX_OK)
    status = reserve_texts(block, column, rows, count, error);
  char *memory = column->memory;
  for (size_t i = 0; status == HDX_OK && i < count;) {
    size_t end = group_end(rows, i, count, HDX_TEXTS_GROUP), from = rows[i] / HDX_TEXTS_GROUP * HDX_TEXTS_GROUP;
    size_t to = rows[end - 1] + 1, bytes;
    bool all = end - i == to - from;
    struct hdx_text *group = all ? out + i : block->scratch;
    status = hdx_texts_read(&block->texts, from, to, group, memory, error);
    if (status == HDX_OK)
      status = hdx_texts_size(&block->texts, from, to, &bytes, error);
    if (status != HDX_OK)
      return status;
    memory += bytes;
    for (; !all && i < end; i++)
      out[i] = group[rows[i] - from];
    i = end;
  }
  return status;
}

enum hdx_status hdx_block_select(struct hdx_block *block, struct hdx_zstd *zstd, const uint32_t *rows, size_t count,
                                 unsigned wanted, struct hdx_error *error) {
  block->selected = count;
  block->text_bytes = 0;
  if (count == 0)
    return HDX_OK;
  enum hdx_status status = wanted & HDX_WANT_SIZE ? select_sizes(block, rows, count, error) : HDX_OK;
  if (status != HDX_OK)
    return hdx_error_context(error, status, "column of sizes");
  if (wanted & HDX_WANT_KEY)
    status = select_texts(block, zstd, &block->columns[KEY], rows, count, block->key, error);
  if (status != HDX_OK)
    return hdx_error_context(error, status, "column of keys");
  for (size_t c = 0; wanted & HDX_WANT_EXTRA && c < block->extra_count; c++) {
    if (!block->extra[c] && !resize_texts(&block->extra[c], block->capacity))
      return hdx_error_memory(error, block->capacity * sizeof(struct hdx_text));
    status = select_texts(block, zstd, &block->columns[PLAIN_COLUMNS + c], rows, count, block->extra[c], error);
    if (status != HDX_OK)
      return hdx_error_context(error, status, "extra column %zu", c);
  }
  return HDX_OK;
}
