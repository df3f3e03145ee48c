/* What query --summary and --count-by write in place of rows. */
#ifndef HDX_CLI_SUMS_H
#define HDX_CLI_SUMS_H

#include "cli/cli.h"

/* Whether rows are to be summed up. */
bool cli_sums_wanted(const struct cli_settings *settings);

/* Writes the sums of all datasets of an answer (NULL: there is none, only what comes before rows is written). `rows`
 * and `older` are how many rows were summed up, and left out as older versions. */
enum hdx_status cli_sums_put(struct cli *cli, struct hdx_query *query, uint64_t *rows, uint64_t *older,
                             struct hdx_error *error);

#endif
