/* The data files that a verb is to work on: of a query (BUCKET ID… and its conditions), of a list (--keys-from,
 * --from-failed), or of a plan (--plan); perhaps only a shard of them (--shard). */
#ifndef HDX_CLI_WANTED_H
#define HDX_CLI_WANTED_H

#include "cli/question.h"
#include "cli/report.h"

#define CLI_SHARD_NAME_MAX 96

struct cli_wanted {
  struct cli_question question; /* query is NULL where the files are not of one */
  struct hdx_plan *plan;        /* NULL: of none */
  struct hdx_files *files;
  uint32_t shard, shard_count;         /* 0: all files */
  char shard_name[CLI_SHARD_NAME_MAX]; /* "2-of-8", of a plan with the beginning of its digest; "": all files */
  struct cli *cli;
  struct cli_report *report;
  uint64_t refused; /* rows or lines that name no file, told so far */
};

/* `report` is told of what names no file. USAGE: what is given does not go together. Of the library: errors of what is
 * opened. Close in any case. */
enum hdx_status cli_wanted_open(struct cli *cli, struct cli_wanted *wanted, struct cli_report *report,
                                struct hdx_error *error);
void cli_wanted_close(struct cli_wanted *wanted);

/* A verb's course: opens the report and the files, does the work, and closes both whatever came of it. */
enum hdx_status cli_wanted_run(struct cli *cli, struct cli_wanted *wanted, struct cli_report *report,
                               enum hdx_status (*work)(void *user, struct hdx_error *error), void *user,
                               struct hdx_error *error);

/* What a run over `files` files says of the list besides: PARTIAL (rows were left out, or the query lacks some),
 * INTEGRITY (all were left out), EMPTY, or OK. */
enum hdx_status cli_wanted_judge(const struct cli_wanted *wanted, uint64_t files, struct hdx_error *error);

#endif
