/* What the store holds: described, checked, removed. */
#include "job/index.h"

#include <stdlib.h>
#include <sys/stat.h>

/* The reader whose texts the description borrows goes with it. */
struct held {
  struct hdx_snapshot_info info;
  struct hdx_reader *reader;
  char *path;
};

/* Years are as recent as the snapshot's time of last change says. */
static void fill(struct held *held, struct hdx_year *years) {
  held->info = *hdx_reader_info(held->reader);
  held->info.path = held->path;
  int64_t confirmed = hdx_dataset_confirmed(held->path);
  for (size_t i = 0; i < held->info.year_count; i++) {
    years[i] = held->info.years[i];
    if (years[i].state != HDX_YEAR_STALE && years[i].state != HDX_YEAR_FAILED && years[i].checked_at < confirmed)
      years[i].checked_at = confirmed;
  }
  held->info.years = years;
}

/* `source` NULL: whatever the snapshot is of. */
static enum hdx_status describe(const char *path, const struct hdx_source *source, struct hdx_text id,
                                struct held **result, struct hdx_error *error) {
  struct held *held = calloc(1, sizeof *held);
  struct hdx_year *years = NULL;
  if (!held || !(held->path = hdx_text_dup(hdx_text_of(path)))) {
    free(held);
    return hdx_error_memory(error, sizeof *held);
  }
  enum hdx_status status = source ? hdx_dataset_open(path, source, id, &held->reader, error)
                                  : hdx_reader_open(path, HDX_TEXT(""), &held->reader, error);
  if (status == HDX_OK) {
    size_t count = hdx_reader_info(held->reader)->year_count;
    years = calloc(count ? count : 1, sizeof *years);
    if (!years)
      status = hdx_error_memory(error, count * sizeof *years);
  }
  if (status != HDX_OK) {
    hdx_reader_close(held->reader);
    free(held->path);
    free(held);
    return status;
  }
  fill(held, years);
  *result = held;
  return HDX_OK;
}

void hdx_snapshot_info_free(struct hdx_snapshot_info *info) {
  struct held *held = (struct held *)info;
  if (!held)
    return;
  free((struct hdx_year *)held->info.years);
  hdx_reader_close(held->reader);
  free(held->path);
  free(held);
}

enum hdx_status hdx_snapshot_columns(const struct hdx_snapshot_info *info, struct hdx_column_info **columns,
                                     size_t *count, struct hdx_error *error) {
  const struct hdx_reader *reader = ((const struct held *)info)->reader;
  if (!reader)
    return hdx_error_set(error, HDX_INTEGRITY, "%s: it cannot be read", info->path);
  return hdx_reader_columns(reader, columns, count, error);
}

static enum hdx_status path_of(struct hdx_session *session, const struct hdx_source *source, struct hdx_text id,
                               struct hdx_buffer *path, struct hdx_error *error) {
  hdx_store_snapshot_path(&session->store, source->folder, id, path);
  return hdx_buffer_status(path, "the path of the snapshot", error);
}

enum hdx_status hdx_snapshot_info(struct hdx_session *session, const char *bucket, const char *id,
                                  struct hdx_snapshot_info **info, struct hdx_error *error) {
  struct hdx_arena arena;
  struct hdx_source source;
  struct hdx_buffer path;
  struct held *held = NULL;
  if (!hdx_dataset_id(hdx_text_of(id)))
    return hdx_error_set(error, HDX_NOT_FOUND, "%s: not the id of a dataset", id);
  hdx_arena_init(&arena, 1 << 20);
  hdx_buffer_init(&path, HDX_URL_BYTES_MAX);
  enum hdx_status status = hdx_session_source(session, bucket, &arena, &source, error);
  if (status == HDX_OK)
    status = path_of(session, &source, hdx_text_of(id), &path, error);
  if (status == HDX_OK)
    status = describe(hdx_buffer_string(&path), &source, hdx_text_of(id), &held, error);
  hdx_buffer_deinit(&path);
  hdx_arena_deinit(&arena);
  if (status == HDX_OK)
    *info = &held->info;
  return status;
}

/* A snapshot that was put in the place of another: queries refuse it. */
static enum hdx_status check_name(const struct held *held, struct hdx_error *error) {
  struct hdx_buffer name;
  hdx_buffer_init(&name, HDX_URL_BYTES_MAX);
  hdx_store_snapshot_path(&(struct hdx_store){(char *)""}, HDX_TEXT(""), held->info.id, &name);
  const char *expected = strrchr(hdx_buffer_string(&name), '/'), *found = strrchr(held->path, '/');
  enum hdx_status status = hdx_buffer_status(&name, "the name of the snapshot", error);
  if (status == HDX_OK && strcmp(expected, found ? found : held->path) != 0)
    status =
        hdx_error_set(error, HDX_INTEGRITY, "%s: it is the snapshot of %.*s", held->path, HDX_TEXT_ARG(held->info.id));
  hdx_buffer_deinit(&name);
  return status;
}

struct visitor {
  void (*visit)(void *user, const struct hdx_snapshot_info *info, const struct hdx_error *error);
  void *user;
  bool deep;
  enum hdx_status status;
  struct hdx_error first;
};

static void on_path(void *user, const char *path) {
  struct visitor *visitor = user;
  struct hdx_error error;
  struct held *held = NULL;
  enum hdx_status status = describe(path, NULL, HDX_TEXT(""), &held, &error);
  if (status == HDX_OK)
    status = check_name(held, &error);
  if (status == HDX_OK && visitor->deep)
    status = hdx_reader_verify(held->reader, &error);
  const struct held bare = {.info = {.path = path}};
  visitor->visit(visitor->user, held ? &held->info : &bare.info, status == HDX_OK ? NULL : &error);
  if (status != HDX_OK && visitor->status == HDX_OK)
    visitor->first = error;
  visitor->status = hdx_status_graver(visitor->status, status);
  hdx_snapshot_info_free(held ? &held->info : NULL);
}

/* Calls on_path for the ids of a source, or reports what is not held. */
static enum hdx_status visit_ids(struct hdx_session *session, const struct hdx_source *source, const char *const *ids,
                                 size_t count, struct visitor *visitor, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  for (size_t i = 0; i < count && status == HDX_OK; i++) {
    struct hdx_buffer path;
    struct stat file;
    hdx_buffer_init(&path, HDX_URL_BYTES_MAX);
    if (!hdx_dataset_id(hdx_text_of(ids[i])))
      status = hdx_error_set(error, HDX_NOT_FOUND, "%s: not the id of a dataset", ids[i]);
    else
      status = path_of(session, source, hdx_text_of(ids[i]), &path, error);
    if (status == HDX_OK && stat(hdx_buffer_string(&path), &file) != 0)
      status = hdx_error_set(error, HDX_NOT_FOUND, "%s%s: nothing is held of it", source->url.data, ids[i]);
    if (status == HDX_OK)
      on_path(visitor, hdx_buffer_string(&path));
    hdx_buffer_deinit(&path);
  }
  return status;
}

enum hdx_status
hdx_store_visit(struct hdx_session *session, const char *bucket, const char *const *ids, size_t id_count, bool deep,
                void (*visit)(void *user, const struct hdx_snapshot_info *info, const struct hdx_error *error),
                void *user, struct hdx_error *error) {
  struct visitor visitor = {.visit = visit, .user = user, .deep = deep};
  struct hdx_arena arena;
  struct hdx_source source = {0};
  enum hdx_status status = HDX_OK;
  hdx_arena_init(&arena, 1 << 20);
  if (bucket)
    status = hdx_session_source(session, bucket, &arena, &source, error);
  if (status == HDX_OK && bucket && id_count)
    status = visit_ids(session, &source, ids, id_count, &visitor, error);
  else if (status == HDX_OK)
    status = hdx_store_walk(&session->store, source.folder, on_path, &visitor, error);
  hdx_arena_deinit(&arena);
  if (status == HDX_OK && visitor.status != HDX_OK)
    return hdx_error_set(error, visitor.status, "%s", visitor.first.message);
  return status;
}

enum hdx_status hdx_store_remove(struct hdx_session *session, const char *bucket, const char *const *ids,
                                 size_t id_count, uint64_t *removed, struct hdx_error *error) {
  struct hdx_arena arena;
  struct hdx_source source = {0};
  uint64_t sum = 0, count = 0;
  enum hdx_status status = HDX_OK;
  hdx_arena_init(&arena, 1 << 20);
  if (bucket)
    status = hdx_session_source(session, bucket, &arena, &source, error);
  for (size_t i = 0; bucket && i < id_count && status == HDX_OK; i++) {
    if (!hdx_dataset_id(hdx_text_of(ids[i])))
      status = hdx_error_set(error, HDX_NOT_FOUND, "%s: not the id of a dataset", ids[i]);
    else
      status = hdx_store_remove_files(&session->store, source.folder, hdx_text_of(ids[i]), &count, error);
    sum += status == HDX_OK ? count : 0;
  }
  if (status == HDX_OK && !(bucket && id_count))
    status = hdx_store_remove_files(&session->store, source.folder, HDX_TEXT(""), &sum, error);
  hdx_arena_deinit(&arena);
  if (removed)
    *removed = sum;
  return status;
}
