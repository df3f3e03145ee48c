/* A template taken apart, rendered, and matched with texts. (How one is found: template_infer.c.) */
#include "codec/template.h"

#include "base/error.h"
#include "base/time.h"
#include "codec/bytes.h"

#include <stdlib.h>

enum { LITERAL_SLACK = 16 };

static const int64_t units[] = {0,    HDX_DAY_NS, 3600 * HDX_SECOND_NS, 60 * HDX_SECOND_NS, HDX_SECOND_NS, 1000000,
                                1000, 1};

/* ---- the clock ---- */

/* Places of the digits: numbers that are written by one store, so that they can be read at once. */
enum {
  AT_YEAR = 0,
  AT_MONTH = 4,
  AT_DAY = 6,
  AT_DAY_OF_YEAR = 8,
  AT_HOUR = 16,
  AT_MINUTE = 18,
  AT_SECOND = 20,
  AT_NS = 24
};

static const struct {
  char letter;
  uint8_t place, size;
} letters[] = {{'Y', AT_YEAR, 4},        {'y', AT_YEAR + 2, 2}, {'m', AT_MONTH, 2},  {'d', AT_DAY, 2},
               {'j', AT_DAY_OF_YEAR, 3}, {'H', AT_HOUR, 2},     {'M', AT_MINUTE, 2}, {'S', AT_SECOND, 2},
               {'L', AT_NS, 3},          {'U', AT_NS, 6},       {'N', AT_NS, 9}};

bool hdx_clock_letter(char letter, uint8_t *place, uint8_t *size) {
  for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
    if (letters[i].letter == letter) {
      *place = letters[i].place;
      *size = letters[i].size;
      return true;
    }
  return false;
}

/* Two digits, the first in the lower byte. */
static inline uint64_t two(unsigned number) {
  static const char pairs[] =
      "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445"
      "46474849505152535455565758596061626364656667686970717273747576777879808182838485868788899091"
      "9293949596979899";
  uint16_t pair;
  memcpy(&pair, pairs + 2 * number, sizeof pair);
  return le16toh(pair);
}

static int64_t floor_to(int64_t value, int64_t unit) {
  int64_t rest = value % unit;
  return (int64_t)((uint64_t)value - (uint64_t)(rest < 0 ? rest + unit : rest));
}

/* The day that began at `day`, so many days from 1970. */
static void set_day(struct hdx_clock *clock, int64_t day, int64_t days) {
  uint64_t later = ((uint64_t)day - (uint64_t)clock->day_at) / (uint64_t)HDX_DAY_NS;
  if (clock->known && day >= clock->day_at && later < 28 && clock->day_of_month + later <= 28) { /* the same month */
    clock->day_of_month = (uint16_t)(clock->day_of_month + later);
    clock->day_of_year = (uint16_t)(clock->day_of_year + later);
    uint64_t date = hdx_load_u64(clock->digits + AT_YEAR) & UINT64_C(0x0000ffffffffffff);
    hdx_store_u64(clock->digits + AT_YEAR, date | two(clock->day_of_month) << 48);
  } else {
    unsigned month, of_month;
    int year = hdx_time_date(days, &month, &of_month);
    unsigned y = (unsigned)year % 10000;
    clock->day_of_month = (uint16_t)of_month;
    clock->day_of_year = (uint16_t)(days - hdx_time_day(year, 1, 1) + 1);
    hdx_store_u64(clock->digits + AT_YEAR, two(y / 100) | two(y % 100) << 16 | two(month) << 32 | two(of_month) << 48);
  }
  hdx_store_u32(clock->digits + AT_DAY_OF_YEAR,
                ('0' + clock->day_of_year / 100u) | (uint32_t)two(clock->day_of_year % 100u) << 8);
  clock->day_at = day;
}

/* The digits of a second that is not the one before. */
static inline void set_second(struct hdx_clock *clock, int64_t time_ns) {
  uint64_t in_day = (uint64_t)time_ns - (uint64_t)clock->day_at;
  if (!clock->known || in_day >= (uint64_t)HDX_DAY_NS) {
    set_day(clock, floor_to(time_ns, HDX_DAY_NS), time_ns / HDX_DAY_NS - (time_ns % HDX_DAY_NS < 0));
    in_day = (uint64_t)time_ns - (uint64_t)clock->day_at;
  }
  unsigned second = (unsigned)(in_day / (uint64_t)HDX_SECOND_NS), minute = second / 60, hour = minute / 60;
  hdx_store_u64(clock->digits + AT_HOUR, two(hour) | two(minute - 60 * hour) << 16 | two(second - 60 * minute) << 32);
  clock->second_at = (int64_t)((uint64_t)clock->day_at + second * (uint64_t)HDX_SECOND_NS);
}

/* The first day that is whole. The one before begins earlier than any time can say: modulo 2^64 that is within the last
 * day there is, so nothing is kept of it from time to time. */
#define FIRST_DAY (INT64_MIN / HDX_DAY_NS * HDX_DAY_NS)

static inline void set_clock(struct hdx_clock *clock, int64_t time_ns) {
  uint64_t in_second = (uint64_t)time_ns - (uint64_t)clock->second_at;
  clock->known &= time_ns >= FIRST_DAY;
  if (!clock->known || in_second >= (uint64_t)HDX_SECOND_NS) {
    set_second(clock, time_ns);
    in_second = (uint64_t)time_ns - (uint64_t)clock->second_at;
  }
  if (!clock->known || in_second != clock->nanosecond) {
    uint64_t rest = in_second;
    for (int i = 8; i >= 0; i--, rest /= 10)
      clock->digits[AT_NS + i] = (char)('0' + rest % 10);
    clock->nanosecond = (uint32_t)in_second;
  }
  clock->known = time_ns >= FIRST_DAY;
}

void hdx_clock_set(struct hdx_clock *clock, int64_t time_ns) {
  set_clock(clock, time_ns);
}

/* ---- taking apart ---- */

static enum hdx_status broken(struct hdx_error *error, const char *what) {
  return hdx_error_set(error, HDX_INTEGRITY, "template: %s", what);
}

static const char *open_instants(struct hdx_template *template, struct hdx_bytes *in) {
  template->instant_count = hdx_get_u8(in);
  if (template->instant_count > HDX_TEMPLATE_INSTANTS_MAX)
    return "too many instants";
  for (size_t i = 0; i < template->instant_count; i++) {
    uint8_t unit = hdx_get_u8(in);
    if ((unit & 0x7f) >= sizeof units / sizeof *units)
      return "an unknown unit";
    template->instants[i].unit_ns = units[unit & 0x7f];
    template->instants[i].of_stop = unit >> 7;
    template->needs_stop |= unit >> 7;
    if (unit & 0x7f)
      template->instants[i].stream = (uint8_t) template->stream_count++;
  }
  return NULL;
}

static const char *open_time(struct hdx_template *template, struct hdx_part *part, size_t *pieces,
                             struct hdx_bytes *in) {
  part->index = hdx_get_u8(in);
  size_t size = hdx_get_u8(in);
  part->text = (struct hdx_text){(const char *)hdx_get_bytes(in, size), size};
  if (in->bad || size == 0 || size > HDX_TEMPLATE_LETTERS_MAX || part->index >= template->instant_count)
    return "a time of no letters, too many, or an instant that is not there";
  part->piece = (uint8_t)*pieces;
  struct hdx_piece *at = template->pieces + *pieces;
  for (size_t i = 0; i < size; i++) {
    struct hdx_piece piece;
    if (!hdx_clock_letter(part->text.data[i], &piece.place, &piece.size))
      return "an unknown letter";
    part->width = (uint8_t)(part->width + piece.size);
    if (i && at[-1].place + at[-1].size == piece.place && at[-1].size + piece.size <= 8)
      at[-1].size = (uint8_t)(at[-1].size + piece.size);
    else
      *at++ = piece;
  }
  *pieces = (size_t)(at - template->pieces);
  if (*pieces > UINT8_MAX)
    return "too many times";
  part->piece_end = (uint8_t)*pieces;
  template->size += part->width;
  return NULL;
}

/* REPEAT names its field by its place among the numbers: finds the part. */
static const char *open_repeat(struct hdx_template *template, size_t p, struct hdx_bytes *in) {
  size_t field = hdx_get_u8(in), seen = 0;
  for (size_t i = 0; i < p; i++) {
    enum hdx_part_kind kind = template->parts[i].kind;
    if (kind != HDX_PART_FIXED && kind != HDX_PART_PLAIN && kind != HDX_PART_MARKED)
      continue;
    if (seen++ != field)
      continue;
    template->parts[p].index = (uint8_t)i;
    template->size += kind == HDX_PART_FIXED ? template->parts[i].width : 0;
    template->varies |= kind != HDX_PART_FIXED;
    return NULL;
  }
  return "it repeats a number that is not there";
}

static const char *open_part(struct hdx_template *template, size_t p, size_t *pieces, struct hdx_bytes *in) {
  struct hdx_part *part = &template->parts[p];
  uint8_t kind = hdx_get_u8(in);
  if (kind > HDX_PART_REPEAT)
    return "an unknown part";
  part->kind = (enum hdx_part_kind)kind;
  if (part->kind == HDX_PART_LITERAL) {
    uint64_t size = hdx_get_varint(in);
    if (size > HDX_TEMPLATE_BYTES_MAX)
      return "a literal that is too long";
    part->text = (struct hdx_text){(const char *)hdx_get_bytes(in, (size_t)size), (size_t)size};
    template->size += (size_t)size;
    return NULL;
  }
  if (part->kind == HDX_PART_TIME)
    return open_time(template, part, pieces, in);
  if (part->kind == HDX_PART_REPEAT)
    return open_repeat(template, p, in);
  part->index = (uint8_t) template->stream_count++;
  template->varies |= part->kind != HDX_PART_FIXED;
  if (part->kind == HDX_PART_FIXED) {
    part->width = hdx_get_u8(in);
    if (part->width == 0 || part->width > HDX_TEMPLATE_DIGITS_MAX)
      return "a number of no digits, or too many";
    template->size += part->width;
  }
  return NULL;
}

static const char *open_template(struct hdx_template *template) {
  struct hdx_bytes in = hdx_bytes_of(template->bytes.data, template->bytes.size);
  const char *wrong = open_instants(template, &in);
  size_t pieces = 0;
  if (wrong)
    return wrong;
  template->part_count = hdx_get_u8(&in);
  if (template->part_count > HDX_TEMPLATE_PARTS_MAX)
    return "too many parts";
  for (size_t p = 0; !wrong && p < template->part_count; p++)
    wrong = open_part(template, p, &pieces, &in);
  if (wrong)
    return wrong;
  return in.bad || hdx_bytes_left(&in) ? "its parts are not as long as it is" : NULL;
}

/* Notes where the digits of times lie in texts that are all of one size. */
static void plan_image(struct hdx_template *template) {
  size_t at = 0;
  template->imaged = !template->varies && template->size <= HDX_TEMPLATE_IMAGE_MAX;
  if (!template->imaged)
    return;
  for (int dates = 1; dates >= 0; dates--) {
    at = 0;
    for (size_t p = 0; p < template->part_count; p++) {
      const struct hdx_part *part = &template->parts[p];
      size_t digits = at;
      for (size_t i = part->piece; part->kind == HDX_PART_TIME && i < part->piece_end; i++) {
        const struct hdx_piece *piece = &template->pieces[i];
        if ((piece->place < AT_HOUR) == dates)
          template->patches[template->patch_count++] =
              (struct hdx_patch){(uint16_t)digits, piece->place, piece->size, part->index};
        digits += piece->size;
      }
      at += part->kind == HDX_PART_LITERAL  ? part->text.size
            : part->kind == HDX_PART_REPEAT ? template->parts[part->index].width
                                            : part->width;
    }
    template->date_count = dates ? template->patch_count : template->date_count;
  }
}

enum hdx_status hdx_template_create(struct hdx_text bytes, struct hdx_template **result, struct hdx_error *error) {
  if (bytes.size > HDX_TEMPLATE_BYTES_MAX)
    return broken(error, "more bytes than one may have");
  struct hdx_template *template = calloc(1, sizeof *template + bytes.size + LITERAL_SLACK);
  if (!template)
    return hdx_error_memory(error, sizeof *template + bytes.size);
  template->bytes = (struct hdx_text){(char *)(template + 1), bytes.size};
  if (bytes.size)
    memcpy(template + 1, bytes.data, bytes.size);
  const char *wrong = open_template(template);
  if (wrong) {
    free(template);
    return broken(error, wrong);
  }
  plan_image(template);
  *result = template;
  return HDX_OK;
}

void hdx_template_free(struct hdx_template *template) {
  free(template);
}

size_t hdx_template_size_max(const struct hdx_template *template) {
  size_t size = template->size;
  for (size_t p = 0; template->varies && p < template->part_count; p++) {
    const struct hdx_part *part = &template->parts[p];
    const struct hdx_part *said = part->kind == HDX_PART_REPEAT ? &template->parts[part->index] : part;
    if (said->kind == HDX_PART_PLAIN || said->kind == HDX_PART_MARKED)
      size += HDX_TEMPLATE_DIGITS_MAX + 2;
  }
  return size;
}

void hdx_template_show(const struct hdx_template *template, struct hdx_buffer *out) {
  for (size_t p = 0; p < template->part_count; p++) {
    const struct hdx_part *part = &template->parts[p];
    const struct hdx_instant *instant = &template->instants[part->index % HDX_TEMPLATE_INSTANTS_MAX];
    if (part->kind == HDX_PART_LITERAL) {
      hdx_buffer_append_text(out, part->text);
    } else if (part->kind == HDX_PART_TIME) {
      hdx_buffer_append_format(out, "{%s%s:", instant->unit_ns ? "near " : "", instant->of_stop ? "stop" : "start");
      for (size_t i = 0; i < part->text.size; i++)
        hdx_buffer_append_format(out, "%%%c", part->text.data[i]);
      hdx_buffer_append_byte(out, '}');
    } else if (part->kind == HDX_PART_FIXED) {
      hdx_buffer_append_format(out, "{%u digits}", part->width);
    } else {
      hdx_buffer_append_text(out, part->kind == HDX_PART_REPEAT ? HDX_TEXT("{again}") : HDX_TEXT("{number}"));
    }
  }
}

static inline unsigned digits_of(uint64_t number) {
  unsigned digits = 1;
  for (; number >= 10; number /= 10)
    digits++;
  return digits;
}

size_t hdx_template_size(const struct hdx_template *template, int64_t *const *streams, size_t row) {
  size_t size = template->size;
  for (size_t p = 0; template->varies && p < template->part_count; p++) {
    const struct hdx_part *part = &template->parts[p];
    const struct hdx_part *said = part->kind == HDX_PART_REPEAT ? &template->parts[part->index] : part;
    if (said->kind == HDX_PART_PLAIN || said->kind == HDX_PART_MARKED)
      size += digits_of((uint64_t)streams[said->index][row]) - (said->kind == HDX_PART_MARKED);
  }
  return size;
}

/* ---- rendering ---- */

/* Copies in steps of 16 bytes, reading and writing up to 15 too many: there is as much behind both. */
static inline char *put_literal(char *out, struct hdx_text text) {
  for (size_t i = 0; i < text.size; i += 16)
    memcpy(out + i, text.data + i, 16);
  return out + text.size;
}

static char *put_fixed(char *out, uint64_t number, unsigned width) {
  for (unsigned i = width; i > 0; i--, number /= 10)
    out[i - 1] = (char)('0' + number % 10);
  return out + width;
}

static char *put_number(char *out, const struct hdx_part *part, uint64_t number) {
  if (part->kind == HDX_PART_FIXED)
    return put_fixed(out, number, part->width);
  unsigned digits = digits_of(number);
  if (part->kind == HDX_PART_PLAIN)
    return put_fixed(out, number, digits);
  return put_fixed(out, number, digits - 1); /* without the mark, whatever it is */
}

static inline void set_clocks(const struct hdx_template *template, struct hdx_template_state *state, int64_t start,
                              int64_t stop, int64_t *const *streams, size_t row) {
  for (size_t n = 0; n < template->instant_count; n++) {
    const struct hdx_instant *instant = &template->instants[n];
    int64_t time = instant->of_stop ? stop : start;
    if (instant->unit_ns)
      time = (int64_t)((uint64_t)floor_to(time, instant->unit_ns) +
                       (uint64_t)streams[instant->stream][row] * (uint64_t)instant->unit_ns);
    set_clock(&state->clocks[n], time);
  }
}

/* Stores of the sizes that there are: a call for so few bytes would take longer than all the rest. */
static inline void put_digits(char *out, const char *digits, unsigned size) {
  switch (size) {
  case 8:
    memcpy(out, digits, 8);
    break;
  case 6:
    memcpy(out, digits, 4);
    memcpy(out + 4, digits + 4, 2);
    break;
  case 4:
    memcpy(out, digits, 4);
    break;
  case 2:
    memcpy(out, digits, 2);
    break;
  default:
    memcpy(out, digits, size);
  }
}

static inline void patch(const struct hdx_template *template, const struct hdx_template_state *state, size_t from,
                         size_t to, char *out) {
  for (size_t i = from; i < to; i++) {
    const struct hdx_patch *patch = &template->patches[i];
    put_digits(out + patch->at, state->clocks[patch->instant].digits + patch->place, patch->size);
  }
}

/* Literals, once; dates, when a day is another. */
static void renew_image(const struct hdx_template *template, struct hdx_template_state *state) {
  char *at = state->image;
  for (size_t p = 0; !state->imaged && p < template->part_count; p++) {
    const struct hdx_part *part = &template->parts[p];
    if (part->kind == HDX_PART_LITERAL)
      at = put_literal(at, part->text);
    else
      at += part->kind == HDX_PART_REPEAT ? template->parts[part->index].width : part->width;
  }
  state->imaged = true;
  for (size_t n = 0; n < template->instant_count; n++)
    state->days[n] = state->clocks[n].day_at;
  patch(template, state, 0, template->date_count, state->image);
}

static size_t render_image(const struct hdx_template *template, struct hdx_template_state *state,
                           int64_t *const *streams, size_t row, char *out) {
  bool fresh = state->imaged;
  for (size_t n = 0; n < template->instant_count; n++)
    fresh &= state->days[n] == state->clocks[n].day_at;
  if (!fresh)
    renew_image(template, state);
  for (size_t i = 0; i < template->size; i += 16)
    memcpy(out + i, state->image + i, 16);
  patch(template, state, template->date_count, template->patch_count, out);
  if (template->stream_count == 0)
    return template->size;
  char *at = out;
  for (size_t p = 0; p < template->part_count; p++) {
    const struct hdx_part *part = &template->parts[p];
    const struct hdx_part *said = part->kind == HDX_PART_REPEAT ? &template->parts[part->index] : part;
    if (part->kind == HDX_PART_LITERAL)
      at += part->text.size;
    else if (part->kind == HDX_PART_TIME)
      at += part->width;
    else
      at = put_number(at, said, (uint64_t)streams[said->index][row]);
  }
  return template->size;
}

size_t hdx_template_render(const struct hdx_template *template, struct hdx_template_state *state, int64_t start,
                           int64_t stop, int64_t *const *streams, size_t row, char *out) {
  set_clocks(template, state, start, stop, streams, row);
  if (template->imaged)
    return render_image(template, state, streams, row, out);
  char *begin = out;
  for (size_t p = 0; p < template->part_count; p++) {
    const struct hdx_part *part = &template->parts[p];
    if (part->kind == HDX_PART_LITERAL) {
      out = put_literal(out, part->text);
    } else if (part->kind == HDX_PART_TIME) {
      const char *digits = state->clocks[part->index].digits;
      for (size_t i = part->piece; i < part->piece_end; i++) {
        memcpy(out, digits + template->pieces[i].place, 8);
        if (template->pieces[i].size > 8)
          out[8] = digits[template->pieces[i].place + 8];
        out += template->pieces[i].size;
      }
    } else {
      const struct hdx_part *said = part->kind == HDX_PART_REPEAT ? &template->parts[part->index] : part;
      out = put_number(out, said, (uint64_t)streams[said->index][row]);
    }
  }
  return (size_t)(out - begin);
}

/* One clock, which no stream moves: what nearly all file names follow. */
static char *render_by_clock(const struct hdx_template *template, struct hdx_template_state *state,
                             const int64_t *times, const uint32_t *rows, size_t count, struct hdx_text *texts,
                             char *out) {
  struct hdx_clock *clock = &state->clocks[0];
  size_t size = template->size;
  for (size_t i = 0; i < count; i++) {
    set_clock(clock, times[rows[i]]);
    if (!state->imaged || state->days[0] != clock->day_at)
      renew_image(template, state);
    for (size_t at = 0; at < size; at += 32) {
      memcpy(out + at, state->image + at, 16);
      memcpy(out + at + 16, state->image + at + 16, 16);
    }
    patch(template, state, template->date_count, template->patch_count, out);
    texts[i] = (struct hdx_text){out, size};
    out += size;
  }
  return out;
}

char *hdx_template_render_rows(const struct hdx_template *template, struct hdx_template_state *state,
                               const int64_t *start, const int64_t *stop, const uint32_t *rows, size_t count,
                               struct hdx_text *texts, char *out) {
  if (template->imaged && template->instant_count == 1 && template->instants[0].unit_ns == 0)
    return render_by_clock(template, state, template->instants[0].of_stop ? stop : start, rows, count, texts, out);
  for (size_t i = 0; i < count; i++) {
    size_t size = hdx_template_render(template, state, start[rows[i]], stop[rows[i]], NULL, 0, out);
    texts[i] = (struct hdx_text){out, size};
    out += size;
  }
  return out;
}

/* ---- matching ---- */

static inline bool is_digit(char c) {
  return (unsigned char)(c - '0') < 10;
}

/* Digits as a number; false: another byte among them. */
static bool number_in(const char *at, size_t size, uint64_t *number) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; i++) {
    if (!is_digit(at[i]))
      return false;
    value = value * 10 + (uint64_t)(at[i] - '0');
  }
  *number = value;
  return true;
}

/* How many digits a number part takes at `at`, and what it is; 0: it does not fit. */
static size_t match_number(const struct hdx_part *part, const char *at, const char *end, int64_t *number) {
  size_t size = 0;
  uint64_t value = 0;
  if (part->kind == HDX_PART_FIXED) {
    size = part->width;
    if ((size_t)(end - at) < size || !number_in(at, size, &value))
      return 0;
    *number = (int64_t)value;
    return size;
  }
  while (at + size < end && size <= HDX_TEMPLATE_DIGITS_MAX && is_digit(at[size]))
    size++;
  if (size == 0 || size > HDX_TEMPLATE_DIGITS_MAX || (part->kind == HDX_PART_PLAIN && at[0] == '0' && size > 1))
    return 0;
  number_in(at, size, &value);
  if (part->kind == HDX_PART_MARKED) {
    uint64_t mark = 1;
    for (size_t i = 0; i < size; i++)
      mark *= 10;
    value += mark;
  }
  *number = (int64_t)value;
  return size;
}

static bool match_time(const struct hdx_template *template, const struct hdx_part *part, const struct hdx_clock *clock,
                       const char *at) {
  for (size_t i = part->piece; i < part->piece_end; i++) {
    const struct hdx_piece *piece = &template->pieces[i];
    if (memcmp(at, clock->digits + piece->place, piece->size) != 0)
      return false;
    at += piece->size;
  }
  return true;
}

/* Sets the clock of an instant that is moved to what the text's digits say, and notes by how much. */
static bool match_instant(const struct hdx_template *template, size_t n, struct hdx_clock *clock, int64_t base,
                          const char *const *places, int64_t *shift) {
  uint64_t said[128] = {
      ['Y'] = UINT64_MAX, ['y'] = UINT64_MAX, ['m'] = UINT64_MAX, ['d'] = UINT64_MAX, ['j'] = UINT64_MAX};
  for (size_t p = 0; p < template->part_count; p++) {
    const struct hdx_part *part = &template->parts[p];
    if (part->kind != HDX_PART_TIME || part->index != n)
      continue;
    const char *at = places[p];
    for (size_t i = 0; i < part->text.size; i++) {
      uint8_t place = 0, size = 0;
      hdx_clock_letter(part->text.data[i], &place, &size);
      if (!number_in(at, size, &said[(unsigned char)part->text.data[i]]))
        return false;
      at += size;
    }
  }
  if (said['Y'] == UINT64_MAX && said['y'] != UINT64_MAX)
    said['Y'] = said['y'] + (said['y'] < 57 ? 2000 : 1900);
  bool by_month = said['m'] != UINT64_MAX && said['d'] != UINT64_MAX;
  if (said['Y'] < 1678 || said['Y'] > 2261 || (!by_month && said['j'] == UINT64_MAX) ||
      (by_month && (said['m'] < 1 || said['m'] > 12)))
    return false;
  int64_t day = by_month ? hdx_time_day((int)said['Y'], (unsigned)said['m'], 1) + (int64_t)said['d'] - 1
                         : hdx_time_day((int)said['Y'], 1, 1) + (int64_t)said['j'] - 1;
  uint64_t ns = said['N'] ? said['N'] : said['U'] ? said['U'] * 1000 : said['L'] * 1000000;
  uint64_t time =
      (uint64_t)day * HDX_DAY_NS + ((said['H'] * 60 + said['M']) * 60 + said['S']) * (uint64_t)HDX_SECOND_NS + ns;
  int64_t unit = template->instants[n].unit_ns;
  int64_t away = (int64_t)(time - (uint64_t)floor_to(base, unit));
  if (away % unit)
    return false;
  *shift = away / unit;
  hdx_clock_set(clock, (int64_t)time);
  return true;
}

/* Without numbers, the text is what the row's times say, or another one. */
static bool match_image(const struct hdx_template *template, struct hdx_template_state *state, struct hdx_text text,
                        int64_t start, int64_t stop) {
  char expected[HDX_TEMPLATE_IMAGE_MAX + HDX_TEMPLATE_SLACK];
  set_clocks(template, state, start, stop, NULL, 0);
  render_image(template, state, NULL, 0, expected);
  return text.size == 0 || memcmp(expected, text.data, text.size) == 0;
}

bool hdx_template_match(const struct hdx_template *template, struct hdx_template_state *state, struct hdx_text text,
                        int64_t start, int64_t stop, int64_t *streams) {
  const char *places[HDX_TEMPLATE_PARTS_MAX], *at = text.data, *end = text.data + text.size;
  if (text.size < template->size || (!template->varies && text.size != template->size) ||
      (template->needs_stop && stop == HDX_TIME_NONE))
    return false;
  if (template->imaged && template->stream_count == 0)
    return match_image(template, state, text, start, stop);
  for (size_t n = 0; n < template->instant_count; n++)
    if (!template->instants[n].unit_ns)
      hdx_clock_set(&state->clocks[n], template->instants[n].of_stop ? stop : start);
  for (size_t p = 0; p < template->part_count; p++) {
    const struct hdx_part *part = &template->parts[p];
    size_t left = (size_t)(end - at), size = part->width;
    places[p] = at;
    if (part->kind == HDX_PART_LITERAL) {
      size = part->text.size;
      if (size > left || memcmp(at, part->text.data, size) != 0)
        return false;
    } else if (part->kind == HDX_PART_TIME) {
      if (size > left ||
          (!template->instants[part->index].unit_ns && !match_time(template, part, &state->clocks[part->index], at)))
        return false;
    } else if (part->kind == HDX_PART_REPEAT) {
      const char *before = places[part->index];
      size = (size_t)(places[part->index + 1] - before);
      if (size > left || memcmp(at, before, size) != 0)
        return false;
    } else if (!(size = match_number(part, at, end, &streams[part->index]))) {
      return false;
    }
    at += size;
  }
  if (at != end)
    return false;
  for (size_t n = 0; n < template->instant_count; n++) {
    const struct hdx_instant *instant = &template->instants[n];
    if (!instant->unit_ns)
      continue;
    struct hdx_clock *clock = &state->clocks[n];
    if (!match_instant(template, n, clock, instant->of_stop ? stop : start, places, &streams[instant->stream]))
      return false;
    for (size_t p = 0; p < template->part_count; p++)
      if (template->parts[p].kind == HDX_PART_TIME && template->parts[p].index == n &&
          !match_time(template, &template->parts[p], clock, places[p]))
        return false;
  }
  return true;
}
