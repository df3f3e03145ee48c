#include "cli/wanted.h"

#include "cli/values.h"
#include "cli/verbs.h"

#include <inttypes.h>

/* "1,000 to 1,200 files and 1.1 GiB to 1.2 GiB": the least and the most of what the shards have. */
static void tell_shards(struct cli_messages *messages, const struct hdx_plan_info *info) {
  struct hdx_plan_shard least = info->shards[0], most = info->shards[0];
  uint32_t empty = 0;
  char a[CLI_HUMAN_MAX], b[CLI_HUMAN_MAX], c[CLI_HUMAN_MAX], d[CLI_HUMAN_MAX];
  for (uint32_t i = 0; i < info->shard_count; i++) {
    const struct hdx_plan_shard *shard = &info->shards[i];
    empty += shard->files == 0;
    least.files = shard->files < least.files ? shard->files : least.files;
    least.bytes = shard->bytes < least.bytes ? shard->bytes : least.bytes;
    most.files = shard->files > most.files ? shard->files : most.files;
    most.bytes = shard->bytes > most.bytes ? shard->bytes : most.bytes;
  }
  cli_message(messages, CLI_NOTE, "shards    %s, each %s to %s files and %s to %s",
              cli_human_count(info->shard_count, (char[CLI_HUMAN_MAX]){0}), cli_human_count(least.files, a),
              cli_human_count(most.files, b), cli_human_bytes(least.bytes, c), cli_human_bytes(most.bytes, d));
  if (empty)
    cli_message(messages, CLI_WARNING,
                "%" PRIu32 " of %" PRIu32 " shards are empty: single files are larger than a shard's share", empty,
                info->shard_count);
}

static void tell(struct cli *cli, const struct hdx_plan_info *info) {
  struct cli_messages *messages = &cli->messages;
  char files[CLI_HUMAN_MAX], bytes[CLI_HUMAN_MAX], unsized[CLI_HUMAN_MAX], twice[CLI_HUMAN_MAX];
  if (messages->json) {
    struct cli_writer *err = cli_messages_raw(messages);
    cli_writer_format(err,
                      "{\"event\":\"summary\",\"shards\":%" PRIu32 ",\"files\":%" PRIu64 ",\"bytes\":%" PRIu64
                      ",\"unsized\":%" PRIu64 ",\"twice\":%" PRIu64 ",\"digest\":\"%s\"}\n",
                      info->shard_count, info->files, info->bytes, info->unsized, info->twice, info->digest);
    cli_writer_flush(err);
    return;
  }
  cli_message(messages, CLI_NOTE, "plan      %s files, %s, digest %s", cli_human_count(info->files, files),
              cli_human_bytes(info->bytes, bytes), info->digest);
  if (info->unsized)
    cli_message(messages, CLI_NOTE, "unsized   %s files whose size is not stated count as the mean of the others",
                cli_human_count(info->unsized, unsized));
  if (info->twice)
    cli_message(messages, CLI_NOTE, "twice     %s rows left out, as their location came before",
                cli_human_count(info->twice, twice));
  tell_shards(messages, info);
}

static enum hdx_status put(void *user, struct hdx_text piece, struct hdx_error *error) {
  struct cli_writer *out = user;
  cli_writer_put(out, piece);
  return cli_writer_status(out, error);
}

static enum hdx_status write_plan(struct cli *cli, struct cli_wanted *wanted, struct hdx_error *error) {
  struct hdx_plan_info *info = NULL;
  enum hdx_status status =
      hdx_plan_write(wanted->files, (uint32_t)cli_settings(cli)->shards, put, &cli->out, &info, error);
  cli_messages_live(&cli->messages, NULL);
  if (status == HDX_OK)
    tell(cli, info);
  if (status == HDX_OK || status == HDX_EMPTY) {
    struct hdx_error judged;
    enum hdx_status judgement = cli_wanted_judge(wanted, info ? info->files : 0, &judged);
    if (judgement != HDX_OK) {
      *error = judged;
      status = judgement;
    }
  }
  hdx_plan_info_free(info);
  return status;
}

static enum hdx_status run(struct cli *cli, struct hdx_error *error) {
  struct cli_wanted wanted;
  struct cli_report report = {.messages = &cli->messages, .bare = true};
  if (!cli_args_given(&cli->args, "shards"))
    return cli_fail(error, HDX_USAGE, "expected --shards N: how many tasks are to share the files");
  enum hdx_status status = cli_wanted_open(cli, &wanted, &report, error);
  if (status == HDX_OK)
    status = write_plan(cli, &wanted, error);
  cli_wanted_close(&wanted);
  return cli_report_close(&report, status, error);
}

static const char *const examples[] = {
    "heliodex plan gov-nasa-hdrl-data1 aia_0094 --start 2020 --stop 2021 --shards 64 -o aia.plan",
    "heliodex query gov-nasa-hdrl-data1 'MMS1_*' --start 2020 --json | heliodex plan --keys-from - --shards 8 -o "
    "mms.plan",
    "sbatch --array=1-64 --wrap 'heliodex mirror --plan aia.plan --shard $SLURM_ARRAY_TASK_ID --dest /data/aia "
    "--report aia.$SLURM_ARRAY_TASK_ID.ndjson'",
    "heliodex mirror --plan aia.plan --shard $((AWS_BATCH_JOB_ARRAY_INDEX + 1)) --dest /data/aia",
    "seq 64 | parallel -j 4 heliodex mirror --plan aia.plan --shard {} --dest /data/aia --report aia.{}.ndjson",
    "heliodex merge aia.plan aia.*.ndjson",
    NULL,
};

const struct cli_verb cli_verb_plan = {
    .name = "plan",
    .operands = "[BUCKET [ID...]]",
    .operands_min = 0,
    .operands_max = CLI_OPERANDS_ANY,
    .bit = CLI_VERB_PLAN,
    .needs = CLI_NEED_SESSION | CLI_NEED_OUTPUT,
    .summary = "cut the files of a mirror into shards of equal bytes",
    .description =
        "Writes a plan: the files of a query's rows (or of a list, --keys-from), each once, cut into N shards of about "
        "equal bytes. Tasks that do not talk to one another then mirror one shard each, with mirror --plan FILE "
        "--shard "
        "K; merge checks afterwards that their reports cover the plan.\n\n"
        "A plan never changes: it holds its files, how many shards there are, and a digest that is checked whenever it "
        "is read, and tells which snapshots it was made from. So it does not matter what is indexed while tasks run, "
        "and a task that is submitted again, alone or with a few others, does exactly its own shard: N is the plan's, "
        "and not the number of tasks that were submitted this time.\n\n"
        "Shards are counted from 1, as Slurm's tasks are with --array=1-N and GNU parallel's lines with seq N. AWS "
        "Batch counts its array from 0: add 1 to AWS_BATCH_JOB_ARRAY_INDEX.\n\n"
        "A shard is a run of files that stand together in the list, mostly in time, so that folders stay together; "
        "it has at most its share of all bytes and half of its first and of its last file. The plan is NDJSON: a head, "
        "a line for each snapshot and each shard, then a line for each file, with the members of query's rows and its "
        "shard. Rows whose key names no file are told and left out, and the exit status is 1. Where no file is wanted "
        "the output is empty, which is no plan.",
    .examples = examples,
    .run = run,
};
