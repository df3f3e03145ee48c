/* Plans: every byte counts, each shard is what the plan says, and reports beside them in bounded memory. */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/hdx-test-XXXXXX";
static struct hdx_session *session;
static struct hdx_error error;

static int set_up(void **state) {
  struct hdx_config config;
  (void)state;
  if (!mkdtemp(folder))
    return -1;
  hdx_config_init(&config);
  config.store = folder;
  return hdx_session_open(&config, &session, &error) == HDX_OK ? 0 : -1;
}

static int tear_down(void **state) {
  char command[80];
  (void)state;
  hdx_session_close(session);
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}

static const char *path_of(const char *name) {
  static char paths[4][160];
  static unsigned next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static void write_file(const char *name, const void *data, size_t size) {
  FILE *file = fopen(path_of(name), "w");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, size, file), size);
  fclose(file);
}

struct text {
  char data[4 << 20];
  size_t size, stop_at; /* stop_at: a piece that would reach beyond fails; 0: never */
};

static enum hdx_status gather(void *user, struct hdx_text piece, struct hdx_error *why) {
  struct text *text = user;
  if (text->stop_at && text->size + piece.size > text->stop_at) {
    *why = (struct hdx_error){HDX_IO, "the disk is full"};
    return HDX_IO;
  }
  assert_true(piece.size <= sizeof text->data - text->size);
  memcpy(text->data + text->size, piece.data, piece.size);
  text->size += piece.size;
  return HDX_OK;
}

/* A plan of `count` files "s3://bucket/<i>" of i bytes in so many shards. */
static struct text *make_plan(unsigned count, uint32_t shards, struct hdx_plan_info **info) {
  struct text *list = calloc(1, sizeof *list), *plan = calloc(1, sizeof *plan);
  struct hdx_files *files;
  assert_true(list && plan);
  for (unsigned i = 0; i < count; i++)
    list->size += (size_t)sprintf(list->data + list->size, "{\"datakey\":\"s3://bucket/%u\",\"filesize\":%u}\n", i, i);
  write_file("list", list->data, list->size);
  free(list);
  assert_int_equal(hdx_files_read(session, path_of("list"), NULL, false, &files, &error), HDX_OK);
  if (hdx_plan_write(files, shards, gather, plan, info, &error) != HDX_OK)
    fail_msg("%s", error.message);
  hdx_files_close(files);
  write_file("plan", plan->data, plan->size);
  return plan;
}

static enum hdx_status open_bytes(const void *data, size_t size) {
  struct hdx_plan *plan = NULL;
  write_file("changed", data, size);
  error.message[0] = 0;
  enum hdx_status status = hdx_plan_open(session, path_of("changed"), &plan, &error);
  hdx_plan_close(plan);
  return status;
}

static void every_byte_of_a_plan_counts(void **state) {
  struct text *plan = make_plan(5, 2, NULL);
  (void)state;
  assert_int_equal(open_bytes(plan->data, plan->size), HDX_OK);
  for (size_t i = 0; i < plan->size; i++) {
    plan->data[i] ^= (char)(1 << i % 8);
    if (open_bytes(plan->data, plan->size) != HDX_INTEGRITY || !strstr(error.message, "/changed: "))
      fail_msg("byte %zu: %s", i, error.message);
    plan->data[i] ^= (char)(1 << i % 8);
  }
  for (size_t size = 0; size < plan->size; size++)
    assert_int_equal(open_bytes(plan->data, size), HDX_INTEGRITY);
  assert_int_equal(open_bytes("", 0), HDX_INTEGRITY);
  free(plan);
}

/* Of a head that lies nothing is allocated, and nothing is read that is not there. */
static void heads_that_lie(void **state) {
#define HEAD(numbers)                                                                                                  \
  "{\"heliodex-plan\":1,\"digest\":\"00000000000000000000000000000000\",\"created\":\"\"," numbers "}\n"
  static const char *const heads[] = {
      HEAD("\"shards\":1000000,\"files\":1,\"bytes\":0,\"unsized\":0,\"twice\":0,\"snapshots\":0"),
      HEAD("\"shards\":1000001,\"files\":1,\"bytes\":0,\"unsized\":0,\"twice\":0,\"snapshots\":0"),
      HEAD("\"shards\":0,\"files\":1,\"bytes\":0,\"unsized\":0,\"twice\":0,\"snapshots\":0"),
      HEAD("\"shards\":-1,\"files\":1,\"bytes\":0,\"unsized\":0,\"twice\":0,\"snapshots\":0"),
      HEAD("\"shards\":1,\"files\":1,\"bytes\":0,\"unsized\":0,\"twice\":0,\"snapshots\":4294967295"),
      HEAD("\"shards\":1,\"files\":18446744073709551615,\"bytes\":0,\"unsized\":0,\"twice\":0,"
           "\"snapshots\":0") "{\"shard\":1,\"files\":18446744073709551615,\"bytes\":0}\n",
      HEAD("\"shards\":2,\"files\":1,\"bytes\":0,\"unsized\":0,\"twice\":0,\"snapshots\":0") "{\"shard\":1,"
                                                                                             "\"files\":1,"
                                                                                             "\"bytes\":0}"
                                                                                             "\n{\"shard\":"
                                                                                             "2,\"files\":"
                                                                                             "1844674407370"
                                                                                             "9551615,"
                                                                                             "\"bytes\":0}"
                                                                                             "\n{}\n",
      HEAD("\"shards\":1,\"files\":0,\"bytes\":0,\"unsized\":0,\"twice\":0"),
      "{\"heliodex-plan\":1,\"digest\":\"00000000000000000000000000000000",
      "{\"heliodex-plan\":1,\"digest\":\"\"}\n",
  };
  (void)state;
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
    if (open_bytes(heads[i], strlen(heads[i])) != HDX_INTEGRITY)
      fail_msg("head %zu: %s", i, error.message);
}

static void shards_are_what_the_plan_says(void **state) {
  enum { FILES = 5000, SHARDS = 7 };
  struct hdx_plan_info *info = NULL;
  struct hdx_plan *plan;
  struct hdx_files *files;
  const struct hdx_file *list;
  size_t count;
  unsigned next = 0;
  (void)state;
  free(make_plan(FILES, SHARDS, &info));
  assert_int_equal(hdx_plan_open(session, path_of("plan"), &plan, &error), HDX_OK);
  assert_string_equal(hdx_plan_info(plan)->digest, info->digest);
  assert_int_equal(info->files, FILES);
  for (uint32_t shard = 1; shard <= SHARDS; shard++) {
    uint64_t number = 0, bytes = 0;
    assert_int_equal(hdx_plan_files(plan, shard, NULL, &files, &error), HDX_OK);
    assert_int_equal(hdx_files_shard(files, 1, 2, &error), HDX_USAGE);
    while (hdx_files_next(files, &list, &count, &error) == HDX_OK && count)
      for (size_t i = 0; i < count; i++, number++, next++) {
        assert_int_equal(list[i].size, next);
        bytes += next;
      }
    hdx_files_close(files);
    assert_int_equal(number, info->shards[shard - 1].files);
    assert_int_equal(bytes, info->shards[shard - 1].bytes);
    assert_int_equal(bytes, hdx_plan_info(plan)->shards[shard - 1].bytes);
  }
  assert_int_equal(next, FILES);
  assert_int_equal(hdx_plan_files(plan, SHARDS + 1, NULL, &files, &error), HDX_USAGE);
  hdx_plan_close(plan);
  hdx_plan_info_free(info);
}

static void a_writer_that_fails_ends_the_plan(void **state) {
  struct text *plan = calloc(1, sizeof *plan);
  struct hdx_plan_info *info = NULL;
  struct hdx_files *files;
  (void)state;
  free(make_plan(20000, 2, NULL));
  plan->stop_at = 1000;
  assert_int_equal(hdx_files_read(session, path_of("list"), NULL, false, &files, &error), HDX_OK);
  assert_int_equal(hdx_plan_write(files, 2, gather, plan, &info, &error), HDX_IO);
  assert_string_equal(error.message, "the disk is full");
  assert_null(info);
  assert_int_equal(hdx_plan_write(files, 0, gather, plan, &info, &error), HDX_USAGE);
  assert_int_equal(hdx_plan_write(files, 1000001, gather, plan, &info, &error), HDX_USAGE);
  hdx_files_close(files);
  free(plan);
}

/* The list is another one when the plan is written than it was when it was cut. */
static enum hdx_status change_list(void *user, struct hdx_text piece, struct hdx_error *why) {
  (void)user;
  (void)piece;
  (void)why;
  static const char other[] = "s3://bucket/other\n";
  write_file("list", other, sizeof other - 1);
  return HDX_OK;
}

static void a_list_that_changes_gives_no_plan(void **state) {
  struct hdx_files *files;
  (void)state;
  free(make_plan(20000, 2, NULL));
  assert_int_equal(hdx_files_read(session, path_of("list"), NULL, false, &files, &error), HDX_OK);
  assert_int_equal(hdx_plan_write(files, 2, change_list, NULL, NULL, &error), HDX_INTEGRITY);
  hdx_files_close(files);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_byte_of_a_plan_counts),       cmocka_unit_test(heads_that_lie),
      cmocka_unit_test(shards_are_what_the_plan_says),     cmocka_unit_test(a_writer_that_fails_ends_the_plan),
      cmocka_unit_test(a_list_that_changes_gives_no_plan),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
