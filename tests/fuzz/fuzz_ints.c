/* layer: codec */
/* Integer streams of any bytes: what opens gives the same numbers whole and in part; and any numbers come back.
 *
 * The first byte's lowest bit tells which:
 *   0  a stream: count - 1 as u16, then its bytes
 *   1  numbers: bits 1-2 their width in bytes as a power of two, bit 3: they are differences, bit 4: each is multiplied
 *      by 2880, bits 5-7: how many more times they are there; written after as many others by the same habit */
#include "codec/bytes.h"
#include "codec/ints.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hdx_zstd *zstd;

static void require(bool ok) {
  if (!ok)
    abort();
}

static void fuzz_stream(const uint8_t *data, size_t size) {
  if (size < 2)
    return;
  size_t count = (size_t)(data[0] | data[1] << 8) + 1;
  struct hdx_ints ints;
  struct hdx_error error;
  hdx_ints_init(&ints);
  enum hdx_status status = hdx_ints_open(&ints, zstd, data + 2, size - 2, count, &error);
  require(status == HDX_OK || status == HDX_INTEGRITY);
  if (status == HDX_OK) {
    int64_t *all = malloc(count * sizeof *all);
    hdx_ints_read(&ints, 0, count, all);
    for (size_t from = 0; from < count; from += 1 + count / 7)
      for (size_t to = from; to <= count; to += 1 + count / 5) {
        size_t room = ints.tag & HDX_INTS_DELTA ? to : to - from;
        int64_t *some = malloc(room ? room * sizeof *some : 1);
        hdx_ints_read(&ints, from, to, some);
        require(to == from || memcmp(some, all + from, (to - from) * sizeof *some) == 0);
        free(some);
      }
    free(all);
  }
  hdx_ints_deinit(&ints);
}

static void roundtrip(struct hdx_ints_encoder *encoder, const int64_t *values, size_t count,
                      struct hdx_ints_habit *habit) {
  struct hdx_buffer out;
  struct hdx_ints ints;
  struct hdx_error error;
  int64_t *got = malloc(count * sizeof *got);
  hdx_buffer_init(&out, SIZE_MAX);
  hdx_ints_init(&ints);
  require(hdx_ints_encode(encoder, values, count, habit, &out, &error) == HDX_OK);
  require(hdx_ints_decode(&ints, zstd, out.data, out.size, count, got, &error) == HDX_OK);
  require(memcmp(got, values, count * sizeof *got) == 0);
  hdx_ints_deinit(&ints);
  hdx_buffer_deinit(&out);
  free(got);
}

static void fuzz_numbers(unsigned form, const uint8_t *data, size_t size) {
  size_t width = (size_t)1 << (form >> 1 & 3), count = size / width, times = 1 + (form >> 5);
  if (count == 0 || count * times > HDX_INTS_MAX)
    return;
  struct hdx_ints_encoder encoder;
  struct hdx_ints_habit habit = {0};
  int64_t *values = malloc(count * times * sizeof *values);
  uint64_t last = 0;
  for (size_t i = 0; i < count * times; i++) {
    uint64_t value = 0;
    memcpy(&value, data + i % count * width, width);
    value *= form & 16 ? 2880 : 1;
    last = form & 8 ? last + value : value;
    values[i] = (int64_t)last;
  }
  hdx_ints_encoder_init(&encoder, zstd);
  encoder.thorough = form & 32;
  size_t half = count * times / 2;
  if (half)
    roundtrip(&encoder, values, half, &habit);
  roundtrip(&encoder, values + half, count * times - half, &habit);
  roundtrip(&encoder, values, count * times, NULL);
  hdx_ints_encoder_deinit(&encoder);
  free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  zstd = zstd ? zstd : hdx_zstd_create();
  if (size == 0)
    return 0;
  if (*data & 1)
    fuzz_numbers(*data, data + 1, size - 1);
  else
    fuzz_stream(data + 1, size - 1);
  return 0;
}
