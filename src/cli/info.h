/* What the files of the verb info share: the view of one dataset, and its fields as rows and as members of JSON. */
#ifndef HDX_CLI_INFO_H
#define HDX_CLI_INFO_H

#include "cli/cli.h"

struct cli_info_view {
  const struct hdx_catalog *catalog;
  const struct hdx_dataset *dataset;
  const struct hdx_snapshot_info *held; /* NULL: nothing */
  struct hdx_column_info *columns;      /* of the snapshot */
  size_t column_count;
  const struct hdx_probe *probe; /* NULL: the servers were not asked */
};

/* A row of the columns field and value; none where the value is empty. */
void cli_info_field(struct cli_render *render, const char *field, struct hdx_text value);
__attribute__((format(printf, 3, 4))) void cli_info_format(struct cli_render *render, const char *field,
                                                           const char *format, ...);

/* "name":"value" without what divides members; null where the value is empty. */
void cli_info_string(struct cli_writer *out, const char *name, const char *value);
void cli_info_text(struct cli_writer *out, const char *name, struct hdx_text value);
/* Begins the object of an index file: its year, null for one without. */
void cli_info_file_begin(struct cli_writer *out, int year);

/* ISO 8601; "" for HDX_TIME_NONE. Returns `out`. */
const char *cli_info_time(int64_t time_ns, int digits, char out[HDX_TIME_TEXT_MAX]);

/* info_held.c: the snapshot; view->held is not NULL. */
void cli_info_held_rows(struct cli_render *render, const struct cli_info_view *view);
void cli_info_held_json(struct cli_writer *out, const struct cli_info_view *view);

/* info_probe.c: the index files as their servers have them, and the first row. */
void cli_info_probe_rows(struct cli_render *render, const struct hdx_probe *probe);
void cli_info_probe_json(struct cli_writer *out, const struct hdx_probe *probe);
/* How many files could not be asked for; *message is the first one's reason. */
size_t cli_info_probe_failures(const struct hdx_probe *probe, const char **message);

#endif
