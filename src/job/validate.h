/* The validate job: a document is fetched and checked, and for a catalog, if that is asked for, all its index files.
 *
 *   validate.c  which document, its bytes, the rules of documents
 *   inspect.c   the index files of a catalog, by the machinery of the index job */
#ifndef HDX_JOB_VALIDATE_H
#define HDX_JOB_VALIDATE_H

#include "catalog/kept.h"
#include "catalog/rules.h"
#include "job/session.h"

#define HDX_VALIDATE_FILE_BYTES_MAX                                                                                    \
  (64u << 20) /* of findings of one index file that are kept until it has been read                                    \
               */

struct hdx_validation {
  struct hdx_session *session;
  const struct hdx_validate_options *options;
  struct hdx_validate_summary *summary;
};

/* Counts a finding and tells the caller. `user` is the validation. */
bool hdx_validate_tell(void *user, const struct hdx_finding *finding);

/* Reads and checks all index files of a catalog whose own document `findings` is of. INTERRUPTED, MEMORY. */
enum hdx_status hdx_inspect(struct hdx_validation *validation, struct hdx_catalog *catalog,
                            struct hdx_findings *findings, struct hdx_error *error);

#endif
