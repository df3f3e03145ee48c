#include "job/stream.h"

#include <stdlib.h>

enum {
  FILES_MAX = 4096,    /* in the window */
  SPARE_REQUESTS = 16, /* beside what the engine wants in flight, so that it never has to wait for the next one */
  GUESS_BYTES_MIN = 64 << 10
};

void hdx_stream_options_init(struct hdx_stream_options *options) {
  *options = (struct hdx_stream_options){.hold_bytes = 8 << 20};
}

/* ---- the window ---- */

void hdx_stream_charge(struct hdx_stream_file *file, uint64_t bytes) {
  file->stream->used += bytes - file->charge;
  file->charge = bytes;
}

/* What a file will take of the budget, as far as is known. */
static uint64_t cost(const struct hdx_stream_file *file) {
  const struct hdx_stream *stream = file->stream;
  uint64_t hold = stream->options.hold_bytes, guess = 2 * stream->mean_bytes;
  if (file->expected != UINT64_MAX)
    return file->expected;
  guess = guess < GUESS_BYTES_MIN ? GUESS_BYTES_MIN : guess;
  return guess < hold ? guess : hold;
}

void hdx_stream_wait(struct hdx_stream_file *file) {
  struct hdx_stream *stream = file->stream;
  struct hdx_stream_file **at = &stream->waiting;
  file->state = HDX_STREAM_WAITING;
  hdx_stream_charge(file, 0);
  while (*at && (*at)->number < file->number)
    at = &(*at)->waiting;
  file->waiting = *at;
  *at = file;
}

static void pass_ended(struct hdx_stream *stream) {
  while (stream->front && stream->front->state == HDX_STREAM_ENDED)
    stream->front = stream->front->next;
}

void hdx_stream_ended(struct hdx_stream_file *file) {
  file->stream->files_failed += file->status != HDX_OK;
  file->stream->interrupted |= file->status == HDX_INTERRUPTED;
  pass_ended(file->stream);
}

static void start_first_waiting(struct hdx_stream *stream) {
  struct hdx_stream_file *file = stream->waiting;
  stream->waiting = file->waiting;
  hdx_stream_charge(file, file == stream->front && cost(file) > stream->options.hold_bytes ? 0 : cost(file));
  hdx_stream_file_start(file);
}

/* Whether the first file that waits may begin. */
static bool may_start(const struct hdx_stream *stream, size_t active_max) {
  const struct hdx_stream_file *file = stream->waiting;
  return file == stream->front || (stream->active < active_max && stream->used + cost(file) <= stream->budget);
}

/* Takes the list's next file into the window. False: there is none. */
static bool look_ahead(struct hdx_stream *stream) {
  if (!stream->list_ended && !stream->portion_count) {
    stream->list_status = hdx_files_next(stream->files, &stream->portion, &stream->portion_count, &stream->list_error);
    stream->list_ended = stream->list_status != HDX_OK || !stream->portion_count;
  }
  if (stream->list_ended)
    return false;
  struct hdx_stream_file *file = hdx_stream_file_new(stream, stream->portion);
  if (!file) {
    stream->list_ended = true;
    stream->list_status = hdx_error_memory(&stream->list_error, sizeof *file);
    return false;
  }
  stream->portion++;
  stream->portion_count--;
  file->number = ++stream->seen;
  *(stream->head ? &stream->last->next : &stream->head) = file;
  stream->last = file;
  stream->file_count++;
  if (!stream->front)
    stream->front = file;
  if (file->state == HDX_STREAM_WAITING)
    hdx_stream_wait(file);
  pass_ended(stream);
  return true;
}

/* Begins what may begin: in the list's order, so that nothing small overtakes what waits for room. */
static void advance(struct hdx_stream *stream) {
  struct hdx_engine_totals totals;
  hdx_engine_totals(stream->session->engine, &totals);
  size_t active_max = totals.wanted + SPARE_REQUESTS;
  for (;;) {
    while (stream->waiting && may_start(stream, active_max))
      start_first_waiting(stream);
    bool more = !stream->waiting && stream->active < active_max && stream->used < stream->budget &&
                stream->file_count < FILES_MAX;
    if (!more || !look_ahead(stream))
      return;
  }
}

/* ---- what is handed out ---- */

static void give_back(struct hdx_stream *stream) {
  struct hdx_stream_file *file = stream->head;
  hdx_stream_piece_free(stream, stream->borrowed);
  stream->borrowed = NULL;
  if (!stream->popped)
    return;
  stream->popped = false;
  stream->head = file->next;
  stream->file_count--;
  stream->files_done++;
  hdx_stream_file_free(file);
}

/* Whether the head has something to tell. */
static bool ready(const struct hdx_stream *stream) {
  const struct hdx_stream_file *file = stream->head;
  return file && (file->state == HDX_STREAM_ENDED || (file->pieces && hdx_stream_file_open(file)));
}

static const struct hdx_chunk *hand_out(struct hdx_stream *stream) {
  struct hdx_stream_file *file = stream->head;
  struct hdx_piece *piece = stream->borrowed = hdx_stream_file_take(file);
  stream->popped = file->state == HDX_STREAM_ENDED && !file->pieces;
  stream->chunk = (struct hdx_chunk){
      .file = &file->file,
      .path = file->path ? file->path : "",
      .size = file->state == HDX_STREAM_ENDED && file->status == HDX_OK ? file->came : file->size,
      .modified = file->modified,
      .data = piece ? piece->data : "",
      .bytes = piece ? piece->size : 0,
      .first = !file->told,
      .last = stream->popped,
      .status = stream->popped ? file->status : HDX_OK,
      .message = stream->popped && file->message ? file->message : "",
      .checks = stream->popped && file->status == HDX_OK ? file->checks : 0,
  };
  file->told = true;
  return &stream->chunk;
}

enum hdx_status hdx_stream_next(struct hdx_stream *stream, const struct hdx_chunk **chunk, struct hdx_error *error) {
  uv_run_mode mode = UV_RUN_NOWAIT;
  give_back(stream);
  for (;;) {
    advance(stream);
    if (!stream->head) {
      if (stream->list_status != HDX_OK)
        return hdx_error_set(error, stream->list_status, "%s", stream->list_error.message);
      *chunk = NULL;
      return HDX_OK;
    }
    /* Once in any case: the network goes on also while the consumer finds all that it asks for. */
    uv_run(hdx_engine_loop(stream->session->engine), mode);
    stream->interrupted |= hdx_session_cancelled(stream->session); /* the engine ends all that is under way */
    if (stream->interrupted)
      return hdx_error_set(error, HDX_INTERRUPTED, "interrupted");
    if (ready(stream)) {
      *chunk = hand_out(stream);
      return HDX_OK;
    }
    mode = UV_RUN_ONCE;
  }
}

/* ---- opening and closing ---- */

static void fill_progress(void *user, struct hdx_progress *progress) {
  const struct hdx_stream *stream = user;
  progress->files_done = stream->files_done;
  progress->files_total = stream->totals.files;
  progress->bytes = stream->bytes_come;
  progress->bytes_total = stream->totals.bytes;
  progress->failures = stream->files_failed;
  if (stream->count)
    stream->count(stream->count_user, progress);
}

enum hdx_status hdx_stream_begin(struct hdx_session *session, struct hdx_files *files,
                                 const struct hdx_stream_options *options, bool restarts, struct hdx_stream **result,
                                 struct hdx_error *error) {
  struct hdx_layout *layout = NULL;
  struct hdx_claims *claims = NULL;
  struct hdx_files_totals totals = {0};
  enum hdx_status status = hdx_session_online(session, error);
  if (status == HDX_OK && options->layout)
    status = hdx_layout_parse(options->layout, &layout, error);
  if (status == HDX_OK && layout)
    status = hdx_claims_new(false, &claims, error);
  if (status == HDX_OK && session->config.progress)
    status = hdx_files_count(files, &totals, error);
  struct hdx_stream *stream = status == HDX_OK ? calloc(1, sizeof *stream) : NULL;
  if (!stream) {
    hdx_layout_free(layout);
    hdx_claims_free(claims);
    return status == HDX_OK ? hdx_error_memory(error, sizeof *stream) : status;
  }
  stream->session = session;
  stream->files = files;
  stream->options = *options;
  stream->layout = layout;
  stream->claims = claims;
  stream->totals = totals;
  stream->restarts = restarts;
  /* The engine's pool has room for more than that, but fills it only with what is asked for in advance of one large
   * file. */
  stream->budget = session->config.memory_bytes / 2;
  if (stream->options.hold_bytes > stream->budget / 2)
    stream->options.hold_bytes = stream->budget / 2;
  stream->mean_bytes = stream->options.hold_bytes;
  hdx_buffer_init(&stream->path, SIZE_MAX);
  hdx_buffer_init(&stream->text, SIZE_MAX);
  hdx_engine_forgive(session->engine);
  hdx_progress_start(&stream->progress, session, uv_hrtime(), fill_progress, stream);
  *result = stream;
  return HDX_OK;
}

enum hdx_status hdx_stream_open(struct hdx_session *session, struct hdx_files *files,
                                const struct hdx_stream_options *options, struct hdx_stream **stream,
                                struct hdx_error *error) {
  return hdx_stream_begin(session, files, options, false, stream, error);
}

void hdx_stream_close(struct hdx_stream *stream) {
  if (!stream)
    return;
  give_back(stream);
  for (struct hdx_stream_file *file = stream->head; file; file = file->next)
    if (file->state == HDX_STREAM_ACTIVE)
      hdx_stream_file_drop(file);
  while (stream->active)
    uv_run(hdx_engine_loop(stream->session->engine), UV_RUN_ONCE);
  hdx_progress_stop(&stream->progress);
  while (stream->head) {
    struct hdx_stream_file *next = stream->head->next;
    hdx_stream_file_free(stream->head);
    stream->head = next;
  }
  hdx_layout_free(stream->layout);
  hdx_claims_free(stream->claims);
  hdx_buffer_deinit(&stream->path);
  hdx_buffer_deinit(&stream->text);
  free(stream);
}
