/* A growing run of bytes that it owns, with a hard maximum and a sticky error: appends after a failure do nothing, so a
 * caller may append many times and look once. */
#ifndef HDX_BASE_BUFFER_H
#define HDX_BASE_BUFFER_H

#include "base/text.h"

#include <assert.h>

struct hdx_buffer {
  char *data; /* not terminated but by hdx_buffer_string */
  size_t size, capacity, max;
  enum hdx_status status; /* OK, LIMIT (more than max) or MEMORY */
};

static inline void hdx_buffer_init(struct hdx_buffer *buffer, size_t max) {
  *buffer = (struct hdx_buffer){.max = max};
}

void hdx_buffer_deinit(struct hdx_buffer *buffer);

/* Overwrites what it holds, for bytes that held secrets. What was moved away from when it grew is not reached: a buffer
 * for secrets reserves at once what it may need. */
void hdx_buffer_wipe(struct hdx_buffer *buffer);

/* Forgets what is in it and the error, keeps the memory. */
static inline void hdx_buffer_clear(struct hdx_buffer *buffer) {
  buffer->size = 0;
  buffer->status = HDX_OK;
}

/* Room for `size` more bytes at the end, or NULL with the error set; the caller writes there and adds to size. */
void *hdx_buffer_reserve(struct hdx_buffer *buffer, size_t size);

void hdx_buffer_append_slow(struct hdx_buffer *buffer, const void *data, size_t size);

/* Most appends are of a few bytes and find room. */
static inline void hdx_buffer_append(struct hdx_buffer *buffer, const void *data, size_t size) {
  /* Room beyond the maximum is none; after an error nothing fits. */
  if (size && size <= buffer->capacity - buffer->size && size <= buffer->max - buffer->size &&
      buffer->status == HDX_OK) {
    assert(buffer->data);
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
  } else {
    hdx_buffer_append_slow(buffer, data, size);
  }
}

static inline void hdx_buffer_append_text(struct hdx_buffer *buffer, struct hdx_text text) {
  hdx_buffer_append(buffer, text.data, text.size);
}

/* What another buffer holds, with its error: what is made of parts is not whole if a part is not. */
static inline void hdx_buffer_append_buffer(struct hdx_buffer *buffer, const struct hdx_buffer *other) {
  if (buffer->status == HDX_OK)
    buffer->status = other->status;
  hdx_buffer_append(buffer, other->data, other->size);
}

static inline void hdx_buffer_append_byte(struct hdx_buffer *buffer, char byte) {
  hdx_buffer_append(buffer, &byte, 1);
}

__attribute__((format(printf, 2, 3))) void hdx_buffer_append_format(struct hdx_buffer *buffer, const char *format, ...);

static inline struct hdx_text hdx_buffer_text(const struct hdx_buffer *buffer) {
  return (struct hdx_text){buffer->data, buffer->size};
}

/* The bytes as a NUL-terminated string, borrowed until the next change; "" after an error. */
const char *hdx_buffer_string(struct hdx_buffer *buffer);

/* Hands the bytes to the caller, who frees them (NULL if empty), and leaves an empty buffer. */
char *hdx_buffer_take(struct hdx_buffer *buffer, size_t *size);

/* Its status as an error that names `what`. */
enum hdx_status hdx_buffer_status(const struct hdx_buffer *buffer, const char *what, struct hdx_error *error);

#endif
