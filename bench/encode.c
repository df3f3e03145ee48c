/* hdx-encode: how fast rows become a snapshot and come back, beside the ceiling of merely copying their columns.
 *
 *   hdx-encode [--rows N] [--rounds N] [--folder DIR]
 *
 * Makes an AIA-like dataset of --rows rows (1,500,000) and an MMS-like one of a third of that in memory, writes each as
 * a snapshot below --folder (/tmp), reads it back and compares every row. Then it times, on one core, the best of
 * --rounds (5): appending rows as the scanner hands them out, encoding blocks, decoding all rows and only their times,
 * and asking for one day; one JSON line each. */
#include "base/error.h"
#include "base/time.h"
#include "snapshot/block.h"
#include "snapshot/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct set {
  const char *name;
  size_t count;
  int64_t *start, *stop, *size;
  struct hdx_text *key;
  char *text;
  size_t text_size;
};

static void fail(const char *what, const char *why) {
  fprintf(stderr, "hdx-encode: %s: %s\n", what, why);
  exit(6);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static uint32_t noise(void) {
  static uint64_t state = 1;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33);
}

/* ---- data ---- */

static void allot(struct set *set, const char *name, size_t count) {
  enum { KEY_MAX = 160 };
  *set = (struct set){.name = name, .count = count};
  set->start = calloc(count, sizeof *set->start);
  set->stop = calloc(count, sizeof *set->stop);
  set->size = calloc(count, sizeof *set->size);
  set->key = calloc(count, sizeof *set->key);
  set->text = malloc(count * KEY_MAX);
  if (!set->start || !set->stop || !set->size || !set->key || !set->text)
    fail("memory", "out of it");
}

static void add_key(struct set *set, size_t i, int size) {
  set->key[i] = (struct hdx_text){set->text + set->text_size, (size_t)size};
  set->text_size += (size_t)size;
}

/* One image every four minutes, one in fifty missing, sizes in units of 2880 bytes. */
static void make_aia(struct set *set, size_t count) {
  int64_t time_ns;
  hdx_time_parse(HDX_TEXT("2010-05-13T00:00:00Z"), &time_ns, NULL);
  allot(set, "aia", count);
  for (size_t i = 0; i < count; i++) {
    char t[HDX_TIME_TEXT_MAX];
    time_ns += 240 * HDX_SECOND_NS * (noise() % 50 ? 1 : 2);
    hdx_time_format(time_ns, 0, t);
    set->start[i] = time_ns;
    set->stop[i] = time_ns + 240 * HDX_SECOND_NS;
    set->size[i] = (2000 + noise() % 3000) * 2880;
    add_key(
        set, i,
        sprintf(set->text + set->text_size,
                "s3://gov-nasa-hdrl-data1/sdo/aia/%.4s%.2s%.2s/0094/sdo_aia_h2_%.4s%.2s%.2sT%.2s%.2s%.2s_0094_v1.fits",
                t, t + 5, t + 8, t, t + 5, t + 8, t + 11, t + 14, t + 17));
  }
}

/* Bursts of files of about two minutes each, at any second, with few versions. */
static void make_mms(struct set *set, size_t count) {
  int64_t time_ns;
  hdx_time_parse(HDX_TEXT("2015-09-01T00:00:00Z"), &time_ns, NULL);
  allot(set, "mms", count);
  for (size_t i = 0; i < count; i++) {
    char t[HDX_TIME_TEXT_MAX];
    int64_t last = 129 + noise() % 12;
    time_ns += (noise() % 12 ? 130 : (int64_t)(200 + noise() % 5000)) * HDX_SECOND_NS;
    hdx_time_format(time_ns, 0, t);
    set->start[i] = time_ns;
    set->stop[i] = time_ns + last * HDX_SECOND_NS;
    set->size[i] = 100000 + last * 26000 + noise() % 9 * 7258;
    add_key(set, i,
            sprintf(set->text + set->text_size,
                    "s3://gov-nasa-hdrl-data1/spdf/cdaweb/data/mms/mms1/feeps/brst/l2/electron/%.4s/%.2s/"
                    "mms1_feeps_brst_l2_electron_%.4s%.2s%.2s%.2s%.2s%.2s_v7.1.%c.cdf",
                    t, t + 5, t, t + 5, t + 8, t + 11, t + 14, t + 17, noise() % 30 ? '1' : '0'));
  }
}

static void discard(struct set *set) {
  free(set->start);
  free(set->stop);
  free(set->size);
  free(set->key);
  free(set->text);
}

/* ---- writing ---- */

/* Appends rows [from, to) as the scanner hands them out. */
static void append(struct hdx_rows *rows, const struct set *set, size_t from, size_t to) {
  struct hdx_error error;
  struct hdx_csv_batch batch = {set->count, set->start, set->stop, set->size, set->key, NULL};
  for (size_t at = from, end; at < to; at = end) {
    end = to - at < HDX_CSV_BATCH_ROWS ? to : at + HDX_CSV_BATCH_ROWS;
    if (hdx_rows_append(rows, &batch, at, end, NULL, 0, 2010, &error) != HDX_OK)
      fail("append", error.message);
  }
}

static void write_snapshot(const struct set *set, const char *path, uint64_t *bytes) {
  struct hdx_error error;
  struct hdx_writer *writer;
  struct hdx_rows rows;
  struct hdx_subject subject = {.source = HDX_TEXT("s3://bucket/"),
                                .id = hdx_text_of(set->name),
                                .index = HDX_TEXT("s3://bucket/"),
                                .indextype = HDX_TEXT("csv")};
  hdx_rows_init(&rows, SIZE_MAX);
  if (hdx_writer_create(path, &writer, &error) != HDX_OK)
    fail("create", error.message);
  for (size_t from = 0, to; from < set->count; from = to) {
    to = set->count - from < HDX_BLOCK_ROWS ? set->count : from + HDX_BLOCK_ROWS;
    append(&rows, set, from, to);
    if (hdx_writer_add(writer, 2010, &rows, to < set->count, &error) != HDX_OK)
      fail("add", error.message);
  }
  hdx_rows_deinit(&rows);
  struct hdx_year year = {.year = 2010, .rows = set->count};
  if (hdx_writer_commit(writer, &subject, &year, 1, 0, bytes, &error) != HDX_OK)
    fail("commit", error.message);
}

static double time_append(const struct set *set) {
  struct hdx_rows rows;
  hdx_rows_init(&rows, SIZE_MAX);
  double begin = seconds();
  for (size_t from = 0, to; from < set->count; from = to) {
    to = set->count - from < HDX_BLOCK_ROWS ? set->count : from + HDX_BLOCK_ROWS;
    append(&rows, set, from, to);
    hdx_rows_clear(&rows);
  }
  double took = seconds() - begin;
  hdx_rows_deinit(&rows);
  return took;
}

/* Encodes all rows block by block; appending them is not counted. */
static double time_encode(const struct set *set, uint64_t *bytes) {
  struct hdx_error error;
  struct hdx_rows rows;
  struct hdx_buffer out;
  struct hdx_zone zone;
  struct hdx_block_encoder *encoder = hdx_block_encoder_take();
  double took = 0;
  *bytes = 0;
  hdx_rows_init(&rows, SIZE_MAX);
  hdx_buffer_init(&out, SIZE_MAX);
  for (size_t from = 0, to; from < set->count; from = to) {
    to = set->count - from < HDX_BLOCK_ROWS ? set->count : from + HDX_BLOCK_ROWS;
    append(&rows, set, from, to);
    double begin = seconds();
    hdx_buffer_clear(&out);
    if (!encoder || hdx_block_encode(encoder, &rows, 0, rows.count, false, &out, &zone, &error) != HDX_OK)
      fail("encode", error.message);
    took += seconds() - begin;
    *bytes += out.size;
    hdx_rows_clear(&rows);
  }
  hdx_buffer_deinit(&out);
  hdx_rows_deinit(&rows);
  hdx_block_encoder_give(encoder);
  return took;
}

/* The ceiling: the same columns, copied. */
static double time_copy(const struct set *set) {
  static char *to;
  static size_t room;
  size_t numbers = set->count * sizeof(int64_t);
  if (room < 3 * numbers + set->text_size) {
    room = 3 * numbers + set->text_size;
    to = realloc(to, room);
    if (!to)
      fail("copy", "out of memory");
    memset(to, 1, room);
  }
  double begin = seconds();
  memcpy(to, set->start, numbers);
  memcpy(to + numbers, set->stop, numbers);
  memcpy(to + 2 * numbers, set->size, numbers);
  memcpy(to + 3 * numbers, set->text, set->text_size);
  return seconds() - begin;
}

/* ---- reading ---- */

static const struct hdx_range everything = {HDX_TIME_NONE, HDX_TIME_NONE, HDX_MATCH_OVERLAP, {2010, 2010}};

static double time_decode(const struct hdx_reader *reader, const struct set *check) {
  struct hdx_error error;
  struct hdx_cursor *cursor;
  struct hdx_batch batch;
  size_t at = 0;
  double begin = seconds();
  if (hdx_cursor_open(reader, &everything, &cursor, &error) != HDX_OK)
    fail("cursor", error.message);
  while (hdx_cursor_next(cursor, &batch, &error) == HDX_OK && batch.count) {
    for (size_t i = 0; check && i < batch.count; i++, at++)
      if (at >= check->count || batch.start[i] != check->start[at] || batch.stop[i] != check->stop[at] ||
          batch.size[i] != check->size[at] || !hdx_text_equal(batch.key[i], check->key[at]))
        fail(check->name, "a row came back as another one");
  }
  double took = seconds() - begin;
  if (check && at != check->count)
    fail(check->name, "rows are missing");
  hdx_cursor_close(cursor);
  return took;
}

/* Seconds for one of many days all over the dataset, and the rows that they have on average. */
static double time_day(const struct hdx_reader *reader, const struct set *set, double *rows) {
  enum { DAYS = 500 };
  struct hdx_error error;
  struct hdx_cursor *cursor;
  struct hdx_batch batch;
  size_t sum = 0;
  if (hdx_cursor_open(reader, &everything, &cursor, &error) != HDX_OK)
    fail("cursor", error.message);
  double begin = seconds();
  for (size_t d = 0; d < DAYS; d++) {
    int64_t day = set->start[(d * 2654435761u + 17) % set->count] / HDX_DAY_NS * HDX_DAY_NS;
    struct hdx_range range = {day, day + HDX_DAY_NS, HDX_MATCH_OVERLAP, {2010, 2010}};
    hdx_cursor_range(cursor, &range);
    while (hdx_cursor_next(cursor, &batch, &error) == HDX_OK && batch.count)
      sum += batch.count;
  }
  double took = (seconds() - begin) / DAYS;
  hdx_cursor_close(cursor);
  *rows = (double)sum / DAYS;
  return took;
}

/* Opening and closing the file, its footer decoded. */
static double time_open(const char *path) {
  enum { TIMES = 200 };
  struct hdx_error error;
  struct hdx_reader *reader;
  double begin = seconds();
  for (int i = 0; i < TIMES; i++) {
    if (hdx_reader_open(path, HDX_TEXT(""), &reader, &error) != HDX_OK)
      fail("open", error.message);
    hdx_reader_close(reader);
  }
  return (seconds() - begin) / TIMES;
}

static double least(double a, double b) {
  return a == 0 || b < a ? b : a;
}

static void measure(const struct set *set, const char *folder, size_t rounds) {
  char path[4096];
  uint64_t bytes, file_bytes;
  struct hdx_error error;
  struct hdx_reader *reader;
  snprintf(path, sizeof path, "%s/hdx-encode-%ld-%s.hdx", folder, (long)getpid(), set->name);
  write_snapshot(set, path, &file_bytes);
  if (hdx_reader_open(path, HDX_TEXT(""), &reader, &error) != HDX_OK || hdx_reader_verify(reader, &error) != HDX_OK)
    fail("open", error.message);
  time_decode(reader, set);
  double copy = 0, add = 0, encode = 0, decode = 0, day = 0, open = 0, day_rows = 0;
  for (size_t i = 0; i < rounds; i++) {
    copy = least(copy, time_copy(set));
    add = least(add, time_append(set));
    encode = least(encode, time_encode(set, &bytes));
    decode = least(decode, time_decode(reader, NULL));
    day = least(day, time_day(reader, set, &day_rows));
    open = least(open, time_open(path));
  }
  hdx_reader_close(reader);
  unlink(path);
  double n = (double)set->count;
  const struct {
    const char *name;
    double took;
  } lines[] = {{"append", add}, {"encode", encode}, {"append+encode", add + encode}, {"decode", decode}};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    printf("{\"bench\":\"%s\",\"set\":\"%s\",\"rows\":%zu,\"rows_per_s\":%.0f,\"ns_per_row\":%.2f,"
           "\"ceiling_rows_per_s\":%.0f,\"ratio\":%.3f}\n",
           lines[i].name, set->name, set->count, n / lines[i].took, lines[i].took * 1e9 / n, n / copy,
           copy / lines[i].took);
  printf("{\"bench\":\"bytes\",\"set\":\"%s\",\"rows\":%zu,\"file_bytes\":%llu,\"bytes_per_row\":%.3f,"
         "\"raw_bytes_per_row\":%.1f}\n",
         set->name, set->count, (unsigned long long)file_bytes, (double)file_bytes / n,
         24 + (double)set->text_size / n);
  printf("{\"bench\":\"day\",\"set\":\"%s\",\"rows\":%.1f,\"us\":%.1f}\n", set->name, day_rows, day * 1e6);
  printf("{\"bench\":\"open\",\"set\":\"%s\",\"us\":%.1f}\n", set->name, open * 1e6);
}

static size_t number(const char *text) {
  uint64_t value = 0;
  if (!text || !hdx_text_to_u64(hdx_text_of(text), UINT32_MAX, &value) || value == 0)
    fail(text ? text : "option", "expected a number");
  return (size_t)value;
}

int main(int argc, char **argv) {
  size_t rows = 1500000, rounds = 5;
  const char *folder = "/tmp";
  for (int i = 1; i < argc; i += 2) {
    if (strcmp(argv[i], "--rows") == 0)
      rows = number(argv[i + 1]);
    else if (strcmp(argv[i], "--rounds") == 0)
      rounds = number(argv[i + 1]);
    else if (strcmp(argv[i], "--folder") == 0 && argv[i + 1])
      folder = argv[i + 1];
    else
      fail(argv[i], "expected --rows, --rounds or --folder and a value");
  }
  struct set set;
  make_aia(&set, rows);
  measure(&set, folder, rounds);
  discard(&set);
  make_mms(&set, rows / 3 + 1);
  measure(&set, folder, rounds);
  discard(&set);
  return 0;
}
