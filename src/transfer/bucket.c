#include "transfer/bucket.h"

#include "base/time.h"
#include "transfer/engine.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOVES_MAX = 1 };

static bool set_base(struct hdx_bucket *bucket) {
  struct hdx_buffer url;
  size_t size;
  hdx_buffer_init(&url, HDX_URL_BYTES_MAX);
  bucket->place.region = hdx_text_of(bucket->region);
  hdx_s3_append_base(&bucket->place, &url);
  hdx_buffer_append_byte(&url, 0);
  bool made = url.status == HDX_OK;
  char *base = hdx_buffer_take(&url, &size);
  if (!made) {
    free(base);
    return false;
  }
  free(bucket->base);
  bucket->base = base;
  return true;
}

static bool is(const struct hdx_bucket *bucket, const struct hdx_s3_place *place) {
  const struct hdx_s3_place *own = &bucket->place;
  return hdx_text_equal(own->bucket, place->bucket) && hdx_text_equal(own->endpoint, place->endpoint) &&
         own->trust == place->trust && own->addressing == place->addressing && own->dualstack == place->dualstack;
}

static enum hdx_access access_of(const struct hdx_engine_options *options, enum hdx_s3_trust trust) {
  bool always = options->sign == HDX_SIGN_ALWAYS || options->request_payer;
  if (options->sign == HDX_SIGN_NEVER || trust == HDX_S3_TRUST_NONE || (trust == HDX_S3_TRUST_ASKED && !always))
    return HDX_ACCESS_ANONYMOUS;
  return always ? HDX_ACCESS_SIGNED : HDX_ACCESS_UNDECIDED;
}

static void free_bucket(struct hdx_bucket *bucket) {
  free(bucket->texts);
  free(bucket->base);
  free(bucket);
}

enum hdx_status hdx_engine_bucket(struct hdx_engine *engine, const struct hdx_s3_place *place,
                                  struct hdx_bucket **result, struct hdx_error *error) {
  for (struct hdx_bucket *bucket = engine->buckets; bucket; bucket = bucket->next)
    if (is(bucket, place)) {
      *result = bucket;
      return HDX_OK;
    }
  struct hdx_bucket *bucket = calloc(1, sizeof *bucket);
  size_t name = place->bucket.size, endpoint = place->endpoint.size;
  if (!bucket || !(bucket->texts = malloc(name + endpoint + 1))) {
    free(bucket);
    return hdx_error_memory(error, sizeof *bucket);
  }
  memcpy(bucket->texts, place->bucket.data, name);
  memcpy(bucket->texts + name, place->endpoint.data, endpoint);
  bucket->place = *place;
  bucket->place.bucket = (struct hdx_text){bucket->texts, name};
  bucket->place.endpoint = (struct hdx_text){bucket->texts + name, endpoint};
  if (place->region.size < sizeof bucket->region)
    memcpy(bucket->region, place->region.data, place->region.size);
  bucket->access = access_of(&engine->options, place->trust);
  if (!set_base(bucket)) {
    free_bucket(bucket);
    return hdx_error_memory(error, HDX_URL_BYTES_MAX);
  }
  bucket->next = engine->buckets;
  engine->buckets = bucket;
  hdx_log_write(engine->options.log, HDX_LOG_DEBUG, "%.*s: the bucket is asked at %s, %s", HDX_TEXT_ARG(place->bucket),
                bucket->base,
                bucket->access == HDX_ACCESS_SIGNED      ? "with credentials"
                : bucket->access == HDX_ACCESS_ANONYMOUS ? "anonymously"
                                                         : "anonymously at first");
  *result = bucket;
  return HDX_OK;
}

void hdx_buckets_free(struct hdx_engine *engine) {
  while (engine->buckets) {
    struct hdx_bucket *next = engine->buckets->next;
    free_bucket(engine->buckets);
    engine->buckets = next;
  }
}

enum hdx_status hdx_bucket_address(struct hdx_fetch *fetch, struct hdx_error *error) {
  const struct hdx_bucket *bucket = fetch->bucket;
  struct hdx_buffer buffer;
  struct hdx_url parsed;
  size_t size;
  hdx_buffer_init(&buffer, HDX_URL_BYTES_MAX);
  hdx_buffer_append_text(&buffer, hdx_text_of(bucket->base));
  hdx_url_encode(&buffer, fetch->request.key, true);
  if (fetch->request.query)
    hdx_buffer_append_format(&buffer, "?%s", fetch->request.query);
  hdx_buffer_append_byte(&buffer, 0);
  enum hdx_status status = hdx_buffer_status(&buffer, "URL", error);
  char *url = hdx_buffer_take(&buffer, &size);
  struct hdx_host *host = NULL;
  if (status == HDX_OK)
    status = hdx_url_parse(hdx_text_of(url), &parsed, error);
  if (status == HDX_OK && !(host = hdx_engine_host(fetch->engine, &parsed)))
    status = hdx_error_memory(error, sizeof *host);
  if (status != HDX_OK) {
    free(url);
    return status;
  }
  free(fetch->url);
  fetch->url = url;
  fetch->place = parsed;
  fetch->host = host;
  fetch->moves = bucket->moves;
  return HDX_OK;
}

static void fail(struct hdx_part *part, enum hdx_status status, const char *why) {
  char text[HDX_ERROR_TEXT_MAX];
  snprintf(text, sizeof text, "%.500s: %.500s", part->fetch->name, why);
  hdx_fetch_complete(part->fetch, status, false, part->head.status, text);
}

static void wait_for_identity(struct hdx_part *part) {
  part->state = HDX_PART_WAITING;
  hdx_part_list_push(&part->fetch->bucket->waiting, part);
  hdx_engine_kick(part->fetch->engine);
}

bool hdx_bucket_ready(struct hdx_part *part) {
  struct hdx_fetch *fetch = part->fetch;
  struct hdx_bucket *bucket = fetch->bucket;
  if (!bucket)
    return true;
  if (fetch->moves != bucket->moves) {
    struct hdx_error error;
    enum hdx_status status = hdx_bucket_address(fetch, &error);
    if (status == HDX_OK)
      hdx_fetch_enqueue(part);
    else
      fail(part, status, error.message);
    return false;
  }
  if (bucket->access != HDX_ACCESS_SIGNED || part->unsigned_too ||
      hdx_identity_want(&fetch->engine->identity) == HDX_IDENTITY_KNOWN)
    return true;
  wait_for_identity(part);
  return false;
}

/* ---- signing ---- */

enum hdx_status hdx_bucket_sign(struct hdx_part *part, struct hdx_error *error) {
  struct hdx_fetch *fetch = part->fetch;
  const struct hdx_bucket *bucket = fetch->bucket;
  struct hdx_identity *identity = &fetch->engine->identity;
  struct hdx_text payer = HDX_TEXT("requester"), payload = HDX_TEXT(HDX_SIGV4_UNSIGNED_PAYLOAD);
  bool pays = fetch->engine->options.request_payer;
  char range[HDX_RANGE_TEXT_MAX];
  part->generation = 0;
  if (!bucket || bucket->access != HDX_ACCESS_SIGNED || part->unsigned_too)
    return HDX_OK;
  struct hdx_sigv4_field fields[4] = {{HDX_TEXT("host"), hdx_url_authority(&fetch->place)}};
  size_t count = 1;
  if (hdx_attempt_range(part, range))
    fields[count++] = (struct hdx_sigv4_field){HDX_TEXT("range"), hdx_text_of(range)};
  if (hdx_attempt_wants_checksums(part))
    fields[count++] = (struct hdx_sigv4_field){HDX_TEXT(HDX_CHECKSUM_MODE), HDX_TEXT("ENABLED")};
  if (pays)
    fields[count++] = (struct hdx_sigv4_field){HDX_TEXT("x-amz-request-payer"), payer};
  const struct hdx_sigv4_request request = {.method = hdx_attempt_is_head(part) ? HDX_TEXT("HEAD") : HDX_TEXT("GET"),
                                            .path = fetch->place.path,
                                            .query = fetch->place.query,
                                            .fields = fields,
                                            .field_count = count,
                                            .payload_hash = payload}; /* there is none; a short header */
  struct hdx_text region = bucket->region[0] ? hdx_text_of(bucket->region) : HDX_TEXT(HDX_S3_REGION_DEFAULT);
  enum hdx_status status = hdx_identity_sign(identity, &request, region, error);
  if (status != HDX_OK)
    return status;
  const struct hdx_sigv4_headers *signed_headers = &identity->headers;
  const struct hdx_buffer *lines[] = {&signed_headers->date, &signed_headers->content, &signed_headers->security,
                                      &signed_headers->authorization};
  if (pays)
    hdx_headers_add(&part->headers, "x-amz-request-payer", payer);
  size_t size = 0;
  for (size_t i = 0; i < 4; i++)
    size += lines[i]->size + 1;
  hdx_buffer_reserve(&part->headers.text, size); /* at once: what a buffer leaves behind when it grows is not wiped */
  for (size_t i = 0; i < 4; i++)
    if (lines[i]->size)
      hdx_headers_add_line(&part->headers, hdx_buffer_text(lines[i]));
  part->generation = identity->generation;
  part->skew_ns = identity->skew_ns;
  return HDX_OK;
}

/* ---- answers ---- */

void hdx_bucket_readable(struct hdx_part *part) {
  struct hdx_bucket *bucket = part->fetch->bucket;
  struct hdx_identity *identity = &part->fetch->engine->identity;
  if (!bucket)
    return;
  if (part->generation) {
    if (part->generation == identity->generation) {
      identity->proven = true;
      identity->renewed = false;
    }
    bucket->tentative = false;
  } else if (bucket->access == HDX_ACCESS_UNDECIDED || bucket->tentative) {
    bucket->access = HDX_ACCESS_ANONYMOUS;
    bucket->tentative = false;
    hdx_engine_kick(part->fetch->engine); /* for those that wait */
  }
}

/* Whether the answer names the region that the bucket is in, and it is believed. */
static bool moved(struct hdx_part *part, const struct hdx_s3_error *answer) {
  struct hdx_fetch *fetch = part->fetch;
  struct hdx_bucket *bucket = fetch->bucket;
  long status = part->head.status;
  const char *region = part->head.bucket_region[0] ? part->head.bucket_region : answer->region;
  if (status != 301 && status != 307 && status != 400)
    return false;
  if (fetch->moves != bucket->moves)
    return true; /* asked before another answer named it */
  if (!region[0] || bucket->moves >= MOVES_MAX || !hdx_s3_region(hdx_text_of(region)) ||
      strcmp(region, bucket->region) == 0)
    return false;
  hdx_log_write(fetch->engine->options.log, HDX_LOG_INFO, "%.*s: the bucket is in the region %s",
                HDX_TEXT_ARG(bucket->place.bucket), region);
  memcpy(bucket->region, region, strlen(region) + 1); /* a region is short enough */
  bucket->moves++;
  return set_base(bucket);
}

static bool among(const char *code, const char *const *codes) {
  while (*codes && strcmp(code, *codes) != 0)
    codes++;
  return *codes != NULL;
}

static const char *const expired[] = {"ExpiredToken",
                                      "ExpiredTokenException",
                                      "InvalidToken",
                                      "InvalidAccessKeyId",
                                      "TokenRefreshRequired",
                                      "UserSuspended",
                                      NULL};

/* Whether an answer is about the bucket or the user, and so tells nothing of the object: a refusal without AccessDenied
 * may be that of a signature, for which an object that exists must not be taken for missing. */
static bool not_of_object(long status, const char *code) {
  return strcmp(code, "NoSuchBucket") == 0 || among(code, expired) ||
         (status == 403 && code[0] && strcmp(code, "AccessDenied") != 0);
}

/* Whether S3 refused the signature rather than the request, and the request is worth another one. */
static bool sign_again(struct hdx_part *part, const struct hdx_s3_error *answer) {
  static const char *const timed[] = {"RequestTimeTooSkewed", "RequestExpired", "SignatureDoesNotMatch",
                                      "AccessDenied",         "AuthFailure",    NULL};
  struct hdx_engine *engine = part->fetch->engine;
  struct hdx_identity *identity = &engine->identity;
  time_t date = part->head.date[0] ? engine->curl->getdate(part->head.date, NULL) : -1;
  if (date >= 0 && among(answer->code, timed) &&
      hdx_identity_clock(identity, (int64_t)date * HDX_SECOND_NS, part->skew_ns))
    return true;
  if (among(answer->code, expired))
    return hdx_identity_expired(identity, part->generation, answer->code);
  if (strcmp(answer->code, "SignatureDoesNotMatch") == 0)
    hdx_identity_refused(identity, answer->code);
  return false;
}

/* Whether the part was asked for anonymously, and refused. */
static bool refused_anonymously(const struct hdx_part *part) {
  return part->refused.status == HDX_DENIED;
}

/* Gives up credentials that were tried tentatively and are none. */
static bool drop_credentials(const struct hdx_part *part) {
  struct hdx_bucket *bucket = part->fetch->bucket;
  if (!bucket->tentative || part->fetch->engine->identity.state != HDX_IDENTITY_FAILED)
    return false;
  bucket->access = HDX_ACCESS_ANONYMOUS;
  bucket->tentative = false;
  return true;
}

/* A user who may read nothing of the bucket so far may be refused what anybody may read. */
static bool without_signature(struct hdx_part *part) {
  const struct hdx_fetch *fetch = part->fetch;
  if (!fetch->bucket->tentative || fetch->not_of_object || part->head.status == 400 || refused_anonymously(part))
    return false;
  part->unsigned_too = true;
  return true;
}

/* How it was asked, and what might help. */
static void hint(const struct hdx_part *part, const char *code, char *text) {
  const struct hdx_engine *engine = part->fetch->engine;
  const struct hdx_bucket *bucket = part->fetch->bucket;
  const struct hdx_identity *identity = &engine->identity;
  size_t size = strlen(text), room = HDX_ERROR_TEXT_MAX - size;
  bool denied = part->head.status == 403 && (!code[0] || strcmp(code, "AccessDenied") == 0);
  bool may_pay = denied && !bucket->place.endpoint.size && !engine->options.request_payer;
  bool failed = identity->state == HDX_IDENTITY_FAILED;
  if (part->generation && failed)
    snprintf(text + size, room, "; %.500s", identity->error.message);
  else if (part->generation || part->unsigned_too)
    snprintf(text + size, room, " (asked with the credentials of %s%s)", identity->origin,
             may_pay ? "; a bucket may want --request-payer" : "");
  else if (engine->options.sign == HDX_SIGN_NEVER)
    snprintf(text + size, room, " (asked anonymously, by --no-sign-request)");
  else if (bucket->place.trust == HDX_S3_TRUST_NONE)
    snprintf(text + size, room, " (asked anonymously: credentials go to the endpoint alone)");
  else if (failed)
    snprintf(text + size, room, " (asked anonymously); with credentials: %.500s", identity->error.message);
  else
    snprintf(text + size, room, " (asked anonymously; --sign asks with credentials)");
}

/* Without credentials: has the part asked for anonymously, or ends its fetch by what was answered to that. */
static void give_up(struct hdx_part *part) {
  struct hdx_fetch *fetch = part->fetch;
  const struct hdx_identity *identity = &fetch->engine->identity;
  char text[HDX_ERROR_TEXT_MAX];
  bool refused = refused_anonymously(part), failed = identity->state == HDX_IDENTITY_FAILED;
  if (!refused && fetch->bucket->access == HDX_ACCESS_ANONYMOUS) {
    hdx_fetch_enqueue(part);
    return;
  }
  if (!refused) {
    fail(part, identity->error.status, identity->error.message);
    return;
  }
  /* Where the bucket is asked signed, it was never asked for by whom the bucket lets read. */
  fetch->not_of_object = part->refused_for_other || fetch->bucket->access == HDX_ACCESS_SIGNED;
  snprintf(text, sizeof text, "%.460s%s%.510s", part->refused.message,
           failed ? " (asked anonymously); with credentials: " : "", failed ? identity->error.message : "");
  if (!failed)
    hint(part, "", text);
  hdx_fetch_complete(fetch, HDX_DENIED, false, 403, text);
}

bool hdx_bucket_answered(struct hdx_part *part, const struct hdx_s3_error *answer, char *text) {
  struct hdx_fetch *fetch = part->fetch;
  struct hdx_bucket *bucket = fetch->bucket;
  long status = part->head.status;
  if (!bucket)
    return false;
  fetch->not_of_object = not_of_object(status, answer->code);
  bool refused = status == 400 || status == 401 || status == 403;
  bool again = moved(part, answer);
  /* An answer to HEAD has no body to say why: whether the credentials have expired, or the clock is wrong. */
  fetch->asking_why = !again && part->generation && refused && hdx_attempt_is_head(part);
  again |= fetch->asking_why;
  if (!again && part->generation && refused) {
    bool anonymous = bucket->access == HDX_ACCESS_ANONYMOUS; /* it has turned out to be public meanwhile */
    again = !anonymous && sign_again(part, answer);
    if (!again && (anonymous || drop_credentials(part))) {
      give_up(part);
      return true;
    }
    again = again || without_signature(part);
  }
  if (again) {
    hdx_fetch_enqueue(part);
    return true;
  }
  if (!refused || (status == 400 && !part->generation))
    return false;
  bool undecided = bucket->access == HDX_ACCESS_UNDECIDED;
  bool both = part->generation || part->unsigned_too;
  if (both || bucket->access == HDX_ACCESS_ANONYMOUS || (undecided && fetch->request.optional)) {
    hint(part, answer->code, text);
    if (!among(answer->code, expired) && strncmp(answer->code, "KMS.", 4) != 0)
      return false;
    hdx_fetch_complete(fetch, HDX_DENIED, false, status, text); /* S3 says so with 400, too */
    return true;
  }
  if (undecided)
    hdx_identity_want(&fetch->engine->identity);
  hdx_error_set(&part->refused, HDX_DENIED, "%s", text);
  part->refused_for_other = fetch->not_of_object;
  wait_for_identity(part);
  return true;
}

static void decide(struct hdx_bucket *bucket, const struct hdx_identity *identity) {
  bool undecided = bucket->access == HDX_ACCESS_UNDECIDED;
  if (undecided && identity->state == HDX_IDENTITY_KNOWN) {
    bucket->access = HDX_ACCESS_SIGNED;
    bucket->tentative = true;
    hdx_log_write(identity->log, HDX_LOG_DEBUG, "%.*s: the bucket is asked with credentials now",
                  HDX_TEXT_ARG(bucket->place.bucket));
  } else if ((undecided || bucket->tentative) && identity->state == HDX_IDENTITY_FAILED) {
    bucket->access = HDX_ACCESS_ANONYMOUS;
    bucket->tentative = false;
  }
}

static void decide_waiting(struct hdx_bucket *bucket, const struct hdx_identity *identity) {
  decide(bucket, identity);
  bool sign = bucket->access == HDX_ACCESS_SIGNED && identity->state == HDX_IDENTITY_KNOWN;
  bool never = bucket->access == HDX_ACCESS_ANONYMOUS || identity->state == HDX_IDENTITY_FAILED;
  struct hdx_part *part;
  while ((sign || never) && (part = bucket->waiting.first)) {
    hdx_part_list_remove(part);
    if (sign)
      hdx_fetch_enqueue(part);
    else
      give_up(part);
  }
}

void hdx_buckets_pump(struct hdx_engine *engine) {
  for (struct hdx_bucket *bucket = engine->buckets; bucket; bucket = bucket->next)
    if (bucket->waiting.first)
      decide_waiting(bucket, &engine->identity);
}
