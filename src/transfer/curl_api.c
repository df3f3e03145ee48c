#include "transfer/curl_api.h"

#include "base/library.h"

#include <pthread.h>

static struct {
  struct hdx_curl_api api;
  enum hdx_status status;
  struct hdx_error error;
} curl;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
#define X(name, result, arguments) "curl_" #name,
  static const char *const symbols[] = {HDX_CURL_API_MAP(X)};
#undef X
#define X(name, result, arguments) &curl.api.name,
  void *const functions[] = {HDX_CURL_API_MAP(X)};
#undef X
  curl.status = hdx_library_load("libcurl.so.4", symbols, functions, sizeof symbols / sizeof *symbols, &curl.error);
  if (curl.status == HDX_OK && curl.api.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    curl.status = hdx_error_set(&curl.error, HDX_INTERNAL, "libcurl does not start");
}

const struct hdx_curl_api *hdx_curl_api(struct hdx_error *error) {
  pthread_once(&once, load);
  if (curl.status == HDX_OK)
    return &curl.api;
  if (error)
    *error = curl.error;
  return NULL;
}
