/* What an index file is called: <id>_YYYY.csv or <id>_YYYY.csv.zip, as the catalog says. What is called .csv there may
 * lie in a mirror as .csv.gz. */
#include "job/index.h"

#include <stdlib.h>
#include <sys/stat.h>

void hdx_year_forget_name(struct hdx_year_job *year) {
  free(year->location);
  hdx_target_deinit(&year->target);
  free(year->keep_path);
}

/* DIR/<id>/<id>_YYYY.csv, as the original tool's cache has it, with the ending that the file has. Neither an id nor
 * what follows the index in a file's location has a slash. */
static enum hdx_status keep_path(const char *folder, struct hdx_text id, struct hdx_text name, char **result,
                                 struct hdx_error *error) {
  struct hdx_buffer path;
  size_t size;
  hdx_buffer_init(&path, HDX_URL_BYTES_MAX);
  hdx_buffer_append_format(&path, "%s/%.*s/%.*s", folder, HDX_TEXT_ARG(id), HDX_TEXT_ARG(name));
  hdx_buffer_append_byte(&path, 0);
  enum hdx_status status = hdx_buffer_status(&path, "the path of a kept index file", error);
  *result = hdx_buffer_take(&path, &size);
  return status;
}

enum hdx_status hdx_year_locate(struct hdx_year_job *year, struct hdx_error *error) {
  const struct hdx_index_run *run = year->dataset->run;
  const struct hdx_dataset *dataset = year->dataset->dataset;
  struct hdx_buffer location;
  struct hdx_address address;
  struct hdx_target target = {.url = NULL};
  char *copy = NULL, *keep = NULL;
  hdx_address_init(&address);
  hdx_buffer_init(&location, HDX_URL_BYTES_MAX);
  enum hdx_status status =
      hdx_dataset_year_url(dataset->index, dataset->id, dataset->indextype, year->year, &location, error);
  if (status == HDX_OK && year->gzipped) {
    hdx_buffer_append_text(&location, HDX_TEXT(".gz"));
    status = hdx_buffer_status(&location, "URL of an index file", error);
  }
  struct hdx_text url = hdx_buffer_text(&location);
  if (status == HDX_OK)
    status = hdx_source_locate(&run->catalog->source, url, HDX_TEXT(""), false, &address, error);
  if (status == HDX_OK)
    status = hdx_session_target(run->session, &address, &target, error);
  if (status == HDX_OK && !(copy = hdx_text_dup(url)))
    status = hdx_error_memory(error, url.size);
  if (status == HDX_OK && run->keep_folder)
    status = keep_path(run->keep_folder, dataset->id, hdx_text_sub(url, dataset->index.size, url.size), &keep, error);
  if (status == HDX_OK) {
    hdx_year_forget_name(year);
    year->location = copy;
    year->target = target;
    year->keep_path = keep;
  } else {
    free(copy);
    hdx_target_deinit(&target);
  }
  hdx_buffer_deinit(&location);
  hdx_address_deinit(&address);
  return status;
}

bool hdx_year_held_gzipped(const struct hdx_year *old) {
  bool held =
      old && (old->state == HDX_YEAR_PRESENT || old->state == HDX_YEAR_STALE || old->state == HDX_YEAR_VANISHED);
  return held && hdx_text_ends_with(hdx_text_of(old->url), HDX_TEXT(".csv.gz"));
}

bool hdx_year_has_other_name(const struct hdx_year_job *year) {
  bool csv = year->gzipped || hdx_text_ends_with(hdx_text_of(year->location), HDX_TEXT(".csv"));
  return csv && !year->name_known && !year->scanner;
}

bool hdx_year_worth_asking(const struct hdx_year_job *year) {
  bool gap = year->old && year->old->state == HDX_YEAR_GAP;
  const struct hdx_snapshot_info *info = gap ? hdx_reader_info(year->dataset->old) : NULL;
  for (size_t i = 0; gap && i < info->year_count; i++)
    gap = !hdx_year_held_gzipped(&info->years[i]);
  return !gap;
}

enum hdx_status hdx_year_change_name(struct hdx_year_job *year, struct hdx_error *error) {
  year->gzipped = !year->gzipped;
  enum hdx_status status = hdx_year_locate(year, error);
  if (status != HDX_OK)
    year->gzipped = !year->gzipped;
  return status;
}

/* ---- in the cache ---- */

/* The URL of a regular file; NULL: there is none, or no path. */
static char *url_of_file(const char *path) {
  struct hdx_buffer url;
  struct stat file;
  size_t size;
  char *whole = path && stat(path, &file) == 0 && S_ISREG(file.st_mode) ? realpath(path, NULL) : NULL;
  if (!whole)
    return NULL;
  hdx_buffer_init(&url, 3 * HDX_URL_BYTES_MAX);
  hdx_url_of_path(&url, whole);
  hdx_buffer_append_byte(&url, 0);
  free(whole);
  return hdx_buffer_take(&url, &size);
}

enum hdx_status hdx_year_find_kept(struct hdx_year_job *year, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  if (!year->dataset->run->unknown_only || !year->keep_path || hdx_year_known(year->old))
    return HDX_OK;
  char *url = url_of_file(year->keep_path);
  if (!url && hdx_year_has_other_name(year)) {
    status = hdx_year_change_name(year, error);
    if (status == HDX_OK && !(url = url_of_file(year->keep_path)))
      status = hdx_year_change_name(year, error);
  }
  if (!url)
    return status;
  hdx_target_deinit(&year->target);
  year->target = (struct hdx_target){.url = url};
  year->cached = true;
  return HDX_OK;
}

enum hdx_status hdx_year_forget_kept(struct hdx_year_job *year, struct hdx_error *error) {
  year->cached = false;
  if (year->dataset->run->session->config.offline)
    return hdx_error_set(error, HDX_NOT_FOUND, "%s: gone, and offline", year->target.url);
  return hdx_year_locate(year, error);
}
