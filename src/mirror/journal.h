/* The journal of a destination: what earlier runs have put there, so that a rerun asks for nothing that is complete.
 *
 * A file DEST/.heliodex/journal (of shards: journal-NAME), only ever appended to: a line of version, then lines of
 * fields divided by tabs. In texts the bytes below 0x20, 0x7f and % are written as %XX; other bytes are as they are.
 *
 *   heliodex-journal TAB 1
 *   file TAB run TAB location TAB path TAB size TAB modified TAB etag TAB crc32c TAB checks TAB hash
 *   part TAB run TAB location TAB partial TAB size TAB etag TAB from TAB to TAB crc32c TAB hash
 *   gone TAB run TAB location TAB hash
 *
 *   run       number of the run that wrote the line: one more than the greatest in any journal as it began
 *   modified  of the file on disk, ns since 1970 (what utimensat has set)
 *   etag      or the Last-Modified date where there is none; may be empty
 *   partial   the file's name in DEST/.heliodex/partial
 *   crc32c    of the file, of the bytes from … to; 8 hexadecimal digits, as is the hash
 *   checks    names, divided by commas; those that are not known are left out
 *   hash      the lower half of XXH3 of what stands before its tab
 *
 * Lines count in the order of their runs, those of one run in the order of the journals' names: so what a run says
 * stands in place of all that it could read, whichever journal it is in, and no clock is asked. (Shards that run at the
 * same time have no files in common.) A later `file` or `gone` about a location stands in place of an earlier one and
 * ends its parts. A `part` leaves a `file` as it is: the old file is there until the new one takes its place. Parts of
 * one partial file, size and etag add up; another one begins anew, as does one whose bytes have come before, and an
 * empty one (from = to) says that nothing has come.
 *
 * A `file` line is written before the file gets its name: it counts only where the file that is there has this size and
 * time. A last line that was cut off (a crash, a full disk) is cut away by the run that appends; another line that is
 * damaged is left out, with a warning.
 *
 * When more than half of a journal's lines are superseded, it is written anew (a temporary file, renamed) as it is
 * opened to append. In memory about 35 bytes for each file; the texts stay in the file, which is mapped. */
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

/* Reads all journals in the open folder (DEST/.heliodex, which is borrowed) and opens the one called `name`
 * ("journal", "journal-NAME"; NULL: only to read) to append; a missing one is empty. The destination's lock is held.
 * IO; INTEGRITY: a file that is no journal, or of a later version; LIMIT: more than `bytes_max` of memory (mapped files
 * do not count); MEMORY. Messages and warnings name DEST/.heliodex/NAME and the line; `dest` is borrowed. */
enum hdx_status hdx_journal_open(int folder_fd, const char *dest, const char *name, uint64_t bytes_max,
                                 const struct hdx_log *log, struct hdx_journal **journal, struct hdx_error *error);
/* What was not flushed is lost. NULL is allowed. */
void hdx_journal_close(struct hdx_journal *journal);

/* Escapes are decoded into `text` (cleared first), which views may point into. False: not known. */
bool hdx_journal_file(const struct hdx_journal *journal, struct hdx_text location, struct hdx_buffer *text,
                      struct hdx_journal_file *file);
bool hdx_journal_part(const struct hdx_journal *journal, struct hdx_text location, struct hdx_buffer *text,
                      struct hdx_journal_part *part);
/* Visits every file that is complete, or every one that is not, in the order in which their locations first came; ends
 * early if `visit` returns false. Locations that are added meanwhile are not visited. MEMORY: none was visited. */
enum hdx_status hdx_journal_files(const struct hdx_journal *journal,
                                  bool (*visit)(void *user, const struct hdx_journal_file *file), void *user,
                                  struct hdx_error *error);
enum hdx_status hdx_journal_parts(const struct hdx_journal *journal,
                                  bool (*visit)(void *user, const struct hdx_journal_part *part), void *user,
                                  struct hdx_error *error);
size_t hdx_journal_file_count(const struct hdx_journal *journal);

/* These add a line to what is to be written, and to what is known. MEMORY, LIMIT: nothing more can be added; LIMIT also
 * where a text is too long for a line, which changes nothing; IO: only opened to read. After a failure all later ones
 * are its like. */
enum hdx_status hdx_journal_add_file(struct hdx_journal *journal, const struct hdx_journal_file *file,
                                     struct hdx_error *error);
/* `part->extents` is not looked at. An extent of no bytes begins the part anew, for a partial file that is not there
 * any more. */
enum hdx_status hdx_journal_add_part(struct hdx_journal *journal, const struct hdx_journal_part *part,
                                     const struct hdx_extent *extent, struct hdx_error *error);
enum hdx_status hdx_journal_add_gone(struct hdx_journal *journal, struct hdx_text location, struct hdx_error *error);
/* Writes what was added; `sync`: onto the disk. IO: nothing more can be added or written. Lines must not reach the file
 * before the bytes that they speak of do, so nothing is written but by this. */
enum hdx_status hdx_journal_flush(struct hdx_journal *journal, bool sync, struct hdx_error *error);

#endif
