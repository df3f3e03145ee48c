#include "cli/cli.h"
#include "cli/values.h"
#include "cli/verbs.h"

enum { NAME, REGION, ENDPOINT, PROVIDER, COLUMN_COUNT };

static const struct cli_column columns[COLUMN_COUNT] = {
    [NAME] = {.name = {"name", 4}},
    [REGION] = {.name = {"region", 6}},
    [ENDPOINT] = {.name = {"endpoint", 8}},
    [PROVIDER] = {.name = {"provider", 8}},
};

static enum hdx_status run_registry(struct cli *cli, struct hdx_error *error) {
  struct hdx_registry *registry;
  enum hdx_status status = hdx_registry_load(cli->session, &registry, error);
  if (status != HDX_OK)
    return status;
  struct cli_render render;
  status = cli_rows_open(cli, &render, columns, COLUMN_COUNT, ENDPOINT, 0, error);
  size_t count = hdx_registry_count(registry);
  for (size_t i = 0; i < count && status == HDX_OK && cli_rows_wanted(&render); i++) {
    const struct hdx_registry_entry *entry = hdx_registry_at(registry, i);
    const struct cli_cell cells[COLUMN_COUNT] = {
        [NAME] = cli_cell_text(entry->name),
        [REGION] = cli_cell_text(entry->region),
        [ENDPOINT] = cli_cell_text(entry->endpoint),
        [PROVIDER] = cli_cell_text(entry->provider),
    };
    cli_render_row(&render, cells);
  }
  status = cli_rows_close(cli, &render, status, error);
  if (status == HDX_OK && count == 0)
    status = cli_fail(error, HDX_EMPTY, "%.*s: the registry names no bucket",
                      CLI_TEXT_ARG(cli_location(cli_text(hdx_registry_url(registry)))));
  hdx_registry_close(registry);
  return status;
}

static enum hdx_status run_endpoint(struct cli *cli, struct hdx_error *error) {
  static const struct cli_column column = {.name = {"endpoint", 8}};
  const struct cli_settings *settings = cli_settings(cli);
  const char *prefix = settings->region_prefix ? settings->region_prefix : "";
  struct hdx_registry *registry;
  struct hdx_text endpoint;
  enum hdx_status status = hdx_registry_load(cli->session, &registry, error);
  if (status != HDX_OK)
    return status;
  status = hdx_registry_endpoint(registry, cli_operand(cli, 0), prefix, settings->first, &endpoint, error);
  if (status == HDX_OK && settings->format == CLI_FORMAT_AUTO && !settings->null) {
    /* One answer for "$(…)": without a header. */
    cli_writer_put(&cli->out, endpoint);
    cli_writer_byte(&cli->out, '\n');
  } else if (status == HDX_OK) {
    struct cli_render render;
    const struct cli_cell cell = cli_cell_text(endpoint);
    status = cli_rows_open(cli, &render, &column, 1, 0, 0, error);
    if (status == HDX_OK)
      cli_render_row(&render, &cell);
    status = cli_rows_close(cli, &render, status, error);
  }
  hdx_registry_close(registry);
  return status;
}

static const char *const registry_examples[] = {
    "heliodex registry",
    "heliodex registry --json --registry https://example.org/registry.json",
    NULL,
};

const struct cli_verb cli_verb_registry = {
    .name = "registry",
    .operands = "",
    .bit = CLI_VERB_REGISTRY,
    .needs = CLI_NEED_SESSION | CLI_NEED_OUTPUT,
    .summary = "list the buckets of the registry",
    .description = "Lists name, region, endpoint and provider of every bucket that the registry names. The registry is "
                   "fetched once and then kept; --refresh asks for a newer one.",
    .examples = registry_examples,
    .run = run_registry,
};

static const char *const endpoint_examples[] = {
    "heliodex registry endpoint 'HelioCloud, including SDO' --region-prefix us-east",
    NULL,
};

const struct cli_verb cli_verb_registry_endpoint = {
    .name = "registry endpoint",
    .operands = "NAME",
    .operands_min = 1,
    .operands_max = 1,
    .bit = CLI_VERB_REGISTRY_ENDPOINT,
    .needs = CLI_NEED_SESSION | CLI_NEED_OUTPUT,
    .summary = "print the endpoint of a name in the registry",
    .description = "Prints the endpoint of the entry called NAME. Where several entries have the name, --region-prefix "
                   "chooses by region, or --first takes the first; otherwise that is an error (exit status 2).",
    .examples = endpoint_examples,
    .run = run_endpoint,
};
