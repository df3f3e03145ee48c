/* Opening folders beneath a destination. Internal to destination.c, folders.c and partial.c. */
#ifndef HDX_MIRROR_FOLDERS_H
#define HDX_MIRROR_FOLDERS_H

#include "mirror/destination.h"

/* Opens a folder beneath another one, without following links. Returns -1 with errno set: EXDEV or ELOOP where the path
 * climbs or goes through a link; ENOSYS or EPERM where there is no openat2. */
int hdx_folder_beneath(int folder, const char *path);

/* The same component by component, for where there is no openat2 or a folder is missing or a reason is wanted. `make`:
 * folders that are missing are made. Components that are empty, . or .. are refused. IO, NOT_FOUND: the message names
 * the component. */
enum hdx_status hdx_folder_walk(const struct hdx_destination *destination, const char *path, bool make, int *fd,
                                struct hdx_error *error);

/* Opens a folder directly in another one, which may not be a link. Returns -1 with errno set. */
int hdx_folder_child(int folder, const char *name);

/* Why hdx_folder_child could not open `name` with the errno `code`; messages name it DEST/PATH. NOT_FOUND, IO. */
enum hdx_status hdx_folder_refuse(const struct hdx_destination *destination, int folder, const char *name,
                                  const char *path, int code, struct hdx_error *error);

/* Whether an open file still is what an open folder has at `name`. */
bool hdx_folder_has(int folder, const char *name, int fd);

/* "DEST/PATH: what: why", with the status, and errno set to the code. path NULL: DEST itself; code 0: without why. */
enum hdx_status hdx_destination_fault(const struct hdx_destination *destination, enum hdx_status status,
                                      const char *path, const char *what, int code, struct hdx_error *error);

#endif
