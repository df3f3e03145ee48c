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
  bool sorted;             /* by start, stop, key, year: kept true while rows are appended in that order */

  size_t extra_made;            /* columns that have memory, the first extra_count of them in use */
  char *text_at, *text_end;     /* what is left of the last run of bytes taken from `text` */
  size_t text_run;              /* size of that run */
  struct hdx_rows_order *order; /* scratch of hdx_rows_sort */
  size_t order_capacity;
};

/* `text_bytes_max` bounds what the texts may take. */
void hdx_rows_init(struct hdx_rows *rows, size_t text_bytes_max);
void hdx_rows_deinit(struct hdx_rows *rows);
/* Forgets the rows and columns, keeps the memory. */
void hdx_rows_clear(struct hdx_rows *rows);

/* Makes room for a further extra column with the dataset's number `id`; earlier rows have it empty. Nothing happens if
 * it is there. *column is its place in `extra`. LIMIT: more than HDX_CSV_EXTRA_MAX. */
enum hdx_status hdx_rows_column(struct hdx_rows *rows, uint32_t id, size_t *column, struct hdx_error *error);

/* Appends rows [from, to) of a scanner's batch; texts are copied. columns[c] is the place in `extra` of the batch's
 * extra column c. LIMIT: more text than text_bytes_max; MEMORY. The rows are as before on failure. */
enum hdx_status hdx_rows_append(struct hdx_rows *rows, const struct hdx_csv_batch *batch, size_t from, size_t to,
                                const size_t *columns, size_t column_count, int year, struct hdx_error *error);

/* Makes room for so many more rows (but not for their texts). */
enum hdx_status hdx_rows_reserve(struct hdx_rows *rows, size_t count, struct hdx_error *error);

/* Appends rows [from, to) of other rows, with their years; columns are made as needed. */
enum hdx_status hdx_rows_append_rows(struct hdx_rows *rows, const struct hdx_rows *other, size_t from, size_t to,
                                     struct hdx_error *error);

/* The same with all of them, whose texts are not copied: `other` must stay as it is as long as the rows are used. */
enum hdx_status hdx_rows_append_views(struct hdx_rows *rows, const struct hdx_rows *other, struct hdx_error *error);

/* Sorts by start, stop, key, year (stable; duplicates stay). A missing stop counts as the row's start. */
enum hdx_status hdx_rows_sort(struct hdx_rows *rows, struct hdx_error *error);

/* How many of sorted rows have start, stop and key of the row before. */
uint64_t hdx_rows_duplicates(const struct hdx_rows *rows);

/* The order of rows: start, stop (missing: the start), key. Where all are the same, the year of the index file decides.
 */
static inline int hdx_row_compare(int64_t start_a, int64_t stop_a, struct hdx_text key_a, int64_t start_b,
                                  int64_t stop_b, struct hdx_text key_b) {
  if (start_a != start_b)
    return start_a < start_b ? -1 : 1;
  stop_a = stop_a == HDX_TIME_NONE ? start_a : stop_a;
  stop_b = stop_b == HDX_TIME_NONE ? start_b : stop_b;
  if (stop_a != stop_b)
    return stop_a < stop_b ? -1 : 1;
  return hdx_text_compare(key_a, key_b);
}

/* Bytes of memory held. */
size_t hdx_rows_bytes(const struct hdx_rows *rows);

#endif
