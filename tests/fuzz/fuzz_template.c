/* layer: codec */
/* Templates of any bytes: what is one renders within its bounds, and what it matches to the same bytes; what is found
 * for any texts does too.
 *
 * The first byte's lowest bit tells which:
 *   0  size of the template as u8, its bytes; the rest is numbers and times
 *   1  step of the rows' starts in seconds as u16; then texts, one a line */
#include "codec/bytes.h"
#include "codec/template.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS_MAX = 64 };
#define SECOND INT64_C(1000000000)

static void require(bool ok) {
  if (!ok)
    abort();
}

/* What matches is rendered again by a state that has seen nothing. */
static bool check_match(const struct hdx_template *template, struct hdx_template_state *state, struct hdx_text text,
                        int64_t start, int64_t stop) {
  int64_t numbers[HDX_TEMPLATE_STREAMS_MAX], *streams[HDX_TEMPLATE_STREAMS_MAX];
  if (!hdx_template_match(template, state, text, start, stop, numbers))
    return false;
  for (size_t s = 0; s < HDX_TEMPLATE_STREAMS_MAX; s++)
    streams[s] = numbers + s;
  struct hdx_template_state fresh = {0};
  char *out = malloc(text.size + HDX_TEMPLATE_SLACK);
  require(hdx_template_size(template, streams, 0) == text.size);
  require(hdx_template_render(template, &fresh, start, stop, streams, 0, out) == text.size);
  require(text.size == 0 || memcmp(out, text.data, text.size) == 0);
  free(out);
  return true;
}

static void fuzz_bytes(const uint8_t *data, size_t size) {
  if (size < 1 || size - 1 < *data)
    return;
  struct hdx_template *template;
  struct hdx_error error;
  enum hdx_status status = hdx_template_create((struct hdx_text){(const char *)data + 1, *data}, &template, &error);
  require(status == HDX_OK || status == HDX_INTEGRITY);
  if (status != HDX_OK)
    return;
  struct hdx_bytes in = hdx_bytes_of(data + 1 + *data, size - 1 - *data);
  struct hdx_template_state rendered = {0}, matched = {0};
  for (int row = 0; row < 16; row++) {
    int64_t numbers[HDX_TEMPLATE_STREAMS_MAX], *streams[HDX_TEMPLATE_STREAMS_MAX];
    int64_t start = hdx_get_signed(&in), stop = row % 4 ? hdx_get_signed(&in) : HDX_TIME_NONE;
    for (size_t s = 0; s < HDX_TEMPLATE_STREAMS_MAX; s++) {
      numbers[s] = s < template->stream_count ? hdx_get_signed(&in) : 0;
      streams[s] = numbers + s;
    }
    size_t room = hdx_template_size_max(template);
    char *out = malloc(room + HDX_TEMPLATE_SLACK);
    size_t length = hdx_template_render(template, &rendered, start, stop, streams, 0, out);
    require(length <= room && length >= template->size && length == hdx_template_size(template, streams, 0));
    check_match(template, &matched, (struct hdx_text){out, length}, start, stop);
    free(out);
  }
  hdx_template_free(template);
}

static void fuzz_texts(const uint8_t *data, size_t size) {
  if (size < 2)
    return;
  struct hdx_text texts[ROWS_MAX];
  int64_t start[ROWS_MAX], stop[ROWS_MAX], time = INT64_C(1262304000) * SECOND;
  uint32_t rows[ROWS_MAX];
  size_t count = 0, step = (size_t)(data[0] | data[1] << 8);
  const char *at = (const char *)data + 2, *end = (const char *)data + size;
  for (; count < ROWS_MAX && at < end; count++) {
    const char *line = memchr(at, '\n', (size_t)(end - at));
    line = line ? line : end;
    texts[count] = (struct hdx_text){at, (size_t)(line - at)};
    start[count] = time;
    stop[count] = count % 9 == 8 ? HDX_TIME_NONE : time + 60 * SECOND;
    time += (int64_t)step * SECOND;
    rows[count] = (uint32_t)count;
    at = line + 1;
  }
  struct hdx_buffer bytes;
  hdx_buffer_init(&bytes, SIZE_MAX);
  if (count && hdx_template_infer(texts, start, stop, rows, count, &bytes)) {
    struct hdx_template *template;
    struct hdx_template_state state = {0};
    require(hdx_template_create(hdx_buffer_text(&bytes), &template, NULL) == HDX_OK);
    for (size_t i = 0; i < count; i++)
      check_match(template, &state, texts[i], start[i], stop[i]);
    hdx_template_free(template);
  }
  hdx_buffer_deinit(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  if (*data & 1)
    fuzz_texts(data + 1, size - 1);
  else
    fuzz_bytes(data + 1, size - 1);
  return 0;
}
