/* Warnings about one document: each with its place, and no more than a reader can use. */
#ifndef HDX_CATALOG_WARNINGS_H
#define HDX_CATALOG_WARNINGS_H

#include "base/log.h"
#include "parse/json.h"

#define HDX_WARNINGS_MAX 20 /* per document; the rest is counted */

struct hdx_warnings {
  const struct hdx_log *log;
  const char *source;
  const struct hdx_json *json;
  size_t count;
};

/* "SOURCE: line L: …", the line being that of `at`, a view into the document. */
__attribute__((format(printf, 3, 4))) void hdx_warnings_add(struct hdx_warnings *warnings, struct hdx_text at,
                                                            const char *format, ...);

/* Says how many were not shown. */
void hdx_warnings_end(const struct hdx_warnings *warnings);

#endif
