/* What happens where a snapshot is written and memory or the disk fails: the file is the old one or the new one, and
 * nothing else is left behind. */
#include "codec/texts.h"
#include "failing_rows.h"
#include "folder.h"
#include "small.h"
#include "snapshot/block.h"

static const char old_bytes[] = "what was there before";

/* A thread keeps its encoder, whose memory then never fails: after each run it is given back while there is another. */
static struct hdx_block_encoder *spare;

static void forget_encoder(void) {
  faults_pause();
  struct hdx_block_encoder *used = hdx_block_encoder_take();
  hdx_block_encoder_give(spare);
  hdx_block_encoder_give(used);
  spare = hdx_block_encoder_take();
  faults_resume();
}

static void put_old_file(void) {
  faults_pause();
  FILE *file = fopen(path, "w"); /* syncing it would take most of the time */
  assert_true(file && fputs(old_bytes, file) >= 0 && fclose(file) == 0);
  faults_resume();
}

static void expect_old_file(void) {
  struct hdx_buffer bytes;
  faults_pause();
  hdx_buffer_init(&bytes, 1 << 24);
  assert_int_equal(hdx_file_read(path, 1 << 24, &bytes, NULL), HDX_OK);
  assert_true(hdx_text_is(hdx_buffer_text(&bytes), old_bytes));
  hdx_buffer_deinit(&bytes);
  faults_resume();
}

/* The new file, or the old one. That the folder could not be synced says that both may be there after a crash. */
static enum hdx_status expect_either(enum hdx_status status, const struct hdx_error *error) {
  if (status == HDX_OK)
    failing_check_file(path);
  else if (!strstr(error->message, "the folder"))
    expect_old_file();
  return status;
}

/* How a snapshot is written. */
enum way { HELD, SPILLED, DROPPED, WAYS };

static enum hdx_status fill_writer(struct hdx_writer *writer, enum way way, struct hdx_error *error) {
  static char text[5000]; /* more than the first piece of an arena */
  memset(text, 'd', sizeof text);
  const struct hdx_parameter parameter = {HDX_PARAMETER_INTEGER, HDX_TEXT("nT"), {text, sizeof text}};
  uint32_t unused;
  enum hdx_status status = hdx_writer_column(writer, HDX_TEXT("another, which no block has"), &unused, error);
  for (int year = FAILING_FIRST; status == HDX_OK && year < FAILING_FIRST + FAILING_YEARS; year++) {
    status = failing_add(writer, year, error);
    if (status == HDX_OK && way != HELD)
      status = hdx_writer_spill(writer, error);
  }
  if (status == HDX_OK && way == DROPPED) { /* which leaves a hole in the file, and rows to be gathered from it */
    hdx_writer_drop_year(writer, FAILING_FIRST);
    status = failing_add(writer, FAILING_FIRST, error);
  }
  return status == HDX_OK ? hdx_writer_describe(writer, HDX_TEXT("extra"), &parameter, error) : status;
}

static enum hdx_status use_writer(void *user, struct hdx_error *error) {
  struct hdx_writer *writer = NULL;
  put_old_file();
  enum hdx_status status = hdx_writer_create(path, &writer, error);
  if (status == HDX_OK)
    status = fill_writer(writer, *(enum way *)user, error);
  if (status == HDX_OK)
    status = failing_commit(writer, error);
  else
    hdx_writer_abandon(writer);
  forget_encoder();
  return expect_either(status, error);
}

static void test_33_p5_memory_while_a_snapshot_is_written(void **state) {
  (void)state;
  for (int some = 0; some < 2; some++)
    for (enum way way = HELD; way < WAYS; way++) {
      failing_rows_make(some);
      failing_memory(use_writer, &way);
    }
}

static void test_30_p5_a_disk_that_fails_while_a_snapshot_is_written(void **state) {
  (void)state;
  static const char *const calls[] = {"open", "pwrite", "ftruncate", "fsync", "close", "rename"};
  enum way way = DROPPED;
  failing_rows_make(false);
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    failing_calls(calls[i], "", use_writer, &way, HDX_IO);
    failing_calls(calls[i], ":ENOSPC:on", use_writer, &way, HDX_IO);
  }
  failing_calls("pread", "", use_writer, &way, HDX_IO);
}

/* A dataset whose years have no rows. */
static enum hdx_status use_empty(void *user, struct hdx_error *error) {
  (void)user;
  struct hdx_writer *writer = NULL;
  struct hdx_reader *reader;
  put_old_file();
  enum hdx_status status = hdx_writer_create(path, &writer, error);
  if (status == HDX_OK)
    status = failing_commit(writer, error);
  forget_encoder();
  if (status != HDX_OK) {
    expect_old_file();
    return status;
  }
  faults_pause();
  assert_int_equal(hdx_reader_open(path, HDX_TEXT(""), &reader, NULL), HDX_OK);
  assert_int_equal(hdx_reader_info(reader)->rows, 0);
  assert_int_equal(hdx_reader_info(reader)->year_count, FAILING_YEARS);
  hdx_reader_close(reader);
  faults_resume();
  return HDX_OK;
}

static void test_33_p5_memory_for_a_snapshot_without_rows(void **state) {
  (void)state;
  failing_memory(use_empty, NULL);
}

/* ---- texts too long to be written anew, behind a hole ---- */

/* Of 1 MiB: more than is written anew as a whole, and than an encoder keeps memory for. */
enum { LONG_ROWS = 17 };

static enum hdx_status add_long(struct hdx_writer *writer, int year, struct hdx_error *error) {
  static char text[HDX_TEXT_BYTES_MAX];
  int64_t start[LONG_ROWS], size[LONG_ROWS];
  struct hdx_text key[LONG_ROWS];
  const struct hdx_csv_batch batch = {.count = LONG_ROWS, .start = start, .stop = start, .size = size, .key = key};
  struct hdx_rows rows;
  memset(text, 't', sizeof text);
  for (size_t i = 0; i < LONG_ROWS; i++) {
    start[i] = (int64_t)i + year;
    size[i] = 5;
    key[i] = (struct hdx_text){text, sizeof text - i};
  }
  hdx_rows_init(&rows, SIZE_MAX);
  enum hdx_status status = hdx_rows_append(&rows, &batch, 0, LONG_ROWS, NULL, 0, year, error);
  if (status == HDX_OK)
    status = hdx_writer_add(writer, year, &rows, true, error);
  hdx_rows_deinit(&rows);
  return status;
}

static enum hdx_status use_holes(void *user, struct hdx_error *error) {
  (void)user;
  struct hdx_writer *writer = NULL;
  struct hdx_reader *reader;
  put_old_file();
  enum hdx_status status = hdx_writer_create(path, &writer, error);
  if (status == HDX_OK)
    status = add_long(writer, FAILING_FIRST, error);
  if (status == HDX_OK)
    hdx_writer_drop_year(writer, FAILING_FIRST);
  if (status == HDX_OK)
    status = add_long(writer, FAILING_FIRST, error);
  if (status == HDX_OK)
    status = failing_commit(writer, error);
  else
    hdx_writer_abandon(writer);
  forget_encoder();
  if (status != HDX_OK) {
    expect_old_file();
    return status;
  }
  faults_pause();
  assert_int_equal(hdx_reader_open(path, HDX_TEXT(""), &reader, NULL), HDX_OK);
  assert_int_equal(hdx_reader_info(reader)->rows, LONG_ROWS);
  assert_int_equal(hdx_reader_info(reader)->blocks, 1);
  assert_int_equal(hdx_reader_verify(reader, NULL), HDX_OK);
  hdx_reader_close(reader);
  faults_resume();
  return HDX_OK;
}

static void test_30_33_p5_blocks_that_are_moved_together(void **state) {
  (void)state;
  assert_true(failing_calls("alloc", "", use_holes, NULL, HDX_MEMORY) > 30);
  assert_true(failing_calls("pread", "", use_holes, NULL, HDX_IO) > 1);
}

/* ---- rows of an older snapshot ---- */

static char older[160];

/* Makes a snapshot of all that an older one has, whose columns get other numbers. */
static enum hdx_status use_keep(void *user, struct hdx_error *error) {
  struct hdx_reader *reader = NULL;
  struct hdx_writer *writer = NULL;
  uint32_t id;
  put_old_file();
  enum hdx_status status = hdx_reader_open(older, HDX_TEXT(""), &reader, error);
  if (status == HDX_OK)
    status = hdx_writer_create(path, &writer, error);
  if (status == HDX_OK)
    status = hdx_writer_column(writer, HDX_TEXT("another"), &id, error);
  for (int year = 2001; status == HDX_OK && year >= 2000; year--)
    status = hdx_writer_keep_year(writer, reader, year, error);
  if (status == HDX_OK)
    status = failing_commit(writer, error);
  else
    hdx_writer_abandon(writer);
  hdx_reader_close(reader);
  forget_encoder();
  faults_pause();
  if (status == HDX_OK)
    assert_true(failing_digest_of(path) == *(uint64_t *)user);
  faults_resume();
  if (status != HDX_OK)
    expect_old_file();
  return status;
}

/* Snapshots whose blocks in turn mix years and are of one alone. */
static void test_33_p5_memory_while_rows_are_kept(void **state) {
  (void)state;
  static const enum small_kind kinds[] = {SMALL_REGULAR, SMALL_NO_STOP, SMALL_SOME_STOPS, SMALL_NOISE};
  snprintf(older, sizeof older, "%s/older", folder);
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    struct small small;
    small_make(&small, kinds[k], 90, 3, k);
    assert_int_equal(hdx_file_replace(older, hdx_buffer_text(&small.file), NULL), HDX_OK);
    uint64_t digest = failing_digest_of(older);
    failing_memory(use_keep, &digest);
    small_free(&small);
    unlink(older);
  }
}

int main(void) {
  spare = hdx_block_encoder_take();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_33_p5_memory_while_a_snapshot_is_written),
      cmocka_unit_test(test_30_p5_a_disk_that_fails_while_a_snapshot_is_written),
      cmocka_unit_test(test_33_p5_memory_for_a_snapshot_without_rows),
      cmocka_unit_test(test_30_33_p5_blocks_that_are_moved_together),
      cmocka_unit_test(test_33_p5_memory_while_rows_are_kept),
  };
  int failed = cmocka_run_group_tests(tests, folder_setup, folder_teardown);
  hdx_block_encoder_give(spare);
  return failed;
}
