/* The program. What it does is in cli_main, so that tests can call it. */
#include "cli/cli.h"

#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* The soft limit of open files is small for the sake of programs that call select(), which this one does not. */
static void raise_file_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

/* libcurl gets a buffer for each transfer and gives it back: the allocator is to keep that memory, as fresh pages cost
 * more than what is done with them. */
static void keep_freed_memory(void) {
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
  mallopt(M_ARENA_MAX, 4);
}

/* Credentials are in memory: no core is left, and no other process of the user's may look (prctl(2), ptrace(2)). */
static void keep_memory_private(void) {
  prctl(PR_SET_DUMPABLE, 0);
}

int main(int argc, char **argv) {
  raise_file_limit();
  keep_freed_memory();
  keep_memory_private();
  return cli_main(argc, argv);
}
