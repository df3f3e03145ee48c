/* argv and the environment in, settings and operands out, by the tables of options.h.
 *
 * Options may stand anywhere before "--", as --name VALUE, --name=VALUE, -x VALUE, -xVALUE, and short flags grouped.
 * Names are never guessed from their beginnings. What is given on the command line wins over HELIODEX_<NAME>, which
 * wins over the default. The last of several wins. */
#ifndef HDX_CLI_ARGS_H
#define HDX_CLI_ARGS_H

#include "cli/options.h"

struct cli_args {
  const struct cli_verb *verb; /* NULL: none given (with --help, --version, or nothing at all) */
  struct cli_settings settings;
  bool given[CLI_OPTIONS_MAX];   /* by command line or environment; in the order of the table */
  bool on_line[CLI_OPTIONS_MAX]; /* by command line */
  char **operands;               /* behind the verb, in argv */
  size_t operand_count;
  char **words; /* the operands with the verb: owned */
  char *copies; /* of the environment's lists: owned */
};

/* `args` is to be released by cli_args_deinit in any case. USAGE: the message says what was expected and what was
 * found; verb is set where it was understood. MEMORY. */
enum hdx_status cli_args_parse(int argc, char **argv, struct cli_args *args, struct hdx_error *error);
void cli_args_deinit(struct cli_args *args);

/* USAGE, with what was probably meant, for operands that begin with no verb. */
enum hdx_status cli_unknown_verb(char *const *operands, size_t count, struct hdx_error *error);

/* Whether the option called `name` was given. */
bool cli_args_given(const struct cli_args *args, const char *name);

/* Where the = between A and URL stands: the first that a scheme follows, since prefixes of keys may hold = too;
 * SIZE_MAX: nowhere. */
size_t cli_map_equals(const char *text);

#endif
