/* layer: parse */
/* Lists of files: in one piece and in two, of which the first byte says how they are divided, the rows are the same. */
#include "base/buffer.h"
#include "parse/file_list.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void note(const struct hdx_list_row *row, struct hdx_buffer *out) {
  const struct hdx_text texts[] = {row->key, row->id, row->checksum, row->checksum_algorithm};
  if (row->key.size == 0 || row->size < -1)
    abort();
  hdx_buffer_append_format(out, "%llu %lld %lld %lld ", (unsigned long long)row->line, (long long)row->start,
                           (long long)row->stop, (long long)row->size);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    hdx_buffer_append_format(out, "%zu:", texts[i].size);
    hdx_buffer_append_text(out, texts[i]);
  }
}

static enum hdx_status read_list(struct hdx_text text, bool nul, size_t cut, struct hdx_buffer *out) {
  struct hdx_file_list list;
  struct hdx_list_row row;
  enum hdx_status status = HDX_OK;
  size_t at = 0, ends[] = {cut, text.size};
  hdx_file_list_init(&list, "list", nul);
  for (size_t piece = 0; piece < 2 && status == HDX_OK; piece++) {
    size_t have = ends[piece] - at;
    char *copy = malloc(have + 1);
    if (!copy)
      abort();
    memcpy(copy, text.data + at, have);
    bool found = true;
    for (size_t from = 0, used; status == HDX_OK && found; from += used) {
      used = 0;
      status =
          hdx_file_list_next(&list, (struct hdx_text){copy + from, have - from}, piece == 1, &used, &row, &found, NULL);
      if (used > have - from)
        abort();
      if (status == HDX_OK && found)
        note(&row, out);
      at += used;
    }
    free(copy);
    hdx_file_list_forget(&list);
  }
  hdx_file_list_deinit(&list);
  return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hdx_buffer whole, pieces;
  if (size == 0)
    return 0;
  struct hdx_text text = {(const char *)data + 1, size - 1};
  bool nul = data[0] & 1;
  hdx_buffer_init(&whole, 1 << 24);
  hdx_buffer_init(&pieces, 1 << 24);
  enum hdx_status status = read_list(text, nul, 0, &whole);
  if (read_list(text, nul, text.size ? (data[0] >> 1) % (text.size + 1) : 0, &pieces) != status ||
      (status == HDX_OK && !hdx_text_equal(hdx_buffer_text(&whole), hdx_buffer_text(&pieces))))
    abort();
  hdx_buffer_deinit(&whole);
  hdx_buffer_deinit(&pieces);
  return 0;
}
