/* layer: snapshot */
/* Documents of the store of any bytes: what is said to be kept is what lies there, what was saved comes back, and no
 * name leads out of the store.
 *
 * The first byte tells what the rest is:
 *   0  a .meta file, a NUL, and the bytes that it is about
 *   1  the same, with the bytes' size and hash put to the end of the .meta file
 *   2  etag, a newline, date, a newline, bytes: saved and loaded
 *   3  a name */
#include "base/file.h"
#include "codec/hash.h"
#include "snapshot/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())
#define URL HDX_TEXT("https://h.example/catalog.json")

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DOCUMENT_BYTES_MAX = 4096 };

static char root[] = "/dev/shm/hdx-fuzz-document-XXXXXX";
static struct hdx_store store;
static int folder = -1;

static void clean_up(void) {
  unlinkat(folder, "d.json", 0);
  unlinkat(folder, "d.json.meta", 0);
  char path[64];
  snprintf(path, sizeof path, "%s/f", root);
  rmdir(path);
  rmdir(root);
}

static void set_up(void) {
  char path[64];
  CHECK(mkdtemp(root) && hdx_store_init(&store, root, NULL) == HDX_OK);
  CHECK(hdx_store_make(&store, HDX_TEXT("f"), NULL) == HDX_OK);
  snprintf(path, sizeof path, "%s/f", root);
  folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CHECK(folder >= 0 && atexit(clean_up) == 0);
}

static void write_file(const char *name, struct hdx_text bytes) {
  int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  CHECK(fd >= 0 && (bytes.size == 0 || write(fd, bytes.data, bytes.size) == (ssize_t)bytes.size));
  close(fd);
}

static enum hdx_status load(struct hdx_document *document) {
  return hdx_store_load_document(&store, HDX_TEXT("f"), HDX_TEXT("d.json"), URL, DOCUMENT_BYTES_MAX, document, NULL);
}

/* The next part of the text, up to a byte. */
static struct hdx_text take(struct hdx_text *text, char end) {
  const char *at = text->size ? memchr(text->data, end, text->size) : NULL;
  struct hdx_text part = {text->data, at ? (size_t)(at - text->data) : text->size};
  *text = hdx_text_sub(*text, part.size + (at != NULL), text->size);
  return part;
}

static void fuzz_load(struct hdx_text text, bool mended) {
  struct hdx_document document;
  struct hdx_buffer meta;
  hdx_buffer_init(&meta, SIZE_MAX);
  hdx_buffer_append_text(&meta, take(&text, 0));
  if (mended)
    hdx_buffer_append_format(&meta, "size: %zu\nxxh3: %016llx\n", text.size,
                             (unsigned long long)hdx_hash(text.data, text.size));
  write_file("d.json", text);
  write_file("d.json.meta", hdx_buffer_text(&meta));
  enum hdx_status status = load(&document);
  CHECK(status == HDX_OK || status == HDX_NOT_FOUND || (status == HDX_LIMIT && text.size > DOCUMENT_BYTES_MAX));
  if (status == HDX_OK) {
    CHECK(hdx_text_equal(document.url, URL) && hdx_text_equal(document.bytes, text));
    CHECK(!memchr(document.etag.data, '\n', document.etag.size) && document.etag.data[document.etag.size] == 0);
    hdx_document_deinit(&document);
  }
  hdx_buffer_deinit(&meta);
}

static bool plain(struct hdx_text text) {
  for (size_t i = 0; i < text.size; i++)
    if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
      return false;
  return true;
}

static void fuzz_save(struct hdx_text text) {
  struct hdx_document document, loaded;
  struct hdx_text etag = take(&text, '\n'), date = take(&text, '\n');
  CHECK(hdx_document_make(URL, etag, date, text, &document, NULL) == HDX_OK);
  CHECK(hdx_store_save_document(&store, HDX_TEXT("f"), HDX_TEXT("d.json"), &document, NULL) == HDX_OK);
  enum hdx_status status = load(&loaded);
  CHECK(status == (text.size > DOCUMENT_BYTES_MAX ? HDX_LIMIT : HDX_OK));
  if (status == HDX_OK) {
    CHECK(hdx_text_equal(loaded.bytes, text) && loaded.checked_at == document.checked_at);
    CHECK(hdx_text_equal(loaded.etag, plain(etag) ? etag : HDX_TEXT("")));
    CHECK(hdx_text_equal(loaded.last_modified, plain(date) ? date : HDX_TEXT("")));
    hdx_document_deinit(&loaded);
  }
  hdx_document_deinit(&document);
}

/* The name is one component below the folder. */
static void check_name(const struct hdx_buffer *path, size_t before) {
  struct hdx_text name = hdx_text_sub(hdx_buffer_text(path), before, path->size);
  CHECK(name.size >= 2 && name.size <= 256 && name.data[0] == '/' && name.data[1] != '.');
  CHECK(!memchr(name.data + 1, '/', name.size - 1) && !memchr(name.data, 0, name.size));
}

static void fuzz_names(struct hdx_text name) {
  struct hdx_buffer path;
  size_t before = strlen(store.root) + 2;
  if (name.size == 0)
    return;
  hdx_buffer_init(&path, SIZE_MAX);
  hdx_store_path(&store, HDX_TEXT("f"), name, &path);
  check_name(&path, before);
  hdx_buffer_clear(&path);
  hdx_store_snapshot_path(&store, HDX_TEXT("f"), name, &path);
  check_name(&path, before);
  hdx_buffer_deinit(&path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (folder < 0)
    set_up();
  if (size == 0)
    return 0;
  struct hdx_text text = {(const char *)data + 1, size - 1};
  switch (data[0] % 4) {
  case 0:
  case 1:
    fuzz_load(text, data[0] & 1);
    break;
  case 2:
    fuzz_save(text);
    break;
  default:
    fuzz_names(text);
  }
  return 0;
}
