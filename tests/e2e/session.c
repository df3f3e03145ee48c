/* One session of the library that is told what to do, for what the program does not: it goes on after a cancellation,
 * is asked whether it is interrupted, has a folder of index files, takes catalogs.
 *
 *   hdx-session STORE ENDPOINT-URL [offline] [refresh] [cache=DIR] [catalog-bytes=N]
 *
 * Each line of standard input is a command, its words separated by blanks; each is answered by a line of five fields
 * with tabs between: status, how often the caller was asked whether it is interrupted, a count, a text, the message of
 * the error. */
#include <heliodex.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 8, TEXT_MAX = 1 << 16 };

static struct {
  struct hdx_session *session;
  unsigned asked, yes_at;   /* which question is answered with yes; 0: none */
  unsigned told, cancel_at; /* which report of progress cancels; 0: none */
  uint64_t count;
  char text[TEXT_MAX];
  struct hdx_error error;
} it;

static bool on_question(void *user) {
  (void)user;
  return ++it.asked == it.yes_at;
}

static void on_progress(void *user, const struct hdx_progress *progress) {
  (void)user;
  (void)progress;
  if (++it.told == it.cancel_at)
    hdx_session_cancel(it.session);
}

static void note(struct hdx_text text) {
  size_t size = strlen(it.text);
  snprintf(it.text + size, sizeof it.text - size, "%s%.*s", size ? " " : "", (int)text.size, text.data);
}

static void note_status(enum hdx_status status) {
  const char *name = hdx_status_name(status);
  note((struct hdx_text){name, strlen(name)});
}

static int64_t time_of(const char *text) {
  int64_t time = HDX_TIME_NONE;
  const struct hdx_text view = {text, strlen(text)};
  if (strcmp(text, "-") != 0 && hdx_time_parse(view, &time, &it.error) != HDX_OK) {
    fprintf(stderr, "%s\n", it.error.message);
    exit(2);
  }
  return time;
}

/* ---- commands: each with its words, of which the first is its name ---- */

/* The next questions, from 1: the one that is answered with yes. */
static enum hdx_status answer(char **words) {
  it.yes_at = (unsigned)atoi(words[1]);
  return HDX_OK;
}

/* The next reports of progress, from 1: the one that cancels. */
static enum hdx_status cancel(char **words) {
  it.cancel_at = (unsigned)atoi(words[1]);
  return HDX_OK;
}

/* As a signal handler would between calls. */
static enum hdx_status stop(char **words) {
  (void)words;
  hdx_session_cancel(it.session);
  return HDX_OK;
}

static enum hdx_status resume(char **words) {
  (void)words;
  hdx_session_resume(it.session);
  return HDX_OK;
}

/* setenv NAME VALUE: in this process, whose session is open. */
static enum hdx_status set_variable(char **words) {
  return setenv(words[1], words[2], 1) == 0 ? HDX_OK : HDX_INTERNAL;
}

static enum hdx_status catalog(char **words) {
  struct hdx_catalog *catalog;
  enum hdx_status status = hdx_catalog_load(it.session, words[1], &catalog, &it.error);
  if (status != HDX_OK)
    return status;
  it.count = hdx_catalog_count(catalog);
  for (size_t i = 0; i < it.count; i++)
    note(hdx_catalog_at(catalog, i)->id);
  hdx_catalog_close(catalog);
  return status;
}

/* put BUCKET FILE */
static enum hdx_status put(char **words) {
  static char json[1 << 20];
  FILE *file = fopen(words[2], "r");
  size_t size = file ? fread(json, 1, sizeof json, file) : 0;
  if (file)
    fclose(file);
  return hdx_catalog_put(it.session, words[1], (struct hdx_text){json, size}, &it.error);
}

static enum hdx_status search(char **words) {
  struct hdx_search_options options = {.words = (const char *const *)&words[1], .word_count = 1};
  struct hdx_search *search = NULL;
  enum hdx_status status = hdx_search(it.session, &options, &search, &it.error);
  for (size_t i = 0; search && i < hdx_search_failure_count(search); i++)
    note_status(hdx_search_failure(search, i)->status);
  it.count = search ? hdx_search_count(search) : 0;
  hdx_search_close(search);
  return status;
}

static void on_object(void *user, const struct hdx_object *object) {
  (void)user;
  (void)object;
  it.count++;
}

static enum hdx_status list(char **words) {
  struct hdx_list_options options;
  hdx_list_options_init(&options);
  options.recursive = true;
  options.object = on_object;
  return hdx_list(it.session, words[1], &options, NULL, &it.error);
}

/* index BUCKET [ID [KEEP]] */
static enum hdx_status index_all(char **words) {
  struct hdx_index_options options;
  struct hdx_index_summary summary;
  hdx_index_options_init(&options);
  options.keep_index = words[2] ? words[3] : NULL;
  enum hdx_status status =
      hdx_index(it.session, words[1], (const char *const *)&words[2], words[2] != NULL, &options, &summary, &it.error);
  it.count = summary.rows;
  return status;
}

static enum hdx_status probe(char **words) {
  struct hdx_probe *found;
  enum hdx_status status = hdx_probe(it.session, words[1], words[2], &found, &it.error);
  if (status != HDX_OK)
    return status;
  for (size_t i = 0; i < found->count; i++)
    it.count += found->files[i].state == HDX_YEAR_PRESENT;
  hdx_probe_free(found);
  return status;
}

static enum hdx_status validate(char **words) {
  struct hdx_validate_options options;
  struct hdx_validate_summary summary;
  hdx_validate_options_init(&options);
  options.deep = true;
  enum hdx_status status = hdx_validate(it.session, words[1], &options, &summary, &it.error);
  it.count = summary.rows;
  return status;
}

static void on_compared(void *user, const struct hdx_comparison *comparison) {
  (void)user;
  it.count += comparison->rows;
}

static enum hdx_status compare(char **words) {
  return hdx_store_compare(it.session, words[1], NULL, 0, on_compared, NULL, &it.error);
}

/* Opens what is asked for by the words behind the bucket's: ID [START STOP]. */
static enum hdx_status open_query(char **words, struct hdx_query **query) {
  struct hdx_query_options options;
  hdx_query_options_init(&options);
  options.reverse = strcmp(words[0], "reverse") == 0;
  if (strcmp(words[0], "query") == 0 && words[3]) {
    options.start = time_of(words[3]);
    options.stop = time_of(words[4]);
  }
  return hdx_query_open(it.session, words[1], words[2], &options, query, &it.error);
}

/* query BUCKET ID [START STOP]: the keys; reverse BUCKET ID */
static enum hdx_status query(char **words) {
  struct hdx_query *query;
  struct hdx_batch batch;
  enum hdx_status status = open_query(words, &query);
  if (status != HDX_OK)
    return status;
  while ((status = hdx_query_next(query, &batch, &it.error)) == HDX_OK && batch.count) {
    it.count += batch.count;
    for (size_t i = 0; i < batch.count; i++)
      note(batch.key[i]);
  }
  hdx_query_close(query);
  return status;
}

/* presign BUCKET ID: the location of the first row. */
static enum hdx_status presign(char **words) {
  struct hdx_query *query;
  struct hdx_batch batch;
  struct hdx_text location;
  enum hdx_status status = open_query(words, &query);
  if (status != HDX_OK)
    return status;
  status = hdx_query_next(query, &batch, &it.error);
  if (status == HDX_OK)
    status = hdx_query_location(query, 0, batch.key[0], HDX_LOCATION_PRESIGNED, &location, &it.error);
  if (status == HDX_OK)
    note(location);
  hdx_query_close(query);
  return status;
}

/* What is done with the files of a query. */
typedef enum hdx_status use_files(char **words, struct hdx_files *files);

static enum hdx_status mirror(char **words, struct hdx_files *files) {
  struct hdx_mirror_options options;
  struct hdx_mirror_summary summary;
  hdx_mirror_options_init(&options);
  enum hdx_status status = hdx_mirror(it.session, files, words[3], &options, &summary, &it.error);
  it.count = summary.fetched + summary.resumed;
  return status;
}

static enum hdx_status each(char **words, struct hdx_files *files) {
  struct hdx_each_options options;
  struct hdx_each_summary summary;
  hdx_each_options_init(&options);
  options.command = words[3];
  enum hdx_status status = hdx_each(it.session, files, &options, &summary, &it.error);
  it.count = summary.succeeded;
  return status;
}

/* Another call is cancelled, and the session goes on. */
static void cancel_another(char **words) {
  struct hdx_probe *found;
  hdx_session_cancel(it.session);
  note_status(hdx_probe(it.session, words[1], words[2], &found, NULL));
  hdx_session_resume(it.session);
}

static enum hdx_status stream(char **words, struct hdx_files *files) {
  const struct hdx_chunk *chunk;
  struct hdx_stream *stream;
  struct hdx_stream_options options;
  hdx_stream_options_init(&options);
  enum hdx_status status = hdx_stream_open(it.session, files, &options, &stream, &it.error);
  if (status != HDX_OK)
    return status;
  while ((status = hdx_stream_next(stream, &chunk, &it.error)) == HDX_OK && chunk) {
    it.count += chunk->bytes;
    if (words[3] && !it.text[0])
      cancel_another(words);
  }
  if (status == HDX_INTERRUPTED) { /* nothing that was lost comes as if it were the end */
    hdx_session_resume(it.session);
    note_status(hdx_stream_next(stream, &chunk, &it.error));
  }
  hdx_stream_close(stream);
  return status;
}

/* mirror BUCKET ID DEST: the files that came; each BUCKET ID COMMAND: that went well; stream BUCKET ID ["across"]: the
 * bytes, while another call is cancelled after the first chunk. */
static enum hdx_status files(char **words) {
  use_files *use = words[0][0] == 'm' ? mirror : words[0][0] == 'e' ? each : stream;
  struct hdx_query *query;
  struct hdx_files *files;
  enum hdx_status status = open_query(words, &query);
  if (status != HDX_OK)
    return status;
  status = hdx_files_of_query(it.session, query, &files, &it.error);
  if (status == HDX_OK) {
    status = use(words, files);
    hdx_files_close(files);
  }
  hdx_query_close(query);
  return status;
}

/* verify DEST */
static enum hdx_status verify(char **words) {
  return hdx_mirror_verify(it.session, words[1], NULL, NULL, &it.count, NULL, &it.error);
}

/* read PATH BUCKET: the files of a list. */
static enum hdx_status read_list(char **words) {
  struct hdx_files *files;
  struct hdx_files_totals totals;
  enum hdx_status status = hdx_files_read(it.session, words[1], words[2], false, &files, &it.error);
  if (status != HDX_OK)
    return status;
  status = hdx_files_count(files, &totals, &it.error);
  it.count = status == HDX_OK ? totals.files : 0;
  hdx_files_close(files);
  return status;
}

static const struct {
  const char *name;
  enum hdx_status (*run)(char **words);
} commands[] = {{"answer", answer},      {"cancel", cancel}, {"stop", stop},         {"resume", resume},
                {"catalog", catalog},    {"put", put},       {"search", search},     {"list", list},
                {"index", index_all},    {"probe", probe},   {"validate", validate}, {"compare", compare},
                {"query", query},        {"reverse", query}, {"presign", presign},   {"mirror", files},
                {"each", files},         {"stream", files},  {"verify", verify},     {"read", read_list},
                {"setenv", set_variable}};

static void run(char *line) {
  char *words[WORDS_MAX + 1] = {NULL}, *rest = line;
  bool arming;
  for (size_t i = 0; i < WORDS_MAX && (words[i] = strsep(&rest, " \n")) && words[i][0]; i++)
    ;
  for (size_t i = 0; i < WORDS_MAX; i++)
    if (words[i] && !words[i][0])
      words[i] = NULL;
  it.count = 0;
  it.text[0] = 0;
  it.error = (struct hdx_error){.status = HDX_OK};
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    if (strcmp(commands[i].name, words[0]) != 0)
      continue;
    it.asked = it.told = 0;
    enum hdx_status status = commands[i].run(words);
    arming = commands[i].run == answer || commands[i].run == cancel;
    if (!arming)
      it.yes_at = it.cancel_at = 0;
    printf("%s\t%u\t%llu\t%s\t%s\n", hdx_status_name(status), it.asked, (unsigned long long)it.count, it.text,
           it.error.message);
    fflush(stdout);
    return;
  }
  fprintf(stderr, "no command: %s\n", words[0]);
  exit(2);
}

int main(int count, char **arguments) {
  struct hdx_config config;
  static char line[1 << 14];
  hdx_config_init(&config);
  config.store = arguments[1];
  config.endpoint_url = arguments[2];
  config.interrupted = on_question;
  config.progress = on_progress;
  config.progress_ms = 1;
  for (int i = 3; i < count; i++) {
    config.offline |= strcmp(arguments[i], "offline") == 0;
    config.refresh |= strcmp(arguments[i], "refresh") == 0;
    if (strncmp(arguments[i], "cache=", 6) == 0)
      config.index_cache = arguments[i] + 6;
    if (strncmp(arguments[i], "catalog-bytes=", 14) == 0)
      config.catalog_bytes_max = (uint64_t)atoll(arguments[i] + 14);
  }
  if (hdx_session_open(&config, &it.session, &it.error) != HDX_OK) {
    fprintf(stderr, "%s\n", it.error.message);
    return 2;
  }
  while (fgets(line, sizeof line, stdin))
    run(line);
  hdx_session_close(it.session);
  return 0;
}
