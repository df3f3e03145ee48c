/* URLs, as far as catalogs and stores need them: http, https, file and s3. Source: RFC 3986 (syntax, percent-encoding),
 * RFC 8089 (file). Pure. */
#ifndef HDX_BASE_URL_H
#define HDX_BASE_URL_H

#include "base/buffer.h"

#define HDX_URL_BYTES_MAX 8192

enum hdx_scheme { HDX_SCHEME_HTTP, HDX_SCHEME_HTTPS, HDX_SCHEME_FILE, HDX_SCHEME_S3 };

/* A URL taken apart; all views into the text that was parsed. */
struct hdx_url {
  enum hdx_scheme scheme;
  struct hdx_text host;  /* of s3: the bucket; of file: empty; IPv6 addresses keep their brackets */
  struct hdx_text port;  /* digits, or empty */
  struct hdx_text path;  /* from the slash on, as written; of s3: the key behind the slash */
  struct hdx_text query; /* behind the question mark (never for s3 and file, where it belongs to the path) */
};

/* USAGE: no such URL (which byte, what was expected): unknown scheme, user and password in it (never repeated in the
 * message), control bytes, empty host, port over 65535, longer than HDX_URL_BYTES_MAX, file with a host. */
enum hdx_status hdx_url_parse(struct hdx_text text, struct hdx_url *url, struct hdx_error *error);

/* The same for a location of a data file, where the key of s3://bucket/key is any bytes: those that URLs refuse, too.
 */
enum hdx_status hdx_url_parse_location(struct hdx_text text, struct hdx_url *url, struct hdx_error *error);

/* Host and port of an http or https URL as the Host header has them: the scheme's own port is left out. */
struct hdx_text hdx_url_authority(const struct hdx_url *url);

/* Whether the text has "://" behind letters: a URL rather than a name. */
bool hdx_url_like(struct hdx_text text);

/* Appends text percent-encoded: everything but unreserved characters, and slashes if `keep_slash`. */
void hdx_url_encode(struct hdx_buffer *out, struct hdx_text text, bool keep_slash);
/* Appends text percent-decoded; false if a % is not followed by two hexadecimal digits. */
bool hdx_url_decode(struct hdx_buffer *out, struct hdx_text text);

/* Whether the name is a legal S3 bucket name: 3 to 63 of a-z 0-9 . -, letter or digit at both ends, no "..", no IPv4
 * address (AWS's general purpose bucket naming rules). */
bool hdx_url_bucket_name(struct hdx_text name);

/* Appends a URL or a part of one as written, but for the bytes that no URL may have (controls, blanks, non-ASCII,
 * "<>\\^`{|}, a % without two hexadecimal digits) and those of `also`: these percent-encoded. */
void hdx_url_mend(struct hdx_buffer *out, struct hdx_text text, const char *also);

/* Whether a URL's host is written as a link-local address (169.254.0.0/16 in any spelling that inet_aton reads,
 * [fe80::]/10, EC2's [fd00:ec2::]/32, or such an IPv4 address inside an IPv6 one): there clouds hand out credentials.
 * Names are not resolved. */
bool hdx_url_link_local(struct hdx_text host);

/* Appends the file:// URL of an absolute path. */
void hdx_url_of_path(struct hdx_buffer *out, const char *path);

/* "http", "https", "file" or "s3". */
const char *hdx_url_scheme_name(enum hdx_scheme scheme);

/* Whether a URL of any scheme has a user or password. */
bool hdx_url_has_user(struct hdx_text text);

/* What messages may show of a location, a view of it: the query of http and https, which may be a signature, is left
 * out behind its question mark. */
struct hdx_text hdx_url_shown(struct hdx_text location);

/* The text as messages may show it: user, password and query left out, control bytes replaced, cut. Returns `out`. */
const char *hdx_url_quote(struct hdx_text text, char *out, size_t size);

#endif
