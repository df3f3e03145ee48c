/* Templates: what their bytes say is rendered, against the C library's calendar; what matches is rendered to the very
 * same bytes, whatever row came before; and bytes that are no template are refused. (How one is found: test_infer.c.)
 */
#include "codec/template.h"

#include "base/error.h"
#include "calendar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define BYTES(text) text, sizeof text - 1

static uint64_t seed = 7;

static uint64_t random_u64(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed * UINT64_C(0x2545f4914f6cdd1d);
}

static uint64_t below(uint64_t n) {
  return (random_u64() >> 8) % n;
}

static struct hdx_template *create(const void *bytes, size_t size) {
  struct hdx_template *template = NULL;
  struct hdx_error error = {0};
  char *exact = malloc(size ? size : 1);
  memcpy(exact, bytes, size);
  if (hdx_template_create((struct hdx_text){exact, size}, &template, &error) != HDX_OK)
    fail_msg("%s", error.message);
  free(exact); /* they were copied */
  return template;
}

/* Renders into memory that has room for what the header says, and compares. */
static void expect(const struct hdx_template *template, struct hdx_template_state *state, int64_t start, int64_t stop,
                   int64_t *numbers, const char *want, size_t size) {
  int64_t *streams[HDX_TEMPLATE_STREAMS_MAX];
  for (size_t i = 0; i < HDX_TEMPLATE_STREAMS_MAX; i++)
    streams[i] = numbers ? numbers + i : NULL;
  char *out = malloc(size + HDX_TEMPLATE_SLACK);
  size_t got = hdx_template_render(template, state, start, stop, streams, 0, out);
  if (got != size || memcmp(out, want, size) != 0)
    fail_msg("\"%.*s\", wanted was \"%.*s\" (%lld)", (int)got, out, (int)size, want, (long long)start);
  assert_int_equal(got, hdx_template_size(template, streams, 0));
  assert_true(got <= hdx_template_size_max(template));
  free(out);
}

/* ---- times ---- */

static int64_t random_time(int64_t last) {
  static const int64_t edges[] = {INT64_MIN + 1, INT64_MIN + DAY, INT64_MAX, INT64_MAX - DAY, 0, -1, 1};
  switch (below(8)) {
  case 0:
    return edges[below(sizeof edges / sizeof *edges)];
  case 1:
    return (int64_t)random_u64();
  case 2: /* a little later, across seconds, days and months */
  case 3:
    return (int64_t)((uint64_t)last + below(3) * (uint64_t)SECOND + below(2));
  case 4:
  case 5:
    return (int64_t)((uint64_t)last + below(40) * (uint64_t)DAY);
  case 6:
    return (int64_t)((uint64_t)last - below(40) * (uint64_t)DAY - below(100) * (uint64_t)SECOND);
  default:
    return calendar_day(1960 + (int)below(80), 1 + (int)below(12), 1 + (int)below(31)) + (int64_t)below((uint64_t)DAY);
  }
}

/* One template with these letters, once within an image and once too long for one. */
static void check_letters(const char *letters) {
  static char bytes[700], want[800];
  size_t count = strlen(letters);
  for (size_t pad = 3; pad <= 503; pad += 500) {
    const char head[] = {1, 0, 2, HDX_PART_TIME, 0, (char)count}; /* the start as it is */
    const char literal[] = {HDX_PART_LITERAL, (char)((pad & 127) | 128), (char)(pad >> 7)};
    memset(bytes, '-', sizeof bytes);
    memcpy(bytes, head, sizeof head);
    memcpy(bytes + sizeof head, letters, count);
    memcpy(bytes + sizeof head + count, literal, sizeof literal);
    struct hdx_template *template = create(bytes, sizeof head + count + sizeof literal + pad);
    struct hdx_template_state state = {0};
    int64_t time = 0;
    for (int i = 0; i < 1500; i++) {
      time = random_time(time);
      size_t size = calendar_letters(want, letters, count, time);
      memset(want + size, '-', pad);
      expect(template, &state, time, HDX_TIME_NONE, NULL, want, size + pad);
    }
    hdx_template_free(template);
  }
}

static void letters_are_as_the_calendar_has_them(void **state) {
  (void)state;
  static const char *const all[] = {"Y",      "y",  "m",       "d",  "j",      "H",       "M",   "S",   "L",
                                    "U",      "N",  "YmdHMSN", "Yj", "YjHMSL", "ymdHMSU", "dmY", "SMH", "NNNNNNNNNNNN",
                                    "jYdmjy", "HY", "mdjH"};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    check_letters(all[i]);
}

/* Days around the turns of years and months that are easily wrong, in and out of order. */
static void leap_years_are_known(void **state) {
  (void)state;
  struct hdx_template *template = create(BYTES("\x01\x00\x01\x01\x00\x04Ymdj"));
  struct hdx_template_state kept = {0};
  static const int years[] = {1678, 1700, 1896, 1900, 1904, 1969, 1970, 1972, 1999, 2000, 2100, 2261};
  for (size_t y = 0; y < sizeof years / sizeof *years; y++)
    for (int day = -3; day < 370; day++) {
      char want[32];
      struct hdx_template_state fresh = {0};
      int64_t time = calendar_day(years[y], 1, 1) + day * DAY + (day % 2 ? DAY - 1 : 0);
      size_t size = calendar_letters(want, "Ymdj", 4, time);
      expect(template, &kept, time, HDX_TIME_NONE, NULL, want, size);
      expect(template, &fresh, time, HDX_TIME_NONE, NULL, want, size);
    }
  hdx_template_free(template);
}

/* ---- by hand ---- */

#define T2012 INT64_C(1330560001123456789) /* 2012-03-01T00:00:01.123456789 */

static const struct {
  const char *bytes;
  size_t size;
  const char *want;
  int64_t start, stop, numbers[4];
  bool lost; /* the text alone does not tell the numbers */
} examples[] = {
    {BYTES("\x00\x00"), "", T2012, HDX_TIME_NONE, {0}, false},
    {BYTES("\x00\x01\x00\x03xyz"), "xyz", T2012, HDX_TIME_NONE, {0}, false},
    {BYTES("\x01\x00\x03\x01\x00\x03Ymd\x00\x01T\x01\x00\x04HMSL"),
     "20120301T000001123",
     T2012,
     HDX_TIME_NONE,
     {0},
     false},
    /* The stop, and both. */
    {BYTES("\x01\x80\x01\x01\x00\x02Yj"), "2012061", 0, T2012, {0}, false},
    {BYTES("\x02\x00\x80\x03\x01\x01\x02md\x00\x01_\x01\x00\x02md"), "0301_0101", 0, T2012, {0}, false},
    /* Units: days, hours … of the stream, from the time rounded down. */
    {BYTES("\x01\x01\x01\x01\x00\x06YmdHMS"), "20120229000000", T2012, HDX_TIME_NONE, {-1}, false},
    {BYTES("\x01\x02\x01\x01\x00\x05YmdHN"), "2012030102000000000", T2012, HDX_TIME_NONE, {2}, false},
    {BYTES("\x01\x03\x01\x01\x00\x06YmdHMS"), "20120229235900", T2012, HDX_TIME_NONE, {-1}, false},
    {BYTES("\x01\x04\x01\x01\x00\x07ymdHMSN"), "120229235959000000000", T2012, HDX_TIME_NONE, {-2}, false},
    {BYTES("\x01\x05\x01\x01\x00\x06YjHMSU"), "2012061000001125000", T2012, HDX_TIME_NONE, {2}, false},
    {BYTES("\x01\x06\x01\x01\x00\x06YjHMSN"), "2012061000001123459000", T2012, HDX_TIME_NONE, {3}, false},
    {BYTES("\x01\x07\x01\x01\x00\x06YjHMSN"), "2012061000001123456790", T2012, HDX_TIME_NONE, {1}, false},
    {BYTES("\x01\x81\x01\x01\x00\x03Ymd"), "20120302", 0, T2012, {1}, false},
    {BYTES("\x01\x04\x01\x01\x00\x02SN"), "00000000000", T2012, HDX_TIME_NONE, {-1}, true},
    /* Before 1970 as well it is rounded down. */
    {BYTES("\x01\x01\x01\x01\x00\x04YmdH"), "1969123100", -1, HDX_TIME_NONE, {0}, false},
    /* Numbers. */
    {BYTES("\x00\x01\x02\x05"), "00042", 0, HDX_TIME_NONE, {42}, false},
    {BYTES("\x00\x01\x02\x12"), "000000000000000042", 0, HDX_TIME_NONE, {42}, false},
    {BYTES("\x00\x01\x03"), "0", 0, HDX_TIME_NONE, {0}, false},
    {BYTES("\x00\x01\x03"), "999999999999999999", 0, HDX_TIME_NONE, {INT64_C(999999999999999999)}, false},
    {BYTES("\x00\x01\x04"), "007", 0, HDX_TIME_NONE, {1007}, false},
    {BYTES("\x00\x01\x04"), "000000000000000000", 0, HDX_TIME_NONE, {INT64_C(1000000000000000000)}, false},
    {BYTES("\x00\x05\x02\x02\x00\x01-\x03\x00\x01/\x05\x00"), "07-89/07", 0, HDX_TIME_NONE, {7, 89}, false},
    {BYTES("\x00\x05\x02\x02\x00\x01-\x03\x00\x01/\x05\x01"), "07-89/89", 0, HDX_TIME_NONE, {7, 89}, false},
    {BYTES("\x00\x03\x04\x00\x01-\x05\x00"), "012-012", 0, HDX_TIME_NONE, {1012}, false},
    {BYTES("\x00\x02\x03\x02\x01"), "123", 0, HDX_TIME_NONE, {12, 3}, true},
    /* Instants' streams come first, then those of the numbers. */
    {BYTES("\x02\x00\x01\x05\x02\x03\x01\x01\x03mdY\x00\x01_\x01\x00\x01Y\x03"),
     "00603032012_20129",
     T2012,
     HDX_TIME_NONE,
     {2, 6, 9},
     false},
    /* What no number can be is written all the same: a negative one as one of 64 bits. */
    {BYTES("\x00\x01\x03"), "18446744073709551615", 0, HDX_TIME_NONE, {-1}, true},
    {BYTES("\x00\x01\x04"), "8446744073709551615", 0, HDX_TIME_NONE, {-1}, true},
    {BYTES("\x00\x01\x04"), "", 0, HDX_TIME_NONE, {9}, true},
};

static void templates_by_hand_are_rendered(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
    int64_t numbers[HDX_TEMPLATE_STREAMS_MAX] = {0}, got[HDX_TEMPLATE_STREAMS_MAX] = {0};
    struct hdx_template *template = create(examples[i].bytes, examples[i].size);
    struct hdx_template_state rendered = {0}, matched = {0};
    struct hdx_text want = hdx_text_of(examples[i].want);
    memcpy(numbers, examples[i].numbers, sizeof examples[i].numbers);
    expect(template, &rendered, examples[i].start, examples[i].stop, numbers, want.data, want.size);
    if (hdx_template_match(template, &matched, want, examples[i].start, examples[i].stop, got) == examples[i].lost)
      fail_msg("example %zu, \"%s\"", i, examples[i].want);
    for (size_t s = 0; s < template->stream_count && !examples[i].lost; s++)
      assert_int_equal(got[s], numbers[s]);
    hdx_template_free(template);
  }
}

/* Texts that are nearly what a template gives. */
static void others_do_not_match(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t size;
    const char *text;
  } cases[] = {
      {BYTES("\x00\x01\x00\x03xyz"), "xyzz"},
      {BYTES("\x00\x01\x00\x03xyz"), "xy"},
      {BYTES("\x00\x01\x00\x03xyz"), ""},
      {BYTES("\x01\x00\x01\x01\x00\x03Ymd"), "20120302"},
      {BYTES("\x01\x00\x01\x01\x00\x03Ymd"), "2012030"},
      {BYTES("\x01\x80\x01\x01\x00\x03Ymd"), "20120301"}, /* there is no stop */
      {BYTES("\x00\x01\x02\x03"), "12"},
      {BYTES("\x00\x01\x02\x03"), "1234"},
      {BYTES("\x00\x01\x02\x03"), "1a3"},
      {BYTES("\x00\x01\x02\x03"), "-12"},
      {BYTES("\x00\x01\x03"), "012"},
      {BYTES("\x00\x01\x03"), ""},
      {BYTES("\x00\x01\x03"), "1234567890123456789"}, /* 19 digits */
      {BYTES("\x00\x01\x04"), "0000000000000000000"},
      {BYTES("\x00\x01\x04"), "1x"},
      {BYTES("\x00\x03\x03\x00\x01-\x05\x00"), "12-13"},
      {BYTES("\x00\x03\x03\x00\x01-\x05\x00"), "12-123"},
      {BYTES("\x00\x03\x03\x00\x01-\x05\x00"), "12-1"},
      {BYTES("\x01\x01\x01\x01\x00\x03Ymd"), "20120230"}, /* no such day */
      {BYTES("\x01\x01\x01\x01\x00\x03Ymd"), "20121301"},
      {BYTES("\x01\x01\x01\x01\x00\x03Ymd"), "20120001"},
      {BYTES("\x01\x01\x01\x01\x00\x03Ymd"), "20120100"},
      {BYTES("\x01\x01\x01\x01\x00\x03Ymd"), "16770101"}, /* out of the range of a row's time */
      {BYTES("\x01\x01\x01\x01\x00\x03Ymd"), "22620101"},
      {BYTES("\x01\x01\x01\x01\x00\x03Ymd"), "2012010a"},
      {BYTES("\x01\x01\x01\x01\x00\x02Yj"), "2011366"},
      {BYTES("\x01\x01\x01\x01\x00\x02Yj"), "2011000"},
      {BYTES("\x01\x01\x01\x01\x00\x02Yj"), "2261999"},
      {BYTES("\x01\x01\x01\x01\x00\x05YjHMS"), "2012061000001"}, /* no whole day away */
      {BYTES("\x01\x04\x01\x01\x00\x05YjHMS"), "2012061246060"},
      {BYTES("\x01\x04\x02\x01\x00\x03Ymd\x01\x00\x01j"), "20120301062"}, /* one day, told in two ways */
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int64_t got[HDX_TEMPLATE_STREAMS_MAX];
    struct hdx_template *template = create(cases[i].bytes, cases[i].size);
    struct hdx_template_state fresh = {0};
    struct hdx_text text = hdx_text_of(cases[i].text);
    char *exact = malloc(text.size ? text.size : 1);
    memcpy(exact, text.data, text.size);
    if (hdx_template_match(template, &fresh, (struct hdx_text){exact, text.size}, T2012, HDX_TIME_NONE, got))
      fail_msg("\"%s\" matches", cases[i].text);
    free(exact);
    hdx_template_free(template);
  }
}

/* ---- random ones ---- */

/* Parts with a literal between any two of them, so that numbers are told apart. */
static size_t random_template(char *bytes) {
  static const char letters[] = "YymdjHMSLUN";
  size_t at = 1, instants = below(4), parts = 0, numbers = 0, where;
  bytes[0] = (char)instants;
  for (size_t i = 0; i < instants; i++)
    bytes[at++] = (char)((below(2) ? 0 : below(8)) | (below(3) ? 0 : 0x80));
  where = at++;
  for (size_t n = 1 + below(12); n > 0; n--, parts += 2) {
    unsigned kind = 1 + (unsigned)below(5);
    kind = (kind == HDX_PART_TIME && !instants) || (kind == HDX_PART_REPEAT && !numbers) ? HDX_PART_PLAIN : kind;
    bytes[at++] = (char)kind;
    if (kind == HDX_PART_TIME) {
      size_t size = 1 + below(7);
      bytes[at++] = (char)below(instants);
      bytes[at++] = (char)size;
      for (size_t i = 0; i < size; i++)
        bytes[at++] = size == 7 ? "YmdHMSN"[i] : letters[below(11)];
    } else if (kind == HDX_PART_REPEAT) {
      bytes[at++] = (char)below(numbers);
    } else {
      numbers++;
      if (kind == HDX_PART_FIXED)
        bytes[at++] = (char)(1 + below(18));
    }
    size_t size = 1 + below(below(9) ? 20 : 100);
    bytes[at++] = HDX_PART_LITERAL;
    bytes[at++] = (char)size;
    memset(bytes + at, "_/x"[below(3)], size);
    at += size;
  }
  bytes[where] = (char)parts;
  return at;
}

enum { ROWS = 60 };
static int64_t starts[ROWS], stops[ROWS], numbers[HDX_TEMPLATE_STREAMS_MAX][ROWS], *streams[HDX_TEMPLATE_STREAMS_MAX];

static void random_rows(void) {
  int64_t time = random_time(0);
  for (size_t i = 0; i < ROWS; i++) {
    starts[i] = time = random_time(time);
    stops[i] = below(5) ? random_time(time) : HDX_TIME_NONE;
    for (size_t s = 0; s < HDX_TEMPLATE_STREAMS_MAX; s++)
      numbers[s][i] = below(2) ? (int64_t)below(20) + 10 : (int64_t)below(UINT64_C(1000000000000000000));
  }
  for (size_t s = 0; s < HDX_TEMPLATE_STREAMS_MAX; s++)
    streams[s] = numbers[s];
}

/* Renders rows in any order by one state; what matches by another one has the numbers that render it, by a third. */
static void what_matches_is_rendered_the_same(void **state) {
  (void)state;
  static char bytes[HDX_TEMPLATE_BYTES_MAX], text[HDX_TEMPLATE_TEXT_MAX + HDX_TEMPLATE_SLACK];
  size_t matches = 0;
  for (int round = 0; round < 1500; round++) {
    size_t size = random_template(bytes);
    struct hdx_template *template = create(bytes, size);
    struct hdx_template_state rendered = {0}, matched = {0}, again = {0};
    random_rows();
    for (size_t n = 0; n < 2 * ROWS; n++) {
      size_t row = n < ROWS ? n : below(ROWS);
      int64_t got[HDX_TEMPLATE_STREAMS_MAX];
      size_t length = hdx_template_render(template, &rendered, starts[row], stops[row], streams, row, text);
      assert_true(length <= hdx_template_size_max(template) && length >= template->size);
      if (!hdx_template_match(template, &matched, (struct hdx_text){text, length}, starts[row], stops[row], got))
        continue;
      matches++;
      expect(template, &again, starts[row], stops[row], got, text, length);
      struct hdx_template_state fresh = {0};
      expect(template, &fresh, starts[row], stops[row], got, text, length);
    }
    hdx_template_free(template);
  }
  assert_true(matches > 20000);
}

/* Runs of rows, any of them, are rendered as each alone is. */
static void rows_are_rendered_as_each_is(void **state) {
  (void)state;
  static char bytes[HDX_TEMPLATE_BYTES_MAX];
  for (int round = 0; round < 3000; round++) {
    size_t size = random_template(bytes);
    struct hdx_template *template = create(bytes, size);
    if (template->stream_count == 0) {
      struct hdx_template_state state_ = {0};
      struct hdx_text texts[ROWS];
      uint32_t rows[ROWS];
      size_t count = 0;
      random_rows();
      for (uint32_t i = 0; i < ROWS; i++)
        if (below(3))
          rows[count++] = i;
      char *out = malloc(count * template->size + HDX_TEMPLATE_SLACK);
      char *end = hdx_template_render_rows(template, &state_, starts, stops, rows, count, texts, out);
      assert_true(end == out + count * template->size);
      for (size_t i = 0; i < count; i++) {
        struct hdx_template_state fresh = {0};
        expect(template, &fresh, starts[rows[i]], stops[rows[i]], NULL, texts[i].data, texts[i].size);
      }
      free(out);
    }
    hdx_template_free(template);
  }
}

/* ---- limits and malformed ones ---- */

static void a_fixed_number_keeps_its_width(void **state) {
  (void)state;
  struct hdx_template *template = create(BYTES("\x00\x01\x02\x03"));
  struct hdx_template_state fresh = {0};
  int64_t numbers_[HDX_TEMPLATE_STREAMS_MAX] = {-1};
  expect(template, &fresh, 0, 0, numbers_, "615", 3); /* of 18446744073709551615 */
  hdx_template_free(template);
}

static void limits_are_kept(void **state) {
  (void)state;
  static char bytes[HDX_TEMPLATE_BYTES_MAX + 1], want[HDX_TEMPLATE_BYTES_MAX];
  struct hdx_template *template, *none = NULL;
  struct hdx_template_state fresh = {0};
  struct hdx_error error;
  /* The longest literal, whose varint takes two bytes. */
  const char head[] = {0, 1, 0, (char)(0x80 | ((4096 - 5) & 127)), (char)((4096 - 5) >> 7)};
  memset(bytes, 'z', sizeof bytes);
  memcpy(bytes, head, sizeof head);
  template = create(bytes, 4096);
  memset(want, 'z', sizeof want);
  expect(template, &fresh, 0, 0, NULL, want, 4096 - 5);
  hdx_template_free(template);
  assert_int_equal(hdx_template_create((struct hdx_text){bytes, 4097}, &none, &error), HDX_INTEGRITY);
  /* 64 numbers, and 8 instants: 72 streams. */
  memset(bytes, HDX_PART_PLAIN, 100);
  bytes[0] = 8;
  bytes[9] = 64;
  memset(bytes + 1, 1, 8);
  template = create(bytes, 10 + 64);
  assert_int_equal(template->stream_count, HDX_TEMPLATE_STREAMS_MAX);
  assert_int_equal(hdx_template_size_max(template), 64 * 20);
  hdx_template_free(template);
  bytes[9] = 65;
  assert_int_equal(hdx_template_create((struct hdx_text){bytes, 10 + 65}, &none, &error), HDX_INTEGRITY);
  assert_null(none);
}

static void malformed_templates_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t size;
  } cases[] = {
      {BYTES("")},                                             /* nothing */
      {BYTES("\x00")},                                         /* no number of parts */
      {BYTES("\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")}, /* nine instants */
      {BYTES("\x01\x08\x00")},                                 /* an unknown unit */
      {BYTES("\x01")},                                         /* no unit */
      {BYTES("\x00\x01")},                                     /* no part */
      {BYTES("\x00\x01\x06")},                                 /* an unknown part */
      {BYTES("\x00\x01\x00\x05xyz")},                          /* a literal that is longer */
      {BYTES("\x00\x01\x00\xff\xff\xff\xff\x7f")},             /* by far */
      {BYTES("\x00\x01\x00\x03xyzz")},                         /* a byte behind the last part */
      {BYTES("\x00\x01\x01\x00\x01Y")},                        /* an instant that is not there */
      {BYTES("\x01\x00\x01\x01\x01\x01Y")},                    /* another one */
      {BYTES("\x01\x00\x01\x01\x00\x00")},                     /* no letters */
      {BYTES("\x01\x00\x01\x01\x00\x0dYYYYYYYYYYYYY")},        /* thirteen */
      {BYTES("\x01\x00\x01\x01\x00\x02YQ")},                   /* no letter */
      {BYTES("\x01\x00\x01\x01\x00\x04Ymd")},                  /* letters missing */
      {BYTES("\x00\x01\x02\x00")},                             /* no digits */
      {BYTES("\x00\x01\x02\x13")},                             /* 19 digits */
      {BYTES("\x00\x01\x02")},                                 /* no width */
      {BYTES("\x00\x01\x05\x00")},                             /* repeats nothing */
      {BYTES("\x00\x02\x03\x05\x01")},                         /* repeats itself */
      {BYTES("\x00\x02\x00\x01x\x05\x00")},                    /* repeats a literal */
      {BYTES("\x00\x03\x03\x05\x00\x05\x01")},                 /* repeats a repeat */
  };
  struct hdx_template *times = NULL;
  struct hdx_error too_many = {0};
  char parts[3 + 22 * 15] = {1, 0, 22}; /* 264 pieces of digits */
  for (size_t p = 0; p < 22; p++)
    memcpy(parts + 3 + 15 * p, "\x01\x00\x0cSSSSSSSSSSSS", 15);
  assert_int_equal(hdx_template_create((struct hdx_text){parts, sizeof parts}, &times, &too_many), HDX_INTEGRITY);
  assert_string_equal(too_many.message, "template: too many times");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct hdx_template *none = NULL;
    struct hdx_error error = {0};
    char *exact = malloc(cases[i].size ? cases[i].size : 1);
    memcpy(exact, cases[i].bytes, cases[i].size);
    enum hdx_status status = hdx_template_create((struct hdx_text){exact, cases[i].size}, &none, &error);
    if (status != HDX_INTEGRITY || none || strncmp(error.message, "template: ", 10) != 0)
      fail_msg("case %zu: %d, %s", i, status, error.message);
    free(exact);
  }
}

/* Bytes of good templates changed: a refusal, or a template that renders within its bounds. */
static void damage_is_bounded(void **state) {
  (void)state;
  static char bytes[HDX_TEMPLATE_BYTES_MAX];
  random_rows();
  for (int round = 0; round < 20000; round++) {
    struct hdx_template *template = NULL;
    struct hdx_error error = {0};
    size_t size = random_template(bytes);
    for (size_t n = 1 + below(3); n > 0; n--)
      bytes[below(below(2) ? size : 9)] = (char)(below(2) ? below(12) : below(256));
    if (hdx_template_create((struct hdx_text){bytes, size - below(2)}, &template, &error) != HDX_OK) {
      assert_int_equal(error.status, HDX_INTEGRITY);
      continue;
    }
    struct hdx_template_state fresh = {0};
    char *out = malloc(hdx_template_size_max(template) + HDX_TEMPLATE_SLACK);
    for (size_t row = 0; row < 4; row++)
      assert_true(hdx_template_render(template, &fresh, starts[row], stops[row], streams, row, out) <=
                  hdx_template_size_max(template));
    free(out);
    hdx_template_free(template);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(letters_are_as_the_calendar_has_them), cmocka_unit_test(leap_years_are_known),
      cmocka_unit_test(templates_by_hand_are_rendered),       cmocka_unit_test(others_do_not_match),
      cmocka_unit_test(what_matches_is_rendered_the_same),    cmocka_unit_test(rows_are_rendered_as_each_is),
      cmocka_unit_test(a_fixed_number_keeps_its_width),       cmocka_unit_test(limits_are_kept),
      cmocka_unit_test(malformed_templates_are_refused),      cmocka_unit_test(damage_is_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
