#include "cli/wanted.h"

#include "cli/values.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* As all of them were INTEGRITY (cli_wanted_judge), each of them is. Where the reader of the output has
 * gone, nothing is said of what it does not want any more. */
static void on_refused(void *user, const struct hdx_file *file, const char *message) {
  struct cli_wanted *wanted = user;
  bool unread = wanted->cli->out.state == CLI_WRITER_CLOSED;
  wanted->refused++;
  cli_report_file(wanted->report, &(struct cli_report_file){.file = file,
                                                            .path = "",
                                                            .state = "refused",
                                                            .status = HDX_INTEGRITY,
                                                            .message = message,
                                                            .shard = wanted->shard_name,
                                                            .failed = !unread,
                                                            .left = unread});
}

/* "K" or "K/N", both from 1. */
static enum hdx_status read_shard(struct cli_wanted *wanted, struct hdx_error *error) {
  const char *text = cli_settings(wanted->cli)->shard;
  char *end = NULL;
  if (!text)
    return HDX_OK;
  unsigned long long number = text[0] >= '0' && text[0] <= '9' ? strtoull(text, &end, 10) : 0, count = 0;
  if (end && *end == '/' && end[1] >= '0' && end[1] <= '9')
    count = strtoull(end + 1, &end, 10);
  bool good = end && !*end && number >= 1 && number <= 1000000 && count <= 1000000 && (!count || number <= count);
  if (!good || (!count && !cli_settings(wanted->cli)->plan))
    return cli_fail(error, HDX_USAGE,
                    "--shard: expected K/N with 1 <= K <= N <= 1,000,000 (with --plan K alone will "
                    "do), found %s",
                    text);
  wanted->shard = (uint32_t)number;
  wanted->shard_count = (uint32_t)count;
  return HDX_OK;
}

static enum hdx_status open_plan(struct cli_wanted *wanted, struct hdx_error *error) {
  struct cli *cli = wanted->cli;
  enum hdx_status status = hdx_plan_open(cli->session, cli_settings(cli)->plan, &wanted->plan, error);
  if (status != HDX_OK)
    return status;
  const struct hdx_plan_info *info = hdx_plan_info(wanted->plan);
  if (wanted->shard && wanted->shard_count && wanted->shard_count != info->shard_count)
    return cli_fail(error, HDX_USAGE, "--shard %" PRIu32 "/%" PRIu32 ": the plan has %" PRIu32 " shards", wanted->shard,
                    wanted->shard_count, info->shard_count);
  wanted->shard_count = wanted->shard ? info->shard_count : 0;
  if (wanted->shard)
    snprintf(wanted->shard_name, sizeof wanted->shard_name, "%" PRIu32 "-of-%" PRIu32 "-%.8s", wanted->shard,
             info->shard_count, info->digest);
  return hdx_plan_files(wanted->plan, wanted->shard, cli_operand(cli, 0), &wanted->files, error);
}

static enum hdx_status open_query(struct cli_wanted *wanted, struct hdx_error *error) {
  struct cli *cli = wanted->cli;
  enum hdx_status status = cli_question_open(cli, &wanted->question, error);
  if (status != HDX_OK)
    return status;
  cli_messages_live(&cli->messages, NULL);
  cli_question_tell(&wanted->question);
  return hdx_files_of_query(cli->session, wanted->question.query, &wanted->files, error);
}

/* A list is taken as it is: what rows are asked for was decided when it was made. */
static enum hdx_status refuse_conditions(const struct cli *cli, struct hdx_error *error) {
  static const char *const conditions[] = {"start",          "stop",     "match",    "key",
                                           "key-exclude",    "min-size", "max-size", "where",
                                           "latest-version", "limit",    "reverse",  "allow-partial"};
  for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++)
    if (cli->args.on_line[cli_option_place(cli_option_find(conditions[i], strlen(conditions[i])))])
      return cli_fail(
          error, HDX_USAGE,
          "--%s is a condition on a query's rows; --keys-from, --from-failed and --plan take a list as it is "
          "(heliodex query writes one of the rows that are wanted)",
          conditions[i]);
  return HDX_OK;
}

static enum hdx_status open_files(struct cli_wanted *wanted, struct hdx_error *error) {
  struct cli *cli = wanted->cli;
  const struct cli_settings *settings = cli_settings(cli);
  const char *list = settings->keys_from ? settings->keys_from : settings->from_failed;
  unsigned lists = (settings->keys_from != NULL) + (settings->from_failed != NULL) + (settings->plan != NULL);
  if (lists > 1)
    return cli_fail(error, HDX_USAGE, "only one of --keys-from, --from-failed and --plan can be given");
  if (lists && cli->args.operand_count > 1)
    return cli_fail(error, HDX_USAGE, "the files are those of %s: no ID can be given with it",
                    settings->plan ? settings->plan : list);
  if (!lists && cli->args.operand_count < 2)
    return cli_fail(error, HDX_USAGE, "expected BUCKET and an ID, or --keys-from, --from-failed or --plan FILE");
  enum hdx_status status = lists ? refuse_conditions(cli, error) : HDX_OK;
  if (status != HDX_OK)
    return status;
  if (settings->plan)
    return open_plan(wanted, error);
  status = list ? hdx_files_read(cli->session, list, cli_operand(cli, 0), settings->null, &wanted->files, error)
                : open_query(wanted, error);
  if (status != HDX_OK || !wanted->shard)
    return status;
  snprintf(wanted->shard_name, sizeof wanted->shard_name, "%" PRIu32 "-of-%" PRIu32, wanted->shard,
           wanted->shard_count);
  return hdx_files_shard(wanted->files, wanted->shard, wanted->shard_count, error);
}

enum hdx_status cli_wanted_open(struct cli *cli, struct cli_wanted *wanted, struct cli_report *report,
                                struct hdx_error *error) {
  *wanted = (struct cli_wanted){.cli = cli, .report = report};
  enum hdx_status status = read_shard(wanted, error);
  if (status == HDX_OK)
    status = open_files(wanted, error);
  if (status == HDX_OK)
    hdx_files_on_refused(wanted->files, on_refused, wanted);
  return status;
}

void cli_wanted_close(struct cli_wanted *wanted) {
  hdx_files_close(wanted->files);
  hdx_plan_close(wanted->plan);
  hdx_query_close(wanted->question.query);
}

enum hdx_status cli_wanted_judge(const struct cli_wanted *wanted, uint64_t files, struct hdx_error *error) {
  if (wanted->refused)
    return cli_fail(error, files ? HDX_PARTIAL : HDX_INTEGRITY, "%" PRIu64 " %s left out", wanted->refused,
                    wanted->refused == 1 ? "row or line that names no file is" : "rows or lines that name no file are");
  if (wanted->question.query)
    return cli_question_judge(&wanted->question, files, error);
  return files ? HDX_OK : cli_fail(error, HDX_EMPTY, "the list has no file");
}

enum hdx_status cli_wanted_run(struct cli *cli, struct cli_wanted *wanted, struct cli_report *report,
                               enum hdx_status (*work)(void *user, struct hdx_error *error), void *user,
                               struct hdx_error *error) {
  enum hdx_status status = cli_report_open(cli, report, error);
  if (status == HDX_OK) {
    status = cli_wanted_open(cli, wanted, report, error);
    if (status == HDX_OK)
      status = work(user, error);
    cli_wanted_close(wanted);
  }
  return cli_report_close(report, status, error);
}
