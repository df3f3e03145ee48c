/* A session: settings, store, and the network with its workers once they are needed. */
#ifndef HDX_JOB_SESSION_H
#define HDX_JOB_SESSION_H

#include "catalog/catalog.h"
#include "catalog/source.h"
#include "job/workers.h"
#include "snapshot/store.h"
#include "transfer/environment.h"
#include "transfer/fetch.h"
#include "transfer/profile.h"
#include "transfer/sigv4.h"

#include <stdatomic.h>

#define HDX_REGISTRY_URL "http://heliocloud.org/catalog/HelioDataRegistry.json"

/* Signs URLs (presign.h). */
struct hdx_presigner {
  struct hdx_signer *signer; /* NULL until it is needed */
  int64_t expires;
  struct hdx_error failure; /* why there is none */
  bool told;                /* that URLs hold for less long than was asked for */
};

struct hdx_session {
  struct hdx_config config;
  char **environment;         /* as it was when the session was opened */
  struct hdx_profile profile; /* of the shared configuration files, without its keys */
  char *registry_url;         /* of a registry that was named by its path; or NULL */
  const char *region;         /* where neither the caller nor a registry names one; or NULL */
  struct hdx_log log;
  struct hdx_store store;
  struct hdx_engine *engine; /* NULL until the network is needed */
  struct hdx_workers *workers;
  uint64_t documents_bytes; /* of documents that are coming in */
  uint64_t catalog_bytes;   /* of catalogs that are open */
  bool little_memory;       /* for a catalog of the size that is usually allowed: catalog_bytes_max is less */
  struct hdx_presigner presigner;
  uv_async_t wake;  /* a cancellation has come */
  uv_timer_t watch; /* while the loop runs, asks whether one has */
  uint64_t asked_ns;
  atomic_bool wake_ready, cancelled;
  bool heedless;                /* what is going on goes on all the same */
  struct hdx_host_stats *hosts; /* of the last hdx_session_stats */
};

/* Whose credentials the session uses; texts are the configuration's. */
struct hdx_credentials_options hdx_session_credentials(const struct hdx_session *session);

/* Starts the loop and the workers, for what needs no network. */
enum hdx_status hdx_session_start(struct hdx_session *session, struct hdx_error *error);
/* Starts the network. NOT_FOUND: the session is offline. */
enum hdx_status hdx_session_online(struct hdx_session *session, struct hdx_error *error);

/* How many threads there may be: a thread takes some memory, whatever it has to do. */
unsigned hdx_session_threads(const struct hdx_session *session);

/* What open catalogs leave of the memory, half of it at the least: for what is fetched, and for rows. */
uint64_t hdx_session_memory(const struct hdx_session *session);
/* Tells the engine of that. */
void hdx_session_share_memory(struct hdx_session *session);

/* Runs the loop until *done. */
void hdx_session_run(struct hdx_session *session, const bool *done);

/* interrupt.c. Who waits in another way than by the session's loop finds out by these, on the caller's thread, that the
 * call is to end; workers look at `cancelled` alone.
 *
 * Whether the session is cancelled; asks its caller (config.interrupted) when that is due. */
bool hdx_session_cancelled(struct hdx_session *session);
/* Waits a moment for another process. INTERRUPTED: not worth it, as the session is cancelled. */
enum hdx_status hdx_session_pause(struct hdx_session *session, struct hdx_error *error);
/* Has a loop ask every now and then while it runs; `timer`, which does not keep it alive, is to be closed. */
void hdx_session_watch(struct hdx_session *session, uv_loop_t *loop, uv_timer_t *timer);

/* Where BUCKET is; texts are in the arena. Asks the registry if it is a registry name. The region of an S3 bucket is
 * looked up in the stored registry. */
enum hdx_status hdx_session_source(struct hdx_session *session, const char *bucket, struct hdx_arena *arena,
                                   struct hdx_source *source, struct hdx_error *error);

/* Where a location is fetched from, as a request wants it. */
struct hdx_target {
  char *url;
  struct hdx_bucket *bucket; /* the engine's; NULL: no object of a bucket */
  struct hdx_text key;       /* owned */
};

/* The target of an address; the session is online. MEMORY. `target`, which may be all zero, is to be freed in any case.
 */
enum hdx_status hdx_session_target(struct hdx_session *session, struct hdx_address *address, struct hdx_target *target,
                                   struct hdx_error *error);
void hdx_target_deinit(struct hdx_target *target);

/* The source of a registry's entry. DENIED: a registry of the network names a file:// or link-local address. */
enum hdx_status hdx_session_entry_source(struct hdx_session *session, const struct hdx_registry_entry *entry,
                                         struct hdx_arena *arena, struct hdx_source *source, struct hdx_error *error);

/* A document of the network that is wanted. What the texts and the address are views of lives until done. */
struct hdx_document_request {
  const char *stored_as; /* what it is called in the store, and by messages */
  struct hdx_address *address;
  struct hdx_text folder, name; /* in the store */
  bool revalidate;              /* its server is asked also if it is held */
  /* The end, once; from within hdx_session_document_start if no request is made. `document` (NULL on failure) is the
   * callee's from then on; `fresh` tells that its bytes are new and not yet in the store. `error` lives during the
   * call. LIMIT: it is too large, or all that come in at once are. */
  void (*done)(void *user, enum hdx_status status, struct hdx_document *document, bool fresh,
               const struct hdx_error *error);
  void *user;
};

/* Gets a document from the store, unless it is not there or to be revalidated; it is fetched then, conditionally. */
void hdx_session_document_start(struct hdx_session *session, const struct hdx_document_request *request);
/* The same, and waits for it; `done` and `user` are not the caller's. */
enum hdx_status hdx_session_document(struct hdx_session *session, struct hdx_document_request *request,
                                     struct hdx_document *document, bool *fresh, struct hdx_error *error);

struct hdx_registry {
  struct hdx_document document;
  struct hdx_registry_doc doc;
};

struct hdx_catalog {
  struct hdx_arena arena;
  struct hdx_source source;
  struct hdx_document document;
  struct hdx_catalog_doc doc;
  struct hdx_session *session; /* whose memory it takes; NULL: it is not counted (yet) */
  uint64_t bytes;
};

/* hdx_catalog_load; `revalidate` asks its server also if it is held; an offline session never does. */
enum hdx_status hdx_catalog_open(struct hdx_session *session, const char *bucket, bool revalidate,
                                 struct hdx_catalog **catalog, struct hdx_error *error);

/* A catalog is open (the callee's from then on), or NULL and could not be; `error` lives during the call. */
typedef void hdx_catalog_done(void *user, enum hdx_status status, struct hdx_catalog *catalog,
                              const struct hdx_error *error);

/* Begins to open the catalog of a registry's entry, which lives until then; `done` is called once, perhaps from within.
 */
void hdx_catalog_start(struct hdx_session *session, const struct hdx_registry_entry *entry, bool revalidate,
                       hdx_catalog_done *done, void *user);

#endif
