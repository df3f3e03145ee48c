/* Listing a bucket. Source: Amazon S3 API Reference, ListObjectsV2. */
#include "job/list.h"

#include "base/log.h"

#include <stdlib.h>

enum {
  OBJECTS_A_PAGE = 1000, /* S3 gives no more */
  EMPTY_PAGES_MAX = 100, /* one behind the other: S3 has them where much was deleted */
};

struct hdx_lister {
  struct hdx_session *session;
  struct hdx_list_request request; /* texts are its own copies */
  struct hdx_buffer body;
  struct hdx_s3_page page;
  char last[HDX_S3_KEY_BYTES_MAX], greatest[HDX_S3_KEY_BYTES_MAX]; /* key of the pages before; of the present one */
  size_t last_size, greatest_size;
  unsigned empty_pages;
  struct hdx_error strange; /* of the first key that was not asked for */
};

static void on_found(void *user, const struct hdx_s3_object *object) {
  struct hdx_lister *list = user;
  struct hdx_text greatest = {list->greatest, list->greatest_size}, prefix = list->request.prefix;
  if (!hdx_text_starts_with(object->key, prefix)) {
    if (list->strange.status == HDX_OK)
      hdx_error_set(&list->strange, HDX_INTEGRITY, "%s: expected keys that begin with '%.*s', found '%.*s'",
                    list->request.name, HDX_TEXT_ARG(prefix), HDX_TEXT_ARG(object->key));
    return;
  }
  if (hdx_text_compare(object->key, greatest) > 0) { /* no key is longer than the array */
    memcpy(list->greatest, object->key.data, object->key.size);
    list->greatest_size = object->key.size;
  }
  list->request.object(list->request.user, object);
}

/* A list that never ends is one whose pages lead nowhere. */
static enum hdx_status check_progress(struct hdx_lister *list, struct hdx_error *error) {
  bool empty = !list->page.objects && !list->page.prefixes;
  struct hdx_text last = {list->last, list->last_size}, greatest = {list->greatest, list->greatest_size};
  list->empty_pages = empty ? list->empty_pages + 1 : 0;
  if (list->page.truncated && list->empty_pages > EMPTY_PAGES_MAX)
    return hdx_error_set(error, HDX_INTEGRITY, "%s: the list does not go on: %d pages have no key", list->request.name,
                         EMPTY_PAGES_MAX);
  if (!empty && list->last_size && hdx_text_compare(greatest, last) <= 0)
    return hdx_error_set(error, HDX_INTEGRITY, "%s: the list does not go on: a page has no key behind those before",
                         list->request.name);
  memcpy(list->last, list->greatest, list->greatest_size);
  list->last_size = list->greatest_size;
  return HDX_OK;
}

static void on_begin(void *user, const struct hdx_fetch_head *head) {
  struct hdx_lister *list = user;
  (void)head;
  hdx_buffer_clear(&list->body);
}

static void on_block(void *user, struct hdx_block *block) {
  struct hdx_lister *list = user;
  hdx_buffer_append(&list->body, block->data, block->size);
  hdx_engine_release(list->session->engine, block);
}

static void free_list(struct hdx_lister *list) {
  hdx_buffer_deinit(&list->body);
  free((char *)list->request.name);
  free((char *)list->request.prefix.data);
  free((char *)list->request.start_after.data);
  free(list);
}

static void end(struct hdx_lister *list, enum hdx_status status, const struct hdx_error *error) {
  list->request.done(list->request.user, status, error);
  free_list(list);
}

static void append_parameter(struct hdx_buffer *query, const char *name, struct hdx_text value) {
  hdx_buffer_append_format(query, "%s%s=", query->size ? "&" : "", name);
  hdx_url_encode(query, value, false);
}

static enum hdx_status ask(struct hdx_lister *list, struct hdx_error *error);

static void on_done(void *user, const struct hdx_fetch_result *result) {
  struct hdx_lister *list = user;
  const struct hdx_list_request *request = &list->request;
  struct hdx_error error = {.message = ""};
  enum hdx_status status = result->status;
  if (status != HDX_OK)
    hdx_error_set(&error, status, "%s", result->message);
  else
    status = hdx_buffer_status(&list->body, request->name, &error);
  if (status == HDX_OK)
    status = hdx_s3_page_read(hdx_buffer_text(&list->body), request->name, on_found, list, &list->page, &error);
  if (status == HDX_OK && list->strange.status != HDX_OK) {
    error = list->strange;
    status = error.status;
    if (request->strange)
      request->strange(request->user, &error);
  }
  if (status == HDX_OK)
    status = check_progress(list, &error);
  bool more = status == HDX_OK && request->page(request->user, &list->page) && list->page.truncated;
  if (more)
    status = ask(list, &error);
  if (!more || status != HDX_OK)
    end(list, status, &error);
}

/* Asks for the page behind the present one. Parameters stand in the order of their names, as signatures want them. */
static enum hdx_status ask(struct hdx_lister *list, struct hdx_error *error) {
  const struct hdx_list_request *own = &list->request;
  struct hdx_buffer query;
  hdx_buffer_init(&query, 4 * HDX_URL_BYTES_MAX);
  if (list->page.token[0])
    append_parameter(&query, "continuation-token", hdx_text_of(list->page.token));
  if (own->folders)
    append_parameter(&query, "delimiter", HDX_TEXT("/"));
  append_parameter(&query, "encoding-type", HDX_TEXT("url"));
  append_parameter(&query, "list-type", HDX_TEXT("2"));
  hdx_buffer_append_format(&query, "&max-keys=%u", own->page_objects ? own->page_objects : OBJECTS_A_PAGE);
  append_parameter(&query, "prefix", own->prefix);
  if (own->start_after.size && !list->page.token[0])
    append_parameter(&query, "start-after", own->start_after);
  struct hdx_fetch_request request = {.url = own->name,
                                      .bucket = own->bucket,
                                      .key = HDX_TEXT(""),
                                      .query = hdx_buffer_string(&query),
                                      .whole = true,
                                      .optional = own->optional,
                                      .bytes_max = HDX_LIST_PAGE_BYTES_MAX,
                                      .begin = on_begin,
                                      .block = on_block,
                                      .done = on_done,
                                      .user = list};
  enum hdx_status status = hdx_buffer_status(&query, "the request of a list", error);
  if (status == HDX_OK)
    status = hdx_fetch(list->session->engine, &request, error);
  hdx_buffer_deinit(&query);
  return status;
}

enum hdx_status hdx_list_start(struct hdx_session *session, const struct hdx_list_request *request,
                               struct hdx_error *error) {
  struct hdx_lister *list = calloc(1, sizeof *list);
  if (!list)
    return hdx_error_memory(error, sizeof *list);
  list->session = session;
  list->request = *request;
  list->request.name = hdx_text_dup(hdx_text_of(request->name));
  list->request.prefix.data = hdx_text_dup(request->prefix);
  list->request.start_after.data = hdx_text_dup(request->start_after);
  hdx_buffer_init(&list->body, HDX_LIST_PAGE_BYTES_MAX);
  bool copied = list->request.name && list->request.prefix.data && list->request.start_after.data;
  enum hdx_status status = copied ? ask(list, error) : hdx_error_memory(error, request->prefix.size);
  if (status != HDX_OK)
    free_list(list);
  return status;
}

/* ---- for the caller of the library ---- */

struct listing {
  struct hdx_session *session;
  const struct hdx_list_options *options;
  /* A page has its objects in order and its folders in order, but apart: they are told together, sorted. */
  struct hdx_object page[OBJECTS_A_PAGE];
  size_t page_count;
  struct hdx_arena arena; /* of the page's texts */
  uint64_t count, started_ns;
  struct hdx_progress progress;
  bool done;
  enum hdx_status status;
  struct hdx_error *error;
};

static bool full(const struct listing *listing) {
  return listing->options->limit && listing->count >= listing->options->limit;
}

static void on_object(void *user, const struct hdx_s3_object *found) {
  struct listing *listing = user;
  struct hdx_object object = {.key = hdx_arena_copy(&listing->arena, found->key),
                              .folder = found->prefix,
                              .size = -1,
                              .modified = HDX_TIME_NONE,
                              .etag = HDX_TEXT("")};
  if (!found->prefix) {
    object.size = (int64_t)found->size;
    object.modified = found->modified;
    object.etag = hdx_arena_copy(&listing->arena, found->etag);
  }
  if (!object.key.data || !object.etag.data)
    listing->status = hdx_error_memory(listing->error, found->key.size);
  else if (listing->page_count == OBJECTS_A_PAGE)
    listing->status =
        hdx_error_set(listing->error, HDX_INTEGRITY, "a page of a list has more than %d objects", (int)OBJECTS_A_PAGE);
  else
    listing->page[listing->page_count++] = object;
}

static int by_key(const void *a, const void *b) {
  return hdx_text_compare(((const struct hdx_object *)a)->key, ((const struct hdx_object *)b)->key);
}

static void tell_page(struct listing *listing) {
  qsort(listing->page, listing->page_count, sizeof *listing->page, by_key);
  for (size_t i = 0; i < listing->page_count && !full(listing); i++) {
    listing->count++;
    listing->options->object(listing->options->user, &listing->page[i]);
  }
  listing->page_count = 0;
  hdx_arena_clear(&listing->arena);
}

static bool on_page(void *user, const struct hdx_s3_page *page) {
  struct listing *listing = user;
  const struct hdx_config *config = &listing->session->config;
  struct hdx_engine_totals totals;
  (void)page;
  if (listing->status != HDX_OK)
    return false;
  tell_page(listing);
  hdx_engine_totals(listing->session->engine, &totals);
  listing->progress.objects = listing->count;
  listing->progress.bytes = totals.bytes;
  listing->progress.requests_done = totals.finished;
  listing->progress.elapsed_ns = uv_hrtime() - listing->started_ns;
  if (config->progress)
    config->progress(config->progress_user, &listing->progress);
  return !full(listing) && !hdx_session_cancelled(listing->session);
}

static void on_listed(void *user, enum hdx_status status, const struct hdx_error *error) {
  struct listing *listing = user;
  listing->done = true;
  if (status != HDX_OK && listing->status == HDX_OK)
    listing->status = hdx_error_set(listing->error, status, "%s", error->message);
}

/* The bucket that a location is in, and the beginning of keys that it names. */
static enum hdx_status find(struct hdx_session *session, const char *location, struct hdx_arena *arena,
                            struct hdx_address *address, struct hdx_error *error) {
  struct hdx_text text = hdx_text_of(location), scheme = hdx_text_sub(text, 0, text.size < 5 ? text.size : 5);
  struct hdx_text prefix = HDX_TEXT("");
  struct hdx_source source;
  struct hdx_buffer bucket;
  hdx_buffer_init(&bucket, HDX_URL_BYTES_MAX);
  bool object = hdx_text_equal_nocase(scheme, HDX_TEXT("s3://")) || hdx_text_equal_nocase(scheme, HDX_TEXT("gs://"));
  const char *slash = strchr(location + (object ? scheme.size : 0), '/');
  /* Without a scheme, BUCKET/PREFIX is what AWS's own tool takes. */
  bool bare = slash && hdx_bucket_kind(hdx_text_sub(text, 0, (size_t)(slash - location))) == HDX_BUCKET_NAME;
  if (slash && (object || bare)) {
    prefix = hdx_text_of(slash + 1);
    text.size = (size_t)(slash + 1 - location);
  }
  hdx_buffer_append_text(&bucket, text);
  enum hdx_status status = hdx_buffer_status(&bucket, "location", error);
  if (status == HDX_OK)
    status = hdx_session_source(session, hdx_buffer_string(&bucket), arena, &source, error);
  hdx_buffer_clear(&bucket);
  if (status == HDX_OK && source.scheme != HDX_SCHEME_S3)
    status = hdx_error_set(error, HDX_USAGE, "%s: only buckets of S3 can be listed", location);
  if (status == HDX_OK) {
    hdx_buffer_append_text(&bucket, source.url);
    hdx_buffer_append_text(&bucket, prefix);
    status = hdx_source_locate(&source, hdx_buffer_text(&bucket), HDX_TEXT(""), true, address, error);
  }
  if (status == HDX_OK && !address->object.size)
    status = hdx_error_set(error, HDX_USAGE, "%s: it is mapped to %s, which cannot be listed", location,
                           hdx_buffer_string(&address->url));
  hdx_buffer_deinit(&bucket);
  return status;
}

static enum hdx_status list_all(struct listing *listing, const struct hdx_target *target, const char *location,
                                struct hdx_error *error) {
  const struct hdx_list_options *options = listing->options;
  uint64_t limit = options->limit;
  const struct hdx_list_request request = {.bucket = target->bucket,
                                           .name = location,
                                           .prefix = target->key,
                                           .start_after = hdx_text_of(options->start_after),
                                           .folders = !options->recursive,
                                           .page_objects = limit && limit < OBJECTS_A_PAGE ? (uint32_t)limit : 0,
                                           .object = on_object,
                                           .page = on_page,
                                           .done = on_listed,
                                           .user = listing};
  hdx_engine_forgive(listing->session->engine);
  enum hdx_status status = hdx_list_start(listing->session, &request, error);
  if (status != HDX_OK)
    return status;
  hdx_session_run(listing->session, &listing->done);
  if (listing->status != HDX_OK)
    return listing->status;
  if (hdx_session_cancelled(listing->session))
    return hdx_error_set(error, HDX_INTERRUPTED, "interrupted");
  return listing->count ? HDX_OK : hdx_error_set(error, HDX_EMPTY, "%s: no key begins with it", location);
}

void hdx_list_options_init(struct hdx_list_options *options) {
  *options = (struct hdx_list_options){.recursive = false};
}

enum hdx_status hdx_list(struct hdx_session *session, const char *location, const struct hdx_list_options *options,
                         uint64_t *count, struct hdx_error *error) {
  struct listing *listing = calloc(1, sizeof *listing);
  struct hdx_error ignored;
  struct hdx_target target = {0};
  struct hdx_address address;
  struct hdx_arena arena;
  if (!listing)
    return hdx_error_memory(error, sizeof *listing);
  listing->session = session;
  listing->options = options;
  listing->started_ns = uv_hrtime();
  listing->error = error ? error : &ignored;
  hdx_arena_init(&listing->arena, SIZE_MAX);
  hdx_address_init(&address);
  hdx_arena_init(&arena, 1 << 20);
  enum hdx_status status = hdx_session_online(session, error);
  if (status == HDX_OK)
    status = find(session, location, &arena, &address, error);
  if (status == HDX_OK)
    status = hdx_session_target(session, &address, &target, error);
  if (status == HDX_OK)
    status = list_all(listing, &target, location, error);
  if (count)
    *count = listing->count;
  hdx_target_deinit(&target);
  hdx_address_deinit(&address);
  hdx_arena_deinit(&arena);
  hdx_arena_deinit(&listing->arena);
  free(listing);
  return status;
}
