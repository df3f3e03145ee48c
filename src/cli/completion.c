#include "cli/completion.h"

#include "cli/text.h"

#include <stdio.h>

static bool is_path(const struct cli_option *option) {
  return option->type == CLI_FILE || option->type == CLI_DIRECTORY;
}

static bool takes(const struct cli_option *option, uint32_t verbs) {
  return !option->hidden && (option->verbs & verbs);
}

/* The first sentence of the help, without what quoting in any of the shells would trip over. */
static void put_brief(struct cli_writer *out, const char *help) {
  for (; *help && strncmp(help, ". ", 2) != 0 && strncmp(help, "; ", 2) != 0 && strncmp(help, ": ", 2) != 0; help++) {
    if (*help == '.' && !help[1])
      break;
    if (!strchr("'\"`$[]\\:", *help))
      cli_writer_byte(out, *help);
  }
}

static size_t first_word(const char *name) {
  return strcspn(name, " ");
}

/* Whether the verb before in the table has the same first word. */
static bool same_family(size_t i) {
  const char *name = cli_verb_at(i)->name;
  return i > 0 && first_word(name) == first_word(cli_verb_at(i - 1)->name) &&
         strncmp(name, cli_verb_at(i - 1)->name, first_word(name)) == 0;
}

/* All options of the verbs that begin with the same word, as a set. */
static uint32_t family_bits(const char *name) {
  uint32_t bits = 0;
  size_t size = first_word(name);
  for (size_t i = 0; i < cli_verb_count(); i++)
    if (first_word(cli_verb_at(i)->name) == size && strncmp(cli_verb_at(i)->name, name, size) == 0)
      bits |= cli_verb_at(i)->bit;
  return bits;
}

static void put_choices(struct cli_writer *out, const struct cli_option *option) {
  for (size_t i = 0; option->choices[i]; i++)
    cli_writer_format(out, "%s%s", i ? " " : "", option->choices[i]);
}

/* The second words of a family. */
static void put_second_words(struct cli_writer *out, const char *name) {
  size_t size = first_word(name);
  for (size_t i = 0; i < cli_verb_count(); i++) {
    const char *other = cli_verb_at(i)->name;
    if (first_word(other) == size && strncmp(other, name, size) == 0 && other[size])
      cli_writer_format(out, "%s ", other + size + 1);
  }
}

/* What completes the operands of some verbs. */
static void put_operand_words(struct cli_writer *out, const struct cli_verb *verb) {
  if (verb->bit == CLI_VERB_COMPLETION)
    cli_writer_string(out, "bash zsh fish ");
  for (size_t i = 0; verb->bit == CLI_VERB_HELP && i < cli_verb_count(); i++)
    if (!same_family(i))
      cli_writer_format(out, "%.*s ", (int)first_word(cli_verb_at(i)->name), cli_verb_at(i)->name);
}

static void put_patterns(struct cli_writer *out, const struct cli_option *option, bool *any) {
  if (option->letter)
    cli_writer_format(out, "%s-%c", *any ? "|" : "", option->letter);
  cli_writer_format(out, "%s--%s", *any || option->letter ? "|" : "", option->name);
  *any = true;
}

static void put_bash_values(struct cli_writer *out) {
  for (size_t i = 0; i < cli_option_count(); i++) {
    const struct cli_option *option = cli_option_at(i);
    bool any = false;
    if (!option->argument || option->hidden || (option->type != CLI_CHOICE && !is_path(option)))
      continue;
    cli_writer_string(out, "    ");
    put_patterns(out, option, &any);
    if (option->type == CLI_CHOICE) {
      cli_writer_string(out, ") COMPREPLY=($(compgen -W '");
      put_choices(out, option);
      cli_writer_string(out, "' -- \"$cur\")); return ;;\n");
    } else {
      cli_writer_format(out, ") compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -%c -- \"$cur\")); return ;;\n",
                        option->type == CLI_FILE ? 'f' : 'd');
    }
  }
  bool any = false;
  cli_writer_string(out, "    ");
  for (size_t i = 0; i < cli_option_count(); i++) {
    const struct cli_option *option = cli_option_at(i);
    if (option->argument && !option->hidden && option->type != CLI_CHOICE && !is_path(option))
      put_patterns(out, option, &any);
  }
  cli_writer_string(out, ") return ;;\n");
}

static void put_bash_verbs(struct cli_writer *out) {
  cli_writer_string(out, "    '') words=\"$global ");
  for (size_t i = 0; i < cli_verb_count(); i++)
    if (!same_family(i))
      cli_writer_format(out, "%.*s ", (int)first_word(cli_verb_at(i)->name), cli_verb_at(i)->name);
  cli_writer_string(out, "\" ;;\n");
  for (size_t i = 0; i < cli_verb_count(); i++) {
    const struct cli_verb *verb = cli_verb_at(i);
    if (same_family(i))
      continue;
    cli_writer_format(out, "    %.*s) words=\"$global ", (int)first_word(verb->name), verb->name);
    put_second_words(out, verb->name);
    put_operand_words(out, verb);
    for (size_t k = 0; k < cli_option_count(); k++)
      if (takes(cli_option_at(k), family_bits(verb->name)) && !cli_option_global(cli_option_at(k)))
        cli_writer_format(out, "--%s ", cli_option_at(k)->name);
    cli_writer_string(out, "\"");
    if (verb->needs & CLI_NEED_FILES)
      cli_writer_string(out, "; compopt -o default 2>/dev/null");
    cli_writer_string(out, " ;;\n");
  }
}

void cli_completion_bash(struct cli_writer *out) {
  bool any = false;
  cli_writer_string(out, "# bash completion of heliodex\n"
                         "_heliodex() {\n"
                         "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb= words i\n"
                         "  local global='");
  for (size_t i = 0; i < cli_option_count(); i++)
    if (cli_option_global(cli_option_at(i)))
      cli_writer_format(out, "--%s ", cli_option_at(i)->name);
  cli_writer_string(out, "'\n"
                         "  COMPREPLY=()\n"
                         "  # --name=value comes as three words\n"
                         "  if [[ $cur == = ]]; then\n"
                         "    cur=\n"
                         "  elif [[ $prev == = ]]; then\n"
                         "    prev=${COMP_WORDS[COMP_CWORD-2]}\n"
                         "  fi\n"
                         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
                         "    case ${COMP_WORDS[i]} in\n"
                         "    ");
  for (size_t i = 0; i < cli_option_count(); i++)
    if (cli_option_at(i)->argument && !cli_option_at(i)->hidden)
      put_patterns(out, cli_option_at(i), &any);
  cli_writer_string(out, ") [[ ${COMP_WORDS[i+1]} == = ]] && ((i++)); ((i++)) ;;\n"
                         "    -*) ;;\n"
                         "    *) verb=${COMP_WORDS[i]}; break ;;\n"
                         "    esac\n"
                         "  done\n"
                         "  case $prev in\n");
  put_bash_values(out);
  cli_writer_string(out, "  esac\n  case $verb in\n");
  put_bash_verbs(out);
  cli_writer_string(out, "    *) return ;;\n"
                         "  esac\n"
                         "  # options only once a dash is there\n"
                         "  local word kept=\n"
                         "  for word in $words; do\n"
                         "    [[ $cur == -* || $word != -* ]] && kept+=\" $word\"\n"
                         "  done\n"
                         "  COMPREPLY=($(compgen -W \"$kept\" -- \"$cur\"))\n"
                         "}\n"
                         "complete -F _heliodex heliodex\n");
}

static void put_zsh_option(struct cli_writer *out, const struct cli_option *option) {
  bool repeats =
      option->type == CLI_MAP || option->type == CLI_LIST || option->type == CLI_WHERE || option->type == CLI_COUNT;
  const char *mark = option->argument ? "=" : "";
  cli_writer_string(out, "    ");
  if (repeats)
    cli_writer_string(out, "'*'");
  else if (option->letter)
    cli_writer_format(out, "'(-%c --%s)'", option->letter, option->name);
  if (option->letter)
    cli_writer_format(out, "{-%c%s,--%s%s}'[", option->letter, option->argument ? "+" : "", option->name, mark);
  else
    cli_writer_format(out, "'--%s%s[", option->name, mark);
  put_brief(out, option->help);
  cli_writer_byte(out, ']');
  if (option->argument) {
    cli_writer_format(out, ":%s:", option->argument);
    if (option->type == CLI_CHOICE) {
      cli_writer_byte(out, '(');
      put_choices(out, option);
      cli_writer_byte(out, ')');
    } else if (is_path(option)) {
      cli_writer_string(out, option->type == CLI_FILE ? "_files" : "_files -/");
    }
  }
  cli_writer_string(out, "'\n");
}

/* The first words of all verbs with their summaries. */
static void put_zsh_names(struct cli_writer *out) {
  for (size_t i = 0; i < cli_verb_count(); i++) {
    const char *name = cli_verb_at(i)->name;
    if (same_family(i))
      continue;
    cli_writer_format(out, "    '%.*s:", (int)first_word(name), name);
    put_brief(out, cli_verb_at(i)->summary);
    cli_writer_string(out, "'\n");
  }
}

static void put_zsh_verb(struct cli_writer *out, const struct cli_verb *verb) {
  cli_writer_format(out, "  %.*s)\n  own=(\n", (int)first_word(verb->name), verb->name);
  for (size_t k = 0; k < cli_option_count(); k++)
    if (takes(cli_option_at(k), family_bits(verb->name)) && !cli_option_global(cli_option_at(k)))
      put_zsh_option(out, cli_option_at(k));
  if (verb->needs & CLI_NEED_FILES) {
    cli_writer_string(out, "  )\n  _arguments $global $own '*:file:_files' ;;\n");
    return;
  }
  cli_writer_string(out, "  )\n  _arguments $global $own '*: :(");
  put_second_words(out, verb->name);
  put_operand_words(out, verb);
  cli_writer_string(out, ")' ;;\n");
}

void cli_completion_zsh(struct cli_writer *out) {
  cli_writer_string(out, "#compdef heliodex\n"
                         "# zsh completion of heliodex\n"
                         "_heliodex() {\n"
                         "  local curcontext=\"$curcontext\" state state_descr line\n"
                         "  typeset -A opt_args\n"
                         "  local -a global own verbs\n"
                         "  global=(\n");
  for (size_t i = 0; i < cli_option_count(); i++)
    if (cli_option_global(cli_option_at(i)))
      put_zsh_option(out, cli_option_at(i));
  cli_writer_string(out, "  )\n  verbs=(\n");
  put_zsh_names(out);
  cli_writer_string(out, "  )\n"
                         "  _arguments -C $global '1: :->verb' '*:: :->operand'\n"
                         "  case $state in\n"
                         "  verb) _describe -t verbs verb verbs; return ;;\n"
                         "  operand) ;;\n"
                         "  *) return ;;\n"
                         "  esac\n"
                         "  case $line[1] in\n");
  for (size_t i = 0; i < cli_verb_count(); i++)
    if (!same_family(i))
      put_zsh_verb(out, cli_verb_at(i));
  cli_writer_string(out, "  esac\n"
                         "}\n"
                         "if [[ $funcstack[1] == _heliodex ]]; then\n"
                         "  _heliodex \"$@\"\n"
                         "else\n"
                         "  compdef _heliodex heliodex\n"
                         "fi\n");
}

static void put_fish_option(struct cli_writer *out, const struct cli_option *option, const char *verb, size_t size) {
  cli_writer_string(out, "complete -c heliodex");
  if (verb)
    cli_writer_format(out, " -n '__fish_seen_subcommand_from %.*s'", (int)size, verb);
  if (option->letter)
    cli_writer_format(out, " -s %c", option->letter);
  cli_writer_format(out, " -l %s", option->name);
  if (option->type == CLI_CHOICE) {
    cli_writer_string(out, " -x -a '");
    put_choices(out, option);
    cli_writer_byte(out, '\'');
  } else if (option->type == CLI_FILE) {
    cli_writer_string(out, " -r -F");
  } else if (option->type == CLI_DIRECTORY) {
    cli_writer_string(out, " -x -a '(__fish_complete_directories)'");
  } else if (option->argument) {
    cli_writer_string(out, " -x");
  }
  cli_writer_string(out, " -d '");
  put_brief(out, option->help);
  cli_writer_string(out, "'\n");
}

static void put_fish_verb(struct cli_writer *out, const struct cli_verb *verb, bool further) {
  int size = (int)first_word(verb->name);
  if (!further) {
    cli_writer_format(out, "complete -c heliodex -n __fish_use_subcommand -a %.*s -d '", size, verb->name);
    put_brief(out, verb->summary);
    cli_writer_string(out, "'\n");
    for (size_t k = 0; k < cli_option_count(); k++)
      if (takes(cli_option_at(k), family_bits(verb->name)) && !cli_option_global(cli_option_at(k)))
        put_fish_option(out, cli_option_at(k), verb->name, (size_t)size);
  }
  if (verb->name[size]) {
    cli_writer_format(out, "complete -c heliodex -n '__fish_seen_subcommand_from %.*s' -a %s -d '", size, verb->name,
                      verb->name + size + 1);
    put_brief(out, verb->summary);
    cli_writer_string(out, "'\n");
  }
  if (verb->bit == CLI_VERB_COMPLETION || verb->bit == CLI_VERB_HELP) {
    cli_writer_format(out, "complete -c heliodex -n '__fish_seen_subcommand_from %s' -a '", verb->name);
    put_operand_words(out, verb);
    cli_writer_string(out, "'\n");
  }
  if (verb->needs & CLI_NEED_FILES)
    cli_writer_format(out, "complete -c heliodex -n '__fish_seen_subcommand_from %s' -F\n", verb->name);
}

void cli_completion_fish(struct cli_writer *out) {
  cli_writer_string(out, "# fish completion of heliodex\ncomplete -c heliodex -f\n");
  for (size_t i = 0; i < cli_option_count(); i++)
    if (cli_option_global(cli_option_at(i)))
      put_fish_option(out, cli_option_at(i), NULL, 0);
  for (size_t i = 0; i < cli_verb_count(); i++)
    put_fish_verb(out, cli_verb_at(i), same_family(i));
}
