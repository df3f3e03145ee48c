/* layer: mirror */
/* Any template and any key: what is a template gives paths that can be below a destination, or says why not; from those
 * of {key} the key can be told.
 *
 * A template up to the first NUL; behind it the times of a row as i64 each, little-endian; the rest is the key, whose
 * first bytes are also dataset and bucket. Without a NUL all is the key. */
#include "../unit/mirror/path_rules.h"

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OTHERS_BYTES_MAX = 20 };

static void check_key(struct hdx_text key, const struct hdx_buffer *path) {
  struct hdx_buffer told;
  hdx_buffer_init(&told, SIZE_MAX);
  hdx_path_unescape(hdx_buffer_text(path), &told);
  CHECK(hdx_text_equal(hdx_buffer_text(&told), key));
  hdx_buffer_clear(&told);
  key_of_path(hdx_buffer_text(path), &told);
  CHECK(hdx_text_equal(hdx_buffer_text(&told), key));
  hdx_buffer_deinit(&told);
}

static void check_path(const struct hdx_layout *layout, const struct hdx_layout_subject *subject, bool by_key) {
  struct hdx_buffer path;
  struct hdx_error error;
  hdx_buffer_init(&path, SIZE_MAX);
  enum hdx_status status = hdx_layout_path(layout, subject, &path, &error);
  if (status == HDX_OK) {
    CHECK(!path_fault(hdx_buffer_text(&path)));
    if (by_key)
      check_key(subject->key, &path);
  } else {
    CHECK(path.size == 0 && error.message[0]);
    CHECK(status == HDX_LIMIT || (status == HDX_USAGE && (!by_key || subject->key.size == 0)));
  }
  hdx_buffer_deinit(&path);
}

static void take_time(const uint8_t **data, size_t *size, int64_t *time_ns) {
  if (*size < sizeof *time_ns)
    return;
  memcpy(time_ns, *data, sizeof *time_ns);
  *data += sizeof *time_ns;
  *size -= sizeof *time_ns;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
  const char *template = nul ? (const char *)data : HDX_LAYOUT_KEY;
  struct hdx_layout_subject subject = {.start = HDX_TIME_NONE, .stop = HDX_TIME_NONE};
  struct hdx_layout *layout;
  struct hdx_error error;
  if (nul) {
    size -= (size_t)(nul - data) + 1;
    data = nul + 1;
    take_time(&data, &size, &subject.start);
    take_time(&data, &size, &subject.stop);
  }
  subject.key = (struct hdx_text){(const char *)data, size};
  subject.id = hdx_text_sub(subject.key, 0, size < OTHERS_BYTES_MAX ? size : OTHERS_BYTES_MAX);
  subject.bucket = hdx_text_sub(subject.key, 0, size < OTHERS_BYTES_MAX / 2 ? size : OTHERS_BYTES_MAX / 2);
  enum hdx_status status = hdx_layout_parse(template, &layout, &error);
  if (status == HDX_OK) {
    check_path(layout, &subject, strcmp(template, HDX_LAYOUT_KEY) == 0);
    hdx_layout_free(layout);
  } else {
    CHECK(status == HDX_USAGE && error.message[0]);
  }
  return 0;
}
