/* URLs: taking them apart, percent-encoding, and which hosts a stranger's document may not name.
 *
 * Hosts are kept to what every reader of a URL reads alike: no percent-encoding, nothing beyond ASCII (which a name
 * library may fold into digits and dots), no user and password. So what is checked here is what is connected to. */
#include "base/url.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>

enum { QUOTE_BYTES_MAX = 120, HOST_BYTES_MAX = 255 };

static const struct hdx_text scheme_names[] = {
    [HDX_SCHEME_HTTP] = {"http", 4},
    [HDX_SCHEME_HTTPS] = {"https", 5},
    [HDX_SCHEME_FILE] = {"file", 4},
    [HDX_SCHEME_S3] = {"s3", 2},
};

static bool letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool digit(char c) {
  return c >= '0' && c <= '9';
}

static int hex(char c) {
  if (digit(c))
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* strchr would find a NUL in every set. */
static bool among(char c, const char *set) {
  return c && strchr(set, c);
}

static size_t find(struct hdx_text text, const char *any) {
  size_t i = 0;
  while (i < text.size && !among(text.data[i], any))
    i++;
  return i;
}

void hdx_url_of_path(struct hdx_buffer *out, const char *path) {
  hdx_buffer_append_text(out, HDX_TEXT("file://"));
  hdx_url_encode(out, hdx_text_of(path), true);
}

const char *hdx_url_scheme_name(enum hdx_scheme scheme) {
  return scheme_names[scheme].data;
}

/* Where the scheme ends: the ':' of "://" behind letters, digits, + - and dots; 0 if there is none. */
static size_t scheme_size(struct hdx_text text) {
  size_t i = 0;
  while (i < text.size && (letter(text.data[i]) || (i && (digit(text.data[i]) || among(text.data[i], "+-.")))))
    i++;
  return i && text.size - i >= 3 && memcmp(text.data + i, "://", 3) == 0 ? i : 0;
}

bool hdx_url_like(struct hdx_text text) {
  return scheme_size(text) > 0;
}

struct hdx_text hdx_url_shown(struct hdx_text location) {
  struct hdx_text scheme = hdx_text_sub(location, 0, scheme_size(location));
  if (!hdx_text_equal_nocase(scheme, HDX_TEXT("http")) && !hdx_text_equal_nocase(scheme, HDX_TEXT("https")))
    return location;
  size_t query = find(location, "?");
  return hdx_text_sub(location, 0, query < location.size ? query + 1 : query);
}

/* Where the host begins behind a user and password; 0: there are none. */
static size_t user_size(struct hdx_text text) {
  size_t scheme = scheme_size(text), size = 0;
  if (!scheme)
    return 0;
  struct hdx_text rest = hdx_text_sub(text, scheme + 3, text.size);
  size_t authority = find(rest, "/?#");
  for (size_t i = 0; i < authority; i++)
    if (rest.data[i] == '@')
      size = scheme + 3 + i + 1;
  return size;
}

bool hdx_url_has_user(struct hdx_text text) {
  return user_size(text) > 0;
}

const char *hdx_url_quote(struct hdx_text text, char *out, size_t size) {
  size_t from = user_size(text), scheme = scheme_size(text), to = find(text, "?");
  bool cut = to < text.size;
  if (to - from > QUOTE_BYTES_MAX) {
    to = from + QUOTE_BYTES_MAX;
    cut = true;
  }
  size_t n = 0;
  assert(size > 0);
  if (from)
    n = (size_t)snprintf(out, size, "%.*s://…@", (int)(scheme < 16 ? scheme : 16), text.data);
  for (size_t i = from; i < to && n + 1 < size; i++) {
    unsigned char c = (unsigned char)text.data[i];
    out[n++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
  }
  n = n < size ? n : size - 1;
  out[n] = 0;
  if (cut && n + 4 < size)
    memcpy(out + n, "…", 4);
  return out;
}

__attribute__((format(printf, 3, 4))) static enum hdx_status refuse(struct hdx_error *error, struct hdx_text text,
                                                                    const char *format, ...) {
  char quoted[QUOTE_BYTES_MAX + 40], reason[256];
  va_list args;
  va_start(args, format);
  vsnprintf(reason, sizeof reason, format, args);
  va_end(args);
  return hdx_error_set(error, HDX_USAGE, "%s: %s", hdx_url_quote(text, quoted, sizeof quoted), reason);
}

/* Without brackets and zone; false if that is no IPv6 address. */
static bool read_ipv6(struct hdx_text host, unsigned char address[16]) {
  char name[INET6_ADDRSTRLEN];
  if (host.size < 2 || host.data[0] != '[' || host.data[host.size - 1] != ']')
    return false;
  host = hdx_text_sub(host, 1, host.size - 1);
  host.size = find(host, "%");
  if (host.size >= sizeof name)
    return false;
  memcpy(name, host.data, host.size);
  name[host.size] = 0;
  return inet_pton(AF_INET6, name, address) == 1;
}

/* The authority of an http or https URL. */
static enum hdx_status parse_authority(struct hdx_text text, struct hdx_text authority, struct hdx_url *url,
                                       struct hdx_error *error) {
  size_t at = (size_t)(authority.data - text.data), end = find(authority, "]") + 1;
  if (find(authority, "@") < authority.size)
    return refuse(error, text, "a URL with a user or password in it is not taken; give credentials by their options");
  bool bracket = authority.size && authority.data[0] == '[';
  if (!bracket)
    end = find(authority, ":");
  unsigned char address[16];
  url->host = hdx_text_sub(authority, 0, end < authority.size ? end : authority.size);
  if (url->host.size == 0)
    return refuse(error, text, "expected a host at byte %zu, found none", at);
  if (url->host.size > HOST_BYTES_MAX)
    return refuse(error, text, "the host has %zu bytes, more than %d", url->host.size, HOST_BYTES_MAX);
  if (bracket && !read_ipv6(url->host, address))
    return refuse(error, text, "expected an IPv6 address in brackets at byte %zu", at);
  for (size_t i = 0; i < url->host.size; i++) {
    char c = url->host.data[i];
    if (!letter(c) && !digit(c) && !among(c, bracket ? "[]:.%-_" : ".-_"))
      return refuse(error, text, "byte %zu cannot be part of a host name", at + i);
  }
  struct hdx_text rest = hdx_text_sub(authority, url->host.size, authority.size);
  uint64_t port;
  if (rest.size == 0)
    return HDX_OK;
  url->port = hdx_text_sub(rest, 1, rest.size);
  if (rest.data[0] != ':' || (url->port.size && (!hdx_text_to_u64(url->port, 65535, &port) || port == 0)))
    return refuse(error, text, "expected a port from 1 to 65535 at byte %zu", at + url->host.size + 1);
  return HDX_OK;
}

static enum hdx_status parse_bucket(struct hdx_text text, struct hdx_text bucket, struct hdx_error *error) {
  size_t at = (size_t)(bucket.data - text.data);
  if (bucket.size == 0)
    return refuse(error, text, "expected a bucket at byte %zu, found none", at);
  if (find(bucket, "@") < bucket.size)
    return refuse(error, text, "a URL with a user or password in it is not taken; give credentials by their options");
  for (size_t i = 0; i < bucket.size; i++) {
    char c = bucket.data[i];
    /* Wider than hdx_url_bucket_name: old buckets have capitals and underscores. */
    if (!letter(c) && !digit(c) && (i == 0 || !among(c, ".-_")))
      return refuse(error, text, "byte %zu cannot be part of a bucket name", at + i);
  }
  if (bucket.size > HOST_BYTES_MAX)
    return refuse(error, text, "the bucket name has %zu bytes, more than %d", bucket.size, HOST_BYTES_MAX);
  return HDX_OK;
}

/* What is behind the authority of an http or https URL; a fragment is no part of what is fetched. */
static void parse_rest(struct hdx_text rest, struct hdx_url *url) {
  rest.size = find(rest, "#");
  size_t path = find(rest, "?");
  url->path = hdx_text_sub(rest, 0, path);
  if (path < rest.size)
    url->query = hdx_text_sub(rest, path + 1, rest.size);
}

enum hdx_status hdx_url_parse(struct hdx_text text, struct hdx_url *url, struct hdx_error *error) {
  if (text.size > HDX_URL_BYTES_MAX)
    return refuse(error, text, "the URL has %zu bytes, more than %d", text.size, HDX_URL_BYTES_MAX);
  size_t size = scheme_size(text), i = 0, count = sizeof scheme_names / sizeof *scheme_names;
  struct hdx_text scheme = {text.data, size};
  while (i < count && !hdx_text_equal_nocase(scheme, scheme_names[i]))
    i++;
  if (i == count)
    return refuse(error, text, "expected a URL that begins with s3://, http://, https:// or file://");
  for (size_t at = 0; at < text.size; at++)
    if ((unsigned char)text.data[at] < 0x20 || text.data[at] == 0x7f)
      return refuse(error, text, "control byte 0x%02x at byte %zu", (unsigned char)text.data[at], at);
  struct hdx_url parsed = {.scheme = (enum hdx_scheme)i};
  struct hdx_text rest = hdx_text_sub(text, size + 3, text.size);
  parsed.host = parsed.port = parsed.query = parsed.path = hdx_text_sub(text, text.size, text.size);
  size_t end = find(rest, parsed.scheme == HDX_SCHEME_HTTP || parsed.scheme == HDX_SCHEME_HTTPS ? "/?#" : "/");
  struct hdx_text authority = hdx_text_sub(rest, 0, end);
  rest = hdx_text_sub(rest, end, rest.size);
  enum hdx_status status = HDX_OK;
  if (parsed.scheme == HDX_SCHEME_S3) {
    status = parse_bucket(text, authority, error);
    parsed.host = authority;
    parsed.path = hdx_text_sub(rest, rest.size > 0, rest.size);
  } else if (parsed.scheme == HDX_SCHEME_FILE) {
    /* RFC 8089 lets localhost stand for no host. */
    if (authority.size && !hdx_text_equal_nocase(authority, HDX_TEXT("localhost")))
      return refuse(error, text, "expected a path behind file:// (file:///directory/), found a host");
    if (rest.size == 0)
      return refuse(error, text, "expected a path at byte %zu, found none", text.size);
    parsed.path = rest;
  } else {
    status = parse_authority(text, authority, &parsed, error);
    parse_rest(rest, &parsed);
  }
  if (status == HDX_OK)
    *url = parsed;
  return status;
}

enum hdx_status hdx_url_parse_location(struct hdx_text text, struct hdx_url *url, struct hdx_error *error) {
  static const struct hdx_text s3 = {"s3://", 5};
  bool object = text.size > s3.size && hdx_text_equal_nocase(hdx_text_sub(text, 0, s3.size), s3);
  const char *slash = object ? memchr(text.data + s3.size, '/', text.size - s3.size) : NULL;
  if (!slash || text.size > HDX_URL_BYTES_MAX)
    return hdx_url_parse(text, url, error);
  size_t key = (size_t)(slash - text.data) + 1;
  enum hdx_status status = hdx_url_parse(hdx_text_sub(text, 0, key), url, error);
  if (status == HDX_OK)
    url->path = hdx_text_sub(text, key, text.size);
  return status;
}

struct hdx_text hdx_url_authority(const struct hdx_url *url) {
  bool port = url->port.size && !hdx_text_is(url->port, url->scheme == HDX_SCHEME_HTTPS ? "443" : "80");
  const char *end = port ? url->port.data + url->port.size : url->host.data + url->host.size;
  return (struct hdx_text){url->host.data, (size_t)(end - url->host.data)};
}

static bool unreserved(char c) {
  return letter(c) || digit(c) || among(c, "-._~");
}

static void encode_byte(struct hdx_buffer *out, char c) {
  static const char digits[] = "0123456789ABCDEF";
  char code[3] = {'%', digits[(unsigned char)c >> 4], digits[(unsigned char)c & 15]};
  hdx_buffer_append(out, code, sizeof code);
}

void hdx_url_encode(struct hdx_buffer *out, struct hdx_text text, bool keep_slash) {
  for (size_t i = 0, from = 0; i <= text.size; i++) {
    if (i < text.size && (unreserved(text.data[i]) || (keep_slash && text.data[i] == '/')))
      continue;
    if (i > from) /* a text may be no address and no bytes */
      hdx_buffer_append(out, text.data + from, i - from);
    if (i < text.size)
      encode_byte(out, text.data[i]);
    from = i + 1;
  }
}

void hdx_url_mend(struct hdx_buffer *out, struct hdx_text text, const char *also) {
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    bool broken = c == '%' && !(text.size - i > 2 && hex(text.data[i + 1]) >= 0 && hex(text.data[i + 2]) >= 0);
    if (broken || c <= ' ' || c == 0x7f || (unsigned char)c >= 0x80 || among(c, "\"<>\\^`{|}") || among(c, also))
      encode_byte(out, c);
    else
      hdx_buffer_append_byte(out, c);
  }
}

bool hdx_url_decode(struct hdx_buffer *out, struct hdx_text text) {
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] != '%') {
      hdx_buffer_append_byte(out, text.data[i]);
      continue;
    }
    int high = text.size - i > 2 ? hex(text.data[i + 1]) : -1, low = high >= 0 ? hex(text.data[i + 2]) : -1;
    if (low < 0)
      return false;
    hdx_buffer_append_byte(out, (char)(high << 4 | low));
    i += 2;
  }
  return true;
}

bool hdx_url_bucket_name(struct hdx_text name) {
  bool ipv4 = true;
  unsigned dots = 0;
  if (name.size < 3 || name.size > 63)
    return false;
  for (size_t i = 0; i < name.size; i++) {
    char c = name.data[i];
    bool plain = (c >= 'a' && c <= 'z') || digit(c);
    if (!plain && (i == 0 || i == name.size - 1 || (c != '.' && c != '-') || (c == '.' && name.data[i - 1] == '.')))
      return false;
    ipv4 &= digit(c) || c == '.';
    dots += c == '.';
  }
  return !(ipv4 && dots == 3);
}

static bool link_local_ipv4(uint32_t address) {
  return address >> 16 == 0xa9fe; /* 169.254.0.0/16, RFC 3927 */
}

static bool link_local_ipv6(const unsigned char *b) {
  static const unsigned char nat64[12] = {0, 0x64, 0xff, 0x9b}, zero[10];
  uint32_t tail = (uint32_t)b[12] << 24 | (uint32_t)b[13] << 16 | (uint32_t)b[14] << 8 | b[15];
  bool mapped = memcmp(b, zero, 10) == 0 && ((b[10] == 0xff && b[11] == 0xff) || (b[10] == 0 && b[11] == 0));
  if (mapped || memcmp(b, nat64, 12) == 0)
    return link_local_ipv4(tail);
  if (b[0] == 0x20 && b[1] == 0x02) /* 6to4: the IPv4 address is bytes 2 to 5 */
    return link_local_ipv4((uint32_t)b[2] << 24 | (uint32_t)b[3] << 16 | (uint32_t)b[4] << 8 | b[5]);
  /* fe80::/10, RFC 4291; fd00:ec2::/32 is where EC2 serves instance credentials over IPv6 */
  return (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) || (b[0] == 0xfd && b[1] == 0 && b[2] == 0x0e && b[3] == 0xc2);
}

bool hdx_url_link_local(struct hdx_text host) {
  char name[HOST_BYTES_MAX + 1];
  unsigned char address[16];
  struct in_addr ipv4;
  if (read_ipv6(host, address))
    return link_local_ipv6(address);
  while (host.size && host.data[host.size - 1] == '.')
    host.size--;
  if (host.size > HOST_BYTES_MAX)
    return false;
  if (host.size)
    memcpy(name, host.data, host.size);
  name[host.size] = 0;
  return inet_aton(name, &ipv4) != 0 && link_local_ipv4(ntohl(ipv4.s_addr));
}
