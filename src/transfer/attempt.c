/* One HTTP request: its options, its callbacks, its end. What follows from it is decided in fetch.c. */
#include "transfer/engine.h"
#include "transfer/proxy.h"

#include <inttypes.h>
#include <stdio.h>

enum {
  RECEIVE_BYTES_SMALL = 32 << 10,  /* libcurl's buffer, which it gets anew for each transfer */
  RECEIVE_BYTES_LARGE = 256 << 10, /* large files come in fewer calls */
  RECEIVE_SHARE = 16,              /* of the memory, for these buffers */
  ERROR_BODY_BYTES_MAX = 1 << 20,  /* of an answer that is not wanted, before the connection is given up */
  ANSWER_BYTES_MAX = 16 << 10,     /* of it that are kept: S3's error documents have far less */
  DRIP_BYTES_MAX = 511             /* within the stall time this is as good as nothing: a packet has more */
};

static void note_progress(struct hdx_part *part, size_t size) {
  part->drip_bytes += (uint32_t)size;
  if (part->heard && part->drip_bytes <= DRIP_BYTES_MAX)
    return;
  part->heard = true;
  part->drip_bytes = 0;
  part->progress_ns = hdx_engine_now();
}

static size_t on_header(char *data, size_t one, size_t size, void *user) {
  struct hdx_part *part = user;
  (void)one;
  hdx_head_line(&part->head, (struct hdx_text){data, size});
  note_progress(part, size);
  return size;
}

static bool wanted(const struct hdx_part *part) {
  return part->head.status == 200 || part->head.status == 206;
}

/* A block with room, or NULL: none is to be had now. */
static struct hdx_block *room(struct hdx_part *part) {
  if (!part->block) {
    part->block = hdx_block_take(&part->fetch->engine->pool, part->reserved > 0);
    if (part->block && part->reserved > 0)
      part->reserved--;
  }
  return part->block;
}

static void take(struct hdx_part *part, const char *data, size_t size) {
  if (!part->block->size)
    part->block->offset = part->from + part->received;
  memcpy(part->block->data + part->block->size, data, size);
  part->block->size += size;
  part->received += size;
  if (part->block->size == HDX_BLOCK_BYTES)
    hdx_fetch_block(part);
}

/* Whether `size` bytes can be taken. All or nothing: libcurl hands over at most 16 KB, so one more block is always
 * enough. One that has to wait hands out what it has, if it may: if each of many kept a block that is not full, none
 * would be left for any of them. */
static bool make_room(struct hdx_part *part, size_t size) {
  const struct hdx_engine *engine = part->fetch->engine;
  const struct hdx_block_pool *pool = &engine->pool;
  if (engine->lent > HDX_LENT_BYTES_MAX || !room(part))
    return false;
  if (size <= HDX_BLOCK_BYTES - part->block->size || part->reserved > 0 || pool->used + pool->reserved < pool->max)
    return true;
  if (hdx_part_leads(part))
    hdx_fetch_block(part);
  return false;
}

static void refuse_memory(struct hdx_part *part) {
  part->refusal = HDX_REFUSAL_FINAL;
  hdx_error_set(&part->refused, HDX_MEMORY, "%s: out of memory", part->fetch->name);
}

/* The body is longer than it may be. */
static void refuse_excess(struct hdx_part *part) {
  if (part->to == UINT64_MAX) {
    part->refusal = HDX_REFUSAL_FINAL;
    part->fetch->too_large = true;
    hdx_error_set(&part->refused, HDX_LIMIT, "%s: more than the limit of %llu bytes", part->fetch->name,
                  (unsigned long long)part->fetch->request.bytes_max);
  } else {
    part->refusal = HDX_REFUSAL_RETRY;
    hdx_error_set(&part->refused, HDX_INTEGRITY, "%s: the body is longer than promised: more than %llu bytes",
                  part->fetch->name, (unsigned long long)(part->to - part->from));
  }
}

/* Of `size` bytes that came, those that are wanted. */
static size_t cut(const struct hdx_part *part, size_t size) {
  uint64_t first = part->fetch->request.first_bytes;
  uint64_t left = first > part->from + part->received ? first - part->from - part->received : 0;
  return first && left < size ? (size_t)left : size;
}

static size_t on_body(char *data, size_t one, size_t size, void *user) {
  struct hdx_part *part = user;
  struct hdx_engine *engine = part->fetch->engine;
  (void)one;
  if (!part->accepted)
    hdx_fetch_accept(part);
  if (part->refusal != HDX_REFUSAL_NONE)
    return 0;
  if (part->enough)
    return part->resuming ? size : 0;
  if (!wanted(part)) {
    size_t room = ANSWER_BYTES_MAX - part->answer.size;
    hdx_buffer_append(&part->answer, data, size < room ? size : room);
    part->unwanted_bytes += size;
    return part->unwanted_bytes > ERROR_BODY_BYTES_MAX ? 0 : size;
  }
  size_t came = size;
  if (part->head.status == 200) /* a server that knows no ranges sends more than it was asked for */
    size = cut(part, size);
  uint64_t end = part->to != UINT64_MAX ? part->to : part->fetch->request.bytes_max;
  if (size > end - part->from - part->received) {
    refuse_excess(part);
    return 0;
  }
  bool has_room = make_room(part, size);
  if (!has_room && engine->pool.used == 0) {
    refuse_memory(part);
    return 0;
  }
  if (!has_room || !hdx_engine_rate(engine, size)) {
    part->paused = true;
    engine->paused_count++;
    return CURL_WRITEFUNC_PAUSE;
  }
  size_t first = HDX_BLOCK_BYTES - part->block->size;
  first = first < size ? first : size;
  take(part, data, first);
  if (first < size) {
    if (!room(part)) {
      refuse_memory(part);
      return 0;
    }
    take(part, data + first, size - first);
  }
  part->attempt_bytes += size;
  note_progress(part, size);
  engine->bytes += size;
  part->host->bytes += size;
  part->enough = hdx_fetch_enough(part);
  return part->enough && !part->resuming ? 0 : came;
}

/* Has the answer be of the version that `etag`, or else `date`, names. */
static void add_version(struct hdx_headers *headers, const char *etag, const char *date) {
  if (hdx_head_strong(etag))
    hdx_headers_add(headers, "If-Match", hdx_text_of(etag));
  else if (date[0])
    hdx_headers_add(headers, "If-Unmodified-Since", hdx_text_of(date));
}

/* The conditions that keep all ranges of an object those of one version. */
static void add_conditions(struct hdx_part *part) {
  struct hdx_fetch *fetch = part->fetch;
  const struct hdx_fetch_request *request = &fetch->request;
  struct hdx_headers *headers = &part->headers;
  if (fetch->begun)
    add_version(headers, fetch->etag, fetch->last_modified);
  else if (hdx_fetch_in_ranges(fetch) && request->if_match)
    add_version(headers, request->if_match, request->if_match);
  else if (request->etag && !fetch->announced)
    hdx_headers_add(headers, "If-None-Match", hdx_text_of(request->etag));
  else if (request->last_modified && !fetch->announced)
    hdx_headers_add(headers, "If-Modified-Since", hdx_text_of(request->last_modified));
  if (hdx_attempt_wants_checksums(part))
    hdx_headers_add(headers, HDX_CHECKSUM_MODE, HDX_TEXT("ENABLED"));
}

static long receive_bytes(const struct hdx_engine *engine, const struct hdx_host *host) {
  uint64_t share = engine->options.memory_bytes / RECEIVE_SHARE / host->limit;
  if (host->mean_bytes < RECEIVE_BYTES_LARGE || share < RECEIVE_BYTES_SMALL)
    return RECEIVE_BYTES_SMALL;
  return share < RECEIVE_BYTES_LARGE ? (long)share : RECEIVE_BYTES_LARGE;
}

/* With nothing left open, libcurl has no need of the environment. */
static bool set_proxy(const struct hdx_part *part, bool tls) {
  const struct hdx_engine *engine = part->fetch->engine;
  char *const *environment = engine->options.environment;
  const char *variable;
  const struct hdx_curl_api *curl = engine->curl;
  const char *proxy = hdx_proxy_find(environment, tls, &variable), *authorities = engine->options.ca_file;
  return curl->easy_setopt(part->easy, CURLOPT_PROXY, proxy) == CURLE_OK &&
         curl->easy_setopt(part->easy, CURLOPT_NOPROXY, hdx_proxy_exclusions(environment)) == CURLE_OK &&
         (!authorities || curl->easy_setopt(part->easy, CURLOPT_PROXY_CAINFO, authorities) == CURLE_OK);
}

/* False: out of memory, of which libcurl takes some to copy texts. */
static bool set_options(struct hdx_part *part) {
  struct hdx_engine *engine = part->fetch->engine;
  const struct hdx_engine_options *options = &engine->options;
  const struct hdx_curl_api *curl = engine->curl;
  CURL *easy = part->easy;
  bool tls = hdx_text_starts_with(hdx_text_of(part->host->name), HDX_TEXT("https:"));
  bool well = true;
  curl->easy_setopt(easy, CURLOPT_PRIVATE, part);
  well &= hdx_curl_begin(curl, easy, part->fetch->url, "http,https");
  curl->easy_setopt(easy, CURLOPT_BUFFERSIZE, receive_bytes(engine, part->host));
  curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl->easy_setopt(easy, CURLOPT_WRITEDATA, part);
  curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl->easy_setopt(easy, CURLOPT_HEADERDATA, part);
  curl->easy_setopt(easy, CURLOPT_ERRORBUFFER, part->curl_error);
  curl->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_ms_max);
  curl->easy_setopt(easy, CURLOPT_HTTPHEADER, hdx_headers_list(&part->headers));
  if (tls) {
    /* Until the first connection has agreed on HTTP/2 or not, the others wait for it: they may share it. */
    curl->easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl->easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    if (options->ca_file)
      well &= curl->easy_setopt(easy, CURLOPT_CAINFO, options->ca_file) == CURLE_OK;
  } else {
    curl->easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  }
  well &= set_proxy(part, tls);
  char range[HDX_RANGE_TEXT_MAX];
  if (hdx_attempt_range(part, range))
    well &= curl->easy_setopt(easy, CURLOPT_RANGE, range + strlen("bytes=")) == CURLE_OK;
  if (hdx_attempt_is_head(part))
    curl->easy_setopt(easy, CURLOPT_NOBODY, 1L);
  hdx_sockets_adopt(part);
  return well;
}

bool hdx_attempt_is_head(const struct hdx_part *part) {
  return part->fetch->request.head && !part->fetch->asking_why;
}

bool hdx_attempt_wants_checksums(const struct hdx_part *part) {
  const struct hdx_fetch *fetch = part->fetch;
  return fetch->request.checksums && fetch->bucket && !part->ranged;
}

bool hdx_attempt_range(const struct hdx_part *part, char range[HDX_RANGE_TEXT_MAX]) {
  if (part->ranged)
    snprintf(range, HDX_RANGE_TEXT_MAX, "bytes=%" PRIu64 "-%" PRIu64, part->from + part->received, part->to - 1);
  return part->ranged;
}

enum hdx_status hdx_attempt_start(struct hdx_part *part, struct hdx_error *error) {
  struct hdx_engine *engine = part->fetch->engine;
  part->host = part->fetch->host;
  part->redirects = part->fetch->redirects;
  part->easy = engine->idle_count ? engine->idle[--engine->idle_count] : engine->curl->easy_init();
  if (!part->easy)
    return hdx_error_set(error, HDX_MEMORY, "%s: out of memory", part->fetch->name);
  part->ranged = !part->fetch->whole && (part->from + part->received > 0 || !hdx_fetch_unranged(part->fetch));
  add_conditions(part);
  enum hdx_status status = hdx_bucket_sign(part, error);
  if (status == HDX_OK)
    status = hdx_buffer_status(&part->headers.text, "the headers of the request", error);
  if (status != HDX_OK)
    return hdx_error_context(error, status, "%s", part->fetch->name);
  hdx_head_init(&part->head);
  hdx_buffer_clear(&part->answer);
  part->accepted = part->paused = part->enough = part->heard = false;
  part->attempt_bytes = part->unwanted_bytes = part->drip_bytes = 0;
  part->refusal = HDX_REFUSAL_NONE;
  part->curl_error[0] = 0;
  part->sent_ns = part->progress_ns = hdx_engine_now();
  if (!part->first_attempt_ns)
    part->first_attempt_ns = part->progress_ns;
  if (!set_options(part) || !engine->multi)
    return hdx_error_set(error, HDX_MEMORY, "%s: out of memory", part->fetch->name);
  CURLMcode code = engine->curl->multi_add_handle(engine->multi, part->easy);
  if (code != CURLM_OK)
    return hdx_error_set(error, code == CURLM_OUT_OF_MEMORY ? HDX_MEMORY : HDX_INTERNAL, "%s: libcurl: %s",
                         part->fetch->name, engine->curl->multi_strerror(code));
  part->state = HDX_PART_ACTIVE;
  part->host->active++;
  hdx_part_list_push(&engine->active, part);
  part->fetch->attempts++;
  part->host->requests++;
  engine->requests++;
  return HDX_OK;
}

static void count_times(struct hdx_part *part) {
  const struct hdx_curl_api *curl = part->fetch->engine->curl;
  struct hdx_host *host = part->host;
  curl_off_t sent = 0, first = 0, total = 0;
  part->wait_us = 0;
  if (part->head.status == 0)
    return;
  host->answered = true;
  curl->easy_getinfo(part->easy, CURLINFO_STARTTRANSFER_TIME_T, &first);
  curl->easy_getinfo(part->easy, CURLINFO_TOTAL_TIME_T, &total);
  curl->easy_getinfo(part->easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
  part->wait_us = first > sent ? (uint64_t)(first - sent) : 0;
  hdx_histogram_add(&host->first_byte, first > 0 ? (uint64_t)first : 0);
  hdx_histogram_add(&host->total, total > 0 ? (uint64_t)total : 0);
}

void hdx_attempt_end(struct hdx_part *part) {
  struct hdx_engine *engine = part->fetch->engine;
  if (!part->easy)
    return;
  if (part->state == HDX_PART_ACTIVE) {
    count_times(part);
    engine->curl->multi_remove_handle(engine->multi, part->easy);
    part->host->active--;
    hdx_part_list_remove(part);
    part->state = HDX_PART_QUEUED;
  }
  if (part->paused) {
    part->paused = false;
    engine->paused_count--;
  }
  if (engine->idle_count < sizeof engine->idle / sizeof *engine->idle) {
    engine->curl->easy_reset(part->easy);
    engine->idle[engine->idle_count++] = part->easy;
  } else {
    engine->curl->easy_cleanup(part->easy);
  }
  hdx_headers_clear(&part->headers);
  part->easy = NULL;
}

void hdx_attempt_resume(struct hdx_part *part) {
  part->paused = false;
  part->fetch->engine->paused_count--;
  part->progress_ns = hdx_engine_now();
  /* libcurl hands over what it kept at once, which may pause the transfer again. What it could not hand over is lost
   * while the transfer goes on: nothing that follows may be taken. */
  part->resuming = true;
  CURLcode code = part->fetch->engine->curl->easy_pause(part->easy, CURLPAUSE_CONT);
  part->resuming = false;
  if (code != CURLE_OK && part->refusal == HDX_REFUSAL_NONE) {
    part->refusal = code == CURLE_OUT_OF_MEMORY ? HDX_REFUSAL_FINAL : HDX_REFUSAL_RETRY;
    hdx_error_set(&part->refused, code == CURLE_OUT_OF_MEMORY ? HDX_MEMORY : HDX_TEMPORARY, "%s: %s", part->fetch->name,
                  part->fetch->engine->curl->easy_strerror(code));
  }
}
