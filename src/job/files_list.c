/* Lists that were written to files. What is held of them is the bytes of a portion, and of a record that is longer. */
#include "job/files.h"
#include "parse/file_list.h"

#include <stdlib.h>

enum { STEP_BYTES = 256 << 10 };

struct list {
  struct hdx_files files; /* first: the list that is handed out */
  struct hdx_input own;
  const struct hdx_input *input;
  struct hdx_file_list rows;
  struct hdx_files_part part; /* which bytes of the input are the list */
  uint64_t offset, end;       /* of what is read next; of the stretch that is read: before, in or behind the part */
  enum { BEFORE, WITHIN, BEHIND } stretch;
  char *data; /* read ahead */
  size_t size, capacity, at;
  bool last; /* nothing comes behind the data */
  struct hdx_file portion[HDX_FILES_PORTION];
};

static struct list *list_of(struct hdx_files *files) {
  return (struct list *)(void *)files;
}

/* Reads on behind what is left of the data. */
static enum hdx_status read_on(struct list *list, struct hdx_error *error) {
  if (list->at)
    memmove(list->data, list->data + list->at, list->size - list->at);
  list->size -= list->at;
  list->at = 0;
  if (list->capacity - list->size < STEP_BYTES) { /* bounded, as longer records are refused */
    size_t capacity = list->size + STEP_BYTES;
    char *data = realloc(list->data, capacity);
    if (!data)
      return hdx_error_memory(error, capacity);
    list->data = data;
    list->capacity = capacity;
  }
  uint64_t left = list->end - list->offset;
  size_t room = list->capacity - list->size, got = 0;
  room = room < left ? room : (size_t)left;
  enum hdx_status status =
      room ? hdx_input_read(list->input, list->offset, list->data + list->size, room, &got, error) : HDX_OK;
  list->size += got;
  list->offset += got;
  list->last = got == 0;
  return status;
}

static void refuse(struct list *list, const struct hdx_file *file, uint64_t line, const char *why) {
  struct hdx_error message;
  if (list->files.foreign) /* its own shard says so */
    return;
  hdx_error_set(&message, HDX_USAGE, "%s: line %llu is left out: %s", list->rows.name, (unsigned long long)line, why);
  hdx_files_refuse(&list->files, file, message.message);
}

struct hdx_file hdx_file_of_row(const struct hdx_list_row *row) {
  return (struct hdx_file){.id = row->id,
                           .location = row->key,
                           .start = row->start,
                           .stop = row->stop,
                           .size = row->size,
                           .checksum = row->checksum,
                           .checksum_algorithm = row->checksum_algorithm};
}

/* Takes a row into the portion, unless it names no file. */
static enum hdx_status take(struct list *list, const struct hdx_list_row *row, size_t *count, struct hdx_error *error) {
  struct hdx_files *files = &list->files;
  struct hdx_error why;
  char quoted[200];
  if (!files->base.size && !hdx_url_like(row->key))
    return hdx_error_set(error, HDX_USAGE, "%s: line %llu: %s: a key without a scheme, and no bucket is named",
                         list->rows.name, (unsigned long long)row->line,
                         hdx_url_quote(row->key, quoted, sizeof quoted));
  struct hdx_file *file = &list->portion[*count];
  *file = hdx_file_of_row(row);
  if (hdx_files_locate(files, files->base, file, &why) == HDX_OK)
    ++*count;
  else
    refuse(list, file, row->line, why.message);
  return HDX_OK;
}

/* Rows of the data that is there. */
static enum hdx_status take_rows(struct list *list, size_t *count, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  bool found = true;
  while (status == HDX_OK && found && *count < HDX_FILES_PORTION) {
    struct hdx_list_row row;
    size_t used;
    struct hdx_text rest = {list->data + list->at, list->size - list->at};
    status = hdx_file_list_next(&list->rows, rest, list->last, &used, &row, &found, error);
    if (status != HDX_OK)
      break;
    list->at += used;
    if (found)
      status = take(list, &row, count, error);
  }
  return status;
}

static void begin_stretch(struct list *list, int stretch, uint64_t from, uint64_t to, uint64_t line) {
  hdx_file_list_rewind(&list->rows);
  list->stretch = stretch;
  list->files.foreign = stretch != WITHIN;
  list->rows.line = line;
  list->offset = from;
  list->end = to;
  list->size = list->at = 0;
  list->last = false;
}

/* Goes on with the shards behind, if they are wanted. */
static bool next_stretch(struct list *list) {
  if (!list->files.other_shards || list->stretch == BEHIND)
    return false;
  if (list->stretch == BEFORE)
    begin_stretch(list, WITHIN, list->part.from, list->part.to, list->part.line);
  else
    begin_stretch(list, BEHIND, list->part.to, list->part.all_to, list->rows.line);
  return true;
}

static enum hdx_status next(struct hdx_files *files, const struct hdx_file **portion, size_t *count,
                            struct hdx_error *error) {
  struct list *list = list_of(files);
  enum hdx_status status = HDX_OK;
  *portion = list->portion;
  *count = 0;
  hdx_file_list_forget(&list->rows);
  hdx_arena_clear(&files->locations);
  for (;;) {
    status = list->size ? take_rows(list, count, error) : HDX_OK;
    if (status != HDX_OK || *count || (list->last && !next_stretch(list)))
      return status;
    status = read_on(list, error);
    if (status != HDX_OK)
      return status;
  }
}

static void rewind_list(struct hdx_files *files) {
  struct list *list = list_of(files);
  if (files->other_shards)
    begin_stretch(list, BEFORE, list->part.all_from, list->part.from, list->part.all_line);
  else
    begin_stretch(list, WITHIN, list->part.from, list->part.to, list->part.line);
}

static void close_list(struct hdx_files *files) {
  struct list *list = list_of(files);
  hdx_file_list_deinit(&list->rows);
  hdx_input_close(&list->own);
  hdx_files_deinit(files);
  free(list->data);
  free(list);
}

/* Takes the input over, unless it is the part's. */
static enum hdx_status open_list(struct hdx_session *session, struct hdx_input *own, const struct hdx_files_part *part,
                                 const char *bucket, bool nul, struct hdx_files **files, struct hdx_error *error) {
  static const struct hdx_files_kind kind = {next, rewind_list, close_list};
  struct list *list = calloc(1, sizeof *list);
  if (!list) {
    hdx_input_close(own);
    return hdx_error_memory(error, sizeof *list);
  }
  list->own = *own;
  list->input = part->input ? part->input : &list->own;
  list->part = *part;
  hdx_files_init(&list->files, session, &kind);
  hdx_file_list_init(&list->rows, list->input->name, nul);
  enum hdx_status status = bucket ? hdx_files_name_bucket(&list->files, bucket, error) : HDX_OK;
  if (status != HDX_OK) {
    close_list(&list->files);
    return status;
  }
  rewind_list(&list->files);
  *files = &list->files;
  return HDX_OK;
}

enum hdx_status hdx_files_read(struct hdx_session *session, const char *path, const char *bucket, bool nul,
                               struct hdx_files **files, struct hdx_error *error) {
  struct hdx_input input;
  const struct hdx_files_part whole = {.to = UINT64_MAX, .line = 1, .all_to = UINT64_MAX, .all_line = 1};
  enum hdx_status status = hdx_input_open(session, path, &input, error);
  return status == HDX_OK ? open_list(session, &input, &whole, bucket, nul, files, error) : status;
}

enum hdx_status hdx_files_of_part(struct hdx_session *session, const struct hdx_files_part *part, const char *bucket,
                                  struct hdx_files **files, struct hdx_error *error) {
  struct hdx_input none = {.fd = -1};
  enum hdx_status status = open_list(session, &none, part, bucket, false, files, error);
  if (status == HDX_OK)
    (*files)->planned = true;
  return status;
}
