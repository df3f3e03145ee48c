/* layer: base */
/* Times of any bytes: what is read strictly is read leniently to the same instant, what is written is read back, and a
 * refused text leaves no trace. */
#include "base/time.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good) {
  if (!good)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hdx_text text = {(const char *)data, size};
  int64_t strict = 7, lenient = 7, again;
  int strict_digits = -1, lenient_digits = -1;
  size_t at = SIZE_MAX;
  unsigned notes = hdx_time_read(text, false, &strict, &strict_digits, &at);
  unsigned mended = hdx_time_read(text, true, &lenient, &lenient_digits, &at);
  if (notes < HDX_TIME_OFFSET)
    check(mended == notes && lenient == strict && lenient_digits == strict_digits);
  else
    check(strict == 7 && strict_digits == -1);
  if (mended >= HDX_TIME_OFFSET) {
    check(at <= size && lenient == 7 && lenient_digits == -1);
    return 0;
  }
  check(lenient >= HDX_TIME_MIN && lenient_digits >= 0 && lenient_digits <= 9);
  char out[HDX_TIME_TEXT_MAX];
  size_t length = hdx_time_format(lenient, 9, out);
  check(length == 30 && out[length] == 0);
  check(hdx_time_parse((struct hdx_text){out, length}, &again, NULL) == HDX_OK && again == lenient);
  int year = hdx_time_year(lenient);
  check(hdx_time_of_year(year) <= lenient && lenient <= hdx_time_of_year(year + 1));
  return 0;
}
