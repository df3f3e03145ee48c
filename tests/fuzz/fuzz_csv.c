/* layer: parse */
/* Index files of any bytes: every kernel, in one piece and cut in two, gives what the scalar kernel gives. The first
 * two bytes of the input say where the second scan is cut. */
#include "../unit/parse/csv_record.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(const struct hdx_buffer *expected, struct hdx_buffer got) {
  if (!csv_record_same(expected, &got)) {
    fprintf(stderr, "expected:\n%s\n", hdx_buffer_string((struct hdx_buffer *)expected));
    fprintf(stderr, "found:\n%s\n", hdx_buffer_string(&got));
    abort();
  }
  hdx_buffer_deinit(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2)
    return 0;
  const char *file = (const char *)data + 2;
  size_t file_size = size - 2;
  size_t cuts[2] = {((size_t)data[0] | (size_t)data[1] << 8) % (file_size + 1), 0};
  cuts[1] = cuts[0] + (file_size - cuts[0]) / 2;
  struct hdx_buffer expected = csv_record_scan(HDX_CPU_SCALAR, file, file_size, NULL, 0);
  for (int level = HDX_CPU_SCALAR; level <= HDX_CPU_AVX512; level++) {
    enum hdx_cpu_level kernel = (enum hdx_cpu_level)level;
    if (hdx_csv_kernel(kernel) != kernel)
      continue;
    expect(&expected, csv_record_scan(kernel, file, file_size, NULL, 0));
    expect(&expected, csv_record_scan(kernel, file, file_size, cuts, 1));
    expect(&expected, csv_record_scan(kernel, file, file_size, cuts, 2));
  }
  hdx_buffer_deinit(&expected);
  return 0;
}
