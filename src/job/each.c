/* A command for each file: the files come as a stream, each into a temporary file; one that is complete and verified
 * waits until a command may begin with it.
 *
 *   stream ──→ coming ──complete→ ready (at most AHEAD_MAX) ──→ running (at most `processes`) ──exit→ told
 *
 * While no more are wanted, the stream is left alone, and so stops the network. Everything runs in the caller's thread;
 * the engine's loop tells of commands that end (pidfd_open, Linux 5.3). */
#include "base/file.h"
#include "job/each_environment.h"
#include "job/stream.h"
#include "transfer/loop.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AHEAD_MAX = 64 };

struct command {
  uv_poll_t exit; /* first: its handle is the command's */
  pid_t pid;
  int pidfd; /* readable once the process has ended; -1: none */
  struct each *each;
  struct command *next;
  struct hdx_file file;
  char *texts;
  uint64_t number, size;
  uint32_t checks;
  int input; /* the file's bytes; -1: none */
};

struct each {
  struct hdx_session *session;
  struct hdx_files *files;
  const struct hdx_each_options *options;
  struct hdx_each_summary *summary;
  struct hdx_stream *stream;
  uint32_t processes;
  struct command *coming; /* whose bytes come in; NULL: none */
  struct command *ready, **last_ready;
  size_t ready_count, running, closing; /* closing: handles of commands that have ended */
  uint64_t taken;                       /* files of the list, the one that comes in included */
  enum hdx_status gravest;
  struct hdx_error error; /* of what ends the run early */
};

void hdx_each_options_init(struct hdx_each_options *options) {
  *options = (struct hdx_each_options){0};
}

/* ---- what became of a file ---- */

static void tell(struct each *each, const struct hdx_each_item *item) {
  if (each->options->item)
    each->options->item(each->options->user, item);
}

static void settle(struct each *each, const struct hdx_each_item *item) {
  struct hdx_each_summary *summary = each->summary;
  summary->files++;
  summary->succeeded += item->status == HDX_OK;
  summary->left += item->status == HDX_INTERRUPTED;
  summary->failed += item->status != HDX_OK && item->status != HDX_INTERRUPTED;
  if (item->status != HDX_INTERRUPTED)
    each->gravest = hdx_status_graver(each->gravest, item->status);
  tell(each, item);
}

static void settle_left(void *user, const struct hdx_file *file, uint64_t number) {
  settle(user,
         &(struct hdx_each_item){.file = file, .number = number, .status = HDX_INTERRUPTED, .message = "not begun"});
}

static void free_command(struct command *command) {
  if (command->input >= 0)
    close(command->input);
  if (command->pidfd >= 0)
    close(command->pidfd);
  free(command->texts);
  free(command);
}

/* ---- commands ---- */

static void start_ready(struct each *each);

static void on_closed(uv_handle_t *handle) {
  struct command *command = (struct command *)handle;
  command->each->closing--;
  free_command(command);
}

/* What the process's end, which is waited for, says of its file. */
static void settle_end(struct command *command) {
  struct hdx_error error = {.message = ""};
  int how = 0;
  pid_t pid;
  struct hdx_text location = command->file.location;
  struct hdx_each_item item = {.file = &command->file,
                               .number = command->number,
                               .message = error.message,
                               .size = command->size,
                               .checks = command->checks};
  while ((pid = waitpid(command->pid, &how, 0)) < 0 && errno == EINTR)
    ;
  if (pid < 0) {
    item.status = hdx_error_set(&error, HDX_INTERNAL, "%.*s: how the command ended cannot be told: %s",
                                HDX_TEXT_ARG(hdx_url_shown(location)), strerror(errno));
  } else if (WIFSIGNALED(how)) {
    item.signal = WTERMSIG(how);
    item.status = hdx_error_set(&error, HDX_PARTIAL, "%.*s: the command was ended by signal %d (%s)",
                                HDX_TEXT_ARG(hdx_url_shown(location)), item.signal, strsignal(item.signal));
  } else if (WEXITSTATUS(how) != 0) {
    item.exit_code = WEXITSTATUS(how);
    item.status = hdx_error_set(&error, HDX_PARTIAL, "%.*s: the command ended with status %d",
                                HDX_TEXT_ARG(hdx_url_shown(location)), item.exit_code);
  }
  settle(command->each, &item);
}

static void on_ended(uv_poll_t *handle, int failure, int events) {
  struct command *command = (struct command *)handle;
  struct each *each = command->each;
  (void)failure;
  (void)events;
  each->running--;
  each->closing++;
  settle_end(command);
  uv_close((uv_handle_t *)handle, on_closed);
  start_ready(each);
}

/* Starts the command; an errno if that fails. Nothing of our memory is copied for it, as libuv's fork would. */
static int spawn(struct command *command, char **environment) {
  char shell[] = "sh", option[] = "-c";
  char *arguments[] = {shell, option, (char *)command->each->options->command, NULL};
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, usual;
  sigemptyset(&none);
  sigemptyset(&usual);
  sigaddset(&usual, SIGPIPE); /* which we ignore */
  sigaddset(&usual, SIGXFSZ);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  int code = posix_spawn_file_actions_init(&actions);
  if (code == 0) {
    code = posix_spawn_file_actions_adddup2(&actions, command->input, STDIN_FILENO);
    if (code == 0) /* libcurl leaves some open */
      code = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    if (code == 0)
      code = posix_spawn(&command->pid, "/bin/sh", &actions, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
  }
  posix_spawnattr_destroy(&attributes);
  return code;
}

/* Has the loop tell of the process's end. */
static int watch(struct command *command) {
  uv_loop_t *loop = hdx_engine_loop(command->each->session->engine);
  command->pidfd = (int)syscall(SYS_pidfd_open, command->pid, 0);
  if (command->pidfd < 0)
    return errno;
  if (!hdx_loop_room(loop, command->pidfd))
    return ENOMEM;
  int code = -uv_poll_init(loop, &command->exit, command->pidfd);
  if (code == 0)
    uv_poll_start(&command->exit, UV_READABLE, on_ended);
  return code;
}

static void start(struct command *command) {
  struct each *each = command->each;
  struct hdx_error error;
  char **environment = hdx_each_environment(each->session->environment, &command->file, command->number, command->size);
  int code = environment ? spawn(command, environment) : ENOMEM;
  free(environment);
  close(command->input);
  command->input = -1;
  if (code == 0) {
    if (watch(command) == 0) {
      each->running++;
      return;
    }
    settle_end(command); /* no event will tell of its end: it is waited for here */
  } else {
    hdx_error_set(&error, HDX_TEMPORARY, "%.*s: the command cannot be started: %s",
                  HDX_TEXT_ARG(hdx_url_shown(command->file.location)), strerror(code));
    settle(each, &(struct hdx_each_item){.file = &command->file,
                                         .number = command->number,
                                         .status = error.status,
                                         .message = error.message,
                                         .size = command->size});
  }
  free_command(command);
}

static void start_ready(struct each *each) {
  while (each->ready && each->running < each->processes && !hdx_session_cancelled(each->session)) {
    struct command *command = each->ready;
    each->ready = command->next;
    if (!each->ready)
      each->last_ready = &each->ready;
    each->ready_count--;
    start(command);
  }
}

/* ---- files ---- */

static enum hdx_status begin_command(struct each *each, const struct hdx_file *file) {
  struct command *command = calloc(1, sizeof *command);
  if (!command || !hdx_file_keep(file, &command->file, &command->texts)) {
    free(command);
    return hdx_error_memory(&each->error, sizeof *command);
  }
  command->each = each;
  command->number = ++each->taken;
  command->input = command->pidfd = -1;
  each->coming = command;
  return hdx_input_create(each->session, &command->input, &each->error);
}

/* It begins anew, as what had come was not what it should be. */
static enum hdx_status begin_anew(struct each *each) {
  struct command *command = each->coming;
  command->size = 0;
  if (ftruncate(command->input, 0) != 0)
    return hdx_error_errno(&each->error, hdx_session_store(each->session), "truncate a temporary file", errno);
  return HDX_OK;
}

static void finish_command(struct each *each, const struct hdx_chunk *chunk) {
  struct command *command = each->coming;
  each->coming = NULL;
  if (chunk->status != HDX_OK) {
    settle(each,
           &(struct hdx_each_item){
               .file = &command->file, .number = command->number, .status = chunk->status, .message = chunk->message});
    free_command(command);
    return;
  }
  each->summary->bytes += command->size;
  command->checks = chunk->checks;
  *each->last_ready = command;
  each->last_ready = &command->next;
  each->ready_count++;
  start_ready(each);
}

/* What is wrong with the temporary file ends the run: it would be so with all others. */
static enum hdx_status take(struct each *each, const struct hdx_chunk *chunk) {
  enum hdx_status status = HDX_OK;
  if (!each->coming)
    status = begin_command(each, chunk->file);
  else if (chunk->first)
    status = begin_anew(each);
  if (status != HDX_OK)
    return status;
  struct command *command = each->coming;
  status = hdx_file_write_at(command->input, "temporary file in the store's folder", chunk->data, chunk->bytes,
                             command->size, &each->error);
  if (status != HDX_OK)
    return status;
  command->size += chunk->bytes;
  if (chunk->last)
    finish_command(each, chunk);
  return HDX_OK;
}

/* ---- the run ---- */

static bool full(const struct each *each) {
  size_t ahead = each->processes < AHEAD_MAX ? each->processes : AHEAD_MAX;
  return each->ready_count >= ahead;
}

static enum hdx_status run(struct each *each) {
  uv_loop_t *loop = hdx_engine_loop(each->session->engine);
  const struct hdx_chunk *chunk = NULL;
  enum hdx_status status = HDX_OK;
  do {
    while (full(each) && !hdx_session_cancelled(each->session))
      uv_run(loop, UV_RUN_ONCE);
    status = hdx_stream_next(each->stream, &chunk, &each->error);
    if (status == HDX_OK && chunk)
      status = take(each, chunk);
  } while (status == HDX_OK && chunk);
  while (each->running || (status == HDX_OK && each->ready && !hdx_session_cancelled(each->session)))
    uv_run(loop, UV_RUN_ONCE);
  if (status == HDX_OK && each->ready)
    status = hdx_error_set(&each->error, HDX_INTERRUPTED, "interrupted");
  return status;
}

/* Tells of the files that were not begun: those that are here, and what the list has behind them. */
static void leave(struct each *each) {
  while (each->ready) {
    struct command *command = each->ready;
    each->ready = command->next;
    settle_left(each, &command->file, command->number);
    free_command(command);
  }
  if (each->coming) {
    settle_left(each, &each->coming->file, each->coming->number);
    free_command(each->coming);
  }
  hdx_files_left(each->files, each->taken, settle_left, each);
}

static enum hdx_status conclude(const struct each *each, enum hdx_status status, struct hdx_error *error) {
  const struct hdx_each_summary *summary = each->summary;
  if (status != HDX_OK)
    return hdx_error_set(error, status, "%s", each->error.message);
  if (!summary->failed)
    return HDX_OK;
  return hdx_error_set(error, summary->succeeded ? HDX_PARTIAL : each->gravest, "%llu of %llu files failed",
                       (unsigned long long)summary->failed, (unsigned long long)summary->files);
}

/* Each command takes a file descriptor while it runs and one while it waits, of the half that the engine leaves to all
 * the others. */
static uint32_t bound_processes(const struct hdx_session *session, uint32_t processes) {
  struct rlimit limit = {.rlim_cur = RLIM_INFINITY};
  getrlimit(RLIMIT_NOFILE, &limit);
  rlim_t most = limit.rlim_cur > 24 ? (limit.rlim_cur - 16) / 8 : 1;
  if (processes <= most)
    return processes;
  hdx_log_write(&session->log, HDX_LOG_WARNING, "%llu commands at once in place of %u: only %llu files may be open",
                (unsigned long long)most, processes, (unsigned long long)limit.rlim_cur);
  return (uint32_t)most;
}

/* Whoever runs us may ignore the end of children, which then leaves nothing to be told. */
static void heed_children(struct sigaction *before) {
  struct sigaction usual = {.sa_handler = SIG_DFL};
  sigemptyset(&usual.sa_mask);
  if (sigaction(SIGCHLD, NULL, before) == 0 && (before->sa_handler == SIG_IGN || before->sa_flags & SA_NOCLDWAIT))
    sigaction(SIGCHLD, &usual, NULL);
}

static void count_files(void *user, struct hdx_progress *progress) {
  const struct each *each = user;
  progress->files_done = each->summary->succeeded + each->summary->failed;
  progress->failures = each->summary->failed;
}

enum hdx_status hdx_each(struct hdx_session *session, struct hdx_files *files, const struct hdx_each_options *options,
                         struct hdx_each_summary *summary, struct hdx_error *error) {
  struct hdx_each_summary own;
  struct each each = {.session = session, .files = files, .options = options, .summary = summary ? summary : &own};
  struct hdx_stream_options stream_options;
  struct sigaction before;
  uint64_t started_ns = uv_hrtime();
  *each.summary = (struct hdx_each_summary){0};
  each.last_ready = &each.ready;
  each.processes =
      bound_processes(session, options->processes ? options->processes : (uint32_t)uv_available_parallelism());
  if (!options->command)
    return hdx_error_set(error, HDX_USAGE, "no command is given");
  hdx_stream_options_init(&stream_options);
  stream_options.ignore_size = options->ignore_size;
  stream_options.ignore_checksums = options->ignore_checksums;
  enum hdx_status status = hdx_stream_begin(session, files, &stream_options, true, &each.stream, error);
  if (status != HDX_OK)
    return status;
  each.stream->count = count_files;
  each.stream->count_user = &each;
  heed_children(&before);
  status = run(&each);
  hdx_stream_close(each.stream);
  while (each.closing)
    uv_run(hdx_engine_loop(session->engine), UV_RUN_ONCE);
  sigaction(SIGCHLD, &before, NULL);
  if (status != HDX_OK)
    leave(&each);
  each.summary->elapsed_ns = uv_hrtime() - started_ns;
  return conclude(&each, status, error);
}
