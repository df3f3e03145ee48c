/* Columns of texts to few bytes and back: most rows follow from a template (codec/template.h), whose numbers go through
 * the codec of integers; texts that fit none lie in a heap (codec/texts.h). Pure.
 *
 *   column   heap u8 (0 or 1: there is a heap) | if templates and heap together are more than one: size varint of kinds
 *            | for each stream of each template: size varint | kinds | the streams | the heap: a column of texts
 *            of a number of rows that the reader knows beforehand, as it does the column's templates (1 to 64 of them,
 *            or none) and the rows' times
 *     kinds    stream of integers: the place of each row's template in the list; the number of templates: heap
 *     streams  of integers, in the order of codec/template.h: the numbers of the rows that the template has, in their
 *              order. Every template has rows, and so has the heap. */
#ifndef HDX_CODEC_COLUMN_H
#define HDX_CODEC_COLUMN_H

#include "codec/ints.h"
#include "codec/template.h"
#include "codec/texts.h"

#include <pthread.h>

enum {
  HDX_COLUMN_TEMPLATES_MAX = 64,
  HDX_BOOK_MAX = 65536,
  HDX_BOOK_WRITTEN = 4096 /* beyond that, a dataset's texts have no pattern: no more are looked for */
};

/* ---- the templates of a dataset ---- */

/* Templates by number. They are only added, and stay where they are: any thread may ask at any time. */
struct hdx_book {
  pthread_mutex_t lock;
  struct hdx_template **templates;
  size_t count, capacity;
};

void hdx_book_init(struct hdx_book *book);
void hdx_book_deinit(struct hdx_book *book);
/* The number of a template, new or known. INTEGRITY: not a template; LIMIT: more than HDX_BOOK_MAX; MEMORY. */
enum hdx_status hdx_book_add(struct hdx_book *book, struct hdx_text bytes, uint32_t *id, struct hdx_error *error);
/* Appends one, whether it is known or not: its number is how many there were. */
enum hdx_status hdx_book_append(struct hdx_book *book, struct hdx_text bytes, struct hdx_error *error);
size_t hdx_book_count(struct hdx_book *book);
/* NULL: there is none with this number. */
const struct hdx_template *hdx_book_at(struct hdx_book *book, uint32_t id);

/* ---- writing ---- */

enum { HDX_COLUMN_STREAM_HABITS = 16 };

struct hdx_stream_habit {
  uint32_t id; /* of the template */
  uint8_t stream;
  bool used;
  struct hdx_ints_habit habit;
};

/* What worked for the last block's column is tried first. Zeroed: nothing is known. */
struct hdx_column_habit {
  uint32_t templates[HDX_COLUMN_TEMPLATES_MAX];
  size_t count;
  size_t in_vain; /* blocks in a row for which no template was found */
  struct hdx_ints_habit kinds;
  struct hdx_stream_habit streams[HDX_COLUMN_STREAM_HABITS];
  size_t stream_next;
};

struct hdx_column_encoder {
  struct hdx_ints_encoder *ints; /* the caller's */
  struct hdx_texts_encoder texts;
  uint8_t *kinds;
  uint32_t *left; /* rows without a template */
  struct hdx_text *heap;
  int64_t *numbers, *wide; /* what templates say of each row; one stream of them */
  size_t capacity;
  struct hdx_buffer parts;
};

void hdx_column_encoder_init(struct hdx_column_encoder *encoder, struct hdx_ints_encoder *ints);
void hdx_column_encoder_deinit(struct hdx_column_encoder *encoder);
/* Of memory that it holds. */
size_t hdx_column_encoder_bytes(const struct hdx_column_encoder *encoder);

/* Appends the column of 1 to HDX_INTS_MAX texts; ids[0 … *id_count) become its templates. `stop` may be NULL (no row
 * has one). LIMIT: a text or all of them are too large; MEMORY. */
enum hdx_status hdx_column_encode(struct hdx_column_encoder *encoder, struct hdx_book *book,
                                  struct hdx_column_habit *habit, const struct hdx_text *texts, const int64_t *start,
                                  const int64_t *stop, size_t count, uint32_t ids[HDX_COLUMN_TEMPLATES_MAX],
                                  size_t *id_count, struct hdx_buffer *out, struct hdx_error *error);

/* ---- reading ---- */

/* A column that is read. Keeps its memory when it is opened again; otherwise views. */
struct hdx_column {
  size_t count, template_count;
  const struct hdx_template *templates[HDX_COLUMN_TEMPLATES_MAX];
  uint8_t *kinds;                               /* of each row, or NULL: all are alike */
  size_t rows_of[HDX_COLUMN_TEMPLATES_MAX + 1]; /* the last: of the heap */
  int64_t **streams[HDX_COLUMN_TEMPLATES_MAX];  /* of each template, each of rows_of numbers */
  struct hdx_texts texts;                       /* the heap */
  bool has_heap;
  struct hdx_ints ints;
  uint8_t *kinds_memory;
  int64_t *wide; /* scratch, as the kinds of `capacity` rows */
  void *memory;  /* of streams */
  size_t capacity, memory_capacity;
  struct hdx_text *group; /* scratch: texts of one group of the heap */
  struct hdx_template_state *states;
  size_t state_count;
};

void hdx_column_init(struct hdx_column *column);
void hdx_column_deinit(struct hdx_column *column);
/* Of memory that it holds. */
size_t hdx_column_bytes(const struct hdx_column *column);

/* Looks at a column of `count` texts that has exactly `size` bytes. INTEGRITY, MEMORY. */
enum hdx_status hdx_column_open(struct hdx_column *column, struct hdx_zstd *zstd, struct hdx_book *book,
                                const uint32_t *ids, size_t id_count, const void *data, size_t size, size_t count,
                                struct hdx_error *error);

/* Room that the texts of rows[0 … count), ascending, take in memory at the most. INTEGRITY: more than
 * HDX_TEXTS_BYTES_MAX. */
enum hdx_status hdx_column_size(const struct hdx_column *column, const uint32_t *rows, size_t count, size_t *bytes,
                                struct hdx_error *error);

/* Decodes the texts of rows[0 … count), ascending, to out[0 …]; their bytes go to `memory`, which has room for
 * hdx_column_size. start and stop are of every row of the column. INTEGRITY. */
enum hdx_status hdx_column_read(struct hdx_column *column, const int64_t *start, const int64_t *stop,
                                const uint32_t *rows, size_t count, struct hdx_text *out, char *memory,
                                struct hdx_error *error);

#endif
