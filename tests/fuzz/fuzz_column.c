/* layer: codec */
/* Columns of texts of any bytes: what opens gives the same texts whole and in part; and any texts come back.
 *
 * The first byte's lowest bit tells which:
 *   0  rows - 1 as u8, number of templates as u8, for each: size u8 and bytes; then the column, whose templates are all
 *      of these in order
 *   1  step of the rows' starts in seconds as u16, how many times all texts are there as u8; then texts, one a line;
 *      written twice, by the same habit */
#include "codec/bytes.h"
#include "codec/column.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS_MAX = 3000 };
#define SECOND INT64_C(1000000000)

static struct hdx_zstd *zstd;
static int64_t start[ROWS_MAX], stop[ROWS_MAX];
static uint32_t rows[ROWS_MAX];

static void require(bool ok) {
  if (!ok)
    abort();
}

/* The texts of rows[0 … count), NULL: there are none to be had. They live in *memory. */
static struct hdx_text *read_rows(struct hdx_column *column, size_t count, char **memory) {
  struct hdx_error error;
  struct hdx_text *texts = malloc((count + 1) * sizeof *texts);
  size_t bytes = 0;
  *memory = NULL;
  enum hdx_status status = hdx_column_size(column, rows, count, &bytes, &error);
  if (status == HDX_OK) {
    *memory = malloc(bytes);
    status = hdx_column_read(column, start, stop, rows, count, texts, *memory, &error);
  }
  require(status == HDX_OK || status == HDX_INTEGRITY);
  if (status == HDX_OK)
    return texts;
  free(texts);
  free(*memory);
  *memory = NULL;
  return NULL;
}

/* Reads all texts (which have to be `want`, if it is not NULL), and some of them. */
static void check(struct hdx_column *column, size_t count, const struct hdx_text *want) {
  char *memory, *other;
  for (size_t i = 0; i < count; i++)
    rows[i] = (uint32_t)i;
  struct hdx_text *all = read_rows(column, count, &memory);
  require(all || !want);
  for (size_t i = 0; want && i < count; i++)
    require(hdx_text_equal(all[i], want[i]));
  for (size_t step = 2; all && step < 12; step += 3) {
    size_t n = 0;
    for (size_t i = step / 2; i < count; i += step)
      rows[n++] = (uint32_t)i;
    struct hdx_text *some = read_rows(column, n, &other);
    require(some != NULL);
    for (size_t i = 0; i < n; i++)
      require(hdx_text_equal(some[i], all[rows[i]]));
    free(some);
    free(other);
  }
  free(all);
  free(memory);
}

static void fuzz_bytes(const uint8_t *data, size_t size) {
  struct hdx_bytes in = hdx_bytes_of(data, size);
  struct hdx_book book;
  struct hdx_column column;
  struct hdx_error error;
  uint32_t ids[HDX_COLUMN_TEMPLATES_MAX];
  size_t count = (size_t)hdx_get_u8(&in) + 1, ids_count = hdx_get_u8(&in) % HDX_COLUMN_TEMPLATES_MAX, kept = 0;
  hdx_book_init(&book);
  hdx_column_init(&column);
  for (size_t t = 0; t < ids_count; t++) {
    size_t bytes = hdx_get_u8(&in);
    const uint8_t *at = hdx_get_bytes(&in, bytes);
    if (at && hdx_book_append(&book, (struct hdx_text){(const char *)at, bytes}, &error) == HDX_OK)
      ids[kept++] = (uint32_t)book.count - 1;
  }
  size_t left = hdx_bytes_left(&in);
  char *exact = malloc(left ? left : 1);
  if (left)
    memcpy(exact, in.at, left);
  enum hdx_status status = hdx_column_open(&column, zstd, &book, ids, kept, exact, left, count, &error);
  require(status == HDX_OK || status == HDX_INTEGRITY);
  if (status == HDX_OK)
    check(&column, count, NULL);
  hdx_column_deinit(&column);
  hdx_book_deinit(&book);
  free(exact);
}

static void roundtrip(struct hdx_column_encoder *encoder, struct hdx_book *book, struct hdx_column_habit *habit,
                      const struct hdx_text *texts, size_t count) {
  struct hdx_buffer out;
  struct hdx_column column;
  struct hdx_error error;
  uint32_t ids[HDX_COLUMN_TEMPLATES_MAX];
  size_t ids_count;
  hdx_buffer_init(&out, SIZE_MAX);
  hdx_column_init(&column);
  require(hdx_column_encode(encoder, book, habit, texts, start, stop, count, ids, &ids_count, &out, &error) == HDX_OK);
  require(hdx_column_open(&column, zstd, book, ids, ids_count, out.data, out.size, count, &error) == HDX_OK);
  check(&column, count, texts);
  hdx_column_deinit(&column);
  hdx_buffer_deinit(&out);
}

static void fuzz_texts(const uint8_t *data, size_t size) {
  static struct hdx_text texts[ROWS_MAX];
  if (size < 3)
    return;
  size_t count = 0, times = data[2] % 16 ? data[2] % 16 : (size_t)data[2] + 1; /* seldom many: that takes long */
  for (size_t time = 0; time < times; time++) {
    const char *at = (const char *)data + 3, *end = (const char *)data + size;
    for (; count < ROWS_MAX && at < end; count++) {
      const char *line = memchr(at, '\n', (size_t)(end - at));
      line = line ? line : end;
      texts[count] = (struct hdx_text){at, (size_t)(line - at)};
      at = line + 1;
    }
  }
  int64_t at = INT64_C(1262304000) * SECOND;
  for (size_t i = 0; i < count; i++, at += (int64_t)(data[0] | data[1] << 8) * SECOND) {
    start[i] = at;
    stop[i] = i % 9 == 8 ? HDX_TIME_NONE : at + 60 * SECOND;
  }
  if (count == 0)
    return;
  struct hdx_book book;
  struct hdx_column_habit habit = {.count = 0};
  struct hdx_ints_encoder ints;
  struct hdx_column_encoder encoder;
  hdx_book_init(&book);
  hdx_ints_encoder_init(&ints, zstd);
  hdx_column_encoder_init(&encoder, &ints);
  roundtrip(&encoder, &book, &habit, texts, count);
  roundtrip(&encoder, &book, &habit, texts, (count + 1) / 2);
  hdx_column_encoder_deinit(&encoder);
  hdx_ints_encoder_deinit(&ints);
  hdx_book_deinit(&book);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  zstd = zstd ? zstd : hdx_zstd_create();
  if (size == 0)
    return 0;
  for (size_t i = 0; i < ROWS_MAX; i++) {
    start[i] = (int64_t)i * 7919 * SECOND;
    stop[i] = start[i] + 60 * SECOND;
  }
  if (*data & 1)
    fuzz_texts(data + 1, size - 1);
  else
    fuzz_bytes(data + 1, size - 1);
  return 0;
}
