#include "cli/cli.h"
#include "cli/manifest.h"
#include "cli/question.h"
#include "cli/signals.h"
#include "cli/sums.h"
#include "cli/values.h"
#include "cli/verbs.h"

#include <stdio.h>
#include <stdlib.h>

enum { ID, START, STOP, KEY, SIZE, FIXED_COUNT };
enum { REFUSALS_TOLD = 10 };

static const struct cli_column fixed[FIXED_COUNT] = {
    [ID] = {.name = {"id", 2}},
    [START] = {.name = {"start", 5}, .kind = CLI_KIND_TIME},
    [STOP] = {.name = {"stop", 4}, .kind = CLI_KIND_TIME},
    [KEY] = {.name = {"datakey", 7}},
    [SIZE] = {.name = {"filesize", 8}, .kind = CLI_KIND_NUMBER},
};

struct answer {
  struct cli_question question;
  struct cli_column *columns;
  struct cli_cell *cells;
  size_t count;
  char **names; /* of extra columns that are called like another one */
  size_t name_count;
  uint64_t rows, refused, older;
};

/* ---- rows ---- */

static bool same(struct hdx_text a, struct hdx_text b) {
  return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static bool is_fixed(struct hdx_text name) {
  for (size_t i = 0; i < FIXED_COUNT; i++)
    if (same(fixed[i].name, name))
      return true;
  return false;
}

/* An extra column that is called like one that every row has would make an object with the same member twice: it is
 * shown as NAME_2, or the next number that makes a name of its own. */
static enum hdx_status name_column(struct answer *answer, struct hdx_text name, struct hdx_text *shown,
                                   struct hdx_error *error) {
  const struct hdx_query_info *info = hdx_query_info(answer->question.query);
  *shown = name;
  for (unsigned number = 2; is_fixed(name); number++) {
    char text[32];
    bool taken = false;
    int size = snprintf(text, sizeof text, "%.*s_%u", CLI_TEXT_ARG(name), number);
    for (size_t i = 0; i < info->extra_count; i++)
      taken |= same(info->extra_names[i], cli_text(text));
    if (taken)
      continue;
    char *copy = answer->names[answer->name_count] = strdup(text);
    if (!copy)
      return cli_fail(error, HDX_MEMORY, "out of memory");
    answer->name_count++;
    *shown = (struct hdx_text){copy, (size_t)size};
    break;
  }
  return HDX_OK;
}

static enum hdx_status make_columns(struct answer *answer, struct hdx_error *error) {
  const struct hdx_query_info *info = hdx_query_info(answer->question.query);
  answer->count = FIXED_COUNT + info->extra_count;
  answer->columns = calloc(answer->count, sizeof *answer->columns);
  answer->cells = calloc(answer->count, sizeof *answer->cells);
  answer->names = calloc(info->extra_count + 1, sizeof *answer->names);
  if (!answer->columns || !answer->cells || !answer->names)
    return cli_fail(error, HDX_MEMORY, "out of memory");
  memcpy(answer->columns, fixed, sizeof fixed);
  enum hdx_status status = HDX_OK;
  for (size_t i = 0; status == HDX_OK && i < info->extra_count; i++) {
    enum hdx_parameter_type type = info->extras[i].type;
    struct cli_column *column = &answer->columns[FIXED_COUNT + i];
    column->kind = type == HDX_PARAMETER_INTEGER || type == HDX_PARAMETER_DOUBLE ? CLI_KIND_VALUE : CLI_KIND_TEXT;
    status = name_column(answer, info->extra_names[i], &column->name, error);
  }
  return status;
}

/* The first column is left out where one dataset was asked for. */
static size_t left_out(const struct answer *answer) {
  return answer->question.several ? 0 : 1;
}

static void put_batch(struct answer *answer, struct cli_render *render, const struct hdx_batch *batch) {
  struct cli_cell *cells = answer->cells;
  for (size_t i = 0; i < batch->count; i++) {
    cells[ID].text = hdx_query_dataset(answer->question.query, batch->dataset ? batch->dataset[i] : 0)->id;
    cells[START].number = batch->start[i];
    cells[STOP].number = cli_shown_stop(batch->start[i], batch->stop[i]);
    cells[KEY].text = batch->key[i];
    cells[SIZE].number = batch->size[i];
    for (size_t k = FIXED_COUNT; k < answer->count; k++)
      cells[k].text = batch->extra[k - FIXED_COUNT][i];
    cli_render_row(render, cells + left_out(answer));
  }
}

static enum hdx_status next(struct answer *answer, struct hdx_batch *batch, struct hdx_error *error) {
  if (cli_signals_pending())
    return cli_fail(error, HDX_INTERRUPTED, "interrupted");
  return hdx_query_next(answer->question.query, batch, error);
}

static enum hdx_status put_rows(struct answer *answer, struct hdx_error *error) {
  struct cli *cli = answer->question.cli;
  struct cli_render render;
  struct hdx_batch batch = {0};
  size_t skip = left_out(answer);
  enum hdx_status status = make_columns(answer, error);
  if (status != HDX_OK)
    return status;
  status = cli_rows_open(cli, &render, answer->columns + skip, answer->count - skip, KEY - skip,
                         hdx_query_info(answer->question.query)->time_digits, error);
  while (status == HDX_OK && cli_rows_wanted(&render)) {
    status = next(answer, &batch, error);
    if (status != HDX_OK || batch.count == 0)
      break;
    put_batch(answer, &render, &batch);
  }
  status = cli_rows_close(cli, &render, status, error);
  answer->rows = render.rows;
  return status;
}

/* ---- lists for other tools ---- */

static enum hdx_status put_files(struct answer *answer, struct cli_manifest *manifest, const struct hdx_batch *batch,
                                 struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  for (size_t i = 0; status == HDX_OK && i < batch->count; i++) {
    size_t dataset = batch->dataset ? batch->dataset[i] : 0;
    status = cli_manifest_row(manifest, answer->question.query, dataset, batch->key[i], error);
    if (status == HDX_INTEGRITY) {
      if (answer->refused++ < REFUSALS_TOLD)
        cli_message(&answer->question.cli->messages, CLI_ERROR, "%s", error->message);
      status = HDX_OK;
    }
    answer->rows++;
  }
  return status;
}

static enum hdx_status put_manifest(struct answer *answer, struct hdx_error *error) {
  struct cli *cli = answer->question.cli;
  struct cli_manifest manifest;
  struct hdx_batch batch = {0};
  enum hdx_status status = HDX_OK;
  cli_manifest_init(&manifest, &cli->out, cli_settings(cli));
  while (status == HDX_OK && cli->out.state == CLI_WRITER_GOOD) {
    status = next(answer, &batch, error);
    if (status != HDX_OK || batch.count == 0)
      break;
    status = put_files(answer, &manifest, &batch, error);
  }
  cli_manifest_deinit(&manifest);
  return status == HDX_OK ? cli_writer_status(&cli->out, error) : status;
}

/* ---- no rows ---- */

/* What an answer without rows looks like where no dataset matches: programs that read it need not know of that. */
static enum hdx_status put_nothing(struct cli *cli, struct hdx_error *error) {
  struct cli_render render;
  uint64_t rows, older;
  if (cli_format_is_manifest(cli_settings(cli)->format))
    return HDX_OK;
  if (cli_sums_wanted(cli_settings(cli)))
    return cli_sums_put(cli, NULL, &rows, &older, error);
  enum hdx_status status = cli_rows_open(cli, &render, fixed, FIXED_COUNT, KEY, 0, error);
  return cli_rows_close(cli, &render, status, error);
}

static enum hdx_status judge(const struct answer *answer, struct hdx_error *error) {
  if (answer->refused > 0 && hdx_query_info(answer->question.query)->failure_count == 0)
    return cli_fail(error, answer->refused < answer->rows ? HDX_PARTIAL : HDX_INTEGRITY,
                    "%llu of %llu rows are left out: their keys cannot stand in such a list",
                    (unsigned long long)answer->refused, (unsigned long long)answer->rows);
  return cli_question_judge(&answer->question, answer->rows, error);
}

static void tell_older(const struct answer *answer) {
  const struct cli *cli = answer->question.cli;
  uint64_t older =
      cli_sums_wanted(cli_settings(cli)) ? answer->older : hdx_query_info(answer->question.query)->older_versions;
  cli_question_tell_older(&answer->question, older);
}

static enum hdx_status run(struct cli *cli, struct hdx_error *error) {
  struct answer answer = {.rows = 0};
  enum hdx_status status = cli_question_open(cli, &answer.question, error);
  if (status == HDX_EMPTY) {
    struct hdx_error failed = {.status = HDX_OK, .message = ""};
    enum hdx_status put = put_nothing(cli, &failed);
    *error = put == HDX_OK ? *error : failed;
    return put == HDX_OK ? status : put;
  }
  if (status != HDX_OK)
    return status;
  cli_messages_live(&cli->messages, NULL);
  cli_question_tell(&answer.question);
  if (cli_sums_wanted(cli_settings(cli)))
    status = cli_sums_put(cli, answer.question.query, &answer.rows, &answer.older, error);
  else if (cli_format_is_manifest(cli_settings(cli)->format))
    status = put_manifest(&answer, error);
  else
    status = put_rows(&answer, error);
  if (status == HDX_OK) {
    tell_older(&answer);
    status = judge(&answer, error);
  }
  while (answer.name_count > 0)
    free(answer.names[--answer.name_count]);
  free(answer.names);
  free(answer.columns);
  free(answer.cells);
  hdx_query_close(answer.question.query);
  return status;
}

static const char *const examples[] = {
    "heliodex query gov-nasa-hdrl-data1 aia_0094 --start 2020-02-01 --stop 2020-02-02",
    "heliodex query gov-nasa-hdrl-data1 aia_0094 aia_0131 'MMS1_*' --start 2020-02 --stop 2020-03 --summary",
    "heliodex query gov-nasa-hdrl-data1 --count-by year",
    "heliodex query gov-nasa-hdrl-data1 aia_0094 --reverse --limit 10 --key '*_v1.fits' --min-size 1M",
    "heliodex query gov-nasa-hdrl-data1 aia_0094 --start 2020-032 --stop 2020-033 --format keys -0 | xargs -0 -n 1 "
    "echo",
    "heliodex query gov-nasa-hdrl-data1 aia_0094 --start 2020-02 --stop 2020-03 --format s5cmd | s5cmd "
    "--no-sign-request run",
    "heliodex query s3://bucket/ ID --endpoint-url http://127.0.0.1:8000 --json -o rows.ndjson",
    NULL,
};

const struct cli_verb cli_verb_query = {
    .name = "query",
    .operands = "BUCKET [ID...]",
    .operands_min = 1,
    .operands_max = CLI_OPERANDS_ANY,
    .bit = CLI_VERB_QUERY,
    .needs = CLI_NEED_SESSION | CLI_NEED_OUTPUT,
    .summary = "print rows of datasets in a range of time",
    .description =
        "Prints start, stop, datakey and filesize, then the index's extra columns by name, of the rows of a dataset in "
        "a range of time, in the order start, stop, datakey. Answers from the local snapshot; years that are wanted "
        "and not held are fetched and kept first, unless --offline is given. If all is held, the network is not asked."
        "\n\n"
        "An ID may be a shell pattern. Where several IDs or a pattern are given, rows of all datasets are merged into "
        "one order, the first column is the id of their dataset, and extra columns are those of all. A dataset that "
        "cannot be read has no rows: an error tells it, and the exit status is 1 if others could be. A pattern that "
        "matches no dataset is warned of. An extra column that is called id, start, stop, datakey or filesize is shown "
        "as id_2, start_2 and so on (or with the next number that is free); --where knows it by its own name.\n\n"
        "With --summary or --count-by the IDs may be left out: all datasets of the bucket are summed up.\n\n"
        "A row without time has the word static in place of both times and comes first. It overlaps every range; by "
        "--match start it is in those that have no --start, by contained in those that have neither end.\n\n"
        "Patterns match characters of UTF-8, not bytes.\n\n"
        "A row is printed if it satisfies everything that is given: the range, --key, --key-exclude, --min-size, "
        "--max-size and every --where. A size that the index does not state is empty in CSV and TSV and null in JSON. "
        "Values of a column that the file of parameters beside the index files calls int or double are numbers in "
        "JSON, where they are written as JSON has them; all others are strings. "
        "If a wanted year cannot be read, no row is printed and the exit status says why, unless --allow-partial is "
        "given. Where no row matches, csv and tsv have their header, json is [], and the exit status is 0 with a "
        "warning, or 9 with --error-on-empty.",
    .examples = examples,
    .run = run,
};
