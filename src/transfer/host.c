#include "transfer/host.h"

#include <stdlib.h>

enum { HALVE_PAUSE_MS = 250 }; /* answers to requests sent before a halving do not halve again */

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
  host->growing = true;
  return host;
}

void hdx_host_free(struct hdx_host *host) {
  free(host->name);
  free(host);
}

static void next_round(struct hdx_host *host, uint64_t now_ns) {
  host->round_ns = now_ns;
  host->round_requests = 0;
  host->round_bytes = 0;
}

void hdx_host_finished(struct hdx_host *host, uint64_t now_ns, uint64_t bytes, bool hungry) {
  /* A request costs a server about as much as this many bytes: the measure for small and large files alike. */
  enum { REQUEST_BYTES = 32 << 10 };
  if (!host->round_ns || !hungry) {
    next_round(host, now_ns);
    return;
  }
  host->round_requests++;
  host->round_bytes += bytes + REQUEST_BYTES;
  if (host->round_requests < host->limit || now_ns <= host->round_ns)
    return;
  double rate = (double)host->round_bytes / (double)(now_ns - host->round_ns);
  if (host->throttled_once) {
    host->limit += host->limit < host->limit_max;
  } else if (host->growing && host->limit < host->limit_max) {
    host->growing = host->round_rate <= 0 || rate > host->round_rate * 1.125;
    if (host->growing)
      host->limit = host->limit * 2 < host->limit_max ? host->limit * 2 : host->limit_max;
    host->round_rate = rate;
  }
  next_round(host, now_ns);
}

void hdx_host_throttled(struct hdx_host *host, uint64_t now_ns, uint64_t wait_ms) {
  uint64_t until = now_ns + wait_ms * 1000000;
  host->throttles++;
  host->throttled_once = true;
  if (until > host->wait_until_ns)
    host->wait_until_ns = until;
  if (!host->halved_ns || now_ns - host->halved_ns > HALVE_PAUSE_MS * UINT64_C(1000000)) {
    host->limit = host->limit > 1 ? host->limit / 2 : 1;
    host->halved_ns = now_ns;
    next_round(host, now_ns);
  }
}
