#include "job/form.h"

void hdx_form_put(const struct hdx_csv_dialect *dialect, const char *packing, struct hdx_buffer *out) {
  hdx_buffer_append_text(out, HDX_TEXT("csv"));
  if (dialect->header)
    hdx_buffer_append_text(out, HDX_TEXT(", header"));
  if (dialect->quote)
    hdx_buffer_append_format(out, ", quoted with %c", dialect->quote);
  if (dialect->no_stop)
    hdx_buffer_append_text(out, HDX_TEXT(", no stop column"));
  if (dialect->crlf)
    hdx_buffer_append_text(out, HDX_TEXT(", CRLF"));
  if (dialect->bom)
    hdx_buffer_append_text(out, HDX_TEXT(", byte order mark"));
  if (*packing)
    hdx_buffer_append_format(out, ", %s", packing);
}

uint64_t hdx_form_repairs(const struct hdx_csv_result *result) {
  uint64_t sum = 0;
  for (int repair = 0; repair < HDX_CSV_REPAIR_COUNT; repair++)
    sum += result->repairs[repair];
  return sum;
}
