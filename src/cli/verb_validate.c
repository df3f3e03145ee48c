#include "cli/cli.h"
#include "cli/values.h"
#include "cli/verbs.h"

#include <inttypes.h>
#include <stdio.h>

enum { SEVERITY, RULE, PLACE, ID, VALUE, MESSAGE, COUNT, DOCUMENT, PATH, LINE, COLUMN, COLUMN_COUNT };

static const struct cli_column columns[COLUMN_COUNT] = {
    [SEVERITY] = {.name = {"severity", 8}},
    [RULE] = {.name = {"rule", 4}},
    [PLACE] = {.name = {"place", 5}},
    [ID] = {.name = {"id", 2}},
    [VALUE] = {.name = {"value", 5}, .shrinks = true},
    [MESSAGE] = {.name = {"message", 7}},
    [COUNT] = {.name = {"count", 5}, .kind = CLI_KIND_NUMBER},
    [DOCUMENT] = {.name = {"document", 8}},
    [PATH] = {.name = {"path", 4}},
    [LINE] = {.name = {"line", 4}, .kind = CLI_KIND_NUMBER},
    [COLUMN] = {.name = {"column", 6}, .kind = CLI_KIND_NUMBER},
};

enum { TABLE_COLUMN_COUNT = MESSAGE + 1 }; /* for people the place says it all */

enum { RULE_NAME, RULE_SEVERITY, RULE_TEXT, RULE_COLUMN_COUNT };

static const struct cli_column rule_columns[RULE_COLUMN_COUNT] = {
    [RULE_NAME] = {.name = {"rule", 4}},
    [RULE_SEVERITY] = {.name = {"severity", 8}},
    [RULE_TEXT] = {.name = {"text", 4}},
};

struct run {
  struct cli *cli;
  struct cli_render render;
  enum hdx_severity least;
  bool table;
  uint64_t hidden;
};

/* "catalog.json:12:5 $.catalog[3].start"; in a table without the document's folder. */
static size_t put_place(const struct run *run, const struct hdx_finding *finding, char *out, size_t size) {
  const char *slash = run->table ? strrchr(finding->document, '/') : NULL;
  const char *document = slash && slash[1] ? slash + 1 : finding->document;
  int written = finding->line ? snprintf(out, size, "%s:%" PRIu64 ":%" PRIu64 "%s%s", document, finding->line,
                                         finding->column, *finding->path ? " " : "", finding->path)
                              : snprintf(out, size, "%s", document);
  return written < 0 ? 0 : (size_t)written < size ? (size_t)written : size - 1;
}

static void on_finding(void *user, const struct hdx_finding *finding) {
  struct run *run = user;
  char place[2048];
  if (finding->severity < run->least) {
    run->hidden += finding->count;
    return;
  }
  cli_messages_live(&run->cli->messages, NULL);
  size_t size = put_place(run, finding, place, sizeof place);
  const struct cli_cell cells[COLUMN_COUNT] = {
      [SEVERITY] = cli_cell_string(hdx_severity_name(finding->severity)),
      [RULE] = cli_cell_string(finding->rule),
      [PLACE] = cli_cell_text((struct hdx_text){place, size}),
      [ID] = cli_cell_text(finding->id),
      [VALUE] = cli_cell_text(finding->value),
      [MESSAGE] = cli_cell_string(finding->message),
      [COUNT] = cli_cell_count(finding->count),
      [DOCUMENT] = cli_cell_string(finding->document),
      [PATH] = cli_cell_string(finding->path),
      [LINE] = finding->line ? cli_cell_count(finding->line) : cli_cell_number(-1),
      [COLUMN] = finding->line ? cli_cell_count(finding->column) : cli_cell_number(-1),
  };
  cli_render_row(&run->render, cells);
  if (!cli_rows_wanted(&run->render))
    hdx_session_cancel(run->cli->session);
}

static void tell_summary(const struct run *run, const struct hdx_validate_summary *s) {
  struct cli_messages *messages = &run->cli->messages;
  char a[CLI_HUMAN_MAX], b[CLI_HUMAN_MAX], c[CLI_HUMAN_MAX], d[CLI_HUMAN_MAX], e[CLI_HUMAN_MAX], f[CLI_HUMAN_MAX];
  if (messages->json) {
    struct cli_writer *err = cli_messages_raw(messages);
    cli_writer_format(err,
                      "{\"event\":\"summary\",\"elapsed_s\":%.3f,\"documents\":%" PRIu64 ",\"datasets\":%" PRIu64
                      ",\"files\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"unread\":%" PRIu64 ",\"errors\":%" PRIu64
                      ",\"warnings\":%" PRIu64 ",\"notes\":%" PRIu64 "}\n",
                      (double)s->elapsed_ns / 1e9, s->documents, s->datasets, s->files, s->rows, s->unread, s->errors,
                      s->warnings, s->notes);
    cli_writer_flush(err);
    return;
  }
  cli_message(messages, CLI_NOTE, "checked   %s documents, %s datasets, %s index files, %s rows, %s unread, in %s",
              cli_human_count(s->documents, a), cli_human_count(s->datasets, b), cli_human_count(s->files, c),
              cli_human_count(s->rows, d), cli_human_count(s->unread, e), cli_human_span(s->elapsed_ns, f));
  cli_message(messages, CLI_NOTE, "findings  %s errors, %s warnings, %s notes%s%s%s", cli_human_count(s->errors, a),
              cli_human_count(s->warnings, b), cli_human_count(s->notes, c), run->hidden ? "; not shown: " : "",
              run->hidden ? cli_human_count(run->hidden, d) : "", run->hidden ? " (--severity note shows all)" : "");
}

static enum hdx_status show_rules(struct cli *cli, struct hdx_error *error) {
  struct cli_render render;
  if (cli_operand(cli, 0))
    return cli_fail(error, HDX_USAGE, "--rules: expected no operand, found '%s'", cli_operand(cli, 0));
  enum hdx_status status = cli_rows_open(cli, &render, rule_columns, RULE_COLUMN_COUNT, RULE_NAME, 0, error);
  for (size_t i = 0; status == HDX_OK && i < hdx_rule_count(); i++) {
    const struct hdx_rule *rule = hdx_rule_at(i);
    const struct cli_cell cells[RULE_COLUMN_COUNT] = {
        [RULE_NAME] = cli_cell_string(rule->name),
        [RULE_SEVERITY] = cli_cell_string(hdx_severity_name(rule->severity)),
        [RULE_TEXT] = cli_cell_string(rule->text),
    };
    cli_render_row(&render, cells);
  }
  return cli_rows_close(cli, &render, status, error);
}

static enum hdx_status run_validate(struct cli *cli, struct hdx_error *error) {
  const struct cli_settings *settings = cli_settings(cli);
  struct run run = {.cli = cli, .table = cli_format(cli) == CLI_FORMAT_TABLE};
  struct hdx_validate_options options;
  struct hdx_validate_summary summary = {0};
  if (settings->rules)
    return show_rules(cli, error);
  if (settings->deep && !cli_operand(cli, 0))
    return cli_fail(error, HDX_USAGE, "--deep looks at the index files of a catalog: name its BUCKET or FILE");
  hdx_validate_options_init(&options);
  options.deep = settings->deep;
  options.findings_max = settings->findings_max;
  options.finding = on_finding;
  options.user = &run;
  run.least = settings->severity ? (enum hdx_severity)(settings->severity - 1) : HDX_SEVERITY_WARNING;
  enum hdx_status status =
      cli_rows_open(cli, &run.render, columns, run.table ? TABLE_COLUMN_COUNT : COLUMN_COUNT, RULE, 0, error);
  if (status == HDX_OK)
    status = hdx_validate(cli->session, cli_operand(cli, 0), &options, &summary, error);
  cli_messages_live(&cli->messages, NULL);
  status = cli_rows_close(cli, &run.render, status, error);
  if ((summary.documents || summary.files || summary.unread) && cli->out.state != CLI_WRITER_CLOSED)
    tell_summary(&run, &summary);
  return status;
}

static const char *const examples[] = {
    "heliodex validate",
    "heliodex validate gov-nasa-hdrl-data1 --deep --json",
    "heliodex validate ./catalog.json --severity note",
    "heliodex validate ./registries/aia_0094_2019.csv",
    "heliodex validate --rules",
    NULL,
};

const struct cli_verb cli_verb_validate = {
    .name = "validate",
    .operands = "[BUCKET|FILE|URL]",
    .operands_max = 1,
    .bit = CLI_VERB_VALIDATE,
    .needs = CLI_NEED_SESSION | CLI_NEED_OUTPUT | CLI_NEED_FILES,
    .summary = "check a published registry, catalog or index files",
    .description =
        "Checks published documents against the specification: without an operand the registry, with a BUCKET its "
        "catalog, and with --deep all index files of the catalog, row by row. A FILE is what contains a slash or ends "
        "with .json or .csv (.csv.gz, .csv.zip) and has no '://', or a file that is there; a URL whose path ends so is "
        "the same elsewhere. Both may be a registry, a catalog or one index file, told apart by what they hold; a "
        "folder "
        "is a copy of a bucket. With --deep the index files of a catalog that is a FILE are read from where the "
        "catalog says that they are: so it can be checked before it is published."
        "\n\n"
        "Each finding is a row: severity, rule, place (document:line:column and the JSON path), id, value, message; "
        "--rules lists the rules. The exit status is 1 if there are errors, 0 if there are only warnings and notes. "
        "Everything is fetched anew and nothing of it is kept.",
    .examples = examples,
    .run = run_validate,
};
