/* What a long call has done so far, on standard error: a live line on a terminal, otherwise a plain line every few
 * seconds, or events as JSON. */
#ifndef HDX_CLI_PROGRESS_H
#define HDX_CLI_PROGRESS_H

#include "cli/message.h"
#include "cli/options.h"

struct cli_progress {
  struct cli_messages *messages;
  enum cli_progress_mode mode; /* AUTO: the live line */
  uint64_t shown_ns;           /* elapsed when a line was last written */
  uint64_t seen_ns, seen_bytes;
  double rate; /* bytes a second, smoothed */
};

/* `mode` as asked for; on what is no terminal AUTO becomes PLAIN, quiet makes it NONE. */
void cli_progress_init(struct cli_progress *progress, struct cli_messages *messages, enum cli_progress_mode mode);

/* The session's callback; user is the struct cli_progress. */
void cli_progress_update(void *user, const struct hdx_progress *now);

/* The columns of a terminal (80 if they cannot be had), 0 if `fd` is none. */
size_t cli_terminal_width(int fd);

#define CLI_PROGRESS_LINE_MAX 512

/* The line that fits into `width` characters: what matters most first, the rest left out. */
void cli_progress_line(const struct hdx_progress *now, double rate, size_t width, char out[CLI_PROGRESS_LINE_MAX]);

#endif
