/* The two halves of hdx-encode: writing a dataset's snapshot from its index files, and reading it back. */
#ifndef ENCODE_H
#define ENCODE_H

#include "shared/files.h"
#include "snapshot/snapshot.h"

/* What a decoder is asked for, each with all before it. */
enum depth { TIMES, SIZES, KEYS, DEPTHS };

struct written {
  uint64_t rows, file_bytes;
  double encode; /* seconds in the writer: sorting, encoding, writing */
  double all;    /* and scanning the CSV before it */
};

/* Writes the snapshot of files [from, to) to `path` as the index job does, on this thread, and adds to *written. */
void encode_write(const struct bench_files *files, size_t from, size_t to, const char *path, struct written *written);

/* Compares every row of the snapshot with the files'. Returns the bytes of all keys. */
uint64_t encode_compare(const struct bench_files *files, size_t from, size_t to, const char *path);

/* Seconds to decode all blocks of an open snapshot so far. */
double encode_read(const struct hdx_reader *reader, enum depth depth);

#endif
