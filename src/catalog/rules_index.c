/* The rules of an index file's rows. What is asked of every row is cheap: two comparisons of times with the row above,
 * the key's beginning against the bucket's, eight of its bytes at a time against control characters. */
#include "catalog/rules.h"

#include "base/error.h"
#include "base/time.h"
#include "base/url.h"
#include "catalog/dataset.h"

#include <assert.h>
#include <stdlib.h>

enum { VALUE_TIME_DIGITS = 9 };

void hdx_index_check_init(struct hdx_index_check *check, struct hdx_findings *findings, int year, bool multiyear,
                          bool stops_expected, struct hdx_text index_home, struct hdx_text catalog_home) {
  *check = (struct hdx_index_check){.findings = findings,
                                    .year = year,
                                    .multiyear = multiyear,
                                    .stops_expected = stops_expected,
                                    .homes = {index_home, catalog_home},
                                    .year_begin = year ? hdx_time_of_year(year) : HDX_TIME_MIN,
                                    .year_end = year ? hdx_time_of_year(year + 1) : HDX_TIME_MAX,
                                    .first = HDX_TIME_NONE,
                                    .last = HDX_TIME_NONE};
}

void hdx_index_check_deinit(struct hdx_index_check *check) {
  free(check->key);
  check->key = NULL;
}

struct hdx_text hdx_index_home(struct hdx_text location) {
  struct hdx_url url;
  if (hdx_url_parse(location, &url, NULL) != HDX_OK || url.scheme == HDX_SCHEME_FILE)
    return HDX_TEXT("");
  const char *colon = memmem(location.data, location.size, "://", 3);
  const char *from = colon ? colon + 3 : location.data;
  const char *slash = memchr(from, '/', (size_t)(location.data + location.size - from));
  return slash ? hdx_text_sub(location, 0, (size_t)(slash - location.data) + 1) : HDX_TEXT("");
}

bool hdx_index_file_name(struct hdx_text path, struct hdx_text *id, int *year) {
  static const struct hdx_text endings[] = {{".gz", 3}, {".zip", 4}};
  const char *slash = path.size ? memrchr(path.data, '/', path.size) : NULL;
  struct hdx_text name = slash ? hdx_text_sub(path, (size_t)(slash - path.data) + 1, path.size) : path;
  uint64_t number;
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
    if (hdx_text_ends_with(name, endings[i]))
      name.size -= endings[i].size;
  if (hdx_text_ends_with(name, HDX_TEXT("_static.csv"))) {
    *id = hdx_text_sub(name, 0, name.size - strlen("_static.csv"));
    *year = 0;
    return hdx_dataset_id(*id);
  }
  if (name.size < sizeof "_YYYY.csv" || !hdx_text_ends_with(name, HDX_TEXT(".csv")) ||
      name.data[name.size - 9] != '_' ||
      !hdx_text_to_u64(hdx_text_sub(name, name.size - 8, name.size - 4), 9999, &number))
    return false;
  *id = hdx_text_sub(name, 0, name.size - 9);
  *year = (int)number;
  return hdx_dataset_id(*id);
}

/* ---- keys ---- */

/* Whether a byte below 0x20, or DEL, is in the text. */
static bool has_controls(struct hdx_text text) {
  const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
  size_t i = 0;
  uint64_t found = 0;
  for (; i + 8 <= text.size; i += 8) {
    uint64_t word, del;
    memcpy(&word, text.data + i, sizeof word);
    del = word ^ (ones * 0x7f);
    found |= ((word - ones * 0x20) & ~word) | ((del - ones) & ~del);
  }
  if (found & high)
    return true;
  for (; i < text.size; i++) {
    unsigned char c = (unsigned char)text.data[i];
    if (c < 0x20 || c == 0x7f)
      return true;
  }
  return false;
}

static void check_key(const struct hdx_index_check *check, struct hdx_text key, uint64_t line) {
  struct hdx_findings *findings = check->findings;
  struct hdx_error reason = {.message = ""};
  struct hdx_url url;
  if (has_controls(key)) {
    hdx_findings_line(findings, HDX_RULE_KEY_CONTROL, line, 1, key, "expected a key without control characters");
    return; /* which no URL has either */
  }
  for (size_t i = 0; i < 2; i++)
    if (check->homes[i].size && hdx_text_starts_with(key, check->homes[i]))
      return;
  if (!hdx_url_like(key)) {
    hdx_findings_line(findings, HDX_RULE_KEY_URL, line, 1, key, "expected an absolute URL as s3://BUCKET/KEY");
  } else if (hdx_text_starts_with(key, HDX_TEXT("s3://")) && key.size > 5 && key.data[5] != '/') {
    if (check->homes[0].size || check->homes[1].size)
      hdx_findings_line(findings, HDX_RULE_KEY_ELSEWHERE, line, 1, key, "expected a key below %.*s",
                        HDX_TEXT_ARG(check->homes[0].size ? check->homes[0] : check->homes[1]));
  } else if (hdx_url_parse(key, &url, &reason) != HDX_OK) {
    hdx_findings_line(findings, HDX_RULE_KEY_URL, line, 1, key, "expected an absolute URL: %s", reason.message);
  } else if (url.scheme == HDX_SCHEME_FILE) {
    hdx_findings_line(findings, HDX_RULE_KEY_URL, line, 1, key, "expected an s3:// or http(s):// URL, found file://");
  } else if (check->homes[0].size || check->homes[1].size) {
    hdx_findings_line(findings, HDX_RULE_KEY_ELSEWHERE, line, 1, key, "expected a key below %.*s",
                      HDX_TEXT_ARG(check->homes[0].size ? check->homes[0] : check->homes[1]));
  }
}

/* ---- times ---- */

/* A finding whose value is a time. */
static void find_time(const struct hdx_index_check *check, enum hdx_rule_id rule, uint64_t line, int64_t time,
                      const char *message, int64_t other) {
  char value[HDX_TIME_TEXT_MAX], text[HDX_TIME_TEXT_MAX];
  size_t size = hdx_time_format(time, time % HDX_SECOND_NS ? VALUE_TIME_DIGITS : 0, value);
  hdx_time_format(other, other % HDX_SECOND_NS ? VALUE_TIME_DIGITS : 0, text);
  hdx_findings_line(check->findings, rule, line, 1, (struct hdx_text){value, size}, "%s %s", message, text);
}

static void check_with_above(const struct hdx_index_check *check, const struct hdx_csv_batch *batch, size_t i,
                             int64_t start_above, int64_t stop_above, struct hdx_text key_above, uint64_t line) {
  int64_t start = batch->start[i];
  if (start < start_above) {
    find_time(check, HDX_RULE_ROW_ORDER, line, start, "the row above starts at", start_above);
    return;
  }
  if (start == start_above && batch->stop[i] == stop_above && hdx_text_equal(batch->key[i], key_above)) {
    hdx_findings_line(check->findings, HDX_RULE_ROW_TWICE, line, 1, batch->key[i], "the row above is the same");
    return;
  }
  bool times = start != HDX_TIME_STATIC && start_above != HDX_TIME_STATIC && stop_above != HDX_TIME_NONE;
  if (times && !check->multiyear && start < stop_above)
    find_time(check, HDX_RULE_ROW_OVERLAP, line, start, "the row above stops at", stop_above);
}

static void find_year(const struct hdx_index_check *check, int64_t start, uint64_t line) {
  char value[HDX_TIME_TEXT_MAX];
  struct hdx_text shown = {value, hdx_time_format(start, start % HDX_SECOND_NS ? VALUE_TIME_DIGITS : 0, value)};
  hdx_findings_line(check->findings, HDX_RULE_ROW_YEAR, line, 1, start == HDX_TIME_STATIC ? HDX_TEXT("static") : shown,
                    "expected a start in %d, as the file's name has it", check->year);
}

static void check_times(const struct hdx_index_check *check, int64_t start, int64_t stop, uint64_t line) {
  if (start == HDX_TIME_STATIC ? check->year != 0 : start < check->year_begin || start >= check->year_end)
    find_year(check, start, line);
  if (stop != HDX_TIME_NONE && stop < start)
    find_time(check, HDX_RULE_ROW_REVERSED, line, stop, "expected a stop not before", start);
}

static void check_size(const struct hdx_index_check *check, int64_t size, struct hdx_text key, uint64_t line) {
  if (size == 0)
    hdx_findings_line(check->findings, HDX_RULE_SIZE_ZERO, line, 1, key, "expected a size in bytes, found 0");
  else if (size < 0)
    hdx_findings_line(check->findings, HDX_RULE_SIZE_MISSING, line, 1, key, "expected a size in bytes, found nothing");
}

/* ---- rows ---- */

/* The place of an extra column, or `count`. */
static size_t column_of(const struct hdx_csv_dialect *dialect, const char *name) {
  size_t i = 0;
  while (i < dialect->extra_count && !hdx_text_equal_nocase(dialect->extra_names[i], hdx_text_of(name)))
    i++;
  return i;
}

static void check_checksums(const struct hdx_index_check *check, const struct hdx_csv_batch *batch,
                            const struct hdx_csv_dialect *dialect) {
  size_t sum = column_of(dialect, "checksum"), algorithm = column_of(dialect, "checksum_algorithm");
  if (dialect->names_made_up || sum == dialect->extra_count || algorithm == dialect->extra_count)
    return; /* a column that is missing is told once, at the end */
  for (size_t i = 0; i < batch->count; i++)
    if (batch->extra[sum][i].size && !batch->extra[algorithm][i].size)
      hdx_findings_line(check->findings, HDX_RULE_CHECKSUM, batch->line[i], 1, batch->extra[sum][i],
                        "expected its algorithm behind it");
}

static enum hdx_status keep_last(struct hdx_index_check *check, const struct hdx_csv_batch *batch,
                                 struct hdx_error *error) {
  size_t last = batch->count - 1;
  struct hdx_text key = batch->key[last];
  if (key.size > check->key_capacity) {
    char *grown = realloc(check->key, key.size);
    if (!grown)
      return hdx_error_memory(error, key.size);
    check->key = grown;
    check->key_capacity = key.size;
  }
  memcpy(check->key, key.data, key.size);
  check->key_size = key.size;
  check->start = batch->start[last];
  check->stop = batch->stop[last];
  return HDX_OK;
}

enum hdx_status hdx_index_check_rows(struct hdx_index_check *check, const struct hdx_csv_batch *batch,
                                     const struct hdx_csv_dialect *dialect, struct hdx_error *error) {
  int64_t first = check->first == HDX_TIME_NONE ? HDX_TIME_MAX : check->first, last = check->last;
  assert(batch->count > 0);
  for (size_t i = 0; i < batch->count; i++) {
    int64_t start = batch->start[i], stop = batch->stop[i];
    uint64_t line = batch->line[i];
    if (i)
      check_with_above(check, batch, i, batch->start[i - 1], batch->stop[i - 1], batch->key[i - 1], line);
    else if (check->rows)
      check_with_above(check, batch, i, check->start, check->stop, (struct hdx_text){check->key, check->key_size},
                       line);
    check_times(check, start, stop, line);
    check_size(check, batch->size[i], batch->key[i], line);
    check_key(check, batch->key[i], line);
    if (start == HDX_TIME_STATIC)
      continue;
    first = start < first ? start : first;
    stop = stop == HDX_TIME_NONE ? start : stop;
    last = stop > last ? stop : last;
  }
  check->first = last == HDX_TIME_NONE ? HDX_TIME_NONE : first;
  check->last = last;
  check->rows += batch->count;
  check->stops = !dialect->no_stop;
  check_checksums(check, batch, dialect);
  return keep_last(check, batch, error);
}

void hdx_index_check_bad(struct hdx_index_check *check, const struct hdx_csv_bad_row *bad) {
  hdx_findings_line(check->findings, HDX_RULE_ROW, bad->line, bad->column, HDX_TEXT(""), "%s", bad->reason);
}

void hdx_index_check_end(struct hdx_index_check *check, const struct hdx_csv_result *result,
                         const struct hdx_csv_dialect *dialect) {
  struct hdx_findings *findings = check->findings;
  struct hdx_text none = HDX_TEXT("");
  size_t extra = dialect->extra_count;
  for (size_t i = 0; i < HDX_CSV_REPAIR_COUNT; i++)
    if (result->repairs[i])
      hdx_findings_line(findings, i == HDX_CSV_REPAIR_DATE ? HDX_RULE_ROW_DATE : HDX_RULE_ROW_MENDED, 0, 0, none,
                        "%llu %s", (unsigned long long)result->repairs[i], hdx_csv_repair_text((enum hdx_csv_repair)i));
  if (dialect->bom)
    hdx_findings_line(findings, HDX_RULE_FILE_MARK, 1, 1, none, "expected no byte order mark");
  if (!result->rows && !result->bad_rows)
    hdx_findings_line(findings, HDX_RULE_FILE_EMPTY, 0, 0, none, "expected rows, or no file");
  if (result->rows && dialect->no_stop && check->stops_expected)
    hdx_findings_line(findings, HDX_RULE_STOP_MISSING, 0, 0, none,
                      "expected the columns start, stop, datakey, filesize");
  if (!dialect->names_made_up && column_of(dialect, "checksum") < extra &&
      column_of(dialect, "checksum_algorithm") == extra)
    hdx_findings_line(findings, HDX_RULE_CHECKSUM, 0, 0, none, "expected a column checksum_algorithm behind checksum");
}
