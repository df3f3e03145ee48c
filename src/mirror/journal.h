/* The journal of a destination: what earlier runs have put there, so that a rerun asks for nothing that is complete.
 *
 * A file DEST/.heliodex/journal (of shards: journal-NAME), only ever appended to; lines of text, fields divided by
 * tabs, bytes below 0x20, 0x7f and % written as %XX:
 *
 *   heliodex-journal TAB 1
 *   file TAB location TAB path TAB size TAB modified TAB etag TAB crc32c TAB checks TAB hash
 *   part TAB location TAB partial TAB size TAB etag TAB from TAB to TAB crc32c TAB hash
 *   gone TAB location TAB hash
 *
 *   modified  of the file on disk, ns since 1970 (what utimensat has set)      crc32c, hash  8 hexadecimal digits
 *   etag      or the Last-Modified date where there is none; may be empty      checks        names, divided by commas
 *   partial   the file's name in DEST/.heliodex/partial                        hash          the lower half of XXH3 of
 * what stands before its tab A later line about a location stands in place of earlier ones; `file` and `gone` end the
 * parts of a location; a part of another size or etag than the part before ends those before. A `file` line is written
 * before the file gets its name: it counts only where the file that is there has this size and time. A last line that
 * was cut off (a crash, a full disk) is cut away; another line that is damaged is left out, with a warning. Runs read
 * all journals of the destination and append to one.
 *
 * When more than half of a journal's lines are superseded, it is written anew (a temporary file, renamed) as it is
 * opened. In memory about 60 bytes for each file; the texts stay in the file, which is mapped. */
#ifndef HDX_MIRROR_JOURNAL_H
#define HDX_MIRROR_JOURNAL_H

#include "base/log.h"
#include "mirror/extents.h"

#include "base/buffer.h"

/* A file that is complete. Views point into the journal, until its next change. */
struct hdx_journal_file {
  struct hdx_text location, path, etag;
  uint64_t size;
  int64_t modified;
  uint32_t crc32c;
  uint32_t checks; /* set of bits 1 << enum hdx_check: what it was verified by */
};

/* One that is not. */
struct hdx_journal_part {
  struct hdx_text location, partial, etag;
  uint64_t size;
  const struct hdx_extents *extents;
};

struct hdx_journal;

/* Reads all journals in the open folder and opens the one called `name` (NULL: only to read; a missing one is empty) to
 * append. The destination's lock is held. IO; INTEGRITY: a file that is no journal, or of a later version; LIMIT: more
 * than `bytes_max` of memory; MEMORY. */
enum hdx_status hdx_journal_open(int folder_fd, const char *name, uint64_t bytes_max, const struct hdx_log *log,
                                 struct hdx_journal **journal, struct hdx_error *error);
/* What was not flushed is lost. NULL is allowed. */
void hdx_journal_close(struct hdx_journal *journal);

/* The views' escapes are decoded into `text` (cleared first). False: not known. */
bool hdx_journal_file(const struct hdx_journal *journal, struct hdx_text location, struct hdx_buffer *text,
                      struct hdx_journal_file *file);
bool hdx_journal_part(const struct hdx_journal *journal, struct hdx_text location, struct hdx_buffer *text,
                      struct hdx_journal_part *part);
/* Visits every file that is complete, in the order of the journal's lines, or every one that is not; ends early if
 * `visit` returns false. Files that are added meanwhile are not visited. */
void hdx_journal_files(const struct hdx_journal *journal,
                       bool (*visit)(void *user, const struct hdx_journal_file *file), void *user);
void hdx_journal_parts(const struct hdx_journal *journal,
                       bool (*visit)(void *user, const struct hdx_journal_part *part), void *user);
size_t hdx_journal_file_count(const struct hdx_journal *journal);

/* These add a line to what is to be written, and to what is known. `crc32c` of a part is of the extent. MEMORY. */
enum hdx_status hdx_journal_add_file(struct hdx_journal *journal, const struct hdx_journal_file *file,
                                     struct hdx_error *error);
enum hdx_status hdx_journal_add_part(struct hdx_journal *journal, const struct hdx_journal_part *part,
                                     const struct hdx_extent *extent, struct hdx_error *error);
enum hdx_status hdx_journal_add_gone(struct hdx_journal *journal, struct hdx_text location, struct hdx_error *error);
/* Writes what was added; `sync`: onto the disk. IO: as it failed, nothing more can be added. */
enum hdx_status hdx_journal_flush(struct hdx_journal *journal, bool sync, struct hdx_error *error);

#endif
