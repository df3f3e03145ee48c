#include "transfer/curl_api.h"

#include <dlfcn.h>
#include <pthread.h>

static struct {
  struct hdx_curl_api api;
  bool loaded;
  struct hdx_error error;
} curl;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool find(void *library, const char *symbol, void *function) {
  void *address = dlsym(library, symbol);
  if (!address) {
    hdx_error_set(&curl.error, HDX_INTERNAL, "libcurl.so.4 has no %s: a newer libcurl is needed", symbol);
    return false;
  }
  /* POSIX lets dlsym's result be stored as a function pointer; C wants it done through memory. */
  __builtin_memcpy(function, &address, sizeof address);
  return true;
}

static void load(void) {
  void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    hdx_error_set(&curl.error, HDX_INTERNAL, "libcurl cannot be loaded: %s", dlerror());
    return;
  }
#define X(name, result, arguments)                                                                                     \
  if (!find(library, "curl_" #name, &curl.api.name))                                                                   \
    return;
  HDX_CURL_API_MAP(X)
#undef X
  if (curl.api.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    hdx_error_set(&curl.error, HDX_INTERNAL, "libcurl does not start");
    return;
  }
  curl.loaded = true;
}

const struct hdx_curl_api *hdx_curl_api(struct hdx_error *error) {
  pthread_once(&once, load);
  if (curl.loaded)
    return &curl.api;
  if (error)
    *error = curl.error;
  return NULL;
}
