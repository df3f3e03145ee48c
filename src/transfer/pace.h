/* How many requests a second a host is sent that says 429 or 503. Pure: the caller says what time it is.
 *
 * A smaller number of requests in flight does not help against a server that counts them by the second, as object
 * stores do (S3's SlowDown, gateways with a token bucket): over a short line even one at a time are too many. So, when
 * halving that number has not been enough, requests are spaced out, at a rate that follows what the server grants:
 *
 *            rate                        (a) 503: down to BETA of what it served lately
 *             │      (d)            ╱    (b) back to where it was in PERIOD, fast at first, then slower and slower
 *    before ─ ┤  ─╮      ╭────────╯      (c) on from there carefully, then faster and faster
 *             │   │   ╭─╯  (b)   (c)     (d) a further 503, to a request that was sent after the last cut: again (a)
 *    reduced ─┤   ╰─╯ (a)
 *             └─────────────────────── time; after PERIODS_MAX of them without a 503 the host is not paced any more
 *
 * That curve is TCP CUBIC's (RFC 9438, also of the AWS SDKs' "adaptive" retry mode), rate = before · (1 + (1 - BETA) ·
 * (t / PERIOD - 1)³), but with one PERIOD for all rates: a host that said 503 once by accident is as fast as before
 * soon, whether it serves ten requests a second or ten thousand. Answers to requests that were sent before a cut tell
 * nothing new (one reduction a round trip: RFC 9438, 4.6). */
#ifndef HDX_TRANSFER_PACE_H
#define HDX_TRANSFER_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct hdx_pace {
  bool paced;
  double before, rate; /* requests a second: before the last cut, allowed now */
  double tokens;       /* requests that may be sent now */
  double served;       /* answers that were none of 429 and 503 a second, lately */
  uint64_t served_ns, filled_ns, cut_ns;
};

/* An answer has come that is neither 429 nor 503. */
void hdx_pace_served(struct hdx_pace *pace, uint64_t now_ns);

/* A 429 or 503 to a request of `sent_ns` has come; nothing is sent before `until_ns`, which is when the curve begins.
 * Returns whether that is news: the request was sent since the last cut, or there was none. */
bool hdx_pace_refused(struct hdx_pace *pace, uint64_t sent_ns, uint64_t now_ns, uint64_t until_ns);

/* Whether a request may be sent now; counts it if so. */
bool hdx_pace_take(struct hdx_pace *pace, uint64_t now_ns);

#endif
