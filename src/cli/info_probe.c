#include "cli/info.h"

#include <inttypes.h>
#include <stdio.h>

size_t cli_info_probe_failures(const struct hdx_probe *probe, const char **message) {
  size_t count = 0;
  *message = "";
  for (size_t i = 0; i < probe->count; i++)
    if (probe->files[i].state == HDX_YEAR_FAILED && count++ == 0)
      *message = probe->files[i].message;
  return count;
}

/* "2015 to 2021: 5 present, 1 gap". */
static void put_years(struct cli_render *render, const struct hdx_probe *probe) {
  size_t present = 0, gaps = 0, failed = 0;
  char span[48] = "";
  for (size_t i = 0; i < probe->count; i++) {
    present += probe->files[i].state == HDX_YEAR_PRESENT;
    gaps += probe->files[i].state == HDX_YEAR_GAP;
    failed += probe->files[i].state == HDX_YEAR_FAILED;
  }
  if (probe->count == 1 && probe->files[0].year)
    snprintf(span, sizeof span, "%d: ", probe->files[0].year);
  else if (probe->count > 1)
    snprintf(span, sizeof span, "%d to %d: ", probe->files[0].year, probe->files[probe->count - 1].year);
  if (failed)
    cli_info_format(render, "index files", "%s%zu present, %zu gap%s, %zu failed", span, present, gaps,
                    gaps == 1 ? "" : "s", failed);
  else
    cli_info_format(render, "index files", "%s%zu present, %zu gap%s", span, present, gaps, gaps == 1 ? "" : "s");
}

static void put_file(struct cli_render *render, const struct hdx_probed_file *file) {
  char field[32] = "index file", bytes[CLI_HUMAN_MAX], size[CLI_HUMAN_MAX + 2] = "";
  if (file->year)
    snprintf(field, sizeof field, "index file %d", file->year);
  if (file->size != UINT64_MAX)
    snprintf(size, sizeof size, ", %s", cli_human_bytes(file->size, bytes));
  cli_info_format(render, field, "%s%s%s%s%s%s%s%s, %s", hdx_year_state_name(file->state), size,
                  *file->etag ? ", ETag " : "", file->etag, *file->last_modified ? ", of " : "", file->last_modified,
                  *file->message ? ", " : "", file->message, file->url);
}

/* The fewest digits that tell the time exactly. */
static int digits_of(int64_t time_ns) {
  int64_t rest = time_ns % 1000000000;
  return rest == 0 ? 0 : rest % 1000000 == 0 ? 3 : rest % 1000 == 0 ? 6 : 9;
}

static const char *row_time(int64_t time_ns, char out[HDX_TIME_TEXT_MAX]) {
  if (time_ns != HDX_TIME_STATIC)
    return cli_info_time(time_ns, digits_of(time_ns), out);
  snprintf(out, HDX_TIME_TEXT_MAX, "static");
  return out;
}

static void put_row(struct cli_render *render, const struct hdx_probe *probe) {
  char start[HDX_TIME_TEXT_MAX], stop[HDX_TIME_TEXT_MAX], size[32] = "";
  int64_t shown_stop = cli_shown_stop(probe->start, probe->stop);
  if (probe->size >= 0)
    snprintf(size, sizeof size, ", %" PRId64 " bytes", probe->size);
  cli_info_format(render, "first row", "%s%s%s, %.*s%s", row_time(probe->start, start),
                  probe->stop == HDX_TIME_NONE ? "" : " to ", row_time(shown_stop, stop), CLI_TEXT_ARG(probe->key),
                  size);
  cli_info_field(render, "form", cli_text(probe->form));
}

void cli_info_probe_rows(struct cli_render *render, const struct hdx_probe *probe) {
  put_years(render, probe);
  if (probe->has_row)
    put_row(render, probe);
  else if (*probe->message)
    cli_info_format(render, "first row", "none: %s", probe->message);
  for (size_t i = 0; i < probe->count; i++)
    put_file(render, &probe->files[i]);
}

static void put_json_file(struct cli_writer *out, const struct hdx_probed_file *file) {
  cli_info_file_begin(out, file->year);
  cli_info_string(out, "state", hdx_year_state_name(file->state));
  if (file->size != UINT64_MAX)
    cli_writer_format(out, ",\"bytes\":%" PRIu64 ",", file->size);
  else
    cli_writer_string(out, ",\"bytes\":null,");
  cli_info_string(out, "url", file->url);
  cli_writer_byte(out, ',');
  cli_info_string(out, "etag", file->etag);
  cli_writer_byte(out, ',');
  cli_info_string(out, "last_modified", file->last_modified);
  cli_writer_byte(out, ',');
  cli_info_string(out, "reason", file->message);
  cli_writer_byte(out, '}');
}

static void put_json_row(struct cli_writer *out, const struct hdx_probe *probe) {
  char time[HDX_TIME_TEXT_MAX];
  cli_writer_byte(out, '{');
  cli_info_string(out, "start", row_time(probe->start, time));
  cli_writer_byte(out, ',');
  cli_info_string(out, "stop", row_time(cli_shown_stop(probe->start, probe->stop), time));
  cli_writer_byte(out, ',');
  cli_info_text(out, "datakey", probe->key);
  if (probe->size >= 0)
    cli_writer_format(out, ",\"filesize\":%" PRId64 "}", probe->size);
  else
    cli_writer_string(out, ",\"filesize\":null}");
}

void cli_info_probe_json(struct cli_writer *out, const struct hdx_probe *probe) {
  cli_writer_string(out, "{\"first_row\":");
  if (probe->has_row)
    put_json_row(out, probe);
  else
    cli_writer_string(out, "null");
  cli_writer_byte(out, ',');
  cli_info_string(out, "reason", probe->message);
  cli_writer_byte(out, ',');
  cli_info_string(out, "form", probe->form);
  cli_writer_string(out, ",\"index_files\":[");
  for (size_t i = 0; i < probe->count; i++) {
    if (i > 0)
      cli_writer_byte(out, ',');
    put_json_file(out, &probe->files[i]);
  }
  cli_writer_string(out, "]}");
}
