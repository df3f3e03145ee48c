/* Columns of integers to few bytes and back: one codec for every number of a snapshot, be it a time, a size, a version
 * or the number of a template. Pure.
 *
 *   stream   tag u8 | if the tag has bit 4: first signed varint | body
 *            of 1 to 65,536 values, a number that the reader knows beforehand, as it does the bytes of the stream
 *     tag      bits 0-3: the body's kind; bit 4: predictor DELTA, the others 0
 *              without DELTA the residuals are the values. With it (2 values and more) `first` is the first value and
 *              residual i is value i + 1 less value i, so that there is one fewer. All arithmetic is modulo 2^64.
 *     body
 *       0 CONSTANT  value signed varint
 *                   all residuals are it
 *       1 PACKED    least signed varint | unit varint | widths | bits
 *                   residual = least + unit * q, q of as many bits as its group of 256 has as width
 *         widths      one byte 0 to 64, the width of every group; or the byte 255, then one byte for each group
 *         bits        of each q the lowest first; each group ends with zeros up to a byte's end, and no more follows
 *       2 SYMBOLS   centre signed varint | unit varint | form u8 | levels | bytes | bits
 *                   residual = centre + unit * (level + q). A number u >= 0 stands for q: form's bit 7 tells which;
 *                   0: q = u; 1: folded, that is u = 2 q for q >= 0 and -2 q - 1 for q < 0. Form's bits 0-3 are k, 2
 *                   to 7; bits 4 and 5 are 0. u below 2^(k+1) is the symbol u; else, with e + k + 1 bits, it is
 *                   the symbol (e << k) + (u >> e), and its e lowest bits go to `bits`. One symbol for each residual,
 *                   in `bytes`.
 *         levels      only with form's bit 6; without it each level is 0: size varint | that many bytes: a stream of
 *                     the level of each 128 residuals, itself neither SPARSE nor SPLIT and without levels
 *         bits        one behind the other, the lowest first, zeros up to the last byte's end: the stream's rest
 *       3 NAMED     number of names less 1 u8 | names | bytes
 *                   residual = name[byte]. names: the least as signed varint, then of each the varint of its
 *                   difference (1 or more) to the one before. (Few values far apart: wavelengths.)
 *       4 SPARSE    value signed varint | exceptions varint (1 to residuals less 1) | size varint of `places` |
 *                   places | values
 *                   all residuals are `value` but for the exceptions. places: stream of how many rows lie between an
 *                   exception and the one before (the stream's beginning); values: stream of their residuals. Neither
 *                   is SPARSE itself or has levels; as written, neither has a predictor.
 *       5 SPLIT     unit varint, 2 or more | size varint of `quotients` | quotients | remainders
 *                   residual = unit * quotient + remainder. Both are streams of as many numbers, neither SPARSE nor
 *                   SPLIT and without levels; as written, without a predictor. (A unit that most values keep, but not
 *                   all.)
 *   bytes    size varint | that many bytes: one zstd frame of the bytes, or, where size is their number, these
 *   unit     1 or more
 *
 * The cadence of an observation and the blocks of a FITS file become the unit by themselves. Symbols are bell-shaped
 * noise cut into buckets that are narrow where values are frequent; zstd's Huffman coder takes them to their entropy
 * and its matches take runs. SPARSE is for clocks that rarely miss: its rows are known without those between. */
#ifndef HDX_CODEC_INTS_H
#define HDX_CODEC_INTS_H

#include "codec/zstd.h"

enum { HDX_INTS_MAX = 65536, HDX_INTS_GROUP = 256, HDX_INTS_GROUPS_MAX = HDX_INTS_MAX / HDX_INTS_GROUP };

enum hdx_ints_body {
  HDX_INTS_CONSTANT,
  HDX_INTS_PACKED,
  HDX_INTS_SYMBOLS,
  HDX_INTS_NAMED,
  HDX_INTS_SPARSE,
  HDX_INTS_SPLIT
};
enum { HDX_INTS_BODIES = HDX_INTS_SPLIT + 1 };
enum { HDX_INTS_BODY = 0x0f, HDX_INTS_DELTA = 0x10 };
enum { HDX_INTS_MANTISSA = 0x0f, HDX_INTS_LEVELS = 0x40, HDX_INTS_FOLDED = 0x80, HDX_INTS_LEVEL_GROUP = 128 };

/* ---- writing ---- */

/* What was found for the last column of a kind: it is tried first for the next one. Zeroed: nothing is known. */
struct hdx_ints_habit {
  uint8_t tag, form, level;
  bool known;
  uint32_t cost;   /* bytes for 1,024 values, when it was found */
  uint64_t unit;   /* of SPLIT */
  uint32_t values; /* of the column that it was found for: one longer by a quarter is looked at anew */
};

enum { HDX_INTS_NAMES_MAX = 256, HDX_INTS_LEVELS_MAX = HDX_INTS_MAX / HDX_INTS_LEVEL_GROUP };

/* Scratch of one thread, kept from column to column. */
struct hdx_ints_encoder {
  struct hdx_zstd *zstd; /* the caller's */
  int64_t *numbers;      /* residuals, places, values, what symbols stand for, quotients, remainders: capacity each */
  uint8_t *symbols;      /* two runs of capacity */
  int64_t names[HDX_INTS_NAMES_MAX], levels[HDX_INTS_LEVELS_MAX]; /* of the last plan that has them */
  size_t capacity;
  int level;     /* of zstd for the stream in the making; 0: not known yet */
  bool thorough; /* the caller's: what is found will serve for more blocks, so that trying may take long */
};

void hdx_ints_encoder_init(struct hdx_ints_encoder *encoder, struct hdx_zstd *zstd);
void hdx_ints_encoder_deinit(struct hdx_ints_encoder *encoder);

/* Appends the stream of 1 to HDX_INTS_MAX values. `habit` (or NULL) is tried first and brought up to date. MEMORY,
 * LIMIT (the buffer's). */
enum hdx_status hdx_ints_encode(struct hdx_ints_encoder *encoder, const int64_t *values, size_t count,
                                struct hdx_ints_habit *habit, struct hdx_buffer *out, struct hdx_error *error);

/* ---- reading ---- */

/* A stream that is read: views into its bytes, and memory of its own that is kept when it is opened again. */
struct hdx_ints {
  uint8_t tag;
  size_t count, residuals;
  int64_t first, base; /* base: value, least, centre */
  uint64_t unit;
  const uint8_t *widths; /* of each group, or NULL: `width` of all */
  uint8_t width, form;
  const uint8_t *symbols; /* one for each residual */
  const uint8_t *bits;
  size_t bits_size;
  int64_t levels[HDX_INTS_LEVELS_MAX];
  int64_t names[256];
  size_t exceptions;
  int64_t *places, *values; /* of exceptions: the residual's number, what it is; of SPLIT: quotients, remainders */
  void *memory;
  size_t capacity;
};

void hdx_ints_init(struct hdx_ints *ints);
void hdx_ints_deinit(struct hdx_ints *ints);

/* Looks at a stream of `count` values (1 to HDX_INTS_MAX) that has exactly `size` bytes. INTEGRITY, MEMORY. */
enum hdx_status hdx_ints_open(struct hdx_ints *ints, struct hdx_zstd *zstd, const void *data, size_t size, size_t count,
                              struct hdx_error *error);

/* Writes values [from, to) to out[0 …]. With DELTA, what lies before `from` is summed up on the way; out has room for
 * `to` values then. */
void hdx_ints_read(const struct hdx_ints *ints, size_t from, size_t to, int64_t *out);

/* Whether all values of an opened stream are the same; which. */
static inline bool hdx_ints_constant(const struct hdx_ints *ints, int64_t *value) {
  *value = ints->base;
  return ints->tag == HDX_INTS_CONSTANT;
}

/* Opens and reads all of a stream. */
enum hdx_status hdx_ints_decode(struct hdx_ints *ints, struct hdx_zstd *zstd, const void *data, size_t size,
                                size_t count, int64_t *out, struct hdx_error *error);

/* "constant", "packed" … of a stream's tag; static. */
const char *hdx_ints_body_name(uint8_t tag);

#endif
