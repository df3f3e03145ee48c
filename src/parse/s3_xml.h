/* S3's XML answers: errors and lists of objects, read by expat. Pure, bounded: no DTD, no entities but XML's own five
 * and character references, a fixed depth, texts cut at their arrays' sizes (or refused where a cut would lie).
 * Elements count at their own place only ("Error/Code"), whatever the default namespace; others are passed over. All
 * is UTF-8.
 *
 * expat (libexpat.so.1) is loaded when the first document comes (base/library.h).
 *
 * Source: Amazon S3 API Reference, "Error responses" and "ListObjectsV2". */
#ifndef HDX_PARSE_S3_XML_H
#define HDX_PARSE_S3_XML_H

#include "base/text.h"

/* An error document, "" for what it does not state. Control bytes are left out, texts too long are cut. */
struct hdx_s3_error {
  char code[64]; /* "NoSuchKey" */
  char message[256];
  char key[256];
  char region[64]; /* where the bucket is, in some answers to a request at the wrong region */
  char request_id[128];
};

/* Reads an error document; false if it is none (any other text: servers and proxies answer with all kinds), or without
 * expat. Never fails otherwise: of a document that breaks off or is malformed counts what was whole until there, of an
 * element that stands twice the first. `error` is cleared first. */
bool hdx_s3_error_read(struct hdx_text body, struct hdx_s3_error *error);

/* An object of a list, or a common prefix ("folder"). Views live during the call. */
struct hdx_s3_object {
  struct hdx_text key;  /* decoded; 1 to HDX_S3_KEY_BYTES_MAX bytes of any kind */
  bool prefix;          /* a common prefix: the members below are unset */
  struct hdx_text etag; /* with its quotes, as the ETag header has it; empty: not stated, or not fit for a header */
  uint64_t size;        /* below 2^63 */
  int64_t modified;     /* ns; HDX_TIME_NONE: not stated or no time */
};

#define HDX_S3_KEY_BYTES_MAX 1024
#define HDX_S3_TOKEN_BYTES_MAX 4096
#define HDX_S3_PAGE_BYTES_MAX (64 << 20) /* a thousand keys of the worst kind have 4 MiB */

struct hdx_s3_page {
  uint64_t objects, prefixes;
  bool truncated;                     /* there is more: asked for with the token */
  char token[HDX_S3_TOKEN_BYTES_MAX]; /* of the next page, as it stands (never percent-encoded); "" if none */
};

/* Reads a page of ListObjectsV2 (a ListBucketResult) and calls `object` for each object and common prefix, in document
 * order. Keys of a page with EncodingType url, wherever it says so, are percent-decoded (a plus is a blank). INTEGRITY:
 * not such a document, with line and what was expected; a key, size or token that is missing, malformed, twice there or
 * too long; not said whether truncated; truncated without a token. LIMIT: above HDX_S3_PAGE_BYTES_MAX. MEMORY.
 * INTERNAL: no expat. Objects may have been handed out before an error. */
enum hdx_status hdx_s3_page_read(struct hdx_text body, const char *source,
                                 void (*object)(void *user, const struct hdx_s3_object *object), void *user,
                                 struct hdx_s3_page *page, struct hdx_error *error);

#endif
