/* A credential_process: a program that prints credentials as JSON.
 *
 * The command is split into words as a shell would, with quotes and backslashes but without expansions, and no shell
 * runs it: so does botocore, and a command that works there works here. The program gets the environment, no input and
 * none of our descriptors; it leads a process group, so that it is ended with all that it started. What it prints to
 * standard error is dropped, for it may hold secrets.
 *
 * Source: AWS SDKs and Tools Reference Guide, "Process credential provider"; the rules of Python's shlex.split. */
#include "transfer/credentials_source.h"

#include "base/error.h"
#include "transfer/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS_MAX = 60, LOOK_MS = 20 };

static bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Appends the word at *at to `to`, moves *at behind it; NULL if a quote or backslash has no end. Returns where the next
 * word may be written. */
static char *split_word(struct hdx_text command, size_t *at, char *to) {
  char quote = 0;
  for (; *at < command.size && (quote || !blank(command.data[*at])); ++*at) {
    char c = command.data[*at], next = *at + 1 < command.size ? command.data[*at + 1] : 0;
    if (quote ? c == quote : c == '"' || c == '\'') {
      quote = quote ? 0 : c;
      continue;
    }
    if (c == '\\' && !quote && !next)
      return NULL;
    /* Within double quotes a backslash is one, but before a quote or another backslash. */
    if (c == '\\' && (!quote || (quote == '"' && (next == '"' || next == '\\'))))
      c = command.data[++*at];
    *to++ = c;
  }
  *to++ = 0;
  return quote ? NULL : to;
}

/* The command's words, NULL at the end, in one piece of memory; NULL with the status otherwise. */
static char **split(struct hdx_text command, const char *source, enum hdx_status *status, struct hdx_error *error) {
  size_t words_max = command.size / 2 + 1, count = 0;
  char **words = malloc((words_max + 1) * sizeof *words + command.size + words_max);
  if (!words) {
    *status = hdx_error_memory(error, command.size);
    return NULL;
  }
  char *to = (char *)(words + words_max + 1);
  for (size_t at = 0; to; at++) {
    while (at < command.size && blank(command.data[at]))
      at++;
    if (at >= command.size)
      break;
    words[count++] = to;
    to = split_word(command, &at, to);
  }
  words[count] = NULL;
  if (to && count)
    return words;
  *status = hdx_error_set(error, HDX_DENIED, "%s: %s", source,
                          to ? "there is no command" : "a quote or a backslash in the command has no end");
  free(words);
  return NULL;
}

struct child {
  pid_t pid;
  int output;         /* where its standard output can be read; does not block */
  bool exited, ended; /* ended: nothing more is to be read */
  int status;
};

/* Starts the program at `path`; an errno if that fails. */
static int start_at(const char *path, char **words, char *const *environment, int output, pid_t *pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, usual;
  sigemptyset(&none);
  sigemptyset(&usual);
  sigaddset(&usual, SIGPIPE);
  sigaddset(&usual, SIGXFSZ);
  sigaddset(&usual, SIGCHLD);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  int code = posix_spawn_file_actions_init(&actions);
  if (code == 0) {
    if ((code = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)) == 0 &&
        (code = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)) == 0 &&
        (code = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)) == 0 &&
        (code = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1)) == 0)
      code = posix_spawn(pid, path, &actions, &attributes, words, (char **)environment);
    posix_spawn_file_actions_destroy(&actions);
  }
  posix_spawnattr_destroy(&attributes);
  return code;
}

/* Starts the program where PATH has it. (posix_spawnp would look at the process's PATH, not at the copy.) */
static int start(char **words, char *const *environment, int output, pid_t *pid) {
  if (strchr(words[0], '/'))
    return start_at(words[0], words, environment, output, pid);
  const char *folders = hdx_environment_get(environment, "PATH");
  int code = ENOENT;
  if (!folders[0])
    folders = "/usr/local/bin:/usr/bin:/bin";
  for (;;) {
    char path[4096];
    size_t size = strcspn(folders, ":");
    int length = snprintf(path, sizeof path, "%.*s/%s", size ? (int)size : 1, size ? folders : ".", words[0]);
    if (length > 0 && (size_t)length < sizeof path && access(path, X_OK) == 0) {
      code = start_at(path, words, environment, output, pid);
      if (code == 0)
        return 0;
    }
    if (!folders[size])
      return code;
    folders += size + 1;
  }
}

static int64_t clock_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads what is there; false if that is more than the buffer holds. */
static bool drain(struct child *child, struct hdx_buffer *output) {
  while (!child->ended) {
    size_t room = output->max - output->size;
    char beyond;
    ssize_t n = read(child->output, room ? output->data + output->size : &beyond, room ? room : 1);
    if (n > 0 && !room)
      return false;
    if (n > 0)
      output->size += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
      child->ended = true;
    else if (errno == EAGAIN)
      break;
  }
  return true;
}

/* Notes whether the child has exited. If whoever runs us ignores SIGCHLD, how it exited cannot be known: then its
 * output alone tells. */
static void look(struct child *child) {
  pid_t pid = waitpid(child->pid, &child->status, WNOHANG);
  if (pid < 0)
    child->status = 0;
  child->exited = pid != 0;
}

/* Reads until the program exits: one that it leaves running may keep the output open. */
static enum hdx_status follow(struct child *child, const struct hdx_credentials_context *context, const char *source,
                              struct hdx_buffer *output, struct hdx_error *error) {
  int64_t end = clock_ms() + SECONDS_MAX * 1000;
  for (;;) {
    look(child);
    if (!drain(child, output))
      return hdx_error_set(error, HDX_DENIED, "%s: it printed more than %zu bytes", source, output->max);
    if (child->exited)
      return HDX_OK;
    if (atomic_load(context->cancelled))
      return hdx_error_set(error, HDX_INTERRUPTED, "interrupted");
    if (clock_ms() >= end)
      return hdx_error_set(error, HDX_DENIED, "%s: it did not end within %d seconds", source, SECONDS_MAX);
    struct pollfd readable = {.fd = child->ended ? -1 : child->output, .events = POLLIN};
    poll(&readable, 1, LOOK_MS);
  }
}

static enum hdx_status run(const struct hdx_credentials_context *context, char **words, const char *source,
                           struct hdx_buffer *output, struct hdx_error *error) {
  int ends[2];
  struct child child = {0};
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
    return hdx_error_set(error, HDX_DENIED, "%s: no pipe to it: %s", source, strerror(errno));
  fcntl(ends[1], F_SETFL, 0);
  child.output = ends[0];
  int code = start(words, context->environment, ends[1], &child.pid);
  close(ends[1]);
  enum hdx_status status = HDX_OK;
  if (code != 0) {
    status = hdx_error_set(error, code == ENOMEM ? HDX_MEMORY : HDX_DENIED, "%s: it cannot be started: %s", source,
                           strerror(code));
  } else {
    status = follow(&child, context, source, output, error);
    if (!child.exited) {
      kill(-child.pid, SIGKILL);
      while (waitpid(child.pid, &child.status, 0) < 0 && errno == EINTR)
        ;
    }
  }
  close(ends[0]);
  if (status == HDX_OK && WIFSIGNALED(child.status))
    return hdx_error_set(error, HDX_DENIED, "%s: it was ended by signal %d", source, WTERMSIG(child.status));
  if (status == HDX_OK && WEXITSTATUS(child.status) != 0)
    return hdx_error_set(error, HDX_DENIED, "%s: it ended with status %d (run it by hand to see why)", source,
                         WEXITSTATUS(child.status));
  return status;
}

enum hdx_status hdx_credentials_ask_process(const struct hdx_credentials_context *context, struct hdx_text command,
                                            const char *source, struct hdx_credentials *credentials,
                                            struct hdx_error *error) {
  struct hdx_buffer output;
  enum hdx_status status = HDX_OK;
  if (memchr(command.data, 0, command.size))
    return hdx_error_set(error, HDX_DENIED, "%s: there is a NUL byte in the command", source);
  char **words = split(command, source, &status, error);
  if (!words)
    return status;
  hdx_buffer_init(&output, HDX_CREDENTIALS_ANSWER_MAX);
  hdx_buffer_reserve(&output, output.max); /* so that it never moves */
  status = hdx_buffer_status(&output, source, error);
  if (status == HDX_OK)
    status = run(context, words, source, &output, error);
  if (status == HDX_OK)
    status = hdx_credentials_take_json(hdx_buffer_text(&output), HDX_CREDENTIALS_PROCESS, source, credentials, error);
  hdx_buffer_wipe(&output);
  hdx_buffer_deinit(&output);
  free(words);
  return status;
}
