#include "cli/cli.h"
#include "cli/signals.h"
#include "cli/values.h"
#include "cli/verbs.h"

#include <stdlib.h>

enum { START, STOP, KEY, SIZE, FIXED_COUNT };

static const struct cli_column fixed[FIXED_COUNT] = {
    [START] = {.name = {"start", 5}, .kind = CLI_KIND_TIME},
    [STOP] = {.name = {"stop", 4}, .kind = CLI_KIND_TIME},
    [KEY] = {.name = {"datakey", 7}},
    [SIZE] = {.name = {"filesize", 8}, .kind = CLI_KIND_NUMBER},
};

struct answer {
  struct cli_column *columns;
  struct cli_cell *cells;
  size_t count;
};

static enum hdx_status make_columns(const struct hdx_query_info *info, struct answer *answer, struct hdx_error *error) {
  answer->count = FIXED_COUNT + info->extra_count;
  answer->columns = calloc(answer->count, sizeof *answer->columns);
  answer->cells = calloc(answer->count, sizeof *answer->cells);
  if (!answer->columns || !answer->cells)
    return cli_fail(error, HDX_MEMORY, "out of memory");
  memcpy(answer->columns, fixed, sizeof fixed);
  for (size_t i = 0; i < info->extra_count; i++)
    answer->columns[FIXED_COUNT + i] = (struct cli_column){.name = info->extra_names[i]};
  return HDX_OK;
}

static void put_batch(struct cli_render *render, const struct hdx_batch *batch, struct answer *answer) {
  struct cli_cell *cells = answer->cells;
  for (size_t i = 0; i < batch->count; i++) {
    cells[START].number = batch->start[i];
    cells[STOP].number = batch->stop[i];
    cells[KEY].text = batch->key[i];
    cells[SIZE].number = batch->size[i];
    for (size_t k = FIXED_COUNT; k < answer->count; k++)
      cells[k].text = batch->extra[k - FIXED_COUNT][i];
    cli_render_row(render, cells);
  }
}

static enum hdx_status put_rows(struct cli *cli, struct hdx_query *query, struct answer *answer, uint64_t *rows,
                                struct hdx_error *error) {
  struct cli_render render;
  struct hdx_batch batch = {0};
  const struct hdx_query_info *info = hdx_query_info(query);
  enum hdx_status status = cli_rows_open(cli, &render, answer->columns, answer->count, KEY, info->time_digits, error);
  while (status == HDX_OK && cli_rows_wanted(&render)) {
    if (cli_signals_pending())
      status = cli_fail(error, HDX_INTERRUPTED, "interrupted");
    else
      status = hdx_query_next(query, &batch, error);
    if (status != HDX_OK || batch.count == 0)
      break;
    put_batch(&render, &batch, answer);
  }
  status = cli_rows_close(cli, &render, status, error);
  *rows = render.rows;
  return status;
}

static void tell_source(struct cli *cli, const struct hdx_query_info *info) {
  char checked[HDX_TIME_TEXT_MAX] = "at an unknown time";
  if (info->checked_at != HDX_TIME_NONE)
    hdx_time_format(info->checked_at, 0, checked);
  cli_message(&cli->messages, CLI_INFO, "%.*s of %s, last confirmed %s", CLI_TEXT_ARG(info->id), info->source, checked);
  if (info->stop_made_up)
    cli_message(&cli->messages, CLI_INFO, "%.*s: the index has no stop column; stops are the next row's start",
                CLI_TEXT_ARG(info->id));
}

/* What the answer lacks. With --allow-partial or --refresh the exit status tells it too. */
static enum hdx_status judge(struct cli *cli, const struct hdx_query_info *info, uint64_t rows,
                             struct hdx_error *error) {
  if (info->incomplete_years > 0) {
    if (cli_settings(cli)->allow_partial)
      return cli_fail(error, HDX_PARTIAL,
                      "%.*s: %zu wanted years are stale or could not be read; the answer may lack rows",
                      CLI_TEXT_ARG(info->id), info->incomplete_years);
    if (cli_settings(cli)->refresh)
      return cli_fail(error, HDX_PARTIAL, "%.*s: %zu wanted year%s could not be refreshed; these are the rows held",
                      CLI_TEXT_ARG(info->id), info->incomplete_years, info->incomplete_years == 1 ? "" : "s");
    cli_message(&cli->messages, CLI_WARNING,
                "%.*s: %zu wanted years are stale: the last try to refresh them failed, these are the rows held",
                CLI_TEXT_ARG(info->id), info->incomplete_years);
  }
  if (rows == 0)
    return cli_fail(error, HDX_EMPTY, "%.*s: no row in this range", CLI_TEXT_ARG(info->id));
  return HDX_OK;
}

static enum hdx_status run(struct cli *cli, struct hdx_error *error) {
  const struct cli_settings *settings = cli_settings(cli);
  static const enum hdx_match matches[] = {[CLI_MATCH_OVERLAP] = HDX_MATCH_OVERLAP,
                                           [CLI_MATCH_START] = HDX_MATCH_START,
                                           [CLI_MATCH_CONTAINED] = HDX_MATCH_CONTAINED};
  struct hdx_query_options options;
  hdx_query_options_init(&options);
  options.start = settings->start;
  options.stop = settings->stop;
  options.match = matches[settings->match];
  options.allow_partial = settings->allow_partial;
  options.limit = settings->limit;
  struct hdx_query *query;
  struct answer answer = {0};
  uint64_t rows = 0;
  enum hdx_status status =
      hdx_query_open(cli->session, cli_operand(cli, 0), cli_operand(cli, 1), &options, &query, error);
  if (status != HDX_OK)
    return status;
  cli_messages_live(&cli->messages, NULL);
  tell_source(cli, hdx_query_info(query));
  status = make_columns(hdx_query_info(query), &answer, error);
  if (status == HDX_OK)
    status = put_rows(cli, query, &answer, &rows, error);
  if (status == HDX_OK)
    status = judge(cli, hdx_query_info(query), rows, error);
  free(answer.columns);
  free(answer.cells);
  hdx_query_close(query);
  return status;
}

static const char *const examples[] = {
    "heliodex query gov-nasa-hdrl-data1 aia_0094 --start 2020-02-01 --stop 2020-02-02",
    "heliodex query gov-nasa-hdrl-data1 aia_0094 --start 2020-032 --stop 2020-033 --format keys -0 | xargs -0 -n 1 "
    "echo",
    "heliodex query s3://bucket/ ID --endpoint-url http://127.0.0.1:8000 --json -o rows.ndjson",
    NULL,
};

const struct cli_verb cli_verb_query = {
    .name = "query",
    .operands = "BUCKET ID",
    .operands_min = 2,
    .operands_max = 2,
    .bit = CLI_VERB_QUERY,
    .needs = CLI_NEED_SESSION | CLI_NEED_OUTPUT,
    .summary = "print a dataset's rows in a range of time",
    .description =
        "Prints start, stop, datakey and filesize, then the index's extra columns by name, of the rows of one dataset "
        "in a range of time, in the order start, stop, datakey. Answers from the local snapshot; years that are wanted "
        "and not held are fetched and kept first, unless --offline is given. If all is held, the network is not asked."
        "\n\n"
        "A size that the index does not state is empty in CSV and TSV and null in JSON. If a wanted year cannot be "
        "read, no row is printed and the exit status says why, unless --allow-partial is given.",
    .examples = examples,
    .run = run,
};
