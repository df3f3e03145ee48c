#include "cli/question.h"

#include "cli/sums.h"
#include "cli/values.h"

#include <stdlib.h>

/* ---- what is said besides the rows ---- */

static bool matches_any(const struct cli_question *question, const char *pattern) {
  const struct hdx_query_info *info = hdx_query_info(question->query);
  for (size_t i = 0; i < info->dataset_count; i++)
    if (cli_glob(pattern, hdx_query_dataset(question->query, i)->id))
      return true;
  return false;
}

/* Patterns that match no dataset beside operands that do, of an answer that lacks none. */
static enum hdx_status judge_patterns(const struct cli_question *question, struct hdx_error *error) {
  struct cli *cli = question->cli;
  enum hdx_status status = HDX_OK;
  for (size_t i = 1; i < cli->args.operand_count; i++) {
    const char *operand = cli->args.operands[i];
    if (!cli_is_pattern(operand) || matches_any(question, operand))
      continue;
    if (status != HDX_OK) /* the last one is what the run ends with */
      cli_message(&cli->messages, cli_settings(cli)->error_on_empty ? CLI_ERROR : CLI_WARNING, "%s", error->message);
    status = cli_fail(error, HDX_EMPTY, "no dataset matches %s", operand);
  }
  return status;
}

static void tell_sources(const struct cli_question *question) {
  struct cli_messages *messages = &question->cli->messages;
  for (size_t i = 0; i < hdx_query_info(question->query)->dataset_count; i++) {
    const struct hdx_query_info *info = hdx_query_dataset(question->query, i);
    char checked[HDX_TIME_TEXT_MAX] = "at an unknown time";
    if (info->checked_at != HDX_TIME_NONE)
      hdx_time_format(info->checked_at, 0, checked);
    cli_message(messages, CLI_INFO, "%.*s of %s, last confirmed %s", CLI_TEXT_ARG(info->id), info->source, checked);
    if (info->stop_made_up)
      cli_message(messages, CLI_INFO, "%.*s: the index has no stop column; stops are the next row's start",
                  CLI_TEXT_ARG(info->id));
  }
}

void cli_question_tell_older(const struct cli_question *question, uint64_t older) {
  if (cli_settings(question->cli)->latest_version)
    cli_message(&question->cli->messages, CLI_INFO, "%llu older version%s left out", (unsigned long long)older,
                older == 1 ? "" : "s");
}

static void tell_failures(const struct cli_question *question) {
  for (size_t i = 0; i < hdx_query_info(question->query)->failure_count; i++) {
    const struct hdx_query_failure *failure = hdx_query_failure(question->query, i);
    cli_message(&question->cli->messages, CLI_ERROR, "%.*s: %s", CLI_TEXT_ARG(failure->id), failure->message);
  }
}

void cli_question_tell(const struct cli_question *question) {
  tell_sources(question);
  tell_failures(question);
}

/* What a dataset's rows lack. With --allow-partial or --refresh the exit status tells it too. */
static enum hdx_status judge_dataset(struct cli *cli, const struct hdx_query_info *info, struct hdx_error *error) {
  if (info->incomplete_years == 0)
    return HDX_OK;
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
  return HDX_OK;
}

/* Whether more than the range is asked for. */
static bool filtered(const struct cli *cli) {
  const struct cli_settings *settings = cli_settings(cli);
  return settings->keys.count || settings->key_excludes.count || settings->wheres.count ||
         cli_args_given(&cli->args, "min-size") || cli_args_given(&cli->args, "max-size");
}

enum hdx_status cli_question_judge(const struct cli_question *question, uint64_t rows, struct hdx_error *error) {
  struct cli *cli = question->cli;
  const struct hdx_query_info *info = hdx_query_info(question->query);
  enum hdx_status status = HDX_OK;
  for (size_t i = 0; i < info->dataset_count; i++) {
    struct hdx_error one;
    if (judge_dataset(cli, hdx_query_dataset(question->query, i), &one) == HDX_OK)
      continue;
    if (status != HDX_OK) /* of several the last is what the run ends with */
      cli_message(&cli->messages, CLI_ERROR, "%s", error->message);
    *error = one;
    status = one.status;
  }
  if (info->failure_count > 0)
    return cli_fail(error, HDX_PARTIAL, "%zu of %zu datasets could not be answered for; their rows are missing",
                    info->failure_count, info->failure_count + info->dataset_count);
  if (status == HDX_OK && rows == 0 && question->several)
    return cli_fail(error, HDX_EMPTY, "no row %s in %zu dataset%s", filtered(cli) ? "matches" : "in this range",
                    info->dataset_count, info->dataset_count == 1 ? "" : "s");
  if (status == HDX_OK && rows == 0)
    return cli_fail(error, HDX_EMPTY, "%.*s: no row %s", CLI_TEXT_ARG(info->id),
                    filtered(cli) ? "matches" : "in this range");
  return status != HDX_OK ? status : judge_patterns(question, error);
}

/* ---- the question itself ---- */

static enum hdx_status fill_options(const struct cli *cli, struct hdx_query_options *options, struct hdx_where **wheres,
                                    struct hdx_error *error) {
  static const enum hdx_match matches[] = {[CLI_MATCH_OVERLAP] = HDX_MATCH_OVERLAP,
                                           [CLI_MATCH_START] = HDX_MATCH_START,
                                           [CLI_MATCH_CONTAINED] = HDX_MATCH_CONTAINED};
  const struct cli_settings *settings = cli_settings(cli);
  hdx_query_options_init(options);
  options->start = settings->start;
  options->stop = settings->stop;
  options->match = matches[settings->match];
  options->allow_partial = settings->allow_partial;
  options->limit = settings->limit;
  options->reverse = settings->reverse;
  options->latest_version = settings->latest_version;
  options->no_extras = cli_sums_wanted(settings);
  options->keys = (const char *const *)settings->keys.items;
  options->key_count = settings->keys.count;
  options->key_excludes = (const char *const *)settings->key_excludes.items;
  options->key_exclude_count = settings->key_excludes.count;
  if (cli_args_given(&cli->args, "min-size"))
    options->min_size = (int64_t)settings->min_size;
  if (cli_args_given(&cli->args, "max-size"))
    options->max_size = (int64_t)settings->max_size;
  struct hdx_where *list = calloc(settings->wheres.count + 1, sizeof *list);
  if (!list)
    return cli_fail(error, HDX_MEMORY, "out of memory");
  *wheres = list;
  options->wheres = list;
  for (size_t column; options->where_count < settings->wheres.count; options->where_count++) {
    const char *text = settings->wheres.items[options->where_count];
    struct hdx_where *where = &list[options->where_count];
    enum hdx_status status = cli_value_where(text, &column, &where->operation, &where->value, error);
    if (status != HDX_OK)
      return status;
    where->column = strndup(text, column);
    if (!where->column)
      return cli_fail(error, HDX_MEMORY, "out of memory");
  }
  return HDX_OK;
}

enum hdx_status cli_question_open(struct cli *cli, struct cli_question *question, struct hdx_error *error) {
  struct hdx_query_options options;
  struct hdx_where *wheres = NULL;
  static const char *const every = "*";
  size_t count = cli->args.operand_count - 1;
  const char *const *ids = count ? (const char *const *)cli->args.operands + 1 : &every;
  count = count ? count : 1;
  *question = (struct cli_question){.cli = cli};
  question->several = count > 1 || cli_is_pattern(ids[0]);
  enum hdx_status status = fill_options(cli, &options, &wheres, error);
  if (status == HDX_OK && question->several)
    status = hdx_query_open_many(cli->session, cli_operand(cli, 0), ids, count, &options, &question->query, error);
  else if (status == HDX_OK)
    status = hdx_query_open(cli->session, cli_operand(cli, 0), ids[0], &options, &question->query, error);
  for (size_t i = 0; wheres && i < options.where_count; i++)
    free((char *)wheres[i].column);
  free(wheres);
  return status;
}
