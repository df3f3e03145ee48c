/* Help for people, the manual page and the README's synopsis, from the tables. */
#ifndef HDX_CLI_HELP_H
#define HDX_CLI_HELP_H

#include "cli/options.h"
#include "cli/writer.h"

void cli_help_all(struct cli_writer *out);
void cli_help_verb(struct cli_writer *out, const struct cli_verb *verb);
/* Verbs and options as Markdown tables. */
void cli_help_markdown(struct cli_writer *out);
/* heliodex(1) as man(7). */
void cli_man_page(struct cli_writer *out);

/* What stands in help and manual alike. */
struct cli_note {
  const char *title, *text;
};
extern const char cli_help_purpose[];
extern const struct cli_note cli_help_notes[];
#define CLI_HELP_NOTE_COUNT 5

struct cli_exit_row {
  int code;
  const char *text;
};
extern const struct cli_exit_row cli_help_exits[];
#define CLI_HELP_EXIT_COUNT 13

#endif
