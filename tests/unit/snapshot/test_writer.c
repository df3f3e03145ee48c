/* Writers under stress: many threads, years that are dropped meanwhile, disks that are full, folders that cannot be
 * written, old snapshots that must stay. */
#include "folder.h"
#include "model.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct hdx_range everything = {HDX_TIME_NONE, HDX_TIME_NONE, HDX_MATCH_OVERLAP, {-30000, 30000}};

static void make(struct model *model, size_t count, int first_year, int year_count) {
  uint64_t seed = count;
  model_init(model);
  for (size_t i = 0; i < count; i++) {
    struct model_row *row = model_add(model, first_year + (int)model_below(&seed, (uint64_t)year_count),
                                      (int64_t)i * 10, (int64_t)i * 10 + 7, (int64_t)model_below(&seed, 999));
    row->key = model_text(model, "key-%zu", i);
  }
}

static void write_model(const struct model *model, int first_year, int year_count, size_t portion) {
  struct hdx_writer *writer;
  struct hdx_error error;
  int years[64];
  assert_int_equal(hdx_writer_create(path, &writer, &error), HDX_OK);
  for (int y = 0; y < year_count; y++) {
    years[y] = first_year + y;
    model_write_year(model, writer, first_year + y, portion);
  }
  model_commit(writer, years, (size_t)year_count);
}

static void expect(struct model *model) {
  struct hdx_reader *reader;
  struct hdx_cursor *cursor;
  struct hdx_error error = {0};
  if (hdx_reader_open(path, HDX_TEXT(""), &reader, &error) != HDX_OK || hdx_reader_verify(reader, &error) != HDX_OK)
    fail_msg("%s", error.message);
  assert_int_equal(hdx_cursor_open(reader, &everything, &cursor, &error), HDX_OK);
  model_finish(model);
  model_check(model, reader, cursor, &everything);
  hdx_cursor_close(cursor);
  hdx_reader_close(reader);
}

/* ---- threads ---- */

enum { THREADS = 6, YEARS_EACH = 5 };

struct thread {
  pthread_t id;
  const struct model *model;
  struct hdx_writer *writer;
  int first;
};

/* Adds its years; each second one is added, dropped, and added again in other portions. */
static void *add_years(void *user) {
  const struct thread *thread = user;
  for (int y = 0; y < YEARS_EACH; y++) {
    int year = thread->first + y;
    model_write_year(thread->model, thread->writer, year, 700);
    if (y % 2 == 0)
      continue;
    hdx_writer_drop_year(thread->writer, year);
    model_write_year(thread->model, thread->writer, year, y % 4 == 1 ? SIZE_MAX : 1100);
  }
  return NULL;
}

static void threads_add_at_once(void **state) {
  (void)state;
  static const size_t counts[] = {20000, 64000, 66000, 150000};
  for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
    struct model model;
    struct thread threads[THREADS];
    struct hdx_writer *writer;
    struct hdx_error error;
    int years[THREADS * YEARS_EACH];
    make(&model, counts[c], 2000, THREADS * YEARS_EACH);
    assert_int_equal(hdx_writer_create(path, &writer, &error), HDX_OK);
    for (int t = 0; t < THREADS; t++) {
      threads[t] = (struct thread){.model = &model, .writer = writer, .first = 2000 + t * YEARS_EACH};
      assert_int_equal(pthread_create(&threads[t].id, NULL, add_years, &threads[t]), 0);
    }
    for (int t = 0; t < THREADS; t++)
      pthread_join(threads[t].id, NULL);
    for (int y = 0; y < THREADS * YEARS_EACH; y++)
      years[y] = 2000 + y;
    assert_int_equal(hdx_writer_rows(writer), counts[c]);
    model_commit(writer, years, THREADS * YEARS_EACH);
    expect(&model);
    model_deinit(&model);
  }
}

enum { HELD_YEARS = 30, HELD_ROWS = 2000 };

struct dropper {
  pthread_t id;
  struct hdx_writer *writer;
  pthread_barrier_t ready;
  int delay;
};

/* Drops every year that is held back, the last one first, as they are written in that order. */
static void *drop_years(void *user) {
  struct dropper *dropper = user;
  pthread_barrier_wait(&dropper->ready);
  for (volatile int i = 0; i < dropper->delay; i++) {
  }
  for (int y = HELD_YEARS - 1; y >= 0; y--)
    hdx_writer_drop_year(dropper->writer, 2000 + y);
  return NULL;
}

/* One thread adds the row too many, which makes it write all that was held back, while another drops just that. */
static void years_are_dropped_while_they_are_written(void **state) {
  (void)state;
  struct model held, last;
  make(&held, (size_t)HELD_YEARS * HELD_ROWS, 2000, HELD_YEARS);
  make(&last, HDX_MIXED_ROWS_MAX - HELD_YEARS * HELD_ROWS + 1, 3000, 1);
  model_finish(&last);
  for (int round = 0; round < 24; round++) {
    struct dropper dropper = {.delay = round * 5000};
    struct hdx_error error;
    struct hdx_rows rows;
    assert_int_equal(hdx_writer_create(path, &dropper.writer, &error), HDX_OK);
    for (int y = 0; y < HELD_YEARS; y++)
      model_write_year(&held, dropper.writer, 2000 + y, SIZE_MAX);
    hdx_rows_init(&rows, SIZE_MAX);
    model_fill(&last, dropper.writer, &rows, 0, last.count);
    pthread_barrier_init(&dropper.ready, NULL, 2);
    assert_int_equal(pthread_create(&dropper.id, NULL, drop_years, &dropper), 0);
    pthread_barrier_wait(&dropper.ready);
    assert_int_equal(hdx_writer_add(dropper.writer, 3000, &rows, false, &error), HDX_OK);
    pthread_join(dropper.id, NULL);
    pthread_barrier_destroy(&dropper.ready);
    hdx_rows_deinit(&rows);
    assert_int_equal(hdx_writer_rows(dropper.writer), last.count);
    int year = 3000;
    model_commit(dropper.writer, &year, 1);
    expect(&last);
  }
  model_deinit(&held);
  model_deinit(&last);
}

/* The names of extra columns come in the same order whoever was first to name one. */
static void columns_are_in_order_of_name(void **state) {
  (void)state;
  for (int round = 0; round < 2; round++) {
    struct hdx_writer *writer;
    struct hdx_error error;
    struct hdx_rows rows;
    uint32_t id;
    static const char *const names[2][3] = {{"b", "unused", "a"}, {"a", "b", "unused"}};
    assert_int_equal(hdx_writer_create(path, &writer, &error), HDX_OK);
    hdx_rows_init(&rows, SIZE_MAX);
    int64_t zero = 0;
    struct hdx_text key = HDX_TEXT("k"), values[2] = {HDX_TEXT("of a"), HDX_TEXT("of b")};
    const struct hdx_text *extra[2] = {&values[0], &values[1]};
    size_t columns[2];
    for (int c = 0; c < 3; c++) {
      assert_int_equal(hdx_writer_column(writer, hdx_text_of(names[round][c]), &id, &error), HDX_OK);
      if (names[round][c][0] != 'u')
        assert_int_equal(hdx_rows_column(&rows, id, &columns[names[round][c][0] - 'a'], &error), HDX_OK);
    }
    struct hdx_csv_batch batch = {
        .count = 1, .start = &zero, .stop = &zero, .size = &zero, .key = &key, .extra = extra};
    assert_int_equal(hdx_rows_append(&rows, &batch, 0, 1, columns, 2, 2000, &error), HDX_OK);
    assert_int_equal(hdx_writer_add(writer, 2000, &rows, false, &error), HDX_OK);
    hdx_rows_deinit(&rows);
    int year = 2000;
    model_commit(writer, &year, 1);
    struct hdx_reader *reader;
    struct hdx_cursor *cursor;
    struct hdx_batch got;
    assert_int_equal(hdx_reader_open(path, HDX_TEXT(""), &reader, &error), HDX_OK);
    const struct hdx_snapshot_info *info = hdx_reader_info(reader);
    assert_int_equal(info->extra_count, 2);
    assert_true(hdx_text_is(info->extra_names[0], "a") && hdx_text_is(info->extra_names[1], "b"));
    assert_int_equal(hdx_cursor_open(reader, &everything, &cursor, &error), HDX_OK);
    assert_int_equal(hdx_cursor_next(cursor, &got, &error), HDX_OK);
    assert_true(hdx_text_is(got.extra[0][0], "of a") && hdx_text_is(got.extra[1][0], "of b"));
    hdx_cursor_close(cursor);
    hdx_reader_close(reader);
  }
}

static void too_many_columns_are_refused(void **state) {
  (void)state;
  struct hdx_writer *writer;
  struct hdx_error error;
  uint32_t id;
  assert_int_equal(hdx_writer_create(path, &writer, &error), HDX_OK);
  for (int c = 0; c < 2 * HDX_COLUMNS_MAX; c++) {
    char name[32];
    snprintf(name, sizeof name, "column %d", c % HDX_COLUMNS_MAX);
    assert_int_equal(hdx_writer_column(writer, hdx_text_of(name), &id, &error), HDX_OK);
    assert_int_equal(id, c % HDX_COLUMNS_MAX);
  }
  assert_int_equal(hdx_writer_column(writer, HDX_TEXT("one more"), &id, &error), HDX_LIMIT);
  hdx_writer_abandon(writer);
}

/* A block gets fewer rows where their texts are large; each still is one block's at the most. */
static void large_texts_make_small_blocks(void **state) {
  (void)state;
  enum { ROWS = 150 };
  struct hdx_writer *writer;
  struct hdx_error error;
  struct hdx_rows rows;
  hdx_rows_init(&rows, SIZE_MAX);
  char *large = malloc(1 << 20);
  memset(large, 'x', 1 << 20);
  for (int64_t i = 0; i < ROWS; i++) {
    struct hdx_text key = {large, 1 << 20};
    large[i] = 'y';
    struct hdx_csv_batch batch = {.count = 1, .start = &i, .stop = &i, .size = &i, .key = &key};
    assert_int_equal(hdx_rows_append(&rows, &batch, 0, 1, NULL, 0, 2000, &error), HDX_OK);
  }
  assert_int_equal(hdx_writer_create(path, &writer, &error), HDX_OK);
  assert_int_equal(hdx_writer_add(writer, 2000, &rows, false, &error), HDX_OK);
  hdx_rows_deinit(&rows);
  int year = 2000;
  model_commit(writer, &year, 1);
  struct hdx_reader *reader;
  assert_int_equal(hdx_reader_open(path, HDX_TEXT(""), &reader, &error), HDX_OK);
  assert_int_equal(hdx_reader_info(reader)->blocks, 3);
  assert_int_equal(hdx_reader_info(reader)->rows, ROWS);
  assert_int_equal(hdx_reader_verify(reader, &error), HDX_OK);
  hdx_reader_close(reader);
  free(large);
}

/* ---- failures ---- */

/* Writes the model in a child that may write `bytes` to a file. Gives the status of what failed first. */
static int write_limited(const struct model *model, rlim_t bytes) {
  pid_t child = fork();
  if (child == 0) {
    struct rlimit limit = {bytes, bytes};
    struct hdx_error error = {0};
    struct hdx_writer *writer;
    struct hdx_rows rows;
    struct hdx_subject subject = model_subject();
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    hdx_rows_init(&rows, SIZE_MAX);
    enum hdx_status status = hdx_writer_create(path, &writer, &error);
    if (status == HDX_OK) {
      for (size_t i = 0; i < model->count; i++)
        model_fill(model, writer, &rows, i, i + 1);
      status = hdx_writer_add(writer, 2000, &rows, true, &error);
      if (status == HDX_OK)
        status = hdx_writer_commit(writer, &subject, NULL, 0, 0, NULL, &error);
      else
        hdx_writer_abandon(writer);
    }
    hdx_rows_deinit(&rows);
    _exit(status == HDX_OK ? 0 : error.status == HDX_IO && strstr(error.message, "set.hdx") ? 100 : 99);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static size_t entries(void) {
  DIR *list = opendir(folder);
  size_t count = 0;
  while (readdir(list))
    count++;
  closedir(list);
  return count - 2;
}

static void a_full_disk_leaves_the_old_snapshot(void **state) {
  (void)state;
  struct model old, next;
  make(&old, 500, 2000, 3);
  make(&next, 70000, 2000, 1);
  write_model(&old, 2000, 3, SIZE_MAX);
  struct stat whole;
  assert_int_equal(write_limited(&next, RLIM_INFINITY), 0);
  assert_int_equal(stat(path, &whole), 0);
  write_model(&old, 2000, 3, SIZE_MAX);
  /* Blocks, the footer, and the very last byte do not fit. */
  static const long left[] = {1 << 30, 60000, 2000, 48, 1};
  for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
    long bytes = (long)whole.st_size - left[i];
    assert_int_equal(write_limited(&next, bytes > 0 ? (rlim_t)bytes : 0), 100);
    assert_int_equal(entries(), 1);
    expect(&old);
  }
  assert_int_equal(write_limited(&next, (rlim_t)whole.st_size), 0);
  expect(&next);
  model_deinit(&old);
  model_deinit(&next);
}

static void a_folder_that_cannot_be_written_is_named(void **state) {
  (void)state;
  struct hdx_writer *writer;
  struct hdx_error error;
  struct hdx_subject subject = model_subject();
  char nowhere[200];
  snprintf(nowhere, sizeof nowhere, "%s/missing/set.hdx", folder);
  assert_int_equal(hdx_writer_create(nowhere, &writer, &error), HDX_OK);
  assert_int_equal(hdx_writer_commit(writer, &subject, NULL, 0, 0, NULL, &error), HDX_IO);
  assert_non_null(strstr(error.message, folder));
  /* A folder in the place of the snapshot. */
  assert_int_equal(mkdir(path, 0755), 0);
  assert_int_equal(hdx_writer_create(path, &writer, &error), HDX_OK);
  assert_int_equal(hdx_writer_commit(writer, &subject, NULL, 0, 0, NULL, &error), HDX_IO);
  assert_int_equal(entries(), 1);
  rmdir(path);
}

/* Rows of a year that is complete, lost as others were added: what is written later must not be taken for all. */
static void test_p5_rows_that_could_not_be_spilt_are_missed(void **state) {
  (void)state;
  struct model model;
  struct hdx_writer *writer;
  struct hdx_error error;
  struct hdx_subject subject = model_subject();
  char below[200], nowhere[220];
  make(&model, 500, 2000, 2);
  snprintf(below, sizeof below, "%s/missing", folder);
  snprintf(nowhere, sizeof nowhere, "%s/set.hdx", below);
  assert_int_equal(hdx_writer_create(nowhere, &writer, &error), HDX_OK);
  model_write_year(&model, writer, 2000, SIZE_MAX);
  assert_int_equal(hdx_writer_spill(writer, &error), HDX_IO);
  assert_int_equal(mkdir(below, 0755), 0);
  model_write_year(&model, writer, 2001, SIZE_MAX);
  assert_int_equal(hdx_writer_commit(writer, &subject, NULL, 0, 0, NULL, &error), HDX_IO);
  assert_non_null(strstr(error.message, below));
  assert_int_equal(rmdir(below), 0); /* nothing is in it */
  model_deinit(&model);
}

static void a_corrupt_year_is_not_kept(void **state) {
  (void)state;
  struct model model;
  struct hdx_reader *reader;
  struct hdx_writer *writer;
  struct hdx_error error;
  for (int large = 0; large < 2; large++) {
    make(&model, large ? 70000 : 700, 2000, 2);
    write_model(&model, 2000, 2, 9000);
    FILE *file = fopen(path, "r+");
    fseek(file, 40, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, 40, SEEK_SET);
    fputc(byte ^ 4, file);
    fclose(file);
    assert_int_equal(hdx_reader_open(path, HDX_TEXT(""), &reader, &error), HDX_OK);
    assert_int_equal(hdx_writer_create(path, &writer, &error), HDX_OK);
    enum hdx_status first = hdx_writer_keep_year(writer, reader, 2000, &error);
    enum hdx_status second = hdx_writer_keep_year(writer, reader, 2001, &error);
    assert_true(first == HDX_INTEGRITY || second == HDX_INTEGRITY);
    assert_non_null(strstr(error.message, "block "));
    hdx_writer_abandon(writer);
    hdx_reader_close(reader);
    model_deinit(&model);
  }
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)
  const struct CMUnitTest tests[] = {
      T(threads_add_at_once),
      T(years_are_dropped_while_they_are_written),
      T(columns_are_in_order_of_name),
      T(too_many_columns_are_refused),
      T(large_texts_make_small_blocks),
      T(a_full_disk_leaves_the_old_snapshot),
      T(a_folder_that_cannot_be_written_is_named),
      T(test_p5_rows_that_could_not_be_spilt_are_missed),
      T(a_corrupt_year_is_not_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
