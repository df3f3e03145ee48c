/* Datasets in groups by the first word of their ids. */
#ifndef HDX_CLI_DATASET_TREE_H
#define HDX_CLI_DATASET_TREE_H

#include "cli/cli.h"

/* The first word of an id: what stands before the first - or _ behind a letter or digit. Never empty for an id. */
struct hdx_text cli_first_word(struct hdx_text id);

/* Writes a row for each first word, in the order in which the words come first; *rows is how many. `datasets` is sorted
 * anew. */
enum hdx_status cli_dataset_tree(struct cli *cli, const struct hdx_dataset **datasets, size_t count, uint64_t *rows,
                                 struct hdx_error *error);

#endif
