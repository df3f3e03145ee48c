/* layer: job */
/* Plans, reports and lists of files of any bytes: a clean status, or as many files as are told, in every walk the same;
 * no location but one that can be fetched; and what a merge tells of is what it counts.
 *
 * The input is in parts, each ended by a byte 0xff. The first byte's lowest bits tell what they are:
 *   0  a plan as it is, and reports
 *   1  a plan whose digest is made to fit, and reports
 *   2  a list, of which a plan is made, and reports
 *   3  a list whose files end with a NUL */
#include "base/url.h"
#include "codec/hash.h"
#include "job/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REPORTS_MAX = 2, PATH_BYTES = 40 };

static struct hdx_session *session;
static char folder[] = "/tmp/hdx-fuzz-plan-XXXXXX";

static void clean_up(void) {
  hdx_session_close(session);
  rmdir(folder);
}

static void set_up(void) {
  struct hdx_config config;
  CHECK(mkdtemp(folder));
  clearenv(); /* no profile, no proxy, no endpoint */
  hdx_config_init(&config);
  config.store = folder;
  config.registry_url = "file:///nonexistent.json";
  config.sign = HDX_SIGN_NEVER;
  CHECK(hdx_session_open(&config, &session, NULL) == HDX_OK && atexit(clean_up) == 0);
}

/* A file of these bytes in memory; `path` names it. */
static int make_file(struct hdx_text bytes, char path[PATH_BYTES]) {
  int fd = memfd_create("fuzz", MFD_CLOEXEC);
  CHECK(fd >= 0 && (bytes.size == 0 || write(fd, bytes.data, bytes.size) == (ssize_t)bytes.size));
  snprintf(path, PATH_BYTES, "/proc/self/fd/%d", fd);
  return fd;
}

static struct hdx_text take_part(struct hdx_text *text) {
  const char *at = text->size ? memchr(text->data, 0xff, text->size) : NULL;
  struct hdx_text part = {text->data, at ? (size_t)(at - text->data) : text->size};
  *text = hdx_text_sub(*text, part.size + (at != NULL), text->size);
  return part;
}

/* Where the first line has 32 bytes for a digest, the one that fits. */
static void mend(struct hdx_buffer *plan) {
  struct hdx_text text = hdx_buffer_text(plan);
  char digest[HDX_HASH128_TEXT_MAX];
  size_t at = strlen(HDX_PLAN_HEAD);
  if (!hdx_text_starts_with(text, HDX_TEXT(HDX_PLAN_HEAD)) || text.size < at + HDX_PLAN_DIGEST_SIZE)
    return;
  memset(plan->data + at, '0', HDX_PLAN_DIGEST_SIZE);
  struct hdx_hash_stream *hash = hdx_hash_stream_new();
  CHECK(hash);
  hdx_hash_stream_add(hash, plan->data, plan->size);
  hdx_hash_stream_write(hash, digest);
  hdx_hash_stream_free(hash);
  memcpy(plan->data + at, digest, HDX_PLAN_DIGEST_SIZE);
}

/* Walks a list, notes its locations in `out`. */
static enum hdx_status walk(struct hdx_files *files, struct hdx_buffer *out, uint64_t *number) {
  const struct hdx_file *list;
  struct hdx_url url;
  size_t count;
  enum hdx_status status;
  while ((status = hdx_files_next(files, &list, &count, NULL)) == HDX_OK && count)
    for (size_t i = 0; i < count; i++, ++*number) {
      CHECK(hdx_url_parse_location(list[i].location, &url, NULL) == HDX_OK && list[i].size >= -1);
      hdx_buffer_append_format(out, "%zu:", list[i].location.size);
      hdx_buffer_append_text(out, list[i].location);
    }
  return status;
}

static enum hdx_status walk_shard(struct hdx_plan *plan, uint32_t shard, struct hdx_buffer *out, uint64_t *number) {
  struct hdx_files *files;
  enum hdx_status status = hdx_plan_files(plan, shard, NULL, &files, NULL);
  *number = 0;
  if (status != HDX_OK)
    return status;
  status = walk(files, out, number);
  hdx_files_close(files);
  return status;
}

/* All shards, one after the other, are the plan. */
static void check_shards(struct hdx_plan *plan) {
  const struct hdx_plan_info *info = hdx_plan_info(plan);
  struct hdx_buffer all, parts;
  uint64_t number, sum = 0;
  enum hdx_status status = HDX_OK;
  hdx_buffer_init(&all, SIZE_MAX);
  hdx_buffer_init(&parts, SIZE_MAX);
  for (uint32_t i = 0; i < info->shard_count; i++)
    sum += info->shards[i].files;
  CHECK(sum == info->files);
  bool whole = walk_shard(plan, 0, &all, &number) == HDX_OK;
  for (uint32_t i = 0; i < info->shard_count && i < 100 && status == HDX_OK; i++)
    status = walk_shard(plan, i + 1, &parts, &number);
  if (info->shard_count <= 100) {
    CHECK(whole == (status == HDX_OK));
    CHECK(!whole || hdx_text_equal(hdx_buffer_text(&all), hdx_buffer_text(&parts)));
  }
  CHECK(walk_shard(plan, info->shard_count + 1, &parts, &number) == HDX_USAGE);
  hdx_buffer_deinit(&all);
  hdx_buffer_deinit(&parts);
}

static void count_item(void *user, const struct hdx_merge_item *item) {
  struct hdx_merge_summary *told = user;
  struct hdx_text state = hdx_text_of(item->state);
  told->failed += hdx_text_is(state, "failed");
  told->missing += hdx_text_is(state, "missing");
  told->foreign += hdx_text_is(state, "foreign");
  told->overlaps += hdx_text_is(state, "overlap");
  CHECK(item->file->location.size > 0 && item->message[0]);
}

static void merge(struct hdx_plan *plan, struct hdx_text *text) {
  char paths[REPORTS_MAX][PATH_BYTES];
  const char *reports[REPORTS_MAX];
  int fds[REPORTS_MAX];
  struct hdx_merge_summary summary, told = {0};
  struct hdx_error error;
  for (size_t i = 0; i < REPORTS_MAX; i++) {
    fds[i] = make_file(take_part(text), paths[i]);
    reports[i] = paths[i];
  }
  enum hdx_status status = hdx_plan_merge(plan, reports, REPORTS_MAX, count_item, &told, &summary, &error);
  CHECK(status == HDX_OK || (error.status == status && error.message[0]));
  if (status == HDX_OK || status == HDX_PARTIAL) {
    CHECK(summary.failed == told.failed && summary.missing == told.missing);
    CHECK(summary.foreign == told.foreign && summary.overlaps == told.overlaps);
    CHECK(summary.complete <= summary.files && summary.shards_complete <= hdx_plan_info(plan)->shard_count);
    CHECK(status == HDX_PARTIAL || summary.complete == summary.files);
  } else {
    CHECK(status == HDX_INTEGRITY || status == HDX_USAGE); /* a location without a scheme */
  }
  for (size_t i = 0; i < REPORTS_MAX; i++)
    close(fds[i]);
}

static void fuzz_plan(struct hdx_text bytes, struct hdx_text rest, bool made) {
  char path[PATH_BYTES];
  struct hdx_plan *plan;
  struct hdx_error error;
  int fd = make_file(bytes, path);
  enum hdx_status status = hdx_plan_open(session, path, &plan, &error);
  CHECK(status == HDX_OK || (!made && status == HDX_INTEGRITY && error.message[0]));
  if (status == HDX_OK) {
    check_shards(plan);
    merge(plan, &rest);
    hdx_plan_close(plan);
  }
  close(fd);
}

static enum hdx_status gather(void *user, struct hdx_text piece, struct hdx_error *error) {
  (void)error;
  hdx_buffer_append_text(user, piece);
  return HDX_OK;
}

/* What a plan says of the list is what the list has. */
static void check_plan_of(struct hdx_files *files, uint32_t shards, struct hdx_text rest) {
  struct hdx_buffer plan;
  hdx_buffer_init(&plan, SIZE_MAX);
  enum hdx_status status = hdx_plan_write(files, shards, gather, &plan, NULL, NULL);
  CHECK(status == HDX_OK || status == HDX_EMPTY || status == HDX_INTEGRITY);
  if (status == HDX_OK)
    fuzz_plan(hdx_buffer_text(&plan), rest, true);
  hdx_buffer_deinit(&plan);
}

static void fuzz_list(struct hdx_text bytes, struct hdx_text rest, bool nul) {
  char path[PATH_BYTES];
  struct hdx_files *files;
  struct hdx_files_totals totals;
  struct hdx_buffer all, again;
  uint64_t number = 0, number_again = 0;
  int fd = make_file(bytes, path);
  hdx_buffer_init(&all, SIZE_MAX);
  hdx_buffer_init(&again, SIZE_MAX);
  enum hdx_status status = hdx_files_read(session, path, NULL, nul, &files, NULL);
  if (status == HDX_OK) {
    status = walk(files, &all, &number);
    hdx_files_rewind(files);
    CHECK(walk(files, &again, &number_again) == status && number == number_again);
    CHECK(hdx_text_equal(hdx_buffer_text(&all), hdx_buffer_text(&again)));
    hdx_files_rewind(files);
    CHECK(hdx_files_count(files, &totals, NULL) == status && (status != HDX_OK || totals.files == number));
    if (status == HDX_OK && number <= 1000)
      check_plan_of(files, (uint32_t)(bytes.size % 4) + 1, rest);
    hdx_files_close(files);
  }
  CHECK(status == HDX_OK || status == HDX_USAGE || status == HDX_INTEGRITY);
  hdx_buffer_deinit(&all);
  hdx_buffer_deinit(&again);
  close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!session)
    set_up();
  if (size == 0)
    return 0;
  struct hdx_text text = {(const char *)data + 1, size - 1}, first = take_part(&text);
  struct hdx_buffer plan;
  if (data[0] & 2) {
    fuzz_list(first, text, data[0] & 1);
    return 0;
  }
  hdx_buffer_init(&plan, SIZE_MAX);
  hdx_buffer_append_text(&plan, first);
  if (data[0] & 1)
    mend(&plan);
  fuzz_plan(hdx_buffer_text(&plan), text, false);
  hdx_buffer_deinit(&plan);
  return 0;
}
