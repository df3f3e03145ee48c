/* Catalogs: which datasets a bucket has. */
#include "base/error.h"
#include "job/session.h"

#include <stdlib.h>

enum { CATALOG_TEXT_BYTES_MAX = 16 << 20 /* of its source */ };

/* A catalog that is being opened. */
struct opening {
  struct hdx_session *session;
  struct hdx_catalog *catalog;
  struct hdx_buffer location;
  struct hdx_address address;
  bool revalidate;
  hdx_catalog_done *done;
  void *user;
};

static void free_opening(struct opening *opening) {
  hdx_buffer_deinit(&opening->location);
  hdx_address_deinit(&opening->address);
  free(opening);
}

static void end(struct opening *opening, enum hdx_status status, const struct hdx_error *error) {
  struct hdx_catalog *catalog = opening->catalog;
  hdx_catalog_done *done = opening->done;
  void *user = opening->user;
  free_opening(opening);
  if (status != HDX_OK) {
    hdx_catalog_close(catalog);
    catalog = NULL;
  }
  done(user, status, catalog, error);
}

/* Gives others less of the memory, as long as the catalog is open. */
static void count_memory(struct hdx_session *session, struct hdx_catalog *catalog) {
  const struct hdx_catalog_doc *doc = &catalog->doc;
  catalog->session = session;
  catalog->bytes =
      doc->json.text.size + doc->json.count * sizeof *doc->json.values + doc->count * sizeof *doc->datasets;
  session->catalog_bytes += catalog->bytes;
  hdx_session_share_memory(session);
}

/* Frees the bytes that the parser has copied. */
static enum hdx_status drop_copy(struct hdx_catalog *catalog, struct hdx_error *error) {
  struct hdx_document *document = &catalog->document;
  struct hdx_text parsed = catalog->doc.json.text;
  if (parsed.size != document->bytes.size)
    return HDX_OK; /* a byte order mark is not in the copy */
  const struct hdx_text url = hdx_arena_copy(&catalog->arena, document->url),
                        etag = hdx_arena_copy(&catalog->arena, document->etag),
                        last_modified = hdx_arena_copy(&catalog->arena, document->last_modified);
  if (!url.data || !etag.data || !last_modified.data)
    return hdx_error_memory(error, document->url.size + document->etag.size + document->last_modified.size);
  int64_t checked_at = document->checked_at;
  hdx_document_deinit(document);
  document->url = url;
  document->etag = etag;
  document->last_modified = last_modified;
  document->bytes = parsed;
  document->checked_at = checked_at;
  return HDX_OK;
}

/* Reads the document, and keeps it if it is new. */
static enum hdx_status read_document(struct opening *opening, bool fresh, struct hdx_error *error) {
  struct hdx_session *session = opening->session;
  struct hdx_catalog *catalog = opening->catalog;
  struct hdx_source *source = &catalog->source;
  /* What is odd about a catalog is told when it is new or indexed, not with every question. */
  enum hdx_status status =
      hdx_catalog_doc_parse(catalog->document.bytes, hdx_buffer_string(&opening->address.url),
                            fresh || opening->revalidate ? &session->log : NULL, &catalog->doc, error);
  if (status == HDX_OK)
    status = hdx_source_adopt(source, catalog->doc.endpoint, catalog->doc.own_bucket, &catalog->arena, error);
  if (status == HDX_OK && fresh)
    status = hdx_store_save_document(&session->store, source->folder, hdx_text_of(session->config.catalog_name),
                                     &catalog->document, error);
  if (status == HDX_OK)
    status = drop_copy(catalog, error);
  if (status == HDX_OK)
    count_memory(opening->session, catalog);
  return status;
}

static void on_document(void *user, enum hdx_status status, struct hdx_document *document, bool fresh,
                        const struct hdx_error *why) {
  struct opening *opening = user;
  struct hdx_error error;
  if (status == HDX_OK) {
    opening->catalog->document = *document;
    status = read_document(opening, fresh, &error);
    why = &error;
  } else if (status == HDX_NOT_FOUND && !opening->session->config.offline) {
    hdx_error_set(&error, status, "%s (a catalog that is called otherwise is named by --catalog-name)", why->message);
    why = &error;
  }
  end(opening, status, why);
}

/* Finds where the document is; the catalog's source is known. */
static enum hdx_status locate(struct opening *opening, struct hdx_error *error) {
  const struct hdx_source *source = &opening->catalog->source;
  hdx_buffer_append_text(&opening->location, source->url);
  hdx_buffer_append_text(&opening->location, hdx_text_of(opening->session->config.catalog_name));
  enum hdx_status status = hdx_buffer_status(&opening->location, "the catalog's address", error);
  if (status != HDX_OK)
    return status;
  return hdx_source_locate(source, hdx_buffer_text(&opening->location), HDX_TEXT(""), true, &opening->address, error);
}

/* Asks for the document. */
static enum hdx_status ask(struct opening *opening, struct hdx_error *error) {
  struct hdx_session *session = opening->session;
  enum hdx_status status = locate(opening, error);
  if (status != HDX_OK)
    return status;
  const struct hdx_document_request request = {.stored_as = hdx_buffer_string(&opening->location),
                                               .address = &opening->address,
                                               .folder = opening->catalog->source.folder,
                                               .name = hdx_text_of(session->config.catalog_name),
                                               .revalidate = opening->revalidate,
                                               .done = on_document,
                                               .user = opening};
  hdx_session_document_start(session, &request);
  return HDX_OK;
}

/* NULL: out of memory. */
static struct opening *opening_new(struct hdx_session *session, struct hdx_error *error) {
  struct opening *opening = calloc(1, sizeof *opening);
  struct hdx_catalog *catalog = calloc(1, sizeof *catalog);
  if (!opening || !catalog) {
    hdx_error_memory(error, sizeof *opening + sizeof *catalog);
    free(opening);
    free(catalog);
    return NULL;
  }
  *opening = (struct opening){.session = session, .catalog = catalog};
  hdx_buffer_init(&opening->location, HDX_URL_BYTES_MAX);
  hdx_address_init(&opening->address);
  hdx_arena_init(&catalog->arena, CATALOG_TEXT_BYTES_MAX);
  return opening;
}

/* Begins to open the catalog of a registry's entry, or else of a BUCKET. */
static void start(struct hdx_session *session, const struct hdx_registry_entry *entry, const char *bucket,
                  bool revalidate, hdx_catalog_done *done, void *user) {
  struct hdx_error error;
  struct opening *opening = opening_new(session, &error);
  if (!opening) {
    done(user, error.status, NULL, &error);
    return;
  }
  struct hdx_catalog *catalog = opening->catalog;
  opening->revalidate = revalidate;
  opening->done = done;
  opening->user = user;
  enum hdx_status status = entry ? hdx_session_entry_source(session, entry, &catalog->arena, &catalog->source, &error)
                                 : hdx_session_source(session, bucket, &catalog->arena, &catalog->source, &error);
  if (status == HDX_OK)
    status = ask(opening, &error);
  if (status != HDX_OK)
    end(opening, status, &error);
}

void hdx_catalog_start(struct hdx_session *session, const struct hdx_registry_entry *entry, bool revalidate,
                       hdx_catalog_done *done, void *user) {
  start(session, entry, NULL, revalidate, done, user);
}

/* ---- one alone ---- */

struct wait {
  struct hdx_catalog *catalog;
  bool done;
  enum hdx_status status;
  struct hdx_error *error;
};

static void on_catalog(void *user, enum hdx_status status, struct hdx_catalog *catalog, const struct hdx_error *error) {
  struct wait *wait = user;
  wait->done = true;
  wait->status = status;
  wait->catalog = catalog;
  if (status != HDX_OK && wait->error)
    *wait->error = *error;
}

enum hdx_status hdx_catalog_open(struct hdx_session *session, const char *bucket, bool revalidate,
                                 struct hdx_catalog **catalog, struct hdx_error *error) {
  struct wait wait = {.error = error};
  start(session, NULL, bucket, revalidate, on_catalog, &wait);
  hdx_session_run(session, &wait.done);
  if (wait.status == HDX_OK)
    *catalog = wait.catalog;
  return wait.status;
}

enum hdx_status hdx_catalog_load(struct hdx_session *session, const char *bucket, struct hdx_catalog **catalog,
                                 struct hdx_error *error) {
  return hdx_catalog_open(session, bucket, session->config.refresh, catalog, error);
}

/* Takes the caller's bytes for what its server has. */
static enum hdx_status take(struct opening *opening, struct hdx_text json, struct hdx_error *error) {
  uint64_t bytes_max = opening->session->config.catalog_bytes_max;
  struct hdx_text location = hdx_buffer_text(&opening->location), none = HDX_TEXT("");
  if (json.size > bytes_max)
    return hdx_error_set(error, HDX_LIMIT, "%.*s: %zu bytes, more than the limit of %llu",
                         HDX_TEXT_ARG(hdx_url_shown(location)), json.size, (unsigned long long)bytes_max);
  return hdx_document_make(location, none, none, json, &opening->catalog->document, error);
}

enum hdx_status hdx_catalog_put(struct hdx_session *session, const char *bucket, struct hdx_text json,
                                struct hdx_error *error) {
  struct opening *opening = opening_new(session, error);
  if (!opening)
    return HDX_MEMORY;
  struct hdx_catalog *catalog = opening->catalog;
  enum hdx_status status = hdx_session_source(session, bucket, &catalog->arena, &catalog->source, error);
  if (status == HDX_OK)
    status = locate(opening, error);
  if (status == HDX_OK)
    status = take(opening, json, error);
  if (status == HDX_OK)
    status = read_document(opening, true, error);
  free_opening(opening);
  hdx_catalog_close(catalog);
  return status;
}

void hdx_catalog_close(struct hdx_catalog *catalog) {
  if (!catalog)
    return;
  hdx_catalog_doc_deinit(&catalog->doc);
  hdx_document_deinit(&catalog->document);
  hdx_arena_deinit(&catalog->arena);
  if (catalog->session) {
    catalog->session->catalog_bytes -= catalog->bytes;
    hdx_session_share_memory(catalog->session);
  }
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

void hdx_catalog_members(const struct hdx_catalog *catalog, const struct hdx_dataset *dataset,
                         void (*visit)(void *user, const struct hdx_member *member), void *user) {
  hdx_catalog_doc_members(&catalog->doc, dataset, visit, user);
}

enum hdx_status hdx_catalog_find(const struct hdx_catalog *catalog, const char *id, const struct hdx_dataset **dataset,
                                 struct hdx_error *error) {
  return hdx_catalog_doc_find(&catalog->doc, hdx_text_of(id), dataset, error);
}
