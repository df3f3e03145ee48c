/* Which index files of a dataset exist, without reading them, and the first row that one of them has.
 *
 *   list of "<index><id>_", a request for all ──allowed→ present and gaps
 *        └─ refused, no S3, too long → a byte of each wanted file, all at once → present, gap, refused, failed;
 *                                      those that are not there once more as .csv.gz
 *   first file that is present ─ its first 64 KiB → first row
 */
#include "base/error.h"
#include "base/time.h"
#include "catalog/dataset.h"
#include "job/first_row.h"
#include "job/list.h"
#include "job/progress.h"
#include "transfer/bucket.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  FIRST_YEAR = 1678, /* that times can be told of */
  LAST_YEAR = 2262,
  STATIC = 0, /* the place of a file without a year; years follow from 1 */
  PLACE_COUNT = LAST_YEAR - FIRST_YEAR + 2,
  PAGES_MAX = 4, /* of a list: ids that begin as this one fill it with theirs */
  HEAD_BYTES = 64 << 10,
  TEXT_BYTES_MAX = 8 << 20
};

#define GZIP_ENDING ".gz"

struct file {
  struct hdx_probed_file shown;
  bool wanted;
  bool denied;  /* 403: a gap if others can be read */
  bool gzipped; /* it is .csv.gz in place of .csv */
  struct run *run;
};

struct run {
  struct hdx_session *session;
  struct hdx_catalog *catalog;
  const struct hdx_dataset *dataset;
  struct answer *answer;
  struct file files[PLACE_COUNT];
  struct hdx_text index_file; /* the location of year 2000's, from which those of others differ in the year alone */
  size_t year_at;             /* where the year stands in it */
  bool plain;                 /* it is a .csv, which mirrors may have as .csv.gz */
  struct hdx_text key_start;  /* what the keys of all of them begin with, up to the year; empty: no bucket of S3 */
  struct hdx_bucket *bucket;
  struct hdx_buffer head; /* of the file that is read */
  size_t open;            /* requests under way */
  unsigned pages;
  bool interrupted, done, out_of_memory;
  enum hdx_status status; /* of the list, or the head */
  struct hdx_error error;
};

struct answer {
  struct hdx_probe probe; /* first, so that the caller's pointer is the answer's */
  struct hdx_arena arena;
};

/* ---- files and their places ---- */

static int year_of(size_t place) {
  return place == STATIC ? 0 : FIRST_YEAR + (int)place - 1;
}

/* The text in the answer's arena; "" if out of memory, which is told in the end. */
static const char *keep(struct run *run, struct hdx_text text) {
  struct hdx_text copy = hdx_arena_copy(&run->answer->arena, text);
  run->out_of_memory |= !copy.data;
  return copy.data ? copy.data : "";
}

/* The location of a file, as the catalog has it. */
static enum hdx_status locate(const struct run *run, size_t place, struct hdx_buffer *location,
                              struct hdx_error *error) {
  const struct hdx_dataset *dataset = run->dataset;
  enum hdx_status status =
      hdx_dataset_year_url(dataset->index, dataset->id, dataset->indextype, year_of(place), location, error);
  if (status != HDX_OK || !run->files[place].gzipped)
    return status;
  hdx_buffer_append_text(location, HDX_TEXT(GZIP_ENDING));
  return hdx_buffer_status(location, "location of an index file", error);
}

/* Marks what the catalog promises; nothing is known of any file. */
static void want(struct run *run) {
  const struct hdx_dataset *dataset = run->dataset;
  struct hdx_years years = hdx_dataset_years(hdx_dataset_catalog_start(dataset), dataset->stop,
                                             hdx_dataset_clock(hdx_time_now()), HDX_TIME_NONE, HDX_TIME_NONE);
  for (size_t place = 0; place < PLACE_COUNT; place++) {
    int year = year_of(place);
    run->files[place] = (struct file){.shown = {.year = year,
                                                .state = HDX_YEAR_GAP,
                                                .url = "",
                                                .size = UINT64_MAX,
                                                .etag = "",
                                                .last_modified = "",
                                                .message = ""},
                                      .wanted = year >= years.first && year <= years.last,
                                      .run = run};
  }
}

/* What the locations of the files have in common, and the bucket that they are in, if it is one of S3. */
static enum hdx_status find_place(struct run *run, struct hdx_error *error) {
  const struct hdx_dataset *dataset = run->dataset;
  struct hdx_arena *arena = &run->answer->arena;
  struct hdx_buffer location;
  struct hdx_address address;
  hdx_address_init(&address);
  hdx_buffer_init(&location, HDX_URL_BYTES_MAX);
  enum hdx_status status =
      hdx_dataset_year_url(dataset->index, dataset->id, dataset->indextype, 2000, &location, error);
  if (status == HDX_OK)
    status = hdx_source_locate(&run->catalog->source, hdx_buffer_text(&location), HDX_TEXT(""), false, &address, error);
  if (status == HDX_OK) {
    run->year_at = dataset->index.size + dataset->id.size + 1;
    run->index_file = hdx_arena_copy(arena, hdx_buffer_text(&location));
    run->plain = hdx_text_ends_with(hdx_buffer_text(&location), HDX_TEXT(".csv"));
    if (!run->index_file.data)
      status = hdx_error_memory(error, location.size);
  }
  struct hdx_text key = hdx_address_key(&address);
  size_t behind = location.size - run->year_at;
  if (status == HDX_OK && address.object.size && key.size > behind) {
    run->key_start = hdx_arena_copy(arena, hdx_text_sub(key, 0, key.size - behind));
    status = run->key_start.data ? hdx_engine_bucket(run->session->engine, &address.place, &run->bucket, error)
                                 : hdx_error_memory(error, key.size);
  }
  hdx_buffer_deinit(&location);
  hdx_address_deinit(&address);
  return status;
}

/* ---- by a list ---- */

/* The place of a listed key, which begins with key_start; PLACE_COUNT: it is no index file of the dataset. */
static size_t place_of(const struct run *run, struct hdx_text key, bool *gzipped) {
  struct hdx_text ending = hdx_text_sub(run->index_file, run->year_at + strlen("2000"), run->index_file.size);
  uint64_t year;
  struct hdx_text rest = hdx_text_sub(key, run->key_start.size, key.size);
  *gzipped = run->plain && hdx_text_ends_with(rest, HDX_TEXT(GZIP_ENDING));
  rest.size -= *gzipped ? strlen(GZIP_ENDING) : 0;
  if (rest.size <= ending.size || !hdx_text_ends_with(rest, ending))
    return PLACE_COUNT;
  rest.size -= ending.size;
  if (hdx_text_is(rest, "static"))
    return STATIC;
  if (rest.size != 4 || !hdx_text_to_u64(rest, LAST_YEAR, &year) || year < FIRST_YEAR)
    return PLACE_COUNT;
  return (size_t)year - FIRST_YEAR + 1;
}

/* An instant as HTTP writes it (RFC 9110, 5.6.7), which is how other answers tell of it. */
static const char *http_date(struct run *run, int64_t time_ns) {
  static const char days[] = "Thu\0Fri\0Sat\0Sun\0Mon\0Tue\0Wed", months[] = "Jan\0Feb\0Mar\0Apr\0May\0Jun\0Jul\0Aug\0"
                                                                             "Sep\0Oct\0Nov\0Dec";
  int64_t seconds = time_ns / HDX_SECOND_NS, day_number = seconds / 86400, clock = seconds % 86400;
  unsigned month, day;
  char text[64];
  if (time_ns < 0)
    return "";
  int year = hdx_time_date(day_number, &month, &day);
  snprintf(text, sizeof text, "%s, %02u %s %d %02d:%02d:%02d GMT", days + day_number % 7 * 4, day,
           months + (month - 1) * 4, year, (int)(clock / 3600), (int)(clock / 60 % 60), (int)(clock % 60));
  return keep(run, hdx_text_of(text));
}

static void on_object(void *user, const struct hdx_s3_object *object) {
  struct run *run = user;
  bool gzipped;
  size_t place = object->prefix ? PLACE_COUNT : place_of(run, object->key, &gzipped);
  if (place == PLACE_COUNT)
    return;
  struct file *file = &run->files[place];
  if (gzipped && file->shown.state == HDX_YEAR_PRESENT) /* a .csv goes before its .csv.gz */
    return;
  file->wanted = true;
  file->gzipped = gzipped;
  file->shown.state = HDX_YEAR_PRESENT;
  file->shown.size = object->size;
  file->shown.etag = keep(run, object->etag);
  file->shown.last_modified = http_date(run, object->modified);
}

static bool on_page(void *user, const struct hdx_s3_page *page) {
  struct run *run = user;
  if (page->truncated && ++run->pages == PAGES_MAX)
    run->status = hdx_error_set(&run->error, HDX_LIMIT, "the list is too long");
  return run->status == HDX_OK;
}

static void on_listed(void *user, enum hdx_status status, const struct hdx_error *error) {
  struct run *run = user;
  run->done = true;
  run->interrupted |= status == HDX_INTERRUPTED;
  run->bucket->unlistable |= status == HDX_DENIED;
  if (status != HDX_OK && run->status == HDX_OK)
    run->status = hdx_error_set(&run->error, status, "%s", error->message);
}

/* Learns from a list which files exist; false: it cannot be had. */
static bool list(struct run *run) {
  if (!run->key_start.size || run->bucket->unlistable)
    return false;
  const struct hdx_list_request request = {.bucket = run->bucket,
                                           .name = keep(run, run->dataset->index),
                                           .prefix = run->key_start,
                                           .start_after = HDX_TEXT(""),
                                           .folders = true,
                                           .optional = true,
                                           .object = on_object,
                                           .page = on_page,
                                           .done = on_listed,
                                           .user = run};
  run->done = false;
  run->status = hdx_list_start(run->session, &request, &run->error);
  if (run->status == HDX_OK)
    hdx_session_run(run->session, &run->done);
  if (run->status == HDX_OK)
    return true;
  hdx_log_write(&run->session->log, HDX_LOG_INFO, "index files are asked for one by one: %s", run->error.message);
  want(run); /* what it has told so far does not count */
  return false;
}

/* ---- one by one ---- */

static void release(struct run *run, struct hdx_block *block) {
  hdx_engine_release(run->session->engine, block);
}

static void on_file_begin(void *user, const struct hdx_fetch_head *head) {
  struct file *file = user;
  file->shown.size = head->size;
}

static void on_file_block(void *user, struct hdx_block *block) {
  release(((struct file *)user)->run, block);
}

static void settle(struct file *file, enum hdx_year_state state, const char *message) {
  file->shown.state = state;
  file->shown.message = keep(file->run, hdx_text_of(message));
}

static void on_file_done(void *user, const struct hdx_fetch_result *result) {
  struct file *file = user;
  struct run *run = file->run;
  run->interrupted |= result->status == HDX_INTERRUPTED;
  bool denied = result->status == HDX_DENIED && result->http_status == 403 && !result->not_of_object;
  bool missing = result->status == HDX_NOT_FOUND && !result->not_of_object;
  run->done = !--run->open;
  if (missing && file->denied) /* by its first name */
    return;
  file->denied = denied;
  if (result->status == HDX_OK) {
    file->shown.etag = keep(run, hdx_text_of(result->etag));
    file->shown.last_modified = keep(run, hdx_text_of(result->last_modified));
    settle(file, HDX_YEAR_PRESENT, "");
  } else if (missing) {
    settle(file, HDX_YEAR_GAP, "");
  } else {
    settle(file, HDX_YEAR_FAILED, result->message);
  }
}

/* Begins to fetch the beginning of a file. */
static enum hdx_status fetch(struct run *run, size_t place, struct hdx_fetch_request request, struct hdx_error *error) {
  struct hdx_buffer location;
  struct hdx_address address;
  struct hdx_target target = {0};
  hdx_address_init(&address);
  hdx_buffer_init(&location, HDX_URL_BYTES_MAX);
  enum hdx_status status = locate(run, place, &location, error);
  if (status == HDX_OK)
    status = hdx_source_locate(&run->catalog->source, hdx_buffer_text(&location), HDX_TEXT(""), false, &address, error);
  if (status == HDX_OK)
    status = hdx_session_target(run->session, &address, &target, error);
  if (status == HDX_OK) {
    request.url = target.url;
    request.bucket = target.bucket;
    request.key = target.key;
    request.bytes_max = INT64_MAX;
    status = hdx_fetch(run->session->engine, &request, error);
  }
  hdx_target_deinit(&target);
  hdx_address_deinit(&address);
  hdx_buffer_deinit(&location);
  return status;
}

/* Asks for the first byte of files, all at once: of all that are wanted, or of those alone that are not there as .csv
 * once more as .csv.gz. */
static void ask_round(struct run *run, bool gzipped) {
  run->open = 1; /* until all have begun */
  for (size_t place = 0; place < PLACE_COUNT; place++) {
    struct file *file = &run->files[place];
    const struct hdx_fetch_request request = {
        .first_bytes = 1, .begin = on_file_begin, .block = on_file_block, .done = on_file_done, .user = file};
    struct hdx_error error;
    if (!file->wanted || (gzipped && file->shown.state != HDX_YEAR_GAP && !file->denied))
      continue;
    file->gzipped = gzipped;
    run->open++;
    if (fetch(run, place, request, &error) != HDX_OK) {
      run->open--;
      settle(file, HDX_YEAR_FAILED, error.message);
    }
  }
  run->done = !--run->open;
  hdx_session_run(run->session, &run->done);
}

static void ask(struct run *run) {
  bool readable = false;
  ask_round(run, false);
  if (run->plain && !run->interrupted)
    ask_round(run, true);
  for (size_t place = 0; place < PLACE_COUNT; place++)
    readable |= run->files[place].shown.state == HDX_YEAR_PRESENT;
  for (size_t place = 0; place < PLACE_COUNT; place++) {
    struct file *file = &run->files[place];
    /* Whoever may read one of them, and not list, is told 403 of those that do not exist. */
    if (readable && file->denied)
      settle(file, HDX_YEAR_GAP, "");
    /* What is nowhere is told by the name that comes first. */
    file->gzipped &= file->shown.state == HDX_YEAR_PRESENT;
  }
}

/* ---- the first row ---- */

static void on_head_begin(void *user, const struct hdx_fetch_head *head) {
  struct run *run = user;
  (void)head;
  hdx_buffer_clear(&run->head);
}

static void on_head_block(void *user, struct hdx_block *block) {
  struct run *run = user;
  hdx_buffer_append(&run->head, block->data, block->size);
  release(run, block);
}

static void on_head_done(void *user, const struct hdx_fetch_result *result) {
  struct run *run = user;
  run->status = result->status;
  if (result->status != HDX_OK)
    hdx_error_set(&run->error, result->status, "%s", result->message);
  run->interrupted |= result->status == HDX_INTERRUPTED;
  run->done = true;
}

/* Of the first file that is present, if there is one. A file that cannot be fetched has failed; of what it is that has
 * no first row is told. */
static void read_first_row(struct run *run) {
  size_t place = 0;
  while (place < PLACE_COUNT && !(run->files[place].wanted && run->files[place].shown.state == HDX_YEAR_PRESENT))
    place++;
  if (place == PLACE_COUNT)
    return;
  struct hdx_probe *probe = &run->answer->probe;
  struct hdx_error error;
  struct hdx_fetch_request request = {
      .first_bytes = HEAD_BYTES, .begin = on_head_begin, .block = on_head_block, .done = on_head_done, .user = run};
  hdx_buffer_init(&run->head, HEAD_BYTES);
  run->done = false;
  enum hdx_status status = fetch(run, place, request, &error);
  if (status == HDX_OK) {
    hdx_session_run(run->session, &run->done);
    status = run->status;
    error = run->error;
  }
  if (status != HDX_OK)
    settle(&run->files[place], HDX_YEAR_FAILED, error.message);
  if (status == HDX_OK)
    status = hdx_buffer_status(&run->head, run->index_file.data, &error);
  if (status == HDX_OK)
    status =
        hdx_first_row(hdx_buffer_text(&run->head), run->head.size < HEAD_BYTES, &run->answer->arena, probe, &error);
  if (status != HDX_OK)
    probe->message = keep(run, hdx_text_of(error.message));
  run->out_of_memory |= status == HDX_MEMORY;
  hdx_buffer_deinit(&run->head);
}

/* ---- the answer ---- */

/* Lists the wanted files. */
static enum hdx_status show(struct run *run, struct hdx_error *error) {
  struct hdx_probe *probe = &run->answer->probe;
  struct hdx_probed_file *files = hdx_arena_alloc(&run->answer->arena, PLACE_COUNT * sizeof *files);
  struct hdx_buffer location;
  enum hdx_status status = files ? HDX_OK : hdx_error_memory(error, PLACE_COUNT * sizeof *files);
  hdx_buffer_init(&location, HDX_URL_BYTES_MAX);
  for (size_t place = 0; place < PLACE_COUNT && status == HDX_OK; place++) {
    struct hdx_probed_file *shown = &run->files[place].shown;
    if (!run->files[place].wanted)
      continue;
    hdx_buffer_clear(&location);
    status = locate(run, place, &location, error);
    shown->url = keep(run, hdx_buffer_text(&location));
    if (shown->state != HDX_YEAR_PRESENT)
      shown->size = UINT64_MAX;
    files[probe->count++] = *shown;
  }
  hdx_buffer_deinit(&location);
  probe->files = files;
  return status;
}

static void fill_progress(void *user, struct hdx_progress *progress) {
  const struct run *run = user;
  for (size_t place = 0; place < PLACE_COUNT; place++)
    progress->files_total += run->files[place].wanted;
  progress->files_done = progress->files_total > run->open ? progress->files_total - run->open : 0;
}

static enum hdx_status probe(struct run *run, struct hdx_error *error) {
  struct hdx_progress_timer progress;
  want(run);
  hdx_engine_forgive(run->session->engine);
  hdx_progress_start(&progress, run->session, uv_hrtime(), fill_progress, run);
  enum hdx_status status = find_place(run, error);
  if (status == HDX_OK && !list(run) && !run->interrupted)
    ask(run);
  if (status == HDX_OK && !run->interrupted)
    read_first_row(run);
  if (status == HDX_OK)
    status = show(run, error);
  if (status == HDX_OK && run->out_of_memory)
    status = hdx_error_memory(error, TEXT_BYTES_MAX);
  hdx_progress_stop(&progress);
  return run->interrupted ? hdx_error_set(error, HDX_INTERRUPTED, "interrupted") : status;
}

enum hdx_status hdx_probe(struct hdx_session *session, const char *bucket, const char *id, struct hdx_probe **result,
                          struct hdx_error *error) {
  if (session->config.offline)
    return hdx_error_set(error, HDX_USAGE, "index files cannot be asked for: the session is offline");
  struct run *run = calloc(1, sizeof *run);
  struct answer *answer = calloc(1, sizeof *answer);
  enum hdx_status status = run && answer ? HDX_OK : hdx_error_memory(error, sizeof *run + sizeof *answer);
  if (status == HDX_OK) {
    *run = (struct run){.session = session, .answer = answer};
    answer->probe = (struct hdx_probe){
        .start = HDX_TIME_NONE, .stop = HDX_TIME_NONE, .size = -1, .key = HDX_TEXT(""), .form = "", .message = ""};
    hdx_arena_init(&answer->arena, TEXT_BYTES_MAX);
    status = hdx_session_online(session, error);
  }
  if (status == HDX_OK)
    status = hdx_catalog_open(session, bucket, false, &run->catalog, error);
  if (status == HDX_OK)
    status = hdx_catalog_find(run->catalog, id, &run->dataset, error);
  if (status == HDX_OK)
    status = probe(run, error);
  if (run)
    hdx_catalog_close(run->catalog);
  free(run);
  if (status == HDX_OK)
    *result = &answer->probe;
  else if (answer)
    hdx_probe_free(&answer->probe);
  return status;
}

void hdx_probe_free(struct hdx_probe *probe) {
  struct answer *answer = (struct answer *)probe;
  if (!answer)
    return;
  hdx_arena_deinit(&answer->arena);
  free(answer);
}
