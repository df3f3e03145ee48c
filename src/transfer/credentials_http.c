/* Asking the services that hand out credentials on a machine: one blocking request at a time.
 *
 * They are next to us, so they are never asked through a proxy and are given up soon; what they answer with is secret,
 * so no redirect is followed. Wiped are the body and our list of headers; not reached are libcurl's own buffers, which
 * it frees with the handle. */
#include "transfer/credentials_source.h"

#include "base/error.h"
#include "base/url.h"
#include "transfer/curl_api.h"
#include "transfer/environment.h"

enum { SECONDS_MAX = 600, ATTEMPTS_MAX = 100 };

static size_t on_body(char *data, size_t one, size_t size, void *user) {
  struct hdx_buffer *body = user;
  (void)one;
  hdx_buffer_append(body, data, size);
  return body->status == HDX_OK ? size : 0;
}

static int on_progress(void *user, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now) {
  const atomic_bool *cancelled = user;
  (void)total, (void)now, (void)up_total, (void)up_now;
  return atomic_load(cancelled);
}

/* The number that a variable gives, which stays as it is if the variable is not set. */
static enum hdx_status read_number(const struct hdx_credentials_context *context, const char *variable, uint64_t max,
                                   uint64_t *number, struct hdx_error *error) {
  struct hdx_text value = hdx_text_of(hdx_environment_get(context->environment, variable));
  if (!value.size || (hdx_text_to_u64(value, max, number) && *number > 0))
    return HDX_OK;
  return hdx_error_set(error, HDX_USAGE, "%s: expected a whole number from 1 to %llu", variable,
                       (unsigned long long)max);
}

static bool set_options(const struct hdx_curl_api *curl, CURL *easy, const struct hdx_credentials_context *context,
                        const struct hdx_credentials_get *get, uint64_t seconds) {
  bool well =
      hdx_curl_begin(curl, easy, get->url, get->protocols) && curl->easy_setopt(easy, CURLOPT_NOPROXY, "*") == CURLE_OK;
  curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)seconds * 1000);
  curl->easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)seconds * 2000);
  curl->easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl->easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl->easy_setopt(easy, CURLOPT_XFERINFODATA, (void *)context->cancelled);
  if (get->put) {
    curl->easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl->easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)0);
  }
  return well;
}

static enum hdx_status perform(const struct hdx_curl_api *curl, CURL *easy,
                               const struct hdx_credentials_context *context, const struct hdx_credentials_get *get,
                               struct hdx_buffer *body, long *code, struct hdx_error *error) {
  struct hdx_url url = {0};
  hdx_buffer_wipe(body);
  hdx_buffer_clear(body);
  if (atomic_load(context->cancelled))
    return hdx_error_set(error, HDX_INTERRUPTED, "interrupted");
  curl->easy_setopt(easy, CURLOPT_WRITEDATA, body);
  CURLcode result = curl->easy_perform(easy);
  if (result == CURLE_ABORTED_BY_CALLBACK)
    return hdx_error_set(error, HDX_INTERRUPTED, "interrupted");
  if (body->status != HDX_OK)
    return hdx_buffer_status(body, get->source, error);
  if (result == CURLE_OUT_OF_MEMORY)
    return hdx_error_memory(error, body->max);
  if (result != CURLE_OK) {
    /* The path stays out of the message: in a container, who knows it gets the credentials. */
    hdx_url_parse(hdx_text_of(get->url), &url, NULL);
    return hdx_error_set(error, HDX_TEMPORARY, "%s did not answer (%.*s%s%.*s: %s)", get->source,
                         HDX_TEXT_ARG(url.host), url.port.size ? ":" : "", HDX_TEXT_ARG(url.port),
                         curl->easy_strerror(result));
  }
  curl->easy_getinfo(easy, CURLINFO_RESPONSE_CODE, code);
  return HDX_OK;
}

enum hdx_status hdx_credentials_http(const struct hdx_credentials_context *context,
                                     const struct hdx_credentials_get *get, struct hdx_buffer *body, long *code,
                                     struct hdx_error *error) {
  uint64_t seconds = 1, attempts = 1;
  enum hdx_status status = read_number(context, "AWS_METADATA_SERVICE_TIMEOUT", SECONDS_MAX, &seconds, error);
  if (status == HDX_OK)
    status = read_number(context, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", ATTEMPTS_MAX, &attempts, error);
  const struct hdx_curl_api *curl;
  if (status == HDX_OK)
    status = hdx_curl_api(&curl, error);
  if (status != HDX_OK)
    return status;
  CURL *easy = curl->easy_init();
  struct curl_slist *headers = curl->slist_append(NULL, get->header ? get->header : "Accept: application/json");
  hdx_buffer_clear(body);
  hdx_buffer_reserve(body, body->max); /* so that it never moves */
  if (!easy || !headers || body->status != HDX_OK || !set_options(curl, easy, context, get, seconds)) {
    status = hdx_error_memory(error, body->max);
  } else {
    curl->easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    do {
      *code = 0;
      status = perform(curl, easy, context, get, body, code, error);
    } while (--attempts && (status == HDX_TEMPORARY || (status == HDX_OK && *code >= 500)));
  }
  if (easy)
    curl->easy_cleanup(easy);
  if (headers)
    explicit_bzero(headers->data, strlen(headers->data));
  curl->slist_free_all(headers);
  return status;
}
