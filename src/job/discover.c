#include "job/discover.h"

#include "base/log.h"
#include "job/index.h"
#include "job/list.h"

#include <stdlib.h>

enum {
  WANTED_MIN = 16,    /* with fewer files, asking for each is as cheap */
  AHEAD = 64,         /* datasets whose lists are begun before their turn */
  OBJECTS_A_FILE = 4, /* a folder with more objects than so many for each wanted file */
  OBJECTS_MIN = 8000, /* and these is not worth listing */
  MEMORY_SHARE = 16,  /* names take at most this part of the session's memory, and as much again in an array */
};

static bool grow(struct hdx_discovery *discovery) {
  size_t capacity = discovery->capacity ? 2 * discovery->capacity : 1024;
  if (capacity * sizeof *discovery->files > discovery->arena.max)
    return false;
  struct hdx_listed_file *files = realloc(discovery->files, capacity * sizeof *files);
  if (!files)
    return false;
  discovery->files = files;
  discovery->capacity = capacity;
  return true;
}

/* Ends a discovery that did not come to its end. */
static void give_up(struct hdx_discovery *discovery, enum hdx_status status, const char *why) {
  const struct hdx_index_run *run = discovery->run;
  bool insist = run->options->discover == HDX_DISCOVER_LIST;
  if (discovery->state != HDX_DISCOVERY_LISTING && discovery->state != HDX_DISCOVERY_NONE)
    return;
  discovery->state = insist ? HDX_DISCOVERY_FAILED : HDX_DISCOVERY_PROBING;
  hdx_error_set(&discovery->error, status, "%s", why);
  if (!insist)
    hdx_log_write(&run->session->log, HDX_LOG_INFO, "index files are asked for one by one: %s", why);
}

/* What was taken for missing so far may exist: that is worth a warning. */
static void disorder(struct hdx_discovery *discovery) {
  const char *why = "the server does not list in the order of the keys, so that its lists cannot be gone by";
  hdx_log_write(&discovery->run->session->log, HDX_LOG_WARNING,
                "%.*s: %s; index files that exist may have been taken for gaps: --discover probe asks for each",
                HDX_TEXT_ARG(discovery->prefix->index), why);
  give_up(discovery, HDX_INTEGRITY, why);
}

static void on_object(void *user, const struct hdx_s3_object *object) {
  struct hdx_discovery *discovery = user;
  discovery->seen++;
  /* Folders stand behind the objects of their page, and are of no use here. */
  if (object->prefix || object->key.size <= discovery->folder_size || discovery->state != HDX_DISCOVERY_LISTING)
    return;
  struct hdx_text name = hdx_text_sub(object->key, discovery->folder_size, object->key.size);
  if (name.size >= sizeof discovery->passed)
    return; /* no index file: ids are shorter */
  if (hdx_text_compare(name, hdx_text_of(discovery->passed)) <= 0) {
    disorder(discovery);
    return;
  }
  memcpy(discovery->passed, name.data, name.size);
  discovery->passed[name.size] = 0;
  if (!hdx_text_ends_with(object->key, HDX_TEXT(".csv")))
    return;
  struct hdx_listed_file file = {hdx_arena_copy(&discovery->arena, name),
                                 hdx_arena_copy(&discovery->arena, object->etag)};
  bool room = discovery->count < discovery->capacity || grow(discovery);
  if (!room || !file.name.data || !file.etag.data)
    give_up(discovery, HDX_LIMIT, "the names of the files in their folder need more memory than is allowed");
  else
    discovery->files[discovery->count++] = file;
}

static bool on_page(void *user, const struct hdx_s3_page *page) {
  struct hdx_discovery *discovery = user;
  struct hdx_index_run *run = discovery->run;
  bool costly = discovery->seen > OBJECTS_MIN && discovery->seen > OBJECTS_A_FILE * discovery->wanted;
  (void)page;
  if (costly && run->options->discover == HDX_DISCOVER_AUTO)
    give_up(discovery, HDX_LIMIT, "their folder has many more objects than are wanted");
  hdx_index_advance(run);
  return discovery->state == HDX_DISCOVERY_LISTING && discovery->prefix->datasets_waiting && !run->stop;
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
    if (status == HDX_DENIED)
      run->unlistable = discovery->bucket;
  } else if (discovery->state == HDX_DISCOVERY_LISTING) {
    discovery->state = HDX_DISCOVERY_LISTED;
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

/* Lists the prefix from its first dataset, which is `dataset`, on. */
static void begin(struct hdx_index_run *run, const struct hdx_dataset *dataset, struct hdx_prefix *prefix) {
  struct hdx_discovery *discovery = &prefix->discovery;
  struct hdx_error error;
  struct hdx_address address;
  struct hdx_text folder = HDX_TEXT("");
  discovery->run = run;
  discovery->prefix = prefix;
  hdx_arena_init(&discovery->arena, (size_t)(run->session->config.memory_bytes / MEMORY_SHARE));
  hdx_address_init(&address);
  enum hdx_status status = find_folder(run, dataset, &address, &folder, &error);
  if (status == HDX_OK)
    status = hdx_engine_bucket(run->session->engine, &address.place, &discovery->bucket, &error);
  if (status == HDX_OK && run->unlistable == discovery->bucket && run->options->discover == HDX_DISCOVER_AUTO)
    status = hdx_error_set(&error, HDX_DENIED, "their bucket refused a list");
  if (status == HDX_OK) {
    struct hdx_text key = hdx_address_key(&address), first = hdx_text_sub(key, 0, folder.size + dataset->id.size);
    char *name = hdx_text_dup(prefix->index);
    discovery->folder_size = folder.size;
    discovery->state = HDX_DISCOVERY_LISTING;
    const struct hdx_list_request request = {.bucket = discovery->bucket,
                                             .name = name,
                                             .prefix = folder,
                                             .start_after = first,
                                             .folders = true,
                                             .object = on_object,
                                             .page = on_page,
                                             .done = on_done,
                                             .user = discovery};
    status = name ? hdx_list_start(run->session, &request, &error) : hdx_error_memory(&error, prefix->index.size);
    free(name);
    run->lists_open += status == HDX_OK;
  }
  if (status != HDX_OK)
    give_up(discovery, status, error.message);
  hdx_address_deinit(&address);
}

void hdx_discover_ahead(struct hdx_index_run *run) {
  enum hdx_discover how = run->options->discover;
  size_t end = run->next_dataset + AHEAD < run->dataset_count ? run->next_dataset + AHEAD : run->dataset_count;
  for (size_t i = run->next_dataset; i < end && !run->stop; i++) {
    struct hdx_prefix *prefix = hdx_index_prefix(run, run->datasets[i]->index);
    struct hdx_discovery *discovery = &prefix->discovery;
    if (discovery->state != HDX_DISCOVERY_NONE)
      continue;
    if (how == HDX_DISCOVER_PROBE || (how == HDX_DISCOVER_AUTO && discovery->wanted < WANTED_MIN))
      discovery->state = HDX_DISCOVERY_PROBING;
    else
      begin(run, run->datasets[i], prefix);
  }
}

bool hdx_discover_ready(const struct hdx_prefix *prefix, struct hdx_text id) {
  const struct hdx_discovery *discovery = &prefix->discovery;
  struct hdx_text passed = hdx_text_of(discovery->passed);
  if (discovery->state != HDX_DISCOVERY_LISTING)
    return discovery->state != HDX_DISCOVERY_NONE;
  size_t same = passed.size < id.size ? passed.size : id.size;
  int order = hdx_text_compare(hdx_text_sub(passed, 0, same), hdx_text_sub(id, 0, same));
  if (order != 0 || passed.size < id.size)
    return order > 0;
  /* Its own files end with "_9999.csv" at the latest. */
  return hdx_text_compare(hdx_text_sub(passed, id.size, passed.size), HDX_TEXT("_9999.csv")) >= 0;
}

enum hdx_listed hdx_discover_find(const struct hdx_prefix *prefix, struct hdx_text name, struct hdx_text *etag) {
  const struct hdx_discovery *discovery = &prefix->discovery;
  const struct hdx_listed_file key = {.name = name};
  bool known = discovery->state == HDX_DISCOVERY_LISTED || discovery->state == HDX_DISCOVERY_LISTING;
  if (!known)
    return HDX_LISTED_UNKNOWN;
  const struct hdx_listed_file *file =
      discovery->count ? bsearch(&key, discovery->files, discovery->count, sizeof key, by_name) : NULL;
  if (file)
    *etag = file->etag;
  return file ? HDX_LISTED_PRESENT : HDX_LISTED_ABSENT;
}

void hdx_discover_free(struct hdx_prefix *prefix) {
  if (prefix->discovery.run)
    hdx_arena_deinit(&prefix->discovery.arena);
  free(prefix->discovery.files);
}
