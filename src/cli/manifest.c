#include "cli/manifest.h"

#include "cli/values.h"

#include <stdio.h>
#include <stdlib.h>

void cli_manifest_init(struct cli_manifest *manifest, struct cli_writer *out, const struct cli_settings *settings) {
  *manifest = (struct cli_manifest){.out = out,
                                    .format = settings->format,
                                    .null = settings->null,
                                    .published = settings->url_style == CLI_URL_S3,
                                    .fetched = settings->url_style == CLI_URL_PRESIGNED ? HDX_LOCATION_PRESIGNED
                                                                                        : HDX_LOCATION_FETCHED};
}

void cli_manifest_deinit(struct cli_manifest *manifest) {
  free(manifest->place);
  free(manifest->text);
  free(manifest->last);
}

static enum hdx_status refuse(struct hdx_text key, const char *why, struct hdx_error *error) {
  return cli_fail(error, HDX_INTEGRITY, "the key '%.*s' is left out: %s", (int)(key.size < 512 ? key.size : 512),
                  key.data, why);
}

/* ---- what a key may be ---- */

static bool has_control(struct hdx_text text) {
  for (size_t i = 0; i < text.size; i++)
    if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
      return true;
  return false;
}

/* Whether a component is . or .., with any of the `slashes` between components. */
static bool climbs(struct hdx_text path, const char *slashes) {
  for (size_t from = 0, to; from <= path.size; from = to + 1) {
    to = from;
    while (to < path.size && !(path.data[to] && strchr(slashes, path.data[to])))
      to++;
    if ((to - from == 1 && path.data[from] == '.') ||
        (to - from == 2 && path.data[from] == '.' && path.data[from + 1] == '.'))
      return true;
  }
  return false;
}

static bool blank(char c) {
  return c == ' ' || c == '\t';
}

/* Why a path cannot be a destination below a folder; NULL: it can. */
static const char *wrong_path(struct hdx_text path, unsigned format) {
  if (path.size == 0)
    return "it names no file";
  if (has_control(path))
    return "it has control characters, which would break its line";
  if (path.data[0] == '/' || path.data[0] == '\\')
    return "it begins with a slash and would lead outside of the destination";
  if (path.data[path.size - 1] == '/')
    return "it ends with a slash: that is a folder";
  if (climbs(path, "/\\")) /* \ is a slash on some systems */
    return "a component . or .. could lead outside of the destination";
  if (format != CLI_FORMAT_S5CMD && (blank(path.data[0]) || blank(path.data[path.size - 1])))
    return "the tool cuts blanks at the ends of a name";
  if (format == CLI_FORMAT_S5CMD && memmem(path.data, path.size, "://", 3))
    return "the tool takes it for a URL";
  if (format == CLI_FORMAT_RCLONE && (path.data[0] == '#' || path.data[0] == ';'))
    return "the tool takes it for a comment";
  return NULL;
}

/* ---- places ---- */

/* Divides scheme://bucket/path; false: it is no such thing. */
static bool divide(struct hdx_text location, struct hdx_text *place, struct hdx_text *path) {
  size_t slashes = 0;
  for (size_t i = 0; i < location.size; i++)
    if (location.data[i] == '/' && ++slashes == 3) {
      *place = (struct hdx_text){location.data, i};
      *path = (struct hdx_text){location.data + i + 1, location.size - i - 1};
      return true;
    }
  return false;
}

/* A view does not outlive the next question to the query. */
static bool copy(char **to, size_t *capacity, struct hdx_text *text) {
  if (text->size > *capacity || !*to) {
    char *grown = realloc(*to, text->size + 1);
    if (!grown)
      return false;
    *to = grown;
    *capacity = text->size;
  }
  if (text->size)
    memcpy(*to, text->data, text->size);
  text->data = *to;
  return true;
}

/* ---- lines ---- */

/* Two texts together between single quotes, as a POSIX shell reads it. */
static void put_quoted(struct cli_writer *out, const char *prefix, struct hdx_text text) {
  cli_writer_byte(out, '\'');
  cli_writer_string(out, prefix);
  for (const char *quote; text.size && (quote = memchr(text.data, '\'', text.size)) != NULL;) {
    size_t size = (size_t)(quote - text.data);
    cli_writer_put(out, (struct hdx_text){text.data, size});
    cli_writer_string(out, "'\\''");
    text = (struct hdx_text){quote + 1, text.size - size - 1};
  }
  cli_writer_put(out, text);
  cli_writer_byte(out, '\'');
}

static bool has_any(struct hdx_text text, const char *bytes) {
  for (size_t i = 0; i < text.size; i++)
    if (text.data[i] && strchr(bytes, text.data[i]))
      return true;
  return false;
}

/* A destination that looks like an option is made plain by ./ before it. */
static void put_s5cmd(struct cli_writer *out, struct hdx_text source, struct hdx_text path) {
  cli_writer_string(out, has_any(source, "*?[") ? "cp --raw " : "cp ");
  put_quoted(out, "", source);
  cli_writer_byte(out, ' ');
  put_quoted(out, path.data[0] == '-' ? "./" : "", path);
  cli_writer_byte(out, '\n');
}

/* A key that leads nowhere, or elsewhere, is the archive's fault; that there are no credentials ends the list. */
static enum hdx_status locate(struct hdx_query *query, size_t dataset, struct hdx_text key, enum hdx_location kind,
                              struct hdx_text *location, struct hdx_error *error) {
  struct hdx_error inner = {.status = HDX_OK, .message = ""};
  enum hdx_status status = hdx_query_location(query, dataset, key, kind, location, &inner);
  if ((status == HDX_DENIED && kind != HDX_LOCATION_PRESIGNED) || status == HDX_USAGE)
    return refuse(key, inner.message, error);
  if (status != HDX_OK && error)
    *error = inner;
  return status;
}

static enum hdx_status row_urls(struct cli_manifest *manifest, struct hdx_query *query, size_t dataset,
                                struct hdx_text key, struct hdx_text published, struct hdx_error *error) {
  struct hdx_text url = published;
  enum hdx_status status = manifest->published ? HDX_OK : locate(query, dataset, key, manifest->fetched, &url, error);
  if (status != HDX_OK)
    return status;
  if (manifest->null && memchr(url.data, 0, url.size))
    return refuse(key, "it has a NUL, which would break its entry", error);
  if (!manifest->null && has_control(url))
    return refuse(key, "it has control characters, which would break its line (--null keeps it)", error);
  cli_writer_put(manifest->out, url);
  cli_writer_byte(manifest->out, manifest->null ? 0 : '\n');
  return HDX_OK;
}

static enum hdx_status row_aria2(struct cli_manifest *manifest, struct hdx_query *query, size_t dataset,
                                 struct hdx_text key, struct hdx_text path, struct hdx_error *error) {
  struct hdx_text url;
  enum hdx_status status = locate(query, dataset, key, manifest->fetched, &url, error);
  if (status != HDX_OK)
    return status;
  if (url.size < 4 || memcmp(url.data, "http", 4) != 0)
    return refuse(key, "it is not fetched by http or https", error);
  if (has_control(url) || has_any(url, " "))
    return refuse(key, "its URL has blanks or control characters, which would break its line", error);
  cli_writer_put(manifest->out, url);
  cli_writer_string(manifest->out, "\n  out=");
  cli_writer_put(manifest->out, path);
  cli_writer_byte(manifest->out, '\n');
  return HDX_OK;
}

/* A row of a list whose destinations are below one folder. */
static enum hdx_status row_file(struct cli_manifest *manifest, struct hdx_query *query, size_t dataset,
                                struct hdx_text key, struct hdx_text location, struct hdx_text place,
                                struct hdx_text path, struct hdx_error *error) {
  bool s3 = location.size > 5 && memcmp(location.data, "s3://", 5) == 0;
  if (!s3 && manifest->format != CLI_FORMAT_ARIA2)
    return refuse(key, "the tool is told of s3:// locations only", error);
  for (size_t i = 0; !s3 && i < path.size; i++) /* what is behind the name of a file in a URL is none of it */
    if (path.data[i] == '?' || path.data[i] == '#')
      path.size = i;
  const char *wrong = wrong_path(path, manifest->format);
  if (wrong || has_control(place))
    return refuse(key, wrong ? wrong : "its bucket has control characters", error);
  if (manifest->place && !cli_text_is(place, manifest->place)) {
    char why[512];
    snprintf(why, sizeof why, "the list is of %.200s and has room for one bucket (--key '%.200s/*' takes one)",
             manifest->place, manifest->place);
    return refuse(key, why, error);
  }
  enum hdx_status status = HDX_OK;
  if (manifest->format == CLI_FORMAT_ARIA2)
    status = row_aria2(manifest, query, dataset, key, path, error);
  if (status != HDX_OK)
    return status;
  if (manifest->format == CLI_FORMAT_S5CMD) {
    put_s5cmd(manifest->out, location, path);
  } else if (manifest->format == CLI_FORMAT_RCLONE) {
    cli_writer_put(manifest->out, path);
    cli_writer_byte(manifest->out, '\n');
  }
  if (!manifest->place)
    manifest->place = strndup(place.data, place.size);
  return manifest->place ? HDX_OK : cli_fail(error, HDX_MEMORY, "out of memory");
}

enum hdx_status cli_manifest_row(struct cli_manifest *manifest, struct hdx_query *query, size_t dataset,
                                 struct hdx_text key, struct hdx_error *error) {
  struct hdx_text location, place, path;
  enum hdx_status status = locate(query, dataset, key, HDX_LOCATION_PUBLISHED, &location, error);
  if (status != HDX_OK)
    return status;
  if (manifest->any && location.size == manifest->last_size &&
      memcmp(location.data, manifest->last, location.size) == 0)
    return HDX_OK;
  if (!copy(&manifest->text, &manifest->text_size, &location))
    return cli_fail(error, HDX_MEMORY, "out of memory");
  if (!divide(location, &place, &path) || path.size == 0)
    return refuse(key, "it names no file", error);
  if (climbs(path, "/"))
    return refuse(key, "a component . or .. could lead outside of what was named", error);
  status = manifest->format == CLI_FORMAT_URLS ? row_urls(manifest, query, dataset, key, location, error)
                                               : row_file(manifest, query, dataset, key, location, place, path, error);
  if (status != HDX_OK)
    return status;
  manifest->any = true;
  manifest->last_size = location.size;
  return copy(&manifest->last, &manifest->last_capacity, &location) ? HDX_OK
                                                                    : cli_fail(error, HDX_MEMORY, "out of memory");
}
