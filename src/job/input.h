/* Files of input that are read from their beginning as often as need be, whatever they are: what cannot be read twice
 * (standard input, a pipe) is kept in an unnamed temporary file in the store's folder. */
#ifndef HDX_JOB_INPUT_H
#define HDX_JOB_INPUT_H

#include "job/session.h"

struct hdx_input {
  int fd;      /* -1: none */
  bool copied; /* it was no file that can be read twice */
  char *name;  /* for messages */
};

/* Opens `path` ("-": standard input). NOT_FOUND; IO: it cannot be read or kept, or is a folder; INTERRUPTED. */
enum hdx_status hdx_input_open(struct hdx_session *session, const char *path, struct hdx_input *input,
                               struct hdx_error *error);
/* One that was never opened (all zero but fd -1) is allowed. */
void hdx_input_close(struct hdx_input *input);

/* Makes an empty file without a name in the store's folder, which goes when it is closed. IO. */
enum hdx_status hdx_input_create(struct hdx_session *session, int *fd, struct hdx_error *error);

/* Reads up to `size` bytes at an offset; *got 0: there are none. IO. */
enum hdx_status hdx_input_read(const struct hdx_input *input, uint64_t offset, void *data, size_t size, size_t *got,
                               struct hdx_error *error);

#endif
