/* Bytes to standard output or a file, through one large buffer.
 *
 * A file is written beside its final name and renamed when it is complete, so that the name holds the old bytes or all
 * new ones. What exists and is no regular file (a terminal, /dev/null, a named pipe, an open descriptor as /dev/stdout
 * or /dev/fd/3) is written in place. Errors stick: after the first nothing is written, and cli_writer_status tells. Not
 * for several threads. */
#ifndef HDX_CLI_WRITER_H
#define HDX_CLI_WRITER_H

#include "cli/text.h"

enum cli_writer_state {
  CLI_WRITER_GOOD,
  CLI_WRITER_CLOSED,      /* the reader of the pipe went away */
  CLI_WRITER_INTERRUPTED, /* a signal came while the consumer was slow */
  CLI_WRITER_FAILED
};

struct cli_writer {
  int fd;
  enum cli_writer_state state;
  int code; /* errno of FAILED */
  bool terminal;
  bool guarded; /* what is written is made visible (cli_visible), but for newlines and tabs: a terminal reads it */
  char *data;
  bool borrowed; /* data is somebody else's, until more is needed */
  size_t size, capacity;
  uint64_t written;
  char *path, *temp; /* the final name and the one until then; NULL: written in place */
  bool is_new;       /* nothing had the final name */
  const char *name;  /* for messages */
};

/* Opens `path` (NULL or "-": standard output). USAGE: no file can be there (a directory); IO: it cannot be made. The
 * writer is closed in any case, by cli_writer_close. */
enum hdx_status cli_writer_open(struct cli_writer *writer, const char *path, struct hdx_error *error);

/* Has a new file be readable by its user alone; the mode of one that is replaced stays. */
void cli_writer_keep_private(struct cli_writer *writer);

/* Writes what is buffered; with `keep`, syncs and renames a file to its final name, else removes it. Frees everything.
 * IO: not written; the final name is untouched then. */
enum hdx_status cli_writer_close(struct cli_writer *writer, bool keep, struct hdx_error *error);

/* OK; INTERRUPTED; IO with the file's name and the reason. A closed pipe is IO too; look at state. */
enum hdx_status cli_writer_status(const struct cli_writer *writer, struct hdx_error *error);

void cli_writer_flush(struct cli_writer *writer);

/* Whether the reader of the pipe went away, which is found without writing; state tells it too from then on. */
bool cli_writer_closed(struct cli_writer *writer);

/* Slow path of cli_writer_reserve. */
char *cli_writer_grow(struct cli_writer *writer, size_t size);

/* Room for `size` bytes, or NULL (out of memory, the error sticks). The caller writes there and calls
 * cli_writer_advance with how many. */
static inline char *cli_writer_reserve(struct cli_writer *writer, size_t size) {
  return writer->capacity - writer->size >= size ? writer->data + writer->size : cli_writer_grow(writer, size);
}

static inline void cli_writer_advance(struct cli_writer *writer, size_t size) {
  writer->size += size;
}

static inline void cli_writer_put(struct cli_writer *writer, struct hdx_text text) {
  char *p = cli_writer_reserve(writer, text.size);
  if (p && text.size) {
    memcpy(p, text.data, text.size);
    writer->size += text.size;
  }
}

static inline void cli_writer_byte(struct cli_writer *writer, char byte) {
  char *p = cli_writer_reserve(writer, 1);
  if (p) {
    *p = byte;
    writer->size++;
  }
}

static inline void cli_writer_string(struct cli_writer *writer, const char *string) {
  cli_writer_put(writer, cli_text(string));
}

/* A sequence of our own that steers the terminal. */
void cli_writer_steer(struct cli_writer *writer, const char *sequence);

/* Many bytes, written as they lie: behind what is buffered, and without a copy. */
void cli_writer_through(struct cli_writer *writer, struct hdx_text bytes);

__attribute__((format(printf, 2, 3))) void cli_writer_format(struct cli_writer *writer, const char *format, ...);

/* The text as a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD, and what would steer a terminal is
 * escaped. */
void cli_writer_json(struct cli_writer *writer, struct hdx_text text);

/* JSON as it was published, on one line: blanks outside of strings are left out, bytes that are no UTF-8 replaced, and
 * what would steer a terminal is escaped. */
void cli_writer_json_raw(struct cli_writer *writer, struct hdx_text json);

#endif
