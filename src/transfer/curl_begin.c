/* Apart from the loading of libcurl, in whose place tests may put something else. */
#include "transfer/curl_api.h"

bool hdx_curl_begin(const struct hdx_curl_api *api, CURL *easy, const char *url, const char *protocols) {
  api->easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  api->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  api->easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  api->easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  api->easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  api->easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  api->easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  api->easy_setopt(easy, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  api->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  return api->easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
         api->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, protocols) == CURLE_OK &&
         api->easy_setopt(easy, CURLOPT_USERAGENT, "heliodex") == CURLE_OK;
}
