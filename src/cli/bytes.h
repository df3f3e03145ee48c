/* Sixteen bytes at a time: which of them need more than copying. Portable vectors of the compiler, no intrinsics. */
#ifndef HDX_CLI_BYTES_H
#define HDX_CLI_BYTES_H

#include "heliodex.h"

#include <string.h>

typedef unsigned char cli_bytes16 __attribute__((vector_size(16)));

static inline cli_bytes16 cli_bytes_load(const char *data) {
  cli_bytes16 bytes;
  memcpy(&bytes, data, sizeof bytes);
  return bytes;
}

static inline bool cli_bytes_any(cli_bytes16 mask) {
  uint64_t half[2];
  memcpy(half, &mask, sizeof half);
  return (half[0] | half[1]) != 0;
}

/* How many leading bytes, in whole sixteens, are none of four. */
static inline size_t cli_bytes_without(struct hdx_text text, char a, char b, char c, char d) {
  size_t i = 0;
  for (; i + 16 <= text.size; i += 16) {
    cli_bytes16 v = cli_bytes_load(text.data + i);
    if (cli_bytes_any((cli_bytes16)(v == (unsigned char)a) | (cli_bytes16)(v == (unsigned char)b) |
                      (cli_bytes16)(v == (unsigned char)c) | (cli_bytes16)(v == (unsigned char)d)))
      break;
  }
  return i;
}

/* How many bytes from `from` on, in whole sixteens, stand in a JSON string as they are: printable ASCII but " and \. */
static inline size_t cli_bytes_plain_json(struct hdx_text text, size_t from) {
  size_t i = from;
  for (; i + 16 <= text.size; i += 16) {
    cli_bytes16 v = cli_bytes_load(text.data + i);
    if (cli_bytes_any((cli_bytes16)(v < 0x20) | (cli_bytes16)(v >= 0x7f) | (cli_bytes16)(v == '"') |
                      (cli_bytes16)(v == '\\')))
      break;
  }
  return i - from;
}

#endif
