/* Lists of data files for other tools, one row of an answer after the other.
 *
 *   urls     a URL a line, or each behind it a NUL
 *   s5cmd    for `s5cmd run`:             cp 's3://bucket/a/b.cdf' 'a/b.cdf'
 *   aria2    for `aria2c -i`:             https://bucket.s3.amazonaws.com/a/b.cdf
 *                                           out=a/b.cdf
 *   rclone   for `rclone --files-from`:   a/b.cdf
 *
 * Destinations are keys within their bucket; so all but urls take rows of one bucket, which is that of the first row
 * that is written. Keys come from an archive and may be anything: one that names no file, has a component . or ..,
 * would write outside of the destination, break its line, or be read as something else by the tool is refused, and so
 * is one of another bucket. A row of the same file as the one that was written last is not written again (rows that
 * follow one another in the answer's order have the same start, stop and key; a file that comes again elsewhere is
 * written again: the list is written as rows come, and remembers but one).
 *
 * Sources: s5cmd splits a line as a shell does (single quotes, a quote itself as '\''), takes * ? [ as patterns but
 * after --raw, and every path with :// in it for a URL; aria2's manual, "Input File"; rclone's manual,
 * "--files-from" (# and ; begin a comment, blanks at both ends are cut). */
#ifndef HDX_CLI_MANIFEST_H
#define HDX_CLI_MANIFEST_H

#include "cli/options.h"
#include "cli/writer.h"

struct cli_manifest {
  struct cli_writer *out;
  unsigned format;
  bool null;                 /* urls end with a NUL */
  bool published;            /* urls are s3:// as published, */
  enum hdx_location fetched; /* or these */
  char *place;               /* scheme and bucket of the first row; owned */
  char *text;                /* scratch */
  size_t text_size;
  bool any;   /* a row was written: */
  char *last; /* its location */
  size_t last_size, last_capacity;
};

void cli_manifest_init(struct cli_manifest *manifest, struct cli_writer *out, const struct cli_settings *settings);
void cli_manifest_deinit(struct cli_manifest *manifest);

/* Writes a row of the query's answer, unless it is the file of the row before. INTEGRITY: the key cannot stand in such
 * a list: nothing was written, the rows that follow may be; others as hdx_query_location. */
enum hdx_status cli_manifest_row(struct cli_manifest *manifest, struct hdx_query *query, size_t dataset,
                                 struct hdx_text key, struct hdx_error *error);

#endif
