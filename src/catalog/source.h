/* Where a bucket is: what BUCKET on the command line means, which URL a location in its catalog is fetched from, and
 * under which folder the store keeps it. Pure: the registry's answer is passed in.
 *
 * A source has one canonical URL (s3://bucket/prefix/, http://host/prefix/, file:///dir/). Locations of the catalog's
 * own bucket follow the copy that was named; other buckets go where they say; --map rules come before all. */
#ifndef HDX_CATALOG_SOURCE_H
#define HDX_CATALOG_SOURCE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/s3.h"
#include "base/url.h"

enum hdx_bucket_kind {
  HDX_BUCKET_URL,     /* contains "://" */
  HDX_BUCKET_NAME,    /* a legal S3 bucket name */
  HDX_BUCKET_REGISTRY /* anything else: a name to look up in the registry */
};

enum hdx_bucket_kind hdx_bucket_kind(struct hdx_text bucket);

struct hdx_source {
  struct hdx_text url;      /* canonical, ends with a slash */
  struct hdx_text identity; /* what a snapshot is stamped with: url, or of a bucket at an endpoint its path-style URL */
  struct hdx_text authority; /* "aws", or scheme, host and port of the endpoint or URL ("http://127.0.0.1:8080",
                                "file://") */
  struct hdx_text folder;    /* relative path below the store: percent-encoded authority and bucket-and-prefix, each one
                                path component; never absolute, never with . or .. */
  struct hdx_text region;    /* or empty */
  struct hdx_text endpoint;  /* of its own bucket, without a final slash; empty: AWS */
  enum hdx_addressing addressing;
  bool dualstack;
  bool google; /* the endpoint is Google's as the registry says so, not one that the user named */
  struct hdx_text own_bucket, own_prefix; /* of the catalog, once known (hdx_source_adopt); empty before */
  const struct hdx_map *maps;
  size_t map_count;
  enum hdx_scheme scheme;
};

struct hdx_source_options {
  struct hdx_text region;   /* or empty */
  const char *endpoint_url; /* that the user named; NULL or "": none */
  bool google;              /* without an endpoint_url: the bucket is Google's */
  enum hdx_addressing addressing;
  bool dualstack;
  const struct hdx_map *maps; /* must live as long as the source */
  size_t map_count;
};

/* Makes the source of a URL or bucket name (of a registry name: of the entry's endpoint). Texts are copied to the
 * arena. USAGE: no such URL or name. */
enum hdx_status hdx_source_init(struct hdx_source *source, struct hdx_text bucket,
                                const struct hdx_source_options *options, struct hdx_arena *arena,
                                struct hdx_error *error);

/* Tells the source what its catalog says of itself: the `endpoint` (or empty) and the bucket that is its own. */
enum hdx_status hdx_source_adopt(struct hdx_source *source, struct hdx_text endpoint, struct hdx_text own_bucket,
                                 struct hdx_arena *arena, struct hdx_error *error);

/* Appends a key as a location: as it is if it has a scheme, else below `base`, the bucket of its index. */
void hdx_source_join(struct hdx_text base, struct hdx_text key, struct hdx_buffer *location);

/* What a location is fetched from. */
struct hdx_address {
  struct hdx_buffer url;     /* http, https or file */
  struct hdx_buffer object;  /* of an object at an S3 server: bucket and key as they are, back to back; else empty */
  struct hdx_s3_place place; /* of an object at an S3 server: texts of the source, and the bucket in `object` */
};

void hdx_address_init(struct hdx_address *address);
void hdx_address_deinit(struct hdx_address *address);
/* The object's key; a view into the address. */
struct hdx_text hdx_address_key(const struct hdx_address *address);
/* Whether the key has a component . or .., which other programs than ours would resolve. */
bool hdx_address_climbs(const struct hdx_address *address);

/* Finds what a location is fetched from. `location` is the catalog's own address (source->url + file name, `trusted`),
 * or an index or data location as published; a data key without a scheme is relative to `base`, the bucket of its index
 * ("s3://b/" …; may be empty). Keys are percent-encoded as S3 wants them for s3:// locations; http(s) URLs stay as
 * written. DENIED: a remote catalog names a file:// or link-local address, or a component . or .. leads out of a copy
 * of the bucket; USAGE: not a location. The address is cleared first. */
enum hdx_status hdx_source_locate(const struct hdx_source *source, struct hdx_text location, struct hdx_text base,
                                  bool trusted, struct hdx_address *address, struct hdx_error *error);

/* The rule for what a document may name that came over the network (a registry's endpoints, a catalog's locations, a
 * redirect): if `remote`, neither file:// nor a link-local address (DENIED). USAGE: not a URL. */
enum hdx_status hdx_source_allowed(bool remote, struct hdx_text location, struct hdx_error *error);

#endif
