#include "cli/cli.h"
#include "cli/signals.h"
#include "cli/values.h"
#include "cli/verbs.h"

enum { KEY, SIZE, MODIFIED, ETAG, COLUMN_COUNT };

static const struct cli_column columns[COLUMN_COUNT] = {
    [KEY] = {.name = {"key", 3}},
    [SIZE] = {.name = {"size", 4}, .kind = CLI_KIND_BYTES},
    [MODIFIED] = {.name = {"modified", 8}, .kind = CLI_KIND_TIME},
    [ETAG] = {.name = {"etag", 4}},
};

struct listing {
  struct cli *cli;
  struct cli_render render;
  bool open; /* rows begin with the first object: a refusal has none */
  enum hdx_status status;
  struct hdx_error *error;
};

static void open_rows(struct listing *listing) {
  if (!listing->open)
    listing->status = cli_rows_open(listing->cli, &listing->render, columns, COLUMN_COUNT, KEY, 0, listing->error);
  listing->open = true;
}

static void on_object(void *user, const struct hdx_object *object) {
  struct listing *listing = user;
  struct hdx_text etag = object->etag;
  if (etag.size > 1 && etag.data[0] == '"' && etag.data[etag.size - 1] == '"')
    etag = (struct hdx_text){etag.data + 1, etag.size - 2};
  const struct cli_cell cells[COLUMN_COUNT] = {
      [KEY] = cli_cell_text(object->key),
      [SIZE] = cli_cell_number(object->size),
      [MODIFIED] = cli_cell_number(object->modified),
      [ETAG] = cli_cell_text(etag),
  };
  open_rows(listing);
  if (listing->cli->out.terminal)
    cli_messages_live(&listing->cli->messages, NULL);
  if (listing->status == HDX_OK)
    cli_render_row(&listing->render, cells);
  if (listing->status != HDX_OK || !cli_rows_wanted(&listing->render))
    hdx_session_cancel(listing->cli->session); /* whoever read the rows has gone */
}

static enum hdx_status run(struct cli *cli, struct hdx_error *error) {
  const struct cli_settings *settings = cli_settings(cli);
  if (settings->start_after && strstr(settings->start_after, "://"))
    return cli_fail(error, HDX_USAGE, "--start-after: expected a key (what follows s3://BUCKET/), found '%s'",
                    settings->start_after);
  struct listing listing = {.cli = cli, .status = HDX_OK, .error = error};
  struct hdx_list_options options;
  hdx_list_options_init(&options);
  options.recursive = settings->recursive;
  options.limit = settings->limit;
  options.start_after = settings->start_after;
  options.object = on_object;
  options.user = &listing;
  enum hdx_status status = hdx_list(cli->session, cli_operand(cli, 0), &options, NULL, error);
  cli_messages_live(&cli->messages, NULL);
  bool left = status == HDX_INTERRUPTED && !cli_signals_pending(); /* by the reader of the rows, or for their failure */
  bool good = status == HDX_OK || status == HDX_EMPTY || left;
  if (good)
    open_rows(&listing);
  if (!listing.open)
    return status;
  enum hdx_status closed = cli_rows_close(cli, &listing.render, listing.status, error);
  return good && (left || closed != HDX_OK) ? closed : status;
}

static const char *const examples[] = {
    "heliodex ls s3://gov-nasa-hdrl-data1/sdo/aia/registries/",
    "heliodex ls -r s3://gov-nasa-hdrl-data1/spdf/cdaweb/data/ace/ --format keys",
    NULL,
};

const struct cli_verb cli_verb_ls = {
    .name = "ls",
    .operands = "BUCKET[/PREFIX]",
    .operands_min = 1,
    .operands_max = 1,
    .bit = CLI_VERB_LS,
    .needs = CLI_NEED_SESSION | CLI_NEED_OUTPUT,
    .summary = "list the objects of a bucket",
    .description =
        "Lists key, size, time of last change and entity tag of the objects whose keys begin with PREFIX, in "
        "the order of the keys; BUCKET is s3://name, the name alone, or a name in the registry. What lies "
        "behind a further slash is listed as one folder, whose name ends with a slash and which has no size "
        "and time; with --recursive every object is listed. The bucket must allow lists.",
    .examples = examples,
    .run = run,
};
