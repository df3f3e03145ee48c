#include "parse/inflate.h"

#include "base/error.h"
#include "base/library.h"

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>

/* What is used of ISA-L. */
#define ISAL_MAP(X) X(isal_inflate_init) X(isal_inflate_reset) X(isal_inflate) X(crc32_gzip_refl)

enum {
  OUT_BYTES = 128 << 10,   /* stays in the second-level cache from ISA-L to the checksum and the scanner */
  IN_BYTES_MAX = 1u << 30, /* in one call: ISA-L counts in 32 bits */
};

/* Pointers to functions as the headers declare them. */
static struct {
#define X(name) __typeof__(&name) name; /* NOLINT(bugprone-macro-parentheses) */
  ISAL_MAP(X)
#undef X
} isal;

#define X(name) #name,
static const char *const symbols[] = {ISAL_MAP(X)};
#undef X
#define X(name) &isal.name,
static void *const functions[] = {ISAL_MAP(X)};
#undef X
static struct hdx_library library = HDX_LIBRARY("libisal.so.2", symbols, functions);

struct hdx_inflate {
  struct inflate_state state;
  hdx_inflate_sink *sink;
  void *user;
  struct hdx_inflate_progress progress;
  uint64_t taken_before, made_before; /* of the file's earlier streams */
  uint8_t out[OUT_BYTES];
};

enum hdx_status hdx_inflate_open(hdx_inflate_sink *sink, void *user, struct hdx_inflate **inflate,
                                 struct hdx_error *error) {
  enum hdx_status status = hdx_library_need(&library, error);
  if (status != HDX_OK)
    return status;
  struct hdx_inflate *made = malloc(sizeof *made);
  if (!made)
    return hdx_error_memory(error, sizeof *made);
  made->sink = sink;
  made->user = user;
  isal.isal_inflate_init(&made->state);
  hdx_inflate_reset(made);
  *inflate = made;
  return HDX_OK;
}

void hdx_inflate_close(struct hdx_inflate *inflate) {
  free(inflate);
}

void hdx_inflate_reset(struct hdx_inflate *inflate) {
  inflate->progress = (struct hdx_inflate_progress){0};
  hdx_inflate_next(inflate);
  inflate->taken_before = inflate->made_before = 0;
}

void hdx_inflate_next(struct hdx_inflate *inflate) {
  inflate->taken_before += inflate->progress.taken;
  inflate->made_before += inflate->progress.made;
  inflate->progress = (struct hdx_inflate_progress){0};
  isal.isal_inflate_reset(&inflate->state);
}

const struct hdx_inflate_progress *hdx_inflate_progress(const struct hdx_inflate *inflate) {
  return &inflate->progress;
}

uint32_t hdx_inflate_crc(uint32_t crc, const void *data, size_t size) {
  return isal.crc32_gzip_refl(crc, data, size);
}

static enum hdx_status hand_on(struct hdx_inflate *inflate, const void *data, size_t size, struct hdx_error *error) {
  struct hdx_inflate_progress *progress = &inflate->progress;
  if (!size)
    return HDX_OK;
  progress->crc = hdx_inflate_crc(progress->crc, data, size);
  progress->made += size;
  uint64_t taken = inflate->taken_before + progress->taken, made = inflate->made_before + progress->made;
  if (made > HDX_INFLATE_SLACK_BYTES && (made - HDX_INFLATE_SLACK_BYTES) / HDX_INFLATE_RATIO_MAX > taken)
    return hdx_error_set(error, HDX_INTEGRITY,
                         "its first %llu bytes unpack to more than %llu: expected at most %d times as many and %d MiB",
                         (unsigned long long)taken, (unsigned long long)made, HDX_INFLATE_RATIO_MAX,
                         HDX_INFLATE_SLACK_BYTES >> 20);
  return inflate->sink(inflate->user, data, size, error);
}

static enum hdx_status refuse(const struct hdx_inflate *inflate, int code, struct hdx_error *error) {
  const char *what = code == ISAL_INVALID_BLOCK      ? "a block"
                     : code == ISAL_INVALID_SYMBOL   ? "a symbol"
                     : code == ISAL_INVALID_LOOKBACK ? "a distance"
                                                     : "something";
  return hdx_error_set(error, HDX_INTEGRITY, "expected a DEFLATE stream, found %s that is none about byte %llu of it",
                       what, (unsigned long long)inflate->progress.taken);
}

/* ISA-L reads ahead by whole bytes: those of its bit buffer, behind the bits to the next byte's beginning. */
static void take_rest(struct hdx_inflate *inflate) {
  struct hdx_inflate_progress *progress = &inflate->progress;
  const struct inflate_state *state = &inflate->state;
  uint64_t bits = state->read_in >> (state->read_in_length % 8);
  progress->rest_size = (size_t)state->read_in_length / 8;
  for (size_t i = 0; i < progress->rest_size; i++)
    progress->rest[i] = (char)(bits >> (8 * i));
  progress->taken -= progress->rest_size;
  progress->ended = true;
}

/* What is still to come out when the bytes at hand are used up comes with the next ones: something follows each stream.
 */
enum hdx_status hdx_inflate_feed(struct hdx_inflate *inflate, const char *data, size_t size, size_t *used,
                                 struct hdx_error *error) {
  struct inflate_state *state = &inflate->state;
  struct hdx_inflate_progress *progress = &inflate->progress;
  enum hdx_status status = HDX_OK;
  *used = 0;
  while (status == HDX_OK && !progress->ended && *used < size) {
    size_t given = size - *used < IN_BYTES_MAX ? size - *used : IN_BYTES_MAX;
    state->next_in = (uint8_t *)(data + *used); /* it is only read */
    state->avail_in = (uint32_t)given;
    state->next_out = inflate->out;
    state->avail_out = OUT_BYTES;
    int code = isal.isal_inflate(state);
    size_t made = OUT_BYTES - state->avail_out;
    /* After a fault ISA-L may have stepped back behind the bytes that it was given. */
    if (code != ISAL_DECOMP_OK || state->avail_in > given || (state->avail_in == given && !made))
      return refuse(inflate, code, error);
    *used += given - state->avail_in;
    progress->taken += given - state->avail_in;
    if (state->block_state == ISAL_BLOCK_FINISH)
      take_rest(inflate);
    status = hand_on(inflate, inflate->out, made, error);
  }
  return status;
}

enum hdx_status hdx_inflate_copy(struct hdx_inflate *inflate, const char *data, size_t size, struct hdx_error *error) {
  inflate->progress.taken += size;
  return hand_on(inflate, data, size, error);
}
