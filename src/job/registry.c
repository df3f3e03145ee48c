/* The registry, and where a bucket is by what it says. */
#include "job/session.h"

#include <stdlib.h>

#define REGISTRY_FOLDER "registry" /* of the store */

enum { REGISTRY_PLACE_BYTES_MAX = 1 << 20 /* texts of its own address */ };

/* A bucket with what a registry says of it; texts are in the arena. */
struct place {
  struct hdx_text name; /* URL or bucket name */
  struct hdx_text region;
  bool google;
};

/* The source of a place, as the session's settings have it. */
static enum hdx_status source_of(struct hdx_session *session, const struct place *place, struct hdx_arena *arena,
                                 struct hdx_source *source, struct hdx_error *error) {
  const struct hdx_config *config = &session->config;
  struct hdx_text region = place->region;
  if (config->region)
    region = hdx_text_of(config->region);
  else if (!region.size && session->region)
    region = hdx_text_of(session->region);
  const struct hdx_source_options options = {.region = region,
                                             .endpoint_url = config->endpoint_url,
                                             .google = place->google,
                                             .addressing = config->addressing,
                                             .dualstack = config->dualstack,
                                             .maps = config->maps,
                                             .map_count = config->map_count};
  return hdx_source_init(source, place->name, &options, arena, error);
}

/* ---- the registry ---- */

/* What the registry is fetched from: if it is an object of S3, as all others are; texts are in the arena. */
static enum hdx_status locate_registry(struct hdx_session *session, struct hdx_arena *arena,
                                       struct hdx_address *address, struct hdx_error *error) {
  struct hdx_text text = hdx_text_of(session->config.registry_url);
  struct hdx_source source;
  struct hdx_url url;
  enum hdx_status status = hdx_url_parse(text, &url, error);
  if (status != HDX_OK)
    return status;
  if (url.scheme != HDX_SCHEME_S3) {
    hdx_buffer_append_text(&address->url, text);
    return hdx_buffer_status(&address->url, "the registry's address", error);
  }
  const struct place bucket = {.name = url.host, .region = HDX_TEXT("")};
  status = source_of(session, &bucket, arena, &source, error);
  return status == HDX_OK ? hdx_source_locate(&source, text, HDX_TEXT(""), true, address, error) : status;
}

/* What the registry is called in the store. */
static enum hdx_status stored_name(const char *url, struct hdx_buffer *name, struct hdx_error *error) {
  hdx_url_encode(name, hdx_text_of(url), false);
  hdx_buffer_append_text(name, HDX_TEXT(".json"));
  return hdx_buffer_status(name, "the registry's name in the store", error);
}

/* Reads what came or is held; messages name it without a query, which may be a signature. */
static enum hdx_status read_document(struct hdx_session *session, struct hdx_registry *registry,
                                     struct hdx_error *error) {
  struct hdx_text shown = hdx_url_shown(hdx_text_of(session->config.registry_url));
  char *source = hdx_text_dup(shown);
  if (!source)
    return hdx_error_memory(error, shown.size + 1);
  enum hdx_status status =
      hdx_registry_doc_parse(registry->document.bytes, source, &session->log, &registry->doc, error);
  free(source);
  return status;
}

/* Gets the registry's document. */
static enum hdx_status get_document(struct hdx_session *session, bool stored_only, struct hdx_text name,
                                    struct hdx_document *document, bool *fresh, struct hdx_error *error) {
  const char *url = session->config.registry_url;
  struct hdx_text folder = HDX_TEXT(REGISTRY_FOLDER);
  struct hdx_address address;
  struct hdx_arena arena;
  if (stored_only)
    return hdx_store_load_document(&session->store, folder, name, hdx_text_of(url), session->config.catalog_bytes_max,
                                   document, error);
  hdx_address_init(&address);
  hdx_arena_init(&arena, REGISTRY_PLACE_BYTES_MAX);
  enum hdx_status status = locate_registry(session, &arena, &address, error);
  if (status == HDX_OK) {
    struct hdx_document_request request = {
        .stored_as = url, .address = &address, .folder = folder, .name = name, .revalidate = session->config.refresh};
    status = hdx_session_document(session, &request, document, fresh, error);
  }
  hdx_arena_deinit(&arena);
  hdx_address_deinit(&address);
  return status;
}

static enum hdx_status open_registry(struct hdx_session *session, bool stored_only, struct hdx_registry **result,
                                     struct hdx_error *error) {
  const char *url = session->config.registry_url;
  struct hdx_buffer name;
  bool fresh = false;
  struct hdx_registry *registry = calloc(1, sizeof *registry);
  if (!registry)
    return hdx_error_memory(error, sizeof *registry);
  hdx_buffer_init(&name, 3 * HDX_URL_BYTES_MAX);
  enum hdx_status status = stored_name(url, &name, error);
  if (status == HDX_OK)
    status = get_document(session, stored_only, hdx_buffer_text(&name), &registry->document, &fresh, error);
  if (status == HDX_OK) {
    status = read_document(session, registry, error);
    if (status == HDX_OK && fresh) {
      status = hdx_store_save_document(&session->store, HDX_TEXT(REGISTRY_FOLDER), hdx_buffer_text(&name),
                                       &registry->document, error);
      if (status != HDX_OK)
        hdx_registry_doc_deinit(&registry->doc);
    }
    if (status != HDX_OK)
      hdx_document_deinit(&registry->document);
  }
  hdx_buffer_deinit(&name);
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

/* A registry of the network leads to nothing that is this machine's. */
static enum hdx_status check_endpoint(const char *registry_url, struct hdx_text endpoint, struct hdx_error *error) {
  bool remote = !hdx_text_starts_with(hdx_text_of(registry_url), HDX_TEXT("file:"));
  return hdx_source_allowed(remote, endpoint, error);
}

/* What cannot be judged, as gs://, is where it is used. */
static enum hdx_status check_allowed(const struct hdx_registry *registry, struct hdx_text endpoint,
                                     struct hdx_error *error) {
  struct hdx_error why;
  if (check_endpoint(hdx_registry_url(registry), endpoint, &why) != HDX_DENIED)
    return HDX_OK;
  return hdx_error_set(error, HDX_DENIED, "%s", why.message);
}

enum hdx_status hdx_registry_endpoint(const struct hdx_registry *registry, const char *name, const char *region_prefix,
                                      bool first, struct hdx_text *endpoint, struct hdx_error *error) {
  const struct hdx_registry_entry *entry;
  enum hdx_status status =
      hdx_registry_doc_endpoint(&registry->doc, hdx_text_of(name), hdx_text_of(region_prefix), first, &entry, error);
  if (status == HDX_OK)
    status = check_allowed(registry, entry->endpoint, error);
  if (status == HDX_OK)
    *endpoint = entry->endpoint;
  return status;
}

/* ---- where a bucket is ---- */

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

/* Whether an entry names a bucket that may be asked, whatever the session's settings are: what is wrong with it is
 * wrong in the registry. */
static enum hdx_status check_entry(const char *registry_url, const struct hdx_registry_entry *entry,
                                   struct hdx_error *error) {
  struct hdx_source source;
  struct hdx_arena arena;
  struct place place;
  char name[200];
  hdx_arena_init(&arena, REGISTRY_PLACE_BYTES_MAX);
  enum hdx_status status = take_entry(entry, &place, &arena, error);
  if (status == HDX_OK)
    status = check_endpoint(registry_url, place.name, error);
  if (status == HDX_OK) {
    const struct hdx_source_options options = {.region = place.region, .google = place.google};
    status = hdx_source_init(&source, place.name, &options, &arena, error);
  }
  hdx_arena_deinit(&arena);
  if (status != HDX_USAGE)
    return status;
  return hdx_error_context(error, HDX_INTEGRITY, "the registry's entry %s",
                           hdx_url_quote(entry->name, name, sizeof name));
}

enum hdx_status hdx_registry_allowed(const struct hdx_registry *registry, size_t i, struct hdx_error *error) {
  return check_entry(hdx_registry_url(registry), &registry->doc.entries[i], error);
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
  enum hdx_status status = hdx_registry_load(session, &registry, error);
  if (status != HDX_OK)
    return status;
  status = hdx_registry_doc_endpoint(&registry->doc, place->name, HDX_TEXT(""), false, &entry, error);
  if (status == HDX_OK)
    status = check_entry(session->config.registry_url, entry, error);
  if (status == HDX_OK)
    status = take_entry(entry, place, arena, error);
  hdx_registry_close(registry);
  return status;
}

enum hdx_status hdx_session_source(struct hdx_session *session, const char *bucket, struct hdx_arena *arena,
                                   struct hdx_source *source, struct hdx_error *error) {
  struct place place = {.name = hdx_text_of(bucket), .region = HDX_TEXT("")};
  enum hdx_status status = HDX_OK;
  if (hdx_bucket_kind(place.name) == HDX_BUCKET_REGISTRY) {
    status = look_up(session, &place, arena, error);
  } else {
    status = translate(&place, arena, error);
    if (status == HDX_OK && !session->config.endpoint_url)
      recall(session, &place, arena);
  }
  return status == HDX_OK ? source_of(session, &place, arena, source, error) : status;
}

enum hdx_status hdx_session_entry_source(struct hdx_session *session, const struct hdx_registry_entry *entry,
                                         struct hdx_arena *arena, struct hdx_source *source, struct hdx_error *error) {
  struct place place;
  enum hdx_status status = check_entry(session->config.registry_url, entry, error);
  if (status == HDX_OK)
    status = take_entry(entry, &place, arena, error);
  return status == HDX_OK ? source_of(session, &place, arena, source, error) : status;
}
