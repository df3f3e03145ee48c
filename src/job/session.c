#include "job/session.h"

#include <signal.h>
#include <stdlib.h>
#include <strings.h>

void hdx_config_init(struct hdx_config *config) {
  *config = (struct hdx_config){
      .jobs = 256,
      .connections_per_host = 256,
      .retries = 8,
      .part_bytes = 8 << 20,
      .memory_bytes = 256 << 20,
      .catalog_bytes_max = 64 << 20,
      .retry_ms_max = 300000,
      .stall_ms_max = 30000,
      .connect_ms_max = 15000,
      .progress_ms = 100,
  };
}

static enum hdx_status check_range(const char *name, uint64_t value, uint64_t least, uint64_t most,
                                   struct hdx_error *error) {
  if (value >= least && value <= most)
    return HDX_OK;
  return hdx_error_set(error, HDX_USAGE, "%s is %llu: expected %llu to %llu", name, (unsigned long long)value,
                       (unsigned long long)least, (unsigned long long)most);
}

static enum hdx_status check_url(const char *name, const char *text, struct hdx_error *error) {
  struct hdx_url url;
  if (!text)
    return HDX_OK;
  enum hdx_status status = hdx_url_parse(hdx_text_of(text), &url, error);
  return status == HDX_OK ? HDX_OK : hdx_error_context(error, status, "%s", name);
}

static enum hdx_status check(const struct hdx_config *config, struct hdx_error *error) {
  const struct {
    const char *name;
    uint64_t value, least, most;
  } ranges[] = {
      {"jobs", config->jobs, 1, 4096},
      {"connections per host", config->connections_per_host, 1, 4096},
      {"threads", config->threads, 0, 256},
      {"retries", config->retries, 0, 1000},
      {"part size", config->part_bytes, 64 << 10, 1 << 30},
      {"memory", config->memory_bytes, 16 << 20, UINT64_C(1) << 44},
      {"catalog size limit", config->catalog_bytes_max, 1, UINT64_C(4) << 30},
      {"retry time", config->retry_ms_max, 0, UINT64_C(86400000) * 30},
      {"stall time", config->stall_ms_max, 1, 86400000},
      {"connect time", config->connect_ms_max, 1, 86400000},
  };
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    enum hdx_status status = check_range(ranges[i].name, ranges[i].value, ranges[i].least, ranges[i].most, error);
    if (status != HDX_OK)
      return status;
  }
  enum hdx_status status = check_url("registry URL", config->registry_url, error);
  if (status == HDX_OK)
    status = check_url("endpoint URL", config->endpoint_url, error);
  if (status == HDX_OK && config->endpoint_url && strncasecmp(config->endpoint_url, "http", 4) != 0)
    status =
        hdx_error_set(error, HDX_USAGE, "endpoint URL: expected http:// or https://, found %s", config->endpoint_url);
  for (size_t i = 0; status == HDX_OK && i < config->map_count; i++) {
    status = check_url("map", config->maps[i].from, error);
    if (status == HDX_OK)
      status = check_url("map", config->maps[i].to, error);
  }
  return status;
}

enum hdx_status hdx_session_open(const struct hdx_config *config, struct hdx_session **result,
                                 struct hdx_error *error) {
  enum hdx_status status = check(config, error);
  if (status != HDX_OK)
    return status;
  struct hdx_session *session = calloc(1, sizeof *session);
  if (!session)
    return hdx_error_memory(error, sizeof *session);
  session->config = *config;
  session->log = (struct hdx_log){config->log_level, config->log, config->log_user};
  const char *registry = getenv("ROOT_CATALOG_REGISTRY_URL");
  if (!session->config.registry_url)
    session->config.registry_url = registry && registry[0] ? registry : HDX_REGISTRY_URL;
  if (!session->config.catalog_name)
    session->config.catalog_name = "catalog.json";
  /* libcurl the library, unlike curl the program, does not look at these. */
  const char *variables[] = {"CURL_CA_BUNDLE", "SSL_CERT_FILE"};
  for (size_t i = 0; i < 2 && !session->config.ca_file; i++) {
    const char *file = getenv(variables[i]);
    session->config.ca_file = file && file[0] ? file : NULL;
  }
  status = hdx_store_init(&session->store, config->store, error);
  if (status != HDX_OK) {
    free(session);
    return status;
  }
  *result = session;
  return HDX_OK;
}

static void on_wake(uv_async_t *async) {
  struct hdx_session *session = async->data;
  if (atomic_load(&session->cancelled))
    hdx_engine_cancel(session->engine);
}

enum hdx_status hdx_session_online(struct hdx_session *session, struct hdx_error *error) {
  const struct hdx_config *config = &session->config;
  if (session->engine)
    return HDX_OK;
  if (config->offline)
    return hdx_error_set(error, HDX_NOT_FOUND, "the session is offline");
  struct hdx_engine_options options = {
      .jobs = config->jobs,
      .connections_per_host = config->connections_per_host,
      .retries = config->retries,
      .part_bytes = config->part_bytes,
      .memory_bytes = config->memory_bytes,
      .rate_bytes = config->rate_bytes,
      .retry_ms_max = config->retry_ms_max,
      .stall_ms_max = config->stall_ms_max,
      .connect_ms_max = config->connect_ms_max,
      .ca_file = config->ca_file,
      .log = &session->log,
  };
  /* Neither a peer that closes a connection nor a limit of file sizes must end the program: both are errors. */
  static const int signals[] = {SIGPIPE, SIGXFSZ};
  for (size_t i = 0; i < 2; i++) {
    struct sigaction action;
    if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler == SIG_DFL)
      signal(signals[i], SIG_IGN);
  }
  struct hdx_engine *engine;
  enum hdx_status status = hdx_engine_open(&options, &engine, error);
  if (status != HDX_OK)
    return status;
  unsigned threads = config->threads ? config->threads : uv_available_parallelism();
  status = hdx_workers_open(hdx_engine_loop(engine), threads, &session->workers, error);
  if (status != HDX_OK) {
    hdx_engine_close(engine);
    return status;
  }
  session->engine = engine;
  uv_async_init(hdx_engine_loop(engine), &session->wake, on_wake);
  session->wake.data = session;
  atomic_store(&session->wake_ready, true);
  if (atomic_load(&session->cancelled))
    hdx_engine_cancel(engine);
  return HDX_OK;
}

void hdx_session_close(struct hdx_session *session) {
  if (!session)
    return;
  if (session->engine) {
    atomic_store(&session->wake_ready, false);
    uv_close((uv_handle_t *)&session->wake, NULL);
    hdx_workers_close(session->workers);
    hdx_engine_close(session->engine);
  }
  hdx_store_deinit(&session->store);
  free(session->hosts);
  free(session);
}

void hdx_session_cancel(struct hdx_session *session) {
  atomic_store(&session->cancelled, true);
  if (atomic_load(&session->wake_ready))
    uv_async_send(&session->wake);
}

void hdx_session_run(struct hdx_session *session, const bool *done) {
  while (!*done)
    uv_run(hdx_engine_loop(session->engine), UV_RUN_ONCE);
}

const char *hdx_session_store(const struct hdx_session *session) {
  return session->store.root;
}

void hdx_session_stats(struct hdx_session *session, struct hdx_stats *stats) {
  struct hdx_engine_totals totals;
  *stats = (struct hdx_stats){0};
  if (!session->engine)
    return;
  free(session->hosts);
  session->hosts = NULL;
  hdx_engine_totals(session->engine, &totals);
  stats->requests = totals.requests;
  stats->connections = totals.connections;
  stats->connections_reused = totals.requests > totals.connections ? totals.requests - totals.connections : 0;
  stats->bytes = totals.bytes;
  stats->retries = totals.retries;
  stats->throttled = totals.throttled;
  if (hdx_engine_hosts(session->engine, &session->hosts, &stats->host_count, NULL) == HDX_OK)
    stats->hosts = session->hosts;
}
