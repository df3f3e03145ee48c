/* What the options and operands of a verb ask of datasets (BUCKET ID… and all conditions on rows), and what is said of
 * the answer besides its rows. */
#ifndef HDX_CLI_QUESTION_H
#define HDX_CLI_QUESTION_H

#include "cli/cli.h"

struct cli_question {
  struct cli *cli;
  struct hdx_query *query; /* the caller closes it */
  bool several;            /* datasets were asked for, or a pattern: rows say which one they are of */
};

/* Opens the query of the operands BUCKET [ID…]. Errors of hdx_query_open_many; USAGE. */
enum hdx_status cli_question_open(struct cli *cli, struct cli_question *question, struct hdx_error *error);

/* Tells what the answer comes from, and which datasets could not be answered for. */
void cli_question_tell(const struct cli_question *question);
/* How many rows --latest-version left out. */
void cli_question_tell_older(const struct cli_question *question, uint64_t older);

/* What an answer of so many rows lacks: PARTIAL, EMPTY, or OK. */
enum hdx_status cli_question_judge(const struct cli_question *question, uint64_t rows, struct hdx_error *error);

#endif
