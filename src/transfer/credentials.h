/* Where a user's credentials come from, in the order that AWS's tools have:
 *
 *   1 given          by the caller, all other sources are left alone
 *   2 environment    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; not asked if a profile was given by
 *                    the caller (AWS_PROFILE alone does not hide it); half a pair is an error
 *   3 files          the profile's keys in the shared credentials file, then in the config file
 *   4 process        the profile's credential_process: its standard output is JSON. A profile that has neither, but a
 *                    setting that asks for what is not supported (role_arn, sso_session …), is an error
 *   5 container      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI (ECS, EKS Pod Identity)
 *   6 instance       the EC2 instance metadata service, version 2 alone
 *
 * Asking may block for seconds, so it is done on a thread. Secrets never stand in a message; what they lay in is wiped.
 *
 * Source: AWS SDKs and Tools Reference Guide, "Standardized credential providers"; Amazon EC2 User Guide, "Use IMDSv2";
 * Amazon ECS Developer Guide and EKS User Guide for the container's. */
#ifndef HDX_TRANSFER_CREDENTIALS_H
#define HDX_TRANSFER_CREDENTIALS_H

#include "base/text.h"

#include <stdatomic.h>

struct hdx_credentials {
  char *key_id, *secret, *token; /* token is "" where there is none */
  int64_t expires;               /* ns; HDX_TIME_NONE: never */
  const char *origin;            /* "the environment", "the profile p of FILE" … for messages; owned */
  bool renewable;                /* asking again may give others: false for those given and of the environment */
};

/* Wipes and frees; all NULL is allowed. */
void hdx_credentials_deinit(struct hdx_credentials *credentials);

struct hdx_credentials_options {
  const char *key_id, *secret, *token; /* given by the caller, or NULL; token may be NULL */
  const char *profile;      /* given by the caller; NULL or "": AWS_PROFILE, AWS_DEFAULT_PROFILE, then "default" */
  char *const *environment; /* NULL: the process's own, as it is now */
  bool offline;             /* no service is asked: neither a container's nor the instance's */
};

struct hdx_credentials_request;

/* Copies the options and the environment (so that the thread does not read one that its owner changes; a
 * credential_process gets the copy). USAGE: the key id given without a secret or the other way round; a
 * value with a control byte, a byte beyond ASCII, or too long; MEMORY. */
enum hdx_status hdx_credentials_request_new(const struct hdx_credentials_options *options,
                                            struct hdx_credentials_request **request, struct hdx_error *error);
void hdx_credentials_request_free(struct hdx_credentials_request *request);

/* Finds the credentials; blocks, on any thread, one call per request at a time. Ends within about a second with
 * INTERRUPTED once *cancelled. DENIED: there are none (the message lists where they were looked for), or a source that
 * the user named is broken: its file is malformed or cannot be read, the profile given does not exist, the process
 * failed, the service refused. MEMORY; INTERNAL: there is no libcurl to ask a service with. `credentials` is
 * overwritten on success alone; what it held is not freed. */
enum hdx_status hdx_credentials_find(const struct hdx_credentials_request *request, const atomic_bool *cancelled,
                                     struct hdx_credentials *credentials, struct hdx_error *error);

#endif
