/* The first row of an index file, from its first bytes. */
#ifndef HDX_JOB_FIRST_ROW_H
#define HDX_JOB_FIRST_ROW_H

#include "base/arena.h"

/* Finds the first row that can be read in the beginning of an index file, packed or not, and fills the probe's row and
 * form; their texts are in the arena. `whole`: the file has no more bytes. INTEGRITY: it is no index file, is
 * packed and damaged, or has only bad rows; EMPTY: there is no row; MEMORY. On an error the probe has no row. */
enum hdx_status hdx_first_row(struct hdx_text head, bool whole, struct hdx_arena *arena, struct hdx_probe *probe,
                              struct hdx_error *error);

#endif
