/* hdx-scan: how fast the CSV scanner turns an index file into typed columns, beside the ceiling of merely reading the
 * bytes and counting newlines.
 *
 *   hdx-scan [--bytes N] [--rounds N] [--chunk N] [--form FORM] [FILE.csv]
 *
 * Without a file it makes AIA-like ones of --bytes (256 MiB) in memory, one in each form: plain; header (plain, below a
 * header line with a #); double and single (every field in such quotes, below a header line). --form takes one of them.
 * Each kernel's rows are compared with the scalar kernel's by a digest first. Then all take turns, the best of --rounds
 * (9) counts, and one JSON line is printed for each. The buffer is fed in pieces of --chunk bytes (256 KiB), as the
 * engine feeds it. */
#include "base/cpu.h"
#include "base/error.h"
#include "base/time.h"
#include "parse/csv.h"
#include "shared/files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const struct form {
  const char *name, *header, *quote;
} forms[] = {
    {"plain", "", ""},
    {"header", "# start, stop, datakey, filesize\n", ""},
    {"double", "# start, stop, datakey, filesize\n", "\""},
    {"single", "# start, stop, datakey, filesize\n", "'"},
};

struct input {
  const char *form;
  char *data;
  size_t size, chunk;
};

/* What a scan gave, row for row: order matters. */
struct digest {
  uint64_t rows, hash;
};

static void make(struct input *input, const struct form *form, size_t bytes) {
  enum { LINE_MAX = 256 };
  const char *q = form->quote;
  input->form = form->name;
  input->data = malloc(bytes + LINE_MAX);
  if (!input->data)
    bench_fail("buffer", "out of memory");
  uint64_t noise = 1;
  int64_t time_ns;
  hdx_time_parse(HDX_TEXT("2010-05-13T00:00:00Z"), &time_ns, NULL);
  input->size = (size_t)snprintf(input->data, LINE_MAX, "%s", form->header);
  while (input->size < bytes) {
    char start[HDX_TIME_TEXT_MAX], stop[HDX_TIME_TEXT_MAX];
    noise = noise * 6364136223846793005u + 1442695040888963407u;
    /* Sizes are of 5.7 to 14.4 MB in units of 2880 bytes, one in fifty rows is missing. */
    unsigned units = 2000 + (unsigned)(noise >> 33) % 3000;
    time_ns += 240 * HDX_SECOND_NS * ((noise >> 58) == 0 ? 2 : 1);
    hdx_time_format(time_ns, 3, start);
    hdx_time_format(time_ns + 240 * HDX_SECOND_NS, 3, stop);
    input->size += (size_t)snprintf(input->data + input->size, LINE_MAX,
                                    "%s%s%s,%s%s%s,%ss3://gov-nasa-hdrl-data1/sdo/aia/%.4s%.2s%.2s/0094/"
                                    "sdo_aia_h2_%.4s%.2s%.2sT%.2s%.2s%.2s_0094_v1.fits%s,%s%u%s\n",
                                    q, start, q, q, stop, q, q, start, start + 5, start + 8, start, start + 5,
                                    start + 8, start + 11, start + 14, start + 17, q, q, units * 2880, q);
  }
}

static void load(struct input *input, const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END) != 0)
    bench_fail(path, "cannot be read");
  long size = ftell(file);
  rewind(file);
  input->data = malloc((size_t)size + 1);
  if (!input->data || size < 0 || fread(input->data, 1, (size_t)size, file) != (size_t)size)
    bench_fail(path, "cannot be read");
  input->size = (size_t)size;
  fclose(file);
  input->form = "file";
}

static uint64_t mix(uint64_t hash, uint64_t value) {
  return (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15) + (hash >> 29);
}

static uint64_t mix_text(uint64_t hash, struct hdx_text text) {
  for (size_t i = 0; i < text.size; i++)
    hash = mix(hash, (unsigned char)text.data[i]);
  return mix(hash, text.size);
}

static enum hdx_status add_rows(void *user, const struct hdx_csv_batch *batch, struct hdx_error *error) {
  struct digest *digest = user;
  (void)error;
  for (size_t i = 0; i < batch->count; i++) {
    uint64_t hash = mix(digest->hash, (uint64_t)batch->start[i]);
    hash = mix(mix(hash, (uint64_t)batch->stop[i]), (uint64_t)batch->size[i]);
    digest->hash = mix_text(hash, batch->key[i]);
  }
  digest->rows += batch->count;
  return HDX_OK;
}

/* Touches each batch as little as a consumer can: the columns are made all the same. */
static enum hdx_status take_rows(void *user, const struct hdx_csv_batch *batch, struct hdx_error *error) {
  struct digest *digest = user;
  (void)error;
  digest->rows += batch->count;
  digest->hash += (uint64_t)batch->start[batch->count - 1] + batch->key[batch->count - 1].size;
  return HDX_OK;
}

static double scan(const struct input *input, enum hdx_cpu_level kernel, bool check, struct digest *digest) {
  struct hdx_csv_options options = {.kernel = kernel, .rows = check ? add_rows : take_rows, .user = digest};
  struct hdx_error error;
  struct hdx_csv *csv;
  *digest = (struct digest){0};
  if (hdx_csv_open(&options, &csv, &error) != HDX_OK)
    bench_fail("open", error.message);
  double begin = bench_seconds();
  for (size_t at = 0; at < input->size; at += input->chunk) {
    size_t left = input->size - at;
    if (hdx_csv_feed(csv, input->data + at, left < input->chunk ? left : input->chunk, &error) != HDX_OK)
      bench_fail("scan", error.message);
  }
  if (hdx_csv_finish(csv, &error) != HDX_OK)
    bench_fail("scan", error.message);
  double took = bench_seconds() - begin;
  hdx_csv_close(csv);
  return took;
}

/* The ceiling: every byte is read and the newlines are counted, by the C library's vectors. */
static uint64_t count_newlines(const char *data, size_t size) {
  uint64_t count = 0;
  for (const char *end = data + size; data < end && (data = memchr(data, '\n', (size_t)(end - data))); data++)
    count++;
  return count;
}

static double read_only(const struct input *input, uint64_t *lines) {
  *lines = 0;
  double begin = bench_seconds();
  for (size_t at = 0; at < input->size; at += input->chunk) {
    size_t left = input->size - at;
    *lines += count_newlines(input->data + at, left < input->chunk ? left : input->chunk);
  }
  return bench_seconds() - begin;
}

static size_t number(const char *text) {
  uint64_t value = 0;
  if (!text || !hdx_text_to_u64(hdx_text_of(text), SIZE_MAX / 2, &value) || value == 0)
    bench_fail(text ? text : "option", "expected a number");
  return (size_t)value;
}

static bool runs(int level) {
  return hdx_csv_kernel((enum hdx_cpu_level)level) == (enum hdx_cpu_level)level;
}

enum { LEVELS = HDX_CPU_AVX512 + 1 };

static void check(const struct input *input, struct digest *expected) {
  struct digest got;
  scan(input, HDX_CPU_SCALAR, true, expected);
  for (int level = 0; level < LEVELS; level++) {
    if (!runs(level))
      continue;
    scan(input, (enum hdx_cpu_level)level, true, &got);
    if (got.rows != expected->rows || got.hash != expected->hash)
      bench_fail(hdx_cpu_level_name((enum hdx_cpu_level)level), "its rows differ from the scalar kernel's");
  }
}

static void measure(const struct input *input, size_t rounds) {
  double best[LEVELS] = {0}, ceiling = 0, size = (double)input->size;
  struct digest expected, got;
  uint64_t lines;
  check(input, &expected);
  for (size_t round = 0; round < rounds; round++) {
    double took = read_only(input, &lines);
    ceiling = round == 0 || took < ceiling ? took : ceiling;
    for (int level = 0; level < LEVELS; level++) {
      if (!runs(level))
        continue;
      took = scan(input, (enum hdx_cpu_level)level, false, &got);
      best[level] = round == 0 || took < best[level] ? took : best[level];
    }
  }
  for (int level = 0; level < LEVELS; level++)
    if (best[level] > 0)
      printf("{\"bench\":\"scan\",\"form\":\"%s\",\"kernel\":\"%s\",\"bytes\":%zu,\"rows\":%" PRIu64
             ",\"gb_per_s\":%.3f,\"rows_per_s\":%.0f,\"ns_per_row\":%.2f,\"ceiling_gb_per_s\":%.3f,\"ratio\":%.3f}\n",
             input->form, hdx_cpu_level_name((enum hdx_cpu_level)level), input->size, expected.rows,
             size / best[level] * 1e-9, (double)expected.rows / best[level], best[level] * 1e9 / (double)expected.rows,
             size / ceiling * 1e-9, ceiling / best[level]);
}

int main(int argc, char **argv) {
  struct input input = {.chunk = 256 << 10};
  size_t bytes = 256 << 20, rounds = 9;
  const char *path = NULL, *form = NULL;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--bytes") == 0)
      bytes = number(argv[++i]);
    else if (strcmp(argv[i], "--rounds") == 0)
      rounds = number(argv[++i]);
    else if (strcmp(argv[i], "--chunk") == 0)
      input.chunk = number(argv[++i]);
    else if (strcmp(argv[i], "--form") == 0)
      form = argv[++i];
    else
      path = argv[i];
  }
  bool any = path != NULL;
  if (path) {
    load(&input, path);
    measure(&input, rounds);
    free(input.data);
  }
  for (size_t i = 0; !path && i < sizeof forms / sizeof *forms; i++) {
    if (form && strcmp(form, forms[i].name) != 0)
      continue;
    make(&input, &forms[i], bytes);
    measure(&input, rounds);
    free(input.data);
    any = true;
  }
  if (!any)
    bench_fail(form ? form : "--form", "expected plain, header, double or single");
  return 0;
}
