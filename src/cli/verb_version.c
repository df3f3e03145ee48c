#include "cli/cli.h"
#include "cli/values.h"
#include "cli/verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { COMPONENT, VALUE, COLUMN_COUNT };

static const struct cli_column columns[COLUMN_COUNT] = {
    [COMPONENT] = {.name = {"component", 9}},
    [VALUE] = {.name = {"value", 5}},
};

static void put(struct cli_render *render, const char *component, const char *value) {
  const struct cli_cell cells[COLUMN_COUNT] = {cli_cell_string(component), cli_cell_string(value)};
  cli_render_row(render, cells);
}

/* The ranges of the options that tune, and what the system sets. */
static void put_limits(struct cli_render *render) {
  char name[CLI_VARIABLE_MAX], value[96], low[CLI_VALUE_TEXT_MAX], high[CLI_VALUE_TEXT_MAX];
  for (size_t i = 0; i < cli_option_count(); i++) {
    const struct cli_option *option = cli_option_at(i);
    if (option->group != CLI_GROUP_TUNING)
      continue;
    if (option->type == CLI_SIZE)
      snprintf(value, sizeof value, "%s to %s", cli_value_size_text(option->min, low),
               cli_value_size_text(option->max, high));
    else if (option->type == CLI_DURATION)
      snprintf(value, sizeof value, "%s to %s", cli_value_duration_text(option->min, low),
               cli_value_duration_text(option->max, high));
    else
      snprintf(value, sizeof value, "%" PRIu64 " to %" PRIu64, option->min, option->max);
    snprintf(name, sizeof name, "limit %s", option->name);
    put(render, name, value);
  }
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    snprintf(value, sizeof value, "%" PRIu64, (uint64_t)files.rlim_cur);
    put(render, "open files", files.rlim_cur == RLIM_INFINITY ? "unlimited" : value);
  }
  snprintf(value, sizeof value, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
  put(render, "cores", value);
}

static enum hdx_status run(struct cli *cli, struct hdx_error *error) {
  struct hdx_version version = {0};
  struct cli_render render;
  hdx_version(&version);
  enum hdx_status status = cli_rows_open(cli, &render, columns, COLUMN_COUNT, VALUE, 0, error);
  if (status == HDX_OK) {
    put(&render, "heliodex", version.heliodex);
    put(&render, "curl", version.curl);
    put(&render, "uv", version.uv);
    put(&render, "zstd", version.zstd);
    put(&render, "simdjson", version.simdjson);
    put(&render, "xxhash", version.xxhash);
    put(&render, "kernel", version.kernel);
    put(&render, "snapshot format", version.format);
    put_limits(&render);
  }
  return cli_rows_close(cli, &render, status, error);
}

const struct cli_verb cli_verb_version = {
    .name = "version",
    .operands = "",
    .bit = CLI_VERB_VERSION,
    .needs = CLI_NEED_OUTPUT,
    .summary = "show versions, the CSV kernel in use and limits",
    .description = "Shows the versions of the program and its libraries, the vector kernel that parses CSV on this "
                   "processor, the version of the snapshot format, and the limits of the tuning options. --version "
                   "prints the program's version alone.",
    .run = run,
};
