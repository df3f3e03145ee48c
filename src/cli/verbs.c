/* The table of verbs; each entry stands in the file of its verb. */
#include "cli/verbs.h"

#include <stdio.h>
#include <string.h>

/* In the order of enum cli_verb_bit, which is the order of the help. */
static const struct cli_verb *const verbs[] = {
    &cli_verb_registry,   &cli_verb_registry_endpoint,
    &cli_verb_datasets,   &cli_verb_info,
    &cli_verb_ls,         &cli_verb_search,
    &cli_verb_index,      &cli_verb_query,
    &cli_verb_mirror,     &cli_verb_cat,
    &cli_verb_plan,       &cli_verb_merge,
    &cli_verb_validate,   &cli_verb_verify,
    &cli_verb_store_list, &cli_verb_store_remove,
    &cli_verb_version,    &cli_verb_completion,
    &cli_verb_help,
};

#define VERB_COUNT (sizeof verbs / sizeof *verbs)

size_t cli_verb_count(void) {
  return VERB_COUNT;
}

const struct cli_verb *cli_verb_at(size_t i) {
  return verbs[i];
}

const struct cli_verb *cli_verb_find(const char *name) {
  for (size_t i = 0; i < VERB_COUNT; i++)
    if (strcmp(verbs[i]->name, name) == 0)
      return verbs[i];
  return NULL;
}

const struct cli_verb *cli_verb_of(char *const *operands, size_t count, size_t *words) {
  char pair[64];
  const struct cli_verb *verb = NULL;
  if (count >= 2 && (size_t)snprintf(pair, sizeof pair, "%s %s", operands[0], operands[1]) < sizeof pair)
    verb = cli_verb_find(pair);
  *words = 2;
  if (!verb && count >= 1 && !strchr(operands[0], ' ')) {
    verb = cli_verb_find(operands[0]);
    *words = 1;
  }
  return verb;
}

bool cli_verb_family(const char *name) {
  size_t size = strlen(name);
  for (size_t i = 0; i < VERB_COUNT; i++)
    if (strncmp(verbs[i]->name, name, size) == 0 && verbs[i]->name[size] == ' ')
      return true;
  return false;
}
