/* Texts to a column. (The way back: column_read.c.) */
#include "codec/column.h"

#include "base/error.h"
#include "codec/bytes.h"

#include <assert.h>
#include <stdlib.h>

enum {
  TEMPLATES_WRITTEN = 48, /* of one block's column; the rest goes to the heap */
  VAIN_TRIES = 3,         /* examples that are tried before a column counts as having no template */
  VAIN_BLOCKS = 8,        /* after so many blocks without one, only each so-manieth is tried */
  FEW_ROWS = 256,         /* a template that fits fewer than one of so many rows is not worth its bytes */
  STREAMS_WRITTEN = 16,   /* of a template */
  HABIT_TEMPLATES = 32,
  UNFIT = 255
};

/* ---- the book ---- */

void hdx_book_init(struct hdx_book *book) {
  *book = (struct hdx_book){.count = 0};
  pthread_mutex_init(&book->lock, NULL);
}

void hdx_book_deinit(struct hdx_book *book) {
  for (size_t i = 0; i < book->count; i++)
    hdx_template_free(book->templates[i]);
  free(book->templates);
  pthread_mutex_destroy(&book->lock);
}

/* The lock is held. */
static enum hdx_status append(struct hdx_book *book, struct hdx_text bytes, struct hdx_error *error) {
  if (book->count == HDX_BOOK_MAX)
    return hdx_error_set(error, HDX_LIMIT, "more than %d templates", HDX_BOOK_MAX);
  if (book->count == book->capacity) {
    size_t capacity = book->capacity ? 2 * book->capacity : 8;
    struct hdx_template **templates = realloc(book->templates, capacity * sizeof *templates);
    if (!templates)
      return hdx_error_memory(error, capacity * sizeof *templates);
    book->templates = templates;
    book->capacity = capacity;
  }
  enum hdx_status status = hdx_template_create(bytes, &book->templates[book->count], error);
  book->count += status == HDX_OK;
  return status;
}

enum hdx_status hdx_book_append(struct hdx_book *book, struct hdx_text bytes, struct hdx_error *error) {
  pthread_mutex_lock(&book->lock);
  enum hdx_status status = append(book, bytes, error);
  pthread_mutex_unlock(&book->lock);
  return status;
}

enum hdx_status hdx_book_add(struct hdx_book *book, struct hdx_text bytes, uint32_t *id, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  size_t i = 0;
  pthread_mutex_lock(&book->lock);
  while (i < book->count && !hdx_text_equal(book->templates[i]->bytes, bytes))
    i++;
  if (i == book->count)
    status = append(book, bytes, error);
  pthread_mutex_unlock(&book->lock);
  if (status == HDX_OK)
    *id = (uint32_t)i;
  return status;
}

size_t hdx_book_count(struct hdx_book *book) {
  pthread_mutex_lock(&book->lock);
  size_t count = book->count;
  pthread_mutex_unlock(&book->lock);
  return count;
}

const struct hdx_template *hdx_book_at(struct hdx_book *book, uint32_t id) {
  pthread_mutex_lock(&book->lock);
  const struct hdx_template *template = id < book->count ? book->templates[id] : NULL;
  pthread_mutex_unlock(&book->lock);
  return template;
}

/* ---- scratch ---- */

void hdx_column_encoder_init(struct hdx_column_encoder *encoder, struct hdx_ints_encoder *ints) {
  *encoder = (struct hdx_column_encoder){.ints = ints};
  hdx_texts_encoder_init(&encoder->texts, ints->zstd);
  hdx_buffer_init(&encoder->parts, (size_t)HDX_TEXTS_BYTES_MAX * 2);
}

void hdx_column_encoder_deinit(struct hdx_column_encoder *encoder) {
  hdx_texts_encoder_deinit(&encoder->texts);
  hdx_buffer_deinit(&encoder->parts);
  free(encoder->kinds);
  free(encoder->left);
  free(encoder->heap);
  free(encoder->numbers);
  free(encoder->wide);
}

size_t hdx_column_encoder_bytes(const struct hdx_column_encoder *encoder) {
  return encoder->parts.capacity + encoder->texts.raw.capacity +
         encoder->capacity * (STREAMS_WRITTEN + 1) * sizeof *encoder->numbers;
}

static enum hdx_status grow(struct hdx_column_encoder *encoder, size_t count, struct hdx_error *error) {
  if (count <= encoder->capacity)
    return HDX_OK;
  free(encoder->kinds);
  free(encoder->left);
  free(encoder->heap);
  free(encoder->wide);
  free(encoder->numbers);
  encoder->capacity = 0;
  encoder->kinds = malloc(count);
  encoder->left = malloc(count * sizeof *encoder->left);
  encoder->heap = malloc(count * sizeof *encoder->heap);
  encoder->wide = malloc(count * sizeof *encoder->wide);
  encoder->numbers = malloc(count * STREAMS_WRITTEN * sizeof *encoder->numbers);
  if (!encoder->kinds || !encoder->left || !encoder->heap || !encoder->wide || !encoder->numbers)
    return hdx_error_memory(error, count * sizeof *encoder->wide);
  encoder->capacity = count;
  return HDX_OK;
}

/* ---- templates for rows ---- */

/* The column in the making. */
struct making {
  struct hdx_column_encoder *encoder;
  const struct hdx_text *texts;
  const int64_t *start, *stop;
  size_t count, left; /* rows; those without a template */
  const struct hdx_template *templates[HDX_COLUMN_TEMPLATES_MAX];
  uint32_t ids[HDX_COLUMN_TEMPLATES_MAX];
  size_t rows_of[HDX_COLUMN_TEMPLATES_MAX];
  size_t template_count;
  uint8_t next[HDX_COLUMN_TEMPLATES_MAX]; /* the one that followed each the last time */
  struct hdx_template_state states[HDX_COLUMN_TEMPLATES_MAX];
};

static int64_t *numbers_of(const struct making *making, size_t row) {
  return making->encoder->numbers + row * STREAMS_WRITTEN;
}

static bool fits(struct making *making, size_t t, size_t row) {
  return hdx_template_match(making->templates[t], &making->states[t], making->texts[row], making->start[row],
                            making->stop ? making->stop[row] : HDX_TIME_NONE, numbers_of(making, row));
}

/* False: it is not for this writer. */
static bool take_template(struct making *making, const struct hdx_template *template, uint32_t id) {
  size_t t = making->template_count;
  if (t == TEMPLATES_WRITTEN || template->stream_count > STREAMS_WRITTEN)
    return false;
  making->templates[t] = template;
  making->ids[t] = id;
  making->rows_of[t] = 0;
  making->states[t] = (struct hdx_template_state){0};
  making->template_count++;
  return true;
}

static size_t find(struct making *making, size_t row, size_t last) {
  if (last >= making->template_count)
    return UNFIT;
  if (fits(making, last, row))
    return last;
  size_t next = making->next[last];
  if (next != last && fits(making, next, row))
    return next;
  for (size_t t = 0; t < making->template_count; t++)
    if (t != last && t != next && hdx_template_alike(making->templates[t], making->texts[row]) &&
        fits(making, t, row)) {
      making->next[last] = (uint8_t)t;
      return t;
    }
  return UNFIT;
}

/* Gives rows to the templates there are: the last one that fitted first, then the one that followed it before. */
static void match_known(struct making *making) {
  size_t last = 0;
  for (size_t i = 0; i < making->count; i++) {
    size_t t = find(making, i, last);
    making->encoder->kinds[i] = (uint8_t)t;
    if (t == UNFIT) {
      making->encoder->left[making->left++] = (uint32_t)i;
      continue;
    }
    making->rows_of[t]++;
    last = t;
  }
}

/* Gives the rows left to a new template, if they are enough. False: they are not. */
static bool match_new(struct making *making) {
  size_t t = making->template_count - 1, left = 0;
  uint32_t *rows = making->encoder->left;
  uint8_t *kinds = making->encoder->kinds;
  bool fit = true; /* the row before: neighbours mostly are alike */
  for (size_t i = 0; i < making->left; i++) {
    fit = (fit || hdx_template_alike(making->templates[t], making->texts[rows[i]])) && fits(making, t, rows[i]);
    kinds[rows[i]] = fit ? (uint8_t)t : UNFIT;
    making->rows_of[t] += fit;
  }
  if (making->rows_of[t] < 2 + making->left / FEW_ROWS && making->rows_of[t] < making->left) {
    for (size_t i = 0; i < making->left; i++)
      kinds[rows[i]] = UNFIT;
    return false;
  }
  for (size_t i = 0; i < making->left; i++)
    if (kinds[rows[i]] == UNFIT)
      rows[left++] = rows[i];
  making->left = left;
  return true;
}

/* Looks for templates of the rows left, until some examples in a row gave none. */
static enum hdx_status find_new(struct making *making, struct hdx_book *book, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  struct hdx_buffer bytes;
  hdx_buffer_init(&bytes, HDX_TEMPLATE_BYTES_MAX);
  for (size_t vain = 0; status == HDX_OK && making->left && vain < VAIN_TRIES; vain++) {
    size_t example = making->left * vain / VAIN_TRIES;
    struct hdx_template *template = NULL;
    hdx_buffer_clear(&bytes);
    if (!hdx_template_infer(making->texts, making->start, making->stop, making->encoder->left + example,
                            making->left - example, &bytes))
      continue;
    status = hdx_template_create(hdx_buffer_text(&bytes), &template, error);
    if (status != HDX_OK || !take_template(making, template, 0)) {
      hdx_template_free(template);
      if (making->template_count == TEMPLATES_WRITTEN)
        break;
      continue; /* a text with more numbers than are written */
    }
    size_t t = making->template_count - 1;
    if (match_new(making)) {
      status = hdx_book_add(book, template->bytes, &making->ids[t], error);
      making->templates[t] = status == HDX_OK ? hdx_book_at(book, making->ids[t]) : NULL;
      vain = SIZE_MAX; /* 0 after the loop's step */
    } else {
      making->template_count--;
    }
    hdx_template_free(template);
  }
  hdx_buffer_deinit(&bytes);
  return status;
}

/* Forgets templates without rows. */
static void drop_unused(struct making *making) {
  uint8_t renamed[256] = {0}, *kinds = making->encoder->kinds;
  size_t kept = 0;
  for (size_t t = 0; t < making->template_count; t++) {
    if (!making->rows_of[t])
      continue;
    renamed[t] = (uint8_t)kept;
    making->templates[kept] = making->templates[t];
    making->ids[kept] = making->ids[t];
    making->rows_of[kept++] = making->rows_of[t];
  }
  renamed[UNFIT] = (uint8_t)kept;
  bool same = kept == making->template_count && making->left == 0;
  making->template_count = kept;
  for (size_t i = 0; !same && i < making->count; i++)
    kinds[i] = renamed[kinds[i]];
}

static enum hdx_status find_templates(struct making *making, struct hdx_book *book, struct hdx_column_habit *habit,
                                      struct hdx_error *error) {
  for (size_t i = 0; i < habit->count; i++) {
    const struct hdx_template *template = hdx_book_at(book, habit->templates[i]);
    if (template)
      take_template(making, template, habit->templates[i]);
  }
  match_known(making);
  enum hdx_status status = HDX_OK;
  bool room = hdx_book_count(book) < HDX_BOOK_WRITTEN;
  if (making->left && room && (habit->in_vain < VAIN_BLOCKS || habit->in_vain % VAIN_BLOCKS == 0))
    status = find_new(making, book, error);
  drop_unused(making);
  habit->in_vain = making->template_count ? 0 : habit->in_vain + 1;
  return status;
}

/* Those in use come first, then what was known before. */
static void learn(struct hdx_column_habit *habit, const struct making *making) {
  uint32_t before[HDX_COLUMN_TEMPLATES_MAX];
  size_t count = habit->count;
  memcpy(before, habit->templates, count * sizeof *before);
  memcpy(habit->templates, making->ids, making->template_count * sizeof *before);
  habit->count = making->template_count;
  for (size_t i = 0; i < count && habit->count < HABIT_TEMPLATES; i++) {
    size_t t = 0;
    while (t < making->template_count && making->ids[t] != before[i])
      t++;
    if (t == making->template_count)
      habit->templates[habit->count++] = before[i];
  }
}

/* ---- writing ---- */

/* Appends a stream to the parts and its size to `out`. */
static enum hdx_status put_stream(struct hdx_column_encoder *encoder, const int64_t *values, size_t count,
                                  struct hdx_ints_habit *habit, struct hdx_buffer *out, struct hdx_error *error) {
  size_t at = encoder->parts.size;
  enum hdx_status status = hdx_ints_encode(encoder->ints, values, count, habit, &encoder->parts, error);
  hdx_put_varint(out, encoder->parts.size - at);
  return status;
}

static enum hdx_status put_kinds(struct making *making, struct hdx_column_habit *habit, struct hdx_buffer *out,
                                 struct hdx_error *error) {
  int64_t *wide = making->encoder->wide;
  if (making->template_count + (making->left > 0) < 2)
    return HDX_OK;
  for (size_t i = 0; i < making->count; i++)
    wide[i] = making->encoder->kinds[i];
  return put_stream(making->encoder, wide, making->count, &habit->kinds, out, error);
}

/* What is known of a template's stream; the oldest makes room for a new one. */
static struct hdx_ints_habit *habit_of(struct hdx_column_habit *habit, uint32_t id, size_t stream) {
  for (size_t i = 0; i < HDX_COLUMN_STREAM_HABITS; i++)
    if (habit->streams[i].used && habit->streams[i].id == id && habit->streams[i].stream == stream)
      return &habit->streams[i].habit;
  size_t i = habit->stream_next++ % HDX_COLUMN_STREAM_HABITS;
  habit->streams[i] = (struct hdx_stream_habit){.id = id, .stream = (uint8_t)stream, .used = true};
  return &habit->streams[i].habit;
}

static enum hdx_status put_streams(struct making *making, struct hdx_column_habit *habit, struct hdx_buffer *out,
                                   struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  int64_t *wide = making->encoder->wide;
  for (size_t t = 0; t < making->template_count; t++)
    for (size_t s = 0; status == HDX_OK && s < making->templates[t]->stream_count; s++) {
      size_t n = 0;
      for (size_t i = 0; i < making->count; i++)
        if (making->encoder->kinds[i] == t)
          wide[n++] = numbers_of(making, i)[s];
      status = put_stream(making->encoder, wide, n, habit_of(habit, making->ids[t], s), out, error);
    }
  return status;
}

static enum hdx_status put_heap(struct making *making, struct hdx_buffer *out, struct hdx_error *error) {
  struct hdx_column_encoder *encoder = making->encoder;
  if (!making->left)
    return HDX_OK;
  for (size_t i = 0; i < making->left; i++)
    encoder->heap[i] = making->texts[encoder->left[i]];
  return hdx_texts_encode(&encoder->texts, encoder->heap, making->left, out, error);
}

/* What one text may be, and all of them: the heap checks its own, templates fit no longer ones. */
static enum hdx_status check_sizes(const struct hdx_text *texts, size_t count, struct hdx_error *error) {
  size_t total = 0;
  for (size_t i = 0; i < count; i++) {
    if (texts[i].size > HDX_TEXT_BYTES_MAX)
      return hdx_error_set(error, HDX_LIMIT, "a text of %zu bytes, at most %u are possible", texts[i].size,
                           HDX_TEXT_BYTES_MAX);
    total += texts[i].size;
  }
  if (total > HDX_TEXTS_BYTES_MAX)
    return hdx_error_set(error, HDX_LIMIT, "%zu bytes of text in one block, at most %u are possible", total,
                         HDX_TEXTS_BYTES_MAX);
  return HDX_OK;
}

enum hdx_status hdx_column_encode(struct hdx_column_encoder *encoder, struct hdx_book *book,
                                  struct hdx_column_habit *habit, const struct hdx_text *texts, const int64_t *start,
                                  const int64_t *stop, size_t count, uint32_t ids[HDX_COLUMN_TEMPLATES_MAX],
                                  size_t *id_count, struct hdx_buffer *out, struct hdx_error *error) {
  assert(count > 0 && count <= HDX_INTS_MAX);
  struct making making = {.encoder = encoder, .texts = texts, .start = start, .stop = stop, .count = count};
  enum hdx_status status = check_sizes(texts, count, error);
  if (status == HDX_OK)
    status = grow(encoder, count, error);
  if (status == HDX_OK)
    status = find_templates(&making, book, habit, error);
  if (status != HDX_OK)
    return status;
  learn(habit, &making);
  hdx_buffer_clear(&encoder->parts);
  hdx_buffer_append_byte(out, making.left > 0);
  status = put_kinds(&making, habit, out, error);
  if (status == HDX_OK)
    status = put_streams(&making, habit, out, error);
  if (status != HDX_OK)
    return status;
  hdx_buffer_append_buffer(out, &encoder->parts);
  status = put_heap(&making, out, error);
  memcpy(ids, making.ids, making.template_count * sizeof *ids);
  *id_count = making.template_count;
  return status == HDX_OK ? hdx_buffer_status(out, "texts of a block", error) : status;
}
