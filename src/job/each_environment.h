/* The environment of a file's command. */
#ifndef HDX_JOB_EACH_ENVIRONMENT_H
#define HDX_JOB_EACH_ENVIRONMENT_H

#include "heliodex.h"

/* The variables of `base`, with those that tell of the file (heliodex.h, hdx_each) in place of any of their names. One
 * piece of memory, which the caller frees; NULL if out of memory. */
char **hdx_each_environment(char *const *base, const struct hdx_file *file, uint64_t number, uint64_t size);

#endif
