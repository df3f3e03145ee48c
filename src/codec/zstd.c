/* Source: zstd's manual, "Explicit context" and "Advanced compression API". */
#include "codec/zstd.h"

#include "base/error.h"

#include <stdlib.h>
#include <zstd.h>

struct hdx_zstd {
  ZSTD_CCtx *pack;
  ZSTD_DCtx *unpack;
};

struct hdx_zstd *hdx_zstd_create(void) {
  return calloc(1, sizeof(struct hdx_zstd));
}

void hdx_zstd_free(struct hdx_zstd *zstd) {
  if (!zstd)
    return;
  ZSTD_freeCCtx(zstd->pack);
  ZSTD_freeDCtx(zstd->unpack);
  free(zstd);
}

enum hdx_status hdx_zstd_compress(struct hdx_zstd *zstd, struct hdx_text bytes, int level, struct hdx_buffer *out,
                                  struct hdx_error *error) {
  if (!zstd->pack) {
    zstd->pack = ZSTD_createCCtx();
    if (!zstd->pack)
      return hdx_error_set(error, HDX_MEMORY, "out of memory: no room for a compressor");
    ZSTD_CCtx_setParameter(zstd->pack, ZSTD_c_contentSizeFlag, 0);
  }
  ZSTD_CCtx_setParameter(zstd->pack, ZSTD_c_compressionLevel, level);
  size_t room = ZSTD_compressBound(bytes.size);
  char *to = hdx_buffer_reserve(out, room);
  if (!to)
    return hdx_buffer_status(out, "compressed bytes", error);
  size_t size = ZSTD_compress2(zstd->pack, to, room, bytes.data, bytes.size);
  if (ZSTD_isError(size))
    return hdx_error_set(error, HDX_MEMORY, "cannot compress %zu bytes: %s", bytes.size, ZSTD_getErrorName(size));
  out->size += size;
  return HDX_OK;
}

enum hdx_status hdx_zstd_decompress(struct hdx_zstd *zstd, struct hdx_text frame, void *out, size_t size,
                                    struct hdx_error *error) {
  if (!zstd->unpack && !(zstd->unpack = ZSTD_createDCtx()))
    return hdx_error_set(error, HDX_MEMORY, "out of memory: no room for a decompressor");
  size_t got = ZSTD_decompressDCtx(zstd->unpack, out, size, frame.data, frame.size);
  if (ZSTD_isError(got))
    return hdx_error_set(error, HDX_INTEGRITY, "compressed bytes: %s", ZSTD_getErrorName(got));
  if (got != size)
    return hdx_error_set(error, HDX_INTEGRITY, "compressed bytes: %zu were expected, %zu found", size, got);
  return HDX_OK;
}

const char *hdx_zstd_version(void) {
  return ZSTD_versionString();
}
