/* A server of HTTP for tests: one thread, one connection at a time, answers by script, and a record of what was asked.
 */
#ifndef HDX_TEST_HTTP_SERVER_H
#define HDX_TEST_HTTP_SERVER_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SERVER_REQUESTS_MAX = 16, SERVER_HEAD_MAX = 16384 };

struct server {
  int listener;
  unsigned port;
  pthread_t thread;
  atomic_bool stop;
  const char *const *answers; /* for the requests in their order; "": never; behind the end: 500 */
  size_t answer_count;
  atomic_size_t asked;
  char heads[SERVER_REQUESTS_MAX][SERVER_HEAD_MAX];
};

static inline bool server_wait(struct server *server, int fd) {
  struct pollfd readable = {.fd = fd, .events = POLLIN};
  while (!atomic_load(&server->stop))
    if (poll(&readable, 1, 10) > 0)
      return true;
  return false;
}

static inline void server_send(int fd, const char *text) {
  for (size_t left = strlen(text); left;) {
    ssize_t n = send(fd, text, left, MSG_NOSIGNAL);
    if (n <= 0)
      return;
    text += n;
    left -= (size_t)n;
  }
}

static inline void server_answer(struct server *server, int fd) {
  size_t size = 0, index = atomic_load(&server->asked);
  if (index == SERVER_REQUESTS_MAX)
    return;
  char *head = server->heads[index];
  head[0] = 0;
  while (!strstr(head, "\r\n\r\n") && size + 1 < SERVER_HEAD_MAX && server_wait(server, fd)) {
    ssize_t n = recv(fd, head + size, SERVER_HEAD_MAX - 1 - size, 0);
    if (n <= 0)
      return;
    head[size += (size_t)n] = 0;
  }
  atomic_store(&server->asked, index + 1);
  if (index >= server->answer_count)
    server_send(fd, "HTTP/1.1 500 Out of answers\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  else if (server->answers[index][0])
    server_send(fd, server->answers[index]);
  else
    server_wait(server, fd); /* until the client has had enough */
}

static inline void *server_run(void *user) {
  struct server *server = user;
  while (server_wait(server, server->listener)) {
    int fd = accept(server->listener, NULL, NULL);
    if (fd < 0)
      continue;
    server_answer(server, fd);
    close(fd);
  }
  return NULL;
}

static inline bool server_start(struct server *server, const char *const *answers, size_t count) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  memset(server, 0, sizeof *server);
  server->answers = answers;
  server->answer_count = count;
  server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(server->listener, (struct sockaddr *)&address, size) != 0 || listen(server->listener, 16) != 0 ||
      getsockname(server->listener, (struct sockaddr *)&address, &size) != 0)
    return false;
  server->port = ntohs(address.sin_port);
  return pthread_create(&server->thread, NULL, server_run, server) == 0;
}

static inline void server_stop(struct server *server) {
  atomic_store(&server->stop, true);
  pthread_join(server->thread, NULL);
  close(server->listener);
}

#endif
