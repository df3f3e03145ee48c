/* Which document is meant, its bytes (which are kept nowhere), and the rules that it is checked by. */
#include "job/validate.h"

#include "base/time.h"
#include "parse/unpack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { SNIFFED_MAX = 4096 /* bytes that are looked at for what a document is */ };

void hdx_validate_options_init(struct hdx_validate_options *options) {
  *options = (struct hdx_validate_options){.findings_max = 20};
}

bool hdx_validate_tell(void *user, const struct hdx_finding *finding) {
  struct hdx_validation *validation = user;
  struct hdx_validate_summary *summary = validation->summary;
  uint64_t *counts[] = {&summary->notes, &summary->warnings, &summary->errors};
  *counts[finding->severity] += finding->count;
  if (validation->options->finding)
    validation->options->finding(validation->options->user, finding);
  return true;
}

/* ---- which document ---- */

enum expected { EXPECTED_ANY, EXPECTED_REGISTRY, EXPECTED_CATALOG };

/* A document and where it is. */
struct place {
  struct hdx_arena arena;
  struct hdx_source source; /* of its folder; not of the session's registry */
  struct hdx_address address;
  struct hdx_buffer name; /* what findings call it */
  enum expected expected;
  bool local;   /* named by its path */
  uint64_t max; /* bytes; of what turns out to be an index file: no limit */
};

static bool ends_with_any(struct hdx_text text, const char *const *endings) {
  for (; *endings; endings++)
    if (hdx_text_ends_with(text, hdx_text_of(*endings)))
      return true;
  return false;
}

static bool is_document_name(struct hdx_text text) {
  static const char *const endings[] = {".json", ".csv", ".csv.gz", ".csv.zip", NULL};
  return ends_with_any(text, endings);
}

static bool is_path(const char *target) {
  struct stat file;
  struct hdx_text text = hdx_text_of(target);
  if (hdx_url_like(text))
    return false;
  return strchr(target, '/') || is_document_name(text) || (stat(target, &file) == 0 && S_ISREG(file.st_mode));
}

static enum hdx_status finish_place(struct place *place, struct hdx_error *error) {
  enum hdx_status status = hdx_buffer_status(&place->name, "the document's name", error);
  return status == HDX_OK ? hdx_buffer_status(&place->address.url, "the document's address", error) : status;
}

/* A document in the folder of a bucket. */
static enum hdx_status place_in(struct hdx_session *session, const char *folder, struct hdx_text name,
                                struct place *place, struct hdx_error *error) {
  struct hdx_buffer location;
  enum hdx_status status = hdx_session_source(session, folder, &place->arena, &place->source, error);
  if (status != HDX_OK)
    return status;
  hdx_buffer_init(&location, HDX_URL_BYTES_MAX);
  hdx_buffer_append_text(&location, place->source.url);
  hdx_buffer_append_text(&location, name);
  status = hdx_buffer_status(&location, "the document's address", error);
  if (status == HDX_OK)
    status = hdx_source_locate(&place->source, hdx_buffer_text(&location), HDX_TEXT(""), true, &place->address, error);
  if (status == HDX_OK && !place->name.size)
    hdx_buffer_append_buffer(&place->name, &location);
  hdx_buffer_deinit(&location);
  return status == HDX_OK ? finish_place(place, error) : status;
}

/* A document at a URL: its folder is a BUCKET. */
static enum hdx_status place_at(struct hdx_session *session, struct hdx_text url, struct place *place,
                                struct hdx_error *error) {
  const char *slash = memrchr(url.data, '/', url.size);
  size_t size = (size_t)(slash - url.data) + 1;
  struct hdx_text folder = hdx_arena_copy(&place->arena, hdx_text_sub(url, 0, size));
  if (!folder.data)
    return hdx_error_memory(error, size);
  return place_in(session, folder.data, hdx_text_sub(url, size, url.size), place, error);
}

static enum hdx_status place_path(struct hdx_session *session, const char *path, struct place *place,
                                  struct hdx_error *error) {
  struct hdx_buffer url;
  struct stat file;
  char *whole = realpath(path, NULL);
  if (!whole || stat(whole, &file) != 0) {
    int code = errno;
    free(whole);
    return code == ENOENT ? hdx_error_set(error, HDX_NOT_FOUND, "%s: no such file", path)
                          : hdx_error_errno(error, path, "open", code);
  }
  bool folder = S_ISDIR(file.st_mode);
  hdx_buffer_init(&url, 3 * HDX_URL_BYTES_MAX);
  hdx_url_of_path(&url, whole);
  hdx_buffer_append(&url, "/", folder);
  free(whole);
  enum hdx_status status = hdx_buffer_status(&url, path, error);
  if (status == HDX_OK && folder) {
    place->expected = EXPECTED_CATALOG;
    status = place_in(session, hdx_buffer_string(&url), hdx_text_of(session->config.catalog_name), place, error);
  } else if (status == HDX_OK) {
    place->local = true;
    hdx_buffer_append_text(&place->name, hdx_text_of(path));
    status = place_at(session, hdx_buffer_text(&url), place, error);
  }
  hdx_buffer_deinit(&url);
  return status;
}

/* As the session itself asks for its registry. */
static enum hdx_status place_registry(const struct hdx_session *session, struct place *place, struct hdx_error *error) {
  const char *url = session->config.registry_url;
  char quoted[HDX_ERROR_TEXT_MAX];
  place->expected = EXPECTED_REGISTRY;
  hdx_buffer_append_text(&place->address.url, hdx_text_of(url));
  hdx_buffer_append_text(&place->name, hdx_text_of(hdx_url_quote(hdx_text_of(url), quoted, sizeof quoted)));
  return finish_place(place, error);
}

static enum hdx_status find_place(struct hdx_session *session, const char *target, struct place *place,
                                  struct hdx_error *error) {
  struct hdx_url url;
  struct hdx_text text = hdx_text_of(target);
  if (!target)
    return place_registry(session, place, error);
  if (is_path(target))
    return place_path(session, target, place, error);
  if (hdx_url_like(text) && hdx_url_parse(text, &url, NULL) == HDX_OK && is_document_name(url.path))
    return place_at(session, text, place, error);
  place->expected = EXPECTED_CATALOG;
  return place_in(session, target, hdx_text_of(session->config.catalog_name), place, error);
}

/* ---- its bytes ---- */

/* A document on its way: JSON is kept whole, the rows of an index file are checked as they come. */
struct reading {
  struct hdx_validation *validation;
  struct place *place;
  struct hdx_findings *findings;
  struct hdx_buffer body;
  struct hdx_csv *csv; /* NULL: JSON */
  struct hdx_unpack *unpack;
  struct hdx_index_check check;
  struct hdx_kept kept; /* findings of an index file */
  bool sniffed, done;
  enum hdx_status status, scan_status; /* of the fetch; of the scan */
  struct hdx_error *error;
  struct hdx_error scan_error;
};

static bool is_json(const struct reading *reading, struct hdx_text text) {
  struct hdx_text name = hdx_buffer_text(&reading->place->name);
  if (reading->place->expected != EXPECTED_ANY || hdx_text_ends_with(name, HDX_TEXT(".json")))
    return true;
  if (hdx_text_starts_with(text, HDX_TEXT("\xef\xbb\xbf")))
    text = hdx_text_sub(text, 3, text.size);
  text.size = text.size < SNIFFED_MAX ? text.size : SNIFFED_MAX;
  text = hdx_text_trim(text);
  return text.size && (text.data[0] == '{' || text.data[0] == '[');
}

static enum hdx_status on_rows(void *user, const struct hdx_csv_batch *batch, struct hdx_error *error) {
  struct reading *reading = user;
  return hdx_index_check_rows(&reading->check, batch, hdx_csv_dialect(reading->csv), error);
}

static void on_bad(void *user, const struct hdx_csv_bad_row *bad) {
  struct reading *reading = user;
  hdx_index_check_bad(&reading->check, bad);
}

static enum hdx_status on_unpacked(void *user, const char *data, size_t size, struct hdx_error *error) {
  struct reading *reading = user;
  return hdx_csv_feed(reading->csv, data, size, error);
}

static void begin_index(struct reading *reading) {
  const struct hdx_csv_options options = {
      .kernel = hdx_csv_kernel(hdx_cpu_level()), .rows = on_rows, .bad = on_bad, .user = reading, .lines = true};
  struct hdx_text name = hdx_buffer_text(&reading->place->name), id = HDX_TEXT(""), none = HDX_TEXT("");
  int year = 0;
  bool named = hdx_index_file_name(name, &id, &year);
  hdx_findings_init(reading->findings, hdx_buffer_string(&reading->place->name),
                    reading->validation->options->findings_max, hdx_kept_take, &reading->kept);
  reading->findings->id = id;
  if (!named)
    hdx_findings_line(reading->findings, HDX_RULE_FILE_NAME, 0, 0, none,
                      "expected a name that ends with _YYYY.csv or _static.csv");
  hdx_index_check_init(&reading->check, reading->findings, year, false, true,
                       reading->place->local ? none : hdx_index_home(name), none);
  reading->scan_status = hdx_csv_open(&options, &reading->csv, &reading->scan_error);
  if (reading->scan_status == HDX_OK)
    reading->scan_status = hdx_unpack_open(on_unpacked, reading, &reading->unpack, &reading->scan_error);
}

static void drop_index(struct reading *reading) {
  hdx_kept_clear(&reading->kept);
  hdx_csv_close(reading->csv);
  hdx_unpack_close(reading->unpack);
  hdx_index_check_deinit(&reading->check);
  reading->csv = NULL;
  reading->unpack = NULL;
}

/* Nothing has been found; what an index file has waits until it has been read, all else is told at once. */
static void begin_findings(struct reading *reading) {
  hdx_findings_init(reading->findings, hdx_buffer_string(&reading->place->name),
                    reading->validation->options->findings_max, hdx_validate_tell, reading->validation);
}

static void on_begin(void *user, const struct hdx_fetch_head *head) {
  struct reading *reading = user;
  (void)head;
  hdx_buffer_clear(&reading->body);
  drop_index(reading);
  begin_findings(reading);
  reading->sniffed = false;
}

static void take(struct reading *reading, struct hdx_text bytes) {
  if (!reading->sniffed && !is_json(reading, bytes))
    begin_index(reading);
  reading->sniffed = true;
  if (!reading->csv)
    hdx_buffer_append_text(&reading->body, bytes);
  else if (reading->scan_status == HDX_OK)
    reading->scan_status = hdx_unpack_feed(reading->unpack, bytes.data, bytes.size, &reading->scan_error);
}

static void on_block(void *user, struct hdx_block *block) {
  struct reading *reading = user;
  take(reading, (struct hdx_text){block->data, block->size});
  hdx_engine_release(reading->validation->session->engine, block);
}

static void on_done(void *user, const struct hdx_fetch_result *result) {
  struct reading *reading = user;
  reading->done = true;
  reading->status = result->status;
  if (result->status != HDX_OK)
    hdx_error_set(reading->error, result->status, "%s", result->message);
  else if (!reading->sniffed)
    take(reading, HDX_TEXT("")); /* an empty file */
}

static enum hdx_status fetch(struct reading *reading, struct hdx_error *error) {
  struct hdx_session *session = reading->validation->session;
  struct place *place = reading->place;
  struct hdx_target target;
  enum hdx_status status = hdx_session_target(session, &place->address, &target, error);
  if (status == HDX_OK) {
    const struct hdx_fetch_request request = {.url = target.url,
                                              .bucket = target.bucket,
                                              .key = target.key,
                                              .bytes_max = place->max,
                                              .begin = on_begin,
                                              .block = on_block,
                                              .done = on_done,
                                              .user = reading};
    hdx_engine_forgive(session->engine);
    status = hdx_fetch(session->engine, &request, error);
  }
  if (status == HDX_OK) {
    hdx_session_run(session, &reading->done);
    status = reading->status;
  }
  hdx_target_deinit(&target);
  return status == HDX_OK ? hdx_buffer_status(&reading->body, hdx_buffer_string(&place->name), error) : status;
}

/* ---- its rules ---- */

static void end_index(struct reading *reading) {
  struct hdx_validate_summary *summary = reading->validation->summary;
  if (reading->scan_status == HDX_OK)
    reading->scan_status = hdx_unpack_finish(reading->unpack, &reading->scan_error);
  if (reading->scan_status == HDX_OK)
    reading->scan_status = hdx_csv_finish(reading->csv, &reading->scan_error);
  if (reading->scan_status == HDX_OK) {
    hdx_index_check_end(&reading->check, hdx_csv_result(reading->csv), hdx_csv_dialect(reading->csv));
    summary->files++;
  } else {
    hdx_findings_line(reading->findings, HDX_RULE_UNREADABLE, 0, 0, HDX_TEXT(""), "%s", reading->scan_error.message);
    summary->unread++;
  }
  summary->rows += reading->check.rows;
  hdx_kept_tell(&reading->kept, hdx_validate_tell, reading->validation);
  reading->findings->take = hdx_validate_tell;
  reading->findings->user = reading->validation;
  hdx_findings_end(reading->findings);
}

/* Where the index files of a catalog at a path are: where it says that they are. */
static enum hdx_status published_source(struct hdx_session *session, struct hdx_catalog *catalog,
                                        struct hdx_error *error) {
  struct hdx_text bucket = catalog->doc.endpoint;
  struct hdx_url url;
  if (hdx_url_parse(bucket, &url, NULL) != HDX_OK)
    bucket = catalog->doc.own_bucket;
  if (!bucket.size)
    return HDX_OK;
  struct hdx_text copy = hdx_arena_copy(&catalog->arena, bucket);
  if (!copy.data)
    return hdx_error_memory(error, bucket.size);
  return hdx_session_source(session, copy.data, &catalog->arena, &catalog->source, error);
}

static enum hdx_status inspect(struct reading *reading, struct hdx_text document, struct hdx_error *error) {
  struct hdx_session *session = reading->validation->session;
  struct hdx_catalog catalog = {.source = reading->place->source};
  struct hdx_error reason;
  /* What keeps the catalog from being read has been found by its rules. */
  if (hdx_catalog_doc_parse(document, hdx_buffer_string(&reading->place->name), NULL, &catalog.doc, &reason) != HDX_OK)
    return reason.status == HDX_MEMORY ? hdx_error_set(error, reason.status, "%s", reason.message) : HDX_OK;
  hdx_arena_init(&catalog.arena, 16 << 20);
  enum hdx_status status = reading->place->local ? published_source(session, &catalog, error) : HDX_OK;
  if (status == HDX_OK)
    status = hdx_source_adopt(&catalog.source, catalog.doc.endpoint, catalog.doc.own_bucket, &catalog.arena, error);
  /* What the document takes, as it is and as it was read by its rules and for its datasets, is not there for rows. */
  uint64_t taken = HDX_CATALOG_FACTOR * (uint64_t)document.size;
  session->catalog_bytes += taken;
  hdx_session_share_memory(session);
  if (status == HDX_OK)
    status = hdx_inspect(reading->validation, &catalog, reading->findings, error);
  session->catalog_bytes -= taken;
  hdx_session_share_memory(session);
  hdx_catalog_doc_deinit(&catalog.doc);
  hdx_arena_deinit(&catalog.arena);
  return status;
}

static enum hdx_status check_json(struct reading *reading, struct hdx_error *error) {
  struct hdx_validation *validation = reading->validation;
  enum expected expected = reading->place->expected;
  struct hdx_json json;
  size_t count = 0;
  enum hdx_status status = hdx_rules_json(reading->findings, hdx_buffer_text(&reading->body), &json, error);
  if (status == HDX_INTEGRITY)
    return HDX_OK; /* found */
  if (status != HDX_OK)
    return status;
  hdx_buffer_deinit(&reading->body); /* there is a copy */
  if (expected == EXPECTED_REGISTRY || (expected == EXPECTED_ANY && hdx_rules_is_registry(&json))) {
    status = hdx_rules_registry(reading->findings, &count, error);
  } else {
    status = hdx_rules_catalog(reading->findings, hdx_time_now(), &count, error);
    validation->summary->datasets += count;
    if (status == HDX_OK && validation->options->deep)
      status = inspect(reading, json.text, error);
  }
  hdx_findings_end(reading->findings);
  hdx_json_deinit(&json);
  return status;
}

static enum hdx_status check(struct hdx_validation *validation, struct place *place, struct hdx_error *error) {
  struct hdx_findings findings;
  struct hdx_text name = hdx_buffer_text(&place->name);
  struct reading reading = {
      .validation = validation, .place = place, .findings = &findings, .error = error, .scan_status = HDX_OK};
  const struct hdx_config *config = &validation->session->config;
  bool json = place->expected != EXPECTED_ANY || hdx_text_ends_with(name, HDX_TEXT(".json"));
  place->max = json ? config->catalog_bytes_max : INT64_MAX;
  hdx_buffer_init(&reading.body, (size_t)config->catalog_bytes_max);
  hdx_kept_init(&reading.kept, HDX_VALIDATE_FILE_BYTES_MAX);
  begin_findings(&reading);
  enum hdx_status status = fetch(&reading, error);
  if (status != HDX_OK) {
    validation->summary->unread++;
  } else {
    validation->summary->documents += !reading.csv;
    if (reading.csv)
      end_index(&reading);
    else
      status = check_json(&reading, error);
  }
  drop_index(&reading);
  hdx_kept_deinit(&reading.kept);
  hdx_buffer_deinit(&reading.body);
  return status;
}

enum hdx_status hdx_validate(struct hdx_session *session, const char *target,
                             const struct hdx_validate_options *options, struct hdx_validate_summary *summary,
                             struct hdx_error *error) {
  struct hdx_validate_options defaults;
  struct hdx_validate_summary ignored;
  struct hdx_error unread;
  uint64_t began = uv_hrtime();
  hdx_validate_options_init(&defaults);
  struct hdx_validation validation = {session, options ? options : &defaults, summary ? summary : &ignored};
  error = error ? error : &unread;
  *validation.summary = (struct hdx_validate_summary){0};
  if (session->config.offline)
    return hdx_error_set(error, HDX_USAGE, "documents cannot be fetched: the session is offline");
  enum hdx_status status = hdx_session_online(session, error);
  if (status != HDX_OK)
    return status;
  struct place place = {.local = false};
  hdx_arena_init(&place.arena, 1 << 20);
  hdx_address_init(&place.address);
  hdx_buffer_init(&place.name, 3 * HDX_URL_BYTES_MAX);
  status = find_place(session, target, &place, error);
  if (status == HDX_OK)
    status = check(&validation, &place, error);
  hdx_address_deinit(&place.address);
  hdx_buffer_deinit(&place.name);
  hdx_arena_deinit(&place.arena);
  validation.summary->elapsed_ns = uv_hrtime() - began;
  if (status == HDX_OK && validation.summary->errors)
    return hdx_error_set(error, HDX_PARTIAL, "%llu error%s", (unsigned long long)validation.summary->errors,
                         validation.summary->errors == 1 ? "" : "s");
  return status;
}
