#include "transfer/curl_api.h"

#include "base/error.h"
#include "base/library.h"

#include <pthread.h>

static struct hdx_curl_api curl;

#define X(name, result, arguments) "curl_" #name,
static const char *const symbols[] = {HDX_CURL_API_MAP(X)};
#undef X
#define X(name, result, arguments) &curl.name,
static void *const functions[] = {HDX_CURL_API_MAP(X)};
#undef X
static struct hdx_library library = HDX_LIBRARY("libcurl.so.4", symbols, functions);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards `started` */
static bool started;

static enum hdx_status start(struct hdx_error *error) {
  enum hdx_status status = hdx_library_need(&library, error);
  if (status != HDX_OK)
    return status;
  /* What OpenSSL lacks as it starts libcurl does not say: it can be nothing but memory. */
  CURLcode code = curl.global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK)
    return hdx_error_set(error, HDX_MEMORY, "out of memory: libcurl does not start: %s", curl.easy_strerror(code));
  started = true;
  return HDX_OK;
}

enum hdx_status hdx_curl_api(const struct hdx_curl_api **api, struct hdx_error *error) {
  pthread_mutex_lock(&mutex);
  enum hdx_status status = started ? HDX_OK : start(error);
  pthread_mutex_unlock(&mutex);
  if (status == HDX_OK)
    *api = &curl;
  return status;
}
