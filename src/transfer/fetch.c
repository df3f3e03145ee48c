/* One object: its request, and what follows from the outcome of an attempt. */
#include "transfer/engine.h"
#include "transfer/proxy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  RESTARTS_MAX = 1,         /* an object that changes while it is fetched is begun anew once */
  RESOLVE_RETRIES_MAX = 2,  /* a name that does not resolve seldom does a moment later */
  PROGRESS_BYTES = 64 << 10 /* as much of it gives an attempt's failure a clean slate */
};

static void free_fetch(struct hdx_fetch *fetch) {
  if (fetch->name != fetch->request.url)
    free((char *)fetch->name);
  free((char *)fetch->request.url);
  free((char *)fetch->request.etag);
  free((char *)fetch->request.last_modified);
  free((char *)fetch->request.key.data);
  free((char *)fetch->request.query);
  free((char *)fetch->request.if_match);
  free((void *)fetch->request.ranges);
  free(fetch->abort_message);
  free(fetch->url);
  free(fetch);
}

/* Of an object that somebody will go on with, every byte that has come is of use: on a slow line all there is may lie
 * in blocks that are not full. */
static void hand_out_rest(struct hdx_fetch *fetch, enum hdx_status status) {
  if (!fetch->request.scattered || (status != HDX_INTERRUPTED && status != HDX_LIMIT))
    return;
  fetch->aborted = false;
  for (struct hdx_part *part = fetch->parts; part; part = part->sibling)
    hdx_part_spare(part);
}

void hdx_fetch_complete(struct hdx_fetch *fetch, enum hdx_status status, bool not_modified, long http_status,
                        const char *message) {
  struct hdx_engine *engine = fetch->engine;
  fetch->ending = true;
  if (fetch->aborted) {
    status = fetch->abort_status;
    message = fetch->abort_message ? fetch->abort_message : "";
    not_modified = false;
  }
  hand_out_rest(fetch, status);
  struct hdx_fetch_result result = {.status = status,
                                    .not_modified = not_modified,
                                    .http_status = http_status,
                                    .bytes = fetch->bytes,
                                    .attempts = fetch->attempts,
                                    .etag = fetch->etag,
                                    .last_modified = fetch->last_modified,
                                    .not_of_object = fetch->not_of_object,
                                    .too_large = fetch->too_large,
                                    .message = message};
  hdx_fetch_free_parts(fetch);
  if (fetch->file)
    hdx_local_free(fetch->file);
  *(fetch->prev ? &fetch->prev->next : &engine->fetches) = fetch->next;
  if (fetch->next)
    fetch->next->prev = fetch->prev;
  engine->fetch_count--;
  fetch->request.done(fetch->request.user, &result);
  free_fetch(fetch);
  hdx_engine_kick(engine);
  /* Whoever runs the loop waits for this: without a word, it would go on to poll for what may never come. */
  uv_stop(&engine->loop);
}

static void fail(struct hdx_fetch *fetch, enum hdx_status status, long http_status, const char *message) {
  hdx_fetch_complete(fetch, status, false, http_status, message);
}

static void fail_memory(struct hdx_fetch *fetch) {
  char text[HDX_ERROR_TEXT_MAX];
  snprintf(text, sizeof text, "%s: out of memory", fetch->name);
  fail(fetch, HDX_MEMORY, 0, text);
}

/* Whether an object may be begun anew: one that turns out to be another version than the ranges of the request are of,
 * always. */
static bool may_restart(const struct hdx_fetch *fetch, bool whole) {
  return (hdx_fetch_in_ranges(fetch) && !fetch->begun) || fetch->restarts < RESTARTS_MAX + (unsigned)whole;
}

/* Forgets what came so far and begins anew, as a whole if ranges do not work here. */
static void restart(struct hdx_fetch *fetch, bool whole) {
  bool in_ranges = hdx_fetch_in_ranges(fetch);
  hdx_fetch_free_parts(fetch);
  fetch->restarts += fetch->begun || !in_ranges;
  fetch->anew |= in_ranges;
  fetch->whole |= whole;
  fetch->begun = false;
  fetch->size = fetch->planned = fetch->range = 0;
  struct hdx_part *part = hdx_fetch_first_part(fetch);
  if (part)
    hdx_fetch_enqueue(part);
  else
    fail_memory(fetch);
}

/* A host that was never reached takes all its requests with it: waiting for each of thousands would not help. */
static void give_up_host(struct hdx_host *host, enum hdx_status status, const char *message) {
  host->dead = true;
  host->dead_ns = hdx_engine_now();
  host->dead_status = status;
  snprintf(host->dead_reason, sizeof host->dead_reason, "%.*s", (int)sizeof host->dead_reason - 1, message);
}

/* Whether what came of a part is of no use: only by ranges of one version could the rest be had. */
static bool cannot_go_on(const struct hdx_part *part) {
  const struct hdx_fetch *fetch = part->fetch;
  if (fetch->whole || part->to == UINT64_MAX)
    return true;
  bool named = hdx_head_strong(fetch->etag) || fetch->last_modified[0];
  return hdx_fetch_unranged(fetch) && part->from == 0 && !named;
}

/* Adds to the message how many attempts there were, and why there is no other one. */
static void describe_last(const struct hdx_part *part, unsigned attempts_max, uint64_t after_ms, const char *message,
                          char text[HDX_ERROR_TEXT_MAX]) {
  char why[128] = "";
  if (part->attempts < attempts_max && after_ms > HDX_RETRY_AFTER_MS_MAX)
    snprintf(why, sizeof why, "; the server asks to wait %" PRIu64 " s, and no more than %d s are waited",
             after_ms / 1000, HDX_RETRY_AFTER_MS_MAX / 1000);
  else if (part->attempts < attempts_max && after_ms)
    snprintf(why, sizeof why, "; the server asks to wait %" PRIu64 " s, longer than --retry-max-time allows",
             after_ms / 1000);
  else if (part->attempts < attempts_max)
    snprintf(why, sizeof why, "; --retry-max-time is over");
  snprintf(text, HDX_ERROR_TEXT_MAX, "%s (%u attempt%s%s)", message, part->attempts + 1, part->attempts ? "s" : "",
           why);
}

static void retry(struct hdx_part *part, enum hdx_status status, unsigned attempts_max, bool unreachable,
                  uint64_t after_ms, const char *message) {
  struct hdx_fetch *fetch = part->fetch;
  struct hdx_engine *engine = fetch->engine;
  struct hdx_host *host = part->host;
  uint64_t now = hdx_engine_now();
  long http_status = part->head.status;
  bool anew = cannot_go_on(part);
  if (!anew && part->attempt_bytes >= PROGRESS_BYTES) {
    part->attempts = 0;
    part->first_attempt_ns = now;
  }
  if (anew) {
    part->received = 0;
    part->to = UINT64_MAX;
    fetch->begun = false;
    if (part->block)
      part->block->size = 0;
    if (!fetch->whole)
      part->to = hdx_fetch_end(fetch, engine->options.part_bytes);
  }
  uint64_t wait_ms = hdx_retry_wait_ms(part->attempts, after_ms, &engine->random_state);
  bool late = now - part->first_attempt_ns + wait_ms * 1000000 > engine->options.retry_ms_max * 1000000;
  if (part->attempts >= attempts_max || late || after_ms > HDX_RETRY_AFTER_MS_MAX) {
    char text[HDX_ERROR_TEXT_MAX];
    describe_last(part, attempts_max, after_ms, message, text);
    if (unreachable && !host->answered)
      give_up_host(host, status, text);
    hdx_fetch_complete(fetch, status, false, http_status, text);
    return;
  }
  hdx_log_write(engine->options.log, HDX_LOG_DEBUG, "%s: again in %llu ms", message, (unsigned long long)wait_ms);
  part->attempts++;
  engine->retries++;
  host->retries++;
  part->state = HDX_PART_WAITING;
  part->due_ns = now + wait_ms * 1000000;
  hdx_part_list_push(&engine->waiting, part);
}

/* The part has all its bytes. */
static void finish_part(struct hdx_part *part) {
  struct hdx_fetch *fetch = part->fetch;
  long http_status = part->head.status;
  if (part->to == UINT64_MAX)
    fetch->size = part->to = part->from + part->received;
  hdx_part_done(part);
  if (!hdx_fetch_plan(fetch))
    fail_memory(fetch);
  else if (!fetch->parts)
    hdx_fetch_complete(fetch, HDX_OK, false, http_status, "");
}

static void answered(struct hdx_part *part, const char *location) {
  struct hdx_fetch *fetch = part->fetch;
  struct hdx_engine *engine = fetch->engine;
  long status = part->head.status;
  char text[HDX_ERROR_TEXT_MAX], proxy[HDX_PROXY_NOTE_MAX];
  struct hdx_s3_error answer = {.code = ""};
  if (part->answer.size)
    hdx_s3_error_read(hdx_buffer_text(&part->answer), &answer);
  hdx_answer_describe(part, &answer, text);
  if (status >= 300 && status != 304 && hdx_bucket_answered(part, &answer, text))
    return;
  if (status == 304 && (fetch->request.etag || fetch->request.last_modified) && !fetch->announced) {
    hdx_fetch_complete(fetch, HDX_OK, true, status, "");
  } else if (status == 200 || status == 206) {
    if (part->to == UINT64_MAX || part->from + part->received == part->to) {
      finish_part(part);
    } else if (part->attempt_bytes > 0) {
      hdx_fetch_enqueue(part); /* a server may send less than was asked for */
    } else {
      snprintf(text, sizeof text, "%s: an empty answer", fetch->name);
      retry(part, HDX_INTEGRITY, engine->options.retries, false, 0, text);
    }
  } else if (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) {
    hdx_fetch_redirect(part, location, text);
  } else if (status == 416 && !fetch->begun && !fetch->whole && part->from == 0 && !hdx_fetch_in_ranges(fetch)) {
    restart(fetch, true); /* an empty object has no ranges */
  } else if (status == 412 || status == 416) {
    snprintf(text, sizeof text, "%s: the object changed while it was fetched (status %ld)", fetch->name, status);
    if (may_restart(fetch, false))
      restart(fetch, false);
    else
      fail(fetch, HDX_INTEGRITY, status, text);
  } else if (hdx_retry_status(status)) {
    uint64_t after_ms = hdx_answer_retry_ms(part);
    if (hdx_retry_throttled(status))
      hdx_host_throttled(part->host, part->sent_ns, hdx_engine_now(),
                         after_ms > HDX_RETRY_AFTER_MS_MAX ? HDX_RETRY_AFTER_MS_MAX : after_ms);
    retry(part, HDX_TEMPORARY, engine->options.retries, false, after_ms, text);
  } else {
    if (status == 407) {
      size_t size = strlen(text);
      snprintf(text + size, sizeof text - size, "%s",
               hdx_proxy_note(engine->options.environment, fetch->url, proxy, sizeof proxy));
    }
    fail(fetch, hdx_answer_status(status), status, text);
  }
}

static void refused(struct hdx_part *part) {
  struct hdx_fetch *fetch = part->fetch;
  char text[HDX_ERROR_TEXT_MAX];
  memcpy(text, part->refused.message, sizeof text);
  bool whole = part->refusal == HDX_REFUSAL_WHOLE;
  if (part->refusal == HDX_REFUSAL_RETRY)
    retry(part, part->refused.status, fetch->engine->options.retries, false, 0, text);
  else if (part->refusal != HDX_REFUSAL_FINAL && may_restart(fetch, whole))
    restart(fetch, whole);
  else
    fail(fetch, part->refused.status, part->head.status, text);
}

/* libcurl could not finish the request; `tunnel`: what a proxy answered that was asked for one, or 0. */
static void broken(struct hdx_part *part, CURLcode code, long tunnel) {
  struct hdx_engine *engine = part->fetch->engine;
  bool shown = part->curl_error[0] && !hdx_proxy_quoted(engine->options.environment, part->curl_error);
  const char *why = shown ? part->curl_error : engine->curl->easy_strerror(code);
  char text[HDX_ERROR_TEXT_MAX], proxy[HDX_PROXY_NOTE_MAX];
  unsigned retries = engine->options.retries;
  bool unreachable = false;
  snprintf(text, sizeof text, "%s: %s%s", part->fetch->name, why,
           hdx_proxy_note(engine->options.environment, part->fetch->url, proxy, sizeof proxy));
  if (tunnel == 401 || tunnel == 403 || tunnel == 407) { /* another attempt would have no other user and password */
    fail(part->fetch, HDX_DENIED, 0, text);
    return;
  }
  switch (code) {
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_RESOLVE_PROXY:
    snprintf(text, sizeof text, "%s: %s%s (is the name right, and is there a network?)", part->fetch->name, why, proxy);
    retries = retries < RESOLVE_RETRIES_MAX ? retries : RESOLVE_RETRIES_MAX;
    unreachable = true;
    break;
  case CURLE_COULDNT_CONNECT:
    unreachable = true;
    break;
  case CURLE_SSL_CACERT_BADFILE:
    snprintf(text, sizeof text, "%s: the certificates of %s cannot be read", part->fetch->name,
             engine->options.ca_file ? engine->options.ca_file : "the system");
    give_up_host(part->host, HDX_IO, text);
    fail(part->fetch, HDX_IO, 0, text);
    return;
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_ISSUER_ERROR:
    snprintf(text, sizeof text,
             "%s: %s (another authority's certificate is given with --ca-file, AWS_CA_BUNDLE or CURL_CA_BUNDLE)",
             part->fetch->name, why);
    give_up_host(part->host, HDX_DENIED, text);
    fail(part->fetch, HDX_DENIED, 0, text);
    return;
  case CURLE_URL_MALFORMAT:
  case CURLE_OUT_OF_MEMORY:
  case CURLE_BAD_FUNCTION_ARGUMENT:
  case CURLE_FAILED_INIT:
    fail(part->fetch, code == CURLE_OUT_OF_MEMORY ? HDX_MEMORY : HDX_INTERNAL, 0, text);
    return;
  default: /* resets, cuts, time-outs, protocol errors, answers that are no HTTP: what a network does */
    break;
  }
  retry(part, HDX_TEMPORARY, retries, unreachable, 0, text);
}

/* Whether all bytes that the answer promised have come: how it ends is then no matter. */
static bool is_whole(const struct hdx_part *part) {
  return part->accepted && part->attempt_bytes && part->refusal == HDX_REFUSAL_NONE && part->to != UINT64_MAX &&
         part->from + part->received == part->to && (part->head.status == 200 || part->head.status == 206);
}

void hdx_fetch_stalled(struct hdx_part *part) {
  struct hdx_engine *engine = part->fetch->engine;
  if (is_whole(part)) {
    hdx_fetch_outcome(part, CURLE_OK);
    return;
  }
  char text[HDX_ERROR_TEXT_MAX], came[32] = "no byte";
  if (part->drip_bytes)
    snprintf(came, sizeof came, "only %u bytes", (unsigned)part->drip_bytes);
  snprintf(text, sizeof text, "%s: %s came for %.1f s", part->fetch->name, came,
           (double)engine->options.stall_ms_max / 1000);
  hdx_log_write(engine->options.log, HDX_LOG_WARNING, "%s: asking again on another connection", text);
  hdx_attempt_end(part);
  hdx_part_spare(part);
  retry(part, HDX_TEMPORARY, engine->options.retries, !part->host->answered, 0, text);
}

void hdx_fetch_outcome(struct hdx_part *part, CURLcode code) {
  struct hdx_fetch *fetch = part->fetch;
  struct hdx_engine *engine = fetch->engine;
  struct hdx_host *host = part->host;
  char *location = NULL, *copy = NULL;
  long tunnel = 0;
  if (code == CURLE_OK && !part->head.ended) { /* libcurl is content with a head that breaks off */
    snprintf(part->curl_error, sizeof part->curl_error, "the answer breaks off in its head");
    code = CURLE_GOT_NOTHING;
  }
  if (code == CURLE_OK && !part->accepted)
    hdx_fetch_accept(part);
  if (part->easy && part->head.status >= 300 && part->head.status < 400)
    engine->curl->easy_getinfo(part->easy, CURLINFO_REDIRECT_URL, &location);
  if (part->easy && code != CURLE_OK)
    engine->curl->easy_getinfo(part->easy, CURLINFO_HTTP_CONNECTCODE, &tunnel);
  copy = location ? strdup(location) : NULL;
  hdx_attempt_end(part);
  hdx_part_spare(part);
  uint64_t now = hdx_engine_now();
  hdx_host_finished(host, now, part->attempt_bytes, part->wait_us, host->begun.first || host->fresh.first);
  if (part->head.status && !hdx_retry_throttled(part->head.status))
    hdx_host_served(host, now);
  if (part->refusal != HDX_REFUSAL_NONE)
    refused(part);
  else if (location && !copy)
    fail_memory(fetch);
  else if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && (part->head.status >= 300 || part->enough)) ||
           is_whole(part))
    answered(part, copy);
  else
    broken(part, code, tunnel);
  free(copy);
}

/* Finds the fetch's host; NULL: it is a file. */
static enum hdx_status find_host(struct hdx_fetch *fetch, struct hdx_error *error) {
  struct hdx_url url;
  if (fetch->bucket)
    return hdx_bucket_address(fetch, error);
  enum hdx_status status = hdx_url_parse(hdx_text_of(fetch->url), &url, error);
  if (status != HDX_OK || url.scheme == HDX_SCHEME_FILE)
    return status;
  if (url.scheme == HDX_SCHEME_S3)
    return hdx_error_set(error, HDX_USAGE, "%s: not an address that can be fetched from", fetch->name);
  fetch->host = hdx_engine_host(fetch->engine, &url);
  return fetch->host ? HDX_OK : hdx_error_memory(error, sizeof *fetch->host);
}

static enum hdx_status start(struct hdx_fetch *fetch, struct hdx_error *error) {
  enum hdx_status status = find_host(fetch, error);
  const char *version = fetch->request.if_match;
  fetch->whole = fetch->request.whole || fetch->request.head;
  /* A weak entity tag names no bytes (RFC 9110, 8.8.1). */
  bool unnamed = version && (!version[0] || strncmp(version, "W/", 2) == 0);
  fetch->anew = fetch->request.range_count && (fetch->whole || unnamed);
  if (status != HDX_OK)
    return status;
  if (!fetch->host)
    return hdx_local_queue(fetch, error);
  struct hdx_part *part = hdx_fetch_first_part(fetch);
  if (!part)
    return hdx_error_memory(error, sizeof *part);
  hdx_fetch_enqueue(part);
  return HDX_OK;
}

/* A copy of a text that may be missing, NULL for an empty one; false if out of memory. */
static bool copy(const char *from, const char **to) {
  *to = from && from[0] ? strdup(from) : NULL;
  return *to || !from || !from[0];
}

/* A version as it may stand in a header: one with control bytes names none. Versions come from snapshots and journals,
 * too, which anybody may have written. */
static const char *plain_version(const char *version) {
  for (const char *at = version; at && *at; at++)
    if ((unsigned char)*at < 0x20 || *at == 0x7f)
      return "";
  return version;
}

static bool copy_texts(struct hdx_fetch *fetch, const struct hdx_fetch_request *request) {
  struct hdx_fetch_request *own = &fetch->request;
  own->url = strdup(request->url);
  own->key.data = request->key.size ? hdx_text_dup(request->key) : NULL;
  fetch->url = strdup(request->url);
  struct hdx_text url = hdx_text_of(request->url), shown = hdx_url_shown(url);
  fetch->name = shown.size < url.size ? hdx_text_dup(shown) : own->url;
  bool copied = copy(plain_version(request->etag), &own->etag);
  copied &= copy(plain_version(request->last_modified), &own->last_modified);
  copied &= copy(request->query, &own->query);
  own->if_match = request->if_match ? strdup(plain_version(request->if_match)) : NULL;
  copied &= own->if_match || !request->if_match;
  own->ranges = NULL;
  if (request->range_count) {
    struct hdx_byte_range *ranges = malloc(request->range_count * sizeof *ranges);
    copied &= ranges != NULL;
    if (ranges)
      memcpy(ranges, request->ranges, request->range_count * sizeof *ranges);
    own->ranges = ranges;
  }
  return copied && own->url && fetch->name && fetch->url && (own->key.data || !request->key.size);
}

static enum hdx_status check_ranges(const struct hdx_fetch_request *request, struct hdx_error *error) {
  const struct hdx_byte_range *ranges = request->ranges;
  bool good = !request->range_count || request->scattered;
  for (size_t i = 0; good && i < request->range_count; i++)
    good = ranges[i].from < ranges[i].to && (i == 0 || ranges[i].from > ranges[i - 1].to);
  return good ? HDX_OK
              : hdx_error_set(error, HDX_USAGE, "%.*s: ranges that are empty, touch or are out of order",
                              HDX_TEXT_ARG(hdx_url_shown(hdx_text_of(request->url))));
}

enum hdx_status hdx_fetch(struct hdx_engine *engine, const struct hdx_fetch_request *request, struct hdx_error *error) {
  enum hdx_status status = check_ranges(request, error);
  if (status != HDX_OK)
    return status;
  struct hdx_fetch *fetch = calloc(1, sizeof *fetch);
  if (!fetch)
    return hdx_error_memory(error, sizeof *fetch);
  fetch->engine = engine;
  fetch->request = *request;
  fetch->bucket = request->bucket;
  status = copy_texts(fetch, request) ? start(fetch, error) : hdx_error_memory(error, strlen(request->url));
  if (status != HDX_OK) {
    free_fetch(fetch);
    return status;
  }
  fetch->next = engine->fetches;
  if (engine->fetches)
    engine->fetches->prev = fetch;
  engine->fetches = fetch;
  engine->fetch_count++;
  hdx_engine_kick(engine);
  return HDX_OK;
}

void hdx_fetch_abort(struct hdx_engine *engine, const void *user, enum hdx_status status, const char *message) {
  for (struct hdx_fetch *fetch = engine->fetches; fetch; fetch = fetch->next)
    if (fetch->request.user == user && !fetch->aborted && !fetch->ending) {
      fetch->aborted = engine->aborted = true;
      fetch->abort_status = status;
      fetch->abort_message = strdup(message);
      hdx_engine_kick(engine);
    }
}
