/* Lists, mirrors, streams, commands and plans of the library in memory: a list has fake.rows files, and all that is
 * done with them ends well, or as it was arranged. */
#include "unit/cli/fake_heliodex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hdx_files {
  uint64_t next, rows;
  struct hdx_file file;
  char location[64];
};

struct hdx_stream {
  struct hdx_files *files;
  struct hdx_chunk chunk;
};

struct hdx_plan {
  struct hdx_plan_shard shard;
  struct hdx_plan_info info;
};

static enum hdx_status fail(struct hdx_error *error, enum hdx_status status) {
  if (error) {
    error->status = status;
    snprintf(error->message, sizeof error->message, "%s", fake.message);
  }
  return status;
}

const char *hdx_check_name(enum hdx_check check) {
  return check == HDX_CHECK_SIZE ? "size" : "md5";
}

/* ---- files ---- */

static enum hdx_status make_list(struct hdx_files **files, struct hdx_error *error) {
  struct hdx_files *made = fake.open_status == HDX_OK ? calloc(1, sizeof *made) : NULL;
  if (!made)
    return fail(error, fake.open_status ? fake.open_status : HDX_MEMORY);
  made->rows = fake.rows;
  *files = made;
  return HDX_OK;
}

enum hdx_status hdx_files_of_query(struct hdx_session *session, struct hdx_query *query, struct hdx_files **files,
                                   struct hdx_error *error) {
  (void)session;
  (void)query;
  return make_list(files, error);
}

enum hdx_status hdx_files_read(struct hdx_session *session, const char *path, const char *bucket, bool nul,
                               struct hdx_files **files, struct hdx_error *error) {
  (void)session;
  (void)path;
  (void)bucket;
  (void)nul;
  return make_list(files, error);
}

void hdx_files_close(struct hdx_files *files) {
  free(files);
}

enum hdx_status hdx_files_shard(struct hdx_files *files, uint32_t number, uint32_t count, struct hdx_error *error) {
  (void)files;
  return number >= 1 && number <= count ? HDX_OK : fail(error, HDX_USAGE);
}

enum hdx_status hdx_files_next(struct hdx_files *files, const struct hdx_file **list, size_t *count,
                               struct hdx_error *error) {
  (void)error;
  *count = files->next < files->rows;
  int size = snprintf(files->location, sizeof files->location, "s3://bucket/%llu", (unsigned long long)files->next);
  files->file = (struct hdx_file){.id = {"ID", 2},
                                  .location = {files->location, (size_t)size},
                                  .start = HDX_TIME_NONE,
                                  .stop = HDX_TIME_NONE,
                                  .size = 3,
                                  .checksum = {"", 0},
                                  .checksum_algorithm = {"", 0}};
  files->next += *count;
  *list = &files->file;
  return HDX_OK;
}

void hdx_files_rewind(struct hdx_files *files) {
  files->next = 0;
}

enum hdx_status hdx_files_count(struct hdx_files *files, struct hdx_files_totals *totals, struct hdx_error *error) {
  (void)error;
  *totals = (struct hdx_files_totals){.files = files->rows, .bytes = 3 * files->rows};
  return HDX_OK;
}

void hdx_files_left(struct hdx_files *files, uint64_t after,
                    void (*visit)(void *user, const struct hdx_file *file, uint64_t number), void *user) {
  const struct hdx_file *list;
  size_t count;
  hdx_files_rewind(files);
  while (hdx_files_next(files, &list, &count, NULL) == HDX_OK && count)
    if (files->next > after)
      visit(user, list, files->next);
  hdx_files_rewind(files);
}

void hdx_files_on_refused(struct hdx_files *files,
                          void (*refused)(void *user, const struct hdx_file *file, const char *message), void *user) {
  (void)files;
  (void)refused;
  (void)user;
}

/* ---- mirrors ---- */

const char *hdx_mirror_outcome_name(enum hdx_mirror_outcome outcome) {
  static const char *const names[] = {"unchanged", "fetched", "resumed", "failed", "left", "deleted"};
  return names[outcome];
}

void hdx_mirror_options_init(struct hdx_mirror_options *options) {
  *options = (struct hdx_mirror_options){.keep_free_bytes = 64 << 20};
}

enum hdx_status hdx_mirror(struct hdx_session *session, struct hdx_files *files, const char *dest,
                           const struct hdx_mirror_options *options, struct hdx_mirror_summary *summary,
                           struct hdx_error *error) {
  const struct hdx_file *list;
  size_t count;
  (void)session;
  (void)dest;
  *summary = (struct hdx_mirror_summary){0};
  while (hdx_files_next(files, &list, &count, error) == HDX_OK && count) {
    const struct hdx_mirror_item item = {.file = list,
                                         .path = "file",
                                         .outcome = HDX_MIRROR_FETCHED,
                                         .message = "",
                                         .size = 3,
                                         .bytes = 3,
                                         .checks = 1u << HDX_CHECK_SIZE};
    summary->files++;
    summary->fetched++;
    if (options->item)
      options->item(options->user, &item);
  }
  return HDX_OK;
}

enum hdx_status hdx_mirror_verify(struct hdx_session *session, const char *dest,
                                  void (*visit)(void *user, const struct hdx_mirror_check *check), void *user,
                                  uint64_t *files, uint64_t *bytes, struct hdx_error *error) {
  (void)session;
  (void)dest;
  (void)visit;
  (void)user;
  (void)error;
  if (files)
    *files = fake.rows;
  if (bytes)
    *bytes = 3 * fake.rows;
  return HDX_OK;
}

/* ---- streams, commands ---- */

void hdx_stream_options_init(struct hdx_stream_options *options) {
  *options = (struct hdx_stream_options){.hold_bytes = 8 << 20};
}

enum hdx_status hdx_stream_open(struct hdx_session *session, struct hdx_files *files,
                                const struct hdx_stream_options *options, struct hdx_stream **stream,
                                struct hdx_error *error) {
  (void)session;
  (void)options;
  struct hdx_stream *made = calloc(1, sizeof *made);
  if (!made)
    return fail(error, HDX_MEMORY);
  made->files = files;
  *stream = made;
  return HDX_OK;
}

enum hdx_status hdx_stream_next(struct hdx_stream *stream, const struct hdx_chunk **chunk, struct hdx_error *error) {
  const struct hdx_file *file;
  size_t count;
  enum hdx_status status = hdx_files_next(stream->files, &file, &count, error);
  stream->chunk = (struct hdx_chunk){.file = file,
                                     .size = 3,
                                     .modified = HDX_TIME_NONE,
                                     .data = "abc",
                                     .bytes = 3,
                                     .first = true,
                                     .last = true,
                                     .message = "",
                                     .checks = 1u << HDX_CHECK_SIZE};
  *chunk = count ? &stream->chunk : NULL;
  return status;
}

void hdx_stream_close(struct hdx_stream *stream) {
  free(stream);
}

void hdx_each_options_init(struct hdx_each_options *options) {
  *options = (struct hdx_each_options){.command = NULL};
}

enum hdx_status hdx_each(struct hdx_session *session, struct hdx_files *files, const struct hdx_each_options *options,
                         struct hdx_each_summary *summary, struct hdx_error *error) {
  const struct hdx_file *list;
  size_t count;
  (void)session;
  *summary = (struct hdx_each_summary){0};
  while (hdx_files_next(files, &list, &count, error) == HDX_OK && count) {
    const struct hdx_each_item item = {.file = list, .number = ++summary->files, .message = "", .size = 3};
    summary->succeeded++;
    if (options->item)
      options->item(options->user, &item);
  }
  return HDX_OK;
}

/* ---- plans ---- */

/* A plan of one shard, allocated with what it points to. */
static struct hdx_plan *make_plan(void) {
  struct hdx_plan *plan = calloc(1, sizeof *plan);
  if (!plan)
    return NULL;
  plan->shard = (struct hdx_plan_shard){fake.rows, 3 * fake.rows};
  plan->info = (struct hdx_plan_info){.shard_count = 1,
                                      .shards = &plan->shard,
                                      .files = fake.rows,
                                      .bytes = 3 * fake.rows,
                                      .digest = "0123456789abcdef0123456789abcdef",
                                      .created = "2020-01-01T00:00:00Z"};
  return plan;
}

enum hdx_status hdx_plan_write(struct hdx_files *files, uint32_t shards, hdx_plan_writer *write, void *user,
                               struct hdx_plan_info **info, struct hdx_error *error) {
  (void)files;
  (void)shards;
  struct hdx_plan *plan = make_plan();
  if (!plan)
    return fail(error, HDX_MEMORY);
  *info = &plan->info;
  return write(user, (struct hdx_text){"a plan\n", 7}, error);
}

void hdx_plan_info_free(struct hdx_plan_info *info) {
  if (info)
    free((char *)info - offsetof(struct hdx_plan, info));
}

enum hdx_status hdx_plan_open(struct hdx_session *session, const char *path, struct hdx_plan **plan,
                              struct hdx_error *error) {
  (void)session;
  (void)path;
  if (fake.open_status != HDX_OK)
    return fail(error, fake.open_status);
  *plan = make_plan();
  return *plan ? HDX_OK : fail(error, HDX_MEMORY);
}

void hdx_plan_close(struct hdx_plan *plan) {
  free(plan);
}

const struct hdx_plan_info *hdx_plan_info(const struct hdx_plan *plan) {
  return &plan->info;
}

enum hdx_status hdx_plan_files(struct hdx_plan *plan, uint32_t shard, const char *bucket, struct hdx_files **files,
                               struct hdx_error *error) {
  (void)bucket;
  return shard <= plan->info.shard_count ? make_list(files, error) : fail(error, HDX_USAGE);
}

enum hdx_status hdx_plan_merge(struct hdx_plan *plan, const char *const *reports, size_t report_count,
                               void (*visit)(void *user, const struct hdx_merge_item *item), void *user,
                               struct hdx_merge_summary *summary, struct hdx_error *error) {
  (void)reports;
  (void)report_count;
  (void)visit;
  (void)user;
  (void)error;
  *summary = (struct hdx_merge_summary){
      .files = plan->info.files, .bytes = plan->info.bytes, .complete = plan->info.files, .shards_complete = 1};
  return HDX_OK;
}
