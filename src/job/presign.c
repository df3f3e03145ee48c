#include "job/presign.h"

#include "base/time.h"

/* The session's signer, made when it is first needed. */
static enum hdx_status find_signer(struct hdx_session *session, struct hdx_error *error) {
  const struct hdx_config *config = &session->config;
  const struct hdx_credentials_options options = {.key_id = config->access_key_id,
                                                  .secret = config->secret_access_key,
                                                  .token = config->session_token,
                                                  .profile = config->profile};
  struct hdx_credentials_request *request;
  struct hdx_credentials found;
  if (session->presigner)
    return HDX_OK;
  enum hdx_status status = hdx_credentials_request_new(&options, &request, error);
  if (status != HDX_OK)
    return status;
  status = hdx_credentials_find(request, &session->cancelled, &found, error);
  hdx_credentials_request_free(request);
  if (status != HDX_OK)
    return status;
  status = hdx_signer_new(hdx_text_of(found.key_id), hdx_text_of(found.secret), hdx_text_of(found.token),
                          &session->presigner, error);
  hdx_credentials_deinit(&found);
  return status;
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
  const struct hdx_sigv4_request request = {.method = HDX_TEXT("GET"),
                                            .path = url.path,
                                            .query = HDX_TEXT(""),
                                            .fields = &host,
                                            .field_count = 1,
                                            .payload_hash = HDX_TEXT(HDX_SIGV4_UNSIGNED_PAYLOAD)};
  const struct hdx_sigv4_scope scope = {
      hdx_time_now(), place->region.size ? place->region : HDX_TEXT(HDX_S3_REGION_DEFAULT), HDX_TEXT("s3")};
  hdx_buffer_append_text(out, text);
  hdx_buffer_append_byte(out, '?');
  status = hdx_sigv4_sign_query(session->presigner, &scope, &request, session->config.presign_s, out, error);
  return status == HDX_OK ? hdx_buffer_status(out, "presigned URL", error) : status;
}
