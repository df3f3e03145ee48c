/* The column of times of a block: starts and stops, which follow from one another, to bytes and back. (The bytes:
 * snapshot/format.h.) */
#ifndef HDX_SNAPSHOT_TIMES_H
#define HDX_SNAPSHOT_TIMES_H

#include "codec/ints.h"
#include "snapshot/format.h"

/* What worked for the last block. Zeroed: nothing is known. */
struct hdx_times_habit {
  bool known;
  uint8_t kind;
  uint32_t cost; /* bytes for 1,024 rows, when it was found */
  uint32_t rows; /* of that block: one longer by a quarter is looked at anew */
  struct hdx_ints_habit start, day, of_day, gap, stop, stop_of_day;
};

struct hdx_times_encoder {
  struct hdx_ints_encoder *ints; /* the caller's */
  int64_t *numbers;              /* two runs of capacity */
  size_t capacity;
  struct hdx_buffer starts, stops; /* the cheapest found so far */
  struct hdx_buffer trial, stream; /* scratch */
};

void hdx_times_encoder_init(struct hdx_times_encoder *encoder, struct hdx_ints_encoder *ints);
void hdx_times_encoder_deinit(struct hdx_times_encoder *encoder);

/* Appends the column of `count` rows, sorted by start; a missing stop is HDX_TIME_NONE. `flags` are the block's
 * (NO_STOP, SOME_STOPS). MEMORY, LIMIT. */
enum hdx_status hdx_times_encode(struct hdx_times_encoder *encoder, struct hdx_times_habit *habit, const int64_t *start,
                                 const int64_t *stop, size_t count, uint8_t flags, struct hdx_buffer *out,
                                 struct hdx_error *error);

/* Decodes it; start and stop have room for `count` values, and so has scratch. INTEGRITY, MEMORY. */
enum hdx_status hdx_times_decode(struct hdx_ints *ints, struct hdx_zstd *zstd, const void *data, size_t size,
                                 size_t count, uint8_t flags, int64_t *start, int64_t *stop, int64_t *scratch,
                                 struct hdx_error *error);

/* Appends how it is written, in words: "starts delta sparse, stops duration constant". */
void hdx_times_describe(const void *data, size_t size, uint8_t flags, struct hdx_buffer *out);

#endif
