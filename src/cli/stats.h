/* The statistics of a run as one JSON object. */
#ifndef HDX_CLI_STATS_H
#define HDX_CLI_STATS_H

#include "cli/cli.h"

/* Puts them into cli->stats, which is open. */
void cli_stats_write(struct cli *cli, enum hdx_status run_status, int exit_status);

#endif
