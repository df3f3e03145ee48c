/* Folders of the store and the names in them, for the store's own files. */
#ifndef HDX_SNAPSHOT_FOLDER_H
#define HDX_SNAPSHOT_FOLDER_H

#include "snapshot/store.h"

/* Opens STORE/<folder>, following no links below the root; `make`: with all that is missing. NOT_FOUND: not there;
 * USAGE: not a relative path of plain names; IO. */
enum hdx_status hdx_folder_open(const struct hdx_store *store, struct hdx_text folder, bool make, int *fd,
                                struct hdx_error *error);

/* Appends the name of a file, made harmless or (`encode`) percent-encoded, and short enough; then the ending. */
void hdx_folder_name(struct hdx_buffer *out, struct hdx_text name, bool encode, struct hdx_text ending);

#endif
