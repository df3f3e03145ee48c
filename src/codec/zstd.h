/* zstd behind the project's names: contexts that are reused, sizes that are known before. The only file that knows zstd
 * is zstd.c. One thread at a time for a context. */
#ifndef HDX_CODEC_ZSTD_H
#define HDX_CODEC_ZSTD_H

#include "base/buffer.h"

struct hdx_zstd; /* both directions, made when first needed */

/* NULL if out of memory. */
struct hdx_zstd *hdx_zstd_create(void);
void hdx_zstd_free(struct hdx_zstd *zstd); /* NULL is allowed */

/* Appends one frame without checksum and content size. MEMORY, LIMIT (of the buffer). */
enum hdx_status hdx_zstd_compress(struct hdx_zstd *zstd, struct hdx_text bytes, int level, struct hdx_buffer *out,
                                  struct hdx_error *error);

/* Fills exactly `size` bytes. INTEGRITY: not a frame, or of another size. */
enum hdx_status hdx_zstd_decompress(struct hdx_zstd *zstd, struct hdx_text frame, void *out, size_t size,
                                    struct hdx_error *error);

/* Of the library in use; static. */
const char *hdx_zstd_version(void);

#endif
