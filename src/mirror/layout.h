/* Where a data file goes below the destination: a template, filled in with what is known of the file, every part of the
 * name escaped so that it can exist and cannot climb. Pure.
 *
 *   {key}           the key in its bucket; of other URLs the path                        (the default)
 *   {name}          what follows the key's last slash                                    (--flat)
 *   {folder}        the key up to its last slash, without it; the one field that may be empty
 *   {bucket}        the bucket, of other URLs host and port
 *   {id}            the dataset
 *   {start:FORMAT}  the row's start in UTC, FORMAT as strftime's: %Y %y %m %d %j %H %M %S %F %T %%; {stop:FORMAT}
 *   {{ }}           braces
 *
 * A path is relative, has no empty, . or .. component, and none is longer than 255 bytes or begins with .heliodex in
 * the first place. Slashes of {key}, {folder}, FORMAT and the template itself divide folders; those of all other fields
 * do not (they are escaped). A component that is empty as its {folder} is, is left out.
 *
 * Escaping: % followed by two upper-case hexadecimal digits is a byte. Escaped are: bytes below 0x20 and 0x7f, the
 * percent sign, a slash of the field that cannot divide (at its beginning, at its end, behind another one), the first
 * dot of a component that is reserved: . or .. or, in the first place, any that begins with .heliodex in any letter
 * case (bytes above 0x7f do not count in this, as file systems that fold letter cases leave some characters out). A
 * component of more than 255 bytes becomes a folder and what is in it: "%+" ends a piece that goes on in the next
 * component; neither an escape nor a character of UTF-8 is cut. "%=" at a component's end sets it apart from another
 * file that needs the same name for a folder (claims.h). So the key can be told from the path: leave out "%=" and
 * "%+/", then decode. */
#ifndef HDX_MIRROR_LAYOUT_H
#define HDX_MIRROR_LAYOUT_H

#include "base/buffer.h"

#define HDX_LAYOUT_KEY "{key}"
#define HDX_LAYOUT_FLAT "{name}"
#define HDX_NAME_BYTES_MAX 255
#define HDX_PATH_BYTES_MAX 4000 /* of a whole path below the destination: longer ones the kernel does not take */
#define HDX_STATE_FOLDER ".heliodex"
#define HDX_LAYOUT_BYTES_MAX 1000 /* of a template */

struct hdx_layout;

/* USAGE: not a template (the message names it, the byte or component, and what was expected); one without {key} or
 * {name} (all files of a folder would be called alike) is one only if it has a {start}. MEMORY. */
enum hdx_status hdx_layout_parse(const char *template, struct hdx_layout **layout, struct hdx_error *error);
void hdx_layout_free(struct hdx_layout *layout);

struct hdx_layout_subject {
  struct hdx_text id, bucket, key; /* the key as it is, not percent-encoded */
  int64_t start, stop; /* HDX_TIME_NONE: not known; start HDX_TIME_STATIC: "static" is written in place of FORMAT */
};

/* Appends the path (not terminated). USAGE: a field that the template has is empty or not known of this file; LIMIT:
 * the path would be longer than HDX_PATH_BYTES_MAX. Messages name the key. MEMORY. */
enum hdx_status hdx_layout_path(const struct hdx_layout *layout, const struct hdx_layout_subject *subject,
                                struct hdx_buffer *path, struct hdx_error *error);

/* Appends what a path made by {key} stands for. */
void hdx_path_unescape(struct hdx_text path, struct hdx_buffer *key);

#endif
