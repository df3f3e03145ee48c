/* Calls on files and folders that fail. */
#include "faults.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Wrappers with the signature of the real function. `code`: of the fault. */
#define WRAP(result, failed, name, parameters, arguments, code)                                                        \
  result name parameters {                                                                                             \
    REAL(name);                                                                                                        \
    FAIL(code, failed);                                                                                                \
    return real arguments;                                                                                             \
  }

/* Opening. */

#define OPEN_AT(name)                                                                                                  \
  int name(int folder, const char *path, int flags, ...) {                                                             \
    REAL(name);                                                                                                        \
    va_list arguments;                                                                                                 \
    va_start(arguments, flags);                                                                                        \
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;                                     \
    va_end(arguments);                                                                                                 \
    FAIL(fault_at(CALL_open, folder, path), -1);                                                                       \
    return real(folder, path, flags, mode);                                                                            \
  }
OPEN_AT(openat)
OPEN_AT(openat64)

#define OPEN(name)                                                                                                     \
  int name(const char *path, int flags, ...) {                                                                         \
    REAL(name);                                                                                                        \
    va_list arguments;                                                                                                 \
    va_start(arguments, flags);                                                                                        \
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;                                     \
    va_end(arguments);                                                                                                 \
    FAIL(fault_at(CALL_open, AT_FDCWD, path), -1);                                                                     \
    return real(path, flags, mode);                                                                                    \
  }
OPEN(open)
OPEN(open64)

/* What open() is in a build that is optimised. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
WRAP(int, -1, __open_2, (const char *path, int flags), (path, flags), fault_at(CALL_open, AT_FDCWD, path))
WRAP(int, -1, __open64_2, (const char *path, int flags), (path, flags), fault_at(CALL_open, AT_FDCWD, path))
WRAP(FILE *, NULL, fopen, (const char *path, const char *mode), (path, mode), fault_at(CALL_open, AT_FDCWD, path))
WRAP(FILE *, NULL, fopen64, (const char *path, const char *mode), (path, mode), fault_at(CALL_open, AT_FDCWD, path))
WRAP(DIR *, NULL, opendir, (const char *path), (path), fault_at(CALL_open, AT_FDCWD, path))
WRAP(DIR *, NULL, fdopendir, (int fd), (fd), fault_at(CALL_open, fd, NULL))
WRAP(int, -1, mkostemp, (char *path, int flags), (path, flags), fault_at(CALL_open, AT_FDCWD, path))

/* openat2() has no function of its own: a folder, a path, a struct open_how and its size; nor has pidfd_open(). */
long syscall(long number, ...) {
  REAL(syscall);
  va_list list;
  long arguments[6];
  va_start(list, number);
  for (int i = 0; i < 6; i++)
    arguments[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_openat2) /* NOLINTNEXTLINE(performance-no-int-to-ptr): the call's own way */
    FAIL(fault_at(CALL_open, (int)arguments[0], (const char *)arguments[1]), -1);
  if (number == SYS_pidfd_open)
    FAIL(fault(CALL_pidfd), -1);
  return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

WRAP(int, -1, dup, (int fd), (fd), fault_at(CALL_dup, fd, NULL))

#define CONTROL(name)                                                                                                  \
  int name(int fd, int command, ...) {                                                                                 \
    REAL(name);                                                                                                        \
    va_list arguments;                                                                                                 \
    va_start(arguments, command);                                                                                      \
    void *argument = va_arg(arguments, void *);                                                                        \
    va_end(arguments);                                                                                                 \
    FAIL(command == F_DUPFD_CLOEXEC ? fault_at(CALL_dup, fd, NULL) : 0, -1);                                           \
    return real(fd, command, argument);                                                                                \
  }
CONTROL(fcntl)
CONTROL(fcntl64)

int ioctl(int fd, unsigned long request, ...) {
  REAL(ioctl);
  va_list arguments;
  va_start(arguments, request);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  FAIL(fault_at(CALL_ioctl, fd, NULL), -1);
  return real(fd, request, argument);
}

/* Reading and writing. */

/* The descriptors of eventfd() wake threads, and standard error is where faults are told. */
static bool is_signal(int fd) {
  char link[64], found[64];
  if (fd == STDERR_FILENO)
    return true;
  faults_pause();
  int kept = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, found, sizeof found - 1);
  errno = kept;
  faults_resume();
  found[size > 0 ? size : 0] = 0;
  return __builtin_strcmp(found, "anon_inode:[eventfd]") == 0;
}

static int stream_fault(enum call call, int fd) {
  return is_signal(fd) ? 0 : fault_at(call, fd, NULL);
}

WRAP(ssize_t, -1, read, (int fd, void *data, size_t size), (fd, data, size), stream_fault(CALL_read, fd))
WRAP(ssize_t, -1, write, (int fd, const void *data, size_t size), (fd, data, size), stream_fault(CALL_write, fd))
WRAP(ssize_t, -1, readv, (int fd, const struct iovec *parts, int count), (fd, parts, count),
     stream_fault(CALL_read, fd))
WRAP(ssize_t, -1, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count),
     stream_fault(CALL_write, fd))

#define AT_OFFSET(name, data_type, call)                                                                               \
  WRAP(ssize_t, -1, name, (int fd, data_type *data, size_t size, off_t offset), (fd, data, size, offset),              \
       fault_at(call, fd, NULL))
AT_OFFSET(pread, void, CALL_pread)
AT_OFFSET(pread64, void, CALL_pread)
AT_OFFSET(pwrite, const void, CALL_pwrite)
AT_OFFSET(pwrite64, const void, CALL_pwrite)

#define MAP(name)                                                                                                      \
  WRAP(void *, MAP_FAILED, name, (void *address, size_t size, int protection, int flags, int fd, off_t offset),        \
       (address, size, protection, flags, fd, offset), fd < 0 ? fault(CALL_mmap) : fault_at(CALL_mmap, fd, NULL))
MAP(mmap)
MAP(mmap64)

WRAP(struct dirent *, NULL, readdir, (DIR * folder), (folder), fault_at(CALL_readdir, dirfd(folder), NULL))
WRAP(struct dirent64 *, NULL, readdir64, (DIR * folder), (folder), fault_at(CALL_readdir, dirfd(folder), NULL))

/* What a file is and how long. */

WRAP(int, -1, fallocate, (int fd, int mode, off_t offset, off_t size), (fd, mode, offset, size),
     fault_at(CALL_fallocate, fd, NULL))
WRAP(int, -1, fallocate64, (int fd, int mode, off_t offset, off_t size), (fd, mode, offset, size),
     fault_at(CALL_fallocate, fd, NULL))
WRAP(int, -1, ftruncate, (int fd, off_t size), (fd, size), fault_at(CALL_ftruncate, fd, NULL))
WRAP(int, -1, ftruncate64, (int fd, off_t size), (fd, size), fault_at(CALL_ftruncate, fd, NULL))
WRAP(int, -1, futimens, (int fd, const struct timespec times[2]), (fd, times), fault_at(CALL_futimens, fd, NULL))
WRAP(int, -1, utimensat, (int fd, const char *path, const struct timespec times[2], int flags),
     (fd, path, times, flags), fault_at(CALL_futimens, fd, path))
WRAP(int, -1, fstat, (int fd, struct stat *status), (fd, status), fault_at(CALL_stat, fd, NULL))
WRAP(int, -1, fstat64, (int fd, struct stat64 *status), (fd, status), fault_at(CALL_stat, fd, NULL))
WRAP(int, -1, stat, (const char *path, struct stat *status), (path, status), fault_at(CALL_stat, AT_FDCWD, path))
WRAP(int, -1, stat64, (const char *path, struct stat64 *status), (path, status), fault_at(CALL_stat, AT_FDCWD, path))
WRAP(int, -1, fstatat, (int fd, const char *path, struct stat *status, int flags), (fd, path, status, flags),
     fault_at(CALL_stat, fd, path))
WRAP(int, -1, fstatat64, (int fd, const char *path, struct stat64 *status, int flags), (fd, path, status, flags),
     fault_at(CALL_stat, fd, path))
WRAP(int, -1, flock, (int fd, int operation), (fd, operation), operation &LOCK_UN ? 0 : fault_at(CALL_flock, fd, NULL))

WRAP(int, -1, fchmod, (int fd, mode_t mode), (fd, mode), fault_at(CALL_chmod, fd, NULL))
WRAP(int, -1, access, (const char *path, int mode), (path, mode), fault_at(CALL_access, AT_FDCWD, path))
WRAP(int, -1, faccessat, (int fd, const char *path, int mode, int flags), (fd, path, mode, flags),
     fault_at(CALL_access, fd, path))
WRAP(char *, NULL, realpath, (const char *path, char *found), (path, found), fault_at(CALL_path, AT_FDCWD, path))
WRAP(char *, NULL, getcwd, (char *path, size_t size), (path, size), fault_at(CALL_path, AT_FDCWD, NULL))
WRAP(int, -1, fstatvfs, (int fd, struct statvfs *status), (fd, status), fault_at(CALL_statvfs, fd, NULL))
WRAP(int, -1, fstatvfs64, (int fd, struct statvfs64 *status), (fd, status), fault_at(CALL_statvfs, fd, NULL))

/* Hints, without which all goes on. */

WRAP(int, -1, madvise, (void *address, size_t size, int advice), (address, size, advice), fault(CALL_advise))
WRAP(int, -1, sync_file_range, (int fd, off64_t from, off64_t size, unsigned flags), (fd, from, size, flags),
     fault_at(CALL_advise, fd, NULL))

/* These return what has gone wrong. */
#define ADVISE(name)                                                                                                   \
  int name(int fd, off_t from, off_t size, int advice) {                                                               \
    REAL(name);                                                                                                        \
    int code = fault_at(CALL_advise, fd, NULL);                                                                        \
    return code ? code : real(fd, from, size, advice);                                                                 \
  }
ADVISE(posix_fadvise)
ADVISE(posix_fadvise64)

/* To the disk. */

WRAP(int, -1, fsync, (int fd), (fd), fault_at(CALL_fsync, fd, NULL))
WRAP(int, -1, fdatasync, (int fd), (fd), fault_at(CALL_fsync, fd, NULL))
WRAP(int, -1, syncfs, (int fd), (fd), fault_at(CALL_syncfs, fd, NULL))

/* Of a file that was opened to write. One that fails has closed. */
int close(int fd) {
  REAL(close);
  int flags = fcntl(fd, F_GETFL);
  bool writes = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
  struct stat status;
  faults_pause();
  bool is_file = writes && fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  faults_resume();
  int code = is_file ? fault_at(CALL_close, fd, NULL) : 0, result = real(fd);
  FAIL(code, -1);
  return result;
}

/* Names. */

WRAP(int, -1, rename, (const char *from, const char *to), (from, to), fault_at(CALL_rename, AT_FDCWD, from))
WRAP(int, -1, renameat, (int from_folder, const char *from, int to_folder, const char *to),
     (from_folder, from, to_folder, to), fault_at(CALL_rename, from_folder, from))
WRAP(int, -1, unlink, (const char *path), (path), fault_at(CALL_unlink, AT_FDCWD, path))
WRAP(int, -1, unlinkat, (int fd, const char *path, int flags), (fd, path, flags), fault_at(CALL_unlink, fd, path))
WRAP(int, -1, mkdir, (const char *path, mode_t mode), (path, mode), fault_at(CALL_mkdir, AT_FDCWD, path))
WRAP(int, -1, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode), fault_at(CALL_mkdir, fd, path))
WRAP(char *, NULL, mkdtemp, (char *path), (path), fault_at(CALL_mkdir, AT_FDCWD, path))
WRAP(int, -1, rmdir, (const char *path), (path), fault_at(CALL_rmdir, AT_FDCWD, path))
