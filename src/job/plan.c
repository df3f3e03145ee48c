#include "job/plan.h"

#include "codec/hash.h"
#include "job/lines.h"
#include "parse/json.h"

#include <inttypes.h>
#include <stdlib.h>

struct hdx_plan_record *hdx_plan_record_new(uint32_t shards) {
  struct hdx_plan_record *record = calloc(1, sizeof *record + shards * sizeof *record->shards);
  if (record)
    record->info = (struct hdx_plan_info){
        .shard_count = shards, .shards = record->shards, .digest = record->digest, .created = record->created};
  return record;
}

void hdx_plan_info_free(struct hdx_plan_info *info) {
  free(info); /* the first member of its record */
}

const struct hdx_plan_info *hdx_plan_info(const struct hdx_plan *plan) {
  return &plan->record->info;
}

void hdx_plan_close(struct hdx_plan *plan) {
  if (!plan)
    return;
  hdx_input_close(&plan->input);
  hdx_plan_info_free(plan->record ? &plan->record->info : NULL);
  free(plan->offsets);
  free(plan);
}

/* ---- opening ---- */

struct reading {
  struct hdx_plan *plan;
  struct hdx_lines lines;
  struct hdx_hash_stream *hash;
  uint64_t snapshots;
};

static enum hdx_status malformed(const struct reading *reading, const char *expected, struct hdx_error *error) {
  return hdx_error_set(error, HDX_INTEGRITY, "%s: line %llu: expected %s", reading->plan->input.name,
                       (unsigned long long)reading->lines.number, expected);
}

/* The next line, which counts for the digest. A plan that ends in the midst of one was cut off. */
static enum hdx_status next_line(struct reading *reading, struct hdx_text *line, bool *found, struct hdx_error *error) {
  static const char zeros[] = "00000000000000000000000000000000";
  _Static_assert(sizeof zeros - 1 == HDX_PLAN_DIGEST_SIZE, "as many zeros as digits");
  bool complete;
  enum hdx_status status = hdx_lines_next(&reading->lines, line, &complete, found, error);
  if (status != HDX_OK || !*found)
    return status;
  if (!complete)
    return malformed(reading, "a newline at its end: the plan was cut off", error);
  struct hdx_text rest = *line;
  size_t head = strlen(HDX_PLAN_HEAD);
  if (reading->lines.number == 1 && line->size > head + HDX_PLAN_DIGEST_SIZE) {
    hdx_hash_stream_add(reading->hash, line->data, head);
    hdx_hash_stream_add(reading->hash, zeros, HDX_PLAN_DIGEST_SIZE);
    rest = hdx_text_sub(*line, head + HDX_PLAN_DIGEST_SIZE, line->size);
  }
  hdx_hash_stream_add(reading->hash, rest.data, rest.size);
  hdx_hash_stream_add(reading->hash, "\n", 1);
  return HDX_OK;
}

/* The next line, of which there must be one, as an object. */
static enum hdx_status next_object(struct reading *reading, struct hdx_json *json, const char *expected,
                                   struct hdx_error *error) {
  struct hdx_text line;
  bool found = false;
  enum hdx_status status = next_line(reading, &line, &found, error);
  if (status != HDX_OK)
    return status;
  if (!found)
    return hdx_error_set(error, HDX_INTEGRITY, "%s: ends behind line %llu: expected %s", reading->plan->input.name,
                         (unsigned long long)reading->lines.number, expected);
  status = hdx_json_parse(line, reading->plan->input.name, json, error);
  return status == HDX_INTEGRITY ? malformed(reading, expected, error) : status;
}

/* A member that is a whole number of at most `max`. */
static bool take_number(const struct hdx_json *json, const char *name, uint64_t max, uint64_t *number) {
  const struct hdx_json_value *value = hdx_json_member(json, &json->values[0], name);
  return value && value->type == HDX_JSON_NUMBER && hdx_text_to_u64(value->text, max, number);
}

static bool take_text(const struct hdx_json *json, const char *name, char *out, size_t size) {
  const struct hdx_json_value *value = hdx_json_member(json, &json->values[0], name);
  if (!value || value->type != HDX_JSON_STRING || value->text.size >= size)
    return false;
  memcpy(out, value->text.data, value->text.size);
  out[value->text.size] = 0;
  return true;
}

/* Whether the first line is the head of a plan that can be read. */
static enum hdx_status check_beginning(const struct reading *reading, struct hdx_error *error) {
  char beginning[sizeof HDX_PLAN_HEAD + HDX_PLAN_DIGEST_SIZE] = "";
  const struct hdx_input *input = &reading->plan->input;
  size_t got = 0;
  enum hdx_status status = hdx_input_read(input, 0, beginning, sizeof beginning - 1, &got, error);
  if (status != HDX_OK)
    return status;
  struct hdx_text text = {beginning, got};
  if (!hdx_text_starts_with(text, HDX_TEXT(HDX_PLAN_BEGINNING)))
    return hdx_error_set(error, HDX_INTEGRITY, "%s: no plan: expected a line that begins with %s", input->name,
                         HDX_PLAN_BEGINNING);
  char version = beginning[strlen(HDX_PLAN_BEGINNING)], behind = beginning[strlen(HDX_PLAN_BEGINNING) + 1];
  if (version != '1' || behind != ',')
    return hdx_error_set(error, HDX_INTEGRITY, "%s: a plan of a version other than %d, which is the one that is read",
                         input->name, HDX_PLAN_VERSION);
  if (!hdx_text_starts_with(text, HDX_TEXT(HDX_PLAN_HEAD)))
    return hdx_error_set(error, HDX_INTEGRITY, "%s: line 1: expected the plan's digest behind its version",
                         input->name);
  return HDX_OK;
}

static enum hdx_status read_head(struct reading *reading, struct hdx_error *error) {
  struct hdx_plan_record head = {.digest = ""}, *record;
  struct hdx_json json;
  uint64_t shards = 0;
  enum hdx_status status = check_beginning(reading, error);
  if (status == HDX_OK)
    status = next_object(reading, &json, "the head of a plan", error);
  if (status != HDX_OK)
    return status;
  struct hdx_plan_info *info = &head.info;
  bool good = take_text(&json, "digest", head.digest, sizeof head.digest) &&
              take_text(&json, "created", head.created, sizeof head.created) &&
              take_number(&json, "shards", HDX_PLAN_SHARDS_MAX, &shards) && shards &&
              take_number(&json, "files", UINT64_MAX, &info->files) &&
              take_number(&json, "bytes", UINT64_MAX, &info->bytes) &&
              take_number(&json, "unsized", UINT64_MAX, &info->unsized) &&
              take_number(&json, "twice", UINT64_MAX, &info->twice) &&
              take_number(&json, "snapshots", UINT32_MAX, &reading->snapshots);
  hdx_json_deinit(&json);
  if (!good)
    return malformed(reading, "the head of a plan", error);
  reading->plan->record = record = hdx_plan_record_new((uint32_t)shards);
  reading->plan->offsets = calloc(shards + 1, sizeof *reading->plan->offsets);
  if (!record || !reading->plan->offsets)
    return hdx_error_memory(error, shards * sizeof *record->shards);
  memcpy(record->digest, head.digest, sizeof head.digest);
  memcpy(record->created, head.created, sizeof head.created);
  record->info.files = info->files;
  record->info.bytes = info->bytes;
  record->info.unsized = info->unsized;
  record->info.twice = info->twice;
  return HDX_OK;
}

static enum hdx_status read_shards(struct reading *reading, struct hdx_error *error) {
  struct hdx_plan_record *record = reading->plan->record;
  struct hdx_json json;
  uint64_t files = 0, number = 0;
  for (uint32_t i = 0; i < record->info.shard_count; i++) {
    struct hdx_plan_shard *shard = &record->shards[i];
    enum hdx_status status = next_object(reading, &json, "a shard", error);
    if (status != HDX_OK)
      return status;
    bool good = take_number(&json, "shard", HDX_PLAN_SHARDS_MAX, &number) && number == i + 1 &&
                take_number(&json, "files", record->info.files - files, &shard->files) &&
                take_number(&json, "bytes", UINT64_MAX, &shard->bytes);
    hdx_json_deinit(&json);
    if (!good)
      return malformed(reading, "a shard, in the order of their numbers, with no more files than the plan has", error);
    files += shard->files;
  }
  return files == record->info.files ? HDX_OK : malformed(reading, "as many files in shards as the plan has", error);
}

/* Skips lines that are read when they are asked for. */
static enum hdx_status skip_lines(struct reading *reading, uint64_t count, struct hdx_error *error) {
  struct hdx_text line;
  bool found = true;
  enum hdx_status status = HDX_OK;
  for (uint64_t i = 0; status == HDX_OK && i < count; i++) {
    status = next_line(reading, &line, &found, error);
    if (status == HDX_OK && !found)
      status = hdx_error_set(error, HDX_INTEGRITY, "%s: ends behind line %llu: the plan was cut off",
                             reading->plan->input.name, (unsigned long long)reading->lines.number);
  }
  return status;
}

/* Finds where each shard begins, and that all is as it was written. */
static enum hdx_status read_files(struct reading *reading, struct hdx_error *error) {
  struct hdx_plan *plan = reading->plan;
  char digest[HDX_HASH128_TEXT_MAX];
  struct hdx_text line;
  bool found = false;
  enum hdx_status status = HDX_OK;
  plan->lines = reading->lines.number;
  plan->offsets[0] = hdx_lines_offset(&reading->lines);
  for (uint32_t i = 0; status == HDX_OK && i < plan->record->info.shard_count; i++) {
    status = skip_lines(reading, plan->record->shards[i].files, error);
    plan->offsets[i + 1] = hdx_lines_offset(&reading->lines);
  }
  if (status == HDX_OK)
    status = next_line(reading, &line, &found, error);
  if (status == HDX_OK && found)
    status = malformed(reading, "the end of the plan", error);
  if (status != HDX_OK)
    return status;
  hdx_hash_stream_write(reading->hash, digest);
  if (strcmp(digest, plan->record->digest) != 0)
    return hdx_error_set(error, HDX_INTEGRITY, "%s: the plan was changed: its lines have the digest %s, it says %s",
                         plan->input.name, digest, plan->record->digest);
  return HDX_OK;
}

static enum hdx_status read_plan(struct hdx_plan *plan, struct hdx_error *error) {
  struct reading reading = {.plan = plan, .hash = hdx_hash_stream_new()};
  if (!reading.hash)
    return hdx_error_memory(error, sizeof reading);
  hdx_lines_init(&reading.lines, &plan->input);
  enum hdx_status status = read_head(&reading, error);
  if (status == HDX_OK)
    status = skip_lines(&reading, reading.snapshots, error);
  if (status == HDX_OK)
    status = read_shards(&reading, error);
  if (status == HDX_OK)
    status = read_files(&reading, error);
  hdx_lines_deinit(&reading.lines);
  hdx_hash_stream_free(reading.hash);
  return status;
}

enum hdx_status hdx_plan_open(struct hdx_session *session, const char *path, struct hdx_plan **result,
                              struct hdx_error *error) {
  struct hdx_plan *plan = calloc(1, sizeof *plan);
  if (!plan)
    return hdx_error_memory(error, sizeof *plan);
  plan->session = session;
  enum hdx_status status = hdx_input_open(session, path, &plan->input, error);
  if (status == HDX_OK)
    status = read_plan(plan, error);
  if (status != HDX_OK) {
    hdx_plan_close(plan);
    return status;
  }
  *result = plan;
  return HDX_OK;
}

/* ---- shards ---- */

enum hdx_status hdx_plan_files(struct hdx_plan *plan, uint32_t shard, const char *bucket, struct hdx_files **files,
                               struct hdx_error *error) {
  const struct hdx_plan_info *info = &plan->record->info;
  struct hdx_files_part part = {
      .input = &plan->input, .from = plan->offsets[0], .to = plan->offsets[info->shard_count], .line = plan->lines + 1};
  part.all_from = part.from;
  part.all_to = part.to;
  part.all_line = part.line;
  if (shard > info->shard_count)
    return hdx_error_set(error, HDX_USAGE, "%s has %" PRIu32 " shards, from 1: there is no shard %" PRIu32,
                         plan->input.name, info->shard_count, shard);
  if (shard) {
    part.from = plan->offsets[shard - 1];
    part.to = plan->offsets[shard];
    for (uint32_t i = 0; i + 1 < shard; i++)
      part.line += info->shards[i].files;
  }
  return hdx_files_of_part(plan->session, &part, bucket, files, error);
}
