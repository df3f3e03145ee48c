#include "cli/args.h"

#include "cli/text.h"
#include "cli/values.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define ORIGIN_MAX 96

static void *member(struct cli_args *args, const struct cli_option *option) {
  return (char *)&args->settings + option->offset;
}

static enum hdx_status set_choice(const struct cli_option *option, const char *text, unsigned *place,
                                  struct hdx_error *error) {
  char list[256] = "";
  for (unsigned i = 0; option->choices[i]; i++) {
    if (strcmp(option->choices[i], text) == 0) {
      *place = i + 1;
      return HDX_OK;
    }
    size_t size = strlen(list);
    snprintf(list + size, sizeof list - size, "%s%s",
             i == 0                   ? ""
             : option->choices[i + 1] ? ", "
                                      : " or ",
             option->choices[i]);
  }
  return cli_fail(error, HDX_USAGE, "expected %s, found '%s'", list, text);
}

size_t cli_map_equals(const char *text) {
  for (const char *equals = strchr(text, '='); equals; equals = strchr(equals + 1, '=')) {
    const char *p = equals + 1;
    while (isalnum((unsigned char)*p))
      p++;
    if (p > equals + 1 && strncmp(p, "://", 3) == 0)
      return (size_t)(equals - text);
  }
  return SIZE_MAX;
}

static enum hdx_status add_item(const char *text, struct cli_list *list, struct hdx_error *error) {
  char **items = realloc(list->items, (list->count + 1) * sizeof *items);
  if (!items)
    return cli_fail(error, HDX_MEMORY, "out of memory");
  list->items = items;
  list->items[list->count++] = (char *)text;
  return HDX_OK;
}

static enum hdx_status add_where(const char *text, struct cli_list *list, struct hdx_error *error) {
  size_t column;
  enum hdx_operator operation;
  const char *value;
  enum hdx_status status = cli_value_where(text, &column, &operation, &value, error);
  return status == HDX_OK ? add_item(text, list, error) : status;
}

static enum hdx_status add_map(const char *text, struct cli_list *list, struct hdx_error *error) {
  size_t equals = cli_map_equals(text);
  const char *scheme = strstr(text, "://");
  if (equals == SIZE_MAX || scheme > text + equals)
    return cli_fail(error, HDX_USAGE, "expected A=URL such as s3://bucket/=http://127.0.0.1:8000/, found '%s'", text);
  return add_item(text, list, error);
}

static enum hdx_status set_text(const struct cli_option *option, const char *text, const char **value,
                                struct hdx_error *error) {
  if (!*text && !option->empty)
    return cli_fail(error, HDX_USAGE, "the value is empty");
  *value = text;
  return HDX_OK;
}

static enum hdx_status set_value(struct cli_args *args, const struct cli_option *option, const char *text,
                                 struct hdx_error *error) {
  void *value = member(args, option);
  switch (option->type) {
  case CLI_FLAG:
    return cli_value_bool(text, value, error);
  case CLI_COUNT:
  case CLI_NUMBER:
    return cli_value_number(text, option->min, option->max, value, error);
  case CLI_SIZE:
    return cli_value_size(text, option->min, option->max, value, error);
  case CLI_DURATION:
    return cli_value_duration(text, option->min, option->max, value, error);
  case CLI_TIME:
    return hdx_time_parse(cli_text(text), value, error);
  case CLI_TEXT:
  case CLI_FILE:
  case CLI_DIRECTORY:
    return set_text(option, text, value, error);
  case CLI_CHOICE:
    return set_choice(option, text, value, error);
  case CLI_MAP:
    return add_map(text, value, error);
  case CLI_LIST:
    return *text ? add_item(text, value, error) : cli_fail(error, HDX_USAGE, "the value is empty");
  case CLI_WHERE:
    return add_where(text, value, error);
  case CLI_PRESET:
    break;
  }
  bool yes = false;
  enum hdx_status status = cli_value_bool(text, &yes, error);
  if (status == HDX_OK && yes)
    *(unsigned *)value = (unsigned)option->min;
  return status;
}

/* The same with where the value comes from before the message: "--jobs: expected …". */
static enum hdx_status set_from(struct cli_args *args, const struct cli_option *option, const char *origin,
                                const char *text, struct hdx_error *error) {
  struct hdx_error inner = {.status = HDX_OK, .message = ""};
  enum hdx_status status = set_value(args, option, text, &inner);
  if (status != HDX_OK)
    return cli_fail(error, status, "%s: %.*s", origin, HDX_ERROR_TEXT_MAX - ORIGIN_MAX - 2, inner.message);
  args->given[cli_option_place(option)] = true;
  return HDX_OK;
}

/* A flag that stands alone. */
static void set_flag(struct cli_args *args, const struct cli_option *option) {
  void *value = member(args, option);
  if (option->type == CLI_COUNT)
    *(uint64_t *)value += *(uint64_t *)value < option->max;
  else if (option->type == CLI_PRESET)
    *(unsigned *)value = (unsigned)option->min;
  else
    *(bool *)value = true;
  args->given[cli_option_place(option)] = true;
}

/* Those of the table are legal, and none of them is a list, which takes memory. */
static void set_defaults(struct cli_args *args) {
  struct hdx_error error;
  for (size_t i = 0; i < cli_option_count(); i++) {
    const struct cli_option *option = cli_option_at(i);
    if (option->type == CLI_TIME)
      *(int64_t *)member(args, option) = HDX_TIME_NONE;
    if (option->fallback) {
      enum hdx_status status = set_from(args, option, option->name, option->fallback, &error);
      assert(status == HDX_OK);
    }
  }
  memset(args->given, 0, sizeof args->given);
}

struct line {
  char **words;
  int count, next; /* next: the word that comes */
};

/* The option that was probably meant: of the verb first, then any; NULL: none is near. */
static const struct cli_option *nearest_option(const char *typed, const struct cli_verb *verb) {
  const struct cli_option *best = NULL;
  unsigned least = UINT32_MAX;
  for (size_t i = 0; i < cli_option_count(); i++) {
    const struct cli_option *option = cli_option_at(i);
    unsigned distance;
    if (option->hidden || !cli_similar(typed, option->name, &distance))
      continue;
    distance = distance * 2 + (verb && !(option->verbs & verb->bit));
    if (distance < least) {
      least = distance;
      best = option;
    }
  }
  return best;
}

static enum hdx_status unknown_option(const struct cli_args *args, const char *dashes, const char *name, size_t size,
                                      struct hdx_error *error) {
  char typed[72];
  snprintf(typed, sizeof typed, "%.*s", (int)(size < 64 ? size : 64), name);
  const struct cli_option *near = size <= 64 ? nearest_option(typed, args->verb) : NULL;
  if (near)
    return cli_fail(error, HDX_USAGE, "unknown option '%s%s': did you mean --%s?", dashes, typed, near->name);
  return cli_fail(error, HDX_USAGE, "unknown option '%s%s'", dashes, typed);
}

/* The next word as the value of `origin`, unless it is another option by name: that was hardly meant. */
static enum hdx_status next_word(struct line *line, const struct cli_option *option, const char *origin,
                                 const char **text, struct hdx_error *error) {
  if (line->next >= line->count)
    return cli_fail(error, HDX_USAGE, "%s needs a value: %s %s", origin, origin, option->argument);
  const char *word = line->words[line->next];
  bool long_name = strncmp(word, "--", 2) == 0 && cli_option_find(word + 2, strcspn(word + 2, "="));
  if (strcmp(word, "--") == 0 || long_name)
    return cli_fail(error, HDX_USAGE, "%s needs a value, found '%s' (--%s=%s if that is meant)", origin, word,
                    option->name, word);
  *text = word;
  line->next++;
  return HDX_OK;
}

static enum hdx_status parse_long(struct cli_args *args, struct line *line, const char *word, struct hdx_error *error) {
  const char *name = word + 2;
  size_t size = strcspn(name, "=");
  const struct cli_option *option = cli_option_find(name, size);
  if (!option)
    return unknown_option(args, "--", name, size, error);
  char origin[ORIGIN_MAX];
  snprintf(origin, sizeof origin, "--%s", option->name);
  if (name[size] == '=')
    return set_from(args, option, origin, name + size + 1, error);
  if (!option->argument) {
    set_flag(args, option);
    return HDX_OK;
  }
  const char *text;
  enum hdx_status status = next_word(line, option, origin, &text, error);
  return status == HDX_OK ? set_from(args, option, origin, text, error) : status;
}

static enum hdx_status unknown_letter(const struct cli_args *args, const char *word, const char *letter,
                                      struct hdx_error *error) {
  /* "-format" is rather a long name with a dash too few than a group of letters. */
  const struct cli_option *meant = word[2] ? nearest_option(word + 1, args->verb) : NULL;
  if (meant)
    return cli_fail(error, HDX_USAGE, "unknown option '%s': did you mean --%s?", word, meant->name);
  uint32_t point;
  size_t size = cli_utf8_decode(letter, strlen(letter), &point);
  return cli_fail(error, HDX_USAGE, "unknown option '-%.*s'%s%s%s", (int)(size ? size : 1), letter,
                  word[2] ? " in '" : "", word[2] ? word : "", word[2] ? "'" : "");
}

static enum hdx_status parse_short(struct cli_args *args, struct line *line, const char *word,
                                   struct hdx_error *error) {
  for (const char *p = word + 1; *p; p++) {
    const struct cli_option *option = cli_option_letter(*p);
    if (!option)
      return unknown_letter(args, word, p, error);
    if (!option->argument) {
      set_flag(args, option);
      continue;
    }
    const char origin[] = {'-', *p, 0};
    const char *text = p + 1;
    enum hdx_status status = *text ? HDX_OK : next_word(line, option, origin, &text, error);
    return status == HDX_OK ? set_from(args, option, origin, text, error) : status;
  }
  return HDX_OK;
}

static void find_verb(struct cli_args *args, size_t count) {
  size_t words;
  args->verb = cli_verb_of(args->words, count, &words);
  args->operands = args->words + (args->verb ? words : 0);
  args->operand_count = count - (args->verb ? words : 0);
}

static enum hdx_status parse_line(struct cli_args *args, int argc, char **argv, struct hdx_error *error) {
  struct line line = {argv, argc, 1};
  size_t count = 0;
  bool ended = false;
  enum hdx_status status = HDX_OK;
  while (line.next < argc && status == HDX_OK) {
    char *word = argv[line.next++];
    if (ended || word[0] != '-' || !word[1])
      args->words[count++] = word;
    else if (strcmp(word, "--") == 0)
      ended = true;
    else {
      find_verb(args, count); /* suggestions want to know it */
      status = word[1] == '-' ? parse_long(args, &line, word, error) : parse_short(args, &line, word, error);
    }
  }
  find_verb(args, count);
  return status;
}

enum hdx_status cli_unknown_verb(char *const *operands, size_t count, struct hdx_error *error) {
  size_t words;
  const char *typed = operands[0], *near = NULL;
  unsigned least = UINT32_MAX, distance;
  const struct cli_verb *verb = cli_verb_of(operands, count, &words);
  if (verb)
    return cli_fail(error, HDX_USAGE, "'%s' is followed by no word '%.64s'", verb->name, operands[words]);
  if (cli_verb_family(typed)) {
    char list[128] = "";
    for (size_t i = 0; i < cli_verb_count(); i++) {
      const char *name = cli_verb_at(i)->name;
      size_t size = strlen(list);
      if (strncmp(name, typed, strlen(typed)) == 0 && name[strlen(typed)] == ' ')
        snprintf(list + size, sizeof list - size, "%s'%s'", size ? " or " : "", name);
    }
    return cli_fail(error, HDX_USAGE, "'%s' needs a second word: %s%s%.64s%s", typed, list,
                    count > 1 ? ", found '" : "", count > 1 ? operands[1] : "", count > 1 ? "'" : "");
  }
  for (size_t i = 0; i < cli_verb_count(); i++) {
    char first[64];
    const char *name = cli_verb_at(i)->name;
    snprintf(first, sizeof first, "%.*s", (int)strcspn(name, " "), name);
    if (cli_similar(typed, first, &distance) && distance < least) {
      least = distance;
      near = name;
    }
  }
  if (near)
    return cli_fail(error, HDX_USAGE, "unknown verb '%.64s': did you mean '%.*s'?", typed, (int)strcspn(near, " "),
                    near);
  return cli_fail(error, HDX_USAGE, "unknown verb '%.64s'", typed);
}

/* Every option that was given must be one of the verb's. */
static enum hdx_status check_options(const struct cli_args *args, struct hdx_error *error) {
  for (size_t i = 0; i < cli_option_count(); i++) {
    const struct cli_option *option = cli_option_at(i);
    if (!args->given[cli_option_place(option)] || (option->verbs & args->verb->bit))
      continue;
    char list[160] = "";
    for (size_t k = 0; k < cli_verb_count(); k++) {
      size_t size = strlen(list);
      if (option->verbs & cli_verb_at(k)->bit)
        snprintf(list + size, sizeof list - size, "%s%s", size ? ", " : "", cli_verb_at(k)->name);
    }
    return cli_fail(error, HDX_USAGE, "'%s' has no option --%s (it belongs to: %s)", args->verb->name, option->name,
                    list);
  }
  return HDX_OK;
}

static enum hdx_status check_operands(const struct cli_args *args, struct hdx_error *error) {
  const struct cli_verb *verb = args->verb;
  for (size_t i = 0; i < args->operand_count; i++)
    if (!args->operands[i][0])
      return cli_fail(error, HDX_USAGE, "operand %zu of '%s' is empty; expected: heliodex %s %s", i + 1, verb->name,
                      verb->name, verb->operands);
  if (args->operand_count < verb->operands_min)
    return cli_fail(error, HDX_USAGE, "'%s' needs more operands: heliodex %s %s", verb->name, verb->name,
                    verb->operands);
  if (args->operand_count <= verb->operands_max)
    return HDX_OK;
  const char *extra = args->operands[verb->operands_max];
  if (cli_verb_family(verb->name) && args->operand_count == 1)
    return cli_fail(error, HDX_USAGE, "'%s' is followed by nothing or by a word of its own, found '%s'", verb->name,
                    extra);
  return cli_fail(error, HDX_USAGE, "too many operands, from '%s' on; expected: heliodex %s%s%s", extra, verb->name,
                  *verb->operands ? " " : "", verb->operands);
}

/* A path where a BUCKET belongs would be looked for among the names in the registry. */
static enum hdx_status check_bucket(const struct cli_args *args, struct hdx_error *error) {
  const char *place = strstr(args->verb->operands, "BUCKET");
  if (!place || place > args->verb->operands + 1 || args->operand_count == 0 || args->settings.all)
    return HDX_OK;
  if (strstr(place, "|FILE"))
    return HDX_OK;
  const char *bucket = args->operands[0];
  if (bucket[0] == '/')
    return cli_fail(error, HDX_USAGE, "'%s' is a path: a folder is a BUCKET as file://%s", bucket, bucket);
  if (strncmp(bucket, "./", 2) == 0 || strncmp(bucket, "../", 3) == 0)
    return cli_fail(error, HDX_USAGE, "'%s' is a path: a folder is a BUCKET as file:// and its absolute path", bucket);
  return HDX_OK;
}

/* How S3 is to be asked. */
static enum hdx_status check_access(const struct cli_args *args, struct hdx_error *error) {
  const struct cli_settings *s = &args->settings;
  if (s->sign && s->no_sign)
    return cli_fail(error, HDX_USAGE, "--sign and --no-sign-request exclude each other");
  if (s->request_payer && s->no_sign)
    return cli_fail(error, HDX_USAGE, "--request-payer needs signed requests: it goes without --no-sign-request");
  if (s->url_style == CLI_URL_PRESIGNED && s->no_sign)
    return cli_fail(error, HDX_USAGE, "--url-style presigned and --no-sign-request exclude each other");
  const struct cli_option *expires = cli_option_find("expires", strlen("expires"));
  if (args->on_line[cli_option_place(expires)] && s->url_style != CLI_URL_PRESIGNED)
    return cli_fail(error, HDX_USAGE, "--expires goes with --url-style presigned only");
  return HDX_OK;
}

/* What no single option can tell. */
static enum hdx_status check_together(const struct cli_args *args, struct hdx_error *error) {
  const struct cli_settings *s = &args->settings;
  if (s->start != HDX_TIME_NONE && s->stop != HDX_TIME_NONE && s->stop < s->start) {
    char start[HDX_TIME_TEXT_MAX], stop[HDX_TIME_TEXT_MAX];
    hdx_time_format(s->start, 0, start);
    hdx_time_format(s->stop, 0, stop);
    return cli_fail(error, HDX_USAGE, "--stop %s lies before --start %s", stop, start);
  }
  if (cli_format_is_manifest(s->format) && args->verb->bit != CLI_VERB_QUERY)
    return cli_fail(error, HDX_USAGE, "--format %s is a list of data files: it goes with 'query' only",
                    cli_option_find("format", 6)->choices[s->format - 1]);
  if (s->null && s->format != CLI_FORMAT_AUTO && s->format != CLI_FORMAT_KEYS && s->format != CLI_FORMAT_URLS)
    return cli_fail(error, HDX_USAGE, "--null goes with --format keys or urls only");
  bool presigned = s->url_style == CLI_URL_PRESIGNED && s->format == CLI_FORMAT_ARIA2;
  if (cli_args_given(args, "url-style") && s->format != CLI_FORMAT_URLS && !presigned)
    return cli_fail(error, HDX_USAGE, "--url-style goes with --format urls only, and presigned with aria2");
  if (s->summary && s->count_by)
    return cli_fail(error, HDX_USAGE, "--summary and --count-by exclude each other");
  if ((s->summary || s->count_by) && (s->limit || s->reverse || cli_format_is_manifest(s->format)))
    return cli_fail(error, HDX_USAGE,
                    "%s has no rows: it goes with none of --limit, --reverse and the formats "
                    "for other tools",
                    s->summary ? "--summary" : "--count-by");
  if (args->verb->bit == CLI_VERB_QUERY && args->operand_count == 1 && !s->summary && !s->count_by)
    return cli_fail(error, HDX_USAGE, "'query' needs an ID; it may be left out with --summary and --count-by only");
  if (cli_args_given(args, "min-size") && cli_args_given(args, "max-size") && s->min_size > s->max_size)
    return cli_fail(error, HDX_USAGE, "--max-size is less than --min-size: nothing can match");
  const struct cli_option *ignore_case = cli_option_find("ignore-case", strlen("ignore-case"));
  if (args->on_line[cli_option_place(ignore_case)] && !s->path && !s->path_regex)
    return cli_fail(error, HDX_USAGE, "--ignore-case goes with --path and --path-regex only");
  if (s->offline && s->refresh)
    return cli_fail(error, HDX_USAGE, "--offline and --refresh exclude each other");
  return check_access(args, error);
}

/* A list in the environment has its items divided by blanks. */
static enum hdx_status read_list(struct cli_args *args, const struct cli_option *option, const char *name,
                                 const char *value, struct hdx_error *error) {
  args->copies = strdup(value);
  if (!args->copies)
    return cli_fail(error, HDX_MEMORY, "out of memory");
  char *rest = NULL;
  for (char *item = strtok_r(args->copies, " \t\n", &rest); item; item = strtok_r(NULL, " \t\n", &rest)) {
    enum hdx_status status = set_from(args, option, name, item, error);
    if (status != HDX_OK)
      return status;
  }
  return HDX_OK;
}

/* Whether the command line has an option that this one would contradict. */
static bool opposed(const struct cli_args *args, const struct cli_option *option) {
  for (size_t i = 0; i < CLI_OPPOSITES_MAX && option->opposites[i]; i++) {
    const struct cli_option *other = cli_option_find(option->opposites[i], strlen(option->opposites[i]));
    if (args->on_line[cli_option_place(other)])
      return true;
  }
  return false;
}

static enum hdx_status read_environment(struct cli_args *args, struct hdx_error *error) {
  memcpy(args->on_line, args->given, sizeof args->on_line);
  /* --json and --format share a member: one on the command line beats both in the environment. */
  bool format_given = args->settings.format != CLI_FORMAT_AUTO;
  for (size_t i = 0; i < cli_option_count(); i++) {
    const struct cli_option *option = cli_option_at(i);
    if (!(option->verbs & args->verb->bit) || args->given[i] || option->hidden || opposed(args, option) ||
        option->offset == offsetof(struct cli_settings, help) ||
        option->offset == offsetof(struct cli_settings, version) ||
        (format_given && option->offset == offsetof(struct cli_settings, format)))
      continue;
    char own[CLI_VARIABLE_MAX];
    const char *name = cli_option_variable(option, own), *value = getenv(name);
    if (!value || !*value)
      continue;
    char origin[ORIGIN_MAX];
    snprintf(origin, sizeof origin, "%s in the environment", name);
    enum hdx_status status = option->type == CLI_MAP ? read_list(args, option, origin, value, error)
                                                     : set_from(args, option, origin, value, error);
    if (status != HDX_OK)
      return status;
  }
  return HDX_OK;
}

enum hdx_status cli_args_parse(int argc, char **argv, struct cli_args *args, struct hdx_error *error) {
  *args = (struct cli_args){0};
  args->words = calloc((size_t)argc + 1, sizeof *args->words);
  if (!args->words)
    return cli_fail(error, HDX_MEMORY, "out of memory");
  set_defaults(args);
  enum hdx_status status = parse_line(args, argc, argv, error);
  if (status != HDX_OK)
    return status;
  if (!args->verb && args->operand_count > 0)
    return cli_unknown_verb(args->words, args->operand_count, error);
  if (!args->verb || args->settings.help || args->settings.version)
    return HDX_OK;
  status = check_options(args, error);
  if (status == HDX_OK && (args->verb->needs & CLI_NEED_SESSION))
    status = read_environment(args, error);
  if (status == HDX_OK)
    status = check_operands(args, error);
  if (status == HDX_OK)
    status = check_bucket(args, error);
  return status == HDX_OK ? check_together(args, error) : status;
}

void cli_args_deinit(struct cli_args *args) {
  free(args->settings.maps.items);
  free(args->settings.keys.items);
  free(args->settings.key_excludes.items);
  free(args->settings.wheres.items);
  free(args->words);
  free(args->copies);
}

bool cli_args_given(const struct cli_args *args, const char *name) {
  const struct cli_option *option = cli_option_find(name, strlen(name));
  return option && args->given[cli_option_place(option)];
}
