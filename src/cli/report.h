/* What became of single items: lines on standard error, --report (NDJSON) and --failed-out (ids, or rows of data
 * files).
 *
 * A line of the report is of an index file or of a dataset as a whole, or, where it has the member "kind", of a row
 * that cannot be read ("bad row"); those of an index file come before its own; or of a data file ("file"), or of
 * a row or line that names none (the same, state "refused"). */
#ifndef HDX_CLI_REPORT_H
#define HDX_CLI_REPORT_H

#include "cli/cli.h"

struct cli_report_item {
  const char *bucket; /* canonical URL */
  struct hdx_text id;
  int year; /* 0: the dataset as a whole */
  const char *state;
  enum hdx_status status;
  const char *url, *message;
  uint64_t rows, bad_rows, bytes;
  bool failed, dropped;
};

/* A data file. */
struct cli_report_file {
  const struct hdx_file *file;
  const char *path;  /* where it went; "" or NULL: nowhere */
  const char *state; /* "fetched", "failed" … */
  enum hdx_status status;
  const char *message;
  uint64_t size, bytes; /* that it has; that came for it */
  uint32_t checks;      /* bits 1 << enum hdx_check */
  const char *shard;    /* "" or NULL: none */
  bool failed, left;    /* told, and in --failed-out; in that alone */
};

struct cli_report {
  struct cli_messages *messages;
  struct cli_writer lines, ids; /* data is NULL where not asked for; ids: --failed-out */
  char **failed;                /* ids, as they came */
  size_t failed_count, failed_capacity;
  bool bare;              /* the verb has no --report to hint at */
  uint64_t told, untold;  /* failures shown on standard error, and those that were too many */
  enum hdx_status status; /* MEMORY: an id was lost */
};

/* Opens the files that were asked for, before any work. USAGE, IO. Close in any case. */
enum hdx_status cli_report_open(struct cli *cli, struct cli_report *report, struct hdx_error *error);

/* One item that failed or changed. Failures are told on standard error, up to a bound (with -v all). */
void cli_report_add(struct cli_report *report, const struct cli_report_item *item);

/* A row that cannot be read: a line of the report alone. */
void cli_report_bad_row(struct cli_report *report, const struct hdx_bad_row *bad_row);

/* What became of a data file; once for each, as it is known. */
void cli_report_file(struct cli_report *report, const struct cli_report_file *file);

/* Completes the files, whatever the run's `status` (and `error`) is, and says how many failures were not shown. What
 * cannot be written becomes the status of a run that went well; beside that of another run it is told. */
enum hdx_status cli_report_close(struct cli_report *report, enum hdx_status status, struct hdx_error *error);

#endif
