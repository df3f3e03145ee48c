/* What an index file looked like, in words. */
#ifndef HDX_JOB_FORM_H
#define HDX_JOB_FORM_H

#include "base/buffer.h"
#include "parse/csv.h"

/* Appends "csv, header, quoted with ', no stop column, CRLF, byte order mark, gzip": of these what the file has.
 * `packing` is "" where it was not packed. */
void hdx_form_put(const struct hdx_csv_dialect *dialect, const char *packing, struct hdx_buffer *out);

/* How much was mended in it. */
uint64_t hdx_form_repairs(const struct hdx_csv_result *result);

#endif
