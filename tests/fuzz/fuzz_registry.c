/* layer: catalog */
/* Any bytes as a registry: a clean status, or entries that have what the specification demands, each endpoint once; and
 * each endpoint as a source: refused, or with a folder of two plain components that its canonical URL has again. */
#include "catalog/catalog.h"
#include "catalog/source.h"

#include <stdlib.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(void *user, enum hdx_log_level level, const char *message) {
  (void)user;
  CHECK(level == HDX_LOG_WARNING && memcmp(message, "fuzz: ", 6) == 0 && memcmp(message + 6, "line 0:", 7) != 0);
}

static const struct hdx_log warnings = {HDX_LOG_WARNING, check_message, NULL};

static void check_folder(const struct hdx_source *source) {
  size_t from = 0, components = 0;
  for (size_t i = 0; i <= source->folder.size; i++)
    if (i == source->folder.size || source->folder.data[i] == '/') {
      CHECK(i > from && i - from <= 255 && source->folder.data[from] != '.');
      components++;
      from = i + 1;
    }
  CHECK(components == 2);
}

static void check_source(struct hdx_text bucket) {
  struct hdx_arena arena;
  struct hdx_source source, again;
  struct hdx_error error = {.status = HDX_OK};
  hdx_arena_init(&arena, 1 << 20);
  enum hdx_status status =
      hdx_source_init(&source, bucket, &(struct hdx_source_options){.region = HDX_TEXT("")}, &arena, &error);
  if (status == HDX_OK) {
    check_folder(&source);
    if (source.url.size <= HDX_URL_BYTES_MAX) {
      CHECK(hdx_source_init(&again, source.url, &(struct hdx_source_options){.region = HDX_TEXT("")}, &arena, &error) ==
            HDX_OK);
      CHECK(hdx_text_equal(again.url, source.url) && hdx_text_equal(again.folder, source.folder));
    }
  } else {
    CHECK(status == HDX_USAGE && error.message[0]);
  }
  hdx_arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hdx_registry_doc doc;
  struct hdx_error error = {.status = HDX_OK};
  struct hdx_text text = {(const char *)data, size};
  check_source(text);
  if (hdx_registry_doc_parse(text, "fuzz", &warnings, &doc, &error) != HDX_OK) {
    CHECK(error.status == HDX_INTEGRITY);
    return 0;
  }
  for (size_t i = 0; i < doc.count && i < 50; i++) {
    const struct hdx_registry_entry *entry = &doc.entries[i], *found;
    CHECK(entry->endpoint.size && entry->name.size && entry->region.size && entry->provider.size);
    for (size_t j = 0; j < i; j++)
      CHECK(!hdx_text_equal(doc.entries[j].endpoint, entry->endpoint));
    CHECK(hdx_registry_doc_endpoint(&doc, entry->name, entry->region, true, &found, &error) == HDX_OK);
    hdx_registry_doc_endpoint(&doc, entry->region, entry->name, false, &found, &error);
    check_source(entry->endpoint);
  }
  hdx_registry_doc_deinit(&doc);
  return 0;
}
