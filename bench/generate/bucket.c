#include "bucket.h"

#include <stdio.h>

#define CATALOG_BYTES_MAX ((size_t)1 << 31)

static const char hex[] = "0123456789abcdef";

void gen_dataset_init(struct gen_dataset *dataset) {
  *dataset = (struct gen_dataset){
      .filetype = "cdf",
      .indextype = "csv",
      .extra_json = "",
      .form = GEN_FORM_SECOND,
      .catalog_form = GEN_FORM_SECOND,
      .start_moment = GEN_MOMENT_INIT,
      .stop_moment = GEN_MOMENT_INIT,
  };
}

void gen_dataset_cover(struct gen_dataset *dataset, int64_t start, int64_t stop) {
  if (!dataset->any || start < dataset->start)
    dataset->start = start;
  if (!dataset->any || stop > dataset->stop)
    dataset->stop = stop;
  dataset->any = true;
}

void gen_year_begin(struct gen_bucket *bucket, struct gen_dataset *dataset, int year) {
  dataset->year = year;
  dataset->year_rows = 0;
  if (dataset->checksums)
    gen_random_init(&dataset->check, bucket->seed ^ 0x636865636b73756d, dataset->id, (uint64_t)year);
}

void gen_year_create(struct gen_bucket *bucket, struct gen_dataset *dataset) {
  char path[sizeof dataset->index + sizeof dataset->id + 48];
  snprintf(path, sizeof path, GEN_BUCKET "/%s%s_%04d.csv", dataset->index + sizeof GEN_ENDPOINT - 1, dataset->id,
           dataset->year);
  gen_tree_begin(&bucket->tree, path);
  bucket->files++;
}

static char *put_checksum(char *to, struct gen_dataset *dataset, uint64_t records) {
  *to++ = ',';
  for (int i = 0; i < 4; i++) {
    uint64_t bits = gen_random_next(&dataset->check);
    for (int k = 0; k < 16; k++, bits >>= 4)
      *to++ = hex[bits & 15];
  }
  to = gen_put_text(to, ",SHA256,");
  return gen_put_u64(to, records);
}

void gen_year_row(struct gen_bucket *bucket, struct gen_dataset *dataset, const struct gen_row *row) {
  if (dataset->year_rows++ == 0) {
    gen_year_create(bucket, dataset);
    if (dataset->header) {
      gen_tree_write(&bucket->tree, dataset->header, strlen(dataset->header));
      gen_tree_write(&bucket->tree, "\n", 1);
    }
  }
  gen_moment_set(&dataset->start_moment, row->start);
  gen_moment_set(&dataset->stop_moment, row->stop);
  char *p = gen_tree_room(&bucket->tree);
  p = gen_put_time(p, &dataset->start_moment, dataset->form);
  *p++ = ',';
  p = gen_put_time(p, &dataset->stop_moment, dataset->form);
  *p++ = ',';
  p = gen_put_key(p, &dataset->key, &dataset->start_moment, &dataset->stop_moment, row->version);
  *p++ = ',';
  p = gen_put_u64(p, row->size);
  if (dataset->checksums)
    p = put_checksum(p, dataset, row->records);
  *p++ = '\n';
  gen_tree_wrote(&bucket->tree, p);
  gen_dataset_cover(dataset, row->start, row->stop);
}

enum hdx_status gen_year_end(struct gen_bucket *bucket, struct gen_dataset *dataset) {
  gen_tree_end(&bucket->tree);
  bucket->rows += dataset->year_rows;
  bucket->bytes += bucket->tree.bytes;
  bucket->tree.bytes = 0;
  return bucket->tree.status;
}

static void put_member(struct hdx_buffer *json, const char *name, const char *value) {
  hdx_buffer_append_format(json, "      \"%s\": \"%s\",\n", name, value);
}

enum hdx_status gen_dataset_end(struct gen_bucket *bucket, const struct gen_dataset *dataset) {
  char start[32], stop[32], modified[32];
  struct gen_moment moment = GEN_MOMENT_INIT;
  gen_moment_set(&moment, dataset->start);
  *gen_put_time(start, &moment, dataset->catalog_form) = 0;
  gen_moment_set(&moment, dataset->stop);
  *gen_put_time(stop, &moment, dataset->catalog_form) = 0;
  gen_moment_set(&moment, dataset->modified * GEN_DAY_MS);
  *gen_put_time(modified, &moment, GEN_FORM_SECOND) = 0;

  struct hdx_buffer *json = &bucket->catalog;
  if (bucket->datasets++ > 0)
    hdx_buffer_append_text(json, HDX_TEXT(",\n"));
  hdx_buffer_append_text(json, HDX_TEXT("    {\n"));
  put_member(json, "id", dataset->id);
  put_member(json, "index", dataset->index);
  put_member(json, "title", dataset->title);
  put_member(json, "start", start);
  put_member(json, "stop", stop);
  put_member(json, "modification", modified);
  hdx_buffer_append_text(json, hdx_text_of(dataset->extra_json));
  put_member(json, "indextype", dataset->indextype);
  hdx_buffer_append_format(json, "      \"filetype\": \"%s\"\n    }", dataset->filetype);
  if (bucket->tree.status == HDX_OK)
    bucket->tree.status = hdx_buffer_status(json, "catalog.json", &bucket->tree.error);
  return bucket->tree.status;
}

struct gen_window gen_window_of(uint32_t days, uint32_t rows_scale) {
  if (rows_scale >= GEN_ONE)
    return (struct gen_window){.head = days, .tail = days};
  uint32_t keep = (uint32_t)(((uint64_t)days * rows_scale + GEN_ONE - 1) / GEN_ONE);
  uint32_t tail = keep / 2;
  return (struct gen_window){.head = keep - tail, .tail = days - tail};
}

static const char registry_json[] = "{\n"
                                    "  \"CloudCatalog\": \"1.0\",\n"
                                    "  \"modificationDate\": \"2024-06-01T00:00:00Z\",\n"
                                    "  \"registry\": [\n"
                                    "    {\n"
                                    "      \"endpoint\": \"" GEN_ENDPOINT "\",\n"
                                    "      \"name\": \"HelioCloud, including SDO\",\n"
                                    "      \"region\": \"us-east-1\",\n"
                                    "      \"provider\": \"aws\"\n"
                                    "    }\n"
                                    "  ]\n"
                                    "}\n";

static const char catalog_head[] = "{\n"
                                   "  \"version\": \"1.0\",\n"
                                   "  \"endpoint\": \"" GEN_ENDPOINT "\",\n"
                                   "  \"name\": \"HelioCloud, including SDO\",\n"
                                   "  \"contact\": \"Example Operator, operator@example.org\",\n"
                                   "  \"description\": \"A made-up bucket in the shape of a real one: index files "
                                   "without the data files they name\",\n"
                                   "  \"citation\": \"none\",\n"
                                   "  \"egress\": \"user-pays,public\",\n"
                                   "  \"status\": {\n"
                                   "    \"code\": 1200,\n"
                                   "    \"message\": \"OK\"\n"
                                   "  },\n"
                                   "  \"catalog\": [\n";

static const char catalog_foot[] = "\n  ]\n}\n";

enum hdx_status gen_bucket_finish(struct gen_bucket *bucket) {
  gen_tree_begin(&bucket->tree, GEN_BUCKET "/catalog.json");
  gen_tree_write(&bucket->tree, catalog_head, sizeof catalog_head - 1);
  gen_tree_write(&bucket->tree, bucket->catalog.data, bucket->catalog.size);
  gen_tree_write(&bucket->tree, catalog_foot, sizeof catalog_foot - 1);
  if (gen_tree_end(&bucket->tree) != HDX_OK)
    return bucket->tree.status;
  gen_tree_begin(&bucket->tree, "registry.json");
  gen_tree_write(&bucket->tree, registry_json, sizeof registry_json - 1);
  return gen_tree_end(&bucket->tree);
}
