#include "job/presign.h"

#include "base/log.h"
#include "base/time.h"
#include "transfer/bucket.h"
#include "transfer/loop.h"

enum { AHEAD_S = 60 /* credentials that end so soon are looked for anew */, ASK_NS = 50000000 };

/* A search for credentials, which may wait for services and processes. */
struct search {
  struct hdx_session *session;
  struct hdx_credentials_request *request;
  struct hdx_credentials *found;
  enum hdx_status status;
  struct hdx_error *error;
  uv_mutex_t mutex; /* guards `over` */
  uv_cond_t ended;
  bool over;
};

static void search(void *user) {
  struct search *it = user;
  it->status = hdx_credentials_find(it->request, &it->session->cancelled, it->found, it->error);
}

static void search_on_thread(void *user) {
  struct search *it = user;
  search(it);
  uv_mutex_lock(&it->mutex);
  it->over = true;
  uv_cond_signal(&it->ended);
  uv_mutex_unlock(&it->mutex);
}

/* The same on a thread of its own, while the caller is asked whether the call is to end. */
static void search_aside(struct search *it) {
  uv_thread_t thread;
  uv_mutex_init(&it->mutex);
  uv_cond_init(&it->ended);
  int code = hdx_thread_start(&thread, search_on_thread, it);
  if (code == 0) {
    uv_mutex_lock(&it->mutex);
    while (!it->over) {
      uv_cond_timedwait(&it->ended, &it->mutex, ASK_NS);
      hdx_session_cancelled(it->session); /* which the search sees */
    }
    uv_mutex_unlock(&it->mutex);
    uv_thread_join(&thread);
  } else {
    it->status =
        hdx_error_set(it->error, HDX_LIMIT, "no thread can be started to look for credentials: %s", uv_strerror(code));
  }
  uv_cond_destroy(&it->ended);
  uv_mutex_destroy(&it->mutex);
}

static enum hdx_status find(struct hdx_session *session, struct hdx_credentials *found, struct hdx_error *error) {
  const struct hdx_credentials_options options = hdx_session_credentials(session);
  struct hdx_credentials_request *request;
  enum hdx_status status = hdx_credentials_request_new(&options, &request, error);
  if (status != HDX_OK)
    return status;
  struct search it = {.session = session, .request = request, .found = found, .error = error};
  if (session->config.interrupted)
    search_aside(&it);
  else
    search(&it);
  hdx_credentials_request_free(request);
  return it.status;
}

/* The session's signer, made when it is first needed. What cannot be found is not looked for again. */
static enum hdx_status find_signer(struct hdx_session *session, struct hdx_error *error) {
  struct hdx_presigner *presigner = &session->presigner;
  struct hdx_credentials found;
  bool lasts = presigner->expires == HDX_TIME_NONE || presigner->expires - AHEAD_S * HDX_SECOND_NS > hdx_time_now();
  if (presigner->signer && lasts)
    return HDX_OK;
  if (presigner->failure.status == HDX_INTERRUPTED) /* that time; the session was resumed since */
    presigner->failure = (struct hdx_error){.status = HDX_OK};
  if (presigner->failure.status == HDX_OK && find(session, &found, &presigner->failure) == HDX_OK) {
    hdx_signer_free(presigner->signer);
    presigner->signer = NULL;
    presigner->expires = found.expires;
    hdx_log_write(&session->log, HDX_LOG_INFO, "URLs are signed with the credentials of %s", found.origin);
    hdx_signer_new(hdx_text_of(found.key_id), hdx_text_of(found.secret), hdx_text_of(found.token), &presigner->signer,
                   &presigner->failure);
    hdx_credentials_deinit(&found);
  }
  if (presigner->failure.status == HDX_OK)
    return HDX_OK;
  return hdx_error_set(error, presigner->failure.status, "%s", presigner->failure.message);
}

/* For how long: no longer than the credentials, which is told once. */
static uint32_t lifetime(struct hdx_session *session) {
  struct hdx_presigner *presigner = &session->presigner;
  uint32_t wanted = session->config.presign_s;
  int64_t left =
      presigner->expires == HDX_TIME_NONE ? INT64_MAX : (presigner->expires - hdx_time_now()) / HDX_SECOND_NS;
  if (left >= wanted)
    return wanted;
  if (!presigner->told)
    hdx_log_write(&session->log, HDX_LOG_WARNING,
                  "presigned URLs hold for %lld s in place of %u: as long as the credentials that sign them",
                  (long long)left, wanted);
  presigner->told = true;
  return left > 0 ? (uint32_t)left : 1;
}

/* The region that is signed for: what the engine has learned of the bucket counts more than what was said of it. */
static struct hdx_text region_of(struct hdx_session *session, const struct hdx_s3_place *place) {
  struct hdx_bucket *bucket = NULL;
  struct hdx_text region = place->region;
  if (session->engine && hdx_engine_bucket(session->engine, place, &bucket, NULL) == HDX_OK)
    region = hdx_text_of(bucket->region);
  return region.size ? region : HDX_TEXT(HDX_S3_REGION_DEFAULT);
}

enum hdx_status hdx_session_presign(struct hdx_session *session, const struct hdx_address *address,
                                    struct hdx_buffer *out, struct hdx_error *error) {
  struct hdx_text text = hdx_buffer_text(&address->url);
  const struct hdx_s3_place *place = &address->place;
  struct hdx_url url;
  if (!address->object.size)
    return hdx_error_set(error, HDX_USAGE, "%.*s: no object of S3, so that it cannot be presigned", HDX_TEXT_ARG(text));
  if (place->trust == HDX_S3_TRUST_NONE)
    return hdx_error_set(error, HDX_USAGE, "%.*s: credentials are for the endpoint alone", HDX_TEXT_ARG(text));
  enum hdx_status status = find_signer(session, error);
  if (status == HDX_OK)
    status = hdx_url_parse(text, &url, error);
  if (status != HDX_OK)
    return status;
  const struct hdx_sigv4_field host = {HDX_TEXT("host"), hdx_url_authority(&url)};
  const struct hdx_sigv4_request request = {
      .method = HDX_TEXT("GET"),
      .path = url.path,
      .query = session->config.request_payer ? HDX_TEXT("x-amz-request-payer=requester") : HDX_TEXT(""),
      .fields = &host,
      .field_count = 1,
      .payload_hash = HDX_TEXT(HDX_SIGV4_UNSIGNED_PAYLOAD)};
  const struct hdx_sigv4_scope scope = {hdx_time_now(), region_of(session, place), HDX_TEXT("s3")};
  hdx_buffer_append_text(out, text);
  hdx_buffer_append_byte(out, '?');
  status = hdx_sigv4_sign_query(session->presigner.signer, &scope, &request, lifetime(session), out, error);
  return status == HDX_OK ? hdx_buffer_status(out, "presigned URL", error) : status;
}
