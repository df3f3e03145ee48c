/* One object: its parts, their order, and what follows from the outcome of an attempt. */
#include "transfer/engine.h"
#include "transfer/proxy.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  PARTS_AHEAD = 6,          /* of one object at once, the head included */
  RESTARTS_MAX = 1,         /* an object that changes while it is fetched is begun anew once */
  RESOLVE_RETRIES_MAX = 2,  /* a name that does not resolve seldom does a moment later */
  PROGRESS_BYTES = 64 << 10 /* as much of it gives an attempt's failure a clean slate */
};

static struct hdx_part *add_part(struct hdx_fetch *fetch, uint64_t from, uint64_t to) {
  struct hdx_part *part = calloc(1, sizeof *part), **at = &fetch->parts;
  if (!part)
    return NULL;
  part->fetch = fetch;
  part->from = from;
  part->to = to;
  part->ready_last = &part->ready;
  hdx_buffer_init(&part->answer, SIZE_MAX);
  hdx_headers_init(&part->headers);
  while (*at)
    at = &(*at)->sibling;
  *at = part;
  return part;
}

void hdx_fetch_enqueue(struct hdx_part *part) {
  struct hdx_host *host = part->fetch->host;
  part->state = HDX_PART_QUEUED;
  hdx_part_list_push(part->fetch->begun ? &host->begun : &host->fresh, part);
  hdx_engine_kick(part->fetch->engine);
}

static void free_part(struct hdx_part *part) {
  struct hdx_block_pool *pool = &part->fetch->engine->pool;
  hdx_attempt_end(part);
  hdx_part_list_remove(part);
  while (part->ready) {
    struct hdx_block *next = part->ready->next;
    hdx_block_put(pool, part->ready);
    part->ready = next;
  }
  if (part->block)
    hdx_block_put(pool, part->block);
  pool->reserved -= part->reserved;
  hdx_buffer_deinit(&part->answer);
  hdx_headers_deinit(&part->headers);
  free(part);
}

static void free_parts(struct hdx_fetch *fetch) {
  while (fetch->parts) {
    struct hdx_part *next = fetch->parts->sibling;
    free_part(fetch->parts);
    fetch->parts = next;
  }
}

static void hand_out(struct hdx_fetch *fetch, struct hdx_block *block) {
  fetch->bytes += block->size;
  fetch->engine->lent += block->size;
  block->next = NULL;
  fetch->request.block(fetch->request.user, block);
}

void hdx_fetch_block(struct hdx_part *part) {
  struct hdx_block *block = part->block;
  part->block = NULL;
  if (part == part->fetch->parts) {
    hand_out(part->fetch, block);
  } else {
    *part->ready_last = block;
    part->ready_last = &block->next;
  }
}

/* A part has become the head: hands out what it kept and gives back what it need not reserve any more. */
static void lead(struct hdx_part *part) {
  while (part->ready) {
    struct hdx_block *block = part->ready;
    part->ready = block->next;
    hand_out(part->fetch, block);
  }
  part->ready_last = &part->ready;
  part->fetch->engine->pool.reserved -= part->reserved;
  part->reserved = 0;
}

/* Up to which byte of `size` the object is wanted. */
static uint64_t wanted_end(const struct hdx_fetch *fetch, uint64_t size) {
  uint64_t first = fetch->request.first_bytes;
  return first && first < size ? first : size;
}

/* The part that an object begins with, whose size is not known. */
static struct hdx_part *add_first_part(struct hdx_fetch *fetch) {
  uint64_t bytes = fetch->engine->options.part_bytes;
  return add_part(fetch, 0, fetch->whole ? UINT64_MAX : wanted_end(fetch, bytes));
}

/* Makes the parts that may be under way now. */
static bool plan(struct hdx_fetch *fetch) {
  unsigned count = 0;
  uint64_t end = wanted_end(fetch, fetch->size);
  for (struct hdx_part *part = fetch->parts; part; part = part->sibling)
    count++;
  for (; count < PARTS_AHEAD && fetch->planned < end; count++) {
    uint64_t left = end - fetch->planned, bytes = fetch->engine->options.part_bytes;
    struct hdx_part *part = add_part(fetch, fetch->planned, fetch->planned + (left < bytes ? left : bytes));
    if (!part)
      return false;
    fetch->planned = part->to;
    hdx_fetch_enqueue(part);
  }
  return true;
}

static void free_fetch(struct hdx_fetch *fetch) {
  if (fetch->name != fetch->request.url)
    free((char *)fetch->name);
  free((char *)fetch->request.url);
  free((char *)fetch->request.etag);
  free((char *)fetch->request.last_modified);
  free((char *)fetch->request.key.data);
  free((char *)fetch->request.query);
  free(fetch->url);
  free(fetch);
}

void hdx_fetch_complete(struct hdx_fetch *fetch, enum hdx_status status, bool not_modified, long http_status,
                        const char *message) {
  struct hdx_engine *engine = fetch->engine;
  struct hdx_fetch_result result = {.status = status,
                                    .not_modified = not_modified,
                                    .http_status = http_status,
                                    .bytes = fetch->bytes,
                                    .attempts = fetch->attempts,
                                    .etag = fetch->etag,
                                    .last_modified = fetch->last_modified,
                                    .not_of_object = fetch->not_of_object,
                                    .message = message};
  free_parts(fetch);
  if (fetch->file)
    hdx_file_free(fetch->file);
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

static void refuse(struct hdx_part *part, enum hdx_refusal refusal, enum hdx_status status, const char *what) {
  part->refusal = refusal;
  hdx_error_set(&part->refused, status, "%s: %s", part->fetch->name, what);
}

static void refuse_size(struct hdx_part *part) {
  part->refusal = HDX_REFUSAL_FINAL;
  hdx_error_set(&part->refused, HDX_LIMIT, "%s: %llu bytes, more than the limit of %llu", part->fetch->name,
                (unsigned long long)part->fetch->size, (unsigned long long)part->fetch->request.bytes_max);
}

static void begin(struct hdx_part *part) {
  struct hdx_fetch *fetch = part->fetch;
  memcpy(fetch->etag, part->head.etag, sizeof fetch->etag);
  memcpy(fetch->last_modified, part->head.last_modified, sizeof fetch->last_modified);
  fetch->begun = true;
  fetch->bytes = 0;
  fetch->planned = part->to;
  if (fetch->request.begin)
    fetch->request.begin(fetch->request.user, &(struct hdx_fetch_head){fetch->size, fetch->etag, fetch->last_modified});
  plan(fetch); /* out of memory: tried again when this part is finished */
}

static void accept_whole(struct hdx_part *part) {
  struct hdx_fetch *fetch = part->fetch;
  if (part->from + part->received > 0 || part->sibling) {
    refuse(part, HDX_REFUSAL_WHOLE, HDX_INTEGRITY, "the server sent the whole object where a range was asked for");
    return;
  }
  fetch->size = part->head.length;
  part->to = fetch->size != HDX_SIZE_UNKNOWN ? wanted_end(fetch, fetch->size) : UINT64_MAX;
  if (fetch->size != HDX_SIZE_UNKNOWN && fetch->size > fetch->request.bytes_max)
    refuse_size(part);
  else
    begin(part);
}

static void accept_range(struct hdx_part *part) {
  struct hdx_fetch *fetch = part->fetch;
  const struct hdx_head *head = &part->head;
  if (fetch->whole || !head->has_range || head->range_first != part->from + part->received ||
      head->range_last >= part->to) {
    refuse(part, HDX_REFUSAL_RETRY, HDX_INTEGRITY, "the answer is not the range that was asked for (Content-Range)");
  } else if (head->length != HDX_SIZE_UNKNOWN && head->length != head->range_last + 1 - head->range_first) {
    refuse(part, HDX_REFUSAL_RETRY, HDX_INTEGRITY, "Content-Length and Content-Range differ");
  } else if (head->range_total == HDX_SIZE_UNKNOWN) {
    refuse(part, HDX_REFUSAL_WHOLE, HDX_INTEGRITY, "the server does not tell the object's size");
  } else if (!fetch->begun) {
    fetch->size = head->range_total;
    part->to = part->to < fetch->size ? part->to : fetch->size;
    if (fetch->size > fetch->request.bytes_max)
      refuse_size(part);
    else
      begin(part);
  } else if (head->range_total != fetch->size || strcmp(head->etag, fetch->etag) != 0) {
    refuse(part, HDX_REFUSAL_CHANGED, HDX_INTEGRITY, "the object changed while it was fetched");
  }
}

void hdx_fetch_accept(struct hdx_part *part) {
  part->accepted = true;
  if (part->head.status == 200 || part->head.status == 206 || part->head.status == 304)
    hdx_bucket_readable(part);
  if (part->head.status == 200)
    accept_whole(part);
  else if (part->head.status == 206)
    accept_range(part);
}

bool hdx_fetch_enough(const struct hdx_part *part) {
  const struct hdx_fetch *fetch = part->fetch;
  uint64_t first = fetch->request.first_bytes;
  return first && part->head.status == 200 && part->received >= first && fetch->size > first;
}

/* Forgets what came so far and begins anew, as a whole if ranges do not work here. */
static void restart(struct hdx_fetch *fetch, bool whole) {
  free_parts(fetch);
  fetch->restarts++;
  fetch->whole |= whole;
  fetch->begun = false;
  fetch->size = fetch->planned = 0;
  struct hdx_part *part = add_first_part(fetch);
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

static void retry(struct hdx_part *part, enum hdx_status status, unsigned attempts_max, bool unreachable,
                  uint64_t after_ms, const char *message) {
  struct hdx_fetch *fetch = part->fetch;
  struct hdx_engine *engine = fetch->engine;
  struct hdx_host *host = part->host;
  uint64_t now = hdx_engine_now();
  long http_status = part->head.status;
  bool anew = fetch->whole || part->to == UINT64_MAX; /* what came cannot be gone on with */
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
      part->to = wanted_end(fetch, engine->options.part_bytes);
  }
  uint64_t wait_ms = hdx_retry_wait_ms(part->attempts, after_ms, &engine->random_state);
  bool late = now - part->first_attempt_ns + wait_ms * 1000000 > engine->options.retry_ms_max * 1000000;
  if (part->attempts >= attempts_max || late || after_ms > HDX_RETRY_AFTER_MS_MAX) {
    char text[HDX_ERROR_TEXT_MAX];
    snprintf(text, sizeof text, "%s (%u attempt%s)", message, part->attempts + 1, part->attempts ? "s" : "");
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

/* The part has all its bytes: the next becomes the head, or the object is complete. */
static void finish_part(struct hdx_part *part) {
  struct hdx_fetch *fetch = part->fetch;
  if (part->to == UINT64_MAX)
    fetch->size = part->to = part->from + part->received;
  if (part->block && part->block->size)
    hdx_fetch_block(part);
  if (fetch->planned < part->to)
    fetch->planned = part->to;
  part->state = HDX_PART_DONE;
  if (part != fetch->parts)
    return;
  /* Parts behind the head may have finished before it. */
  while (fetch->parts && fetch->parts->state == HDX_PART_DONE) {
    struct hdx_part *next = fetch->parts->sibling;
    free_part(fetch->parts);
    fetch->parts = next;
    if (next)
      lead(next);
  }
  if (!plan(fetch))
    fail_memory(fetch);
  else if (!fetch->parts)
    hdx_fetch_complete(fetch, HDX_OK, false, fetch->whole ? 200 : 206, "");
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
  if (status == 304 && (fetch->request.etag || fetch->request.last_modified) && !fetch->begun) {
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
  } else if (status == 416 && !fetch->begun && !fetch->whole && part->from == 0) {
    restart(fetch, true); /* an empty object has no ranges */
  } else if (status == 412 || status == 416) {
    snprintf(text, sizeof text, "%s: the object changed while it was fetched (status %ld)", fetch->name, status);
    if (fetch->restarts < RESTARTS_MAX)
      restart(fetch, false);
    else
      fail(fetch, HDX_INTEGRITY, status, text);
  } else if (hdx_retry_status(status)) {
    uint64_t after_ms = hdx_answer_retry_ms(part);
    if (status == 429 || status == 503)
      hdx_host_throttled(part->host, hdx_engine_now(),
                         after_ms > HDX_RETRY_AFTER_MS_MAX ? HDX_RETRY_AFTER_MS_MAX : after_ms);
    retry(part, HDX_TEMPORARY, engine->options.retries, false, after_ms, text);
  } else {
    if (status == 407) {
      size_t size = strlen(text);
      snprintf(text + size, sizeof text - size, "%s", hdx_proxy_note(fetch->url, proxy, sizeof proxy));
    }
    fail(fetch, hdx_answer_status(status), status, text);
  }
}

static void refused(struct hdx_part *part) {
  struct hdx_fetch *fetch = part->fetch;
  char text[HDX_ERROR_TEXT_MAX];
  memcpy(text, part->refused.message, sizeof text);
  bool again = fetch->restarts < RESTARTS_MAX + (part->refusal == HDX_REFUSAL_WHOLE);
  if (part->refusal == HDX_REFUSAL_RETRY)
    retry(part, part->refused.status, fetch->engine->options.retries, false, 0, text);
  else if (part->refusal != HDX_REFUSAL_FINAL && again)
    restart(fetch, part->refusal == HDX_REFUSAL_WHOLE);
  else
    fail(fetch, part->refused.status, part->head.status, text);
}

/* libcurl could not finish the request. */
static void broken(struct hdx_part *part, CURLcode code) {
  struct hdx_engine *engine = part->fetch->engine;
  const char *why = part->curl_error[0] ? part->curl_error : engine->curl->easy_strerror(code);
  char text[HDX_ERROR_TEXT_MAX], proxy[HDX_PROXY_NOTE_MAX];
  unsigned retries = engine->options.retries;
  bool unreachable = false;
  snprintf(text, sizeof text, "%s: %s%s", part->fetch->name, why,
           hdx_proxy_note(part->fetch->url, proxy, sizeof proxy));
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
  case CURLE_UNSUPPORTED_PROTOCOL:
  case CURLE_OUT_OF_MEMORY:
  case CURLE_BAD_FUNCTION_ARGUMENT:
  case CURLE_FAILED_INIT:
    fail(part->fetch, code == CURLE_OUT_OF_MEMORY ? HDX_MEMORY : HDX_INTERNAL, 0, text);
    return;
  default: /* resets, cuts, time-outs, protocol errors: what a network does */
    break;
  }
  retry(part, HDX_TEMPORARY, retries, unreachable, 0, text);
}

void hdx_fetch_stalled(struct hdx_part *part) {
  struct hdx_engine *engine = part->fetch->engine;
  char text[HDX_ERROR_TEXT_MAX];
  snprintf(text, sizeof text, "%s: no byte came for %.1f s", part->fetch->name,
           (double)engine->options.stall_ms_max / 1000);
  hdx_log_write(engine->options.log, HDX_LOG_WARNING, "%s: asking again on another connection", text);
  hdx_attempt_end(part);
  retry(part, HDX_TEMPORARY, engine->options.retries, !part->host->answered, 0, text);
}

void hdx_fetch_outcome(struct hdx_part *part, CURLcode code) {
  struct hdx_fetch *fetch = part->fetch;
  struct hdx_engine *engine = fetch->engine;
  struct hdx_host *host = part->host;
  char *location = NULL, *copy = NULL;
  if (code == CURLE_OK && !part->accepted)
    hdx_fetch_accept(part);
  if (part->easy && part->head.status >= 300 && part->head.status < 400)
    engine->curl->easy_getinfo(part->easy, CURLINFO_REDIRECT_URL, &location);
  copy = location ? strdup(location) : NULL;
  hdx_attempt_end(part);
  hdx_host_finished(host, hdx_engine_now(), part->attempt_bytes, part->wait_us, host->begun.first || host->fresh.first);
  if (part->refusal != HDX_REFUSAL_NONE)
    refused(part);
  else if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && (part->head.status >= 300 || part->enough)))
    answered(part, copy);
  else
    broken(part, code);
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
  if (status != HDX_OK)
    return status;
  if (!fetch->host)
    return hdx_file_queue(fetch, error);
  fetch->whole = fetch->request.whole;
  struct hdx_part *part = add_first_part(fetch);
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

static bool copy_texts(struct hdx_fetch *fetch, const struct hdx_fetch_request *request) {
  struct hdx_fetch_request *own = &fetch->request;
  own->url = strdup(request->url);
  own->key.data = request->key.size ? hdx_text_dup(request->key) : NULL;
  fetch->url = strdup(request->url);
  fetch->name = own->url;
  bool copied = copy(request->etag, &own->etag);
  copied &= copy(request->last_modified, &own->last_modified);
  copied &= copy(request->query, &own->query);
  return copied && own->url && fetch->url && (own->key.data || !request->key.size);
}

enum hdx_status hdx_fetch(struct hdx_engine *engine, const struct hdx_fetch_request *request, struct hdx_error *error) {
  struct hdx_fetch *fetch = calloc(1, sizeof *fetch);
  if (!fetch)
    return hdx_error_memory(error, sizeof *fetch);
  fetch->engine = engine;
  fetch->request = *request;
  fetch->bucket = request->bucket;
  enum hdx_status status =
      copy_texts(fetch, request) ? start(fetch, error) : hdx_error_memory(error, strlen(request->url));
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
