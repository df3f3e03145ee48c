/* Columns of times and of sizes: whatever the rows are, and whatever block was written before them, they come back;
 * each of the ways there are to write them is taken where it should be; and what is no column is refused. */
#include "codec/bytes.h"
#include "model.h"
#include "snapshot/sizes.h"
#include "snapshot/times.h"

enum { ROWS_MAX = 9000 };

#define SECOND INT64_C(1000000000)
#define DAY (86400 * SECOND)

static uint64_t seed = 31;
static struct hdx_zstd *zstd;
static struct hdx_ints_encoder ints_encoder;
static struct hdx_times_encoder encoder;
static struct hdx_ints ints;
static int64_t start[ROWS_MAX], stop[ROWS_MAX], size[ROWS_MAX], scratch[ROWS_MAX];

static int64_t below(uint64_t n) {
  return (int64_t)model_below(&seed, n);
}

/* ---- times ---- */

enum times {
  CADENCE, /* a clock that misses */
  CHAINED, /* rows that follow on one another, of any length */
  DAILY,   /* files of a day, at most days */
  OFF_DAY, /* that begin at any time of the day, and end with it */
  BURSTS,
  BACKWARD,
  ANY, /* all 64 bits, in order of start */
  ALIKE,
  TIMES
};

static void fill_times(enum times kind, size_t count, unsigned missing) {
  int64_t time = (int64_t)(model_random(&seed) >> 4) - (INT64_C(1) << 59), base = time - time % DAY;
  for (size_t i = 0; i < count; i++) {
    int64_t last = 60 * SECOND;
    switch (kind) {
    case CADENCE:
      time += 12 * SECOND * (below(100) ? 1 : 2 + below(9));
      break;
    case CHAINED:
      time = i ? stop[i - 1] : time;
      last = SECOND + below(1u << 30) * 1000;
      break;
    case DAILY:
      time = base += DAY * (below(30) ? 1 : 2);
      last = DAY - 1;
      break;
    case OFF_DAY:
      base += DAY;
      time = base + below(86400) * SECOND;
      last = base + DAY - time;
      break;
    case BURSTS:
      time += i % 10 ? SECOND / 8 : 600 * SECOND;
      last = below(3) * SECOND;
      break;
    case BACKWARD:
      time += below(1000);
      last = below(2000) - 1000;
      break;
    case ANY:
      time = i == 0 ? INT64_MIN + 1 : time + below((uint64_t)(INT64_MAX / 8 - time / 8) / 100 + 1);
      last = (int64_t)model_random(&seed);
      break;
    default:
      break;
    }
    start[i] = time;
    stop[i] = (int64_t)((uint64_t)time + (uint64_t)last);
    stop[i] = stop[i] == HDX_TIME_NONE ? 0 : stop[i];
    if (missing && below(missing) == 0)
      stop[i] = HDX_TIME_NONE;
  }
}

static uint8_t flags_of(size_t count) {
  size_t missing = 0;
  for (size_t i = 0; i < count; i++)
    missing += stop[i] == HDX_TIME_NONE;
  return missing == count ? HDX_BLOCK_NO_STOP : missing ? HDX_BLOCK_SOME_STOPS : 0;
}

/* Encodes, decodes from memory of its own, compares. Gives the kind byte. */
static uint8_t roundtrip_times(struct hdx_times_habit *habit, size_t count, size_t *bytes) {
  struct hdx_buffer out;
  struct hdx_error error = {0};
  uint8_t flags = flags_of(count);
  hdx_buffer_init(&out, SIZE_MAX);
  if (hdx_times_encode(&encoder, habit, start, stop, count, flags, &out, &error) != HDX_OK)
    fail_msg("%s", error.message);
  char *exact = malloc(out.size);
  memcpy(exact, out.data, out.size);
  int64_t *got = malloc(3 * count * sizeof *got);
  if (hdx_times_decode(&ints, zstd, exact, out.size, count, flags, got, got + count, got + 2 * count, &error) != HDX_OK)
    fail_msg("%s", error.message);
  assert_memory_equal(got, start, count * sizeof *got);
  assert_memory_equal(got + count, stop, count * sizeof *got);
  /* A byte more or less is another column. */
  hdx_buffer_append_byte(&out, 0);
  assert_int_equal(
      hdx_times_decode(&ints, zstd, out.data, out.size, count, flags, got, got + count, got + 2 * count, &error),
      HDX_INTEGRITY);
  assert_int_equal(
      hdx_times_decode(&ints, zstd, exact, out.size - 2, count, flags, got, got + count, got + 2 * count, &error),
      HDX_INTEGRITY);
  uint8_t kind = (uint8_t)exact[0];
  if (bytes)
    *bytes = out.size - 1;
  hdx_buffer_deinit(&out);
  free(exact);
  free(got);
  return kind;
}

static const size_t counts[] = {1, 2, 3, 17, 255, 256, 257, 1000, ROWS_MAX};

static void times_come_back(void **state) {
  (void)state;
  unsigned kinds = 0;
  for (int kind = 0; kind < TIMES; kind++)
    for (unsigned missing = 0; missing < 4; missing++) /* none, all, half, a third */
      for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        struct hdx_times_habit habit = {.known = false};
        for (int round = 0; round < 2; round++) {
          fill_times((enum times)kind, counts[c], missing);
          kinds |= 1u << roundtrip_times(&habit, counts[c], NULL);
        }
      }
  /* PLAIN, CHAIN and DAY, and stops of the day. */
  assert_int_equal(kinds & 7, 7);
  assert_true(kinds & (1u << (HDX_STOP_OF_DAY << 2) | 1u << (HDX_START_DAY | HDX_STOP_OF_DAY << 2)));
}

/* What is known of a block of one kind is tried for one of another, with fewer rows, and with other stops. */
static void times_come_back_whatever_was_before(void **state) {
  (void)state;
  for (int round = 0; round < 1500; round++) {
    struct hdx_times_habit habit = {.known = false};
    for (int block = 0; block < 4; block++) {
      size_t count = 1 + (size_t)below(round % 10 ? 300 : 3000);
      fill_times((enum times)below(TIMES), count, (unsigned)below(4) * (unsigned)below(2));
      roundtrip_times(&habit, count, NULL);
    }
  }
}

static void times_take_few_bytes(void **state) {
  (void)state;
  static const struct {
    enum times kind;
    size_t bytes;
  } sizes[] = {
      {CADENCE, 220}, {DAILY, 700}, {CHAINED, 8192 * 30 / 8 + 100}, {OFF_DAY, 8192 * 17 / 8 + 100}, {ALIKE, 40}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    struct hdx_times_habit habit = {.known = false};
    size_t bytes;
    fill_times(sizes[i].kind, 8192, 0);
    roundtrip_times(&habit, 8192, &bytes);
    if (bytes > sizes[i].bytes)
      fail_msg("kind %d takes %zu bytes", sizes[i].kind, bytes);
  }
}

static enum hdx_status decode_times(const char *bytes, size_t count, size_t rows, uint8_t flags) {
  struct hdx_error error = {0};
  int64_t got[3][8];
  char *exact = malloc(count ? count : 1);
  memcpy(exact, bytes, count);
  enum hdx_status status = hdx_times_decode(&ints, zstd, exact, count, rows, flags, got[0], got[1], got[2], &error);
  assert_true(status == HDX_OK || strlen(error.message) > 5);
  free(exact);
  return status;
}

/* By hand: a day before 1970, from which both starts and stops are counted. */
static void days_are_rounded_down(void **state) {
  (void)state;
  struct hdx_error error;
  int64_t got[3][2];
  static const char bytes[] = "\x06\x02\x00\x01\x02\x00\x0a\x00\x0e";
  assert_int_equal(hdx_times_decode(&ints, zstd, bytes, sizeof bytes - 1, 2, 0, got[0], got[1], got[2], &error),
                   HDX_OK);
  assert_true(got[0][1] == 5 - DAY && got[1][1] == 7 - DAY);
}

static void malformed_times_are_refused(void **state) {
  (void)state;
#define TIMES_OF(bytes, rows, flags) decode_times(bytes, sizeof bytes - 1, rows, flags)
  assert_int_equal(TIMES_OF("\x00\x02\x00\x00\x00\x00", 3, 0), HDX_OK);
  assert_int_equal(TIMES_OF("\x01\x08\x02\x00\x00\x00\x00", 3, 0), HDX_OK); /* a chain */
  assert_int_equal(TIMES_OF("\x02\x02\x00\x00\x02\x00\x00", 3, HDX_BLOCK_NO_STOP), HDX_OK);
  assert_int_equal(TIMES_OF("", 3, 0), HDX_INTEGRITY);
  assert_int_equal(TIMES_OF("\x03\x02\x00\x00\x00\x00", 3, 0), HDX_INTEGRITY);
  assert_int_equal(TIMES_OF("\x08\x02\x00\x00\x00\x00", 3, 0), HDX_INTEGRITY);
  assert_int_equal(TIMES_OF("\x10\x02\x00\x00\x00\x00", 3, 0), HDX_INTEGRITY);
  assert_int_equal(TIMES_OF("\x01\x08\x02\x00\x00\x00\x00", 1, 0), HDX_INTEGRITY); /* a chain of one */
  assert_int_equal(TIMES_OF("\x05\x08\x02\x00\x00\x00\x00", 3, 0), HDX_INTEGRITY);
  assert_int_equal(TIMES_OF("\x01\x08\x02\x00\x00", 3, HDX_BLOCK_NO_STOP), HDX_INTEGRITY);
  assert_int_equal(TIMES_OF("\x01\x08\x02\x00\x00\x02\x00\x02\x00\x00", 3, HDX_BLOCK_SOME_STOPS), HDX_INTEGRITY);
  assert_int_equal(TIMES_OF("\x00\x7f\x00\x00\x00\x00", 3, 0), HDX_INTEGRITY); /* longer than all */
  assert_int_equal(TIMES_OF("\x00\x02\x00\x00", 3, 0), HDX_INTEGRITY);         /* no stops */
  assert_int_equal(TIMES_OF("\x00\x02\x00\x00\x00", 3, HDX_BLOCK_NO_STOP), HDX_INTEGRITY);
  assert_int_equal(TIMES_OF("\x02\x02\x00\x00", 3, HDX_BLOCK_NO_STOP), HDX_INTEGRITY); /* no times of the day */
}

/* ---- sizes ---- */

static void fill_sizes(unsigned kind, size_t count, unsigned missing) {
  for (size_t i = 0; i < count; i++) {
    int64_t last = (int64_t)((uint64_t)stop[i] - (uint64_t)start[i]);
    size[i] = kind == 0   ? 2880 * (100 + last % 1000 / 7 + below(2))
              : kind == 1 ? below(1u << 30)
              : kind == 2 ? (int64_t)model_random(&seed)
              : kind == 3 ? (below(2) ? INT64_MAX : INT64_MIN)
                          : last;
    if (size[i] == -1 || (missing && below(missing) == 0))
      size[i] = missing ? -1 : 0;
  }
}

static void roundtrip_sizes(struct hdx_sizes_habit *habit, size_t count) {
  struct hdx_buffer out, trial;
  struct hdx_error error = {0};
  static uint32_t rows[ROWS_MAX];
  size_t missing = 0;
  for (size_t i = 0; i < count; i++)
    missing += size[i] == -1;
  bool stops = flags_of(count) == 0;
  hdx_buffer_init(&out, SIZE_MAX);
  hdx_buffer_init(&trial, SIZE_MAX);
  if (hdx_sizes_encode(&ints_encoder, habit, size, start, stops ? stop : NULL, count, missing, scratch, &trial, &out,
                       &error) != HDX_OK)
    fail_msg("%s", error.message);
  char *exact = malloc(out.size);
  memcpy(exact, out.data, out.size);
  for (int round = 0; round < 5; round++) { /* all; any; a run; thin; one */
    size_t n = 0, from = round < 2 ? 0 : (size_t)below(count), to = round == 4 ? from + 1 : count;
    for (size_t i = from; i < to; i++)
      if (round % 2 == 0 || below(round == 3 ? 100 : 3) == 0 || i + 1 == to)
        rows[n++] = (uint32_t)i;
    int64_t *got = malloc(n * sizeof *got), *room = malloc(count * sizeof *room);
    if (hdx_sizes_decode(&ints, zstd, exact, out.size, start, stop, count, rows, n, got, room, &error) != HDX_OK)
      fail_msg("%s", error.message);
    for (size_t i = 0; i < n; i++)
      assert_int_equal(got[i], size[rows[i]]);
    free(got);
    free(room);
  }
  hdx_buffer_deinit(&out);
  hdx_buffer_deinit(&trial);
  free(exact);
}

static void sizes_come_back(void **state) {
  (void)state;
  for (int round = 0; round < 1200; round++) {
    struct hdx_sizes_habit habit = {.known = false};
    for (int block = 0; block < 4; block++) {
      size_t count = round % 4 ? 1 + (size_t)below(900) : counts[(size_t)below(sizeof counts / sizeof *counts)];
      fill_times((enum times)below(TIMES), count, below(4) ? 0 : 3);
      fill_sizes((unsigned)below(5), count, (unsigned)below(4) * (unsigned)below(2));
      roundtrip_sizes(&habit, count);
    }
  }
}

/* Bursts of few lengths, whose sizes are told by them. */
static void sizes_follow_from_durations(void **state) {
  (void)state;
  struct hdx_sizes_habit habit = {.known = false};
  fill_times(BURSTS, 8192, 0);
  for (size_t i = 0; i < 8192; i++)
    size[i] = 8640 + (stop[i] - start[i]) / SECOND * 23040;
  roundtrip_sizes(&habit, 8192);
  assert_int_equal(habit.kind, HDX_SIZES_BY_DURATION);
  assert_true(habit.cost < 8);
}

static enum hdx_status decode_sizes(const char *bytes, size_t count) {
  struct hdx_error error = {0};
  static const int64_t starts[3] = {0, 10, 20}, stops[3] = {5, 15, 30};
  static const uint32_t rows[3] = {0, 1, 2};
  int64_t got[3], room[3];
  char *exact = malloc(count ? count : 1);
  memcpy(exact, bytes, count);
  enum hdx_status status = hdx_sizes_decode(&ints, zstd, exact, count, starts, stops, 3, rows, 3, got, room, &error);
  if (status == HDX_OK && bytes[0] == HDX_SIZES_BY_DURATION)
    assert_true(got[0] == 100 && got[1] == 100 && got[2] == 90);
  assert_true(status == HDX_OK || strlen(error.message) > 5);
  free(exact);
  return status;
}

static void malformed_sizes_are_refused(void **state) {
  (void)state;
#define SIZES_OF(bytes) decode_sizes(bytes, sizeof bytes - 1)
  assert_int_equal(SIZES_OF("\x00\x00\x02"), HDX_OK);
  assert_int_equal(SIZES_OF("\x01\x02\x00\x02\x00\x02"), HDX_OK);
  assert_int_equal(SIZES_OF("\x02"), HDX_OK);
  /* Durations 5 and 10 stand for 100 and 90; what is left is 0. */
  assert_int_equal(SIZES_OF("\x03\x01\x0a\xc8\x01\x05\x13\x00\x00"), HDX_OK);
  assert_int_equal(SIZES_OF(""), HDX_INTEGRITY);
  assert_int_equal(SIZES_OF("\x04\x00\x02"), HDX_INTEGRITY);
  assert_int_equal(SIZES_OF("\x02\x00"), HDX_INTEGRITY);
  assert_int_equal(SIZES_OF("\x00\x00\x02\x00"), HDX_INTEGRITY);
  assert_int_equal(SIZES_OF("\x01\x7f\x00\x02\x00\x02"), HDX_INTEGRITY);
  assert_int_equal(SIZES_OF("\x03\x01\x0a\xc8\x01\x00\x13\x00\x00"), HDX_INTEGRITY); /* the same duration twice */
  assert_int_equal(SIZES_OF("\x03\x01\x0a\xc8\x01\x06\x13\x00\x00"), HDX_INTEGRITY); /* none of 10 */
  assert_int_equal(SIZES_OF("\x03\x00\x0a\xc8\x01\x00\x00"), HDX_INTEGRITY);
  assert_int_equal(SIZES_OF("\x03\xff\x0a\xc8"), HDX_INTEGRITY);
}

static int setup(void **state) {
  (void)state;
  zstd = hdx_zstd_create();
  hdx_ints_encoder_init(&ints_encoder, zstd);
  ints_encoder.thorough = true;
  hdx_times_encoder_init(&encoder, &ints_encoder);
  hdx_ints_init(&ints);
  return zstd ? 0 : 1;
}

static int teardown(void **state) {
  (void)state;
  hdx_ints_deinit(&ints);
  hdx_times_encoder_deinit(&encoder);
  hdx_ints_encoder_deinit(&ints_encoder);
  hdx_zstd_free(zstd);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(times_come_back),
      cmocka_unit_test(times_come_back_whatever_was_before),
      cmocka_unit_test(times_take_few_bytes),
      cmocka_unit_test(days_are_rounded_down),
      cmocka_unit_test(malformed_times_are_refused),
      cmocka_unit_test(sizes_come_back),
      cmocka_unit_test(sizes_follow_from_durations),
      cmocka_unit_test(malformed_sizes_are_refused),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
