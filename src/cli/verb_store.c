#include "cli/cli.h"
#include "cli/values.h"
#include "cli/verbs.h"

#include <inttypes.h>

enum { ID, SOURCE, ROWS, YEARS, FIRST, LAST, BYTES, PATH, COLUMN_COUNT };

static const struct cli_column columns[COLUMN_COUNT] = {
    [ID] = {.name = {"id", 2}},
    [SOURCE] = {.name = {"source", 6}},
    [ROWS] = {.name = {"rows", 4}, .kind = CLI_KIND_NUMBER},
    [YEARS] = {.name = {"years", 5}, .kind = CLI_KIND_NUMBER},
    [FIRST] = {.name = {"first", 5}, .kind = CLI_KIND_TIME},
    [LAST] = {.name = {"last", 4}, .kind = CLI_KIND_TIME},
    [BYTES] = {.name = {"bytes", 5}, .kind = CLI_KIND_BYTES},
    [PATH] = {.name = {"path", 4}},
};

struct listing {
  struct cli *cli;
  struct cli_render render;
  size_t unreadable;
};

static const char *const *ids(const struct cli *cli, size_t *count) {
  *count = cli->args.operand_count > 1 ? cli->args.operand_count - 1 : 0;
  return (const char *const *)cli->args.operands + 1;
}

/* Years of which rows are held. */
static uint64_t years_held(const struct hdx_snapshot_info *info) {
  uint64_t count = 0;
  for (size_t i = 0; i < info->year_count; i++)
    count += info->years[i].state != HDX_YEAR_GAP && info->years[i].state != HDX_YEAR_FAILED;
  return count;
}

static void on_snapshot(void *user, const struct hdx_snapshot_info *info, const struct hdx_error *error) {
  struct listing *listing = user;
  bool failed = error && error->status != HDX_OK;
  struct cli_cell cells[COLUMN_COUNT] = {
      [ROWS] = cli_cell_number(-1),
      [YEARS] = cli_cell_number(-1),
      [FIRST] = cli_cell_number(HDX_TIME_NONE),
      [LAST] = cli_cell_number(HDX_TIME_NONE),
      [BYTES] = cli_cell_number(-1),
      [PATH] = cli_cell_string(info->path),
  };
  if (failed) {
    listing->unreadable++;
    cli_message(&listing->cli->messages, CLI_ERROR, "%s", error->message);
  } else {
    cells[ID] = cli_cell_text(info->id);
    cells[SOURCE] = cli_cell_string(info->source);
    cells[ROWS] = cli_cell_count(info->rows);
    cells[YEARS] = cli_cell_count(years_held(info));
    cells[FIRST] = cli_cell_number(info->first);
    cells[LAST] = cli_cell_number(cli_shown_stop(info->first, info->last));
    cells[BYTES] = cli_cell_count(info->file_bytes);
  }
  cli_render_row(&listing->render, cells);
}

/* Rows of what is held; with nothing, NOT_FOUND where a bucket was named, else EMPTY. */
static enum hdx_status list(struct cli *cli, size_t *count, struct hdx_error *error) {
  struct listing listing = {.cli = cli};
  size_t id_count;
  const char *bucket = cli_operand(cli, 0), *const *names = ids(cli, &id_count);
  enum hdx_status status = cli_rows_open(cli, &listing.render, columns, COLUMN_COUNT, PATH, 0, error);
  if (status == HDX_OK)
    status = hdx_store_visit(cli->session, bucket, names, id_count, false, on_snapshot, &listing, error);
  if (listing.unreadable > 0 && status != HDX_OK && status != HDX_INTERRUPTED && status != HDX_NOT_FOUND)
    cli_fail(error, status, "%zu snapshots cannot be read", listing.unreadable);
  *count = listing.render.rows;
  status = cli_rows_close(cli, &listing.render, status, error);
  if (status != HDX_OK || *count > 0)
    return status;
  if (bucket)
    return cli_fail(error, HDX_NOT_FOUND, "%s: nothing of it is held in %s", bucket, hdx_session_store(cli->session));
  return cli_fail(error, HDX_EMPTY, "%s: no snapshot is held", hdx_session_store(cli->session));
}

static enum hdx_status run_list(struct cli *cli, struct hdx_error *error) {
  size_t count;
  return list(cli, &count, error);
}

static void count_snapshot(void *user, const struct hdx_snapshot_info *info, const struct hdx_error *error) {
  struct cli *cli = user;
  (void)error; /* what cannot be read is removed all the same */
  cli_message(&cli->messages, CLI_NOTE, "would remove %s", info->path);
}

static enum hdx_status run_remove(struct cli *cli, struct hdx_error *error) {
  size_t id_count;
  uint64_t removed = 0;
  char number[CLI_HUMAN_MAX];
  const char *bucket = cli_operand(cli, 0), *const *names = ids(cli, &id_count);
  if (cli_settings(cli)->dry_run) {
    enum hdx_status status = hdx_store_visit(cli->session, bucket, names, id_count, false, count_snapshot, cli, error);
    return status == HDX_INTEGRITY ? HDX_OK : status;
  }
  enum hdx_status status = hdx_store_remove(cli->session, bucket, names, id_count, &removed, error);
  if (status == HDX_OK)
    cli_message(&cli->messages, CLI_NOTE, "removed %s snapshot%s from %s", cli_human_count(removed, number),
                removed == 1 ? "" : "s", hdx_session_store(cli->session));
  return status;
}

static const char *const list_examples[] = {
    "heliodex store list",
    "heliodex store list --json --store /data/heliodex",
    NULL,
};

const struct cli_verb cli_verb_store_list = {
    .name = "store list",
    .operands = "[BUCKET [ID...]]",
    .operands_max = CLI_OPERANDS_ANY,
    .bit = CLI_VERB_STORE_LIST,
    .needs = CLI_NEED_SESSION | CLI_NEED_OUTPUT,
    .summary = "list the snapshots that are held",
    .description = "Lists the snapshots in the store: dataset, bucket, rows, years with rows, first start, last stop, "
                   "bytes and path.",
    .examples = list_examples,
    .run = run_list,
};

static const char *const remove_examples[] = {
    "heliodex store remove gov-nasa-hdrl-data1 aia_0094",
    "heliodex store remove --dry-run",
    NULL,
};

const struct cli_verb cli_verb_store_remove = {
    .name = "store remove",
    .operands = "[BUCKET [ID...]]",
    .operands_max = CLI_OPERANDS_ANY,
    .bit = CLI_VERB_STORE_REMOVE,
    .needs = CLI_NEED_SESSION,
    .summary = "remove snapshots from the store",
    .description = "Removes the snapshots of single datasets, of a bucket with its catalog, or, without BUCKET, "
                   "everything from the store. What is removed can be indexed again.",
    .examples = remove_examples,
    .run = run_remove,
};
