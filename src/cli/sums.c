#include "cli/sums.h"

#include "cli/signals.h"
#include "cli/values.h"

/* ---- one sum of each dataset ---- */

enum { SUM_ID, SUM_ROWS, SUM_BYTES, SUM_UNSIZED, SUM_START, SUM_STOP, SUM_COUNT };

static const struct cli_column sums[SUM_COUNT] = {
    [SUM_ID] = {.name = {"id", 2}},
    [SUM_ROWS] = {.name = {"rows", 4}, .kind = CLI_KIND_NUMBER},
    [SUM_BYTES] = {.name = {"bytes", 5}, .kind = CLI_KIND_BYTES},
    [SUM_UNSIZED] = {.name = {"unsized", 7}, .kind = CLI_KIND_NUMBER},
    [SUM_START] = {.name = {"start", 5}, .kind = CLI_KIND_TIME},
    [SUM_STOP] = {.name = {"stop", 4}, .kind = CLI_KIND_TIME},
};

static enum hdx_status put_sum(struct hdx_query *query, size_t dataset, struct cli_render *render, uint64_t *rows,
                               struct hdx_error *error) {
  struct hdx_summary sum = {0};
  enum hdx_status status = hdx_query_summary(query, dataset, &sum, error);
  if (status != HDX_OK)
    return status;
  const struct cli_cell cells[SUM_COUNT] = {
      [SUM_ID] = cli_cell_text(hdx_query_dataset(query, dataset)->id),
      [SUM_ROWS] = cli_cell_count(sum.rows),
      [SUM_BYTES] = cli_cell_count(sum.bytes),
      [SUM_UNSIZED] = cli_cell_count(sum.size_missing),
      [SUM_START] = cli_cell_number(sum.first),
      [SUM_STOP] = cli_cell_number(cli_shown_stop(sum.first, sum.last)),
  };
  cli_render_row(render, cells);
  *rows += sum.rows;
  return HDX_OK;
}

/* ---- by the calendar ---- */

enum { COUNT_ID, COUNT_UNIT, COUNT_ROWS, COUNT_BYTES, COUNT_UNSIZED, COUNT_COUNT };

static const struct cli_column counts[COUNT_COUNT] = {
    [COUNT_ID] = {.name = {"id", 2}},
    [COUNT_UNIT] = {.name = {"", 0}}, /* as the unit is called */
    [COUNT_ROWS] = {.name = {"rows", 4}, .kind = CLI_KIND_NUMBER},
    [COUNT_BYTES] = {.name = {"bytes", 5}, .kind = CLI_KIND_BYTES},
    [COUNT_UNSIZED] = {.name = {"unsized", 7}, .kind = CLI_KIND_NUMBER},
};

static const struct {
  struct hdx_text name;
  size_t size; /* of a time's text, up to its end */
} units[] = {
    [HDX_UNIT_YEAR] = {{"year", 4}, 4}, [HDX_UNIT_MONTH] = {{"month", 5}, 7}, [HDX_UNIT_DAY] = {{"day", 3}, 10}};

static enum hdx_unit unit_of(const struct cli_settings *settings) {
  return settings->count_by == CLI_COUNT_BY_DAY     ? HDX_UNIT_DAY
         : settings->count_by == CLI_COUNT_BY_MONTH ? HDX_UNIT_MONTH
                                                    : HDX_UNIT_YEAR;
}

struct counting {
  struct cli_render *render;
  struct hdx_text id;
  enum hdx_unit unit;
  uint64_t rows;
};

static void put_count(void *user, int64_t from, const struct hdx_summary *sum) {
  struct counting *counting = user;
  char text[HDX_TIME_TEXT_MAX];
  size_t size = (size_t)(cli_render_time(&(struct cli_day){0}, from, 0, text) - text);
  size = from != HDX_TIME_STATIC ? units[counting->unit].size : size;
  const struct cli_cell cells[COUNT_COUNT] = {
      [COUNT_ID] = cli_cell_text(counting->id),
      [COUNT_UNIT] = cli_cell_text((struct hdx_text){text, size}),
      [COUNT_ROWS] = cli_cell_count(sum->rows),
      [COUNT_BYTES] = cli_cell_count(sum->bytes),
      [COUNT_UNSIZED] = cli_cell_count(sum->size_missing),
  };
  cli_render_row(counting->render, cells);
  counting->rows += sum->rows;
}

static enum hdx_status put_counts(struct hdx_query *query, size_t dataset, enum hdx_unit unit,
                                  struct cli_render *render, uint64_t *rows, struct hdx_error *error) {
  struct counting counting = {.render = render, .id = hdx_query_dataset(query, dataset)->id, .unit = unit};
  enum hdx_status status = hdx_query_counts(query, dataset, unit, put_count, &counting, error);
  *rows += counting.rows;
  return status;
}

/* ---- both ---- */

bool cli_sums_wanted(const struct cli_settings *settings) {
  return settings->summary || settings->count_by;
}

enum hdx_status cli_sums_put(struct cli *cli, struct hdx_query *query, uint64_t *rows, uint64_t *older,
                             struct hdx_error *error) {
  struct cli_render render;
  struct cli_column columns[COUNT_COUNT];
  bool by_unit = cli_settings(cli)->count_by;
  enum hdx_unit unit = unit_of(cli_settings(cli));
  const struct hdx_query_info *info = query ? hdx_query_info(query) : NULL;
  memcpy(columns, counts, sizeof columns);
  columns[COUNT_UNIT].name = units[unit].name;
  *rows = *older = 0;
  enum hdx_status status =
      by_unit ? cli_rows_open(cli, &render, columns, COUNT_COUNT, COUNT_ID, 0, error)
              : cli_rows_open(cli, &render, sums, SUM_COUNT, SUM_ID, info ? info->time_digits : 0, error);
  for (size_t i = 0; status == HDX_OK && info && i < info->dataset_count && cli_rows_wanted(&render); i++) {
    if (cli_signals_pending())
      status = cli_fail(error, HDX_INTERRUPTED, "interrupted");
    else
      status = by_unit ? put_counts(query, i, unit, &render, rows, error) : put_sum(query, i, &render, rows, error);
    *older += info->older_versions;
  }
  return cli_rows_close(cli, &render, status, error);
}
