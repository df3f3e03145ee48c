/* A library to be preloaded that has the n-th call of a function fail, as a full disk or a lack of memory would. Unit
 * tests are linked with the same and say which one by faults_begin() (unit/failing.h).
 *
 *   HDX_FAULTS=rename:3:ENOSPC      the third rename fails; later ones work
 *   HDX_FAULTS=pwrite:3:ENOSPC:on   the third and all later ones
 *   HDX_FAULTS=open:3               with the errno that CALL_MAP has for the function
 *   HDX_FAULTS=read:3:SIGINT        the third read is made, but a signal comes just before it: SIGINT or SIGTERM
 *   HDX_FAULTS=read:3:RUN           the same with a command of the shell, HDX_FAULTS_RUN, which changes a file, say
 *   HDX_FAULTS=alloc:17             the 17th of all allocations, whichever function it is
 *   HDX_FAULTS=system:5             the fifth of all others
 *   HDX_FAULTS_BELOW=/a/folder      calls on files and paths are counted below this folder alone, so that what fails is
 *                                   the destination, say, and not the store; calls that have none are all counted
 *   HDX_FAULTS_WITHIN=function      calls are counted within this function of a shared library alone (slow)
 *   HDX_FAULTS_COUNT=FILE           at the end: how many calls of each function there were, "pwrite 12" …, and how many
 *                                   allocations before a library was loaded, "libcurl.so.4 212"
 *   HDX_FAULTS_TOLD=FILE            which call has failed and its stack, a frame a line; no file: none has. Of several
 *                                   the last, but none behind the first 300: a stack costs more than what a library
 *                                   does without memory, thousands of times
 *   HDX_FAULTS_LIST=FILE            the same of every call that is counted, whether it fails or not
 *   HDX_FAULTS_CRASHED=FILE         the number of the signal of a crash (SIGSEGV, SIGABRT), and its stack
 *
 * Functions are those of CALL_MAP (faults.h). One name may stand for several: `open` for openat, fopen, opendir …,
 * `malloc` for strdup and all that glibc allocates, `new` for C++, `path` for realpath and getcwd, `option` for all
 * that asks and tells about a socket, `wait` for poll, epoll_wait, nanosleep and waitpid, which a signal may interrupt,
 * and `advise` for hints to the kernel. To add one, give it a line there and a wrapper.
 *
 * Not counted, as no program can do anything about it, or as it cannot happen:
 *   - what is before main() and after it: the loader's and constructors' calls
 *   - what is within dlopen(), the same for libraries that are loaded later; that dlopen() itself fails is counted
 *   - reads and writes of the descriptors of eventfd(), by which libuv's threads wake each other: they do not fail
 *   - writes to standard error: nobody could be told of them
 *   - what only fails for wrong arguments: sigaction, getrlimit, prctl, gethostname, fcntl but to duplicate, keys of
 * threads …
 *   - processes that the program starts: LD_PRELOAD is taken out of the environment
 *
 * All threads have one counter. In a program with several threads, or one that waits for several sockets, the n-th call
 * is not the same one in each run: a loop over n meets most calls all the same, and some twice. HDX_FAULTS_TOLD says
 * which one it was. Works with AddressSanitizer (verify_asan_link_order=0): real functions are the sanitizer's then. */
#include "faults.h"

#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FRAMES_MAX = 64, LIBRARIES_MAX = 16, TOLD_MAX = 300 };

enum group { M, S, GROUP_COUNT };

static const struct {
  const char *name;
  int code;
  enum group group;
} calls[] = {
#define X(name, code, group) {#name, code, group},
    CALL_MAP(X)
#undef X
};

static atomic_long counts[CALL_COUNT], group_counts[GROUP_COUNT], failed;
static struct library {
  const char *name;
  long allocations;
} libraries[LIBRARIES_MAX];
static atomic_uint library_count;
static atomic_bool counting;
static __thread int paused;
static pthread_mutex_t telling = PTHREAD_MUTEX_INITIALIZER; /* one stack is written after the other */

/* What HDX_FAULTS says. */
static struct {
  bool on, group;
  unsigned which; /* of calls, or of groups */
  long number;
  int code;   /* 0: the function's own */
  int signal; /* RUN: no signal, but a command; 0: the call fails */
} wanted;

enum { RUN = -1 };

static const char *below_folder, *within_function, *told_path, *list_path, *count_path, *crashed_path, *command;

void faults_pause(void) {
  paused++;
}

void faults_resume(void) {
  paused--;
}

static void parse(const char *text) {
  static const struct {
    const char *name;
    int number;
  } signals[] = {{"SIGINT", SIGINT}, {"SIGTERM", SIGTERM}, {"RUN", RUN}},
    codes[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO},       {"EDQUOT", EDQUOT}, {"EROFS", EROFS},
               {"EMFILE", EMFILE}, {"EACCES", EACCES}, {"ENOMEM", ENOMEM}, {"EAGAIN", EAGAIN},
               {"EINTR", EINTR},   {"ENFILE", ENFILE}, {"ENOENT", ENOENT}, {"EXDEV", EXDEV}};
  char name[32], code[32] = "", on[8] = "";
  bool known = false;
  if (sscanf(text, "%31[a-z]:%ld:%31[A-Z]:%7s", name, &wanted.number, code, on) < 2)
    name[0] = 0;
  for (unsigned i = 0; i < CALL_COUNT; i++)
    if (strcmp(calls[i].name, name) == 0)
      known = true, wanted.which = i;
  if (strcmp(name, "alloc") == 0 || strcmp(name, "system") == 0)
    known = wanted.group = true, wanted.which = name[0] == 'a' ? M : S;
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
    if (strcmp(codes[i].name, code) == 0)
      wanted.code = codes[i].number;
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    if (strcmp(signals[i].name, code) == 0)
      wanted.signal = signals[i].number;
  wanted.on = strcmp(on, "on") == 0;
  if (known && (!*code || wanted.code || wanted.signal) && (wanted.signal != RUN || command))
    return;
  fprintf(stderr, "HDX_FAULTS=%s: call:n[:ERRNO|SIGNAL|RUN[:on]] of faults.h is expected\n", text);
  abort();
}

/* What others do just then. Returns whether the call is made all the same. */
static bool disturb(void) {
  if (wanted.signal == RUN && system(command) != 0)
    abort();
  if (wanted.signal > 0)
    raise(wanted.signal);
  return wanted.signal != 0;
}

static void tell_stack(const char *path, int flags, const char *what, long number) {
  void *frames[FRAMES_MAX];
  int fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600) : -1;
  if (fd < 0)
    return;
  dprintf(fd, "%s %ld\n", what, number);
  backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), fd);
  close(fd);
}

static const int crashes[] = {SIGSEGV, SIGABRT};
enum { CRASH_COUNT = sizeof crashes / sizeof *crashes };
static struct sigaction handlers[CRASH_COUNT]; /* as they were */

/* What has crashed does so again when this returns, and meets the handler that was there: a sanitizer's, or none. */
static void tell_crash(int number) {
  faults_pause();
  tell_stack(crashed_path, O_TRUNC, "signal", number);
  for (int i = 0; i < CRASH_COUNT; i++)
    sigaction(crashes[i], &handlers[i], NULL);
  faults_resume();
}

static void handle_crash(int i) {
  struct sigaction before;
  sigaction(crashes[i], &(struct sigaction){.sa_handler = tell_crash}, &before);
  if (before.sa_handler != tell_crash)
    handlers[i] = before;
}

static bool within(const char *function) {
  void *frames[FRAMES_MAX];
  Dl_info found;
  bool is = false;
  faults_pause();
  for (int i = backtrace(frames, FRAMES_MAX); !is && i-- > 0;)
    is = dladdr(frames[i], &found) && found.dli_sname && strcmp(found.dli_sname, function) == 0;
  faults_resume();
  return is;
}

int fault(enum call call) {
  if (paused || !atomic_load_explicit(&counting, memory_order_relaxed))
    return 0;
  if (within_function && !within(within_function))
    return 0;
  enum group group = calls[call].group;
  long of_call = atomic_fetch_add(&counts[call], 1) + 1, of_group = atomic_fetch_add(&group_counts[group], 1) + 1;
  long count = wanted.group ? of_group : of_call;
  bool fails = wanted.number > 0 && wanted.which == (wanted.group ? (unsigned)group : (unsigned)call) &&
               (wanted.on ? count >= wanted.number : count == wanted.number);
  if (!fails && !list_path)
    return 0;
  int kept = errno;
  faults_pause();
  atomic_fetch_add(&failed, fails);
  pthread_mutex_lock(&telling);
  tell_stack(list_path, O_APPEND, calls[call].name, of_group);
  if (fails && count < wanted.number + TOLD_MAX)
    tell_stack(told_path, O_TRUNC, calls[call].name, count);
  pthread_mutex_unlock(&telling);
  bool made = !fails || disturb();
  faults_resume();
  errno = kept;
  if (made)
    return 0;
  return wanted.code ? wanted.code : calls[call].code;
}

static bool below(int fd, const char *path) {
  char link[64], found[PATH_MAX];
  if (path && path[0] == '/')
    return strncmp(path, below_folder, strlen(below_folder)) == 0;
  if (fd == AT_FDCWD)
    snprintf(link, sizeof link, "/proc/self/cwd");
  else
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, found, sizeof found - 1);
  return size > 0 && strncmp(found, below_folder, strlen(below_folder)) == 0;
}

int fault_at(enum call call, int fd, const char *path) {
  if (paused || !atomic_load_explicit(&counting, memory_order_relaxed))
    return 0;
  int kept = errno;
  bool counts_here = !below_folder || below(fd, path);
  errno = kept;
  return counts_here ? fault(call) : 0;
}

void faults_loaded(const char *library) {
  unsigned at = atomic_fetch_add(&library_count, 1);
  if (at < LIBRARIES_MAX)
    libraries[at] = (struct library){library, atomic_load(&group_counts[M])};
}

static void tell_counts(void) {
  FILE *out = count_path ? fopen(count_path, "we") : NULL;
  if (!out)
    return;
  for (int i = 0; i < CALL_COUNT; i++)
    fprintf(out, "%s %ld\n", calls[i].name, atomic_load(&counts[i]));
  for (unsigned i = 0; i < library_count && i < LIBRARIES_MAX; i++)
    fprintf(out, "%s %ld\n", libraries[i].name, libraries[i].allocations);
  fprintf(out, "alloc %ld\nsystem %ld\n", atomic_load(&group_counts[M]), atomic_load(&group_counts[S]));
  fclose(out);
}

void faults_begin(const char *what) {
  void *frame;
  below_folder = getenv("HDX_FAULTS_BELOW");
  within_function = getenv("HDX_FAULTS_WITHIN");
  told_path = getenv("HDX_FAULTS_TOLD");
  list_path = getenv("HDX_FAULTS_LIST");
  count_path = getenv("HDX_FAULTS_COUNT");
  crashed_path = getenv("HDX_FAULTS_CRASHED");
  command = getenv("HDX_FAULTS_RUN");
  memset(&wanted, 0, sizeof wanted);
  if (what && *what)
    parse(what);
  for (unsigned i = 0; i < CALL_COUNT; i++)
    atomic_store(&counts[i], 0);
  for (unsigned i = 0; i < GROUP_COUNT; i++)
    atomic_store(&group_counts[i], 0);
  atomic_store(&failed, 0);
  backtrace(&frame, 1); /* loads what it needs */
  for (int i = 0; crashed_path && i < CRASH_COUNT; i++)
    handle_crash(i);
  atomic_store(&counting, true);
}

long faults_end(void) {
  atomic_store(&counting, false);
  return atomic_load(&failed);
}

__attribute__((destructor)) static void end(void) {
  faults_end();
  tell_counts();
}
