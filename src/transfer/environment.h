/* A copy of the process's environment: for a thread that may not read one that its owner changes, and for the programs
 * that it starts. */
#ifndef HDX_TRANSFER_ENVIRONMENT_H
#define HDX_TRANSFER_ENVIRONMENT_H

/* What `environ` says now, laid out as it is; NULL if out of memory. */
char **hdx_environment_copy(void);
/* Wipes (there may be secrets in it) and frees; NULL is allowed. */
void hdx_environment_free(char **environment);

/* The value of a variable, "" where it is not set: AWS's tools take an empty one for one that is not set. */
const char *hdx_environment_get(char *const *environment, const char *name);

#endif
