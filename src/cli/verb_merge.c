#include "cli/wanted.h"

#include "cli/verbs.h"

static enum hdx_status run(struct cli *cli, struct hdx_error *error) {
  struct cli_wanted wanted;
  enum hdx_status status = cli_wanted_open(cli, &wanted, error);
  cli_wanted_close(&wanted);
  return status;
}

const struct cli_verb cli_verb_merge = {
    .name = "merge",
    .operands = "PLAN REPORT...",
    .operands_min = 2,
    .operands_max = CLI_OPERANDS_ANY,
    .bit = CLI_VERB_MERGE,
    .needs = CLI_NEED_SESSION | CLI_NEED_OUTPUT,
    .summary = "check that the shards of a plan cover it",
    .description = "Compares.",
    .run = run,
};
