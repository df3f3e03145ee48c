/* Completion scripts from the tables. */
#ifndef HDX_CLI_COMPLETION_H
#define HDX_CLI_COMPLETION_H

#include "cli/options.h"
#include "cli/writer.h"

void cli_completion_bash(struct cli_writer *out);
void cli_completion_zsh(struct cli_writer *out);
void cli_completion_fish(struct cli_writer *out);

#endif
