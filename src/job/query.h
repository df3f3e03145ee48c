/* A query: datasets that are asked the same question.
 *
 *   query.c          the public functions: options, what is known of the answer, counting, places of files
 *   query_open.c     which datasets; what is held of them, what has to be fetched, whether that suffices
 *   query_rows.c     the rows of one dataset, and of several merged into one order
 *   query_back.c     the rows of a dataset from the last to the first
 *   query_kept.c     rows that are copied
 *   query_latest.c   leaving out older versions of files
 *   query_take.c     rows copied to arrays of the caller
 *
 * All of it runs on the caller's thread, which also is the loop's while something is fetched. */
#ifndef HDX_JOB_QUERY_H
#define HDX_JOB_QUERY_H

#include "job/index.h"
#include "snapshot/filter.h"

/* Why a year could not be read just now. */
struct hdx_year_failure {
  struct hdx_year_failure *next;
  int year;
  struct hdx_text message;
};

/* Rows that are kept together: those of a window that is to be turned around, or few enough to let a cursor go. */
struct hdx_kept_rows {
  size_t count, capacity, extra_count;
  int64_t *start, *stop, *size;
  struct hdx_text *key, **extra;
  uint32_t *dataset;
  struct hdx_arena text;
};

/* One of the datasets. */
struct hdx_query_part {
  struct hdx_query *query;
  struct hdx_text id;
  char *path;
  struct hdx_reader *reader;
  struct hdx_years years;              /* wanted */
  int64_t confirmed;                   /* when all years of the snapshot were */
  int64_t catalog_start, catalog_stop; /* as known last */
  bool multiyear, missing;             /* missing: more has to be known than is held */
  const struct hdx_dataset *dataset;   /* in the query's catalog, if that was asked */
  struct hdx_query_info info;
  size_t *columns; /* of hdx_query_column; NULL: the dataset has no extra column */
  /* of the run that fetched what was missing */
  enum hdx_status run_status;
  struct hdx_text run_message;
  struct hdx_year_failure *failures;
  /* what came of it */
  enum hdx_status status;
  const char *message;
  /* rows */
  struct hdx_cursor *cursor; /* NULL: all its rows are in `kept`, or it was not asked yet */
  struct hdx_kept_rows kept;
  int64_t before; /* backwards: rows that start later have been handed out */
  int64_t *cuts;  /* backwards: starts of windows that are still to come, ascending; those before are not cut yet */
  size_t cut_count, cut_capacity;
  int64_t after;       /* forwards, of several: where the last row that was handed out starts */
  size_t skipped;      /* rows that start there and were handed out */
  size_t to_skip;      /* of these, by the cursor */
  size_t cursor_bytes; /* that the cursor took when it was last looked at */
  size_t kept_bytes;   /* and the rows that are kept */
  bool ended;
  struct hdx_batch batch;
  size_t at;
};

/* The place of an extra column of the query among the dataset's; SIZE_MAX: it has none. */
static inline size_t hdx_query_column(const struct hdx_query_part *part, size_t column) {
  return part->columns ? part->columns[column] : SIZE_MAX;
}

struct hdx_latest;

struct hdx_query {
  struct hdx_session *session;
  struct hdx_arena arena; /* owns the texts of what is asked, and of failures */
  const char *bucket;
  struct hdx_source source;
  struct hdx_catalog *catalog; /* NULL: it was not needed */
  struct hdx_query_options options;
  struct hdx_filter filter;
  struct hdx_query_part *parts; /* by id */
  size_t part_count;
  struct hdx_query_failure *failures;
  bool dropped; /* index files were found to be gone when it was opened, and their rows with them */
  struct hdx_query_info info;
  struct hdx_text *extra_names; /* of all datasets, each once */
  size_t extra_name_count;
  struct hdx_parameter *extras;
  struct hdx_buffer location;
  /* rows */
  bool begun;
  unsigned wanted; /* columns: HDX_COLUMN_… */
  uint64_t handed_out;
  struct hdx_error failure;  /* what ended the rows; it stays until the query begins anew */
  size_t cursor_bytes;       /* of all parts */
  size_t kept_bytes;         /* of all parts, forwards */
  struct hdx_latest *latest; /* NULL: not asked for, or not yet begun */
  size_t *heap;              /* parts by their next row */
  size_t heap_count;
  size_t drained; /* the part whose batch came to its end with the last row that was handed out; SIZE_MAX: none */
  struct hdx_kept_rows merged; /* its texts are views into batches */
  /* rows that are copied to arrays of the caller */
  struct hdx_batch taken; /* the batch that they come from, and how many of it were copied */
  size_t taken_rows;
};

/* query.c */

/* What the keys of a dataset that have no scheme are relative to: the bucket of its index. A view. */
struct hdx_text hdx_query_base(const struct hdx_query *query, size_t dataset);
/* Through what locations are read; asks for the catalog (which is mostly held) where it matters which bucket is its
 * own. Errors of hdx_catalog_load. */
enum hdx_status hdx_query_source(struct hdx_query *query, const struct hdx_source **source, struct hdx_error *error);

/* query_open.c */

/* Finds the datasets, fetches what is missing and opens their snapshots; parts that fail become failures. Errors as
 * hdx_query_open_many. */
enum hdx_status hdx_query_find(struct hdx_query *query, const char *const *ids, size_t count, struct hdx_error *error);
/* LIMIT: so many datasets, which take so many bytes each, are more than the memory is for. */
enum hdx_status hdx_query_fits(const struct hdx_query *query, size_t count, uint64_t bytes, struct hdx_error *error);
/* Which years a part wants now, by the query's range. */
void hdx_query_want(struct hdx_query_part *part);
bool hdx_query_all_known(const struct hdx_query_part *part);
/* What its info says of the years that are wanted now. */
void hdx_query_fill_years(struct hdx_query_part *part);
void hdx_query_part_deinit(struct hdx_query_part *part);

/* query_rows.c */

/* Goes back to the beginning of the answer, of which only the `wanted` columns (HDX_COLUMN_…) are needed; nothing is
 * decoded yet. */
void hdx_query_begin(struct hdx_query *query, unsigned wanted);
/* Prepares the part's cursor for the query's range. */
enum hdx_status hdx_query_ask(struct hdx_query_part *part, unsigned wanted, struct hdx_error *error);
/* How much of the memory the cursors of a query may take that stay open, and so much the one that is read, and rows of
 * one instant. */
uint64_t hdx_query_memory(const struct hdx_query *query);
/* Closes the part's cursor, if it has one, and lets go of what it has read. */
void hdx_query_close_cursor(struct hdx_query_part *part);
/* How much of the memory the copied rows of a dataset may take, whatever others take. */
uint64_t hdx_query_share(const struct hdx_query *query);
/* A snapshot that was tampered with must not lead a walk in circles. INTEGRITY. */
enum hdx_status hdx_query_out_of_order(const struct hdx_query_part *part, struct hdx_error *error);
/* The next rows, whatever the limit. */
enum hdx_status hdx_query_rows(struct hdx_query *query, struct hdx_batch *batch, struct hdx_error *error);

/* query_back.c */

/* part->batch: the next rows of a dataset, backwards; of several datasets copies, and without a cursor afterwards.
 * LIMIT: too many rows start at one instant. */
enum hdx_status hdx_query_next_window(struct hdx_query_part *part, unsigned wanted, struct hdx_error *error);

/* query_kept.c */

/* Room for so many rows in all with so many extra columns, which must be the same each time. MEMORY. */
enum hdx_status hdx_kept_rows_reserve(struct hdx_kept_rows *rows, size_t count, size_t extra_count,
                                      struct hdx_error *error);
/* Copies rows [from, to) of a batch behind those that are there. MEMORY. */
enum hdx_status hdx_kept_rows_add(struct hdx_kept_rows *rows, const struct hdx_batch *batch, size_t from, size_t to,
                                  size_t extra_count, struct hdx_error *error);
void hdx_kept_rows_clear(struct hdx_kept_rows *rows);
void hdx_kept_rows_deinit(struct hdx_kept_rows *rows);
size_t hdx_kept_rows_bytes(const struct hdx_kept_rows *rows);
size_t hdx_kept_rows_used_bytes(const struct hdx_kept_rows *rows);
/* A view of the rows, without their datasets. */
struct hdx_batch hdx_kept_rows_batch(const struct hdx_kept_rows *rows, unsigned wanted);

/* query_latest.c */

typedef enum hdx_status hdx_rows_source(void *user, struct hdx_batch *batch, struct hdx_error *error);

/* Forgets what came before, and counts older versions from 0 on. MEMORY. */
enum hdx_status hdx_latest_begin(struct hdx_query *query, struct hdx_error *error);
/* The next rows of a source without those that are older versions of others, as heliodex.h says. The source's rows
 * that start at the same instant come one after the other and have keys. LIMIT: these are more than the memory has room
 * for. */
enum hdx_status hdx_latest_next(struct hdx_query *query, hdx_rows_source *source, void *user, struct hdx_batch *batch,
                                struct hdx_error *error);
void hdx_latest_free(struct hdx_latest *latest);

#define HDX_VERSION_GROUPS_MAX 7

/* The version of a key, as heliodex.h says: its place and its numbers, missing ones 0. */
struct hdx_key_version {
  size_t from, to; /* from the v to behind the last digit */
  uint64_t groups[HDX_VERSION_GROUPS_MAX];
};
bool hdx_key_version(struct hdx_text key, struct hdx_key_version *version);

#endif
