/* Where S3 keeps an object: the address of a bucket at AWS, or at another server that speaks S3. Pure.
 *
 *   AWS, virtual host   https://BUCKET.s3.REGION.amazonaws.com/KEY       (s3.dualstack.REGION for IPv6 as well)
 *   AWS, path           https://s3.REGION.amazonaws.com/BUCKET/KEY
 *   endpoint, path      ENDPOINT/BUCKET/KEY
 *   endpoint, virtual   ENDPOINT's scheme://BUCKET.its host/its path/KEY
 *
 * Source: Amazon S3 User Guide, "Virtual hosting of general purpose buckets" and "Making requests to Amazon S3 over
 * IPv6". */
#ifndef HDX_BASE_S3_H
#define HDX_BASE_S3_H

#include "base/buffer.h"

/* Google Cloud Storage speaks S3 here ("XML API, interoperability"). */
#define HDX_S3_GOOGLE_ENDPOINT "https://storage.googleapis.com"

#define HDX_S3_REGION_BYTES_MAX 40
#define HDX_S3_REGION_DEFAULT "us-east-1" /* that AWS signs for at an address without a region */

/* Whether the user's credentials may be used at a server: they belong to AWS, or to the endpoint that the user named,
 * and are of no use and nobody's business anywhere else. */
enum hdx_s3_trust {
  HDX_S3_TRUST_NONE,  /* anonymous alone */
  HDX_S3_TRUST_ASKED, /* only if the user asks for signed requests */
  HDX_S3_TRUST_FULL
};

/* A bucket and the server that has it. */
struct hdx_s3_place {
  struct hdx_text bucket;
  struct hdx_text region;   /* or empty: not known */
  struct hdx_text endpoint; /* http or https URL without a slash at its end; empty: AWS */
  enum hdx_addressing addressing;
  bool dualstack; /* at AWS */
  enum hdx_s3_trust trust;
};

/* Appends the URL that the bucket's keys follow, with its slash. A bucket whose name cannot be part of a host name, or
 * at AWS has dots (the certificate covers one label), is addressed by path whatever the place says. */
void hdx_s3_append_base(const struct hdx_s3_place *place, struct hdx_buffer *url);

/* Whether the text may be a region: letters, digits and dashes, as it becomes part of a host's name. */
bool hdx_s3_region(struct hdx_text region);

#endif
