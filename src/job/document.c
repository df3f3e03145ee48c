/* Registries and catalogs: from the store or the network, and parsed. */
#include "base/time.h"
#include "job/session.h"

#include <stdlib.h>

struct download {
  struct hdx_session *session;
  struct hdx_document *document;
  struct hdx_buffer body;
  bool done, not_modified;
  enum hdx_status status;
  struct hdx_error *error;
  struct hdx_buffer meta; /* etag and Last-Modified, both ended by a NUL */
};

static void on_begin(void *user, const struct hdx_fetch_head *head) {
  struct download *download = user;
  (void)head;
  hdx_buffer_clear(&download->body);
}

static void on_block(void *user, struct hdx_block *block) {
  struct download *download = user;
  hdx_buffer_append(&download->body, block->data, block->size);
  hdx_engine_release(download->session->engine, block);
}

static void on_done(void *user, const struct hdx_fetch_result *result) {
  struct download *download = user;
  download->done = true;
  download->not_modified = result->not_modified;
  download->status = result->status;
  if (result->status != HDX_OK) {
    hdx_error_set(download->error, result->status, "%s", result->message);
    return;
  }
  hdx_buffer_append(&download->meta, result->etag, strlen(result->etag) + 1);
  hdx_buffer_append(&download->meta, result->last_modified, strlen(result->last_modified) + 1);
}

static enum hdx_status run(struct hdx_session *session, struct download *download, const struct hdx_target *target,
                           const struct hdx_document *held, struct hdx_error *error) {
  struct hdx_fetch_request request = {.url = target->url,
                                      .bucket = target->bucket,
                                      .key = target->key,
                                      .etag = held ? held->etag.data : NULL,
                                      .last_modified = held ? held->last_modified.data : NULL,
                                      .bytes_max = session->config.catalog_bytes_max,
                                      .begin = on_begin,
                                      .block = on_block,
                                      .done = on_done,
                                      .user = download};
  hdx_engine_forgive(session->engine);
  enum hdx_status status = hdx_fetch(session->engine, &request, error);
  if (status != HDX_OK)
    return status;
  hdx_session_run(session, &download->done);
  if (download->status != HDX_OK)
    return download->status;
  status = hdx_buffer_status(&download->body, target->url, error);
  return status == HDX_OK ? hdx_buffer_status(&download->meta, target->url, error) : status;
}

/* Makes a document of what was downloaded; its texts lie in its memory: url, etag, date, bytes. */
static enum hdx_status take(struct download *download, const char *address, struct hdx_error *error) {
  struct hdx_document *document = download->document;
  size_t url_size = strlen(address) + 1, etag_size = strlen(download->meta.data) + 1;
  size_t date_size = download->meta.size - etag_size;
  hdx_buffer_init(&document->memory, SIZE_MAX);
  hdx_buffer_append(&document->memory, address, url_size);
  hdx_buffer_append(&document->memory, download->meta.data, download->meta.size);
  hdx_buffer_append(&document->memory, download->body.data, download->body.size);
  enum hdx_status status = hdx_buffer_status(&document->memory, address, error);
  if (status != HDX_OK) {
    hdx_document_deinit(document);
    return status;
  }
  const char *at = document->memory.data;
  document->url = (struct hdx_text){at, url_size - 1};
  document->etag = (struct hdx_text){at + url_size, etag_size - 1};
  document->last_modified = (struct hdx_text){at + url_size + etag_size, date_size - 1};
  document->bytes = (struct hdx_text){at + url_size + download->meta.size, download->body.size};
  document->checked_at = hdx_time_now();
  return HDX_OK;
}

/* Fetches the document, if it is another than what is held. */
static enum hdx_status download(struct hdx_session *session, struct download *download, struct hdx_address *address,
                                const struct hdx_document *held, struct hdx_error *error) {
  struct hdx_target target;
  hdx_buffer_init(&download->body, (size_t)session->config.catalog_bytes_max);
  hdx_buffer_init(&download->meta, HDX_URL_BYTES_MAX);
  enum hdx_status status = hdx_session_target(session, address, &target, error);
  if (status == HDX_OK)
    status = run(session, download, &target, held, error);
  hdx_target_deinit(&target);
  return status;
}

enum hdx_status hdx_session_document(struct hdx_session *session, const char *stored_as, struct hdx_address *address,
                                     struct hdx_text folder, struct hdx_text name, bool revalidate,
                                     struct hdx_document *document, bool *fresh, struct hdx_error *error) {
  struct hdx_document held;
  struct download it = {.session = session, .document = document, .error = error};
  enum hdx_status found = hdx_store_load_document(&session->store, folder, name, hdx_text_of(stored_as),
                                                  session->config.catalog_bytes_max, &held, error);
  *fresh = false;
  if (found == HDX_OK && (!revalidate || session->config.offline)) {
    *document = held;
    return HDX_OK;
  }
  if (found != HDX_OK && found != HDX_NOT_FOUND)
    return found;
  enum hdx_status status = hdx_session_online(session, error);
  if (status != HDX_OK && session->config.offline)
    hdx_error_set(error, HDX_NOT_FOUND, "%s: not held in %s, and offline", stored_as, session->store.root);
  if (status == HDX_OK)
    status = download(session, &it, address, found == HDX_OK ? &held : NULL, error);
  if (status == HDX_OK && it.not_modified) {
    *document = held;
    found = HDX_NOT_FOUND; /* handed on */
    document->checked_at = hdx_time_now();
    status = hdx_store_save_document(&session->store, folder, name, document, error);
    if (status != HDX_OK)
      hdx_document_deinit(document);
  } else if (status == HDX_OK) {
    status = take(&it, stored_as, error);
    *fresh = true;
  }
  if (found == HDX_OK)
    hdx_document_deinit(&held);
  hdx_buffer_deinit(&it.body);
  hdx_buffer_deinit(&it.meta);
  return status;
}

static enum hdx_status open_registry(struct hdx_session *session, bool stored_only, struct hdx_registry **result,
                                     struct hdx_error *error) {
  const char *url = session->config.registry_url;
  struct hdx_text folder = HDX_TEXT("registry");
  struct hdx_address address;
  struct hdx_buffer name;
  bool fresh = false;
  struct hdx_registry *registry = calloc(1, sizeof *registry);
  if (!registry)
    return hdx_error_memory(error, sizeof *registry);
  hdx_address_init(&address);
  hdx_buffer_append_text(&address.url, hdx_text_of(url));
  hdx_buffer_init(&name, 3 * HDX_URL_BYTES_MAX);
  hdx_url_encode(&name, hdx_text_of(url), false);
  hdx_buffer_append_text(&name, HDX_TEXT(".json"));
  enum hdx_status status = hdx_buffer_status(&name, url, error);
  if (status == HDX_OK && stored_only)
    status = hdx_store_load_document(&session->store, folder, hdx_buffer_text(&name), hdx_text_of(url),
                                     session->config.catalog_bytes_max, &registry->document, error);
  else if (status == HDX_OK)
    status = hdx_session_document(session, url, &address, folder, hdx_buffer_text(&name), session->config.refresh,
                                  &registry->document, &fresh, error);
  if (status == HDX_OK) {
    status = hdx_registry_doc_parse(registry->document.bytes, url, &session->log, &registry->doc, error);
    if (status == HDX_OK && fresh) {
      status = hdx_store_save_document(&session->store, folder, hdx_buffer_text(&name), &registry->document, error);
      if (status != HDX_OK)
        hdx_registry_doc_deinit(&registry->doc);
    }
    if (status != HDX_OK)
      hdx_document_deinit(&registry->document);
  }
  hdx_buffer_deinit(&name);
  hdx_address_deinit(&address);
  if (status == HDX_OK)
    *result = registry;
  else
    free(registry);
  return status;
}

enum hdx_status hdx_registry_load(struct hdx_session *session, struct hdx_registry **registry,
                                  struct hdx_error *error) {
  return open_registry(session, false, registry, error);
}

void hdx_registry_close(struct hdx_registry *registry) {
  if (!registry)
    return;
  hdx_registry_doc_deinit(&registry->doc);
  hdx_document_deinit(&registry->document);
  free(registry);
}

size_t hdx_registry_count(const struct hdx_registry *registry) {
  return registry->doc.count;
}

const struct hdx_registry_entry *hdx_registry_at(const struct hdx_registry *registry, size_t i) {
  return &registry->doc.entries[i];
}

struct hdx_text hdx_registry_json(const struct hdx_registry *registry) {
  return registry->document.bytes;
}

const char *hdx_registry_url(const struct hdx_registry *registry) {
  return registry->document.url.data;
}

int64_t hdx_registry_checked_at(const struct hdx_registry *registry) {
  return registry->document.checked_at;
}

enum hdx_status hdx_registry_endpoint(const struct hdx_registry *registry, const char *name, const char *region_prefix,
                                      bool first, struct hdx_text *endpoint, struct hdx_error *error) {
  const struct hdx_registry_entry *entry;
  enum hdx_status status =
      hdx_registry_doc_endpoint(&registry->doc, hdx_text_of(name), hdx_text_of(region_prefix), first, &entry, error);
  if (status == HDX_OK)
    *endpoint = entry->endpoint;
  return status;
}

/* ---- where a bucket is ---- */

/* A bucket with what a registry says of it; texts are in the arena. */
struct place {
  struct hdx_text name; /* URL or bucket name */
  struct hdx_text region;
  bool google;
};

static bool is_google(struct hdx_text provider) {
  static const struct hdx_text names[] = {{"gcs", 3}, {"gs", 2}, {"gcp", 3}, {"google", 6}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (hdx_text_equal_nocase(provider, names[i]))
      return true;
  return false;
}

/* gs://bucket/ is Google's own way to write s3://bucket/ there. */
static enum hdx_status translate(struct place *place, struct hdx_arena *arena, struct hdx_error *error) {
  struct hdx_text scheme = HDX_TEXT("gs://");
  struct hdx_text copy = hdx_arena_copy(arena, place->name);
  if (!copy.data)
    return hdx_error_memory(error, place->name.size);
  if (copy.size > scheme.size && hdx_text_equal_nocase(hdx_text_sub(copy, 0, scheme.size), scheme)) {
    memcpy((char *)copy.data, "s3", 2);
    place->google = true;
  }
  place->name = copy;
  return HDX_OK;
}

static enum hdx_status take_entry(const struct hdx_registry_entry *entry, struct place *place, struct hdx_arena *arena,
                                  struct hdx_error *error) {
  place->name = entry->endpoint;
  place->region = hdx_arena_copy(arena, entry->region);
  place->google = is_google(entry->provider);
  if (!place->region.data)
    return hdx_error_memory(error, entry->region.size);
  return translate(place, arena, error);
}

/* What a stored registry knows of a bucket that was named directly. */
static void recall(struct hdx_session *session, struct place *place, struct hdx_arena *arena) {
  struct hdx_registry *registry;
  struct hdx_url want, have;
  struct hdx_buffer url;
  hdx_buffer_init(&url, HDX_URL_BYTES_MAX);
  if (!hdx_url_like(place->name))
    hdx_buffer_append_text(&url, HDX_TEXT("s3://"));
  hdx_buffer_append_text(&url, place->name);
  if (hdx_url_parse(hdx_buffer_text(&url), &want, NULL) == HDX_OK && want.scheme == HDX_SCHEME_S3 &&
      open_registry(session, true, &registry, NULL) == HDX_OK) {
    for (size_t i = 0; i < registry->doc.count; i++) {
      struct place found;
      if (take_entry(&registry->doc.entries[i], &found, arena, NULL) != HDX_OK)
        break;
      if (hdx_url_parse(found.name, &have, NULL) != HDX_OK || have.scheme != HDX_SCHEME_S3 ||
          !hdx_text_equal(have.host, want.host))
        continue;
      place->region = found.region;
      place->google |= found.google;
      break;
    }
    hdx_registry_close(registry);
  }
  hdx_buffer_deinit(&url);
}

/* Asks the registry where the bucket of that name is. */
static enum hdx_status look_up(struct hdx_session *session, struct place *place, struct hdx_arena *arena,
                               struct hdx_error *error) {
  const struct hdx_registry_entry *entry;
  struct hdx_registry *registry;
  bool remote = strncmp(session->config.registry_url, "file:", 5) != 0;
  enum hdx_status status = hdx_registry_load(session, &registry, error);
  if (status != HDX_OK)
    return status;
  status = hdx_registry_doc_endpoint(&registry->doc, place->name, HDX_TEXT(""), false, &entry, error);
  if (status == HDX_OK)
    status = take_entry(entry, place, arena, error);
  if (status == HDX_OK)
    status = hdx_source_allowed(remote, place->name, error);
  hdx_registry_close(registry);
  return status;
}

enum hdx_status hdx_session_source(struct hdx_session *session, const char *bucket, struct hdx_arena *arena,
                                   struct hdx_source *source, struct hdx_error *error) {
  const struct hdx_config *config = &session->config;
  struct place place = {.name = hdx_text_of(bucket), .region = HDX_TEXT("")};
  enum hdx_status status = HDX_OK;
  if (hdx_bucket_kind(place.name) == HDX_BUCKET_REGISTRY) {
    status = look_up(session, &place, arena, error);
  } else {
    status = translate(&place, arena, error);
    if (status == HDX_OK && !config->endpoint_url)
      recall(session, &place, arena);
  }
  if (config->region)
    place.region = hdx_text_of(config->region);
  else if (!place.region.size && session->region)
    place.region = hdx_text_of(session->region);
  const struct hdx_source_options options = {.region = place.region,
                                             .endpoint_url = config->endpoint_url,
                                             .google = place.google,
                                             .addressing = config->addressing,
                                             .dualstack = config->dualstack,
                                             .maps = config->maps,
                                             .map_count = config->map_count};
  return status == HDX_OK ? hdx_source_init(source, place.name, &options, arena, error) : status;
}

static enum hdx_status load_catalog(struct hdx_session *session, struct hdx_catalog *catalog, bool revalidate,
                                    struct hdx_error *error) {
  struct hdx_source *source = &catalog->source;
  struct hdx_text name = hdx_text_of(session->config.catalog_name);
  struct hdx_buffer location;
  struct hdx_address address;
  bool fresh = false;
  hdx_address_init(&address);
  hdx_buffer_init(&location, HDX_URL_BYTES_MAX);
  hdx_buffer_append_text(&location, source->url);
  hdx_buffer_append_text(&location, name);
  enum hdx_status status = hdx_buffer_status(&location, "the catalog's address", error);
  if (status == HDX_OK)
    status = hdx_source_locate(source, hdx_buffer_text(&location), HDX_TEXT(""), true, &address, error);
  if (status == HDX_OK)
    status = hdx_session_document(session, hdx_buffer_string(&location), &address, source->folder, name, revalidate,
                                  &catalog->document, &fresh, error);
  if (status == HDX_OK) {
    /* What is odd about a catalog is told when it is new or indexed, not with every question. */
    status = hdx_catalog_doc_parse(catalog->document.bytes, hdx_buffer_string(&address.url),
                                   fresh || revalidate ? &session->log : NULL, &catalog->doc, error);
    if (status == HDX_OK)
      status = hdx_source_adopt(source, catalog->doc.endpoint, catalog->doc.own_bucket, &catalog->arena, error);
    if (status == HDX_OK && fresh)
      status = hdx_store_save_document(&session->store, source->folder, name, &catalog->document, error);
  }
  hdx_buffer_deinit(&location);
  hdx_address_deinit(&address);
  return status;
}

enum hdx_status hdx_catalog_open(struct hdx_session *session, const char *bucket, bool revalidate,
                                 struct hdx_catalog **result, struct hdx_error *error) {
  struct hdx_catalog *catalog = calloc(1, sizeof *catalog);
  if (!catalog)
    return hdx_error_memory(error, sizeof *catalog);
  hdx_arena_init(&catalog->arena, 16 << 20);
  enum hdx_status status = hdx_session_source(session, bucket, &catalog->arena, &catalog->source, error);
  if (status == HDX_OK)
    status = load_catalog(session, catalog, revalidate, error);
  if (status == HDX_OK)
    *result = catalog;
  else
    hdx_catalog_close(catalog);
  return status;
}

enum hdx_status hdx_catalog_load(struct hdx_session *session, const char *bucket, struct hdx_catalog **catalog,
                                 struct hdx_error *error) {
  return hdx_catalog_open(session, bucket, session->config.refresh, catalog, error);
}

void hdx_catalog_close(struct hdx_catalog *catalog) {
  if (!catalog)
    return;
  hdx_catalog_doc_deinit(&catalog->doc);
  hdx_document_deinit(&catalog->document);
  hdx_arena_deinit(&catalog->arena);
  free(catalog);
}

size_t hdx_catalog_count(const struct hdx_catalog *catalog) {
  return catalog->doc.count;
}

const struct hdx_dataset *hdx_catalog_at(const struct hdx_catalog *catalog, size_t i) {
  return &catalog->doc.datasets[i];
}

struct hdx_text hdx_catalog_json(const struct hdx_catalog *catalog) {
  return catalog->document.bytes;
}

const char *hdx_catalog_url(const struct hdx_catalog *catalog) {
  return catalog->document.url.data;
}

int64_t hdx_catalog_checked_at(const struct hdx_catalog *catalog) {
  return catalog->document.checked_at;
}

struct hdx_text hdx_catalog_member(const struct hdx_catalog *catalog, const char *name) {
  return hdx_catalog_doc_member(&catalog->doc, name);
}

enum hdx_status hdx_catalog_find(const struct hdx_catalog *catalog, const char *id, const struct hdx_dataset **dataset,
                                 struct hdx_error *error) {
  return hdx_catalog_doc_find(&catalog->doc, hdx_text_of(id), dataset, error);
}
