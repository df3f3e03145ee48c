/* The scalar kernel: every line is read with care. The oracle of the others, and what runs where there is no vector
 * kernel. */
#include "parse/csv_scan.h"

enum hdx_status hdx_csv_scan_scalar(struct hdx_csv *csv, const char *data, const char *end, const char **rest,
                                    struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  const char *newline;
  while (data < end && (newline = memchr(data, '\n', (size_t)(end - data)))) {
    status = hdx_csv_line(csv, data, (size_t)(newline - data), csv->chunk_at + (uint64_t)(data - csv->chunk), error);
    data = newline + 1;
    if (status != HDX_OK)
      break;
  }
  *rest = data;
  return status;
}
