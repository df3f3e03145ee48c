#undef HDX_ANALYZE /* the functions themselves, not what stands for them in an analysis */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
  const char *name, *text;
  int code;
} statuses[] = {
#define X(name, code, text) {#name, text, code},
    HDX_STATUS_MAP(X)
#undef X
};

static bool known(enum hdx_status status) {
  return (size_t)status < sizeof statuses / sizeof *statuses;
}

const char *hdx_status_name(enum hdx_status status) {
  return known(status) ? statuses[status].name : "UNKNOWN";
}

const char *hdx_status_text(enum hdx_status status) {
  return known(status) ? statuses[status].text : "unknown status";
}

int hdx_status_exit_code(enum hdx_status status) {
  return known(status) ? statuses[status].code : 70;
}

enum hdx_status hdx_error_set(struct hdx_error *error, enum hdx_status status, const char *format, ...) {
  if (error) {
    va_list args;
    va_start(args, format);
    error->status = status;
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
  }
  return status;
}

enum hdx_status hdx_error_context(struct hdx_error *error, enum hdx_status status, const char *format, ...) {
  if (error) {
    char inner[HDX_ERROR_TEXT_MAX];
    memcpy(inner, error->message, sizeof inner);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n + 8 < sizeof error->message)
      snprintf(error->message + n, sizeof error->message - (size_t)n, ": %.*s", (int)(sizeof inner - 8 - (size_t)n),
               inner);
  }
  return status;
}

enum hdx_status hdx_error_memory(struct hdx_error *error, size_t bytes) {
  return hdx_error_set(error, HDX_MEMORY, "out of memory: %zu bytes could not be had", bytes);
}

enum hdx_status hdx_error_errno(struct hdx_error *error, const char *path, const char *verb, int code) {
  return hdx_error_set(error, code == ENOMEM ? HDX_MEMORY : HDX_IO, "%s: %s: %s", path, verb, strerror(code));
}

enum hdx_status hdx_status_graver(enum hdx_status a, enum hdx_status b) {
  static const enum hdx_status order[] = {HDX_IO,        HDX_DENIED,      HDX_INTEGRITY,
                                          HDX_TEMPORARY, HDX_UNAVAILABLE, HDX_NOT_FOUND};
  for (size_t i = 0; i < sizeof order / sizeof *order; i++)
    if (a == order[i] || b == order[i])
      return order[i];
  return a != HDX_OK ? a : b;
}
