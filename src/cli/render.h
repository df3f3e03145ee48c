/* Rows of typed cells as a table, CSV, TSV, NDJSON, JSON or a list of keys.
 *
 *   csv     RFC 4180 with a header, but lines end with \n; quoted only where needed; what is missing is empty
 *   tsv     a header too; tab, newline, carriage return and backslash become \t \n \r and \\
 *   ndjson  an object a line; what is missing is null; bytes that are no UTF-8 become U+FFFD
 *   json    an array of such objects
 *   keys    the key column alone, each behind it a newline, or a NUL
 *   table   for people: columns aligned by the first rows, control characters made visible */
#ifndef HDX_CLI_RENDER_H
#define HDX_CLI_RENDER_H

#include "cli/options.h"
#include "cli/writer.h"

enum cli_kind {
  CLI_KIND_TEXT,   /* text; empty: missing */
  CLI_KIND_TIME,   /* number: ns; HDX_TIME_NONE: missing; HDX_TIME_STATIC: the word static */
  CLI_KIND_NUMBER, /* number; negative: missing */
  CLI_KIND_BYTES,  /* the same, with a unit in tables */
  CLI_KIND_JSON,   /* text: JSON as published; empty: missing */
  CLI_KIND_VALUE   /* text: of a column of numbers; in JSON a number, if it is one there; empty: missing */
};

struct cli_column {
  struct hdx_text name;
  enum cli_kind kind;
  bool shrinks; /* is cut where a table would be wider than the terminal */
};

struct cli_cell {
  struct hdx_text text;
  int64_t number;
};

struct cli_render_style {
  enum cli_format format; /* not AUTO */
  bool null;              /* keys end with a NUL */
  bool bold;              /* the table's header */
  int time_digits;        /* 0, 3, 6 or 9 */
  size_t width;           /* of the terminal, 0: unknown */
  size_t key;             /* column that --format keys prints */
};

struct cli_day { /* the date of the time printed last: rows of a day stand together */
  int64_t start;
  char date[16]; /* YYYY-MM-DDT */
};

struct cli_render {
  struct cli_writer *out;
  struct cli_render_style style;
  const struct cli_column *columns; /* borrowed */
  size_t count;
  uint64_t rows;
  uint64_t broken_keys; /* keys that hold their own terminator */
  struct cli_day day;
  char **prefixes; /* of JSON members: {"start": and ,"stop": */
  struct cli_table *table;
  bool failed; /* out of memory */
};

/* Writes what comes before the rows. The columns must live until close. MEMORY. Close in any case. */
enum hdx_status cli_render_open(struct cli_render *render, const struct cli_render_style *style,
                                const struct cli_column *columns, size_t count, struct cli_writer *out,
                                struct hdx_error *error);

/* One row: a cell for each column. Errors stick in the writer. */
void cli_render_row(struct cli_render *render, const struct cli_cell *cells);

/* Writes what comes behind the rows, frees everything. MEMORY, or the writer's status. */
enum hdx_status cli_render_close(struct cli_render *render, struct hdx_error *error);

/* Writes the time at `p`, which has room for HDX_TIME_TEXT_MAX bytes; returns behind its last byte. */
char *cli_render_time(struct cli_day *day, int64_t time_ns, int digits, char *p);

/* The stop that is shown beside a start: rows without time have none. */
static inline int64_t cli_shown_stop(int64_t start, int64_t stop) {
  return start == HDX_TIME_STATIC && stop == HDX_TIME_MAX ? HDX_TIME_STATIC : stop;
}

static inline struct cli_cell cli_cell_text(struct hdx_text text) {
  return (struct cli_cell){.text = text};
}

static inline struct cli_cell cli_cell_string(const char *string) {
  return (struct cli_cell){.text = cli_text(string)};
}

static inline struct cli_cell cli_cell_number(int64_t number) {
  return (struct cli_cell){.text = {"", 0}, .number = number};
}

/* Counts beyond int64_t do not occur but must not turn negative. */
static inline struct cli_cell cli_cell_count(uint64_t count) {
  return cli_cell_number(count <= INT64_MAX ? (int64_t)count : INT64_MAX);
}

#endif
