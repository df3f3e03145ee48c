#include "transfer/pace.h"

#include <math.h>

static const double SECOND = 1e9;
static const double BETA = 0.7;      /* RFC 9438, 4.6 */
static const double PERIOD = 2;      /* seconds */
static const double PERIODS_MAX = 4; /* the rate is ninefold by then */
static const double MEMORY = 0.5;    /* seconds: over which what was served is averaged, as in the AWS SDKs */
static const double AGAIN = 2;       /* seconds within which a second 503 is no accident */
static const double RATE_FIRST = 20; /* at the least: what a host serves is not known when its first answers are 503 */
static const double RATE_MIN = 0.5;  /* as in the AWS SDKs */
static const double BURST = 0.02;    /* seconds of the rate that may be saved up: those between two looks at it */

static double since(uint64_t then_ns, uint64_t now_ns) {
  return then_ns && now_ns > then_ns ? (double)(now_ns - then_ns) / SECOND : 0;
}

/* What was served lately, as it fades while nothing comes. */
static double fade(struct hdx_pace *pace, uint64_t now_ns) {
  pace->served *= exp(-since(pace->served_ns, now_ns) / MEMORY);
  pace->served_ns = now_ns;
  return pace->served;
}

void hdx_pace_served(struct hdx_pace *pace, uint64_t now_ns) {
  fade(pace, now_ns);
  pace->served += 1 / MEMORY;
}

bool hdx_pace_refused(struct hdx_pace *pace, uint64_t sent_ns, uint64_t now_ns, uint64_t until_ns) {
  if (pace->cut_ns && sent_ns < pace->cut_ns)
    return false;
  bool again = pace->cut_ns && since(pace->cut_ns, now_ns) < AGAIN;
  double served = fade(pace, now_ns);
  if (pace->paced) {
    /* After a pause little was served, and right after the first cut too much: no step is larger than a halving. */
    pace->before = fmin(pace->rate, fmax(served, pace->rate / 2 / BETA));
  } else if (again) {
    pace->before = fmax(served, RATE_FIRST);
    pace->tokens = 0;
  }
  pace->paced |= again;
  pace->rate = fmax(pace->before * BETA, RATE_MIN);
  pace->cut_ns = pace->filled_ns = until_ns > now_ns ? until_ns : now_ns;
  return true;
}

bool hdx_pace_take(struct hdx_pace *pace, uint64_t now_ns) {
  if (!pace->paced)
    return true;
  double periods = since(pace->cut_ns, now_ns) / PERIOD;
  if (periods > PERIODS_MAX) {
    pace->paced = false;
    return true;
  }
  pace->rate = fmax(pace->before * (1 + (1 - BETA) * pow(periods - 1, 3)), RATE_MIN);
  pace->tokens = fmin(pace->tokens + pace->rate * since(pace->filled_ns, now_ns), fmax(1, pace->rate * BURST));
  pace->filled_ns = now_ns;
  if (pace->tokens < 1)
    return false;
  pace->tokens--;
  return true;
}
