#include "cli/cli.h"
#include "cli/dataset_tree.h"
#include "cli/values.h"
#include "cli/verbs.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  ID,
  TITLE,
  START,
  STOP,
  SHORT_COUNT,
  INDEX = SHORT_COUNT,
  INDEXTYPE,
  FILETYPE,
  MODIFICATION,
  COLLECTIONS,
  TAGS,
  COLUMN_COUNT
};

/* Those behind the stop are for JSON alone: they would make a table too wide. */

static const struct cli_column columns[COLUMN_COUNT] = {
    [ID] = {.name = {"id", 2}},
    [TITLE] = {.name = {"title", 5}, .shrinks = true},
    [START] = {.name = {"start", 5}},
    [STOP] = {.name = {"stop", 4}},
    [INDEX] = {.name = {"index", 5}},
    [INDEXTYPE] = {.name = {"indextype", 9}},
    [FILETYPE] = {.name = {"filetype", 8}},
    [MODIFICATION] = {.name = {"modification", 12}},
    [COLLECTIONS] = {.name = {"collections", 11}, .kind = CLI_KIND_JSON},
    [TAGS] = {.name = {"tags", 4}, .kind = CLI_KIND_JSON},
};

/* What the options ask for. */
struct filter {
  const struct cli_settings *settings;
  const struct choice *choices;
  size_t choice_count;
  regex_t regex;  /* where settings->path_regex is given */
  size_t undated; /* datasets that --since left out as the catalog does not say when they changed */
  bool out_of_memory;
};

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

static enum hdx_status compile_regex(struct filter *filter, struct hdx_error *error) {
  const char *pattern = filter->settings->path_regex;
  char reason[200];
  if (!pattern)
    return HDX_OK;
  int code =
      regcomp(&filter->regex, pattern, REG_EXTENDED | REG_NOSUB | (filter->settings->ignore_case ? REG_ICASE : 0));
  if (code == 0)
    return HDX_OK;
  regerror(code, &filter->regex, reason, sizeof reason);
  return cli_fail(error, HDX_USAGE, "--path-regex: '%s' is no regular expression: %s", pattern, reason);
}

/* Whether the index's location is one that --path and --path-regex ask for. It has no NUL, but no terminator either. */
static bool on_path(struct filter *filter, struct hdx_text index) {
  const char *part = filter->settings->path;
  if (!part && !filter->settings->path_regex)
    return true;
  char *location = strndup(index.data, index.size);
  if (!location) {
    filter->out_of_memory = true;
    return false;
  }
  bool matches = true;
  if (part)
    matches = (filter->settings->ignore_case ? strcasestr(location, part) : strstr(location, part)) != NULL;
  if (matches && filter->settings->path_regex)
    matches = regexec(&filter->regex, location, 0, NULL, 0) == 0;
  free(location);
  return matches;
}

static bool wanted(struct filter *filter, const struct hdx_dataset *dataset) {
  const struct cli_settings *settings = filter->settings;
  if (!chosen(filter->choices, filter->choice_count, dataset))
    return false;
  bool collected = true;
  if (settings->collection && hdx_dataset_in_collection(dataset, settings->collection, &collected, NULL) != HDX_OK)
    filter->out_of_memory = true;
  if (!collected)
    return false;
  if (!on_path(filter, dataset->index))
    return false;
  if (settings->since == HDX_TIME_NONE)
    return true;
  filter->undated += dataset->modified == HDX_TIME_NONE;
  return dataset->modified != HDX_TIME_NONE && dataset->modified >= settings->since;
}

static enum hdx_status fail_empty(struct cli *cli, const struct hdx_catalog *catalog, struct hdx_error *error) {
  const char *url = hdx_catalog_url(catalog);
  const struct cli_settings *settings = cli_settings(cli);
  size_t patterns = cli->args.operand_count - 1;
  const struct {
    const char *option, *value;
  } given[] = {{" --collection ", settings->collection},
               {" --path ", settings->path},
               {" --path-regex ", settings->path_regex},
               {" --since", settings->since == HDX_TIME_NONE ? NULL : ""}};
  char options[400] = "";
  size_t used = 0;
  for (size_t i = 0; i < sizeof given / sizeof *given; i++)
    if (given[i].value && used < sizeof options)
      used += (size_t)snprintf(options + used, sizeof options - used, "%s%s", given[i].option, given[i].value);
  if (hdx_catalog_count(catalog) == 0)
    return cli_fail(error, HDX_EMPTY, "%s lists no dataset", url);
  return cli_fail(error, HDX_EMPTY, "no dataset of %s matches%s%s%s%s", url, patterns ? " " : "",
                  patterns ? cli_operand(cli, 1) : "", patterns > 1 ? " or the other patterns" : "", options);
}

static void put_dataset(struct cli_render *render, const struct hdx_dataset *dataset) {
  const struct cli_cell cells[COLUMN_COUNT] = {
      [ID] = cli_cell_text(dataset->id),
      [TITLE] = cli_cell_text(dataset->title),
      [START] = cli_cell_text(dataset->start_text),
      [STOP] = cli_cell_text(dataset->stop_text),
      [INDEX] = cli_cell_text(dataset->index),
      [INDEXTYPE] = cli_cell_text(dataset->indextype),
      [FILETYPE] = cli_cell_text(dataset->filetype),
      [MODIFICATION] = cli_cell_text(dataset->modification),
      [COLLECTIONS] = cli_cell_text(dataset->collections),
      [TAGS] = cli_cell_text(dataset->tags),
  };
  cli_render_row(render, cells);
}

static enum hdx_status list(struct cli *cli, const struct hdx_dataset *const *datasets, size_t count, uint64_t *rows,
                            struct hdx_error *error) {
  uint64_t limit = cli_settings(cli)->limit;
  struct cli_render render;
  size_t shown = cli_format_is_json(cli) ? COLUMN_COUNT : SHORT_COUNT;
  enum hdx_status status = cli_rows_open(cli, &render, columns, shown, ID, 0, error);
  for (size_t i = 0; i < count && status == HDX_OK && cli_rows_wanted(&render); i++) {
    if (limit && render.rows == limit)
      break;
    put_dataset(&render, datasets[i]);
  }
  *rows = render.rows;
  return cli_rows_close(cli, &render, status, error);
}

/* Lists what passes the filter, one by one or in groups. */
static enum hdx_status put_wanted(struct cli *cli, const struct hdx_catalog *catalog, struct filter *filter,
                                  struct hdx_error *error) {
  size_t all = hdx_catalog_count(catalog), count = 0;
  const struct hdx_dataset **datasets = calloc(all + 1, sizeof *datasets);
  uint64_t rows = 0;
  if (!datasets)
    return cli_fail(error, HDX_MEMORY, "out of memory");
  for (size_t i = 0; i < all; i++)
    if (wanted(filter, hdx_catalog_at(catalog, i)))
      datasets[count++] = hdx_catalog_at(catalog, i);
  if (filter->out_of_memory) {
    free(datasets);
    return cli_fail(error, HDX_MEMORY, "out of memory");
  }
  if (filter->undated)
    cli_message(&cli->messages, CLI_WARNING,
                "--since leaves out %zu dataset%s of which the catalog does not say when they changed", filter->undated,
                filter->undated == 1 ? "" : "s");
  enum hdx_status status = filter->settings->tree ? cli_dataset_tree(cli, datasets, count, &rows, error)
                                                  : list(cli, datasets, count, &rows, error);
  free(datasets);
  return status == HDX_OK && rows == 0 ? fail_empty(cli, catalog, error) : status;
}

static enum hdx_status run(struct cli *cli, struct hdx_error *error) {
  struct filter filter = {.settings = cli_settings(cli), .choice_count = cli->args.operand_count - 1};
  struct hdx_catalog *catalog = NULL;
  enum hdx_status status = compile_regex(&filter, error);
  if (status != HDX_OK)
    return status;
  status = hdx_catalog_load(cli->session, cli_operand(cli, 0), &catalog, error);
  struct choice *choices = calloc(cli->args.operand_count, sizeof *choices);
  if (status == HDX_OK)
    status = choices ? choose(cli, catalog, choices, error) : cli_fail(error, HDX_MEMORY, "out of memory");
  if (status == HDX_OK) {
    filter.choices = choices;
    status = put_wanted(cli, catalog, &filter, error);
  }
  free(choices);
  hdx_catalog_close(catalog);
  if (filter.settings->path_regex)
    regfree(&filter.regex);
  return status;
}

static const char *const examples[] = {
    "heliodex datasets s3://gov-nasa-hdrl-data1/",
    "heliodex datasets gov-nasa-hdrl-data1 'aia_*' 'MMS1_*BRST*'",
    "heliodex datasets gov-nasa-hdrl-data1 --format keys",
    "heliodex datasets gov-nasa-hdrl-data1 --tree",
    "heliodex datasets gov-nasa-hdrl-data1 --path cdaweb/data/mms --since 2024",
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
                   "must exist (exit status 3). Of what is given (patterns, --collection, --since, --path, "
                   "--path-regex) a dataset must satisfy all. JSON also has index, indextype, filetype, modification, "
                   "collections and tags.",
    .examples = examples,
    .run = run,
};
