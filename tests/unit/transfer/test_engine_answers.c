/* Single requests: small objects without a range, HEAD, checksums, and the end of a request before its time. */
#include "unit/transfer/engine_test.h"

/* --------------------------------------------------------------------------------------------------- small objects */

enum { SMALL = 300 };

/* The path says where the first answer is cut. */
static void cut_as_asked(const struct asked *asked, size_t number, struct behaviour *behaviour) {
  (void)number;
  if (!asked->has_range && !asked->if_match[0] && !asked->if_unmodified_since[0] && strchr(asked->path, 'x'))
    behaviour->cut = (size_t)atoi(asked->path + 1);
}

static size_t count_asked(const char *path, const struct asked **last) {
  size_t count = 0;
  for (size_t i = 0; i < atomic_load(&server.asked_count); i++)
    if (strcmp(server.asked[i].path, path) == 0) {
      *last = &server.asked[i];
      count++;
    }
  return count;
}

static void a_small_object_that_is_cut_goes_on_from_its_byte(void **state) {
  struct sink *sinks[SMALL];
  char path[32];
  (void)state;
  for (int dated = 0; dated < 2; dated++) {
    serve(SMALL);
    server.script = cut_as_asked;
    server.object.etag = dated ? "W/\"weak\"" : "\"first\"";
    for (int k = 1; k < SMALL; k++) {
      snprintf(path, sizeof path, "/%dx", k);
      sinks[k] = request(path, (struct hdx_fetch_request){.scattered = k % 2, .size = SMALL});
    }
    for (int k = 1; k < SMALL; k++) {
      const struct asked *last = NULL;
      finish(sinks[k]);
      assert_ok(sinks[k]);
      assert_int_equal(sinks[k]->begun, 1);
      sink_has(sinks[k], content, 0, SMALL);
      snprintf(path, sizeof path, "/%dx", k);
      assert_int_equal(count_asked(path, &last), 2);
      assert_true(last->has_range);
      assert_int_equal(last->from, k);
      assert_int_equal(last->to, SMALL);
      assert_string_equal(dated ? last->if_unmodified_since : last->if_match,
                          dated ? server.object.date : server.object.etag);
      sink_free(sinks[k]);
    }
    unserve();
  }
}

static void cut_once(const struct asked *asked, size_t number, struct behaviour *behaviour) {
  (void)asked;
  if (number == 0)
    behaviour->cut = 100;
}

static char in_chunks[SMALL + 16]; /* as one chunk, behind which the last, empty one is missing */

static void without_its_end(const struct asked *asked, size_t number, struct behaviour *behaviour) {
  size_t head = (size_t)sprintf(in_chunks, "%x\r\n", SMALL);
  (void)asked, (void)number;
  memcpy(in_chunks + head, content, SMALL);
  memcpy(in_chunks + head + SMALL, "\r\n", 2);
  *behaviour = (struct behaviour){.body = in_chunks,
                                  .size = head + SMALL + 2,
                                  .etag = "\"first\"",
                                  .status = 206,
                                  .fields = "Transfer-Encoding: chunked\r\n",
                                  .range_field = "Content-Range: bytes 0-299/300\r\n",
                                  .claimed = SIZE_MAX - 1,
                                  .pause = SIZE_MAX,
                                  .cut = head + SMALL + 2,
                                  .ignore_range = true};
}

/* An answer that breaks off behind its last byte is whole: no range is left that could be asked for. */
static void test_03_reset_behind_the_last_byte(void **state) {
  (void)state;
  for (int scattered = 0; scattered < 2; scattered++) {
    serve(SMALL);
    server.script = without_its_end;
    struct sink *sink = fetch((struct hdx_fetch_request){.scattered = scattered});
    assert_ok(sink);
    sink_has(sink, content, 0, SMALL);
    assert_int_equal(atomic_load(&server.asked_count), 1);
    sink_free(sink);
    unserve();
  }
}

static void cut_before_its_first_byte(const struct asked *asked, size_t number, struct behaviour *behaviour) {
  (void)asked;
  if (number == 0)
    behaviour->cut = 0;
}

/* Without a version to hold on to, or without a byte that has come, it is asked for as at first. */
static void what_cannot_be_gone_on_with_begins_again(void **state) {
  (void)state;
  for (int first = 0; first < 2; first++) {
    serve(SMALL);
    server.script = first ? cut_before_its_first_byte : cut_once;
    if (!first)
      server.object.etag = server.object.date = NULL;
    struct sink *sink = fetch((struct hdx_fetch_request){.size = SMALL, .scattered = true});
    assert_ok(sink);
    assert_int_equal(sink->begun, first ? 1 : 2);
    sink_has(sink, content, 0, SMALL);
    assert_int_equal(atomic_load(&server.asked_count), 2);
    assert_false(server.asked[1].has_range);
    assert_string_equal(server.asked[1].if_match, "");
    sink_free(sink);
    unserve();
  }
}

static void cut_then_as_it_was(const struct asked *asked, size_t number, struct behaviour *behaviour) {
  bool conditional = strcasestr(asked->head, "\r\nif-none-match:");
  behaviour->etag = behaviour->date = NULL;
  if (number == 0)
    behaviour->cut = 100;
  else if (conditional)
    behaviour->status = 304;
}

/* What has begun to come is modified: not to be asked for again on the condition that it is. */
static void what_has_come_is_not_unmodified_later(void **state) {
  (void)state;
  serve(SMALL);
  server.script = cut_then_as_it_was;
  struct sink *sink = fetch((struct hdx_fetch_request){.whole = true, .etag = "\"old\""});
  assert_ok(sink);
  assert_int_equal(sink->begun, 2);
  sink_has(sink, content, 0, SMALL);
  assert_non_null(strcasestr(server.asked[0].head, "\r\nif-none-match:"));
  sink_free(sink);
  unserve();
}

static void a_size_that_is_wrong_does_no_harm(void **state) {
  const size_t sizes[] = {0, 1, SMALL - 1, SMALL + 1, PART, PART + 1, 5 * PART + 3};
  (void)state;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    for (int scattered = 0; scattered < 2; scattered++) {
      serve(sizes[i]);
      server.script = cut_once;
      struct sink *sink = fetch((struct hdx_fetch_request){.size = SMALL, .scattered = scattered});
      assert_ok(sink);
      assert_int_equal(sink->head.size, sizes[i]);
      assert_int_equal(sink->http_status, sizes[i] > 100 ? 206 : 200);
      sink_has(sink, content, 0, sizes[i]);
      assert_false(server.asked[0].has_range);
      assert_int_equal(atomic_load(&server.asked_count), sizes[i] > 100 ? 2 : 1);
      sink_free(sink);
      unserve();
    }
}

static void an_object_too_large_is_refused_before_its_first_byte(void **state) {
  (void)state;
  serve(SMALL);
  struct sink *sink = fetch((struct hdx_fetch_request){.size = 10, .bytes_max = SMALL - 1});
  assert_int_equal(sink->status, HDX_LIMIT);
  assert_int_equal(sink->begun, 0);
  sink_free(sink);
  unserve();
}

static void lie(const struct asked *asked, size_t number, struct behaviour *behaviour) {
  (void)asked;
  switch (number) {
  case 0:
    behaviour->cut = 100;
    break;
  case 1: /* not the range that was asked for */
    behaviour->range_field = "Content-Range: bytes 99-298/300\r\n";
    break;
  case 2: /* none at all */
    behaviour->range_field = "";
    break;
  case 3: /* Content-Length is another */
    behaviour->range_field = "Content-Range: bytes 100-298/300\r\n";
    break;
  default:
    break;
  }
}

static void ranges_that_are_not_as_asked_for_are_not_taken(void **state) {
  (void)state;
  serve(SMALL);
  server.script = lie;
  struct sink *sink = fetch((struct hdx_fetch_request){.size = SMALL, .scattered = true});
  assert_ok(sink);
  assert_int_equal(sink->begun, 1);
  sink_has(sink, content, 0, SMALL);
  assert_int_equal(atomic_load(&server.asked_count), 5);
  sink_free(sink);
  unserve();
}

static void a_part_that_was_not_asked_for(const struct asked *asked, size_t number, struct behaviour *behaviour) {
  (void)asked;
  if (number == 0) {
    behaviour->status = 206;
    behaviour->range_field = "Content-Range: bytes 0-299/1000\r\n";
  }
}

static void a_part_in_place_of_the_object_is_not_taken(void **state) {
  (void)state;
  serve(SMALL);
  server.script = a_part_that_was_not_asked_for;
  struct sink *sink = fetch((struct hdx_fetch_request){.size = SMALL, .scattered = true});
  assert_ok(sink);
  assert_int_equal(sink->begun, 1);
  assert_int_equal(sink->head.size, SMALL);
  sink_has(sink, content, 0, SMALL);
  sink_free(sink);
  unserve();
}

/* ------------------------------------------------------------------------------------------------------------- HEAD */

static void head_tells_and_brings_no_byte(void **state) {
  const struct {
    int status;
    enum hdx_status want;
  } cases[] = {{0, HDX_OK}, {404, HDX_NOT_FOUND}, {403, HDX_DENIED}, {503, HDX_TEMPORARY}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    serve(7 * PART);
    engine->options.retries = 1;
    server.object.status = cases[i].status;
    struct sink *sink = fetch((struct hdx_fetch_request){.head = true});
    assert_int_equal(sink->status, cases[i].want);
    assert_int_equal(sink->http_status, cases[i].status ? cases[i].status : 200);
    assert_int_equal(sink->blocks, 0);
    assert_int_equal(sink->begun, cases[i].status ? 0 : 1);
    assert_int_equal(sink->head.size, cases[i].status ? 0 : 7 * PART);
    assert_string_equal(sink->etag, cases[i].status ? "" : "\"first\"");
    assert_int_equal(atomic_load(&server.asked_count), cases[i].status == 503 ? 2 : 1);
    for (size_t k = 0; k < atomic_load(&server.asked_count); k++)
      assert_true(server.asked[k].is_head && !server.asked[k].has_range);
    assert_int_equal(engine->connections, 1); /* an answer without a body leaves it usable */
    sink_free(sink);
    unserve();
  }
}

/* -------------------------------------------------------------------------------------------------------- checksums */

#define SHA256 "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="

static struct sink *fetch_of_bucket(struct hdx_fetch_request wanted) {
  char endpoint[64];
  struct hdx_bucket *bucket;
  int size = snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", server.port);
  struct hdx_s3_place place = {.bucket = HDX_TEXT("bucket"),
                               .region = HDX_TEXT("us-east-1"),
                               .endpoint = {endpoint, (size_t)size},
                               .trust = HDX_S3_TRUST_FULL};
  assert_int_equal(hdx_engine_bucket(engine, &place, &bucket, NULL), HDX_OK);
  wanted.bucket = bucket;
  wanted.key = HDX_TEXT("key");
  return fetch(wanted);
}

static void checksums_of_the_whole_object_are_told(void **state) {
  const struct {
    const char *fields, *crc32, *sha256;
    bool no_md5;
  } cases[] = {
      {"x-amz-checksum-crc32: DUoRhQ==\r\nX-Amz-Checksum-SHA256: " SHA256 "\r\n", "DUoRhQ==", SHA256, false},
      {"x-amz-checksum-crc32: DUoRhQ==\r\nx-amz-checksum-type: FULL_OBJECT\r\n", "DUoRhQ==", "", false},
      {"x-amz-checksum-crc32: DUoRhQ==\r\nx-amz-checksum-type: COMPOSITE\r\n", "", "", false},
      {"x-amz-checksum-type: COMPOSITE\r\nx-amz-checksum-crc32: DUoRhQ==\r\n", "", "", false},
      {"x-amz-checksum-sha256: " SHA256 "-12\r\n", "", "", false},
      {"x-amz-checksum-sha256: " SHA256 SHA256 "\r\n", "", "", false},
      {"x-amz-server-side-encryption: AES256\r\n", "", "", false},
      {"x-amz-server-side-encryption: aws:kms\r\n", "", "", true},
      {"x-amz-server-side-encryption: aws:kms:dsse\r\n", "", "", true},
      {"x-amz-server-side-encryption-customer-algorithm: AES256\r\n", "", "", true},
      {"x-amz-server-side-encryption-aws-kms-key-id: x\r\nx-amz-checksum: x\r\nx-amz-: x\r\n", "", "", false},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int head = 0; head < 2; head++) {
      serve(SMALL);
      server.object.fields = cases[i].fields;
      struct sink *sink =
          fetch_of_bucket((struct hdx_fetch_request){.head = head, .checksums = true, .size = SMALL, .url = "x"});
      assert_ok(sink);
      assert_string_equal(sink->checksums[HDX_CHECK_CRC32], cases[i].crc32);
      assert_string_equal(sink->checksums[HDX_CHECK_SHA256], cases[i].sha256);
      for (size_t k = 0; k < HDX_CHECK_COUNT; k++)
        if (k != HDX_CHECK_CRC32 && k != HDX_CHECK_SHA256)
          assert_string_equal(sink->checksums[k], "");
      assert_int_equal(sink->head.etag_is_no_md5, cases[i].no_md5);
      assert_non_null(strcasestr(server.asked[0].head, "\r\nx-amz-checksum-mode: ENABLED\r\n"));
      sink_free(sink);
      unserve();
    }
}

static void checksums_of_parts_are_left_out(void **state) {
  (void)state;
  serve(3 * PART);
  server.object.fields = "x-amz-checksum-crc32: DUoRhQ==\r\n";
  struct sink *sink = fetch_of_bucket((struct hdx_fetch_request){.checksums = true, .scattered = true});
  assert_ok(sink);
  assert_string_equal(sink->checksums[HDX_CHECK_CRC32], "");
  sink_free(sink);
  unserve();
}

/* They are asked for of buckets alone, and only if they are wanted. */
static void checksums_are_asked_for_of_buckets_alone(void **state) {
  (void)state;
  serve(SMALL);
  sink_free(fetch((struct hdx_fetch_request){.checksums = true, .size = SMALL}));
  sink_free(fetch_of_bucket((struct hdx_fetch_request){.size = SMALL}));
  for (size_t i = 0; i < 2; i++)
    assert_null(strcasestr(server.asked[i].head, "x-amz"));
  unserve();
}

/* ------------------------------------------------------------------------------------------------------------ abort */

static bool never(void) {
  return false;
}

static void hang_after_half(const struct asked *asked, size_t number, struct behaviour *behaviour) {
  (void)asked, (void)number;
  behaviour->pause = PART / 2;
  behaviour->resume = never;
}

static void abort_at_once(struct sink *sink, const struct hdx_block *block) {
  (void)block;
  hdx_fetch_abort(engine, sink, HDX_IO, "no room on the disk");
  assert_int_equal(sink->done, 0);
  assert_int_equal(sink->blocks, 1);
}

static void an_aborted_request_ends_with_what_it_was_given(void **state) {
  (void)state;
  serve(40 * PART);
  struct sink *other = request("/other", (struct hdx_fetch_request){.scattered = true});
  struct sink *sink = request("/object", (struct hdx_fetch_request){.scattered = true});
  sink->on_block = abort_at_once;
  finish(sink);
  finish(other);
  assert_int_equal(sink->status, HDX_IO);
  assert_string_equal(sink->message, "no room on the disk");
  assert_int_equal(sink->blocks, 1);
  assert_ok(other);
  sink_has(other, content, 0, 40 * PART);
  hdx_fetch_abort(engine, sink, HDX_IO, "there is no such request any more");
  uv_run(hdx_engine_loop(engine), UV_RUN_NOWAIT);
  assert_int_equal(sink->done, 1);
  sink_free(sink);
  sink_free(other);
  unserve();
}

static void abort_again(struct sink *sink, const struct hdx_block *block) {
  (void)block;
  hdx_fetch_abort(engine, sink, HDX_LIMIT, "no more room");
}

/* A consumer that is handed what has come, as its request ends, may say once more that it wants to end it. */
static void a_request_may_be_aborted_again(void **state) {
  size_t held = 0;
  (void)state;
  serve(8 * PART);
  server.script = hang_after_half;
  struct sink *sink = request("/object", (struct hdx_fetch_request){.scattered = true});
  sink->on_block = abort_again;
  while (held < 3 * (PART / 2)) { /* that many parts hold what has come of them */
    uv_run(hdx_engine_loop(engine), UV_RUN_NOWAIT);
    held = 0;
    for (const struct hdx_part *part = engine->active.first; part; part = part->next)
      held += part->received;
  }
  hdx_fetch_abort(engine, sink, HDX_LIMIT, "no more room");
  finish(sink);
  assert_int_equal(sink->status, HDX_LIMIT);
  assert_string_equal(sink->message, "no more room");
  assert_int_equal(sink->told_bytes, held);
  sink_free(sink);
  unserve();
}

static bool others_are_answered(void) {
  return atomic_load(&server.answered_count) >= 5;
}

static void the_first_comes_last(const struct asked *asked, size_t number, struct behaviour *behaviour) {
  (void)number;
  if (asked->from == 0) {
    behaviour->pause = 1000;
    behaviour->resume = others_are_answered;
  }
}

/* What came behind the first part would be handed out together with it. */
static void nothing_is_handed_out_once_a_request_is_aborted(void **state) {
  (void)state;
  serve(40 * PART);
  server.script = the_first_comes_last;
  struct sink *sink = request("/object", (struct hdx_fetch_request){.scattered = false});
  sink->on_block = abort_at_once;
  finish(sink);
  assert_int_equal(sink->status, HDX_IO);
  assert_int_equal(sink->blocks, 1);
  sink_free(sink);
  unserve();
}

static void what_hangs_waits_or_has_not_begun_can_be_aborted(void **state) {
  struct sink *sinks[20];
  (void)state;
  serve(PART);
  server.script = hang_after_half;
  for (size_t i = 0; i < 20; i++)
    sinks[i] = request("/object", (struct hdx_fetch_request){.scattered = i % 2});
  while (atomic_load(&server.asked_count) < HDX_HOST_START)
    uv_run(hdx_engine_loop(engine), UV_RUN_NOWAIT);
  for (size_t i = 0; i < 20; i++)
    hdx_fetch_abort(engine, sinks[i], HDX_INTERRUPTED, "enough");
  for (size_t i = 0; i < 20; i++) {
    finish(sinks[i]);
    assert_int_equal(sinks[i]->status, HDX_INTERRUPTED);
    assert_string_equal(sinks[i]->message, "enough");
    sink_free(sinks[i]);
  }
  assert_int_equal(engine->active.count, 0);
  unserve();
}

static atomic_bool hanging; /* which the server's threads look at */

static void hang_if_told(const struct asked *asked, size_t number, struct behaviour *behaviour) {
  if (atomic_load(&hanging))
    hang_after_half(asked, number, behaviour);
}

static void after_a_cancellation_requests_are_made_again(void **state) {
  (void)state;
  serve(8 * PART);
  server.script = hang_if_told;
  for (int heeded = 0; heeded < 2; heeded++) {
    struct sink *sinks[3];
    atomic_store(&hanging, true);
    for (size_t i = 0; i < 3; i++)
      sinks[i] = request("/object", (struct hdx_fetch_request){.scattered = i == 1});
    while (!engine->active.count)
      uv_run(hdx_engine_loop(engine), UV_RUN_ONCE);
    hdx_engine_cancel(engine);
    if (heeded)
      finish(sinks[0]);
    hdx_engine_resume(engine);
    for (size_t i = 0; i < 3; i++) {
      assert_int_equal(sinks[i]->done, 1);
      assert_int_equal(sinks[i]->status, HDX_INTERRUPTED);
      sink_free(sinks[i]);
    }
    assert_int_equal(engine->active.count, 0);
    atomic_store(&hanging, false);
    struct sink *sink = fetch((struct hdx_fetch_request){.bytes_max = UINT64_MAX});
    assert_ok(sink);
    sink_has(sink, content, 0, 8 * PART);
    sink_free(sink);
    hdx_engine_resume(engine); /* when there was no cancellation nothing ends */
  }
  unserve();
}

/* ------------------------------------------------------------------------------------------------ hostile versions */

/* Versions come from journals and snapshots, which others may have written. */
static void a_version_adds_no_field_to_a_request(void **state) {
  static const char evil[] = "\"first\"\r\nX-Evil: 1", evil_date[] = "Mon\r\nX-Evil: 1\r\n\r\nGET /other HTTP/1.1";
  const struct hdx_byte_range range = {10, 20};
  const struct hdx_fetch_request wanted[] = {
      {.etag = evil},
      {.last_modified = evil_date},
      {.scattered = true, .ranges = &range, .range_count = 1, .if_match = evil},
      {.scattered = true, .ranges = &range, .range_count = 1, .if_match = evil_date},
  };
  (void)state;
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    serve(SMALL);
    struct sink *sink = fetch(wanted[i]);
    assert_ok(sink);
    assert_int_equal(atomic_load(&server.asked_count), 1);
    assert_null(strcasestr(server.asked[0].head, "evil"));
    sink_has(sink, content, 0, SMALL); /* all of it, as no version is named */
    sink_free(sink);
    unserve();
  }
}

/* --------------------------------------------------------------------------------------------------- back-pressure */

static struct hdx_block *kept;
static size_t kept_bytes, given_back;

static void keep(void *user, struct hdx_block *block) {
  (void)user;
  block->next = kept;
  kept = block;
  kept_bytes += block->size;
}

static void give_back(void) {
  for (struct hdx_block *next; kept; kept = next) {
    next = kept->next;
    hdx_engine_release(engine, kept);
  }
  given_back += kept_bytes;
  kept_bytes = 0;
}

static void a_consumer_that_keeps_its_blocks_is_waited_for(void **state) {
  struct hdx_engine_options options = engine_options();
  struct hdx_fetch_request wanted = {.bytes_max = UINT64_MAX, .scattered = true, .block = keep, .done = sink_done};
  char url[64];
  (void)state;
  assert_true(server_start(content, SINK_BYTES_MAX));
  options.memory_bytes = 256 << 20;
  options.part_bytes = 8 << 20;
  open_engine(&options);
  struct sink *sink = sink_new(engine, 0);
  snprintf(url, sizeof url, "http://127.0.0.1:%u/object", server.port);
  wanted.url = url;
  wanted.user = sink;
  assert_int_equal(hdx_fetch(engine, &wanted, NULL), HDX_OK);
  size_t most = 0;
  while (!sink->done) {
    uv_run(hdx_engine_loop(engine), UV_RUN_ONCE);
    most = kept_bytes > most ? kept_bytes : most;
    if (engine->active.count == engine->paused_count)
      give_back();
  }
  give_back();
  assert_ok(sink);
  assert_true(most > HDX_LENT_BYTES_MAX && most <= HDX_LENT_BYTES_MAX + HDX_HOST_START * HDX_BLOCK_BYTES);
  assert_int_equal(given_back, SINK_BYTES_MAX);
  sink_free(sink);
  unserve();
}

/* As little is to be had then as where malloc() fails. */
static void reserve_all(void *user, const struct hdx_fetch_head *head) {
  (void)user;
  (void)head;
  engine->pool.reserved = engine->pool.max;
}

/* Nobody has a block to put back: what waited for one would wait for ever. */
static void test_33_no_memory_for_a_block(void **state) {
  struct hdx_fetch_request wanted = {
      .bytes_max = UINT64_MAX, .begin = reserve_all, .block = sink_block, .done = sink_done};
  char url[64];
  (void)state;
  serve(SMALL);
  struct sink *sink = sink_new(engine, SMALL);
  snprintf(url, sizeof url, "http://127.0.0.1:%u/object", server.port);
  wanted.url = url;
  wanted.user = sink;
  assert_int_equal(hdx_fetch(engine, &wanted, NULL), HDX_OK);
  finish(sink);
  assert_int_equal(sink->status, HDX_MEMORY);
  assert_non_null(strstr(sink->message, "out of memory"));
  engine->pool.reserved = 0;
  sink_free(sink);
  unserve();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_small_object_that_is_cut_goes_on_from_its_byte),
      cmocka_unit_test(test_03_reset_behind_the_last_byte),
      cmocka_unit_test(what_cannot_be_gone_on_with_begins_again),
      cmocka_unit_test(what_has_come_is_not_unmodified_later),
      cmocka_unit_test(a_size_that_is_wrong_does_no_harm),
      cmocka_unit_test(an_object_too_large_is_refused_before_its_first_byte),
      cmocka_unit_test(ranges_that_are_not_as_asked_for_are_not_taken),
      cmocka_unit_test(a_part_in_place_of_the_object_is_not_taken),
      cmocka_unit_test(head_tells_and_brings_no_byte),
      cmocka_unit_test(checksums_of_the_whole_object_are_told),
      cmocka_unit_test(checksums_of_parts_are_left_out),
      cmocka_unit_test(checksums_are_asked_for_of_buckets_alone),
      cmocka_unit_test(an_aborted_request_ends_with_what_it_was_given),
      cmocka_unit_test(a_request_may_be_aborted_again),
      cmocka_unit_test(nothing_is_handed_out_once_a_request_is_aborted),
      cmocka_unit_test(what_hangs_waits_or_has_not_begun_can_be_aborted),
      cmocka_unit_test(after_a_cancellation_requests_are_made_again),
      cmocka_unit_test(a_version_adds_no_field_to_a_request),
      cmocka_unit_test(a_consumer_that_keeps_its_blocks_is_waited_for),
      cmocka_unit_test(test_33_no_memory_for_a_block),
  };
  return cmocka_run_group_tests(tests, make_content, free_content);
}
