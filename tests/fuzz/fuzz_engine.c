/* layer: transfer */
/* Servers that answer anything, in any order: each request ends once, with all bytes of one version of the object or a
 * reason; never more requests at once than allowed; no request, and no signature, goes where it may not; and no message
 * holds what is secret.
 *
 * Two bytes of flags, two of the object's size, then the script of answers (scripted_curl.h). */
#include "scripted_curl.h"

#include "transfer/bucket.h"
#include "transfer/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
  FLAG_TLS = 1,
  FLAG_BUCKET = 2,
  FLAG_SCATTERED = 4,
  FLAG_WHOLE = 8,
  FLAG_HEAD = 16,
  FLAG_FIRST = 32,
  FLAG_CONDITION = 64,
  FLAG_SIZE = 128,
  FLAG_SIGN = 256,
  FLAG_RANGES = 512,
  FLAG_TWO = 1024,
  FLAG_RATE = 2048,
  FLAG_ABORT = 4096,
  FLAG_OPTIONAL = 8192,
  FLAG_VERSION = 16384,
  FLAG_CHECKSUMS = 32768
};
enum { JOBS = 4, TURNS_MAX = 200000, FIRST_BYTES = 700, SIZE_MOST = 7000 };
static const char token[] = "session-token-for-tests";
static char secret[40]; /* never sent: where a message has it, it is from us */
static const struct hdx_byte_range ranges[] = {{3, 900}, {1000, 1001}, {1500, 4000}};

struct job {
  unsigned flags, done, begins;
  struct hdx_engine *engine;
  char bytes[OBJECT_BYTES_MAX];
  uint8_t seen[OBJECT_BYTES_MAX]; /* how often each byte came since the last begin */
  uint64_t got, size;
  bool anew;
  enum hdx_status status;
  bool not_modified;
};

static unsigned run_flags;
static bool anything_signed;

/* Addresses that the engine asks for by itself: none, as no socket is opened. What a request must be, whoever sent us
 * to its place. */
static void check_request(const struct easy *easy) {
  struct hdx_url url;
  CHECK(hdx_url_parse(hdx_text_of(easy->url), &url, NULL) == HDX_OK);
  CHECK(url.scheme == HDX_SCHEME_HTTPS || (url.scheme == HDX_SCHEME_HTTP && !net.secure));
  CHECK(!hdx_url_link_local(url.host));
  anything_signed |= easy->is_signed;
  if (easy->is_signed)
    CHECK(run_flags & FLAG_BUCKET && url.scheme == HDX_SCHEME_HTTPS &&
          hdx_text_ends_with(url.host, HDX_TEXT(".amazonaws.com")));
}

static void on_begin(void *user, const struct hdx_fetch_head *head) {
  struct job *job = user;
  CHECK(!job->done);
  job->begins++;
  job->got = 0;
  job->size = head->size;
  job->anew = head->anew;
  memset(job->seen, 0, sizeof job->seen);
  for (size_t i = 0; i < HDX_CHECK_COUNT; i++)
    CHECK(head->checksums[i] && !strchr(head->checksums[i], '-'));
}

static void on_block(void *user, struct hdx_block *block) {
  struct job *job = user;
  CHECK(!job->done && job->begins && block->size > 0 && block->size <= HDX_BLOCK_BYTES);
  CHECK(job->flags & FLAG_SCATTERED || block->offset == job->got);
  CHECK(job->size == UINT64_MAX || block->offset + block->size <= job->size);
  job->got += block->size;
  for (size_t i = 0; i < block->size && block->offset + i < OBJECT_BYTES_MAX; i++) {
    job->bytes[block->offset + i] = block->data[i];
    CHECK(job->seen[block->offset + i]++ == 0);
  }
  hdx_engine_release(job->engine, block);
  if (job->flags & FLAG_ABORT && job->got > 2000)
    hdx_fetch_abort(job->engine, job, HDX_LIMIT, "enough");
}

/* Whether a byte of the object was asked for. */
static bool wanted(const struct job *job, size_t i) {
  if (job->flags & FLAG_FIRST)
    return i < FIRST_BYTES;
  if (!(job->flags & FLAG_RANGES) || !(job->flags & FLAG_SCATTERED) || job->anew)
    return true;
  for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++)
    if (i >= ranges[k].from && i < ranges[k].to)
      return true;
  return false;
}

/* Of servers that tell no lies: all that was asked for has come, and is of one version. */
static void check_whole(const struct job *job) {
  unsigned version = 0;
  bool same = false;
  for (; !same && version <= net.version; version++) {
    same = true;
    for (size_t i = 0; same && i < net.object_size; i++)
      same = !wanted(job, i) || job->bytes[i] == object_byte(version, i);
  }
  CHECK(same);
  for (size_t i = 0; i < OBJECT_BYTES_MAX; i++)
    CHECK(job->seen[i] == (i < net.object_size && wanted(job, i)));
}

static void on_done(void *user, const struct hdx_fetch_result *result) {
  struct job *job = user;
  CHECK(job->done++ == 0 && result->bytes == job->got);
  CHECK(!strstr(result->message, secret));
  CHECK(!anything_signed || !strstr(result->message, token)); /* else the server made it up */
  CHECK(result->status == HDX_OK || result->message[0]);
  CHECK(!result->not_modified || (result->status == HDX_OK && job->flags & FLAG_CONDITION && job->got == 0));
  if (job->flags & FLAG_HEAD)
    CHECK(job->got == 0);
  else if (net.honest && result->status == HDX_OK && !result->not_modified)
    check_whole(job);
}

static struct hdx_engine *open_engine(void) {
  struct hdx_engine *engine;
  struct hdx_engine_options options = {
      .jobs = JOBS,
      .connections_per_host = JOBS,
      .retries = 3,
      .part_bytes = 1000,
      .memory_bytes = 4 << 20,
      .rate_bytes = run_flags & FLAG_RATE ? 100000 : 0,
      .retry_ms_max = 60000,
      .stall_ms_max = 5000,
      .connect_ms_max = 1000,
      .sign = run_flags & FLAG_SIGN ? HDX_SIGN_ALWAYS : HDX_SIGN_AUTO,
      .credentials = {.key_id = "AKIDEXAMPLE", .secret = secret, .token = token, .offline = true}};
  CHECK(hdx_engine_open(&options, &engine, NULL) == HDX_OK);
  return engine;
}

static void request(struct job *job) {
  struct hdx_fetch_request wanted = {.url = run_flags & FLAG_TLS ? "https://h.example/o" : "http://h.example/o",
                                     .key = HDX_TEXT("o"),
                                     .whole = run_flags & FLAG_WHOLE,
                                     .optional = run_flags & FLAG_OPTIONAL,
                                     .etag = run_flags & FLAG_CONDITION ? "\"v0\"" : NULL,
                                     .bytes_max = 1 << 20,
                                     .head = run_flags & FLAG_HEAD,
                                     .checksums = run_flags & FLAG_CHECKSUMS,
                                     .size = run_flags & FLAG_SIZE ? net.object_size : 0,
                                     .scattered = run_flags & FLAG_SCATTERED,
                                     .begin = on_begin,
                                     .block = on_block,
                                     .done = on_done,
                                     .user = job};
  if (run_flags & FLAG_FIRST)
    wanted.first_bytes = FIRST_BYTES;
  else if (run_flags & FLAG_SCATTERED && run_flags & FLAG_RANGES && !(run_flags & (FLAG_HEAD | FLAG_CONDITION))) {
    wanted.ranges = ranges;
    wanted.range_count = sizeof ranges / sizeof *ranges;
    wanted.if_match = run_flags & FLAG_VERSION ? "\"v0\"" : NULL;
  }
  job->flags = run_flags & (wanted.range_count ? ~0u : ~(unsigned)FLAG_RANGES);
  if (run_flags & FLAG_BUCKET) {
    const struct hdx_s3_place place = {.bucket = HDX_TEXT("bucket"),
                                       .region = HDX_TEXT("us-west-2"),
                                       .endpoint = HDX_TEXT(""),
                                       .trust = HDX_S3_TRUST_FULL};
    CHECK(hdx_engine_bucket(job->engine, &place, &wanted.bucket, NULL) == HDX_OK);
  }
  CHECK(hdx_fetch(job->engine, &wanted, NULL) == HDX_OK);
}

/* One for each input, which no script can hold, however often the fuzzer sees what it is searched for. */
static void make_secret(const uint8_t *data, size_t size) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
  for (size_t i = 0; i < size; i++)
    hash = (hash ^ data[i]) * UINT64_C(0x100000001b3);
  snprintf(secret, sizeof secret, "very-secret-key-%016llx", (unsigned long long)hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct job jobs[2];
  if (size < 4)
    return 0;
  clearenv();
  make_secret(data, size);
  run_flags = (unsigned)(data[0] | data[1] << 8);
  anything_signed = false;
  memset(&net, 0, sizeof net);
  net.object_size = (size_t)(data[2] | data[3] << 8) % SIZE_MOST;
  net.script = (struct hdx_text){(const char *)data + 4, size - 4};
  net.honest = true;
  net.secure = run_flags & (FLAG_TLS | FLAG_BUCKET);
  net.in_flight_max = JOBS;
  struct hdx_engine *engine = open_engine();
  size_t count = run_flags & FLAG_TWO ? 2 : 1, turns = 0;
  for (size_t i = 0; i < count; i++) {
    memset(&jobs[i], 0, sizeof jobs[i]);
    jobs[i].engine = engine;
    request(&jobs[i]);
  }
  while (jobs[0].done + (count > 1 ? jobs[1].done : 0) < count) {
    CHECK(turns++ < TURNS_MAX);
    uv_run(hdx_engine_loop(engine), UV_RUN_ONCE);
  }
  CHECK(engine->pool.used == 0 && engine->pool.reserved == 0 && engine->lent == 0);
  hdx_engine_close(engine);
  for (size_t i = 0; i < EASIES_MAX; i++)
    CHECK(!net.easies[i].used);
  return 0;
}
