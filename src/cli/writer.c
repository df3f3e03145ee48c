#include "cli/writer.h"

#include "cli/bytes.h"
#include "cli/signals.h"
#include "cli/values.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Large enough that a write costs nothing beside formatting, small enough to stay in the second-level cache. */
#define BUFFER_BYTES ((size_t)256 * 1024)

static enum hdx_status open_failed(struct cli_writer *writer, const char *name, struct hdx_error *error) {
  int code = errno;
  writer->state = CLI_WRITER_FAILED;
  writer->code = code;
  if (code == EINTR && cli_signals_pending())
    return cli_fail(error, HDX_INTERRUPTED, "interrupted");
  enum hdx_status status = code == EISDIR ? HDX_USAGE : code == ENOMEM ? HDX_MEMORY : HDX_IO;
  return cli_fail(error, status, "%s: cannot be written: %s", name, strerror(code));
}

/* The mode a file made by open(2) would have, or the one of the file that is replaced. */
static mode_t mode_for(const struct stat *old, bool exists) {
  if (exists)
    return old->st_mode & 07777;
  mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

/* Makes the temporary file beside the final name; a symbolic link stays, its target is replaced. */
static bool open_temp(struct cli_writer *writer, const char *path) {
  struct stat old;
  bool exists = stat(path, &old) == 0;
  if (!exists && errno != ENOENT) /* it may be a device or a pipe, which is not replaced */
    return false;
  if (exists && S_ISDIR(old.st_mode)) {
    errno = EISDIR;
    return false;
  }
  if (exists && !S_ISREG(old.st_mode)) {
    do /* a pipe without a reader is waited for */
      writer->fd = open(path, O_WRONLY | O_CLOEXEC);
    while (writer->fd < 0 && errno == EINTR && !cli_signals_pending());
    return writer->fd >= 0;
  }
  if (exists && access(path, W_OK) != 0)
    return false;
  writer->is_new = !exists;
  writer->path = exists ? realpath(path, NULL) : strdup(path);
  if (!writer->path)
    return false;
  const char *slash = strrchr(writer->path, '/');
  int folder = slash ? (int)(slash + 1 - writer->path) : 0;
  if (asprintf(&writer->temp, "%.*s.heliodex-XXXXXX", folder, writer->path) < 0) {
    writer->temp = NULL;
    errno = ENOMEM;
    return false;
  }
  writer->fd = mkostemp(writer->temp, O_CLOEXEC);
  if (writer->fd < 0) {
    int code = errno;
    free(writer->temp);
    writer->temp = NULL;
    errno = code;
    return false;
  }
  cli_signals_remember(writer->temp);
  return fchmod(writer->fd, mode_for(&old, exists)) == 0;
}

/* The open descriptor that a name such as /dev/stdout or /dev/fd/3 stands for, or -1. Followed as a link it could lead
 * to a regular file, and replacing that would destroy what the caller appends to. */
static int named_descriptor(const char *path) {
  static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
  if (!path || strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0)
    return STDOUT_FILENO;
  if (strcmp(path, "/dev/stderr") == 0)
    return STDERR_FILENO;
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    size_t size = strlen(folders[i]);
    char *end;
    if (strncmp(path, folders[i], size) != 0 || !isdigit((unsigned char)path[size]))
      continue;
    long fd = strtol(path + size, &end, 10);
    return *end || fd > INT_MAX ? -1 : (int)fd;
  }
  return -1;
}

enum hdx_status cli_writer_open(struct cli_writer *writer, const char *path, struct hdx_error *error) {
  int named = named_descriptor(path);
  bool standard = named == STDOUT_FILENO;
  *writer = (struct cli_writer){.fd = standard ? STDOUT_FILENO : -1, .name = standard ? "standard output" : path};
  writer->data = malloc(BUFFER_BYTES);
  if (!writer->data) {
    errno = ENOMEM;
    return open_failed(writer, writer->name, error);
  }
  writer->capacity = BUFFER_BYTES;
  if (!standard && named >= 0)
    writer->fd = fcntl(named, F_DUPFD_CLOEXEC, 3);
  if (!standard && (named >= 0 ? writer->fd < 0 : !open_temp(writer, path)))
    return open_failed(writer, path, error);
  writer->terminal = isatty(writer->fd);
  return HDX_OK;
}

void cli_writer_keep_private(struct cli_writer *writer) {
  if (writer->is_new && fchmod(writer->fd, 0600) != 0 && writer->state == CLI_WRITER_GOOD) {
    writer->state = CLI_WRITER_FAILED;
    writer->code = errno;
  }
}

/* Waits until a descriptor that somebody set to non-blocking takes bytes again. */
static bool wait_writable(int fd) {
  struct pollfd entry = {.fd = fd, .events = POLLOUT};
  return poll(&entry, 1, -1) >= 0 || errno == EINTR;
}

static void write_all(struct cli_writer *writer, const char *data, size_t size) {
  while (size > 0 && writer->state == CLI_WRITER_GOOD) {
    ssize_t n = write(writer->fd, data, size);
    int code = errno;
    if (n >= 0) {
      data += n;
      size -= (size_t)n;
      writer->written += (uint64_t)n;
    } else if (code == EPIPE) {
      writer->state = CLI_WRITER_CLOSED;
    } else if (code != EINTR && (code != EAGAIN || !wait_writable(writer->fd))) {
      writer->code = code;
      writer->state = CLI_WRITER_FAILED;
    }
    /* A signal shows as EINTR or as a short write. Files of ours are completed all the same: that takes no time. */
    if (size > 0 && writer->state == CLI_WRITER_GOOD && !writer->temp && cli_signals_pending())
      writer->state = CLI_WRITER_INTERRUPTED;
  }
}

/* Texts of others never lie across two flushes, as room is made for all of one. */
static void write_visible(struct cli_writer *writer) {
  char *shown = writer->size ? malloc(4 * writer->size) : NULL;
  size_t size = 0;
  if (writer->size && !shown) {
    writer->code = ENOMEM;
    writer->state = CLI_WRITER_FAILED;
  }
  for (size_t from = 0, to; shown && from < writer->size; from = to + 1) {
    to = from;
    while (to < writer->size && writer->data[to] != '\n' && writer->data[to] != '\t')
      to++;
    size += cli_visible((struct hdx_text){writer->data + from, to - from}, shown + size, 4 * (to - from), NULL);
    if (to < writer->size)
      shown[size++] = writer->data[to];
  }
  if (shown)
    write_all(writer, shown, size);
  free(shown);
}

void cli_writer_flush(struct cli_writer *writer) {
  if (writer->guarded)
    write_visible(writer);
  else
    write_all(writer, writer->data, writer->size);
  writer->size = 0;
}

void cli_writer_steer(struct cli_writer *writer, const char *sequence) {
  cli_writer_through(writer, cli_text(sequence));
}

bool cli_writer_closed(struct cli_writer *writer) {
  struct pollfd entry = {.fd = writer->fd};
  if (writer->state == CLI_WRITER_GOOD && poll(&entry, 1, 0) > 0 && entry.revents & POLLERR)
    writer->state = CLI_WRITER_CLOSED;
  return writer->state == CLI_WRITER_CLOSED;
}

void cli_writer_through(struct cli_writer *writer, struct hdx_text bytes) {
  cli_writer_flush(writer);
  write_all(writer, bytes.data, bytes.size);
}

char *cli_writer_grow(struct cli_writer *writer, size_t size) {
  cli_writer_flush(writer);
  if (size <= writer->capacity)
    return writer->data;
  char *data = realloc(writer->borrowed ? NULL : writer->data, size);
  if (!data) {
    writer->code = ENOMEM;
    writer->state = CLI_WRITER_FAILED;
    return NULL;
  }
  writer->data = data;
  writer->borrowed = false;
  writer->capacity = size;
  return data;
}

enum hdx_status cli_writer_status(const struct cli_writer *writer, struct hdx_error *error) {
  switch (writer->state) {
  case CLI_WRITER_GOOD:
    return HDX_OK;
  case CLI_WRITER_INTERRUPTED:
    return cli_fail(error, HDX_INTERRUPTED, "interrupted");
  case CLI_WRITER_CLOSED:
    return cli_fail(error, HDX_IO, "%s: the reader has gone", writer->name);
  case CLI_WRITER_FAILED:
    break;
  }
  return cli_fail(error, writer->code == ENOMEM ? HDX_MEMORY : HDX_IO, "%s: not written: %s", writer->name,
                  strerror(writer->code));
}

static void note_failure(struct cli_writer *writer) {
  if (writer->state != CLI_WRITER_GOOD)
    return;
  writer->state = CLI_WRITER_FAILED;
  writer->code = errno;
}

/* Some file systems tell only now that the bytes have no room. Standard output itself stays open: a copy is closed. */
static void close_descriptor(struct cli_writer *writer) {
  if (writer->fd < 0)
    return;
  int fd = writer->fd == STDOUT_FILENO ? dup(writer->fd) : writer->fd;
  if (fd >= 0 && close(fd) != 0 && errno != EINTR)
    note_failure(writer);
  writer->fd = -1;
}

enum hdx_status cli_writer_close(struct cli_writer *writer, bool keep, struct hdx_error *error) {
  if (writer->state == CLI_WRITER_GOOD && (keep || !writer->temp))
    cli_writer_flush(writer);
  if (writer->temp && keep && writer->state == CLI_WRITER_GOOD && fsync(writer->fd) != 0)
    note_failure(writer);
  close_descriptor(writer);
  if (writer->temp) {
    if (!keep || writer->state != CLI_WRITER_GOOD) {
      unlink(writer->temp);
    } else if (rename(writer->temp, writer->path) != 0) {
      note_failure(writer);
      unlink(writer->temp);
    }
    cli_signals_forget(writer->temp);
  }
  enum hdx_status status = cli_writer_status(writer, error);
  free(writer->data);
  free(writer->path);
  free(writer->temp);
  writer->data = writer->path = writer->temp = NULL;
  writer->size = writer->capacity = 0;
  return status;
}

void cli_writer_format(struct cli_writer *writer, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, format, args);
  va_end(args);
  char *p = n >= 0 ? cli_writer_reserve(writer, (size_t)n + 1) : NULL;
  if (p)
    cli_writer_advance(writer, (size_t)vsnprintf(p, (size_t)n + 1, format, again));
  va_end(again);
}

static size_t put_unit(unsigned unit, char *out) {
  static const char hex[] = "0123456789abcdef";
  const char escape[] = {'\\', 'u', hex[unit >> 12], hex[unit >> 8 & 15], hex[unit >> 4 & 15], hex[unit & 15]};
  memcpy(out, escape, sizeof escape);
  return sizeof escape;
}

/* A character as \uXXXX, or as two of them (RFC 8259, 7); returns the bytes written, at most 12. */
static size_t put_escape(uint32_t point, char *out) {
  if (point < 0x10000)
    return put_unit(point, out);
  size_t size = put_unit(0xd800 | (point - 0x10000) >> 10, out);
  return size + put_unit(0xdc00 | (point & 0x3ff), out + size);
}

/* One character that JSON does not take as it is; returns the bytes written, at most 6. */
static size_t json_escape(unsigned char byte, char *out) {
  static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
  const char *at = byte ? strchr(plain, byte) : NULL;
  if (!at)
    return put_escape(byte, out);
  out[0] = '\\';
  out[1] = letters[at - plain];
  return 2;
}

/* A character beyond ASCII, or U+FFFD for a byte that begins none; what would steer a terminal is escaped. Returns the
 * bytes written, at most six for each that is read; *length is how many those are. */
static size_t put_character(const char *data, size_t size, char *out, size_t *length) {
  uint32_t point;
  *length = cli_utf8_decode(data, size, &point);
  if (*length && cli_steers(point))
    return put_escape(point, out);
  memcpy(out, *length ? data : "\xef\xbf\xbd", *length ? *length : 3);
  size_t written = *length ? *length : 3;
  *length += *length == 0;
  return written;
}

/* Characters of a JSON string, from unescaped bytes; returns behind the last one. */
static char *json_characters(struct hdx_text text, char *p) {
  for (size_t i = 0; i < text.size;) {
    size_t plain = cli_bytes_plain_json(text, i);
    memcpy(p, text.data + i, plain);
    p += plain;
    i += plain;
    /* what is left of sixteen, or the sixteen that are not plain */
    for (size_t end = i + 16 < text.size ? i + 16 : text.size; i < end;) {
      unsigned char byte = (unsigned char)text.data[i];
      size_t length = 1;
      if (byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\') {
        *p++ = (char)byte;
      } else if (byte < 0x80) {
        p += json_escape(byte, p);
      } else {
        p += put_character(text.data + i, text.size - i, p, &length);
      }
      i += length;
    }
  }
  return p;
}

void cli_writer_json(struct cli_writer *writer, struct hdx_text text) {
  char *out = text.size <= (SIZE_MAX - 2) / 6 ? cli_writer_reserve(writer, text.size * 6 + 2) : NULL;
  if (!out)
    return;
  *out = '"';
  char *p = json_characters(text, out + 1);
  *p++ = '"';
  cli_writer_advance(writer, (size_t)(p - out));
}

void cli_writer_json_raw(struct cli_writer *writer, struct hdx_text json) {
  bool quoted = false;
  for (size_t i = 0; i < json.size;) {
    char byte = json.data[i], character[12];
    size_t length = 1;
    if ((unsigned char)byte >= 0x7f)
      cli_writer_put(writer,
                     (struct hdx_text){character, put_character(json.data + i, json.size - i, character, &length)});
    else if (quoted || !strchr(" \t\r\n", byte) || byte == 0)
      cli_writer_byte(writer, byte);
    i += length;
    if (quoted && byte == '\\' && i < json.size && (unsigned char)json.data[i] < 0x80)
      cli_writer_byte(writer, json.data[i++]);
    else if (byte == '"')
      quoted = !quoted;
  }
}
