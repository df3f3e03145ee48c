/* What unpacking a file gave, in any cut; for the tests of unpack and the fuzzer. */
#ifndef TESTS_UNIT_PARSE_UNPACKED_H
#define TESTS_UNIT_PARSE_UNPACKED_H

#include "base/buffer.h"
#include "parse/unpack.h"

#include <stdint.h>
#include <stdlib.h>

#define UNPACKED_BYTES_MAX ((size_t)256 << 20)

struct unpacked {
  struct hdx_unpack *unpack;
  struct hdx_buffer bytes;
  size_t chunks, chunk_max; /* that came */
  enum hdx_status status, refuse;
  struct hdx_error error;
};

static inline enum hdx_status unpacked_take(void *user, const char *data, size_t size, struct hdx_error *error) {
  struct unpacked *unpacked = user;
  (void)error;
  hdx_buffer_append(&unpacked->bytes, data, size);
  unpacked->chunks++;
  unpacked->chunk_max = size > unpacked->chunk_max ? size : unpacked->chunk_max;
  return unpacked->refuse;
}

static inline void unpacked_open(struct unpacked *unpacked) {
  *unpacked = (struct unpacked){.status = HDX_OK};
  hdx_buffer_init(&unpacked->bytes, UNPACKED_BYTES_MAX);
  if (hdx_unpack_open(unpacked_take, unpacked, &unpacked->unpack, NULL) != HDX_OK)
    abort();
}

static inline void unpacked_close(struct unpacked *unpacked) {
  hdx_unpack_close(unpacked->unpack);
  hdx_buffer_deinit(&unpacked->bytes);
}

/* Unpacks a file, in pieces that begin at the cuts, each of them a copy of just its size, so that a read beyond it is
 * found out. */
static inline void unpacked_run(struct unpacked *unpacked, const char *data, size_t size, const size_t *cuts,
                                size_t count) {
  hdx_unpack_reset(unpacked->unpack);
  hdx_buffer_clear(&unpacked->bytes);
  unpacked->chunks = unpacked->chunk_max = 0;
  unpacked->status = HDX_OK;
  unpacked->error = (struct hdx_error){.status = HDX_OK};
  size_t from = 0;
  for (size_t i = 0; i <= count && unpacked->status == HDX_OK; i++) {
    size_t to = i < count ? cuts[i] : size;
    char *piece = malloc(to - from + (to == from));
    if (!piece)
      abort();
    memcpy(piece, data + from, to - from);
    unpacked->status = hdx_unpack_feed(unpacked->unpack, piece, to - from, &unpacked->error);
    free(piece);
    from = to;
  }
  if (unpacked->status == HDX_OK)
    unpacked->status = hdx_unpack_finish(unpacked->unpack, &unpacked->error);
}

#endif
