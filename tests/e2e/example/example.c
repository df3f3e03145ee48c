/* A program that uses the installed library: indexes one dataset of a bucket and prints its rows in a range of time.
 *
 *   example STORE ENDPOINT-URL BUCKET ID START STOP
 *
 * It reads the rows twice, in batches and copied to arrays of its own, and prints them as heliodex query does:
 * start,stop,datakey,filesize. */
#include <heliodex.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed(const char *what, const struct hdx_error *error) {
  fprintf(stderr, "%s: %s: %s\n", what, hdx_status_name(error->status), error->message);
  return hdx_status_exit_code(error->status);
}

static void on_log(void *user, enum hdx_log_level level, const char *message) {
  (void)level;
  fprintf(user, "%s\n", message);
}

static void on_item(void *user, const struct hdx_index_item *item) {
  fprintf(user, "%.*s %d %s: %" PRIu64 " rows\n", (int)item->id.size, item->id.data, item->year,
          hdx_year_state_name(item->state), item->rows);
}

static void print_row(int64_t start, int64_t stop, int digits, const char *key, size_t key_size, int64_t size) {
  char from[HDX_TIME_TEXT_MAX], to[HDX_TIME_TEXT_MAX];
  hdx_time_format(start, digits, from);
  hdx_time_format(stop, digits, to);
  printf("%s,%s,%.*s,", from, to, (int)key_size, key);
  if (size >= 0)
    printf("%" PRId64, size);
  printf("\n");
}

/* Rows as they come, without a copy. */
static enum hdx_status print_batches(struct hdx_query *query, uint64_t *rows, struct hdx_error *error) {
  int digits = hdx_query_info(query)->time_digits;
  struct hdx_batch batch;
  enum hdx_status status;
  while ((status = hdx_query_next(query, &batch, error)) == HDX_OK && batch.count > 0) {
    for (size_t i = 0; i < batch.count; i++)
      print_row(batch.start[i], batch.stop[i], digits, batch.key[i].data, batch.key[i].size, batch.size[i]);
    *rows += batch.count;
  }
  return status;
}

/* Some rows at a time, copied to memory of ours. */
static enum hdx_status sum_arrays(struct hdx_query *query, uint64_t *rows, int64_t *bytes, uint64_t *key_bytes,
                                  struct hdx_error *error) {
  enum { ROWS = 100, KEY_BYTES = 4096 };
  int64_t size[ROWS], key_end[ROWS];
  char keys[KEY_BYTES];
  const struct hdx_arrays arrays = {
      .capacity = ROWS, .size = size, .key = {.end = key_end, .bytes = keys, .capacity = KEY_BYTES}};
  size_t count;
  enum hdx_status status;
  hdx_query_rewind(query);
  while ((status = hdx_query_take(query, &arrays, &count, NULL, error)) == HDX_OK && count > 0) {
    for (size_t i = 0; i < count; i++)
      *bytes += size[i] > 0 ? size[i] : 0;
    *rows += count;
    *key_bytes += (uint64_t)key_end[count - 1];
  }
  return status;
}

static int run(struct hdx_session *session, char **argv) {
  struct hdx_error error;
  struct hdx_catalog *catalog;
  if (hdx_catalog_load(session, argv[3], &catalog, &error) != HDX_OK)
    return failed("catalog", &error);
  const struct hdx_dataset *dataset;
  if (hdx_catalog_find(catalog, argv[4], &dataset, &error) != HDX_OK) {
    hdx_catalog_close(catalog);
    return failed("dataset", &error);
  }
  fprintf(stderr, "%zu datasets, one is %.*s\n", hdx_catalog_count(catalog), (int)dataset->title.size,
          dataset->title.data);

  struct hdx_index_options index;
  struct hdx_index_summary summary;
  hdx_index_options_init(&index);
  index.item = on_item;
  index.user = stderr;
  const char *globs[] = {argv[4]};
  enum hdx_status status = hdx_index(session, argv[3], globs, 1, &index, &summary, &error);
  hdx_catalog_close(catalog);
  if (status != HDX_OK)
    return failed("index", &error);
  fprintf(stderr, "%" PRIu64 " files, %" PRIu64 " rows\n", summary.files, summary.rows);

  struct hdx_query_options options;
  hdx_query_options_init(&options);
  if (hdx_time_parse((struct hdx_text){argv[5], strlen(argv[5])}, &options.start, &error) != HDX_OK ||
      hdx_time_parse((struct hdx_text){argv[6], strlen(argv[6])}, &options.stop, &error) != HDX_OK)
    return failed("time", &error);
  struct hdx_query *query;
  if (hdx_query_open(session, argv[3], argv[4], &options, &query, &error) != HDX_OK)
    return failed("query", &error);
  uint64_t streamed = 0, taken = 0, key_bytes = 0;
  int64_t bytes = 0;
  status = print_batches(query, &streamed, &error);
  if (status == HDX_OK)
    status = sum_arrays(query, &taken, &bytes, &key_bytes, &error);
  hdx_query_close(query);
  if (status != HDX_OK)
    return failed("rows", &error);
  fprintf(stderr, "%" PRIu64 " rows streamed, %" PRIu64 " copied, %" PRId64 " bytes, %" PRIu64 " bytes of keys\n",
          streamed, taken, bytes, key_bytes);
  return streamed == taken ? 0 : 1;
}

int main(int argc, char **argv) {
  if (argc != 7) {
    fprintf(stderr, "usage: example STORE ENDPOINT-URL BUCKET ID START STOP\n");
    return 2;
  }
  struct hdx_config config;
  hdx_config_init(&config);
  config.store = argv[1];
  config.endpoint_url = argv[2];
  config.log = on_log;
  config.log_user = stderr;
  struct hdx_session *session;
  struct hdx_error error;
  if (hdx_session_open(&config, &session, &error) != HDX_OK)
    return failed("session", &error);
  int code = run(session, argv);
  hdx_session_close(session);
  return code;
}
