/* The bad rows of index files, kept until it is known which reading of a file counts: a file that changed while it was
 * fetched is read anew, and none of its rows may be told twice.
 *
 *   scan ─add→ held (16 KB of each file) ─→ the run's spool, a temporary file in the store ─visit→ told
 *
 * So memory is bounded whatever the files hold. A worker adds while it has the file, the loop thread visits. */
#ifndef HDX_JOB_BAD_ROWS_H
#define HDX_JOB_BAD_ROWS_H

#include "base/file.h"
#include "parse/csv.h"

#include <stdatomic.h>

#define HDX_BAD_ROWS_HELD_BYTES (16u << 10)

/* What all files of a run write to, each its own parts. */
struct hdx_spool {
  struct hdx_temp file;
  atomic_uint_fast64_t end;
};

/* Makes the spool beside the file that `path` names. IO. */
enum hdx_status hdx_spool_open(struct hdx_spool *spool, const char *path, struct hdx_error *error);
/* Removes it; one that was never opened (fd -1) is allowed. */
void hdx_spool_close(struct hdx_spool *spool);

struct hdx_bad_rows {
  struct hdx_buffer held;
  struct hdx_spooled *spooled; /* in the order of adding */
  size_t count, capacity;
};

void hdx_bad_rows_init(struct hdx_bad_rows *rows);
void hdx_bad_rows_deinit(struct hdx_bad_rows *rows);
/* Forgets all of them, and frees what they took. */
void hdx_bad_rows_clear(struct hdx_bad_rows *rows);

/* IO, MEMORY: the row is lost. */
enum hdx_status hdx_bad_rows_add(struct hdx_bad_rows *rows, struct hdx_spool *spool,
                                 const struct hdx_csv_bad_row *bad_row, struct hdx_error *error);

/* Calls `visit` for each row in the order of adding. IO. */
enum hdx_status hdx_bad_rows_visit(const struct hdx_bad_rows *rows, const struct hdx_spool *spool,
                                   void (*visit)(void *user, const struct hdx_csv_bad_row *bad_row), void *user,
                                   struct hdx_error *error);

#endif
