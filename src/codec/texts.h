/* Columns of texts to few bytes and back: each text shares a beginning and an end with the one before it; what is left
 * in the middle goes through zstd. Pure.
 *
 *   column   tag u8 | fields of the tag
 *     0      CONSTANT: the rest of the column is the text; all texts are it
 *     1      SHARED: widths u8 | if the lengths are constant: length varint | middle size varint | stored u8 | the rest
 *     widths   bits 0-1 of the prefixes, 2-3 of the suffixes, 4-5 of the lengths: 0 none, 1, 2, 3 = 1, 2, 4 bytes each.
 *              None means that all prefixes (suffixes) are 0, or that all lengths are the constant one
 *     stored   0: the rest is the raw bytes; 1: it is one zstd frame of them
 *     raw      prefix of each text | suffix of each text | length of each text | for each group of 256 texts but the
 *              first: u32, where its bytes begin in the middle | middle
 *              its size follows from the number of texts and the fields above
 *   Text i is the first `prefix` bytes of its reference, then length - prefix - suffix bytes of the middle, then the
 *   last `suffix` bytes of the reference. The reference is the text before it; of a group's first text the column's
 *   first text, which itself has neither prefix nor suffix. So a group can be read without those before it.
 *
 * The file names of a regular observation differ in a digit or two from row to row, far from both ends. */
#ifndef HDX_CODEC_TEXTS_H
#define HDX_CODEC_TEXTS_H

#include "codec/zstd.h"

enum { HDX_TEXTS_MAX = 65536, HDX_TEXTS_GROUP = 256 };

#define HDX_TEXT_BYTES_MAX (1u << 20)    /* of one text */
#define HDX_TEXTS_BYTES_MAX (256u << 20) /* of all texts of a column, and of its raw bytes */

/* Bytes that hdx_texts_read may write behind the texts, and read behind them. */
enum { HDX_TEXTS_SLACK = 64 };

struct hdx_texts_encoder {
  struct hdx_zstd *zstd; /* the caller's */
  uint32_t *lengths;     /* prefix, suffix, length of each text */
  size_t capacity;       /* of them, in texts */
  struct hdx_buffer raw;
};

void hdx_texts_encoder_init(struct hdx_texts_encoder *encoder, struct hdx_zstd *zstd);
void hdx_texts_encoder_deinit(struct hdx_texts_encoder *encoder);

/* Appends the column of 1 to HDX_TEXTS_MAX texts. LIMIT: a text or all of them are too large; MEMORY. */
enum hdx_status hdx_texts_encode(struct hdx_texts_encoder *encoder, const struct hdx_text *texts, size_t count,
                                 struct hdx_buffer *out, struct hdx_error *error);

/* A column that is read. Owns its raw bytes, keeps that memory when it is opened again; otherwise views. */
struct hdx_texts {
  bool constant;
  size_t count;
  struct hdx_text value; /* of all texts, or the first one */
  const uint8_t *prefixes, *suffixes, *lengths, *groups;
  uint8_t prefix_width, suffix_width, length_width;
  size_t length; /* of all texts where length_width is 0 */
  const char *middle;
  size_t middle_size;
  char *raw;
  size_t raw_capacity;
};

void hdx_texts_init(struct hdx_texts *texts);
void hdx_texts_deinit(struct hdx_texts *texts);

/* Looks at a column of `count` texts that has exactly `size` bytes. INTEGRITY, MEMORY. */
enum hdx_status hdx_texts_open(struct hdx_texts *texts, struct hdx_zstd *zstd, const void *data, size_t size,
                               size_t count, struct hdx_error *error);

/* Bytes of texts [from, to), which lie in one group; `from` is its first. INTEGRITY: a text of more than
 * HDX_TEXT_BYTES_MAX. */
enum hdx_status hdx_texts_size(const struct hdx_texts *texts, size_t from, size_t to, size_t *bytes,
                               struct hdx_error *error);

/* Decodes texts [from, to) as above to out[0 …]; their bytes go to `memory`, which has room for hdx_texts_size and
 * HDX_TEXTS_SLACK more (views of a constant column go into the column). INTEGRITY. */
enum hdx_status hdx_texts_read(const struct hdx_texts *texts, size_t from, size_t to, struct hdx_text *out,
                               char *memory, struct hdx_error *error);

#endif
