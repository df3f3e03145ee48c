/* Documents of the network (registries, catalogs): from the store, or fetched while others are under way. */
#include "base/time.h"
#include "job/session.h"

#include <stdlib.h>

struct download {
  struct hdx_session *session;
  struct hdx_document_request request; /* its texts are the caller's until done */
  struct hdx_document held;
  bool is_held;
  struct hdx_target target;
  struct hdx_buffer body;
  bool crowded;   /* it was dropped for the memory that others take */
  bool too_large; /* as what is held of it, or what its server has, is */
};

/* Gives what the body takes of the memory for documents that are coming in. */
static void drop_body(struct download *download) {
  download->session->documents_bytes -= download->body.size;
  hdx_buffer_deinit(&download->body);
  hdx_buffer_init(&download->body, (size_t)download->session->config.catalog_bytes_max);
}

static void on_begin(void *user, const struct hdx_fetch_head *head) {
  struct download *download = user;
  (void)head;
  drop_body(download);
  download->crowded = false;
}

static void on_block(void *user, struct hdx_block *block) {
  struct download *download = user;
  struct hdx_session *session = download->session;
  const struct hdx_config *config = &session->config;
  /* Alone, a document may be as large as documents may be; together they have a part of the memory, as each takes some
   * times its size when it is read. */
  uint64_t share = config->memory_bytes / 8;
  uint64_t most = share > config->catalog_bytes_max ? share : config->catalog_bytes_max;
  size_t before = download->body.size;
  download->crowded |= session->documents_bytes + block->size > most;
  if (download->crowded)
    drop_body(download);
  else
    hdx_buffer_append(&download->body, block->data, block->size);
  if (!download->crowded)
    session->documents_bytes += download->body.size - before;
  hdx_engine_release(session->engine, block);
}

/* Makes a document of what was downloaded. */
static enum hdx_status take(const struct download *download, const struct hdx_fetch_result *result,
                            struct hdx_document *document, struct hdx_error *error) {
  const char *address = download->request.stored_as;
  struct hdx_text shown = hdx_url_shown(hdx_text_of(address));
  enum hdx_status status = hdx_buffer_status(&download->body, "what came of it", error);
  if (status != HDX_OK)
    return hdx_error_context(error, status, "%.*s", HDX_TEXT_ARG(shown));
  if (download->crowded)
    return hdx_error_set(error, HDX_LIMIT, "%.*s: more catalogs come in at once than the memory is for",
                         HDX_TEXT_ARG(shown));
  return hdx_document_make(hdx_text_of(address), hdx_text_of(result->etag), hdx_text_of(result->last_modified),
                           hdx_buffer_text(&download->body), document, error);
}

/* What is held is what the server still has. */
static enum hdx_status confirm(struct download *download, struct hdx_document *document, struct hdx_error *error) {
  const struct hdx_document_request *request = &download->request;
  *document = download->held;
  download->is_held = false; /* handed on */
  document->checked_at = hdx_time_now();
  enum hdx_status status =
      hdx_store_save_document(&download->session->store, request->folder, request->name, document, error);
  if (status != HDX_OK)
    hdx_document_deinit(document);
  return status;
}

static void free_download(struct download *download) {
  drop_body(download);
  hdx_buffer_deinit(&download->body);
  if (download->is_held)
    hdx_document_deinit(&download->held);
  hdx_target_deinit(&download->target);
  free(download);
}

static void end(struct download *download, enum hdx_status status, struct hdx_document *document, bool fresh,
                const struct hdx_error *error) {
  const struct hdx_document_request request = download->request;
  struct hdx_error told;
  if (download->too_large && download->session->little_memory) {
    hdx_error_set(&told, status, "%s, which is what --memory has room for", error->message);
    error = &told;
  }
  free_download(download);
  request.done(request.user, status, document, fresh, error);
}

static void on_done(void *user, const struct hdx_fetch_result *result) {
  struct download *download = user;
  struct hdx_document document;
  struct hdx_error error = {.message = ""};
  enum hdx_status status = result->status;
  bool fresh = !result->not_modified;
  download->too_large = result->too_large;
  if (status != HDX_OK)
    hdx_error_set(&error, status, "%s", result->message);
  else if (fresh)
    status = take(download, result, &document, &error);
  else
    status = confirm(download, &document, &error);
  end(download, status, status == HDX_OK ? &document : NULL, fresh, &error);
}

static enum hdx_status fetch(struct download *download, struct hdx_error *error) {
  struct hdx_session *session = download->session;
  enum hdx_status status = hdx_session_target(session, download->request.address, &download->target, error);
  if (status != HDX_OK)
    return status;
  const struct hdx_fetch_request request = {.url = download->target.url,
                                            .bucket = download->target.bucket,
                                            .key = download->target.key,
                                            .etag = download->is_held ? download->held.etag.data : NULL,
                                            .last_modified =
                                                download->is_held ? download->held.last_modified.data : NULL,
                                            .bytes_max = session->config.catalog_bytes_max,
                                            .begin = on_begin,
                                            .block = on_block,
                                            .done = on_done,
                                            .user = download};
  hdx_engine_forgive(session->engine);
  return hdx_fetch(session->engine, &request, error);
}

void hdx_session_document_start(struct hdx_session *session, const struct hdx_document_request *request) {
  const struct hdx_config *config = &session->config;
  struct hdx_error error = {.message = ""};
  struct download *download = calloc(1, sizeof *download);
  if (!download) {
    enum hdx_status status = hdx_error_memory(&error, sizeof *download);
    request->done(request->user, status, NULL, false, &error);
    return;
  }
  download->session = session;
  download->request = *request;
  hdx_buffer_init(&download->body, (size_t)config->catalog_bytes_max);
  enum hdx_status status =
      hdx_store_load_document(&session->store, request->folder, request->name, hdx_text_of(request->stored_as),
                              config->catalog_bytes_max, &download->held, &error);
  download->is_held = status == HDX_OK;
  download->too_large = status == HDX_LIMIT;
  if (download->is_held && (!request->revalidate || config->offline)) {
    struct hdx_document document = download->held;
    download->is_held = false; /* handed on */
    end(download, HDX_OK, &document, false, &error);
    return;
  }
  if (status == HDX_OK || status == HDX_NOT_FOUND)
    status = hdx_session_online(session, &error);
  if (status != HDX_OK && config->offline)
    hdx_error_set(&error, HDX_NOT_FOUND, "%.*s: not held in %s, and offline",
                  HDX_TEXT_ARG(hdx_url_shown(hdx_text_of(request->stored_as))), session->store.root);
  if (status == HDX_OK)
    status = fetch(download, &error);
  if (status != HDX_OK)
    end(download, status, NULL, false, &error);
}

/* ---- one alone ---- */

struct wait {
  struct hdx_document *document;
  bool *fresh;
  bool done;
  enum hdx_status status;
  struct hdx_error *error;
};

static void on_document(void *user, enum hdx_status status, struct hdx_document *document, bool fresh,
                        const struct hdx_error *error) {
  struct wait *wait = user;
  wait->done = true;
  wait->status = status;
  *wait->fresh = fresh;
  if (status == HDX_OK)
    *wait->document = *document;
  else if (wait->error)
    *wait->error = *error;
}

enum hdx_status hdx_session_document(struct hdx_session *session, struct hdx_document_request *request,
                                     struct hdx_document *document, bool *fresh, struct hdx_error *error) {
  struct wait wait = {.document = document, .fresh = fresh, .error = error};
  request->done = on_document;
  request->user = &wait;
  hdx_session_document_start(session, request);
  hdx_session_run(session, &wait.done);
  return wait.status;
}
