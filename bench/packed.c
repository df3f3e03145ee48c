/* hdx-packed: how fast a zipped index file becomes bytes and columns, beside the library that inflates it alone.
 *
 *   hdx-packed [--rounds N] FILE.csv FILE.csv.zip
 *
 * The zip file holds the first one. First all that is unpacked is compared with it. Then four ways take turns, and the
 * best of --rounds (9) counts: inflating alone (isal_inflate, in pieces and into a buffer as ours, without a checksum),
 * unpacking (hdx_unpack, with CRC-32 and all of the zip file's structure, into a sink that discards), scanning the
 * plain bytes, and both together. One line of JSON tells their seconds. Files are fed in pieces, as the engine feeds
 * them. */
#include "base/file.h"
#include "parse/csv.h"
#include "parse/unpack.h"
#include "shared/files.h"

#include <isa-l/igzip_lib.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_BYTES_MAX ((uint64_t)2 << 30)

struct bench {
  struct hdx_buffer plain, packed;
  size_t body, body_size; /* the DEFLATE stream in the zip file */
  struct hdx_unpack *unpack;
  struct hdx_csv *csv;
  enum { DISCARD, COMPARE, SCAN } what; /* is done with unpacked bytes */
  size_t at;                            /* of the next unpacked byte */
};

static size_t little(const char *bytes, size_t size) {
  size_t value = 0;
  for (size_t i = size; i-- > 0;)
    value = value << 8 | (unsigned char)bytes[i];
  return value;
}

static void find_body(struct bench *bench) {
  const char *data = bench->packed.data;
  bool deflated = bench->packed.size > 30 && little(data + 8, 2) == 8 && !(little(data + 6, 2) & 8);
  if (!deflated)
    bench_fail("zip file", "expected one deflated member with its size in front");
  bench->body = 30 + little(data + 26, 2) + little(data + 28, 2);
  bench->body_size = little(data + 18, 4);
  if (bench->body_size > bench->packed.size - bench->body)
    bench_fail("zip file", "it breaks off");
}

static enum hdx_status on_unpacked(void *user, const char *data, size_t size, struct hdx_error *error) {
  struct bench *bench = user;
  if (bench->what == SCAN)
    return hdx_csv_feed(bench->csv, data, size, error);
  if (bench->what == COMPARE &&
      (size > bench->plain.size - bench->at || memcmp(bench->plain.data + bench->at, data, size) != 0))
    return hdx_error_set(error, HDX_INTEGRITY, "other bytes than those of the plain file");
  bench->at += size;
  return HDX_OK;
}

static double unpack(struct bench *bench, bool scanning) {
  struct hdx_error error;
  double begin = bench_seconds();
  bench->at = 0;
  hdx_unpack_reset(bench->unpack);
  hdx_csv_reset(bench->csv);
  for (size_t at = 0; at < bench->packed.size; at += BENCH_CHUNK_BYTES) {
    size_t left = bench->packed.size - at;
    bench_check(hdx_unpack_feed(bench->unpack, bench->packed.data + at,
                                left < BENCH_CHUNK_BYTES ? left : BENCH_CHUNK_BYTES, &error),
                "unpack", &error);
  }
  bench_check(hdx_unpack_finish(bench->unpack, &error), "unpack", &error);
  if (scanning)
    bench_check(hdx_csv_finish(bench->csv, &error), "scan", &error);
  return bench_seconds() - begin;
}

static double scan(struct bench *bench) {
  struct hdx_error error;
  double begin = bench_seconds();
  hdx_csv_reset(bench->csv);
  for (size_t at = 0; at < bench->plain.size; at += BENCH_CHUNK_BYTES) {
    size_t left = bench->plain.size - at;
    bench_check(
        hdx_csv_feed(bench->csv, bench->plain.data + at, left < BENCH_CHUNK_BYTES ? left : BENCH_CHUNK_BYTES, &error),
        "scan", &error);
  }
  bench_check(hdx_csv_finish(bench->csv, &error), "scan", &error);
  return bench_seconds() - begin;
}

static double inflate(struct bench *bench) {
  enum { OUT_BYTES = 128 << 10 };
  static uint8_t out[OUT_BYTES];
  static struct inflate_state state;
  double begin = bench_seconds();
  size_t made = 0;
  isal_inflate_init(&state);
  for (size_t at = 0; at < bench->body_size; at += BENCH_CHUNK_BYTES) {
    size_t left = bench->body_size - at;
    state.next_in = (uint8_t *)bench->packed.data + bench->body + at;
    state.avail_in = (uint32_t)(left < BENCH_CHUNK_BYTES ? left : BENCH_CHUNK_BYTES);
    do {
      state.next_out = out;
      state.avail_out = OUT_BYTES;
      if (isal_inflate(&state) != ISAL_DECOMP_OK)
        bench_fail("isal_inflate", "no DEFLATE stream");
      made += OUT_BYTES - state.avail_out;
    } while (state.avail_out == 0);
  }
  if (made != bench->plain.size)
    bench_fail("isal_inflate", "other bytes than those of the plain file");
  return bench_seconds() - begin;
}

int main(int argc, char **argv) {
  uint64_t rounds = 9;
  struct bench bench = {.at = 0};
  struct hdx_error error;
  struct hdx_csv_options options = {.kernel = hdx_csv_kernel(hdx_cpu_level())};
  int at = 1;
  if (argc == 5 && strcmp(argv[1], "--rounds") == 0 && hdx_text_to_u64(hdx_text_of(argv[2]), 1000, &rounds))
    at = 3;
  if (argc != at + 2)
    bench_fail("usage", "hdx-packed [--rounds N] FILE.csv FILE.csv.zip");
  hdx_buffer_init(&bench.plain, FILE_BYTES_MAX);
  hdx_buffer_init(&bench.packed, FILE_BYTES_MAX);
  bench_check(hdx_file_read(argv[at], FILE_BYTES_MAX, &bench.plain, &error), argv[at], &error);
  bench_check(hdx_file_read(argv[at + 1], FILE_BYTES_MAX, &bench.packed, &error), argv[at + 1], &error);
  find_body(&bench);
  bench_check(hdx_unpack_open(on_unpacked, &bench, &bench.unpack, &error), "open", &error);
  bench_check(hdx_csv_open(&options, &bench.csv, &error), "open", &error);
  bench.what = COMPARE;
  unpack(&bench, false);
  if (bench.at != bench.plain.size)
    bench_fail("unpack", "fewer bytes than those of the plain file");

  double best[4] = {0};
  uint64_t rows = 0;
  for (uint64_t round = 0; round < rounds; round++) {
    double took[4];
    took[0] = inflate(&bench);
    bench.what = DISCARD;
    took[1] = unpack(&bench, false);
    took[2] = scan(&bench);
    rows = hdx_csv_result(bench.csv)->rows;
    bench.what = SCAN;
    took[3] = unpack(&bench, true);
    if (hdx_csv_result(bench.csv)->rows != rows || hdx_csv_result(bench.csv)->bad_rows)
      bench_fail("scan", "other rows than those of the plain file");
    for (int i = 0; i < 4; i++)
      best[i] = round == 0 || took[i] < best[i] ? took[i] : best[i];
  }
  printf("{\"bench\":\"packed\",\"bytes\":%zu,\"packed_bytes\":%zu,\"rows\":%llu,\"inflate\":%.6f,\"unpack\":%.6f,"
         "\"scan\":%.6f,\"unpack_scan\":%.6f,\"ratio\":%.3f,\"ratio_scan\":%.3f}\n",
         bench.plain.size, bench.packed.size, (unsigned long long)rows, best[0], best[1], best[2], best[3],
         best[1] / best[0], best[3] / (best[0] + best[2]));
  hdx_unpack_close(bench.unpack);
  hdx_csv_close(bench.csv);
  hdx_buffer_deinit(&bench.plain);
  hdx_buffer_deinit(&bench.packed);
  return 0;
}
