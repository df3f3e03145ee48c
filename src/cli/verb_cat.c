#include "cli/tar.h"
#include "cli/values.h"
#include "cli/verbs.h"
#include "cli/wanted.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

/* From so many bytes on a copy into the output's buffer costs more than a write. */
#define THROUGH_BYTES ((size_t)64 * 1024)

struct run {
  struct cli *cli;
  struct cli_report report;
  struct cli_wanted wanted;
  bool tar;
  uint64_t member_bytes;   /* tar: of the present file, as its head says */
  bool skipped;            /* tar: the present file cannot be a member */
  uint64_t archive;        /* tar: bytes of the archive so far */
  uint64_t shown;          /* bytes of the present file that were written */
  unsigned char last_byte; /* that was looked at for a terminal */
  uint64_t done, failed, left, bytes;
  uint64_t checked[HDX_CHECK_COUNT];
  uint64_t elapsed_ns;
  enum hdx_status gravest;
};

/* ---- what became of a file ---- */

static void count(struct run *run, enum hdx_status status, uint64_t size, uint32_t checks) {
  if (status == HDX_OK) {
    run->done++;
    run->bytes += size;
    for (unsigned i = 0; i < HDX_CHECK_COUNT; i++)
      run->checked[i] += checks >> i & 1;
  } else if (status == HDX_INTERRUPTED) {
    run->left++;
  } else {
    run->failed++;
    run->gravest = cli_graver(run->gravest, status);
  }
}

static void settle(struct run *run, const struct hdx_file *file, enum hdx_status status, const char *path,
                   const char *message, uint64_t size, uint32_t checks) {
  bool left = status == HDX_INTERRUPTED, failed = status != HDX_OK && !left;
  char bytes[CLI_HUMAN_MAX];
  count(run, status, size, checks);
  if (status == HDX_OK)
    cli_message(&run->cli->messages, CLI_INFO, "%.*s: %s", CLI_TEXT_ARG(cli_location(file->location)),
                cli_human_bytes(size, bytes));
  cli_report_file(&run->report, &(struct cli_report_file){.file = file,
                                                          .path = path,
                                                          .state = hdx_mirror_outcome_name(failed ? HDX_MIRROR_FAILED
                                                                                           : left ? HDX_MIRROR_LEFT
                                                                                                  : HDX_MIRROR_FETCHED),
                                                          .status = status,
                                                          .message = message,
                                                          .size = status == HDX_OK ? size : 0,
                                                          .bytes = status == HDX_OK ? size : 0,
                                                          .checks = checks,
                                                          .shard = run->wanted.shard_name,
                                                          .failed = failed,
                                                          .left = left});
}

static void settle_left(void *user, const struct hdx_file *file, uint64_t number) {
  (void)number;
  settle(user, file, HDX_INTERRUPTED, "", "not begun", 0, 0);
}

/* ---- bytes to the output ---- */

/* Whether a byte steers terminals rather than being shown; `before` is the one in front of it. Bytes from 0x80 to 0x9f
 * are ends of letters in UTF-8, but behind 0xc2, where they are control characters. */
static bool steers(unsigned char byte, unsigned char before) {
  if (byte < 0x20)
    return byte != '\t' && byte != '\n' && byte != '\r' && byte != '\f';
  return byte == 0x7f || (byte >= 0x80 && byte < 0xa0 && before == 0xc2);
}

static bool is_text(struct run *run, const struct hdx_chunk *chunk) {
  const unsigned char *data = (const unsigned char *)chunk->data;
  for (size_t i = 0; i < chunk->bytes; i++) {
    if (steers(data[i], run->last_byte))
      return false;
    run->last_byte = data[i];
  }
  return true;
}

/* As curl does: what is no text would only upset a terminal. */
static enum hdx_status check_terminal(struct run *run, const struct hdx_chunk *chunk, struct hdx_error *error) {
  const struct cli *cli = run->cli;
  if (!cli->out.terminal || cli_settings(cli)->output)
    return HDX_OK;
  if (!run->tar && is_text(run, chunk))
    return HDX_OK;
  return cli_fail(error, HDX_USAGE,
                  "%.*s is no text, and standard output is a terminal: name a file with -o, or force it with -o -",
                  CLI_TEXT_ARG(cli_location(chunk->file->location)));
}

static void put_bytes(struct run *run, const struct hdx_chunk *chunk) {
  struct hdx_text bytes = {chunk->data, chunk->bytes};
  if (bytes.size >= THROUGH_BYTES)
    cli_writer_through(&run->cli->out, bytes);
  else
    cli_writer_put(&run->cli->out, bytes);
  run->shown += bytes.size;
}

/* Begins a member. False: the file cannot be one, as its size must be known beforehand. */
static bool put_head(struct run *run, const struct hdx_chunk *chunk) {
  uint64_t size = chunk->size;
  if (size == UINT64_MAX && chunk->file->size >= 0)
    size = (uint64_t)chunk->file->size;
  if (size == UINT64_MAX)
    return false;
  cli_tar_head(&run->cli->out, &(struct cli_tar_member){cli_text(chunk->path), size, chunk->modified});
  run->member_bytes = size;
  return true;
}

/* Bytes were written of a file that is not what it should be: nothing behind them would be of use. */
static enum hdx_status broken(struct run *run, const struct hdx_chunk *chunk, enum hdx_status status,
                              struct hdx_error *error) {
  char bytes[CLI_HUMAN_MAX];
  return cli_fail(error, status, "the output is broken: %s of %.*s had been written when it failed",
                  cli_human_bytes(run->shown, bytes), CLI_TEXT_ARG(cli_location(chunk->file->location)));
}

/* What is wrong with a file as a member, although its bytes are all right; NULL: nothing. */
static const char *wrong_member(const struct run *run, const struct hdx_chunk *chunk) {
  if (run->skipped)
    return "neither index nor server state its size, which an archive needs in front of its bytes";
  if (run->tar && chunk->status == HDX_OK && run->shown != run->member_bytes)
    return "it has another size than was stated";
  return NULL;
}

static enum hdx_status finish_file(struct run *run, const struct hdx_chunk *chunk, struct hdx_error *error) {
  struct hdx_error own = {.status = chunk->status, .message = ""};
  const char *wrong = wrong_member(run, chunk);
  bool nothing = run->skipped || (chunk->first && chunk->last);
  enum hdx_status status = HDX_OK;
  if (wrong)
    cli_fail(&own, HDX_INTEGRITY, "%.*s: %s", CLI_TEXT_ARG(cli_location(chunk->file->location)), wrong);
  settle(run, chunk->file, own.status, chunk->path, wrong ? own.message : chunk->message, run->shown, chunk->checks);
  if (own.status != HDX_OK && !nothing)
    status = broken(run, chunk, own.status, error);
  else if (run->tar && own.status == HDX_OK)
    cli_tar_pad(&run->cli->out, run->shown);
  run->shown = 0;
  run->skipped = false;
  cli_writer_flush(&run->cli->out);
  return status;
}

static enum hdx_status take(struct run *run, const struct hdx_chunk *chunk, struct hdx_error *error) {
  struct cli *cli = run->cli;
  bool nothing = chunk->first && chunk->last && chunk->status != HDX_OK;
  enum hdx_status status = nothing ? HDX_OK : check_terminal(run, chunk, error);
  if (status != HDX_OK)
    return status;
  if (run->tar && chunk->first && !nothing)
    run->skipped = !put_head(run, chunk);
  if (!run->skipped)
    put_bytes(run, chunk);
  if (chunk->last)
    status = finish_file(run, chunk, error);
  return status == HDX_OK ? cli_writer_status(&cli->out, error) : status;
}

static enum hdx_status stream(struct run *run, struct hdx_error *error) {
  const struct cli_settings *settings = cli_settings(run->cli);
  struct hdx_stream_options options;
  struct hdx_stream *stream;
  const struct hdx_chunk *chunk = NULL;
  hdx_stream_options_init(&options);
  options.ignore_size = settings->ignore_size;
  options.ignore_checksums = settings->ignore_checksums;
  options.layout = !run->tar ? NULL : settings->flat ? "{name}" : settings->layout ? settings->layout : "{key}";
  enum hdx_status status = hdx_stream_open(run->cli->session, run->wanted.files, &options, &stream, error);
  if (status != HDX_OK)
    return status;
  do {
    status = hdx_stream_next(stream, &chunk, error);
    if (status == HDX_OK && chunk)
      status = take(run, chunk, error);
  } while (status == HDX_OK && chunk);
  if (status == HDX_OK && run->tar)
    cli_tar_end(&run->cli->out, run->cli->out.written + run->cli->out.size);
  hdx_stream_close(stream);
  if (status != HDX_OK)
    hdx_files_left(run->wanted.files, run->done + run->failed, settle_left, run);
  return status;
}

/* ---- commands ---- */

/* The first command that ends as nobody reads its output any more (as a shell tells it: 128 and the signal) would not
 * be the last one. */
static void on_command(void *user, const struct hdx_each_item *item) {
  struct run *run = user;
  bool piped = item->signal == SIGPIPE || item->exit_code == 128 + SIGPIPE;
  enum hdx_status status = item->status;
  const char *message = item->message;
  if (piped && cli_writer_closed(&run->cli->out)) {
    hdx_session_cancel(run->cli->session);
    status = HDX_INTERRUPTED;
    message = "the reader of the output has gone";
  }
  settle(run, item->file, status, "", message, item->size, item->checks);
}

static enum hdx_status execute(struct run *run, struct hdx_error *error) {
  const struct cli_settings *settings = cli_settings(run->cli);
  struct hdx_each_options options;
  struct hdx_each_summary summary;
  hdx_each_options_init(&options);
  options.command = settings->exec;
  options.processes = (uint32_t)settings->processes;
  options.ignore_size = settings->ignore_size;
  options.ignore_checksums = settings->ignore_checksums;
  options.item = on_command;
  options.user = run;
  enum hdx_status status = hdx_each(run->cli->session, run->wanted.files, &options, &summary, error);
  return run->cli->out.state == CLI_WRITER_CLOSED ? cli_writer_status(&run->cli->out, error) : status;
}

/* ---- the summary ---- */

static void tell_summary_json(const struct run *run, const struct hdx_stats *stats) {
  struct cli_writer *err = cli_messages_raw(&run->cli->messages);
  cli_writer_format(err,
                    "{\"event\":\"summary\",\"elapsed_s\":%.3f,\"files\":%" PRIu64 ",\"fetched\":%" PRIu64
                    ",\"failed\":%" PRIu64 ",\"left\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"bytes\":%" PRIu64
                    ",\"checked\":{",
                    (double)run->elapsed_ns / 1e9, run->done + run->failed + run->left, run->done, run->failed,
                    run->left, run->wanted.refused, run->bytes);
  for (unsigned i = 0; i < HDX_CHECK_COUNT; i++)
    cli_writer_format(err, "%s\"%s\":%" PRIu64, i ? "," : "", hdx_check_name((enum hdx_check)i), run->checked[i]);
  cli_writer_format(err, "},\"requests\":%" PRIu64 ",\"retries\":%" PRIu64 "}\n", stats->requests, stats->retries);
  cli_writer_flush(err);
}

static void tell_summary(const struct run *run) {
  char a[CLI_HUMAN_MAX], b[CLI_HUMAN_MAX], c[CLI_HUMAN_MAX], d[CLI_HUMAN_MAX], rest[128] = "", checks[320] = "";
  double seconds = run->elapsed_ns > 0 ? (double)run->elapsed_ns / 1e9 : 1e-9;
  struct hdx_stats stats = {0};
  hdx_session_stats(run->cli->session, &stats);
  if (run->cli->messages.json) {
    tell_summary_json(run, &stats);
    return;
  }
  cli_add_count(rest, sizeof rest, run->failed, "failed");
  cli_add_count(rest, sizeof rest, run->left, "left");
  cli_add_count(rest, sizeof rest, run->wanted.refused, "refused");
  cli_add_count(rest, sizeof rest, stats.retries, "retried");
  for (unsigned i = 0; i < HDX_CHECK_COUNT; i++)
    cli_add_count(checks, sizeof checks, run->checked[i], hdx_check_name((enum hdx_check)i));
  cli_message(&run->cli->messages, CLI_NOTE, "files     %s, %s in %s (%s/s)%s%s%s%s", cli_human_count(run->done, a),
              cli_human_bytes(run->bytes, b), cli_human_span(run->elapsed_ns, c),
              cli_human_bytes((uint64_t)((double)run->bytes / seconds), d), *rest ? ", " : "", rest,
              *checks ? "; checked: " : "", checks);
}

/* ---- the run ---- */

/* Whether an option is on the command line, and no default of the environment's. */
static bool on_line(const struct cli *cli, const char *name) {
  return cli->args.on_line[cli_option_place(cli_option_find(name, strlen(name)))];
}

static enum hdx_status check(const struct cli *cli, struct hdx_error *error) {
  const struct cli_settings *settings = cli_settings(cli);
  if (settings->exec && (settings->tar || settings->output))
    return cli_fail(error, HDX_USAGE, "--exec has no output of its own: neither --tar nor -o goes with it");
  if (settings->flat && settings->layout)
    return cli_fail(error, HDX_USAGE, "--flat and --layout exclude each other");
  if (on_line(cli, "layout") && !settings->tar)
    return cli_fail(error, HDX_USAGE, "--layout names members of an archive: it goes with --tar only");
  if (on_line(cli, "flat") && !settings->tar)
    return cli_fail(error, HDX_USAGE, "--flat names members of an archive: it goes with --tar only");
  if (on_line(cli, "processes") && !settings->exec)
    return cli_fail(error, HDX_USAGE, "--processes goes with --exec only");
  if (settings->tar && cli->out.terminal && !settings->output)
    return cli_fail(error, HDX_USAGE,
                    "an archive is no text, and standard output is a terminal: name a file with -o, or force it with "
                    "-o -");
  return HDX_OK;
}

static enum hdx_status conclude(const struct run *run, struct hdx_error *error) {
  uint64_t all = run->done + run->failed;
  if (run->failed)
    return cli_fail(error, run->done ? HDX_PARTIAL : run->gravest, "%" PRIu64 " of %" PRIu64 " files failed",
                    run->failed, all);
  return cli_wanted_judge(&run->wanted, all, error);
}

static enum hdx_status work(void *user, struct hdx_error *error) {
  struct run *run = user;
  struct cli *cli = run->cli;
  struct timespec from, to;
  run->tar = cli_settings(cli)->tar;
  clock_gettime(CLOCK_MONOTONIC, &from);
  enum hdx_status status = cli_settings(cli)->exec ? execute(run, error) : stream(run, error);
  clock_gettime(CLOCK_MONOTONIC, &to);
  run->elapsed_ns = (uint64_t)(to.tv_sec - from.tv_sec) * 1000000000 + (uint64_t)to.tv_nsec - (uint64_t)from.tv_nsec;
  cli_messages_live(&cli->messages, NULL);
  if (run->done + run->failed + run->left + run->wanted.refused > 0 && cli->out.state != CLI_WRITER_CLOSED)
    tell_summary(run);
  return status == HDX_OK ? conclude(run, error) : status;
}

static enum hdx_status run_cat(struct cli *cli, struct hdx_error *error) {
  struct run run = {.cli = cli};
  enum hdx_status status = check(cli, error);
  cli->out.guarded = false; /* bytes of text go out as they are */
  return status == HDX_OK ? cli_wanted_run(cli, &run.wanted, &run.report, work, &run, error) : status;
}

static const char *const examples[] = {
    "heliodex cat gov-nasa-hdrl-data1 ID --start 2020-02-01 --stop 2020-02-02 | wc -c",
    "heliodex cat gov-nasa-hdrl-data1 ID --start 2020 --tar --layout '{start:%Y/%j}/{name}' | tar x -C out",
    "heliodex cat gov-nasa-hdrl-data1 ID --start 2020 --exec 'gzip > \"out/$HELIODEX_FILE_NAME.gz\"' -P 8",
    "heliodex cat --plan mission.plan --shard $SLURM_ARRAY_TASK_ID --exec ./process --failed-out failed.ndjson",
    NULL,
};

const struct cli_verb cli_verb_cat = {
    .name = "cat",
    .operands = "[BUCKET [ID...]]",
    .operands_max = CLI_OPERANDS_ANY,
    .bit = CLI_VERB_CAT,
    .needs = CLI_NEED_SESSION | CLI_NEED_OUTPUT,
    .summary = "write the bytes of data files in the order of time, or hand each to a command",
    .description =
        "Writes the files that a query with the same operands and conditions names, or those of a list (--keys-from, "
        "--from-failed) or of a plan (--plan), one behind the other in their order, while many are fetched ahead "
        "within --memory. A consumer that is slow slows the network down.\n\n"
        "Files of at most 8 MiB are written once they are complete and verified, as mirror does it; of larger ones the "
        "bytes go out as they come, and are verified at the end. A file of which nothing can be had is told and left "
        "out (exit status 1); so is a row or line that names no file (7 if no file is named at all). One that fails "
        "when bytes of it have gone out ends the run at once, as the output is "
        "broken then; a file named by -o does not appear.\n\n"
        "With --tar the output is an archive, whose members have the paths that mirror would give them (--layout, "
        "--flat), their sizes and the times of their objects; the same files always make the same archive. Onto a "
        "terminal only text is written, unless -o - says so.\n\n"
        "With --exec nothing is written: a shell runs the command once for each file, -P of them at a time, with the "
        "file on its standard input, whatever the file's size complete and verified, so that the command may seek and "
        "need not read all of it. What it prints goes where heliodex's output goes. A command that does not end with "
        "status 0 has failed. An interruption begins no more, and waits for those that run; so does a command that "
        "ends by SIGPIPE, as the reader of its output has gone. (A terminal's Ctrl-C reaches the commands, too.) Until "
        "its command has ended a file lies in the folder of --store, without a name; variables of what is not known of "
        "it are not set. No descriptor is open beside standard input, output and error. Names and keys are anybody's: "
        "quote their variables, as the examples do.",
    .examples = examples,
    .run = run_cat,
};
