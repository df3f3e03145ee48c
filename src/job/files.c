#include "job/files.h"

#include "codec/hash.h"

#include <stdlib.h>

enum {
  SHARDS_MAX = 1000000,
  SOURCE_BYTES_MAX = 1 << 20,
  BUCKETS_BYTES_MAX = 4 << 20,
  LOCATIONS_BYTES_MAX = 2 * HDX_FILES_PORTION * (HDX_URL_BYTES_MAX + 1) /* chunks are not filled to their ends */
};

void hdx_files_init(struct hdx_files *files, struct hdx_session *session, const struct hdx_files_kind *kind) {
  files->kind = kind;
  files->session = session;
  hdx_arena_init(&files->locations, LOCATIONS_BYTES_MAX);
  hdx_buffer_init(&files->work, 3 * HDX_URL_BYTES_MAX); /* base, slash, and what is kept of a key */
  hdx_arena_init(&files->arena, SOURCE_BYTES_MAX);
  hdx_arena_init(&files->bucket_arena, BUCKETS_BYTES_MAX);
}

void hdx_files_deinit(struct hdx_files *files) {
  hdx_catalog_close(files->catalog);
  hdx_arena_deinit(&files->locations);
  hdx_buffer_deinit(&files->work);
  hdx_arena_deinit(&files->arena);
  hdx_arena_deinit(&files->bucket_arena);
  free(files->buckets);
}

void hdx_files_close(struct hdx_files *files) {
  if (files)
    files->kind->close(files);
}

void hdx_files_refuse(struct hdx_files *files, const struct hdx_file *file, const char *message) {
  if (++files->refused_count > files->refused_told && files->refused)
    files->refused(files->refused_user, file, message);
}

void hdx_files_on_refused(struct hdx_files *files,
                          void (*refused)(void *user, const struct hdx_file *file, const char *message), void *user) {
  files->refused = refused;
  files->refused_user = user;
}

/* ---- portions ---- */

enum hdx_status hdx_files_shard(struct hdx_files *files, uint32_t number, uint32_t count, struct hdx_error *error) {
  if (files->planned)
    return hdx_error_set(error, HDX_USAGE, "the list is of a plan, which was cut into shards before");
  if (number < 1 || number > count || count > SHARDS_MAX)
    return hdx_error_set(error, HDX_USAGE, "shard %u of %u: expected 1 to %d shards, counted from 1", number, count,
                         SHARDS_MAX);
  files->shard = number;
  files->shard_count = count;
  return HDX_OK;
}

bool hdx_files_in_shard(const struct hdx_files *files, struct hdx_text location) {
  if (files->planned)
    return !files->foreign;
  return !files->shard || hdx_hash(location.data, location.size) % files->shard_count == files->shard - 1;
}

enum hdx_status hdx_files_next(struct hdx_files *files, const struct hdx_file **list, size_t *count,
                               struct hdx_error *error) {
  const struct hdx_file *all = NULL;
  size_t all_count = 0, kept = 0;
  bool choose = files->shard && !files->other_shards;
  do {
    if (hdx_session_cancelled(files->session))
      return hdx_error_set(error, HDX_INTERRUPTED, "interrupted");
    enum hdx_status status = files->kind->next(files, &all, &all_count, error);
    if (status != HDX_OK)
      return status;
    for (size_t i = 0; choose && i < all_count; i++)
      if (hdx_files_in_shard(files, all[i].location))
        files->kept[kept++] = all[i];
  } while (choose && all_count && !kept);
  *list = choose ? files->kept : all;
  *count = choose ? kept : all_count;
  return HDX_OK;
}

void hdx_files_rewind(struct hdx_files *files) {
  files->refused_count = 0;
  files->kind->rewind(files);
}

void hdx_files_left(struct hdx_files *files, uint64_t after,
                    void (*visit)(void *user, const struct hdx_file *file, uint64_t number), void *user) {
  const struct hdx_file *list;
  size_t count = 0;
  uint64_t number = 0;
  files->refused_told = files->refused_count;
  files->session->heedless = true; /* what is at hand is not worth interrupting */
  hdx_files_rewind(files);
  while (hdx_files_next(files, &list, &count, NULL) == HDX_OK && count)
    for (size_t i = 0; i < count; i++)
      if (++number > after)
        visit(user, &list[i], number);
  hdx_files_rewind(files);
  files->refused_told = 0;
  files->session->heedless = false;
}

enum hdx_status hdx_files_count(struct hdx_files *files, struct hdx_files_totals *totals, struct hdx_error *error) {
  void (*refused)(void *, const struct hdx_file *, const char *) = files->refused;
  struct hdx_files_totals sum = {0};
  const struct hdx_file *list;
  size_t count = 0;
  enum hdx_status status;
  files->refused = NULL; /* they are told when the list is gone through */
  hdx_files_rewind(files);
  while ((status = hdx_files_next(files, &list, &count, error)) == HDX_OK && count) {
    sum.files += count;
    for (size_t i = 0; i < count; i++) {
      sum.unsized += list[i].size < 0;
      if (list[i].size > 0 && __builtin_add_overflow(sum.bytes, (uint64_t)list[i].size, &sum.bytes))
        sum.bytes = UINT64_MAX;
    }
  }
  sum.refused = files->refused_count;
  hdx_files_rewind(files);
  files->refused = refused;
  if (status == HDX_OK)
    *totals = sum;
  return status;
}
