/* Requests that are spaced out: against a server, made here, that counts them by the second. */
#include "transfer/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MS = 1000000, JOBS = 256, ROUND_TRIP_MS_MAX = 500, SETTLING_MS = 3000 };

/* A token bucket, `line_ms` away from the client: a request is counted half-way. */
struct server {
  double rate, burst, level; /* requests a second; saved up at the most; now */
  unsigned line_ms, wait_ms; /* there and back; Retry-After */
};

struct counts {
  unsigned good, refused;
};

/* What arrives at a time, by when it was sent. */
struct arrivals {
  unsigned good[ROUND_TRIP_MS_MAX + 1], refused[ROUND_TRIP_MS_MAX + 1];
};

static void answer(struct hdx_host *host, const struct server *server, struct arrivals *due, unsigned ms) {
  unsigned at = ms % (ROUND_TRIP_MS_MAX + 1);
  uint64_t now = (uint64_t)(ms + 1) * MS, sent = now - (uint64_t)server->line_ms * MS;
  for (; due->good[at]; due->good[at]--, host->active--) {
    hdx_host_finished(host, now, 1000, server->line_ms * 1000, true);
    hdx_host_served(host, now);
  }
  for (; due->refused[at]; due->refused[at]--, host->active--) {
    hdx_host_finished(host, now, 0, server->line_ms * 1000, true);
    hdx_host_throttled(host, sent, now, server->wait_ms);
  }
}

/* A client that has work without end for `ms`; what came of the requests that it sent from `from` on. */
static struct counts work(struct hdx_host *host, struct server *server, unsigned from, unsigned ms) {
  static struct arrivals due;
  struct counts counts = {0, 0};
  memset(&due, 0, sizeof due);
  server->level = server->burst;
  for (unsigned t = 0; t < ms; t++) {
    answer(host, server, &due, t);
    server->level += server->rate / 1000;
    server->level = server->level < server->burst ? server->level : server->burst;
    while (host->active < host->limit && hdx_host_take(host, (uint64_t)(t + 1) * MS)) {
      bool good = server->level >= 1;
      unsigned at = (t + server->line_ms) % (ROUND_TRIP_MS_MAX + 1);
      server->level -= good;
      (good ? due.good : due.refused)[at]++;
      host->active++;
      counts.good += t >= from && good;
      counts.refused += t >= from && !good;
    }
  }
  return counts;
}

static void a_server_that_counts_by_the_second_is_given_what_it_grants(void **state) {
  static const double rates[] = {5, 50, 200, 3500}, bursts[] = {0.1, 1, 5}; /* seconds of the rate */
  static const unsigned lines[] = {1, 30, 150}, waits[] = {0, 1000, 5000};
  (void)state;
  for (size_t i = 0; i < 4 * 3 * 3 * 3; i++) {
    struct server server = {.rate = rates[i % 4],
                            .burst = rates[i % 4] * bursts[i / 4 % 3] + 1,
                            .line_ms = lines[i / 12 % 3],
                            .wait_ms = waits[i / 36]};
    struct hdx_host *host = hdx_host_new(HDX_TEXT("http://strict"), JOBS);
    host->limit = JOBS;
    const unsigned ms = 60000, from = SETTLING_MS + 2 * server.wait_ms;
    struct counts counts = work(host, &server, from, ms);
    double share = (double)counts.refused / (counts.good + counts.refused);
    double most = JOBS * 1000.0 / server.line_ms; /* a second: as many as are under way */
    double used = counts.good * 1000.0 / (ms - from) / (server.rate < most ? server.rate : most);
    print_message("%4.0f/s burst %6.0f line %3u ms wait %4u ms: %.1f %% refused, %.0f %% used, limit %u\n", server.rate,
                  server.burst, server.line_ms, server.wait_ms, share * 100, used * 100, host->limit);
    /* How much there is can only be found out by asking, now and then; and after a long pause, a server grants more for
     * a while than it will later. */
    double most_refused = server.wait_ms > 1000 ? 0.08 : 0.05;
    assert_true(share <= most_refused || counts.refused <= (ms - from) / 2000);
    assert_true(used >= (server.wait_ms > 1000 ? 0.3 : 0.6));
    hdx_host_free(host);
  }
}

static void one_refusal_is_taken_for_an_accident(void **state) {
  (void)state;
  struct hdx_host *host = hdx_host_new(HDX_TEXT("http://well"), JOBS);
  hdx_host_throttled(host, MS, 2 * MS, 0);
  for (int i = 0; i < 1000; i++)
    assert_true(hdx_host_take(host, 3 * MS));
  hdx_host_free(host);
}

static void what_was_sent_before_a_cut_tells_nothing_new(void **state) {
  struct hdx_pace pace = {.paced = false};
  (void)state;
  for (unsigned i = 0; i < 500; i++)
    hdx_pace_served(&pace, (1000 + i) * (uint64_t)MS);
  assert_true(hdx_pace_refused(&pace, 1000 * (uint64_t)MS, 1500 * (uint64_t)MS, 0));
  assert_true(hdx_pace_refused(&pace, 1501 * (uint64_t)MS, 1502 * (uint64_t)MS, 0));
  double rate = pace.rate;
  assert_true(rate > 300 && rate < 700); /* 0.7 of about 630 a second */
  for (unsigned i = 0; i < 100; i++)
    assert_false(hdx_pace_refused(&pace, 1500 * (uint64_t)MS, (1503 + i) * (uint64_t)MS, 0));
  assert_true(pace.rate == rate);
  assert_true(hdx_pace_refused(&pace, 1503 * (uint64_t)MS, 1700 * (uint64_t)MS, 0));
  assert_true(pace.rate < rate);
}

static void a_host_that_grants_more_is_soon_as_fast_as_before(void **state) {
  struct server strict = {.rate = 200, .burst = 200, .line_ms = 1},
                generous = {.rate = 1e6, .burst = 1e6, .line_ms = 1};
  (void)state;
  struct hdx_host *host = hdx_host_new(HDX_TEXT("http://well-again"), JOBS);
  host->limit = JOBS;
  work(host, &strict, 0, 5000);
  assert_true(host->pace.paced);
  memset(&host->pace.served_ns, 0, sizeof host->pace.served_ns);
  host->pace.cut_ns = host->pace.filled_ns = MS;
  struct counts counts = work(host, &generous, 8100, 9100);
  assert_false(host->pace.paced);
  assert_true(counts.refused == 0 && counts.good > 5000);
  hdx_host_free(host);
}

static void nothing_is_sent_before_the_server_wants_it(void **state) {
  (void)state;
  struct hdx_host *host = hdx_host_new(HDX_TEXT("http://busy"), JOBS);
  hdx_host_throttled(host, MS, 2 * MS, 1000);
  assert_false(hdx_host_take(host, 1001 * (uint64_t)MS));
  assert_true(hdx_host_take(host, 1002 * (uint64_t)MS));
  hdx_host_free(host);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_server_that_counts_by_the_second_is_given_what_it_grants),
      cmocka_unit_test(one_refusal_is_taken_for_an_accident),
      cmocka_unit_test(what_was_sent_before_a_cut_tells_nothing_new),
      cmocka_unit_test(a_host_that_grants_more_is_soon_as_fast_as_before),
      cmocka_unit_test(nothing_is_sent_before_the_server_wants_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
