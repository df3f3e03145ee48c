/* Gzip files, read as their bytes come:
 *
 *   member  10 bytes (magic, method, flags, time …), extra field, name, comment and the header's CRC as the flags say,
 *           a DEFLATE stream, its CRC-32 and its size modulo 2^32
 *   file    one or more members, one after the other (as pigz and bgzip make them); then zero bytes are ignored, as
 *           tapes and some copies pad with them
 *
 * The members' bytes go to the sink of the inflater. Source: RFC 1952. */
#ifndef HDX_PARSE_GZIP_H
#define HDX_PARSE_GZIP_H

#include "parse/inflate.h"

enum hdx_gzip_state {
  HDX_GZIP_FIXED, /* collecting what every header has */
  HDX_GZIP_EXTRA_SIZE,
  HDX_GZIP_EXTRA,
  HDX_GZIP_NAME,
  HDX_GZIP_COMMENT,
  HDX_GZIP_HEADER_CRC,
  HDX_GZIP_BODY,
  HDX_GZIP_TRAILER,
  HDX_GZIP_BETWEEN, /* a member has ended */
  HDX_GZIP_PADDING
};

struct hdx_gzip {
  struct hdx_inflate *inflate;
  enum hdx_gzip_state state;
  uint64_t at; /* bytes of the file before the next one */
  unsigned flags;
  uint32_t header_crc;  /* of the header so far */
  uint32_t header_size; /* the same in bytes */
  uint32_t extra_left;  /* bytes of the extra field still to come */
  size_t held_size;
  unsigned char held[10]; /* of a field that is not complete */
};

/* Begins a file. The inflater, which must live as long, is begun too. */
void hdx_gzip_begin(struct hdx_gzip *gzip, struct hdx_inflate *inflate);

/* The next bytes of the file. INTEGRITY: not as it should be (what, and at which byte), a bomb; the sink's. */
enum hdx_status hdx_gzip_feed(struct hdx_gzip *gzip, const char *data, size_t size, struct hdx_error *error);
/* The file has ended. INTEGRITY: too early. */
enum hdx_status hdx_gzip_finish(struct hdx_gzip *gzip, struct hdx_error *error);

#endif
