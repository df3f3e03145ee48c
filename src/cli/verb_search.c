/* Search over the catalogs of all buckets of the registry. */
#include "cli/cli.h"
#include "cli/values.h"
#include "cli/verbs.h"

enum { BUCKET, ID, TITLE, START, STOP, SCORE, SHORT_COUNT, NAME = SHORT_COUNT, INDEX, TAGS, COLUMN_COUNT };

/* Those behind the score are for JSON alone: they would make a table too wide. */
static const struct cli_column columns[COLUMN_COUNT] = {
    [BUCKET] = {.name = {"bucket", 6}},
    [ID] = {.name = {"id", 2}},
    [TITLE] = {.name = {"title", 5}, .shrinks = true},
    [START] = {.name = {"start", 5}},
    [STOP] = {.name = {"stop", 4}},
    [SCORE] = {.name = {"score", 5}, .kind = CLI_KIND_NUMBER},
    [NAME] = {.name = {"name", 4}},
    [INDEX] = {.name = {"index", 5}},
    [TAGS] = {.name = {"tags", 4}, .kind = CLI_KIND_JSON},
};

static void put_hit(struct cli_render *render, const struct hdx_search_hit *hit, bool scored) {
  const struct hdx_dataset *dataset = hit->dataset;
  const struct cli_cell cells[COLUMN_COUNT] = {
      [BUCKET] = cli_cell_text(hit->bucket->endpoint),
      [ID] = cli_cell_text(dataset->id),
      [TITLE] = cli_cell_text(dataset->title),
      [START] = cli_cell_text(dataset->start_text),
      [STOP] = cli_cell_text(dataset->stop_text),
      [SCORE] = scored ? cli_cell_count(hit->score) : cli_cell_number(-1),
      [NAME] = cli_cell_text(hit->bucket->name),
      [INDEX] = cli_cell_text(dataset->index),
      [TAGS] = cli_cell_text(dataset->tags),
  };
  cli_render_row(render, cells);
}

static enum hdx_status put_hits(struct cli *cli, const struct hdx_search *search, bool scored,
                                struct hdx_error *error) {
  uint64_t limit = cli_settings(cli)->limit;
  struct cli_render render;
  enum hdx_status status =
      cli_rows_open(cli, &render, columns, cli_format_is_json(cli) ? COLUMN_COUNT : SHORT_COUNT, ID, 0, error);
  for (size_t i = 0; i < hdx_search_count(search) && status == HDX_OK && cli_rows_wanted(&render); i++) {
    if (limit && render.rows == limit)
      break;
    put_hit(&render, hdx_search_at(search, i), scored);
  }
  return cli_rows_close(cli, &render, status, error);
}

static void tell_failures(struct cli *cli, const struct hdx_search *search) {
  for (size_t i = 0; i < hdx_search_failure_count(search); i++) {
    const struct hdx_search_failure *failure = hdx_search_failure(search, i);
    cli_message(&cli->messages, CLI_ERROR, "%.*s (%.*s): %s", CLI_TEXT_ARG(failure->bucket->endpoint),
                CLI_TEXT_ARG(failure->bucket->name), failure->message);
  }
}

static enum hdx_status run(struct cli *cli, struct hdx_error *error) {
  const struct cli_settings *settings = cli_settings(cli);
  const struct hdx_search_options options = {.id = settings->search_id,
                                             .title = settings->search_title,
                                             .words = (const char *const *)cli->args.operands,
                                             .word_count = cli->args.operand_count};
  struct hdx_search *search;
  if (!options.id && !options.title && !options.word_count)
    return cli_fail(error, HDX_USAGE, "'search' needs a WORD, --id or --title");
  enum hdx_status found = hdx_search(cli->session, &options, &search, error);
  cli_messages_live(&cli->messages, NULL);
  if (!search)
    return found;
  struct hdx_error written;
  tell_failures(cli, search);
  enum hdx_status status = put_hits(cli, search, options.word_count > 0, &written);
  hdx_search_close(search);
  if (status != HDX_OK)
    *error = written;
  return status == HDX_OK ? found : status;
}

static const char *const examples[] = {
    "heliodex search feeps electron",
    "heliodex search --id mms1 --title burst",
    "heliodex search 'extreme ultraviolet' --json --limit 10",
    NULL,
};

const struct cli_verb cli_verb_search = {
    .name = "search",
    .operands = "[WORD...]",
    .operands_max = CLI_OPERANDS_ANY,
    .bit = CLI_VERB_SEARCH,
    .needs = CLI_NEED_SESSION | CLI_NEED_OUTPUT,
    .summary = "find datasets in the catalogs of all buckets",
    .description =
        "Looks through the catalogs of all buckets of the registry and lists the datasets in whose id, index, title or "
        "tags any of the WORDs occurs, those in which they occur most often first: score is how often. --id and "
        "--title want a part of the id or title; what is given must all hold. Texts are compared in any letter case, "
        "and as parts of words; a WORD may hold blanks. JSON also has the bucket's name, the index and the tags.\n\n"
        "Catalogs that are not held are fetched, all at once, and kept; --refresh asks for newer ones. Buckets whose "
        "catalog cannot be read are named, the others are answered for, and the exit status is 1.",
    .examples = examples,
    .run = run,
};
