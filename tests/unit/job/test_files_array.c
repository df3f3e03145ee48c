/* An array as a list of files: what is handed out and refused, the same as of a list that was read, and the bytes of
 * its files from a server. */
#include "base/buffer.h"
#include "base/url.h"
#include "job/files.h"
#include "unit/transfer/object_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILES = 1500, BODY_MAX = 4000 };

static char folder[] = "/tmp/hdx-test-XXXXXX";
static char endpoint[64], store[96], home[96];
static struct hdx_session *session;
static struct hdx_error error;

static char keys[FILES][80], bodies[FILES][BODY_MAX];
static size_t sizes[FILES];
static struct hdx_file array[FILES];

/* ---- files and their server ---- */

/* File i is s3://bucket/d<i % 7>/<i>.cdf of a size of its own; every other one is named by its key alone. */
static void make_files(void) {
  for (unsigned i = 0; i < FILES; i++) {
    snprintf(keys[i], sizeof keys[i], "s3://bucket/d%u/%u.cdf", i % 7, i);
    sizes[i] = i * 7 % BODY_MAX;
    for (size_t n = 0; n < sizes[i]; n++)
      bodies[i][n] = (char)(i * 31 + n * 7 + n / 256);
    array[i] = (struct hdx_file){.id = i % 3 ? HDX_TEXT("one") : (struct hdx_text){NULL, 0},
                                 .location = hdx_text_of(keys[i] + (i % 2 ? strlen("s3://bucket/") : 0)),
                                 .start = i,
                                 .stop = i + 1,
                                 .size = i % 5 ? (int64_t)sizes[i] : -1};
  }
}

static void answer(const struct asked *asked, size_t number, struct behaviour *behaviour) {
  unsigned folder_number, i;
  (void)number;
  if (sscanf(asked->path, "/bucket/d%u/%u.cdf", &folder_number, &i) != 2 || i >= FILES) {
    behaviour->status = 404;
    return;
  }
  behaviour->body = bodies[i];
  behaviour->size = sizes[i];
}

static int set_up(void **state) {
  struct hdx_config config;
  (void)state;
  make_files();
  if (!mkdtemp(folder))
    return -1;
  if (!server_start("", 0))
    return -1;
  server.script = answer;
  server_ready();
  snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", server.port);
  snprintf(store, sizeof store, "%s/store", folder);
  snprintf(home, sizeof home, "%s/home", folder);
  setenv("HOME", home, 1);
  hdx_config_init(&config);
  config.store = store;
  config.registry_url = "file:///nonexistent.json";
  config.endpoint_url = endpoint;
  config.sign = HDX_SIGN_NEVER;
  config.connections_per_host = 8;
  return hdx_session_open(&config, &session, &error) == HDX_OK ? 0 : -1;
}

static int tear_down(void **state) {
  char command[80];
  (void)state;
  hdx_session_close(session);
  server_stop();
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}

static struct hdx_files *open_array(const struct hdx_file *files, size_t count, const char *bucket) {
  struct hdx_files *list;
  if (hdx_files_of_array(session, files, count, bucket, &list, &error) != HDX_OK)
    fail_msg("%s", error.message);
  return list;
}

/* The same files as a list that is read. */
static struct hdx_files *open_written(void) {
  char path[96];
  struct hdx_files *list;
  snprintf(path, sizeof path, "%s/list", folder);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs("datakey,filesize\n", file);
  for (size_t i = 0; i < FILES; i++)
    if (array[i].size < 0)
      fprintf(file, "%s,\n", keys[i]);
    else
      fprintf(file, "%s,%zu\n", keys[i], sizes[i]);
  assert_int_equal(fclose(file), 0);
  if (hdx_files_read(session, path, NULL, false, &list, &error) != HDX_OK)
    fail_msg("%s", error.message);
  return list;
}

static void gather(struct hdx_files *files, struct hdx_buffer *out) {
  const struct hdx_file *list;
  size_t count;
  hdx_buffer_clear(out);
  do {
    if (hdx_files_next(files, &list, &count, &error) != HDX_OK)
      fail_msg("%s", error.message);
    for (size_t i = 0; i < count; i++)
      hdx_buffer_append_format(out, "%.*s %lld\n", HDX_TEXT_ARG(list[i].location), (long long)list[i].size);
  } while (count);
}

/* ---- tests ---- */

static void an_array_is_handed_out_whole(void **state) {
  struct hdx_files *files = open_array(array, FILES, "s3://bucket/some/prefix/");
  struct hdx_files_totals totals;
  (void)state;
  assert_int_equal(hdx_files_count(files, &totals, &error), HDX_OK);
  assert_int_equal(totals.files, FILES);
  assert_int_equal(totals.unsized, FILES / 5);
  assert_int_equal(totals.refused, 0);
  for (int round = 0; round < 2; round++) {
    const struct hdx_file *list;
    size_t count, at = 0;
    for (;;) {
      assert_int_equal(hdx_files_next(files, &list, &count, &error), HDX_OK);
      assert_true(count <= HDX_FILES_PORTION);
      if (count == 0)
        break;
      for (size_t i = 0; i < count; i++, at++) {
        assert_true(hdx_text_is(list[i].location, keys[at]));
        assert_true(hdx_text_is(list[i].id, at % 3 ? "one" : ""));
        assert_int_equal(list[i].start, at);
        assert_int_equal(list[i].stop, at + 1);
        assert_int_equal(list[i].size, at % 5 ? (int)sizes[at] : -1);
      }
    }
    assert_int_equal(at, FILES);
    hdx_files_rewind(files);
  }
  hdx_files_close(files);
  files = open_array(NULL, 0, NULL);
  assert_int_equal(hdx_files_count(files, &totals, &error), HDX_OK);
  assert_int_equal(totals.files, 0);
  hdx_files_close(files);
}

/* In every shard are the files that are in the same shard of a list that is read. */
static void shards_are_those_of_any_list(void **state) {
  static const uint32_t counts[] = {1, 3, 700};
  struct hdx_files *files = open_array(array, FILES, "s3://bucket/"), *written = open_written();
  struct hdx_buffer found, expected;
  (void)state;
  hdx_buffer_init(&found, 1 << 20);
  hdx_buffer_init(&expected, 1 << 20);
  for (size_t n = 0; n < sizeof counts / sizeof *counts; n++)
    for (uint32_t k = 1; k <= counts[n]; k++) {
      assert_int_equal(hdx_files_shard(files, k, counts[n], &error), HDX_OK);
      assert_int_equal(hdx_files_shard(written, k, counts[n], &error), HDX_OK);
      hdx_files_rewind(files);
      hdx_files_rewind(written);
      gather(files, &found);
      gather(written, &expected);
      assert_string_equal(hdx_buffer_string(&found), hdx_buffer_string(&expected));
    }
  hdx_files_close(files);
  hdx_files_close(written);
  hdx_buffer_deinit(&found);
  hdx_buffer_deinit(&expected);
}

static char told[2048];

static size_t told_bytes[5], told_count; /* of the locations */

static void on_refused(void *user, const struct hdx_file *file, const char *message) {
  (void)user;
  assert_true(told_count < sizeof told_bytes / sizeof *told_bytes);
  told_bytes[told_count++] = file->location.size;
  size_t size = strlen(told);
  snprintf(told + size, sizeof told - size, "%s\n", message);
}

static void what_names_no_file_is_refused(void **state) {
  static char longest[HDX_URL_BYTES_MAX + 1];
  (void)state;
  memset(longest, 'k', sizeof longest);
  const struct hdx_file odd[] = {
      {.location = HDX_TEXT("s3://bucket/a")},
      {.location = {NULL, 0}},
      {.location = HDX_TEXT("s3://bucket/")},
      {.location = HDX_TEXT("file:///etc/passwd")},
      {.location = {longest, sizeof longest}},
      {.location = {longest, HDX_URL_BYTES_MAX - strlen("s3://bucket/")}, .size = -7},
      {.location = HDX_TEXT("ftp://host/x")},
      {.location = HDX_TEXT("/b"), .size = 4},
  };
  struct hdx_files_totals totals;
  struct hdx_buffer out;
  struct hdx_files *files = open_array(odd, sizeof odd / sizeof *odd, "s3://bucket/");
  hdx_files_on_refused(files, on_refused, NULL);
  hdx_buffer_init(&out, 1 << 20);
  gather(files, &out);
  assert_true(hdx_text_starts_with(hdx_buffer_text(&out), HDX_TEXT("s3://bucket/a 0\ns3://bucket/kkk")));
  assert_true(hdx_text_ends_with(hdx_buffer_text(&out), HDX_TEXT("kkk -1\ns3://bucket/b 4\n")));
  assert_int_equal(hdx_text_count_nocase(hdx_text_of(told), HDX_TEXT("\n")), 5);
  assert_non_null(strstr(told, "file 2 of 8 is left out: it has no key\n"));
  assert_non_null(strstr(told, "file 3 of 8 is left out: s3://bucket/: names no file\n"));
  assert_non_null(strstr(told, "file 4 of 8 is left out: file:///etc/passwd"));
  assert_non_null(strstr(told, "file 5 of 8 is left out: its key is too long\n"));
  assert_non_null(strstr(told, "file 7 of 8 is left out: ftp://host/x"));
  const size_t bucket_bytes = strlen("s3://bucket/");
  assert_true(told_count == 5 && told_bytes[0] == bucket_bytes && told_bytes[1] == bucket_bytes &&
              told_bytes[2] == strlen("file:///etc/passwd") && told_bytes[3] == HDX_URL_BYTES_MAX + 1 &&
              told_bytes[4] == strlen("ftp://host/x"));
  assert_int_equal(hdx_files_count(files, &totals, &error), HDX_OK);
  assert_true(totals.files == 3 && totals.refused == 5 && totals.unsized == 1 && totals.bytes == 4);
  hdx_files_close(files);
  hdx_buffer_deinit(&out);
}

/* The longest locations that there are: each portion has room for its own. */
static void portions_of_the_longest_keys(void **state) {
  enum { KEY_BYTES = HDX_URL_BYTES_MAX - 12, LONG_FILES = 4 * HDX_FILES_PORTION }; /* s3://bucket/ before it */
  struct hdx_file *files = calloc(LONG_FILES, sizeof *files);
  char *key = malloc(KEY_BYTES);
  struct hdx_files_totals totals;
  (void)state;
  memset(key, 'x', KEY_BYTES);
  for (size_t i = 0; i < LONG_FILES; i++)
    files[i].location = (struct hdx_text){key, KEY_BYTES};
  struct hdx_files *list = open_array(files, LONG_FILES, "s3://bucket/");
  assert_int_equal(hdx_files_count(list, &totals, &error), HDX_OK);
  assert_true(totals.files == LONG_FILES && totals.refused == 0);
  hdx_files_close(list);
  free(files);
  free(key);
}

static void a_key_needs_a_bucket(void **state) {
  struct hdx_files *files = NULL;
  (void)state;
  assert_int_equal(hdx_files_of_array(session, array, 2, NULL, &files, &error), HDX_USAGE);
  assert_string_equal(error.message, "file 2 of 2: d1/1.cdf: a key without a scheme, and no bucket is named");
  assert_int_equal(hdx_files_of_array(session, array, 1, "no such bucket!", &files, &error), HDX_NOT_FOUND);
  assert_null(files);
  struct hdx_file some[] = {array[2], {.location = {NULL, 0}}};
  some[0].location = hdx_text_of(keys[2]);
  hdx_files_close(open_array(some, 2, NULL));
}

static void bytes_are_streamed_in_order(void **state) {
  struct hdx_files *files = open_array(array, FILES, "s3://bucket/");
  struct hdx_stream_options options;
  struct hdx_stream *stream;
  const struct hdx_chunk *chunk;
  size_t number = 0, at = 0;
  (void)state;
  hdx_stream_options_init(&options);
  assert_int_equal(hdx_stream_open(session, files, &options, &stream, &error), HDX_OK);
  for (;;) {
    if (hdx_stream_next(stream, &chunk, &error) != HDX_OK)
      fail_msg("%s", error.message);
    if (!chunk)
      break;
    assert_true(number < FILES && hdx_text_is(chunk->file->location, keys[number]));
    assert_true(chunk->bytes <= sizes[number] - at);
    assert_memory_equal(chunk->data, bodies[number] + at, chunk->bytes);
    at += chunk->bytes;
    if (!chunk->last)
      continue;
    assert_int_equal(chunk->status, HDX_OK);
    assert_int_equal(at, sizes[number]);
    number++;
    at = 0;
  }
  assert_int_equal(number, FILES);
  hdx_stream_close(stream);
  hdx_files_close(files);
}

static unsigned failed;

static void on_item(void *user, const struct hdx_mirror_item *item) {
  (void)user;
  if (item->outcome != HDX_MIRROR_FAILED)
    return;
  failed++;
  assert_true(hdx_text_is(item->file->location, keys[3]) || hdx_text_is(item->file->location, keys[8]));
  assert_int_equal(item->status, HDX_INTEGRITY);
}

static void assert_mirrored(const char *dest, size_t i) {
  char path[200], data[BODY_MAX + 1];
  snprintf(path, sizeof path, "%s/%s", dest, keys[i] + strlen("s3://bucket/"));
  FILE *file = fopen(path, "r");
  assert_int_equal(file != NULL, i != 3 && i != 8);
  if (!file)
    return;
  assert_int_equal(fread(data, 1, sizeof data, file), sizes[i]);
  assert_memory_equal(data, bodies[i], sizes[i]);
  fclose(file);
}

/* What the array says of size and checksum is what counts. */
static void bytes_are_mirrored(void **state) {
  static struct hdx_file wrong[FILES];
  struct hdx_mirror_options options;
  struct hdx_mirror_summary summary;
  char dest[96];
  (void)state;
  memcpy(wrong, array, sizeof wrong);
  wrong[3].size = (int64_t)sizes[3] + 1;
  wrong[8].checksum = HDX_TEXT("d41d8cd98f00b204e9800998ecf8427e");
  wrong[8].checksum_algorithm = HDX_TEXT("MD5");
  snprintf(dest, sizeof dest, "%s/mirror", folder);
  struct hdx_files *files = open_array(wrong, FILES, "s3://bucket/");
  hdx_mirror_options_init(&options);
  options.item = on_item;
  assert_int_equal(hdx_mirror(session, files, dest, &options, &summary, &error), HDX_PARTIAL);
  assert_int_equal(failed, 2);
  assert_int_equal(summary.fetched, FILES - 2);
  for (size_t i = 0; i < FILES; i++)
    assert_mirrored(dest, i);
  hdx_files_close(files);
}

static void add_left(void *user, const struct hdx_file *file, uint64_t number) {
  uint64_t *sum = user;
  assert_true(hdx_text_is(file->location, keys[number - 1]));
  *sum += number;
}

/* Commands get the bytes; a run that ends early tells what is left. */
static void commands_and_what_is_left(void **state) {
  enum { COMMANDS = 12, AFTER = 1100 };
  struct hdx_each_options options;
  struct hdx_each_summary summary;
  uint64_t sum = 0;
  (void)state;
  struct hdx_files *files = open_array(array + 1, COMMANDS, "s3://bucket/");
  hdx_each_options_init(&options);
  options.command = "test $(wc -c) = $HELIODEX_FILE_SIZE && test $((HELIODEX_FILE_NUMBER * 7)) = $HELIODEX_FILE_SIZE";
  if (hdx_each(session, files, &options, &summary, &error) != HDX_OK)
    fail_msg("%s", error.message);
  assert_int_equal(summary.succeeded, COMMANDS);
  hdx_files_close(files);
  files = open_array(array, FILES, "s3://bucket/");
  hdx_files_left(files, AFTER, add_left, &sum);
  assert_int_equal(sum, FILES * (FILES + 1) / 2 - AFTER * (AFTER + 1) / 2);
  hdx_files_close(files);
}

static enum hdx_status put_piece(void *user, struct hdx_text piece, struct hdx_error *why) {
  (void)why;
  hdx_buffer_append_text(user, piece);
  return HDX_OK;
}

static void write_plan(struct hdx_files *files, struct hdx_buffer *out) {
  if (hdx_plan_write(files, 7, put_piece, out, NULL, &error) != HDX_OK)
    fail_msg("%s", error.message);
  hdx_files_close(files);
}

/* A plan of the array has the locations and sizes that one of the list has that says the same. */
static void plans_are_those_of_any_list(void **state) {
  static struct hdx_file plain[FILES];
  struct hdx_buffer found, expected;
  (void)state;
  hdx_buffer_init(&found, 4 << 20);
  hdx_buffer_init(&expected, 4 << 20);
  for (size_t i = 0; i < FILES; i++)
    plain[i] = (struct hdx_file){
        .location = array[i].location, .start = HDX_TIME_NONE, .stop = HDX_TIME_NONE, .size = array[i].size};
  write_plan(open_array(plain, FILES, "s3://bucket/"), &found);
  write_plan(open_written(), &expected);
  const char *from = strchr(hdx_buffer_string(&found), '\n'), *other = strchr(hdx_buffer_string(&expected), '\n');
  assert_non_null(strstr(from, keys[FILES - 1]));
  assert_string_equal(from, other); /* but for their heads, which say when they were made */
  hdx_buffer_deinit(&found);
  hdx_buffer_deinit(&expected);
}

/* What no verb of the program asks for. */
static void what_a_caller_may_not_ask_for(void **state) {
  (void)state;
  struct hdx_files *files;
  struct hdx_each_options each;
  struct hdx_each_summary each_summary;
  struct hdx_mirror_options mirror;
  struct hdx_mirror_summary mirror_summary;
  struct hdx_list_options list;
  struct hdx_search *search;
  uint64_t count = 7;
  assert_int_equal(hdx_files_of_array(session, array, 3, "s3://bucket/", &files, &error), HDX_OK);
  hdx_each_options_init(&each);
  assert_int_equal(hdx_each(session, files, &each, &each_summary, &error), HDX_USAGE);
  assert_string_equal(error.message, "no command is given");
  hdx_mirror_options_init(&mirror);
  mirror.shard = "one";
  mirror.delete_extra = true;
  assert_int_equal(hdx_mirror(session, files, folder, &mirror, &mirror_summary, &error), HDX_USAGE);
  assert_non_null(strstr(error.message, "nothing can be deleted by it"));
  hdx_files_close(files);
  assert_int_equal(hdx_search(session, &(struct hdx_search_options){.id = ""}, &search, &error), HDX_USAGE);
  assert_null(search);
  hdx_list_options_init(&list);
  assert_int_equal(hdx_list(session, "https://elsewhere.invalid/", &list, &count, &error), HDX_USAGE);
  assert_int_equal(count, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_a_caller_may_not_ask_for), cmocka_unit_test(an_array_is_handed_out_whole),
      cmocka_unit_test(shards_are_those_of_any_list),  cmocka_unit_test(what_names_no_file_is_refused),
      cmocka_unit_test(portions_of_the_longest_keys),  cmocka_unit_test(a_key_needs_a_bucket),
      cmocka_unit_test(bytes_are_streamed_in_order),   cmocka_unit_test(bytes_are_mirrored),
      cmocka_unit_test(commands_and_what_is_left),     cmocka_unit_test(plans_are_those_of_any_list),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
