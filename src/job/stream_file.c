#include "job/stream.h"

#include <stdlib.h>

/* ---- what has come ---- */

void hdx_stream_piece_free(struct hdx_stream *stream, struct hdx_piece *piece) {
  if (piece && piece->block)
    hdx_engine_release(stream->session->engine, piece->block);
  free(piece);
}

static void drop_pieces(struct hdx_stream_file *file) {
  for (struct hdx_piece *piece = file->pieces, *next; piece; piece = next) {
    next = piece->next;
    hdx_stream_piece_free(file->stream, piece);
  }
  file->pieces = NULL;
  file->last_piece = &file->pieces;
  file->held = 0;
}

static bool front(const struct hdx_stream_file *file) {
  return file == file->stream->front;
}

/* Whether it is of those that are handed out only as a whole, as far as is known by now. */
static bool small(const struct hdx_stream_file *file) {
  uint64_t size = file->size != UINT64_MAX ? file->size : file->came;
  return size <= file->stream->options.hold_bytes;
}

bool hdx_stream_file_open(const struct hdx_stream_file *file) {
  return file->state == HDX_STREAM_ENDED || !(file->doomed || small(file));
}

struct hdx_piece *hdx_stream_file_take(struct hdx_stream_file *file) {
  struct hdx_piece *piece = file->pieces;
  if (!piece)
    return NULL;
  file->pieces = piece->next;
  if (!piece->next)
    file->last_piece = &file->pieces;
  if (!piece->block)
    file->held -= piece->size;
  /* A large file is not asked for again but by the engine, which may do so after its first bytes are gone. */
  if (file->state != HDX_STREAM_ENDED)
    file->handed_crc = hdx_crc32c(file->handed_crc, piece->data, piece->size);
  file->handed += piece->size;
  if (front(file) && !small(file))
    hdx_stream_charge(file, file->held);
  return piece;
}

/* ---- how it ends ---- */

static void end(struct hdx_stream_file *file, enum hdx_status status, const char *message) {
  if (status != HDX_OK)
    drop_pieces(file);
  file->status = status;
  file->message = status != HDX_OK ? strdup(message) : NULL;
  file->state = HDX_STREAM_ENDED;
  hdx_stream_charge(file, file->held);
  hdx_stream_ended(file);
}

/* Has its request ended with that. */
static void doom(struct hdx_stream_file *file, enum hdx_status status, const char *message) {
  drop_pieces(file);
  file->doomed = true;
  hdx_fetch_abort(file->stream->session->engine, file, status, message);
}

void hdx_stream_file_drop(struct hdx_stream_file *file) {
  doom(file, HDX_INTERRUPTED, "interrupted");
}

static void put_back(struct hdx_stream_file *file) {
  if (file->size == UINT64_MAX)
    file->expected = file->stream->budget; /* so that it waits until it is the front */
  doom(file, HDX_OK, "");
  file->put_back = true;
}

/* What came is not what it should be: once that may have been the way here. */
static void refuse(struct hdx_stream_file *file, enum hdx_status status, const char *message) {
  struct hdx_stream *stream = file->stream;
  bool again =
      status == HDX_INTEGRITY && !file->fetched_anew && !file->verify.settled && (!file->handed || stream->restarts);
  if (!again) {
    end(file, status, message);
    return;
  }
  hdx_log_write(&stream->session->log, HDX_LOG_INFO, "%s: fetching it anew", message);
  drop_pieces(file);
  file->fetched_anew = true;
  hdx_stream_wait(file);
}

static enum hdx_status changed(const struct hdx_stream_file *file, struct hdx_error *error) {
  return hdx_error_set(error, HDX_INTEGRITY, "%.*s: the object changed while it was fetched",
                       HDX_TEXT_ARG(hdx_url_shown(file->file.location)));
}

static enum hdx_status judge(struct hdx_stream_file *file, struct hdx_error *error) {
  if (file->came < file->handed)
    return changed(file, error);
  return hdx_verify_finish(&file->verify, file->came, &file->checks, error);
}

static void ask(struct hdx_stream_file *file);

static void on_done(void *user, const struct hdx_fetch_result *result) {
  struct hdx_stream_file *file = user;
  struct hdx_error error;
  if (file->heading) {
    file->heading = false;
    file->stream->active--;
    /* Where HEAD is refused, the object may come all the same. */
    if (result->status == HDX_INTERRUPTED)
      end(file, result->status, result->message);
    else
      ask(file);
    return;
  }
  bool wait = file->put_back, doomed = file->doomed;
  file->put_back = file->doomed = false;
  file->stream->active--;
  if (wait && result->status == HDX_OK) {
    hdx_stream_wait(file);
  } else if (result->status != HDX_OK) {
    if (doomed)
      refuse(file, result->status, result->message);
    else
      end(file, result->status, result->message);
  } else if (judge(file, &error) == HDX_OK) {
    end(file, HDX_OK, "");
  } else {
    refuse(file, error.status, error.message);
  }
}

/* ---- how it comes ---- */

/* Counts what the file holds, or will; a file that does not fit behind those before it has to wait. */
static void account(struct hdx_stream_file *file, uint64_t bytes) {
  const struct hdx_stream *stream = file->stream;
  if (front(file))
    hdx_stream_charge(file, small(file) ? bytes : file->held);
  else if (bytes <= file->charge || stream->used - file->charge + bytes <= stream->budget)
    hdx_stream_charge(file, bytes);
  else
    put_back(file);
}

static void on_begin(void *user, const struct hdx_fetch_head *head) {
  struct hdx_stream_file *file = user;
  struct hdx_stream *stream = file->stream;
  struct hdx_error error;
  if (file->heading) {
    hdx_verify_hear(&file->verify, head);
    return;
  }
  drop_pieces(file);
  file->came = 0;
  file->again_crc = 0;
  file->size = head->size;
  file->modified = head->modified;
  if (stream->restarts) {
    file->handed = 0;
    file->handed_crc = 0;
    file->told = false;
  }
  enum hdx_status status = hdx_verify_begin(&file->verify, head, &error);
  if (status != HDX_OK) {
    doom(file, status, error.message);
  } else if (head->size != UINT64_MAX) {
    file->expected = head->size;
    stream->mean_bytes += head->size / 8 - stream->mean_bytes / 8;
    account(file, head->size);
  }
}

/* Bytes that were handed out already come anew: they must be the same ones. False: none of the block is new. */
static bool skip(struct hdx_stream_file *file, const char *data, size_t *size) {
  uint64_t left = file->handed > file->came ? file->handed - file->came : 0;
  size_t known = left < *size ? (size_t)left : *size;
  struct hdx_error error;
  if (!known)
    return true;
  file->again_crc = hdx_crc32c(file->again_crc, data, known);
  if (known == left && file->again_crc != file->handed_crc) {
    changed(file, &error);
    doom(file, HDX_INTEGRITY, error.message);
  }
  *size -= known;
  return *size > 0;
}

static struct hdx_piece *make_piece(struct hdx_block *block, const char *data, size_t size, bool keep) {
  struct hdx_piece *piece = malloc(sizeof *piece + (keep ? 0 : size));
  if (!piece)
    return NULL;
  *piece = (struct hdx_piece){.block = keep ? block : NULL, .data = keep ? data : piece->copy, .size = size};
  if (!keep)
    memcpy(piece->copy, data, size);
  return piece;
}

static void on_block(void *user, struct hdx_block *block) {
  struct hdx_stream_file *file = user;
  struct hdx_stream *stream = file->stream;
  size_t size = block->size;
  bool keep = false;
  stream->bytes_come += size;
  hdx_verify_add(&file->verify, block->data, size);
  bool fresh = skip(file, block->data, &size) && !file->doomed;
  file->came += block->size;
  keep = fresh && front(file) && !small(file);
  struct hdx_piece *piece = fresh ? make_piece(block, block->data + block->size - size, size, keep) : NULL;
  if (piece) {
    *file->last_piece = piece;
    file->last_piece = &piece->next;
    file->held += keep ? 0 : size;
    account(file, file->held > file->charge ? file->held : file->charge);
  } else if (fresh) {
    keep = false;
    doom(file, HDX_MEMORY, "out of memory for the bytes of a file");
  }
  if (!keep)
    hdx_engine_release(stream->session->engine, block);
}

/* Of an object of S3 that comes in ranges, HEAD alone tells the checksums. For one whose size nobody knows it would be
 * a request more for what mostly is small. */
static bool wants_head(const struct hdx_stream_file *file) {
  const struct hdx_stream *stream = file->stream;
  return file->target.bucket && !stream->options.ignore_checksums && !file->headed && file->expected != UINT64_MAX &&
         file->expected > stream->session->config.part_bytes;
}

static void ask(struct hdx_stream_file *file) {
  struct hdx_stream *stream = file->stream;
  struct hdx_error error;
  const struct hdx_fetch_request request = {.url = file->target.url,
                                            .bucket = file->target.bucket,
                                            .key = file->target.key,
                                            .bytes_max = INT64_MAX,
                                            .head = wants_head(file),
                                            .checksums = file->target.bucket && !stream->options.ignore_checksums,
                                            .size = file->expected,
                                            .begin = on_begin,
                                            .block = on_block,
                                            .done = on_done,
                                            .user = file};
  file->heading = request.head;
  file->headed |= request.head;
  enum hdx_status status = hdx_fetch(stream->session->engine, &request, &error);
  if (status != HDX_OK) {
    file->heading = false;
    end(file, status, error.message);
    return;
  }
  file->state = HDX_STREAM_ACTIVE;
  stream->active++;
}

void hdx_stream_file_start(struct hdx_stream_file *file) {
  const struct hdx_stream *stream = file->stream;
  struct hdx_error error;
  if (!file->target.url) {
    enum hdx_status status = hdx_files_target(stream->files, &file->file, &file->target, &error);
    if (status != HDX_OK) {
      end(file, status, error.message);
      return;
    }
    if (!stream->options.ignore_checksums)
      hdx_files_tell_unread(stream->files, &file->file);
    hdx_verify_init(&file->verify, &file->file, file->target.bucket != NULL, stream->options.ignore_size,
                    stream->options.ignore_checksums);
  }
  ask(file);
}

/* ---- its life ---- */

static struct hdx_text keep_text(char **to, struct hdx_text text) {
  struct hdx_text copy = {*to, text.size};
  if (text.size)
    memcpy(*to, text.data, text.size);
  *to += text.size;
  return copy;
}

bool hdx_file_keep(const struct hdx_file *file, struct hdx_file *own, char **texts) {
  size_t size = file->id.size + file->location.size + file->checksum.size + file->checksum_algorithm.size;
  char *to = *texts = malloc(size + 1);
  if (!to)
    return false;
  *own = *file;
  own->id = keep_text(&to, file->id);
  own->location = keep_text(&to, file->location);
  own->checksum = keep_text(&to, file->checksum);
  own->checksum_algorithm = keep_text(&to, file->checksum_algorithm);
  return true;
}

/* Its path by the layout; a file that has none, or that of another one, ends so. */
static enum hdx_status make_path(struct hdx_stream_file *file, struct hdx_error *error) {
  struct hdx_stream *stream = file->stream;
  enum hdx_claim claim;
  if (!stream->layout)
    return HDX_OK;
  enum hdx_status status =
      hdx_place(stream->layout, stream->claims, &file->file, &stream->path, &stream->text, &claim, error);
  if (status != HDX_OK)
    return status;
  file->path = hdx_text_dup(hdx_buffer_text(&stream->path));
  return file->path ? HDX_OK : hdx_error_memory(error, stream->path.size);
}

struct hdx_stream_file *hdx_stream_file_new(struct hdx_stream *stream, const struct hdx_file *file) {
  struct hdx_stream_file *own = calloc(1, sizeof *own);
  struct hdx_error error;
  if (!own || !hdx_file_keep(file, &own->file, &own->texts)) {
    free(own);
    return NULL;
  }
  own->stream = stream;
  own->size = UINT64_MAX;
  own->modified = HDX_TIME_NONE;
  own->last_piece = &own->pieces;
  own->expected = file->size >= 0 && !stream->options.ignore_size ? (uint64_t)file->size : UINT64_MAX;
  enum hdx_status status = make_path(own, &error);
  if (status != HDX_OK)
    end(own, status, error.message);
  return own;
}

void hdx_stream_file_free(struct hdx_stream_file *file) {
  drop_pieces(file);
  hdx_stream_charge(file, 0);
  hdx_verify_deinit(&file->verify);
  hdx_target_deinit(&file->target);
  free(file->message);
  free(file->texts);
  free(file->path);
  free(file);
}
