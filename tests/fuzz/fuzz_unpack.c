/* layer: parse */
/* Packed files of any bytes: cut in two and in three they give what they give in one piece, and what has no error in
 * one has none in the other. The first two bytes of the input say where it is cut. */
#include "../unit/parse/unpacked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct unpacked whole, cut;
  if (!whole.unpack) {
    unpacked_open(&whole);
    unpacked_open(&cut);
  }
  if (size < 2)
    return 0;
  const char *file = (const char *)data + 2;
  size_t file_size = size - 2;
  size_t cuts[2] = {((size_t)data[0] | (size_t)data[1] << 8) % (file_size + 1), 0};
  cuts[1] = cuts[0] + (file_size - cuts[0]) / 2;
  unpacked_run(&whole, file, file_size, NULL, 0);
  for (size_t count = 1; count <= 2; count++) {
    unpacked_run(&cut, file, file_size, cuts, count);
    if (cut.status != whole.status || hdx_unpack_packing(cut.unpack) != hdx_unpack_packing(whole.unpack))
      abort();
    if (whole.status == HDX_OK && !hdx_text_equal(hdx_buffer_text(&whole.bytes), hdx_buffer_text(&cut.bytes)))
      abort();
  }
  return 0;
}
