/* The bucket of a list: what keys without a scheme are relative to, and what locations are read through. */
#include "job/files.h"

#include <assert.h>
#include <string.h>

/* The bucket that a URL of S3 is in, up to the slash behind it, which a source's URL has. */
static struct hdx_text bucket_of(struct hdx_text url) {
  size_t from = strlen("s3://");
  const char *slash = memchr(url.data + from, '/', url.size - from);
  assert(slash);
  return hdx_text_sub(url, 0, (size_t)(slash - url.data) + 1);
}

/* Keys without a scheme are in the bucket that was named, or in that of which a copy was. A place without a catalog is
 * one that only files are fetched from. */
enum hdx_status hdx_files_name_bucket(struct hdx_files *files, const char *bucket, struct hdx_error *error) {
  const struct hdx_config *config = &files->session->config;
  struct hdx_source *source = hdx_arena_alloc(&files->arena, sizeof *source);
  if (!source)
    return hdx_error_memory(error, sizeof *source);
  enum hdx_status status = hdx_session_source(files->session, bucket, &files->arena, source, error);
  if (status != HDX_OK)
    return status;
  bool object = source->scheme == HDX_SCHEME_S3;
  files->source = source;
  files->remote = source->scheme != HDX_SCHEME_FILE;
  files->base = object ? bucket_of(source->url) : source->url;
  if (object && !config->endpoint_url && !config->map_count)
    return HDX_OK;
  status = hdx_catalog_open(files->session, bucket, false, &files->catalog, error);
  if (status == HDX_NOT_FOUND && !config->offline)
    return HDX_OK;
  if (status != HDX_OK)
    return object && config->offline ? HDX_OK : status;
  files->source = &files->catalog->source;
  if (object || !files->source->own_bucket.size)
    return HDX_OK;
  struct hdx_buffer *work = &files->work;
  hdx_buffer_clear(work);
  hdx_buffer_append_format(work, "s3://%.*s/", HDX_TEXT_ARG(files->source->own_bucket));
  files->base = hdx_arena_copy(&files->arena, hdx_buffer_text(work));
  return files->base.data ? HDX_OK : hdx_error_memory(error, work->size);
}

/* No more of it than tells that it is too long. */
static struct hdx_text cut(struct hdx_text text) {
  return hdx_text_sub(text, 0, text.size < HDX_URL_BYTES_MAX + 1 ? text.size : HDX_URL_BYTES_MAX + 1);
}

/* What may be told of a key or location that is refused. */
static struct hdx_text told(struct hdx_files *files, struct hdx_text location) {
  char quoted[400];
  if (hdx_url_has_user(location)) {
    struct hdx_text text = hdx_text_of(hdx_url_quote(location, quoted, sizeof quoted));
    hdx_buffer_clear(&files->work);
    hdx_buffer_append_text(&files->work, text);
    return hdx_buffer_text(&files->work);
  }
  return cut(location);
}

enum hdx_status hdx_files_locate(struct hdx_files *files, struct hdx_text base, struct hdx_file *file,
                                 struct hdx_error *error) {
  struct hdx_text key = file->location, location = key;
  bool joined = !hdx_url_like(key);
  enum hdx_status status = HDX_OK;
  if (joined) {
    hdx_buffer_clear(&files->work);
    hdx_source_join(base, cut(key), &files->work);
    status = hdx_buffer_status(&files->work, "location", error);
    location = hdx_buffer_text(&files->work);
  }
  if (status == HDX_OK && !key.size)
    status = hdx_error_set(error, HDX_USAGE, "it has no key");
  if (status == HDX_OK && joined && location.size > HDX_URL_BYTES_MAX)
    status = hdx_error_set(error, HDX_USAGE, "its key is too long");
  if (status == HDX_OK)
    status = hdx_files_check(files, location, error);
  if (status == HDX_OK && joined) {
    struct hdx_text kept = hdx_arena_copy(&files->locations, location);
    status = kept.data ? HDX_OK : hdx_error_memory(error, location.size);
    location = kept.data ? kept : location;
  }
  file->location = status == HDX_OK ? location : told(files, location);
  return status;
}
