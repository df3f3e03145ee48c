/* Plans: cutting a list, and writing. The list is gone through four times, as nothing but a hash of each file is held:
 * how many bytes there are; what each shard has; the digest, which stands at the beginning; and the lines. */
#include "job/plan.h"

#include "base/time.h"
#include "codec/hash.h"
#include "job/query.h"
#include "job/seen.h"
#include "parse/file_list.h"
#include "parse/json_write.h"

#include <inttypes.h>
#include <stdlib.h>

enum { PIECE_BYTES = 256 << 10 };

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
  hdx_plan_writer *write; /* NULL: for its digest alone */
  void *user;
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
        hdx_files_refuse(cutting->files, &list[i], message.message);
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

/* Hands out what has gathered, if it is more than `most`. */
static enum hdx_status flush(struct cutting *cutting, size_t most, struct hdx_error *error) {
  struct hdx_text text = hdx_buffer_text(&cutting->text);
  if (cutting->text.status != HDX_OK)
    return hdx_buffer_status(&cutting->text, "a line of the plan", error);
  if (text.size <= most)
    return HDX_OK;
  hdx_hash_stream_add(cutting->hash, text.data, text.size);
  enum hdx_status status = cutting->write ? cutting->write(cutting->user, text, error) : HDX_OK;
  hdx_buffer_clear(&cutting->text);
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
  if (time == HDX_TIME_NONE)
    return;
  hdx_time_format(time, hdx_time_digits(time), text);
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
  return flush(cutting, PIECE_BYTES, error);
}

/* The digest is of this line with zeros in its place. */
static enum hdx_status put_head(struct cutting *cutting, const struct hdx_query *query, struct hdx_error *error) {
  const struct hdx_plan_record *record = cutting->record;
  const struct hdx_plan_info *info = &record->info;
  struct hdx_buffer *out = &cutting->text;
  hdx_buffer_append_format(out, HDX_PLAN_HEAD "%0*d\",\"created\":\"%s\",\"shards\":%" PRIu32, HDX_PLAN_DIGEST_SIZE, 0,
                           info->created, info->shard_count);
  hdx_buffer_append_format(out,
                           ",\"files\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"unsized\":%" PRIu64 ",\"twice\":%" PRIu64
                           ",\"snapshots\":%zu}\n",
                           info->files, info->bytes, info->unsized, info->twice, query ? query->part_count : 0);
  if (!cutting->write || out->status != HDX_OK)
    return flush(cutting, 0, error);
  hdx_hash_stream_add(cutting->hash, out->data, out->size);
  memcpy(out->data + strlen(HDX_PLAN_HEAD), record->digest, HDX_PLAN_DIGEST_SIZE);
  enum hdx_status status = cutting->write(cutting->user, hdx_buffer_text(out), error);
  hdx_buffer_clear(out);
  return status;
}

static enum hdx_status put_snapshot(struct cutting *cutting, const struct hdx_query_part *part,
                                    struct hdx_error *error) {
  struct hdx_buffer *out = &cutting->text;
  hdx_buffer_append_text(out, HDX_TEXT("{\"snapshot\":"));
  hdx_json_write_string(out, part->id);
  hdx_buffer_append_text(out, HDX_TEXT(",\"source\":"));
  hdx_json_write_string(out, part->query->source.url);
  hdx_buffer_append_format(out, ",\"digest\":\"%016" PRIx64 "\"}\n", hdx_reader_digest(part->reader));
  return flush(cutting, PIECE_BYTES, error);
}

/* Writes the whole plan, or only hashes it; its digest is at `digest`. */
static enum hdx_status put_plan(struct cutting *cutting, char digest[HDX_HASH128_TEXT_MAX], struct hdx_error *error) {
  const struct hdx_plan_record *record = cutting->record;
  const struct hdx_query *query = hdx_files_query(cutting->files);
  hdx_hash_stream_reset(cutting->hash);
  enum hdx_status status = put_head(cutting, query, error);
  for (size_t i = 0; status == HDX_OK && query && i < query->part_count; i++)
    status = put_snapshot(cutting, &query->parts[i], error);
  for (uint32_t i = 0; status == HDX_OK && i < record->info.shard_count; i++) {
    hdx_buffer_append_format(&cutting->text, "{\"shard\":%" PRIu32 ",\"files\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n",
                             i + 1, record->shards[i].files, record->shards[i].bytes);
    status = flush(cutting, PIECE_BYTES, error);
  }
  if (status == HDX_OK)
    status = walk(cutting, put_file, error);
  if (status == HDX_OK)
    status = flush(cutting, 0, error);
  if (status == HDX_OK)
    hdx_hash_stream_write(cutting->hash, digest);
  return status;
}

/* ---- all of it ---- */

/* What is refused is told the first time. */
static enum hdx_status cut(struct cutting *cutting, hdx_plan_writer *write, struct hdx_error *error) {
  struct hdx_plan_record *record = cutting->record;
  void (*refused)(void *, const struct hdx_file *, const char *) = cutting->files->refused;
  char digest[HDX_HASH128_TEXT_MAX] = "";
  enum hdx_status status = walk(cutting, sum_up, error);
  cutting->files->refused = NULL;
  if (status == HDX_OK && record->info.files == 0)
    status = hdx_error_set(error, HDX_EMPTY, "no file is wanted");
  if (status == HDX_OK) {
    weigh(cutting);
    status = walk(cutting, fill_shard, error);
  }
  hdx_time_format(hdx_time_now(), 0, record->created);
  if (status == HDX_OK)
    status = put_plan(cutting, record->digest, error);
  cutting->write = write;
  if (status == HDX_OK)
    status = put_plan(cutting, digest, error);
  if (status == HDX_OK && strcmp(digest, record->digest) != 0)
    status = hdx_error_set(error, HDX_INTEGRITY, "the list changed while it was read");
  cutting->files->refused = refused;
  return status;
}

enum hdx_status hdx_plan_write(struct hdx_files *files, uint32_t shards, hdx_plan_writer *write, void *user,
                               struct hdx_plan_info **info, struct hdx_error *error) {
  if (shards < 1 || shards > HDX_PLAN_SHARDS_MAX)
    return hdx_error_set(error, HDX_USAGE, "%" PRIu32 " shards: expected 1 to %d", shards, HDX_PLAN_SHARDS_MAX);
  struct cutting cutting = {
      .files = files, .record = hdx_plan_record_new(shards), .hash = hdx_hash_stream_new(), .user = user};
  hdx_buffer_init(&cutting.text, PIECE_BYTES + HDX_LIST_RECORD_BYTES_MAX);
  enum hdx_status status = cutting.record && cutting.hash
                               ? cut(&cutting, write, error)
                               : hdx_error_memory(error, shards * sizeof(struct hdx_plan_shard));
  hdx_hash_stream_free(cutting.hash);
  hdx_buffer_deinit(&cutting.text);
  hdx_seen_deinit(&cutting.seen);
  if (status == HDX_OK && info)
    *info = &cutting.record->info;
  else
    hdx_plan_info_free(cutting.record ? &cutting.record->info : NULL);
  return status;
}
