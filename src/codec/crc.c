#include "codec/crc.h"

#include "base/library.h"

#include <isa-l/crc.h>
#include <pthread.h>

/* ISA-L counts the bytes of a CRC-32C in an int. */
enum { ISAL_BYTES_MAX = 1 << 30 };

static struct {
  __typeof__(&crc32_gzip_refl) crc32;
  __typeof__(&crc32_iscsi) crc32c;
  enum hdx_status status;
} isal;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
  static const char *const symbols[] = {"crc32_gzip_refl", "crc32_iscsi"};
  void *const functions[] = {&isal.crc32, &isal.crc32c};
  isal.status = hdx_library_load("libisal.so.2", symbols, functions, 2, NULL);
}

static bool loaded(void) {
  pthread_once(&once, load);
  return isal.status == HDX_OK;
}

uint32_t hdx_crc32(uint32_t crc, const void *data, size_t size) {
  return loaded() ? isal.crc32(crc, data, size) : (uint32_t)hdx_crc_fold(HDX_CRC_32, hdx_crc_way(), crc, data, size);
}

/* crc32_iscsi leaves both inversions to its caller. */
uint32_t hdx_crc32c(uint32_t crc, const void *data, size_t size) {
  if (!loaded())
    return (uint32_t)hdx_crc_fold(HDX_CRC_32C, hdx_crc_way(), crc, data, size);
  uint8_t *at = (uint8_t *)data; /* it is only read */
  uint32_t state = ~crc;
  while (size) {
    size_t given = size < ISAL_BYTES_MAX ? size : ISAL_BYTES_MAX;
    state = isal.crc32c(at, (int)given, state);
    at += given;
    size -= given;
  }
  return ~state;
}

uint64_t hdx_crc64nvme(uint64_t crc, const void *data, size_t size) {
  return hdx_crc_fold(HDX_CRC_64NVME, hdx_crc_way(), crc, data, size);
}

#define CRC32C_REFLECTED 0x82f63b78u

/* The product of two polynomials modulo CRC-32C's, all reflected: the highest bit is that of x^0. */
static uint32_t times(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (; a; a <<= 1) {
    if (a >> 31)
      product ^= b;
    b = b >> 1 ^ (b & 1 ? CRC32C_REFLECTED : 0);
  }
  return product;
}

/* What follows multiplies the polynomial of what came first by x^8 for each byte; the inversions at both ends cancel
 * out. x^(8 size) is put together from squares of x^8. */
uint32_t hdx_crc32c_join(uint32_t first, uint32_t second, uint64_t size) {
  uint32_t square = UINT32_C(1) << (31 - 8);
  for (; size; size >>= 1) {
    if (size & 1)
      first = times(first, square);
    square = times(square, square);
  }
  return first ^ second;
}
