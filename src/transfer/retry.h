/* When to try again: which outcomes are worth it and how long to wait. Pure.
 *
 * Exponential backoff with full jitter: a wait drawn evenly from 0 to min(cap, base · 2ⁿ) spreads a crowd of clients
 * best (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). A server's Retry-After is a lower
 * bound. */
#ifndef HDX_TRANSFER_RETRY_H
#define HDX_TRANSFER_RETRY_H

#include "base/text.h"

#define HDX_RETRY_BASE_MS 100
#define HDX_RETRY_CAP_MS 10000
#define HDX_RETRY_AFTER_MS_MAX 300000 /* a server that asks for more is not waited for */

/* splitmix64, for jitter only */
uint64_t hdx_retry_random(uint64_t *state);

/* Milliseconds to wait before attempt `attempt` + 1 (the first attempt is 0); after_ms is the server's wish, or 0. */
uint64_t hdx_retry_wait_ms(unsigned attempt, uint64_t after_ms, uint64_t *random_state);

/* Whether an HTTP status is worth another attempt: 408, 425, 429, 500, 502, 503, 504, 509. */
bool hdx_retry_status(long http_status);
/* Whether it asks for fewer requests: 429, 503. */
bool hdx_retry_throttled(long http_status);

#endif
