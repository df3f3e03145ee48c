/* A heap gives its elements back in the order that qsort puts them in, though the first one changes on the way. */
#include "base/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LISTS = 40, LENGTH = 25 };

/* Sorted lists that are merged; at[i] is the next of each. */
struct lists {
  int values[LISTS][LENGTH];
  size_t at[LISTS];
};

static bool before(const void *context, size_t a, size_t b) {
  const struct lists *lists = context;
  int x = lists->values[a][lists->at[a]], y = lists->values[b][lists->at[b]];
  return x != y ? x < y : a < b;
}

static int by_value(const void *a, const void *b) {
  return *(const int *)a - *(const int *)b;
}

static void merge(size_t count, uint32_t seed) {
  static struct lists lists;
  int expected[LISTS * LENGTH];
  size_t heap[LISTS], open = 0;
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j < LENGTH; j++)
      lists.values[i][j] = (int)((seed = seed * 1664525 + 1013904223) >> 24);
    memcpy(expected + i * LENGTH, lists.values[i], sizeof lists.values[i]);
    qsort(lists.values[i], LENGTH, sizeof(int), by_value);
    lists.at[i] = 0;
    hdx_heap_push(heap, &open, i, before, &lists);
  }
  qsort(expected, count * LENGTH, sizeof(int), by_value);
  size_t last = 0;
  for (size_t n = 0; n < count * LENGTH; n++) {
    size_t first = heap[0];
    assert_true(open > 0);
    assert_int_equal(lists.values[first][lists.at[first]], expected[n]);
    assert_true(n == 0 || expected[n] != expected[n - 1] || first >= last);
    last = first;
    if (lists.at[first] + 1 == LENGTH) {
      assert_int_equal(hdx_heap_pop(heap, &open, before, &lists), first);
      continue;
    }
    lists.at[first]++;
    hdx_heap_settle(heap, open, before, &lists);
  }
  assert_int_equal(open, 0);
  hdx_heap_settle(heap, open, before, &lists);
}

static void lists_are_merged(void **state) {
  (void)state;
  for (size_t count = 0; count <= LISTS; count++)
    for (uint32_t seed = 0; seed < 20; seed++)
      merge(count, seed);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(lists_are_merged)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
