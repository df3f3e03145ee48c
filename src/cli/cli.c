#include "cli/cli.h"

#include "cli/help.h"
#include "cli/signals.h"
#include "cli/stats.h"
#include "cli/values.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool cli_glob(const char *pattern, struct hdx_text text) {
  char *copy = strndup(text.data, text.size);
  bool matches = copy && fnmatch(pattern, copy, 0) == 0;
  free(copy);
  return matches;
}

bool cli_is_pattern(const char *operand) {
  return strpbrk(operand, "*?[\\") != NULL;
}

enum hdx_status cli_graver(enum hdx_status a, enum hdx_status b) {
  static const enum hdx_status order[] = {HDX_IO,        HDX_DENIED,      HDX_INTEGRITY,
                                          HDX_TEMPORARY, HDX_UNAVAILABLE, HDX_NOT_FOUND};
  for (size_t i = 0; i < sizeof order / sizeof *order; i++)
    if (a == order[i] || b == order[i])
      return order[i];
  return a != HDX_OK ? a : b;
}

enum cli_format cli_format(const struct cli *cli) {
  const struct cli_settings *settings = cli_settings(cli);
  if (settings->format != CLI_FORMAT_AUTO)
    return (enum cli_format)settings->format;
  if (settings->null)
    return CLI_FORMAT_KEYS;
  return cli->out.terminal ? CLI_FORMAT_TABLE : CLI_FORMAT_CSV;
}

/* By --color and NO_COLOR (no-color.org). */
static bool colored(const struct cli_settings *settings, bool terminal) {
  const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
  if (settings->color == CLI_COLOR_ALWAYS)
    return true;
  return settings->color != CLI_COLOR_NEVER && terminal && !(no_color && *no_color) && term &&
         strcmp(term, "dumb") != 0;
}

enum hdx_status cli_rows_open(struct cli *cli, struct cli_render *render, const struct cli_column *columns,
                              size_t count, size_t key, int time_digits, struct hdx_error *error) {
  struct cli_render_style style = {
      .format = cli_format(cli),
      .null = cli_settings(cli)->null,
      .bold = colored(cli_settings(cli), cli->out.terminal),
      .time_digits = time_digits,
      .width = cli_terminal_width(cli->out.fd),
      .key = key,
  };
  return cli_render_open(render, &style, columns, count, &cli->out, error);
}

enum hdx_status cli_rows_close(struct cli *cli, struct cli_render *render, enum hdx_status status,
                               struct hdx_error *error) {
  struct hdx_error ignored;
  if (status == HDX_INTERRUPTED && !cli_signals_pending()) /* by the verb, as the rows cannot be written */
    status = HDX_OK;
  enum hdx_status closed = cli_render_close(render, status == HDX_OK ? error : &ignored);
  if (render->broken_keys > 0)
    cli_message(&cli->messages, CLI_WARNING, "%llu keys hold %s and cannot be told apart in this list%s",
                (unsigned long long)render->broken_keys, cli_settings(cli)->null ? "a NUL" : "a newline",
                cli_settings(cli)->null ? "" : ": use --null");
  return status == HDX_OK ? closed : status;
}

/* A descriptor that the caller closed would be given to the next file that is opened, which would then get our rows.
 * These stand-ins fail instead. */
static void hold_standard_descriptors(void) {
  for (int fd = 0; fd < 3; fd++)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
      return;
}

/* Two things in one file would destroy each other. */
static enum hdx_status check_outputs(const struct cli_args *args, struct hdx_error *error) {
  const struct cli_settings *settings = &args->settings;
  struct {
    const char *name, *path;
  } outputs[4] = {{"rows", (args->verb->needs & CLI_NEED_OUTPUT) && !settings->output ? "-" : settings->output},
                  {"--report", settings->report},
                  {"--failed-out", settings->failed_out},
                  {"--stats", settings->stats}};
  for (size_t i = 0; i < 4; i++)
    for (size_t k = i + 1; k < 4; k++)
      if (outputs[i].path && outputs[k].path && strcmp(outputs[i].path, outputs[k].path) == 0 &&
          strcmp(outputs[i].path, "/dev/null") != 0)
        return cli_fail(error, HDX_USAGE, "%s and %s cannot both go to %s", outputs[i].name, outputs[k].name,
                        strcmp(outputs[i].path, "-") == 0 ? "standard output" : outputs[i].path);
  return HDX_OK;
}

static void on_log(void *user, enum hdx_log_level level, const char *message) {
  struct cli *cli = user;
  static const enum cli_level levels[] = {
      [HDX_LOG_WARNING] = CLI_WARNING, [HDX_LOG_INFO] = CLI_INFO, [HDX_LOG_DEBUG] = CLI_DEBUG};
  cli_message(&cli->messages, levels[level], "%s", message);
}

/* --map A=URL, taken apart in copies. */
static enum hdx_status make_maps(struct cli *cli, struct hdx_error *error) {
  const struct cli_list *list = &cli_settings(cli)->maps;
  cli->maps = calloc(list->count + 1, sizeof *cli->maps);
  if (!cli->maps)
    return cli_fail(error, HDX_MEMORY, "out of memory");
  for (size_t i = 0; i < list->count; i++) {
    size_t at = cli_map_equals(list->items[i]);
    char *from = strdup(list->items[i]);
    if (!from)
      return cli_fail(error, HDX_MEMORY, "out of memory");
    from[at] = 0;
    cli->maps[i] = (struct hdx_map){from, from + at + 1};
  }
  cli->config.maps = cli->maps;
  cli->config.map_count = list->count;
  return HDX_OK;
}

static void fill_config(struct cli *cli) {
  const struct cli_settings *s = cli_settings(cli);
  struct hdx_config *c = &cli->config;
  c->store = s->store;
  c->registry_url = s->registry;
  c->catalog_name = s->catalog_name;
  c->endpoint_url = s->endpoint_url;
  c->region = s->region;
  c->ca_file = s->ca_file;
  c->sign = s->no_sign ? HDX_SIGN_NEVER : s->sign ? HDX_SIGN_ALWAYS : HDX_SIGN_AUTO;
  c->request_payer = s->request_payer != 0;
  c->profile = s->profile;
  c->addressing = s->addressing ? (enum hdx_addressing)(s->addressing - 1) : HDX_ADDRESSING_AUTO;
  c->dualstack = s->dualstack;
  c->presign_s = (uint32_t)(s->expires_ms / 1000);
  c->offline = s->offline;
  c->refresh = s->refresh;
  /* The table's ranges keep these within 32 bits. */
  c->jobs = (uint32_t)s->jobs;
  c->connections_per_host = (uint32_t)s->connections_per_host;
  c->threads = (uint32_t)s->threads;
  c->retries = (uint32_t)s->retries;
  c->part_bytes = s->part_bytes;
  c->memory_bytes = s->memory_bytes;
  c->rate_bytes = s->rate_bytes;
  c->catalog_bytes_max = s->catalog_bytes_max;
  c->retry_ms_max = s->retry_ms_max;
  c->stall_ms_max = s->stall_ms_max;
  c->connect_ms_max = s->connect_ms_max;
  c->log_level = s->verbose >= 2 ? HDX_LOG_DEBUG : s->verbose == 1 ? HDX_LOG_INFO : HDX_LOG_WARNING;
  c->log = on_log;
  c->log_user = cli;
  if (cli->progress.mode != CLI_PROGRESS_NONE) {
    c->progress = cli_progress_update;
    c->progress_user = &cli->progress;
  }
}

static enum hdx_status open_session(struct cli *cli, struct hdx_error *error) {
  hdx_config_init(&cli->config);
  fill_config(cli);
  enum hdx_status status = make_maps(cli, error);
  if (status == HDX_OK)
    status = hdx_session_open(&cli->config, &cli->session, error);
  if (status == HDX_OK)
    cli_signals_session(cli->session);
  return status;
}

static int exit_status(const struct cli *cli, enum hdx_status status) {
  int number = cli_signals_pending();
  if (status == HDX_INTERRUPTED && number)
    return 128 + number;
  if (cli->out.state == CLI_WRITER_CLOSED)
    return CLI_EXIT_CLOSED_PIPE;
  if (status == HDX_EMPTY && !cli_settings(cli)->error_on_empty)
    return 0;
  return hdx_status_exit_code(status);
}

/* Whether a message is about a file of the store. */
static bool names_snapshot(const struct cli *cli, const char *message) {
  const char *at = cli->session ? strstr(message, hdx_session_store(cli->session)) : NULL;
  return at && strstr(at, ".hdx: ");
}

static void tell(struct cli *cli, enum hdx_status status, const struct hdx_error *error) {
  struct cli_messages *messages = &cli->messages;
  cli_messages_live(messages, NULL);
  if (status == HDX_OK || (cli->out.state == CLI_WRITER_CLOSED && status != HDX_INTERRUPTED))
    return;
  if (status == HDX_INTERRUPTED) {
    int number = cli_signals_pending();
    bool keeps = cli->args.verb && (cli->args.verb->bit & (CLI_VERB_INDEX | CLI_VERB_QUERY));
    cli_message(messages, CLI_ERROR, "interrupted%s%s",
                number == SIGINT    ? " by SIGINT"
                : number == SIGTERM ? " by SIGTERM"
                : number == SIGHUP  ? " by SIGHUP"
                                    : "",
                keeps ? ": what was finished is kept, the same command goes on from there" : "");
    return;
  }
  bool warning = status == HDX_EMPTY && !cli_settings(cli)->error_on_empty;
  cli_message(messages, warning ? CLI_WARNING : CLI_ERROR, "%s",
              error->message[0] ? error->message : hdx_status_text(status));
  if (status == HDX_USAGE) {
    char hint[160];
    const struct cli_verb *verb = cli->args.verb;
    snprintf(hint, sizeof hint, "Try 'heliodex help%s%s'.", verb && verb->bit != CLI_VERB_HELP ? " " : "",
             verb && verb->bit != CLI_VERB_HELP ? verb->name : "");
    cli_message_hint(messages, hint);
  } else if (status == HDX_NOT_FOUND && cli_settings(cli)->offline) {
    cli_message_hint(messages, "--offline is set: the network was not asked.");
  } else if (status == HDX_INTEGRITY && names_snapshot(cli, error->message)) {
    cli_message_hint(messages,
                     "'heliodex index BUCKET ID' fetches a damaged snapshot anew, 'heliodex store remove BUCKET "
                     "ID' removes one that is in a wrong place.");
  }
}

static enum hdx_status close_output(struct cli *cli, enum hdx_status status, struct hdx_error *error) {
  if (!cli->out.data)
    return status; /* never opened */
  bool keep = status == HDX_OK || status == HDX_PARTIAL || status == HDX_EMPTY || cli->rows_complete;
  struct hdx_error close_error;
  enum hdx_status closed = cli_writer_close(&cli->out, keep, &close_error);
  if (!keep || closed == HDX_OK)
    return status;
  *error = close_error;
  return closed;
}

static enum hdx_status open_stats(struct cli *cli, struct hdx_error *error) {
  if (!cli_settings(cli)->stats || !(cli->args.verb->needs & CLI_NEED_SESSION))
    return HDX_OK;
  enum hdx_status status = cli_writer_open(&cli->stats, cli_settings(cli)->stats, error);
  if (status != HDX_OK)
    cli_writer_close(&cli->stats, false, NULL);
  return status;
}

/* Statistics are of use behind a failure too, and of none where no session was opened. */
static enum hdx_status close_stats(struct cli *cli, enum hdx_status status, int code, struct hdx_error *error) {
  if (!cli->stats.data)
    return HDX_OK;
  if (cli->session)
    cli_stats_write(cli, status, code);
  return cli_writer_close(&cli->stats, cli->session != NULL, error);
}

static void deinit(struct cli *cli) {
  cli_signals_session(NULL);
  hdx_session_close(cli->session);
  for (size_t i = 0; cli->maps && i < cli_settings(cli)->maps.count; i++)
    free((char *)cli->maps[i].from);
  free(cli->maps);
  cli_args_deinit(&cli->args);
  cli_messages_deinit(&cli->messages);
}

static enum hdx_status run_verb(struct cli *cli, struct hdx_error *error) {
  const struct cli_verb *verb = cli->args.verb;
  enum hdx_status status = check_outputs(&cli->args, error);
  if (status == HDX_OK && (verb->needs & CLI_NEED_OUTPUT))
    status = cli_writer_open(&cli->out, cli_settings(cli)->output, error);
  cli->out.guarded = cli->out.terminal && !cli_settings(cli)->output;
  if (cli_settings(cli)->url_style == CLI_URL_PRESIGNED) /* whoever can read its URLs can read the files */
    cli_writer_keep_private(&cli->out);
  if (status == HDX_OK)
    status = open_stats(cli, error);
  if (status == HDX_OK && (verb->needs & CLI_NEED_SESSION)) {
    cli_progress_init(&cli->progress, &cli->messages, (enum cli_progress_mode)cli_settings(cli)->progress);
    status = open_session(cli, error);
  }
  if (status == HDX_OK)
    status = verb->run(cli, error);
  return close_output(cli, status, error);
}

/* --help, --version and the lack of a verb. */
static enum hdx_status run_help(struct cli *cli, struct hdx_error *error) {
  enum hdx_status status = cli_writer_open(&cli->out, NULL, error);
  if (status == HDX_OK) {
    if (cli_settings(cli)->version)
      cli_writer_string(&cli->out, "heliodex " CLI_VERSION_TEXT "\n");
    else if (cli->args.verb)
      cli_help_verb(&cli->out, cli->args.verb);
    else
      cli_help_all(&cli->out);
  }
  return close_output(cli, status, error);
}

static enum hdx_status run(struct cli *cli, int argc, char **argv, struct hdx_error *error) {
  enum hdx_status status = cli_args_parse(argc, argv, &cli->args, error);
  const struct cli_settings *settings = cli_settings(cli);
  cli->messages.quiet = settings->quiet;
  cli->messages.verbose = (unsigned)settings->verbose;
  cli->messages.color = colored(settings, cli->messages.terminal);
  cli->messages.json = status == HDX_OK && settings->progress == CLI_PROGRESS_JSON;
  if (status != HDX_OK)
    return status;
  if (settings->help || settings->version)
    return run_help(cli, error);
  if (!cli->args.verb)
    return cli_fail(error, HDX_USAGE, "a verb is needed: heliodex VERB [OPTION...] [OPERAND...]");
  return run_verb(cli, error);
}

int cli_main(int argc, char **argv) {
  struct cli cli = {.out = {.fd = -1}};
  struct hdx_error error = {.status = HDX_OK, .message = ""};
  hold_standard_descriptors();
  clock_gettime(CLOCK_MONOTONIC, &cli.began);
  cli_messages_init(&cli.messages);
  cli_signals_install();
  enum hdx_status status = run(&cli, argc, argv, &error);
  int code = exit_status(&cli, status);
  tell(&cli, status, &error);
  enum hdx_status stats_status = close_stats(&cli, status, code, &error);
  if (stats_status != HDX_OK) {
    cli_message(&cli.messages, CLI_ERROR, "%s", error.message);
    code = code == 0 ? hdx_status_exit_code(stats_status) : code;
  }
  deinit(&cli);
  return code;
}
