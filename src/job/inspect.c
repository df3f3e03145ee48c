/* All index files of a catalog, checked row by row: an index run whose rows become findings.
 *
 * Workers find; the loop thread tells, in the order of datasets and years whatever order they end in: what a dataset
 * has to tell waits until all before it have told theirs (or until too much waits). */
#include "job/validate.h"

#include "job/index.h"

#include <stdlib.h>

enum {
  WAITING_SHARE = 2 /* findings that wait for their turn take at most this part of what catalogs leave of the memory */
};

/* What was found in one index file. */
struct record {
  struct record *next;
  struct inspection *inspection;
  char *document;
  int year;
  struct hdx_findings findings;
  struct hdx_index_check check;
  struct hdx_kept kept;
};

/* What is to be told of one dataset. */
struct slot {
  bool settled, told;
  struct record *records; /* by year */
  struct hdx_dataset_facts facts;
  int *years;
  char *failure; /* of the dataset as a whole, or NULL */
};

/* A dataset's entry in the catalog's document. */
struct entry {
  const struct hdx_json_value *value;
  size_t number; /* in its list */
  struct hdx_spot spot;
};

struct inspection {
  struct hdx_validation *validation;
  const struct hdx_catalog *catalog;
  struct hdx_findings *findings; /* of the catalog's document */
  const struct hdx_dataset **datasets;
  size_t count;
  struct slot *slots;
  size_t next;        /* slot to be told */
  size_t waiting;     /* bytes of what is settled and not told */
  atomic_size_t held; /* bytes of all that is not told */
  uint64_t held_max;
  struct entry *entries; /* of the catalog's datasets */
  char *home;            /* "s3://bucket/" of the catalog's own bucket, or "" */
  bool stops_expected;
  bool out_of_memory;
};

/* ---- records ---- */

static void free_record(void *inspected) {
  struct record *record = inspected;
  atomic_fetch_sub(&record->inspection->held, record->kept.arena.total);
  hdx_index_check_deinit(&record->check);
  hdx_kept_deinit(&record->kept);
  free(record->document);
  free(record);
}

/* Keeps a finding; what does not fit beside those of all other files is counted. */
static bool keep(void *user, const struct hdx_finding *finding) {
  struct record *record = user;
  atomic_size_t *held = &record->inspection->held;
  size_t before = record->kept.arena.total;
  if (atomic_load(held) >= record->inspection->held_max)
    return false;
  bool kept = hdx_kept_take(&record->kept, finding);
  atomic_fetch_add(held, record->kept.arena.total - before);
  return kept;
}

static struct record *new_record(struct inspection *inspection, const struct hdx_year_job *year) {
  const struct hdx_dataset *dataset = year->dataset->dataset;
  struct record *record = calloc(1, sizeof *record);
  char *document = strdup(year->location ? year->location : "");
  if (!record || !document) {
    free(record);
    free(document);
    return NULL;
  }
  record->inspection = inspection;
  record->document = document;
  record->year = year->year;
  hdx_kept_init(&record->kept, HDX_VALIDATE_FILE_BYTES_MAX);
  hdx_findings_init(&record->findings, document, inspection->validation->options->findings_max, keep, record);
  record->findings.id = dataset->id;
  hdx_index_check_init(&record->check, &record->findings, year->year, dataset->multiyear, inspection->stops_expected,
                       hdx_index_home(dataset->index), hdx_text_of(inspection->home));
  return record;
}

static uint64_t found(const struct record *record) {
  uint64_t count = 0;
  for (size_t i = 0; i < HDX_RULE_COUNT; i++)
    count += record->findings.found[i];
  return count;
}

/* ---- on workers ---- */

static struct inspection *inspection_of(const struct hdx_year_job *year) {
  return year->dataset->run->inspector->user;
}

static enum hdx_status on_begin(struct hdx_year_job *year, struct hdx_error *error) {
  if (year->inspected)
    free_record(year->inspected);
  year->inspected = new_record(inspection_of(year), year);
  return year->inspected ? HDX_OK : hdx_error_memory(error, sizeof(struct record));
}

static enum hdx_status on_rows(struct hdx_year_job *year, const struct hdx_csv_batch *batch, struct hdx_error *error) {
  struct record *record = year->inspected;
  return hdx_index_check_rows(&record->check, batch, hdx_csv_dialect(year->scanner->csv), error);
}

static void on_bad(struct hdx_year_job *year, const struct hdx_csv_bad_row *bad) {
  struct record *record = year->inspected;
  hdx_index_check_bad(&record->check, bad);
}

static void on_end(struct hdx_year_job *year) {
  struct record *record = year->inspected;
  hdx_index_check_end(&record->check, hdx_csv_result(year->scanner->csv), hdx_csv_dialect(year->scanner->csv));
}

/* ---- on the loop thread ---- */

static void tell_record(struct inspection *inspection, struct record *record) {
  hdx_kept_tell(&record->kept, hdx_validate_tell, inspection->validation);
  record->findings.take = hdx_validate_tell;
  record->findings.user = inspection->validation;
  hdx_findings_end(&record->findings);
}

static void free_slot(struct slot *slot) {
  while (slot->records) {
    struct record *next = slot->records->next;
    free_record(slot->records);
    slot->records = next;
  }
  free(slot->years);
  free(slot->failure);
  slot->years = NULL;
  slot->failure = NULL;
}

static void tell_slot(struct inspection *inspection, size_t i) {
  struct slot *slot = &inspection->slots[i];
  struct hdx_findings *findings = inspection->findings;
  const struct hdx_dataset *dataset = inspection->datasets[i];
  size_t place = (size_t)(dataset - inspection->catalog->doc.datasets);
  for (struct record *record = slot->records; record; record = record->next) {
    inspection->waiting -= record->kept.arena.total;
    tell_record(inspection, record);
  }
  const struct entry *entry = &inspection->entries[place];
  size_t before = hdx_findings_enter(findings, HDX_TEXT("catalog"));
  hdx_findings_enter_element(findings, entry->number);
  findings->spot = entry->spot;
  if (slot->failure) {
    findings->id = dataset->id;
    hdx_findings_json(findings, HDX_RULE_UNREADABLE, entry->value, "%s", slot->failure);
    findings->id = HDX_TEXT("");
  } else {
    hdx_rules_dataset(findings, entry->value, dataset, &slot->facts);
  }
  hdx_findings_leave(findings, before);
  free_slot(slot);
  slot->told = true;
}

/* Tells what is due, and if too much waits what is settled. */
static void tell_due(struct inspection *inspection) {
  uint64_t most = inspection->held_max / WAITING_SHARE;
  while (inspection->next < inspection->count && inspection->slots[inspection->next].settled) {
    size_t i = inspection->next++;
    if (!inspection->slots[i].told)
      tell_slot(inspection, i);
  }
  for (size_t i = inspection->next; inspection->waiting > most && i < inspection->count; i++)
    if (inspection->slots[i].settled && !inspection->slots[i].told)
      tell_slot(inspection, i);
}

/* Puts a record among those of its dataset, which are in the order of their years. */
static void add_record(struct inspection *inspection, struct slot *slot, struct record *record) {
  struct record **at = &slot->records;
  while (*at && (*at)->year < record->year)
    at = &(*at)->next;
  record->next = *at;
  *at = record;
  inspection->waiting += record->kept.arena.total;
}

static void add_facts(struct hdx_dataset_facts *facts, const struct hdx_index_check *check) {
  if (!check->rows)
    return;
  facts->start = facts->start == HDX_TIME_NONE || check->first < facts->start ? check->first : facts->start;
  facts->stop = facts->stop == HDX_TIME_NONE || check->last > facts->stop ? check->last : facts->stop;
  facts->stops |= check->stops;
}

static void settle_year(struct inspection *inspection, struct slot *slot, struct hdx_year_job *year) {
  struct hdx_validate_summary *summary = inspection->validation->summary;
  struct record *record = year->inspected;
  bool read = year->outcome == HDX_OUTCOME_NEW, failed = year->outcome == HDX_OUTCOME_FAILED;
  year->inspected = NULL;
  if (failed && !record)
    record = new_record(inspection, year);
  inspection->out_of_memory |= failed && !record;
  if (failed && record) {
    hdx_findings_line(&record->findings, HDX_RULE_UNREADABLE, 0, 0, HDX_TEXT(""), "%s", year->message);
    summary->unread++;
    slot->facts.unread++;
  }
  if (read) {
    summary->files++;
    summary->rows += record->check.rows;
    add_facts(&slot->facts, &record->check);
  }
  if (read || failed)
    slot->years[slot->facts.year_count++] = year->year;
  if (record && found(record) && (read || failed))
    add_record(inspection, slot, record);
  else if (record)
    free_record(record);
}

static int by_number(const void *a, const void *b) {
  int x = *(const int *)a, y = *(const int *)b;
  return (x > y) - (x < y);
}

static int by_id(const void *a, const void *b) {
  return hdx_text_compare((*(const struct hdx_dataset *const *)a)->id, (*(const struct hdx_dataset *const *)b)->id);
}

static void on_dataset(void *user, struct hdx_dataset_job *job, enum hdx_status status, const char *message) {
  struct inspection *inspection = user;
  const struct hdx_dataset **found_at =
      bsearch(&job->dataset, inspection->datasets, inspection->count, sizeof job->dataset, by_id);
  struct slot *slot = &inspection->slots[found_at - inspection->datasets];
  size_t count = 0;
  bool interrupted = false;
  for (const struct hdx_year_job *year = job->years; year; year = year->next) {
    interrupted |= year->outcome == HDX_OUTCOME_INTERRUPTED;
    count++;
  }
  slot->facts = (struct hdx_dataset_facts){.start = HDX_TIME_NONE, .stop = HDX_TIME_NONE};
  slot->years = calloc(count + 1, sizeof *slot->years);
  slot->failure = status != HDX_OK ? strdup(message) : NULL;
  if (!slot->years || (status != HDX_OK && !slot->failure)) {
    inspection->out_of_memory = true;
    return;
  }
  if (interrupted || status == HDX_INTERRUPTED)
    return;
  for (struct hdx_year_job *year = job->years; year; year = year->next)
    settle_year(inspection, slot, year);
  inspection->validation->summary->unread += status != HDX_OK;
  qsort(slot->years, slot->facts.year_count, sizeof *slot->years, by_number);
  slot->facts.years = slot->years;
  slot->settled = true;
  tell_due(inspection);
}

/* ---- the run ---- */

/* Finds the entries of the catalog's datasets in the document that findings are about: the same bytes, parsed apart. */
static enum hdx_status find_entries(struct inspection *inspection, struct hdx_error *error) {
  const struct hdx_catalog_doc *doc = &inspection->catalog->doc;
  const struct hdx_json *json = inspection->findings->json;
  const struct hdx_json_value *list = hdx_json_member(json, json->values, "catalog");
  size_t i = 0, number = 0;
  inspection->entries = calloc(doc->count + 1, sizeof *inspection->entries);
  if (!inspection->entries)
    return hdx_error_memory(error, doc->count * sizeof *inspection->entries);
  for (const struct hdx_json_value *v = hdx_json_first(json, list); v && i < doc->count;
       v = hdx_json_next(json, list, v), number++) {
    if (v->raw.data - json->text.data != doc->datasets[i].json.data - doc->json.text.data)
      continue; /* it was skipped */
    inspection->entries[i++] = (struct entry){v, number, hdx_findings_spot(inspection->findings, v)};
  }
  return HDX_OK;
}

/* Takes out what cannot be read, which the catalog's own rules have told. */
static void leave_out_parquet(struct inspection *inspection) {
  size_t kept = 0;
  for (size_t i = 0; i < inspection->count; i++)
    if (!hdx_text_equal_nocase(inspection->datasets[i]->indextype, HDX_TEXT("parquet")))
      inspection->datasets[kept++] = inspection->datasets[i];
  inspection->count = kept;
}

static enum hdx_status run_all(struct inspection *inspection, struct hdx_error *error) {
  const struct hdx_inspector inspector = {.begin = on_begin,
                                          .rows = on_rows,
                                          .bad = on_bad,
                                          .end = on_end,
                                          .free = free_record,
                                          .dataset = on_dataset,
                                          .user = inspection};
  struct hdx_index_options options;
  struct hdx_index_summary summary = {0};
  hdx_index_options_init(&options);
  struct hdx_index_run run = {.session = inspection->validation->session,
                              .catalog = inspection->catalog,
                              .datasets = inspection->datasets,
                              .dataset_count = inspection->count,
                              .options = &options,
                              .summary = &summary,
                              .inspector = &inspector};
  enum hdx_status status = hdx_index_run(&run, error);
  for (size_t i = 0; i < inspection->count; i++) /* of what was cut short, if anything was */
    if (inspection->slots[i].settled && !inspection->slots[i].told)
      tell_slot(inspection, i);
  if (inspection->out_of_memory)
    return hdx_error_memory(error, sizeof(struct record));
  /* What failed has been told, file by file. */
  return status == HDX_INTERRUPTED || status == HDX_IO || status == HDX_MEMORY ? status : HDX_OK;
}

/* "s3://bucket/" of the catalog's own bucket. */
static char *home_of(const struct hdx_catalog *catalog) {
  struct hdx_text own = catalog->doc.own_bucket;
  char *home = malloc(own.size + sizeof "s3:///");
  if (home && own.size)
    sprintf(home, "s3://%.*s/", HDX_TEXT_ARG(own));
  else if (home)
    home[0] = 0;
  return home;
}

enum hdx_status hdx_inspect(struct hdx_validation *validation, struct hdx_catalog *catalog,
                            struct hdx_findings *findings, struct hdx_error *error) {
  int version = hdx_rules_version(&catalog->doc.json);
  struct inspection inspection = {.validation = validation,
                                  .catalog = catalog,
                                  .findings = findings,
                                  .held_max = hdx_session_memory(validation->session),
                                  .stops_expected = version < 0 || version >= 5};
  enum hdx_status status =
      hdx_index_choose(validation->session, catalog, NULL, 0, &inspection.datasets, &inspection.count, error);
  if (status == HDX_EMPTY)
    return HDX_OK;
  if (status != HDX_OK)
    return status;
  leave_out_parquet(&inspection);
  inspection.home = home_of(catalog);
  inspection.slots = calloc(inspection.count + 1, sizeof *inspection.slots);
  if (!inspection.home || !inspection.slots)
    status = hdx_error_memory(error, inspection.count * sizeof *inspection.slots);
  if (status == HDX_OK)
    status = find_entries(&inspection, error);
  if (status == HDX_OK && inspection.count)
    status = run_all(&inspection, error);
  for (size_t i = 0; inspection.slots && i < inspection.count; i++)
    free_slot(&inspection.slots[i]);
  free(inspection.slots);
  free(inspection.home);
  free(inspection.entries);
  free(inspection.datasets);
  return status;
}
