#include "transfer/sha256.h"

#include "base/library.h"

#include <openssl/sha.h>

static struct {
  int (*init)(SHA256_CTX *state);
  int (*update)(SHA256_CTX *state, const void *data, size_t size);
  int (*final)(unsigned char *digest, SHA256_CTX *state);
} crypto;

static const char *const symbols[] = {"SHA256_Init", "SHA256_Update", "SHA256_Final"};
static void *const functions[] = {&crypto.init, &crypto.update, &crypto.final};
static struct hdx_library library = HDX_LIBRARY("libcrypto.so.3", symbols, functions);

enum hdx_status hdx_sha256_load(struct hdx_error *error) {
  return hdx_library_need(&library, error);
}

void hdx_sha256(struct hdx_text text, unsigned char digest[HDX_SHA256_SIZE]) {
  SHA256_CTX state;
  crypto.init(&state);
  crypto.update(&state, text.data, text.size);
  crypto.final(digest, &state);
  explicit_bzero(&state, sizeof state);
}

_Static_assert(sizeof(SHA256_CTX) == sizeof((struct hdx_hmac *)0)->inner, "the states of struct hdx_hmac");

/* The state that has taken in the key, each byte of which is changed by `pad`. */
static void take_key(uint32_t *keyed, const unsigned char key[SHA256_CBLOCK], unsigned char pad) {
  SHA256_CTX state;
  unsigned char block[SHA256_CBLOCK];
  for (size_t i = 0; i < sizeof block; i++)
    block[i] = key[i] ^ pad;
  crypto.init(&state);
  crypto.update(&state, block, sizeof block);
  memcpy(keyed, &state, sizeof state);
  explicit_bzero(block, sizeof block);
  explicit_bzero(&state, sizeof state);
}

void hdx_hmac_key(struct hdx_hmac *hmac, struct hdx_text key) {
  unsigned char block[SHA256_CBLOCK] = {0};
  if (key.size > sizeof block)
    hdx_sha256(key, block);
  else if (key.size)
    memcpy(block, key.data, key.size);
  take_key(hmac->inner, block, 0x36);
  take_key(hmac->outer, block, 0x5c);
  explicit_bzero(block, sizeof block);
}

void hdx_hmac(const struct hdx_hmac *hmac, struct hdx_text text, unsigned char code[HDX_SHA256_SIZE]) {
  SHA256_CTX state;
  unsigned char digest[HDX_SHA256_SIZE];
  memcpy(&state, hmac->inner, sizeof state);
  crypto.update(&state, text.data, text.size);
  crypto.final(digest, &state);
  memcpy(&state, hmac->outer, sizeof state);
  crypto.update(&state, digest, sizeof digest);
  crypto.final(code, &state);
  explicit_bzero(digest, sizeof digest);
  explicit_bzero(&state, sizeof state);
}
