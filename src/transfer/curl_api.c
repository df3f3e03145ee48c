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

void hdx_curl_begin(const struct hdx_curl_api *api, CURL *easy, const char *url, const char *protocols) {
  api->easy_setopt(easy, CURLOPT_URL, url);
  api->easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  api->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, protocols);
  api->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  api->easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  api->easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  api->easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  api->easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  api->easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  api->easy_setopt(easy, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  api->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  api->easy_setopt(easy, CURLOPT_USERAGENT, "heliodex");
}
