/* A bucket of S3 as the engine knows it: at which address it is, in which region, and whether it is asked anonymously
 * or with signatures. What is learned from one answer holds for all requests to the bucket.
 *
 *   UNDECIDED ─something was read→ ANONYMOUS ←─something was read anonymously after all, or the credentials are none─┐
 *       └─refused, and there are credentials→ SIGNED (tentative) ────────────────────────────────────────────────────┤
 *                                                  └─something was read signed→ SIGNED (for good)                     ┘
 *
 * While it is undecided, requests go out anonymously; those that are refused wait for the credentials together, and
 * are asked again signed. A region that a refusal names is believed once. Loop thread only. */
#ifndef HDX_TRANSFER_BUCKET_H
#define HDX_TRANSFER_BUCKET_H

#include "base/s3.h"
#include "parse/s3_xml.h"
#include "transfer/part_list.h"

struct hdx_engine;
struct hdx_fetch;
struct hdx_part;

enum hdx_access { HDX_ACCESS_UNDECIDED, HDX_ACCESS_ANONYMOUS, HDX_ACCESS_SIGNED };

struct hdx_bucket {
  struct hdx_bucket *next;
  struct hdx_s3_place place; /* texts are its own copies; the region is below */
  char *texts;
  char region[HDX_S3_REGION_BYTES_MAX + 1];
  char *base;     /* URL of its present address, with the slash before a key */
  unsigned moves; /* how often the address or region has changed */
  enum hdx_access access;
  bool tentative;               /* SIGNED because it was refused otherwise, and nothing was read so yet */
  bool unlistable;              /* for whoever lists it: it refused a list */
  struct hdx_part_list waiting; /* for the credentials */
};

void hdx_buckets_free(struct hdx_engine *engine);

/* Points a fetch at the bucket's present address. LIMIT: the URL is too long; MEMORY. */
enum hdx_status hdx_bucket_address(struct hdx_fetch *fetch, struct hdx_error *error);

/* Whether a part may be asked for now. If not, it was moved (to the queue of another host, or among those that wait for
 * the credentials), or its fetch has ended. */
bool hdx_bucket_ready(struct hdx_part *part);

/* Adds the headers of a signed request, if it is to be one. */
enum hdx_status hdx_bucket_sign(struct hdx_part *part, struct hdx_error *error);

/* The object begins to come. */
void hdx_bucket_readable(struct hdx_part *part);

/* An answer that is no object. True: the part is asked again, or waits to be, or its fetch has ended. False: the answer
 * stands; `text` (of HDX_ERROR_TEXT_MAX bytes), which says so, may have got a hint at its end. */
bool hdx_bucket_answered(struct hdx_part *part, const struct hdx_s3_error *answer, char *text);

/* Decides what waits, as far as it can be. */
void hdx_buckets_pump(struct hdx_engine *engine);

#endif
