/* The program. What it does is in cli_main, so that tests can call it. */
#include "cli/cli.h"

#include <sys/resource.h>

/* The soft limit of open files is small for the sake of programs that call select(), which this one does not. */
static void raise_file_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

int main(int argc, char **argv) {
  raise_file_limit();
  return cli_main(argc, argv);
}
