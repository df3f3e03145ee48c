#include "job/lines.h"

#include <stdlib.h>

enum { STEP_BYTES = 256 << 10 };

void hdx_lines_init(struct hdx_lines *lines, const struct hdx_input *input) {
  *lines = (struct hdx_lines){.input = input};
}

void hdx_lines_deinit(struct hdx_lines *lines) {
  free(lines->data);
}

/* Reads on behind what is left of the data. */
static enum hdx_status read_on(struct hdx_lines *lines, struct hdx_error *error) {
  size_t left = lines->size - lines->at, got = 0;
  if (left > HDX_LINE_BYTES_MAX)
    return hdx_error_set(error, HDX_INTEGRITY, "%s: line %llu has more than %u bytes", lines->input->name,
                         (unsigned long long)lines->number + 1, HDX_LINE_BYTES_MAX);
  if (lines->at && left)
    memmove(lines->data, lines->data + lines->at, left);
  lines->size = left;
  lines->at = 0;
  if (lines->capacity - left < STEP_BYTES) {
    char *data = realloc(lines->data, left + STEP_BYTES);
    if (!data)
      return hdx_error_memory(error, left + STEP_BYTES);
    lines->data = data;
    lines->capacity = left + STEP_BYTES;
  }
  enum hdx_status status =
      hdx_input_read(lines->input, lines->offset, lines->data + left, lines->capacity - left, &got, error);
  lines->size += got;
  lines->offset += got;
  lines->ended = status == HDX_OK && got == 0;
  return status;
}

enum hdx_status hdx_lines_next(struct hdx_lines *lines, struct hdx_text *line, bool *complete, bool *found,
                               struct hdx_error *error) {
  const char *end = NULL;
  size_t looked = 0; /* bytes in which there is no newline */
  for (;;) {
    size_t left = lines->size - lines->at;
    if (left > looked)
      end = memchr(lines->data + lines->at + looked, '\n', left - looked);
    if (end || lines->ended)
      break;
    looked = left;
    enum hdx_status status = read_on(lines, error);
    if (status != HDX_OK)
      return status;
  }
  size_t size = end ? (size_t)(end - lines->data) - lines->at : lines->size - lines->at;
  *line = (struct hdx_text){lines->data ? lines->data + lines->at : "", size};
  *found = end || size;
  if (complete)
    *complete = end != NULL;
  lines->at += size + (end != NULL);
  lines->number += *found;
  return HDX_OK;
}
