/* hdx-checks: how fast each checksum of data files is computed, beside copying the same bytes.
 *
 *   hdx-checks [--rounds N] FILE
 *
 * The bytes are fed in pieces, as the engine hands them out. CRCs are compared with the same by tables first. Then all
 * checks and a copy (of each piece into one that stays in the caches) take turns, and the best of --rounds (9) counts.
 * Prints a line of JSON with GB/s for each, and the digest for whoever wants to compare it. */
#include "base/file.h"
#include "codec/crc.h"
#include "shared/files.h"

#include <stdio.h>
#include <stdlib.h>

#define FILE_BYTES_MAX ((uint64_t)1 << 30)

static char copy[BENCH_CHUNK_BYTES];

static void add(struct hdx_hasher *hasher, struct hdx_text piece) {
  if (hasher)
    hdx_hasher_add(hasher, piece.data, piece.size);
  else
    memcpy(copy, piece.data, piece.size);
  __asm__ volatile("" : : "r"(copy) : "memory"); /* the copy is wanted */
}

/* Seconds; without a hasher the bytes are copied. */
static double feed(const struct hdx_buffer *bytes, struct hdx_hasher *hasher) {
  const double begin = bench_seconds();
  for (size_t at = 0, size; at < bytes->size; at += size) {
    size = bytes->size - at < BENCH_CHUNK_BYTES ? bytes->size - at : BENCH_CHUNK_BYTES;
    add(hasher, hdx_text_sub(hdx_buffer_text(bytes), at, at + size));
  }
  return bench_seconds() - begin;
}

static void compare(const struct hdx_buffer *bytes) {
  const bool same =
      hdx_crc32(0, bytes->data, bytes->size) == hdx_crc_fold(HDX_CRC_32, true, 0, bytes->data, bytes->size) &&
      hdx_crc32c(0, bytes->data, bytes->size) == hdx_crc_fold(HDX_CRC_32C, true, 0, bytes->data, bytes->size) &&
      hdx_crc64nvme(0, bytes->data, bytes->size) == hdx_crc_fold(HDX_CRC_64NVME, true, 0, bytes->data, bytes->size);
  if (!same)
    bench_fail("CRC", "another one by tables");
}

static void print(enum hdx_check check, const struct hdx_digest *digest, double gb, double seconds, double copying) {
  char text[HDX_DIGEST_TEXT_MAX];
  hdx_digest_write(digest, text);
  printf("{\"bench\":\"checks\",\"check\":\"%s\",\"digest\":\"%s\",\"gb_per_s\":%.3f,\"copy_gb_per_s\":%.3f}\n",
         hdx_check_name(check), text, gb / seconds, gb / copying);
}

int main(int argc, char **argv) {
  uint64_t rounds = 9;
  int at = 1;
  struct hdx_error error;
  struct hdx_buffer bytes;
  struct hdx_hasher *hashers[HDX_CHECK_COUNT] = {NULL}; /* of HDX_CHECK_SIZE: none, for the copy */
  struct hdx_digest digests[HDX_CHECK_COUNT] = {{HDX_CHECK_SIZE, {0}}};
  double best[HDX_CHECK_COUNT] = {0};
  if (argc == 4 && strcmp(argv[1], "--rounds") == 0 && hdx_text_to_u64(hdx_text_of(argv[2]), 1000, &rounds))
    at = 3;
  if (argc != at + 1)
    bench_fail("usage", "hdx-checks [--rounds N] FILE");
  hdx_buffer_init(&bytes, FILE_BYTES_MAX);
  bench_check(hdx_file_read(argv[at], FILE_BYTES_MAX, &bytes, &error), argv[at], &error);
  compare(&bytes);
  for (int check = HDX_CHECK_SIZE + 1; check < HDX_CHECK_COUNT; check++)
    bench_check(hdx_hasher_open((enum hdx_check)check, &hashers[check], &error), "open", &error);
  for (uint64_t round = 0; round < rounds; round++)
    for (int check = 0; check < HDX_CHECK_COUNT; check++) {
      const double took = feed(&bytes, hashers[check]);
      best[check] = round == 0 || took < best[check] ? took : best[check];
      if (hashers[check])
        hdx_hasher_finish(hashers[check], &digests[check]);
    }
  for (int check = HDX_CHECK_SIZE + 1; check < HDX_CHECK_COUNT; check++) {
    print((enum hdx_check)check, &digests[check], (double)bytes.size / 1e9, best[check], best[HDX_CHECK_SIZE]);
    hdx_hasher_close(hashers[check]);
  }
  hdx_buffer_deinit(&bytes);
  return 0;
}
