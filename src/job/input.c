#include "job/input.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP_BYTES = 256 << 10, POLL_MS = 50 /* a cancelled session is noticed so soon */ };

enum hdx_status hdx_input_create(struct hdx_session *session, int *fd, struct hdx_error *error) {
  const char *root = session->store.root;
  char *name;
  enum hdx_status status = hdx_file_make_folders(root, true, error);
  if (status != HDX_OK)
    return status;
  *fd = open(root, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (*fd >= 0)
    return HDX_OK;
  /* Not every file system has files without names. */
  if (asprintf(&name, "%s/.input-XXXXXX", root) < 0)
    return hdx_error_memory(error, strlen(root));
  *fd = mkostemp(name, O_CLOEXEC);
  if (*fd < 0)
    status = hdx_error_errno(error, root, "a temporary file cannot be made", errno);
  else
    unlink(name);
  free(name);
  return status;
}

/* Waits for bytes, but not for longer than the session lives. */
static enum hdx_status wait_for(struct hdx_session *session, int fd, struct hdx_error *error) {
  struct pollfd wanted = {.fd = fd, .events = POLLIN};
  for (;;) {
    if (hdx_session_cancelled(session))
      return hdx_error_set(error, HDX_INTERRUPTED, "interrupted");
    int ready = poll(&wanted, 1, POLL_MS);
    if (ready > 0 || (ready < 0 && errno != EINTR))
      return HDX_OK; /* what is wrong is told by the read */
  }
}

static enum hdx_status copy(struct hdx_session *session, int from, const char *name, int to, struct hdx_error *error) {
  char *data = malloc(STEP_BYTES);
  uint64_t size = 0;
  enum hdx_status status = data ? HDX_OK : hdx_error_memory(error, STEP_BYTES);
  while (status == HDX_OK) {
    status = wait_for(session, from, error);
    ssize_t n = status == HDX_OK ? read(from, data, STEP_BYTES) : 0;
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    if (n < 0)
      status = hdx_error_errno(error, name, "cannot be read", errno);
    if (status != HDX_OK || n == 0)
      break;
    status = hdx_file_write_at(to, "a temporary file in the store", data, (size_t)n, size, error);
    size += (uint64_t)n;
  }
  free(data);
  return status;
}

/* Keeps what cannot be read twice. */
static enum hdx_status keep(struct hdx_session *session, struct hdx_input *input, struct hdx_error *error) {
  int fd = -1;
  enum hdx_status status = hdx_input_create(session, &fd, error);
  if (status == HDX_OK)
    status = copy(session, input->fd, input->name, fd, error);
  close(input->fd);
  input->fd = fd;
  input->copied = true;
  return status;
}

enum hdx_status hdx_input_open(struct hdx_session *session, const char *path, struct hdx_input *input,
                               struct hdx_error *error) {
  struct stat stat;
  bool standard = strcmp(path, "-") == 0;
  *input = (struct hdx_input){.fd = -1, .name = strdup(standard ? "standard input" : path)};
  if (!input->name)
    return hdx_error_memory(error, strlen(path) + 1);
  input->fd = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                       /* Opened at once: a named pipe that nobody writes to yet is waited for where bytes are. */
                       : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  enum hdx_status status = HDX_OK;
  if (input->fd < 0 && errno == ENOENT)
    status = hdx_error_set(error, HDX_NOT_FOUND, "%s: no such file", path);
  else if (input->fd < 0 || fstat(input->fd, &stat) != 0)
    status = hdx_error_errno(error, input->name, "cannot be opened", errno);
  else if (S_ISDIR(stat.st_mode))
    status = hdx_error_errno(error, input->name, "cannot be read", EISDIR);
  else if (standard || !S_ISREG(stat.st_mode)) /* standard input need not be at its beginning */
    status = keep(session, input, error);
  if (status != HDX_OK)
    hdx_input_close(input);
  return status;
}

void hdx_input_close(struct hdx_input *input) {
  if (input->fd >= 0)
    close(input->fd);
  free(input->name);
  *input = (struct hdx_input){.fd = -1};
}

enum hdx_status hdx_input_read(const struct hdx_input *input, uint64_t offset, void *data, size_t size, size_t *got,
                               struct hdx_error *error) {
  ssize_t n;
  do
    n = pread(input->fd, data, size, (off_t)offset);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return hdx_error_errno(error, input->name, "cannot be read", errno);
  *got = (size_t)n;
  return HDX_OK;
}
