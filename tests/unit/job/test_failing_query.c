/* The rows of a query where memory is lacking or the session is cancelled in the middle: what failed is told again, no
 * row is passed over by who goes on nevertheless, and what begins anew is the whole answer. */
#include "archive.h"
#include "base/text.h"
#include "unit/failing.h"

#include <limits.h>

enum { ROWS = 9000, FEW_ROWS = 100, STEP_S = 60, UNORDERED_STRIDE = 1009, SIZE_MIN = 8000, MEMORY_BYTES = 16 << 20 };

/* What is asked: of how many of the datasets, and how. */
struct question {
  size_t datasets;
  bool reverse, latest, filtered;
};

static const char *const ids[] = {"ordered", "unordered", "few"};

/* Row i of a dataset starts i steps into the year and has i for its size. */
static void write_index(const char *id, unsigned rows, unsigned stride) {
  char path[64];
  snprintf(path, sizeof path, "i/%s_2019.csv", id);
  FILE *file = archive_create(path);
  for (unsigned n = 0; n < rows; n++) {
    unsigned i = n * stride % rows, second = i * STEP_S;
    fprintf(file, "2019-01-%02uT%02u:%02u:%02uZ,2019-02-01,s3://b/%s/%u_v1,%u\n", 1 + second / 86400,
            second / 3600 % 24, second / 60 % 60, second % 60, id, i, i);
  }
  assert_int_equal(fclose(file), 0);
}

static struct hdx_query *ask(const struct question *question) {
  struct hdx_query_options options;
  struct hdx_query *query;
  struct hdx_error error;
  hdx_query_options_init(&options);
  options.reverse = question->reverse;
  options.latest_version = question->latest;
  options.min_size = question->filtered ? SIZE_MIN : options.min_size;
  const char *const *asked = question->datasets == 1 ? ids + 1 : ids;
  if (hdx_query_open_many(session, bucket, asked, question->datasets, &options, &query, &error) != HDX_OK)
    fail_msg("%s", error.message);
  return query;
}

static int set_up(void **state) {
  (void)state;
  archive_open(ARCHIVE_DATASET("ordered") "," ARCHIVE_DATASET("unordered") "," ARCHIVE_DATASET("few"), MEMORY_BYTES);
  write_index("ordered", ROWS, 1);
  write_index("unordered", ROWS, UNORDERED_STRIDE);
  write_index("few", FEW_ROWS, 1);
  hdx_query_close(ask(&(struct question){.datasets = 3})); /* which threads index, whose calls are not to fail */
  return 0;
}

/* Rows that came: how many, and the sum of their sizes. */
struct sum {
  uint64_t rows, sizes;
};

static struct sum expected(const struct question *question) {
  struct sum sum = {0};
  for (unsigned i = question->filtered ? SIZE_MIN : 0; i < ROWS; i++)
    sum = (struct sum){sum.rows + 1, sum.sizes + i};
  if (question->datasets == 1)
    return sum;
  sum = (struct sum){2 * sum.rows, 2 * sum.sizes};
  for (unsigned i = 0; i < FEW_ROWS && !question->filtered; i++)
    sum = (struct sum){sum.rows + 1, sum.sizes + i};
  return sum;
}

/* Reads on, at most so many batches, and asserts the order within it all. */
static enum hdx_status read_on(struct hdx_query *query, bool reverse, unsigned batches, struct sum *sum,
                               struct hdx_error *error) {
  int64_t last = reverse ? INT64_MAX : INT64_MIN;
  for (; batches > 0; batches--) {
    struct hdx_batch batch;
    enum hdx_status status = hdx_query_next(query, &batch, error);
    if (status != HDX_OK || batch.count == 0)
      return status;
    for (size_t i = 0; i < batch.count; i++) {
      assert_true(reverse ? batch.start[i] <= last : batch.start[i] >= last);
      last = batch.start[i];
      sum->sizes += (uint64_t)batch.size[i];
    }
    sum->rows += batch.count;
  }
  return HDX_OK;
}

static void assert_whole(struct hdx_query *query, const struct question *question) {
  struct hdx_error error;
  struct sum sum = {0}, whole = expected(question);
  hdx_query_rewind(query);
  if (read_on(query, question->reverse, UINT_MAX, &sum, &error) != HDX_OK)
    fail_msg("%s", error.message);
  assert_true(sum.rows == whole.rows && sum.sizes == whole.sizes);
}

static void assert_told_again(struct hdx_query *query, const struct hdx_error *told) {
  struct hdx_error error;
  struct hdx_batch batch;
  assert_int_equal(hdx_query_next(query, &batch, &error), told->status);
  assert_string_equal(error.message, told->message);
}

static enum hdx_status walk(void *user, struct hdx_error *error) {
  const struct question *question = user;
  struct sum sum = {0}, whole = expected(question);
  faults_pause();
  struct hdx_query *query = ask(question);
  faults_resume();
  enum hdx_status status = read_on(query, question->reverse, UINT_MAX, &sum, error);
  if (status == HDX_OK) {
    assert_true(sum.rows == whole.rows && sum.sizes == whole.sizes);
  } else {
    assert_told_again(query, error);
    faults_pause();
    assert_whole(query, question);
    faults_resume();
  }
  hdx_query_close(query);
  return status;
}

static struct question questions[] = {
    {1, false, false, false}, {1, true, false, false}, {1, false, true, true}, {3, false, false, false},
    {3, false, false, true},  {3, true, false, true},  {3, false, true, true},
};

static void without_memory_nothing_is_passed_over(void **state) {
  (void)state;
  for (size_t n = 0; n < sizeof questions / sizeof *questions; n++)
    failing_calls("alloc", "", walk, &questions[n], HDX_MEMORY);
}

static void an_interruption_is_told_until_the_query_begins_anew(void **state) {
  (void)state;
  for (size_t n = 0; n < sizeof questions / sizeof *questions; n++)
    for (unsigned batches = 0; batches < 3; batches++) {
      struct hdx_query *query = ask(&questions[n]);
      struct hdx_error error;
      struct sum sum = {0};
      assert_int_equal(read_on(query, questions[n].reverse, batches, &sum, &error), HDX_OK);
      hdx_session_cancel(session);
      assert_int_equal(read_on(query, questions[n].reverse, 1, &sum, &error), HDX_INTERRUPTED);
      hdx_session_resume(session);
      assert_told_again(query, &error);
      assert_whole(query, &questions[n]);
      hdx_query_close(query);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_memory_nothing_is_passed_over),
      cmocka_unit_test(an_interruption_is_told_until_the_query_begins_anew),
  };
  return cmocka_run_group_tests(tests, set_up, archive_close);
}
