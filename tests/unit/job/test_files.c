/* Lists of files, through the public functions: what is handed out, shards, and where each file is fetched from. */
#include "base/text.h"
#include "codec/checksum.h"
#include "job/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static char folder[] = "/tmp/hdx-test-XXXXXX";
static struct hdx_session *session;
static struct hdx_error error;

static struct hdx_session *open_session(const char *endpoint, const struct hdx_map *maps, size_t map_count) {
  struct hdx_config config;
  struct hdx_session *opened;
  hdx_config_init(&config);
  config.store = folder;
  config.registry_url = "file:///nonexistent.json";
  config.sign = HDX_SIGN_NEVER;
  config.endpoint_url = endpoint;
  config.maps = maps;
  config.map_count = map_count;
  assert_int_equal(hdx_session_open(&config, &opened, &error), HDX_OK);
  return opened;
}

static int set_up(void **state) {
  (void)state;
  unsetenv("AWS_ENDPOINT_URL");
  unsetenv("AWS_ENDPOINT_URL_S3");
  unsetenv("AWS_REGION");
  unsetenv("AWS_DEFAULT_REGION");
  setenv("AWS_CONFIG_FILE", "/nonexistent", 1);
  setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
  if (!mkdtemp(folder))
    return -1;
  session = open_session(NULL, NULL, 0);
  return 0;
}

static int tear_down(void **state) {
  char command[80];
  (void)state;
  hdx_session_close(session);
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}

static const char *write_list(const void *text, size_t size) {
  static char path[160];
  snprintf(path, sizeof path, "%s/list", folder);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(text, 1, size, file), size);
  fclose(file);
  return path;
}

static struct hdx_files *open_list(const char *text, const char *bucket, bool nul, size_t size) {
  struct hdx_files *files = NULL;
  error.message[0] = 0;
  if (hdx_files_read(session, write_list(text, size), bucket, nul, &files, &error) != HDX_OK)
    fail_msg("%s", error.message);
  return files;
}

/* All locations, each with a newline behind it. */
static void gather(struct hdx_files *files, struct hdx_buffer *out) {
  const struct hdx_file *list;
  size_t count;
  hdx_buffer_clear(out);
  do {
    if (hdx_files_next(files, &list, &count, &error) != HDX_OK)
      fail_msg("%s", error.message);
    for (size_t i = 0; i < count; i++) {
      hdx_buffer_append_text(out, list[i].location);
      hdx_buffer_append_byte(out, '\n');
    }
  } while (count);
}

static unsigned told;
static char last_told[HDX_ERROR_TEXT_MAX];

static char refused_location[80];

static void on_refused(void *user, const struct hdx_file *file, const char *message) {
  (void)user;
  snprintf(refused_location, sizeof refused_location, "%.*s", (int)file->location.size, file->location.data);
  told++;
  snprintf(last_told, sizeof last_told, "%s", message);
}

static void lines_are_located_below_the_bucket(void **state) {
  static const char text[] = "a/b.cdf\ns3://other/c d.cdf\n\n/e\r\nhttps://host/f?x=1\ns3://bucket/\nftp://host/x\n";
  struct hdx_buffer out;
  struct hdx_files_totals totals;
  (void)state;
  hdx_buffer_init(&out, 1 << 20);
  struct hdx_files *files = open_list(text, "s3://bucket/prefix/", false, sizeof text - 1);
  hdx_files_on_refused(files, on_refused, NULL);
  assert_int_equal(hdx_files_count(files, &totals, &error), HDX_OK);
  assert_int_equal(totals.files, 4);
  assert_int_equal(totals.refused, 2);
  assert_int_equal(totals.unsized, 4);
  assert_int_equal(told, 0);
  for (int round = 0; round < 2; round++) {
    told = 0;
    gather(files, &out);
    assert_string_equal(hdx_buffer_string(&out),
                        "s3://bucket/a/b.cdf\ns3://other/c d.cdf\ns3://bucket/e\nhttps://host/f?x=1\n");
    assert_int_equal(told, 2);
    assert_non_null(strstr(last_told, "/list: line 7 is left out: ftp://host/x"));
    assert_string_equal(refused_location, "ftp://host/x");
    hdx_files_rewind(files);
  }
  hdx_files_close(files);
  hdx_buffer_deinit(&out);
}

static void a_key_needs_a_bucket(void **state) {
  const struct hdx_file *list;
  size_t count;
  (void)state;
  struct hdx_files *files = open_list("s3://b/a\nb\n", NULL, false, 11);
  assert_int_equal(hdx_files_next(files, &list, &count, &error), HDX_USAGE);
  assert_non_null(strstr(error.message, "/list: line 2: b: a key without a scheme"));
  hdx_files_close(files);
}

static void lists_that_cannot_be_read(void **state) {
  struct hdx_files *files = NULL;
  (void)state;
  assert_int_equal(hdx_files_read(session, "/nonexistent/list", NULL, false, &files, &error), HDX_NOT_FOUND);
  assert_int_equal(hdx_files_read(session, "/tmp", NULL, false, &files, &error), HDX_IO);
  assert_int_equal(hdx_files_read(session, write_list("a", 1), "no such bucket!", false, &files, &error),
                   HDX_NOT_FOUND);
  assert_null(files);
}

/* A list of many portions, with records at every place of the bytes that are read at once. */
static void long_lists_come_whole(void **state) {
  struct hdx_buffer text, out;
  (void)state;
  hdx_buffer_init(&text, 64 << 20);
  hdx_buffer_init(&out, 64 << 20);
  for (unsigned i = 0; i < 60000; i++)
    hdx_buffer_append_format(&text, "s3://bucket/%0*u/%u\n", (int)(1 + i % 37), 0u, i);
  struct hdx_files *files = open_list(text.data, NULL, false, text.size);
  gather(files, &out);
  assert_true(hdx_text_equal(hdx_buffer_text(&text), hdx_buffer_text(&out)));
  hdx_files_close(files);
  hdx_buffer_deinit(&text);
  hdx_buffer_deinit(&out);
}

/* ---- shards ---- */

static void shards_are_disjoint_and_complete(void **state) {
  static const uint32_t counts[] = {1, 2, 3, 7, 64, 5000};
  enum { FILES = 1000 };
  struct hdx_buffer text;
  (void)state;
  hdx_buffer_init(&text, 1 << 20);
  for (unsigned i = 0; i < FILES; i++)
    hdx_buffer_append_format(&text, "s3://bucket/data/%u.fits\n", i);
  struct hdx_files *files = open_list(text.data, NULL, false, text.size);
  for (size_t n = 0; n < COUNT(counts); n++) {
    unsigned seen[FILES] = {0};
    for (uint32_t k = 1; k <= counts[n]; k++) {
      const struct hdx_file *list;
      size_t count;
      assert_int_equal(hdx_files_shard(files, k, counts[n], &error), HDX_OK);
      hdx_files_rewind(files);
      while (hdx_files_next(files, &list, &count, &error) == HDX_OK && count)
        for (size_t i = 0; i < count; i++)
          seen[strtoul(list[i].location.data + strlen("s3://bucket/data/"), NULL, 10)]++;
    }
    for (unsigned i = 0; i < FILES; i++)
      assert_int_equal(seen[i], 1);
  }
  assert_int_equal(hdx_files_shard(files, 0, 2, &error), HDX_USAGE);
  assert_int_equal(hdx_files_shard(files, 3, 2, &error), HDX_USAGE);
  assert_int_equal(hdx_files_shard(files, 1, 1000001, &error), HDX_USAGE);
  hdx_files_close(files);
  hdx_buffer_deinit(&text);
}

/* Jobs of several versions of the program may share a mirror: which shard a file is in never changes. XXH3 (64 bits, no
 * seed) of each location, as xxHash's own library has it, modulo 1,000,000. */
static void shards_never_change(void **state) {
  static const struct {
    const char *location;
    uint32_t remainder;
  } vectors[] = {
      {"s3://b/a", 592305},
      {"s3://gov-nasa-hdrl-data1/sdo/aia/20221231/0094/sdo_aia_h2_20221231T235600_0094_v1.fits", 989013},
      {"s3://gov-nasa-hdrl-data1/spdf/cdaweb/data/mms/mms1/feeps/brst/l2/electron/2020/02/"
       "mms1_feeps_brst_l2_electron_20200201081923_v7.1.1.cdf",
       216104},
      {"https://host/a%20b.cdf", 682288},
      {"s3://bucket/"
       "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
       "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
       "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
       279744},
  };
  (void)state;
  for (size_t i = 0; i < COUNT(vectors); i++) {
    const struct hdx_file *list;
    size_t count;
    struct hdx_files *files = open_list(vectors[i].location, NULL, false, strlen(vectors[i].location));
    assert_int_equal(hdx_files_shard(files, vectors[i].remainder + 1, 1000000, &error), HDX_OK);
    assert_int_equal(hdx_files_next(files, &list, &count, &error), HDX_OK);
    assert_int_equal(count, 1);
    hdx_files_close(files);
  }
}

/* ---- where files are ---- */

struct place {
  const char *location, *url, *key; /* key NULL: no object of a bucket */
};

static void expect_targets(struct hdx_session *of, const char *bucket, const struct place *places, size_t count) {
  struct hdx_session *before = session;
  session = of;
  assert_int_equal(hdx_session_online(of, &error), HDX_OK);
  struct hdx_files *files = open_list("", bucket, false, 0);
  for (size_t i = 0; i < count; i++) {
    struct hdx_file file = {.location = hdx_text_of(places[i].location)};
    struct hdx_target target;
    if (hdx_files_target(files, &file, &target, &error) != HDX_OK)
      fail_msg("%s", error.message);
    assert_string_equal(target.url, places[i].url);
    assert_int_equal(target.bucket != NULL, places[i].key != NULL);
    if (places[i].key)
      assert_true(hdx_text_is(target.key, places[i].key));
    hdx_target_deinit(&target);
  }
  hdx_files_close(files);
  session = before;
}

static void targets_of_a_list_alone(void **state) {
  static const struct place places[] = {
      {"s3://bucket/a/b.cdf", "https://bucket.s3.amazonaws.com/a/b.cdf", "a/b.cdf"},
      {"s3://bucket/a b%25?c#d+\xc3\xa9", "https://bucket.s3.amazonaws.com/a%20b%2525%3Fc%23d%2B%C3%A9",
       "a b%25?c#d+\xc3\xa9"},
      {"s3://bucket/a\nb\x01\x7f", "https://bucket.s3.amazonaws.com/a%0Ab%01%7F", "a\nb\x01\x7f"},
      {"s3://bucket/a/../b", "https://bucket.s3.amazonaws.com/a/../b", "a/../b"},
      {"s3://bucket//b/", "https://bucket.s3.amazonaws.com//b/", "/b/"},
      {"gs://bucket/a", "https://storage.googleapis.com/bucket/a", "a"},
      {"https://host/a%20b?c=d", "https://host/a%20b?c=d", NULL},
      {"http://169.254.1.1/a", "http://169.254.1.1/a", NULL},
      {"file:///tmp/a b", "file:///tmp/a%20b", NULL},
  };
  (void)state;
  expect_targets(session, NULL, places, COUNT(places));
}

static void targets_at_an_endpoint(void **state) {
  static const struct place places[] = {
      {"s3://bucket/a", "http://127.0.0.1:1/bucket/a", "a"},
      {"s3://other/a/../b", "http://127.0.0.1:1/other/a/../b", "a/../b"},
      {"https://host/a", "https://host/a", NULL},
  };
  (void)state;
  struct hdx_session *there = open_session("http://127.0.0.1:1", NULL, 0);
  expect_targets(there, NULL, places, COUNT(places));
  hdx_session_close(there);
}

static void targets_by_maps(void **state) {
  static const struct hdx_map maps[] = {{"s3://bucket/x/", "file:///data/"}, {"https://host/", "http://127.0.0.1:1/"}};
  static const struct place places[] = {
      {"s3://bucket/x/a b", "file:///data/a%20b", NULL},
      {"s3://bucket/a", "https://bucket.s3.amazonaws.com/a", "a"},
      {"https://host/a", "http://127.0.0.1:1/a", NULL},
  };
  (void)state;
  struct hdx_session *there = open_session(NULL, maps, COUNT(maps));
  expect_targets(there, NULL, places, COUNT(places));
  hdx_session_close(there);
}

/* More buckets than sources are kept of. */
static void many_buckets(void **state) {
  struct hdx_files *files = open_list("", NULL, false, 0);
  (void)state;
  assert_int_equal(hdx_session_online(session, &error), HDX_OK);
  for (unsigned i = 0; i < 3 * HDX_FILES_BUCKETS_MAX; i++) {
    char location[64], url[80];
    snprintf(location, sizeof location, "s3://bucket%u/a", i % (2 * HDX_FILES_BUCKETS_MAX));
    snprintf(url, sizeof url, "https://bucket%u.s3.amazonaws.com/a", i % (2 * HDX_FILES_BUCKETS_MAX));
    struct hdx_file file = {.location = hdx_text_of(location)};
    struct hdx_target target;
    assert_int_equal(hdx_files_target(files, &file, &target, &error), HDX_OK);
    assert_string_equal(target.url, url);
    hdx_target_deinit(&target);
  }
  hdx_files_close(files);
}

/* Rows that were a catalog's of the network do not lead to this machine. */
static void a_list_of_a_remote_bucket_is_its_catalogs(void **state) {
  static const char text[] = "file:///etc/passwd\nhttp://169.254.169.254/latest\nhttp://host/a\n";
  struct hdx_buffer out;
  (void)state;
  hdx_buffer_init(&out, 1 << 16);
  struct hdx_files *files = open_list(text, "s3://bucket/", false, sizeof text - 1);
  gather(files, &out);
  assert_string_equal(hdx_buffer_string(&out), "http://host/a\n");
  struct hdx_file file = {.location = HDX_TEXT("file:///etc/passwd")};
  struct hdx_target target;
  assert_int_equal(hdx_session_online(session, &error), HDX_OK);
  assert_int_equal(hdx_files_target(files, &file, &target, &error), HDX_DENIED);
  hdx_target_deinit(&target);
  hdx_files_close(files);
  files = open_list(text, NULL, false, sizeof text - 1);
  gather(files, &out);
  assert_string_equal(hdx_buffer_string(&out), text);
  hdx_files_close(files);
  hdx_buffer_deinit(&out);
}

static void locations_have_names(void **state) {
  static const struct {
    const char *location, *bucket, *key;
  } good[] = {
      {"s3://bucket/a//b c%20\n/", "bucket", "a//b c%20\n/"},
      {"gs://bucket/a", "bucket", "a"},
      {"https://host:443/a%20b/c?x=/y#z", "host", "a b/c"},
      {"http://host:8080/a%2fb%zz", "host:8080", "a/b%zz"},
      {"file:///tmp/a%20b#c", "", "tmp/a b#c"},
  };
  static const char *const bad[] = {"s3://bucket/",      "s3://bucket", "https://host/", "https://host",
                                    "file:///tmp/",      "a/b",         "ftp://a/b",     "",
                                    "https://u:p@host/a"};
  struct hdx_buffer text;
  struct hdx_text bucket, key;
  (void)state;
  hdx_buffer_init(&text, 1 << 16);
  for (size_t i = 0; i < COUNT(good); i++) {
    assert_int_equal(hdx_file_names(hdx_text_of(good[i].location), &text, &bucket, &key, &error), HDX_OK);
    assert_true(hdx_text_is(bucket, good[i].bucket));
    assert_true(hdx_text_is(key, good[i].key));
  }
  for (size_t i = 0; i < COUNT(bad); i++)
    assert_int_equal(hdx_file_names(hdx_text_of(bad[i]), &text, &bucket, &key, &error), HDX_USAGE);
  hdx_buffer_deinit(&text);
}

static void digests_that_the_index_states(void **state) {
  static const struct {
    const char *checksum, *algorithm;
    enum hdx_check check;
  } cases[] = {
      {"d41d8cd98f00b204e9800998ecf8427e", "MD5", HDX_CHECK_MD5},
      {"AAAAAA==", "crc32c", HDX_CHECK_CRC32C},
      {"d41d8cd98f00b204e9800998ecf8427e", "SHA-256", HDX_CHECK_SIZE},
      {"d41d8cd98f00b204e9800998ecf8427e", "", HDX_CHECK_SIZE},
      {"", "md5", HDX_CHECK_SIZE},
      {"7", "size", HDX_CHECK_SIZE},
      {"d41d8cd98f00b204e9800998ecf8427e", "whirlpool", HDX_CHECK_SIZE},
  };
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct hdx_file file = {.checksum = hdx_text_of(cases[i].checksum),
                            .checksum_algorithm = hdx_text_of(cases[i].algorithm)};
    struct hdx_digest digest;
    hdx_file_digest(&file, &digest);
    assert_int_equal(digest.check, cases[i].check);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_are_located_below_the_bucket),
      cmocka_unit_test(a_key_needs_a_bucket),
      cmocka_unit_test(lists_that_cannot_be_read),
      cmocka_unit_test(long_lists_come_whole),
      cmocka_unit_test(shards_are_disjoint_and_complete),
      cmocka_unit_test(shards_never_change),
      cmocka_unit_test(targets_of_a_list_alone),
      cmocka_unit_test(targets_at_an_endpoint),
      cmocka_unit_test(targets_by_maps),
      cmocka_unit_test(many_buckets),
      cmocka_unit_test(a_list_of_a_remote_bucket_is_its_catalogs),
      cmocka_unit_test(locations_have_names),
      cmocka_unit_test(digests_that_the_index_states),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
