/* The folder that is mirrored to: opening and locking it, files below it that cannot be elsewhere, room on its disk.
 *
 *   DEST/.heliodex/lock            who works here: pid and host
 *   DEST/.heliodex/lock-NAME       the same, of a shard
 *   DEST/.heliodex/journal…        journal.h
 *   DEST/.heliodex/partial/NAME    files that are not complete; each locked (flock) by who writes it
 *   DEST/…                         complete files alone
 *
 * Everything is done relative to open folders. Paths are resolved by the kernel beneath DEST and without following any
 * link (openat2 with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS; component by component with O_NOFOLLOW where there is no
 * openat2). A run of one shard shares the lock with other shards (flock shared) and has its own alone; every other run
 * has it alone. Functions that take a struct hdx_folders may run on any thread, each with its own. */
#ifndef HDX_MIRROR_DESTINATION_H
#define HDX_MIRROR_DESTINATION_H

#include "base/error.h"
#include "base/text.h"

#include <sys/stat.h>

struct hdx_destination {
  char *path;
  int folder, state, partial; /* open folders: DEST, DEST/.heliodex, DEST/.heliodex/partial; -1: none */
  int lock, shard_lock;
  bool fold;       /* its file system does not tell letter cases apart */
  bool no_openat2; /* the kernel has none, or it is forbidden */
};

/* One that is not open. */
#define HDX_DESTINATION_NONE                                                                                           \
  (struct hdx_destination) {                                                                                           \
    .folder = -1, .state = -1, .partial = -1, .lock = -1, .shard_lock = -1                                             \
  }

/* Opens DEST (`make`: makes it, all folders above it and its own ones; otherwise nothing is written and nothing locked)
 * and locks it. shard: NULL, or a name of letters, digits, - and _. USAGE: it is no folder; IO: it cannot be made or
 * written to; NOT_FOUND: not there, or never mirrored to (without `make`); TEMPORARY: another process has the lock (the
 * message names pid and host; to be tried again). */
enum hdx_status hdx_destination_open(const char *path, const char *shard, bool make,
                                     struct hdx_destination *destination, struct hdx_error *error);
void hdx_destination_close(struct hdx_destination *destination);

/* Folders that were opened lately, of one thread. */
#define HDX_FOLDERS_KEPT 16
struct hdx_folders {
  const struct hdx_destination *destination;
  struct {
    char *path; /* NULL: none */
    int fd;
    uint64_t used;
  } kept[HDX_FOLDERS_KEPT];
  uint64_t clock;
};
void hdx_folders_init(struct hdx_folders *folders, const struct hdx_destination *destination);
void hdx_folders_deinit(struct hdx_folders *folders);

/* The open folder of a path below DEST and the path's last component (a view into it); *fd is borrowed until the next
 * call. `make`: folders that are missing are made. NOT_FOUND: a folder is missing; IO: it cannot be opened or made, a
 * component is a link or no folder (the message names it). */
enum hdx_status hdx_folders_at(struct hdx_folders *folders, const char *path, bool make, int *fd, const char **name,
                               struct hdx_error *error);

/* What is at a path: only regular files count. NOT_FOUND: nothing, or not a regular file; IO. */
enum hdx_status hdx_destination_stat(struct hdx_folders *folders, const char *path, struct stat *info,
                                     struct hdx_error *error);
/* Opens a file to read. As hdx_destination_stat. */
enum hdx_status hdx_destination_read(struct hdx_folders *folders, const char *path, int *fd, struct hdx_error *error);

/* Whether an errno, as functions that return IO leave it, says that other files would fare no better: the disk is full
 * or broken. */
bool hdx_destination_broken(int code);

/* Opens the partial file called `name` to read and write, making it if it is not there (*made, where it is not NULL: it
 * is new and empty), and locks it. TEMPORARY: another process writes it; IO. */
enum hdx_status hdx_partial_open(const struct hdx_destination *destination, const char *name, int *fd, bool *made,
                                 struct hdx_error *error);
/* Lets go of its lock, also where a process that was forked meanwhile has it open too, and closes it, as close does. */
int hdx_partial_close(int fd);
/* Gives it its place, whatever was there, making folders. IO: the message names the path (another file system, a folder
 * is there, no right to). */
enum hdx_status hdx_partial_place(struct hdx_folders *folders, const char *name, const char *path,
                                  struct hdx_error *error);
void hdx_partial_remove(const struct hdx_destination *destination, const char *name);
/* Removes every partial file that no process writes and for which `wanted` returns false. Returns how many. */
size_t hdx_partial_sweep(const struct hdx_destination *destination, bool (*wanted)(void *user, const char *name),
                         void *user);

/* Removes a file, and the folders above it that are empty then. NOT_FOUND, IO. */
enum hdx_status hdx_destination_remove(struct hdx_folders *folders, const char *path, struct hdx_error *error);

/* Bytes that may still be written (for users without privileges). IO. */
enum hdx_status hdx_destination_free(const struct hdx_destination *destination, uint64_t *bytes,
                                     struct hdx_error *error);
/* Has all that was written to its file system go to the disk. IO. */
enum hdx_status hdx_destination_sync(const struct hdx_destination *destination, struct hdx_error *error);

#endif
