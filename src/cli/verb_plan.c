#include "cli/wanted.h"

#include "cli/verbs.h"

static enum hdx_status run(struct cli *cli, struct hdx_error *error) {
  struct cli_wanted wanted;
  enum hdx_status status = cli_wanted_open(cli, &wanted, error);
  cli_wanted_close(&wanted);
  return status;
}

const struct cli_verb cli_verb_plan = {
    .name = "plan",
    .operands = "[BUCKET [ID...]]",
    .operands_min = 0,
    .operands_max = CLI_OPERANDS_ANY,
    .bit = CLI_VERB_PLAN,
    .needs = CLI_NEED_SESSION,
    .summary = "cut the files of a mirror into shards of equal bytes",
    .description = "Writes a plan.",
    .run = run,
};
