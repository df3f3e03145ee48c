/* Quantiles of durations are right within 7 %, from nothing to hours, whatever their order. */
#include "transfer/histogram.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_near(double found, double expected) {
  if (fabs(found - expected) > 0.07 * expected + 1e-9)
    fail_msg("%g ms, expected %g", found, expected);
}

static void nothing_was_counted(void **state) {
  (void)state;
  struct hdx_histogram histogram = {0};
  assert_near(hdx_histogram_ms(&histogram, 0.5), 0);
}

static void one_duration_is_every_quantile(void **state) {
  (void)state;
  for (uint64_t us = 0; us < UINT64_C(20) * 3600 * 1000000; us = us < 100 ? us + 1 : us + us / 3) {
    struct hdx_histogram histogram = {0};
    hdx_histogram_add(&histogram, us);
    for (int i = 0; i <= 4; i++)
      assert_near(hdx_histogram_ms(&histogram, i / 4.0), (double)us / 1000);
  }
}

static void many_durations(void **state) {
  (void)state;
  struct hdx_histogram histogram = {0};
  for (uint64_t i = 0; i < 10000; i++)
    hdx_histogram_add(&histogram, i * 7919 % 10000); /* each of 0 to 9,999 once */
  assert_near(hdx_histogram_ms(&histogram, 0.0005), 0.005);
  assert_near(hdx_histogram_ms(&histogram, 0.5), 5);
  assert_near(hdx_histogram_ms(&histogram, 0.9), 9);
  assert_near(hdx_histogram_ms(&histogram, 1), 9.999);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_was_counted),
                                     cmocka_unit_test(one_duration_is_every_quantile),
                                     cmocka_unit_test(many_durations)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
