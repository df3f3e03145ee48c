#include "cli/cli.h"
#include "cli/completion.h"
#include "cli/values.h"
#include "cli/verbs.h"

static enum hdx_status run(struct cli *cli, struct hdx_error *error) {
  const char *shell = cli->args.operands[0];
  if (strcmp(shell, "bash") == 0)
    cli_completion_bash(&cli->out);
  else if (strcmp(shell, "zsh") == 0)
    cli_completion_zsh(&cli->out);
  else if (strcmp(shell, "fish") == 0)
    cli_completion_fish(&cli->out);
  else
    return cli_fail(error, HDX_USAGE, "expected bash, zsh or fish, found '%s'", shell);
  return cli_writer_status(&cli->out, error);
}

static const char *const examples[] = {
    "heliodex completion bash >~/.local/share/bash-completion/completions/heliodex",
    "heliodex completion fish >~/.config/fish/completions/heliodex.fish",
    NULL,
};

const struct cli_verb cli_verb_completion = {
    .name = "completion",
    .operands = "SHELL",
    .operands_min = 1,
    .operands_max = 1,
    .bit = CLI_VERB_COMPLETION,
    .needs = CLI_NEED_OUTPUT,
    .summary = "print a completion script for bash, zsh or fish",
    .description = "Prints a script that completes verbs, options and their values in SHELL: bash, zsh or fish.",
    .examples = examples,
    .run = run,
};
