#include "codec/texts.h"

#include "base/error.h"
#include "codec/bytes.h"

#include <assert.h>
#include <stdlib.h>

enum { TAG_CONSTANT, TAG_SHARED };
enum { STORED_RAW, STORED_ZSTD };
enum { ZSTD_LEVEL = 1 }; /* as small as 9 on what is left here */

static const uint8_t width_bytes[4] = {0, 1, 2, 4};

/* ---- writing ---- */

void hdx_texts_encoder_init(struct hdx_texts_encoder *encoder, struct hdx_zstd *zstd) {
  *encoder = (struct hdx_texts_encoder){.zstd = zstd};
  hdx_buffer_init(&encoder->raw, (size_t)HDX_TEXTS_BYTES_MAX + 16 * HDX_TEXTS_MAX);
}

void hdx_texts_encoder_deinit(struct hdx_texts_encoder *encoder) {
  free(encoder->lengths);
  hdx_buffer_deinit(&encoder->raw);
}

/* How many of the first n bytes are the same. */
static inline size_t common_prefix(const char *a, const char *b, size_t n) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t differ = hdx_load_u64(a + i) ^ hdx_load_u64(b + i);
    if (differ)
      return i + (unsigned)__builtin_ctzll(differ) / 8;
  }
  while (i < n && a[i] == b[i])
    i++;
  return i;
}

/* How many of the n bytes before the ends are the same. */
static inline size_t common_suffix(const char *a_end, const char *b_end, size_t n) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t differ = hdx_load_u64(a_end - i - 8) ^ hdx_load_u64(b_end - i - 8);
    if (differ)
      return i + (unsigned)__builtin_clzll(differ) / 8;
  }
  while (i < n && a_end[-(ptrdiff_t)i - 1] == b_end[-(ptrdiff_t)i - 1])
    i++;
  return i;
}

/* What is known of a column before its lengths are written. */
struct shape {
  uint32_t prefix_bits, suffix_bits, length_bits; /* set in any of them */
  uint32_t length_common;                         /* set in all of them: equal to length_bits if lengths are constant */
  size_t middle;
};

/* Finds what each text shares with its reference. False: every text is the first one. */
static bool share(const struct hdx_text *texts, size_t count, uint32_t *prefix, uint32_t *suffix, uint32_t *length,
                  struct shape *shape) {
  size_t first = texts[0].size, middle = first;
  struct shape all = {.length_bits = (uint32_t)first, .length_common = (uint32_t)first};
  bool varies = false;
  prefix[0] = suffix[0] = 0;
  length[0] = (uint32_t)first;
  for (size_t i = 1; i < count; i++) {
    struct hdx_text text = texts[i], last = texts[i % HDX_TEXTS_GROUP ? i - 1 : 0];
    size_t n = text.size < last.size ? text.size : last.size;
    size_t p = common_prefix(text.data, last.data, n);
    size_t s = common_suffix(text.data + text.size, last.data + last.size, n - p);
    varies |= p != text.size || text.size != last.size;
    prefix[i] = (uint32_t)p;
    suffix[i] = (uint32_t)s;
    length[i] = (uint32_t)text.size;
    all.prefix_bits |= (uint32_t)p;
    all.suffix_bits |= (uint32_t)s;
    all.length_bits |= (uint32_t)text.size;
    all.length_common &= (uint32_t)text.size;
    middle += text.size - p - s;
  }
  all.middle = middle;
  *shape = all;
  return varies;
}

static unsigned width_code(uint32_t bits) {
  return bits == 0 ? 0 : bits < 256 ? 1 : bits < 65536 ? 2 : 3;
}

static char *put_numbers(const uint32_t *numbers, size_t count, unsigned code, char *out) {
  if (code == 1)
    for (size_t i = 0; i < count; i++)
      out[i] = (char)numbers[i];
  else if (code == 2)
    for (size_t i = 0; i < count; i++) {
      out[2 * i] = (char)numbers[i];
      out[2 * i + 1] = (char)(numbers[i] >> 8);
    }
  else if (code == 3)
    for (size_t i = 0; i < count; i++)
      hdx_store_u32(out + 4 * i, numbers[i]);
  return out + count * width_bytes[code];
}

/* Copies the middles one behind the other and notes where the groups begin. `out` has HDX_TEXTS_SLACK bytes to spare.
 */
static char *put_middles(const struct hdx_text *texts, size_t count, const uint32_t *prefix, const uint32_t *suffix,
                         char *groups, char *out) {
  const char *begin = out;
  for (size_t i = 0; i < count; i++) {
    if (i % HDX_TEXTS_GROUP == 0 && i > 0) {
      hdx_store_u32(groups, (uint32_t)(out - begin));
      groups += 4;
    }
    struct hdx_text text = texts[i];
    const char *from = text.data + prefix[i];
    size_t size = text.size - prefix[i] - suffix[i];
    /* Mostly a few bytes in the middle of a long text: one copy of fixed size that stays inside it is the fastest. */
    if (size <= 16 && text.size - prefix[i] >= 16)
      memcpy(out, from, 16);
    else if (size)
      memcpy(out, from, size);
    out += size;
  }
  return out;
}

static enum hdx_status check_sizes(const struct hdx_text *texts, size_t count, struct hdx_error *error) {
  size_t total = 0, longest = 0;
  for (size_t i = 0; i < count; i++) {
    longest |= texts[i].size;
    total += texts[i].size & (2 * (size_t)HDX_TEXT_BYTES_MAX - 1);
  }
  if (longest <= HDX_TEXT_BYTES_MAX && total <= HDX_TEXTS_BYTES_MAX)
    return HDX_OK;
  for (size_t i = 0; i < count; i++)
    if (texts[i].size > HDX_TEXT_BYTES_MAX)
      return hdx_error_set(error, HDX_LIMIT, "a text of %zu bytes, at most %u are possible", texts[i].size,
                           HDX_TEXT_BYTES_MAX);
  if (total <= HDX_TEXTS_BYTES_MAX)
    return HDX_OK;
  return hdx_error_set(error, HDX_LIMIT, "%zu bytes of text in one block, at most %u are possible", total,
                       HDX_TEXTS_BYTES_MAX);
}

static enum hdx_status grow(struct hdx_texts_encoder *encoder, size_t count, struct hdx_error *error) {
  if (count <= encoder->capacity)
    return HDX_OK;
  uint32_t *lengths = realloc(encoder->lengths, count * 3 * sizeof *lengths);
  if (!lengths)
    return hdx_error_memory(error, count * 3 * sizeof *lengths);
  encoder->lengths = lengths;
  encoder->capacity = count;
  return HDX_OK;
}

/* Appends the raw bytes or a frame of them, whichever is smaller. */
static enum hdx_status store(struct hdx_texts_encoder *encoder, struct hdx_buffer *out, struct hdx_error *error) {
  struct hdx_text raw = hdx_buffer_text(&encoder->raw);
  size_t at = out->size;
  hdx_buffer_append_byte(out, STORED_ZSTD);
  if (out->status != HDX_OK)
    return hdx_buffer_status(out, "block", error);
  enum hdx_status status = hdx_zstd_compress(encoder->zstd, raw, ZSTD_LEVEL, out, error);
  if (status != HDX_OK || out->size - at <= raw.size)
    return status;
  out->size = at;
  hdx_buffer_append_byte(out, STORED_RAW);
  hdx_buffer_append_text(out, raw);
  return hdx_buffer_status(out, "block", error);
}

enum hdx_status hdx_texts_encode(struct hdx_texts_encoder *encoder, const struct hdx_text *texts, size_t count,
                                 struct hdx_buffer *out, struct hdx_error *error) {
  assert(count > 0 && count <= HDX_TEXTS_MAX);
  enum hdx_status status = check_sizes(texts, count, error);
  if (status == HDX_OK)
    status = grow(encoder, count, error);
  if (status != HDX_OK)
    return status;
  uint32_t *prefix = encoder->lengths, *suffix = prefix + count, *length = suffix + count;
  struct shape shape;
  if (!share(texts, count, prefix, suffix, length, &shape)) {
    hdx_buffer_append_byte(out, TAG_CONSTANT);
    hdx_buffer_append_text(out, texts[0]);
    return hdx_buffer_status(out, "block", error);
  }
  unsigned p = width_code(shape.prefix_bits), s = width_code(shape.suffix_bits);
  unsigned l = shape.length_bits == shape.length_common ? 0 : width_code(shape.length_bits);
  hdx_buffer_append_byte(out, TAG_SHARED);
  hdx_buffer_append_byte(out, (char)(p | s << 2 | l << 4));
  if (l == 0)
    hdx_put_varint(out, shape.length_bits);
  hdx_put_varint(out, shape.middle);

  size_t groups = (count - 1) / HDX_TEXTS_GROUP;
  size_t size = count * (size_t)(width_bytes[p] + width_bytes[s] + width_bytes[l]) + groups * 4 + shape.middle;
  hdx_buffer_clear(&encoder->raw);
  char *raw = hdx_buffer_reserve(&encoder->raw, size + HDX_TEXTS_SLACK);
  if (!raw)
    return hdx_buffer_status(&encoder->raw, "texts of a block", error);
  raw = put_numbers(prefix, count, p, raw);
  raw = put_numbers(suffix, count, s, raw);
  raw = put_numbers(length, count, l, raw);
  raw = put_middles(texts, count, prefix, suffix, raw, raw + groups * 4);
  assert(raw == encoder->raw.data + size);
  encoder->raw.size = size;
  return store(encoder, out, error);
}

/* ---- reading ---- */

void hdx_texts_init(struct hdx_texts *texts) {
  *texts = (struct hdx_texts){.constant = true};
}

void hdx_texts_deinit(struct hdx_texts *texts) {
  free(texts->raw);
  hdx_texts_init(texts);
}

static enum hdx_status broken(struct hdx_error *error, const char *what) {
  return hdx_error_set(error, HDX_INTEGRITY, "texts: %s", what);
}

static inline size_t number_at(const uint8_t *numbers, unsigned width, size_t i) {
  switch (width) {
  case 1:
    return numbers[i];
  case 2:
    return numbers[2 * i] | (size_t)numbers[2 * i + 1] << 8;
  case 4:
    return hdx_load_u32(numbers + 4 * i);
  default:
    return 0;
  }
}

static inline size_t length_at(const struct hdx_texts *texts, size_t i) {
  return texts->length_width ? number_at(texts->lengths, texts->length_width, i) : texts->length;
}

/* Where group g's bytes begin in the middle. */
static size_t group_at(const struct hdx_texts *texts, size_t g) {
  if (g == 0)
    return 0;
  return g * HDX_TEXTS_GROUP < texts->count ? hdx_load_u32(texts->groups + 4 * (g - 1)) : texts->middle_size;
}

/* Room for the raw bytes and as much behind them as copies of fixed size may touch. */
static enum hdx_status make_room(struct hdx_texts *texts, size_t size, struct hdx_error *error) {
  size += HDX_TEXTS_SLACK;
  if (size <= texts->raw_capacity)
    return HDX_OK;
  char *raw = realloc(texts->raw, size);
  if (!raw)
    return hdx_error_memory(error, size);
  texts->raw = raw;
  texts->raw_capacity = size;
  return HDX_OK;
}

static enum hdx_status open_raw(struct hdx_texts *texts, struct hdx_zstd *zstd, struct hdx_bytes *in, size_t size,
                                struct hdx_error *error) {
  uint8_t stored = hdx_get_u8(in);
  if (in->bad || stored > STORED_ZSTD)
    return broken(error, "an unknown way of storing");
  enum hdx_status status = make_room(texts, size, error);
  if (status != HDX_OK)
    return status;
  struct hdx_text rest = {(const char *)in->at, hdx_bytes_left(in)};
  if (stored == STORED_ZSTD)
    status = hdx_zstd_decompress(zstd, rest, texts->raw, size, error);
  else if (rest.size == size)
    memcpy(texts->raw, rest.data, size);
  else
    status = broken(error, "raw bytes of the wrong length");
  if (status == HDX_OK)
    memset(texts->raw + size, 0, HDX_TEXTS_SLACK);
  return status;
}

static enum hdx_status open_shared(struct hdx_texts *texts, struct hdx_zstd *zstd, struct hdx_bytes *in,
                                   struct hdx_error *error) {
  uint8_t widths = hdx_get_u8(in);
  size_t count = texts->count, groups = (count - 1) / HDX_TEXTS_GROUP;
  texts->prefix_width = width_bytes[widths & 3];
  texts->suffix_width = width_bytes[widths >> 2 & 3];
  texts->length_width = width_bytes[widths >> 4 & 3];
  uint64_t length = texts->length_width ? 0 : hdx_get_varint(in);
  uint64_t middle = hdx_get_varint(in);
  if (in->bad || widths >> 6 || length > HDX_TEXT_BYTES_MAX || middle > HDX_TEXTS_BYTES_MAX)
    return broken(error, "lengths beyond the limits");
  texts->length = (size_t)length;
  texts->middle_size = (size_t)middle;
  size_t numbers = count * (size_t)(texts->prefix_width + texts->suffix_width + texts->length_width);
  enum hdx_status status = open_raw(texts, zstd, in, numbers + groups * 4 + texts->middle_size, error);
  if (status != HDX_OK)
    return status;
  texts->prefixes = (const uint8_t *)texts->raw;
  texts->suffixes = texts->prefixes + count * texts->prefix_width;
  texts->lengths = texts->suffixes + count * texts->suffix_width;
  texts->groups = texts->lengths + count * texts->length_width;
  texts->middle = (const char *)texts->groups + groups * 4;
  texts->value = (struct hdx_text){texts->middle, length_at(texts, 0)};
  if (number_at(texts->prefixes, texts->prefix_width, 0) || number_at(texts->suffixes, texts->suffix_width, 0) ||
      texts->value.size > group_at(texts, 1))
    return broken(error, "a first text that is not whole");
  for (size_t g = 1; g <= groups + 1; g++)
    if (group_at(texts, g) < group_at(texts, g - 1) || group_at(texts, g) > texts->middle_size)
      return broken(error, "groups out of order");
  return HDX_OK;
}

enum hdx_status hdx_texts_open(struct hdx_texts *texts, struct hdx_zstd *zstd, const void *data, size_t size,
                               size_t count, struct hdx_error *error) {
  struct hdx_bytes in = hdx_bytes_of(data, size);
  uint8_t tag = hdx_get_u8(&in);
  if (in.bad || tag > TAG_SHARED || count == 0 || count > HDX_TEXTS_MAX)
    return broken(error, "an unknown encoding");
  texts->count = count;
  texts->constant = tag == TAG_CONSTANT;
  if (tag == TAG_SHARED)
    return open_shared(texts, zstd, &in, error);
  texts->value = (struct hdx_text){(const char *)in.at, hdx_bytes_left(&in)};
  return texts->value.size > HDX_TEXT_BYTES_MAX ? broken(error, "a text beyond the limit") : HDX_OK;
}

enum hdx_status hdx_texts_size(const struct hdx_texts *texts, size_t from, size_t to, size_t *bytes,
                               struct hdx_error *error) {
  size_t total = 0;
  if (!texts->constant && texts->length_width == 0)
    total = (to - from) * texts->length;
  else if (!texts->constant)
    for (size_t i = from; i < to; i++) {
      size_t length = number_at(texts->lengths, texts->length_width, i);
      if (length > HDX_TEXT_BYTES_MAX)
        return broken(error, "a text beyond the limit");
      total += length;
    }
  _Static_assert((size_t)HDX_TEXTS_GROUP * HDX_TEXT_BYTES_MAX <= HDX_TEXTS_BYTES_MAX, "no group has more");
  *bytes = total;
  return HDX_OK;
}

/* Copies in steps of 16: up to 15 bytes more are read and written than asked for. `to` lies behind `from`, and what is
 * read beyond the end may overlap it: hence the detour. */
static inline void copy_wide(char *to, const char *from, size_t size) {
  for (size_t i = 0; i < size; i += 16) {
    char step[16];
    memcpy(step, from + i, 16);
    memcpy(to + i, step, 16);
  }
}

/* The hot loop, for lengths that are numbers of one byte and of any width. */
static inline __attribute__((always_inline)) size_t read_group(const struct hdx_texts *texts, size_t from, size_t to,
                                                               size_t middle_end, unsigned prefix_width,
                                                               unsigned suffix_width, struct hdx_text *out,
                                                               char *memory) {
  struct hdx_text last = texts->value;
  const char *middle = texts->middle + group_at(texts, from / HDX_TEXTS_GROUP);
  const char *end = texts->middle + middle_end;
  for (size_t i = from; i < to; i++) {
    size_t p = number_at(texts->prefixes, prefix_width, i), s = number_at(texts->suffixes, suffix_width, i);
    size_t length = length_at(texts, i), fresh = length - p - s;
    if (p + s > length || p > last.size || s > last.size || fresh > (size_t)(end - middle))
      return i;
    char *text = memory;
    copy_wide(text, last.data, p);
    copy_wide(text + p, middle, fresh);
    copy_wide(text + p + fresh, last.data + last.size - s, s);
    middle += fresh;
    memory += length;
    last = (struct hdx_text){text, length};
    out[i - from] = last;
  }
  return to;
}

enum hdx_status hdx_texts_read(const struct hdx_texts *texts, size_t from, size_t to, struct hdx_text *out,
                               char *memory, struct hdx_error *error) {
  assert(from % HDX_TEXTS_GROUP == 0 && from <= to && to <= texts->count && to - from <= HDX_TEXTS_GROUP);
  if (texts->constant) {
    for (size_t i = from; i < to; i++)
      out[i - from] = texts->value;
    return HDX_OK;
  }
  size_t end = group_at(texts, from / HDX_TEXTS_GROUP + 1), done;
  if (texts->prefix_width == 1 && texts->suffix_width == 1)
    done = read_group(texts, from, to, end, 1, 1, out, memory);
  else
    done = read_group(texts, from, to, end, texts->prefix_width, texts->suffix_width, out, memory);
  if (done < to)
    return hdx_error_set(error, HDX_INTEGRITY, "texts: row %zu takes more than there is", done);
  return HDX_OK;
}
