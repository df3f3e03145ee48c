/* A command for each file: the files come as a stream, each into a temporary file; one that is complete and verified
 * waits until a command may begin with it.
 *
 *   stream ──→ coming ──complete→ ready (at most AHEAD_MAX) ──→ running (at most `processes`) ──exit→ told
 *
 * While no more are wanted, the stream is left alone, and so stops the network. Everything runs in the caller's thread;
 * commands end by callbacks of the engine's loop. */
#include "base/file.h"
#include "job/each_environment.h"
#include "job/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { AHEAD_MAX = 64 };

struct command {
  uv_process_t process; /* first: its handle is the command's */
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
  summary->succeeded += item->status == HDX_OK;
  summary->left += item->status == HDX_INTERRUPTED;
  summary->failed += item->status != HDX_OK && item->status != HDX_INTERRUPTED;
  if (item->status != HDX_INTERRUPTED)
    each->gravest = hdx_status_graver(each->gravest, item->status);
  tell(each, item);
}

static void settle_left(struct each *each, const struct hdx_file *file, uint64_t number) {
  settle(each,
         &(struct hdx_each_item){.file = file, .number = number, .status = HDX_INTERRUPTED, .message = "not begun"});
}

static void free_command(struct command *command) {
  if (command->input >= 0)
    close(command->input);
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

static void close_handle(struct command *command) {
  command->each->closing++;
  uv_close((uv_handle_t *)&command->process, on_closed);
}

static void on_ended(uv_process_t *process, int64_t exit_status, int signal) {
  struct command *command = (struct command *)process;
  struct each *each = command->each;
  char message[96] = "";
  struct hdx_each_item item = {.file = &command->file,
                               .number = command->number,
                               .exit_code = (int)exit_status,
                               .signal = signal,
                               .message = message,
                               .size = command->size,
                               .checks = command->checks};
  if (signal)
    snprintf(message, sizeof message, "the command was ended by signal %d (%s)", signal, strsignal(signal));
  else if (exit_status)
    snprintf(message, sizeof message, "the command ended with status %d", item.exit_code);
  item.status = message[0] ? HDX_PARTIAL : HDX_OK;
  each->running--;
  settle(each, &item);
  close_handle(command);
  start_ready(each);
}

static int spawn(struct command *command, char **environment) {
  char shell[] = "sh", option[] = "-c";
  char *arguments[] = {shell, option, (char *)command->each->options->command, NULL};
  uv_stdio_container_t standard[] = {{.flags = UV_INHERIT_FD, .data.fd = command->input},
                                     {.flags = UV_INHERIT_FD, .data.fd = STDOUT_FILENO},
                                     {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO}};
  const uv_process_options_t options = {.exit_cb = on_ended,
                                        .file = "/bin/sh",
                                        .args = arguments,
                                        .env = environment,
                                        .stdio_count = 3,
                                        .stdio = standard};
  return uv_spawn(hdx_engine_loop(command->each->session->engine), &command->process, &options);
}

static void start(struct command *command) {
  struct each *each = command->each;
  char message[128];
  char **environment = hdx_each_environment(each->session->environment, &command->file, command->number, command->size);
  int code = environment ? spawn(command, environment) : UV_ENOMEM;
  free(environment);
  close(command->input);
  command->input = -1;
  if (code == 0) {
    each->running++;
    return;
  }
  snprintf(message, sizeof message, "the command cannot be started: %s", uv_strerror(code));
  settle(each, &(struct hdx_each_item){.file = &command->file,
                                       .number = command->number,
                                       .status = HDX_TEMPORARY,
                                       .message = message,
                                       .size = command->size});
  if (environment) /* libuv has made a handle of it */
    close_handle(command);
  else
    free_command(command);
}

static void start_ready(struct each *each) {
  while (each->ready && each->running < each->processes && !atomic_load(&each->session->cancelled)) {
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
  command->input = -1;
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
  each->summary->files++;
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
    while (full(each) && !atomic_load(&each->session->cancelled))
      uv_run(loop, UV_RUN_ONCE);
    status = hdx_stream_next(each->stream, &chunk, &each->error);
    if (status == HDX_OK && chunk)
      status = take(each, chunk);
  } while (status == HDX_OK && chunk);
  while (each->running || (status == HDX_OK && each->ready && !atomic_load(&each->session->cancelled)))
    uv_run(loop, UV_RUN_ONCE);
  if (status == HDX_OK && each->ready)
    status = hdx_error_set(&each->error, HDX_INTERRUPTED, "interrupted");
  return status;
}

/* Tells of the files that were not begun: those that are here, and what the list has behind them. */
static void leave(struct each *each) {
  const struct hdx_file *list;
  size_t count;
  uint64_t number = 0;
  while (each->ready) {
    struct command *command = each->ready;
    each->ready = command->next;
    settle_left(each, &command->file, command->number);
    free_command(command);
  }
  if (each->coming) {
    settle_left(each, &each->coming->file, each->coming->number);
    each->summary->files++;
    free_command(each->coming);
  }
  /* The list is read once more, also if an interruption has ended the run: its rows are at hand. */
  bool cancelled = atomic_exchange(&each->session->cancelled, false);
  hdx_files_rewind(each->files);
  while (hdx_files_next(each->files, &list, &count, NULL) == HDX_OK && count)
    for (size_t i = 0; i < count; i++)
      if (++number > each->taken) {
        each->summary->files++;
        settle_left(each, &list[i], number);
      }
  if (cancelled)
    atomic_store(&each->session->cancelled, true);
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
  uint64_t started_ns = uv_hrtime();
  *each.summary = (struct hdx_each_summary){0};
  each.last_ready = &each.ready;
  each.processes = options->processes ? options->processes : uv_available_parallelism();
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
  status = run(&each);
  hdx_stream_close(each.stream);
  while (each.closing)
    uv_run(hdx_engine_loop(session->engine), UV_RUN_ONCE);
  if (status != HDX_OK)
    leave(&each);
  each.summary->elapsed_ns = uv_hrtime() - started_ns;
  return conclude(&each, status, error);
}
