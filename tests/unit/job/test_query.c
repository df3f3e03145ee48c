/* Queries through the public functions, for what the program does not do: other ranges of an open query, sums of one
 * dataset and of all, strings that go away, places of files. */
#include "archive.h"
#include "base/text.h"

static int setup(void **state) {
  (void)state;
  archive_open(ARCHIVE_DATASET("one") "," ARCHIVE_DATASET("two") "," ARCHIVE_DATASET("versions") "," ARCHIVE_DATASET(
                   "lost") "," ARCHIVE_DATASET_SPAN("model", "static", "static"),
               0);
  archive_write("i/model_static.csv",
                "2019-01-01,2019-01-02,run,1\nstatic,static,mesh,2\n2020-01-01,2020-01-02,late,\n");
  archive_write("i/one_2019.csv", "2019-01-01,2019-01-02,s3://b/a_v1.cdf,1\n2019-01-03,2019-01-04,s3://b/a_v2.cdf,2\n"
                                  "2019-01-05,2019-01-06,s3://b/c d.cdf,4\n");
  archive_write("i/two_2019.csv", "2019-01-02,2019-01-03,plain.cdf,\n2019-01-05,2019-01-06,s3://b/a_v1.cdf,8\n");
  archive_write("i/versions_2019.csv",
                "2019-01-01,2019-01-02,a_v1.cdf,1\n2019-01-01,2019-01-03,a_v2.cdf,2\n2019-01-01,2019-01-04,b_v1.cdf,4\n"
                "2019-01-01T00:00:01,2019-01-02,a_v3.cdf,8\n2019-01-02,2019-01-02,p_v1.001.cdf,16\n"
                "2019-01-02,2019-01-02,p_v1.002.cdf,32\n2019-01-03,2019-01-04,a_v10.cdf,64\n"
                "2019-01-03,2019-01-04,a_v9.cdf,128\n2019-01-03,2019-01-04,plain.cdf,256\n");
  return 0;
}

/* The keys of the answer from here on, each with its dataset. */
static void assert_answer(struct hdx_query *query, const char *expected) {
  char found[512] = "";
  struct hdx_batch batch;
  struct hdx_error error;
  for (size_t size = 0;;) {
    if (hdx_query_next(query, &batch, &error) != HDX_OK)
      fail_msg("%s", error.message);
    if (batch.count == 0)
      break;
    for (size_t i = 0; i < batch.count; i++)
      size += (size_t)snprintf(found + size, sizeof found - size, "%u:%.*s ", batch.dataset ? batch.dataset[i] : 9,
                               HDX_TEXT_ARG(batch.key[i]));
  }
  assert_string_equal(found, expected);
}

static int64_t time_of(const char *text) {
  int64_t time;
  assert_int_equal(hdx_time_parse(hdx_text_of(text), &time, NULL), HDX_OK);
  return time;
}

static struct hdx_query *open_both(const struct hdx_query_options *options) {
  struct hdx_query *query;
  struct hdx_error error;
  static const char *const ids[] = {"two", "o*"};
  if (hdx_query_open_many(session, bucket, ids, 2, options, &query, &error) != HDX_OK)
    fail_msg("%s", error.message);
  return query;
}

static void ranges(void **state) {
  (void)state;
  struct hdx_query_options options;
  struct hdx_error error;
  hdx_query_options_init(&options);
  char *pattern = strdup("[ap]*");
  const char *const keys[] = {pattern};
  options.keys = keys;
  options.key_count = 1;
  struct hdx_query *query = open_both(&options);
  free(pattern);
  assert_answer(query, "0:s3://b/a_v1.cdf 1:plain.cdf 0:s3://b/a_v2.cdf 1:s3://b/a_v1.cdf ");
  assert_answer(query, "");
  assert_int_equal(hdx_query_range(query, time_of("2019-01-01"), time_of("2019-01-02"), &error), HDX_OK);
  assert_answer(query, "0:s3://b/a_v1.cdf ");
  assert_int_equal(hdx_query_range(query, time_of("2019-01-04T12"), HDX_TIME_NONE, &error), HDX_OK);
  assert_answer(query, "1:s3://b/a_v1.cdf ");
  hdx_query_close(query);
}

/* Versions are those of one dataset and one start: what else looks like one may be another file. */
static void versions(void **state) {
  (void)state;
  static const char *const ids[] = {"versions", "two"};
  struct hdx_query_options options;
  struct hdx_query *query;
  struct hdx_summary sum;
  struct hdx_error error;
  hdx_query_options_init(&options);
  options.latest_version = true;
  assert_int_equal(hdx_query_open(session, bucket, "versions", &options, &query, &error), HDX_OK);
  assert_answer(query, "9:a_v2.cdf 9:b_v1.cdf 9:a_v3.cdf 9:p_v1.001.cdf 9:p_v1.002.cdf 9:a_v10.cdf 9:plain.cdf ");
  assert_int_equal(hdx_query_info(query)->older_versions, 2);
  assert_int_equal(hdx_query_summary(query, 0, &sum, &error), HDX_OK);
  assert_true(sum.rows == 7 && sum.bytes == 382 && sum.size_missing == 0);
  assert_int_equal(hdx_query_info(query)->older_versions, 2);
  assert_int_equal(hdx_query_range(query, time_of("2019-01-03"), time_of("2019-01-05"), &error), HDX_OK);
  assert_answer(query, "9:a_v2.cdf 9:b_v1.cdf 9:a_v10.cdf 9:plain.cdf ");
  hdx_query_close(query);
  options.reverse = true;
  assert_int_equal(hdx_query_open_many(session, bucket, ids, 2, &options, &query, &error), HDX_OK);
  assert_answer(query, "0:s3://b/a_v1.cdf 1:plain.cdf 1:a_v10.cdf 0:plain.cdf 1:p_v1.002.cdf 1:p_v1.001.cdf 1:a_v3.cdf "
                       "1:b_v1.cdf 1:a_v2.cdf ");
  assert_int_equal(hdx_query_summary(query, HDX_QUERY_ALL, &sum, &error), HDX_OK);
  assert_true(sum.rows == 9 && sum.bytes == 390 && sum.size_missing == 1);
  hdx_query_close(query);
}

static void sums(void **state) {
  (void)state;
  struct hdx_query_options options;
  struct hdx_summary sum;
  struct hdx_error error;
  hdx_query_options_init(&options);
  options.reverse = true;
  options.limit = 2;
  struct hdx_query *query = open_both(&options);
  assert_int_equal(hdx_query_info(query)->dataset_count, 2);
  assert_true(hdx_text_is(hdx_query_dataset(query, 1)->id, "two"));
  assert_answer(query, "0:s3://b/c d.cdf 1:s3://b/a_v1.cdf ");
  assert_int_equal(hdx_query_summary(query, HDX_QUERY_ALL, &sum, &error), HDX_OK);
  assert_true(sum.rows == 5 && sum.bytes == 15 && sum.size_missing == 1);
  assert_true(sum.first == time_of("2019-01-01") && sum.last == time_of("2019-01-06"));
  assert_int_equal(hdx_query_summary(query, 1, &sum, &error), HDX_OK);
  assert_true(sum.rows == 2 && sum.bytes == 8 && sum.size_missing == 1 && sum.first == time_of("2019-01-02"));
  assert_int_equal(hdx_query_summary(query, 2, &sum, &error), HDX_USAGE);
  assert_answer(query, "0:s3://b/c d.cdf 1:s3://b/a_v1.cdf "); /* it was left at its beginning */
  hdx_query_close(query);
}

struct counted {
  char text[512];
  size_t size;
};

static void note_count(void *user, int64_t from, const struct hdx_summary *sum) {
  struct counted *counted = user;
  char time[HDX_TIME_TEXT_MAX] = "static";
  if (from != HDX_TIME_STATIC)
    hdx_time_format(from, 0, time);
  counted->size += (size_t)snprintf(counted->text + counted->size, sizeof counted->text - counted->size, "%s:%d,%d,%d ",
                                    time, (int)sum->rows, (int)sum->bytes, (int)sum->size_missing);
}

static void counts(void **state) {
  (void)state;
  struct hdx_query_options options;
  struct hdx_error error;
  struct counted one = {.size = 0}, all = {.size = 0}, older = {.size = 0};
  hdx_query_options_init(&options);
  options.limit = 1;
  struct hdx_query *query = open_both(&options);
  assert_int_equal(hdx_query_counts(query, 1, HDX_UNIT_DAY, note_count, &one, &error), HDX_OK);
  assert_string_equal(one.text, "2019-01-02T00:00:00Z:1,0,1 2019-01-05T00:00:00Z:1,8,0 ");
  assert_int_equal(hdx_query_counts(query, HDX_QUERY_ALL, HDX_UNIT_YEAR, note_count, &all, &error), HDX_OK);
  assert_string_equal(all.text, "2019-01-01T00:00:00Z:5,15,1 ");
  assert_int_equal(hdx_query_counts(query, 2, HDX_UNIT_YEAR, note_count, &all, &error), HDX_USAGE);
  assert_answer(query, "0:s3://b/a_v1.cdf "); /* it was left at its beginning */
  hdx_query_close(query);
  options.latest_version = true;
  assert_int_equal(hdx_query_open(session, bucket, "versions", &options, &query, &error), HDX_OK);
  assert_int_equal(hdx_query_counts(query, 0, HDX_UNIT_DAY, note_count, &older, &error), HDX_OK);
  assert_string_equal(older.text,
                      "2019-01-01T00:00:00Z:3,14,0 2019-01-02T00:00:00Z:2,48,0 2019-01-03T00:00:00Z:2,320,0 ");
  assert_int_equal(hdx_query_info(query)->older_versions, 2);
  hdx_query_close(query);
}

/* Rows without time, in arrays as in counts. */
static void static_rows(void **state) {
  (void)state;
  struct hdx_query *query;
  struct hdx_query_options options;
  struct hdx_error error;
  struct counted counted = {.size = 0};
  int64_t start[3], stop[3];
  size_t rows;
  hdx_query_options_init(&options);
  options.start = time_of("2019-01-02");
  options.stop = time_of("2019-01-03");
  if (hdx_query_open(session, bucket, "model", &options, &query, &error) != HDX_OK)
    fail_msg("%s", error.message);
  const struct hdx_arrays out = {.start = start, .stop = stop, .capacity = 3};
  assert_int_equal(hdx_query_take(query, &out, &rows, NULL, &error), HDX_OK);
  assert_int_equal(rows, 2);
  assert_true(start[0] == HDX_TIME_STATIC && stop[0] == HDX_TIME_MAX);
  assert_true(start[1] == time_of("2019-01-01") && stop[1] == time_of("2019-01-02"));
  assert_int_equal(hdx_query_counts(query, 0, HDX_UNIT_MONTH, note_count, &counted, &error), HDX_OK);
  assert_string_equal(counted.text, "static:1,2,0 2019-01-01T00:00:00Z:1,1,0 ");
  assert_int_equal(hdx_query_range(query, HDX_TIME_NONE, HDX_TIME_NONE, &error), HDX_OK);
  assert_answer(query, "9:mesh 9:run 9:late ");
  hdx_query_close(query);
}

static void assert_location(struct hdx_query *query, const char *key, enum hdx_location kind, const char *expected) {
  struct hdx_text location;
  struct hdx_error error;
  if (hdx_query_location(query, 0, hdx_text_of(key), kind, &location, &error) != HDX_OK)
    fail_msg("%s", error.message);
  assert_int_equal(location.size, strlen(expected));
  assert_memory_equal(location.data, expected, location.size);
}

static void locations(void **state) {
  (void)state;
  struct hdx_query *query = open_both(NULL);
  struct hdx_text location;
  struct hdx_error error;
  char expected[200];
  assert_location(query, "s3://b/c d.cdf", HDX_LOCATION_PUBLISHED, "s3://b/c d.cdf");
  assert_location(query, "x/y.cdf", HDX_LOCATION_PUBLISHED, "s3://b/x/y.cdf");
  assert_location(query, "/x/y.cdf", HDX_LOCATION_PUBLISHED, "s3://b/x/y.cdf");
  assert_location(query, "https://host/x", HDX_LOCATION_PUBLISHED, "https://host/x");
  snprintf(expected, sizeof expected, "%sc%%20d.cdf", bucket);
  assert_location(query, "s3://b/c d.cdf", HDX_LOCATION_FETCHED, expected);
  assert_location(query, "c d.cdf", HDX_LOCATION_FETCHED, expected);
  assert_location(query, "s3://other/x", HDX_LOCATION_FETCHED, "https://other.s3.amazonaws.com/x");
  assert_int_equal(hdx_query_location(query, 0, HDX_TEXT("s3://b/../x"), HDX_LOCATION_FETCHED, &location, &error),
                   HDX_DENIED);
  assert_int_equal(hdx_query_location(query, 2, HDX_TEXT("x"), HDX_LOCATION_PUBLISHED, &location, &error), HDX_USAGE);
  hdx_query_close(query);
}

static void refusals(void **state) {
  (void)state;
  static const char *const some[] = {"one", "nothing"}, *const none[] = {"z*"};
  struct hdx_query *query = NULL;
  struct hdx_query_options options;
  struct hdx_error error;
  hdx_query_options_init(&options);
  assert_int_equal(hdx_query_open_many(session, bucket, some, 0, NULL, &query, &error), HDX_USAGE);
  assert_int_equal(hdx_query_open_many(session, bucket, some, 2, NULL, &query, &error), HDX_NOT_FOUND);
  assert_int_equal(hdx_query_open_many(session, bucket, none, 1, NULL, &query, &error), HDX_EMPTY);
  assert_int_equal(hdx_query_open(session, bucket, "o*", NULL, &query, &error), HDX_NOT_FOUND);
  const struct hdx_where where = {"unknown", HDX_EQUAL, "1"};
  options.wheres = &where;
  options.where_count = 1;
  assert_int_equal(hdx_query_open(session, bucket, "one", &options, &query, &error), HDX_USAGE);
  assert_non_null(strstr(error.message, "unknown"));
  assert_null(query);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranges),      cmocka_unit_test(versions),  cmocka_unit_test(sums),     cmocka_unit_test(counts),
      cmocka_unit_test(static_rows), cmocka_unit_test(locations), cmocka_unit_test(refusals),
  };
  return cmocka_run_group_tests(tests, setup, archive_close);
}
