/* layer: transfer */
/* Response heads, line by line: never a crash, and what is believed is within bounds. */
#include "transfer/head.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hdx_head head;
  hdx_head_init(&head);
  for (size_t at = 0; at < size;) {
    const uint8_t *end = memchr(data + at, '\n', size - at);
    size_t next = end ? (size_t)(end - data) + 1 : size;
    hdx_head_line(&head, (struct hdx_text){(const char *)data + at, next - at});
    at = next;
  }
  if (head.has_range && (head.range_first > head.range_last || head.range_last >= head.range_total))
    abort();
  if (memchr(head.etag, '\n', strlen(head.etag)))
    abort();
  return 0;
}
