#include "transfer/identity.h"

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  RENEW_S = 300,      /* so long before they expire, credentials are renewed */
  RENEW_PAUSE_S = 10, /* at least between two attempts, if the source has none that last longer */
  SKEW_S = 240, /* clocks that far apart are corrected: S3 refuses beyond 15 minutes, and Date has whole seconds */
  SIGNATURE_DIGITS = 64,
  SIGNATURE_PART_DIGITS = 20, /* by which one is recognised where a text was cut */
  CUT_BYTES = 4,              /* a text that fills its array but for so many may have been cut */
  TOKEN_PART_BYTES = 16,      /* by which a token is recognised */
};

void hdx_identity_init(struct hdx_identity *identity, uv_loop_t *loop, const struct hdx_credentials_options *options,
                       const struct hdx_log *log, void (*changed)(void *user), void *user) {
  *identity = (struct hdx_identity){
      .loop = loop, .changed = changed, .user = user, .log = log, .options = *options, .expires = HDX_TIME_NONE};
  hdx_sigv4_headers_init(&identity->headers);
}

void hdx_identity_deinit(struct hdx_identity *identity) {
  atomic_store(&identity->cancelled, true);
  while (identity->searching)
    uv_run(identity->loop, UV_RUN_ONCE);
  hdx_credentials_request_free(identity->request);
  hdx_signer_free(identity->signer);
  hdx_sigv4_headers_deinit(&identity->headers);
}

static void fail(struct hdx_identity *identity, enum hdx_status status, const char *message) {
  hdx_error_set(&identity->error, status, "%s", message);
  identity->state = HDX_IDENTITY_FAILED;
  identity->changed(identity->user);
}

static enum hdx_status no_thread(struct hdx_error *error, int code) {
  return hdx_error_set(error, HDX_LIMIT, "no thread can be started to look for credentials: %s", uv_strerror(code));
}

/* On a thread of its own. */
static void search(struct hdx_errand *errand) {
  struct hdx_identity *identity = errand->user;
  identity->found_status =
      hdx_credentials_find(identity->request, &identity->cancelled, &identity->found, &identity->found_error);
}

static bool same(const struct hdx_identity *identity, const struct hdx_credentials *found) {
  return identity->signer && hdx_text_is(hdx_signer_key_id(identity->signer), found->key_id) &&
         hdx_text_is(hdx_signer_token(identity->signer), found->token);
}

/* When credentials that end then are to be renewed. A source that has none that last longer is asked again after half
 * the time that is left. */
static int64_t renew_time(const struct hdx_identity *identity, int64_t expires, int64_t now) {
  int64_t left = expires - now, pause = left / 2;
  if (!identity->generation || left > RENEW_S * HDX_SECOND_NS)
    return expires - RENEW_S * HDX_SECOND_NS;
  return now + (pause > RENEW_PAUSE_S * HDX_SECOND_NS ? pause : RENEW_PAUSE_S * HDX_SECOND_NS);
}

static enum hdx_status take(struct hdx_identity *identity, struct hdx_error *error) {
  struct hdx_credentials *found = &identity->found;
  struct hdx_signer *signer;
  int64_t now = hdx_time_now() + identity->skew_ns;
  if (found->expires != HDX_TIME_NONE && found->expires <= now)
    return hdx_error_set(error, HDX_DENIED, "the credentials of %s have expired by the server's clock", found->origin);
  if (identity->renewed && same(identity, found))
    return hdx_error_set(error, HDX_DENIED,
                         "the credentials of %s are not valid, or no longer (%s), and there are no others",
                         found->origin, identity->why);
  enum hdx_status status =
      hdx_signer_new(hdx_text_of(found->key_id), hdx_text_of(found->secret), hdx_text_of(found->token), &signer, error);
  if (status != HDX_OK)
    return status;
  hdx_signer_free(identity->signer);
  identity->signer = signer;
  identity->expires = found->expires;
  identity->renew = found->expires == HDX_TIME_NONE ? HDX_TIME_NONE : renew_time(identity, found->expires, now);
  identity->generation++;
  identity->proven = false;
  identity->renewable = found->renewable;
  snprintf(identity->origin, sizeof identity->origin, "%s", found->origin);
  hdx_log_write(identity->log, HDX_LOG_INFO, "credentials of %s", identity->origin);
  return HDX_OK;
}

static bool passed(const struct hdx_identity *identity, int64_t time) {
  return time != HDX_TIME_NONE && time <= hdx_time_now() + identity->skew_ns;
}

static void searched(struct hdx_errand *errand) {
  struct hdx_identity *identity = errand->user;
  struct hdx_error error = identity->found_error;
  enum hdx_status status = identity->found_status;
  identity->searching = false;
  if (errand->failure)
    status = no_thread(&error, errand->failure);
  if (status == HDX_OK) {
    status = take(identity, &error);
    hdx_credentials_deinit(&identity->found);
  }
  if (status == HDX_OK) {
    identity->state = HDX_IDENTITY_KNOWN;
    identity->changed(identity->user);
  } else if (identity->state == HDX_IDENTITY_KNOWN && !passed(identity, identity->expires)) {
    /* What is known holds until it expires. */
    identity->renew = hdx_time_now() + identity->skew_ns + RENEW_PAUSE_S * HDX_SECOND_NS;
    hdx_log_write(identity->log, HDX_LOG_WARNING, "credentials cannot be renewed: %s", error.message);
  } else {
    fail(identity, status, error.message);
  }
}

static void begin_search(struct hdx_identity *identity) {
  enum hdx_status status = HDX_OK;
  struct hdx_error error;
  if (identity->searching)
    return;
  if (!identity->request)
    status = hdx_credentials_request_new(&identity->options, &identity->request, &error);
  if (status == HDX_OK && !hdx_errand_start(&identity->errand, identity->loop, search, searched, identity))
    status = no_thread(&error, UV_ENOMEM);
  if (status == HDX_OK)
    identity->searching = true;
  else
    fail(identity, status, error.message);
}

enum hdx_identity_state hdx_identity_want(struct hdx_identity *identity) {
  if (identity->state == HDX_IDENTITY_KNOWN && passed(identity, identity->expires)) {
    assert(identity->renewable); /* when others end nobody says */
    identity->state = HDX_IDENTITY_SEARCHING;
  }
  if (identity->state == HDX_IDENTITY_UNKNOWN)
    identity->state = HDX_IDENTITY_SEARCHING;
  if (identity->state == HDX_IDENTITY_SEARCHING ||
      (identity->state == HDX_IDENTITY_KNOWN && identity->renewable && passed(identity, identity->renew)))
    begin_search(identity);
  return identity->state;
}

bool hdx_identity_expired(struct hdx_identity *identity, unsigned generation, const char *why) {
  if (identity->state == HDX_IDENTITY_FAILED)
    return false;
  if (generation != identity->generation || identity->state == HDX_IDENTITY_SEARCHING)
    return true;
  if (identity->renewable && !identity->renewed) {
    hdx_log_write(identity->log, HDX_LOG_INFO, "renewing the credentials of %s: %s", identity->origin, why);
    identity->renewed = true;
    snprintf(identity->why, sizeof identity->why, "%s", why);
    identity->state = HDX_IDENTITY_SEARCHING;
    begin_search(identity);
    return identity->state != HDX_IDENTITY_FAILED;
  }
  char text[HDX_ERROR_TEXT_MAX];
  snprintf(text, sizeof text, "the credentials of %s are not valid, or no longer: %s; with new ones, a rerun goes on",
           identity->origin, why);
  fail(identity, HDX_DENIED, text);
  return false;
}

void hdx_identity_refused(struct hdx_identity *identity, const char *why) {
  char text[HDX_ERROR_TEXT_MAX];
  if (identity->proven || identity->state != HDX_IDENTITY_KNOWN)
    return;
  snprintf(text, sizeof text, "the credentials of %s are not taken: %s", identity->origin, why);
  fail(identity, HDX_DENIED, text);
}

bool hdx_identity_clock(struct hdx_identity *identity, int64_t date_ns, int64_t skew_ns) {
  if (skew_ns != identity->skew_ns)
    return true; /* signed before the correction */
  int64_t off = date_ns - hdx_time_now();
  int64_t apart = off > identity->skew_ns ? off - identity->skew_ns : identity->skew_ns - off;
  if (identity->skew_known || apart < SKEW_S * HDX_SECOND_NS)
    return false;
  identity->skew_known = true;
  identity->skew_ns = off;
  hdx_log_write(identity->log, HDX_LOG_WARNING,
                "the clock is %lld s %s that of the server: requests are signed for the server's time",
                (long long)((off < 0 ? -off : off) / HDX_SECOND_NS), off < 0 ? "ahead of" : "behind");
  return true;
}

enum hdx_status hdx_identity_sign(struct hdx_identity *identity, const struct hdx_sigv4_request *request,
                                  struct hdx_text region, struct hdx_error *error) {
  const struct hdx_sigv4_scope scope = {hdx_time_now() + identity->skew_ns, region, HDX_TEXT("s3")};
  return hdx_sigv4_sign_headers(identity->signer, &scope, request, &identity->headers, error);
}

bool hdx_identity_betrayed(const struct hdx_identity *identity, const char *text, size_t room) {
  size_t digits = 0, size = strlen(text);
  bool cut = size + CUT_BYTES >= room;
  for (const char *p = text; *p; p++) {
    digits = (*p >= '0' && *p <= '9') || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'f') ? digits + 1 : 0;
    if (digits >= SIGNATURE_DIGITS)
      return true;
  }
  /* A text may have been cut within a signature, whose last digits could be guessed, or within the token. */
  if (cut && digits >= SIGNATURE_PART_DIGITS)
    return true;
  struct hdx_text token = identity->signer ? hdx_signer_token(identity->signer) : HDX_TEXT("");
  size_t part = TOKEN_PART_BYTES;
  return token.size >= part &&
         (memmem(text, size, token.data, part) || memmem(text, size, token.data + token.size - part, part));
}
