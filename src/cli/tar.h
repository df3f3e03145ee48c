/* Archives of tar: ustar (POSIX.1-1988), and in front of members whose name, size or time does not fit into that an
 * extended header of pax (POSIX.1-2001). All members are regular files of mode 0644 that belong to user 0, so that the
 * same files always make the same bytes. Pure.
 *
 *   head (512 bytes, an extended one before it where needed) | bytes of the file | NULs up to the next 512 | …
 *   | at least 1024 NULs, up to the next 10,240 bytes
 *
 * Own code as it is short, and libarchive, loaded with all that it links (XML, ICU), costs more time than a small
 * archive. Source: IEEE Std 1003.1-2017, pax, "ustar Interchange Format" and "pax Extended Header". */
#ifndef HDX_CLI_TAR_H
#define HDX_CLI_TAR_H

#include "cli/writer.h"

#define CLI_TAR_BLOCK 512

struct cli_tar_member {
  struct hdx_text name; /* relative, not empty, without NUL */
  uint64_t size;
  int64_t modified; /* HDX_TIME_NONE: 1970 */
};

/* Appends what stands before a member's bytes. */
void cli_tar_head(struct cli_writer *out, const struct cli_tar_member *member);
/* Appends what follows them. */
void cli_tar_pad(struct cli_writer *out, uint64_t size);
/* Appends the archive's end; `size` is that of all before it. */
void cli_tar_end(struct cli_writer *out, uint64_t size);

#endif
