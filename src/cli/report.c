#include "cli/report.h"

#include "cli/values.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* More would bury the summary; the rest is counted. */
#define TOLD_MAX 20

/* One that cannot be opened is told once, and is not there to be closed. */
static enum hdx_status open_file(struct cli_writer *writer, const char *path, struct hdx_error *error) {
  enum hdx_status status = cli_writer_open(writer, path, error);
  if (status != HDX_OK)
    cli_writer_close(writer, false, NULL);
  return status;
}

enum hdx_status cli_report_open(struct cli *cli, struct cli_report *report, struct hdx_error *error) {
  const struct cli_settings *settings = cli_settings(cli);
  *report = (struct cli_report){.messages = &cli->messages};
  enum hdx_status status = HDX_OK;
  if (settings->report)
    status = open_file(&report->lines, settings->report, error);
  if (status == HDX_OK && settings->failed_out)
    status = open_file(&report->ids, settings->failed_out, error);
  return status;
}

static void remember_failed(struct cli_report *report, struct hdx_text id) {
  if (report->failed_count > 0 && cli_text_is(id, report->failed[report->failed_count - 1]))
    return; /* another year of the same dataset */
  if (report->failed_count == report->failed_capacity) {
    size_t capacity = report->failed_capacity * 2 + 64;
    char **failed = realloc(report->failed, capacity * sizeof *failed);
    if (!failed) {
      report->status = HDX_MEMORY;
      return;
    }
    report->failed = failed;
    report->failed_capacity = capacity;
  }
  char *copy = strndup(id.data, id.size);
  if (copy)
    report->failed[report->failed_count++] = copy;
  else
    report->status = HDX_MEMORY;
}

static void tell(struct cli_report *report, const struct cli_report_item *item) {
  if (report->told >= TOLD_MAX && !cli_messages_shown(report->messages, CLI_INFO)) {
    report->untold++;
    return;
  }
  report->told++;
  char year[16] = "";
  if (item->year)
    snprintf(year, sizeof year, " %d", item->year);
  cli_message(report->messages, CLI_ERROR, "%.*s%s: %s", CLI_TEXT_ARG(item->id), year,
              *item->message ? item->message : hdx_status_text(item->status));
}

static void put_text(struct cli_writer *out, const char *name, struct hdx_text text) {
  cli_writer_format(out, ",\"%s\":", name);
  if (text.size)
    cli_writer_json(out, text);
  else
    cli_writer_string(out, "null");
}

static void put_year(struct cli_writer *out, int year) {
  if (year)
    cli_writer_format(out, ",\"year\":%d", year);
  else
    cli_writer_string(out, ",\"year\":null");
}

static void put_line(struct cli_writer *out, const struct cli_report_item *item) {
  cli_writer_format(out, "{\"status\":\"%s\",\"exit\":%d", hdx_status_name(item->status),
                    hdx_status_exit_code(item->status));
  put_text(out, "bucket", cli_text(item->bucket));
  put_text(out, "id", item->id);
  put_year(out, item->year);
  put_text(out, "state", cli_text(item->state));
  put_text(out, "url", cli_text(item->url));
  put_text(out, "message", cli_text(item->message));
  cli_writer_format(out, ",\"dropped\":%s,\"rows\":%" PRIu64 ",\"bad_rows\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n",
                    item->dropped ? "true" : "false", item->rows, item->bad_rows, item->bytes);
}

void cli_report_add(struct cli_report *report, const struct cli_report_item *item) {
  if (report->lines.data)
    put_line(&report->lines, item);
  if (!item->failed)
    return;
  if (report->ids.data)
    remember_failed(report, item->id);
  tell(report, item);
}

void cli_report_bad_row(struct cli_report *report, const struct hdx_bad_row *bad_row) {
  struct cli_writer *out = &report->lines;
  if (!out->data)
    return;
  cli_writer_format(out, "{\"status\":\"%s\",\"exit\":%d,\"kind\":\"bad row\"", hdx_status_name(HDX_INTEGRITY),
                    hdx_status_exit_code(HDX_INTEGRITY));
  put_text(out, "bucket", cli_text(bad_row->bucket));
  put_text(out, "id", bad_row->id);
  put_year(out, bad_row->year);
  put_text(out, "url", cli_text(bad_row->url));
  cli_writer_format(out, ",\"line\":%" PRIu64 ",\"column\":%" PRIu32 ",\"byte\":%" PRIu64, bad_row->line,
                    bad_row->column, bad_row->byte);
  put_text(out, "reason", cli_text(bad_row->reason));
  cli_writer_string(out, "}\n");
}

static void put_time(struct cli_writer *out, const char *name, int64_t time) {
  char text[HDX_TIME_TEXT_MAX];
  if (time == HDX_TIME_NONE || time == HDX_TIME_STATIC || time == HDX_TIME_MAX)
    text[0] = 0;
  else
    hdx_time_format(time, time % 1000000000 ? 9 : 0, text);
  put_text(out, name, time == HDX_TIME_STATIC ? cli_text("static") : cli_text(text));
}

static void put_size(struct cli_writer *out, const char *name, int64_t size) {
  if (size < 0)
    cli_writer_format(out, ",\"%s\":null", name);
  else
    cli_writer_format(out, ",\"%s\":%" PRId64, name, size);
}

static void put_checks(struct cli_writer *out, uint32_t checks) {
  const char *comma = "";
  cli_writer_string(out, ",\"checks\":[");
  for (unsigned i = 0; i < HDX_CHECK_COUNT; i++) {
    if (!(checks >> i & 1))
      continue;
    cli_writer_format(out, "%s\"%s\"", comma, hdx_check_name((enum hdx_check)i));
    comma = ",";
  }
  cli_writer_byte(out, ']');
}

static void put_file(struct cli_writer *out, const struct cli_report_file *item) {
  const struct hdx_file *file = item->file;
  cli_writer_format(out, "{\"status\":\"%s\",\"exit\":%d,\"kind\":\"file\"", hdx_status_name(item->status),
                    hdx_status_exit_code(item->status));
  put_text(out, "location", file->location);
  put_text(out, "id", file->id);
  put_text(out, "path", cli_text(item->path));
  put_text(out, "state", cli_text(item->state));
  cli_writer_format(out, ",\"size\":%" PRIu64 ",\"bytes\":%" PRIu64, item->size, item->bytes);
  put_checks(out, item->checks);
  put_text(out, "shard", cli_text(item->shard));
  put_text(out, "message", cli_text(item->message));
  put_time(out, "start", file->start);
  put_time(out, "stop", file->stop);
  put_size(out, "filesize", file->size);
  cli_writer_string(out, "}\n");
}

/* A row as query writes it, to be read again by --from-failed. */
static void put_row(struct cli_writer *out, const struct hdx_file *file) {
  cli_writer_string(out, "{\"datakey\":");
  cli_writer_json(out, file->location);
  put_text(out, "id", file->id);
  put_time(out, "start", file->start);
  put_time(out, "stop", file->stop);
  put_size(out, "filesize", file->size);
  put_text(out, "checksum", file->checksum);
  put_text(out, "checksum_algorithm", file->checksum_algorithm);
  cli_writer_string(out, "}\n");
}

void cli_report_file(struct cli_report *report, const struct cli_report_file *item) {
  if (report->lines.data)
    put_file(&report->lines, item);
  if (report->ids.data && (item->failed || item->left))
    put_row(&report->ids, item->file);
  if (!item->failed)
    return;
  if (report->told >= TOLD_MAX && !cli_messages_shown(report->messages, CLI_INFO)) {
    report->untold++;
    return;
  }
  report->told++;
  cli_message(report->messages, CLI_ERROR, "%s", *item->message ? item->message : hdx_status_text(item->status));
}

static int order(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void put_ids(struct cli_report *report) {
  if (report->failed_count > 0)
    qsort(report->failed, report->failed_count, sizeof *report->failed, order);
  for (size_t i = 0; i < report->failed_count; i++)
    if (i == 0 || strcmp(report->failed[i], report->failed[i - 1]) != 0) {
      cli_writer_string(&report->ids, report->failed[i]);
      cli_writer_byte(&report->ids, '\n');
    }
}

/* Has the run's status be that of a file that was not written, or tells of it beside the run's own. */
static void take_over(struct cli_report *report, enum hdx_status closed, const struct hdx_error *why,
                      enum hdx_status *status, struct hdx_error *error) {
  if (closed != HDX_OK && *status == HDX_OK) {
    *status = closed;
    *error = *why;
  } else if (closed != HDX_OK) {
    cli_message(report->messages, CLI_ERROR, "%s", why->message);
  }
}

enum hdx_status cli_report_close(struct cli_report *report, enum hdx_status status, struct hdx_error *error) {
  bool whole = report->status == HDX_OK;
  struct hdx_error why;
  if (!whole)
    take_over(report, cli_fail(&why, report->status, "out of memory for the list of failed ids"), &why, &status, error);
  if (report->untold > 0)
    cli_message(report->messages, CLI_ERROR, "… and %" PRIu64 " more failures (-v shows all%s)", report->untold,
                report->bare ? "" : ", --report FILE lists them");
  if (report->ids.data) {
    put_ids(report);
    take_over(report, cli_writer_close(&report->ids, whole, &why), &why, &status, error);
  }
  if (report->lines.data)
    take_over(report, cli_writer_close(&report->lines, true, &why), &why, &status, error);
  for (size_t i = 0; i < report->failed_count; i++)
    free(report->failed[i]);
  free(report->failed);
  return status;
}
