#include "cli/values.h"
#include "cli/verbs.h"
#include "cli/wanted.h"

#include <inttypes.h>
#include <stdio.h>

struct run {
  struct cli *cli;
  struct cli_report report;
  struct cli_wanted wanted;
  struct hdx_mirror_summary summary;
  enum hdx_status status;
};

static void on_item(void *user, const struct hdx_mirror_item *item) {
  struct run *run = user;
  struct cli_messages *messages = &run->cli->messages;
  bool failed = item->outcome == HDX_MIRROR_FAILED, left = item->outcome == HDX_MIRROR_LEFT;
  char bytes[CLI_HUMAN_MAX];
  if (!failed && !left)
    cli_message(messages, CLI_INFO, "%s: %s, %s", item->path, hdx_mirror_outcome_name(item->outcome),
                cli_human_bytes(item->size, bytes));
  cli_report_file(&run->report, &(struct cli_report_file){.file = item->file,
                                                          .path = item->path,
                                                          .state = hdx_mirror_outcome_name(item->outcome),
                                                          .status = item->status,
                                                          .message = item->message,
                                                          .size = item->size,
                                                          .bytes = item->bytes,
                                                          .checks = item->checks,
                                                          .shard = run->wanted.shard_name,
                                                          .failed = failed,
                                                          .left = left});
}

/* ---- the summary ---- */

static void tell_summary_json(struct run *run) {
  const struct hdx_mirror_summary *s = &run->summary;
  struct cli_writer *err = cli_messages_raw(&run->cli->messages);
  struct hdx_stats stats = {0};
  hdx_session_stats(run->cli->session, &stats);
  cli_writer_format(err,
                    "{\"event\":\"summary\",\"elapsed_s\":%.3f,\"files\":%" PRIu64 ",\"unchanged\":%" PRIu64
                    ",\"fetched\":%" PRIu64 ",\"resumed\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"left\":%" PRIu64
                    ",\"deleted\":%" PRIu64 ",\"twice\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"bytes\":%" PRIu64
                    ",\"bytes_fetched\":%" PRIu64 ",\"bytes_kept\":%" PRIu64 ",\"bytes_to_fetch\":%" PRIu64
                    ",\"files_to_fetch\":%" PRIu64 ",\"unsized_to_fetch\":%" PRIu64 ",\"requests_to_make\":%" PRIu64,
                    (double)s->elapsed_ns / 1e9, s->files, s->unchanged, s->fetched, s->resumed, s->failed, s->left,
                    s->deleted, s->twice, s->refused, s->bytes, s->bytes_fetched, s->bytes_kept, s->bytes_to_fetch,
                    s->files_to_fetch, s->unsized_to_fetch, s->requests_to_make);
  cli_writer_string(err, ",\"checked\":{");
  for (unsigned i = 0; i < HDX_CHECK_COUNT; i++)
    cli_writer_format(err, "%s\"%s\":%" PRIu64, i ? "," : "", hdx_check_name((enum hdx_check)i), s->checked[i]);
  cli_writer_format(err, "},\"requests\":%" PRIu64 ",\"retries\":%" PRIu64 "}\n", stats.requests, stats.retries);
  cli_writer_flush(err);
}

static void tell_checks(struct run *run) {
  const struct hdx_mirror_summary *s = &run->summary;
  char text[512] = "";
  for (unsigned i = 0; i < HDX_CHECK_COUNT; i++)
    cli_add_count(text, sizeof text, s->checked[i], hdx_check_name((enum hdx_check)i));
  if (*text)
    cli_message(&run->cli->messages, CLI_NOTE, "checked   %s", text);
}

static void tell_summary(struct run *run) {
  struct cli_messages *messages = &run->cli->messages;
  const struct hdx_mirror_summary *s = &run->summary;
  struct hdx_stats stats = {0};
  char a[CLI_HUMAN_MAX], b[CLI_HUMAN_MAX], c[CLI_HUMAN_MAX], text[512] = "";
  if (messages->json) {
    tell_summary_json(run);
    return;
  }
  hdx_session_stats(run->cli->session, &stats);
  cli_add_count(text, sizeof text, s->fetched, "fetched");
  cli_add_count(text, sizeof text, s->resumed, "resumed");
  cli_add_count(text, sizeof text, s->unchanged, "unchanged");
  cli_add_count(text, sizeof text, s->failed, "failed");
  cli_add_count(text, sizeof text, s->left, "left");
  cli_add_count(text, sizeof text, s->deleted, "deleted");
  cli_add_count(text, sizeof text, s->twice, "named twice");
  cli_add_count(text, sizeof text, s->refused, "refused");
  cli_message(messages, CLI_NOTE, "files     %s: %s", cli_human_count(s->files, a), *text ? text : "none");
  double seconds = s->elapsed_ns > 0 ? (double)s->elapsed_ns / 1e9 : 1e-9;
  text[0] = 0;
  if (s->bytes_kept)
    snprintf(text, sizeof text, ", %s kept of earlier runs", cli_human_bytes(s->bytes_kept, a));
  cli_message(messages, CLI_NOTE, "bytes     %s fetched in %s (%s/s)%s", cli_human_bytes(s->bytes_fetched, a),
              cli_human_span(s->elapsed_ns, b), cli_human_bytes((uint64_t)((double)s->bytes_fetched / seconds), c),
              text);
  tell_checks(run);
  cli_message(messages, CLI_NOTE, "requests  %s on %s connections, %s retried", cli_human_count(stats.requests, a),
              cli_human_count(stats.connections, b), cli_human_count(stats.retries, c));
}

static void tell_dry_run(struct run *run) {
  struct cli_messages *messages = &run->cli->messages;
  const struct hdx_mirror_summary *s = &run->summary;
  const struct cli_settings *settings = cli_settings(run->cli);
  char a[CLI_HUMAN_MAX], b[CLI_HUMAN_MAX], c[CLI_HUMAN_MAX], d[CLI_HUMAN_MAX], text[96];
  if (messages->json) {
    tell_summary_json(run);
    return;
  }
  cli_message(messages, CLI_NOTE, "would mirror %s files of %s", cli_human_count(s->files, a),
              cli_human_bytes(s->bytes, b));
  text[0] = 0;
  if (s->unsized_to_fetch)
    snprintf(text, sizeof text, " (the size of %s is not known)", cli_human_count(s->unsized_to_fetch, a));
  cli_message(messages, CLI_NOTE, "would fetch  %s files of %s%s by about %s requests",
              cli_human_count(s->files_to_fetch, b), cli_human_bytes(s->bytes_to_fetch, c), text,
              cli_human_count(s->requests_to_make, d));
  if (s->bytes_free != UINT64_MAX)
    cli_message(messages, s->bytes_free < s->bytes_to_fetch ? CLI_WARNING : CLI_NOTE, "%s are free on the disk of %s",
                cli_human_bytes(s->bytes_free, a), settings->dest);
  if (settings->delete_extra)
    cli_message(messages, CLI_NOTE, "would delete %s files (-v names them)", cli_human_count(s->deleted, a));
  if (settings->adopt || settings->recheck || settings->refresh)
    cli_message(messages, CLI_NOTE,
                "neither files nor servers were looked at: --adopt, --recheck and --refresh may change that");
}

/* ---- the run ---- */

static enum hdx_status check(const struct cli *cli, struct hdx_error *error) {
  const struct cli_settings *settings = cli_settings(cli);
  if (!settings->dest)
    return cli_fail(error, HDX_USAGE, "'mirror' needs --dest DIR, the folder that files go to");
  if (strstr(settings->dest, "://") || strcmp(settings->dest, "-") == 0)
    return cli_fail(error, HDX_USAGE, "--dest %s: expected a folder; files are mirrored to this machine alone",
                    settings->dest);
  if (settings->dry_run && (settings->report || settings->failed_out))
    return cli_fail(error, HDX_USAGE, "--dry-run has no outcome that --report or --failed-out could tell");
  if (settings->delete_max && !settings->delete_extra)
    return cli_fail(error, HDX_USAGE, "--max-delete goes with --delete-extra only");
  if (settings->flat && settings->layout)
    return cli_fail(error, HDX_USAGE, "--flat and --layout exclude each other");
  return HDX_OK;
}

static void fill_options(struct run *run, struct hdx_mirror_options *options) {
  const struct cli_settings *settings = cli_settings(run->cli);
  hdx_mirror_options_init(options);
  options->layout = settings->flat ? "{name}" : settings->layout;
  options->fsync = settings->fsync == CLI_FSYNC_NONE ? HDX_FSYNC_NONE : HDX_FSYNC_BATCH;
  options->ignore_size = settings->ignore_size;
  options->ignore_checksums = settings->ignore_checksums;
  options->adopt = settings->adopt;
  options->recheck = settings->recheck;
  options->bytes_max = settings->bytes_max;
  options->duration_ms_max = settings->duration_ms_max;
  options->keep_free_bytes = settings->keep_free_bytes;
  options->shard = run->wanted.shard_name[0] ? run->wanted.shard_name : NULL;
  options->delete_extra = settings->delete_extra;
  options->delete_max = settings->delete_max;
  options->dry_run = settings->dry_run;
  options->item = on_item;
  options->user = run;
}

static enum hdx_status mirror(void *user, struct hdx_error *error) {
  struct run *run = user;
  struct cli *cli = run->cli;
  struct hdx_mirror_options options;
  struct hdx_error doubt;
  fill_options(run, &options);
  /* A pattern that matches nothing may be a slip: what it was to name would be deleted. */
  if (options.delete_extra && run->wanted.question.query &&
      cli_question_judge(&run->wanted.question, 1, &doubt) != HDX_OK) {
    cli_message(&cli->messages, CLI_WARNING, "nothing is deleted, as it is not certain what is wanted: %s",
                doubt.message);
    options.delete_extra = false;
  }
  enum hdx_status status =
      hdx_mirror(cli->session, run->wanted.files, cli_settings(cli)->dest, &options, &run->summary, error);
  cli_messages_live(&cli->messages, NULL);
  if (options.dry_run && status == HDX_OK)
    tell_dry_run(run);
  else if (run->summary.files > 0 || run->summary.deleted > 0 || run->summary.refused > 0)
    tell_summary(run);
  return status == HDX_OK ? cli_wanted_judge(&run->wanted, run->summary.files, error) : status;
}

static enum hdx_status run_mirror(struct cli *cli, struct hdx_error *error) {
  struct run run = {.cli = cli};
  enum hdx_status status = check(cli, error);
  return status == HDX_OK ? cli_wanted_run(cli, &run.wanted, &run.report, mirror, &run, error) : status;
}

static const char *const examples[] = {
    "heliodex mirror gov-nasa-hdrl-data1 aia_0094 --start 2020-02-01 --stop 2020-02-02 --dest aia",
    "heliodex mirror gov-nasa-hdrl-data1 'MMS1_*' --latest-version --dest mms --layout '{id}/{start:%Y/%m}/{name}'",
    "heliodex query s3://bucket/ ID --start 2020 --json | grep quiet | heliodex mirror --keys-from - --dest out",
    "heliodex mirror s3://bucket/ ID --dest out --failed-out failed.ndjson; "
    "heliodex mirror --from-failed failed.ndjson --dest out",
    "heliodex mirror --plan mission.plan --shard $SLURM_ARRAY_TASK_ID --dest /scratch/mission --report "
    "$SLURM_ARRAY_TASK_ID",
    "heliodex verify --mirror out",
    NULL,
};

const struct cli_verb cli_verb_mirror = {
    .name = "mirror",
    .operands = "[BUCKET [ID...]]",
    .operands_max = CLI_OPERANDS_ANY,
    .bit = CLI_VERB_MIRROR,
    .needs = CLI_NEED_SESSION,
    .summary = "download the data files of a range: resumable, verified",
    .description =
        "Downloads the files that a query with the same operands and conditions names, or those of a list "
        "(--keys-from, "
        "--from-failed) or of a plan (--plan), to --dest DIR. Many files come at once, large ones in concurrent "
        "ranges. "
        "Each is written under another name, verified and renamed, so that a name below DIR always means a complete "
        "file; it has the object's time.\n\n"
        "Verified are the size that index and server state, the checksum column of the index (if there is one), the "
        "MD5 "
        "that the entity tag of an S3 object mostly is, and S3's additional checksums. A file that is not what it "
        "should "
        "be is fetched anew once and then fails. The summary says how many files each check was made of, --report "
        "which "
        "ones.\n\n"
        "DIR/.heliodex/journal tells what was mirrored, when its server last changed it, and by which checksum it can "
        "be "
        "checked again ('heliodex verify --mirror DIR'). A rerun asks for nothing that is complete, and goes on with "
        "files that are not, whatever ended the run before. With --refresh servers are asked whether complete files "
        "have changed. Two runs on one DIR wait for one another, but shards (--shard) run at the same time.\n\n"
        "No key can lead out of DIR. What cannot be a name is escaped as %XX: control characters, %, the dot of . and "
        ".., slashes that divide nothing; names of more than 255 bytes are divided by %+/; a file whose name another "
        "one "
        "needs for a folder ends with %=. Links below DIR are not followed.\n\n"
        "A file that fails does not end the run (exit status 1, or what the failures are if all failed). A row or line "
        "that names no file is told and left out (1, or 7 if no file is named at all). A full disk "
        "does (6), and so do --max-bytes and --max-duration (8); an interruption (130, 143) leaves what has come. In "
        "each case a rerun goes on.",
    .examples = examples,
    .run = run_mirror,
};
