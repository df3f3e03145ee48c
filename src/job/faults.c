/* What was bad or mended in an index file: counted against the run's limit, kept, told. */
#include "job/parameters.h"

/* The row that exceeds the limit fails its file; others in which one is found after that are left as they were, as if
 * the run had been interrupted. */
static bool ends_run(struct hdx_year_job *year, const struct hdx_csv_bad_row *bad_row) {
  struct hdx_index_run *run = year->dataset->run;
  uint64_t most = run->options->bad_rows_max;
  if (atomic_fetch_add(&run->bad_rows, 1) < most)
    return false;
  year->bad_ended = true;
  if (atomic_exchange(&run->bad_ended, true))
    year->scan_status = hdx_error_set(&year->scan_error, HDX_INTERRUPTED, "interrupted: too many bad rows elsewhere");
  else
    year->scan_status = hdx_error_set(
        &year->scan_error, HDX_INTEGRITY, "line %llu, column %u: %s; the run ends, as more than %llu rows are bad",
        (unsigned long long)bad_row->line, bad_row->column, bad_row->reason, (unsigned long long)most);
  return year->scan_status == HDX_INTERRUPTED;
}

void hdx_year_bad_row(struct hdx_year_job *year, const struct hdx_csv_bad_row *bad_row) {
  struct hdx_index_run *run = year->dataset->run;
  if (year->scan_status != HDX_OK || ends_run(year, bad_row))
    return;
  year->bad_count++;
  if (!run->options->bad_row)
    return;
  struct hdx_error error;
  enum hdx_status status = hdx_bad_rows_add(&year->bad_rows, &run->spool, bad_row, &error);
  if (status != HDX_OK && year->scan_status == HDX_OK) {
    year->scan_status = status;
    year->scan_error = error;
  }
}

void hdx_year_forget_bad_rows(struct hdx_year_job *year) {
  if (year->bad_ended)
    return; /* the run ends by them, whatever the file is now */
  atomic_fetch_sub(&year->dataset->run->bad_rows, year->bad_count);
  year->bad_count = 0;
  year->scan_status = HDX_OK;
  hdx_bad_rows_clear(&year->bad_rows);
}

/* "3 dots for colons in times, 1 leap seconds": those of which a user is to be warned, or the others; false: none. */
static bool list_repairs(const struct hdx_csv_result *result, bool warn, struct hdx_buffer *out) {
  hdx_buffer_clear(out);
  for (int i = 0; i < HDX_CSV_REPAIR_COUNT; i++) {
    if (!result->repairs[i] || warn == (i == HDX_CSV_REPAIR_DATE))
      continue;
    hdx_buffer_append_format(out, "%s%llu %s", out->size ? ", " : "", (unsigned long long)result->repairs[i],
                             hdx_csv_repair_text((enum hdx_csv_repair)i));
  }
  return out->size > 0;
}

/* Rows that a user will miss, or wonder at, although they can be read. */
static void log_odd_rows(const struct hdx_year_job *year, const struct hdx_csv_result *result) {
  const struct hdx_log *log = &year->dataset->run->session->log;
  const char *url = year->target.url;
  int first, last;
  if (result->reversed)
    hdx_log_write(log, HDX_LOG_WARNING, "%s: %llu rows end before they start: a range finds them if it holds both", url,
                  (unsigned long long)result->reversed);
  if (!year->year || !result->rows || result->first == HDX_TIME_STATIC)
    return;
  first = hdx_time_year(result->first);
  last = hdx_time_year(result->last);
  /* A range's years and the one before it are looked through. */
  if (first < year->year || last > year->year + 1)
    hdx_log_write(log, HDX_LOG_WARNING,
                  "%s: has rows that start in %d to %d: a range looks for rows in the files of its years and the year "
                  "before",
                  url, first, last);
}

/* Names of a document that belong to other columns than they stand for would go unnoticed. */
static void warn_of_misfit(struct hdx_year_job *year) {
  const struct hdx_csv_dialect *dialect = hdx_csv_dialect(year->scanner->csv);
  size_t names, columns = dialect->extra_count;
  hdx_parameters_names(year->dataset, &names);
  if (dialect->names_misfit)
    hdx_log_write(&year->dataset->run->session->log, HDX_LOG_WARNING,
                  "%s: %zu extra column%s, but its dataset's file of parameters has %zu parameter%s: the columns are "
                  "named in order, as far as that goes",
                  year->target.url, columns, columns == 1 ? "" : "s", names, names == 1 ? "" : "s");
}

void hdx_year_log(struct hdx_year_job *year) {
  if (year->dataset->run->inspector)
    return; /* which tells more of it */
  const struct hdx_log *log = &year->dataset->run->session->log;
  const struct hdx_csv_result *result = hdx_csv_result(year->scanner->csv);
  const char *url = year->target.url;
  struct hdx_buffer repairs;
  for (size_t i = 0; i < result->sample_count; i++)
    hdx_log_write(log, HDX_LOG_WARNING, "%s:%llu:%u: %s", url, (unsigned long long)result->samples[i].line,
                  result->samples[i].column, result->samples[i].reason);
  if (result->bad_rows > result->sample_count)
    hdx_log_write(log, HDX_LOG_WARNING, "%s: %llu bad rows in all", url, (unsigned long long)result->bad_rows);
  log_odd_rows(year, result);
  warn_of_misfit(year);
  hdx_buffer_init(&repairs, 1024);
  if (list_repairs(result, true, &repairs))
    hdx_log_write(log, HDX_LOG_WARNING, "%s: mended: %s", url, hdx_buffer_string(&repairs));
  if (list_repairs(result, false, &repairs))
    hdx_log_write(log, HDX_LOG_INFO, "%s: %s", url, hdx_buffer_string(&repairs));
  hdx_buffer_deinit(&repairs);
}

static void tell(void *user, const struct hdx_csv_bad_row *found) {
  const struct hdx_year_job *year = user;
  const struct hdx_index_run *run = year->dataset->run;
  const struct hdx_bad_row bad_row = {.bucket = run->catalog->source.url.data,
                                      .id = year->dataset->dataset->id,
                                      .year = year->year,
                                      .url = year->target.url,
                                      .line = found->line,
                                      .byte = found->byte,
                                      .column = found->column,
                                      .reason = found->reason};
  run->options->bad_row(run->options->user, &bad_row);
}

void hdx_year_tell_bad_rows(struct hdx_year_job *year) {
  struct hdx_index_run *run = year->dataset->run;
  struct hdx_error error;
  if (!run->options->bad_row)
    return;
  enum hdx_status status = hdx_bad_rows_visit(&year->bad_rows, &run->spool, tell, year, &error);
  if (status != HDX_OK) {
    hdx_error_context(&error, status, "%s: not all of its bad rows are told", year->target.url);
    hdx_log_write(&run->session->log, HDX_LOG_WARNING, "%s", error.message);
    hdx_index_failed(run, status, error.message);
  }
  hdx_bad_rows_clear(&year->bad_rows);
}
