#include "cli/cli.h"
#include "cli/help.h"
#include "cli/values.h"
#include "cli/verbs.h"

static enum hdx_status run(struct cli *cli, struct hdx_error *error) {
  const struct cli_settings *settings = cli_settings(cli);
  size_t count = cli->args.operand_count, words;
  const struct cli_verb *verb = cli_verb_of(cli->args.operands, count, &words);
  if (settings->man)
    cli_man_page(&cli->out);
  else if (settings->markdown)
    cli_help_markdown(&cli->out);
  else if (count == 0)
    cli_help_all(&cli->out);
  else if (verb && words == count)
    cli_help_verb(&cli->out, verb);
  else if (count == 1 && cli_verb_family(cli->args.operands[0]))
    for (size_t i = 0; i < cli_verb_count(); i++) {
      const char *name = cli_verb_at(i)->name, *family = cli->args.operands[0];
      if (strncmp(name, family, strlen(family)) == 0 && name[strlen(family)] == ' ')
        cli_help_verb(&cli->out, cli_verb_at(i));
    }
  else
    return cli_unknown_verb(cli->args.operands, count, error);
  return cli_writer_status(&cli->out, error);
}

const struct cli_verb cli_verb_help = {
    .name = "help",
    .operands = "[VERB]",
    .operands_max = 2,
    .bit = CLI_VERB_HELP,
    .needs = CLI_NEED_OUTPUT,
    .summary = "explain heliodex, or one verb",
    .description = "Explains heliodex, or one verb with its options and examples, as 'heliodex VERB --help' does.",
    .run = run,
};
