/* A profile of AWS's shared configuration files: what the user has set for all tools. Source: AWS SDKs and Tools
 * Reference Guide, "Shared config and credentials files". */
#ifndef HDX_TRANSFER_PROFILE_H
#define HDX_TRANSFER_PROFILE_H

#include "base/arena.h"

/* Where a setting stands. */
struct hdx_profile_place {
  struct hdx_text file; /* "": nowhere */
  size_t line;
};

/* Settings of one profile, "" where not set. Texts end with a NUL behind their size and lie in the profile's arena,
 * which is wiped when it is freed. A setting that both files have is the credentials file's. */
struct hdx_profile {
  struct hdx_text name;
  bool named;                                    /* by the caller or the environment: it is missed if it is not found */
  bool found;                                    /* a section of one of the files has the name */
  struct hdx_text credentials_file, config_file; /* the files, whether they are there or not; "": no home to look in */
  struct hdx_text region, endpoint_url; /* endpoint_url: of services/s3 if the profile names one, else its own */
  struct hdx_text ca_bundle;
  struct hdx_text addressing_style;      /* s3.addressing_style */
  struct hdx_text use_dualstack;         /* use_dualstack_endpoint, or s3.use_dualstack_endpoint */
  struct hdx_text key_id, secret, token; /* of the credentials file, else of the config file; never of both */
  struct hdx_text credential_process;
  struct hdx_text unsupported; /* the name of a setting that asks for what is not supported: role_arn, sso_session … */
  struct hdx_profile_place keys_at, credential_process_at, unsupported_at;
  struct hdx_arena arena;
};

/* Reads the profile `name` (NULL: AWS_PROFILE, then AWS_DEFAULT_PROFILE, then "default") from
 * AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials) and AWS_CONFIG_FILE (~/.aws/config). Files that are not there are
 * empty, and so are devices (/dev/null). INTEGRITY: a file is malformed; IO: it cannot be read; LIMIT: above a
 * megabyte; MEMORY. `profile` is to be freed only on success. */
enum hdx_status hdx_profile_read(char *const *environment, const char *name, struct hdx_profile *profile,
                                 struct hdx_error *error);
/* Wipes the profile's keys and leaves it without, for those who want its settings alone. */
void hdx_profile_forget_keys(struct hdx_profile *profile);
void hdx_profile_free(struct hdx_profile *profile);

#endif
