/* hdx-used: runs a command and writes what it used, with all of its processes that were waited for, as a line of JSON.
 *
 *   hdx-used OUT COMMAND…    to the file OUT: seconds, seconds of processors, peak of bytes resident in one process
 *
 * A process begins with the peak of who started it, so that one started by an interpreter seems as large as that; this
 * program is small. It does not look COMMAND up in PATH. Exit codes: that of the command; 128 + the number of a signal
 * that ended it; 126 if it could not be run or OUT not be written. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_CANNOT = 126, SIGNALLED = 128 };

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

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: hdx-used OUT COMMAND...\n");
    return EXIT_CANNOT;
  }
  FILE *out = fopen(argv[1], "we");
  if (!out)
    fail(argv[1]);
  double begun = clock_seconds();
  pid_t child = fork();
  if (child < 0)
    fail("fork");
  if (child == 0) {
    execv(argv[2], argv + 2);
    fail(argv[2]);
  }
  int status;
  struct rusage used;
  while (wait4(child, &status, 0, &used) < 0)
    if (errno != EINTR)
      fail("wait");
  fprintf(out, "{\"seconds\":%.6f,\"processor\":%.6f,\"resident\":%" PRIu64 "}\n", clock_seconds() - begun,
          seconds_of(used.ru_utime) + seconds_of(used.ru_stime), (uint64_t)used.ru_maxrss * 1024);
  if (fclose(out) != 0)
    fail(argv[1]);
  return WIFEXITED(status) ? WEXITSTATUS(status) : SIGNALLED + WTERMSIG(status);
}
