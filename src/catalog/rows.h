/* A set of rows that owns its texts, column by column: what lies between the scanner and the snapshot. */
#ifndef HDX_CATALOG_ROWS_H
#define HDX_CATALOG_ROWS_H

#include "base/arena.h"
#include "parse/csv.h"

struct hdx_rows {
  size_t count, capacity;
  int64_t *start, *stop, *size; /* ns, ns (HDX_TIME_NONE: the index has no stop), bytes (-1: not stated) */
  struct hdx_text *key;
  int16_t *year;           /* of the index file that each row is from */
  size_t extra_count;      /* columns in use, at most HDX_CSV_EXTRA_MAX */
  struct hdx_text **extra; /* extra[column][row] */
  uint32_t *extra_id;      /* the dataset's number of each extra column */
  struct hdx_arena text;   /* owns keys and extras */
  bool sorted;             /* by start, stop, key: kept true while rows are appended in that order */
};

void hdx_rows_init(struct hdx_rows *rows, size_t text_bytes_max);
void hdx_rows_deinit(struct hdx_rows *rows);
/* Forgets the rows and columns, keeps the memory. */
void hdx_rows_clear(struct hdx_rows *rows);

/* Makes room for a further extra column with the dataset's number `id`; earlier rows have it empty. Nothing happens if
 * it is there. *column is its place in `extra`. */
enum hdx_status hdx_rows_column(struct hdx_rows *rows, uint32_t id, size_t *column, struct hdx_error *error);

/* Appends rows [from, to) of a scanner's batch; texts are copied. columns[c] is the place in `extra` of the batch's
 * extra column c. */
enum hdx_status hdx_rows_append(struct hdx_rows *rows, const struct hdx_csv_batch *batch, size_t from, size_t to,
                                const size_t *columns, size_t column_count, int year, struct hdx_error *error);

/* Sorts by start, stop, key (stable; duplicates stay). */
enum hdx_status hdx_rows_sort(struct hdx_rows *rows, struct hdx_error *error);

/* Bytes of memory held. */
size_t hdx_rows_bytes(const struct hdx_rows *rows);

#endif
