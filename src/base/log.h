/* Where warnings and progress notes go: the session's callback, or nowhere. */
#ifndef HDX_BASE_LOG_H
#define HDX_BASE_LOG_H

#include "heliodex.h"

struct hdx_log {
  enum hdx_log_level level; /* messages above it are dropped */
  void (*write)(void *user, enum hdx_log_level level, const char *message);
  void *user;
};

/* One line, cut at HDX_ERROR_TEXT_MAX bytes. A NULL log is silent. */
__attribute__((format(printf, 3, 4))) void hdx_log_write(const struct hdx_log *log, enum hdx_log_level level,
                                                         const char *format, ...);

#endif
