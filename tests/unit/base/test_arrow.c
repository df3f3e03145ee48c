#include "base/arrow.h"

#include "heliodex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What was not freed, and what was freed twice, is what the sanitizers tell. */

static void *made(size_t size) {
  void *memory = calloc(1, size);
  assert_non_null(memory);
  return memory;
}

static struct ArrowArray column(size_t buffers) {
  struct ArrowArray array = {.n_buffers = (int64_t)buffers, .release = hdx_arrow_release_array};
  array.buffers = made(buffers * sizeof *array.buffers);
  for (size_t i = 1; i < buffers; i++) /* the first has no bitmap */
    array.buffers[i] = made(64);
  return array;
}

static struct ArrowArray batch(size_t columns) {
  struct ArrowArray array = column(1);
  array.n_children = (int64_t)columns;
  array.children = made(columns * sizeof *array.children);
  for (size_t i = 0; i < columns; i++) {
    array.children[i] = made(sizeof *array.children[i]);
    *array.children[i] = column(2 + i % 2);
  }
  return array;
}

static void test_an_array_lets_go_of_its_columns(void **state) {
  (void)state;
  struct ArrowArray array = batch(4), moved = array;
  memset(&array, 0xA5, sizeof array);
  moved.release(&moved);
  assert_true(moved.release == NULL);
}

static void test_a_column_outlives_the_array_that_it_was_moved_from(void **state) {
  (void)state;
  struct ArrowArray array = batch(3), child = *array.children[1];
  array.children[1]->release = NULL;
  array.release(&array);
  memset((void *)child.buffers[1], 1, 64);
  child.release(&child);
  assert_true(child.release == NULL);
}

static void test_an_array_of_which_not_all_was_made(void **state) {
  (void)state;
  struct ArrowArray nothing = {.release = hdx_arrow_release_array}, some = batch(2);
  nothing.release(&nothing);
  assert_true(nothing.release == NULL);
  struct ArrowArray *child = some.children[1];
  child->release(child);
  free(child);
  some.children[1] = NULL;
  some.release(&some);
  struct ArrowArray counted = {.n_buffers = 2, .n_children = 2, .release = hdx_arrow_release_array};
  counted.release(&counted);
  assert_true(counted.release == NULL);
}

static void test_a_schema(void **state) {
  (void)state;
  struct ArrowSchema schema = {.format = strdup("+s"), .name = strdup(""), .release = hdx_arrow_release_schema};
  schema.n_children = 2;
  schema.children = made(2 * sizeof *schema.children);
  schema.children[0] = made(sizeof *schema.children[0]);
  *schema.children[0] = (struct ArrowSchema){
      .format = strdup("l"), .name = strdup("filesize"), .metadata = made(4), .release = hdx_arrow_release_schema};
  schema.release(&schema); /* the other child was not made */
  assert_true(schema.release == NULL);
  schema = (struct ArrowSchema){.n_children = 2, .release = hdx_arrow_release_schema};
  schema.release(&schema);
  assert_true(schema.release == NULL);
}

static void test_a_stream_says_that_it_was_released(void **state) {
  (void)state;
  int32_t released = 0;
  struct ArrowArrayStream stream = {.release = hdx_arrow_release_stream, .private_data = &released};
  stream.release(&stream);
  assert_true(stream.release == NULL);
  assert_int_equal(released, 1);
}

static void test_there_are_no_capsules_without_python(void **state) {
  (void)state;
  char capsule[64] = {0};
  hdx_arrow_end_capsule(capsule);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_an_array_lets_go_of_its_columns),
      cmocka_unit_test(test_a_column_outlives_the_array_that_it_was_moved_from),
      cmocka_unit_test(test_an_array_of_which_not_all_was_made),
      cmocka_unit_test(test_a_schema),
      cmocka_unit_test(test_a_stream_says_that_it_was_released),
      cmocka_unit_test(test_there_are_no_capsules_without_python),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
