/* Templates: texts that follow from the time of their row. A file's name mostly is its dataset's pattern filled with
 * the row's start: `…/aia/{Ymd}/0094/sdo_aia_h2_{Ymd}T{HMS}_0094_v1.fits`. Pure.
 *
 *   template  instants u8 (0 to 8) | for each: unit u8 (0 to 7), bit 7: of the row's stop, not its start |
 *             parts u8 (0 to 64) | parts
 *     unit    0: the instant is the row's time itself, which takes no stream; else it is that time, rounded down to a
 *             multiple of the unit (1 day, 2 hour, 3 minute, 4 second, 5 ms, 6 us, 7 ns) since 1970, and moved on by so
 *             many units as the row's number in the instant's stream says (modulo 2^64 ns)
 *     part    kind u8 | fields of the kind
 *       0 LITERAL  size varint | bytes
 *       1 TIME     instant u8 | size u8 (1 to 12) | letters: Y year in four digits, y its last two, m month, d day, j
 *                  day of the year (three digits), H hour, M minute, S second, L milliseconds (3), U microseconds (6),
 *                  N nanoseconds (9 digits, of the second). All parts together: at most 255 letters
 *       2 FIXED    width u8 (1 to 18): a number of so many digits, zeros in front
 *       3 PLAIN    a number without zeros in front
 *       4 MARKED   a number of which a leading 1 is cut off: digits of any length, zeros in front
 *       5 REPEAT   field u8: the digits of an earlier FIXED, PLAIN or MARKED part, counted among these from 0
 *   streams of a template: of each instant with a unit, in order, then of each FIXED, PLAIN and MARKED part, in order
 *
 * The text is what the parts say, one behind the other. A row without a stop fits no template that asks for it. */
#ifndef HDX_CODEC_TEMPLATE_H
#define HDX_CODEC_TEMPLATE_H

#include "base/buffer.h"
#include "codec/clock.h"

enum {
  HDX_TEMPLATE_PARTS_MAX = 64,
  HDX_TEMPLATE_INSTANTS_MAX = 8,
  HDX_TEMPLATE_STREAMS_MAX = HDX_TEMPLATE_PARTS_MAX + HDX_TEMPLATE_INSTANTS_MAX,
  HDX_TEMPLATE_BYTES_MAX = 4096,
  HDX_TEMPLATE_DIGITS_MAX = 18,
  HDX_TEMPLATE_LETTERS_MAX = 12, /* of one time; of all of them: */
  HDX_TEMPLATE_PIECES_MAX = 255,
  /* The most that a template's text takes: its literals, and digits of every other part. */
  HDX_TEMPLATE_TEXT_MAX = HDX_TEMPLATE_BYTES_MAX + HDX_TEMPLATE_PARTS_MAX * 9 * HDX_TEMPLATE_LETTERS_MAX,
  /* Bytes that rendering may write behind a text. */
  HDX_TEMPLATE_SLACK = 32,
  /* A text of no more bytes and of one size is rendered from an image of it. */
  HDX_TEMPLATE_IMAGE_MAX = 480
};

enum hdx_part_kind {
  HDX_PART_LITERAL,
  HDX_PART_TIME,
  HDX_PART_FIXED,
  HDX_PART_PLAIN,
  HDX_PART_MARKED,
  HDX_PART_REPEAT
};

struct hdx_piece { /* of a clock's digits */
  uint8_t place, size;
};

struct hdx_part {
  enum hdx_part_kind kind;
  uint8_t index;            /* TIME: instant; numbers: their stream; REPEAT: the part repeated */
  uint8_t width;            /* FIXED; TIME: all digits */
  uint8_t piece, piece_end; /* TIME */
  struct hdx_text text;     /* LITERAL: bytes; TIME: letters */
};

struct hdx_instant {
  int64_t unit_ns; /* 0: the time itself */
  bool of_stop;
  uint8_t stream; /* where it has a unit */
};

/* Digits of a clock within an image. */
struct hdx_patch {
  uint16_t at;
  uint8_t place, size, instant;
};

struct hdx_template {
  struct hdx_text bytes; /* as in the file; owned by the template */
  size_t part_count, instant_count, stream_count;
  struct hdx_part *parts;
  struct hdx_piece *pieces;
  struct hdx_instant instants[HDX_TEMPLATE_INSTANTS_MAX];
  bool needs_stop;
  size_t size;                    /* of every text, or the least */
  bool varies;                    /* in size */
  bool imaged;                    /* it is rendered from an image: literals and dates, of the day before */
  size_t date_count, patch_count; /* patches that change with the day come first */
  struct hdx_patch *patches;
};

/* Takes the bytes of a template apart; copies them. INTEGRITY: what is wrong; MEMORY. */
enum hdx_status hdx_template_create(struct hdx_text bytes, struct hdx_template **result, struct hdx_error *error);
void hdx_template_free(struct hdx_template *template); /* NULL is allowed */

/* Appends the template as people read it: "…/{start:%Y%m%d}/…_v{number}.cdf". */
void hdx_template_show(const struct hdx_template *template, struct hdx_buffer *out);

/* What is kept from row to row. Zeroed at first; of one template. */
struct hdx_template_state {
  struct hdx_clock clocks[HDX_TEMPLATE_INSTANTS_MAX];
  bool imaged;
  int64_t days[HDX_TEMPLATE_INSTANTS_MAX]; /* whose dates are in the image */
  char image[HDX_TEMPLATE_IMAGE_MAX + HDX_TEMPLATE_SLACK];
};

/* Whether the template gives this text for a row; then streams[i] is the row's number in stream i. `stop` may be
 * HDX_TIME_NONE. */
bool hdx_template_match(const struct hdx_template *template, struct hdx_template_state *state, struct hdx_text text,
                        int64_t start, int64_t stop, int64_t *streams);

/* Whether a text has the template's literals where they belong: what most others fail, before any time is looked at. */
bool hdx_template_alike(const struct hdx_template *template, struct hdx_text text);

/* Writes the text of a row to `out`, which has room for HDX_TEMPLATE_SLACK more than it takes, and gives its size.
 * streams[i][row] is the row's number in stream i. Any numbers will do: what a number cannot be is written all the
 * same, in HDX_TEMPLATE_DIGITS_MAX + 2 bytes at the most (FIXED: in its width). */
size_t hdx_template_render(const struct hdx_template *template, struct hdx_template_state *state, int64_t start,
                           int64_t stop, int64_t *const *streams, size_t row, char *out);

/* The same for rows[0 … count) of a template without streams: views of the texts go to texts[0 …], their bytes one
 * behind the other to `out`. Gives where they end. start and stop are those of all rows, not of the given ones. */
char *hdx_template_render_rows(const struct hdx_template *template, struct hdx_template_state *state,
                               const int64_t *start, const int64_t *stop, const uint32_t *rows, size_t count,
                               struct hdx_text *texts, char *out);

/* The most bytes that one text takes; what the text of a row takes. */
size_t hdx_template_size_max(const struct hdx_template *template);
size_t hdx_template_size(const struct hdx_template *template, int64_t *const *streams, size_t row);

/* Appends the bytes of a template that gives texts[rows[0]] and others like it of texts[rows[0 … count)], going by a
 * sample. False: none was found. Sources: the rows alone; nothing is known of any mission. */
bool hdx_template_infer(const struct hdx_text *texts, const int64_t *start, const int64_t *stop, const uint32_t *rows,
                        size_t count, struct hdx_buffer *out);

#endif
