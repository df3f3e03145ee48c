/* Where the files of a list are fetched from, what they are called, and what they are checked by. */
#include "job/files.h"

#include "base/error.h"
#include "codec/checksum.h"

#include <stdlib.h>

enum { UNREAD_BYTES = 140, UNREAD_TOLD = 10 };

static bool has_scheme(struct hdx_text location, struct hdx_text scheme) {
  return location.size >= scheme.size && hdx_text_equal_nocase(hdx_text_sub(location, 0, scheme.size), scheme);
}

static bool is_google(struct hdx_text location) {
  return has_scheme(location, HDX_TEXT("gs://"));
}

/* Takes a location apart. A gs:// one is a bucket and a key as one of S3 is. */
static enum hdx_status parse(struct hdx_text location, struct hdx_url *url, struct hdx_error *error) {
  if (!is_google(location) || location.size > HDX_URL_BYTES_MAX)
    return hdx_url_parse_location(location, url, error);
  char copy[HDX_URL_BYTES_MAX];
  memcpy(copy, location.data, location.size);
  copy[0] = 's';
  copy[1] = '3';
  enum hdx_status status = hdx_url_parse_location((struct hdx_text){copy, location.size}, url, error);
  if (status != HDX_OK)
    return status;
  url->host.data = location.data + (url->host.data - copy);
  url->path.data = location.data + (url->path.data - copy);
  url->port = url->query = HDX_TEXT("");
  return HDX_OK;
}

static enum hdx_status no_file(struct hdx_text location, struct hdx_error *error) {
  char quoted[200];
  return hdx_error_set(error, HDX_USAGE, "%s: names no file", hdx_url_quote(location, quoted, sizeof quoted));
}

static bool names_file(const struct hdx_url *url) {
  if (url->scheme == HDX_SCHEME_S3)
    return url->path.size > 0;
  if (url->scheme == HDX_SCHEME_FILE)
    return url->path.data[url->path.size - 1] != '/';
  return url->path.size > 1;
}

enum hdx_status hdx_files_check(struct hdx_files *files, struct hdx_text location, struct hdx_error *error) {
  struct hdx_url url;
  struct hdx_text checked = {files->checked, files->checked_size};
  if (checked.size && location.size > checked.size && location.size <= HDX_URL_BYTES_MAX &&
      hdx_text_starts_with(location, checked))
    return HDX_OK;
  enum hdx_status status = parse(location, &url, error);
  if (status == HDX_OK && !names_file(&url))
    status = no_file(location, error);
  if (status == HDX_OK && url.scheme != HDX_SCHEME_S3)
    status = hdx_source_allowed(files->remote, location, error);
  if (status != HDX_OK || url.scheme != HDX_SCHEME_S3)
    return status;
  files->checked_size = (size_t)(url.path.data - location.data);
  memcpy(files->checked, location.data, files->checked_size);
  return HDX_OK;
}

/* ---- targets ---- */

static enum hdx_status add_bucket(struct hdx_files *files, struct hdx_text url, const struct hdx_source **source,
                                  struct hdx_error *error) {
  if (!files->buckets && !(files->buckets = calloc(HDX_FILES_BUCKETS_MAX, sizeof *files->buckets)))
    return hdx_error_memory(error, HDX_FILES_BUCKETS_MAX * sizeof *files->buckets);
  if (files->bucket_count == HDX_FILES_BUCKETS_MAX) {
    hdx_arena_clear(&files->bucket_arena);
    files->bucket_count = 0;
  }
  struct hdx_files_bucket *bucket = &files->buckets[files->bucket_count];
  bucket->url = hdx_arena_copy(&files->bucket_arena, url);
  if (!bucket->url.data)
    return hdx_error_memory(error, url.size);
  enum hdx_status status =
      hdx_session_source(files->session, bucket->url.data, &files->bucket_arena, &bucket->source, error);
  if (status != HDX_OK)
    return status;
  files->bucket_count++;
  *source = &bucket->source;
  return HDX_OK;
}

/* The source of the bucket that a location is in. */
static enum hdx_status find_bucket(struct hdx_files *files, struct hdx_text location, const struct hdx_source **source,
                                   struct hdx_error *error) {
  struct hdx_url url;
  enum hdx_status status = parse(location, &url, error);
  if (status == HDX_OK && url.path.size == 0)
    status = no_file(location, error);
  if (status != HDX_OK)
    return status;
  struct hdx_text bucket = {location.data, (size_t)(url.path.data - location.data)};
  for (size_t i = 0; i < files->bucket_count; i++)
    if (hdx_text_equal(files->buckets[i].url, bucket)) {
      *source = &files->buckets[i].source;
      return HDX_OK;
    }
  return add_bucket(files, bucket, source, error);
}

enum hdx_status hdx_files_target(struct hdx_files *files, const struct hdx_file *file, struct hdx_target *target,
                                 struct hdx_error *error) {
  const struct hdx_config *config = &files->session->config;
  /* Of a location that names a server there is nothing to be known but the maps. */
  struct hdx_source plain = {.url = HDX_TEXT(""),
                             .scheme = HDX_SCHEME_FILE,
                             .endpoint = HDX_TEXT(""),
                             .region = HDX_TEXT(""),
                             .own_bucket = HDX_TEXT(""),
                             .own_prefix = HDX_TEXT(""),
                             .maps = config->maps,
                             .map_count = config->map_count};
  const struct hdx_source *source = files->source;
  struct hdx_text location = file->location;
  struct hdx_address address;
  struct hdx_buffer text;
  enum hdx_status status = HDX_OK;
  *target = (struct hdx_target){0};
  if (is_google(location) || (!source && has_scheme(location, HDX_TEXT("s3://"))))
    status = find_bucket(files, location, &source, error);
  else if (!source)
    source = &plain;
  hdx_address_init(&address);
  hdx_buffer_init(&text, HDX_URL_BYTES_MAX);
  if (status == HDX_OK && is_google(location)) { /* whose source is that of a bucket of S3 elsewhere */
    hdx_buffer_append_text(&text, HDX_TEXT("s3://"));
    hdx_buffer_append_text(&text, hdx_text_sub(location, strlen("gs://"), location.size));
    status = hdx_buffer_status(&text, "location", error);
    location = hdx_buffer_text(&text);
  }
  if (status == HDX_OK)
    status = hdx_source_locate(source, location, HDX_TEXT(""), !files->remote, &address, error);
  if (status == HDX_OK)
    status = hdx_session_target(files->session, &address, target, error);
  hdx_buffer_deinit(&text);
  hdx_address_deinit(&address);
  return status;
}

/* ---- names, digests ---- */

enum hdx_status hdx_file_names(struct hdx_text location, struct hdx_buffer *text, struct hdx_text *bucket,
                               struct hdx_text *key, struct hdx_error *error) {
  struct hdx_url url;
  struct hdx_buffer mended;
  hdx_buffer_clear(text);
  enum hdx_status status = parse(location, &url, error);
  if (status == HDX_OK && !names_file(&url))
    status = no_file(location, error);
  if (status != HDX_OK)
    return status;
  *bucket = url.host;
  *key = url.path;
  if (url.scheme == HDX_SCHEME_S3)
    return HDX_OK;
  if (url.scheme != HDX_SCHEME_FILE)
    *bucket = hdx_url_authority(&url);
  hdx_buffer_init(&mended, 4 * HDX_URL_BYTES_MAX);
  hdx_url_mend(&mended, hdx_text_sub(url.path, 1, url.path.size), ""); /* as it is fetched */
  hdx_url_decode(text, hdx_buffer_text(&mended));
  status = hdx_buffer_status(mended.status != HDX_OK ? &mended : text, "location", error);
  hdx_buffer_deinit(&mended);
  *key = hdx_buffer_text(text);
  return status;
}

void hdx_file_digest(const struct hdx_file *file, struct hdx_digest *digest) {
  enum hdx_check check;
  *digest = (struct hdx_digest){.check = HDX_CHECK_SIZE};
  if (!file->checksum.size || !hdx_check_of_name(file->checksum_algorithm, &check) || check == HDX_CHECK_SIZE)
    return;
  if (!hdx_digest_read(check, file->checksum, digest))
    *digest = (struct hdx_digest){.check = HDX_CHECK_SIZE};
}

static struct hdx_text shortened(struct hdx_text text) {
  return hdx_text_sub(text, 0, text.size < UNREAD_BYTES ? text.size : UNREAD_BYTES);
}

void hdx_files_tell_unread(struct hdx_files *files, const struct hdx_file *file) {
  struct hdx_text checksum = shortened(file->checksum), algorithm = shortened(file->checksum_algorithm);
  struct hdx_digest digest;
  hdx_file_digest(file, &digest);
  if (!file->checksum.size || digest.check != HDX_CHECK_SIZE)
    return;
  struct hdx_text location = hdx_url_shown(file->location);
  algorithm = algorithm.size ? algorithm : HDX_TEXT("of no algorithm");
  hdx_log_write(&files->session->log, files->unread_count++ < UNREAD_TOLD ? HDX_LOG_WARNING : HDX_LOG_INFO,
                "%.*s: its checksum \"%.*s\" (%.*s) cannot be read, and is not checked", HDX_TEXT_ARG(location),
                HDX_TEXT_ARG(checksum), HDX_TEXT_ARG(algorithm));
}
