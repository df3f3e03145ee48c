/* The scanner of index files: bytes in, typed columns out, in any cut of the input.
 *
 * A scanner reads one index file. Feed it the file's chunks in order; it hands out batches of rows whose keys and extra
 * columns are views into the chunk (or into the scanner, for a line that was cut), so nothing is copied. Bad rows are
 * data: counted, told, never handed out as rows. The dialect (header, quotes, columns) is found by looking at the file.
 *
 *   line    ends with LF or CR LF, always: a quote never carries a field over a newline, as no index file has any.
 *           Blank lines, lines that begin with # and repeated header lines are no rows.
 *   header  the last line before the first row that begins with # and has columns, or the first one that has words
 *           where a row has times. Names are kept for the extra columns; position decides for the others.
 *   static  (the word, in any letter case) is the start of a row without time: HDX_TIME_STATIC, its stop HDX_TIME_MAX.
 *           As its stop stands static too, or nothing, or there is no such column.
 *   row     start, stop, key, size, extra columns; or start, key, size, extra columns (no_stop). The first row that can
 *           be read decides which, and with the header how many extra columns there are. Missing extra columns are
 *           empty; surplus fields make a bad row, unless they are empty.
 *   field   blanks around it are dropped. Quoted with " or ' it may hold commas, blanks and doubled quotes (RFC 4180).
 *           Mended: a quote that nothing closes before a comma or the line's end is dropped and the field ends at the
 *           next comma; a lone quote behind a field of a file with such quotes is dropped; typographic quotes around a
 *           field are dropped (they protect no comma).
 *   bad     a start that is no time or out of range, a stop that is no time (one out of range is saturated), an empty
 *           key, a size that is neither digits nor empty (decimals are cut), a NUL byte, too long a line.
 *
 * Pure: no input or output, no thread of its own; one thread at a time. */
#ifndef HDX_PARSE_CSV_H
#define HDX_PARSE_CSV_H

#include "base/cpu.h"
#include "base/text.h"

#define HDX_CSV_LINE_BYTES_MAX (1u << 20) /* a longer line is a bad row */
#define HDX_CSV_EXTRA_MAX 250             /* extra columns; a header with more is refused (LIMIT) */
#define HDX_CSV_BATCH_ROWS 1024           /* rows handed out at once, at the most */
#define HDX_CSV_SAMPLE_MAX 8              /* bad rows kept with place and reason */

/* What the file looks like; known from the first batch on. */
struct hdx_csv_dialect {
  bool header;  /* a header line was there */
  bool no_stop; /* no stop column (specification below 0.5): stops are HDX_TIME_NONE */
  bool bom, crlf;
  char quote;                                     /* 0, '"' or '\'': the first quote seen around a field */
  size_t extra_count;                             /* columns behind filesize */
  bool names_made_up;                             /* neither a header nor the options name all of them */
  bool names_misfit;                              /* no header names any, and there are not as many as the options */
  struct hdx_text extra_names[HDX_CSV_EXTRA_MAX]; /* from the header, else the options' names, else "checksum",
                                                     "checksum_algorithm" (positions 5 and 6 by the specification) and
                                                     "column7" …; unique: what is taken gets a number, "id_2". Owned by
                                                     the scanner */
};

struct hdx_csv_batch {
  size_t count;
  const int64_t *start, *stop;         /* ns; stop HDX_TIME_NONE where the file has no stop column */
  const int64_t *size;                 /* -1: empty */
  const struct hdx_text *key;          /* unquoted; valid during the callback */
  const struct hdx_text *const *extra; /* extra[column][row] */
  const uint64_t *line;                /* of each row, from 1; NULL unless the options ask for it */
};

struct hdx_csv_bad_row {
  uint64_t line, byte; /* line from 1; byte of its beginning in the file, from 0 */
  uint32_t column;     /* where in the line the fault is: its byte, from 1 */
  char reason[120];    /* what was expected and found */
};

/* What was mended, and how often. */
enum hdx_csv_repair {
  HDX_CSV_REPAIR_DOT,       /* a dot where a colon belongs */
  HDX_CSV_REPAIR_SEPARATOR, /* a colon, blank or small letter where the T, or a small z where the Z belongs */
  HDX_CSV_REPAIR_DATE,      /* a date alone: its first instant */
  HDX_CSV_REPAIR_HOUR,      /* 24:00: the next day's first instant */
  HDX_CSV_REPAIR_LEAP,      /* second 60: the last instant of its minute */
  HDX_CSV_REPAIR_LATE,      /* a stop beyond 2262: open end (or before 1678: the first instant) */
  HDX_CSV_REPAIR_QUOTE,     /* a quote that is not in a pair, or a typographic one: dropped */
  HDX_CSV_REPAIR_DECIMALS,  /* a size with a decimal point: cut */
  HDX_CSV_REPAIR_COUNT
};

/* In words, to stand behind how many there are: "dots for colons in times" and the like. */
const char *hdx_csv_repair_text(enum hdx_csv_repair repair);

struct hdx_csv_result {
  uint64_t rows, bad_rows, lines, bytes;
  uint64_t repairs[HDX_CSV_REPAIR_COUNT]; /* of the rows handed out */
  uint64_t duplicates;                    /* rows whose start, stop and key are those of the row before */
  uint64_t reversed;                      /* rows whose stop is before their start; handed out as published */
  int time_digits;                        /* 0, 3, 6 or 9: the most that any time needs */
  bool unsorted;                          /* a start before the one of the row above */
  int64_t first, last;                    /* least and greatest start; HDX_TIME_NONE without rows */
  size_t sample_count;
  struct hdx_csv_bad_row samples[HDX_CSV_SAMPLE_MAX];
};

struct hdx_csv_options {
  enum hdx_cpu_level kernel; /* at most this one */
  /* Takes a batch; anything but OK ends the scan with that status. May be NULL (rows are only counted). */
  enum hdx_status (*rows)(void *user, const struct hdx_csv_batch *batch, struct hdx_error *error);
  /* Told of each bad row, in the order of lines, within the calls that scan; NULL: only the first ones are kept. */
  void (*bad)(void *user, const struct hdx_csv_bad_row *bad_row);
  void *user;
  bool lines; /* batches have the rows' lines */
};

struct hdx_csv;

enum hdx_status hdx_csv_open(const struct hdx_csv_options *options, struct hdx_csv **csv, struct hdx_error *error);
void hdx_csv_close(struct hdx_csv *csv);

/* Begins another file, keeping the memory. */
void hdx_csv_reset(struct hdx_csv *csv);

/* Names for the extra columns that no header names, by their position; copied. Where no header names any, and there are
 * two columns more than names, those are "checksum" and "checksum_algorithm", before the others. To be called before
 * the first bytes of a file, holds for this file. MEMORY. */
enum hdx_status hdx_csv_name_extras(struct hdx_csv *csv, const struct hdx_text *names, size_t count,
                                    struct hdx_error *error);

/* The next bytes of the file; rows handed out hold views into them only during the callback. INTEGRITY: this is no
 * index file at all (an HTML page, binary bytes, a parquet or zip file: recognised and named). */
enum hdx_status hdx_csv_feed(struct hdx_csv *csv, const char *data, size_t size, struct hdx_error *error);

/* The file has ended: hands out what is left, a last line without a newline too. */
enum hdx_status hdx_csv_finish(struct hdx_csv *csv, struct hdx_error *error);

const struct hdx_csv_dialect *hdx_csv_dialect(const struct hdx_csv *csv);
const struct hdx_csv_result *hdx_csv_result(const struct hdx_csv *csv);

/* The best kernel that is built in and that the processor has, not above `most`. */
enum hdx_cpu_level hdx_csv_kernel(enum hdx_cpu_level most);

#endif
