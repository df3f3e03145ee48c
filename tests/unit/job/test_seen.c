/* Which locations have come by. */
#include "job/seen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { LOCATIONS = 5000 };

static struct hdx_text location(size_t i, char text[64]) {
  return (struct hdx_text){text, (size_t)snprintf(text, 64, "s3://b/data/%zu.cdf", i)};
}

static bool add(struct hdx_seen *seen, struct hdx_text text) {
  bool again;
  assert_int_equal(hdx_seen_add(seen, text, &again, NULL), HDX_OK);
  return again;
}

static void each_is_new_once(void **state) {
  struct hdx_seen seen = {0};
  char text[64];
  (void)state;
  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; i < LOCATIONS; i++)
      assert_false(add(&seen, location(i, text)));
    for (size_t i = 0; i < LOCATIONS; i++)
      assert_true(add(&seen, location(i, text)));
    assert_int_equal(seen.count, LOCATIONS);
    hdx_seen_clear(&seen);
  }
  hdx_seen_deinit(&seen);
}

/* Who writes a catalog does not know where its locations come to lie, and so cannot have them meet. */
static void places_differ_from_run_to_run(void **state) {
  struct hdx_seen one = {0}, other = {0};
  char text[64];
  size_t same = 0;
  (void)state;
  for (size_t i = 0; i < LOCATIONS; i++) {
    add(&one, location(i, text));
    add(&other, location(i, text));
  }
  assert_int_equal(one.capacity, other.capacity);
  for (size_t i = 0; i < one.capacity; i++)
    same += one.places[i].low && one.places[i].low == other.places[i].low;
  assert_int_equal(same, 0);
  hdx_seen_deinit(&one);
  hdx_seen_deinit(&other);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(each_is_new_once),
                                     cmocka_unit_test(places_differ_from_run_to_run)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
