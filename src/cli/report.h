/* What became of single items: lines on standard error, --report (NDJSON) and --failed-out (ids).
 *
 * A line of the report is of an index file or of a dataset as a whole, or, where it has the member "kind", of a row
 * that cannot be read ("bad row"); those of a file come before the file's own. */
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

struct cli_report {
  struct cli_messages *messages;
  struct cli_writer lines, ids; /* data is NULL where not asked for */
  char **failed;                /* ids, as they came */
  size_t failed_count, failed_capacity;
  uint64_t told, untold;  /* failures shown on standard error, and those that were too many */
  enum hdx_status status; /* MEMORY: an id was lost */
};

/* Opens the files that were asked for, before any work. USAGE, IO. Close in any case. */
enum hdx_status cli_report_open(struct cli *cli, struct cli_report *report, struct hdx_error *error);

/* One item that failed or changed. Failures are told on standard error, up to a bound (with -v all). */
void cli_report_add(struct cli_report *report, const struct cli_report_item *item);

/* A row that cannot be read: a line of the report alone. */
void cli_report_bad_row(struct cli_report *report, const struct hdx_bad_row *bad_row);

/* Completes the files, whatever the run's status was, and says how many failures were not shown. */
enum hdx_status cli_report_close(struct cli_report *report, struct hdx_error *error);

#endif
