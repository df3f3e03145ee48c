/* Hashers: a state that takes in bytes, of OpenSSL's or of a CRC. */
#include "base/error.h"
#include "base/library.h"
#include "codec/crc.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

/* What is used of libcrypto, which is loaded when it is first needed. */
#define CRYPTO_MAP(X)                                                                                                  \
  X(EVP_MD_CTX_new)                                                                                                    \
  X(EVP_MD_CTX_free)                                                                                                   \
  X(EVP_DigestInit_ex)                                                                                                 \
  X(EVP_DigestUpdate) X(EVP_DigestFinal_ex) X(EVP_md5) X(EVP_sha1) X(EVP_sha256) X(EVP_sha512) X(ERR_get_error)

static struct {
#define X(name) __typeof__(&name) name; /* NOLINT(bugprone-macro-parentheses) */
  CRYPTO_MAP(X)
#undef X
} crypto;

#define X(name) #name,
static const char *const symbols[] = {CRYPTO_MAP(X)};
#undef X
#define X(name) &crypto.name,
static void *const functions[] = {CRYPTO_MAP(X)};
#undef X
static struct hdx_library library = HDX_LIBRARY("libcrypto.so.3", symbols, functions);

struct hdx_hasher {
  enum hdx_check check;
  uint64_t crc;
  EVP_MD_CTX *context; /* of libcrypto's checks, else NULL */
  bool broken;         /* libcrypto failed */
};

/* Whether a call of libcrypto has failed for that. It may also be forbidden to compute MD5, say. */
static bool lacks_memory(void) {
  bool lacks = false;
  for (unsigned long code; (code = crypto.ERR_get_error());)
    lacks |= ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
  return lacks;
}

static enum hdx_status open_context(struct hdx_hasher *hasher, struct hdx_error *error) {
  enum hdx_status status = hdx_library_need(&library, error);
  if (status != HDX_OK)
    return status;
  hasher->context = crypto.EVP_MD_CTX_new();
  if (!hasher->context)
    return hdx_error_set(error, HDX_MEMORY, "out of memory: no room for a hasher");
  const EVP_MD *method = hasher->check == HDX_CHECK_MD5      ? crypto.EVP_md5()
                         : hasher->check == HDX_CHECK_SHA1   ? crypto.EVP_sha1()
                         : hasher->check == HDX_CHECK_SHA256 ? crypto.EVP_sha256()
                                                             : crypto.EVP_sha512();
  if (crypto.EVP_DigestInit_ex(hasher->context, method, NULL) != 1) {
    crypto.EVP_MD_CTX_free(hasher->context);
    if (lacks_memory())
      return hdx_error_set(error, HDX_MEMORY, "out of memory: libcrypto.so.3 has none for %s",
                           hdx_check_name(hasher->check));
    return hdx_error_set(error, HDX_LIMIT, "libcrypto.so.3 refuses to compute %s here", hdx_check_name(hasher->check));
  }
  return HDX_OK;
}

static bool by_libcrypto(enum hdx_check check) {
  return check == HDX_CHECK_MD5 || check == HDX_CHECK_SHA1 || check == HDX_CHECK_SHA256 || check == HDX_CHECK_SHA512;
}

enum hdx_status hdx_hasher_open(enum hdx_check check, struct hdx_hasher **hasher, struct hdx_error *error) {
  struct hdx_hasher *made = calloc(1, sizeof *made);
  if (!made)
    return hdx_error_memory(error, sizeof *made);
  made->check = check;
  enum hdx_status status = by_libcrypto(check) ? open_context(made, error) : HDX_OK;
  if (status == HDX_OK)
    *hasher = made;
  else
    free(made);
  return status;
}

void hdx_hasher_close(struct hdx_hasher *hasher) {
  if (!hasher)
    return;
  if (hasher->context)
    crypto.EVP_MD_CTX_free(hasher->context);
  free(hasher);
}

void hdx_hasher_add(struct hdx_hasher *hasher, const void *data, size_t size) {
  if (hasher->context) /* a broken one would crash libcrypto */
    hasher->broken = hasher->broken || crypto.EVP_DigestUpdate(hasher->context, data, size) != 1;
  else if (hasher->check == HDX_CHECK_CRC32)
    hasher->crc = hdx_crc32((uint32_t)hasher->crc, data, size);
  else if (hasher->check == HDX_CHECK_CRC32C)
    hasher->crc = hdx_crc32c((uint32_t)hasher->crc, data, size);
  else if (hasher->check == HDX_CHECK_CRC64NVME)
    hasher->crc = hdx_crc64nvme(hasher->crc, data, size);
}

/* A context that failed gives no digest, which equals none; and is broken until it can be begun anew. */
static void finish_context(struct hdx_hasher *hasher, struct hdx_digest *digest) {
  if (hasher->broken || crypto.EVP_DigestFinal_ex(hasher->context, digest->bytes, NULL) != 1)
    *digest = (struct hdx_digest){.check = HDX_CHECK_SIZE};
  hasher->broken = crypto.EVP_DigestInit_ex(hasher->context, NULL, NULL) != 1;
}

void hdx_hasher_finish(struct hdx_hasher *hasher, struct hdx_digest *digest) {
  size_t size = hdx_check_bytes(hasher->check);
  *digest = (struct hdx_digest){.check = hasher->check};
  if (hasher->context) {
    finish_context(hasher, digest);
    return;
  }
  for (size_t i = 0; i < size; i++)
    digest->bytes[i] = (uint8_t)(hasher->crc >> 8 * (size - 1 - i));
  hasher->crc = 0;
}
