/* From what the user named to where bytes are fetched.
 *
 *   BUCKET        location              fetched from
 *   s3://b/       s3://b/K              https://b.s3.REGION.amazonaws.com/K, or ENDPOINT/b/K
 *   s3://b/       s3://own/K            https://own.s3.amazonaws.com/K, or ENDPOINT/own/K
 *   http://h/d/   s3://own/PREFIX/K     http://h/d/K       (own and PREFIX as the catalog's endpoint has them)
 *   file:///d/    s3://own/PREFIX/K     file:///d/K
 *   any           s3://other/K          https://other.s3.amazonaws.com/K
 *   any           http(s)://…           as written
 *
 * Keys of a copy are kept from climbing: a component "." or ".." would be resolved on the way (by a web server or the
 * file system) into another key, so such a key is refused. At an S3 server it is a key like any other, sent as it is.
 */
#include "catalog/source.h"

#include "base/error.h"

#include <assert.h>
#include <stdio.h>

enum {
  COMPONENT_BYTES_MAX = 255, /* of a file name on all usual file systems */
  WORK_BYTES_MAX = 8 * HDX_URL_BYTES_MAX
};

__attribute__((format(printf, 4, 5))) static enum hdx_status refuse(struct hdx_error *error, enum hdx_status status,
                                                                    struct hdx_text text, const char *format, ...) {
  char quoted[200], reason[256];
  va_list args;
  va_start(args, format);
  vsnprintf(reason, sizeof reason, format, args);
  va_end(args);
  return hdx_error_set(error, status, "%s: %s", hdx_url_quote(text, quoted, sizeof quoted), reason);
}

static bool contains(struct hdx_text text, const char *part) {
  return text.size && memmem(text.data, text.size, part, strlen(part)) != NULL;
}

enum hdx_bucket_kind hdx_bucket_kind(struct hdx_text bucket) {
  if (contains(bucket, "://"))
    return HDX_BUCKET_URL;
  return hdx_url_bucket_name(bucket) ? HDX_BUCKET_NAME : HDX_BUCKET_REGISTRY;
}

/* Cuts the first component off. */
static struct hdx_text component(struct hdx_text *path) {
  const char *slash = path->size ? memchr(path->data, '/', path->size) : NULL;
  size_t size = slash ? (size_t)(slash - path->data) : path->size;
  struct hdx_text first = {path->data, size};
  *path = hdx_text_sub(*path, size + (slash != NULL), path->size);
  return first;
}

/* How many dots the component is made of (1 or 2), percent-encoded ones too if it is `encoded`; 0 if it is anything
 * else. */
static unsigned dots(struct hdx_text part, bool encoded) {
  unsigned count = 0;
  while (part.size) {
    size_t size = part.data[0] == '.' ? 1 : 3;
    if (size == 3 &&
        (!encoded || part.size < 3 || !hdx_text_equal_nocase((struct hdx_text){part.data, 3}, HDX_TEXT("%2e"))))
      return 0;
    part = hdx_text_sub(part, size, part.size);
    count++;
  }
  return count <= 2 ? count : 0;
}

static bool climbs(struct hdx_text path, bool encoded) {
  while (path.size)
    if (dots(component(&path), encoded))
      return true;
  return false;
}

/* A path that may become one of a file: what must not be there even in percent-encoding. */
static enum hdx_status check_path(struct hdx_text location, struct hdx_text path, struct hdx_error *error) {
  if (climbs(path, true))
    return refuse(error, HDX_DENIED, location, "a component . or .. could lead outside of what was named");
  for (size_t i = 0; i + 2 < path.size; i++)
    if (path.data[i] == '%' && (path.data[i + 1] == '0' || path.data[i + 1] == '1'))
      return refuse(error, HDX_DENIED, location, "a control byte could lead outside of what was named");
  /* An encoded slash becomes one on the way and may stand beside dots. */
  for (size_t i = 0; i + 2 < path.size; i++)
    if (path.data[i] == '%' && path.data[i + 1] == '2' && (path.data[i + 2] | 0x20) == 'f')
      return refuse(error, HDX_DENIED, location, "an encoded slash could lead outside of what was named");
  return HDX_OK;
}

static struct hdx_text without_slashes(struct hdx_text path) {
  while (path.size && path.data[path.size - 1] == '/')
    path.size--;
  return path;
}

/* Without a file name catalog.json and slashes at its end; "catalog.json/" is a folder. */
static struct hdx_text folder_of(struct hdx_text path) {
  struct hdx_text name = HDX_TEXT("catalog.json");
  if (hdx_text_ends_with(path, name) && (path.size == name.size || path.data[path.size - name.size - 1] == '/'))
    path.size -= name.size;
  return without_slashes(path);
}

static void append_lower(struct hdx_buffer *out, struct hdx_text text) {
  for (size_t i = 0; i < text.size; i++)
    hdx_buffer_append_byte(out,
                           (char)(text.data[i] >= 'A' && text.data[i] <= 'Z' ? text.data[i] | 0x20 : text.data[i]));
}

/* Appends scheme, host and port: lower case, no default port. */
static void append_authority(struct hdx_buffer *out, const struct hdx_url *url) {
  hdx_buffer_append_format(out, "%s://", hdx_url_scheme_name(url->scheme));
  append_lower(out, url->host);
  struct hdx_text port = url->port;
  while (port.size && port.data[0] == '0')
    port = hdx_text_sub(port, 1, port.size);
  if (port.size && !hdx_text_is(port, url->scheme == HDX_SCHEME_HTTP ? "80" : "443"))
    hdx_buffer_append_format(out, ":%.*s", HDX_TEXT_ARG(port));
}

/* Appends the path of an http or file URL with its dots resolved (RFC 3986, 5.2.4), without a slash at the end. */
static void append_path(struct hdx_buffer *out, const struct hdx_url *url) {
  struct hdx_text path = folder_of(url->path);
  size_t begin = out->size;
  if (path.size)
    component(&path); /* nothing: the path begins with a slash */
  while (path.size && out->status == HDX_OK) {
    struct hdx_text part = component(&path);
    unsigned up = dots(part, true);
    if (up == 0) {
      hdx_buffer_append_byte(out, '/');
      hdx_url_mend(out, part, "?#");
    }
    while (up == 2 && out->size > begin && out->data[--out->size] != '/')
      continue;
  }
  while (out->size > begin && out->data[out->size - 1] == '/')
    out->size--;
}

/* FNV-1a, 64 bits. */
static uint64_t hash(struct hdx_text text) {
  uint64_t sum = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < text.size; i++)
    sum = (sum ^ (unsigned char)text.data[i]) * UINT64_C(0x100000001b3);
  return sum;
}

/* Appends text as the name of one folder. A name that is too long is cut and ends with "=" and a hash; percent-encoding
 * leaves no "=", so that it is never another text's name. */
static void append_component(struct hdx_buffer *out, struct hdx_text text) {
  size_t begin = out->size, keep = COMPONENT_BYTES_MAX - 17;
  hdx_url_encode(out, text, false);
  if (out->status != HDX_OK || out->size - begin <= COMPONENT_BYTES_MAX)
    return;
  for (size_t back = 1; back <= 2; back++)
    if (out->data[begin + keep - back] == '%') {
      keep -= back;
      break;
    }
  out->size = begin + keep;
  hdx_buffer_append_format(out, "=%016llx", (unsigned long long)hash(text));
}

/* Copies what is in the buffer to the arena. */
static struct hdx_text keep(struct hdx_buffer *work, struct hdx_arena *arena) {
  return work->status == HDX_OK ? hdx_arena_copy(arena, hdx_buffer_text(work)) : (struct hdx_text){NULL, 0};
}

/* Scheme, host, port and path of an endpoint or BUCKET of http; into the source's authority, url or endpoint. */
static enum hdx_status check_http(struct hdx_text text, const struct hdx_url *url, struct hdx_error *error) {
  if (url->query.size)
    return refuse(error, HDX_USAGE, text, "expected a URL without a query");
  return HDX_OK;
}

static enum hdx_status init_endpoint(struct hdx_source *source, struct hdx_text text, struct hdx_buffer *work,
                                     struct hdx_arena *arena, struct hdx_error *error) {
  struct hdx_url url;
  enum hdx_status status = hdx_url_parse(text, &url, error);
  if (status == HDX_OK && url.scheme != HDX_SCHEME_HTTP && url.scheme != HDX_SCHEME_HTTPS)
    status = refuse(error, HDX_USAGE, text, "expected an endpoint that begins with http:// or https://");
  if (status == HDX_OK)
    status = check_http(text, &url, error);
  if (status != HDX_OK)
    return hdx_error_context(error, status, "endpoint");
  hdx_buffer_clear(work);
  append_authority(work, &url);
  append_path(work, &url);
  source->endpoint = keep(work, arena);
  return source->endpoint.data ? HDX_OK : hdx_error_memory(error, work->size);
}

static enum hdx_status init_maps(const struct hdx_map *maps, size_t count, struct hdx_error *error) {
  for (size_t i = 0; i < count; i++) {
    struct hdx_text from = hdx_text_of(maps[i].from), to = hdx_text_of(maps[i].to);
    struct hdx_url url;
    enum hdx_status status = hdx_url_parse(from, &url, error);
    if (status == HDX_OK)
      status = hdx_url_parse(to, &url, error);
    if (status == HDX_OK)
      status = check_http(to, &url, error);
    if (status == HDX_OK && climbs(url.path, url.scheme != HDX_SCHEME_S3))
      status = refuse(error, HDX_USAGE, to, "expected a URL without components . and ..");
    if (status != HDX_OK)
      return hdx_error_context(error, status, "map");
  }
  return HDX_OK;
}

/* The canonical URL, the authority and the folder of the parsed BUCKET. */
static enum hdx_status init_names(struct hdx_source *source, const struct hdx_url *url, struct hdx_buffer *work,
                                  struct hdx_arena *arena, struct hdx_error *error) {
  hdx_buffer_clear(work);
  size_t authority = 0;
  struct hdx_text prefix = folder_of(url->path);
  if (url->scheme == HDX_SCHEME_S3) {
    hdx_buffer_append_format(work, "s3://%.*s", HDX_TEXT_ARG(url->host));
    if (prefix.size)
      hdx_buffer_append_format(work, "/%.*s", HDX_TEXT_ARG(prefix));
    authority = strlen("s3://");
    source->authority = source->endpoint.size ? source->endpoint : HDX_TEXT("aws");
  } else {
    append_authority(work, url);
    authority = work->size;
    source->authority = keep(work, arena);
    append_path(work, url);
  }
  /* The slash keeps the folder of a path apart from that of a bucket at an endpoint of the same authority. */
  hdx_buffer_append_byte(work, '/');
  source->url = source->identity = keep(work, arena);
  if (!source->url.data || !source->authority.data)
    return hdx_error_memory(error, work->size);
  if (url->scheme == HDX_SCHEME_S3 && source->endpoint.size) {
    hdx_buffer_clear(work);
    hdx_buffer_append_text(work, source->endpoint);
    hdx_buffer_append_text(work, hdx_text_sub(source->url, strlen("s3:/"), source->url.size));
    source->identity = keep(work, arena);
    if (!source->identity.data)
      return hdx_error_memory(error, work->size);
  }
  size_t end = source->url.size - 1;
  struct hdx_text rest = hdx_text_sub(source->url, authority, end > authority ? end : source->url.size);
  hdx_buffer_clear(work);
  append_component(work, source->authority);
  hdx_buffer_append_byte(work, '/');
  append_component(work, rest);
  source->folder = keep(work, arena);
  return source->folder.data ? HDX_OK : hdx_error_memory(error, work->size);
}

static enum hdx_status init(struct hdx_source *source, struct hdx_text bucket, const char *endpoint_url,
                            struct hdx_buffer *work, struct hdx_arena *arena, struct hdx_error *error) {
  struct hdx_url url;
  enum hdx_bucket_kind kind = hdx_bucket_kind(bucket);
  if (kind == HDX_BUCKET_REGISTRY)
    return refuse(error, HDX_USAGE, bucket, "expected a URL or the name of an S3 bucket");
  if (kind == HDX_BUCKET_NAME) {
    hdx_buffer_append_format(work, "s3://%.*s/", HDX_TEXT_ARG(bucket));
    bucket = keep(work, arena);
    if (!bucket.data)
      return hdx_error_memory(error, work->size);
  }
  enum hdx_status status = hdx_url_parse(bucket, &url, error);
  if (status == HDX_OK)
    status = check_http(bucket, &url, error);
  if (status == HDX_OK && url.scheme == HDX_SCHEME_S3 && climbs(url.path, false))
    status = refuse(error, HDX_USAGE, bucket, "expected a prefix without components . and ..");
  if (status == HDX_OK && endpoint_url && *endpoint_url)
    status = init_endpoint(source, hdx_text_of(endpoint_url), work, arena, error);
  source->scheme = url.scheme;
  return status == HDX_OK ? init_names(source, &url, work, arena, error) : status;
}

enum hdx_status hdx_source_init(struct hdx_source *source, struct hdx_text bucket,
                                const struct hdx_source_options *options, struct hdx_arena *arena,
                                struct hdx_error *error) {
  const char *endpoint = options->endpoint_url;
  bool google = options->google && !(endpoint && *endpoint);
  *source = (struct hdx_source){.maps = options->maps,
                                .map_count = options->map_count,
                                .addressing = options->addressing,
                                .dualstack = options->dualstack,
                                .google = google};
  source->own_bucket = source->own_prefix = source->endpoint = HDX_TEXT("");
  struct hdx_buffer work;
  hdx_buffer_init(&work, WORK_BYTES_MAX);
  if (!hdx_s3_region(options->region))
    return refuse(error, HDX_USAGE, options->region, "expected a region of letters, digits and dashes (us-east-1)");
  append_lower(&work, options->region);
  source->region = keep(&work, arena);
  hdx_buffer_clear(&work);
  enum hdx_status status = source->region.data ? init_maps(options->maps, options->map_count, error)
                                               : hdx_error_memory(error, options->region.size);
  if (status == HDX_OK)
    status = init(source, bucket, google ? HDX_S3_GOOGLE_ENDPOINT : endpoint, &work, arena, error);
  hdx_buffer_deinit(&work);
  return status;
}

enum hdx_status hdx_source_adopt(struct hdx_source *source, struct hdx_text endpoint, struct hdx_text own_bucket,
                                 struct hdx_arena *arena, struct hdx_error *error) {
  struct hdx_url url;
  struct hdx_text prefix = HDX_TEXT("");
  if (hdx_url_parse(endpoint, &url, NULL) == HDX_OK && url.scheme == HDX_SCHEME_S3 &&
      (own_bucket.size == 0 || hdx_text_equal(url.host, own_bucket))) {
    own_bucket = url.host;
    prefix = folder_of(url.path);
  }
  char *copy = hdx_arena_bytes(arena, prefix.size + 1);
  source->own_bucket = hdx_arena_copy(arena, own_bucket);
  if (!copy || !source->own_bucket.data)
    return hdx_error_memory(error, own_bucket.size + prefix.size + 2);
  memcpy(copy, prefix.data, prefix.size);
  copy[prefix.size] = '/';
  source->own_prefix = (struct hdx_text){copy, prefix.size ? prefix.size + 1 : 0};
  return HDX_OK;
}

/* The bucket of an s3:// source; empty for others. */
static struct hdx_text named_bucket(const struct hdx_source *source) {
  struct hdx_text rest = hdx_text_sub(source->url, strlen("s3://"), source->url.size);
  return source->scheme == HDX_SCHEME_S3 ? component(&rest) : HDX_TEXT("");
}

void hdx_address_init(struct hdx_address *address) {
  *address = (struct hdx_address){.place = {.bucket = HDX_TEXT("")}};
  hdx_buffer_init(&address->url, WORK_BYTES_MAX);
  hdx_buffer_init(&address->object, WORK_BYTES_MAX);
}

void hdx_address_deinit(struct hdx_address *address) {
  hdx_buffer_deinit(&address->url);
  hdx_buffer_deinit(&address->object);
}

struct hdx_text hdx_address_key(const struct hdx_address *address) {
  return hdx_text_sub(hdx_buffer_text(&address->object), address->place.bucket.size, address->object.size);
}

bool hdx_address_climbs(const struct hdx_address *address) {
  return address->object.size && climbs(hdx_address_key(address), false);
}

/* An object at an S3 server. The bucket that was named is read from the source's endpoint, as is the catalog's own. */
static void locate_object(const struct hdx_source *source, struct hdx_text bucket, struct hdx_text key, bool own,
                          struct hdx_address *address) {
  bool named = hdx_text_equal(bucket, named_bucket(source)), here = own || named;
  struct hdx_s3_place *place = &address->place;
  hdx_buffer_append_text(&address->object, bucket);
  hdx_buffer_append_text(&address->object, key);
  bool whole = address->object.status == HDX_OK; /* otherwise the address fails as a whole */
  *place = (struct hdx_s3_place){.bucket = whole ? hdx_text_sub(hdx_buffer_text(&address->object), 0, bucket.size)
                                                 : HDX_TEXT(""),
                                 .region = named ? source->region : HDX_TEXT(""),
                                 .endpoint = here ? source->endpoint : HDX_TEXT(""),
                                 .addressing = source->addressing,
                                 .dualstack = source->dualstack,
                                 .trust = HDX_S3_TRUST_FULL};
  if (source->google)
    place->trust = here ? HDX_S3_TRUST_ASKED : HDX_S3_TRUST_FULL;
  else if (source->endpoint.size && !here)
    place->trust = HDX_S3_TRUST_NONE;
  hdx_s3_append_base(place, &address->url);
  hdx_url_encode(&address->url, key, true);
}

static enum hdx_status locate_s3(const struct hdx_source *source, struct hdx_text location, struct hdx_text bucket,
                                 struct hdx_text key, struct hdx_address *address, struct hdx_error *error) {
  bool own = source->own_bucket.size && hdx_text_equal(bucket, source->own_bucket);
  if (!own || source->scheme == HDX_SCHEME_S3) {
    locate_object(source, bucket, key, own && source->scheme == HDX_SCHEME_S3, address);
    return HDX_OK;
  }
  if (climbs(key, false))
    return refuse(error, HDX_DENIED, location, "a component . or .. could lead outside of what was named");
  if (hdx_text_starts_with(key, source->own_prefix))
    key = hdx_text_sub(key, source->own_prefix.size, key.size);
  hdx_buffer_append_text(&address->url, source->url);
  hdx_url_encode(&address->url, key, true);
  return HDX_OK;
}

enum hdx_status hdx_source_allowed(bool remote, struct hdx_text location, struct hdx_error *error) {
  struct hdx_url parsed;
  enum hdx_status status = hdx_url_parse_location(location, &parsed, error);
  if (status != HDX_OK || !remote)
    return status;
  if (parsed.scheme == HDX_SCHEME_FILE)
    return refuse(error, HDX_DENIED, location, "a remote document may not name a file:// address");
  if (parsed.scheme != HDX_SCHEME_S3 && hdx_url_link_local(parsed.host))
    return refuse(error, HDX_DENIED, location, "a remote document may not name a link-local address");
  return HDX_OK;
}

static enum hdx_status locate_file(struct hdx_text location, struct hdx_text path, struct hdx_address *address,
                                   struct hdx_error *error) {
  enum hdx_status status = check_path(location, path, error);
  if (status != HDX_OK)
    return status;
  hdx_buffer_append_text(&address->url, HDX_TEXT("file://"));
  hdx_url_mend(&address->url, path, "?#");
  return HDX_OK;
}

/* The map with the longest `from` that the location is or lies below; NULL if there is none. */
static const struct hdx_map *find_map(const struct hdx_source *source, struct hdx_text location,
                                      struct hdx_text *rest) {
  const struct hdx_map *best = NULL;
  size_t longest = 0;
  for (size_t i = 0; i < source->map_count; i++) {
    struct hdx_text from = without_slashes(hdx_text_of(source->maps[i].from));
    bool match =
        hdx_text_starts_with(location, from) && (location.size == from.size || location.data[from.size] == '/');
    if (match && (!best || from.size > longest)) {
      best = &source->maps[i];
      longest = from.size;
    }
  }
  if (best)
    *rest = hdx_text_sub(location, longest + (location.size > longest), location.size);
  return best;
}

/* Sends `rest`, what is behind the map's `from`, below its `to`. */
static enum hdx_status locate_map(const struct hdx_source *source, struct hdx_text location, const struct hdx_url *from,
                                  const struct hdx_map *map, struct hdx_text rest, struct hdx_address *address,
                                  struct hdx_error *error) {
  struct hdx_url to;
  enum hdx_status status = hdx_url_parse(hdx_text_of(map->to), &to, error);
  assert(status == HDX_OK); /* it was looked at in the beginning */
  struct hdx_buffer key, work;
  hdx_buffer_init(&key, WORK_BYTES_MAX);
  hdx_buffer_init(&work, WORK_BYTES_MAX);
  /* An s3:// location is a key as it is; others are percent-encoded, and only their path is sent on. */
  if (from->scheme != HDX_SCHEME_S3) {
    const char *end = from->path.data + from->path.size;
    rest.size = end > rest.data ? (size_t)(end - rest.data) : 0;
    while (rest.size && rest.data[0] == '/')
      rest = hdx_text_sub(rest, 1, rest.size);
    status = check_path(location, rest, error);
  }
  if (status == HDX_OK && to.scheme == HDX_SCHEME_S3) {
    struct hdx_text prefix = without_slashes(to.path);
    hdx_buffer_append_text(&key, prefix);
    hdx_buffer_append(&key, "/", prefix.size > 0);
    if (from->scheme == HDX_SCHEME_S3)
      hdx_buffer_append_text(&key, rest);
    else if (!hdx_url_decode(&key, rest))
      status = refuse(error, HDX_USAGE, location, "a %% without two hexadecimal digits");
    if (status == HDX_OK)
      status = locate_s3(source, location, to.host, hdx_buffer_text(&key), address, error);
  } else if (status == HDX_OK) {
    if (from->scheme == HDX_SCHEME_S3)
      hdx_url_encode(&key, rest, true);
    else
      hdx_url_mend(&key, rest, "?#");
    if (climbs(hdx_buffer_text(&key), true))
      status = refuse(error, HDX_DENIED, location, "a component . or .. could lead outside of what was named");
    append_authority(&work, &to);
    append_path(&work, &to);
    hdx_buffer_append_byte(&work, '/');
    hdx_buffer_append_buffer(&work, &key);
    if (status == HDX_OK)
      hdx_buffer_append_buffer(&address->url, &work);
  }
  if (status == HDX_OK && (key.status != HDX_OK || work.status != HDX_OK))
    status = hdx_buffer_status(key.status != HDX_OK ? &key : &work, "URL", error);
  hdx_buffer_deinit(&key);
  hdx_buffer_deinit(&work);
  return status;
}

void hdx_source_join(struct hdx_text base, struct hdx_text key, struct hdx_buffer *location) {
  if (hdx_url_like(key)) {
    hdx_buffer_append_text(location, key);
    return;
  }
  bool slash = base.size && base.data[base.size - 1] == '/', again = key.size && key.data[0] == '/';
  hdx_buffer_append_text(location, base);
  hdx_buffer_append(location, "/", !slash && !again);
  hdx_buffer_append_text(location, hdx_text_sub(key, slash && again, key.size));
}

/* A location that is a URL. */
static enum hdx_status locate(const struct hdx_source *source, struct hdx_text location, bool trusted,
                              struct hdx_address *address, struct hdx_error *error) {
  struct hdx_url parsed;
  struct hdx_text rest;
  enum hdx_status status = hdx_url_parse_location(location, &parsed, error);
  if (status != HDX_OK)
    return status;
  const struct hdx_map *map = find_map(source, location, &rest);
  if (map)
    return locate_map(source, location, &parsed, map, rest, address, error);
  status = hdx_source_allowed(!trusted && source->scheme != HDX_SCHEME_FILE, location, error);
  if (status != HDX_OK)
    return status;
  if (parsed.scheme == HDX_SCHEME_S3)
    return locate_s3(source, location, parsed.host, parsed.path, address, error);
  if (parsed.scheme == HDX_SCHEME_FILE)
    return locate_file(location, parsed.path, address, error);
  hdx_url_mend(&address->url, location, "");
  return HDX_OK;
}

enum hdx_status hdx_source_locate(const struct hdx_source *source, struct hdx_text location, struct hdx_text base,
                                  bool trusted, struct hdx_address *address, struct hdx_error *error) {
  struct hdx_buffer whole;
  enum hdx_status status;
  hdx_buffer_clear(&address->url);
  hdx_buffer_clear(&address->object);
  address->place = (struct hdx_s3_place){.bucket = HDX_TEXT("")};
  if (hdx_url_like(location)) {
    status = locate(source, location, trusted, address, error);
  } else if (base.size == 0 || location.size == 0) {
    return refuse(error, HDX_USAGE, location, "expected a URL, or a key where the bucket of the index is known");
  } else {
    hdx_buffer_init(&whole, WORK_BYTES_MAX);
    hdx_source_join(base, location, &whole);
    status = hdx_buffer_status(&whole, "location", error);
    if (status == HDX_OK)
      status = locate(source, hdx_buffer_text(&whole), trusted, address, error);
    hdx_buffer_deinit(&whole);
  }
  if (status == HDX_OK)
    status = hdx_buffer_status(&address->object, "location", error);
  if (status == HDX_OK)
    status = hdx_buffer_status(&address->url, "URL", error);
  if (status == HDX_OK && address->url.size > HDX_URL_BYTES_MAX)
    return refuse(error, HDX_USAGE, location, "as a URL, with its escapes, it would be too long");
  return status;
}
