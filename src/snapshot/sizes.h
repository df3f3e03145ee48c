/* The column of sizes of a block to bytes and back. (The bytes: snapshot/format.h.) */
#ifndef HDX_SNAPSHOT_SIZES_H
#define HDX_SNAPSHOT_SIZES_H

#include "codec/ints.h"
#include "snapshot/format.h"

/* What worked for the last block. Zeroed: nothing is known. */
struct hdx_sizes_habit {
  bool known;
  uint8_t kind;
  uint32_t cost; /* bytes for 1,024 rows, when it was found */
  uint32_t rows; /* of that block: one longer by a quarter is looked at anew */
  struct hdx_ints_habit plain, by_duration;
};

/* The rows' times tell durations where all have a stop (`stop` NULL: none has, or some lack it). `scratch` has room for
 * `count` numbers, `trial` is a buffer to try in. MEMORY, LIMIT. */
enum hdx_status hdx_sizes_encode(struct hdx_ints_encoder *ints, struct hdx_sizes_habit *habit, const int64_t *size,
                                 const int64_t *start, const int64_t *stop, size_t count, size_t missing,
                                 int64_t *scratch, struct hdx_buffer *trial, struct hdx_buffer *out,
                                 struct hdx_error *error);

/* Decodes the sizes of rows[0 … selected), ascending, to out[0 …]; start and stop are of all `count` rows, and scratch
 * has room for as many. INTEGRITY, MEMORY. */
enum hdx_status hdx_sizes_decode(struct hdx_ints *ints, struct hdx_zstd *zstd, const void *data, size_t size,
                                 const int64_t *start, const int64_t *stop, size_t count, const uint32_t *rows,
                                 size_t selected, int64_t *out, int64_t *scratch, struct hdx_error *error);

/* Appends how it is written, in words: "by duration, symbols". */
void hdx_sizes_describe(const void *data, size_t size, struct hdx_buffer *out);

#endif
