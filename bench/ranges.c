/* hdx-ranges: the least that fetching large files by ranges takes, as the ceiling for those who do more than that.
 *
 *   hdx-ranges [-c CONNECTIONS] [-r RANGE_BYTES] [-o DIR] PORT FILES
 *
 * FILES has a file a line: its size in bytes, a space, its target at 127.0.0.1:PORT. Each of CONNECTIONS (8) threads
 * has one connection, asks it for the next range that nobody has asked for, and reads the answer into a buffer that
 * fits the cache, from where it is thrown away, or with -o written in its place in file n (from 0) of DIR, whose room
 * was taken before. Nothing is checked but that the answer is the range; nothing is asked again. Prints a line of JSON.
 *
 * Exit codes: 0 done, 2 an argument is wrong, 6 anything else. */
#include "base/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 1024, FILES_MAX = 1024 };
#define BUFFER_BYTES ((size_t)256 << 10)

struct file {
  char *target;
  uint64_t size;
  int fd; /* -1: its bytes are thrown away */
};

static struct file files[FILES_MAX];
static size_t file_count;
static uint64_t range_bytes = 8 << 20;
static atomic_uint_least64_t next_range;
static uint16_t port;

_Noreturn static void fail(const char *what, const char *why) {
  fprintf(stderr, "hdx-ranges: %s: %s\n", what, why);
  exit(hdx_status_exit_code(HDX_IO));
}

static double clock_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* False: there are no more. */
static bool take_range(const struct file **file, uint64_t *from, uint64_t *size) {
  uint64_t number = atomic_fetch_add(&next_range, 1);
  for (*file = files; *file < files + file_count; ++*file) {
    uint64_t count = ((*file)->size + range_bytes - 1) / range_bytes;
    if (number < count) {
      *from = number * range_bytes;
      *size = (*file)->size - *from < range_bytes ? (*file)->size - *from : range_bytes;
      return true;
    }
    number -= count;
  }
  return false;
}

static int connect_here(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
    fail("connecting", strerror(errno));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  return fd;
}

static size_t receive(int fd, char *buffer, size_t room, int flags) {
  ssize_t got = recv(fd, buffer, room, flags);
  if (got <= 0)
    fail("receiving", got < 0 ? strerror(errno) : "the connection was closed");
  return (size_t)got;
}

/* Reads the head of an answer, which must be the whole range; returns how many bytes of the body came with it, and
 * stand at the buffer's start then. */
static size_t receive_head(int fd, char *buffer, uint64_t size) {
  size_t used = 0;
  for (char *end = NULL; !end;) {
    if (used == BUFFER_BYTES)
      fail("an answer", "its head is too long");
    used += receive(fd, buffer + used, BUFFER_BYTES - used, 0);
    end = memmem(buffer, used, "\r\n\r\n", 4);
    if (end) {
      char *length = memmem(buffer, (size_t)(end - buffer), "Content-Length: ", 16);
      if (strncmp(buffer, "HTTP/1.1 206 ", 13) != 0 || !length || strtoull(length + 16, NULL, 10) != size)
        fail("an answer", "it is not the range that was asked for");
      used -= (size_t)(end + 4 - buffer);
      memmove(buffer, end + 4, used);
    }
  }
  return used;
}

static void fetch_range(int fd, char *buffer, const struct file *file, uint64_t from, uint64_t size) {
  struct hdx_error error;
  char request[PATH_MAX + 200];
  int length = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nRange: bytes=%" PRIu64 "-%" PRIu64 "\r\n\r\n",
                        file->target, port, from, from + size - 1);
  if (length >= (int)sizeof request || send(fd, request, (size_t)length, MSG_NOSIGNAL) != length)
    fail(file->target, "the request was not sent");
  size_t got = receive_head(fd, buffer, size);
  for (uint64_t done = 0;;) {
    if (file->fd >= 0 && got && hdx_file_write_at(file->fd, file->target, buffer, got, from + done, &error) != HDX_OK)
      fail(file->target, error.message);
    done += got;
    if (done >= size)
      break;
    got = receive(fd, buffer, size - done < BUFFER_BYTES ? (size_t)(size - done) : BUFFER_BYTES, MSG_WAITALL);
  }
}

static void *work(void *unused) {
  const struct file *file;
  uint64_t from, size;
  char *buffer = aligned_alloc(4096, BUFFER_BYTES);
  if (!buffer)
    fail("a buffer", "out of memory");
  int fd = connect_here();
  while (take_range(&file, &from, &size))
    fetch_range(fd, buffer, file, from, size);
  close(fd);
  free(buffer);
  return unused;
}

static void read_files(const char *list, const char *folder) {
  FILE *in = fopen(list, "r");
  if (!in)
    fail(list, strerror(errno));
  char *line = NULL, *rest;
  size_t capacity = 0;
  for (ssize_t size; (size = getline(&line, &capacity, in)) > 0; file_count++) {
    struct file *file = &files[file_count];
    if (line[size - 1] == '\n')
      line[size - 1] = 0;
    if (file_count == FILES_MAX)
      fail(list, "it has more than 1024 files");
    file->size = strtoull(line, &rest, 10);
    if (rest == line || *rest != ' ' || !(file->target = strdup(rest + 1)))
      fail(line, "it is not a size and a target");
    file->fd = -1;
    if (folder) {
      char path[PATH_MAX];
      snprintf(path, sizeof path, "%s/%zu", folder, file_count);
      file->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
      if (file->fd < 0 || (errno = posix_fallocate(file->fd, 0, (off_t)file->size)) != 0)
        fail(path, strerror(errno));
    }
  }
  free(line);
  fclose(in);
}

static void report(double seconds, long connections) {
  struct rusage used;
  uint64_t bytes = 0;
  for (size_t i = 0; i < file_count; i++)
    bytes += files[i].size;
  getrusage(RUSAGE_SELF, &used);
  printf("{\"files\":%zu,\"bytes\":%" PRIu64 ",\"connections\":%ld,\"seconds\":%.4f,\"processor\":%.4f}\n", file_count,
         bytes, connections, seconds,
         (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
             (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
}

int main(int argc, char **argv) {
  pthread_t threads[CONNECTIONS_MAX];
  const char *folder = NULL;
  long connections = 8;
  for (int option; (option = getopt(argc, argv, "c:r:o:")) != -1;) {
    if (option == 'c')
      connections = strtol(optarg, NULL, 10);
    else if (option == 'r')
      range_bytes = strtoull(optarg, NULL, 10);
    else if (option == 'o')
      folder = optarg;
  }
  port = optind == argc - 2 ? (uint16_t)strtoul(argv[optind], NULL, 10) : 0;
  if (!port || connections < 1 || connections > CONNECTIONS_MAX || range_bytes == 0) {
    fprintf(stderr, "usage: hdx-ranges [-c CONNECTIONS] [-r RANGE_BYTES] [-o DIR] PORT FILES\n");
    return HDX_USAGE;
  }
  double begun = clock_seconds();
  read_files(argv[optind + 1], folder);
  for (long i = 0; i < connections; i++)
    if ((errno = pthread_create(&threads[i], NULL, work, NULL)) != 0)
      fail("a thread", strerror(errno));
  for (long i = 0; i < connections; i++)
    pthread_join(threads[i], NULL);
  report(clock_seconds() - begun, connections);
  return 0;
}
