/* Plans: cutting a list, and writing. Three times through the list: how many bytes there are; what each shard has; and
 * the lines. */
#include "job/plan.h"

#include "base/file.h"
#include "base/time.h"
#include "codec/hash.h"
#include "job/query.h"
#include "job/seen.h"
#include "parse/file_list.h"
#include "parse/json_write.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP_BYTES = 256 << 10, LINE_BYTES_MAX = HDX_LIST_RECORD_BYTES_MAX };

typedef unsigned __int128 wide;

struct cutting {
  struct hdx_files *files;
  struct hdx_plan_record *record;
  struct hdx_seen seen;
  uint64_t mean;      /* what a file without a size counts */
  uint64_t least;     /* what is added to every file: 1 where all bytes are 0 */
  wide total, before; /* what all files count; those that came by */
  /* the plan as it is written */
  struct hdx_buffer text;
  struct hdx_hash_stream *hash;
  uint64_t offset;
  int fd;
  const char *name;
};

/* ---- going through the list ---- */

typedef enum hdx_status take_file(struct cutting *cutting, const struct hdx_file *file, struct hdx_error *error);

static void add_saturated(uint64_t *sum, int64_t size) {
  if (size > 0 && __builtin_add_overflow(*sum, (uint64_t)size, sum))
    *sum = UINT64_MAX;
}

/* Takes each location once, and none that JSON has no string for. */
static enum hdx_status walk(struct cutting *cutting, take_file *take, struct hdx_error *error) {
  const struct hdx_file *list;
  size_t count;
  enum hdx_status status;
  hdx_files_rewind(cutting->files);
  hdx_seen_clear(&cutting->seen);
  cutting->before = 0;
  cutting->record->info.twice = 0;
  while ((status = hdx_files_next(cutting->files, &list, &count, error)) == HDX_OK && count)
    for (size_t i = 0; i < count; i++) {
      bool again;
      if (!hdx_json_writable(list[i].location)) {
        struct hdx_error message;
        char quoted[200];
        hdx_error_set(&message, HDX_USAGE, "%s: left out, as it is no UTF-8",
                      hdx_url_quote(list[i].location, quoted, sizeof quoted));
        hdx_files_refuse(cutting->files, message.message);
        continue;
      }
      status = hdx_seen_add(&cutting->seen, list[i].location, &again, error);
      if (status != HDX_OK)
        return status;
      cutting->record->info.twice += again;
      status = again ? HDX_OK : take(cutting, &list[i], error);
      if (status != HDX_OK)
        return status;
    }
  return status;
}

static enum hdx_status sum_up(struct cutting *cutting, const struct hdx_file *file, struct hdx_error *error) {
  struct hdx_plan_info *info = &cutting->record->info;
  (void)error;
  info->files++;
  info->unsized += file->size < 0;
  add_saturated(&info->bytes, file->size);
  cutting->total += file->size > 0 ? (uint64_t)file->size : 0;
  return HDX_OK;
}

/* Fixes what files count, once all sizes are known. */
static void weigh(struct cutting *cutting) {
  const struct hdx_plan_info *info = &cutting->record->info;
  uint64_t sized = info->files - info->unsized;
  cutting->mean = sized ? (uint64_t)(cutting->total / sized) : 0;
  cutting->total += (wide)cutting->mean * info->unsized;
  cutting->least = cutting->total == 0;
  cutting->total += (wide)cutting->least * info->files;
}

/* The shard of the file that comes next, from 0. */
static uint32_t next_shard(struct cutting *cutting, const struct hdx_file *file) {
  uint32_t count = cutting->record->info.shard_count;
  wide own = (file->size < 0 ? cutting->mean : (uint64_t)file->size) + (wide)cutting->least;
  wide shard = (2 * cutting->before + own) * count / (2 * cutting->total);
  cutting->before += own;
  return shard < count ? (uint32_t)shard : count - 1; /* the last ones, if they count 0 */
}

static enum hdx_status fill_shard(struct cutting *cutting, const struct hdx_file *file, struct hdx_error *error) {
  struct hdx_plan_shard *shard = &cutting->record->shards[next_shard(cutting, file)];
  (void)error;
  shard->files++;
  add_saturated(&shard->bytes, file->size);
  return HDX_OK;
}

/* ---- writing ---- */

static enum hdx_status flush(struct cutting *cutting, size_t least, struct hdx_error *error) {
  struct hdx_buffer *text = &cutting->text;
  if (text->status != HDX_OK)
    return hdx_buffer_status(text, "a line of the plan", error);
  if (text->size <= least)
    return HDX_OK;
  hdx_hash_stream_add(cutting->hash, text->data, text->size);
  enum hdx_status status =
      hdx_file_write_at(cutting->fd, cutting->name, text->data, text->size, cutting->offset, error);
  cutting->offset += text->size;
  hdx_buffer_clear(text);
  return status;
}

/* A checksum that no reader could make sense of is as good as none. */
static void put_text(struct hdx_buffer *out, const char *name, struct hdx_text text) {
  if (!text.size || text.size > HDX_URL_BYTES_MAX || !hdx_json_writable(text))
    return;
  hdx_buffer_append_format(out, ",\"%s\":", name);
  hdx_json_write_string(out, text);
}

static void put_time(struct hdx_buffer *out, const char *name, int64_t time, bool timeless) {
  char text[HDX_TIME_TEXT_MAX];
  int digits = time % HDX_SECOND_NS == 0 ? 0 : time % 1000000 == 0 ? 3 : time % 1000 == 0 ? 6 : 9;
  if (time == HDX_TIME_NONE)
    return;
  hdx_time_format(time, digits, text);
  hdx_buffer_append_format(out, ",\"%s\":\"%s\"", name, timeless ? "static" : text);
}

static enum hdx_status put_file(struct cutting *cutting, const struct hdx_file *file, struct hdx_error *error) {
  struct hdx_buffer *out = &cutting->text;
  uint32_t shard = next_shard(cutting, file);
  bool timeless = file->start == HDX_TIME_STATIC;
  hdx_buffer_append_format(out, "{\"shard\":%" PRIu32, shard + 1);
  put_text(out, "id", file->id);
  put_time(out, "start", file->start, timeless);
  put_time(out, "stop", file->stop, timeless && file->stop == HDX_TIME_MAX);
  put_text(out, "datakey", file->location);
  if (file->size >= 0)
    hdx_buffer_append_format(out, ",\"filesize\":%" PRId64, file->size);
  put_text(out, "checksum", file->checksum);
  put_text(out, "checksum_algorithm", file->checksum_algorithm);
  hdx_buffer_append_text(out, HDX_TEXT("}\n"));
  struct hdx_plan_shard *left = &cutting->record->shards[shard];
  if (left->files == 0)
    return hdx_error_set(error, HDX_INTEGRITY, "the list changed while it was read");
  left->files--;
  return flush(cutting, STEP_BYTES, error);
}

static void put_head(struct cutting *cutting, const struct hdx_query *query) {
  const struct hdx_plan_info *info = &cutting->record->info;
  struct hdx_buffer *out = &cutting->text;
  hdx_buffer_append_format(out, HDX_PLAN_HEAD "%0*d\",\"created\":\"%s\",\"shards\":%" PRIu32, HDX_PLAN_DIGEST_SIZE, 0,
                           info->created, info->shard_count);
  hdx_buffer_append_format(out,
                           ",\"files\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"unsized\":%" PRIu64 ",\"twice\":%" PRIu64
                           ",\"snapshots\":%zu}\n",
                           info->files, info->bytes, info->unsized, info->twice, query ? query->part_count : 0);
}

static void put_snapshot(struct hdx_buffer *out, const struct hdx_query_part *part) {
  hdx_buffer_append_text(out, HDX_TEXT("{\"snapshot\":"));
  hdx_json_write_string(out, part->id);
  hdx_buffer_append_text(out, HDX_TEXT(",\"source\":"));
  hdx_json_write_string(out, part->query->source.url);
  hdx_buffer_append_format(out, ",\"digest\":\"%016" PRIx64 "\"}\n", hdx_reader_digest(part->reader));
}

/* What stands before the lines of files. */
static enum hdx_status put_heads(struct cutting *cutting, const struct hdx_query *query, struct hdx_error *error) {
  const struct hdx_plan_record *record = cutting->record;
  enum hdx_status status = HDX_OK;
  put_head(cutting, query);
  for (size_t i = 0; status == HDX_OK && query && i < query->part_count; i++) {
    put_snapshot(&cutting->text, &query->parts[i]);
    status = flush(cutting, STEP_BYTES, error);
  }
  for (uint32_t i = 0; status == HDX_OK && i < record->info.shard_count; i++) {
    hdx_buffer_append_format(&cutting->text, "{\"shard\":%" PRIu32 ",\"files\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n",
                             i + 1, record->shards[i].files, record->shards[i].bytes);
    status = flush(cutting, STEP_BYTES, error);
  }
  return status;
}

/* Writes the plan to the open file; what each shard has is counted down on the way, and restored. */
static enum hdx_status put_plan(struct cutting *cutting, struct hdx_error *error) {
  struct hdx_plan_record *record = cutting->record;
  size_t size = record->info.shard_count * sizeof *record->shards;
  struct hdx_plan_shard *shards = malloc(size);
  if (!shards)
    return hdx_error_memory(error, size);
  memcpy(shards, record->shards, size);
  enum hdx_status status = put_heads(cutting, hdx_files_query(cutting->files), error);
  if (status == HDX_OK)
    status = walk(cutting, put_file, error);
  if (status == HDX_OK)
    status = flush(cutting, 0, error);
  for (uint32_t i = 0; status == HDX_OK && i < record->info.shard_count; i++)
    if (record->shards[i].files)
      status = hdx_error_set(error, HDX_INTEGRITY, "the list changed while it was read");
  memcpy(record->shards, shards, size);
  free(shards);
  if (status != HDX_OK)
    return status;
  hdx_hash_stream_write(cutting->hash, record->digest);
  return hdx_file_write_at(cutting->fd, cutting->name, record->digest, HDX_PLAN_DIGEST_SIZE, strlen(HDX_PLAN_HEAD),
                           error);
}

/* ---- where it is written to ---- */

/* Copies the complete plan to what is no regular file. */
static enum hdx_status copy_out(struct cutting *cutting, int to, const char *name, struct hdx_error *error) {
  struct hdx_buffer *text = &cutting->text;
  hdx_buffer_clear(text);
  char *data = hdx_buffer_reserve(text, STEP_BYTES);
  if (!data)
    return hdx_buffer_status(text, "a copy of the plan", error);
  for (uint64_t at = 0; at < cutting->offset;) {
    size_t size = cutting->offset - at < STEP_BYTES ? (size_t)(cutting->offset - at) : STEP_BYTES;
    enum hdx_status status = hdx_file_read_at(cutting->fd, cutting->name, data, size, at, error);
    if (status != HDX_OK)
      return status;
    for (size_t done = 0; done < size;) {
      ssize_t n = write(to, data + done, size - done);
      if (n < 0 && errno != EINTR)
        return hdx_error_errno(error, name, "cannot be written", errno);
      if (atomic_load(&cutting->files->session->cancelled))
        return hdx_error_set(error, HDX_INTERRUPTED, "interrupted");
      done += n > 0 ? (size_t)n : 0;
    }
    at += size;
  }
  return HDX_OK;
}

/* Writes to standard output, a pipe or a device: from a temporary file, as the digest stands at the beginning. */
static enum hdx_status write_in_place(struct cutting *cutting, const char *path, struct hdx_error *error) {
  bool standard = strcmp(path, "-") == 0;
  enum hdx_status status = hdx_input_create(cutting->files->session, &cutting->fd, error);
  if (status != HDX_OK)
    return status;
  cutting->name = "a temporary file in the store";
  status = put_plan(cutting, error);
  int to = standard ? STDOUT_FILENO : status == HDX_OK ? open(path, O_WRONLY | O_CLOEXEC) : -1;
  if (status == HDX_OK && to < 0)
    status = hdx_error_errno(error, path, "cannot be opened", errno);
  if (status == HDX_OK)
    status = copy_out(cutting, to, standard ? "standard output" : path, error);
  if (!standard && to >= 0)
    close(to);
  close(cutting->fd);
  return status;
}

static enum hdx_status write_to(struct cutting *cutting, const char *path, struct hdx_error *error) {
  struct stat stat_;
  struct hdx_temp temp;
  bool there = strcmp(path, "-") != 0 && stat(path, &stat_) == 0;
  if (there && S_ISDIR(stat_.st_mode))
    return hdx_error_set(error, HDX_USAGE, "%s: a folder, where the plan is to be written", path);
  if (strcmp(path, "-") == 0 || (there && !S_ISREG(stat_.st_mode)))
    return write_in_place(cutting, path, error);
  enum hdx_status status = hdx_temp_create(path, &temp, error);
  if (status != HDX_OK)
    return status;
  cutting->fd = temp.fd;
  cutting->name = path;
  status = put_plan(cutting, error);
  if (status == HDX_OK)
    return hdx_temp_commit(&temp, error);
  hdx_temp_abandon(&temp);
  return status;
}

/* ---- all of it ---- */

static enum hdx_status cut(struct cutting *cutting, const char *path, struct hdx_error *error) {
  void (*refused)(void *, const char *) = cutting->files->refused;
  struct hdx_plan_record *record = cutting->record;
  cutting->files->refused = NULL; /* they are told once, with the lines */
  enum hdx_status status = walk(cutting, sum_up, error);
  if (status == HDX_OK) {
    weigh(cutting);
    status =
        record->info.files ? walk(cutting, fill_shard, error) : hdx_error_set(error, HDX_EMPTY, "no file is wanted");
  }
  cutting->files->refused = refused;
  if (status != HDX_OK)
    return status;
  hdx_time_format(hdx_time_now(), 0, record->created);
  return write_to(cutting, path, error);
}

enum hdx_status hdx_plan_write(struct hdx_session *session, struct hdx_files *files, uint32_t shards, const char *path,
                               struct hdx_plan_info **info, struct hdx_error *error) {
  if (shards < 1 || shards > HDX_PLAN_SHARDS_MAX)
    return hdx_error_set(error, HDX_USAGE, "%" PRIu32 " shards: expected 1 to %d", shards, HDX_PLAN_SHARDS_MAX);
  struct cutting cutting = {.files = files, .record = hdx_plan_record_new(shards), .hash = hdx_hash_stream_new()};
  (void)session;
  hdx_buffer_init(&cutting.text, STEP_BYTES + LINE_BYTES_MAX);
  enum hdx_status status =
      cutting.record && cutting.hash ? HDX_OK : hdx_error_memory(error, shards * sizeof(struct hdx_plan_shard));
  if (status == HDX_OK)
    status = cut(&cutting, path, error);
  hdx_hash_stream_free(cutting.hash);
  hdx_buffer_deinit(&cutting.text);
  hdx_seen_deinit(&cutting.seen);
  if (status == HDX_OK && info)
    *info = &cutting.record->info;
  else
    hdx_plan_info_free(cutting.record ? &cutting.record->info : NULL);
  return status;
}
