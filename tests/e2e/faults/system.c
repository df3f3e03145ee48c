/* Sockets, threads, processes and libraries that cannot be had, connections that break, waits that are interrupted. */
#include "faults.h"

#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
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

WRAP(int, -1, epoll_ctl, (int epoll, int operation, int fd, struct epoll_event *event), (epoll, operation, fd, event),
     CALL_epoll)
WRAP(int, -1, setsockopt, (int fd, int level, int name, const void *value, socklen_t size),
     (fd, level, name, value, size), CALL_option)
WRAP(int, -1, getsockopt, (int fd, int level, int name, void *value, socklen_t *size), (fd, level, name, value, size),
     CALL_option)
WRAP(int, -1, getsockname, (int fd, struct sockaddr *address, socklen_t *size), (fd, address, size), CALL_option)
WRAP(int, -1, getpeername, (int fd, struct sockaddr *address, socklen_t *size), (fd, address, size), CALL_option)
WRAP(ssize_t, -1, getrandom, (void *data, size_t size, unsigned flags), (data, size, flags), CALL_random)

/* Which a signal may interrupt. */

WRAP(int, -1, poll, (struct pollfd * entries, nfds_t count, int ms), (entries, count, ms), CALL_wait)
WRAP(int, -1, epoll_wait, (int epoll, struct epoll_event *events, int most, int ms), (epoll, events, most, ms),
     CALL_wait)
WRAP(int, -1, epoll_pwait, (int epoll, struct epoll_event *events, int most, int ms, const sigset_t *signals),
     (epoll, events, most, ms, signals), CALL_wait)
WRAP(int, -1, nanosleep, (const struct timespec *time, struct timespec *left), (time, left), CALL_wait)

pid_t waitpid(pid_t pid, int *how, int options) {
  REAL(waitpid);
  FAIL(options & WNOHANG ? 0 : fault(CALL_wait), -1); /* which waits for nothing */
  return real(pid, how, options);
}

/* These return what has gone wrong. */

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
  REAL(getaddrinfo);
  return fault(CALL_resolve) ? EAI_MEMORY : real(name, service, hints, found);
}

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
