/* Paths below a destination out of texts that may be anything: escaping, and what components may be called. layout.h
 * says how the escapes read. Pure. */
#ifndef HDX_MIRROR_PATH_H
#define HDX_MIRROR_PATH_H

#include "base/buffer.h"

/* Appends a text escaped byte by byte. `divide`: its slashes stay and divide folders, but for those at its ends and
 * behind another slash; otherwise they are escaped as well. */
void hdx_path_escape(struct hdx_buffer *escaped, struct hdx_text text, bool divide);

/* Appends what was escaped as a path: empty components are left out, those that are reserved are escaped (in `escaped`
 * itself), those that are too long divided. */
void hdx_path_append(struct hdx_buffer *path, struct hdx_buffer *escaped);

/* The component that begins at `from`. */
struct hdx_text hdx_path_component(const struct hdx_buffer *escaped, size_t from);

/* Whether a component means something else than itself: "." and "..", and in the first place what a file system may
 * take for HDX_STATE_FOLDER. File systems that do not tell letter cases apart may also leave out some characters
 * (U+200B and the like, none of them ASCII) or dots at the end: so bytes above 0x7f do not count here, nor does what
 * follows the folder's name. */
bool hdx_path_reserved(struct hdx_text component, bool first);

/* How many bytes of a component that is too long (254 at least) go into its first piece, which "%+" then ends: neither
 * an escape nor a character of UTF-8 is cut. */
size_t hdx_path_piece(struct hdx_text component);

#endif
