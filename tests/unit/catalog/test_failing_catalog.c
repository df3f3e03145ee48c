/* What the catalog's layer does where memory is not to be had: MEMORY, and never a dataset, row or finding less. */
#include "base/time.h"
#include "catalog/catalog.h"
#include "catalog/dataset.h"
#include "catalog/kept.h"
#include "catalog/parameters.h"
#include "catalog/rows.h"
#include "catalog/rules.h"
#include "catalog/source.h"
#include "unit/failing.h"

#include <stdlib.h>

/* Writes whole formatted texts of documents, before anything fails. */
static void append_entries(struct hdx_buffer *text, size_t count) {
  for (size_t i = 0; i < count; i++)
    hdx_buffer_append_format(text,
                             "%s\n{\"id\":\"set%zu\",\"index\":\"s3://b%zu/i\",\"title\":\"t\",\"start\":\"2010Z\","
                             "\"stop\":\"2011Z\",\"filetype\":[\"fits\",\"cdf\"],\"tags\":\"x\"}",
                             i ? "," : "", i, i % 3);
}

/* ---- documents ---- */

static enum hdx_status use_registry(void *user, struct hdx_error *error) {
  (void)user;
  static const struct hdx_text text =
      HDX_TEXT("{\"registry\":[{\"endpoint\":\"s3://a/\",\"name\":\"A\",\"region\":\"us-east-1\"},"
               "{\"endpoint\":\"s3://b/\",\"name\":\"B\",\"region\":\"us-east-1\"},"
               "{\"endpoint\":\"s3://a\",\"name\":\"C\",\"region\":\"us-east-1\"}]}");
  struct hdx_registry_doc doc;
  const struct hdx_registry_entry *entry;
  enum hdx_status status = hdx_registry_doc_parse(text, "reg", NULL, &doc, error);
  if (status != HDX_OK)
    return status;
  assert_int_equal(doc.count, 2);
  assert_int_equal(hdx_registry_doc_endpoint(&doc, HDX_TEXT("b"), HDX_TEXT("us"), false, &entry, error), HDX_OK);
  assert_true(hdx_text_is(entry->endpoint, "s3://b/"));
  hdx_registry_doc_deinit(&doc);
  return HDX_OK;
}

enum { DATASETS = 150 };

static enum hdx_status use_catalog(void *user, struct hdx_error *error) {
  struct hdx_catalog_doc doc;
  enum hdx_status status = hdx_catalog_doc_parse(hdx_buffer_text(user), "cat", NULL, &doc, error);
  if (status != HDX_OK)
    return status;
  assert_int_equal(doc.count, DATASETS);
  assert_int_equal(doc.skipped, 0);
  assert_true(hdx_text_is(doc.status, "1200 OK") && hdx_text_is(doc.own_bucket, "b0"));
  assert_true(hdx_text_is(doc.datasets[DATASETS - 1].index, "s3://b2/i/"));
  assert_true(hdx_text_is(doc.datasets[0].filetype, "fits,cdf") && hdx_text_is(doc.datasets[0].tags, "[\"x\"]"));
  hdx_catalog_doc_deinit(&doc);
  return HDX_OK;
}

static enum hdx_status use_parameters(void *user, struct hdx_error *error) {
  struct hdx_parameters_doc doc;
  enum hdx_status status = hdx_parameters_doc_parse(hdx_buffer_text(user), "p", NULL, &doc, error);
  if (status != HDX_OK)
    return status;
  assert_int_equal(doc.count, 100);
  assert_true(hdx_text_is(doc.names[99], "name99") && hdx_text_is(doc.parameters[99].units, "nT"));
  hdx_parameters_doc_deinit(&doc);
  return HDX_OK;
}

static enum hdx_status use_collections(void *user, struct hdx_error *error) {
  (void)user;
  const struct hdx_dataset dataset = {.collections = HDX_TEXT("[\"sdo\", \"a\\u00e9\"]")};
  bool found;
  enum hdx_status status = hdx_dataset_in_collection(&dataset, "a?*", &found, error);
  if (status != HDX_OK)
    return status;
  assert_true(found);
  status = hdx_dataset_in_collection(&dataset, "b*", &found, error);
  assert_false(found);
  return status;
}

static void test_33_memory_for_documents(void **state) {
  (void)state;
  struct hdx_buffer text;
  hdx_buffer_init(&text, 1 << 20);
  failing_memory(use_registry, NULL);
  failing_memory(use_collections, NULL);
  hdx_buffer_append_format(&text, "{\"status\":\"1200 OK\",\"catalog\":[");
  append_entries(&text, DATASETS);
  hdx_buffer_append_format(&text, "]}");
  failing_memory(use_catalog, &text);
  hdx_buffer_clear(&text);
  hdx_buffer_append_format(&text, "{\"parameters\":[");
  for (int i = 0; i < 100; i++)
    hdx_buffer_append_format(&text, "%s{\"name\":\"name%d\",\"units\":\"nT\",\"desc\":\"%0200d\"}", i ? "," : "", i, i);
  hdx_buffer_append_format(&text, "]}");
  failing_memory(use_parameters, &text);
  hdx_buffer_deinit(&text);
}

/* ---- places ---- */

struct source_case {
  const char *bucket;
  size_t used; /* of the arena's first piece: the next text, or the one behind it, needs another */
};

static enum hdx_status use_source(void *user, struct hdx_error *error) {
  const struct source_case *source_case = user;
  static const struct hdx_map maps[] = {{"s3://a/", "http://mirror/a"}, {"https://h/d/", "s3://d/x/"}};
  static const char *const locations[][2] = {{"s3://a/k", "http://mirror/a/k"},
                                             {"https://h/d/k", "https://s3.amazonaws.com/d/x/k"},
                                             {"s3://other/k", "https://other.s3.amazonaws.com/k"}};
  struct hdx_source_options options = {
      .region = HDX_TEXT("us-east-1"), .endpoint_url = "http://ep:1/", .maps = maps, .map_count = 2};
  struct hdx_arena arena;
  struct hdx_source source;
  struct hdx_address address;
  hdx_arena_init(&arena, 1 << 20);
  hdx_address_init(&address);
  faults_pause();
  hdx_arena_bytes(&arena, source_case->used);
  faults_resume();
  enum hdx_status status = hdx_source_init(&source, hdx_text_of(source_case->bucket), &options, &arena, error);
  if (status == HDX_OK)
    status = hdx_source_adopt(&source, HDX_TEXT("s3://own/p/"), HDX_TEXT("own"), &arena, error);
  for (size_t i = 0; status == HDX_OK && i < sizeof locations / sizeof *locations; i++) {
    status = hdx_source_locate(&source, hdx_text_of(locations[i][0]), HDX_TEXT(""), false, &address, error);
    if (status == HDX_OK)
      assert_true(hdx_text_is(hdx_buffer_text(&address.url), locations[i][1]));
  }
  if (status == HDX_OK) { /* a key that is relative to its index */
    status = hdx_source_locate(&source, HDX_TEXT("k"), HDX_TEXT("s3://other/"), false, &address, error);
    assert_true(status != HDX_OK || hdx_text_is(hdx_buffer_text(&address.url), locations[2][1]));
  }
  hdx_address_deinit(&address);
  hdx_arena_deinit(&arena);
  return status;
}

static void test_33_memory_for_places(void **state) {
  (void)state;
  static const char *const buckets[] = {"own", "s3://own/p/", "http://h/p/"};
  for (size_t i = 0; i < sizeof buckets / sizeof *buckets; i++)
    for (size_t left = 0; left < 150; left += 5) {
      struct source_case source_case = {buckets[i], 4096 - left};
      failing_memory(use_source, &source_case);
    }
}

/* ---- rows ---- */

static enum hdx_status use_rows(void *user, struct hdx_error *error) {
  (void)user;
  enum { COUNT = 2000, PART = 100 };
  struct hdx_rows rows, other, views;
  hdx_rows_init(&rows, 64 << 20);
  hdx_rows_init(&other, 64 << 20);
  hdx_rows_init(&views, 64 << 20);
  enum hdx_status status = HDX_OK;
  for (size_t at = 0; status == HDX_OK && at < COUNT; at += PART) {
    int64_t start[PART], stop[PART], size[PART];
    struct hdx_text key[PART], extra[PART];
    const struct hdx_text *extras[] = {extra};
    char texts[PART][32] = {{0}};
    size_t column, before = rows.count;
    for (size_t i = 0; i < PART; i++) { /* backwards */
      start[i] = stop[i] = (int64_t)(COUNT - at - i);
      size[i] = 1;
      key[i] = (struct hdx_text){texts[i], (size_t)snprintf(texts[i], sizeof texts[i], "key %zu", COUNT - at - i)};
      extra[i] = hdx_text_sub(key[i], 4, key[i].size);
    }
    const struct hdx_csv_batch batch = {
        .count = PART, .start = start, .stop = stop, .size = size, .key = key, .extra = extras};
    status = hdx_rows_column(&rows, 3, &column, error);
    if (status == HDX_OK)
      status = hdx_rows_append(&rows, &batch, 0, PART, &column, 1, 2000, error);
    assert_int_equal(rows.count, status == HDX_OK ? before + PART : before);
  }
  if (status == HDX_OK)
    status = hdx_rows_append_rows(&other, &rows, 0, rows.count, error);
  if (status == HDX_OK)
    status = hdx_rows_append_views(&views, &other, error);
  if (status == HDX_OK)
    status = hdx_rows_sort(&views, error);
  for (size_t i = 0; status == HDX_OK && i < COUNT; i++) {
    char key[32];
    snprintf(key, sizeof key, "key %zu", i + 1);
    assert_true(views.start[i] == (int64_t)i + 1 && hdx_text_is(views.key[i], key) &&
                hdx_text_is(views.extra[0][i], key + 4));
  }
  hdx_rows_deinit(&views);
  hdx_rows_deinit(&other);
  hdx_rows_deinit(&rows);
  return status;
}

static void test_33_memory_for_rows(void **state) {
  (void)state;
  failing_memory(use_rows, NULL);
}

/* ---- rules ---- */

struct collected {
  struct hdx_kept kept;
  size_t lost, told;
  uint64_t last;
  bool ordered;
};

static bool collect(void *user, const struct hdx_finding *finding) {
  struct collected *collected = user;
  bool kept = hdx_kept_take(&collected->kept, finding);
  collected->lost += !kept;
  return kept;
}

static bool tell(void *user, const struct hdx_finding *finding) {
  struct collected *collected = user;
  collected->told++;
  collected->ordered &= finding->line == 0 || finding->line >= collected->last;
  collected->last = finding->line;
  return true;
}

/* All that is found is told or counted; only its order may be lost. */
static enum hdx_status tell_all(struct collected *collected, size_t expected, struct hdx_error *error) {
  collected->ordered = true;
  hdx_kept_tell(&collected->kept, tell, collected);
  assert_int_equal(collected->told, collected->kept.count);
  assert_int_equal(collected->told + collected->lost, expected);
  return collected->lost || !collected->ordered ? hdx_error_memory(error, 1) : HDX_OK;
}

static enum hdx_status use_rules(void *user, struct hdx_error *error) {
  struct collected collected = {.lost = 0};
  struct hdx_findings findings;
  struct hdx_json json;
  size_t count, found = 0;
  hdx_kept_init(&collected.kept, 16 << 20);
  hdx_findings_init(&findings, "doc", 0, collect, &collected);
  enum hdx_status status = hdx_rules_json(&findings, hdx_buffer_text(user), &json, error);
  if (status == HDX_OK) {
    status = hdx_rules_is_registry(&json) ? hdx_rules_registry(&findings, &count, error)
                                          : hdx_rules_catalog(&findings, hdx_time_of_year(2026), &count, error);
    hdx_json_deinit(&json);
  }
  for (size_t i = 0; i < HDX_RULE_COUNT; i++)
    found += findings.found[i];
  if (status == HDX_OK) {
    assert_int_equal(count, 100);
    assert_true(found > 100);
    status = tell_all(&collected, found, error);
  }
  hdx_kept_deinit(&collected.kept);
  return status;
}

static void test_33_memory_for_rules(void **state) {
  (void)state;
  struct hdx_buffer text;
  hdx_buffer_init(&text, 1 << 20);
  hdx_buffer_append_format(&text, "{\"catalog\":[");
  append_entries(&text, 100);
  hdx_buffer_append_format(&text, "]}");
  failing_memory(use_rules, &text);
  hdx_buffer_clear(&text);
  hdx_buffer_append_format(&text, "{\"registry\":[");
  for (int i = 0; i < 100; i++)
    hdx_buffer_append_format(&text, "%s\n{\"endpoint\":\"s3://b%d\",\"name\":\"n\",\"region\":\"US\"}", i ? "," : "",
                             i % 50);
  hdx_buffer_append_format(&text, "]}");
  failing_memory(use_rules, &text);
  hdx_buffer_deinit(&text);
}

/* ---- the rows of an index file ---- */

struct scan {
  struct hdx_csv *csv;
  struct hdx_index_check check;
};

static enum hdx_status on_rows(void *user, const struct hdx_csv_batch *batch, struct hdx_error *error) {
  struct scan *scan = user;
  return hdx_index_check_rows(&scan->check, batch, hdx_csv_dialect(scan->csv), error);
}

static enum hdx_status use_index(void *user, struct hdx_error *error) {
  (void)user;
  static const struct hdx_text pieces[] = {HDX_TEXT("2020-01-01T00:00:00Z,2020-01-02T00:00:00Z,s3://b/k,5\n"),
                                           HDX_TEXT("2020-01-01T00:00:00Z,2020-01-02T00:00:00Z,s3://b/k,5\n"),
                                           HDX_TEXT("2020-01-01T00:00:00Z,2020-01-02T00:00:00Z,s3://b/longer,5\n")};
  struct collected collected = {.lost = 0};
  struct hdx_findings findings;
  struct scan scan = {.csv = NULL};
  const struct hdx_csv_options options = {.kernel = hdx_cpu_level(), .rows = on_rows, .user = &scan, .lines = true};
  hdx_kept_init(&collected.kept, 1 << 20);
  hdx_findings_init(&findings, "f", 0, collect, &collected);
  hdx_index_check_init(&scan.check, &findings, 2020, false, true, HDX_TEXT("s3://b/"), HDX_TEXT("s3://b/"));
  enum hdx_status status = hdx_csv_open(&options, &scan.csv, error);
  for (size_t i = 0; status == HDX_OK && i < sizeof pieces / sizeof *pieces; i++)
    status = hdx_csv_feed(scan.csv, pieces[i].data, pieces[i].size, error);
  if (status == HDX_OK)
    status = hdx_csv_finish(scan.csv, error);
  if (status == HDX_OK) {
    assert_int_equal(findings.found[HDX_RULE_ROW_TWICE], 1);
    assert_int_equal(findings.found[HDX_RULE_ROW_OVERLAP], 1);
    status = tell_all(&collected, 2, error);
  }
  hdx_csv_close(scan.csv);
  hdx_index_check_deinit(&scan.check);
  hdx_kept_deinit(&collected.kept);
  return status;
}

static void test_33_memory_for_rules_of_rows(void **state) {
  (void)state;
  failing_memory(use_index, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_33_memory_for_documents),     cmocka_unit_test(test_33_memory_for_places),
      cmocka_unit_test(test_33_memory_for_rows),          cmocka_unit_test(test_33_memory_for_rules),
      cmocka_unit_test(test_33_memory_for_rules_of_rows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
