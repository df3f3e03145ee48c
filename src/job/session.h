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
  const char *region;         /* where neither the caller nor a registry names one; or NULL */
  struct hdx_log log;
  struct hdx_store store;
  struct hdx_engine *engine; /* NULL until the network is needed */
  struct hdx_workers *workers;
  struct hdx_presigner presigner;
  uv_async_t wake; /* a cancellation has come */
  atomic_bool wake_ready, cancelled;
  struct hdx_host_stats *hosts; /* of the last hdx_session_stats */
};

/* Whose credentials the session uses; texts are the configuration's. */
struct hdx_credentials_options hdx_session_credentials(const struct hdx_session *session);

/* Starts the network. */
enum hdx_status hdx_session_online(struct hdx_session *session, struct hdx_error *error);

/* Runs the loop until *done. */
void hdx_session_run(struct hdx_session *session, const bool *done);

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

/* A document of the network: from the store, unless it is not there or `revalidate`; fetched then, conditionally, from
 * `address`. `stored_as` is what it is called in the store; *fresh tells that its bytes are new and not yet there. */
enum hdx_status hdx_session_document(struct hdx_session *session, const char *stored_as, struct hdx_address *address,
                                     struct hdx_text folder, struct hdx_text name, bool revalidate,
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
};

/* hdx_catalog_load; `revalidate` asks its server also if it is held, `offline` never does. */
enum hdx_status hdx_catalog_open(struct hdx_session *session, const char *bucket, bool revalidate,
                                 struct hdx_catalog **catalog, struct hdx_error *error);

#endif
