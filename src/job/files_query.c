/* The rows of a query as files. Most keys are locations already and are handed on as they are; a portion never reaches
 * beyond the batch that its texts point into. */
#include "job/files.h"
#include "job/query.h"

#include <stdlib.h>

struct rows {
  struct hdx_files files; /* first: the list that is handed out */
  struct hdx_query *query;
  size_t checksum, algorithm; /* extra columns; SIZE_MAX: there is none */
  struct hdx_batch batch;
  size_t at; /* rows of the batch that were handed out */
  struct hdx_file portion[HDX_FILES_PORTION];
};

static struct rows *rows_of(struct hdx_files *files) {
  return (struct rows *)(void *)files;
}

static size_t find_column(const struct hdx_query *query, const char *name) {
  for (size_t i = 0; i < query->info.extra_count; i++)
    if (hdx_text_is(query->info.extra_names[i], name))
      return i;
  return SIZE_MAX;
}

static struct hdx_text extra(const struct rows *rows, size_t column, size_t row) {
  return column == SIZE_MAX ? HDX_TEXT("") : rows->batch.extra[column][row];
}

static void refuse(struct rows *rows, const struct hdx_file *file, const char *why) {
  struct hdx_error message;
  hdx_error_set(&message, HDX_USAGE, "%.*s: a row is left out: %s", HDX_TEXT_ARG(file->id), why);
  hdx_files_refuse(&rows->files, file, message.message);
}

/* Rows that fill the portion, or all that are left of the batch. */
static size_t take_rows(struct rows *rows) {
  const struct hdx_batch *batch = &rows->batch;
  size_t count = 0;
  hdx_arena_clear(&rows->files.locations);
  for (; rows->at < batch->count && count < HDX_FILES_PORTION; rows->at++) {
    size_t i = rows->at;
    uint32_t dataset = batch->dataset ? batch->dataset[i] : 0;
    struct hdx_error why;
    struct hdx_file *file = &rows->portion[count];
    *file = (struct hdx_file){.id = rows->query->parts[dataset].id,
                              .location = batch->key[i],
                              .start = batch->start[i],
                              .stop = batch->stop[i],
                              .size = batch->size[i],
                              .checksum = extra(rows, rows->checksum, i),
                              .checksum_algorithm = extra(rows, rows->algorithm, i)};
    if (hdx_files_locate(&rows->files, hdx_query_base(rows->query, dataset), file, &why) == HDX_OK)
      count++;
    else
      refuse(rows, file, why.message);
  }
  return count;
}

static enum hdx_status next(struct hdx_files *files, const struct hdx_file **list, size_t *count,
                            struct hdx_error *error) {
  struct rows *rows = rows_of(files);
  *list = rows->portion;
  do {
    if (rows->at == rows->batch.count) {
      rows->at = 0;
      enum hdx_status status = hdx_query_next(rows->query, &rows->batch, error);
      if (status != HDX_OK) {
        rows->batch.count = 0;
        return status;
      }
    }
    *count = take_rows(rows);
  } while (*count == 0 && rows->batch.count);
  return HDX_OK;
}

static void rewind_rows(struct hdx_files *files) {
  struct rows *rows = rows_of(files);
  bool checksums = rows->checksum != SIZE_MAX;
  rows->batch = (struct hdx_batch){0};
  rows->at = 0;
  hdx_query_begin(rows->query, HDX_COLUMN_SIZE | HDX_COLUMN_KEY | (checksums ? HDX_COLUMN_EXTRA : 0u));
}

static void close_rows(struct hdx_files *files) {
  struct rows *rows = rows_of(files);
  hdx_query_begin(rows->query, HDX_COLUMN_ALL); /* it is its owner's again */
  hdx_files_deinit(files);
  free(rows);
}

static const struct hdx_files_kind kind = {next, rewind_rows, close_rows};

const struct hdx_query *hdx_files_query(const struct hdx_files *files) {
  return files->kind == &kind ? ((const struct rows *)(const void *)files)->query : NULL;
}

enum hdx_status hdx_files_of_query(struct hdx_session *session, struct hdx_query *query, struct hdx_files **files,
                                   struct hdx_error *error) {
  struct rows *rows = calloc(1, sizeof *rows);
  if (!rows)
    return hdx_error_memory(error, sizeof *rows);
  hdx_files_init(&rows->files, session, &kind);
  rows->query = query;
  rows->checksum = find_column(query, "checksum");
  rows->algorithm = rows->checksum == SIZE_MAX ? SIZE_MAX : find_column(query, "checksum_algorithm");
  rows->files.incomplete = query->info.failure_count || query->info.incomplete_years || query->dropped;
  rows->files.remote = query->source.scheme != HDX_SCHEME_FILE;
  rows->files.source = &query->source;
  /* Without the network nothing is located. */
  enum hdx_status status = session->config.offline ? HDX_OK : hdx_query_source(query, &rows->files.source, error);
  if (status != HDX_OK) {
    close_rows(&rows->files);
    return status;
  }
  rewind_rows(&rows->files);
  *files = &rows->files;
  return HDX_OK;
}
