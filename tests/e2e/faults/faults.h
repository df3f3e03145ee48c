/* Which call fails: what the wrappers of functions ask (memory.c, files.c, system.c). faults.c explains it all. */
#ifndef HDX_FAULTS_H
#define HDX_FAULTS_H

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

/* name, the errno of its failure unless HDX_FAULTS says which, group: (M)emory, or (S)ystem calls */
#define CALL_MAP(X)                                                                                                    \
  X(malloc, ENOMEM, M)                                                                                                 \
  X(calloc, ENOMEM, M)                                                                                                 \
  X(realloc, ENOMEM, M)                                                                                                \
  X(memalign, ENOMEM, M)                                                                                               \
  X(new, ENOMEM, M)                                                                                                    \
  X(open, EMFILE, S)                                                                                                   \
  X(read, EIO, S)                                                                                                      \
  X(pread, EIO, S)                                                                                                     \
  X(readdir, EIO, S)                                                                                                   \
  X(write, ENOSPC, S)                                                                                                  \
  X(pwrite, ENOSPC, S)                                                                                                 \
  X(fallocate, ENOSPC, S)                                                                                              \
  X(ftruncate, EIO, S)                                                                                                 \
  X(futimens, EIO, S)                                                                                                  \
  X(fsync, EIO, S)                                                                                                     \
  X(syncfs, EIO, S)                                                                                                    \
  X(rename, ENOSPC, S)                                                                                                 \
  X(close, EIO, S)                                                                                                     \
  X(unlink, EIO, S)                                                                                                    \
  X(mkdir, ENOSPC, S)                                                                                                  \
  X(stat, EIO, S)                                                                                                      \
  X(statvfs, EIO, S)                                                                                                   \
  X(access, EACCES, S)                                                                                                 \
  X(path, EACCES, S)                                                                                                   \
  X(chmod, EPERM, S)                                                                                                   \
  X(rmdir, EIO, S)                                                                                                     \
  X(dup, EMFILE, S)                                                                                                    \
  X(ioctl, ENOTTY, S)                                                                                                  \
  X(flock, ENOLCK, S)                                                                                                  \
  X(mmap, ENOMEM, S)                                                                                                   \
  X(advise, EIO, S)                                                                                                    \
  X(random, ENOSYS, S)                                                                                                 \
  X(wait, EINTR, S)                                                                                                    \
  X(pipe, EMFILE, S)                                                                                                   \
  X(socket, EMFILE, S)                                                                                                 \
  X(connect, ECONNREFUSED, S)                                                                                          \
  X(send, ECONNRESET, S)                                                                                               \
  X(recv, ECONNRESET, S)                                                                                               \
  X(option, ENOBUFS, S)                                                                                                \
  X(resolve, ENOMEM, S)                                                                                                \
  X(epoll, EMFILE, S)                                                                                                  \
  X(thread, EAGAIN, S)                                                                                                 \
  X(spawn, EAGAIN, S)                                                                                                  \
  X(pidfd, EMFILE, S)                                                                                                  \
  X(dlopen, ENOENT, S)

#define X(name, code, group) CALL_##name,
enum call { CALL_MAP(X) CALL_COUNT };
#undef X

/* Begins to count, from 0, and has fail what HDX_FAULTS would say; NULL: nothing. The environment says the rest. */
void faults_begin(const char *what);

/* Counts no further. Returns how many calls have failed. */
long faults_end(void);

/* Counts a call and returns the errno that it is to fail with; 0: it is to be made. */
int fault(enum call call);

/* The same for a call on an open file, or on a path that is relative to it (either may be missing: -1, NULL), which
 * counts only below HDX_FAULTS_BELOW, if that is set. */
int fault_at(enum call call, int fd, const char *path);

/* Between these nothing that this thread does is counted. */
void faults_pause(void);
void faults_resume(void);

/* Notes that a library has been loaded. `library`: a name that stays. */
void faults_loaded(const char *library);

/* The function that the wrapper of the same name stands before. */
#define REAL(name)                                                                                                     \
  static __typeof__(name) *real;                                                                                       \
  if (!real)                                                                                                           \
  *(void **)&real = dlsym(RTLD_NEXT, #name)

/* Ends a wrapper that is to fail, with `result`. */
#define FAIL(code, result)                                                                                             \
  do {                                                                                                                 \
    int code_ = (code);                                                                                                \
    if (code_) {                                                                                                       \
      errno = code_;                                                                                                   \
      return result;                                                                                                   \
    }                                                                                                                  \
  } while (0)

#endif
