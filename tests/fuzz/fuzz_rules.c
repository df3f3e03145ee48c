/* layer: catalog
 * Rules over hostile documents: the first byte chooses a document of JSON (as a catalog or as a registry) or an index
 * file, and how much is told. Findings must add up, and their places must lie within the document. What the reader of
 * such a document refuses or skips must have an error. */
#include "base/time.h"
#include "catalog/catalog.h"
#include "catalog/kept.h"
#include "catalog/rules.h"

#include <stdlib.h>

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition))                                                                                                  \
      abort();                                                                                                         \
  } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
  struct hdx_text document;
  struct hdx_kept kept;
  uint64_t count;
};

static bool take(void *user, const struct hdx_finding *finding) {
  struct told *told = user;
  CHECK(finding->line <= told->document.size + 1 && finding->column <= told->document.size + 1);
  CHECK(finding->value.size <= HDX_FINDING_VALUE_MAX && finding->count > 0);
  CHECK(strlen(finding->path) < HDX_FINDING_PATH_MAX);
  told->count += finding->count;
  return hdx_kept_take(&told->kept, finding) || true;
}

static bool ignore(void *user, const struct hdx_finding *finding) {
  size_t *count = user;
  CHECK(finding->message);
  ++*count;
  return true;
}

static uint64_t errors_of(const struct hdx_findings *findings) {
  uint64_t count = 0;
  for (size_t i = 0; i < HDX_RULE_COUNT; i++)
    count += hdx_rule_at(i)->severity == HDX_SEVERITY_ERROR ? findings->found[i] : 0;
  return count;
}

/* Whether the reader takes all that a document has. */
static bool is_read(struct hdx_text text, bool registry) {
  struct hdx_registry_doc registry_doc;
  struct hdx_catalog_doc doc;
  enum hdx_status status;
  bool whole = true;
  if (registry) {
    status = hdx_registry_doc_parse(text, "registry", NULL, &registry_doc, NULL);
    if (status == HDX_OK)
      hdx_registry_doc_deinit(&registry_doc);
  } else {
    status = hdx_catalog_doc_parse(text, "catalog", NULL, &doc, NULL);
    whole = status != HDX_OK || doc.skipped == 0;
    if (status == HDX_OK)
      hdx_catalog_doc_deinit(&doc);
  }
  return whole && status != HDX_INTEGRITY;
}

static void check_json(struct hdx_findings *findings, struct hdx_text text, bool registry) {
  struct hdx_json json;
  size_t count;
  if (hdx_rules_json(findings, text, &json, NULL) != HDX_OK)
    return;
  registry |= hdx_rules_is_registry(&json);
  if (registry)
    hdx_rules_registry(findings, &count, NULL);
  else
    hdx_rules_catalog(findings, hdx_time_of_year(2026), &count, NULL);
  CHECK(findings->path_size == 1);
  hdx_findings_end(findings);
  CHECK(errors_of(findings) || is_read(text, registry));
  hdx_json_deinit(&json);
}

struct scan {
  struct hdx_csv *csv;
  struct hdx_index_check check;
};

static enum hdx_status on_rows(void *user, const struct hdx_csv_batch *batch, struct hdx_error *error) {
  struct scan *scan = user;
  return hdx_index_check_rows(&scan->check, batch, hdx_csv_dialect(scan->csv), error);
}

static void on_bad(void *user, const struct hdx_csv_bad_row *bad) {
  hdx_index_check_bad(&((struct scan *)user)->check, bad);
}

static void check_index(struct hdx_findings *findings, struct hdx_text text, size_t cut) {
  struct scan scan;
  const struct hdx_csv_options options = {
      .kernel = hdx_csv_kernel(hdx_cpu_level()), .rows = on_rows, .bad = on_bad, .user = &scan, .lines = true};
  hdx_index_check_init(&scan.check, findings, 2020, false, true, HDX_TEXT("s3://b/"), HDX_TEXT(""));
  if (hdx_csv_open(&options, &scan.csv, NULL) != HDX_OK)
    return;
  enum hdx_status status = HDX_OK;
  for (size_t at = 0; at < text.size && status == HDX_OK; at += cut)
    status = hdx_csv_feed(scan.csv, text.data + at, text.size - at < cut ? text.size - at : cut, NULL);
  if (status == HDX_OK)
    status = hdx_csv_finish(scan.csv, NULL);
  if (status == HDX_OK)
    hdx_index_check_end(&scan.check, hdx_csv_result(scan.csv), hdx_csv_dialect(scan.csv));
  hdx_findings_end(findings);
  hdx_csv_close(scan.csv);
  hdx_index_check_deinit(&scan.check);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2)
    return 0;
  struct told told = {.document = {(const char *)data + 1, size - 1}};
  struct hdx_findings findings;
  size_t again = 0;
  hdx_kept_init(&told.kept, 1 << 20);
  hdx_findings_init(&findings, "document", data[0] >> 2 & 3, take, &told);
  if (data[0] & 2)
    check_index(&findings, told.document, (size_t)(data[0] >> 4) * 7 + 1);
  else
    check_json(&findings, told.document, data[0] & 1);
  uint64_t found = 0;
  for (size_t i = 0; i < HDX_RULE_COUNT; i++)
    found += findings.found[i];
  CHECK(found == told.count);
  hdx_kept_tell(&told.kept, ignore, &again);
  CHECK(again == told.kept.count);
  hdx_kept_deinit(&told.kept);
  return 0;
}
