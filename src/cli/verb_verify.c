#include "cli/cli.h"
#include "cli/report.h"
#include "cli/values.h"
#include "cli/verbs.h"

enum { ID, SOURCE, ROWS, BLOCKS, BYTES, STATE, PATH, COLUMN_COUNT };

static const struct cli_column columns[COLUMN_COUNT] = {
    [ID] = {.name = {"id", 2}},
    [SOURCE] = {.name = {"source", 6}},
    [ROWS] = {.name = {"rows", 4}, .kind = CLI_KIND_NUMBER},
    [BLOCKS] = {.name = {"blocks", 6}, .kind = CLI_KIND_NUMBER},
    [BYTES] = {.name = {"bytes", 5}, .kind = CLI_KIND_BYTES},
    [STATE] = {.name = {"state", 5}},
    [PATH] = {.name = {"path", 4}},
};

/* With --deep. */
enum { DEEP_ID, DEEP_SOURCE, DEEP_YEARS, DEEP_ROWS, DEEP_STATE, DEEP_DIFFERENCE, DEEP_COUNT };

static const struct cli_column deep_columns[DEEP_COUNT] = {
    [DEEP_ID] = {.name = {"id", 2}},
    [DEEP_SOURCE] = {.name = {"source", 6}},
    [DEEP_YEARS] = {.name = {"years", 5}, .kind = CLI_KIND_NUMBER},
    [DEEP_ROWS] = {.name = {"rows", 4}, .kind = CLI_KIND_NUMBER},
    [DEEP_STATE] = {.name = {"state", 5}},
    [DEEP_DIFFERENCE] = {.name = {"difference", 10}},
};

/* With --mirror. */
enum { FILE_PATH, FILE_SIZE, FILE_STATE, FILE_LOCATION, FILE_COUNT };

static const struct cli_column file_columns[FILE_COUNT] = {
    [FILE_PATH] = {.name = {"path", 4}},
    [FILE_SIZE] = {.name = {"filesize", 8}, .kind = CLI_KIND_BYTES},
    [FILE_STATE] = {.name = {"state", 5}},
    [FILE_LOCATION] = {.name = {"location", 8}},
};

struct run {
  struct cli_render render;
  struct cli_report report;
  size_t seen, failed;
};

/* The dataset of a snapshot that cannot be read: its file's name without the ending. */
static struct hdx_text id_of_path(const char *path) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
  return (struct hdx_text){name, dot ? (size_t)(dot - name) : strlen(name)};
}

static void on_snapshot(void *user, const struct hdx_snapshot_info *info, const struct hdx_error *error) {
  struct run *run = user;
  bool failed = error && error->status != HDX_OK;
  struct hdx_text id = failed ? id_of_path(info->path) : info->id;
  const struct cli_cell cells[COLUMN_COUNT] = {
      [ID] = cli_cell_text(id),
      [SOURCE] = cli_cell_string(failed ? "" : info->source),
      [ROWS] = failed ? cli_cell_number(-1) : cli_cell_count(info->rows),
      [BLOCKS] = failed ? cli_cell_number(-1) : cli_cell_count(info->blocks),
      [BYTES] = failed ? cli_cell_number(-1) : cli_cell_count(info->file_bytes),
      [STATE] = cli_cell_string(!failed                          ? "sound"
                                : error->status == HDX_INTEGRITY ? "corrupt"
                                                                 : "unreadable"),
      [PATH] = cli_cell_string(info->path),
  };
  run->seen++;
  run->failed += failed;
  cli_render_row(&run->render, cells);
  if (failed)
    cli_report_add(&run->report, &(struct cli_report_item){
                                     .id = id,
                                     .state = error->status == HDX_INTEGRITY ? "corrupt" : "unreadable",
                                     .status = error->status,
                                     .url = info->path,
                                     .message = error->message,
                                     .failed = true,
                                 });
}

/* A dataset beside its index files. */
static void on_comparison(void *user, const struct hdx_comparison *comparison) {
  struct run *run = user;
  const char *state = comparison->status == HDX_OK        ? "as its source"
                      : comparison->differs               ? "differs"
                      : comparison->status == HDX_PARTIAL ? "source changed"
                                                          : "not comparable";
  const struct cli_cell cells[DEEP_COUNT] = {
      [DEEP_ID] = cli_cell_text(comparison->id),
      [DEEP_SOURCE] = cli_cell_string(comparison->bucket),
      [DEEP_YEARS] = cli_cell_count(comparison->years),
      [DEEP_ROWS] = cli_cell_count(comparison->rows),
      [DEEP_STATE] = cli_cell_string(state),
      [DEEP_DIFFERENCE] = cli_cell_string(comparison->message),
  };
  bool failed = comparison->status != HDX_OK;
  run->seen++;
  run->failed += failed;
  cli_render_row(&run->render, cells);
  if (failed)
    cli_report_add(&run->report, &(struct cli_report_item){.bucket = comparison->bucket,
                                                           .id = comparison->id,
                                                           .state = state,
                                                           .status = comparison->status,
                                                           .message = comparison->message,
                                                           .failed = true});
}

static enum hdx_status compare(struct cli *cli, struct run *run, struct hdx_error *error) {
  const char *bucket = cli_operand(cli, 0);
  size_t id_count = cli->args.operand_count > 1 ? cli->args.operand_count - 1 : 0;
  if (!bucket)
    return cli_fail(error, HDX_USAGE, "verify --deep: expected a BUCKET, whose index files are fetched anew");
  enum hdx_status status = hdx_store_compare(cli->session, bucket, (const char *const *)cli->args.operands + 1,
                                             id_count, on_comparison, run, error);
  if (status == HDX_PARTIAL)
    return cli_fail(error, status, "%zu of %zu datasets are not as their source is now; 'heliodex index' takes it over",
                    run->failed, run->seen);
  if (status != HDX_OK && run->failed > 0)
    return cli_fail(error, status, "%zu of %zu datasets differ from their source, or could not be compared",
                    run->failed, run->seen);
  return status;
}

static enum hdx_status visit(struct cli *cli, struct run *run, struct hdx_error *error) {
  const char *bucket = cli_operand(cli, 0);
  size_t id_count = cli->args.operand_count > 1 ? cli->args.operand_count - 1 : 0;
  enum hdx_status status = hdx_store_visit(cli->session, bucket, (const char *const *)cli->args.operands + 1, id_count,
                                           true, on_snapshot, run, error);
  if (run->failed > 0 && status != HDX_OK && status != HDX_INTERRUPTED && status != HDX_NOT_FOUND)
    return cli_fail(error, status, "%zu of %zu snapshots are not sound; 'heliodex index BUCKET ID' fetches them anew",
                    run->failed, run->seen);
  if (status == HDX_OK && run->seen == 0)
    return bucket ? cli_fail(error, HDX_NOT_FOUND, "%s: nothing of it is held in %s", bucket,
                             hdx_session_store(cli->session))
                  : cli_fail(error, HDX_EMPTY, "%s: no snapshot is held", hdx_session_store(cli->session));
  return status;
}

/* ---- mirrors ---- */

/* Of many thousand files only those that are not sound are rows, unless -v asks for all. */
static void on_file(void *user, const struct hdx_mirror_check *check) {
  struct run *run = user;
  const char *state = check->status == HDX_OK          ? "sound"
                      : check->status == HDX_NOT_FOUND ? "missing"
                      : check->status == HDX_INTEGRITY ? "corrupt"
                                                       : "unreadable";
  const struct cli_cell cells[FILE_COUNT] = {
      [FILE_PATH] = cli_cell_string(check->path),
      [FILE_SIZE] = cli_cell_count(check->size),
      [FILE_STATE] = cli_cell_string(state),
      [FILE_LOCATION] = cli_cell_string(check->location),
  };
  bool failed = check->status != HDX_OK;
  run->seen++;
  run->failed += failed;
  if (failed || cli_messages_shown(run->report.messages, CLI_INFO))
    cli_render_row(&run->render, cells);
  if (!failed)
    return;
  const struct hdx_file file = {.location = cli_text(check->location),
                                .start = HDX_TIME_NONE,
                                .stop = HDX_TIME_NONE,
                                .size = (int64_t)check->size};
  cli_report_file(&run->report, &(struct cli_report_file){.file = &file,
                                                          .path = check->path,
                                                          .state = state,
                                                          .status = check->status,
                                                          .message = check->message,
                                                          .failed = true});
}

/* Before anything is written. */
static enum hdx_status check_usage(const struct cli *cli, struct hdx_error *error) {
  if (!cli_settings(cli)->mirror)
    return HDX_OK;
  if (cli_settings(cli)->failed_out)
    return cli_fail(error, HDX_USAGE,
                    "--failed-out does not go with --mirror: 'heliodex mirror' with --recheck finds and fetches them");
  if (cli->args.operand_count || cli_settings(cli)->deep)
    return cli_fail(error, HDX_USAGE,
                    "verify --mirror DIR checks all files of DIR: neither BUCKET nor --deep goes with it");
  return HDX_OK;
}

static enum hdx_status check_mirror(struct cli *cli, struct run *run, struct hdx_error *error) {
  uint64_t files = 0, bytes = 0;
  char a[CLI_HUMAN_MAX], b[CLI_HUMAN_MAX];
  enum hdx_status status =
      hdx_mirror_verify(cli->session, cli_settings(cli)->mirror, on_file, run, &files, &bytes, error);
  cli_messages_live(&cli->messages, NULL);
  if (files)
    cli_message(&cli->messages, CLI_NOTE, "%s files of %s: %zu not sound", cli_human_count(files, a),
                cli_human_bytes(bytes, b), run->failed);
  if (run->failed && (status == HDX_PARTIAL || status == HDX_INTEGRITY || status == HDX_NOT_FOUND))
    return cli_fail(error, HDX_INTEGRITY,
                    "%zu of %zu files are not as they were mirrored; 'heliodex mirror --recheck' fetches them anew",
                    run->failed, run->seen);
  return status;
}

static enum hdx_status run_verify(struct cli *cli, struct hdx_error *error) {
  struct run run = {.seen = 0};
  bool deep = cli_settings(cli)->deep, mirror = cli_settings(cli)->mirror != NULL;
  enum hdx_status status = check_usage(cli, error);
  if (status != HDX_OK)
    return status;
  status = cli_report_open(cli, &run.report, error);
  if (status == HDX_OK && mirror)
    status = cli_rows_open(cli, &run.render, file_columns, FILE_COUNT, FILE_PATH, 0, error);
  else if (status == HDX_OK)
    status = deep ? cli_rows_open(cli, &run.render, deep_columns, DEEP_COUNT, DEEP_ID, 0, error)
                  : cli_rows_open(cli, &run.render, columns, COLUMN_COUNT, PATH, 0, error);
  if (status == HDX_OK)
    status = mirror ? check_mirror(cli, &run, error) : deep ? compare(cli, &run, error) : visit(cli, &run, error);
  cli->rows_complete = run.seen > 0 && status != HDX_INTERRUPTED;
  status = cli_rows_close(cli, &run.render, status, error);
  return cli_report_close(&run.report, status, error);
}

static const char *const examples[] = {
    "heliodex verify",
    "heliodex verify gov-nasa-hdrl-data1 aia_0094",
    "heliodex verify --mirror aia",
    "heliodex verify --deep gov-nasa-hdrl-data1 aia_0094",
    NULL,
};

const struct cli_verb cli_verb_verify = {
    .name = "verify",
    .operands = "[BUCKET [ID...]]",
    .operands_max = CLI_OPERANDS_ANY,
    .bit = CLI_VERB_VERIFY,
    .needs = CLI_NEED_SESSION | CLI_NEED_OUTPUT,
    .summary = "check local snapshots, or mirrored files",
    .description =
        "Reads and decodes every block of the snapshots held (of all, of a bucket, or of single datasets) and "
        "compares the checksums. A snapshot that is not sound is named with the block and the reason, and "
        "the exit status is 7."
        "\n\n"
        "With --deep the index files are fetched and parsed anew and compared with what is held, row by row: 'as its "
        "source' (exit status 0), 'source changed' (1: index files are newer than what was fetched), 'differs' (7: the "
        "same index files, other rows), with the first difference, or 'not comparable', where a snapshot or its index "
        "files cannot be read. Nothing that is held is changed.\n\n"
        "With --mirror DIR the files that were mirrored to DIR are read and compared with the sizes and checksums that "
        "its journal has, without a network. Those that are not sound are written (with -v all), and the exit status "
        "is "
        "7.",
    .examples = examples,
    .run = run_verify,
};
