/* What an open journal holds in memory. Internal to journal.c, journal_read.c and journal_write.c.
 *
 *   journal.c          what is known: a table of locations, what a line changes, asking
 *   journal_read.c     files of lines: opening, mapping, reading all of them in the order of their runs
 *   journal_write.c    appending, writing anew without what is superseded */
#ifndef HDX_MIRROR_JOURNAL_STATE_H
#define HDX_MIRROR_JOURNAL_STATE_H

#include "mirror/journal.h"
#include "mirror/journal_line.h"

/* Where a line is: the number of its file in the upper bits, the byte where it begins in the lower ones. */
#define HDX_LINE_NOWHERE UINT64_MAX
#define HDX_LINE_OFFSET_BITS 48
#define HDX_LINE_OFFSET_MAX ((1ull << HDX_LINE_OFFSET_BITS) - 1)
#define HDX_LINE_FILES_MAX 0xffff

#define HDX_JOURNAL_PATH_MAX 768 /* longer ones are cut in messages */

/* A file of lines. Only whole lines are mapped. */
struct hdx_journal_lines {
  char *name;
  const char *data;
  uint64_t size;
  uint64_t count; /* lines without the header, damaged ones too */
  bool mapped;    /* else allocated */
};

/* A location. */
struct hdx_record {
  uint64_t hash;
  uint64_t line; /* the latest file or gone line */
  uint32_t part; /* one more than its place in the list of parts; 0: none */
  bool file;     /* the line is a file's */
};

struct hdx_begun {
  uint64_t line; /* the latest of them */
  struct hdx_extents extents;
  uint64_t *own; /* offsets of all of them that are in the file that is appended to */
  size_t own_count, own_capacity;
  uint32_t next_free; /* as hdx_record.part */
};

struct hdx_journal {
  const struct hdx_log *log;
  int folder, fd;   /* borrowed; of the file that is appended to, -1: none */
  const char *dest; /* borrowed; names the folder in messages */
  struct hdx_journal_lines *files;
  size_t file_count, own; /* which file is appended to; SIZE_MAX: none */
  uint64_t run;           /* number of the run that appends: greater than of all that were read */
  unsigned warnings;

  struct hdx_record *records; /* in the order in which their locations first came */
  size_t record_count, record_capacity, known_files;
  uint32_t *table; /* one more than a record's place; 0: empty */
  size_t table_size;
  uint64_t seed;
  struct hdx_begun *parts;
  size_t part_count, part_capacity;
  uint32_t free_part;
  uint64_t bytes, bytes_max;

  struct hdx_buffer added; /* lines behind the mapped ones */
  size_t written;          /* how much of it is in the file */
  enum hdx_status failure; /* the first one, after which nothing is added */
  struct hdx_buffer scratch;
};

/* "DEST/.heliodex/NAME" for messages, or without a name the folder. Returns `path`. */
const char *hdx_journal_path(const struct hdx_journal *journal, const char *name, char path[HDX_JOURNAL_PATH_MAX]);

/* Counts memory that is to be had. LIMIT. */
enum hdx_status hdx_journal_charge(struct hdx_journal *journal, uint64_t bytes, struct hdx_error *error);

/* Reads the line at a place anew. False: there is none, or somebody has changed the file. */
bool hdx_journal_line(const struct hdx_journal *journal, uint64_t at, struct hdx_line *line);

/* Has a line count that stands at `at`. MEMORY, LIMIT. */
enum hdx_status hdx_journal_apply(struct hdx_journal *journal, const struct hdx_line *line, uint64_t at,
                                  struct hdx_error *error);

static inline uint64_t hdx_line_place(size_t file, uint64_t offset) {
  return (uint64_t)file << HDX_LINE_OFFSET_BITS | offset;
}

/* Opens and maps all files of lines in the folder. */
enum hdx_status hdx_journal_map(struct hdx_journal *journal, const char *name, struct hdx_error *error);
/* Maps a file's first `size` bytes in place of what was mapped. */
enum hdx_status hdx_journal_lines_map(const struct hdx_journal *journal, struct hdx_journal_lines *lines, int fd,
                                      uint64_t size, struct hdx_error *error);
void hdx_journal_lines_deinit(struct hdx_journal_lines *lines);
/* Has all their lines count. */
enum hdx_status hdx_journal_read(struct hdx_journal *journal, struct hdx_error *error);

/* Whether the file that is appended to should be written anew, and that. IO. */
bool hdx_journal_is_wasteful(const struct hdx_journal *journal);
enum hdx_status hdx_journal_compact(const struct hdx_journal *journal, struct hdx_error *error);

#endif
