/* One block: rows to bytes and back. (The bytes: snapshot/format.h.) An encoder and a decoded block are used by one
 * thread at a time and keep their memory from block to block. */
#ifndef HDX_SNAPSHOT_BLOCK_H
#define HDX_SNAPSHOT_BLOCK_H

#include "catalog/rows.h"
#include "codec/column.h"
#include "snapshot/sizes.h"
#include "snapshot/times.h"

/* What the footer says of a block. */
struct hdx_zone {
  uint64_t offset, hash;
  int64_t min_start, max_start, max_stop;
  uint64_t size_sum;
  uint32_t length, rows, size_missing;
  int32_t year; /* HDX_YEAR_MIXED: each row has its own */
  uint8_t flags;
};

struct hdx_block_encoder;

/* What worked for a dataset's blocks so far, tried first for the next one; of one thread at a time. Zeroed: nothing. */
struct hdx_block_habit {
  struct hdx_times_habit times;
  struct hdx_sizes_habit size;
  struct hdx_ints_habit year;
  struct hdx_column_habit key;
  struct hdx_column_habit *extra; /* by the dataset's number of the column */
  size_t extra_count;
  struct hdx_block_habit *next; /* the owner's */
};

void hdx_block_habit_deinit(struct hdx_block_habit *habit);

/* The calling thread's encoder, which it keeps from snapshot to snapshot as its tables are large, or a new one. NULL if
 * out of memory. */
struct hdx_block_encoder *hdx_block_encoder_take(void);
void hdx_block_encoder_give(struct hdx_block_encoder *encoder); /* NULL is allowed */

/* The encoder's own: a compressor, and an empty buffer for what is encoded. */
struct hdx_zstd *hdx_block_encoder_zstd(struct hdx_block_encoder *encoder);
struct hdx_buffer *hdx_block_encoder_out(struct hdx_block_encoder *encoder);

/* How many of rows [from, to) fit into one block: at most HDX_BLOCK_ROWS_MAX and HDX_BLOCK_TEXT_BYTES_WRITTEN of text,
 * at least one. */
size_t hdx_block_fit(const struct hdx_rows *rows, size_t from, size_t to);

/* Appends rows [from, to), which are sorted and fit, as one block and describes it in *zone (but for the offset).
 * `mixed`: with a column of years; else they all are of the year of the first. New templates go to the book. */
enum hdx_status hdx_block_encode(struct hdx_block_encoder *encoder, struct hdx_book *book,
                                 struct hdx_block_habit *habit, const struct hdx_rows *rows, size_t from, size_t to,
                                 bool mixed, struct hdx_buffer *out, struct hdx_zone *zone, struct hdx_error *error);

/* What is said of a column in the block's head. */
struct hdx_block_column {
  const uint8_t *data;
  size_t size;
  uint32_t id; /* of an extra column */
  uint32_t templates[HDX_COLUMN_TEMPLATES_MAX];
  size_t template_count;
};

/* The columns of a block in their order: times, size, year, key, extras. */
enum { HDX_TIMES, HDX_SIZES, HDX_YEARS, HDX_KEYS, HDX_EXTRAS, HDX_PLAIN_COLUMNS = HDX_EXTRAS };

/* A block that is read: times first, other columns for the rows that are asked for. */
struct hdx_block {
  size_t count;          /* rows of the block */
  int64_t *start, *stop; /* of every row; HDX_TIME_NONE: the index has no stop */
  int64_t *year;         /* of every row, or NULL: all are of the zone's */

  size_t selected;         /* rows asked for; arrays of so many: */
  int64_t *size;           /* -1: not stated */
  struct hdx_text *key;    /* into the block's memory, or its bytes */
  size_t extra_count;      /* columns that the block has */
  uint32_t *extra_id;      /* the dataset's number of each */
  struct hdx_text **extra; /* extra[column][i] */

  /* Private. */
  struct hdx_block_column *columns; /* HDX_PLAIN_COLUMNS, then extras */
  struct hdx_column column;         /* of texts, being decoded */
  struct hdx_ints ints;
  struct hdx_book *book;
  char **memory; /* texts of the key and of extras */
  size_t *memory_size;
  size_t memory_made, capacity, extra_made;
  size_t text_bytes, memory_bytes; /* of the selected texts; held for them */
  int64_t *numbers;                /* start, stop, size, year, scratch: capacity each */
  int32_t year_of_all;
};

void hdx_block_init(struct hdx_block *block);
void hdx_block_deinit(struct hdx_block *block);

/* Checks the hash of the block's bytes and finds its columns: only extra_count and extra_id are set. INTEGRITY. */
enum hdx_status hdx_block_peek(struct hdx_block *block, const void *bytes, const struct hdx_zone *zone,
                               struct hdx_error *error);

/* Checks the hash of the block's bytes (zone->length of them, which must outlive the use of the block, as must the
 * book), takes its columns apart and decodes start, stop and year. INTEGRITY: what is wrong; MEMORY. */
enum hdx_status hdx_block_open(struct hdx_block *block, struct hdx_book *book, struct hdx_zstd *zstd, const void *bytes,
                               const struct hdx_zone *zone, struct hdx_error *error);

enum { HDX_WANT_SIZE = 1, HDX_WANT_KEY = 2, HDX_WANT_EXTRA = 4, HDX_WANT_ALL = 7 };

/* Decodes the wanted columns of the rows whose numbers are given, ascending, to the first places of their arrays. May
 * be called again for other rows or columns; the arrays of a column are of the rows of the last call that wanted it,
 * and its texts live until the next one that does. start and stop have to be as they were opened, but for stops that
 * were missing. */
enum hdx_status hdx_block_select(struct hdx_block *block, struct hdx_zstd *zstd, const uint32_t *rows, size_t count,
                                 unsigned wanted, struct hdx_error *error);

/* Lets go of what was only needed to decode, and of the room for rows that were not selected. What was selected stays
 * as it is; to select more, the block has to be opened again. */
void hdx_block_pack(struct hdx_block *block);
/* Of memory that it holds. */
size_t hdx_block_bytes(const struct hdx_block *block);

/* The greatest stop - start of an opened block; INT64_MAX where it is unknown (some rows have no stop). */
int64_t hdx_block_longest(const struct hdx_block *block);

/* Appends the head of a peeked block with other numbers of templates and extra columns, templates[t] and columns[c] for
 * t and c (columns NULL: as they are). The columns' bytes follow it as they are. */
void hdx_block_put_head(const struct hdx_block *block, uint8_t flags, const uint32_t *templates,
                        const uint32_t *columns, struct hdx_buffer *out);

#endif
