/* layer: catalog */
/* Any bytes as a catalog: a clean status, or datasets that keep what the header promises; each id is found, and none of
 * their locations leads a remote source to a file or a copy to outside of itself. */
#include "catalog/catalog.h"
#include "catalog/dataset.h"
#include "catalog/source.h"

#include <stdlib.h>

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(void *user, enum hdx_log_level level, const char *message) {
  (void)user;
  CHECK(level == HDX_LOG_WARNING && memcmp(message, "fuzz: ", 6) == 0 && memcmp(message + 6, "line 0:", 7) != 0);
}

static const struct hdx_log warnings = {HDX_LOG_WARNING, check_message, NULL};

static void resolve(const struct hdx_source *source, const struct hdx_catalog_doc *doc, struct hdx_text location) {
  struct hdx_address address;
  hdx_address_init(&address);
  if (hdx_source_locate(source, location, HDX_TEXT("s3://b/"), false, &address, NULL) == HDX_OK) {
    struct hdx_url parsed;
    struct hdx_text text = hdx_buffer_text(&address.url);
    CHECK(hdx_url_parse(text, &parsed, NULL) == HDX_OK);
    CHECK(parsed.scheme != HDX_SCHEME_S3 && (parsed.scheme != HDX_SCHEME_FILE || source->scheme == HDX_SCHEME_FILE));
    CHECK(source->scheme == HDX_SCHEME_FILE || !hdx_url_link_local(parsed.host));
    if (source->scheme == HDX_SCHEME_FILE && hdx_url_parse(location, &parsed, NULL) == HDX_OK &&
        parsed.scheme == HDX_SCHEME_S3 && hdx_text_equal(parsed.host, doc->own_bucket))
      CHECK(hdx_text_starts_with(text, source->url) && !memmem(text.data, text.size, "/../", 4));
  }
  hdx_address_deinit(&address);
}

static void check_dataset(const struct hdx_catalog_doc *doc, const struct hdx_dataset *dataset) {
  const struct hdx_dataset *found;
  struct hdx_error error;
  CHECK(hdx_dataset_id(dataset->id) && hdx_text_ends_with(dataset->index, HDX_TEXT("/")));
  CHECK(dataset->json.data[0] == '{' && dataset->title.data && dataset->indextype.size);
  CHECK(!dataset->tags.size || dataset->tags.data[0] == '[');
  enum hdx_status status = hdx_catalog_doc_find(doc, dataset->id, &found, &error);
  CHECK(status == HDX_OK ? hdx_text_equal(found->id, dataset->id) : status == HDX_INTEGRITY);
  struct hdx_years years =
      hdx_dataset_years(hdx_dataset_catalog_start(dataset), dataset->stop, 0, HDX_TIME_NONE, HDX_TIME_NONE);
  CHECK(years.last <= 1971 && years.last - years.first < 400);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const buckets[] = {"s3://b/", "http://h.example/d/", "file:///srv/copy/"};
  struct hdx_catalog_doc doc;
  struct hdx_error error = {.status = HDX_OK};
  enum hdx_status status =
      hdx_catalog_doc_parse((struct hdx_text){(const char *)data, size}, "fuzz", &warnings, &doc, &error);
  if (status != HDX_OK) {
    CHECK(error.status == status && (status == HDX_INTEGRITY || status == HDX_UNAVAILABLE));
    return 0;
  }
  const struct hdx_dataset *none;
  hdx_catalog_doc_find(&doc, HDX_TEXT("aia_0094x"), &none, NULL);
  hdx_catalog_doc_member(&doc, "version");
  for (size_t i = 0; i < doc.count && i < 50; i++)
    check_dataset(&doc, &doc.datasets[i]);
  for (size_t b = 0; b < 3; b++) {
    struct hdx_arena arena;
    struct hdx_source source;
    hdx_arena_init(&arena, 1 << 20);
    CHECK(hdx_source_init(&source, hdx_text_of(buckets[b]), &(struct hdx_source_options){.region = HDX_TEXT("")},
                          &arena, NULL) == HDX_OK);
    CHECK(hdx_source_adopt(&source, doc.endpoint, doc.own_bucket, &arena, NULL) == HDX_OK);
    for (size_t i = 0; i < doc.count && i < 50; i++) {
      resolve(&source, &doc, doc.datasets[i].index);
      resolve(&source, &doc, doc.datasets[i].title); /* any text as a data key */
    }
    hdx_arena_deinit(&arena);
  }
  hdx_catalog_doc_deinit(&doc);
  return 0;
}
