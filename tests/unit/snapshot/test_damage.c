/* Damaged snapshots: whatever byte is flipped and wherever the file is cut, a reader says so or gives the very same
 * rows; and where checksums were made to fit, it still stays within its bounds. */
#include "codec/bytes.h"
#include "codec/hash.h"
#include "model.h"
#include "small.h"
#include "snapshot/format.h"
#include "snapshot/reader.h"

#include <unistd.h>

static char path[128];
static const struct hdx_range everything = {HDX_TIME_NONE, HDX_TIME_NONE, HDX_MATCH_OVERLAP, {-30000, 30000}};

/* A small snapshot of everything there is: extras, missing sizes and stops, several blocks if `large`. */
static struct hdx_buffer make_file(struct model *model, bool large) {
  struct hdx_error error;
  struct hdx_writer *writer;
  struct hdx_buffer bytes;
  uint64_t seed = 11;
  size_t count = large ? 70000 : 40;
  model_init(model);
  model->extra_count = MODEL_EXTRAS;
  for (size_t i = 0; i < count; i++) {
    int64_t start = (int64_t)(i * 1000 + model_below(&seed, 3000));
    struct model_row *row =
        model_add(model, 2000 + (int)(i * 2 / count), start, model_below(&seed, 9) ? start + 5 : HDX_TIME_NONE,
                  model_below(&seed, 5) ? (int64_t)model_below(&seed, 9000) : -1);
    row->key = model_text(model, "s3://b/file_%05zu_%llu.cdf", i, (unsigned long long)model_below(&seed, 10));
    row->extra[0] = model_below(&seed, 4) ? HDX_TEXT("") : model_text(model, "%zu", i * 7919);
    row->extra[1] = HDX_TEXT("MD5");
  }
  assert_int_equal(hdx_writer_create(path, &writer, &error), HDX_OK);
  model_write_year(model, writer, 2000, 8192);
  model_write_year(model, writer, 2001, 8192);
  int years[] = {2000, 2001};
  model_commit(writer, years, 2);
  model_finish(model);
  hdx_buffer_init(&bytes, SIZE_MAX);
  FILE *file = fopen(path, "r");
  for (size_t n = 1; n;) {
    char *to = hdx_buffer_reserve(&bytes, 65536);
    n = fread(to, 1, 65536, file);
    bytes.size += n;
  }
  fclose(file);
  unlink(path);
  return bytes;
}

/* Reads everything there is. OK: all rows came, and if `model` they are its rows. */
static enum hdx_status read_all(const char *bytes, size_t size, const struct model *model, struct hdx_error *error) {
  struct hdx_reader *reader;
  struct hdx_cursor *cursor;
  struct model got;
  enum hdx_status status = hdx_reader_open_bytes(bytes, size, "damaged.hdx", HDX_TEXT(""), &reader, error);
  if (status != HDX_OK)
    return status;
  model_init(&got);
  assert_int_equal(hdx_cursor_open(reader, &everything, &cursor, error), HDX_OK);
  for (;;) {
    struct hdx_batch batch;
    status = hdx_cursor_next(cursor, &batch, error);
    if (status != HDX_OK || batch.count == 0)
      break;
    if (model)
      model_take_batch(&got, &batch, hdx_reader_info(reader));
  }
  hdx_cursor_close(cursor);
  if (status == HDX_OK && model) {
    assert_int_equal(got.count, model->count);
    for (size_t i = 0; i < got.count; i++)
      assert_true(model_same(&got.rows[i], &model->rows[i]));
  }
  if (status == HDX_OK)
    status = hdx_reader_verify(reader, error);
  hdx_reader_close(reader);
  model_deinit(&got);
  return status;
}

static void test_37_p5_every_byte_counts(void **state) {
  (void)state;
  struct model model;
  struct hdx_error error;
  struct hdx_buffer file = make_file(&model, false);
  assert_int_equal(read_all(file.data, file.size, &model, &error), HDX_OK);
  char *bytes = malloc(file.size);
  for (size_t i = 0; i < file.size; i++)
    for (int bit = 0; bit < 8; bit++) {
      memcpy(bytes, file.data, file.size);
      bytes[i] = (char)(bytes[i] ^ 1 << bit);
      error.status = HDX_OK;
      assert_int_equal(read_all(bytes, file.size, NULL, &error), HDX_INTEGRITY);
      assert_int_equal(error.status, HDX_INTEGRITY);
      assert_non_null(strstr(error.message, "damaged.hdx: "));
    }
  free(bytes);
  for (size_t size = 0; size < file.size; size++) {
    char *cut = malloc(size ? size : 1);
    memcpy(cut, file.data, size);
    assert_int_equal(read_all(cut, size, NULL, &error), HDX_INTEGRITY);
    free(cut);
  }
  char *longer = calloc(1, file.size + 100);
  memcpy(longer, file.data, file.size);
  assert_int_equal(read_all(longer, file.size + 100, NULL, &error), HDX_INTEGRITY);
  free(longer);
  hdx_buffer_deinit(&file);
  model_deinit(&model);
}

/* What a snapshot with one damaged byte does: the whole is refused, or the block that the byte lies in and no other. */
static void check_damaged(const struct small *small, const char *bytes, size_t at) {
  struct hdx_error error = {0};
  struct hdx_reader *reader;
  struct hdx_block block;
  static uint32_t rows[HDX_BLOCK_ROWS];
  bool in_footer = at < HDX_HEADER_BYTES || at >= small->blocks.size;
  enum hdx_status status = hdx_reader_open_bytes(bytes, small->file.size, "damaged.hdx", HDX_TEXT(""), &reader, &error);
  assert_int_equal(status, in_footer ? HDX_INTEGRITY : HDX_OK);
  if (in_footer) {
    assert_int_equal(error.status, HDX_INTEGRITY);
    assert_non_null(strstr(error.message, "damaged.hdx: "));
    return;
  }
  struct hdx_zstd *zstd = hdx_zstd_create();
  hdx_block_init(&block);
  for (size_t n = 0, from = 0; n < small->footer.zone_count; from += small->zones[n++].rows) {
    const struct hdx_zone *zone = &small->zones[n];
    char name[80];
    snprintf(name, sizeof name, "damaged.hdx: block %zu (rows %zu to %zu): ", n, from + 1, from + zone->rows);
    status = hdx_reader_block(reader, n, &block, zstd, &error);
    if (at >= zone->offset && at < zone->offset + zone->length) {
      assert_int_equal(status, HDX_INTEGRITY);
      assert_non_null(strstr(error.message, name));
      continue;
    }
    assert_int_equal(status, HDX_OK);
    for (uint32_t i = 0; i < zone->rows; i++)
      rows[i] = i;
    assert_int_equal(hdx_reader_select(reader, n, &block, zstd, rows, zone->rows, HDX_WANT_ALL, &error), HDX_OK);
    for (size_t i = 0; i < zone->rows; i++) {
      const struct model_row *row = &small->model.rows[from + i];
      assert_true(block.start[i] == row->start && block.stop[i] == row->stop && block.size[i] == row->size);
      assert_true(hdx_text_equal(block.key[i], row->key));
    }
  }
  assert_int_equal(hdx_reader_verify(reader, &error), HDX_INTEGRITY);
  hdx_block_deinit(&block);
  hdx_zstd_free(zstd);
  hdx_reader_close(reader);
}

/* The rows of each block in their order, as hdx_reader_block gives them. */
static void sort_blocks(struct small *small) {
  for (size_t n = 0, from = 0; n < small->footer.zone_count; from += small->zones[n++].rows)
    qsort(small->model.rows + from, small->zones[n].rows, sizeof *small->model.rows, model_total_order);
}

static void test_37_every_byte_counts_in_every_kind(void **state) {
  (void)state;
  for (int kind = 0; kind < SMALL_KINDS; kind++)
    for (size_t blocks = 1; blocks <= 3; blocks += 2) {
      struct small small;
      struct hdx_error error;
      struct hdx_reader *reader;
      small_make(&small, (enum small_kind)kind, 25, blocks, (uint64_t)kind);
      sort_blocks(&small);
      assert_int_equal(read_all(small.file.data, small.file.size, NULL, &error), HDX_OK);
      char *bytes = malloc(small.file.size);
      memcpy(bytes, small.file.data, small.file.size);
      for (size_t i = 0; i < small.file.size; i++) {
        bytes[i] = (char)(bytes[i] ^ 1 << i % 8);
        check_damaged(&small, bytes, i);
        bytes[i] = small.file.data[i];
      }
      free(bytes);
      for (size_t size = 0; size < small.file.size; size++) {
        char *cut = malloc(size ? size : 1);
        memcpy(cut, small.file.data, size);
        assert_int_equal(hdx_reader_open_bytes(cut, size, "cut.hdx", HDX_TEXT(""), &reader, &error), HDX_INTEGRITY);
        free(cut);
      }
      small_free(&small);
    }
}

/* Rows of the blocks before a corrupt one come; of it, none; and it is named. */
static void test_37_a_corrupt_block_is_named(void **state) {
  (void)state;
  struct model model;
  struct hdx_error error;
  struct hdx_reader *reader;
  struct hdx_cursor *cursor;
  struct hdx_buffer file = make_file(&model, true);
  assert_int_equal(hdx_reader_open_bytes(file.data, file.size, "x.hdx", HDX_TEXT(""), &reader, &error), HDX_OK);
  struct hdx_zone zone = reader->footer.zones[3];
  hdx_reader_close(reader);
  file.data[zone.offset + zone.length / 2] ^= 1;
  assert_int_equal(hdx_reader_open_bytes(file.data, file.size, "x.hdx", HDX_TEXT(""), &reader, &error), HDX_OK);
  assert_int_equal(hdx_cursor_open(reader, &everything, &cursor, &error), HDX_OK);
  struct hdx_batch batch;
  size_t rows = 0;
  enum hdx_status status;
  while ((status = hdx_cursor_next(cursor, &batch, &error)) == HDX_OK && batch.count)
    rows += batch.count;
  assert_int_equal(status, HDX_INTEGRITY);
  assert_non_null(strstr(error.message, "x.hdx: block 3 (rows "));
  assert_true(rows > 0 && rows < 4 * HDX_BLOCK_ROWS);
  assert_int_equal(hdx_cursor_next(cursor, &batch, &error), HDX_INTEGRITY);
  assert_int_equal(hdx_reader_verify(reader, &error), HDX_INTEGRITY);
  assert_non_null(strstr(error.message, "block 3"));
  /* What does not touch the block is still answered. */
  struct hdx_range early = {HDX_TIME_NONE, 1000, HDX_MATCH_START, {-30000, 30000}};
  hdx_cursor_range(cursor, &early);
  assert_int_equal(hdx_cursor_next(cursor, &batch, &error), HDX_OK);
  assert_true(batch.count > 0);
  hdx_cursor_close(cursor);
  hdx_reader_close(reader);
  hdx_buffer_deinit(&file);
  model_deinit(&model);
}

/* Bytes of blocks are changed and every checksum is made to fit: anything may come but a crash. */
static void test_37_fitting_checksums_do_not_suffice(void **state) {
  (void)state;
  struct model model;
  struct hdx_error error;
  struct hdx_zstd *zstd = hdx_zstd_create();
  struct hdx_buffer file = make_file(&model, false), made;
  hdx_buffer_init(&made, SIZE_MAX);
  uint64_t seed = 21;
  for (int round = 0; round < 6000; round++) {
    struct hdx_footer footer;
    assert_int_equal(hdx_footer_decode(&footer, file.data, file.size, &error), HDX_OK);
    struct hdx_zone *zone = &footer.zones[0];
    uint64_t end = zone->offset + zone->length;
    hdx_buffer_clear(&made);
    hdx_buffer_append(&made, file.data, end);
    int changes = 1 + (int)model_below(&seed, 3);
    for (int i = 0; i < changes; i++)
      made.data[zone->offset + (i ? model_below(&seed, zone->length) : (size_t)round % zone->length)] =
          (char)model_random(&seed);
    zone->hash = hdx_hash(made.data + zone->offset, zone->length);
    if (round % 5 == 0)
      zone->rows = 1 + (uint32_t)model_below(&seed, HDX_BLOCK_ROWS_MAX);
    assert_int_equal(hdx_footer_encode(&footer, end, zstd, &made, &error), HDX_OK);
    enum hdx_status status = read_all(made.data, made.size, NULL, &error);
    assert_true(status == HDX_OK || status == HDX_INTEGRITY);
    hdx_footer_deinit(&footer);
  }
  hdx_zstd_free(zstd);
  hdx_buffer_deinit(&made);
  hdx_buffer_deinit(&file);
  model_deinit(&model);
}

static void test_37_other_files_are_told_apart(void **state) {
  (void)state;
  struct model model;
  struct hdx_error error;
  struct hdx_buffer file = make_file(&model, false);
  static const char html[] =
      "<!DOCTYPE html><html><head><title>404</title></head><body>not here, nor anywhere</body></html>";
  assert_int_equal(read_all(html, sizeof html, NULL, &error), HDX_INTEGRITY);
  assert_non_null(strstr(error.message, "not a snapshot"));
  file.data[HDX_MAGIC_BYTES] = 9;
  assert_int_equal(read_all(file.data, file.size, NULL, &error), HDX_INTEGRITY);
  assert_non_null(strstr(error.message, "version 9"));
  hdx_buffer_deinit(&file);
  model_deinit(&model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_37_p5_every_byte_counts),       cmocka_unit_test(test_37_every_byte_counts_in_every_kind),
      cmocka_unit_test(test_37_a_corrupt_block_is_named),   cmocka_unit_test(test_37_fitting_checksums_do_not_suffice),
      cmocka_unit_test(test_37_other_files_are_told_apart),
  };
  snprintf(path, sizeof path, "/tmp/hdx-damage-%ld.hdx", (long)getpid());
  return cmocka_run_group_tests(tests, NULL, NULL);
}
