/* Objects in many parts at once: each byte comes once, of one version, however the parts come in. */
#include "unit/transfer/engine_test.h"

#include <fcntl.h>
#include <sys/stat.h>

/* ------------------------------------------------------------------------------------------------- many at once */

enum { AT_ONCE = 16 };

static bool all_are_asked(void) {
  return atomic_load(&server.asked_count) >= AT_ONCE;
}

/* No part ends before all 16 were asked for; then the one that was asked for last is answered first. */
static void backwards(const struct asked *asked, size_t number, struct behaviour *behaviour) {
  (void)asked;
  if (number == 0) {
    behaviour->pause = 1000;
    behaviour->resume = all_are_asked;
    return;
  }
  server_until(all_are_asked);
  while (!atomic_load(&server.stop) && atomic_load(&server.answered_count) < AT_ONCE - 1 - number)
    usleep(200);
}

static void sixteen_parts_at_once_give_each_byte_once(void **state) {
  size_t size = (size_t)AT_ONCE * PART - 777;
  (void)state;
  serve(size);
  server.script = backwards;
  struct sink *sink = request("/object", (struct hdx_fetch_request){.scattered = true});
  engine->hosts->limit = AT_ONCE; /* as it is for a host that is far away */
  finish(sink);
  assert_ok(sink);
  sink_has(sink, content, 0, size);
  sink_lacks(sink, size, sink->size);
  assert_true(sink->out_of_order);
  assert_int_equal(sink->begun, 1);
  assert_int_equal(sink->head.size, size);
  assert_int_equal(sink->told_bytes, size);
  assert_int_equal(atomic_load(&server.asked_count), AT_ONCE);
  sink_free(sink);
  unserve();
}

static void a_large_object_takes_all_that_its_host_is_given_and_no_more(void **state) {
  (void)state;
  serve(SINK_BYTES_MAX);
  struct sink *sink = request("/object", (struct hdx_fetch_request){.scattered = true});
  unsigned most = 0;
  engine->hosts->limit = engine->hosts->limit_max = 40;
  while (!sink->done) {
    uv_run(hdx_engine_loop(engine), UV_RUN_ONCE);
    most = engine->active.count > most ? engine->active.count : most;
    assert_true(engine->hosts->begun.count <= 40);
    assert_true(engine->pool.used <= engine->pool.max);
    engine->hosts->limit = 40;
  }
  assert_ok(sink);
  assert_int_equal(most, 40);
  sink_has(sink, content, 0, SINK_BYTES_MAX);
  sink_free(sink);
  unserve();
}

static void blocks_in_order_have_their_offsets(void **state) {
  size_t size = 20 * PART + 5;
  (void)state;
  serve(size);
  struct sink *sink = fetch((struct hdx_fetch_request){.url = NULL});
  assert_ok(sink);
  assert_false(sink->out_of_order);
  sink_has(sink, content, 0, size);
  sink_free(sink);
  unserve();
}

/* Every other part once. */
static void cut_in_the_middle(const struct asked *asked, size_t number, struct behaviour *behaviour) {
  if (asked->from % PART == 0 && asked->from / PART % 2 == 0)
    behaviour->cut = 1000 + 7001 * number % PART;
}

/* More requests than there are blocks: none may hold one that it does not fill, be it that it was broken. */
static void few_blocks_are_enough_for_many_parts(void **state) {
  struct hdx_engine_options options = engine_options();
  struct sink *sinks[8];
  (void)state;
  assert_true(server_start(content, SINK_BYTES_MAX / 4));
  server.script = cut_in_the_middle;
  open_engine(&options);
  hdx_block_pool_resize(&engine->pool, 8);
  for (size_t i = 0; i < 8; i++)
    sinks[i] = request("/object", (struct hdx_fetch_request){.scattered = i % 4 != 0});
  engine->hosts->limit = 64;
  for (size_t i = 0; i < 8; i++)
    while (!sinks[i]->done) {
      uv_run(hdx_engine_loop(engine), UV_RUN_ONCE);
      assert_true(engine->pool.used <= 8);
    }
  for (size_t i = 0; i < 8; i++) {
    assert_ok(sinks[i]);
    sink_has(sinks[i], content, 0, SINK_BYTES_MAX / 4);
    sink_free(sinks[i]);
  }
  assert_true(engine->pool.made <= 8);
  unserve();
}

static atomic_bool shrunk;

static bool has_shrunk(void) {
  return atomic_load(&shrunk);
}

static void first_part_waits(const struct asked *asked, size_t number, struct behaviour *behaviour) {
  (void)number;
  if (asked->from == 0) {
    behaviour->pause = 1;
    behaviour->resume = has_shrunk;
  }
}

/* Parts that run ahead have more blocks than there are to be now, and keep them until the first part has its own. */
static void test_p4_what_has_begun_is_finished_with_less_memory(void **state) {
  struct hdx_engine_options options = engine_options();
  options.part_bytes = 2 * HDX_BLOCK_BYTES;
  size_t size = 6 * options.part_bytes;
  (void)state;
  assert_true(server_start(content, size));
  server.script = first_part_waits;
  open_engine(&options);
  struct sink *sink = request("/object", (struct hdx_fetch_request){.url = NULL});
  while (engine->pool.ahead < 10)
    uv_run(hdx_engine_loop(engine), UV_RUN_ONCE);
  hdx_engine_share_memory(engine, 0);
  atomic_store(&shrunk, true);
  finish(sink);
  assert_ok(sink);
  sink_has(sink, content, 0, size);
  sink_free(sink);
  assert_int_equal(engine->pool.max, 8);
  unserve();
}

/* A part that holds a block and waits for the rate needs no other one to go on. */
static void few_blocks_are_enough_at_a_limited_rate(void **state) {
  struct hdx_engine_options options = engine_options();
  (void)state;
  for (int scattered = 0; scattered < 2; scattered++) {
    struct sink *sinks[20];
    assert_true(server_start(content, PART));
    options.rate_bytes = 8 << 20;
    open_engine(&options);
    engine->pool.max = 2;
    for (size_t i = 0; i < 20; i++)
      sinks[i] = request("/object", (struct hdx_fetch_request){.scattered = scattered});
    for (size_t i = 0; i < 20; i++) {
      finish(sinks[i]);
      assert_ok(sinks[i]);
      sink_has(sinks[i], content, 0, PART);
      sink_free(sinks[i]);
    }
    unserve();
  }
}

static void a_broken_part_goes_on_from_its_byte(void **state) {
  size_t size = 10 * PART;
  (void)state;
  serve(size);
  server.script = cut_in_the_middle;
  struct sink *sink = fetch((struct hdx_fetch_request){.scattered = true});
  assert_ok(sink);
  assert_int_equal(sink->begun, 1);
  sink_has(sink, content, 0, size);
  for (size_t i = 0; i < atomic_load(&server.asked_count); i++) {
    assert_true(server.asked[i].has_range);
    assert_string_equal(server.asked[i].if_match, i ? "\"first\"" : "");
  }
  assert_true(sink->attempts > 10);
  assert_int_equal(engine->bytes, size); /* nothing came twice */
  sink_free(sink);
  unserve();
}

/* -------------------------------------------------------------------------------------------------- other versions */

static char *second; /* the other version */
static size_t change_at, change_again_at;

static void changes(const struct asked *asked, size_t number, struct behaviour *behaviour) {
  (void)asked;
  if (number >= change_at) {
    behaviour->body = second;
    behaviour->etag = number >= change_again_at ? "\"third\"" : "\"second\"";
  }
}

static void changes_unseen(const struct asked *asked, size_t number, struct behaviour *behaviour) {
  changes(asked, number, behaviour);
  behaviour->ignore_conditions = true;
}

static void an_object_that_changes_is_begun_anew_once(void **state) {
  size_t size = 12 * PART;
  (void)state;
  second = malloc(size);
  for (size_t i = 0; i < size; i++)
    second[i] = (char)~content[i];
  for (int unseen = 0; unseen < 2; unseen++)
    for (int ordered = 0; ordered < 2; ordered++) {
      serve(size);
      server.script = unseen ? changes_unseen : changes;
      change_at = 5;
      change_again_at = SIZE_MAX;
      struct sink *sink = fetch((struct hdx_fetch_request){.scattered = !ordered});
      assert_ok(sink);
      assert_int_equal(sink->begun, 2);
      assert_string_equal(sink->etag, "\"second\"");
      sink_has(sink, second, 0, size);
      sink_free(sink);
      unserve();
    }
  free(second);
}

static void an_object_that_changes_again_fails(void **state) {
  (void)state;
  second = content + PART;
  serve(40 * PART);
  server.script = changes;
  change_at = 5;
  change_again_at = 12;
  struct sink *sink = request("/object", (struct hdx_fetch_request){.scattered = true});
  engine->hosts->limit = engine->hosts->limit_max = 1; /* so that it has begun anew by then */
  finish(sink);
  assert_int_equal(sink->status, HDX_INTEGRITY);
  assert_non_null(strstr(sink->message, "changed while it was fetched"));
  assert_int_equal(sink->begun, 2);
  sink_free(sink);
  unserve();
}

/* ------------------------------------------------------------------------------------------------------------ ranges
 */

static const struct hdx_byte_range holes[] = {{5, 6}, {1000, 1000 + PART + 17}, {5 * PART, 6 * PART}};
#define HOLES .scattered = true, .ranges = holes, .range_count = 3

static void only_the_ranges_come(void **state) {
  const char *versions[] = {"\"first\"", "Wed, 21 Oct 2015 07:28:00 GMT", NULL};
  (void)state;
  for (size_t i = 0; i < 3; i++) {
    serve(6 * PART);
    struct sink *sink = fetch((struct hdx_fetch_request){HOLES, .if_match = versions[i]});
    assert_ok(sink);
    assert_int_equal(sink->begun, 1);
    assert_false(sink->head.anew);
    assert_int_equal(sink->head.size, 6 * PART);
    assert_int_equal(sink->told_bytes, 1 + PART + 17 + PART);
    sink_lacks(sink, 0, 5);
    sink_lacks(sink, 6, 1000);
    sink_lacks(sink, 1000 + PART + 17, 5 * PART);
    for (size_t k = 0; k < 3; k++)
      sink_has(sink, content, holes[k].from, holes[k].to);
    assert_string_equal(server.asked[0].if_match, i == 0 ? versions[0] : "");
    assert_string_equal(server.asked[0].if_unmodified_since, i == 1 ? versions[1] : "");
    assert_int_equal(server.asked[0].from, 5);
    assert_int_equal(server.asked[0].to, 6);
    sink_free(sink);
    unserve();
  }
}

static void ignore_conditions(const struct asked *asked, size_t number, struct behaviour *behaviour) {
  (void)asked, (void)number;
  behaviour->ignore_conditions = true;
}

static void ignore_ranges(const struct asked *asked, size_t number, struct behaviour *behaviour) {
  (void)asked, (void)number;
  behaviour->ignore_range = true;
}

/* Of another version, or of a server that knows no ranges, all comes, in as many requests as that takes. */
static void if_the_ranges_are_of_another_version_all_comes(void **state) {
  const struct {
    const char *if_match;
    size_t size;
    void (*script)(const struct asked *asked, size_t number, struct behaviour *behaviour);
    size_t requests;
  } cases[] = {
      {"\"old\"", 6 * PART, NULL, 7},                       /* 412 */
      {"\"old\"", 6 * PART, ignore_conditions, 7},          /* 206 with its own tag */
      {"Wed, 21 Oct 2015 07:28:01 GMT", 6 * PART, NULL, 7}, /* 412 */
      {"Wed, 21 Oct 2015 07:28:01 GMT", 6 * PART, ignore_conditions, 7} /* 206 with its own date */,
      {"W/\"first\"", 6 * PART, NULL, 6}, /* names no bytes: ranges are not tried */
      {"", 6 * PART, NULL, 6},
      {"\"first\"", 6 * PART - 1, NULL, 7},      /* too short for the ranges */
      {"\"first\"", 3, NULL, 2},                 /* 416 */
      {"\"first\"", 0, NULL, 3},                 /* 416, and 416 of an empty object */
      {"\"first\"", 6 * PART, ignore_ranges, 1}, /* 200, which is taken */
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    serve(cases[i].size);
    server.script = cases[i].script;
    struct sink *sink = fetch((struct hdx_fetch_request){HOLES, .if_match = cases[i].if_match});
    assert_ok(sink);
    assert_int_equal(sink->begun, 1);
    assert_true(sink->head.anew);
    assert_int_equal(sink->head.size, cases[i].size);
    sink_has(sink, content, 0, cases[i].size);
    assert_int_equal(atomic_load(&server.asked_count), cases[i].requests);
    sink_free(sink);
    unserve();
  }
}

static void ranges_that_change_on_the_way_are_given_up(void **state) {
  (void)state;
  second = content + PART;
  serve(6 * PART);
  server.script = changes;
  change_at = 2;
  change_again_at = SIZE_MAX;
  struct sink *sink = fetch((struct hdx_fetch_request){HOLES, .if_match = "\"first\""});
  assert_ok(sink);
  assert_int_equal(sink->begun, 2);
  assert_true(sink->head.anew);
  sink_has(sink, second, 0, 6 * PART);
  sink_free(sink);
  unserve();
}

static char path[64], url[100]; /* of a file */

static void make_file(void) {
  strcpy(path, "/tmp/hdx-engine-XXXXXX");
  int fd = mkstemp(path);
  assert_true(fd >= 0 && write(fd, content, 6 * PART) == 6 * PART);
  close(fd);
  snprintf(url, sizeof url, "file://%s", path);
}

static void files_are_read_in_ranges_too(void **state) {
  struct hdx_engine_options options = engine_options();
  (void)state;
  make_file();
  open_engine(&options);
  struct sink *sink = sink_new(engine, SINK_BYTES_MAX);
  struct hdx_fetch_request wanted = {.url = url,
                                     .bytes_max = UINT64_MAX,
                                     .head = true,
                                     .begin = sink_begin,
                                     .block = sink_block,
                                     .done = sink_done,
                                     .user = sink};
  assert_int_equal(hdx_fetch(engine, &wanted, NULL), HDX_OK);
  finish(sink);
  assert_int_equal(sink->begun, 1);
  assert_int_equal(sink->head.size, 6 * PART);
  assert_int_equal(sink->blocks, 0);
  wanted.head = false;
  for (int other = 0; other < 2; other++) {
    struct hdx_fetch_request ranges = wanted;
    ranges.scattered = true;
    ranges.ranges = holes;
    ranges.range_count = 3;
    ranges.if_match = other ? "\"other\"" : sink->etag;
    sink->done = 0;
    assert_int_equal(hdx_fetch(engine, &ranges, NULL), HDX_OK);
    finish(sink);
    assert_ok(sink);
    assert_int_equal(sink->head.anew, other);
    for (size_t k = 0; k < 3; k++)
      sink_has(sink, content, other ? 0 : holes[k].from, other ? 6 * PART : holes[k].to);
    if (!other)
      sink_lacks(sink, 6, 1000);
  }
  sink_free(sink);
  unlink(path);
  hdx_engine_close(engine);
}

static void rewrite(struct sink *sink, const struct hdx_block *block) {
  const struct timespec times[2] = {{0}, {0}};
  (void)sink, (void)block;
  assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0); /* as written again, with as many bytes */
}

static void cut_short(struct sink *sink, const struct hdx_block *block) {
  (void)sink, (void)block;
  assert_int_equal(truncate(path, 1), 0);
}

static void a_file_that_changes_while_it_is_read_fails(void **state) {
  void (*const changes_of_file[])(struct sink * sink, const struct hdx_block *block) = {rewrite, cut_short};
  struct hdx_engine_options options = engine_options();
  (void)state;
  for (size_t i = 0; i < 2; i++) {
    make_file();
    open_engine(&options);
    struct sink *sink = sink_new(engine, 6 * PART);
    sink->on_block = changes_of_file[i];
    struct hdx_fetch_request wanted = {
        .url = url, .bytes_max = UINT64_MAX, .begin = sink_begin, .block = sink_block, .done = sink_done, .user = sink};
    assert_int_equal(hdx_fetch(engine, &wanted, NULL), HDX_OK);
    finish(sink);
    assert_int_equal(sink->status, HDX_INTEGRITY);
    assert_non_null(strstr(sink->message, "changed while it was read"));
    sink_free(sink);
    unlink(path);
    hdx_engine_close(engine);
  }
}

static void ranges_that_are_none_are_refused(void **state) {
  const struct hdx_byte_range empty[] = {{5, 5}}, touching[] = {{0, 5}, {5, 6}}, backward[] = {{7, 9}, {0, 1}};
  const struct hdx_byte_range *bad[] = {empty, touching, backward};
  (void)state;
  serve(10);
  for (size_t i = 0; i < 3; i++) {
    struct hdx_fetch_request wanted = {
        .url = "http://127.0.0.1/", .scattered = true, .ranges = bad[i], .range_count = i ? 2 : 1, .done = sink_done};
    assert_int_equal(hdx_fetch(engine, &wanted, NULL), HDX_USAGE);
  }
  unserve();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sixteen_parts_at_once_give_each_byte_once),
      cmocka_unit_test(a_large_object_takes_all_that_its_host_is_given_and_no_more),
      cmocka_unit_test(blocks_in_order_have_their_offsets),
      cmocka_unit_test(few_blocks_are_enough_for_many_parts),
      cmocka_unit_test(test_p4_what_has_begun_is_finished_with_less_memory),
      cmocka_unit_test(few_blocks_are_enough_at_a_limited_rate),
      cmocka_unit_test(a_broken_part_goes_on_from_its_byte),
      cmocka_unit_test(an_object_that_changes_is_begun_anew_once),
      cmocka_unit_test(an_object_that_changes_again_fails),
      cmocka_unit_test(only_the_ranges_come),
      cmocka_unit_test(if_the_ranges_are_of_another_version_all_comes),
      cmocka_unit_test(ranges_that_change_on_the_way_are_given_up),
      cmocka_unit_test(files_are_read_in_ranges_too),
      cmocka_unit_test(a_file_that_changes_while_it_is_read_fails),
      cmocka_unit_test(ranges_that_are_none_are_refused),
  };
  return cmocka_run_group_tests(tests, make_content, free_content);
}
