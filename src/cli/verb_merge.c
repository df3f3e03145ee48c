#include "cli/cli.h"
#include "cli/values.h"
#include "cli/verbs.h"

#include <inttypes.h>

enum { STATE, SHARD, ID, START, STOP, KEY, SIZE, REPORT, MESSAGE, COLUMN_COUNT };

static const struct cli_column columns[COLUMN_COUNT] = {
    [STATE] = {.name = {"state", 5}},
    [SHARD] = {.name = {"shard", 5}, .kind = CLI_KIND_NUMBER},
    [ID] = {.name = {"id", 2}},
    [START] = {.name = {"start", 5}, .kind = CLI_KIND_TIME},
    [STOP] = {.name = {"stop", 4}, .kind = CLI_KIND_TIME},
    [KEY] = {.name = {"datakey", 7}},
    [SIZE] = {.name = {"filesize", 8}, .kind = CLI_KIND_NUMBER},
    [REPORT] = {.name = {"report", 6}},
    [MESSAGE] = {.name = {"message", 7}, .shrinks = true},
};

enum { TIME_DIGITS = 9 }; /* no time of any dataset needs more */

struct run {
  struct cli *cli;
  struct cli_render render;
};

static void on_item(void *user, const struct hdx_merge_item *item) {
  struct run *run = user;
  const struct hdx_file *file = item->file;
  const struct cli_cell cells[COLUMN_COUNT] = {
      [STATE] = cli_cell_string(item->state),
      [SHARD] = cli_cell_number(item->shard ? (int64_t)item->shard : -1),
      [ID] = cli_cell_text(file->id),
      [START] = cli_cell_number(file->start),
      [STOP] = cli_cell_number(cli_shown_stop(file->start, file->stop)),
      [KEY] = cli_cell_text(file->location),
      [SIZE] = cli_cell_number(file->size),
      [REPORT] = cli_cell_string(item->report),
      [MESSAGE] = cli_cell_string(item->message),
  };
  cli_render_row(&run->render, cells);
  if (!cli_rows_wanted(&run->render))
    hdx_session_cancel(run->cli->session);
}

static void tell_summary(struct cli *cli, const struct hdx_plan_info *info, const struct hdx_merge_summary *s) {
  struct cli_messages *messages = &cli->messages;
  char a[CLI_HUMAN_MAX], b[CLI_HUMAN_MAX], c[CLI_HUMAN_MAX], d[CLI_HUMAN_MAX];
  if (messages->json) {
    struct cli_writer *err = cli_messages_raw(messages);
    cli_writer_format(err,
                      "{\"event\":\"summary\",\"files\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"complete\":%" PRIu64
                      ",\"failed\":%" PRIu64 ",\"missing\":%" PRIu64 ",\"foreign\":%" PRIu64 ",\"overlaps\":%" PRIu64
                      ",\"shards\":%" PRIu32 ",\"shards_complete\":%" PRIu32 "}\n",
                      s->files, s->bytes, s->complete, s->failed, s->missing, s->foreign, s->overlaps,
                      info->shard_count, s->shards_complete);
    cli_writer_flush(err);
    return;
  }
  cli_message(messages, CLI_NOTE, "complete  %s of %s files, %s of %s shards", cli_human_count(s->complete, a),
              cli_human_count(s->files, b), cli_human_count(s->shards_complete, c),
              cli_human_count(info->shard_count, d));
}

static enum hdx_status compare(struct run *run, struct hdx_plan *plan, struct hdx_error *error) {
  struct cli *cli = run->cli;
  struct hdx_merge_summary summary = {0};
  const char *const *reports = (const char *const *)cli->args.operands + 1;
  enum hdx_status status = hdx_plan_merge(plan, reports, cli->args.operand_count - 1, on_item, run, &summary, error);
  cli_messages_live(&cli->messages, NULL);
  if (status == HDX_OK || status == HDX_PARTIAL)
    tell_summary(cli, hdx_plan_info(plan), &summary);
  return status;
}

static enum hdx_status run_merge(struct cli *cli, struct hdx_error *error) {
  struct run run = {.cli = cli};
  struct hdx_plan *plan = NULL;
  enum hdx_status status = hdx_plan_open(cli->session, cli_operand(cli, 0), &plan, error);
  if (status != HDX_OK)
    return status;
  status = cli_rows_open(cli, &run.render, columns, COLUMN_COUNT, KEY, TIME_DIGITS, error);
  if (status == HDX_OK)
    status = compare(&run, plan, error);
  status = cli_rows_close(cli, &run.render, status, error);
  hdx_plan_close(plan);
  return status;
}

static const char *const examples[] = {
    "heliodex merge aia.plan aia.*.ndjson",
    "heliodex merge aia.plan aia.*.ndjson --json | grep -E '\"state\":\"(failed|missing)\"' | "
    "heliodex mirror --keys-from - --dest /data/aia",
    NULL,
};

const struct cli_verb cli_verb_merge = {
    .name = "merge",
    .operands = "PLAN REPORT...",
    .operands_min = 2,
    .operands_max = CLI_OPERANDS_ANY,
    .bit = CLI_VERB_MERGE,
    .needs = CLI_NEED_SESSION | CLI_NEED_OUTPUT | CLI_NEED_FILES,
    .summary = "check that the shards of a plan cover it",
    .description =
        "Compares what the tasks of a plan report (mirror --plan FILE --shard K --report REPORT) with the plan, and "
        "prints a row for each file that is not complete, and for each that should not be there:\n\n"
        "failed: the latest line about it says that it failed or was left; message is that line's. missing: no report "
        "has it. overlap: a shard has it that is not its own. foreign: the plan does not have it.\n\n"
        "Of a task that was repeated all REPORTs may be given, oldest first: the last line about a file counts. A "
        "report of another plan, or one that is malformed, ends the run with exit status 7. If every file is complete "
        "and every shard kept to its own, no row is printed and the exit status is 0, otherwise it is 1. The rows "
        "of what failed or is missing, as csv or ndjson, are a list that --keys-from takes. The network is not asked.",
    .examples = examples,
    .run = run_merge,
};
