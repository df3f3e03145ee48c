/* layer: job */
/* Lists of a folder with any keys in any order, which come while datasets wait for them: where a list is believed, each
 * index file is there if, and only if, the list has it, with the entity tag that it has; what a dataset was told of its
 * files before the end of the list is what the whole list says. A list in order is believed, one that goes back or has
 * keys of another folder is not.
 *
 * All is compared with the keys as the input has them. Its first byte: whether lists are insisted on (bit 0), in which
 * pieces an answer comes (1-2). Then the keys, each ended by 0xff, after a byte: a new page begins (bit 0), it is a
 * folder (1), it is below the folder that is listed (2), the entity tag (4-7). */
#include "scripted_curl.h"

#include "job/discover.h"
#include "job/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEYS_MAX = 64, KEY_BYTES_MAX = 1024, INPUT_BYTES_MAX = 8192, TURNS_MAX = 20000, NAME_BYTES = 256 };

static const char folder[] = "i/";
/* Ids that others begin with, or that look like another's files; in their order. */
static const char *const ids[] = {"a", "a-b", "a_2000", "a_static", "ab", "z"};
static const int years[] = {0, 1999, 2000, 2001, 9999};
static const char *const endings[] = {".csv", ".csv.gz", ".csv.zip"};
enum {
  ID_COUNT = sizeof ids / sizeof *ids,
  YEAR_COUNT = sizeof years / sizeof *years,
  ENDING_COUNT = sizeof endings / sizeof *endings
};

struct key {
  struct hdx_text text;
  char whole[KEY_BYTES_MAX + 8];
  size_t size;
  bool is_folder, page;
  unsigned tag;
};

static struct key keys[KEYS_MAX];
static size_t key_count;

/* What a dataset was told of a file as its turn came. */
static struct {
  bool told;
  enum hdx_listed found[YEAR_COUNT][ENDING_COUNT];
  unsigned tag[YEAR_COUNT][ENDING_COUNT];
} told[ID_COUNT];

static void check_request(const struct easy *easy) {
  CHECK(strstr(easy->url, "list-type=2") && strstr(easy->url, "prefix=i%2F") && !easy->is_signed);
}

/* ---- the input ---- */

static void read_keys(struct hdx_text input) {
  key_count = 0;
  while (input.size && key_count < KEYS_MAX) {
    const char *end = memchr(input.data, 0xff, input.size);
    size_t size = end ? (size_t)(end - input.data) : input.size;
    struct key *key = &keys[key_count];
    uint8_t kind = (uint8_t)input.data[0];
    struct hdx_text text = hdx_text_sub(input, 1, size);
    if (size > 1 && text.size < KEY_BYTES_MAX) {
      *key = (struct key){.page = kind & 1, .is_folder = kind & 2, .tag = kind >> 4};
      if (kind & 4) {
        memcpy(key->whole, folder, sizeof folder - 1);
        key->size = sizeof folder - 1;
      }
      memcpy(key->whole + key->size, text.data, text.size);
      key->size += text.size;
      key->text = (struct hdx_text){key->whole, key->size};
      key_count++;
    }
    input = hdx_text_sub(input, size + (end != NULL), input.size);
  }
}

/* ---- the answers ---- */

static void put_key(struct hdx_buffer *out, struct hdx_text key) {
  for (size_t i = 0; i < key.size; i++)
    hdx_buffer_append_format(out, "%%%02X", (unsigned char)key.data[i]);
}

/* A page with the keys [from, to), of which folders stand behind the others. */
static void put_page(struct hdx_buffer *out, size_t from, size_t to, bool more) {
  hdx_buffer_append_format(out, "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>%s</IsTruncated>",
                           more ? "true" : "false");
  if (more)
    hdx_buffer_append_format(out, "<NextContinuationToken>t%zu</NextContinuationToken>", to);
  for (int folders = 0; folders < 2; folders++)
    for (size_t i = from; i < to; i++) {
      if (keys[i].is_folder != folders)
        continue;
      hdx_buffer_append_format(out, folders ? "<CommonPrefixes><Prefix>" : "<Contents><Key>");
      put_key(out, keys[i].text);
      if (folders)
        hdx_buffer_append_format(out, "</Prefix></CommonPrefixes>");
      else
        hdx_buffer_append_format(out, "</Key><ETag>&quot;%u&quot;</ETag><Size>1</Size></Contents>", keys[i].tag);
    }
  hdx_buffer_append_format(out, "</ListBucketResult>");
}

static void put_answers(struct hdx_buffer *out, unsigned pieces) {
  for (size_t from = 0, to; from < key_count || from == 0; from = to) {
    for (to = from + 1; to < key_count && !keys[to].page; to++)
      continue;
    hdx_buffer_append_byte(out, (char)(7 | pieces << 3));
    hdx_buffer_append_format(out, "HTTP/1.1 200 OK\n\n");
    put_page(out, from, to < key_count ? to : key_count, to < key_count);
    hdx_buffer_append_byte(out, (char)0xff);
    if (key_count == 0)
      break;
  }
}

/* ---- what is right ---- */

static void name_file(char name[NAME_BYTES], size_t id, size_t year, size_t ending) {
  char number[16];
  snprintf(number, sizeof number, "%04d", years[year]);
  snprintf(name, NAME_BYTES, "%s%s_%s%s", folder, ids[id], years[year] ? number : "static", endings[ending]);
}

/* The key that is called so; NULL: the list has none. */
static const struct key *find(const char *name) {
  for (size_t i = 0; i < key_count; i++)
    if (!keys[i].is_folder && hdx_text_is(keys[i].text, name))
      return &keys[i];
  return NULL;
}

/* Whether objects come in the order of their keys, all below the folder, and no key has a NUL, which is not told from
 * an end where only the order is looked at. */
static bool in_order(void) {
  struct hdx_text last = HDX_TEXT(folder);
  bool order = true;
  for (size_t i = 0; i < key_count; i++) {
    order &= hdx_text_starts_with(keys[i].text, HDX_TEXT(folder)) && !memchr(keys[i].whole, 0, keys[i].size);
    if (keys[i].is_folder)
      continue;
    order &= hdx_text_compare(keys[i].text, last) > 0;
    last = keys[i].text;
  }
  /* Folders stand behind the objects of their page, but no page goes back behind one. */
  for (size_t i = 0; i < key_count; i++)
    for (size_t k = i + 1; k < key_count; k++)
      order &= !keys[k].page || hdx_text_compare(keys[i].text, keys[k].text) < 0;
  return order && key_count > 0;
}

/* Whether what is told of index files goes back, or is told twice. */
static bool goes_back(void) {
  char name[NAME_BYTES];
  const struct key *before = NULL;
  for (size_t i = 0; i < key_count; i++)
    for (size_t id = 0; id < ID_COUNT; id++)
      for (size_t file = 0; file < YEAR_COUNT * ENDING_COUNT; file++) {
        name_file(name, id, file / ENDING_COUNT, file % ENDING_COUNT);
        if (keys[i].is_folder || !hdx_text_is(keys[i].text, name))
          continue;
        if (before && hdx_text_compare(keys[i].text, before->text) <= 0)
          return true;
        before = &keys[i];
      }
  return false;
}

/* ---- the run ---- */

static struct hdx_session *session;
static struct hdx_catalog catalog;
static struct hdx_dataset datasets[ID_COUNT];
static const struct hdx_dataset *list[ID_COUNT];

static void set_up(void) {
  struct hdx_config config;
  clearenv();
  hdx_config_init(&config);
  config.store = "/nonexistent";
  config.registry_url = "file:///nonexistent.json";
  config.sign = HDX_SIGN_NEVER;
  CHECK(hdx_session_open(&config, &session, NULL) == HDX_OK);
  hdx_arena_init(&catalog.arena, SIZE_MAX);
  const struct hdx_source_options options = {.region = HDX_TEXT("us-east-1")};
  CHECK(hdx_source_init(&catalog.source, HDX_TEXT("s3://bucket/"), &options, &catalog.arena, NULL) == HDX_OK);
  for (size_t i = 0; i < ID_COUNT; i++) {
    datasets[i] = (struct hdx_dataset){
        .id = hdx_text_of(ids[i]), .index = HDX_TEXT("s3://bucket/i/"), .indextype = HDX_TEXT("csv")};
    list[i] = &datasets[i];
  }
}

static struct hdx_engine *open_engine(void) {
  struct hdx_engine *engine;
  struct hdx_engine_options options = {.jobs = 2,
                                       .connections_per_host = 2,
                                       .part_bytes = 1 << 20,
                                       .memory_bytes = 16 << 20,
                                       .retry_ms_max = 1000,
                                       .stall_ms_max = 1000,
                                       .connect_ms_max = 1000,
                                       .sign = HDX_SIGN_NEVER};
  CHECK(hdx_engine_open(&options, &engine, NULL) == HDX_OK);
  return engine;
}

/* Asks for all files of a dataset, as it does when its turn comes. */
static void ask(struct hdx_prefix *prefix, size_t id) {
  told[id].told = true;
  for (size_t year = 0; year < YEAR_COUNT; year++)
    for (size_t ending = 0; ending < ENDING_COUNT; ending++) {
      char name[NAME_BYTES];
      struct hdx_text tag = HDX_TEXT("");
      name_file(name, id, year, ending);
      const struct hdx_target target = {.bucket = prefix->discovery ? prefix->discovery->bucket : NULL,
                                        .key = hdx_text_of(name)};
      enum hdx_listed found = prefix->discovery ? hdx_discover_find(prefix, &target, &tag) : HDX_LISTED_UNKNOWN;
      told[id].found[year][ending] = found;
      if (found == HDX_LISTED_PRESENT) {
        CHECK(tag.size >= 3 && tag.data[0] == '"');
        told[id].tag[year][ending] = (unsigned)strtoul(tag.data + 1, NULL, 10);
        const struct key *key = find(name);
        CHECK(key); /* it was not made up */
      }
      if (found == HDX_LISTED_ABSENT)
        prefix->discovery->absences++;
    }
}

static void ask_whose_turn_has_come(struct hdx_prefix *prefix) {
  for (size_t id = 0; id < ID_COUNT; id++)
    if (!told[id].told && hdx_discover_ready(prefix, hdx_text_of(ids[id])))
      ask(prefix, id);
}

static void check_told(void) {
  for (size_t id = 0; id < ID_COUNT; id++)
    for (size_t year = 0; year < YEAR_COUNT; year++)
      for (size_t ending = 0; ending < ENDING_COUNT; ending++) {
        char name[NAME_BYTES];
        name_file(name, id, year, ending);
        const struct key *key = find(name);
        CHECK(told[id].told && told[id].found[year][ending] == (key ? HDX_LISTED_PRESENT : HDX_LISTED_ABSENT));
        CHECK(!key || told[id].tag[year][ending] == key->tag);
      }
}

static void run(bool insist) {
  struct hdx_index_options options;
  struct hdx_index_summary summary = {0};
  struct hdx_prefix prefix = {.index = HDX_TEXT("s3://bucket/i/"), .datasets_waiting = ID_COUNT, .wanted = 1000};
  hdx_index_options_init(&options);
  options.discover = insist ? HDX_DISCOVER_LIST : HDX_DISCOVER_AUTO;
  struct hdx_index_run index_run = {.session = session,
                                    .catalog = &catalog,
                                    .datasets = list,
                                    .dataset_count = ID_COUNT,
                                    .options = &options,
                                    .summary = &summary,
                                    .prefixes = &prefix,
                                    .prefix_count = 1,
                                    .advancing = true}; /* so that no dataset really begins */
  hdx_discover_ahead(&index_run);
  CHECK(prefix.discovery_state == HDX_DISCOVERY_LISTING);
  for (size_t turns = 0; index_run.lists_open; turns++) {
    CHECK(turns < TURNS_MAX);
    uv_run(hdx_engine_loop(session->engine), UV_RUN_ONCE);
    if (prefix.discovery_state == HDX_DISCOVERY_LISTING)
      ask_whose_turn_has_come(&prefix);
  }
  CHECK(prefix.discovery_state != HDX_DISCOVERY_LISTING && prefix.discovery_state != HDX_DISCOVERY_NONE);
  if (prefix.discovery_state == HDX_DISCOVERY_LISTED) {
    ask_whose_turn_has_come(&prefix);
    check_told();
    CHECK(!goes_back());
  } else {
    CHECK(!in_order() && prefix.discovery_state == (insist ? HDX_DISCOVERY_FAILED : HDX_DISCOVERY_PROBING));
    CHECK(prefix.discovery->error.message[0]);
  }
  hdx_discover_free(prefix.discovery);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hdx_buffer script;
  if (size == 0 || size > INPUT_BYTES_MAX)
    return 0;
  if (!session)
    set_up();
  memset(told, 0, sizeof told);
  memset(&net, 0, sizeof net);
  read_keys((struct hdx_text){(const char *)data + 1, size - 1});
  hdx_buffer_init(&script, SIZE_MAX);
  put_answers(&script, data[0] >> 1 & 3);
  net.script = hdx_buffer_text(&script);
  net.in_flight_max = 2;
  session->engine = open_engine();
  run(data[0] & 1);
  hdx_engine_close(session->engine);
  session->engine = NULL;
  hdx_buffer_deinit(&script);
  return 0;
}
