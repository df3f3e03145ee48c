/* hdx-day: how long a day's rows of one dataset take in a process that has it open, through the public interface.
 *
 *   hdx-day STORE ENDPOINT BUCKET ID DAY...
 *
 * Prints a line of JSON: microseconds a question (mean over 200 rounds of all days) and the rows of all rounds. */
#include "heliodex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const int64_t day_ns = INT64_C(86400000000000);

static void check(enum hdx_status status, const struct hdx_error *error) {
  if (status == HDX_OK)
    return;
  fprintf(stderr, "hdx-day: %s\n", error->message);
  exit(1);
}

static double now_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

int main(int argc, char **argv) {
  enum { ROUNDS = 200, DAYS_MAX = 64 };
  int64_t days[DAYS_MAX];
  int count = argc - 5;
  struct hdx_config config;
  struct hdx_session *session;
  struct hdx_query_options options;
  struct hdx_query *query;
  struct hdx_error error;
  if (count < 1 || count > DAYS_MAX) {
    fprintf(stderr, "usage: hdx-day STORE ENDPOINT BUCKET ID DAY...\n");
    return 2;
  }
  for (int i = 0; i < count; i++)
    check(hdx_time_parse((struct hdx_text){argv[5 + i], strlen(argv[5 + i])}, &days[i], &error), &error);
  hdx_config_init(&config);
  config.store = argv[1];
  config.endpoint_url = argv[2];
  config.offline = true;
  check(hdx_session_open(&config, &session, &error), &error);
  hdx_query_options_init(&options);
  options.match = HDX_MATCH_START;
  check(hdx_query_open(session, argv[3], argv[4], &options, &query, &error), &error);
  uint64_t rows = 0, bytes = 0;
  double begun = now_us();
  for (int round = 0; round < ROUNDS; round++) {
    for (int i = 0; i < count; i++) {
      struct hdx_batch batch;
      check(hdx_query_range(query, days[i], days[i] + day_ns, &error), &error);
      for (;;) {
        check(hdx_query_next(query, &batch, &error), &error);
        if (!batch.count)
          break;
        rows += batch.count;
        for (size_t row = 0; row < batch.count; row++)
          bytes += batch.key[row].size;
      }
    }
  }
  double us = (now_us() - begun) / (ROUNDS * count);
  printf("{\"us\":%.2f,\"rows\":%llu,\"key_bytes\":%llu}\n", us, (unsigned long long)rows, (unsigned long long)bytes);
  hdx_query_close(query);
  hdx_session_close(session);
  return 0;
}
