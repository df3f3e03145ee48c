/* Collecting rows from several threads.
 *
 * Blocks are encoded by whoever adds rows, outside the lock, and go to a temporary file at an offset taken under it.
 * The last rows of each year are held back until there are too many of them or the writer is committed: a dataset that
 * stayed small is then written anew as a whole. Nothing of the temporary file is final before that: blocks of dropped
 * years leave holes, which are closed at the end (commit.c). */
#include "snapshot/writer.h"

#include "base/error.h"

#include <assert.h>
#include <stdlib.h>

/* ---- making and freeing ---- */

enum hdx_status hdx_writer_create(const char *path, struct hdx_writer **writer, struct hdx_error *error) {
  struct hdx_writer *made = calloc(1, sizeof *made);
  if (!made || !(made->target = hdx_text_dup(hdx_text_of(path)))) {
    free(made);
    return hdx_error_memory(error, sizeof *made);
  }
  pthread_mutex_init(&made->lock, NULL);
  made->temp.fd = -1;
  made->end = HDX_HEADER_BYTES;
  hdx_arena_init(&made->names, HDX_FOOTER_BYTES_MAX);
  hdx_book_init(&made->book);
  hdx_rows_init(&made->kept, SIZE_MAX);
  *writer = made;
  return HDX_OK;
}

void hdx_writer_count_held(struct hdx_writer *writer, atomic_uint_fast64_t *held_bytes) {
  writer->held_bytes = held_bytes;
}

static void free_held(struct hdx_writer *writer, struct hdx_held *held) {
  if (writer->held_bytes)
    atomic_fetch_sub(writer->held_bytes, held->bytes);
  hdx_rows_deinit(&held->rows);
  free(held);
}

void hdx_writer_abandon(struct hdx_writer *writer) {
  if (!writer)
    return;
  hdx_temp_abandon(&writer->temp);
  for (size_t i = 0; i < writer->held_count; i++)
    free_held(writer, writer->held[i]);
  free(writer->held);
  free(writer->blocks);
  while (writer->habits) {
    struct hdx_block_habit *habit = writer->habits;
    writer->habits = habit->next;
    hdx_block_habit_deinit(habit);
    free(habit);
  }
  hdx_book_deinit(&writer->book);
  hdx_arena_deinit(&writer->names);
  hdx_rows_deinit(&writer->kept);
  free(writer->target);
  pthread_mutex_destroy(&writer->lock);
  free(writer);
}

/* ---- columns ---- */

enum hdx_status hdx_writer_column(struct hdx_writer *writer, struct hdx_text name, uint32_t *id,
                                  struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  hdx_writer_lock(writer);
  size_t c = 0;
  while (c < writer->column_count && !hdx_text_equal(writer->columns[c], name))
    c++;
  if (c == HDX_COLUMNS_MAX) {
    status = hdx_error_set(error, HDX_LIMIT, "%s: more than %d extra columns", writer->target, HDX_COLUMNS_MAX);
  } else if (c == writer->column_count) {
    writer->columns[c] = hdx_arena_copy(&writer->names, name);
    if (writer->columns[c].data)
      writer->column_count++;
    else
      status = hdx_error_memory(error, name.size);
  }
  hdx_writer_unlock(writer);
  if (status == HDX_OK)
    *id = (uint32_t)c;
  return status;
}

enum hdx_status hdx_writer_describe(struct hdx_writer *writer, struct hdx_text name,
                                    const struct hdx_parameter *parameter, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  hdx_writer_lock(writer);
  for (size_t c = 0; status == HDX_OK && c < writer->column_count; c++) {
    if (!hdx_text_equal(writer->columns[c], name))
      continue;
    const struct hdx_parameter copy = {parameter->type, hdx_arena_copy(&writer->names, parameter->units),
                                       hdx_arena_copy(&writer->names, parameter->description)};
    if (copy.units.data && copy.description.data)
      writer->parameters[c] = copy;
    else
      status = hdx_error_memory(error, parameter->units.size + parameter->description.size);
  }
  hdx_writer_unlock(writer);
  return status;
}

/* ---- blocks ---- */

void hdx_written_mark(struct hdx_written *written, const uint32_t *ids, size_t count) {
  memset(written->columns, 0, sizeof written->columns);
  for (size_t c = 0; c < count; c++) {
    assert(ids[c] < HDX_COLUMNS_MAX);
    written->columns[ids[c] / 8] |= (uint8_t)(1u << (ids[c] % 8));
  }
}

enum hdx_status hdx_writer_promise(struct hdx_writer *writer, uint64_t size, uint64_t *offset,
                                   struct hdx_error *error) {
  if (!writer->temp.path) {
    enum hdx_status status = hdx_temp_create(writer->target, &writer->temp, error);
    if (status != HDX_OK)
      return status;
  }
  *offset = writer->end;
  writer->end += size;
  return HDX_OK;
}

/* Notes a block that lies in the file. The lock is held. */
static enum hdx_status note_block(struct hdx_writer *writer, const struct hdx_written *written,
                                  struct hdx_error *error) {
  if (writer->block_count == writer->block_capacity) {
    size_t capacity = writer->block_capacity ? 2 * writer->block_capacity : 16;
    struct hdx_written *blocks = realloc(writer->blocks, capacity * sizeof *blocks);
    if (!blocks)
      return hdx_error_memory(error, capacity * sizeof *blocks);
    writer->blocks = blocks;
    writer->block_capacity = capacity;
  }
  writer->blocks[writer->block_count++] = *written;
  writer->rows += written->zone.rows;
  return HDX_OK;
}

enum hdx_status hdx_writer_put_block(struct hdx_writer *writer, struct hdx_written *written, const void *bytes,
                                     const bool *dropped, struct hdx_error *error) {
  hdx_writer_lock(writer);
  enum hdx_status status = hdx_writer_promise(writer, written->zone.length, &written->zone.offset, error);
  hdx_writer_unlock(writer);
  if (status == HDX_OK)
    status =
        hdx_file_write_at(writer->temp.fd, writer->target, bytes, written->zone.length, written->zone.offset, error);
  if (status != HDX_OK)
    return status;
  hdx_writer_lock(writer);
  if (!dropped || !*dropped)
    status = note_block(writer, written, error);
  hdx_writer_unlock(writer);
  return status;
}

/* How many of `left` rows the next block gets: blocks of about the same size, none above HDX_BLOCK_ROWS. */
static size_t share_of(size_t left) {
  size_t blocks = (left + HDX_BLOCK_ROWS - 1) / HDX_BLOCK_ROWS;
  return (left + blocks - 1) / blocks;
}

/* What is known of the dataset's blocks, for one thread. NULL: out of memory. */
static struct hdx_block_habit *take_habit(struct hdx_writer *writer) {
  hdx_writer_lock(writer);
  struct hdx_block_habit *habit = writer->habits;
  if (habit)
    writer->habits = habit->next;
  hdx_writer_unlock(writer);
  return habit ? habit : calloc(1, sizeof *habit);
}

static void give_habit(struct hdx_writer *writer, struct hdx_block_habit *habit) {
  if (!habit)
    return;
  hdx_writer_lock(writer);
  habit->next = writer->habits;
  writer->habits = habit;
  hdx_writer_unlock(writer);
}

enum hdx_status hdx_writer_put_rows(struct hdx_writer *writer, const struct hdx_rows *rows, bool mixed,
                                    const bool *dropped, struct hdx_error *error) {
  struct hdx_block_encoder *encoder = hdx_block_encoder_take();
  struct hdx_block_habit *habit = take_habit(writer);
  enum hdx_status status =
      encoder && habit ? HDX_OK : hdx_error_set(error, HDX_MEMORY, "out of memory: no room to encode");
  for (size_t from = 0, to; status == HDX_OK && from < rows->count; from = to) {
    struct hdx_written written = {0};
    to = from + hdx_block_fit(rows, from, from + share_of(rows->count - from));
    struct hdx_buffer *bytes = hdx_block_encoder_out(encoder);
    status = hdx_block_encode(encoder, &writer->book, habit, rows, from, to, mixed, bytes, &written.zone, error);
    hdx_written_mark(&written, rows->extra_id, rows->extra_count);
    if (status == HDX_OK)
      status = hdx_writer_put_block(writer, &written, bytes->data, dropped, error);
  }
  give_habit(writer, habit);
  hdx_block_encoder_give(encoder);
  return status;
}

/* ---- holding back ---- */

/* Moves the rows to the list, leaving `rows` empty; they are copied where most of the caller's memory is not in use.
 * The lock is held. */
static enum hdx_status hold(struct hdx_writer *writer, int year, struct hdx_rows *rows, struct hdx_error *error) {
  struct hdx_held **list = realloc(writer->held, (writer->held_count + 1) * sizeof *writer->held);
  writer->held = list ? list : writer->held;
  struct hdx_held *held = list ? calloc(1, sizeof *held) : NULL;
  if (!held)
    return hdx_error_memory(error, sizeof *held);
  held->year = year;
  hdx_rows_init(&held->rows, SIZE_MAX);
  if (rows->count * 2 >= rows->capacity) {
    held->rows = *rows;
    hdx_rows_init(rows, rows->text.max);
  } else {
    enum hdx_status status = hdx_rows_append_rows(&held->rows, rows, 0, rows->count, error);
    if (status != HDX_OK) {
      free_held(writer, held);
      return status;
    }
    hdx_rows_clear(rows);
  }
  held->bytes = hdx_rows_bytes(&held->rows);
  if (writer->held_bytes)
    atomic_fetch_add(writer->held_bytes, held->bytes);
  writer->held[writer->held_count++] = held;
  writer->held_rows += held->rows.count;
  writer->rows += held->rows.count;
  return HDX_OK;
}

/* Takes the last chunk from the list to write it; NULL: there is none. */
static struct hdx_held *take_held(struct hdx_writer *writer) {
  hdx_writer_lock(writer);
  struct hdx_held *held = writer->held_count ? writer->held[--writer->held_count] : NULL;
  if (held) {
    writer->held_rows -= held->rows.count;
    writer->rows -= held->rows.count;
    held->next = writer->flying;
    writer->flying = held;
  }
  hdx_writer_unlock(writer);
  return held;
}

/* A chunk that could not be written is lost, unless its year was dropped: `failure` is why, or NULL. */
static void land(struct hdx_writer *writer, struct hdx_held *held, const struct hdx_error *failure) {
  hdx_writer_lock(writer);
  if (failure && !held->dropped)
    writer->lost = *failure;
  struct hdx_held **at = &writer->flying;
  while (*at != held)
    at = &(*at)->next;
  *at = held->next;
  hdx_writer_unlock(writer);
  free_held(writer, held);
}

enum hdx_status hdx_writer_flush(struct hdx_writer *writer, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  struct hdx_error failure;
  for (struct hdx_held *held; status == HDX_OK && (held = take_held(writer));) {
    status = hdx_writer_put_rows(writer, &held->rows, false, &held->dropped, &failure);
    land(writer, held, status == HDX_OK ? NULL : &failure);
  }
  return status == HDX_OK ? HDX_OK : hdx_error_set(error, status, "%s", failure.message);
}

enum hdx_status hdx_writer_spill(struct hdx_writer *writer, struct hdx_error *error) {
  hdx_writer_lock(writer);
  writer->large = true;
  hdx_writer_unlock(writer);
  return hdx_writer_flush(writer, error);
}

enum hdx_status hdx_writer_add(struct hdx_writer *writer, int year, struct hdx_rows *rows, bool more,
                               struct hdx_error *error) {
  enum hdx_status status = hdx_rows_sort(rows, error);
  if (status != HDX_OK || rows->count == 0)
    return status;
  for (size_t i = 0; i < rows->count; i++)
    rows->year[i] = (int16_t)year;
  bool flush = false, keep = false;
  hdx_writer_lock(writer);
  if (!more && !writer->large) {
    keep = writer->held_rows + rows->count <= HDX_MIXED_ROWS_MAX;
    if (keep)
      status = hold(writer, year, rows, error);
    else
      flush = writer->large = true;
  }
  hdx_writer_unlock(writer);
  if (keep || status != HDX_OK)
    return status;
  if (flush)
    status = hdx_writer_flush(writer, error);
  if (status == HDX_OK)
    status = hdx_writer_put_rows(writer, rows, false, NULL, error);
  hdx_rows_clear(rows);
  return status;
}

void hdx_writer_drop_year(struct hdx_writer *writer, int year) {
  hdx_writer_lock(writer);
  size_t kept = 0;
  for (size_t i = 0; i < writer->held_count; i++) {
    struct hdx_held *held = writer->held[i];
    if (held->year != year) {
      writer->held[kept++] = held;
      continue;
    }
    writer->held_rows -= held->rows.count;
    writer->rows -= held->rows.count;
    free_held(writer, held);
  }
  writer->held_count = kept;
  for (size_t i = 0; i < writer->block_count; i++) {
    struct hdx_written *written = &writer->blocks[i];
    if (written->zone.year != year || written->dropped)
      continue;
    written->dropped = true;
    writer->rows -= written->zone.rows;
  }
  for (struct hdx_held *held = writer->flying; held; held = held->next)
    held->dropped |= held->year == year;
  hdx_writer_unlock(writer);
}

uint64_t hdx_writer_rows(const struct hdx_writer *writer) {
  return atomic_load(&writer->rows);
}
