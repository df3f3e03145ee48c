/* Checksums that find accidents (not attacks): XXH3, 64 bits. The only file that knows xxhash is hash.c. */
#ifndef HDX_CODEC_HASH_H
#define HDX_CODEC_HASH_H

#include "base/text.h"

uint64_t hdx_hash(const void *data, size_t size);

/* Of the parts one behind the other. */
uint64_t hdx_hash_parts(const struct hdx_text *parts, size_t count);

/* Of the library that it was built with, "0.8.1"; static. */
const char *hdx_hash_version(void);

#endif
