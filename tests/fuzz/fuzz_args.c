/* layer: cli */
/* Command lines and environments of any bytes: refused with a reason, or with every value within the bounds that the
 * table of options states.
 *
 * The input's lines are the words; those that begin with HELIODEX_ and hold = are variables. A word is made of lines to
 * its NUL, if it has one. */
#include "cli/args.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS_MAX = 64 };

static void check_list(const struct cli_list *list) {
  for (size_t i = 0; i < list->count; i++)
    CHECK(list->items[i] != NULL);
}

static void check_option(const struct cli_args *args, const struct cli_option *option) {
  const char *member = (const char *)&args->settings + option->offset;
  const char *text;
  uint64_t number;
  unsigned choice, choices = 0;
  switch (option->type) {
  case CLI_COUNT:
  case CLI_NUMBER:
  case CLI_SIZE:
  case CLI_DURATION:
    memcpy(&number, member, sizeof number);
    CHECK(number <= option->max && (option->type == CLI_COUNT || number >= option->min));
    break;
  case CLI_CHOICE:
    memcpy(&choice, member, sizeof choice);
    while (option->choices[choices])
      choices++;
    CHECK(choice >= 1 && choice <= choices);
    break;
  case CLI_TEXT:
  case CLI_FILE:
  case CLI_DIRECTORY:
    memcpy(&text, member, sizeof text);
    CHECK(text && (text[0] || option->empty));
    break;
  case CLI_MAP:
  case CLI_LIST:
  case CLI_WHERE:
    check_list((const struct cli_list *)(const void *)member);
    break;
  default:
    break;
  }
}

static void check_taken(const struct cli_args *args) {
  for (size_t i = 0; i < cli_option_count(); i++)
    if (args->given[i])
      check_option(args, cli_option_at(i));
    else
      CHECK(!args->on_line[i]);
  for (size_t i = 0; i < args->operand_count; i++)
    CHECK(args->operands[i] != NULL);
  if (args->verb && !args->settings.help && !args->settings.version)
    CHECK(args->operand_count >= args->verb->operands_min && args->operand_count <= args->verb->operands_max);
}

/* Divides the text at newlines, in place. */
static int split(char *text, char **words) {
  int count = 1;
  static char name[] = "heliodex";
  words[0] = name;
  while (text && count < WORDS_MAX) {
    char *word = text, *end = strchr(text, '\n'), *equals = strchr(word, '=');
    text = end ? end + 1 : NULL;
    if (end)
      *end = 0;
    if (strncmp(word, "HELIODEX_", 9) == 0 && equals && (!end || equals < end)) {
      *equals = 0;
      setenv(word, equals + 1, 1);
    } else {
      words[count++] = word;
    }
  }
  words[count] = NULL;
  return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *words[WORDS_MAX + 1], *text = malloc(size + 1);
  struct cli_args args;
  struct hdx_error error = {.status = HDX_OK};
  memcpy(text, data, size);
  text[size] = 0;
  clearenv();
  int count = split(text, words);
  enum hdx_status status = cli_args_parse(count, words, &args, &error);
  if (status == HDX_OK)
    check_taken(&args);
  else
    CHECK(status == HDX_USAGE && error.status == HDX_USAGE && error.message[0]);
  if (status != HDX_OK && !args.verb && count > 1)
    (void)cli_unknown_verb(words + 1, (size_t)count - 1, &error);
  cli_args_deinit(&args);
  free(text);
  return 0;
}
