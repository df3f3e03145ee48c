/* heliodex(1) in the macros of man(7). */
#include "cli/help.h"

#include <ctype.h>

#define LINE_MAX 72 /* escapes count twice; manuals like input lines below 80 */

/* One character, with what roff would take for its own made harmless. */
static void put_character(struct cli_writer *out, char c) {
  static const char plain[] = "\\-'~^";
  static const char *const escapes[] = {"\\e", "\\-", "\\(aq", "\\(ti", "\\(ha"};
  const char *at = strchr(plain, c);
  if (at)
    cli_writer_string(out, escapes[at - plain]);
  else
    cli_writer_byte(out, c);
}

/* Text of one line. */
static void put_roff(struct cli_writer *out, const char *text) {
  if (*text == '.' || *text == '\'')
    cli_writer_string(out, "\\&");
  for (; *text; text++)
    put_character(out, *text);
}

/* Whether a sentence ends with this word, so that roff wants a new line behind it. */
static bool ends_sentence(const char *word, size_t size, const char *next) {
  return size > 0 && word[size - 1] == '.' && (isupper((unsigned char)*next) || *next == '-');
}

/* Words in lines, a sentence beginning a new one; blank lines become paragraphs. */
static void put_prose(struct cli_writer *out, const char *text, const char *paragraph) {
  size_t column = 0;
  while (*text) {
    size_t size = strcspn(text, " \n");
    if (column > 0 && column + 1 + size > LINE_MAX) {
      cli_writer_byte(out, '\n');
      column = 0;
    } else if (column > 0) {
      cli_writer_byte(out, ' ');
      column++;
    }
    if (column == 0 && (*text == '.' || *text == '\''))
      cli_writer_string(out, "\\&");
    for (size_t i = 0; i < size; i++, column++)
      put_character(out, text[i]);
    const char *next = text + size + strspn(text + size, " \n");
    bool ends = strncmp(text + size, "\n\n", 2) == 0;
    if (!*next || ends || ends_sentence(text, size, next)) {
      cli_writer_byte(out, '\n');
      column = 0;
    }
    if (ends)
      cli_writer_string(out, paragraph);
    text = next;
  }
}

static void put_title(struct cli_writer *out, const char *title) {
  cli_writer_string(out, ".SH ");
  for (; *title; title++)
    cli_writer_byte(out, (char)toupper((unsigned char)*title));
  cli_writer_byte(out, '\n');
}

static void put_option(struct cli_writer *out, const struct cli_option *option) {
  const char *fallback = option->fallback_text ? option->fallback_text : option->fallback;
  cli_writer_string(out, ".TP\n");
  if (option->letter) {
    cli_writer_string(out, "\\fB");
    put_roff(out, (const char[]){'-', option->letter, 0});
    cli_writer_string(out, "\\fR, ");
  }
  cli_writer_string(out, "\\fB\\-\\-");
  put_roff(out, option->name);
  cli_writer_string(out, "\\fR");
  if (option->argument) {
    cli_writer_string(out, " \\fI");
    put_roff(out, option->argument);
    cli_writer_string(out, "\\fR");
  }
  cli_writer_byte(out, '\n');
  put_prose(out, option->help, "");
  for (size_t i = 0; option->choices && option->choices[i]; i++)
    cli_writer_format(out, "%s%s%s", i ? ", " : "One of: ", option->choices[i], option->choices[i + 1] ? "" : ".\n");
  if (fallback) {
    cli_writer_string(out, "Default: ");
    put_roff(out, fallback);
    cli_writer_string(out, ".\n");
  }
}

/* Options that exactly these verbs take. */
static void put_options(struct cli_writer *out, uint32_t verbs) {
  for (size_t i = 0; i < cli_option_count(); i++)
    if (!cli_option_at(i)->hidden && cli_option_at(i)->verbs == verbs)
      put_option(out, cli_option_at(i));
}

/* A verb's own options: not those of sections of their own. */
static void put_own_options(struct cli_writer *out, const struct cli_verb *verb) {
  for (size_t i = 0; i < cli_option_count(); i++) {
    const struct cli_option *option = cli_option_at(i);
    if (!option->hidden && (option->verbs & verb->bit) && !cli_option_global(option) && option->verbs != CLI_VERBS_ROWS)
      put_option(out, option);
  }
}

static void put_verb(struct cli_writer *out, const struct cli_verb *verb) {
  cli_writer_string(out, ".SS heliodex ");
  put_roff(out, verb->name);
  if (*verb->operands) {
    cli_writer_byte(out, ' ');
    put_roff(out, verb->operands);
  }
  cli_writer_byte(out, '\n');
  put_prose(out, verb->description, ".PP\n");
  put_own_options(out, verb);
}

static void put_examples(struct cli_writer *out) {
  put_title(out, "examples");
  cli_writer_string(out, ".nf\n");
  for (size_t i = 0; i < cli_verb_count(); i++) {
    const char *const *examples = cli_verb_at(i)->examples;
    for (; examples && *examples; examples++) {
      put_roff(out, *examples);
      cli_writer_byte(out, '\n');
    }
  }
  cli_writer_string(out, ".fi\n");
}

void cli_man_page(struct cli_writer *out) {
  cli_writer_string(out, ".TH HELIODEX 1 " CLI_RELEASE_DATE " \"heliodex " CLI_VERSION_TEXT "\"\n");
  put_title(out, "name");
  cli_writer_string(out, "heliodex \\- fetch, store and query CloudCatalog file registries\n");
  put_title(out, "synopsis");
  cli_writer_string(out, "\\fBheliodex\\fR \\fIVERB\\fR [\\fIOPTION\\fR...] [\\fIOPERAND\\fR...]\n");
  put_title(out, "description");
  put_prose(out, cli_help_purpose, ".PP\n");
  put_title(out, "verbs");
  for (size_t i = 0; i < cli_verb_count(); i++)
    put_verb(out, cli_verb_at(i));
  put_title(out, "options of verbs that print rows");
  put_options(out, CLI_VERBS_ROWS);
  put_title(out, "options of every verb");
  put_options(out, CLI_VERBS_ALL);
  for (size_t i = 0; i < CLI_HELP_NOTE_COUNT; i++) {
    put_title(out, cli_help_notes[i].title);
    put_prose(out, cli_help_notes[i].text, ".PP\n");
  }
  put_title(out, "exit status");
  for (size_t i = 0; i < CLI_HELP_EXIT_COUNT; i++) {
    cli_writer_format(out, ".TP\n%d\n", cli_help_exits[i].code);
    put_prose(out, cli_help_exits[i].text, "");
  }
  put_title(out, "files");
  cli_writer_string(out, ".TP\n\\fI$XDG_CACHE_HOME/heliodex\\fR, else \\fI\\(ti/.cache/heliodex\\fR\n"
                         "Snapshots, registries and catalogs, unless \\fB\\-\\-store\\fR names another place.\n");
  put_examples(out);
}
