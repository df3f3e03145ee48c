/* The files of an array of the caller. Most locations are handed on as they are. */
#include "job/files.h"

#include <stdlib.h>

struct array {
  struct hdx_files files; /* first: the list that is handed out */
  const struct hdx_file *all;
  size_t count, at; /* files that were handed out or refused */
  struct hdx_file portion[HDX_FILES_PORTION];
};

static struct array *array_of(struct hdx_files *files) {
  return (struct array *)(void *)files;
}

static void refuse(struct array *array, const struct hdx_file *file, const char *why) {
  struct hdx_error message;
  hdx_error_set(&message, HDX_USAGE, "file %zu of %zu is left out: %s", array->at + 1, array->count, why);
  hdx_files_refuse(&array->files, file, message.message);
}

/* Empty texts may come without data. */
static struct hdx_text text_of(struct hdx_text text) {
  return text.size ? text : HDX_TEXT("");
}

/* Takes a file into the portion, unless its location names none. */
static void take(struct array *array, const struct hdx_file *given, size_t *count) {
  struct hdx_files *files = &array->files;
  struct hdx_error why;
  struct hdx_file *file = &array->portion[*count];
  *file = (struct hdx_file){.id = text_of(given->id),
                            .location = text_of(given->location),
                            .start = given->start,
                            .stop = given->stop,
                            .size = given->size < 0 ? -1 : given->size,
                            .checksum = text_of(given->checksum),
                            .checksum_algorithm = text_of(given->checksum_algorithm)};
  if (hdx_files_locate(files, files->base, file, &why) == HDX_OK)
    ++*count;
  else
    refuse(array, file, why.message);
}

static enum hdx_status next(struct hdx_files *files, const struct hdx_file **list, size_t *count,
                            struct hdx_error *error) {
  struct array *array = array_of(files);
  (void)error;
  *list = array->portion;
  *count = 0;
  hdx_arena_clear(&files->locations);
  for (; array->at < array->count && *count < HDX_FILES_PORTION; array->at++)
    take(array, &array->all[array->at], count);
  return HDX_OK;
}

static void rewind_array(struct hdx_files *files) {
  array_of(files)->at = 0;
}

static void close_array(struct hdx_files *files) {
  hdx_files_deinit(files);
  free(array_of(files));
}

/* Without a bucket, keys without a scheme are nowhere. */
static enum hdx_status check_keys(const struct array *array, struct hdx_error *error) {
  char quoted[200];
  for (size_t i = 0; i < array->count; i++) {
    struct hdx_text key = array->all[i].location;
    if (key.size && !hdx_url_like(key))
      return hdx_error_set(error, HDX_USAGE, "file %zu of %zu: %s: a key without a scheme, and no bucket is named",
                           i + 1, array->count, hdx_url_quote(key, quoted, sizeof quoted));
  }
  return HDX_OK;
}

enum hdx_status hdx_files_of_array(struct hdx_session *session, const struct hdx_file *all, size_t count,
                                   const char *bucket, struct hdx_files **files, struct hdx_error *error) {
  static const struct hdx_files_kind kind = {next, rewind_array, close_array};
  struct array *array = calloc(1, sizeof *array);
  if (!array)
    return hdx_error_memory(error, sizeof *array);
  array->all = all;
  array->count = count;
  hdx_files_init(&array->files, session, &kind);
  enum hdx_status status = bucket ? hdx_files_name_bucket(&array->files, bucket, error) : check_keys(array, error);
  if (status != HDX_OK) {
    close_array(&array->files);
    return status;
  }
  *files = &array->files;
  return HDX_OK;
}
