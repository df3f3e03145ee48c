/* hdx-used: runs a command and writes what it used, with all of its processes that were waited for, as a line of JSON.
 *
 *   hdx-used [-m MIB] OUT COMMAND…
 *
 * To the file OUT: seconds, seconds of processors, peak of bytes resident in one process. A process begins with the
 * peak of who started it, so that one started by an interpreter seems as large as that; this program is small.
 *
 * COMMAND is not looked up in PATH. It ends when this program does, which is after 15 minutes at the latest. -m: it
 * gets so much memory of its own at most; one that fills the machine would spoil more than a figure.
 *
 * Exit codes: that of the command; 128 + the number of a signal that ended it; 126 if it could not be run or OUT not be
 * written. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_CANNOT = 126, SIGNALLED = 128, SECONDS_MAX = 900 };

_Noreturn static void fail(const char *what) {
  fprintf(stderr, "hdx-used: %s: %s\n", what, strerror(errno));
  exit(EXIT_CANNOT);
}

static double clock_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double seconds_of(struct timeval time) {
  return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* In the child. */
_Noreturn static void become(char **command, rlim_t memory_max) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (setrlimit(RLIMIT_DATA, &(struct rlimit){memory_max, memory_max}) != 0)
    fail("limiting memory");
  execv(command[0], command);
  fail(command[0]);
}

static void report(const char *path, double seconds, const struct rusage *used) {
  FILE *out = fopen(path, "we");
  if (!out)
    fail(path);
  fprintf(out, "{\"seconds\":%.6f,\"processor\":%.6f,\"resident\":%" PRIu64 "}\n", seconds,
          seconds_of(used->ru_utime) + seconds_of(used->ru_stime), (uint64_t)used->ru_maxrss * 1024);
  if (fclose(out) != 0)
    fail(path);
}

int main(int argc, char **argv) {
  rlim_t memory_max = RLIM_INFINITY;
  int option;
  while ((option = getopt(argc, argv, "+m:")) == 'm')
    memory_max = (rlim_t)strtoull(optarg, NULL, 10) << 20;
  if (option != -1 || argc - optind < 2 || memory_max == 0) {
    fprintf(stderr, "usage: hdx-used [-m MIB] OUT COMMAND...\n");
    return EXIT_CANNOT;
  }
  alarm(SECONDS_MAX);
  double begun = clock_seconds();
  pid_t child = fork();
  if (child < 0)
    fail("fork");
  if (child == 0)
    become(argv + optind + 1, memory_max);
  int status;
  struct rusage used;
  while (wait4(child, &status, 0, &used) < 0)
    if (errno != EINTR)
      fail("waiting");
  report(argv[optind], clock_seconds() - begun, &used);
  return WIFEXITED(status) ? WEXITSTATUS(status) : SIGNALLED + WTERMSIG(status);
}
