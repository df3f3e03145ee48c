/* Counts what a program into which this is preloaded does between the begin of its main() and the end. */
#include "faults.h"

#include <stdlib.h>

static int (*program_main)(int, char **, char **);

static int counted_main(int argc, char **argv, char **environment) {
  faults_begin(getenv("HDX_FAULTS"));
  unsetenv("LD_PRELOAD");
  int result = program_main(argc, argv, environment);
  faults_end();
  return result;
}

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*loader_fini)(void), void *stack_end);
int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*loader_fini)(void), void *stack_end) {
  REAL(__libc_start_main);
  program_main = main;
  return real(counted_main, argc, argv, init, fini, loader_fini, stack_end);
}
