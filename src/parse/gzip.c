#include "parse/gzip.h"

#include "base/error.h"

#include <stdio.h>

enum {
  HEADER_CRC = 2, /* flags */
  EXTRA = 4,
  NAME = 8,
  COMMENT = 16,
  RESERVED = 0xe0,
  FIXED_BYTES = 10,
  TRAILER_BYTES = 8,
  HEADER_BYTES_MAX = 256 << 10 /* an extra field has at most 64 KiB, and names are short */
};

void hdx_gzip_begin(struct hdx_gzip *gzip, struct hdx_inflate *inflate) {
  *gzip = (struct hdx_gzip){.inflate = inflate, .state = HDX_GZIP_FIXED};
  hdx_inflate_reset(inflate);
}

__attribute__((format(printf, 3, 4))) static enum hdx_status refuse(const struct hdx_gzip *gzip,
                                                                    struct hdx_error *error, const char *format, ...) {
  char what[256];
  va_list args;
  va_start(args, format);
  vsnprintf(what, sizeof what, format, args);
  va_end(args);
  return hdx_error_set(error, HDX_INTEGRITY, "gzip, byte %llu: %s", (unsigned long long)gzip->at, what);
}

static uint32_t number(const unsigned char *bytes, size_t size) {
  uint32_t value = 0;
  for (size_t i = size; i-- > 0;)
    value = value << 8 | bytes[i];
  return value;
}

static bool has(const struct hdx_gzip *gzip, enum hdx_gzip_state part) {
  switch (part) {
  case HDX_GZIP_EXTRA_SIZE:
    return (gzip->flags & EXTRA) != 0;
  case HDX_GZIP_EXTRA:
    return gzip->extra_left > 0;
  case HDX_GZIP_NAME:
    return (gzip->flags & NAME) != 0;
  case HDX_GZIP_COMMENT:
    return (gzip->flags & COMMENT) != 0;
  case HDX_GZIP_HEADER_CRC:
    return (gzip->flags & HEADER_CRC) != 0;
  default:
    return true;
  }
}

/* To the next part of the header that there is, or to what it stands before. */
static void go_on(struct hdx_gzip *gzip) {
  gzip->held_size = 0;
  do
    gzip->state++;
  while (!has(gzip, gzip->state));
}

/* Collects a field of `wanted` bytes; true when it is complete. *used is how many were taken. */
static bool collect(struct hdx_gzip *gzip, const char *data, size_t size, size_t wanted, size_t *used) {
  size_t left = wanted - gzip->held_size;
  *used = size < left ? size : left;
  memcpy(gzip->held + gzip->held_size, data, *used);
  gzip->held_size += *used;
  return gzip->held_size == wanted;
}

static enum hdx_status check_fixed(struct hdx_gzip *gzip, struct hdx_error *error) {
  const unsigned char *held = gzip->held;
  if (held[0] != 0x1f || held[1] != 0x8b)
    return refuse(gzip, error, "expected another member or the file's end, found other bytes");
  if (held[2] != 8)
    return refuse(gzip, error, "expected the method deflate (8), found %d", held[2]);
  if (held[3] & RESERVED)
    return refuse(gzip, error, "expected no flags but those of RFC 1952, found 0x%02x", held[3]);
  gzip->flags = held[3];
  return HDX_OK;
}

/* A field of a header is complete. */
static enum hdx_status check_field(struct hdx_gzip *gzip, struct hdx_error *error) {
  uint32_t value = number(gzip->held, 2), crc = gzip->header_crc & 0xffff;
  if (gzip->state == HDX_GZIP_FIXED)
    return check_fixed(gzip, error);
  if (gzip->state == HDX_GZIP_EXTRA_SIZE)
    gzip->extra_left = value;
  else if (value != crc)
    return refuse(gzip, error, "expected %04x, the CRC of the header, found %04x", crc, value);
  return HDX_OK;
}

/* Bytes of a header, up to the end of its part. */
static enum hdx_status feed_header(struct hdx_gzip *gzip, const char *data, size_t size, size_t *used,
                                   struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  bool complete;
  if (gzip->state == HDX_GZIP_EXTRA) {
    *used = size < gzip->extra_left ? size : gzip->extra_left;
    gzip->extra_left -= (uint32_t)*used;
    complete = !gzip->extra_left;
  } else if (gzip->state == HDX_GZIP_NAME || gzip->state == HDX_GZIP_COMMENT) {
    const char *end = memchr(data, 0, size);
    *used = end ? (size_t)(end - data) + 1 : size;
    complete = end != NULL;
  } else {
    complete = collect(gzip, data, size, gzip->state == HDX_GZIP_FIXED ? FIXED_BYTES : 2, used);
    if (complete)
      status = check_field(gzip, error);
  }
  if (gzip->state != HDX_GZIP_HEADER_CRC)
    gzip->header_crc = hdx_inflate_crc(gzip->header_crc, data, *used);
  gzip->header_size += (uint32_t)*used;
  if (status == HDX_OK && gzip->header_size > HEADER_BYTES_MAX)
    status = refuse(gzip, error, "expected a header of at most %d bytes, found a longer one", HEADER_BYTES_MAX);
  if (status == HDX_OK && complete)
    go_on(gzip);
  return status;
}

static enum hdx_status check_trailer(struct hdx_gzip *gzip, struct hdx_error *error) {
  const struct hdx_inflate_progress *progress = hdx_inflate_progress(gzip->inflate);
  uint32_t crc = number(gzip->held, 4), size = number(gzip->held + 4, 4);
  if (crc != progress->crc)
    return refuse(gzip, error, "expected the CRC-32 %08x of what it holds, found %08x", progress->crc, crc);
  if (size != (uint32_t)progress->made)
    return refuse(gzip, error, "expected the size of what it holds (%llu bytes), found %lu",
                  (unsigned long long)progress->made, (unsigned long)size);
  gzip->state = HDX_GZIP_BETWEEN;
  gzip->held_size = 0;
  return HDX_OK;
}

/* Behind a member: the first byte of another is left to be read as such. */
static enum hdx_status feed_between(struct hdx_gzip *gzip, const char *data, size_t size, size_t *used,
                                    struct hdx_error *error) {
  bool padding = gzip->state == HDX_GZIP_PADDING;
  if (!padding && (unsigned char)*data == 0x1f) {
    gzip->state = HDX_GZIP_FIXED;
    gzip->flags = gzip->header_crc = gzip->header_size = 0;
    hdx_inflate_next(gzip->inflate);
    return HDX_OK;
  }
  while (*used < size && !data[*used])
    ++*used;
  gzip->state = HDX_GZIP_PADDING;
  if (*used)
    return HDX_OK;
  return refuse(gzip, error, "expected %s, found other bytes",
                padding ? "zero bytes up to the end" : "another member or the file's end");
}

/* Some bytes of a stream; what was read behind its end belongs to the trailer, and always fits into it. */
static enum hdx_status feed_body(struct hdx_gzip *gzip, const char *data, size_t size, size_t *used,
                                 struct hdx_error *error) {
  const struct hdx_inflate_progress *progress = hdx_inflate_progress(gzip->inflate);
  enum hdx_status status = hdx_inflate_feed(gzip->inflate, data, size, used, error);
  if (status == HDX_INTEGRITY)
    return hdx_error_context(error, status, "gzip");
  if (status != HDX_OK || !progress->ended)
    return status;
  gzip->state = HDX_GZIP_TRAILER;
  gzip->held_size = progress->rest_size;
  memcpy(gzip->held, progress->rest, progress->rest_size);
  return gzip->held_size == TRAILER_BYTES ? check_trailer(gzip, error) : HDX_OK;
}

enum hdx_status hdx_gzip_feed(struct hdx_gzip *gzip, const char *data, size_t size, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  while (size && status == HDX_OK) {
    size_t used = 0;
    if (gzip->state == HDX_GZIP_BODY)
      status = feed_body(gzip, data, size, &used, error);
    else if (gzip->state == HDX_GZIP_TRAILER)
      status = collect(gzip, data, size, TRAILER_BYTES, &used) ? check_trailer(gzip, error) : HDX_OK;
    else if (gzip->state >= HDX_GZIP_BETWEEN)
      status = feed_between(gzip, data, size, &used, error);
    else
      status = feed_header(gzip, data, size, &used, error);
    gzip->at += used;
    data += used;
    size -= used;
  }
  return status;
}

enum hdx_status hdx_gzip_finish(struct hdx_gzip *gzip, struct hdx_error *error) {
  if (gzip->state >= HDX_GZIP_BETWEEN)
    return HDX_OK;
  const char *where = gzip->state < HDX_GZIP_BODY    ? "in a header"
                      : gzip->state == HDX_GZIP_BODY ? "in compressed data"
                                                     : "before the CRC-32 and the size";
  return refuse(gzip, error, "it breaks off %s", where);
}
