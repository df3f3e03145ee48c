/* Little-endian numbers and varints, written to a buffer and read back with every read bounded.
 *
 * A varint is LEB128: seven bits a byte, the lowest first, the high bit set on all but the last. Signed numbers are
 * folded first (0, -1, 1, -2 … become 0, 1, 2, 3 …). A reader that meets its end becomes bad and gives zeros. */
#ifndef HDX_CODEC_BYTES_H
#define HDX_CODEC_BYTES_H

#include "base/buffer.h"

#include <endian.h>

enum { HDX_VARINT_BYTES_MAX = 10 };

static inline uint64_t hdx_load_u64(const void *at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return le64toh(value);
}

static inline uint32_t hdx_load_u32(const void *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return le32toh(value);
}

static inline void hdx_store_u64(void *at, uint64_t value) {
  value = htole64(value);
  memcpy(at, &value, sizeof value);
}

static inline void hdx_store_u32(void *at, uint32_t value) {
  value = htole32(value);
  memcpy(at, &value, sizeof value);
}

/* Differences and sums modulo 2^64: what one gives the other takes back, whatever the numbers. */
static inline int64_t hdx_less(int64_t a, int64_t b) {
  return (int64_t)((uint64_t)a - (uint64_t)b);
}

static inline int64_t hdx_plus(int64_t a, int64_t b) {
  return (int64_t)((uint64_t)a + (uint64_t)b);
}

static inline uint64_t hdx_fold(int64_t value) {
  return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t hdx_unfold(uint64_t value) {
  return (int64_t)((value >> 1) ^ (0 - (value & 1)));
}

static inline void hdx_put_u64(struct hdx_buffer *out, uint64_t value) {
  value = htole64(value);
  hdx_buffer_append(out, &value, sizeof value);
}

static inline void hdx_put_u32(struct hdx_buffer *out, uint32_t value) {
  value = htole32(value);
  hdx_buffer_append(out, &value, sizeof value);
}

static inline void hdx_put_varint(struct hdx_buffer *out, uint64_t value) {
  char bytes[HDX_VARINT_BYTES_MAX];
  size_t size = 0;
  for (; value >= 0x80; value >>= 7)
    bytes[size++] = (char)(value | 0x80);
  bytes[size++] = (char)value;
  hdx_buffer_append(out, bytes, size);
}

static inline void hdx_put_signed(struct hdx_buffer *out, int64_t value) {
  hdx_put_varint(out, hdx_fold(value));
}

struct hdx_bytes {
  const uint8_t *at, *end;
  bool bad; /* more was read than there is, or a varint was none */
};

static inline struct hdx_bytes hdx_bytes_of(const void *data, size_t size) {
  return (struct hdx_bytes){data, (const uint8_t *)data + size, false};
}

static inline size_t hdx_bytes_left(const struct hdx_bytes *bytes) {
  return (size_t)(bytes->end - bytes->at);
}

/* The next `size` bytes as a view, or NULL. */
static inline const uint8_t *hdx_get_bytes(struct hdx_bytes *bytes, size_t size) {
  if (bytes->bad || size > hdx_bytes_left(bytes)) {
    bytes->bad = true;
    return NULL;
  }
  const uint8_t *at = bytes->at;
  bytes->at += size;
  return at;
}

static inline uint8_t hdx_get_u8(struct hdx_bytes *bytes) {
  const uint8_t *at = hdx_get_bytes(bytes, 1);
  return at ? *at : 0;
}

static inline uint32_t hdx_get_u32(struct hdx_bytes *bytes) {
  const uint8_t *at = hdx_get_bytes(bytes, 4);
  return at ? hdx_load_u32(at) : 0;
}

static inline uint64_t hdx_get_u64(struct hdx_bytes *bytes) {
  const uint8_t *at = hdx_get_bytes(bytes, 8);
  return at ? hdx_load_u64(at) : 0;
}

static inline uint64_t hdx_get_varint(struct hdx_bytes *bytes) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    uint8_t byte = hdx_get_u8(bytes);
    if (shift == 63 && byte > 1)
      break;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80))
      return bytes->bad ? 0 : value;
  }
  bytes->bad = true;
  return 0;
}

static inline int64_t hdx_get_signed(struct hdx_bytes *bytes) {
  return hdx_unfold(hdx_get_varint(bytes));
}

#endif
