/* Files: reading whole small ones, making folders, and replacing a file at once.
 *
 * A file is replaced by writing a temporary file beside it, syncing it, renaming it over the old one and syncing the
 * folder: others see the old bytes or the new ones. The temporary file's name begins with a dot and holds the process
 * id, and its writer holds a flock on it, so that what a dead process left can be told from what a live one writes. */
#ifndef HDX_BASE_FILE_H
#define HDX_BASE_FILE_H

#include "base/buffer.h"

#include <dirent.h>

/* Appends the whole file. NOT_FOUND: no such file; LIMIT: larger than bytes_max; IO. */
enum hdx_status hdx_file_read(const char *path, uint64_t bytes_max, struct hdx_buffer *out, struct hdx_error *error);
/* The same for an open descriptor, which stays open; `path` names it in messages. */
enum hdx_status hdx_file_read_fd(int fd, const char *path, uint64_t bytes_max, struct hdx_buffer *out,
                                 struct hdx_error *error);

/* Writes all bytes at an offset, whatever interrupts it. IO. */
enum hdx_status hdx_file_write_at(int fd, const char *path, const void *data, size_t size, uint64_t offset,
                                  struct hdx_error *error);
/* Reads exactly `size` bytes at an offset. IO, also where the file is shorter. */
enum hdx_status hdx_file_read_at(int fd, const char *path, void *data, size_t size, uint64_t offset,
                                 struct hdx_error *error);

/* Makes a folder (mode 0755, or 0700 if `is_private`, less the umask) and all above it (0755); nothing happens
 * if it is there. IO. */
enum hdx_status hdx_file_make_folders(const char *path, bool is_private, struct hdx_error *error);

/* Opens the list of an open folder, from its beginning; the descriptor is the list's. NULL: errno says why not. */
DIR *hdx_list_open(int folder_fd);
/* The next entry. NULL at the end, and where the list cannot be read any further: *status is IO then; `path` names the
 * folder in the message. */
struct dirent *hdx_list_next(DIR *list, const char *path, enum hdx_status *status, struct hdx_error *error);

/* A file that is to replace `target`. */
struct hdx_temp {
  int fd;     /* -1: none */
  char *path; /* of the temporary file */
  char *target;
};

/* Makes an empty temporary file in the target's folder, which must exist; mode 0666 less the umask. IO. */
enum hdx_status hdx_temp_create(const char *target, struct hdx_temp *temp, struct hdx_error *error);
/* Syncs, closes, renames over the target, syncs the folder. IO: the target is as it was (only if the message speaks of
 * the folder, it is replaced, but a power cut may still bring the old one back). `temp` is empty afterwards. */
enum hdx_status hdx_temp_commit(struct hdx_temp *temp, struct hdx_error *error);
/* The same for many, each with its own status and error: they are written out together and each folder is synced once,
 * which on a disk takes a small part of the time. */
void hdx_temp_commit_all(struct hdx_temp *temps, size_t count, enum hdx_status *statuses, struct hdx_error *errors);
/* Removes the temporary file; an empty `temp` is allowed. */
void hdx_temp_abandon(struct hdx_temp *temp);

/* Whether the name is one that hdx_temp_create gives. */
bool hdx_temp_name(const char *name);
/* Removes the temporary files in an open folder whose writers are dead. Returns how many. */
size_t hdx_temp_sweep(int folder_fd);

/* Replaces a file by the bytes, as above. IO. */
enum hdx_status hdx_file_replace(const char *path, struct hdx_text bytes, struct hdx_error *error);

#endif
