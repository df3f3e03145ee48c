/* A server of one object for tests of the engine: a thread per connection, which answers as S3 does, but for what a
 * test's `script` makes of an answer. Whatever the path, the object is the same. */
#ifndef HDX_TEST_OBJECT_SERVER_H
#define HDX_TEST_OBJECT_SERVER_H

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OBJECT_CONNECTIONS_MAX = 4096, OBJECT_ASKED_MAX = 8192, OBJECT_HEAD_MAX = 2048 };

/* A request as it came. */
struct asked {
  char head[OBJECT_HEAD_MAX];
  char path[256];
  bool is_head, has_range;
  size_t from, to; /* of the range, half-open */
  char if_match[256], if_unmodified_since[64];
};

/* How an answer is, and may be made to differ. */
struct behaviour {
  const char *body; /* of the object */
  size_t size;
  const char *etag, *date;
  int status;              /* 0: as the request deserves */
  const char *fields;      /* further lines of the head */
  const char *range_field; /* in place of Content-Range: its whole line, or "" */
  size_t claimed;          /* Content-Length; SIZE_MAX: what is sent, SIZE_MAX - 1: none */
  size_t pause;            /* after so many bytes of the body `resume` is waited for */
  bool (*resume)(void);
  size_t cut; /* closed after so many bytes of the body */
  bool ignore_range, ignore_conditions;
};

struct object_server {
  struct behaviour object; /* the good answer */
  void (*script)(const struct asked *asked, size_t number, struct behaviour *behaviour);
  int listener;
  unsigned port;
  atomic_bool stop;
  pthread_mutex_t lock;                      /* of asked */
  atomic_size_t asked_count, answered_count; /* answers that went out to their ends, or to where they were cut */
  struct asked *asked;
  pthread_t acceptor, threads[OBJECT_CONNECTIONS_MAX];
  int fds[OBJECT_CONNECTIONS_MAX];
  size_t thread_count;
};

static struct object_server server;

/* Waits until condition() holds, or the server stops. */
static inline void server_until(bool (*condition)(void)) {
  while (!atomic_load(&server.stop) && !condition())
    usleep(200);
}

static inline void server_field(const char *head, const char *name, char *to, size_t room) {
  const char *at = strcasestr(head, name);
  size_t size = at ? strcspn(at + strlen(name), "\r") : 0;
  snprintf(to, room, "%.*s", (int)(size < room ? size : room - 1), at ? at + strlen(name) : "");
}

static inline void server_parse(struct asked *asked) {
  char range[64];
  const char *path = strchr(asked->head, ' ');
  asked->is_head = strncmp(asked->head, "HEAD ", 5) == 0;
  snprintf(asked->path, sizeof asked->path, "%.*s", path ? (int)strcspn(path + 1, " ") : 0, path ? path + 1 : "");
  server_field(asked->head, "\r\nrange: bytes=", range, sizeof range);
  server_field(asked->head, "\r\nif-match: ", asked->if_match, sizeof asked->if_match);
  server_field(asked->head, "\r\nif-unmodified-since: ", asked->if_unmodified_since, sizeof asked->if_unmodified_since);
  asked->has_range = range[0] != 0;
  if (sscanf(range, "%zu-%zu", &asked->from, &asked->to) == 2)
    asked->to++;
}

static inline bool server_write(int fd, const char *data, size_t size) {
  while (size) {
    ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
    if (n <= 0)
      return false;
    data += n;
    size -= (size_t)n;
  }
  return true;
}

/* False: the connection is to be closed. */
static inline bool server_send(int fd, const struct asked *asked, const struct behaviour *behaviour, int status,
                               size_t from, size_t to) {
  char head[4096], length[64] = "", range[128] = "";
  size_t body = to - from, claimed = behaviour->claimed == SIZE_MAX ? body : behaviour->claimed;
  if (status == 206)
    snprintf(range, sizeof range, "Content-Range: bytes %zu-%zu/%zu\r\n", from, to - 1, behaviour->size);
  if (behaviour->claimed != SIZE_MAX - 1)
    snprintf(length, sizeof length, "Content-Length: %zu\r\n", claimed);
  int size = snprintf(head, sizeof head, "HTTP/1.1 %d Status\r\n%s%s%s%s%s%s%s%s%s\r\n", status, length,
                      behaviour->range_field ? behaviour->range_field : range, behaviour->etag ? "ETag: " : "",
                      behaviour->etag ? behaviour->etag : "", behaviour->etag ? "\r\n" : "",
                      behaviour->date ? "Last-Modified: " : "", behaviour->date ? behaviour->date : "",
                      behaviour->date ? "\r\n" : "", behaviour->fields ? behaviour->fields : "");
  if (!server_write(fd, head, (size_t)size))
    return false;
  if (asked->is_head)
    return true;
  size_t end = body < behaviour->cut ? body : behaviour->cut, first = end < behaviour->pause ? end : behaviour->pause;
  const char *data = behaviour->body + from;
  if (!server_write(fd, data, first))
    return false;
  if (first < end)
    server_until(behaviour->resume);
  return server_write(fd, data + first, end - first) && end == body && claimed == body;
}

static inline bool server_answer(int fd, const struct asked *asked, const struct behaviour *behaviour) {
  int status = behaviour->status;
  size_t from = 0, to = behaviour->size;
  bool other =
      (asked->if_match[0] && (!behaviour->etag || strcmp(asked->if_match, behaviour->etag) != 0)) ||
      (asked->if_unmodified_since[0] && (!behaviour->date || strcmp(asked->if_unmodified_since, behaviour->date) != 0));
  if (!status && other && !behaviour->ignore_conditions)
    status = 412;
  if (!status && asked->has_range && !behaviour->ignore_range) {
    status = asked->from < behaviour->size ? 206 : 416;
    from = asked->from < to ? asked->from : to;
    to = asked->to < to ? asked->to : to;
  }
  if (!status)
    status = 200;
  if (status != 200 && status != 206)
    from = to = 0;
  return server_send(fd, asked, behaviour, status, from, to);
}

static inline bool server_request(int fd) {
  char head[OBJECT_HEAD_MAX] = "";
  for (size_t size = 0; !strstr(head, "\r\n\r\n");) {
    ssize_t n = size + 1 < sizeof head ? recv(fd, head + size, sizeof head - 1 - size, 0) : 0;
    if (n <= 0)
      return false;
    head[size += (size_t)n] = 0;
  }
  pthread_mutex_lock(&server.lock);
  size_t number = atomic_load(&server.asked_count);
  struct asked *asked = &server.asked[number];
  if (number < OBJECT_ASKED_MAX) {
    memcpy(asked->head, head, sizeof head);
    server_parse(asked);
    atomic_store(&server.asked_count, number + 1);
  }
  pthread_mutex_unlock(&server.lock);
  if (number == OBJECT_ASKED_MAX)
    return false;
  struct behaviour behaviour = server.object;
  if (server.script)
    server.script(asked, number, &behaviour);
  bool good = server_answer(fd, asked, &behaviour);
  atomic_fetch_add(&server.answered_count, 1);
  return good;
}

static inline void *server_connection(void *user) {
  int fd = *(int *)user;
  while (!atomic_load(&server.stop) && server_request(fd)) {
  }
  shutdown(fd, SHUT_WR); /* what was sent still arrives */
  char rest[256];
  while (recv(fd, rest, sizeof rest, 0) > 0) {
  }
  return NULL;
}

static inline void *server_accept(void *ignored) {
  struct pollfd readable = {.fd = server.listener, .events = POLLIN};
  (void)ignored;
  while (!atomic_load(&server.stop)) {
    if (poll(&readable, 1, 10) <= 0 || server.thread_count == OBJECT_CONNECTIONS_MAX)
      continue;
    int *fd = &server.fds[server.thread_count];
    *fd = accept(server.listener, NULL, NULL);
    setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); /* heads and bodies are sent one by one */
    if (*fd >= 0 && pthread_create(&server.threads[server.thread_count], NULL, server_connection, fd) == 0)
      server.thread_count++;
  }
  return NULL;
}

/* To be called once a test has said how it answers: its threads see that from then on. */
static inline void server_ready(void) {
  pthread_mutex_lock(&server.lock);
  pthread_mutex_unlock(&server.lock);
}

/* Serves `size` bytes with an entity tag. */
static inline bool server_start(const char *body, size_t size) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t room = sizeof address;
  memset(&server, 0, sizeof server);
  server.object = (struct behaviour){.body = body,
                                     .size = size,
                                     .etag = "\"first\"",
                                     .date = "Wed, 21 Oct 2015 07:28:00 GMT",
                                     .claimed = SIZE_MAX,
                                     .pause = SIZE_MAX,
                                     .cut = SIZE_MAX};
  pthread_mutex_init(&server.lock, NULL);
  server.asked = calloc(OBJECT_ASKED_MAX, sizeof *server.asked);
  server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (!server.asked || bind(server.listener, (struct sockaddr *)&address, room) != 0 ||
      listen(server.listener, 1024) != 0 || getsockname(server.listener, (struct sockaddr *)&address, &room) != 0)
    return false;
  server.port = ntohs(address.sin_port);
  return pthread_create(&server.acceptor, NULL, server_accept, NULL) == 0;
}

static inline void server_stop(void) {
  atomic_store(&server.stop, true);
  pthread_join(server.acceptor, NULL);
  for (size_t i = 0; i < server.thread_count; i++)
    shutdown(server.fds[i], SHUT_RDWR);
  for (size_t i = 0; i < server.thread_count; i++) {
    pthread_join(server.threads[i], NULL);
    close(server.fds[i]);
  }
  close(server.listener);
  pthread_mutex_destroy(&server.lock);
  free(server.asked);
}

#endif
