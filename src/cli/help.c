#include "cli/help.h"

#include "cli/text.h"

#include <stdio.h>

#define WIDTH 79
#define VERB_COLUMN 22
#define OPTION_COLUMN 30

const char cli_help_purpose[] =
    "Fetches, stores and queries CloudCatalog file registries: which data files a bucket's datasets have, when each "
    "begins and ends, how large it is and where it is. Index files become local snapshots, and snapshots answer for "
    "any "
    "range of time at once.";

const struct cli_note cli_help_notes[CLI_HELP_NOTE_COUNT] = {
    {"Buckets",
     "BUCKET is a URL (s3://name/, http://host/folder/, https://host/folder/ or file:///folder/), the name of "
     "an S3 bucket, or a name in the registry."},
    {"Values", "A SIZE is a number of bytes with a unit: K, M, G, T or KiB, MiB, GiB, TiB are powers of 1024, KB, MB, "
               "GB, TB powers of 1000; a RATE is a SIZE a second. A DURATION is 500ms, 30s, 5m, 2h or 1h30m; a number "
               "alone is seconds. Options without a value take =no to undo the environment."},
    {"Environment", "Every long option can come from the environment: HELIODEX_ and its name in capitals with "
                    "underscores, as HELIODEX_PART_SIZE=16M; the command line wins. AWS_ACCESS_KEY_ID, "
                    "AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE, AWS_DEFAULT_PROFILE, AWS_REGION, "
                    "AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS, "
                    "AWS_USE_DUALSTACK_ENDPOINT, AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE, AWS_CONTAINER_…, "
                    "AWS_EC2_METADATA_…, AWS_METADATA_SERVICE_…, AWS_CA_BUNDLE, ROOT_CATALOG_REGISTRY_URL, "
                    "CURL_CA_BUNDLE, "
                    "SSL_CERT_FILE, XDG_CACHE_HOME, NO_COLOR and the usual variables for proxies are heard too."},
    {"Access", "A bucket of S3 is asked anonymously. If nothing of it may be read so, requests are signed with your "
               "credentials, which are looked for where AWS's tools look: the environment, the profile's keys or "
               "credential_process in ~/.aws/credentials and ~/.aws/config, the container's or the instance's service. "
               "They are used for AWS alone, or for --endpoint-url alone where it is given (for Google's buckets only "
               "with --sign). Profiles that assume roles or sign on are not supported: name a credential_process."},
    {"Signals and pipes", "The first INT, TERM or HUP ends the run tidily: what is finished is kept, and the same "
                          "command goes on from there. The second ends it at once. When the reader of standard output "
                          "goes away, as head does, the program ends silently."},
};

const struct cli_exit_row cli_help_exits[CLI_HELP_EXIT_COUNT] = {
    {0, "all done"},
    {1, "finished, but some items failed or were left out"},
    {2, "an argument, option or setting is wrong"},
    {3, "the dataset, bucket or snapshot was not found"},
    {4, "authentication or permission failed"},
    {5, "a temporary failure: the same command goes on from there"},
    {6, "local input or output failed (disk full, read-only)"},
    {7, "malformed, changed or corrupt data"},
    {8, "a limit was reached, or memory ran out"},
    {9, "nothing matched, or a pattern did not, with --error-on-empty"},
    {70, "an internal error"},
    {130, "interrupted (129 by HUP, 143 by TERM)"},
    {141, "the reader of standard output went away"},
};

static void put_blanks(struct cli_writer *out, size_t count) {
  while (count-- > 0)
    cli_writer_byte(out, ' ');
}

/* Words of `text` from column `at` on, wrapped at WIDTH with `indent` blanks before each further line. */
static void put_wrapped(struct cli_writer *out, const char *text, size_t at, size_t indent) {
  bool first = true;
  while (*text) {
    size_t size = strcspn(text, " \n");
    if (!first && at + 1 + size > WIDTH) {
      cli_writer_byte(out, '\n');
      put_blanks(out, indent);
      at = indent;
    } else if (!first) {
      cli_writer_byte(out, ' ');
      at++;
    }
    cli_writer_put(out, (struct hdx_text){text, size});
    at += size;
    first = false;
    text += size;
    if (strncmp(text, "\n\n", 2) == 0) {
      cli_writer_string(out, "\n\n");
      put_blanks(out, indent);
      at = indent;
      first = true;
    }
    text += strspn(text, " \n");
  }
  cli_writer_byte(out, '\n');
}

/* "  label   text", the text in its column or, behind a long label, on the next line. */
static void put_entry(struct cli_writer *out, const char *label, const char *text, size_t column) {
  size_t size = strlen(label) + 2;
  cli_writer_string(out, "  ");
  cli_writer_string(out, label);
  if (size + 2 > column) {
    cli_writer_byte(out, '\n');
    size = 0;
  }
  put_blanks(out, column - size);
  put_wrapped(out, text, column, column);
}

static void put_option(struct cli_writer *out, const struct cli_option *option) {
  char label[96], text[4096];
  const char *fallback = option->fallback_text ? option->fallback_text : option->fallback;
  if (option->letter)
    snprintf(label, sizeof label, "-%c, --%s%s%s", option->letter, option->name, option->argument ? " " : "",
             option->argument ? option->argument : "");
  else
    snprintf(label, sizeof label, "    --%s%s%s", option->name, option->argument ? " " : "",
             option->argument ? option->argument : "");
  size_t size = 0;
  text[0] = 0;
  for (size_t i = 0; option->choices && option->choices[i]; i++)
    size += (size_t)snprintf(text + size, sizeof text - size, "%s%s", i ? ", " : "", option->choices[i]);
  size += (size_t)snprintf(text + size, sizeof text - size, "%s%s", size ? ". " : "", option->help);
  if (fallback)
    snprintf(text + size, sizeof text - size, " [%s]", fallback);
  put_entry(out, label, text, OPTION_COLUMN);
}

/* A group's options; global ones or the others. Returns whether there was any. */
static bool put_group(struct cli_writer *out, enum cli_group group, uint32_t verbs, bool global) {
  bool any = false;
  for (size_t i = 0; i < cli_option_count(); i++) {
    const struct cli_option *option = cli_option_at(i);
    if (option->group != group || option->hidden || !(option->verbs & verbs) || cli_option_global(option) != global)
      continue;
    if (!any)
      cli_writer_format(out, "\n%s:\n", cli_group_title(group));
    put_option(out, option);
    any = true;
  }
  return any;
}

static void put_global_names(struct cli_writer *out) {
  char list[1024];
  size_t size = 0;
  for (size_t i = 0; i < cli_option_count(); i++) {
    const struct cli_option *option = cli_option_at(i);
    if (cli_option_global(option))
      size += (size_t)snprintf(list + size, sizeof list - size, "%s--%s", size ? ", " : "", option->name);
  }
  cli_writer_string(out, "\nOptions of every verb ('heliodex help' explains them):\n  ");
  put_wrapped(out, list, 2, 2);
}

void cli_help_all(struct cli_writer *out) {
  char label[64];
  cli_writer_string(out, "usage: heliodex VERB [OPTION...] [OPERAND...]\n\n");
  put_wrapped(out, cli_help_purpose, 0, 0);
  cli_writer_string(out, "\nVerbs ('heliodex help VERB' explains one):\n");
  for (size_t i = 0; i < cli_verb_count(); i++)
    put_entry(out, cli_verb_at(i)->name, cli_verb_at(i)->summary, VERB_COLUMN);
  cli_writer_string(out, "\nOptions of every verb, before or behind it:\n");
  for (int group = 0; group < CLI_GROUP_COUNT; group++)
    put_group(out, (enum cli_group)group, CLI_VERBS_ALL, true);
  for (size_t i = 0; i < CLI_HELP_NOTE_COUNT; i++) {
    cli_writer_format(out, "\n%s:\n  ", cli_help_notes[i].title);
    put_wrapped(out, cli_help_notes[i].text, 2, 2);
  }
  cli_writer_string(out, "\nExit status:\n");
  for (size_t i = 0; i < CLI_HELP_EXIT_COUNT; i++) {
    snprintf(label, sizeof label, "%3d", cli_help_exits[i].code);
    put_entry(out, label, cli_help_exits[i].text, 8);
  }
}

void cli_help_verb(struct cli_writer *out, const struct cli_verb *verb) {
  cli_writer_format(out, "usage: heliodex %s [OPTION...]%s%s\n\n", verb->name, *verb->operands ? " " : "",
                    verb->operands);
  put_wrapped(out, verb->description, 0, 0);
  for (int group = 0; group < CLI_GROUP_COUNT; group++)
    put_group(out, (enum cli_group)group, verb->bit, false);
  put_global_names(out);
  if (verb->examples)
    cli_writer_string(out, "\nExamples:\n");
  for (size_t i = 0; verb->examples && verb->examples[i]; i++)
    cli_writer_format(out, "  %s\n", verb->examples[i]);
}

/* Text for a cell of a Markdown table. */
static void put_cell(struct cli_writer *out, const char *text) {
  for (; *text; text++) {
    if (strchr("|<>*_`\\", *text))
      cli_writer_byte(out, '\\');
    cli_writer_byte(out, *text);
  }
}

static void put_markdown_option(struct cli_writer *out, const struct cli_option *option) {
  const char *fallback = option->fallback_text ? option->fallback_text : option->fallback;
  cli_writer_string(out, "| `");
  if (option->letter)
    cli_writer_format(out, "-%c`, `", option->letter);
  cli_writer_format(out, "--%s%s%s` | ", option->name, option->argument ? " " : "",
                    option->argument ? option->argument : "");
  put_cell(out, option->help);
  cli_writer_string(out, " | ");
  put_cell(out, fallback ? fallback : "");
  cli_writer_string(out, " | ");
  if (cli_option_global(option))
    cli_writer_string(out, "all");
  bool any = false;
  for (size_t i = 0; !cli_option_global(option) && i < cli_verb_count(); i++)
    if (option->verbs & cli_verb_at(i)->bit) {
      cli_writer_format(out, "%s%s", any ? ", " : "", cli_verb_at(i)->name);
      any = true;
    }
  cli_writer_string(out, " |\n");
}

void cli_help_markdown(struct cli_writer *out) {
  cli_writer_string(out, "| verb | does |\n| --- | --- |\n");
  for (size_t i = 0; i < cli_verb_count(); i++) {
    const struct cli_verb *verb = cli_verb_at(i);
    cli_writer_format(out, "| `%s%s", verb->name, *verb->operands ? " " : "");
    put_cell(out, verb->operands);
    cli_writer_string(out, "` | ");
    put_cell(out, verb->summary);
    cli_writer_string(out, " |\n");
  }
  cli_writer_string(out, "\n| option | means | default | verbs |\n| --- | --- | --- | --- |\n");
  for (size_t i = 0; i < cli_option_count(); i++)
    if (!cli_option_at(i)->hidden)
      put_markdown_option(out, cli_option_at(i));
  cli_writer_string(out, "\n| exit status | means |\n| --- | --- |\n");
  for (size_t i = 0; i < CLI_HELP_EXIT_COUNT; i++) {
    cli_writer_format(out, "| %d | ", cli_help_exits[i].code);
    put_cell(out, cli_help_exits[i].text);
    cli_writer_string(out, " |\n");
  }
}
