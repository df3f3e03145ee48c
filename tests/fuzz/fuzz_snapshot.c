/* layer: snapshot */
/* Arbitrary bytes as a snapshot: no crash, no read out of bounds, no answer but OK, INTEGRITY, LIMIT or MEMORY.
 *
 * The first byte picks what the rest is, as checksums would keep a fuzzer out:
 *   0  a whole file as it is
 *   1  a whole file; the checksums of its blocks and of the whole are made to fit
 *   2  rows - 1 as u16, flags as u8, number of templates as u8, for each: size u8 and bytes; then one block; its
 *      checksum and times are made to fit
 *   3  a footer (raw); header, trailer and checksum are put around it, before it one byte for each of the first u16 */
#include "codec/bytes.h"
#include "codec/hash.h"
#include "snapshot/counts.h"
#include "snapshot/filter.h"
#include "snapshot/reader.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
  if (!ok)
    abort();
}

static void require_clean(enum hdx_status status) {
  require(status == HDX_OK || status == HDX_INTEGRITY || status == HDX_LIMIT || status == HDX_MEMORY);
}

/* Makes a value count as used. */
static void use(uint64_t value) {
  __asm__ volatile("" : : "r"(value));
}

/* Adds up what is handed out, so that it is looked at. */
static uint64_t look_at(const struct hdx_batch *batch) {
  uint64_t sum = 0;
  for (size_t i = 0; i < batch->count; i++) {
    sum += (uint64_t)batch->start[i] + (uint64_t)batch->stop[i] + (uint64_t)batch->size[i];
    for (size_t b = 0; b < batch->key[i].size; b += 97)
      sum += (unsigned char)batch->key[i].data[b];
    for (size_t c = 0; c < batch->extra_count; c++)
      if (batch->extra[c][i].size)
        sum += (unsigned char)batch->extra[c][i].data[batch->extra[c][i].size - 1];
  }
  return sum;
}

static void count(struct hdx_cursor *cursor, const enum hdx_unit *unit) {
  struct hdx_error error;
  struct hdx_counts counts;
  hdx_counts_init(&counts, unit);
  require_clean(hdx_cursor_count(cursor, &counts, &error));
  hdx_counts_settle(&counts);
  for (size_t i = 1; i < counts.count; i++)
    require(counts.list[i - 1].last < counts.list[i].from);
  hdx_counts_deinit(&counts);
}

static void ask(const struct hdx_reader *reader, const struct hdx_range *range) {
  struct hdx_error error;
  struct hdx_cursor *cursor;
  struct hdx_batch batch;
  enum hdx_status status = hdx_cursor_open(reader, range, &cursor, &error);
  require_clean(status);
  if (status != HDX_OK)
    return;
  for (int i = 0; i < 100 && (status = hdx_cursor_next(cursor, &batch, &error)) == HDX_OK && batch.count; i++)
    use(look_at(&batch));
  require_clean(status);
  static const enum hdx_unit units[] = {HDX_UNIT_YEAR, HDX_UNIT_MONTH, HDX_UNIT_DAY};
  count(cursor, NULL);
  count(cursor, &units[(uint64_t)range->start % 3]);
  const struct hdx_text pattern = HDX_TEXT("*[0-4]*");
  const struct hdx_condition condition = {HDX_TEXT("checksum"), HDX_GREATER, HDX_TEXT("5")};
  struct hdx_filter filter = {.min_size = 1, .max_size = -1, .keys = &pattern, .key_count = 1};
  filter.conditions = &condition;
  filter.condition_count = 1;
  require_clean(hdx_cursor_filter(cursor, &filter, HDX_COLUMN_ALL, &error));
  count(cursor, &units[(uint64_t)range->stop % 3]);
  /* From the end to the beginning, in windows that must come to an end. */
  for (int64_t first, last = INT64_MAX; hdx_cursor_last_zone(cursor, last, &first); last = first - 1) {
    require(first <= last);
    hdx_cursor_window(cursor, first, last);
    status = hdx_cursor_next(cursor, &batch, &error);
    require_clean(status);
    if (status == HDX_OK)
      use(look_at(&batch));
    if (first == INT64_MIN)
      break;
  }
  hdx_cursor_close(cursor);
}

static void read_file(const uint8_t *bytes, size_t size) {
  struct hdx_error error;
  struct hdx_reader *reader;
  enum hdx_status status = hdx_reader_open_bytes(bytes, size, "fuzz", HDX_TEXT(""), &reader, &error);
  require_clean(status);
  if (status != HDX_OK)
    return;
  const struct hdx_snapshot_info *info = hdx_reader_info(reader);
  size_t texts = strlen(info->source);
  for (size_t i = 0; i < info->year_count; i++)
    texts += strlen(info->years[i].url) + strlen(info->years[i].reason);
  require(texts < size + HDX_FOOTER_BYTES_MAX);
  struct hdx_range range = {HDX_TIME_NONE, HDX_TIME_NONE, HDX_MATCH_OVERLAP, {-32768, 32767}};
  ask(reader, &range);
  int64_t middle = info->first / 2 + info->last / 2;
  for (int match = 0; match < 3; match++) {
    range = (struct hdx_range){middle, info->last, (enum hdx_match)match, {2000, 2010}};
    ask(reader, &range);
  }
  require_clean(hdx_reader_verify(reader, &error));
  hdx_reader_close(reader);
}

/* Puts a footer, header and trailer that fit around the blocks of `file`. */
static void read_mended(const uint8_t *bytes, size_t size, struct hdx_footer *footer, struct hdx_zstd *zstd) {
  struct hdx_buffer out;
  struct hdx_error error;
  uint64_t end = HDX_HEADER_BYTES;
  for (size_t i = 0; i < footer->zone_count; i++) {
    struct hdx_zone *zone = &footer->zones[i];
    require(zone->offset + zone->length <= size);
    zone->hash = hdx_hash(bytes + zone->offset, zone->length);
    end += zone->length;
  }
  hdx_buffer_init(&out, SIZE_MAX);
  hdx_buffer_append(&out, bytes, end);
  if (hdx_footer_encode(footer, end, zstd, &out, &error) == HDX_OK)
    read_file((const uint8_t *)out.data, out.size);
  hdx_buffer_deinit(&out);
}

/* Makes the trailer fit the file that it ends. */
static void mend_trailer(uint8_t *bytes, size_t size, uint64_t footer, uint32_t raw) {
  uint8_t *trailer = bytes + size - HDX_TRAILER_BYTES;
  hdx_footer_header((char *)bytes);
  hdx_store_u64(trailer, footer);
  hdx_store_u32(trailer + 8, (uint32_t)(size - HDX_TRAILER_BYTES - footer));
  hdx_store_u32(trailer + 12, raw);
  hdx_store_u64(trailer + 16, size);
  memcpy(trailer + 24, bytes + HDX_MAGIC_BYTES, 8);
  struct hdx_text parts[] = {{(const char *)bytes, HDX_HEADER_BYTES},
                             {(const char *)bytes + footer, size - footer - 16}};
  hdx_store_u64(trailer + 32, hdx_hash_parts(parts, 2));
  memcpy(trailer + 40, HDX_TRAILER_MAGIC, HDX_MAGIC_BYTES);
}

static void fuzz_mended_file(const uint8_t *data, size_t size, struct hdx_zstd *zstd) {
  if (size < HDX_HEADER_BYTES + HDX_TRAILER_BYTES)
    return;
  struct hdx_error error;
  struct hdx_footer footer;
  uint8_t *bytes = malloc(size);
  memcpy(bytes, data, size);
  uint8_t *trailer = bytes + size - HDX_TRAILER_BYTES;
  uint64_t at = HDX_HEADER_BYTES + hdx_load_u64(trailer) % (size - HDX_HEADER_BYTES - HDX_TRAILER_BYTES + 1);
  mend_trailer(bytes, size, at, hdx_load_u32(trailer + 12) % (1u << 20));
  if (hdx_footer_decode(&footer, bytes, size, &error) == HDX_OK) {
    read_mended(bytes, size, &footer, zstd);
    hdx_footer_deinit(&footer);
  }
  free(bytes);
}

/* The templates before a block; gives where it begins. */
static const uint8_t *take_book(struct hdx_book *book, const uint8_t *data, const uint8_t *end) {
  struct hdx_error error;
  size_t count = *data++;
  for (size_t t = 0; t < count && end - data > 1 && end - data > *data; t++) {
    struct hdx_text bytes = {(const char *)data + 1, *data};
    if (hdx_book_append(book, bytes, &error) != HDX_OK)
      require(hdx_book_append(book, (struct hdx_text){"\x00\x00", 2}, &error) == HDX_OK); /* the numbers stay */
    data += 1 + bytes.size;
  }
  return data;
}

static void select_rows(struct hdx_block *block, struct hdx_zstd *zstd) {
  struct hdx_error error;
  uint32_t *rows = malloc(block->count * sizeof *rows);
  for (uint32_t step = 1; step < 400; step += 130) {
    size_t count = 0;
    for (uint32_t i = step - 1; i < block->count; i += step)
      rows[count++] = i;
    enum hdx_status status = hdx_block_select(block, zstd, rows, count, HDX_WANT_ALL, &error);
    require_clean(status);
    for (size_t i = 0; status == HDX_OK && i < count; i++)
      use((uint64_t)block->size[i] +
          (block->key[i].size ? (unsigned char)block->key[i].data[block->key[i].size - 1] : 0));
  }
  free(rows);
}

static void fuzz_block(const uint8_t *data, size_t size, struct hdx_zstd *zstd) {
  if (size < 4)
    return;
  struct hdx_error error;
  struct hdx_block block;
  struct hdx_book book;
  hdx_book_init(&book);
  const uint8_t *bytes = take_book(&book, data + 3, data + size);
  struct hdx_zone zone = {.rows = (uint32_t)(data[0] | data[1] << 8) + 1,
                          .flags = data[2] % (HDX_BLOCK_FLAGS + 1),
                          .length = (uint32_t)(data + size - bytes),
                          .hash = hdx_hash(bytes, (size_t)(data + size - bytes))};
  zone.year = zone.flags & HDX_BLOCK_MIXED ? HDX_YEAR_MIXED : 2000;
  hdx_block_init(&block);
  enum hdx_status status = hdx_block_open(&block, &book, zstd, bytes, &zone, &error);
  if (status == HDX_INTEGRITY && block.count == zone.rows) {
    zone.min_start = block.start[0];
    zone.max_start = block.start[block.count - 1];
    status = hdx_block_open(&block, &book, zstd, bytes, &zone, &error);
  }
  require_clean(status);
  if (status == HDX_OK)
    select_rows(&block, zstd);
  hdx_block_deinit(&block);
  hdx_book_deinit(&book);
}

static void fuzz_footer(const uint8_t *data, size_t size) {
  if (size < 2)
    return;
  size_t blocks = (size_t)(data[0] | data[1] << 8), footer = size - 2;
  size_t total = HDX_HEADER_BYTES + blocks + footer + HDX_TRAILER_BYTES;
  uint8_t *bytes = calloc(1, total);
  memcpy(bytes + HDX_HEADER_BYTES + blocks, data + 2, footer);
  mend_trailer(bytes, total, HDX_HEADER_BYTES + blocks, (uint32_t)footer);
  read_file(bytes, total);
  free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1)
    return 0;
  struct hdx_zstd *zstd = hdx_zstd_create();
  require(zstd != NULL);
  switch (*data % 4) {
  case 0:
    read_file(data + 1, size - 1);
    break;
  case 1:
    fuzz_mended_file(data + 1, size - 1, zstd);
    break;
  case 2:
    fuzz_block(data + 1, size - 1, zstd);
    break;
  default:
    fuzz_footer(data + 1, size - 1);
  }
  hdx_zstd_free(zstd);
  return 0;
}
