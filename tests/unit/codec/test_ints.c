/* Integer streams: whatever the numbers are, and whatever was written before them, they come back, whole and in part;
 * and data as observations have it takes no more bytes than it should. (Streams made by hand: test_ints_bytes.c.) */
#include "codec/ints.h"

#include "base/error.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t seed = 1;
static struct hdx_zstd *zstd;
static struct hdx_ints_encoder encoder;

static uint64_t random_u64(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed * UINT64_C(0x2545f4914f6cdd1d);
}

static int64_t below(uint64_t n) {
  return (int64_t)(random_u64() % n);
}

/* About a normal distribution of this deviation, cut at six. */
static int64_t bell(double sigma) {
  double sum = 0;
  for (int i = 0; i < 12; i++)
    sum += (double)(random_u64() >> 11) * 0x1p-53;
  return (int64_t)lround((sum - 6) * sigma);
}

static int64_t sum_of(int64_t a, uint64_t b) {
  return (int64_t)((uint64_t)a + b);
}

/* ---- kinds of data ---- */

enum kind {
  CONSTANT,
  CLOCK,
  CLOCK_MISSES,
  SPARSE_ENDS,   /* all alike but the first and the last */
  SPARSE_WILD,   /* all alike but a few of any size */
  SAWTOOTH,      /* counters that begin anew */
  UNIFORM,       /* in units */
  BELL,          /* in units */
  OUTLIERS,      /* a bell, and now and then anything */
  LEVELS,        /* a bell whose middle drifts */
  WIDE,          /* all 64 bits */
  EXTREMES,      /* the least and the greatest there are */
  TWO_FAR,       /* two values, one of them rare */
  HUGE_UNIT,     /* multiples of more than 2^62 */
  NAMES,         /* few values far apart, any order */
  UNIFORM_STEPS, /* differences of each of these */
  BELL_STEPS,
  NAMED_STEPS,
  OVERFLOWING, /* steps of more than 2^63 either way */
  DESCENDING,
  MOST_KEEP, /* a unit that most keep, but not all */
  GROUPS,    /* groups of 256 of different widths */
  KINDS
};

static const int64_t names[] = {-7, 94, 131, 171000, INT64_C(1) << 40, 304, 335000000, -(INT64_C(1) << 50)};

static int64_t value_of(enum kind kind, size_t i, size_t count, int64_t base, int64_t last) {
  switch (kind) {
  case CONSTANT:
    return base;
  case CLOCK:
    return sum_of(base, i * UINT64_C(12000000000));
  case CLOCK_MISSES:
    return sum_of(last, UINT64_C(12000000000) * (uint64_t)(below(100) ? 1 : 2 + below(5)));
  case SPARSE_ENDS:
    return i == 0 || i + 1 == count ? base - 1 : base;
  case SPARSE_WILD:
    return below(40) ? 5 : (int64_t)random_u64();
  case SAWTOOTH:
    return (int64_t)(i % 97) - 40;
  case UNIFORM:
    return base + 2880 * below(4096);
  case BELL:
    return base + 2880 * bell(8);
  case OUTLIERS:
    return i % 300 == 299 ? (int64_t)random_u64() : bell(50);
  case LEVELS:
    return (int64_t)(i / 128 * 40 * (i / 2000 % 2 ? 3 : 1)) + bell(3);
  case WIDE:
    return (int64_t)random_u64();
  case EXTREMES:
    return below(2) ? INT64_MIN : INT64_MAX;
  case TWO_FAR:
    return below(9) ? INT64_MIN + 3 : INT64_MAX - 8;
  case HUGE_UNIT:
    return sum_of(-5, (uint64_t)below(3) * (UINT64_C(5) << 60));
  case NAMES:
    return names[below(sizeof names / sizeof *names)];
  case UNIFORM_STEPS:
    return sum_of(last, (uint64_t)below(1 << 20) * 1000);
  case BELL_STEPS:
    return sum_of(last, (uint64_t)(100000 + bell(20)));
  case NAMED_STEPS:
    return sum_of(last, (uint64_t)names[below(sizeof names / sizeof *names)]);
  case OVERFLOWING:
    return i % 2 ? INT64_MAX - below(1000) : INT64_MIN + below(1000);
  case DESCENDING:
    return sum_of(last, 0 - (uint64_t)below(3));
  case MOST_KEEP:
    return 2880 * (900 + bell(100)) + (below(5) ? 0 : below(2880));
  default:
    return (int64_t)(random_u64() >> (i / 256 % 2 ? 61 : 30));
  }
}

static void fill(int64_t *values, size_t count, enum kind kind) {
  int64_t base = (int64_t)(random_u64() >> 3), last = base;
  for (size_t i = 0; i < count; i++)
    last = values[i] = value_of(kind, i, count, base, last);
}

/* ---- there and back ---- */

/* The bytes of the stream alone in memory of their own: behind them there is nothing that may be read. */
static uint8_t *encode(const int64_t *values, size_t count, struct hdx_ints_habit *habit, size_t *size) {
  static const char before[] = "bytes of another column";
  struct hdx_buffer out;
  struct hdx_error error = {0};
  hdx_buffer_init(&out, 1 << 24);
  hdx_buffer_append(&out, before, sizeof before);
  if (hdx_ints_encode(&encoder, values, count, habit, &out, &error) != HDX_OK)
    fail_msg("%s", error.message);
  assert_memory_equal(out.data, before, sizeof before);
  *size = out.size - sizeof before;
  uint8_t *exact = malloc(*size);
  memcpy(exact, out.data + sizeof before, *size);
  hdx_buffer_deinit(&out);
  return exact;
}

/* Encodes, decodes and compares. Gives the size; *tag says how. */
static size_t roundtrip(const int64_t *values, size_t count, struct hdx_ints_habit *habit, uint8_t *tag) {
  struct hdx_error error = {0};
  struct hdx_ints ints;
  size_t size;
  uint8_t *bytes = encode(values, count, habit, &size);
  int64_t *got = malloc(count * sizeof *got);
  hdx_ints_init(&ints);
  if (hdx_ints_decode(&ints, zstd, bytes, size, count, got, &error) != HDX_OK)
    fail_msg("%s", error.message);
  assert_memory_equal(got, values, count * sizeof *values);
  if (tag)
    *tag = bytes[0];
  hdx_ints_deinit(&ints);
  free(got);
  free(bytes);
  return size;
}

static const size_t counts[] = {1, 2, 3, 4, 5, 255, 256, 257, 1023, 1024, 1025, 1153, 8192};
enum { COUNTS = sizeof counts / sizeof *counts };
static int64_t values[HDX_INTS_MAX], others[HDX_INTS_MAX];

static void every_kind_comes_back(void **state) {
  (void)state;
  unsigned tags = 0;
  bool leveled = false;
  for (int kind = 0; kind < KINDS; kind++)
    for (size_t c = 0; c <= COUNTS; c++) {
      size_t count = c < COUNTS ? counts[c] : HDX_INTS_MAX;
      struct hdx_ints_habit habit = {0};
      uint8_t tag;
      fill(values, count, (enum kind)kind);
      roundtrip(values, count, NULL, &tag);
      tags |= 1u << tag;
      roundtrip(values, count, &habit, &tag);
      leveled |= habit.form & HDX_INTS_LEVELS && (tag & HDX_INTS_BODY) == HDX_INTS_SYMBOLS;
      roundtrip(values, count, &habit, &tag);
    }
  /* All bodies, with and without predictor. Otherwise this would not test what it says. */
  assert_int_equal(tags & ~(1u << (HDX_INTS_SPLIT | HDX_INTS_DELTA)), 0x3f | 0x1fu << 16);
  assert_true(leveled);
}

/* A habit is about other data: it may cost bytes, never the numbers. */
static void habits_of_other_data_do_no_harm(void **state) {
  (void)state;
  for (int first = 0; first < KINDS; first++)
    for (int second = 0; second < KINDS; second++)
      for (size_t c = 0; c < COUNTS; c++) {
        struct hdx_ints_habit habit = {0};
        size_t before = c % 3 ? counts[c] : 1024, size, fresh;
        if (counts[c] == 8192 && (first + second) % 5)
          continue;
        fill(others, before, (enum kind)first);
        roundtrip(others, before, &habit, NULL);
        fill(values, counts[c], (enum kind)second);
        size = roundtrip(values, counts[c], &habit, NULL);
        fresh = roundtrip(values, counts[c], NULL, NULL);
        /* A quarter more than what the habit cost is let pass, and 64 bytes; or it is looked at anew. */
        if (habit.known)
          assert_true(size <= fresh + fresh / 4 + 64 || size * 1024 / counts[c] <= habit.cost + habit.cost / 4 + 65536);
      }
}

/* Reads every range of a stream into memory that is as large as ints.h says, and no larger. */
static void check_ranges(const int64_t *want, size_t count, size_t step) {
  struct hdx_error error;
  struct hdx_ints ints;
  size_t size;
  uint8_t *bytes = encode(want, count, NULL, &size);
  hdx_ints_init(&ints);
  assert_int_equal(hdx_ints_open(&ints, zstd, bytes, size, count, &error), HDX_OK);
  bool delta = ints.tag & HDX_INTS_DELTA;
  for (size_t from = 0; from <= count; from += step)
    for (size_t to = from; to <= count; to += step) {
      size_t room = delta ? to : to - from;
      int64_t *got = malloc(room ? room * sizeof *got : 1);
      hdx_ints_read(&ints, from, to, got);
      if (to > from)
        assert_memory_equal(got, want + from, (to - from) * sizeof *got);
      free(got);
    }
  hdx_ints_deinit(&ints);
  free(bytes);
}

static void parts_equal_the_whole(void **state) {
  (void)state;
  for (int kind = 0; kind < KINDS; kind++) {
    fill(values, 1300, (enum kind)kind);
    check_ranges(values, 40, 1);
    check_ranges(values, 300, 11);
    check_ranges(values, 1300, 43);
    fill(values, 8192, (enum kind)kind); /* where symbols have bits behind them */
    check_ranges(values, 8192, 911);
  }
}

/* An object that has read one stream reads any other: nothing of the last one shines through. */
static void an_object_is_used_again(void **state) {
  (void)state;
  struct hdx_error error;
  struct hdx_ints ints;
  hdx_ints_init(&ints);
  for (int round = 0; round < 1500; round++) {
    size_t count = 1 + (size_t)below(round % 50 ? 400 : 9000), size;
    int64_t *got = malloc(count * sizeof *got);
    fill(values, count, (enum kind)below(KINDS));
    uint8_t *bytes = encode(values, count, NULL, &size);
    assert_int_equal(hdx_ints_decode(&ints, zstd, bytes, size, count, got, &error), HDX_OK);
    assert_memory_equal(got, values, count * sizeof *got);
    free(bytes);
    free(got);
  }
  hdx_ints_deinit(&ints);
}

/* Any mixture: runs of different kinds one behind the other, of any length. */
static void mixtures_come_back(void **state) {
  (void)state;
  struct hdx_ints_habit habit = {0};
  for (int round = 0; round < 1500; round++) {
    size_t count = 0, want = 1 + (size_t)below(round % 20 ? 600 : 5000);
    while (count < want) {
      size_t run = 1 + (size_t)below(want - count);
      fill(values + count, run, (enum kind)below(KINDS));
      count += run;
    }
    roundtrip(values, count, round % 2 ? &habit : NULL, NULL);
  }
}

/* ---- sizes ---- */

static double entropy_bytes(const int64_t *at, size_t count, int64_t least, int64_t unit) {
  static uint32_t often[65536];
  double bits = 0;
  memset(often, 0, sizeof often);
  for (size_t i = 0; i < count; i++)
    often[(at[i] - least) / unit]++;
  for (size_t s = 0; s < 65536; s++)
    bits += often[s] ? often[s] * log2((double)count / often[s]) : 0;
  return bits / 8;
}

static void noise_takes_its_entropy(void **state) {
  (void)state;
  uint8_t tag;
  for (int round = 0; round < 20; round++) {
    for (int i = 0; i < 8192; i++)
      values[i] = 2880 * (5000 + bell(8));
    double bytes = entropy_bytes(values, 8192, 0, 2880);
    size_t size = roundtrip(values, 8192, NULL, &tag);
    if ((double)size > bytes * 1.03 + 100)
      fail_msg("%zu bytes, the entropy is %.0f", size, bytes);
    assert_int_equal(tag, HDX_INTS_SYMBOLS);
  }
  /* A middle that drifts by far more than the noise, which is 3.6 bits. */
  fill(values, 8192, LEVELS);
  assert_true(roundtrip(values, 8192, NULL, &tag) < 8192 * 4.2 / 8);
  assert_int_equal(tag, HDX_INTS_SYMBOLS);
  /* Uniform noise has no shape: the bits, and a few bytes. */
  fill(values, 8192, UNIFORM);
  assert_true(roundtrip(values, 8192, NULL, &tag) <= 8192 * 12 / 8 + 60);
  fill(values, 8192, WIDE);
  assert_true(roundtrip(values, 8192, NULL, &tag) <= 8192 * 8 + 20);
}

static void regular_data_is_tiny(void **state) {
  (void)state;
  uint8_t tag;
  fill(values, 8192, CONSTANT);
  assert_true(roundtrip(values, 8192, NULL, &tag) <= 11);
  fill(values, 8192, CLOCK);
  assert_true(roundtrip(values, 8192, NULL, &tag) <= 22);
  assert_int_equal(tag, HDX_INTS_CONSTANT | HDX_INTS_DELTA);
  fill(values, 8192, CLOCK_MISSES);
  assert_true(roundtrip(values, 8192, NULL, &tag) < 200);
  assert_int_equal(tag, HDX_INTS_SPARSE | HDX_INTS_DELTA);
  fill(values, 8192, SPARSE_ENDS);
  assert_true(roundtrip(values, 8192, NULL, &tag) < 50);
  fill(values, 8192, SAWTOOTH);
  assert_true(roundtrip(values, 8192, NULL, &tag) < 200);
  fill(values, 8192, NAMES); /* eight names: three bits each, but for what zstd takes for matches */
  assert_true(roundtrip(values, 8192, NULL, &tag) < 8192 * 3.3 / 8);
  assert_int_equal(tag, HDX_INTS_NAMED);
  fill(values, 8192, EXTREMES); /* one bit each */
  assert_true(roundtrip(values, 8192, NULL, &tag) < 8192 / 8 + 60);
}

static void too_large_a_buffer_is_refused(void **state) {
  (void)state;
  struct hdx_buffer out;
  struct hdx_error error;
  for (int kind = 0; kind < KINDS; kind++)
    for (size_t max = 0; max < 40; max += 3) {
      fill(values, 3000, (enum kind)kind);
      hdx_buffer_init(&out, max);
      enum hdx_status status = hdx_ints_encode(&encoder, values, 3000, NULL, &out, &error);
      assert_true(status == HDX_LIMIT || (status == HDX_OK && out.size <= max));
      hdx_buffer_deinit(&out);
    }
}

static int setup(void **state) {
  (void)state;
  zstd = hdx_zstd_create();
  hdx_ints_encoder_init(&encoder, zstd);
  encoder.thorough = true; /* levels and all */
  return zstd ? 0 : 1;
}

static int teardown(void **state) {
  (void)state;
  hdx_ints_encoder_deinit(&encoder);
  hdx_zstd_free(zstd);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_comes_back), cmocka_unit_test(habits_of_other_data_do_no_harm),
      cmocka_unit_test(parts_equal_the_whole), cmocka_unit_test(an_object_is_used_again),
      cmocka_unit_test(mixtures_come_back),    cmocka_unit_test(noise_takes_its_entropy),
      cmocka_unit_test(regular_data_is_tiny),  cmocka_unit_test(too_large_a_buffer_is_refused),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
