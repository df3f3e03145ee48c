/* One dataset: its catalog entry and what the store holds of it. As rows of two columns, or as one JSON object. */
#include "cli/info.h"
#include "cli/values.h"
#include "cli/verbs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELD, VALUE, COLUMN_COUNT };

static const struct cli_column columns[COLUMN_COUNT] = {
    [FIELD] = {.name = {"field", 5}},
    [VALUE] = {.name = {"value", 5}},
};

const char *cli_info_time(int64_t time_ns, int digits, char out[HDX_TIME_TEXT_MAX]) {
  if (time_ns == HDX_TIME_NONE)
    out[0] = 0;
  else
    *cli_render_time(&(struct cli_day){0}, time_ns, digits, out) = 0;
  return out;
}

void cli_info_field(struct cli_render *render, const char *field, struct hdx_text value) {
  const struct cli_cell cells[COLUMN_COUNT] = {[FIELD] = cli_cell_string(field), [VALUE] = cli_cell_text(value)};
  if (value.size)
    cli_render_row(render, cells);
}

void cli_info_format(struct cli_render *render, const char *field, const char *format, ...) {
  char *value = NULL;
  va_list args;
  va_start(args, format);
  if (vasprintf(&value, format, args) < 0)
    value = NULL;
  va_end(args);
  if (value)
    cli_info_field(render, field, cli_text(value));
  else
    render->failed = true;
  free(value);
}

/* A list or object as published may stand on many lines: here it is one. */
static void put_json_field(struct cli_render *render, const char *field, struct hdx_text json) {
  char *line = malloc(json.size + 1);
  size_t size = 0;
  bool quoted = false;
  if (!line) {
    render->failed = true;
    return;
  }
  for (size_t i = 0; i < json.size; i++) {
    char c = json.data[i];
    bool escaped = quoted && c == '\\' && i + 1 < json.size;
    quoted ^= c == '"';
    if (quoted || !strchr(" \t\r\n", c))
      line[size++] = c;
    if (escaped)
      line[size++] = json.data[++i];
  }
  cli_info_field(render, field, (struct hdx_text){line, size});
  free(line);
}

static void put_entry(struct cli_render *render, const struct hdx_dataset *d) {
  const struct {
    const char *field;
    struct hdx_text value;
  } fields[] = {
      {"id", d->id},
      {"title", d->title},
      {"description", d->description},
      {"start", d->start_text},
      {"stop", d->stop_text},
      {"index", d->index},
      {"indextype", d->indextype},
      {"filetype", d->filetype},
      {"multiyear", d->multiyear ? cli_text("true") : cli_text("")},
      {"modification", d->modification},
      {"creation", d->creation},
      {"expiration", d->expiration},
      {"verified", d->verified},
      {"resource", d->resource},
      {"citation", d->citation},
      {"contact", d->contact},
      {"about", d->about},
  };
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    cli_info_field(render, fields[i].field, fields[i].value);
  put_json_field(render, "collections", d->collections);
  put_json_field(render, "tags", d->tags);
}

/* What the entry has beside that, under its own name. */
static void put_other_member(void *user, const struct hdx_member *member) {
  char *name = member->known ? NULL : strndup(member->name.data, member->name.size);
  if (name && member->text)
    cli_info_field(user, name, member->value);
  else if (name)
    put_json_field(user, name, member->value);
  free(name);
}

/* What the catalog says of itself. */
static void put_catalog(struct cli_render *render, const struct hdx_catalog *catalog) {
  static const char *const members[][2] = {{"catalog version", "version"},
                                           {"catalog status", "status"},
                                           {"catalog name", "name"},
                                           {"catalog contact", "contact"},
                                           {"catalog egress", "egress"}};
  char checked[HDX_TIME_TEXT_MAX];
  cli_info_field(render, "catalog", cli_text(hdx_catalog_url(catalog)));
  for (size_t i = 0; i < sizeof members / sizeof *members; i++)
    cli_info_field(render, members[i][0], hdx_catalog_member(catalog, members[i][1]));
  cli_info_field(render, "catalog checked", cli_text(cli_info_time(hdx_catalog_checked_at(catalog), 0, checked)));
}

static enum hdx_status put_rows(struct cli *cli, const struct cli_info_view *view, struct hdx_error *error) {
  struct cli_render render;
  enum hdx_status status = cli_rows_open(cli, &render, columns, COLUMN_COUNT, VALUE, 0, error);
  if (status == HDX_OK) {
    put_entry(&render, view->dataset);
    hdx_catalog_members(view->catalog, view->dataset, put_other_member, &render);
    put_catalog(&render, view->catalog);
    if (view->probe)
      cli_info_probe_rows(&render, view->probe);
    if (view->held)
      cli_info_held_rows(&render, view);
    else
      cli_info_field(&render, "snapshot", cli_text("nothing is held; 'heliodex index' fetches it"));
  }
  return cli_rows_close(cli, &render, status, error);
}

static void put_key(struct cli_render *render, const char *url) {
  const struct cli_cell cell = cli_cell_string(url);
  if (cell.text.size)
    cli_render_row(render, &cell);
}

/* The index files that are known, or if the servers were asked, that there are, for --format keys. */
static enum hdx_status put_keys(struct cli *cli, const struct cli_info_view *view, struct hdx_error *error) {
  static const struct cli_column column = {.name = {"url", 3}};
  struct cli_render render;
  enum hdx_status status = cli_rows_open(cli, &render, &column, 1, 0, 0, error);
  for (size_t i = 0; status == HDX_OK && view->probe && i < view->probe->count; i++)
    if (view->probe->files[i].state == HDX_YEAR_PRESENT)
      put_key(&render, view->probe->files[i].url);
  for (size_t i = 0; status == HDX_OK && !view->probe && view->held && i < view->held->year_count; i++)
    put_key(&render, view->held->years[i].url);
  return cli_rows_close(cli, &render, status, error);
}

void cli_info_string(struct cli_writer *out, const char *name, const char *value) {
  cli_writer_format(out, "\"%s\":", name);
  if (value && *value)
    cli_writer_json(out, cli_text(value));
  else
    cli_writer_string(out, "null");
}

void cli_info_text(struct cli_writer *out, const char *name, struct hdx_text value) {
  cli_writer_format(out, "\"%s\":", name);
  if (value.size)
    cli_writer_json(out, value);
  else
    cli_writer_string(out, "null");
}

void cli_info_file_begin(struct cli_writer *out, int year) {
  if (year)
    cli_writer_format(out, "{\"year\":%d,", year);
  else
    cli_writer_string(out, "{\"year\":null,");
}

static void put_json(struct cli *cli, const struct cli_info_view *view) {
  struct cli_writer *out = &cli->out;
  char checked[HDX_TIME_TEXT_MAX];
  cli_writer_string(out, cli_format(cli) == CLI_FORMAT_JSON ? "[\n{\"id\":" : "{\"id\":");
  cli_writer_json(out, view->dataset->id);
  cli_writer_byte(out, ',');
  cli_info_string(out, "catalog", hdx_catalog_url(view->catalog));
  cli_writer_byte(out, ',');
  cli_info_string(out, "catalog_checked", cli_info_time(hdx_catalog_checked_at(view->catalog), 0, checked));
  cli_writer_byte(out, ',');
  cli_info_text(out, "catalog_version", hdx_catalog_member(view->catalog, "version"));
  cli_writer_byte(out, ',');
  cli_info_text(out, "catalog_status", hdx_catalog_member(view->catalog, "status"));
  cli_writer_string(out, ",\"entry\":");
  cli_writer_json_raw(out, view->dataset->json);
  cli_writer_string(out, ",\"probe\":");
  if (view->probe)
    cli_info_probe_json(out, view->probe);
  else
    cli_writer_string(out, "null");
  cli_writer_string(out, ",\"snapshot\":");
  if (view->held)
    cli_info_held_json(out, view);
  else
    cli_writer_string(out, "null");
  cli_writer_string(out, cli_format(cli) == CLI_FORMAT_JSON ? "}\n]\n" : "}\n");
}

static enum hdx_status put_view(struct cli *cli, const struct cli_info_view *view, struct hdx_error *error) {
  switch (cli_format(cli)) {
  case CLI_FORMAT_KEYS:
    return put_keys(cli, view, error);
  case CLI_FORMAT_JSON:
  case CLI_FORMAT_NDJSON:
    put_json(cli, view);
    return cli_writer_status(&cli->out, error);
  case CLI_FORMAT_AUTO:
  case CLI_FORMAT_TABLE:
  case CLI_FORMAT_CSV:
  case CLI_FORMAT_TSV:
  default:
    break;
  }
  return put_rows(cli, view, error);
}

/* What is held of the dataset; *held stays NULL if there is nothing. */
static enum hdx_status find_held(struct cli *cli, const char *id, struct hdx_snapshot_info **held,
                                 struct hdx_error *error) {
  enum hdx_status status = hdx_snapshot_info(cli->session, cli_operand(cli, 0), id, held, error);
  if (status != HDX_NOT_FOUND)
    return status;
  *held = NULL;
  return HDX_OK;
}

/* The servers are asked for what is not held, or anew. */
static bool asks(const struct cli *cli, const struct cli_info_view *view) {
  const struct cli_settings *settings = cli_settings(cli);
  return !settings->offline && (settings->refresh || !view->held);
}

/* What could not be asked for ends the run with its status, but hides nothing of what is known. */
static enum hdx_status judge(const struct hdx_probe *probe, struct hdx_error *error) {
  const char *message;
  size_t failures = cli_info_probe_failures(probe, &message);
  if (!failures)
    return HDX_OK;
  return cli_fail(error, HDX_PARTIAL, "%zu of %zu index files could not be asked for; the first: %s", failures,
                  probe->count, message);
}

static enum hdx_status show(struct cli *cli, struct cli_info_view *view, const char *id, struct hdx_error *error) {
  struct hdx_snapshot_info *held = NULL;
  struct hdx_probe *probe = NULL;
  struct hdx_error why;
  enum hdx_status probed = HDX_OK, status = find_held(cli, id, &held, error);
  view->held = held;
  if (status == HDX_OK && held)
    status = hdx_snapshot_columns(held, &view->columns, &view->column_count, error);
  if (status == HDX_OK && asks(cli, view)) {
    probed = hdx_probe(cli->session, cli_operand(cli, 0), id, &probe, &why);
    cli_messages_live(&cli->messages, NULL);
    if (probed == HDX_OK)
      probed = judge(probe, &why);
    cli_messages_live(&cli->messages, NULL);
  }
  view->probe = probe;
  if (status == HDX_OK && probed != HDX_INTERRUPTED)
    status = put_view(cli, view, error);
  if (status == HDX_OK && probed != HDX_OK) {
    *error = why;
    status = probed;
  }
  hdx_probe_free(probe);
  hdx_column_info_free(view->columns);
  hdx_snapshot_info_free(held);
  return status;
}

static enum hdx_status run(struct cli *cli, struct hdx_error *error) {
  struct hdx_catalog *catalog;
  struct cli_info_view view = {.held = NULL};
  enum hdx_status status = hdx_catalog_load(cli->session, cli_operand(cli, 0), &catalog, error);
  if (status != HDX_OK)
    return status;
  view.catalog = catalog;
  status = hdx_catalog_find(catalog, cli_operand(cli, 1), &view.dataset, error);
  if (status == HDX_OK) {
    char *id = strndup(view.dataset->id.data, view.dataset->id.size);
    status = id ? show(cli, &view, id, error) : cli_fail(error, HDX_MEMORY, "out of memory");
    free(id);
  }
  hdx_catalog_close(catalog);
  return status;
}

static const char *const examples[] = {
    "heliodex info gov-nasa-hdrl-data1 aia_0094",
    "heliodex info gov-nasa-hdrl-data1 aia_0094 --refresh --json",
    NULL,
};

const struct cli_verb cli_verb_info = {
    .name = "info",
    .operands = "BUCKET ID",
    .operands_min = 2,
    .operands_max = 2,
    .bit = CLI_VERB_INFO,
    .needs = CLI_NEED_SESSION | CLI_NEED_OUTPUT,
    .summary = "show a dataset's catalog entry, its index files and what is held",
    .description =
        "Shows the catalog entry of one dataset with all its members, what the catalog says of itself, its index files "
        "with their state (present, gap, stale, vanished, failed) and its reason, rows, bytes, ETag and dates, and "
        "what "
        "the local snapshot holds: 'held as of' is when the servers last confirmed it, the oldest year first; 'column' "
        "is what a column takes in the snapshot and how it is written there, each way with the number of blocks.\n\n"
        "Of each index file it tells what it looked like (csv, then header, quoted with ', no stop column, CRLF, byte "
        "order mark, gzip or zip: what it has of these), how many times and quotes were mended, how many rows equal "
        "another of the file in start, stop and key (all are kept; of files out of order with more than 8,192 rows "
        "only "
        "those that follow each other are counted), and whether rows are out of order. 'extra column' has type, units "
        "and description where the file of parameters beside the index files states them.\n\n"
        "The servers are asked if nothing is held of the dataset, or with --refresh: by one list, or else by a byte of "
        "each year's file, they tell which index files exist, and the first 64 KiB of the first one give its first row "
        "and its form. What is held is shown without a request; --offline never makes one. Index files that cannot be "
        "asked for end it with exit status 1. --format json and ndjson give one object with the entry as published; "
        "--format keys the URLs of the index files.",
    .examples = examples,
    .run = run,
};
