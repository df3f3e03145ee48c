/* Lists of a bucket's objects, page by page, while other requests are under way. */
#ifndef HDX_JOB_LIST_H
#define HDX_JOB_LIST_H

#include "job/session.h"
#include "parse/s3_xml.h"

/* A thousand keys of 1,024 bytes, each percent-encoded, and what stands around them. */
#define HDX_LIST_PAGE_BYTES_MAX ((size_t)4 << 20)

struct hdx_list_request {
  struct hdx_bucket *bucket;
  const char *name;            /* what messages call it, copied */
  struct hdx_text prefix;      /* of the keys, copied */
  struct hdx_text start_after; /* only keys behind this one; copied */
  bool folders;                /* what lies behind the next slash is told as one */
  bool optional;               /* a refusal does not make the bucket be asked signed (fetch.h) */
  uint32_t page_objects;       /* asked for at once, 1 to 1000; 0: 1000 */
  void (*object)(void *user, const struct hdx_s3_object *object);
  /* A page has keys that were not asked for, so that those before it may lack some; done follows. NULL is allowed. */
  void (*strange)(void *user, const struct hdx_error *error);
  /* A page has been told; false: no more is wanted, done is called with OK. */
  bool (*page)(void *user, const struct hdx_s3_page *page);
  /* The end, once, on the loop thread, never from inside hdx_list_start. `error` lives during the call. */
  void (*done)(void *user, enum hdx_status status, const struct hdx_error *error);
  void *user;
};

/* Begins to list; the session is online. MEMORY. What `done` is called with: INTEGRITY: not a list; keys that do not
 * begin with the prefix, which `object` is not told; pages that lead nowhere. */
enum hdx_status hdx_list_start(struct hdx_session *session, const struct hdx_list_request *request,
                               struct hdx_error *error);

#endif
