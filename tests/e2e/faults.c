/* A library to be preloaded that has the n-th call of a function fail, as a disk would.
 *
 *   HDX_FAULTS=rename:3:ENOSPC        the third renameat fails; later ones work
 *   HDX_FAULTS=pwrite:3:ENOSPC:on     the third and all later ones
 *   HDX_FAULTS_COUNT=FILE             at the end, how many calls of each function there were: "pwrite 12" …
 *
 * Counted are calls below the folder HDX_FAULTS_BELOW alone, so that what fails is the destination and not the store.
 * Functions: open (that makes a file or opens one to write), pwrite, fallocate, ftruncate, futimens, fsync (fdatasync,
 * too), syncfs, rename, close (of a file that was opened to write), unlink, mkdir. A close that fails has closed. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum call { OPEN, PWRITE, FALLOCATE, FTRUNCATE, FUTIMENS, FSYNC, SYNCFS, RENAME, CLOSE, UNLINK, MKDIR, CALL_COUNT };

static const char *const names[CALL_COUNT] = {"open",   "pwrite", "fallocate", "ftruncate", "futimens", "fsync",
                                              "syncfs", "rename", "close",     "unlink",    "mkdir"};
static atomic_long counts[CALL_COUNT];

/* Whether an open file is below the folder. */
static bool below(int fd) {
  const char *folder = getenv("HDX_FAULTS_BELOW");
  char link[64], path[PATH_MAX];
  if (!folder || fd < 0)
    return false;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, path, sizeof path - 1);
  return size > 0 && strncmp(path, folder, strlen(folder)) == 0;
}

static bool writes(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

/* The errno that this call is to fail with; 0: none. */
static int fault(enum call call, int fd) {
  static const struct {
    const char *name;
    int code;
  } codes[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EDQUOT", EDQUOT}, {"EROFS", EROFS}, {"EMFILE", EMFILE}};
  const char *wanted = getenv("HDX_FAULTS");
  char name[32], code[32], on[8] = "";
  long number;
  if (!below(fd))
    return 0;
  long count = atomic_fetch_add(&counts[call], 1) + 1;
  if (!wanted || sscanf(wanted, "%31[a-z]:%ld:%31[A-Z]:%7s", name, &number, code, on) < 3 ||
      strcmp(name, names[call]) != 0 || (*on ? count < number : count != number))
    return 0;
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
    if (strcmp(codes[i].name, code) == 0)
      return codes[i].code;
  return EIO;
}

__attribute__((destructor)) static void tell(void) {
  const char *path = getenv("HDX_FAULTS_COUNT");
  FILE *out = path ? fopen(path, "w") : NULL;
  for (int i = 0; out && i < CALL_COUNT; i++)
    fprintf(out, "%s %ld\n", names[i], atomic_load(&counts[i]));
  if (out)
    fclose(out);
}

#define REAL(name)                                                                                                     \
  static __typeof__(name) *real;                                                                                       \
  if (!real)                                                                                                           \
  *(void **)&real = dlsym(RTLD_NEXT, #name)

#define FAIL(call, fd)                                                                                                 \
  do {                                                                                                                 \
    int code_ = fault(call, fd);                                                                                       \
    if (code_) {                                                                                                       \
      errno = code_;                                                                                                   \
      return -1;                                                                                                       \
    }                                                                                                                  \
  } while (0)

#define OPEN_AT(name)                                                                                                  \
  int name(int folder, const char *path, int flags, ...) {                                                             \
    REAL(name);                                                                                                        \
    va_list arguments;                                                                                                 \
    va_start(arguments, flags);                                                                                        \
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;                                                     \
    va_end(arguments);                                                                                                 \
    if ((flags & O_ACCMODE) != O_RDONLY || flags & O_CREAT)                                                            \
      FAIL(OPEN, folder);                                                                                              \
    return real(folder, path, flags, mode);                                                                            \
  }
OPEN_AT(openat)
OPEN_AT(openat64)

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
  REAL(pwrite);
  FAIL(PWRITE, fd);
  return real(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset) {
  return pwrite(fd, data, size, offset);
}

int fallocate(int fd, int mode, off_t offset, off_t size) {
  REAL(fallocate);
  FAIL(FALLOCATE, fd);
  return real(fd, mode, offset, size);
}

int fallocate64(int fd, int mode, off_t offset, off_t size) {
  return fallocate(fd, mode, offset, size);
}

int ftruncate(int fd, off_t size) {
  REAL(ftruncate);
  FAIL(FTRUNCATE, fd);
  return real(fd, size);
}

int ftruncate64(int fd, off_t size) {
  return ftruncate(fd, size);
}

int futimens(int fd, const struct timespec times[2]) {
  REAL(futimens);
  FAIL(FUTIMENS, fd);
  return real(fd, times);
}

int fsync(int fd) {
  REAL(fsync);
  FAIL(FSYNC, fd);
  return real(fd);
}

int fdatasync(int fd) {
  REAL(fdatasync);
  FAIL(FSYNC, fd);
  return real(fd);
}

int syncfs(int fd) {
  REAL(syncfs);
  FAIL(SYNCFS, fd);
  return real(fd);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  REAL(renameat);
  FAIL(RENAME, from_folder);
  return real(from_folder, from, to_folder, to);
}

int unlinkat(int folder, const char *path, int flags) {
  REAL(unlinkat);
  FAIL(UNLINK, folder);
  return real(folder, path, flags);
}

int mkdirat(int folder, const char *path, mode_t mode) {
  REAL(mkdirat);
  FAIL(MKDIR, folder);
  return real(folder, path, mode);
}

int close(int fd) {
  REAL(close);
  int code = writes(fd) ? fault(CLOSE, fd) : 0, result = real(fd);
  if (!code)
    return result;
  errno = code;
  return -1;
}
