/* The engine's pure parts: when it waits, how many requests a host gets, what durations add up to, who has memory. */
#include "transfer/block.h"
#include "transfer/histogram.h"
#include "transfer/host.h"
#include "transfer/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_02_15_waits_grow_to_the_cap_and_honour_the_server(void **state) {
  uint64_t random = 1;
  (void)state;
  for (unsigned attempt = 0; attempt < 40; attempt++) {
    uint64_t most = attempt < 7 ? HDX_RETRY_BASE_MS << attempt : HDX_RETRY_CAP_MS, highest = 0, lowest = UINT64_MAX;
    for (int i = 0; i < 2000; i++) {
      uint64_t wait = hdx_retry_wait_ms(attempt, 0, &random);
      highest = wait > highest ? wait : highest;
      lowest = wait < lowest ? wait : lowest;
    }
    assert_true(highest <= most && highest > most * 9 / 10);
    assert_true(lowest < most / 10); /* full jitter: from zero on */
  }
  assert_true(hdx_retry_wait_ms(0, 5000, &random) >= 5000);
}

static void test_16_only_passing_answers_are_tried_again(void **state) {
  (void)state;
  const long again[] = {408, 425, 429, 500, 502, 503, 504, 509},
             final[] = {200, 301, 400, 401, 403, 404, 412, 416, 501};
  for (size_t i = 0; i < sizeof again / sizeof *again; i++)
    assert_true(hdx_retry_status(again[i]));
  for (size_t i = 0; i < sizeof final / sizeof *final; i++)
    assert_false(hdx_retry_status(final[i]));
}

static const uint64_t second = 1000000000;

/* Rounds of as many requests as the limit, each round and each of its answers taking `ms`. */
static void rounds(struct hdx_host *host, uint64_t *now, int count, double ms) {
  while (count--) {
    unsigned limit = host->limit;
    for (unsigned i = 0; i < limit + 1; i++) {
      *now += (uint64_t)(ms * 1e6 / limit);
      hdx_host_finished(host, *now, 50000, (uint64_t)(ms * 1000), true);
    }
  }
}

static void a_distant_host_gets_all_that_is_allowed(void **state) {
  (void)state;
  struct hdx_host *host = hdx_host_new(HDX_TEXT("http://far"), 256);
  uint64_t now = second;
  rounds(host, &now, 12, 30); /* however many at once, they take the same time: latency rules */
  assert_int_equal(host->limit, 256);
  hdx_host_free(host);
}

static void a_step_that_paid_is_not_taken_back_when_the_host_slows_down(void **state) {
  (void)state;
  struct hdx_host *host = hdx_host_new(HDX_TEXT("http://far"), 256);
  uint64_t now = second;
  rounds(host, &now, 12, 30);
  rounds(host, &now, 4, 70);
  assert_int_equal(host->limit, 256);
  hdx_host_free(host);
}

static void a_near_host_gets_no_more_than_pays(void **state) {
  (void)state;
  struct hdx_host *host = hdx_host_new(HDX_TEXT("http://near"), 1024);
  uint64_t now = second;
  for (int i = 0; i < 20; i++)
    rounds(host, &now, 1, 0.05 * host->limit); /* twice as many take twice as long */
  assert_true(host->limit <= 2 * HDX_HOST_START);
  hdx_host_free(host);
}

static void test_15_p6_a_throttling_host_is_halved_once_a_burst_and_creeps_up(void **state) {
  (void)state;
  struct hdx_host *host = hdx_host_new(HDX_TEXT("http://tired"), 256);
  uint64_t now = second;
  host->limit = 200;
  uint64_t sent = now;
  for (int i = 0; i < 50; i++)
    hdx_host_throttled(host, sent, now += 1000000, 0); /* 50 answers to what was sent before */
  assert_int_equal(host->limit, 100);
  hdx_host_throttled(host, now, now + second, 2000);
  now += second;
  assert_int_equal(host->limit, 50);
  assert_true(host->wait_until_ns == now + 2 * second);
  rounds(host, &now, 4, 10);
  assert_in_range(host->limit, 52, 55);
  host->active = 256; /* so that it is the number that is too large */
  for (int i = 0; i < 20; i++, now += second)
    hdx_host_throttled(host, now + 3 * second, now + 4 * second, 0);
  assert_int_equal(host->limit, 1); /* never none */
  hdx_host_free(host);
}

static void quantiles_are_right_within_seven_percent(void **state) {
  (void)state;
  struct hdx_histogram histogram = {0};
  assert_true(hdx_histogram_ms(&histogram, 0.5) == 0);
  for (uint64_t us = 1; us <= 100000; us++)
    hdx_histogram_add(&histogram, us);
  const double quantiles[] = {0.01, 0.5, 0.9, 0.99};
  for (size_t i = 0; i < 4; i++) {
    double want = quantiles[i] * 100, got = hdx_histogram_ms(&histogram, quantiles[i]);
    assert_true(got > want * 0.93 && got < want * 1.07);
  }
  hdx_histogram_add(&histogram, UINT64_MAX); /* absurd, but within bounds */
  assert_true(hdx_histogram_ms(&histogram, 1) > 1e6);
}

static void the_pool_keeps_its_bound_and_its_reserve(void **state) {
  (void)state;
  struct hdx_block_pool pool;
  struct hdx_block *blocks[64];
  size_t count = 0;
  hdx_block_pool_init(&pool, 16);
  assert_true(hdx_block_reserve(&pool, 10));
  assert_false(hdx_block_reserve(&pool, 3)); /* a quarter is never reserved */
  while ((blocks[count] = hdx_block_take(&pool, false)))
    count++;
  assert_int_equal(count, 6);
  for (size_t i = 0; i < 10; i++) {
    blocks[count] = hdx_block_take(&pool, true); /* what is reserved can always be had */
    assert_non_null(blocks[count++]);
  }
  assert_null(hdx_block_take(&pool, false));
  while (count)
    hdx_block_put(&pool, blocks[--count]);
  assert_int_equal(pool.used, 0);
  assert_int_equal(pool.made, 16);
  hdx_block_pool_deinit(&pool);
}

static void a_smaller_pool_frees_what_it_gets_back(void **state) {
  (void)state;
  struct hdx_block_pool pool;
  struct hdx_block *blocks[16];
  hdx_block_pool_init(&pool, 16);
  for (int i = 0; i < 16; i++)
    blocks[i] = hdx_block_take(&pool, false);
  hdx_block_pool_resize(&pool, 10);
  assert_null(hdx_block_take(&pool, false));
  for (int i = 0; i < 12; i++)
    hdx_block_put(&pool, blocks[i]);
  assert_int_equal(pool.made, 10);
  hdx_block_pool_resize(&pool, 1); /* never fewer than eight */
  assert_int_equal(pool.made, 8);
  for (int i = 12; i < 16; i++)
    hdx_block_put(&pool, blocks[i]);
  assert_int_equal(pool.made, 8);
  hdx_block_pool_deinit(&pool);
}

/* Parts that run ahead keep what they have until their turn comes: those before them must not wait for it. */
static void test_p4_a_smaller_pool_keeps_a_quarter_for_those_that_others_wait_for(void **state) {
  (void)state;
  struct hdx_block_pool pool;
  struct hdx_block *blocks[33];
  size_t count = 0, ahead = 24;
  hdx_block_pool_init(&pool, 32);
  assert_true(hdx_block_reserve(&pool, ahead));
  for (; count < 10; count++)
    blocks[count] = hdx_block_take(&pool, true);
  hdx_block_pool_resize(&pool, 16);
  assert_false(hdx_block_reserve(&pool, 1));
  while ((blocks[count] = hdx_block_take(&pool, false)))
    count++;
  assert_int_equal(count, 10 + 8);
  hdx_block_unreserve(&pool, ahead, ahead - 10);
  assert_null(hdx_block_take(&pool, false)); /* 18 are in use, of 16 */
  while (count)
    hdx_block_put(&pool, blocks[--count]);
  assert_int_equal(pool.made, 16);
  hdx_block_pool_deinit(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_02_15_waits_grow_to_the_cap_and_honour_the_server),
      cmocka_unit_test(test_16_only_passing_answers_are_tried_again),
      cmocka_unit_test(a_distant_host_gets_all_that_is_allowed),
      cmocka_unit_test(a_step_that_paid_is_not_taken_back_when_the_host_slows_down),
      cmocka_unit_test(a_near_host_gets_no_more_than_pays),
      cmocka_unit_test(test_15_p6_a_throttling_host_is_halved_once_a_burst_and_creeps_up),
      cmocka_unit_test(quantiles_are_right_within_seven_percent),
      cmocka_unit_test(the_pool_keeps_its_bound_and_its_reserve),
      cmocka_unit_test(test_p4_a_smaller_pool_keeps_a_quarter_for_those_that_others_wait_for),
      cmocka_unit_test(a_smaller_pool_frees_what_it_gets_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
