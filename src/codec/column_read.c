/* A column back to its texts. (The way there: column.c.) */
#include "codec/column.h"

#include "base/error.h"
#include "codec/bytes.h"

#include <stdlib.h>

void hdx_column_init(struct hdx_column *column) {
  *column = (struct hdx_column){.count = 0};
  hdx_texts_init(&column->texts);
  hdx_ints_init(&column->ints);
}

void hdx_column_deinit(struct hdx_column *column) {
  hdx_texts_deinit(&column->texts);
  hdx_ints_deinit(&column->ints);
  free(column->memory);
  free(column->kinds_memory);
  free(column->wide);
  free(column->group);
  free(column->states);
  hdx_column_init(column);
}

size_t hdx_column_bytes(const struct hdx_column *column) {
  size_t row = sizeof *column->kinds_memory + sizeof *column->wide;
  return column->memory_capacity + column->capacity * row + column->texts.raw_capacity + column->ints.capacity +
         column->state_count * sizeof *column->states + (column->group ? HDX_TEXTS_GROUP * sizeof *column->group : 0);
}

static enum hdx_status broken(struct hdx_error *error, const char *what) {
  return hdx_error_set(error, HDX_INTEGRITY, "texts: %s", what);
}

/* ---- opening ---- */

/* Room for what does not depend on the kinds. */
static enum hdx_status grow_rows(struct hdx_column *column, struct hdx_error *error) {
  size_t state_count = column->template_count ? column->template_count : 1;
  if (state_count > column->state_count) { /* some kilobytes each: no more than are needed */
    free(column->states);
    column->states = calloc(state_count, sizeof *column->states);
    column->state_count = column->states ? state_count : 0;
  }
  if (!column->group)
    column->group = malloc(HDX_TEXTS_GROUP * sizeof *column->group);
  if (column->count > column->capacity) {
    free(column->kinds_memory);
    free(column->wide);
    column->kinds_memory = malloc(column->count);
    column->wide = malloc(column->count * sizeof *column->wide);
    column->capacity = column->kinds_memory && column->wide ? column->count : 0;
  }
  return column->states && column->group && column->capacity ? HDX_OK : hdx_error_memory(error, column->count);
}

/* Decodes the kinds of all rows, and counts them. */
static enum hdx_status open_kinds(struct hdx_column *column, struct hdx_zstd *zstd, const uint8_t *data, size_t size,
                                  struct hdx_error *error) {
  size_t kinds = column->template_count + column->has_heap;
  memset(column->rows_of, 0, sizeof column->rows_of);
  column->kinds = NULL;
  if (kinds < 2) {
    column->rows_of[0] = column->count;
    return HDX_OK;
  }
  enum hdx_status status = hdx_ints_decode(&column->ints, zstd, data, size, column->count, column->wide, error);
  if (status != HDX_OK)
    return status;
  column->kinds = column->kinds_memory;
  for (size_t i = 0; i < column->count; i++) {
    if ((uint64_t)column->wide[i] >= kinds)
      return broken(error, "a row of a template that is not there");
    column->kinds[i] = (uint8_t)column->wide[i];
    column->rows_of[column->kinds[i]]++;
  }
  for (size_t t = 0; t < kinds; t++)
    if (!column->rows_of[t])
      return broken(error, "a template or heap without rows");
  return HDX_OK;
}

/* Room for the numbers of every stream, with the list of where they begin. */
static enum hdx_status grow_streams(struct hdx_column *column, struct hdx_error *error) {
  size_t pointers = 0, numbers = 0;
  for (size_t t = 0; t < column->template_count; t++) {
    pointers += column->templates[t]->stream_count;
    numbers += column->templates[t]->stream_count * column->rows_of[t];
  }
  size_t size = pointers * sizeof(int64_t *) + numbers * sizeof(int64_t);
  if (size > column->memory_capacity) {
    free(column->memory);
    column->memory_capacity = 0;
    column->memory = malloc(size);
    if (!column->memory)
      return hdx_error_memory(error, size);
    column->memory_capacity = size;
  }
  int64_t **list = column->memory, *at = pointers ? (int64_t *)(list + pointers) : NULL;
  for (size_t t = 0; t < column->template_count; t++) {
    column->streams[t] = list;
    for (size_t s = 0; s < column->templates[t]->stream_count; s++, at += column->rows_of[t])
      *list++ = at;
  }
  return HDX_OK;
}

/* Finds the templates; gives the number of their streams. */
static enum hdx_status take_templates(struct hdx_column *column, struct hdx_book *book, const uint32_t *ids,
                                      size_t id_count, size_t *streams, struct hdx_error *error) {
  *streams = 0;
  column->template_count = 0;
  if (id_count > HDX_COLUMN_TEMPLATES_MAX)
    return broken(error, "too many templates");
  for (size_t t = 0; t < id_count; t++) {
    column->templates[t] = hdx_book_at(book, ids[t]);
    if (!column->templates[t])
      return broken(error, "a template that the footer does not have");
    *streams += column->templates[t]->stream_count;
  }
  column->template_count = id_count;
  return HDX_OK;
}

static enum hdx_status open_streams(struct hdx_column *column, struct hdx_zstd *zstd, struct hdx_bytes *sizes,
                                    struct hdx_bytes *in, struct hdx_error *error) {
  enum hdx_status status = grow_streams(column, error);
  for (size_t t = 0; t < column->template_count; t++)
    for (size_t s = 0; status == HDX_OK && s < column->templates[t]->stream_count; s++) {
      uint64_t size = hdx_get_varint(sizes);
      const uint8_t *data = size <= hdx_bytes_left(in) ? hdx_get_bytes(in, (size_t)size) : NULL;
      status = data ? hdx_ints_decode(&column->ints, zstd, data, (size_t)size, column->rows_of[t],
                                      column->streams[t][s], error)
                    : broken(error, "streams that end too early");
    }
  return status;
}

enum hdx_status hdx_column_open(struct hdx_column *column, struct hdx_zstd *zstd, struct hdx_book *book,
                                const uint32_t *ids, size_t id_count, const void *data, size_t size, size_t count,
                                struct hdx_error *error) {
  size_t streams;
  struct hdx_bytes in = hdx_bytes_of(data, size);
  if (count == 0 || count > HDX_INTS_MAX)
    return broken(error, "a number of rows that no column has");
  column->count = count;
  enum hdx_status status = take_templates(column, book, ids, id_count, &streams, error);
  if (status == HDX_OK)
    status = grow_rows(column, error);
  if (status != HDX_OK)
    return status;
  uint8_t heap = hdx_get_u8(&in);
  column->has_heap = heap == 1;
  if (heap > 1 || column->template_count + column->has_heap == 0)
    return broken(error, "neither templates nor a heap");
  uint64_t kinds_size = column->template_count + column->has_heap > 1 ? hdx_get_varint(&in) : 0;
  struct hdx_bytes sizes = in;
  for (size_t s = 0; s < streams; s++)
    hdx_get_varint(&in);
  const uint8_t *kinds = kinds_size <= hdx_bytes_left(&in) ? hdx_get_bytes(&in, (size_t)kinds_size) : NULL;
  if (in.bad || !kinds)
    return broken(error, "a head that is longer than the column");
  status = open_kinds(column, zstd, kinds, (size_t)kinds_size, error);
  if (status == HDX_OK)
    status = open_streams(column, zstd, &sizes, &in, error);
  if (status != HDX_OK)
    return status;
  if (!column->has_heap)
    return hdx_bytes_left(&in) ? broken(error, "bytes behind the last stream") : HDX_OK;
  return hdx_texts_open(&column->texts, zstd, in.at, hdx_bytes_left(&in), column->rows_of[column->template_count],
                        error);
}

/* ---- reading ---- */

/* Where a run of rows, ascending, stands among the rows of each template. */
struct place {
  size_t row;
  size_t of[HDX_COLUMN_TEMPLATES_MAX + 1];
};

/* Moves on to a row; gives its template. */
static inline size_t move_to(const struct hdx_column *column, struct place *place, size_t row) {
  if (!column->kinds) {
    place->of[0] = row;
    return 0;
  }
  for (; place->row < row; place->row++)
    place->of[column->kinds[place->row]]++;
  return column->kinds[row];
}

/* Of the whole groups that rows [first, last] of the heap lie in. */
static enum hdx_status heap_size(const struct hdx_column *column, size_t first, size_t last, size_t *bytes,
                                 struct hdx_error *error) {
  size_t rows = column->rows_of[column->template_count];
  *bytes = 0;
  for (size_t from = first / HDX_TEXTS_GROUP * HDX_TEXTS_GROUP; from <= last; from += HDX_TEXTS_GROUP) {
    size_t to = rows - from < HDX_TEXTS_GROUP ? rows : from + HDX_TEXTS_GROUP, group;
    enum hdx_status status = hdx_texts_size(&column->texts, from, to, &group, error);
    if (status != HDX_OK)
      return status;
    *bytes += group;
  }
  return HDX_OK;
}

/* What templates give for the rows, exactly or at the most; which rows of the heap are the first and the last. */
static size_t rendered_size(const struct hdx_column *column, const uint32_t *rows, size_t count, bool exact,
                            size_t *first, size_t *last) {
  size_t total = 0, heap = column->has_heap ? column->template_count : SIZE_MAX;
  struct place place = {0};
  for (size_t i = 0; i < count; i++) {
    size_t t = move_to(column, &place, rows[i]), at = place.of[t];
    if (t == heap) {
      *first = *first == SIZE_MAX ? at : *first;
      *last = at;
    } else if (!column->templates[t]->varies) {
      total += column->templates[t]->size;
    } else {
      total += exact ? hdx_template_size(column->templates[t], column->streams[t], at)
                     : hdx_template_size_max(column->templates[t]);
    }
  }
  return total;
}

enum hdx_status hdx_column_size(const struct hdx_column *column, const uint32_t *rows, size_t count, size_t *bytes,
                                struct hdx_error *error) {
  /* The columns of a block may take so much each beyond the text that they really have: what a writer puts into one
   * (64 MiB) stays below the limit of decoded text all the same, however many columns there are. */
  enum { BOUND_MAX = 1 << 19 };
  size_t slack = HDX_TEMPLATE_SLACK + HDX_TEXTS_SLACK, first = SIZE_MAX, last = 0;
  if (!column->kinds && !column->has_heap && !column->templates[0]->varies) {
    *bytes = slack + count * column->templates[0]->size;
    return *bytes > HDX_TEXTS_BYTES_MAX ? broken(error, "more text than a block may have") : HDX_OK;
  }
  /* Short numbers may be far from the most that they could take. */
  size_t total = rendered_size(column, rows, count, false, &first, &last), in_heap = 0;
  if (total > BOUND_MAX)
    total = rendered_size(column, rows, count, true, &first, &last);
  if (first != SIZE_MAX) {
    enum hdx_status status = heap_size(column, first, last, &in_heap, error);
    if (status != HDX_OK)
      return status;
  }
  *bytes = slack + total + in_heap;
  return *bytes > HDX_TEXTS_BYTES_MAX ? broken(error, "more text than a block may have") : HDX_OK;
}

/* Decodes heap texts [from, to) of one group, from its beginning, to column->group. */
static enum hdx_status read_heap_group(struct hdx_column *column, size_t from, size_t to, char **memory,
                                       struct hdx_error *error) {
  size_t bytes;
  enum hdx_status status = hdx_texts_size(&column->texts, from, to, &bytes, error);
  if (status == HDX_OK)
    status = hdx_texts_read(&column->texts, from, to, column->group, *memory, error);
  *memory += status == HDX_OK ? bytes : 0;
  return status;
}

enum hdx_status hdx_column_read(struct hdx_column *column, const int64_t *start, const int64_t *stop,
                                const uint32_t *rows, size_t count, struct hdx_text *out, char *memory,
                                struct hdx_error *error) {
  size_t heap = column->has_heap ? column->template_count : SIZE_MAX, group = SIZE_MAX;
  struct place place = {0};
  for (size_t t = 0; t < column->template_count; t++) {
    column->states[t].imaged = false;
    for (size_t n = 0; n < HDX_TEMPLATE_INSTANTS_MAX; n++)
      column->states[t].clocks[n].known = false;
  }
  if (!column->kinds && !column->has_heap && column->templates[0]->stream_count == 0) {
    hdx_template_render_rows(column->templates[0], column->states, start, stop, rows, count, out, memory);
    return HDX_OK;
  }
  for (size_t i = 0; i < count; i++) {
    size_t row = rows[i], t = move_to(column, &place, row), at = place.of[t];
    if (t != heap) {
      size_t size = hdx_template_render(column->templates[t], &column->states[t], start[row], stop[row],
                                        column->streams[t], at, memory);
      out[i] = (struct hdx_text){memory, size};
      memory += size;
      continue;
    }
    if (at / HDX_TEXTS_GROUP != group) {
      group = at / HDX_TEXTS_GROUP;
      size_t from = group * HDX_TEXTS_GROUP, left = column->rows_of[t] - from;
      size_t to = from + (left < HDX_TEXTS_GROUP ? left : HDX_TEXTS_GROUP);
      enum hdx_status status = read_heap_group(column, from, to, &memory, error);
      if (status != HDX_OK)
        return status;
    }
    out[i] = column->group[at % HDX_TEXTS_GROUP];
  }
  return HDX_OK;
}
