/* Finding templates: names as archives have them follow from their rows' times with the numbers one expects and no
 * more; whatever was found, no text that it matches is rendered otherwise. */
#include "codec/template.h"

#include "base/error.h"
#include "calendar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROWS = 700 };

static uint64_t seed = 17;
static char memory[ROWS][512];
static struct hdx_text texts[ROWS];
static int64_t start[ROWS], stop[ROWS];
static uint32_t all[ROWS];

static uint64_t below(uint64_t n) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return (seed >> 8) % n;
}

/* ---- names ---- */

/* As snprintf, but that {Ymd} are letters of a row's start, <Ymd> of its stop, and [Ymd] of a third time. */
static void name(size_t row, int64_t third, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void name(size_t row, int64_t third, const char *format, ...) {
  char plain[512], *at = memory[row];
  va_list args;
  va_start(args, format);
  vsnprintf(plain, sizeof plain, format, args);
  va_end(args);
  for (const char *c = plain; *c; c++) {
    size_t letters = strcspn(c + 1, "}>]");
    if (*c == '{')
      at += calendar_letters(at, c + 1, letters, start[row]);
    else if (*c == '<')
      at += calendar_letters(at, c + 1, letters, stop[row]);
    else if (*c == '[')
      at += calendar_letters(at, c + 1, letters, third);
    else {
      *at++ = *c;
      continue;
    }
    c += letters + 1;
  }
  texts[row] = (struct hdx_text){memory[row], (size_t)(at - memory[row])};
}

/* Rows of a cadence; each lasts a little more than half of it. */
static void rows(int64_t begin, int64_t step, int64_t jitter) {
  for (size_t i = 0; i < ROWS; i++) {
    start[i] = begin + (int64_t)i * step + (jitter ? (int64_t)below((uint64_t)jitter) : 0);
    stop[i] = start[i] + step / 2 + 3 * SECOND;
    all[i] = (uint32_t)i;
  }
}

/* Infers from all rows. Expects that all match and are rendered again, with so many streams. */
static struct hdx_template *expect_found(const char *what, size_t streams) {
  struct hdx_template *template = NULL;
  struct hdx_buffer bytes;
  struct hdx_error error;
  int64_t numbers[HDX_TEMPLATE_STREAMS_MAX], *views[HDX_TEMPLATE_STREAMS_MAX];
  for (size_t s = 0; s < HDX_TEMPLATE_STREAMS_MAX; s++)
    views[s] = numbers + s;
  hdx_buffer_init(&bytes, SIZE_MAX);
  if (!hdx_template_infer(texts, start, stop, all, ROWS, &bytes))
    fail_msg("%s: nothing was found", what);
  assert_int_equal(hdx_template_create(hdx_buffer_text(&bytes), &template, &error), HDX_OK);
  struct hdx_template_state matched = {0}, rendered = {0};
  for (size_t i = 0; i < ROWS; i++) {
    char out[600 + HDX_TEMPLATE_SLACK];
    if (!hdx_template_match(template, &matched, texts[i], start[i], stop[i], numbers))
      fail_msg("%s: %.*s does not match", what, HDX_TEXT_ARG(texts[i]));
    size_t size = hdx_template_render(template, &rendered, start[i], stop[i], views, 0, out);
    assert_int_equal(size, texts[i].size);
    assert_memory_equal(out, texts[i].data, size);
  }
  if (template->stream_count != streams)
    fail_msg("%s: %zu streams, %zu were expected", what, template->stream_count, streams);
  hdx_buffer_deinit(&bytes);
  return template;
}

static void found(const char *what, size_t streams) {
  hdx_template_free(expect_found(what, streams));
}

/* ---- families ---- */

#define MINUTE (60 * SECOND)
static const int64_t origins[] = {INT64_C(1283299200) * SECOND /* 2010 */, INT64_C(-378691200) * SECOND /* 1958 */,
                                  INT64_C(951696000) * SECOND /* 2000-02-28 */,
                                  INT64_C(-9214560000) * SECOND /* 1678 */,
                                  INT64_C(9131270400) * SECOND /* 2259, into 2261 */};

static void names_follow_from_their_start(void **state) {
  (void)state;
  for (size_t o = 0; o < sizeof origins / sizeof *origins; o++) {
    rows(origins[o] + 1 * SECOND, 6 * MINUTE, 0);
    for (size_t i = 0; i < ROWS; i++)
      name(i, 0, "s3://x/sdo/aia/{Y}/{m}/{d}/0094/sdo_aia_h2_{Ymd}T{HMS}_0094_v1.fits");
    found("AIA", 0);
    rows(origins[o], DAY, 0);
    for (size_t i = 0; i < ROWS; i++)
      name(i, 0, "s3://x/mms/mms1/fgm/srvy/l2/{Y}/mms1_fgm_srvy_l2_{Ymd}_v5.92.0.cdf");
    found("MMS, one a day", 0);
    for (size_t i = 0; i < ROWS; i++)
      name(i, 0, "ac_h0_mfi_{Ymd}_v06.cdf");
    found("CDAWeb", 0);
    for (size_t i = 0; i < ROWS; i++)
      name(i, 0, "data/{Y}/{j}/f{Yj}.dat");
    found("days of the year", 0);
    for (size_t i = 0; i < ROWS; i++)
      name(i, 0, "k0/{y}{m}{d}/k0_{ymd}.cdf");
    found("years of two digits", 0);
    rows(origins[o], 7 * MINUTE + 123456789, 1000);
    for (size_t i = 0; i < ROWS; i++)
      name(i, 0, "hmi.{Ymd}_{HMSL}.fits|{YmdHMSL}|{YmdHMSU}|{YmdHMSN}|{Y}-{m}-{d}T{H}:{M}:{S}.{U}Z");
    found("fractions of a second", 0);
  }
}

static void names_follow_from_both_ends(void **state) {
  (void)state;
  rows(origins[0], 5 * 3600 * SECOND + 7 * SECOND, 3600 * SECOND);
  for (size_t i = 0; i < ROWS; i++)
    name(i, 0, "rbsp-a_{Ymd}T{HMS}_<Ymd>T<HMS>.nc");
  struct hdx_template *template = expect_found("start and stop", 0);
  assert_true(template->needs_stop);
  hdx_template_free(template);
}

static void names_are_near_their_row(void **state) {
  (void)state;
  for (size_t o = 0; o < sizeof origins / sizeof *origins; o++) {
    /* The name says the day after, or now and then the same one. */
    rows(origins[o] + 7 * MINUTE, 6 * 3600 * SECOND, MINUTE);
    for (size_t i = 0; i < ROWS; i++)
      name(i, start[i] + DAY, "f_[Ymd]_x.cdf");
    found("a day off", 1);
    for (size_t i = 0; i < ROWS; i++)
      name(i, start[i] - DAY * (int64_t)below(2), "f_[Yj]_x.cdf");
    found("at times a day off", 1);
    /* Seconds off, as exposures are named by their middle. */
    rows(origins[o], 90 * MINUTE, 0);
    for (size_t i = 0; i < ROWS; i++)
      name(i, start[i] + SECOND * (int64_t)below(1700), "x/{Y}/eit_[Ymd]_[HMS]_l1.fits");
    found("seconds off", 1);
    for (size_t i = 0; i < ROWS; i++)
      name(i, start[i] - 5 * SECOND, "eit_[YmdHMS].fits");
    found("seconds off in one run", 1);
    /* Within the hour behind the start: the date alone is moved at midnight, before it is seen that the clock is too.
     */
    rows(origins[o] / (3600 * SECOND) * (3600 * SECOND), 3600 * SECOND, 0);
    for (size_t i = 0; i < ROWS; i++) {
      start[i] += 30 * MINUTE;
      name(i, start[i] + MINUTE * (int64_t)below(50), "x_[Ymd]_[HM].fits");
    }
    found("minutes off, over midnight", 1);
  }
}

static void names_have_numbers(void **state) {
  (void)state;
  rows(origins[0], 97 * MINUTE, 0);
  for (size_t i = 0; i < ROWS; i++)
    name(i, 0, "orbit_%05zu/tim_o%05zu_{Ymd}.sav", 31900 + i / 3, 31900 + i / 3);
  found("an orbit, twice", 1);
  for (size_t i = 0; i < ROWS; i++)
    name(i, 0, "f%zu.dat", i + 1);
  found("a counter", 1);
  for (size_t i = 0; i < ROWS; i++)
    name(i, 0, "f_%03zu.dat", 900 + i);
  found("a counter that grows beyond its zeros", 1);
  for (size_t i = 0; i < ROWS; i++)
    name(i, 0, "f_%02zu.dat", 1 + i);
  found("a counter with zeros that grows", 1);
  for (size_t i = 0; i < ROWS; i++)
    name(i, 0, "{Ymd}%04zu_%zu", i, below(100000));
  found("a date with a counter at once", 2);
  for (size_t i = 0; i < ROWS; i++)
    name(i, 0, "%018llu-%zu", 900000000000000000ull + below(1000000), i);
  found("18 digits", 2);
}

/* A template has eight times at the most: what else is a time is a number, or is left to be found by digits. */
static void names_have_more_times_than_a_template(void **state) {
  (void)state;
  static const char *const names[] = {
      "[Ymd]T[HMS]-[Ymd]T[HMS]-[Ymd]T[HMS]-[Ymd]T[HMS]-[Ymd]T[HMS]-[Ymd]T[HMS]-[Ymd]T[HMS]-[Ymd]T[HMS]-[Ymd]T[HMS]",
      "[Ymd]T[HMS]-[Ymd]T[HMS]-[Ymd]T[HMS]-[Ymd]T[HMS]-[Ymd]T[HMS]-[Ymd]T[HMS]-[Ymd]T[HMS]-[Ymd]T[HMS]-{Ymd}",
      "[Ymd]T[HMS]-[Ymd]T[HMS]-[Ymd]T[HMS]-[Ymd]T[HMS]-[Ymd]T[HMS]-[Ymd]T[HMS]-[Ymd]T[HMS]-[Ymd]-[Ymd]T[HMS]",
  };
  static const size_t streams[] = {8 + 2, 8 + 1, 8 + 1};
  for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
    rows(origins[0], 90 * MINUTE, 0);
    for (size_t i = 0; i < ROWS; i++)
      name(i, start[i] + DAY - SECOND * (int64_t)(1 + below(1700)), "%s", names[n]);
    struct hdx_template *template = expect_found(names[n], streams[n]);
    assert_int_equal(template->instant_count, HDX_TEMPLATE_INSTANTS_MAX);
    hdx_template_free(template);
  }
}

/* What is no time is not taken for one: it is the same where the time is another. */
static void versions_are_no_times(void **state) {
  (void)state;
  struct hdx_template_state fresh = {0};
  int64_t numbers[HDX_TEMPLATE_STREAMS_MAX];
  rows(origins[0] + 6 * 3600 * SECOND, DAY, 0);
  for (size_t i = 0; i < ROWS; i++)
    name(i, 0, "x_{Ymd}_v06.cdf");
  struct hdx_template *template = expect_found("v06 of rows at 6 o'clock", 0);
  start[5] += 3600 * SECOND;
  assert_true(hdx_template_match(template, &fresh, texts[5], start[5], stop[5], numbers));
  hdx_template_free(template);
  rows(INT64_C(1577836800) * SECOND, DAY, 0); /* 2020 and 2021 */
  for (size_t i = 0; i < ROWS; i++)
    name(i, 0, "set2020/{Ymd}_%u.cdf", 2020u);
  found("a constant 2020 of rows of two years", 0);
  rows(origins[0], MINUTE, 0); /* all on one day: a constant 10 is no hour, though the first rows are of 10 o'clock */
  for (size_t i = 0; i < ROWS; i++)
    name(i, 0, "e10_{Ymd}_{HM}.cdf");
  found("a constant 10", 0);
}

/* Only a part of the rows is alike: the template is of that part. */
static void others_are_left_alone(void **state) {
  (void)state;
  rows(origins[0], 3 * 3600 * SECOND, 0);
  struct hdx_buffer bytes;
  hdx_buffer_init(&bytes, SIZE_MAX);
  for (size_t i = 0; i < ROWS; i++)
    name(i, 0, i % 3 ? "b/{Ymd}_{HMS}.txt" : "a/{Yj}/%zu.cdf", i);
  assert_true(hdx_template_infer(texts, start, stop, all, ROWS, &bytes));
  struct hdx_template *template = NULL;
  struct hdx_template_state kept = {0};
  assert_int_equal(hdx_template_create(hdx_buffer_text(&bytes), &template, NULL), HDX_OK);
  for (size_t i = 0; i < ROWS; i++) {
    int64_t numbers[HDX_TEMPLATE_STREAMS_MAX];
    assert_int_equal(hdx_template_match(template, &kept, texts[i], start[i], stop[i], numbers), i % 3 == 0);
  }
  hdx_template_free(template);
  hdx_buffer_deinit(&bytes);
}

/* Texts that no template is for. */
static void nothing_is_found(void **state) {
  (void)state;
  static char large[5000];
  struct hdx_buffer bytes;
  hdx_buffer_init(&bytes, SIZE_MAX);
  rows(origins[0], DAY, 0);
  for (size_t i = 0; i < ROWS; i++)
    name(i, 0, "x%025zu", i * 7919); /* a number of too many digits */
  assert_false(hdx_template_infer(texts, start, stop, all, ROWS, &bytes));
  for (size_t i = 0; i < ROWS; i++) /* too many numbers */
    name(i, 0, "1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16-17-18-19-20-21-22-23-24-25-26-27-28-29-30-31");
  assert_false(hdx_template_infer(texts, start, stop, all, ROWS, &bytes));
  memset(large, 'x', sizeof large);
  for (size_t i = 0; i < ROWS; i++)
    texts[i] = (struct hdx_text){large, sizeof large};
  assert_false(hdx_template_infer(texts, start, stop, all, ROWS, &bytes));
  assert_int_equal(bytes.size, 0);
  hdx_buffer_deinit(&bytes);
}

/* ---- any texts ---- */

static void random_text(size_t row, unsigned kind) {
  static const char *const pieces[] = {"a",        "_",          "0",     "00",   "1",   "12",    "2012",
                                       "20120301", "9999999999", ".fits", "v",    "{Y}", "{m}",   "{d}",
                                       "{HMS}",    "{Ymd}",      "<Ymd>", "<HM>", "{j}", "[Ymd]", "[HMS]"};
  char format[128] = "";
  uint64_t was = seed;
  if (kind % 3) /* the same pieces in most rows */
    seed = kind * 977 + 1;
  size_t count = 1 + below(9);
  for (size_t i = 0; i < count; i++)
    strcat(format, pieces[below(sizeof pieces / sizeof *pieces)]);
  seed = kind % 3 ? was : seed;
  name(row, start[row] + (int64_t)(below(3) - 1) * (below(2) ? DAY : 77 * SECOND), "%s%llu", format,
       below(3) ? 7 : (unsigned long long)below(1000));
}

static void what_is_found_is_right_or_does_not_match(void **state) {
  (void)state;
  size_t matches = 0;
  for (unsigned round = 0; round < 1500; round++) {
    struct hdx_template *template = NULL;
    struct hdx_buffer bytes;
    int64_t numbers[HDX_TEMPLATE_STREAMS_MAX], *views[HDX_TEMPLATE_STREAMS_MAX];
    size_t count = 1 + below(100);
    hdx_buffer_init(&bytes, SIZE_MAX);
    rows(origins[round % 5], (int64_t)(1 + below(10000)) * (below(2) ? SECOND : 10 * SECOND), SECOND);
    for (size_t i = 0; i < count; i++) {
      stop[i] = below(3) || round % 2 ? stop[i] : HDX_TIME_NONE;
      stop[i] = stop[i] == HDX_TIME_NONE ? start[i] : stop[i];
      random_text(i, round);
      stop[i] = round % 7 ? stop[i] : HDX_TIME_NONE;
    }
    for (size_t s = 0; s < HDX_TEMPLATE_STREAMS_MAX; s++)
      views[s] = numbers + s;
    if (hdx_template_infer(texts, start, round % 5 ? stop : NULL, all, count, &bytes)) {
      struct hdx_template_state matched = {0}, rendered = {0};
      struct hdx_error error = {0};
      if (hdx_template_create(hdx_buffer_text(&bytes), &template, &error) != HDX_OK)
        fail_msg("%s", error.message);
      for (size_t i = 0; i < count; i++) {
        if (!hdx_template_match(template, &matched, texts[i], start[i], stop[i], numbers))
          continue;
        char out[600 + HDX_TEMPLATE_SLACK];
        size_t size = hdx_template_render(template, &rendered, start[i], stop[i], views, 0, out);
        assert_int_equal(size, texts[i].size);
        assert_memory_equal(out, texts[i].data, size);
        matches++;
      }
      hdx_template_free(template);
    }
    hdx_buffer_deinit(&bytes);
  }
  assert_true(matches > 10000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_follow_from_their_start),
      cmocka_unit_test(names_follow_from_both_ends),
      cmocka_unit_test(names_are_near_their_row),
      cmocka_unit_test(names_have_numbers),
      cmocka_unit_test(names_have_more_times_than_a_template),
      cmocka_unit_test(versions_are_no_times),
      cmocka_unit_test(others_are_left_alone),
      cmocka_unit_test(nothing_is_found),
      cmocka_unit_test(what_is_found_is_right_or_does_not_match),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
