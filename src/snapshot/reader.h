/* A mapped snapshot, as the reader, the cursor and the writer see it. */
#ifndef HDX_SNAPSHOT_READER_H
#define HDX_SNAPSHOT_READER_H

#include "snapshot/footer.h"

struct hdx_reader {
  const uint8_t *bytes; /* the whole file */
  size_t size;
  bool mapped;       /* by the reader; else borrowed */
  size_t kept_bytes; /* of a mapped file, whatever is read of it */
  char *path;
  struct hdx_footer footer;
  struct hdx_book *book; /* the footer's templates; locks itself */
  struct hdx_snapshot_info info;
};

/* Reads a whole snapshot that lies in memory; `path` names it in messages. The bytes must outlive the reader. */
enum hdx_status hdx_reader_open_bytes(const void *bytes, size_t size, const char *path, struct hdx_text source,
                                      struct hdx_reader **reader, struct hdx_error *error);

/* Opens block n of the footer's list. INTEGRITY: "PATH: block N (rows A to B): …", rows counted from 1 in that list. */
enum hdx_status hdx_reader_block(const struct hdx_reader *reader, size_t n, struct hdx_block *block,
                                 struct hdx_zstd *zstd, struct hdx_error *error);
/* The same for hdx_block_select. */
enum hdx_status hdx_reader_select(const struct hdx_reader *reader, size_t n, struct hdx_block *block,
                                  struct hdx_zstd *zstd, const uint32_t *rows, size_t count, unsigned wanted,
                                  struct hdx_error *error);

/* Lets go of the pages of a block that was read, in a file of more than may be kept: a walk through it would otherwise
 * pile it up in memory. They come back by themselves when they are read again. */
void hdx_reader_forget(const struct hdx_reader *reader, size_t n);

#endif
