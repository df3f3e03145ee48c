#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void hdx_log_write(const struct hdx_log *log, enum hdx_log_level level, const char *format, ...) {
  if (!log || !log->write || level > log->level)
    return;
  char message[HDX_ERROR_TEXT_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  log->write(log->user, level, message);
}
