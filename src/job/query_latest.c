/* Leaves out older versions of files.
 *
 * Which part of a key is its version is a guess, as names follow no standard: what looks like one may number the parts
 * of a day or an orbit (_v1.001, _v01_12). So a row is the older version of another one only if they start at the same
 * instant: parts start one after the other. The price is small: a file whose newer version starts at another instant
 * stays, which a user sees, whereas a file that is left out is never missed. Stops need not be equal: a file that was
 * made before its day was over ends earlier than the next version of it, and where an index has no stops those of all
 * but one are made up.
 *
 * Rows come in an order of starts, so that all that are compared with one another stand together; no more rows are kept
 * than a batch has and start at one instant. Those with a version are sorted by dataset, rest of the key and version:
 *
 *     a_v1.cdf  a_v2.cdf  b.cdf  c_v3.cdf        ->  a_|.cdf: 1, 2   c_|.cdf: 3
 *
 * The rest of a key is known by 128 bits of hash, two XXH3 of 64 with a different beginning: two keys of one archive
 * that agree in 128 bits by accident are not to be expected in the age of the universe (an archive that makes them
 * agree on purpose hides but its own files). */
#include "job/query.h"

#include "codec/hash.h"

#include <stdlib.h>

/* A row whose key has a version. The first group is a number of its own, the others are less than 1000 each: ten
 * bits. */
struct entry {
  uint64_t hash[2]; /* of the rest of the key */
  uint64_t first, rest;
  uint32_t dataset, row;
};

struct hdx_latest {
  struct hdx_kept_rows now, next; /* handed out or about to be; those behind it that start with the last of them */
  bool merged, ended;             /* rows say their dataset; the source has no more */
  struct entry *entries;
  size_t entry_capacity;
};

enum { GROUP_BITS = 10, FIRST_DIGITS_MAX = 18, DOT_DIGITS_MAX = 3 };

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
      size_t at = version->to + 1;
      if (key.data[version->to] != '.' || !read_group(key, at, DOT_DIGITS_MAX, &version->to, &version->groups[n]))
        break;
      if (version->to - at == DOT_DIGITS_MAX && key.data[at] == '0') { /* .001: a number of a part */
        version->to = at - 1;
        version->groups[n] = 0;
        break;
      }
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
  return entry;
}

/* ---- rows of one instant ---- */

static int compare_files(const struct entry *x, const struct entry *y) {
  if (x->dataset != y->dataset)
    return x->dataset < y->dataset ? -1 : 1;
  if (x->hash[0] != y->hash[0])
    return x->hash[0] < y->hash[0] ? -1 : 1;
  return (x->hash[1] > y->hash[1]) - (x->hash[1] < y->hash[1]);
}

static int compare_versions(const struct entry *x, const struct entry *y) {
  if (x->first != y->first)
    return x->first < y->first ? -1 : 1;
  return (x->rest > y->rest) - (x->rest < y->rest);
}

/* The greatest version of a file comes first. */
static int by_file(const void *a, const void *b) {
  int order = compare_files(a, b);
  return order ? order : compare_versions(b, a);
}

/* Marks rows of [from, to), which start at one instant, that are older versions: their keys lose their data. */
static enum hdx_status mark(struct hdx_latest *latest, size_t from, size_t to, struct hdx_error *error) {
  struct hdx_kept_rows *rows = &latest->now;
  size_t count = 0;
  if (to - from > latest->entry_capacity) {
    struct entry *entries = realloc(latest->entries, (to - from) * sizeof *entries);
    if (!entries)
      return hdx_error_memory(error, (to - from) * sizeof *entries);
    latest->entries = entries;
    latest->entry_capacity = to - from;
  }
  for (size_t i = from; i < to; i++) {
    struct hdx_key_version version;
    if (!hdx_key_version(rows->key[i], &version))
      continue;
    struct entry entry = entry_of(rows->key[i], &version);
    entry.dataset = rows->dataset[i];
    entry.row = (uint32_t)(i - from);
    latest->entries[count++] = entry;
  }
  if (count)
    qsort(latest->entries, count, sizeof *latest->entries, by_file);
  for (size_t i = 1, best = 0; i < count; i++) {
    const struct entry *entry = &latest->entries[i];
    if (compare_files(entry, &latest->entries[best]) != 0)
      best = i;
    else if (compare_versions(entry, &latest->entries[best]) < 0)
      rows->key[from + entry->row].data = NULL;
  }
  return HDX_OK;
}

static void move_row(struct hdx_kept_rows *rows, size_t from, size_t to) {
  rows->start[to] = rows->start[from];
  rows->stop[to] = rows->stop[from];
  rows->size[to] = rows->size[from];
  rows->key[to] = rows->key[from];
  rows->dataset[to] = rows->dataset[from];
  for (size_t c = 0; c < rows->extra_count; c++)
    rows->extra[c][to] = rows->extra[c][from];
}

/* Leaves out older versions of what is there, all of it whole instants; gives how many. */
static enum hdx_status sift(struct hdx_latest *latest, uint64_t *older, struct hdx_error *error) {
  struct hdx_kept_rows *rows = &latest->now;
  enum hdx_status status = HDX_OK;
  size_t left = 0;
  for (size_t from = 0, to; status == HDX_OK && from < rows->count; from = to) {
    for (to = from + 1; to < rows->count && rows->start[to] == rows->start[from];)
      to++;
    if (to - from > 1)
      status = mark(latest, from, to, error);
    for (size_t i = from; i < to; i++) {
      if (!rows->key[i].data)
        continue;
      if (left < i)
        move_row(rows, i, left);
      left++;
    }
  }
  *older += rows->count - left;
  rows->count = left;
  return status;
}

/* ---- handing out ---- */

/* How many rows there are before those that start with the last one. */
static size_t whole_instants(const struct hdx_kept_rows *rows) {
  size_t n = rows->count;
  if (n == 0 || rows->start[0] == rows->start[n - 1])
    return 0;
  while (rows->start[n - 1] == rows->start[rows->count - 1])
    n--;
  return n;
}

/* Takes rows until some are whole instants: *whole of them. */
static enum hdx_status gather(struct hdx_query *query, hdx_rows_source *source, void *user, size_t *whole,
                              struct hdx_error *error) {
  struct hdx_latest *latest = query->latest;
  uint64_t bytes_max = hdx_query_memory(query);
  struct hdx_batch batch;
  for (*whole = whole_instants(&latest->now); *whole == 0 && !latest->ended; *whole = whole_instants(&latest->now)) {
    enum hdx_status status = source(user, &batch, error);
    latest->ended = status == HDX_OK && batch.count == 0;
    latest->merged = batch.dataset != NULL;
    if (status == HDX_OK)
      status = hdx_kept_rows_add(&latest->now, &batch, 0, batch.count, query->info.extra_count, error);
    if (status != HDX_OK)
      return status;
    if (hdx_kept_rows_bytes(&latest->now) > bytes_max && whole_instants(&latest->now) == 0)
      return hdx_error_set(error, HDX_LIMIT,
                           "more rows start at the same instant than their versions can be compared in the %llu MiB of "
                           "--memory",
                           (unsigned long long)(query->session->config.memory_bytes >> 20));
  }
  if (latest->ended)
    *whole = latest->now.count;
  return HDX_OK;
}

enum hdx_status hdx_latest_begin(struct hdx_query *query, struct hdx_error *error) {
  query->latest = query->latest ? query->latest : calloc(1, sizeof *query->latest);
  if (!query->latest)
    return hdx_error_memory(error, sizeof *query->latest);
  hdx_kept_rows_clear(&query->latest->now);
  hdx_kept_rows_clear(&query->latest->next);
  query->latest->ended = false;
  query->info.older_versions = 0;
  return HDX_OK;
}

enum hdx_status hdx_latest_next(struct hdx_query *query, hdx_rows_source *source, void *user, struct hdx_batch *batch,
                                struct hdx_error *error) {
  struct hdx_latest *latest = query->latest;
  struct hdx_kept_rows given = latest->now;
  size_t whole;
  latest->now = latest->next;
  latest->next = given;
  hdx_kept_rows_clear(&latest->next);
  enum hdx_status status = gather(query, source, user, &whole, error);
  if (status != HDX_OK)
    return status;
  struct hdx_batch rest = hdx_kept_rows_batch(&latest->now, query->wanted);
  rest.dataset = latest->now.dataset;
  status = hdx_kept_rows_add(&latest->next, &rest, whole, latest->now.count, query->info.extra_count, error);
  latest->now.count = whole;
  if (status == HDX_OK)
    status = sift(latest, &query->info.older_versions, error);
  *batch = hdx_kept_rows_batch(&latest->now, query->wanted);
  batch->dataset = latest->merged ? latest->now.dataset : NULL;
  return status;
}

void hdx_latest_free(struct hdx_latest *latest) {
  if (!latest)
    return;
  hdx_kept_rows_deinit(&latest->now);
  hdx_kept_rows_deinit(&latest->next);
  free(latest->entries);
  free(latest);
}
