/* The path of a file below a destination or in an archive. */
#ifndef HDX_JOB_PLACE_H
#define HDX_JOB_PLACE_H

#include "job/files.h"
#include "mirror/claims.h"
#include "mirror/layout.h"

/* Leaves the file's path by the layout, claimed, in `path`; `text` is room to work in. USAGE: it has none, or another
 * file has it; LIMIT: it is too long; MEMORY. */
enum hdx_status hdx_place(const struct hdx_layout *layout, struct hdx_claims *claims, const struct hdx_file *file,
                          struct hdx_buffer *path, struct hdx_buffer *text, enum hdx_claim *claim,
                          struct hdx_error *error);

#endif
