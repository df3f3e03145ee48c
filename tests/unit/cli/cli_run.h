/* What tests of whole runs share: the program in a child over a library in memory, and what it printed. */
#ifndef HDX_TEST_CLI_RUN_H
#define HDX_TEST_CLI_RUN_H

#include "unit/cli/cli_cmocka.h"
#include "unit/cli/fake_heliodex.h"

#include "cli/cli.h"
#include "cli/help.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_MAX (4 << 20)

static char *out, *err;    /* of the last run */
static struct fake *asked; /* what the library was asked for in it */
static char folder[64];

static inline int begin(void **state) {
  (void)state;
  out = calloc(1, TEXT_MAX);
  err = calloc(1, TEXT_MAX);
  asked = mmap(NULL, sizeof *asked, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  snprintf(folder, sizeof folder, "/tmp/hdx-run-XXXXXX");
  return mkdtemp(folder) ? 0 : 1;
}

static inline int end(void **state) {
  (void)state;
  char command[128];
  free(out);
  free(err);
  munmap(asked, sizeof *asked);
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}

static inline int reset(void **state) {
  (void)state;
  fake_reset();
  return 0;
}

/* Words of a line divided by blanks; "~" stands for the folder. */
static inline int split(const char *line, char **words, char *copy, size_t size) {
  int count = 0;
  size_t used = 0;
  words[count++] = (char *)"heliodex";
  bool begins = true;
  for (; *line && used + sizeof folder < size; line++) {
    if (*line == ' ') {
      copy[used++] = 0;
      begins = true;
      continue;
    }
    if (begins)
      words[count++] = copy + used;
    begins = false;
    if (*line == '~')
      used += (size_t)snprintf(copy + used, size - used, "%s", folder);
    else
      copy[used++] = *line;
  }
  copy[used] = 0;
  words[count] = NULL;
  return count;
}

/* The program as a child with standard output and standard error at the given descriptors. */
static inline pid_t start(const char *line, int out_fd, int err_fd) {
  char copy[1024], *words[64];
  int count = split(line, words, copy, sizeof copy);
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    if (out_fd >= 0)
      dup2(out_fd, STDOUT_FILENO);
    else
      close(STDOUT_FILENO);
    dup2(err_fd, STDERR_FILENO);
    for (int fd = 3; fd < 64; fd++)
      close(fd);
    int code = cli_main(count, words);
    *asked = fake;
    exit(code);
  }
  return pid;
}

static inline int wait_for(pid_t pid) {
  int status;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static inline FILE *take(FILE *file, char *text) {
  rewind(file);
  size_t size = fread(text, 1, TEXT_MAX - 1, file);
  text[size] = 0;
  fclose(file);
  return NULL;
}

static inline int run(const char *line) {
  FILE *out_file = tmpfile(), *err_file = tmpfile();
  int code = wait_for(start(line, fileno(out_file), fileno(err_file)));
  take(out_file, out);
  take(err_file, err);
  return code;
}

static inline void assert_run(const char *line, int code, const char *expected_out, const char *expected_err) {
  int found = run(line);
  if (found != code)
    fail_msg("'%s' ends with %d, not %d\n%s", line, found, code, err);
  if (expected_out && strcmp(out, expected_out) != 0)
    fail_msg("'%s' prints:\n%s\nexpected:\n%s", line, out, expected_out);
  if (expected_err && strcmp(err, expected_err) != 0)
    fail_msg("'%s' says:\n%s\nexpected:\n%s", line, err, expected_err);
}

static inline char *file_content(const char *name) {
  static char text[65536];
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "r");
  if (!file)
    return NULL;
  text[fread(text, 1, sizeof text - 1, file)] = 0;
  fclose(file);
  return text;
}

#define RUN(test) cmocka_unit_test_setup(test, reset)

#endif
