/* The head of an HTTP response: the few fields that a download needs. Pure. Source: RFC 9110, RFC 9112; of
 * x-amz-…, the Amazon S3 API Reference. */
#ifndef HDX_TRANSFER_HEAD_H
#define HDX_TRANSFER_HEAD_H

#include "base/text.h"
#include "heliodex.h"

#define HDX_ETAG_BYTES_MAX 256 /* a longer entity tag is taken for none */
#define HDX_DATE_BYTES_MAX 64
#define HDX_CHECKSUM_BYTES_MAX 52 /* base64 of 32 bytes, and perhaps "-10000" */
#define HDX_SIZE_UNKNOWN UINT64_MAX

struct hdx_head {
  long status;
  bool ended;                    /* the empty line has come: what ends without it is no answer */
  char etag[HDX_ETAG_BYTES_MAX]; /* as sent, with quotes and W/; "" if none */
  char last_modified[HDX_DATE_BYTES_MAX];
  char retry_after[HDX_DATE_BYTES_MAX];
  char date[HDX_DATE_BYTES_MAX];
  char bucket_region[HDX_DATE_BYTES_MAX];                  /* x-amz-bucket-region */
  char checksums[HDX_CHECK_COUNT][HDX_CHECKSUM_BYTES_MAX]; /* x-amz-checksum-…, as sent */
  bool checksums_of_parts; /* x-amz-checksum-type: they are not of the object's bytes but of its parts' checksums */
  bool encrypted;  /* x-amz-server-side-encryption…, by a key of KMS or of the user: the entity tag is no MD5 */
  uint64_t length; /* Content-Length, or unknown */
  bool has_range;  /* a well-formed Content-Range: bytes first-last/total */
  bool bad_range;  /* a malformed one */
  uint64_t range_first, range_last, range_total; /* last included; total may be unknown */
};

void hdx_head_init(struct hdx_head *head);

/* Takes one line of the head as received; a status line begins the head anew (after 100 Continue or a proxy's answer).
 * Fields that are malformed are left out. */
void hdx_head_line(struct hdx_head *head, struct hdx_text line);

/* Whether the entity tag is one that If-Match can hold on to (present and not weak). */
bool hdx_head_strong(const char *etag);

#endif
