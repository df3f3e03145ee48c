/* SHA-256 and HMAC-SHA-256, by OpenSSL's libcrypto, which is loaded when it is first needed (base/library.h).
 *
 * These are libcrypto's low-level functions: unlike its EVP interface they need no memory and cannot fail, a keyed
 * state is copied by assignment, and a digest of two blocks takes two thirds of the time. Sources: FIPS 180-4, RFC
 * 2104. */
#ifndef HDX_TRANSFER_SHA256_H
#define HDX_TRANSFER_SHA256_H

#include "base/text.h"

#define HDX_SHA256_SIZE 32

/* To be called, with success, before any other function here: IO: libcrypto cannot be loaded. Thread-safe. */
enum hdx_status hdx_sha256_load(struct hdx_error *error);

void hdx_sha256(struct hdx_text text, unsigned char digest[HDX_SHA256_SIZE]);

/* A key, as the two states of SHA-256 that have taken it in: each code made with it is spared two blocks. As secret as
 * the key. */
struct hdx_hmac {
  uint32_t inner[28], outer[28]; /* SHA256_CTX each, so that no header of OpenSSL is needed here */
};

void hdx_hmac_key(struct hdx_hmac *hmac, struct hdx_text key);
/* The code of a text. */
void hdx_hmac(const struct hdx_hmac *hmac, struct hdx_text text, unsigned char code[HDX_SHA256_SIZE]);

#endif
