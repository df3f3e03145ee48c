/* The inside of a cursor, shared by its parts:
 *
 *   cursor.c   which zones are opened when, handing out
 *   merge.c    rows of blocks that overlap, and windows where these would take too much memory
 *   match.c    which zones and rows are asked for; decoding what a filter needs and no more
 *   totals.c   sums from zone maps where these suffice */
#ifndef HDX_SNAPSHOT_CURSOR_H
#define HDX_SNAPSHOT_CURSOR_H

#include "snapshot/filter.h"
#include "snapshot/reader.h"

/* An open block and how far its rows have been handed out. */
struct hdx_slot {
  struct hdx_block block;
  size_t zone, at;
  bool wanted;
  bool used;
  size_t columns[HDX_COLUMNS_MAX]; /* place of each of the dataset's extra columns in the block, SIZE_MAX: none */
};

struct hdx_cursor {
  const struct hdx_reader *reader;
  struct hdx_range range;
  int64_t window_first, window_last; /* rows that start outside of this are left out; both included */
  int64_t first_start, last_start;   /* the pane of it that is being walked: all, unless the memory is too small */
  uint64_t pane_width;               /* of the next one */
  size_t memory_max;                 /* of blocks that are open at once */
  size_t rows_peak, rows_full;       /* open at once in this pane; when the memory was last full */
  struct hdx_filter filter;
  unsigned wanted;           /* columns that batches have: HDX_WANT_… */
  size_t *condition_columns; /* the dataset's extra column that each condition is about; SIZE_MAX: it has none */
  struct hdx_zstd *zstd;
  bool all_years; /* the range wants every year of the snapshot */
  bool made_up;
  size_t first; /* wanted zone, where stops are made up */
  size_t next;  /* zone to be opened */

  struct hdx_slot **slots;
  size_t slot_count;
  size_t *heap; /* slots by their next row */
  size_t heap_count;

  uint32_t *rows; /* scratch: numbers of the rows of a block that match */
  size_t rows_capacity;

  size_t batch_rows;            /* of a merged batch: fewer where rows are wide */
  int64_t *start, *stop, *size; /* it; NULL until there is one */
  struct hdx_text *key, *extra; /* extra: one column behind the other */
  const struct hdx_text **extra_out;
  struct hdx_text *empty; /* a column that a block lacks */
  size_t empty_count;
};

/* match.c */

/* Whether the zone may have rows that match. */
bool hdx_cursor_zone_wanted(const struct hdx_cursor *cursor, const struct hdx_zone *zone);
/* Whether the zone map tells that all of the zone's rows are in the range; what the filter says is another matter. */
bool hdx_cursor_zone_whole(const struct hdx_cursor *cursor, const struct hdx_zone *zone);
/* Notes the rows of a block that the range asks for in cursor->rows (made large enough); *count of them. */
enum hdx_status hdx_cursor_match(struct hdx_cursor *cursor, const struct hdx_block *block, size_t *count,
                                 struct hdx_error *error);
/* Makes room for the numbers of a block's rows. */
enum hdx_status hdx_cursor_reserve(struct hdx_cursor *cursor, size_t count, struct hdx_error *error);
/* Leaves those of cursor->rows that the filter lets pass, decodes their `wanted` columns and drops the times of all
 * others; slot->block.selected of them stay. */
enum hdx_status hdx_cursor_select(struct hdx_cursor *cursor, struct hdx_slot *slot, size_t count, unsigned wanted,
                                  struct hdx_error *error);
/* Whether a row that was not matched when its block was opened is asked for, with the stop that was made up for it. */
bool hdx_cursor_row_wanted(const struct hdx_cursor *cursor, const struct hdx_slot *slot, size_t row, int64_t stop);
/* The columns that the filter looks at. */
unsigned hdx_cursor_filtered(const struct hdx_cursor *cursor);

/* cursor.c */

/* The next zone to be opened, from `n` on. */
size_t hdx_cursor_next_zone(const struct hdx_cursor *cursor, size_t n);
/* A slot that is not in use. */
enum hdx_status hdx_cursor_take_slot(struct hdx_cursor *cursor, size_t *slot, struct hdx_error *error);
/* Begins anew with the window of [first, last]. */
void hdx_cursor_walk(struct hdx_cursor *cursor, int64_t first, int64_t last);
/* Of memory that blocks take. */
size_t hdx_cursor_block_bytes(const struct hdx_cursor *cursor);
/* Of a row of the merged batch, without its texts. */
static inline size_t hdx_cursor_row_bytes(const struct hdx_cursor *cursor) {
  return 3 * sizeof(int64_t) + (1 + cursor->reader->footer.column_count) * sizeof(struct hdx_text);
}
/* Stops of rows that have none: the next row's start, which for the last row is `next` (NONE: its own). */
void hdx_cursor_make_up_stops(struct hdx_block *block, int64_t next);

/* merge.c */

/* Takes rows from the open blocks as long as no zone that is still to be opened can come before them, into the merged
 * batch: *count of them match. */
enum hdx_status hdx_cursor_merge(struct hdx_cursor *cursor, size_t *count, struct hdx_error *error);
/* Adds a slot that was opened to those that are merged. */
void hdx_cursor_push(struct hdx_cursor *cursor, size_t slot);
/* Whether the open blocks take more than they may: none is to be opened then before a hdx_cursor_narrow. */
bool hdx_cursor_is_full(struct hdx_cursor *cursor);
/* Closes all blocks and begins anew behind what was handed out, with a pane of so few rows that their blocks fit.
 * LIMIT: it cannot be narrower. */
enum hdx_status hdx_cursor_narrow(struct hdx_cursor *cursor, struct hdx_error *error);
/* Goes on to the next pane of the window. False: this was the last one. */
bool hdx_cursor_next_pane(struct hdx_cursor *cursor);

#endif
