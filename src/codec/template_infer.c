/* Finding the template of texts.
 *
 * The first text is cut into runs of digits and what lies between. Others with the same text between are the sample.
 * Each run then is the first of these that holds for the whole sample: a slice of the row's start or stop (a constant
 * run only if it is a date, or goes on where the run before ended: a version "01" is no month); a slice of a time near
 * it; a constant; the run before again; a number. */
#include "base/time.h"
#include "codec/bytes.h"
#include "codec/template.h"

#include <assert.h>

enum { RUNS_MAX = 30, SAMPLE_MAX = 96, SAMPLE_NEAR = 32, NEAR_DAYS_MAX = 40, NAMES_MAX = 4 };

/* Letters by the number of digits that they take together. */
static const struct pattern {
  uint8_t width;
  const char *letters;
} patterns[] = {{23, "YmdHMSN"}, {20, "YmdHMSU"}, {17, "YmdHMSL"}, {16, "YjHMSL"}, {14, "YmdHMS"}, {13, "YjHMS"},
                {12, "YmdHM"},   {12, "HMSU"},    {12, "ymdHMS"},  {11, "YjHM"},   {10, "YmdH"},   {10, "ymdHM"},
                {9, "HMSL"},     {9, "YjH"},      {9, "N"},        {8, "Ymd"},     {7, "Yj"},      {6, "HMS"},
                {6, "Ym"},       {6, "ymd"},      {6, "U"},        {5, "yj"},      {4, "Y"},       {4, "md"},
                {4, "HM"},       {4, "ym"},       {3, "j"},        {3, "L"},       {2, "m"},       {2, "d"},
                {2, "H"},        {2, "M"},        {2, "S"},        {2, "y"}};

struct run {
  uint16_t at, size;
};

/* A text of the sample and its row. */
struct specimen {
  const char *text;
  struct run runs[RUNS_MAX];
  int64_t start, stop;
};

struct finder {
  struct specimen sample[SAMPLE_MAX];
  size_t sample_count, run_count;
  struct hdx_text first;
  struct hdx_buffer parts;
  size_t part_count;
  struct hdx_text literal;                     /* not put yet: the next run may go on with it */
  uint8_t instants[HDX_TEMPLATE_INSTANTS_MAX]; /* unit, bit 7: of the stop */
  uint8_t uses[HDX_TEMPLATE_INSTANTS_MAX];     /* parts that are of it */
  size_t instant_count, number_count;
  size_t number_runs[RUNS_MAX]; /* runs that became numbers, in order */
  char last_letter;             /* of the time that the run before was; 0: it was none */
  size_t date_part;             /* where the byte that names its instant lies, in parts */
};

/* ---- the sample ---- */

static inline bool is_digit(char c) {
  return (unsigned char)(c - '0') < 10;
}

/* False: too many runs. */
static bool cut(struct hdx_text text, struct run *runs, size_t *count) {
  *count = 0;
  for (size_t i = 0; i < text.size;) {
    if (!is_digit(text.data[i])) {
      i++;
      continue;
    }
    size_t begin = i;
    while (i < text.size && is_digit(text.data[i]))
      i++;
    if (*count == RUNS_MAX)
      return false;
    runs[(*count)++] = (struct run){(uint16_t)begin, (uint16_t)(i - begin)};
  }
  return true;
}

/* Whether a text has the same bytes between its runs as the first one; fills `runs`. */
static bool alike(const struct finder *finder, struct hdx_text text, struct run *runs) {
  size_t count;
  if (text.size > HDX_TEMPLATE_BYTES_MAX / 2 || !cut(text, runs, &count) || count != finder->run_count)
    return false;
  const struct run *first = finder->sample[0].runs;
  size_t a = 0, b = 0;
  for (size_t r = 0; r <= count; r++) {
    size_t a_end = r < count ? first[r].at : finder->first.size, b_end = r < count ? runs[r].at : text.size;
    if (a_end - a != b_end - b || memcmp(finder->first.data + a, text.data + b, a_end - a) != 0)
      return false;
    a = r < count ? a_end + first[r].size : a_end;
    b = r < count ? b_end + runs[r].size : b_end;
  }
  return true;
}

static void gather(struct finder *finder, const struct hdx_text *texts, const int64_t *start, const int64_t *stop,
                   const uint32_t *rows, size_t count) {
  size_t near = count < SAMPLE_NEAR ? count : SAMPLE_NEAR, spread = SAMPLE_MAX - SAMPLE_NEAR;
  for (size_t i = 1; i < near + spread; i++) {
    size_t n = i < near ? i : near + (i - near) * (count - near) / spread;
    if (n >= count || (i > near && n == near + (i - 1 - near) * (count - near) / spread))
      continue;
    struct specimen *specimen = &finder->sample[finder->sample_count];
    uint32_t row = rows[n];
    if (!alike(finder, texts[row], specimen->runs))
      continue;
    specimen->text = texts[row].data;
    specimen->start = start[row];
    specimen->stop = stop ? stop[row] : HDX_TIME_NONE;
    finder->sample_count++;
  }
}

/* ---- what a run is ---- */

static bool constant(const struct finder *finder, size_t r, bool size_alone) {
  const struct specimen *first = &finder->sample[0];
  for (size_t i = 1; i < finder->sample_count; i++) {
    const struct specimen *other = &finder->sample[i];
    if (other->runs[r].size != first->runs[r].size)
      return false;
    if (!size_alone &&
        memcmp(other->text + other->runs[r].at, first->text + first->runs[r].at, first->runs[r].size) != 0)
      return false;
  }
  return true;
}

/* Whether a run, from its byte `skip` on, is these letters of the rows' start or stop. */
static bool is_slice(const struct finder *finder, size_t r, size_t skip, const char *letters, bool of_stop) {
  struct hdx_clock clock = {.known = false};
  for (size_t i = 0; i < finder->sample_count; i++) {
    const struct specimen *specimen = &finder->sample[i];
    int64_t time = of_stop ? specimen->stop : specimen->start;
    if (time == HDX_TIME_NONE)
      return false;
    hdx_clock_set(&clock, time);
    const char *at = specimen->text + specimen->runs[r].at + skip;
    for (const char *letter = letters; *letter; letter++) {
      uint8_t place = 0, size = 0;
      hdx_clock_letter(*letter, &place, &size);
      if (memcmp(at, clock.digits + place, size) != 0)
        return false;
      at += size;
    }
  }
  return true;
}

/* Whether a time may go on with `letter` behind `last`. */
static bool goes_on(char last, char letter) {
  static const char *const pairs[] = {"Ym", "Yj", "ym", "yj", "md", "dH", "jH", "HM", "MS", "SL", "SU", "SN"};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    if (pairs[i][0] == last && pairs[i][1] == letter)
      return true;
  return false;
}

/* Whether a run begins where the one before ended, or one byte behind. */
static bool adjoins(const struct finder *finder, size_t r) {
  const struct run *run = &finder->sample[0].runs[r];
  return r > 0 && run->at <= run[-1].at + run[-1].size + 1;
}

static bool plausible(const struct finder *finder, size_t r, const char *letters) {
  return !constant(finder, r, false) || strchr(letters, 'Y') ||
         (adjoins(finder, r) && goes_on(finder->last_letter, letters[0]));
}

static uint8_t unit_of_letters(const char *letters) {
  static const char order[] = "_dHMSLUN";
  char last = letters[strlen(letters) - 1];
  return (uint8_t)(strchr(order, last == 'j' ? 'd' : last) - order);
}

/* ---- putting parts ---- */

static uint8_t instant(struct finder *finder, uint8_t wanted, bool fresh) {
  for (size_t i = 0; !fresh && i < finder->instant_count; i++)
    if (finder->instants[i] == wanted)
      return (uint8_t)i;
  if (finder->instant_count == HDX_TEMPLATE_INSTANTS_MAX)
    return UINT8_MAX;
  finder->instants[finder->instant_count] = wanted;
  return (uint8_t)finder->instant_count++;
}

static void put_literal(struct finder *finder, struct hdx_text text) {
  finder->literal.data = finder->literal.size ? finder->literal.data : text.data;
  finder->literal.size += text.size;
}

/* Begins a part, behind the literal that is before it. */
static void put_part(struct finder *finder, enum hdx_part_kind kind) {
  if (finder->literal.size) {
    hdx_buffer_append_byte(&finder->parts, HDX_PART_LITERAL);
    hdx_put_varint(&finder->parts, finder->literal.size);
    hdx_buffer_append_text(&finder->parts, finder->literal);
    finder->literal.size = 0;
    finder->part_count++;
  }
  if (kind == HDX_PART_LITERAL)
    return;
  hdx_buffer_append_byte(&finder->parts, (char)kind);
  finder->part_count++;
}

static void put_time(struct finder *finder, uint8_t at_instant, const char *letters) {
  size_t size = strlen(letters);
  put_part(finder, HDX_PART_TIME);
  finder->date_part = finder->parts.size;
  finder->uses[at_instant]++;
  hdx_buffer_append_byte(&finder->parts, (char)at_instant);
  hdx_buffer_append_byte(&finder->parts, (char)size);
  hdx_buffer_append(&finder->parts, letters, size);
  finder->last_letter = letters[size - 1];
}

/* A slice of the row's own times, of the whole run or its beginning. Gives how many digits it takes. */
static size_t put_slice(struct finder *finder, size_t r) {
  size_t width = finder->sample[0].runs[r].size;
  for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
    const char *letters = patterns[p].letters;
    bool whole = patterns[p].width == width,
         begins = patterns[p].width < width && patterns[p].width >= 7 && *letters == 'Y';
    if ((!whole && !begins) || !plausible(finder, r, letters))
      continue;
    for (int of_stop = 0; of_stop < 2; of_stop++)
      if (is_slice(finder, r, 0, letters, of_stop)) {
        uint8_t at = instant(finder, of_stop ? 0x80 : 0, false);
        if (at == UINT8_MAX)
          return 0;
        put_time(finder, at, letters);
        return patterns[p].width;
      }
  }
  return 0;
}

/* Finds out whether templates of one moved instant match the sample: by a template of these parts alone. */
static bool is_near(const struct finder *finder, size_t r, size_t before, const char *date, const char *letters,
                    uint8_t unit) {
  struct hdx_buffer bytes;
  struct hdx_template *template = NULL;
  hdx_buffer_init(&bytes, HDX_TEMPLATE_BYTES_MAX);
  const char head[] = {1, (char)unit, (char)(date ? 2 : 1)};
  hdx_buffer_append(&bytes, head, sizeof head);
  for (int i = date ? 0 : 1; i < 2; i++) {
    const char *said = i ? letters : date;
    hdx_buffer_append_byte(&bytes, HDX_PART_TIME);
    hdx_buffer_append_byte(&bytes, 0);
    hdx_buffer_append_byte(&bytes, (char)strlen(said));
    hdx_buffer_append(&bytes, said, strlen(said));
  }
  static const int64_t per_day[] = {0, 1, 24, 1440, 86400, 86400000, 86400000000, 86400000000000};
  bool near = bytes.status == HDX_OK && hdx_template_create(hdx_buffer_text(&bytes), &template, NULL) == HDX_OK;
  struct hdx_template_state state = {0};
  for (size_t i = 0; near && i < finder->sample_count; i++) {
    const struct specimen *specimen = &finder->sample[i];
    char text[64];
    size_t size = date ? specimen->runs[before].size : 0;
    assert(size + specimen->runs[r].size <= sizeof text); /* as many digits as the patterns have */
    if (date)
      memcpy(text, specimen->text + specimen->runs[before].at, size);
    memcpy(text + size, specimen->text + specimen->runs[r].at, specimen->runs[r].size);
    int64_t shift, most = (date ? 1 : NEAR_DAYS_MAX) * per_day[unit];
    near = hdx_template_match(template, &state, (struct hdx_text){text, size + specimen->runs[r].size}, specimen->start,
                              HDX_TIME_NONE, &shift) &&
           shift >= -most && shift <= most;
  }
  hdx_template_free(template);
  hdx_buffer_deinit(&bytes);
  return near;
}

/* The instant of the date before and of the time of day behind it, which are moved together. A moved instant that the
 * date had for itself alone becomes it. */
static uint8_t instant_of_both(struct finder *finder, uint8_t unit) {
  if (finder->parts.status != HDX_OK)
    return UINT8_MAX;
  uint8_t old = (uint8_t)finder->parts.data[finder->date_part], at = old;
  if (finder->instants[old] & 0x7f && finder->uses[old] == 1)
    finder->instants[old] = unit;
  else
    at = instant(finder, unit, true);
  if (at == UINT8_MAX)
    return at;
  finder->uses[old]--;
  finder->uses[at]++;
  finder->parts.data[finder->date_part] = (char)at;
  return at;
}

/* A date near the row's start, or a time of day that with the date before it is. */
static bool put_near(struct finder *finder, size_t r) {
  size_t width = finder->sample[0].runs[r].size;
  for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
    const char *letters = patterns[p].letters;
    if (patterns[p].width != width)
      continue;
    uint8_t unit = unit_of_letters(letters);
    bool dated = (*letters == 'Y' || *letters == 'y') && unit >= 1 && (strchr(letters, 'd') || strchr(letters, 'j'));
    if (dated && is_near(finder, r, 0, NULL, letters, unit)) {
      uint8_t at = instant(finder, unit, false);
      if (at == UINT8_MAX)
        return false;
      put_time(finder, at, letters);
      return true;
    }
    size_t date_size = r ? finder->sample[0].runs[r - 1].size : 0;
    const char *date = date_size == 8 ? "Ymd" : date_size == 7 ? "Yj" : NULL;
    bool behind = *letters == 'H' && width >= 4 && date && adjoins(finder, r) &&
                  (finder->last_letter == 'd' || finder->last_letter == 'j');
    if (behind && is_near(finder, r, r - 1, date, letters, unit)) {
      uint8_t at = instant_of_both(finder, unit);
      if (at == UINT8_MAX)
        return false;
      put_time(finder, at, letters);
      return true;
    }
  }
  return false;
}

static bool same_runs(const struct finder *finder, size_t a, size_t b) {
  for (size_t i = 0; i < finder->sample_count; i++) {
    const struct specimen *specimen = &finder->sample[i];
    if (specimen->runs[a].size != specimen->runs[b].size ||
        memcmp(specimen->text + specimen->runs[a].at, specimen->text + specimen->runs[b].at, specimen->runs[a].size) !=
            0)
      return false;
  }
  return true;
}

/* Whether so few values stand in the sample that each is better a template of its own, as versions are. */
static bool few_values(const struct finder *finder, size_t r) {
  const struct specimen *names[NAMES_MAX];
  size_t count = 0;
  for (size_t i = 0; i < finder->sample_count; i++) {
    const struct specimen *specimen = &finder->sample[i];
    size_t n = 0;
    while (n < count && (names[n]->runs[r].size != specimen->runs[r].size ||
                         memcmp(names[n]->text + names[n]->runs[r].at, specimen->text + specimen->runs[r].at,
                                specimen->runs[r].size) != 0))
      n++;
    if (n == count && count == NAMES_MAX)
      return false;
    if (n == count)
      names[count++] = specimen;
  }
  return count * 4 <= finder->sample_count;
}

static bool put_number(struct finder *finder, size_t r, size_t skip) {
  bool fixed = constant(finder, r, true), zero = false;
  size_t longest = 0;
  for (size_t i = 0; i < finder->sample_count; i++) {
    const struct specimen *specimen = &finder->sample[i];
    size_t size = specimen->runs[r].size - skip;
    longest = size > longest ? size : longest;
    zero |= size > 1 && specimen->text[specimen->runs[r].at + skip] == '0';
  }
  if (longest > HDX_TEMPLATE_DIGITS_MAX)
    return false;
  put_part(finder, fixed ? HDX_PART_FIXED : zero ? HDX_PART_MARKED : HDX_PART_PLAIN);
  if (fixed)
    hdx_buffer_append_byte(&finder->parts, (char)longest);
  finder->number_runs[finder->number_count++] = skip ? SIZE_MAX : r;
  return true;
}

static bool put_run(struct finder *finder, size_t r) {
  const struct run *run = &finder->sample[0].runs[r];
  size_t taken = constant(finder, r, true) ? put_slice(finder, r) : 0;
  if (taken == run->size)
    return true;
  char last = finder->last_letter;
  if (taken == 0 && constant(finder, r, true) && !constant(finder, r, false) && put_near(finder, r))
    return true;
  finder->last_letter = 0;
  if (taken == 0 && (constant(finder, r, false) || few_values(finder, r))) {
    put_literal(finder, (struct hdx_text){finder->first.data + run->at, run->size});
    finder->last_letter = last;
    return true;
  }
  for (size_t n = 0; taken == 0 && n < finder->number_count; n++)
    if (finder->number_runs[n] != SIZE_MAX && same_runs(finder, r, finder->number_runs[n])) {
      put_part(finder, HDX_PART_REPEAT);
      hdx_buffer_append_byte(&finder->parts, (char)n);
      return true;
    }
  return put_number(finder, r, taken);
}

static bool put_parts(struct finder *finder) {
  size_t at = 0;
  for (size_t r = 0; r <= finder->run_count; r++) {
    size_t end = r < finder->run_count ? finder->sample[0].runs[r].at : finder->first.size;
    if (end > at)
      put_literal(finder, (struct hdx_text){finder->first.data + at, end - at});
    if (r == finder->run_count)
      break;
    if (!put_run(finder, r))
      return false;
    at = end + finder->sample[0].runs[r].size;
  }
  put_part(finder, HDX_PART_LITERAL);
  return finder->parts.status == HDX_OK && finder->part_count <= HDX_TEMPLATE_PARTS_MAX;
}

bool hdx_template_infer(const struct hdx_text *texts, const int64_t *start, const int64_t *stop, const uint32_t *rows,
                        size_t count, struct hdx_buffer *out) {
  struct finder finder = {.first = texts[rows[0]], .sample_count = 1};
  struct specimen *first = &finder.sample[0];
  if (finder.first.size > HDX_TEMPLATE_BYTES_MAX / 2 || !cut(finder.first, first->runs, &finder.run_count))
    return false;
  first->text = finder.first.data;
  first->start = start[rows[0]];
  first->stop = stop ? stop[rows[0]] : HDX_TIME_NONE;
  gather(&finder, texts, start, stop, rows, count);
  if (finder.sample_count < 2 && count > 1)
    return false;
  hdx_buffer_init(&finder.parts, HDX_TEMPLATE_BYTES_MAX - 16);
  bool found = put_parts(&finder);
  if (found) {
    hdx_buffer_append_byte(out, (char)finder.instant_count);
    hdx_buffer_append(out, finder.instants, finder.instant_count);
    hdx_buffer_append_byte(out, (char)finder.part_count);
    hdx_buffer_append_buffer(out, &finder.parts);
  }
  hdx_buffer_deinit(&finder.parts);
  return found && out->status == HDX_OK;
}
