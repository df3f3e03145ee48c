#include "cli/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const level_names[] = {"error", "warning", "note", "info", "debug"};

void cli_messages_init(struct cli_messages *messages) {
  const char *term = getenv("TERM");
  *messages = (struct cli_messages){.err = {.fd = STDERR_FILENO, .name = "standard error", .borrowed = true}};
  messages->err.data = messages->room;
  messages->err.capacity = sizeof messages->room;
  messages->terminal = isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

void cli_messages_deinit(struct cli_messages *messages) {
  cli_messages_live(messages, NULL);
  if (!messages->err.borrowed)
    free(messages->err.data);
  messages->err = (struct cli_writer){.fd = STDERR_FILENO};
}

bool cli_messages_shown(const struct cli_messages *messages, enum cli_level level) {
  if (level == CLI_ERROR)
    return true;
  return !messages->quiet && (level <= CLI_NOTE || messages->verbose >= (level == CLI_INFO ? 1u : 2u));
}

struct cli_writer *cli_messages_raw(struct cli_messages *messages) {
  struct cli_writer *err = &messages->err;
  /* Nobody could be told that standard error fails; the next line may get through. */
  err->state = CLI_WRITER_GOOD;
  if (messages->live)
    cli_writer_string(err, "\r\x1b[K");
  messages->live = false;
  return err;
}

static void put_visible(struct cli_writer *err, struct hdx_text text) {
  char *p = cli_writer_reserve(err, text.size * 4);
  if (p)
    cli_writer_advance(err, cli_visible(text, p, text.size * 4, NULL));
}

void cli_message(struct cli_messages *messages, enum cli_level level, const char *format, ...) {
  if (!cli_messages_shown(messages, level))
    return;
  char line[CLI_MESSAGE_BYTES_MAX];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  struct hdx_text text = {line, n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1};
  struct cli_writer *err = cli_messages_raw(messages);
  if (messages->json) {
    cli_writer_format(err, "{\"event\":\"message\",\"level\":\"%s\",\"text\":", level_names[level]);
    cli_writer_json(err, text);
    cli_writer_string(err, "}\n");
  } else {
    bool color = messages->color && level <= CLI_WARNING;
    if (color)
      cli_writer_string(err, level == CLI_ERROR ? "\x1b[1;31m" : "\x1b[1;33m");
    if (level != CLI_NOTE)
      cli_writer_string(err, level == CLI_WARNING ? "heliodex: warning:" : "heliodex:");
    if (color)
      cli_writer_string(err, "\x1b[0m");
    if (level != CLI_NOTE)
      cli_writer_byte(err, ' ');
    put_visible(err, text);
    cli_writer_byte(err, '\n');
  }
  cli_writer_flush(err);
}

void cli_message_hint(struct cli_messages *messages, const char *text) {
  if (messages->json || messages->quiet)
    return;
  struct cli_writer *err = cli_messages_raw(messages);
  cli_writer_string(err, text);
  cli_writer_byte(err, '\n');
  cli_writer_flush(err);
}

void cli_messages_live(struct cli_messages *messages, const char *text) {
  if (!text && !messages->live)
    return;
  struct cli_writer *err = cli_messages_raw(messages);
  if (text) {
    cli_writer_string(err, "\r");
    cli_writer_string(err, text);
    cli_writer_string(err, "\x1b[K");
    messages->live = true;
  }
  cli_writer_flush(err);
}
