/* Snapshots: one file per dataset with the rows of all its index files, column by column.
 *
 * (The specification of the bytes stands in snapshot/format.h.)
 *
 * A writer takes rows year by year, from several threads, and replaces the file at once when it is committed: readers
 * see the old file or the new one. A reader maps a file; it is immutable and may be used by several threads. A cursor
 * answers one range of time. */
#ifndef HDX_SNAPSHOT_SNAPSHOT_H
#define HDX_SNAPSHOT_SNAPSHOT_H

#include "base/file.h"
#include "catalog/dataset.h"
#include "catalog/rows.h"

#include <stdatomic.h>

#define HDX_SNAPSHOT_VERSION "1.1"

#define HDX_BLOCK_ROWS 8192      /* rows of a block, at the most, as written; readers take up to 65,536 */
#define HDX_MIXED_ROWS_MAX 65536 /* a dataset with fewer is one run of blocks that mix years, sorted as a whole */
#define HDX_MIXED_TEXT_BYTES_MAX (16u << 20) /* unless its texts take more: it is in memory for that */
#define HDX_COLUMNS_MAX 250                  /* extra columns of a dataset */

/* What a snapshot is of, and what was said of it when it was written. Texts are borrowed. */
struct hdx_subject {
  struct hdx_text source; /* canonical URL of the bucket */
  struct hdx_text id, index, indextype;
  int64_t catalog_start, catalog_stop; /* as hdx_dataset_years takes them */
  bool multiyear;
  uint64_t parameters; /* the fingerprint of its document of parameters (snapshot/format.h) */
};

/* The fingerprint of a document of parameters that tells of so many extra columns: never 0 or 1 but for a count of 0.
 * MEMORY, LIMIT. */
enum hdx_status hdx_snapshot_fingerprint(const struct hdx_text *names, const struct hdx_parameter *parameters,
                                         size_t count, uint64_t *fingerprint, struct hdx_error *error);
#define HDX_FINGERPRINT_SEVERAL 1 /* of rows that are named by different documents */

struct hdx_reader;
struct hdx_writer;

/* ---- writing ---- */

/* Prepares to replace `path` (its folder must exist). Nothing is written before the first rows need it. */
enum hdx_status hdx_writer_create(const char *path, struct hdx_writer **writer, struct hdx_error *error);

/* Has the bytes of rows that are held back counted in `held_bytes`, too, which lives as long as the writer. */
void hdx_writer_count_held(struct hdx_writer *writer, atomic_uint_fast64_t *held_bytes);

/* Writes what is held back, of whatever year, and holds nothing back any more. Any thread. Where that fails rows are
 * lost: a commit fails then, too. IO, MEMORY. */
enum hdx_status hdx_writer_spill(struct hdx_writer *writer, struct hdx_error *error);

/* The number of the extra column called `name`, new or known. LIMIT: more than HDX_COLUMNS_MAX. Any thread. */
enum hdx_status hdx_writer_column(struct hdx_writer *writer, struct hdx_text name, uint32_t *id,
                                  struct hdx_error *error);

/* Adds rows of one year's index file, in any order: sorts them and writes them as blocks of at most HDX_BLOCK_ROWS if
 * `more` rows of the year follow; the last ones (more = false) are held back, up to HDX_MIXED_ROWS_MAX over all years,
 * to be mixed with other years' if the dataset stays small. `rows` is left empty (its memory may have been taken over).
 * Any thread; one thread at a time for one year. */
enum hdx_status hdx_writer_add(struct hdx_writer *writer, int year, struct hdx_rows *rows, bool more,
                               struct hdx_error *error);

/* Takes back all rows added for a year (its file changed while it was read, or failed). */
void hdx_writer_drop_year(struct hdx_writer *writer, int year);

/* Adds the rows that an older snapshot has of a year; blocks of that year alone are copied as they are. The reader may
 * not be closed before the writer is committed or abandoned. INTEGRITY: a block of it is corrupt. */
enum hdx_status hdx_writer_keep_year(struct hdx_writer *writer, const struct hdx_reader *reader, int year,
                                     struct hdx_error *error);

/* Says what the extra column called `name` is (copied), in place of what was said before. Nothing happens if there is
 * no such column so far. MEMORY. */
enum hdx_status hdx_writer_describe(struct hdx_writer *writer, struct hdx_text name,
                                    const struct hdx_parameter *parameter, struct hdx_error *error);

/* Rows added so far and not dropped; of all years. */
uint64_t hdx_writer_rows(const struct hdx_writer *writer);

/* Writes what is held back, the footer with the years' sources (any order; copied), syncs, and renames over the path.
 * `digits` is 0, 3, 6 or 9: the decimals exact for all times. The writer is freed in any case. IO: nothing was
 * replaced. *file_bytes may be NULL. */
enum hdx_status hdx_writer_commit(struct hdx_writer *writer, const struct hdx_subject *subject,
                                  const struct hdx_year *years, size_t year_count, int digits, uint64_t *file_bytes,
                                  struct hdx_error *error);
/* The same but for the last step: *file is the complete temporary file, to be committed by hdx_temp_commit, or many of
 * them by hdx_temp_commit_all, which takes a fraction of the time that a sync for each takes. */
enum hdx_status hdx_writer_finish(struct hdx_writer *writer, const struct hdx_subject *subject,
                                  const struct hdx_year *years, size_t year_count, int digits, uint64_t *file_bytes,
                                  struct hdx_temp *file, struct hdx_error *error);
/* Frees the writer, removes its temporary file. NULL is allowed. */
void hdx_writer_abandon(struct hdx_writer *writer);

/* ---- reading ---- */

/* Maps a snapshot and checks trailer, header and footer. `source` is what its subject's source must be (empty: any).
 * NOT_FOUND: no such file; INTEGRITY: not a snapshot, corrupt, another version, or another source. */
enum hdx_status hdx_reader_open(const char *path, struct hdx_text source, struct hdx_reader **reader,
                                struct hdx_error *error);
void hdx_reader_close(struct hdx_reader *reader);

/* How much of the file may stay in memory when it has been read; 32 MiB if nothing is said. */
void hdx_reader_keep(struct hdx_reader *reader, size_t bytes);
/* Lets go of all of the file that was read, if it is more than may be kept. No cursor may be open. It comes back by
 * itself. */
void hdx_reader_rest(const struct hdx_reader *reader);

/* The hash that the trailer has of the footer, and so of all blocks: two snapshots with equal rows need not have the
 * same one, but one that changed has another. */
uint64_t hdx_reader_digest(const struct hdx_reader *reader);
/* Views into the reader. */
const struct hdx_subject *hdx_reader_subject(const struct hdx_reader *reader);
/* rows, blocks, sums, years, names …; without `deep` checks nothing more than the footer. */
const struct hdx_snapshot_info *hdx_reader_info(const struct hdx_reader *reader);
const struct hdx_year *hdx_reader_year(const struct hdx_reader *reader, int year); /* NULL: unknown */

/* Checks the hash of every block, and nothing else. INTEGRITY: which block. */
enum hdx_status hdx_reader_check(const struct hdx_reader *reader, struct hdx_error *error);

/* Checks the hash of every block and decodes every row. INTEGRITY: which block, and what is wrong. */
enum hdx_status hdx_reader_verify(const struct hdx_reader *reader, struct hdx_error *error);

/* hdx_snapshot_columns. */
enum hdx_status hdx_reader_columns(const struct hdx_reader *reader, struct hdx_column_info **columns, size_t *count,
                                   struct hdx_error *error);

/* ---- asking ---- */

struct hdx_range {
  int64_t start, stop; /* HDX_TIME_NONE: open */
  enum hdx_match match;
  struct hdx_years years; /* only rows from the index files of these years; year 0 is that of a static file */
};

struct hdx_cursor;

/* Begins to answer; the reader must outlive the cursor. Nothing is decoded yet. */
enum hdx_status hdx_cursor_open(const struct hdx_reader *reader, const struct hdx_range *range,
                                struct hdx_cursor **cursor, struct hdx_error *error);
void hdx_cursor_close(struct hdx_cursor *cursor);
/* How many bytes blocks that are open at once may take, but for one of them. Blocks that overlap in time all have to
 * be; where they would take more, they are opened several times, for a piece of their rows each. 256 MiB if it is not
 * said.
 */
void hdx_cursor_memory(struct hdx_cursor *cursor, size_t bytes);
/* Of memory that the cursor holds just now. */
size_t hdx_cursor_bytes(const struct hdx_cursor *cursor);
/* Begins anew; from now on missing stops are not made up but HDX_TIME_NONE. */
void hdx_cursor_as_filed(struct hdx_cursor *cursor);
/* Begins anew with another range, keeping the memory. */
void hdx_cursor_range(struct hdx_cursor *cursor, const struct hdx_range *range);

/* Begins anew with the same range, of which only rows are given that start in [first, last], both included. (Stops are
 * made up as without this.) */
void hdx_cursor_window(struct hdx_cursor *cursor, int64_t first, int64_t last);

/* The latest start of a block that may have rows in the range which start at `last` or earlier: with its window to
 * `last`, and so on backwards, an answer is walked in pieces from its end. False: there are no such rows. To be
 * followed by hdx_cursor_window. */
bool hdx_cursor_last_zone(struct hdx_cursor *cursor, int64_t last, int64_t *first);

/* Columns of a batch besides the times, as a set of bits: those of HDX_WANT_… (block.h). */
enum { HDX_COLUMN_SIZE = 1, HDX_COLUMN_KEY = 2, HDX_COLUMN_EXTRA = 4, HDX_COLUMN_ALL = 7 };

struct hdx_filter;
/* Begins anew with the same range, of which only rows are given that pass the filter (copied; what it points to is
 * borrowed), and of these only start, stop and the `wanted` columns, a set of HDX_COLUMN_…: arrays of the others are
 * NULL. A condition on a column that the dataset lacks sees empty values. Holds for later ranges too. MEMORY. */
enum hdx_status hdx_cursor_filter(struct hdx_cursor *cursor, const struct hdx_filter *filter, unsigned wanted,
                                  struct hdx_error *error);

struct hdx_counts;
/* Adds the whole answer to `counts`, and begins anew. Blocks that lie wholly in the range and in one unit are not
 * looked at, unless there is a filter: the zone map answers for them. INTEGRITY as hdx_cursor_next; MEMORY. */
enum hdx_status hdx_cursor_count(struct hdx_cursor *cursor, struct hdx_counts *counts, struct hdx_error *error);

/* The next rows in the order start, stop, key: blocks whose ranges of start overlap are merged, others are handed out
 * block by block. A count of 0 is the end. Views live until the next call. Stops of an index without a stop column are
 * the next row's start, over all rows of the snapshot, whatever years are asked for (the last row's is its start).
 * extra has the info's columns, in order (by name). INTEGRITY: a block is corrupt; LIMIT: thousands of blocks overlap,
 * or rows that have to be merged at once take more than the memory: those of one instant, and of blocks that overlap
 * where stops are made up. */
enum hdx_status hdx_cursor_next(struct hdx_cursor *cursor, struct hdx_batch *batch, struct hdx_error *error);

#endif
