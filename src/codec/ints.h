/* Columns of integers to few bytes and back: a predictor, then the least residual subtracted and the rest divided by
 * its greatest common divisor, then packed to as many bits as each group of 256 residuals needs. Pure.
 *
 *   column   tag u8 | fields of the tag
 *     0      CONSTANT: value signed varint
 *            all values are it
 *     1      PACKED: min signed varint | gcd varint | widths | body
 *            the residuals are the values
 *     2      DELTA: first signed varint | min signed varint | gcd varint | widths | body
 *            residual i is value i + 1 less value i: one fewer than values
 *   residual = min + gcd * bits, all arithmetic modulo 2^64. gcd is not 0.
 *   widths   one byte 0 to 64, the width of every group; or the byte 255, then one byte for each group
 *   body     the bits of each residual, the lowest first, each group beginning at a byte; no padding behind the last
 *
 * The time cadence and the units of file sizes become the gcd by themselves. A group is small, so that a gap in the
 * cadence widens few rows, and a group can be read without those before it (but for DELTA). */
#ifndef HDX_CODEC_INTS_H
#define HDX_CODEC_INTS_H

#include "base/buffer.h"

enum { HDX_INTS_MAX = 65536, HDX_INTS_GROUP = 256, HDX_INTS_GROUPS_MAX = HDX_INTS_MAX / HDX_INTS_GROUP };

enum hdx_ints_tag { HDX_INTS_CONSTANT, HDX_INTS_PACKED, HDX_INTS_DELTA };

/* How a column would be written, and how large it would be. */
struct hdx_ints_plan {
  enum hdx_ints_tag tag;
  const int64_t *residuals; /* the values, or the caller's scratch */
  size_t count;             /* of residuals */
  int64_t first, min;       /* min is the value of CONSTANT */
  uint64_t gcd;
  uint8_t widths[HDX_INTS_GROUPS_MAX];
  size_t bytes; /* of the column, at the most */
};

/* Plans for 1 to HDX_INTS_MAX values; what they point to must live until the plan is written. */
void hdx_ints_plan(const int64_t *values, size_t count, struct hdx_ints_plan *plan);
/* The same with the predictor DELTA; scratch has room for count values. */
void hdx_ints_plan_delta(const int64_t *values, size_t count, int64_t *scratch, struct hdx_ints_plan *plan);

/* Appends the column. Errors are the buffer's. */
void hdx_ints_write(const struct hdx_ints_plan *plan, struct hdx_buffer *out);

/* A column that is read; views into its bytes. */
struct hdx_ints {
  enum hdx_ints_tag tag;
  size_t count;
  int64_t first, min;
  uint64_t gcd;
  const uint8_t *widths; /* of each group, or NULL: `width` of all */
  uint8_t width;
  const uint8_t *body;
  size_t body_size;
};

/* Looks at a column of `count` values (1 to HDX_INTS_MAX) that has exactly `size` bytes. INTEGRITY. */
enum hdx_status hdx_ints_open(struct hdx_ints *ints, const void *data, size_t size, size_t count,
                              struct hdx_error *error);

/* Writes values [from, to) to out[0 …]. `from` is a multiple of HDX_INTS_GROUP; with DELTA everything before `to` is
 * decoded on the way, and out has room for `to` values: value i is at out[i - from] afterwards. */
void hdx_ints_read(const struct hdx_ints *ints, size_t from, size_t to, int64_t *out);

#endif
