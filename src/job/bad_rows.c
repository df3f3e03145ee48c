#include "job/bad_rows.h"

#include "base/error.h"

#include <stdlib.h>

/* Places in the spool: at least half of what is held is written at once, so there are few. */
struct hdx_spooled {
  uint64_t offset;
  size_t size;
};

/* As it is held: this, then the reason without its NUL. */
struct head {
  uint64_t line, byte;
  uint32_t column, reason_size;
};

enum hdx_status hdx_spool_open(struct hdx_spool *spool, const char *path, struct hdx_error *error) {
  atomic_init(&spool->end, 0);
  return hdx_temp_create(path, &spool->file, error);
}

void hdx_spool_close(struct hdx_spool *spool) {
  hdx_temp_abandon(&spool->file);
}

void hdx_bad_rows_init(struct hdx_bad_rows *rows) {
  *rows = (struct hdx_bad_rows){0};
  hdx_buffer_init(&rows->held, HDX_BAD_ROWS_HELD_BYTES);
}

void hdx_bad_rows_deinit(struct hdx_bad_rows *rows) {
  hdx_buffer_deinit(&rows->held);
  free(rows->spooled);
}

void hdx_bad_rows_clear(struct hdx_bad_rows *rows) {
  hdx_bad_rows_deinit(rows);
  hdx_bad_rows_init(rows);
}

static enum hdx_status spool_held(struct hdx_bad_rows *rows, struct hdx_spool *spool, struct hdx_error *error) {
  if (rows->count == rows->capacity) {
    size_t capacity = rows->capacity * 2 + 16;
    struct hdx_spooled *spooled = realloc(rows->spooled, capacity * sizeof *spooled);
    if (!spooled)
      return hdx_error_memory(error, capacity * sizeof *spooled);
    rows->spooled = spooled;
    rows->capacity = capacity;
  }
  struct hdx_text held = hdx_buffer_text(&rows->held);
  uint64_t offset = atomic_fetch_add(&spool->end, held.size);
  enum hdx_status status = hdx_file_write_at(spool->file.fd, spool->file.path, held.data, held.size, offset, error);
  if (status != HDX_OK)
    return status;
  rows->spooled[rows->count++] = (struct hdx_spooled){.offset = offset, .size = held.size};
  hdx_buffer_clear(&rows->held);
  return HDX_OK;
}

enum hdx_status hdx_bad_rows_add(struct hdx_bad_rows *rows, struct hdx_spool *spool,
                                 const struct hdx_csv_bad_row *bad_row, struct hdx_error *error) {
  struct head head = {.line = bad_row->line, .byte = bad_row->byte, .column = bad_row->column};
  head.reason_size = (uint32_t)strnlen(bad_row->reason, sizeof bad_row->reason - 1);
  if (rows->held.size + sizeof head + head.reason_size > HDX_BAD_ROWS_HELD_BYTES) {
    enum hdx_status status = spool_held(rows, spool, error);
    if (status != HDX_OK)
      return status;
  }
  hdx_buffer_append(&rows->held, &head, sizeof head);
  hdx_buffer_append(&rows->held, bad_row->reason, head.reason_size);
  return hdx_buffer_status(&rows->held, "bad rows", error);
}

static void visit_part(const char *data, size_t size, void (*visit)(void *user, const struct hdx_csv_bad_row *bad_row),
                       void *user) {
  for (const char *end = data + size; data < end;) {
    struct hdx_csv_bad_row bad_row;
    struct head head;
    memcpy(&head, data, sizeof head);
    data += sizeof head;
    bad_row = (struct hdx_csv_bad_row){.line = head.line, .byte = head.byte, .column = head.column};
    memcpy(bad_row.reason, data, head.reason_size);
    data += head.reason_size;
    visit(user, &bad_row);
  }
}

enum hdx_status hdx_bad_rows_visit(const struct hdx_bad_rows *rows, const struct hdx_spool *spool,
                                   void (*visit)(void *user, const struct hdx_csv_bad_row *bad_row), void *user,
                                   struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  char *part = rows->count ? malloc(HDX_BAD_ROWS_HELD_BYTES) : NULL;
  if (rows->count && !part)
    return hdx_error_memory(error, HDX_BAD_ROWS_HELD_BYTES);
  for (size_t i = 0; i < rows->count && status == HDX_OK; i++) {
    const struct hdx_spooled *at = &rows->spooled[i];
    status = hdx_file_read_at(spool->file.fd, spool->file.path, part, at->size, at->offset, error);
    if (status == HDX_OK)
      visit_part(part, at->size, visit, user);
  }
  free(part);
  if (status == HDX_OK)
    visit_part(rows->held.data, rows->held.size, visit, user);
  return status;
}
