/* The insides of a writer, shared by the three files that it takes: writer.c (rows come in, blocks go out), keep.c
 * (rows of an older snapshot) and commit.c (the whole is finished). */
#ifndef HDX_SNAPSHOT_WRITER_H
#define HDX_SNAPSHOT_WRITER_H

#include "base/file.h"
#include "snapshot/reader.h"

#include <pthread.h>

/* The last rows of a year. */
struct hdx_held {
  int year;
  bool dropped;          /* while it was being written */
  struct hdx_held *next; /* being written */
  size_t bytes;          /* of the rows, as counted */
  struct hdx_rows rows;
};

/* A block in the temporary file. */
struct hdx_written {
  struct hdx_zone zone;
  bool dropped;
  uint8_t columns[(HDX_COLUMNS_MAX + 7) / 8]; /* extra columns that it has */
};

struct hdx_writer {
  pthread_mutex_t lock; /* over everything below but target */
  char *target;
  struct hdx_temp temp; /* path NULL: nothing written yet */
  uint64_t end;         /* of what is written or promised to be */

  struct hdx_written *blocks;
  size_t block_count, block_capacity;

  struct hdx_held **held, *flying; /* held back; being written just now */
  size_t held_count, held_rows;
  atomic_uint_fast64_t *held_bytes; /* of several writers, or NULL */
  bool large; /* there were too many rows to be held back: they are written at once from then on */
  _Atomic uint64_t rows;
  struct hdx_error lost; /* why rows that were held back, of a year that was complete, could not be written */

  struct hdx_arena names;
  struct hdx_text columns[HDX_COLUMNS_MAX];
  struct hdx_parameter parameters[HDX_COLUMNS_MAX];
  size_t column_count;

  struct hdx_book book;           /* locks itself */
  struct hdx_block_habit *habits; /* not in use just now: one for each thread that encoded */

  const struct hdx_reader *kept_reader; /* whose mixed rows are in `kept`, with the writer's columns */
  struct hdx_rows kept;
};

static inline void hdx_writer_lock(struct hdx_writer *writer) {
  pthread_mutex_lock(&writer->lock);
}

static inline void hdx_writer_unlock(struct hdx_writer *writer) {
  pthread_mutex_unlock(&writer->lock);
}

/* Promises room in the file, which is made when it is first needed. The lock is held, or there is one thread only. */
enum hdx_status hdx_writer_promise(struct hdx_writer *writer, uint64_t size, uint64_t *offset, struct hdx_error *error);

/* Notes which extra columns a block has. */
void hdx_written_mark(struct hdx_written *written, const uint32_t *ids, size_t count);

/* Appends a block's bytes to the file and notes it; zone.offset is set. `dropped` (or NULL) tells, under the lock,
 * whether its year was dropped meanwhile. */
enum hdx_status hdx_writer_put_block(struct hdx_writer *writer, struct hdx_written *written, const void *bytes,
                                     const bool *dropped, struct hdx_error *error);

/* Encodes sorted rows and appends them as blocks. */
enum hdx_status hdx_writer_put_rows(struct hdx_writer *writer, const struct hdx_rows *rows, bool mixed,
                                    const bool *dropped, struct hdx_error *error);

/* Writes everything held back as blocks of their own years. */
enum hdx_status hdx_writer_flush(struct hdx_writer *writer, struct hdx_error *error);

/* Decodes an opened block and appends its rows, with their years. The ids of its columns are put through `ids` (those
 * of the footer's columns, in its order; NULL: as they are). */
enum hdx_status hdx_writer_decode(struct hdx_rows *rows, struct hdx_block *block, struct hdx_zstd *zstd,
                                  const struct hdx_footer *footer, const uint32_t *ids, struct hdx_error *error);

#endif
