/* URLs of objects of S3 with a signature in them. */
#ifndef HDX_JOB_PRESIGN_H
#define HDX_JOB_PRESIGN_H

#include "job/session.h"

/* Appends the URL of an object of S3, signed with the user's credentials, which are found when the first one is asked
 * for (that may block). USAGE: no object of S3, or there are no credentials for that server; DENIED: there are none at
 * all. The bucket's region must be known: from --region, the registry or the environment. */
enum hdx_status hdx_session_presign(struct hdx_session *session, const struct hdx_address *address,
                                    struct hdx_buffer *url, struct hdx_error *error);

#endif
