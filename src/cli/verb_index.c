#include "cli/cli.h"
#include "cli/report.h"
#include "cli/values.h"
#include "cli/verbs.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct run {
  struct cli *cli;
  struct cli_report report;
  struct hdx_index_options options;
  bool bad_ended; /* more rows are bad than allowed */
};

static void on_bad_row(void *user, const struct hdx_bad_row *bad_row) {
  cli_report_bad_row(&((struct run *)user)->report, bad_row);
}

static void on_item(void *user, const struct hdx_index_item *item) {
  struct run *run = user;
  struct cli *cli = run->cli;
  bool failed = item->status != HDX_OK;
  char rows[CLI_HUMAN_MAX], bytes[CLI_HUMAN_MAX], year[16] = "";
  if (item->status == HDX_INTERRUPTED)
    return; /* said once, at the end */
  if (item->year)
    snprintf(year, sizeof year, " %d", item->year);
  /* Of failures the report tells, of dropped rows the library has told. */
  if (!failed)
    cli_message(&cli->messages, CLI_INFO, "%.*s%s: %s%s, %s rows, %s%s%s", CLI_TEXT_ARG(item->id), year,
                hdx_year_state_name(item->state), item->unchanged ? ", unchanged" : "",
                cli_human_count(item->rows, rows), cli_human_bytes(item->bytes, bytes), *item->message ? ": " : "",
                item->message);
  bool changed = failed || item->dropped || item->bad_rows > 0 || *item->message ||
                 (!item->unchanged && item->state == HDX_YEAR_PRESENT);
  if (!changed)
    return;
  cli_report_add(&run->report, &(struct cli_report_item){
                                   .bucket = item->bucket,
                                   .id = item->id,
                                   .year = item->year,
                                   .state = hdx_year_state_name(item->state),
                                   .status = item->status,
                                   .url = item->url,
                                   .message = item->message,
                                   .rows = item->rows,
                                   .bad_rows = item->bad_rows,
                                   .bytes = item->bytes,
                                   .failed = failed,
                                   .dropped = item->dropped,
                               });
}

static void add_summary(struct hdx_index_summary *sum, const struct hdx_index_summary *one) {
  sum->datasets += one->datasets;
  sum->datasets_failed += one->datasets_failed;
  sum->files += one->files;
  sum->files_fetched += one->files_fetched;
  sum->files_unchanged += one->files_unchanged;
  sum->files_failed += one->files_failed;
  sum->gaps += one->gaps;
  sum->vanished += one->vanished;
  sum->rows += one->rows;
  sum->rows_fetched += one->rows_fetched;
  sum->rows_bad += one->rows_bad;
  sum->repairs += one->repairs;
  sum->duplicates += one->duplicates;
  sum->files_unsorted += one->files_unsorted;
  sum->stale += one->stale;
  sum->bytes += one->bytes;
  sum->snapshot_bytes += one->snapshot_bytes;
  sum->warnings += one->warnings;
  sum->elapsed_ns += one->elapsed_ns;
}

static void tell_summary_json(struct cli_messages *messages, const struct hdx_index_summary *s,
                              const struct hdx_stats *stats) {
  struct cli_writer *err = cli_messages_raw(messages);
  cli_writer_format(err,
                    "{\"event\":\"summary\",\"elapsed_s\":%.3f,\"datasets\":%" PRIu64 ",\"datasets_failed\":%" PRIu64
                    ",\"files\":%" PRIu64 ",\"files_fetched\":%" PRIu64 ",\"files_unchanged\":%" PRIu64
                    ",\"files_failed\":%" PRIu64 ",\"files_unsorted\":%" PRIu64 ",\"gaps\":%" PRIu64
                    ",\"vanished\":%" PRIu64 ",\"stale\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"rows_fetched\":%" PRIu64
                    ",\"rows_bad\":%" PRIu64 ",\"repairs\":%" PRIu64 ",\"duplicates\":%" PRIu64 ",\"bytes\":%" PRIu64
                    ",\"snapshot_bytes\":%" PRIu64 ",\"requests\":%" PRIu64 ",\"retries\":%" PRIu64 "}\n",
                    (double)s->elapsed_ns / 1e9, s->datasets, s->datasets_failed, s->files, s->files_fetched,
                    s->files_unchanged, s->files_failed, s->files_unsorted, s->gaps, s->vanished, s->stale, s->rows,
                    s->rows_fetched, s->rows_bad, s->repairs, s->duplicates, s->bytes, s->snapshot_bytes,
                    stats->requests, stats->retries);
  cli_writer_flush(err);
}

enum { PART_MAX = CLI_HUMAN_MAX + 16 };

/* ", 12 of them", or nothing where there is none. */
static const char *if_any(uint64_t count, const char *what, char text[PART_MAX]) {
  char human[CLI_HUMAN_MAX];
  if (count > 0)
    snprintf(text, PART_MAX, ", %s %s", cli_human_count(count, human), what);
  else
    text[0] = 0;
  return text;
}

static void tell_summary(struct run *run) {
  struct cli_messages *messages = &run->cli->messages;
  const struct hdx_index_summary *s = &run->cli->summary;
  struct hdx_stats stats = {0};
  hdx_session_stats(run->cli->session, &stats);
  if (messages->json) {
    tell_summary_json(messages, s, &stats);
    return;
  }
  double seconds = s->elapsed_ns > 0 ? (double)s->elapsed_ns / 1e9 : 1e-9;
  char a[CLI_HUMAN_MAX], b[CLI_HUMAN_MAX], c[CLI_HUMAN_MAX], d[CLI_HUMAN_MAX], e[CLI_HUMAN_MAX], f[CLI_HUMAN_MAX];
  cli_message(messages, CLI_NOTE, "datasets  %s, %s failed, in %s", cli_human_count(s->datasets, a),
              cli_human_count(s->datasets_failed, b), cli_human_span(s->elapsed_ns, c));
  char stale[PART_MAX], unsorted[PART_MAX], repairs[PART_MAX], duplicates[PART_MAX];
  cli_message(messages, CLI_NOTE, "files     %s: %s fetched, %s unchanged, %s gaps, %s vanished, %s failed%s%s",
              cli_human_count(s->files, a), cli_human_count(s->files_fetched, b),
              cli_human_count(s->files_unchanged, c), cli_human_count(s->gaps, d), cli_human_count(s->vanished, e),
              cli_human_count(s->files_failed, f), if_any(s->stale, "stale", stale),
              if_any(s->files_unsorted, "out of order", unsorted));
  cli_message(messages, CLI_NOTE, "rows      %s held, %s parsed (%s/s), %s bad%s%s", cli_human_count(s->rows, a),
              cli_human_count(s->rows_fetched, b), cli_human_count((uint64_t)((double)s->rows_fetched / seconds), c),
              cli_human_count(s->rows_bad, d), if_any(s->repairs, "repaired", repairs),
              if_any(s->duplicates, "duplicates", duplicates));
  cli_message(messages, CLI_NOTE, "bytes     %s parsed (%s/s), %s written", cli_human_bytes(s->bytes, a),
              cli_human_bytes((uint64_t)((double)s->bytes / seconds), b), cli_human_bytes(s->snapshot_bytes, c));
  cli_message(messages, CLI_NOTE, "requests  %s on %s connections, %s retried", cli_human_count(stats.requests, a),
              cli_human_count(stats.connections, b), cli_human_count(stats.retries, c));
}

static void tell_dry_run(struct run *run) {
  const struct hdx_index_summary *s = &run->cli->summary;
  char a[CLI_HUMAN_MAX], b[CLI_HUMAN_MAX];
  if (run->cli->messages.json) {
    struct hdx_stats stats = {0};
    tell_summary_json(&run->cli->messages, s, &stats);
    return;
  }
  cli_message(&run->cli->messages, CLI_NOTE, "would ask for %s index files of %s datasets",
              cli_human_count(s->files, a), cli_human_count(s->datasets, b));
}

static enum hdx_status index_bucket(struct run *run, const char *bucket, char *const *globs, size_t count,
                                    struct hdx_error *error) {
  struct hdx_index_summary summary = {0};
  enum hdx_status status =
      hdx_index(run->cli->session, bucket, (const char *const *)globs, count, &run->options, &summary, error);
  add_summary(&run->cli->summary, &summary);
  if (run->options.bad_rows_max != UINT64_MAX) { /* the limit is of all buckets together */
    run->bad_ended = summary.rows_bad > run->options.bad_rows_max;
    run->options.bad_rows_max -= run->bad_ended ? run->options.bad_rows_max : summary.rows_bad;
  }
  return status;
}

/* An id as a pattern that matches it in any letter case. */
static char *id_pattern(const char *id) {
  char *pattern = malloc(4 * strlen(id) + 4), *p = pattern;
  if (!pattern)
    return NULL;
  for (; *id; id++) {
    if (!isalpha((unsigned char)*id)) {
      *p++ = *id;
      continue;
    }
    *p++ = '[';
    *p++ = (char)tolower((unsigned char)*id);
    *p++ = (char)toupper((unsigned char)*id);
    *p++ = ']';
  }
  *p = 0;
  return pattern;
}

/* Where every bucket is asked, an id is looked for in each: written as a pattern it may be lacking in some. */
static char **as_patterns(char *const *ids, size_t count) {
  char **patterns = calloc(count + 1, sizeof *patterns);
  for (size_t i = 0; patterns && i < count; i++) {
    patterns[i] = cli_is_pattern(ids[i]) ? strdup(ids[i]) : id_pattern(ids[i]);
    if (!patterns[i]) {
      while (i > 0)
        free(patterns[--i]);
      free(patterns);
      return NULL;
    }
  }
  return patterns;
}

/* Notes which of the ids that were asked for the bucket's catalog has. What is odd about the catalog has been told. */
static void mark_found(struct cli *cli, const char *bucket, bool *found) {
  struct hdx_catalog *catalog = NULL;
  struct hdx_error ignored;
  bool quiet = cli->messages.quiet;
  cli->messages.quiet = true;
  for (size_t i = 0; i < cli->args.operand_count; i++) {
    const char *id = cli_operand(cli, i);
    const struct hdx_dataset *dataset;
    if (found[i] || cli_is_pattern(id))
      continue;
    if (!catalog && hdx_catalog_load(cli->session, bucket, &catalog, &ignored) != HDX_OK) {
      catalog = NULL;
      break;
    }
    found[i] = hdx_catalog_find(catalog, id, &dataset, &ignored) != HDX_NOT_FOUND;
  }
  hdx_catalog_close(catalog);
  cli->messages.quiet = quiet;
}

struct tally {
  size_t well, failed, empty;
  size_t lacking; /* ids that no bucket has */
  enum hdx_status gravest;
};

/* The status of a run over several buckets, by the rule for items. */
static enum hdx_status total(const struct tally *tally, size_t buckets, struct hdx_error *error) {
  if (tally->failed > 0)
    return cli_fail(error, tally->well > 0 ? HDX_PARTIAL : tally->gravest,
                    "%zu of %zu buckets could not be indexed completely", tally->failed, buckets);
  if (tally->lacking > 0)
    return cli_fail(error, tally->well > 0 ? HDX_PARTIAL : HDX_NOT_FOUND, "ids that no bucket has: %zu",
                    tally->lacking);
  if (tally->well == 0)
    return cli_fail(error, HDX_EMPTY, "no dataset of the registry's %zu buckets matches", buckets);
  return HDX_OK;
}

static void count_bucket(struct run *run, struct tally *tally, const char *bucket, enum hdx_status status,
                         const struct hdx_error *error) {
  if (status == HDX_OK) {
    tally->well++;
  } else if (status == HDX_EMPTY) {
    tally->empty++;
  } else {
    cli_message(&run->cli->messages, CLI_ERROR, "%s: %s", bucket,
                error->message[0] ? error->message : hdx_status_text(status));
    tally->failed++;
    tally->well += status == HDX_PARTIAL;
    tally->gravest = cli_graver(tally->gravest, status);
  }
}

static void count_lacking(struct cli *cli, const bool *found, struct tally *tally) {
  for (size_t i = 0; i < cli->args.operand_count; i++) {
    if (found[i] || cli_is_pattern(cli_operand(cli, i)))
      continue;
    cli_message(&cli->messages, CLI_ERROR, "%s: no bucket of the registry %shas such a dataset", cli_operand(cli, i),
                tally->failed > 0 ? "that could be read " : "");
    tally->lacking++;
  }
}

static enum hdx_status index_buckets(struct run *run, const struct hdx_registry *registry, char *const *globs,
                                     bool *found, struct hdx_error *error) {
  struct tally tally = {.gravest = HDX_OK};
  size_t buckets = hdx_registry_count(registry);
  for (size_t i = 0; i < buckets && !run->bad_ended; i++) {
    struct hdx_text endpoint = hdx_registry_at(registry, i)->endpoint;
    char *bucket = strndup(endpoint.data, endpoint.size);
    enum hdx_status status =
        bucket ? hdx_registry_allowed(registry, i, error) : cli_fail(error, HDX_MEMORY, "out of memory");
    if (status == HDX_OK)
      status = index_bucket(run, bucket, globs, run->cli->args.operand_count, error);
    /* The disk, the memory and the user's patience are the same for all buckets. */
    bool ends = status == HDX_INTERRUPTED || status == HDX_IO || status == HDX_MEMORY || status == HDX_INTERNAL;
    if (!ends) {
      count_bucket(run, &tally, bucket, status, error);
      mark_found(run->cli, bucket, found);
    }
    free(bucket);
    if (ends)
      return status;
  }
  if (!run->bad_ended)
    count_lacking(run->cli, found, &tally);
  return total(&tally, buckets, error);
}

static enum hdx_status index_all(struct run *run, struct hdx_error *error) {
  struct hdx_registry *registry;
  enum hdx_status status = hdx_registry_load(run->cli->session, &registry, error);
  if (status != HDX_OK)
    return status;
  size_t count = run->cli->args.operand_count;
  char **globs = as_patterns(run->cli->args.operands, count);
  bool *found = calloc(count + 1, sizeof *found);
  if (globs && found)
    status = index_buckets(run, registry, globs, found, error);
  else
    status = cli_fail(error, HDX_MEMORY, "out of memory");
  for (size_t i = 0; globs && i < count; i++)
    free(globs[i]);
  free(globs);
  free(found);
  hdx_registry_close(registry);
  return status;
}

static enum hdx_status check(const struct cli *cli, struct hdx_error *error) {
  bool all = cli_settings(cli)->all;
  if (!all && cli->args.operand_count == 0)
    return cli_fail(error, HDX_USAGE, "'index' needs a BUCKET, or --all for every bucket of the registry");
  for (size_t i = 0; all && i < cli->args.operand_count; i++)
    if (strstr(cli->args.operands[i], "://"))
      return cli_fail(error, HDX_USAGE, "with --all every operand is an id or a pattern of ids, found '%s'",
                      cli->args.operands[i]);
  return HDX_OK;
}

static void fill_options(struct run *run) {
  const struct cli_settings *settings = cli_settings(run->cli);
  hdx_index_options_init(&run->options);
  run->options.start = settings->start;
  run->options.stop = settings->stop;
  run->options.dry_run = settings->dry_run;
  run->options.strict = settings->strict;
  run->options.discover = settings->discover ? (enum hdx_discover)(settings->discover - 1) : HDX_DISCOVER_AUTO;
  run->options.keep_vanished = settings->keep_vanished;
  run->options.keep_index = settings->keep_index;
  if (cli_args_given(&run->cli->args, "max-bad-rows"))
    run->options.bad_rows_max = settings->bad_rows_max;
  run->options.item = on_item;
  run->options.bad_row = settings->report ? on_bad_row : NULL;
  run->options.user = run;
}

static enum hdx_status run_index(struct cli *cli, struct hdx_error *error) {
  struct run run = {.cli = cli};
  enum hdx_status status = check(cli, error);
  if (status != HDX_OK)
    return status;
  fill_options(&run);
  if (run.options.start != HDX_TIME_NONE && run.options.start == run.options.stop)
    cli_message(&cli->messages, CLI_WARNING,
                "--start and --stop are the same instant: no year is wanted (--stop is exclusive: 2020 is "
                "--start 2020 --stop 2021)");
  status = cli_report_open(cli, &run.report, error);
  if (status == HDX_OK) {
    cli->indexed = true;
    if (cli_settings(cli)->all)
      status = index_all(&run, error);
    else
      status = index_bucket(&run, cli_operand(cli, 0), cli->args.operands + 1, cli->args.operand_count - 1, error);
    cli_messages_live(&cli->messages, NULL);
  }
  status = cli_report_close(&run.report, status, error);
  if (cli->indexed && cli_settings(cli)->dry_run)
    tell_dry_run(&run);
  else if (cli->summary.datasets > 0)
    tell_summary(&run);
  return status;
}

static const char *const examples[] = {
    "heliodex index gov-nasa-hdrl-data1 'aia_*'",
    "heliodex index s3://bucket/ --endpoint-url http://127.0.0.1:8000 --stats stats.json",
    "heliodex index --all --start 2020 --stop 2021 --report report.ndjson --failed-out failed.txt",
    NULL,
};

const struct cli_verb cli_verb_index = {
    .name = "index",
    .operands = "BUCKET [GLOB...]",
    .operands_max = CLI_OPERANDS_ANY,
    .bit = CLI_VERB_INDEX,
    .needs = CLI_NEED_SESSION,
    .summary = "fetch and parse index files into local snapshots",
    .description =
        "Fetches every wanted index file of the bucket's datasets (all, or those whose id matches one of the shell "
        "patterns), many at once, and writes or refreshes their snapshots. Files that did not change are not fetched "
        "again. A year without an index file is a gap, asked for again the next time. A year whose refresh fails keeps "
        "its old rows, marked as stale.\n\n"
        "Index files are csv or csv-zip, as the catalog says; what they are is found by looking at them, so that a "
        "file "
        "that a mirror has packed (gzip, zip) or unpacked is read whatever it is called. A year without a .csv is "
        "looked "
        "for as .csv.gz, too. Parquet cannot be read.\n\n"
        "--start and --stop limit the years. With --all every bucket of the registry is indexed; the operands are "
        "patterns of ids then. An interrupted run keeps what it finished; the same command goes on from there. A "
        "summary goes to standard error; nothing is written to standard output.\n\n"
        "A row that cannot be read is left out, counted, and told with its file, line and column: the first ones of a "
        "file "
        "as warnings, all of them in --report, in lines with \"kind\": \"bad row\". With --max-bad-rows N the run ends "
        "at "
        "row N + 1 of that kind: its file fails, nothing further is begun, and what is complete is kept.",
    .examples = examples,
    .run = run_index,
};
