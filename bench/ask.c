/* hdx-ask: how long questions take in a process, through the public interface alone, without the network.
 *
 *   hdx-ask STORE ENDPOINT BUCKET day ID DAY...        the rows of each day, the dataset's query being open
 *   hdx-ask STORE ENDPOINT BUCKET month FROM TO ID...  the rows of [FROM, TO) of all datasets, their queries being open
 *   hdx-ask STORE ENDPOINT BUCKET sum ID...            count and sum of sizes of all datasets
 *   hdx-ask STORE ENDPOINT BUCKET open ID...           a session is opened, one dataset found, all closed again
 *
 * Prints a line of JSON: the median of a question in microseconds (of `sum` and `open` in more than one way), and rows,
 * sum of sizes and bytes of keys of one turn through all questions, to be compared with what others answer. */
#include "heliodex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { IDS_MAX = 4096, SAMPLES_MAX = 100000, ROUNDS_MAX = 1000, ROUNDS_MIN = 5 };

static const int64_t day_ns = INT64_C(86400000000000);
static const double round_us_max = 1e6; /* no more rounds once they have taken so long */

struct answer {
  uint64_t rows, size_sum, key_bytes;
};

struct ask {
  struct hdx_config config;
  const char *bucket;
  char **texts; /* what the command is given */
  int count;
  double samples[SAMPLES_MAX];
  size_t sample_count;
};

static void check(enum hdx_status status, const struct hdx_error *error) {
  if (status == HDX_OK)
    return;
  fprintf(stderr, "hdx-ask: %s\n", error->message);
  exit(1);
}

/* ---- timing ---- */

static double now_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void sample(struct ask *ask, double us) {
  if (ask->sample_count < SAMPLES_MAX)
    ask->samples[ask->sample_count++] = us;
}

/* Of the samples since the last call. */
static double median(struct ask *ask) {
  qsort(ask->samples, ask->sample_count, sizeof *ask->samples, compare);
  double value = ask->sample_count ? ask->samples[ask->sample_count / 2] : 0;
  ask->sample_count = 0;
  return value;
}

/* Calls `turn`, which takes its samples itself, over and over; the first time, which warms up, does not count.
 * *answer is what one turn adds to it. */
static double repeat(struct ask *ask, void (*turn)(struct ask *ask, void *user, struct answer *answer), void *user,
                     struct answer *answer) {
  struct answer first = {0};
  turn(ask, user, &first);
  ask->sample_count = 0;
  double begun = now_us();
  for (int round = 0; round < ROUNDS_MAX && (round < ROUNDS_MIN || now_us() - begun < round_us_max); round++) {
    struct answer again = {0};
    turn(ask, user, &again);
    if (again.rows != first.rows || again.size_sum != first.size_sum || again.key_bytes != first.key_bytes) {
      fprintf(stderr, "hdx-ask: the same question had two answers\n");
      exit(1);
    }
  }
  *answer = first;
  return median(ask);
}

/* ---- asking ---- */

static int64_t parse_time(const char *text) {
  struct hdx_error error;
  int64_t time;
  check(hdx_time_parse((struct hdx_text){text, strlen(text)}, &time, &error), &error);
  return time;
}

static struct hdx_session *open_session(const struct ask *ask) {
  struct hdx_error error;
  struct hdx_session *session;
  check(hdx_session_open(&ask->config, &session, &error), &error);
  return session;
}

static struct hdx_query *open_query(const struct ask *ask, struct hdx_session *session, const char *id) {
  struct hdx_error error;
  struct hdx_query *query;
  struct hdx_query_options options;
  hdx_query_options_init(&options);
  options.match = HDX_MATCH_START;
  check(hdx_query_open(session, ask->bucket, id, &options, &query, &error), &error);
  return query;
}

/* All columns of all rows are looked at. */
static void drain(struct hdx_query *query, struct answer *answer) {
  struct hdx_error error;
  struct hdx_batch batch;
  for (;;) {
    check(hdx_query_next(query, &batch, &error), &error);
    if (!batch.count)
      return;
    answer->rows += batch.count;
    for (size_t i = 0; i < batch.count; i++) {
      answer->size_sum += batch.size[i] > 0 ? (uint64_t)batch.size[i] : 0;
      answer->key_bytes += batch.key[i].size;
    }
  }
}

static void ask_range(struct hdx_query *query, int64_t start, int64_t stop, struct answer *answer) {
  struct hdx_error error;
  check(hdx_query_range(query, start, stop, &error), &error);
  drain(query, answer);
}

static void print(double us, const struct answer *answer) {
  printf("{\"us\":%.3f,\"rows\":%llu,\"size_sum\":%llu,\"key_bytes\":%llu}\n", us, (unsigned long long)answer->rows,
         (unsigned long long)answer->size_sum, (unsigned long long)answer->key_bytes);
}

/* ---- a day, a month ---- */

static void day_turn(struct ask *ask, void *user, struct answer *answer) {
  struct hdx_query *query = user;
  for (int i = 1; i < ask->count; i++) {
    int64_t day = parse_time(ask->texts[i]);
    double begun = now_us();
    ask_range(query, day, day + day_ns, answer);
    sample(ask, now_us() - begun);
  }
}

static void ask_day(struct ask *ask) {
  struct answer answer;
  struct hdx_session *session = open_session(ask);
  struct hdx_query *query = open_query(ask, session, ask->texts[0]);
  double us = repeat(ask, day_turn, query, &answer);
  print(us, &answer);
  hdx_query_close(query);
  hdx_session_close(session);
}

static void month_turn(struct ask *ask, void *user, struct answer *answer) {
  struct hdx_query **queries = user;
  int64_t start = parse_time(ask->texts[0]), stop = parse_time(ask->texts[1]);
  double begun = now_us();
  for (int i = 2; i < ask->count; i++)
    ask_range(queries[i], start, stop, answer);
  sample(ask, now_us() - begun);
}

static void ask_month(struct ask *ask) {
  static struct hdx_query *queries[IDS_MAX];
  struct answer answer;
  struct hdx_session *session = open_session(ask);
  for (int i = 2; i < ask->count; i++)
    queries[i] = open_query(ask, session, ask->texts[i]);
  double us = repeat(ask, month_turn, queries, &answer);
  print(us, &answer);
  for (int i = 2; i < ask->count; i++)
    hdx_query_close(queries[i]);
  hdx_session_close(session);
}

/* ---- count and sum ---- */

static void summarize(struct hdx_query *query, struct answer *answer) {
  struct hdx_summary summary;
  struct hdx_error error;
  check(hdx_query_summary(query, HDX_QUERY_ALL, &summary, &error), &error);
  answer->rows += summary.rows;
  answer->size_sum += summary.bytes;
}

static void opened_turn(struct ask *ask, void *user, struct answer *answer) {
  struct hdx_query **queries = user;
  double begun = now_us();
  for (int i = 0; i < ask->count; i++)
    summarize(queries[i], answer);
  sample(ask, now_us() - begun);
}

/* Snapshots are opened, their footers read, and closed again. */
static void info_turn(struct ask *ask, void *user, struct answer *answer) {
  struct hdx_error error;
  double begun = now_us();
  for (int i = 0; i < ask->count; i++) {
    struct hdx_snapshot_info *info;
    check(hdx_snapshot_info(user, ask->bucket, ask->texts[i], &info, &error), &error);
    answer->rows += info->rows;
    answer->size_sum += info->size_sum;
    hdx_snapshot_info_free(info);
  }
  sample(ask, now_us() - begun);
}

static void ask_sum(struct ask *ask) {
  static struct hdx_query *queries[IDS_MAX];
  struct answer opened, opening;
  struct hdx_session *session = open_session(ask);
  for (int i = 0; i < ask->count; i++)
    queries[i] = open_query(ask, session, ask->texts[i]);
  double opened_us = repeat(ask, opened_turn, queries, &opened);
  double opening_us = repeat(ask, info_turn, session, &opening);
  if (opened.rows != opening.rows || opened.size_sum != opening.size_sum) {
    fprintf(stderr, "hdx-ask: rows and footers differ\n");
    exit(1);
  }
  printf("{\"us\":%.3f,\"opening_us\":%.3f,\"rows\":%llu,\"size_sum\":%llu}\n", opened_us, opening_us,
         (unsigned long long)opened.rows, (unsigned long long)opened.size_sum);
  for (int i = 0; i < ask->count; i++)
    hdx_query_close(queries[i]);
  hdx_session_close(session);
}

/* ---- opening ---- */

static void find_turn(struct ask *ask, void *user, struct answer *answer) {
  bool by_query = *(const bool *)user;
  for (int i = 0; i < ask->count; i++) {
    struct hdx_error error;
    struct hdx_snapshot_info *info = NULL;
    double begun = now_us();
    struct hdx_session *session = open_session(ask);
    struct hdx_query *query = by_query ? open_query(ask, session, ask->texts[i]) : NULL;
    if (!by_query)
      check(hdx_snapshot_info(session, ask->bucket, ask->texts[i], &info, &error), &error);
    answer->rows += info ? info->rows : 0;
    hdx_snapshot_info_free(info);
    hdx_query_close(query);
    hdx_session_close(session);
    sample(ask, now_us() - begun);
  }
}

static void ask_open(struct ask *ask) {
  struct answer answer, unused;
  double info_us = repeat(ask, find_turn, &(bool){false}, &answer);
  double query_us = repeat(ask, find_turn, &(bool){true}, &unused);
  printf("{\"us\":%.3f,\"query_us\":%.3f,\"rows\":%llu}\n", info_us, query_us, (unsigned long long)answer.rows);
}

int main(int argc, char **argv) {
  static const struct command {
    const char *name;
    void (*run)(struct ask *ask);
    int least; /* arguments */
  } commands[] = {{"day", ask_day, 2}, {"month", ask_month, 3}, {"sum", ask_sum, 1}, {"open", ask_open, 1}};
  static struct ask ask;
  for (size_t i = 0; argc > 5 && i < sizeof commands / sizeof *commands; i++)
    if (strcmp(argv[4], commands[i].name) == 0 && argc - 5 >= commands[i].least && argc - 5 <= IDS_MAX) {
      hdx_config_init(&ask.config);
      ask.config.store = argv[1];
      ask.config.endpoint_url = argv[2];
      ask.config.offline = true;
      ask.bucket = argv[3];
      ask.texts = argv + 5;
      ask.count = argc - 5;
      commands[i].run(&ask);
      return 0;
    }
  fprintf(stderr,
          "usage: hdx-ask STORE ENDPOINT BUCKET (day ID DAY... | month FROM TO ID... | sum ID... | open ID...)\n");
  return 2;
}
