/* Bad rows come back as they were added, whatever part of them had to be spooled, and memory is bounded. */
#include "job/bad_rows.h"

#include "base/error.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/hdx-bad-rows-XXXXXX";
static struct hdx_spool spool;

static int open_spool(void **state) {
  char path[64];
  (void)state;
  snprintf(path, sizeof path, "%s/bad-rows", folder);
  return hdx_spool_open(&spool, path, NULL) == HDX_OK ? 0 : 1;
}

static int close_spool(void **state) {
  (void)state;
  hdx_spool_close(&spool);
  return 0;
}

static struct hdx_csv_bad_row made(uint64_t file, uint64_t i) {
  struct hdx_csv_bad_row row = {.line = i + 1, .byte = i << 33 | file, .column = (uint32_t)(i % 7)};
  /* Reasons of every length, up to the longest. */
  memset(row.reason, (int)('a' + file), i % sizeof row.reason);
  return row;
}

static void add(struct hdx_bad_rows *rows, uint64_t file, uint64_t from, uint64_t to) {
  for (uint64_t i = from; i < to; i++) {
    struct hdx_csv_bad_row row = made(file, i);
    assert_int_equal(hdx_bad_rows_add(rows, &spool, &row, NULL), HDX_OK);
    assert_true(rows->held.capacity <= HDX_BAD_ROWS_HELD_BYTES);
  }
}

struct visit {
  uint64_t file, next;
};

static void check(void *user, const struct hdx_csv_bad_row *bad_row) {
  struct visit *visit = user;
  struct hdx_csv_bad_row expected = made(visit->file, visit->next++);
  assert_int_equal(bad_row->line, expected.line);
  assert_int_equal(bad_row->byte, expected.byte);
  assert_int_equal(bad_row->column, expected.column);
  assert_string_equal(bad_row->reason, expected.reason);
}

static void expect(const struct hdx_bad_rows *rows, uint64_t file, uint64_t count) {
  struct visit visit = {.file = file};
  assert_int_equal(hdx_bad_rows_visit(rows, &spool, check, &visit, NULL), HDX_OK);
  assert_int_equal(visit.next, count);
}

static void test_files_that_share_the_spool(void **state) {
  struct hdx_bad_rows one, two;
  (void)state;
  hdx_bad_rows_init(&one);
  hdx_bad_rows_init(&two);
  expect(&one, 0, 0);
  for (uint64_t i = 0; i < 50; i++) {
    add(&one, 0, i * 1000, (i + 1) * 1000);
    add(&two, 1, i * 10, (i + 1) * 10);
  }
  expect(&one, 0, 50000);
  expect(&two, 1, 500);
  hdx_bad_rows_clear(&one);
  expect(&one, 0, 0);
  add(&one, 0, 0, 3000);
  expect(&one, 0, 3000);
  hdx_bad_rows_deinit(&one);
  hdx_bad_rows_deinit(&two);
}

static void test_spool_that_cannot_be_written(void **state) {
  struct hdx_bad_rows rows;
  struct hdx_error error;
  enum hdx_status status = HDX_OK;
  (void)state;
  hdx_bad_rows_init(&rows);
  int was = spool.file.fd;
  spool.file.fd = open("/dev/full", O_RDWR);
  for (uint64_t i = 0; i < 5000 && status == HDX_OK; i++) {
    struct hdx_csv_bad_row row = made(0, i);
    status = hdx_bad_rows_add(&rows, &spool, &row, &error);
  }
  assert_int_equal(status, HDX_IO);
  assert_non_null(strstr(error.message, "bad-rows"));
  close(spool.file.fd);
  spool.file.fd = was;
  hdx_bad_rows_deinit(&rows);
}

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : 1;
}

/* The spool leaves nothing behind. */
static int remove_folder(void **state) {
  (void)state;
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_files_that_share_the_spool, open_spool, close_spool),
      cmocka_unit_test_setup_teardown(test_spool_that_cannot_be_written, open_spool, close_spool),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
