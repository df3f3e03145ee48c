/* How the columns of a snapshot are written, over all of its blocks, for people who want to know. */
#include "snapshot/reader.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

enum { WAYS_MAX = 12 /* that are told apart; the rest counts as others */ };

struct way {
  char *text;
  size_t blocks;
};

struct tally {
  struct hdx_text name;
  uint64_t bytes;
  struct way ways[WAYS_MAX];
  size_t way_count, others;
};

static enum hdx_status count_way(struct tally *tally, struct hdx_buffer *text, struct hdx_error *error) {
  const char *said = hdx_buffer_string(text);
  enum hdx_status status = hdx_buffer_status(text, "description", error);
  if (status != HDX_OK)
    return status;
  for (size_t i = 0; i < tally->way_count; i++)
    if (strcmp(tally->ways[i].text, said) == 0) {
      tally->ways[i].blocks++;
      return HDX_OK;
    }
  if (tally->way_count == WAYS_MAX) {
    tally->others++;
    return HDX_OK;
  }
  char *copy = strdup(said);
  if (!copy)
    return hdx_error_memory(error, text->size);
  tally->ways[tally->way_count++] = (struct way){copy, 1};
  return HDX_OK;
}

static enum hdx_status describe_texts(const struct hdx_reader *reader, const struct hdx_block_column *column,
                                      struct tally *tally, struct hdx_buffer *text, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  for (size_t t = 0; status == HDX_OK && t < column->template_count; t++) {
    const struct hdx_template *template = hdx_book_at(reader->book, column->templates[t]);
    hdx_buffer_clear(text);
    if (!template)
      return hdx_error_set(error, HDX_INTEGRITY, "a template that the footer does not have");
    hdx_template_show(template, text);
    status = count_way(tally, text, error);
  }
  if (status == HDX_OK && column->size && column->data[0]) {
    hdx_buffer_clear(text);
    hdx_buffer_append_text(text, HDX_TEXT("front-coded"));
    status = count_way(tally, text, error);
  }
  return status;
}

/* The tally of each extra column is behind those of the plain ones, in the order of the footer. */
static struct tally *tally_of(const struct hdx_reader *reader, struct tally *tallies, size_t c, uint32_t id) {
  if (c < HDX_EXTRAS)
    return &tallies[c];
  for (size_t i = 0; i < reader->footer.column_count; i++)
    if (reader->footer.column_ids[i] == id)
      return &tallies[HDX_EXTRAS + i];
  return NULL;
}

static enum hdx_status describe_block(const struct hdx_reader *reader, size_t n, struct hdx_block *block,
                                      struct tally *tallies, struct hdx_buffer *text, struct hdx_error *error) {
  const struct hdx_zone *zone = &reader->footer.zones[n];
  enum hdx_status status = hdx_block_peek(block, reader->bytes + zone->offset, zone, error);
  for (size_t c = 0; status == HDX_OK && c < HDX_PLAIN_COLUMNS + block->extra_count; c++) {
    const struct hdx_block_column *column = &block->columns[c];
    struct tally *tally = tally_of(reader, tallies, c, column->id);
    if (!tally || column->size == 0)
      continue;
    tally->bytes += column->size;
    hdx_buffer_clear(text);
    if (c >= HDX_KEYS) {
      status = describe_texts(reader, column, tally, text, error);
      continue;
    }
    if (c == HDX_TIMES)
      hdx_times_describe(column->data, column->size, zone->flags, text);
    else if (c == HDX_SIZES)
      hdx_sizes_describe(column->data, column->size, text);
    else
      hdx_buffer_append_format(text, "%s", hdx_ints_body_name(column->data[0]));
    status = count_way(tally, text, error);
  }
  return status == HDX_OK ? status : hdx_error_context(error, status, "%s: block %zu", reader->path, n);
}

static int by_blocks(const void *a, const void *b) {
  const struct way *x = a, *y = b;
  return (x->blocks < y->blocks) - (x->blocks > y->blocks);
}

/* The list and its texts in one piece of memory. */
static enum hdx_status hand_out(struct tally *tallies, size_t count, struct hdx_column_info **columns, size_t *used,
                                struct hdx_error *error) {
  struct hdx_buffer texts;
  size_t *ends = calloc(2 * count, sizeof *ends), n = 0;
  if (!ends)
    return hdx_error_memory(error, 2 * count * sizeof *ends);
  hdx_buffer_init(&texts, HDX_FOOTER_BYTES_MAX);
  for (size_t t = 0; t < count; t++) {
    struct tally *tally = &tallies[t];
    qsort(tally->ways, tally->way_count, sizeof *tally->ways, by_blocks);
    hdx_buffer_append_text(&texts, tally->name);
    hdx_buffer_append_byte(&texts, 0);
    ends[2 * t] = texts.size;
    for (size_t i = 0; i < tally->way_count; i++)
      hdx_buffer_append_format(&texts, "%s%s (%zu)", i ? "; " : "", tally->ways[i].text, tally->ways[i].blocks);
    if (tally->others)
      hdx_buffer_append_format(&texts, "; others (%zu)", tally->others);
    hdx_buffer_append_byte(&texts, 0);
    ends[2 * t + 1] = texts.size;
  }
  enum hdx_status status = hdx_buffer_status(&texts, "description", error);
  struct hdx_column_info *list = status == HDX_OK ? malloc(count * sizeof *list + texts.size) : NULL;
  if (list) {
    char *copy = (char *)(list + count);
    memcpy(copy, texts.data, texts.size);
    for (size_t t = 0; t < count; t++)
      if (tallies[t].bytes)
        list[n++] = (struct hdx_column_info){copy + (t ? ends[2 * t - 1] : 0), tallies[t].bytes, copy + ends[2 * t]};
    *columns = list;
    *used = n;
  } else if (status == HDX_OK) {
    status = hdx_error_memory(error, count * sizeof *list + texts.size);
  }
  hdx_buffer_deinit(&texts);
  free(ends);
  return status;
}

enum hdx_status hdx_reader_columns(const struct hdx_reader *reader, struct hdx_column_info **columns, size_t *count,
                                   struct hdx_error *error) {
  static const char *const names[HDX_PLAIN_COLUMNS] = {"times", "filesize", "year", "datakey"};
  size_t tally_count = HDX_PLAIN_COLUMNS + reader->footer.column_count;
  struct tally *tallies = calloc(tally_count, sizeof *tallies);
  struct hdx_block block;
  struct hdx_buffer text;
  if (!tallies)
    return hdx_error_memory(error, tally_count * sizeof *tallies);
  for (size_t t = 0; t < tally_count; t++)
    tallies[t].name = t < HDX_PLAIN_COLUMNS ? hdx_text_of(names[t]) : reader->footer.column_names[t - HDX_EXTRAS];
  hdx_block_init(&block);
  hdx_buffer_init(&text, HDX_TEMPLATE_TEXT_MAX);
  enum hdx_status status = HDX_OK;
  for (size_t n = 0; status == HDX_OK && n < reader->footer.zone_count; n++)
    status = describe_block(reader, n, &block, tallies, &text, error);
  if (status == HDX_OK)
    status = hand_out(tallies, tally_count, columns, count, error);
  for (size_t t = 0; t < tally_count; t++)
    for (size_t i = 0; i < tallies[t].way_count; i++)
      free(tallies[t].ways[i].text);
  hdx_buffer_deinit(&text);
  hdx_block_deinit(&block);
  free(tallies);
  return status;
}

void hdx_column_info_free(struct hdx_column_info *columns) {
  free(columns);
}
