#include "catalog/warnings.h"

#include <stdarg.h>
#include <stdio.h>

void hdx_warnings_add(struct hdx_warnings *warnings, struct hdx_text at, const char *format, ...) {
  if (warnings->count++ >= HDX_WARNINGS_MAX || !warnings->log)
    return;
  char message[HDX_ERROR_TEXT_MAX];
  size_t line, column;
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  hdx_json_place(warnings->json, at, &line, &column);
  hdx_log_write(warnings->log, HDX_LOG_WARNING, "%s: line %zu: %s", warnings->source, line, message);
}

void hdx_warnings_end(const struct hdx_warnings *warnings) {
  if (warnings->count > HDX_WARNINGS_MAX)
    hdx_log_write(warnings->log, HDX_LOG_WARNING, "%s: %zu more warnings", warnings->source,
                  warnings->count - HDX_WARNINGS_MAX);
}
