/* Rows copied to arrays of every shape, compared with the same rows as hdx_query_next hands them out. Arrays are made
 * exactly as large as they are said to be, for the address sanitizer. */
#include "archive.h"
#include "base/buffer.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { ONE_ROWS = 20000, TWO_ROWS = 3000, VERSIONS_ROWS = 900, EXTRAS_MAX = 4, TEXTS_MAX = 1 + EXTRAS_MAX };
enum { START = 1, STOP = 2, SIZE = 4, KEY = 8, DATASET = 16, EXTRA = 32, ALL = 63 };

static struct hdx_error error;

/* ---- datasets ---- */

static void put_time(FILE *file, unsigned second, char end) {
  fprintf(file, "2019-01-%02uT%02u:%02u:%02uZ%c", 1 + second / 86400, second / 3600 % 24, second / 60 % 60, second % 60,
          end);
}

/* Some rows without a size, some extras not stated; keys of several forms and lengths, two of them empty. */
static void write_rows(const char *name, const char *header, unsigned rows, unsigned step) {
  FILE *file = archive_create(name);
  fprintf(file, "%s\n", header);
  for (unsigned i = 0; i < rows; i++) {
    put_time(file, i * step, ',');
    put_time(file, i * step + 7, ',');
    if (i % 97 == 5)
      fprintf(file, "odd/%0*u", (int)(i % 300), i);
    else if (i != 400 && i != 401)
      fprintf(file, "s3://b/%s/%u/image_%06u_v%u.fits", name, i % 7, i * step, i % 3);
    if (i % 11 == 3)
      fprintf(file, ",,");
    else
      fprintf(file, ",%u,", i * 13 % 1000000);
    if (i % 5)
      fprintf(file, "%x", i * 2654435761u);
    fprintf(file, ",%s\n", i % 2 ? "md5" : "");
  }
  assert_int_equal(fclose(file), 0);
}

/* Up to three versions of a file that start at one instant. */
static void write_versions(void) {
  FILE *file = archive_create("i/versions_2019.csv");
  for (unsigned i = 0; i < VERSIONS_ROWS; i++) {
    put_time(file, i / 3 * 100, ',');
    put_time(file, i / 3 * 100 + 7 + i % 3, ',');
    fprintf(file, "s3://b/v/f%u_v%u.cdf,%u\n", i / 3 + (i % 7 == 0), i % 3, i);
  }
  assert_int_equal(fclose(file), 0);
}

static int set_up(void **state) {
  (void)state;
  archive_open(ARCHIVE_DATASET("one") "," ARCHIVE_DATASET("two") "," ARCHIVE_DATASET("versions"), 0);
  write_rows("i/one_2019.csv", "start,stop,datakey,filesize,checksum,checksum_algorithm", ONE_ROWS, 100);
  write_rows("i/two_2019.csv", "start,stop,datakey,filesize,checksum,wavelength", TWO_ROWS, 300);
  write_versions();
  return 0;
}

static struct hdx_query *open_query(const char *const *ids, size_t id_count, const struct hdx_query_options *options) {
  struct hdx_query *query;
  if (hdx_query_open_many(session, bucket, ids, id_count, options, &query, &error) != HDX_OK)
    fail_msg("%s", error.message);
  return query;
}

/* ---- rows as they are handed out ---- */

struct rows {
  size_t count, extra_count, capacity;
  int64_t *start, *stop, *size;
  uint32_t *dataset;
  size_t *end[TEXTS_MAX]; /* of the key, and of extras */
  struct hdx_buffer text[TEXTS_MAX];
};

static void *grown(void *array, size_t count, size_t width) {
  void *more = realloc(array, count * width);
  assert_non_null(more);
  return more;
}

static void add_row(struct rows *rows, const struct hdx_batch *batch, size_t i) {
  if (rows->count == rows->capacity) {
    rows->capacity = 2 * rows->capacity + 1000;
    rows->start = grown(rows->start, rows->capacity, sizeof *rows->start);
    rows->stop = grown(rows->stop, rows->capacity, sizeof *rows->stop);
    rows->size = grown(rows->size, rows->capacity, sizeof *rows->size);
    rows->dataset = grown(rows->dataset, rows->capacity, sizeof *rows->dataset);
    for (size_t n = 0; n < TEXTS_MAX; n++)
      rows->end[n] = grown(rows->end[n], rows->capacity, sizeof **rows->end);
  }
  rows->start[rows->count] = batch->start[i];
  rows->stop[rows->count] = batch->stop[i];
  rows->size[rows->count] = batch->size[i];
  rows->dataset[rows->count] = batch->dataset ? batch->dataset[i] : 0;
  for (size_t n = 0; n < 1 + batch->extra_count; n++) {
    hdx_buffer_append_text(&rows->text[n], n ? batch->extra[n - 1][i] : batch->key[i]);
    rows->end[n][rows->count] = rows->text[n].size;
  }
  rows->count++;
}

static struct rows read_rows(struct hdx_query *query) {
  struct rows rows = {.extra_count = hdx_query_info(query)->extra_count};
  struct hdx_batch batch;
  assert_true(rows.extra_count <= EXTRAS_MAX);
  for (size_t n = 0; n < TEXTS_MAX; n++)
    hdx_buffer_init(&rows.text[n], 1 << 26);
  hdx_query_rewind(query);
  for (;;) {
    if (hdx_query_next(query, &batch, &error) != HDX_OK)
      fail_msg("%s", error.message);
    if (batch.count == 0)
      break;
    for (size_t i = 0; i < batch.count; i++)
      add_row(&rows, &batch, i);
  }
  hdx_query_rewind(query);
  return rows;
}

static void free_rows(struct rows *rows) {
  free(rows->start);
  free(rows->stop);
  free(rows->size);
  free(rows->dataset);
  for (size_t n = 0; n < TEXTS_MAX; n++) {
    free(rows->end[n]);
    hdx_buffer_deinit(&rows->text[n]);
  }
}

static struct hdx_text text_at(const struct rows *rows, size_t n, size_t i) {
  size_t from = i ? rows->end[n][i - 1] : 0;
  return hdx_text_sub(hdx_buffer_text(&rows->text[n]), from, rows->end[n][i]);
}

/* ---- arrays ---- */

/* Arrays that are asked for. */
struct shape {
  size_t rows, bytes, extra_bytes; /* bytes of keys, of each array of extras */
  unsigned wanted;
  bool lines;
};

static struct hdx_text_array make_texts(size_t rows, size_t bytes) {
  return (struct hdx_text_array){.end = malloc(rows * sizeof(int64_t)), .bytes = malloc(bytes), .capacity = bytes};
}

static struct hdx_arrays make_arrays(const struct shape *shape, size_t extra_count) {
  struct hdx_arrays arrays = {.capacity = shape->rows, .lines = shape->lines};
  size_t bytes = shape->rows * sizeof(int64_t);
  arrays.start = shape->wanted & START ? malloc(bytes) : NULL;
  arrays.stop = shape->wanted & STOP ? malloc(bytes) : NULL;
  arrays.size = shape->wanted & SIZE ? malloc(bytes) : NULL;
  arrays.dataset = shape->wanted & DATASET ? malloc(shape->rows * sizeof *arrays.dataset) : NULL;
  if (shape->wanted & KEY)
    arrays.key = make_texts(shape->rows, shape->bytes);
  if (shape->wanted & EXTRA) {
    arrays.extra_count = extra_count;
    arrays.extra = calloc(extra_count + 1, sizeof *arrays.extra);
    for (size_t c = 0; c < extra_count; c++)
      if (c != 1) /* not wanted */
        arrays.extra[c] = make_texts(shape->rows, shape->extra_bytes);
  }
  return arrays;
}

static void free_arrays(struct hdx_arrays *arrays) {
  free(arrays->start);
  free(arrays->stop);
  free(arrays->size);
  free(arrays->dataset);
  free(arrays->key.end);
  free(arrays->key.bytes);
  for (size_t c = 0; c < arrays->extra_count; c++) {
    free(arrays->extra[c].end);
    free(arrays->extra[c].bytes);
  }
  free(arrays->extra);
}

/* Whether the texts of rows from `first` on are these. */
static void assert_texts(const struct hdx_text_array *array, bool lines, const struct rows *rows, size_t n,
                         size_t first, size_t count) {
  int64_t from = 0;
  for (size_t i = 0; array->end && i < count; i++) {
    struct hdx_text expected = text_at(rows, n, first + i);
    assert_int_equal(array->end[i] - from, expected.size + lines);
    assert_memory_equal(array->bytes + from, expected.data, expected.size);
    if (lines)
      assert_int_equal(array->bytes[array->end[i] - 1], '\n');
    from = array->end[i];
  }
}

static void assert_rows(const struct hdx_arrays *arrays, const struct rows *rows, size_t first, size_t count) {
  assert_true(first + count <= rows->count);
  if (arrays->start)
    assert_memory_equal(arrays->start, rows->start + first, count * sizeof(int64_t));
  if (arrays->stop)
    assert_memory_equal(arrays->stop, rows->stop + first, count * sizeof(int64_t));
  if (arrays->size)
    assert_memory_equal(arrays->size, rows->size + first, count * sizeof(int64_t));
  if (arrays->dataset)
    assert_memory_equal(arrays->dataset, rows->dataset + first, count * sizeof(uint32_t));
  assert_texts(&arrays->key, arrays->lines, rows, 0, first, count);
  for (size_t c = 0; c < arrays->extra_count; c++)
    assert_texts(&arrays->extra[c], arrays->lines, rows, 1 + c, first, count);
}

/* Bytes of texts n of rows [first, first + count). */
static size_t text_bytes(const struct rows *rows, bool lines, size_t n, size_t first, size_t count) {
  size_t from = first ? rows->end[n][first - 1] : 0, to = first + count ? rows->end[n][first + count - 1] : 0;
  return to - from + (lines ? count : 0);
}

static bool is_wanted(const struct hdx_arrays *arrays, size_t n) {
  return n ? n <= arrays->extra_count && arrays->extra[n - 1].end : arrays->key.end != NULL;
}

/* How many rows from `first` on such arrays have room for, by counting. */
static size_t rows_that_fit(const struct hdx_arrays *arrays, const struct shape *shape, const struct rows *rows,
                            size_t first) {
  size_t count = rows->count - first < shape->rows ? rows->count - first : shape->rows;
  for (size_t n = 0; n < TEXTS_MAX; n++)
    while (is_wanted(arrays, n) &&
           text_bytes(rows, shape->lines, n, first, count) > (n ? shape->extra_bytes : shape->bytes))
      count--;
  return count;
}

/* Takes all rows to arrays of one shape: exactly as many each time as have room. */
static void assert_taken(struct hdx_query *query, const struct rows *rows, const struct shape *shape) {
  struct hdx_arrays arrays = make_arrays(shape, rows->extra_count);
  size_t first = 0, count = 0;
  do {
    if (hdx_query_take(query, &arrays, &count, NULL, &error) != HDX_OK)
      fail_msg("%s", error.message);
    assert_int_equal(count, rows_that_fit(&arrays, shape, rows, first));
    assert_rows(&arrays, rows, first, count);
    first += count;
  } while (count);
  assert_int_equal(first, rows->count);
  hdx_query_rewind(query);
  free_arrays(&arrays);
}

/* ---- tests ---- */

static const char *const one[] = {"one"}, *const both[] = {"two", "one"}, *const versions[] = {"versions", "two"};

/* Every way to ask, in arrays of several shapes. */
static void every_answer_in_every_shape(void **state) {
  static const struct shape shapes[] = {{1, 400, 400, ALL, false},
                                        {7, 1000, 40, ALL, true},
                                        {4096, 1 << 18, 1 << 18, ALL, true},
                                        {5001, 65536, 5000, ALL, false},
                                        {30000, 1 << 22, 1 << 22, ALL, false},
                                        {30000, 1 << 22, 1 << 16, ALL, true}};
  static const struct {
    const char *const *ids;
    size_t id_count;
    bool reverse, latest_version;
    uint64_t limit;
  } answers[] = {{one, 1, false, false, 0},     {one, 1, true, false, 0},       {one, 1, false, false, 12345},
                 {one, 1, true, false, 9000},   {both, 2, false, false, 0},     {both, 2, true, false, 0},
                 {both, 2, false, false, 5000}, {versions, 1, false, true, 0},  {versions, 1, true, true, 0},
                 {versions, 2, false, true, 0}, {versions, 2, true, true, 500}, {versions, 1, false, true, 1}};
  (void)state;
  for (size_t i = 0; i < COUNT(answers); i++) {
    struct hdx_query_options options;
    hdx_query_options_init(&options);
    options.reverse = answers[i].reverse;
    options.latest_version = answers[i].latest_version;
    options.limit = answers[i].limit;
    struct hdx_query *query = open_query(answers[i].ids, answers[i].id_count, &options);
    struct rows rows = read_rows(query);
    assert_true(rows.count > 0 && (!options.limit || rows.count == options.limit));
    for (size_t s = 0; s < COUNT(shapes); s++)
      assert_taken(query, &rows, &shapes[s]);
    free_rows(&rows);
    hdx_query_close(query);
  }
}

/* The same rows, by themselves. */
static void rows_without_extra_columns(void **state) {
  (void)state;
  for (unsigned n = 0; n < 8; n++) {
    struct hdx_query_options options;
    hdx_query_options_init(&options);
    options.reverse = n & 1;
    options.latest_version = n & 2;
    struct hdx_query *whole = open_query(both, n & 4 ? 2 : 1, &options);
    options.no_extras = true;
    struct hdx_query *bare = open_query(both, n & 4 ? 2 : 1, &options);
    assert_int_equal(hdx_query_info(bare)->extra_count, 0);
    struct rows rows = read_rows(whole), found = read_rows(bare);
    assert_true(rows.extra_count >= 2 && found.count == rows.count);
    assert_memory_equal(found.start, rows.start, rows.count * sizeof *rows.start);
    assert_true(hdx_text_equal(hdx_buffer_text(&found.text[0]), hdx_buffer_text(&rows.text[0])));
    for (size_t c = 1; c < TEXTS_MAX; c++)
      assert_int_equal(found.text[c].size, 0);
    const struct shape shape = {5001, 1 << 20, 0, ALL, false};
    assert_taken(bare, &found, &shape);
    free_rows(&rows);
    free_rows(&found);
    hdx_query_close(whole);
    hdx_query_close(bare);
  }
}

/* Every set of columns, none at all included, also where a condition or an order needs others. */
static void every_set_of_columns(void **state) {
  static const char *const keys[] = {"image_*"};
  static const struct hdx_where where = {"checksum", HDX_NOT_EQUAL, ""};
  static const struct {
    const char *const *ids;
    size_t id_count;
    bool filtered, reverse, latest_version;
  } answers[] = {{one, 1, false, false, false}, {one, 1, true, false, false},   {one, 1, true, true, false},
                 {one, 1, false, false, true},  {both, 2, false, false, false}, {both, 2, true, true, false}};
  (void)state;
  for (size_t i = 0; i < COUNT(answers); i++) {
    struct hdx_query_options options;
    hdx_query_options_init(&options);
    options.limit = 3000;
    options.reverse = answers[i].reverse;
    options.latest_version = answers[i].latest_version;
    options.keys = keys;
    options.key_count = options.where_count = answers[i].filtered;
    options.min_size = answers[i].filtered ? 1000 : -1;
    options.wheres = &where;
    struct hdx_query *query = open_query(answers[i].ids, answers[i].id_count, &options);
    struct rows rows = read_rows(query);
    assert_int_equal(rows.count, 3000);
    for (unsigned wanted = 0; wanted <= ALL; wanted++)
      assert_taken(query, &rows, &(struct shape){977, 1 << 17, 1 << 17, wanted, wanted % 2});
    free_rows(&rows);
    hdx_query_close(query);
  }
}

/* Room for texts of exactly so many rows, of one byte less, and of one more. */
static void texts_that_fit_to_the_byte(void **state) {
  static const size_t counts[] = {1, 2, 3, 100, 9999};
  (void)state;
  struct hdx_query *query = open_query(one, 1, NULL);
  struct rows rows = read_rows(query);
  for (size_t i = 0; i < COUNT(counts); i++)
    for (int lines = 0; lines < 2; lines++)
      for (int more = counts[i] == 1 ? 0 : -1; more <= 1; more++) {
        size_t bytes = text_bytes(&rows, lines, 0, 0, counts[i]) + (size_t)more;
        const struct shape shape = {20000, bytes, 0, KEY | SIZE, lines};
        struct hdx_arrays arrays = make_arrays(&shape, 0);
        size_t count;
        assert_int_equal(hdx_query_take(query, &arrays, &count, NULL, &error), HDX_OK);
        assert_int_equal(count, more < 0 ? counts[i] - 1 : counts[i]);
        assert_rows(&arrays, &rows, 0, count);
        free_arrays(&arrays);
        hdx_query_rewind(query);
      }
  free_rows(&rows);
  hdx_query_close(query);
}

/* A row that has no room is told with what it needs, and stays the next one. */
static void a_row_without_room_stays(void **state) {
  (void)state;
  for (int lines = 0; lines < 2; lines++) {
    struct hdx_query *query = open_query(one, 1, NULL);
    struct rows rows = read_rows(query);
    size_t room = 20, first = 0, count = 0, needed = 0, refused = 0;
    while (first < rows.count && first < 600) {
      struct hdx_arrays arrays = make_arrays(&(struct shape){50, room, room, ALL, lines}, rows.extra_count);
      count = 999;
      enum hdx_status status = hdx_query_take(query, &arrays, &count, &needed, &error);
      if (status == HDX_LIMIT) {
        size_t largest = 0;
        for (size_t n = 0; n < 1 + rows.extra_count; n++)
          if (is_wanted(&arrays, n) && text_at(&rows, n, first).size > largest)
            largest = text_at(&rows, n, first).size;
        assert_int_equal(needed, largest + (size_t)lines);
        assert_true(needed > room);
        assert_int_equal(count, 999);
        assert_int_equal(hdx_query_take(query, &arrays, &count, NULL, NULL), HDX_LIMIT);
        room = needed;
        refused++;
      } else {
        assert_int_equal(status, HDX_OK);
        assert_rows(&arrays, &rows, first, count);
        first += count;
        room = 20;
      }
      free_arrays(&arrays);
    }
    assert_true(refused > 100);
    free_rows(&rows);
    hdx_query_close(query);
  }
}

static void wrong_arrays(void **state) {
  int64_t numbers[4];
  char bytes[400];
  struct hdx_text_array extra[EXTRAS_MAX] = {{.end = numbers, .bytes = bytes, .capacity = sizeof bytes}};
  size_t count;
  (void)state;
  struct hdx_query *query = open_query(one, 1, NULL);
  assert_int_equal(hdx_query_take(query, &(struct hdx_arrays){.start = numbers}, &count, NULL, &error), HDX_USAGE);
  struct hdx_arrays arrays = {.capacity = 4, .extra_count = 1, .extra = extra};
  assert_int_equal(hdx_query_take(query, &arrays, &count, NULL, &error), HDX_USAGE);
  assert_non_null(strstr(error.message, "1 extra columns"));
  arrays = (struct hdx_arrays){.capacity = 4, .start = numbers};
  assert_int_equal(hdx_query_take(query, &arrays, &count, NULL, &error), HDX_OK);
  assert_int_equal(count, 4);
  arrays.size = numbers; /* was not decoded */
  assert_int_equal(hdx_query_take(query, &arrays, &count, NULL, &error), HDX_USAGE);
  hdx_query_rewind(query);
  assert_int_equal(hdx_query_take(query, &arrays, &count, NULL, &error), HDX_OK);
  assert_int_equal(numbers[1], 13);
  arrays.key = extra[0]; /* the same after rewinding */
  assert_int_equal(hdx_query_take(query, &arrays, &count, NULL, &error), HDX_USAGE);
  hdx_query_close(query);
}

/* Another range, a sum and a rewinding all begin anew, with other arrays if wanted. */
static void what_begins_anew(void **state) {
  struct hdx_summary sum;
  struct hdx_batch batch;
  (void)state;
  struct hdx_query *query = open_query(one, 1, NULL);
  struct rows rows = read_rows(query);
  struct hdx_arrays arrays = make_arrays(&(struct shape){10, 4000, 4000, ALL, false}, rows.extra_count);
  const struct hdx_arrays starts = {.capacity = 10, .start = arrays.start};
  size_t count;
  for (int n = 0; n < 4; n++) {
    assert_int_equal(hdx_query_take(query, &starts, &count, NULL, &error), HDX_OK);
    assert_int_equal(hdx_query_take(query, &starts, &count, NULL, &error), HDX_OK);
    assert_rows(&starts, &rows, 10, count);
    if (n == 0)
      hdx_query_rewind(query);
    else if (n == 1)
      assert_int_equal(hdx_query_range(query, HDX_TIME_NONE, HDX_TIME_NONE, &error), HDX_OK);
    else
      assert_int_equal(hdx_query_summary(query, HDX_QUERY_ALL, &sum, &error), HDX_OK);
    if (n == 3) {
      assert_int_equal(hdx_query_next(query, &batch, &error), HDX_OK);
      assert_true(batch.start[0] == rows.start[0] && batch.key && batch.extra_count == rows.extra_count);
      break;
    }
    assert_int_equal(hdx_query_take(query, &arrays, &count, NULL, &error), HDX_OK);
    assert_rows(&arrays, &rows, 0, count);
    hdx_query_rewind(query);
  }
  free_arrays(&arrays);
  free_rows(&rows);
  hdx_query_close(query);
}

/* Changes a byte in the middle of the snapshot of "one", or changes it back. */
static void change_snapshot(void) {
  struct hdx_snapshot_info *info;
  assert_int_equal(hdx_snapshot_info(session, bucket, "one", &info, &error), HDX_OK);
  FILE *file = fopen(info->path, "r+");
  assert_non_null(file);
  assert_int_equal(fseek(file, (long)info->file_bytes / 2, SEEK_SET), 0);
  int byte = fgetc(file);
  assert_int_equal(fseek(file, -1, SEEK_CUR), 0);
  fputc(byte ^ 1, file);
  assert_int_equal(fclose(file), 0);
  hdx_snapshot_info_free(info);
}

/* Rows before a corrupt block are handed out, and the error only then: again and again, whoever does not heed it. */
static void rows_before_an_error_come_first(void **state) {
  const struct shape all = {30000, 1 << 22, 1 << 22, ALL, true};
  size_t count, first = 0;
  (void)state;
  struct hdx_query *query = open_query(one, 1, NULL);
  struct rows rows = read_rows(query);
  hdx_query_close(query);
  struct hdx_arrays arrays = make_arrays(&all, rows.extra_count);
  change_snapshot();
  query = open_query(one, 1, NULL);
  for (int round = 0; round < 2; round++) {
    assert_int_equal(hdx_query_take(query, &arrays, &count, NULL, &error), HDX_OK);
    assert_true(count > 0 && count < rows.count && (!first || count == first));
    assert_rows(&arrays, &rows, 0, count);
    first = count;
    for (int again = 0; again < 2; again++) {
      count = 999;
      memset(&error, 0, sizeof error);
      assert_int_equal(hdx_query_take(query, &arrays, &count, NULL, &error), HDX_INTEGRITY);
      assert_int_equal(error.status, HDX_INTEGRITY);
      assert_non_null(strstr(error.message, ": block "));
      assert_int_equal(count, 999);
    }
    hdx_query_rewind(query);
  }
  hdx_query_close(query);
  change_snapshot();
  free_arrays(&arrays);
  free_rows(&rows);
}

/* A merged answer does not go on without the dataset that failed. */
static void an_error_of_one_dataset_ends_all(void **state) {
  const struct shape small = {500, 1 << 20, 0, START | KEY, false};
  size_t count, total = 0;
  enum hdx_status status;
  (void)state;
  struct hdx_arrays arrays = make_arrays(&small, 0);
  change_snapshot();
  struct hdx_query *query = open_query(both, 2, NULL);
  while ((status = hdx_query_take(query, &arrays, &count, NULL, &error)) == HDX_OK && count)
    total += count;
  assert_int_equal(status, HDX_INTEGRITY);
  assert_true(total > 500 && total < ONE_ROWS);
  assert_int_equal(hdx_query_take(query, &arrays, &count, NULL, &error), HDX_INTEGRITY);
  hdx_query_close(query);
  change_snapshot();
  free_arrays(&arrays);
}

/* A cancelled session ends a walk behind the rows that are at hand, and the query can begin anew once it is resumed. */
static void cancelled(void **state) {
  size_t count, more;
  (void)state;
  struct hdx_query *query = open_query(one, 1, NULL);
  struct rows rows = read_rows(query);
  struct hdx_arrays arrays = make_arrays(&(struct shape){30000, 1 << 22, 1 << 22, ALL, false}, rows.extra_count);
  arrays.capacity = 10;
  assert_int_equal(hdx_query_take(query, &arrays, &count, NULL, &error), HDX_OK);
  arrays.capacity = 30000;
  hdx_session_cancel(session);
  assert_int_equal(hdx_query_take(query, &arrays, &count, NULL, &error), HDX_OK);
  assert_true(count > 0 && count < rows.count - 10);
  assert_rows(&arrays, &rows, 10, count);
  assert_int_equal(hdx_query_take(query, &arrays, &more, NULL, &error), HDX_INTERRUPTED);
  hdx_session_resume(session);
  assert_int_equal(hdx_query_take(query, &arrays, &more, NULL, &error), HDX_INTERRUPTED);
  hdx_query_rewind(query);
  assert_int_equal(hdx_query_take(query, &arrays, &count, NULL, &error), HDX_OK);
  assert_int_equal(count, rows.count);
  assert_rows(&arrays, &rows, 0, count);
  hdx_query_close(query);
  free_arrays(&arrays);
  free_rows(&rows);
}

static bool interrupted(void *user) {
  return *(bool *)user;
}

/* A caller that is asked whether it was interrupted can end a walk. */
static void interrupted_by_the_caller(void **state) {
  bool wanted = false;
  int64_t start[10];
  const struct hdx_arrays arrays = {.capacity = COUNT(start), .start = start};
  struct hdx_config config;
  struct hdx_session *own, *before = session;
  size_t count;
  (void)state;
  hdx_config_init(&config);
  config.store = hdx_session_store(session);
  config.interrupted = interrupted;
  config.interrupted_user = &wanted;
  assert_int_equal(hdx_session_open(&config, &own, &error), HDX_OK);
  session = own;
  struct hdx_query *query = open_query(one, 1, NULL);
  session = before;
  wanted = true;
  enum hdx_status status;
  while ((status = hdx_query_take(query, &arrays, &count, NULL, &error)) == HDX_OK) /* until it is asked again */
    if (count == 0)
      hdx_query_rewind(query);
  assert_int_equal(status, HDX_INTERRUPTED);
  wanted = false;
  hdx_session_resume(own);
  hdx_query_rewind(query);
  assert_int_equal(hdx_query_take(query, &arrays, &count, NULL, &error), HDX_OK);
  assert_int_equal(count, COUNT(start));
  hdx_query_close(query);
  hdx_session_close(own);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_answer_in_every_shape),
      cmocka_unit_test(rows_without_extra_columns),
      cmocka_unit_test(every_set_of_columns),
      cmocka_unit_test(texts_that_fit_to_the_byte),
      cmocka_unit_test(a_row_without_room_stays),
      cmocka_unit_test(wrong_arrays),
      cmocka_unit_test(what_begins_anew),
      cmocka_unit_test(rows_before_an_error_come_first),
      cmocka_unit_test(an_error_of_one_dataset_ends_all),
      cmocka_unit_test(cancelled),
      cmocka_unit_test(interrupted_by_the_caller),
  };
  return cmocka_run_group_tests(tests, set_up, archive_close);
}
