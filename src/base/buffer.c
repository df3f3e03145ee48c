#include "base/buffer.h"

#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void hdx_buffer_deinit(struct hdx_buffer *buffer) {
  free(buffer->data);
  *buffer = (struct hdx_buffer){.max = buffer->max};
}

void hdx_buffer_wipe(struct hdx_buffer *buffer) {
  if (buffer->data)
    explicit_bzero(buffer->data, buffer->capacity);
}

void *hdx_buffer_reserve(struct hdx_buffer *buffer, size_t size) {
  if (buffer->status != HDX_OK)
    return NULL;
  if (size > buffer->max || buffer->size > buffer->max - size) {
    buffer->status = HDX_LIMIT;
    return NULL;
  }
  size_t need = buffer->size + size;
  if (need > buffer->capacity || !buffer->data) {
    size_t capacity = buffer->capacity < 128 ? 128 : buffer->capacity;
    while (capacity < need)
      capacity = capacity > SIZE_MAX / 2 ? need : capacity * 2;
    char *data = realloc(buffer->data, capacity);
    if (!data) {
      buffer->status = HDX_MEMORY;
      return NULL;
    }
    buffer->data = data;
    buffer->capacity = capacity;
  }
  return buffer->data + buffer->size;
}

void hdx_buffer_append_slow(struct hdx_buffer *buffer, const void *data, size_t size) {
  void *to = size ? hdx_buffer_reserve(buffer, size) : NULL;
  if (to) {
    memcpy(to, data, size);
    buffer->size += size;
  }
}

void hdx_buffer_append_format(struct hdx_buffer *buffer, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int size = vsnprintf(NULL, 0, format, args);
  va_end(args);
  char *to = size < 0 ? NULL : hdx_buffer_reserve(buffer, (size_t)size + 1);
  if (to) {
    vsnprintf(to, (size_t)size + 1, format, again);
    buffer->size += (size_t)size;
  }
  va_end(again);
}

const char *hdx_buffer_string(struct hdx_buffer *buffer) {
  char *end = hdx_buffer_reserve(buffer, 1);
  if (!end)
    return "";
  *end = 0;
  return buffer->data;
}

char *hdx_buffer_take(struct hdx_buffer *buffer, size_t *size) {
  char *data = buffer->data;
  *size = buffer->size;
  *buffer = (struct hdx_buffer){.max = buffer->max};
  return data;
}

enum hdx_status hdx_buffer_status(const struct hdx_buffer *buffer, const char *what, struct hdx_error *error) {
  if (buffer->status == HDX_LIMIT)
    return hdx_error_set(error, HDX_LIMIT, "%s: larger than the limit of %zu bytes", what, buffer->max);
  if (buffer->status == HDX_MEMORY)
    return hdx_error_set(error, HDX_MEMORY, "%s: out of memory at %zu bytes", what, buffer->size);
  return HDX_OK;
}
