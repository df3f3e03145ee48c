/* A copy of the process's environment: for a thread that may not read one that its owner changes, and for the programs
 * that it starts. */
#ifndef HDX_TRANSFER_ENVIRONMENT_H
#define HDX_TRANSFER_ENVIRONMENT_H

/* Copies an environment, laid out as `environ` is; NULL if out of memory. */
char **hdx_environment_copy(char *const *environment);
/* Wipes (there may be secrets in it) and frees; NULL is allowed. */
void hdx_environment_free(char **environment);

/* The value of a variable, "" where it is not set: AWS's tools take an empty one for one that is not set. */
const char *hdx_environment_get(char *const *environment, const char *name);

#endif
