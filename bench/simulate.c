/* hdx-simulate: a dataset as large as none is published, streamed through the writer and back.
 *
 *   hdx-simulate [--rows N] [--folder DIR] [--keep]
 *
 * Makes rows of a burst-like dataset (irregular starts, durations of 14 kinds, sizes that follow them with noise, keys
 * with a version that changes now and then) in years of ten million, adds them 65,536 at a time, commits the snapshot
 * below DIR (/tmp), reads every row back and compares it with what was made (the same numbers are drawn again). Prints
 * a line of JSON: rows, bytes, seconds of both ways, and the peak of resident memory after each, which must not depend
 * on the number of rows but for the zone map. Default: 300,000,000 rows. */
#include "base/error.h"
#include "base/time.h"
#include "shared/files.h"
#include "snapshot/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CHUNK = 65536, YEAR_ROWS = 10000000, KEY_BYTES = 128, FIRST_YEAR = 1700 };

static double peak_mib(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)usage.ru_maxrss / 1024;
}

/* ---- rows ---- */

struct source {
  uint64_t state, row, rows;
  int64_t clock;
  unsigned version;
};

struct row {
  int64_t start, stop, size;
  char key[KEY_BYTES];
  size_t key_size;
};

static uint32_t draw(struct source *source) {
  source->state = source->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)(source->state >> 33);
}

static void begin(struct source *source, uint64_t rows) {
  *source = (struct source){.state = 1, .rows = rows, .clock = hdx_time_of_year(FIRST_YEAR)};
}

/* snprintf would take longer than all the rest. */
static char *put(char *out, unsigned width, unsigned number) {
  for (unsigned i = width; i > 0; i--, number /= 10)
    out[i - 1] = (char)('0' + number % 10);
  return out + width;
}

static void make_key(const struct source *source, struct row *row) {
  static const char head[] = "s3://bucket/mission/brst/l2/", middle[] = "/mission_brst_l2_", tail[] = ".cdf";
  unsigned month, day, second = (unsigned)((uint64_t)(row->start - hdx_time_of_year(FIRST_YEAR)) / 1000000000 % 86400);
  int64_t days = row->start / HDX_DAY_NS - (row->start % HDX_DAY_NS < 0);
  unsigned year = (unsigned)hdx_time_date(days, &month, &day);
  char *at = row->key;
  memcpy(at, head, sizeof head - 1);
  at = put(at + sizeof head - 1, 4, year);
  memcpy(at, middle, sizeof middle - 1);
  at = put(put(put(at + sizeof middle - 1, 4, year), 2, month), 2, day);
  at = put(put(put(at, 2, second / 3600), 2, second / 60 % 60), 2, second % 60);
  *at++ = '_';
  *at++ = 'v';
  at = put(at, 1, source->version);
  memcpy(at, tail, sizeof tail - 1);
  row->key_size = (size_t)(at - row->key) + sizeof tail - 1;
}

static void next(struct source *source, struct row *row) {
  uint32_t dice = draw(source);
  int64_t buffers = 1 + dice % 14;
  if (dice % 128 == 0)
    source->version = draw(source) % 4 + 1;
  row->start = source->clock + (dice % 8 ? 0 : (int64_t)(draw(source) % 4) * HDX_SECOND_NS);
  row->stop = row->start + buffers * 2 * HDX_SECOND_NS;
  row->size = buffers * 102400 + (int64_t)(draw(source) % 4096);
  source->clock = row->stop;
  source->row++;
  make_key(source, row);
}

static int year_of(uint64_t row) {
  return FIRST_YEAR + (int)(row / YEAR_ROWS);
}

/* ---- both ways ---- */

/* Fills `rows` with the next chunk, all of one year. */
static void fill(struct source *source, struct hdx_rows *rows, struct hdx_error *error) {
  static struct row made[CHUNK];
  static int64_t start[CHUNK], stop[CHUNK], size[CHUNK];
  static struct hdx_text key[CHUNK];
  uint64_t year_left = YEAR_ROWS - source->row % YEAR_ROWS, left = source->rows - source->row;
  size_t count = CHUNK < year_left ? CHUNK : (size_t)year_left;
  count = count < left ? count : (size_t)left;
  int year = year_of(source->row);
  for (size_t i = 0; i < count; i++) {
    next(source, &made[i]);
    start[i] = made[i].start;
    stop[i] = made[i].stop;
    size[i] = made[i].size;
    key[i] = (struct hdx_text){made[i].key, made[i].key_size};
  }
  struct hdx_csv_batch batch = {.count = count, .start = start, .stop = stop, .size = size, .key = key};
  if (hdx_rows_append(rows, &batch, 0, count, NULL, 0, year, error) != HDX_OK)
    bench_fail("rows", error->message);
}

static uint64_t write_all(const char *path, uint64_t count, struct hdx_error *error) {
  struct source source;
  struct hdx_rows rows;
  struct hdx_writer *writer;
  struct hdx_year *years = calloc(count / YEAR_ROWS + 1, sizeof *years);
  size_t year_count = (size_t)((count + YEAR_ROWS - 1) / YEAR_ROWS);
  uint64_t bytes = 0;
  begin(&source, count);
  hdx_rows_init(&rows, SIZE_MAX);
  if (!years || hdx_writer_create(path, &writer, error) != HDX_OK)
    bench_fail(path, error->message);
  while (source.row < count) {
    int year = year_of(source.row);
    fill(&source, &rows, error);
    if (hdx_writer_add(writer, year, &rows, source.row % YEAR_ROWS != 0 && source.row < count, error) != HDX_OK)
      bench_fail(path, error->message);
  }
  for (size_t i = 0; i < year_count; i++)
    years[i] = (struct hdx_year){.year = FIRST_YEAR + (int)i, .url = "", .etag = "", .last_modified = "", .reason = ""};
  struct hdx_subject subject = {.source = HDX_TEXT("s3://bucket/"),
                                .id = HDX_TEXT("simulated"),
                                .index = HDX_TEXT("s3://bucket/index/"),
                                .indextype = HDX_TEXT("csv"),
                                .catalog_start = HDX_TIME_NONE,
                                .catalog_stop = HDX_TIME_NONE};
  if (hdx_writer_commit(writer, &subject, years, year_count, 0, &bytes, error) != HDX_OK)
    bench_fail(path, error->message);
  hdx_rows_deinit(&rows);
  free(years);
  return bytes;
}

static void read_all(const char *path, uint64_t count, struct hdx_error *error) {
  struct source source;
  struct hdx_reader *reader;
  struct hdx_cursor *cursor;
  struct hdx_batch batch;
  struct row row;
  const struct hdx_range range = {HDX_TIME_NONE, HDX_TIME_NONE, HDX_MATCH_OVERLAP, {INT16_MIN, INT16_MAX}};
  begin(&source, count);
  if (hdx_reader_open(path, HDX_TEXT(""), &reader, error) != HDX_OK ||
      hdx_cursor_open(reader, &range, &cursor, error) != HDX_OK)
    bench_fail(path, error->message);
  while (hdx_cursor_next(cursor, &batch, error) == HDX_OK && batch.count)
    for (size_t i = 0; i < batch.count; i++) {
      next(&source, &row);
      if (batch.start[i] != row.start || batch.stop[i] != row.stop || batch.size[i] != row.size ||
          batch.key[i].size != row.key_size || memcmp(batch.key[i].data, row.key, row.key_size) != 0)
        bench_fail(path, "a row that is not the one that was made");
    }
  if (source.row != count)
    bench_fail(path, "fewer rows than were made");
  hdx_cursor_close(cursor);
  hdx_reader_close(reader);
}

int main(int argc, char **argv) {
  uint64_t rows = 300000000;
  const char *folder = "/tmp";
  bool keep = false;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--keep") == 0)
      keep = true;
    else if (i + 1 < argc && strcmp(argv[i], "--rows") == 0)
      rows = strtoull(argv[++i], NULL, 10);
    else if (i + 1 < argc && strcmp(argv[i], "--folder") == 0)
      folder = argv[++i];
    else
      bench_fail(argv[i], "expected --rows N, --folder DIR or --keep");
  }
  char path[4096];
  struct hdx_error error = {.message = ""};
  snprintf(path, sizeof path, "%s/hdx-simulate-%ld.hdx", folder, (long)getpid());
  double begun = bench_seconds();
  uint64_t bytes = write_all(path, rows, &error);
  double written = bench_seconds(), write_peak = peak_mib();
  read_all(path, rows, &error);
  double read = bench_seconds();
  printf("{\"bench\":\"simulate\",\"rows\":%llu,\"file_bytes\":%llu,\"bytes_per_row\":%.3f,\"write_s\":%.1f,"
         "\"write_peak_mib\":%.0f,\"read_s\":%.1f,\"peak_mib\":%.0f}\n",
         (unsigned long long)rows, (unsigned long long)bytes, (double)bytes / (double)rows, written - begun, write_peak,
         read - written, peak_mib());
  if (!keep)
    unlink(path);
  return 0;
}
