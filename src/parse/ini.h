/* The shared configuration files of AWS's tools ("~/.aws/config", "~/.aws/credentials"): sections, settings and
 * settings within settings. Pure.
 *
 *   [profile name]            section "profile name", blanks at both ends and runs of blanks within made one
 *   key = value               blanks around both left out
 *   s3 =                      a setting without a value whose indented lines are settings within it:
 *     addressing_style = path     given out with parent "s3"
 *   # comment, ; comment      whole lines, and in place of a value; what is behind a value is part of it
 *
 * Within is what is indented further than the setting; how far settings themselves are indented is all the same.
 *
 * Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files"; botocore's reading of it where the
 * guide is silent. Settings before the first section, lines without "=" and sections without "]" are errors, and so are
 * values that go on in indented lines. */
#ifndef HDX_PARSE_INI_H
#define HDX_PARSE_INI_H

#include "base/text.h"

#define HDX_INI_SECTION_BYTES_MAX 256

struct hdx_ini_setting {
  struct hdx_text section;            /* lives during the call; at most HDX_INI_SECTION_BYTES_MAX bytes */
  struct hdx_text parent, key, value; /* parent is "" but for settings within settings; views into the text */
  size_t line;                        /* from 1 */
};

/* Calls `setting` for each section's line, with an empty key (a section may have no settings), and for each setting in
 * order, also for one without a value before those within it. A section that stands again goes on. Bytes are as they
 * are: CRLF and a byte order mark are skipped. INTEGRITY: malformed ("SOURCE: line L: expected …"): nothing of the text
 * is repeated in the message, as it may be a secret. Settings may have been given out before an error. */
enum hdx_status hdx_ini_read(struct hdx_text text, const char *source,
                             void (*setting)(void *user, const struct hdx_ini_setting *setting), void *user,
                             struct hdx_error *error);

/* The value up to " #" or " ;", where most of AWS's tools have a comment begin, though a command may hold it. */
struct hdx_text hdx_ini_without_comment(struct hdx_text value);

#endif
