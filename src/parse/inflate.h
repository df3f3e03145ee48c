/* DEFLATE streams turned back into bytes, as they come, by ISA-L, which is loaded when it is first needed. In the same
 * pass the bytes' CRC-32 is taken, and what grows beyond all measure is refused.
 *
 * Of the libraries that read DEFLATE, ISA-L is the one that is both fast and able to stream: on index files it reads
 * 4.6 GB/s, zlib 2.0; libdeflate's 5.9 need the whole file and the whole of what it holds in memory.
 *
 * Source: RFC 1951; ISA-L's igzip_lib.h. */
#ifndef HDX_PARSE_INFLATE_H
#define HDX_PARSE_INFLATE_H

#include "base/text.h"

/* Index files shrink to a thirtieth at the most, DEFLATE can shrink to a thousandth: what is read as a list of files
 * never needs that, so more than RATIO_MAX bytes for each that came, and SLACK more, are a bomb. The slack spares small
 * files of many equal rows. */
#define HDX_INFLATE_RATIO_MAX 200
#define HDX_INFLATE_SLACK_BYTES (16u << 20)
#define HDX_INFLATE_REST_MAX 8

struct hdx_inflate;

/* Takes bytes that were unpacked, which live during the call; anything but OK ends the reading with that status. */
typedef enum hdx_status hdx_inflate_sink(void *user, const char *data, size_t size, struct hdx_error *error);

/* INTERNAL: ISA-L is missing; MEMORY. */
enum hdx_status hdx_inflate_open(hdx_inflate_sink *sink, void *user, struct hdx_inflate **inflate,
                                 struct hdx_error *error);
void hdx_inflate_close(struct hdx_inflate *inflate);

/* Begins a file: its first stream, and the measure of its growth. */
void hdx_inflate_reset(struct hdx_inflate *inflate);
/* Begins another stream of the same file. */
void hdx_inflate_next(struct hdx_inflate *inflate);

/* How far a stream has come. */
struct hdx_inflate_progress {
  uint64_t taken; /* bytes of the stream */
  uint64_t made;  /* bytes that it held */
  uint32_t crc;   /* of these */
  bool ended;
  /* Bytes behind the stream's end that were read with it; they may be of an earlier call's. */
  size_t rest_size;
  char rest[HDX_INFLATE_REST_MAX];
};

/* The stream's next bytes. *used is how many were read: all of them, unless the stream ends here. INTEGRITY: no such
 * stream, or a bomb; the sink's. */
enum hdx_status hdx_inflate_feed(struct hdx_inflate *inflate, const char *data, size_t size, size_t *used,
                                 struct hdx_error *error);
/* Bytes that are not compressed, taken and handed on as those of a stream. */
enum hdx_status hdx_inflate_copy(struct hdx_inflate *inflate, const char *data, size_t size, struct hdx_error *error);

const struct hdx_inflate_progress *hdx_inflate_progress(const struct hdx_inflate *inflate);

/* CRC-32 as zip and gzip have it, continued from that of the bytes before (0: none). ISA-L is loaded already. */
uint32_t hdx_inflate_crc(uint32_t crc, const void *data, size_t size);

#endif
