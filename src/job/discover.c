#include "job/discover.h"

#include "base/log.h"
#include "job/index.h"
#include "job/list.h"
#include "transfer/bucket.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  WANTED_MIN = 16,       /* with fewer files, asking for each is as cheap */
  AHEAD = 64,            /* datasets whose lists are begun before their turn */
  OBJECTS_A_FILE = 4,    /* a folder with more objects than so many for each wanted file */
  OBJECTS_MIN = 8000,    /* and these is not worth listing */
  OBJECTS_MAX = 1000000, /* and these is not listed even if lists are insisted on: it might never end */
  OBJECTS_A_PAGE = 100,  /* which a page, that costs a request, counts as at the least */
  NAMES_SHARE = 8,       /* the run's names take at most this part of the session's memory */
  PAGES_SHARE = 8,       /* as do pages that are under way, of which each may be twice in a buffer that grows */
};

/* Keeps a file, within what the names of all prefixes may take. */
static bool keep(struct hdx_discovery *discovery, struct hdx_text name, struct hdx_text etag) {
  struct hdx_index_run *run = discovery->run;
  uint64_t bytes = name.size + etag.size + 2 * sizeof *discovery->files;
  if (run->names_bytes + bytes > run->session->config.memory_bytes / NAMES_SHARE)
    return false;
  if (discovery->count == discovery->capacity) {
    size_t capacity = discovery->capacity ? 2 * discovery->capacity : 64;
    struct hdx_listed_file *files = realloc(discovery->files, capacity * sizeof *files);
    if (!files)
      return false;
    discovery->files = files;
    discovery->capacity = capacity;
  }
  struct hdx_listed_file file = {hdx_arena_copy(&discovery->arena, name), hdx_arena_copy(&discovery->arena, etag)};
  if (!file.name.data || !file.etag.data)
    return false;
  run->names_bytes += bytes;
  discovery->files[discovery->count++] = file;
  return true;
}

/* Ends a discovery that did not come to its end. */
static void give_up(struct hdx_discovery *discovery, enum hdx_status status, const char *why) {
  const struct hdx_index_run *run = discovery->run;
  bool insist = run->options->discover == HDX_DISCOVER_LIST;
  if (discovery->prefix->discovery_state != HDX_DISCOVERY_LISTING &&
      discovery->prefix->discovery_state != HDX_DISCOVERY_NONE)
    return;
  discovery->prefix->discovery_state = insist ? HDX_DISCOVERY_FAILED : HDX_DISCOVERY_PROBING;
  hdx_error_set(&discovery->error, status, "%s", why);
  if (!insist)
    hdx_log_write(&run->session->log, HDX_LOG_INFO, "index files are asked for one by one: %s", why);
}

/* The list is not what it should be, so that what it lacked so far may exist all the same. */
static void distrust(struct hdx_discovery *discovery, const char *why) {
  struct hdx_index_run *run = discovery->run;
  char text[HDX_ERROR_TEXT_MAX];
  give_up(discovery, HDX_INTEGRITY, why);
  if (!discovery->absences)
    return;
  snprintf(text, sizeof text,
           "%.800s; %llu index files were taken for gaps by it and may exist: --discover probe asks for each", why,
           (unsigned long long)discovery->absences);
  hdx_log_write(&run->session->log, HDX_LOG_WARNING, "%s", text);
  hdx_index_failed(run, HDX_INTEGRITY, text);
}

/* Whether the name is "id_YYYY.csv" or "id_static.csv", or the same packed, of a dataset of the run. */
static bool is_index_file(const struct hdx_index_run *run, struct hdx_text name) {
  if (hdx_text_ends_with(name, HDX_TEXT(".csv.gz")))
    name.size -= strlen(".gz");
  else if (hdx_text_ends_with(name, HDX_TEXT(".csv.zip")))
    name.size -= strlen(".zip");
  static const struct hdx_text without_year = {"_static.csv", 11};
  bool is_static = hdx_text_ends_with(name, without_year);
  size_t ending = is_static ? without_year.size : strlen("_2000.csv");
  struct hdx_text id = {name.data, name.size > ending ? name.size - ending : 0};
  uint64_t year;
  size_t low = 0, high = run->dataset_count;
  if (!id.size || name.data[id.size] != '_' || !hdx_text_ends_with(name, HDX_TEXT(".csv")) ||
      (!is_static && !hdx_text_to_u64(hdx_text_sub(name, id.size + 1, id.size + 5), 9999, &year)))
    return false;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = hdx_text_compare(id, run->datasets[middle]->id);
    if (order == 0)
      return true;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return false;
}

static void on_object(void *user, const struct hdx_s3_object *object) {
  struct hdx_discovery *discovery = user;
  struct hdx_text folder = discovery->folder;
  char why[HDX_ERROR_TEXT_MAX];
  if (discovery->prefix->discovery_state != HDX_DISCOVERY_LISTING)
    return;
  struct hdx_text name = hdx_text_sub(object->key, folder.size, object->key.size);
  /* Folders stand behind the objects of their page, and are of no use here; nor is what is longer than ids are. */
  if (object->prefix || !name.size || name.size >= sizeof discovery->passed)
    return;
  if (hdx_text_compare(name, hdx_text_of(discovery->passed)) <= 0) {
    snprintf(why, sizeof why, "%.*s: the server does not list in the order of the keys",
             HDX_TEXT_ARG(discovery->prefix->index));
    distrust(discovery, why);
    return;
  }
  memcpy(discovery->passed, name.data, name.size);
  discovery->passed[name.size] = 0;
  if (is_index_file(discovery->run, name) && !keep(discovery, name, object->etag))
    give_up(discovery, HDX_LIMIT, "the names of index files need more memory than is allowed");
}

static void on_strange(void *user, const struct hdx_error *error) {
  struct hdx_discovery *discovery = user;
  if (discovery->prefix->discovery_state == HDX_DISCOVERY_LISTING)
    distrust(discovery, error->message);
}

static bool on_page(void *user, const struct hdx_s3_page *page) {
  struct hdx_discovery *discovery = user;
  struct hdx_index_run *run = discovery->run;
  const struct hdx_prefix *prefix = discovery->prefix;
  uint64_t objects = page->objects + page->prefixes;
  uint64_t enough = run->options->discover == HDX_DISCOVER_LIST ? OBJECTS_MAX : OBJECTS_MIN;
  char why[HDX_ERROR_TEXT_MAX];
  discovery->seen += objects < OBJECTS_A_PAGE ? OBJECTS_A_PAGE : objects;
  if (discovery->seen > enough && discovery->seen > OBJECTS_A_FILE * prefix->wanted) {
    snprintf(why, sizeof why, "%.*s: the list is far too long for the %llu index files that are wanted",
             HDX_TEXT_ARG(prefix->index), (unsigned long long)prefix->wanted);
    give_up(discovery, HDX_LIMIT, why);
  }
  hdx_index_advance(run);
  return discovery->prefix->discovery_state == HDX_DISCOVERY_LISTING && discovery->prefix->datasets_waiting &&
         !run->stop;
}

static int by_name(const void *a, const void *b) {
  return hdx_text_compare(((const struct hdx_listed_file *)a)->name, ((const struct hdx_listed_file *)b)->name);
}

static void on_done(void *user, enum hdx_status status, const struct hdx_error *error) {
  struct hdx_discovery *discovery = user;
  struct hdx_index_run *run = discovery->run;
  run->lists_open--;
  if (status != HDX_OK) {
    give_up(discovery, status, error->message);
    discovery->bucket->unlistable |= status == HDX_DENIED;
  } else if (discovery->prefix->discovery_state == HDX_DISCOVERY_LISTING) {
    discovery->prefix->discovery_state = HDX_DISCOVERY_LISTED;
    hdx_log_write(&run->session->log, HDX_LOG_INFO, "%.*s: %zu index files are listed",
                  HDX_TEXT_ARG(discovery->prefix->index), discovery->count);
  }
  hdx_index_advance(run);
}

/* The folder of a dataset's index files: where one of them would be, without its name. */
static enum hdx_status find_folder(struct hdx_index_run *run, const struct hdx_dataset *dataset,
                                   struct hdx_address *address, struct hdx_text *folder, struct hdx_error *error) {
  struct hdx_buffer location;
  hdx_buffer_init(&location, HDX_URL_BYTES_MAX);
  enum hdx_status status = hdx_dataset_year_url(dataset->index, dataset->id, HDX_TEXT("csv"), 2000, &location, error);
  size_t name = dataset->id.size + strlen("_2000.csv");
  if (status == HDX_OK)
    status = hdx_source_locate(&run->catalog->source, hdx_buffer_text(&location), HDX_TEXT(""), false, address, error);
  hdx_buffer_deinit(&location);
  if (status != HDX_OK)
    return status;
  struct hdx_text key = hdx_address_key(address);
  if (!address->object.size || key.size < name)
    return hdx_error_set(error, HDX_USAGE, "%.*s: only buckets of S3 can be listed", HDX_TEXT_ARG(dataset->index));
  *folder = hdx_text_sub(key, 0, key.size - name);
  return HDX_OK;
}

/* Begins the list of a folder from its first dataset, which is `dataset`, on. */
static enum hdx_status start_list(struct hdx_discovery *discovery, const struct hdx_dataset *dataset,
                                  const struct hdx_address *address, struct hdx_text folder, struct hdx_error *error) {
  struct hdx_index_run *run = discovery->run;
  struct hdx_text key = hdx_address_key(address), first = hdx_text_sub(key, 0, folder.size + dataset->id.size);
  char *name = hdx_text_dup(discovery->prefix->index);
  discovery->folder = hdx_arena_copy(&discovery->arena, folder);
  const struct hdx_list_request request = {.bucket = discovery->bucket,
                                           .name = name,
                                           .prefix = folder,
                                           .start_after = first,
                                           .folders = true,
                                           .optional = run->options->discover == HDX_DISCOVER_AUTO,
                                           .object = on_object,
                                           .strange = on_strange,
                                           .page = on_page,
                                           .done = on_done,
                                           .user = discovery};
  enum hdx_status status = name && discovery->folder.data ? hdx_list_start(run->session, &request, error)
                                                          : hdx_error_memory(error, discovery->prefix->index.size);
  free(name);
  return status;
}

static void begin(struct hdx_index_run *run, const struct hdx_dataset *dataset, struct hdx_prefix *prefix) {
  struct hdx_discovery *discovery = calloc(1, sizeof *discovery);
  struct hdx_error error;
  struct hdx_address address;
  struct hdx_text folder = HDX_TEXT("");
  if (!discovery) {
    prefix->discovery_state = HDX_DISCOVERY_PROBING; /* what is out of memory fails at the next step */
    return;
  }
  prefix->discovery = discovery;
  discovery->run = run;
  discovery->prefix = prefix;
  hdx_arena_init(&discovery->arena, SIZE_MAX);
  hdx_address_init(&address);
  enum hdx_status status = find_folder(run, dataset, &address, &folder, &error);
  if (status == HDX_OK)
    status = hdx_engine_bucket(run->session->engine, &address.place, &discovery->bucket, &error);
  if (status == HDX_OK && discovery->bucket->unlistable && run->options->discover == HDX_DISCOVER_AUTO)
    status = hdx_error_set(&error, HDX_DENIED, "their bucket refused a list");
  if (status == HDX_OK)
    status = start_list(discovery, dataset, &address, folder, &error);
  if (status == HDX_OK) {
    prefix->discovery_state = HDX_DISCOVERY_LISTING;
    run->lists_open++;
  } else {
    give_up(discovery, status, error.message);
  }
  hdx_address_deinit(&address);
}

void hdx_discover_ahead(struct hdx_index_run *run) {
  enum hdx_discover how = run->unknown_only ? HDX_DISCOVER_PROBE : run->options->discover;
  size_t end = run->next_dataset + AHEAD < run->dataset_count ? run->next_dataset + AHEAD : run->dataset_count;
  size_t lists_max = (size_t)(run->session->config.memory_bytes / PAGES_SHARE / (2 * HDX_LIST_PAGE_BYTES_MAX));
  for (; run->next_to_discover < end && !run->stop; run->next_to_discover++) {
    const struct hdx_dataset *dataset = run->datasets[run->next_to_discover];
    struct hdx_prefix *prefix = hdx_index_prefix(run, dataset->index);
    bool few = prefix->wanted < (how == HDX_DISCOVER_AUTO ? WANTED_MIN : 1);
    if (prefix->discovery_state != HDX_DISCOVERY_NONE)
      continue;
    if (how == HDX_DISCOVER_PROBE || few)
      prefix->discovery_state = HDX_DISCOVERY_PROBING;
    else if (run->lists_open && run->lists_open >= lists_max)
      return; /* the end of one that is under way comes back here */
    else
      begin(run, dataset, prefix);
  }
}

bool hdx_discover_ready(const struct hdx_prefix *prefix, struct hdx_text id) {
  if (prefix->discovery_state != HDX_DISCOVERY_LISTING)
    return prefix->discovery_state != HDX_DISCOVERY_NONE;
  struct hdx_text passed = hdx_text_of(prefix->discovery->passed);
  size_t same = passed.size < id.size ? passed.size : id.size;
  int order = hdx_text_compare(hdx_text_sub(passed, 0, same), hdx_text_sub(id, 0, same));
  if (order != 0 || passed.size < id.size)
    return order > 0;
  /* Its own files, "_9999." and "_static." at the latest, come before this, whatever their ending is. */
  return hdx_text_compare(hdx_text_sub(passed, id.size, passed.size), HDX_TEXT("_static/")) >= 0;
}

enum hdx_listed hdx_discover_find(const struct hdx_prefix *prefix, const struct hdx_target *target,
                                  struct hdx_text *etag) {
  const struct hdx_discovery *discovery = prefix->discovery;
  bool known = prefix->discovery_state == HDX_DISCOVERY_LISTED || prefix->discovery_state == HDX_DISCOVERY_LISTING;
  if (!known || target->bucket != discovery->bucket || !hdx_text_starts_with(target->key, discovery->folder))
    return HDX_LISTED_UNKNOWN;
  const struct hdx_listed_file key = {.name = hdx_text_sub(target->key, discovery->folder.size, target->key.size)};
  const struct hdx_listed_file *file =
      discovery->count ? bsearch(&key, discovery->files, discovery->count, sizeof key, by_name) : NULL;
  if (file)
    *etag = file->etag;
  return file ? HDX_LISTED_PRESENT : HDX_LISTED_ABSENT;
}

void hdx_discover_free(struct hdx_discovery *discovery) {
  if (!discovery)
    return;
  hdx_arena_deinit(&discovery->arena);
  free(discovery->files);
  free(discovery);
}
