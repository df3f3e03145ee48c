/* Standard error: errors, warnings, notes and events, one line each, never broken by what they quote; a live line of
 * progress makes way for them. */
#ifndef HDX_CLI_MESSAGE_H
#define HDX_CLI_MESSAGE_H

#include "cli/writer.h"

enum cli_level {
  CLI_ERROR,   /* always */
  CLI_WARNING, /* unless quiet */
  CLI_NOTE,    /* unless quiet: summaries */
  CLI_INFO,    /* with -v */
  CLI_DEBUG    /* with -vv */
};

enum { CLI_MESSAGE_BYTES_MAX = 4096 };

struct cli_messages {
  struct cli_writer err;
  char room[6 * CLI_MESSAGE_BYTES_MAX + 256]; /* for a line of JSON: that memory has run out can be told without any */
  bool quiet, json, color;
  unsigned verbose;
  bool live;     /* a live line stands on the terminal */
  bool terminal; /* standard error is one that understands escape sequences */
};

void cli_messages_init(struct cli_messages *messages);
void cli_messages_deinit(struct cli_messages *messages);

bool cli_messages_shown(const struct cli_messages *messages, enum cli_level level);

/* One line, cut at CLI_MESSAGE_BYTES_MAX: "heliodex: warning: …". */
__attribute__((format(printf, 3, 4))) void cli_message(struct cli_messages *messages, enum cli_level level,
                                                       const char *format, ...);

/* "Try …" behind an error. */
void cli_message_hint(struct cli_messages *messages, const char *text);

/* Replaces the live line by `text`, or takes it away (NULL). */
void cli_messages_live(struct cli_messages *messages, const char *text);

/* The writer of standard error with no live line on it; flush when the lines are complete. */
struct cli_writer *cli_messages_raw(struct cli_messages *messages);

#endif
