/* Search over the catalogs of all buckets: each is looked through when it has come, and only what was found is kept, so
 * that many large catalogs take no more memory than those that come in at once. */
#include "base/error.h"
#include "job/progress.h"

#include <stdlib.h>

enum { CATALOGS_AT_ONCE = 128 };

struct hdx_search {
  struct hdx_session *session;
  const struct hdx_search_options *options;
  struct hdx_registry *registry;
  struct hdx_arena arena; /* of the hits and messages */
  struct hit *hits;
  size_t hit_count, hit_capacity;
  struct hdx_search_failure *failures; /* by bucket */
  size_t failure_count;
  struct bucket *buckets; /* as many as the registry has entries */
  size_t next, open;
  bool again; /* there are buckets to be asked again */
  bool alone; /* they are, one after the other */
  bool advancing, done, interrupted;
};

/* A hit and its place, which decides between equal scores. */
struct hit {
  struct hdx_search_hit hit;
  size_t bucket, at;
};

struct bucket {
  struct hdx_search *search;
  size_t number;
  enum hdx_status status;
  const char *message; /* of a failure, in the arena */
  bool again;          /* to be asked again, alone: there was no memory for it beside the others */
};

/* ---- what is looked for ---- */

static bool holds(struct hdx_text text, const char *part) {
  return !part || hdx_text_count_nocase(text, hdx_text_of(part)) > 0;
}

static uint64_t count_words(const struct hdx_search_options *options, struct hdx_text text) {
  uint64_t count = 0;
  for (size_t i = 0; i < options->word_count; i++)
    count += hdx_text_count_nocase(text, hdx_text_of(options->words[i]));
  return count;
}

/* Tags are a list of JSON: what counts are its strings, without quotes and escapes. */
static enum hdx_status count_tags(const struct hdx_search_options *options, struct hdx_text tags, uint64_t *count,
                                  struct hdx_error *error) {
  struct hdx_json json;
  if (!tags.size)
    return HDX_OK;
  enum hdx_status status = hdx_json_parse(tags, "tags", &json, error);
  if (status != HDX_OK)
    return status;
  for (const struct hdx_json_value *v = hdx_json_first(&json, json.values); v; v = hdx_json_next(&json, json.values, v))
    *count += count_words(options, v->text);
  hdx_json_deinit(&json);
  return HDX_OK;
}

static enum hdx_status match(const struct hdx_search_options *options, const struct hdx_dataset *dataset, bool *matches,
                             uint64_t *score, struct hdx_error *error) {
  *score = 0;
  *matches = false;
  if (!holds(dataset->id, options->id) || !holds(dataset->title, options->title))
    return HDX_OK;
  *score =
      count_words(options, dataset->id) + count_words(options, dataset->index) + count_words(options, dataset->title);
  enum hdx_status status = options->word_count ? count_tags(options, dataset->tags, score, error) : HDX_OK;
  *matches = *score > 0 || !options->word_count;
  return status;
}

/* ---- what was found ---- */

/* A copy of the dataset, whose catalog will be closed. */
static bool copy_dataset(struct hdx_arena *arena, const struct hdx_dataset *dataset, struct hdx_dataset **result) {
  struct hdx_dataset *copy = hdx_arena_alloc(arena, sizeof *copy);
  if (!copy)
    return false;
  *copy = *dataset;
  struct hdx_text *const texts[] = {&copy->id,          &copy->index,     &copy->title,    &copy->start_text,
                                    &copy->stop_text,   &copy->indextype, &copy->filetype, &copy->modification,
                                    &copy->description, &copy->resource,  &copy->creation, &copy->expiration,
                                    &copy->verified,    &copy->citation,  &copy->contact,  &copy->about,
                                    &copy->collections, &copy->tags,      &copy->json};
  bool good = true;
  for (size_t i = 0; i < sizeof texts / sizeof *texts && good; i++) {
    *texts[i] = hdx_arena_copy(arena, *texts[i]);
    good = texts[i]->data != NULL;
  }
  *result = copy;
  return good;
}

static enum hdx_status add_hit(struct bucket *bucket, const struct hdx_dataset *dataset, size_t at, uint64_t score,
                               struct hdx_error *error) {
  struct hdx_search *search = bucket->search;
  struct hdx_dataset *copy;
  if (search->hit_count == search->hit_capacity) {
    size_t capacity = search->hit_capacity ? 2 * search->hit_capacity : 64;
    struct hit *hits = realloc(search->hits, capacity * sizeof *hits);
    if (!hits)
      return hdx_error_memory(error, capacity * sizeof *hits);
    search->hits = hits;
    search->hit_capacity = capacity;
  }
  if (!copy_dataset(&search->arena, dataset, &copy))
    return hdx_error_set(error, HDX_LIMIT, "more is found than memory is allowed for: search for less");
  const struct hdx_registry_entry *entry = hdx_registry_at(search->registry, bucket->number);
  search->hits[search->hit_count++] = (struct hit){{entry, copy, score}, bucket->number, at};
  return HDX_OK;
}

static enum hdx_status look_through(struct bucket *bucket, const struct hdx_catalog *catalog, struct hdx_error *error) {
  struct hdx_search *search = bucket->search;
  size_t before = search->hit_count;
  enum hdx_status status = HDX_OK;
  for (size_t i = 0; i < hdx_catalog_count(catalog) && status == HDX_OK; i++) {
    const struct hdx_dataset *dataset = hdx_catalog_at(catalog, i);
    bool matches;
    uint64_t score;
    status = match(search->options, dataset, &matches, &score, error);
    if (status == HDX_OK && matches)
      status = add_hit(bucket, dataset, i, score, error);
  }
  if (status != HDX_OK)
    search->hit_count = before; /* half an answer would look like a whole one */
  return status;
}

/* ---- the catalogs ---- */

static void advance(struct hdx_search *search);

static void fail(struct bucket *bucket, enum hdx_status status, const char *message) {
  struct hdx_text copy = hdx_arena_copy(&bucket->search->arena, hdx_text_of(message));
  bucket->status = status;
  bucket->message = copy.data ? copy.data : hdx_status_text(status);
  bucket->search->failure_count++;
}

static void on_catalog(void *user, enum hdx_status status, struct hdx_catalog *catalog, const struct hdx_error *error) {
  struct bucket *bucket = user;
  struct hdx_search *search = bucket->search;
  struct hdx_error own;
  if (status == HDX_OK) {
    status = look_through(bucket, catalog, &own);
    error = &own;
  }
  bucket->again = status == HDX_LIMIT && !search->alone;
  search->again |= bucket->again;
  if (status != HDX_OK && !bucket->again)
    fail(bucket, status, error->message);
  search->interrupted |= status == HDX_INTERRUPTED;
  hdx_catalog_close(catalog);
  search->open--;
  advance(search);
}

static void start(struct hdx_search *search, struct bucket *bucket) {
  size_t number = (size_t)(bucket - search->buckets);
  *bucket = (struct bucket){.search = search, .number = number};
  search->open++;
  hdx_catalog_start(search->session, hdx_registry_at(search->registry, number), search->session->config.refresh,
                    on_catalog, bucket);
}

/* Begins the second round when the first has ended. */
static void turn(struct hdx_search *search) {
  bool ended = search->next == hdx_registry_count(search->registry) && !search->open;
  if (ended && search->again && !search->alone) {
    search->alone = true;
    search->next = 0;
  }
}

static bool has_room(const struct hdx_search *search) {
  bool left = search->next < hdx_registry_count(search->registry) && !search->interrupted;
  return left && search->open < (search->alone ? 1 : CATALOGS_AT_ONCE);
}

/* Begins to open catalogs while there is room. */
static void advance(struct hdx_search *search) {
  if (search->advancing) /* called from within: the loop below goes on */
    return;
  search->advancing = true;
  for (turn(search); has_room(search); turn(search)) {
    struct bucket *bucket = &search->buckets[search->next++];
    if (!search->alone || bucket->again)
      start(search, bucket);
  }
  search->advancing = false;
  search->done = !search->open;
}

static void fill_progress(void *user, struct hdx_progress *progress) {
  const struct hdx_search *search = user;
  progress->files_total = hdx_registry_count(search->registry);
  progress->files_done = search->next - search->open;
  progress->failures = search->failure_count;
}

/* Opens them all. Nobody waits for what is held. */
static void open_all(struct hdx_search *search) {
  struct hdx_progress_timer progress = {.open = false};
  uint64_t started = uv_hrtime();
  advance(search);
  if (search->done)
    return;
  hdx_progress_start(&progress, search->session, started, fill_progress, search);
  hdx_session_run(search->session, &search->done);
  hdx_progress_stop(&progress);
}

/* ---- the answer ---- */

static int by_score(const void *a, const void *b) {
  const struct hit *x = a, *y = b;
  if (x->hit.score != y->hit.score)
    return x->hit.score > y->hit.score ? -1 : 1;
  if (x->bucket != y->bucket)
    return x->bucket < y->bucket ? -1 : 1;
  return x->at < y->at ? -1 : x->at > y->at;
}

/* Lists the buckets that failed, and gives the gravest status. */
static enum hdx_status list_failures(struct hdx_search *search, enum hdx_status *gravest, struct hdx_error *error) {
  size_t count = 0;
  *gravest = HDX_OK;
  search->failures = calloc(search->failure_count + 1, sizeof *search->failures);
  if (!search->failures)
    return hdx_error_memory(error, search->failure_count * sizeof *search->failures);
  for (size_t i = 0; i < search->next; i++) {
    const struct bucket *bucket = &search->buckets[i];
    if (bucket->status == HDX_OK)
      continue;
    *gravest = hdx_status_graver(*gravest, bucket->status);
    search->failures[count++] =
        (struct hdx_search_failure){hdx_registry_at(search->registry, i), bucket->status, bucket->message};
  }
  return HDX_OK;
}

static enum hdx_status conclude(struct hdx_search *search, struct hdx_error *error) {
  enum hdx_status gravest;
  size_t count = hdx_registry_count(search->registry), failed = search->failure_count;
  if (search->interrupted)
    return hdx_error_set(error, HDX_INTERRUPTED, "interrupted");
  enum hdx_status status = list_failures(search, &gravest, error);
  if (status != HDX_OK)
    return status;
  if (search->hit_count)
    qsort(search->hits, search->hit_count, sizeof *search->hits, by_score);
  if (failed)
    return hdx_error_set(error, failed < count ? HDX_PARTIAL : gravest,
                         "the catalogs of %zu of %zu buckets could not be read", failed, count);
  if (!search->hit_count)
    return hdx_error_set(error, HDX_EMPTY, "no dataset of the registry's %zu buckets matches", count);
  return HDX_OK;
}

/* An empty text is in every other one: whoever gave it meant something else. */
static enum hdx_status check(const struct hdx_search_options *options, struct hdx_error *error) {
  bool empty = (options->id && !options->id[0]) || (options->title && !options->title[0]);
  for (size_t i = 0; i < options->word_count; i++)
    empty |= !options->words[i][0];
  return empty ? hdx_error_set(error, HDX_USAGE, "expected texts to search for, found an empty one") : HDX_OK;
}

enum hdx_status hdx_search(struct hdx_session *session, const struct hdx_search_options *options,
                           struct hdx_search **result, struct hdx_error *error) {
  *result = NULL;
  enum hdx_status status = check(options, error);
  if (status != HDX_OK)
    return status;
  struct hdx_search *search = calloc(1, sizeof *search);
  if (!search)
    return hdx_error_memory(error, sizeof *search);
  search->session = session;
  search->options = options;
  hdx_arena_init(&search->arena, (size_t)session->config.memory_bytes);
  status = hdx_registry_load(session, &search->registry, error);
  if (status == HDX_OK) {
    size_t count = hdx_registry_count(search->registry);
    search->buckets = calloc(count + 1, sizeof *search->buckets);
    if (!search->buckets)
      status = hdx_error_memory(error, count * sizeof *search->buckets);
  }
  if (status == HDX_OK) {
    open_all(search);
    status = conclude(search, error);
  }
  if (search->failures && status != HDX_MEMORY)
    *result = search;
  else
    hdx_search_close(search);
  return status;
}

void hdx_search_close(struct hdx_search *search) {
  if (!search)
    return;
  hdx_registry_close(search->registry);
  hdx_arena_deinit(&search->arena);
  free(search->hits);
  free(search->failures);
  free(search->buckets);
  free(search);
}

size_t hdx_search_count(const struct hdx_search *search) {
  return search->hit_count;
}

const struct hdx_search_hit *hdx_search_at(const struct hdx_search *search, size_t i) {
  return &search->hits[i].hit;
}

size_t hdx_search_failure_count(const struct hdx_search *search) {
  return search->failure_count;
}

const struct hdx_search_failure *hdx_search_failure(const struct hdx_search *search, size_t i) {
  return &search->failures[i];
}
