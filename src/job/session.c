#include "job/session.h"

#include "base/cpu.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  CATALOG_BYTES_MAX = 64 << 20, /* unless more is asked for */
  CATALOG_SLACK_BYTES = 32 << 20
};
#define THREAD_BYTES (UINT64_C(8) << 20) /* an encoder, rows that are being written, what the allocator keeps */

void hdx_config_init(struct hdx_config *config) {
  *config = (struct hdx_config){
      .jobs = 256,
      .connections_per_host = 256,
      .retries = 8,
      .part_bytes = 8 << 20,
      .memory_bytes = 256 << 20,
      .catalog_bytes_max = CATALOG_BYTES_MAX,
      .retry_ms_max = 300000,
      .stall_ms_max = 30000,
      .connect_ms_max = 15000,
      .presign_s = 3600,
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
      {"lifetime of presigned URLs", config->presign_s, 1, HDX_SIGV4_EXPIRES_S_MAX},
      {"connect time", config->connect_ms_max, 1, 86400000},
  };
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    enum hdx_status status = check_range(ranges[i].name, ranges[i].value, ranges[i].least, ranges[i].most, error);
    if (status != HDX_OK)
      return status;
  }
  enum hdx_status status = check_url("registry URL", config->registry_url, error);
  const char *endpoint = config->endpoint_url && config->endpoint_url[0] ? config->endpoint_url : NULL;
  if (status == HDX_OK && endpoint && !hdx_url_like(hdx_text_of(endpoint)))
    return hdx_error_set(error, HDX_USAGE, "endpoint URL: expected http:// or https:// in front of %s", endpoint);
  if (status == HDX_OK)
    status = check_url("endpoint URL", endpoint, error);
  if (status == HDX_OK && endpoint && strncasecmp(endpoint, "http", 4) != 0)
    status = hdx_error_set(error, HDX_USAGE, "endpoint URL: expected http:// or https://, found %s", endpoint);
  for (size_t i = 0; status == HDX_OK && i < config->map_count; i++) {
    status = check_url("map", config->maps[i].from, error);
    if (status == HDX_OK)
      status = check_url("map", config->maps[i].to, error);
  }
  return status;
}

/* The certificates that the caller names. Those of variables may be for others: they are read where they are needed. */
static enum hdx_status check_authorities(const char *path, struct hdx_error *error) {
  struct stat file;
  int code = 0;
  if (path && (stat(path, &file) != 0 || access(path, R_OK) != 0))
    code = errno;
  else if (path && S_ISDIR(file.st_mode))
    code = EISDIR;
  return code ? hdx_error_errno(error, path, "the certificates cannot be read", code) : HDX_OK;
}

/* Reads the user's profile. What is wrong with it is an error only to those who asked for it: public archives are read
 * without. */
static enum hdx_status read_profile(struct hdx_session *session, struct hdx_error *error) {
  struct hdx_profile *profile = &session->profile;
  const char *name = session->config.profile;
  struct hdx_error why;
  enum hdx_status status = hdx_profile_read(session->environment, name, profile, &why);
  if (status == HDX_OK && name && !profile->found) {
    status = hdx_error_set(&why, HDX_USAGE, "no profile is called %s in the shared configuration files", name);
    hdx_profile_free(profile);
  }
  hdx_profile_forget_keys(profile);
  if (status == HDX_OK && profile->named && !profile->found)
    hdx_log_write(&session->log, HDX_LOG_WARNING, "no profile is called %s in %s and %s", profile->name.data,
                  profile->credentials_file.data, profile->config_file.data);
  if (status == HDX_OK)
    return HDX_OK;
  *profile = (struct hdx_profile){.name = HDX_TEXT("")};
  if (name)
    return hdx_error_set(error, status, "%s", why.message);
  hdx_log_write(&session->log, HDX_LOG_WARNING, "the shared configuration files are left alone: %s", why.message);
  return HDX_OK;
}

/* The first of the variables that is set, or the profile's setting; else `fallback`. */
static const char *setting(const struct hdx_session *session, const char *given, const char *const *variables,
                           struct hdx_text of_profile, const char *fallback) {
  for (; !given && *variables; variables++) {
    const char *value = hdx_environment_get(session->environment, *variables);
    given = value[0] ? value : NULL;
  }
  if (!given)
    given = of_profile.size ? of_profile.data : fallback;
  return given;
}

static bool is_true(const char *text) {
  return text && strcasecmp(text, "true") == 0;
}

/* Fills in what the caller left open, from the environment and the profile. */
static void complete(struct hdx_session *session) {
  static const char *const registry[] = {"ROOT_CATALOG_REGISTRY_URL", NULL};
  static const char *const endpoint[] = {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", NULL};
  static const char *const region[] = {"AWS_REGION", "AWS_DEFAULT_REGION", NULL};
  /* libcurl the library, unlike curl the program, does not look at these. */
  static const char *const ca[] = {"AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", NULL};
  static const char *const dualstack[] = {"AWS_USE_DUALSTACK_ENDPOINT", NULL}, *const none[] = {NULL};
  const struct hdx_profile *profile = &session->profile;
  struct hdx_config *config = &session->config;
  config->registry_url = setting(session, config->registry_url, registry, HDX_TEXT(""), HDX_REGISTRY_URL);
  config->catalog_name = setting(session, config->catalog_name, none, HDX_TEXT(""), "catalog.json");
  if (!is_true(hdx_environment_get(session->environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")))
    config->endpoint_url = setting(session, config->endpoint_url, endpoint, profile->endpoint_url, NULL);
  if (config->endpoint_url && !config->endpoint_url[0])
    config->endpoint_url = NULL;
  if (is_true(hdx_environment_get(session->environment, "AWS_USE_FIPS_ENDPOINT")))
    hdx_log_write(&session->log, HDX_LOG_WARNING, "AWS_USE_FIPS_ENDPOINT is left alone: such addresses are not known");
  config->ca_file = setting(session, config->ca_file, ca, profile->ca_bundle, NULL);
  session->region = setting(session, NULL, region, profile->region, NULL);
  config->dualstack |= is_true(setting(session, NULL, dualstack, profile->use_dualstack, NULL));
  if (config->addressing == HDX_ADDRESSING_AUTO && hdx_text_is(profile->addressing_style, "virtual"))
    config->addressing = HDX_ADDRESSING_VIRTUAL;
  else if (config->addressing == HDX_ADDRESSING_AUTO && hdx_text_is(profile->addressing_style, "path"))
    config->addressing = HDX_ADDRESSING_PATH;
}

/* Who has little memory has none for a catalog of any size; who asks for a larger one than is usual knows. */
static void fit_catalogs(struct hdx_session *session) {
  struct hdx_config *config = &session->config;
  uint64_t most = (config->memory_bytes + CATALOG_SLACK_BYTES) / HDX_CATALOG_FACTOR;
  session->little_memory = config->catalog_bytes_max <= CATALOG_BYTES_MAX && most < config->catalog_bytes_max;
  if (session->little_memory)
    config->catalog_bytes_max = most;
}

/* A registry that is named by its path has a URL, too. */
static enum hdx_status name_registry(struct hdx_session *session, struct hdx_error *error) {
  struct hdx_text path = hdx_text_of(session->config.registry_url);
  struct hdx_buffer url;
  size_t size;
  if (hdx_url_like(path))
    return HDX_OK;
  char *folder = path.size && path.data[0] == '/' ? strdup("") : getcwd(NULL, 0);
  if (!folder)
    return hdx_error_set(error, HDX_USAGE, "registry URL: %s: the working directory cannot be told", path.data);
  hdx_buffer_init(&url, HDX_URL_BYTES_MAX);
  hdx_buffer_append_text(&url, HDX_TEXT("file://"));
  hdx_url_encode(&url, hdx_text_of(folder), true);
  hdx_buffer_append_text(&url, path.size && path.data[0] == '/' ? HDX_TEXT("") : HDX_TEXT("/"));
  hdx_url_encode(&url, path, true);
  hdx_buffer_append_byte(&url, 0);
  free(folder);
  enum hdx_status status = hdx_buffer_status(&url, "registry URL", error);
  session->registry_url = hdx_buffer_take(&url, &size);
  session->config.registry_url = session->registry_url;
  return status;
}

enum hdx_status hdx_session_open(const struct hdx_config *config, struct hdx_session **result,
                                 struct hdx_error *error) {
  struct hdx_session *session = calloc(1, sizeof *session);
  if (!session)
    return hdx_error_memory(error, sizeof *session);
  session->config = *config;
  if (session->config.profile && !session->config.profile[0])
    session->config.profile = NULL;
  if (session->config.index_cache && !session->config.index_cache[0])
    session->config.index_cache = NULL;
  session->log = (struct hdx_log){config->log_level, config->log, config->log_user};
  /* What variables say is read now: their owner may change them while the session lasts. */
  hdx_cpu_level();
  session->environment = hdx_environment_copy(environ);
  enum hdx_status status =
      session->environment ? read_profile(session, error) : hdx_error_memory(error, sizeof *session->environment);
  if (status == HDX_OK) {
    complete(session);
    status = name_registry(session, error);
  }
  if (status == HDX_OK)
    status = check(&session->config, error);
  if (status == HDX_OK)
    status = check_authorities(config->ca_file, error);
  if (status == HDX_OK) {
    fit_catalogs(session);
    status = hdx_store_init(&session->store, config->store, error);
  }
  if (status != HDX_OK) {
    hdx_profile_free(&session->profile);
    hdx_environment_free(session->environment);
    free(session->registry_url);
    free(session);
    return status;
  }
  const char *exposure = hdx_store_exposure(&session->store);
  if (exposure)
    hdx_log_write(&session->log, HDX_LOG_WARNING, "%s: the store %s, who can have it give wrong answers",
                  session->store.root, exposure);
  *result = session;
  return HDX_OK;
}

static void on_wake(uv_async_t *async) {
  struct hdx_session *session = async->data;
  if (atomic_load(&session->cancelled))
    hdx_engine_cancel(session->engine);
}

struct hdx_credentials_options hdx_session_credentials(const struct hdx_session *session) {
  const struct hdx_config *config = &session->config;
  return (struct hdx_credentials_options){.key_id = config->access_key_id,
                                          .secret = config->secret_access_key,
                                          .token = config->session_token,
                                          .profile = config->profile,
                                          .environment = session->environment,
                                          .offline = config->offline};
}

enum hdx_status hdx_session_online(struct hdx_session *session, struct hdx_error *error) {
  if (session->config.offline)
    return hdx_error_set(error, HDX_NOT_FOUND, "the session is offline");
  return hdx_session_start(session, error);
}

unsigned hdx_session_threads(const struct hdx_session *session) {
  const struct hdx_config *config = &session->config;
  unsigned threads = config->threads ? config->threads : uv_available_parallelism();
  uint64_t most = config->memory_bytes / THREAD_BYTES; /* two at the least: memory is checked */
  if (threads <= most)
    return threads;
  hdx_log_write(&session->log, HDX_LOG_INFO, "%llu threads in place of %u: more memory would be needed",
                (unsigned long long)most, threads);
  return (unsigned)most;
}

enum hdx_status hdx_session_start(struct hdx_session *session, struct hdx_error *error) {
  const struct hdx_config *config = &session->config;
  if (session->engine)
    return HDX_OK;
  struct hdx_engine_options options = {
      .jobs = config->jobs,
      .connections_per_host = config->connections_per_host,
      .retries = config->retries,
      .part_bytes = config->part_bytes,
      .memory_bytes = hdx_session_memory(session),
      .rate_bytes = config->rate_bytes,
      .retry_ms_max = config->retry_ms_max,
      .stall_ms_max = config->stall_ms_max,
      .connect_ms_max = config->connect_ms_max,
      .ca_file = config->ca_file,
      .environment = session->environment,
      .sign = config->sign,
      .request_payer = config->request_payer,
      .credentials = hdx_session_credentials(session),
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
  status = hdx_workers_open(hdx_engine_loop(engine), hdx_session_threads(session), &session->workers, error);
  if (status != HDX_OK) {
    hdx_engine_close(engine);
    return status;
  }
  session->engine = engine;
  uv_async_init(hdx_engine_loop(engine), &session->wake, on_wake);
  session->wake.data = session;
  hdx_session_watch(session, hdx_engine_loop(engine), &session->watch);
  atomic_store(&session->wake_ready, true);
  if (atomic_load(&session->cancelled))
    hdx_engine_cancel(engine);
  return HDX_OK;
}

uint64_t hdx_session_memory(const struct hdx_session *session) {
  uint64_t bytes = session->config.memory_bytes, taken = session->catalog_bytes;
  return bytes - (taken < bytes / 2 ? taken : bytes / 2);
}

void hdx_session_share_memory(struct hdx_session *session) {
  if (session->engine)
    hdx_engine_share_memory(session->engine, hdx_session_memory(session));
}

void hdx_session_close(struct hdx_session *session) {
  if (!session)
    return;
  if (session->engine) {
    atomic_store(&session->wake_ready, false);
    uv_close((uv_handle_t *)&session->wake, NULL);
    uv_close((uv_handle_t *)&session->watch, NULL);
    hdx_workers_close(session->workers);
    hdx_engine_close(session->engine);
  }
  hdx_store_deinit(&session->store);
  hdx_profile_free(&session->profile);
  hdx_signer_free(session->presigner.signer);
  hdx_environment_free(session->environment);
  free(session->registry_url);
  free(session->hosts);
  free(session);
}

enum hdx_status hdx_session_target(struct hdx_session *session, struct hdx_address *address, struct hdx_target *target,
                                   struct hdx_error *error) {
  *target = (struct hdx_target){.url = hdx_text_dup(hdx_buffer_text(&address->url))};
  if (!target->url)
    return hdx_error_memory(error, address->url.size);
  if (!address->object.size)
    return HDX_OK;
  struct hdx_text key = hdx_address_key(address);
  char *copy = hdx_text_dup(key);
  if (!copy)
    return hdx_error_memory(error, key.size);
  target->key = (struct hdx_text){copy, key.size};
  return hdx_engine_bucket(session->engine, &address->place, &target->bucket, error);
}

void hdx_target_deinit(struct hdx_target *target) {
  free((char *)target->key.data);
  free(target->url);
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
