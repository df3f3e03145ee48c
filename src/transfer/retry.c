#include "transfer/retry.h"

uint64_t hdx_retry_random(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}

uint64_t hdx_retry_wait_ms(unsigned attempt, uint64_t after_ms, uint64_t *random_state) {
  uint64_t most = HDX_RETRY_BASE_MS;
  for (unsigned i = 0; i < attempt && most < HDX_RETRY_CAP_MS; i++)
    most *= 2;
  if (most > HDX_RETRY_CAP_MS)
    most = HDX_RETRY_CAP_MS;
  return after_ms + hdx_retry_random(random_state) % (most + 1);
}

bool hdx_retry_status(long http_status) {
  static const long worth[] = {408, 425, 429, 500, 502, 503, 504, 509};
  for (size_t i = 0; i < sizeof worth / sizeof *worth; i++)
    if (worth[i] == http_status)
      return true;
  return false;
}

bool hdx_retry_throttled(long http_status) {
  return http_status == 429 || http_status == 503;
}
