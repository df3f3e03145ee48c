/* Texts of a template: rendered, and matched. */
#include "codec/bytes.h"
#include "codec/template.h"

#include <assert.h>

/* ---- rendering ---- */

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
    if (instant->unit_ns) {
      assert(streams);
      time = (int64_t)((uint64_t)hdx_floor_to(time, instant->unit_ns) +
                       (uint64_t)streams[instant->stream][row] * (uint64_t)instant->unit_ns);
    }
    hdx_clock_set(&state->clocks[n], time);
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
      assert(streams);
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
    hdx_clock_set(clock, times[rows[i]]);
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
  bool said_of = false;
  uint64_t said[128] = {
      ['Y'] = UINT64_MAX, ['y'] = UINT64_MAX, ['m'] = UINT64_MAX, ['d'] = UINT64_MAX, ['j'] = UINT64_MAX};
  for (size_t p = 0; p < template->part_count; p++) {
    const struct hdx_part *part = &template->parts[p];
    if (part->kind != HDX_PART_TIME || part->index != n)
      continue;
    said_of = true;
    const char *at = places[p];
    for (size_t i = 0; i < part->text.size; i++) {
      uint8_t place = 0, size = 0;
      hdx_clock_letter(part->text.data[i], &place, &size);
      if (!number_in(at, size, &said[(unsigned char)part->text.data[i]]))
        return false;
      at += size;
    }
  }
  if (!said_of) { /* no part is of it: any number will do */
    *shift = 0;
    return true;
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
  int64_t away = (int64_t)(time - (uint64_t)hdx_floor_to(base, unit));
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

bool hdx_template_alike(const struct hdx_template *template, struct hdx_text text) {
  const char *at = text.data;
  if (template->varies)
    return text.size >= template->size;
  if (text.size != template->size)
    return false;
  for (size_t p = 0; p < template->part_count; p++) {
    const struct hdx_part *part = &template->parts[p];
    size_t size = part->kind == HDX_PART_LITERAL  ? part->text.size
                  : part->kind == HDX_PART_REPEAT ? template->parts[part->index].width
                                                  : part->width;
    if (part->kind == HDX_PART_LITERAL && memcmp(at, part->text.data, size) != 0)
      return false;
    at += size;
  }
  return true;
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
