/* Reports beside a plan. Of each file of the plan 21 bytes are held: a hash of its location, its shard and what was
 * said of it last. The reports are gone through twice: the first time to learn what became of each file, the second to
 * tell of those that failed, with the words of the line that says so. */
#include "job/plan.h"

#include "codec/hash.h"
#include "job/lines.h"
#include "parse/file_list.h"
#include "parse/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What the latest line about a file says. */
enum state { STATE_FREE /* the place has no file */, STATE_NONE, STATE_COMPLETE, STATE_FAILED, STATE_DELETED };

/* A file of the plan. That two of its locations have the same hash of 64 bits (of ten million: once in 400,000 plans)
 * would make one of them look as if it were missing, and never the other way round as long as both are reported. */
struct entry {
  uint64_t hash;
  uint32_t shard : 24, state : 8; /* shard from 1 */
  uint32_t report;                /* that the latest line is in */
};
_Static_assert(sizeof(struct entry) == 16, "what is held of each file");

struct merging {
  struct hdx_plan *plan;
  struct entry *entries;   /* an open table by hash, three quarters full */
  uint64_t capacity, seed; /* seed: of the hashes, at random, so that nobody can write locations that meet */
  const char *const *reports;
  size_t report_count;
  struct hdx_input *inputs; /* of reports that cannot be opened twice */
  void (*visit)(void *user, const struct hdx_merge_item *item);
  void *user;
  struct hdx_merge_summary *summary;
};

/* ---- files of the plan ---- */

static struct entry *next_place(const struct merging *merging, struct entry *place) {
  return place + 1 == merging->entries + merging->capacity ? merging->entries : place + 1;
}

static struct entry *first_place(const struct merging *merging, uint64_t hash) {
  return merging->entries + (uint64_t)((unsigned __int128)hash * merging->capacity >> 64);
}

/* NULL: the plan has no such file. */
static struct entry *find(const struct merging *merging, struct hdx_text location) {
  uint64_t hash = hdx_hash_seeded(location.data, location.size, merging->seed);
  struct entry *place = first_place(merging, hash);
  while (place->state != STATE_FREE && place->hash != hash)
    place = next_place(merging, place);
  return place->state == STATE_FREE ? NULL : place;
}

static void add(const struct merging *merging, struct hdx_text location, uint32_t shard) {
  uint64_t hash = hdx_hash_seeded(location.data, location.size, merging->seed);
  struct entry *place = first_place(merging, hash);
  while (place->state != STATE_FREE)
    place = next_place(merging, place);
  *place = (struct entry){.hash = hash, .shard = shard & 0xffffff, .state = STATE_NONE};
}

/* Calls `take` for each file of the plan, in its order, with its shard. */
static enum hdx_status walk_plan(struct merging *merging,
                                 void (*take)(struct merging *merging, const struct hdx_file *file, uint32_t shard),
                                 struct hdx_error *error) {
  const struct hdx_plan_info *info = hdx_plan_info(merging->plan);
  struct hdx_files *files;
  const struct hdx_file *list;
  size_t count;
  uint64_t seen = 0, end = 0; /* files so far; those up to the present shard's last */
  uint32_t shard = 0;
  enum hdx_status status = hdx_plan_files(merging->plan, 0, NULL, &files, error);
  if (status != HDX_OK)
    return status;
  while ((status = hdx_files_next(files, &list, &count, error)) == HDX_OK && count && seen + count <= info->files)
    for (size_t i = 0; i < count; i++, seen++) {
      while (seen == end)
        end += info->shards[shard++].files;
      take(merging, &list[i], shard);
    }
  hdx_files_close(files);
  if (status == HDX_OK && (count || seen != info->files))
    status = hdx_error_set(error, HDX_INTEGRITY, "%s: it changed while it was read", merging->plan->input.name);
  return status;
}

static void take_entry(struct merging *merging, const struct hdx_file *file, uint32_t shard) {
  add(merging, file->location, shard);
}

/* ---- reports ---- */

/* A line about a file. Texts live until the next line is read. */
struct report_line {
  struct hdx_list_row row;
  uint32_t shard; /* 0: none is named */
  enum state state;
  const char *message;
};

struct report {
  struct merging *merging;
  uint32_t number; /* among the reports */
  const char *path;
  struct hdx_lines lines;
  struct hdx_file_list rows;
};

__attribute__((format(printf, 3, 4))) static enum hdx_status fail(const struct report *report, struct hdx_error *error,
                                                                  const char *format, ...) {
  char reason[HDX_ERROR_TEXT_MAX / 2];
  va_list args;
  va_start(args, format);
  vsnprintf(reason, sizeof reason, format, args);
  va_end(args);
  return hdx_error_set(error, HDX_INTEGRITY, "%s: line %" PRIu64 ": %s", report->rows.name, report->lines.number,
                       reason);
}

/* A member that is a string; empty where there is none, or null. */
static struct hdx_text text_of(const struct hdx_json *json, const char *name) {
  const struct hdx_json_value *value = hdx_json_member(json, &json->values[0], name);
  return value && value->type == HDX_JSON_STRING ? value->text : HDX_TEXT("");
}

/* "K-of-N-" and the beginning of the plan's digest. */
static enum hdx_status read_shard(const struct report *report, struct hdx_text name, uint32_t *shard,
                                  struct hdx_error *error) {
  const struct hdx_plan_info *info = hdx_plan_info(report->merging->plan);
  char expected[64], shown[64];
  uint64_t number = 0;
  size_t digits = 0;
  *shard = 0;
  if (name.size == 0)
    return HDX_OK;
  while (digits < name.size && name.data[digits] != '-')
    digits++;
  snprintf(expected, sizeof expected, "-of-%" PRIu32 "-%.8s", info->shard_count, info->digest);
  if (!hdx_text_is(hdx_text_sub(name, digits, name.size), expected) ||
      !hdx_text_to_u64(hdx_text_sub(name, 0, digits), info->shard_count, &number) || number == 0)
    return fail(report, error, "it is of shard %s, not of this plan: expected K%s",
                hdx_url_quote(name, shown, sizeof shown), expected);
  *shard = (uint32_t)number;
  return HDX_OK;
}

static enum hdx_status read_state(const struct report *report, struct hdx_text name, enum state *state,
                                  struct hdx_error *error) {
  static const struct {
    const char *name;
    enum state state;
  } states[] = {
      {"unchanged", STATE_COMPLETE}, {"fetched", STATE_COMPLETE}, {"resumed", STATE_COMPLETE}, {"failed", STATE_FAILED},
      {"left", STATE_FAILED},        {"refused", STATE_FAILED},   {"deleted", STATE_DELETED},
  };
  char shown[64];
  for (size_t i = 0; i < sizeof states / sizeof *states; i++)
    if (hdx_text_is(name, states[i].name)) {
      *state = states[i].state;
      return HDX_OK;
    }
  return fail(report, error,
              "state: expected fetched, unchanged, resumed, failed, left, refused or deleted, found '%s'",
              hdx_url_quote(name, shown, sizeof shown));
}

/* Takes a line; *about tells that it is about a file. */
static enum hdx_status read_line(struct report *report, const struct hdx_json *json, struct report_line *line,
                                 bool *about, struct hdx_error *error) {
  struct hdx_text kind = text_of(json, "kind"), message = text_of(json, "message"), copy;
  *about = hdx_text_is(kind, "file");
  if (kind.size == 0)
    return fail(report, error, "expected a line of a report of files, with the member kind");
  if (!*about)
    return HDX_OK;
  enum hdx_status status = read_state(report, text_of(json, "state"), &line->state, error);
  if (status == HDX_OK)
    status = read_shard(report, text_of(json, "shard"), &line->shard, error);
  if (status == HDX_OK)
    status = hdx_file_list_object(&report->rows, json, &line->row, error);
  if (status != HDX_OK)
    return status;
  copy = hdx_arena_copy(&report->rows.arena, message);
  line->message = copy.data;
  return copy.data ? HDX_OK : hdx_error_memory(error, message.size);
}

typedef void take_line(struct report *report, const struct report_line *line);

static enum hdx_status walk_lines(struct report *report, take_line *take, struct hdx_error *error) {
  for (;;) {
    struct hdx_text text;
    struct hdx_json json;
    struct hdx_error why;
    struct report_line line = {.shard = 0};
    bool found, about = false;
    enum hdx_status status = hdx_lines_next(&report->lines, &text, NULL, &found, error);
    if (status != HDX_OK || !found)
      return status;
    if (hdx_session_cancelled(report->merging->plan->session))
      return hdx_error_set(error, HDX_INTERRUPTED, "interrupted");
    if (text.size == 0)
      continue;
    hdx_file_list_forget(&report->rows);
    report->rows.line = report->lines.number;
    status = hdx_json_parse(text, "JSON", &json, &why);
    if (status != HDX_OK)
      return status == HDX_INTEGRITY ? fail(report, error, "%s", why.message)
                                     : hdx_error_set(error, status, "%s", why.message);
    status = read_line(report, &json, &line, &about, error);
    hdx_json_deinit(&json);
    if (status != HDX_OK)
      return status;
    if (about)
      take(report, &line);
  }
}

static enum hdx_status walk_report(struct merging *merging, uint32_t number, take_line *take, struct hdx_error *error) {
  struct report report = {.merging = merging, .number = number, .path = merging->reports[number]};
  struct hdx_input input = merging->inputs[number];
  enum hdx_status status = HDX_OK;
  if (input.fd < 0)
    status = hdx_input_open(merging->plan->session, report.path, &input, error);
  if (status != HDX_OK)
    return status;
  hdx_lines_init(&report.lines, &input);
  hdx_file_list_init(&report.rows, input.name, false);
  status = walk_lines(&report, take, error);
  hdx_file_list_deinit(&report.rows);
  hdx_lines_deinit(&report.lines);
  if (input.copied)
    merging->inputs[number] = input;
  else
    hdx_input_close(&input);
  return status;
}

/* ---- what is told ---- */

static void tell(const struct merging *merging, const struct hdx_file *file, uint32_t shard, const char *state,
                 const char *message, const char *report) {
  const struct hdx_merge_item item = {
      .file = file, .shard = shard, .state = state, .message = message, .report = report};
  if (merging->visit)
    merging->visit(merging->user, &item);
}

static void tell_line(const struct report *report, const struct report_line *line, uint32_t shard, const char *state,
                      const char *message) {
  const struct hdx_file file = hdx_file_of_row(&line->row);
  tell(report->merging, &file, shard, state, message, report->path);
}

/* The first time. */
static void take_outcome(struct report *report, const struct report_line *line) {
  struct hdx_merge_summary *summary = report->merging->summary;
  struct entry *entry = find(report->merging, line->row.key);
  char message[80];
  if (!entry && line->state == STATE_DELETED) /* it is not there any more */
    return;
  if (!entry) {
    summary->foreign++;
    tell_line(report, line, 0, "foreign", "the plan does not have it");
    return;
  }
  if (line->shard && line->shard != entry->shard) {
    summary->overlaps++;
    snprintf(message, sizeof message, "shard %" PRIu32 " has it, which is not its own", line->shard);
    tell_line(report, line, entry->shard, "overlap", message);
  }
  entry->state = line->state == STATE_DELETED ? STATE_NONE : line->state;
  entry->report = report->number;
}

/* The second time: of each file that failed, once. */
static void take_failure(struct report *report, const struct report_line *line) {
  struct entry *entry = find(report->merging, line->row.key);
  if (!entry || entry->state != STATE_FAILED || line->state != STATE_FAILED || entry->report != report->number)
    return;
  report->merging->summary->failed++;
  tell_line(report, line, entry->shard, "failed",
            *line->message ? line->message : "a run that ended early has left it");
  entry->report = UINT32_MAX;
}

/* At last, in the plan's order. */
static void take_rest(struct merging *merging, const struct hdx_file *file, uint32_t shard) {
  const struct entry *entry = find(merging, file->location);
  struct hdx_merge_summary *summary = merging->summary;
  summary->complete += entry && entry->state == STATE_COMPLETE;
  if (entry && entry->state != STATE_NONE)
    return;
  summary->missing++;
  tell(merging, file, shard, "missing", "no report has it", "");
}

/* A shard is complete if no file of it is anything else: how many are, is counted on the way. */
static enum hdx_status count_shards(struct merging *merging, struct hdx_error *error) {
  const struct hdx_plan_info *info = hdx_plan_info(merging->plan);
  uint64_t *complete = calloc(info->shard_count, sizeof *complete);
  if (!complete)
    return hdx_error_memory(error, info->shard_count * sizeof *complete);
  for (uint64_t i = 0; i < merging->capacity; i++)
    if (merging->entries[i].state == STATE_COMPLETE)
      complete[merging->entries[i].shard - 1]++;
  for (uint32_t i = 0; i < info->shard_count; i++)
    merging->summary->shards_complete += complete[i] == info->shards[i].files;
  free(complete);
  return HDX_OK;
}

static enum hdx_status merge(struct merging *merging, struct hdx_error *error) {
  const struct hdx_plan_info *info = hdx_plan_info(merging->plan);
  struct hdx_merge_summary *summary = merging->summary;
  *summary = (struct hdx_merge_summary){.files = info->files, .bytes = info->bytes};
  enum hdx_status status = walk_plan(merging, take_entry, error);
  for (uint32_t i = 0; status == HDX_OK && i < merging->report_count; i++)
    status = walk_report(merging, i, take_outcome, error);
  for (uint32_t i = 0; status == HDX_OK && i < merging->report_count; i++)
    status = walk_report(merging, i, take_failure, error);
  if (status == HDX_OK)
    status = walk_plan(merging, take_rest, error);
  if (status == HDX_OK)
    status = count_shards(merging, error);
  if (status != HDX_OK)
    return status;
  if (summary->complete == info->files && !summary->foreign && !summary->overlaps)
    return HDX_OK;
  return hdx_error_set(
      error, HDX_PARTIAL,
      "%" PRIu64 " of %" PRIu64 " files are complete: %" PRIu64 " failed, %" PRIu64 " are missing, %" PRIu64
      " lines are about files that the plan does not have, %" PRIu64 " about files of another shard",
      summary->complete, info->files, summary->failed, summary->missing, summary->foreign, summary->overlaps);
}

enum hdx_status hdx_plan_merge(struct hdx_plan *plan, const char *const *reports, size_t report_count,
                               void (*visit)(void *user, const struct hdx_merge_item *item), void *user,
                               struct hdx_merge_summary *summary, struct hdx_error *error) {
  struct merging merging = {
      .plan = plan, .reports = reports, .report_count = report_count, .visit = visit, .user = user, .summary = summary};
  if (report_count >= UINT32_MAX)
    return hdx_error_set(error, HDX_USAGE, "%zu reports are too many", report_count);
  merging.capacity = hdx_plan_info(plan)->files / 3 * 4 + 4;
  merging.seed = hdx_hash_seed();
  merging.entries = calloc(merging.capacity, sizeof *merging.entries);
  merging.inputs = malloc((report_count + 1) * sizeof *merging.inputs);
  enum hdx_status status =
      merging.entries && merging.inputs ? HDX_OK : hdx_error_memory(error, merging.capacity * sizeof *merging.entries);
  for (size_t i = 0; merging.inputs && i < report_count; i++)
    merging.inputs[i] = (struct hdx_input){.fd = -1};
  if (status == HDX_OK)
    status = merge(&merging, error);
  for (size_t i = 0; merging.inputs && i < report_count; i++)
    hdx_input_close(&merging.inputs[i]);
  free(merging.inputs);
  free(merging.entries);
  return status;
}
