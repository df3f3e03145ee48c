/* The greatest version of every key that has one: a table from the key without its version to that version.
 *
 * The rest of a key is known by 128 bits of hash, two XXH3 of 64 with a different beginning: texts would take several
 * times the memory, and two keys of one archive that agree in 128 bits by accident are not to be expected in the age of
 * the universe (an archive that makes them agree on purpose hides but its own files). */
#include "job/query.h"

#include "codec/hash.h"

#include <stdlib.h>

/* The first group is a number of its own, the others are less than 1000 each: ten bits. */
struct entry {
  uint64_t hash[2]; /* both 0: free */
  uint64_t first, rest;
};

struct hdx_latest {
  struct entry *entries;
  size_t capacity, count; /* capacity: a power of two */
};

enum { GROUP_BITS = 10, FIRST_DIGITS_MAX = 18, DOT_DIGITS_MAX = 3, UNDERSCORE_DIGITS_MAX = 2 };

/* ---- versions ---- */

static bool separates(char c) {
  return c == '_' || c == '-' || c == '.' || c == '/';
}

static bool digit(char c) {
  return c >= '0' && c <= '9';
}

/* Reads digits from `at` on, at most `most`, that end at a separator or with the key. */
static bool read_group(struct hdx_text key, size_t at, size_t most, size_t *end, uint64_t *value) {
  size_t i = at;
  uint64_t number = 0;
  for (; i < key.size && digit(key.data[i]) && i - at < most; i++)
    number = number * 10 + (uint64_t)(key.data[i] - '0');
  if (i == at || (i < key.size && !separates(key.data[i])))
    return false;
  *end = i;
  *value = number;
  return true;
}

bool hdx_key_version(struct hdx_text key, struct hdx_key_version *version) {
  for (size_t v = key.size; v-- > 1;) {
    if ((key.data[v] != 'v' && key.data[v] != 'V') || !separates(key.data[v - 1]))
      continue;
    *version = (struct hdx_key_version){.from = v};
    if (!read_group(key, v + 1, FIRST_DIGITS_MAX, &version->to, &version->groups[0]))
      continue;
    for (size_t n = 1; n < HDX_VERSION_GROUPS_MAX && version->to < key.size; n++) {
      char joint = key.data[version->to];
      size_t most = joint == '.' ? DOT_DIGITS_MAX : joint == '_' ? UNDERSCORE_DIGITS_MAX : 0;
      if (!read_group(key, version->to + 1, most, &version->to, &version->groups[n]))
        break;
    }
    return true;
  }
  return false;
}

/* The key without its version, a NUL in its place, behind a digit that makes the two hashes different. Both ways give
 * the same. */
static void hash_rest(struct hdx_text key, const struct hdx_key_version *version, uint64_t hash[2]) {
  enum { SHORT_BYTES = 512 };
  char text[SHORT_BYTES];
  size_t size = 2 + version->from + (key.size - version->to);
  struct hdx_text before = hdx_text_sub(key, 0, version->from), behind = hdx_text_sub(key, version->to, key.size);
  for (int i = 0; i < 2; i++) {
    text[0] = (char)('0' + i);
    if (size > SHORT_BYTES) {
      const struct hdx_text parts[] = {{text, 1}, before, {"", 1}, behind};
      hash[i] = hdx_hash_parts(parts, sizeof parts / sizeof *parts);
      continue;
    }
    if (i == 0) {
      memcpy(text + 1, before.data, before.size);
      text[1 + before.size] = 0;
      memcpy(text + 2 + before.size, behind.data, behind.size);
    }
    hash[i] = hdx_hash(text, size);
  }
}

static struct entry entry_of(struct hdx_text key, const struct hdx_key_version *version) {
  struct entry entry = {.first = version->groups[0]};
  for (size_t n = 1; n < HDX_VERSION_GROUPS_MAX; n++)
    entry.rest = entry.rest << GROUP_BITS | version->groups[n];
  hash_rest(key, version, entry.hash);
  entry.hash[1] |= !(entry.hash[0] | entry.hash[1]);
  return entry;
}

static int compare(const struct entry *a, const struct entry *b) {
  if (a->first != b->first)
    return a->first < b->first ? -1 : 1;
  return (a->rest > b->rest) - (a->rest < b->rest);
}

/* ---- the table ---- */

static struct entry *place_of(const struct hdx_latest *latest, const struct entry *wanted) {
  size_t mask = latest->capacity - 1;
  for (size_t at = (size_t)wanted->hash[0] & mask;; at = (at + 1) & mask) {
    struct entry *entry = &latest->entries[at];
    if ((entry->hash[0] == wanted->hash[0] && entry->hash[1] == wanted->hash[1]) || !(entry->hash[0] | entry->hash[1]))
      return entry;
  }
}

static enum hdx_status grow(struct hdx_latest *latest, uint64_t bytes_max, struct hdx_error *error) {
  enum { FIRST_CAPACITY = 1024 };
  struct hdx_latest grown = {.capacity = latest->capacity ? 2 * latest->capacity : FIRST_CAPACITY};
  if ((latest->capacity + grown.capacity) * sizeof *grown.entries > bytes_max)
    return hdx_error_set(error, HDX_LIMIT,
                         "finding the latest versions of more than %zu files takes more memory than the %llu MiB of "
                         "--memory",
                         latest->count, (unsigned long long)(bytes_max >> 20));
  grown.entries = calloc(grown.capacity, sizeof *grown.entries);
  if (!grown.entries)
    return hdx_error_memory(error, grown.capacity * sizeof *grown.entries);
  for (size_t i = 0; i < latest->capacity; i++)
    if (latest->entries[i].hash[0] | latest->entries[i].hash[1])
      *place_of(&grown, &latest->entries[i]) = latest->entries[i];
  grown.count = latest->count;
  free(latest->entries);
  *latest = grown;
  return HDX_OK;
}

static enum hdx_status add(struct hdx_latest *latest, struct hdx_text key, uint64_t bytes_max,
                           struct hdx_error *error) {
  struct hdx_key_version version;
  if (!hdx_key_version(key, &version))
    return HDX_OK;
  enum hdx_status status = HDX_OK;
  if (latest->count >= latest->capacity / 4 * 3)
    status = grow(latest, bytes_max, error);
  if (status != HDX_OK)
    return status;
  struct entry entry = entry_of(key, &version), *place = place_of(latest, &entry);
  if (!(place->hash[0] | place->hash[1]))
    latest->count++;
  else if (compare(&entry, place) <= 0)
    return HDX_OK;
  *place = entry;
  return HDX_OK;
}

static enum hdx_status add_part(struct hdx_latest *latest, struct hdx_query_part *part, struct hdx_error *error) {
  struct hdx_session *session = part->query->session;
  struct hdx_batch batch;
  enum hdx_status status = hdx_query_ask(part, HDX_COLUMN_KEY, error);
  while (status == HDX_OK) {
    status = atomic_load(&session->cancelled) ? hdx_error_set(error, HDX_INTERRUPTED, "interrupted")
                                              : hdx_cursor_next(part->cursor, &batch, error);
    if (status != HDX_OK || batch.count == 0)
      break;
    for (size_t i = 0; status == HDX_OK && i < batch.count; i++)
      status = add(latest, batch.key[i], session->config.memory_bytes, error);
  }
  hdx_cursor_close(part->cursor); /* many datasets need not all have one */
  part->cursor = NULL;
  return status;
}

enum hdx_status hdx_latest_find(struct hdx_query *query, struct hdx_error *error) {
  struct hdx_latest *latest = calloc(1, sizeof *latest);
  if (!latest)
    return hdx_error_memory(error, sizeof *latest);
  enum hdx_status status = HDX_OK;
  for (size_t i = 0; status == HDX_OK && i < query->part_count; i++)
    status = add_part(latest, &query->parts[i], error);
  if (status == HDX_OK)
    query->latest = latest;
  else
    hdx_latest_free(latest);
  return status;
}

bool hdx_latest_keep(void *user, struct hdx_text key) {
  const struct hdx_latest *latest = user;
  struct hdx_key_version version;
  if (!latest->capacity || !hdx_key_version(key, &version))
    return true;
  struct entry entry = entry_of(key, &version);
  const struct entry *place = place_of(latest, &entry);
  return !(place->hash[0] | place->hash[1]) || compare(&entry, place) >= 0;
}

void hdx_latest_free(struct hdx_latest *latest) {
  if (!latest)
    return;
  free(latest->entries);
  free(latest);
}
