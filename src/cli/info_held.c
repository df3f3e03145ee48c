#include "cli/info.h"

#include <inttypes.h>
#include <stdio.h>

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
  if (strcmp(cli_info_time(oldest, 0, a), cli_info_time(newest, 0, b)) == 0)
    cli_info_field(render, "held as of", cli_text(a));
  else
    cli_info_format(render, "held as of", "%s to %s", a, b);
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
    cli_info_format(render, "held file", "static: %s", text);
  else if (first == last)
    cli_info_format(render, "held years", "%d: %s", first, text);
  else
    cli_info_format(render, "held years", "%d to %d: %s", first, last, text);
}

/* ", 3 repairs, 1 duplicate, out of order"; what there is of it. */
static const char *oddities(const struct hdx_year *year, char *out, size_t size) {
  const struct {
    uint64_t count;
    const char *what;
  } counts[] = {{year->repairs, "repair"}, {year->duplicates, "duplicate"}};
  size_t used = 0;
  out[0] = 0;
  for (size_t i = 0; i < 2; i++)
    if (counts[i].count)
      used += (size_t)snprintf(out + used, size - used, ", %" PRIu64 " %s%s", counts[i].count, counts[i].what,
                               counts[i].count == 1 ? "" : "s");
  if (year->unsorted)
    snprintf(out + used, size - used, ", out of order");
  return out;
}

static void put_year(struct cli_render *render, const struct hdx_year *year) {
  char field[32] = "index file", checked[HDX_TIME_TEXT_MAX], rows[CLI_HUMAN_MAX], bytes[CLI_HUMAN_MAX];
  char sizes[3 * CLI_HUMAN_MAX] = "", bad[64] = "", odd[160];
  if (year->year)
    snprintf(field, sizeof field, "index file %d", year->year);
  if (year->bad_rows)
    snprintf(bad, sizeof bad, ", %" PRIu64 " bad", year->bad_rows);
  /* What has no file has no rows or bytes to tell of. */
  if (year->rows || year->bytes || year->state == HDX_YEAR_PRESENT)
    snprintf(sizes, sizeof sizes, ", %s rows%s, %s", cli_human_count(year->rows, rows), bad,
             cli_human_bytes(year->bytes, bytes));
  cli_info_format(render, field, "%s%s%s%s%s, checked %s%s%s%s%s%s%s%s%s", hdx_year_state_name(year->state), sizes,
                  *year->form ? ", " : "", year->form, oddities(year, odd, sizeof odd),
                  cli_info_time(year->checked_at, 0, checked), *year->etag ? ", ETag " : "", year->etag,
                  *year->last_modified ? ", of " : "", year->last_modified, *year->reason ? ", " : "", year->reason,
                  *year->url ? ", " : "", year->url);
}

static double bytes_per_row(uint64_t bytes, const struct hdx_snapshot_info *held) {
  return held->rows ? (double)bytes / (double)held->rows : 0;
}

/* "datakey: 193 B, 0.000 bytes a row, s3://…/{start:%Y%m%d}/… (193)". */
static void put_columns(struct cli_render *render, const struct cli_info_view *view) {
  char bytes[CLI_HUMAN_MAX];
  for (size_t i = 0; i < view->column_count; i++) {
    const struct hdx_column_info *column = &view->columns[i];
    cli_info_format(render, "column", "%s: %s, %.4f bytes a row, %s", column->name,
                    cli_human_bytes(column->bytes, bytes), bytes_per_row(column->bytes, view->held), column->encoding);
  }
}

/* "quality: int, 1, "0 is best""; the name alone where nothing is known of it. */
static void put_extra(struct cli_render *render, struct hdx_text name, const struct hdx_parameter *parameter) {
  const char *type = hdx_parameter_type_name(parameter->type);
  struct hdx_text units = parameter->units, description = parameter->description;
  const char *colon = *type || units.size || description.size ? ": " : "";
  const char *before_units = *type && units.size ? ", " : "", *quote = description.size ? "\"" : "";
  const char *before_quote = (*type || units.size) && description.size ? ", " : "";
  cli_info_format(render, "extra column", "%.*s%s%s%s%.*s%s%s%.*s%s", CLI_TEXT_ARG(name), colon, type, before_units,
                  CLI_TEXT_ARG(units), before_quote, quote, CLI_TEXT_ARG(description), quote);
}

void cli_info_held_rows(struct cli_render *render, const struct cli_info_view *view) {
  const struct hdx_snapshot_info *held = view->held;
  char first[HDX_TIME_TEXT_MAX], last[HDX_TIME_TEXT_MAX], a[CLI_HUMAN_MAX], b[CLI_HUMAN_MAX];
  cli_info_field(render, "snapshot", cli_text(held->path));
  put_checked(render, held);
  if (held->year_count > 0)
    put_years(render, held);
  cli_info_format(render, "held rows", "%s in %s block%s", cli_human_count(held->rows, a),
                  cli_human_count(held->blocks, b), held->blocks == 1 ? "" : "s");
  cli_info_format(render, "held bytes", "%s, %.3f a row", cli_human_bytes(held->file_bytes, a),
                  bytes_per_row(held->file_bytes, held));
  if (held->rows > 0)
    cli_info_format(render, "held times", "%s to %s%s", cli_info_time(held->first, held->time_digits, first),
                    cli_info_time(cli_shown_stop(held->first, held->last), held->time_digits, last),
                    held->stop_made_up ? " (stops are made up: the next row's start)" : "");
  cli_info_format(render, "data files", "%s%s", cli_human_bytes(held->size_sum, a),
                  held->size_missing ? ", some without a stated size" : "");
  for (size_t i = 0; i < held->extra_count; i++)
    put_extra(render, held->extra_names[i], &held->extras[i]);
  put_columns(render, view);
  for (size_t i = 0; i < held->year_count; i++)
    put_year(render, &held->years[i]);
}

static void put_json_year(struct cli_writer *out, const struct hdx_year *year) {
  char checked[HDX_TIME_TEXT_MAX];
  cli_info_file_begin(out, year->year);
  cli_info_string(out, "state", hdx_year_state_name(year->state));
  cli_writer_format(out, ",\"rows\":%" PRIu64 ",\"bad_rows\":%" PRIu64 ",\"bytes\":%" PRIu64 ",", year->rows,
                    year->bad_rows, year->bytes);
  cli_info_string(out, "form", year->form);
  cli_writer_format(out, ",\"repairs\":%" PRIu64 ",\"duplicates\":%" PRIu64 ",\"out_of_order\":%s,", year->repairs,
                    year->duplicates, year->unsorted ? "true" : "false");
  cli_info_string(out, "url", year->url);
  cli_writer_byte(out, ',');
  cli_info_string(out, "etag", year->etag);
  cli_writer_byte(out, ',');
  cli_info_string(out, "last_modified", year->last_modified);
  cli_writer_byte(out, ',');
  cli_info_string(out, "checked", cli_info_time(year->checked_at, 0, checked));
  cli_writer_byte(out, ',');
  cli_info_string(out, "reason", year->reason);
  cli_writer_byte(out, '}');
}

static void put_json_extra(struct cli_writer *out, size_t i, struct hdx_text name,
                           const struct hdx_parameter *parameter) {
  cli_writer_string(out, i ? ",{" : "{");
  cli_info_text(out, "name", name);
  cli_writer_byte(out, ',');
  cli_info_string(out, "type", hdx_parameter_type_name(parameter->type));
  cli_writer_byte(out, ',');
  cli_info_text(out, "units", parameter->units);
  cli_writer_byte(out, ',');
  cli_info_text(out, "description", parameter->description);
  cli_writer_byte(out, '}');
}

static void put_json_columns(struct cli_writer *out, const struct cli_info_view *view) {
  for (size_t i = 0; i < view->column_count; i++) {
    const struct hdx_column_info *column = &view->columns[i];
    cli_writer_string(out, i ? ",{" : "{");
    cli_info_string(out, "name", column->name);
    cli_writer_format(out, ",\"bytes\":%" PRIu64 ",\"bytes_per_row\":%.6f,", column->bytes,
                      bytes_per_row(column->bytes, view->held));
    cli_info_string(out, "encoding", column->encoding);
    cli_writer_byte(out, '}');
  }
}

void cli_info_held_json(struct cli_writer *out, const struct cli_info_view *view) {
  const struct hdx_snapshot_info *held = view->held;
  char time[HDX_TIME_TEXT_MAX];
  int64_t oldest, newest;
  find_checked(held, &oldest, &newest);
  cli_writer_byte(out, '{');
  cli_info_string(out, "path", held->path);
  cli_writer_byte(out, ',');
  cli_info_string(out, "checked", cli_info_time(oldest, 0, time));
  cli_writer_format(out,
                    ",\"rows\":%" PRIu64 ",\"blocks\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"size_sum\":%" PRIu64
                    ",\"size_missing\":%" PRIu64 ",",
                    held->rows, held->blocks, held->file_bytes, held->size_sum, held->size_missing);
  cli_info_string(out, "first", cli_info_time(held->first, held->time_digits, time));
  cli_writer_byte(out, ',');
  cli_info_string(out, "last", cli_info_time(cli_shown_stop(held->first, held->last), held->time_digits, time));
  cli_writer_format(out, ",\"time_digits\":%d,\"stop_made_up\":%s,\"extra_columns\":[", held->time_digits,
                    held->stop_made_up ? "true" : "false");
  for (size_t i = 0; i < held->extra_count; i++) {
    if (i > 0)
      cli_writer_byte(out, ',');
    cli_writer_json(out, held->extra_names[i]);
  }
  cli_writer_string(out, "],\"parameters\":[");
  for (size_t i = 0; i < held->extra_count; i++)
    put_json_extra(out, i, held->extra_names[i], &held->extras[i]);
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
