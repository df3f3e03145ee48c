/* The entry of each verb. */
#ifndef HDX_CLI_VERBS_H
#define HDX_CLI_VERBS_H

#include "cli/options.h"

extern const struct cli_verb cli_verb_registry;
extern const struct cli_verb cli_verb_registry_endpoint;
extern const struct cli_verb cli_verb_datasets;
extern const struct cli_verb cli_verb_info;
extern const struct cli_verb cli_verb_ls;
extern const struct cli_verb cli_verb_search;
extern const struct cli_verb cli_verb_index;
extern const struct cli_verb cli_verb_query;
extern const struct cli_verb cli_verb_mirror;
extern const struct cli_verb cli_verb_cat;
extern const struct cli_verb cli_verb_plan;
extern const struct cli_verb cli_verb_merge;
extern const struct cli_verb cli_verb_validate;
extern const struct cli_verb cli_verb_verify;
extern const struct cli_verb cli_verb_store_list;
extern const struct cli_verb cli_verb_store_remove;
extern const struct cli_verb cli_verb_version;
extern const struct cli_verb cli_verb_completion;
extern const struct cli_verb cli_verb_help;

#endif
