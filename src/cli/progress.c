#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SECOND_NS UINT64_C(1000000000)
#define PLAIN_NS (5 * SECOND_NS)
#define JSON_NS SECOND_NS
/* A forecast from less would jump about. */
#define FORECAST_NS (2 * SECOND_NS)
/* Seconds over which the rate is smoothed. */
#define SMOOTH_S 3.0

void cli_progress_init(struct cli_progress *progress, struct cli_messages *messages, enum cli_progress_mode mode) {
  if (mode == CLI_PROGRESS_AUTO && !messages->terminal)
    mode = CLI_PROGRESS_PLAIN;
  if (messages->quiet && mode != CLI_PROGRESS_JSON)
    mode = CLI_PROGRESS_NONE;
  *progress = (struct cli_progress){.messages = messages, .mode = mode};
}

size_t cli_terminal_width(int fd) {
  struct winsize size;
  if (!isatty(fd))
    return 0;
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  return 80;
}

struct line {
  char *text;
  size_t size, width;
};

/* Adds a part if it fits; parts are ASCII. */
static void add(struct line *line, const char *part) {
  size_t gap = line->size ? 2 : 0, size = strlen(part);
  if (line->size + gap + size > line->width || line->size + gap + size >= CLI_PROGRESS_LINE_MAX)
    return;
  memcpy(line->text + line->size, ", ", gap);
  memcpy(line->text + line->size + gap, part, size + 1);
  line->size += gap + size;
}

static void add_count(struct line *line, uint64_t count, const char *what) {
  char part[2 * CLI_HUMAN_MAX], number[CLI_HUMAN_MAX];
  snprintf(part, sizeof part, "%s %s", cli_human_count(count, number), what);
  if (count > 0)
    add(line, part);
}

/* How long it will take to do what is left as fast as before. Bytes tell it better than files, where they are known. */
static void add_forecast(struct line *line, const struct hdx_progress *now) {
  char part[2 * CLI_HUMAN_MAX], span[CLI_HUMAN_MAX];
  bool by_bytes = now->bytes_total > 0;
  uint64_t done = by_bytes ? now->bytes : now->files_done, total = by_bytes ? now->bytes_total : now->files_total;
  if (now->elapsed_ns < FORECAST_NS || done == 0 || total <= done)
    return;
  double left = (double)now->elapsed_ns * (double)(total - done) / (double)done;
  /* whole seconds: tenths of a forecast say nothing */
  uint64_t seconds = left < 1e9 * 359999 ? (uint64_t)(left / 1e9) : 359999;
  if (seconds < 60)
    snprintf(part, sizeof part, "0:%02u left", (unsigned)seconds);
  else
    snprintf(part, sizeof part, "%s left", cli_human_span(seconds * SECOND_NS, span));
  add(line, part);
}

static void add_bytes(struct line *line, const struct hdx_progress *now) {
  char part[4 * CLI_HUMAN_MAX], a[CLI_HUMAN_MAX], b[CLI_HUMAN_MAX];
  if (now->bytes_total > 0)
    snprintf(part, sizeof part, "%s of %s", cli_human_bytes(now->bytes, a), cli_human_bytes(now->bytes_total, b));
  else
    snprintf(part, sizeof part, "%s", cli_human_bytes(now->bytes, a));
  if (now->bytes > 0 || now->bytes_total > 0)
    add(line, part);
}

void cli_progress_line(const struct hdx_progress *now, double rate, size_t width, char out[CLI_PROGRESS_LINE_MAX]) {
  char part[4 * CLI_HUMAN_MAX], a[CLI_HUMAN_MAX], b[CLI_HUMAN_MAX];
  struct line line = {out, 0, width};
  out[0] = 0;
  if (now->files_total > 0) {
    snprintf(part, sizeof part, "%s of %s files", cli_human_count(now->files_done, a),
             cli_human_count(now->files_total, b));
    add(&line, part);
  } else if (now->objects > 0) {
    add_count(&line, now->objects, "objects");
  } else {
    add(&line, "looking up");
  }
  if (now->failures > 0)
    add_count(&line, now->failures, "failed");
  add_forecast(&line, now);
  if (rate > 0 && rate < 1e18) {
    snprintf(part, sizeof part, "%s/s", cli_human_bytes((uint64_t)rate, a));
    add(&line, part);
  }
  add_count(&line, now->rows, "rows");
  add_bytes(&line, now);
  add_count(&line, now->retries, "retries");
  add_count(&line, now->gaps, "gaps");
  if (now->slowest_host) {
    snprintf(part, sizeof part, "slowest %.40s (%.0f ms)", now->slowest_host, now->slowest_host_ms);
    add(&line, part);
  }
}

static void smooth_rate(struct cli_progress *progress, const struct hdx_progress *now) {
  if (now->elapsed_ns < progress->seen_ns || now->bytes < progress->seen_bytes)
    *progress = (struct cli_progress){.messages = progress->messages, .mode = progress->mode}; /* the next long call */
  double seconds = (double)(now->elapsed_ns - progress->seen_ns) / 1e9;
  if (seconds <= 0)
    return;
  double recent = (double)(now->bytes - progress->seen_bytes) / seconds;
  double weight = seconds >= SMOOTH_S || progress->rate == 0 ? 1 : seconds / SMOOTH_S;
  progress->rate += (recent - progress->rate) * weight;
  progress->seen_ns = now->elapsed_ns;
  progress->seen_bytes = now->bytes;
}

static void put_event(struct cli_messages *messages, const struct hdx_progress *now, double rate) {
  struct cli_writer *err = cli_messages_raw(messages);
  cli_writer_format(err,
                    "{\"event\":\"progress\",\"elapsed_s\":%.3f,\"datasets_done\":%" PRIu64
                    ",\"datasets_total\":%" PRIu64 ",\"files_done\":%" PRIu64 ",\"files_total\":%" PRIu64
                    ",\"objects\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"bytes\":%" PRIu64
                    ",\"bytes_per_s\":%.0f,\"requests_active\":%" PRIu64 ",\"requests_done\":%" PRIu64
                    ",\"retries\":%" PRIu64 ",\"gaps\":%" PRIu64 ",\"failures\":%" PRIu64 ",\"bytes_total\":%" PRIu64,
                    (double)now->elapsed_ns / 1e9, now->datasets_done, now->datasets_total, now->files_done,
                    now->files_total, now->objects, now->rows, now->bytes, rate, now->requests_active,
                    now->requests_done, now->retries, now->gaps, now->failures, now->bytes_total);
  if (now->slowest_host) {
    cli_writer_string(err, ",\"slowest_host\":");
    cli_writer_json(err, cli_text(now->slowest_host));
    cli_writer_format(err, ",\"slowest_host_ms\":%.1f", now->slowest_host_ms);
  }
  cli_writer_string(err, "}\n");
  cli_writer_flush(err);
}

void cli_progress_update(void *user, const struct hdx_progress *now) {
  struct cli_progress *progress = user;
  char line[CLI_PROGRESS_LINE_MAX];
  smooth_rate(progress, now);
  uint64_t since = now->elapsed_ns - progress->shown_ns;
  switch (progress->mode) {
  case CLI_PROGRESS_NONE:
    return;
  case CLI_PROGRESS_AUTO: {
    size_t width = cli_terminal_width(STDERR_FILENO);
    /* One column stays free: some terminals wrap when the last one is filled. */
    cli_progress_line(now, progress->rate, width > 1 ? width - 1 : 0, line);
    cli_messages_live(progress->messages, line);
    return;
  }
  case CLI_PROGRESS_PLAIN:
    if (since < PLAIN_NS)
      return;
    cli_progress_line(now, progress->rate, CLI_PROGRESS_LINE_MAX, line);
    cli_message(progress->messages, CLI_NOTE, "heliodex: %s", line);
    break;
  case CLI_PROGRESS_JSON:
    if (since < JSON_NS)
      return;
    put_event(progress->messages, now, progress->rate);
    break;
  }
  progress->shown_ns = now->elapsed_ns;
}
