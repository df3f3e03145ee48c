#include "cli/cli.h"
#include "cli/values.h"
#include "cli/verbs.h"

#include <stdlib.h>

enum { ID, TITLE, START, STOP, COLUMN_COUNT };

static const struct cli_column columns[COLUMN_COUNT] = {
    [ID] = {.name = {"id", 2}},
    [TITLE] = {.name = {"title", 5}, .shrinks = true},
    [START] = {.name = {"start", 5}},
    [STOP] = {.name = {"stop", 4}},
};

/* Whether one string of a JSON list matches; escapes are compared as they are written. */
static bool in_collection(struct hdx_text list, const char *pattern) {
  for (size_t i = 0; i < list.size; i++) {
    if (list.data[i] != '"')
      continue;
    size_t begin = ++i;
    while (i < list.size && list.data[i] != '"')
      i += list.data[i] == '\\' ? 2 : 1;
    if (i <= list.size && cli_glob(pattern, (struct hdx_text){list.data + begin, i - begin}))
      return true;
  }
  return false;
}

/* What an operand chooses: a pattern many ids, a plain id one, found in any letter case. */
struct choice {
  const char *pattern;
  const struct hdx_dataset *dataset; /* NULL: by pattern */
};

static enum hdx_status choose(struct cli *cli, const struct hdx_catalog *catalog, struct choice *choices,
                              struct hdx_error *error) {
  for (size_t i = 0; i < cli->args.operand_count - 1; i++) {
    const char *pattern = cli_operand(cli, i + 1);
    choices[i] = (struct choice){pattern, NULL};
    enum hdx_status status = HDX_OK;
    if (!cli_is_pattern(pattern))
      status = hdx_catalog_find(catalog, pattern, &choices[i].dataset, error);
    if (status != HDX_OK)
      return status;
  }
  return HDX_OK;
}

static bool chosen(const struct choice *choices, size_t count, const struct hdx_dataset *dataset) {
  for (size_t i = 0; i < count; i++)
    if (choices[i].dataset ? choices[i].dataset == dataset : cli_glob(choices[i].pattern, dataset->id))
      return true;
  return count == 0;
}

static enum hdx_status fail_empty(struct cli *cli, const struct hdx_catalog *catalog, struct hdx_error *error) {
  const char *url = hdx_catalog_url(catalog), *collection = cli_settings(cli)->collection;
  size_t patterns = cli->args.operand_count - 1;
  if (hdx_catalog_count(catalog) == 0)
    return cli_fail(error, HDX_EMPTY, "%s lists no dataset", url);
  return cli_fail(error, HDX_EMPTY, "no dataset of %s matches%s%s%s%s%s", url, patterns ? " " : "",
                  patterns ? cli_operand(cli, 1) : "", patterns > 1 ? " or the other patterns" : "",
                  collection ? " --collection " : "", collection ? collection : "");
}

static enum hdx_status list(struct cli *cli, const struct hdx_catalog *catalog, const struct choice *choices,
                            size_t count, struct hdx_error *error) {
  const struct cli_settings *settings = cli_settings(cli);
  struct cli_render render;
  enum hdx_status status = cli_rows_open(cli, &render, columns, COLUMN_COUNT, ID, 0, error);
  for (size_t i = 0; i < hdx_catalog_count(catalog) && status == HDX_OK && cli_rows_wanted(&render); i++) {
    const struct hdx_dataset *dataset = hdx_catalog_at(catalog, i);
    if (!chosen(choices, count, dataset))
      continue;
    if (settings->collection && !in_collection(dataset->collections, settings->collection))
      continue;
    if (settings->limit && render.rows == settings->limit)
      break;
    const struct cli_cell cells[COLUMN_COUNT] = {
        [ID] = cli_cell_text(dataset->id),
        [TITLE] = cli_cell_text(dataset->title),
        [START] = cli_cell_text(dataset->start_text),
        [STOP] = cli_cell_text(dataset->stop_text),
    };
    cli_render_row(&render, cells);
  }
  status = cli_rows_close(cli, &render, status, error);
  if (status == HDX_OK && render.rows == 0)
    status = fail_empty(cli, catalog, error);
  return status;
}

static enum hdx_status run(struct cli *cli, struct hdx_error *error) {
  struct hdx_catalog *catalog;
  enum hdx_status status = hdx_catalog_load(cli->session, cli_operand(cli, 0), &catalog, error);
  if (status != HDX_OK)
    return status;
  struct choice *choices = calloc(cli->args.operand_count, sizeof *choices);
  status = choices ? choose(cli, catalog, choices, error) : cli_fail(error, HDX_MEMORY, "out of memory");
  if (status == HDX_OK)
    status = list(cli, catalog, choices, cli->args.operand_count - 1, error);
  free(choices);
  hdx_catalog_close(catalog);
  return status;
}

static const char *const examples[] = {
    "heliodex datasets s3://gov-nasa-hdrl-data1/",
    "heliodex datasets gov-nasa-hdrl-data1 'aia_*' 'MMS1_*BRST*'",
    "heliodex datasets gov-nasa-hdrl-data1 --format keys",
    NULL,
};

const struct cli_verb cli_verb_datasets = {
    .name = "datasets",
    .operands = "BUCKET [GLOB...]",
    .operands_min = 1,
    .operands_max = CLI_OPERANDS_ANY,
    .bit = CLI_VERB_DATASETS,
    .needs = CLI_NEED_SESSION | CLI_NEED_OUTPUT,
    .summary = "list the datasets of a bucket's catalog",
    .description = "Lists id, title, start and stop of the datasets in the bucket's catalog: all, or those whose id "
                   "matches one of the shell patterns. Quote patterns, or the shell expands them. An id without * ? [ "
                   "must exist (exit status 3).",
    .examples = examples,
    .run = run,
};
