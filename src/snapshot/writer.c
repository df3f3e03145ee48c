/* Collecting rows from several threads and writing them as one snapshot.
 *
 * Blocks are encoded by whoever adds rows, outside the lock, and go to a temporary file at an offset taken under it.
 * The last rows of each year are held back, copied, until there are too many of them or the writer is committed: a
 * dataset that stayed small is then written anew as a whole. Nothing of the temporary file is final before that: blocks
 * of dropped years leave holes, which are closed at the end. */
#include "snapshot/reader.h"

#include "base/error.h"
#include "base/file.h"
#include "codec/bytes.h"
#include "codec/hash.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { ENCODERS_KEPT = 8, COPY_BYTES = 1 << 20 };

/* The last rows of a year. */
struct held {
  int year;
  bool dropped;      /* while it was being written */
  struct held *next; /* being written */
  struct hdx_rows rows;
};

/* A block in the temporary file. */
struct written {
  struct hdx_zone zone;
  bool dropped;
  uint8_t columns[(HDX_COLUMNS_MAX + 7) / 8]; /* extra columns that it has */
};

struct encoder {
  struct hdx_block_encoder *block;
  struct hdx_buffer bytes;
};

struct hdx_writer {
  pthread_mutex_t lock; /* over everything below but target */
  char *target;
  struct hdx_temp temp; /* path NULL: nothing written yet */
  uint64_t end;         /* of what is written or promised to be */

  struct written *blocks;
  size_t block_count, block_capacity;

  struct held **held, *flying; /* held back; being written just now */
  size_t held_count, held_rows;
  bool large; /* it had too many rows to be held back: they are written at once from then on */
  _Atomic uint64_t rows;

  struct hdx_arena names;
  struct hdx_text columns[HDX_COLUMNS_MAX];
  size_t column_count;

  const struct hdx_reader *kept_reader; /* whose mixed rows are in `kept`, with the writer's columns */
  struct hdx_rows kept;

  struct encoder *encoders[ENCODERS_KEPT];
  size_t encoder_count;
};

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
  hdx_rows_init(&made->kept, SIZE_MAX);
  *writer = made;
  return HDX_OK;
}

static void free_encoder(struct encoder *encoder) {
  if (!encoder)
    return;
  hdx_block_encoder_free(encoder->block);
  hdx_buffer_deinit(&encoder->bytes);
  free(encoder);
}

static void free_held(struct held *held) {
  hdx_rows_deinit(&held->rows);
  free(held);
}

void hdx_writer_abandon(struct hdx_writer *writer) {
  if (!writer)
    return;
  hdx_temp_abandon(&writer->temp);
  for (size_t i = 0; i < writer->held_count; i++)
    free_held(writer->held[i]);
  for (size_t i = 0; i < writer->encoder_count; i++)
    free_encoder(writer->encoders[i]);
  free(writer->held);
  free(writer->blocks);
  hdx_arena_deinit(&writer->names);
  hdx_rows_deinit(&writer->kept);
  free(writer->target);
  pthread_mutex_destroy(&writer->lock);
  free(writer);
}

static void lock(struct hdx_writer *writer) {
  pthread_mutex_lock(&writer->lock);
}

static void unlock(struct hdx_writer *writer) {
  pthread_mutex_unlock(&writer->lock);
}

/* ---- encoders ---- */

static struct encoder *make_encoder(void) {
  struct encoder *encoder = calloc(1, sizeof *encoder);
  if (!encoder)
    return NULL;
  hdx_buffer_init(&encoder->bytes, 2 * (size_t)HDX_BLOCK_BYTES_MAX);
  encoder->block = hdx_block_encoder_create();
  if (encoder->block)
    return encoder;
  free_encoder(encoder);
  return NULL;
}

static struct encoder *take_encoder(struct hdx_writer *writer, struct hdx_error *error) {
  lock(writer);
  struct encoder *encoder = writer->encoder_count ? writer->encoders[--writer->encoder_count] : NULL;
  unlock(writer);
  if (!encoder && !(encoder = make_encoder()))
    hdx_error_memory(error, sizeof *encoder);
  return encoder;
}

static void give_encoder(struct hdx_writer *writer, struct encoder *encoder) {
  lock(writer);
  bool kept = writer->encoder_count < ENCODERS_KEPT;
  if (kept)
    writer->encoders[writer->encoder_count++] = encoder;
  unlock(writer);
  if (!kept)
    free_encoder(encoder);
}

/* ---- columns ---- */

enum hdx_status hdx_writer_column(struct hdx_writer *writer, struct hdx_text name, uint32_t *id,
                                  struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  lock(writer);
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
  unlock(writer);
  if (status == HDX_OK)
    *id = (uint32_t)c;
  return status;
}

/* ---- blocks ---- */

static void mark_columns(struct written *written, const uint32_t *ids, size_t count) {
  memset(written->columns, 0, sizeof written->columns);
  for (size_t c = 0; c < count; c++) {
    assert(ids[c] < HDX_COLUMNS_MAX);
    written->columns[ids[c] / 8] |= (uint8_t)(1u << (ids[c] % 8));
  }
}

/* Promises room in the file, which is made when it is first needed. The lock is held. */
static enum hdx_status promise(struct hdx_writer *writer, uint64_t size, uint64_t *offset, struct hdx_error *error) {
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
static enum hdx_status note_block(struct hdx_writer *writer, const struct written *written, struct hdx_error *error) {
  if (writer->block_count == writer->block_capacity) {
    size_t capacity = writer->block_capacity ? 2 * writer->block_capacity : 16;
    struct written *blocks = realloc(writer->blocks, capacity * sizeof *blocks);
    if (!blocks)
      return hdx_error_memory(error, capacity * sizeof *blocks);
    writer->blocks = blocks;
    writer->block_capacity = capacity;
  }
  writer->blocks[writer->block_count++] = *written;
  writer->rows += written->zone.rows;
  return HDX_OK;
}

/* Appends a block's bytes to the file and notes it; zone.offset is set. `dropped` (or NULL) tells whether its year was
 * dropped meanwhile. */
static enum hdx_status append_block(struct hdx_writer *writer, struct written *written, const void *bytes,
                                    const bool *dropped, struct hdx_error *error) {
  lock(writer);
  enum hdx_status status = promise(writer, written->zone.length, &written->zone.offset, error);
  unlock(writer);
  if (status == HDX_OK)
    status =
        hdx_file_write_at(writer->temp.fd, writer->target, bytes, written->zone.length, written->zone.offset, error);
  if (status != HDX_OK)
    return status;
  lock(writer);
  if (!dropped || !*dropped)
    status = note_block(writer, written, error);
  unlock(writer);
  return status;
}

/* How many of `left` rows the next block gets: blocks of about the same size, none above HDX_BLOCK_ROWS. */
static size_t share_of(size_t left) {
  size_t blocks = (left + HDX_BLOCK_ROWS - 1) / HDX_BLOCK_ROWS;
  return (left + blocks - 1) / blocks;
}

static enum hdx_status write_rows(struct hdx_writer *writer, const struct hdx_rows *rows, bool mixed,
                                  const bool *dropped, struct hdx_error *error) {
  struct encoder *encoder = take_encoder(writer, error);
  enum hdx_status status = encoder ? HDX_OK : HDX_MEMORY;
  for (size_t from = 0, to; status == HDX_OK && from < rows->count; from = to) {
    struct written written = {0};
    to = from + hdx_block_fit(rows, from, from + share_of(rows->count - from));
    hdx_buffer_clear(&encoder->bytes);
    status = hdx_block_encode(encoder->block, rows, from, to, mixed, &encoder->bytes, &written.zone, error);
    mark_columns(&written, rows->extra_id, rows->extra_count);
    if (status == HDX_OK)
      status = append_block(writer, &written, encoder->bytes.data, dropped, error);
  }
  if (encoder)
    give_encoder(writer, encoder);
  return status;
}

/* ---- holding back ---- */

/* Moves the rows to the list, leaving `rows` empty; small ones are copied, so that the caller's large memory stays its
 * own. The lock is held. */
static enum hdx_status hold(struct hdx_writer *writer, int year, struct hdx_rows *rows, struct hdx_error *error) {
  struct held **list = realloc(writer->held, (writer->held_count + 1) * sizeof *writer->held);
  writer->held = list ? list : writer->held;
  struct held *held = list ? calloc(1, sizeof *held) : NULL;
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
      free_held(held);
      return status;
    }
    hdx_rows_clear(rows);
  }
  writer->held[writer->held_count++] = held;
  writer->held_rows += held->rows.count;
  writer->rows += held->rows.count;
  return HDX_OK;
}

/* Takes the last chunk from the list to write it; NULL: there is none. */
static struct held *take_held(struct hdx_writer *writer) {
  lock(writer);
  struct held *held = writer->held_count ? writer->held[--writer->held_count] : NULL;
  if (held) {
    writer->held_rows -= held->rows.count;
    writer->rows -= held->rows.count;
    held->next = writer->flying;
    writer->flying = held;
  }
  unlock(writer);
  return held;
}

static void land(struct hdx_writer *writer, struct held *held) {
  lock(writer);
  struct held **at = &writer->flying;
  while (*at != held)
    at = &(*at)->next;
  *at = held->next;
  unlock(writer);
  free_held(held);
}

/* Writes everything held back as blocks of their own years. */
static enum hdx_status flush_held(struct hdx_writer *writer, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  for (struct held *held; status == HDX_OK && (held = take_held(writer));) {
    status = write_rows(writer, &held->rows, false, &held->dropped, error);
    land(writer, held);
  }
  return status;
}

enum hdx_status hdx_writer_add(struct hdx_writer *writer, int year, struct hdx_rows *rows, bool more,
                               struct hdx_error *error) {
  enum hdx_status status = hdx_rows_sort(rows, error);
  if (status != HDX_OK || rows->count == 0)
    return status;
  for (size_t i = 0; i < rows->count; i++)
    rows->year[i] = (int16_t)year;
  bool flush = false, keep = false;
  lock(writer);
  if (!more && !writer->large) {
    keep = writer->held_rows + rows->count <= HDX_MIXED_ROWS_MAX;
    if (keep)
      status = hold(writer, year, rows, error);
    else
      flush = writer->large = true;
  }
  unlock(writer);
  if (keep || status != HDX_OK)
    return status;
  if (flush)
    status = flush_held(writer, error);
  if (status == HDX_OK)
    status = write_rows(writer, rows, false, NULL, error);
  hdx_rows_clear(rows);
  return status;
}

void hdx_writer_drop_year(struct hdx_writer *writer, int year) {
  lock(writer);
  size_t kept = 0;
  for (size_t i = 0; i < writer->held_count; i++) {
    struct held *held = writer->held[i];
    if (held->year != year) {
      writer->held[kept++] = held;
      continue;
    }
    writer->held_rows -= held->rows.count;
    writer->rows -= held->rows.count;
    free_held(held);
  }
  writer->held_count = kept;
  for (size_t i = 0; i < writer->block_count; i++) {
    struct written *written = &writer->blocks[i];
    if (written->zone.year != year || written->dropped)
      continue;
    written->dropped = true;
    writer->rows -= written->zone.rows;
  }
  for (struct held *held = writer->flying; held; held = held->next)
    held->dropped |= held->year == year;
  unlock(writer);
}

uint64_t hdx_writer_rows(const struct hdx_writer *writer) {
  return atomic_load(&writer->rows);
}

/* ---- taking over rows of an older snapshot ---- */

/* Decodes an opened block and appends it with the ids of its columns put through `ids`
 * (those of the reader's columns, in its order; NULL: as they are). The rows keep their years. */
static enum hdx_status append_decoded(struct hdx_rows *rows, struct hdx_block *block, struct hdx_zstd *zstd,
                                      const struct hdx_footer *footer, const uint32_t *ids, struct hdx_error *error) {
  size_t columns[HDX_CSV_EXTRA_MAX], at = rows->count;
  uint32_t *all = malloc(block->count * sizeof *all);
  if (!all)
    return hdx_error_memory(error, block->count * sizeof *all);
  for (size_t i = 0; i < block->count; i++)
    all[i] = (uint32_t)i;
  enum hdx_status status = hdx_block_select(block, zstd, all, block->count, error);
  free(all);
  for (size_t c = 0; status == HDX_OK && c < block->extra_count; c++) {
    uint32_t id = block->extra_id[c];
    size_t known = 0;
    while (ids && known < footer->column_count && footer->column_ids[known] != id)
      known++;
    if (ids && known == footer->column_count)
      return hdx_error_set(error, HDX_INTEGRITY, "an extra column that the footer does not name");
    status = hdx_rows_column(rows, ids ? ids[known] : id, &columns[c], error);
  }
  if (status != HDX_OK)
    return status;
  struct hdx_csv_batch batch = {block->count, block->start, block->stop,
                                block->size,  block->key,   (const struct hdx_text *const *)block->extra};
  status = hdx_rows_append(rows, &batch, 0, block->count, columns, block->extra_count, block->year_of_all, error);
  for (size_t i = 0; status == HDX_OK && block->year && i < block->count; i++)
    rows->year[at + i] = (int16_t)block->year[i];
  return status;
}

/* Gives the writer the reader's columns: ids[c] is the number here of its column c. They are made in the order of their
 * old numbers, so that these mostly stay the same. */
static enum hdx_status take_columns(struct hdx_writer *writer, const struct hdx_footer *footer, uint32_t *ids,
                                    struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  bool done[HDX_COLUMNS_MAX] = {false};
  for (size_t n = 0; status == HDX_OK && n < footer->column_count; n++) {
    size_t least = SIZE_MAX;
    for (size_t c = 0; c < footer->column_count; c++)
      if (!done[c] && (least == SIZE_MAX || footer->column_ids[c] < footer->column_ids[least]))
        least = c;
    done[least] = true;
    status = hdx_writer_column(writer, footer->column_names[least], &ids[least], error);
  }
  return status;
}

/* Whether the columns of a block have the same numbers here as in the reader. */
static bool same_columns(const struct hdx_block *block, const struct hdx_footer *footer, const uint32_t *ids) {
  for (size_t i = 0; i < block->extra_count; i++) {
    bool same = false;
    for (size_t c = 0; c < footer->column_count; c++)
      same |= footer->column_ids[c] == block->extra_id[i] && ids[c] == block->extra_id[i];
    if (!same)
      return false;
  }
  return true;
}

/* Copies block n as it is, or decodes and encodes it where its columns have other numbers here. */
static enum hdx_status copy_block(struct hdx_writer *writer, const struct hdx_reader *reader, size_t n,
                                  const uint32_t *ids, struct hdx_block *block, struct hdx_zstd *zstd,
                                  struct hdx_error *error) {
  struct written written = {.zone = reader->footer.zones[n]};
  const uint8_t *bytes = reader->bytes + written.zone.offset;
  enum hdx_status status = hdx_block_peek(block, bytes, &written.zone, error);
  if (status != HDX_OK)
    return hdx_error_context(error, status, "%s: block %zu", reader->path, n);
  /* What made-up stops may be is found anew when the file is committed; where only some are, the known ones have to be
   * looked at for that. */
  if (same_columns(block, &reader->footer, ids) && !(written.zone.flags & HDX_BLOCK_SOME_STOPS)) {
    if (written.zone.flags & HDX_BLOCK_NO_STOP)
      written.zone.max_stop = HDX_TIME_NONE;
    mark_columns(&written, block->extra_id, block->extra_count);
    return append_block(writer, &written, bytes, NULL, error);
  }
  struct hdx_rows rows;
  hdx_rows_init(&rows, SIZE_MAX);
  status = hdx_reader_block(reader, n, block, error);
  if (status == HDX_OK)
    status = append_decoded(&rows, block, zstd, &reader->footer, ids, error);
  if (status == HDX_OK)
    status = write_rows(writer, &rows, false, NULL, error);
  hdx_rows_deinit(&rows);
  return status;
}

/* Decodes the mixed blocks once, for all years that are kept. */
static enum hdx_status load_kept(struct hdx_writer *writer, const struct hdx_reader *reader, const uint32_t *ids,
                                 struct hdx_block *block, struct hdx_zstd *zstd, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  hdx_rows_clear(&writer->kept);
  writer->kept_reader = NULL;
  for (size_t n = 0; status == HDX_OK && n < reader->footer.zone_count; n++) {
    if (!(reader->footer.zones[n].flags & HDX_BLOCK_MIXED))
      continue;
    status = hdx_reader_block(reader, n, block, error);
    if (status == HDX_OK)
      status = append_decoded(&writer->kept, block, zstd, &reader->footer, ids, error);
  }
  if (status == HDX_OK)
    writer->kept_reader = reader;
  return status;
}

/* Adds what the mixed blocks have of a year. */
static enum hdx_status keep_mixed(struct hdx_writer *writer, const struct hdx_reader *reader, int year,
                                  const uint32_t *ids, struct hdx_block *block, struct hdx_zstd *zstd,
                                  struct hdx_error *error) {
  struct hdx_rows rows;
  hdx_rows_init(&rows, SIZE_MAX);
  lock(writer);
  enum hdx_status status = writer->kept_reader == reader ? HDX_OK : load_kept(writer, reader, ids, block, zstd, error);
  const struct hdx_rows *kept = &writer->kept;
  for (size_t from = 0, to; status == HDX_OK && from < kept->count; from = to) {
    to = from + 1;
    while (to < kept->count && kept->year[to] == kept->year[from])
      to++;
    if (kept->year[from] == year)
      status = hdx_rows_append_rows(&rows, kept, from, to, error);
  }
  unlock(writer);
  if (status == HDX_OK)
    status = hdx_writer_add(writer, year, &rows, false, error);
  hdx_rows_deinit(&rows);
  return status;
}

enum hdx_status hdx_writer_keep_year(struct hdx_writer *writer, const struct hdx_reader *reader, int year,
                                     struct hdx_error *error) {
  uint32_t ids[HDX_COLUMNS_MAX];
  bool mixed = false;
  struct hdx_block block;
  struct hdx_zstd *zstd = hdx_zstd_create();
  if (!zstd)
    return hdx_error_memory(error, 0);
  hdx_block_init(&block);
  enum hdx_status status = take_columns(writer, &reader->footer, ids, error);
  for (size_t n = 0; status == HDX_OK && n < reader->footer.zone_count; n++) {
    mixed |= (reader->footer.zones[n].flags & HDX_BLOCK_MIXED) != 0;
    if (reader->footer.zones[n].year == year)
      status = copy_block(writer, reader, n, ids, &block, zstd, error);
  }
  if (status == HDX_OK && mixed)
    status = keep_mixed(writer, reader, year, ids, &block, zstd, error);
  hdx_block_deinit(&block);
  hdx_zstd_free(zstd);
  return status;
}

/* ---- committing ---- */

/* Forgets blocks that were dropped. */
static void forget_dropped(struct hdx_writer *writer) {
  size_t kept = 0;
  for (size_t i = 0; i < writer->block_count; i++)
    if (!writer->blocks[i].dropped)
      writer->blocks[kept++] = writer->blocks[i];
  writer->block_count = kept;
}

/* Collects every row: what is held back, and what is in the file, which is then empty. */
static enum hdx_status gather(struct hdx_writer *writer, struct hdx_rows *rows, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  for (size_t i = 0; status == HDX_OK && i < writer->held_count; i++)
    status = hdx_rows_append_rows(rows, &writer->held[i]->rows, 0, writer->held[i]->rows.count, error);
  if (status != HDX_OK || writer->block_count == 0)
    return status;
  struct hdx_block block;
  struct hdx_buffer bytes;
  struct hdx_zstd *zstd = hdx_zstd_create();
  if (!zstd)
    return hdx_error_memory(error, 0);
  hdx_block_init(&block);
  hdx_buffer_init(&bytes, HDX_BLOCK_BYTES_MAX);
  for (size_t i = 0; status == HDX_OK && i < writer->block_count; i++) {
    const struct hdx_zone *zone = &writer->blocks[i].zone;
    hdx_buffer_clear(&bytes);
    if (!hdx_buffer_reserve(&bytes, zone->length))
      status = hdx_buffer_status(&bytes, writer->target, error);
    if (status == HDX_OK)
      status = hdx_file_read_at(writer->temp.fd, writer->target, bytes.data, zone->length, zone->offset, error);
    if (status == HDX_OK)
      status = hdx_block_open(&block, bytes.data, zone, error);
    if (status == HDX_OK)
      status = append_decoded(rows, &block, zstd, NULL, NULL, error);
  }
  hdx_buffer_deinit(&bytes);
  hdx_block_deinit(&block);
  hdx_zstd_free(zstd);
  return status;
}

/* Writes a small dataset as a whole. */
static enum hdx_status write_mixed(struct hdx_writer *writer, struct hdx_error *error) {
  struct hdx_rows rows;
  hdx_rows_init(&rows, SIZE_MAX);
  enum hdx_status status = gather(writer, &rows, error);
  if (status == HDX_OK)
    status = hdx_rows_sort(&rows, error);
  if (status == HDX_OK) {
    writer->block_count = 0;
    writer->rows = 0;
    writer->end = HDX_HEADER_BYTES;
    status = write_rows(writer, &rows, true, NULL, error);
  }
  hdx_rows_deinit(&rows);
  return status;
}

static int by_offset(const void *a, const void *b) {
  const struct written *x = a, *y = b;
  return (x->zone.offset > y->zone.offset) - (x->zone.offset < y->zone.offset);
}

/* Moves the blocks together where others were dropped, or failed to be written. */
static enum hdx_status close_holes(struct hdx_writer *writer, struct hdx_error *error) {
  uint64_t end = HDX_HEADER_BYTES;
  for (size_t i = 0; i < writer->block_count; i++)
    end += writer->blocks[i].zone.length;
  if (end == writer->end)
    return HDX_OK;
  char *bytes = malloc(COPY_BYTES);
  if (!bytes)
    return hdx_error_memory(error, COPY_BYTES);
  enum hdx_status status = HDX_OK;
  qsort(writer->blocks, writer->block_count, sizeof *writer->blocks, by_offset);
  uint64_t to = HDX_HEADER_BYTES;
  for (size_t i = 0; status == HDX_OK && i < writer->block_count; i++) {
    struct hdx_zone *zone = &writer->blocks[i].zone;
    for (size_t at = 0, step; status == HDX_OK && to != zone->offset && at < zone->length; at += step) {
      step = zone->length - at < COPY_BYTES ? zone->length - at : COPY_BYTES;
      status = hdx_file_read_at(writer->temp.fd, writer->target, bytes, step, zone->offset + at, error);
      if (status == HDX_OK)
        status = hdx_file_write_at(writer->temp.fd, writer->target, bytes, step, to + at, error);
    }
    zone->offset = to;
    to += zone->length;
  }
  free(bytes);
  writer->end = end;
  return status;
}

static int by_start(const void *a, const void *b) {
  const struct hdx_zone *x = a, *y = b;
  if (x->min_start != y->min_start)
    return x->min_start < y->min_start ? -1 : 1;
  if (x->max_start != y->max_start)
    return x->max_start < y->max_start ? -1 : 1;
  return (x->offset > y->offset) - (x->offset < y->offset);
}

/* The upper bounds of made-up stops, of sorted zones. */
static void bound_stops(struct hdx_zone *zones, size_t count) {
  int64_t greatest = INT64_MIN;
  for (size_t i = 0; i < count; i++)
    greatest = zones[i].max_start > greatest ? zones[i].max_start : greatest;
  for (size_t i = 0; i < count; i++) {
    if (!(zones[i].flags & (HDX_BLOCK_NO_STOP | HDX_BLOCK_SOME_STOPS)))
      continue;
    size_t from = i + 1, to = count;
    while (from < to) {
      size_t middle = from + (to - from) / 2;
      if (zones[middle].min_start > zones[i].max_start)
        to = middle;
      else
        from = middle + 1;
    }
    int64_t bound = from < count ? zones[from].min_start : greatest;
    zones[i].max_stop = bound > zones[i].max_stop ? bound : zones[i].max_stop;
  }
}

static int by_year(const void *a, const void *b) {
  const struct hdx_year *x = a, *y = b;
  return (x->year > y->year) - (x->year < y->year);
}

/* The columns that blocks have, by name. */
static void name_columns(const struct hdx_writer *writer, struct hdx_footer *footer) {
  footer->column_count = 0;
  for (size_t id = 0; id < writer->column_count; id++) {
    bool used = false;
    for (size_t i = 0; i < writer->block_count; i++)
      used |= writer->blocks[i].columns[id / 8] >> (id % 8) & 1;
    if (!used)
      continue;
    size_t c = footer->column_count++;
    for (; c > 0 && hdx_text_compare(footer->column_names[c - 1], writer->columns[id]) > 0; c--) {
      footer->column_names[c] = footer->column_names[c - 1];
      footer->column_ids[c] = footer->column_ids[c - 1];
    }
    footer->column_names[c] = writer->columns[id];
    footer->column_ids[c] = (uint32_t)id;
  }
}

/* Makes the lists of the footer, which the caller frees by hdx_footer_deinit. */
static enum hdx_status make_footer(const struct hdx_writer *writer, struct hdx_footer *footer,
                                   const struct hdx_year *years, size_t year_count, struct hdx_error *error) {
  footer->zones = calloc(writer->block_count + 1, sizeof *footer->zones);
  footer->years = calloc(year_count + 1, sizeof *footer->years);
  footer->column_names = calloc(HDX_COLUMNS_MAX, sizeof *footer->column_names);
  footer->column_ids = calloc(HDX_COLUMNS_MAX, sizeof *footer->column_ids);
  if (!footer->zones || !footer->years || !footer->column_names || !footer->column_ids)
    return hdx_error_memory(error, writer->block_count * sizeof *footer->zones);
  footer->zone_count = writer->block_count;
  footer->year_count = year_count;
  for (size_t i = 0; i < writer->block_count; i++)
    footer->zones[i] = writer->blocks[i].zone;
  qsort(footer->zones, footer->zone_count, sizeof *footer->zones, by_start);
  bound_stops(footer->zones, footer->zone_count);
  for (size_t i = 0; i < year_count; i++)
    footer->years[i] = years[i];
  qsort(footer->years, year_count, sizeof *footer->years, by_year);
  for (size_t i = 1; i < year_count; i++)
    if (footer->years[i].year == footer->years[i - 1].year)
      return hdx_error_set(error, HDX_INTERNAL, "%s: year %d is described twice", writer->target,
                           footer->years[i].year);
  name_columns(writer, footer);
  return HDX_OK;
}

/* Writes header, footer and trailer. */
static enum hdx_status write_ends(struct hdx_writer *writer, const struct hdx_footer *footer, uint64_t *file_bytes,
                                  struct hdx_error *error) {
  struct hdx_buffer bytes;
  struct hdx_zstd *zstd = hdx_zstd_create();
  uint64_t offset = 0;
  char header[HDX_HEADER_BYTES];
  if (!zstd)
    return hdx_error_memory(error, 0);
  hdx_buffer_init(&bytes, 2 * (size_t)HDX_FOOTER_BYTES_MAX);
  hdx_footer_header(header);
  enum hdx_status status = hdx_footer_encode(footer, writer->end, zstd, &bytes, error);
  if (status == HDX_OK)
    status = promise(writer, bytes.size, &offset, error);
  if (status == HDX_OK)
    status = hdx_file_write_at(writer->temp.fd, writer->target, header, sizeof header, 0, error);
  if (status == HDX_OK)
    status = hdx_file_write_at(writer->temp.fd, writer->target, bytes.data, bytes.size, offset, error);
  /* Blocks that were moved together leave bytes behind the end. */
  if (status == HDX_OK && ftruncate(writer->temp.fd, (off_t)writer->end) != 0)
    status = hdx_error_errno(error, writer->target, "cannot be cut", errno);
  *file_bytes = writer->end;
  hdx_buffer_deinit(&bytes);
  hdx_zstd_free(zstd);
  return status;
}

enum hdx_status hdx_writer_commit(struct hdx_writer *writer, const struct hdx_subject *subject,
                                  const struct hdx_year *years, size_t year_count, int digits, uint64_t *file_bytes,
                                  struct hdx_error *error) {
  struct hdx_footer footer = {.subject = *subject, .time_digits = digits};
  uint64_t bytes = 0;
  assert(!writer->flying);
  forget_dropped(writer);
  enum hdx_status status = writer->rows < HDX_MIXED_ROWS_MAX ? write_mixed(writer, error) : flush_held(writer, error);
  if (status == HDX_OK)
    status = close_holes(writer, error);
  if (status == HDX_OK)
    status = make_footer(writer, &footer, years, year_count, error);
  if (status == HDX_OK)
    status = write_ends(writer, &footer, &bytes, error);
  if (status == HDX_OK)
    status = hdx_temp_commit(&writer->temp, error);
  if (status == HDX_OK && file_bytes)
    *file_bytes = bytes;
  hdx_footer_deinit(&footer);
  hdx_writer_abandon(writer);
  return status;
}
