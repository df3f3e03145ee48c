/* Every kernel gives what the scalar one gives: for every length and alignment with the input ending at an unmapped
 * page, for every cut, and for mutated files. */
#include "unit/parse/csv_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static const enum hdx_cpu_level levels[] = {HDX_CPU_NEON, HDX_CPU_SSE2, HDX_CPU_AVX2, HDX_CPU_AVX512};
enum { LEVELS = sizeof levels / sizeof *levels };

static bool available(enum hdx_cpu_level level) {
  return hdx_csv_kernel(level) == level;
}

static void expect_same(struct hdx_buffer expected, struct hdx_buffer got, enum hdx_cpu_level level, const char *what,
                        size_t at) {
  if (!csv_record_same(&expected, &got))
    fail_msg("%s differs from scalar at %s %zu:\n%s\nexpected:\n%s", hdx_cpu_level_name(level), what, at,
             hdx_buffer_string(&got), hdx_buffer_string(&expected));
  hdx_buffer_deinit(&got);
}

/* A page end behind which nothing may be read. */
struct guard {
  char *map, *end;
  size_t size;
};

static struct guard guard_open(size_t room) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (room + page - 1) / page * page;
  char *map = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal(map, MAP_FAILED);
  assert_int_equal(mprotect(map + size, page, PROT_NONE), 0);
  return (struct guard){map, map + size, size + page};
}

/* Prefixes of the file end at the unmapped page: their beginnings take every alignment as the length grows. */
static void every_length_at_the_page_end(struct hdx_text file) {
  struct guard guard = guard_open(file.size);
  for (size_t size = 0; size <= file.size; size++) {
    char *data = guard.end - size;
    memcpy(data, file.data, size);
    struct hdx_buffer expected = csv_record_place(HDX_CPU_SCALAR, data, size);
    for (int i = 0; i < LEVELS; i++)
      if (available(levels[i]))
        expect_same(expected, csv_record_place(levels[i], data, size), levels[i], "length", size);
    hdx_buffer_deinit(&expected);
  }
  munmap(guard.map, guard.size);
}

static void test_every_length_at_the_page_end(void **state) {
  (void)state;
  every_length_at_the_page_end(csv_record_oddities());
  every_length_at_the_page_end(csv_record_short_rows());
  every_length_at_the_page_end(csv_record_tidy_rows());
}

/* Suffixes begin at every byte of a line, and every alignment is tried by moving the whole file. */
static void test_every_alignment_and_suffix(void **state) {
  (void)state;
  struct hdx_text file = csv_record_oddities();
  struct guard guard = guard_open(file.size + 64);
  for (size_t align = 0; align < 64; align++) {
    char *data = guard.end - file.size - align;
    memcpy(data, file.data, file.size);
    struct hdx_buffer expected = csv_record_place(HDX_CPU_SCALAR, data, file.size);
    for (int i = 0; i < LEVELS; i++)
      if (available(levels[i]))
        expect_same(expected, csv_record_place(levels[i], data, file.size), levels[i], "alignment", align);
    hdx_buffer_deinit(&expected);
  }
  memcpy(guard.end - file.size, file.data, file.size);
  for (size_t from = 0; from < file.size; from++) {
    const char *data = guard.end - file.size + from;
    struct hdx_buffer expected = csv_record_place(HDX_CPU_SCALAR, data, file.size - from);
    for (int i = 0; i < LEVELS; i++)
      if (available(levels[i]))
        expect_same(expected, csv_record_place(levels[i], data, file.size - from), levels[i], "suffix", from);
    hdx_buffer_deinit(&expected);
  }
  munmap(guard.map, guard.size);
}

static void every_cut(struct hdx_text file) {
  struct hdx_buffer expected = csv_record_place(HDX_CPU_SCALAR, file.data, file.size);
  assert_non_null(strstr(hdx_buffer_string(&expected), "status OK"));
  enum hdx_cpu_level best = hdx_csv_kernel(HDX_CPU_AVX512);
  for (size_t cut = 0; cut <= file.size; cut++) {
    size_t cuts[] = {cut, cut + 70 < file.size ? cut + 70 : file.size};
    expect_same(expected, csv_record_scan(HDX_CPU_SCALAR, file.data, file.size, cuts, 1), HDX_CPU_SCALAR, "cut", cut);
    expect_same(expected, csv_record_scan(best, file.data, file.size, cuts, 1), best, "cut", cut);
    expect_same(expected, csv_record_scan(best, file.data, file.size, cuts, 2), best, "two cuts from", cut);
  }
  hdx_buffer_deinit(&expected);
}

static void test_every_cut(void **state) {
  (void)state;
  every_cut(csv_record_oddities());
  every_cut(csv_record_short_rows());
  every_cut(csv_record_tidy_rows());
}

static void test_one_byte_at_a_time(void **state) {
  (void)state;
  struct hdx_text file = csv_record_oddities();
  size_t *cuts = malloc(file.size * sizeof *cuts);
  assert_non_null(cuts);
  for (size_t i = 0; i < file.size; i++)
    cuts[i] = i;
  struct hdx_buffer expected = csv_record_place(HDX_CPU_SCALAR, file.data, file.size);
  for (int i = 0; i < LEVELS; i++)
    if (available(levels[i]))
      expect_same(expected, csv_record_scan(levels[i], file.data, file.size, cuts, file.size), levels[i], "bytes", 0);
  hdx_buffer_deinit(&expected);
  free(cuts);
}

/* splitmix64 */
static uint64_t next(uint64_t *seed) {
  uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return (z ^ z >> 31) >> 16;
}

/* Rows of the usual shape, or quoted, with blanks or without stops, some of them damaged in one byte or two: what the
 * short cuts must leave to the careful reader. */
static size_t damaged_rows(char *out, size_t room, uint64_t *seed) {
  static const char bytes[] = ",,\n\n\r\"' \t\0Z:.-T0123456789a\xe2\x80\x99\xff";
  static const char *const ends[] = {"", "", "", "", "", "\r", ",sum", ",,", ", "};
  static const char *const quotes[] = {"", "", "'", "\""}, *const blanks[] = {"", "", " ", "\t"};
  size_t size = 0, seconds = next(seed) % 2;
  const char *q = quotes[next(seed) % 4], *b = blanks[next(seed) % 4];
  bool no_stop = next(seed) % 4 == 0;
  while (room - size > 256) {
    /* Dates and form are often those of the row above, since runs of them share what was read. */
    unsigned day = next(seed) % 8 ? 11 : (unsigned)next(seed) % 30 + 1, stop_day = 11 + (unsigned)next(seed) % 2;
    unsigned month = next(seed) % 8 ? 2 : (unsigned)next(seed) % 12 + 1, hour = (unsigned)next(seed) % 25;
    unsigned minute = (unsigned)next(seed) % 60, second = (unsigned)next(seed) % 60;
    char decimals[8] = "";
    seconds ^= next(seed) % 8 == 0;
    if (!seconds)
      snprintf(decimals, sizeof decimals, ".%03u", (unsigned)next(seed) % 1000);
    char stop[64];
    snprintf(stop, sizeof stop, "%s%s2010-%02u-%02uT23:59:%02u%sZ%s,", b, q, month, stop_day, second, decimals, q);
    int n = snprintf(out + size, room - size, "%s2010-%02u-%02uT%02u:%02u:%02u%sZ%s,%s%s%ss3://b/%llx%s%s,%s%llu%s%s\n",
                     q, month, day, hour, minute, second, decimals, q, no_stop ? "" : stop, b, q,
                     (unsigned long long)next(seed) >> (next(seed) % 30), q, b, q,
                     (unsigned long long)next(seed) >> (next(seed) % 48), q, size ? ends[next(seed) % 9] : "");
    for (uint64_t damage = next(seed) % 4; damage > 1 && size; damage--)
      out[size + next(seed) % (size_t)n] = bytes[next(seed) % (sizeof bytes - 1)];
    size += (size_t)n;
  }
  return size;
}

static void test_damaged_files(void **state) {
  (void)state;
  enum { ROOM = 24 << 10, FILES = 100 };
  uint64_t seed = 7;
  char *file = malloc(ROOM);
  assert_non_null(file);
  for (size_t n = 0; n < FILES; n++) {
    size_t size = damaged_rows(file, ROOM, &seed), cut = (size_t)next(&seed) % size;
    struct hdx_buffer expected = csv_record_place(HDX_CPU_SCALAR, file, size);
    for (int i = 0; i < LEVELS; i++)
      if (available(levels[i])) {
        expect_same(expected, csv_record_place(levels[i], file, size), levels[i], "file", n);
        expect_same(expected, csv_record_scan(levels[i], file, size, &cut, 1), levels[i], "cut file", n);
      }
    hdx_buffer_deinit(&expected);
  }
  free(file);
}

/* Each byte of a usual row takes each value: the vector checks let nothing pass that the careful reader refuses. */
static void test_each_byte_takes_each_value(void **state) {
  (void)state;
  static const char first[] = "2010-05-13T00:00:00.000Z,2010-05-13T00:04:00.000Z,s3://b/a,1\n";
  static const char *const rows[] = {
      "2011-12-31T23:59:59.999Z,2012-01-01T00:00:00.001Z,s3://b/sdo_aia_20100513T000000_v1.fits,12345600\n",
      "2011-12-31T23:59:59Z,2012-01-01T00:00:00Z,s3://b/sdo_aia_20100513T000000_v1.fits,123456789012\n",
  };
  char file[1024];
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
    /* A row before it sets the layout, rows behind it are 64 bytes that can be read. */
    int size = snprintf(file, sizeof file, "%s%s%s%s", first, rows[r], first, first);
    for (size_t at = sizeof first - 1; at < sizeof first - 1 + strlen(rows[r]); at++) {
      char was = file[at];
      for (int value = 0; value < 256; value++) {
        file[at] = (char)value;
        struct hdx_buffer expected = csv_record_place(HDX_CPU_SCALAR, file, (size_t)size);
        for (int i = 0; i < LEVELS; i++)
          if (available(levels[i]))
            expect_same(expected, csv_record_place(levels[i], file, (size_t)size), levels[i], "byte", at);
        hdx_buffer_deinit(&expected);
      }
      file[at] = was;
    }
  }
}

static void test_dispatch_never_goes_above(void **state) {
  (void)state;
  for (int level = HDX_CPU_SCALAR; level <= HDX_CPU_AVX512; level++) {
    assert_true(hdx_csv_kernel((enum hdx_cpu_level)level) <= (enum hdx_cpu_level)level);
    assert_true(hdx_csv_kernel((enum hdx_cpu_level)level) <= hdx_cpu_level());
  }
  assert_int_equal(hdx_csv_kernel(HDX_CPU_SCALAR), HDX_CPU_SCALAR);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_length_at_the_page_end),
      cmocka_unit_test(test_every_alignment_and_suffix),
      cmocka_unit_test(test_every_cut),
      cmocka_unit_test(test_one_byte_at_a_time),
      cmocka_unit_test(test_damaged_files),
      cmocka_unit_test(test_each_byte_takes_each_value),
      cmocka_unit_test(test_dispatch_never_goes_above),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
