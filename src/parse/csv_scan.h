/* The inside of the scanner, shared by its parts:
 *
 *   csv.c         life, chunks and cut lines, batches
 *   csv_sniff.c   what the first bytes say
 *   csv_values.*  times and integers of the usual shape, eight bytes at a time
 *   csv_line.c    one line, read with care: the only place that knows the dialect
 *   csv_names.c   what the extra columns are called
 *   csv_loop.h    the scan loop of the kernels: finds lines and commas by vector, reads rows of the usual shape at once
 *                 and leaves every other line to csv_line.c
 *   csv_tidy.c    rows of another shape that need neither mending nor a reason
 *   csv_<isa>.c   the loop with one instruction set's primitives; csv_scalar.c takes every line with care
 *
 * A kernel gives the same rows, counts and reasons as the scalar one for every input. */
#ifndef HDX_PARSE_CSV_SCAN_H
#define HDX_PARSE_CSV_SCAN_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "parse/csv.h"

enum {
  HDX_CSV_HEAD_BYTES = 64, /* enough to tell what a file is */
  HDX_CSV_COLUMNS_MAX = 4 + HDX_CSV_EXTRA_MAX,
  HDX_CSV_WINDOW_BYTES = 8192,        /* indexed at once: with index and output within the first-level cache */
  HDX_CSV_NAMES_BYTES_MAX = 4u << 20, /* header line and column names */
};

/* Positions of one window's newlines and commas, each with room for the unconditional stores of the loop and the
 * sentinels behind the last comma. */
struct hdx_csv_index {
  uint16_t newlines[HDX_CSV_WINDOW_BYTES + 64];
  uint16_t commas[HDX_CSV_WINDOW_BYTES + 64 + HDX_CSV_COLUMNS_MAX];
};

/* The last date that was read, so that rows of one day convert it once: "YYYY-MM-" and "DD" as they lie in memory. */
struct hdx_csv_day {
  uint64_t head;
  uint16_t tail;
  int64_t ns;
};

struct hdx_csv {
  struct hdx_csv_options options;
  enum hdx_status (*scan)(struct hdx_csv *csv, const char *data, const char *end, const char **rest,
                          struct hdx_error *error);
  struct hdx_csv_dialect dialect;
  struct hdx_csv_result result;
  enum hdx_status failed; /* sticky */

  bool sniffed;  /* the head was looked at */
  bool settled;  /* a first row decided the layout */
  bool skipping; /* in a line beyond the limit */
  char head[HDX_CSV_HEAD_BYTES];
  size_t head_size;

  const char *chunk;       /* what is scanned now */
  uint64_t chunk_at;       /* and its place in the file */
  struct hdx_buffer carry; /* the beginning of a line that was cut */
  uint64_t line_at;        /* the place of that line */

  char *scratch; /* unescaped fields of this batch: HDX_CSV_LINE_BYTES_MAX bytes, made when first needed */
  size_t scratch_used;

  struct hdx_arena given_names;
  struct hdx_text given[HDX_CSV_EXTRA_MAX]; /* for extra columns that no header names */
  size_t given_count;

  struct hdx_arena names;
  struct hdx_text header; /* without #; data is NULL if there was none */
  bool header_plain;      /* one without # was taken: another such line is a bad row */
  bool header_no_stop;
  size_t header_extras;
  struct hdx_text header_names[HDX_CSV_EXTRA_MAX]; /* of its extra columns, as it has them */

  size_t columns; /* of a row, once settled */
  size_t count;   /* rows of this batch */
  int64_t *start, *stop, *size;
  struct hdx_text *key, *extra[HDX_CSV_EXTRA_MAX];
  uint64_t *line; /* NULL: nobody asks for it */
  /* the last row of the batch before, its key copied */
  int64_t last_start, last_stop;
  struct hdx_buffer last_key;

  struct hdx_csv_day start_day, stop_day;
  struct hdx_csv_index index;
};

/* Reads one line, without its newline, at byte `at` of the file. Anything but OK ends the scan. */
enum hdx_status hdx_csv_line(struct hdx_csv *csv, const char *line, size_t size, uint64_t at, struct hdx_error *error);

/* There are `count` extra columns, as the header or the first row tells: gives each its name. To be called once, when
 * their number is known. MEMORY. */
enum hdx_status hdx_csv_name_columns(struct hdx_csv *csv, size_t count, struct hdx_error *error);

/* Counts a bad row, tells of it and keeps it if there is room. Its line is at byte `at` of the file, the fault at
 * `column` of the line (from 1); `found` may be empty. */
void hdx_csv_bad(struct hdx_csv *csv, uint64_t at, size_t column, const char *reason, struct hdx_text found);

/* Counts what was mended in a time of a row that is kept (enum hdx_time_note). */
void hdx_csv_count_repairs(struct hdx_csv *csv, unsigned notes);

/* INTEGRITY if the first bytes are no index file's. */
enum hdx_status hdx_csv_sniff(const char *head, size_t size, struct hdx_error *error);

/* Hands out the batch and begins another. */
enum hdx_status hdx_csv_flush(struct hdx_csv *csv, struct hdx_error *error);

/* The kernels: read all whole lines of [data, end); *rest is the beginning of the last, unfinished one. Never read
 * outside of [data, end). */
#define HDX_CSV_KERNEL(name)                                                                                           \
  enum hdx_status hdx_csv_scan_##name(struct hdx_csv *csv, const char *data, const char *end, const char **rest,       \
                                      struct hdx_error *error)
HDX_CSV_KERNEL(scalar);
HDX_CSV_KERNEL(neon);
HDX_CSV_KERNEL(sse2);
HDX_CSV_KERNEL(avx2);
HDX_CSV_KERNEL(avx512);

#endif
