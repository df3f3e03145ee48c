/* Documents of the store: bytes as fetched in NAME, what is known of them in NAME.meta:
 *
 *   heliodex document 1
 *   url: …            one line each, in this order; values have no control bytes
 *   etag: …
 *   last-modified: …
 *   checked-at: …     ns since 1970
 *   size: …
 *   xxh3: …           of the bytes, 16 hexadecimal digits
 *
 * The two files are replaced one after the other, the .meta file first, as it marks the other as the store's. A crash
 * between them leaves a pair whose hash is wrong, which counts as not kept, as does a .meta file that deviates from
 * this in anything. */
#include "base/error.h"
#include "base/file.h"
#include "base/time.h"
#include "codec/hash.h"
#include "snapshot/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { META_BYTES_MAX = 64 * 1024 };

#define META_ENDING HDX_TEXT(".meta")

struct meta {
  struct hdx_text url, etag, last_modified;
  int64_t checked_at;
  uint64_t size, hash;
};

/* ---- reading ---- */

/* The value of the next line, which must be "KEY: VALUE\n". */
static bool take_line(struct hdx_text *text, const char *key, struct hdx_text *value) {
  const char *end = text->size ? memchr(text->data, '\n', text->size) : NULL;
  if (!end)
    return false;
  struct hdx_text line = {text->data, (size_t)(end - text->data)}, start = hdx_text_of(key);
  *text = hdx_text_sub(*text, line.size + 1, text->size);
  if (!hdx_text_starts_with(line, start))
    return false;
  *value = hdx_text_sub(line, start.size, line.size);
  return true;
}

static bool take_number(struct hdx_text text, unsigned base, uint64_t *value) {
  uint64_t sum = 0;
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 99;
    if (digit >= base || __builtin_mul_overflow(sum, base, &sum) || __builtin_add_overflow(sum, digit, &sum))
      return false;
  }
  *value = sum;
  return text.size > 0;
}

static bool parse_meta(struct hdx_text text, struct meta *meta) {
  struct hdx_text none, checked, size, hash;
  uint64_t magnitude;
  if (!take_line(&text, "heliodex document 1", &none) || none.size || !take_line(&text, "url: ", &meta->url) ||
      !take_line(&text, "etag: ", &meta->etag) || !take_line(&text, "last-modified: ", &meta->last_modified) ||
      !take_line(&text, "checked-at: ", &checked) || !take_line(&text, "size: ", &size) ||
      !take_line(&text, "xxh3: ", &hash) || text.size)
    return false;
  bool negative = checked.size && checked.data[0] == '-';
  if (!take_number(hdx_text_sub(checked, negative, checked.size), 10, &magnitude) || magnitude > INT64_MAX ||
      !take_number(size, 10, &meta->size) || hash.size != 16 || !take_number(hash, 16, &meta->hash))
    return false;
  meta->checked_at = negative ? -(int64_t)magnitude : (int64_t)magnitude;
  return true;
}

/* Appends a file of an open folder. NOT_FOUND: not there. */
static enum hdx_status read_at(int folder, const char *name, uint64_t bytes_max, struct hdx_buffer *out,
                               struct hdx_error *error) {
  int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0 && errno == ENOENT)
    return hdx_error_set(error, HDX_NOT_FOUND, "%s: nothing is kept of it", name);
  if (fd < 0)
    return hdx_error_errno(error, name, "cannot be opened", errno);
  enum hdx_status status = hdx_file_read_fd(fd, name, bytes_max, out, error);
  close(fd);
  return status;
}

static enum hdx_status name_files(struct hdx_text name, struct hdx_buffer *bytes_name, struct hdx_buffer *meta_name,
                                  struct hdx_error *error) {
  hdx_buffer_init(bytes_name, NAME_MAX + 1);
  hdx_buffer_init(meta_name, NAME_MAX + 1);
  hdx_folder_name(bytes_name, name, false, HDX_TEXT(""));
  hdx_buffer_append_buffer(meta_name, bytes_name);
  hdx_buffer_append_text(meta_name, META_ENDING);
  hdx_buffer_string(bytes_name);
  hdx_buffer_string(meta_name);
  enum hdx_status status = hdx_buffer_status(bytes_name, "name of a document", error);
  return status == HDX_OK ? hdx_buffer_status(meta_name, "name of a document", error) : status;
}

/* Appends a text and a NUL, and notes where it begins. */
static size_t put_text(struct hdx_buffer *memory, struct hdx_text text) {
  size_t at = memory->size;
  hdx_buffer_append_text(memory, text);
  hdx_buffer_append_byte(memory, 0);
  return at;
}

/* Reads both files of an open folder and checks that they belong together. */
static enum hdx_status load(int folder, const char *bytes_name, const char *meta_name, struct hdx_text url,
                            uint64_t bytes_max, struct hdx_document *document, struct hdx_error *error) {
  struct hdx_buffer text;
  struct meta meta;
  hdx_buffer_init(&text, META_BYTES_MAX + 1);
  enum hdx_status status = read_at(folder, meta_name, META_BYTES_MAX, &text, error);
  if (status == HDX_LIMIT ||
      (status == HDX_OK && (!parse_meta(hdx_buffer_text(&text), &meta) || !hdx_text_equal(meta.url, url))))
    status = hdx_error_set(error, HDX_NOT_FOUND, "%s: nothing is kept of %.*s", bytes_name, HDX_TEXT_ARG(url));
  struct hdx_buffer *memory = &document->memory;
  size_t at[4] = {0};
  if (status == HDX_OK) {
    at[0] = put_text(memory, meta.url);
    at[1] = put_text(memory, meta.etag);
    at[2] = put_text(memory, meta.last_modified);
    at[3] = memory->size;
    status = read_at(folder, bytes_name, bytes_max, memory, error);
  }
  size_t size = memory->size - at[3];
  if (status == HDX_OK && (size != meta.size || hdx_hash(memory->data + at[3], size) != meta.hash))
    status = hdx_error_set(error, HDX_NOT_FOUND, "%s: what is kept of %.*s is damaged", bytes_name, HDX_TEXT_ARG(url));
  if (status == HDX_OK) {
    hdx_buffer_append_byte(memory, 0);
    status = hdx_buffer_status(memory, bytes_name, error);
  }
  if (status == HDX_OK) {
    document->url = (struct hdx_text){memory->data + at[0], meta.url.size};
    document->etag = (struct hdx_text){memory->data + at[1], meta.etag.size};
    document->last_modified = (struct hdx_text){memory->data + at[2], meta.last_modified.size};
    document->bytes = (struct hdx_text){memory->data + at[3], size};
    document->checked_at = meta.checked_at;
  }
  hdx_buffer_deinit(&text);
  return status;
}

enum hdx_status hdx_store_load_document(const struct hdx_store *store, struct hdx_text folder, struct hdx_text name,
                                        struct hdx_text url, uint64_t bytes_max, struct hdx_document *document,
                                        struct hdx_error *error) {
  struct hdx_buffer bytes_name, meta_name;
  int fd;
  *document = (struct hdx_document){0};
  hdx_buffer_init(&document->memory, SIZE_MAX);
  enum hdx_status status = hdx_folder_open(store, folder, false, &fd, error);
  if (status != HDX_OK)
    return status;
  status = name_files(name, &bytes_name, &meta_name, error);
  if (status == HDX_OK)
    status = load(fd, bytes_name.data, meta_name.data, url, bytes_max, document, error);
  close(fd);
  hdx_buffer_deinit(&bytes_name);
  hdx_buffer_deinit(&meta_name);
  if (status != HDX_OK)
    hdx_document_deinit(document);
  return status;
}

enum hdx_status hdx_document_make(struct hdx_text url, struct hdx_text etag, struct hdx_text last_modified,
                                  struct hdx_text bytes, struct hdx_document *document, struct hdx_error *error) {
  struct hdx_text *const texts[] = {&document->url, &document->etag, &document->last_modified, &document->bytes};
  const struct hdx_text given[] = {url, etag, last_modified, bytes};
  struct hdx_buffer *memory = &document->memory;
  size_t at[4];
  *document = (struct hdx_document){.checked_at = hdx_time_now()};
  hdx_buffer_init(memory, SIZE_MAX);
  for (size_t i = 0; i < 4; i++)
    at[i] = put_text(memory, given[i]);
  enum hdx_status status = hdx_buffer_status(memory, "document", error);
  if (status != HDX_OK) {
    hdx_document_deinit(document);
    return status;
  }
  for (size_t i = 0; i < 4; i++)
    *texts[i] = (struct hdx_text){memory->data + at[i], given[i].size};
  return HDX_OK;
}

void hdx_document_deinit(struct hdx_document *document) {
  hdx_buffer_deinit(&document->memory);
  *document = (struct hdx_document){.memory = document->memory};
}

/* ---- writing ---- */

/* A value that would break its line is not worth keeping: the next answer is then simply not conditional. */
static struct hdx_text line_value(struct hdx_text text) {
  for (size_t i = 0; i < text.size; i++)
    if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
      return HDX_TEXT("");
  return text;
}

/* Whether the file holds these bytes already: a document that was only confirmed is not written again. */
static bool holds(int folder, const char *name, struct hdx_text bytes) {
  struct hdx_buffer old;
  hdx_buffer_init(&old, bytes.size + 1);
  bool same = read_at(folder, name, bytes.size, &old, NULL) == HDX_OK && hdx_text_equal(hdx_buffer_text(&old), bytes);
  hdx_buffer_deinit(&old);
  return same;
}

enum hdx_status hdx_store_save_document(const struct hdx_store *store, struct hdx_text folder, struct hdx_text name,
                                        const struct hdx_document *document, struct hdx_error *error) {
  struct hdx_buffer bytes_name, meta_name, path, meta;
  int fd;
  enum hdx_status status = hdx_folder_open(store, folder, true, &fd, error);
  if (status != HDX_OK)
    return status;
  hdx_buffer_init(&path, PATH_MAX);
  hdx_buffer_init(&meta, META_BYTES_MAX);
  status = name_files(name, &bytes_name, &meta_name, error);
  hdx_store_path(store, folder, name, &path);
  struct hdx_text etag = line_value(document->etag), date = line_value(document->last_modified);
  hdx_buffer_append_format(
      &meta,
      "heliodex document 1\nurl: %.*s\netag: %.*s\nlast-modified: %.*s\nchecked-at: %lld\nsize: %zu\nxxh3: %016llx\n",
      HDX_TEXT_ARG(document->url), HDX_TEXT_ARG(etag), HDX_TEXT_ARG(date), (long long)document->checked_at,
      document->bytes.size, (unsigned long long)hdx_hash(document->bytes.data, document->bytes.size));
  if (status == HDX_OK)
    status = hdx_buffer_status(&meta, "what is known of a document", error);
  size_t bytes_path = path.size;
  hdx_buffer_append_text(&path, META_ENDING);
  if (status == HDX_OK)
    status = hdx_buffer_status(&path, "path of a document", error);
  if (status == HDX_OK)
    status = hdx_file_replace(hdx_buffer_string(&path), hdx_buffer_text(&meta), error);
  path.size = bytes_path;
  if (status == HDX_OK && !holds(fd, bytes_name.data, document->bytes))
    status = hdx_file_replace(hdx_buffer_string(&path), document->bytes, error);
  close(fd);
  hdx_buffer_deinit(&bytes_name);
  hdx_buffer_deinit(&meta_name);
  hdx_buffer_deinit(&path);
  hdx_buffer_deinit(&meta);
  return status;
}
