/* layer: codec */
/* Names of checks, digests and entity tags of any bytes: what is taken is written and read again to the same digest,
 * and is no other check's. The first byte chooses the check that the rest is a digest of. */
#include "codec/checksum.h"

#include <stdlib.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_digest(enum hdx_check check, struct hdx_text text) {
  struct hdx_digest digest, again;
  char written[HDX_DIGEST_TEXT_MAX];
  if (!hdx_digest_read(check, text, &digest))
    return;
  size_t bytes = hdx_check_bytes(check);
  CHECK(bytes > 0 && digest.check == check && (text.size == 2 * bytes || text.size == (bytes + 2) / 3 * 4));
  hdx_digest_write(&digest, written);
  CHECK(strlen(written) == 2 * bytes && hdx_digest_read(check, hdx_text_of(written), &again));
  CHECK(hdx_digest_equal(&digest, &again));
  if (text.size == 2 * bytes && !hdx_text_ends_with(text, HDX_TEXT("=")))
    CHECK(hdx_text_equal_nocase(text, hdx_text_of(written)));
  again.bytes[bytes - 1] ^= 1;
  CHECK(!hdx_digest_equal(&digest, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  struct hdx_text text = {(const char *)data + 1, size - 1};
  struct hdx_digest digest;
  enum hdx_check check = HDX_CHECK_COUNT, again;
  if (hdx_check_of_name(text, &check))
    CHECK(check < HDX_CHECK_COUNT && hdx_check_of_name(hdx_text_of(hdx_check_name(check)), &again) && again == check);
  else
    CHECK(check == HDX_CHECK_COUNT);
  check_digest((enum hdx_check)(data[0] % HDX_CHECK_COUNT), text);
  if (hdx_digest_of_etag(text, &digest))
    CHECK(digest.check == HDX_CHECK_MD5 && text.size == 34 && text.data[0] == '"' && text.data[33] == '"');
  return 0;
}
