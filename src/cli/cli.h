/* What a verb works with, and the course of a run: arguments, session, verb, output, messages, exit status. */
#ifndef HDX_CLI_CLI_H
#define HDX_CLI_CLI_H

#include "cli/args.h"
#include "cli/message.h"
#include "cli/progress.h"
#include "cli/render.h"
#include "cli/writer.h"

#include <time.h>

#define CLI_EXIT_CLOSED_PIPE 141 /* 128 + SIGPIPE, as a shell reports a program that the signal ended */

struct cli {
  struct cli_args args;
  struct cli_messages messages;
  struct cli_progress progress;
  struct cli_writer out;   /* data is NULL while closed */
  struct cli_writer stats; /* of --stats, the same */
  struct hdx_session *session;
  struct hdx_config config;
  struct hdx_map *maps;
  struct timespec began;
  bool rows_complete;               /* what was to be written is, although what it tells of is a failure */
  bool indexed;                     /* summary is filled */
  struct hdx_index_summary summary; /* of the verb index, for the statistics */
};

/* The whole program; returns the exit status. */
int cli_main(int argc, char **argv);

/* Shorthands for verbs. */
static inline const struct cli_settings *cli_settings(const struct cli *cli) {
  return &cli->args.settings;
}

static inline const char *cli_operand(const struct cli *cli, size_t i) {
  return i < cli->args.operand_count ? cli->args.operands[i] : NULL;
}

/* The format in force: as asked for, else a table on a terminal and CSV elsewhere. */
enum cli_format cli_format(const struct cli *cli);

/* Whether that is one of JSON, whose rows have room for more members. */
static inline bool cli_format_is_json(const struct cli *cli) {
  return cli_format(cli) == CLI_FORMAT_JSON || cli_format(cli) == CLI_FORMAT_NDJSON;
}

/* Opens rows on the verb's output; `key` is the column of --format keys. Close in any case. */
enum hdx_status cli_rows_open(struct cli *cli, struct cli_render *render, const struct cli_column *columns,
                              size_t count, size_t key, int time_digits, struct hdx_error *error);
/* Writes the end of the rows and warns of keys that cannot be told apart. `status` is what the rows ended with; returns
 * it, or the failure to write them. */
enum hdx_status cli_rows_close(struct cli *cli, struct cli_render *render, enum hdx_status status,
                               struct hdx_error *error);

/* False when rows should end: the output failed or a signal came. */
static inline bool cli_rows_wanted(const struct cli_render *render) {
  return render->out->state == CLI_WRITER_GOOD;
}

/* Shell pattern over a whole text. */
bool cli_glob(const char *pattern, struct hdx_text text);
/* Whether an operand is a pattern rather than an id. */
bool cli_is_pattern(const char *operand);

/* The graver of two failures: IO, DENIED, INTEGRITY, TEMPORARY, UNAVAILABLE, NOT_FOUND, then all others, then OK. */
enum hdx_status cli_graver(enum hdx_status a, enum hdx_status b);

#endif
