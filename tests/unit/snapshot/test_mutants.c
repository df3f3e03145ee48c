/* Snapshots that were changed at random, with checksums that find nothing: the functions that make them are replaced by
 * constants here. Whatever the bytes are, a reader gives rows or an error, within its bounds, soon, and with no more
 * memory than the limits allow.
 *
 * HDX_MUTANTS: how many are read (100,000). HDX_MUTANTS_SEED: others than these. */
#include "codec/hash.h"
#include "small.h"
#include "snapshot/counts.h"
#include "snapshot/filter.h"

#include <signal.h>
#include <unistd.h>

/* ---- what is replaced ---- */

enum { CHECKSUM = 42 };

uint64_t hdx_hash(const void *data, size_t size) {
  (void)data, (void)size;
  return CHECKSUM;
}

uint64_t hdx_hash_parts(const struct hdx_text *parts, size_t count) {
  (void)parts, (void)count;
  return CHECKSUM;
}

const char *hdx_hash_version(void) {
  return "none";
}

/* Read by the address sanitizer, where there is one: the limits of format.h allow no larger run of memory. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) {
  return "max_allocation_size_mb=300:allocator_may_return_null=0:quarantine_size_mb=16";
}

/* ---- reading everything ---- */

enum { SECONDS_MAX = 20 /* for one mutant */ };

static uint64_t seed;
static size_t accepted, refused, rows_read;

static void use(uint64_t value) {
  __asm__ volatile("" : : "r"(value));
}

static void look_at(const struct hdx_batch *batch) {
  uint64_t sum = 0;
  for (size_t i = 0; i < batch->count; i++) {
    sum += (uint64_t)batch->start[i] + (uint64_t)batch->stop[i] + (uint64_t)batch->size[i];
    for (size_t b = 0; b < batch->key[i].size; b += 61)
      sum += (unsigned char)batch->key[i].data[b];
    for (size_t c = 0; c < batch->extra_count; c++)
      if (batch->extra[c][i].size)
        sum += (unsigned char)batch->extra[c][i].data[batch->extra[c][i].size - 1];
  }
  use(sum);
  rows_read += batch->count;
}

static void check_status(enum hdx_status status, const struct hdx_error *error) {
  if (status != HDX_OK && status != HDX_INTEGRITY && status != HDX_LIMIT)
    fail_msg("status %d: %s", status, error->message);
  if (status != HDX_OK && (error->status != status || strlen(error->message) < 8))
    fail_msg("an error that says nothing: \"%s\"", error->message);
}

/* Any rows of a block, ascending. */
static void read_some(const struct hdx_reader *reader, struct hdx_block *block, struct hdx_zstd *zstd, size_t n) {
  static uint32_t rows[HDX_BLOCK_ROWS_MAX];
  struct hdx_error error = {0};
  enum hdx_status status = hdx_reader_block(reader, n, block, zstd, &error);
  check_status(status, &error);
  for (int round = 0; status == HDX_OK && round < 2; round++) {
    size_t count = 0;
    for (size_t i = model_below(&seed, 9); i < block->count; i += 1 + model_below(&seed, round ? 300 : 3))
      rows[count++] = (uint32_t)i;
    status = hdx_reader_select(reader, n, block, zstd, rows, count, 1 + (unsigned)model_below(&seed, 7), &error);
    check_status(status, &error);
  }
}

/* Sums, filters, and windows from the end to the beginning, which have to come to an end. */
static void ask_more(struct hdx_cursor *cursor) {
  struct hdx_error error = {0};
  struct hdx_counts counts;
  const enum hdx_unit unit = (enum hdx_unit)model_below(&seed, 3);
  struct hdx_batch batch;
  const struct hdx_text pattern = HDX_TEXT("*[0-6]*");
  const struct hdx_condition condition = {HDX_TEXT("alpha"), HDX_GREATER, HDX_TEXT("5")};
  struct hdx_filter filter = {.min_size = model_below(&seed, 2) ? 1 : -1, .max_size = -1, .keys = &pattern};
  filter.key_count = model_below(&seed, 2);
  filter.conditions = &condition;
  filter.condition_count = model_below(&seed, 2);
  hdx_counts_init(&counts, model_below(&seed, 2) ? &unit : NULL);
  enum hdx_status status = hdx_cursor_count(cursor, &counts, &error);
  hdx_counts_deinit(&counts);
  check_status(status, &error);
  status = hdx_cursor_filter(cursor, &filter, (unsigned)model_below(&seed, 8) | HDX_COLUMN_SIZE, &error);
  check_status(status, &error);
  for (int64_t first, last = INT64_MAX; hdx_cursor_last_zone(cursor, last, &first); last = first - 1) {
    assert_true(first <= last);
    hdx_cursor_window(cursor, first, last);
    status = hdx_cursor_next(cursor, &batch, &error);
    check_status(status, &error);
    for (size_t i = 0; status == HDX_OK && i < batch.count; i++)
      use((uint64_t)batch.start[i] + (uint64_t)batch.stop[i] + (uint64_t)batch.size[i]);
    if (first == INT64_MIN)
      break;
  }
}

static void ask(const struct hdx_reader *reader) {
  struct hdx_error error = {0};
  struct hdx_cursor *cursor;
  struct hdx_batch batch;
  struct hdx_range range = {HDX_TIME_NONE, HDX_TIME_NONE, (enum hdx_match)model_below(&seed, 3), {-32768, 32767}};
  if (model_below(&seed, 4) == 0)
    range.start = (int64_t)model_below(&seed, 100000) * SMALL_SECOND;
  enum hdx_status status = hdx_cursor_open(reader, &range, &cursor, &error);
  check_status(status, &error);
  if (status != HDX_OK)
    return;
  while ((status = hdx_cursor_next(cursor, &batch, &error)) == HDX_OK && batch.count)
    look_at(&batch);
  check_status(status, &error);
  ask_more(cursor);
  hdx_cursor_close(cursor);
}

/* The bytes lie in memory of their own, so that the sanitizer sees what is read behind them. */
static void read_mutant(const struct hdx_buffer *file, struct hdx_zstd *zstd) {
  struct hdx_error error = {0};
  struct hdx_reader *reader;
  char *bytes = malloc(file->size ? file->size : 1);
  memcpy(bytes, file->data, file->size);
  alarm(SECONDS_MAX);
  enum hdx_status status = hdx_reader_open_bytes(bytes, file->size, "mutant", HDX_TEXT(""), &reader, &error);
  check_status(status, &error);
  if (status == HDX_OK) {
    struct hdx_block block;
    accepted++;
    hdx_block_init(&block);
    for (size_t n = 0; n < reader->footer.zone_count; n++)
      read_some(reader, &block, zstd, n);
    hdx_block_deinit(&block);
    ask(reader);
    status = hdx_reader_verify(reader, &error);
    check_status(status, &error);
    hdx_reader_close(reader);
  }
  refused += status != HDX_OK;
  alarm(0);
  free(bytes);
}

/* ---- changing ---- */

/* A byte as length, counts and varints have them at their turning points, or any. */
static char some_byte(void) {
  static const unsigned char turns[] = {0, 1, 2, 0x3f, 0x40, 0x41, 0x7e, 0x7f, 0x80, 0x81, 0xc0, 0xfe, 0xff};
  return (char)(model_below(&seed, 3) ? turns[model_below(&seed, sizeof turns)] : model_below(&seed, 256));
}

/* Changes bytes [from, end) of a buffer, whose length may change where it may. */
static void change(struct hdx_buffer *bytes, size_t from, bool resize, const struct hdx_buffer *other) {
  size_t size = bytes->size - from, at = from + (size ? model_below(&seed, size) : 0), left;
  size_t run = 1 + model_below(&seed, model_below(&seed, 3) ? 4 : 40);
  /* Heads are short and say most. */
  at = model_below(&seed, 3) && size > 60 ? from + model_below(&seed, 60) : at;
  left = bytes->size - at;
  if (left == 0)
    return;
  switch (model_below(&seed, resize ? 7 : 4)) {
  case 0:
    bytes->data[at] = (char)(bytes->data[at] ^ 1 << model_below(&seed, 8));
    break;
  case 1:
    for (size_t i = 0; i < run && i < left; i++)
      bytes->data[at + i] = some_byte();
    break;
  case 2: /* of another, or of itself */
    for (size_t i = 0, source = model_below(&seed, other->size); i < 3 * run && i < left && source + i < other->size;
         i++)
      bytes->data[at + i] = other->data[source + i];
    break;
  case 3: {
    char moved = bytes->data[from + model_below(&seed, size)];
    bytes->data[at] = (char)(model_below(&seed, 2) ? moved : bytes->data[at] + 1 - (int)model_below(&seed, 3));
    break;
  }
  case 4: /* cut out */
    run = run < left ? run : left;
    memmove(bytes->data + at, bytes->data + at + run, left - run);
    bytes->size -= run;
    break;
  case 5: /* put in */
    assert_non_null(hdx_buffer_reserve(bytes, run));
    memmove(bytes->data + at + run, bytes->data + at, left);
    for (size_t i = 0; i < run; i++)
      bytes->data[at + i] = some_byte();
    bytes->size += run;
    break;
  default: /* cut off */
    bytes->size = model_below(&seed, 2) ? at : bytes->size - 1;
  }
}

/* The file as it is, changed anywhere. */
static void mutate_file(const struct small *small, const struct small *other, struct hdx_buffer *out) {
  hdx_buffer_append_text(out, hdx_buffer_text(&small->file));
  for (size_t n = 1 + model_below(&seed, 3); n > 0; n--)
    change(out, 0, true, &other->file);
}

/* Its blocks changed, in length too, with a footer that fits; now and then the footer's lists are changed as well. */
static void mutate_blocks(const struct small *small, const struct small *other, struct hdx_zstd *zstd,
                          struct hdx_buffer *out) {
  struct hdx_footer footer = small->footer;
  struct hdx_zone zones[SMALL_BLOCKS_MAX];
  struct hdx_text templates[64];
  struct hdx_buffer block;
  struct hdx_error error = {0};
  size_t chosen = model_below(&seed, footer.zone_count);
  memcpy(zones, small->zones, sizeof zones);
  memcpy(templates, small->templates, sizeof templates);
  footer.zones = zones;
  footer.templates = templates;
  hdx_buffer_init(&block, SIZE_MAX);
  hdx_buffer_append(out, small->blocks.data, HDX_HEADER_BYTES);
  for (size_t n = 0; n < footer.zone_count; n++) {
    struct hdx_zone *zone = &zones[n];
    hdx_buffer_clear(&block);
    hdx_buffer_append(&block, small->blocks.data + zone->offset, zone->length);
    for (size_t i = n == chosen ? 1 + model_below(&seed, 3) / 2 : 0; i > 0; i--)
      change(&block, 0, model_below(&seed, 2), &other->blocks);
    zone->offset = out->size;
    zone->length = (uint32_t)block.size;
    hdx_buffer_append_text(out, hdx_buffer_text(&block));
    if (n == chosen && model_below(&seed, 8) == 0)
      zone->rows = 1 + (uint32_t)model_below(&seed, model_below(&seed, 9) ? 400 : HDX_BLOCK_ROWS_MAX);
    if (n == chosen && model_below(&seed, 16) == 0)
      zone->flags = (uint8_t)(zone->flags ^ (HDX_BLOCK_NO_STOP | HDX_BLOCK_SOME_STOPS));
  }
  if (footer.template_count && model_below(&seed, 6) == 0)
    templates[model_below(&seed, footer.template_count)] =
        other->footer.template_count ? other->templates[model_below(&seed, other->footer.template_count)]
                                     : HDX_TEXT("\x01\x81\x02\x03\x04");
  assert_int_equal(hdx_footer_encode(&footer, out->size, zstd, out, &error), HDX_OK);
  hdx_buffer_deinit(&block);
}

/* Its footer, not compressed, changed in length too, with a trailer that fits. */
static void mutate_footer(const struct small *small, const struct small *other, struct hdx_buffer *out) {
  struct hdx_footer footer;
  struct hdx_error error = {0};
  struct hdx_buffer raw;
  size_t raw_size = hdx_load_u32(small->file.data + small->file.size - HDX_TRAILER_BYTES + 12);
  assert_int_equal(hdx_footer_decode(&footer, small->file.data, small->file.size, &error), HDX_OK);
  hdx_buffer_init(&raw, SIZE_MAX);
  hdx_buffer_append(&raw, footer.raw, raw_size);
  hdx_footer_deinit(&footer);
  for (size_t n = 1 + model_below(&seed, 2); n > 0; n--)
    change(&raw, model_below(&seed, 2) ? raw.size / 2 : 0, model_below(&seed, 2), &other->file);
  hdx_buffer_append_text(out, hdx_buffer_text(&small->blocks));
  hdx_buffer_append_text(out, hdx_buffer_text(&raw));
  char trailer[HDX_TRAILER_BYTES];
  memcpy(trailer, small->file.data + small->file.size - sizeof trailer, sizeof trailer);
  hdx_store_u64(trailer, small->blocks.size);
  hdx_store_u32(trailer + 8, (uint32_t)raw.size);
  hdx_store_u32(trailer + 12, (uint32_t)raw.size);
  hdx_store_u64(trailer + 16, out->size + sizeof trailer);
  hdx_buffer_append(out, trailer, sizeof trailer);
  hdx_buffer_deinit(&raw);
}

/* ---- the test ---- */

static uint64_t number_of(const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static void mutants_are_read_or_refused(void **state) {
  (void)state;
  enum { SMALLS = 2 * SMALL_KINDS + 1 };
  static struct small smalls[SMALLS];
  uint64_t count = number_of("HDX_MUTANTS", 100000), first = number_of("HDX_MUTANTS_SEED", 1);
  struct hdx_zstd *zstd = hdx_zstd_create();
  struct hdx_buffer mutant;
  for (size_t s = 0; s < SMALLS - 1; s++)
    small_make(&smalls[s], (enum small_kind)(s / 2), s % 2 ? 70 : 17, s % 2 ? 3 : 1, s);
  small_make(&smalls[SMALLS - 1], SMALL_NOISE, 2500, 2, 99); /* enough for symbols with levels */
  hdx_buffer_init(&mutant, SIZE_MAX);
  for (size_t s = 0; s < SMALLS; s++) /* they are good, as they are */
    read_mutant(&smalls[s].file, zstd);
  assert_int_equal(refused, 0);
  for (uint64_t i = 0; i < count; i++) {
    /* Told by its number alone, so that a mutant that makes trouble can be made again. */
    seed = (first << 32) + i;
    size_t s = model_below(&seed, i % 16 ? SMALLS - 1 : SMALLS);
    const struct small *small = &smalls[s], *other = &smalls[model_below(&seed, SMALLS)];
    hdx_buffer_clear(&mutant);
    switch (model_below(&seed, 6)) {
    case 0:
      mutate_file(small, other, &mutant);
      break;
    case 1:
      mutate_footer(small, other, &mutant);
      break;
    default:
      mutate_blocks(small, other, zstd, &mutant);
    }
    read_mutant(&mutant, zstd);
  }
  print_message("%llu mutants: %zu were opened, %zu refused in the end, %zu rows read\n", (unsigned long long)count,
                accepted, refused, rows_read);
  /* Otherwise they would be too bad to test anything, or too good. */
  if (count >= 1000)
    assert_true(accepted > count / 2 && refused > count / 4);
  hdx_buffer_deinit(&mutant);
  hdx_zstd_free(zstd);
  for (size_t s = 0; s < SMALLS; s++)
    small_free(&smalls[s]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(mutants_are_read_or_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
