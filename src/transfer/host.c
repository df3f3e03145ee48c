#include "transfer/host.h"

#include <stdlib.h>

enum {
  REQUEST_BYTES = 32 << 10, /* what a request costs a server besides its bytes, counted as bytes */
  PROBE_ROUNDS = 32,        /* after so many rounds, growing is tried again: the network may have changed */
  WAIT_US_MIN = 200         /* waits below are as good as none */
};

struct hdx_host *hdx_host_new(struct hdx_text name, unsigned limit_max) {
  struct hdx_host *host = calloc(1, sizeof *host);
  if (!host)
    return NULL;
  host->name = hdx_text_dup(name);
  if (!host->name) {
    free(host);
    return NULL;
  }
  host->limit_max = limit_max;
  host->limit = limit_max < HDX_HOST_START ? limit_max : HDX_HOST_START;
  return host;
}

void hdx_host_free(struct hdx_host *host) {
  free(host->name);
  free(host);
}

static void next_round(struct hdx_host *host, uint64_t now_ns) {
  host->round_ns = now_ns;
  host->round_requests = host->round_bytes = host->round_wait_us = 0;
}

static void grow(struct hdx_host *host, double rate, bool distant) {
  host->limit_before = host->limit;
  unsigned limit = host->limit * (distant ? 4 : 2);
  host->limit = limit < host->limit_max ? limit : host->limit_max;
  host->rate_before = rate;
  host->settling = !distant;
  host->trying = true;
  host->idle_rounds = 0;
}

/* A measured round is over: more at once, or not? */
static void judge(struct hdx_host *host, double rate, uint64_t wait_us) {
  if (wait_us < WAIT_US_MIN)
    wait_us = WAIT_US_MIN;
  if (!host->fastest_us || wait_us < host->fastest_us)
    host->fastest_us = wait_us;
  if (host->throttled_once) {
    host->limit += host->limit < host->limit_max;
    return;
  }
  bool distant = wait_us > 10 * WAIT_US_MIN && wait_us < host->fastest_us + host->fastest_us / 2;
  bool paid = host->trying && rate > host->rate_before * 1.125;
  if (host->trying && !distant && !paid) {
    host->limit = host->limit_before;
    host->settling = true;
  } else if (distant || paid || host->rate_before <= 0 || host->idle_rounds >= PROBE_ROUNDS) {
    host->trying = false; /* the last step has paid */
    if (host->limit < host->limit_max)
      grow(host, rate, distant);
    return;
  }
  host->trying = false;
  host->idle_rounds++;
}

void hdx_host_finished(struct hdx_host *host, uint64_t now_ns, uint64_t bytes, uint64_t wait_us, bool hungry) {
  host->mean_bytes += ((double)bytes - host->mean_bytes) / 8;
  if (!host->round_ns || !hungry) {
    next_round(host, now_ns);
    return;
  }
  host->round_requests++;
  host->round_bytes += bytes + REQUEST_BYTES;
  host->round_wait_us += wait_us;
  if (host->round_requests < host->limit || now_ns <= host->round_ns)
    return;
  if (!host->settling)
    judge(host, (double)host->round_bytes / (double)(now_ns - host->round_ns),
          host->round_wait_us / host->round_requests);
  else
    host->settling = false;
  next_round(host, now_ns);
}

void hdx_host_throttled(struct hdx_host *host, uint64_t sent_ns, uint64_t now_ns, uint64_t wait_ms) {
  uint64_t until = now_ns + wait_ms * 1000000;
  bool bound = !host->pace.paced || host->active >= host->limit / 2; /* by the number, rather than by the rate */
  host->throttles++;
  host->throttled_once = true;
  if (until > host->wait_until_ns)
    host->wait_until_ns = until;
  if (!hdx_pace_refused(&host->pace, sent_ns, now_ns, host->wait_until_ns) || !bound)
    return;
  host->limit = host->limit > 1 ? host->limit / 2 : 1;
  next_round(host, now_ns);
}

void hdx_host_served(struct hdx_host *host, uint64_t now_ns) {
  hdx_pace_served(&host->pace, now_ns);
}

bool hdx_host_take(struct hdx_host *host, uint64_t now_ns) {
  return now_ns >= host->wait_until_ns && hdx_pace_take(&host->pace, now_ns);
}
