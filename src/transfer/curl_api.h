/* libcurl, loaded when the first transfer needs it.
 *
 * A query that is answered from the store needs no network, and loading libcurl with all that it links costs more
 * (about 5 ms) than the answer. So the functions in use are looked up in libcurl.so.4 by the first engine; the headers
 * of libcurl still give types and constants. */
#ifndef HDX_TRANSFER_CURL_API_H
#define HDX_TRANSFER_CURL_API_H

#include "base/error.h"

#include <curl/curl.h>
#include <stdbool.h>

/* member, symbol, type */
#define HDX_CURL_API_MAP(X)                                                                                            \
  X(global_init, CURLcode, (long flags))                                                                               \
  X(version_info, curl_version_info_data *, (CURLversion version))                                                     \
  X(getdate, time_t, (const char *date, const time_t *unused))                                                         \
  X(easy_init, CURL *, (void))                                                                                         \
  X(easy_setopt, CURLcode, (CURL * easy, CURLoption option, ...))                                                      \
  X(easy_getinfo, CURLcode, (CURL * easy, CURLINFO info, ...))                                                         \
  X(easy_perform, CURLcode, (CURL * easy))                                                                             \
  X(easy_reset, void, (CURL * easy))                                                                                   \
  X(easy_cleanup, void, (CURL * easy))                                                                                 \
  X(easy_pause, CURLcode, (CURL * easy, int mask))                                                                     \
  X(easy_strerror, const char *, (CURLcode code))                                                                      \
  X(slist_append, struct curl_slist *, (struct curl_slist * list, const char *text))                                   \
  X(slist_free_all, void, (struct curl_slist * list))                                                                  \
  X(multi_init, CURLM *, (void))                                                                                       \
  X(multi_cleanup, CURLMcode, (CURLM * multi))                                                                         \
  X(multi_setopt, CURLMcode, (CURLM * multi, CURLMoption option, ...))                                                 \
  X(multi_add_handle, CURLMcode, (CURLM * multi, CURL * easy))                                                         \
  X(multi_remove_handle, CURLMcode, (CURLM * multi, CURL * easy))                                                      \
  X(multi_socket_action, CURLMcode, (CURLM * multi, curl_socket_t socket, int events, int *running))                   \
  X(multi_info_read, CURLMsg *, (CURLM * multi, int *left))                                                            \
  X(multi_strerror, const char *, (CURLMcode code))

struct hdx_curl_api {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a type and a list of parameters cannot stand in them. */
#define X(name, result, arguments) result(*name) arguments;
  HDX_CURL_API_MAP(X)
#undef X
};

/* The functions. IO: libcurl cannot be loaded; MEMORY: it cannot start. Neither is for good. Thread-safe; never
 * unloaded. */
enum hdx_status hdx_curl_api(const struct hdx_curl_api **api, struct hdx_error *error);

/* Sets what all requests have in common: the protocols that are allowed, verified TLS of version 1.2 or later (to
 * https proxies, too), no redirects, no user or password but ours (of no URL and no ~/.netrc), no signals. False: out
 * of memory, of which libcurl takes some to copy texts. */
bool hdx_curl_begin(const struct hdx_curl_api *api, CURL *easy, const char *url, const char *protocols);

#endif
