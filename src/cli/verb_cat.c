#include "cli/wanted.h"

#include "cli/verbs.h"

static enum hdx_status run(struct cli *cli, struct hdx_error *error) {
  struct cli_wanted wanted;
  enum hdx_status status = cli_wanted_open(cli, &wanted, error);
  cli_wanted_close(&wanted);
  return status;
}

const struct cli_verb cli_verb_cat = {
    .name = "cat",
    .operands = "[BUCKET [ID...]]",
    .operands_min = 0,
    .operands_max = CLI_OPERANDS_ANY,
    .bit = CLI_VERB_CAT,
    .needs = CLI_NEED_SESSION | CLI_NEED_OUTPUT,
    .summary = "write the bytes of data files in the order of time, or hand each to a command",
    .description = "Writes.",
    .run = run,
};
