/* The lines of an input, one after the other. A line is bounded, and so is what is held. */
#ifndef HDX_JOB_LINES_H
#define HDX_JOB_LINES_H

#include "job/input.h"

#define HDX_LINE_BYTES_MAX (1u << 20)

struct hdx_lines {
  const struct hdx_input *input; /* borrowed */
  uint64_t offset;               /* of what is read next */
  uint64_t number;               /* of the line that was handed out last, from 1 */
  char *data;
  size_t size, capacity, at;
  bool ended; /* nothing comes behind the data */
};

void hdx_lines_init(struct hdx_lines *lines, const struct hdx_input *input);
void hdx_lines_deinit(struct hdx_lines *lines);

/* The next line without its newline, which `complete` (may be NULL) says that it has; *found false: there is none. A
 * view until the next call. INTEGRITY: it is too long; IO; MEMORY. */
enum hdx_status hdx_lines_next(struct hdx_lines *lines, struct hdx_text *line, bool *complete, bool *found,
                               struct hdx_error *error);

/* The offset of the line that is next. */
static inline uint64_t hdx_lines_offset(const struct hdx_lines *lines) {
  return lines->offset - (lines->size - lines->at);
}

#endif
