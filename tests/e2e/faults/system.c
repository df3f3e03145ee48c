/* Sockets, threads, processes and libraries that cannot be had, and connections that break. */
#include "faults.h"

#include <pthread.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define WRAP(result, failed, name, parameters, arguments, call)                                                        \
  result name parameters {                                                                                             \
    REAL(name);                                                                                                        \
    FAIL(fault(call), failed);                                                                                         \
    return real arguments;                                                                                             \
  }

WRAP(int, -1, socket, (int domain, int type, int protocol), (domain, type, protocol), CALL_socket)
WRAP(int, -1, socketpair, (int domain, int type, int protocol, int pair[2]), (domain, type, protocol, pair),
     CALL_socket)
WRAP(int, -1, connect, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size), CALL_connect)
WRAP(ssize_t, -1, send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags), CALL_send)
WRAP(ssize_t, -1, recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags), CALL_recv)
WRAP(int, -1, pipe2, (int pair[2], int flags), (pair, flags), CALL_pipe)
WRAP(int, -1, epoll_create1, (int flags), (flags), CALL_epoll)
WRAP(int, -1, eventfd, (unsigned count, int flags), (count, flags), CALL_epoll)

/* These return what has gone wrong. */

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument) {
  REAL(pthread_create);
  int code = fault(CALL_thread);
  return code ? code : real(thread, attributes, run, argument);
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[]) {
  REAL(posix_spawn);
  int code = fault(CALL_spawn);
  return code ? code : real(pid, path, actions, attributes, arguments, environment);
}

/* AddressSanitizer calls it as a thread begins. */
int pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes) {
  REAL(pthread_getattr_np);
  faults_pause();
  int code = real(thread, attributes);
  faults_resume();
  return code;
}

/* One that fails looks for a library that is not there, so that dlerror() has something to say. */
void *dlopen(const char *file, int flags) {
  REAL(dlopen);
  int code = fault(CALL_dlopen);
  faults_pause();
  void *library = real(code ? "hdx-faults: no such library" : file, flags);
  faults_resume();
  if (library && file)
    faults_loaded(file);
  return library;
}
