/* What is known of one server (scheme, host and port): how many requests it is given at once, when it asked for a
 * pause, and what it has done so far. Pure but for memory.
 *
 * How many at once: more requests in flight only help while they hide latency; beyond that each costs more. So a host
 * begins with a few and is given more, round by round (a round: as many answers as requests are allowed): four times as
 * many while answers take a while and come about as fast as the fastest did (nothing queues: Brakmo and Peterson's TCP
 * Vegas); otherwise twice as many, as long as that raises the throughput by an eighth. A step that does not pay is
 * taken back, and tried again much later; the round in which the number changes is not measured. A 429 or 503 halves
 * the number; each later round without one adds one (Chiu and Jain's additive increase, multiplicative decrease). Where
 * that is not enough, requests are spaced out, too (pace.h). */
#ifndef HDX_TRANSFER_HOST_H
#define HDX_TRANSFER_HOST_H

#include "base/text.h"
#include "transfer/addresses.h"
#include "transfer/histogram.h"
#include "transfer/pace.h"
#include "transfer/part_list.h"

enum { HDX_HOST_START = 8 };

struct hdx_host {
  struct hdx_host *next;
  char *name; /* "https://host:port" */
  struct hdx_addresses addresses;
  struct hdx_part_list begun; /* queued parts of objects that have begun */
  struct hdx_part_list fresh; /* queued first parts */
  unsigned active, limit, limit_max;
  unsigned limit_before; /* the last step */
  bool throttled_once;
  bool settling;                       /* the number has just changed: this round is not measured */
  uint64_t round_ns, round_requests;   /* the round under way: its beginning, its answers, */
  uint64_t round_bytes, round_wait_us; /* their bytes, the sum of what they took to begin */
  uint64_t fastest_us;                 /* mean of the fastest round; 0: none yet */
  double rate_before;                  /* throughput before the last step; 0: unknown */
  unsigned idle_rounds;                /* rounds since growing ended */
  bool trying;                         /* the last step has still to pay */
  double mean_bytes;                   /* of a request lately */
  uint64_t wait_until_ns;              /* no request before */
  struct hdx_pace pace;
  bool answered;    /* it has sent a response at least once */
  bool dead;        /* not reachable: its requests fail at once, until it is forgiven */
  uint64_t dead_ns; /* since when */
  enum hdx_status dead_status;
  char dead_reason[256];
  uint64_t requests, connections, bytes, retries, throttles;
  struct hdx_histogram first_byte, total;
};

/* `limit_max` requests at once at the most. NULL if out of memory. */
struct hdx_host *hdx_host_new(struct hdx_text name, unsigned limit_max);
void hdx_host_free(struct hdx_host *host);

/* A request has finished at `now_ns` with `bytes` of body, `wait_us` after it was sent came the first; `hungry`: more
 * were waiting for their turn. */
void hdx_host_finished(struct hdx_host *host, uint64_t now_ns, uint64_t bytes, uint64_t wait_us, bool hungry);

/* The host answered 429 or 503 to a request that was sent at `sent_ns`, and asks for a pause of `wait_ms`. */
void hdx_host_throttled(struct hdx_host *host, uint64_t sent_ns, uint64_t now_ns, uint64_t wait_ms);
/* It answered something else. */
void hdx_host_served(struct hdx_host *host, uint64_t now_ns);
/* Whether it may be sent a request now; counts it if so. */
bool hdx_host_take(struct hdx_host *host, uint64_t now_ns);

#endif
