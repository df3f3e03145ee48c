/* Sets of rows: what is appended stays, is known to be sorted or not, and is sorted like qsort would. */
#include "catalog/rows.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { COUNT = 3000, EXTRAS = 2 };

static uint64_t seed = 9;

static uint64_t random_below(uint64_t n) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed % n;
}

struct plain {
  int64_t start, stop, size;
  char key[32], extra[EXTRAS][24];
  int year, place;
};

static struct plain plain[COUNT];

static int naive_order(const void *a_, const void *b_) {
  const struct plain *a = a_, *b = b_;
  int64_t a_stop = a->stop == HDX_TIME_NONE ? a->start : a->stop,
          b_stop = b->stop == HDX_TIME_NONE ? b->start : b->stop;
  if (a->start != b->start)
    return a->start < b->start ? -1 : 1;
  if (a_stop != b_stop)
    return a_stop < b_stop ? -1 : 1;
  int order = strcmp(a->key, b->key);
  return order ? order : a->place - b->place;
}

/* Appends plain[from, to) in one batch, with the first `extras` of its extra columns. */
static void append(struct hdx_rows *rows, size_t from, size_t to, size_t extras, int year) {
  static int64_t start[COUNT], stop[COUNT], size[COUNT];
  static struct hdx_text key[COUNT], extra[EXTRAS][COUNT];
  const struct hdx_text *columns[EXTRAS] = {extra[0], extra[1]};
  size_t places[EXTRAS];
  struct hdx_error error;
  for (size_t i = from; i < to; i++) {
    start[i] = plain[i].start;
    stop[i] = plain[i].stop;
    size[i] = plain[i].size;
    key[i] = hdx_text_of(plain[i].key);
    for (int c = 0; c < EXTRAS; c++)
      extra[c][i] = hdx_text_of(plain[i].extra[c]);
    for (size_t c = extras; c < EXTRAS; c++)
      plain[i].extra[c][0] = 0;
    plain[i].year = year;
  }
  for (size_t c = 0; c < extras; c++)
    assert_int_equal(hdx_rows_column(rows, 40 + (uint32_t)c, &places[c], &error), HDX_OK);
  struct hdx_csv_batch batch = {
      .count = COUNT, .start = start, .stop = stop, .size = size, .key = key, .extra = columns};
  assert_int_equal(hdx_rows_append(rows, &batch, from, to, places, extras, year, &error), HDX_OK);
}

static void check(const struct hdx_rows *rows, size_t count) {
  assert_int_equal(rows->count, count);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(rows->start[i], plain[i].start);
    assert_int_equal(rows->stop[i], plain[i].stop);
    assert_int_equal(rows->size[i], plain[i].size);
    assert_int_equal(rows->year[i], plain[i].year);
    assert_true(hdx_text_is(rows->key[i], plain[i].key));
    for (size_t c = 0; c < rows->extra_count; c++)
      assert_true(hdx_text_is(rows->extra[c][i], plain[i].extra[rows->extra_id[c] - 40]));
  }
}

static void make(int64_t spread, bool ascending) {
  for (int i = 0; i < COUNT; i++) {
    struct plain *row = &plain[i];
    *row = (struct plain){.start = ascending ? i / 3 : (int64_t)random_below((uint64_t)spread),
                          .size = (int64_t)random_below(9) - 1,
                          .place = i};
    row->stop = random_below(4) ? row->start + (ascending ? i % 3 : (int64_t)random_below(3)) : HDX_TIME_NONE;
    if (ascending)
      row->stop = row->start + i % 3;
    snprintf(row->key, sizeof row->key, "%.*s%llu", (int)random_below(20), "kkkkkkkkkkkkkkkkkkkkkkkk",
             (unsigned long long)random_below(3));
    for (int c = 0; c < EXTRAS; c++)
      snprintf(row->extra[c], sizeof row->extra[c], "%.*s", (int)random_below(20), "eeeeeeeeeeeeeeeeeeeeeee");
  }
}

/* Batches with more, fewer and no extra columns; cleared and used again. */
static void rows_stay_as_appended(void **state) {
  (void)state;
  struct hdx_rows rows;
  hdx_rows_init(&rows, SIZE_MAX);
  for (int round = 0; round < 4; round++) {
    make(1000, false);
    size_t at = 0;
    while (at < COUNT) {
      size_t to = at + 1 + random_below(400);
      to = to > COUNT ? COUNT : to;
      append(&rows, at, to, random_below(3), 2000 + (int)random_below(20));
      at = to;
    }
    check(&rows, COUNT);
    assert_true(hdx_rows_bytes(&rows) > COUNT * 40);
    hdx_rows_clear(&rows);
    assert_int_equal(rows.count, 0);
    assert_int_equal(rows.extra_count, 0);
  }
  hdx_rows_deinit(&rows);
}

static void sorting_equals_qsort(void **state) {
  (void)state;
  static const int64_t spreads[] = {1, 2, 50, 1000, INT64_C(1) << 60};
  struct hdx_rows rows;
  struct hdx_error error;
  hdx_rows_init(&rows, SIZE_MAX);
  for (size_t s = 0; s < sizeof spreads / sizeof *spreads; s++) {
    make(spreads[s], false);
    append(&rows, 0, COUNT / 2, 2, 2001);
    append(&rows, COUNT / 2, COUNT, 1, 2002);
    assert_false(rows.sorted);
    assert_int_equal(hdx_rows_sort(&rows, &error), HDX_OK);
    assert_true(rows.sorted);
    qsort(plain, COUNT, sizeof *plain, naive_order);
    check(&rows, COUNT);
    hdx_rows_clear(&rows);
  }
  hdx_rows_deinit(&rows);
}

static void what_is_in_order_is_known_to_be(void **state) {
  (void)state;
  struct hdx_rows rows;
  hdx_rows_init(&rows, SIZE_MAX);
  make(0, true);
  for (size_t at = 0; at < COUNT; at += 100)
    append(&rows, at, at + 100, 0, 1);
  assert_true(rows.sorted);
  hdx_rows_clear(&rows);
  /* Ties of the start are told by stop and key, across batches too. */
  static const struct {
    int64_t start[2], stop[2];
    const char *key[2];
    bool sorted;
  } cases[] = {{{5, 5}, {7, 6}, {"a", "a"}, false},
               {{5, 5}, {6, 7}, {"b", "a"}, true},
               {{5, 5}, {6, 6}, {"b", "a"}, false},
               {{5, 5}, {6, 6}, {"a", "ab"}, true},
               {{5, 4}, {6, 9}, {"a", "b"}, false},
               {{5, 5}, {HDX_TIME_NONE, 5}, {"a", "b"}, true},
               {{5, 5}, {HDX_TIME_NONE, 4}, {"a", "b"}, false}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
    for (size_t split = 1; split <= 2; split++) {
      for (int i = 0; i < 2; i++) {
        plain[i] = (struct plain){.start = cases[c].start[i], .stop = cases[c].stop[i]};
        snprintf(plain[i].key, sizeof plain[i].key, "%s", cases[c].key[i]);
      }
      append(&rows, 0, split, 0, 1);
      if (split == 1)
        append(&rows, 1, 2, 0, 1);
      assert_int_equal(rows.sorted, cases[c].sorted);
      hdx_rows_clear(&rows);
    }
  hdx_rows_deinit(&rows);
}

static void limits_leave_the_rows_as_they_were(void **state) {
  (void)state;
  struct hdx_rows rows;
  struct hdx_error error;
  hdx_rows_init(&rows, 10000);
  make(10, false);
  append(&rows, 0, 100, 0, 1);
  static char large[20000];
  struct hdx_text key = {large, sizeof large};
  int64_t zero = 0;
  struct hdx_csv_batch batch = {.count = 1, .start = &zero, .stop = &zero, .size = &zero, .key = &key};
  assert_int_equal(hdx_rows_append(&rows, &batch, 0, 1, NULL, 0, 1, &error), HDX_LIMIT);
  check(&rows, 100);
  size_t column;
  for (uint32_t id = 0; id < HDX_CSV_EXTRA_MAX; id++)
    assert_int_equal(hdx_rows_column(&rows, id, &column, &error), HDX_OK);
  assert_int_equal(hdx_rows_column(&rows, 7, &column, &error), HDX_OK);
  assert_int_equal(column, 7);
  assert_int_equal(hdx_rows_column(&rows, 1000, &column, &error), HDX_LIMIT);
  assert_int_equal(rows.extra[249][99].size, 0);
  hdx_rows_deinit(&rows);
}

/* The last texts take what is left, though a run of the usual size does not fit any more. */
static void the_maximum_is_used(void **state) {
  (void)state;
  enum { TEXTS_MAX = (7 << 20) / 2 };
  struct hdx_rows rows;
  struct hdx_error error;
  static char bytes[1000];
  const struct hdx_text key = {bytes, sizeof bytes};
  const int64_t zero = 0;
  const struct hdx_csv_batch batch = {.count = 1, .start = &zero, .stop = &zero, .size = &zero, .key = &key};
  hdx_rows_init(&rows, TEXTS_MAX);
  enum hdx_status status;
  while ((status = hdx_rows_append(&rows, &batch, 0, 1, NULL, 0, 1, &error)) == HDX_OK)
    continue;
  assert_int_equal(status, HDX_LIMIT);
  assert_string_equal(error.message, "rows: more than 3670016 bytes of text");
  assert_true(rows.count * sizeof bytes > TEXTS_MAX * 8 / 10);
  hdx_rows_deinit(&rows);
}

static void nothing_is_appended(void **state) {
  (void)state;
  struct hdx_rows rows, none;
  hdx_rows_init(&rows, 10000);
  hdx_rows_init(&none, 10000);
  make(10, false);
  append(&rows, 0, 100, 0, 1);
  append(&rows, 100, 100, 0, 1);
  assert_int_equal(hdx_rows_append_rows(&rows, &none, 0, 0, NULL), HDX_OK);
  assert_int_equal(hdx_rows_append_views(&rows, &none, NULL), HDX_OK);
  check(&rows, 100);
  hdx_rows_deinit(&none);
  hdx_rows_deinit(&rows);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_stay_as_appended),
      cmocka_unit_test(sorting_equals_qsort),
      cmocka_unit_test(what_is_in_order_is_known_to_be),
      cmocka_unit_test(limits_leave_the_rows_as_they_were),
      cmocka_unit_test(the_maximum_is_used),
      cmocka_unit_test(nothing_is_appended),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
