/* One dataset: its catalog entry and what the store holds of it. As rows of two columns, or as one JSON object. */
#include "cli/cli.h"
#include "cli/values.h"
#include "cli/verbs.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELD, VALUE, COLUMN_COUNT };

static const struct cli_column columns[COLUMN_COUNT] = {
    [FIELD] = {.name = {"field", 5}},
    [VALUE] = {.name = {"value", 5}},
};

struct view {
  const struct hdx_catalog *catalog;
  const struct hdx_dataset *dataset;
  const struct hdx_snapshot_info *held; /* NULL: nothing */
  struct hdx_column_info *columns;      /* of the snapshot */
  size_t column_count;
};

static const char *time_text(int64_t time_ns, int digits, char out[HDX_TIME_TEXT_MAX]) {
  if (time_ns == HDX_TIME_NONE)
    out[0] = 0;
  else
    *cli_render_time(&(struct cli_day){0}, time_ns, digits, out) = 0;
  return out;
}

static void put_field(struct cli_render *render, const char *field, struct hdx_text value) {
  const struct cli_cell cells[COLUMN_COUNT] = {[FIELD] = cli_cell_string(field), [VALUE] = cli_cell_text(value)};
  if (value.size)
    cli_render_row(render, cells);
}

__attribute__((format(printf, 3, 4))) static void put_field_format(struct cli_render *render, const char *field,
                                                                   const char *format, ...) {
  char *value = NULL;
  va_list args;
  va_start(args, format);
  if (vasprintf(&value, format, args) < 0)
    value = NULL;
  va_end(args);
  if (value)
    put_field(render, field, cli_text(value));
  else
    render->failed = true;
  free(value);
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
      {"collections", d->collections},
      {"tags", d->tags},
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
    put_field(render, fields[i].field, fields[i].value);
}

/* When the years held were last confirmed by their servers: the oldest and the newest time, HDX_TIME_NONE: never. */
static void find_checked(const struct hdx_snapshot_info *held, int64_t *oldest, int64_t *newest) {
  *oldest = *newest = HDX_TIME_NONE;
  for (size_t i = 0; i < held->year_count; i++) {
    int64_t at = held->years[i].checked_at;
    if (at == HDX_TIME_NONE)
      continue;
    if (*oldest == HDX_TIME_NONE || at < *oldest)
      *oldest = at;
    if (*newest == HDX_TIME_NONE || at > *newest)
      *newest = at;
  }
}

static void put_checked(struct cli_render *render, const struct hdx_snapshot_info *held) {
  int64_t oldest, newest;
  char a[HDX_TIME_TEXT_MAX], b[HDX_TIME_TEXT_MAX];
  find_checked(held, &oldest, &newest);
  if (strcmp(time_text(oldest, 0, a), time_text(newest, 0, b)) == 0)
    put_field(render, "held as of", cli_text(a));
  else
    put_field_format(render, "held as of", "%s to %s", a, b);
}

/* "2015 to 2021: 5 present, 1 gap, 1 stale". */
static void put_years(struct cli_render *render, const struct hdx_snapshot_info *held) {
  enum { STATES = HDX_YEAR_FAILED + 1 };
  size_t counts[STATES] = {0}, used = 0;
  int first = 0, last = 0;
  char text[256] = "";
  for (size_t i = 0; i < held->year_count; i++) {
    const struct hdx_year *year = &held->years[i];
    counts[year->state]++;
    first = year->year && (!first || year->year < first) ? year->year : first;
    last = year->year > last ? year->year : last;
  }
  for (int state = 0; state < STATES; state++)
    if (counts[state] && used < sizeof text)
      used += (size_t)snprintf(text + used, sizeof text - used, "%s%zu %s%s", used ? ", " : "", counts[state],
                               hdx_year_state_name((enum hdx_year_state)state),
                               state == HDX_YEAR_GAP && counts[state] > 1 ? "s" : "");
  if (!last)
    put_field_format(render, "held file", "static: %s", text);
  else if (first == last)
    put_field_format(render, "held years", "%d: %s", first, text);
  else
    put_field_format(render, "held years", "%d to %d: %s", first, last, text);
}

static void put_year(struct cli_render *render, const struct hdx_year *year) {
  char field[32] = "index file", checked[HDX_TIME_TEXT_MAX], rows[CLI_HUMAN_MAX], bytes[CLI_HUMAN_MAX];
  char sizes[3 * CLI_HUMAN_MAX] = "", bad[64] = "";
  if (year->year)
    snprintf(field, sizeof field, "index file %d", year->year);
  if (year->bad_rows)
    snprintf(bad, sizeof bad, ", %" PRIu64 " bad", year->bad_rows);
  /* What has no file has no rows or bytes to tell of. */
  if (year->rows || year->bytes || year->state == HDX_YEAR_PRESENT)
    snprintf(sizes, sizeof sizes, ", %s rows%s, %s", cli_human_count(year->rows, rows), bad,
             cli_human_bytes(year->bytes, bytes));
  put_field_format(render, field, "%s%s, checked %s%s%s%s%s%s%s%s%s", hdx_year_state_name(year->state), sizes,
                   time_text(year->checked_at, 0, checked), *year->etag ? ", ETag " : "", year->etag,
                   *year->last_modified ? ", of " : "", year->last_modified, *year->reason ? ", " : "", year->reason,
                   *year->url ? ", " : "", year->url);
}

static double bytes_per_row(uint64_t bytes, const struct hdx_snapshot_info *held) {
  return held->rows ? (double)bytes / (double)held->rows : 0;
}

/* "datakey: 193 B, 0.000 bytes a row, s3://…/{start:%Y%m%d}/… (193)". */
static void put_columns(struct cli_render *render, const struct view *view) {
  char bytes[CLI_HUMAN_MAX];
  for (size_t i = 0; i < view->column_count; i++) {
    const struct hdx_column_info *column = &view->columns[i];
    put_field_format(render, "column", "%s: %s, %.4f bytes a row, %s", column->name,
                     cli_human_bytes(column->bytes, bytes), bytes_per_row(column->bytes, view->held), column->encoding);
  }
}

static void put_held(struct cli_render *render, const struct view *view) {
  const struct hdx_snapshot_info *held = view->held;
  char first[HDX_TIME_TEXT_MAX], last[HDX_TIME_TEXT_MAX], a[CLI_HUMAN_MAX], b[CLI_HUMAN_MAX];
  put_field(render, "snapshot", cli_text(held->path));
  put_checked(render, held);
  if (held->year_count > 0)
    put_years(render, held);
  put_field_format(render, "held rows", "%s in %s block%s", cli_human_count(held->rows, a),
                   cli_human_count(held->blocks, b), held->blocks == 1 ? "" : "s");
  put_field_format(render, "held bytes", "%s, %.3f a row", cli_human_bytes(held->file_bytes, a),
                   bytes_per_row(held->file_bytes, held));
  if (held->rows > 0)
    put_field_format(render, "held times", "%s to %s%s", time_text(held->first, held->time_digits, first),
                     time_text(cli_shown_stop(held->first, held->last), held->time_digits, last),
                     held->stop_made_up ? " (stops are made up: the next row's start)" : "");
  put_field_format(render, "data files", "%s%s", cli_human_bytes(held->size_sum, a),
                   held->size_missing ? ", some without a stated size" : "");
  for (size_t i = 0; i < held->extra_count; i++)
    put_field(render, "extra column", held->extra_names[i]);
  put_columns(render, view);
  for (size_t i = 0; i < held->year_count; i++)
    put_year(render, &held->years[i]);
}

static enum hdx_status put_rows(struct cli *cli, const struct view *view, struct hdx_error *error) {
  char checked[HDX_TIME_TEXT_MAX];
  struct cli_render render;
  enum hdx_status status = cli_rows_open(cli, &render, columns, COLUMN_COUNT, VALUE, 0, error);
  if (status == HDX_OK) {
    put_entry(&render, view->dataset);
    put_field(&render, "catalog", cli_text(hdx_catalog_url(view->catalog)));
    put_field(&render, "catalog checked", cli_text(time_text(hdx_catalog_checked_at(view->catalog), 0, checked)));
    if (view->held)
      put_held(&render, view);
    else
      put_field(&render, "snapshot", cli_text("nothing is held; 'heliodex index' fetches it"));
  }
  return cli_rows_close(cli, &render, status, error);
}

/* The index files that are known, for --format keys. */
static enum hdx_status put_keys(struct cli *cli, const struct view *view, struct hdx_error *error) {
  static const struct cli_column column = {.name = {"url", 3}};
  struct cli_render render;
  enum hdx_status status = cli_rows_open(cli, &render, &column, 1, 0, 0, error);
  for (size_t i = 0; status == HDX_OK && view->held && i < view->held->year_count; i++) {
    const struct cli_cell cell = cli_cell_string(view->held->years[i].url);
    if (cell.text.size)
      cli_render_row(&render, &cell);
  }
  return cli_rows_close(cli, &render, status, error);
}

static void put_string(struct cli_writer *out, const char *name, const char *value) {
  cli_writer_format(out, "\"%s\":", name);
  if (value && *value)
    cli_writer_json(out, cli_text(value));
  else
    cli_writer_string(out, "null");
}

static void put_json_year(struct cli_writer *out, const struct hdx_year *year) {
  char checked[HDX_TIME_TEXT_MAX];
  if (year->year)
    cli_writer_format(out, "{\"year\":%d,", year->year);
  else
    cli_writer_string(out, "{\"year\":null,");
  put_string(out, "state", hdx_year_state_name(year->state));
  cli_writer_format(out, ",\"rows\":%" PRIu64 ",\"bad_rows\":%" PRIu64 ",\"bytes\":%" PRIu64 ",", year->rows,
                    year->bad_rows, year->bytes);
  put_string(out, "url", year->url);
  cli_writer_byte(out, ',');
  put_string(out, "etag", year->etag);
  cli_writer_byte(out, ',');
  put_string(out, "last_modified", year->last_modified);
  cli_writer_byte(out, ',');
  put_string(out, "checked", time_text(year->checked_at, 0, checked));
  cli_writer_byte(out, ',');
  put_string(out, "reason", year->reason);
  cli_writer_byte(out, '}');
}

static void put_json_columns(struct cli_writer *out, const struct view *view) {
  for (size_t i = 0; i < view->column_count; i++) {
    const struct hdx_column_info *column = &view->columns[i];
    cli_writer_string(out, i ? ",{" : "{");
    put_string(out, "name", column->name);
    cli_writer_format(out, ",\"bytes\":%" PRIu64 ",\"bytes_per_row\":%.6f,", column->bytes,
                      bytes_per_row(column->bytes, view->held));
    put_string(out, "encoding", column->encoding);
    cli_writer_byte(out, '}');
  }
}

static void put_json_held(struct cli_writer *out, const struct view *view) {
  const struct hdx_snapshot_info *held = view->held;
  char time[HDX_TIME_TEXT_MAX];
  int64_t oldest, newest;
  find_checked(held, &oldest, &newest);
  cli_writer_byte(out, '{');
  put_string(out, "path", held->path);
  cli_writer_byte(out, ',');
  put_string(out, "checked", time_text(oldest, 0, time));
  cli_writer_format(out,
                    ",\"rows\":%" PRIu64 ",\"blocks\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"size_sum\":%" PRIu64
                    ",\"size_missing\":%" PRIu64 ",",
                    held->rows, held->blocks, held->file_bytes, held->size_sum, held->size_missing);
  put_string(out, "first", time_text(held->first, held->time_digits, time));
  cli_writer_byte(out, ',');
  put_string(out, "last", time_text(cli_shown_stop(held->first, held->last), held->time_digits, time));
  cli_writer_format(out, ",\"time_digits\":%d,\"stop_made_up\":%s,\"extra_columns\":[", held->time_digits,
                    held->stop_made_up ? "true" : "false");
  for (size_t i = 0; i < held->extra_count; i++) {
    if (i > 0)
      cli_writer_byte(out, ',');
    cli_writer_json(out, held->extra_names[i]);
  }
  cli_writer_string(out, "],\"columns\":[");
  put_json_columns(out, view);
  cli_writer_string(out, "],\"index_files\":[");
  for (size_t i = 0; i < held->year_count; i++) {
    if (i > 0)
      cli_writer_byte(out, ',');
    put_json_year(out, &held->years[i]);
  }
  cli_writer_string(out, "]}");
}

static void put_json(struct cli *cli, const struct view *view) {
  struct cli_writer *out = &cli->out;
  char checked[HDX_TIME_TEXT_MAX];
  cli_writer_string(out, cli_format(cli) == CLI_FORMAT_JSON ? "[\n{\"id\":" : "{\"id\":");
  cli_writer_json(out, view->dataset->id);
  cli_writer_byte(out, ',');
  put_string(out, "catalog", hdx_catalog_url(view->catalog));
  cli_writer_byte(out, ',');
  put_string(out, "catalog_checked", time_text(hdx_catalog_checked_at(view->catalog), 0, checked));
  cli_writer_string(out, ",\"entry\":");
  cli_writer_json_raw(out, view->dataset->json);
  cli_writer_string(out, ",\"snapshot\":");
  if (view->held)
    put_json_held(out, view);
  else
    cli_writer_string(out, "null");
  cli_writer_string(out, cli_format(cli) == CLI_FORMAT_JSON ? "}\n]\n" : "}\n");
}

static enum hdx_status put_view(struct cli *cli, const struct view *view, struct hdx_error *error) {
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

static enum hdx_status run(struct cli *cli, struct hdx_error *error) {
  const char *bucket = cli_operand(cli, 0);
  struct hdx_catalog *catalog;
  struct hdx_snapshot_info *held = NULL;
  const struct hdx_dataset *dataset = NULL;
  enum hdx_status status = hdx_catalog_load(cli->session, bucket, &catalog, error);
  if (status != HDX_OK)
    return status;
  status = hdx_catalog_find(catalog, cli_operand(cli, 1), &dataset, error);
  if (status == HDX_OK) {
    char *id = strndup(dataset->id.data, dataset->id.size);
    status =
        id ? hdx_snapshot_info(cli->session, bucket, id, &held, error) : cli_fail(error, HDX_MEMORY, "out of memory");
    free(id);
    if (status == HDX_NOT_FOUND) {
      held = NULL;
      status = HDX_OK;
    }
  }
  struct view view = {.catalog = catalog, .dataset = dataset, .held = held};
  if (status == HDX_OK && held)
    status = hdx_snapshot_columns(held, &view.columns, &view.column_count, error);
  if (status == HDX_OK)
    status = put_view(cli, &view, error);
  hdx_column_info_free(view.columns);
  hdx_snapshot_info_free(held);
  hdx_catalog_close(catalog);
  return status;
}

static const char *const examples[] = {
    "heliodex info gov-nasa-hdrl-data1 aia_0094",
    "heliodex info gov-nasa-hdrl-data1 aia_0094 --json",
    NULL,
};

const struct cli_verb cli_verb_info = {
    .name = "info",
    .operands = "BUCKET ID",
    .operands_min = 2,
    .operands_max = 2,
    .bit = CLI_VERB_INFO,
    .needs = CLI_NEED_SESSION | CLI_NEED_OUTPUT,
    .summary = "show a dataset's catalog entry and what is held of it",
    .description =
        "Shows the catalog entry of one dataset, its index files with their state (present, gap, stale, "
        "vanished, failed), rows, bytes, ETag and dates, and what the local snapshot holds: 'held as of' is when "
        "the servers last confirmed it, the oldest year first; 'column' is what a column takes in the snapshot and how "
        "it "
        "is written there, each way with the number of blocks. --format json and ndjson give one object with the entry "
        "as published; --format keys the URLs of the index files.",
    .examples = examples,
    .run = run,
};
