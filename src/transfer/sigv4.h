/* AWS Signature Version 4 for requests to S3: three pure steps, and the two forms of a signed request on top of them.
 *
 *   canonical request ─sha256→ string to sign ─hmac with the day's signing key→ signature
 *
 * Paths are not normalised and are encoded once, as S3 alone of all services wants it: what is signed is what is sent.
 * S3 signs its own encoding of what it was sent, so all that is not unreserved has to be encoded, by hdx_url_encode: a
 * path with a bare "=" or a query with a bare "/" is a legal URL, but its signature does not match.
 *
 * Pure but for SHA-256, which comes from OpenSSL's libcrypto, loaded by the first signer.
 *
 * Source: Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)". */
#ifndef HDX_TRANSFER_SIGV4_H
#define HDX_TRANSFER_SIGV4_H

#include "base/buffer.h"

#define HDX_SIGV4_EMPTY_PAYLOAD "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HDX_SIGV4_UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"
#define HDX_SIGV4_FIELDS_MAX 64        /* headers of a request, with those that signing adds */
#define HDX_SIGV4_PARAMETERS_MAX 128   /* parameters of a query, likewise */
#define HDX_SIGV4_EXPIRES_S_MAX 604800 /* a presigned URL holds for at most seven days */

struct hdx_sigv4_field { /* a header */
  struct hdx_text name;  /* in any letter case */
  struct hdx_text value; /* blanks at both ends are left out, runs of blanks within become one */
};

struct hdx_sigv4_request {
  struct hdx_text method;
  struct hdx_text path;                 /* percent-encoded, as sent; "" is "/" */
  struct hdx_text query;                /* percent-encoded, as sent, without "?"; sorted by the canonical request */
  const struct hdx_sigv4_field *fields; /* all that are to be signed, in any order; Host must be among them */
  size_t field_count;
  struct hdx_text payload_hash; /* hexadecimal, or HDX_SIGV4_UNSIGNED_PAYLOAD */
};

/* Appends the canonical request, and to `names` the names of its signed headers between semicolons. Headers are sorted,
 * those of the same name joined by commas in their order; parameters are sorted by name, then value, and empty ones
 * ("a&&b") left out. More headers or parameters than the maxima make the buffers' status LIMIT. */
void hdx_sigv4_canonical(const struct hdx_sigv4_request *request, struct hdx_buffer *canonical,
                         struct hdx_buffer *names);

/* Where and when a signature holds. */
struct hdx_sigv4_scope {
  int64_t time_ns;
  struct hdx_text region, service; /* "us-east-1", "s3" */
};

/* Appends the string to sign. Only once there has been a signer: it loads libcrypto. */
void hdx_sigv4_string_to_sign(const struct hdx_sigv4_scope *scope, struct hdx_text canonical, struct hdx_buffer *out);

#define HDX_SIGV4_SIGNATURE_SIZE 65 /* 64 hexadecimal digits and a NUL */

struct hdx_signer;

/* Whose signatures: copies key id and token (which may be empty), keeps of the secret what its HMAC needs, and of the
 * last day, region and service the signing key; all wiped when it is freed. Used by one thread at a time. INTERNAL:
 * libcrypto cannot be loaded; MEMORY. */
enum hdx_status hdx_signer_new(struct hdx_text key_id, struct hdx_text secret, struct hdx_text token,
                               struct hdx_signer **signer, struct hdx_error *error);
/* NULL is allowed. */
void hdx_signer_free(struct hdx_signer *signer);

struct hdx_text hdx_signer_key_id(const struct hdx_signer *signer);
struct hdx_text hdx_signer_token(const struct hdx_signer *signer);

/* The third step: the signature of a string to sign. */
void hdx_signer_sign(struct hdx_signer *signer, const struct hdx_sigv4_scope *scope, struct hdx_text string_to_sign,
                     char signature[HDX_SIGV4_SIGNATURE_SIZE]);

/* The headers of a signed request, lines without their ends ("x-amz-date: 20130524T000000Z"), in buffers that are
 * cleared first: what must be sent besides the request's own fields. `security` is empty without a token. */
struct hdx_sigv4_headers {
  struct hdx_buffer date, content, security, authorization;
};
void hdx_sigv4_headers_init(struct hdx_sigv4_headers *headers);
/* Wipes them. */
void hdx_sigv4_headers_deinit(struct hdx_sigv4_headers *headers);

/* Signs a request in its headers: adds x-amz-date, x-amz-content-sha256 (the payload hash) and x-amz-security-token to
 * the request's fields, which must not have them, and makes Authorization. LIMIT, MEMORY. */
enum hdx_status hdx_sigv4_sign_headers(struct hdx_signer *signer, const struct hdx_sigv4_scope *scope,
                                       const struct hdx_sigv4_request *request, struct hdx_sigv4_headers *headers,
                                       struct hdx_error *error);

/* Signs a request in its query ("presigned URL"): appends the whole query (the request's own parameters first, then
 * X-Amz-…) to `query`, or nothing when it fails. Whoever has it may do what is signed, and it holds the token. The
 * payload hash of S3's presigned URLs is HDX_SIGV4_UNSIGNED_PAYLOAD. USAGE: expires_s is 0 or above
 * HDX_SIGV4_EXPIRES_S_MAX; LIMIT, MEMORY. */
enum hdx_status hdx_sigv4_sign_query(struct hdx_signer *signer, const struct hdx_sigv4_scope *scope,
                                     const struct hdx_sigv4_request *request, uint32_t expires_s,
                                     struct hdx_buffer *query, struct hdx_error *error);

#endif
